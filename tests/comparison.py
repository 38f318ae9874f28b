"""Compare bpkit's operations, parameters and methods with the facts of the specification.

Each function yields a to-do list: a line says what to add, change or remove, and in which file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from inspect import Parameter, getsourcefile
from pathlib import Path
from typing import Any, NamedTuple

from samples import documented_name, literals, parameters
from specification import RANGES, Specification

from bpkit import parameters as parameters_table
from bpkit.operations import Operation
from bpkit.parameters import PARAMETERS

ROOT = Path(__file__).parent.parent
TABLE = "bpkit/operations.py"
TABLE_OF_PARAMETERS = "bpkit/parameters.py"
UNLISTED = Path(__file__).parent / "data/unlisted_operations.json"
# Where a method is not as the specification says, and why.
OPEN_SETS = {"CustodyAsset"}  # 1601 names, and each listing adds some: any text is taken
BODY_IS_A_LIST = {"execute_order_batch": "orders"}  # each as for execute_order: one parameter


class Wanted(NamedTuple):
    """A parameter as the specification says. ``allowed``: () if any value is."""

    name: str
    required: bool
    allowed: tuple[str, ...]


class Documented(NamedTuple):
    """An operation as the specification says."""

    row: Operation
    parameters: dict[str, Wanted]  # by the name in Python


def differences(
    specification: Specification, table: Mapping[str, Operation], client: type
) -> list[str]:
    """What is to be done, a line each; none if the client is complete."""
    found = {name: _documented(specification, name) for name in specification.operations}
    lines = [line for one in found.values() for line in _operation(one, table, client)]
    for name, row in table.items():
        if row.documented and name not in found:
            lines.append(
                f"{TABLE}: {name}: not in the specification: remove it, or say documented=False "
                f"and add its row with a source to tests/data/{UNLISTED.name}"
            )
    return lines


def unlisted_differences(table: Mapping[str, Operation]) -> Iterator[str]:
    """The same for the operations that the specification does not list; their rows are by hand."""
    known = json.loads(UNLISTED.read_text("utf-8"))["operations"]
    for name, row in table.items():
        if not row.documented and name not in known:
            yield f"tests/data/{UNLISTED.name}: add {name}, with the source of its row"
    for name, facts in known.items():
        if name not in table:
            yield f"{TABLE}: add {name}, or remove it from tests/data/{UNLISTED.name}"
            continue
        for field in ("method", "path", "instruction"):
            if (have := getattr(table[name], field)) != facts[field]:
                yield f"{TABLE}: {name}: {field} is {have!r}, must be {facts[field]!r}"


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
        yield f"{_file_of(home, client)}: class {home}: add {name}({names})"
        return
    for line in _method(wanted.parameters, parameters(method)):
        yield f"{_path(method)}: {name}: {line}"


def _file_of(name: str, client: type) -> str:
    """The file of the class from which a client has the methods of one section."""
    homes = [one for one in client.__mro__ if one.__name__ == name]
    return _path(homes[0]) if homes else "bpkit/api"


def _path(thing: Any) -> str:
    file = Path(getsourcefile(thing) or "").resolve()
    return str(file.relative_to(ROOT)) if file.is_relative_to(ROOT) else file.name


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


def _documented(specification: Specification, name: str) -> Documented:
    facts = specification.operations[name]
    if name in BODY_IS_A_LIST:
        assert facts["body"].startswith("[")
        only = BODY_IS_A_LIST[name]
        wanted = {only: Wanted(only, True, ())}
    else:
        wanted = {
            _in_python(one): Wanted(one, required, _allowed(specification, word))
            for one, (required, word) in specification.parameters(name).items()
        }
    row = Operation(
        name=name,
        section=facts["section"],
        method=facts["method"],
        path=facts["path"],
        instruction=facts["instruction"],
        answer="some" if _has_an_answer(facts) else "empty",
        paged={"limit", "offset"} <= wanted.keys(),
    )
    return Documented(row, wanted)


def _has_an_answer(facts: dict[str, Any]) -> bool:
    return any(word for status, word in facts["answers"].items() if status.startswith("2"))


def _in_python(name: str) -> str:
    """``sortDirection`` -> sort_direction; ``from``, which is a word of Python, -> from_."""
    made = "from_" if name == "from" else re.sub("([A-Z])", r"_\1", name).lower()
    assert documented_name(made) == name
    return made


def _allowed(specification: Specification, word: str) -> tuple[str, ...]:
    """The values of a closed set, also inside a list."""
    shape = specification.shape(word)
    if shape.name in OPEN_SETS:
        return ()
    return _allowed(specification, shape.item) if shape.item else shape.values


def parameter_differences(specification: Specification) -> Iterator[str]:
    """The same for the table of parameters: what is to be done in it."""
    for name in specification.operations:
        known, wanted = PARAMETERS.get(name, {}), specification.parameters(name)
        for one, (required, word) in wanted.items():
            want = _facts(specification, required, word)
            if one not in known:
                yield f"{TABLE_OF_PARAMETERS}: {name}: add {one}: {want}"
            elif (have := _facts_of(known[one])) != want:
                yield f"{TABLE_OF_PARAMETERS}: {name}: {one} is {have}, must be {want}"
        for one in known.keys() - wanted.keys():
            yield f"{TABLE_OF_PARAMETERS}: {name}: remove {one}"


def _facts(specification: Specification, required: bool, word: str) -> dict[str, Any]:
    """Of a parameter in the specification: everything that the table says of it too."""
    shape = specification.shape(word)
    many = shape.type == "array"
    if many:
        shape = specification.shape(shape.item)
    low, high = shape.length or RANGES.get(shape.format, (0, 0))
    is_open = shape.name in OPEN_SETS
    return {
        "required": required,
        "many": many,
        "type": "_".join(filter(None, (shape.type, shape.format)))
        if not shape.name
        else shape.name,
        "values": [] if is_open else list(shape.values),
        "low": low,
        "high": high,
    }


def _facts_of(parameter: parameters_table.Parameter) -> dict[str, Any]:
    kind = parameter.kind
    return {
        "required": parameter.required,
        "many": parameter.many,
        "type": kind.name if kind.name != "TriggerBy" else "string",  # a set without a name there
        "values": list(map(str, kind.values)),
        "low": kind.low,
        "high": kind.high,
    }


def extract_differences(official: Any, extract: Any, place: str = "") -> Iterator[str]:
    """In words, in what the committed extract is not what the official file says."""
    if isinstance(official, dict) and isinstance(extract, dict):
        for name in official | extract:
            inner = f"{place}.{name}".removeprefix(".")
            if name not in extract:
                yield f"{inner} is new: {json.dumps(official[name])}"
            elif name not in official:
                yield f"{inner} is gone"
            else:
                yield from extract_differences(official[name], extract[name], inner)
    elif isinstance(official, list) and isinstance(extract, list):
        yield from (f"{place}: {one} is new" for one in official if one not in extract)
        yield from (f"{place}: {one} is gone" for one in extract if one not in official)
    elif official != extract:
        yield f"{place} was {json.dumps(extract)}, is {json.dumps(official)}"
