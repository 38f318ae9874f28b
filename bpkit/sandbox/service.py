"""A request in, an answer out: routing, parsing, authentication, the exchange, the log.

Knows no sockets: ``Service.answer`` takes the raw parts of a request and returns the raw parts of
the answer, so that any server, or a test, can stand before it. One lock round one engine: commands
take effect one after the other, as the exchange documents of its own.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ..operations import OPERATIONS, Operation
from . import auth, marketdata, parsing, spelling
from .exchange import Account, Exchange, Refusal
from .market import Market

LOG_LENGTH = 10_000
_log = logging.getLogger(__name__)
_ROUTES: dict[str, dict[str, Operation]] = {}
for _operation in OPERATIONS.values():
    _ROUTES.setdefault(_operation.path, {})[_operation.method] = _operation

# Seen on the live exchange's answers.
_HEADERS = {
    "Vary": "Origin",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Xss-Protection": "1; mode=block",
    "Referrer-Policy": "no-referrer",
}
_UNCACHED = 'no-cache="Set-Cookie"'
_CACHE = {
    "get_markets": "public, s-maxage=300, stale-while-revalidate=600, stale-if-error=3600",
    "get_klines": "public, s-maxage=60",
    "get_ticker": "public, s-maxage=20",
    "get_tickers": "public, s-maxage=20",
    "get_open_interest": "public, s-maxage=5",
    "get_mark_prices": "public, s-maxage=1",
    "get_order_history": "no-store",
    "get_fills": "no-store",
}


class Response(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Page(NamedTuple):
    """Rows of one page, and how many there are in all: answered with the page headers."""

    rows: list[dict[str, Any]]
    total: int
    limit: int
    offset: int


class Service:
    """The exchange behind its API. ``clock``: Unix milliseconds, for authentication alone.

    ``market_clock``: microseconds that the market follows, or None for a market whose time stands
    still until ``exchange.advance_to`` moves it.
    """

    def __init__(
        self,
        exchange: Exchange,
        clock: Callable[[], int],
        market_clock: Callable[[], int] | None = None,
    ) -> None:
        self.exchange, self.lock = exchange, threading.RLock()
        self.log: deque[dict[str, Any]] = deque(maxlen=LOG_LENGTH)
        self._clock, self._market_clock = clock, market_clock

    def answer(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> Response:
        """``headers``: names in lower case. Never raises."""
        with self.lock:
            entry = self._entry(method, path, query, body)
            response = self._respond(entry, method, path, query, headers, body)
            entry["status"] = response.status
            self.log.append(entry)
            return response

    def _entry(self, method: str, path: str, query: str, body: bytes) -> dict[str, Any]:
        return {
            "time": datetime.fromtimestamp(self._clock() / 1000, UTC),
            "method": method,
            "path": path,
            "query": query,
            "body": body.decode(errors="replace"),
            "operation": None,
            "signedBy": None,  # the public key whose signature was found good
            "status": 0,
            "verdict": "answered",  # or the reason of the refusal
        }

    def _respond(
        self,
        entry: dict[str, Any],
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> Response:
        try:
            self._follow()
            operation = _route(method, path)
            entry["operation"] = operation.name
            symbols = set(self.exchange.markets)
            values = parsing.read(operation, query, headers, body, symbols)
            account = None
            if operation.signed:
                key = auth.verify(
                    operation, query, headers, body, self._clock(), self._has_account
                )
                entry["signedBy"], account = key, self.exchange.account(key)
            return self._success(operation, self._result(operation, account, values))
        except parsing.Unreadable as refusal:
            entry["verdict"] = refusal.text
            return _response(refusal.status, "text", refusal.text.encode())
        except (auth.Denied, Refusal) as refusal:
            entry["verdict"] = f"{refusal.code}: {refusal.message}"
            error = {"code": refusal.code, "message": refusal.message}
            return _response(refusal.status, "json", spelling.body(error))
        except Exception as fault:  # a defect of the sandbox must not look like a lost connection
            _log.exception("the sandbox failed at %s %s", method, path)
            entry["verdict"] = f"a defect of the sandbox: {fault!r}"
            error = {"code": "SERVER_ERROR", "message": "Internal error"}
            return _response(500, "json", spelling.body(error))

    def _follow(self) -> None:
        if self._market_clock is not None:
            # A clock that is set back must not stop the market.
            self.exchange.advance_to(max(self._market_clock(), self.exchange.now_us))

    def _has_account(self, public_key: str) -> bool:
        return self.exchange.account(public_key) is not None

    def _result(self, operation: Operation, account: Account | None, values: Any) -> Any:
        if operation.name == "get_time":
            return self._clock()
        if account is None:
            return PUBLIC[operation.name](self.exchange, values)
        return SIGNED[operation.name](self.exchange, account, values)

    def _success(self, operation: Operation, result: Any) -> Response:
        cache_control = {"Cache-Control": _CACHE.get(operation.name, _UNCACHED)}
        if result is None:
            return _response(204, "", b"", cache_control)
        if operation.answer in ("text", "time"):
            return _response(200, "text", str(result).encode(), cache_control)
        if isinstance(result, Page):
            rows = spelling.body(result.rows)
            return _response(200, "json", rows, cache_control | _pages(result))
        return _response(200, "json", spelling.body(result), cache_control)


def _route(method: str, path: str) -> Operation:
    if path not in _ROUTES:
        raise parsing.Unreadable("not found", 404)
    if method not in _ROUTES[path]:
        raise parsing.Unreadable("method not allowed", 405)
    return _ROUTES[path][method]


def _response(
    status: int, kind: str, body: bytes, headers: Mapping[str, str] | None = None
) -> Response:
    types = {"json": "application/json; charset=utf-8", "text": "text/plain; charset=utf-8"}
    content_type = {"Content-Type": types[kind]} if kind else {}
    return Response(status, {**content_type, **_HEADERS, **(headers or {})}, body)


def _pages(page: Page) -> dict[str, str]:
    limit = max(page.limit, 1)
    return {
        "Access-Control-Expose-Headers": "X-Page-Count, X-Current-Page, X-Page-Size, X-Total",
        "X-Current-Page": str(page.offset // limit + 1),
        "X-Page-Count": str(max(1, -(-page.total // limit))),
        "X-Page-Size": str(page.limit),
        "X-Total": str(page.total),
    }


# --- public ---------------------------------------------------------------------------------------

Values = dict[str, Any]


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
