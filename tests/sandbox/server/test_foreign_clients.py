"""Clients that others wrote, in whatever style: each must run against the sandbox unchanged.

Everything is written out here: the signed text, the request, the bytes on the line. Nothing of
bpkit but the sandbox itself. Sources: the habits of the clients in other languages that are
published for this exchange, and HTTP/1.1 (RFC 9110, RFC 9112).
"""

from __future__ import annotations

import http.client
import json
import socket
import time
import urllib.request
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from helpers import DEMO_SECRET

from bpkit.sandbox import Sandbox

PRIVATE = Ed25519PrivateKey.from_private_bytes(b64decode(DEMO_SECRET))
PUBLIC = "5+yQgwU0ZdJ/9s+GXfuPFfo7yQQpl9CgvQedJXne30o="
ORDER = {
    "symbol": "SOL_USDC",
    "side": "Bid",
    "orderType": "Limit",
    "price": "150.5",
    "quantity": "1",
    "clientId": 7,
    "postOnly": True,
}
ORDER_TEXT = (
    "instruction=orderExecute&clientId=7&orderType=Limit&postOnly=true&price=150.5&quantity=1"
    "&side=Bid&symbol=SOL_USDC"
)
FILLS = "/wapi/v1/history/fills"
Headers = dict[str, str]


def signed(text: str, window: int | None = 5000) -> Headers:
    """The headers of the documentation. ``window`` None: no X-Window, which means 5000."""
    timestamp = time.time_ns() // 1_000_000
    whole = f"{text}&timestamp={timestamp}&window={5000 if window is None else window}"
    headers = {
        "X-API-Key": PUBLIC,
        "X-Signature": b64encode(PRIVATE.sign(whole.encode())).decode(),
        "X-Timestamp": str(timestamp),
    }
    return headers if window is None else headers | {"X-Window": str(window)}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def url(sandbox: Sandbox) -> str:
    return sandbox.url


# --- raw lines ------------------------------------------------------------------------------------


def connect(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=5)


def lines(first: str, headers: Headers, body: bytes = b"") -> bytes:
    head = "\r\n".join([first, *(f"{name}: {value}" for name, value in headers.items())])
    return head.encode() + b"\r\n\r\n" + body


def spoken(url: str, request: bytes) -> tuple[int, Headers, bytes]:
    """(status, headers in lower case, body) of what the server says until it hangs up."""
    with connect(url) as line:
        line.sendall(request)
        whole = b"".join(iter(lambda: line.recv(4096), b""))
    head, _, body = whole.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    pairs = (one.split(": ", 1) for one in rest)
    return int(first.split(" ")[1]), {name.lower(): value for name, value in pairs}, body


def raw(
    url: str, first: str, headers: Headers | None = None, body: bytes = b""
) -> tuple[int, Headers, bytes]:
    """One request on one connection that is closed after it."""
    usual = {"Host": "127.0.0.1", "Connection": "close"}
    return spoken(url, lines(first, usual | (headers or {}), body))


def order(url: str, headers: Headers, body: bytes, version: str = "1.1") -> dict[str, Any]:
    """What a POST of an order, byte for byte, is answered."""
    length = {"Content-Length": str(len(body))} if body else {}
    status, _, content = raw(url, f"POST /api/v1/order HTTP/{version}", headers | length, body)
    assert status == 200, content
    answer: dict[str, Any] = json.loads(content)
    return answer


JSON = {"Content-Type": "application/json"}
BODY = json.dumps(ORDER).encode()


