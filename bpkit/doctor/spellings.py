"""Other ways to write one value, one name or one whole text.

Each is a function of the text alone; where it has nothing to change, it returns the text as it is.
"""

from __future__ import annotations

import json
import math
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from decimal import Decimal
from hashlib import sha256, sha512
from html import escape
from typing import Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from .received import Arrival, Pairs, encoded

Spelling = Callable[[str], str]


def _number(change: Callable[[str], str]) -> Spelling:
    """Of numbers written out, and only of those."""

    def spell(text: str) -> str:
        if len(text) > 40 or not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
            return text
        return change(text)

    return spell


def _plain(change: Callable[[str], str]) -> Spelling:
    """The same, unless an exponent comes out, which is another mistake."""
    return _number(lambda text: text if "e" in change(text).lower() else change(text))


def _nested(change: Callable[[Any], str]) -> Spelling:
    def spell(text: str) -> str:
        if text[:1] not in ("{", "["):
            return text
        try:
            return change(json.loads(text))
        except (ValueError, RecursionError):
            return text

    return spell


def word(words: dict[str, str]) -> Spelling:
    """The one that puts other words for these."""
    return lambda text: words.get(text, text)


def _fixed(places: int) -> Spelling:
    return _plain(lambda text: f"{float(text):.{places}f}")


def _normal(text: str) -> str:
    return format(Decimal(text).normalize(), "f")


def _exponent(form: Callable[[str], str]) -> Spelling:
    return _number(lambda text: form(text) if "e" in form(text).lower() else text)


def _short(text: str) -> str:
    """1e-05 as JavaScript writes it: 1e-5."""
    return re.sub(r"e([-+])0+", r"e\1", repr(float(text)))


def _written_out(text: str) -> str:
    """0.00001, where 1e-05 was sent."""
    found = re.fullmatch(r"-?[0-9]+(\.[0-9]+)?[eE][-+]?[0-9]{1,3}", text)
    return format(Decimal(text), "f") if found else text


BOOLEANS: dict[str, Spelling] = {
    "capital": word({"true": "True", "false": "False"}),
    "small": word({"True": "true", "False": "false"}),
    "all capitals": word({"true": "TRUE", "false": "FALSE"}),
}
EXPONENTS: dict[str, Spelling] = {
    "float": _exponent(lambda text: repr(float(text))),
    "javascript": _exponent(_short),
    "javascript, capital": _exponent(lambda text: _short(text).upper()),
    "Decimal": _exponent(lambda text: str(Decimal(text))),
    "normalized": _exponent(lambda text: str(Decimal(text).normalize())),
    "forced": _exponent(lambda text: f"{float(text):e}"),
    "written out": _written_out,
}
NESTED: dict[str, Spelling] = {
    "repr": _nested(repr),
    "spaced": _nested(json.dumps),
    "compact": _nested(lambda value: json.dumps(value, separators=(",", ":"))),
}
USUAL: dict[str, Spelling] = {
    "float": _plain(lambda text: repr(float(text))),
    "no zeros": _plain(_normal),
    "two places": _fixed(2),
    "nested repr": NESTED["repr"],
    "nested spaced": NESTED["spaced"],
}
RARE: dict[str, Spelling] = {
    **{f"{places} places": _fixed(places) for places in (0, 1, 3, 4, 5, 6, 7, 8, 9)},
    "cut": _plain(lambda text: str(int(float(text)))),
    "one zero more": _number(lambda text: f"{text}0" if "." in text else f"{text}.0"),
    "noise above": _plain(lambda text: repr(math.nextafter(float(text), math.inf))),
    "noise below": _plain(lambda text: repr(math.nextafter(float(text), -math.inf))),
    "exact float": _plain(lambda text: str(Decimal(float(text)))),
    "thousands": _number(lambda text: f"{Decimal(text):,}"),
    "decimal comma": _number(lambda text: text.replace(".", ",")),
    "as JSON": lambda text: json.dumps(text, ensure_ascii=False),
    "as repr": repr,
    "in the constructor": _number(lambda text: f"Decimal('{text}')"),
    "zero and one": word({"true": "1", "false": "0"}),
    "lower": str.lower,
    "upper": str.upper,
    "stripped": str.strip,
    "nested compact": NESTED["compact"],
    "joined": _nested(lambda value: ",".join(map(str, value))),
}
ENCODINGS: dict[str, Spelling] = {
    "everything": lambda text: quote(text, safe="", errors="replace"),
    "plus for a space": lambda text: quote_plus(text, errors="replace"),
    "slashes stay": lambda text: quote(text, errors="replace"),
    "javascript": lambda text: quote(text, safe="!~*'()", errors="replace"),
    "decoded": unquote,
    "decoded with plus": unquote_plus,
    "escaped as in JSON": lambda text: json.dumps(text)[1:-1],
    "quotes escaped": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
}
ALPHABETS: tuple[Callable[[str], bytes], ...] = (
    lambda text: text.encode("latin-1", "replace"),
    lambda text: text.encode("utf-16-le", "replace"),
)


def always(text: str) -> Spelling:
    """The one that gives this text, whatever it gets."""
    return lambda _: text


def behind(start: str) -> Spelling:
    """The one that puts this before the text."""
    return lambda text: start + text


