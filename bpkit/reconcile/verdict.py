"""What the rows of a look mean for what was sent, and until when it can still arrive."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from ..errors import TransportError
from ..serialize import milliseconds
from ..signing import MAX_WINDOW
from .search import ENDS, RESTS, Age, Kind, Look, Looks, Row, created, iso, text

SETTLE = 1000  # milliseconds after the last valid one, for matching and the histories; a guess
MOST_WAIT = 120_000  # milliseconds


@dataclass(frozen=True)
class Outcome:
    """What became of one order, cancel, strategy or withdrawal.

    ``state``:

    - ``rested``: it waits now, in the book or for its trigger price, or the strategy runs
    - ``filled``: some of it was executed, ``executed`` says how much, and it rests no more
    - ``refused``: it arrived, and was turned away with nothing executed; see ``expiryReason``
    - ``cancelled``: it was cancelled with nothing executed; of a cancel of all: nothing is left
    - ``accepted``: of a withdrawal: it is in the list; see its ``status``
    - ``not found``: there is no trace of it, and its signature has expired: this is final
    - ``unclear``: several fit, or what is shown does not settle it; or there is no trace of it, but
      it may still arrive, or a list was too long to be read to its end

    Of a cancel it is the state of the order that was to be cancelled, which may rest while the
    cancel is on its way; ``explanation`` says whether it may be. ``evidence``: the rows that
    show it, as the exchange gave them and with ``source``, the method; where nothing was found,
    what was asked, and the exchange's time. ``order``: the order, strategy or withdrawal as it
    stands, None where there is none. ``executed``: in the base asset.
    """

    state: str
    operation: str
    evidence: tuple[Row, ...]
    order: Row | None
    executed: Decimal
    explanation: str

    def __str__(self) -> str:
        return f"{self.state}: {self.explanation}"

    def __repr__(self) -> str:
        return f"<Outcome of {self.operation}: {self}>"


class Deadline:
    """Until when the request can arrive, by the exchange's clock. All in Unix milliseconds."""

    def __init__(
        self, client: Looks, error: TransportError, sleep: Callable[[float], None] | None
    ) -> None:
        """``sleep``: None where nobody waits."""
        window = MAX_WINDOW if error.window is None else error.window
        signed = milliseconds("error.time", error.time)
        self.last = None if signed is None else signed + window
        self._client, self._sleep = client, sleep
        self.now = int(client.get_time())

    @property
    def left(self) -> int:
        """How long it may still take; 0 where that is over, or not known."""
        return 0 if self.last is None else max(0, self.last + SETTLE - self.now)

    @property
    def over(self) -> bool:
        """Is it certain that what arrives now is refused?"""
        return self.last is not None and not self.left

    def wait(self) -> bool:
        """Wait until it can no longer arrive, if that is wanted. Was there any waiting?"""
        if self._sleep is None or not self.left:
            return False
        if self.left > 1000:
            seconds = min(self.left, MOST_WAIT) / 1000
            note = f"waiting {seconds:.1f} seconds, until the signature of the request has expired"
            print(f"reconcile: {note}", file=sys.stderr)
        waited = 0
        while self.left and waited < MOST_WAIT:  # again where a sleep was short, or a clock slow
            span = max(1, min(self.left, MOST_WAIT - waited))
            self._sleep(span / 1000)
            waited += span
            self.now = int(self._client.get_time())
        return True

    def verdict(self, what: str = "It") -> str:
        """Can it still arrive? A sentence. True of a look that began after ``now`` was read."""
        if self.last is None:
            return (
                f"{what} may still arrive: when it was signed is not known, and a signature can be "
                f"valid for {MAX_WINDOW // 1000} seconds."
            )
        last, now = iso(self.last), iso(self.now)
        if self.left:
            return f"{what} may still arrive until {last} (the exchange's clock: {now})."
        return (
            f"{what} is refused if it arrives now: its signature expired at {last}. (That what "
            "has expired is refused is documented; how long what was accepted before may wait "
            "inside the exchange is not.)"
        )

    @property
    def row(self) -> Row:
        """The evidence."""
        return {
            "source": "get_time",
            "time": iso(self.now),
            "validUntil": None if self.last is None else iso(self.last),
        }


