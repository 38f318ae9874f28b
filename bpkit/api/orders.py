"""Order: place, find and cancel orders; fills and order history. Signed. Docs: Order."""

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
    """Place, find and cancel orders; read fills and the order history."""

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
        """Place an order. A TransportError means that you do not know: look before you send again.

        **Every order.** ``symbol``: the market. ``side``: Bid buys, Ask sells. ``order_type``: a
        Limit order needs ``price`` (the worst that you accept for one base asset, in the quote
        asset) and ``quantity`` (in the base asset). A Market order takes the prices in the book; it
        needs ``quantity``, or ``quote_quantity``: the quote asset to spend (Bid) or to receive
        (Ask), at most. Amounts are text, Decimal or int. A price is a multiple of the market's
        tick, a quantity of its step: ``bp.market(symbol).order(...)`` rounds, ``bp.check_order``
        checks.

        ``client_id``: your own number, 0 to 4294967295, to find the order by; random by default. It
        is not documented that a second order with the same number is refused.
        ``time_in_force``: GTC rests in the book (default), IOC takes what it can at once, FOK takes
        all or nothing. ``post_only``: never trade at once; the exchange refuses the order or lets
        it expire. ``slippage_tolerance``, of a Market order: how far from the best price it may
        trade; ``slippage_tolerance_type``: counted in TickSize or Percent (1 is one percent: a
        guess). ``self_trade_prevention``, if it meets an order of your own: RejectTaker ends the
        new one (default), RejectMaker the resting one, RejectBoth both; only the names are
        documented. ``reduce_only``, futures: it may only make a position smaller. ``broker_id``:
        the number of a broker, 0 to 65535.

        Spot margin: ``auto_borrow``: borrow what is missing. ``auto_borrow_repay``: repay what is
        borrowed. ``auto_lend``: lend what is received. ``auto_lend_redeem``: take back what is lent
        if it is needed.

        **A conditional order** has ``trigger_price``, and ``trigger_quantity`` for ``quantity``:
        an amount, or a share of the position such as "80%" (its meaning is a guess). Its status is
        TriggerPending until the price that ``trigger_by`` names (LastPrice, MarkPrice, IndexPrice)
        reaches ``trigger_price``. Then it places the order, whose id is in ``relatedOrderId``. If
        that is refused, its status is TriggerFailed. These are guesses: the default of
        ``trigger_by`` is LastPrice; the price may come from either side; nothing is locked before.
        **Without ``reduce_only`` it stays when the position closes, and later opens a new one.**
        With it, it ends with the position, as the documented reason StopWithoutPosition suggests.

        **Exits** come with the entry: ``take_profit_trigger_price`` closes with a profit,
        ``stop_loss_trigger_price`` with a loss. ``take_profit_limit_price``,
        ``stop_loss_limit_price``: the exit is a Limit order at that price (documented); without it,
        a Market order. ``take_profit_trigger_by``, ``stop_loss_trigger_by``: as ``trigger_by``. The
        rest is a guess, and what the sandbox does, on futures only: both start to wait when the
        entry is over, for the quantity that was executed; they only reduce; one exit ends the
        other; both end when the position closes, however it closes. So look for them in
        ``get_open_orders`` after the entry, and again after you close a position by hand.

        The answer is the order after matching: ``status`` New, PartiallyFilled, Filled, Expired or
        TriggerPending. Average price: executedQuoteQuantity / executedQuantity. Docs: Order,
        Execute order.
        """
        return self._call("execute_order", locals())

    def execute_order_batch(self, orders: Iterable[Mapping[str, object]]) -> Rows:
        """Place 1 to 50 orders, each a mapping with the documentation's own names (``orderType``).

        The names are those of ``execute_order`` in camelCase (``quoteQuantity``, ``triggerBy``),
        with the same meaning; every order needs ``symbol``, ``side`` and ``orderType``.
        ``bp.market(symbol).order(..., batch=True)`` makes such a mapping.

        All are checked before any is sent. Each then succeeds or fails by itself. The answer has a
        row for each, in the same sequence: an order with ``operation`` "Ok", or ``operation`` "Err"
        with code and message. Look at each. If no answer comes, BatchTransportError is raised:
        ``bp.reconcile(error)`` has an outcome for each order. Docs: Order, Execute orders.
        """
        return self._send("execute_order_batch", batch(orders))

    def get_order(
        self, symbol: str, *, order_id: str | None = None, client_id: int | None = None
    ) -> Record:
        """An open order, by ``order_id`` or ``client_id`` (one of them).

        Filled and cancelled orders are not found here (ApiError 404): see ``get_order_history``.
        Docs: Order, Get open order.
        """
        return self._call("get_order", locals())

    def get_open_orders(
        self, symbol: str | None = None, market_type: MarketType | None = None
    ) -> Rows:
        """Your open orders, of one market or all. Docs: Order, Get open orders."""
        return self._call("get_open_orders", locals())

    def cancel_order(
        self, symbol: str, *, order_id: str | None = None, client_id: int | None = None
    ) -> Record:
        """Cancel one order, by ``order_id`` or ``client_id`` (one of them).

        The answer is the order with ``status`` Cancelled. An empty answer (``.status`` 202) means
        that the cancel is accepted, and not confirmed yet. Docs: Order, Cancel open order.
        """
        return self._call("cancel_order", locals())

    def cancel_open_orders(self, symbol: str, order_type: CancelOrderType | None = None) -> Rows:
        """Cancel all your open orders of one market, or only those of ``order_type``.

        The answer has the cancelled orders. Docs: Order, Cancel open orders.
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
        """Your orders, newest first: open, filled, cancelled and expired (see ``expiryReason``).

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
