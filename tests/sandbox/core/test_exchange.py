"""The engine on a small market: SOL_USDC, last price 100.00, five levels.

Amounts are worked out by hand; messages and samples come from the reference (sections 3.2 and 4).
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from account_histories import order_history

from bpkit.sandbox.core.exchange import Conflicts, EngineAccount, Exchange, Refusal
from bpkit.sandbox.server.endpoints import select
from bpkit.sandbox.server.endpoints.histories import FILLS, ORDERS
from bpkit.sandbox.simulation.market import Market, load
from bpkit.sandbox.simulation.price_feed import PriceFeed
from bpkit.sandbox.simulation.synthetic import START_US, Trade

NOW = 1_788_285_244_094_000  # 2026-09-01T17:54:04.094
SECOND = 1_000_000
MARKETS = {market.symbol: market for market in load()}
Levels = list[tuple[int, int]]


class FakeFeed:
    """Levels and trades as given; what is recorded is kept apart."""

    seed = "one"

    def __init__(self, bids: Levels, asks: Levels, last: int) -> None:
        self.bids, self.asks, self.last = bids, asks, last
        self.to_come: list[Trade] = []
        self.recorded: list[Trade] = []

    def record(self, trade: Trade) -> None:
        self.recorded.append(trade)

    def next_id(self, time_us: int) -> int:
        return 1 + len(self.recorded)

    def last_price(self, at_us: int) -> int:
        return self.last

    def book_count(self, at_us: int) -> int:
        """The book may change at each microsecond."""
        return at_us - NOW

    def trade_count(self, at_us: int) -> int:
        """And what was taken from a quote is there again."""
        return at_us - NOW

    def levels(self, at_us: int, price: int | None = None) -> tuple[Levels, Levels]:
        return self.bids, self.asks

    def touches(
        self, start_us: int, end_us: int, below: int | None, above: int | None
    ) -> list[Trade]:
        return [
            trade
            for trade in self.to_come
            if start_us <= trade.time_us < end_us
            and (
                (below is not None and trade.price <= below)
                or (above is not None and trade.price >= above)
            )
        ]

    def print(self, after_s: int, price: int, quantity: int, sold: bool) -> None:
        """Let a trade happen so many seconds after NOW."""
        self.to_come.append(Trade(0, NOW + after_s * SECOND, price, quantity, sold))


class Floor:
    """An exchange with two accounts, each with 1000 USDC and 10 SOL."""

    def __init__(self, conflicts: Conflicts | None = None) -> None:
        self.feeds = {
            "SOL_USDC": FakeFeed([(9999, 500), (9998, 1000)], [(10001, 500), (10002, 1000)], 10000),
            "ETH_USDC": FakeFeed([(473250, 100)], [(473300, 100)], 473_250),
            "USDT_USDC": FakeFeed([(9999, 100)], [(10001, 100)], 10_000),
            "SOL_USDC_PERP": FakeFeed([(9990, 1)], [(9991, 1)], 9990),
        }
        self.feed = self.feeds["SOL_USDC"]
        feeds: Any = self.feeds
        self.exchange = Exchange(load(), lambda name: feeds[name], NOW, conflicts=conflicts)
        funds = {"USDC": Decimal(1000), "SOL": Decimal(10)}
        self.ann = self.exchange.open_account("ann", funds)
        self.bob = self.exchange.open_account("bob", funds)

    def order(self, account: EngineAccount, side: str, **fields: Any) -> dict[str, Any]:
        """A limit order where a price is given, else a market order; SOL_USDC."""
        kind = "Limit" if "price" in fields else "Market"
        order = {"symbol": "SOL_USDC", "side": side, "orderType": kind} | fields
        return self.exchange.execute(account, order)

    def balance(self, account: EngineAccount, asset: str) -> tuple[str, str]:
        shown = self.exchange.balances(account).get(asset, {"available": "0", "locked": "0"})
        return shown["available"], shown["locked"]

    def depth(self) -> tuple[list[list[str]], list[list[str]]]:
        shown = self.exchange.depth("SOL_USDC")
        return shown["bids"], shown["asks"]

    def expiry(self, account: EngineAccount) -> str | None:
        """Of the account's newest order."""
        return order_history(self.exchange, account)[0]["expiryReason"]

    def advance(self, seconds: int) -> None:
        self.exchange.advance_to(NOW + seconds * SECOND)


@pytest.fixture
def floor() -> Floor:
    return Floor()


def refused(floor: Floor, account: EngineAccount, side: str, **fields: Any) -> tuple[int, str, str]:
    """The refusal of an order, after looking that it left no trace."""
    before = everything(floor)
    with pytest.raises(Refusal) as caught:
        floor.order(account, side, **fields)
    assert everything(floor) == before
    return caught.value.status, caught.value.code, caught.value.message


def everything(floor: Floor) -> str:
    exchange = floor.exchange
    parts: list[Any] = [exchange.depth("SOL_USDC"), len(floor.feed.recorded)]
    for account in (floor.ann, floor.bob):
        parts += [exchange.balances(account), order_history(exchange, account)]
        parts += [exchange.fills(account), exchange.open_orders(account)]
    return json.dumps(parts)


# Market orders


def test_a_market_bid_walks_the_asks_and_pays_its_fee_in_base(floor: Floor) -> None:
    answer = floor.order(floor.ann, "Bid", quantity="7")
    assert (answer["status"], answer["executedQuantity"]) == ("Filled", "7")
    assert answer["executedQuoteQuantity"] == "700.09"  # 5 * 100.01 + 2 * 100.02
    assert floor.balance(floor.ann, "USDC") == ("299.91", "0")
    assert floor.balance(floor.ann, "SOL") == ("16.993", "0")  # 10 + 7 - 0.1 % of 7
    assert floor.exchange.fees.available("SOL") == Decimal("0.007")
    assert floor.depth()[1] == [["100.02", "8"]]


def test_a_market_ask_pays_its_fee_in_quote(floor: Floor) -> None:
    floor.order(floor.ann, "Ask", quantity="2")
    assert floor.balance(floor.ann, "USDC") == ("1199.78002", "0")  # + 199.98 - 0.19998
    assert floor.balance(floor.ann, "SOL") == ("8", "0")
    assert floor.exchange.fees.available("USDC") == Decimal("0.19998")


def test_the_answer_to_a_market_order_has_the_documented_shape(floor: Floor) -> None:
    answer = floor.order(floor.ann, "Bid", quantity="1", clientId=0)
    nothing = (
        "reduceOnly relatedOrderId slippageTolerance slippageToleranceType stopLossLimitPrice "
        "stopLossTriggerBy stopLossTriggerPrice strategyId takeProfitLimitPrice "
        "takeProfitTriggerBy takeProfitTriggerPrice triggerBy triggerPrice triggerQuantity "
        "triggeredAt"
    )
    assert answer == dict.fromkeys(nothing.split()) | {
        "clientId": 0,
        "createdAt": 1788285244094,
        "executedQuantity": "1",
        "executedQuoteQuantity": "100.01",
        "id": answer["id"],
        "orderType": "Market",
        "quantity": "1",
        "quoteQuantity": "100.01",
        "selfTradePrevention": "RejectTaker",
        "side": "Bid",
        "status": "Filled",
        "symbol": "SOL_USDC",
        "timeInForce": "GTC",
    }
    assert answer["id"].isdigit() and len(answer["id"]) == 11


