"""The market maker's quotes in one book: the levels of the price feed, less what users took."""

from __future__ import annotations

from ..simulation.price_feed import PriceFeed
from ..undo import Undoable, UndoDict
from .book import Book, Resting, Side

MARKET_MAKER = "market maker"  # not a public key: those have 44 characters
Key = tuple[Side, int]  # a side and a price in ticks


class Quotes(Undoable):
    """One quote at each level of the feed's book. ``count``: how often that book had changed when
    the quotes were last moved.

    What users took from a quote stays taken until the feed's next own trade. At one price, a quote
    is before the users' orders that came after that trade, and behind those that were there. So the
    book does not depend on how often the quotes were moved.
    """

    def __init__(self, feed: PriceFeed, book: Book) -> None:
        self.count = -1
        self._feed, self._book = feed, book
        self._ids: UndoDict[Key, str] = UndoDict()
        self._taken: UndoDict[Key, int] = UndoDict()  # steps
        # Levels to which users' orders came since the last own trade. Their places in the book are
        # above ``_front``, which is that of the quotes.
        self._late: UndoDict[Key, None] = UndoDict()
        self._front = self._last_place = 0
        self._made = 0
        self._moved_us: int | None = None
        self._trades = -1  # own trades of the feed when the quotes were last moved

    def move(self, now_us: int, again: bool = False) -> bool:
        """Change the quotes that differ from the feed's book. Returns whether that book has changed
        since the last time. ``again``: it may have changed at a time at which they were moved.

        A quote that crosses a user's order is left out. See ``missing``.
        """
        if now_us == self._moved_us and not again:
            return False
        self._moved_us = now_us
        count, trades = self._feed.book_count(now_us), self._feed.trade_count(now_us)
        if count == self.count:
            return False
        if trades != self._trades:
            self._go_behind()
        self.count, self._trades = count, trades
        wanted = self._wanted(now_us)
        for key, id in list(self._ids.items()):
            if self._book.order(id).quantity != wanted.get(key):
                self._book.cancel(id)
                del self._ids[key]
        for key, steps in wanted.items():
            if key not in self._ids:
                self._place(key, steps)
        return True

    def missing(self, now_us: int) -> list[tuple[Key, int]]:
        """The quotes that were left out, and their quantities. The best of a side are first."""
        wanted = self._wanted(now_us).items()
        return [(key, steps) for key, steps in wanted if key not in self._ids]

    def add(self, key: Key, steps: int, taken: int) -> None:
        """Add a quote that was missing, after it took ``taken`` steps of users' orders."""
        self._take(key, taken)
        if steps > taken:
            self._place(key, steps - taken)

    def place(self, side: Side, price: int) -> int:
        """The place of a user's order that comes to rest."""
        self._late[side, price] = None
        self._last_place += 1
        return self._last_place

    def took(self, side: Side, price: int, steps: int) -> None:
        """A user took so much from a quote."""
        self._take((side, price), steps)
        if self._ids[side, price] not in self._book:
            del self._ids[side, price]

    def _go_behind(self) -> None:
        """The feed's next own trade: all quotes are there again, behind the users' orders."""
        self._taken.clear()
        self._last_place += 1
        self._front = self._last_place
        for key in [key for key in self._ids if key in self._late]:
            self._book.cancel(self._ids.pop(key))
        self._late.clear()

    def _take(self, key: Key, steps: int) -> None:
        self._taken[key] = self._taken.get(key, 0) + steps

    def _wanted(self, now_us: int) -> dict[Key, int]:
        bids, asks = self._feed.levels(now_us)
        levels: dict[Key, int] = {("Bid", price): steps for price, steps in bids}
        levels |= {("Ask", price): steps for price, steps in asks}
        if self._taken:
            levels = {key: steps - self._taken.get(key, 0) for key, steps in levels.items()}
        return {key: steps for key, steps in levels.items() if steps > 0}

    def _place(self, key: Key, steps: int) -> None:
        side, price = key
        if not self._book.crosses(side, price):
            self._made += 1
            self._ids[key] = f"q{self._made}"
            id, place = self._ids[key], self._front
            self._book.add(Resting(id, MARKET_MAKER, side, price, steps, place=place))
