"""What each operation answers: one function per operation, from parameters to JSON values.

``values`` are the parameters as ``parsing`` read them. A refusal is raised as ``Refusal``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from ...core.rules import bad_request

Row = dict[str, Any]
Values = dict[str, Any]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
    wanted = [(FILTERS[name], value) for name, value in values.items() if name in FILTERS]
    found = [row for row in rows if all(matches(row, value) for matches, value in wanted)]
    return found[::-1] if values.get("sortDirection") == "Asc" else found


def _is_of_type(row: Row, types: str | list[str]) -> bool:
    kind = "PERP" if row["symbol"].endswith("_PERP") else "SPOT"
    return kind in ([types] if isinstance(types, str) else types)


def _comes_from(row: Row, source: str) -> bool:
    """The filter has one name for all backstops, and one for all that was realised by itself."""
    if source in ("BackstopLiquidation", "CulledRealizePnl"):
        return str(row["source"]).startswith(source.removesuffix("Liquidation"))
    return bool(row["source"] == source)


def _time_ms(row: Row) -> int:
    time = datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC)
    return (time - EPOCH) // timedelta(milliseconds=1)


# A filter of the fill history -> the system orders that it keeps. Other filters keep none.
FILL_TYPES: dict[str, tuple[str | None, ...]] = {
    "User": (None,),
    "BookLiquidation": ("LiquidatePositionOnBook",),
    "Liquidation": ("LiquidatePositionOnBook",),
    "AllLiquidation": ("LiquidatePositionOnBook",),
    "CollateralConversion": ("CollateralConversion",),
    "CollateralConversionAndSpotLiquidation": ("CollateralConversion",),
}
FILTERS: dict[str, Callable[[Row, Any], bool]] = {
    "id": lambda row, id: bool(row["id"] == id),
    "symbol": lambda row, symbol: bool(row["symbol"] == symbol),
    "orderId": lambda row, order_id: order_id in (row.get("orderId"), row.get("id")),
    # An order has the id of its strategy; in the history of strategies it is the id of the row.
    "strategyId": lambda row, id: bool(row.get("strategyId", row["id"]) == id),
    "state": lambda row, state: bool(row["state"] == state),
    "marketType": _is_of_type,
    "fillType": lambda row, kind: row["systemOrderType"] in FILL_TYPES.get(kind, ()),
    "source": _comes_from,
    "from": lambda row, ms: _time_ms(row) >= ms,
    "to": lambda row, ms: _time_ms(row) < ms,
}
