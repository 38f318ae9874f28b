"""All rows of a history, not just a page of it: ``fetch_all(bp.get_fills, "SOL_USDC")``.

The exchange cuts pages by counting from the newest row. A row that is added meanwhile moves all
others down by one, so that a walk which only counts meets a row again; one that vanishes moves them
up, and such a walk misses one. So a page here begins with the last row of the page before, and is
joined to it where the two agree; what lies behind the joint is new. Two pages that do not join show
that rows have vanished, and the walk begins anew.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, TextIO

from ..client import Client
from ..errors import InputError, TransportError
from ..operations import OPERATIONS
from ..results import Rows

Progress = Callable[[int, int | None], None]  # (rows fetched, rows in all; None: not known)
Name = tuple[Any, ...] | str  # of a row: its identity, or where it has none all that it says
PAGE = 1000  # rows: what every operation with pages can give at once
OVERLAP = 1  # rows that a page repeats of the page before
_TRIES = 5  # walks until it is given up; pages in a row until a walk is
# What tells a row from all others, where that is not ``id``. A row without either never changes.
_IDENTITY: dict[str, tuple[str, ...]] = {
    "borrow_lend_position_history": ("positionId",),
    "funding_rates": ("symbol", "intervalEndTimestamp"),
    "prediction_events": ("slug",),
    "quote_history": ("quoteId",),
    "rfq_history": ("rfqId",),
}


def fetch_all(
    method: Callable[..., Any],
    /,
    *args: Any,
    limit: int = PAGE,
    most: int | None = None,
    progress: bool | Progress = False,
    **filters: Any,
) -> Rows:
    """Every row that ``method`` can give, as one answer: ``fetch_all(bp.get_fills, "SOL_USDC")``.

    ``method``: a Client's, one that takes ``limit`` and ``offset``; all else is passed on to it.
    ``limit``: the rows of a page, 2 or more. ``most``: stop after so many rows; public trades go
    back for years. ``progress``: True for a bar on stderr, or a function that is called after each
    page with the rows fetched and the rows in all (None while the exchange does not say); in the
    last call they are the same.

    The rows are those that stood there at the first page, each once, in the exchange's order; some
    that arrived later may be among them. Rows that read the same to the letter, have no id and are
    not counted by the exchange cannot be told apart: only if none arrives, their number is right.
    ``.headers`` are those of the last page. Raises InputError for a method without pages,
    TransportError where rows vanish faster than they are read, and whatever ``method`` raises.
    """
    name = _paged(method)
    if "offset" in filters:
        raise InputError("offset", filters["offset"], "leave it out: every row is fetched")
    if isinstance(limit, bool) or not isinstance(limit, int) or limit <= OVERLAP:
        raise InputError("limit", limit, "give a whole number of rows, 2 or more: pages overlap")

    if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
        raise InputError("most", most, "give a whole number of rows, 1 or more, or leave it out")

    def page(offset: int) -> Rows:
        answer = method(*args, limit=limit, offset=offset, **filters)
        if answer and not isinstance(answer, Rows):
            raise TransportError(name, "the answer is no list of rows", sent=True, mutates=False)
        return answer

    tell = bar(name) if progress is True else progress or _nothing
    in_front = filters.get("sort_direction") != "Asc"
    for _ in range(_TRIES):
        walk = _Walk(page(0), limit, in_front)
        while walk.joins and not walk.complete and not (most and walk.progress[0] >= most):
            tell(*walk.progress)
            walk.go_on(page(walk.next_offset))
        if walk.joins:
            tell(*walk.progress)
            return walk.answer()[:most]
    reason = "the rows changed faster than they could be read"
    raise TransportError(name, reason, sent=True, mutates=False)


def bar(what: str, file: TextIO | None = None, width: int = 30) -> Progress:
    """A progress bar of ``width`` characters, written to ``file``; None: to stderr."""

    def show(done: int, total: int | None) -> None:
        text = f"{done:,} rows"
        if total is not None:
            filled = width * done // total if total else width
            text = f"[{'#' * filled:<{width}}] {done:,} of {total:,} rows"
        stream = sys.stderr if file is None else file
        stream.write(f"\r{what}: {text}" + "\n" * (done == total))
        stream.flush()

    return show


def _nothing(done: int, total: int | None) -> None:
    """The progress that nobody wants to see."""


def _paged(method: Callable[..., Any]) -> str:
    """The operation's name. Raises InputError for what is no method of a Client with pages."""
    name = getattr(method, "__name__", repr(method))
    of_client = isinstance(getattr(method, "__self__", None), Client)
    if of_client and name in OPERATIONS and OPERATIONS[name].paged:
        return name
    paged = ", ".join(one.name for one in OPERATIONS.values() if one.paged)
    raise InputError("method", name, f"give a client's method that has pages, one of: {paged}")


