"""The doctor names each mistake, and proves it.

The texts are written out here, and signed by a few lines of ``cryptography``: nothing of the signer
under test is used.
"""

from __future__ import annotations

import json
import pickle
import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from functools import partial
from hashlib import sha256
from types import MappingProxyType, SimpleNamespace
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from helpers import DEMO_SECRET, VECTORS, examples
from hypothesis import given, settings
from hypothesis import strategies as st

from bpkit.doctor import CAUSES, Finding, diagnose, diagnosis
from bpkit.errors import InputError
from bpkit.operations import OPERATIONS
from bpkit.sandbox.server import auth

PRIVATE = Ed25519PrivateKey.from_private_bytes(b64decode(DEMO_SECRET))
KEY = "5+yQgwU0ZdJ/9s+GXfuPFfo7yQQpl9CgvQedJXne30o="
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = b64encode(OTHER.public_key().public_bytes_raw()).decode()
MS = 1750793021519
TAIL = "&timestamp=1750793021519&window=5000"

ORDER = {
    "symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "170.50", "quantity": "1",
    "postOnly": True, "clientId": 42,
}  # fmt: skip
ORDER_JSON = (
    '{"symbol":"SOL_USDC","side":"Bid","orderType":"Limit","price":"170.50","quantity":"1",'
    '"postOnly":true,"clientId":42}'
)
RIGHT = (
    "instruction=orderExecute&clientId=42&orderType=Limit&postOnly=true&price=170.50&quantity=1"
    "&side=Bid&symbol=SOL_USDC&timestamp=1750793021519&window=5000"
)
FILLS = "/wapi/v1/history/fills?symbol=SOL_USDC&limit=10&from=0"
RIGHT_FILLS = f"instruction=fillHistoryQueryAll&from=0&limit=10&symbol=SOL_USDC{TAIL}"
BATCH = [
    {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "141", "quantity": "12"},
    {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "140", "quantity": "11"},
]
FIRST = "orderType=Limit&price=141&quantity=12&side=Bid&symbol=SOL_USDC"
SECOND = "orderType=Limit&price=140&quantity=11&side=Bid&symbol=SOL_USDC"
RIGHT_BATCH = f"instruction=orderExecute&{FIRST}&instruction=orderExecute&{SECOND}{TAIL}"


def sign(text: str | bytes, private: Ed25519PrivateKey = PRIVATE) -> str:
    raw = text.encode() if isinstance(text, str) else text
    signature = private.sign(raw)
    MADE[signature] = (private.public_key().public_bytes_raw(), raw)
    return b64encode(signature).decode()


MADE: dict[bytes, tuple[bytes, bytes]] = {}  # signature: the key that made it, and of which text


