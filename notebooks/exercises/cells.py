"""The learner's cell: what was run for an exercise, and whether it stopped with an error.

IPython keeps the text of each cell in ``In``. What a cell has raised, and whether it had sent
anything by then, is noted here after each cell. A cell that is in the course's notebook, and a call
of ``exercise``, is not the learner's.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

FOLDER = Path(__file__).parents[1]
_CALL = re.compile(r"""\bexercise\(\s*["']([\d.]+)["']\s*\)""")


@dataclass(frozen=True)
class Stop:
    """A cell that stopped with an error. ``sent``: had a request of it reached the exchange?"""

    error: BaseException
    sent: bool


@dataclass(frozen=True)
class Cell:
    """A cell that was run. ``stop``: None if it ran to its end."""

    code: str
    stop: Stop | None


STOPS: dict[int, Stop] = {}  # by the number of the cell, as ``In`` counts
_arrived = 0  # requests at the exchange, before the cell that runs now


def watch_this() -> None:
    """In IPython, note from now on which cells stop with an error. Elsewhere nothing happens."""
    ipython = sys.modules.get("IPython")  # never imported from here
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None:
        watch(shell)


def watch(shell: Any) -> None:
    """Note from now on which cells of this IPython stop with an error."""

    def before(info: Any) -> None:
        global _arrived
        _arrived = _requests(shell)

    def after(result: Any) -> None:
        error = result.error_before_exec or result.error_in_exec
        if error is not None and result.info.store_history:
            STOPS[result.execution_count] = Stop(error, _requests(shell) > _arrived)

    shell.events.register("pre_run_cell", before)
    shell.events.register("post_run_cell", after)


def _requests(shell: Any) -> int:
    """How many requests the learner's exchange has had; 0 if there is none."""
    return len(getattr(shell.user_ns.get("sandbox"), "log", ()))


def newest(id: str, starter: str, names: Mapping[str, Any]) -> Cell | None:
    """The cell that the learner ran last for this exercise. None if none is found.

    It is the newest that makes the names of the starter. If the starter makes none, it is the
    newest that is not the course's. If the newest of all has raised, it is that one.
    """
    run, wanted = names.get("In"), made_on_top(starter)
    if not isinstance(run, list):
        return None
    lesson, is_newest = _lesson(id), True
    for number in range(len(run) - 1, -1, -1):
        code = str(run[number]).strip()
        about = set(_CALL.findall(code))
        if about - {id}:
            return None  # this is as far back as the learner was at another exercise
        if about or not code or code in lesson:
            continue
        stop = STOPS.get(number) if is_newest else None
        if stop or code == starter.strip() or _may_be_its(code, wanted, lesson):
            return Cell(code, stop)
        is_newest = False
    return None


def _may_be_its(code: str, wanted: set[str], lesson: set[str]) -> bool:
    # Without the notebook, a cell of the lesson could be taken for the learner's.
    return wanted <= made_on_top(code) if wanted else bool(lesson)


def _lesson(id: str) -> set[str]:
    """The code cells of the notebook of this exercise, without the learner's own cell.

    That one is found by its place, because the file may have it as the learner changed it.
    """
    cells: set[str] = set()
    for file in FOLDER.glob(f"{id.partition('.')[0]}_*.ipynb"):
        try:
            parts = json.loads(file.read_text("utf-8"))["cells"]
            codes = ["".join(one["source"]) for one in parts if one["cell_type"] == "code"]
        except (OSError, ValueError, KeyError, TypeError):
            continue  # it is being saved, or it is not a notebook
        following = [*codes[1:], ""]
        cells |= {
            code.strip()
            for code, after in zip(codes, following, strict=True)
            if _CALL.findall(after) != [id]
        }
    return cells


def made_by(code: str) -> set[str]:
    """The names that running this code would make."""
    made = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            made.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            made.add(node.name)
    return made


def made_on_top(code: str) -> set[str]:
    """The names that this code makes outside of functions. None if it is not plain Python."""
    made: set[str] = set()
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError):
        return made
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            made.add(statement.name)
        else:
            made |= made_by(ast.unparse(statement))
    return made


def is_code_of(function: Any, starter: str) -> bool:
    """Is it the one function that the starter defines, whatever its comments and layout are?"""
    made = compile(starter, "<starter>", "exec").co_consts
    (own,) = (one for one in made if isinstance(one, CodeType) and "<" not in one.co_name)
    code = getattr(function, "__code__", None)
    return isinstance(code, CodeType) and all(
        getattr(code, part) == getattr(own, part)
        for part in ("co_code", "co_names", "co_varnames", "co_consts")
    )
