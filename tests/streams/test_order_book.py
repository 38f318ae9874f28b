"""``bp.order_book``: it follows a small exchange of the test, through gaps, losses and refusals."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from stream_server import StreamServer, wait_for
from test_local_book import frame, snapshot

from bpkit import BpkitError, Client, InputError, StaleBook, TransportError, plots
from bpkit.streams import book_thread, connection, order_book
from bpkit.streams.local_book import LocalBook
from bpkit.streams.order_book import OrderBook

STREAM, PATH = "depth.SOL_USDC", "/api/v1/depth"
BIDS, ASKS = {"99": "1", "98.5": "2"}, {"101": "3", "102": "4"}
NOON = 1_788_264_000_000_000  # 2026-09-01T12:00Z in microseconds


class Exchange(StreamServer):
    """With a depth: ``snapshots`` are what it answers, in turn; the last one is repeated."""

    def __init__(self) -> None:
        super().__init__()
        self.snapshots: list[dict[str, Any]] = [snapshot(10, BIDS, ASKS, NOON)]
        self.subscribed: list[bool] = []  # at each answer: was the stream subscribed before?
        self.rest[PATH] = self._depth

    def _depth(self, query: str) -> dict[str, Any]:
        assert query == "limit=1000&symbol=SOL_USDC"
        self.subscribed.append(any(STREAM in one.streams for one in self.open_sessions))
        return self.snapshots.pop(0) if len(self.snapshots) > 1 else self.snapshots[0]

    def update(self, first: int, **sides: str) -> None:
        self.push(STREAM, frame(first, time=NOON + first, **sides))


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Iterator[Exchange]:
    monkeypatch.setattr(connection, "BACKOFF", 0.01)
    monkeypatch.setattr(book_thread, "BACKOFF", 0.01)
    monkeypatch.setattr(order_book, "OPENING", 3.0)
    server = Exchange()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def book(exchange: Exchange) -> Iterator[OrderBook]:
    with Client(exchange.url) as bp, bp.order_book("SOL_USDC") as followed:
        yield followed


def events(book: OrderBook) -> list[str]:
    return [row["event"] for row in book.problems]


def is_stale(book: OrderBook) -> bool:
    try:
        return not book.now()
    except StaleBook:
        return True


# --- what it shows --------------------------------------------------------------------------------


def test_it_shows_the_book_at_once_and_follows_it(exchange: Exchange, book: OrderBook) -> None:
    assert exchange.subscribed == [True]
    assert book.update_id == 10 and book.time == datetime(2026, 9, 1, 12, tzinfo=UTC)
    assert book.best_bid == (Decimal("99"), Decimal("1"))
    exchange.update(11, bids="99.50 7.00", asks="101.00 0.00")
    wait_for(lambda: book.update_id == 11)
    assert book.best_bid is not None and book.best_ask is not None
    assert (book.best_bid.price, book.best_bid.quantity) == (Decimal("99.5"), 7)
    assert (book.best_ask.price, book.best_ask.quantity) == (102, 4)
    assert (book.spread, book.mid) == (Decimal("2.5"), Decimal("100.75"))
    assert book.time == datetime(2026, 9, 1, 12, 0, 0, 11, tzinfo=UTC)
    assert events(book) == [] and book.duplicates == 0
    assert repr(book) == "OrderBook(SOL_USDC, bid 99.50, ask 102, 12:00:00.000011 UTC)"


def test_its_frame_is_that_of_get_depth(exchange: Exchange, book: OrderBook) -> None:
    with Client(exchange.url) as bp:
        expected = bp.get_depth("SOL_USDC", limit=1000).df
    pd.testing.assert_frame_equal(book.df, expected)
    assert "<table" in book.now()._repr_html_()


def test_a_moment_does_not_change(exchange: Exchange, book: OrderBook) -> None:
    before = book.now()
    exchange.update(11, bids="99.00 0", asks="100.00 1")
    wait_for(lambda: book.update_id == 11)
    assert before.bids == ((99, 1), (Decimal("98.5"), 2)) and before.asks == ((101, 3), (102, 4))
    assert (before.symbol, before.update_id, before.spread, before.mid) == ("SOL_USDC", 10, 2, 100)
    assert (before.best_bid, before.best_ask) == ((99, 1), (101, 3))
    assert len(before.df) == 4 and book.now().spread == Decimal("1.5")


def test_an_empty_side_is_none(exchange: Exchange, book: OrderBook) -> None:
    exchange.update(11, bids="99 0, 98.5 0")
    wait_for(lambda: book.update_id == 11)
    assert book.best_bid is None and book.spread is None and book.mid is None
    assert book.now().best_bid is None and len(book.df) == 2
    assert "bid none, ask 101" in repr(book)


def test_depth_is_a_view(exchange: Exchange) -> None:
    with Client(exchange.url) as bp, bp.order_book("SOL_USDC", depth=1) as book:
        assert (book.now().bids, book.now().asks, len(book.df)) == (((99, 1),), ((101, 3),), 2)
        exchange.update(11, bids="99 0")
        wait_for(lambda: book.update_id == 11)
        assert book.now().bids == ((Decimal("98.5"), 2),)


# --- gaps and losses ------------------------------------------------------------------------------


def test_a_gap_raises_with_both_ids_until_it_is_good_again(
    exchange: Exchange, book: OrderBook
) -> None:
    """The snapshots of 10 and 11 are too old: update 12 was missed."""
    exchange.snapshots = [snapshot(at, BIDS, ASKS) for at in (10, 11, 11)]
    exchange.update(11)
    exchange.update(13, bids="99 5")
    wait_for(lambda: "old snapshot" in events(book))
    for read in ("best_bid", "best_ask", "spread", "mid", "df", "time", "update_id"):
        with pytest.raises(StaleBook, match="The book of SOL_USDC is stale: .*12.*") as caught:
            getattr(book, read)
        assert (caught.value.symbol, caught.value.expected) == ("SOL_USDC", 12)
        assert caught.value.came in (10, 11)
    assert "stale" in repr(book)
    exchange.snapshots = [snapshot(12, {"99": "2"}, {"101": "2"})]
    book.wait()
    assert book.update_id == 13 and book.now().bids == ((99, 5),)
    assert events(book)[:2] == ["gap", "old snapshot"] and events(book)[-1] == "good again"
    first = book.problems[0]
    assert (first["expected"], first["came"]) == (12, 13)
    assert first["reason"] == "update 12 was expected, and 13 came"


def test_the_table_of_problems(exchange: Exchange, book: OrderBook) -> None:
    columns = {"time": "datetime64[us, UTC]", "expected": "Int64", "came": "Int64"}
    assert list(book.problems.df) == ["time", "event", "reason", "expected", "came"]
    assert book.problems.df[[*columns]].dtypes.map(str).to_dict() == columns
    exchange.snapshots = [snapshot(15, BIDS, ASKS)]
    exchange.update(13)
    wait_for(lambda: events(book) == ["gap", "good again"])
    frame = book.problems.df
    assert frame[[*columns]].dtypes.map(str).to_dict() == columns
    assert frame["came"].tolist() == [13, pd.NA] and frame["time"].is_monotonic_increasing


def test_snapshots_that_stay_old_are_asked_for_more_and_more_rarely(
    exchange: Exchange, book: OrderBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book_thread, "MOST_BACKOFF", 0.04)
    begun = book._thread._trouble_at
    exchange.update(13)
    wait_for(lambda: events(book).count("old snapshot") == 5)
    # 0.01, 0.02 and then three times 0.04: never sooner than planned.
    assert book._thread._trouble_at - begun > 0.01 + 0.02 + 3 * 0.04
    with pytest.raises(StaleBook, match="one of 12 or later is needed"):
        book.wait(0.01)


def test_a_lost_connection_is_begun_again(exchange: Exchange, book: OrderBook) -> None:
    exchange.snapshots = [snapshot(20, {"98": "1"}, {"101": "1"})]
    exchange.session.cut()
    wait_for(lambda: "lost" in events(book))
    book.wait()
    assert book.update_id == 20 and exchange.subscribed == [True, True]
    assert events(book) == ["lost", "back", "good again"]
    exchange.update(21, bids="98 0")
    wait_for(lambda: book.best_bid is None)


def test_while_the_connection_is_away_nothing_is_read(exchange: Exchange, book: OrderBook) -> None:
    exchange.refuse = 503
    exchange.session.cut()
    wait_for(lambda: "lost" in events(book))
    with pytest.raises(StaleBook, match="stale: the connection was cut") as caught:
        book.best_bid  # noqa: B018
    assert caught.value.expected is None
    assert len(exchange.subscribed) == 1
    exchange.refuse = 0
    book.wait()


def test_a_connection_that_is_lost_for_good(
    exchange: Exchange, book: OrderBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "TRIES", 0)
    exchange.session.cut()
    with pytest.raises(StaleBook, match="with bp.order_book"):
        wait_for(lambda: book.wait(0) and False)
        book.wait()


def test_a_duplicate_is_counted(exchange: Exchange, book: OrderBook) -> None:
    for first in (11, 11, 12):
        exchange.update(first, bids="99 5")
    wait_for(lambda: book.update_id == 12)
    assert book.duplicates == 1 and events(book) == []


def test_a_crossed_book_is_read_again(exchange: Exchange, book: OrderBook) -> None:
    exchange.snapshots = [snapshot(11, BIDS, ASKS)]
    exchange.update(11, bids="101 1")
    wait_for(lambda: events(book) == ["crossed", "good again"])
    assert book.best_bid == (99, 1)


# --- what cannot go well --------------------------------------------------------------------------


def test_outside_the_block_it_raises(exchange: Exchange) -> None:
    with Client(exchange.url) as bp:
        book = bp.order_book("SOL_USDC")
        with pytest.raises(StaleBook, match='it is not open. Follow it with "with bp.order_book'):
            book.now()
        with book:
            assert book.open() is None and book.update_id == 10
        with pytest.raises(StaleBook, match="it is closed"):
            book.wait()
        with book:  # another time
            assert book.update_id == 10


def test_no_thread_is_left(exchange: Exchange) -> None:
    with Client(exchange.url) as bp, bp.order_book("SOL_USDC"):
        assert "bpkit order book" in [one.name for one in threading.enumerate()]
    assert [one.name for one in threading.enumerate() if "bpkit" in one.name] == []


def test_an_unknown_market_is_said_at_once(exchange: Exchange) -> None:
    with Client(exchange.url) as bp:
        for symbol in ("SOL_USD", "sol_usdc"):
            with pytest.raises(InputError, match="did you mean 'SOL_USDC'"), bp.order_book(symbol):
                pass
        assert exchange.sessions == []
        with pytest.raises(TransportError), Client("http://127.0.0.1:9").order_book("SOL_USDC"):
            pass


def test_rest_may_fail_for_a_while(exchange: Exchange, book: OrderBook) -> None:
    exchange.rest[PATH], good = lambda query: {"lastUpdateId": "13"}, exchange.rest[PATH]
    exchange.update(13)
    wait_for(lambda: "unreadable" in events(book))
    exchange.rest[PATH] = lambda query: 1 / 0  # the server answers with 500
    wait_for(lambda: "no snapshot" in events(book))
    with pytest.raises(StaleBook, match="cannot be read .*[(]get_depth: 500"):
        book.now()
    exchange.snapshots, exchange.rest[PATH] = [snapshot(14, BIDS, ASKS)], good
    book.wait()


def test_a_fault_of_our_own_is_not_silent(
    exchange: Exchange, book: OrderBook, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def broken(self: LocalBook, data: Any) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(LocalBook, "add", broken)
    exchange.update(11)
    wait_for(lambda: is_stale(book))
    with pytest.raises(StaleBook, match="it is not followed any more: a fault") as caught:
        book.now()
    assert isinstance(caught.value.__cause__, RuntimeError) and capfd.readouterr() == ("", "")


@pytest.mark.parametrize("symbol", [None, "", 7, "no symbol"])
def test_a_symbol_is_checked(symbol: Any) -> None:
    with Client("http://127.0.0.1:9") as bp, pytest.raises(InputError, match="symbol"):
        bp.order_book(symbol)


@pytest.mark.parametrize("depth", [0, -1, True, 2.5, "5"])
def test_a_depth_is_checked(depth: Any) -> None:
    with Client("http://127.0.0.1:9") as bp, pytest.raises(InputError, match="depth="):
        bp.order_book("SOL_USDC", depth=depth)


@pytest.mark.parametrize("seconds", [-1, True, "5", None, float("nan")])
def test_seconds_are_checked(book: OrderBook, seconds: Any) -> None:
    for method in (book.wait, book.watch):
        with pytest.raises(InputError, match="seconds="):
            method(seconds)


# --- watch ----------------------------------------------------------------------------------------


def test_watch_outside_a_notebook_says_what_to_do(book: OrderBook) -> None:
    with pytest.raises(BpkitError, match="needs a notebook.*print.book.best_bid"):
        book.watch()


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int | None, str]]:
    """(levels, title) of each picture."""
    pictures: list[tuple[int | None, str]] = []

    def live() -> Any:
        return lambda frame, title: pictures.append((None if frame is None else len(frame), title))

    monkeypatch.setattr(plots, "live_depth", live)
    return pictures


def test_watch_draws_what_has_changed(
    exchange: Exchange, book: OrderBook, shown: list[tuple[int | None, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """One picture of each book, at most five a second; and one without levels while it is stale."""
    waits = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            exchange.update(11, bids="98 1")
            wait_for(lambda: book.update_id == 11)
        elif len(waits) == 4:
            exchange.snapshots = [snapshot(11, BIDS, ASKS)]
            exchange.update(13)
            wait_for(lambda: is_stale(book))
        elif len(waits) == 5:
            raise KeyboardInterrupt  # the stop button

    monkeypatch.setattr("bpkit.streams.order_book.sleep", sleep)
    book.watch(1000)
    assert waits == [0.2] * 5
    assert shown[:2] == [
        (4, "SOL_USDC, 12:00:00 UTC, update 10"), (5, "SOL_USDC, 12:00:00 UTC, update 11"),
    ]  # fmt: skip
    assert [levels for levels, _ in shown[2:]] == [None] * len(shown[2:])
    assert shown[2][1].startswith("SOL_USDC is stale: ")


def test_watch_draws_once_even_in_no_time(
    book: OrderBook, shown: list[tuple[int | None, str]]
) -> None:
    book.watch(0)
    assert len(shown) == 1
