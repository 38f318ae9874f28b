"""Requests that no client of the exchange sends: foreign names, deep JSON, odd targets, long texts.

Whatever arrives, the answer is a refusal in the range of 400, it says that it is the sandbox's, and
the log stays small.
"""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Iterator

import pytest
import requests
from helpers import Plain

from bpkit import __version__
from bpkit.sandbox import FAULTS, Sandbox
from bpkit.sandbox.server.parsing import MAX_NESTING

ORDER = {
    "symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "150", "quantity": "1",
}  # fmt: skip


@pytest.fixture(scope="module")
def still() -> Iterator[Plain]:
    with Sandbox() as sandbox, Plain(sandbox.url) as caller:
        yield caller


def say(url: str, request: bytes, hang_up: bool = False) -> tuple[int, bytes]:
    """(status, the whole answer) of raw bytes; the status is 0 if nothing was answered.

    ``hang_up``: send no more, for a request after which the server may wait for more.
    """
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as line:
        line.sendall(request)
        if hang_up:
            line.shutdown(socket.SHUT_WR)
        try:
            said = b"".join(iter(lambda: line.recv(65_536), b""))
        except ConnectionError:
            said = b""
    return (int(said[9:12]) if said else 0), said


def get(url: str, target: str, host: str | None = "127.0.0.1") -> tuple[int, bytes]:
    named = "" if host is None else f"Host: {host}\r\n"
    line = f"GET {target} HTTP/{'1.0' if host is None else '1.1'}\r\n"
    return say(url, f"{line}{named}Connection: close\r\n\r\n".encode("latin-1"))


# --- the name of the host -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.0.0.1:8787", "localhost", "LocalHost:80", "127.1", "127.9.9.9:1",
        "[::1]", "[::1]:65535", None,
    ],
)  # fmt: skip
def test_names_of_this_machine(still: Plain, host: str | None) -> None:
    assert get(still.url, "/api/v1/ping", host)[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "rebound.evil.example", "rebound.evil.example:80", "127.0.0.1.evil.example",
        "localhost.evil.example", "evil.example:127", "128.0.0.1", "0.0.0.0", "[::1].evil.example",
        "[::2]", "xlocalhost", "api.backpack.exchange", "192.168.0.1", "[", "127.0.0.1@evil.test",
    ],
)  # fmt: skip
def test_other_names_are_misdirected(still: Plain, host: str) -> None:
    """RFC 9110, section 15.5.20: 421. Some of these are not even names, which is 400."""
    status, said = get(still.url, "/api/v1/ping", host)
    assert status in (400, 421) and b"pong" not in said
    if host.replace(".", "").isalnum():
        assert status == 421


def test_a_page_of_the_web_places_no_order(sandbox: Sandbox, plain: Plain) -> None:
    """DNS rebinding: its own name means 127.0.0.1, and the browser sends that name."""
    name, secret = {"Host": "rebound.evil.example"}, plain.session
    secret.headers.update(name)
    refused = plain.call("execute_order", ORDER)
    assert refused.status_code == 421 and "rebound.evil.example" in refused.text
    del secret.headers["Host"]
    assert plain.call("get_open_orders").json() == []
    assert sandbox.log[0]["verdict"].startswith("misdirected request")


def test_the_host_of_a_whole_url_counts(still: Plain) -> None:
    """RFC 9112, section 3.2.2: the header is then ignored."""
    assert get(still.url, "http://evil.example/api/v1/ping")[0] == 421
    assert get(still.url, "http://127.0.0.1/api/v1/ping", "evil.example")[0] == 200


# --- targets and bodies that cannot be read -------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        "http://[/api/v1/time", "http://]/api/v1/time", "http://[::1/", "http://", "http:///x",
        "http://[v1.x]/", "http://\xe9/", "/api/v1/time%", "/api/v1/time%ff", "//api/v1/time",
        "/api/v1/ticker?symbol=%ff", "/api/v1/ticker?%", "?", "*", "[", "/\xff",
    ],
)  # fmt: skip
def test_a_bad_target_is_the_callers_mistake(still: Plain, target: str) -> None:
    status, said = get(still.url, target)
    assert 400 <= status < 500, said


def nested(depth: int, open_: str, close: str) -> bytes:
    return (open_ * depth + close * depth).encode()


