"""Price feed of one simulated market: trades, candles, order books and mark prices from a seed.

Everything is calculated from the market's own trades, so a candle of one hour always agrees with
its sixty candles of one minute. The engine records its trades here, and every later answer includes
them.

All values are whole numbers: prices in ticks, quantities in steps, times in microseconds UTC
(``_us``). The same seed gives exactly the same feed on every machine.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right, insort
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from random import Random

import numpy as np
import numpy.typing as npt

from ..undo import UndoDict, UndoList
from .candles import WIDTHS, Candle, Row, bucket, candle, join, tally
from .crowd import Crowd, Levels
from .daily import day_row
from .market import Market
from .marks import Marks, Source, funding_rate
from .own_trades import FIRST_DAY, OwnTrades
from .steered_marks import SteeredMarks
from .synthetic import ASSET_PROFILES, DAY, DEFAULT_SEED, FIRST_US, HOUR, Day, Ints, Trade

FIRST_TRADE_ID = 1


class PriceFeed(OwnTrades):
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
        super().__init__(market, seed)
        self._recorded: UndoDict[int, UndoList[Trade]] = UndoDict()
        # day -> the number of its last change. No number is used again, even after an undo.
        self._versions: UndoDict[int, int] = UndoDict()
        self._changes = itertools.count(1)
        # The keys are day, version and chain, so that no entry gets stale.
        # A day takes about 0.5 MB, so only a few are kept; the hours of a day take about 1.5 kB.
        self._days = lru_cache(maxsize=16)(self._build)
        self._hours = lru_cache(maxsize=4_096)(self._build_hours)
        own = self._own
        self._crowd = Crowd(
            f"{seed}|{market.symbol}", self._moment, own.size, own.spread, self._opening
        )
        if spot is not None:
            marks = Marks(seed, self._source(), PriceFeed(spot, seed)._source())
            self._marks = SteeredMarks(marks, market.tick, self._line)

    # Recorded trades

    def record(self, trade: Trade) -> None:
        """Add a trade of the engine. Every later answer includes it."""
        number = trade.time_us // DAY
        self._versions[number] = next(self._changes)
        insort(self._recorded.setdefault(number, UndoList()), trade, key=_time)

    def next_id(self, time_us: int) -> int:
        """The id for a trade of the engine: one more than that of the last trade until then."""
        return FIRST_TRADE_ID + self.own_last(time_us).trades + self._recorded_until(time_us)

    def _recorded_until(self, time_us: int) -> int:
        """How many trades were recorded up to and including that time."""
        today = time_us // DAY
        before = sum(len(trades) for number, trades in self._recorded.items() if number < today)
        return before + bisect_right(self._recorded.get(today, ()), time_us, key=_time)

    def _last_recorded(self, at_us: int) -> Trade | None:
        days = (number for number in self._recorded if number <= at_us // DAY)
        for number in sorted(days, reverse=True):
            if place := bisect_right(self._recorded[number], at_us, key=_time):
                return self._recorded[number][place - 1]
        return None

    def _first_id(self, number: int) -> int:
        """Of a day."""
        return FIRST_TRADE_ID + self._own_before(number) + self._recorded_until(number * DAY - 1)

    # Trades

    def trades(self, start_us: int, end_us: int) -> list[Trade]:
        """Oldest first, ``end_us`` exclusive."""
        found: list[Trade] = []
        for number, start, end in _days_of(start_us, end_us):
            day = self._day(number)
            found += day.rows(range(*day.time.searchsorted((start, end))), self._first_id(number))
        return found

    def own_trades(self, after_us: int, until_us: int) -> list[Trade]:
        """The own trades after a time, up to and including another; oldest first."""
        return self.touches(after_us + 1, until_us + 1, None, 0)  # any price is above 0

    def trade_count(self, at_us: int) -> int:
        """How many own trades the feed had since FIRST_US, up to and including that time, and how
        often a path gave it another price at once."""
        return self._moment(at_us).trades

    def latest(self, before_us: int, count: int, skip: int = 0) -> list[Trade]:
        """``count`` trades, newest first, up to and including ``before_us``.

        ``skip``: leave out that many of the newest.
        """
        found: list[Trade] = []
        today = before_us // DAY
        for number in range(today, FIRST_DAY - 1, -1):
            if len(found) >= count:
                break
            held = self._own_before(number + 1) - self._own_before(number)  # nothing is generated
            held += len(self._recorded.get(number, ()))
            if number == today:
                held = int(np.searchsorted(self._day(number).time, before_us, side="right"))
            if skip < held:
                last = held - skip
                first = max(0, last - (count - len(found)))
                places = range(last - 1, first - 1, -1)
                found += self._day(number).rows(places, self._first_id(number))
            skip = max(0, skip - held)
        return found

    def last_price(self, at_us: int) -> int:
        """The price of the last trade up to and including that time, or the first opening price."""
        own, trade = self.own_last(at_us), self._last_recorded(at_us)
        newest = trade is not None and self.own_last(trade.time_us).trades == own.trades
        return trade.price if trade is not None and newest else own.price

    def lowest(self, first_us: int, last_us: int) -> int:
        """The lowest value of ``last_price`` from one time to another, both included."""
        price, low = self.last_price(first_us), self.window(first_us, last_us + 1).low
        return price if low is None else min(price, low)

    def highest(self, first_us: int, last_us: int) -> int:
        """The highest value of ``last_price`` from one time to another, both included."""
        price, high = self.last_price(first_us), self.window(first_us, last_us + 1).high
        return price if high is None else max(price, high)

    def touches(
        self, start_us: int, end_us: int, below: int | None, above: int | None
    ) -> list[Trade]:
        """The feed's own trades at or below ``below``, or at or above ``above``.

        Oldest first, ``end_us`` exclusive, without recorded trades. None: no such bound.
        """
        found: list[Trade] = []
        for number, start, end in _days_of(start_us, end_us):
            hours = self._own_hours(number, self._chain(number))
            hours = hours[start % DAY // HOUR : (end - 1) % DAY // HOUR + 1]
            if not _hits(hours[:, 2], hours[:, 1], below, above).any():
                continue
            day = self._day(number)
            places = np.arange(*day.time.searchsorted((start, end)))
            price = day.price[places]
            hit = _hits(price, price, below, above) & day.own[places]
            found += day.rows(places[hit], self._first_id(number))
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
            chain = self._chain(number)
            whole = end - start == DAY and not chain and number not in self._versions
            if whole and (row := day_row(self.seed, self.market.symbol, number)) is not None:
                rows.append(row)
            elif start % HOUR == end % HOUR == 0:
                hours = self._hours(number, self._versions.get(number, 0), chain)
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

    def levels(self, at_us: int) -> tuple[Levels, Levels]:
        """Bids and asks of the crowd as (ticks, steps), best first, up to about 2 % away.

        About 60 on each side, around the feed's own last price. Recorded trades do not move them.
        """
        return self._crowd.levels(at_us)

    def book_count(self, at_us: int) -> int:
        """How often the crowd's book has changed since FIRST_US, up to and including that time."""
        return self._crowd.count(at_us)

    def book_times(self, after_us: int, until_us: int) -> list[int]:
        """When the crowd's book changed after a time, up to and including another; in order."""
        trades = [trade.time_us for trade in self.own_trades(after_us, until_us)]
        return sorted(trades + self._crowd.stir_times(after_us, until_us))

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

    # Days

    def _build(self, number: int, version: int, chain: int) -> Day:
        """The own and the recorded trades of a day. Own ones are before recorded ones."""
        day = self._own_days(number, chain)
        if not version:
            return day
        _, time, price, quantity, sold = map(np.array, zip(*self._recorded[number], strict=True))
        return day.merged(Day(time, price, quantity, sold, np.zeros(len(time), dtype=bool)))

    def _build_hours(self, number: int, version: int, chain: int) -> Ints:
        edges = number * DAY + np.arange(25, dtype=np.int64) * HOUR
        return tally(self._days(number, version, chain), edges)

    def _own_hours(self, number: int, chain: int) -> Ints:
        return self._hours(number, 0, chain)

    def _source(self) -> Source:
        """The seed's trades, for the marks."""
        return Source(
            self.market,
            lambda number: self._own_days(number, 0),
            lambda number: self._own_hours(number, 0),
            self._opening,
        )

    def _day(self, number: int) -> Day:
        return self._days(number, self._versions.get(number, 0), self._chain(number))

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


def _time(trade: Trade) -> int:
    return trade.time_us


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
