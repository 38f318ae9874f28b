"""Scheduled strategies (TWAP): split a quantity into orders, and place one each interval.

Documented are the fields, the states and the reasons of an end. The rest is our guess:

- The first order is placed at once. If it is refused, the strategy is refused.
- There are duration / interval orders, rounded down. Their quantities differ by one step at most;
  with ``randomizedIntervalQuantity`` each is 0.5 to 1.5 times their mean.
- With ``price`` the orders are limit orders, otherwise market orders.
- Each order has the flags of the strategy, such as ``autoBorrow``.
- What an order left unfilled when it ended is added to the next one.
- It ends Terminated if an order is refused, or expires, for one of the documented reasons; and with
  the reason Expired if the duration is over. A market that takes no orders now, or another reason
  (such as PriceImpact), does not end it.
- Orders that are open when it ends are cancelled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..undo import Undoable, UndoDict
from . import rules, triggers
from .orders import EngineAccount
from .rules import Refusal, bad_request
from .strategy import CANCELLED, RUNNING, TERMINATED, Json, Strategy, least

if TYPE_CHECKING:
    from .engine import Engine

FIRST_STRATEGY_ID = 6_023_471_188  # the one in the documentation of the streams
# StrategyCrankCancelReason. An order that ends for another reason does not end its strategy.
REASONS = frozenset({
    "Expired", "FillOrKill", "InsufficientBorrowableQuantity", "InsufficientFunds",
    "InsufficientLiquidity", "InvalidPrice", "InvalidQuantity", "InsufficientMargin", "Liquidation",
    "PriceOutOfBounds", "ReduceOnlyNotReduced", "SelfTradePrevention", "Unknown", "UserPermissions",
})  # fmt: skip


class Strategies(Undoable):
    """The strategies of all accounts; one of ``engine.scheduled``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._last_id = FIRST_STRATEGY_ID - 1
        # Those that have something to do, oldest first. One whose last order has been filled by
        # another is still here until then.
        self._active: UndoDict[str, Strategy] = UndoDict()

    # For an account

    def create(self, account: EngineAccount, wish: Mapping[str, Any]) -> Json:
        """Start a strategy, and place its first order: ``StrategyType``.

        ``wish``: the documented names; types have been checked. Refusal: nothing has changed.
        """
        strategy = self._read(account, wish)
        self._place(strategy)
        self._last_id = int(strategy.id)
        account.strategies.append(strategy)
        self._active[strategy.id] = strategy
        self._settle(strategy)
        return strategy.wire()

    def one(self, account: EngineAccount, symbol: str, id: str | None, client: int | None) -> Json:
        """A running strategy: ``StrategyType``. Refusal 404: none has that id."""
        found = self._find(account, symbol, id, client)
        if found is None:
            raise Refusal(404, "RESOURCE_NOT_FOUND", "Not Found")
        return found.wire()

    def running(self, account: EngineAccount) -> list[Json]:
        """``StrategyType`` of every running strategy, oldest first."""
        return [one.wire() for one in self._running(account)]

    def ended(self, account: EngineAccount) -> list[Strategy]:
        """Every one that has ended, oldest first."""
        return [one for one in account.strategies if one.status != RUNNING]

    def cancel(
        self, account: EngineAccount, symbol: str, id: str | None, client: int | None
    ) -> Json:
        """Cancel a running strategy: ``StrategyType``. Refusal: none has that id."""
        found = self._find(account, symbol, id, client)
        if found is None:
            raise bad_request("Strategy not found")
        self._end(found, CANCELLED)
        return found.wire()

    def cancel_all(self, account: EngineAccount, symbol: str) -> list[Json]:
        """Cancel those of one market, oldest first. Refusal: unknown symbol."""
        rules.find_market(self._engine.markets, symbol)
        found = [one for one in self._running(account) if one.request.market.symbol == symbol]
        for one in found:
            self._end(one, CANCELLED)
        return [one.wire() for one in found]

    # For the engine

    def next_us(self, after_us: int) -> int | None:
        """The first time after that at which a strategy has something to do, or None."""
        return min(
            (one.due_us for one in self._active.values() if one.due_us > after_us), default=None
        )

    def act(self) -> None:
        """Place the orders that are due now, and end the strategies whose duration is over."""
        for one in list(self._active.values()):
            if one.due_us == self._engine.now_us:
                self._step(one)

    def liquidate(self, account: EngineAccount) -> None:
        """End the strategies of an account that is liquidated."""
        for one in self._running(account):
            self._end(one, TERMINATED, "Liquidation")

    # Parts

    def _read(self, account: EngineAccount, wish: Mapping[str, Any]) -> Strategy:
        for name in ("quantity", "duration", "interval"):
            if wish.get(name) is None:
                raise bad_request(f"Scheduled strategies must specify a `{name}`")
        duration, interval = wish["duration"] * 1_000, wish["interval"] * 1_000
        if not 0 < interval <= duration:
            raise bad_request("`interval` must be above 0, and at most the `duration`")
        kind = "Market" if wish.get("price") is None else "Limit"
        request = rules.read(self._engine.markets, {**wish, "orderType": kind})
        if (request.quantity or 0) < duration // interval * least(request):
            raise bad_request("Quantity is below the minimum allowed value")
        id = str(self._last_id + 1)
        request = replace(request, strategy=id)
        client, random = wish.get("clientStrategyId"), wish.get("randomizedIntervalQuantity")
        now_us, seed = self._engine.now_us, self._engine.feed(request.market.symbol).seed
        return Strategy(id, account, request, client, duration, interval, random, now_us, seed)

    def _running(self, account: EngineAccount) -> list[Strategy]:
        active = self._active.values()
        return [one for one in active if one.owner is account and one.status == RUNNING]

    def _find(
        self, account: EngineAccount, symbol: str, id: str | None, client: int | None
    ) -> Strategy | None:
        """The running strategy of that id, or the newest of that client id."""
        rules.find_market(self._engine.markets, symbol)
        if (id is None) == (client is None):
            message = "Must specify exactly one of `strategyId` and `clientStrategyId`"
            raise bad_request(message)
        for one in reversed(self._running(account)):
            named = one.id == id or (id is None and one.client_id == client)
            if named and one.request.market.symbol == symbol:
                return one
        return None

    def _step(self, one: Strategy) -> None:
        """Do what is due."""
        self._settle(one)
        if one.id not in self._active:
            return
        if one.placed == one.count:
            self._end(one, TERMINATED, "Expired")
            return
        try:
            self._engine.check_market(one.request.market.symbol)
        except Refusal:  # it takes no orders now
            one.placed += 1
            return
        try:
            self._place(one)
        except Refusal as refusal:
            one.placed += 1
            reason = triggers.failure(one.request, refusal)
            if reason in REASONS:
                self._end(one, TERMINATED, reason)
            return
        self._settle(one)
        self._engine.fire(self._engine.venue(one.request.market))

    def _place(self, one: Strategy) -> None:
        """Place its next order. Refusal: nothing has changed."""
        steps = one.next_steps()
        if steps > 0:
            order = self._engine.place(one.owner, replace(one.request, quantity=steps))
            one.open.append(order)
        one.placed += 1

    def _settle(self, one: Strategy) -> None:
        """Add up the orders that have ended. The strategy ends if one did for such a reason, or if
        nothing is left to fill."""
        ended = [order for order in one.open if order.id not in one.owner.open]
        for order in ended:
            one.open.remove(order)
            one.filled += order.executed
            one.filled_quote += order.executed_quote
        if one.executed == one.steps:
            del self._active[one.id]
            return
        reasons = [order.expiry for order in ended if order.expiry in REASONS]
        if reasons:
            self._end(one, TERMINATED, reasons[0])

    def _end(self, one: Strategy, status: str, reason: str | None = None) -> None:
        """End it, and cancel its open orders."""
        one.end, one.reason = status, reason
        del self._active[one.id]
        for order in one.open:
            if order.id in one.owner.open:
                self._engine.venues[one.request.market.symbol].cancel(order)
