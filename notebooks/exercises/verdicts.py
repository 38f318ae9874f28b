"""The four outcomes of a check: ``Verdict``, ``right``, ``wrong``, ``untried``, ``cannot_tell``."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass, field
from html import escape
from itertools import groupby

RIGHT, WRONG, UNTRIED, CANNOT_TELL = "Right", "Wrong", "Not tried yet", "Cannot tell"
WIDTH = 92  # characters of a line that a notebook shows without scrolling
CHANGE = "Change the cell above, run it, and then run this one once more."
# Sign and colour. Each colour can be seen on white and on black.
SIGNS = {
    RIGHT: ("\N{CHECK MARK}", "#2da44e"),
    WRONG: ("\N{BALLOT X}", "#e5534b"),
    UNTRIED: ("\N{WHITE CIRCLE}", "#848d97"),
    CANNOT_TELL: ("?", "#bf8700"),
}


@dataclass(frozen=True)
class Verdict:
    """The result of a check: one of the four outcomes, and the reason in a sentence or two.

    ``offer``: a last line that says how to get help; "" if there is none. ``explains``: if the
    learner's cell stopped with an error of this type, the reason is about that error.
    """

    outcome: str
    reason: str
    offer: str = field(default="", compare=False)
    explains: type[BaseException] | tuple[()] = field(default=(), compare=False)

    def __repr__(self) -> str:
        said = "\n".join(
            textwrap.fill(line, WIDTH, break_long_words=False, break_on_hyphens=False)
            for line in f"{self.outcome}. {self.reason}".splitlines()
        )
        return f"{said}\n{self.offer}" if self.offer else said

    def _repr_html_(self) -> str:
        sign, colour = SIGNS[self.outcome]
        said = f"<b>{self.outcome}.</b> {_html(self.reason)}"
        if self.offer:
            label, _, call = self.offer.partition(": ")
            said += "" if said.endswith("</pre>") else "<br>"
            said += f"{label}: <code>{escape(call, quote=False)}</code>"
        return (
            f'<div style="border-left: 4px solid {colour}; padding-left: 0.8em;">'
            f'<b style="color: {colour};">{sign}</b> {said}</div>'
        )


def _html(text: str) -> str:
    """Text as HTML: `code` becomes <code>, a line stays a line, and compared texts keep columns."""
    made = ""
    for compared, lines in groupby(escape(text, quote=False).split("\n"), _is_compared):
        if compared:
            made += '<pre style="margin: 0;">' + "\n".join(lines) + "</pre>"
        else:
            made += "<br>".join(re.sub(r"`([^`]+)`", r"<code>\1</code>", one) for one in lines)
    return made


def _is_compared(line: str) -> bool:
    """Is it one of two texts, one below the other, or the caret under their first difference?"""
    return bool(re.match(r"(signed|yours|expected): |\s*\^$", line))


def right(text: str) -> Verdict:
    """The exercise is solved. ``text``: what shows that."""
    return Verdict(RIGHT, text)


def wrong(text: str) -> Verdict:
    """The exercise was tried, and is not solved. ``text``: what was found, and what is wrong."""
    return Verdict(WRONG, text)


def untried(text: str = "") -> Verdict:
    """The starter is as it was, or nothing was sent. If the learner's cell has changed, or has
    raised an error, the learner reads "Wrong" instead."""
    return Verdict(UNTRIED, text or CHANGE)


def cannot_tell(text: str) -> Verdict:
    """The exercise cannot be graded now. ``text``: why, and which cell to run first."""
    return Verdict(CANNOT_TELL, text)


class Decided(Exception):
    """Raised while an exercise is graded: the verdict is known already."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        super().__init__(repr(verdict))