def test_quote_quantity_of_a_market_order_is_rounded_up_to_the_tick(floor: Floor) -> None:
    # Two samples from the wire: 3.81428 is shown as 3.82, 4.42506 as 4.43.
    feed = floor.feeds["ETH_USDC"]
    for ask, executed, shown in ((381428, "3.81428", "3.82"), (442506, "4.42506", "4.43")):
        feed.bids, feed.asks = [], [(ask, 10)]
        floor.exchange.advance_to(floor.exchange.now_us + SECOND)
        answer = floor.order(floor.ann, "Bid", symbol="ETH_USDC", quantity="0.001")
        assert (answer["executedQuoteQuantity"], answer["quoteQuantity"]) == (executed, shown)


def test_fees_as_seen_on_the_wire(floor: Floor) -> None:
    floor.order(floor.ann, "Bid", symbol="ETH_USDC", quantity="0.001")
    floor.order(floor.ann, "Bid", symbol="ETH_USDC", quantity="0.001")
    floor.order(floor.ann, "Ask", symbol="ETH_USDC", quantity="0.001")
    sold, _, bought = floor.exchange.fills(floor.ann)
    assert (bought["fee"], bought["feeSymbol"]) == ("0.000001", "ETH")
    assert (sold["fee"], sold["feeSymbol"]) == ("0.0047325", "USDC")  # 4732.5 * 0.001 * 0.1 %


def test_usdt_usdc_is_free_of_fees(floor: Floor) -> None:
    floor.order(floor.ann, "Bid", symbol="USDT_USDC", quantity="3")
    assert floor.exchange.fills(floor.ann)[0]["fee"] == "0"
    assert floor.balance(floor.ann, "USDT") == ("3", "0")
    assert floor.balance(floor.ann, "USDC") == ("996.9997", "0")  # 1000 - 3 * 1.0001


@pytest.mark.parametrize(
    ("side", "quote", "steps", "executed"),
    [
        ("Bid", "100", "0.99", "99.0099"),  # 0.99 * 100.01; another step would take 100.01
        ("Bid", "100.01", "1", "100.01"),
        ("Bid", "600", "5.99", "599.0698"),  # 500.05 + 0.99 * 100.02, which is 99.0198
        ("Ask", "50", "0.5", "49.995"),  # 0.5 * 99.99
    ],
)
def test_a_quote_quantity_trades_what_it_affords(
    floor: Floor, side: str, quote: str, steps: str, executed: str
) -> None:
    answer = floor.order(floor.ann, side, quoteQuantity=quote)
    assert (answer["status"], answer["executedQuantity"]) == ("Filled", steps)
    assert answer["executedQuoteQuantity"] == executed
    assert (answer["quantity"], answer["quoteQuantity"]) == (None, quote)


def test_a_quote_quantity_is_rounded_down_to_whole_ticks_times_steps(floor: Floor) -> None:
    """One SOL costs 100.01, and 100.00999 is less."""
    floor.order(floor.ann, "Bid", quoteQuantity="100.00999")
    assert order_history(floor.exchange, floor.ann)[0]["executedQuantity"] == "0.99"


def test_a_market_order_stops_at_the_price_impact_bound(floor: Floor) -> None:
    floor.feed.asks = [(10000, 100), (10100, 100), (10101, 100)]  # 1.01 * 100.00 = 101.00
    answer = floor.order(floor.ann, "Bid", quantity="4")
    assert (answer["status"], answer["executedQuantity"]) == ("Expired", "2")
    assert floor.expiry(floor.ann) == "PriceImpact"
    assert floor.balance(floor.ann, "USDC") == ("799", "0")  # 100 + 101 paid, nothing locked


def test_the_price_impact_bound_is_cut_down_to_a_whole_tick(floor: Floor) -> None:
    floor.feed.bids, floor.feed.asks = [], [(9999, 100), (10098, 100), (10099, 100)]
    answer = floor.order(floor.ann, "Bid", quantity="3")  # 1.01 * 99.99 = 100.9899
    assert answer["executedQuantity"] == "2"


def test_a_market_ask_stops_at_the_price_impact_bound(floor: Floor) -> None:
    floor.feed.bids = [(9999, 100), (9900, 100), (9899, 100)]  # 0.99 * 99.99 = 98.9901
    assert floor.order(floor.ann, "Ask", quantity="4")["executedQuantity"] == "2"
    assert floor.expiry(floor.ann) == "PriceImpact"


def test_a_market_order_larger_than_the_book_expires(floor: Floor) -> None:
    floor.feed.asks = [(10001, 300)]
    answer = floor.order(floor.ann, "Bid", quantity="4")
    assert (answer["status"], answer["executedQuantity"]) == ("Expired", "3")
    assert floor.expiry(floor.ann) == "InsufficientLiquidity"


# Limit orders, holds


def test_the_answer_to_a_limit_order_has_the_documented_shape(floor: Floor) -> None:
    answer = floor.order(floor.ann, "Ask", price="100.50", quantity="2.0", postOnly=True)
    nothing = (
        "clientId reduceOnly relatedOrderId stopLossLimitPrice stopLossTriggerBy "
        "stopLossTriggerPrice strategyId takeProfitLimitPrice takeProfitTriggerBy "
        "takeProfitTriggerPrice triggerBy triggerPrice triggerQuantity triggeredAt"
    )
    assert answer == dict.fromkeys(nothing.split()) | {
        "createdAt": 1788285244094,
        "executedQuantity": "0",
        "executedQuoteQuantity": "0",
        "id": answer["id"],
        "orderType": "Limit",
        "postOnly": True,
        "price": "100.5",
        "quantity": "2",
        "selfTradePrevention": "RejectTaker",
        "side": "Ask",
        "status": "New",
        "symbol": "SOL_USDC",
        "timeInForce": "GTC",
    }
    assert floor.order(floor.ann, "Bid", price="99", quantity="1")["postOnly"] is False


def test_a_resting_bid_locks_quote_and_a_resting_ask_base(floor: Floor) -> None:
    floor.order(floor.ann, "Bid", price="99.5", quantity="4")
    floor.order(floor.ann, "Ask", price="101", quantity="3")
    assert floor.balance(floor.ann, "USDC") == ("602", "398")
    assert floor.balance(floor.ann, "SOL") == ("7", "3")
    bids, asks = floor.depth()
    assert bids == [["99.5", "4"], ["99.98", "10"], ["99.99", "5"]]
    assert asks == [["100.01", "5"], ["100.02", "10"], ["101", "3"]]


def test_a_cancelled_order_leaves_no_lock(floor: Floor) -> None:
    order = floor.order(floor.ann, "Bid", price="99.5", quantity="4")
    answer = floor.exchange.cancel(floor.ann, "SOL_USDC", order["id"])
    assert (answer["id"], answer["status"]) == (order["id"], "Cancelled")
    assert floor.balance(floor.ann, "USDC") == ("1000", "0")
    assert floor.depth()[0] == [["99.98", "10"], ["99.99", "5"]]


def test_price_improvement_is_released_at_once_and_the_rest_waits(floor: Floor) -> None:
    floor.feed.asks = [(10001, 100)]
    answer = floor.order(floor.ann, "Bid", price="100.50", quantity="3")
    assert (answer["status"], answer["executedQuantity"]) == ("PartiallyFilled", "1")
    assert floor.balance(floor.ann, "USDC") == ("698.99", "201")  # 100.01 paid, 2 * 100.5 locked
    assert floor.depth()[0][-1] == ["100.5", "2"]


