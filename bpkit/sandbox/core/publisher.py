"""Publish what happens in the markets while time passes: trades, books, and what is due by itself.

Events come in the order of their times. At one time: first the market's own trade, then the book,
then what the engine does to orders, then tickers and the like. So the events of a span are the same
however the span is cut into steps, except if a step is longer than COARSE_US: then books are
published once a minute (once an hour if it is longer than a day), and after each event of the
engine that changes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ..simulation.crowd import scramble
from ..simulation.market import Market
from ..simulation.synthetic import DAY, HOUR, MINUTE, Trade
from ..undo import Undoable, UndoDict
from . import stream_frames
from .book import Side
from .orders import EngineOrder
from .outbox import Data
from .timers import due

if TYPE_CHECKING:
    from .engine import Engine
    from .venue import Venue

COARSE_US = MINUTE  # a step that is longer is coarse
WINDOWS = {"200ms": 200_000, "600ms": 600_000, "1000ms": 1_000_000}  # of aggregated depth
FIRST_MADE_UP_ID = 20_000_000_000  # of orders of the simulated traders; users' ids are higher
IDS = 40  # made-up ids for each trade
Level = tuple[int, int]  # ticks, steps


class Shown(NamedTuple):
    """What was published of a book: the last change, and the best levels."""

    last: int
    bid: Level | None
    ask: Level | None


class Window(NamedTuple):
    """What is to be published at the end of a window: changes ``first`` to ``last``, at
    ``time_us``, and the levels that changed."""

    end_us: int
    first: int
    last: int
    time_us: int
    touched: frozenset[tuple[Side, int]]


class Publisher(Undoable):
    """Public events of an engine, put into its outbox. Nothing is made that nobody wants.

    ``coarse``: the span that passes is longer than COARSE_US.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine, self._outbox = engine, engine.outbox
        self._passed_us = engine.now_us  # trades and books are published until then
        self._due_us = engine.now_us  # and tickers and the like
        self._end_us, self.coarse = engine.now_us, False  # of the span that passes
        self._books_every = MINUTE  # of a coarse span
        self._shown: UndoDict[str, Shown] = UndoDict()
        self._windows: UndoDict[tuple[str, str], Window] = UndoDict()  # symbol, width

    @property
    def now_us(self) -> int:
        """The engine's time."""
        return self._engine.now_us

    # Time

    def begin(self, end_us: int) -> None:
        """Time begins to pass, to ``end_us``."""
        self._end_us, self.coarse = end_us, end_us - self.now_us > COARSE_US
        self._books_every = HOUR if end_us - self.now_us > DAY else MINUTE

    def cut(self) -> None:
        """The span ends now."""
        self._end_us = self.now_us

    def until(self, time_us: int) -> None:
        """Publish trades and books up to that time, included, and what is due before it."""
        self._publish(time_us, time_us - 1)

    def finish(self) -> None:
        """Publish all that is due until the end of the span, included."""
        self._publish(self._end_us, self._end_us)

    def _publish(self, time_us: int, due_us: int) -> None:
        if self._outbox.wanted:
            found = [*self._trades(time_us), *self._books(time_us), *self._timers(due_us)]
            for at_us, _, publish in sorted(found, key=lambda item: item[:2]):
                self._close_windows(at_us)
                publish()
        self._close_windows(time_us)
        self._passed_us, self._due_us = time_us, due_us

    def _trades(self, until_us: int) -> Iterator[tuple[int, int, Callable[[], None]]]:
        for market in self._wanted("trade"):
            feed = self._engine.feed(market.symbol)
            for trade in feed.own_trades(self._passed_us, until_us):
                yield trade.time_us, 0, partial(self.trade, market, trade, None, None)

    def _books(self, until_us: int) -> Iterator[tuple[int, int, Callable[[], None]]]:
        for market in self._wanted("bookTicker", "depth", *(f"depth.{name}" for name in WINDOWS)):
            # A subscription makes the venue, at its own time.
            venue = self._engine.venues.get(market.symbol) or self._engine.venue(market)
            for at_us in self._book_times(venue, until_us):
                yield at_us, 1, partial(venue.refresh, at_us)

    def _book_times(self, venue: Venue, until_us: int) -> list[int]:
        if not self.coarse:
            return venue.feed.book_times(self._passed_us, until_us)
        every = self._books_every
        first = (self._passed_us // every + 1) * every
        times = [*range(first, until_us + 1, every)]
        return [*times, until_us] if until_us == self._end_us and until_us % every else times

    def _timers(self, until_us: int) -> Iterator[tuple[int, int, Callable[[], None]]]:
        for at_us, send in due(self._engine, self._due_us, until_us, self.coarse):
            yield at_us, 2, send

    def _wanted(self, *kinds: str) -> Iterator[Market]:
        """The open markets of which a stream of one of these kinds is wanted."""
        for market in self._engine.markets.values():
            if market.open and self._outbox.wants(*(f"{kind}.{market.symbol}" for kind in kinds)):
                yield market

    # Trades

    def trade(
        self, market: Market, trade: Trade, maker: EngineOrder | None, taker: EngineOrder | None
    ) -> None:
        """Publish a trade. None: an order of the simulated traders."""

        def make() -> Data:
            made_up = made_up_ids(trade.id)
            ids = [
                made_up[place] if order is None else order.id
                for place, order in enumerate((maker, taker))
            ]
            buyer, seller = ids if trade.buyer_is_maker else reversed(ids)
            return stream_frames.trade(market, trade, buyer, seller, trade.time_us)

        self._outbox.add(f"trade.{market.symbol}", make=make)

    # Books

    def book(self, venue: Venue, time_us: int) -> None:
        """Publish what changed in a book since the last call."""
        symbol, touched = venue.market.symbol, venue.book.take_touched()
        new = Shown(venue.update_id, venue.book.top("Bid"), venue.book.top("Ask"))
        old = self._shown.get(symbol)
        self._shown[symbol] = new
        if old is None or not self._outbox.wanted:  # nobody can have seen an older book
            return
        change = Window(time_us, old.last + 1, new.last, time_us, frozenset(touched))
        self._depth(venue, f"depth.{symbol}", change)
        if new[1:] != old[1:]:
            ticker = partial(stream_frames.book_ticker, venue.market, *new[1:], new.last, time_us)
            self._outbox.add(f"bookTicker.{symbol}", make=ticker)
        for name in WINDOWS:
            if self._outbox.wants(f"depth.{name}.{symbol}"):
                self._collect(symbol, name, change)

    def _depth(self, venue: Venue, stream: str, change: Window) -> None:
        def levels(side: Side) -> list[Level]:
            prices = sorted(price for one, price in change.touched if one == side)
            return [(price, venue.book.steps(side, price)) for price in prices]

        def make() -> Data:
            return stream_frames.depth(
                venue.market,
                change.first,
                change.last,
                levels("Bid"),
                levels("Ask"),
                change.time_us,
            )

        self._outbox.add(stream, make=make)

    def _collect(self, symbol: str, name: str, change: Window) -> None:
        """Add a change to the window that it is in."""
        open_window, width = self._windows.get((symbol, name)), WINDOWS[name]
        first, touched = change.first, change.touched
        if open_window is not None:
            first, touched = open_window.first, touched | open_window.touched
        end_us = change.time_us // width * width + width
        self._windows[symbol, name] = Window(end_us, first, change.last, change.time_us, touched)

    def _close_windows(self, now_us: int) -> None:
        """Publish the windows that have ended by now."""
        ends = sorted((one.end_us, *key) for key, one in self._windows.items())
        for _, symbol, name in [end for end in ends if end[0] <= now_us]:
            window = self._windows.pop((symbol, name))
            self._depth(self._engine.venues[symbol], f"depth.{name}.{symbol}", window)


def made_up_ids(trade_id: int) -> tuple[str, str]:
    """The ids of the maker's and the taker's order, if both are simulated traders'.

    The taker's ids rise from trade to trade. The maker's order is older: it came within the fifty
    trades before.
    """
    draw = scramble(trade_id)
    taker = FIRST_MADE_UP_ID + trade_id * IDS + draw % IDS
    return str(taker - IDS * (1 + (draw >> 32) % 50)), str(taker)
