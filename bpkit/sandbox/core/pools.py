"""The lending market of one asset: who has lent and borrowed how much, rates and limits.

Utilization is what is borrowed divided by what is lent. The yearly rate of borrowers rises in a
straight line to 8 % at the optimal utilization, then in a steeper one to 58 % at a utilization of
1. Lenders share what borrowers pay, less the exchange's fee.
"""

from __future__ import annotations

from bisect import bisect_right
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_UP, Decimal
from typing import Any, NamedTuple

from ..formatting import iso, plain
from ..simulation.lenders import others
from ..simulation.synthetic import HOUR
from ..undo import Undoable, UndoList
from .ledger import ZERO, exact, fine
from .rules import Refusal, bad_request

AT_OPTIMAL, AT_FULL = Decimal("0.08"), Decimal("0.58")  # a year
HOURS_A_YEAR = 8_760
DIGITS = Decimal("1e-8")  # of utilization and rates
FINEST = Decimal("1e-12")  # interest has 12 decimals

Json = dict[str, Any]


class Rates(NamedTuple):
    """Of one moment, as fractions: ``borrow`` and ``lend`` are a year's."""

    utilization: Decimal
    borrow: Decimal
    lend: Decimal


class Hour(NamedTuple):
    """What accounts had lent and borrowed at the end of an hour, with its interest."""

    time_us: int
    lent: Decimal
    borrowed: Decimal


