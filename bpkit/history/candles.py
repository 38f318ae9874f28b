"""Candles of any span, each once: ``candles(bp, "SOL_USDC", "1m", since="2026-01-01T00:00Z")``."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import compress
from typing import Any, NamedTuple, get_args

from ..client import Client
from ..enums import KlineInterval
from ..errors import ApiError, InputError, TransportError
from ..frames import iso_times, numbers_and_exact
from ..operations import Operation
from ..results import Rows, read_reply
from ..serialize import milliseconds
from .parallel import in_order, threads_for
from .spans import (
    EPOCH,
    WIDTHS,
    Span,
    ceiling,
    floor,
    inside,
    microseconds,
    missing,
    moment,
    on_grid,
    windows,
)

FINAL_AFTER = timedelta(minutes=2)  # the exchange's caches keep candles for a minute
TRIES, BACKOFF = 5, 0.5  # of a request without a usable answer; seconds, doubled each time
REFUSED = 15.0  # seconds to wait after 429 without Retry-After; four such waits are a minute
DIGITS = 15  # float64 holds every number with so many
MONEY = ("open", "high", "low", "close", "volume", "quoteVolume")
Row = dict[str, Any]
When = datetime | str | int


class Candles(Rows):
    """Candles as an answer, with ``.gaps``: the candles that the exchange does not have."""

    interval: str
    span: Span

    @property
    def gaps(self) -> Rows:
        """``start`` and ``end`` (exclusive) of each run of missing candles."""
        starts, ends = (iso_times([row[name] for row in self]).asi8 for name in ("start", "end"))
        found = missing(starts, ends, self.interval, self.span)
        rows = [{"start": one.start.isoformat(), "end": one.end.isoformat()} for one in found]
        return answer(Rows(rows), "candle_gaps")


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
    series = series_of(bp, symbol, interval, since, until)
    begin = first_day(series)
    found: list[Row] = []
    asked = windows(interval, begin, series.span.end)
    for _, pages in in_order(partial(ask, series), asked, threads_for(bp)):
        for page in pages:
            found += page.rows
    made: Candles = answer(Candles(found), "klines")
    made.interval, made.span = interval, series.span
    return made


@dataclass(frozen=True)
class Series:
    """The candles that are wanted. ``now``: the engine's time when the work began."""

    bp: Client
    symbol: str
    interval: str
    span: Span
    now: datetime


def series_of(
    bp: Client, symbol: str, interval: str, since: When, until: When | None = None
) -> Series:
    """The candles of a market that are wanted and final. Raises InputError."""
    span = span_of(interval, since, until)
    # The engine makes candles by its own time, which is in the answer of a book.
    now = EPOCH + timedelta(microseconds=bp.get_depth(symbol, limit=5)["timestamp"])
    end = min(span.end, now - FINAL_AFTER)
    end = floor(interval, end) if on_grid(interval) else end
    return Series(bp, symbol, interval, Span(span.start, max(span.start, end)), now)


def span_of(interval: str, since: When, until: When | None) -> Span:
    """The span that is wanted; it ends in the year 9000 if ``until`` is None. Raises InputError."""
    if interval not in WIDTHS:
        raise InputError(
            "interval", interval, f"is not one of {', '.join(get_args(KlineInterval))}"
        )
    start, end = _instant("since", since), EPOCH.replace(year=9000)
    if until is not None:
        end = _instant("until", until)
        if end <= start:
            raise InputError("until", str(until), f"is not after {start.isoformat()}")
    return Span(ceiling(interval, start) if on_grid(interval) else start, end)


def _instant(field: str, when: When) -> datetime:
    return EPOCH + timedelta(milliseconds=milliseconds(field, when) or 0)


def first_day(series: Series) -> datetime:
    """The day on which the candles begin, or the start of the span. Days before need no request.

    A market's ``createdAt`` is not its first trade, so daily candles are asked for.
    """
    span = series.span
    if next(windows(series.interval, *span), span) == span:
        return span.start  # one request has all
    days = replace(series, interval="1d")
    for window in windows("1d", floor("1d", span.start), floor("1d", span.end)):
        for page in ask(days, window):
            return max(span.start, moment(page.starts[0]))
    return max(span.start, floor("1d", span.end))  # the candle of the last day may still run


# --- ask for a window -----------------------------------------------------------------------------


class Page(NamedTuple):
    """Candles, oldest first: the rows as they came, and their columns as arrays.

    ``rows``: a list, or a ``Shortcut``'s table of texts. ``starts``, ``ends``: microseconds.
    ``money``: float64, NaN for null. ``inexact``: how many numbers of a column float64 cannot hold.
    """

    rows: Any
    starts: Any
    ends: Any
    money: dict[str, Any]
    trades: Any
    inexact: Counter[str]

    def texts(self, name: str) -> list[Any]:
        """A column of the rows, as it came."""
        if isinstance(self.rows, list):
            return [row[name] for row in self.rows]
        made: list[Any] = self.rows[name].to_pylist()
        return made


# Makes a page of the content of an answer and the window; None: the content needs more care.
Shortcut = Callable[[bytes, Span], Page | None]


def ask(series: Series, window: Span, shortcut: Shortcut | None = None) -> list[Page]:
    """The candles of a window that are final, oldest first. Raises TransportError.

    A missing tail is asked for again: the server may give fewer than 1,000.
    """
    found: list[Page] = []
    start, empty = window.start, 0
    while start < window.end and empty < 2:
        page = _page(series, Span(start, window.end), shortcut)
        if page is None:
            empty += 1
        else:
            found.append(page)
            start, empty = moment(page.ends[-1]), 0
    return found


