"""The contract of every frame, and the recorded answers as frames.

The columns and dtypes are in data/frames.json (see ``write_snapshot``), the samples in
``frame_samples``.
"""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from frame_samples import (
    ANSWERS,
    APY,
    ASSET,
    COLLATERAL,
    DELAY,
    DEPOSIT,
    DEPTH,
    DUST,
    EVENT,
    FILL,
    FUNDING,
    HISTORY,
    KLINE,
    LENDING,
    LIMIT,
    MARK,
    MARKET_ORDER,
    NAV,
    NULLS,
    OPEN_INTEREST,
    PAST_LENDING,
    PAST_QUOTE,
    PAST_RFQ,
    PAST_STRATEGY,
    POSITION,
    PREDICTION,
    QUOTE,
    REDEEM,
    RFQ,
    SECURITY,
    SETTLEMENT,
    SOL,
    STRATEGY,
    TICKER,
    TOKEN,
    TRADE,
    TRADED_IN,
    WITHDRAWAL,
)  # fmt: skip
from specification import Specification
from write_snapshot import SNAPSHOT, WORDS, snapshot

from bpkit import frames
from bpkit.frames import AS_IT_COMES, FRAMES, frame
from bpkit.operations import OPERATIONS, Operation

SAVED = {
    kind: entry
    for kinds, entry in json.loads(SNAPSHOT.read_text("utf-8")).items()
    for kind in kinds.split()
}


def promised(kind: str) -> tuple[str | None, str, dict[str, str]]:
    """(name of the index, its dtype, column -> dtype) as in data/frames.json."""
    saved = SAVED.get(kind, {"index": None, "columns": {}})  # no contract: all as it came
    columns = {name: WORDS.get(dtype, dtype) for name, dtype in saved["columns"].items()}
    index = saved["index"]
    return index, columns.pop(index, "int64"), columns


def keeps(made: pd.DataFrame, kind: str) -> None:
    """Check columns and their order, dtypes and index; columns not in the contract come after."""
    index, index_dtype, columns = promised(kind)
    assert list(made.columns)[: len(columns)] == list(columns)
    assert {name: str(made[name].dtype) for name in columns} == columns
    assert (made.index.name, str(made.index.dtype)) == (index, index_dtype)
    assert set(map(str, made.dtypes[len(columns) :])) <= {"object"}


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


# --- contracts ------------------------------------------------------------------------------------


NO_COLUMNS = ("text", "time", "empty")


def test_every_documented_answer_has_a_frame_and_a_sample() -> None:
    frames_file, samples = "bpkit/frames/public.py or account.py", "tests/frames/frame_samples.py"
    lines = [
        f"{one.name} is documented and answers with {one.answer}: add its columns to {frames_file}"
        for one in OPERATIONS.values()
        if one.documented and one.answer not in FRAMES and one.answer not in NO_COLUMNS
    ]
    asked = {one.answer for one in OPERATIONS.values()} | {"operations", "pieces"}
    for kind in FRAMES:
        if kind not in asked:
            lines.append(f"{frames_file}: no operation answers with {kind}: remove it")
        if kind not in ANSWERS and kind not in NO_COLUMNS:
            lines.append(f"{kind} has no sample: add one with a row and one without to {samples}")
    assert not lines, "\n".join(lines)


def test_columns_dtypes_and_order_are_the_saved_ones() -> None:
    now, saved = snapshot(), json.loads(SNAPSHOT.read_text("utf-8"))
    lines = [
        f"{kinds}: was {json.dumps(saved.get(kinds))},\n  is {json.dumps(now.get(kinds))}"
        for kinds in now | saved
        if json.dumps(now.get(kinds)) != json.dumps(saved.get(kinds))  # the order counts
    ]
    hint = "If the change is intended: python tests/frames/write_snapshot.py"
    assert not lines, "\n".join([*lines, hint])


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


def test_an_answer_of_nothing() -> None:
    assert frame("empty", {}).shape == (0, 0)


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
    """Mark prices of prediction markets have no funding fields."""
    made = frame("mark_prices", [MARK, {"symbol": "X_PREDICTION", "markPrice": "0.4"}])
    keeps(made, "mark_prices")
    assert made["markPrice"].tolist() == [77346.3, 0.4]
    assert made.loc["X_PREDICTION"].drop("markPrice").isna().all()


