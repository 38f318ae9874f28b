"""Orders that wait for a price, and the exits of an entry; on the small market of the positions."""

from __future__ import annotations

from typing import Any

import pytest
from account_histories import order_history, position_history
from test_positions import NOW, PERP, SECOND, Pit

from bpkit.sandbox.core.exchange import EngineAccount

BAD_REQUEST = "INVALID_CLIENT_REQUEST"


@pytest.fixture
def pit() -> Pit:
    """Its market maker quotes near 100, so that a market order finds something."""
    made = Pit()
    made.perp.bids, made.perp.asks = [(9990, 10_000)], [(10010, 10_000)]
    return made


def spot(pit: Pit, account: EngineAccount, side: str, **fields: Any) -> dict[str, Any]:
    return pit.order(account, side, symbol="SOL_USDC", **fields)


def open_ids(pit: Pit, account: EngineAccount) -> list[str]:
    return [row["id"] for row in pit.exchange.open_orders(account)]


def test_a_conditional_order_waits_and_locks_nothing(pit: Pit) -> None:
    answer = spot(pit, pit.ann, "Ask", price="95", triggerPrice="97", triggerQuantity="2")
    assert {name: value for name, value in answer.items() if value is not None} == {
        "createdAt": NOW // 1000, "executedQuantity": "0", "executedQuoteQuantity": "0",
        "id": answer["id"], "orderType": "Limit", "postOnly": False, "price": "95",
        "quantity": "0", "selfTradePrevention": "RejectTaker", "side": "Ask",
        "status": "TriggerPending", "symbol": "SOL_USDC", "timeInForce": "GTC",
        "triggerPrice": "97", "triggerQuantity": "2",
    }  # fmt: skip
    assert pit.exchange.balances(pit.ann)["SOL"]["locked"] == "0"
    assert open_ids(pit, pit.ann) == [answer["id"]]
    assert pit.exchange.order(pit.ann, "SOL_USDC", answer["id"]) == answer
    summary = pit.exchange.account_summary(pit.ann)
    assert (summary["limitOrders"], summary["triggerOrders"]) == (0, 1)
    assert pit.exchange.depth("SOL_USDC")["asks"] == [["100.01", "500"]]


def test_the_history_shows_the_quantity_0_until_a_conditional_order_ends(pit: Pit) -> None:
    spot(pit, pit.ann, "Ask", price="95", triggerPrice="97", triggerQuantity="2")
    (row,) = order_history(pit.exchange, pit.ann)
    assert (row["status"], row["quantity"]) == ("TriggerPending", "0")
    pit.exchange.cancel_all(pit.ann, "SOL_USDC")
    (row,) = order_history(pit.exchange, pit.ann)
    assert (row["status"], row["quantity"]) == ("Cancelled", None)


def test_a_trade_of_others_ends_no_conditional_order(pit: Pit) -> None:
    """Bob has no position yet."""
    stop = pit.order(pit.bob, "Ask", triggerPrice="90", triggerQuantity="1", reduceOnly=True)
    pit.deal(pit.ann, "Bid", "100", "1")
    assert open_ids(pit, pit.bob) == [stop["id"]]


def test_a_stop_becomes_an_order_of_its_own(pit: Pit) -> None:
    stop = spot(pit, pit.ann, "Ask", triggerPrice="97", triggerQuantity="2")
    pit.spot.print(5, 9701)
    pit.spot.print(7, 9700)
    pit.advance(6)
    assert open_ids(pit, pit.ann) == [stop["id"]]
    pit.spot.bids = [(9690, 10_000)]
    pit.advance(10)
    assert open_ids(pit, pit.ann) == []
    order, old = order_history(pit.exchange, pit.ann)
    assert (order["status"], order["executedQuoteQuantity"]) == ("Filled", "193.8")
    assert order["createdAt"] == "2026-09-01T17:30:07.000"
    assert (old["id"], old["status"], old["quantity"]) == (stop["id"], "Filled", None)
    assert pit.usdc(pit.ann) == "1193.6062"  # 193.8 less 0.1 %


