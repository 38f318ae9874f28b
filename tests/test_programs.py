"""The program of notebook 09: it is made of the notebook's functions, and it runs."""

from __future__ import annotations

import ast
import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

from bpkit.sandbox import Sandbox

FOLDER = Path(__file__).parents[1] / "notebooks"
FILE = FOLDER / "programs" / "one_bid.py"
CELLS = nbformat.read(FOLDER / "09_a_small_program.ipynb", as_version=4).cells


def functions(code: str) -> dict[str, str]:
    body = ast.parse(code).body
    return {one.name: ast.unparse(one) for one in body if isinstance(one, ast.FunctionDef)}


def test_its_functions_are_those_of_the_notebook() -> None:
    cells = {name: code for cell in CELLS if cell.cell_type == "code"
             for name, code in functions(cell.source).items()}  # fmt: skip
    own = functions(FILE.read_text("utf-8"))
    assert len(own) == 9
    assert {name: cells.get(name) for name in own if name != "main"} == {
        name: code for name, code in own.items() if name != "main"
    }


def test_it_runs_for_an_hour_and_leaves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    names = runpy.run_path(str(FILE), run_name="__main__")
    said = capsys.readouterr().out.splitlines()
    with names["sandbox"] as sandbox:
        assert f"{sandbox.now:%H:%M}" == "13:00"
        sent = [row for row in sandbox.log if row["operation"] == "execute_order"]
    assert len(sent) == len([line for line in said if line.startswith("bid at")]) > 5
    assert said[-1] == "0 bids wait, and we hold 20 SOL"


def test_the_two_lines_of_the_notebook_make_it_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is live here is a sandbox: its address, its key, and a sleep that moves its time."""
    (block,) = (
        found[1]
        for cell in CELLS
        if (found := re.search(r"```python\n(    where.*?)```", cell.source, re.DOTALL))
    )
    text = FILE.read_text("utf-8")
    head, old = text[: text.index("    sandbox = Sandbox()")], text.splitlines()[-2:]
    assert [line.split("=")[0] for line in block.splitlines()] == [
        line.split("=")[0] for line in old
    ]
    monkeypatch.chdir(tmp_path)
    with Sandbox() as sandbox:
        live = {
            "__name__": "__main__",
            "LIVE_URL": sandbox.url,
            "Key": SimpleNamespace(from_env=lambda: sandbox.key),
            "time": SimpleNamespace(sleep=lambda seconds: sandbox.advance(seconds=seconds)),
        }
        exec(compile(head + block, str(FILE), "exec"), live)
    assert capsys.readouterr().out.splitlines()[-1] == "0 bids wait, and we hold 20 SOL"
    assert (tmp_path / "orders.jsonl").exists()
