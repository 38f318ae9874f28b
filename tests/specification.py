"""Read the facts of the official specification from data/specification.json.

``extract_specification`` writes that file, and says how a type is written in it. ``problems``
compares a value with a type.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from extract_specification import EXTRACT, parsed

Problem = tuple[str, str]  # where, and what is wrong


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
