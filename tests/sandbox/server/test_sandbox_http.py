"""The sandbox over real HTTP, as any program sees it: plain ``requests``, raw text, raw sockets.

Shapes and texts come from recorded traffic and from the official specification; where neither says
anything, the test says that the answer is a guess.
"""

from __future__ import annotations

import gc
import http.client
import json
import os
import re
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import ROUND_UP, Decimal
from fractions import Fraction
from itertools import pairwise
from math import floor
from typing import Any

import pytest
import requests
from helpers import DEMO_SECRET, Plain

from bpkit import Key
from bpkit.sandbox import Conflicts, Sandbox, formatting

NOON = 1_788_264_000  # 2026-09-01T12:00:00Z, when a market begins that does not follow the clock
JSON, TEXT = "application/json; charset=utf-8", "text/plain; charset=utf-8"
DEMO = "5+yQgwU0ZdJ/9s+GXfuPFfo7yQQpl9CgvQedJXne30o="
GUIDE = {  # the order of the exchange's own Python guide
    "symbol": "SOL_USDC",
    "side": "Bid",
    "orderType": "Limit",
    "price": "170.50",
    "quantity": "1.0",
}


@pytest.fixture(scope="module")
def still() -> Iterator[Plain]:
    """A sandbox that no test changes."""
    with Sandbox() as sandbox, Plain(sandbox.url) as caller:
        yield caller


def sorted_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    assert names == sorted(names)
    return dict(pairs)


