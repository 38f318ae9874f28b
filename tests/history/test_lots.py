"""Movements and lots, against a year of eight fills that was worked out by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpkit.history.ledger_report import Ledger
from bpkit.history.lots import Books, books
from bpkit.history.movements import Movement, movements, valued

FILLS = [
    # time, market, side, quantity, price, fee, its asset, trade id
    ("2025-10-01T08:00:00.000", "BP_USDC", "Bid", "10", "0.20", "0.01", "BP", 101),
    ("2025-11-03T10:00:00.000", "SOL_USDC", "Bid", "2", "150", "0.002", "SOL", 201),
    ("2025-11-20T14:30:00.250", "SOL_USDC", "Bid", "1", "180", "0.001", "SOL", 202),
    ("2025-12-15T12:00:00.500", "SOL_USDC", "Ask", "1.5", "200", "0.3", "USDC", 203),
    ("2025-12-31T23:59:59.999", "SOL_USDC", "Ask", "0.5", "190", "0.095", "USDC", 204),
    ("2026-01-10T09:00:00.100", "SOL_USDC", "Bid", "0.7", "171.23", "0.5", "BP", 205),
    ("2026-01-10T09:00:00.100", "SOL_USDC", "Bid", "0.3", "171.24", "0.0003", "SOL", 206),
    ("2026-02-01T00:00:00.000", "SOL_USDC", "Ask", "1.3", "165.01", "0.214513", "USDC", 207),
]
BP_AT_FILL_6 = {"fill SOL_USDC 205 BP": Decimal("0.24")}


def fill(
    time: str, symbol: str, side: str, quantity: str, price: str, fee: str, coin: str, trade: int
) -> dict[str, Any]:
    return {
        "timestamp": time, "symbol": symbol, "side": side, "quantity": quantity, "price": price,
        "fee": fee, "feeSymbol": coin, "tradeId": trade, "orderId": "1", "isMaker": False,
    }  # fmt: skip


def year() -> list[Movement]:
    rows = [fill(*one) for one in FILLS]
    return valued(movements(fills=rows[::-1]), BP_AT_FILL_6)


def shown(made: Books) -> list[tuple[str, Decimal | None, Decimal | None, Decimal | None]]:
    return [
        (f"{one.quantity} {one.asset}", one.proceeds, one.cost, one.gain) for one in made.disposals
    ]


def total(made: Books) -> Decimal:
    return sum((one.gain for one in made.disposals if one.gain is not None), Decimal(0))


def test_the_balances_change_by_what_moved() -> None:
    change: dict[str, Decimal] = {}
    for one in year():
        change[one.asset] = change.get(one.asset, Decimal(0)) + one.amount
    assert change == {
        "USDC": Decimal("-44.329513"), "SOL": Decimal("0.6967"), "BP": Decimal("9.49"),
    }  # fmt: skip


def test_lots_by_fifo() -> None:
    made = books(year(), "FIFO")
    assert shown(made) == [
        ("1.5 SOL", Decimal("299.7"), Decimal("225.225225225225"), Decimal("74.474774774775")),
        ("0.5 SOL", Decimal("94.905"), Decimal("75.135135135135"), Decimal("19.769864864865")),
        ("0.5 BP", Decimal("0.12"), Decimal("0.1001001001"), Decimal("0.0198998999")),
        (
            "1.3 SOL",
            Decimal("214.298487"),
            Decimal("231.574272496783"),
            Decimal("-17.275785496783"),
        ),
    ]
    assert total(made) == Decimal("76.988754042757")
    second, _, last = made.disposals[1], made.disposals[2], made.disposals[3]
    assert [(part.source_id, str(part.quantity), str(part.cost)) for part in second.lots] == [
        ("201", "0.498", "74.774774774775"),
        ("202", "0.002", "0.360360360360"),
    ]
    assert [(part.source_id, str(part.quantity), str(part.cost)) for part in last.lots] == [
        ("202", "0.997", "179.639639639640"),
        ("205", "0.303", "51.934632857143"),
    ]
    left = [(lot.asset, lot.quantity, lot.cost) for lot in made.left]
    assert left == [
        ("BP", Decimal("9.49"), Decimal("1.8998998999")),
        ("SOL", Decimal("0.397"), Decimal("68.046367142857")),
        ("SOL", Decimal("0.2997"), Decimal("51.372")),
    ]


def test_lots_by_average_cost() -> None:
    made = books(year(), "average")
    assert [one.gain for one in made.disposals] == [
        Decimal("59.45975975976"),
        Decimal("14.82491991992"),
        Decimal("0.0198998999"),
        Decimal("-1.228374112628"),
    ]
    assert total(made) == Decimal("73.076205466952")
    assert [(lot.asset, lot.cost) for lot in made.left] == [
        ("BP", Decimal("1.8998998999")),
        ("SOL", Decimal("115.505818567052")),
    ]


def test_the_order_of_ties_is_that_of_the_trade_ids() -> None:
    swapped = [list(one) for one in FILLS]
    swapped[5][7], swapped[6][7] = 206, 205
    prices = {"fill SOL_USDC 206 BP": Decimal("0.24")}
    found = valued(movements(fills=[fill(*one) for one in swapped]), prices)  # type: ignore[arg-type]
    last = books(found, "FIFO").disposals[-1]
    assert (str(last.cost), str(last.gain)) == ("231.577264353926", "-17.278777353926")


def test_a_trade_id_is_compared_as_a_number() -> None:
    late = fill("2026-01-01T00:00:00", "SOL_USDC", "Bid", "1", "1", "0", "SOL", 1000)
    early = fill("2026-01-01T00:00:00", "SOL_USDC", "Bid", "1", "1", "0", "SOL", 999)
    none = fill("2026-01-01T00:00:00", "SOL_USDC", "Bid", "1", "1", "0", "SOL", 0) | {
        "tradeId": None
    }
    ids = [one.source_id for one in movements(fills=[none, late, early]) if one.asset == "SOL"]
    assert ids == ["999", "1000", ""]


def test_futures_move_usdc_by_their_settlements_only() -> None:
    perp = fill("2026-01-01T00:00:00", "SOL_USDC_PERP", "Bid", "1", "100", "0.05", "USDC", 1)
    paid = {
        "quantity": "-0.05", "source": "TradingFees", "timestamp": "2026-01-01T00:00:00",
        "positionId": "7", "engineSequence": 3, "userId": 1, "subaccountId": None,
    }  # fmt: skip
    funding = paid | {"source": "FundingPayment", "quantity": "0.01", "engineSequence": 4}
    found = movements(fills=[perp], settlements=[funding, paid])
    assert [(one.kind, one.asset, str(one.amount), one.source_id) for one in found] == [
        ("fee", "USDC", "-0.05", "3"),
        ("funding", "USDC", "0.01", "4"),
    ]


def test_a_withdrawal_is_two_movements_and_dust_is_two() -> None:
    left = {
        "id": 5, "symbol": "SOL", "quantity": "2", "fee": "0.01", "status": "pending",
        "createdAt": "2026-01-01T00:00:00",
    }  # fmt: skip
    dust = {
        "id": 6, "symbol": "BONK", "quantity": "100", "usdcReceived": "0.002",
        "timestamp": "2026-01-02T00:00:00",
    }  # fmt: skip
    found = movements(withdrawals=[left, left | {"status": "cancelled"}], dust=[dust])
    assert [(one.kind, one.asset, str(one.amount)) for one in found] == [
        ("withdrawal", "SOL", "-1.99"),
        ("withdrawal fee", "SOL", "-0.01"),
        ("dust", "BONK", "-100"),
        ("dust", "USDC", "0.002"),
    ]


def deposit(quantity: str, number: int = 9) -> dict[str, Any]:
    return {
        "id": number, "symbol": "SOL", "quantity": quantity, "status": "confirmed",
        "createdAt": "2025-01-01T00:00:00",
    }  # fmt: skip


@pytest.mark.parametrize(
    "cost, gain", [({}, None), ({"9": Decimal(100)}, Decimal("90") - Decimal("50"))]
)
def test_what_was_deposited_has_the_cost_that_you_name(
    cost: dict[str, Decimal], gain: Decimal | None
) -> None:
    sale = fill("2026-01-01T00:00:00", "SOL_USDC", "Ask", "1", "90", "0", "USDC", 1)
    made = books(valued(movements(fills=[sale], deposits=[deposit("2")])), "FIFO", cost)
    assert [one.gain for one in made.disposals] == [gain]
    assert made.left[0].quantity == 1


def spot(time: str, side: str, quantity: str, price: str, fee: str, number: int) -> dict[str, Any]:
    """A fill of SOL_USDC in January 2026, with its fee in USDC."""
    return fill(f"2026-01-{time}:00", "SOL_USDC", side, quantity, price, fee, "USDC", number)


def paid_interest(time: str, quantity: str) -> dict[str, Any]:
    return {
        "timestamp": f"2026-01-{time}:00", "symbol": "SOL", "quantity": f"-{quantity}",
        "paymentType": "Borrow", "positionId": "8",
    }  # fmt: skip


def a_short_sale_with_a_loan() -> list[Movement]:
    """Borrow 2 SOL, sell them, buy 2.001, repay with interest; then buy 1 SOL and sell it.

    The loan and its repayment move nothing, so they are not here. SOL was worth 165 USDC at the
    first interest and 155 at the second.
    """
    fills = [
        spot("01T10:00", "Ask", "2", "170", "0.34", 1),
        spot("02T10:00", "Bid", "2.001", "160", "0", 2),
        spot("03T10:00", "Bid", "1", "150", "0", 3),
        spot("04T10:00", "Ask", "1", "155", "0.155", 4),
    ]
    rows = [paid_interest("01T11:00", "0.0006"), paid_interest("02T11:00", "0.0004")]
    worth = {
        f"interest 8 {row['timestamp']} SOL": Decimal(price)
        for row, price in zip(rows, ("165", "155"), strict=True)
    }
    return valued(movements(fills=fills, interest=rows), worth)


@pytest.mark.parametrize("method", ["FIFO", "average"])
def test_a_short_sale_with_a_loan(method: Any) -> None:
    """By hand; both methods agree, because each purchase closes all that is short:

    sale      a short lot of 2 for 340 - 0.34 = 339.66
    interest  a short lot of 0.0006 for 0.0006 x 165 = 0.099
    purchase  closes 2.0006, which brought 339.66 + 0.099 = 339.759 and cost 2.0006 x 160 = 320.096:
              gain 19.663. 0.0004 are left as a lot, for 0.0004 x 160 = 0.064
    interest  takes that lot, at 0.0004 x 155 = 0.062: gain -0.002. Nothing is held or owed.
    purchase  a lot of 1 for 150
    sale      155 - 0.155 = 154.845: gain 4.845

    All gains are 24.506, and the interest is 0.099 + 0.062 = 0.161. The difference is what the cash
    changed by: 339.66 - 320.16 - 150 + 154.845 = 24.345.
    """
    found = a_short_sale_with_a_loan()
    made = books(found, method)
    assert [
        (one.kind, one.quantity, one.proceeds, one.cost, one.gain) for one in made.disposals
    ] == [
        (kind, *map(Decimal, amounts))
        for kind, *amounts in (
            ("short", "2.0006", "339.759", "320.096", "19.663"),
            ("interest", "0.0004", "0.062", "0.064", "-0.002"),
            ("trade", "1", "154.845", "150", "4.845"),
        )
    ]
    assert made.left == []
    short = made.disposals[0]
    assert (short.source_id, short.held_days) == ("2", 1 if method == "FIFO" else None)
    assert [(part.source_id, str(part.quantity), str(part.cost)) for part in short.lots] == (
        [("1", "-2", "-339.66"), ("8 2026-01-01T11:00:00", "-0.0006", "-0.0990")]
        if method == "FIFO"
        else [("", "-2.0006", "-339.7590")]
    )
    book = Ledger(found, None, found[-1].time, "given", "http://exchange", [])
    assert [(row["asset"], row["kind"], row["gain"]) for row in book.totals(method)] == [
        ("SOL", "disposals", Decimal("24.506")), ("SOL", "interest", Decimal("-0.161")),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "method, gains, cost",
    [
        # 1 SOL is sold at 100 that had cost 90, and 1 is sold short at 170 and 1 at 180.
        # A purchase of 1.5 at 160 closes 1 for 170 and 0.5 for 90: 260 - 240.
        # A purchase of 2 at 150 closes 0.5 for 90: 90 - 75. 1.5 are left for 225.
        ("FIFO", ["10", "20", "15"], "225"),
        # The pool of the short sales is 2 for 350: 1.5 of it are 262.5, and 0.5 are 87.5.
        ("average", ["10", "22.5", "12.5"], "225"),
    ],
)
def test_short_sales_are_closed_oldest_first_or_from_their_pool(
    method: Any, gains: list[str], cost: str
) -> None:
    rows = [
        spot("01T10:00", "Bid", "1", "90", "0", 1),
        spot("02T10:00", "Ask", "1", "100", "0", 2),
        spot("03T10:00", "Ask", "1", "170", "0", 3),
        spot("04T10:00", "Ask", "1", "180", "0", 4),
        spot("05T10:00", "Bid", "1.5", "160", "0", 5),
        spot("06T10:00", "Bid", "2", "150", "0", 6),
    ]
    made = books(valued(movements(fills=rows)), method)
    assert [one.gain for one in made.disposals] == [Decimal(gain) for gain in gains]
    assert [(lot.quantity, lot.cost) for lot in made.left] == [(Decimal("1.5"), Decimal(cost))]


def test_a_sale_of_more_than_is_owned_is_a_sale_and_a_short_sale() -> None:
    """3 SOL for 360 - 0.36 = 359.64: a third, 119.88, is for the one that is owned."""
    rows = [
        spot("01T10:00", "Bid", "1", "100", "0", 1),
        spot("02T10:00", "Ask", "3", "120", "0.36", 2),
    ]
    made = books(valued(movements(fills=rows)))
    assert shown(made) == [("1 SOL", Decimal("119.88"), 100, Decimal("19.88"))]
    assert [(lot.quantity, lot.cost) for lot in made.left] == [(-2, Decimal("-239.76"))]


@pytest.mark.parametrize("cost, gain", [({}, None), ({"9": Decimal(80)}, 10)])
def test_a_deposit_closes_a_short_sale(cost: dict[str, Decimal], gain: int | None) -> None:
    came = deposit("1") | {"createdAt": "2026-01-02T00:00:00"}
    sale = spot("01T10:00", "Ask", "1", "90", "0", 1)
    made = books(valued(movements(fills=[sale], deposits=[came])), "FIFO", cost)
    assert [(one.kind, one.proceeds, one.gain) for one in made.disposals] == [("short", 90, gain)]
    assert made.left == []


@pytest.mark.parametrize("trade", [0, None, 7])
def test_fills_with_one_trade_id_are_still_several(trade: int | None) -> None:
    """Conversions of collateral have no id, or 0; and both orders of a trade may be yours."""
    buy = fill("2026-01-01T00:00:00", "SOL_USDC", "Bid", "1", "100", "0", "SOL", 7)
    sell = fill("2026-01-01T00:00:00", "SOL_USDC", "Ask", "1", "100", "0.1", "USDC", 7)
    rows = [row | {"tradeId": trade} for row in (sell, buy)]
    found = valued(movements(fills=rows[::-1]))
    assert len({one.group for one in found}) == 2
    (one,) = books(found).disposals
    assert (one.proceeds, one.cost) == (Decimal("99.9"), 100)


def test_a_market_in_another_currency_is_a_sale_and_a_purchase() -> None:
    """1000 USDT bought for 999 USDC; 2 SOL for 400 USDT when USDT was worth 0.99."""
    rows = [
        fill("2026-01-01T00:00:00", "USDT_USDC", "Bid", "1000", "0.999", "0", "USDT", 1),
        fill("2026-01-02T00:00:00", "SOL_USDT", "Bid", "2", "200", "0.002", "SOL", 2),
    ]
    made = books(valued(movements(fills=rows), {"fill SOL_USDT 2 USDT": Decimal("0.99")}))
    (one,) = made.disposals
    assert (one.asset, one.proceeds, one.cost, one.gain) == (
        "USDT", 396, Decimal("399.6"), Decimal("-3.6"),
    )  # fmt: skip
    assert [(lot.asset, lot.quantity, lot.cost) for lot in made.left] == [
        ("SOL", Decimal("1.998"), 396),
        ("USDT", 600, Decimal("599.4")),
    ]


def test_a_rebate_lowers_the_cost() -> None:
    buy = fill("2026-01-01T00:00:00", "SOL_USDC", "Bid", "1", "100", "-0.02", "USDC", 1)
    (lot,) = books(valued(movements(fills=[buy]))).left
    assert (lot.quantity, lot.cost) == (1, Decimal("99.98"))


steps = st.integers(1, 10**6).map(lambda n: Decimal(n) / 1000)
trades = st.tuples(st.sampled_from(["Bid", "Ask"]), steps, steps, st.integers(0, 50))


@given(st.lists(trades, max_size=20), st.sampled_from(["FIFO", "average"]))
def test_cash_and_what_is_left_add_up_to_the_gains(
    drawn: list[tuple[str, Decimal, Decimal, int]], method: Any
) -> None:
    """Change of cash + cost of what is left = realised gains, to the last digit, also if short."""
    rows, held = [], Decimal(0)
    for number, (side, quantity, price, rate) in enumerate(drawn):
        coin, base = ("SOL", quantity) if side == "Bid" else ("USDC", quantity * price)
        fee = base * rate / 10_000
        held += quantity - fee if side == "Bid" else -quantity
        time = f"2026-01-01T00:{number:02}:00"
        rows.append(fill(time, "SOL_USDC", side, str(quantity), str(price), str(fee), coin, number))
    found = valued(movements(fills=rows))
    made = books(found, method)
    cash = sum((one.amount for one in found if one.asset == "USDC"), Decimal(0))
    cost = sum((lot.cost for lot in made.left if lot.cost is not None), Decimal(0))
    assert cash + cost == total(made)
    assert sum((lot.quantity for lot in made.left), Decimal(0)) == held
