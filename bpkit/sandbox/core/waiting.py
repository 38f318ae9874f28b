"""Sums and indexes of one account's orders and fills, so that nobody must look through them all."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ..simulation.market import Market
from ..undo import Undoable, UndoDict, UndoList, UndoTable
from .book import Side

if TYPE_CHECKING:
    from .orders import EngineOrder

V = TypeVar("V")


class ByMarket(UndoDict[str, UndoList[V]]):
    """The rows of a history by symbol, and by SPOT and PERP, oldest first."""

    def add(self, market: Market, row: V) -> None:
        """Add a row of that market."""
        for key in (market.symbol, market.kind):
            self.setdefault(key, UndoList()).append(row)


class Waiting(Undoable):
    """``futures``: symbol -> the number of open orders. ``conditional``: the number of those that
    wait for a price. ``reducing``: symbol -> the reduce-only orders, by id, oldest first.
    """

    def __init__(self) -> None:
        self.futures: UndoDict[str, int] = UndoDict()
        self.conditional = 0
        self.reducing: UndoDict[str, UndoTable[EngineOrder]] = UndoDict()
        self._steps: UndoDict[tuple[str, Side], int] = UndoDict()
        self._by_client: UndoTable[UndoTable[EngineOrder]] = UndoTable()

    def steps(self, symbol: str) -> tuple[int, int]:
        """Steps of a future that open orders may still buy and sell, without reduce-only orders."""
        return self._steps.get((symbol, "Bid"), 0), self._steps.get((symbol, "Ask"), 0)

    def newest(self, symbol: str, client_id: int | None) -> EngineOrder | None:
        """The newest open order of that client id."""
        found = self._by_client.get(f"{symbol} {client_id}")
        return next(reversed(found.values())) if found else None

    def add(self, order: EngineOrder) -> None:
        """An order is open now."""
        request, symbol = order.request, order.request.market.symbol
        self.conditional += request.conditional
        if request.client_id is not None:
            key = f"{symbol} {request.client_id}"
            self._by_client.setdefault(key, UndoTable())[order.id] = order
        if request.future:
            self.futures[symbol] = self.futures.get(symbol, 0) + 1
            self._change(order, order.remaining)
        if request.reduce_only:
            self.reducing.setdefault(symbol, UndoTable())[order.id] = order

    def fill(self, order: EngineOrder, steps: int) -> None:
        """A part of an open order was filled."""
        if order.request.future:
            self._change(order, -steps)

    def remove(self, order: EngineOrder) -> None:
        """An order is no longer open."""
        request, symbol = order.request, order.request.market.symbol
        self.conditional -= request.conditional
        if request.client_id is not None:
            key = f"{symbol} {request.client_id}"
            del self._by_client[key][order.id]
            if not self._by_client[key]:
                del self._by_client[key]
        if request.future:
            self._change(order, -order.remaining)
            self.futures[symbol] -= 1
            if not self.futures[symbol]:
                del self.futures[symbol]
        if request.reduce_only:
            del self.reducing[symbol][order.id]

    def _change(self, order: EngineOrder, steps: int) -> None:
        if not order.request.reduce_only:
            key = order.request.market.symbol, order.request.side
            self._steps[key] = self._steps.get(key, 0) + steps
