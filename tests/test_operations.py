"""Every operation has its method, and every method says and sends what the documentation says.

The facts of the official specification are in data/specification.json. With ``--openapi=PATH`` the
official file itself is compared.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Iterable
from copy import deepcopy
from datetime import datetime
from inspect import signature
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

import pytest
from comparison import (
    differences,
    extract_differences,
    parameter_differences,
    unlisted_differences,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from extract_specification import facts, parsed
from helpers import PLACING, Scripted, least_answer
from samples import BY_OTHER_ID, FLAGGED, FULL, LEAST, LEFT_OUT, Sample, parameters
from specification import Specification, read

from bpkit import Client, GuardError, Key, TransportError, operations
from bpkit.operations import OPERATIONS, UNDOCUMENTED, Operation
from bpkit.parameters import PARAMETERS
from bpkit.signing import DEMO_SECRET

UNSIGNABLE = [name for name, one in OPERATIONS.items() if one.instruction == UNDOCUMENTED]
SENDABLE = [name for name in OPERATIONS if name not in UNSIGNABLE]
CALLS = [
    one
    for one in (*FULL.values(), *LEAST.values(), *BY_OTHER_ID.values(), *FLAGGED)
    if one.name in SENDABLE
]


# --- the specification ----------------------------------------------------------------------------


def fail(lines: Iterable[str]) -> None:
    if to_do := "\n".join(lines):
        pytest.fail(f"to do:\n{to_do}", pytrace=False)


def test_the_client_is_the_specification(specification: Specification) -> None:
    fail(differences(specification, OPERATIONS, Client))


def test_the_table_of_parameters_is_the_specification(specification: Specification) -> None:
    fail(parameter_differences(specification))


def test_unlisted_operations_are_as_their_sources_say() -> None:
    fail(unlisted_differences(OPERATIONS))


def test_the_extract_is_the_official_file(pytestconfig: pytest.Config) -> None:
    path = pytestconfig.getoption("--openapi")
    if path is None:
        pytest.skip("needs the official file: --openapi=PATH")
    lines = list(extract_differences(parsed(path), read().facts))
    if lines:
        lines.append(f"to take all of it over: python tests/extract_specification.py {path}")
    fail(lines)


def test_a_difference_of_the_extract_is_said_in_words() -> None:
    old = {"sets": {"Side": ["Bid", "Ask"]}, "objects": {"A": {"b": "string"}, "C": {}}}
    new = {"sets": {"Side": ["Bid", "Both"]}, "objects": {"A": {"b": "decimal", "d": "string"}}}
    assert list(extract_differences(new, old)) == [
        "sets.Side: Both is new", "sets.Side: Ask is gone",
        'objects.A.b was "string", is "decimal"', 'objects.A.d is new: "string"',
        "objects.C is gone",
    ]  # fmt: skip
    assert list(extract_differences(old, old)) == []


def query(name: str, schema: dict[str, Any], required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": required, "schema": schema}


SIDE = {"type": "string", "enum": ["Bid", "Ask"]}
TEXT = {"type": "string"}
JSON = {"application/json": {"schema": TEXT}}
DOCUMENT: dict[str, Any] = {
    "paths": {
        "/api/v1/things": {
            "get": {
                "operationId": "get_things",
                "tags": ["Thing"],
                "description": "All.\n\n**Instruction:** `thingQueryAll`",
                "parameters": [
                    {"name": "X-API-KEY", "in": "header", "schema": {"type": "string"}},
                    query("symbol", TEXT, required=True),
                    query("side", {"$ref": "#/schemas/Side"}),
                    query("from", {"type": "integer", "format": "int64"}),
                ],
                "responses": {"200": {"content": JSON}},
            },
            "post": {
                "operationId": "add_thing",
                "tags": ["Thing"],
                "requestBody": {"content": {"json": {"schema": {"$ref": "#/schemas/Thing"}}}},
                "responses": {"200": {}, "401": {}},
            },
        }
    },
    "components": {
        "schemas": {
            "Side": SIDE,
            "Thing": {
                "required": ["thingId"],
                "properties": {
                    "thingId": {"type": "string"},
                    "sides": {"type": "array", "items": {"allOf": [{"$ref": "#/schemas/Side"}]}},
                },
            },
        }
    },
}
THINGS = {
    "get_things": Operation(
        "get_things", "Thing", "GET", "/api/v1/things", "thingQueryAll", "things"
    ),
    "add_thing": Operation("add_thing", "Thing", "POST", "/api/v1/things", UNDOCUMENTED, "empty"),
}


class Small:
    """A client of the small document."""

    def get_things(
        self,
        symbol: str,
        *,
        side: Literal["Bid", "Ask"] | None = None,
        from_: datetime | int | None = None,
    ) -> None:
        """Any docstring."""

    def add_thing(self, thing_id: str, sides: list[Literal["Bid", "Ask"]] | None = None) -> None:
        """Any docstring."""


def change(edit: Callable[[Any, Any], object]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The document and the table, after ``edit`` of the document."""
    document = deepcopy(DOCUMENT)
    edit(document["paths"]["/api/v1/things"], document["components"]["schemas"])
    return document, dict(THINGS)


