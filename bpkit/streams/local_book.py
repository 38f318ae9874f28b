"""Keep an order book up to date from its updates: the algorithm alone, without socket or clock.

``LocalBook`` gets the ``data`` of every ``depth`` frame (``add``) and snapshots of ``get_depth``
(``load``). Each update has the ids ``U`` (first) and ``u`` (last), and absolute quantities. So the
book is right as long as every update continues the one before. If one does not, the book is stale
until a snapshot fits again. A stale book has no levels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

Frame = Mapping[str, Any]
LIMIT = 1000  # the levels a side that a snapshot is asked for: the most that get_depth gives

# REST writes "86700" and the stream "86700.0": as Decimal they are one price. Prices come again.
_price = lru_cache(65536)(Decimal)


class Stale(NamedTuple):
    """Why a book is stale. ``expected`` and ``came``: update ids, or None if it is not about ids.

    ``event``: start, lost, gap, ids went back, unreadable, crossed, not covered, old snapshot.
    """

    event: str
    reason: str
    expected: int | None = None
    came: int | None = None


class Level(NamedTuple):
    """A price in the quote asset, and the quantity there in the base asset."""

    price: Decimal
    quantity: Decimal


class LocalBook:
    """One order book. ``stale``: why it is not usable, or None.

    ``update_id`` and ``time_us`` (the exchange's, in microseconds): of what it shows; -1 before the
    first snapshot. ``duplicates``: how many frames came again or too late.
    """

    def __init__(self) -> None:
        self.stale: Stale | None = Stale("start", "it is not read yet")
        self.update_id = self.time_us = -1
        self.duplicates = 0
        self.bids, self.asks = _Side(-1, ()), _Side(1, ())
        self._waiting: list[Frame] = []  # while stale: consecutive updates, for the next snapshot
        self._joined = False  # has an update been applied since the snapshot?
        self._heard = -1  # the last id of the newest frame ...
        self._heard_us = -1  # ... and its time
        self._newest = -1  # the highest id of all, frames and snapshots

    def lost(self, reason: str) -> Stale:
        """The connection was lost, so what is missed is not known. The next snapshot begins again.

        Frames of the new connection go to ``add`` as before.
        """
        return self._spoil(Stale("lost", reason), [])

    def add(self, frame: Frame) -> Stale | None:
        """Take the data of one frame. Returns why the book is stale if it is so because of this."""
        try:
            return self._add(frame)
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            return self._spoil(Stale("unreadable", f"an update cannot be read ({error!r})"), [])

    def load(self, snapshot: Frame, limit: int = LIMIT) -> Stale | None:
        """Take an answer of ``get_depth``, asked for with this limit. Returns None if it fits.

        Otherwise it returns the reason, and the next snapshot may fit.
        """
        try:
            return self._load(snapshot, limit)
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            return self._spoil(Stale("unreadable", f"a snapshot cannot be read ({error!r})"), [])

    def _add(self, frame: Frame) -> Stale | None:
        first, last = frame["U"], frame["u"]
        if last <= self._heard:
            if frame["T"] <= self._heard_us:
                self.duplicates += 1
                return None
            return self._went_back(frame)
        before, self._heard, self._heard_us = self._heard, last, frame["T"]
        if last > self._newest:
            self._newest = last
        if self.stale is not None:
            if self._waiting and first != before + 1:
                return self._gap(frame, before + 1)
            self._waiting.append(frame)
            return None
        at = self.update_id
        if last <= at:
            return None  # the snapshot was ahead of the stream, and has it already
        if first != at + 1 and (self._joined or first > at):
            return self._gap(frame, at + 1)
        self._apply(frame)
        return self._wrong()

    def _gap(self, frame: Frame, expected: int) -> Stale:
        came = frame["U"]
        reason = f"update {expected} was expected, and {came} came"
        return self._spoil(Stale("gap", reason, expected, came), [frame])

    def _went_back(self, frame: Frame) -> Stale:
        """The exchange counts from a lower number now, so older ids say nothing any more."""
        expected, came = self._heard + 1, frame["U"]
        self._heard = self._newest = frame["u"]
        self._heard_us = frame["T"]
        reason = f"update {expected} was expected, and {came} came with a later time"
        return self._spoil(Stale("ids went back", reason, expected, came), [frame])

    def _load(self, snapshot: Frame, limit: int) -> Stale | None:
        at = int(snapshot["lastUpdateId"])
        newer = [frame for frame in self._waiting if frame["u"] > at]
        needed = newer[0]["U"] - 1 if newer else self._newest
        if at < needed:
            reason = f"the snapshot is of update {at}, and one of {needed} or later is needed"
            return self._spoil(Stale("old snapshot", reason, needed, at), newer)
        self.bids = _Side(-1, snapshot["bids"], limit)
        self.asks = _Side(1, snapshot["asks"], limit)
        self.update_id, self.time_us = at, int(snapshot["timestamp"])
        self._newest = max(self._newest, at)
        self._waiting, self._joined, self.stale = [], False, None
        for frame in newer:
            self._apply(frame)
        return self._wrong()

    def _apply(self, frame: Frame) -> None:
        """Set the levels of one update; none at all still moves the id."""
        if bids := frame["b"]:
            self.bids.change(bids)
        if asks := frame["a"]:
            self.asks.change(asks)
        self.update_id, self.time_us, self._joined = frame["u"], frame["T"], True

    def _wrong(self) -> Stale | None:
        """Do the levels themselves say that the book cannot be right, or cannot be known?"""
        bid, ask = self.bids.best(), self.asks.best()
        if bid is not None and ask is not None and bid >= ask:
            crossed = f"its best bid {bid:f} is not below its best ask {ask:f}"
            return self._spoil(Stale("crossed", crossed), [])
        if self.bids.is_left(bid) or self.asks.is_left(ask):
            reason = "the price has left the levels of the snapshot"
            return self._spoil(Stale("not covered", reason), [])
        return None

    def _spoil(self, why: Stale, waiting: list[Frame]) -> Stale:
        """The book is stale from now on. ``waiting``: the updates that the next snapshot needs."""
        self.stale, self._waiting = why, waiting
        return why


class _Side:
    """The levels of one side. ``sign`` 1: the lowest price is the best (asks); -1: the highest.

    A snapshot that is as long as its ``limit`` says nothing of deeper levels. What is known of
    those is only what changed since, so they are kept but not shown.
    """

    def __init__(self, sign: int, levels: Iterable[tuple[str, str]], limit: int = LIMIT) -> None:
        self._sign = sign
        self._levels: dict[Decimal, Decimal] = {}
        self._ranks: list[Decimal] = []  # a heap of price * sign; some are removed already
        self.change(levels)
        whole = len(self._levels) < limit
        self._edge = None if whole else max(self._ranks)  # the rank of the deepest known level

    def change(self, levels: Iterable[tuple[str, str]]) -> None:
        """Set the quantities of these prices; 0 removes a price."""
        known, ranks, asks = self._levels, self._ranks, self._sign > 0
        for price, quantity in levels:
            key, size = _price(price), Decimal(quantity)
            if not size:
                known.pop(key, None)
            elif key in known:
                known[key] = size
            else:
                known[key] = size
                heappush(ranks, key if asks else -key)
        if len(ranks) > 2 * len(known) + 20:
            ranks[:] = [price * self._sign for price in known]
            heapify(ranks)

    def best(self) -> Decimal | None:
        """The best price, or None without levels."""
        known, ranks, asks = self._levels, self._ranks, self._sign > 0
        while ranks:
            price = ranks[0] if asks else -ranks[0]
            if price in known:
                return price
            heappop(ranks)
        return None

    def is_left(self, best: Decimal | None) -> bool:
        """Are all levels that are known for certain gone? ``best``: the best price of all."""
        if self._edge is None:
            return False
        return best is None or best * self._sign > self._edge

    def top(self) -> Level | None:
        """The best price and its quantity, or None without levels."""
        price = self.best()
        return None if price is None else Level(price, self._levels[price])

    def view(self, depth: int | None = None) -> tuple[Level, ...]:
        """The levels that are known for certain, best first: ``depth`` of them, or all."""
        prices = sorted(self._levels, reverse=self._sign < 0)
        edge = self._edge
        if edge is not None:
            prices = [price for price in prices[:depth] if price * self._sign <= edge]
        return tuple(Level(price, self._levels[price]) for price in prices[:depth])
