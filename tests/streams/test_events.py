"""``bp.stream``: a ``for`` that ends, frames of what came, and waiting for one event."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from stream_samples import ACCEPTED, BALANCE, BOOK_TICKER, FILL, KLINE, SAMPLES, trade
from stream_server import StreamServer, wait_for

from bpkit import Client, InputError, MissingKeyError, StreamError
from bpkit.streams import Events, events

pytest_plugins = ["stream_fixtures"]
TRADES, ORDERS = "trade.SOL_USDC", "account.orderUpdate"


def arrived(opened: Events, count: int) -> None:
    """Wait until so many arrivals can be read."""
    inbox = opened._connection._inbox
    wait_for(lambda: len(inbox._waiting) + len(inbox._taken) >= count)


def test_an_event_that_is_sent_in_the_block_is_on_the_stream(
    server: StreamServer, live: Client
) -> None:
    with live.stream(TRADES, ORDERS) as opened:
        assert server.session.streams == [TRADES, ORDERS]
        server.push(TRADES, trade(1))
        event = next(iter(opened))
    assert (event.kind, event.stream, event.raw) == ("data", TRADES, trade(1))
    assert abs((event.received - datetime.now(UTC)).total_seconds()) < 5


# --- where a ``for`` ends -------------------------------------------------------------------------


def test_a_loop_ends_at_the_count(server: StreamServer, live: Client) -> None:
    with live.stream(TRADES, count=3) as opened:
        for number in range(5):
            server.push(TRADES, trade(number))
        assert [event.trade_id for event in opened] == [0, 1, 2]
        arrived(opened, 2)
    assert len(opened) == len(opened.df) == 3


def test_problems_do_not_count(server: StreamServer, live: Client) -> None:
    with live.stream("liquidation", TRADES, count=2) as opened:
        server.push(TRADES, trade(1))
        arrived(opened, 1)
        server.session.cut()
        wait_for(lambda: len(server.sessions) == 2 and server.session.streams)
        server.rest["/api/v1/trades"] = []
        server.push(TRADES, trade(2))
        assert [event.kind for event in opened] == ["data", "lost", "back", "gap", "data"]
    assert [event.kind for event in opened.problems] == ["lost", "back", "gap"]


def test_a_loop_ends_after_the_seconds(server: StreamServer, live: Client) -> None:
    begun = time.monotonic()
    with live.stream(TRADES, seconds=0.1) as opened:
        server.push(TRADES, trade(1))
        assert [event.trade_id for event in opened] == [1]
    assert time.monotonic() - begun >= 0.1


def test_what_came_in_time_is_read_later_and_the_rest_is_not(
    server: StreamServer, live: Client
) -> None:
    with live.stream(TRADES, seconds=0.1) as opened:
        server.push(TRADES, trade(1))
        server.push(TRADES, trade(2))
        arrived(opened, 2)
        time.sleep(0.11)
        server.push(TRADES, trade(3))
        arrived(opened, 3)
        assert [event.trade_id for event in opened] == [1, 2]
        assert opened.wait(trade_id=3, seconds=1) is not None
    assert [*opened] == [] and len(opened.df) == 3


def test_a_loop_goes_on_where_the_last_one_ended(server: StreamServer, live: Client) -> None:
    with live.stream(TRADES, count=4) as opened:
        for number in range(4):
            server.push(TRADES, trade(number))
        for event in opened:
            if event.trade_id == 1:
                break
        assert next(opened.data).trade_id == 2
    assert [event.trade_id for event in opened] == [3]
    assert [event.trade_id for event in opened[TRADES]] == [0, 1, 2, 3]


def test_a_loop_without_limits_ends_when_the_connection_is_lost_for_good(
    server: StreamServer, live: Client
) -> None:
    with live.stream(TRADES, seconds=None, reconnect=False) as opened:
        server.push(TRADES, trade(1))
        arrived(opened, 1)
        server.session.cut()
        assert [event.kind for event in opened] == ["data", "lost"]
        assert opened.wait(trade_id=5, seconds=30) is None
    assert [event.note for event in opened.problems] == [
        "The connection is lost: the connection was cut. It is not opened again."
    ]


def test_data_leaves_problems_out(server: StreamServer, live: Client) -> None:
    with live.stream(TRADES, seconds=None, reconnect=False) as opened:
        server.push(TRADES, trade(1))
        arrived(opened, 1)
        server.session.cut()
        assert [event.kind for event in opened.data] == ["data"]


# --- wait -----------------------------------------------------------------------------------------


def test_waiting_looks_at_what_has_come_and_then_waits(server: StreamServer, live: Client) -> None:
    with live.stream(ORDERS) as mine:
        server.push(ORDERS, ACCEPTED)
        arrived(mine, 1)
        server.push(ORDERS, {**FILL, "i": "59887375336"})
        first = mine.wait(order_id="59887375336", status="New", seconds=5)
        filled = mine.wait(order_id=59887375336, status="Filled", seconds=5)
        again = mine.wait(price="1.007600", post_only=True, stream=ORDERS, seconds=5)
        assert first is not None and filled is not None and again is first
        assert filled.fill_price == Decimal("4299.16")
        assert mine.wait(order_id="59887375336", status="Cancelled", seconds=0.01) is None
        assert [next(iter(mine)), next(iter(mine))] == [first, filled]  # nothing was consumed


def test_what_to_wait_for_is_checked(server: StreamServer, live: Client) -> None:
    with live.stream(ORDERS) as mine:
        with pytest.raises(InputError, match="did you mean 'order_id'?"):
            mine.wait(orderid="1")
        with pytest.raises(InputError, match='such as status="Filled"'):
            mine.wait(seconds=1)
        for seconds in (None, "3", -1, True, float("nan"), float("inf")):
            with pytest.raises(InputError, match="is not a number of seconds, 0 or more"):
                mine.wait(status="Filled", seconds=seconds)  # type: ignore[arg-type]


# --- frames ---------------------------------------------------------------------------------------


def test_one_stream_as_a_frame(server: StreamServer, live: Client) -> None:
    with live.stream(TRADES, count=2) as opened:
        server.push(TRADES, trade(1))
        server.push(TRADES, trade(2, p="219.5"))
        assert len([*opened]) == 2
    made = opened.df
    assert [*made.columns] == [
        "time", "symbol", "price", "quantity", "isBuyerMaker", "tradeId", "buyerOrderId",
        "sellerOrderId", "filled",
    ]  # fmt: skip
    assert [*made.price] == [218.5, 219.5] and made.price.dtype == "float64"
    assert made.time[0] == pd.Timestamp("2025-01-06 17:57:28.744399", tz="UTC")
    assert str(made.time.dtype) == "datetime64[us, UTC]" and str(made.tradeId.dtype) == "Int64"
    exact = opened[TRADES].to_frame(exact=True)
    assert exact.price[0] == Decimal("218.50") and [*exact.columns] == [*made.columns]
    assert "filled" not in opened[TRADES]._repr_html_()  # shown only if some event was
    pd.testing.assert_frame_equal(opened[TRADES].df, made)


def test_several_streams_as_a_frame(server: StreamServer, live: Client) -> None:
    wanted = [TRADES, "bookTicker.SOL_USDC", "kline.1m.SOL_USDC", "account.balanceUpdate"]
    with live.stream(*wanted, count=4) as opened:
        for stream in wanted:
            server.push(stream, SAMPLES[stream])
        assert [event.stream for event in opened] == wanted
    made = opened.df
    assert [*made.stream] == wanted and [*made.columns][:3] == ["time", "stream", "symbol"]
    assert [*made.symbol] == ["SOL_USDC", "SOL_USDC", "SOL_USDC", "USDT"]
    assert made.price.notna().tolist() == [True, False, False, False]
    assert made.start[2] == pd.Timestamp(KLINE["t"], tz="UTC")
    assert opened["bookTicker.SOL_USDC"].df.bidPrice.tolist() == [98.96]
    assert opened["account.balanceUpdate"].df.locked.tolist() == [20.0]


def test_two_markets_of_a_stream_are_told_apart(server: StreamServer, live: Client) -> None:
    with live.stream("kline.1m.SOL_USDC", "kline.5m.SOL_USDC", count=2) as opened:
        server.push("kline.5m.SOL_USDC", KLINE)
        server.push("kline.1m.SOL_USDC", KLINE)
        assert len([*opened.data]) == 2
    assert [*opened.df.stream] == ["kline.5m.SOL_USDC", "kline.1m.SOL_USDC"]
    assert len(opened["kline.5m.SOL_USDC"]) == 1


@pytest.mark.parametrize("stream", [TRADES, ORDERS, "depth.SOL_USDC", "markPrice.SOL_USDC_PERP"])
def test_a_frame_without_events_has_the_same_columns(
    stream: str, server: StreamServer, live: Client
) -> None:
    with live.stream(stream) as opened:
        empty = opened.df
        server.push(stream, SAMPLES[stream])
        arrived(opened, 1)
        full = opened.df
    assert len(empty) == 0 and len(full) == 1
    assert [*empty.columns] == [*full.columns]
    assert [*map(str, empty.dtypes)] == [*map(str, full.dtypes)]
    assert len(opened.problems.df) == 0
    assert [*opened.problems.df.columns] == ["time", "kind", "stream", "note", "seconds", "count"]


def test_an_order_type_in_a_frame_is_spelt_as_in_rest(server: StreamServer, live: Client) -> None:
    with live.stream(ORDERS, count=1) as mine:
        server.push(ORDERS, ACCEPTED)
        assert [event.order_type for event in mine] == ["Limit"]
    assert mine.df.orderType.tolist() == ["Limit"] and mine.df.orderId.tolist() == ["59887375336"]


def test_a_frame_also_has_what_nobody_has_read(server: StreamServer, live: Client) -> None:
    with live.stream(TRADES) as opened:
        server.push(TRADES, trade(1))
        arrived(opened, 1)
    assert len(opened.df) == 1 and len(opened) == 1


def test_only_the_streams_that_were_asked_for(server: StreamServer, live: Client) -> None:
    with live.stream(TRADES) as opened:
        server.session.say('{"data":{"e":"trade","s":"BTC_USDC"},"stream":"trade.BTC_USDC"}')
        server.push(TRADES, trade(1))
        assert next(iter(opened)).trade_id == 1
        for name in ("trade.BTC_USDC", "nope", 0):
            with pytest.raises(InputError, match="was not asked for; there are trade.SOL_USDC"):
                opened[name]  # type: ignore[index]


def test_one_market_is_a_part_of_all(server: StreamServer, live: Client) -> None:
    """Both would send each event, under two names."""
    one = "account.orderUpdate.USDT_USDC"
    server.rest["/api/v1/markets"] = [
        row | {"symbol": symbol}
        for row, symbol in zip(server.rest["/api/v1/markets"], ["USDT_USDC", "A_B"], strict=False)
    ]
    with live.stream(one, ORDERS, count=2) as mine:
        assert server.session.streams == [ORDERS]
        server.push(ORDERS, ACCEPTED)
        server.push(ORDERS, FILL)
        assert len([*mine]) == 2
    assert [event.raw for event in mine[one]] == [ACCEPTED]


def test_old_events_go_when_there_are_too_many(
    server: StreamServer, live: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "KEPT", 20)
    with live.stream(TRADES) as opened:
        for number in range(30):
            server.push(TRADES, trade(number))
        first = next(iter(opened))
        arrived(opened, 29)
        assert opened.wait(trade_id=29, seconds=5) is not None
        dropped, after = next(iter(opened)), next(iter(opened))
    assert first.trade_id == 0 and len(opened.df) == 20 and len(opened) == 30
    assert (dropped.kind, dropped.count, after.trade_id) == ("dropped", 9, 10)
    assert "problem" not in repr(opened)


def test_what_is_shown_of_the_whole(server: StreamServer, live: Client) -> None:
    new = live.stream(TRADES, ORDERS)
    assert repr(new) == "<trade.SOL_USDC, account.orderUpdate: 0 events, new>"
    with live.stream(TRADES, seconds=None, reconnect=False) as opened:
        server.push(TRADES, trade(1))
        server.session.cut()
        assert len([*opened]) <= 2
        assert repr(opened).endswith("1 problem, open>") and bool(opened)


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("streams", "options", "said"),
    [
        (["trades.SOL_USDC"], {}, "did you mean 'trade'?"),
        ([], {}, "is empty"),
        ([TRADES], {"seconds": 0}, "seconds=0: is not a number above 0; None is without an end"),
        ([TRADES], {"seconds": "5"}, "is not a number above 0"),
        ([TRADES], {"seconds": True}, "is not a number above 0"),
        ([TRADES], {"seconds": float("nan")}, "is not a number above 0"),
        ([TRADES], {"count": 0}, "count=0: is not a whole number above 0"),
        ([TRADES], {"count": 1.5}, "is not a whole number above 0"),
        ([TRADES], {"reconnect": 1}, "reconnect=1: is not True or False"),
    ],
)
def test_bad_input_is_refused_before_anything_is_sent(
    streams: list[Any], options: dict[str, Any], said: str, server: StreamServer, live: Client
) -> None:
    with pytest.raises(InputError) as caught:
        live.stream(*streams, **options)
    assert said in str(caught.value)
    assert server.asked == [] and server.sessions == []


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        ("trade.SOL_USD", "has 'SOL_USD', which is not a market; did you mean 'SOL_USDC'?"),
        ("trade.sol_usdc", "did you mean 'SOL_USDC'?"),
        ("trade.SOLUSDC", "has 'SOLUSDC', which is not a market; did you mean 'SOL_USDC'?"),
        ("account.orderUpdate.XYZ", "has 'XYZ', which is not a market; bp.get_markets() lists"),
        ("markPrice.SOL_USDC", "would stay silent: SOL_USDC is a spot market"),
        ("openInterest.SOL_USDC", "name one as SOL_USDC_PERP"),
        ("account.positionUpdate.SOL_USDC", "would stay silent: SOL_USDC is a spot market"),
        ("trade.OLD_USDC", "would stay silent: the market OLD_USDC is closed (orderBookState)"),
    ],
)
def test_a_market_that_would_be_silent_is_refused(
    stream: str, said: str, server: StreamServer, live: Client
) -> None:
    with pytest.raises(InputError) as caught, live.stream(TRADES, stream):
        pass
    assert said in str(caught.value) and "fresh" not in str(caught.value)
    assert server.sessions == []


def test_the_markets_are_asked_for_once(server: StreamServer, live: Client) -> None:
    for _ in range(2):
        with live.stream(TRADES, "account.orderUpdate.OLD_USDC", "stockPrice.TSLA", ORDERS):
            pass
    assert server.asked == ["/api/v1/markets"]


def test_account_streams_need_a_key(server: StreamServer) -> None:
    with Client(server.url) as public, pytest.raises(MissingKeyError), public.stream(ORDERS):
        pass


def test_nothing_comes_outside_the_block(server: StreamServer, live: Client) -> None:
    opened = live.stream(TRADES)
    with pytest.raises(StreamError, match="write: with bp.stream"):
        next(iter(opened))
    with pytest.raises(StreamError, match="write: with bp.stream"):
        _ = opened.df
    with opened:
        with pytest.raises(StreamError, match="is open already; call bp.stream again"), opened:
            pass
        assert opened.wait(trade_id=1, seconds=0) is None
    with pytest.raises(StreamError, match="has ended; call bp.stream again"), opened:
        pass


def test_a_refused_stream_raises_where_the_block_begins(server: StreamServer, live: Client) -> None:
    with (
        pytest.raises(StreamError, match="4006 Invalid stream"),
        live.stream("openInterest.SOL_USDC_PERP"),
    ):
        pass


# --- a reader that is too slow --------------------------------------------------------------------


def test_dropped_events_are_an_event(server: StreamServer, live: Client) -> None:
    with live.stream(TRADES, "bookTicker.SOL_USDC") as opened:
        opened._connection._inbox._most = 10
        for number in range(12):
            server.push(TRADES, trade(number))
        server.push("bookTicker.SOL_USDC", BOOK_TICKER)
        waiting = opened._connection._inbox
        wait_for(lambda: waiting._waiting and waiting._waiting[-1].stream != TRADES)
        first = next(iter(opened))
    assert (first.kind, first.stream) == ("dropped", TRADES)
    assert first.count == 3 and first.note == "3 events were dropped, because nobody read them."
    assert [event.trade_id for event in opened[TRADES]] == [*range(3, 12)]
    assert [event.kind for event in opened.problems] == ["dropped"]  # no gap besides


def test_the_word_of_another_library_leads_here(live: Client) -> None:
    with pytest.raises(AttributeError, match="did you mean 'stream'?"):
        live.subscribe  # type: ignore[attr-defined]  # noqa: B018


def test_the_balance_of_an_asset_has_its_name(server: StreamServer, live: Client) -> None:
    with live.stream("account.balanceUpdate") as mine:
        server.push("account.balanceUpdate", BALANCE)
        found = mine.wait(symbol="USDT", available="10.0", seconds=5)
    assert found is not None and found.staked == 0
