"""Was this request signed by its key, in its window? Judged from raw bytes alone.

The known answers come from ``data/signing_vectors.json``, whose signatures openssl has confirmed.
Everything else is signed here with ``cryptography``, over texts that are written out by hand.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode, urlsafe_b64encode
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from helpers import VECTORS
from hypothesis import given
from hypothesis import strategies as st

from bpkit.operations import OPERATIONS, UNDOCUMENTED, Operation
from bpkit.sandbox import Conflicts
from bpkit.sandbox.core.exchange import Exchange
from bpkit.sandbox.server import auth, parsing
from bpkit.sandbox.server.auth import Denied
from bpkit.sandbox.server.service import Response, Service
from bpkit.sandbox.simulation import market

# The pair that the exchange's own Python guide prints.
SECRET = "TDSkv44jf/iD/QCKkyCdixO+p1sfLXxk+PZH7mW/ams="
PUBLIC = "5+yQgwU0ZdJ/9s+GXfuPFfo7yQQpl9CgvQedJXne30o="
OTHER = b64encode(Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw())
NOW = 1_750_793_021_519
HEADERS = ("x-api-key", "x-signature", "x-timestamp")

BALANCES = OPERATIONS["get_balances"]
FILLS = OPERATIONS["get_fills"]
ORDER = OPERATIONS["execute_order"]
BATCH = OPERATIONS["execute_order_batch"]

FILLS_QUERY = "from=1735689600000&limit=1000&to=1735776000000"
ORDER_BODY = (
    b'{"clientId":7,"orderType":"Limit","postOnly":true,"price":"150.25","quantity":"0.5",'
    b'"side":"Bid","symbol":"SOL_USDC"}'
)
ORDER_TEXT = (
    "instruction=orderExecute&clientId=7&orderType=Limit&postOnly=true&price=150.25&quantity=0.5"
    "&side=Bid&symbol=SOL_USDC"
)


def signature(text: str | bytes) -> str:
    raw = text if isinstance(text, bytes) else text.encode()
    private = Ed25519PrivateKey.from_private_bytes(b64decode(SECRET))
    return b64encode(private.sign(raw)).decode()


def signed(text: str | bytes, timestamp: object = NOW, window: object = 5000) -> dict[str, str]:
    """Headers for a request whose signed text begins with ``text``."""
    raw = text if isinstance(text, bytes) else text.encode()
    return {
        "x-api-key": PUBLIC,
        "x-signature": signature(raw + f"&timestamp={timestamp}&window={window}".encode()),
        "x-timestamp": str(timestamp),
        "x-window": str(window),
    }


def verify(
    operation: Operation,
    headers: dict[str, str],
    query: str = "",
    body: bytes = b"",
    now_ms: int = NOW,
) -> str:
    accounts = {PUBLIC, OTHER.decode()}
    return auth.verify(operation, query, headers, body, now_ms, accounts.__contains__)


def refusal(
    operation: Operation,
    headers: dict[str, str],
    query: str = "",
    body: bytes = b"",
    now_ms: int = NOW,
) -> tuple[int, str, str]:
    with pytest.raises(Denied) as denied:
        verify(operation, headers, query, body, now_ms)
    return denied.value.status, denied.value.code, denied.value.message


def bad(message: str) -> tuple[int, str, str]:
    return 400, "INVALID_CLIENT_REQUEST", message


# --- known answers --------------------------------------------------------------------------------

# Python writes 1e-05; the exchange's client, and so the vector, writes no exponent.
WRITTEN = {"quantity_small_float_no_exponent": ("1e-05", "0.00001")}


def sent(case: dict[str, Any]) -> tuple[Operation, str, bytes]:
    """The case as an operation, a query and a body."""
    instruction = case["text"].removeprefix("instruction=").split("&")[0]
    operation = Operation(case["name"], "", case["method"], case["path"], instruction, "")
    if case["method"] == "GET":
        return operation, urlencode(case["fields"], doseq=True, quote_via=quote), b""
    body = json.dumps(case["fields"]).replace(*WRITTEN.get(case["name"], ("", "")))
    return operation, "", body.encode()


def headers_of(case: dict[str, Any]) -> dict[str, str]:
    return {
        "x-api-key": PUBLIC,
        "x-signature": case["signature"],
        "x-timestamp": str(case["timestamp"]),
        "x-window": str(case["window"]),
    }


OVER_HTTP = [case for case in VECTORS["cases"] if case["method"] != "WS"]


def test_there_are_vectors() -> None:
    assert len(OVER_HTTP) == 41
    assert len(VECTORS["negative"]) == 5


@pytest.mark.parametrize("case", OVER_HTTP, ids=lambda case: case["name"])
def test_known_signatures_are_accepted(case: dict[str, Any]) -> None:
    operation, query, body = sent(case)
    assert verify(operation, headers_of(case), query, body, case["timestamp"]) == PUBLIC


@pytest.mark.parametrize("case", VECTORS["negative"], ids=lambda case: case["name"])
def test_known_mistakes_are_refused(case: dict[str, Any]) -> None:
    operation, query, body = sent(case)
    assert refusal(operation, headers_of(case), query, body, case["timestamp"]) == bad(
        "Invalid signature"
    ), case["why"]


def test_the_entity_that_scraped_documentation_prints_is_refused() -> None:
    headers = signed("instruction=balanceQuery")
    mangled = f"instruction=balanceQuery\u00d7tamp={NOW}&window=5000"  # "&times" as an entity
    headers["x-signature"] = signature(mangled)
    assert refusal(BALANCES, headers) == bad("Invalid signature")


# --- the text is rebuilt from what arrived --------------------------------------------------------


def test_no_parameters_leave_the_instruction() -> None:
    assert verify(BALANCES, signed("instruction=balanceQuery")) == PUBLIC


@pytest.mark.parametrize(
    "body",
    [
        b'{"symbol":"SOL_USDC","price":"150.25","quantity":"0.5","side":"Bid",'
        b'"orderType":"Limit","postOnly":true,"clientId":7}',
        ORDER_BODY.replace(b":", b" : ").replace(b",", b",\n  "),
        ORDER_BODY.replace(b"{", b'{"brokerId":null,'),
        ORDER_BODY.replace(b"SOL", b"\\u0053OL"),
    ],
    ids=["another order of names", "spaces", "a null", "an escape"],
)
def test_only_the_meaning_of_a_body_counts(body: bytes) -> None:
    assert verify(ORDER, signed(ORDER_TEXT), body=body) == PUBLIC


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"150.250", "150.250"),
        (b'"150.250"', "150.250"),
        (b"1.50E2", "1.50E2"),
        (b"-0", "-0"),
        (b"9007199254740993", "9007199254740993"),
        (b"0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
        (b"true", "true"),
        (b"false", "false"),
        (b'"True"', "True"),
        (b'""', ""),
        (b'"a&b=c d+%41"', "a&b=c d+%41"),
        ('"caf\u00e9"'.encode(), "caf\u00e9"),
    ],
)
def test_values_are_kept_as_written(value: bytes, text: str) -> None:
    headers = signed(f"instruction=orderExecute&price={text}")
    assert verify(ORDER, headers, body=b'{"price":' + value + b"}") == PUBLIC


def test_upper_case_names_come_first() -> None:
    headers = signed("instruction=orderExecute&B=2&_=3&a=4&aB=5&ab=6")
    assert verify(ORDER, headers, body=b'{"ab":6,"a":4,"_":3,"aB":5,"B":2}') == PUBLIC


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("symbol=SOL_USDC&limit=5", "limit=5&symbol=SOL_USDC"),
        ("symbol=a%2Bb%26c%3Dd%20e%25", "symbol=a+b&c=d e%"),
        ("symbol=a+b", "symbol=a b"),
        ("symbol=", "symbol="),
        ("symbol=caf%C3%A9", "symbol=caf\u00e9"),
        ("marketType=SPOT&marketType=PERP", "marketType=SPOT&marketType=PERP"),
    ],
)
def test_a_query_is_signed_decoded_and_sorted(query: str, text: str) -> None:
    headers = signed(f"instruction=fillHistoryQueryAll&{text}")
    assert verify(FILLS, headers, query) == PUBLIC


def test_bytes_that_are_not_utf8_are_signed_as_they_are() -> None:
    headers = signed(b"instruction=fillHistoryQueryAll&symbol=\xff")
    assert verify(FILLS, headers, "symbol=%FF") == PUBLIC
    assert refusal(FILLS, headers, "symbol=%FE") == bad("Invalid signature")


def test_a_batch_repeats_the_instruction() -> None:
    body = b'[{"symbol":"SOL_USDC","side":"Bid"},{"side":"Ask","price":null}]'
    text = "instruction=orderExecute&side=Bid&symbol=SOL_USDC&instruction=orderExecute&side=Ask"
    assert verify(BATCH, signed(text), body=body) == PUBLIC
    once = "instruction=orderExecute&side=Bid&symbol=SOL_USDC&side=Ask"
    assert refusal(BATCH, signed(once), body=body) == bad("Invalid signature")


def test_a_get_is_signed_by_its_query_and_the_rest_by_their_bodies() -> None:
    """The query of a POST and the body of a GET are not part of it."""
    headers = signed(f"instruction=fillHistoryQueryAll&{FILLS_QUERY}")
    assert verify(FILLS, headers, FILLS_QUERY, b'{"symbol":"SOL_USDC"}') == PUBLIC
    assert verify(ORDER, signed(ORDER_TEXT), "symbol=BTC_USDC", ORDER_BODY) == PUBLIC


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shown"),
    [("x-api-key", "X-API-Key"), ("x-signature", "X-Signature"), ("x-timestamp", "X-Timestamp")],
)
@pytest.mark.parametrize("value", [None, ""])
def test_a_header_is_missing(name: str, shown: str, value: str | None) -> None:
    headers = signed("instruction=balanceQuery")
    del headers[name]
    if value is not None:
        headers[name] = value
    assert refusal(BALANCES, headers) == bad(f"Missing {shown} header")


@pytest.mark.parametrize(
    "text",
    [
        "not base64",
        "caf\u00e9",
        "=",
        b64encode(bytes(63)).decode(),
        b64encode(bytes(65)).decode(),
        urlsafe_b64encode(b"\xff" * 64).decode(),
        signature("x").rstrip("="),
        signature("x").encode().hex(),
    ],
)
def test_a_signature_that_is_not_64_bytes(text: str) -> None:
    headers = signed("instruction=balanceQuery") | {"x-signature": text}
    assert refusal(BALANCES, headers) == bad("Invalid X-Signature header")


@pytest.mark.parametrize(
    "text", ["not base64", b64encode(bytes(31)).decode(), b64encode(bytes(33)).decode()]
)
def test_a_key_that_is_not_32_bytes(text: str) -> None:
    headers = signed("instruction=balanceQuery") | {"x-api-key": text}
    assert refusal(BALANCES, headers) == bad("Invalid X-API-Key header")


def test_a_key_without_an_account() -> None:
    stranger = b64encode(bytes(range(32))).decode()
    headers = signed("instruction=balanceQuery") | {"x-api-key": stranger}
    assert refusal(BALANCES, headers) == (401, "UNAUTHORIZED", "Unknown API key")


def test_the_key_of_another_account() -> None:
    headers = signed("instruction=balanceQuery") | {"x-api-key": OTHER.decode()}
    assert refusal(BALANCES, headers) == bad("Invalid signature")


def test_a_signature_of_another_text() -> None:
    headers = signed("instruction=accountQuery")
    assert refusal(BALANCES, headers) == bad("Invalid signature")


@pytest.mark.parametrize(
    "window", ["0", "60001", "-1", "5e3", "5000.0", "ten", "", " ", "\u0665", "9" * 5000]
)
def test_a_window_that_is_not_a_number(window: str) -> None:
    headers = signed("instruction=balanceQuery", window=window)
    assert refusal(BALANCES, headers) == bad("Invalid X-Window header")


@pytest.mark.parametrize("window", [1, 60_000])
def test_the_smallest_and_the_widest_window(window: int) -> None:
    headers = signed("instruction=balanceQuery", window=window)
    assert verify(BALANCES, headers, now_ms=NOW + window) == PUBLIC
    assert refusal(BALANCES, headers, now_ms=NOW + window + 1) == bad("Request has expired")


def test_no_window_header_means_5000() -> None:
    headers = signed("instruction=balanceQuery", window=5000)
    del headers["x-window"]
    assert verify(BALANCES, headers, now_ms=NOW + 5000) == PUBLIC
    assert refusal(BALANCES, headers, now_ms=NOW + 5001) == bad("Request has expired")
    headers = signed("instruction=balanceQuery", window=6000)
    del headers["x-window"]
    assert refusal(BALANCES, headers) == bad("Invalid signature")


@pytest.mark.parametrize("timestamp", ["soon", "-1", "1750793021.5", "\u0661", "9" * 5000])
def test_a_timestamp_that_is_not_a_number(timestamp: str) -> None:
    headers = signed("instruction=balanceQuery", timestamp)
    assert refusal(BALANCES, headers) == bad("Invalid X-Timestamp header")


TEN_MINUTES = 600_000
FAR = bad("Invalid timestamp: must be within 10 minutes of current time")


def test_ten_minutes_either_way() -> None:
    headers = signed("instruction=balanceQuery")
    assert verify(BALANCES, headers, now_ms=NOW - TEN_MINUTES) == PUBLIC
    assert refusal(BALANCES, headers, now_ms=NOW - TEN_MINUTES - 1) == FAR
    assert refusal(BALANCES, headers, now_ms=NOW + TEN_MINUTES) == bad("Request has expired")
    assert refusal(BALANCES, headers, now_ms=NOW + TEN_MINUTES + 1) == FAR


@pytest.mark.parametrize("timestamp", [0, NOW // 1000, NOW * 1000], ids=["0", "seconds", "micros"])
def test_a_timestamp_in_the_wrong_unit(timestamp: int) -> None:
    assert refusal(BALANCES, signed("instruction=balanceQuery", timestamp)) == FAR


# --- tampering ------------------------------------------------------------------------------------


def with_byte(data: bytes, place: int, byte: int) -> bytes:
    return data[:place] + bytes([byte]) + data[place + 1 :]


@given(st.integers(0, len(FILLS_QUERY) - 1), st.integers(0x21, 0x7E))
def test_a_changed_query(place: int, byte: int) -> None:
    query = with_byte(FILLS_QUERY.encode(), place, byte).decode()
    headers = signed(f"instruction=fillHistoryQueryAll&{FILLS_QUERY}")
    if query == FILLS_QUERY:
        assert verify(FILLS, headers, query) == PUBLIC
    else:
        assert refusal(FILLS, headers, query) == bad("Invalid signature")


MARKETS = market.load()
JSON = {"content-type": "application/json"}


@given(st.integers(0, len(ORDER_BODY) - 1), st.integers(0, 255))
def test_a_changed_body(place: int, byte: int) -> None:
    """It is no JSON any more, or no order any more, or it is not what was signed."""
    body = with_byte(ORDER_BODY, place, byte)
    headers = signed(ORDER_TEXT)
    if body == ORDER_BODY:
        assert verify(ORDER, headers, body=body) == PUBLIC
        return
    try:
        parsing.read(ORDER, "", JSON, body, {one.symbol for one in MARKETS})
    except parsing.Unreadable:
        return
    assert refusal(ORDER, headers, body=body) == bad("Invalid signature")


@given(st.data())
def test_a_changed_header(data: st.DataObject) -> None:
    headers = signed("instruction=balanceQuery")
    name = data.draw(st.sampled_from(sorted(headers)))
    place = data.draw(st.integers(0, len(headers[name]) - 1))
    byte = data.draw(st.integers(0x21, 0x7E))
    changed = with_byte(headers[name].encode(), place, byte).decode()
    if changed == headers[name]:
        assert verify(BALANCES, headers) == PUBLIC
    else:
        refusal(BALANCES, headers | {name: changed})


@pytest.mark.parametrize("place", [-3, -4])
def test_stray_bits_at_the_end_of_a_signature(place: int) -> None:
    """Four bits before ``==`` mean nothing; a text that has them set is not the signature's."""
    headers = signed("instruction=balanceQuery")
    raw = headers["x-signature"]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = alphabet[alphabet.index(raw[place]) ^ 1]
    headers["x-signature"] = raw[:place] + other + raw[len(raw) + place + 1 :]
    refusal(BALANCES, headers)


