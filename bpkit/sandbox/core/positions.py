"""Futures positions: how fills change them, their profit and loss, and their JSON.

The entry price is the average cost. Profit and loss are realised by a fill that reduces the
position, and every ten seconds while it is open, at the mark price. They are paid at once, cut to 6
decimals. No remainder is lost: the settlements of a closed position add up to what it sold for
minus what it cost, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from ..formatting import iso, plain
from ..simulation.market import Market
from ..undo import Undoable
from .ledger import ZERO, cut, exact, fine, fitted

Json = dict[str, Any]


@dataclass(eq=False)
class EnginePosition(Undoable):
    """A position; long is above 0. ``steps``: net quantity. ``flow``: ticks * steps bought minus
    sold. ``cost``: the average cost of the open quantity, in the quote asset. ``basis``: the same,
    but counted from the mark price at which profit and loss were last realised.

    ``fees``, ``funding`` (received minus paid) and ``settled`` (realised) are in the quote asset.
    ``opened`` and ``closed``: steps of the fills that added to it and reduced it, without a sign;
    ``..._flow``: their ticks * steps. ``mark``: the price when it was closed.
    """

    id: str
    market: Market
    opened_us: int
    leverage: Decimal
    steps: int = 0
    flow: int = 0
    cost: Decimal = ZERO
    basis: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    settled: Decimal = ZERO
    opened: int = 0
    opened_flow: int = 0
    closed: int = 0
    closed_flow: int = 0
    liquidated: int = 0  # steps
    liquidation_fees: Decimal = ZERO
    closed_us: int | None = None
    mark: Decimal = ZERO

    def trade(self, change: int, price: int) -> None:
        """Add a fill: steps bought (above 0) or sold, at a price in ticks; never through zero."""
        self.flow += change * price
        with fine():
            if self.steps * change >= 0:
                self.cost += self.market.notional(change * price)
                self.basis += self.market.notional(change * price)
                self.opened += abs(change)
                self.opened_flow += abs(change) * price
            else:
                self.cost = self.cost * (self.steps + change) / self.steps
                self.basis = self.basis * (self.steps + change) / self.steps
                self.closed += abs(change)
                self.closed_flow += abs(change) * price
        self.steps += change

    def settle(self) -> Decimal:
        """The profit or loss that fills have realised and that is not yet paid, cut to 6
        decimals."""
        with fine():
            due = cut(self.basis - self.market.notional(self.flow)) - self.settled
            self.settled += due
        return due

    def gain(self, mark: Decimal) -> Decimal:
        """The profit or loss at ``mark`` of all its fills, cut to 6 decimals."""
        with fine():
            return cut(self.quantity * mark - self.market.notional(self.flow))

    def realise(self, gain: Decimal) -> Decimal:
        """Realise ``gain`` of all its fills. Returns what must be paid now."""
        with fine():
            due = gain - self.settled
            self.settled = gain
            self.basis = self.market.notional(self.flow) + gain
        return due

    @property
    @exact()
    def quantity(self) -> Decimal:
        """The net quantity, in the base asset."""
        return self.market.quantity(self.steps)

    @exact()
    def worth(self, mark: Decimal) -> Decimal:
        """What closing at ``mark`` would pay, in the quote asset, before fees."""
        return self.quantity * mark - self.market.notional(self.flow) - self.settled

    def unrealised(self, mark: Decimal) -> Decimal:
        """The profit or loss at ``mark`` since the last time when it was realised, cut to 6
        decimals."""
        with fine():
            return cut(self.quantity * mark - self.basis)

    def entry(self) -> Decimal:
        """The average entry price; of a closed position, of every fill that opened it."""
        with fine():
            if not self.steps:
                return self._average(self.opened_flow, self.opened)
            return fitted(self.cost / self.quantity)

    def break_even(self) -> Decimal:
        """The price at which closing leaves no profit and no loss, with realised profit, fees and
        funding; 0 for a closed position."""
        with fine():
            spent = self.market.notional(self.flow) + self.fees - self.funding
            return fitted(spent / self.quantity) if self.steps else ZERO

    def wire(self, user_id: int, mark: Decimal, exposure: int, liquidation: Decimal) -> Json:
        """``FuturePositionWithMargin``. ``exposure``: steps, with open orders."""
        raw, size, notional = self.market.raw, *self._exposed(mark, exposure)
        with fine():
            held = abs(self.quantity * mark)
        return {
            "breakEvenPrice": plain(self.break_even()),
            "cumulativeFundingPayment": plain(self.funding),
            "cumulativeInterest": "0",
            "entryPrice": plain(self.entry()),
            "estLiquidationPrice": plain(liquidation),
            "imf": plain(fraction(raw["imfFunction"], notional)),
            "imfFunction": raw["imfFunction"],
            "markPrice": plain(mark),
            "mmf": plain(fraction(raw["mmfFunction"], held)),
            "mmfFunction": raw["mmfFunction"],
            "netCost": plain(fitted(self.cost)),
            "netExposureNotional": plain(fitted(notional)),
            "netExposureQuantity": plain(size),
            "netQuantity": plain(self.quantity),
            "pnlRealized": plain(self.settled),
            "pnlUnrealized": plain(self.unrealised(mark)),
            "positionId": self.id,
            "subaccountId": None,
            "symbol": self.market.symbol,
            "userId": user_id,
        }

    def history(self, mark: Decimal, exposure: int) -> Json:
        """``PositionHistoryRow``. A closed position shows the price when it was closed as mark."""
        done = self.closed_us is not None
        mark = self.mark if done else mark
        size, notional = self._exposed(mark, 0 if done else exposure)
        return {
            "accountLeverage": plain(self.leverage),
            "closedAt": None if self.closed_us is None else iso(self.closed_us),
            "closedVolume": plain(self.market.quantity(self.closed)),
            "closingPrice": plain(self._average(self.closed_flow, self.closed)) if done else None,
            "cumulativePnlRealized": plain(self.settled),
            "entryPrice": plain(self.entry()),
            "fees": plain(self.fees),
            "fundingQuantity": plain(self.funding),
            "id": self.id,
            "imf": plain(fraction(self.market.raw["imfFunction"], notional)),
            "interest": "0",
            "liquidated": plain(self.market.quantity(self.liquidated)),
            "liquidationFees": plain(self.liquidation_fees),
            "markPrice": plain(mark),
            "netCost": plain(fitted(self.cost)),
            "netExposureNotional": plain(fitted(notional)),
            "netExposureQuantity": plain(size),
            "netQuantity": plain(self.quantity),
            "openedAt": iso(self.opened_us),
            "state": "Closed" if done else "Open",
            "symbol": self.market.symbol,
            "unrealizedPnl": plain(self.unrealised(mark)),
        }

    def _average(self, flow: int, steps: int) -> Decimal:
        with fine():
            return fitted(self.market.notional(flow) / self.market.quantity(steps))

    @exact()
    def _exposed(self, mark: Decimal, exposure: int) -> tuple[Decimal, Decimal]:
        size = self.market.quantity(exposure)
        return size, size * mark


def fraction(function: dict[str, str], notional: Decimal) -> Decimal:
    """A margin fraction: max(base, factor * sqrt(notional in USDC))."""
    with fine():
        return fitted(max(Decimal(function["base"]), Decimal(function["factor"]) * notional.sqrt()))


class Settlement(NamedTuple):
    """USDC received (above 0) or paid, and why. ``sequence`` rises over all accounts."""

    time_us: int
    quantity: Decimal
    source: str
    position_id: str | None
    sequence: int

    def wire(self, user_id: int) -> Json:
        """``Settlement``."""
        return {
            "engineSequence": self.sequence,
            "positionId": self.position_id,
            "quantity": plain(self.quantity),
            "source": self.source,
            "subaccountId": None,
            "timestamp": iso(self.time_us),
            "userId": user_id,
        }


class FundingPayment(NamedTuple):
    """What a position received (above 0) or paid for the hour that ended at ``end_us``."""

    symbol: str
    end_us: int
    quantity: Decimal
    rate: Decimal

    def wire(self, user_id: int) -> Json:
        """``FundingPayment``."""
        return {
            "fundingRate": plain(self.rate),
            "intervalEndTimestamp": iso(self.end_us, 0),
            "quantity": plain(self.quantity),
            "subaccountId": 0,
            "symbol": self.symbol,
            "userId": user_id,
        }
