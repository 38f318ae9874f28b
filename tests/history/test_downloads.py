"""Downloads: what is on the disk is what the exchange has, whatever happens on the way."""

from __future__ import annotations

import io
import itertools
import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from candle_exchange import Exchange, Row, utc
from helpers import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from bpkit import ApiError, Client, InputError, RateLimit, TransportError
from bpkit.history import Download, dataset, download, downloads, spans
from bpkit.sandbox import FAULTS, Sandbox

candles = sys.modules["bpkit.history.candles"]
SINCE, MONTH = "2026-08-31 20:00", "2026-09"
NUMBERS = ["open", "high", "low", "close", "volume", "quoteVolume"]


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window has 20 candles, so that a few hours have many; nobody waits."""
    monkeypatch.setattr(spans, "PAGE", 20)
    monkeypatch.setattr(candles, "BACKOFF", 0)
    monkeypatch.setattr(candles, "REFUSED", 0)


def run(
    bp: Client, folder: Path, since: str = SINCE, until: str | None = None, **options: Any
) -> Download:  # fmt: skip
    options = {"symbols": "SOL_USDC", "interval": "1m"} | options
    end = None if until is None else utc(until)
    return download(bp, since=utc(since), until=end, folder=folder, progress=False, **options)


def stored(folder: Path, interval: str = "1m", symbol: str = "SOL_USDC") -> list[Row]:
    """What a program that knows nothing of bpkit reads, as the exchange writes it."""
    made = pd.read_parquet(folder / interval)
    made = made[made["symbol"] == symbol].sort_values("start")
    for name in ("start", "end"):
        made[name] = made[name].dt.strftime("%Y-%m-%d %H:%M:%S")
    return made[["start", "end", *NUMBERS, "trades"]].to_dict("records")


def as_numbers(rows: list[Row]) -> list[Row]:
    """The exchange's rows, with numbers."""
    return [
        {"start": row["start"], "end": row["end"], **{name: float(row[name]) for name in NUMBERS},
         "trades": int(row["trades"])} for row in rows
    ]  # fmt: skip


def files(folder: Path) -> list[str]:
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())


def truth(bp: Exchange, since: str = SINCE, until: str = "2026-09-01 11:58") -> list[Row]:
    return as_numbers(bp.truth("1m", since, until))


# --- what is written ------------------------------------------------------------------------------


def test_the_folder_is_a_data_set_that_equals_the_truth(tmp_path: Path) -> None:
    bp = Exchange()
    made = run(bp, tmp_path, symbols=["SOL_USDC", "BTC_USDC"])
    parts = [f"month=2026-{month}/part-0.parquet" for month in ("08", "09")]
    assert files(tmp_path) == [
        "1m/_lock", "1m/_manifest.json",
        *(f"1m/symbol={one}/{part}" for one in ("BTC_USDC", "SOL_USDC") for part in parts),
    ]  # fmt: skip
    assert stored(tmp_path) == stored(tmp_path, symbol="BTC_USDC") == truth(bp)
    assert made.rows == 2 * len(truth(bp)) == 2 * 958 and made.gaps == [] and made.notes == []
    assert made.folder == tmp_path / "1m" and "1,916 rows" in repr(made)
    listed = json.loads((tmp_path / "1m/_manifest.json").read_text())
    assert [one["rows"] for one in listed] == [240, 718, 240, 718]


def test_the_columns_and_the_facts_of_a_file(tmp_path: Path) -> None:
    run(Exchange(), tmp_path)
    (path,) = tmp_path.rglob("month=2026-09/*.parquet")
    schema = pq.read_schema(path)
    time = pa.timestamp("us", "UTC")
    assert [(one.name, one.type) for one in schema] == [
        ("start", time), ("end", time), *((name, pa.float64()) for name in NUMBERS),
        ("trades", pa.int64()),
    ]  # fmt: skip
    facts = json.loads(schema.metadata[b"bpkit"])
    assert facts["asked"] == [["2026-09-01T00:00:00+00:00", "2026-09-01T11:58:00+00:00"]]
    assert (facts["symbol"], facts["interval"], facts["rows"]) == ("SOL_USDC", "1m", 718)
    assert (facts["exact"], facts["gaps"], facts["inexact"]) == (False, [], {})


