"""Names of streams, and what the letters of recorded events mean."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from stream_samples import SAMPLES

from bpkit import InputError
from bpkit.frames import FRAMES, stream_contract
from bpkit.serialize import python_name
from bpkit.streams import Event, names

NOW = datetime(2026, 11, 27, tzinfo=UTC)


def event(stream: str, raw: dict[str, Any] | None = None) -> Event:
    return Event("data", stream, SAMPLES[stream] if raw is None else raw, NOW)


@pytest.mark.parametrize(
    ("stream", "parts"),
    [
        ("trade.SOL_USDC", ("trade", "", "SOL_USDC")),
        ("trade.AAPL.US_USDC_PERP", ("trade", "", "AAPL.US_USDC_PERP")),
        ("depth.SOL_USDC", ("depth", "", "SOL_USDC")),
        ("depth.200ms.SOL_USDC", ("depth", "200ms", "SOL_USDC")),
        ("depth.1000ms.MU.US_USDC_PERP", ("depth", "1000ms", "MU.US_USDC_PERP")),
        ("kline.1m.SOL_USDC", ("kline", "1m", "SOL_USDC")),
        ("kline.1month.MU.US_USDC_PERP", ("kline", "1month", "MU.US_USDC_PERP")),
        ("liquidation", ("liquidation", "", "")),
        ("liquidation.SOL_USDC_PERP", ("liquidation", "", "SOL_USDC_PERP")),
        ("account.orderUpdate", ("account.orderUpdate", "", "")),
        ("account.orderUpdate.MU.US_USDC_PERP", ("account.orderUpdate", "", "MU.US_USDC_PERP")),
        ("account.balanceUpdate", ("account.balanceUpdate", "", "")),
    ],
)
def test_a_name_is_read_from_the_left(stream: str, parts: tuple[str, str, str]) -> None:
    assert names.check_names([stream]) == [stream]
    assert names.split(stream) == parts


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        ("trades.SOL_USDC", "is not a stream; did you mean 'trade'?"),
        ("Trade.SOL_USDC", "did you mean 'trade'?"),
        ("candles.1m.SOL_USDC", "did you mean 'kline'?"),
        ("orderbook.SOL_USDC", "did you mean 'depth'?"),
        ("orderUpdate", "did you mean 'account.orderUpdate'?"),
        ("account.orders", "did you mean 'account.orderUpdate'?"),
        ("account", "is not a stream. The types are trade, "),
        ("", "is not a stream"),
        ("trade", "has no symbol; write it as in 'trade.SOL_USDC'"),
        ("trade.", "has no symbol"),
        ("kline.SOL_USDC", "has no interval; write it as in 'kline.1m.SOL_USDC'. There are 1s, "),
        ("kline.7m.SOL_USDC", "has '7m' in place of an interval"),
        ("kline.1m", "has no symbol; write it as in 'kline.1m.SOL_USDC'"),
        ("depth.100ms.SOL_USDC", "has '100ms' in place of a window; write it as in 'depth.200ms."),
        ("trade.SOL/USDC", "has 'SOL/USDC' in place of a symbol"),
        ("trade. SOL_USDC", "in place of a symbol"),
        ("account.orderUpdate.", "has no symbol"),
        ("account.balanceUpdate.SOL", "write 'account.balanceUpdate'"),
    ],
)
def test_a_wrong_name_is_refused_with_the_fix(stream: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        names.check_names(["trade.SOL_USDC", stream])
    assert said in str(caught.value) and repr(stream) in str(caught.value)


def test_what_is_not_a_name_is_refused() -> None:
    with pytest.raises(InputError, match="is not a name"):
        names.check_names([["trade.SOL_USDC"]])
    with pytest.raises(InputError, match="is empty"):
        names.check_names([])
    assert names.check_names(["trade.SOL_USDC"] * 2) == ["trade.SOL_USDC"]


def test_a_stream_of_one_market_belongs_to_that_of_all() -> None:
    one, every = "account.orderUpdate.SOL_USDC", "account.orderUpdate"
    assert names.belongs(one, every) and names.belongs(one, one)
    assert not names.belongs(every, one)
    assert not names.belongs("account.positionUpdate.SOL_USDC", every)
    assert not names.belongs("depth.200ms.SOL_USDC", "depth.SOL_USDC")


# What the exchange's documentation says about the letters, and REST calls it.
MEANINGS: dict[str, dict[str, Any]] = {
    "trade.SOL_USDC": {
        "symbol": "SOL_USDC", "price": Decimal("218.50"), "quantity": Decimal("0.07"),
        "trade_id": 341399899, "is_buyer_maker": True, "buyer_order_id": "113782700596854784",
        "seller_order_id": "113782701997686784",
        "time": datetime(2025, 1, 6, 17, 57, 28, 744398, UTC),
    },
    "bookTicker.SOL_USDC": {
        "bid_price": Decimal("98.96"), "bid_quantity": Decimal("288.77"),
        "ask_price": Decimal("98.97"), "ask_quantity": Decimal("22.39"),
        "last_update_id": 4330360995,
    },
    "depth.SOL_USDC": {
        "asks": [(Decimal("98.97"), Decimal("22.39"))], "bids": [],
        "first_update_id": 4330360995, "last_update_id": 4330360995,
    },
    "kline.1m.SOL_USDC": {
        "start": datetime(2026, 9, 2, 16, 44, tzinfo=UTC),
        "end": datetime(2026, 9, 2, 16, 45, tzinfo=UTC),
        "open": Decimal("98.98"), "volume": Decimal("5.14"), "trades": 1, "is_closed": True,
        "time": datetime(2026, 9, 2, 16, 45, 0, 510451, UTC),  # of its emission
    },
    "ticker.SOL_USDC": {
        "first_price": Decimal("100.87"), "last_price": Decimal("98.98"),
        "high": Decimal("101.19"), "low": Decimal("97.38"), "volume": Decimal("15089.56"),
        "quote_volume": Decimal("1498114.9234"), "trades": 6796,
    },
    "markPrice.SOL_USDC_PERP": {
        "mark_price": Decimal("98.94"), "index_price": Decimal("98.94998504"),
        "funding_rate": Decimal("0.0000125"),
        "next_funding_timestamp": datetime(2026, 9, 2, 17, 0, tzinfo=UTC),
    },
    "account.orderUpdate": {
        "event_type": "orderAccepted", "order_id": "59887375336", "side": "Ask",
        "order_type": "Limit", "status": "New", "price": Decimal("1.0076"),
        "quantity": Decimal(20), "quote_quantity": Decimal("20.1520"), "trade_id": None,
        "executed_quantity": Decimal(0), "executed_quote_quantity": Decimal(0),
        "time_in_force": "GTC", "post_only": True, "reduce_only": False, "client_id": None,
        "self_trade_prevention": "RejectTaker", "origin": "USER", "trigger_price": None,
    },
    "account.orderUpdate.ETH_USDC": {
        "event_type": "orderFill", "status": "Filled", "order_type": "Market", "price": None,
        "fill_price": Decimal("4299.16"), "fill_quantity": Decimal("0.0010"),
        "fee": Decimal("0.000001"), "fee_symbol": "ETH", "is_maker": False, "trade_id": 2888471,
        "executed_quantity": Decimal("0.0010"), "executed_quote_quantity": Decimal("4.299160"),
    },
    "account.orderUpdate.SOL_USDC": {
        "status": "TriggerPending", "trigger_price": Decimal("178.05"), "trigger_quantity": "80%",
    },
    "account.positionUpdate": {
        "event_type": "positionOpened", "net_quantity": Decimal("0.0010"),
        "entry_price": Decimal("4236.36"), "break_even_price": Decimal("4238.479"),
        "mark_price": Decimal("4235.88650933"), "pnl_unrealized": Decimal("-0.000473"),
        "pnl_realized": Decimal(0), "imf": Decimal("0.02"), "mmf": Decimal("0.0125"),
        "net_exposure_quantity": Decimal("0.0010"), "position_id": "5411399049",
        "net_exposure_notional": Decimal("4.23588650933"),
    },
    "account.balanceUpdate": {
        "symbol": "USDT", "available": Decimal(10), "locked": Decimal(20), "staked": Decimal(0),
    },
}  # fmt: skip


@pytest.mark.parametrize("stream", MEANINGS)
def test_the_letters_of_a_recorded_event(stream: str) -> None:
    one = event(stream)
    assert {name: getattr(one, name) for name in MEANINGS[stream]} == MEANINGS[stream]
    assert one.raw is SAMPLES[stream] and one.type == names.split(stream).type


def test_a_name_of_another_stream_is_none_and_an_unknown_one_an_error() -> None:
    one = event("bookTicker.SOL_USDC")
    assert one.price is None and one.order_id is None and one.seconds is None
    with pytest.raises(AttributeError, match="has no 'bid_prize'; did you mean 'bid_price'?"):
        _ = one.bid_prize
    with pytest.raises(AttributeError, match="it has symbol, bid_price, "):
        _ = one.xyz
    assert "bid_price" in dir(one) and "open" not in dir(one)


def test_an_event_can_be_copied() -> None:
    one = event("trade.SOL_USDC")
    for other in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert (other.price, other.time, repr(other)) == (one.price, one.time, repr(one))


def test_a_side_without_orders_is_none() -> None:
    raw = {**SAMPLES["bookTicker.SOL_USDC"], "a": None, "A": None}
    assert event("bookTicker.SOL_USDC", raw).ask_price is None


def test_an_unknown_letter_stays_in_raw() -> None:
    one = event("trade.SOL_USDC", {**SAMPLES["trade.SOL_USDC"], "new": "1"})
    assert one.raw["new"] == "1" and one.price == Decimal("218.5")


@pytest.mark.parametrize("stream", SAMPLES)
def test_an_event_shows_itself_on_one_line(stream: str) -> None:
    shown = repr(event(stream))
    assert len(shown) <= 92 and shown.startswith(f"<{stream} ") and shown.endswith(">")


def test_what_is_shown_of_an_event() -> None:
    assert repr(event("account.orderUpdate")) == (
        "<account.orderUpdate 16:58:10.062 orderAccepted USDT_USDC Ask Limit New price=1.0076 ...>"
    )
    assert repr(event("account.balanceUpdate")) == (
        "<account.balanceUpdate 16:58:10.062 USDT available=10 locked=20 staked=0>"
    )
    assert repr(event("kline.1m.SOL_USDC")) == (
        "<kline.1m.SOL_USDC 16:45:00.510 start=09-02 16:44:00 open=98.98 high=98.98 low=98.98 ...>"
    )
    lost = Event("lost", "", {}, NOW, note="The connection is lost: it was cut.")
    assert repr(lost) == "<lost 00:00:00.000 The connection is lost: it was cut.>"
    assert len(repr(Event("gap", "trade.SOL_USDC", {}, NOW, note="missing " * 20))) <= 92


@pytest.mark.parametrize("kind", names.LETTERS)
def test_the_frame_of_a_stream_has_its_letters(kind: str) -> None:
    columns = {name for name, _ in stream_contract(f"stream:{kind}").columns}
    assert columns == {name for name, _ in names.LETTERS[kind].values()} | {"time", "filled"}


def test_a_column_has_the_dtype_that_it_has_in_other_frames() -> None:
    """All times have one dtype, however they are written."""
    known: dict[str, str] = {}
    kinds = [*names.LETTERS, "problems"]
    for contract in [*FRAMES.values(), *(stream_contract(f"stream:{kind}") for kind in kinds)]:
        for name, convert in contract.columns:
            dtype = "times" if convert.__name__.endswith("times") else convert.__name__
            if name != "id":  # of a trade, or of something else
                assert known.setdefault(name, dtype) == dtype, name


def test_names_of_rest_are_those_of_rest() -> None:
    """Each is a column of an answer, but for those that no answer of REST has."""
    rest = {name for contract in FRAMES.values() for name, _ in contract.columns}
    live = {name for letters in names.LETTERS.values() for name, _ in letters.values()}
    assert live - rest == {
        "askQuantity", "asks", "bidQuantity", "bids", "buyerOrderId", "fillQuantity",
        "firstUpdateId", "isClosed", "lastUpdateId", "sellerOrderId",
    }  # fmt: skip
    assert python_name("bidPrice") == "bid_price"
