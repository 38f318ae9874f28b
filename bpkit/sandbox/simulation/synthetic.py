"""Generate the trades of one day.

Each day (UTC) has its own seed, so days can be generated in any order. A random walk of days gives
every day an opening price; a random path with a price every five seconds leads from one opening
price to the next; trades are placed along the path.

All values are whole numbers: prices in ticks, quantities in steps, times in microseconds UTC
(``_us``); the price path is in thousandths of a tick. Random numbers come from ``RandomState`` and
``random.Random(text)``, whose streams never change. They are used only with ``+ - * //`` on whole
numbers, or ``+ *`` on floats, so the same seed gives exactly the same trades on every machine.
"""

from __future__ import annotations

import hashlib
import threading
from decimal import Decimal
from functools import lru_cache
from random import Random
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .market import Market

Ints = npt.NDArray[np.int64]

SECOND, MINUTE, HOUR, DAY = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000
FIRST_US = 1_704_067_200 * SECOND  # 2024-01-01T00:00:00Z: the history begins
START_US = 1_788_264_000 * SECOND  # 2026-09-01T12:00:00Z: the time of a new sandbox
# Chosen from some thousands of seeds: SOL is at 170.74 at START_US, touches 170.50 in the fourth
# minute, falls below it in the fifth, and is above 170.80 in the eleventh. So a bid at 170.50 rests
# first and is filled later.
DEFAULT_SEED = "bpkit 4185"

ANCHOR_DAY = START_US // DAY  # the day that opens at the reference price
KNOT_MS, KNOTS = 5_000, 17_280  # the price path: one knot every five seconds of a day
TAIL = 10_000  # sizes are TAIL / (TAIL/200 .. TAIL): many small ones, some 200 times as large
# Activity of each hour of the day, in thousandths: the most when Europe and America are awake.
BUSY = np.array(
    [900, 850, 800, 750, 700, 650, 650, 750, 900, 950, 950, 950,
     1000, 1250, 1550, 1600, 1500, 1350, 1200, 1100, 1050, 950, 850, 800],
    dtype=np.int64,
)  # fmt: skip
# A day needs some 30 arrays. The C library of Linux gives their memory back to the system after
# each use, which took a third of the time. Once 4 MB have been freed, it keeps as much.
np.empty(4_000_000, dtype=np.uint8)
_GROWING = Lock()  # sandboxes in other threads may need the same days
ZERO = np.zeros(1, dtype=np.int64)
# The start of each hour if a busy hour is longer, in 86,400,000 units, as many as milliseconds.
HOUR_EDGES: Ints = np.concatenate((ZERO, np.cumsum(BUSY * 3_600)))
PLACES: Ints = np.arange(KNOTS + 1, dtype=np.int64)
HOUR_MS: Ints = np.arange(24, dtype=np.int64) * 3_600_000


class Trade(NamedTuple):
    """One trade. ``id`` rises by one from trade to trade. ``buyer_is_maker``: the taker sold."""

    id: int
    time_us: int
    price: int
    quantity: int
    buyer_is_maker: bool


class AssetProfile(NamedTuple):
    """How an asset's price behaves. Its spot market and its perp share it."""

    price: str  # at 2026-09-01T00:00Z, in the quote asset
    volatility: int  # in a day, in millionths of the price
    pull: float  # the part of the distance to ``price`` by which a day brings the price back
    per_minute: int  # trades, on average
    size: str  # average spot trade, in the base asset; a perp trade is 5 times as large
    spread: int  # the widest, in ticks
    premium: int  # of the perp over spot, in millionths


ASSET_PROFILES = {
    "SOL": AssetProfile("170.8", 30_000, 0.01, 8, "3.75", 4, -120),
    "BTC": AssetProfile("77400", 20_000, 0.01, 10, "0.05", 4, 75),
    "ETH": AssetProfile("2420", 25_000, 0.01, 10, "0.8", 4, 90),
    "USDT": AssetProfile("0.9998", 300, 0.25, 4, "500", 2, 0),
    "BONK": AssetProfile("0.00001236", 45_000, 0.01, 4, "4000000", 4, 0),
    "kPEPE": AssetProfile("0.01236", 45_000, 0.01, 4, "4000", 4, 110),
}