@pytest.fixture
def by_heart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who signed what is looked up. All tests that do not ask for this leave it to mathematics."""
    monkeypatch.setattr(
        diagnosis, "verify", lambda key, signature, text: MADE.get(signature) == (key, text)
    )


def heads(signature: str, **other: str | None) -> dict[str, str]:
    """The four headers; ``other`` by the last word of their names, None to leave one out."""
    headers = {"Key": KEY, "Signature": signature, "Timestamp": str(MS), "Window": "5000"}
    merged = {**headers, **other}
    names = {"Key": "X-API-Key"}
    return {names.get(k, f"X-{k}"): text for k, text in merged.items() if text is not None}


def order(signed: str | bytes, body: Any = ORDER, **other: str | None) -> Finding:
    """The diagnosis of one order, with the headers changed as ``other`` says."""
    text = body if isinstance(body, str) else json.dumps(body)
    headers = heads(sign(signed), **other)
    return checked(diagnose(method="POST", url="/api/v1/order", headers=headers, body=text))


def query(signed: str | bytes, url: str = FILLS, **other: str | None) -> Finding:
    return checked(diagnose(method="GET", url=url, headers=heads(sign(signed), **other)))


def batch(signed: str | bytes) -> Finding:
    body = json.dumps(BATCH)
    found = diagnose(method="POST", url="/api/v1/orders", headers=heads(sign(signed)), body=body)
    return checked(found)


def checked(found: Finding) -> Finding:
    """What holds for every finding."""
    short_sentences(found.remedy)
    assert set(found.cause.split(" + ")) <= CAUSES.keys()
    assert pickle.loads(pickle.dumps(found)) == found
    for text in (str(found), repr(found), found._repr_html_()):
        assert not re.search(r"\b[A-Za-z0-9+/_-]{86}(?![A-Za-z0-9+/_-])", text)
    return found


def short_sentences(text: str) -> None:
    assert text.endswith(".") and "\n" not in text
    for one in re.split(r"(?<=[.!?]) (?=[A-Z])", text):
        assert one[0].isupper() and one[-1] in ".?" and len(one) < 200, one


def apart(signed: str, expected: str) -> int | None:
    """Where two literal texts part, counted from 1."""
    for at in range(max(len(signed), len(expected))):
        if signed[at : at + 1] != expected[at : at + 1]:
            return at + 1
    return None


def proves(found: Finding, cause: str, signed: str | bytes, expected: str) -> None:
    assert (found.cause, found.proven) == (cause, True)
    shown = signed if isinstance(signed, str) else signed.hex()
    assert (found.signed, found.expected) == (shown, expected)
    assert found.place == apart(shown, expected)


# --- right signatures -----------------------------------------------------------------------------

GUESSED = {"quantity_small_float_no_exponent"}  # whose text rests on a guess that we do not share


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_no_right_signature_is_accused(case: dict[str, Any]) -> None:
    headers = heads(case["signature"], Timestamp=str(case["timestamp"]), Window=str(case["window"]))
    fields, body, url = case["fields"], "", case["path"]
    if case["name"].startswith("ws_"):
        four = [KEY, case["signature"], str(case["timestamp"]), str(case["window"])]
        frame = {"method": "SUBSCRIBE", "params": ["account.orderUpdate"], "signature": four}
        found = diagnose(url="wss://ws.backpack.exchange", body=json.dumps(frame))
    else:
        if case["method"] == "GET" and fields:
            url += "?" + urlencode({k: spelled(fields[k]) for k in fields}, doseq=True)
        elif case["method"] != "GET":
            body = json.dumps(fields)
        found = diagnose(method=case["method"], url=url, headers=headers, body=body)
    if case["name"] in GUESSED:
        assert found.cause == "exponent"
        return
    assert found.cause == "none"
    assert found.proven == ("nested" not in case["name"])  # whose expected text is a guess
    assert found.signed == found.expected == case["text"]


def spelled(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def test_a_right_signature_leaves_what_a_signature_cannot_show() -> None:
    found = order(RIGHT)
    proves(found, "none", RIGHT, RIGHT)
    assert "permissions" in found.remedy and "IP" in found.remedy
    assert str(found) == f"The signature is right.\n{found.remedy}"


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAME = st.text("abcdefghijklmnopqrstuvwxyzABC_0123456789", min_size=1, max_size=9)
SIGNED = [row for row in OPERATIONS.values() if row.instruction]


def hidden(text: str) -> str:
    """With stars for the one-time code, which ends at the next & or quotation mark."""
    return re.sub(r"(?<=twoFactorToken=)[^&'\"]+", lambda code: "*" * len(code[0]), text)


@settings(max_examples=examples(80))
@given(
    operation=st.sampled_from(SIGNED),
    fields=st.dictionaries(
        NAME | st.just("twoFactorToken"), TEXT | st.integers() | st.booleans(), max_size=6
    ),
    window=st.integers(1, 60000),
    order=st.randoms(),
)
def test_what_is_signed_by_the_rule_is_never_accused(
    operation: Any, fields: dict[str, Any], window: int, order: Any
) -> None:
    parts = [f"instruction={operation.instruction}"]
    parts += [f"{name}={spelled(fields[name])}" for name in sorted(fields)]
    text = "&".join((*parts, f"timestamp={MS}", f"window={window}"))
    headers, url, body = heads(sign(text), Window=str(window)), operation.path, b""
    names = list(fields)
    order.shuffle(names)
    if operation.method == "GET":
        pairs = (f"{quote(name)}={quote(str(spelled(fields[name])), safe='')}" for name in names)
        url += "?" + "&".join(pairs)
    else:
        one = {name: fields[name] for name in names}
        body = json.dumps([one] if operation.name == "execute_order_batch" else one).encode()
    found = diagnose(method=operation.method, url=url, headers=headers, body=body, now=MS + 1)
    assert found.cause == "none" and found.proven
    assert found.expected == hidden(text)


# --- one mistake ----------------------------------------------------------------------------------

JSON_TEXT = json.dumps(ORDER)
WRONG_TEXTS = [
    ("wrong_instruction", RIGHT.replace("orderExecute", "orderCancel")),
    ("wrong_instruction", RIGHT.replace("orderExecute", "withdrawalQueryAll")),
    ("wrong_instruction", RIGHT.replace("orderExecute", "execute_order")),
    ("no_instruction", RIGHT.removeprefix("instruction=orderExecute&")),
    ("no_instruction", RIGHT.replace("orderExecute", "")),
    ("capital_boolean", RIGHT.replace("true", "True")),
    ("different_values", RIGHT.replace("170.50", "170.5")),
    ("different_values", RIGHT.replace("170.50", "170.500")),
    ("different_values", RIGHT.replace("quantity=1", "quantity=1.0")),
    ("different_values", RIGHT.replace("170.50", "170.5").replace("quantity=1", "quantity=1.0")),
    ("different_values", RIGHT.replace("170.50", '"170.50"')),
    ("different_values", RIGHT.replace("170.50", "170.50000000000003")),  # 170.5 + one bit
    ("different_values", RIGHT.replace("Limit", "limit").replace("Bid", "bid")
                              .replace("SOL_USDC", "sol_usdc")),
    ("different_values", RIGHT.replace("postOnly=true", "postOnly=1")),
    ("parameters_left_out", RIGHT.replace("&postOnly=true", "")),
    ("parameters_left_out", RIGHT.replace("&postOnly=true", "").replace("clientId=42&", "")),
    ("body_not_signed", f"instruction=orderExecute{TAIL}"),
    ("signed_the_body_as_json", f"instruction=orderExecute&{JSON_TEXT}{TAIL}"),
    ("signed_the_body_as_json", JSON_TEXT),
    ("signed_the_body_as_json", json.dumps(ORDER, separators=(",", ":"), sort_keys=True)),
    ("unsorted", "instruction=orderExecute&symbol=SOL_USDC&side=Bid&orderType=Limit&price=170.50"
                 f"&quantity=1&postOnly=true&clientId=42{TAIL}"),
    ("unsorted", RIGHT.replace(TAIL, "&window=5000&timestamp=1750793021519")),
    ("unsorted", "instruction=orderExecute&symbol=SOL_USDC&side=Bid&quantity=1&price=170.50"
                 f"&postOnly=true&orderType=Limit&clientId=42{TAIL}"),
    ("unsorted", RIGHT.replace("instruction=orderExecute&clientId=42",
                               "clientId=42&instruction=orderExecute")),
    ("time_unit", RIGHT.replace(str(MS), "1750793021")),
    ("time_unit", RIGHT.replace(str(MS), "1750793021000")),
    ("time_unit", RIGHT.replace(str(MS), "1750793021519000")),
    ("time_unit", RIGHT.replace(str(MS), "1750793021.519")),
    ("no_timestamp", RIGHT.replace("&timestamp=1750793021519", "")),
    ("no_window", RIGHT.replace("&window=5000", "")),
    ("window_differs", RIGHT.replace("window=5000", "window=60000")),
    ("window_differs", RIGHT.replace("window=5000", "window=15000")),
    ("timestamp_differs", RIGHT.replace(str(MS), "1750793021522")),
    ("mangled", RIGHT.replace("&times", "\N{MULTIPLICATION SIGN}")),
    ("mangled", RIGHT.replace("&", "&amp;")),
    ("names", RIGHT.replace("clientId", "client_id").replace("orderType", "order_type")
                   .replace("postOnly", "post_only")),
    ("names", RIGHT.replace("clientId", "clientid").replace("orderType", "ordertype")
                   .replace("postOnly", "postonly")),
    ("names", RIGHT.replace("window=", "recvWindow=")),
    ("punctuation", RIGHT + "\n"),
    ("punctuation", RIGHT + "&"),
    ("punctuation", "?" + RIGHT),
    ("punctuation", f" {RIGHT}"),
    ("punctuation", f"'{RIGHT}'"),
    ("hashed", sha256(RIGHT.encode()).hexdigest()),
    ("hashed", sha256(RIGHT.encode()).digest()),
    ("other_recipe", "POST/api/v1/order" + RIGHT),
    ("other_recipe", f"{MS}POST/api/v1/order{JSON_TEXT}"),
    *(("parameters_not_sent", RIGHT.replace("&side", f"&quoteQuantity={word}&side"))
      for word in ("None", "null", "undefined", "")),
]  # fmt: skip
WRONG_TEXTS += [
    *(("punctuation", text) for text in (
        f"\n{RIGHT}", f"{RIGHT} ", f" {RIGHT} ", f"{RIGHT}\r\n", f'"{RIGHT}"', f"b'{RIGHT}'")),
    *(("other_recipe", text) for text in (
        f"/api/v1/order?{RIGHT}", f"POST/api/v1/order{JSON_TEXT}")),
    *(("different_values", RIGHT.replace("170.50", price)) for price in (
        "170", "170.5000", "170.50000000")),
    ("different_values", RIGHT.replace("170.50", "170.49999999999997")),  # 170.5 - one bit
    ("different_values", RIGHT.replace("quantity=1", "quantity=1.00000000")),
    *(("window_differs", RIGHT.replace("window=5000", f"window={window}")) for window in (
        "1000", "10000", "30000", "59000")),
    ("time_unit", RIGHT.replace(str(MS), "1750793021519.0")),
    ("time_unit", RIGHT.replace(str(MS), "1750793021.0")),
    ("timestamp_differs", RIGHT.replace(str(MS), str(MS - 100))),
    ("timestamp_differs", RIGHT.replace(str(MS), str(MS + 100))),
    ("wrong_instruction", RIGHT.replace("orderExecute", "order_execute")),
    ("wrong_instruction", RIGHT.replace("orderExecute", "OrderExecute")),
    ("no_instruction", RIGHT.removeprefix("instruction=")),
    ("unsorted", f"{TAIL[1:]}&{RIGHT.removesuffix(TAIL)}"),
    ("no_window", RIGHT.removesuffix("5000")),
    ("parameters_left_out",
     RIGHT.replace("&postOnly=true", "").replace("clientId=42&", "").replace("&side=Bid", "")),
    ("different_values", RIGHT.replace("170.50", "170.500000000")),
    ("signed_the_body_as_json", f"instruction=orderExecute&{ORDER}{TAIL}"),
    # Two mistakes, each of which is also found alone.
    ("wrong_instruction + no_window",
     RIGHT.replace("orderExecute", "orderCancelAll").replace("&window=5000", "")),
    ("wrong_instruction + no_window",
     RIGHT.replace("orderExecute", "balanceQuery").replace("&window=5000", "")),
]  # fmt: skip


@pytest.mark.parametrize(("cause", "signed"), WRONG_TEXTS)
def test_one_mistake_in_the_text_of_an_order(
    cause: str, signed: str | bytes, by_heart: None
) -> None:
    proves(order(signed), cause, signed, RIGHT)


@pytest.mark.parametrize(("cause", "signed"), WRONG_TEXTS)
def test_the_sandbox_refuses_it_too(cause: str, signed: str | bytes) -> None:
    """Another reader of raw requests, which shares no code with the doctor."""
    verdict = partial(
        auth.verify, OPERATIONS["execute_order"], "", body=JSON_TEXT.encode(), now_ms=MS,
        has_account=lambda key: key == KEY,
    )  # fmt: skip
    lower = {name.lower(): text for name, text in heads(sign(RIGHT)).items()}
    assert verdict(lower) == KEY
    with pytest.raises(auth.Denied, match="Invalid signature"):
        verdict(lower | {"x-signature": sign(signed)})


QUERY_TEXTS = [
    ("wrong_instruction", RIGHT_FILLS.replace("fillHistoryQueryAll", "balanceQuery")),
    ("unsorted", f"instruction=fillHistoryQueryAll&symbol=SOL_USDC&limit=10&from=0{TAIL}"),
    ("unsorted", f"instruction=fillHistoryQueryAll&limit=10&symbol=SOL_USDC&from=0{TAIL}"),
    ("query_not_signed", f"instruction=fillHistoryQueryAll{TAIL}"),
    ("different_values", RIGHT_FILLS.replace("limit=10", "limit=10.0")),
    ("parameters_left_out", RIGHT_FILLS.replace("from=0&", "")),  # if from: ... loses 0
    ("parameters_not_sent", RIGHT_FILLS.replace("limit=10", "limit=10&marketType=None")),
    ("parameters_not_sent", RIGHT_FILLS.replace("limit=10", "limit=10&offset=None")
                                       .replace("&symbol", "&side=None&symbol")),
    ("other_recipe", "GET" + FILLS),
    ("other_recipe", f"{MS}GET{FILLS}"),
    ("other_recipe", f"{MS}GET/wapi/v1/history/fills"),
    ("no_instruction + no_timestamp + no_window", FILLS.partition("?")[2]),
    ("other_recipe", "/wapi/v1/history/fills?" + RIGHT_FILLS),
]  # fmt: skip


@pytest.mark.parametrize(("cause", "signed"), QUERY_TEXTS)
def test_one_mistake_in_the_text_of_a_query(cause: str, signed: str) -> None:
    proves(query(signed), cause, signed, RIGHT_FILLS)


BATCH_TEXTS = [
    f"instruction=orderExecute&{FIRST}{TAIL}&{SECOND}{TAIL}",
    f"instruction=orderExecute&{FIRST}&{SECOND}{TAIL}",
    f"instruction=orderExecute&{FIRST}{TAIL}&instruction=orderExecute&{SECOND}{TAIL}",
    f"instruction=orderExecute&{SECOND}&instruction=orderExecute&{FIRST}{TAIL}",
    f"instruction=orderExecute&{FIRST}{TAIL}",
]


@pytest.mark.parametrize("signed", BATCH_TEXTS)
def test_one_mistake_in_the_text_of_a_batch(signed: str) -> None:
    proves(batch(signed), "batch", signed, RIGHT_BATCH)


@pytest.mark.parametrize("count", [1, 2])
def test_a_batch_without_its_orders(count: int) -> None:
    signed = "&".join(["instruction=orderExecute"] * count) + TAIL
    proves(batch(signed), "body_not_signed", signed, RIGHT_BATCH)


def test_a_batch_with_the_parameters_of_all_orders_sorted() -> None:
    parts = sorted(f"{FIRST}&{SECOND}".split("&"), key=lambda part: part.partition("=")[0])
    signed = f"instruction=orderExecute&{'&'.join(parts)}{TAIL}"
    proves(batch(signed), "batch", signed, RIGHT_BATCH)


def test_a_batch_signed_as_json() -> None:
    signed = f"instruction=orderExecute&{json.dumps(BATCH)}{TAIL}"
    proves(batch(signed), "signed_the_body_as_json", signed, RIGHT_BATCH)


def test_an_empty_query_signed_as_json() -> None:
    signed, right = (f"instruction=balanceQuery{text}{TAIL}" for text in ("&{}", ""))
    proves(query(signed, "/api/v1/capital"), "signed_the_body_as_json", signed, right)


def test_the_place_counted_by_hand() -> None:
    """instruction=orderExecute is 24 characters; &clientId=42 12, &orderType=Limit 16, and
    &postOnly= 10: what follows is the 63rd."""
    assert order(RIGHT.replace("true", "True")).place == 63
    assert order(RIGHT.removeprefix("instruction=orderExecute&")).place == 1
    assert order(RIGHT + "\n").place == len(RIGHT) + 1
    assert len(RIGHT) == 151
    assert order(RIGHT.replace("&window=5000", "")).place == 140


# --- what was sent --------------------------------------------------------------------------------


def test_an_expired_request() -> None:
    headers = heads(sign(RIGHT))
    found = diagnose(
        method="POST", url="/api/v1/order", headers=headers, body=ORDER_JSON, now=MS + 12_300
    )
    proves(checked(found), "clock", RIGHT, RIGHT)
    assert str(found) == f"{CAUSES['clock'].title}\n{found.remedy}"
    assert "12.3 seconds after" in found.remedy and "valid for 5 seconds" in found.remedy


@pytest.mark.parametrize(
    ("ahead", "cause", "proven"),
    [
        (-5_000, "none", True),  # the last moment
        (-5_001, "clock", True),
        (-600_001, "clock", True),
        (5_000, "none", True),
        (5_001, "clock", False),  # whether the exchange minds is not known
        (600_001, "clock", True),  # beyond ten minutes
    ],
)
def test_the_clock_to_the_millisecond(ahead: int, cause: str, proven: bool) -> None:
    found = diagnose(
        method="POST", url="/api/v1/order", headers=heads(sign(RIGHT)), body=ORDER_JSON,
        now=MS - ahead,
    )  # fmt: skip
    assert (found.cause, found.proven) == (cause, proven)
    checked(found)


def test_how_far_the_timestamp_is_ahead() -> None:
    found = diagnose(
        method="POST", url="/api/v1/order", headers=heads(sign(RIGHT)), body=ORDER_JSON,
        now=MS - 90_000,
    )  # fmt: skip
    assert found.remedy.startswith("The timestamp is 90 seconds ahead of the exchange. ")


@pytest.mark.parametrize(("late", "said"), [(600_000, False), (600_001, True), (700_000, True)])
def test_beyond_ten_minutes_is_said(late: int, said: bool) -> None:
    found = diagnose(
        method="POST", url="/api/v1/order", headers=heads(sign(RIGHT)), body=ORDER_JSON,
        now=MS + late,
    )  # fmt: skip
    assert ("beyond ten minutes" in found.remedy) == said


@pytest.mark.parametrize("stamp", ["1750793021", "1750793021519000", "1750793021519.0", "now"])
def test_a_timestamp_in_another_unit(stamp: str) -> None:
    text = RIGHT.replace(str(MS), stamp)
    proves(order(text, Timestamp=stamp), "time_unit", text, text)


@pytest.mark.parametrize("stamp", ["1750793021", "1750793021519000"])
def test_a_clock_is_not_blamed_for_another_unit(stamp: str) -> None:
    """As milliseconds, the first is in January 1970 and the second in the year 57450."""
    text = RIGHT.replace(str(MS), stamp)
    for now in (MS, MS + 700_000):
        found = diagnose(
            method="POST", url="/api/v1/order", headers=heads(sign(text), Timestamp=stamp),
            body=ORDER_JSON, now=now,
        )  # fmt: skip
        proves(checked(found), "time_unit", text, text)
        assert found.remedy == CAUSES["time_unit"].remedy


@pytest.mark.parametrize("rest", ["000", "001", "518", "999"])
def test_a_header_in_seconds_and_a_text_in_milliseconds(rest: str, by_heart: None) -> None:
    text, seconds = (RIGHT.replace(str(MS), f"1750793021{more}") for more in (rest, ""))
    proves(order(text, Timestamp="1750793021"), "time_unit", text, seconds)


def test_without_the_header_the_window_is_5000() -> None:
    assert order(RIGHT, Window=None).cause == "none"
    signed = RIGHT.replace("window=5000", "window=60000")
    proves(order(signed, Window=None), "window_differs", signed, RIGHT)


@pytest.mark.parametrize("window", ["1", "60000"])
def test_the_least_and_the_greatest_window(window: str) -> None:
    signed = RIGHT.replace("window=5000", f"window={window}")
    assert order(signed, Window=window).cause == "none"


@pytest.mark.parametrize("window", ["60001", "0", "5s"])
def test_a_window_that_no_request_may_have(window: str) -> None:
    signed = RIGHT.replace("window=5000", f"window={window}")
    proves(order(signed, Window=window), "window_limit", signed, signed)


def test_both_ids() -> None:
    body = {"symbol": "SOL_USDC", "orderId": "28", "clientId": 42}
    signed = f"instruction=orderCancel&clientId=42&orderId=28&symbol=SOL_USDC{TAIL}"
    found = diagnose(
        method="DELETE", url="/api/v1/order", headers=heads(sign(signed)), body=json.dumps(body)
    )
    proves(checked(found), "both_ids", signed, signed)


@pytest.mark.parametrize("number", [4294967296, -1, "42", "mine", 1.5])
def test_a_client_id_that_is_no_unsigned_32_bit_number(number: object) -> None:
    signed = RIGHT.replace("clientId=42", f"clientId={number}")
    proves(order(signed, {**ORDER, "clientId": number}), "client_id", signed, signed)


def test_the_greatest_client_id() -> None:
    signed = RIGHT.replace("clientId=42", "clientId=4294967295")
    assert order(signed, {**ORDER, "clientId": 4294967295}).cause == "none"


@pytest.mark.parametrize("fields", ["clientId=a%2Bb", "clientId=1e5&orderId=28", "symbol=True"])
def test_what_is_wrong_for_an_order_is_right_elsewhere(fields: str) -> None:
    """The id of a withdrawal is text, and only a boolean can have a capital letter too many."""
    signed = f"instruction=withdrawalQueryAll&{fields.replace('%2B', '+')}{TAIL}"
    assert query(signed, f"/wapi/v1/capital/withdrawals?{fields}").cause == "none"


def test_a_capital_boolean_on_the_wire() -> None:
    url = "/api/v1/account/limits/order?autoBorrow=True&side=Bid&symbol=SOL_USDC"
    right = f"instruction=maxOrderQuantity&autoBorrow=true&side=Bid&symbol=SOL_USDC{TAIL}"
    wrong = right.replace("true", "True")
    proves(query(right, url), "capital_boolean", right, wrong)
    proves(query(wrong, url), "capital_boolean", wrong, wrong)
    url, wrong = url.replace("True", "False"), wrong.replace("True", "False")
    proves(query(wrong, url), "capital_boolean", wrong, wrong)


def test_a_capital_boolean_at_the_start_of_a_text_without_an_instruction() -> None:
    url = "/api/v1/account/limits/order?autoBorrow=true&side=Bid&symbol=SOL_USDC"
    signed = f"autoBorrow=True&side=Bid&symbol=SOL_USDC{TAIL}"
    right = f"instruction=maxOrderQuantity&{signed.replace('True', 'true')}"
    proves(query(signed, url), "no_instruction + capital_boolean", signed, right)


def test_null_in_the_body_counts_as_absent() -> None:
    body = {**ORDER, "triggerPrice": None}
    assert order(RIGHT, body).cause == "none"
    for word in ("None", "null"):
        signed = RIGHT.replace("&timestamp", f"&triggerPrice={word}&timestamp")
        proves(order(signed, body), "parameters_not_sent", signed, RIGHT)


def test_one_of_two_nulls_is_signed() -> None:
    signed = RIGHT.replace("&timestamp", "&triggerPrice=None&timestamp")
    found = order(signed, {**ORDER, "triggerPrice": None, "triggerBy": None})
    proves(found, "parameters_not_sent", signed, RIGHT)


def test_false_that_was_signed_as_a_number() -> None:
    right = RIGHT.replace("true", "false")
    signed = RIGHT.replace("true", "0")
    proves(order(signed, {**ORDER, "postOnly": False}), "different_values", signed, right)


def test_false_and_zero_are_lost_together() -> None:
    """As with ``if value:``, and a second mistake."""
    signed = RIGHT.replace("&postOnly=true", "").replace("&window=5000", "")
    right = RIGHT.replace("true", "false&reduceOnly=false").replace(
        "&reduceOnly=false&price=170.50&quantity=1", "&price=170.50&quantity=1&reduceOnly=false"
    )
    found = order(signed, {**ORDER, "postOnly": False, "reduceOnly": False})
    proves(found, "parameters_left_out + no_window", signed, right)


def test_equal_names_keep_their_order() -> None:
    url = "/api/v1/orders?symbol=SOL_USDC&marketType=SPOT&marketType=PERP"
    text = f"instruction=orderQueryAll&marketType=SPOT&marketType=PERP&symbol=SOL_USDC{TAIL}"
    proves(query(text, url), "none", text, text)


def test_a_name_without_a_value() -> None:
    text = f"instruction=orderQueryAll&marketType=&symbol=SOL_USDC{TAIL}"
    proves(query(text, "/api/v1/orders?marketType=&symbol=SOL_USDC"), "none", text, text)


def test_equal_names_in_another_order_are_unsorted() -> None:
    """Six parameters have more orders than are tried, so the two texts are compared."""
    url = "/api/v1/orders?symbol=SOL_USDC&marketType=SPOT&marketType=PERP&a=1&b=2&c=3"
    right = f"a=1&b=2&c=3&marketType=SPOT&marketType=PERP&symbol=SOL_USDC{TAIL}"
    signed = right.replace("SPOT&marketType=PERP", "PERP&marketType=SPOT").replace(
        "a=1&b=2", "b=2&a=1"
    )
    right, signed = (f"instruction=orderQueryAll&{text}" for text in (right, signed))
    found = diagnose(method="GET", url=url, headers=heads(sign(signed)), signed=signed)
    proves(checked(found), "unsorted", signed, right)


def test_a_query_without_parameters_need_not_be_signed() -> None:
    right = f"instruction=balanceQuery{TAIL}"
    signed = right.replace(str(MS), "1750793999999")
    found = diagnose(
        method="GET", url="/api/v1/capital", headers=heads(sign(signed)), signed=signed
    )
    proves(checked(found), "timestamp_differs", signed, right)


def test_names_in_another_case_are_sorted_in_that_case() -> None:
    url = "/api/v1/orders?cC=3&aB=1&aa=2&bb=4&d=5&e=6&f=7"
    right = f"instruction=orderQueryAll&aB=1&aa=2&bb=4&cC=3&d=5&e=6&f=7{TAIL}"
    signed = f"instruction=orderQueryAll&aa=2&ab=1&bb=4&cc=3&d=5&e=6&f=7{TAIL}"
    proves(query(signed, url), "names", signed, right)


def test_the_exact_value_of_a_float() -> None:
    exact = "0.1000000000000000055511151231257827021181583404541015625"
    right, signed = (RIGHT.replace("170.50", price) for price in ("0.1", exact))
    proves(order(signed, {**ORDER, "price": "0.1"}), "different_values", signed, right)


def test_none_in_the_query() -> None:
    right = RIGHT_FILLS.replace("from=0", "from=None")
    signed = RIGHT_FILLS.replace("from=0&", "")
    proves(query(signed, FILLS.replace("=0", "=None")), "parameters_left_out", signed, right)


@pytest.mark.parametrize(
    ("sent", "signed"),
    [
        ("0.00001", "1e-05"),  # Python's float
        ("0.0000001", "1e-7"),  # JavaScript
        ("0.0000001", "1E-7"),  # Python's Decimal
        ("100", "1E+2"),  # Decimal.normalize()
    ],
)
def test_an_exponent(sent: str, signed: str) -> None:
    right, text = (RIGHT.replace("quantity=1", f"quantity={one}") for one in (sent, signed))
    proves(order(text, {**ORDER, "quantity": sent}), "exponent", text, right)


def test_an_exponent_that_was_sent_only() -> None:
    """The text was right, and json.dumps wrote the float."""
    sent = RIGHT.replace("quantity=1", "quantity=1e-05")
    text = RIGHT.replace("quantity=1", "quantity=0.00001")
    proves(order(text, {**ORDER, "quantity": 0.00001}), "exponent", text, sent)


def test_an_exponent_that_was_sent_is_suspected_only() -> None:
    signed = RIGHT.replace("quantity=1", "quantity=1e-05")
    found = order(signed, {**ORDER, "quantity": 0.00001})
    assert (found.cause, found.proven) == ("exponent", False)
    assert str(found).startswith("Not proven: ")


def test_numbers_keep_their_digits() -> None:
    body = ORDER_JSON.replace('"170.50"', "170.50")
    assert order(RIGHT, body).cause == "none"
    signed = RIGHT.replace("170.50", "170.5")
    proves(order(signed, body), "different_values", signed, RIGHT)


def test_a_number_of_thousands_of_digits_is_read() -> None:
    many = "9" * 5000
    body = ORDER_JSON.replace('"quantity":"1"', f'"quantity":{many}')
    assert order(RIGHT.replace("quantity=1", f"quantity={many}"), body).cause == "none"


ADDRESS = "/wapi/v1/capital/withdrawals?clientId="


@pytest.mark.parametrize(
    ("sent", "meant", "signed"),
    [
        ("a%20b%2Cc%3Ad", "a b,c:d", "a%20b%2Cc%3Ad"),
        ("a+b", "a b", "a+b"),  # a raw plus in a URL is a space
        ("a%20b", "a b", "a+b"),
        ("a%2Cb+c", "a,b c", "a,b+c"),  # the percent signs undone, and not the plus
        ("%E4%B8%AD", "中", "%E4%B8%AD"),
        ("%E4%B8%AD", "中", "\\u4e2d"),
        ("a%2Fb%20c", "a/b c", "a/b%20c"),
        ("a%28b%29%20c", "a(b) c", "a(b)%20c"),  # encodeURIComponent
        ("a%2Bb", "a+b", "a b"),  # decoded twice
        ("a%2520b", "a%20b", "a b"),
    ],
)
def test_another_encoding(sent: str, meant: str, signed: str) -> None:
    right = f"instruction=withdrawalQueryAll&clientId={meant}{TAIL}"
    text = f"instruction=withdrawalQueryAll&clientId={signed}{TAIL}"
    proves(query(text, ADDRESS + sent), "encoding", text, right)


def test_a_body_with_a_get_and_a_query_with_a_delete() -> None:
    right = f"instruction=orderQuery{TAIL}"
    signed = f"instruction=orderQuery&orderId=28&symbol=SOL_USDC{TAIL}"
    body = '{"symbol":"SOL_USDC","orderId":"28"}'
    headers = heads(sign(signed))
    found = diagnose(method="GET", url="/api/v1/order", headers=headers, body=body)
    proves(checked(found), "wrong_place", signed, right)

    body = '{"symbol":"SOL_USDC"}'  # one in its place, and one not
    right = f"instruction=orderQuery&orderId=28{TAIL}"
    found = diagnose(method="GET", url="/api/v1/order?orderId=28", headers=headers, body=body)
    proves(checked(found), "wrong_place", signed, right)

    right = f"instruction=orderQuery{TAIL}"
    signed, right = signed.replace("Query", "Cancel"), right.replace("Query", "Cancel")
    url, headers = "/api/v1/order?symbol=SOL_USDC&orderId=28", heads(sign(signed))
    found = diagnose(method="DELETE", url=url, headers=headers)
    proves(checked(found), "wrong_place", signed, right)


NESTED = {"address": "a", "blockchain": "EqualsMoney", "quantity": "1", "symbol": "EUR",
          "recipientInformation": {"lastName": "B", "firstName": "\u00c4", "n": 1.5}}  # fmt: skip


@pytest.mark.parametrize(
    ("cause", "nested", "body"),
    [
        ("none", '{"firstName":"\u00c4","lastName":"B","n":1.5}', json.dumps(NESTED)),
        ("nested", '{"lastName": "B", "firstName": "\\u00c4", "n": 1.5}', json.dumps(NESTED)),
        ("nested", '{"lastName":"B","firstName":"\u00c4","n":1.5}',
         json.dumps(NESTED, separators=(",", ":"), ensure_ascii=False)),
        ("nested", '{"lastName":"B","firstName":"\u00c4","n":1.50}',
         json.dumps(NESTED, separators=(",", ":"), ensure_ascii=False).replace("1.5", "1.50")),
        ("different_values", '{"lastName":"B","firstName":"\u00c4","n":1.5}', json.dumps(NESTED)),
        ("different_values", "{'lastName': 'B', 'firstName': '\u00c4', 'n': 1.5}",
         json.dumps(NESTED)),
        ("different_values", "{'firstName': '\u00c4', 'lastName': 'B', 'n': 1.5}",
         json.dumps(NESTED)),
    ],
)  # fmt: skip
def test_a_nested_value(cause: str, nested: str, body: str) -> None:
    """Its expected spelling is a guess, so that no finding about it is proven."""
    text = "instruction=withdraw&address=a&blockchain=EqualsMoney&quantity=1&recipientInformation="
    number = "1.50" if "1.50" in body else "1.5"
    right = f'{text}{{"firstName":"\u00c4","lastName":"B","n":{number}}}&symbol=EUR{TAIL}'
    signed = f"{text}{nested}&symbol=EUR{TAIL}"
    url, headers = "/wapi/v1/capital/withdrawals", heads(sign(signed))
    found = checked(diagnose(method="POST", url=url, headers=headers, body=body))
    assert (found.cause, found.proven) == (cause, False)
    assert (found.signed, found.expected) == (signed, right)
    assert found.remedy.endswith("so the expected text is a guess.")


@pytest.mark.parametrize("name", ["slippageTolerance", "triggerQuantity", "price", "triggerPrice"])
def test_an_exponent_in_any_amount_is_suspected(name: str) -> None:
    """The documentation has a decimal for each of them."""
    fields = {"symbol": "SOL_USDC", name: 0.00001}
    signed = "&".join(sorted((f"{name}=1e-05", "symbol=SOL_USDC")))
    found = order(f"instruction=orderExecute&{signed}{TAIL}", fields)
    assert (found.cause, found.proven) == ("exponent", False)


def test_what_is_proven_hides_what_is_only_suspected() -> None:
    right = RIGHT.replace("quantity=1", "quantity=1e-05")
    signed = right.replace("&window=5000", "")
    proves(order(signed, {**ORDER, "quantity": 0.00001}), "no_window", signed, right)


@pytest.mark.parametrize("number", ["1e-05", "1E-7", "1e5", "1E+5", "1.5e-7"])
def test_an_exponent_in_any_form_is_suspected(number: str) -> None:
    """All of these are JSON numbers (RFC 8259, section 6)."""
    signed = RIGHT.replace("quantity=1", f"quantity={number}")
    body = ORDER_JSON.replace('"quantity":"1"', f'"quantity":{number}')
    found = order(signed, body)
    assert (found.cause, found.proven) == ("exponent", False)


@pytest.mark.parametrize("spell", [bytes.hex, lambda raw: urlsafe_b64encode(raw).decode()])
def test_a_signature_used_before_is_known_in_another_form(spell: Any) -> None:
    """``earlier`` has it as base64, or as it was sent."""
    signature = sign(RIGHT)
    sent = spell(b64decode(signature))
    asked = {"method": "POST", "url": "/api/v1/order", "body": ORDER_JSON}
    for earlier in ([signature], [sent], (sign("another"), sent)):
        found = diagnose(**asked, headers=heads(signature, Signature=sent), earlier=earlier)
        assert found.cause == "reused", earlier
    assert diagnose(**asked, headers=heads("?"), earlier=["?"]).cause == "reused"


def test_a_signature_used_before() -> None:
    old = sign(RIGHT)
    new = heads(old, Timestamp=str(MS + 9000))
    asked = {"method": "POST", "url": "/api/v1/order", "body": ORDER_JSON}
    found = checked(diagnose(**asked, headers=new, earlier={sign("another"), old}))
    assert (found.cause, found.proven) == ("reused", True)
    assert diagnose(**asked, headers=heads(old), earlier=[sign("another")]).cause == "none"


# --- keys and signatures in other forms -----------------------------------------------------------

RAW_KEY = b64decode(KEY)
DER = bytes.fromhex("302a300506032b6570032100") + RAW_KEY


@pytest.mark.parametrize(
    "text",
    [
        KEY[:-2] + "p=",  # the same bytes, but not as base64 writes them
        RAW_KEY.hex(), "0x" + RAW_KEY.hex(), urlsafe_b64encode(RAW_KEY).decode(), KEY[:-1],
        f"{KEY}\n", f'"{KEY}"', f"'{KEY}'", f"b'{KEY}'",
        b64encode(b64decode(DEMO_SECRET) + RAW_KEY).decode(), b64encode(DER).decode(),
        b64encode(KEY.encode()).decode(), b64encode(RAW_KEY.hex().encode()).decode(),
        f"-----BEGIN PUBLIC KEY-----\n{b64encode(DER).decode()}\n-----END PUBLIC KEY-----\n",
        "GaRfwrDaJXf8yEKPjtbxKyz1iVEpGHyZWkgxEUKAqQzN",
    ],
)  # fmt: skip
def test_a_key_in_another_form(text: str) -> None:
    if text.startswith("GaRf"):
        text = base58(RAW_KEY)
    found = order(RIGHT, Key=text)
    proves(found, "key_form", RIGHT, RIGHT)
    assert text.strip() not in str(found)


def base58(raw: bytes) -> str:
    number, text = int.from_bytes(raw, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        text = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[rest] + text
    return text


SIGNATURE = sign(RIGHT)
RAW_SIGNATURE = b64decode(SIGNATURE)


@pytest.mark.parametrize(
    "text",
    [
        RAW_SIGNATURE.hex(), f"b'{SIGNATURE}'", f'"{SIGNATURE}"', f" {SIGNATURE}\n",
        urlsafe_b64encode(RAW_SIGNATURE).decode().rstrip("="), SIGNATURE.rstrip("="),
        base58(RAW_SIGNATURE), b64encode(SIGNATURE.encode()).decode(),
        b64encode(RAW_SIGNATURE.hex().encode()).decode(),
        b64encode(RAW_SIGNATURE + RIGHT.encode()).decode(),  # some libraries return both as one
    ],
)  # fmt: skip
def test_a_signature_in_another_form(text: str) -> None:
    found = order(RIGHT, Signature=text)
    proves(found, "signature_form", RIGHT, RIGHT)
    for shown in (str(found), repr(found), found._repr_html_()):
        assert text.strip() not in shown and SIGNATURE not in shown


@pytest.mark.parametrize("text", ["MEUCIQ==", b64encode(bytes(70)).decode(), "?", "a" * 63])
def test_a_signature_of_no_64_bytes(text: str) -> None:
    found = order(RIGHT, Signature=text)
    assert (found.cause, found.proven, found.signed) == ("signature_form", True, None)
    assert found.remedy == CAUSES["signature_form"].remedy  # no text was tried


def test_the_signed_text_comes_with_the_signature() -> None:
    """A text that no known mistake gives, but that stands behind its signature."""
    signed = RIGHT.replace("SOL_USDC", "BTC_USDC")
    both = b64encode(b64decode(sign(signed)) + signed.encode()).decode()
    proves(order(RIGHT, Signature=both), "signature_form + different_values", signed, RIGHT)


def test_the_secret_in_place_of_the_key() -> None:
    found = order(RIGHT, Key=DEMO_SECRET)
    proves(found, "swapped", RIGHT, RIGHT)
    for shown in (str(found), repr(found), found._repr_html_()):
        assert DEMO_SECRET not in shown and b64decode(DEMO_SECRET).hex() not in shown


def test_the_secret_in_hex_in_place_of_the_key_is_one_mistake() -> None:
    """That the secret was sent matters, and not its form."""
    found = order(RIGHT, Key=b64decode(DEMO_SECRET).hex())
    proves(found, "swapped", RIGHT, RIGHT)
    assert b64decode(DEMO_SECRET).hex() not in repr(found) + str(found)


def test_the_secret_in_place_of_the_key_and_a_wrong_text() -> None:
    signed = RIGHT.replace("&window=5000", "")
    proves(order(signed, Key=DEMO_SECRET), "swapped + no_window", signed, RIGHT)


def test_a_key_that_begins_with_a_zero_byte_in_base58() -> None:
    private = next(
        one
        for one in (
            Ed25519PrivateKey.from_private_bytes(bytes([n, k] * 16))
            for n in range(256)
            for k in range(256)
        )
        if one.public_key().public_bytes_raw()[0] == 0
    )
    key = "1" + base58(private.public_key().public_bytes_raw())
    headers = heads(sign(RIGHT, private), Key=key)
    found = diagnose(method="POST", url="/api/v1/order", headers=headers, body=ORDER_JSON)
    proves(found, "key_form", RIGHT, RIGHT)


def test_a_key_in_base58_is_hidden_in_a_text() -> None:
    key = base58(RAW_KEY)
    found = order(f"{MS}{key}5000{ORDER_JSON}", ORDER_JSON, Key=key)
    assert found.cause == "key_form + other_recipe"
    assert found.signed == f"{MS}***5000{ORDER_JSON}"


def test_a_key_of_another_pair() -> None:
    asked = {"method": "POST", "url": "/api/v1/order", "body": ORDER_JSON}
    headers = heads(sign(RIGHT), Key=OTHER_KEY)
    found = checked(diagnose(**asked, headers=headers, public_key=KEY))
    proves(found, "wrong_pair", RIGHT, RIGHT)


def test_a_key_that_did_not_sign_proves_nothing(by_heart: None) -> None:
    """The keys differ, but neither made this signature: the keys may be right and the text not."""
    headers = heads(sign("something else"), Key=OTHER_KEY)
    asked = {"method": "POST", "url": "/api/v1/order", "body": ORDER_JSON, "headers": headers}
    found = checked(diagnose(**asked, public_key=KEY))
    assert (found.cause, found.proven, found.signed) == ("unknown", False, None)
    # Where that text is told, the mathematics shows whose it is.
    found = checked(diagnose(**asked, public_key=KEY, signed="something else"))
    proves(found, "wrong_pair + other_text", "something else", RIGHT)


def test_a_key_to_compare_with_that_is_another() -> None:
    """X-API-Key signed, and signed rightly, whatever key is given beside it."""
    asked = {"method": "POST", "url": "/api/v1/order", "body": ORDER_JSON}
    found = diagnose(**asked, headers=heads(sign(RIGHT)), public_key=OTHER_KEY)
    assert (found.cause, found.proven) == ("none", True)


def test_the_key_may_be_told_instead_of_sent() -> None:
    headers = heads(SIGNATURE, Key=None)
    asked = {"method": "POST", "url": "/api/v1/order", "body": ORDER_JSON, "headers": headers}
    assert diagnose(**asked, public_key=KEY).cause == "none"
    found = checked(diagnose(**asked))
    assert found.cause == "missing_header" and "X-API-Key" in found.remedy


# --- the text that somebody says was signed -------------------------------------------------------


def claimed(signed: str, made: str | None = None, **other: str | None) -> Finding:
    headers = heads(sign(signed if made is None else made), **other)
    return checked(
        diagnose(
            method="POST", url="/api/v1/order", headers=headers, body=ORDER_JSON, signed=signed
        )
    )


@pytest.mark.parametrize(
    ("cause", "signed"),
    [
        ("unsorted", RIGHT.replace("side=Bid&symbol=SOL_USDC", "symbol=SOL_USDC&side=Bid")),
        ("different_values", RIGHT.replace("SOL", "BTC")),
        ("timestamp_differs", RIGHT.replace(str(MS), "1750793999999")),
        ("window_differs", RIGHT.replace("=5000", "=4321")),
        ("wrong_instruction", RIGHT.replace("orderExecute", "placeOrder")),
        ("parameters_not_sent", RIGHT.replace("&price", "&mood=good&price")),
        ("other_text", "hello"),
        ("no_instruction + different_values",
         RIGHT.replace("orderExecute", "").replace("SOL", "BTC")),
        ("different_values + punctuation", f"?{RIGHT.replace('SOL', 'BTC')}"),
        ("different_values + punctuation", f"b'{RIGHT.replace('SOL', 'BTC')}'"),
        ("different_values + punctuation",
         RIGHT.replace("SOL", "BTC").replace("&timestamp", "&&timestamp")),
        ("different_values + mangled",
         RIGHT.replace("SOL", "BTC").replace("&times", "\N{MULTIPLICATION SIGN}")),
        ("other_text", "hello&window=5000"),
        ("list", RIGHT.replace("&side=Bid", "&side=Bid&side=Bid")),
        ("no_instruction + body_not_signed + timestamp_differs",
         "timestamp=1750793999999&window=5000"),
        ("body_not_signed + window_differs", "instruction=orderExecute"
         "&timestamp=1750793021519&window=4321"),
        ("time_unit + different_values",
         RIGHT.replace("SOL", "BTC").replace(str(MS), "17507930215")),
        ("time_unit + different_values",
         RIGHT.replace("SOL", "BTC").replace(str(MS), f"{MS}00")),
        ("parameters_left_out + timestamp_differs",
         RIGHT.replace("&side=Bid", "").replace(str(MS), "1750793999999")),
        ("reserved + different_values", f"instruction=orderExecute&{RIGHT.replace('SOL', 'BTC')}"),
        ("reserved + different_values", f"{RIGHT.replace('SOL', 'BTC')}&timestamp={MS}"),
        ("no_timestamp + window_differs", RIGHT.replace(f"&timestamp={MS}", "")
                                               .replace("5000", "4321")),
        ("unsorted", RIGHT.replace("&price=170.50", "").replace("&side", "&price=170.50&side")
                          .replace("clientId=42&", "").replace("&symbol", "&clientId=42&symbol")),
        ("different_values + no_window",
         RIGHT.replace("SOL", "BTC").replace("&window=5000", "")),
    ],
)  # fmt: skip
def test_a_text_that_is_known(cause: str, signed: str) -> None:
    proves(claimed(signed), cause, signed, RIGHT)


def test_a_text_is_compared_without_a_signature_too() -> None:
    signed = RIGHT.replace("true", "True")
    found = claimed(signed, Signature=None)
    proves(found, "capital_boolean", signed, RIGHT)


def test_a_right_text_without_a_signature_proves_nothing() -> None:
    found = claimed(RIGHT, Signature=None)
    assert (found.cause, found.proven, found.place) == ("unknown", False, None)
    assert "The text is right." in found.remedy


def test_a_right_text_without_a_signature_does_not_hide_another_error() -> None:
    found = diagnose(
        method="POST", url="/api/v1/order", headers=heads(SIGNATURE, Signature=None),
        body=ORDER_JSON, signed=RIGHT, now=MS + 12_300,
    )  # fmt: skip
    proves(checked(found), "clock", RIGHT, RIGHT)


def test_a_claim_that_is_not_true(by_heart: None) -> None:
    really = RIGHT.replace("true", "True")
    proves(claimed(RIGHT, really), "capital_boolean", really, RIGHT)
    found = claimed(RIGHT, "something else")
    assert (found.cause, found.proven) == ("unknown", False)
    assert "nor to the text that you say you signed" in found.remedy


def test_a_claim_with_white_space_around_it() -> None:
    signed = RIGHT.replace("SOL", "BTC")
    proves(claimed(f" {signed}\n", signed), "different_values", signed, RIGHT)


# --- subscriptions --------------------------------------------------------------------------------

SUBSCRIBE = f"instruction=subscribe{TAIL}"


def frame(signature: Any, params: Any = ("account.orderUpdate",)) -> Finding:
    sent = {"method": "SUBSCRIBE", "params": list(params), "signature": signature}
    sent = {name: value for name, value in sent.items() if value is not None}
    return checked(diagnose(url="wss://ws.backpack.exchange/", body=json.dumps(sent)))


def four(signed: str) -> list[Any]:
    return [KEY, sign(signed), str(MS), "5000"]


def test_a_subscription() -> None:
    proves(frame(four(SUBSCRIBE)), "none", SUBSCRIBE, SUBSCRIBE)
    signed = SUBSCRIBE.replace("subscribe", "orderQueryAll")
    proves(frame(four(signed)), "wrong_instruction", signed, SUBSCRIBE)
    assert frame(four(signed)).remedy.endswith("which is what SUBSCRIBE needs.")
    signed = f"instruction=subscribe&params=account.orderUpdate{TAIL}"
    proves(frame(four(signed)), "websocket", signed, SUBSCRIBE)


def test_a_subscription_with_its_headers_or_by_plain_ws() -> None:
    found = diagnose(url="ws://127.0.0.1:8080/", headers=heads(sign(SUBSCRIBE)))
    assert (found.cause, found.expected) == ("none", SUBSCRIBE)
    sent = {"method": "SUBSCRIBE", "params": [], "signature": four(SUBSCRIBE)}
    other = heads(sign("of the handshake"))
    found = diagnose(url="wss://ws.backpack.exchange/", headers=other, body=json.dumps(sent))
    assert found.cause == "none"


@pytest.mark.parametrize("more", [
    'params=["account.orderUpdate"]', "streams=account.orderUpdate", "stream=account.orderUpdate",
    "method=SUBSCRIBE",
])  # fmt: skip
def test_the_streams_are_signed_too(more: str) -> None:
    signed = f"instruction=subscribe&{more}{TAIL}"
    proves(frame(four(signed)), "websocket", signed, SUBSCRIBE)


@pytest.mark.parametrize("more", [
    'params=["account.orderUpdate", "account.positionUpdate"]',
    'params=["account.orderUpdate","account.positionUpdate"]',
    "streams=account.orderUpdate,account.positionUpdate",
])  # fmt: skip
def test_two_streams_are_signed_too(more: str) -> None:
    signed = f"instruction=subscribe&{more}{TAIL}"
    found = frame(four(signed), ("account.orderUpdate", "account.positionUpdate"))
    proves(found, "websocket", signed, SUBSCRIBE)


@pytest.mark.parametrize("body", ["{", "[]", "1"])
def test_a_frame_that_cannot_be_read(body: str) -> None:
    found = diagnose(url="wss://ws.backpack.exchange/", body=body)
    assert (checked(found).cause, found.proven) == ("bad_body", True)


def test_the_list_of_a_subscription() -> None:
    key, signature, stamp, window = four(SUBSCRIBE)
    for wrong in ([key, signature, MS, 5000], [signature, key, stamp, window]):
        proves(frame(wrong), "websocket", SUBSCRIBE, SUBSCRIBE)
    for unreadable in (signature, [key, signature, stamp], {"key": key}):
        found = frame(unreadable)
        assert (found.cause, found.proven) == ("websocket", True)
    assert frame(None).cause == "missing_header"
    assert frame(None, ["trade.SOL_USDC"]).cause == "public"


@pytest.mark.parametrize("params", [{}, {"params": None}, {"params": "account.orderUpdate"}])
def test_a_subscription_without_a_list_of_streams_or_a_signature(params: dict[str, Any]) -> None:
    """Which streams are meant is not known, so they may be private."""
    body = json.dumps({"method": "SUBSCRIBE", **params})
    found = checked(diagnose(url="wss://ws.backpack.exchange/", body=body))
    assert found.cause == "missing_header"


def test_a_subscription_that_names_no_streams() -> None:
    sent = {"method": "SUBSCRIBE", "signature": four(SUBSCRIBE)}
    url = "wss://ws.backpack.exchange/"
    assert diagnose(url=url, body=json.dumps(sent)).cause == "none"
    sent["signature"] = four("something else")
    found = checked(diagnose(url=url, body=json.dumps(sent)))
    assert (found.cause, found.proven, found.expected) == ("unknown", False, SUBSCRIBE)


# --- what cannot be judged ------------------------------------------------------------------------


def test_nothing_is_claimed_of_a_random_signature() -> None:
    found = order(RIGHT, Signature=b64encode(bytes(range(64))).decode())
    assert (found.cause, found.proven) == ("unknown", False)
    assert (found.signed, found.expected, found.place) == (None, RIGHT, None)
    assert re.search("any of [0-9]{3,} others", found.remedy)
    assert str(found).startswith(CAUSES["unknown"].title)  # there is nothing to prove
    assert RIGHT in str(found)


@pytest.mark.parametrize(
    ("method", "path", "cause"),
    [
        ("GET", "/api/v1/ticker", "public"),
        ("GET", "/api/v1/balances", "unknown_path"),
        ("PUT", "/api/v1/order", "unknown_path"),
        ("GET", "/wapi/v1/capital/withdrawals/delay", "undocumented"),
    ],
)
def test_what_needs_no_signature_or_takes_none(method: str, path: str, cause: str) -> None:
    found = checked(diagnose(method=method, url=path, headers=heads(SIGNATURE)))
    assert (found.cause, found.proven) == (cause, True)
    if method == "PUT":
        assert "DELETE or GET or POST" in found.remedy


@pytest.mark.parametrize("body", ["{", "symbol=SOL_USDC&side=Bid", "[]", '"text"', "[1]", "NaN"])
def test_a_body_that_cannot_be_read(body: str) -> None:
    found = diagnose(method="POST", url="/api/v1/order", headers=heads(SIGNATURE), body=body)
    assert (checked(found).cause, found.proven) == ("bad_body", True)


@pytest.mark.parametrize("name", ["Signature", "Timestamp"])
def test_a_missing_header(name: str) -> None:
    found = order(RIGHT, **{name: None})
    assert found.cause == "missing_header" and found.remedy == f"Send X-{name} too."


def test_several_missing_headers_are_all_named() -> None:
    found = order(RIGHT, Signature=None, Timestamp=None)
    assert found.remedy == "Send X-Signature and X-Timestamp too."
    found = order(RIGHT, Key=None, Signature=None, Timestamp=None)
    assert found.remedy == "Send X-API-Key and X-Signature and X-Timestamp too."


def test_without_a_url_there_is_nothing_to_judge() -> None:
    with pytest.raises(InputError, match="url"):
        diagnose(method="GET")
    with pytest.raises(InputError, match="method"):
        diagnose(url="/api/v1/order")


def test_the_only_method_of_a_path_need_not_be_told() -> None:
    text = f"instruction=balanceQuery{TAIL}"
    assert diagnose(url="/api/v1/capital", headers=heads(sign(text))).cause == "none"


# --- how it is asked, and how it answers ----------------------------------------------------------


@pytest.mark.parametrize("wrap", [dict, MappingProxyType])
def test_a_mapping_of_the_parts(wrap: Any) -> None:
    """As a request is pasted; what is given by name replaces a part."""
    signed = RIGHT.replace("true", "True")
    pasted = {"method": "POST", "url": "/api/v1/order", "headers": heads(sign(signed))}
    assert diagnose(wrap(pasted | {"body": ORDER_JSON})).cause == "capital_boolean"
    assert diagnose(wrap(pasted), body=ORDER_JSON).cause == "capital_boolean"
    right = diagnose(wrap(pasted), body=ORDER_JSON, headers=heads(SIGNATURE))
    assert right.cause == "none"


def test_a_mapping_without_a_url() -> None:
    with pytest.raises(InputError, match="^url=None: is needed"):
        diagnose({"method": "GET", "headers": {}})


def test_a_prepared_request_and_pieces_of_bytes() -> None:
    lower = {name.lower(): text for name, text in heads(SIGNATURE).items()}
    request = SimpleNamespace(
        method="post", url="https://api.backpack.exchange/api/v1/order", headers=lower,
        body=ORDER_JSON.encode(),
    )  # fmt: skip
    assert diagnose(request).cause == "none"
    coded = {name.encode(): text.encode() for name, text in lower.items()}
    request.headers = coded
    assert diagnose(request).cause == "none"
    wrong = heads(sign(RIGHT.replace("true", "True")))
    assert diagnose(request, headers=wrong).cause == "capital_boolean"
    bare = f"instruction=orderExecute{TAIL}"
    assert diagnose(request, headers=heads(sign(bare)), body="").cause == "none"


def test_its_lines() -> None:
    found = order(RIGHT.replace("true", "True"))
    title, signed, expected, caret, remedy = str(found).splitlines()
    assert title == CAUSES["capital_boolean"].title
    # The difference is the 63rd character; 34 are shown before it, and 46 from it on.
    wrong = RIGHT.replace("true", "True")
    assert signed == f"signed:   ...{wrong[28:108]}..."
    assert expected == signed.replace("signed:  ", "expected:").replace("True", "true")
    assert signed[len(caret) - 1] == "T" and caret.strip() == "^"
    assert remedy == CAUSES["capital_boolean"].remedy


@pytest.mark.parametrize(("place", "shown"), [(38, "i"), (39, "...ruction")])
def test_the_start_of_a_text_is_cut_where_that_saves_room(place: int, shown: str) -> None:
    """34 characters are shown before the difference, and never "..." in place of three or less."""
    right = f"instruction=orderQueryAll&symbol=SOL_USDC&z=0{TAIL}"
    wrong = right[: place - 1] + "#" + right[place:]
    found = diagnose(
        method="GET", url="/api/v1/orders?symbol=SOL_USDC&z=0", headers=heads(sign(wrong)),
        signed=wrong,
    )  # fmt: skip
    assert found.place == place
    signed, expected, caret = str(found).splitlines()[1:4]
    assert signed.startswith(f"signed:   {shown}") and expected.startswith(f"expected: {shown}")
    assert signed[len(caret) - 1] == "#"


def test_an_expected_text_alone_is_cut_after_400_characters() -> None:
    body, right = (
        {**ORDER, "note": "x" * 400},
        RIGHT.replace("&orderType", f"&note={'x' * 400}&orderType"),
    )
    found = order("unknown", body)
    assert str(found).splitlines()[1] == f"expected: {right[:400]}..."
    body, right = (
        {**ORDER, "note": "x" * 243},
        RIGHT.replace("&orderType", f"&note={'x' * 243}&orderType"),
    )
    assert len(right) == 400
    assert str(order("unknown", body)).splitlines()[1] == f"expected: {right}"


def test_what_cannot_be_seen_is_shown() -> None:
    delete = RIGHT.replace("SOL", "S\x7fL")
    assert "S\N{SYMBOL FOR DELETE}L" in str(claimed(delete))
    shown = str(order(RIGHT + "\n"))
    assert "window=5000\N{SYMBOL FOR LINE FEED}" in shown and len(shown.splitlines()) == 5


def test_its_html_is_escaped_and_marks_the_difference() -> None:
    body = {**ORDER, "symbol": "<b>"}
    right = RIGHT.replace("SOL_USDC", "<b>")
    page = order(right.replace("true", "True"), body)._repr_html_()
    assert "<b>&" not in page and page.count("<span") == 2
    assert re.findall(r"<span[^>]*>([^<]*)</span>", page) == ["T", "t"]


def test_a_one_time_code_is_not_shown() -> None:
    body = {"address": "a", "blockchain": "Solana", "quantity": "1", "symbol": "SOL",
            "twoFactorToken": "918273"}  # fmt: skip
    right = ("instruction=withdraw&address=a&blockchain=Solana&quantity=1&symbol=SOL"
             f"&twoFactorToken=918273{TAIL}")  # fmt: skip
    for signed in (right, right.replace("&quantity=1", ""), f"{json.dumps(body)}"):
        url, headers = "/wapi/v1/capital/withdrawals", heads(sign(signed))
        found = diagnose(method="POST", url=url, headers=headers, body=json.dumps(body))
        assert found.proven
        assert "918273" not in repr(found) + str(found) + found._repr_html_()


def test_a_text_that_is_nothing_but_a_key_in_hex_is_hidden() -> None:
    """A hash has the same form, and is shown: but only if it is one of the right text."""
    secret = bytes(range(32)).hex()
    found = claimed(secret)
    assert (found.cause, found.signed) == ("other_text", "***")
    assert secret not in repr(found) + str(found) + found._repr_html_()


def test_a_secret_given_as_the_public_key_is_hidden() -> None:
    signed = f"secret={DEMO_SECRET}&window=5000"
    found = checked(
        diagnose(
            method="POST", url="/api/v1/order", headers=heads(sign(signed)), body=ORDER_JSON,
            signed=signed, public_key=DEMO_SECRET,
        )
    )  # fmt: skip
    assert found.signed == "secret=***&window=5000"


def test_a_secret_in_percent_encoding_is_hidden() -> None:
    found = claimed(f"secret={quote(DEMO_SECRET, safe='')}&window=5000", Key=DEMO_SECRET)
    assert found.signed == "secret=***&window=5000"


def test_another_one_time_code_is_found_and_not_shown() -> None:
    """Both texts are shown with six stars, so they look equal."""
    body = {"address": "a", "blockchain": "Solana", "quantity": "1", "symbol": "SOL",
            "twoFactorToken": "918273"}  # fmt: skip
    right = ("instruction=withdraw&address=a&blockchain=Solana&quantity=1&symbol=SOL"
             f"&twoFactorToken=918273{TAIL}")  # fmt: skip
    signed = right.replace("918273", "918555")
    found = diagnose(
        method="POST", url="/wapi/v1/capital/withdrawals", headers=heads(sign(signed)),
        body=json.dumps(body), signed=signed,
    )  # fmt: skip
    assert (found.cause, found.signed) == ("different_values", found.expected)
    assert found.place == apart(signed, right) == right.index("273") + 1
    assert "918" not in str(found) and "^" in str(found)


def test_a_text_that_holds_key_and_signature_is_cleaned() -> None:
    found = order(f"{MS}{KEY}5000{ORDER_JSON}", ORDER_JSON)
    assert (found.cause, found.signed) == ("other_recipe", f"{MS}***5000{ORDER_JSON}")
    mixed = f"{RIGHT}&signature={sign('x')}"
    assert sign("x") not in repr(claimed(mixed))


def test_the_table_of_causes() -> None:
    for cause in CAUSES.values():
        short_sentences(cause.remedy)
        assert cause.title.endswith(".")