@pytest.mark.parametrize(("interval", "name"), [("1h", "year=2025"), ("1w", "year=2025")])
def test_longer_candles_have_a_file_for_each_year(tmp_path: Path, interval: str, name: str) -> None:
    bp = Exchange()
    made = run(bp, tmp_path, "2025-12-01", interval=interval)
    rows = bp.truth(interval, "2025-12-01", "2026-09-01 11:58")
    expected = [row for row in rows if row["end"] <= "2026-09-01 11:58:00"]
    assert stored(tmp_path, interval) == as_numbers(expected) and made.gaps == []
    assert any(name in one for one in files(tmp_path))


@pytest.mark.parametrize("interval", ["3d", "1w", "1month"])
def test_a_long_candle_that_ran_at_the_last_time_is_not_lost(tmp_path: Path, interval: str) -> None:
    """It began before the year's end, or before the end of the last download."""
    for now in ("2025-12-30 12:00", "2026-01-02 12:00", "2026-01-15", "2026-03-20 01:00"):
        bp = Exchange(now)
        made = run(bp, tmp_path, "2025-11-01", interval=interval)
        assert stored(tmp_path, interval) == as_numbers(bp.truth(interval, "2025-11-01", now))
        assert made.gaps == []


def test_exact_numbers(tmp_path: Path) -> None:
    long = "123456789012.345678901"
    bp = Exchange(meddle=lambda rows: [row | {"quoteVolume": long} for row in rows])
    made = run(bp, tmp_path / "float")
    assert made.notes == ["float64 cannot hold 958 numbers of quoteVolume; exact=True can."]
    made = run(bp, tmp_path / "exact", exact=True)
    assert made.notes == []
    read = pd.read_parquet(tmp_path / "exact/1m")
    assert {f"{one}" for one in read["quoteVolume"]} == {"123456789012.345678901000000000"}
    with pytest.raises(InputError, match="exact=True; choose another folder"):
        run(bp, tmp_path / "exact")


def test_a_number_that_does_not_fit_is_named(tmp_path: Path) -> None:
    bp = Exchange(meddle=lambda rows: [row | {"volume": "0.1234567890123456789"} for row in rows])
    with pytest.raises(ValueError, match="column 'volume', row 0: 0.1234567890123456789 is not"):
        run(bp, tmp_path, exact=True)


def test_null_prices_are_null(tmp_path: Path) -> None:
    bp = Exchange(nulls=["2026-09-01 00:00", "2026-09-01 00:01"])
    made = run(bp, tmp_path)
    read = pd.read_parquet(tmp_path / "1m")
    assert read["close"].isna().sum() == 2 and len(read) == 958 and made.gaps == []
    table = pq.read_table(next(tmp_path.rglob("month=2026-09/*.parquet")), partitioning=None)
    assert table["close"].null_count == 2 and table["volume"].null_count == 0


def test_it_says_at_the_start_how_long_it_takes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """48 requests are two minutes at 30 a minute, though none of these has to wait."""
    screen = io.StringIO()
    screen.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", screen)
    bp = Exchange(rate_limit=RateLimit())
    with caplog.at_level("INFO", "bpkit.history"):
        download(bp, "SOL_USDC", "1m", utc(SINCE), folder=tmp_path)
        download(bp, "SOL_USDC", "1m", utc(SINCE), folder=tmp_path)
    line = "SOL_USDC, 1m, 2026-08-31 to 2026-09-01: 48 requests; at 30 a minute 2 minutes"
    assert [record.message for record in caplog.records if record.name == "bpkit.history"] == [line]
    assert f"bpkit: {line}\n" in screen.getvalue()
    assert "48/48" in screen.getvalue() and "0 min left" in screen.getvalue()


# --- it goes on -----------------------------------------------------------------------------------


