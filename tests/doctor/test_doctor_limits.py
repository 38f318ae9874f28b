"""The doctor's work has a limit, and nothing that is handed to it breaks it."""

from __future__ import annotations

import json
import time
from base64 import b64decode, b64encode
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from helpers import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from test_diagnosis import (
    FILLS,
    KEY,
    MS,
    ORDER,
    ORDER_JSON,
    OTHER,
    OTHER_KEY,
    PRIVATE,
    RAW_KEY,
    RIGHT,
    SIGNATURE,
    TAIL,
    checked,
    heads,
    order,
    proves,
    sign,
)

from bpkit.doctor import diagnose, diagnosis
from bpkit.doctor.signed_text import SignedText
from bpkit.errors import InputError

# --- work -----------------------------------------------------------------------------------------

CAPITAL = "/api/v1/capital?"
FIELDS = {"symbol": "SOL_USDC", "price": "1.50"}


def fields(count: int, value: Any = "1.50") -> str:
    return json.dumps({**FIELDS, **{f"n{number}": value for number in range(count)}})


GREAT = {
    "3000 fields": ("POST", "/api/v1/order", fields(3000)),
    "5000 fields": ("POST", "/api/v1/order", fields(5000)),
    "60000 fields": ("POST", "/api/v1/order", fields(60_000, "1")),
    "6000 nulls": ("POST", "/api/v1/order", fields(6000, None)),
    "1000 parameters": ("GET", CAPITAL + "&".join(f"a{n}=1.50" for n in range(1000)), ""),
    "50000 names": ("GET", CAPITAL + "a&" * 49_990, ""),
    "elsewhere": ("GET", "/api/v1/capital", fields(5000)),
    "batch of 700": ("POST", "/api/v1/orders", json.dumps([ORDER] * 700)),
    "batch of 5000": ("POST", "/api/v1/orders", json.dumps([ORDER] * 5000)),
    "batch of nothing": ("POST", "/api/v1/orders", f"[{'{},' * 33_000}{{}}]"),
    "one long value": ("POST", "/api/v1/order", json.dumps({**ORDER, "x": "a" * 90_000})),
    "nested": ("POST", "/api/v1/order", f'{{"x":[{"1.50," * 19_000}1]}}'),
    "many nested": ("POST", "/api/v1/order", json.dumps({f"a{n}": [n] for n in range(7000)})),
    "exponents": ("POST", "/api/v1/order", fields(5000, "1e99")),
    "a megabyte": ("POST", "/api/v1/order", json.dumps({"x": "a" * 990_000})),
}  # fmt: skip


