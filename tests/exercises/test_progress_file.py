"""The progress file: it stays, loses nothing, and is not touched where it must not be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from exercises import EXERCISES, progress_file
from exercises.grading import Exercise, right, wrong
from exercises.progress_file import NEVER, Kept
from exercises.session import Session

ROOT = Path(__file__).parents[2]
ONE = Exercise("77.1", "One", lambda learner: wrong("no"), ("a", "b", "c"), "a = 2", "a = 1")
TWO = replace(ONE, id="77.2", title="Two", grade=lambda learner: right("yes"))
OTHER = replace(TWO, id="78.1", title="Other")
ALL = (ONE, TWO, OTHER)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / ".progress.json"
    monkeypatch.setenv("EXERCISES_PROGRESS", str(path))
    return path


def test_a_new_session_knows_what_the_last_one_did(file: Path) -> None:
    first = Session(ALL)
    assert first.exercise("77.2").check().outcome == "Right"
    first.exercise("77.1").check()
    first.exercise("77.1").hint()
    first.exercise("77.1").hint()
    first.exercise("77.1").hint(1)  # to read one once more counts no more
    again = Session([replace(ONE, grade=TWO.grade), replace(TWO, grade=ONE.grade), OTHER])
    assert again.progress().df.values.tolist() == [
        ["77.1", "One", "Wrong", 2, "Wrong"],
        ["77.2", "Two", "Right", 0, "Right"],
        ["78.1", "Other", "-", 0, "-"],
    ]
    again.exercise("77.1").check()
    again.exercise("77.2").check()
    assert again.progress().df[["best", "last"]].values.tolist() == [
        ["Right", "Right"],
        ["Right", "Wrong"],  # the best stays
        ["-", "-"],
    ]
    assert repr(again.progress()) == "2 of 3 exercises are right.\n\n77   2 of 2\n78   0 of 1"
    assert {one.name for one in file.parent.iterdir()} == {".progress.json", ".progress.lock"}


def test_the_notebooks_have_their_names() -> None:
    lines = repr(Session(EXERCISES).progress()).splitlines()
    assert lines[0] == f"0 of {len(EXERCISES)} exercises are right." and lines[1] == ""
    own = [one for one in EXERCISES if one.id.startswith("02.")]
    (line,) = [line for line in lines if line.startswith("02 Signing by hand ")]
    assert line.endswith(f"  0 of {len(own)}")
    assert "03 Signed GETs" in "\n".join(lines)
    assert len({line.index(" of ") for line in lines[2:]}) == 1


def test_two_notebooks_lose_nothing(file: Path) -> None:
    def notebook(number: int) -> None:
        kept = Kept()
        for place in range(10):
            kept.checked(f"{number}.{place}", "Wrong")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(notebook, range(10, 14)))
    assert len(json.loads(file.read_text())) == 40


def test_two_processes_lose_nothing(file: Path) -> None:
    code = (
        "import sys; from exercises.progress_file import Kept\n"
        "for place in range(10): Kept().checked(f'{sys.argv[1]}.{place}', 'Right')"
    )
    paths = os.pathsep.join([str(ROOT), str(ROOT / "notebooks")])
    environment = os.environ | {"PYTHONPATH": paths}
    running = [
        subprocess.Popen([sys.executable, "-c", code, number], env=environment)
        for number in ("11", "12")
    ]
    assert [one.wait(60) for one in running] == [0, 0]
    assert len(json.loads(file.read_text())) == 20


def test_exercises_that_are_no_more_stay_in_the_file(file: Path) -> None:
    gone = {"best": "Right", "hints": 1, "last": "Right"}
    file.write_text(json.dumps({"99.9": gone}))
    session = Session(ALL)
    session.exercise("77.2").check()
    assert json.loads(file.read_text())["99.9"] == gone
    assert repr(session.progress()).startswith("1 of 3 exercises")


BROKEN = ["", "{", "[]", "3", '{"77.1": 3}', '{"77.1": {"best": "Fine", "hints": 0, "last": "-"}}']


@pytest.mark.parametrize("text", [*BROKEN, '{"77.1": {"best": "Right"}}', "\x00\xff"])
def test_a_broken_file_is_put_aside(
    text: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_bytes(text.encode("latin-1"))
    session = Session(ALL)
    assert session.exercise("77.2").check().outcome == "Right"
    (aside,) = file.parent.glob(".progress.broken-*.json")
    assert aside.read_bytes() == text.encode("latin-1")
    assert f"The old file is now {aside.name}." in capsys.readouterr().err
    assert repr(session.progress()).startswith("1 of 3") and capsys.readouterr().err == ""


def test_where_nothing_can_be_written_a_check_still_works(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EXERCISES_PROGRESS", str(file / "no" / "such.json"))
    session = Session(ALL)
    for _ in range(2):
        assert session.exercise("77.2").check().outcome == "Right"
    assert capsys.readouterr().err.count("Your progress is not kept") == 1  # said once
    assert repr(session.progress()).startswith("0 of 3")


def test_a_file_is_never_half_written(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Kept().checked("77.1", "Right")
    before = file.read_bytes()

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(progress_file.os, "replace", full)
    Kept().checked("77.2", "Right")
    assert file.read_bytes() == before
    assert {one.name for one in file.parent.iterdir()} == {".progress.json", ".progress.lock"}


def test_a_notebook_waits_for_another_one(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bpkit.guard.file_lock import lock

    monkeypatch.setattr(progress_file, "PATIENCE", 0)
    handle = lock(str(file.with_suffix(".lock")))
    Kept().checked("77.1", "Right")
    assert not file.exists()
    os.close(handle)
    Kept().checked("77.1", "Right")
    assert file.exists()


def test_an_empty_variable_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert os.environ["EXERCISES_PROGRESS"] == ""  # in all tests
    monkeypatch.chdir(tmp_path)
    session = Session(ALL)
    session.exercise("77.2").check()
    assert repr(session.progress()).startswith("1 of 3")  # in memory
    assert repr(Session(ALL).progress()).startswith("0 of 3")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.delenv("EXERCISES_PROGRESS")
    assert progress_file._path() == ROOT / "notebooks" / ".progress.json"


def test_git_ignores_all_of_it() -> None:
    names = [".progress.json", ".progress.lock", ".progress.broken-1.json", ".progress.abc.new"]
    paths = [f"notebooks/{name}" for name in names]
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", *paths], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode == 128:
        pytest.skip("this is a copy without git")
    assert done.stdout.split() == paths


def test_nobody_tried_anything() -> None:
    assert NEVER == {"best": "-", "hints": 0, "last": "-"}
    assert list(Session(ALL).progress().df["best"]) == ["-"] * 3
