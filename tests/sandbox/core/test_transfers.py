"""Deposits, withdrawals, the address book, the account's settings and limits.

Shapes: a deposit recorded on 2025-07-23 and a withdrawal recorded on 2025-08-13. Fees and minimums
are those that ``/api/v1/assets`` of the sandbox itself shows. That the fee is part of the quantity
is a guess, and so are the texts of the refusals.
"""

from __future__ import annotations

import json
from base64 import b64encode
from decimal import ROUND_DOWN, Decimal
from typing import Any

import pytest
import requests
from helpers import Plain, examples
from hypothesis import given, settings
from hypothesis import strategies as st

from bpkit import Key
from bpkit.sandbox import Sandbox
from bpkit.sandbox.core.exchange import EngineAccount, Exchange, Refusal
from bpkit.sandbox.core.ledger import Balances
from bpkit.sandbox.core.transfers import OUTSIDE_FUNDS, Transfers, deposit_address
from bpkit.sandbox.simulation import market
from bpkit.sandbox.simulation.tables import ASSETS

NOON = 1_788_264_000  # 2026-09-01T12:00:00Z, the time of a new sandbox
ADDRESS = "0x0a00000000000000000000000000000000000001"
WISH = {"address": ADDRESS, "blockchain": "Ethereum", "quantity": "10", "symbol": "USDC"}

RECORDED_WITHDRAWAL = (
    '{"accountIdentifier":null,"bankIdentifier":null,"bankName":null,"blockchain":"Ethereum",'
    '"clientId":null,"createdAt":"2025-08-13T19:27:13.817","fee":"3","fiatFee":null,'
    '"fiatState":null,"fiatSymbol":null,"id":5479929,"identifier":null,"isInternal":false,'
    '"providerId":null,"quantity":"10","status":"pending","subaccountId":null,"symbol":"USDC",'
    '"toAddress":"0x0a","transactionHash":null,"triggerAt":null}'
)
RECORDED_DEPOSIT = (
    '{"createdAt":"2025-07-23T13:55:54.267","fiatAmount":null,"fiatCurrency":null,'
    '"fromAddress":"0x2e","id":6695353,"institutionBic":null,"platformMemo":null,'
    '"quantity":"120","source":"ethereum","status":"confirmed","symbol":"USDC",'
    '"toAddress":"0xfB","transactionHash":"0x58"}'
)


def told(response: requests.Response, status: int = 200) -> Any:
    assert response.status_code == status, response.text
    return response.json()


def funds(plain: Plain) -> dict[str, tuple[str, str]]:
    rows = told(plain.call("get_balances"))
    return {asset: (row["available"], row["locked"]) for asset, row in rows.items()}


@pytest.fixture
def open_way(sandbox: Sandbox) -> Sandbox:
    """A sandbox whose first account may withdraw to ADDRESS on Ethereum."""
    sandbox.allow_withdrawal_address(sandbox.key, "Ethereum", ADDRESS)
    return sandbox


# --- withdrawals ----------------------------------------------------------------------------------


def test_a_withdrawal_is_the_recorded_one(open_way: Sandbox, plain: Plain) -> None:
    row = told(plain.call("request_withdrawal", WISH))
    assert row == json.loads(RECORDED_WITHDRAWAL) | {
        "createdAt": "2026-09-01T12:00:00.000",
        "toAddress": ADDRESS,
    }
    assert list(row) == sorted(row)
    assert told(plain.call("get_withdrawals")) == [row]


def test_the_account_pays_the_quantity(open_way: Sandbox, plain: Plain) -> None:
    """At once: locked is only what open orders hold."""
    told(plain.call("request_withdrawal", WISH))
    assert funds(plain)["USDC"] == ("9990", "0")


def test_a_minute_later_it_is_confirmed(open_way: Sandbox, plain: Plain) -> None:
    pending = told(plain.call("request_withdrawal", WISH))
    open_way.advance(seconds=59.999999)
    assert told(plain.call("get_withdrawals")) == [pending]
    open_way.advance(seconds=0.000001)
    [row] = told(plain.call("get_withdrawals"))
    assert row["status"] == "confirmed"
    assert row["transactionHash"] == row["identifier"]
    assert row["transactionHash"].startswith("SANDBOX-")  # no blockchain's
    changed = ("status", "transactionHash", "identifier")
    assert row == pending | {name: row[name] for name in changed}
    assert funds(plain)["USDC"] == ("9990", "0")


