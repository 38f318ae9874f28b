"""Triggers by mark and index, and liquidations, on the real feed: at which second, and in what
steps."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from account_histories import funding_payments, order_history, position_history
from helpers import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_positions import NOW, Pit

from bpkit.sandbox.core import marks_reached
from bpkit.sandbox.core.exchange import EngineAccount, Exchange, Refusal
from bpkit.sandbox.core.marks_reached import next_shortfall
from bpkit.sandbox.core.settlement import LIQUIDATION
from bpkit.sandbox.simulation.market import load
from bpkit.sandbox.simulation.price_feed import PriceFeed
from bpkit.sandbox.simulation.synthetic import HOUR, SECOND, START_US, Trade

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


def test_a_trade_above_the_level_is_not_a_mark_above_it() -> None:
    mine, hour = FEEDS[SOL], (START_US, START_US + HOUR)
    level = max(mine.mark_price(at_us) for at_us in range(*hour, SECOND)) + Decimal("0.01")
    assert MARKETS[SOL].price(mine.window(*hour).high or 0) >= level
    where = exchange()
    ann = where.open_account("ann", {"USDC": Decimal(1_000)})
    for by in ("LastPrice", "MarkPrice"):
        more = {"triggerPrice": str(level), "triggerQuantity": "1", "triggerBy": by}
        order(where, ann, SOL, "Ask", **more)
    where.advance_to(START_US + HOUR - SECOND)
    assert [one["triggerBy"] for one in where.open_orders(ann)] == ["MarkPrice"]


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


# On the small market of the positions: the mark is the last price, which is 100 at the start


def test_a_fall_of_the_collateral_liquidates_at_the_next_whole_second() -> None:
    """Nine tenths of the price of 7 SOL count. It recovers later."""
    pit = Pit()
    cyd = pit.exchange.open_account("cyd", {"USDC": Decimal(10), "SOL": Decimal(7)})
    pit.perp.bids = [(9_990, 10_000)]
    pit.deal(cyd, "Bid", "100", "20")  # 1 USDC is the fee; 27 is the maintenance margin
    pit.spot.print(100, 250)  # 9 + 7 * 2.5 * 0.9 = 24.75
    pit.spot.trades[-1] = pit.spot.trades[-1]._replace(time_us=NOW + 100 * SECOND + 300_000)
    pit.spot.print(200, 10_000)
    pit.advance(300)
    assert {one.time_us for one in cyd.fills} == {NOW, NOW + 101 * SECOND}


def test_between_two_seconds_nobody_is_liquidated() -> None:
    """The spot price recovers before the next one. That time is moved on just then changes
    nothing."""
    pit = Pit()
    cyd = pit.exchange.open_account("cyd", {"USDC": Decimal(10), "SOL": Decimal(7)})
    pit.deal(cyd, "Bid", "100", "20")
    for price, at_us in ((250, 100_300_000), (10_000, 100_600_000)):
        pit.spot.trades.append(Trade(0, NOW + at_us, price, 1, True))
    pit.exchange.advance_to(NOW + 100_500_000)
    pit.advance(300)
    assert len(cyd.fills) == 1


def test_while_the_book_is_empty_a_liquidation_waits() -> None:
    pit = Pit()
    cyd = pit.exchange.open_account("cyd", {"USDC": Decimal(300)})
    pit.perp.bids = []
    pit.deal(cyd, "Bid", "100", "20")
    pit.perp.print(10, 8_600)
    pit.advance(20)
    assert len(cyd.orders) == 1 and pit.position(cyd)["netQuantity"] == "20"
    pit.perp.bids = [(8_590, 10_000)]
    pit.advance(60)
    assert [order.created_us for order in cyd.orders[1:]] == [NOW + 21 * SECOND]
    assert pit.exchange.positions(cyd) == []


def test_after_a_trigger_that_fails_the_next_one_fires_in_time() -> None:
    pit = Pit()
    for price in ("95", "92"):  # without a position the first fails
        share = {"triggerQuantity": "1", "triggerBy": "MarkPrice"}
        if price == "95":
            share |= {"triggerQuantity": "50%", "reduceOnly": True}
        pit.order(pit.bob, "Ask", price="99", triggerPrice=price, **share)
    pit.perp.print(10, 9_500)
    pit.perp.print(20, 9_200)
    pit.perp.print(30, 9_400)
    pit.advance(60)
    (row,) = pit.exchange.open_orders(pit.bob)
    assert row["triggeredAt"] == (NOW + 20 * SECOND) // 1_000


def test_a_fill_that_adds_to_a_position_counts_at_once() -> None:
    """10 SOL would outlive a price of 87.50, 30 SOL do not: 300 - 125 - 150 is less than 35."""
    pit = Pit()
    cyd = pit.exchange.open_account("cyd", {"USDC": Decimal(300)})
    cyd.leverage_limit = Decimal(20)
    pit.perp.bids = []
    pit.deal(cyd, "Bid", "100", "10")
    pit.order(cyd, "Bid", price="95", quantity="20")
    pit.perp.print(5, 9_500, quantity=2_000)
    pit.perp.print(10, 8_750)
    pit.perp.print(20, 9_500)
    pit.perp.bids = [(8_740, 10_000)]
    pit.advance(60)
    assert cyd.fills[-1].time_us == NOW + 10 * SECOND and pit.exchange.positions(cyd) == []


def test_an_order_that_was_triggered_triggers_the_next_one() -> None:
    pit = Pit()
    pit.perp.bids = [(9_940, 10_000)]
    common = {"triggerQuantity": "1"}
    pit.order(pit.bob, "Ask", price="105", triggerPrice="99.5", **common)
    pit.order(pit.ann, "Ask", triggerPrice="103", triggerBy="IndexPrice", **common)
    pit.perp.index_moves_us = NOW + 5 * SECOND
    pit.advance(60)
    (row,) = pit.exchange.open_orders(pit.bob)
    assert row["triggeredAt"] == (NOW + 5 * SECOND) // 1_000


def test_a_liquidation_reaches_triggers_of_other_markets() -> None:
    """Cyd is liquidated because SOL falls. The sale of ETH, at 2499, is ETH's last price."""
    pit = Pit()
    cyd = pit.exchange.open_account("cyd", {"USDC": Decimal(300)})
    pit.order(cyd, "Bid", symbol=ETH, quantity="0.1")
    pit.perp.bids = []
    pit.deal(cyd, "Bid", "100", "20")
    pit.order(
        pit.bob, "Bid", symbol=ETH, price="2000", triggerPrice="2499", triggerQuantity="0.1"
    )  # fmt: skip
    pit.perp.print(10, 8_600)
    pit.advance(60)
    (row,) = pit.exchange.open_orders(pit.bob)
    assert row["triggeredAt"] == (NOW + 10 * SECOND) // 1_000


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
            order_history(where, account),
            where.fills(account),
            where.positions(account),
            position_history(where, account),
            where.balances(account),
            funding_payments(where, account),
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