@pytest.mark.parametrize("name", GREAT)
def test_the_work_has_a_limit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By number: drafts and the parameters in them. The clock only keeps a defect from hanging."""
    written: list[int] = []
    write = SignedText.write

    def counted(text: SignedText) -> bytes:
        written.append(sum(len(part) for part in text.orders))
        assert len(written) <= 6001 and sum(written) <= 700_000
        return write(text)

    monkeypatch.setattr(SignedText, "write", counted)
    method, url, body = GREAT[name]
    started = time.process_time()
    found = diagnose(method=method, url=url, headers=heads(sign("nothing known")), body=body)
    assert time.process_time() - started < 2.5
    assert (found.cause, found.proven) in (("unknown", False), ("client_id", True))


def test_a_query_that_is_too_long_is_not_examined() -> None:
    """Query and body count together; "clientId=" has 9 characters."""
    asked: dict[str, Any] = {"method": "GET", "headers": heads(SIGNATURE)}
    url = f"/wapi/v1/capital/withdrawals?clientId={'a' * 99_990}"
    assert diagnose(**asked, url=url, body="x").expected is not None
    for longer in ({"url": url, "body": "xx"}, {"url": f"{url}aa"}):
        found = diagnose(**asked, **longer)
        assert (found.cause, found.expected) == ("unknown", None)
        assert "100,000 characters" in found.remedy


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> dict[bytes, list[bytes]]:
    """The texts that are compared with the signature, by public key. None of them fits."""
    texts: dict[bytes, list[bytes]] = {}

    def verify(key: bytes, signature: bytes, text: bytes) -> bool:
        texts.setdefault(key, []).append(text)
        return False

    monkeypatch.setattr(diagnosis, "verify", verify)
    return texts


def unknown(body: str) -> str:
    """The remedy for an order with an unknown signature, where two public keys may be meant."""
    found = diagnose(
        method="POST", url="/api/v1/order", headers=heads(SIGNATURE), body=body,
        public_key=OTHER_KEY,
    )  # fmt: skip
    assert checked(found).cause == "unknown"
    return found.remedy


def test_the_number_of_texts_is_the_number_that_was_tried(tried: dict[bytes, list[bytes]]) -> None:
    """Each text once; one of them is the right text."""
    remedy = unknown(ORDER_JSON)
    texts = tried[RAW_KEY]
    assert len(set(texts)) == len(texts) < 3000 and texts[0] == RIGHT.encode()
    assert f"any of {len(texts) - 1} others" in remedy


def test_3000_texts_are_tried_with_the_first_key(tried: dict[bytes, list[bytes]]) -> None:
    """And 1000 with all other keys together: the second key, and X-API-Key as a secret."""
    assert "any of 2999 others" in unknown(fields(40))
    assert len(tried[RAW_KEY]) == 3000
    assert sum(map(len, tried.values())) == 4000 and len(tried[b64decode(OTHER_KEY)]) > 500


def test_what_is_too_long_is_not_examined() -> None:
    """100,000 characters are, one more is not."""
    room = 100_000 - len(json.dumps({**ORDER, "note": ""}))
    right = RIGHT.replace("&orderType", f"&note={'a' * room}&orderType")
    assert order(right, {**ORDER, "note": "a" * room}).cause == "none"
    found = order(right, {**ORDER, "note": "a" * (room + 1)})
    assert (found.cause, found.proven, found.expected) == ("unknown", False, None)
    assert "100,000 characters" in found.remedy


def test_every_single_mistake_of_a_batch_of_fifty_is_tried() -> None:
    orders = [{**ORDER, "clientId": number} for number in range(50)]
    parts = [RIGHT.removesuffix(TAIL).replace("clientId=42", f"clientId={n}") for n in range(50)]
    signed, right = "&".join(parts), "&".join(parts) + TAIL
    url, body = "/api/v1/orders", json.dumps(orders)
    # The last of all habits is a clock that was asked twice.
    signed += TAIL.replace("1519", "1524")
    found = diagnose(method="POST", url=url, headers=heads(sign(signed)), body=body)
    proves(checked(found), "timestamp_differs", signed, right)


# --- odd input ------------------------------------------------------------------------------------


def test_blanks_about_a_header_are_no_part_of_it() -> None:
    """RFC 9110, section 5.5: they are stripped by whoever reads the header."""
    assert order(RIGHT, Window="5000 ", Timestamp=f"\t{MS}", Key=f" {KEY}\t").cause == "none"
    assert order(RIGHT, Signature=f" {SIGNATURE} ").cause == "none"


def test_a_header_of_none_was_not_sent() -> None:
    headers: dict[str, Any] = {**heads(SIGNATURE), "X-Window": None}
    found = diagnose(method="POST", url="/api/v1/order", headers=headers, body=ORDER_JSON)
    assert found.cause == "none"


def test_thousands_of_digits() -> None:
    """Python refuses to make a number of more than 4300."""
    many = "1" * 6000
    for name, old, cause in (("Window", "5000", "window_limit"), ("Timestamp", MS, "time_unit")):
        right = RIGHT.replace(f"={old}", f"={many}")
        asked = {"method": "POST", "url": "/api/v1/order", "body": ORDER_JSON, "now": MS}
        found = diagnose(**asked, headers=heads(sign(right), **{name: many}))
        proves(found, cause, right, right)


def test_a_batch_of_nothing() -> None:
    signed = f"instruction=&instruction=&timestamp={MS}"
    found = diagnose(
        method="POST", url="/api/v1/orders", headers=heads(sign(signed)), body="[{},{}]"
    )
    right = f"instruction=orderExecute&instruction=orderExecute{TAIL}"
    proves(checked(found), "no_instruction + no_window", signed, right)


SECRETIVE = "hunter2"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("headers", [("X-API-Key", SECRETIVE)]), ("headers", SECRETIVE), ("headers", 5),
        ("body", {"a": SECRETIVE}), ("body", iter([b"x"])), ("body", 5),
        ("signed", SECRETIVE.encode()), ("signed", 5), ("public_key", SECRETIVE.encode()),
        ("public_key", 5), ("now", "1750793021519"), ("now", 1750793021.519), ("now", True),
        ("earlier", SECRETIVE), ("earlier", [b"x"]),
        ("earlier", 5), ("earlier", [[]]), ("url", "http://["), ("url", ""), ("url", None),
    ],
    ids=lambda piece: type(piece).__name__,
)  # fmt: skip
def test_what_is_no_piece_of_a_request(field: str, value: Any) -> None:
    asked: dict[str, Any] = {"method": "POST", "url": "/api/v1/order", "headers": heads(SIGNATURE)}
    with pytest.raises(InputError) as error:
        diagnose(**asked | {field: value})
    assert error.value.field == field and error.value.remedy
    assert SECRETIVE not in str(error.value)


@pytest.mark.parametrize("request_", [5, f"POST /api/v1/order {SECRETIVE}", []])
def test_what_is_not_a_request(request_: Any) -> None:
    """The error names the type, and what a request has."""
    with pytest.raises(InputError) as error:
        diagnose(request_)
    kind = type(request_).__name__
    assert str(error.value) == (
        f"request={kind!r}: is not a request with .method, .url, .headers and .body; "
        "or pass a dict of these"
    )


def test_a_mapping_with_another_name_is_refused_without_its_values() -> None:
    """As somebody writes who knows requests: the query would not be seen."""
    with pytest.raises(InputError) as error:
        diagnose({"url": FILLS, "params": {"key": SECRETIVE}, "headers": heads(SIGNATURE)})
    assert str(error.value) == (
        "request='params': is not a part of a request; give method, url with its query, headers, "
        "body"
    )


@pytest.mark.parametrize("url", [None, ""])
def test_a_request_without_a_url_is_one_all_the_same(url: Any) -> None:
    request = SimpleNamespace(method="POST", url=url, headers={}, body=ORDER_JSON)
    with pytest.raises(InputError) as error:
        diagnose(request)
    assert error.value.field == "url"
    assert diagnose(request, url="/api/v1/order").cause == "missing_header"


def test_a_key_in_hex_is_not_shown() -> None:
    """As when a query holds in hex what X-API-Key holds in base64, or any other 32 bytes."""
    secret = bytes(range(32))
    signed = f"instruction=fillHistoryQueryAll&symbol={secret.hex()}&timestamp={MS}"
    for sent, private in ((secret, OTHER), (RAW_KEY, PRIVATE)):
        headers = heads(sign(signed, private), Key=b64encode(sent).decode())
        url = f"/wapi/v1/history/fills?symbol={secret.hex()}"
        found = checked(diagnose(method="GET", url=url, headers=headers))
        assert secret.hex() not in repr(found) + str(found) + found._repr_html_()
        assert found.signed is not None and found.expected is not None
        assert "symbol=***&" in found.signed and "symbol=***&" in found.expected


def test_a_key_in_base64_is_not_shown_where_it_was_sent_in_hex() -> None:
    signed = f"instruction=fillHistoryQueryAll&symbol={KEY}{TAIL}"
    headers, url = heads(sign(signed), Key=RAW_KEY.hex()), "/wapi/v1/history/fills?symbol="
    found = checked(diagnose(method="GET", url=url + quote(KEY), headers=headers))
    expected = f"instruction=fillHistoryQueryAll&symbol=***{TAIL}"
    proves(found, "key_form", expected, expected)


def test_a_key_in_hex_among_other_digits_is_known_by_itself() -> None:
    signed = f"{MS}{RAW_KEY.hex()}{MS}"
    asked = {"method": "POST", "url": "/api/v1/order", "body": ORDER_JSON, "signed": signed}
    found = checked(diagnose(**asked, headers=heads(sign(signed))))
    proves(found, "other_text", f"{MS}***{MS}", RIGHT)


ANYTHING = st.text(max_size=60) | st.sampled_from([KEY, SIGNATURE, str(MS), "5000", "٣", "\ud800"])


@settings(max_examples=examples(60))
@given(
    url=st.sampled_from(["/api/v1/order", FILLS, "wss://x/", "/api/v1/orders", "http://[", "?"])
    | st.text(max_size=40).map(lambda tail: "/api/v1/orders?" + tail),
    method=st.sampled_from(["GET", "POST", "DELETE", "SUBSCRIBE", ""]),
    body=st.binary(max_size=60)
    | st.sampled_from([ORDER_JSON, ORDER_JSON.encode("utf-16"), "[" * 100_000, '{"a":' * 500,
                       '{"a":' + "9" * 5000 + "}", '{"signature":[1,2,3,4]}', '{"a":"\\ud800"}',
                       '{"a":' + "[" * 400 + "]" * 400 + "}"]),
    headers=st.fixed_dictionaries(
        {}, optional={name: ANYTHING for name in heads("")}
    ),
    signed=st.none() | ANYTHING,
    key=st.none() | ANYTHING,
    now=st.none() | st.integers(0, 2 * MS),
)  # fmt: skip
def test_nothing_that_is_pasted_breaks_it(
    url: Any, method: Any, body: Any, headers: Any, signed: Any, key: Any, now: Any
) -> None:
    asked = {"method": method, "url": url, "headers": headers, "body": body, "now": now}
    try:
        found = diagnose(**asked, signed=signed, public_key=key, earlier=["x", SIGNATURE[:-4]])
    except InputError:
        return
    assert found.cause and str(found) and found._repr_html_()


ODD = st.one_of(
    st.none(), st.integers(), st.floats(), st.text(max_size=9), st.binary(max_size=9),
    st.lists(st.text(max_size=3) | st.binary(max_size=3), max_size=2),
    st.dictionaries(st.text(max_size=9) | st.binary(max_size=9), st.none() | st.binary(max_size=9),
                    max_size=3),
)  # fmt: skip
NAMES = ("method", "url", "headers", "body", "signed", "public_key", "now", "earlier")


@settings(max_examples=examples(100))
@given(odd=st.dictionaries(st.sampled_from(NAMES), ODD, max_size=2), tail=st.binary(max_size=9))
def test_a_piece_of_any_type_is_read_or_refused(odd: dict[str, Any], tail: bytes) -> None:
    """Two pieces at most, or nearly all would be refused for the first of them."""
    asked: dict[str, Any] = {
        "method": "POST", "url": "/api/v1/order", "headers": heads(SIGNATURE),
        "body": ORDER_JSON.encode() + tail,
    }  # fmt: skip
    try:
        found = diagnose(**asked | odd)
    except InputError as error:
        assert error.field in NAMES and error.remedy
        return
    assert found.cause and str(found) and found._repr_html_()