def test_the_whole_balance_can_leave(open_way: Sandbox, plain: Plain) -> None:
    most = told(plain.call("get_max_withdrawal_quantity", {"symbol": "USDC"}))
    assert most["maxWithdrawalQuantity"] == "10000"
    told(plain.call("request_withdrawal", WISH | {"quantity": "10000"}))
    assert "USDC" not in funds(plain)


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"quantity": "9.99"}, "INVALID_CLIENT_REQUEST", "Quantity is below the minimum allowed"),
        ({"quantity": "0"}, "INVALID_CLIENT_REQUEST", "Quantity is below the minimum allowed"),
        ({"quantity": "-10"}, "INVALID_CLIENT_REQUEST", "Quantity is below the minimum allowed"),
        ({"quantity": "10.0000001"}, "INVALID_CLIENT_REQUEST", "Quantity decimal too long"),
        ({"quantity": "10000.000001"}, "INSUFFICIENT_FUNDS", "Insufficient funds"),
        ({"quantity": "9" * 3000}, "INSUFFICIENT_FUNDS", "Insufficient funds"),
        ({"symbol": "SOL"}, "INVALID_ASSET", "SOL cannot be withdrawn on Ethereum"),
        ({"blockchain": "Tron"}, "INVALID_ASSET", "USDC cannot be withdrawn on Tron"),
    ],
)
def test_withdrawals_that_are_refused(
    open_way: Sandbox, plain: Plain, change: dict[str, str], code: str, message: str
) -> None:
    answer = told(plain.call("request_withdrawal", WISH | change), 400)
    assert answer["code"] == code and answer["message"].startswith(message)
    assert funds(plain)["USDC"] == ("10000", "0")
    assert told(plain.call("get_withdrawals")) == []


def test_an_asset_whose_withdrawals_are_closed_stays(
    open_way: Sandbox, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    for token in ASSETS["USDC"]["tokens"]:
        monkeypatch.setitem(token, "withdrawEnabled", False)
    answer = told(plain.call("request_withdrawal", WISH), 400)
    assert answer["code"] == "INVALID_ASSET"
    assert funds(plain)["USDC"] == ("10000", "0")


@pytest.mark.parametrize("quantity", ["10.000000", "10.0000000", "010", "+10"])
def test_zeros_are_no_decimals(open_way: Sandbox, plain: Plain, quantity: str) -> None:
    row = told(plain.call("request_withdrawal", WISH | {"quantity": quantity}))
    assert row["quantity"] == "10"


def test_what_an_order_holds_cannot_leave(open_way: Sandbox, plain: Plain) -> None:
    order = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit"}
    told(plain.call("execute_order", order | {"price": "150", "quantity": "60"}))  # 9,000
    most = told(plain.call("get_max_withdrawal_quantity", {"symbol": "USDC"}))
    assert most["maxWithdrawalQuantity"] == "1000"
    refused = told(plain.call("request_withdrawal", WISH | {"quantity": "1000.000001"}), 400)
    assert refused["code"] == "INSUFFICIENT_FUNDS"
    told(plain.call("request_withdrawal", WISH | {"quantity": "1000"}))
    assert funds(plain)["USDC"] == ("0", "9000")


@pytest.mark.parametrize(
    "change",
    [
        {"address": ADDRESS + "2"},
        {"address": ADDRESS.upper()},
        {"blockchain": "Solana"},
        {"address": "", "twoFactorToken": "123456"},
    ],
)
def test_an_address_must_be_in_the_book(
    open_way: Sandbox, plain: Plain, change: dict[str, str]
) -> None:
    """403 is documented for this operation; a token does not help, as the FAQ says of the API."""
    answer = told(plain.call("request_withdrawal", WISH | change), 403)
    assert answer["code"] == "FORBIDDEN"
    assert funds(plain)["USDC"] == ("10000", "0")


def test_everybody_has_a_book_of_their_own(open_way: Sandbox, plain: Plain) -> None:
    secret = b64encode(bytes(range(32))).decode()
    open_way.open_account({"USDC": "500"}, Key(secret))
    with Plain(open_way.url, secret) as other:
        assert told(other.call("request_withdrawal", WISH), 403)["code"] == "FORBIDDEN"
        told(plain.call("request_withdrawal", WISH))
        assert told(other.call("get_withdrawals")) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"symbol": "NOPE"}, 'failed to parse "CustodyAsset": Expect a valid enumeration value.'),
        ({"blockchain": "ethereum"}, 'failed to parse "Blockchain": Expect a valid'),
        ({"quantity": "1e2"}, 'failed to parse "string_decimal": Invalid decimal'),
        ({"quantity": 10}, 'Expected input type "string_decimal", found 10.'),
        ({"address": None}, 'Type "string" expects an input value.'),
        ({"clientId": "x" * 256}, 'failed to parse "string": verification failed. maxLength(255)'),
        ({"recipientInformation": 1}, 'Expected input type "WithdrawalRecipientInformation"'),
    ],
)
def test_a_withdrawal_that_cannot_be_read(
    open_way: Sandbox, plain: Plain, change: dict[str, Any], reason: str
) -> None:
    response = plain.call("request_withdrawal", WISH | change)
    assert response.status_code == 400
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.text.startswith(f"parse request payload error: {reason}")
    assert response.text.endswith('(occurred while parsing "AccountWithdrawalPayload")')


