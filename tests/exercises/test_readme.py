"""The page on how to write an exercise: its code is run, and its answers get their verdicts."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import exercises
import pytest
from exercises import Exercise
from exercises.__main__ import main
from exercises.session import Attempt
from test_exercises import IMPORT

from bpkit import Client
from bpkit.sandbox import Sandbox

PAGE = (Path(exercises.__file__).parent / "README.md").read_text("utf-8")
STARTER, MODULE, ANSWERS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def made_by(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "page"}
    exec(code, names)
    return names


(EXERCISE,) = made_by(MODULE)["EXERCISES"]
WRONG, RIGHT = (made_by(ANSWERS)[name]["11.1"] for name in ("WRONG", "RIGHT"))
Answer = Callable[[str], Attempt]


@pytest.fixture
def verdict_of(sandbox: Sandbox, bp: Client) -> Callable[[str], Any]:
    def verdict(code: str) -> Any:
        names: dict[str, Any] = {"sandbox": sandbox, "bp": bp}
        exec(code, names)
        return Attempt(EXERCISE).graded(names)

    return verdict


def test_the_starter_is_untried_and_the_solution_is_right(
    verdict_of: Callable[[str], Any],
) -> None:
    assert isinstance(EXERCISE, Exercise) and EXERCISE.starter == STARTER.strip()
    assert verdict_of(EXERCISE.starter).outcome == "Not tried yet"
    assert verdict_of(EXERCISE.solution).outcome == "Right"
    assert EXERCISE.hints[2].split("Write ")[1].split(" and ")[0] in EXERCISE.solution


@pytest.mark.parametrize(("code", "words"), WRONG)
def test_its_wrong_answers(code: str, words: str, verdict_of: Callable[[str], Any]) -> None:
    assert len(WRONG) >= 3
    verdict = verdict_of(code)
    assert verdict.outcome == "Wrong" and words in verdict.reason
    assert verdict.offer == 'Hint 1 of 3: exercise("11.1").hint()'


@pytest.mark.parametrize("code", RIGHT)
def test_its_other_right_answer(code: str, verdict_of: Callable[[str], Any]) -> None:
    assert verdict_of(code).outcome == "Right"


def test_it_names_what_there_is() -> None:
    for name in ("right", "wrong", "untried", "cannot_tell"):
        assert f"| `{name}(" in PAGE
    assert 'exercise("11.1").check()' in PAGE and IMPORT.startswith("from exercises import")
    with redirect_stdout(StringIO()) as shown, pytest.raises(SystemExit):
        main(["grade", "--help"])
    page, said = (" ".join(text.split()) for text in (PAGE, shown.getvalue()))
    (status,) = re.findall(r"The exit status is .*?\.", page)
    assert status in said


def test_its_sentences_are_short() -> None:
    prose = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    for sentence in re.split(r"(?<=[.:?])\s+|\n", prose):
        assert len(sentence.split()) <= 25, sentence