# --- the order of things --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query", ["limit=5&offset=0&symbol=SOL_USDC", "symbol=SOL_USDC&offset=0&limit=5"]
)
def test_the_order_on_the_wire_does_not_matter(url: str, query: str) -> None:
    headers = signed("instruction=fillHistoryQueryAll&limit=5&offset=0&symbol=SOL_USDC")
    status, _, body = raw(url, f"GET {FILLS}?{query} HTTP/1.1", headers)
    assert (status, body) == (200, b"[]")


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(ORDER).encode(),  # Python: a space after each comma and colon
        json.dumps(ORDER, separators=(",", ":"), sort_keys=True).encode(),  # Go, Rust
        json.dumps(ORDER, indent=4).replace("\n", "\r\n").encode(),
        json.dumps(dict(reversed(ORDER.items()))).encode(),
        json.dumps(ORDER | {"triggerPrice": None}).encode(),
        json.dumps(ORDER).replace("/", "\\/").replace("_", "\\u005f").encode(),
        b"\n\t " + json.dumps(ORDER).encode() + b"\n",
    ],
    ids=["python", "compact", "indented", "reversed", "a null", "escapes", "blank around"],
)
def test_the_format_of_a_body_does_not_matter(url: str, body: bytes) -> None:
    assert order(url, signed(ORDER_TEXT) | JSON, body)["status"] == "New"


# --- headers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("spell", [str.lower, str.upper, str.title, str.swapcase])
def test_header_names_in_any_case(url: str, spell: Any) -> None:
    headers = {spell(name): value for name, value in (signed(ORDER_TEXT) | JSON).items()}
    assert order(url, headers, BODY)["status"] == "New"


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8"],
)
def test_content_types_of_a_body(url: str, content_type: str) -> None:
    assert order(url, signed(ORDER_TEXT) | {"Content-Type": content_type}, BODY)["status"] == "New"


@pytest.mark.parametrize("length", [{}, {"Content-Length": "0"}])
def test_a_content_type_on_a_get(url: str, length: Headers) -> None:
    """Recorded: a client sent one on its signed GETs, and was answered 200."""
    headers = signed("instruction=balanceQuery") | JSON | length
    assert raw(url, "GET /api/v1/capital HTTP/1.1", headers)[0] == 200


def test_without_a_window(url: str) -> None:
    headers = signed("instruction=balanceQuery", window=None)
    assert "X-Window" not in headers
    assert raw(url, "GET /api/v1/capital HTTP/1.1", headers)[0] == 200


def test_unknown_headers_are_ignored(url: str) -> None:
    """The broker's id among them: it is not signed."""
    extra = {"X-BROKER-ID": "1400", "X-BROKER-KEY": "abc", "Cookie": "a=b", "Accept": "*/*"}
    agent = {"User-Agent": "my bot/0.1", "Origin": "http://localhost:3000", "X-Nonsense": ""}
    assert order(url, signed(ORDER_TEXT) | JSON | extra | agent, BODY)["status"] == "New"


def test_a_client_that_accepts_gzip(url: str) -> None:
    status, headers, body = raw(
        url, "GET /api/v1/status HTTP/1.1", {"Accept-Encoding": "gzip, deflate, br"}
    )
    assert status == 200 and "content-encoding" not in headers
    assert json.loads(body) == {"message": None, "status": "Ok"}


# --- queries --------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["a%20b", "a+b", "%61%20%62"])
def test_a_space_in_a_query(url: str, written: str) -> None:
    """Signed decoded. No symbol has a space; an order of that client id was never made."""
    text = "instruction=withdrawalQueryAll&clientId=a b"
    path = f"/wapi/v1/capital/withdrawals?clientId={written}"
    assert raw(url, f"GET {path} HTTP/1.1", signed(text))[::2] == (200, b"[]")


@pytest.mark.parametrize("written", ["a%2Bb", "a%2bb"])
def test_a_plus_in_a_query(url: str, written: str) -> None:
    text = "instruction=withdrawalQueryAll&clientId=a+b"
    path = f"/wapi/v1/capital/withdrawals?clientId={written}"
    assert raw(url, f"GET {path} HTTP/1.1", signed(text))[::2] == (200, b"[]")


def test_a_client_that_signs_the_encoded_text_is_refused(url: str) -> None:
    """One well-known library does; the exchange signs decoded values, as its own client shows."""
    text = "instruction=withdrawalQueryAll&clientId=a%2Bb"
    path = "/wapi/v1/capital/withdrawals?clientId=a%2Bb"
    status, _, body = raw(url, f"GET {path} HTTP/1.1", signed(text))
    assert (status, json.loads(body)["message"]) == (400, "Invalid signature")


