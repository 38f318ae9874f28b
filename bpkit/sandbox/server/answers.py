"""Build an HTTP answer: status, body, and the headers that the exchange sends with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ...operations import Operation
from .. import formatting
from .endpoints import Empty, Page

# The names were recorded from the live exchange. So were most values; the others are the usual.
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
_TYPES = {"json": "application/json; charset=utf-8", "text": "text/plain; charset=utf-8"}


class Response(NamedTuple):
    """The raw parts of an answer, and instructions for the server.

    ``delay``: seconds to wait before it is sent. ``cut``: close the connection instead.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    delay: float = 0
    cut: bool = False


def response(
    status: int, kind: str, body: bytes, headers: Mapping[str, str] | None = None
) -> Response:
    """``kind``: json, text, or empty if there is no body."""
    content_type = {"Content-Type": _TYPES[kind]} if kind else {}
    return Response(status, {**content_type, **_HEADERS, **(headers or {})}, body)


def error(status: int, code: str, message: str) -> Response:
    """A refusal, in the exchange's JSON."""
    return response(status, "json", formatting.body({"code": code, "message": message}))


def success(operation: Operation, result: Any) -> Response:
    """The answer to a request that was carried out.

    ``result``: JSON values, a Page, Empty, or None (204).
    """
    usual = _UNKEPT if operation.path.startswith(_HISTORY) else _UNCACHED
    cache_control = {"Cache-Control": _CACHE.get(operation.name, usual)}
    if result is None:
        return response(204, "", b"", cache_control)
    if isinstance(result, Empty):
        return response(200, "", b"", cache_control)
    if operation.answer in ("text", "time"):
        return response(200, "text", str(result).encode(), cache_control)
    if isinstance(result, Page):
        rows = formatting.body(result.rows)
        return response(200, "json", rows, cache_control | _pages(result))
    return response(200, "json", formatting.body(result), cache_control)


def _pages(page: Page) -> dict[str, str]:
    limit = max(page.limit, 1)
    return {
        "Access-Control-Expose-Headers": "X-Page-Count, X-Current-Page, X-Page-Size, X-Total",
        "X-Current-Page": str(page.offset // limit + 1),
        "X-Page-Count": str(max(1, -(-page.total // limit))),
        "X-Page-Size": str(page.limit),
        "X-Total": str(page.total),
    }
