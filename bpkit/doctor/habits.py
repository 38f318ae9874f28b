"""What people do wrong when they write the text to sign, as a table.

A habit takes a draft and yields the drafts of those who have it. Drafts in which nothing changed do
no harm: each text is tried once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from . import around, inside, spellings
from .draft import Draft
from .received import Arrival


class Habit(NamedTuple):
    """One row: the cause that it is, and the drafts of those who have it."""

    cause: str
    vary: Callable[[Draft, Arrival], Iterable[Draft]]
    paired: bool = True  # tried together with each other habit, too


# In the order in which a draft passes them: a pair is the upper habit first, then the lower one.
HABITS = (
    Habit("no_instruction", inside.no_instruction),
    Habit("wrong_instruction", inside.near_instruction),
    Habit("wrong_instruction", inside.any_instruction, paired=False),
    Habit("capital_boolean", inside.respelled(spellings.BOOLEANS)),
    Habit("exponent", inside.respelled(spellings.EXPONENTS)),
    Habit("different_values", inside.null_signed),
    Habit("nested", inside.nested(as_sent=True)),
    Habit("different_values", inside.nested(as_sent=False)),
    Habit("different_values", inside.respelled(spellings.USUAL)),
    Habit("different_values", inside.respelled(spellings.RARE), paired=False),
    Habit("query_not_signed", inside.all_left_out("query_not_signed")),
    Habit("body_not_signed", inside.all_left_out("body_not_signed")),
    Habit("wrong_place", inside.from_elsewhere),
    Habit("parameters_left_out", inside.one_left_out),
    Habit("parameters_left_out", inside.some_left_out, paired=False),
    Habit("websocket", around.streams),
    Habit("unsorted", inside.unsorted),
    Habit("unsorted", inside.any_order, paired=False),
    Habit("batch", inside.batch),
    Habit("names", inside.other_names),
    Habit("time_unit", around.time_unit),
    Habit("time_unit", around.fine_time, paired=False),
    Habit("no_timestamp", around.no_timestamp),
    Habit("no_window", around.no_window),
    Habit("window_differs", around.other_window(around.WINDOWS)),
    Habit("window_differs", around.other_window(around.RARE_WINDOWS), paired=False),
    Habit("names", around.tail_names, paired=False),
    Habit("encoding", around.percent_encoded),
    Habit("signed_the_body_as_json", inside.as_json),
    Habit("signed_the_body_as_json", inside.as_json_otherwise, paired=False),
    Habit("mangled", around.whole(spellings.MANGLED)),
    Habit("punctuation", around.whole(spellings.PUNCTUATION)),
    Habit("punctuation", around.whole(spellings.RARE_PUNCTUATION), paired=False),
    Habit("hashed", around.whole(spellings.HASHES)),
    Habit("hashed", around.whole(spellings.RARE_HASHES), paired=False),
    Habit("other_recipe", around.other_recipe, paired=False),
    Habit("parameters_not_sent", inside.none_signed, paired=False),
    Habit("timestamp_differs", around.other_time, paired=False),
)