def test_recipient_information_is_signed_and_read(open_way: Sandbox, plain: Plain) -> None:
    """Nested values are signed as compact JSON, as the official Rust client does; a guess."""
    about = {"withdrawal_purpose": "savings", "withdrawal_address_id": 7}
    signed = '{"withdrawal_address_id":7,"withdrawal_purpose":"savings"}'
    fields = WISH | {"recipientInformation": about, "clientId": "x" * 255}
    sign = fields | {"recipientInformation": signed}
    assert told(plain.call("request_withdrawal", fields, sign=sign))["clientId"] == "x" * 255


def test_withdrawals_by_name_time_and_page(open_way: Sandbox, plain: Plain) -> None:
    for place in range(3):
        told(plain.call("request_withdrawal", WISH | {"clientId": f"w{place}"}))
        open_way.advance(seconds=1)

    def names(**fields: object) -> list[str]:
        response = plain.call("get_withdrawals", fields)
        assert "X-Total" not in response.headers  # none are documented for this history
        return [row["clientId"] for row in told(response)]

    assert names() == ["w2", "w1", "w0"]  # newest first
    assert names(id=5_479_930) == ["w1"]
    assert names(clientId="w0") == ["w0"]
    assert names(limit=1, offset=1) == ["w1"]
    assert names(**{"from": NOON * 1000 + 1000, "to": NOON * 1000 + 2000}) == ["w1"]
    assert names(id=1) == names(clientId="w") == names(limit=0) == []
    assert told(plain.call("get_withdrawals", {"limit": 1001}), 400)["code"] == (
        "INVALID_CLIENT_REQUEST"
    )


def test_what_is_needed_as_margin_stays(sandbox: Sandbox) -> None:
    """At 10 times, a position needs a tenth of its worth; nothing but USDC is owned."""
    secret = b64encode(bytes(range(32))).decode()
    sandbox.open_account({"USDC": "100"}, Key(secret))
    with Plain(sandbox.url, secret) as other:
        order = {"symbol": "SOL_USDC_PERP", "side": "Bid", "orderType": "Market"}
        told(other.call("execute_order", order | {"quantity": "1"}))
        [position] = told(other.call("get_positions"))
        left = Decimal(funds(other)["USDC"][0])
        most = told(other.call("get_max_withdrawal_quantity", {"symbol": "USDC"}))
        gain = Decimal(position["pnlUnrealized"])
        needed = Decimal(position["netExposureNotional"]) / 10
        assert Decimal(most["maxWithdrawalQuantity"]) == (left + gain - needed).quantize(
            Decimal("0.000001"), ROUND_DOWN
        )
        assert Decimal(most["maxWithdrawalQuantity"]) < 85  # 1 SOL is worth more than 150


