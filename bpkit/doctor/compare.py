"""Compare the signed text with the expected one, if no known mistake leads to it."""

from __future__ import annotations

from typing import NamedTuple

from .finding import in_order


class _Parts(NamedTuple):
    instructions: list[str]
    parameters: list[tuple[str, str]]
    timestamps: list[str]
    windows: list[str]


def first_difference(signed: str, expected: str) -> int | None:
    """The first character where the two differ, counted from 1. None: they are equal."""
    if signed == expected:
        return None
    pairs = enumerate(zip(signed, expected, strict=False), 1)
    return next((at for at, (a, b) in pairs if a != b), min(len(signed), len(expected)) + 1)


def causes_of(signed: str, expected: str, method: str) -> tuple[str, ...]:
    """What is wrong with the signed text: keys of ``CAUSES``, at least one."""
    has, wants = _parts(signed), _parts(expected)
    shared = dict(has.parameters).keys() & dict(wants.parameters).keys()
    if not (shared or has.instructions or has.timestamps):
        return ("other_text",)
    found = {cause for cause, wrong in _differences(has, wants).items() if wrong}
    if wants.parameters and not has.parameters:
        found.add("query_not_signed" if method == "GET" else "body_not_signed")
    if sorted(signed.split("&")) == sorted(expected.split("&")):
        return ("unsorted",)
    return in_order(found) or ("other_text",)


def _parts(text: str) -> _Parts:
    pairs = [(name, value) for name, _, value in (part.partition("=") for part in text.split("&"))]
    own = {name: [value for one, value in pairs if one == name] for name in _FIXED}
    rest = [pair for pair in pairs if pair[0] not in _FIXED]
    return _Parts(own["instruction"], rest, own["timestamp"], own["window"])


_FIXED = ("instruction", "timestamp", "window")


def _differences(has: _Parts, wants: _Parts) -> dict[str, bool]:
    own, other = dict(has.parameters), dict(wants.parameters)
    first, wanted = "".join(has.timestamps[:1]), "".join(wants.timestamps)
    differs = bool(first) and first != wanted
    return {
        "no_instruction": not has.instructions,
        "wrong_instruction": bool(set(has.instructions) - set(wants.instructions)),
        "batch": 1 <= len(has.instructions) != len(wants.instructions) or len(has.timestamps) > 1,
        "parameters_left_out": bool(other.keys() - own.keys()) and bool(own),
        "parameters_not_sent": bool(own.keys() - other.keys()),
        "different_values": any(own[name] != other[name] for name in own.keys() & other.keys()),
        "no_timestamp": not has.timestamps,
        "time_unit": differs and len(first) != len(wanted),
        "timestamp_differs": differs and len(first) == len(wanted),
        "no_window": not has.windows,
        "window_differs": bool(has.windows) and set(has.windows) != set(wants.windows),
    }