@given(st.dictionaries(st.sampled_from([*HEADERS, "x-window"]), st.text(max_size=90)))
def test_any_other_headers_are_refused_with_a_message(headers: dict[str, str]) -> None:
    status, code, message = refusal(BALANCES, headers)
    assert (status, code) == (400, "INVALID_CLIENT_REQUEST")
    assert message.startswith(("Missing ", "Invalid "))


# --- before the exchange --------------------------------------------------------------------------


def no_feed(symbol: str) -> Any:
    raise AssertionError(f"the feed of {symbol} is not needed here")


def answer(headers: dict[str, str], body: bytes = b"", method: str = "GET") -> Response:
    """Of the whole service, without a server. GET: the balances; POST: an order."""
    exchange = Exchange(MARKETS, no_feed, NOW * 1000)
    exchange.open_account(PUBLIC, {})
    path = "/api/v1/capital" if method == "GET" else "/api/v1/order"
    return Service(exchange, lambda: NOW).answer(method, path, "", headers, body)


def test_a_good_signature_shows_the_account() -> None:
    response = answer(signed("instruction=balanceQuery"))
    assert (response.status, response.body) == (200, b"{}")


def test_a_bad_signature_is_answered_in_json() -> None:
    response = answer(signed("instruction=accountQuery"))
    assert response.status == 400
    assert response.body == b'{"code":"INVALID_CLIENT_REQUEST","message":"Invalid signature"}'


