"""Accept and execute orders: check margin, match, trigger conditional orders, liquidate.

The engine has accounts, markets and venues, and no JSON: ``exchange`` makes the answers, and
``timeline`` advances the time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Protocol

from ..simulation.market import Market
from ..simulation.price_feed import PriceFeed
from ..simulation.synthetic import DEFAULT_SEED
from ..undo import Undoable, UndoDict, UndoList, fresh
from . import fees, rules, triggers
from .account_streams import AccountStreams
from .book import OTHER, PRICE_IMPACT, Match, Taker
from .conflicts import Conflicts
from .ledger import Balances, exact
from .lending import Lending
from .margin import Margin
from .marks_reached import Shortfalls
from .orders import LIQUIDATION, EngineAccount, EngineOrder, OrderRequest
from .outbox import Outbox
from .publisher import Publisher
from .rules import Refusal, bad_request
from .settlement import FuturesSettlement, system_request
from .strategies import Strategies
from .venue import Venue

MARKET_MAKER_FUNDS = Decimal(10) ** 15  # of every asset
FIRST_ORDER_ID = 59_669_287_267
MOST_STEPS = 2**90


class Scheduled(Protocol):
    """Something that acts at times of its own, such as the charge of interest."""

    def next_us(self, after_us: int) -> int | None:
        """The first time after that at which it acts, or None."""

    def act(self) -> None:
        """Act, at the engine's time ``now_us``."""