def test_maker_and_taker_each_pay_their_own_fee(floor: Floor) -> None:
    rest = floor.order(floor.ann, "Bid", price="100", quantity="2", clientId=7)
    taken = floor.order(floor.bob, "Ask", price="100", quantity="0.5")
    assert floor.balance(floor.ann, "SOL") == ("10.4996", "0")  # 0.08 % of 0.5
    assert floor.balance(floor.ann, "USDC") == ("800", "150")
    assert floor.balance(floor.bob, "USDC") == ("1049.95", "0")  # 0.1 % of 50
    assert floor.exchange.order(floor.ann, "SOL_USDC", rest["id"])["status"] == "PartiallyFilled"
    common = {"price": "100", "quantity": "0.5", "symbol": "SOL_USDC", "systemOrderType": None}
    common |= {"timestamp": "2026-09-01T17:54:04.094", "tradeId": 1}
    assert floor.exchange.fills(floor.ann) == [
        common
        | {"clientId": "7", "fee": "0.0004", "feeSymbol": "SOL", "isMaker": True}
        | {"orderId": rest["id"], "side": "Bid"}
    ]
    assert floor.exchange.fills(floor.bob) == [
        common
        | {"clientId": None, "fee": "0.05", "feeSymbol": "USDC", "isMaker": False}
        | {"orderId": taken["id"], "side": "Ask"}
    ]


def test_a_maker_filled_in_two_parts_ends_filled_without_a_lock(floor: Floor) -> None:
    floor.order(floor.ann, "Ask", price="100", quantity="0.03")
    floor.order(floor.bob, "Bid", price="100", quantity="0.01")
    floor.order(floor.bob, "Bid", quantity="0.02")
    row = order_history(floor.exchange, floor.ann)[0]
    assert (row["status"], row["executedQuantity"], row["executedQuoteQuantity"]) == (
        "Filled", "0.03", "3",
    )  # fmt: skip
    assert floor.exchange.open_orders(floor.ann) == []
    assert floor.balance(floor.ann, "SOL") == ("9.97", "0")


def test_every_trade_is_recorded_on_the_feed(floor: Floor) -> None:
    floor.order(floor.ann, "Bid", quantity="6")
    floor.order(floor.ann, "Ask", quantity="1")
    assert floor.feed.recorded == [
        Trade(1, NOW, 10001, 500, False),
        Trade(2, NOW, 10002, 100, False),
        Trade(3, NOW, 9999, 100, True),
    ]


def test_ioc_keeps_what_it_got_and_the_rest_expires(floor: Floor) -> None:
    answer = floor.order(floor.ann, "Bid", price="100.01", quantity="7", timeInForce="IOC")
    assert (answer["status"], answer["executedQuantity"]) == ("Expired", "5")
    assert floor.expiry(floor.ann) == "ImmediateOrCancel"
    assert floor.balance(floor.ann, "USDC") == ("499.95", "0")


def test_fok_is_all_or_nothing(floor: Floor) -> None:
    answer = floor.order(floor.ann, "Bid", price="100.01", quantity="5.01", timeInForce="FOK")
    assert (answer["status"], answer["executedQuantity"]) == ("Expired", "0")
    assert floor.expiry(floor.ann) == "FillOrKill"
    assert floor.balance(floor.ann, "USDC") == ("1000", "0")
    answer = floor.order(floor.ann, "Bid", price="100.01", quantity="5", timeInForce="FOK")
    assert answer["status"] == "Filled"


def test_a_market_order_may_be_fok(floor: Floor) -> None:
    floor.feed.asks = [(10001, 300)]
    assert floor.order(floor.ann, "Bid", quantity="4", timeInForce="FOK")["status"] == "Expired"
    assert floor.expiry(floor.ann) == "FillOrKill"
    assert floor.order(floor.ann, "Bid", quantity="3", timeInForce="FOK")["status"] == "Filled"


def test_post_only_rests_or_is_refused(floor: Floor) -> None:
    refusal = (400, "INVALID_ORDER", "Order would immediately match and take")
    for side, price in (("Bid", "100.01"), ("Ask", "99.99")):
        assert refused(floor, floor.ann, side, price=price, quantity="1", postOnly=True) == refusal
    assert (
        floor.order(floor.ann, "Bid", price="100", quantity="1", postOnly=True)["status"] == "New"
    )


@pytest.mark.parametrize(
    ("prevention", "taker", "maker", "traded"),
    [
        ("RejectTaker", "Expired", None, "0"),
        ("RejectMaker", "Filled", "Expired", "2"),
        ("RejectBoth", "Expired", "Expired", "0"),
    ],
)
def test_self_trade_prevention(
    floor: Floor, prevention: str, taker: str, maker: str | None, traded: str
) -> None:
    own = floor.order(floor.ann, "Ask", price="100", quantity="1")
    answer = floor.order(
        floor.ann, "Bid", price="100.01", quantity="2", selfTradePrevention=prevention
    )
    assert (answer["status"], answer["executedQuantity"]) == (taker, traded)
    if taker == "Expired":
        assert floor.expiry(floor.ann) == "SelfTradePrevention"
    row = ORDERS.shown(floor.exchange, floor.ann, {"orderId": own["id"]})[0]
    assert (row["status"], row["expiryReason"]) == (
        (maker, "SelfTradePrevention") if maker else ("New", None)
    )
    assert floor.balance(floor.ann, "SOL")[1] == ("0" if maker else "1")
    assert floor.balance(floor.ann, "USDC")[1] == "0"


def test_fok_that_fails_spares_the_own_maker(floor: Floor) -> None:
    own = floor.order(floor.ann, "Ask", price="100", quantity="1")
    floor.order(
        floor.ann, "Bid", price="100", quantity="2", timeInForce="FOK",
        selfTradePrevention="RejectMaker",
    )  # fmt: skip
    assert floor.expiry(floor.ann) == "FillOrKill"
    assert floor.exchange.order(floor.ann, "SOL_USDC", own["id"])["status"] == "New"


def test_fok_by_budget_that_buys_nothing_spares_the_own_maker(floor: Floor) -> None:
    """At 100.00 the only offer is one's own; behind it a step of 0.01 costs 1.0001 and more."""
    own = floor.order(floor.ann, "Ask", price="100", quantity="0.01")
    floor.order(
        floor.ann, "Bid", orderType="Market", quoteQuantity="1", timeInForce="FOK",
        selfTradePrevention="RejectMaker",
    )  # fmt: skip
    assert floor.exchange.order(floor.ann, "SOL_USDC", own["id"])["status"] == "New"


def test_the_update_id_is_the_same_however_often_the_book_was_read() -> None:
    often, once = Floor(), Floor()
    for second in range(1, 4):
        often.exchange.advance_to(NOW + second * SECOND)
        often.exchange.depth("SOL_USDC")
    once.exchange.advance_to(NOW + 3 * SECOND)
    assert often.exchange.depth("SOL_USDC") == once.exchange.depth("SOL_USDC")


