"""Faults by name: what a plain HTTP client sees, and what really happened on the exchange.

And the findings: who is refused for a signature is told why, beside the answer and never in it.
"""

from __future__ import annotations

import gc
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest
import requests
from helpers import Plain

from bpkit.operations import OPERATIONS
from bpkit.sandbox import FAULTS, Conflicts, Sandbox, inputs
from bpkit.sandbox.core.exchange import Exchange
from bpkit.sandbox.server.faults import Fault
from bpkit.sandbox.server.service import Service

NAMES = (
    *("clock_skew", "rate_limit", "maintenance", "bad_gateway", "gateway_timeout", "slow"),
    *("lost_request", "lost_reply", "truncated", "no_body", "trading_paused", "cancel_only"),
    "stale_cache",
    *("ws_cut", "ws_close", "ws_silent", "ws_dead", "ws_drop", "ws_duplicate", "ws_reorder"),
    *("ws_refused", "ws_stale_snapshot"),
)
GUIDE = {
    "symbol": "SOL_USDC",
    "side": "Bid",
    "orderType": "Limit",
    "price": "170.50",
    "quantity": "1.0",
}
NOW = 1_788_264_000_000  # 2026-09-01T12:00:00Z
DEPTH = "/api/v1/depth?symbol=SOL_USDC"
FINDING = "X-Sandbox-Finding"


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Nothing is printed, and nothing logged, by whomever."""
    with caplog.at_level(logging.INFO):
        yield
        gc.collect()  # what was forgotten half-way says so now
    assert [record.getMessage() for record in caplog.records] == []
    assert capfd.readouterr() == ("", "")


def code(response: requests.Response, status: int) -> str:
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    assert set(response.json()) == {"code", "message"}
    return response.json()["code"]


def locked(plain: Plain) -> str:
    """USDC that orders hold: 170.5 for the order of the guide."""
    answer = plain.call("get_balances")
    assert answer.status_code == 200, answer.text
    return answer.json()["USDC"]["locked"]


def told(entry: Mapping[str, Any]) -> tuple[int, str, str | None]:
    return entry["status"], entry["verdict"], entry["fault"]


def until(condition: Any) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# --- each of them ---------------------------------------------------------------------------------


def test_the_names_of_the_faults() -> None:
    assert tuple(FAULTS) == NAMES
    assert all(one.sentence and one.evidence for one in FAULTS.values())


@pytest.mark.parametrize("seconds", [61, -61, 0.25])
def test_the_clock_of_the_exchange(sandbox: Sandbox, plain: Plain, seconds: float) -> None:
    with sandbox.fault("clock_skew", seconds=seconds) as fault:
        before = time.time_ns() // 1_000_000
        shown = int(plain.get("/api/v1/time").text)
        assert 0 <= shown - seconds * 1000 - before <= time.time_ns() // 1_000_000 - before
    assert fault.hits == 1
    now = int(plain.get("/api/v1/time").text)
    assert abs(now - time.time_ns() // 1_000_000) < 5_000


@pytest.mark.parametrize(
    ("seconds", "message"),
    [  # the window of these requests is 60 seconds; ten minutes either way have a text of their own
        (50, None),
        (61, "Request has expired"),
        (-500, None),
        (-601, "Invalid timestamp: must be within 10 minutes of current time"),
        (601, "Invalid timestamp: must be within 10 minutes of current time"),
    ],
)
def test_a_signature_under_another_clock(
    sandbox: Sandbox, plain: Plain, seconds: float, message: str | None
) -> None:
    with sandbox.fault("clock_skew", seconds=seconds) as fault:
        answer = plain.call("get_balances")
        plain.get(DEPTH)
    assert fault.hits == 1  # the depth has no use for a clock
    assert sandbox.log[0]["fault"] == "clock_skew" and sandbox.log[1]["fault"] is None
    if message is None:
        assert answer.status_code == 200
    else:
        assert code(answer, 400) == "INVALID_CLIENT_REQUEST"
        assert answer.json()["message"] == message
    assert plain.call("get_balances").status_code == 200


def test_without_seconds_the_clock_is_half_a_minute_ahead(sandbox: Sandbox, plain: Plain) -> None:
    with sandbox.fault("clock_skew"):
        ahead = int(plain.get("/api/v1/time").text) - time.time_ns() // 1_000_000
    assert 25_000 < ahead <= 30_000


def test_too_many_requests(sandbox: Sandbox, plain: Plain) -> None:
    with sandbox.fault("rate_limit"):
        answer = plain.call("execute_order", GUIDE)
        assert code(answer, 429) == "TOO_MANY_REQUESTS"
        assert "Retry-After" not in answer.headers
        assert code(plain.get("/nope"), 429) == "TOO_MANY_REQUESTS"
    assert told(sandbox.log[0]) == (429, "nothing was done, 429 TOO_MANY_REQUESTS", "rate_limit")
    assert sandbox.log[0]["operation"] == "execute_order"
    assert locked(plain) == "0"


def test_maintenance(sandbox: Sandbox, plain: Plain) -> None:
    with sandbox.fault("maintenance") as fault:
        assert code(plain.call("execute_order", GUIDE), 503) == "MAINTENANCE"
        assert code(plain.get(DEPTH), 503) == "MAINTENANCE"
        assert plain.get("/api/v1/ping").text == "pong"
        assert plain.get("/api/v1/time").text.isdigit()
        status = plain.get("/api/v1/status")
        assert (status.status_code, status.text) == (
            200,
            '{"message":null,"status":"Maintenance"}',
        )
    assert fault.hits == 3  # not the ping and the time
    assert told(sandbox.log[0]) == (503, "nothing was done, maintenance", "maintenance")
    assert plain.get("/api/v1/status").text == '{"message":null,"status":"Ok"}'
    assert locked(plain) == "0"


@pytest.mark.parametrize(
    ("name", "status", "done", "hold"),
    [
        ("bad_gateway", 502, "nothing was done", "0"),
        ("gateway_timeout", 504, "carried out", "170.5"),
    ],
)
def test_the_edge_answers_with_html(
    sandbox: Sandbox, plain: Plain, name: str, status: int, done: str, hold: str
) -> None:
    with sandbox.fault(name):
        answer = plain.call("execute_order", GUIDE)
        assert answer.status_code == status
        assert answer.headers["Content-Type"] == "text/html"
        assert answer.text.startswith("<!DOCTYPE html>") and str(status) in answer.text
        with pytest.raises(ValueError):
            answer.json()
    assert told(sandbox.log[0]) == (status, f"{done}, {status} from the edge", name)
    assert locked(plain) == hold


@pytest.mark.parametrize(
    ("name", "verdict", "hold"),
    [
        ("lost_request", "nothing was done, request lost", "0"),
        ("lost_reply", "carried out, reply lost", "170.5"),
    ],
)
@pytest.mark.usefixtures("quiet")
def test_the_connection_is_cut(
    sandbox: Sandbox, plain: Plain, name: str, verdict: str, hold: str
) -> None:
    with sandbox.fault(name):
        with pytest.raises(requests.ConnectionError):
            plain.call("execute_order", GUIDE)
        host, port = sandbox.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as line:
            line.sendall(b"GET /api/v1/ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert line.recv(100) == b""  # hung up, without a byte
    assert told(sandbox.log[0]) == (0, verdict, name)
    assert sandbox.log[0]["signedBy"] == (plain.public_key if hold != "0" else None)
    assert locked(plain) == hold


def test_what_was_refused_and_then_lost(sandbox: Sandbox, plain: Plain) -> None:
    with sandbox.fault("lost_reply"), pytest.raises(requests.ConnectionError):
        plain.call("execute_order", GUIDE | {"quantity": "1000"})  # 170,500 of 10,000 USDC
    assert told(sandbox.log[0]) == (
        0,
        "refused (INSUFFICIENT_FUNDS: Insufficient funds), reply lost",
        "lost_reply",
    )
    assert locked(plain) == "0"


def test_the_answer_breaks_off(sandbox: Sandbox, plain: Plain) -> None:
    whole = plain.get(DEPTH).content
    with sandbox.fault("truncated") as fault:
        half = plain.get(DEPTH)
        assert half.status_code == 200
        assert half.headers["Content-Length"] == str(len(half.content))
        assert half.content == whole[: len(whole) // 2] and len(whole) > 2
        order = plain.call("execute_order", GUIDE)
        with pytest.raises(ValueError):
            order.json()
        assert plain.get("/api/v1/ping").text == "pong"  # no JSON
    assert fault.hits == 2
    assert told(sandbox.log[2]) == (200, "carried out, reply broken off", "truncated")
    assert locked(plain) == "170.5"


def test_no_body(sandbox: Sandbox, plain: Plain) -> None:
    name = {"symbol": "SOL_USDC", "orderId": plain.call("execute_order", GUIDE).json()["id"]}
    assert locked(plain) == "170.5"
    with sandbox.fault("no_body") as fault:
        answer = plain.call("cancel_order", name)
        assert (answer.status_code, answer.content) == (202, b"")
        assert "Content-Type" not in answer.headers
        assert locked(plain) == "0"  # a read is answered as ever
        assert code(plain.call("cancel_order", name), 400) == "INVALID_CLIENT_REQUEST"
    assert fault.hits == 1
    assert told(sandbox.log[2]) == (202, "carried out, 202 without a body", "no_body")
    assert sandbox.log[-1]["verdict"] == "INVALID_CLIENT_REQUEST: Order not found"


def test_trading_is_paused(sandbox: Sandbox, plain: Plain) -> None:
    name = {"symbol": "SOL_USDC", "orderId": plain.call("execute_order", GUIDE).json()["id"]}
    with sandbox.fault("trading_paused") as fault:
        assert code(plain.call("execute_order", GUIDE), 400) == "TRADING_PAUSED"
        batch = plain.call("execute_order_batch", [GUIDE, GUIDE])
        assert batch.status_code == 200
        assert [row["operation"] for row in batch.json()] == ["Err", "Err"]
        assert {row["code"] for row in batch.json()} == {"TRADING_PAUSED"}
        assert code(plain.call("execute_order", GUIDE, sign={}), 400) == "INVALID_CLIENT_REQUEST"
        assert code(plain.call("execute_order_batch", []), 400) == "INVALID_CLIENT_REQUEST"
        assert locked(plain) == "170.5"
        assert plain.call("cancel_order", name).status_code == 200
    assert fault.hits == 2  # a batch is one request
    paused = sandbox.log[1]
    assert told(paused) == (400, "TRADING_PAUSED: Trading is paused", "trading_paused")
    assert paused["signedBy"] == plain.public_key
    assert locked(plain) == "0"
    assert plain.call("execute_order", GUIDE).status_code == 200


def states(plain: Plain) -> dict[str, str]:
    return {row["symbol"]: row["orderBookState"] for row in plain.get("/api/v1/markets").json()}


def test_markets_that_only_cancel(sandbox: Sandbox, plain: Plain) -> None:
    name = {"symbol": "SOL_USDC", "orderId": plain.call("execute_order", GUIDE).json()["id"]}
    before = states(plain)
    with sandbox.fault("cancel_only"):
        assert code(plain.call("execute_order", GUIDE), 400) == "INVALID_MARKET"
        shut = states(plain)
        one = plain.get("/api/v1/market?symbol=SOL_USDC").json()
        assert one["orderBookState"] == "CancelOnly"
        assert plain.call("cancel_order", name).status_code == 200
    assert shut["HNT_USDC"] == "Closed"  # it was closed, and stays so
    assert {state for symbol, state in shut.items() if symbol != "HNT_USDC"} == {"CancelOnly"}
    assert states(plain) == before  # the markets themselves were left alone
    assert plain.call("execute_order", GUIDE).status_code == 200


def test_one_market_that_only_cancels(sandbox: Sandbox, plain: Plain) -> None:
    price = plain.get("/api/v1/depth?symbol=BTC_USDC").json()["bids"][0][0]
    bitcoin = GUIDE | {"symbol": "BTC_USDC", "price": price, "quantity": "0.001"}
    with sandbox.fault("cancel_only", symbols=["SOL_USDC"]) as fault:
        shut = {symbol for symbol, state in states(plain).items() if state == "CancelOnly"}
        assert shut == {"SOL_USDC"}
        assert plain.call("execute_order", bitcoin).status_code == 200
        rows = plain.call("execute_order_batch", [bitcoin, GUIDE, bitcoin]).json()
    assert [row["operation"] for row in rows] == ["Ok", "Err", "Ok"]
    assert rows[1]["code"] == "INVALID_MARKET"
    assert fault.hits == 2  # the list of markets, and the batch
    orders = plain.call("get_open_orders").json()
    assert [row["symbol"] for row in orders] == ["BTC_USDC"] * 3


def test_a_stale_answer_from_a_cache(sandbox: Sandbox, plain: Plain) -> None:
    outside = plain.get(DEPTH).text
    with sandbox.fault("stale_cache") as fault:
        first = plain.get(DEPTH)
        assert first.text == outside and "Age" not in first.headers
        sandbox.advance(minutes=5)
        again = plain.get(DEPTH)
        assert (again.status_code, again.text) == (200, first.text)
        assert again.headers["X-Cache"] == "Hit from cloudfront"
        assert 0 <= int(again.headers["Age"]) < 60
        other = plain.get(DEPTH + "&limit=5").json()  # another question, asked for the first time
        assert other["timestamp"] == first.json()["timestamp"] + 300_000_000
        plain.call("execute_order", GUIDE)
        assert locked(plain) == "170.5"  # what is signed is never kept
    assert fault.hits == 1
    assert told(sandbox.log[2])[1:] == ("nothing was done, answered from a cache", "stale_cache")
    assert plain.get(DEPTH).text != outside


def test_an_answer_without_a_body_is_cached_too(sandbox: Sandbox, plain: Plain) -> None:
    with sandbox.fault("stale_cache") as fault:
        answers = [plain.get("/api/v1/ticker?symbol=HNT_USDC") for _ in range(2)]
    assert [one.status_code for one in answers] == [204, 204] and fault.hits == 1


def test_the_age_of_a_cached_answer_is_in_whole_seconds() -> None:
    """The third request arrives 2.999 s after the first. Then the clock is set back by a minute."""
    times = iter([NOW, NOW + 1_000, NOW + 2_999, NOW - 60_000])
    service = Service(Exchange([], lambda symbol: pytest.fail(symbol), 0), lambda: next(times))
    with service.under(Fault("stale_cache", ())):
        answers = [service.answer("GET", "/api/v1/ping", "", {}, b"") for _ in range(4)]
    assert [one.headers.get("Age") for one in answers] == [None, "1", "2", "0"]


def test_an_answer_may_be_0_seconds_late(sandbox: Sandbox, plain: Plain) -> None:
    with sandbox.fault("slow", seconds=0) as fault:
        assert plain.get("/api/v1/ping").text == "pong"
    assert fault.hits == 1
    assert sandbox.log[0]["verdict"] == "carried out, reply 0 s late"


def test_two_delays_add_up(sandbox: Sandbox, plain: Plain) -> None:
    with sandbox.fault("slow", seconds=0.3), sandbox.fault("slow", seconds=0.2):
        before = time.monotonic()
        plain.get("/api/v1/ping")
    assert time.monotonic() - before >= 0.5


def test_each_block_has_its_own_cache(sandbox: Sandbox, plain: Plain) -> None:
    seen = []
    for _ in range(2):
        with sandbox.fault("stale_cache"):
            plain.get(DEPTH)
            seen.append(plain.get(DEPTH).json()["timestamp"])
        sandbox.advance(seconds=1)
    assert seen[1] - seen[0] == 1_000_000


def test_a_refusal_is_not_kept(sandbox: Sandbox, plain: Plain) -> None:
    with sandbox.fault("stale_cache") as fault:
        for _ in range(2):
            assert plain.get("/api/v1/depth?symbol=NOPE").status_code == 400
    assert fault.hits == 0


# --- slow -----------------------------------------------------------------------------------------


class Asking(threading.Thread):
    """One request in a thread of its own: its answer, or its error, and how long it took."""

    def __init__(self, plain: Plain, name: str, fields: Any = None) -> None:
        super().__init__()
        self._asked = (plain, name, fields)
        self.answer: requests.Response | None = None
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        plain, name, fields = self._asked
        since = time.monotonic()
        try:
            self.answer = plain.call(name, fields)
        except requests.RequestException as error:
            self.error = error
        self.took = time.monotonic() - since


def test_a_late_answer_delays_no_other_request(sandbox: Sandbox, plain: Plain) -> None:
    fault = sandbox.fault("slow", seconds=1.5, operations=["execute_order"])
    with fault as slow, Plain(sandbox.url) as other:
        asking = Asking(plain, "execute_order", GUIDE)
        until(lambda: slow.hits)
        assert locked(other) == "170.5"  # carried out already
        sandbox.advance(seconds=1)
        assert asking.is_alive()
        asking.join()
    assert asking.took >= 1.5
    assert asking.answer is not None and asking.answer.json()["status"] == "New"
    assert told(sandbox.log[0]) == (200, "carried out, reply 1.5 s late", "slow")


@pytest.mark.usefixtures("quiet")
def test_the_end_does_not_wait_for_a_late_answer(plain: Plain) -> None:
    with Sandbox() as short, Plain(short.url) as caller, short.fault("slow", seconds=60) as fault:
        asking = Asking(caller, "ping")
        until(lambda: fault.hits)
        since = time.monotonic()
        short.stop()
        asking.join(10)
        assert not asking.is_alive() and time.monotonic() - since < 5


@pytest.mark.usefixtures("quiet")
def test_a_client_that_does_not_wait(sandbox: Sandbox, plain: Plain) -> None:
    with sandbox.fault("slow", seconds=0.4):
        with pytest.raises(requests.ReadTimeout):
            requests.get(sandbox.url + "/api/v1/ping", timeout=0.1)
        assert plain.get("/api/v1/ping").text == "pong"  # by then the other was due


@pytest.mark.parametrize("names", [("lost_reply", "slow"), ("slow", "lost_reply")])
def test_a_late_answer_may_be_lost_too(
    sandbox: Sandbox, plain: Plain, names: tuple[str, str]
) -> None:
    outer, inner = names
    with sandbox.fault(outer) as first, sandbox.fault(inner, times=1) as second:
        asking = Asking(plain, "execute_order", GUIDE)
        asking.join()
    assert isinstance(asking.error, requests.ConnectionError) and asking.took >= 2
    assert (first.hits, second.hits) == (1, 1)
    remarks = {"lost_reply": "reply lost", "slow": "reply 2 s late"}
    verdict = f"carried out, {remarks[outer]}, {remarks[inner]}"
    assert told(sandbox.log[0]) == (0, verdict, f"{outer}, {inner}")


def test_a_late_answer_may_come_from_the_edge(sandbox: Sandbox, plain: Plain) -> None:
    with sandbox.fault("slow", seconds=0.3), sandbox.fault("gateway_timeout"):
        asking = Asking(plain, "execute_order", GUIDE)
        asking.join()
    assert asking.answer is not None and asking.answer.status_code == 504
    assert asking.took >= 0.3


@pytest.mark.parametrize(
    ("names", "verdict"),
    [
        (("lost_reply", "gateway_timeout"), "carried out, reply lost"),
        (("gateway_timeout", "lost_reply"), "carried out, 504 from the edge, reply lost"),
    ],
)
def test_a_connection_that_is_cut_stays_cut(
    sandbox: Sandbox, plain: Plain, names: tuple[str, str], verdict: str
) -> None:
    """The log never shows a status that was not sent: 0 is a cut connection."""
    inner, outer = names
    with sandbox.fault(inner), sandbox.fault(outer), pytest.raises(requests.ConnectionError):
        plain.call("execute_order", GUIDE)
    assert sandbox.log[0]["status"] == 0
    assert sandbox.log[0]["verdict"] == verdict
    assert locked(plain) == "170.5"


def test_a_cached_answer_is_not_late(sandbox: Sandbox, plain: Plain) -> None:
    with sandbox.fault("slow", seconds=0.5) as slow, sandbox.fault("stale_cache"):
        took = []
        for _ in range(2):
            asking = Asking(plain, "ping")
            asking.join()
            took.append(asking.took)
    assert took[1] < 0.5 <= took[0] and slow.hits == 1


# --- which requests, and how many -----------------------------------------------------------------


def test_a_fault_can_be_limited_to_operations(sandbox: Sandbox, plain: Plain) -> None:
    with sandbox.fault("rate_limit", operations=["execute_order", "get_depth"]) as fault:
        assert plain.call("execute_order", GUIDE).status_code == 429
        assert plain.get(DEPTH).status_code == 429
        assert plain.call("get_balances").status_code == 200
        assert plain.get("/nope").status_code == 404
    assert fault.hits == 2
    assert [entry["fault"] for entry in sandbox.log] == ["rate_limit", "rate_limit", None, None]


@pytest.mark.parametrize("times", [1, 2])
def test_a_fault_can_be_limited_to_a_number_of_requests(
    sandbox: Sandbox, plain: Plain, times: int
) -> None:
    with sandbox.fault("bad_gateway", times=times) as fault:
        statuses = [plain.get("/api/v1/ping").status_code for _ in range(3)]
    assert statuses == [502] * times + [200] * (3 - times)
    assert (fault.hits, fault.name) == (times, "bad_gateway")


def test_other_operations_are_not_counted(sandbox: Sandbox, plain: Plain) -> None:
    with sandbox.fault("lost_reply", operations=["execute_order"], times=1) as fault:
        assert plain.get("/api/v1/ping").status_code == 200
        with pytest.raises(requests.ConnectionError):
            plain.call("execute_order", GUIDE)
        assert plain.call("execute_order", GUIDE).status_code == 200
    assert fault.hits == 1
    assert locked(plain) == "341"  # 2 * 170.5


def test_a_batch_counts_once(sandbox: Sandbox, plain: Plain) -> None:
    with sandbox.fault("trading_paused", times=1):
        rows = plain.call("execute_order_batch", [GUIDE, GUIDE]).json()
        assert [row["operation"] for row in rows] == ["Err", "Err"]
        assert plain.call("execute_order", GUIDE).status_code == 200


def test_a_stale_answer_a_number_of_times(sandbox: Sandbox, plain: Plain) -> None:
    with sandbox.fault("stale_cache", times=1):
        moments = []
        for _ in range(3):
            moments.append(plain.get(DEPTH).json()["timestamp"])
            sandbox.advance(seconds=1)
    assert [moment - moments[0] for moment in moments] == [0, 0, 2_000_000]


# --- blocks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_end_of_a_block_ends_the_fault(sandbox: Sandbox, plain: Plain, name: str) -> None:
    with sandbox.fault(name) as fault:
        assert (fault.name, fault.hits) == (name, 0)
    assert plain.call("execute_order", GUIDE).json()["status"] == "New"
    assert told(sandbox.log[0]) == (200, "answered", None)
    assert fault.hits == 0 and name in repr(fault)


def test_an_error_in_the_block_ends_the_fault(sandbox: Sandbox, plain: Plain) -> None:
    with pytest.raises(RuntimeError, match="mine"), sandbox.fault("maintenance"):
        raise RuntimeError("mine")
    assert plain.get(DEPTH).status_code == 200


def test_a_fault_is_off_until_its_block_begins(sandbox: Sandbox, plain: Plain) -> None:
    block = sandbox.fault("maintenance")
    assert plain.get(DEPTH).status_code == 200
    with block:
        assert plain.get(DEPTH).status_code == 503


def test_the_innermost_fault_acts_first(sandbox: Sandbox, plain: Plain) -> None:
    with sandbox.fault("maintenance") as outer, sandbox.fault("rate_limit", times=1) as inner:
        assert plain.get(DEPTH).status_code == 429
        assert (outer.hits, inner.hits) == (0, 1)
        assert plain.get(DEPTH).status_code == 503
        assert (outer.hits, inner.hits) == (1, 1)
    with sandbox.fault("clock_skew", seconds=-700), sandbox.fault("clock_skew", seconds=61):
        assert plain.call("get_balances").json()["message"] == "Request has expired"


def test_several_faults_at_once(sandbox: Sandbox, plain: Plain) -> None:
    with sandbox.fault("rate_limit", operations=["get_depth"]), sandbox.fault("lost_reply"):
        with pytest.raises(requests.ConnectionError):
            plain.get(DEPTH)
        with pytest.raises(requests.ConnectionError):
            plain.call("execute_order", GUIDE)
    verdict = "nothing was done, 429 TOO_MANY_REQUESTS, reply lost"
    assert told(sandbox.log[0]) == (0, verdict, "rate_limit, lost_reply")
    assert told(sandbox.log[1]) == (0, "carried out, reply lost", "lost_reply")
    assert locked(plain) == "170.5"


def test_the_outer_may_end_before_the_inner(sandbox: Sandbox, plain: Plain) -> None:
    outer, inner = ExitStack(), ExitStack()
    outer.enter_context(sandbox.fault("maintenance"))
    inner.enter_context(sandbox.fault("rate_limit"))
    outer.close()
    assert plain.get(DEPTH).status_code == 429
    inner.close()
    assert plain.get(DEPTH).status_code == 200


@pytest.mark.usefixtures("quiet")
def test_many_connections_are_cut_and_nothing_is_left_behind(sandbox: Sandbox) -> None:
    with sandbox.fault("lost_reply", operations=["ping"]) as fault:
        for _ in range(50):
            with pytest.raises(requests.ConnectionError):
                requests.get(sandbox.url + "/api/v1/ping", timeout=5)
    assert fault.hits == 50
    assert requests.get(sandbox.url + "/api/v1/ping", timeout=5).text == "pong"


# --- options that are refused ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        (
            "lost_replay",
            {},
            "'lost_replay' is not a fault. Did you mean 'lost_reply'? There are clock",
        ),
        ("nonsense", {}, "'nonsense' is not a fault. There are clock_skew, rate_limit"),
        ("slow", {"operations": ["execute_orders"]}, "'execute_orders' is not an operation"),
        ("slow", {"operations": "execute_order"}, "operations='execute_order' is not a list"),
        ("slow", {"operations": []}, "operations=[] is not a list"),
        ("trading_paused", {"operations": ["get_depth"]}, "trading_paused never touches get_depth"),
        ("stale_cache", {"operations": ["get_balances"]}, "stale_cache never touches get_balances"),
        ("slow", {"times": 0}, "times=0 is not a count"),
        ("slow", {"times": True}, "times=True is not a count"),
        ("slow", {"times": 1.0}, "times=1.0 is not a count"),
        ("slow", {"seconds": -1}, "seconds=-1 of slow is not a number from 0 to 600"),
        ("slow", {"seconds": 601}, "seconds=601 of slow"),
        ("slow", {"seconds": float("nan")}, "seconds=nan of slow"),
        ("clock_skew", {"seconds": float("inf")}, "seconds=inf of clock_skew"),
        ("clock_skew", {"seconds": "30"}, "seconds='30' of clock_skew"),
        ("clock_skew", {"seconds": True}, "seconds=True of clock_skew"),
        ("lost_reply", {"seconds": 1}, "lost_reply takes no seconds"),
        ("slow", {"symbols": ["SOL_USDC"]}, "slow takes no symbols"),
        ("cancel_only", {"symbols": ["SOL_USD"]}, "'SOL_USD' is not a market here; there are SOL_"),
        ("cancel_only", {"symbols": "SOL_USDC"}, "symbols='SOL_USDC' is not a list"),
    ],
)
def test_a_fault_that_does_not_exist(
    sandbox: Sandbox, name: str, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError) as caught:
        sandbox.fault(name, **options)
    assert words in str(caught.value)


def test_an_unknown_name_is_answered_with_all_names(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError) as caught:
        sandbox.fault("")
    assert all(name in str(caught.value) for name in NAMES)


# --- findings -------------------------------------------------------------------------------------


class Doctor:
    """Says ``text`` of whatever it is asked, and remembers what that was."""

    def __init__(self, text: str = "The clock", cause: str = "clock") -> None:
        self.text, self.cause = text, cause
        self.asked: list[dict[str, Any]] = []

    def __call__(self, **request: Any) -> Doctor:
        self.asked.append(request)
        return self

    def __str__(self) -> str:
        return self.text


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch) -> Doctor:
    one = Doctor()
    monkeypatch.setattr(inputs, "diagnose", one)
    return one


def wrongly_signed(plain: Plain) -> requests.Response:
    return plain.call("get_fills", {"symbol": "SOL_USDC"}, sign={"symbol": "BTC_USDC"})


REFUSED = '{"code":"INVALID_CLIENT_REQUEST","message":"Invalid signature"}'


def test_a_finding_is_sent_in_a_header(sandbox: Sandbox, plain: Plain, doctor: Doctor) -> None:
    doctor.text = "Signed BTC_USDC.\nSent SOL_USDC: \u00e9 \u20ac\n"
    answer = wrongly_signed(plain)
    assert (answer.status_code, answer.text) == (400, REFUSED)
    assert answer.headers[FINDING] == r"Signed BTC_USDC. | Sent SOL_USDC: \xe9 \u20ac |"
    assert sandbox.log[0]["finding"] == doctor.text
    assert sandbox.log[0]["verdict"] == "INVALID_CLIENT_REQUEST: Invalid signature"


def test_what_the_doctor_is_asked(sandbox: Sandbox, plain: Plain, doctor: Doctor) -> None:
    before = time.time_ns() // 1_000_000
    wrongly_signed(plain)
    with sandbox.fault("clock_skew", seconds=61):
        plain.call("execute_order", GUIDE)
    read, order = doctor.asked
    assert (read["method"], read["url"]) == ("GET", "/wapi/v1/history/fills?symbol=SOL_USDC")
    assert read["headers"]["x-api-key"] == plain.public_key
    assert before <= read["now"] < before + 10_000
    assert (order["method"], order["url"]) == ("POST", "/api/v1/order")
    assert json.loads(order["body"]) == GUIDE
    assert before + 61_000 <= order["now"] < before + 71_000  # by the exchange's clock


def test_what_was_signed_before_is_known(plain: Plain, doctor: Doctor) -> None:
    """A client that signs once, and sends that with whatever it asks."""
    headers = plain.headers(OPERATIONS["get_fills"], {"symbol": "SOL_USDC"})
    url = plain.url + "/wapi/v1/history/fills?symbol="
    statuses = [
        plain.session.get(url + symbol, headers=headers, timeout=5).status_code
        for symbol in ("BTC_USDC", "SOL_USDC", "BTC_USDC")
    ]
    assert statuses == [400, 200, 400]
    assert [asked["earlier"] for asked in doctor.asked] == [[], [headers["X-Signature"]]]


def test_the_finding_of_bpkits_doctor(sandbox: Sandbox, plain: Plain) -> None:
    """What a beginner's client gets to hear that signs another symbol than it sends."""
    answer = wrongly_signed(plain)
    assert answer.text == REFUSED
    finding = sandbox.log[0]["finding"]
    assert finding and answer.headers[FINDING].isascii()
    assert answer.headers[FINDING][:30] == finding.replace("\n", " | ")[:30]
    assert plain.call("get_balances").status_code == 200
    assert sandbox.log[1]["finding"] is None


