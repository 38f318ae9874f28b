"""Let the prices of a market follow a path that the sandbox's owner sets.

The path's first price is there at once: it is traded, orders are filled, triggers fire, and who is
short of margin is liquidated. Its later prices come with the market's own trades, as time passes.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from ..formatting import plain
from ..simulation import lines
from ..simulation.market import Market
from ..simulation.marks import UNIT
from ..simulation.paths import Leg, Path
from ..simulation.price_feed import PriceFeed
from ..simulation.synthetic import SECOND, Trade
from .engine import Engine
from .ledger import exact

Moved = list[tuple[PriceFeed, str]]  # prices: last, mark or index of a feed


def follow(engine: Engine, symbol: str, path: Path) -> int:
    """Let a market follow a path from now on. Returns when its last step ends (microseconds).

    ValueError: no such market, it is closed, or it has none of these prices.
    """
    market = open_market(engine, symbol)
    moved = _moved(engine, market, path.moves)
    if not moved:
        raise ValueError(
            f"moves={list(path.moves)} moves nothing: {symbol} is a spot market, it has no mark, "
            'and no perp has its index; write ["last"]'
        )
    legs = path.legs(_price_now(engine, market, moved[0]))
    _check(market, engine.feed(symbol), legs)
    venue = engine.venue(market)  # its quotes before
    before = venue.feed.last_price(engine.now_us)
    for feed, name in moved:
        feed.follow(name, path, legs, engine.now_us, market)
    if "last" in path.moves:
        _trade(engine, market, before)
    _react(engine)
    return lines.ready(engine.now_us) + path.seconds * SECOND


def release(engine: Engine, symbol: str) -> None:
    """Let the prices that follow a market's path go on from where they are.

    ValueError: no such market, it is closed, or there are none.
    """
    market = open_market(engine, symbol)
    moved = [
        (feed, name)
        for feed, name in _moved(engine, market, ("last", "mark", "index"))
        if feed.steered_by(name, engine.now_us) == symbol
    ]
    if not moved:
        raise ValueError(f"{symbol} follows no path; set_path or set_price begins one")
    for feed, name in moved:
        feed.release(name, engine.now_us)


def open_market(engine: Engine, symbol: str) -> Market:
    """The market of a symbol. ValueError: there is none, or it is closed."""
    every = [market.symbol for market in engine.markets.values() if market.open]
    market = engine.markets.get(symbol)
    if market is None:
        raise ValueError(f"{symbol!r} is not a market here; there are {', '.join(every)}")
    if not market.open:
        raise ValueError(f"{symbol} is closed: it has no prices; write one of {', '.join(every)}")
    return market


def _moved(engine: Engine, market: Market, moves: tuple[str, ...]) -> Moved:
    """The prices that a path moves, in the order of ``moves``.

    A spot market has no mark. Its index is that of the perp with the same assets.
    """
    found: Moved = []
    for name in moves:
        if market.kind == "PERP" or name == "last":
            found.append((engine.feed(market.symbol), name))
        elif name == "index":
            perps = (one for one in engine.markets.values() if one.kind == "PERP" and one.open)
            same = [one.symbol for one in perps if one.spot_symbol == market.symbol]
            found += [(engine.feed(symbol), name) for symbol in same]
    return found


def _price_now(engine: Engine, market: Market, moved: tuple[PriceFeed, str]) -> Fraction:
    """The price at which a path starts: that of the first of last, mark and index that it moves."""
    feed, name = moved
    if name == "last":
        return feed.last_price(engine.now_us) * Fraction(market.tick)
    return feed.units(name, engine.now_us) * Fraction(market.tick if name == "mark" else UNIT)


def _check(market: Market, feed: PriceFeed, legs: list[Leg]) -> None:
    """Refuse prices that are too low or too high."""
    lowest, highest = Fraction(market.tick), feed.price_limit * Fraction(market.tick)
    for number, leg in enumerate(legs, 1):
        for price in (leg.first, leg.last):
            if not lowest <= price <= highest:
                shown = Decimal(price.numerator) / Decimal(price.denominator)
                where = f"step {number}: " if len(legs) > 1 else ""
                raise ValueError(
                    f"{where}{plain(shown)} is not a price of {market.symbol}; write one "
                    f"from {plain(market.tick)} to {plain(market.price(feed.price_limit))}"
                )


def _trade(engine: Engine, market: Market, before: int) -> None:
    """The trade at a path's first price. ``before``: the last price until then, in ticks."""
    venue, now_us = engine.venue(market), engine.now_us
    feed = venue.feed
    price = feed.units("last", now_us)
    trade = Trade(feed.next_id(now_us), now_us, price, feed.size(now_us), price < before)
    feed.record(trade)
    engine.publisher.trade(market, trade, None, None)
    venue.refresh(now_us, again=True)
    if venue.reached(price):
        venue.meet(trade)
    engine.leave_exits(venue)
    with exact():
        engine.fire(venue, market.price(price))


def _react(engine: Engine) -> None:
    """Fire what is due at the new prices, and liquidate who is short of margin at them."""
    _fire(engine)
    for account in list(engine.accounts.values()):
        if engine.margin.is_short(account):
            engine.liquidate(account)
            _fire(engine)


def _fire(engine: Engine) -> None:
    for venue in list(engine.venues.values()):
        if venue.triggers:
            engine.fire(venue)
