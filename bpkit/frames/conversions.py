"""Convert one column to its dtype, all its values at once. Null arrives as None."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
import pandas as pd

try:
    import pyarrow as pa
except ImportError:  # pandas does without it, too
    pa = None

_UTC = pd.DatetimeTZDtype("us", "UTC")
_TEXT: Any = pd.Series(dtype="str").dtype
_POWERS = np.array([10**places for places in range(23)], dtype=np.float64)  # all of them exact


def numbers(values: list[Any]) -> np.ndarray:
    """float64; null is NaN. In ``exact`` frames these columns are ``decimals``."""
    made, _ = numbers_and_exact(values)
    if made.ndim != 1:
        raise ValueError("a list is not a number")
    return made


def numbers_and_exact(values: list[Any]) -> tuple[np.ndarray, bool]:
    """``numbers``, and whether it is certain that float64 holds all their digits: 15 at most."""
    made = _plain_numbers(values)
    return (np.array(values, dtype=np.float64), False) if made is None else made


def _plain_numbers(values: list[Any]) -> tuple[np.ndarray, bool] | None:
    """What float() makes of texts such as ``170.50``, in a third of the time; None if one is not.

    The digits without the point are a whole number, which is divided by a power of ten. float64
    holds both exactly, so that the quotient is the float64 that is nearest to the text.
    """
    try:
        text = "/".join(values)
        whole = np.fromstring(text.replace(".", ""), dtype=np.int64, sep="/")
    except (TypeError, ValueError):
        return None
    characters = np.frombuffer(f"/{text}/".encode(), dtype=np.uint8)
    marks = np.flatnonzero(characters <= ord("/"))  # points and ends of values; a sign is too much
    point = characters[marks] == ord(".")
    places = np.where(point[:-1], np.diff(marks) - 1, 0)[~point[1:]]
    plain = (
        len(whole) == len(places) == len(values)
        and characters.max() <= ord("9")  # an older numpy only warns of a letter
        and not np.any(point[:-1] & point[1:])  # no value has two points
        and whole.max() <= 2**53 and places.max() < len(_POWERS)
    )  # fmt: skip
    return (whole / _POWERS[places], bool(whole.max() < 10**15)) if plain else None


def decimals(values: list[Any]) -> pd.Index:
    """Decimal with the digits that the exchange wrote; null is None. The dtype is object."""
    return objects([None if value is None else _decimal(value) for value in values])


def _decimal(value: Any) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"could not convert string to Decimal: {value!r}") from None


def integers(values: list[Any]) -> Any:
    """Int64 (nullable): counts, and ids that the exchange writes as whole numbers."""
    return pd.arrays.IntegerArray(*_whole_numbers(values))


def _whole_numbers(values: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    """The values as int64, and which of them are null."""
    null = np.zeros(len(values), dtype=bool)
    if not {int, str}.issuperset(map(type, values)):
        null = np.array([value is None for value in values])
        values = [0 if value is None else _whole(value) for value in values]
    return np.array(values, dtype=np.int64), null


def _whole(value: Any) -> int:
    made = int(value)
    if isinstance(value, (Decimal, float)) and made != value:
        raise ValueError(f"{value!r} has a fraction, which int() would cut off")
    return made


def texts(values: list[Any]) -> Any:
    """Text, in the dtype that pandas uses for it: ``str`` with pandas 3, ``object`` with pandas 2.

    Ids stay text, whatever they look like; a whole number keeps all its digits.
    """
    if isinstance(_TEXT, np.dtype):  # pandas 2
        return pd.Index(_cells(values), dtype="str")
    kind = _TEXT.construct_array_type()
    if pa is not None and _TEXT.storage == "pyarrow":
        with suppress(TypeError, ValueError):  # a value that is not text: pandas makes it text
            return kind(pa.array(values, pa.large_string()), dtype=_TEXT)
    return kind._from_sequence(_cells(values), dtype=_TEXT)


def flags(values: list[Any]) -> Any:
    """boolean (nullable)."""
    if {bool}.issuperset(map(type, values)):
        return pd.arrays.BooleanArray(np.array(values, dtype=bool), np.zeros(len(values), bool))
    return pd.array(values, dtype="boolean")


def objects(values: list[Any]) -> pd.Index:
    """Nested values, as they came."""
    return pd.Index(_cells(values), dtype=object)


def _cells(values: list[Any]) -> np.ndarray:
    """One cell for each value, even if it is a list."""
    cells = np.empty(len(values), dtype=object)
    cells[:] = values
    return cells


def iso_times(values: list[Any]) -> pd.DatetimeIndex:
    """UTC from the exchange's texts: ``2026-09-01T17:54:04.094``, or with a space instead of the T.

    They have no zone, which means UTC; a zone would be converted.
    """
    try:
        known, text = values, "".join(values)
    except TypeError:  # a null
        known = [value for value in values if value is not None]
        text = "".join(known)
    full = min(map(len, known), default=0) >= len("2026-09-01T17:54:04")
    if not full or text.count("-") != 2 * len(known) or "+" in text or "Z" in text:
        values = [_without_zone(value) if value else None for value in values]
    return pd.DatetimeIndex(np.array(values, dtype="datetime64[us]"), dtype=_UTC)


def _without_zone(text: str) -> datetime:
    """The time in UTC; numpy would warn of a zone."""
    moment = datetime.fromisoformat(text)
    return (moment.astimezone(UTC) if moment.tzinfo else moment).replace(tzinfo=None)


def ms_times(values: list[Any]) -> pd.DatetimeIndex:
    """UTC from Unix milliseconds."""
    return _unix_times(values, "datetime64[ms]")


def us_times(values: list[Any]) -> pd.DatetimeIndex:
    """UTC from Unix microseconds."""
    return _unix_times(values, "datetime64[us]")


def _unix_times(values: list[Any], dtype: str) -> pd.DatetimeIndex:
    whole, null = _whole_numbers(values)
    moments = whole.astype(dtype)
    moments[null] = None
    return pd.DatetimeIndex(moments, dtype=_UTC)
