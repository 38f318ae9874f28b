"""Mistakes in timestamp, window and the whole text. Each yields the drafts of who makes it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from . import spellings
from .draft import Draft, Finish, finished, reordered, with_more, with_names, with_tail, with_values
from .received import Arrival, Pairs, by_name

WINDOWS = ("5000", "10000", "30000", "60000")
RARE_WINDOWS = (
    "1", "5", "10", "60", "100", "500", "1000", "2000", "3000", "6000", "8000", "15000", "20000",
    "25000", "40000", "45000", "50000", "59999", "65000", "90000", "100000", "120000", "300000",
    "600000", "0", "None",
)  # fmt: skip


# --- the timestamp and the window -----------------------------------------------------------------


def time_unit(draft: Draft, arrival: Arrival) -> Iterator[Draft]:
    """Seconds or microseconds, and what rounding leaves of milliseconds."""
    digits = arrival.timestamp
    seconds = digits[:-3] if len(digits) == 13 else digits
    for text in (
        seconds, seconds + "000", digits[:-3], digits[:-6], digits + "000", digits + "000000",
        digits + ".0", f"{seconds}.{digits[-3:]}", f"{seconds}.0", digits.partition(".")[0],
    ):  # fmt: skip
        yield with_tail(draft, "timestamp", text)


def fine_time(draft: Draft, arrival: Arrival) -> Iterator[Draft]:
    """A coarse X-Timestamp, and the same moment signed to the millisecond."""
    if re.fullmatch("[0-9]{10}", arrival.timestamp):
        for rest in range(1000):
            yield with_tail(draft, "timestamp", f"{arrival.timestamp}{rest:03d}")


def other_time(draft: Draft, arrival: Arrival) -> Iterator[Draft]:
    """The clock asked twice, up to a tenth of a second apart."""
    if arrival.timestamp.isdecimal() and len(arrival.timestamp) == 13:
        for apart in range(1, 101):
            yield with_tail(draft, "timestamp", str(int(arrival.timestamp) - apart))
            yield with_tail(draft, "timestamp", str(int(arrival.timestamp) + apart))


def no_timestamp(draft: Draft, arrival: Arrival) -> Iterator[Draft]:
    """The timestamp is missing."""
    yield with_tail(draft, "timestamp", None)


def no_window(draft: Draft, arrival: Arrival) -> Iterator[Draft]:
    """The window is missing, or empty."""
    yield with_tail(draft, "window", None)
    yield with_tail(draft, "window", "")


def other_window(windows: Iterable[str]) -> Callable[[Draft, Arrival], Iterator[Draft]]:
    """One of these windows in place of the one sent."""
    return lambda draft, arrival: (with_tail(draft, "window", one) for one in windows)


def tail_names(draft: Draft, arrival: Arrival) -> Iterator[Draft]:
    """Timestamp and window under the names that other exchanges have."""
    for stamp, window in (
        ("timestamp", "recvWindow"), ("timestamp", "recv_window"), ("ts", "window"),
        ("timeStamp", "window"), ("X-Timestamp", "X-Window"), ("time", "window"),
    ):  # fmt: skip
        new = {"timestamp": stamp, "window": window}
        yield draft._replace(tail=tuple((new.get(name, name), text) for name, text in draft.tail))


# --- the whole text -------------------------------------------------------------------------------


def percent_encoded(draft: Draft, arrival: Arrival) -> Iterator[Draft]:
    """Percent-encoded values, values as they travel, or another alphabet."""
    for way in spellings.ENCODINGS.values():
        yield with_values(draft, way)
        yield with_names(with_values(draft, way), way)
    sent = spellings.as_sent(arrival.raw.query)
    for undone in (sent, spellings.as_sent(arrival.raw.query, decode=True)):
        if arrival.operation.method == "GET":
            yield reordered(draft, partial(_swapped, undone))
    yield from finished(draft, *spellings.ALPHABETS)


def _swapped(by: Pairs, params: Pairs) -> Pairs:
    """The same names with other values, where they are as many."""
    return by_name(by) if len(by) == len(params) else params


def whole(steps: Mapping[str, Finish]) -> Callable[..., Iterable[Draft]]:
    """These steps, each done to the whole text."""
    return lambda draft, arrival: finished(draft, *steps.values())


def other_recipe(draft: Draft, arrival: Arrival) -> Iterable[Draft]:
    """The texts that other exchanges have signed."""
    return finished(draft, *spellings.recipes(arrival, dict(draft.tail)))


def streams(draft: Draft, arrival: Arrival) -> Iterator[Draft]:
    """The names of the streams signed along with the subscription."""
    if arrival.operation.method != "SUBSCRIBE":
        return
    try:
        frame = json.loads(arrival.raw.body)
        params = [str(one) for one in frame["params"]]
    except (ValueError, KeyError, TypeError):
        return
    for text in (json.dumps(params), json.dumps(params, separators=(",", ":")), ",".join(params)):
        for name in ("params", "streams", "stream"):
            yield with_more(draft, ((name, text),))
    yield with_more(draft, (("method", "SUBSCRIBE"),))
