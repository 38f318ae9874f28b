"""Scheduled strategies (TWAP) on a small market: SOL_USDC, last price 100.00, best ask 100.01.

The fields, the states and the reasons are those of the specification. When orders are placed, and
how large they are, is a guess; the numbers are worked out by hand.
"""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from account_histories import order_history
from helpers import Plain, examples
from hypothesis import given, settings
from hypothesis import strategies as st
from test_engine_properties import NOW as WANDERS
from test_engine_properties import WanderingFeed
from test_exchange import NOW, SECOND, Floor, everything

from bpkit import Key
from bpkit.sandbox import Sandbox
from bpkit.sandbox.core.exchange import EngineAccount, Exchange, Refusal
from bpkit.sandbox.core.transfers import Transfers
from bpkit.sandbox.server.endpoints import histories
from bpkit.sandbox.simulation.market import load

SCHEDULED = {
    "symbol": "SOL_USDC", "strategyType": "Scheduled", "side": "Bid",
    "quantity": "1", "duration": 60_000, "interval": 8_000,
}  # fmt: skip


@pytest.fixture
def floor() -> Floor:
    return Floor()


def start(floor: Floor, **more: Any) -> dict[str, Any]:
    return floor.exchange.strategies.create(floor.ann, SCHEDULED | more)


def orders(floor: Floor) -> list[tuple[float, str, str]]:
    """Seconds after the start, quantity and status of ann's orders, oldest first."""
    made = [(order.created_us, order.history()) for order in floor.ann.orders]
    return [((at - NOW) / SECOND, row["quantity"], row["status"]) for at, row in made]


def history(floor: Floor) -> list[dict[str, Any]]:
    """The strategies of ann's that have ended, newest first."""
    page = histories.STRATEGIES.page(floor.exchange, floor.ann, {})
    return page.rows


def past(floor: Floor) -> dict[str, Any]:
    """The newest strategy of ann's that has ended."""
    return history(floor)[0]


# --- orders ---------------------------------------------------------------------------------------


def test_the_quantity_is_split_evenly(floor: Floor) -> None:
    """60 / 8 is 7 orders. Of 100 steps, 14, 28, 42, 57, 71, 85 and 100 are due by and by."""
    start(floor)
    floor.advance(120)
    quantities = ["0.14", "0.14", "0.14", "0.15", "0.14", "0.14", "0.15"]
    times = [0, 8, 16, 24, 32, 40, 48]
    assert orders(floor) == [
        (at, steps, "Filled") for at, steps in zip(times, quantities, strict=True)
    ]
    row = past(floor)
    assert (row["status"], row["cancelReason"], row["executedQuantity"]) == ("Completed", None, "1")
    assert row["executedQuoteQuantity"] == "100.01"
    assert floor.balance(floor.ann, "USDC") == ("899.99", "0")


def test_the_answer_has_the_documented_shape(floor: Floor) -> None:
    """One order of 0.14 at 100.01 is filled: 14.0014 USDC."""
    made = start(
        floor, clientStrategyId=0, slippageTolerance="1.50", slippageToleranceType="Percent"
    )
    shown = {
        "clientStrategyId": 0,
        "createdAt": NOW // 1_000,
        "duration": 60_000,
        "executedQuantity": "0.14",
        "executedQuoteQuantity": "14.0014",
        "id": "6023471188",
        "interval": 8_000,
        "quantity": "1",
        "randomizedIntervalQuantity": None,
        "reduceOnly": None,
        "selfTradePrevention": "RejectTaker",
        "side": "Bid",
        "slippageTolerance": "1.5",
        "slippageToleranceType": "Percent",
        "status": "Running",
        "strategyType": "Scheduled",
        "symbol": "SOL_USDC",
        "timeInForce": "GTC",
    }
    assert made == shown
    assert floor.exchange.strategies.running(floor.ann) == [shown]
    assert floor.exchange.strategies.running(floor.bob) == []
    assert floor.exchange.strategies.one(floor.ann, "SOL_USDC", made["id"], None) == shown
    assert floor.exchange.strategies.one(floor.ann, "SOL_USDC", None, 0) == shown


