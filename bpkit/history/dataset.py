"""Candles and account histories in Parquet files, which other programs read as they are.

    candles/1m/symbol=SOL_USDC/month=2026-01/part-0.parquet

Each file has the facts about itself in its footer (key ``bpkit``, JSON), so data and facts arrive
in one rename and cannot disagree. The folder is the state: there is no list of files that could be
wrong. The columns have the same types in every file. Names that begin with a dot or ``_`` and do
not end in ``.parquet`` are ignored by pandas, DuckDB, Dask and Spark.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import InputError, missing_extra
from ..guard.file_lock import Held, lock
from ..guard.journal_file import sync_folder
from .candles import MONEY, Page
from .movements import time_of
from .spans import Span, inside

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
except ImportError:
    raise missing_extra("A download", "pyarrow", "history") from None

FORMAT = 1
NAME = "part-0.parquet"
_TIME = pa.timestamp("us", "UTC")
OWN_MONEY, RATE = pa.decimal128(38, 18), pa.decimal128(38, 28)
_ROWS = 100_000  # of a row group
_BUSY = 5.0  # seconds for which a reader may have the file open (Windows)
Row = Mapping[str, Any]


@dataclass
class Facts:
    """What a file says about itself. Times are ISO texts in UTC; the ends of spans are exclusive.

    ``asked``: the spans that were asked for; what is missing in them was asked for twice.
    ``asked_at``: the exchange's time then. ``gaps``: what it does not have. ``inexact``: how many
    numbers float64 cannot hold, by column. ``account``: a public key, in files of an account.
    """

    url: str
    symbol: str
    interval: str
    exact: bool
    asked_at: str
    account: str = ""
    asked: list[list[str]] = field(default_factory=list)
    rows: int = 0
    gaps: list[list[str]] = field(default_factory=list)
    inexact: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    format: int = FORMAT

    @property
    def spans(self) -> list[Span]:
        """What was asked for."""
        return [Span(time_of(start), time_of(end)) for start, end in self.asked]


def as_texts(spans: Iterable[Span]) -> list[list[str]]:
    """Spans as a footer has them."""
    return [[one.start.isoformat(), one.end.isoformat()] for one in spans]


# --- candles --------------------------------------------------------------------------------------


@lru_cache
def schema(exact: bool) -> Any:
    """The columns of candles; ``exact``: decimals in place of float64."""
    number = OWN_MONEY if exact else pa.float64()
    money = ((name, number) for name in MONEY)
    return pa.schema([("start", _TIME), ("end", _TIME), *money, ("trades", pa.int64())])


def table_of(pages: Iterable[Page], exact: bool) -> Any:
    """The candles of pages as a table."""
    return pa.concat_tables([schema(exact).empty_table(), *(_table(one, exact) for one in pages)])


def _table(page: Page, exact: bool) -> Any:
    columns = [pa.array(times).view(_TIME) for times in (page.starts, page.ends)]
    for name in MONEY:
        if exact:
            columns.append(decimals(name, page.texts(name), OWN_MONEY))
        else:
            columns.append(pa.array(page.money[name], from_pandas=True))  # NaN is null
    return pa.table([*columns, pa.array(page.trades)], schema(exact))


def decimals(name: str, values: list[Any], kind: Any) -> Any:
    """A column of decimals. Raises ValueError, which names the first value that does not fit."""
    texts = [None if value is None else str(value) for value in values]
    try:
        return pa.array(texts, pa.string()).cast(kind)
    except pa.ArrowInvalid as error:
        for row, text in enumerate(texts):
            try:
                pa.array([text], pa.string()).cast(kind)
            except pa.ArrowInvalid:
                said = f"column {name!r}, row {row}: {text} is not a number with {kind.scale}"
                raise ValueError(f"{said} decimals at most") from error
        raise


def merge(old: Any, new: list[Any], windows: Iterable[Span]) -> Any:
    """All candles, in order. In the windows, which were asked for again, only the new."""
    starts, _ = times(old)
    stays = starts >= starts  # all of them
    for window in windows:
        stays &= ~inside(starts, window)
    table = pa.concat_tables([old.filter(pa.array(stays)), *new])
    starts, _ = times(table)
    return table if (starts[1:] > starts[:-1]).all() else table.sort_by("start")


def changed(old: Any, new: Any) -> int:
    """How many candles are in one table only, or differ."""
    one, other = ({row["start"]: row for row in table.to_pylist()} for table in (old, new))
    return sum(one.get(start) != other.get(start) for start in one.keys() | other.keys())


def times(table: Any) -> tuple[Any, Any]:
    """``start`` and ``end`` as arrays of microseconds."""
    return tuple(table[name].cast(pa.int64()).to_numpy() for name in ("start", "end"))


def fault_of(table: Any, facts: Facts) -> str:
    """What is wrong with the candles of a file; "" if nothing is."""
    if not table.schema.equals(schema(facts.exact)):
        return "it has other columns"
    if len(table) != facts.rows:
        return f"it has {len(table)} rows and says {facts.rows}"
    starts, ends = times(table)
    if (starts[1:] < ends[:-1]).any() or (starts >= ends).any():
        return "its candles are not in order, or not unique"
    traded = pc.greater(table["volume"].cast(pa.float64()), 0.0)
    if pc.any(pc.and_(table["close"].is_null(), traded)).as_py():
        return "a candle has a volume and no price"
    return ""


# --- histories of rows ----------------------------------------------------------------------------


def table_of_rows(rows: list[Row], columns: Mapping[str, Callable[[str, list[Any]], Any]]) -> Any:
    """Rows as a table; each column has its conversion."""
    made = {
        name: convert(name, [row.get(name) for row in rows]) for name, convert in columns.items()
    }
    return pa.table(made)


def texts(name: str, values: list[Any]) -> Any:
    """A column of text: ids too, whatever they look like."""
    return pa.array([None if value is None else str(value) for value in values], pa.string())


def whole(name: str, values: list[Any]) -> Any:
    """A column of whole numbers of 64 bits."""
    return pa.array([None if value is None else int(value) for value in values], pa.int64())


def flags(name: str, values: list[Any]) -> Any:
    """A column of true and false."""
    return pa.array(values, pa.bool_())


def moments(name: str, values: list[Any]) -> Any:
    """A column of times, from ISO texts."""
    return pa.array([None if value is None else time_of(value) for value in values], _TIME)


def money(name: str, values: list[Any]) -> Any:
    """A column of an account's money."""
    return decimals(name, values, OWN_MONEY)


