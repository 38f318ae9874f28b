"""Turn a Python value into the exact text that is both signed and sent.

``checked_fields`` checks and converts what was passed to a method, once. ``signing.text_to_sign``
signs the result, and ``query`` or ``body`` sends it, so that the two cannot differ. Pure: no clock,
no network.

Source: Backpack Exchange API, "Signing requests". How a nested object is signed is not documented:
bpkit signs compact JSON with the names in alphabetical order, as the official Rust client does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from keyword import iskeyword
from math import isfinite
from numbers import Integral, Number
from typing import Any
from urllib.parse import quote

from .errors import InputError
from .parameters import PARAMETERS, RECIPIENT_FIELDS, SYMBOL, Kind, Parameter

Scalar = str | int | bool
Value = Scalar | list[Scalar] | dict[str, Any]  # a dict is an object, and may hold others
Fields = dict[str, Value]
HIDDEN = "(hidden)"  # shown in place of a two-factor token
NEWER = "If Backpack has added it, use bp.request."

# A usual word of other exchanges -> the exchange's word.
_MEANT = {"buy": "Bid", "sell": "Ask", "long": "Bid", "short": "Ask", "1M": "1month"}
_MARKET = re.compile(r"([A-Za-z0-9]{2,}?)[-/_]?(USDC)(?:[-/_]?(PERP))?")  # or SOLUSDC


# --- check and convert what was passed ------------------------------------------------------------


def checked_fields(operation: str, arguments: Mapping[str, object]) -> Fields:
    """The fields of a call by the exchange's names, checked and converted.

    ``arguments``: values by the names in Python; other names are ignored. None is left out. False
    and 0 stay. Raises InputError, which names the argument as it is called in Python.
    """
    known = in_python(operation)
    for shown, (_, parameter) in known.items():
        if parameter.required and arguments.get(shown) is None:
            raise InputError(shown, None, f"is missing; {operation} needs it")
    return {
        known[shown][0]: convert(known[shown][1], shown, value)
        for shown, value in arguments.items()
        if shown in known and value is not None
    }


@cache
def in_python(operation: str) -> dict[str, tuple[str, Parameter]]:
    """The parameters of an operation: ``{"client_id": ("clientId", Parameter(...))}``."""
    known = PARAMETERS.get(operation, {})
    return {python_name(name): (name, parameter) for name, parameter in known.items()}


@cache
def python_name(name: str) -> str:
    """The exchange's name as a Python argument: ``clientId`` is client_id, ``from`` is from_."""
    snake = re.sub("[A-Z]", lambda capital: f"_{capital.group().lower()}", name)
    return f"{snake}_" if iskeyword(snake) else snake


def convert(parameter: Parameter, field: str, value: object) -> Value:
    """One value, or the list of a repeated parameter, as it is signed and sent. InputError."""
    kind = parameter.kind
    if not isinstance(value, (list, tuple)):
        if type(value) not in _PLAIN:
            value = _without_numpy(field, value)
        return CONVERT[kind.form](kind, field, value)
    if not parameter.many:
        raise InputError(field, value, "is a list; pass one value")
    if not value:
        raise InputError(field, value, "is empty; leave it out for all")
    return [CONVERT[kind.form](kind, field, _without_numpy(field, item)) for item in value]


def _text(kind: Kind, field: str, value: object) -> str:
    if not isinstance(value, str):
        raise InputError(field, value, f'is not text; write "{value}"')
    if not value.strip():
        raise InputError(field, value, "is empty")
    if kind.high and len(value) > kind.high:
        raise InputError(field, value, f"is longer than {kind.high} characters")
    market = _MARKET.fullmatch(value.upper() if value.islower() else value)
    if kind == SYMBOL and market and (meant := "_".join(filter(None, market.groups()))) != value:
        raise InputError(field, value, f"did you mean {meant!r}? {NEWER}")
    if kind.form == "symbol" and not re.fullmatch(r"[A-Za-z0-9._]+", value):
        raise InputError(field, value, 'is not a symbol; symbols look like "SOL_USDC" or "SOL"')
    return str(scalar(field, value))


def _secret(kind: Kind, field: str, value: object) -> str:
    """A two-factor token. It is a secret, so the error does not repeat it."""
    if not isinstance(value, str) or not value.strip():
        raise InputError(field, type(value), "is not text")
    return str(scalar(field, value))