def test_the_order_that_was_set_free_names_its_parent(pit: Pit) -> None:
    stop = spot(pit, pit.bob, "Bid", price="90", triggerPrice="97", triggerQuantity="2")
    pit.spot.print(7, 9650)
    pit.advance(10)
    (row,) = pit.exchange.open_orders(pit.bob)
    assert (row["relatedOrderId"], row["status"], row["quantity"]) == (stop["id"], "New", "2")
    assert row["triggeredAt"] == NOW // 1000 + 7000
    assert row["triggerPrice"] is None
    assert pit.exchange.balances(pit.bob)["USDC"]["locked"] == "180"


@pytest.mark.parametrize(
    ("trigger", "printed", "fires"),
    [
        ("103", 10299, False), ("103", 10300, True), ("103", 9000, False),
        ("97", 9701, False), ("97", 9700, True), ("97", 11000, False),
    ],
)  # fmt: skip
def test_the_side_from_which_the_price_comes_is_that_of_the_placement(
    pit: Pit, trigger: str, printed: int, fires: bool
) -> None:
    spot(pit, pit.ann, "Ask", price="110", triggerPrice=trigger, triggerQuantity="1")
    pit.spot.print(1, printed)
    pit.advance(2)
    (row,) = pit.exchange.open_orders(pit.ann)
    assert row["status"] == ("New" if fires else "TriggerPending")


def test_a_trigger_at_the_price_of_now_waits_for_a_rise(pit: Pit) -> None:
    pit.order(pit.ann, "Ask", price="105", triggerPrice="100", triggerQuantity="1")
    pit.order(pit.bob, "Bid", quantity="1")  # at 100.10, before time moves
    pit.advance(1)
    (row,) = pit.exchange.open_orders(pit.ann)
    assert row["status"] == "New"


@pytest.mark.parametrize("by", ["LastPrice", "MarkPrice", "IndexPrice"])
def test_a_spot_market_has_only_its_last_price(pit: Pit, by: str) -> None:
    pit.spot.own_mark = True
    fields = {"triggerPrice": "100.01", "triggerQuantity": "1", "triggerBy": by}
    spot(pit, pit.ann, "Ask", price="105", **fields)
    spot(pit, pit.bob, "Bid", price="100.01", quantity="1")  # moves the last price alone
    pit.advance(1)
    (row,) = pit.exchange.open_orders(pit.ann)
    assert row["status"] == "New"


