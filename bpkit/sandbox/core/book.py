"""One market's order book: price-time priority, in whole ticks and steps. No clock, no money.

Matching is a walk that changes nothing (``plan``) and a step that carries it out (``apply``), so
that whoever needs to know first (fill or kill, the cost of a market order) asks the same walk.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

Side = Literal["Bid", "Ask"]
OTHER: dict[Side, Side] = {"Bid": "Ask", "Ask": "Bid"}

# Why a match stopped with something left to trade.
NO_MATCH = "NoMatch"  # no order is left at the limit or better
SELF_TRADE = "SelfTradePrevention"
PRICE_IMPACT = "PriceImpact"
NOT_REDUCED = "ReduceOnlyNotReduced"


@dataclass(slots=True)
class Resting:
    """An order in the book. ``quantity``: what remains of it, in steps."""

    id: str
    owner: str
    side: Side
    price: int
    quantity: int
    reduce_only: bool = False


class Taker(NamedTuple):
    """An incoming order. One of ``quantity`` (steps) and ``budget`` (ticks * steps) is given.

    ``limit``: its own price, None for a market order. ``worst``: the farthest price at which it may
    trade for the sake of the market; None: anywhere. ``most``: steps after which a reduce-only
    order would no longer reduce; None: it is none.
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
    """So many steps taken from one resting order, at its price."""

    maker: str
    price: int
    quantity: int


class Match(NamedTuple):
    """What an incoming order meets. ``expired``: resting orders that it removes, of its own owner
    by self-trade prevention, of others because they would no longer reduce.

    ``stopped``: None when nothing is left to trade (of a budget: less than a step), otherwise why.
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
    """The resting orders of one market."""

    def __init__(self) -> None:
        self._orders: dict[str, Resting] = {}
        self._halves: dict[Side, _Half] = {"Bid": _Half(1), "Ask": _Half(-1)}

    def __contains__(self, id: str) -> bool:
        return id in self._orders

    def add(self, order: Resting) -> None:
        """Let an order rest, behind those of the same price. Whoever adds it has matched it before.

        ValueError: the id is taken, the quantity is not positive, or the book would be crossed.
        """
        if order.id in self._orders or order.quantity <= 0:
            raise ValueError(f"cannot add {order}")
        if self.crosses(order.side, order.price):
            raise ValueError(f"{order} crosses the book")
        self._orders[order.id] = order
        self._halves[order.side].add(order)

    def cancel(self, id: str) -> Resting:
        """Take an order out. KeyError: it does not rest here."""
        order = self._orders.pop(id)
        self._halves[order.side].remove(order)
        return order

    def best(self, side: Side) -> int | None:
        """The highest bid or the lowest ask, in ticks."""
        return self._halves[side].best()

    def crosses(self, side: Side, price: int) -> bool:
        """Would an order of that side and price meet another?"""
        best = self.best(OTHER[side])
        return best is not None and not _beyond(side, best, price)

    def levels(self, side: Side, limit: int | None = None) -> list[tuple[int, int]]:
        """(ticks, steps) a price, ascending: the best bid is last, the best ask first.

        ``limit``: only so many of the best.
        """
        return sorted(self._halves[side].levels(limit))

    def plan(self, taker: Taker, nets: Mapping[str, int] | None = None) -> Match:
        """What ``taker`` would meet now. Changes nothing.

        ``nets``: the positions (steps) of those who own reduce-only orders, which trade only as
        long as they reduce it.
        """
        fills: list[Fill] = []
        expired: list[str] = []
        nets, most = dict(nets or {}), taker.most
        left = taker.quantity if taker.budget is None else taker.budget
        if left is None or (taker.quantity is not None and taker.budget is not None):
            raise ValueError("give a quantity or a budget, not both")
        for maker in self._halves[OTHER[taker.side]].walk():
            wanted = left if taker.budget is None else left // maker.price
            if wanted == 0:
                return Match(fills, expired, None)
            if _beyond(taker.side, maker.price, taker.limit):
                return Match(fills, expired, NO_MATCH)
            if _beyond(taker.side, maker.price, taker.worst):
                return Match(fills, expired, PRICE_IMPACT)
            if maker.owner == taker.owner:
                if taker.prevention != "RejectTaker":
                    expired.append(maker.id)
                if taker.prevention != "RejectMaker":
                    return Match(fills, expired, SELF_TRADE)
                continue
            if most == 0:
                return Match(fills, expired, NOT_REDUCED)
            room = _room(maker, nets)
            taken = min(wanted, room, wanted if most is None else most)
            if room < maker.quantity and taken == room:
                expired.append(maker.id)
            if taken == 0:
                continue
            fills.append(Fill(maker.id, maker.price, taken))
            if maker.owner in nets:
                nets[maker.owner] += taken if maker.side == "Bid" else -taken
            most = None if most is None else most - taken
            if taken == wanted:
                return Match(fills, expired, None)
            left -= taken if taker.budget is None else taken * maker.price
        return Match(fills, expired, NO_MATCH)

    def apply(self, match: Match) -> None:
        """Carry out a plan made of this book as it is now."""
        for fill in match.fills:
            maker = self._orders[fill.maker]
            maker.quantity -= fill.quantity
            if maker.quantity == 0:
                self.cancel(maker.id)
        for id in match.expired:
            self.cancel(id)


class _Half:
    """One side. Its prices stand worst first, so that the busy end of the list is the cheap one."""

    def __init__(self, sign: int) -> None:
        self._sign = sign  # turns a price into a key that is higher the better the price
        self._keys: list[int] = []
        self._queues: dict[int, dict[str, Resting]] = {}  # of each key, oldest order first

    def add(self, order: Resting) -> None:
        key = self._sign * order.price
        if key not in self._queues:
            insort(self._keys, key)
            self._queues[key] = {}
        self._queues[key][order.id] = order

    def remove(self, order: Resting) -> None:
        key = self._sign * order.price
        del self._queues[key][order.id]
        if not self._queues[key]:
            del self._queues[key]
            del self._keys[bisect_left(self._keys, key)]

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


def _room(maker: Resting, nets: Mapping[str, int]) -> int:
    """How many steps of a resting order may trade."""
    if not maker.reduce_only:
        return maker.quantity
    net = nets.get(maker.owner, 0)
    return min(maker.quantity, max(0, net if maker.side == "Ask" else -net))


def _beyond(side: Side, price: int, bound: int | None) -> bool:
    """Is ``price`` worse than ``bound`` for one who takes from that side? None bounds nothing."""
    if bound is None:
        return False
    return price > bound if side == "Bid" else price < bound
