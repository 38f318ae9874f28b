"""Run a notebook up to an exercise, without waiting, and put it back after each answer.

Enter ``quick`` once around everything. ``at`` gives the notebook's names, as they are when a
learner comes to the exercise; afterwards it takes back what was done to names and exchange.
``quick`` leaves out real waiting (``Clock``) and pictures, and remembers two costly results
(``remember``).
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any
from unittest.mock import MagicMock

import nbformat
import pandas as pd
import pytest
from exercises import Exercise, grading
from kept import Kept

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
    """All cells of its notebook; an empty list if it has no notebook."""
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


# --- without waiting --------------------------------------------------------------------------


class Clock:
    """A clock that a sleep sets forward, so that waiting costs nothing.

    The notebook, its clients, its exchange and the checks all run in this process, so they read the
    same time. The monotonic clock is not changed, because the server needs it. ``datetime.now()``
    is not changed either: nothing here both sleeps and reads it.
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
        for waits in (Transport.__init__, reconcile):  # they read it when they were defined
            patch.setitem(waits.__kwdefaults__, "sleep", self.sleep)


CLOCK = Clock()


@contextmanager
def quick() -> Iterator[None]:
    """In this block notebooks run without waiting, and draw nothing."""
    undrawn = ModuleType("bpkit.plots")
    # What it draws, and what it gives to draw with later, is nothing.
    undrawn.__dict__["__getattr__"] = lambda name: lambda *args, **kwargs: lambda *shown: None
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "bpkit.plots", undrawn)
        patch.setattr(pd.DataFrame, "plot", MagicMock())
        patch.chdir(FOLDER)
        CLOCK.install(patch)
        remember(patch)
        patch.setattr("matplotlib.pyplot.subplots", MagicMock())  # a figure would stay open
        try:
            yield
        finally:
            _OPEN.leave()
            # A notebook that makes a second exchange drops its first, and a learner's endless
            # program, which can only be parked, holds what it was given.
            _close([one for one in gc.get_objects() if type(one) is Sandbox])


def remember(patch: pytest.MonkeyPatch) -> None:
    """Remember two costly results that depend on their arguments alone: the trades of a day, and
    whether a signature belongs to a text."""
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
    """One notebook, run up to an exercise."""

    def __init__(self) -> None:
        self.exercise: Exercise | None = None
        self.names: dict[str, Any] = {}
        self._done: list[str] = []  # the cells that were run
        self._kept: Kept | None = None
        self._time_ns = 0  # when it was kept

    def come_to(self, exercise: Exercise) -> None:
        """Run the cells above it that have not been run yet."""
        if self.exercise is exercise:
            return
        cells = before(exercise)
        if self.exercise is None or cells[: len(self._done)] != self._done:
            self.leave()
            CLOCK.ahead_ns = 0
            self.names = {"__name__": "__main__"}
        for source in cells[len(self._done) :]:
            run(source, self.names)
        self.exercise, self._done = exercise, cells
        self._kept, self._time_ns = Kept(self.names, vars(grading._OWN)), time.time_ns()

    def go_back(self) -> None:
        """Put the names and the exchange back to what they were at the exercise, and the time."""
        assert self._kept is not None
        made = [*self.names.values()]
        if self._kept.restore() and all(map(_is_running, self.names.values())):
            CLOCK.ahead_ns -= time.time_ns() - self._time_ns
            kept = {id(one) for one in self.names.values()}
            _close(one for one in made if id(one) not in kept)
        else:
            _close(made)
            self.leave()

    def leave(self) -> None:
        """Close what the notebook has opened."""
        _close(self.names.values())
        self.exercise, self.names, self._done, self._kept = None, {}, [], None


def _is_running(one: Any) -> bool:
    return not isinstance(one, Sandbox) or one._end.alive


def _close(values: Iterable[Any]) -> None:
    for one in values:
        if isinstance(one, Client):
            one.close()
        elif isinstance(one, Sandbox):
            one.stop()


_OPEN = Run()


@contextmanager
def at(exercise: Exercise) -> Iterator[dict[str, Any]]:
    """The notebook's names, as they are when a learner comes to the exercise.

    What an answer does to the names and to the exchange is taken back afterwards, so that one run
    of the notebook is enough for all answers.
    """
    _OPEN.come_to(exercise)
    try:
        yield _OPEN.names
    finally:
        _OPEN.go_back()


@contextmanager
def afresh(exercise: Exercise) -> Iterator[dict[str, Any]]:
    """The same, of a notebook that was run from its first cell and has seen no other answer."""
    alone = Run()
    alone.come_to(exercise)
    try:
        yield alone.names
    finally:
        alone.leave()