def test_depth_begins_with_the_highest_ask_and_ends_with_the_lowest_bid() -> None:
    made = frame("depth", DEPTH)
    assert made["side"].tolist() == ["Ask", "Ask", "Bid", "Bid"]
    assert made["price"].tolist() == [20.99, 20.9, 20.5, 20.12]
    assert made["quantity"].tolist() == [311.25, 522.15, 3.5, 255.75]


def test_each_filter_of_a_market_has_a_column() -> None:
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


def test_a_filter_that_is_not_a_group_is_kept() -> None:
    filters = {**SOL["filters"], "lotSize": "5", "limit": 0, "band": None}
    made = frame("markets", [{**SOL, "filters": filters}])
    keeps(made, "markets")
    assert made.loc["SOL_USDC", "lotSize"] == "5" and made.loc["SOL_USDC", "limit"] == 0
    assert "band" not in made
    assert made.loc["SOL_USDC", "stepSize"] == 0.03


@pytest.mark.parametrize("first", [True, False])
def test_a_filter_of_another_group_does_not_replace_the_documented_one(first: bool) -> None:
    """Wherever it is: the documented groups keep the documented names."""
    lot = {"lot": {"stepSize": "5", "tickSize": "6", "symbol": "7", "new": "8"}, "symbol": "9"}
    filters = lot | SOL["filters"] if first else SOL["filters"] | lot
    made = frame("markets", [{**SOL, "filters": filters}])
    keeps(made, "markets")
    row = made.loc["SOL_USDC"]
    assert (row["stepSize"], row["tickSize"]) == (0.03, 0.01)
    assert (row["lotStepSize"], row["lotTickSize"], row["lotSymbol"]) == ("5", "6", "7")
    assert (row["new"], row["filterSymbol"]) == ("8", "9")


def test_a_name_that_is_taken_with_its_prefix_too_is_kept() -> None:
    lots = {"lot": {"lotStepSize": "5", "stepSize": "6"}, "lotStepSize": "7"}
    made = frame("markets", [{**SOL, "filters": SOL["filters"] | lots}])
    row = made.loc["SOL_USDC"]
    assert (row["lotStepSize"], row["lotLotStepSize"], row["filterLotStepSize"]) == ("5", "6", "7")


def test_a_funding_interval_and_a_null_in_one_column() -> None:
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
    assert made.loc[1, "clientId"] == "4294967295"
    assert made.loc[1, "createdAt"] == utc("2025-07-27T13:51:23.415")
    assert made.loc[1, "executedQuoteQuantity"] == 3.81428


def test_a_trigger_quantity_may_be_a_share() -> None:
    orders = [{**LIMIT, "triggerQuantity": "80%"}, {**LIMIT, "triggerQuantity": "0.001"}]
    assert frame("orders", orders)["triggerQuantity"].tolist() == ["80%", "0.001"]


def test_the_history_of_an_order_uses_the_same_names() -> None:
    now, then = frame("order", LIMIT).iloc[0], frame("order_history", [HISTORY]).iloc[0]
    for name in ("id", "createdAt", "symbol", "side", "price", "quantity", "postOnly"):
        assert now[name] == then[name]
    assert then["quoteQuantity"] == 20.154
    assert then["status"] == "Cancelled"


@pytest.mark.parametrize(
    "kinds",
    [
        ("order", "orders", "order_history"),
        ("strategy", "strategies", "strategy_history"),
        ("rfq", "rfq_history"),
        ("quote", "quote_history"),
    ],
)
def test_the_shapes_of_one_thing_have_the_same_columns(kinds: tuple[str, ...]) -> None:
    first, *others = (frame(kind, ANSWERS[kind][0]) for kind in kinds)
    for other in others:
        assert list(other.columns) == list(first.columns)
        assert other.dtypes.equals(first.dtypes)
        assert pd.concat([first, other]).dtypes.equals(first.dtypes)


def test_a_batch_has_the_columns_of_an_order_after_its_own() -> None:
    order, batch = frame("order", {}), frame("batch", [])
    assert list(batch.columns) == ["operation", "code", "message", *order.columns]


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


# --- nested answers -------------------------------------------------------------------------------


def test_collateral_has_a_row_for_each_asset() -> None:
    made = frame("collateral", COLLATERAL)
    assert made.loc["USDT", ["totalQuantity", "collateralWeight"]].tolist() == [30.0, 0.95]
    # 30 * 0.9997 * 0.95 = 29.991 * 0.95
    assert made.loc["USDT", "collateralValue"] == 28.49145
    assert COLLATERAL["netEquity"] == "28.49145" and "netEquity" not in made


