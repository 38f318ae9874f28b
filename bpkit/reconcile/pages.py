"""Walk through a long list of the exchange page by page, and join the pages.

The exchange counts pages from the newest row. A new row moves all others down by one, so a walk
that only counts meets a row twice; a row that vanishes moves them up, and such a walk misses one.
So each page begins with the last row of the page before and is joined to it where the two agree.
Two pages that do not join show that rows have vanished.

The end is an empty page where our rows end; a short page, if the exchange's own count (``X-Total``)
agrees; and without a count a short page that brings no new row. A short page alone proves nothing:
the exchange may give fewer rows than it was asked for.

If the exchange ignores the offset, the same page comes again and again. So a page that is the same
as the page before never proves the end. It does not prove an ignored offset either: new rows may
have moved the list by just so many rows, and rows without an identity may be equal. So the walk
goes on, until it has more rows than the exchange counts, or five such pages in a row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from ..results import Rows

Name = tuple[Any, ...] | str  # of a row: its identity, or all its values if it has none
PAGE = 1000  # rows: the most that every operation with pages gives at once
OVERLAP = 1  # rows that a page repeats of the page before
_TRIES = 5  # pages in a row that may bring no new row, or be the same as the page before
# The fields that identify a row, if that is not ``id``. A row with neither never changes.
_IDENTITY: dict[str, tuple[str, ...]] = {
    "borrow_lend_position_history": ("positionId",),
    "funding_rates": ("symbol", "intervalEndTimestamp"),
    "prediction_events": ("slug",),
    "quote_history": ("quoteId",),
    "rfq_history": ("rfqId",),
}


def pages(
    ask: Callable[[int], Rows], limit: int = PAGE, *, in_front: bool = True
) -> Iterator[PageJoin]:
    """Read page after page to the end; after each, yield the rows so far (always one object).

    ``ask(offset)`` gives a page of at most ``limit`` rows. ``in_front``: new rows come before the
    others. Stops at the end of the list, and where the pages do not join.
    """
    join = PageJoin(ask(0), limit, in_front)
    yield join
    while join.joins and not join.complete:
        join.add(ask(join.next_offset))
        yield join


class PageJoin:
    """The rows so far, and where in the exchange's list they end."""

    def __init__(self, first: Rows, limit: int, in_front: bool) -> None:
        self._limit, self._in_front = limit, in_front
        self.rows, self._names = list(first), _names(first)
        self.page, self._total = first, _total(first)
        self._page_names = self._names  # of the last page
        self._end = len(first)  # rows of the exchange's list up to our last one
        self._largest = len(first)  # rows: the largest page so far
        self._ends_with_ours = False  # is the last row of the last page one that we had?
        self._pages_without_news = self._same_pages = 0  # in a row
        # Does each page agree with the one before, and with the count?
        self.joins = bool(first) or not self._total

    @property
    def next_offset(self) -> int:
        """Where the next page begins: with our last row, if nothing has moved.

        If no page had a second row, one that begins with our last row would show nothing else.
        """
        return self._end - OVERLAP if self._largest > OVERLAP else self._end

    @property
    def complete(self) -> bool:
        """Is our last row the last of the list? True only if the answers prove it."""
        if not self.page or not self.joins:
            return self.joins
        if self._total is None:
            return self._ends_with_ours and len(self.page) < self._largest
        return not self.same and len(self.page) < self._limit and self._end >= self._total

    @property
    def same(self) -> bool:
        """Is the last page the same as the page before, as if the exchange ignored the offset?"""
        return self._same_pages > 0

    @property
    def progress(self) -> tuple[int, int | None]:
        """The rows fetched, and the rows in all (None: not known)."""
        done = len(self.rows)
        if self.complete:
            return done, done
        return done, None if self._total is None else done + max(0, self._total - self._end)

    def add(self, page: Rows) -> None:
        """Join the page that begins at ``next_offset``."""
        names, total, offset = _names(page), _total(page), self.next_offset
        counted = total is not None and self._total is not None
        added = total - self._total if total is not None and self._total is not None else 0
        likely = OVERLAP + max(0, added if self._in_front else 0)
        new, seen = _compare(self._names, names, likely)
        end = offset + max(seen or 0, len(page))
        # Our own rows again, and the count does not say why: perhaps ``offset`` was ignored.
        unexplained = not new and seen != likely
        explained = added > 0 and seen == likely
        again = names == self._page_names and len(page) > OVERLAP and not explained
        self._same_pages = self._same_pages + 1 if again else 0
        ignored = again and (self._same_pages >= _TRIES if total is None else end > total)
        news = bool(new) or (end > self._end and counted and not unexplained)
        self._pages_without_news = 0 if news else self._pages_without_news + 1
        vague = added < 0 and not _all_identified(names)  # equal rows, and some have vanished
        fits = len(new) < len(page) if page else offset == self._end >= (total or 0)
        self.joins = fits and self._pages_without_news < _TRIES and not vague and not ignored
        self._end = self._end if unexplained and counted and seen is not None else end
        self.rows += [page[place] for place in new]
        self._names += [names[place] for place in new]
        self.page, self._total, self._page_names = page, total, names
        self._ends_with_ours = not new and seen == len(page)
        self._largest = max(self._largest, len(page))


def _compare(ours: list[Name], page: list[Name], likely: int) -> tuple[list[int], int | None]:
    """The places of the page's new rows, and how many rows before our end the page begins.

    None if the page does not join. If the count says that so many rows were added that the page
    ends before our first row, no row of it is for us.
    """
    seen: int | None = likely
    if likely < len(ours) + len(page):
        seen = _overlap(ours, page, likely)
    if seen is None:
        return _new_rows(ours, page), None
    return list(range(min(seen, len(page)), len(page))), seen


def _overlap(ours: list[Name], page: list[Name], likely: int) -> int | None:
    """How many rows before the end of ``ours`` the page begins; None if it does not join.

    Equal rows fit in several places. ``likely``, the place by the exchange's own count, is tried
    first; then the shortest, as if nothing had moved.
    """
    for many in (likely, *range(OVERLAP, len(ours) + len(page))):
        start = len(ours) - many  # below zero: the page begins before our first row
        shared = ours[max(start, 0) : max(start + len(page), 0)]
        if shared and shared == page[max(-start, 0) : many]:
            return many
    return None


def _new_rows(ours: list[Name], page: list[Name]) -> list[int]:
    """The places of new rows in a page that does not join because rows have changed places.

    Only rows with an identity can be compared in this way. If that is not sure: all of the page.
    """
    known = set(ours)
    sure = _all_identified(page) and len(known) == len(ours) and len(set(page)) == len(page)
    return [place for place, name in enumerate(page) if not sure or name not in known]


def _all_identified(names: list[Name]) -> bool:
    return all(isinstance(name, tuple) for name in names)


def _names(page: Rows) -> list[Name]:
    identity = _IDENTITY.get(getattr(page, "kind", ""), ("id",))
    return [_name(row, identity) for row in page]


def _name(row: Any, identity: tuple[str, ...]) -> Name:
    values = tuple(row.get(field) for field in identity) if isinstance(row, dict) else (None,)
    if None in values:
        return json.dumps(row, sort_keys=True, default=str)
    return values


def _total(page: Rows) -> int | None:
    """How many rows the exchange counts; None if it does not say."""
    text = str(getattr(page, "headers", {}).get("X-Total", ""))
    return int(text) if text.isdecimal() else None
