"""Runs a notebook up to an exercise, hundreds of times, without the waiting.

``quick`` must be entered once round all of it; ``at`` gives the notebook's names, as they are when
a learner comes to the exercise. What is left out: real waiting (``Clock``), pictures, and working
out once more what follows from nothing but the question (``remembered``). A run is used for several
answers only where nothing but names came of the one before (``at``).
"""

from __future__ import annotations

import ast
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import nbformat
import pytest
from exercises import Exercise
from exercises.grading import Look

from bpkit import Client
from bpkit.doctor import diagnosis
from bpkit.reconcile import reconcile
from bpkit.sandbox import Sandbox
from bpkit.sandbox.simulation.synthetic import Day, SyntheticTrades
from bpkit.signing import verify
from bpkit.transport import Transport

FOLDER = Path(__file__).parent.parent / "notebooks"
# What runs before an exercise whose notebook is not written yet.
PRELUDE = """\
import requests
from bpkit import Client
from bpkit.sandbox import Sandbox
sandbox = Sandbox()
bp = Client(sandbox.url, sandbox.key)"""


@cache
def cells_of(exercise: Exercise) -> list[Any]:
    """All cells of its notebook; none where there is none."""
    files = sorted(FOLDER.glob(f"{exercise.id[:2]}_*.ipynb"))
    return nbformat.read(files[0], as_version=4).cells if files else []


def code_cells(exercise: Exercise) -> list[Any]:
    return [cell for cell in cells_of(exercise) if cell.cell_type == "code"]


def before(exercise: Exercise) -> list[str]:
    """The code that a learner has run when coming to the exercise."""
    sources = [cell.source for cell in code_cells(exercise)] or [PRELUDE]
    place = sources.index(exercise.starter) if exercise.starter in sources else len(sources)
    return sources[:place]


@cache
def compiled(code: str) -> CodeType:
    return compile(code, "<cell>", "exec")


def run(code: str, names: dict[str, Any]) -> None:
    exec(compiled(code), names)


# --- without the waiting --------------------------------------------------------------------------


class Clock:
    """Waiting costs nothing: a sleep sets the time forward instead.

    For the notebook, its clients, its exchange and the judges, which all live in this process and
    so go on agreeing. Only the monotonic clock keeps its own pace: the server lives by it. And
    ``datetime.now()`` does, as nothing here both sleeps and asks it.
    """

    def __init__(self) -> None:
        self.ahead_ns = 0
        self._time, self._time_ns = time.time, time.time_ns

    def sleep(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        self.ahead_ns += round(seconds * 1_000_000_000)

    def install(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(time, "sleep", self.sleep)
        patch.setattr(time, "time", lambda: self._time() + self.ahead_ns / 1_000_000_000)
        patch.setattr(time, "time_ns", lambda: self._time_ns() + self.ahead_ns)
        for waits in (Transport.__init__, reconcile):  # they took it when they were defined
            patch.setitem(waits.__kwdefaults__, "sleep", self.sleep)


CLOCK = Clock()


@contextmanager
def quick() -> Iterator[None]:
    """While this lasts notebooks run without waiting, and draw nothing."""
    undrawn = ModuleType("bpkit.plots")
    undrawn.__dict__["__getattr__"] = lambda name: lambda *args, **kwargs: None
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "bpkit.plots", undrawn)
        patch.chdir(FOLDER)
        CLOCK.install(patch)
        remember(patch)
        try:
            yield
        finally:
            _OPEN.leave()


def remember(patch: pytest.MonkeyPatch) -> None:
    """Two costly answers that follow from nothing but the question: what a day's trades are, and
    whether a signature is that of a text."""
    days: dict[tuple[str, str, int], Day] = {}
    invent = SyntheticTrades.day

    def day(own: SyntheticTrades, number: int) -> Day:
        asked = own._seed, own._market.symbol, number
        if asked not in days:
            days[asked] = invent(own, number)
        return days[asked]

    patch.setattr(SyntheticTrades, "day", day)
    patch.setattr(diagnosis, "verify", lru_cache(maxsize=20_000)(verify))


# --- at an exercise -------------------------------------------------------------------------------


class Run:
    """The one notebook that is open."""

    def __init__(self) -> None:
        self.exercise: Exercise | None = None
        self.names: dict[str, Any] = {}

    def come_to(self, exercise: Exercise) -> None:
        """Run what stands above it, unless that is where this run is."""
        if self.exercise is exercise:
            return
        self.leave()
        CLOCK.ahead_ns = 0
        self.names = {"__name__": "__main__"}
        for source in before(exercise):
            run(source, self.names)
        self.exercise = exercise

    def seen(self) -> Any:
        """What an answer or a judge may have changed in the exchange."""
        if self.exercise is None or not isinstance(self.names.get("sandbox"), Sandbox):
            return None
        look = Look(self.exercise, self.names)
        return look.log(), look.sandbox.now

    def leave(self) -> None:
        """Close what the notebook has opened."""
        self.exercise = None
        for value in list(self.names.values()):
            if isinstance(value, Client):
                value.close()
            elif isinstance(value, Sandbox):
                value.stop()
        self.names = {}


_OPEN = Run()


@contextmanager
def at(exercise: Exercise, answer: str | None = None) -> Iterator[dict[str, Any]]:
    """The notebook's names, as they are when coming to the exercise.

    ``answer``: the code that will be run there, and nothing else but a check. Where it only gives
    names to functions and literals, and the exchange has seen nothing of it, the names are taken
    back, and the run serves for the next answer. Otherwise the next begins at the first cell.
    """
    _OPEN.come_to(exercise)
    names, saved = _OPEN.names, dict(_OPEN.names)
    again = answer is not None and only_names(answer)
    seen = _OPEN.seen() if again else None
    try:
        yield names
        again = seen is not None and seen == _OPEN.seen()
    except BaseException:
        again = False
        raise
    finally:
        if again:
            names.clear()
            names.update(saved)
        else:
            _OPEN.names = saved | names  # also what the answer has hidden
            _OPEN.leave()


def only_names(code: str) -> bool:
    """Does running this code make functions, and name literals, and nothing else?"""
    return all(
        (isinstance(one, ast.FunctionDef) and not one.decorator_list and not one.args.defaults)
        or (isinstance(one, ast.Assign) and _is_literal(one.value))
        for one in ast.parse(code).body
    )


def _is_literal(value: ast.expr) -> bool:
    try:
        ast.literal_eval(value)
    except ValueError:
        return False
    return True
