"""Fees by tier. The tiers are those that ``get_fee_tiers`` shows: from a volume of 1,000,000 USDC,
7 and 9 basis points on spot markets, 1.8 and 4.5 for futures; the last tier has 0 and 4, 0 and 1.8.
How they are reached is a guess.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from helpers import Plain
from test_exchange import NOW, Floor

from bpkit.sandbox import Sandbox
from bpkit.sandbox.core.exchange import EngineAccount
from bpkit.sandbox.core.fees import TIERS, count, tier
from bpkit.sandbox.core.ledger import Balances
from bpkit.sandbox.simulation.market import load
from bpkit.sandbox.simulation.synthetic import DAY

MARKETS = {market.symbol: market for market in load()}
FUNDS = {"USDC": Decimal(10**7), "SOL": Decimal(10**5)}
TODAY = NOW // DAY  # its beginning is 17 h 54 min before NOW


@pytest.fixture
def floor() -> Floor:
    return Floor()


def rich(floor: Floor, quantity: str) -> EngineAccount:
    """An account that has bought so much at 100.01."""
    account = floor.exchange.open_account("rich", FUNDS)
    floor.feed.asks = [(10001, 10**7)]
    floor.order(account, "Bid", price="100.01", quantity=quantity)
    return account


def shown(floor: Floor, account: EngineAccount) -> tuple[str, str, str, str]:
    row = floor.exchange.account_summary(account)
    names = ("spotMakerFee", "spotTakerFee", "futuresMakerFee", "futuresTakerFee")
    maker, taker, futures_maker, futures_taker = (row[name] for name in names)
    return maker, taker, futures_maker, futures_taker


def test_the_tiers_are_those_of_the_table() -> None:
    first = {kind: tiers[0][1:] for kind, tiers in TIERS.items()}
    assert first == {
        "SPOT": (Decimal("0.0008"), Decimal("0.001")),
        "PERP": (Decimal("0.0002"), Decimal("0.0005")),
    }
    assert all(tiers[0].volume == 0 for tiers in TIERS.values())
    volumes = [[one.volume for one in tiers] for tiers in TIERS.values()]
    assert volumes == [sorted(one) for one in volumes]


@pytest.mark.parametrize(
    ("quantity", "fees"),
    [
        ("9999", ("8", "10", "2", "5")),  # 999,999.99 USDC
        ("9999.01", ("7", "9", "2", "5")),  # 1,000,000.9901
    ],
)
def test_a_tier_begins_with_its_volume_on_the_next_day(
    floor: Floor, quantity: str, fees: tuple[str, str, str, str]
) -> None:
    account = rich(floor, quantity)
    assert shown(floor, account) == ("8", "10", "2", "5")
    floor.exchange.advance_to((TODAY + 1) * DAY - 1)
    assert shown(floor, account) == ("8", "10", "2", "5")
    floor.exchange.advance_to((TODAY + 1) * DAY)
    assert shown(floor, account) == fees


def test_a_volume_counts_for_thirty_days(floor: Floor) -> None:
    account = rich(floor, "10000")
    floor.exchange.advance_to((TODAY + 31) * DAY - 1)
    assert shown(floor, account)[1] == "9"
    floor.exchange.advance_to((TODAY + 31) * DAY)
    assert shown(floor, account)[1] == "10"


def test_fills_charge_the_fees_that_the_account_shows(floor: Floor) -> None:
    """10 SOL bought: 0.009 SOL; 10 SOL sold at 100.00 as a maker: 0.7 USDC."""
    account = rich(floor, "10000")
    floor.exchange.advance_to((TODAY + 1) * DAY)
    floor.order(account, "Bid", price="100.01", quantity="10")
    floor.order(account, "Ask", price="100", quantity="10")
    floor.order(floor.bob, "Bid", price="100", quantity="9")
    made, bought, first = floor.exchange.fills(account)
    assert (first["fee"], first["feeSymbol"]) == ("10", "SOL")  # 0.1 % of 10,000
    assert (bought["fee"], bought["feeSymbol"]) == ("0.009", "SOL")
    assert (made["fee"], made["feeSymbol"]) == ("0.63", "USDC")  # 0.07 % of 900
    [taken] = floor.exchange.fills(floor.bob)
    assert taken["fee"] == "0.009"  # 0.1 % of 9: each pays by its own tier


def test_futures_have_their_own_volume(sandbox: Sandbox, plain: Plain) -> None:
    """4.5 basis points of the notional, rounded up to 6 decimals."""
    account = next(iter(sandbox._service.exchange.accounts.values()))
    yesterday = sandbox._service.exchange.now_us - DAY
    count(account, MARKETS["SOL_USDC_PERP"], Decimal(1_000_000), yesterday)
    row = plain.call("get_account").json()
    assert (row["futuresMakerFee"], row["futuresTakerFee"]) == ("1.8", "4.5")
    assert (row["spotMakerFee"], row["spotTakerFee"]) == ("8", "10")
    order = {"symbol": "SOL_USDC_PERP", "side": "Bid", "orderType": "Market", "quantity": "0.07"}
    plain.call("execute_order", order)
    [fill] = plain.call("get_fills").json()
    millionths = Decimal(fill["price"]) * Decimal("0.07") * Decimal("0.00045") * 10**6
    assert 0 <= Decimal(fill["fee"]) * 10**6 - millionths < 1


def test_old_days_are_forgotten() -> None:
    """A long life does not make an account slow."""
    account = EngineAccount("ann", Balances({}))
    for day in range(100):
        count(account, MARKETS["SOL_USDC"], Decimal(40_000), day * DAY)
    assert len(account.traded["SPOT"]) == 31
    assert tier(account, "SPOT", 99 * DAY).taker == Decimal("0.0009")  # 30 * 40,000
    assert tier(account, "SPOT", 105 * DAY).taker == Decimal("0.0009")  # 25 of them
    assert tier(account, "SPOT", 106 * DAY).taker == Decimal("0.001")  # 24: 960,000
