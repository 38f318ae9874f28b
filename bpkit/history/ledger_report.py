"""``Ledger``: the account book as DataFrames, and as a file for a tax adviser."""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..errors import InputError
from ..results import Rows
from .lots import Books, Disposal, Method, books
from .movements import EXACT, Movement

if TYPE_CHECKING:
    import pandas as pd

_ZERO = Decimal(0)
_CENT = Decimal("0.01")
Costs = Mapping[str, str | Decimal]


@dataclass(frozen=True)
class Ledger:
    """Movements of an account from ``since`` to ``until``, oldest first. Made by ``ledger``.

    ``opening``: where the opening balance comes from: "given", "the whole history" or "computed".
    ``url``: of the exchange.
    """

    movements: list[Movement]
    since: datetime | None
    until: datetime
    opening: str
    url: str
    _differences: list[dict[str, Any]]

    @property
    def df(self) -> pd.DataFrame:
        """The movements as a DataFrame: amounts are Decimal (dtype object), times UTC.

        ``value`` in USDC at that time, ``balance`` of the asset after the row, ``group``: the rows
        of one event.
        """
        return self.rows.df

    @property
    def rows(self) -> Rows:
        """The movements as an answer."""
        return _rows("ledger", [_movement_row(one) for one in self.movements])

    @property
    def differences(self) -> Rows:
        """Where two histories of the exchange do not agree, by the hour: fees and funding.

        Both are in the settlement history, which counts here, and in another one.
        """
        return _rows("ledger_differences", self._differences)

    def books(self, method: Method = "FIFO", cost: Costs | None = None) -> Books:
        """The lots and disposals, by ``"FIFO"`` or ``"average"`` cost.

        ``cost``: the id of a deposit -> what it had cost, in USDC. InputError: another method, or a
        cost that is not an amount.
        """
        if method not in ("FIFO", "average"):
            raise InputError("method", method, 'is neither "FIFO" nor "average"')
        costs = {name: amount(f"cost[{name!r}]", value) for name, value in (cost or {}).items()}
        return books(self.movements, method, costs)

    def disposals(
        self,
        method: Method = "FIFO",
        *,
        cost: Costs | None = None,
        zone: str = "UTC",
    ) -> Rows:
        """One row for each disposal: ``gain`` = ``proceeds`` - ``cost``, in USDC, and its ``lots``.

        ``year``: in the time zone ``zone``, such as "Europe/Berlin". See ``books`` for the others.
        """
        where, made = _zone(zone), self.books(method, cost).disposals
        return _rows("ledger_disposals", [_disposal_row(one, method, where) for one in made])

    def totals(
        self,
        method: Method = "FIFO",
        *,
        cost: Costs | None = None,
        zone: str = "UTC",
    ) -> Rows:
        """Gains by year and asset; those of futures by market, with funding and fees apart.

        Interest on loans has rows of its own, by asset: what came in less what was paid. All are
        sums of what was not rounded. ``unknown``: disposals and interest without a known amount.
        """
        where = _zone(zone)
        of_spot = _spot_totals(self.books(method, cost).disposals, where)
        return _rows("ledger_totals", of_spot + _other_totals(self.movements, where))

    def to_csv(
        self,
        path: str | os.PathLike[str],
        method: Method = "FIFO",
        *,
        cost: Costs | None = None,
        zone: str = "UTC",
        sep: str = ",",
        decimal: str = ".",
    ) -> None:
        """Write the disposals and the totals for a tax adviser, to open in a spreadsheet.

        UTF-8 with a byte order mark; amounts unrounded, and rounded to 2 decimals (half to even)
        beside; ids with a letter before them, because a spreadsheet cuts long numbers. The file is
        complete or not there.
        """
        if sep == decimal or decimal not in (".", ",") or len(sep) != 1:
            raise InputError("decimal", decimal, 'is not "." or ",", or is the same as sep')
        target = Path(path)
        draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        with open(draft, "w", encoding="utf-8-sig", newline="") as file:
            lines = csv.writer(file, delimiter=sep)
            for line in self._lines(method, cost, zone):
                lines.writerow([_cell(value, decimal) for value in line])
        os.replace(draft, target)

    def _lines(self, method: Method, cost: Costs | None, zone: str) -> Iterable[list[Any]]:
        where = _zone(zone)
        begin = "the beginning" if self.since is None else self.since.isoformat()
        yield [
            f"{method}, in USDC; the cost of a part of a lot is rounded to 12 decimals, half to "
            f"even; kind short: what came in closed a short sale; years in {zone}; "
            f"{self.url}; from {begin} to "
            f"{self.until.isoformat()}; opening balance: {self.opening}"
        ]
        yield [
            "time (UTC)", f"date ({zone})", "year", "kind", "asset", "quantity", "proceeds", "cost",
            "gain", "gain, 2 decimals", "held days", "source", "lots",
        ]  # fmt: skip
        for one in self.books(method, cost).disposals:
            local = one.time.astimezone(where)
            lots = "; ".join(
                f"{part.quantity:f} of {f't{part.source_id}' if part.source_id else 'unknown'}"
                for part in one.lots
            )
            yield [
                one.time.isoformat(), local.date().isoformat(), local.year, one.kind, one.asset,
                one.quantity, one.proceeds, one.cost, one.gain, _cents(one.gain), one.held_days,
                f"t{one.source_id}", lots if method == "FIFO" else "",
            ]  # fmt: skip
        yield []
        yield ["year", "asset", "kind", "disposals", "proceeds", "cost", "gain", "gain, 2 decimals"]
        for row in self.totals(method, cost=cost, zone=zone):
            shown = [row[name] for name in ("year", "asset", "kind", "disposals")]
            yield [*shown, row["proceeds"], row["cost"], row["gain"], _cents(row["gain"])]


