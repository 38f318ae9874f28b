"""Note in the journal what ``reconcile`` has found out, so that a write is not open any more."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from ..errors import InputError, TransportError
from . import reconcile
from .verdict import Outcome

if TYPE_CHECKING:
    from ..client import Client


def reconcile_and_note(
    client: Client, lost: TransportError, *, wait: bool
) -> Outcome | list[Outcome]:
    """What became of a write. A write that never arrived counts no more against the limits."""
    found = reconcile(client, lost, wait=wait)
    _note(client, lost, [found] if isinstance(found, Outcome) else found)
    return found


def reconcile_all(client: Client, *, wait: bool) -> list[Outcome]:
    """What became of every open write, oldest first; unclear if it cannot be found."""
    outcomes: list[Outcome] = []
    for lost in client.unanswered:
        try:
            found = reconcile_and_note(client, lost, wait=wait)
        except InputError as error:  # not one of those that orders and withdrawals show
            found = Outcome("unclear", lost.operation, (), None, Decimal(0), str(error))
        outcomes += [found] if isinstance(found, Outcome) else found
    return outcomes


def _note(client: Client, lost: TransportError, outcomes: Sequence[Outcome]) -> None:
    states = [one.state for one in outcomes]
    counts = client._transport.guard.found(lost.attempt, [one == "not found" for one in states])
    if client.journal is not None and client.journal.knows(lost.attempt):
        client.journal.resolved(
            str(lost.attempt), states, [row for one in outcomes for row in one.evidence],
            [one.executed for one in outcomes], counts,
        )  # fmt: skip
