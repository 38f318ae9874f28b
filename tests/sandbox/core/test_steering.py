"""Paths in the engine: triggers, gaps, liquidations, streams; however time is cut."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import combinations
from typing import Any

import pytest
from account_histories import shown
from helpers import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from test_publisher import (
    MARKETS,
    SOL,
    Room,
    best,
    cancels,
    check_tickers,
    check_trades,
    check_windows,
    feed,
    follow,
    numbers,
    orders,
    read,
    streams,
    waits,
)

from bpkit.sandbox.core.exchange import EngineAccount, Exchange, Refusal
from bpkit.sandbox.simulation.paths import MOVES
from bpkit.sandbox.simulation.synthetic import HOUR, MINUTE, SECOND, START_US

PERP = "SOL_USDC_PERP"
DOWN = "170 -> 150 in 5m"
SUBSETS = [list(some) for size in (1, 2, 3) for some in combinations(MOVES, size)]
WATCHED = {"LastPrice": "last", "MarkPrice": "mark", "IndexPrice": "index"}


class Pit:
    """An exchange with ann, who has much, and bob, who has little and a leverage of 50."""

    def __init__(self) -> None:
        self.exchange = Exchange(list(MARKETS.values()), feed, START_US)
        self.ann = self.exchange.open_account("ann", {"USDC": Decimal(10**6), "SOL": Decimal(1000)})
        self.bob = self.exchange.open_account("bob", {"USDC": Decimal(60)})
        self.bob.leverage_limit = Decimal(50)

    def order(self, account: EngineAccount, side: str, symbol: str = PERP, **more: Any) -> Any:
        kind = "Market" if more.get("price") is None else "Limit"
        fields = {"symbol": symbol, "side": side, "orderType": kind}
        return self.exchange.execute(account, fields | more)

    def stop(self, price: str, by: str | None = None, symbol: str = PERP) -> Any:
        """Ann sells 5 when the price has fallen to that."""
        more = {"triggerPrice": price, "triggerQuantity": "5"}
        return self.order(
            self.ann, "Ask", symbol, **more, **({} if by is None else {"triggerBy": by})
        )

    def advance(self, seconds: float) -> None:
        self.exchange.advance_to(self.exchange.now_us + int(seconds * SECOND))

    def fills(self, account: EngineAccount | None = None) -> list[tuple[Decimal, Decimal]]:
        """Prices and quantities, oldest first."""
        rows = self.exchange.fills(account or self.ann)[::-1]
        return [(Decimal(row["price"]), Decimal(row["quantity"])) for row in rows]

    def best(self, symbol: str = PERP) -> tuple[Decimal, Decimal]:
        depth = self.exchange.depth(symbol)
        return Decimal(depth["bids"][-1][0]), Decimal(depth["asks"][0][0])


@pytest.fixture
def pit() -> Pit:
    return Pit()


# --- which prices follow --------------------------------------------------------------------------


@pytest.mark.parametrize("by", WATCHED)
@pytest.mark.parametrize("moves", SUBSETS, ids="-".join)
def test_a_stop_fires_in_second_150_if_its_price_follows(
    pit: Pit, moves: list[str], by: str
) -> None:
    """At 160: not in second 149, at 160.07. If another price follows, it does not fire at all."""
    pit.stop("160", by)
    pit.exchange.set_path(PERP, {"steps": DOWN, "moves": moves})
    pit.advance(149)
    assert pit.fills() == []
    pit.advance(1)
    fires = WATCHED[by] in moves
    assert bool(pit.fills()) == fires
    if not fires:
        pit.advance(200)
        assert pit.fills() == [] and len(pit.exchange.open_orders(pit.ann)) == 1
        return
    assert pit.exchange.fills(pit.ann)[0]["timestamp"] == "2026-09-01T12:02:30.000"
    near = 160 if "last" in moves else 170
    assert all(near - 1 < price <= near + 1 for price, _ in pit.fills())


@pytest.mark.parametrize("moves", SUBSETS, ids="-".join)
def test_a_position_is_liquidated_if_the_mark_follows(pit: Pit, moves: list[str]) -> None:
    pit.order(pit.bob, "Bid", quantity="15")
    assert pit.exchange.set_path(PERP, {"name": "crash", "moves": moves})["steps"] == 1
    pit.advance(300)
    assert bool(pit.exchange.positions(pit.bob)) == ("mark" not in moves)
    assert pit.exchange.liquidated == ("mark" in moves)


@pytest.mark.parametrize("moves", SUBSETS, ids="-".join)
def test_only_those_prices_move(pit: Pit, moves: list[str]) -> None:
    mine, seed, price_of = pit.exchange.feed(PERP), feed(PERP), MARKETS[PERP].price
    pit.exchange.set_path(PERP, {"steps": "150 -> 140 in 10s", "moves": moves})
    for second in range(30):
        at_us = START_US + second * SECOND
        price = Decimal(max(140, 150 - second))
        prices = {
            "last": (price_of(mine.units("last", at_us)), price_of(seed.last_price(at_us))),
            "mark": (mine.mark_price(at_us), seed.mark_price(at_us)),
            "index": (mine.index_price(at_us), seed.index_price(at_us)),
        }  # fmt: skip
        for name, (now, usual) in prices.items():
            assert now == (price if name in moves else usual)


def test_two_prices_may_follow_two_paths(pit: Pit) -> None:
    pit.exchange.set_path(PERP, {"steps": "170 -> 160 in 10s", "moves": ["mark"]})
    pit.exchange.set_path(PERP, {"steps": "170 -> 180 in 10s", "moves": ["last"]})
    pit.advance(5)
    mine = pit.exchange.feed(PERP)
    assert (mine.last_price(pit.exchange.now_us), mine.mark_price(pit.exchange.now_us)) == (
        17_500,
        165,
    )
    pit.exchange.set_path(PERP, {"steps": "jump 150", "moves": ["mark"]})
    assert mine.mark_price(pit.exchange.now_us) == 150
    pit.advance(5)
    assert mine.last_price(pit.exchange.now_us) == 18_000


def test_a_path_starts_at_the_first_price_that_it_moves(pit: Pit) -> None:
    seed = feed(PERP)
    mark, index = seed.mark_price(START_US), seed.index_price(START_US)
    assert mark != index and mark != seed.market.price(seed.last_price(START_US))
    for moves, start in ((["mark", "index"], mark), (["index"], index)):
        pit.exchange.set_path(PERP, {"steps": "+10% in 10s", "moves": moves})
        pit.advance(10)
        expected = Decimal(round(Fraction(start) * 110)) / 100
        assert pit.exchange.feed(PERP).index_price(pit.exchange.now_us) == expected
        pit = Pit()


# --- a spot market --------------------------------------------------------------------------------


@pytest.mark.parametrize("moves", SUBSETS, ids="-".join)
def test_a_spot_market_moves_the_index_of_its_perp(pit: Pit, moves: list[str]) -> None:
    perp, seed = pit.exchange.feed(PERP), feed(PERP)
    if moves == ["mark"]:
        with pytest.raises(ValueError, match="SOL_USDC is a spot market, it has no mark"):
            pit.exchange.set_path(SOL, {"steps": "jump 150", "moves": moves})
        return
    pit.stop("160", "IndexPrice")
    pit.stop("160", "MarkPrice")
    pit.stop("160", "LastPrice")
    answer = pit.exchange.set_price(SOL, "150", moves)
    assert answer["triggers"] == ("index" in moves)
    assert perp.index_price(START_US) == (150 if "index" in moves else seed.index_price(START_US))
    assert perp.mark_price(START_US) == seed.mark_price(START_US)
    assert abs(perp.last_price(START_US) - seed.last_price(START_US)) < 50
    assert (pit.best(SOL)[0] <= 150 <= pit.best(SOL)[1]) == ("last" in moves)
    pit.exchange.clear_path(SOL)
    assert perp.steered_by("index", START_US) is None


def test_a_spot_market_without_a_perp_has_a_last_price_only(pit: Pit) -> None:
    assert pit.exchange.set_price("BONK_USDC", "0.00002")["price"] == "0.00002"
    with pytest.raises(ValueError, match=r'no perp has its index; write \["last"\]'):
        pit.exchange.set_price("BONK_USDC", "0.00002", ["index"])


# --- gaps -----------------------------------------------------------------------------------------


def test_a_stop_in_a_gap_fills_at_its_far_side_or_worse(pit: Pit) -> None:
    pit.stop("145")
    pit.exchange.set_path(PERP, f"{DOWN}; hold 1m; jump 140; -> 155 in 10m")
    pit.advance(359)
    assert pit.fills() == []
    pit.advance(1)
    assert sum(quantity for _, quantity in pit.fills()) == 5
    assert all(138 < price <= 140 for price, _ in pit.fills())


def test_a_jump_acts_at_once(pit: Pit) -> None:
    """A stop fires, and a bid in the gap is filled at its own price, as its maker."""
    pit.stop("160")
    bid = pit.order(pit.ann, "Bid", price="165", quantity="2")
    pit.order(pit.bob, "Bid", quantity="15")
    before = len(pit.exchange.fills(pit.bob))
    answer = pit.exchange.set_price(PERP, "150.004999")
    rows = pit.exchange.fills(pit.ann)
    bobs = pit.exchange.fills(pit.bob)[:-before]
    assert answer == {
        "symbol": PERP, "price": "150", "triggers": 1, "fills": len(rows) + len(bobs),
    }  # fmt: skip
    own = [row for row in rows if row["orderId"] == bid["id"]]
    assert {row["price"] for row in own} == {"165"} and all(row["isMaker"] for row in own)
    assert sum(Decimal(row["quantity"]) for row in own) == 2
    stopped = [row for row in rows if row["orderId"] != bid["id"]]
    assert sum(Decimal(row["quantity"]) for row in stopped) == 5
    assert all(148 < Decimal(row["price"]) <= 150 for row in stopped + bobs)
    assert pit.exchange.positions(pit.bob) == [] and bobs  # liquidated
    assert {row["timestamp"] for row in rows + bobs} == {"2026-09-01T12:00:00.000"}
    assert pit.exchange.now_us == START_US


def test_a_displayed_quantity_fills_once(pit: Pit) -> None:
    pit.exchange.set_price(PERP, "150")
    shown = pit.exchange.depth(PERP)["bids"][::-1]
    half = str(Decimal(shown[0][1]) / 2 // Decimal("0.01") / 100)
    for _ in range(3):
        pit.order(pit.ann, "Ask", quantity=half)
    left = {Decimal(price): Decimal(quantity) for price, quantity in shown}
    for price, quantity in pit.fills():
        left[price] -= quantity
    assert left[Decimal(shown[0][0])] == 0 and min(left.values()) == 0
    assert sum(quantity for _, quantity in pit.fills()) == 3 * Decimal(half)


def test_the_bands_are_around_the_new_price(pit: Pit) -> None:
    """SOL: a bid is at most 3 % above the mean mark price, and a limit at most twice the last."""
    pit.exchange.set_price(SOL, "100")
    inside = pit.order(pit.ann, "Bid", SOL, price="103", quantity="0.1")
    outside = pit.order(pit.ann, "Bid", SOL, price="103.5", quantity="0.1")
    assert (inside["status"], outside["status"]) == ("Filled", "Expired")
    with pytest.raises(Refusal, match="too far from the last active price"):
        pit.order(pit.ann, "Bid", SOL, price="200.5", quantity="0.1")
    assert pit.order(pit.ann, "Ask", SOL, quantity="900")["status"] == "Expired"  # 1 % at most
    assert all(price >= 99 for price, _ in pit.fills()[1:])


def test_the_price_is_held_and_goes_on_after_clear(pit: Pit) -> None:
    pit.exchange.set_price(PERP, "150")
    pit.advance(3_600)
    mine, hour = pit.exchange.feed(PERP), (START_US, START_US + HOUR)
    window = mine.window(*hour)
    assert (window.high, window.low) == (15_000, 15_000)
    assert window.trades == 1 + feed(PERP).window(*hour).trades
    assert mine.mark_price(START_US + HOUR) == mine.index_price(START_US + HOUR) == 150
    pit.exchange.clear_path(PERP)
    assert mine.mark_price(START_US + HOUR) == 150 and mine.last_price(START_US + HOUR) == 15_000
    pit.advance(3_600)
    later = mine.window(START_US + HOUR, START_US + 2 * HOUR)
    assert later.low is not None and later.high is not None
    assert 14_000 < later.low < 15_000 < later.high < 16_000
    with pytest.raises(ValueError, match="SOL_USDC_PERP follows no path; set_path or set_price"):
        pit.exchange.clear_path(PERP)


# --- what is wrong --------------------------------------------------------------------------------


def test_what_is_wrong_changes_nothing(pit: Pit) -> None:
    before = pit.exchange.depth(PERP)
    for symbol, path, message in (
        ("SOLUSDC", DOWN, "'SOLUSDC' is not a market here; there are SOL_USDC, BTC_USDC"),
        ("HNT_USDC", DOWN, "HNT_USDC is closed: it has no prices; write one of SOL_USDC"),
        (PERP, "hold 1m; -> 150 in 5", "step 2: in='5' is not a duration"),
        (PERP, "hold 1m; -> 0.0049 in 5m", "step 2: 0.0049 is not a price of SOL_USDC_PERP; write"),
        (PERP, "jump 17080.01", "17080.01 is not a price of SOL_USDC_PERP; write one from 0.01 to"),
    ):
        with pytest.raises(ValueError, match=message):
            pit.exchange.set_path(symbol, path)
    with pytest.raises(ValueError, match="17080.01 is not a price .* from 0.01 to 17080"):
        pit.exchange.set_price(PERP, "17080.01")
    with pytest.raises(ValueError, match="closed"):
        pit.exchange.clear_path("HNT_USDC")
    assert pit.exchange.depth(PERP) == before and pit.exchange.feed(PERP)._lines == {}
    assert pit.exchange.set_price(PERP, "17080")["price"] == "17080"
    assert pit.exchange.set_price(PERP, "0.01")["price"] == "0.01"


# --- streams, and how time is cut -----------------------------------------------------------------


class Steered(Room):
    """A room whose prices follow paths."""

    def set_price(self, price: int) -> None:
        self.exchange.set_price(SOL, str(Decimal(price) / 100))
        self.take()

    def set_path(self, path: Any) -> None:
        self.exchange.set_path(SOL, path)
        self.take()

    def clear(self) -> None:
        try:
            self.exchange.clear_path(SOL)
        except ValueError as error:
            assert "follows no path" in str(error)
        assert self.take() == []


prices = st.integers(16_900, 17_200)
jumps = st.tuples(st.just("set_price"), prices)
lines = st.builds(
    lambda first, last, seconds, after: {
        "steps": f"{Decimal(first) / 100} -> {Decimal(last) / 100} in {seconds}s", "after": after,
    },
    prices, prices, st.integers(1, 30), st.sampled_from(["hold", "tape"]),
)  # fmt: skip
ways = st.tuples(st.just("set_path"), lines)
clears = st.tuples(st.just("clear"))
days = st.lists(
    st.one_of(orders, orders, waits, waits, cancels, jumps, ways, ways, clears),
    min_size=3, max_size=20,
)  # fmt: skip


@settings(max_examples=examples(12))
@given(days)
def test_the_streams_show_what_rest_shows(day: list[tuple[Any, ...]]) -> None:
    """Each id of a book's change comes once, and no trade is missing."""
    room = Steered(streams(SOL))
    for step in day:
        room.play(step)
        shown = room.exchange.depth(SOL)
        assert room.take() == []
        book, last = follow(room.snapshots[SOL], room.of(f"depth.{SOL}"))
        assert (book, last) == (read(shown), int(shown["lastUpdateId"]))
        if tickers := room.of(f"bookTicker.{SOL}"):
            assert numbers(tickers[-1]) == best(book)
    assert all(frame["U"] == frame["u"] for frame in room.of(f"depth.{SOL}"))
    check_tickers(room)
    check_windows(room)
    check_trades(room)


