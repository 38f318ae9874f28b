"""The exercises of 06_history_and_frames: six small mistakes with historical data.

Each check calls the learner's function with a few rows that can be added up by hand.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from .grading import Exercise, LearnerState, Verdict, right, shown, untried, wrong
from .n06_money import MONEY, called, rows

__all__ = ["EXERCISES"]

Wrongs = Sequence[tuple[Sequence[float], str]]  # what a typical mistake gives, and what to say
CLOSE = 1e-9


def _alike(one: Sequence[float], two: Sequence[float]) -> bool:
    return len(one) == len(two) and all(
        abs(first - second) < CLOSE for first, second in zip(one, two, strict=True)
    )


def _values(result: Any) -> list[float]:
    """The numbers in a Series or a list, without missing ones."""
    if not hasattr(result, "__iter__") or isinstance(result, str):
        return []
    numbers = [float(value) for value in result if value is not None]
    return [number for number in numbers if number == number]


def _known(found: Sequence[float], wrongs: Wrongs) -> str:
    return next((said for values, said in wrongs if _alike(found, values)), "")


# --- 06.1: the newest comes first -----------------------------------------------------------------

# 100, then 110, then 99: up a tenth, down a tenth.
_TRADES = rows(
    "trades",
    [
        {"id": 3, "timestamp": 1788264002000, "price": "99", "quantity": "1"},
        {"id": 2, "timestamp": 1788264001000, "price": "110", "quantity": "1"},
        {"id": 1, "timestamp": 1788264000000, "price": "100", "quantity": "1"},
    ],
)
_UP_DOWN = (0.1, -0.1)
_RETURNS_SEEN: Wrongs = (
    (
        _UP_DOWN[::-1],
        "The returns are right, but the newest comes first. The oldest should.",
    ),
    (
        (100 / 110 - 1, 110 / 99 - 1),
        "The rows were turned round after the returns were taken. Each price is still compared "
        "with the one that came after it: turn the rows first.",
    ),
    (
        (1 - 110 / 99, 1 - 100 / 110),
        "A minus sign mends the direction, but not the size: the change must be a share of the "
        "earlier price, and these are shares of the later one.",
    ),
    ((10.0, -10.0), "These are percent. Give fractions: 0.1 is 10 %."),
    ((10.0, -11.0), "These are differences in USDC. A return is the difference over the price."),
)


def _grade_returns(learner: LearnerState) -> Verdict:
    found = _values(called(learner, "trade_returns", _TRADES.df))
    if _alike(found, (110 / 99 - 1, 100 / 110 - 1)):
        return untried()
    if _alike(found, _UP_DOWN):
        return right("SOL at 100, then 110, then 99: +10 % and then -10 %, oldest first.")
    known = _known(found, _RETURNS_SEEN)
    return wrong(
        f"For trades at 100, then 110, then 99, the returns are 0.1 and -0.1. Yours are "
        f"{shown([round(one, 4) for one in found])}. {known}".rstrip()
    )


_RETURNS = Exercise(
    id="06.1",
    title="The newest comes first",
    grade=_grade_returns,
    hints=(
        "`pct_change` compares each row with the row above it. Which trade is above?",
        "Bring the rows into the order of time before `pct_change` sees them.",
        '`trades.sort_values("timestamp")` has the oldest first; so has `trades[::-1]`.',
    ),
    starter="""\
def trade_returns(trades):
    return trades["price"].pct_change().dropna()

trade_returns(bp.get_recent_trades("SOL_USDC", limit=5).df)""",
    solution="""\
def trade_returns(trades):
    return trades[::-1]["price"].pct_change().dropna()

trade_returns(bp.get_recent_trades("SOL_USDC", limit=5).df)""",
)


# --- 06.2: hours from minutes ---------------------------------------------------------------------


def _minute(start: str, prices: str, volume: str) -> dict[str, Any]:
    """A candle of one minute; ``prices``: open, high, low, close."""
    names = ("open", "high", "low", "close")
    return {"start": start, **dict(zip(names, prices.split(), strict=True)), "volume": volume}


_MINUTES = rows(
    "klines",
    [
        _minute("2026-09-01 10:00:00", "100 104 99 101", "2"),
        _minute("2026-09-01 10:01:00", "101 109 100 103", "4"),
        _minute("2026-09-01 10:02:00", "103 105 95 102", "6"),
        _minute("2026-09-01 11:00:00", "102 103 101 103", "9"),
    ],
)
_HOURS: dict[str, tuple[float, float]] = {
    "open": (100, 102), "high": (109, 103), "low": (95, 101), "close": (102, 103),
    "volume": (12, 9),
}  # fmt: skip


def _grade_hourly(learner: LearnerState) -> Verdict:
    result = called(learner, "hourly", _MINUTES.df)
    missing = [name for name in _HOURS if name not in getattr(result, "columns", ())]
    if missing:
        return wrong(f"The answer should be a frame with the columns of a candle; {missing} lack.")
    found = {name: _values(result[name]) for name in _HOURS}
    off = [name for name, expected in _HOURS.items() if not _alike(found[name], expected)]
    if not off:
        return _misnamed(result) or right(
            "Open, high, low, close and volume of each hour are those of its minutes."
        )
    if off == ["high", "volume"] and found["high"] == [106, 103] and found["volume"] == [4, 9]:
        return untried()
    name = off[0]
    return wrong(
        f"Of an hour with minutes from 10:00, `{name}` should be {_HOURS[name][0]:g}, and is "
        f"{found[name][0] if found[name] else 'not there'}. {_HOW[name]}"
    )


def _misnamed(hours: Any) -> Verdict | None:
    """What is wrong with the index of the candles, or None."""
    moments = list(hours["start"] if "start" in hours.columns else hours.index)
    found = [getattr(one, "timestamp", lambda: None)() for one in moments]
    if found == _STARTS:
        return None
    if found[0] is None:
        said = f"an hour is called {shown(moments[0])}, whatever its day."
    else:
        said = f"the hour that begins at 10:00 is called {moments[0]:%H:%M}."
    return wrong(f"The values are right, but {said} A candle is named by its start.")


_STARTS = [1788256800.0, 1788260400.0]  # 2026-09-01 10:00 and 11:00 UTC, in seconds
_HOW = {
    "open": "An hour opens where its first minute opens.",
    "high": "The highest price of an hour is the highest of any of its minutes.",
    "low": "The lowest price of an hour is the lowest of any of its minutes.",
    "close": "An hour closes where its last minute closes.",
    "volume": "What was traded in an hour is all that was traded in its minutes, added up.",
}

_HOURLY = Exercise(
    id="06.2",
    title="Hours from minutes",
    grade=_grade_hourly,
    hints=(
        "Two of the five rules describe no hour. Say each aloud: the high of an hour is ...",
        "An average of highs is no high, and an average minute is no hour.",
        'The high is the `"max"` of the highs, the volume is the `"sum"` of the volumes.',
    ),
    starter="""\
