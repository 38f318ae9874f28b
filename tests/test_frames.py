"""The contract of every frame, and the recorded answers as frames.

The samples are answers recorded from the exchange, or its specification's fields where none was.
"""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bpkit import frames
from bpkit.frames import FRAMES, frame
from bpkit.operations import OPERATIONS

DTYPES = {
    "t": "str", "n": "float64", "i": "Int64", "b": "boolean", "u": "datetime64[us, UTC]",
    "o": "object",
}  # fmt: skip
ORDER_HEAD = """
    id:t clientId:i createdAt:u symbol:t side:t orderType:t status:t price:n quantity:n
    quoteQuantity:n executedQuantity:n executedQuoteQuantity:n timeInForce:t postOnly:b
    selfTradePrevention:t """
ORDER_TAIL = """
    triggerPrice:n triggerQuantity:t triggerBy:t takeProfitTriggerPrice:n takeProfitLimitPrice:n
    takeProfitTriggerBy:t stopLossTriggerPrice:n stopLossLimitPrice:n stopLossTriggerBy:t
    strategyId:t slippageTolerance:n slippageToleranceType:t """
ORDER_CONTRACT = ORDER_HEAD + "reduceOnly:b relatedOrderId:t triggeredAt:u" + ORDER_TAIL
TICKER_CONTRACT = """symbol:t | firstPrice:n lastPrice:n priceChange:n priceChangePercent:n
    high:n low:n volume:n quoteVolume:n trades:i"""
MARKET_CONTRACT = """symbol:t | baseSymbol:t quoteSymbol:t marketType:t orderBookState:t
    tickSize:n stepSize:n minPrice:n maxPrice:n minQuantity:n maxQuantity:n maxMultiplier:n
    minMultiplier:n maxImpactMultiplier:n minImpactMultiplier:n meanMarkPriceBand:o
    meanPremiumBand:o borrowEntryFeeMaxMultiplier:n borrowEntryFeeMinMultiplier:n
    maxPriceUpdateMultiplier:n minPriceUpdateMultiplier:n imfFunction:o mmfFunction:o
    fundingInterval:i fundingRateUpperBound:n fundingRateLowerBound:n openInterestLimit:n
    positionLimitWeight:n createdAt:u visible:b"""
# What stands before the bar is the index.
CONTRACTS = {
    "status": "status:t message:t",
    "text": "text:t",
    "time": "time:u",
    "operations": "name:t | section:t method:t path:t instruction:t mutates:b",
    "assets": """symbol:t assetName:t blockchain:t displayName:t contractAddress:t depositEnabled:b
        minimumDeposit:n withdrawEnabled:b minimumWithdrawal:n maximumWithdrawal:n withdrawalFee:n
        nativeDecimals:i coingeckoId:t""",
    "markets": MARKET_CONTRACT,
    "market": MARKET_CONTRACT,
    "ticker": TICKER_CONTRACT,
    "tickers": TICKER_CONTRACT,
    "depth": "side:t price:n quantity:n",
    "klines": "start:u | open:n high:n low:n close:n volume:n quoteVolume:n trades:i end:u",
    "trades": "id:i timestamp:u price:n quantity:n quoteQuantity:n isBuyerMaker:b",
    "open_interest": "symbol:t | openInterest:n timestamp:u",
    "mark_prices": "symbol:t | markPrice:n indexPrice:n fundingRate:n nextFundingTimestamp:u",
    "funding_rates": "intervalEndTimestamp:u symbol:t fundingRate:n",
    "account": """leverageLimit:n spotMakerFee:n spotTakerFee:n futuresMakerFee:n futuresTakerFee:n
        limitOrders:i triggerOrders:i borrowLimit:n positionLimit:n autoLend:b
        autoBorrowSettlements:b autoRepayBorrows:b autoRealizePnl:b liquidating:b""",
    "balances": "symbol:t | available:n locked:n staked:n",
    "deposit_address": "address:t",
    "order": ORDER_CONTRACT,
    "orders": ORDER_CONTRACT,
    "batch": "operation:t code:t message:t" + ORDER_CONTRACT,
    "order_history": ORDER_HEAD + "expiryReason:t systemOrderType:t" + ORDER_TAIL,
    "fills": """timestamp:u symbol:t side:t price:n quantity:n fee:n feeSymbol:t isMaker:b orderId:t
        clientId:t tradeId:i systemOrderType:t""",
}

