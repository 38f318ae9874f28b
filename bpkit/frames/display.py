"""A frame at the end of a cell: its texts are on the left, and funding rates have all digits."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pandas as pd
from pandas.api.types import infer_dtype

_LEFT = "\0"  # the first character of what HTML shows on the left: pandas leaves it as it is
_WIDEST = 49  # pandas cuts what is wider


def as_html(frame: pd.DataFrame) -> str | None:
    """The table in HTML; None if the user has turned HTML off in pandas."""
    marked = _visible(frame, lambda texts: [_LEFT + text for text in texts])
    table = marked._repr_html_()  # type: ignore[operator]  # pandas' stubs miss it
    return table and re.sub(f"<(t[hd])>{_LEFT}", r'<\1 style="text-align: left;">', table)


def as_text(frame: pd.DataFrame) -> str:
    """The table in plain text."""
    return str(_visible(frame, _padded))


def _padded(texts: list[str]) -> list[str]:
    width = min(max(map(len, texts)), _WIDEST)
    return [text.ljust(width) for text in texts]


def _visible(frame: pd.DataFrame, left: Callable[[list[str]], list[str]]) -> pd.DataFrame:
    """Another frame, with the texts that pandas shall show; ``left`` says what is on the left."""
    if frame.empty:
        return frame
    name, index = _column(frame.index.name, frame.index, left)
    columns = dict(_column(name, column, left) for name, column in frame.items())
    return pd.DataFrame(columns, pd.Index(index, name=name))


def _column(
    name: Any, values: pd.Series | pd.Index, left: Callable[[list[str]], list[str]]
) -> tuple[Any, Any]:
    if infer_dtype(values) == "string":
        name, *texts = left([name, *values.fillna("NaN")])
        return name, texts
    if str(name).startswith("fundingRate") and values.dtype == float:
        return name, _all_digits(values)
    return name, values.array


def _all_digits(rates: Any) -> list[str]:
    """0.000012345, where pandas writes 0.000012 or 1.234500e-05. All have as many decimals."""
    exact = [Decimal(str(rate)) for rate in rates]
    places = max(len(f"{rate:f}".partition(".")[2]) for rate in exact)
    return [f"{rate:.{places}f}" for rate in exact]