def told(response: requests.Response, status: int = 200) -> Any:
    """The JSON of an answer, after what holds for all of them: order of keys, decimals."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == JSON
    assert response.text == json.dumps(response.json(), separators=(",", ":"))  # compact
    for text in re.findall(r'"(-?\d+(?:\.\d+)?)"', response.text):
        assert text == "0" or not re.search(r"^-0$|\.\d*0$", text), text
    return json.loads(response.text, object_pairs_hook=sorted_keys)


def words(response: requests.Response, status: int) -> str:
    assert (response.status_code, response.headers["Content-Type"]) == (status, TEXT)
    return response.text


def sample(text: str) -> set[str]:
    """The names of a recorded object."""
    return set(json.loads(text))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("100.00", "100"),
        ("1E+3", "1000"),
        ("1E-9", "0.000000001"),
        ("0.10", "0.1"),
        ("-1566.20", "-1566.2"),
        ("0.000", "0"),
        ("-0.00", "0"),
        ("1000", "1000"),
    ],
)
def test_how_a_decimal_is_written(value: str, text: str) -> None:
    assert formatting.plain(Decimal(value)) == text


def test_how_a_time_is_written() -> None:
    micros = NOON * 1_000_000 + 94_999  # cut off, not rounded
    assert formatting.iso(micros) == "2026-09-01T12:00:00.094"
    assert formatting.iso(micros, 0) == "2026-09-01T12:00:00"
    assert formatting.spaced(micros) == "2026-09-01 12:00:00"


# --- shapes: public -------------------------------------------------------------------------------


def test_status(still: Plain) -> None:
    assert still.get("/api/v1/status").text == '{"message":null,"status":"Ok"}'


def test_ping_and_time_are_plain_text(still: Plain) -> None:
    assert words(still.get("/api/v1/ping"), 200) == "pong"
    before = time.time_ns() // 1_000_000
    told_time = words(still.get("/api/v1/time"), 200)
    assert before <= int(told_time) <= time.time_ns() // 1_000_000
    assert re.fullmatch(r"\d{13}", told_time)


def test_market_is_the_recorded_one_to_the_byte(still: Plain) -> None:
    response = still.get("/api/v1/market?symbol=SOL_USDC")
    assert response.headers["Content-Length"] == "861"  # as recorded on 2026-09-01
    assert told(response)["createdAt"] == "2025-01-21T06:34:54.691858"


def test_markets(still: Plain) -> None:
    rows = told(still.get("/api/v1/markets"))
    closed = [row["symbol"] for row in rows if row["orderBookState"] == "Closed"]
    assert closed == ["HNT_USDC"]
    futures = told(still.get("/api/v1/markets?marketType=PERP"))
    assert futures == [row for row in rows if row["marketType"] == "PERP"]
    assert 0 < len(futures) < len(rows)
    assert told(still.get("/api/v1/markets?marketType=PERP&marketType=SPOT")) == rows
    assert told(still.get("/api/v1/markets?marketType=DATED")) == []
    assert rows[0] == told(still.get("/api/v1/market?symbol=SOL_USDC"))


def test_assets(still: Plain) -> None:
    rows = told(still.get("/api/v1/assets"))
    assert {frozenset(row) for row in rows} == {
        frozenset({"symbol", "displayName", "coingeckoId", "tokens"})
    }
    assert {frozenset(token) for row in rows for token in row["tokens"]} == {
        frozenset(
            {"blockchain", "contractAddress", "depositEnabled", "displayName", "maximumWithdrawal"}
            | {"minimumDeposit", "minimumWithdrawal", "nativeDecimals", "withdrawEnabled"}
            | {"withdrawalFee"}
        )
    }
    traded = {
        row[side]
        for row in told(still.get("/api/v1/markets?marketType=SPOT"))
        for side in ("baseSymbol", "quoteSymbol")
    }
    assert traded == {row["symbol"] for row in rows}


TICKER = sample(
    '{"firstPrice":"78919.6","high":"79248","lastPrice":"77353.4","low":"77304.7",'
    '"priceChange":"-1566.2","priceChangePercent":"-0.019846","quoteVolume":"79439561.978402",'
    '"symbol":"BTC_USDC_PERP","trades":"14184","volume":"1014.24492"}'
)


@pytest.mark.parametrize("interval", ["", "&interval=1d", "&interval=1w"])
def test_ticker(still: Plain, interval: str) -> None:
    row = told(still.get(f"/api/v1/ticker?symbol=SOL_USDC{interval}"))
    assert set(row) == TICKER
    first, last = Decimal(row["firstPrice"]), Decimal(row["lastPrice"])
    assert Decimal(row["priceChange"]) == last - first
    # A fraction, rounded half up to six places.
    assert abs(Decimal(row["priceChangePercent"]) - (last - first) / first) <= Decimal("0.0000005")
    assert Decimal(row["low"]) <= min(first, last) <= max(first, last) <= Decimal(row["high"])
    assert re.fullmatch(r"[1-9]\d*", row["trades"])


def test_a_ticker_is_a_day_unless_asked(still: Plain) -> None:
    day = still.get("/api/v1/ticker?symbol=SOL_USDC").text
    assert day == still.get("/api/v1/ticker?symbol=SOL_USDC&interval=1d").text
    assert day != still.get("/api/v1/ticker?symbol=SOL_USDC&interval=1w").text


@pytest.mark.parametrize(("interval", "hours"), [("1d", 24), ("1w", 168)])
def test_a_ticker_is_its_candles(still: Plain, interval: str, hours: int) -> None:
    row = told(still.get(f"/api/v1/ticker?symbol=SOL_USDC&interval={interval}"))
    candles = klines(still, "1h", NOON - hours * 3600)
    assert len(candles) == hours and row["firstPrice"] == candles[0]["open"]
    for name in ("volume", "quoteVolume", "trades"):
        assert Decimal(row[name]) == sum(Decimal(candle[name]) for candle in candles)


def test_the_change_is_rounded_half_up(still: Plain) -> None:
    for row in told(still.get("/api/v1/tickers")):
        first, last = Fraction(row["firstPrice"]), Fraction(row["lastPrice"])
        millionths = floor((last - first) / first * 10**6 + Fraction(1, 2))
        shown = Fraction(row["priceChangePercent"]) * 10**6
        assert shown == millionths, row["symbol"]


def test_the_closed_market_has_no_ticker(still: Plain) -> None:
    response = still.get("/api/v1/ticker?symbol=HNT_USDC")
    assert (response.status_code, response.content) == (204, b"")
    assert "Content-Type" not in response.headers
    rows = told(still.get("/api/v1/tickers"))
    assert "HNT_USDC" not in {row["symbol"] for row in rows}
    assert told(still.get("/api/v1/ticker?symbol=BTC_USDC")) in rows


def test_depth(still: Plain) -> None:
    depth = told(still.get("/api/v1/depth?symbol=SOL_USDC"))
    assert set(depth) == {"asks", "bids", "lastUpdateId", "timestamp"}
    assert re.fullmatch(r"\d+", depth["lastUpdateId"])
    assert depth["timestamp"] == NOON * 1_000_000 and len(str(depth["timestamp"])) == 16
    for side in ("bids", "asks"):
        assert 50 < len(depth[side]) < 70  # all that the market maker quotes
        prices = [Decimal(price) for price, _ in depth[side]]
        assert prices == sorted(prices)  # both sides ascending: the best bid is the last
        assert all(Decimal(quantity) > 0 for _, quantity in depth[side])
    assert Decimal(depth["bids"][-1][0]) < Decimal(depth["asks"][0][0])


@pytest.mark.parametrize("limit", [5, 10, 20, 50])
def test_depth_limit_keeps_the_best(still: Plain, limit: int) -> None:
    whole = told(still.get("/api/v1/depth?symbol=SOL_USDC&limit=1000"))
    depth = told(still.get(f"/api/v1/depth?symbol=SOL_USDC&limit={limit}"))
    assert depth["bids"] == whole["bids"][-limit:]
    assert depth["asks"] == whole["asks"][:limit]


TRADE = sample(
    '{"id":8721563,"isBuyerMaker":false,"price":"117427.6","quantity":"0.00016",'
    '"quoteQuantity":"18.788416","timestamp":1753123916819}'
)


def test_trades(still: Plain) -> None:
    rows = told(still.get("/api/v1/trades?symbol=BTC_USDC"))
    assert len(rows) == 100
    assert {frozenset(row) for row in rows} == {frozenset(TRADE)}
    assert {type(row["id"]) for row in rows} == {int}
    assert {type(row["isBuyerMaker"]) for row in rows} == {bool}
    assert len({row["id"] for row in rows}) == 100
    times = [row["timestamp"] for row in rows]
    assert times == sorted(times, reverse=True)
    assert NOON * 1000 - 3_600_000 < times[-1] <= times[0] <= NOON * 1000  # milliseconds
    for row in rows:
        assert Decimal(row["quoteQuantity"]) == Decimal(row["price"]) * Decimal(row["quantity"])


def test_trades_limit_and_offset(still: Plain) -> None:
    rows = told(still.get("/api/v1/trades?symbol=SOL_USDC&limit=1000"))
    assert len(rows) == 1000
    assert told(still.get("/api/v1/trades?symbol=SOL_USDC&limit=3")) == rows[:3]
    assert told(still.get("/api/v1/trades?symbol=SOL_USDC&limit=0")) == []
    assert told(still.get("/api/v1/trades/history?symbol=SOL_USDC")) == rows[:100]
    page = told(still.get("/api/v1/trades/history?symbol=SOL_USDC&limit=5&offset=40"))
    assert page == rows[40:45]
    end = told(still.get(f"/api/v1/trades/history?symbol=SOL_USDC&offset={2**64 - 1}"))
    assert end == []


@pytest.mark.parametrize("path", ["trades", "trades/history"])
def test_trades_limit_is_at_most_1000(still: Plain, path: str) -> None:
    answer = told(still.get(f"/api/v1/{path}?symbol=SOL_USDC&limit=1001"), 400)
    assert answer["code"] == "INVALID_CLIENT_REQUEST"


def test_open_interest_is_a_list_even_of_one(still: Plain) -> None:
    rows = told(still.get("/api/v1/openInterest?symbol=SOL_USDC_PERP"))
    assert [set(row) for row in rows] == [{"openInterest", "symbol", "timestamp"}]
    assert rows[0]["timestamp"] == NOON * 1000
    every = told(still.get("/api/v1/openInterest"))
    assert rows[0] in every
    assert told(still.get("/api/v1/openInterest?symbol=HNT_USDC")) == []
    assert {row["symbol"] for row in every} == {
        row["symbol"] for row in told(still.get("/api/v1/markets?marketType=PERP"))
    }


def test_mark_prices(still: Plain) -> None:
    rows = told(still.get("/api/v1/markPrices?symbol=BTC_USDC_PERP"))
    assert [set(row) for row in rows] == [
        sample(
            '{"fundingRate":"0.0000125","indexPrice":"77340.4624319","markPrice":"77346.3",'
            '"nextFundingTimestamp":1788285600000,"symbol":"BTC_USDC_PERP"}'
        )
    ]
    assert rows[0]["nextFundingTimestamp"] == (NOON + 3600) * 1000
    assert rows[0] in told(still.get("/api/v1/markPrices"))
    assert told(still.get("/api/v1/markPrices?marketType=SPOT")) == []


def test_funding_rates(still: Plain) -> None:
    response = still.get("/api/v1/fundingRates?symbol=ETH_USDC_PERP&limit=3")
    rows = told(response)
    assert {frozenset(row) for row in rows} == {
        frozenset(("fundingRate", "intervalEndTimestamp", "symbol"))
    }
    assert [row["intervalEndTimestamp"] for row in rows] == [  # newest first, the running one too
        "2026-09-01T13:00:00",
        "2026-09-01T12:00:00",
        "2026-09-01T11:00:00",
    ]
    # Every hour from 2024-01-01T01:00 on: 974 days and 13 hours.
    assert response.headers["X-Total"] == str(974 * 24 + 13)
    assert response.headers["X-Page-Size"] == "3"
    assert response.headers["X-Page-Count"] == "7797"  # 23,389 / 3, the last page holds one
    assert response.headers["X-Current-Page"] == "1"
    last = still.get("/api/v1/fundingRates?symbol=ETH_USDC_PERP&limit=3&offset=23388")
    assert [row["intervalEndTimestamp"] for row in told(last)] == ["2024-01-01T01:00:00"]
    assert last.headers["X-Current-Page"] == "7797"
    assert (
        "intervalEndTimestamp"
        not in still.get("/api/v1/fundingRates?symbol=ETH_USDC_PERP&offset=23389").text
    )
    same = told(still.get("/api/v1/markPrices?symbol=ETH_USDC_PERP"))[0]["fundingRate"]
    assert rows[0]["fundingRate"] == same


def test_funding_rates_limit(still: Plain) -> None:
    assert len(told(still.get("/api/v1/fundingRates?symbol=ETH_USDC_PERP"))) == 100
    assert len(told(still.get("/api/v1/fundingRates?symbol=ETH_USDC_PERP&limit=1001"))) == 1001
    told(still.get("/api/v1/fundingRates?symbol=ETH_USDC_PERP&limit=10001"), 400)


@pytest.mark.parametrize("symbol", ["NOPE", "SOL_USDC"])
def test_funding_rates_of_what_has_none(still: Plain, symbol: str) -> None:
    response = still.get(f"/api/v1/fundingRates?symbol={symbol}&limit=10")
    assert response.text == "[]"
    pages = {name: response.headers[name] for name in response.headers if name.startswith("X-")}
    assert pages["X-Total"] == "0" and pages["X-Page-Count"] == "1"
    assert pages["X-Current-Page"] == "1" and pages["X-Page-Size"] == "10"


# --- shapes: what does not change with the market -------------------------------------------------


def names(rows: list[dict[str, Any]]) -> set[frozenset[str]]:
    """The names of rows; of one shape they are one set."""
    return {frozenset(row) for row in rows}


def test_collateral_parameters(still: Plain) -> None:
    rows = told(still.get("/api/v1/collateral"))
    assert names(rows) == {frozenset(("symbol", "imfFunction", "mmfFunction", "haircutFunction"))}
    assert {row["symbol"] for row in rows} == {
        row["symbol"] for row in told(still.get("/api/v1/assets"))
    }
    weights = {row["symbol"]: row["haircutFunction"]["weight"] for row in rows}
    assert weights["USDC"] == "1"
    assert weights["USDT"] == "0.95"  # recorded on 2026-09-01
    assert all(row["haircutFunction"]["kind"] == {"type": "identity"} for row in rows)


def test_borrow_lend_markets(still: Plain) -> None:
    rows = {row["symbol"]: row for row in told(still.get("/api/v1/borrowLend/markets"))}
    assert set(rows) == {"SOL", "BTC", "ETH", "USDC", "USDT"}
    assert {len(row) for row in rows.values()} == {17}
    row = rows["USDC"]
    assert row["assetMarkPrice"] == "1" and row["timestamp"] == "2026-09-01T12:00:00.000Z"
    trade = told(still.get("/api/v1/trades?symbol=SOL_USDC&limit=1"))[0]
    assert rows["SOL"]["assetMarkPrice"] == trade["price"]
    for row in rows.values():
        lent, borrowed = Decimal(row["lentQuantity"]), Decimal(row["borrowedQuantity"])
        assert abs(borrowed / lent - Decimal(row["utilization"])) <= Decimal("0.00000001")
        assert Decimal(row["utilization"]) < Decimal(row["optimalUtilization"])
        # 8 % a year at the optimal utilization; lenders get what is paid, without the fee.
        paid, earned = Decimal(row["borrowInterestRate"]), Decimal(row["lendInterestRate"])
        assert abs(paid - Decimal(row["utilization"]) / 10) <= Decimal("0.00000001")
        share = paid * Decimal(row["utilization"]) * (1 - Decimal(row["fee"]))
        assert abs(earned - share) <= Decimal("0.00000001")


@pytest.mark.parametrize(
    ("interval", "count", "apart"),
    [("1d", 24, 3600), ("1w", 28, 6 * 3600), ("1month", 30, 86_400), ("1year", 52, 604_800)],
)
def test_borrow_lend_history(still: Plain, interval: str, count: int, apart: int) -> None:
    target = f"/api/v1/borrowLend/markets/history?interval={interval}"
    rows = told(still.get(f"{target}&symbol=SOL"))
    assert len(rows) == count
    times = [datetime.fromisoformat(row["timestamp"]).timestamp() for row in rows]
    assert {after - before for before, after in pairwise(times)} == {apart}  # oldest first
    assert NOON - apart < times[-1] <= NOON
    every = told(still.get(target))
    assert len(every) == 5 * count and every[:count] == rows
    assert told(still.get(f"{target}&symbol=NOPE")) == []
    assert "BorrowLendMarketHistoryInterval" in words(still.get(target + "x"), 400)


def test_the_history_ends_with_the_markets(still: Plain) -> None:
    now = {row["symbol"]: row for row in told(still.get("/api/v1/borrowLend/markets"))}
    last = told(still.get("/api/v1/borrowLend/markets/history?interval=1d&symbol=ETH"))[-1]
    assert last == {name: now["ETH"][name] for name in last}


def test_apy_rates(still: Plain) -> None:
    answer = told(still.get("/api/v1/borrowLend/apy"))
    assert set(answer) == {"borrowLend", "staking"}
    markets = {row["symbol"]: row for row in told(still.get("/api/v1/borrowLend/markets"))}
    for row in answer["borrowLend"]:
        assert row["borrowRate"] == markets[row["symbol"]]["borrowInterestRate"]
        assert row["lendRate"] == markets[row["symbol"]]["lendInterestRate"]
    assert len(answer["borrowLend"]) == len(markets)
    assert names(answer["staking"]) == {frozenset(("symbol", "dilutionFactor", "stakingRate"))}
    assert told(still.get("/api/v1/borrowLend/apy?tierId=-1")) == answer  # no tiers here
    assert "integer_int32" in words(still.get("/api/v1/borrowLend/apy?tierId=2147483648"), 400)


def test_lending_changes_each_hour(sandbox: Sandbox, plain: Plain) -> None:
    """The simulated people lend and borrow other amounts in each hour, and the history has them."""

    def state() -> list[dict[str, str]]:
        rows = told(plain.get("/api/v1/borrowLend/markets"))
        changing = ("assetMarkPrice", "timestamp")
        return [{name: row[name] for name in row if name not in changing} for row in rows]

    before = state()
    sandbox.advance(minutes=59)
    assert state() == before
    sandbox.advance(minutes=1)
    after = state()
    assert all(row != old for row, old in zip(after, before, strict=True))
    rows = told(plain.get("/api/v1/borrowLend/markets/history?interval=1d"))
    for place, (row, old) in enumerate(zip(after, before, strict=True)):
        past, last = rows[24 * place + 22 : 24 * place + 24]
        assert past | old == old | past and last | row == row | last


def test_there_are_no_prediction_markets(still: Plain) -> None:
    response = still.get("/api/v1/prediction?limit=5&resolved=false")
    assert response.text == "[]"
    assert response.headers["X-Total"] == "0" and response.headers["X-Page-Size"] == "5"
    assert names(told(still.get("/api/v1/prediction/tags"))) == {frozenset(("slug", "title"))}
    assert '"boolean"' in words(still.get("/api/v1/prediction?resolved=True"), 400)


def test_sessions_and_securities(still: Plain) -> None:
    sessions = told(still.get("/api/v1/market-sessions"))
    assert len(names(sessions)) == 1
    assert "US_MARKET_HOURS" in {row["name"] for row in sessions}  # the specification's example
    for row in sessions:
        assert re.fullmatch(r"\d\d:\d\d:\d\d", row["startTime"])
        assert 1 <= row["startWeekday"] <= 7
    securities = told(still.get("/api/v1/securities"))
    assert names(securities) == {frozenset(("asset", "name", "cusip", "sessions"))}
    told_of = {one["name"] for row in securities for one in row["sessions"]}
    assert told_of <= {row["name"] for row in sessions}


def test_there_are_no_vaults(still: Plain) -> None:
    assert still.get("/api/v1/vaults").text == "[]"
    assert still.get("/api/v1/vaults/history?interval=1d&vaultId=1").text == "[]"
    assert "interval" in words(still.get("/api/v1/vaults/history"), 400)


def test_wallets_take_nothing(still: Plain) -> None:
    rows = told(still.get("/api/v1/wallets"))
    assert names(rows) == {frozenset(("blockchain", "address"))}
    assert all("send-nothing-here" in row["address"] for row in rows)


def test_fee_tiers_begin_with_the_account(still: Plain) -> None:
    """Its two lists are known, and the first and the last tier's fees; the names are a guess."""
    tiers = told(still.get("/wapi/v1/feeTiers"))
    assert set(tiers) == {"futures", "spot"}
    account = told(still.call("get_account"))
    for kind in tiers:
        assert tiers[kind][0]["makerFee"] == account[f"{kind}MakerFee"]
        assert tiers[kind][0]["takerFee"] == account[f"{kind}TakerFee"]
    assert (tiers["futures"][-1]["makerFee"], tiers["futures"][-1]["takerFee"]) == ("0", "1.8")