# --- deposits -------------------------------------------------------------------------------------


def test_a_deposit_has_the_recorded_shape(sandbox: Sandbox, plain: Plain) -> None:
    row = sandbox.deposit(sandbox.key, "USDC", "120.00", "Ethereum")
    own = told(plain.call("get_deposit_address", {"blockchain": "Ethereum"}))["address"]
    assert row == json.loads(RECORDED_DEPOSIT) | {
        "createdAt": "2026-09-01T12:00:00.000",
        "fromAddress": row["fromAddress"],
        "toAddress": own,
        "transactionHash": row["transactionHash"],
    }
    assert row["fromAddress"].startswith("SANDBOX-")
    assert row["transactionHash"].startswith("SANDBOX-")
    assert told(plain.call("get_deposits")) == [row]
    assert funds(plain)["USDC"] == ("10120", "0")


def test_a_deposit_takes_the_first_blockchain_unless_told(sandbox: Sandbox) -> None:
    assert sandbox.deposit(sandbox.key, "USDC", "1")["source"] == "solana"
    assert sandbox.deposit(sandbox.key, "BTC", "0.5")["source"] == "bitcoin"


def test_a_deposit_may_have_all_decimals_of_its_blockchain(sandbox: Sandbox) -> None:
    """USDC has six."""
    assert sandbox.deposit(sandbox.key, "USDC", "1.000001")["quantity"] == "1.000001"


def test_the_id_of_a_deposit_rises(sandbox: Sandbox) -> None:
    ids = [sandbox.deposit(sandbox.key, "SOL", "1")["id"] for _ in range(3)]
    assert ids[0] < ids[1] < ids[2]


def test_each_account_has_its_own_address_for_deposits() -> None:
    ann, bob = (EngineAccount(name, Balances({})) for name in ("ann", "bob"))
    assert deposit_address(ann, "Solana") != deposit_address(bob, "Solana")


def test_deposits_by_time_and_page(sandbox: Sandbox, plain: Plain) -> None:
    for amount in ("1", "2", "3"):
        sandbox.deposit(sandbox.key, "SOL", amount)
        sandbox.advance(seconds=1)

    def amounts(**fields: object) -> list[str]:
        return [row["quantity"] for row in told(plain.call("get_deposits", fields))]

    assert amounts() == amounts(excludePlatform="true") == ["3", "2", "1"]
    assert amounts(limit=1, offset=1) == ["2"]
    assert amounts(**{"from": NOON * 1000 + 1000, "to": NOON * 1000 + 2000}) == ["2"]
    assert told(plain.call("get_balances"))["SOL"]["available"] == "26"