def _spot_totals(disposals: list[Disposal], zone: ZoneInfo) -> list[dict[str, Any]]:
    found: dict[tuple[int, str], list[Disposal]] = defaultdict(list)
    for one in disposals:
        if one.kind != "withdrawal":
            found[one.time.astimezone(zone).year, one.asset].append(one)
    return [
        {
            "year": year, "asset": asset, "kind": "disposals", "disposals": len(group),
            "proceeds": _known(one.proceeds for one in group if one.gain is not None),
            "cost": _known(one.cost for one in group if one.gain is not None),
            "gain": _known(one.gain for one in group),
            "unknown": sum(one.gain is None for one in group),
        }
        for (year, asset), group in sorted(found.items())
    ]  # fmt: skip


def _other_totals(found: list[Movement], zone: ZoneInfo) -> list[dict[str, Any]]:
    """Of futures by market, and of interest on loans by asset."""
    values: dict[tuple[int, str, str], list[Decimal | None]] = defaultdict(list)
    for one in found:
        is_future = one.source == "get_settlement_history"
        if is_future or one.kind == "interest":
            name = (one.symbol or "") if is_future else one.asset
            values[one.time.astimezone(zone).year, name, one.kind].append(one.value)
    return [
        {"year": year, "asset": name, "kind": kind, "disposals": 0, "proceeds": None,
         "cost": None, "gain": _known(group), "unknown": group.count(None)}
        for (year, name, kind), group in sorted(values.items())
    ]  # fmt: skip


def _known(amounts: Iterable[Decimal | None]) -> Decimal:
    total = _ZERO
    for amount in amounts:
        total = total if amount is None else EXACT.add(total, amount)
    return total


def amount(field: str, value: object) -> Decimal:
    """An amount from text, int or Decimal. Raises InputError."""
    try:
        made = Decimal(value) if isinstance(value, str | int | Decimal) else Decimal("NaN")
    except ArithmeticError:
        made = Decimal("NaN")
    if not made.is_finite():
        raise InputError(field, value, 'is not an amount; write text, such as "12.5"')
    return made


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        raise InputError("zone", name, 'is not a time zone; write one as "Europe/Berlin"') from None


def _rows(kind: str, rows: list[dict[str, Any]]) -> Rows:
    made = Rows(rows)
    made.kind, made.status, made.headers = kind, 0, {}
    return made


def _movement_row(one: Movement) -> dict[str, Any]:
    row = {name: value for name, value in asdict(one).items() if name != "time"}
    for old, new in (("source_id", "sourceId"), ("is_maker", "isMaker")):
        row[new] = row.pop(old)
    row["valueSource"] = row.pop("value_source")
    return {"time": _iso(one.time), **row}


def _disposal_row(one: Disposal, method: str, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "time": _iso(one.time), "year": one.time.astimezone(zone).year, "kind": one.kind,
        "asset": one.asset, "quantity": one.quantity, "proceeds": one.proceeds, "cost": one.cost,
        "gain": one.gain, "method": method, "heldDays": one.held_days, "sourceId": one.source_id,
        "lots": [part._asdict() for part in one.lots],
    }  # fmt: skip


def _iso(time: datetime) -> str:
    return time.replace(tzinfo=None).isoformat(timespec="microseconds")


def _cents(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else amount.quantize(_CENT, ROUND_HALF_EVEN)


def _cell(value: object, decimal: str) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}".replace(".", decimal)
    return "" if value is None else str(value)
