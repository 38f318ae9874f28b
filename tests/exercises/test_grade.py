"""The teacher's command, with notebooks as learners leave them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import nbformat
import pytest
from exercises import grade
from exercises.__main__ import main
from exercises.n00 import EXERCISES
from notebook_runs import PRELUDE

PRICE, ORDER = EXERCISES
FIRST = f"{PRELUDE}\nfrom decimal import Decimal\nfrom exercises import exercise, progress"
WRONG = PRICE.starter.replace("price * 2", "float(price) * 2")
RAISES = 'bp.execute_order("SOL_USDC", "Bid", "Limit", price=169.00, quantity="2")'
ENDLESS = "import time\ntime.sleep(1000)"
STUBBORN = f"""\
{ENDLESS.splitlines()[0]}
while True:
    try:
        time.sleep(1000)
    except KeyboardInterrupt:
        pass"""
LIMIT = 8  # seconds: enough to start an exchange on a busy machine


def check(id: str) -> str:
    return f'exercise("{id}").check()'


def write(path: Path, *sources: str) -> Path:
    """A notebook with these code cells, as a learner saves it: with other outputs."""
    cells = [nbformat.v4.new_code_cell(one, execution_count=9) for one in sources]
    for cell in cells:
        cell.outputs = [nbformat.v4.new_output("stream", text="Right. As it was shown long ago.")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, list[list[str]]]:
    """The exit status, and the rows of the CSV without the notebook's name and the title."""
    status = main(["grade", *map(str, arguments), "--csv"])
    first, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
    assert first == ["notebook", "exercise", "title", "verdict", "reason"]
    return status, [[row[1], *row[3:]] for row in rows]


@pytest.fixture(autouse=True)
def progress_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The teacher has a progress file of their own."""
    kept = tmp_path / ".progress.json"
    monkeypatch.setenv("EXERCISES_PROGRESS", str(kept))
    return kept


def test_solved(tmp_path: Path, progress_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(
        tmp_path / "anna.ipynb", FIRST, "%time 1",
        PRICE.solution, check("00.1"), ORDER.solution, check("00.2"), "progress()",
    )  # fmt: skip
    before = path.read_bytes(), path.stat().st_mtime_ns
    assert main(["grade", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"{'notebook':{len(str(path))}}  exercise  verdict         title",
        f"{path}  00.1      Right           A price is text",
        f"{path}  00.2      Right           An order that waits",
    ]
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert [*tmp_path.iterdir()] == [path]  # and so no progress file


def test_wrong_untried_raised_and_interrupted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(
        tmp_path / "ben.ipynb", FIRST, "1 / 0", ENDLESS, WRONG, check("00.1"),
        ORDER.starter, f"# mine\n{check('00.2')}", RAISES, check("00.2"),
    )  # fmt: skip
    status, rows = run(capsys, path, "--seconds", LIMIT)
    assert status == 1
    assert [row[:2] for row in rows] == [["00.1", "Wrong"], ["00.2", "Wrong"]]
    assert "a float" in rows[0][2] and "Hint" not in rows[0][2] and "\n" not in rows[0][2]
    assert "stopped with an error: InputError: price=169.0" in rows[1][2]


def test_what_the_learners_cell_shows_is_not_believed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor is a check that was removed, and the next notebook is graded after a bad one."""
    mine = "def exercise(id):\n    print('Right. Yes.')\n    return sandbox"
    path = write(tmp_path / "cleo.ipynb", FIRST, mine, ORDER.starter, check("00.2"))
    empty = write(tmp_path / "dora.ipynb", FIRST, "# " + check("00.1"))
    (text := tmp_path / "text.ipynb").write_text("no notebook")
    status, rows = run(capsys, tmp_path / "none.ipynb", text, empty, path)
    assert status == 2
    assert [row[:2] for row in rows] == [
        ["", "Not a notebook"],
        ["", "Not a notebook"],
        ["", "No check"],
        ["00.1", "No check"],
        ["00.2", "Not tried yet"],
    ]
    assert rows[2][2] == 'It has no line exercise("...").check().'
    assert rows[3][2] == 'It has no line exercise("00.1").check().'


@pytest.mark.parametrize(("code", "reason"), [
    (STUBBORN, f"A cell took longer than {LIMIT} seconds, and could not be interrupted."),
    ("import os\nos._exit(3)", "A cell ended the kernel."),
])  # fmt: skip
def test_a_notebook_that_cannot_go_on(
    code: str,
    reason: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grade, "AFTER_INTERRUPT", 1)
    path = write(tmp_path / "emil.ipynb", FIRST, PRICE.solution, check("00.1"), code, check("00.2"))
    status, rows = run(capsys, path, "--seconds", LIMIT)
    assert status == 1
    assert [rows[0][:2], rows[1]] == [["00.1", "Right"], ["00.2", "Cannot tell", reason]]


@pytest.mark.parametrize("arguments", [
    [], ["grade"], ["mark", "a.ipynb"], ["grade", "a.ipynb", "--seconds", "0"],
    ["grade", "a.ipynb", "--seconds", "x"],
])  # fmt: skip
def test_a_wrong_call_is_explained(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2 and "usage: python -m exercises" in capsys.readouterr().err