def test_cancelling_conditional_orders(pit: Pit) -> None:
    resting = spot(pit, pit.ann, "Ask", price="105", quantity="1")["id"]
    waiting = [
        spot(pit, pit.ann, "Ask", price="95", triggerPrice="97", triggerQuantity="2", clientId=id)
        for id in (7, 8)
    ]
    answer = pit.exchange.cancel(pit.ann, "SOL_USDC", client_id=7)
    assert (answer["id"], answer["status"]) == (waiting[0]["id"], "Cancelled")
    assert (answer["quantity"], answer["triggerQuantity"]) == ("0", "2")
    all_of = pit.exchange.cancel_all
    assert [row["id"] for row in all_of(pit.ann, "SOL_USDC", "ConditionalOrder")] == [
        waiting[1]["id"]
    ]
    assert open_ids(pit, pit.ann) == [resting]
    spot(pit, pit.ann, "Ask", price="95", triggerPrice="97", triggerQuantity="2")
    assert [row["id"] for row in all_of(pit.ann, "SOL_USDC", "RestingLimitOrder")] == [resting]
    assert len(all_of(pit.ann, "SOL_USDC")) == 1
    pit.spot.print(1, 9000)
    pit.advance(2)
    assert pit.exchange.fills(pit.ann) == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"price": "97", "triggerQuantity": "20"}, "InsufficientFunds"),
        ({"price": "300", "triggerQuantity": "1"}, "InvalidPrice"),
        ({"price": "90", "triggerQuantity": "1", "postOnly": True}, "PostOnlyTaker"),
        ({"price": "102", "triggerQuantity": "20", "postOnly": True}, "InsufficientFunds"),
    ],
)
def test_what_cannot_be_placed_then_has_failed(
    pit: Pit, fields: dict[str, Any], reason: str
) -> None:
    id = spot(pit, pit.ann, "Ask", triggerPrice="98", **fields)["id"]
    pit.spot.print(1, 9800)
    pit.advance(2)
    row = pit.newest(pit.ann)
    assert (row["id"], row["status"], row["expiryReason"]) == (id, "TriggerFailed", reason)
    assert pit.exchange.open_orders(pit.ann) == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"triggerPrice": "97"}, "both `triggerPrice` and `triggerQuantity`"),
        ({"triggerPrice": "97", "triggerQuantity": "x"}, "Invalid `triggerQuantity`"),
        ({"triggerPrice": "1e2", "triggerQuantity": "1"}, "Invalid `triggerPrice`"),
        ({"triggerPrice": "0" * 59 + "97", "triggerQuantity": "1"}, "Invalid `triggerPrice`"),
        (
            {"triggerPrice": "97", "triggerQuantity": "1", "quoteQuantity": "10"},
            "must not specify a `quoteQuantity`",
        ),
        ({"triggerPrice": "97.001", "triggerQuantity": "1"}, "Price decimal too long"),
        ({"triggerPrice": "97", "triggerQuantity": "0.001"}, "Quantity decimal too long"),
        ({"triggerPrice": "97", "triggerQuantity": "80%"}, "needs `reduceOnly`"),
        ({"triggerPrice": "97", "triggerQuantity": "101%", "reduceOnly": True}, "at most 100%"),
        ({"triggerPrice": "97", "triggerQuantity": "100.1%", "reduceOnly": True}, "at most 100%"),
        ({"triggerPrice": "97", "triggerQuantity": "0%", "reduceOnly": True}, "above 0%"),
        ({"quantity": "1", "triggerBy": "LastPrice"}, "needs a `triggerPrice`"),
        ({"quantity": "1", "stopLossTriggerBy": "LastPrice"}, "stopLossTriggerPrice"),
        ({"quantity": "1", "takeProfitLimitPrice": "110"}, "takeProfitTriggerPrice"),
        ({"quantity": "1", "takeProfitTriggerPrice": "-1"}, "Invalid `takeProfitTriggerPrice`"),
        (
            {"quantity": "1", "stopLossTriggerPrice": "110", "stopLossLimitPrice": "110.001"},
            "Price decimal too long",
        ),
    ],
)
def test_conditions_that_are_refused(pit: Pit, fields: dict[str, Any], message: str) -> None:
    status, _, text = pit.refused(pit.ann, "Ask", **fields)
    assert status == 400 and message in text
    assert order_history(pit.exchange, pit.ann) == []


# Futures


def test_a_share_of_the_position_is_reduced(pit: Pit) -> None:
    pit.deal(pit.ann, "Bid", "100", "1.99")
    pit.order(pit.ann, "Ask", triggerPrice="95", triggerQuantity="80%", reduceOnly=True)
    pit.perp.bids = [(9500, 10_000)]
    pit.perp.print(1, 9500)
    pit.advance(2)
    order = pit.newest(pit.ann)
    assert (order["status"], order["quantity"]) == ("Filled", "1.59")  # 1.592, cut to a step
    assert pit.position(pit.ann)["netQuantity"] == "0.4"


@pytest.mark.parametrize(("share", "left"), [("100%", []), ("0.5%", ["-1.99"])])
def test_the_whole_position_and_a_small_share(pit: Pit, share: str, left: list[str]) -> None:
    pit.deal(pit.ann, "Ask", "100", "1")
    pit.order(pit.ann, "Bid", triggerPrice="105", triggerQuantity=share, reduceOnly=True)
    pit.deal(pit.ann, "Ask", "100", "1")  # the share is of the position at the trigger
    pit.perp.asks = [(10500, 10_000)]
    pit.perp.print(1, 10500)
    pit.advance(2)
    assert [row["netQuantity"] for row in pit.exchange.positions(pit.ann)] == left


@pytest.mark.parametrize("short", [False, True])
def test_a_share_of_nothing_has_failed(pit: Pit, short: bool) -> None:
    if short:  # an ask reduces no short position
        pit.deal(pit.ann, "Ask", "100", "1")
    pit.order(pit.ann, "Ask", triggerPrice="95", triggerQuantity="80%", reduceOnly=True)
    pit.perp.print(1, 9500)
    pit.advance(2)
    row = pit.newest(pit.ann)
    assert (row["status"], row["expiryReason"]) == ("TriggerFailed", "StopWithoutPosition")


