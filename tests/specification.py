"""Read the facts of the official specification, and compare bpkit's operations with them.

``Specification`` reads data/specification.json (see ``extract_specification``, which writes it and
says how a type is written). ``differences`` is a to-do list: a line says what to add, change or
remove, and where.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from inspect import Parameter, getsourcefile
from pathlib import Path
from typing import Any, NamedTuple

from extract_specification import EXTRACT, parsed
from samples import documented_name, literals, parameters

from bpkit.operations import Operation

ROOT = Path(__file__).parent.parent
TABLE = "bpkit/operations.py"
UNLISTED = Path(__file__).parent / "data/unlisted_operations.json"
# Where a method is not as the specification says, and why.
OPEN_SETS = {"CustodyAsset"}  # 1601 names, and each listing adds some: any text is taken
BODY_IS_A_LIST = {"execute_order_batch": "orders"}  # each as for execute_order: one parameter


Problem = tuple[str, str]  # where, and what is wrong


# --- reading the facts ----------------------------------------------------------------------------


class Shape(NamedTuple):
    """What a type of the extract means."""

    name: str  # of its schema, or ""
    type: str  # string, boolean, integer, number, array, object
    format: str = ""
    values: tuple[str, ...] = ()  # of a closed set; (): any value
    item: str = ""  # the type of each part of a list, or of an object with any names
    fields: Mapping[str, str] = {}
    choice: Mapping[str, Mapping[str, str]] = {}
    length: tuple[int, int] | None = None


class Specification:
    """The facts of the extract."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.facts = facts
        self.operations: dict[str, dict[str, Any]] = facts["operations"]

    def shape(self, word: str) -> Shape:
        """What a type means; KeyError: it is not known."""
        bare, low, high = re.fullmatch(r"(.+?)(?: (\d+)\.\.(\d+))?", word).groups()
        made = self._shape(bare)
        return made._replace(length=(int(low), int(high))) if low else made

    def _shape(self, word: str) -> Shape:
        if word[0] in "[{":
            return Shape("", "array" if word[0] == "[" else "object", item=word[1:-1])
        if word in self.facts["sets"]:
            return Shape(word, "string", values=tuple(self.facts["sets"][word]))
        if word in self.facts["objects"]:
            return Shape(word, "object", fields=self.facts["objects"][word])
        if word in self.facts["choices"]:
            return Shape(word, "object", choice=self.facts["choices"][word])
        if word[0] == "|":
            return Shape("", "string", values=tuple(word[1:].split("|")))
        if word in TYPES:
            return Shape("", word)
        return Shape("", TYPE_OF_FORMAT[word], word)

    def parameters(self, operation: str) -> dict[str, tuple[bool, str]]:
        """Name -> (required?, its type): of the query, or of the body or each part of its list."""
        facts = self.operations[operation]
        fields = facts.get("query", {})
        if "body" in facts:
            body = self.shape(facts["body"])
            fields = self.shape(body.item).fields if body.item else body.fields
        return {name.rstrip("?"): (name[-1] != "?", word) for name, word in fields.items()}

    def properties(self, word: str | None) -> dict[str, str]:
        """Name -> its type: of an object, of all objects of a choice, of the parts of a list."""
        if word in (None, "text"):
            return {}
        shape = self.shape(word)
        found = {name.rstrip("?"): one for name, one in shape.fields.items()}
        if shape.item:
            found |= self.properties(shape.item)
        for tag, kinds in shape.choice.items():
            found[tag] = "string"
            for one in kinds.values():
                found |= self.properties(one)
        return found

    def problems(self, word: str, value: Any, place: str = "answer") -> Iterator[Problem]:
        """What of a value is not as its type says. Names that the type does not have count too."""
        if value is None:
            yield place, "null"
            return
        shape = self.shape(word)
        yield from _plain_problems(shape, value, place)
        if isinstance(value, list) and shape.type == "array":
            for one in value:
                yield from self.problems(shape.item, one, place)
        elif isinstance(value, dict) and shape.type == "object":
            yield from self._object_problems(shape, value, place)

    def _object_problems(
        self, shape: Shape, value: dict[str, Any], place: str
    ) -> Iterator[Problem]:
        if shape.item:
            for one in value.values():
                yield from self.problems(shape.item, one, "*")
            return
        known: dict[str, tuple[str, str]] = {}
        yield from self._known(shape, value, place, known)
        for name, one in value.items():
            if name in known:
                yield from self.problems(known[name][1], one, f"{known[name][0]}.{name}")
            else:
                yield f"{shape.name}.{name}", "not in the specification"

    def _known(
        self, shape: Shape, value: dict[str, Any], place: str, known: dict[str, tuple[str, str]]
    ) -> Iterator[Problem]:
        """Fill ``known``: name -> (its object, its type); yield what is missing."""
        for name, word in shape.fields.items():
            known[name.rstrip("?")] = shape.name, word
            if name[-1] != "?" and name not in value:
                yield f"{shape.name}.{name}", "missing"
        for tag, kinds in shape.choice.items():
            known[tag] = shape.name, "string"
            if value.get(tag) in kinds:
                yield from self._known(self.shape(kinds[value[tag]]), value, place, known)
            else:
                yield place, f"{value.get(tag)!r} is not one of {sorted(kinds)}"


TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: type(value) is int,
    "number": lambda value: type(value) in (int, float),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
RANGES = {
    "uint8": (0, 2**8 - 1),
    "uint16": (0, 2**16 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
}
PATTERNS = {
    "decimal": r"-?(0|[1-9]\d*)(\.\d+)?",
    "naive-date-time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6})?",
    "naive-time": r"\d\d:\d\d:\d\d",
    "date-time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
}
TYPE_OF_FORMAT = {
    **dict.fromkeys(RANGES, "integer"), **dict.fromkeys(PATTERNS, "string"), "double": "number",
}  # fmt: skip


def _plain_problems(shape: Shape, value: Any, place: str) -> Iterator[Problem]:
    """Type, closed set, format, length."""
    if not TYPES[shape.type](value):
        yield place, f"{value!r} is not of the type {shape.type}"
        return
    if shape.values and value not in shape.values:
        yield place, f"{value!r} is not one of {list(shape.values)}"
    if shape.format and not _is_of_format(shape.format, value):
        yield place, f"{value!r} is not of the format {shape.format}"
    if shape.length and not shape.length[0] <= len(value) <= shape.length[1]:
        yield place, f"{value!r} is of the wrong length"


def _is_of_format(name: str, value: Any) -> bool:
    if name in RANGES:
        low, high = RANGES[name]
        return bool(low <= value <= high)
    return name not in PATTERNS or re.fullmatch(PATTERNS[name], value) is not None


def read(path: str | None = None) -> Specification:
    """The committed extract; with ``path``, the facts of that openapi.yml."""
    return Specification(parsed(path) if path else json.loads(EXTRACT.read_text("utf-8")))


# --- comparing ------------------------------------------------------------------------------------


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
