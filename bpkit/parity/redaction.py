"""Redact an answer by an allow-list before anything of it is kept, and search a finished report.

Of an answer about the account only names, null, booleans, words from closed lists, errors and a few
headers are kept; every other value becomes its shape: ``<decimal 3.6>``, ``<digits 11>``,
``<iso ms>``, ``<base64 44>``, ``<text>``. Public market data is kept as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, get_args

from .. import enums
from ..network.connection import Answered
from ..operations import OPERATIONS

KEPT_HEADERS = (
    "content-type", "cache-control", "x-current-page", "x-page-count", "x-page-size", "allow",
)  # fmt: skip
# Public, but they say where the caller is.
ABOUT_THE_CALLER = {"get_country", "get_country_permissions"}
# Their names are assets, not fields.
NAMED_BY_ASSET = {"get_balances"}
LEAST = 6  # characters of a private text that a report is searched for

# Statuses and sources of the specification that ``enums`` does not have.
_MORE_WORDS = """
    cancelled confirmed declined expired initiated ownershipVerificationRequired pending refunded
    senderVerificationCompleted senderVerificationRequired Active Completed AdlProvider
    AutoBorrowRepay AutoLend BackstopProvider DustConversion Interest Liquidation LiquidationAdl
    LiquidationBackstop Manual Reconciliation Rfq SpotMargin Withdrawal
    CulledRealizePnlAuto CulledRealizePnlBookUtilisation CulledRealizePnlAccountThreshold
    CulledRealizePnlSystemThreshold BackstopProviderLiquidation BackstopAdlLiquidation
    BackstopLiquidityFundProceeds SystemLiabilityTransfer
