"""Run a learner's function that may never end, and that may catch every exception.

It runs in a thread of its own. If it does too much without a sign of life, its thread is parked for
good: no ``except`` of the learner's can catch that, and it costs no more time.
"""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable
from contextlib import redirect_stdout
from types import FrameType
from typing import Any

from bpkit.client import Client

MOST = 50_000  # instructions of the learner's own code between two signs of life
REQUEST = 250  # a request counts as so many
SECONDS = 20.0  # of real time between two signs of life, if the learner's code sleeps by itself


class Run:
    """One run of ``function``, without what it prints.

    ``endless`` is True afterwards if it was parked. Otherwise ``result`` is what it returned, or
    ``error`` what it raised.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.result: Any = None
        self.error: BaseException | None = None
        self.endless = False
        self._function, self._left, self._is_alive = function, MOST, False
        self._globals = getattr(function, "__globals__", None)
        self._over = threading.Event()

    def start(self, *args: Any) -> None:
        """Run it, and come back when it has ended or was parked."""
        for one in args:
            if isinstance(one, Counted):
                one.run = self
        try:
            with redirect_stdout(io.StringIO()):
                threading.Thread(target=self._work, args=args, daemon=True).start()
                while not self._over.wait(SECONDS):
                    if not self._is_alive:
                        self.endless = True
                        break
                    self._is_alive = False
        finally:
            if not self._over.is_set():  # too late, or Ctrl+C
                self._left = -1

    # The rest is called in the thread of the learner's function.

    def alive(self) -> None:
        """A sign of life."""
        if self._left < 0:
            self.park()
        self._left, self._is_alive = MOST, True

    def spend(self, instructions: int) -> None:
        """Count what it did, and park it if that is too much."""
        self._left -= instructions
        if self._left < 0:
            self.park()

    def park(self) -> None:
        """End the run. This never returns."""
        self.endless = True
        self._over.set()
        threading.Event().wait()

    def _work(self, *args: Any) -> None:
        sys.settrace(self._on_call)
        try:
            self.result = self._function(*args)
        except BaseException as error:
            self.error = error
        sys.settrace(None)
        self._over.set()

    def _on_call(self, frame: FrameType, event: str, arg: Any) -> Any:
        if frame.f_globals is not self._globals:
            return None
        frame.f_trace_opcodes = True  # `while True: pass` on one line begins no other line
        return self._on_event

    def _on_event(self, frame: FrameType, event: str, arg: Any) -> Any:
        self.spend(event == "opcode")
        return self._on_event


class Counted(Client):
    """A client whose requests count in the run that got it."""

    run: Run | None = None

    def _send(self, *args: Any, **more: Any) -> Any:
        if self.run is not None:
            self.run.spend(REQUEST)
        return super()._send(*args, **more)
