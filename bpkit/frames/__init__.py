"""JSON -> DataFrame. The only home of pandas (and numpy, in ``conversions``).

Each kind of answer has a contract, stated in ``FRAMES``: its columns, their order, their dtypes and
its index, the same for no rows. Names are the exchange's own. A column that the contract does not
know yet is kept, as it came, behind the others; a value that is missing or null is NaN, NaT or NA.

Units: prices in the quote asset, quantities in the base asset, ``quoteVolume`` and
``quoteQuantity`` in the quote asset, rates as fractions (0.01 is 1 %), fees of ``get_account`` in
basis points. Times are UTC. Ids are text, but for the two that count or are yours: the id of a
trade, and ``clientId``.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

import pandas as pd

from .account import ACCOUNT
from .contract import Contract
from .conversions import decimals, flags, integers, iso_times, ms_times, numbers, objects, texts
from .public import PUBLIC

__all__ = [
    "FRAMES",
    "Contract",
    "decimals",
    "flags",
    "frame",
    "integers",
    "iso_times",
    "ms_times",
    "numbers",
    "objects",
    "texts",
]

FRAMES: dict[str, Contract] = PUBLIC | ACCOUNT


def frame(kind: str, answer: Any, *, exact: bool = False) -> pd.DataFrame:
    """The DataFrame of an answer of this kind, by its contract in ``FRAMES``.

    ``exact``: what would be float64 (money, quantities, rates) is Decimal instead, None for null,
    in columns of dtype object. The columns are the same. Raises ValueError for a text where a
    number or a time should be.
    """
    contract = FRAMES[kind]
    rows = contract.rows(answer)
    columns = {}
    for name, convert in contract.columns:
        if exact and convert is numbers:
            convert = decimals
        columns[name] = convert([row.get(name) for row in rows])
    for name in dict.fromkeys(chain.from_iterable(rows)):
        if name not in columns:
            columns[name] = objects([row.get(name) for row in rows])
    made = pd.DataFrame(columns)
    return made.set_index(contract.index) if contract.index else made
