"""Steering the sandbox over HTTP: what each call does and answers."""

from __future__ import annotations

import gzip
import json
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from control_caller import Caller
from helpers import DEMO_SECRET, Plain

from bpkit import ApiError, Client, Key, TransportError, __version__
from bpkit.sandbox import FAULTS, Sandbox
from bpkit.sandbox.server import advance

NOON = "2026-09-01T12:00:00Z"
DEMO = "5+yQgwU0ZdJ/9s+GXfuPFfo7yQQpl9CgvQedJXne30o="
MARKETS = [
    "SOL_USDC", "BTC_USDC", "ETH_USDC", "USDT_USDC", "BONK_USDC", "HNT_USDC", "SOL_USDC_PERP",
    "BTC_USDC_PERP", "ETH_USDC_PERP", "kPEPE_USDC_PERP",
]  # fmt: skip


@pytest.fixture
def call(sandbox: Sandbox) -> Iterator[Caller]:
    with Caller(sandbox) as caller:
        yield caller


# --- what there is --------------------------------------------------------------------------------


def test_health_needs_no_token(sandbox: Sandbox) -> None:
    answer = requests.get(f"{sandbox.url}/sandbox/v1/health", timeout=10)
    assert answer.text == f'{{"status":"ok","version":"{__version__}"}}\n'
    assert answer.headers["X-Sandbox"] == f"bpkit/{__version__}"
    assert sandbox.log == []  # a container asks every second


def test_the_status(call: Caller, plain: Plain) -> None:
    plain.get("/api/v1/ping")
    call("GET", "/clock")
    assert call("GET", "") == call("GET", "/") == {
        "version": __version__, "time": NOON, "seed": "bpkit 4185",
        "clock": {"status": "ready", "speed": 0}, "markets": MARKETS, "accounts": ["demo"],
        "faults": [], "requests": 1,
    }  # fmt: skip


def test_parity_is_served_as_it_is(sandbox: Sandbox) -> None:
    page = requests.get(f"{sandbox.url}/sandbox/v1/parity", timeout=10)
    assert page.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert page.text.startswith("# What the sandbox does")


# --- time -----------------------------------------------------------------------------------------


def test_an_advance(sandbox: Sandbox, bp: Client, call: Caller) -> None:
    """The bid of the guide is filled in the fifth minute."""
    bp.execute_order("SOL_USDC", "Bid", "Limit", price="170.50", quantity="1")
    done = {"time": "2026-09-01T12:05:00Z", "triggers": 0, "funding": 0, "liquidations": 0}
    assert call("POST", "/clock/advance", {"seconds": 300}) == {**done, "fills": 1}
    assert call("GET", "/clock") == {"status": "ready", "time": done["time"], "speed": 0}
    assert f"{sandbox.now:%H:%M:%S}" == "12:05:00"


@pytest.mark.parametrize(
    ("body", "at"),
    [
        ({"seconds": "1h30m"}, "2026-09-01T13:30:00Z"),
        ({"seconds": "1d1s"}, "2026-09-02T12:00:01Z"),
        ({"seconds": 0.5}, "2026-09-01T12:00:00.500000Z"),
        ({"seconds": "0.25s"}, "2026-09-01T12:00:00.250000Z"),
        ({"to": "2026-09-01T14:00:00+02:00"}, None),
        ({"to": "2026-09-01T15:00:00+02:00"}, "2026-09-01T13:00:00Z"),
        ({"to": 1_788_264_001_500}, "2026-09-01T12:00:01.500000Z"),
    ],
)
def test_spans_and_times(call: Caller, body: Any, at: str | None) -> None:
    if at is None:
        assert "time only moves forward" in call.refused("POST", "/clock/advance", body)[2]
    else:
        assert call("POST", "/clock/advance", body)["time"] == at


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """An advance makes one step of an hour, then it waits until the gate is open."""
    event, ticks = threading.Event(), count()
    clock = SimpleNamespace(monotonic=lambda: next(ticks), sleep=lambda _: event.wait(20))
    monkeypatch.setattr(advance, "time", clock)
    yield event
    event.set()


