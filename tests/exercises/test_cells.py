"""Which cell is the learner's, and what a check says after it: in a real kernel, as in JupyterLab.

The exercise is 00.2: its starter makes no name, so that only the notebook shows which cell it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from exercises import EXERCISES, cells
from exercises.n00 import EXERCISES as N00
from jupyter_client.manager import start_new_kernel
from notebook_runs import PRELUDE, code_cells

FOLDER = Path(cells.__file__).parents[1]
ORDER = next(one for one in N00 if one.id == "00.2")
CHECK = 'exercise("00.2").check()'
LESSON = next(
    cell.source for cell in code_cells(ORDER) if 'bp.execute_order("SOL_USDC"' in cell.source
)
OWN = 'bp.execute_order("SOL_USDC", "Bid", "Limit", price="170.50", quantity="1")'
ASK = 'bp.execute_order("SOL_USDC", "Ask", "Limit", price="169.00", quantity="2")'
FLOAT = 'bp.execute_order("SOL_USDC", "Bid", "Limit", price=169.00, quantity="2")'


@pytest.fixture(scope="module")
def kernel() -> Iterator[Callable[[str], str]]:
    """Run a cell in a kernel, and return what it shows as text."""
    manager, client = start_new_kernel(cwd=str(FOLDER))

    def run(code: str) -> str:
        shown: list[str] = []

        def hook(message: dict[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] == "execute_result":
                shown.append(content["data"]["text/plain"])
            elif message["msg_type"] == "error":
                shown.append("\n".join(content["traceback"]))

        client.execute_interactive(code, timeout=60, output_hook=hook)
        return "\n".join(shown)

    yield run
    run("sandbox.stop()")
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.fixture
def lesson(kernel: Callable[[str], str]) -> Callable[[str], str]:
    """A kernel with a new exchange, in which the learner comes from another exercise."""
    kernel('import exercises\nexercises.exercise("00.1")\nif "sandbox" in vars(): sandbox.stop()')
    kernel(f"{PRELUDE}\nfrom exercises import exercise, progress")
    kernel('exercise("00.1").check()')
    return kernel


def test_not_run_and_run_as_it_was(lesson: Callable[[str], str]) -> None:
    assert lesson(CHECK).startswith("Not tried yet.")
    lesson(LESSON)
    assert lesson(CHECK).startswith("Not tried yet.")
    lesson(ORDER.starter)
    lesson("progress()")
    assert lesson(CHECK).startswith("Not tried yet.")
    lesson(LESSON)  # it ran once more, and the learner's cell did not
    assert lesson(CHECK).startswith("Not tried yet.")


def test_a_changed_cell_was_tried(lesson: Callable[[str], str]) -> None:
    lesson("len(bp.get_open_orders()) + 1")
    assert lesson(CHECK).startswith("Wrong. No new order has arrived.")
    lesson('# exercise("00.2").hint()')
    assert lesson(CHECK).startswith("Wrong. No new order")
    lesson(ORDER.starter)  # taken back
    assert lesson(CHECK).startswith("Not tried yet.")


def test_a_cell_that_raised_is_not_judged_by_an_older_one(lesson: Callable[[str], str]) -> None:
    lesson(ASK)
    assert "An `Ask` sells SOL" in lesson(CHECK)
    for code, error in (
        (FLOAT, "InputError: price=169.0"),
        ("bp.execute_order(", "SyntaxError: incomplete input "),
        ("bp.cancel_open_orders()", "TypeError: "),
    ):
        lesson(code)
        for _ in range(2):  # a check changes nothing
            said = lesson(CHECK).replace("\n", " ")
            stopped = "Wrong. The cell that you ran last stopped with an error: "
            assert said.startswith(f"{stopped}{error}")
            assert "Ask" not in said
    lesson(ORDER.solution)
    assert lesson(CHECK).startswith("Right.")
    lesson(FLOAT)
    assert lesson(CHECK).startswith("Right.")  # the order still waits


def test_what_the_exchange_refused_is_judged_by_the_exchange(lesson: Callable[[str], str]) -> None:
    assert "ApiError" in lesson(ORDER.solution.replace("169.00", "169.001"))
    assert "The exchange refused it: INVALID_CLIENT_REQUEST" in lesson(CHECK)


def test_the_order_of_the_lesson_again_is_named(lesson: Callable[[str], str]) -> None:
    lesson(LESSON)
    lesson(f"{OWN}\n\nlen(bp.get_open_orders())")
    assert lesson(CHECK).startswith("Wrong. The last order that arrived is the one of the first")


def test_names_are_older_than_a_cell_that_raised_even_if_it_sent_something(
    lesson: Callable[[str], str],
) -> None:
    price = 'price = bp.get_ticker("SOL_USDC")["lastPrice"]\n'
    lesson(f"{price}two = price + price")
    assert lesson('exercise("00.1").check()').startswith("Wrong. `two` is '170")
    lesson(f"{price}two = price * 2.0")
    assert lesson('exercise("00.1").check()').startswith(
        "Wrong. The cell that you ran last stopped"
    )


def test_a_starter_that_raised_is_nobodys_mistake(lesson: Callable[[str], str]) -> None:
    lesson("open_orders, bp.get_open_orders = bp.get_open_orders, None")
    assert "TypeError" in lesson(ORDER.starter)
    said = lesson(CHECK)
    assert said.startswith("Cannot tell. The cell that you ran last stopped") and "Above" in said


# --- without a kernel -----------------------------------------------------------------------------


def found(*run: str, id: str = "00.2", starter: str = ORDER.starter) -> str | None:
    cell = cells.newest(id, starter, {"In": [*run]})
    return cell.code if cell else None


def test_another_exercise_is_as_far_as_one_looks() -> None:
    assert found(ASK, CHECK) == ASK
    assert found(ASK, 'exercise("00.1").check()', CHECK) is None
    assert found(ASK, '# exercise( "00.1" ).hint()', CHECK) is None
    assert found(ASK, "", LESSON, CHECK) == ASK


def test_without_its_notebook_a_cell_without_names_is_not_found() -> None:
    assert found(ASK, 'exercise("77.1").check()', id="77.1") is None
    assert found("a = 2", id="77.1", starter="a = 1") == "a = 2"


def test_names_show_which_cell_it_is() -> None:
    starter = N00[0].starter
    mine = starter.replace("* 2", "+ price")
    assert found(mine, "price", "two", id="00.1", starter=starter) == mine


def test_a_file_that_is_not_a_notebook_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "FOLDER", tmp_path)
    for text in ("", "[]", '{"cells": [{}]}'):
        (tmp_path / "00_half.ipynb").write_text(text)
        assert found(ASK) is None


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda one: one.id)
def test_the_cell_above_the_check_is_the_learners(exercise: Any) -> None:
    lesson = cells._lesson(exercise.id)
    assert exercise.starter.strip() not in lesson and len(lesson) > 10


def test_outside_of_ipython_nothing_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = SimpleNamespace(get_ipython=lambda: None)
    monkeypatch.setitem(cells.sys.modules, "IPython", nobody)
    cells.watch_this()
    monkeypatch.delitem(cells.sys.modules, "IPython")
    cells.watch_this()
