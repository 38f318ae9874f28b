"""Read an answer of candles into arrays, without a Python object for each value.

So the threads of a download work at the same time. Only an answer with every candle of its window,
written as usual, is read here. All others are read by ``candles``, which names what is wrong.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import lru_cache
from typing import Any

from ..errors import missing_extra
from .candles import DIGITS, MONEY, Page, fault_of, is_inexact
from .spans import WIDTHS, Span, inside, on_grid

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv as pv
except ImportError:
    raise missing_extra("A download", "pyarrow", "history") from None

_TIMES, _TEXTS = ("start", "end"), (*MONEY, "trades")
_TYPES = dict.fromkeys(_TIMES, pa.timestamp("us")) | dict.fromkeys(_TEXTS, pa.string())
_TIME = len("2026-09-01 09:00:00".replace(":", ""))  # characters
_IN_VALUES = b"0123456789.- "  # colons stay
_NULL = "- -"  # which no value is
_LINES = bytes.maketrans(b"}", b"\n")


def whole_page(content: bytes, window: Span, interval: str) -> Page | None:
    """The page, if all candles of the window are there and nothing about them is odd.

    What is left of the answer without the characters of its values must be the same names for each
    candle, and these characters must be as many as the values have. Then nothing else is there, and
    the values are what is between every second pair of quotation marks.
    """
    if not on_grid(interval):
        return None
    count = (window.end - window.start) // WIDTHS[interval]
    try:
        names = tuple(json.loads(content[1 : content.index(b"}") + 1]))
        usual = _without_values(names, count)
        if content.translate(None, _IN_VALUES) != usual:
            content = content.replace(b":null", f':"{_NULL}"'.encode())
            if content.translate(None, _IN_VALUES) != usual:
                return None
        page = _page(_table(content, names), len(content) - len(usual))
    except (ValueError, pa.ArrowException):
        return None
    return page if inside(page.starts, window).all() and not fault_of(page, interval) else None


@lru_cache(maxsize=16)
def _without_values(names: tuple[str, ...], count: int) -> bytes:
    fields = (f'"{name}":"{"::" if name in _TIMES else ""}"' for name in names)
    return f"[{','.join(['{' + ','.join(fields) + '}'] * count)}]".encode()


def _table(content: bytes, names: tuple[str, ...]) -> Any:
    """The values of an answer that has these names in this order; numbers are text."""
    columns = [
        part for name in names for part in (f"before {name}", f'"{name}"', f": {name}", name)
    ]
    return pv.read_csv(
        pa.BufferReader(content[:-1].translate(_LINES)),
        pv.ReadOptions(use_threads=False, column_names=[*columns, "after"]),
        pv.ParseOptions(delimiter='"', quote_char=False),
        pv.ConvertOptions(
            column_types=_TYPES, include_columns=list(_TYPES), null_values=[_NULL],
            strings_can_be_null=True,
        ),
    )  # fmt: skip


def _page(table: Any, characters: int) -> Page:
    """The columns as arrays, all money at once. Raises ValueError for what does not fit.

    ``characters``: of all values, without colons.
    """
    starts, ends = (table[name].cast(pa.int64()).to_numpy() for name in _TIMES)
    texts = pa.chunked_array([chunk for name in _TEXTS for chunk in table[name].chunks])
    lengths, nulls = pc.binary_length(texts), texts.null_count
    if pc.sum(lengths).as_py() + len(_NULL) * nulls + _TIME * 2 * len(table) != characters:
        raise ValueError("there is something between the values")
    numbers = texts.cast(pa.float64()).to_numpy()
    if (abs(numbers) < float("inf")).sum() + nulls < len(texts):
        raise ValueError("a number is not finite")
    columns = dict(zip(_TEXTS, numbers.reshape(len(_TEXTS), -1), strict=True))
    if table["trades"].null_count:
        raise ValueError("a number of trades is null")
    trades = table["trades"].cast(pa.int64()).to_numpy()
    inexact = Counter[str]()
    if pc.max(lengths).as_py() > DIGITS:
        inexact.update(one for one in MONEY for text in table[one].to_pylist() if is_inexact(text))
    return Page(table, starts, ends, columns, trades, inexact)
