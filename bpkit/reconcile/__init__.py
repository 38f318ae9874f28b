"""Find out what became of an order whose answer was lost. Only reads, and never sends it again.

The exchange refuses a request that arrives after its signature has expired, at ``time + window`` by
its own clock. So "not found" is only said after a search that begins after that moment and reads
every list to its end. It is not documented how long the exchange may hold a request that it has
accepted, or how soon the histories show it. One second is added for both, which is a guess.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from ..errors import InputError, TransportError
from ..results import same_address
from .search import (
    NO_CUTOFF,
    ORDERS,
    STRATEGIES,
    WITHDRAWALS,
    Row,
    created,
    cutoff_of,
    read_pages,
    read_rows,
    search,
)
from .verdict import Outcome, SignatureExpiry, cancelled, caution, not_found, placed, unclear

if TYPE_CHECKING:
    from ..client import Client

__all__ = ["Outcome", "reconcile"]


def reconcile(
    client: Client,
    error: TransportError,
    *,
    wait: bool = True,
    sleep: Callable[[float], None] = time.sleep,
) -> Outcome | list[Outcome]:
    """What became of the write that ended in ``error``. Only reads; it never sends it again.

    Of a batch: a list, one Outcome for each order, in the order in which they were sent.

    If nothing is found (of a cancel: if the order is still open), the request may be on its way
    until its signature expires, at ``time + window`` by the exchange's clock. ``wait``: wait for
    that and search once more. It waits two minutes at most, and writes a line to stderr if it waits
    more than a second. False: answer at once. While the request may still arrive, the state is
    unclear, never not found. The newest 10,000 rows of each history are read.

    You may have used your own id before. On the live exchange a row that was made more than ten
    minutes before the signature is not taken for what was sent. A sandbox's market has its own
    time, so there no row is left out. An outcome that rests on such an id alone has a warning: it
    may be the earlier order. If several rows fit, it is unclear. None of this concerns an id that
    bpkit made (``error.unique_id``).

    Raises InputError for an error of a read (call it again), of a write that orders, strategies and
    withdrawals do not show, or of another exchange or account than the client's; ApiError or
    TransportError if the search fails: nothing is lost then, call it again.
    """
    if not isinstance(error, TransportError):
        remedy = "is not a TransportError; pass the error that the call raised"
        raise InputError("error", type(error), remedy)
    if not error.mutates:
        raise InputError("error", error.operation, "only reads: it is safe to call it again")
    sent = error.parameters
    wants = [sent] if isinstance(sent, Mapping) else [*sent]
    if error.sent:
        _check(error, wants)
        _check_client(client, error)
        expiry = SignatureExpiry(client, error, sleep if wait else None)
        found = _SEARCHES[error.operation](client, error, wants, expiry)
    else:
        why = "Nothing was sent. You can send it again."
        unsent = Outcome("not found", error.operation, (), None, Decimal(0), why)
        found = [unsent for _ in wants]
    return found[0] if isinstance(sent, Mapping) else found


def _check(error: TransportError, wants: Sequence[Row]) -> None:
    if error.operation not in _SEARCHES:
        remedy = f"cannot be found by reconcile: look yourself. {error.outcome}"
        raise InputError("error", error.operation, remedy)
    if not wants or not all("symbol" in one for one in wants):
        # The values are not repeated: a second factor may be among them.
        names = sorted({name for one in wants for name in one})
        remedy = "has no symbol, so it cannot be found: look at the open orders yourself"
        raise InputError("error.parameters", names, remedy)


def _check_client(client: Client, error: TransportError) -> None:
    """Another account or exchange does not show the order, so finding nothing proves nothing."""
    remedy = "use the client that sent it, or one for the same exchange and key"
    if error.url not in (None, client.url):
        raise InputError("client.url", client.url, f"it was sent to {error.url}: {remedy}")
    own = None if client.key is None else client.key.public_key
    if error.public_key not in (None, own):
        raise InputError(
            "client.key.public_key", own, f"it was signed by {error.public_key}: {remedy}"
        )


def _placed(
    client: Client, error: TransportError, wants: Sequence[Row], expiry: SignatureExpiry
) -> list[Outcome]:
    """Orders, or a strategy, that were to be placed."""
    cutoff = cutoff_of(client, error)
    target = STRATEGIES if error.operation == "strategy_create" else ORDERS

    def look() -> list[Outcome]:
        found = search(client, target, wants, cutoff)
        assigned = _assign_rows([found.of(want) for want in wants])
        return [
            placed(found, expiry, want, rows, claims)
            for want, (rows, claims) in zip(wants, assigned, strict=True)
        ]

    outcomes = look()
    if any(one.state in ("not found", "unclear") for one in outcomes) and expiry.wait():
        outcomes = look()
    return outcomes


def _cancelled(
    client: Client, error: TransportError, wants: Sequence[Row], expiry: SignatureExpiry
) -> list[Outcome]:
    """One order or strategy that was to be cancelled."""
    target = STRATEGIES if error.operation == "cancel_strategy" else ORDERS
    (want,) = wants

    def look() -> Outcome:
        return cancelled(search(client, target, wants, NO_CUTOFF), expiry, want)

    outcome = look()
    if outcome.state in ("rested", "not found", "unclear") and expiry.wait():
        outcome = look()
    return [outcome]


def _all_cancelled(
    client: Client, error: TransportError, wants: Sequence[Row], expiry: SignatureExpiry
) -> list[Outcome]:
    """What is left in a market. Asked when the cancel can no longer arrive and end anything."""
    operation = error.operation
    target = STRATEGIES if operation == "cancel_open_strategies" else ORDERS
    (want,) = wants
    expiry.wait()
    rows = read_rows(client, target.opened, symbol=want["symbol"])
    left = [row for row in rows if _is_in_scope(row, want)]
    verdict = expiry.verdict("The cancel")
    if left:
        evidence = tuple({"source": target.opened, **row} for row in left)
        why = f"Not all cancelled: {len(left)} still open. {verdict}"
        return [Outcome("rested", operation, evidence, None, Decimal(0), why)]
    asked = {"source": target.opened, "rows": len(rows), "complete": True}
    why = f"None of it is open, whether this request did it or not. {verdict}"
    return [Outcome("cancelled", operation, (asked, expiry.row), None, Decimal(0), why)]


def _is_in_scope(row: Row, want: Row) -> bool:
    """Is this one that the cancel of all was to end?"""
    if want.get("orderType") is not None:
        return (row["status"] == "TriggerPending") == (want["orderType"] == "ConditionalOrder")
    return want.get("strategyType") in (None, row.get("strategyType", want.get("strategyType")))


def _withdrawn(
    client: Client, error: TransportError, wants: Sequence[Row], expiry: SignatureExpiry
) -> list[Outcome]:
    """A withdrawal. What was sent is not repeated: a second factor may be in it."""
    want = {**wants[0], "toAddress": wants[0].get("address")}
    outcome = _withdrawal(client, error, want, expiry)
    if outcome.state in ("not found", "unclear") and expiry.wait():
        outcome = _withdrawal(client, error, want, expiry)
    return [outcome]


def _withdrawal(
    client: Client, error: TransportError, want: Row, expiry: SignatureExpiry
) -> Outcome:
    source, cutoff, own = WITHDRAWALS.opened, cutoff_of(client, error), want.get("clientId")
    by_id = {} if own is None else {"client_id": own}
    found, complete = read_pages(client, source, cutoff, **by_id)
    every = [{"source": source, **row} for row in found]
    rows = [row for row in every if not cutoff.is_older(row)]
    # It is not documented whether the quantity is shown with its fee.
    fits = WITHDRAWALS.fitting(rows, want) or [
        row for row in rows
        if WITHDRAWALS.named(row, want) and same_address(want["toAddress"], row.get("toAddress"))
    ]  # fmt: skip
    if not fits:
        asked = {"source": source, "rows": len(every), "complete": complete}
        earlier = WITHDRAWALS.fitting([row for row in every if cutoff.is_older(row)], want)
        return not_found(expiry, (asked,), earlier)
    if len(fits) > 1:
        return unclear(expiry, fits, f"{len(fits)} withdrawals fit.")
    (row,) = fits
    if wrong := WITHDRAWALS.differs(row, want):
        return unclear(expiry, fits, f"One withdrawal is close, but its {wrong} is another.")
    why = f"Do not send it again. Withdrawal {row['id']} of {created(row)} was accepted; its "
    why += f"status is {row['status']}.{caution(WITHDRAWALS, want, cutoff)}"
    return Outcome("accepted", error.operation, (row,), row, Decimal(0), why)


_SEARCHES = {
    "execute_order": _placed,
    "execute_order_batch": _placed,
    "strategy_create": _placed,
    "cancel_order": _cancelled,
    "cancel_strategy": _cancelled,
    "cancel_open_orders": _all_cancelled,
    "cancel_open_strategies": _all_cancelled,
    "request_withdrawal": _withdrawn,
}


def _assign_rows(fits: Sequence[Sequence[Row]]) -> list[tuple[Sequence[Row], int]]:
    """Which rows belong to which order, and how many of the orders sent claim them.

    Equal orders fit the same rows. If there is a row for each of them, each gets one.
    """
    assigned: list[tuple[Sequence[Row], int]] = []
    for place, rows in enumerate(fits):
        equal = [other for other, found in enumerate(fits) if found == rows]
        if len(equal) == len(rows):
            assigned.append(([rows[equal.index(place)]], 1))
        else:
            assigned.append((rows, len(equal)))
    return assigned
