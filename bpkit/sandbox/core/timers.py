"""The streams that follow the clock: tickers, mark prices, candles and open interest.

The exchange sends a ticker at 0.548 s of each second and a mark price at each whole second, changed
or not; open interest each minute; a candle at most once a second, if a trade has changed it, and
once more 0.51 s after its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from ..simulation.market import Market
from ..simulation.price_feed import WIDTHS, bucket
from ..simulation.synthetic import DAY, MINUTE, SECOND
from . import stream_frames

if TYPE_CHECKING:
    from .engine import Engine

Timer = tuple[int, Callable[[], None]]  # when, and what sends the event

TICKER_US, KLINE_US = 548_000, 510_000  # within each second
INTERVALS = {*WIDTHS, "1month"}


def due(engine: Engine, after_us: int, until_us: int, coarse: bool) -> list[Timer]:
    """The events of a span that somebody has subscribed, by time; ``after_us`` is exclusive.

    ``coarse``: only those of whole minutes, and each closed candle of a minute or longer. Call each
    when the trades up to its time are recorded.
    """
    width = MINUTE if coarse else SECOND
    found: list[Timer] = []
    for name in sorted(name for name, account in engine.outbox.wanted if account is None):
        kind, _, rest = name.partition(".")
        found += _timers(engine, name, kind, rest, (after_us, until_us, width))
    return sorted(found, key=lambda timer: timer[0])


def _timers(
    engine: Engine, name: str, kind: str, rest: str, span: tuple[int, int, int]
) -> Iterator[Timer]:
    """The timers of one stream; none if it is of another kind."""
    if kind == "kline":
        interval, _, symbol = rest.partition(".")
        market = _open_market(engine, symbol)
        if market is not None and interval in INTERVALS:
            yield from _klines(engine, name, market, interval, span)
        return
    market = _open_market(engine, rest)
    if market is None or kind not in SENDERS:
        return
    send, only, phase_us, least = SENDERS[kind]
    if only in (None, market.kind):
        after_us, until_us, width = span
        for at_us in _times(after_us, until_us, max(width, least), phase_us):
            yield at_us, partial(send, engine, name, market, at_us)


def _open_market(engine: Engine, symbol: str) -> Market | None:
    market = engine.markets.get(symbol)
    return market if market is not None and market.open else None


def _times(after_us: int, until_us: int, width: int, phase_us: int) -> range:
    """The times with that phase in each ``width``."""
    first = (after_us - phase_us) // width * width + width + phase_us
    return range(first, until_us + 1, width)


# Tickers, marks, open interest


def _ticker(engine: Engine, name: str, market: Market, at_us: int) -> None:
    """Its day begins at a whole minute, so its numbers may fall."""
    start = at_us // MINUTE * MINUTE - DAY
    day = engine.feed(market.symbol).window(start, at_us + 1)
    engine.outbox.add(name, make=partial(stream_frames.ticker, market, day, at_us))


def _mark_price(engine: Engine, name: str, market: Market, at_us: int) -> None:
    feed, interval = engine.feed(market.symbol), int(market.raw["fundingInterval"]) * 1_000
    end_us = (at_us // interval + 1) * interval
    engine.outbox.add(
        name,
        make=lambda: stream_frames.mark_price(
            market,
            feed.mark_price(at_us),
            feed.index_price(at_us),
            feed.funding_rate(end_us),
            end_us,
            at_us,
        ),
    )


def _open_interest(engine: Engine, name: str, market: Market, at_us: int) -> None:
    steps = engine.feed(market.symbol).open_interest(at_us)
    engine.outbox.add(name, make=partial(stream_frames.open_interest, market, steps, at_us))


# stream -> what sends it, the only kind of market that has it, its phase, the least time between
SENDERS: dict[str, tuple[Callable[[Engine, str, Market, int], None], str | None, int, int]] = {
    "ticker": (_ticker, None, TICKER_US, SECOND),
    "markPrice": (_mark_price, "PERP", 0, SECOND),
    "openInterest": (_open_interest, "PERP", 0, MINUTE),
}


# Candles


def _klines(
    engine: Engine, name: str, market: Market, interval: str, span: tuple[int, int, int]
) -> Iterator[Timer]:
    after_us, until_us, width = span
    if width == SECOND or WIDTHS.get(interval, DAY) >= MINUTE:
        start, end = bucket(interval, after_us - KLINE_US)
        while end + KLINE_US <= until_us:
            yield end + KLINE_US, partial(_closed, engine, name, market, start, end)
            start, end = bucket(interval, end)
    for at_us in _times(after_us, until_us, width, KLINE_US):
        yield at_us, partial(_changed, engine, name, market, interval, at_us, width)


def _closed(engine: Engine, name: str, market: Market, start: int, end: int) -> None:
    candle, at_us = engine.feed(market.symbol).window(start, end), end + KLINE_US
    engine.outbox.add(name, make=partial(stream_frames.kline, market, candle, True, at_us))


def _changed(
    engine: Engine, name: str, market: Market, interval: str, at_us: int, width: int
) -> None:
    """Send the candle that is running if a trade has changed it in the last second (or minute)."""
    feed, (start, end) = engine.feed(market.symbol), bucket(interval, at_us)
    if feed.window(max(start, at_us + 1 - width), at_us + 1).trades:
        candle = feed.window(start, at_us + 1)._replace(end_us=end)
        engine.outbox.add(name, make=partial(stream_frames.kline, market, candle, False, at_us))
