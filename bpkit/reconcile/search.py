"""Search open orders, history and fills for an order whose answer was lost.

A row is found by the client's own id, or, if none was sent, by what was ordered. The documentation
does not promise that an own id is unique, and you may have used one before: then the age of a row
counts too (see ``Cutoff``), if it can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ..clock import moment
from ..errors import InputError, TransportError
from ..guard.hosts import LIVE_URL
from ..results import same, same_address
from ..serialize import milliseconds
from .pages import PAGE, pages

if TYPE_CHECKING:
    from ..client import Client

Row = Mapping[str, Any]

MOST_ROWS = 10_000  # of a history that are read, newest first; the last page may bring more
MOST_PAGES = 100  # if the exchange gives smaller pages than it was asked for
# Milliseconds by which a timestamp may be wrong and still be accepted. It is not documented, but a
# refusal was seen that says "must be within 10 minutes of current time".
SLACK = 600_000
RESTS = {"New", "PartiallyFilled", "TriggerPending", "Running"}
ENDS = {"Filled", "Cancelled", "Expired", "TriggerFailed", "Completed", "Terminated"}


class Cutoff(NamedTuple):
    """Which rows are too old to be what was sent.

    ``unique``: the id was made for this request alone, so no other row has it, however old.
    ``since``: Unix milliseconds, ``SLACK`` before the signature; a row made earlier is another one.
    None if that cannot be compared: only for Backpack's own host are the times of rows and of
    signatures taken to be of one clock (one order was seen whose ``createdAt`` is UTC in both its
    forms). The market of a sandbox has its own time.
    """

    unique: bool
    since: int | None

    def was_made_before(self, row: Row) -> bool:
        """Was it certainly made before the request was signed?"""
        made = _created_at(row)
        return made is not None and self.since is not None and made < self.since

    def is_older(self, row: Row) -> bool:
        """Is it certainly an earlier one, with the same id or with none?"""
        return not self.unique and self.was_made_before(row)


NO_CUTOFF = Cutoff(unique=True, since=None)  # a cancel is about an order that was there before


def cutoff_of(client: Client, error: TransportError) -> Cutoff:
    """Which rows are older than the request of ``error``."""
    signed = milliseconds("error.time", error.time) if client.url == LIVE_URL else None
    return Cutoff(error.unique_id, None if signed is None else signed - SLACK)


def _created_at(row: Row) -> int | None:
    """Unix milliseconds. Open orders have a number, the histories have text without a time zone."""
    when = row.get("createdAt", row.get("timestamp"))
    try:
        return milliseconds("createdAt", f"{when}Z" if isinstance(when, str) else when)
    except InputError:  # written in another way: not known
        return None


def iso(unix: int) -> str:
    """Unix milliseconds as ISO text in UTC."""
    return moment(unix).isoformat(timespec="milliseconds")


def created(row: Row) -> str:
    """When a row was made, for a person to read; as the exchange wrote it if that is not a time."""
    when = _created_at(row)
    return str(row.get("createdAt")) if when is None else iso(when)


class Target(NamedTuple):
    """What is searched for: where the exchange shows it, and which fields identify it."""

    noun: str
    opened: str  # the reading methods
    history: str
    own_id: str  # the client's own id; both ids by their documented names
    exchange_id: str
    id_argument: str  # of the history's method, for the exchange's id
    fields: tuple[str, ...]  # what an answer repeats of what was sent

    def named(self, row: Row, want: Row) -> bool:
        """Does the row have the same own id (or none, if none was sent) and the same market?"""
        return text(row, self.own_id) == text(want, self.own_id) and (
            row.get("symbol") == want["symbol"]
        )

    def differs(self, row: Row, want: Row) -> str | None:
        """The first field in which the row differs from what was sent. Null is not a difference.

        A conditional order must have a ``triggerPrice``, and its ``quantity`` says nothing.
        """
        if "side" not in want and "toAddress" not in want:  # a cancel only names an order
            return None
        if (row.get("triggerPrice") is None) != (want.get("triggerPrice") is None):
            return "triggerPrice"
        for name in self.fields:
            sent, shown = want.get(name), row.get(name)
            ignored = name == "quantity" and want.get("triggerPrice") is not None
            equal = same_address if name == "toAddress" else same
            if sent is not None and shown is not None and not ignored and not equal(sent, shown):
                return name
        return None

    def fitting(self, rows: Iterable[Row], want: Row) -> list[Row]:
        """The rows that may be it: those equal in every field; if none is, all with its own id."""
        named = [row for row in rows if self.named(row, want)]
        equal = [row for row in named if self.differs(row, want) is None]
        return equal or (named if want.get(self.own_id) is not None else [])


ORDERS = Target(
    "order", "get_open_orders", "get_order_history", "clientId", "orderId", "order_id",
    ("side", "orderType", "price", "quantity", "quoteQuantity", "triggerPrice", "triggerQuantity"),
)  # fmt: skip
STRATEGIES = Target(
    "strategy", "get_open_strategies", "get_strategies_history", "clientStrategyId", "strategyId",
    "strategy_id", ("side", "strategyType", "quantity", "duration", "interval"),
)  # fmt: skip
WITHDRAWALS = Target(
    "withdrawal", "get_withdrawals", "get_withdrawals", "clientId", "id", "id",
    ("toAddress", "quantity"),
)  # fmt: skip


@dataclass
class Found:
    """The newest state of every row, and what was asked to find it."""

    target: Target
    wants: Sequence[Row]
    cutoff: Cutoff
    asked: list[Row] = field(default_factory=list)
    rows: dict[str, Row] = field(default_factory=dict)  # by the exchange's id
    older: dict[str, Row] = field(default_factory=dict)  # made before the request was signed
    fills: list[Row] = field(default_factory=list)
    open: set[str] = field(default_factory=set)  # what was open when that was last asked

    def of(self, want: Row) -> list[Row]:
        """The rows that fit."""
        wanted = want.get(self.target.exchange_id)
        if wanted is not None:
            return [self.rows[wanted]] if wanted in self.rows else []
        return self.target.fitting(self.rows.values(), want)

    def earlier(self, want: Row) -> list[Row]:
        """The rows that would fit if they were not too old, newest first."""
        return self.target.fitting(self.older.values(), want)

    def rests(self, row: Row) -> bool:
        """Is it open, by the newest answer?"""
        return row["status"] in RESTS and row["id"] in self.open

    @property
    def missing(self) -> bool:
        """Is there no row for something that was sent?"""
        return not all(self.of(want) for want in self.wants)

    @property
    def doubtful(self) -> bool:
        """Is there a row that was open in one answer, and not in the next?"""
        found = [row for want in self.wants for row in self.of(want)]
        return any(row["status"] in RESTS and not self.rests(row) for row in found)

    @property
    def symbol(self) -> str | None:
        """The market, or None if it is more than one."""
        symbols = {want["symbol"] for want in self.wants}
        return symbols.pop() if len(symbols) == 1 else None

    def take(self, source: str, rows: Sequence[Row], complete: bool = True) -> None:
        """Keep the newest state of each row. An order that has ended stays ended.

        So an answer that lags behind changes nothing.
        """
        self.asked.append({"source": source, "rows": len(rows), "complete": complete})
        for row in rows:
            if self.cutoff.is_older(row):
                self.older[row["id"]] = {"source": source, **row}
                continue
            before = self.rows.get(row["id"])
            newer = source == self.target.opened or row["status"] in ENDS
            if before is None or (before["status"] not in ENDS and newer):
                self.rows[row["id"]] = {"source": source, **row}

    def enough(self, rows: Sequence[Row]) -> bool:
        """Is everything found that was sent? It is among the newest, so older pages are not read.

        But they are read if they may hold another one with the same id.
        """
        both = [*self.rows.values(), *rows]
        return self.cutoff.unique and all(
            any(self.target.named(row, want) and not self.target.differs(row, want) for row in both)
            for want in self.wants
        )


def search(client: Client, target: Target, wants: Sequence[Row], cutoff: Cutoff) -> Found:
    """Read the lists of the exchange in an order that misses nothing.

    First what is open, then the history: an order that leaves the book between the two answers is
    in the second. An order that arrives between them is found when the open ones are asked again.
    """
    found = Found(target, wants, cutoff)
    _read_open(client, found)
    _read_history(client, found)
    if found.missing:
        _read_fills(client, found)
    if found.missing or found.doubtful:
        _read_open(client, found)
    if found.fills or found.doubtful:
        _read_history(client, found)
    return found


def _read_open(client: Client, found: Found) -> None:
    rows = read_rows(client, found.target.opened, symbol=found.symbol)
    found.open = {row["id"] for row in rows}
    found.take(found.target.opened, rows)


def _read_history(client: Client, found: Found) -> None:
    target, filters = found.target, {"symbol": found.symbol}
    ids = {want.get(target.exchange_id) for want in found.wants}
    if len(ids) == 1 and None not in ids:
        filters[target.id_argument] = ids.pop()
    rows, complete = read_pages(client, target.history, found.cutoff, found.enough, **filters)
    found.take(target.history, rows, complete)


def _read_fills(client: Client, found: Found) -> None:
    known = {text(want, "clientId") for want in found.wants} - {None}
    if not known:
        return
    rows, complete = read_pages(client, "get_fills", found.cutoff, symbol=found.symbol)
    found.asked.append({"source": "get_fills", "rows": len(rows), "complete": complete})
    found.fills = [
        {"source": "get_fills", **row}
        for row in rows
        if text(row, "clientId") in known
        and not (found.cutoff.is_older(row) or row["orderId"] in found.older)
    ]


def read_pages(
    client: Client,
    name: str,
    cutoff: Cutoff,
    enough: Callable[[Sequence[Row]], bool] = lambda rows: False,
    **filters: Any,
) -> tuple[list[Row], bool]:
    """The rows of a history, newest first, until there are ``enough``; and whether that is all.

    That is all if the list has ended (see ``pages``), or if its rows are older than ``cutoff``.
    """

    def ask(offset: int) -> Any:
        return read_rows(client, name, limit=PAGE, offset=offset, **filters)

    for number, join in enumerate(pages(ask), 1):
        if join.complete:
            return join.rows, True
        if join.joins and cutoff.was_made_before(join.rows[-1]):
            return join.rows, True
        if len(join.rows) >= MOST_ROWS or number >= MOST_PAGES or enough(join.rows):
            break
    return join.rows, False


def read_rows(client: Client, name: str, **filters: Any) -> list[Row]:
    """The rows that a method gives. Raises TransportError for an answer of another form.

    An answer that is not understood must not be taken for an empty list.
    """
    answer = getattr(client, name)(**filters)
    needed = _NEEDED.get(name, {"id", "status"})
    if not isinstance(answer, list) or not all(
        isinstance(row, Mapping) and needed <= row.keys() for row in answer
    ):
        raise TransportError(name, "the answer is not a list of rows", sent=True, mutates=False)
    return answer


_NEEDED = {"get_fills": {"orderId", "quantity"}}


def text(row: Row, name: str) -> str | None:
    """A value as text: an own id is a number in orders and text in fills."""
    return None if row.get(name) is None else str(row[name])