def test_margin_is_asked_for_when_it_is_triggered(pit: Pit) -> None:
    pit.order(pit.bob, "Bid", price="101", triggerPrice="101", triggerQuantity="500")
    pit.perp.print(1, 10100)
    pit.advance(2)
    row = pit.newest(pit.bob)
    assert (row["status"], row["expiryReason"]) == ("TriggerFailed", "InsufficientMargin")


def test_which_price_is_watched(pit: Pit) -> None:
    for by in ("LastPrice", "MarkPrice", "IndexPrice"):
        fields = {"triggerPrice": "103", "triggerQuantity": "1", "triggerBy": by}
        assert pit.order(pit.ann, "Ask", price="105", **fields)["triggerBy"] == by
    pit.perp.print(1, 10300)
    pit.advance(2)
    statuses = [row["status"] for row in pit.exchange.open_orders(pit.ann)]
    assert sorted(statuses) == ["New", "New", "TriggerPending"]
    pit.spot.print(5, 10300)
    pit.perp.index_moves_us = NOW + 5 * SECOND
    pit.advance(4)
    pit.advance(6)
    assert [row["status"] for row in pit.exchange.open_orders(pit.ann)] == ["New"] * 3
    newest = max(pit.exchange.open_orders(pit.ann), key=lambda row: row["triggeredAt"])
    assert newest["triggeredAt"] == (NOW + 5 * SECOND) // 1000


def test_a_trade_between_users_moves_the_last_price_alone(pit: Pit) -> None:
    pit.perp.own_mark = True
    by = ("LastPrice", "MarkPrice", "IndexPrice")
    for watched in by:
        fields = {"triggerPrice": "103", "triggerQuantity": "1", "triggerBy": watched}
        pit.order(pit.ann, "Ask", price="105", **fields)
    pit.perp.asks = []
    pit.advance(1)
    pit.deal(pit.bob, "Bid", "103", "1")
    pit.advance(2)
    statuses = {order.request.conditions["triggerBy"]: order.status for order in pit.ann.orders[:3]}
    assert statuses == {
        "LastPrice": "Filled", "MarkPrice": "TriggerPending", "IndexPrice": "TriggerPending",
    }  # fmt: skip


EXITS = {
    "takeProfitTriggerPrice": "110",
    "takeProfitLimitPrice": "109.5",
    "stopLossTriggerPrice": "95",
    "stopLossTriggerBy": "MarkPrice",
}


def test_an_entry_leaves_its_exits(pit: Pit) -> None:
    entry = pit.order(pit.ann, "Bid", quantity="2", **EXITS)
    assert entry["status"] == "Filled" and EXITS.items() <= entry.items()
    profit, loss = pit.exchange.open_orders(pit.ann)
    for row in (profit, loss):
        assert (row["side"], row["reduceOnly"], row["status"]) == ("Ask", True, "TriggerPending")
        assert (row["relatedOrderId"], row["triggerQuantity"]) == (entry["id"], "2")
    assert (profit["orderType"], profit["price"]) == ("Limit", "109.5")
    assert (profit["triggerPrice"], profit["triggerBy"]) == ("110", None)
    assert (loss["orderType"], loss["triggerBy"], loss["triggerPrice"]) == (
        "Market", "MarkPrice", "95",
    )  # fmt: skip


@pytest.mark.parametrize(
    "exits",
    [
        {},
        {"takeProfitTriggerPrice": "110"},
        {"stopLossTriggerPrice": "95", "stopLossLimitPrice": "94"},
    ],
)
def test_an_entry_may_have_one_exit_or_none(pit: Pit, exits: dict[str, str]) -> None:
    assert pit.order(pit.ann, "Bid", quantity="2", **exits)["status"] == "Filled"
    triggers = [row["triggerPrice"] for row in pit.exchange.open_orders(pit.ann)]
    assert triggers == [price for name, price in exits.items() if "Trigger" in name]


