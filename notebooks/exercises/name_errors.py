"""Sentences in place of tracebacks, in a notebook: for a missing name, and for bpkit's errors.

In a notebook a NameError nearly always means that cells were run out of order; an error of bpkit's
says itself what is wrong, and forty lines of bpkit's own code add nothing to it.
"""

from __future__ import annotations

import builtins
import sys
import traceback
from collections.abc import Iterable
from difflib import get_close_matches
from types import TracebackType
from typing import Any

from bpkit.errors import BpkitError

RUN_ABOVE = "Run the cells above first: in JupyterLab, Run > Run All Above Selected Cell."
AGAIN = "If you skipped a cell, or ran one twice: Run > Run All Above Selected Cell."
EXPLAINED = (NameError, BpkitError)
CLOSE = 0.8  # how alike two names are that are taken for one misspelt, of 1
SHELLS_OWN = {"In", "Out", "exit", "quit", "get_ipython", "open"}


def not_there(name: str, known: Iterable[str] = ()) -> str:
    """What to say of a missing name; ``known``: those that are there, one of which may be meant."""
    candidates = [one for one in known if not one.startswith("_") and one not in SHELLS_OWN]
    meant = get_close_matches(name, candidates, 1, CLOSE)
    if meant:
        return f"`{name}` is not there. Did you mean `{meant[0]}`? If not: {RUN_ABOVE}"
    return f"`{name}` is not there yet. {RUN_ABOVE}"


def explain(
    shell: Any,
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType | None,
    tb_offset: int | None = None,
) -> None:
    """IPython's handler of a NameError and of a BpkitError that no cell caught.

    A name that is missing in anybody else's code, and a variable used before it has its value, are
    shown as ever.
    """
    said = _missing(shell, error, trace) if kind is NameError else _refused(shell, error, trace)
    if said:
        # IPython shows what this gives, and still reports an error, so that "Run All" stops.
        error._render_traceback_ = lambda: [said]  # type: ignore[attr-defined]
    shell.showtraceback((kind, error, trace), tb_offset=tb_offset)


def _missing(shell: Any, error: BaseException, trace: TracebackType | None) -> str:
    """What to say where the cells' own code lacks a name; else nothing."""
    frames, name = list(traceback.walk_tb(trace)), getattr(error, "name", None)
    if not name or not frames or frames[-1][0].f_globals is not shell.user_ns:
        return ""
    said = not_there(name, [*frames[-1][0].f_locals, *shell.user_ns, *dir(builtins)])
    line = traceback.extract_tb(trace)[-1].line
    return f"{said}\n\nThe line that needs it:  {line}" if line else said


def _refused(shell: Any, error: BaseException, trace: TracebackType | None) -> str:
    """The message of bpkit's error, and the cell's line that led to it; nothing if no cell did."""
    own = [
        place.line
        for (frame, _), place in zip(
            traceback.walk_tb(trace), traceback.extract_tb(trace), strict=True
        )
        if frame.f_globals is shell.user_ns
    ]
    if not isinstance(error, BpkitError) or not own:
        return ""
    line = [f"The line that raised it:  {own[-1]}"] if own[-1] else []
    return "\n\n".join([f"{type(error).__name__}: {error}", *line, AGAIN])


def install() -> bool:
    """In IPython, explain both from now on. Elsewhere, do nothing, and say False.

    Nothing is done either where somebody else's handler is in place.
    """
    ipython = sys.modules.get("IPython")  # never imported from here
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or shell.custom_exceptions not in ((), EXPLAINED):
        return False
    shell.set_custom_exc(EXPLAINED, explain)
    return True