LIMIT = {
    "clientId": None, "createdAt": 1788285244094, "executedQuantity": "0",
    "executedQuoteQuantity": "0", "id": "59669287267", "orderType": "Limit", "postOnly": True,
    "price": "1.0077", "quantity": "20", "reduceOnly": None, "relatedOrderId": None,
    "selfTradePrevention": "RejectTaker", "side": "Ask", "status": "New",
    "stopLossLimitPrice": None, "stopLossTriggerBy": None, "stopLossTriggerPrice": None,
    "strategyId": None, "symbol": "USDT_USDC", "takeProfitLimitPrice": None,
    "takeProfitTriggerBy": None, "takeProfitTriggerPrice": None, "timeInForce": "GTC",
    "triggerBy": None, "triggerPrice": None, "triggerQuantity": None, "triggeredAt": None,
}  # fmt: skip
MARKET_ORDER = {
    "clientId": None, "createdAt": 1753624283415, "executedQuantity": "0.001",
    "executedQuoteQuantity": "3.81428", "id": "4227701917", "orderType": "Market",
    "quantity": "0.001", "quoteQuantity": "3.82", "reduceOnly": None, "relatedOrderId": None,
    "selfTradePrevention": "RejectTaker", "side": "Bid", "status": "Filled",
}  # fmt: skip
HISTORY = {
    "id": "59669287267", "createdAt": "2026-09-01T17:54:04.094", "executedQuantity": "0",
    "executedQuoteQuantity": "0", "expiryReason": None, "orderType": "Limit", "postOnly": True,
    "price": "1.0077", "quantity": "20", "quoteQuantity": "20.154",
    "selfTradePrevention": "RejectTaker", "status": "Cancelled", "side": "Ask",
    "symbol": "USDT_USDC", "timeInForce": "GTC", "triggerQuantity": None, "clientId": None,
    "systemOrderType": None, "strategyId": None, "slippageTolerance": None,
    "slippageToleranceType": None,
}  # fmt: skip
TICKER = {
    "firstPrice": "78919.6", "high": "79248", "lastPrice": "77353.4", "low": "77304.7",
    "priceChange": "-1566.2", "priceChangePercent": "-0.019846", "quoteVolume": "79439561.978402",
    "symbol": "BTC_USDC_PERP", "trades": "14184", "volume": "1014.24492",
}  # fmt: skip
SOL = {
    "baseSymbol": "SOL", "createdAt": "2025-01-21T06:34:54.691858",
    "filters": {
        "price": {
            "borrowEntryFeeMaxMultiplier": "1.01", "borrowEntryFeeMinMultiplier": "0.99",
            "discoveryBoundBand": None, "maxImpactMultiplier": "1.01", "maxMultiplier": "2",
            "maxPrice": None, "maxPriceUpdateMultiplier": "1.0025",
            "meanMarkPriceBand": {"maxMultiplier": "1.03", "minMultiplier": "0.97"},
            "meanPremiumBand": None, "minImpactMultiplier": "0.99", "minMultiplier": "0.25",
            "minPrice": "0.01", "minPriceUpdateMultiplier": "0.9975", "tickSize": "0.01",
        },
        "quantity": {"maxQuantity": None, "minQuantity": "0.02", "stepSize": "0.03"},
    },
    "fundingInterval": None, "fundingRateLowerBound": None, "fundingRateUpperBound": None,
    "imfFunction": None, "marketType": "SPOT", "mmfFunction": None, "openInterestLimit": "0",
    "orderBookState": "Open", "positionLimitWeight": None, "quoteSymbol": "USDC",
    "rwaMarketType": None, "symbol": "SOL_USDC", "visible": True,
}  # fmt: skip
KLINE = {
    "close": "99.95", "end": "2026-09-02 06:57:00", "high": "99.95", "low": "99.88",
    "open": "99.88", "quoteVolume": "2790.2136", "start": "2026-09-02 06:56:00", "trades": "8",
    "volume": "27.93",
}  # fmt: skip
FILL = {
    "clientId": None, "fee": "0.004974", "feeSymbol": "USDC", "isMaker": False,
    "orderId": "4238907375", "price": "3826.15", "quantity": "0.0026", "side": "Bid",
    "symbol": "ETH_USDC_PERP", "systemOrderType": None, "timestamp": "2025-07-27T17:39:00.092",
    "tradeId": 9748827,
}  # fmt: skip
TRADE = {
    "id": 8721563, "isBuyerMaker": False, "price": "117427.6", "quantity": "0.00016",
    "quoteQuantity": "18.788416", "timestamp": 1753123916819,
}  # fmt: skip
DEPTH = {
    "asks": [["20.9", "522.15"], ["20.99", "311.25"]],
    "bids": [["20.12", "255.75"], ["20.5", "3.5"]],
    "lastUpdateId": "6730019258", "timestamp": 1785948116439400,
}  # fmt: skip
TOKEN = {
    "blockchain": "Solana", "contractAddress": "EPj", "depositEnabled": True,
    "displayName": "Solana", "maximumWithdrawal": None, "minimumDeposit": "0.5",
    "minimumWithdrawal": "2", "nativeDecimals": 6, "withdrawEnabled": False, "withdrawalFee": "1",
}  # fmt: skip
ASSET = {"symbol": "USDC", "displayName": "USD Coin", "coingeckoId": "usd-coin", "tokens": [TOKEN]}
ACCOUNT = {
    "autoBorrowSettlements": True, "autoLend": False, "autoRealizePnl": True,
    "autoRepayBorrows": True, "borrowLimit": "100", "futuresMakerFee": "2", "futuresTakerFee": "5",
    "leverageLimit": "50", "limitOrders": 3, "liquidating": False, "positionLimit": "1000",
    "spotMakerFee": "8", "spotTakerFee": "10", "triggerOrders": 0,
}  # fmt: skip
OPEN_INTEREST = {"openInterest": "206529.68", "symbol": "SOL_USDC_PERP", "timestamp": 1788285149338}
MARK = {
    "fundingRate": "0.0000125", "indexPrice": "77340.4624319", "markPrice": "77346.3",
    "nextFundingTimestamp": 1788285600000, "symbol": "BTC_USDC_PERP",
}  # fmt: skip
FUNDING = {
    "fundingRate": "0.0000125", "intervalEndTimestamp": "2025-09-11T12:00:00",
    "symbol": "ETH_USDC_PERP",
}  # fmt: skip
OPERATION = {
    "name": "get_balances", "section": "Capital", "method": "GET", "path": "/api/v1/capital",
    "instruction": "balanceQuery", "mutates": False,
}  # fmt: skip

