"""Borrowing and lending on a small market: SOL at 100.00, one level a side, amounts by hand.

Pools are as written: simulated people have lent 1,000 SOL and borrowed 400, and a thousand times as
much of every other asset, unless a test says otherwise. Then the utilization is 0.4, half of the
optimal 0.8, so borrowers pay half of 8 %, which is 0.04 a year. Lenders get 0.04 * 0.4 without the
fee of 0.15: 0.0136.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from helpers import Plain
from test_positions import HOUR, MARKETS, NOW, PERP, SECOND, PerpFeed, Pit

from bpkit.sandbox import Sandbox
from bpkit.sandbox.core import pools, rules
from bpkit.sandbox.core.exchange import EngineAccount, Refusal
from bpkit.sandbox.core.pools import Pool
from bpkit.sandbox.simulation.lenders import others
from bpkit.sandbox.simulation.synthetic import Trade
from bpkit.sandbox.simulation.tables import table

SPOT = "SOL_USDC"
ROWS = {row["symbol"]: row for row in table("catalogue")["lending"]}
ALL = dict.fromkeys(("autoBorrow", "autoBorrowRepay", "autoLend", "autoLendRedeem"), True)


class Bank(Pit):
    """Ann has 1000 USDC and 10 SOL, bob 1000 USDC."""

    def trade(self, account: EngineAccount, side: str, **fields: Any) -> dict[str, Any]:
        return self.order(account, side, symbol=SPOT, **fields)

    def lend(self, account: EngineAccount, asset: str, quantity: str) -> None:
        self.exchange.lending.execute(account, asset, "Lend", Decimal(quantity))

    def borrow(self, account: EngineAccount, asset: str, quantity: str) -> None:
        self.exchange.lending.execute(account, asset, "Borrow", Decimal(quantity))

    def code(self, account: EngineAccount, asset: str, side: str, quantity: str) -> str:
        with pytest.raises(Refusal) as caught:
            self.exchange.lending.execute(account, asset, side, Decimal(quantity))
        assert caught.value.status == 400
        return caught.value.code

    def loans(self, account: EngineAccount) -> dict[str, str]:
        return {row["symbol"]: row["netQuantity"] for row in self.exchange.loans(account)}

    def has(self, account: EngineAccount, asset: str) -> str:
        return self.exchange.balances(account).get(asset, {"available": "0"})["available"]

    def __init__(self) -> None:
        super().__init__()
        for asset in ("BTC", "ETH", "USDT"):
            market = MARKETS[f"{asset}_USDC"]
            self.exchange._feeds[market.symbol] = PerpFeed(market, 10_000, [], [])  # type: ignore[assignment]

    def print_spot(self, after_s: int, price: int, quantity: int, offset_us: int = 0) -> None:
        """Let the spot market trade so many seconds after NOW; its quotes stay around it."""
        time_us = NOW + after_s * SECOND + offset_us
        self.spot.trades.append(Trade(0, time_us, price, quantity, True))

    def hours(self, count: int) -> None:
        """Advance to the end of the next hour, and on."""
        self.exchange.advance_to(NOW + HOUR // 2 + (count - 1) * HOUR)

    def events(self, account: EngineAccount) -> list[tuple[str, str, str, str]]:
        rows = [row.wire() for row in account.movements]
        return [(row["eventType"], row["symbol"], row["quantity"], row["source"]) for row in rows]


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> dict[str, Decimal]:
    """What the simulated people have lent and borrowed; a test may change it."""
    amounts = {"lent": Decimal(1000), "borrowed": Decimal(400)}

    def shown(seed: str, row: dict[str, Any], at_us: int) -> tuple[Decimal, Decimal]:
        times = 1 if row["symbol"] == "SOL" else 1000
        return amounts["lent"] * times, amounts["borrowed"] * times

    monkeypatch.setattr(pools, "others", shown)
    return amounts


@pytest.fixture
def bank(crowd: dict[str, Decimal]) -> Bank:
    return Bank()


# --- the pools ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("borrowed", "paid", "earned"),
    [
        ("0", "0", "0"),
        ("400", "0.04", "0.0136"),  # 0.04 * 0.4 * 0.85
        ("800", "0.08", "0.0544"),  # 0.08 * 0.8 * 0.85
        ("900", "0.33", "0.25245"),  # half of the way from 0.08 to 0.58; * 0.9 * 0.85
        ("1000", "0.58", "0.493"),
    ],
)
def test_the_rates_by_utilization(
    crowd: dict[str, Decimal], borrowed: str, paid: str, earned: str
) -> None:
    crowd["borrowed"] = Decimal(borrowed)
    rates = Pool(ROWS["SOL"], "a seed").rates(NOW)
    assert rates == (Decimal(borrowed) / 1000, Decimal(paid), Decimal(earned))


def test_utilization_has_eight_digits_and_is_cut(crowd: dict[str, Decimal]) -> None:
    crowd |= {"lent": Decimal(3), "borrowed": Decimal(2)}
    rates = Pool(ROWS["SOL"], "a seed").rates(NOW)
    assert str(rates.utilization) == "0.66666666"
    assert str(rates.borrow) == "0.06666667"  # a tenth of it, 0.066666666, rounded
    assert str(rates.lend) == "0.03777777"  # 0.06666667 * 0.66666666 * 0.85 = 0.0377777796..., cut


def test_simulated_people_come_from_the_seed() -> None:
    row = ROWS["ETH"]
    assert others("a", row, NOW) == others("a", row, NOW) != others("b", row, NOW)
    hour = NOW // HOUR * HOUR
    assert others("a", row, hour) == others("a", row, hour + HOUR - 1)
    assert others("a", row, hour) != others("a", row, hour + HOUR)


@pytest.mark.parametrize("asset", sorted(ROWS))
def test_simulated_people_stay_near_what_is_usual(asset: str) -> None:
    row, seen = ROWS[asset], set()
    for hour in range(0, 24 * 400, 7):
        lent, borrowed = others("any", row, NOW + hour * HOUR)
        assert lent % Decimal(row["stepSize"]) == borrowed % Decimal(row["stepSize"]) == 0
        assert abs(lent / Decimal(row["lentQuantity"]) - 1) <= Decimal("0.05")
        assert abs(borrowed / lent - Decimal(row["utilization"])) < Decimal("0.1001")
        seen.add(borrowed)
    assert len(seen) > 1000


def test_what_accounts_lend_and_borrow_counts(bank: Bank) -> None:
    bank.lend(bank.ann, "SOL", "10")
    bank.borrow(bank.bob, "SOL", "4")
    row = next(row for row in bank.exchange.lending_markets() if row["symbol"] == "SOL")
    assert (row["lentQuantity"], row["borrowedQuantity"]) == ("1010", "404")
    assert row["utilization"] == "0.4" and row["assetMarkPrice"] == "100"


def test_the_history_remembers_what_accounts_had(bank: Bank) -> None:
    """Of the ends of hours; the first one has the interest of ann's 10 too."""
    pool = bank.exchange.lending.pools["SOL"]
    bank.lend(bank.ann, "SOL", "10")
    bank.hours(1)
    first = bank.exchange.now_us
    bank.borrow(bank.ann, "SOL", "10")
    bank.hours(3)
    assert pool.history(first)["lentQuantity"].startswith("1010.0000")
    assert pool.history(first - HOUR)["lentQuantity"] == "1000"
    assert pool.history(first)["borrowedQuantity"] == "400"


