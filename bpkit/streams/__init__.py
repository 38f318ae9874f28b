"""Live events from the exchange's WebSocket: ``bp.stream`` and ``bp.order_book``.

``names`` knows the streams and what the letters of their events mean. ``websocket`` opens a socket,
``connection`` keeps it, and ``inbox`` is what waits to be read. ``events`` and ``event`` are what
``bp.stream`` gives; ``missed`` asks REST for what was missed.

``local_book`` keeps a book right from its updates, without a socket. ``book_thread`` feeds it from
the stream and from REST, and ``order_book`` is what ``bp.order_book`` gives.

Source: Backpack Exchange API, "Streams".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from .event import Event
from .events import Events
from .order_book import OrderBook

if TYPE_CHECKING:
    from ..client import Client

__all__ = ["Event", "Events", "OrderBook", "Streams"]


class Streams:
    """What a Client knows of live events."""

    def stream(
        self,
        *streams: str,
        seconds: float | None = 60,
        count: int | None = None,
        reconnect: bool = True,
    ) -> Events:
        """Live events, in a ``with`` block and a ``for`` loop. They are also a DataFrame.

            with bp.stream("trade.SOL_USDC", seconds=10) as events:
                for event in events:
                    print(event.time, event.price, event.quantity)
            events.df

        ``streams``: ``trade``, ``bookTicker``, ``depth``, ``kline.1m``, ``ticker``, ``markPrice``,
        ``openInterest``, ``liquidation``, each with ``.<symbol>``; with a key also
        ``account.orderUpdate``, ``account.positionUpdate`` (with a symbol or without) and
        ``account.balanceUpdate``. Everything is subscribed when the block begins, and what you
        order in it is on the stream. Leaving the block closes the socket.

        The ``for`` ends ``seconds`` after the block began (None: never), at ``count`` events of
        data, at ``break``, and at Ctrl+C or the stop button. Prices are Decimal, times UTC; names
        are those of REST (``event.price``, ``event.order_id``), and ``event.raw`` is what was sent.
        ``events.wait(order_id=..., status="Filled", seconds=30)`` gives one event, or None.

        ``event.kind`` is "data", or says what happened to the streams: "lost" and "back" (the
        connection), "gap" (what is missing, and what to ask), "dropped" (nobody read 10,000
        events), "refused". A lost connection is opened again, ten times at most, and all is
        subscribed again; ``reconnect=False`` turns that off. What was missed is read from REST,
        marked ``event.filled``, if REST has it: trades, candles, orders and their fills, balances,
        closed positions. An order that the stream never showed and that was cancelled meanwhile
        cannot be found. The order between two streams is that of arrival, and means nothing more.

        Raises InputError for a name that is not a stream's, and for a market that would be silent
        (unknown, closed, spot for a stream of futures), MissingKeyError, StreamError without a
        connection or if the exchange refuses, TransportError if the markets cannot be read, and
        MissingExtraError (pip install "bpkit[streams]"). Docs: Streams.
        """
        return Events(cast("Client", self), streams, seconds, count, reconnect)

    def order_book(self, symbol: str, depth: int | None = None) -> OrderBook:
        """A live order book, which a thread keeps up to date while the ``with`` block lasts.

            with bp.order_book("SOL_USDC") as book:
                book.best_bid.price, book.best_ask.quantity, book.spread, book.mid
                book.df                  # as get_depth("SOL_USDC").df
                now = book.now()         # several values of one moment together
                book.watch(seconds=15)   # draw it in this cell, of a notebook

        **While it is stale, every read raises StaleBook**, never an old value: after a gap or a
        lost connection, until it has read the book again by itself. ``book.wait(seconds=10)`` waits
        for that. ``book.problems.df`` has what happened.

        ``depth``: how many levels a side are shown, at most; by default all that are known (up to
        1,000 a side are read at first). Prices and quantities are Decimal.

        The block raises InputError (also for an unknown market), StreamError or TransportError
        without a connection, StaleBook if the book was not complete after 20 seconds, and
        MissingExtraError (pip install "bpkit[streams]"). Docs: Streams, Depth.
        """
        return OrderBook(cast("Client", self), symbol, depth)
