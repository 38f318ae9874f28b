"""Candles of any span, each once, from exchanges that answer as they should, and as they may."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest
from candle_exchange import Exchange, Row, utc

from bpkit import ApiError, InputError, TransportError
from bpkit.history import candles, spans
from bpkit.history import candles as fetch
from bpkit.sandbox import Sandbox


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window has 20 candles, so that a few hours have many; nobody waits."""
    module = sys.modules["bpkit.history.candles"]
    monkeypatch.setattr(spans, "PAGE", 20)
    monkeypatch.setattr(module, "BACKOFF", 0)
    monkeypatch.setattr(module, "REFUSED", 0)


@pytest.mark.parametrize("interval", ["1m", "5m", "1h", "4h", "1d", "3d", "1w", "1month"])
def test_every_candle_once_and_in_order(interval: str) -> None:
    since = "2026-08-31 20:03" if interval in ("1m", "5m") else "2026-05-20 03:30"
    bp = Exchange()
    made = fetch(bp, "SOL_USDC", interval, f"{since}Z")  # type: ignore[arg-type]
    until = {"1m": "11:58", "5m": "11:55", "1h": "11:00", "4h": "08:00"}.get(interval, "00:00")
    truth = bp.truth(interval, since, "2026-09-01 12:00")
    assert made == [row for row in truth if row["end"] <= f"2026-09-01 {until}:00"]
    assert len(made) > 2 and made.gaps == []
    assert len({row["start"] for row in made}) == len(made.df)


@pytest.mark.parametrize(
    "odd", [{"most": 7}, {"inclusive": True}, {"running": True}, {"most": 1, "inclusive": True}]
)
def test_servers_that_are_not_as_documented(odd: Row) -> None:
    """One gives 7 rows at most; the end is inclusive; the running candle is in the answer."""
    bp = Exchange(**odd)
    made = fetch(bp, "SOL_USDC", "1m", "2026-09-01T10:00Z")
    assert made == bp.truth("1m", "2026-09-01 10:00", "2026-09-01 11:58")
    assert made.gaps == []


def test_a_server_with_500_rows_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans, "PAGE", 1000)
    bp = Exchange(most=500)
    made = fetch(bp, "SOL_USDC", "1m", "2026-08-31T12:00Z")
    assert made == bp.truth("1m", "2026-08-31 12:00", "2026-09-01 11:58")
    assert sorted(one[2] for one in bp.asked if one[1] == "1m") == [
        utc("2026-08-31 12:00"), utc("2026-08-31 20:20"), utc("2026-09-01 04:40"),
    ]  # fmt: skip


def test_it_ends_when_the_end_is_in_the_future() -> None:
    bp = Exchange()
    made = fetch(bp, "SOL_USDC", "1h", "2026-09-01T08:00Z", "2030-01-01T00:00Z")
    assert made == bp.truth("1h", "2026-09-01 08:00", "2026-09-01 11:00")
    assert len(bp.asked) == 1


@pytest.mark.parametrize("since", ["2026-09-01T12:00Z", "2026-09-01T11:59Z", "2031-01-01T00:00Z"])
def test_nothing_is_final_yet(since: str) -> None:
    made = fetch(Exchange(), "SOL_USDC", "1m", since)
    assert made == [] and made.gaps == []
    assert list(made.df.columns) == [
        "open", "high", "low", "close", "volume", "quoteVolume", "trades", "end",
    ]  # fmt: skip


def test_a_candle_is_final_two_minutes_after_its_end() -> None:
    for now, last in (("2026-09-01 12:01:59", "11:58"), ("2026-09-01 12:02", "11:59")):
        made = fetch(Exchange(now), "SOL_USDC", "1m", "2026-09-01T11:50Z")
        assert made[-1]["start"] == f"2026-09-01 {last}:00"


def test_the_end_is_exclusive_and_may_be_between_two_candles() -> None:
    for until in ("2026-09-01T03:00Z", "2026-09-01T03:30Z"):
        made = fetch(Exchange(), "SOL_USDC", "1h", "2026-09-01T00:30Z", until)
        assert [row["start"][11:13] for row in made] == ["01", "02"]


