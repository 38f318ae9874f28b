"""``bp.stream`` on the sandbox: orders and trades as REST shows them, and losses made by faults."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from stream_fixtures import socket_threads
from stream_server import wait_for

from bpkit import Client, Key, StreamError
from bpkit.sandbox import Sandbox
from bpkit.streams import Events, connection

TRADES, ORDERS = "trade.SOL_USDC", "account.orderUpdate"
BALANCES, POSITIONS = "account.balanceUpdate", "account.positionUpdate"


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(connection, "BACKOFF", 0.01)
    yield
    wait_for(lambda: not socket_threads())


def back(opened: Events, times: int = 1) -> None:
    """Wait until the connection is back for so many times."""
    wait_for(lambda: [event.kind for event in opened.problems].count("back") >= times)


def test_what_is_ordered_in_the_block_is_on_the_stream(bp: Client) -> None:
    with bp.stream(ORDERS, BALANCES, TRADES) as mine:
        order = bp.execute_order("SOL_USDC", "Bid", "Limit", price="90", quantity="1")
        bp.cancel_order("SOL_USDC", order_id=order["id"])
        assert mine.wait(order_id=order["id"], status="Cancelled", seconds=5)
        bought = bp.execute_order("SOL_USDC", "Bid", "Market", quantity="1")
        filled = mine.wait(order_id=bought["id"], status="Filled", seconds=5)
        assert mine.wait(symbol="USDC", locked="0", available=usdc(bp), seconds=5)
        assert filled is not None and mine.wait(trade_id=filled.trade_id, stream=TRADES, seconds=5)
    fill = bp.get_fills(order_id=bought["id"])[0]
    assert (filled.fill_price, filled.fill_quantity, filled.trade_id) == (
        Decimal(fill["price"]), Decimal(fill["quantity"]), fill["tradeId"],
    )  # fmt: skip
    assert (filled.fee, filled.fee_symbol) == (Decimal(fill["fee"]), fill["feeSymbol"])
    assert [one.event_type for one in mine[ORDERS] if one.order_id == order["id"]] == [
        "orderAccepted", "orderCancelled",
    ]  # fmt: skip
    assert len(mine.problems) == 0


def usdc(bp: Client) -> str:
    return str(bp.get_balances()["USDC"]["available"])


def test_trades_of_an_advance_are_those_of_rest(sandbox: Sandbox, bp: Client) -> None:
    with bp.stream(TRADES, "kline.1m.SOL_USDC") as opened:
        sandbox.advance(minutes=5)
        rows = bp.get_recent_trades("SOL_USDC", limit=20)
        assert opened.wait(trade_id=rows[0]["id"], seconds=5)
        wait_for(lambda: sum(one.is_closed for one in opened["kline.1m.SOL_USDC"]) >= 4)
    live = {one.trade_id: (one.price, one.quantity) for one in opened[TRADES]}
    assert {row["id"]: (Decimal(row["price"]), Decimal(row["quantity"])) for row in rows} == {
        row["id"]: live[row["id"]] for row in rows
    }
    assert len(opened.problems) == 0
    candle = next(one for one in opened["kline.1m.SOL_USDC"] if one.is_closed and one.open)
    known = bp.get_klines("SOL_USDC", "1m", start_time=candle.start)[0]
    assert (candle.open, candle.close, candle.volume) == tuple(
        Decimal(known[name]) for name in ("open", "close", "volume")
    )


@pytest.mark.parametrize("fault", ["ws_cut", "ws_close"])
def test_what_a_loss_hides_is_filled(fault: str, sandbox: Sandbox, bp: Client) -> None:
    with bp.stream(TRADES, ORDERS, BALANCES) as opened:
        sandbox.advance(minutes=1)
        resting = bp.execute_order("SOL_USDC", "Bid", "Limit", price="90", quantity="1")
        assert opened.wait(order_id=resting["id"], seconds=5)
        assert opened.wait(stream=TRADES, seconds=5)
        with sandbox.fault(fault):
            sandbox.advance(minutes=2)
            bought = bp.execute_order("SOL_USDC", "Bid", "Market", quantity="1")
            bp.cancel_order("SOL_USDC", order_id=resting["id"])
        assert opened.wait(order_id=bought["id"], status="Filled", seconds=10)
        assert opened.wait(order_id=resting["id"], status="Cancelled", seconds=10)
        assert opened.wait(symbol="USDC", available=usdc(bp), seconds=10)
        sandbox.advance(minutes=1)
        newest = bp.get_recent_trades("SOL_USDC", limit=1)[0]["id"]
        assert opened.wait(trade_id=newest, stream=TRADES, seconds=10)
    numbers = [event.trade_id for event in opened[TRADES]]
    assert numbers == [*range(numbers[0], newest + 1)]
    assert any(event.filled for event in opened[TRADES])
    assert {event.kind for event in opened.problems} == {"lost", "back"}


def test_a_dead_connection_is_noticed(
    sandbox: Sandbox, bp: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PING_AFTER", 0.05)
    monkeypatch.setattr(connection, "PONG_WITHIN", 0.3)
    monkeypatch.setattr(connection, "BARRIER", 0.1)
    monkeypatch.setattr("bpkit.streams.websocket.CLOSING", 0.1)
    with bp.stream(TRADES) as opened:
        with sandbox.fault("ws_dead"):
            wait_for(lambda: len(opened.problems) > 0)
        back(opened)
    assert opened.problems[0].note.startswith("The connection is lost: no pong came within 0.3")


def test_frames_that_come_twice_are_delivered_once(sandbox: Sandbox, bp: Client) -> None:
    with bp.stream(TRADES, ORDERS) as opened:
        with sandbox.fault("ws_duplicate"):
            order = bp.execute_order("SOL_USDC", "Bid", "Market", quantity="1")
            sandbox.advance(minutes=1)
        newest = bp.get_recent_trades("SOL_USDC", limit=1)[0]["id"]
        assert opened.wait(trade_id=newest, stream=TRADES, seconds=5)
    numbers = [event.trade_id for event in opened[TRADES]]
    assert numbers == [*range(numbers[0], newest + 1)]
    assert [one.event_type for one in opened[ORDERS] if one.order_id == order["id"]] == [
        "orderAccepted", "orderFill",
    ]  # fmt: skip


def test_a_position_is_there_when_it_is_subscribed(sandbox: Sandbox, bp: Client) -> None:
    bp.execute_order("SOL_USDC_PERP", "Bid", "Market", quantity="1")
    with bp.stream(POSITIONS) as mine:
        first = mine.wait(symbol="SOL_USDC_PERP", seconds=5)
        assert first is not None and (first.event_type, first.net_quantity) == (None, 1)
        with sandbox.fault("ws_cut"):
            bp.execute_order("SOL_USDC_PERP", "Ask", "Market", quantity="1", reduce_only=True)
        closed = mine.wait(event_type="positionClosed", seconds=10)
    assert closed is not None and closed.filled


def test_a_handshake_that_is_refused(sandbox: Sandbox, bp: Client) -> None:
    opened = bp.stream(TRADES)
    with sandbox.fault("ws_refused"), pytest.raises(StreamError, match="answered with 503"), opened:
        pass


def test_refusals_are_explained(sandbox: Sandbox, bp: Client) -> None:
    with Client(sandbox.url, Key.generate()) as other:
        opened = other.stream(ORDERS)
        with pytest.raises(StreamError, match="it belongs to this account") as caught, opened:
            pass
    assert caught.value.code == 4003
    now = bp._transport._clock
    bp._transport._clock = lambda: now() - 100_000
    with pytest.raises(StreamError, match="clock is 100 s behind"), bp.stream(ORDERS):
        pass


def test_a_market_that_plays(sandbox: Sandbox, bp: Client) -> None:
    with sandbox.play(speed=600), bp.stream("ticker.SOL_USDC", count=5) as opened:
        times = [event.time for event in opened.data]
    assert len(times) == 5 and times == sorted(times)
    assert {each.microsecond // 1000 for each in times} <= {548, 549}
