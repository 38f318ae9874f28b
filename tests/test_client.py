"""What a Client does besides its operations: its log, unknown operations, help with a slip."""

from __future__ import annotations

import json
import logging
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
from helpers import PLACED, Scripted

import bpkit
from bpkit import (
    LIVE_URL,
    ApiError,
    Arming,
    BpkitError,
    Client,
    GuardError,
    InputError,
    Key,
    MissingKeyError,
    TransportError,
)
from bpkit.reconcile import Outcome
from bpkit.sandbox import Sandbox
from bpkit.signing import DEMO_SECRET

ORDER: dict[str, Any] = {"symbol": "SOL_USDC", "side": "Bid", "order_type": "Limit",
                         "price": "90", "quantity": "1", "client_id": 7}  # fmt: skip


@pytest.fixture
def client(scripted: Scripted) -> Client:
    return Client(scripted.url, Key(DEMO_SECRET))


# --- the log --------------------------------------------------------------------------------------


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """(level, text up to the milliseconds) of bpkit's records."""
    own = [one for one in caplog.records if one.name == "bpkit"]
    assert all(one.getMessage().endswith(" ms)") for one in own)
    return [(one.levelname, one.getMessage().rpartition(" (")[0]) for one in own]


WHAT = "execute_order symbol=SOL_USDC side=Bid orderType=Limit price=90 quantity=1 clientId=7"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ((200, PLACED), "answered"),
        ((400, '{"code":"INSUFFICIENT_FUNDS","message":"no"}'), "refused: 400 INSUFFICIENT_FUNDS"),
        ((400, "not found"), "refused: 400 not found"),
        (None, "UNKNOWN: the connection was lost"),
        ((200, "{}"), "UNKNOWN: the answer (200) cannot be used: it is not what was placed"),
    ],
)
def test_a_write_is_logged_once_with_its_outcome(
    answer: tuple[int, str] | None, outcome: str, client: Client, scripted: Scripted,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    if answer is None:
        scripted.cuts()
    else:
        scripted.says(*answer)
    caplog.set_level(logging.DEBUG, "bpkit")
    try:
        client.execute_order(**ORDER)
    except BpkitError as error:
        assert outcome != "answered", error
    assert logged(caplog) == [("INFO", f"{WHAT}: {outcome}")]


def test_what_is_not_sent_is_logged_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "bpkit")
    with pytest.raises(GuardError):
        Client(LIVE_URL, Key.generate()).execute_order(**ORDER)
    with pytest.raises(TransportError):
        Client("http://127.0.0.1:1", Key.generate()).execute_order(**ORDER)
    outcomes = [text.removeprefix(WHAT) for _, text in logged(caplog)]
    assert outcomes[0] == ": not sent: GuardError"
    assert outcomes[1].startswith(": not sent: nothing listens at http://127.0.0.1:1")


def test_a_batch_and_a_read_are_logged(
    client: Client, scripted: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "bpkit")
    scripted.says(200, "{}")
    scripted.says(200, '[{"operation":"Err","code":"X"},{"operation":"Err","code":"X"}]')
    client.get_ticker("SOL_USDC")
    one = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Market", "clientId": 1}
    client.execute_order_batch([one | {"quantity": "1"}, one | {"quoteQuantity": "5"}])
    assert logged(caplog) == [
        ("DEBUG", "get_ticker symbol=SOL_USDC: answered"),
        ("INFO", "execute_order_batch "
         "symbol=SOL_USDC side=Bid orderType=Market quantity=1 clientId=1; "
         "symbol=SOL_USDC side=Bid orderType=Market quoteQuantity=5 clientId=1: answered"),
    ]  # fmt: skip


