"""Read a path of prices from text or JSON.

    170 -> 150 in 5m; hold 1m; jump 140; -> 155 in 10m

Steps follow each other without a pause. After k of the n seconds of a step its price is
``from + (to - from) * k / n``, an exact fraction. A jump takes no time: it replaces the price of
the second in which the step before it ends. A step without ``from`` starts where the last one
ended; the first starts at the market's price. A percentage is relative to the price at its step's
start. ``back`` is the price at which the path started.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

MOVES = ("last", "mark", "index")
AFTER = ("hold", "tape")
LONGEST = 30 * 86_400  # seconds
UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)
PRICE = re.compile(r"\d{1,30}(\.\d{1,30})?", re.ASCII)
PERCENT = re.compile(r"([+-])(\d{1,30}(?:\.\d{1,30})?)%", re.ASCII)
MOVE = re.compile(r"(?:(?P<start>\S+)\s*->|->)?\s*(?P<to>\S+)\s+in\s+(?P<in>\S+)")
FORMS = (
    '"170 -> 150 in 5m", "-> 150 in 5m", "-20% in 5m", "back in 1m", "hold 1m" or "jump 140", with '
    "a semicolon between two steps"
)
# name -> its steps, where {p} is the percentage and {t} the duration, and what these are usually
NAMES: dict[str, tuple[str, str | None, str | None]] = {
    "crash": ("-{p}% in {t}", "20", "5m"),
    "spike": ("+{p}% in {t}; back in {t}", "20", "1m"),
    "gap": ("jump -{p}%", "10", None),
    "drift": ("+{p}% in {t}", "5", "1d"),
    "whipsaw": ("-{p}% in {t}; +{p}% in {t}", "3", "1m"),
    "flat": ("hold {t}", None, "1h"),
}


class Target(NamedTuple):
    """A price. ``kind``: price, percent (``value`` is a part of the price at the step's start) or
    back."""

    kind: str
    value: Fraction = Fraction(0)

    def price(self, here: Fraction, origin: Fraction) -> Fraction:
        """``here``: the price at the step's start. ``origin``: at the path's start."""
        if self.kind == "back":
            return origin
        return self.value if self.kind == "price" else here * (1 + self.value)


class Step(NamedTuple):
    """One step. ``to`` is None if it holds the price, ``seconds`` is 0 if it jumps."""

    start: Target | None
    to: Target | None
    seconds: int


class Leg(NamedTuple):
    """A straight line of prices. ``begin``: in seconds since the path's start. A leg of 0 seconds
    is a jump to ``last``."""

    begin: int
    seconds: int
    first: Fraction
    last: Fraction


@dataclass(frozen=True)
class Path:
    """``moves``: the prices that follow, of last, mark and index. ``after``: hold or tape."""

    steps: tuple[Step, ...]
    moves: tuple[str, ...] = MOVES
    after: str = "hold"

    @property
    def seconds(self) -> int:
        """How long it is."""
        return sum(step.seconds for step in self.steps)

    def legs(self, price: Fraction) -> list[Leg]:
        """Its lines, if the market is at ``price`` now."""
        found: list[Leg] = []
        here, begin = price, 0
        origin = self._origin(price)
        for step in self.steps:
            first = here if step.start is None else step.start.price(here, origin)
            here = first if step.to is None else step.to.price(first, origin)
            found.append(Leg(begin, step.seconds, first if step.seconds else here, here))
            begin += step.seconds
        return found

    def _origin(self, price: Fraction) -> Fraction:
        start = self.steps[0].start
        return price if start is None else start.value


def jump(price: object, moves: Collection[str] = MOVES) -> Path:
    """The path that jumps to a price and stays there. ValueError: not a price, or wrong moves."""
    return Path((Step(None, _price("price", price), 0),), _moves(moves))


def read(path: object) -> Path:
    """A path from text, a mapping, or a Path. ValueError: what is wrong, and what to write."""
    if isinstance(path, Path):
        return path
    if isinstance(path, str):
        return Path(_steps_of_text(path))
    if not isinstance(path, Mapping):
        raise ValueError(f'path={path!r} is not text or a mapping; write "170 -> 150 in 5m"')
    known = ("name", "percent", "in") if "name" in path else ("steps",)
    _check_fields("path", path, (*known, "moves", "after"))
    steps = _named(path) if "name" in path else _steps(path.get("steps"))
    return Path(steps, _moves(path.get("moves", MOVES)), _after(path.get("after", "hold")))


# --- text -----------------------------------------------------------------------------------------


def _steps_of_text(text: str) -> tuple[Step, ...]:
    word = re.match(r"\s*(\w*)", text)
    if word is not None and word[1] in NAMES:
        return _named(_fields_of_name(text, word[1]))
    parts = [part.strip() for part in text.split(";")]
    if not parts[-1] and len(parts) > 1:
        parts.pop()  # a semicolon at the end
    return _checked([_step(number, _fields(number, part)) for number, part in enumerate(parts, 1)])


def _fields_of_name(text: str, name: str) -> dict[str, str]:
    """``crash 30% in 10m``: the name may be followed by a percentage, by a duration, or both."""
    found = re.fullmatch(r"(\w+)(?:\s+(\S+)%)?(?:\s+in\s+(\S+))?", text.strip())
    if found is None:
        raise ValueError(
            f'path={text!r}: a name is the whole path; write "{name}" or, with your '
            f'own numbers, "{name} 30% in 10m"'
        )
    named = zip(("name", "percent", "in"), found.groups(), strict=True)
    return {field: value for field, value in named if value is not None}


def _fields(number: int, text: str) -> dict[str, str]:
    """The fields of a step from its text."""
    verb, _, rest = text.partition(" ")
    if verb in ("hold", "jump") and rest.strip():
        return {verb: rest.strip()}
    found = MOVE.fullmatch(text)
    if found is None:
        raise ValueError(f"step {number}: {text!r} is not a step; write {FORMS}")
    fields = {"to": found["to"], "in": found["in"]}
    return fields if found["start"] is None else {"from": found["start"], **fields}


# --- JSON -----------------------------------------------------------------------------------------


def _steps(steps: object) -> tuple[Step, ...]:
    if isinstance(steps, str):
        return _steps_of_text(steps)
    if not isinstance(steps, list | tuple) or not steps:
        raise ValueError(
            f'steps={steps!r} is not text or a list of steps; write "170 -> 150 in 5m" or '
            '[{"from": "170", "to": "150", "in": "5m"}]'
        )
    found = []
    for number, step in enumerate(steps, 1):
        if not isinstance(step, Mapping):
            raise ValueError(
                f'step {number}: {step!r} is not a mapping; write {{"to": "150", "in": "5m"}}'
            )
        found.append(_step(number, step))
    return _checked(found)


def _step(number: int, fields: Mapping[str, Any]) -> Step:
    name = f"step {number}"
    for verb in ("hold", "jump"):
        if verb in fields:
            _check_fields(name, fields, (verb,))
    if "hold" in fields:
        return Step(None, None, _seconds(f"{name}: hold", fields["hold"]))
    if "jump" in fields:
        return Step(None, _target(f"{name}: jump", fields["jump"]), 0)
    _check_fields(name, fields, ("from", "to", "in"))
    for needed, example in (("to", "150"), ("in", "5m")):
        if fields.get(needed) is None:
            raise ValueError(f'{name} has no "{needed}"; write "{needed}": "{example}"')
    start = None
    if fields.get("from") is not None:
        start = _price(f"{name}: from", fields["from"])
    return Step(start, _target(f"{name}: to", fields["to"]), _seconds(f"{name}: in", fields["in"]))


def _named(path: Mapping[str, Any]) -> tuple[Step, ...]:
    name = path["name"]
    if not isinstance(name, str) or name not in NAMES:
        raise ValueError(f"name={name!r} is not a path; there are {', '.join(NAMES)}")
    steps, percent, span = NAMES[name]
    for field, usual in (("percent", percent), ("in", span)):
        if usual is None and path.get(field) is not None:
            raise ValueError(f"{name} takes no {field!r}; leave it out")
    if path.get("percent") is not None:
        percent = path["percent"] if isinstance(path["percent"], str) else str(path["percent"])
        if isinstance(path["percent"], bool | float) or not PRICE.fullmatch(percent):
            raise ValueError(
                f'percent={path["percent"]!r} is not a number without a sign; write "30" '
                f"({name} already has a direction)"
            )
    if path.get("in") is not None:
        span = f"{_seconds('in', path['in'])}s"
    return _steps_of_text(steps.format(p=percent, t=span))


def _check_fields(name: str, fields: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for field in fields:
        if field not in known:
            words = ", ".join(known)
            raise ValueError(f"{name} has an unknown field {field!r}; it may have {words}")


def _checked(steps: list[Step]) -> tuple[Step, ...]:
    seconds = sum(step.seconds for step in steps)
    if seconds > LONGEST:
        raise ValueError(
            f"the path is {seconds:,} seconds long; a path ends after at most 30d. The last price "
            "is held afterwards, without a step"
        )
    return tuple(steps)


# --- values ---------------------------------------------------------------------------------------


def _price(name: str, value: object) -> Target:
    text = str(value) if isinstance(value, Decimal) else value
    if isinstance(value, Decimal) and value.is_finite():
        text = format(value, "f")
    if not isinstance(text, str) or not PRICE.fullmatch(text) or not Fraction(text):
        raise ValueError(f'{name}={value!r} is not a price above 0 as text; write "150"')
    return Target("price", Fraction(text))


def _target(name: str, value: object) -> Target:
    if value == "back":
        return Target("back")
    found = PERCENT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        if isinstance(value, str) and value.endswith("%"):
            raise ValueError(f'{name}={value!r} is not a percentage; write "+20%" or "-20%"')
        return _price(name, value)
    part = Fraction(found[1] + found[2]) / 100
    if part <= -1:
        raise ValueError(f'{name}={value!r} leaves no price above 0; write "-99%" at most')
    return Target("percent", part)


def _seconds(name: str, value: object) -> int:
    """A duration, in seconds."""
    found = DURATION.fullmatch(value) if isinstance(value, str) and len(value) < 40 else None
    if isinstance(value, int) and not isinstance(value, bool):
        seconds = value
    elif found is not None:
        parts = zip(found.groups(), UNITS.values(), strict=True)
        seconds = sum(int(count) * unit for count, unit in parts if count)
    else:
        seconds = 0
    if seconds < 1:
        raise ValueError(
            f'{name}={value!r} is not a duration of at least a second; write "5m", "1h30m" or '
            '"300s"'
        )
    return seconds


def _moves(moves: object) -> tuple[str, ...]:
    """In the order of MOVES."""
    if isinstance(moves, str) or not isinstance(moves, Collection) or not moves:
        raise ValueError(f'moves={moves!r} is not a list of names; write ["last", "mark", "index"]')
    for name in moves:
        if name not in MOVES:
            raise ValueError(f"moves: {name!r} is not a price; there are {', '.join(MOVES)}")
    return tuple(name for name in MOVES if name in moves)


def _after(after: object) -> str:
    if after not in AFTER or not isinstance(after, str):
        raise ValueError(f'after={after!r} is not known; write "hold" or "tape"')
    return after
