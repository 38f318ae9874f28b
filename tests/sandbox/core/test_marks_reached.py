"""Triggers by mark and index, and liquidations, on the real feed: at which second, and in what
steps."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from conftest import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bpkit.sandbox.core.exchange import EngineAccount, Exchange, Refusal
from bpkit.sandbox.core.settlement import LIQUIDATION
from bpkit.sandbox.simulation.market import load
from bpkit.sandbox.simulation.price_feed import PriceFeed
from bpkit.sandbox.simulation.synthetic import HOUR, SECOND, START_US

MARKETS = {market.symbol: market for market in load()}
SOL, BTC, ETH = "SOL_USDC_PERP", "BTC_USDC_PERP", "ETH_USDC_PERP"


def feed(symbol: str) -> PriceFeed:
    market = MARKETS[symbol]
    return PriceFeed(market, spot=MARKETS[market.spot_symbol] if market.kind == "PERP" else None)


FEEDS = {symbol: feed(symbol) for symbol in (SOL, BTC, ETH)}  # nothing is recorded on these


def exchange() -> Exchange:
    return Exchange(load(), feed, START_US)


def order(where: Exchange, account: EngineAccount, symbol: str, side: str, **more: Any) -> Any:
    return where.execute(account, {"symbol": symbol, "side": side, "orderType": "Market", **more})


def first_second(price: Any, level: Decimal, rising: bool) -> int:
    """Second by second, without bounds."""
    for time_us in range(START_US + SECOND, START_US + 6 * HOUR, SECOND):
        now = price(time_us)
        if now >= level if rising else now <= level:
            return time_us
    raise AssertionError(f"{level} is not reached")


@pytest.mark.parametrize("by", ["MarkPrice", "IndexPrice"])
@pytest.mark.parametrize(
    ("symbol", "move"), [(SOL, "1.001"), (SOL, "0.9985"), (BTC, "1.001"), (ETH, "1.001")]
)
def test_a_mark_trigger_fires_at_the_first_second_of_the_series(
    by: str, symbol: str, move: str
) -> None:
    price = FEEDS[symbol].mark_price if by == "MarkPrice" else FEEDS[symbol].index_price
    tick = MARKETS[symbol].tick
    level = (price(START_US) * Decimal(move) / tick).to_integral_value() * tick
    expected = first_second(price, level, Decimal(move) > 1)
    where = exchange()
    ann = where.open_account("ann", {"USDC": Decimal(10_000)})
    order(where, ann, symbol, "Bid", triggerPrice=str(level), triggerQuantity="0.01", triggerBy=by)
    where.advance_to(START_US + 6 * HOUR)
    assert [fill["timestamp"] for fill in where.fills(ann)] == [iso(expected)]


def iso(time_us: int) -> str:
    text = datetime.fromtimestamp(time_us // SECOND, UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00")


# Liquidations


def short_of(where: Exchange, ann: EngineAccount, change: Fraction) -> bool:
    """By the answers now; equity changes by ``change``."""
    shown = where.collateral(ann)
    maintenance = Fraction(shown["mmf"]) * Fraction(shown["netExposureFutures"])
    return Fraction(shown["netEquity"]) + change < maintenance


def two_positions() -> tuple[Exchange, EngineAccount]:
    """Long SOL and short ETH, at 36 times the equity; a part of it is 1 SOL."""
    where = exchange()
    ann = where.open_account("ann", {"USDC": Decimal(100), "SOL": Decimal(1)})
    ann.leverage_limit = Decimal(50)
    order(where, ann, SOL, "Bid", quantity="25")
    order(where, ann, ETH, "Ask", quantity="2")
    return where, ann


def test_an_account_is_liquidated_at_the_first_second_at_which_it_is_short() -> None:
    where, ann = two_positions()
    where.advance_to(START_US + 6 * HOUR)
    times = {one.time_us for one in ann.fills if one.order.request.system == LIQUIDATION}
    (liquidated_us,) = times
    assert liquidated_us % SECOND == 0
    where, ann = two_positions()
    for time_us in range(liquidated_us - 200 * SECOND, liquidated_us, SECOND):
        where.advance_to(time_us)
        assert not short_of(where, ann, Fraction(0))
    both, spot = (time_us, liquidated_us), feed("SOL_USDC")
    marks = [[FEEDS[one].mark_price(at_us) for one in (SOL, ETH)] for at_us in both]
    lasts = [Decimal(spot.last_price(at_us)) / 100 for at_us in both]
    (sol, eth), owned = [two - one for one, two in zip(*marks, strict=True)], ann.balances
    change = 25 * sol - 2 * eth + owned.available("SOL") * Decimal("0.9") * (lasts[1] - lasts[0])
    assert time_us == liquidated_us - SECOND and short_of(where, ann, Fraction(change))


# Steps of time

SPAN = 13 * HOUR
LEVERAGE = {"ann": 10, "bob": 40, "cyd": 50}


def story(orders: Iterable[tuple[int, ...]], stops: Iterable[int]) -> Exchange:
    """Three accounts take positions and set triggers; then 13 hours pass."""
    where = exchange()
    for key, leverage in LEVERAGE.items():
        funds = {"USDC": Decimal(100), "SOL": Decimal(1)}
        where.open_account(key, funds).leverage_limit = Decimal(leverage)
    people = list(where.accounts.values())
    for person, market, side, share, move, by in orders:
        symbol, quantity, tick = (
            (SOL, "0.5", "0.01"), (BTC, "0.001", "0.1"), (ETH, "0.03", "0.01"),
        )[market]  # fmt: skip
        size = str(Decimal(quantity) * share)
        mark = where.mark(symbol)
        level = (mark * (1000 + move) / 1000).quantize(Decimal(tick))
        watched = ("MarkPrice", "IndexPrice", "LastPrice")[by]
        fields: dict[str, Any] = {"quantity": size}
        if move % 2:  # an order that waits
            fields = {"triggerPrice": str(level), "triggerQuantity": size, "triggerBy": watched}
        elif move:
            exit = "takeProfit" if (move > 0) == (side == 0) else "stopLoss"
            fields |= {f"{exit}TriggerPrice": str(level), f"{exit}TriggerBy": watched}
        with suppress(Refusal):
            order(where, people[person], symbol, ("Bid", "Ask")[side], **fields)
    for stop_us in sorted({*stops, SPAN}):
        where.advance_to(START_US + stop_us)
    return where


def told(where: Exchange) -> list[Any]:
    return [
        (
            where.order_history(account),
            where.fills(account),
            where.positions(account),
            where.position_history(account),
            where.balances(account),
            where.funding_payments(account),
        )
        for account in where.accounts.values()
    ]


shares = st.integers(1, 30) | st.sampled_from([60, 100, 110])
orders = st.lists(
    st.tuples(
        st.integers(0, 2), st.integers(0, 2), st.integers(0, 1), shares,
        st.integers(-9, 9), st.integers(0, 2),
    ),
    min_size=1, max_size=12,
)  # fmt: skip
seconds = st.integers(1, SPAN // SECOND).map(SECOND.__mul__)
stops = st.lists(st.integers(1, SPAN) | seconds, max_size=30)


@example([(1, 0, 0, 50, 2, 0), (1, 2, 1, 67, 0, 0), (2, 0, 0, 110, 0, 0)], [7, 15_070 * SECOND + 1])
@settings(max_examples=examples(12))
@given(orders, stops)
def test_it_does_not_matter_in_which_steps_time_is_advanced(
    orders: list[tuple[int, ...]], stops: list[int]
) -> None:
    assert told(story(orders, [])) == told(story(orders, stops))
