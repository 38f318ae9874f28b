"""Index price, mark price and funding rate of one perp.

Index and mark change once a second, at the whole second. The index is the mean price of five venues
that follow the generated trades of the spot market some seconds later; slowly it moves to at most
0.005 % above or below them. The mark is the index plus an average of (mid - index), rounded to the
tick. The average has a sample each second, and a sample's weight falls by a sixtieth each second:
one minute is the time constant. The price of the perp's last generated trade serves as mid.

Within this module, prices are whole numbers of UNIT and times are whole seconds since the epoch.
There are no floats, so every machine calculates the same prices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import lru_cache
from random import Random
from typing import NamedTuple

import numpy as np

from .market import Market
from .synthetic import DAY, FIRST_US, HOUR, SECOND, Day, Ints

UNIT = Decimal("0.00000001")  # of the quote asset
DELAYS = (0, 3, 6, 9, 12)  # of the venues
REACH = max(DELAYS)
WIDEST, PARTS = 5_000, 100_000_000  # the largest difference, in parts of the price
LEG = 300  # the difference moves in a straight line for so long
HOUR_S, DAY_S = HOUR // SECOND, DAY // SECOND
FIRST_DAY = FIRST_US // DAY


def _weights() -> Ints:
    """Of the last five minutes, newest first. All that is older would have 0.6 % of the weight."""
    found = [1_000_000]
    while len(found) < 300:
        found.append(found[-1] * 59 // 60)
    return np.array(found, dtype=np.int64)


WEIGHTS = _weights()
TOTAL = int(WEIGHTS.sum())


class Source(NamedTuple):
    """The generated trades of a market.

    ``day``: the trades of a day, by its number since the epoch. ``hours``: of a day, a row for each
    hour: the second column is the highest price, the third the lowest. ``opening``: the price
    before the first trade. Prices are in ticks.
    """

    market: Market
    day: Callable[[int], Day]
    hours: Callable[[int], Ints]
    opening: int


class Marks:
    """The index and mark prices of one perp at any time, past or future (microseconds UTC).

    They change at whole seconds. Trades of the engine do not move them.
    """

    def __init__(self, seed: str, perp: Source, spot: Source) -> None:
        self._seed, self._perp, self._spot = seed, perp, spot
        self._tick = int(perp.market.tick / UNIT)
        self._spot_tick = int(spot.market.tick / UNIT)
        self._knots = lru_cache(maxsize=16)(self._draw)
        self._at = lru_cache(maxsize=1_024)(self._both)  # two numbers
        self._hour = lru_cache(maxsize=32)(self._series_of_hour)  # 58 kB
        self._rough = lru_cache(maxsize=1_024)(self._bounds)  # four numbers

    def index_price(self, at_us: int) -> Decimal:
        """The index, with up to 8 decimals."""
        return self._index(self._at(at_us // SECOND)[0])

    def mark_price(self, at_us: int) -> Decimal:
        """The mark, on the tick."""
        return self._mark(self._at(at_us // SECOND)[1])

    def index_range(self, first_us: int, last_us: int) -> tuple[Decimal, Decimal]:
        """Bounds of the index from one whole second to another, both included.

        Of a single second they are the index itself, of more than that they may be too wide.
        """
        low, high = self._range(0, first_us // SECOND, last_us // SECOND)
        return self._index(low), self._index(high)

    def mark_range(self, first_us: int, last_us: int) -> tuple[Decimal, Decimal]:
        """Bounds of the mark, as ``index_range``."""
        low, high = self._range(1, first_us // SECOND, last_us // SECOND)
        return self._mark(low), self._mark(high)

    def _index(self, units: int) -> Decimal:
        return units * UNIT

    def _mark(self, ticks: int) -> Decimal:
        return self._perp.market.price(ticks)

    # Bounds

    def _range(self, which: int, first: int, last: int) -> tuple[int, int]:
        """``which``: 0 for the index in units, 1 for the mark in ticks."""
        rough = last - first >= HOUR_S // 2
        lows, highs = [], []
        for hour in range(first // HOUR_S, last // HOUR_S + 1):
            begin, end = max(first, hour * HOUR_S), min(last, hour * HOUR_S + HOUR_S - 1)
            low, high = self._rough(hour)[which] if rough else self._exact(which, begin, end)
            lows.append(low)
            highs.append(high)
        return min(lows), max(highs)

    def _exact(self, which: int, first: int, last: int) -> tuple[int, int]:
        if first == last:
            return (self._at(first)[which],) * 2
        hour, place = divmod(first, HOUR_S)
        found = self._hour(hour)[which][place : place + last - first + 1]
        return found.min().item(), found.max().item()

    def _bounds(self, hour: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Bounds of index and mark in an hour, from the trades of this hour and the one before.

        They need no series: the mark is at most the highest index, plus the highest mid, minus the
        lowest index.
        """
        low, high = (price * self._spot_tick for price in _extremes(self._spot, hour))
        low -= low * WIDEST // PARTS + 1
        high += high * WIDEST // PARTS + 1
        below, above = (price * self._tick for price in _extremes(self._perp, hour))
        slack = high - low
        return (low, high), ((below - slack) // self._tick, (above + slack) // self._tick + 1)

    # Series

    def _both(self, second: int) -> tuple[int, int]:
        index, mark = self._series(second, 1)
        return index.item(), mark.item()

    def _series_of_hour(self, hour: int) -> tuple[Ints, Ints]:
        return self._series(hour * HOUR_S, HOUR_S)

    def _series(self, first: int, count: int) -> tuple[Ints, Ints]:
        """The index in units, and the mark in ticks, at each of ``count`` seconds."""
        before = len(WEIGHTS) - 1
        index = self._indices(first - before, count + before)
        gap = _lasts(self._perp, first - before, count + before) * self._tick - index
        average = (np.convolve(gap, WEIGHTS, "valid") + TOTAL // 2) // TOTAL
        index = index[before:]
        return index, (index + average + self._tick // 2) // self._tick

    def _indices(self, first: int, count: int) -> Ints:
        last = _lasts(self._spot, first - REACH, count + REACH)
        total = sum(last[REACH - delay :][:count] for delay in DELAYS) * self._spot_tick
        return (total + total * self._difference(first, count) // PARTS) // len(DELAYS)

    def _difference(self, first: int, count: int) -> Ints:
        """Of the index from the venues, in PARTS, at each second."""
        seconds = np.arange(first, first + count, dtype=np.int64)
        start = first // LEG
        leg, rest = seconds // LEG - start, seconds % LEG
        knots = np.array([self._knot(n) for n in range(start, start + leg.item(-1) + 2)])
        here = knots[leg]
        difference: Ints = here + (knots[leg + 1] - here) * rest // LEG
        return difference

    def _knot(self, number: int) -> int:
        """The difference where a straight line begins."""
        day, place = divmod(number, DAY_S // LEG)
        return self._knots(day)[place]

    def _draw(self, day: int) -> list[int]:
        chance = Random(f"{self._seed}|{self._spot.market.base}|index|{day}")
        return [int(chance.random() * (2 * WIDEST + 1)) - WIDEST for _ in range(DAY_S // LEG)]


def funding_rate(seed: str, market: Market, interval_end_us: int) -> Decimal:
    """Funding rate of the hour that a time ends or is in: a fraction with up to 9 decimals."""
    end_us = -(-interval_end_us // HOUR) * HOUR
    chance = Random(f"{seed}|{market.symbol}|funding|{end_us}")
    if chance.random() < 0.6:
        return Decimal("0.0000125")
    return (int(chance.random() * 160_001) - 80_000) * Decimal("0.000000001")


def _lasts(source: Source, first: int, count: int) -> Ints:
    """The price of the last trade up to and including each second, in ticks."""
    days = [_lasts_of_day(source, *part) for part in _days_of(first, first + count)]
    return days[0] if len(days) == 1 else np.concatenate(days)


def _lasts_of_day(source: Source, number: int, first: int, end: int) -> Ints:
    if number < FIRST_DAY:
        return np.full(end - first, source.opening, dtype=np.int64)
    day = source.day(number)
    begin, stop = day.time.searchsorted((first * SECOND, (end - 1) * SECOND), side="right")
    if begin:
        before = day.price[begin - 1]
    elif number > FIRST_DAY:
        before = source.day(number - 1).price[-1]
    else:
        before = source.opening
    prices = np.concatenate(((before,), day.price[begin:stop]))
    known = -(-day.time[begin:stop] // SECOND)  # the first second that knows each trade
    edges = np.concatenate(((first,), known, (end,)))
    return np.repeat(prices, edges[1:] - edges[:-1])


def _days_of(first: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The days of a span of seconds: number, start and end (exclusive) of the span in that day."""
    for number in range(first // DAY_S, (end - 1) // DAY_S + 1):
        yield number, max(first, number * DAY_S), min(end, (number + 1) * DAY_S)


def _extremes(source: Source, hour: int) -> tuple[int, int]:
    """The lowest and the highest price in an hour and the hour before, in ticks."""
    rows = [source.hours(one // 24)[one % 24] for one in (hour - 1, hour) if one // 24 >= FIRST_DAY]
    if len(rows) < 2:
        rows.append(np.full(3, source.opening, dtype=np.int64))
    return min(row.item(2) for row in rows), max(row.item(1) for row in rows)
