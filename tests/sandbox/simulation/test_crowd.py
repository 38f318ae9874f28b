"""The book of the simulated traders, against a slow version that follows its description."""

from __future__ import annotations

import hashlib
from functools import cache
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from helpers import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from bpkit.sandbox.simulation.crowd import scramble, thinning
from bpkit.sandbox.simulation.market import load
from bpkit.sandbox.simulation.price_feed import PriceFeed
from bpkit.sandbox.simulation.synthetic import (
    DAY,
    DEFAULT_SEED,
    FIRST_US,
    HOUR,
    MINUTE,
    SECOND,
    START_US,
    Trade,
)

MARKETS = {market.symbol: market for market in load()}
SYMBOLS = ["SOL_USDC", "BTC_USDC_PERP", "USDT_USDC"]
SPREADS = {"SOL_USDC": 4, "BTC_USDC_PERP": 4, "USDT_USDC": 2}
SIZES = {"SOL_USDC": 375, "BTC_USDC_PERP": 25_000, "USDT_USDC": 500}  # 3.75; 5 * 0.05; 500
PER_DAY = {"SOL_USDC": 11_520, "BTC_USDC_PERP": 14_400, "USDT_USDC": 5_760}
Book = dict[int, int]


@cache
def feed(symbol: str) -> PriceFeed:
    return PriceFeed(MARKETS[symbol], DEFAULT_SEED)


def book(symbol: str, at_us: int) -> tuple[Book, Book]:
    bids, asks = feed(symbol).levels(at_us)
    assert bids == sorted(bids, reverse=True) and asks == sorted(asks)
    return dict(bids), dict(asks)


def changed(one: tuple[Book, Book], two: tuple[Book, Book]) -> set[int]:
    """The prices at which something is different."""
    old, new = (one[0] | one[1]), (two[0] | two[1])
    return {price for price in old.keys() | new.keys() if old.get(price) != new.get(price)}


def splitmix(state: int) -> int:
    """Sebastiano Vigna's splitmix64: the first output for a state."""
    state = (state + 0x9E3779B97F4A7C15) % 2**64
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB % 2**64
    return state ^ (state >> 31)