# kind -> (an answer with one row, an answer with none)
ANSWERS: dict[str, tuple[Any, Any]] = {
    "status": ({"message": None, "status": "Ok"}, {}),
    "operations": ([OPERATION], []),
    "assets": ([ASSET], []),
    "markets": ([SOL], []),
    "market": (SOL, {}),
    "ticker": (TICKER, {}),
    "tickers": ([TICKER], []),
    "depth": ({**DEPTH, "bids": [], "asks": DEPTH["asks"][:1]}, {"asks": [], "bids": []}),
    "klines": ([KLINE], []),
    "trades": ([TRADE], []),
    "open_interest": ([OPEN_INTEREST], []),
    "mark_prices": ([MARK], []),
    "funding_rates": ([FUNDING], []),
    "account": (ACCOUNT, {}),
    "balances": ({"USDT": {"available": "30", "locked": "0", "staked": "0"}}, {}),
    "deposit_address": ({"address": "8mVX"}, {}),
    "order": (LIMIT, {}),
    "orders": ([LIMIT], []),
    "batch": ([{"operation": "Ok", **LIMIT}], []),
    "order_history": ([HISTORY], []),
    "fills": ([FILL], []),
}


NULLS = {
    kind: [dict.fromkeys(one[0])] if isinstance(one, list) else dict.fromkeys(one)
    for kind, (one, _) in ANSWERS.items()
} | {"depth": {"asks": [[None, None]], "bids": None}, "balances": {"USDT": None}}


def promised(kind: str) -> tuple[str | None, str, dict[str, str]]:
    """(name of the index, its dtype, column -> dtype) by the table above."""
    index, bar, columns = CONTRACTS[kind].rpartition("|")
    named = dict(word.split(":") for word in columns.split())
    name, letter = index.strip().split(":") if bar else (None, "")
    return name, DTYPES.get(letter, "int64"), {one: DTYPES[sort] for one, sort in named.items()}