def test_answers_that_are_not_documented(still: Plain) -> None:
    """That they exist is known, and nothing of their shapes."""
    assert len(told(still.get("/api/v1/market-holidays"))) > 0
    assert told(still.get("/wapi/v1/country"))["country"] == "SANDBOX"
    assert told(still.get("/wapi/v1/country/permissions"))["spot"] is True


# --- signed: what cannot happen here --------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("get_dust_history", "get_strategies_history", "get_rfq_history", "get_quote_history"),
        *("get_rfq_fill_history", "get_quote_fill_history"),
        *("get_vault_mint_history", "get_vault_redeem_history"),
    ],
)
def test_histories_of_what_cannot_happen(still: Plain, name: str) -> None:
    response = still.call(name, {"limit": 7, "offset": 0, "sortDirection": "Asc"})
    assert response.text == "[]"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Total"] == "0" and response.headers["X-Page-Size"] == "7"
    assert response.headers["X-Page-Count"] == response.headers["X-Current-Page"] == "1"
    told(still.call(name, {"limit": 1001}), 400)
    if name not in ("get_vault_mint_history", "get_vault_redeem_history"):  # not documented
        assert "SortDirection" in words(still.call(name, {"sortDirection": "up"}), 400)


def test_what_is_for_a_vaults_own_key(still: Plain) -> None:
    """Documented: only such a key may ask. The sandbox has no vaults, so that no key is one's."""
    redeems = still.call("get_vault_pending_redeems", {"vaultId": 1})
    assert told(redeems, 403)["code"] == "FORBIDDEN"
    assert told(still.call("get_vault_nav"), 401)["code"] == "UNAUTHORIZED"


# --- candles --------------------------------------------------------------------------------------


def klines(plain: Plain, interval: str, start: int, end: int | None = None) -> list[dict[str, Any]]:
    until = "" if end is None else f"&endTime={end}"
    query = f"symbol=SOL_USDC&interval={interval}&startTime={start}{until}"
    rows: list[dict[str, Any]] = told(plain.get(f"/api/v1/klines?{query}"))
    return rows


def starts(rows: list[dict[str, Any]]) -> list[str]:
    return [row["start"] for row in rows]


def test_a_candle(still: Plain) -> None:
    rows = klines(still, "1m", NOON - 600)
    assert set(rows[0]) == sample(
        '{"close":"99.95","end":"2026-09-02 06:57:00","high":"99.95","low":"99.88","open":"99.88",'
        '"quoteVolume":"2790.2136","start":"2026-09-02 06:56:00","trades":"8","volume":"27.93"}'
    )
    assert rows[0]["start"] == "2026-09-01 11:50:00"
    assert rows[0]["end"] == "2026-09-01 11:51:00"
    assert {type(value) for row in rows for value in row.values()} <= {str, type(None)}


def test_the_start_is_floored_and_the_running_candle_left_out(still: Plain) -> None:
    """As recorded: from 06:56:10 on ten rows, the first of 06:56:00, none of the running minute."""
    assert starts(klines(still, "1m", NOON - 590)) == [
        f"2026-09-01 11:{minute}:00" for minute in range(50, 60)
    ]
    assert starts(klines(still, "1h", NOON - 1800)) == ["2026-09-01 11:00:00"]
    assert klines(still, "1m", NOON) == []
    assert klines(still, "1d", NOON - 1800) == []
    assert klines(still, "1h", NOON + 86_400) == []


def test_a_candle_is_shown_when_it_has_closed(sandbox: Sandbox, plain: Plain) -> None:
    sandbox.advance(seconds=59)
    assert klines(plain, "1m", NOON) == []
    sandbox.advance(seconds=1)
    assert starts(klines(plain, "1m", NOON)) == ["2026-09-01 12:00:00"]
    sandbox.advance(seconds=90)
    assert starts(klines(plain, "1m", NOON)) == ["2026-09-01 12:00:00", "2026-09-01 12:01:00"]


def test_the_end_is_not_included(still: Plain) -> None:
    """The specification is silent; a candle that starts at endTime is left to the next page."""
    rows = klines(still, "1m", NOON - 600, NOON - 300)
    assert starts(rows) == [f"2026-09-01 11:{minute}:00" for minute in range(50, 55)]
    following = klines(still, "1m", NOON - 300)
    assert rows + following == klines(still, "1m", NOON - 600)
    for start in (NOON - 600, NOON - 590):  # no time is between the start and the end
        assert klines(still, "1m", start, start) == []