def test_a_row_of_the_history_has_the_documented_shape(floor: Floor) -> None:
    made = start(floor)
    cancelled = floor.exchange.strategies.cancel(floor.ann, "SOL_USDC", made["id"], None)
    assert cancelled == made | {"status": "Cancelled"}
    del made["reduceOnly"]
    assert history(floor) == [
        made
        | {
            "cancelReason": None,
            "createdAt": "2026-09-01T17:54:04.094",
            "randomizedIntervalQuantity": False,
            "status": "Cancelled",
        }
    ]


def test_orders_and_fills_name_their_strategy(floor: Floor) -> None:
    made = start(floor)
    floor.order(floor.ann, "Bid", quantity="1")
    exchange = floor.exchange
    assert [row["strategyId"] for row in order_history(exchange, floor.ann)] == [None, made["id"]]
    [fill] = histories.FILLS.page(exchange, floor.ann, {"strategyId": made["id"]}).rows
    assert fill["quantity"] == "0.14"
    assert histories.FILLS.page(exchange, floor.ann, {"strategyId": "1"}).rows == []
    assert len(exchange.fills(floor.ann)) == 2


@pytest.mark.parametrize("seed", ["one", "two"])
def test_random_quantities_add_up(floor: Floor, seed: str) -> None:
    """100 steps in 4 orders: each has 12 to 38, half to one and a half of 25."""
    floor.feed.seed = seed
    for _ in range(2):
        start(floor, duration=32_000, randomizedIntervalQuantity=True)
    floor.advance(60)
    steps = [int(Decimal(quantity) * 100) for _, quantity, _ in orders(floor)]
    first, second = steps[::2], steps[1::2]
    assert sum(first) == sum(second) == 100 and len(first) == len(second) == 4
    assert all(12 <= one <= 38 for one in steps)
    assert first != second and len(set(first)) > 1
    # Computed with sha256sum and bc: another seed gives others, another machine does not.
    assert first == {"one": [21, 34, 14, 31], "two": [30, 19, 23, 28]}[seed]


@settings(max_examples=examples(100))
@given(st.integers(1, 10**6), st.integers(1, 40), st.booleans(), st.integers(0, 10**6))
def test_each_order_has_the_least_quantity(
    spare: int, count: int, random: bool, number: int
) -> None:
    """Also if the quantity is the least that so many orders may have."""
    floor = Floor()
    steps = count + spare % (3 * count)
    floor.exchange.strategies._last_id += number
    floor.exchange.open_account("rich", {"USDC": Decimal(10**9)})
    rich = floor.exchange.accounts["rich"]
    wish = SCHEDULED | {"quantity": f"{Decimal(steps) / 100}", "interval": 1_000}
    wish |= {"duration": count * 1_000, "randomizedIntervalQuantity": random}
    floor.exchange.strategies.create(rich, wish)
    floor.advance(count)
    made = [order.request.quantity or 0 for order in rich.orders]
    assert len(made) == count and sum(made) == steps and min(made) >= 1


def test_limit_orders_rest_and_are_cancelled_at_the_end(floor: Floor) -> None:
    """Of 0.5 a second at 99.50, a sale of 0.7 fills the first and 0.2 of the second."""
    start(floor, quantity="1.5", price="99.5", duration=3_000, interval=1_000)
    floor.feed.print(1, 9950, 70, sold=True)
    floor.advance(1)
    assert orders(floor) == [(0, "0.5", "Filled"), (1, "0.5", "New")]
    floor.feed.print(2, 9950, 20, sold=True)
    floor.advance(2)
    assert [status for _, _, status in orders(floor)] == ["Filled", "PartiallyFilled", "New"]
    assert floor.balance(floor.ann, "USDC") == ("850.75", "79.6")  # 0.8 * 99.50 is locked
    floor.advance(3)
    assert [status for _, _, status in orders(floor)] == ["Filled", "Cancelled", "Cancelled"]
    assert floor.balance(floor.ann, "USDC") == ("930.35", "0")
    row = past(floor)
    assert (row["status"], row["cancelReason"]) == ("Terminated", "Expired")
    assert (row["executedQuantity"], row["executedQuoteQuantity"]) == ("0.7", "69.65")