# --- requests -------------------------------------------------------------------------------------


def test_a_lend_leaves_the_balance_and_comes_back(bank: Bank) -> None:
    bank.lend(bank.ann, "SOL", "4")
    assert bank.has(bank.ann, "SOL") == "6" and bank.loans(bank.ann) == {"SOL": "4"}
    bank.lend(bank.ann, "SOL", "1.5")
    bank.borrow(bank.ann, "SOL", "0.5")
    assert bank.has(bank.ann, "SOL") == "5" and bank.loans(bank.ann) == {"SOL": "5"}
    bank.borrow(bank.ann, "SOL", "5")
    assert bank.has(bank.ann, "SOL") == "10" and bank.loans(bank.ann) == {}
    assert bank.events(bank.ann) == [
        ("Lend", "SOL", "4", "Manual"), ("Lend", "SOL", "1.5", "Manual"),
        ("LendRedeem", "SOL", "0.5", "Manual"), ("LendRedeem", "SOL", "5", "Manual"),
    ]  # fmt: skip
    assert [row.wire()["positionQuantity"] for row in bank.ann.movements] == ["4", "5.5", "5", "0"]
    assert bank.total() == bank.supply


def test_a_borrow_is_paid_out_and_repaid(bank: Bank) -> None:
    bank.borrow(bank.bob, "SOL", "3")
    assert bank.has(bank.bob, "SOL") == "3" and bank.loans(bank.bob) == {"SOL": "-3"}
    bank.lend(bank.bob, "SOL", "1")
    assert bank.has(bank.bob, "SOL") == "2" and bank.loans(bank.bob) == {"SOL": "-2"}
    bank.lend(bank.bob, "SOL", "2")
    assert bank.loans(bank.bob) == {} and bank.has(bank.bob, "SOL") == "0"
    assert [event for event, *_ in bank.events(bank.bob)] == [
        "Borrow",
        "BorrowRepay",
        "BorrowRepay",
    ]
    borrow, lend = bank.bob.every_loan[0], bank.ann.every_loan
    assert borrow.history() == {
        "avgInterestRate": "0", "createdAt": "2026-09-01T17:30:00.000", "cumulativeInterest": "0",
        "positionId": borrow.id, "quantity": "0", "side": "Borrow", "source": "Manual",
        "symbol": "SOL",
    }  # fmt: skip
    assert borrow.state == "Closed" and lend == []


def test_a_new_loan_is_a_new_position(bank: Bank) -> None:
    bank.lend(bank.ann, "SOL", "1")
    bank.borrow(bank.ann, "SOL", "1")
    bank.borrow(bank.ann, "SOL", "1")
    first, second = bank.ann.every_loan
    assert first.id != second.id and (first.side, second.side) == ("Lend", "Borrow")


@pytest.mark.parametrize(
    ("asset", "side", "quantity", "code"),
    [
        ("BONK", "Lend", "1", "INVALID_ASSET"),  # it has no lending market
        ("SOL", "Lend", "0", "INVALID_QUANTITY"),
        ("SOL", "Borrow", "-1", "INVALID_QUANTITY"),
        ("SOL", "Borrow", "0.001", "INVALID_QUANTITY"),  # the step is 0.01
        ("SOL", "Lend", "10.01", "INSUFFICIENT_FUNDS"),  # 10 are there
        ("USDC", "Borrow", "5.01", "BORROW_REQUIRES_LEND_REDEEM"),  # 5 are lent
        ("USDT", "Lend", "5.01", "LEND_REQUIRES_BORROW_REPAY"),  # 5 are borrowed
    ],
)
def test_requests_that_are_refused(
    bank: Bank, asset: str, side: str, quantity: str, code: str
) -> None:
    rich = bank.exchange.open_account("rich", dict.fromkeys(("SOL", "USDC", "USDT"), Decimal(10)))
    bank.lend(rich, "USDC", "5")
    bank.borrow(rich, "USDT", "5")
    before = bank.loans(rich), bank.exchange.balances(rich)
    assert bank.code(rich, asset, side, quantity) == code
    assert (bank.loans(rich), bank.exchange.balances(rich)) == before


def test_a_position_that_is_no_multiple_of_the_step_can_be_closed(bank: Bank) -> None:
    bank.borrow(bank.ann, "SOL", "4")
    bank.hours(1)
    owed = bank.loans(bank.ann)["SOL"].removeprefix("-")
    assert owed != "4"
    bank.lend(bank.ann, "SOL", owed)
    assert bank.loans(bank.ann) == {}


# --- limits of the pool ---------------------------------------------------------------------------


def rich(bank: Bank) -> EngineAccount:
    return bank.exchange.open_account("rich", {"USDC": Decimal(10) ** 9, "SOL": Decimal(10**7)})


def test_the_limit_of_borrows_and_lends(bank: Bank, crowd: dict[str, Decimal]) -> None:
    """Documented: openBorrowLendLimit, here 2,000,000 SOL. It stops what is new, no repayment."""
    crowd |= {"lent": Decimal(1_999_990), "borrowed": Decimal(1_500_000)}
    one = rich(bank)
    assert bank.code(one, "SOL", "Lend", "10.01") == "LEND_LIMIT"
    bank.lend(one, "SOL", "10")
    crowd |= {"lent": Decimal(10**7), "borrowed": Decimal(1_999_990)}
    two = bank.exchange.open_account("two", {"USDC": Decimal(10) ** 9})
    assert bank.code(two, "SOL", "Borrow", "10.01") == "BORROW_LIMIT"
    bank.borrow(two, "SOL", "10")
    crowd["borrowed"] = Decimal(2_500_000)  # it may be above the limit
    bank.lend(two, "SOL", "10")
    bank.borrow(one, "SOL", "10")  # a redemption


