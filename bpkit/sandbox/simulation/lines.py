"""What paths do to one price over time: stretches in which it is given, or follows the seed.

A market has three such lines: its own trades, its mark and its index. Each command adds stretches
at its own time, so what was before never changes. The seconds of a path are whole seconds.

Prices are whole numbers of a line's unit: ticks of the market, and 0.00000001 for an index. Times
are in microseconds UTC (``_us``).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import lcm
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .paths import Leg
from .synthetic import SECOND, Day, Ints


class Stretch(NamedTuple):
    """How a price is found, until the next stretch begins.

    ``order``: twice the time at which it begins, plus 1 if the market's own trades of that
    microsecond came before it. In ``seconds`` it goes from ``first`` to ``last``, both in parts of
    a tick: ``scale`` parts are a tick, and a tick is ``unit`` units. Then it stays at ``last``.
    ``tape``: instead, the price is the seed's times ``first / scale``.

    ``by``: the market whose path it is. ``jumps``: the commands so far that gave the line another
    price, the last of them at ``jump_us``. ``prints``: the trades that paths added until it begins,
    at that time included. ``chain``: a number for this stretch and all before it.
    """

    order: int
    seconds: int
    first: int
    last: int
    scale: int
    unit: int
    tape: bool
    by: str
    jumps: int = 0
    jump_us: int = 0
    prints: int = 0
    chain: int = 0

    @property
    def start_us(self) -> int:
        """When it begins."""
        return self.order // 2

    @property
    def set_price(self) -> int:
        """The price to which it was set when it began, in units."""
        return self.first if self.tape else self.price_after(0)

    def price(self, at_us: int) -> int:
        """The price at a time, in units. Not for ``tape``."""
        return self.price_after(max(0, (at_us - self.start_us) // SECOND))

    def price_after(self, seconds: int) -> int:
        """The price so many seconds after its begin, rounded once to the tick, half to even."""
        if seconds >= self.seconds:
            return rounded(self.last, self.scale) * self.unit
        parts = self.first * self.seconds + (self.last - self.first) * seconds
        return rounded(parts, self.scale * self.seconds) * self.unit

    def scaled(self, seed: int) -> int:
        """The price if the seed's is ``seed``. Only for ``tape``."""
        return max(1, rounded(seed * self.first, self.scale))


Line = tuple[Stretch, ...]
Count = Callable[[Stretch, int], int]  # the trades that a stretch adds up to and including a time


def rounded(above: int, below: int) -> int:
    """A fraction as a whole number, half to even."""
    whole, rest = divmod(2 * above + below, 2 * below)
    return whole - (rest == 0 and whole % 2)


def ticks(price: Fraction, tick: Decimal) -> int:
    """A price in ticks, half to even."""
    parts = price / Fraction(tick)
    return rounded(parts.numerator, parts.denominator)


def find(line: Line, order: int) -> int:
    """The place of the last stretch whose ``order`` is at most that; -1: there is none."""
    return bisect_right(line, order, key=_order) - 1


def _order(stretch: Stretch) -> int:
    return stretch.order


# --- commands -------------------------------------------------------------------------------------


def follow(legs: Sequence[Leg], now_us: int, tick: Decimal, unit: int, by: str) -> list[Stretch]:
    """The stretches of a path that begins now, the first of them at once.

    Its first second begins at the next whole second; until then it has its first price.
    """
    zero_us = ready(now_us)
    kept = [leg for leg, after in pairwise(legs) if leg.begin != after.begin] + [legs[-1]]
    if zero_us > now_us:
        kept.insert(0, Leg(0, 0, kept[0].first, kept[0].first))
    found: list[Stretch] = []
    for leg in kept:
        first, last = leg.first / Fraction(tick), leg.last / Fraction(tick)
        scale = lcm(first.denominator, last.denominator)
        order = 2 * (zero_us + leg.begin * SECOND) if found else 2 * now_us + 1
        ends = (int(first * scale), int(last * scale))
        found.append(Stretch(order, leg.seconds, *ends, scale, unit, False, by))
    return found