def test_what_is_complete_is_not_asked_for_again(tmp_path: Path) -> None:
    bp = Exchange()
    assert run(bp, tmp_path).requests == 48  # 240 and 718 minutes, 20 each
    bp.asked.clear()
    made = run(bp, tmp_path)
    assert (made.requests, made.rows) == (0, 958)
    assert {one[1] for one in bp.asked} <= {"1d"}


def test_forwards_and_backwards(tmp_path: Path) -> None:
    bp = Exchange()
    run(bp, tmp_path, "2026-09-01 02:00", "2026-09-01 03:00")
    bp.asked.clear()
    made = run(bp, tmp_path, "2026-09-01 01:00", "2026-09-01 05:00")
    assert made.rows == 240 and made.gaps == []
    assert stored(tmp_path) == truth(bp, "2026-09-01 01:00", "2026-09-01 05:00")
    two, three = utc("2026-09-01 02:00"), utc("2026-09-01 03:00")
    assert all(one[3] <= two or one[2] >= three for one in bp.asked if one[1] == "1m")
    made = run(bp, tmp_path, "2026-09-01 08:00", "2026-09-01 09:00")  # the hours between: never
    assert made.rows == 60 and made.gaps == [] and len(stored(tmp_path)) == 300


def test_the_next_week(tmp_path: Path) -> None:
    run(Exchange(), tmp_path)
    later = Exchange("2026-09-01 18:00")
    made = run(later, tmp_path)
    assert made.requests == 18  # 11:58 to 17:58
    assert stored(tmp_path) == truth(later, until="2026-09-01 17:58")


def test_refresh_counts_what_has_changed(tmp_path: Path) -> None:
    run(Exchange(holes=["2026-09-01 00:05"]), tmp_path)

    def corrected(rows: list[Row]) -> list[Row]:
        changes = {"2026-09-01 01:00:00", "2026-09-01 02:00:00"}
        return [row | {"volume": "7"} if row["start"] in changes else row for row in rows]

    bp = Exchange(meddle=corrected, holes=["2026-09-01 03:00"])
    made = run(bp, tmp_path, refresh=True)
    assert made.changed == 4  # two differ, one is new, one has gone
    assert made.requests == 48 and len(stored(tmp_path)) == 957
    assert run(bp, tmp_path, refresh=True).changed == 0


def test_gaps_of_the_last_days_are_asked_for_again(tmp_path: Path) -> None:
    late = ["2026-09-01 09:00"]
    assert len(run(Exchange(holes=late), tmp_path).gaps) == 1
    bp = Exchange()
    made = run(bp, tmp_path)
    assert made.requests == 1 and made.gaps == [] and stored(tmp_path) == truth(bp)


def test_gaps_of_long_ago_are_not(tmp_path: Path) -> None:
    old = ["2026-08-01 09:00"]
    for _ in range(2):
        made = run(Exchange(holes=old), tmp_path, "2026-08-01 08:00", "2026-08-01 10:00")
    assert made.requests == 0
    (gap,) = made.gaps
    assert (gap["reason"], gap["candles"], gap["markets"]) == ("exchange", 1, 1)


# --- what is missing ------------------------------------------------------------------------------


def test_gaps_of_the_exchange_are_listed(tmp_path: Path) -> None:
    """One run goes over the end of a month, so of a file."""
    bp = Exchange(holes=["2026-08-31 23:58", "2026-08-31 23:59", "2026-09-01 00:00"])
    made = run(bp, tmp_path, symbols=["SOL_USDC", "BTC_USDC"])
    assert [(row["symbol"], row["start"][:16], row["end"][:16], row["candles"], row["markets"])
            for row in made.gaps] == [
        ("SOL_USDC", "2026-08-31T23:58", "2026-09-01T00:01", 3, 2),
        ("BTC_USDC", "2026-08-31T23:58", "2026-09-01T00:01", 3, 2),
    ]  # fmt: skip
    assert made.gaps.df["reason"].tolist() == ["exchange", "exchange"]
    assert stored(tmp_path) == truth(bp)


