"""A feed under paths: trades, candles, books and marks, against a slow version in fractions."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from helpers import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from bpkit.sandbox.simulation import paths
from bpkit.sandbox.simulation.market import load
from bpkit.sandbox.simulation.price_feed import PriceFeed
from bpkit.sandbox.simulation.synthetic import DAY, HOUR, MINUTE, SECOND, START_US, Trade
from bpkit.sandbox.undo import all_or_nothing

MARKETS = {market.symbol: market for market in load()}
SOL, PERP = "SOL_USDC", "SOL_USDC_PERP"
TICK = Fraction(1, 100)
SEED = {symbol: PriceFeed(MARKETS[symbol], spot=MARKETS[SOL]) for symbol in (SOL, PERP)}
MIDNIGHT = START_US - START_US % DAY + DAY


def feed(symbol: str = SOL) -> PriceFeed:
    made = PriceFeed(MARKETS[symbol], spot=MARKETS[SOL] if symbol == PERP else None)
    made._own = SEED[symbol]._own  # what is generated is kept
    return made


def follow(where: PriceFeed, path: Any, at_us: int, *names: str) -> None:
    """As the engine does: the price is that of the market's own trades."""
    one = paths.read(path)
    for name in names or ("last",):
        start = where.units("last" if name == "last" else name, at_us)
        unit = Fraction("0.00000001") if name == "index" else TICK
        where.follow(name, one, one.legs(start * unit), at_us, where.market)


# --- the slow version -----------------------------------------------------------------------------


class Rule(NamedTuple):
    """From ``after_us`` on: a price of each second since ``zero_us``, or a ratio to the seed's."""

    after_us: int
    zero_us: int
    seconds: int
    price: Callable[[int], Fraction] | None
    ratio: Fraction = Fraction(1)


