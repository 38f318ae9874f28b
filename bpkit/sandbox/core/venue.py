"""One market: match orders in its book, move the market maker's quotes, settle trades.

The market maker has no holds and pays no fees. Its quotes come from the price feed and rest in the
book like any other order.

Each change of the book has a number, ``update_id``. A change is a change of the feed's book, or
what one order, one end of an order, or one trade of the feed does to users' orders.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..formatting import plain
from ..simulation.market import Market
from ..simulation.price_feed import PriceFeed
from ..simulation.synthetic import Trade
from ..undo import Undoable, UndoList, UndoTable, at_the_end
from . import fees
from .account_streams import AccountStreams
from .book import NO_MATCH, NOT_REDUCED, OTHER, PASS, SELF_TRADE, Book, Match, Resting, Side, Taker
from .ledger import Balances, exact
from .orders import EngineAccount, EngineOrder, OrderFill
from .quotes import MARKET_MAKER, Quotes
from .settlement import FuturesSettlement
from .triggers import Trigger

if TYPE_CHECKING:
    from .lending import Lending
    from .publisher import Publisher

FIRST_UPDATE_ID = 6_730_019_258
# Status of an order that has ended -> event. A filled order has none: its last fill shows it.
ENDS = {
    "Cancelled": "orderCancelled", "Expired": "orderExpired", "TriggerFailed": "triggerFailed",
}  # fmt: skip
EXITS = {"takeProfitTriggerPrice", "stopLossTriggerPrice"}


class Venue(Undoable):
    """One market. ``users``: the users' orders in the book, by id. ``triggers``: the conditional
    orders. ``entries``: orders that have ended, whose take-profit and stop-loss must be placed.

    Methods that may trade take the time of their trades (microseconds UTC), and record each trade
    on the feed. All venues share ``market_maker`` and ``fees``.
    """

    def __init__(
        self,
        market: Market,
        feed: PriceFeed,
        market_maker: Balances,
        fees: Balances,
        settlement: FuturesSettlement,
        streams: AccountStreams,
        publisher: Publisher,
        lending: Lending,
    ) -> None:
        self.market, self.feed, self._lending = market, feed, lending
        self.book = Book()
        self.users: UndoTable[EngineOrder] = UndoTable()
        self.triggers: UndoTable[Trigger] = UndoTable()
        self.entries: UndoList[EngineOrder] = UndoList()
        self._market_maker, self._fees, self._settlement = market_maker, fees, settlement
        self._streams, self._publisher = streams, publisher
        self._quotes = Quotes(feed, self.book)
        self._changes = 0  # of the book, by users' orders

    @property
    def update_id(self) -> int:
        """The number of the last change of the book."""
        return FIRST_UPDATE_ID + self._quotes.count + self._changes

    # Users' orders

    def plan(self, taker: Taker) -> Match:
        """Match an incoming order without changing anything."""
        return self.book.plan(
            taker, lambda maker: self.users[maker.id].owner.net(self.market.symbol)
        )

    def wait(self, trigger: Trigger) -> None:
        """Add a conditional order."""
        order = trigger.order
        self.triggers[order.id] = trigger
        order.owner.opened(order)
        order.status = "TriggerPending"
        self._streams.order(order, "triggerPlaced")

    def execute(self, order: EngineOrder, match: Match, now_us: int) -> None:
        """Carry out the plan of a new order, then let the rest of it rest or expire."""
        request = order.request
        if request.quantity is not None:
            if "autoLendRedeem" in request.auto and "autoBorrow" not in request.auto:
                self._fund(order, request.pays, request.hold(request.quantity))
            order.owner.hold(request, request.quantity)
        order.planned = match.cost
        self._streams.order(order, "orderAccepted")
        self._settle(order, request.side, match, now_us)
        if match.stopped is None and order.executed:
            self._close(order, "Filled")
        elif match.stopped not in (None, NO_MATCH):
            self._close(order, "Expired", match.stopped)
        elif request.reduce_only and not self._reduces(order):
            self._close(order, "Expired", NOT_REDUCED)
        elif request.price is None:
            self._close(order, "Expired", "InsufficientLiquidity")
        elif request.time_in_force == "IOC":
            self._close(order, "Expired", "ImmediateOrCancel")
        else:
            key, left = order.owner.public_key, order.remaining
            only, place = bool(request.reduce_only), self._quotes.place(request.side, request.price)
            self.book.add(Resting(order.id, key, request.side, request.price, left, only, place))
            self.users[order.id] = order
            order.owner.opened(order)
        self._publish_change()

    def cancel(self, order: EngineOrder) -> None:
        """Cancel an open order. KeyError: it is not open here."""
        self.end(order, "Cancelled")

    def end(self, order: EngineOrder, status: str, expiry: str | None = None) -> None:
        """End an open order with a status. KeyError: it is not open here."""
        if order.id in self.triggers:
            del self.triggers[order.id]
        else:
            self.book.cancel(order.id)
        self._close(order, status, expiry)
        self._publish_change()

    def depth(self, limit: int | None, now_us: int) -> dict[str, Any]:
        """``Depth``: both sides ascending. ``limit``: the number of prices on each side."""
        return {
            "asks": self._levels("Ask", limit),
            "bids": self._levels("Bid", limit),
            "lastUpdateId": str(self.update_id),
            "timestamp": now_us,
        }

    # The market maker

    def refresh(self, now_us: int, again: bool = False) -> None:
        """Move the market maker's quotes to the feed's book at that time. ``again``: a command has
        changed that book at this very time."""
        if self._quotes.move(now_us, again):
            self._publisher.book(self, now_us)

    def reached(self, price: int) -> bool:
        """Does a trade at that price reach a user's order in the book?"""
        bid, ask = self.users_best("Bid"), self.users_best("Ask")
        return (bid is not None and price <= bid) or (ask is not None and price >= ask)

    def users_best(self, side: Side) -> int | None:
        """The best price of the users' orders in the book, in ticks."""
        return self.book.best(side, besides=MARKET_MAKER)

    def meet(self, trade: Trade) -> None:
        """Let a trade of the feed fill users' orders, and then the quotes that cross the rest."""
        now_us, taker = trade.time_us, _taker(trade)
        self.refresh(now_us)
        self._take(taker, trade.price, trade.quantity, now_us)
        for (side, price), steps in self._quotes.missing(now_us):
            self._quotes.add((side, price), steps, self._take(side, price, steps, now_us))
        self._publish_change()

    def _take(self, side: Side, price: int, quantity: int, now_us: int) -> int:
        """Let the market maker take users' orders at ``price`` or better. Returns the steps."""
        match = self.plan(Taker(MARKET_MAKER, side, price, quantity, prevention=PASS))
        if match.fills or match.expired:
            self._settle(None, side, match, now_us)
        return match.executed

    def _publish_change(self) -> None:
        """Number and publish what users' orders changed in the book."""
        if self.book.touched:
            self._changes += 1
            self._publisher.book(self, self._publisher.now_us)

    # Settlement

    def _settle(self, order: EngineOrder | None, side: Side, match: Match, now_us: int) -> None:
        """Carry out a match: book, money, fills, feed. ``order``: None for the market maker."""
        self.book.apply(match)
        touched = {} if order is None else {order.owner.public_key: order.owner}
        for fill in match.fills:
            trade = Trade(
                self.feed.next_id(now_us), now_us, fill.price, fill.quantity, side == "Ask"
            )
            self.feed.record(trade)
            maker = self.users.get(fill.maker)
            self._publisher.trade(self.market, trade, maker, order)
            if maker is None:
                self._quotes.took(OTHER[side], fill.price, fill.quantity)
            whole = maker is not None and maker.remaining == trade.quantity
            self._pay(maker, OTHER[side], trade, True, whole)
            whole = match.stopped is None and fill is match.fills[-1]
            self._pay(order, side, trade, False, whole)
            if maker is not None:
                touched[maker.owner.public_key] = maker.owner
            if maker is not None and maker.remaining == 0:
                self._close(maker, "Filled")
        for id in match.expired:
            own = order is not None and self.users[id].owner is order.owner
            self._close(self.users[id], "Expired", SELF_TRADE if own else NOT_REDUCED)
        if self.market.kind == "PERP" and match.fills:
            for account in touched.values():
                self._expire_reduce_only(account)

    def _expire_reduce_only(self, account: EngineAccount) -> None:
        """End the reduce-only orders that can no longer reduce the account's position."""
        found = account.waiting.reducing.get(self.market.symbol, {}).values()
        ending = [order for order in found if not self._reduces(order)]
        for order in [one for one in ending if one.id in self.users]:
            self.end(order, "Expired", NOT_REDUCED)
        for order in [one for one in ending if one.id in self.triggers]:
            self.end(order, "Expired", "StopWithoutPosition")

    def _reduces(self, order: EngineOrder) -> bool:
        return order.owner.net(self.market.symbol) * order.request.sign < 0

    def _pay(
        self, order: EngineOrder | None, side: Side, trade: Trade, is_maker: bool, whole: bool
    ) -> None:
        """Settle one side of a trade, with its fee. ``order``: None for the market maker.

        ``whole``: nothing of the order remains.
        """
        market = self.market
        if market.kind == "PERP":
            if order is not None:
                position = order.owner.positions.get(market.symbol)
                fee = self._settlement.fill(order, trade, is_maker)
                self._record_fill(order, trade, fee, market.quote, is_maker, whole)
                self._streams.filled(order.owner, position, market.symbol, trade.time_us)
            return
        with exact():
            base = (market.base, market.quantity(trade.quantity))
            quote = (market.quote, market.notional(trade.price * trade.quantity))
            (gives, given), (gets, got) = (quote, base) if side == "Bid" else (base, quote)
            if order is None:
                self._market_maker.spend(gives, given)
                self._market_maker.gain(gets, got)
                return
            account = order.owner
            account.release(order.request, trade.quantity)
            if order.request.auto:
                self._fund(order, gives, given)
            account.balances.spend(gives, given)
            fee = got * fees.spot_rate(account, market, trade.time_us, is_maker)
            account.balances.gain(gets, got - fee)
            self._fees.gain(gets, fee)
            proceeds = got - fee
        if order.request.auto:
            self._lending.use_proceeds(order, gets, proceeds)
        self._record_fill(order, trade, fee, gets, is_maker, whole)

    def _fund(self, order: EngineOrder, asset: str, amount: Decimal) -> None:
        """Redeem and borrow what the order needs and the account does not have available."""
        self._lending.fund(order.owner, asset, amount, "SpotMargin", order.id)

    def _record_fill(
        self,
        order: EngineOrder,
        trade: Trade,
        fee: Decimal,
        fee_symbol: str,
        is_maker: bool,
        whole: bool,
    ) -> None:
        with exact():
            notional = self.market.notional(trade.price * trade.quantity)
        fees.count(order.owner, self.market, notional, trade.time_us)
        order.executed += trade.quantity
        order.executed_quote += trade.price * trade.quantity
        order.status = "Filled" if whole else "PartiallyFilled"
        fill = OrderFill(
            order, trade.id, trade.time_us, trade.price, trade.quantity, fee, fee_symbol, is_maker
        )
        if order.id in order.owner.open:
            order.owner.waiting.fill(order, trade.quantity)
        self._settlement.record(fill)
        self._streams.order(order, "orderFill", fill)

    def _close(self, order: EngineOrder, status: str, expiry: str | None = None) -> None:
        """Set the last status of an order that is not in the book, and release what it locks."""
        request = order.request
        order.owner.release(request, order.remaining)
        order.owner.ended(order)
        self.users.pop(order.id, None)
        order.status, order.expiry = status, expiry
        if status in ENDS:
            self._streams.order(order, ENDS[status])
        if order.executed and EXITS & request.conditions.keys():
            self.entries.append(order)
        at_the_end(order.pack)

    @exact()
    def _levels(self, side: Side, limit: int | None) -> list[list[str]]:
        return [
            [plain(self.market.price(price)), plain(self.market.quantity(quantity))]
            for price, quantity in self.book.levels(side, limit)
        ]


def _taker(trade: Trade) -> Side:
    return "Ask" if trade.buyer_is_maker else "Bid"
