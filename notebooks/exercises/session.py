"""A learner's session: the exercises, which hint is next, and the last result of each."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable, Mapping
from typing import Any

from bpkit.errors import InputError

from .grading import Decided, Exercise, LearnerState, Verdict, cannot_tell, described, wrong


class Note(str):
    """Text that a cell shows without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Attempt:
    """One exercise in the learner's hands: ``check()``, ``hint()``, ``solution()``."""

    def __init__(self, exercise: Exercise) -> None:
        self._exercise, self._hinted = exercise, 0
        self.outcome: str | None = None  # of the last check; None: there was none

    def check(self) -> Verdict:
        """Grade the answer, from the notebook's names and the exchange's log."""
        return self.graded(sys._getframe(1).f_globals)

    def graded(self, names: Mapping[str, Any]) -> Verdict:
        """``check``, for names that are given. Never raises for what the learner's code does."""
        learner = LearnerState(self._exercise, names)
        try:
            verdict = learner.settled(self._exercise.grade(learner))
        except Decided as end:
            verdict = end.verdict
        except (Exception, SystemExit) as error:
            verdict = _raised(error, names)
        self.outcome = verdict.outcome
        return verdict

    def hint(self, number: int | None = None) -> Note:
        """The next of three hints, or the one with this number (1 to 3). Raises InputError."""
        hints = self._exercise.hints
        if number is None:
            number = self._hinted = min(self._hinted + 1, len(hints))
        if number not in range(1, len(hints) + 1):
            raise InputError("number", number, f"is not a hint; there are 1 to {len(hints)}")
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
        self._exercises = {one.id: one for one in exercises}
        self._attempts: dict[str, Attempt] = {}

    def exercise(self, id: str) -> Attempt:
        """The exercise with this id, as its notebook names it: ``exercise("02.1").check()``.

        Raises InputError, which lists the exercises, if there is none with this id.
        """
        if id not in self._exercises:
            raise InputError(
                "id", id, f"is not an exercise; there are {', '.join(self._exercises)}"
            )
        return self._attempts.setdefault(id, Attempt(self._exercises[id]))

    def progress(self) -> Note:
        """The exercises of this notebook, each with what its last check said."""
        notebooks = {id.split(".")[0] for id in self._attempts}
        rows = [one for one in self._exercises.values() if one.id.split(".")[0] in notebooks]
        if not rows:
            return Note("No exercise was checked yet.")
        width = max(len(one.title) for one in rows)
        return Note("\n".join(f"{one.id}  {one.title:<{width}}  {self._came(one)}" for one in rows))

    def _came(self, exercise: Exercise) -> str:
        attempt = self._attempts.get(exercise.id)
        return attempt.outcome if attempt and attempt.outcome else "-"