def test_other_refusals_have_no_finding(sandbox: Sandbox, plain: Plain, doctor: Doctor) -> None:
    assert plain.call("execute_order", GUIDE).status_code == 200
    assert code(plain.call("execute_order", GUIDE | {"quantity": "1000"}), 400)
    assert plain.get("/nope").status_code == 404
    assert plain.call("execute_order", GUIDE | {"side": "Buy"}).status_code == 400
    with sandbox.fault("rate_limit"):
        wrongly_signed(plain)
    assert doctor.asked == []
    assert {entry["finding"] for entry in sandbox.log} == {None}


def test_an_unknown_key_and_a_missing_one_have_a_finding(
    sandbox: Sandbox, plain: Plain, doctor: Doctor
) -> None:
    with Plain(sandbox.url, "A" * 43 + "=") as stranger:
        answer = stranger.call("get_balances")
    assert (answer.status_code, answer.headers[FINDING]) == (401, "The clock")
    bare = plain.get("/api/v1/capital")
    assert (bare.status_code, bare.headers[FINDING]) == (400, "The clock")
    assert len(doctor.asked) == 2


@pytest.mark.parametrize("cause", ["none", "clock"])
def test_no_finding_no_header(sandbox: Sandbox, plain: Plain, doctor: Doctor, cause: str) -> None:
    doctor.cause = cause
    assert (FINDING in wrongly_signed(plain).headers) == (cause == "clock")
    assert sandbox.log[0]["finding"] == (None if cause == "none" else "The clock")


