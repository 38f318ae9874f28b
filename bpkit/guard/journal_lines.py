"""Read the lines of a journal: which writes were sent, and what is known of each. Pure.

A line is one JSON object. No beginning of a JSON object is JSON itself, so a line that parses was
written whole. Only the last line may be torn, by a crash while it was written; when the journal is
opened again, a ``recovered`` line names it. Any other line that does not parse is damage.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any, NamedTuple

from ..clock import moment
from ..errors import BatchTransportError, JournalError, TransportError
from ..operations import OWN_ID
from .spending import EXACT, Admitted, Part

FORMAT = 1
CUT = 200  # characters that are kept of a text
ENDED = "the process ended before an answer was noted"
_HEAD = b'{"n":%d,"event":"%s"'
_KIND = b'"event":'  # in every line

Event = dict[str, Any]


class Torn(NamedTuple):
    """A line that was not written whole: its number in the file, from 1, and what is there."""

    line: int
    data: bytes


class Lines(NamedTuple):
    """``torn``: what no ``recovered`` line names yet. ``ends``: is the last line ended?"""

    events: list[Event]
    torn: list[Torn]
    ends: bool


def read_lines(data: bytes, path: str) -> Lines:
    """The lines of a file. Raises JournalError, which names the line and the byte of a damage."""
    pieces = data.split(b"\n")
    events: list[Event] = []
    bad: list[tuple[Torn, int]] = []
    missing: JournalError | None = None
    at = 0
    for number, piece in enumerate(pieces, 1):
        is_last = number == len(pieces)
        if piece or not is_last:
            event = _parsed(piece)
            if event is None:
                bad.append((Torn(number, piece), at))
            elif event.get("n") != len(events) + 1:
                why = f"its n is {event.get('n')!r}, and {len(events) + 1} is the next"
                missing = _damage(path, f"line {number} (byte {at})", why, data)
                break
            else:
                events.append(event)
        at += len(piece) + 1
    named = {
        (one.get("line"), one.get("bytes")) for one in events if one.get("event") == "recovered"
    }
    torn = [(one, at) for one, at in bad if (one.line, len(one.data)) not in named]
    for one, at in torn:
        if not _is_torn(one, pieces, bool(events)):
            raise _damage(path, f"line {one.line} (byte {at})", "it is not JSON", data)
    if missing is not None:
        raise missing
    _check_first(path, events)
    return Lines(events, [one for one, _ in torn], not pieces[-1])


def _parsed(piece: bytes) -> Event | None:
    try:
        event = json.loads(piece)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def _is_torn(one: Torn, pieces: list[bytes], events: bool) -> bool:
    """Is it the last line, or are all lines after it ``recovered``, whole or torn as well?"""
    last = pieces[-1].rstrip(b"\0")  # left by a power cut
    if one.line == len(pieces):
        return events or len(pieces) > 1 or _begins(last, _HEAD % (1, b"opened"))
    return bool(last) and all(map(_is_recovery, pieces[one.line :]))


def _is_recovery(piece: bytes) -> bool:
    """May it be a ``recovered`` line, whole or torn?"""
    number = re.match(rb'\{"n":(\d+)', piece)
    return _begins(piece.rstrip(b"\0"), _HEAD % (int(number[1]) if number else 1, b"recovered"))


def _begins(data: bytes, head: bytes) -> bool:
    """Is one of them the beginning of the other?"""
    return data.startswith(head) or head.startswith(data)


def _damage(path: str, place: str, why: str, data: bytes = _KIND) -> JournalError:
    if _KIND not in data:
        return JournalError(
            f"{path} is not a journal: {place}: {why}. The file was not changed. Pass the path of "
            "a journal, or of a file that does not exist yet."
        )
    return JournalError(
        f"{path} is damaged: {place}: {why}. The file was not changed. Repair it from a copy, or "
        "rename it and look up its last orders yourself before you trade."
    )


def _check_first(path: str, events: list[Event]) -> None:
    first = next((one for one in events if one.get("event") != "recovered"), None)
    if first is None:
        return
    if first.get("event") != "opened":
        raise JournalError(
            f"{path} is not a journal: its first line does not say who opened it. Pass the path of "
            "a journal, or of a file that does not exist yet."
        )
    if first.get("journal") != FORMAT:
        raise JournalError(
            f"{path} has format {first.get('journal')!r}, and this bpkit reads {FORMAT} only. Use "
            "the bpkit that wrote it, or another file."
        )


# --- what is known of each write ------------------------------------------------------------------


@dataclass(eq=False)
class Attempt:
    """One write, as its lines show it. Sums in USDC, one for each order of a batch.

    ``worth``: None if it was not valued. ``counts``: None if no line says yet what it counts.
    ``open``: it is not known what became of it. ``flying``: this process waits for its answer.
    """

    id: str
    operation: str
    sent: Any
    signed: int
    window: int
    unique_id: bool
    day: str
    worth: list[Decimal] | None
    counts: list[Decimal] | None = None
    orders: list[str | None] = field(default_factory=list)  # the exchange's ids
    open: bool = True
    flying: bool = False
    why: str = ENDED

    @property
    def is_batch(self) -> bool:
        """Were several orders sent at once?"""
        return not isinstance(self.sent, Mapping)

    @property
    def spent(self) -> Decimal:
        """What it counts: the newest value, or all of it if there is none."""
        with localcontext(EXACT):
            return sum(self.worth or [] if self.counts is None else self.counts, Decimal(0))

    def error(self, url: str, public_key: str) -> TransportError:
        """What ``bp.reconcile`` needs to look for it."""
        kind = BatchTransportError if self.is_batch else TransportError
        return kind(
            self.operation, self.why, sent=True, mutates=True, parameters=self.sent,
            time=moment(self.signed), window=self.window, url=url, public_key=public_key,
            unique_id=self.unique_id, attempt=self.id,
        )  # fmt: skip


_CLOSE = ("answered", "refused", "not_sent", "resolved")
_EVENTS = (*_CLOSE, "opened", "sending", "unknown", "counted", "recovered", "closed")


def attempts_of(events: Iterable[Event], path: str) -> dict[str, Attempt]:
    """Every write, oldest first, by its id. Raises JournalError."""
    attempts: dict[str, Attempt] = {}
    for event in events:
        try:
            note(attempts, event)
        except (AttributeError, KeyError, TypeError, ValueError, InvalidOperation) as error:
            why = f"a field is missing or wrong ({error})"
            raise _damage(path, f"n={event['n']}", why) from error
    return attempts


def note(attempts: dict[str, Attempt], event: Event) -> None:
    """Change what is known by one line."""
    name = event["event"]
    if name not in _EVENTS:  # a damaged word must not hide a write
        raise ValueError(f"event={name!r} is unknown")
    if name == "sending":
        if event["id"] in attempts:  # a damaged id must not hide a write
            raise ValueError(f"id={event['id']!r} is there twice")
        attempts[event["id"]] = Attempt(
            event["id"], event["operation"], event["sent"], event["signed"], event["window"],
            event["unique_id"], event["day"], _sums(event["worth"]),
        )  # fmt: skip
        return
    attempt = attempts.get(event.get("id", ""))
    if attempt is None:  # a line that is about no write, or about one that was archived
        return
    if event.get("counts") is not None:
        attempt.counts = _sums(event["counts"])
    if name in (*_CLOSE, "unknown"):
        attempt.flying = False
    if name in _CLOSE:
        attempt.open = False
    if name == "unknown":
        attempt.why = event["why"]
    if name == "answered":
        attempt.orders = [one.get("orderId") for one in event["orders"]]


def _sums(value: str | list[str] | None) -> list[Decimal] | None:
    """``worth`` or ``counts``: a text, or a list of them for a batch. "0": of all its orders."""
    if value is None:
        return None
    return [Decimal(one) for one in ([value] if isinstance(value, str) else value)]


def spent_on(attempts: Mapping[str, Attempt], day: str) -> Decimal:
    """What counts of the writes that were signed on a UTC date, in USDC."""
    with localcontext(EXACT):
        return sum((one.spent for one in attempts.values() if one.day == day), Decimal(0))


def restored(attempt: Attempt) -> Admitted:
    """A write of an earlier process, as it counts today."""
    worth = attempt.worth or []
    counts = worth if attempt.counts is None else attempt.counts
    sent = attempt.sent if attempt.is_batch else [attempt.sent]
    ids = attempt.orders if len(attempt.orders) == len(worth) else [None] * len(worth)
    parts = [
        Part(fields, value, _rate(fields), counting, order_id)
        for fields, value, counting, order_id in zip(sent, worth, counts, ids, strict=False)
    ]
    return Admitted(
        attempt.id, attempt.operation, attempt.signed, attempt.day, attempt.is_batch,
        attempt.unique_id, parts,
    )  # fmt: skip


def _rate(fields: Mapping[str, Any]) -> Decimal | None:
    """USDC for a unit of the quote asset. The file has no prices, so of others it is not known."""
    return Decimal(1) if str(fields.get("symbol")).split("_")[1:2] == ["USDC"] else None


def client_ids_of(sent: Any) -> Iterator[str]:
    """The client ids in a request."""
    for one in [sent] if isinstance(sent, Mapping) else sent:
        yield from (str(one[name]) for name in {*OWN_ID.values()} if name in one)