def test_rates_of_both_lists_are_in_one_row() -> None:
    more = {"symbol": "USDC", "borrowRate": "0.1", "lendRate": "0.06"}
    made = frame("apy", {**APY, "borrowLend": [more, *APY["borrowLend"]]})
    assert made.index.tolist() == ["USDC", "SOL"]
    assert made.loc["SOL"].to_dict() == {
        "borrowRate": 0.08, "lendRate": 0.05, "dilutionFactor": 0.5, "stakingRate": 0.07,
    }  # fmt: skip
    assert made.loc["USDC", ["dilutionFactor", "stakingRate"]].isna().all()


def test_a_field_that_both_lists_have_is_kept_for_both() -> None:
    parts = {name: [{**APY[name][0], "asOf": name}] for name in APY}
    made = frame("apy", parts)
    assert made.loc["SOL", ["asOf", "stakingAsOf"]].tolist() == ["borrowLend", "staking"]


def test_a_field_of_a_balance_an_asset_or_a_request_does_not_replace_another() -> None:
    made = frame("balances", {"SOL": {"available": "1", "symbol": "wrapped"}})
    assert made.index.tolist() == ["SOL"] and made.loc["SOL", "balanceSymbol"] == "wrapped"
    made = frame("assets", [{**ASSET, "assetName": "mine"}])
    assert made.loc[0, ["assetName", "assetAssetName"]].tolist() == ["USD Coin", "mine"]
    made = frame("rfqs", [{"rfq": RFQ, "status": "outer", "quotes": []}])
    assert made.loc[0, ["status", "entryStatus"]].tolist() == ["New", "outer"]


def test_an_asset_that_is_in_one_list_twice_has_two_rows() -> None:
    twice = [{"symbol": "SOL", "borrowRate": rate} for rate in ("0.08", "0.09")]
    made = frame("apy", {**APY, "borrowLend": twice, "note": "new"})
    assert made["borrowRate"].tolist() == [0.08, 0.09]
    assert made["stakingRate"].isna().tolist() == [False, True]


def test_requests_have_a_row_for_each_quote() -> None:
    second = {**QUOTE, "quoteId": "9", "status": "New", "clientId": None, "askPrice": "101"}
    bare = {**RFQ, "rfqId": "5"}
    made = frame("rfqs", [{"rfq": RFQ, "quotes": [QUOTE, second]}, {"rfq": bare, "quotes": []}])
    keeps(made, "rfqs")
    assert made["rfqId"].tolist() == ["113392053149171712", "113392053149171712", "5"]
    assert made["quoteId"].tolist()[:2] == ["113392053149171713", "9"]
    assert made["askPrice"].tolist()[:2] == [100.5, 101.0]
    assert made["status"].tolist() == ["New"] * 3 and made["clientId"].tolist() == ["7"] * 3
    assert made["quoteStatus"].tolist()[:2] == ["Filled", "New"]
    assert made["quoteClientId"].isna().tolist() == [False, True, True]
    assert made.loc[0, "createdAt"] == utc("2026-09-01T17:54:04.094")
    assert made.loc[0, "quoteCreatedAt"] == utc("2026-09-01T17:54:04.595")
    own = ["quoteId", "quoteClientId", "quoteCreatedAt", "quoteStatus", "bidPrice", "askPrice"]
    assert made.loc[2, own].isna().all()
    assert list(made.columns) == list(promised("rfqs")[2])


def test_new_fields_of_a_request_and_of_a_quote_are_kept() -> None:
    made = frame("rfqs", [{"rfq": RFQ, "quotes": [{**QUOTE, "fee": "1"}], "venue": "desk"}])
    assert (made.loc[0, "fee"], made.loc[0, "venue"]) == ("1", "desk")


def test_a_quote_without_its_request_still_names_it() -> None:
    made = frame("rfqs", [{"quotes": [QUOTE]}])
    assert made.loc[0, ["rfqId", "quoteId"]].tolist() == [
        "113392053149171712", "113392053149171713",
    ]  # fmt: skip