class _Walk:
    """The rows so far, and where in the exchange's list they end."""

    def __init__(self, first: Rows, limit: int, in_front: bool) -> None:
        """``in_front``: new rows come before the others, and so move them down."""
        self._limit, self._in_front = limit, in_front
        self._rows, self._names = list(first), _names(first)
        self._page, self._total = first, _total(first)
        self._end = len(first)  # rows of the exchange's list up to our last one
        self._idle = 0  # pages in a row that led nowhere
        self.joins = True  # does each page agree with the one before?

    @property
    def next_offset(self) -> int:
        """Where the next page begins: with our last row, if nothing has moved."""
        return self._end - OVERLAP

    @property
    def complete(self) -> bool:
        """Is our last row the exchange's last? Where it does not count them, a short page says."""
        if not self._rows:
            return True
        return len(self._page) < self._limit if self._total is None else self._end >= self._total

    @property
    def progress(self) -> tuple[int, int | None]:
        """The rows fetched, and the rows in all (None: not known)."""
        done = len(self._rows)
        if self.complete:
            return done, done
        return done, None if self._total is None else done + self._total - self._end

    def answer(self) -> Rows:
        """The rows as an answer, with the headers of the last page."""
        made = Rows(self._rows)
        made.kind, made.status = self._page.kind, self._page.status
        made.headers = self._page.headers
        return made

    def go_on(self, page: Rows) -> None:
        """Join the page that begins at ``next_offset``."""
        names, total, offset = _names(page), _total(page), self.next_offset
        added = 0 if total is None or self._total is None else total - self._total
        likely = OVERLAP + max(0, added if self._in_front else 0)
        seen: int | None = likely  # so many may have come that the page ends before our first row
        if likely < len(self._names) + len(page):
            seen = _overlap(self._names, names, likely)
        if seen is None:
            seen, new = 0, _unseen(self._names, names)
        else:
            new = list(range(min(seen, len(page)), len(page)))
        end = offset + max(seen, len(page))
        self._idle = 0 if new or end > self._end else self._idle + 1
        vague = added < 0 and not _all_identified(names)  # rows that say the same, and some gone
        self.joins = len(new) < len(page) and self._idle < _TRIES and not vague
        self._rows += [page[place] for place in new]
        self._names += [names[place] for place in new]
        self._page, self._total, self._end = page, total, end


def _overlap(ours: list[Name], page: list[Name], likely: int) -> int | None:
    """How many rows before the end of ``ours`` the page begins; None: it does not join.

    Rows that say the same fit in several places. ``likely``, where the exchange's own count puts
    the page, goes before the others; then the shortest, as if nothing had moved.
    """
    for many in (likely, *range(OVERLAP, len(ours) + len(page))):
        start = len(ours) - many  # below zero: the page begins before our first row
        shared = ours[max(start, 0) : max(start + len(page), 0)]
        if shared and shared == page[max(-start, 0) : many]:
            return many
    return None


def _unseen(ours: list[Name], page: list[Name]) -> list[int]:
    """Where in a page that does not join, because its rows change places, new rows stand.

    Only rows with an identity can be told apart so. All of the page where that is not sure.
    """
    known = set(ours)
    sure = _all_identified(page) and len(known) == len(ours) and len(set(page)) == len(page)
    return [place for place, name in enumerate(page) if not sure or name not in known]


def _all_identified(names: list[Name]) -> bool:
    return all(isinstance(name, tuple) for name in names)


def _names(page: Rows) -> list[Name]:
    identity = _IDENTITY.get(page.kind, ("id",))
    return [_name(row, identity) for row in page]


def _name(row: Any, identity: tuple[str, ...]) -> Name:
    values = tuple(row.get(field) for field in identity) if isinstance(row, dict) else (None,)
    if None in values:
        return json.dumps(row, sort_keys=True, default=str)
    return values


def _total(page: Rows) -> int | None:
    """How many rows the exchange counts; None: it does not say."""
    text = page.headers.get("X-Total", "")
    return int(text) if text.isdecimal() else None
