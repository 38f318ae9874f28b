"""A learner's session: the exercises, which hint is next, and what was kept of each."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from bpkit.errors import InputError

from .grading import (
    WRONG,
    Decided,
    Exercise,
    LearnerState,
    Verdict,
    cannot_tell,
    described,
    wrong,
)
from .progress_file import Kept, Progress


class Note(str):
    """Text that a cell shows without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Attempt:
    """One exercise in the learner's hands: ``check()``, ``hint()``, ``solution()``."""

    def __init__(self, exercise: Exercise, kept: Kept | None = None) -> None:
        self._exercise, self._hinted, self._kept = exercise, 0, kept or Kept()

    def check(self) -> Verdict:
        """Grade the answer, from the notebook's names and the exchange's log."""
        return self.graded(sys._getframe(1).f_globals)

    def graded(self, names: Mapping[str, Any]) -> Verdict:
        """``check``, for names that are given. Never raises for what the learner's code does."""
        learner = LearnerState(self._exercise, names)
        try:
            verdict = self._exercise.grade(learner)
        except Decided as end:
            verdict = end.verdict
        except (Exception, SystemExit) as error:
            verdict = _raised(error, names)
        verdict = learner.settled(verdict)
        self._kept.checked(self._exercise.id, verdict.outcome)
        return replace(verdict, offer=self._next_help() if verdict.outcome == WRONG else "")

    def _next_help(self) -> str:
        call, hints = f'exercise("{self._exercise.id}")', len(self._exercise.hints)
        if self._hinted < hints:
            return f"Hint {self._hinted + 1} of {hints}: {call}.hint()"
        return f"Solution: {call}.solution()"

    def hint(self, number: int | None = None) -> Note:
        """The next of three hints, or the one with this number (1 to 3). Raises InputError."""
        hints = self._exercise.hints
        if number is None:
            number = self._hinted = min(self._hinted + 1, len(hints))
        if number not in range(1, len(hints) + 1):
            raise InputError("number", number, f"is not a hint; there are 1 to {len(hints)}")
        self._kept.hinted(self._exercise.id, number)
        return Note(f"Hint {number} of {len(hints)}: {hints[number - 1]}")

    def solution(self) -> Note:
        """One way to solve it: the code of the cell."""
        return Note(self._exercise.solution)

    def __repr__(self) -> str:
        return f"{self._exercise.id} {self._exercise.title}: .check(), .hint(), .solution()"


def _raised(error: BaseException, names: Mapping[str, Any]) -> Verdict:
    """The verdict if grading raised: "Wrong" if the learner's code did, else "Cannot tell"."""
    if any(frame.f_globals is names for frame, _ in traceback.walk_tb(error.__traceback__)):
        return wrong(f"It raised {described(error)}")
    return cannot_tell(
        f"The check itself failed ({described(error)}). That is our mistake, not yours."
    )


class Session:
    """The exercises, and the learner's progress."""

    def __init__(self, exercises: Iterable[Exercise]) -> None:
        self._exercises, self._kept = {one.id: one for one in exercises}, Kept()
        self._attempts: dict[str, Attempt] = {}

    def exercise(self, id: str) -> Attempt:
        """The exercise with this id, as its notebook names it: ``exercise("02.1").check()``.

        Raises InputError, which lists the exercises, if there is none with this id.
        """
        if id not in self._exercises:
            raise InputError(
                "id", id, f"is not an exercise; there are {', '.join(self._exercises)}"
            )
        return self._attempts.setdefault(id, Attempt(self._exercises[id], self._kept))

    def progress(self) -> Progress:
        """How many exercises are right, in all and for each notebook. ``.df``: each exercise."""
        return Progress([*self._exercises.values()], self._kept.rows())
