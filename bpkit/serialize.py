"""One Python value -> the exact text that is both signed and sent.

``fields`` cleans a mapping once: what comes out is signed by ``signing.text_to_sign`` and sent by
``query`` or ``body``, so that the two cannot differ. Pure: no clock, no network.

Source: Backpack Exchange API, "Signing requests". How a nested object is signed is not documented:
as compact JSON with its names in alphabetical order, which is what the official Rust client does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from numbers import Integral
from typing import Any
from urllib.parse import quote

from .errors import InputError

Scalar = str | int | bool
Value = Scalar | list[Scalar] | dict[str, Any]  # a dict is an object, and may hold others
Fields = dict[str, Value]
HIDDEN = "(hidden)"  # stands for a second factor where parameters are shown


def scalar(field: str, value: object) -> Scalar:
    """The JSON value that stands for ``value``; a Decimal becomes text without exponent.

    Floats are refused: 0.1 + 0.2 is not a price. Raises InputError.
    """
    if isinstance(value, str):
        if not value.isascii():
            _encodable(field, value)
        return str.__str__(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise InputError(field, value, "is not a number that can be sent")
        return format(value, "f")
    if isinstance(value, float):
        raise InputError(
            field,
            value,
            f'is a float, which cannot carry money exactly; write text: "{_exact(value)}"',
        )
    if isinstance(value, (datetime, date)):
        raise InputError(field, value, "is a time, and this field takes none")
    raise InputError(
        field, value, f"is a {type(value).__name__}; send text, a Decimal, an int or a bool"
    )


def _encodable(field: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InputError(field, value, "has half a character (a lone surrogate)") from None


def _exact(value: float) -> str:
    """How to write a float's number: 1e-05 -> 0.00001. What has no digits gets an example."""
    return format(Decimal(repr(float(value))), "f") if isfinite(value) else "170.50"


def fields(params: Mapping[str, object]) -> Fields:
    """The parameters that travel: None is left out, everything else is spelled. False and 0 stay.

    A list or tuple means a repeated query parameter; a mapping is an object inside the body, to
    which the same rules apply. Raises InputError, which names what is inside as ``outer.inner``.
    """
    return {name: _value(name, value) for name, value in params.items() if value is not None}


def _value(field: str, value: object) -> Value:
    if isinstance(value, (list, tuple)):
        return [scalar(field, item) for item in value]
    if isinstance(value, Mapping):
        return {
            _inner_name(field, name): _value(f"{field}.{name}", inner)
            for name, inner in value.items()
            if inner is not None
        }
    return scalar(field, value)


def _inner_name(field: str, name: object) -> str:
    if not isinstance(name, str):
        raise InputError(f"{field}.{name}", name, "is a name inside an object, and must be text")
    return str.__str__(name)


def text(value: Scalar | dict[str, Any]) -> str:
    """One value as it is signed and as it stands in a query: ``True`` is ``true``, 42 is ``42``."""
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return str(value)


def pairs(fields: Mapping[str, Value]) -> Iterator[tuple[str, str]]:
    """(name, text) in alphabetical order of the names; a list gives its name once for each item."""
    for name in sorted(fields):
        value = fields[name]
        if isinstance(value, list):
            for item in value:
                yield name, text(item)
        else:
            yield name, text(value)


def without_token(value: Any) -> Any:
    """The same parameters, for a person to see: the value of every ``twoFactorToken`` is hidden."""
    if isinstance(value, Mapping):
        return {
            name: HIDDEN if name == "twoFactorToken" else without_token(inner)
            for name, inner in value.items()
        }
    return [without_token(one) for one in value] if isinstance(value, (list, tuple)) else value


def query(fields: Mapping[str, Value]) -> str:
    """The query string, percent-encoded. (What is signed is the same text, not encoded.)"""
    return "&".join(
        f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs(fields)
    )


def body(fields: Fields | Sequence[Fields]) -> bytes:
    """Compact JSON."""
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


def seconds(field: str, when: datetime | str | int | None) -> int | None:
    """A moment as whole Unix seconds. Raises InputError."""
    return _unix(field, when, 1, "seconds")


def milliseconds(field: str, when: datetime | str | int | None) -> int | None:
    """A moment as whole Unix milliseconds. Raises InputError."""
    return _unix(field, when, 1000, "milliseconds")


def _unix(field: str, when: datetime | str | int | None, per_second: int, unit: str) -> int | None:
    if when is None:
        return None
    if isinstance(when, (bool, float)):
        raise InputError(field, when, f"is no time; pass an aware datetime, or whole {unit}")
    if isinstance(when, Integral):
        return _plausible(field, int(when), per_second, unit)
    moment = _parse(field, when) if isinstance(when, str) else when
    if not isinstance(moment, datetime) or moment != moment:  # pandas' NaT is a datetime too
        raise InputError(
            field, when, 'is no moment; pass an aware datetime, or "2026-09-01T00:00Z"'
        )
    if moment.utcoffset() is None:
        raise InputError(
            field, str(when), "has no time zone, so it could mean many moments; say which: "
            'datetime(..., tzinfo=timezone.utc) or "2026-09-01T00:00Z"',
        )  # fmt: skip
    # Whole microseconds first: a float of seconds could not carry them exactly.
    micros = (moment - _EPOCH) // _MICROSECOND
    return micros * per_second // 1_000_000


def _parse(field: str, when: str) -> datetime:
    try:
        return datetime.fromisoformat(when)
    except ValueError:
        raise InputError(field, when, 'is no ISO time; write "2026-09-01T00:00Z"') from None


def _plausible(field: str, value: int, per_second: int, unit: str) -> int:
    """Seconds given for milliseconds, or the reverse, would silently mean another century."""
    if not 10**8 * per_second <= value < 10**11 * per_second:
        raise InputError(field, value, f"is not a moment in whole Unix {unit} since 1973")
    return value


_EPOCH = datetime.fromisoformat("1970-01-01T00:00+00:00")
_MICROSECOND = datetime.resolution
