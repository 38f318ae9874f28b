"""Years of candles to Parquet files: ``download(bp, ["SOL_USDC"], "1m", "2025-01-01T00:00Z")``."""

from __future__ import annotations

import json
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from ..client import Client
from ..enums import KlineInterval
from ..errors import ApiError, InputError
from ..guard.rate_limit import notice
from ..results import Rows
from . import dataset
from .candles import Series, When, answer, ask, first_day, series_of, span_of
from .dataset import NAME, Facts, as_texts
from .movements import time_of
from .pages import progress_bar
from .parallel import in_order, threads_for
from .spans import (
    WIDTHS,
    Span,
    common,
    file_spans,
    floor,
    inside,
    joined,
    missing,
    on_grid,
    windows,
    without,
)
from .whole_pages import whole_page

SAVE_EVERY = 60.0  # seconds of work after which an unfinished file is written
YOUNG = timedelta(days=7)  # gaps that are asked for again
LONGEST = timedelta(days=31)  # a candle
_LOG = logging.getLogger("bpkit.history")
Row = dict[str, Any]


@dataclass
class Download:
    """What ``download`` did. ``folder``: the data set, for pandas, DuckDB, Dask or Spark to read.

    ``rows``: in the span, on the disk. ``requests``: windows of 1,000 candles that were asked for.
    ``notes``: what happened to files and markets, as sentences. ``changed``: candles that differ
    from those before (``refresh=True``).
    """

    folder: Path
    rows: int = 0
    requests: int = 0
    changed: int = 0
    notes: list[str] = field(default_factory=list)
    _gaps: list[Row] = field(default_factory=list)

    @property
    def gaps(self) -> Rows:
        """One row for each run of missing candles; ``end`` is exclusive.

        ``reason``: "exchange" (asked for twice, not there), "before listing", "not asked", "closed"
        (the market is). ``markets``: how many of the markets miss the same time; if all do, the
        exchange was down.
        """
        return answer(Rows(self._gaps), "candle_gaps")

    def __repr__(self) -> str:
        lines = [f"{self.rows:,} rows in {self.folder}, {self.requests:,} requests"]
        lost = Counter(row["reason"] for row in self._gaps)
        lines += [f"missing, {reason}: {count} runs, see .gaps" for reason, count in lost.items()]
        return "\n".join([*lines, *self.notes])


@dataclass
class _Part:
    """A file that is to be made or completed. ``new``: what has come and is not written yet."""

    series: Series
    path: Path
    table: Any
    facts: Facts
    windows: list[Span]
    new: list[Any] = field(default_factory=list)
    inexact: Counter[str] = field(default_factory=Counter)
    covered: list[Span] = field(default_factory=list)


def download(
    bp: Client,
    symbols: Sequence[str] | str,
    interval: KlineInterval,
    since: When,
    until: When | None = None,
    folder: str | os.PathLike[str] = "candles",
    *,
    exact: bool = False,
    refresh: bool = False,
    progress: bool = True,
) -> Download:
    """Candles of years to Parquet files (pyarrow): ``folder/1m/symbol=SOL_USDC/month=2026-01/...``

    Times: see ``candles``. ``until``: now, unless given. After an interrupt, a crash or a week, the
    same call goes on where it stopped: what is complete is not asked for again, a torn file is.
    One process at a time works on a folder. ``exact``: decimals with 18 places instead of float64.
    ``refresh``: ask for all of the span again. ``progress``: say at the start how long it takes,
    and show a bar.

    Columns: ``start``, ``end`` (exclusive), ``open``, ``high``, ``low``, ``close`` (null without a
    trade), ``volume``, ``quoteVolume``, ``trades``. At the end the files are read and checked.

    Raises InputError, MissingExtraError, TransportError (what has come until then is kept), and
    what ``get_klines`` raises. Docs: Markets, Get K-lines.
    """
    names = [symbols] if isinstance(symbols, str) else list(dict.fromkeys(symbols))
    if not names:
        raise InputError("symbols", symbols, 'is empty; name markets, such as ["SOL_USDC"]')
    wanted = span_of(interval, since, until)
    made = Download(Path(folder) / interval)
    with dataset.locked(made.folder):
        begun = _begin(bp, names, interval, wanted, made)
        parts = [part for one in begun.values() for part in _plan(one, exact, refresh, made)]
        asked = sum(len(part.windows) for part in parts)
        if progress and asked:
            _announce(bp, begun, interval, asked)
        limit = bp._transport.rate_limit
        bar = progress_bar("download", " requests", limit.history if limit else None)
        with bar if progress else nullcontext() as report:
            _work(bp, parts, refresh, made, report and (lambda done: report(done, asked)))
        _verify(begun, wanted, made)
    return made