def keeps(made: pd.DataFrame, kind: str) -> None:
    """Columns in order, dtypes, and index; columns that no contract knows come after."""
    index, index_dtype, columns = promised(kind)
    assert list(made.columns)[: len(columns)] == list(columns)
    assert {name: str(made[name].dtype) for name in columns} == columns
    assert (made.index.name, str(made.index.dtype)) == (index, index_dtype)
    assert set(map(str, made.dtypes[len(columns) :])) <= {"object"}


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


# --- contracts ------------------------------------------------------------------------------------


def test_every_kind_is_tested_and_used() -> None:
    assert set(FRAMES) == set(CONTRACTS) == set(ANSWERS) | {"text", "time"}
    assert {one.answer for one in OPERATIONS.values()} == set(FRAMES) - {"operations"}


@pytest.mark.parametrize("kind", ANSWERS)
def test_no_rows(kind: str) -> None:
    made = frame(kind, ANSWERS[kind][1])
    keeps(made, kind)
    assert len(made) == 0
    assert list(made.columns) == list(promised(kind)[2])


@pytest.mark.parametrize("kind", ANSWERS)
def test_an_answer_without_a_body_has_no_rows(kind: str) -> None:
    made = frame(kind, {})
    keeps(made, kind)
    assert len(made) == 0


@pytest.mark.parametrize("kind", ANSWERS)
def test_one_row(kind: str) -> None:
    made = frame(kind, ANSWERS[kind][0])
    keeps(made, kind)
    assert len(made) == 1


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_row_of_nulls(kind: str) -> None:
    made = frame(kind, NULLS[kind])
    keeps(made, kind)
    assert len(made) == 1
    assert made.drop(columns="side" if kind == "depth" else []).isna().all(axis=None)


@pytest.mark.parametrize("kind", [kind for kind, (_, none) in ANSWERS.items() if none == []])
def test_values_and_nulls_in_one_column(kind: str) -> None:
    one, null = ANSWERS[kind][0], NULLS[kind]
    made = frame(kind, [*one, *null, *one])
    keeps(made, kind)
    assert made.iloc[1].isna().all()
    pd.testing.assert_frame_equal(made.iloc[[0]], frame(kind, one))


def test_text_and_time() -> None:
    for value in ("pong", None):
        keeps(frame("text", value), "text")
    assert frame("text", "pong").loc[0, "text"] == "pong"
    for moment in (1788285151083, None):
        keeps(frame("time", moment), "time")
    assert frame("time", 1788285151083).loc[0, "time"] == utc("2026-09-01T17:52:31.083")


def test_missing_fields_are_filled() -> None:
    made = frame("klines", [{"start": "2026-09-02 06:56:00"}])
    keeps(made, "klines")
    assert made.iloc[0].isna().all()
    keeps(frame("assets", [{"symbol": "SOL"}]), "assets")
    keeps(frame("markets", [{"symbol": "SOL_USDC"}]), "markets")


def test_unknown_fields_come_last_as_they_came() -> None:
    nested = {"a": ["1"]}
    made = frame("trades", [TRADE, {"zeta": "007", "alpha": nested, **TRADE}])
    keeps(made, "trades")
    assert list(made.columns[-2:]) == ["zeta", "alpha"]
    assert made["zeta"].tolist() == [None, "007"]
    assert made["alpha"].tolist() == [None, nested]


# --- recorded values ------------------------------------------------------------------------------


def test_a_candle() -> None:
    made = frame("klines", [KLINE])
    assert made.index[0] == utc("2026-09-02T06:56")
    assert made.iloc[0].to_dict() == {
        "open": 99.88, "high": 99.95, "low": 99.88, "close": 99.95, "volume": 27.93,
        "quoteVolume": 2790.2136, "trades": 8, "end": utc("2026-09-02T06:57"),
    }  # fmt: skip


def test_a_candle_without_trades() -> None:
    empty = {
        **KLINE, "open": None, "high": None, "low": None, "close": None, "volume": "0",
        "quoteVolume": "0", "trades": "0", "start": "2026-09-02 06:57:00",
        "end": "2026-09-02 06:58:00",
    }  # fmt: skip
    made = frame("klines", [KLINE, empty])
    assert made["close"].iloc[0] == 99.95
    assert made.loc[utc("2026-09-02T06:57"), ["open", "high", "low", "close"]].isna().all()
    assert made["volume"].tolist() == [27.93, 0.0]
    assert made["trades"].tolist() == [8, 0]


