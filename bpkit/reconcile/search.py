"""Looking for what was sent: every row that may be it.

Rows are found by the client's own id, which the documentation does not promise to be unique, or
where there is none by what was ordered. An id that you gave may be one that you have used before:
then the age of a row counts too (see ``Age``), where it can be told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple, Protocol

from ..clock import moment
from ..errors import InputError, TransportError
from ..guard.hosts import LIVE_URL
from ..serialize import milliseconds, python_name
from ..signing import Key

Row = Mapping[str, Any]

PAGE = 1000  # rows: what every history can give at once
MOST_ROWS = 10_000  # of a history that are read, newest first
MOST_PAGES = 100  # where they are smaller than asked
# Milliseconds by which a timestamp may be wrong and still be accepted. It is not documented, but a
# refusal was seen that says "must be within 10 minutes of current time".
SLACK = 600_000
RESTS = {"New", "PartiallyFilled", "TriggerPending", "Running"}
ENDS = {"Filled", "Cancelled", "Expired", "TriggerFailed", "Completed", "Terminated"}


class Looks(Protocol):
    """What is asked: reading methods of a Client, and nothing else."""

    @property
    def url(self) -> str: ...

    @property
    def key(self) -> Key | None: ...

    def get_time(self) -> int: ...

    def get_open_orders(self, symbol: str | None = None) -> list[Any]: ...

    def get_open_strategies(self, symbol: str | None = None) -> list[Any]: ...

    def get_order_history(
        self,
        symbol: str | None = None,
        *,
        order_id: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> list[Any]: ...

    def get_strategies_history(
        self,
        symbol: str | None = None,
        *,
        strategy_id: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> list[Any]: ...

    def get_fills(
        self, symbol: str | None = None, *, limit: int | None = None, offset: int | None = None
    ) -> list[Any]: ...

    def get_withdrawals(
        self,
        *,
        client_id: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> list[Any]: ...


class Age(NamedTuple):
    """Which rows are too old to be what was sent.

    ``unique``: its id was made for it alone, so that no other row bears it, of whatever age.
    ``since``: Unix milliseconds, ``SLACK`` before it was signed; what was made earlier is not it.
    None where that cannot be told: only of Backpack's own host are the times of rows and of
    signatures taken for one and the same (one order was seen whose ``createdAt`` is UTC in both
    its shapes). The market of a sandbox has a time of its own.
    """

    unique: bool
    since: int | None

    def before(self, row: Row) -> bool:
        """Was it certainly made before the request was signed?"""
        made = _made(row)
        return made is not None and self.since is not None and made < self.since

    def foreign(self, row: Row) -> bool:
        """Is it certainly another one that bears the same id, or no id?"""
        return not self.unique and self.before(row)


ANY_AGE = Age(unique=True, since=None)  # of a cancel, which is about what was there before


def age_of(client: Looks, error: TransportError) -> Age:
    """How to tell what ``error`` is about from what was there before."""
    signed = milliseconds("error.time", error.time) if client.url == LIVE_URL else None
    return Age(error.unique_id, None if signed is None else signed - SLACK)


def _made(row: Row) -> int | None:
    """Unix milliseconds: a number where it is open, text without a zone in the histories."""
    when = row.get("createdAt", row.get("timestamp"))
    try:
        return milliseconds("createdAt", f"{when}Z" if isinstance(when, str) else when)
    except InputError:  # spelled otherwise: not known
        return None


def iso(unix: int) -> str:
    """Unix milliseconds as ISO text in UTC."""
    return moment(unix).isoformat(timespec="milliseconds")


def created(row: Row) -> str:
    """The moment of a row, for a person to read; as it came, where it is spelled otherwise."""
    when = _made(row)
    return str(row.get("createdAt")) if when is None else iso(when)


class Kind(NamedTuple):
    """Where something is shown, and by what it is told from the others."""

    noun: str
    opened: str  # the reading methods
    history: str
    own_id: str  # the client's own id; documented names, both
    exchange_id: str
    fields: tuple[str, ...]  # what an answer repeats of what was sent

    def named(self, row: Row, want: Row) -> bool:
        """Does the row bear the client's own id (or none, where none was sent), in its market?"""
        return text(row, self.own_id) == text(want, self.own_id) and (
            row.get("symbol") == want["symbol"]
        )

    def differs(self, row: Row, want: Row) -> str | None:
        """What the row shows otherwise than it was sent. What is null shows nothing.

        Of a conditional order ``triggerPrice`` must be there, and ``quantity`` says nothing.
        """
        if "side" not in want and "toAddress" not in want:  # a cancel: it names, and says no more
            return None
        if (row.get("triggerPrice") is None) != (want.get("triggerPrice") is None):
            return "triggerPrice"
        for name in self.fields:
            sent, shown = want.get(name), row.get(name)
            ignored = name == "quantity" and want.get("triggerPrice") is not None
            alike = same_address if name == "toAddress" else same
            if sent is not None and shown is not None and not ignored and not alike(sent, shown):
                return name
        return None

    def fitting(self, rows: Iterable[Row], want: Row) -> list[Row]:
        """The rows that may be it: those that agree in all; otherwise all that bear its id."""
        named = [row for row in rows if self.named(row, want)]
        agreeing = [row for row in named if self.differs(row, want) is None]
        return agreeing or (named if want.get(self.own_id) is not None else [])


