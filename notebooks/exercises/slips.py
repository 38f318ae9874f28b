"""Python's own errors in a notebook, said in a sentence that names the fix.

Each function takes the error and the names around the line that raised it, and returns the sentence,
or "" if the error is not of its kind.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from types import FrameType
from typing import Any

from bpkit.client import Client

CLOSE = 0.6  # from 0 to 1: how alike a name must be to be suggested
MOST = 30  # names that are worth listing


def explained(error: BaseException, line: str, frames: list[FrameType]) -> str:
    """The sentence for this error; "" if it is none of those that are known here.

    ``line``: the line of the cell that led to it. ``frames``: the cell's own frame, and those below
    it.
    """
    if isinstance(error, AttributeError):
        return _without_brackets(error, line) or _attribute(error)
    if isinstance(error, KeyError):
        return _column(error, frames) or _key(error, line, frames)
    if isinstance(error, TypeError):
        return _unit(error)
    return ""


def _without_brackets(error: AttributeError, line: str) -> str:
    """The sentence for ``bp.get_tickers.df``, where ``()`` is missing; else ""."""
    method = error.obj
    name = getattr(method, "__name__", "")
    if not inspect.isfunction(method) or getattr(Client, name, None) is not method:
        return ""
    client = re.search(rf"(\w+)\.{name}\b", line)
    call = f"{client[1] if client else 'bp'}.{name}"
    _, *parameters = inspect.signature(method).parameters.values()
    needed = any(one.default is one.empty for one in parameters)
    return (
        f"`{call}` is a method, and the brackets that call it are missing.\n"
        f"Write `{call}({'...' if needed else ''}).{error.name}`."
    )


def _attribute(error: AttributeError) -> str:
    """A field of a dict that was read with a dot, and a misspelt column or method."""
    thing, name = error.obj, error.name or ""
    if type(thing) is dict and (meant := _near(name, thing)):
        return f"A dict has no `.{name}`: its values are read in brackets. Write `[{meant!r}]`."
    if not (_is_frame(thing) or type(thing).__module__.startswith("bpkit.")):
        return ""
    names = [one for one in dir(thing) if not one.startswith("_")]  # columns are among them
    meant = _near(name, names)
    kind = type(thing).__name__
    return f"A {kind} has no `{name}`. Did you mean `{meant}`?" if meant else ""


def _column(error: KeyError, frames: list[FrameType]) -> str:
    """A column that a DataFrame does not have."""
    table = frames[1].f_locals.get("self") if len(frames) > 1 else None
    missing = error.args[0] if error.args else None
    if not _is_frame(table) or not isinstance(missing, str):
        return ""
    known = [str(one) for one in table.columns]
    for word in re.findall(r"'([^']+)'", missing) or [missing]:
        if word not in known:
            return _not_among(word, known, "column", "The columns")
    return ""


def _key(error: KeyError, line: str, frames: list[FrameType]) -> str:
    """A key that a dict does not have, if the line names the dict: ``row["prise"]``."""
    missing, around = error.args[0] if error.args else None, frames[0]
    for name in _subscripted(line, missing):
        thing = {**around.f_globals, **around.f_locals}.get(name)
        if isinstance(thing, Mapping) and missing not in thing:
            known = [str(one) for one in thing]
            return _not_among(str(missing), known, "key", f"The keys of `{name}`")
    return ""


def _subscripted(line: str, key: object) -> Iterator[str]:
    """The names in a line of code that are read with this very key."""
    try:
        parsed = ast.parse(line.strip().removesuffix(":"))
    except SyntaxError:  # a part of a statement
        return
    for node in ast.walk(parsed):
        if (
            isinstance(node, ast.Subscript)
            and isinstance(node.value, ast.Name)
            and isinstance(node.slice, ast.Constant)
            and node.slice.value == key
        ):
            yield node.value.id


def _unit(error: TypeError) -> str:
    """``sandbox.advance(5)``: 5 of what?"""
    if not re.match(r"Sandbox\.advance\(\) takes 1 positional argument", str(error)):
        return ""
    return "`advance` needs the unit of time. Write `sandbox.advance(minutes=5)`."


def _not_among(word: str, known: list[str], kind: str, plural: str) -> str:
    meant = _near(word, known)
    hint = f" Did you mean `{meant}`?" if meant else ""
    more = ", ..." if len(known) > MOST else ""
    listed = f"{', '.join(known[:MOST])}{more}" if known else "none"
    return f"There is no {kind} `{word}`.{hint} {plural}: {listed}"


def _is_frame(thing: object) -> Any:
    """Is it a DataFrame? pandas need not be imported to say so."""
    return type(thing).__module__.startswith("pandas") and hasattr(thing, "columns")


def _near(name: str, names: Iterable[object]) -> str | None:
    known = {str(one).lower(): str(one) for one in names}
    near = get_close_matches(name.lower(), known, 1, CLOSE)
    return known[near[0]] if near else None
