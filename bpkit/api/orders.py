"""Orders and fills: placing, finding, cancelling, looking back. Signed. Docs: Order."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from ..enums import (
    Amount,
    CancelOrderType,
    FillType,
    MarketType,
    OrderType,
    SelfTradePrevention,
    Side,
    SlippageToleranceType,
    SortDirection,
    TimeInForce,
    TriggerBy,
)
from ..results import Record, Rows
from .section import Section
from .validation import batch


class Order(Section):
    """Orders: place, find, cancel; and what became of them."""

    def execute_order(
        self,
        symbol: str,
        side: Side,
        order_type: OrderType,
        *,
        price: Amount | None = None,
        quantity: Amount | None = None,
        quote_quantity: Amount | None = None,
        client_id: int | None = None,
        time_in_force: TimeInForce | None = None,
        post_only: bool | None = None,
        self_trade_prevention: SelfTradePrevention | None = None,
        reduce_only: bool | None = None,
        auto_lend: bool | None = None,
        auto_lend_redeem: bool | None = None,
        auto_borrow: bool | None = None,
        auto_borrow_repay: bool | None = None,
        broker_id: int | None = None,
        trigger_price: Amount | None = None,
        trigger_quantity: Amount | None = None,
        trigger_by: TriggerBy | None = None,
        take_profit_trigger_price: Amount | None = None,
        take_profit_limit_price: Amount | None = None,
        take_profit_trigger_by: TriggerBy | None = None,
        stop_loss_trigger_price: Amount | None = None,
        stop_loss_limit_price: Amount | None = None,
        stop_loss_trigger_by: TriggerBy | None = None,
        slippage_tolerance: Amount | None = None,
        slippage_tolerance_type: SlippageToleranceType | None = None,
    ) -> Record:
        """Place an order. Never sent twice: a TransportError means that you do not know; look
        first.

        ``Bid`` buys, ``Ask`` sells. A ``Limit`` order needs ``price`` (of one base asset, in the
        quote asset) and ``quantity`` (base asset); a ``Market`` order needs either ``quantity`` or
        ``quote_quantity``. Amounts are text, Decimal or int, on the market's tickSize and stepSize.
        ``client_id``: your own number, 0 to 4294967295, to find the order by; the documentation
        does not promise that a second order with it is refused. ``time_in_force``: GTC rests
        (default), IOC takes what is there, FOK takes all or nothing. ``post_only``: refused if it
        would trade at once. ``trigger_quantity`` is an amount, or a share of the position such as
        "80%".

        Answers the order as it stands after matching: ``status`` New, PartiallyFilled, Filled,
        Expired or TriggerPending. Average price: executedQuoteQuantity / executedQuantity. Docs:
        Order, Execute order.
        """
        return self._call("execute_order", locals())

    def execute_order_batch(self, orders: Iterable[Mapping[str, object]]) -> Rows:
        """Place 1 to 50 orders, each a mapping with the documentation's own names (``orderType``).

        All are checked before any is sent; each then succeeds or fails by itself. Rows in the same
        order: an order with ``operation`` "Ok", or ``operation`` "Err" with code and message: look
        at each. Docs: Order, Execute orders.
        """
        return self._send("execute_order_batch", batch(orders))

    def get_order(
        self, symbol: str, *, order_id: str | None = None, client_id: int | None = None
    ) -> Record:
        """An order that still rests, by ``order_id`` or ``client_id`` (one of them).

        Filled and cancelled orders are not found here (ApiError 404): see ``get_order_history``.
        Docs: Order, Get open order.
        """
        return self._call("get_order", locals())

    def get_open_orders(
        self, symbol: str | None = None, market_type: MarketType | None = None
    ) -> Rows:
        """Every order that rests. Docs: Order, Get open orders."""
        return self._call("get_open_orders", locals())

    def cancel_order(
        self, symbol: str, *, order_id: str | None = None, client_id: int | None = None
    ) -> Record:
        """Cancel one order, by ``order_id`` or ``client_id`` (one of them).

        Answers the order with ``status`` Cancelled; an empty answer (``.status`` 202) means
        accepted, not yet confirmed. Docs: Order, Cancel open order.
        """
        return self._call("cancel_order", locals())

    def cancel_open_orders(self, symbol: str, order_type: CancelOrderType | None = None) -> Rows:
        """Cancel all your open orders of one market, or only those of ``order_type``.

        Answers the cancelled orders. Docs: Order, Cancel open orders.
        """
        return self._call("cancel_open_orders", locals())

    def get_order_history(
        self,
        symbol: str | None = None,
        *,
        order_id: str | None = None,
        strategy_id: str | None = None,
        market_type: MarketType | Sequence[MarketType] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        sort_direction: SortDirection | None = None,
    ) -> Rows:
        """Your orders, newest first: resting, filled, cancelled and expired (see ``expiryReason``).

        ``limit``: 100 by default, up to 1000; ``.headers["X-Total"]`` counts them all. Times are
        ISO text in UTC. Docs: Order, Get order history.
        """
        return self._call("get_order_history", locals())

    def get_fills(
        self,
        symbol: str | None = None,
        *,
        order_id: str | None = None,
        strategy_id: str | None = None,
        from_: datetime | str | int | None = None,
        to: datetime | str | int | None = None,
        fill_type: FillType | None = None,
        market_type: MarketType | Sequence[MarketType] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        sort_direction: SortDirection | None = None,
    ) -> Rows:
        """Your trades, newest first, each with its fee (in ``feeSymbol``).

        ``from_`` (inclusive) and ``to`` (exclusive): aware datetimes, ISO texts with a zone, or
        whole Unix milliseconds. ``limit``: 100 by default, up to 1000. Docs: Order, Get fill
        history.
        """
        return self._call("get_fills", locals())