def rates(name: str, values: list[Any]) -> Any:
    """A column of rates, which have up to 28 decimals."""
    return decimals(name, values, RATE)


def joined(old: Any, new: Any, time: str, cut: datetime | None) -> Any:
    """The rows before ``cut`` of the old table, and the new ones."""
    if old is None or cut is None:
        return new
    return pa.concat_tables([old.filter(pc.less(old[time], pa.scalar(cut, _TIME))), new])


def open_since(tables: list[Any], time: str, final: set[str]) -> list[datetime]:
    """The newest time, and that of each order that may still change."""
    found = [pc.max(table[time]).as_py() for table in tables if len(table)]
    opened = [max(found)] if found else []
    for table in tables:
        if "status" in table.column_names:
            ended = pc.is_in(table["status"], pa.array(sorted(final)))
            opened += table.filter(pc.invert(ended))[time].to_pylist()
    return opened


# --- files ----------------------------------------------------------------------------------------


def write(path: Path, table: Any, facts: Facts) -> None:
    """Write a file: it is complete under its name, or not there."""
    facts.rows = len(table)
    table = table.replace_schema_metadata({"bpkit": json.dumps(asdict(facts))})
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    # With a file of Python's, each piece would wait for the threads that send requests.
    pq.write_table(
        table, draft, compression="zstd", row_group_size=_ROWS, write_page_checksum=True,
        sorting_columns=[pq.SortingColumn(0)],
    )  # fmt: skip
    with open(draft, "r+b") as file:
        os.fsync(file.fileno())
    _rename(draft, path)
    sync_folder(str(path))


def read(path: Path) -> tuple[Any, Facts] | None:
    """The table of a file, and what it says about itself. None: it is torn, or was altered."""
    try:
        table = pq.read_table(path, page_checksum_verification=True, partitioning=None)
        facts = Facts(**json.loads((table.schema.metadata or {})[b"bpkit"]))
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
        return None
    if facts.format != FORMAT:
        return None
    return table.replace_schema_metadata(None), facts


def set_aside(path: Path) -> Path:
    """Rename a file that is faulty, so that no program reads it."""
    aside = path.with_name(f"_{path.name}.bad-{time.time_ns()}")
    path.rename(aside)
    return aside


def _rename(draft: Path, path: Path) -> None:
    """Windows renames no file over one that is open: wait a few seconds for its reader."""
    until = time.monotonic() + _BUSY
    while True:
        try:
            return os.replace(draft, path)
        except PermissionError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """One process works on a folder. What dead ones left unfinished is removed."""
    root.mkdir(parents=True, exist_ok=True)
    try:
        handle = lock(str(root / "_lock"))
    except Held as held:
        remedy = f"is in use: {held}. Wait for it, or choose another folder"
        raise InputError("folder", str(root), remedy) from None
    try:
        for draft in root.rglob(f".{NAME}.*.tmp"):
            draft.unlink(missing_ok=True)
        yield
    finally:
        os.close(handle)
