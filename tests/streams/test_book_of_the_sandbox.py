"""``bp.order_book`` on the sandbox: it is the book of ``get_depth``, whatever its faults do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from stream_server import wait_for

from bpkit import Client, StaleBook
from bpkit.sandbox import Sandbox
from bpkit.streams import OrderBook, book_thread, connection


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BACKOFF", 0.01)
    monkeypatch.setattr(book_thread, "BACKOFF", 0.01)


@pytest.fixture
def book(bp: Client) -> Iterator[OrderBook]:
    with bp.order_book("SOL_USDC") as followed:
        yield followed


def same(bp: Client, book: OrderBook) -> bool:
    """Is it good, and the book that REST shows now?"""
    depth = bp.get_depth("SOL_USDC", limit=1000)
    try:
        now = book.now()
    except StaleBook:
        return False
    if now.update_id != int(depth["lastUpdateId"]):
        return False
    assert now.df.equals(depth.df)
    return True


def move(sandbox: Sandbox, steps: int = 5) -> None:
    for _ in range(steps):
        sandbox.advance(seconds=1)


def events(book: OrderBook) -> list[str]:
    return [row["event"] for row in book.problems]


def test_it_follows_the_market_and_ones_own_orders(
    sandbox: Sandbox, bp: Client, book: OrderBook
) -> None:
    first = book.update_id
    move(sandbox)
    wait_for(lambda: same(bp, book))
    order = bp.execute_order("SOL_USDC", "Bid", "Limit", price="90.01", quantity="1.5")
    wait_for(lambda: same(bp, book))
    assert ("90.01", "1.5") in [(f"{p:f}", f"{q.normalize():f}") for p, q in book.now().bids]
    bp.cancel_order("SOL_USDC", order_id=order["id"])
    sandbox.advance(minutes=5)  # in frames of several updates each
    wait_for(lambda: same(bp, book))
    assert book.update_id > first + 20 and events(book) == []


@pytest.mark.parametrize("fault", ["ws_drop", "ws_reorder"])
def test_a_gap_is_found_and_closed(
    fault: str, sandbox: Sandbox, bp: Client, book: OrderBook
) -> None:
    with sandbox.fault(fault):
        move(sandbox)
        wait_for(lambda: "gap" in events(book))
    move(sandbox)
    wait_for(lambda: same(bp, book))
    assert events(book)[-1] == "good again"


def test_duplicates_change_nothing(sandbox: Sandbox, bp: Client, book: OrderBook) -> None:
    with sandbox.fault("ws_duplicate"):
        move(sandbox)
        wait_for(lambda: same(bp, book) and book.duplicates > 5)
    assert events(book) == []


def test_a_cut_is_found_and_the_book_begins_again(
    sandbox: Sandbox, bp: Client, book: OrderBook
) -> None:
    with sandbox.fault("ws_cut", times=1):
        wait_for(lambda: "lost" in events(book))
    move(sandbox, 2)
    wait_for(lambda: same(bp, book))
    assert events(book)[:2] == ["lost", "back"] and events(book)[-1] == "good again"


def test_an_old_snapshot_is_not_begun_with(sandbox: Sandbox, bp: Client, book: OrderBook) -> None:
    with sandbox.fault("ws_stale_snapshot"):
        move(sandbox)
        with sandbox.fault("ws_drop", times=1):
            move(sandbox)
        wait_for(lambda: "old snapshot" in events(book))
        with pytest.raises(StaleBook, match="or later is needed"):
            book.now()
    wait_for(lambda: same(bp, book))
    assert events(book)[-1] == "good again"