class Slow:
    """The own prices of a feed after some commands, one trade after the other."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def seed(self, at_us: int) -> int:
        return SEED[SOL].last_price(at_us)

    def price(self, at_us: int, before: bool = True) -> int:
        """In ticks. ``before``: of an own trade, which is before a command of that time."""
        known = [rule for rule in self.rules if rule.after_us + before <= at_us]
        if not known:
            return self.seed(at_us)
        rule = known[-1]
        if rule.price is not None:
            return round(rule.price(max(0, min(rule.seconds, (at_us - rule.zero_us) // SECOND))))
        return max(1, round(self.seed(at_us) * rule.ratio))

    def command(self, kind: str, at_us: int, first: int, last: int, seconds: int) -> None:
        """A line from ``first`` to ``last`` (ticks) that is held, or ``tape`` after it; or clear"""
        self.rules = [rule for rule in self.rules if rule.after_us <= at_us]
        zero_us = -(-at_us // SECOND) * SECOND
        if kind == "clear":
            ratio = Fraction(self.price(at_us, before=False), self.seed(at_us))
            self.rules.append(Rule(at_us, 0, 0, None, ratio))
            return

        def line(second: int) -> Fraction:
            return first + Fraction(last - first) * Fraction(second, seconds)

        self.rules.append(Rule(at_us, zero_us, seconds, line))
        if kind == "tape":
            end_us = zero_us + seconds * SECOND
            self.rules.append(Rule(end_us, 0, 0, None, Fraction(last, self.seed(end_us))))

    def print_times(self) -> set[int]:
        """The whole seconds at which paths trade."""
        found = set()
        for place, rule in enumerate(self.rules):
            end_us = rule.zero_us + rule.seconds * SECOND
            if place + 1 < len(self.rules):
                end_us = min(end_us, self.rules[place + 1].after_us)
            found |= set(range(rule.zero_us + SECOND, end_us + 1, SECOND))
        return found


commands = st.lists(
    st.tuples(
        st.sampled_from(["hold", "tape", "clear"]),
        st.integers(0, 40 * SECOND) | st.integers(0, 40).map(lambda second: second * SECOND),
        st.integers(1, 40_000), st.integers(1, 40_000), st.integers(1, 50),
    ),
    min_size=1, max_size=6,
)  # fmt: skip


def played(steps: list[tuple[Any, ...]], start_us: int) -> tuple[PriceFeed, Slow, int]:
    """A feed and the slow version after the commands, and the time of the last of them."""
    fast, slow, now_us = feed(), Slow(), start_us
    for kind, wait, first, last, seconds in steps:
        now_us += wait
        if kind == "clear":
            if fast.steered_by("last", now_us) is None:
                continue
            fast.release("last", now_us)
        else:
            text = f"{Decimal(first) / 100} -> {Decimal(last) / 100} in {seconds}s"
            follow(fast, {"steps": text, "after": kind}, now_us)
        slow.command(kind, now_us, first, last, seconds)
    return fast, slow, now_us


@settings(max_examples=examples(40))
@given(commands, st.sampled_from([START_US, MIDNIGHT - 30 * SECOND]))
def test_the_trades_are_those_of_the_slow_version(
    steps: list[tuple[Any, ...]], start_us: int
) -> None:
    fast, slow, now_us = played(steps, start_us)
    span = start_us - MINUTE, now_us + 2 * MINUTE
    found, seed = fast.trades(*span), SEED[SOL].trades(*span)
    times = {trade.time_us for trade in seed} | slow.print_times()
    assert [trade.time_us for trade in found] == sorted(times)
    assert [trade.price for trade in found] == [slow.price(trade.time_us) for trade in found]
    assert [trade.id for trade in found] == [*range(seed[0].id, seed[0].id + len(found))]
    kept = {trade.time_us: (trade.quantity, trade.buyer_is_maker) for trade in seed}
    for trade in found:
        assert kept.get(trade.time_us, (trade.quantity, trade.buyer_is_maker)) == trade[3:]
        assert trade.quantity > 0
    check_feed(fast, found, span)


def check_feed(fast: PriceFeed, found: list[Trade], span: tuple[int, int]) -> None:
    """All answers of a feed agree with its trades."""
    newest = fast.latest(span[1] - 1, len(found))
    assert newest == found[::-1] and fast.latest(span[1] - 1, 3, 2) == newest[2:5]
    assert fast.next_id(span[1]) == newest[0].id + 1
    for start in range(span[0] - span[0] % MINUTE, span[1], MINUTE):
        inside = [one for one in found if start <= one.time_us < start + MINUTE]
        if start < span[0] or start + MINUTE > span[1] or not inside:
            continue
        prices = [one.price for one in inside]
        window = fast.window(start, start + MINUTE)
        assert window[2:6] == (prices[0], max(prices), min(prices), prices[-1])
        assert (window.volume, window.trades) == (sum(one.quantity for one in inside), len(inside))
    low, high = sorted(one.price for one in found)[len(found) // 3], found[-1].price
    touched = [one for one in found if one.price <= low or one.price >= high]
    assert fast.touches(*span, low, high) == touched


@settings(max_examples=examples(15))
@given(commands)
def test_candles_of_an_hour_and_of_minutes_agree(steps: list[tuple[Any, ...]]) -> None:
    fast, _, _ = played(steps, MIDNIGHT - HOUR // 2)
    fast.record(Trade(fast.next_id(MIDNIGHT - 7), MIDNIGHT - 7, 17_000, 5, True))
    start, end = MIDNIGHT - HOUR, MIDNIGHT + HOUR
    hours = fast.candles("1h", start, end, end)
    minutes = fast.candles("1m", start, end, end)
    assert (len(hours), len(minutes)) == (2, 120)
    for place, hour in enumerate(hours):
        inside = [one for one in minutes[place * 60 : place * 60 + 60] if one.trades]
        assert hour.open == inside[0].open and hour.close == inside[-1].close
        assert hour.high == max(one.high or 0 for one in inside)
        assert hour.low == min(one.low or 10**9 for one in inside)
        for name in ("volume", "quote_volume", "trades"):
            assert getattr(hour, name) == sum(getattr(one, name) for one in inside)


@settings(max_examples=examples(15))
@given(commands)
def test_what_was_before_a_command_does_not_change(steps: list[tuple[Any, ...]]) -> None:
    def seen(where: PriceFeed, at_us: int) -> Any:
        times = range(START_US - 5 * SECOND, at_us, 7 * SECOND)
        books = [(where.levels(one), where.book_count(one)) for one in times]
        marks = [(where.mark_price(one), where.index_price(one)) for one in times]
        return where.trades(START_US - MINUTE, at_us + 1), books, marks

    mine, now_us = feed(PERP), START_US
    for _, wait, first, last, seconds in steps:
        now_us += wait
        before = seen(mine, now_us)
        text = f"{Decimal(first) / 100} -> {Decimal(last) / 100} in {seconds}s"
        follow(mine, text, now_us, "last", "mark", "index")
        assert seen(mine, now_us) == before


# --- the book -------------------------------------------------------------------------------------


@settings(max_examples=examples(15))
@given(commands)
def test_the_book_is_around_the_price_and_its_changes_are_counted(
    steps: list[tuple[Any, ...]],
) -> None:
    """One change for each own trade, stir and command."""
    fast, slow, now_us = played(steps, START_US)
    commands_at = [rule.after_us for rule in slow.rules if rule.price and rule.after_us <= now_us]
    start, end = START_US + 1, now_us + 20 * SECOND
    times = sorted(
        [*fast.book_times(start - 1, end), *(one for one in commands_at if one >= start)]
    )
    count = fast.book_count(start - 1)
    assert fast.book_count(end) == count + len(times)
    for at_us in times[:: max(1, len(times) // 25)]:
        bids, asks = fast.levels(at_us)
        price, spread = (
            slow.price(slow_last(fast, slow, at_us), before=False),
            asks[0][0] - bids[0][0],
        )
        assert 1 <= spread <= 4 and bids[0][0] >= 1
        assert bids[0][0] <= max(price, 1) <= asks[0][0]
        assert [*bids, *asks] and all(one > 0 and steps > 0 for one, steps in [*bids, *asks])
        assert bids == sorted(bids, reverse=True) and asks == sorted(asks)


def slow_last(fast: PriceFeed, slow: Slow, at_us: int) -> int:
    """The time of the last own trade or command until then."""
    commands_at = [rule.after_us for rule in slow.rules if rule.price and rule.after_us <= at_us]
    return max([fast.latest(at_us, 1)[0].time_us, *commands_at])


def test_half_the_spread_is_on_either_side() -> None:
    mine = feed()
    follow(mine, "jump 150; hold 1m", START_US)
    spreads = set()
    for second in range(60):
        (bid, _), (ask, _) = (side[0] for side in mine.levels(START_US + second * SECOND))
        assert (bid, ask) == (15_000 - (ask - bid) // 2, 15_000 + (ask - bid + 1) // 2)
        spreads.add(ask - bid)
    assert spreads == {1, 2, 3, 4}


def test_a_price_of_one_tick_has_a_book() -> None:
    mine = feed()
    follow(mine, "jump 0.01", START_US)
    for second in range(0, 30, 3):
        bids, asks = mine.levels(START_US + second * SECOND)
        assert [price for price, _ in bids] == [1] and asks[0][0] > 1


# --- after a path ---------------------------------------------------------------------------------


def test_after_tape_the_moves_of_the_seed_go_on() -> None:
    mine, end_us = feed(), START_US + 60 * SECOND
    follow(mine, {"steps": "-> 85.37 in 60s", "after": "tape"}, START_US)
    ratio = Fraction(8_537, SEED[SOL].last_price(end_us))
    assert mine.last_price(end_us) == 8_537
    for ours, seed in zip(
        mine.trades(end_us + 1, end_us + HOUR), SEED[SOL].trades(end_us + 1, end_us + HOUR),
        strict=True,
    ):  # fmt: skip
        assert (ours.time_us, ours.price) == (seed.time_us, round(seed.price * ratio))


def test_a_cleared_price_goes_on_from_where_it_is() -> None:
    mine, at_us = feed(), START_US + 90 * SECOND
    follow(mine, "170 -> 150 in 5m", START_US)
    book = mine.levels(at_us)
    mine.release("last", at_us)
    assert mine.last_price(at_us) == 16_400 and mine.levels(at_us) == book
    seed = SEED[SOL].trades(at_us + 1, at_us + HOUR)
    ratio = Fraction(16_400, SEED[SOL].last_price(at_us))
    expected = [round(one.price * ratio) for one in seed]
    assert [one.price for one in mine.trades(at_us + 1, at_us + HOUR)] == expected
    assert mine.steered_by("last", at_us) is None


# --- mark and index -------------------------------------------------------------------------------


def test_mark_and_index_have_the_price_of_each_second() -> None:
    mine = feed(PERP)
    follow(mine, "170 -> 150 in 5m", START_US, "mark", "index")
    for second in (0, 1, 60, 149, 150, 151, 299, 300, 400):
        exact = Fraction(17_000) - Fraction(2_000) * min(second, 300) / 300
        for at_us in (START_US + second * SECOND, START_US + second * SECOND + 999_999):
            assert mine.mark_price(at_us) == mine.index_price(at_us) == Decimal(round(exact)) / 100
    assert mine.trades(START_US, START_US + HOUR) == SEED[PERP].trades(START_US, START_US + HOUR)


def test_a_mark_changes_with_the_command_and_then_at_whole_seconds() -> None:
    """A path that begins within a second counts from the next one."""
    mine, at_us = feed(PERP), START_US + 400_000
    before = mine.mark_price(at_us)
    follow(mine, "170 -> 180 in 10s", at_us, "mark")
    assert mine.mark_price(at_us - 1) == before
    for later, price in ((0, 170), (600_000, 170), (1_599_999, 170), (1_600_000, 171)):
        assert mine.mark_price(at_us + later) == price
    mine.release("mark", at_us + 2 * SECOND)
    assert mine.mark_price(at_us + 2 * SECOND) == 171
    ratio = Fraction(171) / Fraction(SEED[PERP].mark_price(at_us + 2 * SECOND))
    for second in range(3, 500):
        here = START_US + second * SECOND
        seed = Fraction(SEED[PERP].mark_price(here)) * 100
        assert mine.mark_price(here) * 100 == round(seed * ratio)


@settings(max_examples=examples(25))
@given(commands, st.integers(-10, 200), st.integers(0, 4_000))
def test_bounds_hold_each_second(steps: list[tuple[Any, ...]], first: int, count: int) -> None:
    mine, now_us = feed(PERP), START_US
    for kind, wait, begin, end, seconds in steps:
        now_us += wait
        text = f"{Decimal(begin) / 100} -> {Decimal(end) / 100} in {seconds}s"
        after = "tape" if kind == "clear" else kind
        follow(mine, {"steps": text, "after": after}, now_us, "mark", "index")
    first_us = START_US + first * SECOND
    last_us = first_us + count * SECOND
    for find, price in (
        (mine.mark_range, mine.mark_price), (mine.index_range, mine.index_price),
    ):  # fmt: skip
        low, high = find(first_us, last_us)
        for at_us in range(first_us, last_us + 1, SECOND * max(1, count // 60)):
            assert low <= price(at_us) <= high
            assert find(at_us, at_us) == (price(at_us),) * 2


# --- undoing --------------------------------------------------------------------------------------


def test_a_command_that_fails_leaves_nothing() -> None:
    def seen(where: PriceFeed) -> Any:
        span = START_US, START_US + 2 * MINUTE
        books = [where.levels(at_us) for at_us in range(*span, 5 * SECOND)]
        return where.trades(*span), where.candles("1m", *span, span[1]), books

    mine, other = feed(), feed()
    with pytest.raises(RuntimeError), all_or_nothing():
        follow(mine, "170 -> 150 in 1m", START_US)
        assert seen(mine) != seen(other)
        raise RuntimeError("a defect")
    assert seen(mine) == seen(other)
    follow(mine, "170 -> 150 in 59s", START_US)
    follow(other, "170 -> 150 in 59s", START_US)
    assert seen(mine) == seen(other)


def test_the_sizes_are_those_of_the_tape() -> None:
    """Their mean is the usual one, 3.75 SOL, within a twentieth."""
    mine = feed()
    follow(mine, "hold 10h", START_US)
    span = START_US, START_US + 10 * HOUR
    known = {one.time_us for one in SEED[SOL].trades(*span)}
    ours = [one.quantity for one in mine.trades(*span) if one.time_us not in known]
    assert len(ours) > 35_000
    assert abs(sum(ours) / len(ours) / 375 - 1) < 0.05
    sold = [one.buyer_is_maker for one in mine.trades(*span) if one.time_us not in known]
    assert 0.48 < sum(sold) / len(sold) < 0.52


def test_takers_trade_in_the_direction_of_the_path() -> None:
    mine = feed()
    follow(mine, "170 -> 150 in 100s; -> 160 in 100s", START_US)
    known = {one.time_us for one in SEED[SOL].trades(START_US, START_US + HOUR)}
    trades = [one for one in mine.trades(START_US, START_US + 201 * SECOND)]
    ours = [one for one in trades if one.time_us not in known]
    assert all(one.buyer_is_maker == (one.time_us <= START_US + 100 * SECOND) for one in ours)
    assert all(two.time_us - one.time_us <= SECOND for one, two in pairwise(trades))


def test_a_second_at_which_the_seed_has_a_trade_has_no_other() -> None:
    """So the ids of the next day are right only if these seconds are known."""
    mine, end_us = feed(), MIDNIGHT + 60 * SECOND
    span = START_US + 1, MIDNIGHT + 300 * SECOND
    follow(mine, f"hold {(end_us - START_US) // SECOND}s", START_US)
    seed = SEED[SOL].trades(*span)
    whole = {one.time_us for one in seed if one.time_us % SECOND == 0 and one.time_us <= end_us}
    assert whole
    found = mine.trades(*span)
    assert len(found) == len(seed) + (end_us - START_US) // SECOND - len(whole)
    assert [one.id for one in found] == [*range(seed[0].id, seed[0].id + len(found))]
    assert mine.next_id(span[1] - 1) == found[-1].id + 1
    follow(mine, "170 -> 150 in 5m", span[1])
    assert mine.latest(span[1] + DAY, 1)[0].id == SEED[SOL].latest(span[1] + DAY, 1)[0].id + (
        len(found) - len(seed)
    ) + 300 - len([one for one in SEED[SOL].trades(span[1] + 1, span[1] + 300 * SECOND + 1)
                   if one.time_us % SECOND == 0])  # fmt: skip