def test_an_exit_has_no_limit_of_slippage(pit: Pit) -> None:
    """The tolerance was for the entry."""
    slip = {"slippageTolerance": "1", "slippageToleranceType": "TickSize"}
    entry = pit.order(pit.ann, "Bid", quantity="2", stopLossTriggerPrice="95", **slip)
    assert entry["slippageTolerance"] == "1"
    (exit,) = pit.exchange.open_orders(pit.ann)
    assert (exit["slippageTolerance"], exit["slippageToleranceType"]) == (None, None)
    pit.perp.bids = [(9400, 100), (9380, 100)]
    pit.perp.print(1, 9500)
    pit.advance(2)
    assert pit.exchange.positions(pit.ann) == []


def test_exits_take_over_nothing_that_was_for_the_entry_alone(pit: Pit) -> None:
    pit.order(pit.ann, "Bid", price="101", quantity="2", timeInForce="IOC", clientId=7, **EXITS)
    rows = pit.exchange.open_orders(pit.ann)
    assert [(row["timeInForce"], row["clientId"]) for row in rows] == [("GTC", None)] * 2
    pit.order(pit.bob, "Bid", price="99.95", quantity="1", postOnly=True, **EXITS)
    pit.perp.print(1, 9995, quantity=100)
    pit.advance(2)
    profit, _ = pit.exchange.open_orders(pit.bob)
    assert (profit["price"], profit["postOnly"]) == ("109.5", False)


def test_an_exit_meets_the_trades_that_follow_the_fill_of_its_entry(pit: Pit) -> None:
    pit.order(pit.ann, "Bid", price="99", quantity="1", takeProfitTriggerPrice="105")
    pit.perp.print(1, 9900, 100)
    pit.perp.print(2, 10_500)
    pit.perp.print(3, 10_000)
    pit.advance(4)
    sides = [fill["side"] for fill in pit.exchange.fills(pit.ann)]
    assert sides == ["Ask", "Bid"] and pit.exchange.positions(pit.ann) == []


def test_one_exit_ends_the_other(pit: Pit) -> None:
    pit.order(pit.ann, "Bid", quantity="2", **EXITS)  # at 100.10
    profit, loss = open_ids(pit, pit.ann)
    pit.perp.bids = [(9490, 10_000)]
    pit.perp.print(3, 9499)
    pit.advance(5)
    assert pit.exchange.positions(pit.ann) == [] and open_ids(pit, pit.ann) == []
    by_id = {row["id"]: row for row in order_history(pit.exchange, pit.ann)}
    assert (by_id[profit]["status"], by_id[profit]["expiryReason"]) == (
        "Expired", "StopWithoutPosition",
    )  # fmt: skip
    assert by_id[loss]["status"] == "Filled"
    closed = position_history(pit.exchange, pit.ann)[0]
    assert (closed["closingPrice"], closed["cumulativePnlRealized"]) == ("94.9", "-10.4")


@pytest.mark.parametrize("all_at_once", [True, False])
def test_a_resting_entry_leaves_its_exits_when_it_is_over(pit: Pit, all_at_once: bool) -> None:
    entry = pit.order(pit.ann, "Ask", price="101", quantity="2", **EXITS | {
        "takeProfitTriggerPrice": "90", "takeProfitLimitPrice": "90", "stopLossTriggerPrice": "105",
    })  # fmt: skip
    pit.perp.print(1, 10100, quantity=150, sold=False)
    pit.advance(2)
    assert len(open_ids(pit, pit.ann)) == 1
    if all_at_once:
        pit.exchange.cancel_all(pit.ann, PERP, "RestingLimitOrder")
    else:
        pit.exchange.cancel(pit.ann, PERP, entry["id"])
    rows = pit.exchange.open_orders(pit.ann)
    assert [(row["triggerPrice"], row["triggerQuantity"]) for row in rows] == [
        ("90", "1.5"), ("105", "1.5"),
    ]  # fmt: skip
    pit.perp.asks = [(10520, 10_000)]
    pit.perp.print(4, 10500)
    pit.advance(3)
    assert [row["status"] for row in pit.exchange.open_orders(pit.ann)] == ["TriggerPending"] * 2
    pit.advance(5)
    assert pit.exchange.positions(pit.ann) == [] and open_ids(pit, pit.ann) == []


