"""What each operation answers: one function an operation, from parameters to plain JSON values.

Public ones take (exchange, values), signed ones (exchange, account, values); ``values`` comes from
``parsing``. A refusal is raised as ``Refusal``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from . import marketdata
from .exchange import Account, Exchange, Refusal
from .market import Market

Values = dict[str, Any]


class Page(NamedTuple):
    """Rows of one page, and how many there are in all: answered with the page headers."""

    rows: list[dict[str, Any]]
    total: int
    limit: int
    offset: int


# --- public ---------------------------------------------------------------------------------------


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


@cache
def _assets() -> Any:
    return json.loads(Path(__file__).with_name("assets.json").read_text(encoding="utf-8"))


def _markets(exchange: Exchange, values: Values) -> Any:
    kinds = values.get("marketType")
    return [m.raw for m in exchange.markets.values() if kinds is None or m.kind in kinds]


def _ticker(exchange: Exchange, values: Values) -> Any:
    market = _market(exchange, values["symbol"])
    if not market.open:
        return None
    tape = exchange.tape(market.symbol)
    return marketdata.ticker(market, tape, values.get("interval", "1d"), exchange.now_us)


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
    tape = exchange.tape(market.symbol)
    return marketdata.klines(market, tape, values["interval"], start, end, exchange.now_us)


def _trades(exchange: Exchange, values: Values) -> Any:
    market = _open_market(exchange, values["symbol"])
    limit, offset = _limit(values, 100, 1000), values.get("offset", 0)
    tape = exchange.tape(market.symbol)
    return marketdata.trades(market, tape, exchange.now_us, limit, offset)


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
        marketdata.open_interest(market, exchange.tape(market.symbol), exchange.now_us)
        for market in _futures(exchange, values)
    ]


def _mark_prices(exchange: Exchange, values: Values) -> Any:
    futures = _futures(exchange, values)
    if "symbol" in values and not futures:
        raise Refusal(400, "INVALID_CLIENT_REQUEST", "Symbol not found")
    return [
        marketdata.mark_price(market, exchange.tape(market.symbol), exchange.now_us)
        for market in futures
    ]


def _funding_rates(exchange: Exchange, values: Values) -> Any:
    limit, offset = _limit(values, 100, 10_000), values.get("offset", 0)
    futures = _futures(exchange, values)
    if not futures:
        return Page([], 0, limit, offset)
    market, now_us = futures[0], exchange.now_us
    tape = exchange.tape(market.symbol)
    rows, total = marketdata.funding_rates(market, tape, now_us, limit, offset)
    return Page(rows, total, limit, offset)


PUBLIC: dict[str, Callable[[Exchange, Values], Any]] = {
    "get_status": lambda exchange, values: {"status": "Ok", "message": None},
    "ping": lambda exchange, values: "pong",
    "get_assets": lambda exchange, values: _assets(),
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
}

# --- signed ---------------------------------------------------------------------------------------


def _deposit_address(exchange: Exchange, account: Account, values: Values) -> Any:
    """An address that no wallet takes, so that nobody can send real money to it by mistake."""
    blockchain = values["blockchain"]
    tail = hashlib.sha256(f"{account.public_key}/{blockchain}".encode()).hexdigest()[:8]
    return {"address": f"SANDBOX-{blockchain}-send-nothing-here-{tail}"}


def _history(exchange: Exchange, account: Account, values: Values) -> Page:
    rows = exchange.order_history(
        account,
        order_id=values.get("orderId"),
        symbol=values.get("symbol"),
        market_types=values.get("marketType"),
        ascending=values.get("sortDirection") == "Asc",
    )
    return _page([] if "strategyId" in values else rows, values)


def _fills(exchange: Exchange, account: Account, values: Values) -> Page:
    rows = exchange.fills(
        account,
        order_id=values.get("orderId"),
        symbol=values.get("symbol"),
        from_ms=values.get("from"),
        to_ms=values.get("to"),
        market_types=values.get("marketType"),
        fill_type=values.get("fillType"),
        ascending=values.get("sortDirection") == "Asc",
    )
    return _page([] if "strategyId" in values else rows, values)


def _page(rows: list[dict[str, Any]], values: Values) -> Page:
    limit, offset = _limit(values, 100, 1000), values.get("offset", 0)
    return Page(rows[offset : offset + limit], len(rows), limit, offset)


def _named(values: Values) -> dict[str, Any]:
    return {
        "symbol": values["symbol"],
        "order_id": values.get("orderId"),
        "client_id": values.get("clientId"),
    }


SIGNED: dict[str, Callable[[Exchange, Account, Any], Any]] = {
    "get_account": lambda exchange, account, values: exchange.account_summary(account),
    "get_balances": lambda exchange, account, values: exchange.balances(account),
    "get_deposit_address": _deposit_address,
    "get_order": lambda exchange, account, values: exchange.order(account, **_named(values)),
    "cancel_order": lambda exchange, account, values: exchange.cancel(account, **_named(values)),
    "execute_order": lambda exchange, account, values: exchange.execute(account, values),
    "execute_order_batch": lambda exchange, account, values: exchange.execute_batch(
        account, values
    ),
    "get_open_orders": lambda exchange, account, values: exchange.open_orders(
        account, values.get("symbol"), values.get("marketType")
    ),
    "cancel_open_orders": lambda exchange, account, values: exchange.cancel_all(
        account, values["symbol"], values.get("orderType")
    ),
    "get_order_history": _history,
    "get_fills": _fills,
}
