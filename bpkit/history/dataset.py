"""Candles in Parquet files: one data set for each interval, which other programs read as it is.

    candles/1m/symbol=SOL_USDC/month=2026-01/part-0.parquet

Each file has the facts about itself in its footer (key ``bpkit``, JSON), so data and facts arrive
in one rename and cannot disagree. The folder is the state: there is no list of files that could be
wrong. The columns have the same types in every file. Names that begin with a dot or ``_`` are
ignored by pandas, DuckDB, Dask and Spark.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..errors import missing_extra
from ..guard.journal_file import sync_folder
from .movements import time_of
from .spans import Span

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    raise missing_extra("A download", "pyarrow", "history") from None

FORMAT = 1
NAME = "part-0.parquet"
_TIME = pa.timestamp("us", "UTC")
_NUMBERS = ("open", "high", "low", "close", "volume", "quoteVolume")
_ROWS = 100_000  # of a row group
_BUSY = 5.0  # seconds for which a reader may have the file open (Windows)
Row = dict[str, Any]


@dataclass
class Facts:
    """What a file says about itself. Times are ISO texts in UTC; ``until`` is exclusive.

    ``since``, ``until``: what was asked for. ``complete``: it was asked to the end of its span, and
    what is missing was asked for twice. ``inexact``: numbers that float64 cannot hold, by column.
    """

    url: str
    symbol: str
    interval: str
    since: str
    until: str
    complete: bool
    asked_at: str
    rows: int = 0
    gaps: list[list[str]] = field(default_factory=list)
    inexact: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    format: int = FORMAT

    @property
    def span(self) -> Span:
        """What was asked for."""
        return Span(time_of(self.since), time_of(self.until))


def schema(exact: bool) -> pa.Schema:
    """The columns of every file; ``exact``: decimals in place of float64."""
    number = pa.decimal128(38, 18) if exact else pa.float64()
    return pa.schema(
        [
            ("start", _TIME),
            ("end", _TIME),
            *((name, number) for name in _NUMBERS),
            ("trades", pa.int64()),
        ]
    )


def write(path: Path, rows: list[Row], facts: Facts, exact: bool) -> None:
    """Write a file: it is complete under its name, or not there. ArithmeticError: a number does
    not fit; it names the column and the value."""
    facts.rows, facts.inexact = len(rows), {} if exact else _inexact(rows)
    table = pa.table(_columns(rows, exact), schema(exact)).replace_schema_metadata(
        {"bpkit": json.dumps(asdict(facts))}
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with open(draft, "wb") as file:
        pq.write_table(
            table, file, compression="zstd", row_group_size=_ROWS, write_page_checksum=True,
            sorting_columns=[pq.SortingColumn(0)],
        )  # fmt: skip
        file.flush()
        os.fsync(file.fileno())
    _rename(draft, path)
    sync_folder(str(path))


def facts_of(path: Path) -> Facts | None:
    """What a file says about itself. None: it is not there, is torn, or is not of this format."""
    try:
        metadata = pq.read_schema(path).metadata or {}
        made = Facts(**json.loads(metadata[b"bpkit"]))
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
        return None
    return made if made.format == FORMAT else None


def read(path: Path) -> list[Row]:
    """The rows of a file without a fault, with texts, as the exchange gives them."""
    table = _table(path)
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    return [
        {name: _text(value) for name, value in zip(columns, row, strict=True)}
        for row in zip(*columns.values(), strict=True)
    ]


def _table(path: Path) -> Any:
    try:
        return pq.read_table(path, page_checksum_verification=True, partitioning=None)
    except (OSError, pa.ArrowException):
        return None


def fault_of(path: Path, facts: Facts, exact: bool) -> str:
    """What is wrong with the rows of a file; "" if nothing is."""
    table = _table(path)
    if table is None:
        return "it is torn or was altered"
    if not table.schema.equals(schema(exact)):
        return "it has other columns"
    starts = table.column("start").cast(pa.int64()).to_pylist()
    if len(starts) != facts.rows:
        return f"it has {len(starts)} rows and says {facts.rows}"
    if any(after <= before for before, after in pairwise(starts)):
        return "its candles are not in order, or not unique"
    closes, volumes = table.column("close").to_pylist(), table.column("volume").to_pylist()
    if any(close is None and volume for close, volume in zip(closes, volumes, strict=True)):
        return "a candle has a volume and no price"
    return ""


def _text(value: Any) -> str | None:
    """A value as text: the shortest one of a float, which is the exchange's own."""
    if value is None:
        return None
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return str(value.replace(tzinfo=None))


def _columns(rows: list[Row], exact: bool) -> dict[str, Any]:
    made: dict[str, Any] = {
        name: pa.array([time_of(row[name]) for row in rows], _TIME) for name in ("start", "end")
    }
    for name in _NUMBERS:
        texts = [row.get(name) for row in rows]
        made[name] = _decimals(name, texts) if exact else pa.array(map(_float, texts), pa.float64())
    made["trades"] = pa.array([int(row.get("trades") or 0) for row in rows], pa.int64())
    return made


def _float(text: str | None) -> float | None:
    return None if text is None else float(text)


def _decimals(name: str, texts: list[str | None]) -> pa.Array:
    try:
        values = [None if text is None else Decimal(text) for text in texts]
        return pa.array(values, pa.decimal128(38, 18))
    except pa.ArrowInvalid:
        for row, text in enumerate(texts):
            if text is not None and len(text.partition(".")[2]) > 18:
                said = f"column {name!r}, row {row}: {text} has more than 18 decimals"
                raise ArithmeticError(said) from None
        raise


def _inexact(rows: Iterable[Row]) -> dict[str, int]:
    """How many numbers of each column float64 changes."""
    counts: Counter[str] = Counter()
    for row in rows:
        for name in _NUMBERS:
            text = row.get(name)
            if text is not None and Decimal(repr(float(text))) != Decimal(text):
                counts[name] += 1
    return dict(counts)


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


def remove_drafts(root: Path) -> None:
    """Remove the unfinished files of processes that ended. Only with the data set's lock."""
    for draft in root.rglob(f".{NAME}.*.tmp"):
        draft.unlink(missing_ok=True)
