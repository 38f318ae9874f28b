"""Steering the sandbox over HTTP: who may call, what is refused, and the log of it."""

from __future__ import annotations

import gzip
import json
import os
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from control_caller import PREFIX, Caller
from helpers import DEMO_SECRET, Plain

from bpkit import Client, Key, __version__
from bpkit.operations import OPERATIONS
from bpkit.sandbox import Sandbox
from bpkit.sandbox.server import control
from bpkit.sandbox.server.control import table

DEMO = "5+yQgwU0ZdJ/9s+GXfuPFfo7yQQpl9CgvQedJXne30o="


@pytest.fixture
def call(sandbox: Sandbox) -> Iterator[Caller]:
    with Caller(sandbox) as caller:
        yield caller


@pytest.fixture(scope="module")
def still() -> Iterator[Caller]:
    """For calls that change nothing."""
    with Sandbox() as sandbox, Caller(sandbox) as caller:
        yield caller


# --- bodies and values ----------------------------------------------------------------------------

ADVANCE, PRICE, PATH = "/clock/advance", "/markets/SOL_USDC/price", "/markets/SOL_USDC/path"
DEPOSIT = "/accounts/demo/deposits"
WRONG: list[tuple[str, str, Any, str | None, str]] = [
    ("POST", ADVANCE, {}, "seconds", 'write either "seconds" or "to"'),
    ("POST", ADVANCE, {"seconds": 1, "to": 5}, "seconds", 'write either "seconds" or "to"'),
    ("POST", ADVANCE, {"seconds": 0}, "seconds", 'above 0; write 300, "5m" or "1h30m"'),
    ("POST", ADVANCE, {"seconds": -5}, "seconds", "seconds=-5 is not a span above 0"),
    ("POST", ADVANCE, {"seconds": "5 minutes"}, "seconds", "is not a span above 0"),
    ("POST", ADVANCE, {"seconds": ""}, "seconds", "is not a span above 0"),
    ("POST", ADVANCE, {"seconds": True}, "seconds", "is not a span above 0"),
    ("POST", ADVANCE, {"seconds": "3654d"}, "seconds", "at most to 2036-09-01T12:00:00Z"),
    ("POST", ADVANCE, {"to": "2026-09-02T00:00:00"}, "to", "is not a time with a zone; write"),
    ("POST", ADVANCE, {"to": "tomorrow"}, "to", "is not a time with a zone"),
    ("POST", ADVANCE, {"to": "2026-08-01T00:00:00Z"}, "to", "time only moves forward"),
    ("POST", ADVANCE, {"to": 10**30}, "to", "is not a time with a zone"),
    ("POST", ADVANCE, {"seconds": 1, "wait": "no"}, "wait", "is not true or false"),
    ("PUT", "/clock", {}, "speed", "speed=null is not a number from 0 to 3,600"),
    ("PUT", "/clock", {"speed": -1}, "speed", "is not a number from 0 to 3,600"),
    ("PUT", "/clock", {"speed": 3601}, "speed", "is not a number from 0 to 3,600"),
    ("PUT", "/clock", {"speed": True}, "speed", "is not a number from 0 to 3,600"),
    ("PUT", "/clock", {"speed": "fast"}, "speed", "is not a number from 0 to 3,600"),
    ("PUT", PRICE, {}, "price", 'price is missing; write text: "price": "150"'),
    ("PUT", PRICE, {"price": 150}, "price", 'money is text: "150"'),
    ("PUT", PRICE, {"price": 150.5}, "price", 'money is text: "150.5"'),
    ("PUT", PRICE, {"price": True}, "price", "price=true is not text"),
    ("PUT", PRICE, {"price": "0"}, "price", "is not a price above 0"),
    ("PUT", PRICE, {"price": "1", "moves": ["mid"]}, "moves", "list of last, mark, index"),
    ("PUT", PRICE, {"price": "1", "moves": []}, "moves", "list of last, mark, index"),
    ("PUT", "/markets/HNT_USDC/price", {"price": "1"}, "symbol", "HNT_USDC is closed"),
    ("PUT", PATH, {"path": "170 upwards"}, "path", "is not a step; write"),
    ("PUT", PATH, {"path": "flat", "after": "tape"}, "path", 'write "steps" or "name" instead'),
    ("PUT", PATH, {"steps": [{"jump": 140}]}, "jump", 'money is text: "140"'),
    ("POST", "/accounts", {"name": "bob/x"}, "name", "is not a name: 1 to 64 letters"),
    ("POST", "/accounts", {"name": 5}, "name", "name=5 is not text"),
    ("POST", "/accounts", {"funds": {"USDC": 5}}, "funds.USDC", 'money is text: "5"'),
    ("POST", "/accounts", {"funds": {"EUR": "5"}}, "funds", "'EUR' is not an asset here"),
    ("POST", "/accounts", {"funds": ["USDC"]}, "funds", "is not an object"),
    ("POST", "/accounts", {"secret": "abc"}, "secret", "The secret"),
    ("POST", DEPOSIT, {"quantity": "5"}, "symbol", "symbol is missing"),
    ("POST", DEPOSIT, {"symbol": "EUR", "quantity": "5"}, "symbol", "is not an asset here"),
    ("POST", DEPOSIT, {"symbol": "USDC"}, "quantity", "quantity is missing"),
    ("POST", DEPOSIT, {"symbol": "USDC", "quantity": 5}, "quantity", 'money is text: "5"'),
    ("POST", DEPOSIT, {"symbol": "USDC", "quantity": "0"}, "quantity", "the minimum deposit"),
    ("POST", DEPOSIT, {"symbol": "SOL", "quantity": "5", "blockchain": "Tron"}, "blockchain",
        "SOL cannot be deposited on Tron; write one of Solana"),
    ("PUT", PATH, {"name": "crsh"}, "name", "name='crsh' is not a path; there are crash"),
    ("POST", "/faults", {}, "fault", "fault is missing"),
    ("POST", "/faults", {"fault": "slw"}, "fault", "Did you mean 'slow'?"),
    ("POST", "/faults", {"fault": "slow", "times": 0}, "times", "is not a count of hits"),
    ("POST", "/faults", {"fault": "slow", "seconds": 601}, "seconds", "a number from 0 to 600"),
    ("POST", "/faults", {"fault": "slow", "seconds": []}, "seconds", "is not a number"),
    ("POST", "/faults", {"fault": "slow", "symbols": ["A"]}, "symbols", "takes no symbols"),
    ("POST", "/faults", {"fault": "slow", "operations": ["x"]}, "operations", "not an operation"),
    ("POST", "/faults", {"fault": "slow", "probability": "2"}, "probability", "from 0 to 1"),
    ("POST", "/faults", {"fault": "ws_cut", "account": "demo"}, "account", "takes no account"),
    ("POST", "/snapshots", {}, "name", "name is missing"),
    ("PUT", "/snapshots/a", {}, None, "is not a snapshot"),
    ("POST", "/reset", {"seed": 7}, "seed", "seed=7 is not text"),
    ("GET", "/log?operation=buy", None, "operation", "'buy' is not an operation"),
    ("GET", "/log?limit=1001", None, "limit", "is not a whole number from 0 to 1000"),
    ("GET", "/log?after=-1", None, "after", "is not a whole number"),
    ("GET", "/log?refused=yes", None, "refused", "is not true or false"),
    ("GET", "/log?after=1&after=2", None, "after", "comes twice"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "field", "said"), WRONG)
