"""Opening, keeping and closing WebSockets: bytes on the wire, pings, and the end of a sandbox."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from helpers import Plain
from sockets import WAIT, Listener, Raw, frame, push, until, wire
from websockets.exceptions import ConnectionClosed

from bpkit.sandbox import Sandbox
from bpkit.sandbox.server import websocket

TRADE = "trade.SOL_USDC"


# --- the handshake --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/stream", "/api/v1/depth?symbol=SOL_USDC"])
def test_a_handshake_works_at_any_path(sandbox: Sandbox, path: str) -> None:
    """The accepted key is the example of RFC 6455, section 1.3."""
    with Raw(sandbox, path) as raw:
        assert raw.status == 101
        assert raw.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert raw.headers["x-sandbox"].startswith("bpkit/")
        assert not {"server", "content-type", "sec-websocket-extensions"} & set(raw.headers)
        raw.send(frame("SUBSCRIBE", TRADE))
        until(lambda: sandbox._service.exchange.outbox.wanted)
        push(sandbox, TRADE, p="1")
        assert raw.next() == (1, wire(TRADE, p="1").encode())


def test_a_request_without_upgrade_is_still_rest(sandbox: Sandbox, plain: Plain) -> None:
    answer = plain.get("/streams")
    assert (answer.status_code, answer.text) == (404, "not found")
    answer = plain.session.post(
        sandbox.url + "/streams", headers={"Upgrade": "websocket"}, timeout=WAIT
    )
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "offered", ["permessage-deflate", "permessage-deflate; client_max_window_bits"]
)
def test_deflate_if_it_is_offered(sandbox: Sandbox, offered: str) -> None:
    """As seen: the answer has no parameters."""
    with Raw(sandbox, Sec_WebSocket_Extensions=offered) as raw:
        assert raw.headers["sec-websocket-extensions"] == "permessage-deflate"


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_frames_are_the_same_with_and_without_deflate(sandbox: Sandbox, compression: Any) -> None:
    with Listener(sandbox, compression=compression) as listener:
        listener.subscribe(TRADE)
        for _ in range(3):
            push(sandbox, TRADE, p="1" * 1000)
        assert listener.rest() == [wire(TRADE, p="1" * 1000)] * 3


@pytest.mark.parametrize("host", ["evil.example", "sandbox.evil.example:80"])
def test_another_host_is_refused(sandbox: Sandbox, host: str) -> None:
    with Raw(sandbox, Host=host) as raw:
        assert raw.status == 421 and raw.body().startswith("misdirected request")
    assert [(row["status"], row["operation"]) for row in sandbox.log] == [(421, None)]


@pytest.mark.parametrize(
    "origin",
    ["http://127.0.0.1:8888", "http://localhost", "https://localhost:1", "http://[::1]:8888"],
)
def test_pages_of_this_machine_may_connect(sandbox: Sandbox, origin: str) -> None:
    with Raw(sandbox, Origin=origin, Sec_Fetch_Site="cross-site") as raw:
        assert raw.status == 101


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://127.0.0.1.evil.example", "http://evil.example:80"],
)
@pytest.mark.parametrize("site", ["", "same-origin", "none"])
def test_pages_of_the_web_may_not(sandbox: Sandbox, origin: str, site: str) -> None:
    with Raw(sandbox, Origin=origin, Sec_Fetch_Site=site) as raw:
        assert raw.status == 403 and raw.body().startswith("forbidden")
    (row,) = sandbox.log
    assert row["status"] == 403 and origin in row["verdict"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec_WebSocket_Key": ""}, 400),
        ({"Sec_WebSocket_Version": "12"}, 426),
        ({"Connection": "close"}, 400),
    ],
)
def test_a_broken_handshake(sandbox: Sandbox, headers: dict[str, str], status: int) -> None:
    with Raw(sandbox, **headers) as raw:
        assert raw.status == status and "x-sandbox" in raw.headers


# --- pings ----------------------------------------------------------------------------------------


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A sandbox whose timer runs two thousand times as fast."""
    monkeypatch.setattr(websocket, "PING_EVERY", 0.03)
    with Sandbox() as running:
        yield running


def test_a_ping_of_a_client_is_answered(sandbox: Sandbox) -> None:
    with Raw(sandbox) as raw:
        raw.send(b"hello", opcode=9)
        assert raw.next() == (10, b"hello")


def test_a_client_that_answers_stays(fast: Sandbox) -> None:
    with Raw(fast) as raw, Raw(fast) as idle:
        raw.send(frame("SUBSCRIBE", TRADE))
        for _ in range(5):
            for one in (raw, idle):
                assert one.next() == (9, b"")
                one.send(b"", opcode=10)


def test_without_a_subscription_it_is_cut_at_the_next_ping(fast: Sandbox) -> None:
    with Raw(fast) as raw:
        assert [raw.next(), raw.next()] == [(9, b""), None]  # no Close frame


