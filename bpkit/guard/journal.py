"""Keep a journal of writes: a line before each is sent, and a line after, in a file.

The line before is on the disk when the first byte leaves. So after a crash and a restart, the
journal names every write whose answer was lost, and what was sent on this day. Nothing is ever sent
from it. It has no secret, signature, header or token.

The lines are JSON; ``journal_lines`` has what they mean. ``n`` counts them, ``time`` is this
computer's clock. Every line also goes to the logger ``bpkit.journal``.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import count
from pathlib import Path
from threading import Lock, RLock
from typing import Any

from ..clock import moment
from ..errors import HIDDEN, InputError, JournalError, TransportError, hide_secrets
from ..signing import Key
from . import journal_lines
from .journal_file import JournalFile
from .journal_lines import (
    CUT,
    FORMAT,
    Attempt,
    Event,
    attempts_of,
    client_ids_of,
    read_lines,
    restored,
)
from .spending import Money, Spending

_LOG = logging.getLogger("bpkit.journal")
_OPEN: dict[str, Journal] = {}  # by real path: one file, one journal
_OPENING = Lock()


def open_journal(
    path: str | os.PathLike[str],
    *,
    url: str,
    public_key: str,
    leaks: Callable[[str], bool] = lambda text: False,
    clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> Journal:
    """The journal in a file, which is made if it is not there. Close it once for each opening.

    ``url``, ``public_key``: of the client. ``leaks``: does a text contain the secret? ``clock``:
    Unix milliseconds. Clients of one process share a journal. Raises InputError, and JournalError
    for a file that is damaged, belongs to another host or key, or is open in another process.
    """
    is_path = isinstance(path, (str, os.PathLike)) and os.fspath(path)
    if not is_path or "\0" in (name := os.fsdecode(path)) or hide_secrets(name).endswith(HIDDEN):
        raise InputError("journal", path, 'is not a path; write journal="orders.jsonl"')
    real = os.path.realpath(name)
    with _OPENING:
        journal = _OPEN.get(real)
        if journal is None:
            journal = Journal(real, url, public_key, leaks, clock)
            _OPEN[real] = journal
        else:
            _check_owner(real, journal.url, journal.public_key, url, public_key)
        journal.users += 1
    return journal


def journal_of(
    path: str | os.PathLike[str], url: str, key: Key | None, clock: Callable[[], int]
) -> Journal:
    """The journal of a client. Raises InputError and JournalError."""
    if key is None:
        raise InputError("journal", path, "needs a key: a client without one only reads")
    return open_journal(path, url=url, public_key=key.public_key, leaks=key.is_in, clock=clock)


class Journal:
    """The writes of one host and key, in a file. Threads may share it. See ``open_journal``.

    ``path``: of the file. ``spending``: what the writes of today count, for the limits.
    """

    def __init__(
        self,
        path: str,
        url: str,
        public_key: str,
        leaks: Callable[[str], bool],
        clock: Callable[[], int],
    ) -> None:
        self.path, self.url, self.public_key, self.users = path, url, public_key, 0
        self.spending = Spending(self.counted)
        self._attempts: dict[str, Attempt] = {}  # oldest first
        self._client_ids: set[str] = set()
        self._leaks, self._clock, self._lock = leaks, clock, RLock()
        self._file = JournalFile(path)
        try:
            self._recover()
        except BaseException:
            self._file.close()
            raise
        if self._file.created:
            _LOG.info("new journal: nothing is known of earlier orders, and the limits start at 0")

    # --- what it knows ----------------------------------------------------------------------------

    def open_attempts(self) -> list[TransportError]:
        """The writes of which it is not known what became of them, oldest first.

        A write whose answer this process still waits for is not among them.
        """
        with self._lock:
            found = [one for one in self._attempts.values() if one.open and not one.flying]
        return [one.error(self.url, self.public_key) for one in found]

    def spent_on(self, day: date | str) -> Decimal:
        """What counts of the writes that were signed on a UTC date (``2026-11-26``), in USDC."""
        with self._lock:
            return journal_lines.spent_on(self._attempts, str(day))

    def is_used(self, client_id: int | str) -> bool:
        """Is this client id in the file?"""
        return str(client_id) in self._client_ids

    def knows(self, attempt: str | None) -> bool:
        """Does a line name this attempt?"""
        return attempt in self._attempts

    def __repr__(self) -> str:
        return f"<Journal {self.path!r}: {len(self._attempts)} writes>"

    # --- before a write is sent -------------------------------------------------------------------

    def sending(
        self,
        attempt: str,
        operation: str,
        parameters: Any,
        *,
        signed: int,
        window: int,
        unique_id: bool = False,
        worth: Money = None,
    ) -> None:
        """Note a write that is about to be sent. When this returns, the line is on the disk.

        ``attempt``: names it, as in ``Admitted.id``. ``parameters``: as they are sent, but with the
        two-factor token hidden. ``signed``: the time in the signature, Unix milliseconds. Raises
        JournalError; the write must not be sent then.
        """
        sent = parameters if isinstance(parameters, Mapping) else list(parameters)
        self._file.check()  # a fork must not wait for a lock that nobody holds there
        with self._lock:
            self._write(
                "sending", sync=True, id=attempt, operation=operation, sent=sent, signed=signed,
                window=window, unique_id=unique_id, worth=_texts(worth), day=_day(signed),
            )  # fmt: skip
            self._attempts[attempt].flying = True
            self._client_ids.update(client_ids_of(sent))

    # --- after it: these never raise, because the answer matters more -----------------------------

    def answered(self, attempt: str, status: int, answer: Any, counts: Money = None) -> None:
        """The exchange accepted it. ``answer``: a row, or the list of them."""
        rows = answer if isinstance(answer, Sequence) and not isinstance(answer, str) else [answer]
        orders = [_kept(row) for row in rows if isinstance(row, Mapping) and row]
        self._note("answered", id=attempt, status=status, orders=orders, counts=_texts(counts))

    def refused(self, attempt: str, status: int, code: str | None, message: str) -> None:
        """The exchange said no, and nothing was done."""
        said = message[:CUT]
        self._note("refused", id=attempt, status=status, code=code, message=said, counts="0")

    def not_sent(self, attempt: str, stage: str, why: str) -> None:
        """It certainly never left. ``stage``: name, connect, proxy, tls, disk ..."""
        self._note("not_sent", id=attempt, stage=stage, why=why, counts="0")

    def unknown(
        self,
        attempt: str,
        stage: str,
        why: str,
        status: int | None = None,
        content_type: str | None = None,
        first: str | None = None,
    ) -> None:
        """No usable answer came. ``first``: the beginning of what came instead."""
        said = None if first is None else first[:CUT]
        self._note(
            "unknown", id=attempt, stage=stage, why=why, status=status, content_type=content_type,
            first=said,
        )  # fmt: skip

    def counted(self, attempt: str, order_id: str | None, counts: Money, seen_in: str) -> None:
        """An answer to another call showed that it counts less."""
        self._note("counted", id=attempt, orderId=order_id, counts=_texts(counts), seen_in=seen_in)

    def resolved(
        self,
        attempt: str,
        states: Sequence[str],
        evidence: Sequence[Mapping[str, Any]] = (),
        executed: Sequence[Decimal] = (),
        counts: Money = None,
    ) -> None:
        """A search found out what became of it, so it is not open any more.

        ``states``, ``executed``: of each order, as in an ``Outcome``. While a state is "unclear",
        nothing is noted. If you looked yourself, say so: ``bp.journal.resolved(error.attempt,
        ["looked up by hand"])``. Raises InputError.
        """
        known = self._attempts.get(attempt)
        if known is None:
            raise InputError("attempt", attempt, "is not in this journal; pass error.attempt")
        if "unclear" in states or not states:
            return
        shown = [{"source": row.get("source"), "id": row.get("id")} for row in evidence]
        much = [f"{one:f}" for one in executed]
        batch = known.is_batch
        self._note(
            "resolved", id=attempt, state=[*states] if batch else states[0], evidence=shown,
            executed=much if batch else "".join(much[:1]) or None, counts=_texts(counts),
        )  # fmt: skip

    # --- the file ---------------------------------------------------------------------------------

    def archive(self) -> str:
        """Rename the file, with today's date in the name, and go on with a short one.

        The new file has the open attempts and those of today. Returns the path of the old one.
        Raises JournalError.
        """
        with self._lock:
            today = _day(self._clock())
            kept = {id for id, one in self._attempts.items() if one.open or one.day >= today}
            events = read_lines(self._file.read(), self.path).events
            opened = {"event": "opened", "time": _iso(self._clock()), **self._identity()}
            lines = [opened, *(one for one in events if one.get("id") in kept)]
            texts = [_text({name: one[name] for name in one if name != "n"}) for one in lines]
            data = b"".join(_line(n, text) for n, text in enumerate(texts, 1))
            old = _free_name(self.path, today)
            try:
                self._file.replace(data, old)
            finally:  # after a failure or Ctrl+C it may be the old file or the new one
                self._file.lines = len(read_lines(self._file.read(), self.path).events)
            self._attempts = {id: self._attempts[id] for id in self._attempts if id in kept}
        return old

    def close(self) -> None:
        """Close the file when the last of its clients has closed it."""
        with _OPENING:
            self.users -= 1
            if not self.users:
                self._note("closed")
                self._file.close()
                _OPEN.pop(self.path, None)

    def _recover(self) -> None:
        """Read the file, name what is torn, and note that it was opened."""
        lines = read_lines(self._file.read(), self.path)
        self._attempts = attempts_of(lines.events, self.path)
        for event in lines.events:
            if event["event"] == "opened":
                _check_owner(
                    self.path, event.get("url"), event.get("public_key"), self.url, self.public_key
                )
        for attempt in self._attempts.values():
            self._client_ids.update(client_ids_of(attempt.sent))
        self._file.lines, before = len(lines.events), b"" if lines.ends else b"\n"
        for line, data in lines.torn:
            fragment = data.decode("ascii", "backslashreplace")[:CUT]
            self._write(
                "recovered", sync=True, before=before, line=line, bytes=len(data), fragment=fragment
            )
            before = b""
        self._write("opened", sync=True, before=before, **self._identity())
        today = _day(self._clock())
        for attempt in self._attempts.values():
            if attempt.day >= today:
                self.spending.add(restored(attempt))

    def _identity(self) -> Event:
        """Who opens the file."""
        version = sys.modules[__name__.split(".")[0]].__version__
        return {
            "journal": FORMAT, "bpkit": version, "url": self.url, "public_key": self.public_key,
            "host": platform.node(), "pid": os.getpid(),
        }  # fmt: skip

    def _note(self, event: str, **fields: Any) -> None:
        """Write a line that is not synced. If it is lost, the write is merely looked up again."""
        try:
            self._file.check()
            with self._lock:
                self._write(event, sync=False, **fields)
        except JournalError as error:
            _LOG.warning("%s was not noted: %s", event, error)

    def _write(self, name: str, *, sync: bool, before: bytes = b"", **fields: Any) -> None:
        event = {"event": name, "time": _iso(self._clock()), **fields}
        text = _text(event)
        if self._leaks(text):
            raise JournalError(
                f"A field of this write contains the secret key, so it is not noted in "
                f"{self.path}, and nothing was sent. Look for the secret in what you passed."
            )
        self._file.append(lambda n: before + _line(n, text), sync=sync)
        journal_lines.note(self._attempts, event)
        _LOG.log(logging.WARNING if name == "recovered" else logging.INFO, "%s", text)


def _forget_in_a_fork() -> None:
    """A fork must not keep the lock of its parent, nor write to its file."""
    global _OPENING
    _OPENING = Lock()
    for journal in _OPEN.values():
        journal._file.close()
    _OPEN.clear()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forget_in_a_fork)


def _check_owner(path: str, url: object, public_key: object, *own: str) -> None:
    """Another client could not find the lost orders of the journal."""
    for what, theirs, mine in zip(("host", "key"), (url, public_key), own, strict=True):
        if theirs != mine:
            hint = " (a new sandbox needs a new file)" if str(theirs).startswith("http:") else ""
            raise JournalError(
                f"{path} belongs to the {what} {theirs}, and this client's is {mine}. Use another "
                f"file for this client{hint}."
            )


def _kept(row: Mapping[str, Any]) -> Event:
    """What is kept of a row of an answer."""
    id = row.get("id", row.get("rfqId", row.get("quoteId")))
    shown = {"orderId": id, **{name: row.get(name) for name in _KEPT}}
    shown["message"] = str(row["message"])[:CUT] if "message" in row else None
    return {name: value for name, value in shown.items() if value is not None}


_KEPT = ("clientId", "status", "executedQuantity", "executedQuoteQuantity", "code")


def _text(event: Mapping[str, Any]) -> str:
    # An answer may have a number where text is documented; it was read as a Decimal.
    return json.dumps(event, separators=(",", ":"), default=str)


def _line(n: int, text: str) -> bytes:
    return f'{{"n":{n},{text[1:]}\n'.encode()


def _texts(money: Money) -> str | list[str] | None:
    if isinstance(money, list):
        return [f"{one:f}" for one in money]
    return None if money is None else f"{money:f}"


def _iso(unix: int) -> str:
    return moment(unix).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _day(unix: int) -> str:
    return moment(unix).date().isoformat()


def _free_name(path: str, day: str) -> str:
    """``orders-2026-11-26.jsonl``, or ``orders-2026-11-26-2.jsonl`` if that is taken."""
    file = Path(path)
    names = (f"{file.stem}-{day}{'' if n == 1 else f'-{n}'}{file.suffix}" for n in count(1))
    return str(next(file.with_name(name) for name in names if not file.with_name(name).exists()))
