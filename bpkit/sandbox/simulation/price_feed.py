"""Price feed of one simulated market: trades, candles, order books and mark prices from a seed.

Everything is calculated from the trades that ``synthetic`` generates, so a candle of one hour
always agrees with its sixty candles of one minute. The engine records its trades here, and every
later answer includes them.

All values are whole numbers: prices in ticks, quantities in steps, times in microseconds UTC
(``_us``). The same seed gives exactly the same feed on every machine.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right, insort
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from random import Random
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..undo import Undoable, UndoDict, UndoList
from .crowd import Crowd, Levels, Moment
from .market import Market
from .synthetic import (
    ASSET_PROFILES,
    DAY,
    DEFAULT_SEED,
    FIRST_US,
    HOUR,
    MINUTE,
    SECOND,
    Day,
    Ints,
    SyntheticTrades,
    Trade,
)  # fmt: skip

Row = Sequence[int]  # open, high, low, close, volume, quote volume, trades; all 0 without trades

WIDTHS = {
    "1s": SECOND, "1m": MINUTE, "3m": 3 * MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE,
    "30m": 30 * MINUTE, "1h": HOUR, "2h": 2 * HOUR, "4h": 4 * HOUR, "6h": 6 * HOUR,
    "8h": 8 * HOUR, "12h": 12 * HOUR, "1d": DAY, "3d": 3 * DAY, "1w": 7 * DAY,
}  # fmt: skip

FIRST_DAY = FIRST_US // DAY
FIRST_MONDAY = 4 * DAY  # 1970-01-05; the epoch was a Thursday
FIRST_TRADE_ID = 1


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
        self._spot = PriceFeed(spot, seed) if spot is not None else None
        self._recorded: UndoDict[int, UndoList[Trade]] = UndoDict()
        # day -> the number of its last change. No number is used again, even after an undo.
        self._versions: UndoDict[int, int] = UndoDict()
        self._changes = itertools.count(1)
        # The second key is the version of the day, so that no entry gets stale.
        # A day takes about 0.5 MB, so only a few are kept; the hours of a day take about 1.5 kB.
        self._days = lru_cache(maxsize=16)(self._build)
        self._hours = lru_cache(maxsize=4_096)(self._build_hours)
        name, usual = f"{seed}|{market.symbol}", self._own.opening(FIRST_DAY) // 1_000
        self._crowd = Crowd(name, self._own_last, self._own.size, self._own.spread, usual)

    # Recorded trades

    def record(self, trade: Trade) -> None:
        """Add a trade of the engine. Every later answer includes it."""
        number = trade.time_us // DAY
        self._versions[number] = next(self._changes)
        insort(self._recorded.setdefault(number, UndoList()), trade, key=_time)

    def next_id(self, time_us: int) -> int:
        """The id for a trade of the engine: one more than that of the last trade until then."""
        return FIRST_TRADE_ID + self.trade_count(time_us) + self._recorded_until(time_us)

    def _recorded_until(self, time_us: int) -> int:
        """How many trades were recorded up to and including that time."""
        today = time_us // DAY
        before = sum(len(trades) for number, trades in self._recorded.items() if number < today)
        return before + bisect_right(self._recorded.get(today, ()), time_us, key=_time)

    def _first_id(self, number: int) -> int:
        """Of a day."""
        own = (number - FIRST_DAY) * self._own.per_day
        return FIRST_TRADE_ID + own + self._recorded_until(number * DAY - 1)

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
        """How many own trades the feed had since FIRST_US, up to and including that time."""
        return self._own_last(at_us).trades

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
                places = range(last - 1, first - 1, -1)
                found += self._day(number).rows(places, self._first_id(number))
            skip = max(0, skip - held)
        return found

    def last_price(self, at_us: int) -> int:
        """The price of the last trade up to and including that time, or the first opening price."""
        last = self.latest(at_us, 1)
        return last[0].price if last else self._own.opening(FIRST_DAY) // 1_000

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
            if start % HOUR == end % HOUR == 0:
                hours = self._hours(number, self._versions.get(number, 0))
                first = start % DAY // HOUR
                rows += hours[first : first + (end - start) // HOUR].tolist()
            else:
                rows += _tally(self._day(number), np.array([start, end])).tolist()
        return _candle(start_us, end_us, _join(rows))

    def _short_candles(self, start_us: int, end_us: int, width: int) -> list[Candle]:
        """Candles shorter than an hour; only whole ones."""
        found: list[Candle] = []
        for number, start, end in _days_of(start_us, end_us // width * width):
            edges = np.arange(start, end + 1, width, dtype=np.int64)
            rows = _tally(self._day(number), edges).tolist()
            starts = range(start, end, width)
            found += [_candle(at, at + width, row) for at, row in zip(starts, rows, strict=True)]
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
        """Index price of a perp: the mean of the last 3 spot trades, rounded to 7 decimals.

        Trades of the engine do not move it. ValueError: the feed was made without a spot market.
        """
        if self._spot is None:
            raise ValueError(
                f"{self.market.symbol} has no index price: give the feed its spot market"
            )
        last = self._spot.latest(at_us, 3)
        ticks = [trade.price for trade in last] or [self._spot.last_price(at_us)]
        mean = self._spot.market.price(sum(ticks)) / len(ticks)
        return mean.quantize(Decimal("0.0000001"), ROUND_HALF_EVEN)

    def mark_price(self, at_us: int) -> Decimal:
        """Mark price of a perp: the feed's own last price. Trades of the engine do not move it."""
        return self.market.price(self._own_last(at_us).price)

    def funding_rate(self, interval_end_us: int) -> Decimal:
        """Funding rate of the hour that a time ends or is in: a fraction with up to 9 decimals."""
        chance = self._chance("funding", _ceil(interval_end_us, HOUR))
        if chance.random() < 0.6:
            return Decimal("0.0000125")
        return (int(chance.random() * 160_001) - 80_000) * Decimal("0.000000001")

    # Days

    def _build(self, number: int, version: int) -> Day:
        """The trades of a day: generated and recorded ones; version 0: only the generated ones."""
        if not version:
            return self._own.day(number)
        own = self._days(number, 0)
        _, *columns = zip(*self._recorded[number], strict=True)
        columns.append((False,) * len(columns[0]))
        both = [np.append(a, np.array(b, dtype=a.dtype)) for a, b in zip(own, columns, strict=True)]
        order = both[0].argsort(kind="stable")  # own trades stay before recorded ones
        return Day(*(column[order] for column in both))

    def _build_hours(self, number: int, version: int) -> Ints:
        edges = number * DAY + np.arange(25, dtype=np.int64) * HOUR
        return _tally(self._days(number, version), edges)

    def _day(self, number: int) -> Day:
        return self._days(number, self._versions.get(number, 0))

    def _own_last(self, at_us: int) -> Moment:
        """The feed's own trades up to and including that time."""
        for number in range(at_us // DAY, FIRST_DAY - 1, -1):
            day = self._days(number, 0)
            if place := int(day.time.searchsorted(at_us, side="right")):
                trades, last = (number - FIRST_DAY) * self._own.per_day + place, place - 1
                price, sold = day.price.item(last), day.sold.item(last)
                return Moment(trades, day.time.item(last), price, sold)
        return Moment(0, FIRST_US, self._own.opening(FIRST_DAY) // 1_000, False)

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


def _month(time_us: int) -> tuple[int, int]:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    first = (epoch + timedelta(days=time_us // DAY)).replace(day=1)
    after = (first + timedelta(days=31)).replace(day=1)
    return (first - epoch).days * DAY, (after - epoch).days * DAY


def _hits(low: Ints, high: Ints, below: int | None, above: int | None) -> npt.NDArray[np.bool_]:
    hit = np.zeros(len(low), dtype=bool)
    if below is not None:
        hit |= low <= below
    if above is not None:
        hit |= high >= above
    return hit


def _tally(day: Day, edges: Ints) -> Ints:
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


def _join(rows: list[Row]) -> Row:
    """Merge consecutive rows into one."""
    rows = [row for row in rows if row[6]]
    if not rows:
        return (0,) * 7
    _, high, low, _, volume, quote_volume, trades = zip(*rows, strict=True)
    first, last = rows[0][0], rows[-1][3]
    return (first, max(high), min(low), last, sum(volume), sum(quote_volume), sum(trades))


def _candle(start_us: int, end_us: int, row: Row) -> Candle:
    prices = row[:4] if row[6] else (None,) * 4
    return Candle(start_us, end_us, *prices, *row[4:])
