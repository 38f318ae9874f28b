"""Lots: what was paid for the assets that are there, and the gain of each disposal. No request.

A lot has a quantity and the cost of all of it, never the cost of one unit: such a quotient has no
last digit. The only division is the cost of a part of a lot. It is rounded once, to 12 decimals,
half to even, and what is left stays in the lot. So the costs that leave a lot add up to what went
in, to the last digit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from itertools import groupby
from typing import Literal, NamedTuple

from .movements import CURRENCY, EXACT, Movement

Method = Literal["FIFO", "average"]
STEP = Decimal("0.000000000001")
_FINE = Context(prec=160, rounding=ROUND_HALF_EVEN)
_ZERO = Decimal(0)


class Part(NamedTuple):
    """A part of a lot that left. ``cost``: None if the lot's is unknown."""

    acquired: datetime | None  # None: of a pool of many lots, or of what was never acquired
    source_id: str
    quantity: Decimal
    cost: Decimal | None


@dataclass(frozen=True)
class Lot:
    """What is left of an acquisition; ``cost`` of all of it in USDC, None: unknown."""

    acquired: datetime
    asset: str
    quantity: Decimal
    cost: Decimal | None
    source_id: str


@dataclass(frozen=True)
class Disposal:
    """What left an asset's lots. ``gain`` is ``proceeds`` - ``cost``, in USDC; None: unknown.

    A withdrawal has no proceeds and no gain. A fee that is paid in the asset that is bought or sold
    is no disposal of its own. ``held_days``: of the oldest lot; None with average cost.
    """

    time: datetime
    kind: str
    asset: str
    quantity: Decimal
    proceeds: Decimal | None
    cost: Decimal | None
    gain: Decimal | None
    source_id: str
    lots: tuple[Part, ...]
    held_days: int | None


@dataclass
class Books:
    """The disposals, oldest first, and the lots that are left, by the order of acquisition."""

    method: Method
    disposals: list[Disposal] = field(default_factory=list)
    _lots: dict[str, list[Lot]] = field(default_factory=lambda: defaultdict(list))

    @property
    def left(self) -> list[Lot]:
        """The lots that are left."""
        return [lot for asset in sorted(self._lots) for lot in self._lots[asset]]

    def acquire(self, one: Movement, quantity: Decimal, cost: Decimal | None) -> None:
        """Add a lot; with average cost, to the asset's only one."""
        lots = self._lots[one.asset]
        lot = Lot(one.time, one.asset, quantity, cost, one.source_id)
        if self.method == "average" and lots:
            old = lots.pop()
            both = None if old.cost is None or cost is None else EXACT.add(old.cost, cost)
            lot = replace(old, quantity=EXACT.add(old.quantity, quantity), cost=both)
        lots.append(lot)

    def dispose(self, one: Movement, quantity: Decimal, proceeds: Decimal | None) -> None:
        """Take from the lots, the oldest first. What is not there has no known cost."""
        parts = tuple(self._take(one.asset, quantity))
        costs = [part.cost for part in parts]
        known = [cost for cost in costs if cost is not None]
        cost = _sum(known) if len(known) == len(costs) else None
        gain = None if proceeds is None or cost is None else EXACT.subtract(proceeds, cost)
        oldest = parts[0].acquired if parts else None
        held = None if oldest is None else (one.time - oldest).days
        self.disposals.append(
            Disposal(
                one.time, one.kind, one.asset, quantity, proceeds, cost, gain, one.source_id,
                parts, held,
            )
        )  # fmt: skip

    def _take(self, asset: str, quantity: Decimal) -> Iterator[Part]:
        lots = self._lots[asset]
        while quantity and lots:
            lot = lots.pop(0)
            taken = min(quantity, lot.quantity)
            cost = _share(lot, taken)
            if taken < lot.quantity:
                rest = None if lot.cost is None or cost is None else EXACT.subtract(lot.cost, cost)
                lots.insert(
                    0, replace(lot, quantity=EXACT.subtract(lot.quantity, taken), cost=rest)
                )
            acquired = lot.acquired if self.method == "FIFO" else None
            yield Part(acquired, lot.source_id if self.method == "FIFO" else "", taken, cost)
            quantity = EXACT.subtract(quantity, taken)
        if quantity:
            yield Part(None, "", quantity, None)