def test_before_the_listing(tmp_path: Path) -> None:
    bp = Exchange(listed="2026-08-31 21:30")
    made = run(bp, tmp_path, "2020-01-01")
    (gap,) = made.gaps
    assert (gap["reason"], gap["start"][:16], gap["end"][:16]) == (
        "before listing", "2020-01-01T00:00", "2026-08-31T21:30",
    )  # fmt: skip
    assert len({one.split("/")[2] for one in files(tmp_path) if "month" in one}) == 2


def test_a_market_that_has_closed_keeps_its_files(tmp_path: Path) -> None:
    bp = Exchange()
    run(bp, tmp_path, until="2026-09-01 01:00", symbols=["SOL_USDC", "BTC_USDC"])
    bp.closed.add("BTC_USDC")
    made = run(bp, tmp_path, symbols=["SOL_USDC", "BTC_USDC"])
    assert made.notes == ["BTC_USDC is closed: what is in its folder stays."]
    assert [(row["symbol"], row["reason"], row["start"][:16]) for row in made.gaps] == [
        ("BTC_USDC", "closed", "2026-09-01T01:00")
    ]
    assert len(stored(tmp_path, symbol="BTC_USDC")) == 300
    assert made.rows == 958 + 300


def test_an_unknown_market_is_an_error(tmp_path: Path) -> None:
    bp = Exchange()
    bp.closed.add("SOL_USD")
    with pytest.raises(ApiError):
        run(bp, tmp_path, symbols=["SOL_USD"])


def test_an_end_in_the_future_is_now(tmp_path: Path) -> None:
    made = run(Exchange(), tmp_path, until="2027-01-01 00:00")
    assert made.notes == ["SOL_USDC: until 2026-09-01 11:58 UTC, now."]
    assert made.rows == 958 and made.gaps == []


# --- files that are faulty ------------------------------------------------------------------------


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 4
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def other_columns(path: Path) -> None:
    table = pq.read_table(path, partitioning=None)
    pq.write_table(table.drop_columns(["trades"]), path)


def no_facts(path: Path) -> None:
    table = pq.read_table(path, partitioning=None)
    pq.write_table(table.replace_schema_metadata(None), path)


def fewer_rows(path: Path) -> None:
    pq.write_table(pq.read_table(path, partitioning=None).slice(5), path)


def twice(path: Path) -> None:
    table = pq.read_table(path, partitioning=None)
    pq.write_table(pa.concat_tables([table.slice(0, 2), table.slice(1, len(table) - 2)]), path)


