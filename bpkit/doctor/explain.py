"""Show what a call would sign and send: each part of the signed text with its source.

Pure: an ``Explanation`` is made of a request that is ready, and shows it; it sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .. import serialize
from ..operations import OWN_ID, Operation
from ..results import Rows
from ..serialize import Fields
from ..signing import text_to_sign

if TYPE_CHECKING:
    from requests import PreparedRequest

# The source of a piece -> its background colour. Dark text is easy to read on all of them, and they
# differ in brightness too, for people who cannot distinguish all colours.
ORIGINS: dict[str, str] = {
    "instruction": "#ffd27f",
    "query": "#9fd3f2",
    "body": "#b5e3b0",
    "made here": "#f6b6d4",
    "X-Timestamp": "#cdbcf0",
    "X-Window": "#dedede",
}
_MEANING = {
    "instruction": "the documentation's name for this operation: signed, but not sent",
    "query": "your parameter, sent in the query of the address",
    "body": "your parameter, sent in the JSON body",
    "made here": "chosen by bpkit, since you gave none; sent as if it were yours",
    "X-Timestamp": "the time of the signature in Unix milliseconds, sent as a header",
    "X-Window": "the milliseconds for which the signature is valid, sent as a header",
}
_NOTHING_SENT = "Nothing was sent."
_HIDDEN_SIGNATURE = (
    "(64 bytes in base64, not shown: for {} anybody who has it can send this request)"
)

Parameters = Fields | Sequence[Fields]


class Explanation:
    """What one call would sign and send, shown at the end of a cell. Nothing was sent.

    ``text``: what is signed, None for a public operation. ``pieces``: a row for each piece of it,
    with ``order`` (its number in a batch, from 1; else None), ``place`` (of its first character in
    the text, from 1), ``piece`` (with the ``&`` before it; joined, the pieces are the text),
    ``name``, ``value`` and ``origin`` (one of ``ORIGINS``); ``.df`` has them as a DataFrame.
    ``method``, ``url``, ``headers``, ``body``, ``wire``: what would be sent.

    The value of a ``twoFactorToken`` is never shown (the Content-Length still counts it). The
    signature is shown only with ``show_signature``. ``made``: the places of the orders for which
    bpkit chose the id.
    """

    def __init__(
        self,
        operation: Operation,
        fields: Parameters,
        request: PreparedRequest,
        made: Sequence[int] = (),
        *,
        show_signature: bool = False,
    ) -> None:
        shown: Any = serialize.hide_two_factor_token(fields)
        headers = request.headers.copy()  # its names are found in upper and lower case
        url, body = str(request.url), request.body if isinstance(request.body, bytes) else None
        if shown != fields:
            show_signature = False  # six digits could be found by trying them against it
            body = None if body is None else serialize.body(shown)
            url = f"{url.split('?')[0]}?{serialize.query(shown)}" if "?" in url else url
        self.operation, self.method, self.url, self.body = operation, operation.method, url, body
        self.text: str | None = None
        self.pieces = Rows()
        if operation.instruction is not None:
            timestamp, window = int(headers["X-Timestamp"]), int(headers["X-Window"])
            self.text = text_to_sign(operation.instruction, shown, timestamp, window)
            self.pieces += _placed(_pieces(operation, shown, timestamp, window, made))
            if "X-Signature" in headers and not show_signature:
                headers["X-Signature"] = _HIDDEN_SIGNATURE.format(f"{window / 1000:g} s")
        self.headers = {str(name): str(value) for name, value in headers.items()}
        self.pieces.kind, self.pieces.status, self.pieces.headers = "pieces", 0, {}

    @property
    def wire(self) -> bytes:
        """Request line, headers and body as they would be sent (HTTP/1.1); secrets are hidden."""
        parts = urlsplit(self.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        host = parts.netloc.removesuffix(":443" if parts.scheme == "https" else ":80")
        lines = [f"{self.method} {target} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (self.body or b"")

    def __repr__(self) -> str:
        title = f"{self.operation.name}: {self.method} {self.url}"
        request = "\n".join(map(_printable, self._request().split("\n")))
        parts = [title, *self._signed(), "What would be sent:\n" + request, _NOTHING_SENT]
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        name = f"<b>{escape(self.operation.name)}</b>"
        title = f"<p>{name}: <code>{escape(f'{self.method} {self.url}')}</code></p>"
        request = f"<p>What would be sent:</p><pre>{escape(self._request())}</pre>"
        return f"<div>{title}{self._signed_html()}{request}<p>{_NOTHING_SENT}</p></div>"

    def _request(self) -> str:
        return self.wire.decode(errors="replace").replace("\r\n", "\n").rstrip("\n")

    def _unsigned(self) -> str:
        return f"{self.operation.name} is public: nothing is signed."

    def _signed(self) -> list[str]:
        """The paragraphs about the text that is signed."""
        if self.text is None:
            return [self._unsigned()]
        names = self._columns()
        rows = [[_printable(str(row[name] or "")) for name in names] for row in self.pieces]
        meaning = [[origin, _MEANING[origin]] for origin in self._origins()]
        return [
            f"The text that is signed, {len(self.text)} characters:\n{_printable(self.text)}",
            _aligned([names, *rows]),
            _aligned(meaning),
        ]

    def _signed_html(self) -> str:
        if self.text is None:
            return f"<p>{escape(self._unsigned())}</p>"
        text = "".join(_coloured(row["piece"], row["origin"]) for row in self.pieces)
        names = self._columns()
        head = "".join(f"<th>{escape(name)}</th>" for name in names)
        rows = "".join(f"<tr>{''.join(_cell(row, name) for name in names)}</tr>"
                       for row in self.pieces)  # fmt: skip
        legend = "".join(
            f"<li>{_coloured(origin, origin)} {escape(_MEANING[origin])}</li>"
            for origin in self._origins()
        )
        return (
            f"<p>The text that is signed, {len(self.text)} characters:</p>"
            f'<p style="{_LONG}">{text}</p><ul>{legend}</ul>'
            f'<table class="dataframe"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
        )

    def _columns(self) -> list[str]:
        order = ["order"] if any(row["order"] for row in self.pieces) else []
        return [*order, "place", "piece", "origin"]

    def _origins(self) -> list[str]:
        """Those that occur, in the order of ORIGINS."""
        found = {row["origin"] for row in self.pieces}
        return [origin for origin in ORIGINS if origin in found]


def _pieces(
    operation: Operation,
    fields: Parameters,
    timestamp: int,
    window: int,
    made: Sequence[int],
) -> Iterator[dict[str, Any]]:
    """The pieces of the text in their order, without their places."""
    own = OWN_ID.get(operation.name)
    for place, one in enumerate([fields] if isinstance(fields, Mapping) else fields):
        order = None if isinstance(fields, Mapping) else place + 1
        yield _piece("instruction", str(operation.instruction), "instruction", order)
        for name, value in serialize.pairs(one):
            chosen = name == own and place in made
            yield _piece(name, value, "made here" if chosen else operation.parameters_in, order)
    yield _piece("timestamp", str(timestamp), "X-Timestamp")
    yield _piece("window", str(window), "X-Window")


def _piece(name: str, value: str, origin: str, order: int | None = None) -> dict[str, Any]:
    return {"order": order, "place": 1, "piece": f"{name}={value}", "name": name, "value": value,
            "origin": origin}  # fmt: skip


def _placed(pieces: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same pieces with their places, and with the ``&`` before each but the first."""
    rows = [next(pieces)]
    for row in pieces:
        place = rows[-1]["place"] + len(rows[-1]["piece"])
        rows.append(row | {"place": place, "piece": f"&{row['piece']}"})
    return rows


_LONG = "font-family: monospace; white-space: pre-wrap; overflow-wrap: anywhere"


def _coloured(text: str, origin: str) -> str:
    style = f"background: {ORIGINS[origin]}; color: #111111"
    return f'<span style="{style}" title="{escape(origin)}">{escape(text)}</span>'


def _cell(row: Mapping[str, Any], name: str) -> str:
    shown = "" if row[name] is None else str(row[name])
    if name == "origin":
        return f"<td>{_coloured(shown, shown)}</td>"
    if name == "piece":
        return f'<td style="text-align: left; {_LONG}">{escape(shown)}</td>'
    return f"<td>{escape(shown)}</td>"


def _printable(text: str) -> str:
    """On one line, without control characters."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns of equal width; numbers are aligned to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if cell.isdigit() else cell.ljust(width)
            for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    )