def test_a_log_of_info_has_the_writes_alone(
    client: Client, scripted: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bpkit")
    scripted.says(200, "{}")
    scripted.says(200, PLACED)
    client.get_ticker("SOL_USDC")
    client.execute_order(**ORDER)
    assert logged(caplog) == [("INFO", f"{WHAT}: answered")]


def test_the_log_has_the_time_that_a_call_took(
    client: Client, scripted: Scripted, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    moments = iter([7.0, 7.25])
    monkeypatch.setattr("bpkit.client.perf_counter", lambda: next(moments))
    caplog.set_level(logging.DEBUG, "bpkit")
    scripted.says(200, "{}")
    client.get_ticker("SOL_USDC")
    assert caplog.records[-1].getMessage().endswith("answered (250 ms)")


def test_the_log_has_no_secret_and_is_silent_by_default(
    client: Client, scripted: Scripted, caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    scripted.says(200, PLACED)
    withdrawal: dict[str, Any] = {"address": "a", "blockchain": "Solana", "symbol": "SOL",
                                  "quantity": "1", "two_factor_token": "918273"}  # fmt: skip
    client.request_withdrawal(**withdrawal)
    assert capfd.readouterr() == ("", "")
    caplog.set_level(logging.DEBUG, "bpkit")
    client.request_withdrawal(**withdrawal)
    _, text = logged(caplog)[-1]
    assert "918273" not in text and DEMO_SECRET not in text and "symbol=SOL quantity=1" in text


# --- what bpkit does not know ---------------------------------------------------------------------


def test_an_unlisted_read_is_signed_and_its_answer_is_plain(
    client: Client, scripted: Scripted
) -> None:
    scripted.says(200, '{"new": 0.1}')
    answer = client.request("GET", "/api/v1/new", {"b": True, "a": [1, 2]}, instruction="newQuery")
    assert answer == {"new": Decimal("0.1")} and type(answer) is dict
    [request] = scripted.requests
    assert request["target"] == "/api/v1/new?a=1&a=2&b=true"
    assert request["headers"]["x-signature"]


@pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH", "PUT"])
def test_every_method_of_http_can_be_requested(
    method: str, client: Client, scripted: Scripted
) -> None:
    scripted.says(200, "{}")
    assert client.request(method, "/api/v1/new-path.v2", {"x": 1}) == {}
    [request] = scripted.requests
    assert (request["method"], request["target"]) == (method, "/api/v1/new-path.v2")
    assert json.loads(request["body"]) == {"x": 1}


def test_the_sandbox_takes_a_request_as_it_takes_a_method(sandbox: Sandbox) -> None:
    """The signature is right: the sandbox verifies it from the raw bytes."""
    with Client(sandbox.url, sandbox.key) as bp:
        fields = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit",
                  "price": "90", "quantity": "1"}  # fmt: skip
        placed = bp.request("POST", "/api/v1/order", fields, instruction="orderExecute")
        assert placed["status"] == "New" and placed["clientId"] > 0
        rows = bp.request("POST", "/api/v1/orders", [fields, fields], instruction="orderExecute")
        assert [row["operation"] for row in rows] == ["Ok", "Ok"]
        assert bp.request("GET", "/api/v1/ping") == "pong"
        with pytest.raises(ApiError, match="404"):
            bp.request("GET", "/api/v1/nowhere")


def test_an_unlisted_write_meets_the_guard() -> None:
    key = Key.generate()
    with pytest.raises(GuardError, match=r"POST /api/v1/new .*unlisted=True"):
        Client(LIVE_URL, key).request("POST", "/api/v1/new", {}, instruction="newThing")
    armed = Arming(unlisted=True, per_order="1", per_session="1")
    with pytest.raises(GuardError, match="execute_order needs orders=True"):
        Client(LIVE_URL, key, armed=armed).request(
            "POST", "/api/v1/order", {}, instruction="orderExecute"
        )


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (("get", "/a"), "method"),
        (("GET", "api/v1/a"), "path"),
        (("GET", "/a?b=1"), "path"),
        (("GET", "//host/a b"), "path"),
        (("GET", "/a", {}, "two words"), "instruction"),
        (("GET", "/a", {"price": 0.1}), "price"),
        (("GET", "/a", {}, 5), "instruction"),
        (("GET", "/a", "text"), "params"),
        (("GET", "/a", 5), "params"),
        (("GET", "/a", [{"b": 1}]), "params"),  # only a body can be a list
        (("POST", "/a", 5), "params"),
    ],
)
def test_a_wrong_request_is_refused(
    call: tuple[Any, ...], field: str, client: Client, scripted: Scripted
) -> None:
    method, path, params, instruction = (*call, None, None)[:4]
    with pytest.raises(InputError) as caught:
        client.request(method, path, params, instruction=instruction)
    assert caught.value.field == field and scripted.requests == []


def test_an_unlisted_request_without_a_key_or_an_answer(scripted: Scripted) -> None:
    with pytest.raises(MissingKeyError):
        Client(scripted.url).request("GET", "/a", instruction="aQuery")
    assert scripted.requests == []
    scripted.cuts()
    with pytest.raises(TransportError, match="UNKNOWN") as caught:
        Client(scripted.url).request("POST", "/a", {"x": 1})
    assert caught.value.parameters == {"x": 1} and len(scripted.requests) == 1


# --- help with a slip -----------------------------------------------------------------------------


def test_a_misspelt_method_is_answered_with_the_right_one(client: Client) -> None:
    with pytest.raises(AttributeError, match="no 'execute_ordr'; did you mean 'execute_order'"):
        client.execute_ordr  # noqa: B018
    # Not "cancel_order", which is spelt most like it.
    with pytest.raises(AttributeError, match="no 'place_order'; did you mean 'execute_order'"):
        client.place_order  # noqa: B018
    with pytest.raises(AttributeError, match=r"no 'xyz'; operations\(\) lists all methods"):
        client.xyz  # noqa: B018
    with pytest.raises(AttributeError, match="no 'round_price'; operations"):
        client.round_price  # noqa: B018  # not "_mark_price", which is private
    assert not hasattr(client, "_repr_html_")