def test_a_long_finding(sandbox: Sandbox, plain: Plain, doctor: Doctor) -> None:
    doctor.text = "\u00e9" * 5_000
    header = wrongly_signed(plain).headers[FINDING]
    assert len(header) == 1000 and header.startswith(r"\xe9\xe9") and header.endswith("...")
    assert sandbox.log[0]["finding"] == doctor.text


@pytest.mark.parametrize(("length", "sent"), [(1000, "x" * 1000), (1001, "x" * 997 + "...")])
def test_a_finding_is_cut_from_1001_characters_on(
    plain: Plain, doctor: Doctor, length: int, sent: str
) -> None:
    doctor.text = "x" * length
    assert wrongly_signed(plain).headers[FINDING] == sent


def test_a_finding_cannot_add_headers(sandbox: Sandbox, plain: Plain, doctor: Doctor) -> None:
    doctor.text = "a\r\nSet-Cookie: b=c\x00\x1b[0m\tend"
    answer = wrongly_signed(plain)
    assert "Set-Cookie" not in answer.headers
    assert answer.headers[FINDING] == "a  | Set-Cookie: b=c  [0m end"
    assert answer.text == REFUSED


def test_a_doctor_that_fails(
    sandbox: Sandbox,
    plain: Plain,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(**request: Any) -> None:
        raise ZeroDivisionError("mine")

    monkeypatch.setattr(inputs, "diagnose", fail)
    answer = wrongly_signed(plain)
    assert (answer.status_code, answer.text) == (400, REFUSED)
    assert FINDING not in answer.headers and sandbox.log[0]["finding"] is None
    said = [
        one.getMessage() for one in caplog.records if one.name == "bpkit.sandbox.server.service"
    ]
    assert said == ["no finding at GET /wapi/v1/history/fills"]


def test_a_finding_delays_no_other_request(
    sandbox: Sandbox, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one is at it, the sandbox can be used: its log, its accounts, its time."""
    used: list[bool] = []

    def look(**request: Any) -> Doctor:
        other = threading.Thread(target=lambda: sandbox.advance(seconds=1))
        other.start()
        other.join(5)
        used.append(not other.is_alive())
        return Doctor()

    monkeypatch.setattr(inputs, "diagnose", look)
    wrongly_signed(plain)
    assert used == [True]


class Slow(Doctor):
    """Is at it until ``done`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.done = threading.Event()

    def __call__(self, **request: Any) -> Doctor:
        super().__call__(**request)
        self.done.wait(10)
        return self


def test_a_slow_finding_delays_no_other_connection(
    sandbox: Sandbox, plain: Plain, monkeypatch: pytest.MonkeyPatch, quiet: None
) -> None:
    """Two are refused and looked at; another client is answered meanwhile, over HTTP too."""
    doctor = Slow()
    monkeypatch.setattr(inputs, "diagnose", doctor)
    told: list[str] = []

    def refused() -> None:
        with Plain(sandbox.url) as one:
            told.append(wrongly_signed(one).headers[FINDING])

    clients = [threading.Thread(target=refused) for _ in range(2)]
    for one in clients:
        one.start()
    until(lambda: doctor.asked)
    assert plain.call("execute_order", GUIDE).status_code == 200
    assert told == []
    doctor.done.set()
    for one in clients:
        one.join(5)
    assert told == ["The clock"] * 2
    assert [entry["finding"] for entry in sandbox.log].count("The clock") == 2


def test_the_sandbox_may_stop_during_a_finding(
    monkeypatch: pytest.MonkeyPatch, quiet: None
) -> None:
    doctor = Slow()
    monkeypatch.setattr(inputs, "diagnose", doctor)
    lost: list[bool] = []
    sandbox = Sandbox()

    def refused() -> None:
        with Plain(sandbox.url) as one, pytest.raises(requests.ConnectionError):
            wrongly_signed(one)
        lost.append(True)

    client = threading.Thread(target=refused)
    client.start()
    until(lambda: doctor.asked)
    stopping = threading.Thread(target=sandbox.stop)
    stopping.start()
    client.join(5)
    doctor.done.set()
    stopping.join(5)
    assert lost == [True] and not stopping.is_alive()


def test_a_large_request_is_answered_soon(plain: Plain, sandbox: Sandbox) -> None:
    """Signed without its 5000 more fields: each of them could be the one that was left out."""
    more = {f"n{number}": "1.50" for number in range(5000)}
    started = time.monotonic()
    answer = plain.call("execute_order", GUIDE | more, sign=GUIDE)
    assert answer.status_code == 400 and answer.headers[FINDING]
    assert time.monotonic() - started < 15


@pytest.mark.parametrize("name", ["gateway_timeout", "lost_reply"])
def test_an_answer_that_is_lost_has_no_finding(
    sandbox: Sandbox, plain: Plain, doctor: Doctor, name: str
) -> None:
    with sandbox.fault(name):
        try:
            assert FINDING not in wrongly_signed(plain).headers
        except requests.ConnectionError:
            assert name == "lost_reply"
    assert sandbox.log[0]["finding"] == "The clock"
    assert sandbox.log[0]["verdict"].startswith(
        "refused (INVALID_CLIENT_REQUEST: Invalid signature), "
    )


def test_a_finding_with_the_older_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "diagnose", Doctor())
    with Sandbox(conflicts=Conflicts(auth_status=401)) as sandbox, Plain(sandbox.url) as plain:
        answer = wrongly_signed(plain)
    assert (answer.status_code, answer.headers[FINDING]) == (401, "The clock")


def test_operations_without_an_instruction_have_a_finding(plain: Plain, doctor: Doctor) -> None:
    assert OPERATIONS["get_withdrawal_delay"].instruction == ""
    assert plain.call("get_withdrawal_delay").headers[FINDING] == "The clock"


@pytest.mark.parametrize("hands", [0, 4])
def test_a_refusal_does_not_wait_for_a_finding(
    hands: int, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where as many are looked into as may be at once, the refusal comes alone."""
    monkeypatch.setattr("bpkit.sandbox.server.websocket.AT_ONCE", hands)
    for _ in range(6):  # each makes room again
        answer = plain.call("get_fills", {"limit": 1}, sign={})
        assert answer.status_code == 400 and answer.json()["message"] == "Invalid signature"
        assert ("X-Sandbox-Finding" in answer.headers) == (hands > 0)
