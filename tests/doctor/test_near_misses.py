"""Near misses: invented instructions, reserved names, lists, other kinds of signature, other paths.

The texts are written out here, and signed by a few lines of ``cryptography``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode, urlsafe_b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from test_diagnosis import (
    BATCH,
    KEY,
    MS,
    ORDER,
    ORDER_JSON,
    RIGHT,
    RIGHT_BATCH,
    SIGNATURE,
    TAIL,
    checked,
    claimed,
    heads,
    order,
    proves,
    query,
    sign,
)

from bpkit.doctor import Finding, diagnose
from bpkit.operations import OPERATIONS

# --- instructions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("invented", [
    "placeOrder", "createOrder", "newOrder", "orderCreate", "orderPlace", "submitOrder", "order",
    "executeOrder", "orderExecuted"[:-2], "orderExeucte", "ordersExecute", "sendOrder", "postOrder",
    "create_order", "order-execute", "orderexecute", "ORDEREXECUTE", "orderExecuteAll",
])  # fmt: skip
def test_an_invented_instruction_of_an_order(invented: str) -> None:
    signed = RIGHT.replace("orderExecute", invented)
    found = order(signed)
    proves(found, "wrong_instruction", signed, RIGHT)
    assert "instruction=orderExecute" in found.remedy


@pytest.mark.parametrize(("path", "right", "invented"), [
    ("/api/v1/capital", "balanceQuery", "getBalances"),
    ("/api/v1/capital", "balanceQuery", "balancesQuery"),
    ("/api/v1/capital", "balanceQuery", "capitalQuery"),
    ("/api/v1/capital", "balanceQuery", "balance"),
    ("/api/v1/orders", "orderQueryAll", "getOpenOrders"),
    ("/api/v1/orders", "orderQueryAll", "ordersQuery"),
    ("/wapi/v1/history/fills", "fillHistoryQueryAll", "fillHistoryQuery"),
    ("/wapi/v1/history/fills", "fillHistoryQueryAll", "fillsHistory"),
    ("/wapi/v1/history/fills", "fillHistoryQueryAll", "getFills"),
    ("/wapi/v1/capital/deposits", "depositQueryAll", "deposits"),
    ("/api/v1/position", "positionQuery", "getPositions"),
    ("/api/v1/account", "accountQuery", "account"),
])  # fmt: skip
def test_an_invented_instruction_of_a_query(path: str, right: str, invented: str) -> None:
    signed = f"instruction={invented}{TAIL}"
    proves(query(signed, path), "wrong_instruction", signed, f"instruction={right}{TAIL}")


@pytest.mark.parametrize(("method", "path", "right", "invented"), [
    *(("POST", "/api/v1/order", "orderExecute", f"{verb}Order") for verb in (
        "execute", "place", "create", "new", "submit", "send", "post", "add", "make", "open",
        "request", "put")),
    *(("GET", "/api/v1/capital", "balanceQuery", f"{verb}Balance") for verb in (
        "get", "query", "fetch", "list", "read", "history")),
    *(("DELETE", "/api/v1/order", "orderCancel", f"{verb}Order") for verb in (
        "cancel", "delete", "remove", "close", "cancelAll", "deleteAll")),
    *(("PATCH", "/api/v1/account", "accountUpdate", f"{verb}Account") for verb in (
        "update", "set", "change", "edit", "patch", "modify")),
    ("GET", "/wapi/v1/history/fills", "fillHistoryQueryAll", "fillQueryAll"),
])  # fmt: skip
def test_the_verbs_of_other_exchanges(method: str, path: str, right: str, invented: str) -> None:
    signed = f"instruction={invented}{TAIL}"
    body = None if method == "GET" else "{}"
    headers = heads(sign(signed))
    found = checked(diagnose(method=method, url=path, headers=headers, body=body))
    proves(found, "wrong_instruction", signed, f"instruction={right}{TAIL}")


@pytest.mark.parametrize("name", ["get_balances", "execute_order"])
def test_the_instruction_of_every_other_operation_is_tried(name: str) -> None:
    row = OPERATIONS[name]
    for other in {one.instruction for one in OPERATIONS.values() if one.instruction}:
        signed = RIGHT.replace("orderExecute", other) if name == "execute_order" else (
            f"instruction={other}{TAIL}")  # fmt: skip
        found = order(signed) if name == "execute_order" else query(signed, row.path)
        assert found.cause == ("none" if other == row.instruction else "wrong_instruction")


def test_an_instruction_that_nobody_can_guess() -> None:
    signed = RIGHT.replace("orderExecute", "positionSetLeverage")
    found = order(signed)
    assert (found.cause, found.proven) == ("unknown", False)
    # The way out is named before the pair is doubted.
    assert 0 < found.remedy.index("signed=") < found.remedy.index("are a pair")
    proves(claimed(signed), "wrong_instruction", signed, RIGHT)


# --- reserved names -------------------------------------------------------------------------------

BARE = f"instruction=balanceQuery&symbol=SOL{TAIL}"
IN_QUERY = [
    f"symbol=SOL&timestamp={MS}&window=5000",
    f"timestamp={MS}&symbol=SOL",
    "window=5000&symbol=SOL",
    f"instruction=balanceQuery&symbol=SOL&timestamp={MS}&window=5000",
    "symbol=SOL&instruction=placeOrder",
]


@pytest.mark.parametrize("sent", IN_QUERY)
def test_reserved_names_that_are_sent_and_signed_once(sent: str) -> None:
    found = query(BARE, f"/api/v1/capital?{sent}")
    proves(found, "reserved", BARE, BARE)
    assert "only as headers" in found.remedy


def test_reserved_names_that_are_sent_and_signed_twice() -> None:
    signed = f"instruction=balanceQuery&symbol=SOL&timestamp={MS}&window=5000{TAIL}"
    proves(query(signed, f"/api/v1/capital?{IN_QUERY[0]}"), "reserved", signed, BARE)


def test_another_time_that_is_sent_and_signed() -> None:
    """A program that read the clock for the query, and 0.7 seconds later for X-Timestamp."""
    signed = BARE.replace(str(MS), str(MS - 700))
    found = query(signed, f"/api/v1/capital?symbol=SOL&timestamp={MS - 700}")
    proves(found, "reserved + timestamp_differs", signed, BARE)


def test_an_invented_instruction_that_is_also_sent() -> None:
    """The signed text is the query. No recipe of another exchange is blamed for it."""
    signed = f"instruction=myOwnQuery&symbol=SOL&timestamp={MS}&window=5000"
    found = query(signed, f"/api/v1/capital?{signed}")
    proves(found, "reserved + wrong_instruction", signed, BARE)
    signed = f"instruction=myOwnQuery&symbol=SOL&timestamp={MS - 99999}&window=7777"
    found = query(signed, f"/api/v1/capital?{signed}")
    assert (found.proven, found.signed, found.expected) == (True, signed, BARE)
    assert found.cause == "reserved + wrong_instruction + timestamp_differs + window_differs"


def test_reserved_names_in_a_body() -> None:
    body = {**ORDER, "instruction": "orderExecute", "timestamp": MS, "window": 5000}
    proves(order(RIGHT, body), "reserved", RIGHT, RIGHT)
    signed = "&".join(sorted(RIGHT.split("&")))  # the whole body, sorted
    proves(order(signed, body), "reserved + unsorted", signed, RIGHT)
    signed = RIGHT.replace("&side", "&side").replace("orderExecute", "somethingElse")
    found = order(signed, {**body, "instruction": "somethingElse"})
    proves(found, "reserved + wrong_instruction", signed, RIGHT)


def test_a_time_in_another_unit_that_is_also_sent() -> None:
    signed = f"instruction=balanceQuery&symbol=SOL&timestamp={MS // 1000}&window=5000"
    found = query(signed, f"/api/v1/capital?symbol=SOL&timestamp={MS // 1000}")
    proves(found, "reserved + time_unit", signed, BARE)


# --- lists ----------------------------------------------------------------------------------------

TYPES = "/wapi/v1/history/fills?limit=10&marketType=SPOT&marketType=PERP"
RIGHT_TYPES = f"instruction=fillHistoryQueryAll&limit=10&marketType=SPOT&marketType=PERP{TAIL}"
PAIR = "marketType=SPOT&marketType=PERP"


@pytest.mark.parametrize("written", [
    "marketType=['SPOT', 'PERP']", "marketType=('SPOT', 'PERP')", 'marketType=["SPOT", "PERP"]',
    'marketType=["SPOT","PERP"]', "marketType=SPOT,PERP", "marketType=SPOT, PERP",
    "marketType=SPOT", "marketType=PERP",
    "marketType[]=SPOT&marketType[]=PERP",
])  # fmt: skip
def test_a_list_that_is_signed_otherwise(written: str) -> None:
    signed = RIGHT_TYPES.replace(PAIR, written)
    proves(query(signed, TYPES), "list", signed, RIGHT_TYPES)


def test_a_list_that_is_signed_otherwise_and_another_mistake() -> None:
    signed = RIGHT_TYPES.replace(PAIR, "marketType=SPOT,PERP")
    both = signed.replace("&window=5000", "")
    proves(query(both, TYPES), "list + no_window", both, RIGHT_TYPES)


def test_a_list_in_another_order() -> None:
    signed = RIGHT_TYPES.replace(PAIR, "marketType=PERP&marketType=SPOT")
    proves(query(signed, TYPES), "unsorted", signed, RIGHT_TYPES)
    signed = signed.replace("limit=10", "limit=11")
    headers = heads(sign(signed))
    found = checked(diagnose(method="GET", url=TYPES, headers=headers, signed=signed))
    proves(found, "different_values + unsorted", signed, RIGHT_TYPES)


@pytest.mark.parametrize("sent", ["SPOT,PERP", "['SPOT', 'PERP']", '["SPOT","PERP"]'])
def test_a_list_that_is_sent_otherwise(sent: str) -> None:
    url = TYPES.partition("marketType")[0] + f"marketType={sent}"
    expected = RIGHT_TYPES.replace(PAIR, f"marketType={sent}")
    proves(query(RIGHT_TYPES, url), "list", RIGHT_TYPES, expected)


def test_a_list_in_a_text_that_is_known() -> None:
    signed = RIGHT_TYPES.replace(PAIR, "marketType=SPOT|PERP")
    headers = heads(sign(signed))
    found = checked(diagnose(method="GET", url=TYPES, headers=headers, signed=signed))
    proves(found, "list", signed, RIGHT_TYPES)


# --- joined text ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_parameters_joined_to_the_rest(method: str) -> None:
    """No parameters between two &: it is not JSON, and no recipe of another exchange."""
    path, name = {"GET": ("/api/v1/capital", "balanceQuery"),
                  "POST": ("/api/v1/account/convertDust", "convertDust")}[method]  # fmt: skip
    signed = f"instruction={name}&{TAIL}"
    found = checked(diagnose(method=method, url=path, headers=heads(sign(signed))))
    proves(found, "punctuation", signed, f"instruction={name}{TAIL}")


def test_an_empty_text_is_not_called_a_recipe() -> None:
    for method, path in (("GET", "/api/v1/capital"), ("POST", "/api/v1/account/convertDust")):
        found = checked(diagnose(method=method, url=path, headers=heads(sign(""))))
        assert (found.cause, found.proven) == ("unknown", False)


def test_an_ampersand_in_a_value_makes_no_parameter() -> None:
    body = {**ORDER, "note": "a&mood=good"}
    right = RIGHT.replace("&orderType", "&note=a&mood=good&orderType")
    signed = right.replace("SOL", "BTC")
    headers = heads(sign(signed))
    asked = {"method": "POST", "url": "/api/v1/order", "headers": headers, "signed": signed}
    proves(checked(diagnose(**asked, body=json.dumps(body))), "other_text", signed, right)


# --- another kind of signature --------------------------------------------------------------------

MAC = hmac.new(b"secret", RIGHT.encode(), hashlib.sha256).digest()


@pytest.mark.parametrize("shown", [
    b64encode(MAC).decode(), MAC.hex(), MAC.hex().upper(), urlsafe_b64encode(MAC).decode(),
    b64encode(MAC.hex().encode()).decode(),
])  # fmt: skip
def test_an_hmac(shown: str) -> None:
    found = order(RIGHT, Signature=shown)
    assert (found.cause, found.proven) == ("signature_form", True)
    assert "HMAC-SHA256" in found.remedy and "ED25519" in found.remedy
    assert shown not in repr(found)


def test_an_ecdsa_signature() -> None:
    made = ec.generate_private_key(ec.SECP256K1()).sign(RIGHT.encode(), ec.ECDSA(SHA256()))
    found = order(RIGHT, Signature=b64encode(made).decode())
    assert found.cause == "signature_form" and "ECDSA" in found.remedy


def test_another_form_of_the_right_signature_is_no_hmac() -> None:
    found = order(RIGHT, Signature=SIGNATURE.rstrip("="))
    assert found.cause == "signature_form" and "HMAC" not in found.remedy


@pytest.mark.parametrize(("key", "words"), [
    ("your_api_key", "X-API-Key is a placeholder"),
    ("f47ac10b-58cc-4372-a567-0e02b2c3d479", "is a UUID"),
    ("zebra " * 11 + "abandon", "recovery phrase of a wallet"),
    (KEY.replace("+", "-").replace("/", "_"), "URL-safe alphabet"),
])  # fmt: skip
def test_what_the_key_seems_to_be(key: str, words: str) -> None:
    found = order(RIGHT, Key=key)
    assert found.cause == "key_form" and found.proven and found.remedy.startswith("X-API-Key ")
    assert words in found.remedy and key.strip() not in str(found)


# --- bytes that are not UTF-8 ---------------------------------------------------------------------


def test_bytes_that_are_not_utf8_are_read_as_they_are() -> None:
    """%FF is one byte of the signed text, and %FE is another."""
    signed = b"instruction=balanceQuery&symbol=\xff" + TAIL.encode()
    assert query(signed, "/api/v1/capital?symbol=%FF").cause == "none"
    assert query(signed, "/api/v1/capital?symbol=%FE").cause == "unknown"


# --- the path and the body ------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "near"), [
    ("//api/v1/capital", "/api/v1/capital (GET)"),
    ("/api/v1/history/fills", "/wapi/v1/history/fills (GET)"),
    ("/wapi/v1/order", "/api/v1/order (DELETE or GET or POST)"),
    ("/api/v1/capital/", "/api/v1/capital (GET)"),
    ("/API/v1/Capital", "/api/v1/capital (GET)"),
    ("/api/v1/balances", "/api/v1/capital (GET)"),
    ("/api/v1/positions", "/api/v1/position (GET)"),
    ("/api/v1/fills", "/wapi/v1/history/fills (GET)"),
    ("/api/v1/openOrders", "/api/v1/orders (DELETE or GET or POST)"),
    ("/v1/capital/collateral", "/api/v1/capital/collateral (GET)"),
    ("/api/v1/captial", "/api/v1/capital (GET)"),
])  # fmt: skip
def test_the_nearest_path(path: str, near: str) -> None:
    found = checked(diagnose(method="GET", url=path, headers=heads(SIGNATURE)))
    assert (found.cause, found.proven) == ("unknown_path", True)
    assert found.remedy == f"The nearest path in the documentation is {near}."


@pytest.mark.parametrize("path", ["/", "/api/v3/brokerage/accounts", "/x"])
def test_no_path_is_near(path: str) -> None:
    found = checked(diagnose(method="GET", url=path, headers=heads(SIGNATURE)))
    assert found.cause == "unknown_path" and "nearest" not in found.remedy


def posted(path: str, body: Any, signed: str) -> Finding:
    headers = heads(sign(signed))
    asked = {"method": "POST", "url": path, "headers": headers, "body": json.dumps(body)}
    return checked(diagnose(**asked))


def test_a_list_to_order_and_one_order_to_orders() -> None:
    found = posted("/api/v1/order", BATCH, RIGHT_BATCH)
    proves(found, "misfit", RIGHT_BATCH, RIGHT_BATCH)
    assert "/api/v1/orders" in found.remedy and "permissions" not in found.remedy
    found = posted("/api/v1/orders", ORDER, RIGHT)
    proves(found, "misfit", RIGHT, RIGHT)
    assert "Put the order into a list" in found.remedy
    signed = RIGHT.replace("true", "True")
    proves(posted("/api/v1/orders", ORDER, signed), "misfit + capital_boolean", signed, RIGHT)
    signed = f"instruction=convertDust&symbol=SOL{TAIL}"
    found = posted("/api/v1/account/convertDust", [{"symbol": "SOL"}], signed)
    proves(found, "misfit", signed, signed)


@pytest.mark.parametrize(("change", "said"), [
    ({"side": "Buy"}, "POST /api/v1/order takes side as Bid or Ask, and not 'Buy'."),
    ({"side": None}, "POST /api/v1/order needs side, which was not sent."),
    ({"size": "1"}, "POST /api/v1/order has no parameter 'size'."),
    ({"price": 170}, "POST /api/v1/order takes price as text in JSON, and not as a number."),
])  # fmt: skip
def test_a_right_signature_of_parameters_that_the_path_cannot_take(
    change: dict[str, Any], said: str
) -> None:
    body = {name: value for name, value in (ORDER | change).items() if value is not None}
    right = "&".join(f"{name}={str(value).replace('True', 'true')}"
                     for name, value in sorted(body.items()))  # fmt: skip
    found = posted("/api/v1/order", body, f"instruction=orderExecute&{right}{TAIL}")
    assert (found.cause, found.proven) == ("none", True)
    assert found.remedy.startswith(f"{said} Check")


def test_parameters_in_the_wrong_place_are_said_too() -> None:
    found = diagnose(method="POST", url="/api/v1/order?symbol=SOL_USDC", headers=heads(SIGNATURE),
                     body=ORDER_JSON)  # fmt: skip
    assert found.cause == "none"
    assert found.remedy.startswith("POST /api/v1/order takes its parameters in the body only.")


def test_a_right_request_raises_no_doubt() -> None:
    assert order(RIGHT).remedy.startswith("Check what a signature cannot show")
