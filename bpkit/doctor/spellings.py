"""Wrong spellings of a value, of a name or of the whole text.

Each is a function of the text. It returns the text unchanged if it has nothing to change.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from hashlib import sha256
from html import escape
from typing import Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from .received import Pairs, ReceivedRequest, encoded

Spelling = Callable[[str], str]


def _number(change: Spelling) -> Spelling:
    """Change only numbers that are written out."""

    def spell(text: str) -> str:
        if len(text) > 40 or not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
            return text
        return change(text)

    return spell


def _plain(change: Spelling) -> Spelling:
    """The same, unless the result has an exponent, which is another mistake."""
    return _number(lambda text: text if "e" in change(text).lower() else change(text))


def _exponent(change: Spelling) -> Spelling:
    """The same, only if the result has an exponent."""
    return _number(lambda text: change(text) if "e" in change(text).lower() else text)


def _nested(change: Callable[[Any], str]) -> Spelling:
    """Change only JSON objects and lists."""

    def spell(text: str) -> str:
        if text[:1] not in ("{", "["):
            return text
        try:
            return change(json.loads(text))
        except (ValueError, RecursionError):
            return text

    return spell


def word(words: dict[str, str]) -> Spelling:
    """Replace these values by others."""
    return lambda text: words.get(text, text)


def _places(count: int) -> Spelling:
    return _plain(lambda text: f"{float(text):.{count}f}")


def _javascript(text: str) -> str:
    """1e-05 as JavaScript writes it: 1e-5."""
    return re.sub(r"e([-+])0+", r"e\1", repr(float(text)))


def _written_out(text: str) -> str:
    """0.00001 if 1e-05 was sent."""
    found = re.fullmatch(r"-?[0-9]+(\.[0-9]+)?[eE][-+]?[0-9]{1,3}", text)
    return format(Decimal(text), "f") if found else text


_REPR, _SPACED = _nested(repr), _nested(json.dumps)
_COMPACT = _nested(lambda value: json.dumps(value, separators=(",", ":")))

BOOLEANS = (word({"true": "True", "false": "False"}), word({"True": "true", "False": "false"}))
EXPONENTS = (
    _exponent(lambda text: repr(float(text))),
    _exponent(_javascript),
    _exponent(lambda text: str(Decimal(text))),
    _exponent(lambda text: str(Decimal(text).normalize())),
    _written_out,
)
NESTED = (_REPR, _SPACED, _COMPACT)
USUAL = (
    _plain(lambda text: repr(float(text))),
    _plain(lambda text: format(Decimal(text).normalize(), "f")),  # without zeros at the end
    _places(2),
    _REPR,
    _SPACED,
)
RARE = (
    str.lower,
    str.upper,
    word({"true": "1", "false": "0"}),
    *(_places(count) for count in range(10)),
    # The neighbours of a float, such as 170.50000000000003, and its exact value.
    _plain(lambda text: repr(math.nextafter(float(text), math.inf))),
    _plain(lambda text: repr(math.nextafter(float(text), -math.inf))),
    _plain(lambda text: str(Decimal(float(text)))),
    lambda text: json.dumps(text, ensure_ascii=False),  # in quotes
    _COMPACT,
    _nested(lambda value: ",".join(map(str, value))),
)
ENCODINGS = (
    lambda text: quote(text, safe="", errors="replace"),
    lambda text: quote_plus(text, errors="replace"),  # + for a space
    lambda text: quote(text, errors="replace"),  # slashes stay
    lambda text: quote(text, safe="!~*'()", errors="replace"),  # as JavaScript does it
    unquote,
    unquote_plus,
    lambda text: json.dumps(text)[1:-1],  # as in JSON: \u4e2d
)
MANGLED = (lambda text: text.replace("&times", "\N{MULTIPLICATION SIGN}"), escape)
PUNCTUATION = (
    lambda text: text + "\n",
    lambda text: text + "&",
    lambda text: "?" + text,
    lambda text: text.replace("&timestamp", "&&timestamp"),  # as from joining an empty text
)
# White space and quotes, as they come from a file or from Python's repr.
RARE_PUNCTUATION = (
    lambda text: "\n" + text,
    lambda text: " " + text,
    lambda text: text + " ",
    lambda text: f" {text} ",
    lambda text: text + "\r\n",
    lambda text: f'"{text}"',
    lambda text: f"'{text}'",
    lambda text: f"b'{text}'",
)
HASHES = (lambda text: _sha256(text).digest(), lambda text: _sha256(text).hexdigest())


REORDERED: tuple[Callable[[list[str]], list[str]], ...] = (lambda values: values[::-1], sorted)
List = Callable[[list[str]], list[str]]


def _several(change: Callable[[list[str]], list[str]]) -> List:
    """Change only several values of one name."""
    return lambda values: change(values) if len(values) > 1 else values


def _split(values: list[str]) -> list[str]:
    """The values of a list that was sent as one: as JSON, as Python's repr, or with commas."""
    if len(values) > 1 or not values[0]:
        return values
    return [one.strip(" '\"") for one in values[0].strip("[]()").split(",")]


LISTS: tuple[List, ...] = (
    _split,
    _several(lambda values: [repr(values)]),
    _several(lambda values: [repr(tuple(values))]),
    _several(lambda values: [json.dumps(values)]),
    _several(lambda values: [json.dumps(values, separators=(",", ":"))]),
    _several(lambda values: [",".join(values)]),
    _several(lambda values: [", ".join(values)]),
    _several(lambda values: values[:1]),
    _several(lambda values: values[-1:]),
    lambda values: list(dict.fromkeys(values)),
)


def _sha256(text: str) -> Any:
    return sha256(encoded(text))


def always(text: str) -> Spelling:
    """Replace any text by this one."""
    return lambda _: text


def snake(name: str) -> str:
    """orderType -> order_type."""
    return re.sub("([A-Z])", r"_\1", name).lower()


def as_sent(query: str, decode: bool = False) -> Pairs:
    """The query as it is sent; ``decode``: without percent signs, but a + stays a +."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    undo = unquote if decode else str
    return tuple((undo(name), undo(value) if equals else None) for name, equals, value in pairs)


def jsons(request: ReceivedRequest) -> Iterator[str]:
    """The text of the body, and other ways in which Python writes the same JSON."""
    if request.operation.method == "GET":
        content: Any = dict(pair for order in request.orders for pair in order)
    else:
        if request.raw.body:
            yield request.raw.body.decode(errors="surrogateescape")
        try:
            content = json.loads(request.raw.body or b"{}")
        except ValueError:  # a number of thousands of digits, which Python refuses
            return
    for ordered in (False, True):
        yield json.dumps(content, sort_keys=ordered)
        yield json.dumps(content, sort_keys=ordered, separators=(",", ":"))
    yield json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    yield str(content)


def other_exchanges(request: ReceivedRequest, timestamp: str, window: str) -> Iterator[Spelling]:
    """The texts that other exchanges sign: with the method, the path or the key in them."""
    method, path, query, headers, body = request.raw
    content = body.decode(errors="surrogateescape")
    target = f"{path}?{query}" if query else path
    yield lambda text: method + path + text
    yield lambda text: f"{path}?{text}"
    for other in (
        timestamp + method + target + content,  # Coinbase, FTX
        timestamp + method + path + content,
        method + target + content,
        timestamp + headers.get("x-api-key", "") + window + (query or content),  # Bybit
    ):
        yield always(other)
