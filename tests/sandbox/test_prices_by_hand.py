"""Prices and paths in Python, seen over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from helpers import Plain

from bpkit import Client
from bpkit.sandbox import Sandbox

PERP = "SOL_USDC_PERP"


def long(plain: Plain, quantity: str, **more: Any) -> None:
    fields = {"symbol": PERP, "side": "Bid", "orderType": "Market", "quantity": quantity}
    plain.call("execute_order", fields | more).json()


def fills(plain: Plain) -> list[dict[str, Any]]:
    """Oldest first."""
    rows: list[dict[str, Any]] = plain.call("get_fills").json()
    return rows[::-1]


def test_a_crash_fires_a_stop_loss(sandbox: Sandbox, plain: Plain) -> None:
    """Entered near 170.7: the stop at 160 sells at the first second below it."""
    long(plain, "10", stopLossTriggerPrice="160")
    sandbox.set_path(PERP, "crash")
    sandbox.advance(minutes=5)
    assert plain.call("get_positions").json() == []
    sold = [row for row in fills(plain) if row["side"] == "Ask"]
    assert sum(Decimal(row["quantity"]) for row in sold) == 10
    assert all(Decimal("159.5") < Decimal(row["price"]) <= 160 for row in sold)


def test_a_crash_liquidates_a_long_without_a_stop(sandbox: Sandbox, plain: Plain) -> None:
    """Some five times what the account is worth, so a fall by a fifth is too much."""
    plain.call("update_account_settings", {"leverageLimit": "20"})
    long(plain, "700")
    before = plain.call("get_collateral").json()
    sandbox.set_path(PERP, "crash")
    sandbox.advance(minutes=5)
    assert plain.call("get_positions").json() == []
    assert 20_000 < Decimal(before["netEquity"]) < 700 * 170 / 4
    kinds = {row["systemOrderType"] for row in fills(plain)}
    assert "LiquidatePositionOnBook" in kinds


def test_what_the_calls_return(sandbox: Sandbox, plain: Plain, bp: Client) -> None:
    bid = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "165"}
    plain.call("execute_order", bid | {"quantity": "1"})
    assert sandbox.set_price("SOL_USDC", Decimal("150.125")) == {
        "symbol": "SOL_USDC", "price": "150.12", "triggers": 0, "fills": 1,
    }  # fmt: skip
    assert bp.get_ticker("SOL_USDC")["lastPrice"] == "165"  # the fill came after the jump
    sandbox.advance(minutes=1)
    assert bp.get_ticker("SOL_USDC")["lastPrice"] == "150.12"
    path = "170 -> 150 in 5m; hold 1m; jump 140; -> 155 in 10m"
    assert sandbox.set_path("SOL_USDC", path) == {
        "symbol": "SOL_USDC", "ends": datetime(2026, 9, 1, 12, 17, tzinfo=UTC), "steps": 4,
    }  # fmt: skip
    assert sandbox.clear_path("SOL_USDC") is None


def test_the_price_of_each_second_over_http(sandbox: Sandbox, bp: Client) -> None:
    """170 - 20 * k / 300, as the last price, the mark and the index."""
    sandbox.set_path(PERP, "170 -> 150 in 5m")
    passed = 0
    for second, price in (
        (0, "170"), (1, "169.93"), (60, "166"), (149, "160.07"), (150, "160"), (151, "159.93"),
        (299, "150.07"), (300, "150"), (400, "150"),
    ):  # fmt: skip
        if second > passed:
            sandbox.advance(seconds=second - passed)
            passed = second
        mark = bp.get_mark_prices(PERP)[0]
        seen = (bp.get_ticker(PERP)["lastPrice"], mark["markPrice"], mark["indexPrice"])
        assert seen == (price, price, price), second
        depth = bp.get_depth(PERP)
        assert Decimal(depth["bids"][-1][0]) <= Decimal(price) < Decimal(depth["asks"][0][0])
    candles = bp.get_klines(PERP, "1m", start_time=1_788_264_000)
    assert [row["close"] for row in candles] == [
        "166.07",
        "162.07",
        "158.07",
        "154.07",
        "150.07",
        "150",
    ]
    assert all(int(row["trades"]) >= 60 for row in candles[:5])


@pytest.mark.parametrize(
    ("symbol", "path", "message"),
    [
        ("SOL", "crash", "'SOL' is not a market here"),
        ("HNT_USDC", "crash", "HNT_USDC is closed"),
        ("SOL_USDC", "fall", "step 1: 'fall' is not a step; write"),
        ("SOL_USDC", {"steps": "crash", "moves": ["mark"]}, "moves nothing"),
    ],
)
def test_a_wrong_path_is_a_value_error(
    sandbox: Sandbox, symbol: str, path: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        sandbox.set_path(symbol, path)


def test_a_market_that_follows_the_clock_has_paths_too() -> None:
    with Sandbox(follow_clock=True) as sandbox, Client(sandbox.url, sandbox.key) as bp:
        sandbox.set_price("SOL_USDC", "150")
        assert bp.get_ticker("SOL_USDC")["lastPrice"] == "150"
        answer = sandbox.set_path("SOL_USDC", "crash in 10s")
        assert 9 < (answer["ends"] - sandbox.now).total_seconds() <= 11