"""
WORDS = frozenset(
    word
    for one in vars(enums).values()
    for word in get_args(one)
    if isinstance(word, str)
) | frozenset(_MORE_WORDS.split())  # fmt: skip

_FIELD = re.compile("[a-z][A-Za-z0-9]{0,40}")
_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(?:\.(\d+))?(Z|[+-]\d\d:?\d\d)?")
_FINENESS = {0: "s", 3: "ms", 6: "us", 9: "ns"}
# In the words of an error: an address, a long token (but no code), a number with points, an address
# of the internet; of an error about the account a long number, too.
_TOKEN = r"\S+@\S+|(?![A-Z_]+\b)[\w+/=-]{20,}|\b\d+(?:[.:]\d+)+\b|\b[0-9a-fA-F]+:[0-9a-fA-F:]{4,}"
_PUBLIC_ERROR, _PRIVATE_ERROR = re.compile(_TOKEN), re.compile(_TOKEN + r"|\b\d{5,}\b")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class Seen(NamedTuple):
    """What is kept of an answer. ``body``: redacted JSON, or text if it is not JSON."""

    status: int
    headers: Mapping[str, str]  # names in lower case; "" for a value that is not kept
    body: Any
    is_json: bool
    compact: bool  # is the JSON written without spaces?
    private: bool
    orders: Mapping[str, str]  # of a list: field -> ascending, descending or not sorted
    parameters: Mapping[str, str]  # as they were sent
    now: int  # the exchange's time when it was asked, Unix seconds


class Redactor:
    """The one way from an answer to what may be written. It remembers what it took away.

    ``made_up``: texts that the probe sent itself; they may be in the report.
    """

    def __init__(self) -> None:
        self.made_up: set[str] = set()
        self._numbers: dict[str, int] = {}
        self._taken: dict[str, str] = {}  # text of a private answer -> the question

    def seen(
        self,
        question: str,
        operation: str,
        answer: Answered,
        parameters: Mapping[str, str],
        now: int,
    ) -> Seen:
        """What is kept of an answer to ``operation``."""
        self.made_up.update(parameters.values())
        private = OPERATIONS[operation].signed or operation in ABOUT_THE_CALLER
        text = answer.content.decode(errors="replace")
        body, is_json = _parsed(text)
        compact = is_json and text == json.dumps(body, separators=(",", ":"), ensure_ascii=False)
        orders = _orders(body)
        if private and answer.status < 400:
            body = self._shape(question, body, by_asset=operation in NAMED_BY_ASSET)
        elif not is_json or answer.status >= 400:
            body = self._error(question, body, _PRIVATE_ERROR if private else _PUBLIC_ERROR)
        headers = {
            name.lower(): self._header(name, value) for name, value in answer.headers.items()
        }
        return Seen(
            answer.status, headers, body, is_json, compact, private, orders, parameters, now
        )  # fmt: skip

    def leak(self, text: str, skeleton: str, secrets: Collection[str]) -> str | None:
        """Whose private text is in ``text``, in words; None: nothing private is in it.

        ``skeleton``: the report without any answer. ``secrets``: signatures and public keys.
        """
        if any(secret in text for secret in secrets):
            return "the signatures"
        for taken, question in self._taken.items():
            if _occurs(taken, text) and not _occurs(taken, skeleton) and taken not in self.made_up:
                return f"the question {question}"
        return None

    def _header(self, name: str, value: str) -> str:
        if name.lower() == "x-total":
            return few(int(value)) if value.isdecimal() else ""
        return _CONTROL.sub(" ", value)[:100] if name.lower() in KEPT_HEADERS else ""

    def _error(self, question: str, value: Any, hidden: re.Pattern[str]) -> Any:
        """Code and words of an error, without what may name a person, an account or an address."""
        if isinstance(value, dict):
            named = {name: value[name] for name in ("code", "message") if name in value}
            return {name: self._error(question, one, hidden) for name, one in named.items()}
        if not isinstance(value, str):
            return None if value is None else "<not text>"
        if value.lstrip().startswith("<"):
            return "<html>"

        def hide(found: re.Match[str]) -> str:
            if found[0] in self.made_up:
                return found[0]
            self._take(question, found[0])
            return _kind(found[0])

        return hidden.sub(hide, _CONTROL.sub(" ", value))[:200]

    def _shape(self, question: str, value: Any, by_asset: bool = False) -> Any:
        if isinstance(value, list):
            return [self._shape(question, one) for one in value]
        if isinstance(value, dict):
            shapes = {name: self._shape(question, one) for name, one in value.items()}
            others = [name for name in value if by_asset or not _FIELD.fullmatch(name)]
            for name in others:
                self._take(question, name)
            return list(shapes.values()) if others else shapes
        if value is None or isinstance(value, bool) or value in WORDS:
            return value
        text = str(value)
        self._take(question, text)
        number = self._numbers.setdefault(text, len(self._numbers) + 1)
        kind = _kind(text)
        kind = kind if isinstance(value, str) else kind.replace("<", "<number ", 1)
        return f"{kind[:-1]} #{number}>"

    def _take(self, question: str, text: str) -> None:
        if len(text) >= LEAST and text not in WORDS:
            self._taken.setdefault(text, question)


def few(count: int) -> str:
    """A number of rows that says little about an account: 0, 1 or many."""
    return str(count) if count < 2 else "many"


def kinds(value: Any) -> str:
    """The kind of one value for a comparison: its shape without lengths and numbers."""
    if value is None or isinstance(value, bool):
        return json.dumps(None if value is None else "bool").strip('"')
    if isinstance(value, str) and value.startswith("<"):
        shape = value[1:-1].split(" #")[0]
    elif isinstance(value, str):
        shape = _kind(value)[1:-1]
    else:
        return "number"
    if shape.startswith("number"):
        return "number"
    if shape.startswith("iso"):
        return shape
    return "decimal text" if shape.startswith(("decimal", "digits")) else "text"


def _kind(text: str) -> str:
    """The shape of a text."""
    if found := _ISO.fullmatch(text):
        fraction = _FINENESS.get(len(found[2] or ""), "other")
        ends = [part for part in (found[1].replace(" ", "space"), found[3] and "zone") if part]
        return f"<iso {fraction} {' '.join(ends)}>".replace(" T", "")
    if re.fullmatch(r"\d+", text, re.ASCII):
        return f"<digits {len(text)}>"
    if found := re.fullmatch(r"-?(\d+)(?:\.(\d+))?", text, re.ASCII):
        return f"<decimal {len(found[1])}.{len(found[2] or '')}>"
    if len(text) >= 20 and len(text) % 4 == 0 and re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", text):
        return f"<base64 {len(text)}>"
    return "<text>"


def _parsed(text: str) -> tuple[Any, bool]:
    try:
        return json.loads(text), True
    except ValueError:  # its own error would show the text
        return text, False


def _orders(body: Any) -> dict[str, str]:
    """How the rows of a list are sorted, by each field that has different values."""
    rows = [one for one in body if isinstance(one, dict)] if isinstance(body, list) else []
    found = {}
    for field in rows[0] if len(rows) > 1 else ():
        values = [str(one.get(field)) for one in rows]
        if all(value.isdecimal() for value in values):
            values = [value.zfill(24) for value in values]
        if len(set(values)) > 1:
            rising, falling = values == sorted(values), values == sorted(values, reverse=True)
            found[field] = "ascending" if rising else "descending" if falling else "not sorted"
    return found


def _occurs(text: str, where: str) -> bool:
    """Is it there? A number only counts if it is not a part of a longer one."""
    if not re.fullmatch(r"-?[\d.]+", text):
        return text in where
    return re.search(rf"(?<![\d.]){re.escape(text)}(?![\d.]*\d)", where) is not None