def test_at_most_a_thousand_candles(still: Plain) -> None:
    rows = klines(still, "1m", NOON - 100_000)
    assert len(rows) == 1000
    assert rows[0]["start"] == "2026-08-31 08:13:00"  # 27 h 46 min 40 s before, floored
    assert all(before["end"] == row["start"] for before, row in pairwise(rows))


def test_candles_of_months(still: Plain) -> None:
    rows = klines(still, "1month", 1_780_272_000)  # 2026-06-01
    assert [(row["start"], row["end"]) for row in rows] == [
        ("2026-06-01 00:00:00", "2026-07-01 00:00:00"),
        ("2026-07-01 00:00:00", "2026-08-01 00:00:00"),
        ("2026-08-01 00:00:00", "2026-09-01 00:00:00"),
    ]


INTERVALS = [
    *("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w")
]
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@pytest.mark.parametrize("interval", INTERVALS)
def test_candles_are_as_long_as_they_say(still: Plain, interval: str) -> None:
    width = int(interval[:-1]) * SECONDS[interval[-1]]
    rows = klines(still, interval, NOON - 3 * width, NOON)
    assert 2 <= len(rows) <= 3
    for row in rows:
        start, end = (datetime.fromisoformat(row[name]) for name in ("start", "end"))
        assert (end - start).total_seconds() == width
        assert end.replace(tzinfo=UTC).timestamp() <= NOON


def test_an_hour_is_its_sixty_minutes(still: Plain) -> None:
    [hour] = klines(still, "1h", NOON - 3600)
    minutes = [row for row in klines(still, "1m", NOON - 3600) if row["trades"] != "0"]
    assert minutes[0]["open"] == hour["open"] and minutes[-1]["close"] == hour["close"]
    assert max(Decimal(row["high"]) for row in minutes) == Decimal(hour["high"])
    assert min(Decimal(row["low"]) for row in minutes) == Decimal(hour["low"])
    for name in ("volume", "quoteVolume", "trades"):
        assert sum(Decimal(row[name]) for row in minutes) == Decimal(hour[name])


def test_a_minute_is_its_trades(still: Plain) -> None:
    [minute] = klines(still, "1m", NOON - 60)
    trades = [
        row
        for row in told(still.get("/api/v1/trades?symbol=SOL_USDC"))
        if (NOON - 60) * 1000 <= row["timestamp"] < NOON * 1000
    ]
    assert minute["trades"] == str(len(trades)) and len(trades) > 0
    assert (minute["open"], minute["close"]) == (trades[-1]["price"], trades[0]["price"])
    assert Decimal(minute["volume"]) == sum(Decimal(row["quantity"]) for row in trades)


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (  # recorded
            "/depth?symbol=SOL_USDC&limit=7",
            'failed to parse parameter `limit`: failed to parse "DepthLimit": '
            "Expect a valid enumeration value.",
        ),
        (  # recorded
            "/klines?symbol=SOL_USDC&interval=7m&startTime=0",
            'failed to parse parameter `interval`: failed to parse "KlineInterval": '
            "Expect a valid enumeration value.",
        ),
        (
            "/markets?marketType=SPOT&marketType=spot",
            'failed to parse parameter `marketType`: failed to parse "MarketType": '
            "Expect a valid enumeration value.",
        ),
        (
            "/depth",
            'failed to parse parameter `symbol`: Type "string" expects an input value.',
        ),
        (
            "/klines?symbol=SOL_USDC&interval=1m",
            'failed to parse parameter `startTime`: Type "integer_int64" expects an input value.',
        ),
        (
            "/klines?symbol=SOL_USDC&interval=1m&startTime=1.5",
            'failed to parse parameter `startTime`: failed to parse "integer_int64": '
            "invalid digit found in string",
        ),
        (
            "/trades?symbol=SOL_USDC&limit=65536",
            'failed to parse parameter `limit`: failed to parse "integer_uint16": '
            "number too large to fit in target type",
        ),
        (
            f"/trades?symbol=SOL_USDC&limit={'9' * 5000}",
            'failed to parse parameter `limit`: failed to parse "integer_uint16": '
            "number too large to fit in target type",
        ),
        (
            "/trades/history?symbol=SOL_USDC&offset=-1",
            'failed to parse parameter `offset`: failed to parse "integer_uint64": '
            "invalid digit found in string",
        ),
    ],
)
def test_a_query_that_cannot_be_read(still: Plain, target: str, text: str) -> None:
    assert words(still.get("/api/v1" + target), 400) == text


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (  # recorded
            {"symbol": "NOPE"},
            'failed to parse "MarketSymbol": Invalid market symbol',
        ),
        ({"side": "Buy"}, 'failed to parse "Side": Expect a valid enumeration value.'),
        ({"price": 170.5}, 'Expected input type "string_decimal", found 170.5.'),
        ({"postOnly": "true"}, 'Expected input type "boolean", found "true".'),
        ({"clientId": "7"}, 'Expected input type "integer_uint32", found "7".'),
        ({"clientId": True}, 'Expected input type "integer_uint32", found true.'),
        (
            {"clientId": 2**32},
            'failed to parse "integer_uint32": number too large to fit in target type',
        ),
        ({"orderType": None}, 'Type "OrderTypeEnum" expects an input value.'),
        *(
            (
                {"price": text},
                'failed to parse "string_decimal": Invalid decimal: unknown character',
            )
            for text in ("", "1e2", "NaN", "Infinity", " 1", "1_0", "\u0661", "1,5", ".", "0x1")
        ),
    ],
)
def test_an_order_that_cannot_be_read(still: Plain, change: dict[str, Any], text: str) -> None:
    response = still.call("execute_order", GUIDE | change)
    assert words(response, 400) == (
        f'parse request payload error: {text} (occurred while parsing "OrderExecutePayload")'
    )


@pytest.mark.parametrize("target", ["/api/v1", "/api/v1/nope", "/api/v1/time/", "/API/v1/time"])
def test_an_unknown_path(still: Plain, target: str) -> None:
    assert words(still.get(target), 404) == "not found"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_an_unknown_method(still: Plain, method: str) -> None:
    response = still.session.request(method, still.url + "/api/v1/time", timeout=10)
    assert words(response, 405) == "method not allowed"


def test_a_body_needs_its_content_type(still: Plain) -> None:
    url = still.url + "/api/v1/order"
    response = still.session.post(url, data=b"{}", timeout=10)
    assert words(response, 415) == "the client request does not include the `Content-Type` header"
    for given in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp"):
        response = still.session.post(url, b"{}", headers={"Content-Type": given}, timeout=10)
        assert words(response, 415) == (
            f"the `Content-Type` requested by the client is not supported: {given}"
        )
    for good in ("application/json", "application/json; charset=utf-8", "Application/JSON"):
        response = still.session.post(url, b"{}", headers={"Content-Type": good}, timeout=10)
        assert response.status_code == 400


@pytest.mark.parametrize(
    ("target", "status", "code", "message"),
    [
        ("/depth?symbol=NOPE", 400, "INVALID_CLIENT_REQUEST", "Invalid market symbol"),
        ("/market?symbol=NOPE", 400, "INVALID_CLIENT_REQUEST", "Invalid market symbol"),
        ("/ticker?symbol=NOPE", 400, "INVALID_CLIENT_REQUEST", "Invalid market symbol"),
        ("/trades?symbol=sol_usdc", 400, "INVALID_CLIENT_REQUEST", "Invalid market symbol"),
        ("/openInterest?symbol=NOPE", 400, "INVALID_CLIENT_REQUEST", "Invalid market symbol"),
        (
            "/klines?symbol=NOPE&interval=1h&startTime=1788264000",
            400,
            "INVALID_CLIENT_REQUEST",
            "Invalid market symbol",
        ),
        ("/depth?symbol=HNT_USDC", 404, "RESOURCE_NOT_FOUND", "Not Found"),
        ("/markPrices?symbol=NOPE", 400, "INVALID_CLIENT_REQUEST", "Symbol not found"),
        ("/markPrices?symbol=HNT_USDC", 400, "INVALID_CLIENT_REQUEST", "Symbol not found"),
    ],
)
def test_what_the_exchange_refuses(
    still: Plain, target: str, status: int, code: str, message: str
) -> None:
    assert told(still.get("/api/v1" + target), status) == {"code": code, "message": message}


def test_candles_that_the_sandbox_does_not_have(still: Plain) -> None:
    query = f"symbol=SOL_USDC&interval=1m&startTime={NOON - 600}"
    assert told(still.get(f"/api/v1/klines?{query}&priceType=Mark"), 501)["code"] == (
        "NOT_IMPLEMENTED"
    )
    assert len(told(still.get(f"/api/v1/klines?{query}&priceType=Last"))) == 10
    told(still.get(f"/api/v1/klines?{query}&endTime={NOON - 601}"), 400)


# --- headers and connections ----------------------------------------------------------------------

UNCACHED = 'no-cache="Set-Cookie"'


