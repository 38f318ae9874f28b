"""Exact balances: what is available and locked of each asset, and the arithmetic for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    getcontext,
    setcontext,
)
from functools import wraps
from typing import ParamSpec, TypeVar

from ..formatting import plain
from ..undo import Undoable, UndoDict, UndoTable

Given = ParamSpec("Given")
Result = TypeVar("Result")
# Wide enough for the largest quantity of an order times the smallest unit. A result that would
# have to be rounded raises Inexact.
EXACT = Context(prec=160, traps=[DivisionByZero, Inexact, InvalidOperation, Overflow])
ZERO = Decimal(0)
# For averages and roots, which have no last digit. ``fitted`` rounds them for an answer.
FINE = Context(prec=120, rounding=ROUND_HALF_EVEN)
MICRO = Decimal("0.000001")  # payments of futures have 6 decimals
MANTISSA = 2**96  # the exchange's own decimals: a mantissa below this, and 28 decimals at most


class _Using:
    """Calculate in a context: ``with``, or over a function. It is faster than ``localcontext``,
    which copies the context; an order enters one many times."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def __enter__(self) -> None:
        self._before = getcontext()
        setcontext(self._context)

    def __exit__(self, *_: object) -> None:
        setcontext(self._before)

    def __call__(self, function: Callable[Given, Result]) -> Callable[Given, Result]:
        @wraps(function)
        def inner(*args: Given.args, **named: Given.kwargs) -> Result:
            before = getcontext()
            setcontext(self._context)
            try:
                return function(*args, **named)
            finally:
                setcontext(before)

        return inner


def exact() -> _Using:
    """Calculate without rounding: ``with exact():``, or ``@exact()`` over a function.

    The default context rounds to 28 digits, even for ``-amount``.
    """
    return _Using(EXACT)


def fine() -> _Using:
    """Calculate with 120 digits, for divisions and roots."""
    return _Using(FINE)


def cut(amount: Decimal) -> Decimal:
    """Round to 6 decimals, toward zero."""
    return amount.quantize(MICRO, ROUND_DOWN, FINE)


def raised(amount: Decimal) -> Decimal:
    """Round to 6 decimals, away from zero, as fees are rounded."""
    return amount.quantize(MICRO, ROUND_UP, FINE)


def rounded(amount: Decimal) -> Decimal:
    """Round to 6 decimals, to the nearest."""
    return amount.quantize(MICRO, ROUND_HALF_EVEN, FINE)


def fitted(amount: Decimal) -> Decimal:
    """Round to the digits of the exchange's own decimals: 28 or 29, and at most 28 decimals."""
    exponent = max(-28, amount.adjusted() - 28)
    fit = amount.quantize(Decimal(1).scaleb(exponent), ROUND_HALF_EVEN, FINE)
    if abs(int(fit.scaleb(-exponent, FINE))) >= MANTISSA:
        fit = amount.quantize(Decimal(1).scaleb(exponent + 1), ROUND_HALF_EVEN, FINE)
    return fit


class Balances(Undoable):
    """Balances of many assets, each in units of that asset; open orders lock a part of them.
    ``changes`` gives those that have changed.

    ArithmeticError: a balance would become negative. The engine checks every order first, so this
    is an error of the engine.
    """

    def __init__(self, funds: Mapping[str, Decimal]) -> None:
        self._watch: UndoTable[None] | None = None
        self._name = ""
        self._available: UndoDict[str, Decimal] = UndoDict()
        self._locked: UndoDict[str, Decimal] = UndoDict()
        # asset -> what was available and locked before its first change since ``changes``
        self._before: UndoDict[str, tuple[Decimal, Decimal]] = UndoDict()
        for asset, amount in funds.items():
            self.gain(asset, amount)
        self._before.clear()

    def changes(self) -> list[str]:
        """The assets whose balance is not what it was at the last call, in alphabetical order."""
        changed = [asset for asset, before in self._before.items() if before != self._both(asset)]
        self._before.clear()
        return sorted(changed)

    def available(self, asset: str) -> Decimal:
        """The amount that can be spent, in units of the asset."""
        return self._available.get(asset, ZERO)

    def locked(self, asset: str) -> Decimal:
        """The amount that open orders lock, in units of the asset."""
        return self._locked.get(asset, ZERO)

    def assets(self) -> list[str]:
        """The assets with a balance, in alphabetical order."""
        return sorted(
            asset
            for asset in self._available.keys() | self._locked.keys()
            if self.available(asset) or self.locked(asset)
        )

    def gain(self, asset: str, amount: Decimal) -> None:
        """Add to the available balance."""
        if amount < 0:
            raise ArithmeticError(f"gain of {amount} {asset} is below 0")
        self._change(self._available, asset, amount)

    def spend(self, asset: str, amount: Decimal) -> None:
        """Take from the available balance."""
        self._change(self._available, asset, amount.copy_negate())

    def lock(self, asset: str, amount: Decimal) -> None:
        """Move from available to locked."""
        self._change(self._available, asset, amount.copy_negate())
        self._change(self._locked, asset, amount)

    def release(self, asset: str, amount: Decimal) -> None:
        """Move from locked back to available."""
        self._change(self._locked, asset, amount.copy_negate())
        self._change(self._available, asset, amount)

    def wire(self) -> dict[str, dict[str, str]]:
        """The answer of ``/api/v1/capital``: only assets with a balance."""
        return {
            asset: {
                "available": plain(self.available(asset)),
                "locked": plain(self.locked(asset)),
                "staked": "0",
            }
            for asset in self.assets()
        }

    def report(self, watch: UndoTable[None] | None, name: str) -> None:
        """From now on, each change adds ``name`` to ``watch``. None: to nothing."""
        self._watch, self._name = watch, name
        self.touch()

    def touch(self) -> None:
        """Something else has changed that the account's equity depends on, such as a position."""
        if self._watch is not None and self._name not in self._watch:
            self._watch[self._name] = None

    def _both(self, asset: str) -> tuple[Decimal, Decimal]:
        return self.available(asset), self.locked(asset)

    def _change(self, amounts: dict[str, Decimal], asset: str, change: Decimal) -> None:
        amount = EXACT.add(amounts.get(asset, ZERO), change)
        if amount < 0:
            raise ArithmeticError(f"balance of {amount} {asset} is below 0")
        if asset not in self._before:
            self._before[asset] = self._both(asset)
        amounts[asset] = amount
        self.touch()