def _amount(kind: Kind, field: str, value: object) -> str:
    """Text, because the exchange takes an amount as text only."""
    if isinstance(value, float):
        scalar(field, value)  # raises, with the number as text
    try:
        number = Decimal("NaN" if isinstance(value, bool) else str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise InputError(field, value, 'is not a number; write text such as "1.0"')
    if number <= 0:
        raise InputError(field, value, "is not above zero")
    made = str(scalar(field, value))
    if not set(made) <= set("0123456789."):
        raise InputError(field, value, f'is not written in digits and a point; write "{number:f}"')
    return made


def _amount_or_share(kind: Kind, field: str, value: object) -> str:
    """An amount, or a percentage such as "80%"."""
    if not isinstance(value, str) or not value.endswith("%"):
        return _amount(kind, field, value)
    if not re.fullmatch(r"\d+(\.\d+)?%", value, re.ASCII) or Decimal(value[:-1]) <= 0:
        raise InputError(field, value, 'is not a share above zero; write text such as "80%"')
    return value


def _tolerance(kind: Kind, field: str, value: object) -> str:
    """An amount, or zero: then an order trades at the best price only."""
    zero = not str(value).strip("0.") and bool(str(value).strip("."))
    return str(scalar(field, value)) if zero else _amount(kind, field, value)


def _flag(kind: Kind, field: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InputError(field, value, "is not True or False")
    return value


def _whole(kind: Kind, field: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral):
        digits = isinstance(value, str) and value.isascii() and value.isdecimal()
        hint = f'; pass int("{value}")' if digits else ""  # an id from a frame is text
        raise InputError(field, value, f"is not an int from {kind.low} to {kind.high}{hint}")
    if not kind.low <= int(value) <= kind.high:
        remedy = f"is outside {kind.low} to {kind.high} ({kind.name.removeprefix('integer_')})"
        raise InputError(field, value, remedy)
    return int(value)


def _digits(kind: Kind, field: str, value: object) -> Scalar:
    """An id that the exchange gives as text and takes as a number."""
    if isinstance(value, bool) or not re.fullmatch("[0-9]+", str(value)):
        raise InputError(field, value, "is not an id in digits")
    _whole(kind, field, int(str(value)))
    return scalar(field, value)


def _choice(kind: Kind, field: str, value: object) -> Scalar:
    # True == 1, so a bool would pass for a number. pandas' NA cannot be compared.
    if isinstance(value, (str, Number)) and not isinstance(value, bool) and value in kind.values:
        return kind.values[kind.values.index(value)]
    same = {str(one).lower(): one for one in kind.values}.get(str(value).lower())
    usual = _MEANT.get(str(value)) or _MEANT.get(str(value).lower())
    hint = usual if usual in kind.values else same
    guess = f"did you mean {hint!r}? " if hint else ""
    allowed = ", ".join(map(str, kind.values))
    raise InputError(field, value, f"{guess}Allowed: {allowed}. {NEWER}")


def _recipient(kind: Kind, field: str, value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(field, value, 'is not a mapping; pass {"withdrawal_address_id": ...}')
    for name, given in value.items():
        if name not in RECIPIENT_FIELDS:
            known = ", ".join(RECIPIENT_FIELDS)
            raise InputError(f"{field}.{name}", given, f"is not one of its fields: {known}")
    for name, parameter in RECIPIENT_FIELDS.items():
        if parameter.required and value.get(name) is None:
            raise InputError(f"{field}.{name}", None, "is missing")
    return {
        name: convert(RECIPIENT_FIELDS[name], f"{field}.{name}", given)
        for name, given in value.items()
        if given is not None
    }


def _seconds(kind: Kind, field: str, value: object) -> int:
    return _unix(field, value, 1, "seconds")


def _milliseconds(kind: Kind, field: str, value: object) -> int:
    return _unix(field, value, 1000, "milliseconds")


CONVERT: dict[str, Callable[[Kind, str, object], Any]] = {
    "text": _text, "symbol": _text, "secret": _secret, "amount": _amount,
    "amount_or_share": _amount_or_share, "tolerance": _tolerance, "flag": _flag, "whole": _whole,
    "digits": _digits, "choice": _choice, "recipient": _recipient, "seconds": _seconds,
    "milliseconds": _milliseconds,
}  # fmt: skip


# --- spell a value --------------------------------------------------------------------------------


_PLAIN = (str, int, bool, float, Decimal)
_PYTHON: dict[str, Callable[[Any], object]] = {
    "b": bool, "i": int, "u": int, "f": lambda one: float(str(one)), "U": str,
}  # fmt: skip


def _without_numpy(field: str, value: object) -> object:
    """A scalar of numpy as Python's own, with the digits that it shows; others as they are.

    A whole column (array, Series) is refused: a comparison with it is not True or False.
    """
    if type(value).__module__.partition(".")[0] not in ("numpy", "pandas"):
        return value
    if getattr(value, "ndim", 0):
        raise InputError(field, type(value), "holds many values; pass one, or a list: [*values]")
    letter = getattr(getattr(value, "dtype", None), "kind", "")
    if letter == "m":  # numpy counts it among the whole numbers
        raise InputError(field, value, "is a length of time, and no field takes one")
    return _PYTHON[letter](value) if letter in _PYTHON else value


def scalar(field: str, value: object) -> Scalar:
    """``value`` as a JSON value. A Decimal becomes text without an exponent.

    Floats are refused: 0.1 + 0.2 is not a price. Raises InputError.
    """
    if type(value) not in _PLAIN:
        value = _without_numpy(field, value)
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
            f'is a float, which cannot hold money exactly; write text: "{_decimal_text(value)}"',
        )
    if isinstance(value, (datetime, date)):
        raise InputError(field, value, "is a time, and this field does not take one")
    raise InputError(
        field, value, f"is a {type(value).__name__}; send text, a Decimal, an int or a bool"
    )


def _encodable(field: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InputError(field, value, "has half a character (a lone surrogate)") from None


def _decimal_text(value: float) -> str:
    """A float's number as text: 1e-05 -> 0.00001. NaN and infinity give an example instead."""
    return format(Decimal(repr(float(value))), "f") if isfinite(value) else "170.50"


def fields(params: Mapping[str, object]) -> Fields:
    """Parameters by the exchange's names, unchecked: None is left out, False and 0 stay.

    A list or tuple is a repeated query parameter. A mapping is an object inside the body. Raises
    InputError for a value that cannot be sent; it names an inner field as ``outer.inner``.
    """
    if not isinstance(params, Mapping):
        raise InputError("fields", params, "is not a mapping of field names to values")
    for name in params:
        if not isinstance(name, str):
            raise InputError("params", name, "is a name of a field, and must be text")
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
    """One value as it is signed, and sent in a query: ``True`` is ``true``, 42 is ``42``."""
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


def hide_two_factor_token(value: Any) -> Any:
    """The same parameters to show to a person: the value of every ``twoFactorToken`` is hidden."""
    if isinstance(value, Mapping):
        return {
            name: HIDDEN if name == "twoFactorToken" else hide_two_factor_token(inner)
            for name, inner in value.items()
        }
    return (
        [hide_two_factor_token(one) for one in value] if isinstance(value, (list, tuple)) else value
    )


def query(fields: Mapping[str, Value]) -> str:
    """The query string, percent-encoded. The same text is signed without the encoding."""
    return "&".join(
        f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs(fields)
    )


def body(fields: Fields | Sequence[Fields]) -> bytes:
    """Compact JSON."""
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


def milliseconds(field: str, when: datetime | str | int | None) -> int | None:
    """A time as whole Unix milliseconds; None stays None. Raises InputError."""
    return None if when is None else _unix(field, when, 1000, "milliseconds")


def _unix(field: str, when: object, per_second: int, unit: str) -> int:
    when = _without_numpy(field, when)
    if isinstance(when, (bool, float)):
        raise InputError(field, when, f"is not a time; pass an aware datetime, or whole {unit}")
    if isinstance(when, Integral):
        return _plausible(field, int(when), per_second, unit)
    time = _parse(field, when) if isinstance(when, str) else when
    if not isinstance(time, datetime) or time != time:  # pandas' NaT is a datetime too
        raise InputError(
            field, when, 'is not a time; pass an aware datetime, or "2026-09-01T00:00Z"'
        )
    if time.utcoffset() is None:
        remedy = (
            "has no time zone, so it could mean many times; say which: "
            'datetime(..., tzinfo=timezone.utc) or "2026-09-01T00:00Z"'
        )
        raise InputError(field, str(when), remedy)
    # Whole microseconds first: a float of seconds could not hold them exactly.
    return (time - _EPOCH) // _MICROSECOND * per_second // 1_000_000


def _parse(field: str, when: str) -> datetime:
    try:
        return datetime.fromisoformat(when)
    except ValueError:
        raise InputError(field, when, 'is not an ISO time; write "2026-09-01T00:00Z"') from None


def _plausible(field: str, value: int, per_second: int, unit: str) -> int:
    """Seconds given for milliseconds, or the reverse, would silently mean another century."""
    if not 10**8 * per_second <= value < 10**11 * per_second:
        raise InputError(field, value, f"is not a time in whole Unix {unit} since 1973")
    return value


_EPOCH = datetime.fromisoformat("1970-01-01T00:00+00:00")
_MICROSECOND = datetime.resolution
