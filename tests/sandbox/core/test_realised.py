"""Open positions are realised every ten seconds: what is paid, what is left, and what it costs.

The market is that of ``test_positions``: it begins at 17:30:00, the last price is 100, and every
trade moves the mark. Amounts are worked out by hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from account_histories import funding_payments, position_history
from helpers import Plain, examples
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_positions import Pit

from bpkit.sandbox import Sandbox
from bpkit.sandbox.core.exchange import EngineAccount
from bpkit.sandbox.server.endpoints import select


def profit(pit: Pit, account: EngineAccount) -> tuple[str, str]:
    row = pit.position(account)
    return row["pnlRealized"], row["pnlUnrealized"]


def test_every_ten_seconds_at_the_mark() -> None:
    pit = Pit()
    pit.deal(pit.bob, "Bid", "100", "2")  # fee 0.1
    pit.perp.print(9, 10_300)
    pit.advance(9)
    assert (profit(pit, pit.bob), pit.usdc(pit.bob)) == (("0", "6"), "999.9")  # 2 * 3
    pit.advance(10)
    assert (profit(pit, pit.bob), pit.usdc(pit.bob)) == (("6", "0"), "1005.9")
    pit.perp.print(12, 10_250)
    pit.advance(19)
    assert (profit(pit, pit.bob), pit.usdc(pit.bob)) == (("6", "-1"), "1005.9")
    pit.advance(20)
    assert (profit(pit, pit.bob), pit.usdc(pit.bob)) == (("5", "0"), "1004.9")
    assert pit.total() == pit.supply


def test_what_was_paid_for_the_position_stays() -> None:
    """Entry price, cost and break-even price are those of the fills."""
    pit = Pit()
    pit.deal(pit.bob, "Bid", "100", "2")
    before = pit.position(pit.bob)
    pit.perp.print(5, 9_000)
    pit.advance(60)
    after = pit.position(pit.bob)
    assert after["pnlRealized"] == "-20"
    for name in ("entryPrice", "netCost", "breakEvenPrice", "netQuantity", "positionId"):
        assert after[name] == before[name]


def test_a_short_position_and_its_other_side() -> None:
    pit = Pit()
    pit.deal(pit.ann, "Ask", "100", "3")
    pit.perp.print(5, 9_900)
    pit.advance(10)
    assert (profit(pit, pit.ann), profit(pit, pit.dealer)) == (("3", "0"), ("-3", "0"))
    assert pit.total() == pit.supply


def test_fills_after_it_begin_at_that_mark() -> None:
    pit = Pit()
    pit.deal(pit.bob, "Bid", "100", "2")
    pit.perp.print(5, 10_300)
    pit.advance(10)  # 6 are paid
    pit.deal(pit.bob, "Bid", "104", "2")  # entry 102; the mark is 104: 2 * (104 - 103) are new
    row = pit.position(pit.bob)
    assert (row["entryPrice"], profit(pit, pit.bob)) == ("102", ("6", "2"))
    pit.deal(pit.bob, "Ask", "105", "1")
    # In all: 105 * 1 - 204 * 2 / 4 + 105 * 3 - 306 = 12. The three that are left count from
    # (2 * 103 + 2 * 104) / 4 = 103.5 each: 4.5 are not realised, 6 + 1.5 are.
    assert profit(pit, pit.bob) == ("7.5", "4.5")
    pit.deal(pit.bob, "Ask", "105", "3")
    assert pit.exchange.positions(pit.bob) == []
    (closed,) = position_history(pit.exchange, pit.bob)
    assert (closed["cumulativePnlRealized"], closed["unrealizedPnl"]) == ("12", "0")
    assert pit.total() == pit.supply


def test_the_rows_of_the_settlements() -> None:
    pit = Pit()
    pit.deal(pit.bob, "Bid", "100", "2")
    pit.perp.print(5, 10_300)
    pit.advance(95)
    pit.deal(pit.bob, "Ask", "104", "2")
    rows = pit.exchange.settlements(pit.bob)
    (auto,) = select(rows, {"source": "CulledRealizePnl"})
    assert auto["source"] == "CulledRealizePnlAuto"
    assert (auto["quantity"], auto["timestamp"]) == ("6", "2026-09-01T17:31:30.000")
    (by_hand,) = select(rows, {"source": "RealizePnl"})
    assert by_hand["quantity"] == "2" and auto["positionId"] == by_hand["positionId"]
    assert select(rows, {"source": "CulledRealizePnlBookUtilization"}) == []


def test_no_row_where_nothing_moved() -> None:
    pit = Pit()
    pit.deal(pit.bob, "Bid", "100", "2")
    pit.advance(100)
    assert [row["source"] for row in pit.exchange.settlements(pit.bob)] == ["TradingFees"]


def test_nothing_is_sold_for_a_loss() -> None:
    """Eve has 60 USDC: of a loss of 80 only 59.5 are realised. Her SOL and her equity stay."""
    pit = Pit()
    eve = pit.exchange.open_account("eve", {"USDC": Decimal(60), "SOL": Decimal(10)})
    pit.deal(eve, "Bid", "100", "10")  # fee 0.5
    pit.perp.print(5, 9_200)
    pit.advance(10)
    assert profit(pit, eve) == ("-59.5", "-20.5")
    assert pit.usdc(eve) == "0" and eve.balances.available("SOL") == 10
    assert pit.exchange.collateral(eve)["netEquity"] == "879.5"  # 10 * 100 * 0.9 - 20.5
    assert [row["source"] for row in pit.exchange.settlements(eve)] == [
        "CulledRealizePnlAuto", "TradingFees",
    ]  # fmt: skip
    pit.perp.print(15, 9_500)
    pit.advance(20)
    assert (profit(pit, eve), pit.usdc(eve)) == (("-50", "0"), "9.5")


@pytest.mark.parametrize("stops", [[120], [60, 120], [10, 70, 80, 120]])
def test_what_stays_of_two_losses_does_not_depend_on_the_steps(stops: list[int]) -> None:
    """Fees of 0.5 for 10 SOL at 100, and of 1.2505 for 1 ETH at 2501, leave 58.2495 of 60 USDC. ETH
    falls by 70; SOL rises by 0.8, then falls to 0.2 above the start: 70 - 2 - 58.2495 stay."""
    pit = Pit()
    eve = pit.exchange.open_account("eve", {"USDC": Decimal(60), "SOL": Decimal(100)})
    pit.supply = pit.total()
    pit.deal(eve, "Bid", "100", "10")
    pit.order(eve, "Bid", symbol="ETH_USDC_PERP", quantity="1")
    pit.eth.print(4, 243_100)
    pit.perp.print(5, 10_080)
    pit.perp.print(65, 10_020)
    for stop in stops:
        pit.advance(stop)
    shown = {row["symbol"]: row for row in pit.exchange.positions(eve)}
    left = {symbol: row["pnlUnrealized"] for symbol, row in shown.items()}
    assert pit.usdc(eve) == "0"
    assert left == {"SOL_USDC_PERP": "0", "ETH_USDC_PERP": "-9.7505"}
    assert pit.total() == pit.supply


def test_a_loss_leaves_spot_orders_alone() -> None:
    pit = Pit()
    pit.deal(pit.ann, "Bid", "100", "5")  # her 10 SOL are margin enough
    pit.order(pit.ann, "Bid", symbol="SOL_USDC", price="90", quantity="10")  # 900 of 999.75
    pit.perp.print(5, 7_700)
    pit.advance(10)
    assert profit(pit, pit.ann) == ("-99.75", "-15.25")  # 5 * -23 = -115
    assert [row["status"] for row in pit.exchange.open_orders(pit.ann)] == ["New"]


def test_a_realised_profit_may_leave() -> None:
    pit = Pit()
    pit.deal(pit.bob, "Bid", "100", "2")
    pit.perp.print(5, 10_300)
    pit.advance(10)
    # 1005.9 are there; margin is 10 % of 2 * 103.
    assert pit.exchange.withdrawable(pit.bob, "USDC") == Decimal("985.3")


def test_equity_margin_and_liquidation_do_not_change() -> None:
    """Each ten seconds move an amount from the position to the cash, and nothing else."""
    pit = Pit()
    pit.deal(pit.bob, "Bid", "100", "50")
    pit.perp.print(5, 9_700)
    pit.advance(9)
    names = ("netEquity", "netEquityAvailable", "netEquityLocked", "imf", "mmf", "marginFraction")
    before, price = pit.exchange.collateral(pit.bob), pit.position(pit.bob)["estLiquidationPrice"]
    pit.advance(10)
    after = pit.exchange.collateral(pit.bob)
    assert [before[name] for name in names] == [after[name] for name in names]
    assert pit.position(pit.bob)["estLiquidationPrice"] == price
    assert (before["pnlUnrealized"], after["pnlUnrealized"]) == ("-150", "0")
    assert (before["assetsValue"], after["assetsValue"]) == ("997.5", "847.5")


def told(pit: Pit) -> list[Any]:
    """All that must not depend on how often somebody looked. Ids of positions are included."""
    return [
        (
            pit.exchange.balances(account),
            pit.exchange.positions(account),
            position_history(pit.exchange, account),
            pit.exchange.fills(account),
            funding_payments(pit.exchange, account),
            sum(Fraction(row["quantity"]) for row in pit.exchange.settlements(account)),
        )
        for account in (pit.ann, pit.bob, pit.dealer)
    ]


def story(prints: Iterable[tuple[int, int]], stops: Iterable[int]) -> Pit:
    pit = Pit()
    pit.deal(pit.bob, "Bid", "100", "2")
    pit.order(pit.ann, "Bid", price="97", quantity="0.5")
    pit.order(pit.ann, "Ask", price="103", quantity="0.7")
    for after, price in prints:
        pit.perp.print(after, price, quantity=20, sold=price < 10_000)
    for stop in sorted({*stops, 3_997}):
        pit.advance(stop)
        assert pit.total() == pit.supply
    return pit


# Many are within the last seconds, after the last time when profits are realised, or at that time.
times = st.integers(1, 3_996) | st.integers(3_985, 3_996) | st.just(3_990)
moves = st.lists(st.tuples(times, st.integers(9_500, 10_500)), max_size=8)


@example([(3_993, 9_600)], [3_991])  # a fill after the last time, and somebody looked in between
@example([(3_990, 9_600)], [3_990])  # a fill at that time
@settings(max_examples=examples(60))
@given(moves, st.lists(times, max_size=12))
def test_it_does_not_matter_how_often_time_is_moved(
    prints: list[tuple[int, int]], stops: list[int]
) -> None:
    """An hour and more at once, or in pieces that end anywhere, with fills on the way."""
    assert told(story(prints, [])) == told(story(prints, stops))


def test_spans_of_up_to_a_minute_send_the_same_events() -> None:
    """And settle in the same rows, one for each ten seconds in which the mark moved."""

    def seen(*stops: int) -> tuple[list[Any], list[Any]]:
        pit = Pit()
        pit.exchange.outbox.wanted = {
            (f"account.{name}Update", "bob") for name in ("balance", "position", "order")
        }
        pit.deal(pit.bob, "Bid", "100", "2")
        for after, price in ((4, 10_300), (10, 10_200), (33, 10_100)):
            pit.perp.print(after, price)
        for stop in stops:
            pit.advance(stop)
        rows = pit.exchange.settlements(pit.bob)
        return [frame.data for frame in pit.exchange.outbox.take()], rows

    frames, rows = seen(60)
    paid = [one for one in frames if one["T"] > frames[0]["T"] and one["e"] == "positionAdjusted"]
    assert [one["T"] - frames[0]["T"] for one in paid] == [10_000_000, 40_000_000]
    assert [one["p"] for one in paid] == ["4", "2"]  # 2 * (102 - 100), 2 * (101 - 100)
    assert len(rows) == 2 + 1  # the fee of the order, too
    for stops in ((10, 60), (9, 33, 40, 60), tuple(range(1, 61))):
        assert seen(*stops) == (frames, rows)


def test_over_http(sandbox: Sandbox, plain: Plain) -> None:
    """The account says that it is so, and the cash agrees to the digit."""
    assert plain.call("get_account").json()["autoRealizePnl"] is True
    perp = {"symbol": "SOL_USDC_PERP"}
    order = perp | {"side": "Ask", "orderType": "Market", "quantity": "7.31"}
    assert plain.call("execute_order", order).json()["status"] == "Filled"
    start = Decimal(plain.call("get_balances").json()["USDC"]["available"])
    sandbox.advance(hours=2, seconds=10)
    [marks] = plain.get("/api/v1/markPrices?symbol=SOL_USDC_PERP").json()
    sandbox.advance(seconds=7)
    (row,) = plain.call("get_positions", perp).json()
    paid = sum(Decimal(one["quantity"]) for one in plain.call("get_funding_payments").json())
    cash = Decimal(plain.call("get_balances").json()["USDC"]["available"])
    assert row["pnlRealized"] != "0" and cash == start + paid + Decimal(row["pnlRealized"])
    gain = Decimal(row["entryPrice"]) - Decimal(marks["markPrice"])  # of a sale
    assert Decimal(row["pnlRealized"]) == gain * Decimal("7.31")
