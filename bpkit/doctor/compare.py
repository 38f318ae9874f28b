"""Compare the signed text with the expected one, if no known mistake leads to it."""

from __future__ import annotations

import re
from typing import NamedTuple

from .finding import in_order
from .received import RESERVED
from .signed_text import SignedText

Values = dict[str, list[str]]  # of a name: each of its values


class _Parts(NamedTuple):
    fixed: Values  # instruction, timestamp, window
    parameters: Values


def first_difference(signed: str, expected: str) -> int | None:
    """The first character where the two differ, counted from 1. None: they are equal."""
    if signed == expected:
        return None
    pairs = enumerate(zip(signed, expected, strict=False), 1)
    return next((at for at, (a, b) in pairs if a != b), min(len(signed), len(expected)) + 1)


def causes_of(signed: str, right: SignedText, method: str) -> tuple[str, ...]:
    """What is wrong with the signed text: keys of ``CAUSES``, at least one."""
    expected = right.text
    if any("&" in f"{name}{value}" for name, value in right.params):
        return ("other_text",)  # the parts of the text cannot be distinguished
    clean, damage = _clean(signed)
    has, wants = _parts(clean), _parts(expected)
    shared = has.parameters.keys() & wants.parameters.keys()
    if not (shared or has.fixed["instruction"] or has.fixed["timestamp"]):
        return ("other_text",)
    found = damage | {cause for cause, wrong in _differences(has, wants).items() if wrong}
    if wants.parameters and not has.parameters:
        found.add("query_not_signed" if method == "GET" else "body_not_signed")
    if sorted(signed.split("&")) == sorted(expected.split("&")):
        return ("unsorted",)
    return in_order(found) or ("other_text",)


def _clean(signed: str) -> tuple[str, set[str]]:
    """Without what is around and between the parts, and undamaged by HTML; the causes of it."""
    whole = signed.replace("\N{MULTIPLICATION SIGN}tamp", "&timestamp").replace("&amp;", "&")
    clean = re.sub("&+", "&", re.sub(r"""^b?['"]|^[?&\s]+|['"&\s]+$""", "", whole))
    damage = {"mangled": whole != signed, "punctuation": clean != whole}
    return clean, {cause for cause, done in damage.items() if done}


def _parts(text: str) -> _Parts:
    parts = _Parts({name: [] for name in RESERVED}, {})
    for part in text.split("&"):
        name, _, value = part.partition("=")
        kind = parts.fixed if name in RESERVED else parts.parameters
        kind.setdefault(name, []).append(value)
    return parts


def _differences(has: _Parts, wants: _Parts) -> dict[str, bool]:
    own, other = has.parameters, wants.parameters
    instructions, heads = has.fixed["instruction"], wants.fixed["instruction"]
    times, windows = has.fixed["timestamp"], has.fixed["window"]
    first, wanted = "".join(times[:1]), wants.fixed["timestamp"][0]
    differs = bool(times) and first != wanted
    shared = [(own[name], other[name]) for name in own if name in other]
    unequal = [(a, b) for a, b in shared if sorted(a) != sorted(b)]
    others = [pair for pair in unequal if not _is_capital(*pair)]
    batch = len(heads) > 1
    often = len(instructions) > len(heads) or len(times) > 1 or len(windows) > 1
    return {
        "no_instruction": not any(instructions),
        "wrong_instruction": bool(set(instructions) - {"", *heads}),
        "batch": batch and (1 <= len(instructions) != len(heads) or len(times) > 1),
        "reserved": often and not batch,
        "parameters_left_out": bool(other.keys() - own.keys()) and bool(own),
        "parameters_not_sent": bool(own.keys() - other.keys()),
        "capital_boolean": len(others) < len(unequal),
        "different_values": any(len(a) == len(b) == 1 or batch for a, b in others),
        "unsorted": any(a != b and sorted(a) == sorted(b) for a, b in shared) and not batch,
        "list": any(len(a) + len(b) > 2 for a, b in others) and not batch,
        "no_timestamp": not times,
        "time_unit": differs and len(first) != len(wanted),
        "timestamp_differs": differs and len(first) == len(wanted),
        "no_window": not windows,
        "window_differs": bool(windows) and set(windows) != set(wants.fixed["window"]),
    }


def _is_capital(signed: list[str], expected: list[str]) -> bool:
    """Do they differ only in the first letter of a boolean?"""
    return [one.lower() for one in signed] == expected and set(expected) <= {"true", "false"}
