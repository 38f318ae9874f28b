"""What became of a write that got no answer. Looks, and never sends the request again.

The exchange refuses a request that arrives after its signature has expired, at ``time + window`` by
its own clock. So "not found" is said only by a look that begins after that moment and sees to the
end of every list. How long what was accepted may wait inside the exchange, and how fast the
histories follow, is not documented; a second is granted on top for both, which is a guess.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from ..errors import InputError, TransportError
from .search import (
    ANY_AGE,
    ORDERS,
    STRATEGIES,
    WITHDRAWALS,
    Look,
    Looks,
    Row,
    age_of,
    created,
    pages,
    rows_of,
    same_address,
)
from .verdict import Deadline, Judge, Outcome, caution, nothing, unclear

__all__ = ["Outcome", "reconcile"]


def reconcile(
    client: Looks,
    error: TransportError,
    *,
    wait: bool = True,
    sleep: Callable[[float], None] = time.sleep,
) -> Outcome | list[Outcome]:
    """What became of the write that ended in ``error``. Only reads; it never sends it again.

    Of a batch: a list, one for each order, in the order in which they were sent.

    Where nothing is found (of a cancel: where the order still rests) the request may be on its way
    until its signature expires, ``time + window`` by the exchange's clock. ``wait``: wait for that,
    two minutes at most and with a line on stderr where it takes more than a second, and look once
    more; False: answer at once. While it may still arrive the state is unclear, never not found.
    The newest 10,000 rows of each history are read.

    An id of your own may be one that you have used before. On the live exchange what was made more
    than ten minutes before the signature is not taken for what was sent; a sandbox's market has a
    time of its own, so there nothing is left out. What is found by such an id, alone, is named with
    a caution: it may be the earlier one. Where several fit, it is unclear. An id that bpkit made
    (``error.unique_id``) needs none of this.

    Raises InputError for an error of a read (call it again), of a write about which orders,
    strategies and withdrawals say nothing, or of another exchange or account than the client's;
    ApiError or TransportError where looking fails: nothing is lost then, call it again.
    """
    if not isinstance(error, TransportError):
        kind = type(error).__name__
        raise InputError("error", kind, "is no TransportError; of others it is known what became")
    if not error.mutates:
        raise InputError("error", error.operation, "only reads: it is safe to call it again")
    sent = error.parameters
    wants = [sent] if isinstance(sent, Mapping) else [*sent]
    if error.sent:
        _check(error, wants)
        _check_client(client, error)
        until = Deadline(client, error, sleep if wait else None)
        found = _LOOKS[error.operation](client, error, wants, until)
    else:
        unsent = Outcome("not found", error.operation, (), None, Decimal(0), "Nothing was sent.")
        found = [unsent for _ in wants]
    return found[0] if isinstance(sent, Mapping) else found


def _check(error: TransportError, wants: Sequence[Row]) -> None:
    if error.operation not in _LOOKS:
        raise InputError("error", error.operation, f"is looked up by hand. {error.outcome}")
    if not wants or not all("symbol" in one for one in wants):
        # Not repeated: a token may be among them.
        remedy = "names no symbol, so nothing can be told apart: look at the lists yourself"
        raise InputError(
            "error.parameters", sorted({name for one in wants for name in one}), remedy
        )


def _check_client(client: Looks, error: TransportError) -> None:
    """Another account, or another exchange, shows nothing of it: no trace there proves nothing."""
    remedy = "look with the client that sent it, or with one for the same exchange and key"
    if error.url not in (None, client.url):
        raise InputError("client.url", client.url, f"it was sent to {error.url}: {remedy}")
    own = None if client.key is None else client.key.public_key
    if error.public_key not in (None, own):
        raise InputError(
            "client.key.public_key", own, f"it was signed by {error.public_key}: {remedy}"
        )


def _placed(
    client: Looks, error: TransportError, wants: Sequence[Row], until: Deadline
) -> list[Outcome]:
    """Orders, or a strategy, that were to be placed."""
    operation, age = error.operation, age_of(client, error)
    kind = STRATEGIES if operation == "strategy_create" else ORDERS

    def look() -> list[Outcome]:
        seen = Look(client, kind, wants, age)
        judge = Judge(operation, kind, seen, until)
        given = _shared_out([seen.of(want) for want in wants])
        return [judge.placed(want, *fit) for want, fit in zip(wants, given, strict=True)]

    found = look()
    if any(one.state in ("not found", "unclear") for one in found) and until.wait():
        found = look()
    return found


def _cancelled(
    client: Looks, error: TransportError, wants: Sequence[Row], until: Deadline
) -> list[Outcome]:
    """One order or strategy that was to be cancelled."""
    operation = error.operation
    kind = STRATEGIES if operation == "cancel_strategy" else ORDERS
    (want,) = wants

    def look() -> Outcome:
        return Judge(operation, kind, Look(client, kind, wants, ANY_AGE), until).cancelled(want)

    found = look()
    if found.state in ("rested", "not found", "unclear") and until.wait():
        found = look()
    return [found]


def _all_cancelled(
    client: Looks, error: TransportError, wants: Sequence[Row], until: Deadline
) -> list[Outcome]:
    """What is left of a market. Asked when nothing can arrive any more and end what comes."""
    operation = error.operation
    kind = STRATEGIES if operation == "cancel_open_strategies" else ORDERS
    (want,) = wants
    until.wait()
    found = rows_of(client, kind.opened, symbol=want["symbol"])
    left = [row for row in found if _meant(row, want)]
    verdict = until.verdict("The request")
    if left:
        evidence = tuple({"source": kind.opened, **row} for row in left)
        why = f"{len(left)} still open. {verdict}"
        return [Outcome("rested", operation, evidence, None, Decimal(0), why)]
    asked = {"source": kind.opened, "rows": len(found), "complete": True}
    why = f"Nothing of it is open, whether by this request or not. {verdict}"
    return [Outcome("cancelled", operation, (asked, until.row), None, Decimal(0), why)]


def _meant(row: Row, want: Row) -> bool:
    """Is this one that the cancel of all was to end?"""
    if want.get("orderType") is not None:
        return (row["status"] == "TriggerPending") == (want["orderType"] == "ConditionalOrder")
    return want.get("strategyType") in (None, row.get("strategyType", want.get("strategyType")))


def _withdrawn(
    client: Looks, error: TransportError, wants: Sequence[Row], until: Deadline
) -> list[Outcome]:
    """A withdrawal. Nothing that was sent is repeated: a token may be among it."""
    operation, age = error.operation, age_of(client, error)
    want = {**wants[0], "toAddress": wants[0].get("address")}
    own = want.get("clientId")

    def look() -> Outcome:
        by_id = {} if own is None else {"client_id": own}
        found, complete = pages(client, "get_withdrawals", age, **by_id)
        every = [{"source": "get_withdrawals", **row} for row in found]
        rows = [row for row in every if not age.foreign(row)]
        # Whether the quantity is shown with its fee is not documented.
        fits = WITHDRAWALS.fitting(rows, want) or [
            row for row in rows
            if WITHDRAWALS.named(row, want)
            and same_address(want["toAddress"], row.get("toAddress"))
        ]  # fmt: skip
        if not fits:
            asked = {"source": "get_withdrawals", "rows": len(every), "complete": complete}
            earlier = WITHDRAWALS.fitting([row for row in every if age.foreign(row)], want)
            return nothing(operation, (asked, until.row), until, earlier)
        if len(fits) > 1:
            return unclear(operation, fits, f"{len(fits)} withdrawals fit.")
        (row,) = fits
        if wrong := WITHDRAWALS.differs(row, want):
            return unclear(operation, fits, f"One comes near, but its {wrong} is another.")
        name = f"Withdrawal {row['id']} of {created(row)}"
        why = f"{name} was accepted, and is {row['status']}.{caution(WITHDRAWALS, want, age)}"
        return Outcome("accepted", operation, (row,), row, Decimal(0), why)

    found = look()
    if found.state in ("not found", "unclear") and until.wait():
        found = look()
    return [found]


_LOOKS = {
    "execute_order": _placed,
    "execute_order_batch": _placed,
    "strategy_create": _placed,
    "cancel_order": _cancelled,
    "cancel_strategy": _cancelled,
    "cancel_open_orders": _all_cancelled,
    "cancel_open_strategies": _all_cancelled,
    "request_withdrawal": _withdrawn,
}


def _shared_out(fits: Sequence[Sequence[Row]]) -> list[tuple[Sequence[Row], int]]:
    """Which rows are whose, and how many of what was sent have a claim to them.

    Orders that read the same fit the same rows. Where there is a row for each, each gets one.
    """
    given: list[tuple[Sequence[Row], int]] = []
    for place, rows in enumerate(fits):
        alike = [other for other, found in enumerate(fits) if found == rows]
        if len(alike) == len(rows):
            given.append(([rows[alike.index(place)]], 1))
        else:
            given.append((rows, len(alike)))
    return given