def test_candles_can_be_resampled_as_they_are() -> None:
    later = {**KLINE, "start": "2026-09-02 06:57:00", "volume": "2.07"}
    volume = frame("klines", [KLINE, later])["volume"].resample("1h").sum()
    assert volume.to_dict() == {utc("2026-09-02T06:00"): pytest.approx(30.0)}


def test_a_ticker() -> None:
    made = frame("ticker", TICKER)
    assert made.index.tolist() == ["BTC_USDC_PERP"]
    assert made.iloc[0].to_dict() == {
        "firstPrice": 78919.6, "lastPrice": 77353.4, "priceChange": -1566.2,
        "priceChangePercent": -0.019846, "high": 79248.0, "low": 77304.7, "volume": 1014.24492,
        "quoteVolume": 79439561.978402, "trades": 14184,
    }  # fmt: skip
    pd.testing.assert_frame_equal(frame("tickers", [TICKER]), made)


def test_trades() -> None:
    # 17,434,316 s after 2025-01-01: 201 days, 18:51:56
    assert frame("trades", [TRADE]).iloc[0].to_dict() == {
        "id": 8721563, "timestamp": utc("2025-07-21T18:51:56.819"), "price": 117427.6,
        "quantity": 0.00016, "quoteQuantity": 18.788416, "isBuyerMaker": False,
    }  # fmt: skip


def test_open_interest_and_marks_and_funding() -> None:
    interest = frame("open_interest", [OPEN_INTEREST]).loc["SOL_USDC_PERP"]
    assert interest.to_dict() == {
        "openInterest": 206529.68, "timestamp": utc("2026-09-01T17:52:29.338"),
    }  # fmt: skip
    assert frame("mark_prices", [MARK]).loc["BTC_USDC_PERP"].to_dict() == {
        "markPrice": 77346.3, "indexPrice": 77340.4624319, "fundingRate": 0.0000125,
        "nextFundingTimestamp": utc("2026-09-01T18:00"),
    }  # fmt: skip
    assert frame("funding_rates", [FUNDING]).iloc[0].to_dict() == {
        "intervalEndTimestamp": utc("2025-09-11T12:00"), "symbol": "ETH_USDC_PERP",
        "fundingRate": 0.0000125,
    }  # fmt: skip


def test_a_mark_without_funding() -> None:
    """Of a prediction market, whose mark prices omit the funding fields."""
    made = frame("mark_prices", [MARK, {"symbol": "X_PREDICTION", "markPrice": "0.4"}])
    keeps(made, "mark_prices")
    assert made["markPrice"].tolist() == [77346.3, 0.4]
    assert made.loc["X_PREDICTION"].drop("markPrice").isna().all()


def test_the_ladder_falls_from_the_highest_ask_to_the_lowest_bid() -> None:
    made = frame("depth", DEPTH)
    assert made["side"].tolist() == ["Ask", "Ask", "Bid", "Bid"]
    assert made["price"].tolist() == [20.99, 20.9, 20.5, 20.12]
    assert made["quantity"].tolist() == [311.25, 522.15, 3.5, 255.75]


def test_a_markets_filters_lie_flat() -> None:
    made = frame("markets", [SOL])
    row = made.loc["SOL_USDC"]
    assert "filters" not in made.columns
    assert (row["tickSize"], row["minQuantity"], row["stepSize"]) == (0.01, 0.02, 0.03)
    assert (row["maxMultiplier"], row["minMultiplier"]) == (2.0, 0.25)  # not those of the band
    assert row["meanMarkPriceBand"] == {"maxMultiplier": "1.03", "minMultiplier": "0.97"}
    assert np.isnan(row["maxPrice"]) and np.isnan(row["maxQuantity"])
    assert row["createdAt"] == utc("2025-01-21T06:34:54.691858")
    assert list(made.columns[-2:]) == ["rwaMarketType", "discoveryBoundBand"]  # not documented
    pd.testing.assert_frame_equal(frame("market", SOL), made)