def test_an_interrupted_advance_leaves_a_book_with_its_quotes(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor.order(floor.ann, "Bid", price="90", quantity="1")

    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(FakeFeed, "touches", interrupt)
        with pytest.raises(KeyboardInterrupt):
            floor.exchange.advance_to(NOW + SECOND)
    assert len(floor.exchange.depth("SOL_USDC")["asks"]) == 2


# What is refused

BAD_REQUEST = "INVALID_CLIENT_REQUEST"


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"symbol": "SOL_EUR", "quantity": "1"}, BAD_REQUEST, "Invalid market symbol"),
        ({"symbol": "HNT_USDC", "quantity": "1"}, "INVALID_MARKET", "not open"),
        ({"price": None, "orderType": "Limit", "quantity": "1"}, BAD_REQUEST, "`price`"),
        ({"price": "99"}, BAD_REQUEST, "`quantity`"),
        ({"price": "99", "quantity": "1", "quoteQuantity": "9"}, BAD_REQUEST, "`quoteQuantity`"),
        ({"price": "99", "quantity": "1", "orderType": "Market"}, BAD_REQUEST, "`price`"),
        ({}, BAD_REQUEST, "Market orders must specify a positive `quantity`"),
        ({"quantity": "1", "quoteQuantity": "9"}, BAD_REQUEST, "either"),
        ({"quantity": "0"}, BAD_REQUEST, "Market orders must specify a positive `quantity`"),
        ({"quantity": "-1"}, BAD_REQUEST, "Market orders must specify a positive `quantity`"),
        ({"quoteQuantity": "0"}, BAD_REQUEST, "positive `quoteQuantity`"),
        ({"quantity": "1", "postOnly": True}, BAD_REQUEST, "post only"),
        ({"price": "99.001", "quantity": "1"}, BAD_REQUEST, "Price decimal too long"),
        ({"price": "99", "quantity": "1.001"}, BAD_REQUEST, "Quantity decimal too long"),
        ({"quantity": "1.001"}, BAD_REQUEST, "Quantity decimal too long"),
        ({"price": "99", "quantity": "0"}, BAD_REQUEST, "Quantity is below the minimum allowed"),
        ({"price": "99", "quantity": "-1"}, BAD_REQUEST, "Quantity is below the minimum allowed"),
        ({"quoteQuantity": "1"}, BAD_REQUEST, "Quantity is below the minimum allowed value"),
        ({"price": "0", "quantity": "1"}, "INVALID_PRICE", "below the minimum"),
        ({"price": "-1", "quantity": "1"}, "INVALID_PRICE", "below the minimum"),
        ({"price": "200.01", "quantity": "1"}, "INVALID_PRICE", "too far from the last active"),
        ({"price": "24.99", "quantity": "1"}, "INVALID_PRICE", "too far from the last active"),
        ({"price": "99", "quantity": "1e28"}, "INSUFFICIENT_FUNDS", "Insufficient funds"),
        ({"price": "99", "quantity": "1e999999999"}, BAD_REQUEST, "too many digits"),
        ({"price": "1" + "0" * 29, "quantity": "1"}, BAD_REQUEST, "`price` has too many digits"),
        (
            {"price": "1" + "0" * 28, "quantity": "1"},
            "INVALID_PRICE",
            "too far from the last active",
        ),
        ({"price": "0." + "0" * 56 + "1", "quantity": "1"}, BAD_REQUEST, "too many digits"),
        ({"price": "0." + "0" * 55 + "1", "quantity": "1"}, BAD_REQUEST, "Price decimal too long"),
        ({"price": "99", "quantity": "1e-999999999"}, BAD_REQUEST, "too many digits"),
        ({"price": "99", "quantity": "10.11"}, "INSUFFICIENT_FUNDS", "Insufficient funds"),
        ({"quantity": "10"}, "INSUFFICIENT_FUNDS", "Insufficient funds"),
        ({"quoteQuantity": "1000.01"}, "INSUFFICIENT_FUNDS", "Insufficient funds"),
        (
            {"price": "99", "quantity": "1", "postOnly": True, "timeInForce": "IOC"},
            BAD_REQUEST,
            "Post only",
        ),
        (
            {"price": "99", "quantity": "1", "postOnly": True, "timeInForce": "FOK"},
            BAD_REQUEST,
            "Post only",
        ),
        (
            {"price": "99", "quantity": "1", "triggerPrice": "98"},
            BAD_REQUEST,
            "Must specify both `triggerPrice` and `triggerQuantity` or neither",
        ),
    ],
)
def test_refusals(floor: Floor, fields: dict[str, Any], code: str, message: str) -> None:
    # A quote quantity of 1 does not buy the 0.01 that is SOL's minimum: that takes 1.0001.
    status, got_code, got_message = refused(floor, floor.ann, "Bid", **fields)
    assert (status, got_code) == (400, code)
    assert message in got_message


@pytest.mark.parametrize(
    "fields",
    [{"price": "101", "quantity": "10.01"}, {"quantity": "10.01"}, {"quoteQuantity": "1100"}],
)
def test_an_ask_needs_its_base(floor: Floor, fields: dict[str, str]) -> None:
    assert refused(floor, floor.ann, "Ask", **fields)[1] == "INSUFFICIENT_FUNDS"


def test_the_last_cent_can_be_spent(floor: Floor) -> None:
    assert floor.order(floor.ann, "Bid", price="99.5", quantity="10")["status"] == "New"
    assert floor.order(floor.ann, "Bid", quoteQuantity="5")["status"] == "Filled"
    assert floor.order(floor.bob, "Ask", quantity="10")["status"] == "Filled"
    assert floor.balance(floor.bob, "SOL") == ("0", "0")


def test_locked_funds_cannot_be_spent_again(floor: Floor) -> None:
    floor.order(floor.ann, "Bid", price="99", quantity="10")
    assert refused(floor, floor.ann, "Bid", price="99", quantity="0.11")[1] == "INSUFFICIENT_FUNDS"
    assert floor.order(floor.ann, "Bid", price="99", quantity="0.1")["status"] == "New"  # 9.9 of 10


@pytest.mark.parametrize(
    "field",
    [
        {"takeProfitTriggerPrice": "110"},
        {"stopLossTriggerPrice": "90"},
    ],
)
def test_what_is_not_simulated_says_so(floor: Floor, field: dict[str, Any]) -> None:
    name = next(iter(field))
    said = f"The sandbox simulates `{name}` on futures only"
    answer = refused(floor, floor.ann, "Bid", quantity="1", **field)
    assert answer == (501, "NOT_IMPLEMENTED", said)


def test_switches_that_are_off_do_no_harm(floor: Floor) -> None:
    off = dict.fromkeys(("reduceOnly", "autoBorrow", "autoBorrowRepay", "autoLend"), False)
    nothing = dict.fromkeys(("triggerPrice", "stopLossTriggerPrice", "slippageTolerance", "price"))
    order = {"orderType": "Market", "quantity": "1", "brokerId": 5} | off | nothing
    assert floor.order(floor.ann, "Bid", **order)["status"] == "Filled"


def test_a_limit_order_has_no_slippage_tolerance(floor: Floor) -> None:
    tolerance = {"slippageTolerance": "1", "slippageToleranceType": "Percent"}
    message = "Limit orders must not specify a `slippageTolerance`"
    answer = refused(floor, floor.ann, "Bid", price="99", quantity="1", **tolerance)
    assert answer == (400, BAD_REQUEST, message)


def test_nothing_can_be_reduced_on_a_spot_market(floor: Floor) -> None:
    answer = refused(floor, floor.ann, "Bid", quantity="1", reduceOnly=True)
    assert answer == (400, "INVALID_ORDER", "Reduce only orders are for futures")


