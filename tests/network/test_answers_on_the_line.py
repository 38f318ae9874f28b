"""After a request has left: interim answers, surplus bytes, slow and endless answers."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_server import Raw, answer, raw

from bpkit import ApiError, Client, InputError, Key, TransportError
from bpkit.signing import DEMO_SECRET
from bpkit.transport import MOST_BYTES

ORDER = '{"id":"1","status":"New","symbol":"SOL_USDC"}'
EARLY = [b"HTTP/1.1 102 Processing\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"]


pytestmark = pytest.mark.usefixtures("waits")


def client(server: Raw, **options: Any) -> Client:
    return Client(server.url, Key(DEMO_SECRET), **{"timeout": (1, 2), **options})


def place(bp: Client) -> Any:
    return bp.execute_order("SOL_USDC", "Bid", "Limit", price="1", quantity="1")


def echo(connection: socket.socket, request: bytes) -> None:
    """Answer a read with the symbol that it asked for."""
    symbol = request.split(b"symbol=")[1].split(b" ")[0].decode()
    connection.sendall(answer(f'[{{"symbol":"{symbol}"}}]'))


# --- what makes a connection unusable -------------------------------------------------------------


@pytest.mark.parametrize("early", EARLY)
def test_an_interim_answer_shifts_no_later_answer(early: bytes) -> None:
    """After it, each question gets its own answer."""

    def handler(connection: socket.socket, request: bytes) -> None:
        if b"POST" in request:
            connection.sendall(early + answer(ORDER))
        else:
            echo(connection, request)

    with raw(handler) as server:
        bp = client(server)
        for symbol in ("A_USDC", "B_USDC", "C_USDC"):
            with pytest.raises(TransportError, match="UNKNOWN"):
                place(bp)
            (row,) = bp.get_open_orders(symbol)
            assert row["symbol"] == symbol
        assert sum(b"POST" in one for one in server.requests) == 3


def test_an_interim_answer_before_a_read_is_asked_again() -> None:
    early = [EARLY[0]]

    def handler(connection: socket.socket, request: bytes) -> None:
        if early:
            connection.sendall(early.pop())
        echo(connection, request)

    with raw(handler) as server:
        assert client(server).get_open_orders("A_USDC")[0]["symbol"] == "A_USDC"
        assert server.connections == 2


def test_an_answer_of_100_is_skipped() -> None:
    def handler(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + answer(ORDER))

    with raw(handler) as server:
        assert place(client(server))["id"] == "1"


@pytest.mark.parametrize("surplus", [b"\r\n", b"x", answer('[{"symbol":"OTHER"}]')])
def test_bytes_after_an_answer_belong_to_no_question(surplus: bytes) -> None:
    def handler(connection: socket.socket, request: bytes) -> None:
        symbol = request.split(b"symbol=")[1].split(b" ")[0].decode()
        connection.sendall(answer(f'[{{"symbol":"{symbol}"}}]') + surplus)

    with raw(handler) as server:
        bp = client(server)
        for symbol in ("A_USDC", "B_USDC", "C_USDC"):
            assert bp.get_open_orders(symbol)[0]["symbol"] == symbol
        assert server.connections == 3


def test_a_connection_is_kept_after_a_clean_answer() -> None:
    with raw(echo) as server:
        bp = client(server)
        for symbol in ("A_USDC", "B_USDC", "C_USDC"):
            bp.get_open_orders(symbol)
        assert server.connections == 1


@pytest.mark.parametrize("body", ["<html>busy</html>", "[]", '{"id":"1"}', "", "null"])
def test_after_an_answer_that_cannot_be_used_the_connection_is_new(body: str) -> None:
    def handler(connection: socket.socket, request: bytes) -> None:
        connection.sendall(answer(body, Content_Type="text/html"))

    with raw(handler) as server:
        bp = client(server)
        for _ in range(2):
            with pytest.raises(TransportError, match="UNKNOWN") as caught:
                place(bp)
            assert (caught.value.status, caught.value.content_type) == (200, "text/html")
            assert caught.value.first == body
        assert server.connections == 2


# --- time and size --------------------------------------------------------------------------------


def drip(part: bytes, pause: float = 0.05) -> Callable[[socket.socket, bytes], None]:
    def handler(connection: socket.socket, request: bytes) -> None:
        for _ in range(400):
            connection.sendall(part)
            time.sleep(pause)

    return handler


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"


@pytest.mark.parametrize(
    "handler",
    [drip(b"H"), drip(b"HTTP/1.1 100 Continue\r\n\r\n"), drip(b"X: 1\r\n"), drip(HEAD)],
    ids=["a byte at a time", "100 Continue", "header lines", "a body"],
)
def test_one_deadline_covers_an_answer_that_drips(handler: Any) -> None:
    """Each part comes in time, the whole never."""
    with raw(handler) as server:
        bp = client(server, timeout=(0.2, 0.3))
        with pytest.raises(TransportError, match="UNKNOWN"):
            place(bp)
        with pytest.raises(TransportError, match="safe to call again"):
            bp.get_status()
        assert sum(b"POST" in one for one in server.requests) == 1


def test_the_deadline_covers_all_attempts_of_a_read() -> None:
    """Each attempt takes 0.2 of 0.5 seconds, and is then cut."""

    def handler(connection: socket.socket, request: bytes) -> bool:
        time.sleep(0.2)
        return False

    with raw(handler) as server:
        with pytest.raises(TransportError):
            client(server, timeout=0.5).get_status()
        assert len(server.requests) in (2, 3)


@pytest.mark.parametrize("most", [999_999, 1_000_000])
def test_a_decoded_answer_has_a_bound(most: int) -> None:
    """A megabyte of blanks before a list, in a thousandth of the bytes."""
    body = gzip.compress(b" " * 999_998 + b"[]")
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"

    def handler(connection: socket.socket, request: bytes) -> None:
        connection.sendall(head.encode() + body)

    with raw(handler) as server:
        bp = client(server, most_bytes=most)
        if most == 1_000_000:
            assert bp.get_open_orders() == []
            return
        with pytest.raises(TransportError, match="longer than 999999 bytes"):
            bp.get_open_orders()


def test_an_endless_answer_ends() -> None:
    def handler(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")

    with raw(handler) as server, pytest.raises(TransportError, match="longer than 1000000"):
        place(client(server, most_bytes=1_000_000))


def test_the_bound_of_an_answer_is_64_mib() -> None:
    assert MOST_BYTES == 67_108_864
    with pytest.raises(InputError, match="most_bytes=0"):
        Client("http://127.0.0.1:1", most_bytes=0)


def test_a_body_that_cannot_be_decompressed() -> None:
    def handler(connection: socket.socket, request: bytes) -> None:
        connection.sendall(answer("not gzip", Content_Encoding="gzip"))

    with raw(handler) as server:
        bp = client(server)
        with pytest.raises(TransportError, match=r"cannot be decompressed.*UNKNOWN"):
            place(bp)
        with pytest.raises(TransportError, match="cannot be decompressed"):
            bp.get_status()


@pytest.mark.parametrize("spoken", [b"SSH-2.0-x\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"\x00" * 9])
def test_an_answer_that_is_not_http(spoken: bytes) -> None:
    def handler(connection: socket.socket, request: bytes) -> bool:
        connection.sendall(spoken)
        return False

    with raw(handler) as server, pytest.raises(TransportError, match="UNKNOWN") as caught:
        place(client(server))
    assert caught.value.reason.startswith("the answer is not HTTP (")


# --- what the exchange says about waiting ---------------------------------------------------------


def busy(times: int, status: str, **headers: str) -> Callable[[socket.socket, bytes], None]:
    left = [times]

    def handler(connection: socket.socket, request: bytes) -> None:
        left[0] -= 1
        text = answer("{}", status, **headers) if left[0] >= 0 else answer("[]")
        connection.sendall(text)

    return handler


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_a_read_waits_as_long_as_it_is_told(status: str, waits: list[float]) -> None:
    """Also longer than its deadline, which waiting does not use up."""
    with raw(busy(2, status, Retry_After="7")) as server:
        assert client(server, timeout=2).get_open_orders() == []
        assert waits == [7, 7]


def test_a_wait_that_is_too_long_is_left_to_the_caller(waits: list[float]) -> None:
    with raw(busy(9, "429 Too Many Requests", Retry_After="61")) as server:
        with pytest.raises(ApiError, match="try again after 61 seconds") as caught:
            client(server).get_open_orders()
        assert (caught.value.retry_after, waits, len(server.requests)) == (61, [], 1)


def test_a_write_says_how_long_to_wait_and_is_not_sent_again(waits: list[float]) -> None:
    with raw(busy(9, "429 Too Many Requests", Retry_After="3")) as server:
        with pytest.raises(ApiError, match="try again after 3 seconds") as caught:
            place(client(server))
        assert (caught.value.retry_after, waits, len(server.requests)) == (3, [], 1)


@pytest.mark.parametrize("told", ["soon", "-1", "1e9", "", "Fri, 27 Nov 2026 07:00:00 GMT"])
def test_what_is_not_a_number_of_seconds_is_not_heeded(told: str, waits: list[float]) -> None:
    with raw(busy(1, "429 Too Many Requests", Retry_After=told)) as server:
        assert client(server).get_open_orders() == []
        assert waits == [0.25]


# --- any bytes at all -----------------------------------------------------------------------------

BYTES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(EARLY),
    st.builds(answer, st.sampled_from([ORDER, "[]", "{}", "null", "<x>"]), st.sampled_from(
        ["200 OK", "202 Accepted", "302 Found", "400 Bad Request", "500 Oops", "199 Odd"])),
)  # fmt: skip


@settings(max_examples=60)
@given(parts=st.lists(BYTES, max_size=4), cut=st.integers(0, 120))
def test_whatever_comes_nothing_but_bpkits_errors_leaves(parts: list[bytes], cut: int) -> None:
    """One POST arrives, and the next question gets its own answer."""
    spoken = b"".join(parts)[:cut]

    def handler(connection: socket.socket, request: bytes) -> bool | None:
        if b"POST" not in request:
            echo(connection, request)
            return None
        connection.sendall(spoken)
        connection.shutdown(socket.SHUT_WR)
        return False

    with raw(handler) as server:
        bp = client(server)
        try:
            assert place(bp)["id"] == "1"
        except (ApiError, TransportError) as error:
            assert isinstance(error, ApiError) or error.sent
        assert bp.get_open_orders("MINE_USDC")[0]["symbol"] == "MINE_USDC"
        assert sum(b"POST" in one for one in server.requests) == 1


def test_threads_do_not_share_a_deadline() -> None:
    """A slow answer in one thread does not end a quick one in another."""

    def handler(connection: socket.socket, request: bytes) -> None:
        if b"SLOW" in request:
            time.sleep(0.3)
        echo(connection, request)

    found: list[str] = []
    with raw(handler) as server:
        bp = client(server, timeout=(0.5, 0.5))

        def ask(symbol: str) -> None:
            found.append(bp.get_open_orders(symbol)[0]["symbol"])

        threads = [threading.Thread(target=ask, args=(one,)) for one in ("SLOW_A", "QUICK")]
        for thread in threads:
            thread.start()
            time.sleep(0.1)
        for thread in threads:
            thread.join()
    assert found == ["QUICK", "SLOW_A"]