def test_it_is_completed_when_its_last_order_is_filled(floor: Floor) -> None:
    made = start(floor, price="99.5", duration=3_000, interval=3_000)
    floor.feed.print(2, 9950, 100, sold=True)
    floor.advance(2)
    assert floor.exchange.strategies.running(floor.ann) == []
    assert past(floor)["status"] == "Completed"
    with pytest.raises(Refusal):
        floor.exchange.strategies.cancel(floor.ann, "SOL_USDC", made["id"], None)
    floor.advance(10)
    assert past(floor)["status"] == "Completed"


def test_what_an_order_left_is_added_to_the_next(floor: Floor) -> None:
    """2.00 can be sold at 99.99 at each time: 3.33, then 6.66 - 2, then 10 - 4 are tried."""
    floor.feed.bids = [(9999, 200), (9998, 1000)]
    start(
        floor, side="Ask", quantity="10", price="99.99", timeInForce="IOC",
        duration=3_000, interval=1_000,
    )  # fmt: skip
    floor.advance(3)
    assert [quantity for _, quantity, _ in orders(floor)] == ["3.33", "4.66", "6"]
    row = past(floor)
    assert (row["status"], row["cancelReason"]) == ("Terminated", "Expired")
    assert row["executedQuantity"] == "6"
    assert floor.balance(floor.ann, "SOL") == ("4", "0")


def test_an_order_that_its_owner_cancels_is_tried_again(floor: Floor) -> None:
    start(floor, price="99.5", duration=2_000, interval=1_000)
    floor.exchange.cancel_all(floor.ann, "SOL_USDC")
    floor.advance(1)
    assert orders(floor) == [(0, "0.5", "Cancelled"), (1, "1", "New")]


# --- ends -----------------------------------------------------------------------------------------


def test_insufficient_funds_in_the_middle(floor: Floor) -> None:
    """After two orders 799.98 are left; 720 are locked by another order."""
    start(floor, quantity="9", duration=9_000, interval=1_000)
    floor.advance(1)
    floor.order(floor.ann, "Bid", price="90", quantity="8")
    floor.advance(9)
    assert [status for _, _, status in orders(floor)] == ["Filled", "Filled", "New"]
    row = past(floor)
    assert (row["status"], row["cancelReason"]) == ("Terminated", "InsufficientFunds")
    assert row["executedQuantity"] == "2"


def test_insufficient_funds_at_the_start(floor: Floor) -> None:
    before = everything(floor)
    with pytest.raises(Refusal) as caught:
        start(floor, quantity="100", duration=9_000, interval=1_000)
    assert caught.value.code == "INSUFFICIENT_FUNDS"
    assert everything(floor) == before
    assert floor.exchange.strategies.running(floor.ann) == []
    assert history(floor) == []
    assert start(floor)["id"] == "6023471188"  # the refused one has taken no id


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"timeInForce": "FOK", "price": "100.01", "quantity": "9"}, "FillOrKill"),
        ({"price": "107"}, "PriceOutOfBounds"),  # 6 % above the last price is the bound
    ],
)
def test_reasons_that_end_it_at_once(floor: Floor, fields: dict[str, Any], reason: str) -> None:
    floor.feed.asks = [(10001, 100), (10002, 1000)]
    made = start(floor, interval=60_000, **fields)
    assert (made["status"], made["executedQuantity"]) == ("Terminated", "0")
    assert past(floor)["cancelReason"] == reason


def test_its_own_order_on_the_other_side_ends_it(floor: Floor) -> None:
    floor.order(floor.ann, "Ask", price="100", quantity="1")
    start(floor)
    assert past(floor)["cancelReason"] == "SelfTradePrevention"


