"""The book by itself. Expected values are worked out by hand."""

from __future__ import annotations

import pytest

from bpkit.sandbox.core.book import (
    NO_MATCH,
    NOT_REDUCED,
    PRICE_IMPACT,
    SELF_TRADE,
    Book,
    Fill,
    Match,
    Resting,
    Side,
    Taker,
)


def a_book(*orders: tuple[str, str, Side, int, int]) -> Book:
    book = Book()
    for order in orders:
        book.add(Resting(*order))
    return book


def match_in(book: Book, taker: Taker) -> Match:
    match = book.plan(taker)
    book.apply(match)
    return match


@pytest.fixture
def book() -> Book:
    """Asks 101 x 5 (a), 101 x 3 (b), 103 x 10 (a); bids 99 x 4 (a), 98 x 6 (b)."""
    return a_book(
        ("1", "a", "Ask", 103, 10),
        ("2", "a", "Ask", 101, 5),
        ("3", "b", "Ask", 101, 3),
        ("4", "b", "Bid", 98, 6),
        ("5", "a", "Bid", 99, 4),
    )


def test_both_sides_are_listed_ascending_with_totals(book: Book) -> None:
    assert book.levels("Ask") == [(101, 8), (103, 10)]
    assert book.levels("Bid") == [(98, 6), (99, 4)]


def test_a_limit_of_levels_keeps_the_best(book: Book) -> None:
    assert book.levels("Ask", 1) == [(101, 8)]
    assert book.levels("Bid", 1) == [(99, 4)]
    assert book.levels("Bid", 3) == [(98, 6), (99, 4)]  # there are two
    assert book.levels("Bid", 5) == [(98, 6), (99, 4)]


def test_best_of_each_side(book: Book) -> None:
    assert (book.best("Bid"), book.best("Ask")) == (99, 101)
    assert (Book().best("Bid"), Book().best("Ask")) == (None, None)


def test_the_best_price_trades_first_and_at_one_price_the_oldest(book: Book) -> None:
    match = match_in(book, Taker("c", "Bid", None, 12))
    assert match == Match([Fill("2", 101, 5), Fill("3", 101, 3), Fill("1", 103, 4)], [], None)
    assert (match.executed, match.cost) == (12, 5 * 101 + 3 * 101 + 4 * 103)
    assert book.levels("Ask") == [(103, 6)]


def test_a_seller_meets_the_highest_bid_first(book: Book) -> None:
    assert match_in(book, Taker("c", "Ask", 98, 5)).fills == [Fill("5", 99, 4), Fill("4", 98, 1)]
    assert book.levels("Bid") == [(98, 5)]


def test_a_maker_partly_filled_keeps_its_place(book: Book) -> None:
    match_in(book, Taker("c", "Bid", None, 2))
    assert match_in(book, Taker("c", "Bid", None, 4)).fills == [
        Fill("2", 101, 3),
        Fill("3", 101, 1),
    ]


@pytest.mark.parametrize(
    ("side", "limit", "executed"),
    [
        ("Bid", 100, 0),
        ("Bid", 101, 8),
        ("Bid", 102, 8),
        ("Bid", 103, 18),
        ("Ask", 100, 0),
        ("Ask", 99, 4),
        ("Ask", 98, 10),
    ],
)
def test_a_limit_is_kept(book: Book, side: Side, limit: int, executed: int) -> None:
    match = match_in(book, Taker("c", side, limit, 50))
    assert (match.executed, match.stopped) == (executed, NO_MATCH)


def test_an_empty_side_is_no_match() -> None:
    assert match_in(Book(), Taker("c", "Bid", None, 1)) == Match([], [], NO_MATCH)


def test_the_worst_price_stops_a_walk_with_its_own_reason(book: Book) -> None:
    match = match_in(book, Taker("c", "Bid", None, 50, worst=102))
    assert (match.executed, match.stopped) == (8, PRICE_IMPACT)
    match = match_in(book, Taker("c", "Ask", None, 50, worst=99))
    assert (match.executed, match.stopped) == (4, PRICE_IMPACT)


@pytest.mark.parametrize(
    ("budget", "executed"),
    [
        (100, 0),  # less than one step at 101
        (101, 1),
        (8 * 101 + 102, 8),  # one short of a step at 103
        (8 * 101 + 103, 9),
        (8 * 101 + 2 * 103 + 50, 10),
    ],
)
def test_a_budget_buys_as_many_steps_as_it_affords(book: Book, budget: int, executed: int) -> None:
    match = match_in(book, Taker("c", "Bid", budget=budget))
    assert (match.executed, match.stopped) == (executed, None)


def test_a_budget_larger_than_the_book_is_left_over(book: Book) -> None:
    match = match_in(book, Taker("c", "Bid", budget=10_000))
    assert (match.executed, match.cost, match.stopped) == (18, 8 * 101 + 10 * 103, NO_MATCH)


def test_quantity_or_budget_not_both(book: Book) -> None:
    with pytest.raises(ValueError, match="quantity or a budget"):
        book.plan(Taker("c", "Bid"))
    with pytest.raises(ValueError, match="quantity or a budget"):
        book.plan(Taker("c", "Bid", None, 1, 1))


