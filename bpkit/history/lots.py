"""Lots: what was paid for the assets that are there, and the gain of each disposal. No request.

A lot has a quantity and the cost of all of it, never the cost of one unit: such a quotient has no
last digit. The only division is the cost of a part of a lot. It is rounded once, to 12 decimals,
half to even, and what is left stays in the lot. So the costs that leave a lot add up to what went
in, to the last digit.

Loans: a balance is what you own less what you owe, and the lots follow it.

- To borrow is no purchase and to repay is no sale. To lend and to redeem are neither.
- A sale takes the units that you own first. What it sells beyond them is a short sale: a short lot,
  a lot with a negative quantity, whose negative cost is what the sale brought.
- A purchase closes short lots first: the oldest first (FIFO), or their pool (average cost). The
  gain is what the short sale brought less what the purchase cost, at the time of the purchase. Only
  what is left of the purchase becomes a lot. So an asset never has lots of both kinds.
- Interest is income or an expense, at the asset's value at that time (``Movement.value``). Interest
  that you get is a lot with that value as its cost. Interest that you pay is a sale at that value.
- A withdrawal of more than you own is a short lot that brought an unknown amount.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
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
    """A part of a lot that left, with the signs of the lot. ``cost``: None if it is unknown."""

    acquired: datetime | None  # None: of a pool of many lots
    source_id: str
    quantity: Decimal
    cost: Decimal | None


@dataclass(frozen=True)
class Lot:
    """What is left of an acquisition; ``cost`` of all of it in USDC, None: unknown.

    What is left of a short sale has a ``quantity`` below 0, and its ``cost`` is minus the proceeds.
    """

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

    The ``kind`` is the movement's, or "short": units came in and closed a short sale. ``time`` and
    ``source_id`` are then of what came in, ``proceeds`` and ``lots`` of the short sale.
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
        """The lots that are left. The sum of an asset's quantities is its balance."""
        return [lot for asset in sorted(self._lots) for lot in self._lots[asset]]

    def enter(self, one: Movement, quantity: Decimal, worth: Decimal | None) -> None:
        """Close lots with what came in (both above 0) or left, and open one with the rest.

        ``worth``: what it cost, or minus what it brought; None: unknown.
        """
        lots = self._lots[one.asset]
        new = Lot(one.time, one.asset, quantity, worth, one.source_id)
        rest: Lot | None = new
        if lots and (lots[0].quantity < 0) != (quantity < 0):
            parts = tuple(self._take(one.asset, EXACT.abs(quantity)))
            closing, rest = _split(new, EXACT.abs(_total(part.quantity for part in parts)))
            self._close(one, closing, parts)
        if rest:
            self._open(rest)

    def _open(self, new: Lot) -> None:
        """Add a lot; with average cost, to the asset's only one."""
        lots = self._lots[new.asset]
        if self.method == "average" and lots:
            old = lots.pop()
            quantity = EXACT.add(old.quantity, new.quantity)
            new = replace(old, quantity=quantity, cost=_sum(old.cost, new.cost))
        lots.append(new)

    def _close(self, one: Movement, closing: Lot, parts: tuple[Part, ...]) -> None:
        taken = _sum(*(part.cost for part in parts))
        is_short = closing.quantity > 0
        sold, bought = (taken, closing.cost) if is_short else (closing.cost, taken)
        proceeds = _minus(sold)
        oldest = parts[0].acquired
        self.disposals.append(
            Disposal(
                one.time, "short" if is_short else one.kind, one.asset,
                EXACT.abs(closing.quantity), proceeds, bought, _sum(proceeds, _minus(bought)),
                one.source_id, parts, None if oldest is None else (one.time - oldest).days,
            )
        )  # fmt: skip

    def _take(self, asset: str, quantity: Decimal) -> Iterator[Part]:
        """So many units from the lots, the oldest first, or all that are there."""
        lots = self._lots[asset]
        while quantity and lots:
            lot, rest = _split(lots[0], min(quantity, EXACT.abs(lots[0].quantity)))
            lots[:1] = [rest] if rest else []
            is_known = self.method == "FIFO"  # a pool has no origin
            acquired, source_id = (lot.acquired, lot.source_id) if is_known else (None, "")
            yield Part(acquired, source_id, lot.quantity, lot.cost)
            quantity = EXACT.subtract(quantity, EXACT.abs(lot.quantity))


def books(
    found: list[Movement], method: Method = "FIFO", cost: Mapping[str, Decimal] | None = None
) -> Books:
    """The lots and disposals of movements that are in order and have values.

    ``cost``: the id of a deposit -> what it had cost, in USDC. Without it the cost of a deposit is
    unknown, and so is the gain of what is sold from it. USDC itself has no lots, and futures have
    none: their profit is a movement of USDC.

    An asset of which more leaves than came in counts as sold short. If it was yours, the movements
    lack an opening balance or a deposit.
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
        if one.asset != CURRENCY and one.amount:
            made.enter(one, one.amount, _worth(one, group, cost))
    return None


def _worth(one: Movement, group: list[Movement], cost: Mapping[str, Decimal]) -> Decimal | None:
    """Of what comes or leaves without a trade: dust brings USDC, a withdrawal's fee nothing."""
    if one.kind in ("opening", "withdrawal", "unexplained"):
        return None
    if one.kind == "deposit":
        return cost.get(one.source_id)
    if one.kind == "interest":
        return one.value
    return _minus(_total(other.amount for other in group if other.asset == CURRENCY))


def _enter_trade(made: Books, trades: list[Movement], fees: list[Movement]) -> None:
    """A fee in an asset of the trade changes what came or went; one in a third is its value.

    It adds to the cost of a purchase, and lowers a sale's proceeds. A negative fee, a rebate, is
    treated alike. A trade that is not against USDC has the worth of its quote, else of its base.
    """
    base, quote = trades
    worth = base.value if quote.value is None else _minus(quote.value)
    amounts = {one.asset: one.amount for one in trades}
    for fee in fees:
        if fee.asset in amounts:
            amounts[fee.asset] = EXACT.add(amounts[fee.asset], fee.amount)
        if fee.asset not in amounts or (fee.asset == quote.asset and fee.value is not None):
            worth = _sum(worth, _minus(fee.value))
    for one, its_worth in ((base, worth), (quote, _minus(worth))):
        if one.asset != CURRENCY:
            made.enter(one, amounts[one.asset], its_worth)
    for fee in fees:
        if fee.asset not in amounts and fee.asset != CURRENCY:
            made.enter(fee, fee.amount, fee.value)


def _split(lot: Lot, size: Decimal) -> tuple[Lot, Lot | None]:
    """So many units of a lot, above 0, with their share of its cost; and the rest of the lot."""
    whole = EXACT.abs(lot.quantity)
    if size == whole:
        return lot, None
    cost = None
    if lot.cost is not None:
        cost = _FINE.divide(EXACT.multiply(lot.cost, size), whole)
        cost = cost.quantize(STEP, ROUND_HALF_EVEN, _FINE)
    part = replace(lot, quantity=size.copy_sign(lot.quantity), cost=cost)
    rest = EXACT.subtract(lot.quantity, part.quantity)
    return part, replace(lot, quantity=rest, cost=_sum(lot.cost, _minus(cost)))


def _minus(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else EXACT.minus(amount)


def _sum(*amounts: Decimal | None) -> Decimal | None:
    """None if one of them is unknown."""
    known = [amount for amount in amounts if amount is not None]
    return _total(known) if len(known) == len(amounts) else None


def _total(amounts: Iterable[Decimal]) -> Decimal:
    total = _ZERO
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total