def test_a_reason_that_is_not_documented_for_strategies_does_not_end_it(floor: Floor) -> None:
    """A market order stops 1 % above the best ask: PriceImpact. Later there is more to buy."""
    floor.feed.asks = [(10001, 10), (10200, 1000)]
    start(floor, duration=2_000, interval=1_000)
    assert (floor.expiry(floor.ann), past_reason(floor)) == ("PriceImpact", None)
    floor.feed.asks = [(10001, 1000)]
    floor.advance(1)
    assert [quantity for _, quantity, _ in orders(floor)] == ["0.5", "0.9"]
    assert past(floor)["status"] == "Completed"


def past_reason(floor: Floor) -> str | None:
    rows = history(floor)
    return rows[0]["cancelReason"] if rows else None


def test_a_post_only_order_that_would_take_is_left_out(floor: Floor) -> None:
    """Bob's sale of 0.8 fills the first order, and its rest is in the way of the second."""
    start(floor, price="100", postOnly=True, duration=3_000, interval=1_000, quantity="0.9")
    floor.order(floor.bob, "Ask", price="100", quantity="0.8")
    floor.advance(1)
    floor.exchange.cancel_all(floor.bob, "SOL_USDC")
    floor.advance(2)
    assert [(at, quantity) for at, quantity, _ in orders(floor)] == [(0, "0.3"), (2, "0.6")]
    floor.exchange.strategies.cancel_all(floor.ann, "SOL_USDC")
    floor.feed.bids, floor.feed.asks = [(9998, 500)], [(9999, 500)]
    floor.advance(3)
    with pytest.raises(Refusal, match="Order would immediately match and take"):
        start(floor, price="100", postOnly=True)


def test_cancelling_cancels_its_open_orders(floor: Floor) -> None:
    floor.order(floor.ann, "Bid", price="99", quantity="1")
    first = start(floor, price="99.5", clientStrategyId=7)
    start(floor, price="99.4", clientStrategyId=7)
    with pytest.raises(Refusal):
        floor.exchange.strategies.cancel(floor.bob, "SOL_USDC", first["id"], None)
    found = floor.exchange.strategies.cancel(floor.ann, "SOL_USDC", None, 7)
    assert found["id"] == str(int(first["id"]) + 1)  # the newest of that client id
    [row] = floor.exchange.strategies.cancel_all(floor.ann, "SOL_USDC")
    assert (row["id"], row["status"]) == (first["id"], "Cancelled")
    assert [status for _, _, status in orders(floor)] == ["New", "Cancelled", "Cancelled"]
    assert floor.balance(floor.ann, "USDC") == ("901", "99")
    floor.advance(100)
    assert len(floor.ann.orders) == 3
    assert floor.exchange.strategies.next_us(0) is None


def test_cancel_all_is_of_one_market(floor: Floor) -> None:
    start(floor)
    assert floor.exchange.strategies.cancel_all(floor.ann, "ETH_USDC") == []
    with pytest.raises(Refusal, match="Invalid market symbol"):
        floor.exchange.strategies.cancel_all(floor.ann, "NOPE_USDC")
    assert len(floor.exchange.strategies.running(floor.ann)) == 1


