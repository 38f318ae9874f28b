"""A name that is not there: what to say of it, and to say it in a notebook in place of a traceback.

In a notebook a NameError nearly always means that cells were run out of order.
"""

from __future__ import annotations

import builtins
import sys
import traceback
from collections.abc import Iterable
from difflib import get_close_matches
from types import TracebackType
from typing import Any

RUN_ABOVE = "Run the cells above first: in JupyterLab, Run > Run All Above Selected Cell."
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
    """IPython's handler of a NameError: a sentence where the cells' own code lacks a name.

    A name that is missing in anybody else's code, and a variable used before it has its value, are
    shown as ever.
    """
    frames = list(traceback.walk_tb(trace))
    name = getattr(error, "name", None)
    if kind is NameError and name and frames and frames[-1][0].f_globals is shell.user_ns:
        place = frames[-1][0]
        said = not_there(name, [*place.f_locals, *shell.user_ns, *dir(builtins)])
        line = traceback.extract_tb(trace)[-1].line
        text = f"{said}\n\nThe line that needs it:  {line}" if line else said
        # IPython shows what this gives, and still reports an error, so that "Run All" stops.
        error._render_traceback_ = lambda: [text]  # type: ignore[attr-defined]
    shell.showtraceback((kind, error, trace), tb_offset=tb_offset)


def install() -> bool:
    """In IPython, explain missing names from now on. Elsewhere, do nothing, and say False.

    Nothing is done either where somebody else's handler is in place.
    """
    ipython = sys.modules.get("IPython")  # never imported from here
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or shell.custom_exceptions not in ((), (NameError,)):
        return False
    shell.set_custom_exc((NameError,), explain)
    return True
