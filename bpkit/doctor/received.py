"""Read a request as the exchange does: from the raw query and body, or from a subscription's frame.

Source: Backpack Exchange API, "Signing requests". How a nested object is signed is not documented.
The guess here is compact JSON with its names in alphabetical order, as the official client does it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from ..errors import InputError
from ..operations import OPERATIONS, Operation
from .keys import is_plain

Pair = tuple[str, str | None]  # name and value; None: the name is written without "="
Pairs = tuple[Pair, ...]

SUBSCRIBE = Operation("subscribe", "WebSocket", "SUBSCRIBE", "", "subscribe", "none")
_FOUR = ("x-api-key", "x-signature", "x-timestamp", "x-window")
RESERVED = ("instruction", "timestamp", "window")  # names that are never parameters
BAD_LIST = "websocket"  # set as a header if the list of a subscription has the wrong form


class RawRequest(NamedTuple):
    """What was sent. Names of headers are in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


class ReceivedRequest(NamedTuple):
    """A request as the exchange reads it."""

    raw: RawRequest
    operation: Operation
    orders: tuple[Pairs, ...]  # parameters in the order sent; a batch has several orders
    timestamp: str
    window: str
    nulls: tuple[str, ...] = ()  # names sent with null, which count as absent
    elsewhere: Pairs = ()  # parameters in the query of a POST or in the body of a GET
    quoted: frozenset[str] = frozenset()  # names whose value is text in the JSON
    nested: Mapping[str, str] = {}  # nested values: with names sorted -> with names as sent
    reserved: Pairs = ()  # instruction, timestamp and window, if they were sent as parameters

    @property
    def is_list(self) -> bool:
        """Is the body a JSON list?"""
        return self.operation.method != "GET" and self.raw.body.lstrip()[:1] == b"["


def by_name(pairs: Pairs) -> Pairs:
    """Sort by name; pairs with equal names keep their order."""
    return tuple(sorted(pairs, key=lambda pair: pair[0]))


def raw_request(
    request: object | None, method: object, url: object, headers: object, body: object
) -> RawRequest:
    """From a prepared request, a mapping or the parts; a part that is given replaces the request's.

    Raises InputError for a part of another type or name, without a URL, and without a method if the
    path has several.
    """
    if isinstance(request, Mapping):
        request = _from_mapping(request)
    url, method, headers, body = (
        getattr(request, name, None) if part is None else part
        for name, part in (("url", url), ("method", method), ("headers", headers), ("body", body))
    )
    if not url and request is not None and not hasattr(request, "url"):
        # The error shows the type only: a key may be in a pasted text.
        remedy = "is not a request with .method, .url, .headers and .body; or pass a dict of these"
        raise InputError("request", type(request).__name__, remedy)
    if not url:
        raise InputError("url", url, "is needed: a full URL, or a path with its query")
    try:
        parts = urlsplit(_text(url).strip())
    except ValueError:
        raise InputError("url", url, "is not an address") from None
    streams = parts.scheme in ("ws", "wss")
    return RawRequest(
        SUBSCRIBE.method if streams else _method(method, parts.path),
        SUBSCRIBE.path if streams else parts.path,
        parts.query,
        _headers(headers),
        _bytes(body),
    )


def _from_mapping(given: Mapping[Any, Any]) -> SimpleNamespace:
    """Raises InputError, which shows no value: there may be a key in it."""
    parts = {name: given.get(name) for name in ("method", "url", "headers", "body")}
    for name in given:
        if name not in parts:
            remedy = "is not a part of a request; give method, url with its query, headers, body"
            raise InputError("request", name, remedy)
    return SimpleNamespace(**parts)


def encoded(text: str) -> bytes:
    """UTF-8. Bytes that were not UTF-8 come back unchanged; half characters do not raise."""
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return text.encode(errors="surrogatepass")


def _headers(given: Any) -> dict[str, str]:
    """Without the blanks and tabs around a value, which HTTP does not count as part of it."""
    if given is None:
        return {}
    if not callable(getattr(given, "items", None)):
        # The error shows the type only: a key may be in the value.
        raise InputError("headers", type(given).__name__, "pass a mapping of names to values")
    pairs = ((_text(name), value) for name, value in given.items() if value is not None)
    return {name.strip().lower(): _text(value).strip(" \t") for name, value in pairs}


def _bytes(content: object) -> bytes:
    if isinstance(content, str):
        return encoded(content)
    if content is None or isinstance(content, bytes | bytearray | memoryview):
        return bytes(content or b"")
    # A file or a generator was read when it was sent.
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


def operation_of(raw: RawRequest) -> Operation | None:
    """The operation with this method and path."""
    rows = (SUBSCRIBE, *OPERATIONS.values())
    return next((row for row in rows if (row.method, row.path) == (raw.method, raw.path)), None)