@pytest.mark.parametrize(
    ("symbol", "quantity", "blockchain", "text"),
    [
        ("NOPE", "1", None, "not an asset here"),
        ("SOL", "1", "Ethereum", "cannot be deposited on Ethereum"),
        ("HNT", "1", None, "cannot be deposited on Solana"),
        ("USDC", "0.99", None, "minimum deposit of USDC is 1"),
        ("USDC", "1.0000001", None, "6 decimals"),
        ("USDC", "-1", None, "not an amount"),
        ("USDC", "NaN", None, "not an amount"),
        ("USDC", 1.5, None, "not an amount"),
    ],
)
def test_deposits_that_cannot_be(
    sandbox: Sandbox, plain: Plain, symbol: str, quantity: Any, blockchain: str | None, text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        sandbox.deposit(sandbox.key, symbol, quantity, blockchain)
    assert told(plain.call("get_deposits")) == []


def test_a_stranger_has_nothing_to_deposit_to(sandbox: Sandbox) -> None:
    for call in (
        lambda: sandbox.deposit(Key.generate(), "USDC", "10"),
        lambda: sandbox.allow_withdrawal_address(Key.generate(), "Ethereum", ADDRESS),
    ):
        with pytest.raises(ValueError, match="has no account here"):
            call()
    with pytest.raises(ValueError, match="'ethereum' is not one of"):
        sandbox.allow_withdrawal_address(sandbox.key, "ethereum", ADDRESS)


def test_a_deposit_can_be_traded_and_withdrawn(open_way: Sandbox) -> None:
    secret = b64encode(bytes(range(32))).decode()
    key = open_way.open_account(key=Key(secret))
    open_way.deposit(key, "USDC", "100")
    open_way.allow_withdrawal_address(key, "Ethereum", ADDRESS)
    with Plain(open_way.url, secret) as other:
        order = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Market"}
        bought = told(other.call("execute_order", order | {"quoteQuantity": "80"}))
        left = 100 - Decimal(bought["executedQuoteQuantity"])
        most = told(other.call("get_max_withdrawal_quantity", {"symbol": "USDC"}))
        assert Decimal(most["maxWithdrawalQuantity"]) == left
        told(other.call("request_withdrawal", WISH | {"quantity": str(left)}))
        assert set(funds(other)) == {"SOL"}


# --- nothing is lost ------------------------------------------------------------------------------


@settings(max_examples=examples(50))
@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.sampled_from([("USDC", "Solana"), ("USDC", "Ethereum"), ("BTC", "Bitcoin")]),
            st.decimals(min_value=0, max_value=200, places=6),
        )
    )
)
def test_every_asset_is_conserved(moves: list[tuple[bool, tuple[str, str], Decimal]]) -> None:
    """Accounts, fees and the outside together hold the same as in the beginning."""

    def no_feed(symbol: str) -> Any:
        raise AssertionError(symbol)

    exchange = Exchange(market.load(), no_feed, NOON * 1_000_000)
    transfers = Transfers(exchange)
    account = exchange.open_account("a", {"USDC": Decimal(300), "BTC": Decimal(1)})
    for _, (_, blockchain), _ in moves:
        transfers.allow(account, blockchain, "x")
    for inward, (symbol, blockchain), quantity in moves:
        wish = {"symbol": symbol, "blockchain": blockchain, "address": "x"}
        try:
            if inward:
                transfers.deposit(account, symbol, quantity, blockchain)
            else:
                transfers.request(account, wish | {"quantity": f"{quantity:f}"})
        except (Refusal, ValueError):
            continue
    for symbol, begin in (("USDC", 300), ("BTC", 1)):
        holdings = (account.balances, exchange.fees, transfers.outside)
        assert sum(balances.available(symbol) for balances in holdings) == OUTSIDE_FUNDS + begin
        gone = [row for row in transfers.withdrawals(account) if row["symbol"] == symbol]
        come = [row.wire() for row in transfers.deposit_rows(account) if row.symbol == symbol]
        change = total(come, "quantity") - total(gone, "quantity")
        assert account.balances.available(symbol) == begin + change
        assert exchange.fees.available(symbol) == total(gone, "fee")


def total(rows: list[dict[str, Any]], name: str) -> Decimal:
    return sum((Decimal(row[name]) for row in rows), Decimal(0))


# --- settings and limits --------------------------------------------------------------------------


def test_settings_are_kept(sandbox: Sandbox, plain: Plain) -> None:
    before = told(plain.call("get_account"))
    assert before["autoLend"] is before["autoRepayBorrows"] is False
    response = plain.call("update_account_settings", {"autoLend": True, "leverageLimit": "12.50"})
    assert (response.status_code, response.content) == (200, b"")
    assert "Content-Type" not in response.headers
    after = told(plain.call("get_account"))
    assert after == before | {"autoLend": True, "leverageLimit": "12.5"}
    plain.call("update_account_settings", {"autoLend": False, "autoRepayBorrows": True})
    assert told(plain.call("get_account")) == after | {"autoLend": False, "autoRepayBorrows": True}
    assert plain.call("update_account_settings", {}).status_code == 200


@pytest.mark.parametrize("limit", ["0", "0.99", "-5", "75.1", "1000"])
def test_a_leverage_limit_that_is_none(sandbox: Sandbox, plain: Plain, limit: str) -> None:
    """The most lenient market asks for 0.01333333 of a position: 75 times at the most. A guess."""
    before = told(plain.call("get_account"))
    wish = {"leverageLimit": limit, "autoLend": True}
    assert told(plain.call("update_account_settings", wish), 400) == {
        "code": "INVALID_CLIENT_REQUEST",
        "message": "Leverage limit must be between 1 and 75",
    }
    assert told(plain.call("get_account")) == before