# The levels of the first day with the default seed: each feed asks for one, and the way there takes
# longer than all else until a new sandbox has its first book.
FIRST_LEVELS = {
    "SOL": 0.9720466759515765, "BTC": 0.887650645814697, "ETH": 1.1292653286403134,
    "USDT": 1.0003378890531631, "BONK": 1.5351651225978387, "kPEPE": 1.7457187029712575,
}  # fmt: skip


class Day(NamedTuple):
    """The trades of a day as columns, sorted by time. ``own``: the trade was generated."""

    time: Ints
    price: Ints
    quantity: Ints
    sold: npt.NDArray[np.bool_]
    own: npt.NDArray[np.bool_]

    def merged(self, other: Day) -> Day:
        """This day with other trades. At one time, its own come first."""
        both = [np.append(one, two.astype(one.dtype)) for one, two in zip(self, other, strict=True)]
        order = both[0].argsort(kind="stable")
        return Day(*(column[order] for column in both))

    def rows(self, which: npt.NDArray[Any] | range, first_id: int) -> list[Trade]:
        """The trades of some indices. ``first_id``: of the day's first trade."""
        places = np.asarray(which, dtype=np.int64)
        columns = (column[places].tolist() for column in self[:4])
        ids = (places + first_id).tolist()
        return list(map(Trade._make, zip(ids, *columns, strict=True)))