def received(
    raw: RawRequest, operation: Operation, timestamp: str, window: str
) -> ReceivedRequest | None:
    """The parameters as the exchange reads them. None: the body cannot be read."""
    query = tuple(parse_qsl(raw.query, keep_blank_values=True, errors="surrogateescape"))
    read = ReceivedRequest(raw, operation, ((),), timestamp, window)
    if operation is SUBSCRIBE:
        return read
    try:
        items = _items(raw.body)
        orders = tuple(_pairs(one) for one in items)
    except (ValueError, RecursionError):  # not JSON, or nested too deep
        items, orders = [], ()
    if operation.method == "GET":
        return _without_reserved(read._replace(orders=(query,), elsewhere=tuple(chain(*orders))))
    if not items:
        return None
    fields = [field for one in items for field in one.items()]
    read = read._replace(
        orders=orders,
        nulls=tuple(dict.fromkeys(name for name, value in fields if value is None)),
        elsewhere=query,
        quoted=frozenset(name for name, value in fields if type(value) is str),
        nested={
            compact_json(value): compact_json(value, list)
            for _, value in fields
            if isinstance(value, dict | list)
        },
    )
    return _without_reserved(read)


def _without_reserved(read: ReceivedRequest) -> ReceivedRequest:
    """With the reserved names apart; of a batch, those of its first order."""
    orders = tuple(
        tuple(pair for pair in order if pair[0] not in RESERVED) for order in read.orders
    )
    return read._replace(
        orders=orders, reserved=tuple(one for one in read.orders[0] if one[0] in RESERVED)
    )


class _Digits(str):
    """A JSON number as it was written, so that 150.250 does not become 150.25."""


def _items(body: bytes) -> list[dict[str, Any]]:
    """The objects of the body: one, or the orders of a batch. ValueError: it has another form."""
    content = json.loads(
        body or b"{}", parse_float=_Digits, parse_int=_Digits, parse_constant=_not_a_number
    )
    items = content if isinstance(content, list) else [content]
    if not all(isinstance(one, dict) for one in items):
        raise ValueError
    return items


def _not_a_number(name: str) -> None:
    raise ValueError(name)


def _pairs(item: Mapping[str, Any]) -> Pairs:
    return tuple(
        (name, str(value) if isinstance(value, str) else compact_json(value))
        for name, value in item.items()
        if value is not None
    )


def compact_json(value: Any, in_order: Callable[[Iterable[str]], list[str]] = sorted) -> str:
    """JSON without spaces, its names sorted, or in the order that ``in_order`` gives."""
    if isinstance(value, _Digits):
        return str(value)
    if isinstance(value, dict):
        names = in_order(value)
        inner = (f"{compact_json(name)}:{compact_json(value[name], in_order)}" for name in names)
        return f"{{{','.join(inner)}}}"
    if isinstance(value, list):
        return f"[{','.join(compact_json(one, in_order) for one in value)}]"
    return json.dumps(value, ensure_ascii=False)


# --- subscriptions --------------------------------------------------------------------------------


def with_headers(raw: RawRequest) -> tuple[RawRequest, str | None]:
    """A subscription with the list in its ``signature`` as headers.

    The second value is the cause that keeps the list from being read.
    """
    if not raw.body and "x-signature" in raw.headers:
        return raw, None
    try:
        frame = json.loads(raw.body)
    except (ValueError, RecursionError):
        return raw, "bad_body"
    if not isinstance(frame, dict):
        return raw, "bad_body"
    four = frame.get("signature")
    if four is None:
        return raw, "missing_header" if _is_private(frame.get("params")) else "public"
    if not isinstance(four, list) or len(four) != 4:
        return raw, "websocket"
    placed = _in_place([str(one) for one in four])
    headers = dict(zip(_FOUR, placed, strict=True))
    if placed != four:
        headers[BAD_LIST] = "not a list of four strings in the right order"
    return raw._replace(headers=headers), None


def _is_private(params: Any) -> bool:
    return not isinstance(params, list) or any(str(one).startswith("account.") for one in params)


def _in_place(texts: list[str]) -> list[str]:
    """The four in their right order, if each can be recognised by its form."""
    tests: tuple[Callable[[str], bool], ...] = (
        lambda text: is_plain(text, 32),
        lambda text: is_plain(text, 64),
        lambda text: re.fullmatch("[0-9]{13}", text) is not None,
        lambda text: re.fullmatch("[0-9]{1,5}", text) is not None,
    )
    found = [next((text for text in texts if fits(text)), None) for fits in tests]
    known = [text for text in found if text is not None]
    return known if sorted(known) == sorted(texts) else texts
