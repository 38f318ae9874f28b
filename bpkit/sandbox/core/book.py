"""Order book: match orders by price and time. Prices in ticks, quantities in steps.

``plan`` finds what an order would match and changes nothing; ``apply`` carries a plan out. So a
fill-or-kill order, or the cost of a market order, can be checked before anything changes.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Literal, NamedTuple

from ..undo import Undoable, UndoDict, UndoList, UndoTable

PASS = "Pass"  # self-trade prevention of the market maker: it passes over its own quotes
Side = Literal["Bid", "Ask"]
OTHER: dict[Side, Side] = {"Bid": "Ask", "Ask": "Bid"}

# Why a match stopped before the whole order was traded.
NO_MATCH = "NoMatch"  # no order is left at the limit or better
SELF_TRADE = "SelfTradePrevention"
PRICE_IMPACT = "PriceImpact"
NOT_REDUCED = "ReduceOnlyNotReduced"


class Resting(NamedTuple):
    """An order in the book. ``quantity``: the steps that remain. ``place``: at one price, orders
    with a lower one are filled first, and of the same place those that were added first."""

    id: str
    owner: str
    side: Side
    price: int
    quantity: int
    reduce_only: bool = False
    place: int = 0


class Taker(NamedTuple):
    """An incoming order, with a ``quantity`` (steps) or a ``budget`` (ticks * steps).

    ``limit``: its own price, None for a market order. ``worst``: the worst price at which the
    market's rules let it trade; None: any price. ``most``: the steps that a reduce-only order may
    trade; None: the order is not reduce-only.
    """

    owner: str
    side: Side
    limit: int | None = None
    quantity: int | None = None
    budget: int | None = None
    prevention: str = "RejectTaker"
    worst: int | None = None
    most: int | None = None


class Fill(NamedTuple):
    """``quantity`` steps traded with one resting order, at its price."""

    maker: str
    price: int
    quantity: int


class Match(NamedTuple):
    """The fills of an incoming order. ``expired``: the resting orders that it removes: its own, by
    self-trade prevention, and reduce-only orders that would no longer reduce.

    ``stopped``: why the order was not traded whole; None: it was, or its budget buys no more steps.
    """

    fills: list[Fill]
    expired: list[str]
    stopped: str | None

    @property
    def executed(self) -> int:
        """Steps."""
        return sum(fill.quantity for fill in self.fills)

    @property
    def cost(self) -> int:
        """Ticks * steps."""
        return sum(fill.price * fill.quantity for fill in self.fills)


class Book:
    """The resting orders of one market. ``touched``: the levels that changed since they were
    published."""

    def __init__(self) -> None:
        self.touched: UndoDict[tuple[Side, int], None] = UndoDict()
        self._orders: UndoTable[Resting] = UndoTable()
        self._sides: dict[Side, _BookSide] = {"Bid": _BookSide(1), "Ask": _BookSide(-1)}

    def __contains__(self, id: str) -> bool:
        return id in self._orders

    def order(self, id: str) -> Resting:
        """An order in the book. KeyError: it is not there."""
        return self._orders[id]

    def take_touched(self) -> list[tuple[Side, int]]:
        """``touched``, sorted by price; then nothing is."""
        touched = sorted(self.touched, key=lambda level: level[1])
        self.touched.clear()
        return touched

    def add(self, order: Resting) -> None:
        """Add an order. Match it first.

        ValueError: the id is used, the quantity is not above 0, or the price crosses the book.
        """
        if order.id in self._orders or order.quantity <= 0:
            raise ValueError(f"{order}: the id is used, or the quantity is not above 0")
        if self.crosses(order.side, order.price):
            raise ValueError(f"{order} crosses the book")
        self._orders[order.id] = order
        self._sides[order.side].add(order)
        self.touched[order.side, order.price] = None

    def cancel(self, id: str) -> Resting:
        """Remove an order. KeyError: it is not in the book."""
        order: Resting = self._orders.pop(id)
        self._sides[order.side].remove(order)
        self.touched[order.side, order.price] = None
        return order

    def best(self, side: Side, besides: str | None = None) -> int | None:
        """The highest bid or the lowest ask, in ticks. ``besides``: an owner who does not count."""
        if besides is None:
            return self._sides[side].best()
        orders = self._sides[side].walk()
        return next((order.price for order in orders if order.owner != besides), None)

    def steps(self, side: Side, price: int) -> int:
        """The whole quantity at a price; 0: no order is there."""
        return self._sides[side].steps(price)

    def top(self, side: Side) -> tuple[int, int] | None:
        """The best price and its quantity, or None."""
        best = self.best(side)
        return None if best is None else (best, self.steps(side, best))

    def crosses(self, side: Side, price: int) -> bool:
        """Would an order with this side and price match another?"""
        best = self.best(OTHER[side])
        return best is not None and not _is_worse(side, best, price)

    def levels(self, side: Side, limit: int | None = None) -> list[tuple[int, int]]:
        """(ticks, steps) of each price, ascending: the best bid is last, the best ask first.

        ``limit``: the number of prices, the best ones.
        """
        return sorted(self._sides[side].levels(limit))

    def plan(self, taker: Taker, net: Callable[[Resting], int] = lambda maker: 0) -> Match:
        """Match ``taker`` without changing the book.

        ``net``: the position (steps) of the owner of a reduce-only order. Such an order trades only
        while it reduces it.
        """
        fills: list[Fill] = []
        expired: list[str] = []
        most = taker.most
        traded: dict[str, int] = {}  # owner -> what the fills add to the position
        left = taker.quantity if taker.budget is None else taker.budget
        if left is None or (taker.quantity is not None and taker.budget is not None):
            raise ValueError("give a quantity or a budget, not both")
        full = False  # does the rest of the budget buy no step at the last price?
        for maker in self._sides[OTHER[taker.side]].walk():
            wanted = left if taker.budget is None else left // maker.price
            if wanted == 0 or (full and not _is_open(taker, maker, most)):
                return Match(fills, expired, None)
            if _is_worse(taker.side, maker.price, taker.limit):
                return Match(fills, expired, NO_MATCH)
            if _is_worse(taker.side, maker.price, taker.worst):
                return Match(fills, expired, PRICE_IMPACT)
            if maker.owner == taker.owner and taker.prevention == PASS:
                continue
            if maker.owner == taker.owner:
                if taker.prevention != "RejectTaker":
                    expired.append(maker.id)
                if taker.prevention != "RejectMaker":
                    return Match(fills, expired, SELF_TRADE)
                continue
            if most == 0:
                return Match(fills, expired, NOT_REDUCED)
            tradable = maker.quantity
            if maker.reduce_only:
                tradable = _reducing(maker, net(maker) + traded.get(maker.owner, 0))
            taken = min(wanted, tradable, wanted if most is None else most)
            if tradable < maker.quantity and taken == tradable:
                expired.append(maker.id)
            if taken == 0:
                continue
            fills.append(Fill(maker.id, maker.price, taken))
            change = taken if maker.side == "Bid" else -taken
            traded[maker.owner] = traded.get(maker.owner, 0) + change
            most = None if most is None else most - taken
            left -= taken if taker.budget is None else taken * maker.price
            full = taken == wanted
            # A step costs less at the next bid, so the rest of a budget may buy one there.
            if full and (taker.budget is None or taken < tradable):
                return Match(fills, expired, None)
        return Match(fills, expired, None if full else NO_MATCH)

    def apply(self, match: Match) -> None:
        """Carry out a plan. The book must not have changed since ``plan``."""
        for fill in match.fills:
            maker = self._orders[fill.maker]
            left = maker._replace(quantity=maker.quantity - fill.quantity)
            if left.quantity == 0:
                self.cancel(maker.id)
            else:
                self._orders[maker.id] = left
                self._sides[maker.side].change(maker, left)
                self.touched[maker.side, maker.price] = None
        for id in match.expired:
            self.cancel(id)


class _Level(Undoable):
    """The orders at one price, by place. ``steps``: their whole quantity."""

    __slots__ = ("orders", "steps")

    def __init__(self) -> None:
        self.orders: UndoList[Resting] = UndoList()
        self.steps = 0

    def add(self, order: Resting) -> None:
        self.orders.insert(bisect_right(self.orders, order.place, key=_place), order)
        self.steps += order.quantity

    def find(self, order: Resting) -> int:
        index = bisect_left(self.orders, order.place, key=_place)
        while self.orders[index].id != order.id:
            index += 1
        return index


class _BookSide:
    """One side of a book. Prices are sorted worst first: changes at the end of a list are fast."""

    def __init__(self, sign: int) -> None:
        self._sign = sign  # sign * price is a key: the better the price, the higher the key
        self._keys: UndoList[int] = UndoList()
        self._levels: UndoList[_Level] = UndoList()  # of these keys

    def add(self, order: Resting) -> None:
        key = self._sign * order.price
        index = bisect_left(self._keys, key)
        if index == len(self._keys) or self._keys[index] != key:
            self._keys.insert(index, key)
            self._levels.insert(index, _Level())
        self._levels[index].add(order)

    def remove(self, order: Resting) -> None:
        index = self._index(order.price)
        level = self._levels[index]
        level.steps -= order.quantity
        del level.orders[level.find(order)]
        if not level.orders:
            del self._keys[index], self._levels[index]

    def change(self, old: Resting, new: Resting) -> None:
        level = self._levels[self._index(old.price)]
        level.steps += new.quantity - old.quantity
        level.orders[level.find(old)] = new  # it keeps its place

    def steps(self, price: int) -> int:
        index = self._index(price)
        found = self._keys[index : index + 1] == [self._sign * price]
        return self._levels[index].steps if found else 0

    def best(self) -> int | None:
        return self._sign * self._keys[-1] if self._keys else None

    def walk(self) -> Iterator[Resting]:
        """Best price first, then by place."""
        for level in reversed(self._levels):
            yield from level.orders

    def levels(self, limit: int | None) -> Iterator[tuple[int, int]]:
        first = 0 if limit is None else max(0, len(self._keys) - limit)
        for key, level in zip(self._keys[first:], self._levels[first:], strict=True):
            yield self._sign * key, level.steps

    def _index(self, price: int) -> int:
        return bisect_left(self._keys, self._sign * price)


_place = attrgetter("place")


def _reducing(maker: Resting, net: int) -> int:
    """The steps of a reduce-only order that reduce its owner's position."""
    return min(maker.quantity, max(0, net if maker.side == "Ask" else -net))


def _is_open(taker: Taker, maker: Resting, most: int | None) -> bool:
    """May ``taker`` trade with ``maker``?"""
    bounds = (taker.limit, taker.worst)
    worse = any(_is_worse(taker.side, maker.price, bound) for bound in bounds)
    return not worse and maker.owner != taker.owner and most != 0


def _is_worse(side: Side, price: int, bound: int | None) -> bool:
    """Is ``price`` worse than ``bound`` for a taker of that side? None: there is no bound."""
    if bound is None:
        return False
    return price > bound if side == "Bid" else price < bound