def test_events_have_a_row_for_each_market() -> None:
    other = {**PREDICTION, "marketSymbol": "SNOW_PREDICTION", "quoteVolume": "7.5"}
    bare = {**EVENT, "slug": "later", "predictionMarkets": []}
    made = frame("prediction_events", [{**EVENT, "predictionMarkets": [PREDICTION, other]}, bare])
    keeps(made, "prediction_events")
    assert made["slug"].tolist() == ["weather", "weather", "later"]
    assert made["marketSymbol"].tolist()[:2] == ["RAIN_PREDICTION", "SNOW_PREDICTION"]
    assert made["quoteVolume"].tolist()[:2] == [12.5, 7.5]
    assert made["eventQuoteVolume"].tolist() == [20.0] * 3
    assert made["resolutionDelaySecs"].tolist()[:2] == [60, 60]
    assert made["eventResolutionDelaySecs"].tolist() == [7200] * 3
    assert made.loc[0, "eventImgUrl"] == "https://example.org/sky.png"
    assert made["imgUrl"].isna().all() and pd.isna(made.loc[2, "marketSymbol"])
    assert made.loc[0, "resolutionCondition"] == {"type": "Outcome", "outcome": "Yes"}
    assert made.loc[0, "tags"] == [{"slug": "sky", "title": "Sky"}]
    assert list(made.columns) == list(promised("prediction_events")[2])


def test_an_unknown_name_that_two_levels_have_is_kept_for_both() -> None:
    event = {**EVENT, "mood": "dull", "predictionMarkets": [{**PREDICTION, "mood": "wet"}]}
    made = frame("prediction_events", [event])
    assert (made.loc[0, "mood"], made.loc[0, "eventMood"]) == ("wet", "dull")


def test_an_unknown_name_that_asset_and_token_have_is_kept_for_both() -> None:
    made = frame("assets", [{**ASSET, "mood": "dull", "tokens": [{**TOKEN, "mood": "wet"}]}])
    assert (made.loc[0, "mood"], made.loc[0, "tokenMood"]) == ("dull", "wet")
    assert (made.loc[0, "assetName"], made.loc[0, "displayName"]) == ("USD Coin", "Solana")


def test_securities_have_a_row_for_each_session() -> None:
    night = {**TRADED_IN, "name": "NIGHT", "maxQuantity": "5"}
    bare = {**SECURITY, "asset": "AAPL", "sessions": []}
    made = frame("securities", [{**SECURITY, "sessions": [TRADED_IN, night]}, bare])
    keeps(made, "securities")
    assert made["asset"].tolist() == ["TSLA", "TSLA", "AAPL"]
    assert made["securityName"].tolist() == ["Tesla, Inc."] * 3
    assert made["name"].tolist()[:2] == ["US_MARKET_HOURS", "NIGHT"] and pd.isna(made["name"][2])
    assert made["maxQuantity"].tolist()[1] == 5.0


def test_the_functions_of_a_position_stay_objects() -> None:
    made = frame("positions", [POSITION])
    assert made.loc["ETH_USDC_PERP", "imfFunction"] == {
        "base": "0.02", "factor": "0.0000935", "type": "sqrt",
    }  # fmt: skip
    assert made.loc["ETH_USDC_PERP", "netQuantity"] == 0.0036
    assert made.loc["ETH_USDC_PERP", ["positionId", "userId"]].tolist() == ["4238420454", "1813870"]


# --- what is not documented -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer, columns",
    [
        ({"futures": [{"maker": "2"}], "spot": []}, {"futures": [[{"maker": "2"}]], "spot": [[]]}),
        ([{"a": "1.50"}, {"b": 2}], {"a": ["1.50", None], "b": [None, 2]}),
        (["CH", "LI"], {"value": ["CH", "LI"]}),
        ("CH", {"value": ["CH"]}),
        ({}, {}),
        ([], {}),
    ],
)
def test_an_undocumented_answer_is_not_converted(
    answer: Any, columns: dict[str, list[Any]]
) -> None:
    made = frame("fee_tiers", answer)
    assert made.to_dict("list") == columns
    assert set(map(str, made.dtypes)) <= {"object"}


# --- exact ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("which", [0, 1])
def test_exact_frames_have_the_same_columns(kind: str, which: int) -> None:
    answer = ANSWERS[kind][which]
    made, exact = frame(kind, answer), frame(kind, answer, exact=True)
    assert list(exact.columns) == list(made.columns)
    assert exact.index.equals(made.index) and exact.index.name == made.index.name
    money = [name for name, dtype in promised(kind)[2].items() if dtype == "float64"]
    for name in money:
        assert exact[name].dtype == object
        assert all(value is None or type(value) is Decimal for value in exact[name])
        assert [value is None for value in exact[name]] == made[name].isna().tolist()
        assert [float(value) for value in exact[name] if value is not None] == list(
            made[name].dropna()
        )
    rest = [name for name in made.columns if name not in money]
    pd.testing.assert_frame_equal(exact[rest], made[rest])


