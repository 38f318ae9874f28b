"""What happens on the exchange: orders come, meet the book, wait for a price, are liquidated.

Knows accounts, markets and venues, and no JSON: ``Exchange`` answers in the exchange's words, and
``passing`` lets time go by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

from ..simulation.market import Market
from ..simulation.price_feed import PriceFeed
from . import rules, triggers
from .book import OTHER, PRICE_IMPACT, Match, Taker
from .conflicts import Conflicts
from .ledger import Balances, exact
from .margin import Margin
from .orders import EngineAccount, EngineOrder, OrderRequest
from .rules import Refusal, bad_request
from .settlement import LIQUIDATION, FuturesSettlement, system_request
from .venue import Venue

MARKET_MAKER_FUNDS = Decimal(10) ** 15  # of every asset
FIRST_ORDER_ID = 59_669_287_267
MOST_STEPS = 2**90


class Engine:
    """All accounts and markets. Time stands at ``now_us`` (microseconds UTC).

    ``feed_of`` gives the feed of a market's symbol; it is asked once a market, when first needed.
    The sum of an asset over all accounts, ``market_maker``, ``fees`` and ``Transfers.outside``
    never changes.
    """

    def __init__(
        self,
        markets: Sequence[Market],
        feed_of: Callable[[str], PriceFeed],
        now_us: int,
        conflicts: Conflicts | None = None,
    ) -> None:
        self.now_us = now_us
        self.markets = {market.symbol: market for market in markets}
        self.conflicts = conflicts or Conflicts()
        self.assets = {asset for market in markets for asset in (market.base, market.quote)}
        self.market_maker = Balances(dict.fromkeys(self.assets, MARKET_MAKER_FUNDS))
        self.fees = Balances({})
        self.accounts: dict[str, EngineAccount] = {}
        self.venues: dict[str, Venue] = {}
        self.last_id = FIRST_ORDER_ID
        self.margin = Margin(self.markets, self.mark)
        self.settlement = FuturesSettlement(
            self.markets, self.market_maker, self.fees, self.mark, self.next_id, self._unlock
        )
        self._feed_of = feed_of
        self._feeds: dict[str, PriceFeed] = {}

    def feed(self, symbol: str) -> PriceFeed:
        """A market's feed, made when it is first asked for."""
        if symbol not in self._feeds:
            self._feeds[symbol] = self._feed_of(symbol)
        return self._feeds[symbol]

    def mark(self, symbol: str) -> Decimal:
        """What a market's asset is worth now: a future's mark price, otherwise the last price."""
        market, feed = self.markets[symbol], self.feed(symbol)
        if market.kind == "PERP":
            return feed.mark_price(self.now_us)
        with exact():
            return market.price(feed.last_price(self.now_us))

    def next_id(self) -> str:
        """Of an order or a position. Rising by 1 to 97: others trade too."""
        self.last_id += 1 + self.last_id * 31 % 97
        return str(self.last_id)

    def venue(self, market: Market) -> Venue:
        """The market's book as it is now."""
        venue = self.venues.get(market.symbol)
        if venue is None:
            feed = self.feed(market.symbol)
            venue = Venue(market, feed, self.market_maker, self.fees, self.settlement)
            self.venues[market.symbol] = venue
        venue.refresh(self.now_us)
        self.leave_exits(venue)
        return venue

    # An order on its way

    def place(
        self, account: EngineAccount, request: OrderRequest, parent: EngineOrder | None = None
    ) -> EngineOrder:
        """Match an order at once, let the rest of it wait or expire; or let it wait for its price.

        ``parent``: the conditional order that has set it free. Refusal: nothing has changed.
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
        """The largest quantity, in steps, that the account can pay for and, if it is a market
        order, that would be filled. Its price is not judged."""
        venue = self.venue(request.market)
        if request.reduce_only:
            return self._room(account, request)

        def fits(steps: int) -> bool:
            one = replace(request, quantity=steps)
            match = self._meet(venue, account, one)
            filled = one.price is not None or match.stopped is None
            return filled and self._lack(account, one, match) is None

        low, high = 0, 1
        while fits(high) and high < MOST_STEPS:
            low, high = high, high * 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        return low

    def _plan(self, venue: Venue, account: EngineAccount, request: OrderRequest) -> Match:
        """What an order will meet. Refusal: it may not be placed, or cannot be paid for."""
        last = venue.feed.last_price(self.now_us)
        rules.check_distance(request, last)
        rules.check_budget(request, venue.book.best(OTHER[request.side]))
        if request.reduce_only and not self._room(account, request):
            raise bad_request("Reduce only order not reduced", "INVALID_ORDER")
        crosses = request.price is not None and venue.book.crosses(request.side, request.price)
        takes = request.post_only and crosses
        if takes and self.conflicts.post_only != "expire":
            raise bad_request("Order would immediately match and take", "INVALID_ORDER")
        match = self._meet(venue, account, request)
        lack = self._lack(account, request, match)
        if lack is not None:
            raise lack
        if takes:
            return Match([], [], "PostOnlyTaker")
        if rules.is_out_of_band(request, last):
            return Match([], [], "PriceOutOfBounds")
        if request.time_in_force == "FOK" and (match.stopped is not None or not match.fills):
            return Match([], [], "FillOrKill")
        return match

    def _meet(self, venue: Venue, account: EngineAccount, request: OrderRequest) -> Match:
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
                self._room(account, request) if request.reduce_only else None,
            )
        )
        return match._replace(stopped=why) if match.stopped == PRICE_IMPACT else match

    def _lack(self, account: EngineAccount, request: OrderRequest, match: Match) -> Refusal | None:
        """What an account lacks for an order, as the refusal that says so."""
        if request.future:
            if self.margin.allows(account, request, match):
                return None
            return bad_request("Insufficient margin", "INSUFFICIENT_MARGIN")
        need = _need(request, match)
        if need > account.balances.available(request.pays):
            return bad_request("Insufficient funds", "INSUFFICIENT_FUNDS")
        if need > self.margin.free(account, request.pays):
            return bad_request("Insufficient margin", "INSUFFICIENT_MARGIN")
        return None

    def _room(self, account: EngineAccount, request: OrderRequest) -> int:
        """Steps by which an order could reduce the account's position."""
        return max(0, -request.sign * account.net(request.market.symbol))

    def _accept(
        self, account: EngineAccount, request: OrderRequest, related: str | None = None
    ) -> EngineOrder:
        order = EngineOrder(self.next_id(), account, request, self.now_us, related=related)
        account.orders.append(order)
        return order

    # What waits for a price

    def watched(self, venue: Venue, by: str) -> Decimal:
        """A market's LastPrice, MarkPrice or IndexPrice now."""
        if by == "IndexPrice":
            return venue.feed.index_price(self.now_us)
        if by == "MarkPrice":
            return venue.feed.mark_price(self.now_us)
        with exact():
            return venue.market.price(venue.feed.last_price(self.now_us))

    def leave_exits(self, venue: Venue) -> None:
        """Let the exits of entries that are over wait for their prices."""
        entries, venue.entries = venue.entries, []
        for entry in entries:
            if entry.owner.net(venue.market.symbol) * entry.request.sign <= 0:
                continue  # what it opened is closed already
            for request, rising in triggers.exits(entry):
                order = self._accept(entry.owner, request, entry.id)
                venue.wait(triggers.watch(order, rising))

    def fire(self, venue: Venue, printed: Decimal | None = None) -> None:
        """Set free what has waited for the price of now. ``printed``: of the trade just made by
        the price feed, which counts even if a fill here came after it at another price."""
        for trigger in list(venue.triggers.values()):
            price = self.watched(venue, trigger.by)
            prices = [price] if printed is None or trigger.by == "IndexPrice" else [price, printed]
            if trigger.order.id in venue.triggers and any(map(trigger.is_due, prices)):
                self._release(venue, trigger.order)

    def _release(self, venue: Venue, order: EngineOrder) -> None:
        request = triggers.released(order.request, order.owner.net(venue.market.symbol))
        if request.quantity == 0:
            venue.end(order, "TriggerFailed", "StopWithoutPosition")
            return
        # No documented status says that a conditional order has done its part; a guess.
        venue.end(order, "Filled")
        try:
            self.place(order.owner, request, order)
        except Refusal as refusal:
            order.status, order.expiry = "TriggerFailed", triggers.failure(request, refusal)

    # Liquidation

    def _unlock(self, account: EngineAccount) -> None:
        """End the spot orders of an account that owes more than it has free."""
        for order in list(account.open.values()):
            if order.request.market.kind == "SPOT":
                venue = self.venues[order.request.market.symbol]
                venue.end(order, "Expired", "InsufficientFunds")

    def liquidate(self, account: EngineAccount) -> None:
        """End all orders of an account that is short of margin, then close its positions.

        What the book does not take stays open until the next time.
        """
        for order in list(account.open.values()):
            self.venues[order.request.market.symbol].end(order, "Expired", "Liquidation")
        for position in list(account.positions.values()):
            if not self.margin.is_short(account):
                return
            side = OTHER["Bid" if position.steps > 0 else "Ask"]
            request = system_request(position.market, side, abs(position.steps), LIQUIDATION)
            venue = self.venue(position.market)
            match = self._meet(venue, account, request)
            order = self._accept(account, request)
            venue.execute(order, match, self.now_us)
            self.settlement.penalise(order, position, self.now_us)
            self.leave_exits(venue)


def _need(request: OrderRequest, match: Match) -> Decimal:
    """What an account must have available, of the asset that the order pays."""
    with exact():
        if request.price is not None and request.quantity is not None:
            return request.hold(request.quantity)
        if request.side == "Ask":
            return request.market.quantity(request.quantity or match.executed)
        return request.quote_quantity or request.market.notional(match.cost)
