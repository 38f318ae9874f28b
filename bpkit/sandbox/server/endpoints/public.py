"""Public operations: markets, prices, trades, candles, funding rates and reference data.

Each function takes (exchange, values) and returns JSON values in the shapes of the exchange.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from ...core.exchange import Exchange, Refusal
from ...core.rules import bad_request, find_market
from ...formatting import iso, plain, spaced
from ...simulation.candles import WIDTHS, Candle
from ...simulation.market import Market
from ...simulation.price_feed import PriceFeed
from ...simulation.synthetic import DAY, FIRST_US
from ...simulation.tables import table
from . import Page, Row, Values, limit_and_offset, page
from .lending import LENDING_PUBLIC

MAX_CANDLES = 1000  # a page; undocumented, other connectors rely on it
MONTH = 31 * DAY  # the longest

# --- markets --------------------------------------------------------------------------------------


def _markets(exchange: Exchange, values: Values) -> list[Row]:
    kinds = values.get("marketType")
    return [m.raw for m in exchange.markets.values() if kinds is None or m.kind in kinds]


def _market(exchange: Exchange, values: Values) -> Row:
    return find_market(exchange.markets, values["symbol"]).raw


def _ticker(exchange: Exchange, values: Values) -> Row | None:
    """The last day or week up to now; None if nothing was traded."""
    market = find_market(exchange.markets, values["symbol"])
    if not market.open:
        return None
    width = 7 * DAY if values.get("interval") == "1w" else DAY
    end = exchange.now_us + 1  # an order that was filled at this instant is part of it
    candle = exchange.feed(market.symbol).window(end - width, end)
    if candle.open is None or candle.close is None:
        return None
    first, last = market.price(candle.open), market.price(candle.close)
    fraction = ((last - first) / first).quantize(Decimal("0.000001"), ROUND_HALF_UP)
    return {
        "symbol": market.symbol,
        "firstPrice": plain(first),
        "lastPrice": plain(last),
        "priceChange": plain(last - first),
        "priceChangePercent": plain(fraction),
        "high": _price(market, candle.high),
        "low": _price(market, candle.low),
        "volume": plain(market.quantity(candle.volume)),
        "quoteVolume": plain(market.notional(candle.quote_volume)),
        "trades": str(candle.trades),
    }


def _tickers(exchange: Exchange, values: Values) -> list[Row]:
    every = [_ticker(exchange, {**values, "symbol": symbol}) for symbol in exchange.markets]
    return [ticker for ticker in every if ticker is not None]


def _depth(exchange: Exchange, values: Values) -> Row:
    return exchange.depth(values["symbol"], int(values.get("limit", 1000)))


def _klines(exchange: Exchange, values: Values) -> list[Row]:
    """Closed candles from the one that holds ``startTime``, oldest first, at most MAX_CANDLES."""
    market = exchange.open_market(values["symbol"])
    start_s, end_s, interval = values["startTime"], values.get("endTime"), values["interval"]
    if end_s is not None and end_s < start_s:
        raise bad_request("endTime must not be before startTime")
    if values.get("priceType", "Last") != "Last":
        raise Refusal(501, "NOT_IMPLEMENTED", "The sandbox has candles of priceType Last only")
    now = exchange.now_us
    start = max(start_s * 1_000_000, FIRST_US)
    end = min(now if end_s is None else end_s * 1_000_000, now)
    if end <= start:
        return []
    # Candles that do not fit the page need not be computed.
    end = min(end, start + MAX_CANDLES * WIDTHS.get(interval, MONTH))
    candles = exchange.feed(market.symbol).candles(interval, start, end, now)
    return [_kline(market, candle) for candle in candles[:MAX_CANDLES]]


def _kline(market: Market, candle: Candle) -> Row:
    return {
        "start": spaced(candle.start_us),
        "end": spaced(candle.end_us),
        "open": _price(market, candle.open),
        "high": _price(market, candle.high),
        "low": _price(market, candle.low),
        "close": _price(market, candle.close),
        "volume": plain(market.quantity(candle.volume)),
        "quoteVolume": plain(market.notional(candle.quote_volume)),
        "trades": str(candle.trades),
    }


def _price(market: Market, ticks: int | None) -> str | None:
    return None if ticks is None else plain(market.price(ticks))


def _trades(exchange: Exchange, values: Values) -> list[Row]:
    """Newest first."""
    market = exchange.open_market(values["symbol"])
    limit, offset = limit_and_offset(values)
    return [
        {
            "id": trade.id,
            "isBuyerMaker": trade.buyer_is_maker,
            "price": plain(market.price(trade.price)),
            "quantity": plain(market.quantity(trade.quantity)),
            "quoteQuantity": plain(market.notional(trade.price * trade.quantity)),
            "timestamp": trade.time_us // 1000,
        }
        for trade in exchange.feed(market.symbol).latest(exchange.now_us, limit, offset)
    ]


# --- futures --------------------------------------------------------------------------------------


def _futures(exchange: Exchange, values: Values) -> list[tuple[Market, PriceFeed]]:
    """The open futures that the parameters ask for."""
    return [
        (market, exchange.feed(market.symbol))
        for market in exchange.markets.values()
        if market.kind == "PERP"
        and market.open
        and values.get("symbol", market.symbol) == market.symbol
        and values.get("marketType", "PERP") == "PERP"
    ]


def _open_interest(exchange: Exchange, values: Values) -> list[Row]:
    if "symbol" in values:
        find_market(exchange.markets, values["symbol"])
    now_us = exchange.now_us
    return [
        {
            "symbol": market.symbol,
            "openInterest": plain(market.quantity(feed.open_interest(now_us))),
            "timestamp": now_us // 1000,
        }
        for market, feed in _futures(exchange, values)
    ]


def _mark_prices(exchange: Exchange, values: Values) -> list[Row]:
    futures, now_us = _futures(exchange, values), exchange.now_us
    if "symbol" in values and not futures:
        raise bad_request("Symbol not found")
    rows = []
    for market, feed in futures:
        next_funding = _next_funding(market, now_us)
        rows.append(
            {
                "symbol": market.symbol,
                "markPrice": plain(feed.mark_price(now_us)),
                "indexPrice": plain(feed.index_price(now_us)),
                "fundingRate": plain(feed.funding_rate(next_funding)),
                "nextFundingTimestamp": next_funding // 1000,
            }
        )
    return rows


def _funding_rates(exchange: Exchange, values: Values) -> Page:
    """Newest first, beginning with the interval that is running."""
    limit, offset = limit_and_offset(values, 10_000)
    futures = _futures(exchange, values)
    if not futures:
        return Page([], 0, limit, offset)
    market, feed = futures[0]
    ends = range(_next_funding(market, exchange.now_us), FIRST_US, -_funding_interval(market))
    rows = [
        {
            "symbol": market.symbol,
            "intervalEndTimestamp": iso(end, 0),
            "fundingRate": plain(feed.funding_rate(end)),
        }
        for end in ends[offset : offset + limit]
    ]
    return Page(rows, len(ends), limit, offset)


def _funding_interval(market: Market) -> int:
    """In microseconds."""
    return int(market.raw["fundingInterval"]) * 1000


def _next_funding(market: Market, now_us: int) -> int:
    width = _funding_interval(market)
    return (now_us // width + 1) * width


# --- reference data -------------------------------------------------------------------------------


def _from_catalogue(name: str) -> Callable[[Exchange, Values], Any]:
    return lambda exchange, values: table("catalogue")[name]


PUBLIC: dict[str, Callable[[Exchange, Values], Any]] = {
    "get_status": lambda exchange, values: {"status": "Ok", "message": None},
    "ping": lambda exchange, values: "pong",
    "get_assets": lambda exchange, values: table("assets"),
    "get_collateral_parameters": lambda exchange, values: table("collateral"),
    "get_markets": _markets,
    "get_market": _market,
    "get_ticker": _ticker,
    "get_tickers": _tickers,
    "get_depth": _depth,
    "get_klines": _klines,
    "get_recent_trades": _trades,
    "get_historical_trades": _trades,
    "get_open_interest": _open_interest,
    "get_mark_prices": _mark_prices,
    "get_funding_interval_rates": _funding_rates,
    **LENDING_PUBLIC,
    "get_prediction_events": lambda exchange, values: page([], values),
    "get_prediction_tags": _from_catalogue("predictionTags"),
    "get_market_sessions": _from_catalogue("marketSessions"),
    "get_securities": _from_catalogue("securities"),
    "get_vaults": lambda exchange, values: [],
    "get_vault_history": lambda exchange, values: [],
    "get_wallets": _from_catalogue("wallets"),
    "get_fee_tiers": _from_catalogue("feeTiers"),
    "get_market_holidays": _from_catalogue("marketHolidays"),
    "get_country": _from_catalogue("country"),
    "get_country_permissions": _from_catalogue("countryPermissions"),
}