def test_the_distance_from_the_last_price_includes_its_bounds(floor: Floor) -> None:
    assert floor.order(floor.ann, "Bid", price="25", quantity="1")["status"] == "New"
    assert floor.order(floor.ann, "Ask", price="200", quantity="1")["status"] == "New"


@pytest.mark.parametrize(
    ("side", "price", "status"),
    [
        ("Bid", "103", "Filled"),
        ("Bid", "103.01", "Expired"),
        ("Ask", "97", "Filled"),
        ("Ask", "96.99", "Expired"),
        ("Bid", "90", "New"),  # the band binds only in the direction that hurts the sender
        ("Ask", "110", "New"),
    ],
)
def test_the_price_band_is_one_sided(floor: Floor, side: str, price: str, status: str) -> None:
    answer = floor.order(floor.ann, side, price=price, quantity="1")
    assert answer["status"] == status
    assert floor.expiry(floor.ann) == ("PriceOutOfBounds" if status == "Expired" else None)
    if status == "Expired":
        assert floor.balance(floor.ann, "USDC") == ("1000", "0")
        assert floor.exchange.fills(floor.ann) == []


def test_absolute_bounds_of_price_and_quantity() -> None:
    raw = json.loads(json.dumps(MARKETS["SOL_USDC"].raw))
    raw["filters"]["price"] |= {"minPrice": "99.5", "maxPrice": "100.5"}
    raw["filters"]["quantity"] |= {"minQuantity": "0.5", "maxQuantity": "2"}
    floor = Floor()
    floor.exchange.markets["SOL_USDC"] = Market(raw)
    for side, price, quantity, code in (
        ("Bid", "99.49", "1", "INVALID_PRICE"),
        ("Ask", "100.51", "1", "INVALID_PRICE"),
        ("Bid", "99.5", "0.49", BAD_REQUEST),
        ("Bid", "99.5", "2.01", BAD_REQUEST),
    ):
        assert refused(floor, floor.ann, side, price=price, quantity=quantity)[1] == code
    assert floor.order(floor.ann, "Bid", price="99.5", quantity="0.5")["status"] == "New"
    assert floor.order(floor.ann, "Ask", price="100.5", quantity="2")["status"] == "New"


def test_an_amount_that_buys_nothing_has_not_been_filled(floor: Floor) -> None:
    """It affords a step of the own order, which expires, and none of the next one."""
    floor.order(floor.ann, "Ask", price="100", quantity="1")
    answer = floor.order(floor.ann, "Bid", quoteQuantity="1", selfTradePrevention="RejectMaker")
    assert (answer["status"], answer["executedQuantity"]) == ("Expired", "0")
    assert floor.expiry(floor.ann) == "InsufficientLiquidity"


# Looking up and cancelling


def test_cancel_and_order_want_exactly_one_id(floor: Floor) -> None:
    order = floor.order(floor.ann, "Bid", price="99", quantity="1", clientId=3)
    for ids in ({}, {"order_id": order["id"], "client_id": 3}):
        for method in (floor.exchange.cancel, floor.exchange.order):
            with pytest.raises(Refusal) as caught:
                method(floor.ann, "SOL_USDC", **ids)
            assert (caught.value.status, caught.value.code) == (400, BAD_REQUEST)
    assert len(floor.exchange.open_orders(floor.ann)) == 1


@pytest.mark.parametrize(
    ("conflicts", "status", "code"),
    [(Conflicts(), 400, BAD_REQUEST), (Conflicts(unknown_cancel=404), 404, "RESOURCE_NOT_FOUND")],
)
def test_sources_differ_on_the_cancel_of_an_unknown_order(
    conflicts: Conflicts, status: int, code: str
) -> None:
    floor = Floor(conflicts)
    with pytest.raises(Refusal) as caught:
        floor.exchange.cancel(floor.ann, "SOL_USDC", "1")
    assert (caught.value.status, caught.value.code) == (status, code)


def test_post_only_may_expire_instead() -> None:
    floor = Floor(Conflicts(post_only="expire"))
    answer = floor.order(floor.ann, "Bid", price="100.01", quantity="1", postOnly=True)
    assert (answer["status"], answer["executedQuantity"]) == ("Expired", "0")
    assert floor.expiry(floor.ann) == "PostOnlyTaker"
    assert floor.balance(floor.ann, "USDC") == ("1000", "0")
    assert (
        floor.order(floor.ann, "Bid", price="100", quantity="1", postOnly=True)["status"] == "New"
    )


@pytest.mark.parametrize(
    ("side", "tolerance", "kind", "done"),
    [
        ("Bid", "0", "TickSize", "5"),  # the best price alone
        ("Bid", "1", "TickSize", "15"),  # 100.01 and 100.02
        ("Bid", "0.009", "Percent", "5"),  # to 100.0190009
        ("Bid", "0.01", "Percent", "15"),  # to 100.020001
        ("Ask", "0", "TickSize", "5"),
        ("Ask", "0.01", "Percent", "5"),  # to 99.980001, which 99.98 does not reach
    ],
)
def test_slippage_tolerance_bounds_a_market_order(
    floor: Floor, side: str, tolerance: str, kind: str, done: str
) -> None:
    rich = {"USDC": Decimal(10_000), "SOL": Decimal(100)}
    account = floor.exchange.open_account("cyd", rich)
    slip = {"slippageTolerance": tolerance, "slippageToleranceType": kind}
    answer = floor.order(account, side, quantity="16", **slip)
    assert (answer["executedQuantity"], answer["status"]) == (done, "Expired")
    assert answer["slippageTolerance"] == tolerance and answer["slippageToleranceType"] == kind
    assert floor.expiry(account) == (
        "InsufficientLiquidity" if done == "15" else "SlippageToleranceExceeded"
    )


def test_what_does_not_rest_is_not_found(floor: Floor) -> None:
    mine = floor.order(floor.ann, "Bid", price="99", quantity="1")["id"]
    filled = floor.order(floor.bob, "Bid", quantity="1")["id"]
    for account, symbol, id in (
        (floor.ann, "SOL_USDC", "1"),
        (floor.ann, "ETH_USDC", mine),
        (floor.bob, "SOL_USDC", mine),
        (floor.bob, "SOL_USDC", filled),
    ):
        with pytest.raises(Refusal) as caught:
            floor.exchange.order(account, symbol, id)
        assert caught.value.args == ("404 RESOURCE_NOT_FOUND: Not Found",)
        with pytest.raises(Refusal) as caught:
            floor.exchange.cancel(account, symbol, id)
        assert caught.value.args == (f"400 {BAD_REQUEST}: Order not found",)


def test_unknown_symbols_are_refused_everywhere(floor: Floor) -> None:
    exchange = floor.exchange
    for ask in (
        lambda: exchange.depth("NO_SUCH"),
        lambda: exchange.order(floor.ann, "NO_SUCH", "1"),
        lambda: exchange.cancel(floor.ann, "NO_SUCH", "1"),
        lambda: exchange.cancel_all(floor.ann, "NO_SUCH"),
    ):
        with pytest.raises(Refusal) as caught:
            ask()
        assert (caught.value.status, caught.value.message) == (400, "Invalid market symbol")
    with pytest.raises(Refusal) as caught:
        exchange.depth("HNT_USDC")  # closed
    assert (caught.value.status, caught.value.code) == (404, "RESOURCE_NOT_FOUND")