def test_exact_money_keeps_every_digit() -> None:
    exact = frame("positions", [POSITION], exact=True).loc["ETH_USDC_PERP"]
    assert str(exact["breakEvenPrice"]) == "3831.3630555555555555555555556"
    fills = [{**FILL, "fee": "0.1"}, {**FILL, "fee": "0.20"}]
    fees = frame("fills", fills, exact=True)["fee"]
    assert [str(fee) for fee in fees] == ["0.1", "0.20"]
    assert fees.sum() == Decimal("0.3") != frame("fills", fills)["fee"].sum()


def test_decimals_from_text_int_float_and_decimal() -> None:
    made = frames.decimals(["1.10", 5, Decimal("0.1"), 0.1, None])
    assert list(map(str, made[:4])) == ["1.10", "5", "0.1", "0.1"]
    assert made[4] is None and made.dtype == object
    with pytest.raises(ValueError, match="twelve"):
        frames.decimals(["twelve"])


def test_the_frame_of_json_with_fractions_is_exact_too() -> None:
    """``fiatAmount`` is a number of JSON, which arrives as Decimal."""
    made = frame("deposits", [{**DEPOSIT, "fiatAmount": Decimal("120.10")}], exact=True)
    assert str(made.loc[0, "fiatAmount"]) == "120.10"


# --- one name, one dtype --------------------------------------------------------------------------

# The id of a trade is a whole number, in fills too (``tradeId``); every other id is text.
TWO_DTYPES = {"id": {"trades"}}


def test_a_column_name_has_one_dtype_in_all_frames() -> None:
    """A join of two frames, and a filter that is written for one of them, then hold for both."""
    dtypes: dict[str, dict[str, set[str]]] = {}
    for kind, contract in FRAMES.items():
        made = frame(kind, ANSWERS[kind][1] if kind in ANSWERS else None)
        made = made.reset_index() if contract.index else made
        for name, dtype in made.dtypes.items():
            dtypes.setdefault(str(name), {}).setdefault(str(dtype), set()).add(kind)
    several = {name: by_dtype for name, by_dtype in dtypes.items() if len(by_dtype) > 1}
    assert {name: min(by_dtype.values(), key=len) for name, by_dtype in several.items()} == (
        TWO_DTYPES
    ), several


def test_own_ids_of_orders_fills_and_withdrawals_can_be_joined() -> None:
    orders = frame("orders", [{**LIMIT, "clientId": 4294967295}])
    fills = frame("fills", [{**FILL, "clientId": "4294967295"}])
    moved = frame("withdrawals", [{**WITHDRAWAL, "clientId": "rent-7"}])
    assert len(orders.merge(fills, on="clientId")) == 1
    assert pd.concat([orders, fills, moved])["clientId"].tolist() == ["4294967295"] * 2 + ["rent-7"]
    quotes = frame("rfqs", [{"rfq": RFQ, "quotes": [QUOTE]}])
    assert quotes.loc[0, ["clientId", "quoteClientId"]].tolist() == ["7", "8"]
    assert frame("strategy", {**STRATEGY, "clientStrategyId": 9})["clientStrategyId"][0] == "9"


# --- times and ids --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind, answer, name, moment",
    [
        # 1788285600 s is 355.906 s after 1788285244.094 s, which is 17:54:04.094 (of the order)
        ("vault_nav", NAV, "lastCrankTimestamp", "2026-09-01T18:00:00"),
        ("vault_redeems", [REDEEM], "timestamp", "2026-09-01T18:00:00"),
        ("strategy", STRATEGY, "createdAt", "2026-09-01T17:54:04.094"),
        ("strategy_history", [PAST_STRATEGY], "createdAt", "2026-09-01T17:54:04.094"),
        ("rfq", RFQ, "submissionTime", "2026-09-01T17:54:05.094"),
        ("rfq", RFQ, "expiryTime", "2026-09-01T17:54:14.094"),
        ("rfq_history", [PAST_RFQ], "submissionTime", "2026-09-01T17:54:05.094"),
        ("rfq_history", [PAST_RFQ], "expiryTime", "2026-09-01T17:54:14.094"),
        ("quote", QUOTE, "createdAt", "2026-09-01T17:54:04.595"),
        ("quote_history", [PAST_QUOTE], "createdAt", "2026-09-01T17:54:04.595"),
        ("withdrawals", [WITHDRAWAL], "createdAt", "2025-08-13T19:27:13.817"),
        ("deposits", [DEPOSIT], "createdAt", "2025-07-23T13:55:54.267"),
        ("borrow_lend_markets", [LENDING], "timestamp", "2026-09-01T12:00:00"),
        ("borrow_lend_markets_history", [PAST_LENDING], "timestamp", "2026-09-01T12:00:00"),
        ("withdrawal_delay", DELAY, "pendingWithdrawalDelayHoursEnabledAt", "2026-09-02T12:00:00"),
    ],
)
def test_each_time_from_its_own_unit(kind: str, answer: Any, name: str, moment: str) -> None:
    assert frame(kind, answer)[name].iloc[0] == utc(moment)


