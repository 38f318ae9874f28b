"""Which classes and attributes of the engine are state, for snapshots.

Functions and caches are no state, nor is what is calculated from the seed: a fresh exchange has
them. Every class of the engine that is added is known without a change here.
"""

from __future__ import annotations

import itertools
import sys
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from ..simulation.market import Market
from ..undo import Undoable
from .outbox import Outbox

FORMS = {dict: "dict", list: "list", set: "set", frozenset: "set", tuple: "row"}
MADE_AT_ONCE = ("set", "row", "count")  # with what they have; all others are filled later
COUNT = type(itertools.count())
PACKAGE = __name__.rpartition(".")[0].rpartition(".")[0]  # bpkit.sandbox
CORE, SIMULATION = f"{PACKAGE}.core.", f"{PACKAGE}.simulation."


@cache
def is_state(kind: Any) -> bool:
    """Is it a class of the engine whose objects are state?

    In ``core`` all are but the outbox: its frames are sent when a command is done, and its streams
    are those of the sockets. In ``simulation`` most are calculated from the seed.
    """
    if kind.__module__.startswith(SIMULATION):
        return kind is not Market and (issubclass(kind, Undoable | tuple) or is_dataclass(kind))
    return kind.__module__.startswith((CORE, f"{PACKAGE}.undo")) and kind is not Outbox


@cache
def form_of(kind: Any) -> str:
    """How an object is written: as a dict, list, set, row (a NamedTuple), count or object; ""
    if it is not state."""
    if kind is COUNT:
        return "count"
    if kind is not tuple and kind in FORMS:
        return FORMS[kind]
    if not is_state(kind):
        return ""
    return next((form for base, form in FORMS.items() if issubclass(kind, base)), "object")


@cache
def is_wiring(kind: Any) -> bool:
    """Are its objects functions or caches, or calculated from the seed?"""
    if any("__call__" in vars(base) for base in kind.__mro__):
        return True
    return kind.__module__.startswith(PACKAGE) and kind is not Market and not is_state(kind)


def state_of(thing: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The attributes of an object that are state; and the names of the others."""
    every = getattr(thing, "__dict__", {})
    for name in _slots(type(thing)):  # type: ignore[arg-type]
        with suppress(AttributeError):  # not set; what ``__getattr__`` finds is no state
            every = every | {name: object.__getattribute__(thing, name)}
    if not any(map(is_wiring, map(type, every.values()))):
        return every, ()
    wiring = tuple(name for name, one in every.items() if is_wiring(type(one)))  # type: ignore[arg-type]
    return {name: one for name, one in every.items() if name not in wiring}, wiring


@cache
def _slots(kind: Any) -> tuple[str, ...]:
    names = [name for base in kind.__mro__ for name in vars(base).get("__slots__", ())]
    return tuple(name for name in names if not name.startswith("__"))


@cache
def is_constant(kind: Any) -> bool:
    """Do its objects never change once the engine is made? What changes is undoable."""
    parameters: Any = getattr(kind, "__dataclass_params__", None)
    if parameters is not None:
        return bool(parameters.frozen)
    return form_of(kind) in MADE_AT_ONCE or kind in (dict, list)


@cache
def fields_of(kind: Any) -> tuple[str, ...]:
    """The attributes of a dataclass or a NamedTuple; of another class none."""
    if is_dataclass(kind):
        return tuple(field.name for field in fields(kind))
    return getattr(kind, "_fields", ())


@cache
def name_of(kind: Any) -> str:
    """``core.orders.EngineOrder``, ``undo.UndoDict``, ``dict``"""
    name = f"{kind.__module__}.{kind.__qualname__}"
    return name.removeprefix(f"{PACKAGE}.").removeprefix("builtins.")


def classes() -> dict[str, type]:
    """The classes that a snapshot may name, by name."""
    modules = [
        one for name, one in list(sys.modules.items()) if name.startswith((CORE, SIMULATION))
    ]
    every = [kind for one in modules for kind in vars(one).values() if isinstance(kind, type)]
    state = [kind for kind in every if is_state(kind)]
    return {name_of(kind): kind for kind in (dict, list, set, frozenset, COUNT, *state)}