def test_a_wrong_value(
    still: Caller, method: str, path: str, body: Any, field: str | None, said: str
) -> None:
    before = still("GET", "")
    assert still.refused(method, path, body)[:2] == ("INVALID_VALUE", field)
    assert said in still.refused(method, path, body)[2]
    assert still("GET", "") == before


@pytest.mark.parametrize("route", table.ROUTES, ids=lambda one: f"{one.method} {one.path}")
def test_an_unknown_field(still: Caller, route: table.Route) -> None:
    path = route.path.replace("{symbol}", "SOL_USDC").replace("{name}", "demo")
    if route.fields is None and not route.file:
        code, _, said = still.refused(route.method, path, {"x": 1})
        assert (code, said) == ("INVALID_VALUE", "this call takes no body; send none")
    elif not route.file:
        code, field, said = still.refused(route.method, path, {"x": 1})
        assert (code, field) == ("UNKNOWN_FIELD", "x")
        assert said == f"'x' is not a field here; write one of {', '.join(route.fields or ())}"
    code, field, said = still.refused(route.method, f"{path}?y=1")
    assert (code, field) == ("UNKNOWN_FIELD", "y")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "Expecting property name"),
        (b"\xff", "codec can't decode"),
        (b'{"speed": NaN}', "NaN is not a number"),
        (b'{"speed": 1, "speed": 2}', "a name comes twice"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"speed": ' + b"1" * 5_000 + b"}", "limit"),
        (b"[]", "is not a JSON object"),
        (b"5", "is not a JSON object"),
    ],
)
def test_what_is_not_json(still: Caller, body: bytes, said: str) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    answer = still.send("PUT", "/clock", headers=headers, data=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "INVALID_JSON") and said in error["message"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
@pytest.mark.parametrize("path", ["/clock", "/snapshots/a"])
def test_a_body_that_a_form_could_send(still: Caller, kind: str, path: str) -> None:
    answer = still.send("PUT", path, data=b'{"speed": 0}', headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "JSON_NEEDED")


def test_what_is_too_large(still: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {"Content-Type": "application/json"}
    large = b'{"name": "' + b"x" * 1_000_000 + b'"}'
    answer = still.send("POST", "/accounts", data=large, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "TOO_LARGE")
    assert answer.headers["X-Sandbox"] == f"bpkit/{__version__}"
    monkeypatch.setattr(control, "MOST_FILE", 2_000_000)
    bomb = gzip.compress(b" " * 2_000_001)
    packed = still.send(
        "PUT", "/snapshots/a", data=bomb, headers=headers | {"Content-Encoding": "gzip"}
    )
    assert (packed.status_code, packed.json()["error"]["code"]) == (413, "TOO_LARGE")
    broken = still.send(
        "PUT", "/snapshots/a", data=b"{}", headers=headers | {"Content-Encoding": "gzip"}
    )
    assert broken.status_code == 400 and "not gzip" in broken.text


# --- paths, names, methods ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/nothing", "UNKNOWN_PATH"),
        ("GET", "/clock/", "UNKNOWN_PATH"),
        ("GET", "x", "UNKNOWN_PATH"),
        ("PUT", "/markets/SOLUSDC/price", "UNKNOWN_SYMBOL"),
        ("DELETE", "/markets/%2e%2e/path", "UNKNOWN_SYMBOL"),
        ("GET", "/accounts/bob", "UNKNOWN_ACCOUNT"),
        ("GET", "/log?account=bob", "UNKNOWN_ACCOUNT"),
        ("DELETE", "/faults/f9", "UNKNOWN_FAULT"),
        ("GET", "/snapshots/none", "UNKNOWN_SNAPSHOT"),
    ],
)
def test_what_is_not_there(still: Caller, method: str, path: str, code: str) -> None:
    body = {"price": "1"} if path.endswith("price") else None
    assert still.refused(method, path, body, 404)[0] == code


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("PATCH", "/clock", "GET, PUT"), ("GET", ADVANCE, "POST"), ("OPTIONS", "/health", "GET")],
)
def test_a_wrong_method(still: Caller, method: str, path: str, allow: str) -> None:
    answer = still.send(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allow)
    assert answer.json()["error"]["code"] == "WRONG_METHOD"
    assert requests.post(still.url.removesuffix(PREFIX), timeout=5).status_code == 405


