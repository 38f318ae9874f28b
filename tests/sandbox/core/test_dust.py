"""Dust: what is less than the least order of its spot market becomes USDC.

SOL_USDC's last price is 100.00, its least quantity 0.01; ETH_USDC's are 4732.50 and 0.0001. That
the last price counts, without a fee, is a guess.
"""

from __future__ import annotations

from base64 import b64encode
from decimal import Decimal
from typing import Any

import pytest
from account_histories import dust_history
from helpers import Plain
from test_exchange import NOW, SECOND, Floor

from bpkit import Key
from bpkit.sandbox import Sandbox
from bpkit.sandbox.core.exchange import EngineAccount, Refusal

SECRET = b64encode(bytes(range(32))).decode()


def dusty(floor: Floor, **funds: str) -> EngineAccount:
    amounts = {asset: Decimal(text) for asset, text in funds.items()}
    return floor.exchange.open_account("dusty", amounts)


@pytest.mark.parametrize(
    ("quantity", "received"),
    [("0.009", "0.9"), ("0.00123456789", "0.123456"), ("0.009999999", "0.999999")],
)
def test_dust_is_sold_at_the_last_price(quantity: str, received: str) -> None:
    floor = Floor()
    account, exchange = dusty(floor, SOL=quantity), floor.exchange
    exchange.outbox.wanted = {("account.balanceUpdate", "dusty")}
    exchange.convert_dust(account, "SOL")
    assert exchange.balances(account) == {
        "USDC": {"available": received, "locked": "0", "staked": "0"}
    }
    assert dust_history(exchange, account) == [
        {
            "id": 1,
            "quantity": quantity,
            "symbol": "SOL",
            "timestamp": "2026-09-01T17:54:04.094",
            "usdcReceived": received,
        }
    ]
    frames = [frame.data for frame in exchange.outbox.take()]
    assert [(data["a"], data["A"]) for data in frames] == [("SOL", "0"), ("USDC", received)]


def test_without_a_symbol_all_dust_is_converted() -> None:
    """0.9 for the SOL, and 0.00009 * 4732.50 = 0.425925 for the ETH."""
    floor = Floor()
    account = dusty(floor, USDC="0.5", SOL="0.009", ETH="0.00009", USDT="1", HNT="0.01")
    floor.exchange.convert_dust(account)
    rows = dust_history(floor.exchange, account)
    assert [(row["symbol"], row["usdcReceived"]) for row in rows] == [
        ("SOL", "0.9"), ("ETH", "0.425925"),
    ]  # fmt: skip
    balances = {asset: row["available"] for asset, row in floor.exchange.balances(account).items()}
    assert balances == {"USDC": "1.825925", "USDT": "1", "HNT": "0.01"}
    floor.exchange.convert_dust(account)  # nothing is left
    assert len(dust_history(floor.exchange, account)) == 2


@pytest.mark.parametrize(
    ("funds", "symbol"),
    [
        ({"SOL": "0.01"}, "SOL"),
        ({"SOL": "3"}, "SOL"),
        ({}, "SOL"),
        ({"USDC": "0.000001"}, "USDC"),
        ({"HNT": "0.01"}, "HNT"),  # its market is closed: it has no price
    ],
)
def test_what_is_not_dust_stays(funds: dict[str, str], symbol: str) -> None:
    floor = Floor()
    account = dusty(floor, **funds)
    with pytest.raises(Refusal, match=f"The balance of {symbol} is not dust") as caught:
        floor.exchange.convert_dust(account, symbol)
    assert (caught.value.status, caught.value.code) == (400, "INVALID_QUANTITY")
    assert dust_history(floor.exchange, account) == []


def test_what_an_order_locks_counts() -> None:
    floor = Floor()
    account = dusty(floor, SOL="0.019")
    order = {"symbol": "SOL_USDC", "side": "Ask", "orderType": "Limit", "price": "101"}
    floor.exchange.execute(account, order | {"quantity": "0.01"})
    with pytest.raises(Refusal):
        floor.exchange.convert_dust(account, "SOL")
    floor.feed.print(1, 10100, 1, sold=False)
    floor.exchange.advance_to(NOW + SECOND)
    floor.exchange.convert_dust(account, "SOL")
    assert dust_history(floor.exchange, account)[0]["quantity"] == "0.009"


def test_the_operations(sandbox: Sandbox) -> None:
    sandbox.open_account({"SOL": "0.004", "BTC": "0.000009", "ETH": "1"}, Key(SECRET))
    with Plain(sandbox.url, SECRET) as plain:

        def listed(**fields: Any) -> list[str]:
            return [row["symbol"] for row in plain.call("get_dust_history", fields).json()]

        refused = plain.call("convert_dust", {"symbol": "ETH"})
        assert (refused.status_code, refused.json()["code"]) == (400, "INVALID_QUANTITY")
        for fields in ({"symbol": "SOL"}, {}):
            answer = plain.call("convert_dust", fields)
            assert (answer.status_code, answer.content) == (200, b"")
        assert listed() == ["BTC", "SOL"]
        assert listed(sortDirection="Asc") == ["SOL", "BTC"]
        assert listed(symbol="SOL") == listed(id=1) == ["SOL"]
        assert listed(limit=1, offset=1) == ["SOL"]
        assert plain.call("get_dust_history").headers["X-Total"] == "2"