class Pool(Undoable):
    """``raw``: the asset's row in ``catalogue.json``. ``lent`` and ``borrowed``: by accounts; the
    simulated others come from the seed."""

    def __init__(self, raw: dict[str, Any], seed: str) -> None:
        self.asset: str = raw["symbol"]
        self.lent = self.borrowed = ZERO
        self.step = Decimal(raw["stepSize"])
        self.fee = Decimal(raw["fee"])
        self.raw, self._seed = raw, seed
        self._hours: UndoList[Hour] = UndoList()  # those at which an account had a loan of it

    def change(self, before: Decimal, after: Decimal) -> None:
        """A loan of an account has changed its quantity."""
        with exact():
            self.lent += max(ZERO, after) - max(ZERO, before)
            self.borrowed += max(ZERO, -after) - max(ZERO, -before)

    def close_hour(self, now_us: int) -> None:
        """Remember what accounts have lent and borrowed at the end of an hour."""
        self._hours.append(Hour(now_us, self.lent, self.borrowed))

    def totals(self, now_us: int) -> tuple[Decimal, Decimal]:
        """What is lent and borrowed now, by everybody."""
        lent, borrowed = others(self._seed, self.raw, now_us)
        with exact():
            return lent + self.lent, borrowed + self.borrowed

    def rates(self, now_us: int) -> Rates:
        """The rates now."""
        return self._rates(*self.totals(now_us))

    def _rates(self, lent: Decimal, borrowed: Decimal) -> Rates:
        optimal = self._number("optimalUtilization")
        with fine():
            used = (borrowed / lent).quantize(DIGITS, ROUND_DOWN)
            if used <= optimal:
                rate = AT_OPTIMAL * used / optimal
            else:
                steep = (AT_FULL - AT_OPTIMAL) / (1 - optimal)
                rate = AT_OPTIMAL + (used - optimal) * steep
            rate = rate.quantize(DIGITS, ROUND_HALF_EVEN)
            earned = (rate * used * (1 - self.fee)).quantize(DIGITS, ROUND_DOWN)
        return Rates(used, rate, earned)

    # Limits

    def bound(self, now_us: int) -> Decimal:
        """The highest utilization that a borrow or a redemption may lead to in this hour.

        It is the maximum, or less: above the threshold it rises in an hour by no more than a
        fraction of what is left to the maximum.
        """
        start_us = now_us // HOUR * HOUR
        begun = self._rates(*self._past(start_us)).utilization
        least, most = self._number("throttleUtilizationThreshold"), self._number("maxUtilization")
        with fine():
            begun = max(least, begun)
            bound = begun + max(ZERO, most - begun) * self._number("throttleUpdateFraction")
            return min(most, bound.quantize(DIGITS, ROUND_DOWN))

    def refusal(self, now_us: int, borrow: Decimal, redeem: Decimal = ZERO) -> Refusal | None:
        """The refusal of a borrow, a redemption, or both at once; None: the pool allows it."""
        lent, borrowed = self.totals(now_us)
        with exact():
            if borrow and borrowed + borrow > self._number("openBorrowLendLimit"):
                return bad_request("Borrow limit exceeded", "BORROW_LIMIT")
            over = borrowed + borrow > self.bound(now_us) * (lent - redeem)
        if over and (borrow or redeem):
            return bad_request("Insufficient supply", "INSUFFICIENT_SUPPLY")
        return None

    def room(self, now_us: int) -> tuple[Decimal, Decimal]:
        """The largest borrow and the largest redemption that the pool allows now."""
        lent, borrowed = self.totals(now_us)
        bound = self.bound(now_us)
        with fine():
            limit = self._number("openBorrowLendLimit") - borrowed
            borrow = min(limit, bound * lent - borrowed).quantize(FINEST, ROUND_DOWN)
            redeem = (lent - borrowed / bound).quantize(FINEST, ROUND_DOWN)
        return max(ZERO, borrow), max(ZERO, redeem)

    def lendable(self, now_us: int) -> Decimal:
        """The largest quantity that can be lent now."""
        with exact():
            return max(ZERO, self._number("openBorrowLendLimit") - self.totals(now_us)[0])

    # Interest

    def interest(self, quantity: Decimal, rates: Rates) -> Decimal:
        """The interest of an hour on a loan: above 0 is received. What is paid is rounded up, what
        is received is rounded down, to 12 decimals."""
        rate, rounding = (rates.lend, ROUND_DOWN) if quantity > 0 else (rates.borrow, ROUND_UP)
        with fine():
            return (quantity * rate / HOURS_A_YEAR).quantize(FINEST, rounding)

    def fee_of(self, interest: Decimal) -> Decimal:
        """The exchange's fee, of the interest that a borrower pays: rounded down to 12 decimals."""
        with fine():
            return (interest * self.fee).quantize(FINEST, ROUND_DOWN)

    # Answers

    def wire(self, now_us: int, price: Decimal) -> Json:
        """``BorrowLendMarket``."""
        (lent, borrowed), rates = self.totals(now_us), self.rates(now_us)
        return self.raw | {
            "assetMarkPrice": plain(price),
            "borrowInterestRate": plain(rates.borrow),
            "borrowedQuantity": plain(borrowed),
            "lendInterestRate": plain(rates.lend),
            "lentQuantity": plain(lent),
            "throttleUtilizationBound": plain(self.bound(now_us)),
            "timestamp": iso(now_us) + "Z",
            "utilization": plain(rates.utilization),
        }

    def history(self, at_us: int) -> Json:
        """``BorrowLendHistory`` of the end of an hour."""
        lent, borrowed = self._past(at_us)
        rates = self._rates(lent, borrowed)
        return {
            "borrowInterestRate": plain(rates.borrow),
            "borrowedQuantity": plain(borrowed),
            "lendInterestRate": plain(rates.lend),
            "lentQuantity": plain(lent),
            "timestamp": iso(at_us) + "Z",
            "utilization": plain(rates.utilization),
        }

    def _past(self, at_us: int) -> tuple[Decimal, Decimal]:
        """What everybody had lent and borrowed at the end of an hour."""
        lent, borrowed = others(self._seed, self.raw, at_us)
        place = bisect_right(self._hours, at_us, key=_time) - 1
        if place < 0 or self._hours[place].time_us != at_us:
            return lent, borrowed
        with exact():
            return lent + self._hours[place].lent, borrowed + self._hours[place].borrowed

    def _number(self, name: str) -> Decimal:
        return Decimal(self.raw[name])


def _time(hour: Hour) -> int:
    return hour.time_us
