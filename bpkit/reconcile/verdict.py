"""Decide from the rows found what became of the order, and until when it can still arrive."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from ..errors import TransportError
from ..serialize import milliseconds
from ..signing import MAX_WINDOW
from .search import ENDS, RESTS, Cutoff, Found, Row, Target, created, iso

if TYPE_CHECKING:
    from ..client import Client

SETTLE = 1000  # milliseconds after the last valid one, for matching and the histories; a guess
MOST_WAIT = 120_000  # milliseconds


@dataclass(frozen=True)
class Outcome:
    """What became of one order, cancel, strategy or withdrawal.

    ``state``:

    - ``rested``: it is open, in the book or waiting for its trigger price, or the strategy runs
    - ``filled``: some of it was executed, ``executed`` says how much, and it is no longer open
    - ``refused``: it arrived and was refused, nothing was executed; see ``expiryReason``
    - ``cancelled``: it was cancelled, nothing was executed; of a cancel of all: nothing is open
    - ``accepted``: of a withdrawal: it is in the list; see its ``status``
    - ``not found``: there is no trace of it, and its signature has expired: this is final
    - ``unclear``: several rows fit, or the rows do not settle it; or there is no trace of it, but
      it may still arrive, or a list was too long to be read to its end. Do not send it again

    Of a cancel, ``state`` is the state of the order that was to be cancelled. It may be open while
    the cancel is still on its way; ``explanation`` says whether that is possible. ``evidence``: the
    rows that show it, as the exchange gave them, with ``source``, the method; if nothing was found,
    what was asked, and the exchange's time. ``order``: the order, strategy or withdrawal as it is
    now, None if there is none. ``executed``: in the base asset.
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


class SignatureExpiry:
    """Until when the request can arrive, by the exchange's clock. All in Unix milliseconds."""

    def __init__(
        self, client: Client, error: TransportError, sleep: Callable[[float], None] | None
    ) -> None:
        """``sleep``: None if nobody waits."""
        window = MAX_WINDOW if error.window is None else error.window
        signed = milliseconds("error.time", error.time)
        self.last = None if signed is None else signed + window
        self.operation = error.operation
        self._client, self._sleep = client, sleep
        self.now = int(client.get_time())

    @property
    def left(self) -> int:
        """How long it may still take; 0 if that is over, or not known."""
        return 0 if self.last is None else max(0, self.last + SETTLE - self.now)

    @property
    def over(self) -> bool:
        """Is it certain that the request is refused if it arrives now?"""
        return self.last is not None and not self.left

    def wait(self) -> bool:
        """Wait until it can no longer arrive, if that is wanted. True if it waited."""
        if self._sleep is None or not self.left:
            return False
        if self.left > 1000:
            seconds = min(self.left, MOST_WAIT) / 1000
            note = f"waiting {seconds:.1f} seconds, until the signature of the request has expired"
            print(f"reconcile: {note}", file=sys.stderr)
        waited = 0
        while self.left and waited < MOST_WAIT:  # again if a sleep was short, or a clock is slow
            span = min(self.left, MOST_WAIT - waited)
            self._sleep(span / 1000)
            waited += span
            self.now = int(self._client.get_time())
        return True

    def verdict(self, what: str = "It") -> str:
        """Can it still arrive? In sentences. True of a search that began after ``now`` was read."""
        if self.last is None:
            return (
                f"{what} may still arrive: it is not known when it was signed, and a signature can "
                f"be valid for {MAX_WINDOW // 1000} seconds."
            )
        last, now = iso(self.last), iso(self.now)
        if self.left:
            return f"{what} may still arrive until {last} (the exchange's clock: {now})."
        return (
            f"{what} is refused if it arrives now: its signature expired at {last}. (The "
            "documentation says that an expired request is refused. It does not say how long the "
            "exchange may hold a request that it has already accepted.)"
        )

    @property
    def row(self) -> Row:
        """The evidence."""
        return {
            "source": "get_time",
            "time": iso(self.now),
            "validUntil": None if self.last is None else iso(self.last),
        }