ROW = "bpkit/operations.py: get_things: "
METHOD = "tests/test_operations.py: get_things: "
CHANGES: dict[str, tuple[Callable[[Any, Any], object], list[str]]] = {
    "nothing": (lambda paths, schemas: None, []),
    "a new instruction": (
        lambda paths, schemas: paths["get"].update(description="**Instruction:** `thingQuery`"),
        [ROW + "instruction is 'thingQueryAll', must be 'thingQuery'"]),
    "the instruction gone": (
        lambda paths, schemas: paths["get"].update(description=""),
        [ROW + "instruction is 'thingQueryAll', must be ''"]),
    "a batch's instruction": (
        lambda paths, schemas: paths["post"].update(
            description="**Batch commands instruction:** `thingAdd`"),
        ["bpkit/operations.py: add_thing: instruction is '', must be 'thingAdd'"]),
    "public": (
        lambda paths, schemas: paths["post"]["responses"].pop("401"),
        ["bpkit/operations.py: add_thing: instruction is '', must be None"]),
    "another section": (
        lambda paths, schemas: paths["get"].update(tags=["Things"]),
        [ROW + "section is 'Thing', must be 'Things'"]),
    "another method": (
        lambda paths, schemas: paths.update(put=paths.pop("get")),
        [ROW + "method is 'GET', must be 'PUT'"]),
    "an answer": (
        lambda paths, schemas: paths["post"]["responses"].update({"201": {"content": JSON}}),
        ["bpkit/operations.py: add_thing: answer is 'empty', must be 'some'"]),
    "no answer": (
        lambda paths, schemas: paths["get"].update(responses={"200": {}}),
        [ROW + "answer is 'things', must be 'empty'"]),
    "pages": (
        lambda paths, schemas: paths["get"]["parameters"].extend(
            query(name, TEXT) for name in ("limit", "offset")),
        [ROW + "paged is False, must be True", METHOD + "add the parameter limit (limit, optional)",
         METHOD + "add the parameter offset (offset, optional)"]),
    "a new parameter": (
        lambda paths, schemas: schemas["Thing"]["properties"].update(
            {"otherSide": {"$ref": "#/schemas/Side"}}),
        ["tests/test_operations.py: add_thing: add the parameter other_side (otherSide, optional, "
         "one of Bid, Ask)"]),
    "a parameter gone": (
        lambda paths, schemas: paths["get"]["parameters"].pop(),
        [METHOD + "remove the parameter from_"]),
    "now required": (
        lambda paths, schemas: paths["get"]["parameters"][2].update(required=True),
        [METHOD + "side: take its default away"]),
    "no longer required": (
        lambda paths, schemas: schemas["Thing"].update(required=[]),
        ["tests/test_operations.py: add_thing: thing_id: give it a default"]),
    "a value more": (
        lambda paths, schemas: schemas.update(Side={"enum": ["Bid", "Ask", "Both"]}),
        [METHOD + "side: add to its Literal: Both",
         "tests/test_operations.py: add_thing: sides: add to its Literal: Both"]),
    "a value less": (
        lambda paths, schemas: paths["get"]["parameters"][2].update(schema={"enum": ["Bid"]}),
        [METHOD + "side: remove from its Literal: Ask"]),
    "a new operation": (
        lambda paths, schemas: paths.update(
            delete={**paths["post"], "operationId": "remove_thing", "tags": ["Old Thing"]}),
        ["bpkit/operations.py: add Operation(name='remove_thing', section='Old Thing', "
         "method='DELETE', path='/api/v1/things', instruction='', answer='?', "
         "paged=False, documented=True)",
         "bpkit/api: class OldThing: add remove_thing(thing_id, sides=None)"]),
    "an operation gone": (
        lambda paths, schemas: paths.pop("get"),
        [ROW + "not in the specification: remove it, or say documented=False and add its row with "
         "a source to tests/data/unlisted_operations.json"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGES)
def test_a_difference_says_what_to_do(case: str) -> None:
    edit, to_do = CHANGES[case]
    document, table = change(edit)
    assert differences(Specification(facts(document)), table, Small) == to_do


def test_an_unlisted_operation_may_become_documented() -> None:
    table = THINGS | {"get_things": THINGS["get_things"]._replace(documented=False)}
    small = Specification(facts(DOCUMENT))
    assert differences(small, table, Small) == [ROW + "documented is False, must be True"]
    small.operations.clear()
    assert differences(small, {"x": table["get_things"]}, Small) == []


# --- the table and the methods --------------------------------------------------------------------


def test_a_row_has_the_name_of_its_key() -> None:
    assert all(name == one.name for name, one in OPERATIONS.items())
    assert len({(one.method, one.path) for one in OPERATIONS.values()}) == len(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda one: one.name)
def test_a_method_is_in_the_class_of_its_section(operation: Operation) -> None:
    [home] = [one for one in Client.__mro__ if operation.name in vars(one)]
    assert home.__name__ == operation.section.replace(" ", "")


def test_what_takes_a_limit_and_an_offset_has_pages() -> None:
    """Also where the specification is silent: the parameters are those of the method."""
    for operation in OPERATIONS.values():
        given = signature(getattr(Client, operation.name)).parameters
        assert operation.paged == ({"limit", "offset"} <= given.keys()), operation.name


def test_only_a_get_changes_nothing() -> None:
    assert all(one.mutates == (one.method != "GET") for one in OPERATIONS.values())


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda one: one.name)
def test_a_docstring_names_where_it_is_documented(operation: Operation) -> None:
    text = " ".join((getattr(Client, operation.name).__doc__ or "").split())
    assert text and ("Not in the official specification" in text) != operation.documented
    assert (f"Docs: {operation.section}, " in text) == operation.documented
    assert ("Always raises GuardError" in text) == (operation.name in UNSIGNABLE)


def test_the_table_can_be_searched() -> None:
    assert [one["name"] for one in operations()] == list(OPERATIONS)
    assert [one["name"] for one in operations("WithdrawalS/Delay")] == [
        "get_withdrawal_delay", "create_withdrawal_delay", "update_withdrawal_delay",
    ]  # fmt: skip
    assert [one["name"] for one in operations("convertdust")] == ["convert_dust"]
    assert {one["method"] for one in operations("patch")} == {"PATCH"}
    assert operations("no such word") == [] and operations("no such word").df.empty
    [row] = operations("issueTwoFactorToken")
    assert row == {
        "name": "issue_two_factor_token", "section": "Account", "method": "POST",
        "path": "/wapi/v1/user/2fa", "instruction": "issueTwoFactorToken", "mutates": True,
        "documented": False, "paged": False,
    }  # fmt: skip


# --- what leaves ----------------------------------------------------------------------------------


def text(value: Any) -> str:
    """A value as it is signed, written out here."""
    if isinstance(value, bool):
        return {True: "true", False: "false"}[value]
    if isinstance(value, dict):
        inner = (f'"{name}":{json.dumps(value[name])}' for name in sorted(value))
        return "{" + ",".join(inner) + "}"
    return str(value)


def signed_text(instruction: str | None, sent: Any) -> str:
    """The text to sign up to its timestamp, written out here."""
    parts = []
    for one in sent if isinstance(sent, list) else [sent]:
        parts.append(f"instruction={instruction}")
        parts += [f"{name}={text(one[name])}" for name in sorted(one)]
    return "&".join(parts)


@pytest.fixture
def bp(scripted: Scripted) -> Client:
    return Client(scripted.url, Key(DEMO_SECRET), new_id=lambda: 77)


# A write that can be found again has an id: yours, or one that the client gives it.
OWN_ID = {
    "execute_order": {"clientId": 77}, "execute_order_batch": {"clientId": 77},
    "submit_rfq": {"clientId": 77}, "submit_quote": {"clientId": 77},
    "strategy_create": {"clientStrategyId": 77}, "request_withdrawal": {"clientId": "77"},
}  # fmt: skip


def findable(call: Sample) -> Any:
    given = OWN_ID.get(call.name, {})
    if isinstance(call.sent, list):
        return [given | one for one in call.sent]
    return given | call.sent


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_a_method_sends_its_operation_and_all_it_was_given(
    call: Sample, bp: Client, scripted: Scripted
) -> None:
    sent = findable(call)
    ids = {} if isinstance(sent, list) else {sent.get("orderId"), sent.get("strategyId")} - {None}
    answer = least_answer(call.name)
    scripted.says(200, answer.replace('"1"', json.dumps(ids.pop()), 1) if ids else answer)
    call.call(bp)
    [request] = scripted.requests
    operation, target = OPERATIONS[call.name], urlsplit(request["target"])
    assert (request["method"], target.path) == (operation.method, operation.path)
    if operation.method == "GET":
        assert request["body"] == b""
        query = parse_qsl(target.query, keep_blank_values=True, strict_parsing=bool(target.query))
        assert query == sorted((name, text(value)) for name, value in sent.items())
    else:
        assert target.query == ""
        assert json.loads(request["body"]) == sent
        assert request["headers"]["content-type"] == "application/json; charset=utf-8"
    if operation.instruction is None:
        assert not [name for name in request["headers"] if name.startswith("x-")]
        return
    headers = request["headers"]
    signed = signed_text(operation.instruction, sent)
    signed += f"&timestamp={headers['x-timestamp']}&window=5000"
    Ed25519PublicKey.from_public_bytes(b64decode(headers["x-api-key"])).verify(
        b64decode(headers["x-signature"]), signed.encode()
    )


def test_the_samples_pass_every_parameter() -> None:
    """The test above sees only what a sample passes."""
    for name in SENDABLE:
        known = set(parameters(getattr(Client, name)))
        passed = {one for call in CALLS if call.name == name for one in call.arguments}
        missing = known - passed - LEFT_OUT.get(name, set())
        assert not missing, f"tests/samples.py: no sample of {name} passes {missing}"
    assert len([one for one in FLAGGED if one.name == "execute_order"]) == 6
    assert FULL["get_withdrawals"].sent == {
        "id": 0, "clientId": "client_id a+b&é/%", "from": 1_788_264_000_000,
        "to": 1_788_264_001_000, "limit": 4, "offset": 5,
    }  # fmt: skip
    assert len(FULL["execute_order"].sent) == 26 and len(LEAST["execute_order"].sent) == 5
    assert LEAST["request_withdrawal"].sent == {
        "address": "address a+b&é/%", "blockchain": "Zcash", "symbol": "SOL.x_USDC",
        "quantity": "0.0000004",
    }  # fmt: skip
    assert FULL["request_withdrawal"].sent["recipientInformation"] == {
        "withdrawal_purpose": "gift", "withdrawal_address_id": 7,
    }  # fmt: skip


MANY = [name for name, known in PARAMETERS.items() if any(one.many for one in known.values())]


@pytest.mark.parametrize("given", [("PERP", "SPOT"), ["PERP", "SPOT"]])
@pytest.mark.parametrize("method", MANY)
def test_several_market_types_repeat_their_name(
    method: str, given: Any, bp: Client, scripted: Scripted
) -> None:
    scripted.says(200, "[]")
    getattr(bp, method)(market_type=given)
    assert urlsplit(scripted.requests[0]["target"]).query == "marketType=PERP&marketType=SPOT"


def test_several_market_types_are_taken_by_five_operations() -> None:
    assert sorted(MANY) == [
        "get_fills", "get_markets", "get_order_history", "get_position_history",
        "get_strategies_history",
    ]  # fmt: skip


@pytest.mark.parametrize("key", [Key(DEMO_SECRET), None])
@pytest.mark.parametrize("name", UNSIGNABLE)
def test_what_cannot_be_signed_is_never_sent(
    name: str, key: Key | None, scripted: Scripted
) -> None:
    bp = Client(scripted.url, key)
    with pytest.raises(GuardError, match=f"{name} is private, .* names no instruction for it"):
        FULL[name].call(bp)
    assert scripted.requests == []


# ``reconcile`` finds these by itself; for the others the error names where to look.
RECONCILED = {
    "execute_order", "execute_order_batch", "cancel_order", "cancel_open_orders",
    "request_withdrawal", "strategy_create", "cancel_strategy", "cancel_open_strategies",
}  # fmt: skip


# --- what comes back ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [one for one in SENDABLE if OPERATIONS[one].answer != "text"])
@pytest.mark.parametrize("body", ['{"new":{"field":[1]}}', '[{"new":"x"}]'])
def test_an_answer_of_another_shape_passes_through(
    name: str, body: str, bp: Client, scripted: Scripted
) -> None:
    scripted.says(200, body)
    if OPERATIONS[name].answer in (*PLACING, "batch", "time"):  # it is not an order
        with pytest.raises(TransportError, match="(?i)unknown"):
            FULL[name].call(bp)
        return
    assert FULL[name].call(bp) == json.loads(body)


@pytest.mark.parametrize("name", [name for name in SENDABLE if OPERATIONS[name].mutates])
def test_a_write_without_an_answer_says_where_to_look(
    name: str, bp: Client, scripted: Scripted
) -> None:
    scripted.cuts()
    with pytest.raises(TransportError, match="outcome is UNKNOWN") as caught:
        FULL[name].call(bp)
    assert len(scripted.requests) == 1
    _, _, rest = str(caught.value).partition("Look (")
    if rest.startswith("bp.reconcile(error)"):
        assert name in RECONCILED
        return
    assert name not in RECONCILED
    places = rest.partition(")")[0].split(", ")
    assert [OPERATIONS[place].method for place in places] == ["GET"] * len(places)
    assert "get_open_orders" not in places