def test_a_fill_here_does_not_hide_the_trade_that_made_it(pit: Pit) -> None:
    """A print at 94 that fills a bid at 96 has reached a stop at 95."""
    pit.deal(pit.ann, "Bid", "100", "1")
    stop = pit.order(pit.ann, "Ask", price="93", triggerPrice="95", triggerQuantity="1")["id"]
    pit.order(pit.bob, "Bid", price="96", quantity="1")
    pit.perp.print(1, 9400)
    pit.perp.bids = []
    pit.advance(2)
    assert pit.exchange.fills(pit.bob)[0]["price"] == "96"
    assert [row["relatedOrderId"] for row in pit.exchange.open_orders(pit.ann)] == [stop]


def test_own_trades_are_looked_at_before_time_moves_on(pit: Pit) -> None:
    id = pit.order(pit.ann, "Ask", price="105", triggerPrice="100.05", triggerQuantity="1")["id"]
    pit.order(pit.bob, "Bid", quantity="1")  # at 100.10
    assert open_ids(pit, pit.ann) == [id]
    pit.advance(1)
    (row,) = pit.exchange.open_orders(pit.ann)
    assert (row["relatedOrderId"], row["triggeredAt"]) == (id, NOW // 1000)


def test_what_was_set_free_meets_the_trades_that_follow(pit: Pit) -> None:
    spot(pit, pit.ann, "Ask", price="98.5", triggerPrice="97", triggerQuantity="1")
    pit.spot.bids = [(9600, 10_000)]
    pit.spot.print(1, 9700)
    pit.spot.print(3, 9850, quantity=500, sold=False)
    pit.spot.asks = [(9900, 10_000)]
    pit.advance(10)
    (fill,) = pit.exchange.fills(pit.ann)
    assert (fill["price"], fill["timestamp"]) == ("98.5", "2026-09-01T17:30:03.000")


@pytest.mark.parametrize(("quantity", "left"), [("1", ["-1"]), ("2", [])])
def test_an_order_that_only_reduces_leaves_no_exits(
    pit: Pit, quantity: str, left: list[str]
) -> None:
    pit.deal(pit.ann, "Ask", "100", "2")
    pit.order(pit.ann, "Bid", quantity=quantity, **EXITS)
    assert [row["netQuantity"] for row in pit.exchange.positions(pit.ann)] == left
    assert open_ids(pit, pit.ann) == []


def test_an_entry_that_was_not_filled_leaves_no_exits(pit: Pit) -> None:
    pit.deal(pit.ann, "Bid", "100", "1")
    entry = pit.order(pit.ann, "Bid", price="96", quantity="1", **EXITS)
    pit.exchange.cancel(pit.ann, PERP, entry["id"])
    assert open_ids(pit, pit.ann) == []


def test_two_stops_at_one_price_close_a_position_once(pit: Pit) -> None:
    pit.deal(pit.ann, "Bid", "100", "1")
    for _ in range(2):
        pit.order(pit.ann, "Ask", triggerPrice="95", triggerQuantity="1", reduceOnly=True)
    pit.perp.bids = [(9500, 10_000)]
    pit.perp.print(1, 9500)
    pit.advance(2)
    first, second = pit.ann.orders[1:3]
    assert (first.status, second.status) == ("Filled", "Expired")
    assert (second.expiry, pit.exchange.positions(pit.ann)) == ("StopWithoutPosition", [])


def test_exits_end_when_a_fill_leads_through_zero(pit: Pit) -> None:
    """They belong to the position that was, not to the next one."""
    pit.order(pit.ann, "Bid", quantity="2", **EXITS)
    exits = open_ids(pit, pit.ann)
    pit.deal(pit.ann, "Ask", "100", "3")
    assert pit.exchange.positions(pit.ann)[0]["netQuantity"] == "-1"
    assert open_ids(pit, pit.ann) == []
    by_id = {row["id"]: row for row in order_history(pit.exchange, pit.ann)}
    assert [by_id[one]["expiryReason"] for one in exits] == ["StopWithoutPosition"] * 2