ORDERS = Kind(
    "order", "get_open_orders", "get_order_history", "clientId", "orderId",
    ("side", "orderType", "price", "quantity", "quoteQuantity", "triggerPrice", "triggerQuantity"),
)  # fmt: skip
STRATEGIES = Kind(
    "strategy", "get_open_strategies", "get_strategies_history", "clientStrategyId", "strategyId",
    ("side", "strategyType", "quantity", "duration", "interval"),
)  # fmt: skip
WITHDRAWALS = Kind(
    "withdrawal", "get_withdrawals", "get_withdrawals", "clientId", "id", ("toAddress", "quantity")
)


class Look:
    """One look: the latest word on every row, and what was asked for it.

    Open ones first, then the history: what leaves the book between the two is in the second. What
    arrives between them shows when the open ones are asked again.
    """

    def __init__(self, client: Looks, kind: Kind, wants: Sequence[Row], age: Age) -> None:
        symbols = {want["symbol"] for want in wants}
        self._client, self._kind, self._wants, self.age = client, kind, wants, age
        self._symbol = symbols.pop() if len(symbols) == 1 else None
        self.asked: list[Row] = []
        self.rows: dict[str, Row] = {}  # by the exchange's id
        self._older: dict[str, Row] = {}  # what was there before it was sent
        self.fills: list[Row] = []
        self.open: set[str] = set()  # what rested when that was last asked
        self._ask_open()
        self._ask_history()
        if kind is ORDERS and self._missing():
            self._ask_fills()
        if self._missing() or self._doubtful():
            self._ask_open()
        if self.fills or self._doubtful():
            self._ask_history()

    def of(self, want: Row) -> list[Row]:
        """The rows that fit."""
        wanted = want.get(self._kind.exchange_id)
        if wanted is not None:
            return [self.rows[wanted]] if wanted in self.rows else []
        return self._kind.fitting(self.rows.values(), want)

    def earlier(self, want: Row) -> list[Row]:
        """The rows that would fit, but for their age; newest first."""
        return self._kind.fitting(self._older.values(), want)

    def rests(self, row: Row) -> bool:
        """Is it open, by the latest word?"""
        return row["status"] in RESTS and row["id"] in self.open

    def _missing(self) -> bool:
        return not all(self.of(want) for want in self._wants)

    def _doubtful(self) -> bool:
        """Is there one that rested in one answer, and not in the next?"""
        found = [row for want in self._wants for row in self.of(want)]
        return any(row["status"] in RESTS and not self.rests(row) for row in found)

    def _ask_open(self) -> None:
        found = rows_of(self._client, self._kind.opened, symbol=self._symbol)
        self.open = {row["id"] for row in found}
        self._take(self._kind.opened, found)

    def _ask_history(self) -> None:
        ids = {want.get(self._kind.exchange_id) for want in self._wants}
        name, filters = self._kind.history, {"symbol": self._symbol}
        if len(ids) == 1 and None not in ids:
            filters[python_name(self._kind.exchange_id)] = ids.pop()
        found, complete = pages(self._client, name, self.age, self._enough, **filters)
        self._take(name, found, complete)

    def _ask_fills(self) -> None:
        known = {text(want, "clientId") for want in self._wants} - {None}
        if not known:
            return
        found, complete = pages(self._client, "get_fills", self.age, symbol=self._symbol)
        self.fills = [
            {"source": "get_fills", **row}
            for row in found
            if text(row, "clientId") in known
            and not (self.age.foreign(row) or row["orderId"] in self._older)
        ]
        self.asked.append({"source": "get_fills", "rows": len(found), "complete": complete})

    def _enough(self, rows: Sequence[Row]) -> bool:
        """What was sent now is among the newest: once all of it is found, older pages are left.

        But not where they may hold another one with the same id.
        """
        both = [*self.rows.values(), *rows]
        return self.age.unique and all(
            any(self._kind.named(row, want) and not self._kind.differs(row, want) for row in both)
            for want in self._wants
        )

    def _take(self, source: str, found: Sequence[Row], complete: bool = True) -> None:
        """An order that has ended stays so, whatever an answer says that lags behind."""
        self.asked.append({"source": source, "rows": len(found), "complete": complete})
        for row in found:
            if self.age.foreign(row):
                self._older[row["id"]] = {"source": source, **row}
                continue
            before = self.rows.get(row["id"])
            later = source == self._kind.opened or row["status"] in ENDS
            if before is None or (before["status"] not in ENDS and later):
                self.rows[row["id"]] = {"source": source, **row}