def _begin(
    bp: Client, symbols: list[str], interval: str, wanted: Span, made: Download
) -> dict[str, Series]:
    """Symbol -> what there is to ask for. A market that is closed has nothing."""
    found: dict[str, Series] = {}
    now = datetime.now(UTC)
    for symbol in symbols:
        try:
            series = series_of(bp, symbol, interval, *_as_given(wanted))
        except ApiError as error:
            if error.status not in (400, 404) or not _folder(made, symbol).exists():
                raise
            made.notes.append(f"{symbol} is closed: what is in its folder stays.")
            found[symbol] = Series(bp, symbol, interval, Span(wanted.start, wanted.start), now)
            continue
        now = series.now
        if wanted.end > now and wanted.end.year < 9000:
            made.notes.append(f"{symbol}: until {series.span.end:%Y-%m-%d %H:%M} UTC, now.")
        begin = min(first_day(series), series.span.end)
        found[symbol] = replace(series, span=Span(begin, series.span.end))
    return found


def _as_given(span: Span) -> tuple[datetime, datetime | None]:
    return span.start, None if span.end.year == 9000 else span.end


def _folder(made: Download, symbol: str) -> Path:
    return made.folder / f"symbol={symbol}"


def _plan(series: Series, exact: bool, refresh: bool, made: Download) -> Iterator[_Part]:
    """The files of a span that are not complete, and what to ask for each."""
    for name, wanted in file_spans(series.interval, *series.span):
        path = _folder(made, series.symbol) / name / NAME
        table, facts = _known(path, series, exact, made)
        spans = [wanted] if refresh else _open_spans(facts, wanted, series)
        if refresh:
            facts.inexact = {}
        if asked := [one for span in spans for one in windows(series.interval, *span)]:
            yield _Part(series, path, table, facts, asked)


def _open_spans(facts: Facts, wanted: Span, series: Series) -> list[Span]:
    """What of a file is still to be asked for: what never was, and gaps of the last days."""
    done = [] if not facts.asked else facts.spans
    if not on_grid(series.interval) and time_of(facts.asked_at) < wanted.end + LONGEST:
        return [wanted]  # the last candle may have been running; this is one request
    gaps = (Span(time_of(start), time_of(end)) for start, end in facts.gaps)
    young = [gap for gap in gaps if gap.end > series.now - YOUNG]
    return joined([*without(wanted, done), *common(wanted, young)])


def _known(path: Path, series: Series, exact: bool, made: Download) -> tuple[Any, Facts]:
    """What is in a file. One that is faulty is set aside, and noted. Raises InputError."""
    new = Facts(source(series.bp), series.symbol, series.interval, exact, series.now.isoformat())
    if path.exists():
        table, facts = dataset.read(path) or (None, new)
        if table is not None and not dataset.fault_of(table, facts):
            if facts.url != new.url:
                remedy = f"has candles of {facts.url}; choose another folder for {new.url}"
                raise InputError("folder", str(made.folder), remedy)
            if facts.exact != exact:
                remedy = f"{made.folder} has exact={facts.exact}; choose another folder"
                raise InputError("exact", exact, remedy)
            if (facts.symbol, facts.interval) == (series.symbol, series.interval):
                return table, facts
        aside = dataset.set_aside(path)
        made.notes.append(f"{path} was torn or altered: it is {aside.name} now.")
    return dataset.table_of([], exact), new


def source(bp: Client) -> str:
    """Where rows come from. A sandbox has another port each time."""
    return "a sandbox" if bp._transport.loopback else bp.url


def _announce(bp: Client, begun: dict[str, Series], interval: str, asked: int) -> None:
    first = min(one.span.start for one in begun.values())
    last = max(one.span.end for one in begun.values())
    markets = next(iter(begun)) if len(begun) == 1 else f"{len(begun)} symbols"
    text = f"{markets}, {interval}, {first:%Y-%m-%d} to {last:%Y-%m-%d}: {asked:,} requests"
    if (limit := bp._transport.rate_limit) is not None:
        text += f"; at {limit.history} a minute {-(-asked // limit.history):,} minutes"
    _LOG.info(text)
    notice(f"bpkit: {text}")


# --- the work -------------------------------------------------------------------------------------


