"""JSON to DataFrame: columns, dtypes, units and order for every kind of answer.

``FRAMES`` has the contract of each kind: its columns, their order, their dtypes and its index. They
are the same for no rows. Names are the exchange's own. A column that is not in the contract is kept
as it came, after the others; a value that is missing or null is NaN, NaT or NA. An answer that is
not documented has no contract: all its columns are kept as they came.

Units: prices in the quote asset, quantities in the base asset, ``quoteVolume`` and
``quoteQuantity`` in the quote asset, rates as fractions (0.01 is 1 %), fees of ``get_account`` in
basis points. Times are UTC.

A column name has one dtype in all frames, so that any two can be joined. Ids are text, your own
too (``clientId``): that of an order is a number, but that of a withdrawal is any text, which no
number can hold. So compare with text: ``df[df["clientId"] == "42"]``. Only the id of a trade is a
whole number (``id`` of public trades, ``tradeId`` of fills).
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain
from typing import Any

import pandas as pd

from .account import ACCOUNT
from .conversions import (
    decimals,
    flags,
    integers,
    iso_times,
    ms_times,
    numbers,
    numbers_and_exact,
    objects,
    texts,
    us_times,
)
from .ledger import LEDGER
from .public import PUBLIC
from .shapes import AS_IT_COMES, Convert, FrameContract, Row
from .streams import PREFIXES, stream_contract

__all__ = [
    "FRAMES",
    "Convert",
    "FrameContract",
    "decimals",
    "flags",
    "frame",
    "integers",
    "iso_times",
    "ms_times",
    "numbers",
    "numbers_and_exact",
    "objects",
    "stream_contract",
    "texts",
    "us_times",
]

FRAMES: dict[str, FrameContract] = PUBLIC | ACCOUNT


def frame(kind: str, answer: Any, *, exact: bool = False) -> pd.DataFrame:
    """The DataFrame of an answer of this kind, by its contract in ``FRAMES``, or of live events.

    ``exact``: columns that would be float64 (money, quantities, rates) have Decimal, and None for
    null, with dtype object. The columns are the same. Raises ValueError for a value that is not a
    number or a time; it names the column.
    """
    live = kind.startswith(PREFIXES)
    contract = stream_contract(kind) if live else (FRAMES | LEDGER).get(kind, AS_IT_COMES)
    rows = contract.rows(answer)
    length, values = len(rows), _by_name(rows)
    del rows  # several shapes make new ones, and the columns need the memory
    columns = {}
    for name, convert in contract.columns:
        if exact and convert is numbers:
            convert = decimals
        columns[name] = _column(name, convert, values.pop(name, []), length)
    columns |= {name: objects(others) for name, others in values.items()}
    index = pd.Index(range(length))
    if contract.index:
        index = pd.Index(columns.pop(contract.index), name=contract.index)
    return pd.DataFrame(columns, index, copy=False)


@lru_cache(maxsize=16)
def _nulls(convert: Convert, length: int) -> Any:
    """A column of nulls. Each user makes a copy of it."""
    return convert([None]).repeat(length)


def _by_name(rows: list[Row]) -> dict[str, list[Any]]:
    """Name -> its values, one for each row: null if the row does not have it."""
    names = list(rows[0]) if rows else []
    if list(chain.from_iterable(rows)) == names * len(rows):
        values = list(chain.from_iterable(map(dict.values, rows)))
    else:  # the rows differ in their names, or in the order of them
        names = list(dict.fromkeys(chain.from_iterable(rows)))
        values = [row.get(name) for row in rows for name in names]
    return {name: values[place :: len(names)] for place, name in enumerate(names)}


def _column(name: str, convert: Convert, values: list[Any], length: int) -> Any:
    """The column. Raises ValueError, which names it and its first value that does not fit."""
    if (not values or values[0] is None) and values.count(None) == len(values):
        nulls = _nulls(convert, length)
        return nulls.copy(deep=True) if isinstance(nulls, pd.Index) else nulls.copy()
    try:
        return convert(values)
    except _UNFIT as error:
        row, value = next(
            (place for place in enumerate(values) if not _fits(convert, place[1])), (0, values)
        )
        raise ValueError(
            f"column {name!r}: {value!r:.80} in row {row} is not {_MEANING[convert]}. The answer "
            "itself has it as it came."
        ) from error


def _fits(convert: Convert, value: Any) -> bool:
    try:
        convert([value])
    except _UNFIT:
        return False
    return True


_UNFIT = (TypeError, ValueError, OverflowError, IndexError)  # what pandas and numpy raise
_MEANING: dict[Convert, str] = {
    numbers: "a number",
    decimals: "a number",
    integers: "a whole number of 64 bits",
    flags: "true or false",
    iso_times: "a time in ISO text, such as 2026-09-01T17:54:04.094",
    ms_times: "a time in Unix milliseconds",
    us_times: "a time in Unix microseconds",
}