def test_a_filter_that_is_no_group_is_kept() -> None:
    made = frame("markets", [{**SOL, "filters": {**SOL["filters"], "lotSize": "5", "band": None}}])
    keeps(made, "markets")
    assert made.loc["SOL_USDC", "lotSize"] == "5" and "band" not in made
    assert made.loc["SOL_USDC", "stepSize"] == 0.03


def test_a_funding_interval_beside_none() -> None:
    perp = {**SOL, "symbol": "SOL_USDC_PERP", "fundingInterval": 3600000}
    intervals = frame("markets", [SOL, perp])["fundingInterval"]
    assert intervals.isna().tolist() == [True, False]
    assert intervals["SOL_USDC_PERP"] == 3600000


def test_balances_are_in_alphabetical_order() -> None:
    held = {
        "USDT": {"available": "30", "locked": "0", "staked": "0"},
        "BTC": {"available": "0.00000001", "locked": "1.5", "staked": "0"},
    }
    made = frame("balances", held)
    assert made.index.tolist() == ["BTC", "USDT"]
    assert made.to_dict("list") == {
        "available": [0.00000001, 30.0], "locked": [1.5, 0.0], "staked": [0.0, 0.0]
    }  # fmt: skip


def test_an_asset_has_a_row_for_each_of_its_blockchains() -> None:
    other = {**TOKEN, "blockchain": "Ethereum", "displayName": "Ethereum", "nativeDecimals": None}
    bare = {"symbol": "POINTS", "displayName": "Points", "coingeckoId": None, "tokens": []}
    made = frame("assets", [{**ASSET, "tokens": [TOKEN, other]}, bare])
    keeps(made, "assets")
    assert made["symbol"].tolist() == ["USDC", "USDC", "POINTS"]
    assert made["assetName"].tolist() == ["USD Coin", "USD Coin", "Points"]
    assert made["displayName"].tolist()[:2] == ["Solana", "Ethereum"]
    assert made["coingeckoId"].tolist()[:2] == ["usd-coin", "usd-coin"]
    assert made.loc[0, "minimumDeposit"] == 0.5 and not made.loc[0, "withdrawEnabled"]
    assert made["nativeDecimals"].isna().tolist() == [False, True, True]
    assert made.iloc[2].drop(["symbol", "assetName"]).isna().all()


def test_an_order() -> None:
    row = frame("order", LIMIT).iloc[0]
    # 21,244.094 s after 12:00, as the history of the same order says in words
    assert row["createdAt"] == utc("2026-09-01T17:54:04.094")
    assert (row["id"], row["price"], row["quantity"]) == ("59669287267", 1.0077, 20.0)
    assert row["postOnly"] == True  # noqa: E712 (numpy's or Python's own)
    assert row[["clientId", "reduceOnly", "triggeredAt", "quoteQuantity"]].isna().all()


def test_a_market_order_has_no_price() -> None:
    made = frame("orders", [LIMIT, {**MARKET_ORDER, "clientId": 4294967295}])
    keeps(made, "orders")
    assert made["price"].isna().tolist() == [False, True]
    assert made["quoteQuantity"].isna().tolist() == [True, False]
    assert made["postOnly"].isna().tolist() == [False, True]
    assert made.loc[1, "clientId"] == 4294967295
    assert made.loc[1, "createdAt"] == utc("2025-07-27T13:51:23.415")
    assert made.loc[1, "executedQuoteQuantity"] == 3.81428


def test_a_trigger_quantity_may_be_a_share() -> None:
    orders = [{**LIMIT, "triggerQuantity": "80%"}, {**LIMIT, "triggerQuantity": "0.001"}]
    assert frame("orders", orders)["triggerQuantity"].tolist() == ["80%", "0.001"]


def test_the_history_tells_of_the_same_order_in_the_same_names() -> None:
    now, then = frame("order", LIMIT).iloc[0], frame("order_history", [HISTORY]).iloc[0]
    for name in ("id", "createdAt", "symbol", "side", "price", "quantity", "postOnly"):
        assert now[name] == then[name]
    assert then["quoteQuantity"] == 20.154
    assert then["status"] == "Cancelled"