class Judge(NamedTuple):
    """What the rows of a look mean."""

    operation: str
    kind: Kind
    seen: Look
    until: Deadline

    def placed(self, want: Row, rows: Sequence[Row], claims: int) -> Outcome:
        """Of what was to be placed. ``claims``: how many that were sent fit these rows."""
        if not rows:
            return self._by_fills(want)
        if len(rows) > 1 or claims > 1:
            why = f"{len(rows)} fit where {claims} such {self.kind.noun} was sent."
            return unclear(self.operation, rows, why)
        (row,) = rows
        if wrong := self.kind.differs(row, want):
            why = f"The {self.kind.noun} with this {self.kind.own_id} has another {wrong}."
            return unclear(self.operation, rows, f"{why} {self.until.verdict()}")
        warned = caution(self.kind, want, self.seen.age)
        freed = self._freed(row) or self._freed_by_id(row, want)
        if len(freed) > 1:
            return unclear(self.operation, (row, *freed), "Its price was reached, several follow.")
        if freed:
            before = "Its price was reached. "
            return self._stands(freed[0], (row, *freed), before, warned)
        return self._stands(row, (row,), "", warned)

    def cancelled(self, want: Row) -> Outcome:
        """Of what was to be cancelled."""
        named = [one for row in self.seen.of(want) for one in self._freed(row) or [row]]
        rows = list({row["id"]: row for row in named}.values())
        rows = [row for row in rows if not _fired(row)] or rows
        resting = [row for row in rows if self.seen.rests(row)]
        if len(resting) == 1 and not any(row["status"] == "Cancelled" for row in rows):
            rows = resting  # those that ended otherwise bore the same id before
        if not rows:
            return self._by_fills(want)
        if len(rows) > 1:
            why = f"{len(rows)} have this {self.kind.own_id}, and {len(resting)} of them rest."
            return unclear(self.operation, rows, why)
        verdict = f" {self.until.verdict('The cancel')}" if resting else ""
        return self._stands(rows[0], (rows[0],), "", verdict)

    def _stands(
        self, row: Row, evidence: tuple[Row, ...], before: str = "", after: str = ""
    ) -> Outcome:
        executed = _executed(row)
        state = _state(row, executed, self.seen.rests(row))
        much = f"{executed:f} of {row.get('quantity') or 'its quantity'}"
        name = f"{self.kind.noun.capitalize()} {row['id']} of {created(row)}"
        reason = row.get("expiryReason") or row.get("cancelReason")
        status = f"{row['status']}, {reason}" if reason else row["status"]
        why = {
            "rested": f"{name} is open ({status}), {much} executed.",
            "filled": f"{name} has ended ({status}), {much} executed.",
            "refused": f"{name} was turned away ({status}), nothing executed.",
            "cancelled": f"{name} has ended ({status}), nothing executed.",
            "unclear": f"{name} is {status} in {row['source']}, which does not settle it.",
        }[state]
        return Outcome(state, self.operation, evidence, row, executed, f"{before}{why}{after}")

    def _freed(self, row: Row) -> list[Row]:
        """The orders that name this conditional one as the one that set them free.

        Whatever its own status is called then. What takes its profit names it too, on the other
        side.
        """
        if row.get("triggerPrice") is None:
            return []
        return [
            one
            for one in self.seen.rows.values()
            if one.get("relatedOrderId") == row["id"] and one.get("side") == row.get("side")
        ]

    def _freed_by_id(self, row: Row, want: Row) -> list[Row]:
        """Those that bear the same own id, for a history does not say what it was related to."""
        sure = _fired(row) or (self.seen.age.unique and not _executed(row))
        if not want.get("triggerPrice") or want.get(self.kind.own_id) is None or not sure:
            return []
        plain = {
            name: value
            for name, value in want.items()
            if not name.startswith("trigger") and name != "quantity"
        }
        every = self.seen.rows.values()
        return [one for one in self.kind.fitting(every, plain) if not self.kind.differs(one, plain)]

    def _by_fills(self, want: Row) -> Outcome:
        """Of an order that is neither open nor in the history."""
        own = text(want, "clientId")
        fills = [row for row in self.seen.fills if own is not None and self._is_fill(row, want)]
        if not fills:
            evidence = (*self.seen.asked, self.until.row)
            return nothing(self.operation, evidence, self.until, self.seen.earlier(want))
        if len({row["orderId"] for row in fills}) > 1:
            return unclear(self.operation, fills, "Several orders have fills with this clientId.")
        executed = sum((Decimal(row["quantity"]) for row in fills), Decimal(0))
        why = f"{executed:f} executed, by its fills; the order is not in the history yet."
        why += caution(self.kind, want, self.seen.age)
        return Outcome("filled", self.operation, tuple(fills), None, executed, why)

    def _is_fill(self, row: Row, want: Row) -> bool:
        side = want.get("side")
        return self.kind.named(row, want) and side in (None, row.get("side"))


def _state(row: Row, executed: Decimal, open_: bool) -> str:
    status = row["status"]
    if status in RESTS:
        return "rested" if open_ else "unclear"
    if (status in ENDS and executed) or status == "Completed":
        return "filled"
    refused = dict.fromkeys(("Expired", "TriggerFailed", "Terminated"), "refused")
    return (refused | {"Cancelled": "cancelled"}).get(status, "unclear")


def _executed(row: Row) -> Decimal:
    """The history may have null for none."""
    return Decimal(row.get("executedQuantity") or 0)


def _fired(row: Row) -> bool:
    """Is it a conditional order that has set another free, which is the one that counts?"""
    conditional = row.get("triggerPrice") is not None
    return conditional and row["status"] == "Filled" and not _executed(row)


def caution(kind: Kind, want: Row, age: Age) -> str:
    """What to keep in mind where it could be an earlier one; empty where it could not."""
    if want.get(kind.own_id) is None:
        return (
            f" It was sent without a {kind.own_id} and is known only by what it says: an equal "
            f"{kind.noun} from before would look the same."
        )
    if age.unique:
        return ""
    return (
        f" This {kind.own_id} was given by you: if you have used it before with the same "
        f"{kind.noun}, this may be the earlier one."
    )


def nothing(
    operation: str, evidence: tuple[Row, ...], until: Deadline, earlier: Sequence[Row] = ()
) -> Outcome:
    """No trace of it. ``earlier``: those that fit, but for their age."""
    why = f"There is no trace of it. {until.verdict()}"
    cut = [row for row in evidence if row.get("complete") is False]
    for row in cut:
        why += f" Of {row['source']} only the newest {row['rows']} rows were read."
    if earlier:
        newest = f"{earlier[0]['id']} of {created(earlier[0])}"
        why += f" What else fits was there long before it was signed (the newest is {newest})."
    state = "not found" if until.over and not cut else "unclear"
    return Outcome(state, operation, evidence, None, Decimal(0), why)


def unclear(operation: str, rows: Iterable[Row], why: str) -> Outcome:
    """What is shown does not settle it."""
    return Outcome("unclear", operation, tuple(rows), None, Decimal(0), why)
