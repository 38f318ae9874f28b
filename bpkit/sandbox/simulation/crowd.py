"""The order book of the simulated traders: a pure function of seed and time.

It changes with each generated trade, and by stirs: once in each 250 ms, at a random microsecond,
one level changes for some seconds. So two changes are never more than half a second apart, and
every change has a number that can be computed without those before it.

All values are whole numbers: prices in ticks, quantities in steps, times in microseconds UTC
(``_us``). Random numbers are hashes of what they are for, in integers of 64 bits; only the spread
comes from ``Random(text)``, whose stream never changes. So the same seed gives exactly the same
book on every machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from random import Random
from typing import Any, NamedTuple

import numpy as np

from .synthetic import FIRST_US

STIR_US = 250_000  # each has one stir
LASTING = 15  # stirs: so long lasts one. At most 15, so that its class of prices is its own
CLASSES = 16
LEVELS = 60  # on each side, on average
EPOCH = 256  # own trades after which a price is drawn again
ALL = 2**64 - 1
UNIT = 1_024
Levels = list[tuple[int, int]]


class Moment(NamedTuple):
    """``trades``: how many were generated until then, and how often a path gave them another price
    at once. The others are of the last one; ``sold``: its taker sold; None: a path set its price,
    which is in the middle of the book. ``chain``: a number for the paths until then."""

    trades: int
    time_us: int
    price: int
    sold: bool | None
    chain: int = 0


class Top(NamedTuple):
    """The best prices, and how far the levels reach from them. ``trades``: see Moment."""

    trades: int
    bid: int
    ask: int
    reach: int


def scramble(number: Any) -> Any:
    """A random number of 64 bits (splitmix64) for an int, or for each item of an uint64 array."""
    number = (number + 0x9E3779B97F4A7C15) & ALL
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & ALL
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & ALL
    return number ^ (number >> 31)


class Crowd:
    """The simulated traders of one market.

    ``moment``: what was traded until a time. ``size``: of a usual order. ``widest``: the largest
    spread. ``price``: a usual one; it decides how fast levels get rarer.
    """

    def __init__(
        self, name: str, moment: Callable[[int], Moment], size: int, widest: int, price: int
    ) -> None:
        digest = hashlib.sha256(f"{name}|crowd".encode()).digest()
        # For prices, for the sizes at the best ones, for times of stirs, for stirs.
        self._salts = tuple(int.from_bytes(digest[place : place + 8]) for place in range(0, 32, 8))
        self._moment, self._size = moment, size
        self.thinning = thinning(price // 50)
        self._spread = lru_cache(maxsize=64)(
            lambda time_us: 1 + int(Random(f"{name}|levels|{time_us}").random() * widest)
        )
        self._still = lru_cache(maxsize=4)(self._between_stirs)  # 120 levels each
        self._place = lru_cache(maxsize=64)(self._price_of_stir)

    def levels(self, at_us: int) -> tuple[Levels, Levels]:
        """Bids and asks as (ticks, steps), best first."""
        moment = self._moment(at_us)
        top = self._top(moment)
        still_bids, still_asks = self._still(top)
        bids, asks = dict(still_bids), dict(still_asks)
        last = stirs(at_us, self._salts[2])
        for number in range(last - LASTING + 1, last + 1):
            price = self._place(number, moment.chain)
            if 0 < price < top.bid:
                self._stir(number, price, bids)
            elif price > top.ask:
                self._stir(number, price, asks)
        return sorted(bids.items(), reverse=True), sorted(asks.items())

    def count(self, at_us: int) -> int:
        """How often the book has changed since FIRST_US, up to and including that time."""
        since = stirs(at_us, self._salts[2]) - FIRST_US // STIR_US + 1
        return self._moment(at_us).trades + max(0, since)

    def stir_times(self, after_us: int, until_us: int) -> list[int]:
        """When stirs happened after a time, up to and including another; in order."""
        numbers = range(after_us // STIR_US, until_us // STIR_US + 1)
        times = [stir_time(number, self._salts[2]) for number in numbers]
        return [time_us for time_us in times if after_us < time_us <= until_us]

    # The book between two trades, without stirs

    def _top(self, moment: Moment) -> Top:
        trades, time_us, price, sold, _ = moment
        spread = self._spread(time_us)
        bid = price if sold else price - spread  # a sale was at the bid, a purchase at the ask
        if sold is None:
            bid = price - spread // 2
        bid = max(1, bid)
        return Top(trades, bid, bid + spread, price // 50)

    def _between_stirs(self, top: Top) -> tuple[dict[int, int], dict[int, int]]:
        bids = np.arange(top.bid - 1, max(0, top.bid - top.reach - 1), -1, dtype=np.int64)
        asks = np.arange(top.ask + 1, top.ask + top.reach + 1, dtype=np.int64)
        draws = [scramble(scramble(self._salts[1] ^ top.trades) ^ side) for side in (1, 2)]
        return (
            {top.bid: self._best(draws[0], top)} | self._side(bids, top.trades),
            {top.ask: self._best(draws[1], top)} | self._side(asks, top.trades),
        )

    def _best(self, draw: int, top: Top) -> int:
        """The size at a best price. It is even or odd in turns, so that each trade changes it."""
        half = self._size * (13_107 + (draw & 0xFFFF) * 4 // 5) >> 16  # 0.2 to 1.0 times the size
        return 2 * max(1, half) + top.trades % 2

    def _side(self, prices: Any, trades: int) -> dict[int, int]:
        """The levels among prices, which begin next to the best one: price -> steps."""
        own = scramble(prices.astype(np.uint64) ^ np.uint64(self._salts[0]))
        epoch = (trades + own % EPOCH) // EPOCH  # prices are drawn again in turns
        draw = scramble(own ^ epoch)
        distance = np.arange(1, len(prices) + 1, dtype=np.uint64)
        here = (draw >> 32) * (UNIT + self.thinning * distance) < UNIT << 32
        found = zip(prices[here].tolist(), draw[here].tolist(), strict=True)
        return {price: self._steps(one) for price, one in found}

    def _steps(self, draw: int) -> int:
        """The size of a level: 0.4 to 2.0 times the usual one; the rarer the draw, the larger."""
        zeros = 32 - (draw >> 32).bit_length()
        return max(1, self._size * (1 + zeros) * (26_214 + (draw & 0xFFFF) * 8 // 5) >> 16)

    # Stirs

    def _price_of_stir(self, number: int, chain: int) -> int:
        """Never a best price at that time; near the best ones more often than far from them.

        ``chain``: of the present. It is part of the cache's key only.

        Its rest by CLASSES is that of the number, so no two stirs that last are at one price.
        """
        top = self._top(self._moment(stir_time(number, self._salts[2])))
        draw = scramble(self._salts[3] ^ number)
        one, two, three = draw & 0x1FFFFF, draw >> 21 & 0x1FFFFF, draw >> 42 & 0x1FFFFF
        away = 1 + (top.reach * one * two * three >> 63)
        if draw >> 63:
            return top.bid - away - (top.bid - away - number) % CLASSES
        return top.ask + away + (number - top.ask - away) % CLASSES

    def _stir(self, number: int, price: int, side: dict[int, int]) -> None:
        """Give a level another size, remove it, or add one where none is."""
        draw, usual = scramble(scramble(self._salts[3] ^ number)), side.get(price, 0)
        if usual and draw % 4 == 0:
            del side[price]
            return
        steps = self._steps(draw)
        side[price] = steps + (steps == usual)


def thinning(reach: int) -> int:
    """How fast levels get rarer, so that about LEVELS are within ``reach`` ticks of the best.

    A price ``d`` ticks away is a level with the chance UNIT / (UNIT + thinning * d).
    """
    distance = np.arange(reach + 1, dtype=np.int64)
    low, high = 0, UNIT  # more than enough: a thousand levels would then reach e**58 ticks
    while low < high:
        middle = (low + high) // 2
        expected = ((UNIT << 32) // (UNIT + middle * distance)).sum()
        low, high = (middle + 1, high) if expected > LEVELS << 32 else (low, middle)
    return low


def stir_time(number: int, salt: int) -> int:
    """When a stir happens. Generated trades happen at whole milliseconds, stirs never."""
    draw = scramble(salt ^ number)
    return number * STIR_US + draw % 250 * 1_000 + 1 + (draw >> 32) % 999


def stirs(at_us: int, salt: int) -> int:
    """The number of the last stir up to and including that time."""
    number = at_us // STIR_US
    return number if stir_time(number, salt) <= at_us else number - 1