def ready(now_us: int) -> int:
    """When the first second of a path begins that begins now."""
    return -(-now_us // SECOND) * SECOND


def tape(at_us: int, price: int, seed: int, by: str) -> Stretch:
    """After that time a price follows the seed's, as a ratio. Both are those of that time."""
    return Stretch(2 * at_us + 1, 0, price, 0, seed, 1, True, by)


def extend(line: Line, new: Sequence[Stretch], now_us: int, count: Count) -> Line:
    """The line with what a command at ``now_us`` adds. What was planned for later is left out."""
    kept = list(line[: find(line, 2 * now_us + 1) + 1])
    jumps, jump_us = (kept[-1].jumps, kept[-1].jump_us) if kept else (0, 0)
    if not new[0].tape:
        jumps, jump_us = jumps + 1, now_us
    for one in new:
        prints, chain = 0, 0
        if kept:
            prints, chain = kept[-1].prints + count(kept[-1], one.start_us), kept[-1].chain
        chain = hash((chain, *one[:7]))  # of whole numbers: the same on every machine
        kept.append(one._replace(jumps=jumps, jump_us=jump_us, prints=prints, chain=chain))
    return tuple(kept)


# --- the market's own trades ----------------------------------------------------------------------


def print_times(line: Line, start_us: int, end_us: int) -> Ints:
    """The whole seconds of paths in a span, ``end_us`` exclusive: each has a trade."""
    first = max(0, find(line, 2 * start_us - 1))
    found = [np.zeros(0, dtype=np.int64)]
    for place in range(first, len(line)):
        stretch = line[place]
        if stretch.start_us >= end_us:
            break
        if not stretch.seconds:
            continue
        last_us = stretch.start_us + stretch.seconds * SECOND
        if place + 1 < len(line):
            last_us = min(last_us, line[place + 1].start_us)
        begin = max(stretch.start_us + SECOND, -(-start_us // SECOND) * SECOND)
        found.append(np.arange(begin, min(last_us + 1, end_us), SECOND, dtype=np.int64))
    return np.concatenate(found)


def falls(line: Line, times: Ints, draws: Ints) -> npt.NDArray[np.bool_]:
    """Whether the takers sold in the trades that paths added: as the price goes, else by chance."""
    orders = np.array([one.order for one in line], dtype=np.int64)
    slopes = np.array([one.last - one.first for one in line], dtype=object)
    slope = np.sign(slopes).astype(np.int64)[np.searchsorted(orders, 2 * times - 1, "right") - 1]
    down: npt.NDArray[np.bool_] = np.where(slope == 0, draws % 2 == 1, slope < 0)
    return down


def apply(line: Line, day: Day) -> Day:
    """The trades of a day with the prices of the line."""
    orders, prices = 2 * day.time, day.price.copy()
    first = max(0, find(line, int(orders[0])))
    cuts = np.searchsorted(orders, [one.order for one in line[first:]]).tolist()
    for stretch, (begin, end) in zip(line[first:], pairwise([*cuts, len(orders)]), strict=True):
        if begin < end:
            prices[begin:end] = _prices(stretch, day.time[begin:end], day.price[begin:end])
    return day._replace(price=prices)


def _prices(stretch: Stretch, times: Ints, seed: Ints) -> Ints:
    """As ``price`` or ``scaled``, of many trades."""
    if stretch.tape:
        return np.maximum(1, _rounded(seed * stretch.first, stretch.scale))
    if not stretch.seconds:
        return np.full(len(times), stretch.price_after(0))
    span = stretch.seconds
    highest = 4 * span * max(stretch.first, stretch.last, stretch.scale)
    numbers = np.int64 if highest < 2**62 else object  # the latter is slow, and has no bounds
    seconds = np.clip((times - stretch.start_us) // SECOND, 0, span).astype(numbers)
    rise = stretch.last - stretch.first
    return _rounded(stretch.first * span + rise * seconds, stretch.scale * span)


def _rounded(above: Any, below: int) -> Ints:
    """As ``rounded``, of many."""
    whole, rest = np.divmod(2 * above + below, 2 * below)
    found: Ints = (whole - ((rest == 0) & (whole % 2 == 1))).astype(np.int64)
    return found
