"""Advance the market's time: match orders with simulated trades, fire triggers, pay funding,
liquidate.

Everything is checked at the end of each funding interval, and at the end of the span. Profit and
loss of open positions are realised there, and before a trade that changes something. Between them
only those trades of the price feed count that reach a user's order, a trigger or a liquidation
price. If an account has several positions, liquidation prices are estimates: each supposes that the
other prices do not change.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from ..simulation.market import Market
from ..simulation.price_feed import PriceFeed
from ..simulation.synthetic import Trade
from .engine import Engine
from .ledger import exact, fine
from .venue import Venue

REALISED_EVERY = 10_000_000  # microseconds


class MarketEvent(NamedTuple):
    """A time at which a venue must be checked. ``trade``: the trade of its feed; None: the index
    price changed."""

    time_us: int
    venue: Venue
    trade: Trade | None


def pass_time(engine: Engine, now_us: int) -> None:
    """Advance the time, then move the market maker's quotes.

    Markets without orders and positions are skipped.
    """
    for venue in _active(engine):
        engine.fire(venue)  # users' trades may have reached a trigger price
    engine.publisher.begin(now_us)
    while engine.now_us < now_us:
        _advance_to(engine, _next_stop(engine, now_us))
    engine.publisher.finish()
    for venue in _active(engine):
        engine.venue(venue.market)


def _active(engine: Engine) -> list[Venue]:
    """The venues with an order or a position of a user."""
    held = {symbol for account in engine.accounts.values() for symbol in account.positions}
    return [
        venue
        for symbol, venue in engine.venues.items()
        if venue.users or venue.triggers or symbol in held
    ]


def _next_stop(engine: Engine, until_us: int) -> int:
    """The next end of a funding interval with a position, or the end of the span."""
    held = {symbol for account in engine.accounts.values() for symbol in account.positions}
    widths = [_interval(engine.markets[symbol]) for symbol in held]
    return min([until_us, *((engine.now_us // width + 1) * width for width in widths)])


def _interval(market: Market) -> int:
    return int(market.raw["fundingInterval"]) * 1_000


def _advance_to(engine: Engine, stop_us: int) -> None:
    """Advance to ``stop_us``, or to an earlier time at which a new order was made."""
    events = _events(engine, _active(engine), engine.now_us + 1, stop_us)
    for here, now in groupby(events, key=lambda event: event.time_us):
        known, engine.now_us = engine.last_id, here
        for event in now:
            if not _is_stale(engine, event):
                engine.publisher.until(here)
                _realise(engine, here - 1)
                _apply_event(engine, event)
        if engine.last_id != known and here < stop_us:
            return  # the new order, position or funding needs other events
    engine.publisher.until(stop_us)
    engine.now_us = stop_us
    _at_stop(engine)


def _events(engine: Engine, venues: list[Venue], start_us: int, end_us: int) -> list[MarketEvent]:
    """The events of all venues from ``start_us`` to ``end_us``, both included, by time."""
    found = [
        event for venue in venues for event in _venue_events(engine, venue, start_us, end_us + 1)
    ]
    return sorted(found, key=lambda event: event.time_us)


def _venue_events(
    engine: Engine, venue: Venue, start_us: int, end_us: int
) -> Iterator[MarketEvent]:
    below = [best for best in [venue.users_best("Bid")] if best is not None]
    above = [best for best in [venue.users_best("Ask")] if best is not None]
    for trigger in venue.triggers.values():
        if trigger.by != "IndexPrice":
            (above if trigger.rising else below).append(trigger.ticks)
    for price, rising in _liquidations(engine, venue):
        with fine():
            ticks = price / venue.market.tick
        (above if rising else below).append(math.ceil(ticks) if rising else math.floor(ticks))
    for trade in _reached(venue.feed, start_us, end_us, below, above):
        yield MarketEvent(trade.time_us, venue, trade)
    yield from _index_events(engine, venue, start_us, end_us)


def _index_events(
    engine: Engine, venue: Venue, start_us: int, end_us: int
) -> Iterator[MarketEvent]:
    watching = [one for one in venue.triggers.values() if one.by == "IndexPrice"]
    if not watching:
        return
    spot = engine.feed(venue.market.spot_symbol)
    below: list[int] = []
    above: list[int] = []
    for trigger in watching:
        with exact():
            ticks = int(venue.market.price(trigger.ticks) // spot.market.tick)
        (above if trigger.rising else below).append(ticks)
    for trade in _reached(spot, start_us, end_us, below, above):
        yield MarketEvent(trade.time_us, venue, None)


def _liquidations(engine: Engine, venue: Venue) -> Iterator[tuple[Decimal, bool]]:
    """The liquidation prices of a venue's positions, and whether a rise reaches them."""
    for account in engine.accounts.values():
        position = account.positions.get(venue.market.symbol)
        if position is not None:
            price = engine.margin.liquidation_price(account, position)
            if price:
                yield price, position.steps < 0


def _is_stale(engine: Engine, event: MarketEvent) -> bool:
    """Is the order that a trade would have filled gone? Often an earlier trade has filled it."""
    venue, trade = event.venue, event.trade
    if trade is None or venue.triggers or venue.entries:
        return False
    if any(venue.market.symbol in account.positions for account in engine.accounts.values()):
        return False  # the trade may reach a liquidation price
    return not venue.reached(trade.price)


def _apply_event(engine: Engine, event: MarketEvent) -> None:
    """Carry out an event: fills, then triggers, then liquidations."""
    venue, trade, printed = event.venue, event.trade, None
    if trade is not None:
        if venue.reached(trade.price):
            venue.meet(trade)
        engine.leave_exits(venue)
        with exact():
            printed = venue.market.price(trade.price)
    engine.fire(venue, printed)
    _liquidate(engine, venue.market.symbol)


def _realise(engine: Engine, until_us: int) -> None:
    """Realise profits and losses at the last multiple of ten seconds, if that was not done.

    A span of many times ten seconds gives the same balances as each of them by itself.
    """
    here = until_us // REALISED_EVERY * REALISED_EVERY
    if here <= engine.realised_us:
        return
    engine.realised_us = here
    for account in engine.accounts.values():
        for symbol, position in account.positions.items():
            mark = engine.feed(symbol).mark_price(here)
            engine.settlement.realise(account, position, mark, here)


def _at_stop(engine: Engine) -> None:
    """At a stop: profits and losses, funding if an interval ends, then triggers, liquidations."""
    _realise(engine, engine.now_us)
    for account in list(engine.accounts.values()):
        for symbol, position in list(account.positions.items()):
            if engine.now_us % _interval(position.market) == 0:
                feed = engine.feed(symbol)
                rate = feed.funding_rate(engine.now_us)
                mark = feed.mark_price(engine.now_us)
                engine.settlement.fund(account, position, mark, rate, engine.now_us)
    for venue in _active(engine):
        engine.fire(venue)
    _liquidate(engine)


def _liquidate(engine: Engine, symbol: str | None = None) -> None:
    for account in list(engine.accounts.values()):
        concerned = symbol is None or symbol in account.positions
        if concerned and engine.margin.is_short(account):
            engine.liquidate(account)


def _reached(
    feed: PriceFeed, start_us: int, end_us: int, below: list[int], above: list[int]
) -> list[Trade]:
    """The feed's own trades at or below a price of ``below``, or at or above one of ``above``."""
    if not below and not above:
        return []
    return feed.touches(start_us, end_us, max(below, default=None), min(above, default=None))
