"""Time goes by: the feed's trades meet the users' orders, triggers fire, funding is paid.

Between two looks at everything (the ends of funding intervals, and the end of the span) only those
trades of the feed are heeded that reach a user's order, a trigger or a liquidation price. With
several positions at once the latter are estimates, as each supposes that the others stand still.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from ..simulation.market import Market
from ..simulation.price_feed import PriceFeed, Trade
from .book import Side
from .engine import Engine
from .ledger import exact, fine
from .venue import Desk


class Strike(NamedTuple):
    """A moment that may matter to a desk. ``trade``: of its own feed; None: of the spot market
    behind its index price."""

    time_us: int
    desk: Desk
    trade: Trade | None


def pass_time(engine: Engine, now_us: int) -> None:
    """Let time pass, then let the house quote anew where users wait.

    A market without users' orders and positions costs nothing.
    """
    for desk in _active(engine):
        engine.fire(desk)  # what moved the price since time stood still
    while engine.now_us < now_us:
        _go(engine, _stop(engine, now_us))
    for desk in _active(engine):
        engine.desk(desk.market)


def _active(engine: Engine) -> list[Desk]:
    """The desks at which somebody has an order or a position."""
    held = {symbol for account in engine.accounts.values() for symbol in account.positions}
    return [
        desk
        for symbol, desk in engine.desks.items()
        if desk.users or desk.triggers or symbol in held
    ]


def _stop(engine: Engine, until_us: int) -> int:
    """The next end of a funding interval that somebody will feel, or the end of the span."""
    held = {symbol for account in engine.accounts.values() for symbol in account.positions}
    widths = [_interval(engine.markets[symbol]) for symbol in held]
    return min([until_us, *((engine.now_us // width + 1) * width for width in widths)])


def _interval(market: Market) -> int:
    return int(market.raw["fundingInterval"]) * 1_000


def _go(engine: Engine, stop_us: int) -> None:
    """To the next stop; or less far, where something happens that changes what may happen next."""
    desks = _active(engine)
    for desk in desks:
        desk.withdraw()
    strikes = _strikes(engine, desks, engine.now_us + 1, stop_us)
    for here, now in groupby(strikes, key=lambda strike: strike.time_us):
        known, engine.now_us = engine.last_id, here
        for strike in now:
            if not _is_stale(engine, strike):
                _meet(engine, strike)
        if engine.last_id != known and here < stop_us:
            return  # there is something new to reach, or a sooner stop
    engine.now_us = stop_us
    _look(engine)


def _strikes(engine: Engine, desks: list[Desk], start_us: int, end_us: int) -> list[Strike]:
    """All desks' moments of a span, both ends included, in turn."""
    found = [strike for desk in desks for strike in _of(engine, desk, start_us, end_us + 1)]
    return sorted(found, key=lambda strike: strike.time_us)


def _of(engine: Engine, desk: Desk, start_us: int, end_us: int) -> Iterator[Strike]:
    below = [best for best in [desk.book.best("Bid")] if best is not None]
    above = [best for best in [desk.book.best("Ask")] if best is not None]
    for trigger in desk.triggers.values():
        if trigger.by != "IndexPrice":
            (above if trigger.rising else below).append(trigger.ticks)
    for price, rising in _liquidations(engine, desk):
        with fine():
            ticks = price / desk.market.tick
        (above if rising else below).append(math.ceil(ticks) if rising else math.floor(ticks))
    for trade in _touches(desk.feed, start_us, end_us, below, above):
        yield Strike(trade.time_us, desk, trade)
    yield from _index_strikes(engine, desk, start_us, end_us)


def _index_strikes(engine: Engine, desk: Desk, start_us: int, end_us: int) -> Iterator[Strike]:
    watching = [one for one in desk.triggers.values() if one.by == "IndexPrice"]
    spot = engine.markets.get(f"{desk.market.base}_{desk.market.quote}")
    if not watching or spot is None:
        return
    below: list[int] = []
    above: list[int] = []
    for trigger in watching:
        with exact():
            ticks = int(desk.market.price(trigger.ticks) // spot.tick)
        (above if trigger.rising else below).append(ticks)
    for trade in _touches(engine.feed(spot.symbol), start_us, end_us, below, above):
        yield Strike(trade.time_us, desk, None)


def _liquidations(engine: Engine, desk: Desk) -> Iterator[tuple[Decimal, bool]]:
    """The prices at which positions at a desk are liquidated, and whether by rising to them."""
    for account in engine.accounts.values():
        position = account.positions.get(desk.market.symbol)
        if position is not None:
            price = engine.margin.liquidation_price(account, position)
            if price:
                yield price, position.steps < 0


def _is_stale(engine: Engine, strike: Strike) -> bool:
    """Is what a trade was to reach gone by now, or out of this trade's reach? Most are, where an
    order was filled early."""
    desk, trade = strike.desk, strike.trade
    if trade is None or desk.triggers or desk.entries:
        return False
    if any(desk.market.symbol in account.positions for account in engine.accounts.values()):
        return False  # the trade may be at its price of liquidation
    return not desk.book.crosses(_taker(trade), trade.price)


def _taker(trade: Trade) -> Side:
    return "Ask" if trade.buyer_is_maker else "Bid"


def _meet(engine: Engine, strike: Strike) -> None:
    """What a moment brings: fills, then triggers, then liquidations."""
    desk, trade, printed = strike.desk, strike.trade, None
    if trade is not None:
        desk.withdraw()
        desk.take(_taker(trade), trade.price, trade.quantity, trade.time_us)
        engine.leave_exits(desk)
        with exact():
            printed = desk.market.price(trade.price)
    engine.fire(desk, printed)
    _liquidate(engine, desk.market.symbol)


def _look(engine: Engine) -> None:
    """At a stop: funding where an interval ends, then triggers, then liquidations."""
    for account in list(engine.accounts.values()):
        for symbol, position in list(account.positions.items()):
            if engine.now_us % _interval(position.market) == 0:
                feed = engine.feed(symbol)
                rate = feed.funding_rate(engine.now_us)
                mark = feed.mark_price(engine.now_us)
                engine.clearing.fund(account, position, mark, rate, engine.now_us)
    for desk in _active(engine):
        engine.fire(desk)
    _liquidate(engine)


def _liquidate(engine: Engine, symbol: str | None = None) -> None:
    for account in list(engine.accounts.values()):
        concerned = symbol is None or symbol in account.positions
        if concerned and engine.margin.is_short(account):
            engine.liquidate(account)


def _touches(
    feed: PriceFeed, start_us: int, end_us: int, below: list[int], above: list[int]
) -> list[Trade]:
    """The feed's own trades that reach any of these prices from above, or from below."""
    if not below and not above:
        return []
    return feed.touches(start_us, end_us, max(below, default=None), min(above, default=None))