@pytest.mark.parametrize(
    ("ids", "status", "message"),
    [
        ({}, 400, "Must specify exactly one of `strategyId` and `clientStrategyId`"),
        ({"id": "6023471188", "client": 7}, 400, "Must specify exactly one of"),
        ({"id": "1"}, 404, "Not Found"),
        ({"client": 8}, 404, "Not Found"),
        ({"id": "6023471188", "symbol": "ETH_USDC"}, 404, "Not Found"),
    ],
)
def test_strategies_that_are_not_found(
    floor: Floor, ids: dict[str, Any], status: int, message: str
) -> None:
    start(floor, clientStrategyId=7)
    asked: tuple[EngineAccount, Any, Any, Any]
    asked = (floor.ann, ids.get("symbol", "SOL_USDC"), ids.get("id"), ids.get("client"))
    with pytest.raises(Refusal, match=message) as caught:
        floor.exchange.strategies.one(*asked)
    assert caught.value.status == status
    with pytest.raises(Refusal) as caught:
        floor.exchange.strategies.cancel(*asked)
    assert caught.value.status == 400
    if status == 404:
        assert caught.value.message == "Strategy not found"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"quantity": None}, "Scheduled strategies must specify a `quantity`"),
        ({"duration": None}, "Scheduled strategies must specify a `duration`"),
        ({"interval": None}, "Scheduled strategies must specify a `interval`"),
        ({"interval": 0}, "`interval` must be above 0, and at most the `duration`"),
        ({"interval": 60_001}, "`interval` must be above 0, and at most the `duration`"),
        ({"quantity": "0.06"}, "Quantity is below the minimum allowed value"),  # of 7 orders
        ({"quantity": "1.001"}, "Quantity decimal too long"),
        ({"price": "99.999"}, "Price decimal too long"),
        ({"postOnly": True}, "Market orders cannot be post only"),
        ({"reduceOnly": True}, "Reduce only orders are for futures"),
        ({"price": "99", "slippageTolerance": "1", "slippageToleranceType": "Percent"}, "Limit"),
        ({"symbol": "NOPE"}, "Invalid market symbol"),
        ({"symbol": "HNT_USDC"}, "Market is not open for trading"),
    ],
)
def test_strategies_that_are_refused(floor: Floor, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(Refusal, match=message):
        start(floor, **fields)
    assert floor.ann.orders == [] and floor.ann.strategies == []


def test_the_stream_names_the_strategy(floor: Floor) -> None:
    """As a number. Other orders have no ``H``."""
    floor.exchange.outbox.wanted = {("account.orderUpdate", "ann")}
    start(floor)
    floor.order(floor.ann, "Bid", quantity="1")
    frames = [frame.data for frame in floor.exchange.outbox.take()]
    assert [data.get("H") for data in frames] == [6_023_471_188, 6_023_471_188, None, None]
    assert list(frames[0]) == sorted(frames[0])


# --- nothing is lost ------------------------------------------------------------------------------

sides = st.sampled_from(["Bid", "Ask"])
quantities = st.integers(1, 60).map(lambda steps: str(Decimal(steps) / 100))
prices = st.none() | st.integers(9_990, 10_010).map(lambda ticks: str(Decimal(ticks) / 100))
plans = st.fixed_dictionaries({
    "side": sides, "quantity": quantities, "price": prices, "duration": st.integers(1, 12_000),
    "interval": st.integers(500, 4_000), "randomizedIntervalQuantity": st.booleans(),
    "timeInForce": st.sampled_from(["GTC", "IOC", "FOK"]),
})  # fmt: skip
moves = st.one_of(
    st.tuples(st.just("plan"), plans),
    st.tuples(st.just("plan"), plans),
    st.tuples(st.just("order"), sides, quantities),
    st.tuples(st.just("cancel")),
    st.tuples(st.just("dust")),
    st.tuples(st.just("leave"), st.decimals("0.02", 3, places=9)),
    st.tuples(st.just("advance"), st.integers(1, 6)),
)


class Walk:
    """One user on a wandering market, who does anything."""

    def __init__(self) -> None:
        feed: Any = WanderingFeed()
        markets = [market for market in load() if market.symbol == "SOL_USDC"]
        self.exchange = Exchange(markets, lambda symbol: feed, WANDERS)
        self.capital = Transfers(self.exchange)
        funds = {"USDC": Decimal(400), "SOL": Decimal(4)}
        self.ann = self.exchange.open_account("ann", funds)
        self.capital.allow(self.ann, "Solana", "there")

    def plan(self, wish: dict[str, Any]) -> None:
        self.exchange.strategies.create(self.ann, SCHEDULED | wish)

    def order(self, side: str, quantity: str) -> None:
        order = {"symbol": "SOL_USDC", "side": side, "orderType": "Market", "quantity": quantity}
        self.exchange.execute(self.ann, order)

    def cancel(self) -> None:
        self.exchange.strategies.cancel_all(self.ann, "SOL_USDC")

    def dust(self) -> None:
        """What is left of SOL below 0.01, if all else is withdrawn first."""
        whole = self.ann.balances.available("SOL") // Decimal("0.01") / 100
        if whole:
            self.leave(whole)
        self.exchange.convert_dust(self.ann)

    def leave(self, quantity: Decimal) -> None:
        wish = {"symbol": "SOL", "blockchain": "Solana", "address": "there"}
        self.capital.request(self.ann, wish | {"quantity": f"{quantity:f}"})

    def advance(self, seconds: int) -> None:
        self.exchange.advance_to(self.exchange.now_us + seconds * SECOND)

    def totals(self) -> list[Fraction]:
        books = [self.ann.balances, self.exchange.market_maker, self.exchange.fees]
        books.append(self.capital.outside)
        return [
            sum((Fraction(one.available(asset)) + Fraction(one.locked(asset)) for one in books),
                Fraction(0))
            for asset in ("USDC", "SOL")
        ]  # fmt: skip

    def check(self) -> None:
        """What a strategy has executed is what its orders have, and nothing else is locked."""
        for one in self.ann.strategies:
            mine = [order for order in self.ann.orders if order.request.strategy == one.id]
            assert one.executed == sum(order.executed for order in mine) <= one.steps
            still = [order for order in mine if order.id in self.ann.open]
            assert one.executed + sum(order.remaining for order in still) <= one.steps
            assert one.status == "Running" or not still
            assert len(mine) <= one.count
            if one.status == "Completed":
                assert one.executed == one.steps
        for asset in ("USDC", "SOL"):
            held = [order.request.hold(order.remaining) for order in self.ann.open.values()
                    if order.request.pays == asset]  # fmt: skip
            assert self.ann.balances.locked(asset) == sum(held)


@settings(max_examples=examples(60))
@given(st.lists(moves, max_size=25))
def test_every_asset_is_conserved(happening: list[tuple[Any, ...]]) -> None:
    """Over strategies, orders, dust and withdrawals."""
    walk = Walk()
    begin = walk.totals()
    for name, *arguments in happening:
        with suppress(Refusal):
            getattr(walk, name)(*arguments)
        assert walk.totals() == begin
        walk.check()
    walk.advance(20)
    assert walk.exchange.strategies.running(walk.ann) == []
    assert walk.totals() == begin
    walk.check()


# --- over HTTP ------------------------------------------------------------------------------------


def test_a_market_that_takes_no_orders_in_the_middle(sandbox: Sandbox, plain: Plain) -> None:
    """The orders of 2 s and 3 s are left out; what they would have bought is bought at 4 s."""
    wish = SCHEDULED | {"quantity": "0.5", "duration": 5_000, "interval": 1_000}
    made = plain.call("strategy_create", wish).json()
    sandbox.advance(seconds=1)
    with sandbox.fault("cancel_only", symbols=["SOL_USDC"]) as fault:
        refused = plain.call("strategy_create", wish)
        assert (refused.status_code, refused.json()["code"]) == (400, "INVALID_MARKET")
        sandbox.advance(seconds=2)
        assert fault.hits == 3
    with sandbox.fault("cancel_only", symbols=["ETH_USDC"]) as fault:
        sandbox.advance(seconds=1)
        assert fault.hits == 0
    rows = plain.call("get_order_history", {"strategyId": made["id"]}).json()
    assert [row["quantity"] for row in rows] == ["0.3", "0.1", "0.1"]
    [row] = plain.call("get_strategies_history", {"symbol": "SOL_USDC"}).json()
    assert (row["status"], row["executedQuantity"]) == ("Completed", "0.5")


def test_trading_that_is_paused_once(sandbox: Sandbox, plain: Plain) -> None:
    wish = SCHEDULED | {"quantity": "0.3", "duration": 3_000, "interval": 1_000}
    plain.call("strategy_create", wish)
    with sandbox.fault("trading_paused", times=1):
        sandbox.advance(seconds=2)
    rows = plain.call("get_order_history").json()
    assert [row["quantity"] for row in rows] == ["0.2", "0.1"]


def test_the_operations(sandbox: Sandbox, plain: Plain) -> None:
    ids = [plain.call("strategy_create", SCHEDULED).json()["id"] for _ in range(3)]
    perp = SCHEDULED | {"symbol": "SOL_USDC_PERP", "quantity": "7", "clientStrategyId": 5}
    other = plain.call("strategy_create", perp).json()

    def listed(name: str, **fields: Any) -> list[str]:
        return [row["id"] for row in plain.call(name, fields).json()]

    assert listed("get_open_strategies") == [*ids, other["id"]]
    assert listed("get_open_strategies", marketType="PERP", strategyType="Scheduled") == [
        other["id"]
    ]
    one = {"symbol": "SOL_USDC", "strategyId": ids[0]}
    assert plain.call("get_strategy", one).json()["id"] == ids[0]
    assert plain.call("cancel_strategy", one).json()["status"] == "Cancelled"
    assert plain.call("get_strategy", one).status_code == 404
    cancelled = plain.call("cancel_open_strategies", {"symbol": "SOL_USDC"}).json()
    assert [row["id"] for row in cancelled] == ids[1:]
    sandbox.advance(minutes=1)
    assert listed("get_strategies_history") == [other["id"], *ids[::-1]]
    assert listed("get_strategies_history", marketType="SPOT", sortDirection="Asc") == ids
    assert listed("get_strategies_history", strategyId=ids[1]) == [ids[1]]
    page = plain.call("get_strategies_history", {"limit": 1, "offset": 1})
    assert (page.headers["X-Total"], page.json()[0]["id"]) == ("4", ids[2])
    fills = plain.call("get_fills", {"strategyId": other["id"]}).json()
    assert sum(Decimal(row["quantity"]) for row in fills) == 7
    [position] = plain.call("get_positions").json()
    assert position["netQuantity"] == "7"


def test_a_strategy_that_only_reduces(sandbox: Sandbox, plain: Plain) -> None:
    """Of a position of 0.5, a strategy of 3 orders of 0.3 closes 0.5, and then ends."""
    order = {"symbol": "SOL_USDC_PERP", "side": "Bid", "orderType": "Market", "quantity": "0.5"}
    plain.call("execute_order", order)
    wish = SCHEDULED | {"symbol": "SOL_USDC_PERP", "side": "Ask", "quantity": "0.9"}
    wish |= {"duration": 3_000, "interval": 1_000, "reduceOnly": True}
    assert plain.call("strategy_create", wish).json()["reduceOnly"] is True
    sandbox.advance(seconds=3)
    [row] = plain.call("get_strategies_history").json()
    assert (row["status"], row["cancelReason"]) == ("Terminated", "ReduceOnlyNotReduced")
    assert row["executedQuantity"] == "0.5"
    assert plain.call("get_positions").json() == []


def test_an_order_of_a_strategy_triggers_others_at_once(sandbox: Sandbox, plain: Plain) -> None:
    """The order of 60 s sells down to the sixth bid and further, past a stop at the third. The
    second at the end of the advance is not when the stop is triggered."""
    secret = b64encode(bytes(range(32))).decode()
    sandbox.open_account({"SOL": "100000"}, Key(secret))
    bids = plain.call("get_depth", {"symbol": "SOL_USDC"}).json()["bids"]
    size = 2 * sum(Decimal(quantity) for _, quantity in bids[-6:])
    wish = SCHEDULED | {"side": "Ask", "quantity": str(2 * size), "duration": 120_000}
    with Plain(sandbox.url, secret) as other:
        assert other.call("strategy_create", wish | {"interval": 60_000}).ok
    sandbox.advance(seconds=59.9)
    bids = plain.call("get_depth", {"symbol": "SOL_USDC"}).json()["bids"]
    stop = {"symbol": "SOL_USDC", "side": "Ask", "orderType": "Market", "triggerQuantity": "1"}
    waiting = plain.call("execute_order", stop | {"triggerPrice": bids[-3][0]}).json()
    assert waiting["status"] == "TriggerPending"
    sandbox.advance(seconds=1)
    rows = plain.call("get_order_history").json()
    assert [row["createdAt"] for row in rows] == [
        "2026-09-01T12:01:00.000", "2026-09-01T12:00:59.900",
    ]  # fmt: skip
