"""What accounts lend and borrow: their open and closed loans, movements, interest, and the JSON.

A loan is what an account has lent or borrowed of one asset. Its quantity is above 0 if it is lent,
below 0 if it is borrowed. An account has at most one open loan of each asset.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from ..formatting import iso, plain
from ..undo import Undoable
from .ledger import ZERO, fine, fitted

Json = dict[str, Any]
INTERVAL_MS = 3_600_000  # interest is charged for whole hours


@dataclass(eq=False)
class Loan(Undoable):
    """``source``: what opened it. ``quantity`` and ``interest`` (received minus paid) are in the
    asset. ``rates``: the sum of the yearly rates of its ``hours``."""

    id: str
    asset: str
    side: str  # Borrow or Lend
    source: str
    opened_us: int
    quantity: Decimal = ZERO
    interest: Decimal = ZERO
    rates: Decimal = ZERO
    hours: int = 0
    state: str = "Open"  # or Closed

    @property
    def lent(self) -> Decimal:
        """The quantity that is lent; 0 of a borrow."""
        return max(ZERO, self.quantity)

    @property
    def borrowed(self) -> Decimal:
        """The quantity that is borrowed; 0 of a lend."""
        return max(ZERO, self.quantity.copy_negate())

    def history(self) -> Json:
        """``BorrowLendPositionRow``."""
        with fine():
            rate = fitted(self.rates / self.hours) if self.hours else ZERO
        return {
            "avgInterestRate": plain(rate),
            "createdAt": iso(self.opened_us),
            "cumulativeInterest": plain(self.interest),
            "positionId": self.id,
            "quantity": plain(self.quantity.copy_abs()),
            "side": self.side,
            "source": self.source,
            "symbol": self.asset,
        }


class Movement(NamedTuple):
    """One change of a loan. ``total``: its quantity after it. ``order_id``: of spot margin."""

    time_us: int
    event: str  # Borrow, BorrowRepay, Lend, LendRedeem
    loan_id: str
    asset: str
    quantity: Decimal
    total: Decimal
    source: str
    order_id: str | None

    def wire(self) -> Json:
        """``BorrowLendMovement``."""
        return {
            "eventType": self.event,
            "positionId": self.loan_id,
            "positionQuantity": plain(self.total),
            "quantity": plain(self.quantity),
            "source": self.source,
            "spotMarginOrderId": self.order_id,
            "symbol": self.asset,
            "timestamp": iso(self.time_us),
        }


class InterestPayment(NamedTuple):
    """The interest of one hour, received (above 0) or paid. ``rate``: a year's, as a fraction."""

    time_us: int
    loan_id: str
    asset: str
    market: str
    quantity: Decimal
    rate: Decimal

    def wire(self) -> Json:
        """``InterestPayment``."""
        return {
            "interestRate": plain(self.rate),
            "interval": INTERVAL_MS,
            "marketSymbol": self.market,
            "paymentType": "Lend" if self.quantity > 0 else "Borrow",
            "positionId": self.loan_id,
            "quantity": plain(self.quantity),
            "symbol": self.asset,
            "timestamp": iso(self.time_us),
        }