def hourly(minutes):
    rules = {"open": "first", "high": "mean", "low": "min", "close": "last",
             "volume": "mean"}
    return minutes.resample("1h").agg(rules)

hourly(bp.get_klines("SOL_USDC", "1m", "2026-09-01T09:00Z", "2026-09-01T12:00Z").df)""",
    solution="""\
def hourly(minutes):
    rules = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    return minutes.resample("1h").agg(rules)

hourly(bp.get_klines("SOL_USDC", "1m", "2026-09-01T09:00Z", "2026-09-01T12:00Z").df)""",
)


# --- 06.3: whose day ------------------------------------------------------------------------------

_EVENING = rows(
    "klines",
    [
        _minute("2026-08-31 03:00:00", "100 100 100 100", "1000"),
        _minute("2026-08-31 14:00:00", "100 100 100 100", "1"),
        _minute("2026-08-31 15:00:00", "100 100 100 100", "10"),
        _minute("2026-09-01 14:00:00", "100 100 100 100", "100"),
    ],
)
_DAYS: dict[str, tuple[float, ...]] = {
    "UTC": (1011, 100),
    "Asia/Tokyo": (1001, 110),  # 15:00 UTC is midnight there
    "America/New_York": (1000, 11, 100),  # 03:00 UTC is 23:00 of the day before
}


def _grade_daily(learner: LearnerState) -> Verdict:
    for zone in ("Asia/Tokyo", "America/New_York", "UTC"):
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            result = called(learner, "daily_volume", _EVENING.df, zone)
        found, index = _values(result), getattr(result, "index", None)
        if _alike(found, _DAYS[zone]):
            continue
        if any("offset" in str(one.message) for one in warned):
            return wrong(_NO_OFFSET)
        if _alike(found, _DAYS["UTC"]):
            if str(getattr(index, "tz", "UTC")) == "UTC":
                return untried()
            return wrong(_RELABELLED if index is not None and not index[0].hour else _TOO_LATE)
        return wrong(
            f"For the days of {zone}, with 1000 SOL at 03:00, 1 at 14:00 and 10 at 15:00 UTC, and "
            f"100 at 14:00 UTC of the next day, the volumes are {shown(list(_DAYS[zone]))}. Yours "
            f"are {shown(found)}."
        )
    return right("The days of Tokyo, New York and UTC begin where they should.")


_RELABELLED = (
    "The days bear the zone's name, but they are still those of UTC: `tz_localize` puts another "
    "name on the same clock. `tz_convert` turns the hands."
)
_TOO_LATE = (
    "The volume was added up over days of UTC, and only their beginnings were converted: convert "
    "the hours before they are added up."
)

_NO_OFFSET = (
    "These are still the days of UTC: pandas leaves out an `offset` where the hours have a zone. "
    "And one number of hours would not do for every zone, nor in summer and winter. Convert them."
)

_DAILY = Exercise(
    id="06.3",
    title="Whose day?",
    grade=_grade_daily,
    hints=(
        "`resample` begins each day at midnight of the zone that the index has.",
        "The hours must be in the reader's zone before `resample` sees them.",
        "A frame has `tz_convert(zone)`: the same moments, in another zone.",
    ),
    starter="""\
def daily_volume(hours, zone):
    return hours["volume"].resample("1D").sum()

daily_volume(hours.df, "Asia/Tokyo")""",
    solution="""\
def daily_volume(hours, zone):
    return hours.tz_convert(zone)["volume"].resample("1D").sum()

daily_volume(hours.df, "Asia/Tokyo")""",
)


EXERCISES: tuple[Exercise, ...] = (_RETURNS, _HOURLY, _DAILY, *MONEY)