@pytest.mark.parametrize(
    ("target", "cache"),
    [
        ("/markets", "public, s-maxage=300, stale-while-revalidate=600, stale-if-error=3600"),
        (f"/klines?symbol=SOL_USDC&interval=1m&startTime={NOON}", "public, s-maxage=60"),
        ("/tickers", "public, s-maxage=20"),
        ("/openInterest", "public, s-maxage=5"),
        ("/markPrices", "public, s-maxage=1"),
        ("/market?symbol=SOL_USDC", UNCACHED),
        ("/depth?symbol=SOL_USDC", UNCACHED),
    ],
)
def test_how_long_an_answer_may_be_kept(still: Plain, target: str, cache: str) -> None:
    headers = still.get("/api/v1" + target).headers
    assert headers["Cache-Control"] == cache
    assert headers["Vary"] == "Origin"
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "Server" not in headers


def connect(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=5)


def test_a_connection_is_kept(still: Plain) -> None:
    line = http.client.HTTPConnection(still.url.removeprefix("http://"), timeout=5)
    try:
        sockets = set()
        for target, status in [
            ("/api/v1/ping", 200),
            ("/api/v1/ticker?symbol=HNT_USDC", 204),
            ("/nope", 404),
            ("/api/v1/capital", 400),
            ("/api/v1/ping", 200),
        ]:
            line.request("GET", target)
            response = line.getresponse()
            response.read()
            assert response.status == status
            sockets.add(line.sock)
        assert len(sockets) == 1 and None not in sockets
    finally:
        line.close()


# --- signed reads ---------------------------------------------------------------------------------

FUNDS = {"BTC": "0.1", "ETH": "1", "SOL": "20", "USDC": "10000", "USDT": "1000"}


def funds(plain: Plain) -> dict[str, tuple[str, str]]:
    """Asset -> available and locked."""
    rows = told(plain.call("get_balances"))
    assert {frozenset(row) for row in rows.values()} <= {
        frozenset(("available", "locked", "staked"))
    }
    return {asset: (row["available"], row["locked"]) for asset, row in rows.items()}


def test_what_the_first_account_starts_with(still: Plain) -> None:
    assert funds(still) == {asset: (amount, "0") for asset, amount in FUNDS.items()}


def test_account(still: Plain) -> None:
    row = told(still.call("get_account"))
    assert row["spotMakerFee"] == "8" and row["spotTakerFee"] == "10"  # basis points
    assert (row["limitOrders"], row["triggerOrders"]) == (0, 0)
    assert row["autoLend"] is False and row["liquidating"] is False
    assert row["borrowLimit"] == row["positionLimit"] == "0"
    assert len(row) == 14


def test_deposit_address(still: Plain) -> None:
    answer = told(still.call("get_deposit_address", {"blockchain": "Solana"}))
    assert set(answer) == {"address"}
    assert "send-nothing-here" in answer["address"]
    other = told(still.call("get_deposit_address", {"blockchain": "Ethereum"}))
    assert other != answer
    text = words(still.call("get_deposit_address", {"blockchain": "solana"}), 400)
    assert text.startswith('failed to parse parameter `blockchain`: failed to parse "Blockchain"')


def test_empty_histories(still: Plain) -> None:
    for name in ("get_order_history", "get_fills"):
        response = still.call(name)
        assert response.text == "[]"
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Total"] == "0"
        assert response.headers["X-Page-Count"] == "1"
        assert response.headers["X-Current-Page"] == "1"
        told(still.call(name, {"limit": 1001}), 400)
    assert still.call("get_open_orders").text == "[]"


def test_a_signature_over_something_else(still: Plain) -> None:
    response = still.call("get_fills", {"symbol": "SOL_USDC"}, sign={})
    assert told(response, 400) == {
        "code": "INVALID_CLIENT_REQUEST",
        "message": "Invalid signature",
    }


def test_the_headers_of_a_page(still: Plain) -> None:
    for limit in (0, 7):
        headers = still.call("get_order_history", {"limit": limit}).headers
        shown = [headers[name] for name in ("X-Page-Size", "X-Page-Count", "X-Current-Page")]
        assert shown == [str(limit), "1", "1"]
        assert headers["Cache-Control"] == "no-store"


def test_an_empty_parameter_is_not_a_missing_one(still: Plain) -> None:
    answer = told(still.get("/api/v1/ticker?symbol="), 400)
    assert answer["message"] == "Invalid market symbol"


def test_the_first_of_two_values_counts(still: Plain) -> None:
    """A guess."""
    target = "/api/v1/market?symbol=SOL_USDC&symbol=BTC_USDC"
    assert told(still.get(target))["symbol"] == "SOL_USDC"


@pytest.mark.parametrize("name", ["get_open_orders", "get_positions"])
def test_lists_of_an_unknown_symbol_are_refused(still: Plain, name: str) -> None:
    answer = told(still.call(name, {"symbol": "NOPE"}), 400)
    assert answer == {"code": "INVALID_CLIENT_REQUEST", "message": "Invalid market symbol"}


def test_the_flags_of_a_largest_order_are_shown(still: Plain) -> None:
    asked = {"symbol": "SOL_USDC_PERP", "side": "Bid", "reduceOnly": "false"}
    answer = told(still.call("get_max_order_quantity", asked))
    assert answer["reduceOnly"] is False and answer["autoBorrow"] is None


# --- orders ---------------------------------------------------------------------------------------

NULLS = dict.fromkeys(
    (
        *("clientId", "reduceOnly", "relatedOrderId", "strategyId", "triggeredAt"),
        *("stopLossLimitPrice", "stopLossTriggerBy", "stopLossTriggerPrice"),
        *("takeProfitLimitPrice", "takeProfitTriggerBy", "takeProfitTriggerPrice"),
        *("triggerBy", "triggerPrice", "triggerQuantity"),
    )
)


def send(plain: Plain, **changes: object) -> dict[str, Any]:
    order: dict[str, Any] = told(plain.call("execute_order", GUIDE | changes))
    return order


def test_the_order_of_the_guide(sandbox: Sandbox, plain: Plain) -> None:
    before = dict(told(plain.get("/api/v1/depth?symbol=SOL_USDC"))["bids"])
    order = send(plain)
    assert order == NULLS | {
        "createdAt": NOON * 1000,
        "executedQuantity": "0",
        "executedQuoteQuantity": "0",
        "id": order["id"],
        "orderType": "Limit",
        "postOnly": False,
        "price": "170.5",
        "quantity": "1",
        "selfTradePrevention": "RejectTaker",
        "side": "Bid",
        "status": "New",
        "symbol": "SOL_USDC",
        "timeInForce": "GTC",
    }
    assert re.fullmatch(r"\d{11}", order["id"])

    # It waits: in the book, among the open orders, and with its price times quantity locked.
    bids = dict(told(plain.get("/api/v1/depth?symbol=SOL_USDC"))["bids"])
    assert Decimal(bids["170.5"]) == Decimal(before.get("170.5", "0")) + 1
    assert told(plain.call("get_open_orders")) == [order]
    name = {"symbol": "SOL_USDC", "orderId": order["id"]}
    assert told(plain.call("get_order", name)) == order
    assert funds(plain)["USDC"] == ("9829.5", "170.5")
    assert told(plain.call("get_account"))["limitOrders"] == 1
    assert plain.call("get_fills").text == "[]"

    sandbox.advance(minutes=5)

    assert told(plain.call("get_order", name), 404) == {
        "code": "RESOURCE_NOT_FOUND",
        "message": "Not Found",
    }
    assert plain.call("get_open_orders").text == "[]"
    fills = told(plain.call("get_fills"))
    assert {frozenset(fill) for fill in fills} == {
        frozenset(
            sample(
                '{"clientId":null,"fee":"0.004974","feeSymbol":"USDC","isMaker":false,'
                '"orderId":"4238907375","price":"3826.15","quantity":"0.0026","side":"Bid",'
                '"symbol":"ETH_USDC_PERP","systemOrderType":null,'
                '"timestamp":"2025-07-27T17:39:00.092","tradeId":9748827}'
            )
        )
    }
    for fill in fills:
        assert (fill["feeSymbol"], fill["isMaker"], fill["price"]) == ("SOL", True, "170.5")
        assert re.fullmatch(r"2026-09-01T12:0[0-4]:\d\d\.\d{3}", fill["timestamp"])
        assert (fill["orderId"], fill["clientId"]) == (order["id"], None)
    assert sum(Decimal(fill["quantity"]) for fill in fills) == 1
    assert sum(Decimal(fill["fee"]) for fill in fills) == Decimal("0.0008")  # 8 basis points
    assert funds(plain)["USDC"] == ("9829.5", "0")
    assert funds(plain)["SOL"] == ("20.9992", "0")

    # Its trade is among everybody's.
    shown = {row["id"]: row for row in told(plain.get("/api/v1/trades?symbol=SOL_USDC"))}
    assert all(shown[fill["tradeId"]]["isBuyerMaker"] is True for fill in fills)

    [row] = told(plain.call("get_order_history"))
    assert row == {key: NULLS[key] for key in NULLS if key not in NOT_IN_HISTORY} | {
        "createdAt": "2026-09-01T12:00:00.000",
        "executedQuantity": "1",
        "executedQuoteQuantity": "170.5",
        "expiryReason": None,
        "id": order["id"],
        "orderType": "Limit",
        "postOnly": False,
        "price": "170.5",
        "quantity": "1",
        "quoteQuantity": "170.5",
        "selfTradePrevention": "RejectTaker",
        "side": "Bid",
        "slippageTolerance": None,
        "slippageToleranceType": None,
        "status": "Filled",
        "symbol": "SOL_USDC",
        "systemOrderType": None,
        "timeInForce": "GTC",
    }