def test_a_head_is_a_get(still: Caller) -> None:
    answer = still.send("HEAD", "/clock")
    assert (answer.status_code, answer.content) == (200, b"")


# --- the token ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic {}", "{}", "Bearer {}x"]
)
@pytest.mark.parametrize("path", ["", "/clock", "/log", "/nothing"])
def test_the_token_is_needed(still: Caller, given: str | None, path: str) -> None:
    token = str(still.session.headers["Authorization"]).partition(" ")[2]
    headers = {} if given is None else {"Authorization": given.format(token)}
    answer = requests.get(still.url + path, headers=headers, timeout=5)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.json()["error"]["code"] == "TOKEN_NEEDED"
    assert token not in answer.text


def test_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BPKIT_SANDBOX_TOKEN", raising=False)
    with Sandbox() as one, Sandbox() as other:
        assert one.token != other.token and len(one.token) == 32
        assert one.token not in repr(one) + repr(one._service)
    monkeypatch.setenv("BPKIT_SANDBOX_TOKEN", "of-the-environment")
    with Sandbox() as one, Sandbox(token="given-here") as other:
        assert (one.token, other.token) == ("of-the-environment", "given-here")
        with Caller(other) as call:
            call("GET", "/clock")


@pytest.mark.parametrize(
    "wrong", ["short", "with a blank", "\u00fcml\u00e4ut-and-more", 12345678, ""]
)
def test_a_wrong_token(wrong: Any) -> None:
    with pytest.raises(ValueError, match="the token is not text of 8 or more letters") as caught:
        Sandbox(token=wrong)
    assert str(wrong or "\0") not in str(caught.value)


def test_no_page_of_the_web_gets_in(still: Caller) -> None:
    """No header of CORS is sent, so a browser keeps the answer from the page that asked."""
    for method in ("GET", "OPTIONS"):
        answer = still.send(method, "/clock", headers={"Origin": "https://evil.example"})
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("path", ["/sandbox/v1/health", "/sandbox/v1/clock", "/"])
def test_another_host_is_refused(still: Caller, path: str) -> None:
    url = still.url.removesuffix(PREFIX) + path
    answer = still.session.get(url, headers={"Host": "evil.example"}, timeout=5)
    assert (answer.status_code, answer.json()["error"]["code"]) == (421, "WRONG_HOST")
    assert "evil.example" in answer.text


