"""The candles of whole days of the default seed, so that the first weekly chart does not take
seconds: to calculate a day takes 2 ms, and the history has 974 days.

``daily.npz`` is made by ``tests/make_daily.py``, and compared with the trades in the tests.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from .candles import Row
from .synthetic import DEFAULT_SEED, FIRST_US, Ints

TABLE = Path(__file__).with_name("daily.npz")
FIRST_DAY = FIRST_US // 86_400_000_000


@cache
def _table() -> dict[str, Ints]:
    """Market symbol -> a Row for each day before ANCHOR_DAY."""
    with np.load(TABLE) as file:
        return dict(file)


def day_row(seed: str, symbol: str, number: int) -> Row | None:
    """The generated trades of a day as a Row. None: it is not in the table."""
    if seed != DEFAULT_SEED or symbol not in _table():
        return None
    rows, place = _table()[symbol], number - FIRST_DAY
    return rows[place].tolist() if 0 <= place < len(rows) else None