NOT_IN_HISTORY = {"reduceOnly", "relatedOrderId", "triggeredAt"}


def test_cancel(plain: Plain) -> None:
    order = send(plain, clientId=7)
    name = {"symbol": "SOL_USDC", "clientId": 7}
    assert told(plain.call("get_order", name)) == order
    assert told(plain.call("cancel_order", name)) == order | {"status": "Cancelled"}
    assert funds(plain)["USDC"] == ("10000", "0")
    assert told(plain.call("cancel_order", name), 400)["message"] == "Order not found"
    assert told(plain.call("get_order", name), 404)["code"] == "RESOURCE_NOT_FOUND"
    assert [row["status"] for row in told(plain.call("get_order_history"))] == ["Cancelled"]


@pytest.mark.parametrize("which", [{}, {"orderId": "1", "clientId": 1}])
def test_an_order_is_named_by_one_id(plain: Plain, which: dict[str, Any]) -> None:
    name = {"symbol": "SOL_USDC", **which}
    assert told(plain.call("get_order", name), 400)["code"] == "INVALID_CLIENT_REQUEST"
    assert told(plain.call("cancel_order", name), 400)["code"] == "INVALID_CLIENT_REQUEST"


def test_cancel_all(plain: Plain) -> None:
    first, second = send(plain), send(plain, side="Ask", price="180")
    other = send(plain, symbol="ETH_USDC", price="2000", quantity="0.1")
    symbol = {"symbol": "SOL_USDC"}
    conditional = plain.call("cancel_open_orders", symbol | {"orderType": "ConditionalOrder"})
    assert conditional.text == "[]"
    cancelled = told(plain.call("cancel_open_orders", symbol))
    assert cancelled == [first | {"status": "Cancelled"}, second | {"status": "Cancelled"}]
    assert plain.call("cancel_open_orders", symbol).text == "[]"
    assert told(plain.call("get_open_orders")) == [other]
    assert told(plain.call("get_open_orders", {"marketType": "PERP"})) == []
    assert told(plain.call("get_open_orders", symbol)) == []


def best(plain: Plain) -> tuple[Decimal, Decimal]:
    depth = told(plain.get("/api/v1/depth?symbol=SOL_USDC&limit=5"))
    return Decimal(depth["bids"][-1][0]), Decimal(depth["asks"][0][0])


def market_order(side: str, **size: str) -> dict[str, str]:
    return {"symbol": "SOL_USDC", "side": side, "orderType": "Market", **size}


def test_a_market_order_that_buys(plain: Plain) -> None:
    _, ask = best(plain)
    order = told(plain.call("execute_order", market_order("Bid", quantity="0.03")))
    spent = ask * Decimal("0.03")
    assert order == NULLS | {
        "createdAt": NOON * 1000,
        "executedQuantity": "0.03",
        "executedQuoteQuantity": str(spent.normalize()),
        "id": order["id"],
        "orderType": "Market",
        "quantity": "0.03",
        # Filled in by the exchange: rounded up to the tick's decimals (3.81428 was shown as 3.82).
        "quoteQuantity": str(spent.quantize(Decimal("0.01"), ROUND_UP).normalize()),
        "selfTradePrevention": "RejectTaker",
        "side": "Bid",
        "slippageTolerance": None,
        "slippageToleranceType": None,
        "status": "Filled",
        "symbol": "SOL_USDC",
        "timeInForce": "GTC",
    }
    [fill] = told(plain.call("get_fills"))
    assert (fill["fee"], fill["feeSymbol"], fill["isMaker"]) == ("0.00003", "SOL", False)
    assert fill["timestamp"] == "2026-09-01T12:00:00.000"
    assert Decimal(funds(plain)["SOL"][0]) == 20 + Decimal("0.03") * Decimal("0.999")
    assert Decimal(funds(plain)["USDC"][0]) == 10_000 - spent


def test_an_order_that_is_filled_now_is_in_the_ticker(plain: Plain) -> None:
    target = "/api/v1/ticker?symbol=SOL_USDC"
    before = int(told(plain.get(target))["trades"])
    told(plain.call("execute_order", market_order("Bid", quantity="0.01")))
    assert int(told(plain.get(target))["trades"]) == before + 1


def test_batch(plain: Plain) -> None:
    orders = [
        GUIDE | {"clientId": 1, "postOnly": True},
        GUIDE | {"price": "170.505"},
        GUIDE | {"takeProfitTriggerPrice": "200"},
        GUIDE | {"side": "Ask", "price": "180", "quantity": "1"},
    ]
    first, second, third, fourth = told(plain.call("execute_order_batch", orders))
    assert first["operation"] == fourth["operation"] == "Ok"
    assert (first["clientId"], first["postOnly"], first["status"]) == (1, True, "New")
    assert set(first) == set(NULLS) | {
        *("createdAt", "executedQuantity", "executedQuoteQuantity", "id", "operation", "orderType"),
        *("postOnly", "price", "quantity", "selfTradePrevention", "side", "status", "symbol"),
        "timeInForce",
    }
    assert second == {
        "operation": "Err",
        "code": "INVALID_CLIENT_REQUEST",
        "message": "Price decimal too long",
    }
    assert (third["operation"], third["code"]) == ("Err", "NOT_IMPLEMENTED")
    assert len(told(plain.call("get_open_orders"))) == 2


def test_a_batch_is_read_as_a_whole(plain: Plain) -> None:
    text = words(plain.call("execute_order_batch", [GUIDE, GUIDE | {"side": "Buy"}]), 400)
    assert 'failed to parse "Side"' in text
    assert plain.call("get_open_orders").text == "[]"
    assert told(plain.call("execute_order_batch", [GUIDE] * 51), 400)["code"] == (
        "INVALID_CLIENT_REQUEST"
    )
    assert "Expected input type" in words(plain.call("execute_order_batch", GUIDE), 400)
    assert "Expected input type" in words(plain.call("execute_order", [GUIDE]), 400)


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"price": "170.505"}, "INVALID_CLIENT_REQUEST", "Price decimal too long"),
        ({"quantity": "0.001"}, "INVALID_CLIENT_REQUEST", "Quantity decimal too long"),
        (
            {"quantity": "0"},
            "INVALID_CLIENT_REQUEST",
            "Quantity is below the minimum allowed value",
        ),
        ({"price": "1000"}, "INVALID_PRICE", "Price is too far from the last active price"),
        (
            {"price": "172", "postOnly": True},
            "INVALID_ORDER",
            "Order would immediately match and take",
        ),
        ({"quantity": "60"}, "INSUFFICIENT_FUNDS", "Insufficient funds"),  # 10,230 of 10,000 USDC
        (
            {"triggerPrice": "160"},
            "INVALID_CLIENT_REQUEST",
            "Must specify both `triggerPrice` and `triggerQuantity` or neither",
        ),
    ],
)
def test_orders_that_are_refused(
    plain: Plain, change: dict[str, Any], code: str, message: str
) -> None:
    assert told(plain.call("execute_order", GUIDE | change), 400) == {
        "code": code,
        "message": message,
    }
    assert funds(plain)["USDC"] == ("10000", "0")
    assert plain.call("get_order_history").text == "[]"


def test_pages_of_histories(plain: Plain) -> None:
    ids = [send(plain, price=f"{150 + place}")["id"] for place in range(5)]
    response = plain.call("get_order_history", {"limit": 2, "offset": 2})
    assert [row["id"] for row in told(response)] == [ids[2], ids[1]]  # newest first
    assert response.headers["X-Total"] == "5"
    assert response.headers["X-Page-Count"] == "3"
    assert response.headers["X-Current-Page"] == "2"
    assert response.headers["X-Page-Size"] == "2"
    oldest = told(plain.call("get_order_history", {"sortDirection": "Asc"}))
    assert [row["id"] for row in oldest] == ids
    assert [row["id"] for row in told(plain.call("get_order_history", {"orderId": ids[3]}))] == [
        ids[3]
    ]
    for none in ({"symbol": "ETH_USDC"}, {"marketType": "PERP"}, {"strategyId": "1"}):
        assert plain.call("get_order_history", none).text == "[]"


