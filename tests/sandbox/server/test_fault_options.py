"""Which requests a fault hits: those of one account, and some of them by chance."""

from __future__ import annotations

from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
from helpers import Plain
from sockets import Listener, push

from bpkit import ApiError, Client, Key, StreamError
from bpkit.sandbox import Sandbox
from bpkit.sandbox.server.faults import Fault

PING = "/api/v1/ping"


# --- account --------------------------------------------------------------------------------------


def test_a_fault_of_one_account(sandbox: Sandbox, plain: Plain) -> None:
    other = sandbox.open_account({"USDC": "5"})
    with Client(sandbox.url, other, rate_limit=None) as theirs:
        with sandbox.fault("maintenance", account=other) as fault:
            assert plain.call("get_balances").status_code == 200
            assert plain.get("/api/v1/markets").status_code == 200  # unsigned: nobody's
            with pytest.raises(ApiError, match="MAINTENANCE"):
                theirs.cancel_open_orders("SOL_USDC")
        assert theirs.get_balances()["USDC"]["available"] == "5"
    assert fault.hits == 1


def test_the_account_is_the_one_that_a_request_claims(sandbox: Sandbox, plain: Plain) -> None:
    """A request that never arrives is not verified."""
    with sandbox.fault("rate_limit", account=sandbox.key) as fault:
        assert plain.call("get_fills", {"limit": 1}, sign={}).status_code == 429
    assert fault.hits == 1


def test_the_clock_of_one_account_in_streams(sandbox: Sandbox) -> None:
    other = sandbox.open_account()
    with sandbox.fault("clock_skew", seconds=3600, account=other) as fault:
        with Client(sandbox.url, other) as theirs:
            stream = theirs.stream("account.orderUpdate")
            with pytest.raises(StreamError):
                stream.__enter__()
        with Client(sandbox.url, sandbox.key) as ours, ours.stream("account.orderUpdate"):
            pass
    assert fault.hits == 1


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("ws_cut", {}, "ws_cut takes no account"),
        ("stale_cache", {}, "what it touches is never signed"),
        ("slow", {"operations": ["get_depth", "ping"]}, "what it touches is never signed"),
    ],
)
def test_what_has_no_account(name: str, options: dict[str, Any], said: str) -> None:
    with Sandbox() as sandbox, pytest.raises(ValueError, match=said):
        sandbox.fault(name, account=sandbox.key, **options)


def test_an_account_that_is_not_there(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="has no account here"):
        sandbox.fault("slow", account=Key.generate())


# --- probability ----------------------------------------------------------------------------------


def hits(seed: str, probability: Any, count: int, name: str = "rate_limit") -> list[bool]:
    with (
        Sandbox(seed=seed) as sandbox,
        Plain(sandbox.url) as plain,
        sandbox.fault(name, probability=probability),
    ):
        return [plain.get(PING).status_code == 429 for _ in range(count)]


def test_some_requests_are_hit_and_the_seed_says_which() -> None:
    first = hits("a", "0.25", 40)
    assert hits("a", "0.25", 40) == first != hits("b", "0.25", 40)
    # The rule: the n-th number of 256 bits is below a quarter of 2**256.
    drawn = [int.from_bytes(sha256(f"a/f1/{n}".encode()).digest(), "big") for n in range(1, 41)]
    assert first == [one < 2**254 for one in drawn]
    assert 3 <= sum(first) <= 20


@pytest.mark.parametrize("never", ["0", 0, "0.000"])
def test_never(never: Any) -> None:
    assert not any(hits("a", never, 20))


@pytest.mark.parametrize("always", ["1", 1, 1.0, Decimal("1.00")])
def test_always(always: Any) -> None:
    assert all(hits("a", always, 5))


def test_a_decimal_is_exact() -> None:
    for given in ("0.1", 0.1, Decimal("0.1")):
        assert Fault("slow", (), probability=given).probability == Decimal("0.1")


@pytest.mark.parametrize(
    "wrong", ["1.1", "-0.1", 2, "often", "", "nan", "inf", True, None, "1e-999999999", "1/2", b"1"]
)
def test_what_is_not_a_probability(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r'is not from 0 to 1.*write text: "0.25"'):
        Fault("slow", (), probability=wrong)


def test_times_counts_hits_and_not_chances(sandbox: Sandbox, plain: Plain) -> None:
    with sandbox.fault("rate_limit", probability="0.5", times=2) as fault:
        answers = [plain.get(PING).status_code for _ in range(40)]
    assert fault.hits == 2 and answers.count(429) == 2


def test_a_request_is_asked_about_once(sandbox: Sandbox, plain: Plain) -> None:
    """A batch asks for each of its orders whether its market takes orders."""
    order = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "quantity": "0.1"}
    batch = [order | {"price": "100"} for _ in range(10)]
    with sandbox.fault("trading_paused", probability="0.5"):
        for _ in range(10):
            answer = plain.call("execute_order_batch", batch).json()
            assert len({row["operation"] for row in answer}) == 1
            plain.call("cancel_open_orders", {"symbol": "SOL_USDC"})


def test_frames_have_chances_too(sandbox: Sandbox) -> None:
    with Listener(sandbox) as listener:
        listener.subscribe("trade.SOL_USDC")
        with sandbox.fault("ws_silent", probability="0.5") as fault:
            for _ in range(40):
                push(sandbox, "trade.SOL_USDC", p="1")
        assert len(listener.rest()) == 40 - fault.hits and 5 < fault.hits < 35
