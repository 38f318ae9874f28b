"""The table of operations and the methods of Client against an OpenAPI document.

``differences`` is a to-do list: a line says what to add, change or remove, and where.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from inspect import Parameter, getsourcefile
from pathlib import Path
from typing import Any, NamedTuple

from samples import documented_name, literals, parameters

from bpkit.operations import UNDOCUMENTED, Operation

ROOT = Path(__file__).parent.parent
TABLE = "bpkit/operations.py"
# Where a method is not as the specification says, and why.
OPEN_SETS = {"CustodyAsset"}  # 1601 names, more with every listing: text, which the exchange judges
BODY_IS_A_LIST = {"execute_order_batch": "orders"}  # each as for execute_order: one parameter


class Wanted(NamedTuple):
    """A parameter as the specification says. ``allowed``: () where any value is."""

    name: str
    required: bool
    allowed: tuple[str, ...]


class Documented(NamedTuple):
    """An operation as the specification says."""

    row: Operation
    parameters: dict[str, Wanted]  # by the name in Python


def differences(
    document: dict[str, Any], table: Mapping[str, Operation], client: type
) -> list[str]:
    """What is to be done, a line each; none if the client is complete."""
    found = {one.row.name: one for one in _operations(document)}
    lines = [line for one in found.values() for line in _operation(one, table, client)]
    for name, row in table.items():
        if row.documented and name not in found:
            lines.append(f"{TABLE}: {name}: not in the specification: documented=False, or remove")
    return lines


def _operation(wanted: Documented, table: Mapping[str, Operation], client: type) -> Iterator[str]:
    row, name = table.get(wanted.row.name), wanted.row.name
    if row is None:
        made = wanted.row._replace(answer="?")
        yield f"{TABLE}: add {made}"
    else:
        yield from _row(wanted.row, row)
    method = getattr(client, name, None)
    if method is None:
        home = wanted.row.section.replace(" ", "")
        names = ", ".join(
            f"{one}{'' if parameter.required else '=None'}"
            for one, parameter in wanted.parameters.items()
        )
        yield f"bpkit/api: class {home}: add {name}({names})"
        return
    file = Path(getsourcefile(method) or "").resolve()
    where = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file.name
    for line in _method(wanted.parameters, parameters(method)):
        yield f"{where}: {name}: {line}"


def _row(wanted: Operation, row: Operation) -> Iterator[str]:
    for field in ("section", "method", "path", "instruction", "paged", "documented"):
        want, have = getattr(wanted, field), getattr(row, field)
        if want != have:
            yield f"{TABLE}: {row.name}: {field} is {have!r}, must be {want!r}"
    if (wanted.answer == "empty") != (row.answer == "empty"):
        yield f"{TABLE}: {row.name}: answer is {row.answer!r}, must be {wanted.answer!r}"


def _method(wanted: dict[str, Wanted], known: dict[str, Parameter]) -> Iterator[str]:
    for name, want in wanted.items():
        if name not in known:
            kind = "required" if want.required else "optional"
            among = f", one of {', '.join(want.allowed)}" if want.allowed else ""
            yield f"add the parameter {name} ({want.name}, {kind}{among})"
            continue
        bare = known[name].default is Parameter.empty
        if bare != want.required:
            yield f"{name}: {'take its default away' if want.required else 'give it a default'}"
        have = set(map(str, literals(known[name].annotation)))
        if more := set(want.allowed) - have:
            yield f"{name}: add to its Literal: {', '.join(sorted(more))}"
        if less := have - set(want.allowed):
            yield f"{name}: remove from its Literal: {', '.join(sorted(less))}"
    for name in known:
        if name not in wanted:
            yield f"remove the parameter {name}"


# --- reading the document -------------------------------------------------------------------------


def _operations(document: dict[str, Any]) -> Iterator[Documented]:
    schemas = document.get("components", {}).get("schemas", {})
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if isinstance(operation, dict) and "operationId" in operation:
                yield _documented(method.upper(), path, operation, schemas)


def _documented(
    method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]
) -> Documented:
    wanted = _query(operation, schemas) | _body(operation, schemas)
    row = Operation(
        name=operation["operationId"],
        section=operation["tags"][0],
        method=method,
        path=path,
        instruction=_instruction(operation),
        answer="some" if _answers(operation) else "empty",
        paged={"limit", "offset"} <= wanted.keys(),
    )
    return Documented(row, wanted)


def _instruction(operation: dict[str, Any]) -> str | None:
    """None: public. A private operation asks for a key's header, or can refuse with 401."""
    found = re.search(r"instruction:\*\*\s+`(\w+)`", operation.get("description", ""), re.I)
    if found:
        return found[1]
    headers = {one["name"] for one in operation.get("parameters", []) if one["in"] == "header"}
    return UNDOCUMENTED if "X-API-KEY" in headers or "401" in operation["responses"] else None


def _answers(operation: dict[str, Any]) -> bool:
    return any(
        "content" in response
        for status, response in operation["responses"].items()
        if str(status).startswith("2")
    )


def _query(operation: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Wanted]:
    given = [one for one in operation.get("parameters", []) if one["in"] == "query"]
    return {
        _in_python(one["name"]): Wanted(
            one["name"], one.get("required", False), _allowed(one["schema"], schemas)
        )
        for one in given
    }


def _body(operation: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Wanted]:
    if "requestBody" not in operation:
        return {}
    [content] = operation["requestBody"]["content"].values()
    if operation["operationId"] in BODY_IS_A_LIST:
        assert content["schema"]["type"] == "array"
        name = BODY_IS_A_LIST[operation["operationId"]]
        return {name: Wanted(name, True, ())}
    body = _resolved(content["schema"], schemas)[1]
    return {
        _in_python(name): Wanted(name, name in body.get("required", []), _allowed(schema, schemas))
        for name, schema in body["properties"].items()
    }


def _in_python(name: str) -> str:
    """``sortDirection`` -> sort_direction; ``from``, which Python keeps for itself, -> from_."""
    made = "from_" if name == "from" else re.sub("([A-Z])", r"_\1", name).lower()
    assert documented_name(made) == name
    return made


def _resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """(its name or "", the schema itself) of what may be a reference."""
    if "$ref" not in schema:
        return "", schema
    name = schema["$ref"].rsplit("/", 1)[1]
    return name, schemas[name]


def _allowed(schema: dict[str, Any], schemas: dict[str, Any]) -> tuple[str, ...]:
    """The values of a closed set, also inside a list or behind a reference."""
    name, schema = _resolved(schema, schemas)
    if name in OPEN_SETS:
        return ()
    parts = [*schema.get("allOf", []), *schema.get("oneOf", []), *schema.get("anyOf", [])]
    if "items" in schema:
        parts.append(schema["items"])
    inner = [one for part in parts for one in _allowed(part, schemas)]
    return tuple(dict.fromkeys([*map(str, schema.get("enum", [])), *inner]))