def test_fills_by_time(sandbox: Sandbox, plain: Plain) -> None:
    order = market_order("Bid", quantity="0.01")
    for _ in range(3):
        plain.call("execute_order", order)
        sandbox.advance(seconds=1)
    fills = told(plain.call("get_fills"))
    assert [fill["timestamp"][-6:] for fill in fills] == ["02.000", "01.000", "00.000"]
    # From inclusive, to exclusive, in milliseconds.
    span = {"from": NOON * 1000 + 1000, "to": NOON * 1000 + 2000}
    assert told(plain.call("get_fills", span)) == fills[1:2]
    assert told(plain.call("get_fills", {"fillType": "User"})) == fills
    assert told(plain.call("get_fills", {"fillType": "Adl"})) == []
    assert told(plain.call("get_fills", {"sortDirection": "Asc"})) == fills[::-1]


# --- where sources disagree -----------------------------------------------------------------------


def test_cancelling_nothing_may_be_404() -> None:
    with Sandbox(conflicts=Conflicts(unknown_cancel=404)) as sandbox, Plain(sandbox.url) as plain:
        name = {"symbol": "SOL_USDC", "orderId": "1"}
        assert told(plain.call("cancel_order", name), 404) == {
            "code": "RESOURCE_NOT_FOUND",
            "message": "Not Found",
        }


# --- futures --------------------------------------------------------------------------------------


def test_futures_over_http(sandbox: Sandbox, plain: Plain) -> None:
    best_ask = told(plain.get("/api/v1/depth?symbol=SOL_USDC_PERP&limit=5"))["asks"][0]
    assert Decimal(best_ask[1]) > 5
    cost = 5 * Decimal(best_ask[0])
    buy = market_order("Bid", quantity="5") | {"symbol": "SOL_USDC_PERP"}
    assert told(plain.call("execute_order", buy))["status"] == "Filled"
    fee = (cost * Decimal("0.0005")).quantize(Decimal("0.000001"), ROUND_UP)
    assert Decimal(told(plain.call("get_fills"))[0]["fee"]) == fee
    assert Decimal(funds(plain)["USDC"][0]) == 10_000 - fee
    [position] = told(plain.call("get_positions"))
    assert (position["netQuantity"], position["entryPrice"]) == ("5", best_ask[0])
    sandbox.advance(hours=1)
    [payment] = told(plain.call("get_funding_payments"))
    assert payment["intervalEndTimestamp"] == "2026-09-01T13:00:00"
    [position] = told(plain.call("get_positions"))
    paid = Decimal(payment["quantity"]) + Decimal(position["pnlRealized"])
    assert Decimal(funds(plain)["USDC"][0]) == 10_000 - fee + paid
    history = plain.call("get_position_history")
    assert told(history)[0]["state"] == "Open"
    assert "X-Total" not in history.headers and history.headers["Cache-Control"] == "no-store"
    settled = plain.call("get_settlement_history")
    assert sum(Decimal(row["quantity"]) for row in told(settled)) == paid - fee
    assert settled.headers["X-Total"] == "3"  # the fee, the profit or loss, the funding


def test_filters_of_the_position_history(plain: Plain) -> None:
    """The position in SOL is closed, the one in ETH is open."""
    for symbol, side in (("SOL", "Bid"), ("SOL", "Ask"), ("ETH", "Bid")):
        order = market_order(side, quantity="1") | {"symbol": f"{symbol}_USDC_PERP"}
        assert told(plain.call("execute_order", order))["status"] == "Filled"

    def found(**fields: object) -> list[str]:
        return [row["symbol"][:3] for row in told(plain.call("get_position_history", fields))]

    assert found() == found(marketType="PERP") == ["ETH", "SOL"]
    assert found(sortDirection="Asc") == ["SOL", "ETH"]
    assert found(state="Open") == found(symbol="ETH_USDC_PERP") == found(limit=1) == ["ETH"]
    assert found(state="Closed") == found(symbol="SOL_USDC_PERP") == found(offset=1) == ["SOL"]
    assert found(marketType="SPOT") == found(state="Open", symbol="SOL_USDC_PERP") == []


@pytest.mark.parametrize("side", ["Bid", "Ask"])
def test_the_largest_order_is_accepted(plain: Plain, side: str) -> None:
    wish = {"symbol": "SOL_USDC_PERP", "side": side, "price": "170.5"}
    most = told(plain.call("get_max_order_quantity", wish))
    assert most == wish | {
        "autoBorrow": None,
        "autoBorrowRepay": None,
        "autoLendRedeem": None,
        "maxOrderQuantity": most["maxOrderQuantity"],
        "reduceOnly": None,
    }
    quantity = Decimal(most["maxOrderQuantity"])
    order = wish | {"orderType": "Limit"}
    more = order | {"quantity": str(quantity + Decimal("0.01"))}
    assert told(plain.call("execute_order", more), 400)["code"] == "INSUFFICIENT_MARGIN"
    told(plain.call("execute_order", order | {"quantity": str(quantity)}))


def test_a_conditional_order_over_http(sandbox: Sandbox, plain: Plain) -> None:
    """By hand: SOL falls below 170.60 within five minutes, and its last price is what counts."""
    trigger = {"triggerPrice": "170.6", "triggerQuantity": "1"}
    order = told(plain.call("execute_order", market_order("Ask") | trigger))
    assert (order["status"], order["quantity"]) == ("TriggerPending", "0")
    assert (order["triggerPrice"], order["triggerQuantity"]) == ("170.6", "1")
    assert order["triggerBy"] is None
    assert told(plain.call("get_account"))["triggerOrders"] == 1
    assert funds(plain)["SOL"] == ("20", "0")  # it holds nothing
    sandbox.advance(minutes=5)
    assert plain.call("get_open_orders").text == "[]"
    assert funds(plain)["SOL"] == ("19", "0")


# --- the log --------------------------------------------------------------------------------------


def test_the_log(sandbox: Sandbox, plain: Plain) -> None:
    before = datetime.now(UTC)
    plain.get("/api/v1/depth?symbol=SOL_USDC&limit=7")
    plain.call("get_balances")
    plain.call("get_fills", {"limit": 1}, sign={})
    plain.call("execute_order", GUIDE)
    plain.get("/nope?a=b")
    bad_limit, balances, unsigned, order, nowhere = sandbox.log
    assert list(balances) == [
        *("time", "method", "path", "query", "body", "operation", "signedBy", "status", "verdict"),
        *("fault", "finding", "control", "n"),
    ]
    assert (bad_limit["operation"], bad_limit["status"]) == ("get_depth", 400)
    assert bad_limit["query"] == "symbol=SOL_USDC&limit=7"
    assert bad_limit["verdict"].startswith("failed to parse parameter `limit`")
    assert balances["signedBy"] == DEMO == plain.public_key
    assert (balances["status"], balances["verdict"]) == (200, "answered")
    assert (unsigned["signedBy"], unsigned["status"]) == (None, 400)
    assert unsigned["verdict"] == "INVALID_CLIENT_REQUEST: Invalid signature"
    assert (order["method"], order["path"]) == ("POST", "/api/v1/order")
    assert json.loads(order["body"]) == GUIDE
    assert (nowhere["operation"], nowhere["status"]) == (None, 404)
    times = [entry["time"] for entry in sandbox.log]
    # The log counts in milliseconds.
    assert before.timestamp() - 0.001 <= times[0].timestamp() and times == sorted(times)


def test_the_log_cannot_be_changed_from_outside(sandbox: Sandbox, plain: Plain) -> None:
    plain.get("/api/v1/ping")
    sandbox.log[0]["status"] = 0
    sandbox.log.clear()
    assert [entry["status"] for entry in sandbox.log] == [200]


# --- a sandbox's life -----------------------------------------------------------------------------


def threads() -> int:
    return sum(thread.name == "bpkit sandbox" for thread in threading.enumerate())


def refused(url: str) -> bool:
    try:
        connect(url).close()
    except ConnectionRefusedError:
        return True
    return False


def test_start_and_stop() -> None:
    before = threads()
    began = time.perf_counter()
    sandbox = Sandbox()
    assert time.perf_counter() - began < 1  # it takes some milliseconds
    assert requests.get(sandbox.url + "/api/v1/ping", timeout=5).text == "pong"
    assert threads() == before + 1
    assert "running" in repr(sandbox)
    sandbox.stop()
    assert threads() == before and refused(sandbox.url)
    sandbox.stop()
    assert "stopped" in repr(sandbox)


def test_the_port_is_free_again() -> None:
    with Sandbox() as first:
        port = int(first.url.rsplit(":", 1)[1])
        with pytest.raises(OSError, match=f"port {port} is in use"):
            Sandbox(port=port)
        assert requests.get(first.url + "/api/v1/ping", timeout=5).text == "pong"
    with Sandbox(port=port) as second:
        assert second.url == first.url
        assert requests.get(second.url + "/api/v1/ping", timeout=5).text == "pong"


def test_a_forgotten_sandbox_ends() -> None:
    before = threads()
    sandbox: Sandbox | None = Sandbox()
    assert sandbox is not None
    url = sandbox.url
    with requests.Session() as session:
        session.get(url + "/api/v1/depth?symbol=SOL_USDC", timeout=5)  # a line that stays open
        sandbox = None
        gc.collect()
        assert threads() == before and refused(url)


