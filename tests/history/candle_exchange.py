"""An exchange of candles in this process: what it answers follows from arithmetic alone."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from bpkit import Client
from bpkit.operations import OPERATIONS
from bpkit.results import Record, Rows, read, read_reply

Row = dict[str, Any]
STEPS = {"1m": 60, "5m": 300, "1h": 3600, "4h": 14_400, "1d": 86_400, "1s": 1}  # seconds
MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def begins(interval: str, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The start and the end of the candles that begin in a span. Weeks begin on Monday."""
    if interval == "1month":
        start = since.replace(day=1, hour=0, minute=0, second=0)
        while start < until:
            end = (start + timedelta(days=32)).replace(day=1)
            if start >= since:
                yield start, end
            start = end
        return
    width = timedelta(days={"3d": 3, "1w": 7}.get(interval, 0)) or timedelta(
        seconds=STEPS[interval]
    )
    start = MONDAY - -((since - MONDAY) // width) * width
    while start < until:
        if start >= since:
            yield start, start + width
        start += width


def candle(start: datetime, end: datetime, salt: int = 0) -> Row:
    """Prices are 100 to 110, the highest 0.50 above the lowest."""
    number = int(start.timestamp()) // 60 + salt
    low = 10_000 + number * 37 % 1_000
    prices = {
        "open": low + number % 51,
        "high": low + 50,
        "low": low,
        "close": low + number * 7 % 51,
    }
    return {
        "start": f"{start:%Y-%m-%d %H:%M:%S}", "end": f"{end:%Y-%m-%d %H:%M:%S}",
        **{name: f"{cents / 100:.2f}" for name, cents in prices.items()},
        "volume": f"{number % 1000}.{number % 100:02}", "quoteVolume": f"{number % 9973}.125",
        "trades": str(number % 20),
    }  # fmt: skip


class Exchange(Client):
    """``most``: rows of an answer. ``listed``: its first candle. ``holes``: starts of candles that
    it does not have. ``meddle``: called with each answer (a list of rows), returns another.
    ``asked``: (symbol, interval, start, end) of each question for candles."""

    def __init__(self, now: str = "2026-09-01 12:00", **options: Any) -> None:
        super().__init__("http://127.0.0.1:1", rate_limit=options.pop("rate_limit", None))
        self.now = utc(now)
        self.most = options.pop("most", 1000)
        self.listed = utc(options.pop("listed", "2020-01-01"))
        self.holes = {utc(one) for one in options.pop("holes", [])}
        self.nulls = {utc(one) for one in options.pop("nulls", [])}
        self.inclusive = options.pop("inclusive", False)
        self.running = options.pop("running", False)
        self.age = options.pop("age", None)
        self.salt = options.pop("salt", 0)
        self.meddle: Callable[[list[Row]], list[Row]] = options.pop("meddle", lambda rows: rows)
        self.closed: set[str] = set()
        self.asked: list[tuple[Any, ...]] = []
        self.lock = threading.Lock()
        assert not options

    def truth(self, interval: str, since: str, until: str) -> list[Row]:
        """The candles of a span that have ended."""
        rows = []
        for start, end in begins(interval, utc(since), utc(until)):
            if end <= self.listed or start in self.holes or end > self.now:
                continue
            row = candle(start, end, self.salt)
            if start in self.nulls:
                row |= dict.fromkeys(("open", "high", "low", "close"))
                row |= {"volume": "0", "quoteVolume": "0", "trades": "0"}
            rows.append(row)
        return rows

    def get_depth(self, symbol: str, limit: Any = None) -> Record:
        self.refuse(symbol)
        made = Record(asks=[], bids=[], timestamp=int(self.now.timestamp() * 1e6))
        return made

    def get_klines(
        self, symbol: str, interval: Any, start_time: Any, end_time: Any = None,
        price_type: Any = None,
    ) -> Rows:  # fmt: skip
        with self.lock:
            self.refuse(symbol)
            self.asked.append((symbol, interval, start_time, end_time))
            end = end_time + timedelta(seconds=1 if self.inclusive else 0)
            rows = self.truth(interval, f"{start_time:%F %T}", f"{end:%F %T}")[: self.most]
            if self.running and end > self.now:
                start = self.now.replace(second=0)
                rows.append(candle(start, start + timedelta(minutes=1), self.salt))
            rows = self.meddle(rows)
            headers = {} if self.age is None else {"Age": str(self.age)}
        return read("klines", 200, headers, json.dumps(rows).encode())

    def _call(self, name: str, arguments: Any, read: Any = read_reply) -> Any:
        """The same, with the bytes for a ``read`` of the caller."""
        rows = getattr(self, name)(**arguments)
        content = json.dumps(rows, separators=(",", ":")).encode()
        return read(OPERATIONS[name], arguments, 200, rows.headers, content)

    def refuse(self, symbol: str) -> None:
        from bpkit import ApiError

        if symbol in self.closed:
            raise ApiError("get_klines", 404, "RESOURCE_NOT_FOUND", "Not Found", "")
