"""Price feed of one simulated market: trades, candles, order books and mark prices from a seed.

Everything is calculated from the trades that ``synthetic`` generates, so a candle of one hour
always agrees with its sixty candles of one minute. The engine records its trades here, and every
later answer includes them.

All values are whole numbers: prices in ticks, quantities in steps, times in microseconds UTC
(``_us``). The same seed gives exactly the same feed on every machine.
"""

from __future__ import annotations

import itertools
from bisect import insort
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from random import Random

import numpy as np
import numpy.typing as npt

from ..undo import Undoable, UndoDict, UndoList
from .candles import WIDTHS, Candle, Row, bucket, candle, join, tally
from .market import Market
from .marks import Marks, Source, funding_rate
from .synthetic import (
    ASSET_PROFILES,
    DAY,
    DEFAULT_SEED,
    FIRST_US,
    HOUR,
    Day,
    Ints,
    SyntheticTrades,
    Trade,
)  # fmt: skip

FIRST_DAY = FIRST_US // DAY
LEVELS = 60  # on each side of a book


class PriceFeed(Undoable):
    """The trades of one market since FIRST_US, without end, and everything calculated from them.

    The feed knows the future too: the caller says what time it is. ``spot``: for a perp, the spot
    market of its index price. ValueError: the market is closed, or its asset has no profile.
    """

    def __init__(
        self, market: Market, seed: str = DEFAULT_SEED, spot: Market | None = None
    ) -> None:
        if not market.open or market.base not in ASSET_PROFILES:
            raise ValueError(
                f"{market.symbol} has no feed: it is closed, or its asset has no profile"
            )
        self.market = market
        self.seed = seed
        self._own = SyntheticTrades(market, seed)
        self._recorded: UndoDict[int, UndoList[Trade]] = UndoDict()
        # day -> the number of its last change. No number is used again, even after an undo.
        self._versions: UndoDict[int, int] = UndoDict()
        self._changes = itertools.count(1)
        self._last_id = -1  # the highest id recorded
        # The second key is the version of the day, so that no entry gets stale.
        # A day takes about 0.5 MB, so only a few are kept; the hours of a day take about 1.5 kB.
        self._days = lru_cache(maxsize=16)(self._build)
        self._hours = lru_cache(maxsize=4_096)(self._build_hours)
        self._marks: Marks | None = None
        if spot is not None:
            self._marks = Marks(seed, self._source(), PriceFeed(spot, seed)._source())

    # Recorded trades

    def record(self, trade: Trade) -> None:
        """Add a trade of the engine. Every later answer includes it."""
        number = trade.time_us // DAY
        self._versions[number] = next(self._changes)
        insort(self._recorded.setdefault(number, UndoList()), trade, key=_order)
        self._last_id = max(self._last_id, trade.id)

    def next_id(self, time_us: int) -> int:
        """The id for a trade of the engine at that time. It changes when a trade is recorded.

        An id is the time of the trade in microseconds since FIRST_US, or the next free number. Ids
        of the feed's own trades are whole thousands. So ids rise with time, unless the engine makes
        1,000 trades at one time and the feed has a trade within that millisecond.
        """
        free = max(time_us - FIRST_US, self._last_id + 1)
        while free % 1_000 == 0 and self._is_own(free):
            free += 1
        return free

    # Trades

    def trades(self, start_us: int, end_us: int) -> list[Trade]:
        """Oldest first, ``end_us`` exclusive."""
        found: list[Trade] = []
        for number, start, end in _days_of(start_us, end_us):
            day = self._day(number)
            first, last = np.searchsorted(day.time, (start, end))
            found += day.rows(first, last)
        return found

    def latest(self, before_us: int, count: int, skip: int = 0) -> list[Trade]:
        """``count`` trades, newest first, up to and including ``before_us``.

        ``skip``: leave out that many of the newest.
        """
        found: list[Trade] = []
        today = before_us // DAY
        for number in range(today, FIRST_DAY - 1, -1):
            if len(found) >= count:
                break
            held = self._own.per_day + len(self._recorded.get(number, ()))  # nothing is generated
            if number == today:
                held = int(np.searchsorted(self._day(number).time, before_us, side="right"))
            if skip < held:
                last = held - skip
                first = max(0, last - (count - len(found)))
                found += self._day(number).rows(first, last)[::-1]
            skip = max(0, skip - held)
        return found

    def last_price(self, at_us: int) -> int:
        """The price of the last trade up to and including that time, or the first opening price."""
        last = self.latest(at_us, 1)
        return last[0].price if last else self._own.opening(FIRST_DAY) // 1_000

    def lowest(self, first_us: int, last_us: int) -> int:
        """The lowest value of ``last_price`` from one time to another, both included."""
        price, low = self.last_price(first_us), self.window(first_us, last_us + 1).low
        return price if low is None else min(price, low)

    def touches(
        self, start_us: int, end_us: int, below: int | None, above: int | None
    ) -> list[Trade]:
        """The feed's own trades at or below ``below``, or at or above ``above``.

        Oldest first, ``end_us`` exclusive, without recorded trades. None: no such bound.
        """
        found: list[Trade] = []
        for number, start, end in _days_of(start_us, end_us):
            hours = self._hours(number, 0)[start % DAY // HOUR : (end - 1) % DAY // HOUR + 1]
            if not _hits(hours[:, 2], hours[:, 1], below, above).any():
                continue
            day = self._days(number, 0)
            first, last = np.searchsorted(day.time, (start, end))
            span = day.pick(slice(first, last))
            hit = _hits(span.price, span.price, below, above)
            found += span.pick(hit).rows(0, last - first)
        return found

    # Candles

    def candles(self, interval: str, start_us: int, end_us: int, now_us: int) -> list[Candle]:
        """From the candle that ``start_us`` is in to the last that starts before ``end_us``.

        Oldest first; only candles that have closed by ``now_us`` and do not start before FIRST_US.
        """
        start, end = bucket(interval, max(start_us, FIRST_US))
        if start < FIRST_US:  # three days that began in 2023
            start, end = bucket(interval, end)
        if WIDTHS.get(interval, DAY) < HOUR:
            width = end - start
            return self._short_candles(start, min(_ceil(end_us, width), now_us), width)
        found: list[Candle] = []
        while start < end_us and end <= now_us:
            found.append(self.window(start, end))
            start, end = bucket(interval, end)
        return found

    def window(self, start_us: int, end_us: int) -> Candle:
        """The trades of any span as one candle."""
        rows: list[Row] = []
        for number, start, end in _days_of(start_us, end_us):
            if start % HOUR == end % HOUR == 0:
                hours = self._hours(number, self._versions.get(number, 0))
                first = start % DAY // HOUR
                rows += hours[first : first + (end - start) // HOUR].tolist()
            else:
                rows += tally(self._day(number), np.array([start, end])).tolist()
        return candle(start_us, end_us, join(rows))

    def _short_candles(self, start_us: int, end_us: int, width: int) -> list[Candle]:
        """Candles shorter than an hour; only whole ones."""
        found: list[Candle] = []
        for number, start, end in _days_of(start_us, end_us // width * width):
            edges = np.arange(start, end + 1, width, dtype=np.int64)
            rows = tally(self._day(number), edges).tolist()
            starts = range(start, end, width)
            found += [candle(at, at + width, row) for at, row in zip(starts, rows, strict=True)]
        return found

    # Book, marks, funding

    def levels(self, at_us: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Bids and asks as (ticks, steps), best first, 60 on each side, up to about 2 % away.

        They are around the feed's own last price. Recorded trades do not move them; they change
        with the feed's next trade.
        """
        _, time_us, price, _, sold = self._own_last(at_us)
        chance = self._chance("levels", time_us)
        spread = 1 + int(chance.random() * self._own.spread)
        bid = price if sold else price - spread  # a sale was at the bid, a purchase at the ask
        reach = price // 50
        return self._side(chance, bid, -1, reach), self._side(chance, bid + spread, 1, reach)

    def _side(self, chance: Random, best: int, away: int, reach: int) -> list[tuple[int, int]]:
        """One side of a book: the farther from the best price, the wider apart and the larger."""
        spare = 2 * max(0, reach - LEVELS)  # divided in proportion to 1, 2, 3 ... 59
        found: list[tuple[int, int]] = []
        for place in range(LEVELS):
            steps = int(self._own.size * (1 + place * 0.15) * (0.4 + chance.random() * 1.6))
            if best > 0:
                found.append((best, max(1, steps)))
            share = int(chance.random() * (spare * (place + 1)))
            best += away * (1 + share // (LEVELS * (LEVELS - 1) // 2))
        return found

    def open_interest(self, at_us: int) -> int:
        """Open interest of a perp in steps: about a twentieth of its limit. Spot: 0."""
        level = int(Decimal(self.market.raw["openInterestLimit"] or 0) / self.market.step) // 20
        drift = self._wander(at_us, 7 * DAY) + self._wander(at_us, HOUR) // 5
        return level * (10_000 + drift) // 10_000

    def index_price(self, at_us: int) -> Decimal:
        """Index price of a perp: see ``Marks``. ValueError: the feed has no spot market."""
        return self._priced().index_price(at_us)

    def mark_price(self, at_us: int) -> Decimal:
        """Mark price of a perp."""
        return self._priced().mark_price(at_us)

    def index_range(self, first_us: int, last_us: int) -> tuple[Decimal, Decimal]:
        """Bounds of a perp's index price in a span."""
        return self._priced().index_range(first_us, last_us)

    def mark_range(self, first_us: int, last_us: int) -> tuple[Decimal, Decimal]:
        """Bounds of a perp's mark price in a span."""
        return self._priced().mark_range(first_us, last_us)

    def funding_rate(self, interval_end_us: int) -> Decimal:
        """Funding rate of the hour that a time ends or is in: a fraction with up to 9 decimals."""
        return funding_rate(self.seed, self.market, interval_end_us)

    def _priced(self) -> Marks:
        if self._marks is None:
            raise ValueError(f"{self.market.symbol} has no index and mark: give it a spot market")
        return self._marks

    def _source(self) -> Source:
        """The feed's own trades, for the marks."""
        return Source(
            self.market,
            lambda number: self._days(number, 0),
            lambda number: self._hours(number, 0),
            self._own.opening(FIRST_DAY) // 1_000,
        )

    # Days

    def _build(self, number: int, version: int) -> Day:
        """The trades of a day: generated and recorded ones; version 0: only the generated ones."""
        if not version:
            return self._own.day(number)
        own = self._days(number, 0)
        more = zip(*self._recorded[number], strict=True)
        both = [np.append(a, np.array(b, dtype=a.dtype)) for a, b in zip(own, more, strict=True)]
        day = Day(*both)
        return day.pick(np.lexsort((day.id, day.time)))

    def _build_hours(self, number: int, version: int) -> Ints:
        edges = number * DAY + np.arange(25, dtype=np.int64) * HOUR
        return tally(self._days(number, version), edges)

    def _day(self, number: int) -> Day:
        return self._days(number, self._versions.get(number, 0))

    def _own_last(self, at_us: int) -> Trade:
        """The feed's own last trade up to and including that time, or one at its first opening."""
        for number in range(at_us // DAY, FIRST_DAY - 1, -1):
            day = self._days(number, 0)
            if place := int(day.time.searchsorted(at_us, side="right")):
                return Trade._make(column.item(place - 1) for column in day)
        return Trade(0, FIRST_US, self._own.opening(FIRST_DAY) // 1_000, 0, False)

    def _is_own(self, identity: int) -> bool:
        time_us = FIRST_US + identity
        times = self._days(time_us // DAY, 0).time
        first, last = np.searchsorted(times, (time_us, time_us + 1))
        return bool(first < last)

    def _wander(self, at_us: int, period: int) -> int:
        """A number from -1000 to 1000 that moves in straight lines, to a new one each period."""
        turn, rest = divmod(at_us, period)
        here, there = (
            int(self._chance(f"wander|{period}", knot).random() * 2_001) - 1_000
            for knot in (turn, turn + 1)
        )
        return (here * (period - rest) + there * rest) // period

    def _chance(self, what: str, when: int) -> Random:
        return Random(f"{self.seed}|{self.market.symbol}|{what}|{when}")


def _order(trade: Trade) -> tuple[int, int]:
    return trade.time_us, trade.id


def _ceil(time_us: int, width: int) -> int:
    return -(-time_us // width) * width


def _days_of(start_us: int, end_us: int) -> Iterator[tuple[int, int, int]]:
    """The days of a span since FIRST_US: number, start and end of the span within that day."""
    start = max(start_us, FIRST_US)
    while start < end_us:
        number = start // DAY
        end = min(end_us, (number + 1) * DAY)
        yield number, start, end
        start = end


def _hits(low: Ints, high: Ints, below: int | None, above: int | None) -> npt.NDArray[np.bool_]:
    hit = np.zeros(len(low), dtype=bool)
    if below is not None:
        hit |= low <= below
    if above is not None:
        hit |= high >= above
    return hit
