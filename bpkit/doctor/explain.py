"""An X-ray of one request: every piece of the signed text, where it comes from, and what leaves.

Pure: an Explanation is made of a request that is ready, and shows it; it sends nothing. The pieces
are spelled by ``wire``, which also spells what is sent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import urlsplit

from .. import serialize as wire
from ..operations import Operation
from ..results import Rows
from ..serialize import Fields
from ..signing import text_to_sign

# Where a piece comes from -> its background. On each of them dark text reads well, and they differ
# in brightness too, for eyes that do not tell all colours apart.
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
    "X-Timestamp": "the moment of the signature in Unix milliseconds, sent as a header",
    "X-Window": "the milliseconds for which the signature is valid, sent as a header",
}
_NOTHING_SENT = "Nothing was sent."

Parameters = Fields | Sequence[Fields]


class Explanation:
    """What one call would sign and send, shown at the end of a cell. Nothing was sent.

    ``text``: what is signed, None for a public operation. ``pieces``: a row for each piece of it,
    with ``order`` (its number in a batch, from 1; else None), ``place`` (of its first character in
    the text, from 1), ``piece`` (with the ``&`` before it: all together they are the text),
    ``name``, ``value`` and ``origin`` (one of ``ORIGINS``); ``.df`` has them as a DataFrame.
    ``method``, ``url``, ``headers``, ``body``, ``wire``: what would leave.

    Shown nowhere is the value of a ``twoFactorToken`` (the Content-Length still counts it), nor,
    unless ``show_signature``, the signature. ``timestamp`` and ``window`` in milliseconds, None for
    a public operation. ``made_here``: the names of parameters that bpkit chose, or in a batch pairs
    of (number of the order from 1, name) where only some of them did.
    """

    def __init__(
        self,
        operation: Operation,
        fields: Parameters,
        *,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timestamp: int | None,
        window: int | None,
        made_here: Collection[str | tuple[int, str]] = (),
        show_signature: bool = False,
    ) -> None:
        shown: Any = wire.without_token(fields)
        if shown != fields:
            show_signature = False  # six digits could be found by trying them against it
            body = None if body is None else wire.body(shown)
            url = f"{url.split('?')[0]}?{wire.query(shown)}" if "?" in url else url
        self.operation, self.method, self.url, self.body = operation, method, url, body
        self.headers = dict(headers) if show_signature else _without_signature(headers, window)
        self.text: str | None = None
        self.pieces = Rows()
        if operation.instruction and timestamp is not None and window is not None:
            self.text = text_to_sign(operation.instruction, shown, timestamp, window)
            self.pieces += _placed(_pieces(operation, shown, timestamp, window, made_here))
        self.pieces.kind, self.pieces.status, self.pieces.headers = "pieces", 0, {}

    @property
    def wire(self) -> bytes:
        """Request line, headers and body as they would leave (HTTP/1.1), but for what is hidden."""
        parts = urlsplit(self.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        host = parts.netloc.removesuffix(":443" if parts.scheme == "https" else ":80")
        lines = [f"{self.method} {target} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (self.body or b"")

    def __repr__(self) -> str:
        title = f"{self.operation.name}: {self.method} {_plain(self.url)}"
        request = "\n".join(map(_plain, self._request().split("\n")))
        parts = [title, *self._signed(), "What would leave:\n" + request, _NOTHING_SENT]
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        name = f"<b>{escape(self.operation.name)}</b>"
        title = f"<p>{name}: <code>{escape(f'{self.method} {self.url}')}</code></p>"
        request = f"<p>What would leave:</p><pre>{escape(self._request())}</pre>"
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
        rows = [[_plain(str(row[name] or "")) for name in names] for row in self.pieces]
        meaning = [[origin, _MEANING[origin]] for origin in self._origins()]
        return [
            f"The text that is signed, {len(self.text)} characters:\n{_plain(self.text)}",
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


def _without_signature(headers: Mapping[str, str], window: int | None) -> dict[str, str]:
    seconds = f"{(window or 0) / 1000:g} s"
    note = f"(64 bytes in base64, not shown: for {seconds} whoever has it can send this request)"
    return {
        name: note if name.lower() == "x-signature" else value for name, value in headers.items()
    }


def _pieces(
    operation: Operation,
    fields: Parameters,
    timestamp: int,
    window: int,
    made_here: Collection[str | tuple[int, str]],
) -> Iterator[dict[str, Any]]:
    """The pieces of the text in their order, without their places."""
    batch = not isinstance(fields, Mapping)
    for number, one in enumerate([fields] if isinstance(fields, Mapping) else fields, start=1):
        order = number if batch else None
        yield _piece("instruction", str(operation.instruction), "instruction", order)
        for name, value in wire.pairs(one):
            made = name in made_here or (number, name) in made_here
            yield _piece(name, value, "made here" if made else operation.parameters_in, order)
    yield _piece("timestamp", str(timestamp), "X-Timestamp")
    yield _piece("window", str(window), "X-Window")


def _piece(name: str, value: str, origin: str, order: int | None = None) -> dict[str, Any]:
    return {"order": order, "place": 1, "piece": f"{name}={value}", "name": name, "value": value,
            "origin": origin}  # fmt: skip


def _placed(pieces: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """With their places, and with the ``&`` that parts each from the one before it."""
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


def _plain(text: str) -> str:
    """On one line, without anything that a terminal would obey."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns of one width each; numbers stand at the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if cell.isdigit() else cell.ljust(width)
            for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    )