def test_a_misspelt_field_is_answered_with_the_right_one(
    client: Client, scripted: Scripted
) -> None:
    scripted.says(200, '{"lastPrice":"1","high":"2"}')
    ticker = client.get_ticker("SOL_USDC")
    with pytest.raises(KeyError) as caught:
        ticker["lastprice"]
    wanted = "'lastprice': did you mean 'lastPrice'? This answer has lastPrice, high"
    assert str(caught.value) == wanted
    assert ticker.get("lastprice") is None and "lastprice" not in ticker


def test_a_list_asked_for_a_field_says_how(client: Client, scripted: Scripted) -> None:
    scripted.says(200, '[{"symbol":"A"}]')
    with pytest.raises(TypeError, match=r"list of 1 rows.*answer\[0\]\['symbol'\]"):
        client.get_tickers()["symbol"]


def test_operations_are_found_by_docstring_and_parameter() -> None:
    def found(word: str) -> list[str]:
        return [one["name"] for one in bpkit.operations(word)]

    assert found("candle") == ["get_klines"]
    assert found("leverage") == ["update_account_settings"]
    assert "execute_order" in found("stop_loss") and found("Order book") == ["get_depth"]
    with pytest.raises(InputError, match="word=5: is not text"):
        bpkit.operations(5)  # type: ignore[arg-type]


def test_timeout_is_one_number_or_two(scripted: Scripted) -> None:
    for timeout in (5, 0.5, (1, 2.5)):
        scripted.says(200, "pong", "text/plain")
        assert Client(scripted.url, timeout=timeout).ping() == "pong"
    for wrong in (0, -1, True, "5", (1, 2, 3), float("nan"), float("inf")):
        with pytest.raises(InputError, match="timeout=.*is not a number of seconds, or a pair"):
            Client(scripted.url, timeout=wrong)  # type: ignore[arg-type]


def test_a_methods_parameters_are_those_of_the_table() -> None:
    """A parameter that the table does not know would be dropped in silence."""
    from inspect import signature

    from bpkit.operations import OPERATIONS
    from bpkit.serialize import in_python

    special = {"execute_order_batch": ["orders"], "issue_two_factor_token": ["fields"]}
    for name in OPERATIONS:
        _, *given = signature(getattr(Client, name)).parameters
        want = special.get(name, sorted(in_python(name)))
        assert sorted(given) == want, f"{name}: its method in bpkit/api and its row in PARAMETERS"


def test_close_ends_the_connection_and_the_next_call_opens_another(
    client: Client, scripted: Scripted
) -> None:
    scripted.says(200, "{}")
    client.get_balances(), client.get_balances()
    assert scripted.connections == 1
    client.close()
    client.get_balances()
    assert scripted.connections == 2
    with client:
        client.get_balances()
    assert scripted.connections == 2
    client.get_balances()
    assert scripted.connections == 3


def test_reconcile_can_be_told_not_to_wait(bp: Client, sandbox: Sandbox) -> None:
    """The signature is valid for 5 seconds, so the order may still arrive."""
    with sandbox.fault("lost_request"), pytest.raises(TransportError) as caught:
        bp.execute_order(**ORDER)
    for found in (bp.reconcile(wait=False), bp.reconcile(caught.value, wait=False)):
        assert isinstance(found, Outcome)
        assert found.state == "unclear" and "may still arrive until" in found.explanation


def test_the_clock_is_corrected_only_if_that_is_said(bp: Client) -> None:
    assert [bp.measure_clock().applied, bp.measure_clock(apply=True).applied] == [False, True]


def test_a_random_id_uses_all_32_bits(client: Client) -> None:
    """The documentation has uint32. All of 200 ids are in its lower half once in 2**200 runs."""
    one = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Market", "quantity": "1"}
    made = [
        int(piece["value"])
        for _ in range(4)
        for piece in client.explain("execute_order_batch", [one] * 50).pieces
        if piece["name"] == "clientId"
    ]
    assert len(set(made)) == 200
    assert all(0 < number < 2**32 for number in made) and max(made) > 2**31


def test_path_and_query_of_a_request_are_what_is_signed(sandbox: Sandbox) -> None:
    with Client(sandbox.url, sandbox.key) as bp:
        text = json.dumps({"clientId": "a&b=c/é"})
        rows = bp.request("GET", "/wapi/v1/capital/withdrawals", {"clientId": text},
                          instruction="withdrawalQueryAll")  # fmt: skip
        assert rows == [] and urlsplit(sandbox.log[-1]["path"]).path.endswith("withdrawals")
