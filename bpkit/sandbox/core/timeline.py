"""Advance the market's time: match orders with simulated trades, fire triggers, pay funding,
liquidate.

Only those times count at which something happens: a trade of the price feed reaches a user's order
or a trigger, a mark or index price reaches a trigger, an account gets short of margin, or a funding
interval ends. Mark and index prices change at whole seconds, and an account is liquidated at the
first whole second at which it is short. So the result does not depend on the steps in which time is
advanced. Only the times at which profits and losses are realised do: see ``_next_stop``.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from ..simulation.market import Market
from ..simulation.price_feed import PriceFeed
from ..simulation.synthetic import HOUR, Trade
from .engine import Engine
from .ledger import exact
from .marks_reached import next_trigger
from .orders import EngineAccount
from .venue import Venue

REALISED_EVERY = 10_000_000  # microseconds


class MarketEvent(NamedTuple):
    """What happens at a time: a trade of a venue's feed, the mark or index price reaches a trigger
    of a venue, or an account is short of margin."""

    time_us: int
    venue: Venue | None = None
    trade: Trade | None = None
    account: EngineAccount | None = None


def pass_time(engine: Engine, now_us: int) -> None:
    """Advance the time, then move the market maker's quotes.

    Markets without orders and positions are skipped.
    """
    begin(engine, now_us)
    while engine.now_us < now_us:
        step(engine, now_us)
    finish(engine)


def begin(engine: Engine, until_us: int) -> None:
    """Begin to advance the time to ``until_us``."""
    for venue in _active(engine):
        engine.fire(venue)  # users' trades may have reached a trigger price
    engine.publisher.begin(until_us)


def step(engine: Engine, until_us: int) -> None:
    """Advance the time to the next stop, at most to ``until_us``.

    It does not matter what users do between two steps: each stop is a whole moment.
    """
    while True:
        stop_us = _next_stop(engine, until_us)
        _advance_to(engine, stop_us)
        if engine.now_us == stop_us:
            return


def finish(engine: Engine) -> None:
    """The time has been advanced. It may be earlier than ``begin`` was told."""
    engine.publisher.cut()
    engine.publisher.finish()
    show(engine)


def show(engine: Engine) -> None:
    """Move the market maker's quotes to the present."""
    for venue in _active(engine):
        engine.venue(venue.market)


def _active(engine: Engine) -> list[Venue]:
    """The venues with an order or a position of a user."""
    held = engine.settlement.held
    return [
        venue
        for symbol, venue in engine.venues.items()
        if venue.users or venue.triggers or symbol in held
    ]


