"""The public answers: what the feed says, in the exchange's shapes and spelling.

Each function takes the market, its feed and the market's time, and returns plain JSON values.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from ..formatting import iso, plain, spaced
from .market import Market
from .price_feed import WIDTHS, Candle, PriceFeed
from .synthetic import FIRST_US, HOUR, Trade

DAY, WEEK = 24 * HOUR, 7 * 24 * HOUR
MAX_CANDLES = 1000  # a page; undocumented, and what others rely on


def kline(market: Market, candle: Candle) -> dict[str, Any]:
    """A candle as ``/api/v1/klines`` spells it."""

    def price(ticks: int | None) -> str | None:
        return None if ticks is None else plain(market.price(ticks))

    return {
        "start": spaced(candle.start_us),
        "end": spaced(candle.end_us),
        "open": price(candle.open),
        "high": price(candle.high),
        "low": price(candle.low),
        "close": price(candle.close),
        "volume": plain(market.quantity(candle.volume)),
        "quoteVolume": plain(market.notional(candle.quote_volume)),
        "trades": str(candle.trades),
    }


def klines(
    market: Market, feed: PriceFeed, interval: str, start_s: int, end_s: int | None, now_us: int
) -> list[dict[str, Any]]:
    """Closed candles from the one that holds ``start_s``, oldest first, at most MAX_CANDLES."""
    start = max(start_s * 1_000_000, FIRST_US)
    end = min(now_us if end_s is None else end_s * 1_000_000, now_us)
    if end <= start:
        return []
    # No need to make what the page will not hold; a month has at most 31 days.
    widest = MAX_CANDLES * 31 * DAY if interval == "1month" else MAX_CANDLES * WIDTHS[interval]
    candles = feed.candles(interval, start, min(end, start + widest), now_us)
    return [kline(market, candle) for candle in candles[:MAX_CANDLES]]


def ticker(market: Market, feed: PriceFeed, interval: str, now_us: int) -> dict[str, Any] | None:
    """The last day or week up to now; None where nothing was traded."""
    # Up to and including this instant: an order filled just now is part of it.
    candle = feed.window(now_us + 1 - (WEEK if interval == "1w" else DAY), now_us + 1)
    if candle.open is None or candle.high is None or candle.low is None or candle.close is None:
        return None
    first, last = market.price(candle.open), market.price(candle.close)
    fraction = ((last - first) / first).quantize(Decimal("0.000001"), ROUND_HALF_UP)
    return {
        "symbol": market.symbol,
        "firstPrice": plain(first),
        "lastPrice": plain(last),
        "priceChange": plain(last - first),
        "priceChangePercent": plain(fraction),
        "high": plain(market.price(candle.high)),
        "low": plain(market.price(candle.low)),
        "volume": plain(market.quantity(candle.volume)),
        "quoteVolume": plain(market.notional(candle.quote_volume)),
        "trades": str(candle.trades),
    }


def trade(market: Market, one: Trade) -> dict[str, Any]:
    """A trade as ``/api/v1/trades`` spells it."""
    return {
        "id": one.id,
        "isBuyerMaker": one.buyer_is_maker,
        "price": plain(market.price(one.price)),
        "quantity": plain(market.quantity(one.quantity)),
        "quoteQuantity": plain(market.notional(one.price * one.quantity)),
        "timestamp": one.time_us // 1000,
    }


def trades(
    market: Market, feed: PriceFeed, now_us: int, limit: int, offset: int = 0
) -> list[dict[str, Any]]:
    """Newest first."""
    return [trade(market, one) for one in feed.latest(now_us, limit, offset)]


def open_interest(market: Market, feed: PriceFeed, now_us: int) -> dict[str, Any]:
    """A row of ``/api/v1/openInterest``."""
    return {
        "symbol": market.symbol,
        "openInterest": plain(market.quantity(feed.open_interest(now_us))),
        "timestamp": now_us // 1000,
    }


def mark_price(market: Market, feed: PriceFeed, now_us: int) -> dict[str, Any]:
    """A row of ``/api/v1/markPrices``."""
    next_funding = _interval_end(market, now_us)
    return {
        "symbol": market.symbol,
        "markPrice": plain(feed.mark_price(now_us)),
        "indexPrice": plain(feed.index_price(now_us)),
        "fundingRate": plain(feed.funding_rate(next_funding)),
        "nextFundingTimestamp": next_funding // 1000,
    }


def funding_rates(
    market: Market, feed: PriceFeed, now_us: int, limit: int, offset: int
) -> tuple[list[dict[str, Any]], int]:
    """(a page, newest first, beginning with the running interval; how many there are in all)."""
    width = market.raw["fundingInterval"] * 1000
    newest = _interval_end(market, now_us)
    total = (newest - FIRST_US) // width
    ends = range(newest, FIRST_US, -width)[offset : offset + limit]
    rows = [
        {
            "symbol": market.symbol,
            "intervalEndTimestamp": iso(end, 0),
            "fundingRate": plain(feed.funding_rate(end)),
        }
        for end in ends
    ]
    return rows, total


def _interval_end(market: Market, now_us: int) -> int:
    width = int(market.raw["fundingInterval"]) * 1000
    return (now_us // width + 1) * width