@pytest.mark.parametrize("other", ["orders", "batch", "order_history"])
def test_the_shapes_of_an_order_share_names_order_and_dtypes(other: str) -> None:
    one, two = frame("order", {}), frame(other, [])
    shared = [name for name in one.columns if name in two.columns]
    assert len(shared) >= 27
    assert shared == [name for name in two.columns if name in one.columns]
    assert one[shared].dtypes.equals(two[shared].dtypes)
    stacked = pd.concat([one[shared], two[shared]])
    assert stacked.dtypes.equals(one[shared].dtypes)


def test_a_batch_shows_what_failed() -> None:
    refused = {"operation": "Err", "code": "INVALID_ORDER", "message": "Quantity decimal too long"}
    made = frame("batch", [{"operation": "Ok", **LIMIT}, refused])
    keeps(made, "batch")
    assert made["operation"].tolist() == ["Ok", "Err"]
    assert made["code"].isna().tolist() == [True, False]
    assert made.loc[1, "message"] == "Quantity decimal too long"
    assert made.loc[1].drop(["operation", "code", "message"]).isna().all()


def test_a_fill() -> None:
    row = frame("fills", [FILL]).iloc[0]
    assert row["timestamp"] == utc("2025-07-27T17:39:00.092")
    assert (row["fee"], row["feeSymbol"], row["orderId"]) == (0.004974, "USDC", "4238907375")
    assert (row["tradeId"], row["isMaker"]) == (9748827, False)


@pytest.mark.parametrize("identity", ["007", "59669287267", "114575813313101824"])
def test_ids_stay_text(identity: str) -> None:
    assert frame("order", {**LIMIT, "id": identity}).loc[0, "id"] == identity
    made = frame("fills", [{**FILL, "orderId": identity, "clientId": 7}])
    assert made.loc[0, "orderId"] == identity
    assert made.loc[0, "clientId"] == "7"


def test_a_null_fill_id_among_others_keeps_the_others_exact() -> None:
    big = 2**53 + 1  # as a float it would become 2**53
    made = frame("fills", [FILL | {"tradeId": big}, FILL | {"tradeId": None}])
    assert made.loc[0, "tradeId"] == big
    assert made["tradeId"].isna().tolist() == [False, True]


# --- conversions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, moment",
    [
        ("2026-09-02 06:56:00", "2026-09-02T06:56:00"),
        ("2025-09-11T12:00:00", "2025-09-11T12:00:00"),
        ("2026-09-01T17:54:04.094", "2026-09-01T17:54:04.094"),
        ("2025-01-21T06:34:54.691858", "2025-01-21T06:34:54.691858"),
        ("2026-09-01T17:54:04.094Z", "2026-09-01T17:54:04.094"),
        ("2026-09-01T19:54:04+02:00", "2026-09-01T17:54:04"),
    ],
)
def test_iso_times_are_utc(text: str, moment: str) -> None:
    assert list(frames.iso_times([text])) == [utc(moment)]
    mixed = frames.iso_times([None, text, "2026-01-01T00:00:00"])
    assert str(mixed.dtype) == "datetime64[us, UTC]"
    assert mixed.isna().tolist() == [True, False, False]
    assert list(mixed[1:]) == [utc(moment), utc("2026-01-01")]


def test_the_machines_time_zone_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert frame("klines", [KLINE]).index[0] == utc("2026-09-02T06:56")
    finally:
        monkeypatch.undo()
        time.tzset()


def test_milliseconds() -> None:
    """1785948116.439 s: 2,315,883.561 s, or 26 days and 19:18:03.561, before 2026-09-01T12:00."""
    times = frames.ms_times([1785948116439, None])
    assert times[0] == utc("2026-08-05T16:41:56.439")
    assert times.isna().tolist() == [False, True]
    assert str(times.dtype) == "datetime64[us, UTC]"


@pytest.mark.parametrize("value", ["0.1", 0.1, Decimal("0.1")])
def test_numbers_of_every_spelling(value: object) -> None:
    for made in (frames.numbers([value]), frames.numbers([value, None])):
        assert made.dtype == np.float64
        assert made[0] == 0.1
    assert np.isnan(frames.numbers([None, value])[0])


def test_a_text_that_is_no_number_is_not_swallowed() -> None:
    with pytest.raises(ValueError, match="twelve"):
        frames.numbers(["1", "twelve"])


def test_a_text_of_nothing_is_a_text() -> None:
    assert frames.texts(["", "0", None]).isna().tolist() == [False, False, True]