@pytest.mark.parametrize(
    "text",
    ["2026-09-01T12:00:00", "2026-09-01T14:00:00.000+02:00", "2026-09-01T07:00:00-05:00"],
)
def test_times_with_and_without_a_zone_in_one_column(text: str) -> None:
    made = frame("borrow_lend_markets", [{**LENDING, "timestamp": text}, LENDING])
    assert made["timestamp"].tolist() == [utc("2026-09-01T12:00")] * 2


@pytest.mark.parametrize(
    "kind, row, name",
    [
        ("rfq_history", PAST_RFQ, "rfqId"), ("quote_history", PAST_QUOTE, "quoteId"),
        ("deposits", DEPOSIT, "id"), ("withdrawals", WITHDRAWAL, "id"),
        ("dust_history", DUST, "id"), ("settlements", SETTLEMENT, "userId"),
        ("fills", FILL, "orderId"),
    ],
)  # fmt: skip
def test_ids_are_text_also_where_they_come_as_numbers(kind: str, row: Any, name: str) -> None:
    big = 2**53 + 1  # a float would make it 2**53
    made = frame(kind, [{**row, name: big}, {**row, name: None}, {**row, name: "007"}])
    assert made[name].tolist()[::2] == ["9007199254740993", "007"]
    assert made[name].isna().tolist() == [False, True, False]


def test_a_sequence_number_is_a_whole_number_with_all_its_digits() -> None:
    rows = [SETTLEMENT, {**SETTLEMENT, "engineSequence": None}]
    assert frame("settlements", rows)["engineSequence"][0] == 9007199254740993


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
        ("2026-09-01T12:54:04-05:00", "2026-09-01T17:54:04"),
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
def test_numbers_from_text_float_and_decimal(value: object) -> None:
    for made in (frames.numbers([value]), frames.numbers([value, None])):
        assert made.dtype == np.float64
        assert made[0] == 0.1
    assert np.isnan(frames.numbers([None, value])[0])


@pytest.mark.parametrize(
    "text",
    [
        "0", "00012.50", "5.", ".5", "0.0000125", "-1.5", "-.5", "+2", "1e5", "170.50", "2790.2136",
        "9007199254740992", "9007199254740993", "0.9007199254740993", "0." + "0" * 25 + "1",
        "3831.3630555555555555555555556", "123456789012345678901234567890",
    ],
)  # fmt: skip
def test_a_number_is_the_float_of_its_text(text: str) -> None:
    """Alone, among others, and beside a null."""
    for values in ([text], ["99.88", text, "7", "0.1"], [text, None, "99.88"]):
        made = frames.numbers(values)
        assert made.tolist()[0 if len(values) != 4 else 1].hex() == float(text).hex()
        assert made[-1] == (float(values[-1]))


@pytest.mark.parametrize("text", ["", ".", "1.2.3", "1..2", ".-5", "1.-5", "1/2", "1,5", "0x10"])
def test_a_text_that_is_almost_a_number_is_refused(text: str) -> None:
    for values in ([text], ["99.88", text, "7"], [text, ""], ["", text, "1/2"]):
        with pytest.raises(ValueError):
            frames.numbers(values)


def test_times_that_no_column_can_hold_are_refused() -> None:
    with pytest.raises(ValueError):
        frames.ms_times([10**17])  # the year 3,170,843
    for text in ("2026-13-01T00:00:00", "2026-09-31 00:00:00", "1788285244094000000"):
        with pytest.raises(ValueError):
            frames.iso_times(["2026-09-01T17:54:04", text])