def test_a_client_id_finds_the_newest_resting_order(floor: Floor) -> None:
    for price in ("97", "98", "99"):
        floor.order(floor.ann, "Bid", price=price, quantity="1", clientId=0)
    find = floor.exchange.order
    assert find(floor.ann, "SOL_USDC", client_id=0)["price"] == "99"
    floor.exchange.cancel(floor.ann, "SOL_USDC", client_id=0)
    assert find(floor.ann, "SOL_USDC", client_id=0)["price"] == "98"


def test_cancel_all_is_of_one_market_and_account(floor: Floor) -> None:
    first = floor.order(floor.ann, "Bid", price="99", quantity="1")["id"]
    second = floor.order(floor.ann, "Ask", price="101", quantity="1")["id"]
    other = floor.order(floor.ann, "Bid", symbol="USDT_USDC", price="0.9998", quantity="1")["id"]
    theirs = floor.order(floor.bob, "Bid", price="99", quantity="1")["id"]
    cancel_all = floor.exchange.cancel_all
    assert cancel_all(floor.ann, "SOL_USDC", "ConditionalOrder") == []
    answer = cancel_all(floor.ann, "SOL_USDC", "RestingLimitOrder")
    assert [(row["id"], row["status"]) for row in answer] == [
        (first, "Cancelled"),
        (second, "Cancelled"),
    ]
    assert [row["id"] for row in floor.exchange.open_orders(floor.ann)] == [other]
    assert [row["id"] for row in floor.exchange.open_orders(floor.bob)] == [theirs]
    assert cancel_all(floor.ann, "SOL_USDC") == []


def test_open_orders_by_market_and_kind(floor: Floor) -> None:
    floor.order(floor.ann, "Bid", price="99", quantity="1")
    floor.order(floor.ann, "Bid", symbol="USDT_USDC", price="0.9998", quantity="1")
    rows = floor.exchange.open_orders(floor.ann)
    assert [row["symbol"] for row in rows] == ["SOL_USDC", "USDT_USDC"]
    assert len(select(rows, {"symbol": "SOL_USDC"})) == 1
    assert len(select(rows, {"marketType": "SPOT"})) == 2
    assert select(rows, {"marketType": "IPERP"}) == select(rows, {"marketType": "PERP"}) == []


# History


def test_a_row_of_the_order_history_has_the_documented_shape(floor: Floor) -> None:
    order = floor.order(floor.ann, "Bid", price="99.5", quantity="0.3", clientId=1)
    nothing = (
        "expiryReason slippageTolerance slippageToleranceType stopLossLimitPrice "
        "stopLossTriggerBy stopLossTriggerPrice strategyId systemOrderType takeProfitLimitPrice "
        "takeProfitTriggerBy takeProfitTriggerPrice triggerBy triggerPrice triggerQuantity"
    )
    assert order_history(floor.exchange, floor.ann) == [
        dict.fromkeys(nothing.split())
        | {
            "clientId": 1,
            "createdAt": "2026-09-01T17:54:04.094",
            "executedQuantity": "0",
            "executedQuoteQuantity": "0",
            "id": order["id"],
            "orderType": "Limit",
            "postOnly": False,
            "price": "99.5",
            "quantity": "0.3",
            "quoteQuantity": "29.85",  # 99.5 * 0.3
            "selfTradePrevention": "RejectTaker",
            "side": "Bid",
            "status": "New",
            "symbol": "SOL_USDC",
            "timeInForce": "GTC",
        }
    ]


def test_a_market_order_in_the_history_has_neither_price_nor_post_only(floor: Floor) -> None:
    floor.order(floor.ann, "Bid", quoteQuantity="50")
    row = order_history(floor.exchange, floor.ann)[0]
    assert (row["price"], row["postOnly"], row["quantity"]) == (None, None, None)
    assert (row["quoteQuantity"], row["orderType"]) == ("50", "Market")


def test_order_history_is_newest_first_and_filtered(floor: Floor) -> None:
    ids = [floor.order(floor.ann, "Bid", price="99", quantity="1")["id"] for _ in range(3)]
    usdt = floor.order(floor.ann, "Bid", symbol="USDT_USDC", price="0.9998", quantity="1")["id"]
    floor.order(floor.bob, "Bid", price="99", quantity="1")

    def found(**filters: Any) -> list[str]:
        return [row["id"] for row in ORDERS.shown(floor.exchange, floor.ann, filters)]

    assert found() == [usdt, *ids[::-1]]
    assert found(sortDirection="Asc") == [*ids, usdt]
    assert found(orderId=ids[1]) == [ids[1]]
    assert found(symbol="USDT_USDC") == [usdt]
    assert found(marketType=["PERP"]) == []
    assert found(marketType=["PERP", "SPOT"], symbol="SOL_USDC") == ids[::-1]


def test_order_ids_rise_by_steps_that_vary_and_can_be_foretold() -> None:
    """From 59669287267 on, by 1 + id * 31 % 97: outputs of the notebooks have these ids."""
    for floor in (Floor(), Floor()):
        rows = [floor.order(floor.ann, "Bid", price="99", quantity="1") for _ in range(4)]
        assert [row["id"] for row in rows] == [
            "59669287344", "59669287383", "59669287467", "59669287536",
        ]  # fmt: skip


def test_fills_from_is_inclusive_and_to_exclusive(floor: Floor) -> None:
    ms = NOW // 1_000
    floor.order(floor.ann, "Bid", quantity="1")
    floor.advance(1)
    floor.order(floor.ann, "Ask", quantity="1")

    def sides(**filters: Any) -> list[str]:
        values = {name.rstrip("_"): value for name, value in filters.items()}
        return [row["side"] for row in FILLS.shown(floor.exchange, floor.ann, values)]

    assert sides() == ["Ask", "Bid"]
    assert sides(sortDirection="Asc") == ["Bid", "Ask"]
    assert sides(from_=ms) == ["Ask", "Bid"]
    assert sides(from_=ms + 1) == ["Ask"]
    assert sides(to=ms + 1_000) == ["Bid"]
    assert sides(to=ms + 1_001) == ["Ask", "Bid"]
    assert sides(from_=0, to=0) == []
    assert sides(fillType="User") == ["Ask", "Bid"]
    assert sides(fillType="Liquidation") == []
    assert sides(symbol="ETH_USDC") == sides(marketType=["PERP"]) == sides(orderId="1") == []


def test_a_fill_shows_the_client_id_0(floor: Floor) -> None:
    floor.order(floor.ann, "Bid", quantity="1", clientId=0)
    assert floor.exchange.fills(floor.ann)[0]["clientId"] == "0"


# Batches


def test_each_order_of_a_batch_stands_for_itself(floor: Floor) -> None:
    order = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "quantity": "1"}
    answer = floor.exchange.execute_batch(
        floor.ann, [order | {"price": price} for price in ("99", "99.001", "98")]
    )
    assert [item["operation"] for item in answer] == ["Ok", "Err", "Ok"]
    assert answer[1] == {
        "operation": "Err",
        "code": BAD_REQUEST,
        "message": "Price decimal too long",
    }
    assert [answer[0]["price"], answer[2]["price"]] == ["99", "98"]
    assert len(floor.exchange.open_orders(floor.ann)) == 2