def test_with_a_subscription_it_is_closed_after_two_pings(fast: Sandbox) -> None:
    """120 seconds."""
    with Raw(fast) as raw:
        raw.send(frame("SUBSCRIBE", TRADE))
        until(lambda: fast._service.exchange.outbox.wanted)
        assert [raw.next() for _ in range(3)] == [(9, b""), (9, b""), (8, b"\x03\xe9")]


def test_the_timer_is_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """All sockets are pinged at the same time, whenever they were opened."""
    monkeypatch.setattr(websocket, "PING_EVERY", 0.2)
    with Sandbox() as running, Raw(running) as first:
        time.sleep(0.1)
        with Raw(running) as second:
            assert first.next() == second.next() == (9, b"")


# --- many frames ----------------------------------------------------------------------------------


def test_many_frames_hold_up_no_request(
    sandbox: Sandbox, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command says 30 things, the server sends two at a time. Their order stays."""
    monkeypatch.setattr(websocket, "AT_A_TIME", 2)
    outbox = sandbox._service.exchange.outbox

    def speak() -> None:
        for number in range(30):
            outbox.add(TRADE, make=lambda number=number: {"t": number})

    with Listener(sandbox) as listener:
        listener.subscribe(TRADE)
        for _ in range(2):
            sandbox._service.command(speak)
        assert plain.get("/api/v1/ping").text == "pong"
        texts = [listener.next() for _ in range(60)]
        assert texts == [wire(TRADE, t=number) for number in [*range(30), *range(30)]]


# --- a slow reader --------------------------------------------------------------------------------


def test_a_slow_reader_is_cut(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "MOST_WAITING", 3_000_000)
    with Raw(sandbox) as slow, Listener(sandbox, compression=None) as other:
        slow.send(frame("SUBSCRIBE", TRADE))
        other.subscribe(TRADE)
        until(lambda: len(sandbox._service.hub.sockets) == 2)
        for _ in range(12):  # more than the buffers of the system hold
            push(sandbox, TRADE, p="1" * 1_000_000)
            assert len(other.next()) > 1_000_000
            other.settle()
        hub = sandbox._service.hub
        until(lambda: len(hub.sockets) - len(hub.gone) == 1)
        push(sandbox, TRADE, p="2")
        assert other.next() == wire(TRADE, p="2")


# --- the end --------------------------------------------------------------------------------------


def threads() -> set[str]:
    return {one.name for one in threading.enumerate() if "sandbox" in one.name}


def refused(url: str) -> bool:
    host, port = url.removeprefix("http://").split(":")
    try:
        socket.create_connection((host, int(port)), timeout=WAIT).close()
    except ConnectionRefusedError:
        return True
    return False


def test_the_end_says_goodbye_to_all(capfd: pytest.CaptureFixture[str]) -> None:
    with Sandbox() as running, Listener(running) as busy, Listener(running) as idle:
        with Raw(running) as mute:
            busy.subscribe(TRADE)
            running.stop()
            assert mute.next() == (8, b"\x03\xe9") and mute.next() is None
        for one in (busy, idle):
            with pytest.raises(ConnectionClosed) as caught:
                one.next()
            assert caught.value.rcvd is not None and caught.value.rcvd.code == 1001
        assert not threads() and refused(running.url)
        running.advance(seconds=1)  # its market is still there
    gc.collect()
    assert capfd.readouterr() == ("", "")


def test_a_sandbox_that_is_dropped_ends_its_sockets(capfd: pytest.CaptureFixture[str]) -> None:
    running = Sandbox()
    with Raw(running) as raw:
        raw.send(frame("SUBSCRIBE", TRADE))
        raw.send(b"", opcode=9)
        assert raw.next() == (10, b"")
        url = running.url
        del running
        gc.collect()
        assert raw.next() == (8, b"\x03\xe9") and raw.next() is None
    assert not threads() and refused(url)
    assert capfd.readouterr() == ("", "")


def test_the_end_does_not_wait_for_a_long_command(capfd: pytest.CaptureFixture[str]) -> None:
    """A frame, a request and a handshake wait for the command; they are given up."""
    running, begun, go_on = Sandbox(), threading.Event(), threading.Event()

    def long() -> None:
        begun.set()
        assert go_on.wait(WAIT)

    command = threading.Thread(target=running._service.command, args=(long,))
    with Listener(running) as listener, Raw(running) as raw, Plain(running.url) as plain:
        raw.send(frame("SUBSCRIBE", TRADE))
        until(lambda: running._service.exchange.outbox.wanted)
        command.start()
        assert begun.wait(WAIT)
        listener.settle()  # its loop goes on
        raw.send(frame("SUBSCRIBE", "ticker.SOL_USDC"))
        asking = threading.Thread(target=give_up, args=(plain,))
        asking.start()
        since = time.monotonic()
        running.stop()
        assert time.monotonic() - since < 3 and "bpkit sandbox" not in threads()
        asking.join(WAIT)
        assert not asking.is_alive() and refused(running.url)
        assert command.is_alive()
    go_on.set()
    command.join(WAIT)
    gc.collect()
    assert not threads() and capfd.readouterr() == ("", "")


def give_up(plain: Plain) -> None:
    with pytest.raises(requests.ConnectionError):
        plain.get("/api/v1/status")