def placed(
    found: Found, expiry: SignatureExpiry, want: Row, rows: Sequence[Row], claims: int
) -> Outcome:
    """What became of an order or strategy. ``claims``: how many of those sent fit these rows."""
    target = found.target
    if not rows:
        return _from_fills(found, expiry, want)
    if len(rows) > 1 or claims > 1:
        return unclear(expiry, rows, f"Rows that fit: {len(rows)}. Sent: {claims}.")
    (row,) = rows
    if wrong := target.differs(row, want):
        why = f"The {target.noun} with this {target.own_id} has another {wrong}."
        return unclear(expiry, rows, f"{why} {expiry.verdict()}")
    warning = caution(target, want, found.cutoff)
    triggered = _orders_triggered_by(found, row) or _orders_triggered_by_id(found, row, want)
    if len(triggered) > 1:
        why = "Its trigger price was reached, and several orders came from it."
        return unclear(expiry, (row, *triggered), why)
    if triggered:
        warning = f" It came from the conditional order {row['id']}.{warning}"
        return _outcome_of(found, expiry, triggered[0], (row, *triggered), warning)
    return _outcome_of(found, expiry, row, (row,), warning)


def cancelled(found: Found, expiry: SignatureExpiry, want: Row) -> Outcome:
    """What became of an order or strategy that was to be cancelled."""
    named = [one for row in found.of(want) for one in _orders_triggered_by(found, row) or [row]]
    rows = list({row["id"]: row for row in named}.values())
    rows = [row for row in rows if not _has_triggered(row)] or rows
    resting = [row for row in rows if found.rests(row)]
    if len(resting) == 1 and not any(row["status"] == "Cancelled" for row in rows):
        rows = resting  # an order that ended in another way used the same id earlier
    if not rows:
        return _from_fills(found, expiry, want)
    if len(rows) > 1:
        why = f"Rows with this {found.target.own_id}: {len(rows)}. Open: {len(resting)}."
        return unclear(expiry, rows, why)
    verdict = f" {expiry.verdict('The cancel')}" if resting else ""
    return _outcome_of(found, expiry, rows[0], (rows[0],), verdict)


def _outcome_of(
    found: Found, expiry: SignatureExpiry, row: Row, evidence: tuple[Row, ...], more: str
) -> Outcome:
    executed = _executed(row)
    state = _state(row, executed, found.rests(row))
    much = f"{executed:f} of {row.get('quantity') or 'its quantity'} executed"
    name = f"{found.target.noun.capitalize()} {row['id']} of {created(row)}"
    reason = row.get("expiryReason") or row.get("cancelReason")
    status = f"{row['status']}, {reason}" if reason else row["status"]
    why = {
        "rested": f"{name} is open ({status}), {much}.",
        "filled": f"{name} has ended ({status}), {much}.",
        "refused": f"{name} was refused ({status}), nothing executed.",
        "cancelled": f"{name} was cancelled ({status}), nothing executed.",
        "unclear": f"{name} is {status} in {row['source']}, which does not settle it.",
    }[state]
    explanation = f"{_danger(expiry, state)}{why}{more}"
    return Outcome(state, expiry.operation, evidence, row, executed, explanation)


def _danger(expiry: SignatureExpiry, state: str) -> str:
    """The first sentence of an explanation. Only a cancel may be sent twice."""
    if expiry.operation.startswith("cancel"):
        return "Not cancelled. " if state == "rested" else ""
    if state == "unclear":
        return "Do not send it again yet. "
    return "Do not send it again. " if state in ("rested", "filled") else ""


def _orders_triggered_by(found: Found, row: Row) -> list[Row]:
    """The orders that name this conditional order as the one that they come from.

    The status of the conditional order does not matter. Its take-profit order names it too, but has
    the other side.
    """
    if row.get("triggerPrice") is None:
        return []
    return [
        one
        for one in found.rows.values()
        if one.get("relatedOrderId") == row["id"] and one.get("side") == row.get("side")
    ]


