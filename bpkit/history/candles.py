"""Candles of any span, each once: ``candles(bp, "SOL_USDC", "1m", since="2026-01-01T00:00Z")``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, get_args

from ..client import Client
from ..enums import KlineInterval
from ..errors import InputError, TransportError
from ..results import Rows
from ..serialize import milliseconds
from .movements import time_of
from .spans import DAY, EPOCH, WIDTHS, Span, ceiling, floor, on_grid, windows

AT_ONCE = 16  # requests
FINAL_AFTER = timedelta(minutes=2)  # the exchange's caches keep candles for a minute
Row = dict[str, Any]
When = datetime | str | int


class Candles(Rows):
    """Candles as an answer, with ``.gaps``: the candles that the exchange does not have."""

    interval: str
    span: Span

    @property
    def gaps(self) -> Rows:
        """``start`` and ``end`` (exclusive) of each run of missing candles."""
        found = missing(self, self.interval, self.span)
        rows = [{"start": _iso(one.start), "end": _iso(one.end)} for one in found]
        return _answer(Rows(rows), "candle_gaps")


def candles(
    bp: Client, symbol: str, interval: KlineInterval, since: When, until: When | None = None
) -> Candles:
    """Every candle from ``since`` to ``until`` (exclusive), once, oldest first.

    Times: aware datetimes, ISO texts with a zone, or Unix milliseconds. ``until``: now, unless
    given. A candle is there when it has ended two minutes ago by the exchange's time; it cannot
    change any more. What the exchange does not have is in ``.gaps``. The live exchange allows 30
    requests a minute, of 1,000 candles each.

    Raises InputError, TransportError for candles that cannot be right, and what ``get_klines``
    raises. Docs: Markets, Get K-lines.
    """
    span = span_of(bp, symbol, interval, since, until)
    begin = first_day(bp, symbol, interval, span)
    found: list[Row] = []
    with ThreadPoolExecutor(AT_ONCE, "bpkit candles") as pool:
        for rows in pool.map(
            lambda window: ask(bp, symbol, interval, window, span.end),
            windows(interval, begin, span.end),
        ):
            found += rows
    made: Candles = _answer(Candles(found), "klines")
    made.interval, made.span = interval, span
    return made


def first_day(bp: Client, symbol: str, interval: str, span: Span) -> datetime:
    """The day on which the candles begin, or the start of the span. Days before need no request.

    A market's ``createdAt`` is not its first trade, so daily candles are asked for.
    """
    if next(windows(interval, *span), span) == span:
        return span.start  # one request has all
    for window in windows("1d", floor("1d", span.start), span.end):
        rows = bp.get_klines(symbol, "1d", window.start, window.end)
        if rows:
            return max(span.start, time_of(rows[0]["start"]))
    return max(span.start, floor("1d", span.end))  # the candle of the last day may still run


def span_of(bp: Client, symbol: str, interval: str, since: When, until: When | None) -> Span:
    """The span of the candles that are final and wanted. Raises InputError."""
    if interval not in WIDTHS:
        raise InputError(
            "interval", interval, f"is not one of {', '.join(get_args(KlineInterval))}"
        )
    start, end = instant("since", since), engine_time(bp, symbol) - FINAL_AFTER
    if until is not None:
        given = instant("until", until)
        if given <= start:
            raise InputError("until", str(until), f"is not after {start.isoformat()}")
        end = min(given, end)
    first = ceiling(interval, start) if on_grid(interval) else floor(interval, start)
    return Span(first, max(first, floor(interval, end)))


def engine_time(bp: Client, symbol: str) -> datetime:
    """The engine's time, by which candles are made. It is in the answer of a book."""
    return EPOCH + timedelta(microseconds=bp.get_depth(symbol, limit=5)["timestamp"])


def instant(field: str, when: When) -> datetime:
    """A time in UTC. Raises InputError."""
    return EPOCH + timedelta(milliseconds=milliseconds(field, when) or 0)


def ask(bp: Client, symbol: str, interval: str, window: Span, final: datetime) -> list[Row]:
    """The candles of a window that have ended by ``final``, oldest first. Raises TransportError.

    A missing tail is asked for again: the server may give fewer than 1,000.
    """
    found: dict[datetime, Row] = {}
    start, empty = window.start, 0
    while start < window.end and empty < 2:
        rows = [row for row in _page(bp, symbol, interval, start, window.end) if row["end"]]
        new = {time_of(row["start"]): row for row in rows}
        new = {at: row for at, row in new.items() if start <= at < window.end}
        found |= new
        last = max((time_of(row["end"]) for row in new.values()), default=start)
        empty, start = (empty + 1, start) if last <= start else (0, last)
    return [found[at] for at in sorted(found) if time_of(found[at]["end"]) <= final]


def _page(bp: Client, symbol: str, interval: str, start: datetime, end: datetime) -> list[Row]:
    """One answer, asked for again if it cannot be right, or if a cache kept it for too long."""
    for _ in range(2):
        rows = bp.get_klines(symbol, interval, start, end)  # type: ignore[arg-type]
        age = rows.headers.get("Age", "0")
        fault = _fault(rows, interval)
        if not fault and age.isdigit() and timedelta(seconds=int(age)) <= FINAL_AFTER:
            return list(rows)
        fault = fault or f"a cache has kept it for {age} seconds"
    shown = f"{list(rows)}"[:200]
    raise TransportError("get_klines", f"{fault}: {shown}", sent=True, mutates=False)


def _fault(rows: Iterable[Row], interval: str) -> str:
    """Why candles cannot be right; "" if they can."""
    before: datetime | None = None
    for row in rows:
        try:
            start = time_of(row["start"])
            prices = [row[name] for name in ("low", "open", "close", "high")]
            known = [Decimal(price) for price in prices if price is not None]
        except (KeyError, TypeError, ValueError, InvalidOperation):
            return "a candle has no start, or a price that is not a number"
        if before is not None and start <= before:
            return f"the candles are not in order at {row['start']}"
        if on_grid(interval) and floor(interval, start) != start:
            return f"the candle of {row['start']} does not begin at a multiple of {interval}"
        if known and not known[0] == min(known) <= max(known) == known[-1]:
            return f"the candle of {row['start']} has prices outside of its low and high"
        before = start
    return ""


def missing(rows: Iterable[Row], interval: str, span: Span) -> Iterator[Span]:
    """The runs of missing candles in a span. A candle that is only partly in it is not missing."""
    least = timedelta(0) if on_grid(interval) else WIDTHS[interval] + 3 * DAY  # a month has 31
    end, first = span.start, True
    for row in rows:
        start = time_of(row["start"])
        if start > end and not (first and start - end < least):
            yield Span(end, start)
        end, first = max(end, time_of(row["end"])), False
    if end < span.end and span.end - end >= least:
        yield Span(end, span.end)


def _answer(made: Any, kind: str) -> Any:
    made.kind, made.status, made.headers = kind, 0, {}
    return made


def _iso(when: datetime) -> str:
    return when.replace(tzinfo=None).isoformat(sep=" ")