def test_two_at_once(sandbox: Sandbox, plain: Plain) -> None:
    with Sandbox() as other, Plain(other.url) as there:
        assert other.url != sandbox.url
        send(plain)
        assert funds(plain)["USDC"] == ("9829.5", "170.5")
        assert funds(there)["USDC"] == ("10000", "0")
        other.advance(hours=1)
        assert (other.now - sandbox.now).total_seconds() == 3600


def test_time_moves_only_when_told_to(sandbox: Sandbox, plain: Plain) -> None:
    assert sandbox.now == datetime(2026, 9, 1, 12, tzinfo=UTC)
    plain.get("/api/v1/depth?symbol=SOL_USDC")
    assert sandbox.now == datetime(2026, 9, 1, 12, tzinfo=UTC)
    sandbox.advance(days=1, hours=2, minutes=3, seconds=4.5)
    assert sandbox.now == datetime(2026, 9, 2, 14, 3, 4, 500_000, tzinfo=UTC)
    depth = told(plain.get("/api/v1/depth?symbol=SOL_USDC"))
    assert depth["timestamp"] == (NOON + 86_400 + 2 * 3600 + 3 * 60 + 4) * 1_000_000 + 500_000


@pytest.mark.parametrize("span", [{}, {"seconds": 0}, {"minutes": -1}, {"hours": 1, "days": -1}])
def test_time_only_moves_forward(sandbox: Sandbox, span: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="time only moves forward"):
        sandbox.advance(**span)
    assert sandbox.now == datetime(2026, 9, 1, 12, tzinfo=UTC)


def test_a_market_that_follows_the_clock() -> None:
    with Sandbox(follow_clock=True) as sandbox, Plain(sandbox.url) as plain:
        begin = time.time()
        depth = told(plain.get("/api/v1/depth?symbol=SOL_USDC"))
        assert begin - 0.101 <= depth["timestamp"] / 1e6 <= time.time() + 0.001
        last = klines(plain, "1m", int(begin) - 600)[-1]
        end = datetime.fromisoformat(last["end"]).replace(tzinfo=UTC).timestamp()
        assert begin - 60 <= end <= time.time()
        trade = told(plain.get("/api/v1/trades?symbol=SOL_USDC&limit=1"))[0]
        assert trade["timestamp"] <= time.time() * 1000
        with pytest.raises(ValueError, match="follows the clock"):
            sandbox.advance(minutes=1)


def test_the_same_calls_give_the_same_answers() -> None:
    def everything() -> list[str]:
        with Sandbox() as sandbox, Plain(sandbox.url) as plain:
            told_all = [
                plain.call("execute_order", GUIDE).text,
                plain.call("execute_order", market_order("Bid", quantity="30")).text,
            ]
            sandbox.advance(minutes=7)
            for target in (
                "depth?symbol=SOL_USDC",
                "trades?symbol=SOL_USDC&limit=1000",
                f"klines?symbol=SOL_USDC&interval=1m&startTime={NOON - 6000}",
                *("tickers", "markPrices", "openInterest", "fundingRates?symbol=SOL_USDC_PERP"),
            ):
                told_all.append(plain.get("/api/v1/" + target).text)
            for name in ("get_balances", "get_fills", "get_order_history", "get_account"):
                told_all.append(plain.call(name).text)
            told_all.append(plain.call("get_deposit_address", {"blockchain": "Solana"}).text)
            return told_all

    assert everything() == everything()


def test_another_seed_is_another_market() -> None:
    with Sandbox(seed="another") as sandbox, Plain(sandbox.url) as plain:
        other = plain.get("/api/v1/trades?symbol=SOL_USDC").text
    with Sandbox() as sandbox, Plain(sandbox.url) as plain:
        assert plain.get("/api/v1/trades?symbol=SOL_USDC").text != other


def test_another_account(sandbox: Sandbox, plain: Plain) -> None:
    secret = b64encode(bytes(range(32))).decode()
    key = sandbox.open_account({"USDC": "500"}, Key(secret))
    with Plain(sandbox.url, secret) as other:
        assert other.public_key == key.public_key
        assert funds(other) == {"USDC": ("500", "0")}
        order = send(other, quantity="2")
        assert funds(other) == {"USDC": ("159", "341")}
        assert plain.call("get_open_orders").text == "[]"
        name = {"symbol": "SOL_USDC", "orderId": order["id"]}
        assert told(plain.call("cancel_order", name), 400)["message"] == "Order not found"
        assert told(other.call("get_open_orders")) == [order]
    with pytest.raises(ValueError, match="has an account already"):
        sandbox.open_account(key=Key(secret))
    with pytest.raises(ValueError, match="has an account already"):
        sandbox.open_account(key=Key(DEMO_SECRET))
    assert sandbox.open_account() != sandbox.open_account()


def test_an_unknown_key(sandbox: Sandbox) -> None:
    with Plain(sandbox.url, b64encode(bytes(32)).decode()) as stranger:
        assert told(stranger.call("get_balances"), 401)["code"] == "UNAUTHORIZED"
    assert sandbox.log[-1]["signedBy"] is None


# --- proxies --------------------------------------------------------------------------------------

PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY")


def environment(patch: pytest.MonkeyPatch, **given: str) -> None:
    for name in PROXIES:
        patch.setenv(name, given.get(name, ""))


NOWHERE = "http://127.0.0.1:9"


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("exceptions", [{}, {"NO_PROXY": "intern.example"}, {"no_proxy": "*"}])
def test_a_proxy_is_bypassed(
    monkeypatch: pytest.MonkeyPatch, name: str, exceptions: dict[str, str]
) -> None:
    environment(monkeypatch, **{name: NOWHERE}, **exceptions)
    with Sandbox() as sandbox:
        assert requests.get(sandbox.url + "/api/v1/ping", timeout=5).text == "pong"
    for host in (text for text in exceptions.values() if text != "*"):
        assert not requests.utils.get_environ_proxies(f"http://{host}/")  # still an exception
    if exceptions.get("no_proxy") == "*":
        assert not requests.utils.get_environ_proxies("http://elsewhere.example/")
    else:
        assert requests.utils.get_environ_proxies("http://elsewhere.example/")


def test_without_a_proxy_the_environment_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, no_proxy="intern.example")
    with Sandbox():
        pass
    assert (os.environ["no_proxy"], os.environ["NO_PROXY"]) == ("intern.example", "")


# --- many at once ---------------------------------------------------------------------------------


def test_eight_threads_lose_nothing(sandbox: Sandbox) -> None:
    """Two accounts and the market maker trade; every balance is what its fills say."""
    secrets = [DEMO_SECRET, b64encode(bytes(range(32))).decode()]
    sandbox.open_account({"USDC": "10000", "SOL": "20"}, Key(secrets[1]))

    def trade(number: int) -> set[int]:
        side, price = [("Bid", 17_080), ("Ask", 17_064)][number // 2 % 2]
        with Plain(sandbox.url, secrets[number % 2]) as mine:
            seen = set()
            for step in range(12):
                order = GUIDE | {"side": side, "quantity": f"0.{step + 11}"}
                order["price"] = str(Decimal(price + step * (number - 4)) / 100)
                answer = mine.call("execute_order", order)
                seen.add(answer.status_code)
                if step % 4 == 3:
                    name = {"symbol": "SOL_USDC", "orderId": answer.json()["id"]}
                    seen.add(mine.call("cancel_order", name).status_code)
            return seen

    with ThreadPoolExecutor(8) as pool:
        statuses = set().union(*pool.map(trade, range(8)))
    assert statuses <= {200, 400}  # 400: cancelled too late
    for secret in secrets:
        with Plain(sandbox.url, secret) as mine:
            check_account(mine)
    asked = [entry for entry in sandbox.log if entry["operation"] == "execute_order"]
    assert len(asked) == 96 and {entry["status"] for entry in asked} == {200}


def check_account(plain: Plain) -> None:
    held = {"USDC": Decimal(10_000), "SOL": Decimal(20)}
    locked = {"USDC": Decimal(0), "SOL": Decimal(0)}
    fills = told(plain.call("get_fills", {"limit": 1000}))
    assert fills
    for fill in fills:
        sign = 1 if fill["side"] == "Bid" else -1
        quantity = Decimal(fill["quantity"])
        held["SOL"] += sign * quantity
        held["USDC"] -= sign * quantity * Decimal(fill["price"])
        held[fill["feeSymbol"]] -= Decimal(fill["fee"])
    for order in told(plain.call("get_open_orders")):
        left = Decimal(order["quantity"]) - Decimal(order["executedQuantity"])
        if order["side"] == "Bid":
            locked["USDC"] += left * Decimal(order["price"])
        else:
            locked["SOL"] += left
    told_funds = funds(plain)
    for asset in held:
        available, shown = told_funds[asset]
        assert Decimal(shown) == locked[asset]
        assert Decimal(available) + Decimal(shown) == held[asset]
    bought = {row["id"]: row for row in told(plain.call("get_order_history", {"limit": 1000}))}
    for identity, row in bought.items():
        own = [fill for fill in fills if fill["orderId"] == identity]
        assert Decimal(row["executedQuantity"]) == sum(Decimal(fill["quantity"]) for fill in own)
