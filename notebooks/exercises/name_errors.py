"""Explain errors in a notebook: missing names, bpkit's own errors, and the slips of ``slips.py``.

In a notebook a NameError nearly always means that cells were run out of order. An error of bpkit
says what is wrong, so forty lines of bpkit's own code need not be shown.
"""

from __future__ import annotations

import builtins
import sys
import textwrap
import traceback
from collections.abc import Iterable
from difflib import get_close_matches
from functools import partial
from types import TracebackType
from typing import Any

from bpkit.errors import BpkitError

from .slips import explained
from .verdicts import WIDTH

RUN_ABOVE = "Run the cells above first: in JupyterLab, Run > Run All Above Selected Cell."
EXPLAINED = (NameError, AttributeError, KeyError, TypeError, ValueError, BpkitError)
CLOSE = 0.8  # from 0 to 1: how alike a name must be to be suggested
SHELLS_OWN = {"In", "Out", "exit", "quit", "get_ipython", "open"}


def not_there(name: str, known: Iterable[str] = ()) -> str:
    """The sentence for a missing name. ``known``: the names that exist; one of them may be meant."""
    candidates = [one for one in known if not one.startswith("_") and one not in SHELLS_OWN]
    same = [one for one in candidates if one.lower() == name.lower()]  # true, for True
    meant = same or get_close_matches(name, candidates, 1, CLOSE)
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
    """IPython's handler of the errors in ``EXPLAINED`` that no cell caught.

    Other errors are shown as usual: a name that is missing in other people's code, a variable that
    is used before it has a value, whatever is not known here.
    """
    said = _missing(shell, error, trace) if kind is NameError else _said(shell, error, trace)
    if said:
        # IPython shows this list, and still reports an error, so that "Run All" stops. A partial,
        # because an error that was shown must still be picklable.
        error._render_traceback_ = partial(list, [said])  # type: ignore[attr-defined]
    shell.showtraceback((kind, error, trace), tb_offset=tb_offset)


def _missing(shell: Any, error: BaseException, trace: TracebackType | None) -> str:
    """The sentence for a name that the cells' own code lacks; else ""."""
    frames, name = list(traceback.walk_tb(trace)), getattr(error, "name", None)
    if not name or not frames or frames[-1][0].f_globals is not shell.user_ns:
        return ""
    said = not_there(name, [*frames[-1][0].f_locals, *shell.user_ns, *dir(builtins)])
    line = traceback.extract_tb(trace)[-1].line
    return f"{said}\n\nThe line that needs it:  {line}" if line else said


def _said(shell: Any, error: BaseException, trace: TracebackType | None) -> str:
    """What is wrong, and the line of the cell that raised it; "" if no cell did."""
    frames = [frame for frame, _ in traceback.walk_tb(trace)]
    places = list(traceback.extract_tb(trace))
    cells = [n for n, frame in enumerate(frames) if frame.f_globals is shell.user_ns]
    if not cells:
        return ""
    line = places[cells[-1]].line or ""
    said = explained(error, line, frames[cells[-1] :])
    if not said and (isinstance(error, BpkitError) or _is_raised_by_bpkit(frames, places)):
        said = f"{type(error).__name__}: {error}"
    if not said:
        return ""
    return f"{_wrapped(said)}\n\nThe line that raised it:  {line}" if line else _wrapped(said)


def _is_raised_by_bpkit(frames: list[Any], places: Any) -> bool:
    """Did bpkit raise it on purpose, with a message? Its own mistakes are shown in full."""
    room = str(frames[-1].f_globals.get("__name__"))
    return room.startswith("bpkit.") and (places[-1].line or "").startswith("raise ")


def _wrapped(text: str) -> str:
    return "\n".join(
        textwrap.fill(line, WIDTH, break_long_words=False, break_on_hyphens=False)
        for line in text.split("\n")
    )


def install() -> bool:
    """In IPython, explain these errors from now on. Returns False, and does nothing, outside of
    IPython and if another handler is installed already."""
    ipython = sys.modules.get("IPython")  # never imported from here
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or shell.custom_exceptions not in ((), EXPLAINED):
        return False
    shell.set_custom_exc(EXPLAINED, explain)
    return True