@pytest.mark.parametrize("harm", [flip, cut, other_columns, no_facts, fewer_rows, twice])
def test_a_faulty_file_is_set_aside_and_asked_for_again(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    bp = Exchange()
    run(bp, tmp_path)
    (path,) = tmp_path.rglob("month=2026-09/*.parquet")
    harm(path)
    made = run(bp, tmp_path)
    assert stored(tmp_path) == truth(bp) and made.requests == 36 and made.rows == 958
    (note,) = made.notes
    (aside,) = path.parent.glob("_part*")
    assert aside.name in note and not aside.name.endswith(".parquet")


def test_every_flipped_bit_is_noticed_or_changes_nothing(tmp_path: Path) -> None:
    bp = Exchange()
    run(bp, tmp_path, "2026-09-01 09:00")
    (path,) = tmp_path.rglob("*.parquet")
    content, (table, _) = path.read_bytes(), dataset.read(path)  # type: ignore[misc]
    chance = random.Random(1)
    for _ in range(60):
        place = chance.randrange(len(content))
        changed = bytearray(content)
        changed[place] ^= 1 << chance.randrange(8)
        path.write_bytes(changed)
        found = dataset.read(path)
        assert found is None or dataset.fault_of(*found) or found[0].equals(table), place


def test_candles_of_another_exchange_are_not_mixed_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(Exchange(), tmp_path)
    monkeypatch.setattr(downloads, "source", lambda bp: "https://api.backpack.exchange")
    with pytest.raises(InputError, match="has candles of a sandbox; choose another folder"):
        run(Exchange(), tmp_path)
    assert len(stored(tmp_path)) == 958


def test_unfinished_files_are_ignored_and_removed(tmp_path: Path) -> None:
    bp = Exchange()
    run(bp, tmp_path)
    (path,) = tmp_path.rglob("month=2026-09/*.parquet")
    draft = path.with_name(".part-0.parquet.123.tmp")
    draft.write_bytes(path.read_bytes()[:500])
    assert stored(tmp_path) == truth(bp)  # pandas
    run(bp, tmp_path)
    assert not draft.exists()


# --- interrupts -----------------------------------------------------------------------------------


class Interrupted(Exchange):
    """Question number ``at`` is answered with this error."""

    def __init__(self, at: int, error: BaseException, **options: Any) -> None:
        super().__init__(**options)
        self.at, self.error = at, error

    def get_klines(self, *asked: Any, **more: Any) -> Any:
        with self.lock:
            self.at -= 1
            if self.at == 0:
                raise self.error
        return super().get_klines(*asked, **more)


def test_an_interrupt_keeps_what_has_come(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(Interrupted(30, KeyboardInterrupt()), tmp_path)
    kept = len(stored(tmp_path))
    assert 240 < kept < 958
    bp = Exchange()
    made = run(bp, tmp_path)
    assert stored(tmp_path) == truth(bp) and made.requests == 48 - kept // 20


def test_an_interrupt_of_a_search_backwards_keeps_what_has_come(tmp_path: Path) -> None:
    run(Exchange(), tmp_path, "2026-09-01 09:00")
    with pytest.raises(KeyboardInterrupt):
        run(Interrupted(20, KeyboardInterrupt()), tmp_path, "2026-09-01 00:00")
    assert len(stored(tmp_path)) > 178
    bp = Exchange()
    run(bp, tmp_path, "2026-09-01 00:00")
    assert stored(tmp_path) == truth(bp, "2026-09-01 00:00")


HAPPENS = st.lists(
    st.tuples(
        st.integers(1, 60),
        st.sampled_from(["interrupt", "refused", "cut file", "flip", "draft", "lost"]),
    ),
    max_size=4,
)


@settings(max_examples=examples(10))
@given(HAPPENS, st.integers(0, 700), st.sets(st.integers(0, 957), max_size=3))
def test_whatever_happens_it_ends_complete(
    tmp_path_factory: pytest.TempPathFactory, happens: list[tuple[int, str]], since: int,
    holes: set[int],
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("candles")
    begin = utc(SINCE)
    options: Row = {
        "holes": [f"{begin + pd.Timedelta(minutes=one):%F %T}" for one in holes], "most": 13,
    }  # fmt: skip
    first = f"{begin + pd.Timedelta(minutes=since):%F %T}"
    for number, (at, what) in enumerate(happens):
        error: BaseException = KeyboardInterrupt()
        if what == "refused":
            error = ApiError("get_klines", 403, "FORBIDDEN", "x", "")
        elif what == "lost":
            error = TransportError("get_klines", "it was cut", sent=True, mutates=False)
        with suppress(KeyboardInterrupt, ApiError):
            run(Interrupted(at, error, **options), folder, first if number % 2 else SINCE)
        for path in itertools.islice(folder.rglob("part-0.parquet"), 1):
            if what in ("cut file", "flip"):
                cut(path) if what == "cut file" else flip(path)
            elif what == "draft":
                path.with_name(".part-0.parquet.7.tmp").write_bytes(b"PAR1")
    bp = Exchange(**options)
    made = run(bp, folder)
    assert stored(folder) == truth(bp)
    assert made.rows == 958 - len(holes) == 958 - sum(row["candles"] for row in made.gaps)
    assert {row["reason"] for row in made.gaps} <= {"exchange"}


KILLED = """
import os, random, signal, sys, time
from bpkit.history import download, downloads, spans
from candle_exchange import Exchange

spans.PAGE, downloads.SAVE_EVERY = 20, 0.0  # every window is written
folder, chance = sys.argv[1], random.Random(7)

def slow(rows):
    time.sleep(0.002)
    return rows

for _ in range(10):
    child = os.fork()
    if child == 0:
        download(Exchange(meddle=slow), ["SOL_USDC", "BTC_USDC"], "1m", "2026-08-31T20:00Z",
                 folder=folder, progress=False)
        os._exit(0)
    time.sleep(chance.uniform(0.01, 0.2))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills processes as Linux does")
def test_a_download_that_is_killed_ten_times_ends_complete(tmp_path: Path) -> None:
    environment = {"PYTHONPATH": ":".join(sys.path), "TZ": "America/New_York"}
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=True, env=environment)
    bp = Exchange()
    made = run(bp, tmp_path, symbols=["SOL_USDC", "BTC_USDC"])
    assert stored(tmp_path) == stored(tmp_path, symbol="BTC_USDC") == truth(bp)
    assert made.rows == 1916 and made.gaps == [] and made.notes == []
    assert [one for one in files(tmp_path) if one.endswith(".tmp")] == []


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    inside, go = threading.Event(), threading.Event()

    def wait(rows: list[Row]) -> list[Row]:
        inside.set()
        assert go.wait(10)
        return rows

    first = threading.Thread(target=run, args=(Exchange(meddle=wait), tmp_path))
    first.start()
    try:
        assert inside.wait(10)
        with pytest.raises(InputError, match="is in use: process .* Wait for it") as error:
            run(Exchange(), tmp_path)
        assert error.value.field == "folder"
    finally:
        go.set()
        first.join()
    assert run(Exchange(), tmp_path).requests == 0


def test_no_symbols(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name markets"):
        run(Exchange(), tmp_path, symbols=[])


# --- the faults of the sandbox --------------------------------------------------------------------


READ = [
    name for name, kind in FAULTS.items()
    if kind.operations is None or "get_klines" in kind.operations
]  # fmt: skip


@pytest.fixture(scope="module")
def exchange() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.mark.parametrize("name", READ)
def test_faults_of_the_sandbox(exchange: Sandbox, name: str, tmp_path: Path, plain: Any) -> None:
    """A fault that ends: the data set is the truth. One that stays: an error, or a note."""
    bp = Client(exchange.url)
    start, end = (int(utc(one).timestamp()) for one in ("2026-09-01 10:00", "2026-09-01 11:00"))
    target = f"/api/v1/klines?symbol=SOL_USDC&interval=1m&startTime={start}&endTime={end}"
    rows = plain.get(target).json()
    options = {"seconds": 0.01} if name == "slow" else {}
    with exchange.fault(name, operations=["get_klines"], times=5, **options):
        made = run(bp, tmp_path, "2026-09-01 10:00", "2026-09-01 11:00")
    assert stored(tmp_path) == as_numbers(rows)
    assert len(rows) == made.rows == 60 and made.gaps == []


def test_a_fault_that_stays_is_an_error_and_what_has_come_is_kept(
    exchange: Sandbox, tmp_path: Path
) -> None:
    bp = Client(exchange.url)
    run(bp, tmp_path, "2026-09-01 10:00", "2026-09-01 10:30")
    for name in READ:
        if name in ("slow", "stale_cache"):
            continue
        with (
            exchange.fault(name, operations=["get_klines"]),
            pytest.raises((ApiError, TransportError)),
        ):
            run(bp, tmp_path, "2026-09-01 10:00", "2026-09-01 11:00")
        assert len(stored(tmp_path)) == 30
    made = run(bp, tmp_path, "2026-09-01 10:00", "2026-09-01 11:00")
    assert (made.rows, made.requests, made.gaps) == (60, 2, [])


def test_a_cache_that_stays_ends_earlier_and_says_so(exchange: Sandbox, tmp_path: Path) -> None:
    bp = Client(exchange.url)
    last = f"{exchange.now - pd.Timedelta(minutes=2):%Y-%m-%d %H:%M}"
    with exchange.fault("stale_cache"):
        run(bp, tmp_path, "2026-09-01 11:30")
        exchange.advance(minutes=10)
        made = run(bp, tmp_path, "2026-09-01 11:30", f"{exchange.now:%Y-%m-%d %H:%M}")
        assert made.notes == [f"SOL_USDC: until {last} UTC, now."]
        known = len(stored(tmp_path))
    assert run(bp, tmp_path, "2026-09-01 11:30").gaps == []
    assert len(stored(tmp_path)) == known + 10