def _page(series: Series, window: Span, shortcut: Shortcut | None) -> Page | None:
    """What is in the window of one answer. It is asked for again if it cannot be right."""
    for _ in range(2):
        rows = _patiently(series, window, shortcut)
        if isinstance(rows, Page):
            return rows
        try:
            _check_age(rows.headers.get("Age", "0"), series, window)
            return _inside(_parsed(rows, series.interval), window, series) if rows else None
        except ValueError as error:
            fault = str(error)
        except (KeyError, TypeError):
            fault = "the answer is not a list of candles"
    shown = f"{list(rows)}"[:200]
    raise TransportError("get_klines", f"{fault}: {shown}", sent=True, mutates=False)


def _patiently(series: Series, window: Span, shortcut: Shortcut | None) -> Rows | Page:
    """The answer; an error that may pass is waited for, up to five times."""

    def read(
        operation: Operation, sent: Any, status: int, headers: Mapping[str, str], content: bytes
    ) -> Any:
        page = shortcut(content, window) if shortcut and headers.get("Age", "0") == "0" else None
        return page or read_reply(operation, sent, status, headers, content)

    asked = {
        "symbol": series.symbol, "interval": series.interval,
        "start_time": window.start, "end_time": window.end,
    }  # fmt: skip
    for attempt in range(TRIES):
        wait = BACKOFF * 2**attempt
        try:
            return series.bp._call("get_klines", asked, read)
        except ApiError as error:
            if (error.status < 500 and error.status != 429) or attempt == TRIES - 1:
                raise
            wait = (error.retry_after or REFUSED) if error.status == 429 else wait
        except TransportError:
            if attempt == TRIES - 1:
                raise
        time.sleep(wait)
    raise AssertionError  # the last attempt returns or raises


def _parsed(rows: Rows, interval: str) -> Page:
    """The columns of an answer. Raises ValueError if the candles cannot be right."""
    starts, ends = _times(*([row[name] for row in rows] for name in ("start", "end")))
    page = Page(rows, starts, ends, *_numbers(rows))
    if fault := fault_of(page, interval):
        raise ValueError(fault)
    return page


def fault_of(page: Page, interval: str) -> str:
    """Why the candles cannot be right; "" if they can."""
    _, starts, ends, money, *_ = page
    low, high = money["low"], money["high"]
    width = microseconds(EPOCH + WIDTHS[interval])
    wrong = {
        "ends before it begins": starts >= ends,
        # A comparison with NaN, which is null, is false.
        "has a low above another price": (low > money["open"]) | (low > money["close"]),
        "has a high below another price": (high < money["open"]) | (high < money["close"]),
    }
    if on_grid(interval):
        wrong[f"does not begin at a multiple of {interval}"] = starts % width != 0
        wrong[f"is not {interval} long"] = ends - starts != width
    for what, where in wrong.items():
        if where.any():
            return f"the candle of {moment(starts[where.argmax()])} {what}"
    early = starts[1:] < ends[:-1]
    if early.any():
        return f"the candles are not in order at {moment(starts[early.argmax() + 1])}"
    return ""


def _times(starts: list[str], ends: list[str]) -> tuple[Any, Any]:
    """Both in microseconds. Mostly each candle begins where the one before ends."""
    if starts[1:] == ends[:-1]:
        every = iso_times([*starts, ends[-1]]).asi8
        return every[:-1], every[1:]
    return iso_times(starts).asi8, iso_times(ends).asi8


def _numbers(rows: Rows) -> tuple[dict[str, Any], Any, Counter[str]]:
    """All money, converted at once; the trades; and how many numbers float64 cannot hold."""
    names = (*MONEY, "trades")
    values = [row[name] for name in names for row in rows]
    made, exact = numbers_and_exact(values)
    inexact = Counter[str]()
    if not exact:
        if (abs(made) < float("inf")).sum() != len(values) - values.count(None):
            raise ValueError("a candle has a number that is not finite")
        inexact.update(name for name in MONEY for row in rows if is_inexact(row[name]))
    length = len(rows)
    columns = {name: made[place * length :][:length] for place, name in enumerate(names)}
    return columns, columns.pop("trades").astype("int64"), inexact


def is_inexact(text: str | None) -> bool:
    """Is there no float64 that is this number?"""
    return len(text or "") > DIGITS and Decimal(repr(float(text or ""))) != Decimal(text or "")


def _check_age(age: str, series: Series, window: Span) -> None:
    """Raises ValueError if the answer was made before the last candles of the window were final."""
    old = timedelta(seconds=int(age)) if age.isdigit() else timedelta(0)
    if old and window.end > series.now - FINAL_AFTER - old:
        raise ValueError(f"a cache has kept the answer for {age} seconds")


def _inside(page: Page, window: Span, series: Series) -> Page | None:
    """The candles that begin in the window and end in the wanted span."""
    keep = inside(page.starts, window) & (page.ends <= microseconds(series.span.end))
    if keep.all():
        return page
    if not keep.any():
        return None
    money = {name: values[keep] for name, values in page.money.items()}
    rows = [*compress(page.rows, keep)]
    return Page(rows, page.starts[keep], page.ends[keep], money, page.trades[keep], page.inexact)


def answer(made: Any, kind: str) -> Any:
    """Rows as an answer of this kind."""
    made.kind, made.status, made.headers = kind, 200, {}
    return made