class SyntheticTrades:
    """The generated trades of one market, a day at a time."""

    def __init__(self, market: Market, seed: str) -> None:
        self._market = market
        self._seed = seed
        self._profile = ASSET_PROFILES[market.base]
        perp = market.kind == "PERP"
        self._premium = self._profile.premium if perp else 0
        self.spread = self._profile.spread
        self.per_day = self._profile.per_minute * 1_440  # trades, the same number every day
        self.size = int(Decimal(self._profile.size) / market.step) * (5 if perp else 1)

    def opening(self, number: int) -> int:
        """A day's opening price, in thousandths of a tick."""
        base = self._market.base
        known = self._seed == DEFAULT_SEED and number == FIRST_US // DAY
        level = FIRST_LEVELS[base] if known else self._level(number)
        return int(level * (int(Decimal(self._profile.price) / self._market.tick) * 1_000))

    def _level(self, number: int) -> float:
        """A day's opening price, as a part of that of ANCHOR_DAY."""
        away, chance = number - ANCHOR_DAY, Random(0)
        walk, draw = _walks(self._seed, self._market.base)[away > 0], chance.random
        with _GROWING:
            while len(walk) <= abs(away):
                day = ANCHOR_DAY + (len(walk) if away > 0 else -len(walk))
                chance.seed(f"{self._seed}|{self._market.base}|opening|{day}")
                noise = (draw() + draw() + draw()) * 2.0 - 3.0  # mean 0, variance 1
                level, volatility = walk[-1], self._profile.volatility * 0.000001
                pull = self._profile.pull * (1.0 - level)
                walk.append(level + pull + level * volatility * noise)
        return walk[abs(away)]

    def _path(self, number: int) -> Ints:
        """A day's price every five seconds, in thousandths of a tick, from opening to opening."""
        opening, closing = self.opening(number), self.opening(number + 1)
        chance = _state(f"{self._seed}|{self._market.base}|path|{number}")
        mood = chance.randint(500, 1_500, 96, dtype=np.int64)  # of each quarter of an hour
        scale = np.repeat(np.repeat(BUSY, 4) * mood, KNOTS // 96)
        # A flat draw of half-width w has deviation w / 1.732; 17,280 of them, 131.5 times that.
        half = opening * self._profile.volatility // 1_000_000 * 10 // 759
        draws = chance.randint(-half, half + 1, KNOTS, dtype=np.int64)
        draws *= scale
        draws //= 1_000_000
        path = np.zeros(KNOTS + 1, dtype=np.int64)
        np.cumsum(draws, out=path[1:])
        line = (closing - opening - path[-1]) * PLACES
        line //= KNOTS
        path += line
        path += opening
        return path

    def _times(self, chance: np.random.RandomState) -> Ints:
        """Distinct rising milliseconds of a day: a random grid that is denser in busy hours."""
        count = self.per_day
        place = PLACES[:count]
        slot = 86_400_000 // (count + 1)
        ms = chance.randint(0, 2 * slot, count, dtype=np.int64)
        ms += place * slot
        ms.sort(kind="stable")  # fast for what is nearly sorted
        trades = np.diff(ms.searchsorted(HOUR_EDGES))  # in each hour
        ms -= HOUR_EDGES[:-1].repeat(trades)
        ms *= 1_000
        ms //= BUSY.repeat(trades)
        ms += HOUR_MS.repeat(trades)
        ms *= 86_400_000 - count
        ms //= 86_400_000
        ms += place  # each trade has its own millisecond
        return ms

    def day(self, number: int) -> Day:
        """The trades of a day."""
        path, count = self._path(number), self.per_day
        chance = _state(f"{self._seed}|{self._market.symbol}|trades|{number}")
        ms = self._times(chance)
        knot = ms // KNOT_MS
        middle = ms - knot * KNOT_MS
        middle *= np.diff(path)[knot]
        middle //= KNOT_MS
        middle += path[knot]
        if self._premium:
            middle += middle * self._premium // 1_000_000
        half = chance.randint(0, self.spread * 400, count, dtype=np.int64)
        sold = chance.randint(0, 2, count, dtype=np.int64)
        sign = 2 * sold - 1  # a sale is rounded down, a purchase up
        middle *= sign
        middle -= half
        middle //= 1_000
        price = middle * sign
        rarity = chance.randint(TAIL // 200, TAIL + 1, count, dtype=np.int64)
        part = chance.randint(0, 1_000, count, dtype=np.int64)
        quantity = self.quantities(rarity, part)
        ms *= 1_000
        time = ms + number * DAY
        return Day(time, price, quantity, sold == 1, np.ones(count, dtype=bool))

    def whole_seconds(self, number: int) -> Ints:
        """The times of the trades of a day that are at whole seconds."""
        ms = self._times(_state(f"{self._seed}|{self._market.symbol}|trades|{number}"))
        return number * DAY + ms[ms % 1_000 == 0] * 1_000

    def quantities(self, rarity: Ints, part: Ints) -> Ints:
        """Sizes in steps, from TAIL // 200 to TAIL, and from 0 to 999."""
        unit = self.size * 100 // 265  # the mean of TAIL / rarity is 5.3, that of part a half
        sizes: Ints = unit * TAIL // rarity * part // 1_000 + 1
        return sizes

    @property
    def price_limit(self) -> int:
        """The highest price that a path may reach, in ticks."""
        return int(100 * Decimal(self._profile.price) / self._market.tick)


class _Thread(threading.local):
    """A generator that is seeded again and again: making one takes longer than half of a path."""

    def __init__(self) -> None:
        self.chance = np.random.RandomState(0)


_thread = _Thread()


@lru_cache(maxsize=64)
def _walks(seed: str, base: str) -> tuple[list[float], list[float]]:
    """Levels of the days before and after ANCHOR_DAY, outwards; ``opening`` adds to them.

    All markets of an asset and all sandboxes share them: the way to FIRST_US takes 5 ms or more.
    """
    return [1.0], [1.0]


def _state(text: str) -> np.random.RandomState:
    """Random numbers from a text. Use them before the next call: it starts the same generator."""
    _thread.chance.seed(int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big"))
    return _thread.chance
