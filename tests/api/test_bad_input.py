"""What is known to be wrong is refused with field, value and remedy; nothing is sent."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from helpers import PLACED, Scripted

from bpkit import LIVE_URL, ApiError, Client, GuardError, InputError, Key, MissingKeyError
from bpkit.sandbox import Sandbox
from bpkit.signing import DEMO_SECRET

SOL: dict[str, Any] = {"symbol": "SOL_USDC", "side": "Bid", "order_type": "Limit"}
BATCH_ORDER = {
    "symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "1", "quantity": "1",
}  # fmt: skip
GOOD: dict[str, Any] = {**SOL, "price": "170.50", "quantity": "1"}
WITHDRAWAL: dict[str, Any] = {
    "address": "a", "blockchain": "Solana", "symbol": "SOL", "quantity": "1",
}  # fmt: skip


def order(**changes: Any) -> Callable[[Client], object]:
    return lambda bp: bp.execute_order(**{**GOOD, **changes})


def market(**changes: Any) -> Callable[[Client], object]:
    return lambda bp: bp.execute_order("SOL_USDC", "Bid", "Market", **changes)


REFUSED: dict[str, tuple[Callable[[Client], object], str, str]] = {
    "float price": (order(price=170.5), "price", 'write text: "170.5"'),
    "negative quantity": (order(quantity="-1"), "quantity", "not above zero"),
    "zero quantity": (order(quantity=0), "quantity", "not above zero"),
    "NaN": (order(quantity="NaN"), "quantity", "is not a number"),
    "Decimal NaN": (order(price=Decimal("NaN")), "price", "is not a number"),
    "infinity": (order(price="inf"), "price", "is not a number"),
    "no number": (order(price="1,5"), "price", "is not a number"),
    "exponent": (order(price="1e2"), "price", "in digits and a point"),
    "plus sign": (order(price="+5"), "price", "in digits and a point"),
    "bool quantity": (order(quantity=True), "quantity", "is not a number"),
    "unknown side": (order(side="buy"), "side", "did you mean 'Bid'"),
    "unknown side in capitals": (order(side="BUY"), "side", "did you mean 'Bid'"),
    "side in capitals": (order(side="ASK"), "side", "did you mean 'Ask'"),
    "unknown order type": (
        order(order_type="Stop"), "order_type",
        "Allowed: Market, Limit. If Backpack has added it, use bp.request."),
    "unknown time in force": (order(time_in_force="GTD"), "time_in_force", "GTC, IOC, FOK"),
    "unknown self-trade prevention": (
        order(self_trade_prevention="Allow"), "self_trade_prevention", "RejectTaker"),
    "text for a flag": (order(post_only="true"), "post_only", "True or False"),
    "clientId too large": (
        order(client_id=2**32), "client_id", "outside 0 to 4294967295 (uint32)"),
    "clientId negative": (order(client_id=-1), "client_id", "outside 0 to 4294967295"),
    "clientId as text": (order(client_id="7"), "client_id", "is not an int"),
    "symbol of the wrong type": (order(symbol=5), "symbol", "not text"),
    "empty symbol": (order(symbol=" "), "symbol", "is empty"),
    "limit without price": (order(price=None), "price", "a Limit order needs one"),
    "limit without quantity": (order(quantity=None), "quantity", "a Limit order needs one"),
    "limit with quoteQuantity": (order(quote_quantity="5"), "quote_quantity", "for Market orders"),
    "market with price": (market(price="170", quantity="1"), "price", "for Limit orders"),
    "market with both": (
        market(quantity="1", quote_quantity="170"), "quantity", "quantity and quote_quantity"),
    "market with neither": (market(), "quantity", "given: neither"),
    "half a trigger": (order(trigger_price="180"), "trigger_price", "both or neither"),
    "limit with a trigger quantity and no trigger price": (
        order(quantity=None, trigger_quantity="1"), "trigger_price", "both or neither"),
    "market with a trigger quantity and no trigger price": (
        market(trigger_quantity="1"), "trigger_price", "both or neither"),
    "negative trigger quantity": (
        order(trigger_price="180", trigger_quantity="-5"), "trigger_quantity", "not above zero"),
    "share that is none": (
        order(trigger_price="180", trigger_quantity="x%"),
        "trigger_quantity", "not a share above zero"),
    "bool trigger quantity": (
        order(trigger_price="180", trigger_quantity=True), "trigger_quantity", "is not a number"),
    "market types where one is wanted": (
        lambda bp: bp.get_open_orders(market_type=["SPOT", "PERP"]), "market_type", "one value"),
    "no market types": (
        lambda bp: bp.get_order_history(market_type=[]), "market_type", "leave it out for all"),
    "recipient's field misspelt": (
        lambda bp: bp.request_withdrawal(
            **WITHDRAWAL,
            recipient_information={"withdrawal_address_id": 7, "withdrawalPurpose": "x"}),
        "recipient_information.withdrawalPurpose", "is not one of its fields"),
    "two-factor token as a number": (
        lambda bp: bp.request_withdrawal(**WITHDRAWAL, two_factor_token=123456),
        "two_factor_token", "<class 'int'>: is not text"),
    "empty two-factor token": (
        lambda bp: bp.request_withdrawal(**WITHDRAWAL, two_factor_token=" "),
        "two_factor_token", "is not text"),
    "fields that are none": (
        lambda bp: bp.issue_two_factor_token("abc"), "fields", "is not a mapping"),
    "get by both ids": (
        lambda bp: bp.get_order("SOL_USDC", order_id="1", client_id=1), "order_id", "just one"),
    "get by neither id": (lambda bp: bp.get_order("SOL_USDC"), "order_id", "is missing"),
    "cancel by both ids": (
        lambda bp: bp.cancel_order("SOL_USDC", order_id="1", client_id=1), "order_id", "just one"),
    "cancel by neither id": (lambda bp: bp.cancel_order("SOL_USDC"), "order_id", "is missing"),
    "a list for one value": (order(side=["Bid"]), "side", "pass one value"),
    "None for what is needed": (
        lambda bp: bp.get_ticker(None), "symbol", "is missing; get_ticker needs it"),
    "None for a start": (
        lambda bp: bp.get_klines("SOL_USDC", "1h", None), "start_time", "is missing"),
    "no symbol": (lambda bp: bp.get_depth("SOL/EUR"), "symbol", 'look like "SOL_USDC"'),
    "a slash": (lambda bp: bp.get_depth("SOL/USDC"), "symbol", "did you mean 'SOL_USDC'?"),
    "no line": (lambda bp: bp.get_ticker("SOLUSDC"), "symbol", "did you mean 'SOL_USDC'?"),
    "a small market": (lambda bp: bp.get_fills("sol_usdc"), "symbol", "did you mean 'SOL_USDC'?"),
    "a future": (lambda bp: bp.get_fills("BTCUSDC-PERP"), "symbol", "mean 'BTC_USDC_PERP'?"),
    "symbol with a space": (lambda bp: bp.get_depth("SOL_USDC "), "symbol", "is not a symbol"),
    "symbol as NaN": (lambda bp: bp.get_depth(float("nan")), "symbol", "is not text"),
    "float limit": (
        lambda bp: bp.get_recent_trades("SOL_USDC", 5.0), "limit", "is not an int"),
    "order id as a number": (
        lambda bp: bp.get_order("SOL_USDC", order_id=5), "order_id", 'write "5"'),
    "1M, elsewhere a month": (
        lambda bp: bp.get_klines("SOL_USDC", "1M", "2026-09-01T00:00Z"),
        "interval", "did you mean '1month'"),
    "NaT": (lambda bp: bp.get_klines("SOL_USDC", "1h", pd.NaT), "start_time", "is not a time"),
    "half a character": (
        lambda bp: bp.get_order("SOL_USDC", order_id="\ud800"), "order_id", "half"),
    "batch that is one order": (
        lambda bp: bp.execute_order_batch(BATCH_ORDER), "orders", "into a list"),
    "batch that is nothing": (lambda bp: bp.execute_order_batch(None), "orders", "is not a list"),
    "batch of no orders": (
        lambda bp: bp.execute_order_batch([None]), "orders[0]", "is not a mapping"),
    "batch with a Python name": (
        lambda bp: bp.execute_order_batch([{**BATCH_ORDER, "post_only": True}]),
        "orders[0].post_only", "did you mean 'postOnly'?"),
    "batch with a misspelt name": (
        lambda bp: bp.execute_order_batch([{**BATCH_ORDER, "timeInforce": "IOC"}]),
        "orders[0].timeInforce", "did you mean 'timeInForce'?"),
    "batch with an unknown name": (
        lambda bp: bp.execute_order_batch([{**BATCH_ORDER, "leverage": 5}]),
        "orders[0].leverage", "is not a field of an order"),
    "empty batch": (lambda bp: bp.execute_order_batch([]), "orders", "from 1 to 50"),
    "batch too long": (
        lambda bp: bp.execute_order_batch([{}] * 51), "orders", "from 1 to 50"),
    "batch with a fault": (
        lambda bp: bp.execute_order_batch(
            [BATCH_ORDER, {**BATCH_ORDER, "price": 1.5}]),
        "orders[1].price", "is a float"),
    "batch with a quantity of 0": (
        lambda bp: bp.execute_order_batch([{**BATCH_ORDER, "quantity": 0}]),
        "orders[0].quantity", "not above zero"),
    "batch with an empty symbol": (
        lambda bp: bp.execute_order_batch([{**BATCH_ORDER, "symbol": ""}]),
        "orders[0].symbol", "is empty"),
    "batch without a symbol": (
        lambda bp: bp.execute_order_batch([{"side": "Bid", "orderType": "Market"}]),
        "orders[0].symbol", "is missing"),
    "batch without a side": (
        lambda bp: bp.execute_order_batch([{"symbol": "SOL_USDC", "orderType": "Market"}]),
        "orders[0].side", "is missing"),
    "unknown interval": (
        lambda bp: bp.get_klines("SOL_USDC", "1hour", "2026-09-01T00:00Z"),
        "interval", "Allowed: 1s, 1m"),
    "unknown market type": (lambda bp: bp.get_markets("FUTURE"), "market_type", "PERP"),
    "one unknown market type of two": (
        lambda bp: bp.get_markets(["SPOT", "X"]), "market_type", "SPOT"),
    "unknown blockchain": (
        lambda bp: bp.get_deposit_address("solana"), "blockchain", "did you mean 'Solana'"),
    "unknown depth": (lambda bp: bp.get_depth("SOL_USDC", 7), "limit", "5, 10, 20"),
    "bool for a depth": (lambda bp: bp.get_depth("SOL_USDC", True), "limit", "5, 10, 20"),
    "negative limit": (lambda bp: bp.get_recent_trades("SOL_USDC", -1), "limit", "outside 0"),
    "naive datetime": (
        lambda bp: bp.get_klines("SOL_USDC", "1h", datetime(2026, 9, 1)),
        "start_time", "say which"),
    "end before start": (
        lambda bp: bp.get_klines("SOL_USDC", "1h", "2026-09-01T00:00Z", "2026-08-31T00:00Z"),
        "end_time", "is before start_time"),
    "fills to before from": (
        lambda bp: bp.get_fills(from_="2026-09-01T00:00Z", to="2026-08-31T00:00Z"),
        "to", "is before from_"),
    "percent with a space": (
        order(trigger_price="180", trigger_quantity="80 %"), "trigger_quantity", "not a share"),
    "no percent": (
        order(trigger_price="180", trigger_quantity="0%"), "trigger_quantity", "not a share above"),
    "float for a share": (
        order(trigger_price="180", trigger_quantity=0.8), "trigger_quantity", "is a float"),
    "order id and client id of a strategy": (
        lambda bp: bp.cancel_strategy("SOL_USDC", strategy_id="1", client_strategy_id=0),
        "strategy_id", "came with client_strategy_id=0; pass just one"),
    "strategy by no id": (
        lambda bp: bp.get_strategy("SOL_USDC"), "strategy_id", "pass strategy_id or client_str"),
    "strategy that has no kind": (
        lambda bp: bp.strategy_create("SOL_USDC", "Bid", "TWAP"), "strategy_type", "Scheduled"),
    "strategy with an interval of candles": (
        lambda bp: bp.strategy_create("SOL_USDC", "Bid", "Scheduled", interval="1h"),
        "interval", "is not an int"),
    "strategy of negative duration": (
        lambda bp: bp.strategy_create("SOL_USDC", "Bid", "Scheduled", duration=-1),
        "duration", "outside 0 to 18446744073709551615"),
    "accept by both ids": (
        lambda bp: bp.accept_quote(quote_id="1", rfq_id="2", client_id=3), "rfq_id", "just one"),
    "cancel no request for quotes": (
        lambda bp: bp.cancel_rfq(), "rfq_id", "pass rfq_id or client_id"),
    "request for quotes without a size": (
        lambda bp: bp.submit_rfq("SOL_USDC_RFQ", "Bid"), "quantity", "or quote_quantity"),
    "Immediate without a price": (
        lambda bp: bp.submit_rfq("X", "Bid", quantity="1", execution_mode="Immediate"),
        "price", "is missing"),
    "price without Immediate": (
        lambda bp: bp.submit_rfq("X", "Bid", quantity="1", price="170"),
        "price", 'execution_mode="Immediate"'),
    "quote with a price of zero": (
        lambda bp: bp.submit_quote("1", bid_price="0", ask_price="1"), "bid_price", "above zero"),
    "request id that is no number": (
        lambda bp: bp.get_open_rfqs(rfq_id="abc"), "rfq_id", "id in digits"),
    "request id beyond 64 bits": (
        lambda bp: bp.get_open_rfqs(rfq_id=2**64), "rfq_id", "outside 0 to 18446744073709551615"),
    "no setting": (lambda bp: bp.update_account_settings(), "leverage_limit", "pass at least one"),
    "leverage of zero": (
        lambda bp: bp.update_account_settings(leverage_limit=0), "leverage_limit", "above zero"),
    "setting as text": (
        lambda bp: bp.update_account_settings(auto_lend="false"), "auto_lend", "True or False"),
    "order's side for a loan": (
        lambda bp: bp.execute_borrow_lend(symbol="SOL", side="Bid", quantity="1"),
        "side", "Allowed: Borrow, Lend"),
    "loan's side for an order": (order(side="Lend"), "side", "Allowed: Bid, Ask"),
    "candles' interval for rates": (
        lambda bp: bp.get_borrow_lend_markets_history("1h"), "interval", "1d, 1w, 1month, 1year"),
    "rates' interval for candles": (
        lambda bp: bp.get_klines("SOL_USDC", "1year", "2026-09-01T00:00Z"), "interval", "1month"),
    "interest's source for settlements": (
        lambda bp: bp.get_settlement_history(source="BorrowLend"), "source", "FundingPayment"),
    "settlements' source for interest": (
        lambda bp: bp.get_interest_history(source="FundingPayment"), "source", "UnrealizedPnl"),
    "book's fill type for a request": (
        lambda bp: bp.get_rfq_fill_history(fill_type="Adl"), "fill_type", "CollateralConversion"),
    "conditional order for an order type": (
        order(order_type="ConditionalOrder"), "order_type", "Allowed: Market, Limit"),
    "order type for what to cancel": (
        lambda bp: bp.cancel_open_orders("SOL_USDC", "Limit"), "order_type", "RestingLimitOrder"),
    "unknown state": (
        lambda bp: bp.get_position_history(state="open"), "state", "did you mean 'Open'"),
    "unknown status": (
        lambda bp: bp.get_quote_history(status="Canceled"), "status", "Cancelled, Expired"),
    "vault by its token": (
        lambda bp: bp.vault_redeem_cancel(vault_id="bpVault"), "vault_id", "is not an int"),
    "vault of 33 bits": (
        lambda bp: bp.vault_redeem(vault_id=2**32), "vault_id", "outside 0 to 4294967295"),
    "subaccount of 17 bits": (
        lambda bp: bp.get_collateral(2**16), "subaccount_id", "outside 0 to 65535"),
    "tier beyond 32 bits": (
        lambda bp: bp.get_apy_rates(2**31), "tier_id", "outside -2147483648 to 2147483647"),
    "withdrawal of a float": (
        lambda bp: bp.request_withdrawal(**{**WITHDRAWAL, "quantity": 0.1}),
        "quantity", "is a float"),
    "withdrawal without an address": (
        lambda bp: bp.request_withdrawal(**{**WITHDRAWAL, "address": ""}), "address", "is empty"),
    "withdrawal with an order's client id": (
        lambda bp: bp.request_withdrawal(**WITHDRAWAL, client_id=7), "client_id", "not text"),
    "client id of 256 characters": (
        lambda bp: bp.request_withdrawal(**WITHDRAWAL, client_id="x" * 256),
        "client_id", "longer than 255"),
    "recipient without its address": (
        lambda bp: bp.request_withdrawal(**WITHDRAWAL, recipient_information={}),
        "recipient_information.withdrawal_address_id", "is missing"),
    "recipient's address as text": (
        lambda bp: bp.request_withdrawal(
            **WITHDRAWAL, recipient_information={"withdrawal_address_id": "7"}),
        "recipient_information.withdrawal_address_id", "is not an int"),
    "float inside a recipient": (
        lambda bp: bp.request_withdrawal(
            **WITHDRAWAL, recipient_information={"withdrawal_address_id": 7.0}),
        "recipient_information.withdrawal_address_id", "is not an int"),
    "recipient as text": (
        lambda bp: bp.request_withdrawal(**WITHDRAWAL, recipient_information="me"),
        "recipient_information", "is not a mapping"),
    "deposits to before from": (
        lambda bp: bp.get_deposits(from_="2026-09-01T00:00Z", to="2026-08-31T00:00Z"),
        "to", "is before from_"),
    "seconds for milliseconds": (
        lambda bp: bp.get_withdrawals(from_=1788264000), "from_", "Unix milliseconds"),
    "milliseconds for seconds": (
        lambda bp: bp.get_klines("SOL_USDC", "1h", 1788264000000), "start_time", "Unix seconds"),
}  # fmt: skip


@pytest.mark.parametrize("symbol", [
    "SOL_USDC", "BTC_USDC_PERP", "kBONK_USDC_PERP", "USDC", "SOL", "NOPE", "SOL_EUR",
])  # fmt: skip
def test_any_other_symbol_is_left_to_the_exchange(symbol: str, scripted: Scripted) -> None:
    scripted.says(200, "[]")
    with Client(scripted.url, Key(DEMO_SECRET)) as bp:
        bp.get_fills(symbol)
    assert f"symbol={symbol}" in scripted.requests[0]["target"]


@pytest.mark.parametrize("case", REFUSED)
def test_refused_before_sending(case: str, scripted: Scripted) -> None:
    call, field, remedy = REFUSED[case]
    bp = Client(scripted.url, Key(DEMO_SECRET))
    with pytest.raises(InputError) as caught:
        call(bp)
    assert caught.value.field == field
    assert remedy in str(caught.value)
    assert str(caught.value).startswith(f"{field}=")
    assert scripted.requests == []


@pytest.mark.parametrize("tolerance", [0, "0", "0.0", Decimal(0)])
def test_a_tolerance_of_zero_is_sent(tolerance: Any, scripted: Scripted) -> None:
    scripted.says(200, PLACED)
    order(slippage_tolerance=tolerance)(Client(scripted.url, Key(DEMO_SECRET)))
    assert json.loads(scripted.requests[0]["body"])["slippageTolerance"] == str(tolerance)


def test_false_and_zero_stay_in_a_batch_and_none_is_left_out(scripted: Scripted) -> None:
    scripted.says(200, '[{"operation":"Err","code":"X","message":"y"}]')
    fields = {**BATCH_ORDER, "clientId": 0, "postOnly": False, "slippageTolerance": "0"}
    bp = Client(scripted.url, Key(DEMO_SECRET))
    bp.execute_order_batch([{**fields, "reduceOnly": None}])
    assert json.loads(scripted.requests[0]["body"]) == [fields]


def test_a_conditional_limit_order_needs_no_quantity(scripted: Scripted) -> None:
    """Both parts of the trigger take its place: the answer to such an order shows quantity 0."""
    scripted.says(200, PLACED)
    order(quantity=None, trigger_price="180", trigger_quantity="80%")(
        Client(scripted.url, Key(DEMO_SECRET))
    )
    sent = json.loads(scripted.requests[0]["body"])
    assert "quantity" not in sent and sent["triggerQuantity"] == "80%"


def test_false_and_zero_stay_in_a_recipient_and_none_is_left_out(scripted: Scripted) -> None:
    scripted.says(200, '{"id":1,"status":"pending"}')
    recipient = {"withdrawal_address_id": 0, "sanctions_representation": False}
    Client(scripted.url, Key(DEMO_SECRET)).request_withdrawal(
        **WITHDRAWAL, recipient_information={**recipient, "withdrawal_purpose": None}
    )
    assert json.loads(scripted.requests[0]["body"])["recipientInformation"] == recipient


def test_a_request_for_quotes_may_have_a_size_in_the_quote_asset(scripted: Scripted) -> None:
    scripted.says(200, '{"rfqId":"1","status":"New"}')
    Client(scripted.url, Key(DEMO_SECRET)).submit_rfq("SOL_USDC_RFQ", "Bid", quote_quantity="5")
    assert json.loads(scripted.requests[0]["body"])["quoteQuantity"] == "5"


@pytest.mark.parametrize("symbol", ["kBONK_USDC_PERP", "BRK.B_USDC", "SOL"])
def test_a_symbol_may_have_small_letters_and_a_point(symbol: str, scripted: Scripted) -> None:
    scripted.says(200, "{}")
    Client(scripted.url).get_ticker(symbol)
    assert scripted.requests[0]["target"] == f"/api/v1/ticker?symbol={symbol}"


@pytest.mark.parametrize("limit", [5, 5.0, Decimal(5)])
def test_a_number_of_a_closed_set_is_sent_as_it_is_documented(
    limit: Any, scripted: Scripted
) -> None:
    scripted.says(200, "{}")
    Client(scripted.url).get_depth("SOL_USDC", limit)
    assert scripted.requests[0]["target"] == "/api/v1/depth?limit=5&symbol=SOL_USDC"


def test_a_period_may_be_one_moment(scripted: Scripted) -> None:
    scripted.says(200, "[]")
    Client(scripted.url, Key(DEMO_SECRET)).get_fills(from_=1788264000000, to=1788264000000)
    assert scripted.requests[0]["target"].endswith("?from=1788264000000&to=1788264000000")


@pytest.mark.parametrize("amount", [160, Decimal(160), "160"])
def test_a_whole_amount_travels_as_text(amount: Any, scripted: Scripted) -> None:
    scripted.says(200, PLACED)
    Client(scripted.url, Key(DEMO_SECRET)).execute_order(
        "SOL_USDC", "Bid", "Limit", price=amount, quantity=1
    )
    assert json.loads(scripted.requests[0]["body"])["price"] == "160"
    assert json.loads(scripted.requests[0]["body"])["quantity"] == "1"


MADE_WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "url": (lambda: Client(object()), "sandbox.url or LIVE_URL"),  # type: ignore[arg-type]
    "key": (lambda: Client(LIVE_URL, DEMO_SECRET), "Key.from_env"),  # type: ignore[arg-type]
    "armed": (
        lambda: Client(LIVE_URL, armed=True), "pass Arming"),  # type: ignore[arg-type]
    "trusted_host": (
        lambda: Client(LIVE_URL, trusted_host=1), "is not a host"),  # type: ignore[arg-type]
    "rate_limit": (
        lambda: Client(LIVE_URL, rate_limit=5), "is not a RateLimit"),  # type: ignore[arg-type]
    "timeout": (lambda: Client(LIVE_URL, timeout=(0, 5)), "seconds to connect"),
    "window": (lambda: Client(LIVE_URL, window=60001), "is not an int from 1 to 60000"),
}  # fmt: skip


@pytest.mark.parametrize("field", MADE_WRONG)
def test_a_client_made_of_the_wrong_things(field: str) -> None:
    make, remedy = MADE_WRONG[field]
    with pytest.raises(InputError, match=remedy) as caught:
        make()
    assert caught.value.field == field
    assert DEMO_SECRET not in str(caught.value)


def test_a_password_in_an_address_is_not_repeated() -> None:
    with pytest.raises(GuardError) as caught:
        Client("https://user:hunter2@")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("window", [0, 60001, -5, 5.0, True, "5000"])
def test_a_window_outside_its_bounds(window: Any) -> None:
    with pytest.raises(InputError, match="1 to 60000"):
        Client("http://127.0.0.1:1", window=window)


@pytest.mark.parametrize("window", [1, 60000])
def test_the_bounds_of_the_window_are_allowed(window: int) -> None:
    Client("http://127.0.0.1:1", window=window)


def test_a_signed_call_without_a_key(scripted: Scripted) -> None:
    with pytest.raises(MissingKeyError, match=r"get_balances is a signed operation.*Key.from_env"):
        Client(scripted.url).get_balances()
    assert scripted.requests == []


@pytest.mark.parametrize(
    "url, reason",
    [
        ("http://api.backpack.exchange", "not encrypted"),
        ("ftp://127.0.0.1", "not the address of an exchange"),
        ("api.backpack.exchange", "not the address of an exchange"),
        ("https://user:pass@api.backpack.exchange", "not the address of an exchange"),
        ("https://@api.backpack.exchange", "not the address of an exchange"),
        ("https://api.backpack.exchange/api/v1", "not the address of an exchange"),
        ("http://127.0.0.1:99999", "not the address of an exchange"),
        ("https://[::1", "not the address of an exchange"),
        ("", "not the address of an exchange"),
        ("http://127.0.0.1.example.com", "not encrypted"),
    ],
)
def test_an_address_that_is_none_or_unsafe(url: str, reason: str) -> None:
    with pytest.raises(GuardError, match=reason):
        Client(url)


def test_an_account_without_funds(sandbox: Sandbox) -> None:
    bp = Client(sandbox.url, sandbox.open_account())
    with pytest.raises(ApiError) as caught:
        bp.execute_order("SOL_USDC", "Bid", "Limit", price="170.50", quantity="1")
    assert (caught.value.status, caught.value.code) == (400, "INSUFFICIENT_FUNDS")
    assert bp.get_open_orders() == [] and bp.get_balances() == {}


def test_a_port_in_use() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"port {port} is in use"):
            Sandbox(port=port)


@pytest.mark.parametrize(
    "funds, reason",
    [
        ({"USDC": "-5"}, "USDC='-5' is not an amount"),
        ({"USDC": "abc"}, "USDC='abc' is not an amount"),
        ({"USDC": "NaN"}, "USDC='NaN' is not an amount"),
        ({"USDC": 5.1}, "USDC=5.1 is not an amount"),
        ({"usdc": "5"}, "'usdc' is not an asset here"),
        ({"USDC": "1e26"}, "USDC='1e26' is not an amount"),
        ({"SOL": "1e-19"}, "has more than 18 decimals"),
    ],
)
def test_funds_that_are_none(funds: Any, reason: str, sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match=reason):
        sandbox.open_account(funds)


@pytest.mark.parametrize(
    "span", [{"days": 1e12}, {"days": 40_000}, {"minutes": -1}, {}, {"seconds": float("nan")}]
)
def test_a_time_that_cannot_pass(span: dict[str, float], sandbox: Sandbox) -> None:
    before = sandbox.now
    with pytest.raises(ValueError):
        sandbox.advance(**span)
    assert sandbox.now == before


@pytest.mark.parametrize("port", ["8787", 70_000, -1, True])
def test_a_port_that_is_none(port: Any) -> None:
    with pytest.raises(ValueError, match="is not an int from 0"):
        Sandbox(port=port)