KINDS = ("trade", "bookTicker", "depth", "depth.600ms", "markPrice", "ticker", "kline.1s")
PUBLIC = {(f"{kind}.{PERP}", None) for kind in KINDS} | {("liquidation", None)}
PRIVATE = {
    (f"account.{name}Update", key)
    for name in ("order", "balance", "position")
    for key in ("ann", "bob")
}


def story(pit: Pit, cuts: list[int]) -> tuple[Any, ...]:
    """Two paths and a jump, with orders of all kinds; time is cut at these microseconds."""
    pit.exchange.outbox.wanted = PUBLIC | PRIVATE
    acts = {
        0: lambda: pit.exchange.set_path(PERP, "-2% in 40s; jump -1%; back in 30s"),
        25 * SECOND + 400_000: lambda: pit.exchange.set_price(PERP, "168.5", ["last", "index"]),
        31 * SECOND: lambda: pit.exchange.set_path(PERP, {"steps": "-2% in 20s", "after": "tape"}),
        58 * SECOND: lambda: pit.exchange.set_path(PERP, {"steps": "-5% in 9s", "moves": ["mark"]}),
        80 * SECOND: lambda: pit.exchange.clear_path(PERP),
    }  # fmt: skip
    pit.order(pit.ann, "Bid", quantity="20")
    pit.order(pit.bob, "Bid", quantity="15")
    for price in ("169.5", "169", "165.2"):
        pit.order(pit.ann, "Bid", price=price, quantity="300")
        for by in WATCHED:
            pit.stop(price, by)
    for at_us in sorted({*acts, *cuts, 2 * MINUTE}):
        pit.exchange.advance_to(START_US + at_us)
        if at_us in acts:
            acts[at_us]()
    asked = ("fills", "order_history", "positions", "balances", "settlements", "open_orders")
    return (
        pit.exchange.outbox.take(),
        pit.exchange.depth(PERP),
        *(shown(pit.exchange, one, name) for name in asked for one in (pit.ann, pit.bob)),
    )


@cache
def uncut() -> tuple[Any, ...]:
    return story(Pit(), [])


@settings(max_examples=examples(5))
@given(
    st.lists(
        st.integers(1, 120).map(lambda at: at * SECOND) | st.integers(1, 2 * MINUTE), max_size=9
    )
)
def test_it_does_not_matter_how_time_is_cut(edges: list[int]) -> None:
    whole, cut = uncut(), story(Pit(), edges)
    same = [one == other for one, other in zip(whole, cut, strict=True)]
    assert all(same)  # a comparison of the whole would be long
    events = {frame.data["e"] for frame in whole[0]}
    assert {"liquidation", "triggerPlaced", "orderFill", "positionClosed", "markPrice"} <= events


def test_mark_prices_are_sent_as_the_path_says(pit: Pit) -> None:
    stream = f"markPrice.{PERP}"
    pit.exchange.outbox.wanted = {(stream, None)}
    pit.exchange.set_path(PERP, DOWN)
    pit.advance(60)
    found = [Decimal(frame.data["p"]) for frame in pit.exchange.outbox.take()]
    exact = [Fraction(17_000) - Fraction(2_000, 300) * second for second in range(1, 61)]
    assert found == [Decimal(round(price)) / 100 for price in exact]
