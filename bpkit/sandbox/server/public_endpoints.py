"""What each public operation answers: one function an operation, from parameters to JSON values.

They take (exchange, values); ``values`` comes from ``parsing``. A refusal is raised as ``Refusal``.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from ..core.exchange import Exchange, Refusal
from ..simulation import lending, marketdata
from ..simulation.market import Market
from ..simulation.tables import table

Values = dict[str, Any]


class Page(NamedTuple):
    """Rows of one page, and how many there are in all: answered with the page headers."""

    rows: list[dict[str, Any]]
    total: int
    limit: int
    offset: int


def page(rows: list[dict[str, Any]], values: Values) -> Page:
    """The part of ``rows`` that ``limit`` and ``offset`` ask for. Refusal: too high a limit."""
    limit, offset = _limit(values, 100, 1000), values.get("offset", 0)
    return Page(rows[offset : offset + limit], len(rows), limit, offset)


def _market(exchange: Exchange, symbol: str) -> Market:
    if symbol not in exchange.markets:
        raise Refusal(400, "INVALID_CLIENT_REQUEST", "Invalid market symbol")
    return exchange.markets[symbol]


def _open_market(exchange: Exchange, symbol: str) -> Market:
    market = _market(exchange, symbol)
    if not market.open:
        raise Refusal(404, "RESOURCE_NOT_FOUND", "Not Found")
    return market


def _limit(values: Values, default: int, highest: int) -> int:
    limit = values.get("limit", default)
    if limit > highest:
        raise Refusal(400, "INVALID_CLIENT_REQUEST", f"Limit must be between 0 and {highest}")
    return int(limit)


def _markets(exchange: Exchange, values: Values) -> Any:
    kinds = values.get("marketType")
    return [m.raw for m in exchange.markets.values() if kinds is None or m.kind in kinds]


def _ticker(exchange: Exchange, values: Values) -> Any:
    market = _market(exchange, values["symbol"])
    if not market.open:
        return None
    feed = exchange.feed(market.symbol)
    return marketdata.ticker(market, feed, values.get("interval", "1d"), exchange.now_us)


def _tickers(exchange: Exchange, values: Values) -> Any:
    every = [_ticker(exchange, {**values, "symbol": symbol}) for symbol in exchange.markets]
    return [ticker for ticker in every if ticker is not None]


def _depth(exchange: Exchange, values: Values) -> Any:
    market = _open_market(exchange, values["symbol"])
    return exchange.depth(market.symbol, int(values.get("limit", 1000)))


def _klines(exchange: Exchange, values: Values) -> Any:
    market = _open_market(exchange, values["symbol"])
    start, end = values["startTime"], values.get("endTime")
    if end is not None and end < start:
        raise Refusal(400, "INVALID_CLIENT_REQUEST", "endTime must not be before startTime")
    if values.get("priceType", "Last") != "Last":
        raise Refusal(501, "NOT_IMPLEMENTED", "The sandbox has candles of priceType Last only")
    feed = exchange.feed(market.symbol)
    return marketdata.klines(market, feed, values["interval"], start, end, exchange.now_us)


def _trades(exchange: Exchange, values: Values) -> Any:
    market = _open_market(exchange, values["symbol"])
    limit, offset = _limit(values, 100, 1000), values.get("offset", 0)
    feed = exchange.feed(market.symbol)
    return marketdata.trades(market, feed, exchange.now_us, limit, offset)


def _futures(exchange: Exchange, values: Values) -> list[Market]:
    """The open futures that the parameters ask for."""
    return [
        market
        for market in exchange.markets.values()
        if market.kind == "PERP"
        and market.open
        and values.get("symbol", market.symbol) == market.symbol
        and values.get("marketType", "PERP") == "PERP"
    ]


def _open_interest(exchange: Exchange, values: Values) -> Any:
    if "symbol" in values:
        _market(exchange, values["symbol"])
    return [
        marketdata.open_interest(market, exchange.feed(market.symbol), exchange.now_us)
        for market in _futures(exchange, values)
    ]


def _mark_prices(exchange: Exchange, values: Values) -> Any:
    futures = _futures(exchange, values)
    if "symbol" in values and not futures:
        raise Refusal(400, "INVALID_CLIENT_REQUEST", "Symbol not found")
    return [
        marketdata.mark_price(market, exchange.feed(market.symbol), exchange.now_us)
        for market in futures
    ]


def _funding_rates(exchange: Exchange, values: Values) -> Any:
    limit, offset = _limit(values, 100, 10_000), values.get("offset", 0)
    futures = _futures(exchange, values)
    if not futures:
        return Page([], 0, limit, offset)
    market, now_us = futures[0], exchange.now_us
    feed = exchange.feed(market.symbol)
    rows, total = marketdata.funding_rates(market, feed, now_us, limit, offset)
    return Page(rows, total, limit, offset)


def _spot_prices(exchange: Exchange) -> dict[str, Decimal]:
    """Asset -> its last price in USDC."""
    prices = {
        market.base: market.price(exchange.feed(market.symbol).last_price(exchange.now_us))
        for market in exchange.markets.values()
        if market.kind == "SPOT" and market.open
    }
    return prices | {"USDC": Decimal(1)}


def _lending_markets(exchange: Exchange, values: Values) -> Any:
    return lending.markets(_spot_prices(exchange), exchange.now_us)


def _lending_history(exchange: Exchange, values: Values) -> Any:
    return lending.history(values["interval"], values.get("symbol"), exchange.now_us)


def _of_the_catalogue(name: str) -> Callable[[Exchange, Values], Any]:
    return lambda exchange, values: table("catalogue")[name]


PUBLIC: dict[str, Callable[[Exchange, Values], Any]] = {
    "get_status": lambda exchange, values: {"status": "Ok", "message": None},
    "ping": lambda exchange, values: "pong",
    "get_assets": lambda exchange, values: table("assets"),
    "get_collateral_parameters": lambda exchange, values: table("collateral"),
    "get_markets": _markets,
    "get_market": lambda exchange, values: _market(exchange, values["symbol"]).raw,
    "get_ticker": _ticker,
    "get_tickers": _tickers,
    "get_depth": _depth,
    "get_klines": _klines,
    "get_recent_trades": _trades,
    "get_historical_trades": _trades,
    "get_open_interest": _open_interest,
    "get_mark_prices": _mark_prices,
    "get_funding_interval_rates": _funding_rates,
    "get_borrow_lend_markets": _lending_markets,
    "get_borrow_lend_markets_history": _lending_history,
    "get_apy_rates": lambda exchange, values: lending.apy(exchange.now_us),
    "get_prediction_events": lambda exchange, values: page([], values),
    "get_prediction_tags": _of_the_catalogue("predictionTags"),
    "get_market_sessions": _of_the_catalogue("marketSessions"),
    "get_securities": _of_the_catalogue("securities"),
    "get_vaults": lambda exchange, values: [],
    "get_vault_history": lambda exchange, values: [],
    "get_wallets": _of_the_catalogue("wallets"),
    "get_fee_tiers": _of_the_catalogue("feeTiers"),
    "get_market_holidays": _of_the_catalogue("marketHolidays"),
    "get_country": _of_the_catalogue("country"),
    "get_country_permissions": _of_the_catalogue("countryPermissions"),
}
