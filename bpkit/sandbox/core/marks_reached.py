"""Find the next second at which a mark or index price matters: a trigger fires, or an account is
short of margin.

Index and mark prices change at whole seconds only, so everything that they cause happens then. A
span is searched by halves: a half is left out if even its lowest and highest prices are not enough.
Times are in microseconds UTC (``_us``); ``first`` and ``last`` are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from ..simulation.synthetic import SECOND
from ..undo import Undoable, UndoDict, UndoTable
from .ledger import exact
from .margin import Margin
from .orders import EngineAccount

if TYPE_CHECKING:
    from .engine import Engine
    from .venue import Venue

PIECE = 3_600  # seconds
AROUND = Decimal("0.01")  # of a mark: how far it may move before all accounts are checked again


def next_trigger(venue: Venue, start_us: int, end_us: int) -> int | None:
    """When the first trigger of a venue fires that watches its mark or index price.

    Both ends of the span are included. None: no such trigger fires in the span.
    """
    watching = [one for one in venue.triggers.values() if one.by != "LastPrice"]

    def possible(first: int, last: int) -> bool:
        for trigger in watching:
            by_index = trigger.by == "IndexPrice"
            find = venue.feed.index_range if by_index else venue.feed.mark_range
            low, high = find(first * SECOND, last * SECOND)
            if trigger.is_due(high if trigger.rising else low):
                return True
        return False

    return _first_us(possible, start_us, end_us) if watching else None


def next_shortfall(
    engine: Engine, account: EngineAccount, start_us: int, end_us: int
) -> int | None:
    """When an account gets short of margin if none of its orders is filled before.

    Both ends of the span are included. None: it has enough throughout.
    """

    def possible(first: int, last: int) -> bool:
        def worst(symbol: str) -> Decimal:
            feed, market = engine.feed(symbol), engine.markets[symbol]
            if market.kind == "PERP":
                low, high = feed.mark_range(first * SECOND, last * SECOND)
                return low if account.net(symbol) > 0 else high
            with exact():
                return market.price(feed.lowest(first * SECOND, last * SECOND))

        def highest(symbol: str) -> Decimal:
            feed, market = engine.feed(symbol), engine.markets[symbol]
            with exact():
                return market.price(feed.highest(first * SECOND, last * SECOND))

        return Margin(engine.markets, worst, highest).is_short(account)

    risky = account.positions or account.borrows
    return _first_us(possible, start_us, end_us) if risky else None


class Shortfalls(Undoable):
    """When accounts get short of margin, without a look at each of them.

    There is a range of marks for each market. An account whose USDC is enough at the worst ends of
    these ranges is safe while the marks stay in them and the account does not change. Only the
    others, ``unsure``, are searched, and all accounts with a loan: its interest and other assets
    count too.
    """

    def __init__(self) -> None:
        self._ranges: UndoDict[str, tuple[Decimal, Decimal]] = UndoDict()
        self.unsure: UndoTable[None] = UndoTable()  # public keys of accounts with a position

    def find(self, engine: Engine, start_us: int, end_us: int) -> list[tuple[int, EngineAccount]]:
        """The accounts that get short in a span, the oldest first, and when: see
        ``next_shortfall``."""
        first, last = -(-start_us // SECOND) * SECOND, end_us // SECOND * SECOND
        if first > last:
            return []
        self._widen(engine, first, last)
        unsure = [engine.settlement.holders[key] for key in self.unsure]
        at_risk = [account for account in unsure if not self._is_safe(account, engine)]
        others = engine.lending.users.keys() - engine.settlement.holders.keys()
        at_risk += [engine.accounts[key] for key in others if engine.accounts[key].borrows]
        found = []
        for account in sorted(at_risk, key=lambda one: one.user_id):
            if (at_us := next_shortfall(engine, account, start_us, end_us)) is not None:
                found.append((at_us, account))
        return found

    def _widen(self, engine: Engine, first_us: int, last_us: int) -> None:
        """Make ranges that the marks of a span are in; if they left one, nobody is safe."""
        for symbol in engine.settlement.held:
            low, high = engine.feed(symbol).mark_range(first_us, last_us)
            known = self._ranges.get(symbol)
            if known is None or low < known[0] or high > known[1]:
                self._ranges[symbol] = low * (1 - AROUND), high * (1 + AROUND)
                self.unsure |= dict.fromkeys(engine.settlement.holders)

    def _is_safe(self, account: EngineAccount, engine: Engine) -> bool:
        def worst(symbol: str) -> Decimal:
            return self._ranges[symbol][0 if account.net(symbol) > 0 else 1]

        if account.loans or not Margin(engine.markets, worst).cash_is_enough(account):
            return False
        self.unsure.pop(account.public_key, None)
        return True


def _first_us(possible: Callable[[int, int], bool], start_us: int, end_us: int) -> int | None:
    """The first whole second from ``start_us`` to ``end_us`` that is possible."""
    first, end = -(-start_us // SECOND), end_us // SECOND
    while first <= end:
        last = min(end, -(-first // PIECE) * PIECE)  # a piece ends with the first second of an hour
        found = _first(possible, first, last)
        if found is not None:
            return found * SECOND
        first = last + 1
    return None


def _first(possible: Callable[[int, int], bool], first: int, last: int) -> int | None:
    """``possible`` is true of a span if it is true of a second in it, perhaps of others too."""
    if not possible(first, last):
        return None
    if first == last:
        return first
    middle = (first + last) // 2
    found = _first(possible, first, middle)
    return _first(possible, middle + 1, last) if found is None else found