def _work(
    bp: Client,
    parts: list[_Part],
    refresh: bool,
    made: Download,
    report: Callable[[int], object] | None,
) -> None:
    """Ask for all windows, many at once, and write each file when its last one has come."""
    jobs = [(part, window) for part in parts for window in part.windows]
    left = Counter({id(part): len(part.windows) for part in parts})
    saved, unsaved = time.monotonic(), None
    try:
        for (part, window), (table, inexact) in in_order(_fetch, jobs, threads_for(bp)):
            part.new.append(table)
            part.inexact += inexact
            part.covered.append(window)
            made.requests += 1
            left[id(part)] -= 1
            unsaved = part
            if report:
                report(made.requests)
            if not left[id(part)] or time.monotonic() - saved > SAVE_EVERY:
                _save(part, refresh, made)
                saved, unsaved = time.monotonic(), None
    finally:
        if unsaved is not None:
            _save(unsaved, refresh, made)


def _fetch(job: tuple[_Part, Span]) -> tuple[Any, Counter[str]]:
    """The candles of a window as a table: the rows themselves need ten times the memory."""
    part, window = job
    pages = ask(part.series, window, partial(whole_page, interval=part.series.interval))
    return dataset.table_of(pages, part.facts.exact), sum(
        (page.inexact for page in pages), Counter()
    )


def _save(part: _Part, refresh: bool, made: Download) -> None:
    """Write the file with what has come."""
    facts, series = part.facts, part.series
    table = dataset.merge(part.table, part.new, part.covered)
    if refresh and facts.asked:
        made.changed += dataset.changed(part.table, table)
    if not facts.exact:
        facts.inexact = dict(part.inexact + Counter(facts.inexact))
    spans = joined([*facts.spans, *part.covered])
    gaps = [gap for one in spans for gap in missing(*dataset.times(table), series.interval, one)]
    facts.asked, facts.gaps, facts.asked_at = (
        as_texts(spans), as_texts(gaps), series.now.isoformat(),
    )  # fmt: skip
    facts.requests += len(part.covered)
    dataset.write(part.path, table, facts)
    part.table, part.new, part.covered = table, [], []
    part.inexact.clear()


# --- afterwards -----------------------------------------------------------------------------------


def _verify(begun: dict[str, Series], wanted: Span, made: Download) -> None:
    """Read what is on the disk: count it, and list what is missing. Writes the summary."""
    summary, inexact = [], Counter[str]()
    for symbol, series in begun.items():
        closed = series.span.start == series.span.end == wanted.start
        end = floor(series.interval, min(wanted.end, series.now)) if closed else series.span.end
        other = "closed" if closed else "not asked"
        runs = [("before listing", Span(wanted.start, series.span.start))]
        for name, span in file_spans(series.interval, series.span.start, end):
            path = _folder(made, symbol) / name / NAME
            found = dataset.read(path) if path.exists() else None
            if found is None or dataset.fault_of(*found):
                runs.append((other, span))
                continue
            table, facts = found
            starts, ends = dataset.times(table)
            runs += [(other, one) for one in without(span, facts.spans)]
            for one in common(span, facts.spans):
                runs += [("exchange", gap) for gap in missing(starts, ends, series.interval, one)]
                made.rows += int(inside(starts, one).sum())
            inexact += Counter(facts.inexact)
            summary.append({"file": str(path.relative_to(made.folder)), **asdict(facts)})
        made._gaps += _rows_of(series, runs)
    same = Counter((row["start"], row["end"]) for row in made._gaps)
    for row in made._gaps:
        row["markets"] = same[row["start"], row["end"]]
    for column, count in inexact.items():
        made.notes.append(f"float64 cannot hold {count} numbers of {column}; exact=True can.")
    with suppress(OSError):  # for people and other programs; nothing depends on it
        (made.folder / "_manifest.json").write_text(json.dumps(summary, indent=1) + "\n", "utf-8")


def _rows_of(series: Series, runs: list[tuple[str, Span]]) -> list[Row]:
    """One row for each run of missing candles, though it may go on in the next file."""
    found: list[tuple[str, Span]] = []
    for reason, span in sorted(runs, key=lambda run: run[1]):
        before, last = found[-1] if found else ("", span)
        goes_on = before == reason or (before, reason) == ("before listing", "exchange")
        if goes_on and last.end == span.start:
            found.pop()
            reason, span = before, Span(last.start, span.end)
        if span.start < span.end:
            found.append((reason, span))
    return [_gap(series, reason, span) for reason, span in found]


def _gap(series: Series, reason: str, span: Span) -> Row:
    width = WIDTHS[series.interval]
    return {
        "symbol": series.symbol, "interval": series.interval, "start": span.start.isoformat(),
        "end": span.end.isoformat(), "reason": reason, "markets": 1,
        "candles": (span.end - span.start) // width if on_grid(series.interval) else None,
        "askedAt": None if reason in ("not asked", "closed") else series.now.isoformat(),
    }  # fmt: skip
