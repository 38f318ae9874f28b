"""A request in, an answer out: routing, parsing, authentication, the exchange, the log.

Knows no sockets: ``Service.answer`` takes the raw parts of a request and returns the raw parts of
the answer, so that any server, or a test, can stand before it. One lock round one engine: commands
take effect one after the other, as the exchange documents of its own.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ..operations import OPERATIONS, Operation
from . import auth, parsing, spelling
from .capital import Capital
from .exchange import Account, Exchange, Refusal
from .handlers import CAPITAL, NOT_SIMULATED, SIGNED, Empty
from .public import PUBLIC, Page

LOG_LENGTH = 10_000
_log = logging.getLogger(__name__)
_ROUTES: dict[str, dict[str, Operation]] = {}
for _operation in OPERATIONS.values():
    _ROUTES.setdefault(_operation.path, {})[_operation.method] = _operation

# The names as recorded from the live exchange; the values where they were recorded, else the usual.
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
    "get_borrow_lend_markets_history": "public, s-maxage=60",
}
_HISTORY, _UNKEPT = "/wapi/v1/history/", "no-store"


class Response(NamedTuple):
    """The raw parts of an answer."""

    status: int
    headers: dict[str, str]
    body: bytes


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
        self.capital = Capital(exchange)
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
                key = auth.verify(operation, query, headers, body, self._clock(), self._has_account)
                entry["signedBy"], account = key, self.exchange.account(key)
            return self._success(operation, self._result(operation, account, values))
        except parsing.Unreadable as refusal:
            entry["verdict"] = refusal.text
            return _response(refusal.status, "text", refusal.text.encode())
        except (auth.Denied, Refusal) as refusal:
            entry["verdict"] = f"{refusal.code}: {refusal.message}"
            error = {"code": refusal.code, "message": refusal.message}
            status = refusal.status
            if isinstance(refusal, auth.Denied) and status == 400:
                status = self.exchange.conflicts.auth_status
            return _response(status, "json", spelling.body(error))
        except Exception as fault:  # a defect of the sandbox must not look like a lost connection
            _log.exception("the sandbox failed at %s %s", method, path)
            entry["verdict"] = f"a defect of the sandbox: {fault!r}"
            error = {"code": "SERVER_ERROR", "message": "Internal error"}
            return _response(500, "json", spelling.body(error))

    def now_us(self) -> int:
        """The market's time, in microseconds."""
        with self.lock:
            self._follow()
            return self.exchange.now_us

    def _follow(self) -> None:
        if self._market_clock is not None:
            # A clock that is set back must not stop the market.
            self.exchange.advance_to(max(self._market_clock(), self.exchange.now_us))

    def _has_account(self, public_key: str) -> bool:
        return self.exchange.account(public_key) is not None

    def _result(self, operation: Operation, account: Account | None, values: Any) -> Any:
        if operation.name == "get_time":
            return self._clock()
        if operation.name in NOT_SIMULATED:
            message = f"The sandbox does not simulate {operation.name}"
            raise Refusal(501, "NOT_IMPLEMENTED", message)
        if account is None:
            return PUBLIC[operation.name](self.exchange, values)
        if operation.name in CAPITAL:
            return CAPITAL[operation.name](self.capital, account, values)
        return SIGNED[operation.name](self.exchange, account, values)

    def _success(self, operation: Operation, result: Any) -> Response:
        usual = _UNKEPT if operation.path.startswith(_HISTORY) else _UNCACHED
        cache_control = {"Cache-Control": _CACHE.get(operation.name, usual)}
        if result is None:
            return _response(204, "", b"", cache_control)
        if isinstance(result, Empty):
            return _response(200, "", b"", cache_control)
        if operation.answer in ("text", "time"):
            return _response(200, "text", str(result).encode(), cache_control)
        if isinstance(result, Page):
            rows = spelling.body(result.rows)
            return _response(200, "json", rows, cache_control | _pages(result))
        return _response(200, "json", spelling.body(result), cache_control)


def _route(method: str, path: str) -> Operation:
    if path not in _ROUTES:
        raise parsing.Unreadable("not found", 404)
    if method == "HEAD" and "GET" in _ROUTES[path]:  # a GET whose body is not sent
        return _ROUTES[path]["GET"]
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