class Slow:
    """One price after the other, one stir after the other."""

    def __init__(self, symbol: str) -> None:
        self.symbol, self.feed, self.size = symbol, feed(symbol), SIZES[symbol]
        digest = hashlib.sha256(f"{DEFAULT_SEED}|{symbol}|crowd".encode()).digest()
        self.price_salt, self.trade_salt, self.time_salt, self.stir_salt = (
            int(digest[first : first + 8].hex(), 16) for first in (0, 8, 16, 24)
        )
        opening = self.feed.last_price(FIRST_US - 1)
        self.rarer = next(
            factor
            for factor in range(1_025)
            if sum(2**42 // (1_024 + factor * away) for away in range(opening // 50 + 1))
            <= 60 * 2**32
        )

    def moment(self, at_us: int) -> tuple[int, int, int, int]:
        """Trades so far, best bid, best ask, and how far levels reach."""
        last: Trade = self.feed.latest(at_us, 1)[0]
        number = at_us // DAY
        done = (number - FIRST_US // DAY) * PER_DAY[self.symbol]
        done += len(self.feed.trades(number * DAY, at_us + 1))
        draw = Random(f"{DEFAULT_SEED}|{self.symbol}|levels|{last.time_us}").random()
        spread = 1 + int(draw * SPREADS[self.symbol])
        bid = last.price if last.buyer_is_maker else last.price - spread
        return done, bid, bid + spread, last.price // 50

    def level(self, done: int, price: int, away: int) -> int:
        """The size at a price so many ticks from the best one; 0: it is no level."""
        own = splitmix(price ^ self.price_salt)
        draw = splitmix(own ^ ((done + own % 256) // 256))
        rare = (draw >> 32) * (1_024 + self.rarer * away) >= 1_024 * 2**32
        return 0 if rare else self.steps(draw)

    def steps(self, draw: int) -> int:
        zeros = next(n for n in range(33) if draw >> 32 >= 2**31 >> n)
        part = 26_214 + draw % 2**16 * 8 // 5  # of 65,536: 0.4 to 2.0
        return max(1, self.size * (1 + zeros) * part // 2**16)

    def best(self, done: int, side: int) -> int:
        draw = splitmix(splitmix(self.trade_salt ^ done) ^ side)
        half = self.size * (13_107 + draw % 2**16 * 4 // 5) // 2**16  # 0.2 to 1.0
        return 2 * max(1, half) + done % 2

    def time(self, number: int) -> int:
        draw = splitmix(self.time_salt ^ number)
        return number * 250_000 + draw % 250 * 1_000 + 1 + draw // 2**32 % 999

    def place(self, number: int) -> int:
        _, bid, ask, reach = self.moment(self.time(number))
        draw = splitmix(self.stir_salt ^ number)
        parts = draw % 2**21, draw // 2**21 % 2**21, draw // 2**42 % 2**21
        away = 1 + reach * parts[0] * parts[1] * parts[2] // 2**63
        if draw >= 2**63:
            return next(p for p in range(bid - away, 0, -1) if p % 16 == number % 16)
        return next(p for p in range(ask + away, ask + away + 16) if p % 16 == number % 16)

    def book(self, at_us: int) -> tuple[Book, Book]:
        done, bid, ask, reach = self.moment(at_us)
        bids = {bid - away: self.level(done, bid - away, away) for away in range(1, reach + 1)}
        asks = {ask + away: self.level(done, ask + away, away) for away in range(1, reach + 1)}
        last = at_us // 250_000
        last -= self.time(last) > at_us
        for number in range(last - 14, last + 1):
            price = self.place(number)
            if price < bid:
                bids[price] = self.stirred(number, bids.get(price, 0))
            if price > ask:
                asks[price] = self.stirred(number, asks.get(price, 0))
        bids[bid], asks[ask] = self.best(done, 1), self.best(done, 2)
        return clean(bids), clean(asks)

    def stirred(self, number: int, usual: int) -> int:
        draw = splitmix(splitmix(self.stir_salt ^ number))
        if usual and draw % 4 == 0:
            return 0
        steps = self.steps(draw)
        return steps + 1 if steps == usual else steps


def clean(side: Book) -> Book:
    return {price: steps for price, steps in side.items() if steps}


@cache
def slow(symbol: str) -> Slow:
    return Slow(symbol)


times = st.integers(START_US - 2 * DAY, START_US + 3 * DAY)


@pytest.mark.parametrize("symbol", SYMBOLS)
@settings(max_examples=examples(8))
@given(at_us=times)
def test_the_book_is_that_of_the_slow_version(symbol: str, at_us: int) -> None:
    assert book(symbol, at_us) == slow(symbol).book(at_us)


def test_the_hash_is_splitmix64() -> None:
    """The first three outputs for the seed 0, as other implementations publish them."""
    golden = 0x9E3779B97F4A7C15
    expected = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    states = [0, golden, 2 * golden % 2**64]
    assert [scramble(state) for state in states] == expected
    assert scramble(np.array(states, dtype=np.uint64)).tolist() == expected


def test_levels_get_rarer_so_that_sixty_are_expected() -> None:
    for reach in (199, 341, 2_386, 15_500):
        factor = thinning(reach)
        expected = sum(1_024 / (1_024 + factor * away) for away in range(reach + 1))
        assert 59 < expected <= 60
    assert thinning(59) == 0  # every price is a level


# Events


@pytest.mark.parametrize("symbol", SYMBOLS)
@settings(max_examples=examples(10))
@given(at_us=times)
def test_every_event_changes_the_book(symbol: str, at_us: int) -> None:
    """A stir changes its own price, and that of the stir that it ends."""
    old, trades = book(symbol, at_us), feed(symbol).trades(at_us, at_us + 15 * SECOND)
    at_trades = {trade.time_us for trade in trades}
    for time_us in feed(symbol).book_times(at_us, at_us + 10 * SECOND):
        assert book(symbol, time_us - 1) == old
        new = book(symbol, time_us)
        prices = changed(old, new)
        if time_us not in at_trades:
            assert 1 <= len(prices) <= 2
            number = time_us // 250_000
            assert {price % 16 for price in prices} <= {number % 16, (number - 15) % 16}
            assert number % 16 in {price % 16 for price in prices}
            assert (max(old[0]), min(old[1])) == (max(new[0]), min(new[1]))
        assert prices
        old = new


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_trade_changes_the_best_prices_and_few_others(symbol: str) -> None:
    counts = []
    for trade in feed(symbol).trades(START_US, START_US + 20 * MINUTE):
        old, new = book(symbol, trade.time_us - 1), book(symbol, trade.time_us)
        assert trade.price in (max(new[0]), min(new[1]))
        top = {max(old[0]), min(old[1]), max(new[0]), min(new[1])}
        assert top & changed(old, new)
        same = old[0].keys() & new[0].keys() | old[1].keys() & new[1].keys()
        counts.append(len((changed(old, new) & same) - top))
    assert sum(counts) / len(counts) < 3


@settings(max_examples=examples(30))
@given(times, st.integers(0, HOUR), st.integers(0, 90 * SECOND))
def test_counts_and_times_of_changes_agree(start_us: int, gap: int, width: int) -> None:
    mine, first = feed("SOL_USDC"), start_us + gap
    found = mine.book_times(first, first + width)
    assert found == sorted(set(found))
    assert all(first < time_us <= first + width for time_us in found)
    count = mine.book_count(first)
    for number, time_us in enumerate(found):
        assert mine.book_count(time_us - 1) == count + number
        assert mine.book_count(time_us) == count + number + 1
    assert mine.book_count(first + width) == count + len(found)
    assert all(two - one < 500_000 for one, two in pairwise([first, *found]))


def test_one_stir_in_each_quarter_of_a_second_beside_the_trades() -> None:
    mine = feed("SOL_USDC")
    found = mine.book_times(START_US - 1, START_US + MINUTE - 1)
    trades = [trade.time_us for trade in mine.trades(START_US, START_US + MINUTE)]
    stirs = [time_us for time_us in found if time_us % 1_000]
    assert sorted(stirs + trades) == found
    first = START_US // 250_000
    assert [time_us // 250_000 for time_us in stirs] == list(range(first, first + 240))


def test_the_count_begins_with_the_history() -> None:
    """974 days from 2024-01-01 to 2026-09-01, and half a day: 345,600 stirs a day."""
    mine = feed("SOL_USDC")
    trades = mine.latest(START_US - 1, 1)[0].id
    assert mine.book_count(START_US - 1) == 345_600 * 974 + 172_800 + trades
    assert mine.book_count(FIRST_US - 1) == 0


def test_stirs_are_more_often_near_the_best_prices() -> None:
    """The product of three numbers from 0 to 1 is below 0.1 six times of ten, and above 0.5 once in
    thirty times."""
    reach, away = 341, []  # 2 % of 170
    for time_us in feed("SOL_USDC").book_times(START_US, START_US + 2 * MINUTE):
        if time_us % 1_000:
            old, new = book("SOL_USDC", time_us - 1), book("SOL_USDC", time_us)
            own = time_us // 250_000 % 16
            [price] = [price for price in changed(old, new) if price % 16 == own]
            away.append(max(max(new[0]) - price, price - min(new[1])))
    assert len(away) == 480 and min(away) >= 1
    assert sum(one <= reach / 10 + 16 for one in away) > 240
    assert 5 < sum(one > reach / 2 for one in away) < 60


def test_other_markets_and_seeds_have_other_books() -> None:
    spot, perp = feed("SOL_USDC"), PriceFeed(MARKETS["SOL_USDC_PERP"], DEFAULT_SEED)
    other = PriceFeed(MARKETS["SOL_USDC"], "another")
    span = START_US, START_US + 5 * SECOND
    assert len({tuple(one.book_times(*span)) for one in (spot, perp, other)}) == 3