def test_an_advance_that_is_not_waited_for(
    sandbox: Sandbox, plain: Plain, call: Caller, gate: threading.Event
) -> None:
    body = {"to": "2026-09-01T15:00:00Z", "wait": False}
    answer = call.send("POST", "/clock/advance", body)
    assert answer.status_code == 202 and answer.headers["Location"] == "/sandbox/v1/clock"
    assert answer.json()["status"] == "advancing"
    moving = {"status": "advancing", "time": "2026-09-01T13:00:00Z"}
    moving |= {"target": "2026-09-01T15:00:00Z", "progress": 0.3333}
    while call("GET", "/clock")["progress"] == 0:
        pass
    assert call("GET", "/clock") == moving
    # Reads and orders are answered meanwhile, at the moment that is reached.
    assert plain.call("get_balances").status_code == 200
    assert plain.get("/api/v1/depth?symbol=SOL_USDC").json()["timestamp"] == 1_788_267_600_000_000
    call("POST", "/snapshots", {"name": "moving"}, 201)
    call("PUT", "/markets/SOL_USDC/price", {"price": "150"})
    for method, path, more in [
        ("POST", "/clock/advance", {"seconds": 1}),
        ("PUT", "/clock", {"speed": 1}),
        ("POST", "/reset", None),
        ("POST", "/snapshots/moving/restore", None),
    ]:
        assert call.refused(method, path, more, 409)[0] == "ADVANCING"
    gate.set()
    while call("GET", "/clock")["status"] == "advancing":
        time.sleep(0.01)
    assert call("GET", "/clock")["time"] == "2026-09-01T15:00:00Z"


def test_others_are_answered_while_one_waits(call: Caller, gate: threading.Event) -> None:
    done: list[Any] = []
    thread = threading.Thread(
        target=lambda: done.append(call("POST", "/clock/advance", {"seconds": "3h"}))
    )
    thread.start()
    while call("GET", "/clock")["status"] == "ready":
        pass
    assert done == []
    gate.set()
    thread.join(20)
    assert done[0]["time"] == "2026-09-01T15:00:00Z"


def test_a_speed(sandbox: Sandbox, call: Caller) -> None:
    assert call("PUT", "/clock", {"speed": 3600})["speed"] == 3600
    while call("GET", "/clock")["time"] == NOON:
        pass
    assert call.refused("POST", "/clock/advance", {"seconds": 1}, 409)[0] == "FOLLOWS_CLOCK"
    assert call("PUT", "/clock", {"speed": 0.5})["speed"] == 0.5
    stopped = call("PUT", "/clock", {"speed": 0})
    assert stopped["speed"] == 0 and call("GET", "/clock") == stopped
    call("POST", "/clock/advance", {"seconds": 1})
    sandbox.advance(seconds=1)


def test_the_program_of_the_sandbox_has_the_time(sandbox: Sandbox, call: Caller) -> None:
    with sandbox.play(7):
        assert call("GET", "/clock")["speed"] == 7
        for method, path, body in [
            ("PUT", "/clock", {"speed": 1}),
            ("POST", "/clock/advance", {"seconds": 1}),
            ("POST", "/reset", None),
        ]:
            assert call.refused(method, path, body, 409)[0] == "FOLLOWS_CLOCK"


def test_a_market_that_follows_the_clock() -> None:
    with Sandbox(follow_clock=True) as sandbox, Caller(sandbox) as call:
        now = call("GET", "/clock")
        assert now["speed"] == 1 and now["time"] <= call("GET", "")["time"]
        assert call.refused("POST", "/clock/advance", {"seconds": 1}, 409)[0] == "FOLLOWS_CLOCK"
        said = call.refused("PUT", "/clock", {"speed": 1}, 409)
        assert said[0] == "FOLLOWS_CLOCK" and "--speed" in said[2]
        assert call("POST", "/reset")["clock"]["speed"] == 1