def books(
    found: list[Movement], method: Method = "FIFO", cost: Mapping[str, Decimal] | None = None
) -> Books:
    """The lots and disposals of movements that are in order and have values.

    ``cost``: the id of a deposit -> what it had cost, in USDC. Without it the cost of a deposit is
    unknown, and so is the gain of what is sold from it. USDC itself has no lots, and futures have
    none: their profit is a movement of USDC.
    """
    made = Books(method)
    for _, group in groupby(found, key=lambda one: one.group):
        _enter(made, list(group), cost or {})
    return made


def _enter(made: Books, group: list[Movement], cost: Mapping[str, Decimal]) -> None:
    trades = [one for one in group if one.kind == "trade"]
    if trades:
        return _enter_trade(made, trades, [one for one in group if one.kind == "fee"])
    for one in group:
        if one.asset == CURRENCY or not one.amount:
            continue
        if one.amount > 0:
            paid = cost.get(one.source_id) if one.kind == "deposit" else one.value
            made.acquire(one, one.amount, paid if one.kind != "opening" else None)
        else:
            made.dispose(one, -one.amount, _proceeds(one, group))
    return None


def _proceeds(one: Movement, group: list[Movement]) -> Decimal | None:
    """Of what leaves without a trade: dust brings USDC, a fee brings nothing."""
    if one.kind == "dust":
        return _sum([other.amount for other in group if other.asset == CURRENCY])
    return None if one.kind in ("withdrawal", "unexplained") else _ZERO


def _enter_trade(made: Books, trades: list[Movement], fees: list[Movement]) -> None:
    """A fee in an asset of the trade changes what came or went; one in a third is its value.

    A negative fee, a rebate, is treated alike.
    """
    base, quote = trades
    worth = abs(quote.amount) if quote.asset == CURRENCY else _worth(base, quote)
    amounts = {one.asset: one.amount for one in trades}
    for fee in fees:
        if fee.asset in amounts:
            amounts[fee.asset] = EXACT.add(amounts[fee.asset], fee.amount)
            if fee.asset == quote.asset and worth is not None:
                worth = _less_fee(worth, fee, quote)
        elif worth is not None and fee.value is not None:
            worth = EXACT.add(worth, fee.value if base.amount < 0 else -fee.value)
        else:
            worth = None
    for one in trades:
        amount = amounts[one.asset]
        if one.asset == CURRENCY:
            continue
        if one.amount > 0:
            made.acquire(one, amount, worth)
        else:
            made.dispose(one, -amount, worth)
    for fee in fees:
        if fee.asset not in amounts and fee.asset != CURRENCY:
            if fee.amount > 0:
                made.acquire(fee, fee.amount, fee.value)
            else:
                made.dispose(fee, -fee.amount, None if fee.value is None else -fee.value)


def _worth(base: Movement, quote: Movement) -> Decimal | None:
    """Of a trade that is not against USDC: what the quote asset, else the base, is worth."""
    value = quote.value if quote.value is not None else base.value
    return None if value is None else abs(value)


def _less_fee(worth: Decimal, fee: Movement, quote: Movement) -> Decimal:
    """A fee in the quote asset adds to the cost of a purchase, and lowers a sale's proceeds."""
    value = fee.amount if fee.asset == CURRENCY else fee.value
    return worth if value is None else EXACT.add(worth, value if quote.amount > 0 else -value)


def _share(lot: Lot, taken: Decimal) -> Decimal | None:
    if lot.cost is None or taken == lot.quantity:
        return lot.cost
    part = _FINE.divide(EXACT.multiply(lot.cost, taken), lot.quantity)
    return part.quantize(STEP, ROUND_HALF_EVEN, _FINE)


def _sum(amounts: list[Decimal]) -> Decimal:
    total = _ZERO
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total
