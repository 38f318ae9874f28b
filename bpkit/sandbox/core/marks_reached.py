"""Find the next second at which a mark or index price matters: a trigger fires, or an account is
short of margin.

Index and mark prices change at whole seconds only, so everything that they cause happens then. A
span is searched by halves: a half is left out if even its lowest and highest prices are not enough.
Times are in microseconds UTC (``_us``); ``first`` and ``last`` are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from ..simulation.synthetic import SECOND
from .engine import Engine
from .ledger import exact
from .margin import Margin
from .orders import EngineAccount
from .venue import Venue

PIECE = 3_600  # seconds


def next_trigger(venue: Venue, start_us: int, end_us: int) -> int | None:
    """When the first trigger of a venue fires that watches its mark or index price.

    Both ends of the span are included. None: no such trigger fires in the span.
    """
    watching = [one for one in venue.triggers.values() if one.by != "LastPrice"]

    def possible(first: int, last: int) -> bool:
        for trigger in watching:
            by_index = trigger.by == "IndexPrice"
            find = venue.feed.index_range if by_index else venue.feed.mark_range
            low, high = find(first * SECOND, last * SECOND)
            if trigger.is_due(high if trigger.rising else low):
                return True
        return False

    return _first_us(possible, start_us, end_us) if watching else None


def next_shortfall(
    engine: Engine, account: EngineAccount, start_us: int, end_us: int
) -> int | None:
    """When an account gets short of margin if none of its orders is filled before.

    Both ends of the span are included. None: it has enough throughout.
    """

    def possible(first: int, last: int) -> bool:
        def worst(symbol: str) -> Decimal:
            feed, market = engine.feed(symbol), engine.markets[symbol]
            if market.kind == "PERP":
                low, high = feed.mark_range(first * SECOND, last * SECOND)
                return low if account.net(symbol) > 0 else high
            with exact():
                return market.price(feed.lowest(first * SECOND, last * SECOND))

        def highest(symbol: str) -> Decimal:
            feed, market = engine.feed(symbol), engine.markets[symbol]
            with exact():
                return market.price(feed.highest(first * SECOND, last * SECOND))

        return Margin(engine.markets, worst, highest).is_short(account)

    risky = account.positions or account.borrows
    return _first_us(possible, start_us, end_us) if risky else None


def _first_us(possible: Callable[[int, int], bool], start_us: int, end_us: int) -> int | None:
    """The first whole second from ``start_us`` to ``end_us`` that is possible."""
    first, end = -(-start_us // SECOND), end_us // SECOND
    while first <= end:
        last = min(end, -(-first // PIECE) * PIECE)  # a piece ends with the first second of an hour
        found = _first(possible, first, last)
        if found is not None:
            return found * SECOND
        first = last + 1
    return None


def _first(possible: Callable[[int, int], bool], first: int, last: int) -> int | None:
    """``possible`` is true of a span if it is true of a second in it, perhaps of others too."""
    if not possible(first, last):
        return None
    if first == last:
        return first
    middle = (first + last) // 2
    found = _first(possible, first, middle)
    return _first(possible, middle + 1, last) if found is None else found
