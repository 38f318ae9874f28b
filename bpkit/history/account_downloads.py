"""Fills, orders, funding: histories of rows as Parquet files, one for each year.

    histories/fills/year=2026/part-0.parquet
    histories/funding/symbol=SOL_USDC_PERP/year=2026/part-0.parquet

The columns are those of ``.df``. Money is decimal128 with 18 places, rates have 28: no digit is
lost.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from ..client import Client
from ..errors import InputError, TransportError
from ..frames import FRAMES, Convert, flags, integers, iso_times, numbers
from ..reconcile.pages import PAGE, pages
from . import dataset
from .dataset import NAME, Facts
from .downloads import Download, source
from .movements import time_of

History = Literal["fills", "orders", "funding", "funding_payments"]
FINAL = {
    "Cancelled",
    "Expired",
    "Filled",
    "TriggerFailed",
}  # the status of an order that changes no more
_TRIES = 5
Row = dict[str, Any]


class _Kind(NamedTuple):
    """``frame``: the contract of its columns. ``time``: the column by which it is ordered."""

    method: str
    frame: str
    time: str
    by_symbol: bool = False


_KINDS: dict[str, _Kind] = {
    "fills": _Kind("get_fills", "fills", "timestamp"),
    "orders": _Kind("get_order_history", "order_history", "createdAt"),
    "funding": _Kind("get_funding_interval_rates", "funding_rates", "intervalEndTimestamp", True),
    "funding_payments": _Kind("get_funding_payments", "funding_payments", "intervalEndTimestamp"),
}
_COLUMNS: dict[Convert, Callable[[str, list[Any]], Any]] = {
    numbers: dataset.money,
    integers: dataset.whole,
    flags: dataset.flags,
    iso_times: dataset.moments,
}


def download_history(
    bp: Client,
    kind: History,
    symbols: Sequence[str] | str = (),
    folder: str | os.PathLike[str] = "histories",
) -> Download:
    """Your fills, orders, funding payments, or the funding rates of markets, to Parquet files.

    ``kind``: "fills", "orders", "funding" (rates; only these need ``symbols``), "funding_payments".
    Called again, it asks only for what has come since, and for orders that were still open. Rows
    are oldest first. A folder has the rows of one account.

    Raises InputError, MissingExtraError, and what the method raises (the files stay as they were).
    """
    if kind not in _KINDS:
        raise InputError("kind", kind, f"is not one of {', '.join(get_args(History))}")
    names = [symbols] if isinstance(symbols, str) else list(dict.fromkeys(symbols))
    if bool(names) != _KINDS[kind].by_symbol:
        raise InputError("symbols", symbols, "name markets for funding, and only for funding")
    made = Download(Path(folder) / kind)
    with dataset.locked(made.folder):
        for name in names or [""]:
            _update(bp, _KINDS[kind], name, made)
    return made


def _update(bp: Client, kind: _Kind, symbol: str, made: Download) -> None:
    """Bring the files of one history up to date, oldest first: what is there has no holes."""
    account = bp.key.public_key if bp.key and not kind.by_symbol else ""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    facts = Facts(source(bp), symbol, "", True, now, account)
    root = made.folder / f"symbol={symbol}" if symbol else made.folder
    known, cut = _known(root, kind, facts, made)
    new = _newer(bp, kind, symbol, cut, made)
    for year, group in groupby(new, lambda row: time_of(row[kind.time]).year):
        path = root / f"year={year}" / NAME
        table = dataset.table_of_rows(list(group), _columns(kind))
        old = known.get(path)
        dataset.write(path, dataset.joined(old, table, kind.time, cut), facts)
        made.rows += facts.rows
        known.pop(path, None)
    made.rows += sum(map(len, known.values()))


def _columns(kind: _Kind) -> dict[str, Callable[[str, list[Any]], Any]]:
    """Those of ``.df``, with the time first. A symbol that is in the path is not in the file."""
    found = {
        name: _COLUMNS.get(convert, dataset.texts) for name, convert in FRAMES[kind.frame].columns
    }
    if "fundingRate" in found:
        found["fundingRate"] = dataset.rates
    if kind.by_symbol:
        del found["symbol"]
    return {kind.time: found[kind.time]} | found


def _known(
    root: Path, kind: _Kind, facts: Facts, made: Download
) -> tuple[dict[Path, Any], datetime | None]:
    """What the files have, and the time from which rows must be asked for (None: all)."""
    known: dict[Path, Any] = {}
    cuts: list[datetime] = []
    schema = dataset.table_of_rows([], _columns(kind)).schema
    for path in sorted(root.glob(f"year=*/{NAME}")):
        found = dataset.read(path)
        if found is None or not found[0].schema.equals(schema) or len(found[0]) != found[1].rows:
            aside = dataset.set_aside(path)
            made.notes.append(f"{path} was torn or altered: it is {aside.name} now.")
            cuts.append(datetime(int(path.parent.name.removeprefix("year=")), 1, 1, tzinfo=UTC))
            continue
        for field in ("url", "account"):
            if getattr(found[1], field) != getattr(facts, field):
                remedy = f"has rows of {getattr(found[1], field)}; choose another folder"
                raise InputError("folder", str(made.folder), remedy)
        known[path] = found[0]
    if known:
        cuts += dataset.open_since(list(known.values()), kind.time, FINAL)
    return known, min(cuts, default=None)


def _newer(bp: Client, kind: _Kind, symbol: str, cut: datetime | None, made: Download) -> list[Row]:
    """The rows from ``cut`` on, oldest first. The exchange gives the newest first."""
    method = partial(getattr(bp, kind.method), *([symbol] if symbol else []))
    for _ in range(_TRIES):
        for join in pages(lambda offset: method(limit=PAGE, offset=offset)):
            made.requests += 1
            rows = join.rows
            if not join.joins or (cut and rows and time_of(rows[-1][kind.time]) < cut):
                break
        if join.joins:
            found = (row for row in reversed(rows) if not cut or time_of(row[kind.time]) >= cut)
            return sorted(found, key=lambda row: time_of(row[kind.time]))
    reason = "the rows changed faster than they could be read"
    raise TransportError(kind.method, reason, sent=True, mutates=False)
