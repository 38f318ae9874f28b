"""What each operation answers: one function per operation, from parameters to JSON values.

``values`` are the parameters as ``parsing`` read them. A refusal is raised as ``Refusal``.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import eq
from typing import Any, NamedTuple

from ...core.rules import bad_request

Row = dict[str, Any]
Values = dict[str, Any]


class Page(NamedTuple):
    """The rows of one page, and the number of rows in all: answered with the page headers."""

    rows: list[Row]
    total: int
    limit: int
    offset: int


class Empty(NamedTuple):
    """Status 200, and no body."""


def limit_and_offset(values: Values, highest: int = 1000) -> tuple[int, int]:
    """``limit`` (100 unless given) and ``offset``. Refusal: the limit is above ``highest``."""
    limit = values.get("limit", 100)
    if limit > highest:
        raise bad_request(f"Limit must be between 0 and {highest}")
    return limit, values.get("offset", 0)


def page(rows: list[Row], values: Values) -> Page:
    """The rows that ``limit`` and ``offset`` ask for. Refusal: the limit is above 1000."""
    limit, offset = limit_and_offset(values)
    return Page(rows[offset : offset + limit], len(rows), limit, offset)


def select(rows: list[Row], values: Values) -> list[Row]:
    """The rows that match the parameters; in reverse order if ``sortDirection`` is Asc."""
    wanted = [(*FILTERS[name], value) for name, value in values.items() if name in FILTERS]
    found = [row for row in rows if all(matches(row[field], v) for field, matches, v in wanted)]
    return found[::-1] if values.get("sortDirection") == "Asc" else found


def _is_of_type(symbol: str, types: str | list[str]) -> bool:
    kind = "PERP" if symbol.endswith("_PERP") else "SPOT"
    return kind in ([types] if isinstance(types, str) else types)


def _comes_from(source: str, wanted: str) -> bool:
    """The filter has one name for all backstops, and one for all that was realised by itself."""
    if wanted in ("BackstopLiquidation", "CulledRealizePnl"):
        return source.startswith(wanted.removesuffix("Liquidation"))
    return source == wanted


# A filter of the fill history -> the system orders that it keeps. Other filters keep none.
FILL_TYPES: dict[str, tuple[str | None, ...]] = {
    "User": (None,),
    "BookLiquidation": ("LiquidatePositionOnBook",),
    "Liquidation": ("LiquidatePositionOnBook",),
    "AllLiquidation": ("LiquidatePositionOnBook",),
    "CollateralConversion": ("CollateralConversion",),
    "CollateralConversionAndSpotLiquidation": ("CollateralConversion",),
}
# parameter -> the field that it looks at, and whether a value of that field matches
FILTERS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "id": ("id", eq),
    "symbol": ("symbol", eq),
    "strategyId": ("strategyId", eq),
    "state": ("state", eq),
    "marketType": ("symbol", _is_of_type),
    "fillType": ("systemOrderType", lambda system, kind: system in FILL_TYPES.get(kind, ())),
    "source": ("source", _comes_from),
    "sources": ("source", lambda source, wanted: source in wanted.split(",")),
    "type": ("type", eq),
    "side": ("side", eq),
    "asset": ("asset", eq),
    "positionId": ("positionId", eq),
}
