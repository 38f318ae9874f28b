"""Candles: their intervals, and how trades add up to them.

All values are whole numbers: prices in ticks, quantities in steps, times in microseconds UTC
(``_us``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

from .synthetic import DAY, HOUR, MINUTE, SECOND, Day, Ints

Row = Sequence[int]  # open, high, low, close, volume, quote volume, trades; all 0 without trades


WIDTHS = {
    "1s": SECOND, "1m": MINUTE, "3m": 3 * MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE,
    "30m": 30 * MINUTE, "1h": HOUR, "2h": 2 * HOUR, "4h": 4 * HOUR, "6h": 6 * HOUR,
    "8h": 8 * HOUR, "12h": 12 * HOUR, "1d": DAY, "3d": 3 * DAY, "1w": 7 * DAY,
}  # fmt: skip

FIRST_MONDAY = 4 * DAY  # 1970-01-05; the epoch was a Thursday


class Candle(NamedTuple):
    """A candle. ``end_us`` is exclusive, ``volume`` in steps, ``quote_volume`` in ticks * steps.

    Without trades the four prices are None and the rest is 0.
    """

    start_us: int
    end_us: int
    open: int | None
    high: int | None
    low: int | None
    close: int | None
    volume: int
    quote_volume: int
    trades: int


def bucket(interval: str, time_us: int) -> tuple[int, int]:
    """The start and the end (exclusive) of the candle that a time is in.

    Candles are counted from the epoch, but weeks start on Monday and months are calendar months.
    KeyError: unknown interval.
    """
    if interval == "1month":
        return _month(time_us)
    width = WIDTHS[interval]
    shift = FIRST_MONDAY if interval == "1w" else 0
    start = (time_us - shift) // width * width + shift
    return start, start + width


def _month(time_us: int) -> tuple[int, int]:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    first = (epoch + timedelta(days=time_us // DAY)).replace(day=1)
    after = (first + timedelta(days=31)).replace(day=1)
    return (first - epoch).days * DAY, (after - epoch).days * DAY


def tally(day: Day, edges: Ints) -> Ints:
    """A Row for each span between two edges."""
    cuts = np.searchsorted(day.time, edges)
    count = np.diff(cuts)
    rows = np.zeros((len(count), 7), dtype=np.int64)
    filled = count > 0
    if not filled.any():
        return rows
    # ``reduceat`` adds up to the next start. Spans without trades are left out: they add nothing.
    first, price, quantity = cuts[:-1][filled], day.price[: cuts[-1]], day.quantity[: cuts[-1]]
    rows[filled, 0] = price[first]
    rows[filled, 1] = np.maximum.reduceat(price, first)
    rows[filled, 2] = np.minimum.reduceat(price, first)
    rows[filled, 3] = price[cuts[1:][filled] - 1]
    rows[filled, 4] = np.add.reduceat(quantity, first)
    rows[filled, 5] = np.add.reduceat(price * quantity, first)
    rows[:, 6] = count
    return rows


def join(rows: list[Row]) -> Row:
    """Merge consecutive rows into one."""
    rows = [row for row in rows if row[6]]
    if not rows:
        return (0,) * 7
    _, high, low, _, volume, quote_volume, trades = zip(*rows, strict=True)
    first, last = rows[0][0], rows[-1][3]
    return (first, max(high), min(low), last, sum(volume), sum(quote_volume), sum(trades))


def candle(start_us: int, end_us: int, row: Row) -> Candle:
    """The candle of a span, from its row."""
    prices = row[:4] if row[6] else (None,) * 4
    return Candle(start_us, end_us, *prices, *row[4:])
