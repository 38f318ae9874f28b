"""Index and mark price of one perp as paths have set them, else those of the seed."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from .lines import Line, Stretch, find
from .marks import UNIT, Marks
from .synthetic import SECOND

LineOf = Callable[[str], Line]


class Seed(NamedTuple):
    """A price of the seed, its bounds, and its unit."""

    unit: Decimal
    price: Callable[[int], Decimal]
    bounds: Callable[[int, int], tuple[Decimal, Decimal]]


class SteeredMarks:
    """As ``Marks``. ``line_of``: what paths did to ``mark`` and ``index``. ``tick``: of the perp.

    A command changes them at its own time, all else at whole seconds.
    """

    def __init__(self, seeds: Marks, tick: Decimal, line_of: LineOf) -> None:
        self._line_of = line_of
        self._mark = Seed(tick, seeds.mark_price, seeds.mark_range)
        self._index = Seed(UNIT, seeds.index_price, seeds.index_range)

    def index_price(self, at_us: int) -> Decimal:
        """The index, with up to 8 decimals."""
        return self.units("index", at_us) * UNIT

    def mark_price(self, at_us: int) -> Decimal:
        """The mark, on the tick."""
        return self.units("mark", at_us) * self._mark.unit

    def index_range(self, first_us: int, last_us: int) -> tuple[Decimal, Decimal]:
        """Bounds of the index from one whole second to another: see ``Marks``."""
        return self._range("index", first_us, last_us)

    def mark_range(self, first_us: int, last_us: int) -> tuple[Decimal, Decimal]:
        """Bounds of the mark, as ``index_range``."""
        return self._range("mark", first_us, last_us)

    def units(self, name: str, at_us: int) -> int:
        """The price of that name: the mark in ticks, the index in UNITs."""
        line = self._line_of(name)
        place = find(line, 2 * at_us + 1)
        if place < 0:
            return self.seed_units(name, at_us)
        stretch = line[place]
        here = max(stretch.start_us, at_us // SECOND * SECOND)
        if stretch.tape:
            return stretch.scaled(self.seed_units(name, here))
        return stretch.price(here)

    def seed_units(self, name: str, at_us: int) -> int:
        """The price of that name without any path."""
        seed = self._seed(name)
        return int(seed.price(at_us) / seed.unit)

    def _seed(self, name: str) -> Seed:
        return self._mark if name == "mark" else self._index

    def _range(self, name: str, first_us: int, last_us: int) -> tuple[Decimal, Decimal]:
        line, seed = self._line_of(name), self._seed(name)
        if not line or line[0].start_us > last_us:
            return seed.bounds(first_us, last_us)
        if first_us // SECOND == last_us // SECOND:
            return (self.units(name, first_us) * seed.unit,) * 2
        found: list[Decimal] = []
        place = find(line, 2 * first_us + 1)
        if place < 0:
            found += seed.bounds(first_us, min(last_us, line[0].start_us))
        for here in range(max(0, place), find(line, 2 * last_us + 1) + 1):
            begin = max(first_us, line[here].start_us)
            end = min(last_us, line[here + 1].start_us) if here + 1 < len(line) else last_us
            found += [one * seed.unit for one in _bounds(line[here], seed, begin, end)]
        return min(found), max(found)


def _bounds(stretch: Stretch, seed: Seed, first_us: int, last_us: int) -> tuple[int, int]:
    """In units. Within a stretch, a price that a path gives only rises, or only falls."""
    if not stretch.tape:
        return stretch.price(first_us), stretch.price(last_us)
    low, high = (int(one / seed.unit) for one in seed.bounds(first_us, last_us))
    return stretch.scaled(low), stretch.scaled(high)