def test_names_of_a_query_may_be_encoded(url: str) -> None:
    text = "instruction=fillHistoryQueryAll&limit=5"
    assert raw(url, f"GET {FILLS}?%6Cimit=5 HTTP/1.1", signed(text))[0] == 200


def test_an_empty_query(url: str) -> None:
    assert raw(url, "GET /api/v1/capital? HTTP/1.1", signed("instruction=balanceQuery"))[0] == 200


# --- the protocol ---------------------------------------------------------------------------------


def test_http_1_0(url: str) -> None:
    request = lines("GET /api/v1/capital HTTP/1.0", signed("instruction=balanceQuery"))
    status, headers, body = spoken(url, request)
    assert status == 200 and json.loads(body)["BTC"]["available"] == "0.1"
    assert "transfer-encoding" not in headers
    assert order(url, signed(ORDER_TEXT) | JSON, BODY, version="1.0")["status"] == "New"


def test_connection_close_is_obeyed(url: str) -> None:
    with connect(url) as line:
        line.sendall(
            lines("GET /api/v1/ping HTTP/1.1", {"Host": "127.0.0.1", "Connection": "close"})
        )
        said = b"".join(iter(lambda: line.recv(4096), b""))  # ends: the server hangs up
    assert said.endswith(b"pong") and b"connection: close" in said.lower()


def test_two_requests_sent_together(url: str) -> None:
    one = lines("GET /api/v1/ping HTTP/1.1", {"Host": "127.0.0.1"})
    last = lines("GET /api/v1/status HTTP/1.1", {"Host": "127.0.0.1", "Connection": "close"})
    with connect(url) as line:
        line.sendall(one + last)
        said = b"".join(iter(lambda: line.recv(4096), b""))
    assert said.count(b"HTTP/1.1 200 OK") == 2
    assert said.index(b"pong") < said.index(b'{"message"')


