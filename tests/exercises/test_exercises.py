"""The exercises: each is run in its own notebook, untouched, solved, and answered wrongly.

The learner's cell is found in the notebook by the starter's text. If it is not there yet, the whole
notebook is run before it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from exercise_answers import RIGHT, WRONG
from exercises import EXERCISES, Exercise, Verdict
from exercises import n00 as first_notebook
from notebook_runs import afresh, at, before, cells_of, code_cells, quick, run

from bpkit import BpkitError

IMPORT = "from exercises import exercise"
each = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda one: one.id)


@pytest.fixture(autouse=True, scope="module")
def quickly() -> Iterator[None]:
    with quick():
        yield


def check(exercise: Exercise, names: dict[str, Any]) -> Verdict:
    """The verdict, as the learner asks for it."""
    run(f"{IMPORT}\n_verdict = exercise({exercise.id!r}).check()", names)
    return names["_verdict"]


# --- what is written down -------------------------------------------------------------------------


def test_ids_are_unique_and_in_order() -> None:
    ids = [one.id for one in EXERCISES]
    assert ids == sorted(set(ids)) and len(ids) >= 6
    notebooks = {id[:2] for id in ids}
    for notebook in notebooks:
        own = [id for id in ids if id[:2] == notebook]
        assert own == [f"{notebook}.{number}" for number in range(1, len(own) + 1)]


def test_every_module_of_exercises_is_collected() -> None:
    """No test would see a file that nobody imports."""
    files = sorted(Path(first_notebook.__file__).parent.glob("n[0-9][0-9].py"))
    assert [file.stem for file in files] == sorted({f"n{one.id[:2]}" for one in EXERCISES})


@each
def test_three_hints_and_the_solution_is_not_among_them(exercise: Exercise) -> None:
    assert len(exercise.hints) == 3 and all(map(str.strip, exercise.hints))
    asked = set(map(str.strip, exercise.starter.splitlines()))
    news = [
        line.strip()
        for line in exercise.solution.splitlines()
        if line.strip() and line.strip() not in asked and "import" not in line
    ]
    assert news, "the solution changes nothing"
    for hint in exercise.hints[:2]:
        assert not all(line in hint for line in news)


@each
def test_starter_and_solution_are_cells(exercise: Exercise) -> None:
    for code in (exercise.starter, exercise.solution):
        ast.parse(code)
        # Jupyter gives a cell that holds nothing no number, and strips no end of a line.
        assert code.strip() == code and code, "write at least a comment"
        assert max(map(len, code.splitlines())) <= 100 and len(code.splitlines()) <= 20


def test_the_answers_belong_to_exercises() -> None:
    ids = {one.id for one in EXERCISES}
    assert set(WRONG) == ids and set(RIGHT) <= ids
    assert [id for id, answers in WRONG.items() if len(answers) < 3] == []


# --- in its notebook ------------------------------------------------------------------------------


@each
def test_it_is_in_its_notebook(exercise: Exercise) -> None:
    cells, call = cells_of(exercise), f'exercise("{exercise.id}").'
    sources = [cell.source for cell in cells]
    assert exercise.starter in sources, "the starter is not in the notebook"
    place = sources.index(exercise.starter)
    task, starter, graded, stuck, help_cell = cells[place - 1 : place + 4]
    assert (task.cell_type, starter.cell_type) == ("markdown", "code")
    assert graded.source == f"{call}check()"
    assert stuck.source == "Stuck? Remove the `#` in front of one line, and run the cell."
    assert help_cell.source == f"# {call}hint()\n# {call}solution()"
    assert IMPORT in "\n".join(cell.source for cell in code_cells(exercise)[:1])


@each
def test_its_committed_verdict_is_not_tried_yet(exercise: Exercise) -> None:
    source = f'exercise("{exercise.id}").check()'
    outputs = [cell.outputs for cell in code_cells(exercise) if cell.source == source]
    assert len(outputs) == 1, "the check is not in the notebook"
    (output,) = outputs[0]
    assert output.data["text/plain"].startswith("Not tried yet.")


@each
def test_without_any_cell_it_cannot_be_told(exercise: Exercise) -> None:
    verdict = check(exercise, {})
    assert verdict.outcome == "Cannot tell"
    assert "Run the cell" in verdict.reason


@each
def test_too_early_then_untouched_then_solved(exercise: Exercise) -> None:
    """As a learner does it. Each check is run twice: a check itself must not count as a try."""
    with at(exercise) as names:
        for _ in range(2):
            assert check(exercise, names).outcome in ("Not tried yet", "Cannot tell")
        run(exercise.starter, names)
        names["In"] = ["", *before(exercise), exercise.starter]  # as IPython keeps the cells
        for _ in range(2):
            assert check(exercise, names).outcome == "Not tried yet"
        run(exercise.solution, names)
        names["In"].append(exercise.solution)
        for _ in range(2):
            verdict = check(exercise, names)
            assert verdict.outcome == "Right", verdict


ANSWERS = [
    pytest.param(one, code, outcome, words, id=f"{one.id}-{outcome}-{number}")
    for one in EXERCISES
    for outcome, answers in (
        ("Wrong", WRONG.get(one.id, ())),
        ("Right", [(code, "") for code in RIGHT.get(one.id, ())]),
    )
    for number, (code, words) in enumerate(answers, start=1)
]


def answered(exercise: Exercise, code: str, outcome: str, names: dict[str, Any]) -> Verdict:
    # A refused order raises, in the learner's cell as here.
    with suppress(BpkitError) if outcome == "Wrong" else nullcontext():
        run(code, names)
    return check(exercise, names)


@cache
def verdict_of(exercise: Exercise, code: str, outcome: str) -> Verdict:
    """In a notebook that was put back after other answers."""
    with at(exercise) as names:
        return answered(exercise, code, outcome, names)


@pytest.mark.parametrize(("exercise", "code", "outcome", "words"), ANSWERS)
def test_an_answer_gets_its_verdict(
    exercise: Exercise, code: str, outcome: str, words: str
) -> None:
    """Another way is right too; a wrong answer is told why, in these words."""
    verdict = verdict_of(exercise, code, outcome)
    assert verdict.outcome == outcome, verdict
    assert words in verdict.reason
    assert not re.search(r"Traceback|site-packages|\.py\b", verdict.reason)


@pytest.mark.parametrize(("exercise", "code", "outcome", "words"), ANSWERS[::80])
def test_it_is_the_verdict_in_a_notebook_run_from_its_first_cell(
    exercise: Exercise, code: str, outcome: str, words: str
) -> None:
    with afresh(exercise) as names:
        verdicts = [verdict_of(exercise, code, outcome), answered(exercise, code, outcome, names)]
    # Times and signatures differ from run to run.
    kept, fresh = [(one.outcome, re.sub(r"\d+|b'[^']*", "...", one.reason)) for one in verdicts]
    assert kept == fresh
