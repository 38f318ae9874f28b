"""Years of candles to Parquet files: ``download(bp, ["SOL_USDC"], "1m", "2025-01-01T00:00Z")``."""

from __future__ import annotations

import json
import logging
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from ..client import Client
from ..enums import KlineInterval
from ..errors import ApiError, InputError, TransportError
from ..guard.file_lock import Held, lock
from ..guard.rate_limit import notice
from ..results import Rows
from . import dataset
from .candles import AT_ONCE, When, ask, first_day, missing, span_of
from .dataset import NAME, Facts
from .movements import time_of
from .pages import progress_bar
from .spans import WIDTHS, Span, file_spans, on_grid, windows

AHEAD = 2 * AT_ONCE  # requests that are sent before their answers are needed
SAVE_EVERY = 60.0  # seconds of work after which an unfinished file is written
YOUNG = timedelta(days=7)  # gaps that are asked for again
TRIES, BACKOFF = 5, 0.5  # of a request that has no usable answer; seconds, doubled each time
_LOG = logging.getLogger("bpkit.history")
Row = dict[str, Any]


@dataclass
class Download:
    """What ``download`` did. ``folder``: the data set, for pandas, DuckDB, Dask or Spark to read.

    ``rows``: in the files of the span. ``requests``: that were needed. ``notes``: what happened to
    files and markets, as sentences. ``changed``: rows that differ from before (``refresh=True``).
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

        ``reason``: "exchange" (asked for twice, not there), "before listing", "not asked".
        ``markets``: how many of the markets miss the same time; if all do, the exchange was down.
        """
        made = Rows(self._gaps)
        made.kind, made.status, made.headers = "candle_gaps", 0, {}
        return made

    def __repr__(self) -> str:
        told = f"{self.rows:,} candles in {self.folder}, {self.requests} requests"
        lost = sum(row["candles"] or 0 for row in self._gaps if row["reason"] == "exchange")
        lines = [told, f"the exchange does not have {lost:,} candles; see .gaps" if lost else ""]
        return "\n".join(filter(None, [*lines, *self.notes]))


