"""A live order book: ``bp.order_book("SOL_USDC")`` follows the ``depth`` stream in a thread.

The stream has only changes. So the book subscribes first, then asks REST for the whole book, and
applies what changed since (``local_book`` has the rules). After a gap or a lost connection it does
that again by itself; until then it is stale, and every read raises StaleBook.

Source: Backpack Exchange API, "Streams", "Depth".
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from time import monotonic, sleep
from typing import TYPE_CHECKING, NamedTuple

from ..errors import InputError, StaleBook
from ..results import Rows
from .book_thread import BookThread
from .local_book import Level
from .names import micros

if TYPE_CHECKING:
    import pandas as pd

    from ..client import Client

OPENING = 20.0  # seconds until the book must be complete for the first time
PAUSE = 0.2  # seconds between two pictures


class Moment(NamedTuple):
    """A book at one moment. ``time``: the exchange's, UTC. ``bids`` and ``asks``: best first.

    A level is (price in the quote asset, quantity in the base asset), both Decimal.
    """

    symbol: str
    time: datetime
    update_id: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]

    @property
    def best_bid(self) -> Level | None:
        """The highest bid: ``.price`` and ``.quantity``. None if there is no bid."""
        return self.bids[0] if self.bids else None

    @property
    def best_ask(self) -> Level | None:
        """The lowest ask: ``.price`` and ``.quantity``. None if there is no ask."""
        return self.asks[0] if self.asks else None

    @property
    def spread(self) -> Decimal | None:
        """The best ask's price minus the best bid's. None if a side is empty."""
        if not (self.bids and self.asks):
            return None
        return self.asks[0].price - self.bids[0].price

    @property
    def mid(self) -> Decimal | None:
        """The price halfway between the best bid and the best ask. None if a side is empty."""
        if not (self.bids and self.asks):
            return None
        return (self.asks[0].price + self.bids[0].price) / 2

    @property
    def df(self) -> pd.DataFrame:
        """The levels as ``get_depth(...).df`` has them: side, price, quantity, highest ask first.

        Prices and quantities are float64; ``bids`` and ``asks`` have them as Decimal.
        """
        from ..frames import frame

        return frame("depth", {"asks": self.asks, "bids": self.bids[::-1]})

    def _repr_html_(self) -> str:
        return str(self.df._repr_html_())  # type: ignore[operator]  # pandas' stubs miss it


class OrderBook:
    """The order book of one market, kept up to date in a thread.

        with bp.order_book("SOL_USDC") as book:
            book.best_bid.price, book.spread
            now = book.now()                     # several values of one moment together

    **While it is stale, every read raises StaleBook**, never an old value: after a gap or a lost
    connection, until it has read the book again by itself. ``book.wait()`` waits for that.
    ``problems`` has what happened. Outside the block it is not followed, and reads raise too.

    ``depth``: how many levels a side are shown, at most; by default all that are known (at first up
    to 1,000 a side).
    """

    def __init__(self, client: Client, symbol: str, depth: int | None = None) -> None:
        if not isinstance(symbol, str) or not symbol:
            raise InputError("symbol", symbol, 'is not a market; write one such as "SOL_USDC"')
        whole = isinstance(depth, int) and not isinstance(depth, bool)
        if depth is not None and not (whole and depth >= 1):
            raise InputError("depth", depth, "is not a whole number of levels a side, 1 or more")
        self.symbol, self.depth, self._client = symbol, depth, client
        self._thread = BookThread(client, symbol)

    def open(self) -> None:
        """Follow the book from now on; returns when it is complete.

        Raises InputError (no such market), StreamError or TransportError (no connection) and
        StaleBook (it was not complete after 20 seconds).
        """
        if self._thread.ended is None:
            return
        self._client.market(self.symbol)  # with the fix in the error, and before anything is opened
        self._thread = BookThread(self._client, self.symbol)
        weakref.finalize(self, self._thread.close)  # also if it is forgotten
        self._thread.open(OPENING)

    def close(self) -> None:
        """Stop following. Idempotent."""
        self._thread.close()

    def __enter__(self) -> OrderBook:
        self.open()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        if "_thread" not in vars(self):  # a traceback may show a failed __init__
            return "OrderBook(not made)"
        try:
            now = self._moment(1)
        except StaleBook as stale:
            return f"OrderBook({self.symbol}, stale: {stale.reason})"
        bid, ask = (f"{side[0].price:f}" if side else "none" for side in (now.bids, now.asks))
        return f"OrderBook({self.symbol}, bid {bid}, ask {ask}, {now.time:%H:%M:%S.%f} UTC)"

    # --- read -------------------------------------------------------------------------------------

    def now(self) -> Moment:
        """All values of one moment, which do not change any more. Raises StaleBook."""
        return self._moment(self.depth)

    @property
    def best_bid(self) -> Level | None:
        """The highest bid: ``.price`` and ``.quantity``. None if there is no bid."""
        return self._thread.read(lambda book: book.bids.top())

    @property
    def best_ask(self) -> Level | None:
        """The lowest ask: ``.price`` and ``.quantity``. None if there is no ask."""
        return self._thread.read(lambda book: book.asks.top())

    @property
    def spread(self) -> Decimal | None:
        """The best ask's price minus the best bid's. None if a side is empty."""
        return self._moment(1).spread

    @property
    def mid(self) -> Decimal | None:
        """The price halfway between the best bid and the best ask. None if a side is empty."""
        return self._moment(1).mid

    @property
    def df(self) -> pd.DataFrame:
        """The levels as ``get_depth(...).df`` has them, the highest ask first."""
        return self.now().df

    @property
    def time(self) -> datetime:
        """When the book was last changed: the exchange's time, UTC."""
        return self._moment(1).time

    @property
    def update_id(self) -> int:
        """The id of the last update that the book has."""
        return self._moment(1).update_id

    @property
    def duplicates(self) -> int:
        """How many updates came again or too late. They change nothing."""
        return self._thread.book.duplicates

    @property
    def problems(self) -> Rows:
        """What went wrong, oldest first: time, event, reason, and the update ids.

        ``expected`` and ``came`` are update ids, or null. ``event``: gap, ids went back, crossed,
        not covered, unreadable, dropped or lost (the book became stale); old snapshot or
        no snapshot (it was asked for again); back (the connection); good again.
        """
        rows = Rows(self._thread.problems())
        rows.kind, rows.status, rows.headers = "stream:book_problems", 0, {}
        return rows

    def wait(self, seconds: float = 10) -> None:
        """Wait until the book is good. Raises StaleBook if it is not after ``seconds``."""
        self._thread.wait(_seconds(seconds))

    def watch(self, seconds: float = 15) -> None:
        """Draw the book in this cell, at most five times a second. The last picture stays.

        The stop button ends it. It works in a notebook only: elsewhere it raises BpkitError.
        """
        from ..plots import live_depth

        until, show, shown = monotonic() + _seconds(seconds), live_depth(), ""
        try:
            while not shown or monotonic() < until:
                shown = self._draw(show, shown)
                sleep(min(PAUSE, max(until - monotonic(), 0)))
        except KeyboardInterrupt:
            pass
        self._draw(show, shown)

    def _draw(self, show: Callable[[pd.DataFrame | None, str], None], shown: str) -> str:
        """Draw the present book if it is not the one of the title ``shown``. Returns its title."""
        now = None
        try:
            now = self.now()
            title = f"{self.symbol}, {now.time:%H:%M:%S} UTC, update {now.update_id}"
        except StaleBook as stale:
            title = f"{self.symbol} is stale: {stale.reason}"
        if title != shown:
            show(None if now is None else now.df, title)
        return title

    def _moment(self, depth: int | None) -> Moment:
        return self._thread.read(
            lambda book: Moment(
                self.symbol, micros(book.time_us), book.update_id,
                book.bids.view(depth), book.asks.view(depth),
            )
        )  # fmt: skip


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise InputError("seconds", value, "is not a number of seconds, 0 or more")
    return float(value)
