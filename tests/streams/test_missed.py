"""What was missed while the connection was lost comes from REST; or a gap says what to ask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from stream_samples import ACCEPTED, BALANCE, FILL, KLINE, POSITION, TRADE, trade
from stream_server import StreamServer, wait_for

from bpkit import Client
from bpkit.streams import Event, Events

pytest_plugins = ["stream_fixtures"]
TRADES, ORDERS, CANDLES = "trade.SOL_USDC", "account.orderUpdate", "kline.1m.SOL_USDC"
POSITIONS, BALANCES = "account.positionUpdate", "account.balanceUpdate"


def rest_trade(number: int) -> dict[str, Any]:
    """As ``get_recent_trades`` has it: milliseconds, and the names of REST."""
    return {
        "id": number, "price": "218.5", "quantity": "0.07", "quoteQuantity": "15.295",
        "timestamp": 1736186248744 + number, "isBuyerMaker": True,
    }  # fmt: skip


def lose(server: StreamServer) -> None:
    """Cut the connection, and wait until all is subscribed again."""
    before, subscribed = len(server.sessions), server.session.streams
    server.session.cut()
    wait_for(lambda: len(server.sessions) > before and server.session.streams == subscribed)


@contextmanager
def after_a_loss(
    server: StreamServer, live: Client, stream: str, *before: dict[str, Any]
) -> Iterator[Events]:
    """The stream has sent ``before``, and then its connection was lost. All of that is read."""
    with live.stream(stream, seconds=5) as opened:
        for raw in before:
            server.push(stream, raw)
        for _ in before:
            assert next(iter(opened)).kind == "data"
        lose(server)
        assert next(iter(opened)).kind == "lost"
        yield opened


def read(opened: Events) -> list[Event]:
    """All that is there now."""
    return [*opened._all()]


# --- trades ---------------------------------------------------------------------------------------


def test_missed_trades_are_filled_in_their_place(server: StreamServer, live: Client) -> None:
    server.rest["/api/v1/trades"] = [rest_trade(number) for number in (14, 13, 12, 11, 10, 9)]
    with after_a_loss(server, live, TRADES, trade(10), trade(11)) as opened:
        for number in (13, 14, 15):  # 13 and 14 are also in the answer
            server.push(TRADES, trade(number))
        assert opened.wait(trade_id=15, seconds=5)
    assert [event.trade_id for event in opened[TRADES]] == [10, 11, 12, 13, 14, 15]
    assert [event.filled for event in opened[TRADES]] == [False] * 2 + [True] * 3 + [False]
    assert [event.kind for event in read(opened)][2:4] == ["lost", "back"]
    filled = opened[TRADES][2]
    assert (filled.price, filled.quantity, filled.is_buyer_maker) == (
        Decimal("218.5"), Decimal("0.07"), True,
    )  # fmt: skip
    assert filled.time == datetime(2025, 1, 6, 17, 57, 28, 756_000, UTC)
    assert filled.symbol == "SOL_USDC" and filled.stream == TRADES
    assert opened.df.filled.fillna(False).tolist() == [False] * 2 + [True] * 3 + [False]
    assert "limit=1000" in server.asked[-1]


def test_trades_that_rest_has_no_more_are_a_gap(server: StreamServer, live: Client) -> None:
    server.rest["/api/v1/trades"] = [rest_trade(number) for number in (20, 19)]
    with after_a_loss(server, live, TRADES, trade(10)) as opened:
        assert opened.wait(trade_id=20, seconds=5)
    gap = opened.problems[2]
    assert gap.kind == "gap" and gap.raw == {"first": 11, "last": 18} and gap.stream == TRADES
    assert gap.note == (
        "The trades 11 to 18 did not come. Ask bp.get_historical_trades('SOL_USDC')."
    )
    assert [event.kind for event in read(opened)] == ["data", "lost", "back", "gap", "data", "data"]


def test_a_jump_without_a_loss_is_a_gap_too(server: StreamServer, live: Client) -> None:
    with live.stream(TRADES, count=3) as opened:
        for number in (1, 1, 3, 4, 2):
            server.push(TRADES, trade(number))
        found = [*opened]
    assert [event.kind for event in found] == ["data", "gap", "data", "data"]
    assert [event.trade_id for event in opened[TRADES]] == [1, 3, 4]
    assert found[1].note.startswith("The trade 2 did not come.")


def test_without_a_trade_before_it_nothing_can_be_compared(
    server: StreamServer, live: Client
) -> None:
    with after_a_loss(server, live, TRADES) as opened:
        server.push(TRADES, trade(5))
        assert opened.wait(trade_id=5, seconds=5)
    assert [event.kind for event in read(opened)] == ["lost", "back", "gap", "data"]
    assert server.asked == ["/api/v1/markets"]


def test_if_rest_fails_a_gap_says_so(server: StreamServer, live: Client) -> None:
    with after_a_loss(server, live, TRADES, trade(1)) as opened:
        server.push(TRADES, trade(2))
        assert opened.wait(trade_id=2, seconds=5)
    gap = opened.problems[2]
    assert gap.note.startswith("What came while the connection was lost is missing. REST was asked")
    assert "404" in gap.note and gap.note.endswith("Ask bp.get_historical_trades('SOL_USDC').")


def test_after_the_block_rest_is_not_asked(server: StreamServer, live: Client) -> None:
    with live.stream(TRADES) as opened:
        server.push(TRADES, trade(1))
        lose(server)
        wait_for(lambda: len(opened._connection._inbox._waiting) == 3)
    assert [event.kind for event in read(opened)] == ["data", "lost", "back"]
    assert server.asked == ["/api/v1/markets"]


@pytest.mark.parametrize(
    ("stream", "ask"),
    [
        ("depth.SOL_USDC", "Ask bp.get_depth('SOL_USDC')."),
        ("bookTicker.SOL_USDC", "Its next event has the newest values."),
        ("liquidation", "No answer of REST has them."),
        (BALANCES, "Ask bp.get_balances()."),
        (ORDERS, "Ask bp.get_open_orders(), bp.get_order_history(), bp.get_fills()."),
    ],
)
def test_what_cannot_be_filled_is_a_gap_that_says_what_to_ask(
    stream: str, ask: str, server: StreamServer, live: Client
) -> None:
    with after_a_loss(server, live, stream) as opened:
        wait_for(lambda: len(opened.problems) == 3)
    assert opened.problems[2].kind == "gap" and opened.problems[2].note.endswith(f" {ask}")


# --- candles --------------------------------------------------------------------------------------


def rest_candle(minute: int) -> dict[str, Any]:
    text = "2026-09-02 16:{}:00".format
    return {
        "start": text(minute), "end": text(minute + 1), "open": "1", "high": "2", "low": "1",
        "close": "2", "volume": "5", "quoteVolume": "9", "trades": "3",
    }  # fmt: skip


def test_missed_candles_are_filled(server: StreamServer, live: Client) -> None:
    server.rest["/api/v1/klines"] = [rest_candle(minute) for minute in (44, 45, 46, 47)]
    with after_a_loss(server, live, CANDLES, KLINE) as opened:  # that of 16:44 is closed
        twice = {**KLINE, "t": "2026-09-02T16:46:00", "T": "2026-09-02T16:47:00"}
        server.push(CANDLES, twice)
        server.push(CANDLES, {**twice, "t": "2026-09-02T16:47:00", "X": False})
        assert opened.wait(is_closed=False, seconds=5)
    assert [event.start.minute for event in opened[CANDLES]] == [44, 45, 46, 47]
    assert [event.filled for event in opened[CANDLES]] == [False, True, True, False]
    assert [event.is_closed for event in opened[CANDLES]] == [True, True, True, False]
    assert opened[CANDLES][1].close == 2 and opened[CANDLES][1].trades == 3
    assert opened[CANDLES][1].time == datetime(2026, 9, 2, 16, 46, tzinfo=UTC)  # its end


def test_a_candle_that_ran_is_filled_when_it_has_closed(server: StreamServer, live: Client) -> None:
    server.rest["/api/v1/klines"] = [rest_candle(minute) for minute in (44, 45)]
    with after_a_loss(server, live, CANDLES, {**KLINE, "X": False}) as opened:
        assert opened.wait(is_closed=True, seconds=5)
    assert [event.start.minute for event in opened[CANDLES]] == [44, 44]


# --- orders ---------------------------------------------------------------------------------------


def rest_order(name: str, status: str, done: str, made: Any, **more: Any) -> dict[str, Any]:
    return {
        "id": name, "clientId": None, "createdAt": made, "symbol": "USDT_USDC", "side": "Ask",
        "orderType": "Limit", "status": status, "price": "1.0076", "quantity": "20",
        "executedQuantity": done, "executedQuoteQuantity": "0", "timeInForce": "GTC", **more,
    }  # fmt: skip


def rest_fill(name: str, trade_id: int, when: str) -> dict[str, Any]:
    return {
        "orderId": name, "tradeId": trade_id, "symbol": "USDT_USDC", "side": "Ask",
        "price": "1.0076", "quantity": "10", "fee": "0.01", "feeSymbol": "USDC", "isMaker": True,
        "timestamp": when, "clientId": None, "systemOrderType": None,
    }  # fmt: skip


def orders_in_rest(server: StreamServer, still: Any = (), past: Any = (), fills: Any = ()) -> None:
    server.rest["/api/v1/orders"] = [*still]
    server.rest["/wapi/v1/history/orders"] = [*past]
    server.rest["/wapi/v1/history/fills"] = [*fills]


MINE = "59887375336"  # the order of the sample, of 2026-09-02T16:58:10.062979
LATER = "2026-09-02T16:58:11.500"


def test_an_order_that_filled_meanwhile_can_be_waited_for(
    server: StreamServer, live: Client
) -> None:
    fills = [rest_fill(MINE, 8, LATER), rest_fill(MINE, 7, "2026-09-02T16:58:10.500")]
    orders_in_rest(server, past=[rest_order(MINE, "Filled", "20", LATER)], fills=fills)
    with after_a_loss(server, live, ORDERS, ACCEPTED) as mine:
        filled = mine.wait(order_id=MINE, status="Filled", seconds=5)
    assert filled is not None and filled.filled and filled.executed_quantity == 20
    own = [*mine[ORDERS]]
    assert [one.event_type for one in own] == ["orderAccepted", "orderFill", "orderFill", None]
    assert [one.trade_id for one in own] == [None, 7, 8, None]
    assert (own[1].fill_price, own[1].fee, own[1].is_maker) == (
        Decimal("1.0076"), Decimal("0.01"), True,
    )  # fmt: skip
    assert own[1].time == datetime(2026, 9, 2, 16, 58, 10, 500_000, UTC)
    asked = [one.split("?")[0] for one in server.asked]
    assert asked == ["/wapi/v1/history/fills", "/wapi/v1/history/orders", "/api/v1/orders"]
    assert "from=1788368288063" in server.asked[0]  # two seconds before the loss


def test_a_trade_of_the_market_does_not_hide_an_earlier_fill(
    server: StreamServer, live: Client
) -> None:
    """The trades are filled first, and are newer than the fill of the account."""
    orders_in_rest(
        server,
        past=[rest_order(MINE, "Filled", "20", "2025-01-06T17:57:28.744")],
        fills=[rest_fill(MINE, 7, "2025-01-06T17:57:30.000")],
    )
    server.rest["/api/v1/trades"] = [rest_trade(100_000), *map(rest_trade, (12, 11))]
    with live.stream(TRADES, ORDERS, seconds=5) as opened:
        server.push(TRADES, trade(10))
        server.push(ORDERS, {**ACCEPTED, "T": TRADE["T"], "E": TRADE["E"]})
        assert opened.wait(order_id=MINE, seconds=5)
        lose(server)
        assert opened.wait(order_id=MINE, status="Filled", seconds=5)
    query = next(one for one in server.asked if "fills" in one)
    assert "from=1736186246745" in query  # of the trade 10, not of 100,000


def test_more_fills_than_an_answer_has_are_a_gap(server: StreamServer, live: Client) -> None:
    fills = [rest_fill(MINE, number, LATER) for number in range(1000, 0, -1)]
    orders_in_rest(server, fills=fills)
    with after_a_loss(server, live, ORDERS, ACCEPTED) as mine:
        wait_for(lambda: len(mine.problems) == 3)
    assert [event.kind for event in mine.problems] == ["lost", "back", "gap"]
    assert "bp.get_fills()" in mine.problems[2].note


def test_an_order_that_was_over_before_the_loss_does_not_come_again(
    server: StreamServer, live: Client
) -> None:
    orders_in_rest(server, past=[rest_order(MINE, "Cancelled", "0", "2026-09-02T16:58:10.062")])
    gone = {**ACCEPTED, "e": "orderCancelled", "X": "Cancelled"}
    with after_a_loss(server, live, ORDERS, ACCEPTED, gone) as mine:
        wait_for(lambda: len(mine.problems) == 2)
    assert [one.event_type for one in mine[ORDERS]] == ["orderAccepted", "orderCancelled"]


def test_a_fill_that_comes_again_is_delivered_once(server: StreamServer, live: Client) -> None:
    orders_in_rest(
        server,
        past=[rest_order("5406825793", "Filled", "0.0010", "2025-08-11T20:24:22.040")],
        fills=[rest_fill("5406825793", 2888471, "2025-08-11T20:24:22.040")],
    )
    with after_a_loss(server, live, ORDERS, FILL) as mine:
        server.push(ORDERS, FILL)
        server.push(ORDERS, ACCEPTED)
        server.push(ORDERS, ACCEPTED)
        server.push(ORDERS, {**ACCEPTED, "e": "orderCancelled", "X": "Cancelled"})
        assert mine.wait(status="Cancelled", seconds=5)
    assert [one.event_type for one in mine[ORDERS] if one.order_id == MINE] == [
        "orderAccepted", "orderCancelled",
    ]  # fmt: skip
    assert [one.trade_id for one in mine[ORDERS]].count(2888471) == 1


def test_an_order_that_did_not_change_is_not_filled(server: StreamServer, live: Client) -> None:
    orders_in_rest(server, still=[rest_order(MINE, "New", "0", 1788368290062)])
    with after_a_loss(server, live, ORDERS, ACCEPTED) as mine:
        wait_for(lambda: len(mine.problems) == 2)
    assert len(mine[ORDERS]) == 1


def test_new_orders_and_cancels_are_filled(server: StreamServer, live: Client) -> None:
    """Open orders have milliseconds, the history has texts."""
    old = rest_order("1", "Cancelled", "0", "2026-09-02T10:00:00.000")
    orders_in_rest(
        server,
        still=[rest_order("2", "New", "0", 1788368291000), rest_order("3", "New", "0", 1)],
        past=[rest_order(MINE, "Cancelled", "0", "2026-09-02T16:58:10.062"), old],
    )
    with after_a_loss(server, live, ORDERS, ACCEPTED) as mine:
        assert mine.wait(order_id="2", status="New", seconds=5)
    assert [(one.order_id, one.status) for one in mine[ORDERS]][1:] == [
        (MINE, "Cancelled"), ("2", "New"),
    ]  # fmt: skip


def test_an_order_that_is_far_back_in_the_history_is_asked_for(
    server: StreamServer, live: Client
) -> None:
    orders_in_rest(server)
    one = rest_order(MINE, "Expired", "0", "2026-09-02T16:58:10.062", expiryReason="PriceBand")
    server.rest["/wapi/v1/history/orders"] = lambda query: (
        [one] if f"orderId={MINE}" in query else []
    )
    with after_a_loss(server, live, ORDERS, ACCEPTED) as mine:
        expired = mine.wait(status="Expired", seconds=5)
    assert expired is not None and expired.expiry_reason == "PriceBand"


# --- balances and positions -----------------------------------------------------------------------


def test_changed_balances_are_filled(server: StreamServer, live: Client) -> None:
    same = {"available": "10.0", "locked": "20", "staked": "0"}
    server.rest["/api/v1/capital"] = {"USDT": same, "SOL": {**same, "locked": "0"}}
    with after_a_loss(server, live, BALANCES, BALANCE) as mine:
        found = mine.wait(symbol="SOL", seconds=5)
    assert found is not None and (found.available, found.locked) == (10, 0)
    assert found.time == datetime(2026, 9, 2, 16, 58, 10, 63168, UTC)  # of the newest before it
    assert [one.symbol for one in mine[BALANCES]] == ["USDT", "SOL"]


def test_a_position_that_was_closed_is_filled(server: StreamServer, live: Client) -> None:
    other = {key: value for key, value in POSITION.items() if key != "e"} | {"s": "SOL_USDC_PERP"}
    server.rest["/api/v1/position"] = [{"symbol": "SOL_USDC_PERP", "netQuantity": "1"}]
    with after_a_loss(server, live, POSITIONS, POSITION, other) as mine:
        server.push(POSITIONS, {**other, "T": TRADE["T"]})  # again, as when it was subscribed
        wait_for(lambda: len(mine[POSITIONS]) == 4)
    assert [(one.symbol, one.event_type, one.filled) for one in mine[POSITIONS]] == [
        ("ETH_USDC_PERP", "positionOpened", False), ("SOL_USDC_PERP", None, False),
        ("ETH_USDC_PERP", "positionClosed", True), ("SOL_USDC_PERP", None, False),
    ]  # fmt: skip
    assert mine[POSITIONS][2].net_quantity == 0


def test_events_are_remembered_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    from bpkit.streams import missed

    monkeypatch.setattr(missed, "_KEYS", 5)
    memory = missed.Memory()
    for number in range(20):
        memory.note(ORDERS, {**ACCEPTED, "i": str(number)})
    assert len(memory._keys) == len(memory._known) == 5
    assert not memory.note(ORDERS, {**ACCEPTED, "i": "19"})
