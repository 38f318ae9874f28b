"""A request as the exchange reads it: from the raw query and body, never from cleaned fields.

Source: Backpack Exchange API, "Signing requests". How a nested object is signed is not documented:
as compact JSON with its names in alphabetical order, which is a guess after the official client.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from ..errors import InputError
from ..operations import OPERATIONS, Operation

Pair = tuple[str, str | None]  # name and value; without a value the name stands alone
Pairs = tuple[Pair, ...]

SUBSCRIBE = Operation("subscribe", "WebSocket", "SUBSCRIBE", "", "subscribe", "none")


class Raw(NamedTuple):
    """What left the computer. Names of headers in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


class Arrival(NamedTuple):
    """What the exchange makes of it."""

    raw: Raw
    operation: Operation
    orders: tuple[Pairs, ...]  # as they arrived, unsorted; several for a batch
    timestamp: str
    window: str
    nulls: tuple[str, ...] = ()  # names that were sent with null, and so count as absent
    elsewhere: Pairs = ()  # parameters that travel where this method has none
    quoted: frozenset[str] = frozenset()  # names whose value is text in the JSON
    nested: Mapping[str, str] = {}  # nested values: with the names as they were sent


def by_name(pairs: Pairs) -> Pairs:
    """In alphabetical order of the names; equal names stay as they were."""
    return tuple(sorted(pairs, key=lambda pair: pair[0]))


def raw(request: object | None, method: object, url: object, headers: object, body: object) -> Raw:
    """From a prepared request, or from pieces; a piece that is given goes before the request's.

    Raises InputError for what is no piece of a request, and where there is neither a URL nor a
    method to be told.
    """
    url, method, headers, body = (
        getattr(request, name, None) if piece is None else piece
        for name, piece in (("url", url), ("method", method), ("headers", headers), ("body", body))
    )
    if not url:
        raise InputError("url", url, "is needed: a full URL, or a path with its query")
    try:
        parts = urlsplit(_text(url).strip())
    except ValueError:
        raise InputError("url", url, "is no address") from None
    streams = parts.scheme in ("ws", "wss")
    return Raw(
        SUBSCRIBE.method if streams else _method(method, parts.path),
        SUBSCRIBE.path if streams else parts.path,
        parts.query,
        _headers(headers),
        _bytes(body),
    )


def encoded(text: str) -> bytes:
    """UTF-8; bytes that were none come back as they were, and half characters as they can."""
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return text.encode(errors="surrogatepass")


def _headers(given: Any) -> dict[str, str]:
    """Blanks and tabs about a value are HTTP's own, and no part of it."""
    if given is None:
        return {}
    if not callable(getattr(given, "items", None)):
        # Not the value itself: a key may be in it.
        raise InputError("headers", type(given).__name__, "pass a mapping of names to values")
    pairs = ((_text(name), value) for name, value in given.items() if value is not None)
    return {name.strip().lower(): _text(value).strip(" \t") for name, value in pairs}


def _bytes(content: object) -> bytes:
    if isinstance(content, str):
        return encoded(content)
    if content is None or isinstance(content, bytes | bytearray | memoryview):
        return bytes(content or b"")
    # A file or a generator has been sent and is gone.
    raise InputError("body", type(content).__name__, "pass the text or the bytes that were sent")


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _method(method: object, path: str) -> str:
    if method:
        return _text(method).strip().upper()
    fitting = {row.method for row in OPERATIONS.values() if row.path == path}
    if len(fitting) != 1:
        raise InputError("method", method, "is needed: GET, POST, DELETE or PATCH")
    return fitting.pop()


def operation_of(raw: Raw) -> Operation | None:
    """The row of the table that answers this method and path."""
    rows = (SUBSCRIBE, *OPERATIONS.values())
    return next((row for row in rows if (row.method, row.path) == (raw.method, raw.path)), None)


def arrival(raw: Raw, operation: Operation, timestamp: str, window: str) -> Arrival | None:
    """The parameters as the exchange reads them. None: the body cannot be read."""
    query = tuple(parse_qsl(raw.query, keep_blank_values=True, errors="surrogateescape"))
    read = Arrival(raw, operation, ((),), timestamp, window)
    if operation is SUBSCRIBE:
        return read
    try:
        items = _items(raw.body)
        orders = tuple(_pairs(one) for one in items)
    except (ValueError, RecursionError):  # no JSON, or nested without end
        items, orders = [], ()
    if operation.method == "GET":
        return read._replace(orders=(query,), elsewhere=tuple(chain(*orders)))
    if not items:
        return None
    fields = [field for one in items for field in one.items()]
    return read._replace(
        orders=orders,
        nulls=tuple(dict.fromkeys(name for name, value in fields if value is None)),
        elsewhere=query,
        quoted=frozenset(name for name, value in fields if type(value) is str),
        nested={
            written(value): written(value, list)
            for _, value in fields
            if isinstance(value, dict | list)
        },
    )


class _Digits(str):
    """A JSON number as it was written, so that 150.250 is not taken for 150.25."""


def _items(body: bytes) -> list[dict[str, Any]]:
    """The objects of the body: one, or the orders of a batch. ValueError: it is no such thing."""
    content = json.loads(
        body or b"{}", parse_float=_Digits, parse_int=_Digits, parse_constant=_no_number
    )
    items = content if isinstance(content, list) else [content]
    if not all(isinstance(one, dict) for one in items):
        raise ValueError("neither an object nor a list of them")
    return items


def _no_number(name: str) -> None:
    raise ValueError(name)


def _pairs(item: Mapping[str, Any]) -> Pairs:
    return tuple(
        (name, str(value) if isinstance(value, str) else written(value))
        for name, value in item.items()
        if value is not None
    )


def written(value: Any, in_order: Callable[[Iterable[str]], list[str]] = sorted) -> str:
    """Compact JSON, its names in alphabetical order unless another is asked."""
    if isinstance(value, _Digits):
        return str(value)
    if isinstance(value, dict):
        names = in_order(value)
        inner = (f"{written(name)}:{written(value[name], in_order)}" for name in names)
        return f"{{{','.join(inner)}}}"
    if isinstance(value, list):
        return f"[{','.join(written(one, in_order) for one in value)}]"
    return json.dumps(value, ensure_ascii=False)