def test_the_highest_utilization(bank: Bank) -> None:
    """Below the threshold of 0.9 it may rise in an hour to 0.9 and a tenth of the way to the
    maximum of 0.95: 0.905. So 505 of the 600 that are left of 1000 can be borrowed."""
    one = rich(bank)
    assert bank.code(one, "SOL", "Borrow", "505.01") == "INSUFFICIENT_SUPPLY"
    bank.borrow(one, "SOL", "505")
    shown = bank.exchange.lending_markets()[0]
    assert (shown["utilization"], shown["throttleUtilizationBound"]) == ("0.905", "0.905")


def test_above_the_threshold_it_rises_hour_by_hour(bank: Bank, crowd: dict[str, Decimal]) -> None:
    """From 0.91: by a tenth of the 0.04 that are left, to 0.914."""
    crowd["borrowed"] = Decimal(910)
    one = rich(bank)
    assert bank.code(one, "SOL", "Borrow", "4.01") == "INSUFFICIENT_SUPPLY"
    bank.borrow(one, "SOL", "4")
    assert bank.code(one, "SOL", "Borrow", "0.01") == "INSUFFICIENT_SUPPLY"
    bank.hours(1)
    # The account's 4 and 4 * 0.365 / 8760 = 0.00017 of interest are among what is borrowed now, so
    # the utilization is 0.91400016. By a tenth of the 0.03599984 that are left:
    assert bank.exchange.lending.pools["SOL"].bound(bank.exchange.now_us) == Decimal("0.91760014")


def test_a_redemption_needs_supply_too(bank: Bank, crowd: dict[str, Decimal]) -> None:
    """1000 are lent, 10 of them by ann; 900 are borrowed. 900 / 0.905 = 994.475...: 5.52 may go."""
    bank.lend(bank.ann, "SOL", "10")
    bank.hours(1)
    crowd |= {"lent": Decimal(990), "borrowed": Decimal(900)}
    assert bank.exchange.lending.credit.most_borrowed(bank.ann, "SOL") == Decimal("5.52")
    assert bank.code(bank.ann, "SOL", "Borrow", "5.53") == "INSUFFICIENT_SUPPLY"
    bank.borrow(bank.ann, "SOL", "5.52")


# --- interest -------------------------------------------------------------------------------------