@pytest.mark.parametrize(
    ("prevention", "fills", "expired", "stopped"),
    [
        ("RejectTaker", [], [], SELF_TRADE),
        ("RejectMaker", [Fill("3", 101, 3)], ["2"], NO_MATCH),
        ("RejectBoth", [], ["2"], SELF_TRADE),
    ],
)
def test_self_trade_prevention(
    book: Book, prevention: str, fills: list[Fill], expired: list[str], stopped: str
) -> None:
    match = match_in(book, Taker("a", "Bid", 102, 20, prevention=prevention))
    assert match == Match(fills, expired, stopped)
    assert ("2" in book) == (not expired)


def test_prevention_waits_until_the_own_order_is_reached(book: Book) -> None:
    match = match_in(book, Taker("b", "Bid", None, 9))
    assert match == Match([Fill("2", 101, 5)], [], SELF_TRADE)
    assert match_in(book, Taker("a", "Ask", 99, 1, prevention="RejectBoth")).expired == ["5"]


def test_an_own_order_beyond_the_limit_or_behind_enough_is_left_alone(book: Book) -> None:
    assert book.plan(Taker("b", "Bid", 100, 9, prevention="RejectBoth")).expired == []
    assert book.plan(Taker("b", "Bid", 101, 5, prevention="RejectBoth")).expired == []


def test_a_plan_changes_nothing_and_tells_what_would_fill(book: Book) -> None:
    before = (book.levels("Bid"), book.levels("Ask"))
    assert book.plan(Taker("c", "Bid", 101, 9)).executed == 8
    assert (book.levels("Bid"), book.levels("Ask")) == before


def test_cancel_takes_out_that_order_alone(book: Book) -> None:
    assert book.cancel("2") == Resting("2", "a", "Ask", 101, 5)
    assert book.levels("Ask") == [(101, 3), (103, 10)]
    book.cancel("3")
    assert book.best("Ask") == 103
    with pytest.raises(KeyError):
        book.cancel("3")


def test_crosses_at_the_price_itself(book: Book) -> None:
    assert [book.crosses("Bid", price) for price in (100, 101, 102)] == [False, True, True]
    assert [book.crosses("Ask", price) for price in (100, 99, 98)] == [False, True, True]
    assert not Book().crosses("Bid", 1)


@pytest.mark.parametrize(
    "order",
    [
        Resting("1", "c", "Bid", 90, 1),  # the id is taken
        Resting("9", "c", "Bid", 90, 0),
        Resting("9", "c", "Bid", 101, 1),  # crosses
        Resting("9", "c", "Ask", 99, 1),
    ],
)
def test_what_cannot_rest_is_refused(book: Book, order: Resting) -> None:
    with pytest.raises(ValueError):
        book.add(order)
    assert book.levels("Ask") == [(101, 8), (103, 10)]
    assert book.levels("Bid") == [(98, 6), (99, 4)]


def test_a_price_left_empty_can_be_used_again() -> None:
    book = a_book(("1", "a", "Bid", 10, 1))
    book.cancel("1")
    book.add(Resting("2", "a", "Ask", 10, 2))
    assert (book.levels("Bid"), book.levels("Ask")) == ([], [(10, 2)])


@pytest.mark.parametrize(("side", "taker", "net"), [("Ask", "Bid", -3), ("Bid", "Ask", 3)])
def test_a_reduce_only_order_that_would_add_to_its_position_expires(
    side: Side, taker: Side, net: int
) -> None:
    book = Book()
    book.add(Resting("1", "a", side, 100, 5, reduce_only=True))
    match = book.plan(Taker("c", taker, None, 2), lambda maker: {"a": net}[maker.owner])
    assert match == Match([], ["1"], NO_MATCH)


def test_a_reduce_only_taker_trades_no_more_than_it_may() -> None:
    """It wants 9 steps and may trade 6: 4 of the best order, 2 of the second, 0 of the third."""
    book = a_book(
        ("1", "a", "Ask", 100, 4), ("2", "a", "Ask", 101, 4), ("3", "a", "Ask", 102, 4)
    )  # fmt: skip
    match = book.plan(Taker("c", "Bid", None, 9, most=6))
    assert match == Match([Fill("1", 100, 4), Fill("2", 101, 2)], [], NOT_REDUCED)


@pytest.mark.parametrize(("wanted", "expired"), [(2, []), (3, ["1"])])
def test_a_reduce_only_order_expires_when_its_position_is_closed(
    wanted: int, expired: list[str]
) -> None:
    """It sells 5 steps of a position of 3."""
    book = Book()
    book.add(Resting("1", "a", "Ask", 100, 5, reduce_only=True))
    match = book.plan(Taker("c", "Bid", None, wanted), lambda maker: {"a": 3}[maker.owner])
    assert match == Match([Fill("1", 100, wanted)], expired, None)
    book.apply(match)
    assert ("1" in book) == (not expired)
