"""``bp.request`` meets the same limits as the methods, however its path is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers import PLACED, Scripted, least_answer
from live import Live
from samples import LEAST

from bpkit import LIVE_URL, Arming, Client, GuardError, InputError, Key, TransportError
from bpkit.operations import OPERATIONS, UNDOCUMENTED, Operation
from bpkit.signing import DEMO_SECRET

WRITES = [one for one in OPERATIONS.values() if one.mutates and one.instruction != UNDOCUMENTED]
NEVER = ("submit_quote", "accept_quote")
WITHDRAWALS = ("request_withdrawal", "issue_two_factor_token")
ACCOUNT = ("update_account_settings", "execute_borrow_lend", "convert_dust", "vault_mint",
           "vault_redeem", "vault_redeem_cancel")  # fmt: skip
LENDS = ("autoBorrow", "autoBorrowRepay", "autoLend", "autoLendRedeem")
ORDER = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "10", "quantity": "1"}
CAPS = {"per_order": "20", "per_session": "30"}


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Live:
    return Live(monkeypatch)


def kind_of(name: str) -> str:
    return "withdrawals" if name in WITHDRAWALS else "account" if name in ACCOUNT else "orders"


def armed(**arming: Any) -> Client:
    return Client(LIVE_URL, Key.generate(), armed=Arming(**{**CAPS, **arming}))


def ask(bp: Client, operation: Operation, fields: Any) -> Any:
    return bp.request(operation.method, operation.path, fields, instruction=operation.instruction)


def place(bp: Client, fields: Any) -> Any:
    return ask(bp, OPERATIONS["execute_order"], fields)


@pytest.mark.parametrize("operation", WRITES, ids=lambda one: one.name)
def test_a_known_write_needs_the_flag_of_its_method(operation: Operation, live: Live) -> None:
    kind, fields = kind_of(operation.name), LEAST[operation.name].sent
    with pytest.raises(GuardError, match="only reads there|cannot be valued"):
        ask(Client(LIVE_URL, Key.generate()), operation, fields)
    others = {"orders", "withdrawals", "account", "unlisted"} - {kind}
    with pytest.raises(GuardError, match=f"{operation.name} (needs {kind}=True|cannot be valued)"):
        ask(armed(**dict.fromkeys(others, True)), operation, fields)
    assert live.sent == []


@pytest.mark.parametrize("path", [
    "//api/v1/order", "/api/v1/order/", "/api/v1//order", "/api/v1/./order", "/./api/v1/order",
    "/api/v1/new/../order", "/../api/v1/order", "/api/v1/ORDER", "/API/v1/order", "/api/v1/order/.",
])  # fmt: skip
def test_another_spelling_of_a_known_path_evades_no_limit(path: str, live: Live) -> None:
    bp = armed(orders=True, unlisted=True)
    with pytest.raises(InputError, match="another spelling of '/api/v1/order'") as caught:
        bp.request("POST", path, ORDER | {"quantity": "1000"}, instruction="orderExecute")
    assert caught.value.field == "path" and live.sent == []


def test_a_read_evades_no_rate_limit_by_its_spelling(live: Live) -> None:
    with pytest.raises(InputError, match="another spelling of '/api/v1/klines'"):
        Client(LIVE_URL).request("GET", "/api/v1/klines/", {"symbol": "SOL_USDC"})
    assert live.sent == []


def test_a_request_is_held_to_the_caps_and_the_symbols(live: Live) -> None:
    bp = armed(orders=True, unlisted=True, symbols=["SOL_USDC"])
    batch = OPERATIONS["execute_order_batch"]
    live.text = least_answer("execute_order_batch", orders=2)
    ask(bp, batch, [ORDER, ORDER])
    assert bp.spent == 20
    with pytest.raises(GuardError, match="20.1 USDC is above per_order=20"):
        place(bp, ORDER | {"price": "20.1"})
    with pytest.raises(GuardError, match="20 more would exceed it, 10 remain"):
        ask(bp, batch, [ORDER, ORDER])
    with pytest.raises(GuardError, match="ETH_USDC: this client is armed for SOL_USDC only"):
        ask(bp, batch, [ORDER, ORDER | {"symbol": "ETH_USDC"}])
    live.text = PLACED
    place(bp, ORDER)
    assert bp.spent == 30 and len(live.sent) == 2


@pytest.mark.parametrize(("name", "change", "told"), [
    ("execute_order", {"symbol": None}, "symbol=None is not text"),
    ("execute_order", {"symbol": ["SOL_USDC"]}, r"symbol=\['SOL_USDC'\] is not text"),
    ("execute_order", {"symbol": {"a": "b"}}, "symbol={'a': 'b'} is not text"),
    ("execute_order", {"side": None}, "side=None is neither 'Bid' nor 'Ask'"),
    ("execute_order", {"side": "bid"}, "side='bid' is neither"),
    ("execute_order", {"side": ["Bid"]}, r"side=\['Bid'\] is neither"),
    ("execute_order", {"quantity": ["1"]}, r"quantity=\['1'\] is not an amount"),
    ("execute_order", {"price": True}, "price=True is not an amount"),
    ("strategy_create", {"side": "buy"}, "side='buy' is neither"),
    ("request_withdrawal", {"symbol": None}, "symbol=None is not text"),
])  # fmt: skip
def test_what_cannot_be_valued_is_refused(
    name: str, change: dict[str, Any], told: str, live: Live
) -> None:
    bp = armed(orders=True, withdrawals=True)
    with pytest.raises(GuardError, match=f"{name} cannot be valued, .*{told}.* Nothing was sent"):
        ask(bp, OPERATIONS[name], ORDER | change)
    assert live.sent == [] and bp.spent == 0


@pytest.mark.parametrize("symbol", [None, ["SOL_USDC"], {"SOL_USDC": 1}, 5])
@pytest.mark.parametrize("name", ["execute_order", "cancel_open_orders"])
def test_a_symbol_that_is_no_text_is_not_among_the_allowed(
    name: str, symbol: Any, live: Live
) -> None:
    bp = armed(orders=True, symbols=["SOL_USDC"])
    with pytest.raises(GuardError, match="this client is armed for SOL_USDC only"):
        ask(bp, OPERATIONS[name], ORDER | {"symbol": symbol})
    assert live.sent == []


@pytest.mark.parametrize("flag", LENDS)
@pytest.mark.parametrize("name", ["execute_order", "execute_order_batch", "strategy_create"])
def test_an_order_that_borrows_or_lends_needs_account(name: str, flag: str, live: Live) -> None:
    operation, lends = OPERATIONS[name], ORDER | {flag: True}
    fields = [ORDER, lends] if name == "execute_order_batch" else lends
    with pytest.raises(GuardError, match=f"{name}: {flag} needs account=True"):
        ask(armed(orders=True, unlisted=True), operation, fields)
    assert live.sent == []
    live.text = least_answer(name)
    ask(armed(orders=True, account=True), operation, fields)
    assert len(live.sent) == 1


# --- the answer to a known write ------------------------------------------------------------------


@pytest.mark.parametrize(("name", "fields", "text"), [
    ("execute_order", ORDER, "<html>log in"),
    ("execute_order", ORDER, ""),
    ("execute_order", ORDER, '{"code":"INVALID_ORDER","message":"no"}'),
    ("execute_order", ORDER, '{"id":"1","status":"New","symbol":"ETH_USDC"}'),
    ("execute_order_batch", [ORDER], "[]"),
    ("execute_order_batch", [ORDER],
     '[{"operation":"Ok","id":"1","status":"New","price":"11"}]'),
    ("cancel_order", {"symbol": "SOL_USDC", "orderId": "1"}, '{"id":"2","status":"Cancelled"}'),
    ("request_withdrawal", {"symbol": "USDC", "quantity": "1", "address": "a",
     "blockchain": "Solana"}, '{"id":1,"status":"pending","toAddress":"b"}'),
])  # fmt: skip
def test_an_answer_that_is_not_about_it_leaves_a_request_in_doubt(
    name: str, fields: Any, text: str, scripted: Scripted, tmp_path: Path
) -> None:
    scripted.says(200, text)
    with Client(scripted.url, Key(DEMO_SECRET), journal=tmp_path / "orders.jsonl") as bp:
        with pytest.raises(TransportError, match="cannot be used: it is .*UNKNOWN") as caught:
            ask(bp, OPERATIONS[name], fields)
        assert caught.value.first == text and len(bp.unanswered) == 1


def test_the_answer_of_a_known_write_stays_plain(scripted: Scripted) -> None:
    scripted.says(200, json.dumps({"id": "1", "status": "New"}))
    placed = place(Client(scripted.url, Key(DEMO_SECRET)), ORDER)
    assert type(placed) is dict and placed["id"] == "1"


@pytest.mark.parametrize(("method", "path", "instruction", "said"), [
    ("POST", "/api/v1/order", None, "is not that of execute_order, which is 'orderExecute'"),
    ("POST", "/api/v1/order", "orderCancel", "is not that of execute_order"),
    ("GET", "/api/v1/markets", "marketQuery", "is not that of get_markets, which is None"),
])  # fmt: skip
def test_a_known_operation_keeps_its_instruction(
    method: str, path: str, instruction: str | None, said: str
) -> None:
    """With another one it would be an unlisted write, to which no limit applies."""
    arming = Arming(unlisted=True, per_order="1", per_session="1")
    bp = Client(LIVE_URL, Key.generate(), armed=arming)
    with pytest.raises(InputError, match=said):
        bp.request(method, path, {}, instruction=instruction)