def test_a_body_is_parsed_before_its_signature_is_checked() -> None:
    response = answer(signed("instruction=balanceQuery") | JSON, b'{"side":1}', "POST")
    assert response.status == 400
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.body.startswith(b"parse request payload error: ")


@pytest.mark.parametrize(
    "body",
    [
        b'{"symbol":"\\ud800"}',
        b'{"symbol":"SOL_USDC","side":"\\udfff"}',
        b"[" * 100_000,
        '{"symbol":"SOL_USDC"}'.encode("utf-16"),
        b'\xef\xbb\xbf{"symbol":"SOL_USDC"}',
        b'{"symbol":"\xff"}',
        b'{"quantity":NaN}',
        b'{"clientId":' + b"9" * 5000 + b"}",
        b"",
    ],
    ids=["half a pair", "the other half", "deep", "utf-16", "bom", "latin", "nan", "long", "empty"],
)
def test_a_body_that_is_not_json(body: bytes) -> None:
    response = answer(signed(ORDER_TEXT) | JSON, body, "POST")
    assert (response.status, response.body) == (400, b"parse request payload error: invalid JSON")


def test_a_clock_that_is_set_back() -> None:
    """The market waits; it does not stop, and nothing is answered from before."""
    exchange = Exchange(MARKETS, no_feed, NOW * 1000)
    first, last = NOW * 1000 + 500_000, NOW * 1000 + 900_000
    times = iter([first, NOW * 1000 - 7, last])
    service = Service(exchange, lambda: NOW, lambda: next(times))
    for now_us in (first, first, last):
        assert service.answer("GET", "/api/v1/ping", "", {}, b"").body == b"pong"
        assert exchange.now_us == now_us