def test_a_sandbox_may_start_at_a_speed() -> None:
    with Sandbox(speed=3600) as sandbox, Caller(sandbox) as call:
        assert call("GET", "/clock")["speed"] == 3600
        while f"{sandbox.now:%H:%M}" == "12:00":
            pass
        again = call("POST", "/reset")
        assert again["clock"]["speed"] == 3600 and again["time"][:15] == NOON[:15]
        assert call("PUT", "/clock", {"speed": 0})["speed"] == 0


# --- prices ---------------------------------------------------------------------------------------


def test_a_price_and_a_path(bp: Client, call: Caller) -> None:
    path = "/markets/SOL_USDC"
    assert call("PUT", f"{path}/price", {"price": "170"}) == {
        "symbol": "SOL_USDC", "price": "170", "triggers": 0, "fills": 0,
    }  # fmt: skip
    stop = {"trigger_by": "LastPrice", "trigger_price": "160", "trigger_quantity": "1"}
    bp.execute_order("SOL_USDC", "Ask", "Market", **stop)
    begun = {"symbol": "SOL_USDC", "ends": "2026-09-01T12:05:00Z", "steps": 1}
    for body in (
        {"path": "170 -> 150 in 5m"},
        {"steps": "170 -> 150 in 5m", "moves": ["last", "mark", "index"], "after": "hold"},
        {"steps": [{"from": "170", "to": "150", "in": "5m"}]},
    ):
        assert call("PUT", f"{path}/path", body) == begun
    assert call("POST", "/clock/advance", {"seconds": 149})["triggers"] == 0
    after = call("POST", "/clock/advance", {"seconds": 1})
    assert (after["triggers"], after["fills"]) == (1, 1)
    assert call("DELETE", f"{path}/path", None, 204) is None
    assert call.refused("DELETE", f"{path}/path", None, 404)[:2] == ("UNKNOWN_PATH", "symbol")


def test_a_price_may_trigger_at_once(bp: Client, call: Caller) -> None:
    bp.execute_order("SOL_USDC_PERP", "Bid", "Market", quantity="3")
    for by, quantity in (("LastPrice", "1"), ("MarkPrice", "2")):
        stop = {"trigger_by": by, "trigger_price": "160", "trigger_quantity": quantity}
        bp.execute_order("SOL_USDC_PERP", "Ask", "Market", reduce_only=True, **stop)
    only = {"price": "140", "moves": ["last"]}
    assert call("PUT", "/markets/SOL_USDC_PERP/price", only)["triggers"] == 1
    assert bp.get_positions()[0]["netQuantity"] == "2"


# --- accounts -------------------------------------------------------------------------------------


def test_an_account_from_its_birth_to_its_end(sandbox: Sandbox, call: Caller) -> None:
    made = call("POST", "/accounts", {"name": "bob", "funds": {"USDC": "1000.50"}}, 201)
    assert list(made) == ["name", "public_key", "secret", "funds"]
    assert made["funds"] == {"USDC": "1000.5"}
    key = Key(made.pop("secret"))
    assert key.public_key == made["public_key"] and key.is_sandbox
    assert call("GET", "/accounts/bob") == made
    assert call("GET", "/accounts")["accounts"][1] == made
    row = call("POST", "/accounts/bob/deposits", {"symbol": "USDC", "quantity": "50"}, 201)
    with Client(sandbox.url, key) as bp:
        assert bp.get_deposits() == [row]
        assert row["quantity"] == "50" and row["source"] == "solana"
        bp.execute_order("SOL_USDC", "Bid", "Limit", price="100", quantity="1")
        assert call("GET", "/accounts/bob")["funds"] == {"USDC": "1050.5"}
        before = total(sandbox)
        assert call("DELETE", "/accounts/bob", None, 204) is None
        assert total(sandbox) == before
        with pytest.raises(ApiError):
            bp.get_balances()
        assert bp.get_depth("SOL_USDC")["bids"][0][0] != "100"
    assert call.refused("DELETE", "/accounts/bob", None, 404)[0] == "UNKNOWN_ACCOUNT"
    assert call("GET", "")["accounts"] == ["demo"]