def test_a_client_that_waits_for_100_continue(url: str) -> None:
    headers = signed(ORDER_TEXT) | JSON | {"Host": "127.0.0.1", "Connection": "close"}
    headers |= {"Expect": "100-continue", "Content-Length": str(len(BODY))}
    with connect(url) as line:
        line.sendall(lines("POST /api/v1/order HTTP/1.1", headers))
        assert line.recv(4096).startswith(b"HTTP/1.1 100 ")
        line.sendall(BODY)
        said = b"".join(iter(lambda: line.recv(4096), b""))
    assert said.startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_body_in_chunks(url: str, size: int) -> None:
    parts = [BODY[start : start + size] for start in range(0, len(BODY), size)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    headers = signed(ORDER_TEXT) | JSON | {"Transfer-Encoding": "chunked"}
    status, _, content = raw(url, "POST /api/v1/order HTTP/1.1", headers, chunks)
    assert (status, json.loads(content)["status"]) == (200, "New")


def test_a_body_has_at_most_a_million_bytes(url: str) -> None:
    """A longer one is refused as soon as its length has arrived."""
    longest = BODY.ljust(1_000_000)
    assert order(url, signed(ORDER_TEXT) | JSON, longest)["status"] == "New"
    headers = signed(ORDER_TEXT) | JSON | {"Content-Length": "1000001"}
    assert raw(url, "POST /api/v1/order HTTP/1.1", headers)[::2] == (400, b"")


def test_a_request_that_arrives_in_drops(url: str) -> None:
    headers = signed(ORDER_TEXT) | JSON | {"Host": "127.0.0.1", "Connection": "close"}
    whole = lines("POST /api/v1/order HTTP/1.1", headers | {"Content-Length": str(len(BODY))}, BODY)
    with connect(url) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for place in range(0, len(whole), 50):
            line.sendall(whole[place : place + 50])
        said = b"".join(iter(lambda: line.recv(4096), b""))
    assert said.startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize("scheme", ["http://", "HTTP://"])
def test_a_whole_url_as_target(url: str, scheme: str) -> None:
    """As to a proxy (RFC 9112, 3.2.2): a server must take it, too."""
    host = url.removeprefix("http://")
    text = "instruction=fillHistoryQueryAll&limit=5"
    status, _, body = raw(url, f"GET {scheme}{host}{FILLS}?limit=5 HTTP/1.1", signed(text))
    assert (status, body) == (200, b"[]")
    assert raw(url, f"GET {scheme}{host}/nope HTTP/1.1")[0] == 404


def test_head(url: str) -> None:
    """As the exchange's framework does: the headers of the GET, and no body."""
    status, headers, body = raw(url, "HEAD /api/v1/status HTTP/1.1")
    assert (status, body) == (200, b"")
    got = raw(url, "GET /api/v1/status HTTP/1.1")
    assert got[2] == b'{"message":null,"status":"Ok"}'
    assert headers["content-length"] == str(len(got[2]))
    assert headers["content-type"] == got[1]["content-type"]
    signs = signed("instruction=balanceQuery")
    assert raw(url, "HEAD /api/v1/capital HTTP/1.1", signs)[0] == 200
    assert raw(url, "HEAD /api/v1/capital HTTP/1.1")[0] == 400
    assert raw(url, "HEAD /api/v1/rfq HTTP/1.1")[0] == 405  # only a POST


@pytest.mark.parametrize("target", ["/api/v1/status/", "//api/v1/status", "/api/v1/Status"])
def test_a_path_is_taken_literally(url: str, target: str) -> None:
    status, _, body = raw(url, f"GET {target} HTTP/1.1")
    assert (status, body) == (404, b"not found")


def test_methods_are_written_in_capitals(url: str) -> None:
    assert raw(url, "get /api/v1/status HTTP/1.1")[0] == 405


# --- libraries ------------------------------------------------------------------------------------


def test_requests(url: str) -> None:
    posted = requests.post(
        f"{url}/api/v1/order", json=ORDER, headers=signed(ORDER_TEXT), timeout=10
    )
    assert posted.status_code == 200
    cancel = {"symbol": "SOL_USDC", "orderId": posted.json()["id"]}
    text = f"instruction=orderCancel&orderId={cancel['orderId']}&symbol=SOL_USDC"
    deleted = requests.delete(
        f"{url}/api/v1/order",
        data=json.dumps(cancel),
        headers=signed(text) | {"content-type": "application/json; charset=utf-8"},
        timeout=10,
    )
    assert deleted.json()["status"] == "Cancelled"


def test_requests_with_parameters_in_any_order(url: str) -> None:
    answer = requests.get(
        f"{url}{FILLS}",
        params={"symbol": "SOL_USDC", "limit": 3, "sortDirection": "Asc"},
        headers=signed("instruction=fillHistoryQueryAll&limit=3&sortDirection=Asc&symbol=SOL_USDC"),
        timeout=10,
    )
    assert (answer.status_code, answer.json()) == (200, [])


def test_urllib(url: str) -> None:
    """It spells header names as ``X-api-key``."""
    request = urllib.request.Request(
        f"{url}/api/v1/order", BODY, signed(ORDER_TEXT) | JSON, method="POST"
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.load(answer)["status"] == "New"
    with urllib.request.urlopen(f"{url}/api/v1/time", timeout=10) as answer:
        assert answer.read().isdigit()


def test_http_client_on_one_connection(url: str) -> None:
    line = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
    try:
        for _ in range(2):
            line.request("POST", "/api/v1/order", BODY, signed(ORDER_TEXT) | JSON)
            response = line.getresponse()
            assert response.status == 200 and json.load(response)["clientId"] == 7
        line.request("POST", "/api/v1/order", iter([BODY]), signed(ORDER_TEXT) | JSON)  # chunked
        response = line.getresponse()
        assert response.status == 200 and json.load(response)["clientId"] == 7
        settings = b'{"autoLend":false}'
        text = "instruction=accountUpdate&autoLend=false"
        line.request("PATCH", "/api/v1/account", settings, signed(text) | JSON)
        response = line.getresponse()
        assert (response.status, response.read()) == (200, b"")
    finally:
        line.close()
