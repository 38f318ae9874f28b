"""Read the exchange's log: was the learner's signed request accepted, and if not, why?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bpkit.doctor import CAUSES

from .grading import CHANGE, LONGEST, WIDTH, Decided, LearnerState, Verdict, sent, untried, wrong

Entry = Mapping[str, Any]
AS_AT_FIRST = f"The exchange still refuses the request. {CHANGE}"
NOT_FOUND = "The check could not find out which text you signed."
EXPECTED = (
    "The exchange expects the signature of this text. Compare it with yours, letter by letter:"
)
NOTHING_SENT = "Your cell has changed, but it did not send this request to the exchange."


def must_be_accepted(
    learner: LearnerState, entries: Sequence[Entry], wanted: Mapping[str, str], first: str
) -> None:
    """Silent if one of the requests asked for ``wanted``, and was accepted. Raises Decided if not.

    ``first``: how the starter's own request is refused, as ``refusal`` says it. A cell that has
    changed was a try, even if the exchange refuses it for the same reason.
    """
    if any(is_accepted(entry) and sent(entry) == wanted for entry in entries):
        return
    if not entries:
        raise Decided(wrong(NOTHING_SENT) if learner.has_changed() else untried())
    last = entries[-1]
    if is_accepted(last):
        raise Decided(wrong(_other_than(wanted, sent(last))))
    raise Decided(still_refused(learner, last, first))


def still_refused(learner: LearnerState, entry: Entry, first: str) -> Verdict:
    """Not tried yet if the starter was refused so and the cell has not changed, else wrong."""
    if refusal(entry) == first and not learner.has_changed():
        return untried(AS_AT_FIRST)
    return refused(entry)


def is_accepted(entry: Entry) -> bool:
    """Did the exchange accept the signature, and answer?"""
    return bool(entry["signedBy"]) and entry["status"] < 300


def refusal(entry: Entry) -> str:
    """The exchange's message and the doctor's finding, without times and texts."""
    message = entry["verdict"].removeprefix("INVALID_CLIENT_REQUEST: ")
    return " ".join([message, *_found(entry)[:1]])


def at_first(message: str, cause: str = "") -> str:
    """What ``refusal`` returns for this message and this cause of the doctor's."""
    return f"{message} {CAUSES[cause].title}" if cause else message


def refused(entry: Entry) -> Verdict:
    """Wrong: the exchange's message, the doctor's finding and the two texts, without the fix."""
    message = entry["verdict"].removeprefix("INVALID_CLIENT_REQUEST: ").removesuffix(".")
    found = _found(entry)
    title = [NOT_FOUND if one == CAUSES["unknown"].title else one for one in found[:1]]
    said = " ".join([f"The exchange refused it: {message}.", *title])
    return wrong("\n".join([said, *_texts(found[1:-1])]))


def unknown_path(entry: Entry) -> Verdict:
    """Wrong: a request to a path, or with a method, that the exchange does not know."""
    said = f"{entry['method']} {entry['path']}"
    return wrong(f"The exchange does not know {said}: {entry['verdict']}.")


def _texts(lines: list[str]) -> list[str]:
    """The signed text and the expected one, or the expected one alone if only that is known."""
    if len(lines) == 1:
        return [f"{EXPECTED}\n`{lines[0].removeprefix('expected: ')}`"]
    return [line if len(line) <= WIDTH else f"{line[: WIDTH - 3].rstrip('.')}..." for line in lines]


def _found(entry: Entry) -> list[str]:
    return (entry["finding"] or "").splitlines()


def _other_than(wanted: Mapping[str, str], asked: Mapping[str, str]) -> str:
    said = "The signature is right, and the request was accepted. But it"
    for name, value in wanted.items():
        if name not in asked:
            query = "&".join(f"{name}={value}"[:LONGEST] for name, value in asked.items())
            return f"{said} had no {name}. It sent {query or 'no parameters'}."
        if asked[name] != value:
            return f"{said} asked for {name}={asked[name][:LONGEST]}, not for {name}={value}."
    more = ", ".join(name for name in asked if name not in wanted)
    return f"{said} asked for more than it should: {more}."