def test_short_times_and_times_with_a_zone_in_one_column() -> None:
    texts = ["20260901", "2026-09-01T12:54:04-05:00", "2026-09-01T12:54:04-05:00"]
    moments = [utc("2026-09-01"), *[utc("2026-09-01T17:54:04")] * 2]
    assert list(frames.iso_times(texts)) == moments
    times = frames.iso_times([*texts, ""])
    assert list(times[:3]) == moments and times.isna().tolist() == [False] * 3 + [True]


def test_rows_whose_names_are_in_another_order_keep_their_values() -> None:
    made = frame("fills", [FILL, dict(reversed(FILL.items())), {"price": "7", "new": [1]}])
    keeps(made, "fills")
    pd.testing.assert_series_equal(made.iloc[0], made.iloc[1], check_names=False)
    assert made["price"].tolist() == [3826.15, 3826.15, 7.0]
    assert made["new"].tolist() == [None, None, [1]]


def test_a_column_of_lists_has_one_in_each_cell() -> None:
    assert frames.objects([["a"], ["b"]]).tolist() == [["a"], ["b"]]
    assert frames.texts([["a"], ["b"]]).tolist() == ["['a']", "['b']"]


def test_columns_do_not_share_their_values() -> None:
    """A column without a value is written to, and the others remain empty."""
    made = frame("orders", [LIMIT, LIMIT])
    made.loc[0, "triggerPrice"] = 5.0
    assert made.isna()["takeProfitLimitPrice"].all()
    assert frame("orders", [LIMIT])["triggerPrice"].isna().all()


def test_a_text_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="twelve"):
        frames.numbers(["1", "twelve"])


def test_zero_is_a_whole_number() -> None:
    made = frames.integers([0, "0", None])
    assert made[:2].tolist() == [0, 0] and made.isna().tolist() == [False, False, True]


def test_a_text_of_nothing_is_a_text() -> None:
    assert frames.texts(["", "0", None]).isna().tolist() == [False, False, True]


@pytest.mark.parametrize(
    "kind, row, name, value, meaning",
    [
        ("fills", FILL, "timestamp", 1788285244094, "a time in ISO text"),
        ("fills", FILL, "timestamp", "yesterday", "a time in ISO text"),
        ("fills", FILL, "price", "twelve", "a number"),
        ("fills", FILL, "price", {"usd": "1"}, "a number"),
        ("fills", FILL, "price", ["1", "2"], "a number"),
        ("fills", FILL, "isMaker", "true", "true or false"),
        ("fills", FILL, "isMaker", [1, 2], "true or false"),
        ("fills", FILL, "tradeId", "x1", "a whole number of 64 bits"),
        ("fills", FILL, "tradeId", Decimal("1.5"), "a whole number of 64 bits"),
        ("fills", FILL, "tradeId", 2**63, "a whole number of 64 bits"),
        ("orders", LIMIT, "createdAt", "2026-09-01T17:54:04", "a time in Unix milliseconds"),
        ("orders", LIMIT, "createdAt", 10**30, "a time in Unix milliseconds"),
    ],
)
def test_the_error_of_a_conversion_names_the_column_and_the_value(
    kind: str, row: Any, name: str, value: Any, meaning: str
) -> None:
    for exact in (False, True):
        for rows, place in (([{**row, name: value}], 0), ([row, {**row, name: value}, row], 1)):
            with pytest.raises(ValueError) as caught:
                frame(kind, rows, exact=exact)
            said = str(caught.value)
            assert said.startswith(f"column {name!r}: {value!r} in row {place} is not {meaning}")
            assert "format=" not in said


def test_a_list_of_lists_is_not_a_column_of_numbers() -> None:
    with pytest.raises(ValueError, match="column 'price': .'1'. in row 0 is not a number"):
        frame("fills", [{**FILL, "price": ["1"]}, {**FILL, "price": ["2"]}])


# --- the official specification -------------------------------------------------------------------

