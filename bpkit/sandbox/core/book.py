"""Order book: match orders by price and time. Prices in ticks, quantities in steps.

``plan`` finds what an order would match and changes nothing; ``apply`` carries a plan out. So a
fill-or-kill order, or the cost of a market order, can be checked before anything changes.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Iterator, Mapping
from typing import Literal, NamedTuple

from ..undo import keep

PASS = "Pass"  # self-trade prevention of the market maker: it passes over its own quotes
Side = Literal["Bid", "Ask"]
OTHER: dict[Side, Side] = {"Bid": "Ask", "Ask": "Bid"}

# Why a match stopped before the whole order was traded.
NO_MATCH = "NoMatch"  # no order is left at the limit or better
SELF_TRADE = "SelfTradePrevention"
PRICE_IMPACT = "PriceImpact"
NOT_REDUCED = "ReduceOnlyNotReduced"


class Resting(NamedTuple):
    """An order in the book. ``quantity``: the steps that remain."""

    id: str
    owner: str
    side: Side
    price: int
    quantity: int
    reduce_only: bool = False


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
        self.touched: set[tuple[Side, int]] = set()
        self._orders: dict[str, Resting] = {}
        self._sides: dict[Side, _BookSide] = {"Bid": _BookSide(1), "Ask": _BookSide(-1)}

    def __contains__(self, id: str) -> bool:
        return id in self._orders

    def order(self, id: str) -> Resting:
        """An order in the book. KeyError: it is not there."""
        return self._orders[id]

    def take_touched(self) -> list[tuple[Side, int]]:
        """``touched``, sorted by price; then nothing is."""
        touched, self.touched = self.touched, set()
        return sorted(touched, key=lambda level: level[1])

    def add(self, order: Resting, before: Collection[str] = ()) -> None:
        """Add an order behind those of the same price, but before the orders with the ids
        ``before``. Match it first.

        ValueError: the id is used, the quantity is not above 0, or the price crosses the book.
        """
        if order.id in self._orders or order.quantity <= 0:
            raise ValueError(f"{order}: the id is used, or the quantity is not above 0")
        if self.crosses(order.side, order.price):
            raise ValueError(f"{order} crosses the book")
        keep(self, self._copy)
        self._orders[order.id] = order
        self._sides[order.side].add(order, before)
        self.touched.add((order.side, order.price))

    def cancel(self, id: str) -> Resting:
        """Remove an order. KeyError: it is not in the book."""
        keep(self, self._copy)
        order = self._orders.pop(id)
        self._sides[order.side].remove(order)
        self.touched.add((order.side, order.price))
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

    def plan(self, taker: Taker, nets: Mapping[str, int] | None = None) -> Match:
        """Match ``taker`` without changing the book.

        ``nets``: the position (steps) of each owner of reduce-only orders. These orders trade only
        while they reduce it.
        """
        fills: list[Fill] = []
        expired: list[str] = []
        nets, most = dict(nets or {}), taker.most
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
            tradable = _tradable(maker, nets)
            taken = min(wanted, tradable, wanted if most is None else most)
            if tradable < maker.quantity and taken == tradable:
                expired.append(maker.id)
            if taken == 0:
                continue
            fills.append(Fill(maker.id, maker.price, taken))
            if maker.owner in nets:
                nets[maker.owner] += taken if maker.side == "Bid" else -taken
            most = None if most is None else most - taken
            left -= taken if taker.budget is None else taken * maker.price
            full = taken == wanted
            # A step costs less at the next bid, so the rest of a budget may buy one there.
            if full and (taker.budget is None or taken < tradable):
                return Match(fills, expired, None)
        return Match(fills, expired, None if full else NO_MATCH)

    def apply(self, match: Match) -> None:
        """Carry out a plan. The book must not have changed since ``plan``."""
        keep(self, self._copy)
        for fill in match.fills:
            maker = self._orders[fill.maker]
            left = maker._replace(quantity=maker.quantity - fill.quantity)
            if left.quantity == 0:
                self.cancel(maker.id)
            else:
                self._orders[maker.id] = left
                self._sides[maker.side].change(left)
                self.touched.add((maker.side, maker.price))
        for id in match.expired:
            self.cancel(id)

    def _copy(self) -> tuple[set[tuple[Side, int]], dict[str, Resting], dict[Side, _BookSide]]:
        sides = {side: one.copy() for side, one in self._sides.items()}
        return set(self.touched), dict(self._orders), sides

    def _put_back(
        self, copy: tuple[set[tuple[Side, int]], dict[str, Resting], dict[Side, _BookSide]]
    ) -> None:
        self.touched, self._orders, self._sides = copy


class _BookSide:
    """One side of a book. Prices are sorted worst first: changes at the end of a list are fast."""

    def __init__(self, sign: int) -> None:
        self._sign = sign  # sign * price is a key: the better the price, the higher the key
        self._keys: list[int] = []
        self._queues: dict[int, dict[str, Resting]] = {}  # key -> its orders, oldest first

    def copy(self) -> _BookSide:
        other = _BookSide(self._sign)
        other._keys = list(self._keys)
        other._queues = {key: dict(queue) for key, queue in self._queues.items()}
        return other

    def add(self, order: Resting, before: Collection[str]) -> None:
        key = self._sign * order.price
        if key not in self._queues:
            insort(self._keys, key)
            self._queues[key] = {}
        queue = self._queues[key]
        queue[order.id] = order
        if before:
            for id in [id for id in queue if id in before]:
                queue[id] = queue.pop(id)  # to the end

    def remove(self, order: Resting) -> None:
        key = self._sign * order.price
        del self._queues[key][order.id]
        if not self._queues[key]:
            del self._queues[key]
            del self._keys[bisect_left(self._keys, key)]

    def change(self, order: Resting) -> None:
        self._queues[self._sign * order.price][order.id] = order  # it keeps its place

    def steps(self, price: int) -> int:
        return sum(order.quantity for order in self._queues.get(self._sign * price, {}).values())

    def best(self) -> int | None:
        return self._sign * self._keys[-1] if self._keys else None

    def walk(self) -> Iterator[Resting]:
        """Best price first, then oldest first."""
        for key in reversed(self._keys):
            yield from self._queues[key].values()

    def levels(self, limit: int | None) -> Iterator[tuple[int, int]]:
        first = 0 if limit is None else max(0, len(self._keys) - limit)
        for key in self._keys[first:]:
            yield self._sign * key, sum(order.quantity for order in self._queues[key].values())


def _tradable(maker: Resting, nets: Mapping[str, int]) -> int:
    """The steps of a resting order that may trade."""
    if not maker.reduce_only:
        return maker.quantity
    net = nets.get(maker.owner, 0)
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
