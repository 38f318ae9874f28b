"""Write the facts of the official specification to data/specification.json.

``python tests/extract_specification.py openapi.yml``. The official file belongs to Backpack and is
not part of this repository; the extract has its names, types and closed sets, and no sentence.

A type is one word: ``decimal`` (a format, or a type that has none), ``Kline`` (a name in "objects",
"choices" or "sets"), ``|Bid|Ask`` (a closed set without a name), ``[Kline]`` (a list),
``{Balance}`` (an object with any names), ``string 0..255`` (with its length). ``price?`` may be
absent.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

EXTRACT = Path(__file__).parent / "data/specification.json"
ERROR = "ApiErrorResponse"
WIDTH = 100


def facts(document: dict[str, Any]) -> dict[str, Any]:
    """The extract of a parsed OpenAPI document."""
    found: dict[str, Any] = {"operations": {}, "objects": {}, "choices": {}, "sets": {}}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            name = operation["operationId"]
            found["operations"][name] = _operation(method.upper(), path, operation)
    for name, schema in document["components"]["schemas"].items():
        if "enum" in schema:
            found["sets"][name] = schema["enum"]
        elif "discriminator" in schema:
            found["choices"][name] = _choice(schema, document)
        elif "allOf" not in schema:
            found["objects"][name] = _fields(schema)
        elif not _is_tagged(schema):
            raise ValueError(f"{name}: a schema of an unknown shape")
    return found


def _operation(method: str, path: str, operation: dict[str, Any]) -> dict[str, Any]:
    query = [one for one in operation.get("parameters", []) if one["in"] == "query"]
    found = {
        "section": operation["tags"][0],
        "method": method,
        "path": path,
        "instruction": _instruction(operation),
        "query": {_name(one["name"], one["required"]): _word(one["schema"]) for one in query},
        "body": None,
        **_answers(operation["responses"]),
    }
    if "requestBody" in operation:
        [content] = operation["requestBody"]["content"].values()
        found["body"] = _word(content["schema"])
    return {name: value for name, value in found.items() if value or name == "instruction"}


def _instruction(operation: dict[str, Any]) -> str | None:
    """None: public. "": private (it takes a key, or refuses with 401), and none is documented."""
    text = operation.get("description", "")
    named: list[str] = re.findall(r"instruction:\*\*\s+`(\w+)`", text, re.IGNORECASE)
    if named:
        [only] = named
        return only
    names = {one["name"] for one in operation.get("parameters", []) if one["in"] == "header"}
    return "" if "X-API-KEY" in names or "401" in operation["responses"] else None


def _answers(responses: dict[str, Any]) -> dict[str, Any]:
    """``answers``: status -> a type, or null without a body; "text" is not JSON."""
    answers, errors, headers = {}, [], []
    for status, response in responses.items():
        word = None
        for content_type, content in response.get("content", {}).items():
            is_json = content_type.startswith("application/json")
            word = _word(content["schema"]) if is_json else "text"
        if word == ERROR:
            errors.append(int(status))
        else:
            answers[str(status)] = word
        headers += sorted(response.get("headers", {}))
    return {"answers": answers, "errors": errors, "headers": headers}


def _fields(schema: dict[str, Any]) -> dict[str, str]:
    required = schema.get("required", [])
    return {
        _name(name, name in required): _word(one)
        for name, one in schema.get("properties", {}).items()
    }


def _name(name: str, required: bool) -> str:
    return name if required else name + "?"


def _word(schema: dict[str, Any]) -> str:
    """The type of a parameter, a property or an item."""
    if "allOf" in schema:  # one reference, and a part that only describes
        [named] = [one for one in schema["allOf"] if "$ref" in one]
        return _word(named)
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[1]
    if "enum" in schema:
        return "".join(f"|{value}" for value in schema["enum"])
    if schema["type"] == "array":
        word = f"[{_word(schema['items'])}]"
    elif isinstance(schema.get("additionalProperties"), dict):
        word = f"{{{_word(schema['additionalProperties'])}}}"
    else:
        word = schema.get("format", schema["type"])
    if "maxLength" in schema:
        word += f" {schema.get('minLength', 0)}..{schema['maxLength']}"
    return word


def _is_tagged(schema: dict[str, Any]) -> bool:
    """Is it one object of a choice, with the property that names it?"""
    tag, *named = schema.get("allOf", [{}])
    return len(tag.get("properties", {})) == 1 and len(named) == 1 and "$ref" in named[0]


def _choice(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """Property -> its value -> the object that comes with that value."""
    mapping = schema["discriminator"]["mapping"]
    schemas = document["components"]["schemas"]
    kinds = {value: _word({"$ref": target}) for value, target in mapping.items()}
    inner = {value: _word(schemas[name]["allOf"][1]) for value, name in kinds.items()}
    return {schema["discriminator"]["propertyName"]: inner}


# --- writing --------------------------------------------------------------------------------------


def text(extract: dict[str, Any]) -> str:
    """JSON with an entry a line, or with as many small ones in a line as fit."""
    return _written(extract, 0, 0) + "\n"


def _written(value: Any, depth: int, before: int) -> str:
    flat = json.dumps(value)
    if not isinstance(value, dict | list) or (depth > 1 and before + len(flat) < WIDTH):
        return flat
    indent = " " * (depth + 1)
    if isinstance(value, dict):
        start, end = "{}"
        names = [f"{json.dumps(name)}: " for name in value]
        parts = [
            name + _written(one, depth + 1, len(indent + name))
            for name, one in zip(names, value.values(), strict=True)
        ]
    else:
        start, end = "[]"
        parts = [json.dumps(one) for one in value]
    lines = _packed(parts, WIDTH - len(indent)) if depth > 1 else parts
    return f"{start}\n{indent}" + f",\n{indent}".join(lines) + f"\n{' ' * depth}{end}"


def _packed(parts: list[str], width: int) -> Iterator[str]:
    line = ""
    for part in parts:
        if line and ("\n" in line + part or len(line) + len(part) + 3 > width):
            yield line
            line = part
        else:
            line = f"{line}, {part}" if line else part
    yield line


def parsed(path: str | Path) -> dict[str, Any]:
    """The facts of an openapi.yml."""
    import yaml

    with open(path, encoding="utf-8") as file:
        return facts(yaml.load(file, getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


if __name__ == "__main__":
    EXTRACT.write_text(text(parsed(sys.argv[1])), "utf-8")
