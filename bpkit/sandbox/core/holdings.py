"""What an account has of one asset, and what it has after it pays or receives.

An account pays with what is available, then with what it has lent, then with what it borrows.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from .ledger import ZERO, exact
from .orders import EngineAccount


class Holding(NamedTuple):
    """Of one asset: what is available, lent and borrowed, each 0 or more."""

    available: Decimal
    lent: Decimal
    borrowed: Decimal

    @exact()
    def paid(self, amount: Decimal) -> Holding:
        """After an amount was paid."""
        cash = min(amount, self.available)
        redeemed = min(amount - cash, self.lent)
        owed = self.borrowed + (amount - cash - redeemed)
        return Holding(self.available - cash, self.lent - redeemed, owed)

    @exact()
    def received(self, amount: Decimal, repays: bool = False) -> Holding:
        """After an amount was received. ``repays``: what is borrowed is repaid with it."""
        back = min(amount, self.borrowed) if repays else ZERO
        return Holding(self.available + amount - back, self.lent, self.borrowed - back)


def holding(account: EngineAccount, asset: str) -> Holding:
    """What the account has of an asset now, without what orders lock."""
    available, loan = account.balances.available(asset), account.loans.get(asset)
    if loan is None:
        return Holding(available, ZERO, ZERO)
    return Holding(available, loan.lent, loan.borrowed)


def owing(
    account: EngineAccount, changed: Mapping[str, Holding] | None = None
) -> dict[str, Decimal]:
    """Asset -> what is borrowed, and what open orders with autoBorrow may still borrow.

    ``changed``: holdings of some assets that take the place of the account's own.
    """
    after = changed or {}
    if not (account.loans or account.wanted or after):
        return {}  # as for most accounts
    found = {}
    for asset in sorted(account.loans.keys() | account.wanted.keys() | after.keys()):
        held = after[asset] if asset in after else holding(account, asset)
        with exact():
            wanted = account.wanted.get(asset, ZERO) - held.available - held.lent
            quantity = held.borrowed + max(ZERO, wanted)
        if quantity:
            found[asset] = quantity
    return found
