"""Compare the facts of two exchanges: confirmed, contradicted, not seen, cannot tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .looks import Facts, facts_of
from .questions import Question
from .redaction import Seen

CONFIRMED, CONTRADICTED = "confirmed", "contradicted"
NOT_SEEN, CANNOT_TELL = "not seen", "cannot tell"


class Verdict(NamedTuple):
    """``date``: of the answers, or "" if nothing was asked. ``found``: facts, for a person."""

    verdict: str
    date: str
    found: str


def compared(
    question: Question,
    twice: Sequence[Sequence[Seen | None]],
    ours: Sequence[Seen | None],
    date: str,
) -> Verdict:
    """``twice``: two answers to each request of the question. ``ours``: the sandbox's answers.

    What differs between the two answers of an exchange is noise, and is not compared. A question is
    confirmed only if what its first look looks at was there.
    """
    first, second, own = (
        _facts(question, answers)
        for answers in ([one[0] for one in twice], [one[1] for one in twice], ours)
    )
    noise = sorted(name for name in first if name in second and first[name] != second[name])
    shared = [name for name in first if second.get(name) == first[name] and name in own]
    different = [name for name in shared if _differ(name, first[name], own[name])]
    unsteady = f" (not compared, because two answers differ: {', '.join(noise)})" if noise else ""
    if different:
        said = [f"{name}: exchange {first[name]}, sandbox {own[name]}" for name in different]
        return Verdict(CONTRADICTED, date, "; ".join(said) + unsteady)
    if not any(name in shared for name in _facts(question, [one[0] for one in twice], 1)):
        return Verdict(CANNOT_TELL, date, f"there is nothing to look at{unsteady}")
    said = [f"{name}: {first[name]}" for name in shared if name != "answered"]
    return Verdict(CONFIRMED, date, "; ".join(said) + unsteady)


def _differ(name: str, live: str, own: str) -> bool:
    """Do two facts contradict each other? A field may have values of several types, and the few
    rows of one exchange need not have all of them."""
    if name.startswith("noted "):
        return False
    if name.startswith("type of "):
        return set(live.split(" or ")).isdisjoint(own.split(" or "))
    return live != own


def _facts(question: Question, answers: Sequence[Seen | None], looks: int = 0) -> Facts:
    """What can be seen in these answers, and whether the first one is a success at all.

    ``looks``: only so many of its looks; 0 means all.
    """
    known = [one for one in answers if one is not None]
    if len(known) < len(answers):
        return {}
    facts = {} if looks else {"answered": "yes" if known[0].status < 300 else "no"}
    for look in question.looks[: looks or None]:
        try:
            facts |= facts_of(look, known)
        except (AttributeError, KeyError, TypeError, ValueError):  # an answer of another form
            continue
    return facts
