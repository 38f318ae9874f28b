"""Each fault of the sandbox, as it meets bpkit's client: a read, an order and a cancel.

What is written in the table follows from what a fault is said to do, and from the client's rules: a
read is tried four times where it was lost, or refused with 429, 502, 503 or 504; a write never
again; and where nobody knows what became of a write, it says so.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from bpkit import ApiError, Client, GuardError, TransportError
from bpkit.sandbox import FAULTS, Sandbox

MESSAGE = {
    "cut": "the connection was lost",
    "late": "no answer within 0.4 seconds",
    "broken": "the answer (20",
}


class Met(NamedTuple):
    """What a request comes to. ``result``: "answer", an ApiError by its status and code, or
    "unknown" (TransportError) with its reason. ``arrived``: requests; ``done``: was it carried out?
    """

    result: str
    reason: str = ""
    arrived: int = 1
    done: bool = True


def refused(status: int, code: str = "None", arrived: int = 1) -> Met:
    return Met(f"ApiError {status} {code}", "", arrived, False)


def unknown(reason: str, done: bool, arrived: int = 1) -> Met:
    return Met("unknown", reason, arrived, done)


ANSWER = Met("answer")
BUSY, DOWN = (429, "TOO_MANY_REQUESTS"), (503, "MAINTENANCE")
EXPIRED = refused(400, "INVALID_CLIENT_REQUEST")
# fault: (its options, a read, an order, a cancel)
TABLE: dict[str, tuple[dict[str, Any], Met, Met, Met]] = {
    "clock_skew": ({}, EXPIRED, EXPIRED, EXPIRED),  # 30 seconds; the window is 5
    "rate_limit": ({}, refused(*BUSY, arrived=4), refused(*BUSY), refused(*BUSY)),
    "maintenance": ({}, refused(*DOWN, arrived=4), refused(*DOWN), refused(*DOWN)),
    "bad_gateway": (
        {},
        refused(502, arrived=4),
        unknown("the answer was 502: Bad Gateway", done=False),
        unknown("the answer was 502: Bad Gateway", done=False),
    ),
    "gateway_timeout": (
        {},
        Met("ApiError 504 None", arrived=4),
        unknown("the answer was 504: Gateway Timeout", done=True),
        unknown("the answer was 504: Gateway Timeout", done=True),
    ),
    "slow": (
        {"seconds": 1},
        unknown(MESSAGE["late"], done=True),  # one deadline for the whole call
        unknown(MESSAGE["late"], done=True),
        unknown(MESSAGE["late"], done=True),
    ),
    "lost_request": (
        {},
        unknown(MESSAGE["cut"], done=False, arrived=4),
        unknown(MESSAGE["cut"], done=False),
        unknown(MESSAGE["cut"], done=False),
    ),
    "lost_reply": (
        {},
        unknown(MESSAGE["cut"], done=True, arrived=4),
        unknown(MESSAGE["cut"], done=True),
        unknown(MESSAGE["cut"], done=True),
    ),
    "truncated": (  # an answer came, so a read is not tried again
        {},
        unknown(MESSAGE["broken"], done=True),
        unknown(MESSAGE["broken"], done=True),
        unknown(MESSAGE["broken"], done=True),
    ),
    # 202 without a body is documented for cancels: accepted. Of an order it says nothing.
    "no_body": ({}, ANSWER, unknown(MESSAGE["broken"], done=True), ANSWER),
    "trading_paused": ({}, ANSWER, refused(400, "TRADING_PAUSED"), ANSWER),
    "cancel_only": ({}, ANSWER, refused(400, "INVALID_MARKET"), ANSWER),
    "stale_cache": ({}, ANSWER, ANSWER, ANSWER),  # it touches public reads alone
}
KINDS = ("read", "order", "cancel")
SENT: dict[str, Callable[[Client], Any]] = {
    "read": lambda bp: bp.get_open_orders("SOL_USDC"),
    "order": lambda bp: bp.execute_order(
        "SOL_USDC", "Bid", "Limit", price="150", quantity="1", client_id=2
    ),
    "cancel": lambda bp: bp.cancel_order("SOL_USDC", client_id=1),
}
NAMES = {"read": "get_open_orders", "order": "execute_order", "cancel": "cancel_order"}
# The client ids of what rests afterwards; the order with 1 rested before.
RESTING = {
    ("order", True): [1, 2], ("order", False): [1],
    ("cancel", True): [], ("cancel", False): [1],
    ("read", True): [1], ("read", False): [1],
}  # fmt: skip


pytestmark = pytest.mark.usefixtures("waits")


@pytest.fixture
def calm(sandbox: Sandbox) -> Iterator[Client]:
    """The first order rests."""
    with Client(sandbox.url, sandbox.key) as bp:
        bp.execute_order("SOL_USDC", "Bid", "Limit", price="150", quantity="1", client_id=1)
        yield bp


def caller(sandbox: Sandbox, name: str) -> Client:
    """Whoever waits for a slow answer does not wait for long."""
    return Client(sandbox.url, sandbox.key, timeout=(3, 0.4 if name == "slow" else 10))


def result(bp: Client, kind: str) -> tuple[str, str]:
    """As in the table."""
    try:
        answer = SENT[kind](bp)
    except ApiError as error:
        assert error.operation == NAMES[kind]
        return f"ApiError {error.status} {error.code}", ""
    except TransportError as error:
        assert error.sent and error.operation == NAMES[kind]
        assert error.mutates == (kind != "read")
        assert ("UNKNOWN" in error.outcome) == error.mutates
        assert ("safe to call again" in error.outcome) != error.mutates
        return "unknown", error.reason
    assert answer.status == 200 or not answer  # 202: nothing is there, and nothing made up
    return "answer", ""


def test_every_fault_is_in_the_table() -> None:
    assert list(TABLE) == [name for name in FAULTS if not name.startswith("ws_")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", TABLE)
def test_a_fault_and_the_client(
    sandbox: Sandbox, calm: Client, waits: list[float], name: str, kind: str
) -> None:
    options, *row = TABLE[name]
    expected = row[KINDS.index(kind)]
    before = len(sandbox.log)
    with sandbox.fault(name, **options), caller(sandbox, name) as bp:
        said, reason = result(bp, kind)
    arrived = [one for one in sandbox.log[before:] if one["operation"] == NAMES[kind]]
    assert said == expected.result
    assert reason.startswith(expected.reason) and bool(reason) == bool(expected.reason)
    assert len(arrived) == expected.arrived
    assert waits == [0.25, 0.5, 1.0][: expected.arrived - 1]
    # Carried out or not: what the log says, and what there is.
    done = [one["verdict"].split(",")[0] in ("answered", "carried out") for one in arrived]
    assert done == [expected.done] * expected.arrived
    resting = [row["clientId"] for row in calm.get_open_orders("SOL_USDC")]
    assert resting == RESTING[kind, expected.done]


UNKNOWN = [
    (name, kind, row[kind == "cancel"].done)
    for name, (_, _, *row) in TABLE.items()
    for kind in ("order", "cancel")
    if row[kind == "cancel"].result == "unknown"
]


@pytest.mark.parametrize(("name", "kind", "done"), UNKNOWN)
def test_an_unknown_outcome_can_be_found_out(
    sandbox: Sandbox, calm: Client, name: str, kind: str, done: bool
) -> None:
    with (
        sandbox.fault(name, **TABLE[name][0]),
        caller(sandbox, name) as bp,
        pytest.raises(TransportError) as caught,
    ):
        SENT[kind](bp)
    found = calm.reconcile(caught.value, wait=False)
    there, gone = ("rested", "unclear") if kind == "order" else ("cancelled", "rested")
    assert not isinstance(found, list) and found.state == (there if done else gone)


@pytest.mark.parametrize("times", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "name", [name for name in TABLE if TABLE[name][1].arrived == 4 and name != "slow"]
)
def test_a_read_is_repeated_up_to_three_times(
    sandbox: Sandbox, calm: Client, name: str, times: int
) -> None:
    with sandbox.fault(name, times=times):
        if times < 4:
            assert [row["clientId"] for row in calm.get_open_orders("SOL_USDC")] == [1]
        else:
            with pytest.raises((ApiError, TransportError)):
                calm.get_open_orders("SOL_USDC")


def test_maintenance_shows_in_the_status(sandbox: Sandbox, calm: Client) -> None:
    with sandbox.fault("maintenance"):
        assert calm.get_status()["status"] == "Maintenance"
        assert calm.ping() == "pong"
        assert calm.get_time() > 0


def test_cancel_only_shows_in_the_markets(sandbox: Sandbox, calm: Client) -> None:
    with sandbox.fault("cancel_only", symbols=["SOL_USDC"]):
        assert calm.get_market("SOL_USDC")["orderBookState"] == "CancelOnly"
        assert calm.get_market("BTC_USDC")["orderBookState"] == "Open"


def test_a_stale_cache_does_not_show_the_order(sandbox: Sandbox, calm: Client) -> None:
    with sandbox.fault("stale_cache"):
        before = calm.get_depth("SOL_USDC")
        SENT["order"](calm)
        again = calm.get_depth("SOL_USDC")
    assert again == before and again.headers["X-Cache"] == "Hit from cloudfront"
    level = dict(before["bids"]).get("150", "0")
    assert dict(calm.get_depth("SOL_USDC")["bids"])["150"] == f"{int(level) + 1}"


def test_a_batch_is_refused_row_by_row(sandbox: Sandbox, calm: Client) -> None:
    order = {"side": "Bid", "orderType": "Limit", "price": "150", "quantity": "1"}
    orders = [{"symbol": "SOL_USDC", **order}, {"symbol": "ETH_USDC", **order, "price": "4000"}]
    with sandbox.fault("cancel_only", symbols=["SOL_USDC"]):
        rows = calm.execute_order_batch(orders)
    assert [row["operation"] for row in rows] == ["Err", "Ok"]
    assert rows[0]["code"] == "INVALID_MARKET"


# --- the clock ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "way"), [(61, "behind"), (590, "behind")])
@pytest.mark.parametrize("kind", KINDS)
def test_a_clock_that_is_off_is_named_and_corrected(
    sandbox: Sandbox, calm: Client, kind: str, seconds: int, way: str
) -> None:
    with sandbox.fault("clock_skew", seconds=seconds):
        with pytest.raises(ApiError) as caught:
            SENT[kind](calm)
        finding: Any = caught.value.finding
        assert finding.cause == "clock"
        said = re.search(r"clock is (\d+) s (behind|ahead of) the exchange's", finding.remedy)
        assert said and said.groups() == (str(abs(seconds)), way)
        assert "measure_clock(apply=True)" in finding.remedy
        assert str(finding) in str(caught.value)
        assert [one["clientId"] for one in resting(sandbox)] == [1]
        found = calm.measure_clock(apply=True)
        assert found.applied and abs(found.offset - timedelta(seconds=seconds)) < timedelta(
            seconds=1
        )
        assert SENT[kind](calm).status == 200
    assert sandbox.log[-1]["verdict"] == "answered"


@pytest.mark.parametrize(("seconds", "way"), [(-605, "ahead of"), (605, "behind")])
def test_a_clock_that_is_too_far_off_is_named_and_not_corrected(
    sandbox: Sandbox, calm: Client, seconds: int, way: str
) -> None:
    with sandbox.fault("clock_skew", seconds=seconds):
        with pytest.raises(ApiError) as caught:
            calm.get_balances()
        finding: Any = caught.value.finding
        assert f"clock is {abs(seconds)} s {way} the exchange's" in finding.remedy
        assert "measure_clock" not in finding.remedy
        with pytest.raises(GuardError, match="at most, so"):
            calm.measure_clock(apply=True)


def test_within_the_window_a_clock_may_be_off(sandbox: Sandbox, calm: Client) -> None:
    with sandbox.fault("clock_skew", seconds=2):
        assert SENT["order"](calm)["status"] == "New"


def test_a_larger_window_allows_more(sandbox: Sandbox) -> None:
    with (
        Client(sandbox.url, sandbox.key, window=60_000) as patient,
        sandbox.fault("clock_skew", seconds=30),
    ):
        assert SENT["order"](patient)["status"] == "New"


def test_other_refusals_have_no_finding(sandbox: Sandbox, calm: Client) -> None:
    with sandbox.fault("trading_paused"), pytest.raises(ApiError) as caught:
        SENT["order"](calm)
    assert caught.value.finding is None


def test_an_unsigned_read_needs_no_clock(sandbox: Sandbox, calm: Client) -> None:
    with sandbox.fault("clock_skew", seconds=3_600):
        assert calm.get_depth("SOL_USDC")["bids"]
        assert abs(calm.get_time() / 1000 - time.time() - 3_600) < 5


def resting(sandbox: Sandbox) -> list[dict[str, Any]]:
    """Read past the API: its clock is off."""
    exchange = sandbox._service.exchange
    account = exchange.account(sandbox.key.public_key)
    assert account is not None
    return exchange.open_orders(account)
