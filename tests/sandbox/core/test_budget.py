"""Market orders by quote quantity: they go on while the next price can take one step.

Ticks and steps are whole numbers; every expected value is worked out by hand beside its case.
"""

from __future__ import annotations

import pytest

from bpkit.sandbox.core.book import PRICE_IMPACT, Book, Fill, Resting, Taker


def book_of(*bids: tuple[str, int, int]) -> Book:
    """A book with bids: (owner, price, quantity). The id of each is its place."""
    book = Book()
    for place, (owner, price, quantity) in enumerate(bids):
        book.add(Resting(str(place), owner, "Bid", price, quantity))
    return book


@pytest.mark.parametrize(
    ("budget", "steps"),
    [
        (30_290, [1, 1]),  # 30,290 - 15,146 = 15,144: exactly one step at the second bid
        (30_289, [1]),  # 15,143 are left: one tick too few
        (45_433, [1, 1]),  # 45,433 - 15,146 = 30,287 = 15,144 + 15,143: no third step
        (45_434, [1, 2]),  # 30,288 = 2 * 15,144
        (15_146, [1]),
        (15_145, []),  # the best bid is dearer, and an order does not pass it over
    ],
)
def test_a_sale_takes_a_step_at_the_next_bid(budget: int, steps: list[int]) -> None:
    book = book_of(("m", 15_146, 1), ("m", 15_144, 100))
    match = book.plan(Taker("t", "Ask", budget=budget))
    assert [fill.quantity for fill in match.fills] == steps
    assert match.stopped is None and match.expired == []
    assert budget - match.cost >= 0


def test_a_better_bid_that_is_left_is_not_passed_over() -> None:
    """15,144 are left, but 99 steps still wait at 15,146."""
    book = book_of(("m", 15_146, 100), ("m", 15_144, 100))
    match = book.plan(Taker("t", "Ask", budget=30_290))
    assert match.fills == [Fill("0", 15_146, 1)]


def test_it_goes_on_over_many_bids() -> None:
    """10 + 9 + 8 + 7 = 34; 35 leaves 1, which buys no step at 6."""
    book = book_of(*(("m", price, 1) for price in range(10, 0, -1)))
    match = book.plan(Taker("t", "Ask", budget=35))
    # 35 // 10 wants 3 steps, one is there; 25 // 9, 16 // 8, 8 // 7; then 1 // 6 is 0.
    assert [fill.price for fill in match.fills] == [10, 9, 8, 7] and match.stopped is None


def test_a_purchase_ends_where_it_ended() -> None:
    """The next ask is dearer, so a rest that bought no step buys none there."""
    book = Book()
    book.add(Resting("0", "m", "Ask", 10, 1))
    book.add(Resting("1", "m", "Ask", 11, 100))
    match = book.plan(Taker("t", "Bid", budget=19))
    assert match.fills == [Fill("0", 10, 1)] and match.stopped is None


@pytest.mark.parametrize(
    "taker",
    [
        Taker("t", "Ask", budget=30_290, worst=15_145),
        Taker("m2", "Ask", budget=30_290),
        Taker("m2", "Ask", budget=30_290, prevention="RejectMaker"),
        Taker("t", "Ask", budget=30_290, most=1),
    ],
)
def test_a_filled_order_is_not_spoilt_by_the_next_bid(taker: Taker) -> None:
    """Where the next bid may not be taken, the order ends as it would without that bid."""
    book = book_of(("m", 15_146, 1), ("m2", 15_144, 100))
    match = book.plan(taker)
    assert match.fills == [Fill("0", 15_146, 1)]
    assert match.stopped is None and match.expired == []


def test_a_budget_that_still_buys_steps_at_the_bound_is_stopped() -> None:
    book = book_of(("m", 15_146, 1), ("m", 15_144, 100))
    match = book.plan(Taker("t", "Ask", budget=60_000, worst=15_145))
    assert match.stopped == PRICE_IMPACT