def test_candles_that_the_exchange_does_not_have_are_gaps() -> None:
    lost = [f"2026-09-01 09:{minute}" for minute in (39, 40, 41)]  # at a window's end and start
    bp = Exchange(holes=[*lost, "2026-09-01 10:05"])
    made = fetch(bp, "SOL_USDC", "1m", "2026-09-01T09:00Z")
    assert made == bp.truth("1m", "2026-09-01 09:00", "2026-09-01 11:58")
    assert [(row["start"][11:16], row["end"][11:16]) for row in made.gaps] == [
        ("09:39", "09:42"), ("10:05", "10:06"),
    ]  # fmt: skip
    assert made.gaps.df["start"].dtype == made.df.index.dtype
    again = [one for one in bp.asked if one[2] == utc("2026-09-01 09:39")]
    assert len(again) == 2  # a missing tail is asked for twice more


def test_a_candle_without_a_trade_has_null_prices() -> None:
    bp = Exchange(nulls=["2026-09-01 09:00", "2026-09-01 09:01"])
    made = fetch(bp, "SOL_USDC", "1m", "2026-09-01T09:00Z", "2026-09-01T09:10Z")
    assert len(made) == 10 and made[0]["close"] is None and made.gaps == []
    assert made.df["close"].isna().tolist() == [True, True] + [False] * 8
    only = fetch(bp, "SOL_USDC", "1m", "2026-09-01T09:00Z", "2026-09-01T09:02Z")
    assert only.df["close"].isna().all() and len(only) == 2


def test_nothing_is_asked_for_before_the_listing() -> None:
    bp = Exchange(listed="2026-08-30 10:00")
    made = fetch(bp, "SOL_USDC", "1h", "2020-01-01T00:00Z")
    assert made == bp.truth("1h", "2026-08-30 10:00", "2026-09-01 11:00")
    assert min(one[2] for one in bp.asked if one[1] == "1h") == utc("2026-08-30")
    assert made.gaps[0] == {
        "start": "2020-01-01T00:00:00+00:00", "end": "2026-08-30T10:00:00+00:00",
    }  # fmt: skip


# --- answers that cannot be right -----------------------------------------------------------------


def once(change: Any) -> Any:
    """Change the first answer only."""
    left = [change]
    return lambda rows: left.pop()(rows) if left and rows else rows


ODD = {
    "not in order": lambda rows: rows[::-1],
    "not in order at": lambda rows: [rows[0], *rows],
    "begin at a multiple": lambda rows: [rows[0] | {"start": "2026-09-01 09:00:30"}, *rows[1:]],
    "is not 1m long": lambda rows: [rows[0] | {"end": "2026-09-01 09:02:00"}, *rows[1:]],
    "ends before": lambda rows: [rows[0] | {"end": "2026-09-01 08:00:00"}, *rows[1:]],
    "low above": lambda rows: [rows[0] | {"low": "999"}, *rows[1:]],
    "high below": lambda rows: [rows[0] | {"high": "1"}, *rows[1:]],
    "number that is not finite": lambda rows: [rows[0] | {"volume": "NaN"}, *rows[1:]],
    "not a list of candles": lambda rows: [{"start": row["start"]} for row in rows],
}


@pytest.mark.parametrize("what", ODD)
def test_an_answer_that_cannot_be_right_is_asked_for_again(what: str) -> None:
    bp = Exchange(meddle=once(ODD[what]))
    made = fetch(bp, "SOL_USDC", "1m", "2026-09-01T09:00Z", "2026-09-01T09:10Z")
    assert made == bp.truth("1m", "2026-09-01 09:00", "2026-09-01 09:10")
    assert len(bp.asked) == 2


@pytest.mark.parametrize("what", ODD)
def test_and_reported_if_it_comes_again(what: str) -> None:
    bp = Exchange(meddle=ODD[what])
    with pytest.raises(TransportError, match=what) as error:
        fetch(bp, "SOL_USDC", "1m", "2026-09-01T09:00Z", "2026-09-01T09:10Z")
    assert "2026-09-01 09:0" in str(error.value) and len(bp.asked) == 2
    assert not error.value.mutates