# --- what no signature opens ----------------------------------------------------------------------


SESSION_ONLY = [one for one in OPERATIONS.values() if one.instruction == UNDOCUMENTED]


def test_there_are_operations_without_an_instruction() -> None:
    assert {operation.name for operation in SESSION_ONLY} == {
        *("get_withdrawal_delay", "create_withdrawal_delay", "update_withdrawal_delay"),
        "get_borrow_lend_estimated_liquidation_price",
    }


@pytest.mark.parametrize("operation", SESSION_ONLY, ids=lambda operation: operation.name)
@pytest.mark.parametrize("start", ["", "instruction=", "instruction=withdraw"])
def test_operations_without_an_instruction_accept_no_signature(
    operation: Operation, start: str
) -> None:
    """Not even a good one over the text without an instruction. The answer is a guess."""
    expected = (401, "UNAUTHORIZED", "This operation needs a session")
    assert refusal(operation, signed(start)) == expected
    assert refusal(operation, {}) == expected


def test_nested_values_are_compact_and_keep_their_numbers() -> None:
    text = 'instruction=withdraw&a={"b":[1.50,"2",true,null],"c":{"d":-0}}'
    body = b'{"a": {"c": {"d": -0}, "b": [1.50, "2", true, null]}}'
    assert verify(OPERATIONS["request_withdrawal"], signed(text), body=body) == PUBLIC