def pages(
    client: Looks,
    name: str,
    age: Age,
    enough: Callable[[Sequence[Row]], bool] = lambda rows: False,
    **filters: Any,
) -> tuple[list[Row], bool]:
    """The rows of a history, newest first, until there are ``enough``; and whether that is all.

    It is all at an empty page, or when there are as many as ``X-Total`` says; a page may be
    shorter than asked. What is older than ``age`` has an end as well.
    """
    rows: list[Row] = []
    for _ in range(MOST_PAGES):
        found = rows_of(client, name, limit=PAGE, offset=len(rows), **filters)
        rows += found
        total = _total(found)
        if not found or (len(found) < PAGE and total is not None and total <= len(rows)):
            return rows, total is None or total <= len(rows)
        if age.before(found[-1]):
            return rows, True
        if len(rows) >= MOST_ROWS or enough(rows):
            break
    return rows, False


def _total(found: Sequence[Row]) -> int | None:
    """How many rows the exchange counts; None where it does not say."""
    told = str(getattr(found, "headers", {}).get("X-Total", ""))
    return int(told) if told.isdecimal() else None


def rows_of(client: Looks, name: str, **filters: Any) -> list[Row]:
    """What is not understood must not be taken for nothing. Raises TransportError."""
    answer = getattr(client, name)(**filters)
    needed = _NEEDED.get(name, {"id", "status"})
    if not isinstance(answer, list) or not all(
        isinstance(row, Mapping) and needed <= row.keys() for row in answer
    ):
        raise TransportError(name, "the answer is no list of rows", sent=True, mutates=False)
    return answer


_NEEDED = {"get_fills": {"orderId", "quantity"}}


def text(row: Row, name: str) -> str | None:
    """An own id is a number in orders and a text in fills."""
    return None if row.get(name) is None else str(row[name])


def same(sent: object, shown: object) -> bool:
    """Do two values say the same? 170.50 and 170.5 do."""
    try:
        return Decimal(str(sent)) == Decimal(str(shown))
    except InvalidOperation:
        return str(sent) == str(shown)


def same_address(sent: object, shown: object) -> bool:
    """Of base58 and the like the case of a letter counts; of hexadecimal, 0x..., it does not."""
    ours, theirs = str(sent), str(shown)
    if _HEX.fullmatch(ours) and _HEX.fullmatch(theirs):
        return ours.lower() == theirs.lower()
    return ours == theirs


_HEX = re.compile("0[xX][0-9a-fA-F]+")
