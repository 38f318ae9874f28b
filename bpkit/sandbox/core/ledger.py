"""What an account owns, exact to the last digit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import (
    ROUND_DOWN,
    ROUND_HALF_EVEN,
    ROUND_UP,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
    localcontext,
)

from ..formatting import plain

# Room for the largest number that an order may name times the finest unit. If something should be
# rounded all the same, that is an error, never a silent loss.
EXACT = Context(prec=160, traps=[DivisionByZero, Inexact, InvalidOperation, Overflow])
ZERO = Decimal(0)
# For what has no last digit (averages, roots): so fine that only ``fitted`` decides what is shown.
FINE = Context(prec=120, rounding=ROUND_HALF_EVEN)
MICRO = Decimal("0.000001")  # what payments of futures are rounded to
MANTISSA = 2**96  # the exchange's own decimals: a mantissa below this, and 28 decimals at most


@contextmanager
def exact() -> Iterator[None]:
    """Reckon without rounding: ``with exact():``, or ``@exact()`` over a function.

    Elsewhere even ``-amount`` may round, to the 28 digits of the ordinary context.
    """
    with localcontext(EXACT):
        yield


@contextmanager
def fine() -> Iterator[None]:
    """Reckon with 120 digits, where a division may leave no last digit."""
    with localcontext(FINE):
        yield


def cut(amount: Decimal) -> Decimal:
    """To 6 decimals, toward zero."""
    return amount.quantize(MICRO, ROUND_DOWN, FINE)


def raised(amount: Decimal) -> Decimal:
    """To 6 decimals, away from zero: as fees are rounded."""
    return amount.quantize(MICRO, ROUND_UP, FINE)


def rounded(amount: Decimal) -> Decimal:
    """To 6 decimals, to the nearest."""
    return amount.quantize(MICRO, ROUND_HALF_EVEN, FINE)


def fitted(amount: Decimal) -> Decimal:
    """As many digits as the exchange's own decimals hold: 28 or 29, and at most 28 decimals."""
    exponent = max(-28, amount.adjusted() - 28)
    fit = amount.quantize(Decimal(1).scaleb(exponent), ROUND_HALF_EVEN, FINE)
    if abs(int(fit.scaleb(-exponent, FINE))) >= MANTISSA:
        fit = amount.quantize(Decimal(1).scaleb(exponent + 1), ROUND_HALF_EVEN, FINE)
    return fit


class Balances:
    """Balances of many assets, each in units of that asset, part of it locked in open orders.

    ArithmeticError: something would become negative. The engine asks first, so that this is a fault
    of the engine, not of an order.
    """

    def __init__(self, funds: Mapping[str, Decimal]) -> None:
        self._available: dict[str, Decimal] = {}
        self._locked: dict[str, Decimal] = {}
        for asset, amount in funds.items():
            self.gain(asset, amount)

    def available(self, asset: str) -> Decimal:
        """What is free to spend, in units of the asset."""
        return self._available.get(asset, ZERO)

    def locked(self, asset: str) -> Decimal:
        """What open orders hold, in units of the asset."""
        return self._locked.get(asset, ZERO)

    def assets(self) -> list[str]:
        """Those of which there is anything, in alphabetical order."""
        return sorted(
            asset
            for asset in self._available.keys() | self._locked.keys()
            if self.available(asset) or self.locked(asset)
        )

    def gain(self, asset: str, amount: Decimal) -> None:
        """Add to what is available."""
        if amount < 0:
            raise ArithmeticError(f"a gain of {amount} {asset}")
        _change(self._available, asset, amount)

    def spend(self, asset: str, amount: Decimal) -> None:
        """Take from what is available."""
        _change(self._available, asset, amount.copy_negate())

    def lock(self, asset: str, amount: Decimal) -> None:
        """Move from available to locked."""
        _change(self._available, asset, amount.copy_negate())
        _change(self._locked, asset, amount)

    def release(self, asset: str, amount: Decimal) -> None:
        """Move from locked back to available."""
        _change(self._locked, asset, amount.copy_negate())
        _change(self._available, asset, amount)

    def wire(self) -> dict[str, dict[str, str]]:
        """As ``/api/v1/capital`` shows it: only what is not zero."""
        return {
            asset: {
                "available": plain(self.available(asset)),
                "locked": plain(self.locked(asset)),
                "staked": "0",
            }
            for asset in self.assets()
        }


def _change(amounts: dict[str, Decimal], asset: str, change: Decimal) -> None:
    amount = EXACT.add(amounts.get(asset, ZERO), change)
    if amount < 0:
        raise ArithmeticError(f"{amount} {asset}")
    amounts[asset] = amount
