"""One scheduled strategy (TWAP): its state, how large its orders are, and its JSON."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from ..formatting import iso, plain
from ..undo import Undoable, UndoList
from .ledger import exact
from .orders import EngineAccount, EngineOrder, OrderRequest

RUNNING, COMPLETED, CANCELLED, TERMINATED = "Running", "Completed", "Cancelled", "Terminated"
HALF = 2**32  # a random number is from -HALF to HALF

Json = dict[str, Any]


@dataclass(eq=False)
class Strategy(Undoable):
    """A strategy. ``request``: its orders, with the whole quantity. Times in microseconds.

    ``placed``: the orders that were due until now. ``open``: those that may still be filled.
    ``filled`` (steps) and ``filled_quote`` (ticks * steps): of those that have ended.
    ``end``: the state in which it was ended; None: it was not. ``seed``: of the market's feed.
    """

    id: str
    owner: EngineAccount
    request: OrderRequest
    client_id: int | None
    duration_us: int
    interval_us: int
    random: bool | None
    created_us: int
    seed: str
    placed: int = 0
    filled: int = 0
    filled_quote: int = 0
    open: UndoList[EngineOrder] = field(default_factory=UndoList)
    end: str | None = None
    reason: str | None = None

    @property
    def steps(self) -> int:
        """The whole quantity."""
        return self.request.quantity or 0

    @property
    def count(self) -> int:
        """The number of its orders."""
        return self.duration_us // self.interval_us

    @property
    def executed(self) -> int:
        """The steps that are filled."""
        return self.filled + sum(order.executed for order in self.open)

    @property
    def status(self) -> str:
        """``StrategyStatus``."""
        return self.end or (COMPLETED if self.executed == self.steps else RUNNING)

    @property
    def due_us(self) -> int:
        """When its next order is placed, or when it ends."""
        if self.placed < self.count:
            return self.created_us + self.placed * self.interval_us
        return self.created_us + self.duration_us

    def next_steps(self) -> int:
        """The quantity of its next order: what is due until then, less what was placed."""
        placed = self.filled + sum(order.request.quantity or 0 for order in self.open)
        return self._due(self.placed + 1) - placed

    def _due(self, orders: int) -> int:
        """The steps that so many orders have together."""
        if orders in (0, self.count):
            return self.steps * orders // self.count
        mean = Fraction(self.steps, self.count)
        if not self.random:
            return int(mean * orders)
        # Two of these borders are never nearer than the least quantity of an order.
        reach = min(mean / 4, (mean - least(self.request)) / 2)
        digest = hashlib.sha256(f"{self.seed}|strategy {self.id}|{orders}".encode()).digest()
        chance = Fraction(int.from_bytes(digest[:5], "big") % (2 * HALF + 1) - HALF, HALF)
        return int(mean * orders + reach * chance)

    def wire(self) -> Json:
        """``StrategyType``."""
        return self._common() | {
            "createdAt": self.created_us // 1_000,
            "reduceOnly": self.request.reduce_only,
        }

    def history(self) -> Json:
        """A row of the history: ``Strategy``."""
        return self._common() | {
            "cancelReason": self.reason,
            "createdAt": iso(self.created_us),
            "randomizedIntervalQuantity": self.random is True,
        }

    @exact()
    def _common(self) -> Json:
        request, market = self.request, self.request.market
        quote = self.filled_quote + sum(order.executed_quote for order in self.open)
        tolerance, kind = request.slippage or (None, None)
        return {
            "clientStrategyId": self.client_id,
            "duration": self.duration_us // 1_000,
            "executedQuantity": plain(market.quantity(self.executed)),
            "executedQuoteQuantity": plain(market.notional(quote)),
            "id": self.id,
            "interval": self.interval_us // 1_000,
            "quantity": plain(market.quantity(self.steps)),
            "randomizedIntervalQuantity": self.random,
            "selfTradePrevention": request.prevention,
            "side": request.side,
            "slippageTolerance": None if tolerance is None else plain(tolerance),
            "slippageToleranceType": kind,
            "status": self.status,
            "strategyType": "Scheduled",
            "symbol": market.symbol,
            "timeInForce": request.time_in_force,
        }


def least(request: OrderRequest) -> int:
    """The least quantity of an order, in steps."""
    with exact():
        smallest = Decimal(request.market.raw["filters"]["quantity"]["minQuantity"])
        steps, rest = divmod(smallest, request.market.step)
        return int(steps) + (1 if rest else 0)