def _next_stop(engine: Engine, until_us: int) -> int:
    """The next end of a funding interval with a position (of an hour if there is none), the next
    time at which something that is scheduled acts, or the end of the span; in a span that is not
    coarse also the next time at which profits and losses are realised."""
    held = engine.settlement.held
    widths = [_interval(engine.markets[symbol]) for symbol in held] or [HOUR]
    if held and not engine.publisher.coarse:
        widths.append(REALISED_EVERY)
    scheduled = (one.next_us(engine.now_us) for one in engine.scheduled)
    ends = ((engine.now_us // width + 1) * width for width in widths)
    return min([until_us, *ends, *(at_us for at_us in scheduled if at_us is not None)])


def _interval(market: Market) -> int:
    return int(market.raw["fundingInterval"]) * 1_000


def _advance_to(engine: Engine, stop_us: int) -> None:
    """Advance to ``stop_us``, or to an earlier time at which a new order was made."""
    events = _events(engine, _active(engine), engine.now_us + 1, stop_us)
    for here, now in groupby(events, key=lambda event: event.time_us):
        known, engine.now_us = _known(engine), here
        again = False
        for event in now:
            if not _is_stale(engine, event):
                engine.publisher.until(here)
                _realise(engine, here - 1)
                _apply_event(engine, event)
            again = again or event.trade is None
        if (again or _known(engine) != known) and here < stop_us:
            return  # what comes next may be different now
    engine.publisher.until(stop_us)
    engine.now_us = stop_us
    _at_stop(engine)


def _known(engine: Engine) -> tuple[int, int]:
    """What the events were found with: it changes with each order, and with each fill if there is
    a position or a loan."""
    held = engine.settlement.holders or engine.lending.users
    return engine.last_id, engine.settlement.fills if held else 0


def _events(engine: Engine, venues: list[Venue], start_us: int, end_us: int) -> list[MarketEvent]:
    """The events from ``start_us`` to ``end_us``, both included, by time. At one time: trades, then
    triggers by mark or index, then accounts that are short.

    Of the last two kinds only the first of each venue and account is found.
    """
    found: list[MarketEvent] = []
    for venue in venues:
        found += _trade_events(venue, start_us, end_us + 1)
    for venue in venues:
        if (at_us := next_trigger(venue, start_us, end_us)) is not None:
            found.append(MarketEvent(at_us, venue))
    for at_us, account in engine.shortfalls.find(engine, start_us, end_us):
        found.append(MarketEvent(at_us, account=account))
    return sorted(found, key=lambda event: event.time_us)


def _trade_events(venue: Venue, start_us: int, end_us: int) -> Iterator[MarketEvent]:
    below = [best for best in [venue.users_best("Bid")] if best is not None]
    above = [best for best in [venue.users_best("Ask")] if best is not None]
    for trigger in venue.triggers.values():
        if trigger.by == "LastPrice":
            (above if trigger.rising else below).append(trigger.ticks)
    for trade in _reached(venue.feed, start_us, end_us, below, above):
        yield MarketEvent(trade.time_us, venue, trade)


def _is_stale(engine: Engine, event: MarketEvent) -> bool:
    """Is the order that a trade would have filled gone? Often an earlier trade has filled it."""
    venue, trade = event.venue, event.trade
    if venue is None or trade is None or venue.triggers or venue.entries:
        return False
    return not venue.reached(trade.price)


def _apply_event(engine: Engine, event: MarketEvent) -> None:
    """Carry out an event: fills, then triggers; or a liquidation, then triggers."""
    venue, trade, printed = event.venue, event.trade, None
    if venue is None:
        if event.account is not None and engine.margin.is_short(event.account):
            engine.liquidate(event.account)
        for venue in _active(engine):  # its orders may have moved the last price of any market
            engine.fire(venue)
        return
    if trade is not None:
        if venue.reached(trade.price):
            venue.meet(trade)
        engine.leave_exits(venue)
        with exact():
            printed = venue.market.price(trade.price)
    engine.fire(venue, printed)


def _realise(engine: Engine, until_us: int) -> None:
    """Realise profits and losses at the last multiple of ten seconds, if that was not done.

    A span of many times ten seconds gives the same balances as each of them by itself.
    """
    here = until_us // REALISED_EVERY * REALISED_EVERY
    if here <= engine.realised_us:
        return
    engine.realised_us = here
    marks = {symbol: engine.feed(symbol).mark_price(here) for symbol in engine.settlement.held}
    for account in engine.settlement.holders_in_order():
        held = [(one, marks[symbol]) for symbol, one in account.positions.items()]
        engine.settlement.realise(account, held, here)


def _at_stop(engine: Engine) -> None:
    """At a stop: profits and losses, then funding if an interval ends, then what is scheduled."""
    _realise(engine, engine.now_us)
    held = engine.settlement.held
    due = {symbol for symbol in held if engine.now_us % _interval(engine.markets[symbol]) == 0}
    for account in engine.settlement.holders_in_order() if due else []:
        for symbol, position in list(account.positions.items()):
            if symbol in due:
                feed = engine.feed(symbol)
                rate = feed.funding_rate(engine.now_us)
                mark = feed.mark_price(engine.now_us)
                engine.settlement.fund(account, position, mark, rate, engine.now_us)
    for one in engine.scheduled:
        if one.next_us(engine.now_us - 1) == engine.now_us:
            one.act()


def _reached(
    feed: PriceFeed, start_us: int, end_us: int, below: list[int], above: list[int]
) -> list[Trade]:
    """The feed's own trades at or below a price of ``below``, or at or above one of ``above``."""
    if not below and not above:
        return []
    return feed.touches(start_us, end_us, max(below, default=None), min(above, default=None))
