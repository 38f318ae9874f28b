"""Amounts up to 10^12 of an asset, with all their decimals: exact everywhere, never an error."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, localcontext
from itertools import product

import pytest

from bpkit import Client
from bpkit.sandbox import Sandbox

MOST = 10**12
FINE = "999999999999.999999999999999999"  # 30 digits; Python's usual context keeps 28


@pytest.mark.parametrize("amount", ["1000000000000", FINE, "0.000000000000000001", "1e12", "0"])
def test_an_account_opens_with_it(sandbox: Sandbox, amount: str) -> None:
    bp = Client(sandbox.url, sandbox.open_account({"USDC": amount, "SOL": amount}))
    shown = {asset: row["available"] for asset, row in bp.get_balances().items()}
    text = format(Decimal(amount), "f")
    assert shown == ({} if text == "0" else {"USDC": text, "SOL": text})


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("1000000000000.000000000000000001", "is not an amount from 0 to 1,000,000,000,000"),
        ("1e13", "is not an amount from 0"),
        ("-1", "is not an amount from 0"),
        ("NaN", "is not an amount from 0"),
        ("999999999999.9999999999999999991", "more than 18 decimals"),
        ("1e-19", "more than 18 decimals"),
        ("1e-999999999", "more than 18 decimals"),
        (f"0.{'0' * 300}1", "more than 18 decimals"),
    ],
)
def test_what_is_no_such_amount(sandbox: Sandbox, amount: str, words: str) -> None:
    for call in (
        lambda: sandbox.open_account({"USDC": amount}),
        lambda: sandbox.deposit(sandbox.key, "SOL", amount),
    ):
        with pytest.raises(ValueError, match=words):
            call()


def test_zeros_at_the_end_are_no_decimals(sandbox: Sandbox) -> None:
    key = sandbox.open_account({"USDC": "1." + "0" * 40})
    assert Client(sandbox.url, key).get_balances()["USDC"]["available"] == "1"


def test_deposits_add_up(sandbox: Sandbox) -> None:
    """SOL has 9 decimals on its blockchain."""
    key = sandbox.open_account({"SOL": FINE})
    bp = Client(sandbox.url, key)
    for quantity in (str(MOST), "999999999999.999999999"):
        row = sandbox.deposit(key, "SOL", quantity)
        assert row["quantity"] == quantity
    # 999999999999.999999999999999999 + 1000000000000 + 999999999999.999999999
    assert bp.get_balances()["SOL"]["available"] == "2999999999999.999999998999999999"
    assert [row["quantity"] for row in bp.get_deposits()] == ["999999999999.999999999", str(MOST)]


def total(sandbox: Sandbox, asset: str) -> Decimal:
    """Of every account, the market maker, the fees and the outside, with all digits."""
    exchange, capital = sandbox._service.exchange, sandbox._service.capital
    books = [exchange.market_maker, exchange.fees, capital.outside]
    books += [account.balances for account in exchange.accounts.values()]
    with localcontext(Context(prec=200, traps=[Inexact])):
        return sum((one.available(asset) + one.locked(asset) for one in books), Decimal(0))


def test_a_rich_account_can_do_everything(sandbox: Sandbox) -> None:
    """Orders, futures, collateral, limits and time work, and no asset is lost."""
    rich = dict.fromkeys(("USDC", "SOL", "BTC", "ETH", "USDT"), FINE)
    bp = Client(sandbox.url, sandbox.open_account(rich))
    before = {asset: total(sandbox, asset) for asset in rich}
    bp.execute_order("SOL_USDC", "Bid", "Limit", price="170", quantity="5000000000")
    bp.execute_order("BTC_USDC", "Ask", "Market", quantity="0.1")
    bp.execute_order("SOL_USDC_PERP", "Bid", "Market", quantity="100")
    assert bp.get_open_orders()[0]["quantity"] == "5000000000"
    assert Decimal(bp.get_collateral()["netEquity"]) > MOST  # USDC alone is nearly that much
    for symbol, side in product(("SOL_USDC", "SOL_USDC_PERP"), ("Bid", "Ask")):
        answer = bp.get_max_order_quantity(symbol, side, price="170")
        assert Decimal(answer["maxOrderQuantity"]) > 8 * 10**8  # (10^12 - 8.5 * 10^11) / 170
    most = bp.get_max_withdrawal_quantity("BTC")["maxWithdrawalQuantity"]
    assert MOST - 1 < Decimal(most) < MOST  # 0.1 is sold
    sandbox.advance(hours=3)
    assert [row["symbol"] for row in bp.get_positions()] == ["SOL_USDC_PERP"]
    assert {asset: total(sandbox, asset) for asset in rich} == before