ROWS = "its parts are the rows"
# Properties in the specification that are not a column under their own name, and why.
ELSEWHERE = {
    "depth": {
        "asks": ROWS, "bids": ROWS, "lastUpdateId": "of the whole book: in the record",
        "timestamp": "of the whole book: in the record",
    },
    "collateral": dict.fromkeys(COLLATERAL, "of the whole account: in the record")
    | {"collateral": ROWS},
    "apy": {"borrowLend": ROWS, "staking": ROWS},
    "assets": {"tokens": ROWS},
    "markets": {"filters": "laid flat"},
    "market": {"filters": "laid flat"},
    "prediction_events": {"predictionMarkets": ROWS},
    "rfqs": {"rfq": ROWS, "quotes": ROWS},
    "securities": {"sessions": ROWS},
}  # fmt: skip
# The schemas of those parts, and the properties that are renamed because two levels have them.
PARTS: dict[str, dict[str, dict[str, str]]] = {
    "collateral": {"Collateral": {}},
    "apy": {"BorrowLendApyRate": {}, "StakingApyRate": {}},
    "assets": {"Token": {}, "MarketAsset": {"displayName": "assetName"}},
    "markets": {"PriceFilter": {}, "QuantityFilter": {}},
    "prediction_events": {
        "PredictionMarket": {},
        "Event": {
            "quoteVolume": "eventQuoteVolume", "imgUrl": "eventImgUrl",
            "resolutionDelaySecs": "eventResolutionDelaySecs",
        },
    },
    "rfqs": {
        "RequestForQuote": {},
        "Quote": {
            "clientId": "quoteClientId", "status": "quoteStatus", "createdAt": "quoteCreatedAt"
        },
    },
    "securities": {"SecuritySession": {}, "Security": {"name": "securityName"}},
}  # fmt: skip
# Type -> the conversions that its column may have; of the others only the name is compared.
WANTED = {
    "decimal": (frames.numbers,), "double": (frames.numbers,), "boolean": (frames.flags,),
    "naive-date-time": (frames.iso_times,), "date-time": (frames.iso_times,),
    "naive-time": (frames.texts,),
    # Some numbers and the times of candles are documented as strings.
    "string": (frames.texts, frames.numbers, frames.integers, frames.iso_times),
    **dict.fromkeys(
        ("int64", "uint64", "int32", "uint32", "uint16", "uint8"),
        (frames.integers, frames.texts, frames.ms_times),  # counts, ids, moments
    ),
}  # fmt: skip


def fits(word: str, convert: Any) -> bool:
    return convert in WANTED.get(word, (convert,))


def row_of(specification: Specification, name: str) -> dict[str, str]:
    """Property -> its type, of a row of an operation's 200; {} without a body."""
    return specification.properties(specification.operations[name]["answers"]["200"])


DOCUMENTED = [one for one in OPERATIONS.values() if one.documented]


@pytest.mark.parametrize("operation", DOCUMENTED, ids=lambda operation: operation.name)
def test_every_property_is_a_column(specification: Specification, operation: Operation) -> None:
    properties = row_of(specification, operation.name)
    columns = dict(FRAMES.get(operation.answer, AS_IT_COMES).columns)
    elsewhere = ELSEWHERE.get(operation.answer, {})
    assert set(properties) - set(columns) == set(elsewhere) - set(columns)
    for name in properties.keys() & columns.keys() - elsewhere.keys():
        assert fits(properties[name], columns[name]), name


@pytest.mark.parametrize("kind, part", [(kind, part) for kind in PARTS for part in PARTS[kind]])
def test_every_property_of_a_part_is_a_column(
    specification: Specification, kind: str, part: str
) -> None:
    names = PARTS[kind][part]
    properties = specification.properties(part)
    columns = dict(FRAMES[kind].columns)
    assert names.keys() <= properties.keys()
    missing = {names.get(name, name) for name in properties} - set(columns)
    assert missing <= set(ELSEWHERE.get(kind, {}))
    for name in properties:
        if column := columns.get(names.get(name, name)):
            assert fits(properties[name], column), name


def test_every_column_is_in_the_specification(specification: Specification) -> None:
    """A misspelt name would be a column that is always empty."""
    known = {"operation", "side", "price", "quantity", "symbol"}  # the batch, the depth, balances
    for kind, columns in ((kind, dict(FRAMES[kind].columns)) for kind in FRAMES):
        asked = [one for one in DOCUMENTED if one.answer == kind]
        if not asked or kind in ("text", "time"):
            continue
        names = set(known)
        for one in DOCUMENTED:
            if one.answer == kind or same_thing(one.answer) == same_thing(kind):
                names |= set(row_of(specification, one.name))
        for part, renamed in PARTS.get("markets" if kind == "market" else kind, {}).items():
            properties = specification.properties(part)
            names |= {renamed.get(name, name) for name in properties}
        assert set(columns) <= names, kind


def same_thing(kind: str) -> str:
    """All answers about orders share their columns; so do strategies, requests and quotes."""
    shapes = ("order", "strateg", "rfq", "quote")
    if kind == "batch":
        return "order"
    return next((one for one in shapes if kind.startswith(one) and "fill" not in kind), kind)
