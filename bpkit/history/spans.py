"""Intervals, windows of candles, and the spans of files. All times are UTC.

A window is computed from the clock, never from the last row. So nothing can repeat, skip or loop,
and windows can be asked for at the same time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

PAGE = 1000  # candles of an answer
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
# The shortest candle of each interval.
WIDTHS = {
    "1s": timedelta(seconds=1),
    **{f"{count}m": timedelta(minutes=count) for count in (1, 3, 5, 15, 30)},
    **{f"{count}h": timedelta(hours=count) for count in (1, 2, 4, 6, 8, 12)},
    "1d": DAY,
    "3d": 3 * DAY,
    "1w": 7 * DAY,
    "1month": 28 * DAY,
}


class Span(NamedTuple):
    """``end`` is exclusive."""

    start: datetime
    end: datetime


def on_grid(interval: str) -> bool:
    """Do the candles begin at multiples of the interval since 1970? Longer ones than a day do not:
    where they begin is not documented."""
    return WIDTHS[interval] <= DAY


def windows(interval: str, start: datetime, end: datetime) -> Iterator[Span]:
    """The spans of at most 1,000 candles from ``start`` to ``end``, in order."""
    length = WIDTHS[interval] * PAGE
    while start < end:
        stop = min(end, start + length)
        yield Span(start, stop)
        start = stop


def floor(interval: str, when: datetime) -> datetime:
    """The last multiple of an interval up to that time; of a day, if it is longer."""
    width = min(WIDTHS[interval], DAY)
    return EPOCH + (when - EPOCH) // width * width


def ceiling(interval: str, when: datetime) -> datetime:
    """The first multiple of an interval from that time on."""
    down = floor(interval, when)
    return down if down == when else down + min(WIDTHS[interval], DAY)


def file_spans(interval: str, start: datetime, end: datetime) -> Iterator[tuple[str, Span]]:
    """The spans that have a file each, with the name of its folder: ``month=2026-01``.

    A year from 1h up, a month for minutes, a day for seconds: files are neither tiny nor huge. Only
    the part between ``start`` and ``end`` is in the span.
    """
    while start < end:
        midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
        if WIDTHS[interval] >= timedelta(hours=1):
            name, first = f"year={start:%Y}", midnight.replace(month=1, day=1)
            after = first.replace(year=first.year + 1)
        elif interval == "1s":
            name, after = f"day={start:%Y-%m-%d}", midnight + DAY
        else:
            name, first = f"month={start:%Y-%m}", midnight.replace(day=1)
            after = (first + 31 * DAY).replace(day=1)
        stop = min(end, after)
        yield name, Span(start, stop)
        start = stop


def microseconds(when: datetime) -> int:
    """Since 1970, in UTC: the unit in which candles are compared and stored."""
    return (when - EPOCH) // timedelta(microseconds=1)


def moment(microseconds: int) -> datetime:
    """The time that is so many microseconds after 1970."""
    return EPOCH + timedelta(microseconds=int(microseconds))


def inside(times: Any, span: Span) -> Any:
    """Which of an array of microseconds are in a span."""
    return (times >= microseconds(span.start)) & (times < microseconds(span.end))


def joined(spans: Iterable[Span]) -> list[Span]:
    """The same time in as few spans as possible, in order."""
    found: list[Span] = []
    for one in sorted(spans):
        if found and one.start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, one.end))
        else:
            found.append(one)
    return found


def common(span: Span, others: Iterable[Span]) -> list[Span]:
    """The parts of a span that are in others, too."""
    parts = (Span(max(span.start, one.start), min(span.end, one.end)) for one in joined(others))
    return [part for part in parts if part.start < part.end]


def without(span: Span, others: Iterable[Span]) -> list[Span]:
    """The parts of a span that are in no other."""
    found, start = [], span.start
    for one in common(span, others):
        found.append(Span(start, one.start))
        start = one.end
    return [part for part in [*found, Span(start, span.end)] if part.start < part.end]


def missing(starts: Any, ends: Any, interval: str, span: Span) -> Iterator[Span]:
    """The runs of missing candles in a span. ``starts``, ``ends``: arrays of microseconds.

    A candle that is only partly in the span is not missing. Where those of more than a day begin is
    not known, so at both ends of the span more than one of them must be missing to be noticed.
    """
    least = timedelta(0) if on_grid(interval) else WIDTHS[interval] + 3 * DAY  # a month has 31
    found = inside(starts, span)
    starts, ends = starts[found], ends[found]
    edges = [span.start, *([moment(starts[0]), moment(ends[-1])] if len(starts) else []), span.end]
    runs = [Span(edges[0], edges[1]), *([Span(edges[-2], edges[-1])] if len(starts) else [])]
    runs = [one for one in runs if one.start < one.end and one.end - one.start >= least]
    holes = (starts[1:] > ends[:-1]).nonzero()[0]
    runs += [Span(moment(ends[place]), moment(starts[place + 1])) for place in holes]
    yield from sorted(runs)