class Engine(Undoable):
    """All accounts and markets, at the time ``now_us`` (microseconds UTC).

    ``feed_of``: market symbol -> its price feed. It is called once for each market that is used.
    ``seed``: of the simulated people who lend and borrow.

    The sum of an asset over the balances of all accounts, ``market_maker``, ``fees``,
    ``lending.cash`` and ``Transfers.outside`` never changes. A loan moves an amount between
    ``lending.cash`` and a balance; interest changes what is owed, and moves only the fee.
    """

    def __init__(
        self,
        markets: Sequence[Market],
        feed_of: Callable[[str], PriceFeed],
        now_us: int,
        conflicts: Conflicts | None = None,
        seed: str = DEFAULT_SEED,
    ) -> None:
        self.now_us = now_us
        self.realised_us = now_us  # when profits and losses of open positions were last realised
        self.markets = {market.symbol: market for market in markets}
        self.conflicts = conflicts or Conflicts()
        spot = [market for market in markets if market.kind == "SPOT"]
        self.assets = {asset for market in spot for asset in (market.base, market.quote)}
        self.market_maker = Balances(dict.fromkeys(sorted(self.assets), MARKET_MAKER_FUNDS))
        self.fees = Balances({})
        self.accounts: UndoDict[str, EngineAccount] = UndoDict()
        self.venues: UndoDict[str, Venue] = UndoDict()
        self.lending, self.strategies = Lending(self, seed), Strategies(self)
        # In the order in which they act at one time.
        self.scheduled: UndoList[Scheduled] = UndoList([self.lending, self.strategies])
        # Refusal: that market takes no orders now. The server's faults replace it.
        self.check_market: Callable[[str], None] = _takes_orders
        self.last_id, self.last_dust_id = FIRST_ORDER_ID, 0
        self.triggered = self.liquidated = 0  # conditional orders and positions so far
        self.outbox = Outbox()
        self.publisher = Publisher(self)
        self.margin = Margin(self.markets, self.mark)
        self.account_streams = AccountStreams(
            self.outbox, lambda: self.now_us, self.mark, self.margin.exposure
        )
        self.shortfalls = Shortfalls()
        self.settlement = FuturesSettlement(
            self.markets,
            self.market_maker,
            self.fees,
            self.mark,
            self.next_id,
            self._end_spot_orders,
            self.account_streams,
            self.lending,
            self.shortfalls.unsure,
        )
        self._feed_of = feed_of
        self._feeds: UndoDict[str, PriceFeed] = UndoDict()

    @property
    def feeds(self) -> Collection[str]:
        """The symbols of the markets that are used."""
        return self._feeds.keys()

    def feed(self, symbol: str) -> PriceFeed:
        """The price feed of a market, made when it is first used."""
        if symbol not in self._feeds:
            self._feeds[symbol] = self._feed_of(symbol)
        return self._feeds[symbol]

    def mark(self, symbol: str) -> Decimal:
        """The price of a market now: a future's mark price, a spot market's last price."""
        market, feed = self.markets[symbol], self.feed(symbol)
        if market.kind == "PERP":
            return feed.mark_price(self.now_us)
        with exact():
            return market.price(feed.last_price(self.now_us))

    def next_id(self) -> str:
        """The id of the next order or position. Ids rise by 1 to 97, as if others traded too."""
        self.last_id += 1 + self.last_id * 31 % 97
        return str(self.last_id)

    def venue(self, market: Market) -> Venue:
        """The venue of a market, with quotes of the present time."""
        venue = self.venues.get(market.symbol)
        if venue is None:
            feed = self.feed(market.symbol)
            funds = (self.market_maker, self.fees)
            streams = (self.account_streams, self.publisher)
            venue = Venue(market, feed, *funds, self.settlement, *streams, self.lending)
            self.venues[market.symbol] = venue
        venue.refresh(self.now_us)
        self.leave_exits(venue)
        return venue

    def forget(self, account: EngineAccount) -> None:
        """Remove an account that is closed. Its key may get another one."""
        self.accounts.pop(account.public_key, None)
        self.lending.automatic.pop(account.public_key, None)

    # Orders

    def place(
        self, account: EngineAccount, request: OrderRequest, parent: EngineOrder | None = None
    ) -> EngineOrder:
        """Match an order, then let the rest of it rest or expire; a conditional order waits.

        ``parent``: the conditional order that placed it. Refusal: nothing has changed.
        """
        triggers.check(request)
        venue = self.venue(request.market)
        if request.conditional:
            rising = triggers.is_above(request, self.watched(venue, triggers.watched(request)))
            order = self._accept(account, request)
            venue.wait(triggers.watch(order, rising))
            return order
        match = self._plan(venue, account, request)
        order = self._accept(account, request)
        if parent is not None:
            order.related, order.triggered_us = parent.id, self.now_us
        venue.execute(order, match, self.now_us)
        self.leave_exits(venue)
        return order

    def most(self, account: EngineAccount, request: OrderRequest) -> int:
        """The largest quantity, in steps, that the account can pay for and that, as a market
        order, would be filled. The price is not checked."""
        venue = self.venue(request.market)
        if request.reduce_only:
            return self._reducible(account, request)

        def fits(steps: int) -> bool:
            one = replace(request, quantity=steps)
            match = self._match(venue, account, one)
            filled = one.price is not None or match.stopped is None
            return filled and self._refusal(account, one, match) is None

        low, high = 0, 1
        while fits(high) and high < MOST_STEPS:
            low, high = high, high * 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        return low

    def _plan(self, venue: Venue, account: EngineAccount, request: OrderRequest) -> Match:
        """Check an order and match it, without changing anything. Refusal: it is not allowed, or
        the account cannot pay for it."""
        last = venue.feed.last_price(self.now_us)
        rules.check_distance(request, last)
        rules.check_budget(request, venue.book.best(OTHER[request.side]))
        if request.reduce_only and not self._reducible(account, request):
            raise bad_request("Reduce only order not reduced", "INVALID_ORDER")
        crosses = request.price is not None and venue.book.crosses(request.side, request.price)
        takes = request.post_only and crosses
        if takes and self.conflicts.post_only != "expire":
            raise bad_request("Order would immediately match and take", "INVALID_ORDER")
        match = self._match(venue, account, request)
        refused = self._refusal(account, request, match)
        if refused is not None:
            raise refused
        if takes:
            return Match([], [], "PostOnlyTaker")
        if rules.is_out_of_band(request, last):
            return Match([], [], "PriceOutOfBounds")
        if request.time_in_force == "FOK" and (match.stopped is not None or not match.fills):
            return Match([], [], "FillOrKill")
        return match

    def _match(self, venue: Venue, account: EngineAccount, request: OrderRequest) -> Match:
        worst, why = rules.worst_price(request, venue.book.best(OTHER[request.side]))
        match = venue.plan(
            Taker(
                account.public_key,
                request.side,
                request.price,
                request.quantity,
                request.budget,
                request.prevention,
                worst,
                self._reducible(account, request) if request.reduce_only else None,
            )
        )
        return match._replace(stopped=why) if match.stopped == PRICE_IMPACT else match

    def _refusal(
        self, account: EngineAccount, request: OrderRequest, match: Match
    ) -> Refusal | None:
        """The refusal of an order that the account cannot pay for, or None."""
        if request.future:
            tier = fees.tier(account, "PERP", self.now_us)
            if self.margin.allows(account, request, match, tier):
                return None
            return bad_request("Insufficient margin", "INSUFFICIENT_MARGIN")
        need = _need(request, match)
        if account.loans or account.wanted or request.auto:
            return self.lending.credit.order_refusal(account, request, match, need)
        if need > account.balances.available(request.pays):
            return bad_request("Insufficient funds", "INSUFFICIENT_FUNDS")
        if need > self.margin.free(account, request.pays):
            return bad_request("Insufficient margin", "INSUFFICIENT_MARGIN")
        return None

    def _reducible(self, account: EngineAccount, request: OrderRequest) -> int:
        """The steps by which an order could reduce the account's position."""
        return max(0, -request.sign * account.net(request.market.symbol))

    def _accept(
        self, account: EngineAccount, request: OrderRequest, related: str | None = None
    ) -> EngineOrder:
        order = fresh(EngineOrder, self.next_id(), account, request, self.now_us, related=related)
        account.orders.append(order)
        account.orders_of.add(request.market, order)
        return order

    # Conditional orders

    def watched(self, venue: Venue, by: str) -> Decimal:
        """The LastPrice, MarkPrice or IndexPrice of a market now."""
        if by == "IndexPrice":
            return venue.feed.index_price(self.now_us)
        if by == "MarkPrice":
            return venue.feed.mark_price(self.now_us)
        with exact():
            return venue.market.price(venue.feed.last_price(self.now_us))

    def leave_exits(self, venue: Venue) -> None:
        """Place the take-profits and stop-losses of orders that have ended."""
        entries = list(venue.entries)
        if entries:
            venue.entries.clear()
        for entry in entries:
            if entry.owner.net(venue.market.symbol) * entry.request.sign <= 0:
                continue  # its position is closed already
            for request, rising in triggers.exits(entry):
                order = self._accept(entry.owner, request, entry.id)
                venue.wait(triggers.watch(order, rising))

    def fire(self, venue: Venue, printed: Decimal | None = None) -> None:
        """Trigger the conditional orders whose price is reached. ``printed``: the price of the
        feed's newest trade. It counts as a LastPrice even if a user's order was filled at another
        price since. A triggered order may trade, and so reach the price of the next one."""
        fired = True
        while fired:
            fired = False
            for trigger in list(venue.triggers.values()):
                prices = [self.watched(venue, trigger.by)]
                if printed is not None and trigger.by == "LastPrice":
                    prices.append(printed)
                if trigger.order.id in venue.triggers and any(map(trigger.is_due, prices)):
                    self._trigger(venue, trigger.order)
                    fired = True

    def _trigger(self, venue: Venue, order: EngineOrder) -> None:
        request = triggers.released(order.request, order.owner.net(venue.market.symbol))
        if request.quantity == 0:
            venue.end(order, "TriggerFailed", "StopWithoutPosition")
            return
        self.triggered += 1
        # No status is documented for a conditional order that was triggered. This is a guess.
        venue.end(order, "Filled")
        try:
            self.place(order.owner, request, order)
        except Refusal as refusal:
            order.status, order.expiry = "TriggerFailed", triggers.failure(request, refusal)
            self.account_streams.order(order, "triggerFailed")

    # Liquidation

    def _end_spot_orders(self, account: EngineAccount) -> None:
        """End all spot orders of an account, so that what they lock can pay a debt."""
        for order in list(account.open.values()):
            if order.request.market.kind == "SPOT":
                self._end(order, "InsufficientFunds")

    def _end(self, order: EngineOrder, expiry: str) -> None:
        venue = self.venues[order.request.market.symbol]
        venue.refresh(self.now_us)  # what changed before comes first
        venue.end(order, "Expired", expiry)

    def liquidate(self, account: EngineAccount) -> None:
        """End all orders of an account that is short of margin, close its positions, then repay
        what it has borrowed.

        A position stays open as far as the book cannot fill it. It is tried again each second, and
        no order is made while the book is empty.
        """
        for order in list(account.open.values()):
            self._end(order, "Liquidation")
        self.strategies.liquidate(account)
        for position in list(account.positions.values()):
            if not self.margin.is_short(account):
                return
            side = OTHER["Bid" if position.steps > 0 else "Ask"]
            request = system_request(position.market, side, abs(position.steps), LIQUIDATION)
            venue = self.venue(position.market)
            match = self._match(venue, account, request)
            if not match.fills:
                continue
            order = self._accept(account, request)
            venue.execute(order, match, self.now_us)
            self.settlement.penalise(order, position, self.now_us)
            self.liquidated += 1
            self.leave_exits(venue)
        if account.borrows and self.margin.is_short(account):
            self.settlement.repay_loans(account, self.margin.is_short, self.now_us)


def _takes_orders(symbol: str) -> None:
    """Every open market does."""


def _need(request: OrderRequest, match: Match) -> Decimal:
    """The amount that an account must have available, in the asset that the order pays."""
    with exact():
        if request.price is not None and request.quantity is not None:
            return request.hold(request.quantity)
        if request.side == "Ask":
            return request.market.quantity(request.quantity or match.executed)
        return request.quote_quantity or request.market.notional(match.cost)