@pytest.mark.parametrize("count", [0, 51])
def test_a_batch_has_1_to_50_orders(floor: Floor, count: int) -> None:
    order = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Market", "quantity": "0.01"}
    with pytest.raises(Refusal):
        floor.exchange.execute_batch(floor.ann, [order] * count)
    assert order_history(floor.exchange, floor.ann) == []
    assert len(floor.exchange.execute_batch(floor.ann, [order] * 50)) == 50


def test_a_batch_asks_before_each_order_whether_its_market_takes_orders(floor: Floor) -> None:
    def check(symbol: str) -> None:
        if symbol == "ETH_USDC":
            raise Refusal(503, "SERVICE_UNAVAILABLE", "ETH_USDC is down")

    order = {"side": "Ask", "orderType": "Limit", "quantity": "1", "price": "5000"}
    orders = [
        order | {"symbol": "SOL_USDC", "price": "101"},
        order | {"symbol": "ETH_USDC", "side": "Bid", "price": "1"},
        order | {"symbol": "SOL_USDC", "price": "102"},
    ]
    answer = floor.exchange.execute_batch(floor.ann, orders, check)
    assert [item["operation"] for item in answer] == ["Ok", "Err", "Ok"]
    assert answer[1] == {
        "operation": "Err", "code": "SERVICE_UNAVAILABLE", "message": "ETH_USDC is down",
    }  # fmt: skip
    assert len(floor.exchange.open_orders(floor.ann)) == 2


# Time and the market maker


def test_while_time_stands_still_what_is_taken_stays_taken(floor: Floor) -> None:
    floor.order(floor.ann, "Bid", quantity="6")
    assert floor.depth()[1] == [["100.02", "9"]]
    floor.order(floor.bob, "Bid", price="100.02", quantity="0.5")
    assert floor.depth()[1] == [["100.02", "8.5"]]
    floor.advance(1)
    assert floor.depth()[1] == [["100.01", "5"], ["100.02", "10"]]


def test_a_trade_of_the_feed_fills_the_order_that_it_touches(floor: Floor) -> None:
    order = floor.order(floor.ann, "Bid", price="99", quantity="2")
    floor.feed.print(5, 9900, 50, sold=True)
    floor.feed.print(9, 9890, 80, sold=True)  # below the order's price: it trades at its own
    floor.advance(10)
    shown = floor.exchange.order(floor.ann, "SOL_USDC", order["id"])
    assert (shown["status"], shown["executedQuantity"]) == ("PartiallyFilled", "1.3")
    second, first = floor.exchange.fills(floor.ann)
    assert (first["quantity"], first["price"], first["isMaker"]) == ("0.5", "99", True)
    assert (second["quantity"], second["price"]) == ("0.8", "99")
    assert first["timestamp"] == "2026-09-01T17:54:09.094"
    assert second["timestamp"] == "2026-09-01T17:54:13.094"
    assert floor.feed.recorded[0] == Trade(1, NOW + 5 * SECOND, 9900, 50, True)
    assert floor.balance(floor.ann, "USDC") == ("802", "69.3")  # 198 locked, 1.3 * 99 paid
    assert floor.balance(floor.ann, "SOL") == ("11.29896", "0")  # 1.3 less 0.08 %


def test_a_trade_bought_on_the_feed_fills_an_ask(floor: Floor) -> None:
    floor.order(floor.ann, "Ask", price="101", quantity="1")
    floor.feed.print(1, 10099, 500, sold=False)
    floor.advance(1)
    assert floor.exchange.fills(floor.ann) == []
    floor.feed.print(2, 10100, 500, sold=False)
    floor.advance(2)
    assert order_history(floor.exchange, floor.ann)[0]["status"] == "Filled"
    assert floor.balance(floor.ann, "USDC") == ("1100.9192", "0")  # 101 less 0.08 %


def test_a_trade_counts_after_the_old_time_up_to_and_including_the_new(floor: Floor) -> None:
    for second in (0, 3, 4):
        floor.feed.print(second, 9900, 10, sold=True)
    floor.order(floor.ann, "Bid", price="99", quantity="1")
    floor.advance(3)
    assert [row["quantity"] for row in floor.exchange.fills(floor.ann)] == ["0.1"]
    floor.advance(4)
    assert len(floor.exchange.fills(floor.ann)) == 2


def test_a_trade_on_the_other_side_of_the_feed_does_not_fill(floor: Floor) -> None:
    floor.order(floor.ann, "Bid", price="99", quantity="1")
    floor.feed.print(1, 9900, 500, sold=False)  # somebody bought there: no seller for our bid
    floor.advance(2)
    assert floor.exchange.fills(floor.ann) == []


def test_users_orders_share_a_trade_of_the_feed_by_price_then_time(floor: Floor) -> None:
    floor.order(floor.ann, "Bid", price="98", quantity="1")
    floor.order(floor.bob, "Bid", price="99", quantity="1")
    floor.order(floor.ann, "Bid", price="99", quantity="1")
    floor.feed.print(1, 9800, 220, sold=True)
    floor.advance(1)
    filled = [(row["price"], row["quantity"]) for row in floor.exchange.fills(floor.ann)]
    assert filled == [("98", "0.2"), ("99", "1")]
    assert [row["quantity"] for row in floor.exchange.fills(floor.bob)] == ["1"]


def test_trades_of_several_markets_come_in_the_order_of_time(floor: Floor) -> None:
    floor.order(floor.ann, "Bid", price="99", quantity="1")
    floor.order(floor.ann, "Bid", symbol="USDT_USDC", price="0.9998", quantity="1")
    floor.feed.print(3, 9900, 100, sold=True)
    floor.feeds["USDT_USDC"].print(1, 9998, 1, sold=True)
    floor.advance(5)
    symbols = [row["symbol"] for row in floor.exchange.fills(floor.ann)]
    assert symbols == ["SOL_USDC", "USDT_USDC"]


def test_a_new_quote_that_crosses_takes_the_users_order_at_its_price(floor: Floor) -> None:
    floor.order(floor.ann, "Bid", price="100", quantity="3")
    floor.feed.asks = [(9950, 200), (9960, 200)]
    floor.feed.bids = [(9940, 100)]
    floor.feed.print(1, 9950, 50, sold=False)  # a purchase, at the new best ask
    floor.advance(1)
    fills = floor.exchange.fills(floor.ann)
    assert [(row["price"], row["quantity"], row["isMaker"]) for row in fills] == [
        ("100", "1", True),
        ("100", "2", True),
    ]
    assert floor.depth() == ([["99.4", "1"]], [["99.6", "1"]])
    assert fills[0]["timestamp"] == "2026-09-01T17:54:05.094"


def test_a_quote_takes_an_order_when_it_crosses_it_not_when_time_stops(floor: Floor) -> None:
    """The quotes of two seconds later cross nothing any more."""
    floor.order(floor.ann, "Bid", price="100", quantity="3")
    floor.feed.print(1, 9950, 50, sold=False)
    floor.feed.print(2, 10050, 50, sold=False)
    floor.feed.levels = lambda at_us: (  # type: ignore[method-assign]
        ([(9940, 100)], [(9950, 200)])
        if (at_us - NOW) // SECOND == 1
        else ([(9999, 100)], [(10050, 200)])
    )
    floor.advance(30)
    [fill] = floor.exchange.fills(floor.ann)
    assert (fill["price"], fill["quantity"]) == ("100", "2")
    assert fill["timestamp"] == "2026-09-01T17:54:05.094"


