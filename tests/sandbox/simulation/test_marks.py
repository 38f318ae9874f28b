"""Index and mark prices: compared with their definition, second by second, and their bounds."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from test_price_feed import MARKETS, PERPS, at, engine_trade, feed

from bpkit.sandbox.simulation.market import Market
from bpkit.sandbox.simulation.price_feed import PriceFeed
from bpkit.sandbox.simulation.synthetic import FIRST_US, HOUR, MINUTE, SECOND, START_US

UNIT = Fraction(1, 10**8)
DELAYS = (0, 3, 6, 9, 12)  # seconds
MIDNIGHT = at("2026-09-02T00:00")


def spot_of(symbol: str) -> PriceFeed:
    perp = MARKETS[symbol]
    return PriceFeed(MARKETS.get(perp.spot_symbol, perp.as_spot()))


def last(mine: PriceFeed, at_us: int) -> Fraction:
    """The price of the last trade up to a time."""
    return mine.latest(at_us, 1)[0].price * Fraction(mine.market.tick)


def mean_of_venues(spot: PriceFeed, at_us: int) -> Fraction:
    """Without their differences."""
    return sum((last(spot, at_us - delay * SECOND) for delay in DELAYS), Fraction(0)) / 5


def slow_mark(perp: PriceFeed, at_us: int) -> Fraction:
    """The index plus a mean of (mid - index), 59/60 of the weight a second, over five minutes."""
    total = weights = Fraction(0)
    for age in range(300):
        then, weight = at_us - age * SECOND, Fraction(59**age, 60**age)
        total += weight * (last(perp, then) - Fraction(perp.index_price(then)))
        weights += weight
    return Fraction(perp.index_price(at_us)) + total / weights


@pytest.mark.parametrize("symbol", PERPS)
def test_the_index_is_near_the_mean_of_the_venues(symbol: str) -> None:
    """It moves to 0.005 % above and below it."""
    perp, spot = feed(symbol), spot_of(symbol)
    found = []
    for time_us in range(START_US, START_US + 6 * HOUR, 3 * MINUTE):
        index = Fraction(perp.index_price(time_us))
        assert index * 10**8 % 1 == 0
        found.append(index / mean_of_venues(spot, time_us) - 1)
    limit = Fraction(1, 20_000)
    assert all(abs(one) <= limit + UNIT / index for one in found)
    assert min(found) < -limit / 2 and max(found) > limit / 2


def test_the_difference_moves_in_straight_lines_of_five_minutes() -> None:
    perp, spot = feed("BTC_USDC_PERP"), spot_of("BTC_USDC")
    times = range(START_US, START_US + 600 * SECOND + 1, 60 * SECOND)
    ratios = [Fraction(perp.index_price(one)) / mean_of_venues(spot, one) for one in times]
    steps = [two - one for one, two in pairwise(ratios)]
    for leg in (steps[:5], steps[5:]):
        assert max(leg) - min(leg) < Fraction(3, 10**8)  # rounding
    assert abs(steps[0] - steps[5]) > Fraction(3, 10**7)


def test_the_index_is_not_on_the_tick() -> None:
    perp = feed("BTC_USDC_PERP")
    prices = [perp.index_price(START_US + n * SECOND) for n in range(100)]
    assert sum(price % Decimal("0.1") != 0 for price in prices) > 95
    assert len(set(prices)) > 95


@pytest.mark.parametrize("symbol", PERPS)
@pytest.mark.parametrize("start_us", [START_US, MIDNIGHT - 3 * SECOND])
def test_the_mark_is_the_index_plus_a_mean_of_one_minute(symbol: str, start_us: int) -> None:
    perp = feed(symbol)
    tick = Fraction(perp.market.tick)
    for time_us in range(start_us, start_us + 6 * SECOND, SECOND):
        mark = Fraction(perp.mark_price(time_us))
        assert mark % tick == 0
        # Half a tick, and what integers lose: the weights have five digits, prices have eight.
        assert abs(mark - slow_mark(perp, time_us)) <= tick / 2 + Fraction(
            2, 10**6
        ) * tick + Fraction(2, 10**8)


@pytest.mark.parametrize("symbol", PERPS)
def test_both_change_at_whole_seconds_only(symbol: str) -> None:
    perp = feed(symbol)
    changed = 0
    for time_us in range(START_US, START_US + MINUTE, SECOND):
        both = perp.index_price(time_us), perp.mark_price(time_us)
        end = time_us + SECOND - 1
        assert both == (perp.index_price(end), perp.mark_price(end))
        changed += both != (perp.index_price(end + 1), perp.mark_price(end + 1))
    assert changed > 30


@pytest.mark.parametrize("symbol", PERPS)
def test_ranges_hold_every_second_and_are_exact_for_one(symbol: str) -> None:
    """The bounds of a whole hour are no wider than a tenth of the price."""
    perp = feed(symbol)
    for start_us in (MIDNIGHT - HOUR, MIDNIGHT - 30 * SECOND, FIRST_US):
        times = range(start_us, start_us + HOUR, 60 * SECOND)
        for find, single in (
            (perp.mark_range, perp.mark_price),
            (perp.index_range, perp.index_price),
        ):
            low, high = find(start_us, start_us + HOUR - SECOND)
            every = [single(one) for one in times]
            assert low <= min(every) <= max(every) <= high
            assert (high - low) * 10 < low
            some = [single(start_us + n * SECOND) for n in range(60)]
            assert find(start_us, start_us + 59 * SECOND) == (min(some), max(some))
            assert find(start_us, start_us) == (some[0], some[0])


def test_the_answer_does_not_depend_on_what_was_asked_before() -> None:
    one, two = feed("SOL_USDC_PERP"), feed("SOL_USDC_PERP")
    times = [MIDNIGHT - SECOND, MIDNIGHT, START_US, FIRST_US, FIRST_US - HOUR]
    two.mark_range(MIDNIGHT - 40 * MINUTE, MIDNIGHT + 40 * MINUTE)
    first = [(one.mark_price(time), one.index_price(time)) for time in times]
    assert first == [(two.mark_price(time), two.index_price(time)) for time in times[::-1]][::-1]


@pytest.mark.parametrize(
    ("symbol", "premium"), [("SOL_USDC_PERP", -120), ("BTC_USDC_PERP", 75), ("ETH_USDC_PERP", 90)]
)
def test_the_premium_of_a_day(symbol: str, premium: int) -> None:
    """In millionths of the index, as the profile of the asset says."""
    perp = feed(symbol)
    found = [
        Fraction(perp.mark_price(one)) / Fraction(perp.index_price(one)) - 1
        for one in range(START_US, START_US + 24 * HOUR, 5 * MINUTE)
    ]
    assert abs(sum(found) / len(found) * 10**6 - premium) < 20


def test_mark_and_index_are_moved_by_no_engine_trade() -> None:
    perp, times = feed("BTC_USDC_PERP"), [START_US, START_US + SECOND, START_US + MINUTE]
    engine_trade(perp, START_US, 873_463)
    engine_trade(perp, START_US + SECOND, 873_463)
    found = [(perp.mark_price(time), perp.index_price(time)) for time in times]
    other = feed("BTC_USDC_PERP")
    assert found == [(other.mark_price(time), other.index_price(time)) for time in times]


def test_marks_need_a_spot_market() -> None:
    alone: Market = MARKETS["SOL_USDC_PERP"]
    with pytest.raises(ValueError, match="SOL_USDC_PERP.*spot market"):
        PriceFeed(alone).index_price(START_US)
    with pytest.raises(ValueError, match="SOL_USDC has no index and mark"):
        feed("SOL_USDC").mark_price(START_US)


@pytest.mark.parametrize("span", [0, 1, 999_999, 90 * SECOND, 2 * HOUR])
def test_the_lowest_last_price_of_a_span(span: int) -> None:
    mine = feed()
    engine_trade(mine, START_US + 5 * SECOND, 9_000)
    for start_us in (START_US, START_US + 5 * SECOND, START_US + 20 * SECOND):
        prices = [trade.price for trade in mine.trades(start_us, start_us + span + 1)]
        expected = min([mine.last_price(start_us), *prices])
        assert mine.lowest(start_us, start_us + span) == expected
