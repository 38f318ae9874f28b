"""Convert one column to its dtype. Null arrives as None."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
import pandas as pd


def numbers(values: list[Any]) -> np.ndarray:
    """float64; null is NaN. In ``exact`` frames these columns are ``decimals``."""
    made = np.array(values, dtype=np.float64)
    if made.ndim != 1:
        raise ValueError("a list is not a number")
    return made


def decimals(values: list[Any]) -> pd.Series:
    """Decimal with the digits that the exchange wrote; null is None. The dtype is object."""
    return objects([None if value is None else _decimal(value) for value in values])


def _decimal(value: Any) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"could not convert string to Decimal: {value!r}") from None


def integers(values: list[Any]) -> Any:
    """Int64 (nullable): counts, and ids that the exchange writes as whole numbers."""
    return pd.array([None if value is None else _whole(value) for value in values], dtype="Int64")


def _whole(value: Any) -> int:
    made = int(value)
    if isinstance(value, (Decimal, float)) and made != value:
        raise ValueError(f"{value!r} has a fraction, which int() would cut off")
    if not -(2**63) <= made < 2**63:
        raise OverflowError(f"{value!r} has more than 64 bits, and pandas would round it")
    return made


def texts(values: list[Any]) -> pd.Series:
    """Text, in the dtype that pandas uses for it: ``str`` with pandas 3, ``object`` with pandas 2.

    Ids stay text, whatever they look like; a whole number keeps all its digits.
    """
    return pd.Series([None if value is None else str(value) for value in values], dtype="str")


def flags(values: list[Any]) -> Any:
    """boolean (nullable)."""
    return pd.array(values, dtype="boolean")


def objects(values: list[Any]) -> pd.Series:
    """Nested values, as they came."""
    return pd.Series(values, dtype=object)


def iso_times(values: list[Any]) -> pd.DatetimeIndex:
    """UTC from the exchange's texts: ``2026-09-01T17:54:04.094``, or with a space instead of the T.

    They have no zone, which means UTC; a zone would be converted.
    """
    strings = [value for value in values if isinstance(value, str)]
    if len(strings) + values.count(None) != len(values):
        raise TypeError("a time must be text")
    joined = "".join(strings)
    if "+" in joined or joined.count("-") > 2 * len(strings):
        # pandas 2 gives a time without a zone the zone of the time before it.
        values = [_with_zone(value) if isinstance(value, str) else value for value in values]
    moments = pd.to_datetime(values, format="ISO8601", utc=True, cache=False)
    return pd.DatetimeIndex(moments).as_unit("us")


def _with_zone(text: str) -> str:
    return text if text.endswith("Z") or text[-6:-5] in ("+", "-") else text + "Z"


def ms_times(values: list[Any]) -> pd.DatetimeIndex:
    """UTC from Unix milliseconds."""
    return us_times([None if value is None else _whole(value) * 1000 for value in values])


def us_times(values: list[Any]) -> pd.DatetimeIndex:
    """UTC from Unix microseconds."""
    missing = np.iinfo(np.int64).min  # NaT in numpy
    micros = [missing if value is None else _whole(value) for value in values]
    return pd.DatetimeIndex(np.array(micros, dtype="datetime64[us]")).tz_localize("UTC")
