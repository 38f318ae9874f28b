"""Intervals, windows and files. Every expected value is from a calendar."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from candle_exchange import utc
from hypothesis import given, settings
from hypothesis import strategies as st

from bpkit.history import spans
from bpkit.history.spans import Span, common, file_spans, joined, missing, without


def span(start: str, end: str) -> Span:
    return Span(utc(start), utc(end))


def files(interval: str, start: str, end: str) -> list[tuple[str, str, str]]:
    return [
        (name, f"{part.start:%m-%d %H:%M}", f"{part.end:%m-%d %H:%M}")
        for name, part in file_spans(interval, utc(start), utc(end))
    ]


def test_minutes_have_a_file_for_each_month() -> None:
    assert files("1m", "2024-01-31 23:59", "2024-03-01 00:01") == [
        ("month=2024-01", "01-31 23:59", "02-01 00:00"),
        ("month=2024-02", "02-01 00:00", "03-01 00:00"),  # 29 days
        ("month=2024-03", "03-01 00:00", "03-01 00:01"),
    ]
    assert [name for name, _ in file_spans("30m", utc("2025-11-15"), utc("2026-02-01"))] == [
        "month=2025-11", "month=2025-12", "month=2026-01",
    ]  # fmt: skip


@pytest.mark.parametrize("interval", ["1h", "12h", "1d", "3d", "1w", "1month"])
def test_hours_and_more_have_a_file_for_each_year(interval: str) -> None:
    assert files(interval, "2023-12-31", "2025-01-01") == [
        ("year=2023", "12-31 00:00", "01-01 00:00"),
        ("year=2024", "01-01 00:00", "01-01 00:00"),  # 366 days
    ]


def test_seconds_have_a_file_for_each_day() -> None:
    assert files("1s", "2024-02-28 12:00", "2024-03-01") == [
        ("day=2024-02-28", "02-28 12:00", "02-29 00:00"),
        ("day=2024-02-29", "02-29 00:00", "03-01 00:00"),
    ]


def test_nothing_is_wanted_of_an_empty_span() -> None:
    assert files("1m", "2024-02-28", "2024-02-28") == []
    assert list(spans.windows("1m", utc("2024-02-28"), utc("2024-02-28"))) == []


def test_a_window_has_a_thousand_candles() -> None:
    assert list(spans.windows("1m", utc("2026-01-01 00:00"), utc("2026-01-01 20:00"))) == [
        span("2026-01-01 00:00", "2026-01-01 16:40"), span("2026-01-01 16:40", "2026-01-01 20:00"),
    ]  # fmt: skip
    year = list(spans.windows("1m", utc("2026-01-01"), utc("2027-01-01")))
    assert len(year) == 526  # 525,600 minutes
    (weeks,) = spans.windows("1w", utc("2010-01-01"), utc("2026-01-01"))
    assert weeks == span("2010-01-01", "2026-01-01")  # 835 weeks


@pytest.mark.parametrize(
    ("interval", "when", "down", "up"),
    [
        ("5m", "2026-01-01 00:07:30", "2026-01-01 00:05", "2026-01-01 00:10"),
        ("5m", "2026-01-01 00:05", "2026-01-01 00:05", "2026-01-01 00:05"),
        ("8h", "2026-01-01 15:59", "2026-01-01 08:00", "2026-01-01 16:00"),
        ("1w", "2026-01-01 15:59", "2026-01-01", "2026-01-02"),
    ],
)
def test_multiples_of_an_interval(interval: str, when: str, down: str, up: str) -> None:
    assert spans.floor(interval, utc(when)) == utc(down)
    assert spans.ceiling(interval, utc(when)) == utc(up)


PIECES = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)), max_size=6)


@settings(max_examples=100)
@given(PIECES, st.integers(0, 30), st.integers(0, 15))
def test_spans_are_sets_of_minutes(pieces: list[tuple[int, int]], first: int, many: int) -> None:
    begin = utc("2026-01-01")

    def of(start: int, length: int) -> Span:
        return Span(begin + timedelta(minutes=start), begin + timedelta(minutes=start + length))

    def minutes(found: list[Span]) -> list[int]:
        """Each minute; one that is in two spans is there twice."""
        return [
            int((one.start - begin).total_seconds()) // 60 + step
            for one in found
            for step in range(int((one.end - one.start).total_seconds()) // 60)
        ]

    others, asked = [of(*piece) for piece in pieces], of(first, many)
    known = {minute for start, length in pieces for minute in range(start, start + length)}
    wanted = range(first, first + many)
    assert minutes(joined(others)) == sorted(known)
    assert minutes(common(asked, others)) == [one for one in wanted if one in known]
    assert minutes(without(asked, others)) == [one for one in wanted if one not in known]


def holes(interval: str, candles: list[tuple[str, str]], wanted: Span) -> list[Span]:
    arrays = (
        np.array([spans.microseconds(utc(pair[place])) for pair in candles], dtype="int64")
        for place in (0, 1)
    )
    return list(missing(*arrays, interval, wanted))


def test_what_is_missing_at_both_ends_and_in_between() -> None:
    have = [("2026-01-01 01:00", "2026-01-01 02:00"), ("2026-01-01 04:00", "2026-01-01 05:00")]
    assert holes("1h", have, span("2026-01-01 00:00", "2026-01-01 06:00")) == [
        span("2026-01-01 00:00", "2026-01-01 01:00"), span("2026-01-01 02:00", "2026-01-01 04:00"),
        span("2026-01-01 05:00", "2026-01-01 06:00"),
    ]  # fmt: skip
    assert holes("1h", have, span("2026-01-01 01:00", "2026-01-01 02:00")) == []
    whole = span("2026-01-01 02:00", "2026-01-01 03:00")
    assert holes("1h", have, whole) == [whole] and holes("1h", [], whole) == [whole]


def test_a_week_that_is_only_partly_wanted_is_not_missing() -> None:
    weeks = [("2026-01-05", "2026-01-12"), ("2026-01-12", "2026-01-19")]
    assert holes("1w", weeks, span("2026-01-01", "2026-01-22")) == []
    assert holes("1w", weeks, span("2026-01-01", "2026-02-01")) == [
        span("2026-01-19", "2026-02-01")
    ]