# --- the log --------------------------------------------------------------------------------------


def test_every_call_is_in_the_log(sandbox: Sandbox, plain: Plain, call: Caller) -> None:
    plain.get("/api/v1/ping")
    call("POST", "/clock/advance", {"seconds": 5})
    call.refused("PUT", "/clock", {"speed": -1})
    ping, moved, refused = call("GET", "/log")["entries"]
    assert (ping["n"], ping["control"], ping["operation"]) == (1, False, "ping")
    assert moved | {"time": None} == {
        "n": 2, "time": None, "method": "POST", "path": "/sandbox/v1/clock/advance", "query": "",
        "body": '{"seconds": 5}', "operation": None, "signedBy": None, "status": 200,
        "verdict": "answered", "fault": None, "finding": None, "control": True,
        "seed": "bpkit 4185",
    }  # fmt: skip
    assert moved["time"].endswith("Z")
    assert refused["status"] == 400 and refused["verdict"].startswith("INVALID_VALUE: speed=-1")
    assert sandbox.log[-1]["path"] == "/sandbox/v1/log"


def test_the_log_is_read_in_parts(plain: Plain, call: Caller) -> None:
    call("POST", "/accounts", {"name": "bob"}, 201)
    plain.get("/api/v1/ping")
    plain.call("get_balances")
    plain.get("/api/v1/nothing")

    def numbers(query: str) -> tuple[list[int], int]:
        said = call("GET", f"/log?{query}")
        return [entry["n"] for entry in said["entries"]], said["next"]

    assert numbers("limit=2") == ([1, 2], 2)
    assert numbers("after=2&limit=2") == ([3, 4], 4)
    assert numbers("operation=ping") == ([2], 2)
    assert numbers("account=demo") == ([3], 3)
    assert numbers("refused=true") == ([4], 4)
    assert numbers("control=false&refused=false") == ([2, 3], 3)
    assert numbers("control=true&limit=1") == ([1], 1)
    assert numbers("account=bob") == ([], 11)  # the newest row there is
    assert numbers("after=999") == ([], 999)
    assert call("DELETE", "/log", None, 204) is None
    assert numbers("") == ([14], 14)  # the call that emptied it


def test_no_secret_is_in_the_log(sandbox: Sandbox, call: Caller) -> None:
    secret = b64encode(os.urandom(32)).decode()
    call("POST", "/accounts", {"secret": secret, "name": "bob"}, 201)
    call("POST", "/accounts", {"secret": secret[:-1], "funds": {}}, 400)
    token = sandbox.token
    requests.get(f"{call.url}/clock", headers={"Authorization": f"Bearer {token}x"}, timeout=5)
    text = json.dumps(call("GET", "/log"))
    assert secret[:40] not in text and text.count("(hidden)") == 2
    assert token not in text


def test_the_log_replays_a_run(sandbox: Sandbox, call: Caller) -> None:
    """On another sandbox of its seed, with the keys of the accounts that were brought."""
    secrets = [DEMO_SECRET, b64encode(bytes(range(1, 33))).decode()]
    call("POST", "/reset", {"seed": "7"})
    call("POST", "/accounts", {"secret": secrets[1], "funds": {"USDC": "5000"}}, 201)
    call("PUT", "/markets/SOL_USDC/path", {"path": "-10% in 10m; back in 10m"})
    order = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "quantity": "1"}
    for secret, price in zip(secrets, ("160", "158"), strict=True):
        with Plain(sandbox.url, secret) as plain:
            assert plain.call("execute_order", order | {"price": price}).status_code == 200
    call("POST", "/clock/advance", {"seconds": "20m"})
    with Sandbox() as other, Caller(other) as there:
        for entry in call("GET", "/log")["entries"]:
            replay(entry, other, there, secrets)
        for secret in secrets:
            with Client(sandbox.url, Key(secret)) as ours, Client(other.url, Key(secret)) as theirs:
                assert ours.get_fills() == theirs.get_fills() != []
                assert ours.get_balances() == theirs.get_balances()


def replay(entry: dict[str, Any], sandbox: Sandbox, there: Caller, secrets: list[str]) -> None:
    if not entry["control"]:
        secret = next(one for one in secrets if Key(one).public_key == entry["signedBy"])
        assert OPERATIONS[entry["operation"]].name == "execute_order"
        with Plain(sandbox.url, secret) as plain:
            plain.call(entry["operation"], json.loads(entry["body"]))
        return
    body = json.loads(entry["body"]) if entry["body"] else None
    if body and "secret" in body:
        body["secret"] = secrets[1]
    there(entry["method"], entry["path"].removeprefix(PREFIX), body, entry["status"])