def test_after_time_has_moved_the_user_comes_before_the_market_maker(floor: Floor) -> None:
    floor.order(floor.ann, "Bid", price="99.99", quantity="1")
    floor.order(floor.bob, "Ask", quantity="1")
    assert floor.exchange.fills(floor.ann) == []  # the market maker was there first
    floor.advance(1)
    floor.order(floor.bob, "Ask", quantity="1")
    assert len(floor.exchange.fills(floor.ann)) == 1


def test_a_quote_that_a_trade_leaves_as_it_was_goes_behind_too(floor: Floor) -> None:
    floor.order(floor.ann, "Bid", price="99.99", quantity="1")
    floor.advance(1)
    floor.order(floor.bob, "Ask", quantity="1")
    assert len(floor.exchange.fills(floor.ann)) == 1


def test_a_quote_that_only_stirs_keeps_its_place(floor: Floor) -> None:
    """Its size changes, or it is gone for a moment; there is no trade."""
    floor.feed.trade_count = lambda at_us: (at_us - NOW) // (3 * SECOND)  # type: ignore[method-assign]
    floor.order(floor.ann, "Bid", price="99.99", quantity="1")
    for second, size in ((1, 0), (2, 300)):
        floor.feed.bids = [(9999, size)] if size else []
        floor.advance(second)
    floor.order(floor.bob, "Ask", quantity="3")
    assert floor.exchange.fills(floor.ann) == []
    floor.advance(3)
    floor.order(floor.bob, "Ask", quantity="1")
    assert len(floor.exchange.fills(floor.ann)) == 1


def test_markets_without_users_orders_are_left_alone(floor: Floor) -> None:
    floor.exchange.depth("SOL_USDC")
    floor.feed.touches = None  # type: ignore[assignment,method-assign]  # a call would fail
    floor.advance(5)
    assert floor.exchange.now_us == NOW + 5 * SECOND


def test_feeds_are_made_once_and_only_when_needed() -> None:
    made: list[str] = []

    def feed_of(symbol: str) -> Any:
        made.append(symbol)
        return FakeFeed([(9999, 1)], [(10001, 1)], 10_000)

    exchange = Exchange(load(), feed_of, NOW)
    exchange.advance_to(NOW + 1)
    assert made == []
    exchange.depth("SOL_USDC")
    exchange.feed("SOL_USDC")
    exchange.depth("SOL_USDC")
    assert made == ["SOL_USDC"]


def test_time_does_not_run_backwards(floor: Floor) -> None:
    with pytest.raises(ValueError, match="has passed"):
        floor.exchange.advance_to(NOW - 1)
    floor.exchange.advance_to(NOW)


def test_depth_has_the_documented_shape(floor: Floor) -> None:
    shown = floor.exchange.depth("SOL_USDC", 1)
    assert (shown["bids"], shown["asks"]) == ([["99.99", "5"]], [["100.01", "5"]])
    assert shown["timestamp"] == NOW
    assert isinstance(shown["lastUpdateId"], str)


def test_last_update_id_rises_with_every_change_and_only_then(floor: Floor) -> None:
    def update() -> int:
        return int(floor.exchange.depth("SOL_USDC")["lastUpdateId"])

    seen = [update()]
    assert update() == seen[0]
    order = floor.order(floor.ann, "Bid", price="99", quantity="1")
    seen.append(update())
    floor.exchange.cancel(floor.ann, "SOL_USDC", order["id"])
    seen.append(update())
    floor.order(floor.ann, "Bid", quantity="1")
    seen.append(update())
    floor.order(floor.ann, "Ask", price="100", quantity="1")
    seen.append(update())
    floor.order(floor.ann, "Bid", price="100", quantity="1", selfTradePrevention="RejectBoth")
    assert floor.exchange.open_orders(floor.ann) == []
    seen.append(update())
    assert seen == list(range(seen[0], seen[0] + 6))
    refused(floor, floor.ann, "Bid", quantity="1.001")
    assert update() == seen[-1]


# Accounts


def test_balances_show_what_is_there_and_nothing_else(floor: Floor) -> None:
    account = floor.exchange.open_account("cyd", {"USDC": Decimal("0.10"), "SOL": Decimal(0)})
    assert floor.exchange.balances(account) == {
        "USDC": {"available": "0.1", "locked": "0", "staked": "0"}
    }


def test_an_account_is_opened_once(floor: Floor) -> None:
    assert floor.exchange.account("ann") is floor.ann
    assert floor.exchange.account("nobody") is None
    with pytest.raises(ValueError, match="already"):
        floor.exchange.open_account("ann", {})
    with pytest.raises(ArithmeticError):
        floor.exchange.open_account("dan", {"USDC": Decimal(-1)})
    assert floor.exchange.account("dan") is None


def test_the_account_summary_has_the_documented_shape(floor: Floor) -> None:
    floor.order(floor.ann, "Bid", price="99", quantity="1")
    summary = floor.exchange.account_summary(floor.ann)
    names = (
        "autoBorrowSettlements autoLend autoRealizePnl autoRepayBorrows borrowLimit "
        "futuresMakerFee futuresTakerFee leverageLimit limitOrders liquidating positionLimit "
        "spotMakerFee spotTakerFee triggerOrders"
    )
    assert set(summary) == set(names.split())
    assert (summary["spotMakerFee"], summary["spotTakerFee"]) == ("8", "10")
    assert (summary["futuresMakerFee"], summary["futuresTakerFee"]) == ("2", "5")
    assert (summary["limitOrders"], summary["triggerOrders"]) == (1, 0)


def test_amounts_are_exact_far_beyond_the_ordinary_28_digits(floor: Floor) -> None:
    much = Decimal("1" + "0" * 25 + ".000000000000000000001")
    account = floor.exchange.open_account("cyd", {"USDC": much})
    order = floor.order(account, "Bid", price="99", quantity="1" + "0" * 22 + ".01")
    assert floor.balance(account, "USDC")[1] == "99" + "0" * 22 + ".99"
    floor.exchange.cancel(account, "SOL_USDC", order["id"])
    assert floor.balance(account, "USDC") == ("1" + "0" * 25 + ".000000000000000000001", "0")
    floor.order(account, "Bid", quantity="1")
    assert floor.balance(account, "USDC")[0] == "9" * 22 + "899.990000000000000000001"


# On the real feed


def a_day(exchange: Exchange) -> str:
    account = exchange.open_account("ann", {"USDC": Decimal(10_000), "SOL": Decimal(10)})
    best = Decimal(exchange.depth("SOL_USDC", 5)["bids"][-1][0])
    order = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "quantity": "1"}
    answers: list[Any] = [exchange.execute(account, order | {"price": str(best)})]
    exchange.advance_to(exchange.now_us + 3_600 * SECOND)
    answers.append(exchange.execute(account, order | {"orderType": "Market"}))
    answers += [exchange.depth("SOL_USDC"), exchange.fills(account)]
    answers += [order_history(exchange, account), exchange.balances(account)]
    return json.dumps(answers)


def test_the_same_calls_give_the_same_answers() -> None:
    days = [
        a_day(Exchange(load(), lambda symbol: PriceFeed(MARKETS[symbol]), START_US))
        for _ in range(2)
    ]
    assert days[0] == days[1]
    fills = json.loads(days[0])[3]
    assert {row["isMaker"] for row in fills} == {True, False}