# --- the status of a refusal ----------------------------------------------------------------------


def status_of(conflicts: Conflicts, headers: dict[str, str], body: bytes = b"") -> int:
    exchange = Exchange(MARKETS, no_feed, NOW * 1000, conflicts=conflicts)
    exchange.open_account(PUBLIC, {})
    service = Service(exchange, lambda: NOW)
    method, path = ("POST", "/api/v1/order") if body else ("GET", "/api/v1/capital")
    return service.answer(method, path, "", headers, body).status


@pytest.mark.parametrize("status", [400, 401])
def test_the_status_of_a_refused_signature_can_be_chosen(status: int) -> None:
    """Today's is unknown; until 2024-10-15 it was 401."""
    conflicts = Conflicts(auth_status=status)
    good = signed("instruction=balanceQuery")
    assert status_of(conflicts, good) == 200
    assert status_of(conflicts, signed("instruction=accountQuery")) == status
    assert status_of(conflicts, signed("instruction=balanceQuery", NOW - 5001)) == status
    assert status_of(conflicts, {}) == status
    # The framework and the exchange itself do not follow.
    assert status_of(conflicts, good | JSON, b'{"side":1}') == 400
    cancelled = b'{"symbol":"SOL_USDC","orderId":"1"}'
    exchange = Exchange(MARKETS, no_feed, NOW * 1000, conflicts=conflicts)
    exchange.open_account(PUBLIC, {})
    service = Service(exchange, lambda: NOW)
    headers = signed("instruction=orderCancel&orderId=1&symbol=SOL_USDC") | JSON
    assert service.answer("DELETE", "/api/v1/order", "", headers, cancelled).status == 400


def test_an_unknown_key_is_401_either_way() -> None:
    stranger = {"x-api-key": b64encode(bytes(range(32))).decode()}
    headers = signed("instruction=balanceQuery") | stranger
    assert {status_of(Conflicts(auth_status=one), headers) for one in (400, 401)} == {401}


@pytest.mark.parametrize(
    "wrong", [{"auth_status": 403}, {"post_only": "reject"}, {"unknown_cancel": 202}]
)
def test_a_choice_that_does_not_exist(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is not one of"):
        Conflicts(**wrong)