@pytest.mark.parametrize("limit", ["1", "75"])
def test_the_lowest_and_the_highest_leverage_limit(plain: Plain, limit: str) -> None:
    assert plain.call("update_account_settings", {"leverageLimit": limit}).status_code == 200
    assert told(plain.call("get_account"))["leverageLimit"] == limit


def test_what_can_be_withdrawn(plain: Plain) -> None:
    assert told(plain.call("get_max_withdrawal_quantity", {"symbol": "HNT"})) == {
        "autoBorrow": None,
        "autoLendRedeem": None,
        "maxWithdrawalQuantity": "0",
        "symbol": "HNT",
    }
    told_twice = plain.call("get_max_withdrawal_quantity", {"symbol": "BTC", "autoBorrow": "false"})
    assert told(told_twice)["autoBorrow"] is False
    assert told(told_twice)["maxWithdrawalQuantity"] == "0.1"


@pytest.mark.parametrize("name", ["get_max_borrow_quantity", "get_max_withdrawal_quantity"])
def test_limits_of_what_is_no_asset(plain: Plain, name: str) -> None:
    assert told(plain.call(name, {"symbol": "SOL_USDC"}), 400)["code"] == "INVALID_ASSET"


def test_a_fraction_too_fine_for_its_blockchain_stays(sandbox: Sandbox) -> None:
    secret = b64encode(bytes(range(32))).decode()
    sandbox.open_account({"USDC": "50.123456789"}, Key(secret))
    with Plain(sandbox.url, secret) as other:
        most = told(other.call("get_max_withdrawal_quantity", {"symbol": "USDC"}))
        assert most["maxWithdrawalQuantity"] == "50.123456"


def test_the_assets_are_those_of_the_file() -> None:
    assert set(ASSETS) == {"SOL", "BTC", "ETH", "USDC", "USDT", "BONK", "HNT"}


def test_leverage_that_positions_do_not_allow(sandbox: Sandbox, plain: Plain) -> None:
    """150 SOL, some 25,600 USDC: at a leverage of 1 all of that is needed, more than is there."""
    order = {"symbol": "SOL_USDC_PERP", "side": "Bid", "orderType": "Market", "quantity": "150"}
    assert told(plain.call("execute_order", order))["status"] == "Filled"
    refusal = told(plain.call("update_account_settings", {"leverageLimit": "1"}), 400)
    assert refusal["code"] == "INSUFFICIENT_MARGIN"
    assert told(plain.call("get_account"))["leverageLimit"] == "10"
    assert plain.call("update_account_settings", {"leverageLimit": "5"}).status_code == 200


def test_a_leverage_limit_acts(sandbox: Sandbox) -> None:
    """A bid for 10 SOL at 150 is an exposure of 10 SOL at the mark: at a limit of 5 a fifth of that
    is needed, at 20 a twentieth. What is needed cannot leave."""
    secret = b64encode(bytes(range(32))).decode()
    sandbox.open_account({"USDC": "500"}, Key(secret))
    with Plain(sandbox.url, secret) as other:
        order = {"symbol": "SOL_USDC_PERP", "side": "Bid", "orderType": "Limit", "price": "150"}
        told(other.call("execute_order", order | {"quantity": "10"}))
        [mark] = told(other.get("/api/v1/markPrices?symbol=SOL_USDC_PERP"))
        exposure = 10 * Decimal(mark["markPrice"])

        def most() -> Decimal:
            row = told(other.call("get_max_withdrawal_quantity", {"symbol": "USDC"}))
            return Decimal(row["maxWithdrawalQuantity"])

        for limit in (5, 20):
            assert other.call("update_account_settings", {"leverageLimit": str(limit)}).ok
            needed = exposure / limit
            assert most() == (500 - needed).quantize(Decimal("0.000001"), ROUND_DOWN)
            summary = told(other.call("get_collateral"))
            assert Decimal(summary["netEquityLocked"]) == needed
            assert Decimal(summary["imf"]) == Decimal(1) / limit
        refusal = told(other.call("update_account_settings", {"leverageLimit": "3"}), 400)
        assert refusal["code"] == "INSUFFICIENT_MARGIN"  # a third is more than 500