def _orders_triggered_by_id(found: Found, row: Row, want: Row) -> list[Row]:
    """Those with the same own id: a history does not say which order a row is related to."""
    target = found.target
    sure = _has_triggered(row) or (found.cutoff.unique and not _executed(row))
    if not want.get("triggerPrice") or want.get(target.own_id) is None or not sure:
        return []
    plain = {
        name: value
        for name, value in want.items()
        if not name.startswith("trigger") and name != "quantity"
    }
    rows = target.fitting(found.rows.values(), plain)
    return [one for one in rows if not target.differs(one, plain)]


def _from_fills(found: Found, expiry: SignatureExpiry, want: Row) -> Outcome:
    """What became of an order that is neither open nor in the history."""
    fills = [row for row in found.fills if _is_fill_of(found.target, row, want)]
    if not fills:
        return not_found(expiry, found.asked, found.earlier(want))
    if len({row["orderId"] for row in fills}) > 1:
        return unclear(expiry, fills, "Several orders have fills with this clientId.")
    executed = sum((Decimal(row["quantity"]) for row in fills), Decimal(0))
    why = f"{_danger(expiry, 'filled')}{executed:f} executed, by its fills; the order itself is "
    why += f"not in the history yet.{caution(found.target, want, found.cutoff)}"
    return Outcome("filled", expiry.operation, tuple(fills), None, executed, why)


def _is_fill_of(target: Target, row: Row, want: Row) -> bool:
    side = want.get("side")
    return target.named(row, want) and side in (None, row.get("side"))


def _state(row: Row, executed: Decimal, open_: bool) -> str:
    status = row["status"]
    if status in RESTS:
        return "rested" if open_ else "unclear"
    if (status in ENDS and executed) or status == "Completed":
        return "filled"
    refused = dict.fromkeys(("Expired", "TriggerFailed", "Terminated"), "refused")
    return (refused | {"Cancelled": "cancelled"}).get(status, "unclear")


def _executed(row: Row) -> Decimal:
    """In the base asset. The history may have null for none."""
    return Decimal(row.get("executedQuantity") or 0)


def _has_triggered(row: Row) -> bool:
    """Is it a conditional order from which another order came? That other one counts then."""
    conditional = row.get("triggerPrice") is not None
    return conditional and row["status"] == "Filled" and not _executed(row)


def caution(target: Target, want: Row, cutoff: Cutoff) -> str:
    """A warning if this may be an earlier one; empty if it cannot be."""
    if want.get(target.own_id) is None:
        return (
            f" It was sent without a {target.own_id}, so it was found by its contents alone: an "
            f"equal {target.noun} from before would look the same."
        )
    if cutoff.unique:
        return ""
    return (
        f" You gave this {target.own_id} yourself: if you have used it before for the same "
        f"{target.noun}, this may be the earlier one."
    )


def not_found(expiry: SignatureExpiry, asked: Iterable[Row], earlier: Sequence[Row]) -> Outcome:
    """No trace of it. ``earlier``: rows that would fit if they were not too old."""
    evidence = (*asked, expiry.row)
    cut = [row for row in evidence if row.get("complete") is False]
    state = "not found" if expiry.over and not cut else "unclear"
    why = f"{_danger(expiry, state)}There is no trace of it. {expiry.verdict()}"
    for row in cut:
        why += f" Not all of {row['source']} was read, only {row['rows']} rows."
    if earlier:
        newest = f"{earlier[0]['id']} of {created(earlier[0])}"
        why += f" Other rows fit, but they were made long before it was signed (newest: {newest})."
    why += " You can send it again." if state == "not found" else ""
    why += " Call reconcile again after that." if expiry.left else ""
    return Outcome(state, expiry.operation, evidence, None, Decimal(0), why)


def unclear(expiry: SignatureExpiry, rows: Iterable[Row], why: str) -> Outcome:
    """The rows do not settle it."""
    explanation = f"{_danger(expiry, 'unclear')}{why} Compare .evidence with what you sent."
    return Outcome("unclear", expiry.operation, tuple(rows), None, Decimal(0), explanation)
