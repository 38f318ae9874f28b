"""Loans together with dust, strategies, positions and accounts that are closed.

Prices and pools are those of ``test_lending``: SOL at 100.00, bids at 99.99, asks at 100.01.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import test_lending
from test_lending import SPOT, Bank
from test_positions import NOW, SECOND

from bpkit.sandbox.core.exchange import EngineAccount, Refusal
from bpkit.sandbox.core.transfers import Transfers
from bpkit.sandbox.undo import UndoTable

TWAP = {
    "symbol": SPOT, "strategyType": "Scheduled", "quantity": "4", "duration": 40_000,
    "interval": 10_000,
}  # fmt: skip
crowd = test_lending.crowd


@pytest.fixture
def bank(crowd: dict[str, Decimal]) -> Bank:
    bank = Bank()
    bank.spot.seed = ""  # type: ignore[attr-defined]  # strategies ask for it
    return bank


def strategy(bank: Bank, side: str, **more: Any) -> dict[str, Any]:
    return bank.exchange.strategies.create(bank.bob, TWAP | {"side": side} | more)


def ended(bank: Bank) -> tuple[str, str | None]:
    row = bank.exchange.strategies.ended(bank.bob)[-1].history()
    return row["status"], row["cancelReason"]


def wait(bank: Bank, seconds: int) -> None:
    bank.exchange.advance_to(NOW + seconds * SECOND)


def dusty(bank: Bank, lent: str, available: str = "0") -> EngineAccount:
    """An account that has lent some SOL."""
    with_all = Decimal(lent) + Decimal(available)
    account = bank.exchange.open_account("dusty", {"SOL": with_all})
    bank.exchange.lending.move(account, "SOL", Decimal(lent), "Manual")
    return account


# --- dust -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", ["SOL", None])
def test_dust_that_is_lent_is_redeemed(bank: Bank, symbol: str | None) -> None:
    """0.006 lent and 0.003 available are 0.009 SOL: 0.9 USDC."""
    account = dusty(bank, "0.006", "0.003")
    bank.exchange.convert_dust(account, symbol)
    assert bank.loans(account) == {} and bank.has(account, "USDC") == "0.9"
    assert bank.has(account, "SOL") == "0" and len(account.dust) == 1
    row = account.movements[-1].wire()
    assert (row["eventType"], row["quantity"]) == ("LendRedeem", "0.006")
    assert (row["source"], row["positionQuantity"]) == ("DustConversion", "0")


def test_what_is_lent_counts_for_dust(bank: Bank) -> None:
    account = dusty(bank, "0.007", "0.003")  # 0.01 can be sold
    with pytest.raises(Refusal, match="not dust"):
        bank.exchange.convert_dust(account, "SOL")
    bank.exchange.convert_dust(account)
    assert bank.loans(account) == {"SOL": "0.007"} and account.dust == []


def test_what_is_borrowed_is_no_dust(bank: Bank) -> None:
    bank.borrow(bank.bob, "SOL", "1")
    bank.trade(bank.bob, "Ask", quantity="0.99")
    bank.exchange.lending.move(bank.bob, "SOL", Decimal("0.005"), "Manual")
    assert bank.has(bank.bob, "SOL") == "0.005"
    with pytest.raises(Refusal, match="not dust"):
        bank.exchange.convert_dust(bank.bob, "SOL")


# --- strategies -----------------------------------------------------------------------------------


def test_the_orders_of_a_strategy_borrow_and_repay(bank: Bank) -> None:
    strategy(bank, "Ask", autoBorrow=True, autoBorrowRepay=True)
    assert bank.loans(bank.bob) == {"SOL": "-1"}
    wait(bank, 60)
    assert bank.loans(bank.bob) == {"SOL": "-4"} and ended(bank) == ("Completed", None)
    ids = [order.id for order in bank.bob.orders]
    assert [row.order_id for row in bank.bob.movements] == ids
    bank.exchange.strategies.create(
        bank.bob, TWAP | {"side": "Bid", "quantity": "3", "autoBorrowRepay": True}
    )
    wait(bank, 120)
    assert ended(bank) == ("Completed", None)
    assert Decimal(bank.loans(bank.bob)["SOL"]) > Decimal("-1.1")


def test_the_orders_of_a_strategy_redeem_and_lend(bank: Bank) -> None:
    bank.lend(bank.bob, "USDC", "1000")
    with pytest.raises(Refusal) as caught:
        strategy(bank, "Bid")
    assert caught.value.code == "INSUFFICIENT_FUNDS"
    strategy(bank, "Bid", autoLendRedeem=True, autoLend=True)
    wait(bank, 60)
    assert ended(bank) == ("Completed", None)
    lent = {asset: Decimal(text) for asset, text in bank.loans(bank.bob).items()}
    assert lent["USDC"] < 601 and lent["SOL"] > 3 and bank.has(bank.bob, "SOL") == "0"


def test_a_pool_that_is_used_up_ends_a_strategy(
    bank: Bank,
    crowd: dict[str, Decimal],
) -> None:
    strategy(bank, "Ask", autoBorrow=True)
    crowd["borrowed"] = Decimal(950)
    wait(bank, 15)
    assert ended(bank) == ("Terminated", "InsufficientBorrowableQuantity")
    assert bank.loans(bank.bob) == {"SOL": "-1"}


def test_a_closed_account_leaves_no_strategy(bank: Bank) -> None:
    capital = Transfers(bank.exchange)
    strategy(bank, "Ask", autoBorrow=True, price="101")
    assert bank.bob.wanted == {"SOL": Decimal(1)}
    capital.close_account(bank.bob)
    wait(bank, 60)
    assert bank.bob.orders[-1].status == "Cancelled" and len(bank.bob.orders) == 1
    assert bank.bob.wanted == {} and bank.bob.balances.assets() == []
    assert ended(bank) == ("Cancelled", None)


# --- margin ---------------------------------------------------------------------------------------


def test_interest_reports_that_margin_has_changed(bank: Bank) -> None:
    bank.borrow(bank.bob, "SOL", "1")
    changed: UndoTable[None] = UndoTable()
    bank.bob.balances.report(changed, "bob")
    changed.clear()
    wait(bank, 3_700)
    assert len(bank.bob.interest) == 1 and "bob" in changed


# --- accounts that are closed ---------------------------------------------------------------------


def test_the_settings_of_a_closed_account_end_with_it(bank: Bank) -> None:
    """Its key gets another account, which lends nothing by itself."""
    capital = Transfers(bank.exchange)
    bank.bob.settings["autoRepayBorrows"] = True
    bank.exchange.lending.follow_settings(bank.bob)
    capital.close_account(bank.bob)
    assert bank.exchange.lending.next_us(NOW) is None
    assert not bank.exchange.lending.automatic


def test_a_new_account_with_the_key_of_a_closed_one_is_liquidated(bank: Bank) -> None:
    """The closed one was safe."""
    capital = Transfers(bank.exchange)
    bank.deal(bank.bob, "Bid", "100", "0.01")
    wait(bank, 5)
    assert "bob" not in bank.exchange.shortfalls.unsure
    bank.deal(bank.bob, "Ask", "100", "0.01")
    capital.close_account(bank.bob)
