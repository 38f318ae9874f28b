"""An answer to a write must be about what was sent; else its outcome is unknown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import Scripted

from bpkit import ApiError, Arming, Client, GuardError, Key, RateLimit, TransportError
from bpkit.guard.rate_limit import RequestCounter, counter_for
from bpkit.operations import OPERATIONS
from bpkit.sandbox import Sandbox
from bpkit.signing import DEMO_SECRET
from bpkit.transport import Transport

SENT = {"id": "111", "status": "New", "symbol": "SOL_USDC", "side": "Bid", "clientId": 7,
        "price": "20.5", "quantity": "1.50"}  # fmt: skip
WITHDRAWN = {"id": 5, "status": "pending", "symbol": "USDC", "quantity": "10", "fee": "3",
             "toAddress": "0xAbC0", "blockchain": "Ethereum", "clientId": "9"}  # fmt: skip


def order(bp: Client) -> Any:
    return bp.execute_order("SOL_USDC", "Bid", "Limit", price="20.50", quantity="1.5", client_id=7)


def conditional(bp: Client) -> Any:
    return bp.execute_order(
        "SOL_USDC", "Bid", "Limit", price="20.50", quantity="1.5", client_id=7,
        trigger_price="21", trigger_quantity="1.5",
    )  # fmt: skip


def batch(bp: Client) -> Any:
    one = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "20.50",
           "quantity": "1.5", "clientId": 7}  # fmt: skip
    return bp.execute_order_batch([one, one | {"side": "Ask"}])


def cancel(bp: Client) -> Any:
    return bp.cancel_order("SOL_USDC", order_id="111")


def cancel_all(bp: Client) -> Any:
    return bp.cancel_open_orders("SOL_USDC")


def withdraw(bp: Client) -> Any:
    return bp.request_withdrawal(
        address="0xabc0", blockchain="Ethereum", quantity="10.0", symbol="USDC", client_id="9"
    )


def without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


OK = {"operation": "Ok", **SENT}
RIGHT: list[tuple[Callable[[Client], Any], Any]] = [
    (order, SENT),
    (order, SENT | {"clientId": "7", "price": "20.500"}),
    (order, SENT | {"price": None, "quantity": None, "clientId": None}),
    (order, without(SENT, "symbol", "side", "price", "quantity", "clientId")),
    (conditional, SENT | {"quantity": "0"}),
    (batch, [OK, OK | {"side": "Ask"}]),
    (batch, [OK, {"operation": "Err", "code": "INVALID_ORDER", "message": "no"}]),
    (cancel, SENT),
    (cancel_all, [SENT, SENT | {"id": "112", "side": "Ask"}]),
    (cancel_all, []),
    (withdraw, WITHDRAWN),
    (withdraw, WITHDRAWN | {"quantity": "7"}),  # it is not documented whether the fee is in it
    (withdraw, WITHDRAWN | {"quantity": "13"}),
]
WRONG: list[tuple[Callable[[Client], Any], Any]] = [
    (order, SENT | {"symbol": "ETH_USDC"}),
    (order, SENT | {"side": "Ask"}),
    (order, SENT | {"clientId": 8}),
    (order, SENT | {"price": "20.51"}),
    (order, SENT | {"quantity": "15"}),
    (order, SENT | {"price": "cheap"}),
    (conditional, SENT | {"price": "20.51"}),
    (batch, [OK, OK]),
    (batch, [OK | {"quantity": "2"}, OK | {"side": "Ask"}]),
    (batch, [OK]),
    (batch, [OK, OK | {"side": "Ask"}, OK]),
    (cancel, SENT | {"id": "222"}),
    (cancel, SENT | {"symbol": "ETH_USDC"}),
    (cancel_all, [SENT, SENT | {"symbol": "ETH_USDC"}]),
    (withdraw, WITHDRAWN | {"toAddress": "0xabc1"}),
    (withdraw, WITHDRAWN | {"quantity": "100"}),
    (withdraw, WITHDRAWN | {"quantity": "6"}),
    (withdraw, WITHDRAWN | {"symbol": "USDT"}),
    (withdraw, WITHDRAWN | {"blockchain": "Base"}),
    (withdraw, WITHDRAWN | {"clientId": "10"}),
]


@pytest.mark.parametrize(("call", "body"), RIGHT)
def test_an_answer_about_what_was_sent(
    call: Callable[[Client], Any], body: Any, scripted: Scripted
) -> None:
    scripted.says(200, json.dumps(body))
    assert call(Client(scripted.url, Key(DEMO_SECRET))) == body


@pytest.mark.parametrize("row", [
    {"id": None, "status": "New"}, {"id": ["1"], "status": "New"}, {"id": "1", "status": None},
    {"id": "1", "status": {"New": 1}},
])  # fmt: skip
def test_an_order_has_an_id_and_a_status(row: dict[str, Any], scripted: Scripted) -> None:
    bp = Client(scripted.url, Key(DEMO_SECRET))
    for call, body in ((order, row), (batch, [{"operation": "Ok", **row}] * 2)):
        scripted.answers.clear()
        scripted.says(200, json.dumps(body))
        with pytest.raises(TransportError, match="it is not what was placed.*UNKNOWN"):
            call(bp)
    assert len(bp.unanswered) == 2


def test_no_error_of_reading_an_answer_hides_that_a_write_was_sent(scripted: Scripted) -> None:
    """A quantity that no decimal context holds: subtracting it overflows."""
    scripted.says(200, json.dumps(WITHDRAWN | {"quantity": "9E+9999999"}))
    bp = Client(scripted.url, Key(DEMO_SECRET))
    with pytest.raises(TransportError, match="cannot be used: .*Overflow.*UNKNOWN") as caught:
        withdraw(bp)
    assert bp.unanswered == [caught.value]


@pytest.mark.parametrize(("call", "body"), WRONG)
def test_an_answer_about_something_else_leaves_the_write_in_doubt(
    call: Callable[[Client], Any], body: Any, scripted: Scripted
) -> None:
    text = json.dumps(body)
    scripted.says(200, text)
    bp = Client(scripted.url, Key(DEMO_SECRET))
    with pytest.raises(TransportError, match="it is about .*UNKNOWN") as caught:
        call(bp)
    assert bp.unanswered == [caught.value]
    assert (caught.value.status, caught.value.content_type) == (200, "application/json")
    assert caught.value.first == text[:200]


def test_the_beginning_of_an_answer_has_no_secret(scripted: Scripted) -> None:
    """A server that repeats what it got: the signature and the second factor are hidden."""
    token = "314159"
    bp = Client(scripted.url, Key(DEMO_SECRET))
    signatures: list[str] = []
    sign = Key.sign

    def keep(key: Key, text: str) -> str:
        signatures.append(sign(key, text))
        scripted.answers = [(500, {}, f"<{signatures[-1]}> <{token}>".encode())]
        return signatures[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Key, "sign", keep)
        with pytest.raises(TransportError) as caught:
            bp.request_withdrawal(
                address="a", blockchain="Solana", quantity="1", symbol="SOL",
                two_factor_token=token,
            )  # fmt: skip
    assert caught.value.first == "<(hidden)> <(hidden)>"


def test_a_refusal_that_repeats_the_second_factor_hides_it(
    scripted: Scripted, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    scripted.says(400, '{"code":"INVALID_CLIENT_REQUEST","message":"token 314159 is wrong"}')
    path = tmp_path / "orders.jsonl"
    with (
        Client(scripted.url, Key(DEMO_SECRET), journal=path) as bp,
        pytest.raises(ApiError) as caught,
    ):
        bp.request_withdrawal(
            address="a", blockchain="Solana", quantity="1", symbol="SOL", two_factor_token="314159"
        )
    assert caught.value.message == "token (hidden) is wrong"
    for text in (caught.value.body, path.read_text(), caplog.text):
        assert "314159" not in text and "token (hidden) is wrong" in text


# --- a server on this machine that may be a tunnel ------------------------------------------------

OWN = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="  # RFC 8032, test 1: a pair from elsewhere


def test_a_key_of_your_own_needs_an_arming_on_this_machine_too(scripted: Scripted) -> None:
    """What listens there may be a tunnel to the live exchange."""
    scripted.says(200, "{}")
    bp = Client(scripted.url, Key(OWN))
    bp.get_balances()
    with pytest.raises(GuardError, match="may be a tunnel to the live exchange.*Nothing was sent"):
        order(bp)
    assert [one["method"] for one in scripted.requests] == ["GET", "GET"]


@pytest.mark.parametrize("key", [Key(DEMO_SECRET), Key.generate()])
def test_a_key_for_practice_needs_none(key: Key, scripted: Scripted) -> None:
    scripted.says(200, json.dumps(SENT))
    order(Client(scripted.url, key))
    assert [one["method"] for one in scripted.requests] == ["POST"]


def test_an_arming_is_enough(scripted: Scripted) -> None:
    scripted.says(200, json.dumps(SENT))
    arming = Arming(orders=True, per_order="40", per_session="40")
    bp = Client(scripted.url, Key(OWN), armed=arming)
    order(bp)
    assert str(bp.spent) == "30.750"
    with pytest.raises(GuardError, match="spent 30.750 of per_session=40"):
        order(bp)


def test_a_server_that_names_itself_a_sandbox_is_asked_once(scripted: Scripted) -> None:
    scripted.answers = [
        (200, {"X-Sandbox": "bpkit/1.0.0"}, b"{}"),
        (200, {}, json.dumps(SENT).encode()),
    ]
    bp = Client(scripted.url, Key(OWN))
    order(bp)
    order(bp)
    methods = [one["method"] for one in scripted.requests]
    assert methods == ["GET", "POST", "POST"]


def test_a_sandbox_names_itself() -> None:
    key = Key(OWN)
    with Sandbox() as sandbox:
        sandbox.open_account({"USDC": "100"}, key)
        cancelled = Client(sandbox.url, key).cancel_open_orders("SOL_USDC")
        assert cancelled == []


# --- the rate limit first, the value last ---------------------------------------------------------


def test_a_value_is_made_after_the_wait(scripted: Scripted, monkeypatch: Any) -> None:
    """An order that waits for the rate limit is valued with the prices after the wait."""
    book = {"bids": [], "asks": [["10", "5"]]}
    happened: list[str] = []

    def wait(counter: object, operation: Any, *args: Any, **options: Any) -> None:
        happened.append(operation.name)
        if operation.name == "execute_order":
            scripted.answers = [(200, {}, json.dumps(book | {"asks": [["100", "5"]]}).encode())]

    monkeypatch.setattr(RequestCounter, "wait_for_room", wait)
    scripted.says(200, json.dumps(book))
    arming = Arming(orders=True, per_order="10", per_session="10")
    bp = Client(scripted.url, Key(OWN), armed=arming, rate_limit=RateLimit())
    with pytest.raises(GuardError, match="100 USDC is above per_order=10"):
        bp.execute_order("SOL_USDC", "Bid", "Market", quantity="1")
    assert happened[0] == "execute_order" and "get_depth" in happened


def test_a_value_that_took_long_is_made_again(scripted: Scripted) -> None:
    """Reading the order book waits a minute for the rate limit, and the price rises meanwhile."""
    now = [1_700_000_000_000]
    asks = [["10", "5"]]

    class Slow(Transport):
        def _read(self, name: str, fields: Any) -> Any:
            if asks[0][0] == "10":
                now[0] += 60_000
                answer = {"bids": [], "asks": [["10", "5"]]}
                asks[0][0] = "100"
                return answer
            return {"bids": [], "asks": asks}

    arming = Arming(orders=True, per_order="50", per_session="50")
    slow = Slow(scripted.url, Key(OWN), armed=arming, clock=lambda: now[0])
    fields = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Market", "quantity": "1"}
    with pytest.raises(GuardError, match="100 USDC is above per_order=50"):
        slow.send(OPERATIONS["execute_order"], fields)
    assert slow.guard.spent == 0 and scripted.requests == []


def test_what_was_not_sent_has_its_place_in_the_rate_limit_all_the_same(
    scripted: Scripted,
) -> None:
    """The place is taken first: a refusal by the limits of the Arming uses it up."""
    arming = Arming(orders=True, per_order="1", per_session="1")
    bp = Client(scripted.url, Key.generate(), armed=arming, rate_limit=RateLimit(requests=5))
    with pytest.raises(GuardError, match="above per_order"):
        order(bp)
    assert bp.key is not None
    assert len(counter_for(bp.url, bp.key.public_key)._requests) == 1


def test_an_interrupt_after_a_refusal_leaves_nothing_in_doubt(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl+C while the reason of a refusal is looked for: the order was refused all the same."""

    def interrupt(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bpkit.doctor.diagnose", interrupt)
    scripted.says(400, '{"code":"INVALID_CLIENT_REQUEST","message":"Invalid signature"}')
    arming = Arming(orders=True, per_order="40", per_session="40")
    bp = Client(scripted.url, Key(DEMO_SECRET), armed=arming)
    with pytest.raises(KeyboardInterrupt):
        order(bp)
    assert bp.unanswered == [] and bp.spent == 0