def test_an_empty_page_by_mistake_loses_nothing() -> None:
    """The loop that asks from the last row on would end here, or fail."""
    bp = Exchange(meddle=once(lambda rows: []))
    made = fetch(bp, "SOL_USDC", "1m", "2026-09-01T09:00Z", "2026-09-01T09:10Z")
    assert len(made) == 10


def test_a_cached_answer_is_only_good_for_what_was_final_then() -> None:
    bp = Exchange(age=600)  # ten minutes
    old = fetch(bp, "SOL_USDC", "1m", "2026-09-01T11:00Z", "2026-09-01T11:48Z")
    assert len(old) == 48
    with pytest.raises(TransportError, match="a cache has kept the answer for 600 seconds"):
        fetch(bp, "SOL_USDC", "1m", "2026-09-01T11:00Z", "2026-09-01T11:49Z")


class Failing(Exchange):
    """The first ``fails`` questions end with this error."""

    fails, error = 0, None

    def get_klines(self, *asked: Any, **more: Any) -> Any:
        with self.lock:
            self.fails, fails = self.fails - 1, self.fails > 0
        if fails:
            assert self.error is not None
            raise self.error
        return super().get_klines(*asked, **more)


LOST = TransportError("get_klines", "it was cut", sent=True, mutates=False)


@pytest.mark.parametrize(
    "error", [LOST, *(ApiError("get_klines", status, "X", "x", "") for status in (429, 502, 503))]
)
def test_errors_that_pass_are_waited_for(error: Exception) -> None:
    bp = Failing()
    bp.fails, bp.error = 4, error
    assert len(fetch(bp, "SOL_USDC", "1m", "2026-09-01T09:00Z", "2026-09-01T09:10Z")) == 10
    bp.fails = 99
    with pytest.raises(type(error)):
        fetch(bp, "SOL_USDC", "1m", "2026-09-01T09:00Z", "2026-09-01T09:10Z")
    assert bp.fails == 94


def test_a_refusal_is_not_tried_again() -> None:
    bp = Failing()
    bp.fails, bp.error = 9, ApiError("get_klines", 400, "INVALID_CLIENT_REQUEST", "x", "")
    with pytest.raises(ApiError):
        fetch(bp, "SOL_USDC", "1m", "2026-09-01T09:00Z", "2026-09-01T09:10Z")
    assert bp.fails == 8


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("interval", {"interval": "2m"}), ("since", {"since": "2026-09-01"}),
        ("since", {"since": 1.5}), ("until", {"until": "2026-08-01T00:00Z"}),
        ("until", {"until": "2026-09-01T00:00Z"}), ("until", {"until": "soon"}),
    ],
)  # fmt: skip
def test_what_is_not_a_span_is_refused(field: str, wrong: Row) -> None:
    bp = Exchange()
    given = {"interval": "1m", "since": "2026-09-01T00:00Z", "until": None} | wrong
    with pytest.raises(InputError) as error:
        fetch(bp, "SOL_USDC", **given)
    assert error.value.field == field and bp.asked == []


# --- the sandbox ----------------------------------------------------------------------------------


def test_the_sandbox_gives_the_same_candles_one_by_one(
    sandbox: Sandbox, bp: Any, plain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = candles(bp, "SOL_USDC", "1m", "2026-09-01T10:00Z")
    start = int(utc("2026-09-01 10:00").timestamp())
    told = plain.get(
        f"/api/v1/klines?symbol=SOL_USDC&interval=1m&startTime={start}&endTime={start + 118 * 60}"
    )
    assert list(made) == told.json() and len(made) == 118
    assert made.to_frame(exact=True)["close"].iloc[0] == Decimal(told.json()[0]["close"])


def test_the_zone_of_the_machine_changes_nothing() -> None:
    script = """
from candle_exchange import Exchange
from bpkit.history import candles
bp = Exchange()
for interval in ("1h", "1d", "1month"):
    made = candles(bp, "SOL_USDC", interval, "2026-03-01T00:00Z", "2026-05-01T00:00Z")
    assert made == bp.truth(interval, "2026-03-01", "2026-05-01"), interval
"""
    path = ":".join(sys.path)
    environment = {"TZ": "America/New_York", "PYTHONPATH": path}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)
