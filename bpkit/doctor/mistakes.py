"""Known signing mistakes, as a table; and those in the timestamp, the window or the whole text.

A mistake is a function: it takes the right text and yields the wrong texts that it leads to. It may
yield the same text twice, or the right text: each text is tried once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from . import parameter_mistakes as parameters
from . import spellings
from .parameter_mistakes import Texts, Variants
from .received import ReceivedRequest, by_name
from .signed_text import SignedText, Step

WINDOWS = ("5000", "10000", "30000", "60000")
ROUND_WINDOWS = tuple(f"{seconds}000" for seconds in range(1, 60))


# --- the timestamp and the window -----------------------------------------------------------------


def time_unit(text: SignedText, request: ReceivedRequest) -> Texts:
    """Seconds or microseconds, or what rounding leaves of milliseconds."""
    digits = request.timestamp
    seconds = digits[:-3]
    for other in (
        seconds, seconds + "000", f"{seconds}.{digits[-3:]}", f"{seconds}.0", digits + "000",
        digits + ".0", digits.partition(".")[0],
    ):  # fmt: skip
        yield text.with_tail("timestamp", other)


def fine_time(text: SignedText, request: ReceivedRequest) -> Texts:
    """X-Timestamp has seconds, and the text has the same time in milliseconds."""
    if re.fullmatch("[0-9]{10}", request.timestamp):
        for rest in range(1000):
            yield text.with_tail("timestamp", f"{request.timestamp}{rest:03d}")


def other_time(text: SignedText, request: ReceivedRequest) -> Texts:
    """The clock was read twice, up to a tenth of a second apart, or twice for what was sent."""
    for name, value in request.reserved:
        if name == "timestamp":
            yield text.with_tail(name, value)
    if re.fullmatch("[0-9]{13}", request.timestamp):
        for apart in range(1, 101):
            yield text.with_tail("timestamp", str(int(request.timestamp) - apart))
            yield text.with_tail("timestamp", str(int(request.timestamp) + apart))


def no_timestamp(text: SignedText, request: ReceivedRequest) -> Texts:
    """The timestamp is missing."""
    yield text.with_tail("timestamp", None)


def no_window(text: SignedText, request: ReceivedRequest) -> Texts:
    """The window is missing or empty."""
    yield text.with_tail("window", None)
    yield text.with_tail("window", "")


def other_window(windows: Iterable[str]) -> Variants:
    """One of these windows, or one that was sent as a parameter, instead of X-Window."""

    def vary(text: SignedText, request: ReceivedRequest) -> Texts:
        sent = [value or "" for name, value in request.reserved if name == "window"]
        yield from (text.with_tail("window", one) for one in (*sent, *windows))

    return vary


def window_name(text: SignedText, request: ReceivedRequest) -> Texts:
    """The window under its name at another exchange."""
    yield text._replace(tail=(*text.tail[:1], ("recvWindow", request.window)))


# --- the whole text -------------------------------------------------------------------------------


def percent_encoded(text: SignedText, request: ReceivedRequest) -> Texts:
    """Values in percent-encoding, or exactly as they are in the query."""
    for way in spellings.ENCODINGS:
        yield text.with_values(way)
    if request.operation.method == "GET":
        for decode in (False, True):
            sent = by_name(spellings.as_sent(request.raw.query, decode))
            yield text.change(lambda p, sent=sent: sent if len(sent) == len(p) else p)  # type: ignore[misc]


def whole(steps: Iterable[Step]) -> Variants:
    """Each of these steps, done to the whole text."""
    return lambda text, request: text.then(*steps)


def other_recipe(text: SignedText, request: ReceivedRequest) -> Iterable[SignedText]:
    """The texts that other exchanges sign."""
    tail = dict(text.tail)
    known = tail.get("timestamp") or "", tail.get("window") or ""
    return text.then(*spellings.other_exchanges(request, *known))


class Mistake(NamedTuple):
    """One row: the cause, and the wrong texts that it leads to."""

    cause: str
    vary: Variants
    paired: bool = True  # also tried together with each other mistake


# In the order in which the parts of a text are made: of a pair, the upper mistake is made first.
MISTAKES = (
    Mistake("no_instruction", parameters.no_instruction),
    Mistake("wrong_instruction", parameters.near_instruction),
    Mistake("wrong_instruction", parameters.any_instruction, paired=False),
    Mistake("capital_boolean", parameters.respelled(spellings.BOOLEANS)),
    Mistake("exponent", parameters.respelled(spellings.EXPONENTS)),
    Mistake("reserved", parameters.reserved),
    Mistake("parameters_not_sent", parameters.null_signed),
    Mistake("list", parameters.lists),
    Mistake("nested", parameters.nested(as_sent=True)),
    Mistake("different_values", parameters.nested(as_sent=False)),
    Mistake("different_values", parameters.respelled(spellings.USUAL)),
    Mistake("different_values", parameters.respelled(spellings.RARE), paired=False),
    Mistake("query_not_signed", parameters.all_left_out(method_is_get=True)),
    Mistake("body_not_signed", parameters.all_left_out(method_is_get=False)),
    Mistake("wrong_place", parameters.from_elsewhere),
    Mistake("parameters_left_out", parameters.one_left_out),
    Mistake("parameters_left_out", parameters.some_left_out, paired=False),
    Mistake("websocket", parameters.streams),
    Mistake("unsorted", parameters.unsorted),
    Mistake("unsorted", parameters.any_order, paired=False),
    Mistake("batch", parameters.batch),
    Mistake("names", parameters.other_names),
    Mistake("time_unit", time_unit),
    Mistake("time_unit", fine_time, paired=False),
    Mistake("no_timestamp", no_timestamp),
    Mistake("no_window", no_window),
    Mistake("window_differs", other_window(WINDOWS)),
    Mistake("window_differs", other_window(ROUND_WINDOWS), paired=False),
    Mistake("names", window_name, paired=False),
    Mistake("encoding", percent_encoded),
    Mistake("signed_the_body_as_json", parameters.as_json),
    Mistake("signed_the_body_as_json", parameters.only_json, paired=False),
    Mistake("mangled", whole(spellings.MANGLED)),
    Mistake("punctuation", whole(spellings.PUNCTUATION)),
    Mistake("punctuation", whole(spellings.RARE_PUNCTUATION), paired=False),
    Mistake("hashed", whole(spellings.HASHES)),
    Mistake("parameters_not_sent", parameters.none_signed, paired=False),
    Mistake("timestamp_differs", other_time, paired=False),
    Mistake("wrong_instruction", parameters.invented_instruction, paired=False),
    # Last: such a text may be the same as one with a mistake that is above.
    Mistake("other_recipe", other_recipe, paired=False),
    Mistake("other_text", parameters.payload, paired=False),
)