def test_the_accounts_that_get_short_are_found_without_a_look_at_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Against a search of every account, over nine hours. Marks leave their ranges often."""
    monkeypatch.setattr(marks_reached, "AROUND", Decimal("0.0001"))
    where = exchange()
    for number, leverage in enumerate((5, 10, 20, 30, 40, 45, 50, 50, 50)):
        account = where.open_account(f"{number}", {"USDC": Decimal(100), "SOL": Decimal("0.1")})
        account.leverage_limit = Decimal(leverage)
        size = (Decimal(leverage) * 95 / 171).quantize(Decimal("0.01"))
        with suppress(Refusal):
            order(where, account, SOL, "Ask" if number % 2 else "Bid", quantity=str(size))
    chance, short, safe = Random(1), 0, 0
    while where.now_us < START_US + 9 * HOUR:
        span = (where.now_us + 1, where.now_us + chance.choice([1, 60, 900, 7_200]) * SECOND)
        holders = [account for account in where.accounts.values() if account.positions]
        every = [(next_shortfall(where, one, *span), one) for one in holders]
        found = where.shortfalls.find(where, *span)
        fresh = marks_reached.Shortfalls()
        fresh.find(where, span[0], where.now_us + SECOND)  # its ranges are narrow
        assert fresh.find(where, *span) == found
        assert found == [(at_us, one) for at_us, one in every if at_us is not None]
        short, safe = short + len(found), safe + len(every) - len(found)
        where.advance_to(where.now_us + chance.choice([1, 30, 600]) * SECOND)
        if holders and safe > 100:  # what an account pays out, it has no longer
            poor = holders.pop(0).balances
            poor.spend("USDC", poor.available("USDC"))
    assert short > 3 and safe > 100
