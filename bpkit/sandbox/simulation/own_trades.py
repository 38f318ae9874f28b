"""The market's own trades, those that nobody ordered: from a seed, with prices that paths set.

All values are whole numbers: prices in ticks, quantities in steps, times in microseconds UTC
(``_us``).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256

import numpy as np

from ..undo import Undoable, UndoDict
from . import lines
from .crowd import Moment, scramble
from .lines import Line, Stretch
from .market import Market
from .marks import UNIT
from .paths import Leg, Path
from .steered_marks import SteeredMarks
from .synthetic import DAY, FIRST_US, SECOND, TAIL, Day, Ints, SyntheticTrades

FIRST_DAY = FIRST_US // DAY


class OwnTrades(Undoable):
    """The own trades of one market since FIRST_US, and what paths did to its prices.

    A path changes the prices of the trades in its time, and adds one at each whole second.
    """

    def __init__(self, market: Market, seed: str) -> None:
        self.market = market
        self.seed = seed
        self._own = SyntheticTrades(market, seed)
        self._marks: SteeredMarks | None = None
        self._lines: UndoDict[str, Line] = UndoDict()  # what paths did to last, mark and index
        digest = sha256(f"{seed}|{market.symbol}|prints".encode()).digest()
        self._salt = int.from_bytes(digest[:8], "big")
        # A day's chain stands for its paths, so no entry gets stale. A day takes 0.5 MB, and up to
        # 2 MB more if a path runs.
        self._own_days = lru_cache(maxsize=16)(self._build_own)
        # An order, and a step of the time, ask for the same moment several times.
        self._lasts = lru_cache(maxsize=64)(self._find_last)
        self._whole = lru_cache(maxsize=128)(lambda number: self._own.whole_seconds(number))

    # Commands

    def follow(self, name: str, path: Path, legs: Sequence[Leg], now_us: int, by: Market) -> None:
        """Let ``last``, or the ``mark`` or ``index`` of a perp, follow a path of the market ``by``
        from now on."""
        new = lines.follow(legs, now_us, by.tick, _unit(name, by), by.symbol)
        if path.after == "tape":
            end_us = lines.ready(now_us) + path.seconds * SECOND
            seed = self._seed_units(name, end_us)
            new.append(lines.tape(end_us, new[-1].price(end_us), seed, by.symbol))
        self._lines[name] = lines.extend(self._line(name), new, now_us, self._prints)

    def release(self, name: str, now_us: int) -> None:
        """Let a price go on from where it is, with the seed's moves."""
        price, by = self.units(name, now_us), self._line(name)[-1].by
        new = lines.tape(now_us, price, self._seed_units(name, now_us), by)
        self._lines[name] = lines.extend(self._line(name), [new], now_us, self._prints)

    def steered_by(self, name: str, at_us: int) -> str | None:
        """The market whose path gives a price at a time; None: it follows the seed."""
        line = self._line(name)
        place = lines.find(line, 2 * at_us + 1)
        return None if place < 0 or line[place].tape else line[place].by

    def units(self, name: str, at_us: int) -> int:
        """The own price of that name: an index in UNITs, the others in ticks."""
        return self._moment(at_us).price if name == "last" else self._priced().units(name, at_us)

    def size(self, at_us: int) -> int:
        """The size of the trade that a path makes at a time."""
        return self._sizes(np.array([at_us], dtype=np.int64))[0].item()

    @property
    def price_limit(self) -> int:
        """The highest price that a path may reach, in ticks."""
        return self._own.price_limit

    # Trades

    def own_last(self, at_us: int) -> Moment:
        """The last own trade up to and including that time, and how many there were."""
        return self._lasts(at_us, self._chain(at_us // DAY))

    def _find_last(self, at_us: int, chain: int) -> Moment:
        """As ``own_last``. ``chain``: of that day; 0: without paths."""
        for number in range(at_us // DAY, FIRST_DAY - 1, -1):
            day = self._own_days(number, self._chain(number) if chain else 0)
            if place := int(day.time.searchsorted(at_us, side="right")):
                trades, last = self._own_before(number) + place, place - 1
                price, sold = day.price.item(last), day.sold.item(last)
                return Moment(trades, day.time.item(last), price, sold)
        return Moment(0, FIRST_US, self._opening, False)

    def _moment(self, at_us: int) -> Moment:
        """What the crowd knows: the last own trade, or the price that a path has set since."""
        last, line = self.own_last(at_us), self._line("last")
        place = lines.find(line, 2 * at_us + 1)
        if place < 0:
            return last
        here = line[place]
        trades, jump_us = last.trades + here.jumps, here.jump_us
        if here.jumps and jump_us >= last.time_us:
            price = line[lines.find(line, 2 * jump_us + 1)].set_price
            return Moment(trades, jump_us, price, None, here.chain)
        before = lines.find(line, 2 * last.time_us)
        sold = last.sold if before < 0 or line[before].tape else None
        return Moment(trades, last.time_us, last.price, sold, here.chain)

    def _own_before(self, number: int) -> int:
        """How many own trades there were before a day."""
        start_us, line = number * DAY, self._line("last")
        place = lines.find(line, 2 * start_us - 1)
        prints = 0
        if place >= 0:
            prints = line[place].prints + self._prints(line[place], start_us - 1)
        return (number - FIRST_DAY) * self._own.per_day + prints

    def _prints(self, stretch: Stretch, until_us: int) -> int:
        """How many trades a stretch adds, up to and including a time.

        One a second, but for the seconds at which the seed has a trade.
        """
        count = min(stretch.seconds, (until_us - stretch.start_us) // SECOND)
        if count <= 0:
            return 0
        first_us, last_us = stretch.start_us + 1, stretch.start_us + count * SECOND
        for number in range(first_us // DAY, last_us // DAY + 1):
            first, end = self._whole(number).searchsorted((first_us, last_us + 1))
            count -= int(end - first)
        return count

    # Days

    def _build_own(self, number: int, chain: int) -> Day:
        """The own trades of a day; chain 0: without paths."""
        if not chain:
            return self._own.day(number)
        line, day = self._line("last"), self._own_days(number, 0)
        times = lines.print_times(line, number * DAY, (number + 1) * DAY)
        times = np.setdiff1d(times, day.time, assume_unique=True)
        if len(times):
            draws = self._draws(times)
            sold, own = lines.falls(line, times, draws), np.ones(len(times), dtype=bool)
            none = np.zeros(len(times), dtype=np.int64)
            day = day.merged(Day(times, none, self._sizes(times), sold, own))
        return lines.apply(line, day)

    def _chain(self, number: int) -> int:
        """Of the last path that may change a day."""
        line = self._line("last")
        place = lines.find(line, 2 * (number + 1) * DAY - 1)
        return 0 if place < 0 else line[place].chain

    def _line(self, name: str) -> Line:
        return self._lines.get(name, ())

    @property
    def _opening(self) -> int:
        """The price before the first trade."""
        return self._own.opening(FIRST_DAY) // 1_000

    def _seed_units(self, name: str, at_us: int) -> int:
        """As ``units``, without any path."""
        if name == "last":
            return self._find_last(at_us, 0).price
        return self._priced().seed_units(name, at_us)

    def _draws(self, times: Ints) -> Ints:
        """A random number of 63 bits for each time."""
        draws = scramble(times.astype(np.uint64) ^ np.uint64(self._salt)) >> np.uint64(1)
        found: Ints = draws.astype(np.int64)
        return found

    def _sizes(self, times: Ints) -> Ints:
        """Of trades that paths add: as the seed draws them."""
        draws = self._draws(times)
        rarity = TAIL // 200 + draws % (TAIL + 1 - TAIL // 200)
        return self._own.quantities(rarity, (draws >> 32) % 1_000)

    def _priced(self) -> SteeredMarks:
        if self._marks is None:
            raise ValueError(f"{self.market.symbol} has no index and mark: give it a spot market")
        return self._marks


def _unit(name: str, market: Market) -> int:
    return int(market.tick / UNIT) if name == "index" else 1
