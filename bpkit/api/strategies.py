"""Strategy: let the exchange split an order over time. Signed. Docs: Strategy."""

from collections.abc import Sequence

from ..enums import (
    Amount,
    MarketType,
    SelfTradePrevention,
    Side,
    SlippageToleranceType,
    SortDirection,
    StrategyType,
    TimeInForce,
)
from ..results import Record, Rows
from .section import Section


class Strategy(Section):
    """Start, find and stop strategies."""

    def strategy_create(
        self,
        symbol: str,
        side: Side,
        strategy_type: StrategyType,
        *,
        quantity: Amount | None = None,
        duration: int | None = None,
        interval: int | None = None,
        randomized_interval_quantity: bool | None = None,
        price: Amount | None = None,
        client_strategy_id: int | None = None,
        time_in_force: TimeInForce | None = None,
        post_only: bool | None = None,
        reduce_only: bool | None = None,
        self_trade_prevention: SelfTradePrevention | None = None,
        auto_lend: bool | None = None,
        auto_lend_redeem: bool | None = None,
        auto_borrow: bool | None = None,
        auto_borrow_repay: bool | None = None,
        broker_id: int | None = None,
        slippage_tolerance: Amount | None = None,
        slippage_tolerance_type: SlippageToleranceType | None = None,
    ) -> Record:
        """Let the exchange place orders over time: ``quantity`` in all, one part each ``interval``.

        ``Scheduled`` is the only ``strategy_type`` so far. ``quantity`` in the base asset;
        ``duration`` and ``interval`` are whole milliseconds: the documentation of the answer
        names the unit. ``randomized_interval_quantity``: parts of unequal size. ``price``:
        the worst price of any part, in the quote asset. ``client_strategy_id``: your own number, 0
        to 4294967295. The other parameters are those of ``execute_order``, for each part.

        bpkit never sends it twice: a TransportError means that you do not know. Look in
        ``get_open_strategies`` first. The answer is the strategy: ``id``, ``status`` Running,
        Completed, Cancelled or Terminated. Docs: Strategy, Create strategy.
        """
        return self._call("strategy_create", locals())

    def get_strategy(
        self,
        symbol: str,
        *,
        strategy_id: str | None = None,
        client_strategy_id: int | None = None,
    ) -> Record:
        """A running strategy, by ``strategy_id`` or ``client_strategy_id`` (one of them).

        A strategy that has ended is not found here (ApiError 404): see ``get_strategies_history``.
        Docs: Strategy, Get open strategy.
        """
        return self._call("get_strategy", locals())

    def cancel_strategy(
        self,
        symbol: str,
        *,
        strategy_id: str | None = None,
        client_strategy_id: int | None = None,
    ) -> Record:
        """Stop a strategy, by ``strategy_id`` or ``client_strategy_id`` (one of them).

        The answer is the strategy with ``status`` Cancelled. An empty answer (``.status`` 202)
        means that the cancel is accepted, and not confirmed yet. Docs: Strategy, Cancel open
        strategy.
        """
        return self._call("cancel_strategy", locals())

    def get_open_strategies(
        self,
        symbol: str | None = None,
        *,
        market_type: MarketType | None = None,
        strategy_type: StrategyType | None = None,
    ) -> Rows:
        """Every running strategy. Docs: Strategy, Get open strategies."""
        return self._call("get_open_strategies", locals())

    def cancel_open_strategies(
        self, symbol: str, strategy_type: StrategyType | None = None
    ) -> Rows:
        """Stop all your strategies of one market, or only those of ``strategy_type``.

        The answer has the stopped strategies. An empty answer with ``.status`` 202 means that the
        cancel is accepted, and not confirmed yet. Docs: Strategy, Cancel open strategies.
        """
        return self._call("cancel_open_strategies", locals())

    def get_strategies_history(
        self,
        symbol: str | None = None,
        *,
        strategy_id: str | None = None,
        market_type: MarketType | Sequence[MarketType] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        sort_direction: SortDirection | None = None,
    ) -> Rows:
        """Strategies that have ended: completed, or cancelled (see ``cancelReason``).

        ``limit``: 100 by default, up to 1000. Docs: Strategy, Get strategy history.
        """
        return self._call("get_strategies_history", locals())
