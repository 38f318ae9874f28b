"""JSON to DataFrame: columns, dtypes, units and order for every kind of answer.

``FRAMES`` has the contract of each kind: its columns, their order, their dtypes and its index. They
are the same for no rows. Names are the exchange's own. A column that is not in the contract is kept
as it came, after the others; a value that is missing or null is NaN, NaT or NA. An answer that is
not documented has no contract: all its columns are kept as they came.

Units: prices in the quote asset, quantities in the base asset, ``quoteVolume`` and
``quoteQuantity`` in the quote asset, rates as fractions (0.01 is 1 %), fees of ``get_account`` in
basis points. Times are UTC. Ids are text, except the id of a trade and a numeric ``clientId``.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

import pandas as pd

from .account import ACCOUNT
from .conversions import decimals, flags, integers, iso_times, ms_times, numbers, objects, texts
from .public import PUBLIC
from .shapes import AS_IT_COMES, FrameContract

__all__ = [
    "FRAMES",
    "FrameContract",
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

FRAMES: dict[str, FrameContract] = PUBLIC | ACCOUNT


def frame(kind: str, answer: Any, *, exact: bool = False) -> pd.DataFrame:
    """The DataFrame of an answer of this kind, by its contract in ``FRAMES``.

    ``exact``: columns that would be float64 (money, quantities, rates) have Decimal, and None for
    null, with dtype object. The columns are the same. Raises ValueError for a text that is not a
    number or a time.
    """
    contract = FRAMES.get(kind, AS_IT_COMES)
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