def total(sandbox: Sandbox) -> Any:
    """USDC of all accounts and outside."""
    service = sandbox._service
    holders = [one.balances for one in service.exchange.accounts.values()]
    holders.append(service.capital.outside)
    return sum(one.available("USDC") + one.locked("USDC") for one in holders)


def test_an_account_with_a_position_or_a_loan_stays(bp: Client, call: Caller) -> None:
    bp.execute_borrow_lend(symbol="USDC", side="Lend", quantity="100")
    assert "loans (USDC)" in call.refused("DELETE", "/accounts/demo", None, 409)[2]
    bp.execute_borrow_lend(symbol="USDC", side="Borrow", quantity="100")
    bp.execute_order("SOL_USDC_PERP", "Bid", "Market", quantity="1")
    assert call.refused("DELETE", "/accounts/demo", None, 409)[0] == "IN_USE"
    bp.execute_order("SOL_USDC_PERP", "Ask", "Market", quantity="1", reduce_only=True)
    call("DELETE", "/accounts/demo", None, 204)


def test_an_account_with_a_key_that_is_brought(sandbox: Sandbox, call: Caller) -> None:
    secret = b64encode(bytes(range(32))).decode()
    made = call("POST", "/accounts", {"secret": secret}, 201)
    assert made == {"name": "account1", "public_key": Key(secret).public_key, "funds": {}}
    assert call.refused("POST", "/accounts", {"secret": secret}, 409)[:2] == (
        "NAME_TAKEN",
        "secret",
    )
    assert call.refused("POST", "/accounts", {"name": "demo"}, 409)[:2] == ("NAME_TAKEN", "name")
    with Client(sandbox.url, Key(secret)) as bp:
        assert bp.get_balances() == {}
    assert sandbox.log[0]["body"] == '{"secret": "(hidden)"}'


# --- faults ---------------------------------------------------------------------------------------


def test_a_fault(sandbox: Sandbox, call: Caller) -> None:
    call("POST", "/accounts", {"name": "bob", "secret": b64encode(bytes(32)).decode()}, 201)
    options = {"fault": "lost_reply", "operations": ["cancel_open_orders"], "times": 1}
    options |= {"account": "bob", "probability": "1", "seconds": None, "symbols": None}
    on = {"id": "f1", "hits": 0, **options}
    assert call("POST", "/faults", options, 201) == on
    assert call("GET", "/faults") == {
        "known": {name: kind.sentence for name, kind in FAULTS.items()}, "active": [on],
    }  # fmt: skip
    for secret, lost in ((DEMO_SECRET, False), (b64encode(bytes(32)).decode(), True)):
        with Client(sandbox.url, Key(secret)) as bp:
            try:
                bp.cancel_open_orders("SOL_USDC")
            except TransportError:
                assert lost
            else:
                assert not lost
    assert call("DELETE", "/faults/f1") == {"id": "f1", "hits": 1}
    assert call.refused("DELETE", "/faults/f1", None, 404)[0] == "UNKNOWN_FAULT"


def test_faults_of_both_sides_end_once(sandbox: Sandbox, plain: Plain, call: Caller) -> None:
    with sandbox.fault("rate_limit") as fault:
        assert call("GET", "")["faults"][0]["fault"] == "rate_limit"
        call("POST", "/faults", {"fault": "clock_skew", "seconds": -60.5}, 201)
        call("POST", "/faults", {"fault": "slow", "seconds": "1m", "operations": ["ping"]}, 201)
        assert [one["seconds"] for one in call("GET", "")["faults"]] == [None, -60.5, 60]
        assert plain.get("/api/v1/time").status_code == 429  # the calls here are not hit
        assert call("DELETE", "/faults", None, 204) is None
        assert plain.get("/api/v1/ping").status_code == 200
    assert fault.hits == 1 and call("GET", "/faults")["active"] == []


# --- beginning again, and snapshots ---------------------------------------------------------------