@pytest.mark.parametrize("depth", [MAX_NESTING + 1, 500, 975, 985, 995, 1_000, 5_000, 100_000])
@pytest.mark.parametrize(("open_", "close"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_deep_json_is_refused(still: Plain, depth: int, open_: str, close: str) -> None:
    body = nested(depth, open_, close).replace(b":}", b":1}")
    for path in ("order", "orders"):
        answer = requests.post(
            f"{still.url}/api/v1/{path}", body, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 400 and len(answer.text) < 100
        assert answer.text.startswith("parse request payload error")


def test_the_deepest_json_is_read(still: Plain) -> None:
    """At the limit the shape is refused; one level more, the depth."""
    for depth, words in (
        (MAX_NESTING, "Expected input type"),
        (MAX_NESTING + 1, "recursion limit"),
    ):
        answer = requests.post(
            f"{still.url}/api/v1/order", nested(depth, "[", "]"),
            headers={"Content-Type": "application/json"},
        )  # fmt: skip
        assert answer.status_code == 400 and words in answer.text


def test_random_bytes_are_never_a_defect(sandbox: Sandbox) -> None:
    chance = random.Random(20_261_127)
    whole = (
        b"POST http://127.0.0.1/api/v1/order?a=%41 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Content-Type: application/json\r\nX-API-Key: a\r\nContent-Length: 2\r\n"
        b"Connection: close\r\n\r\n{}"
    )
    for _ in range(150):
        broken = bytearray(whole)
        for _ in range(chance.randint(1, 5)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        status, said = say(sandbox.url, bytes(broken), hang_up=True)
        assert status < 500, bytes(broken)
        assert not said or b"X-Sandbox: bpkit/" in said, bytes(broken)


# --- the log --------------------------------------------------------------------------------------


def test_a_long_text_is_cut_in_the_log(sandbox: Sandbox, plain: Plain) -> None:
    """A refusal may repeat the whole body, and the finding of a signature the whole query."""
    json_ = {"Content-Type": "application/json"}
    long = "é" * 100_000  # 200,000 bytes
    requests.post(f"{plain.url}/api/v1/order", json.dumps([long]).encode(), headers=json_)
    requests.post(f"{plain.url}/nope", b"x" * 900_000)
    plain.call("get_fills", {"symbol": "x" * 20_000}, sign={})
    requests.get(f"{plain.url}/{'y' * 30_000}")
    entries = sandbox.log
    for entry in entries:
        for text in entry.values():
            assert not isinstance(text, str) or len(text.encode()) <= 10_000
    order, nowhere, fills, path = entries
    assert nowhere["body"].startswith("xxx")
    assert nowhere["body"].endswith("... (cut here; it had 900,000 bytes)")
    assert len(nowhere["body"]) == 10_000
    assert "(cut here; it had " in order["body"] and "(cut here; it had " in order["verdict"]
    # symbol= and 20,000 letters; a slash and 30,000 letters.
    assert fills["query"].endswith("... (cut here; it had 20,007 bytes)")
    assert path["path"].endswith("... (cut here; it had 30,001 bytes)")


def test_a_text_that_fits_is_kept_whole(sandbox: Sandbox, plain: Plain) -> None:
    requests.post(f"{plain.url}/nope", b"x" * 10_000)
    requests.post(f"{plain.url}/nope", b"x" * 10_001)
    fits, cut = (entry["body"] for entry in sandbox.log)
    assert fits == "x" * 10_000 and cut.endswith("(cut here; it had 10,001 bytes)")


def test_old_rows_of_the_log_are_short(sandbox: Sandbox) -> None:
    """300 rows are whole; before them a text has 500 characters, and 10,000 rows some MB."""
    service = sandbox._service
    for number in range(1, 304):
        service.answer("POST", "/nope", f"n={number}", {"host": "localhost"}, b"x" * 20_000)
    rows = sandbox.log
    assert [len(row["body"]) for row in rows] == [500] * 3 + [10_000] * 300
    assert rows[2]["body"].startswith("xxx")
    assert rows[2]["body"].endswith("... (cut here when it was 300 rows old)")
    assert [row["query"] for row in rows] == [f"n={number}" for number in range(1, 304)]


def test_the_rows_of_the_log_are_a_list(sandbox: Sandbox) -> None:
    for number in range(4):
        sandbox._service.answer("GET", "/api/v1/ping", f"n={number}", {"host": "localhost"}, b"")
    rows = sandbox.log
    names = [row["query"] for row in rows]
    assert names == ["n=0", "n=1", "n=2", "n=3"] and len(rows) == 4
    assert [row["query"] for row in rows[1:3]] == names[1:3] and rows == sandbox.log
    assert [row["query"] for row in reversed(rows)] == names[::-1]
    for row in (*rows, *reversed(rows), *rows[:], rows[-1], *list(rows)):
        row["query"] = "changed"
    assert [row["query"] for row in sandbox.log] == [row["query"] for row in rows] == names


# --- who answers ----------------------------------------------------------------------------------


def test_every_answer_names_the_sandbox(still: Plain) -> None:
    for path in ("/api/v1/ping", "/api/v1/time", "/nope", "/api/v1/depth", "/api/v1/capital"):
        for method in ("GET", "HEAD", "POST", "OPTIONS", "TRACE", "FOO", "PUT"):
            answer = requests.request(method, still.url + path)
            assert answer.headers["X-Sandbox"] == f"bpkit/{__version__}", (method, path)


@pytest.mark.parametrize(
    "request_",
    [
        b"nonsense\r\n\r\n",
        b"GET /api/v1/ping HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: x\r\n\r\n",
        b"POST /api/v1/order HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9999999\r\n\r\n",
        b"GET /api/v1/ping HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    ],
)
def test_so_does_the_answer_to_what_is_not_http(still: Plain, request_: bytes) -> None:
    status, said = say(still.url, request_)
    assert 400 <= status < 500 and f"\r\nX-Sandbox: bpkit/{__version__}\r\n".encode() in said


@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - {"lost_request", "lost_reply"}))
def test_so_does_an_answer_that_a_fault_made(sandbox: Sandbox, plain: Plain, fault: str) -> None:
    seconds = 0.01 if fault == "slow" else None
    with sandbox.fault(fault, seconds=seconds):
        for answer in (plain.get("/api/v1/markets"), plain.call("execute_order", ORDER)):
            assert answer.headers["X-Sandbox"].startswith("bpkit/")