def snake(name: str) -> str:
    """orderType -> order_type."""
    return re.sub("([A-Z])", r"_\1", name).lower()


def capital(name: str) -> str:
    """orderType -> OrderType."""
    return name[:1].upper() + name[1:]


def as_sent(query: str, decode: bool = False) -> Pairs:
    """The query as it travels; ``decode``: with its percent signs undone, but + left as it is."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    undo = unquote if decode else str
    return tuple((undo(name), undo(value) if equals else None) for name, equals, value in pairs)


def jsons(arrival: Arrival) -> Iterator[str]:
    """The body's own text, and how Python would write it anew."""
    if arrival.operation.method == "GET":
        content: Any = dict(pair for order in arrival.orders for pair in order)
        if not content:
            return
    else:
        yield arrival.raw.body.decode(errors="surrogateescape")
        try:
            content = json.loads(arrival.raw.body or b"{}")
        except ValueError:  # a number of thousands of digits, which Python refuses
            return
    for ordered in (False, True):
        yield json.dumps(content, sort_keys=ordered)
        yield json.dumps(content, sort_keys=ordered, separators=(",", ":"))
    yield json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    yield str(content)


def _hex(text: str) -> str:
    return encoded(text).hex()


def _digest(text: str, kind: Callable[[bytes], Any] = sha256) -> bytes:
    return kind(encoded(text)).digest()


MANGLED: dict[str, Callable[[str], str]] = {
    "times": lambda text: text.replace("&times", "\N{MULTIPLICATION SIGN}"),
    "escaped": escape,
    "times, escaped first": lambda text: escape(text).replace("&amp;times", "&times;"),
}
PUNCTUATION: dict[str, Callable[[str], str]] = {
    "newline behind": lambda text: text + "\n",
    "& behind": lambda text: text + "&",
    "? before": lambda text: "?" + text,
}
RARE_PUNCTUATION: dict[str, Callable[[str], str]] = {
    "& before": lambda text: "&" + text,
    "space before": lambda text: " " + text,
    "newline before": lambda text: "\n" + text,
    "space behind": lambda text: text + " ",
    "two spaces": lambda text: f" {text} ",
    "Windows newline": lambda text: text + "\r\n",
    "zero byte": lambda text: text + "\0",
    "BOM": lambda text: "\N{ZERO WIDTH NO-BREAK SPACE}" + text,
    "quotes": lambda text: f'"{text}"',
    "single quotes": lambda text: f"'{text}'",
    "of bytes": lambda text: f"b'{text}'",
    "braces": lambda text: f"{{{text}}}",
    "no &": lambda text: text.replace("&", ""),
    "no & and no =": lambda text: text.replace("&", "").replace("=", ""),
    "comma": lambda text: text.replace("&", ","),
    "comma and space": lambda text: text.replace("&", ", "),
    "semicolon": lambda text: text.replace("&", ";"),
    "lines": lambda text: text.replace("&", "\n"),
    "space": lambda text: text.replace("&", " "),
    "space after &": lambda text: text.replace("&", "& "),
    "spaces about &": lambda text: text.replace("&", " & "),
    "colon": lambda text: text.replace("=", ":"),
    "spaces about =": lambda text: text.replace("=", " = "),
    "? after the instruction": lambda text: text.replace("&", "?", 1),
    "no & before timestamp": lambda text: text.replace("&timestamp", "timestamp"),
    "two &": lambda text: text.replace("&timestamp", "&&timestamp"),
    "lower": str.lower,
    "upper": str.upper,
}
HASHES: dict[str, Callable[[str], str | bytes]] = {
    "sha256": _digest,
    "sha256 in hex": lambda text: _digest(text).hex(),
}
RARE_HASHES: dict[str, Callable[[str], str | bytes]] = {
    "sha512": lambda text: _digest(text, sha512),
    "sha512 in hex": lambda text: _digest(text, sha512).hex(),
    "base64": lambda text: b64encode(encoded(text)).decode(),
    "hex": _hex,
    "base64 of sha256": lambda text: b64encode(_digest(text)).decode(),
    "percent-encoded": lambda text: quote(text, safe="", errors="replace"),
}


def recipes(arrival: Arrival, tail: dict[str, str | None]) -> Iterator[Callable[[str], str]]:
    """With the method, the path or the key in the text, as other exchanges want it."""
    method, path, query, headers, body = arrival.raw
    stamp, window = tail.get("timestamp") or "", tail.get("window") or ""
    content = body.decode(errors="surrogateescape")
    target = f"{path}?{query}" if query else path
    key = headers.get("x-api-key", "")
    payload = query or content
    for before in (method, path, method + path, f"{path}?", f"{path}&", f"{method}&{path}&",
                   f"{method}\n{path}\n", f"{method} {path}\n", f"{method} {path} "):  # fmt: skip
        yield behind(before)
    for other in (
        stamp + method + target + content, stamp + method + path + content, method + target,
        method + target + content, stamp + content, stamp + target, stamp + payload, payload,
        stamp + key + window + payload, method + path + stamp, stamp + method + path, stamp,
        f"{stamp}\n{method}\n{path}\n{query}\n{content}\n",
    ):  # fmt: skip
        yield always(other)
    yield behind(key)
    yield lambda text: f"{text}{content}"
    yield lambda text: f"{text}&{content}"
