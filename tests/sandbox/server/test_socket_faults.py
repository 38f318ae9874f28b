"""The faults of WebSockets, as foreign clients meet them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from helpers import Plain
from sockets import Listener, Raw, frame, push, until, wire
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bpkit.sandbox import Sandbox

TRADE, DEPTH = "trade.SOL_USDC", "depth.SOL_USDC"


@pytest.fixture
def socket(sandbox: Sandbox) -> Iterator[Listener]:
    with Listener(sandbox) as listener:
        listener.subscribe(TRADE, DEPTH, "depth.200ms.SOL_USDC")
        yield listener


def depths(sandbox: Sandbox, *numbers: int) -> list[str]:
    """Push these, and return their texts."""
    for number in numbers:
        push(sandbox, DEPTH, u=number)
    return [wire(DEPTH, u=number) for number in numbers]


def closed(listener: Listener) -> int | None:
    """The code of the Close frame that came. None: the connection was cut without one."""
    with pytest.raises(ConnectionClosed) as caught:
        listener.next()
    return caught.value.rcvd.code if caught.value.rcvd else None


@pytest.mark.parametrize(("name", "code"), [("ws_cut", None), ("ws_close", 1001)])
def test_sockets_are_ended(sandbox: Sandbox, socket: Listener, name: str, code: int | None) -> None:
    with Listener(sandbox) as idle, sandbox.fault(name) as fault:
        assert closed(socket) == closed(idle) == code and fault.hits == 2
        with Listener(sandbox) as later:
            assert closed(later) == code and fault.hits == 3
    with Listener(sandbox) as after:
        after.subscribe(TRADE)
        push(sandbox, TRADE, p="1")
        assert after.rest() == [wire(TRADE, p="1")]
        until(lambda: len(sandbox._service.hub.sockets) == 1)  # the others are forgotten


@pytest.mark.parametrize("name", ["ws_cut", "ws_close", "ws_dead"])
def test_times_counts_sockets(sandbox: Sandbox, socket: Listener, name: str) -> None:
    with sandbox.fault(name, times=1) as fault, Listener(sandbox) as later:
        later.subscribe(TRADE)
        push(sandbox, TRADE, p="1")
        assert later.rest() == [wire(TRADE, p="1")] and fault.hits == 1


def test_a_reset_is_no_orderly_end(sandbox: Sandbox) -> None:
    with Raw(sandbox) as raw, sandbox.fault("ws_cut"), pytest.raises(ConnectionResetError):
        raw.socket.recv(1)


def test_a_client_that_ignores_the_close_frame(sandbox: Sandbox) -> None:
    with Raw(sandbox) as raw:
        raw.send(frame("SUBSCRIBE", TRADE))
        with sandbox.fault("ws_close"):
            assert raw.next() == (8, b"\x03\xe9")
            push(sandbox, TRADE, p="1")  # nothing is sent after it
            raw.send(b"\x03\xe9", opcode=8)
            assert raw.next() is None


def test_a_silent_socket_still_answers_pings(sandbox: Sandbox, socket: Listener) -> None:
    with sandbox.fault("ws_silent") as fault:
        push(sandbox, TRADE, p="1")
        depths(sandbox, 1)
        socket.send("x")  # an error is not sent either
        assert socket.rest() == [] and fault.hits == 3
    push(sandbox, TRADE, p="2")
    assert socket.rest() == [wire(TRADE, p="2")]


def test_a_dead_socket_answers_nothing(sandbox: Sandbox, socket: Listener) -> None:
    """It stays dead; the client must notice it, and connect again."""
    with sandbox.fault("ws_dead") as fault:
        push(sandbox, TRADE, p="1")
        with Listener(sandbox) as later:
            assert not later.ws.ping().wait(0.1) and fault.hits == 2
    assert not socket.ws.ping().wait(0.1)
    push(sandbox, TRADE, p="2")
    with pytest.raises(TimeoutError):
        socket.ws.recv(timeout=0)
    with Listener(sandbox) as again:
        again.settle()
    sandbox.stop()
    assert closed(socket) is None


def test_depth_frames_are_missing(sandbox: Sandbox, socket: Listener) -> None:
    with sandbox.fault("ws_drop") as fault:
        texts = depths(sandbox, 1, 2, 3, 4)
        push(sandbox, "depth.200ms.SOL_USDC", u=4)
        push(sandbox, TRADE, p="1")
        assert socket.rest() == [texts[1], texts[3], wire(TRADE, p="1")] and fault.hits == 3
    assert depths(sandbox, 5) == socket.rest()
    with sandbox.fault("ws_drop", times=1) as fault:
        assert depths(sandbox, 6, 7, 8)[1:] == socket.rest() and fault.hits == 1


def test_frames_come_twice(sandbox: Sandbox, socket: Listener) -> None:
    with sandbox.fault("ws_duplicate", times=2) as fault:
        push(sandbox, TRADE, p="1")
        texts = depths(sandbox, 1, 2)
        one = wire(TRADE, p="1")
        assert socket.rest() == [one, one, texts[0], *texts] and fault.hits == 2


def test_depth_frames_change_places(sandbox: Sandbox, socket: Listener) -> None:
    with sandbox.fault("ws_reorder") as fault:
        texts = depths(sandbox, 1, 2, 3)
        push(sandbox, TRADE, p="1")
        assert socket.rest() == [texts[1], texts[0], wire(TRADE, p="1")] and fault.hits == 2
    assert socket.rest() == [texts[2]]  # it waited for a successor


def test_a_frame_counts_once(sandbox: Sandbox, socket: Listener) -> None:
    with Listener(sandbox) as second, sandbox.fault("ws_silent") as fault:
        second.subscribe(TRADE)
        push(sandbox, TRADE, p="1")
        assert fault.hits == 1


def test_a_handshake_is_refused(sandbox: Sandbox) -> None:
    with sandbox.fault("ws_refused", times=1) as fault:
        with pytest.raises(InvalidStatus) as caught, Listener(sandbox):
            pass
        assert caught.value.response.status_code == 503 and fault.hits == 1
        with Listener(sandbox) as second:
            second.settle()
    (row,) = sandbox.log
    assert (row["method"], row["path"], row["operation"]) == ("GET", "/", None)
    assert (row["status"], row["fault"]) == (503, "ws_refused")
    assert row["verdict"] == "nothing was done, 503 to the handshake"


def test_the_depth_of_rest_is_behind(sandbox: Sandbox, plain: Plain) -> None:
    target = "/api/v1/depth?symbol=SOL_USDC&limit=5"
    before = plain.get(target).json()
    with sandbox.fault("ws_stale_snapshot", times=1) as fault:
        assert plain.get(target).json() == before and fault.hits == 0  # nothing has changed yet
        sandbox.advance(minutes=5)
        plain.get("/api/v1/klines?symbol=SOL_USDC&interval=1m&startTime=1788264000")
        stale, fresh = plain.get(target).json(), plain.get(target).json()
    assert stale == before and fault.hits == 1
    assert int(fresh["lastUpdateId"]) > int(stale["lastUpdateId"])
    assert sandbox.log[-2]["verdict"] == "carried out, answered with an older depth"
    assert len(stale["bids"]) == len(stale["asks"]) == 5


def test_the_older_depth_is_as_deep_as_asked_for(sandbox: Sandbox, plain: Plain) -> None:
    target = "/api/v1/depth?symbol=SOL_USDC"
    whole = plain.get(target).json()
    with sandbox.fault("ws_stale_snapshot") as fault:
        sandbox.advance(minutes=5)
        assert plain.get(target).json() == whole
        top = plain.get(f"{target}&limit=10").json()
        assert (top["bids"], top["asks"]) == (whole["bids"][-10:], whole["asks"][:10])
        assert plain.get("/api/v1/depth?symbol=NOPE").status_code == 400 and fault.hits == 2


@pytest.mark.parametrize("name", ["ws_cut", "ws_silent", "ws_refused"])
def test_requests_are_not_hit(sandbox: Sandbox, plain: Plain, name: str) -> None:
    with sandbox.fault(name) as fault:
        assert plain.get("/api/v1/ping").text == "pong" and fault.hits == 0
        with pytest.raises(ValueError, match=f"{name} never touches ping"):
            sandbox.fault(name, operations=["ping"])