@dataclass
class _Part:
    """A file that is to be made or completed."""

    symbol: str
    path: Path
    span: Span
    rows: dict[str, Row]
    covered: list[Span]
    windows: list[Span]
    keep: Span | None = None  # what the file has already
    requests: int = 0


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
    same call goes on where it stopped: what is complete is not asked for again, a torn file is
    asked for anew. One process at a time works on a folder. ``exact``: decimals with 18 places
    instead of float64. ``refresh``: ask for all of the span again. ``progress``: say at the start
    how long it takes, and show a bar.

    Columns: ``start``, ``end`` (exclusive), ``open``, ``high``, ``low``, ``close`` (null without a
    trade), ``volume``, ``quoteVolume``, ``trades``. At the end the files are read and checked.

    Raises InputError, MissingExtraError, TransportError (what has come until then is kept), and
    what ``get_klines`` raises. Docs: Markets, Get K-lines.
    """
    names = [symbols] if isinstance(symbols, str) else list(dict.fromkeys(symbols))
    if not names:
        raise InputError("symbols", symbols, 'is empty; name markets, such as ["SOL_USDC"]')
    root = Path(folder) / interval
    made = Download(root)
    spans = _spans(bp, names, interval, since, until, made)
    with _locked(root):
        dataset.remove_drafts(root)
        parts = [
            part
            for symbol, span in spans.items()
            for part in _plan(root, symbol, interval, span, exact, refresh, made)
        ]
        wanted = sum(len(part.windows) for part in parts)
        if progress and wanted:
            _announce(bp, spans, interval, wanted)
        with progress_bar("download", " requests") if progress else nullcontext() as report:
            _work(bp, parts, interval, exact, made, report and (lambda n: report(n, wanted)))
        _verify(root, spans, interval, exact, made)
    return made


def _spans(
    bp: Client, symbols: list[str], interval: str, since: When, until: When | None, made: Download
) -> dict[str, Span]:
    """Symbol -> what there is to ask for. A market that is closed is noted, and left out."""
    found = {}
    for symbol in symbols:
        try:
            span = span_of(bp, symbol, interval, since, until)
        except ApiError as error:
            if error.status != 404:
                raise
            made.notes.append(f"{symbol} is closed: what is in its folder stays.")
            continue
        begin = first_day(bp, symbol, interval, span)
        if begin > span.start:
            made._gaps.append(_gap(symbol, interval, Span(span.start, begin), "before listing"))
        found[symbol] = Span(begin, span.end)
    return found


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    root.mkdir(parents=True, exist_ok=True)
    try:
        handle = lock(str(root / "_lock"))
    except Held as held:
        remedy = f"is in use: {held}. Wait for it, or choose another folder"
        raise InputError("folder", str(root), remedy) from None
    try:
        yield
    finally:
        os.close(handle)


def _plan(
    root: Path,
    symbol: str,
    interval: str,
    span: Span,
    exact: bool,
    refresh: bool,
    made: Download,
) -> Iterator[_Part]:
    """The files of a span that are not complete, and what to ask for each."""
    for name, wanted in file_spans(interval, *span):
        path = root / f"symbol={symbol}" / name / NAME
        facts = _facts(path, symbol, interval, exact, made)
        if facts is None:
            yield _Part(symbol, path, wanted, {}, [], list(windows(interval, *wanted)))
            continue
        have = facts.span
        now = datetime.now(UTC)
        gaps = (Span(*map(time_of, gap)) for gap in facts.gaps)
        spans = [Span(wanted.start, have.start), Span(have.end, wanted.end)]
        spans += [gap for gap in gaps if gap.end > max(wanted.end, now) - YOUNG]
        spans = [wanted] if refresh else spans
        if asked := [one for each in spans for one in windows(interval, *each)]:
            rows = {row["start"]: row for row in dataset.read(path)}
            yield _Part(symbol, path, wanted, rows, [have], asked, have, facts.requests)


def _facts(path: Path, symbol: str, interval: str, exact: bool, made: Download) -> Facts | None:
    """What a file says about itself. One that is faulty is set aside, and noted."""
    if not path.exists():
        return None
    facts = dataset.facts_of(path)
    known = facts is not None and (facts.symbol, facts.interval) == (symbol, interval)
    if known and facts is not None and not dataset.fault_of(path, facts, exact):
        return facts
    aside = path.with_name(f"_bad-{int(time.time())}-{path.name}")
    path.rename(aside)
    made.notes.append(f"{path} was torn, altered, or had other columns: it is {aside.name} now.")
    return None


def _announce(bp: Client, spans: dict[str, Span], interval: str, wanted: int) -> None:
    first, last = min(one.start for one in spans.values()), max(one.end for one in spans.values())
    text = (
        f"{', '.join(spans)}: {interval}, {first:%Y-%m-%d} to {last:%Y-%m-%d}: {wanted:,} requests"
    )
    if (limit := bp._transport.rate_limit) is not None:
        minutes = -(-wanted // limit.history)
        text += f"; at {limit.history} a minute {minutes:,} minutes"
    _LOG.info(text)
    notice(f"bpkit: {text}")


# --- the work -------------------------------------------------------------------------------------


def _work(
    bp: Client,
    parts: list[_Part],
    interval: str,
    exact: bool,
    made: Download,
    report: Callable[[int], object] | None,
) -> None:
    """Ask for all windows, many at once, and write each file when its last one has come."""
    queue = ((part, window) for part in parts for window in part.windows)
    waiting: deque[tuple[_Part, Span, Future[list[Row]]]] = deque()
    pool = ThreadPoolExecutor(AT_ONCE, "bpkit download")
    part, saved = None, time.monotonic()

    def send(count: int) -> None:
        for one, window in islice(queue, count):
            job = pool.submit(_patiently, bp, one.symbol, interval, window, one.span.end)
            waiting.append((one, window, job))

    try:
        send(AHEAD)
        while waiting:
            part, window, job = waiting[0]
            rows = job.result()
            waiting.popleft()
            send(1)
            _take(part, window, rows, made)
            if report:
                report(made.requests)
            last = not waiting or waiting[0][0] is not part
            if last or time.monotonic() - saved > SAVE_EVERY:
                _save(bp, part, interval, exact)
                part, saved = None if last else part, time.monotonic()
    finally:
        for *_, job in waiting:
            job.cancel()
        pool.shutdown(wait=True, cancel_futures=True)
        if part is not None and part.covered:
            _save(bp, part, interval, exact)


def _patiently(bp: Client, symbol: str, interval: str, window: Span, final: datetime) -> list[Row]:
    for attempt in range(TRIES):
        try:
            return ask(bp, symbol, interval, window, final)
        except (TransportError, ApiError) as error:
            lasting = isinstance(error, ApiError) and error.status < 500
            if lasting or attempt == TRIES - 1:
                raise
        time.sleep(BACKOFF * 2**attempt)
    raise AssertionError("unreachable")


def _take(part: _Part, window: Span, rows: list[Row], made: Download) -> None:
    for row in rows:
        old = part.rows.get(row["start"])
        made.changed += old is not None and _values(old) != _values(row)
        part.rows[row["start"]] = row
    part.covered.append(window)
    part.requests += 1
    made.requests += 1


def _values(row: Row) -> list[float | None]:
    names = ("open", "high", "low", "close", "volume", "quoteVolume")
    return [None if row[name] is None else float(row[name]) for name in names]


def _save(bp: Client, part: _Part, interval: str, exact: bool) -> None:
    """Write the file, with the rows of one span without holes in what was asked for."""
    span = _block(part.covered, part.keep)
    rows = [part.rows[start] for start in sorted(part.rows)]
    rows = [row for row in rows if span.start <= time_of(row["start"]) < span.end]
    gaps = [[one.start.isoformat(), one.end.isoformat()] for one in missing(rows, interval, span)]
    facts = Facts(
        bp.url, part.symbol, interval, span.start.isoformat(), span.end.isoformat(),
        span.end >= part.span.end, datetime.now(UTC).isoformat(timespec="seconds"), gaps=gaps,
        requests=part.requests,
    )  # fmt: skip
    dataset.write(part.path, rows, facts, exact)


def _block(covered: list[Span], keep: Span | None) -> Span:
    """The joined span that holds what the file had before, or else the first one."""
    joined: list[Span] = []
    for one in sorted(covered):
        if joined and one.start <= joined[-1].end:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, one.end))
        else:
            joined.append(one)
    for one in joined:
        if keep is not None and one.start <= keep.start and keep.end <= one.end:
            return one
    return joined[0]


# --- afterwards -----------------------------------------------------------------------------------


def _verify(root: Path, spans: dict[str, Span], interval: str, exact: bool, made: Download) -> None:
    """Read what is on the disk: count it, and list what is missing. Writes the summary."""
    summary = []
    for symbol, span in spans.items():
        end = span.start
        for name, _ in file_spans(interval, *span):
            path = root / f"symbol={symbol}" / name / NAME
            facts = dataset.facts_of(path)
            fault = "it is not there" if facts is None else dataset.fault_of(path, facts, exact)
            if facts is None or fault:
                made.notes.append(f"{path}: {fault}. Call download again.")
                continue
            if facts.span.start > end:
                made._gaps.append(_gap(symbol, interval, Span(end, facts.span.start), "not asked"))
            for gap in facts.gaps:
                one = Span(*map(time_of, gap))
                made._gaps.append(_gap(symbol, interval, one, "exchange", facts.asked_at))
            end = facts.span.end
            made.rows += facts.rows
            summary.append({"file": str(path.relative_to(root)), **vars(facts)})
        if end < span.end:
            made._gaps.append(_gap(symbol, interval, Span(end, span.end), "not asked"))
    same = Counter((row["start"], row["end"]) for row in made._gaps)
    for row in made._gaps:
        row["markets"] = same[row["start"], row["end"]]
    with suppress(OSError):  # for people and other programs; nothing depends on it
        (root / "_manifest.json").write_text(json.dumps(summary, indent=1) + "\n", "utf-8")


def _gap(symbol: str, interval: str, span: Span, reason: str, asked_at: str | None = None) -> Row:
    count = (span.end - span.start) // WIDTHS[interval] if on_grid(interval) else None
    return {
        "symbol": symbol, "interval": interval, "start": span.start.isoformat(),
        "end": span.end.isoformat(), "candles": count, "reason": reason, "markets": 1,
        "askedAt": asked_at,
    }  # fmt: skip
