"""The data of stream events, compared with recorded frames, character by character.

The samples are recorded traffic (2025-08 to 2026-09), or the official specification where none was
recorded. In all of them the sandbox's ``E`` is ``T`` + 1,000, which no exchange promises.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from bpkit.sandbox.core import stream_frames as frames
from bpkit.sandbox.core.ledger import Balances
from bpkit.sandbox.core.orders import EngineAccount, EngineOrder, OrderFill, OrderRequest
from bpkit.sandbox.core.positions import EnginePosition
from bpkit.sandbox.simulation.market import Market, load
from bpkit.sandbox.simulation.price_feed import Candle
from bpkit.sandbox.simulation.synthetic import Trade

MARKETS = {market.symbol: market for market in load()}
SOL, PERP = MARKETS["SOL_USDC"], MARKETS["SOL_USDC_PERP"]
T = 1788367430246081
MINUTE = 60_000_000


def text(data: dict[str, Any]) -> str:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False)


def request(symbol: str, side: Any, **fields: Any) -> OrderRequest:
    plain: dict[str, Any] = {
        "price": None, "quantity": None, "quote_quantity": None, "time_in_force": "GTC",
        "post_only": False, "prevention": "RejectTaker", "client_id": None,
    }  # fmt: skip
    kind = "Limit" if "price" in fields else "Market"
    return OrderRequest(MARKETS[symbol], side, kind, **plain | fields)


def order(asked: OrderRequest, id: str = "7", **fields: Any) -> EngineOrder:
    return EngineOrder(id, EngineAccount("ann", Balances({})), asked, T, **fields)


def test_book_ticker() -> None:
    data = frames.book_ticker(SOL, (9896, 28877), (9897, 2239), 4330360995, T)
    assert text(data) == (
        '{"A":"22.39","B":"288.77","E":1788367430247081,"T":1788367430246081,"a":"98.97",'
        '"b":"98.96","e":"bookTicker","s":"SOL_USDC","u":4330360995}'
    )


def test_an_empty_side_of_the_book_ticker_is_null() -> None:
    bid_only = frames.book_ticker(SOL, (9896, 28877), None, 1, T)
    assert (bid_only["a"], bid_only["A"], bid_only["b"]) == (None, None, "98.96")
    ask_only = frames.book_ticker(SOL, None, (9897, 2239), 1, T)
    assert (ask_only["b"], ask_only["B"], ask_only["a"]) == (None, None, "98.97")


def test_depth() -> None:
    data = frames.depth(SOL, 4330360995, 4330360995, [], [(9897, 2239)], T)
    assert text(data) == (
        '{"E":1788367430247081,"T":1788367430246081,"U":4330360995,"a":[["98.97","22.39"]],'
        '"b":[],"e":"depth","s":"SOL_USDC","u":4330360995}'
    )


@pytest.mark.parametrize(
    ("symbol", "level", "shown"),
    [
        ("SOL_USDC", (9897, 0), ["98.97", "0.00"]),
        ("BTC_USDC", (866559, 0), ["86655.9", "0.00000"]),
        ("ETH_USDC", (275533, 0), ["2755.33", "0.0000"]),
        ("BTC_USDC", (867000, 100), ["86700.0", "0.00100"]),
        ("BONK_USDC", (12360, 3), ["0.000012360", "30000"]),
        ("USDT_USDC", (10000, 3), ["1.0000", "3"]),
    ],
)
def test_the_book_is_padded(symbol: str, level: tuple[int, int], shown: list[str]) -> None:
    data = frames.depth(MARKETS[symbol], 1, 2, [level], [], T)
    assert data["b"] == [shown]
    assert (data["U"], data["u"]) == (1, 2)


def test_trade() -> None:
    time_us = 1736186248744398
    sale = Trade(341399899, time_us, 21850, 7, True)
    data = frames.trade(SOL, sale, "113782700596854784", "113782701997686784", time_us)
    assert text(data) == (
        '{"E":1736186248745398,"T":1736186248744398,"a":"113782701997686784",'
        '"b":"113782700596854784","e":"trade","m":true,"p":"218.50","q":"0.07","s":"SOL_USDC",'
        '"t":341399899}'
    )


def test_kline() -> None:
    end = 1788367500000000
    candle = Candle(end - MINUTE, end, 9898, 9898, 9898, 9898, 514, 514 * 9898, 1)
    data = frames.kline(SOL, candle, True, 1788367500509451)
    assert text(data) == (
        '{"E":1788367500510451,"e":"kline","s":"SOL_USDC","T":"2026-09-02T16:45:00","X":true,'
        '"c":"98.98","h":"98.98","l":"98.98","n":1,"o":"98.98","t":"2026-09-02T16:44:00",'
        '"v":"5.14"}'
    )


def test_a_candle_without_trades_has_no_prices() -> None:
    end = 1788367500000000
    empty = Candle(end - MINUTE, end, None, None, None, None, 0, 0, 0)
    data = frames.kline(SOL, empty, False, end)
    assert [data[letter] for letter in "ohlcvnX"] == [None, None, None, None, "0", 0, False]


def test_ticker() -> None:
    day = Candle(0, 0, 10087, 10119, 9738, 9898, 1508956, 14981149234, 6796)
    assert text(frames.ticker(SOL, day, 1788367430548233)) == (
        '{"E":1788367430549233,"V":"1498114.9234","c":"98.98","e":"ticker","h":"101.19",'
        '"l":"97.38","n":6796,"o":"100.87","s":"SOL_USDC","v":"15089.56"}'
    )


def test_a_ticker_is_not_padded() -> None:
    day = Candle(0, 0, 866250, 866250, 866250, 866250, 10, 0, 1)
    data = frames.ticker(MARKETS["BTC_USDC"], day, T)
    assert (data["c"], data["v"], data["V"]) == ("86625", "0.0001", "0")


def test_mark_price() -> None:
    mark, index, rate = Decimal("98.94"), Decimal("98.94998504"), Decimal("0.0000125")
    data = frames.mark_price(PERP, mark, index, rate, 1788368400000000, 1788367430000000)
    assert text(data) == (
        '{"E":1788367430001000,"T":1788367430000000,"e":"markPrice","f":"0.0000125",'
        '"i":"98.94998504","n":1788368400000,"p":"98.94","s":"SOL_USDC_PERP"}'
    )


def test_open_interest() -> None:
    data = frames.open_interest(PERP, 20652960, 1788367430000000)
    assert text(data) == (
        '{"E":1788367430001000,"e":"openInterest","o":"206529.6","s":"SOL_USDC_PERP"}'
    )


def test_liquidation() -> None:
    data = frames.liquidation(PERP, "Ask", 9890, 250, T)
    assert text(data) == (
        '{"E":1788367430247081,"S":"Ask","T":1788367430246081,"e":"liquidation","p":"98.90",'
        '"q":"2.50","s":"SOL_USDC_PERP"}'
    )


# --- orders ---------------------------------------------------------------------------------------


def test_a_limit_order_is_accepted() -> None:
    asked = request("USDT_USDC", "Ask", price=10076, quantity=20, post_only=True)
    data = frames.order(order(asked, "59887375336"), "orderAccepted", 1788368290062979)
    assert text(data) == (
        '{"E":1788368290063979,"O":"USER","Q":"20.1520","S":"Ask","T":1788368290062979,'
        '"V":"RejectTaker","X":"New","Z":"0","e":"orderAccepted","f":"GTC","i":"59887375336",'
        '"o":"LIMIT","p":"1.0076","q":"20","r":false,"s":"USDT_USDC","t":null,"y":true,"z":"0"}'
    )


def test_a_market_order_is_filled() -> None:
    placed = order(request("ETH_USDC", "Bid", quantity=10), "5406825793", planned=4299160)
    accepted = frames.order(placed, "orderAccepted", T)
    assert (accepted["Q"], accepted["z"], accepted["Z"]) == ("4.30", "0", "0")
    placed.executed, placed.executed_quote, placed.status = 10, 4299160, "Filled"
    got = OrderFill(placed, 2888471, T, 429916, 10, Decimal("0.0000010"), "ETH", False)
    assert text(frames.order(placed, "orderFill", T, got)) == (
        '{"E":1788367430247081,"L":"4299.16","N":"ETH","O":"USER","Q":"4.30","S":"Bid",'
        '"T":1788367430246081,"V":"RejectTaker","X":"Filled","Z":"4.299160","e":"orderFill",'
        '"f":"GTC","i":"5406825793","l":"0.0010","m":false,"n":"0.000001","o":"MARKET",'
        '"q":"0.0010","r":false,"s":"ETH_USDC","t":2888471,"z":"0.0010"}'
    )


def test_a_conditional_order_is_placed() -> None:
    conditions = {"triggerPrice": "178.05", "triggerQuantity": "20.03"}
    asked = request("SOL_USDC", "Ask", price=17815, quantity=0, conditions=conditions)
    waits = order(asked, "114575813313101824", status="TriggerPending")
    data = frames.order(waits, "triggerPlaced", 1748288167009366)
    assert text(data) == (
        '{"E":1748288167010366,"O":"USER","P":"178.05","Q":"0","S":"Ask","V":"RejectTaker",'
        '"X":"TriggerPending","Y":"20.03","Z":"0","e":"triggerPlaced","f":"GTC",'
        '"i":"114575813313101824","o":"LIMIT","p":"178.15","q":"0","r":false,"s":"SOL_USDC",'
        '"t":null,"z":"0"}'
    )


def test_the_letters_of_conditions() -> None:
    conditions = {
        "takeProfitTriggerPrice": "180", "takeProfitLimitPrice": "179.9",
        "takeProfitTriggerBy": "MarkPrice", "stopLossTriggerPrice": "160.5",
        "stopLossLimitPrice": "160", "stopLossTriggerBy": "LastPrice",
        "triggerPrice": "170", "triggerBy": "IndexPrice", "triggerQuantity": "80%",
    }  # fmt: skip
    asked = request("SOL_USDC_PERP", "Bid", quantity=0, conditions=conditions, reduce_only=True)
    data = frames.order(order(asked, related="6"), "triggerPlaced", T)
    assert {letter: data[letter] for letter in "abjkdgPBYIr"} == {
        "a": "180.00", "b": "160.50", "j": "179.90", "k": "160.00", "d": "MarkPrice",
        "g": "LastPrice", "P": "170.00", "B": "IndexPrice", "Y": "80%", "I": "6", "r": True,
    }  # fmt: skip
    assert list(data) == sorted(data)


def test_an_expired_order_has_a_reason() -> None:
    asked = request("SOL_USDC", "Bid", price=10000, quantity=100, client_id=0)
    expired = order(asked, status="Expired", expiry="ImmediateOrCancel")
    data = frames.order(expired, "orderExpired", T)
    assert (data["X"], data["R"], data["c"]) == ("Expired", "IMMEDIATE_OR_CANCEL", 0)


@pytest.mark.parametrize(
    ("expiry", "shown"),
    [
        (None, None),
        ("PriceOutOfBounds", "PRICE_BAND"),  # documented
        ("FillOrKill", "FILL_OR_KILL"),
        ("Liquidation", "LIQUIDATION"),
        ("SelfTradePrevention", "SELF_TRADE_PREVENTION"),
    ],
)
def test_reasons_are_upper_snake(expiry: str | None, shown: str | None) -> None:
    assert frames.reason(expiry) == shown


@pytest.mark.parametrize(
    ("sent", "shown"), [("100", "100.00"), ("100.5", "100.50"), ("100.1234", "100.1234")]
)
def test_a_market_order_by_quote_quantity(sent: str, shown: str) -> None:
    """It has no quantity; its quote quantity has at least the decimals of the tick."""
    data = frames.order(
        order(request("SOL_USDC", "Bid", quote_quantity=Decimal(sent))), "orderAccepted", T
    )
    assert data["Q"] == shown
    assert "q" not in data and "p" not in data and "y" not in data


@pytest.mark.parametrize(
    ("system", "origin"),
    [
        (None, "USER"),
        ("LiquidatePositionOnBook", "LIQUIDATION_AUTOCLOSE"),
        ("CollateralConversion", "COLLATERAL_CONVERSION"),
    ],
)
def test_the_origin_of_an_order(system: str | None, origin: str) -> None:
    asked = request("SOL_USDC", "Ask", quantity=1, system=system)
    assert frames.order(order(asked), "orderAccepted", T)["O"] == origin


# --- positions and balances -----------------------------------------------------------------------


def eth() -> EnginePosition:
    """The recorded position: 0.0010 ETH bought at 4236.36. The margin rules were those of 2025."""
    rules = {
        "imfFunction": {"type": "sqrt", "base": "0.02", "factor": "0.0000935"},
        "mmfFunction": {"type": "sqrt", "base": "0.0125", "factor": "0.0000561"},
    }
    market = Market(MARKETS["ETH_USDC_PERP"].raw | rules)
    position = EnginePosition("5411399049", market, T, Decimal(10))
    position.trade(10, 423636)
    position.fees = Decimal("0.002119")
    return position


def test_a_position_is_opened() -> None:
    time_us = 1754943862040487
    data = frames.position(eth(), Decimal("4235.88650933"), 10, time_us, "positionOpened")
    assert text(data) == (
        '{"B":"4236.36","E":1754943862041487,"M":"4235.88650933","P":"-0.000473","Q":"0.0010",'
        '"T":1754943862040487,"b":"4238.479","e":"positionOpened","f":"0.02","i":5411399049,'
        '"l":"0","m":"0.0125","n":"4.23588650933","p":"0","q":"0.0010","s":"ETH_USDC_PERP"}'
    )


def test_the_state_of_a_position_has_no_event() -> None:
    opened = frames.position(eth(), Decimal(4000), 10, T, "positionOpened")
    state = frames.position(eth(), Decimal(4000), 10, T)
    assert state == {letter: value for letter, value in opened.items() if letter != "e"}


def test_a_position_is_closed() -> None:
    position = eth()
    position.trade(-10, 424636)
    position.settle()
    position.closed_us, position.mark = T, Decimal("4246.36")
    data = frames.position(position, Decimal(4000), 99, T, "positionClosed")
    assert {letter: data[letter] for letter in "BMPQbnpq"} == {
        "B": "4236.36", "M": "4246.36", "P": "0", "Q": "0.0000", "b": "0", "n": "0", "p": "0.01",
        "q": "0.0000",
    }  # fmt: skip


def test_a_short_position_is_below_zero() -> None:
    position = EnginePosition("5", PERP, T, Decimal(10))
    position.trade(-250, 10000)
    data = frames.position(position, Decimal(101), 250, T, "positionOpened")
    assert (data["q"], data["Q"], data["P"], data["n"]) == ("-2.50", "2.50", "-2.5", "252.5")


def test_balance() -> None:
    balances = Balances({"USDT": Decimal(30)})
    balances.lock("USDT", Decimal("20.0"))
    assert text(frames.balance(balances, "USDT", 1788368290062981)) == (
        '{"A":"10","E":1788368290063981,"L":"20","S":"0","T":1788368290062981,"a":"USDT",'
        '"e":"balanceUpdate"}'
    )
