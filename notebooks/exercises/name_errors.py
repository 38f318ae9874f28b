"""Explain errors in a notebook: missing names, forgotten brackets, and bpkit's own errors.

In a notebook a NameError nearly always means that cells were run out of order. An error of bpkit
says what is wrong, so forty lines of bpkit's own code need not be shown.
"""

from __future__ import annotations

import builtins
import inspect
import re
import sys
import traceback
from collections.abc import Iterable
from difflib import get_close_matches
from functools import partial
from types import TracebackType
from typing import Any

from bpkit.client import Client
from bpkit.errors import BpkitError

RUN_ABOVE = "Run the cells above first: in JupyterLab, Run > Run All Above Selected Cell."
AGAIN = "If you skipped a cell, or ran one twice: Run > Run All Above Selected Cell."
EXPLAINED = (NameError, AttributeError, BpkitError)
CLOSE = 0.8  # from 0 to 1: how alike a name must be to be suggested
SHELLS_OWN = {"In", "Out", "exit", "quit", "get_ipython", "open"}


def not_there(name: str, known: Iterable[str] = ()) -> str:
    """The sentence for a missing name. ``known``: the names that exist; one of them may be meant."""
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
    """IPython's handler of the errors in ``EXPLAINED`` that no cell caught.

    Other errors are shown as usual: a name that is missing in other people's code, a variable that
    is used before it has a value, any other missing attribute.
    """
    say = {NameError: _missing, AttributeError: _without_brackets}.get(kind, _refused)
    said = say(shell, error, trace)
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


def _without_brackets(shell: Any, error: BaseException, trace: TracebackType | None) -> str:
    """The sentence for ``bp.get_tickers.df``, where ``()`` is missing; else ""."""
    method = getattr(error, "obj", None)
    name = getattr(method, "__name__", "")
    if not inspect.isfunction(method) or getattr(Client, name, None) is not method:
        return ""
    line = (trace and traceback.extract_tb(trace)[-1].line) or ""
    client = re.search(rf"(\w+)\.{name}\b", line)
    call = f"{client[1] if client else 'bp'}.{name}"
    _, *parameters = inspect.signature(method).parameters.values()
    needed = any(one.default is one.empty for one in parameters)
    return (
        f"`{call}` is a method, and the brackets that call it are missing. "
        f"Write `{call}({'...' if needed else ''}).{getattr(error, 'name', '')}`."
    )


def _refused(shell: Any, error: BaseException, trace: TracebackType | None) -> str:
    """The message of bpkit's error, and the line of the cell that raised it; "" if no cell did."""
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
    """In IPython, explain these errors from now on. Returns False, and does nothing, outside of
    IPython and if another handler is installed already."""
    ipython = sys.modules.get("IPython")  # never imported from here
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or shell.custom_exceptions not in ((), EXPLAINED):
        return False
    shell.set_custom_exc(EXPLAINED, explain)
    return True