def test_interest_of_an_hour(bank: Bank, crowd: dict[str, Decimal]) -> None:
    """With ann's 5 and bob's 2, 1000 are lent and 400 borrowed: 0.04 and 0.0136 a year.

    Bob pays 2 * 0.04 / 8760 = 0.00000913242009..., rounded up; ann gets 5 * 0.0136 / 8760 =
    0.00000776255707..., rounded down. The fee is 0.15 of what bob pays.
    """
    crowd |= {"lent": Decimal(995), "borrowed": Decimal(398)}
    bank.lend(bank.ann, "SOL", "5")
    bank.borrow(bank.bob, "SOL", "2")
    bank.exchange.advance_to(NOW + HOUR // 2 - 1)
    assert bank.loans(bank.bob) == {"SOL": "-2"} and not bank.bob.interest
    bank.hours(1)
    assert bank.loans(bank.bob) == {"SOL": "-2.000009132421"}
    assert bank.loans(bank.ann) == {"SOL": "5.000007762557"}
    assert bank.exchange.fees.available("SOL") == Decimal("0.000001369863")  # of 0.00000136986315
    assert bank.has(bank.bob, "SOL") == "2" and bank.has(bank.ann, "SOL") == "5"
    assert [row.wire() for row in bank.bob.interest] == [
        {
            "interestRate": "0.04", "interval": 3_600_000, "marketSymbol": "SOL_USDC",
            "paymentType": "Borrow", "positionId": bank.bob.every_loan[0].id,
            "quantity": "-0.000009132421", "symbol": "SOL", "timestamp": "2026-09-01T18:00:00.000",
        }
    ]  # fmt: skip
    (earned,) = bank.ann.interest
    assert earned.wire()["paymentType"] == "Lend" and earned.wire()["interestRate"] == "0.0136"
    assert bank.events(bank.bob)[-1] == ("Borrow", "SOL", "0.000009132421", "Interest")
    assert bank.events(bank.ann)[-1] == ("Lend", "SOL", "0.000007762557", "Interest")
    assert bank.total() == bank.supply
    bank.hours(2)  # on what is owed now: 2.000009132421 * 0.04 / 8760 = 0.0000091324617...
    assert bank.loans(bank.bob) == {"SOL": "-2.000018264883"}
    loan = bank.bob.every_loan[0].history()
    assert (loan["cumulativeInterest"], loan["avgInterestRate"]) == ("-0.000018264883", "0.04")


def test_histories_and_their_filters(sandbox: Sandbox, plain: Plain) -> None:
    for side, quantity in (("Lend", "5"), ("Borrow", "5")):
        body = {"symbol": "SOL", "side": side, "quantity": quantity}
        assert plain.call("execute_borrow_lend", body).status_code == 200
    plain.call("execute_borrow_lend", {"symbol": "ETH", "side": "Borrow", "quantity": "0.5"})
    sandbox.advance(hours=1)

    def rows(name: str, **filters: object) -> list[dict[str, Any]]:
        response = plain.call(name, filters)
        assert response.headers["X-Total"] is not None
        found: list[dict[str, Any]] = response.json()
        return found

    def events(**filters: object) -> list[str]:
        return [row["eventType"] for row in rows("get_borrow_lend_history", **filters)]

    assert events() == ["Borrow", "Borrow", "LendRedeem", "Lend"]  # the newest is the interest
    assert events(sortDirection="Asc", limit=2) == ["Lend", "LendRedeem"]
    assert events(type="Borrow", sources="Manual,AutoLend") == ["Borrow"]
    assert events(symbol="SOL", offset=1) == ["Lend"]
    (interest,) = rows("get_interest_history")
    assert events(positionId=interest["positionId"]) == ["Borrow", "Borrow"]
    assert rows("get_interest_history", asset="ETH", symbol="ETH_USDC") == [interest]
    assert rows("get_interest_history", source="UnrealizedPnl") == []
    assert rows("get_interest_history", asset="SOL") == []
    closed, opened = rows("get_borrow_lend_position_history", sortDirection="Asc")
    assert (closed["symbol"], opened["symbol"]) == ("SOL", "ETH")
    assert rows("get_borrow_lend_position_history", state="Open") == [opened]
    assert rows("get_borrow_lend_position_history", side="Lend", state="Closed") == [closed]
    assert plain.call("get_interest_history", {"limit": 1001}).status_code == 400


def test_interest_of_usdc_has_no_market(bank: Bank) -> None:
    bank.lend(bank.ann, "USDC", "100")
    bank.hours(1)
    assert bank.ann.interest[0].market == "USDC"


@pytest.mark.parametrize("pieces", [1, 7, 60])
def test_it_does_not_matter_how_time_is_cut(bank: Bank, pieces: int) -> None:
    bank.lend(bank.ann, "SOL", "5")
    bank.borrow(bank.bob, "SOL", "2")
    for place in range(1, pieces + 1):
        bank.exchange.advance_to(NOW + 5 * HOUR * place // pieces)
    assert len(bank.bob.interest) == len(bank.ann.interest) == 5
    # 402 of 1005 are borrowed: 0.04 a year, so 2 * (1 + 0.04 / 8760) ** 5 = 2.0000456625...
    assert bank.loans(bank.bob)["SOL"][:13] == "-2.0000456625"


def test_nobody_is_charged_without_a_loan(bank: Bank) -> None:
    assert bank.exchange.lending.next_us(NOW) is None
    bank.lend(bank.ann, "SOL", "5")
    assert bank.exchange.lending.next_us(NOW) == NOW + HOUR // 2
    bank.borrow(bank.ann, "SOL", "5")
    assert bank.exchange.lending.next_us(NOW) is None


# --- margin ---------------------------------------------------------------------------------------


def test_how_much_can_be_borrowed(bank: Bank) -> None:
    """A borrowed SOL counts 90 as collateral, takes off 100, and needs 10 as initial margin at a
    leverage of 10: 20 of the 1000. So 50."""
    assert bank.exchange.lending.credit.most_borrowed(bank.bob, "SOL") == 50
    assert bank.code(bank.bob, "SOL", "Borrow", "50.01") == "INSUFFICIENT_MARGIN"
    bank.borrow(bank.bob, "SOL", "50")
    shown = bank.exchange.collateral(bank.bob)
    (sol, usdc) = shown.pop("collateral")
    assert (sol["totalQuantity"], sol["collateralValue"], sol["lendQuantity"]) == (
        "50",
        "4500",
        "0",
    )
    assert usdc["totalQuantity"] == "1000"
    assert shown == {
        "assetsValue": "5500", "borrowLiability": "5000", "imf": "0.1", "liabilitiesValue": "5000",
        "marginFraction": "0.1", "mmf": "0.0135", "netEquity": "500", "netEquityAvailable": "0",
        "netEquityLocked": "500", "netExposureFutures": "0", "pnlUnrealized": "0",
        "unsettledEquity": "0",
    }  # fmt: skip
    assert bank.exchange.lending.credit.most_borrowed(bank.bob, "SOL") == 0
    assert bank.exchange.lending.credit.most_borrowed(bank.bob, "HNT") == 0


def test_what_is_lent_is_still_collateral(bank: Bank) -> None:
    before = bank.exchange.collateral(bank.ann)
    bank.lend(bank.ann, "SOL", "4")
    after = bank.exchange.collateral(bank.ann)
    sol = after["collateral"][0]
    assert (sol["availableQuantity"], sol["lendQuantity"], sol["totalQuantity"]) == ("6", "4", "10")
    assert after["netEquity"] == before["netEquity"] == "1900"
    bank.lend(bank.ann, "SOL", "6")  # nothing is available
    assert bank.exchange.collateral(bank.ann)["netEquity"] == "1900"
    bank.order(bank.ann, "Bid", price="100", quantity="189")  # needs 1890 of 1900, and its fee
    assert bank.refused(bank.ann, "Bid", price="100", quantity="2")[1] == "INSUFFICIENT_MARGIN"


def test_a_position_shows_its_margin(bank: Bank) -> None:
    """Equity 1000 + 900 - 1000; an increase by x takes 10 * x of what bob owes more than his SOL
    gain, 1, and 0.135 more margin: (900 - 13.5) / (10 * (1 + 0.0135) - 9) = 781.05726..."""
    bank.borrow(bank.bob, "SOL", "10")
    (row,) = bank.exchange.loans(bank.bob)
    assert row == {
        "cumulativeInterest": "0", "estLiquidationPrice": row["estLiquidationPrice"],
        "id": bank.bob.every_loan[0].id, "imf": "0.02", "markPrice": "100", "mmf": "0.0135",
        "imfFunction": {"base": "0.02", "factor": "0.000075", "type": "sqrt"},
        "mmfFunction": {"base": "0.0135", "factor": "0.0000375", "type": "sqrt"},
        "netExposureNotional": "1000", "netExposureQuantity": "-10", "netQuantity": "-10",
        "symbol": "SOL",
    }  # fmt: skip
    assert row["estLiquidationPrice"][:9] == "881.05726"
    bank.lend(bank.ann, "SOL", "5")
    (lent,) = bank.exchange.loans(bank.ann)
    assert (lent["netExposureQuantity"], lent["netExposureNotional"]) == ("0", "0")
    assert lent["estLiquidationPrice"] == "0"


def test_a_borrow_leaves_less_for_futures_and_withdrawals(bank: Bank) -> None:
    """Bob's equity is 1000 + 1800 - 2000 = 800, and the borrow needs 200 of it."""
    bank.borrow(bank.bob, "SOL", "20")
    assert bank.exchange.withdrawable(bank.bob, "USDC") == 600
    assert bank.refused(bank.bob, "Bid", price="100", quantity="60")[1] == "INSUFFICIENT_MARGIN"
    assert bank.order(bank.bob, "Bid", price="100", quantity="59")["status"] == "New"


def test_a_debtor_may_sell_what_improves_the_margin(bank: Bank) -> None:
    """SOL counts nine tenths: to sell is always allowed, to buy more costs a tenth of it."""
    bank.borrow(bank.bob, "SOL", "50")
    with pytest.raises(Refusal, match="Insufficient margin"):
        bank.trade(bank.bob, "Bid", quantity="1")
    assert bank.trade(bank.bob, "Ask", quantity="50")["status"] == "Filled"


def test_an_account_below_its_initial_margin_may_improve_it(bank: Bank) -> None:
    """At 101, bob's equity is 1000 + 50 * 90.9 - 5050 = 495, and 505 are needed. A SOL sold for
    99.99, less a thousandth, brings 8.99 more than it counts: still too little, but no worse."""
    bank.borrow(bank.bob, "SOL", "50")
    bank.print_spot(1, 10_100, 1)
    bank.advance(1)
    assert bank.exchange.margin.surplus(bank.bob) == -10
    assert bank.trade(bank.bob, "Ask", quantity="1")["status"] == "Filled"


@pytest.mark.parametrize(
    ("side", "price", "most"),
    [
        # A SOL sold at 110 counts as sold at 100, less a thousandth; it takes off 100 and needs 10:
        # 10.1 of 1000.
        ("Ask", "110", "99"),
        # A SOL bought at 50 counts as half a one, 44.955. 1000 - 5.045 q >= (50 q - 1000) / 10.
        ("Bid", "50", "109.5"),
    ],
)
def test_a_better_price_than_the_mark_is_no_collateral(
    bank: Bank, side: str, price: str, most: str
) -> None:
    more = {"price": price, "autoBorrow": True}
    with pytest.raises(Refusal, match="Insufficient margin"):
        bank.trade(bank.bob, side, quantity=str(Decimal(most) + Decimal("0.02")), **more)
    assert bank.trade(bank.bob, side, quantity=most, **more)["status"] == "New"


def test_what_an_order_locks_does_not_count(bank: Bank) -> None:
    """So a debtor without spare margin cannot let a sale rest, unless the order locks nothing."""
    bank.borrow(bank.bob, "SOL", "50")
    with pytest.raises(Refusal, match="Insufficient margin"):
        bank.trade(bank.bob, "Ask", price="110", quantity="10")
    order = bank.trade(bank.bob, "Ask", price="110", quantity="10", autoBorrow=True)
    assert order["status"] == "New" and bank.has(bank.bob, "SOL") == "50"


# --- orders ---------------------------------------------------------------------------------------


def test_an_order_borrows_what_is_missing(bank: Bank) -> None:
    """15 SOL at 100.01 cost 1500.15 USDC; bob has 1000."""
    with pytest.raises(Refusal, match="Insufficient funds"):
        bank.trade(bank.bob, "Bid", quantity="15")
    order = bank.trade(bank.bob, "Bid", quantity="15", autoBorrow=True)
    assert order["status"] == "Filled"
    assert bank.has(bank.bob, "USDC") == "0" and bank.loans(bank.bob) == {"USDC": "-500.15"}
    assert bank.has(bank.bob, "SOL") == "14.985"  # without the fee of 0.1 %
    (row,) = bank.bob.movements
    assert row.wire()["spotMarginOrderId"] == order["id"]
    assert (row.event, row.source) == ("Borrow", "SpotMargin")
    assert bank.total() == bank.supply


def test_how_much_an_order_may_borrow(bank: Bank) -> None:
    """A SOL bought at 100.01 adds 0.999 * 90 = 89.91 and takes 100.01; of that what exceeds 1000
    is borrowed and needs a tenth: 1000 - 10.1 q >= 10.001 q - 100, so q = 54.72..."""
    most = bank.exchange.max_order_quantity(bank.bob, SPOT, "Bid", autoBorrow=True)
    assert most["maxOrderQuantity"] == "54.72" and most["autoBorrow"] is True
    assert bank.exchange.max_order_quantity(bank.bob, SPOT, "Bid")["maxOrderQuantity"] == "9.99"
    with pytest.raises(Refusal, match="Insufficient margin"):
        bank.trade(bank.bob, "Bid", quantity="54.73", autoBorrow=True)
    bank.trade(bank.bob, "Bid", quantity="54.72", autoBorrow=True)


def test_a_short_sale(bank: Bank) -> None:
    order = bank.trade(bank.bob, "Ask", quantity="10", autoBorrow=True)
    assert order["status"] == "Filled" and bank.loans(bank.bob) == {"SOL": "-10"}
    assert bank.has(bank.bob, "USDC") == "1998.9001"  # and 999.9 without a thousandth
    cover = bank.trade(bank.bob, "Bid", quantity="10.1", autoBorrowRepay=True, autoLend=True)
    # 10.1 without a thousandth is 10.0899: 10 repay, the rest is lent.
    assert cover["status"] == "Filled" and bank.loans(bank.bob) == {"SOL": "0.0899"}
    assert bank.events(bank.bob) == [
        ("Borrow", "SOL", "10", "SpotMargin"), ("BorrowRepay", "SOL", "10", "SpotMargin"),
        ("Lend", "SOL", "0.0899", "SpotMargin"),
    ]  # fmt: skip
    assert bank.has(bank.bob, "SOL") == "0" and bank.total() == bank.supply


def test_a_purchase_that_repays_needs_less_margin(bank: Bank) -> None:
    """50 SOL are owed, 5994.5005 USDC are there. 50.05 SOL bought for 5005.5005, less a thousandth,
    count 4499.9955: the equity would be 488.9955, and 500 are needed if nothing is repaid."""
    bank.trade(bank.bob, "Ask", quantity="50", autoBorrow=True)
    with pytest.raises(Refusal, match="Insufficient margin"):
        bank.trade(bank.bob, "Bid", quantity="50.05")
    bank.trade(bank.bob, "Bid", quantity="50.05", autoBorrowRepay=True)
    assert bank.loans(bank.bob) == {"SOL": "-0.00005"}


def test_without_the_flag_proceeds_do_not_repay(bank: Bank) -> None:
    bank.trade(bank.bob, "Ask", quantity="10", autoBorrow=True)
    bank.trade(bank.bob, "Bid", quantity="4", autoLend=True)  # it owes SOL, so it cannot lend it
    assert bank.loans(bank.bob) == {"SOL": "-10"} and bank.has(bank.bob, "SOL") == "3.996"


def test_a_resting_order_borrows_when_it_is_filled(bank: Bank) -> None:
    """It locks nothing. What it may borrow needs margin: 20 * 99 - 1000 = 980, a tenth of it."""
    order = bank.trade(bank.bob, "Bid", price="99", quantity="20", autoBorrow=True)
    assert order["status"] == "New" and bank.loans(bank.bob) == {}
    assert bank.exchange.balances(bank.bob)["USDC"] == {
        "available": "1000", "locked": "0", "staked": "0",
    }  # fmt: skip
    assert bank.exchange.margin.initial(bank.bob) == 98
    bank.print_spot(60, 9_900, 1_200)
    bank.advance(60)
    assert bank.loans(bank.bob) == {"USDC": "-188"}  # 12 * 99 - 1000
    assert bank.bob.movements[0].time_us == NOW + 60 * SECOND
    assert bank.exchange.margin.initial(bank.bob) == 98  # 188 owed, and 8 * 99 that may be
    bank.exchange.cancel(bank.bob, SPOT, order["id"])
    assert bank.loans(bank.bob) == {"USDC": "-188"} and not bank.bob.wanted
    assert bank.exchange.margin.initial(bank.bob) == Decimal("18.8")
    assert bank.total() == bank.supply


def test_orders_that_may_borrow_share_the_margin(bank: Bank) -> None:
    """Each bid at the mark costs a tenth in collateral and a tenth in margin, as in the limit."""
    for _ in range(5):
        bank.trade(bank.bob, "Bid", price="100", quantity="11", autoBorrow=True)
    # 55 * 100 - 1000 = 4500 may be borrowed, and needs 450 of the 1000.
    assert bank.exchange.margin.initial(bank.bob) == 450
    with pytest.raises(Refusal, match="Insufficient margin"):
        bank.trade(bank.bob, "Bid", price="100", quantity="28", autoBorrow=True)
    assert bank.exchange.withdrawable(bank.bob, "USDC") < 550


def test_what_is_lent_is_not_borrowed_again(bank: Bank) -> None:
    """A bid that may borrow and redeem: 900 are lent and 100 available, 1100 are needed."""
    bank.lend(bank.bob, "USDC", "900")
    bank.trade(bank.bob, "Bid", price="50", quantity="22", **ALL)
    assert bank.loans(bank.bob) == {"USDC": "900"}  # until it is filled
    assert bank.exchange.margin.initial(bank.bob) == 10
    bank.print_spot(60, 5_000, 2_200)
    bank.advance(60)
    assert bank.loans(bank.bob) == {"SOL": "21.9824", "USDC": "-100"}  # a maker pays 0.08 %


def test_an_order_redeems_what_is_lent(bank: Bank) -> None:
    bank.lend(bank.bob, "USDC", "1000")
    with pytest.raises(Refusal) as caught:
        bank.trade(bank.bob, "Bid", quantity="2")
    assert caught.value.code == "INSUFFICIENT_FUNDS"
    with pytest.raises(Refusal) as caught:
        bank.trade(bank.bob, "Bid", quantity="2", autoBorrow=True)
    assert caught.value.code == "BORROW_REQUIRES_LEND_REDEEM"
    assert bank.trade(bank.bob, "Bid", quantity="2", autoLendRedeem=True)["status"] == "Filled"
    assert bank.loans(bank.bob) == {"USDC": "799.98"}
    with pytest.raises(Refusal, match="Insufficient funds"):
        bank.trade(bank.bob, "Bid", quantity="8", autoLendRedeem=True)
    assert bank.trade(bank.bob, "Bid", quantity="8", **ALL)["status"] == "Filled"
    assert bank.loans(bank.bob) == {"SOL": "7.992", "USDC": "-0.1"}  # 800.08 - 799.98


def test_a_resting_order_redeems_when_it_is_placed(bank: Bank) -> None:
    bank.lend(bank.bob, "USDC", "900")
    order = bank.trade(bank.bob, "Bid", price="99", quantity="5", autoLendRedeem=True)
    assert order["status"] == "New" and bank.loans(bank.bob) == {"USDC": "505"}  # 900 - 395
    assert bank.exchange.balances(bank.bob)["USDC"]["locked"] == "495"
    bank.exchange.cancel(bank.bob, SPOT, order["id"])
    assert bank.has(bank.bob, "USDC") == "495"


def test_a_pool_that_is_used_up_refuses_an_order(bank: Bank, crowd: dict[str, Decimal]) -> None:
    crowd["borrowed"] = Decimal(905)
    with pytest.raises(Refusal) as caught:
        bank.trade(bank.bob, "Ask", quantity="10", autoBorrow=True)
    assert caught.value.code == "INSUFFICIENT_SUPPLY"
    wait = {"triggerPrice": "101", "triggerQuantity": "10"}
    bank.trade(bank.bob, "Ask", autoBorrow=True, **wait)
    bank.print_spot(60, 10_100, 1)
    bank.advance(60)
    row = bank.newest(bank.bob)
    assert (row["status"], row["expiryReason"]) == (
        "TriggerFailed", "InsufficientBorrowableQuantity",
    )  # fmt: skip


def test_the_flags_do_nothing_on_futures(bank: Bank) -> None:
    bank.order(bank.bob, "Bid", symbol=PERP, price="100", quantity="1", **ALL)
    bank.deal(bank.bob, "Ask", "100", "1")
    assert not bank.bob.every_loan


def test_what_cannot_be_borrowed_is_locked_as_ever(bank: Bank) -> None:
    sale = {"symbol": "BONK_USDC", "side": "Ask", "orderType": "Limit", "price": "0.00001"}
    sale |= {"quantity": "10000"}
    request = rules.read(bank.exchange.markets, sale | ALL)
    assert request.auto == ("autoBorrowRepay", "autoLend", "autoLendRedeem")
    assert rules.read(bank.exchange.markets, sale | {"side": "Bid"} | ALL).auto == tuple(ALL)


# --- withdrawals ----------------------------------------------------------------------------------


def test_how_much_can_be_withdrawn(bank: Bank) -> None:
    """Ann has 1000 USDC, 600 of them lent, and 10 SOL, 900 as collateral. A borrow that leaves the
    account needs 1.1 times itself: 900 / 1.1 = 818.18..."""
    bank.lend(bank.ann, "USDC", "600")
    most = bank.exchange.withdrawable
    assert most(bank.ann, "USDC") == 400
    assert most(bank.ann, "USDC", ("autoBorrow",)) == 400
    assert most(bank.ann, "USDC", ("autoLendRedeem",)) == 1000
    both = most(bank.ann, "USDC", ("autoBorrow", "autoLendRedeem"))
    assert both == Decimal("1818.181818181818")  # 12 decimals


def test_a_withdrawal_over_http(sandbox: Sandbox, plain: Plain) -> None:
    sandbox.allow_withdrawal_address(sandbox.key, "Solana", "there")
    lend = {"symbol": "SOL", "side": "Lend", "quantity": "20"}
    response = plain.call("execute_borrow_lend", lend)
    assert (response.status_code, response.content) == (200, b"")
    wish = {"symbol": "SOL", "blockchain": "Solana", "address": "there", "quantity": "21"}
    for flags in ({}, {"autoBorrow": True}, {"autoLendRedeem": True}):
        answer = plain.call("request_withdrawal", wish | flags)
        assert (answer.status_code, answer.json()["code"]) == (400, "INSUFFICIENT_FUNDS")
    both = {"autoBorrow": True, "autoLendRedeem": True}
    assert plain.call("request_withdrawal", wish | both).status_code == 200
    rows = plain.call("get_borrow_lend_history", {"sources": "Withdrawal,Liquidation"}).json()
    assert [(row["eventType"], row["quantity"]) for row in rows] == [
        ("Borrow", "1"), ("LendRedeem", "20"),
    ]  # fmt: skip
    limits = {"symbol": "SOL", "autoBorrow": "true", "autoLendRedeem": "true"}
    most = plain.call("get_max_withdrawal_quantity", limits).json()
    assert Decimal(most["maxWithdrawalQuantity"]) > 20 and most["autoLendRedeem"] is True


# --- settings -------------------------------------------------------------------------------------


def switch(bank: Bank, account: EngineAccount, **on: bool) -> None:
    account.settings |= on
    bank.exchange.lending.follow_settings(account)


def test_auto_lend_lends_now_and_each_hour(bank: Bank) -> None:
    switch(bank, bank.ann, autoLend=True)
    assert bank.loans(bank.ann) == {"SOL": "10", "USDC": "1000"}
    assert bank.has(bank.ann, "SOL") == bank.has(bank.ann, "USDC") == "0"
    bank.ann.balances.gain("USDC", Decimal("7.777"))
    bank.hours(1)
    assert bank.has(bank.ann, "USDC") == "0.007"  # the step is 0.01
    assert bank.events(bank.ann)[-1] == ("Lend", "USDC", "7.77", "AutoLend")
    switch(bank, bank.ann, autoLend=False)
    bank.ann.balances.gain("USDC", Decimal(5))
    bank.hours(2)
    assert bank.has(bank.ann, "USDC") == "5.007"


def test_auto_lend_leaves_what_cannot_be_lent(bank: Bank, crowd: dict[str, Decimal]) -> None:
    """What is borrowed is not repaid by this setting, and the limit of 400,000,000 USDC holds."""
    bank.borrow(bank.bob, "SOL", "3")
    crowd["lent"] = Decimal(399_995)
    switch(bank, bank.bob, autoLend=True)
    assert bank.loans(bank.bob) == {"SOL": "-3", "USDC": "1000"}
    crowd["lent"] = Decimal("399998.993")  # and bob's 1000
    switch(bank, bank.ann, autoLend=True)
    assert bank.loans(bank.ann)["USDC"] == "7" and bank.has(bank.ann, "USDC") == "993"


def test_auto_repay_repays_now_and_each_hour(bank: Bank) -> None:
    bank.borrow(bank.bob, "SOL", "3")
    bank.trade(bank.bob, "Ask", quantity="2")
    switch(bank, bank.bob, autoRepayBorrows=True)
    assert bank.loans(bank.bob) == {"SOL": "-2"}
    assert bank.events(bank.bob)[-1] == ("BorrowRepay", "SOL", "1", "AutoBorrowRepay")
    bank.trade(bank.bob, "Bid", quantity="5")
    bank.hours(1)
    assert bank.loans(bank.bob) == {} and bank.bob.every_loan[0].state == "Closed"


def test_a_debt_redeems_what_is_lent(bank: Bank) -> None:
    """Ann buys 10 at 100 on the perp for a fee of 0.5, lends 900 USDC and keeps 99.5. She sells at
    60: a fee of 0.3, then 400 are due, 300.8 more than the 99.2 that are left."""
    bank.perp.bids = bank.perp.asks = []
    bank.deal(bank.ann, "Bid", "100", "10")
    bank.lend(bank.ann, "USDC", "900")
    bank.perp.print(1, 6_000)
    bank.advance(1)
    bank.deal(bank.ann, "Ask", "60", "10")
    assert bank.events(bank.ann)[1:] == [("LendRedeem", "USDC", "300.8", "Reconciliation")]
    assert bank.has(bank.ann, "SOL") == "10" and bank.total() == bank.supply


@pytest.mark.parametrize("borrows", [True, False])
def test_a_debt_is_borrowed_or_sold_for(bank: Bank, borrows: bool) -> None:
    """A loss of 1000 * 0.3 with 100 USDC left. With the setting the rest is borrowed; without it
    SOL are sold for it."""
    bank.ann.settings["autoBorrowSettlements"] = borrows
    bank.perp.bids = bank.perp.asks = []
    bank.deal(bank.ann, "Bid", "100", "10")  # a fee of 0.5
    bank.ann.balances.spend("USDC", Decimal("899.5"))
    bank.exchange.fees.gain("USDC", Decimal("899.5"))
    bank.perp.print(1, 7_000)
    bank.advance(1)
    bank.deal(bank.ann, "Ask", "70", "10")  # a fee of 0.35 first, then 300
    if borrows:
        assert bank.loans(bank.ann) == {"USDC": "-200.35"} and bank.has(bank.ann, "SOL") == "10"
        assert bank.events(bank.ann) == [("Borrow", "USDC", "200.35", "Reconciliation")]
    else:
        assert bank.loans(bank.ann) == {} and bank.has(bank.ann, "SOL") == "7.99"
    assert bank.total() == bank.supply


def test_what_is_lent_can_be_sold_for_a_debt(bank: Bank) -> None:
    """200.35 USDC are missing, as above: 2.01 of the 10 SOL are sold, which were all lent."""
    bank.perp.bids = bank.perp.asks = []
    bank.deal(bank.ann, "Bid", "100", "10")
    bank.ann.balances.spend("USDC", Decimal("899.5"))
    bank.exchange.fees.gain("USDC", Decimal("899.5"))
    bank.lend(bank.ann, "SOL", "10")
    bank.perp.print(1, 7_000)
    bank.advance(1)
    bank.deal(bank.ann, "Ask", "70", "10")
    assert bank.loans(bank.ann) == {} and bank.has(bank.ann, "SOL") == "7.99"
    assert bank.events(bank.ann)[-1] == ("LendRedeem", "SOL", "10", "Reconciliation")
    assert {row["source"] for row in bank.exchange.settlements(bank.ann)} == {
        "TradingFees", "RealizePnl",
    }  # fmt: skip


def test_a_debt_is_not_borrowed_without_margin(bank: Bank) -> None:
    """The same loss with 49.65 USDC after the fee: 250.35 are missing. 2.9 SOL count 261, so 10.65
    of equity would be left, and the borrow needs 25.035."""
    bank.ann.settings["autoBorrowSettlements"] = True
    bank.perp.bids = bank.perp.asks = []
    bank.deal(bank.ann, "Bid", "100", "10")
    for asset, amount in (("USDC", Decimal("949.5")), ("SOL", Decimal("7.1"))):
        bank.ann.balances.spend(asset, amount)
        bank.exchange.fees.gain(asset, amount)
    bank.perp.print(1, 7_000)
    bank.advance(1)
    bank.deal(bank.ann, "Ask", "70", "10")
    assert bank.loans(bank.ann) == {} and bank.has(bank.ann, "SOL") == "0.39"  # 2.51 are sold
    assert bank.total() == bank.supply


# --- liquidation ----------------------------------------------------------------------------------


def test_a_short_seller_is_liquidated(bank: Bank) -> None:
    """50 SOL sold at 99.99 without a thousandth: 1000 + 4994.5005 USDC. At 119 the debt is 5950,
    the equity 44.5005, less than the 5950 * 0.0135 = 80.3 that are needed. At 118 it is 94.5, more
    than 79.65."""
    bank.trade(bank.bob, "Ask", quantity="50", autoBorrow=True)
    assert bank.has(bank.bob, "USDC") == "5994.5005"
    bank.print_spot(60, 11_800, 1)
    bank.print_spot(100, 11_900, 1, offset_us=1)
    bank.advance(100)
    assert bank.loans(bank.bob) == {"SOL": "-50"}
    bank.advance(101)  # the first whole second at which it is short
    assert bank.loans(bank.bob) == {} and bank.has(bank.bob, "SOL") == "0"
    row = bank.newest(bank.bob)
    assert (row["systemOrderType"], row["side"], row["executedQuantity"]) == (
        "CollateralConversion", "Bid", "50",
    )  # fmt: skip
    assert row["executedQuoteQuantity"] == "5950"
    assert bank.events(bank.bob)[-1] == ("BorrowRepay", "SOL", "50", "Liquidation")
    # The fee of 1 % is 59.5; no more than the 44.5005 that are left.
    fees = bank.exchange.settlements(bank.bob)
    assert [(row["source"], row["quantity"]) for row in fees] == [("TradingFeesSystem", "-44.5005")]
    assert bank.has(bank.bob, "USDC") == "0" and bank.total() == bank.supply


def test_a_liquidation_repays_the_last_digit(bank: Bank) -> None:
    """With an hour's interest, 50 * 0.06 / 8760 at most, 50.01 SOL are bought."""
    bank.trade(bank.bob, "Ask", quantity="50", autoBorrow=True)
    bank.hours(1)
    assert Decimal("-50.001") < Decimal(bank.loans(bank.bob)["SOL"]) < -50
    bank.print_spot(2_000, 11_900, 1)
    bank.advance(2_000)
    assert bank.loans(bank.bob) == {} and bank.newest(bank.bob)["executedQuantity"] == "50.01"
    assert 0 < Decimal(bank.has(bank.bob, "SOL")) < Decimal("0.01")
    assert bank.total() == bank.supply


def test_a_leveraged_buyer_is_liquidated(bank: Bank) -> None:
    """20 SOL at 100.01: 2000.2 USDC, 1000.2 of them borrowed; 19.98 SOL are there. At 56 they count
    19.98 * 50.4 = 1006.992, and 1000.2 * 1.0125 = 1012.7 are needed. At 57: 1024.97."""
    bank.trade(bank.bob, "Bid", quantity="20", autoBorrow=True)
    bank.print_spot(60, 5_700, 1)
    bank.print_spot(120, 5_600, 1)
    bank.advance(119)
    assert bank.loans(bank.bob) == {"USDC": "-1000.2"}
    bank.advance(120)
    # 1000.2 and a fee of 10.002 need 1010.202 / 56 = 18.04 SOL, rounded up: 1010.24 USDC.
    assert bank.loans(bank.bob) == {}
    assert bank.has(bank.bob, "SOL") == "1.94" and bank.has(bank.bob, "USDC") == "0.038"
    assert bank.total() == bank.supply


def test_a_fill_that_borrows_more_is_seen_at_once(bank: Bank) -> None:
    """In one step of time: bob owes 500.15 USDC, and has enough at a price of 60. A bid for 10 SOL
    is filled before that: now he owes 1490.15, and 24.977 SOL count 1348.8."""
    bank.trade(bank.bob, "Bid", quantity="15", autoBorrow=True)
    bank.trade(bank.bob, "Bid", price="99", quantity="10", autoBorrow=True)
    bank.print_spot(60, 9_900, 1_000)
    bank.print_spot(100, 6_000, 1)
    bank.advance(200)
    assert bank.events(bank.bob)[:2] == [
        ("Borrow", "USDC", "500.15", "SpotMargin"), ("Borrow", "USDC", "990", "SpotMargin"),
    ]  # fmt: skip
    assert bank.loans(bank.bob) == {} and bank.bob.movements[-1].time_us == NOW + 100 * SECOND


def test_orders_end_before_anything_is_repaid(bank: Bank) -> None:
    """Bob owes 50 SOL, and has 5444.5005 USDC and half a SOL. A bid locks 40 USDC. At 108 he has
    5404.5005 + 48.6 - 5400 = 53.1 and 72.9 are needed. Without the bid there is enough."""
    bank.trade(bank.bob, "Ask", quantity="50", autoBorrow=True)
    for asset, amount in (("USDC", Decimal(-550)), ("SOL", Decimal("0.5"))):
        giver, getter = (bank.ann, bank.bob) if amount > 0 else (bank.bob, bank.ann)
        giver.balances.spend(asset, abs(amount))
        getter.balances.gain(asset, abs(amount))
    bank.print_spot(1, 9_900, 1)
    bank.advance(1)
    bank.trade(bank.bob, "Bid", price="40", quantity="1")
    bank.print_spot(60, 10_800, 1)
    bank.advance(60)
    assert bank.exchange.open_orders(bank.bob) == []
    assert bank.newest(bank.bob)["expiryReason"] == "Liquidation"
    assert bank.loans(bank.bob) == {"SOL": "-50"}


def test_what_an_account_cannot_repay_is_paid_for_it(bank: Bank) -> None:
    """A gap to 200: 50 SOL cost 10000, bob has 5994.5005."""
    bank.trade(bank.bob, "Ask", quantity="50", autoBorrow=True)
    bank.print_spot(60, 20_000, 1)
    bank.advance(60)
    assert bank.loans(bank.bob) == {} and bank.exchange.balances(bank.bob) == {}
    (row,) = bank.exchange.settlements(bank.bob)
    assert (row["source"], row["quantity"]) == ("BackstopLiquidityFundProceeds", "4005.4995")
    assert bank.total() == bank.supply


def test_own_funds_of_the_asset_repay_first(bank: Bank) -> None:
    """Bob keeps 45 borrowed SOL and has sold 5. He pays with the 45; then he is no longer short."""
    bank.borrow(bank.bob, "SOL", "50")
    bank.trade(bank.bob, "Ask", quantity="5")
    bank.print_spot(60, 20_000, 1)  # 1499.4 + 8100 - 10000 < 0
    bank.advance(60)
    assert bank.loans(bank.bob) == {"SOL": "-5"} and bank.has(bank.bob, "USDC") == "1499.45005"
    assert bank.newest(bank.bob)["systemOrderType"] is None


@pytest.mark.parametrize("pieces", [1, 9, 200])
def test_a_liquidation_does_not_depend_on_the_steps(bank: Bank, pieces: int) -> None:
    bank.trade(bank.bob, "Ask", quantity="50", autoBorrow=True)
    for second in range(10, 200, 10):
        bank.print_spot(second, 10_000 + second * 20, 1)
    for place in range(1, pieces + 1):
        bank.exchange.advance_to(NOW + 200 * SECOND * place // pieces)
    assert bank.newest(bank.bob)["createdAt"] == "2026-09-01T17:31:40.000"  # 120 at second 100
