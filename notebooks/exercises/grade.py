"""Grade the notebooks of a class: run each from the top, and read the verdicts of its checks.

A notebook runs in a new kernel, in the folder of the course, and goes on after a cell that raises.
The file and the teacher's own progress are not touched. The code of the notebook can do
whatever you can do on this machine: grade notebooks of people you trust, or in a container.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import start_new_kernel

from . import EXERCISES
from .cells import FOLDER
from .progress_file import VARIABLE
from .verdicts import CANNOT_TELL, RIGHT, SIGNS

NO_CHECK, NO_NOTEBOOK = "No check", "Not a notebook"
AFTER_INTERRUPT = 10  # seconds in which an interrupted kernel must answer again
TITLES = {one.id: one.title for one in EXERCISES}
_CHECK = re.compile(r"""^[ \t]*exercise\(\s*["']([\d.]+)["']\s*\)\.check\(\)""", re.MULTILINE)
_VERDICT = re.compile(rf"({'|'.join(SIGNS)})\. (.*?)(\n(Hint \d of \d|Solution): .*)?", re.DOTALL)


@dataclass(frozen=True)
class Row:
    """What became of one exercise of one notebook. ``exercise``: "" if it is about the file."""

    notebook: str
    exercise: str
    verdict: str
    reason: str

    @property
    def title(self) -> str:
        return TITLES.get(self.exercise, "")

    @property
    def is_right(self) -> bool:
        return self.verdict == RIGHT

    @property
    def is_about_the_file(self) -> bool:
        """Could the notebook not be graded at all?"""
        return self.exercise == ""


def graded(path: Path, seconds: float) -> Iterator[Row]:
    """A row for each exercise of this notebook. ``seconds``: how long a cell may take."""
    name = str(path)
    try:
        notebook = nbformat.read(path, as_version=4)
        sources = [str(cell.source) for cell in notebook.cells if cell.cell_type == "code"]
    except (OSError, ValueError, AttributeError, nbformat.ValidationError) as error:
        yield Row(name, "", NO_NOTEBOOK, f"It cannot be read: {_one_line(str(error))}")
        return
    checked = list(dict.fromkeys(_CHECK.findall("\n".join(sources))))
    if not checked:
        yield Row(name, "", NO_CHECK, 'It has no line exercise("...").check().')
        return
    verdicts = _run(sources, seconds)
    of_these = {id.partition(".")[0] for id in checked}
    more = [id for id in TITLES if id.partition(".")[0] in of_these and id not in checked]
    for id in sorted([*checked, *more]):
        lacking = NO_CHECK, f'It has no line exercise("{id}").check().'
        yield Row(name, id, *verdicts.get(id, lacking))


def _run(sources: list[str], seconds: float) -> dict[str, tuple[str, str]]:
    """Verdict and reason by the id of the exercise, from running these cells one after another."""
    verdicts: dict[str, tuple[str, str]] = {}
    stopped = ""
    with _kernel() as (manager, client):
        for source in sources:
            stopped = stopped or _ran(manager, client, source, seconds)[1]
            for id in _CHECK.findall(source):
                # Asked by ourselves, because what the learner's cell shows could be anything.
                ask = f'__import__("exercises").exercise("{id}").check()'
                shown = ""
                if not stopped:
                    shown, stopped = _ran(manager, client, ask, seconds)
                found = _VERDICT.fullmatch(shown)
                reason = found[2] if found else stopped or shown or "The check took too long."
                verdicts[id] = (found[1] if found else CANNOT_TELL), _one_line(reason)
    return verdicts


@contextmanager
def _kernel() -> Iterator[tuple[Any, Any]]:
    """A new kernel in the folder of the course, which keeps no progress."""
    environment = {**os.environ, VARIABLE: ""}
    manager, client = start_new_kernel(
        kernel_name="python3", cwd=str(FOLDER), env=environment, stderr=subprocess.DEVNULL
    )
    try:
        yield manager, client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _ran(manager: Any, client: Any, code: str, seconds: float) -> tuple[str, str]:
    """Run a cell: what it shows in the end, and "", or why no further cell can be run."""
    shown = ""

    def hook(message: dict[str, Any]) -> None:
        nonlocal shown
        content = message["content"]
        if message["msg_type"] == "execute_result":
            shown = content["data"].get("text/plain", "")
        elif message["msg_type"] == "error":
            shown = f"The check raised {content['ename']}: {content['evalue']}"

    def execute(code: str, seconds: float) -> None:
        client.execute_interactive(
            code, timeout=seconds, output_hook=hook, allow_stdin=False, stop_on_error=False
        )

    try:
        execute(code, seconds)
        return shown, ""
    except TimeoutError:
        if not manager.is_alive():
            return "", "A cell ended the kernel."
    manager.interrupt_kernel()
    with suppress(TimeoutError):
        execute("pass", AFTER_INTERRUPT)
        return "", ""
    return "", f"A cell took longer than {seconds:g} seconds, and could not be interrupted."


def _one_line(text: str) -> str:
    return " ".join(text.split())
