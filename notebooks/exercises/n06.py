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
    """The numbers in a Series or a list, without the missing ones."""
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
        "The returns are right, but the newest comes first. Put the oldest first.",
    ),
    (
        (100 / 110 - 1, 110 / 99 - 1),
        "You reversed the rows after `pct_change`. So each price was still compared with the "
        "later price. Reverse the rows first.",
    ),
    (
        (1 - 110 / 99, 1 - 100 / 110),
        "A minus sign fixes the direction, but not the size. A return is a share of the earlier "
        "price, and yours are shares of the later price.",
    ),
    ((10.0, -10.0), "These are percent. Return fractions: 0.1 is 10%."),
    ((100.0, 110.0, 99.0), "These are the prices. Compute the returns with `pct_change`."),
    ((10.0, -11.0), "These are differences in USDC. Divide each of them by the earlier price."),
)


def _grade_returns(learner: LearnerState) -> Verdict:
    result = called(learner, "trade_returns", _TRADES.df)
    if not hasattr(result, "__iter__") or isinstance(result, str):
        return wrong(f"`trade_returns` should return all returns. Yours returned {shown(result)}.")
    found = _values(result)
    if _alike(found, (110 / 99 - 1, 100 / 110 - 1)):
        return untried()
    if _alike(found, _UP_DOWN):
        return right("For trades at 100, then 110, then 99, the returns are +10% and then -10%.")
    known = _known(found, _RETURNS_SEEN)
    return wrong(
        f"For trades at 100, then 110, then 99, the returns are 0.1 and -0.1. Yours are "
        f"{shown([round(one, 4) for one in found])}. {known}".rstrip()
    )


_RETURNS_STARTER = """\
def trade_returns(trades):
    return trades["price"].pct_change().dropna()

trade_returns(bp.get_recent_trades("SOL_USDC", limit=5).df)"""

_RETURNS = Exercise(
    id="06.1",
    title="The newest comes first",
    grade=_grade_returns,
    hints=(
        "`pct_change` compares each row with the row above it. Which trade is above?",
        "`pct_change` needs the oldest row first. So reverse the rows before `pct_change`.",
        "`trades[::-1]` has the same rows, oldest first.",
    ),
    starter=_RETURNS_STARTER,
    solution=_RETURNS_STARTER.replace('trades["price"]', 'trades[::-1]["price"]'),
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
        return wrong(
            "`hourly` should return a frame with the columns of a candle. These columns are "
            f"missing: {', '.join(missing)}."
        )
    found = {name: _values(result[name]) for name in _HOURS}
    off = [name for name, expected in _HOURS.items() if not _alike(found[name], expected)]
    if not off:
        return _misnamed(result) or right(
            "Each hour has the open, high, low, close and volume of its minutes."
        )
    if off == ["high", "volume"] and found["high"] == [106, 103] and found["volume"] == [4, 9]:
        return untried()
    name = off[0]
    return wrong(
        f"For the hour from 10:00, `{name}` should be {_HOURS[name][0]:g}. Yours is "
        f"{found[name][0] if found[name] else 'missing'}. {_HOW[name]}"
    )


def _misnamed(hours: Any) -> Verdict | None:
    """What is wrong with the index of the candles, or None."""
    moments = list(hours["start"] if "start" in hours.columns else hours.index)
    found = [getattr(one, "timestamp", lambda: None)() for one in moments]
    if found == _STARTS:
        return None
    if found[0] is None:
        said = f"the first hour has the name {shown(moments[0])}, without a day."
    else:
        said = f"the hour from 10:00 has the time {moments[0]:%H:%M}."
    return wrong(f"The values are right, but {said} A candle has the time of its start.")


_STARTS = [1788256800.0, 1788260400.0]  # 2026-09-01 10:00 and 11:00 UTC, in seconds
_HOW = {
    "open": "The open of an hour is the open of its first minute.",
    "high": "The high of an hour is the highest of its minutes' highs.",
    "low": "The low of an hour is the lowest of its minutes' lows.",
    "close": "The close of an hour is the close of its last minute.",
    "volume": "The volume of an hour is the sum of its minutes' volumes.",
}

_HOURLY_STARTER = """\
def hourly(minutes):
    rules = {"open": "first", "high": "mean", "low": "min", "close": "last",
             "volume": "mean"}
    return minutes.resample("1h").agg(rules)

hourly(bp.get_klines("SOL_USDC", "1m", "2026-09-01T09:00Z", "2026-09-01T12:00Z").df)"""

_HOURLY = Exercise(
    id="06.2",
    title="Hours from minutes",
    grade=_grade_hourly,
    hints=(
        "Two of the five rules do not describe an hour. Say each rule aloud: the high of an hour "
        "is ...",
        "An average of highs is not a high. An average minute is not an hour.",
        'The high is the `"max"` of the highs. The volume is the `"sum"` of the volumes.',
    ),
    starter=_HOURLY_STARTER,
    solution=_HOURLY_STARTER.replace('"high": "mean"', '"high": "max"').replace(
        '"volume": "mean"', '"volume": "sum"'
    ),
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
            "The check has a volume of 1000 at 03:00, 1 at 14:00 and 10 at 15:00 UTC, and 100 at "
            f"14:00 UTC of the next day. The days in {zone} have {shown(list(_DAYS[zone]))}. "
            f"Yours have {shown(found)}."
        )
    return right("The days in Tokyo, in New York and in UTC begin at the right time.")


_RELABELLED = (
    "The days have the zone's name, but they are still the days of UTC. `tz_localize` keeps the "
    "clock time and changes the zone. `tz_convert` keeps the moment."
)
_TOO_LATE = (
    "You added up the days of UTC, and then converted only their beginnings. Convert the hours "
    "before you add them up."
)

_NO_OFFSET = (
    "These are still the days of UTC. pandas ignores `offset` if the times have a zone. Also, one "
    "number of hours cannot fit each zone in summer and in winter. Convert the hours instead."
)

_DAILY_STARTER = """\
def daily_volume(hours, zone):
    return hours["volume"].resample("1D").sum()

daily_volume(hours.df, "Asia/Tokyo")"""

_DAILY = Exercise(
    id="06.3",
    title="Whose day?",
    grade=_grade_daily,
    hints=(
        "`resample` begins each day at midnight in the zone of the index.",
        "Convert the hours to the zone before `resample`.",
        "`hours.tz_convert(zone)` has the same moments in another zone.",
    ),
    starter=_DAILY_STARTER,
    solution=_DAILY_STARTER.replace('hours["volume"]', 'hours.tz_convert(zone)["volume"]'),
)


EXERCISES: tuple[Exercise, ...] = (_RETURNS, _HOURLY, _DAILY, *MONEY)