def test_a_reset(sandbox: Sandbox, bp: Client, call: Caller) -> None:
    ((_, _, first),) = sandbox.open_first_accounts(1)
    call("POST", "/accounts", {"name": "later"}, 201)
    call("POST", "/faults", {"fault": "slow"}, 201)
    call("PUT", "/markets/SOL_USDC/price", {"price": "150"})
    bp.execute_order("SOL_USDC", "Bid", "Market", quantity="1")
    call("POST", "/clock/advance", {"seconds": "1h"})
    fresh = call("POST", "/reset", {"seed": "7"})
    assert (fresh["time"], fresh["seed"], fresh["faults"]) == (NOON, "7", [])
    assert fresh["accounts"] == ["demo", "account1"]
    assert [entry["path"] for entry in sandbox.log] == ["/sandbox/v1/reset"]
    assert bp.get_balances()["USDC"]["available"] == "10000"  # the client goes on
    with Client(sandbox.url, Key(first)) as other:
        assert other.get_balances()["SOL"]["available"] == "20"
    with Sandbox(seed="7") as same, Client(same.url) as reader:
        assert reader.get_ticker("SOL_USDC") == bp.get_ticker("SOL_USDC")
    assert call("POST", "/reset", {})["seed"] == "7"


def test_a_snapshot_and_back(sandbox: Sandbox, bp: Client, call: Caller) -> None:
    call("POST", "/accounts", {"name": "bob", "funds": {"USDC": "5"}}, 201)
    made = call("POST", "/snapshots", {"name": "before"}, 201)
    assert list(made) == ["name", "bytes", "time"] and made["time"].startswith("2026-09-01T12:00")
    assert call("GET", "/snapshots") == {"snapshots": [made]}
    assert call.refused("POST", "/snapshots", {"name": "before"}, 409)[0] == "NAME_TAKEN"
    file = call.send("GET", "/snapshots/before", headers={"Accept-Encoding": "identity"})
    assert len(file.content) == made["bytes"] and file.headers["Content-Type"].startswith(
        "application/json"
    )
    packed = call.send("GET", "/snapshots/before")
    assert packed.headers["Content-Encoding"] == "gzip" and packed.content == file.content
    bp.execute_order("SOL_USDC", "Bid", "Market", quantity="1")
    call("POST", "/clock/advance", {"seconds": "1h"})
    call("DELETE", "/accounts/bob", None, 204)
    assert call("POST", "/snapshots/before/restore")["accounts"] == ["demo", "bob"]
    assert bp.get_balances()["SOL"]["available"] == "20" and bp.get_fills() == []
    assert call("DELETE", "/snapshots/before", None, 204) is None
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/restore")):
        said = call.refused(method, f"/snapshots/before{path}", None, 404)
        assert said[0] == "UNKNOWN_SNAPSHOT"
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    for name, data, more in (("a", file.content, {}), ("b", gzip.compress(file.content), headers)):
        sent = {"Content-Type": "application/json"} | more
        put = call.send("PUT", f"/snapshots/{name}", data=data, headers=sent)
        assert put.status_code == 201 and put.json() == made | {"name": name}
        assert call("POST", f"/snapshots/{name}/restore")["accounts"] == ["demo", "bob"]


def test_snapshots_that_cannot_be_restored(call: Caller) -> None:
    call("POST", "/snapshots", {"name": "before"}, 201)
    saved = call("GET", "/snapshots/before")
    call("PUT", "/snapshots/other", saved | {"engine": 999, "version": "9.9"}, 201)
    code, _, said = call.refused("POST", "/snapshots/other/restore", None, 409)
    assert code == "WRONG_VERSION" and "999" in said and "9.9" in said and __version__ in said
    call("PUT", "/snapshots/other", saved | {"seed": "changed"}, 201)
    assert "changed" in call.refused("POST", "/snapshots/other/restore")[2]
    assert call("GET", "")["time"] == NOON


def test_a_large_file_is_taken(sandbox: Sandbox, call: Caller) -> None:
    """A body of another call may have a megabyte; random letters cannot be compressed away."""
    saved = json.loads(json.dumps(sandbox.snapshot())) | {"more": "x" * 3_000_000}
    assert call("PUT", "/snapshots/large", saved, 201)["bytes"] > 3_000_000
