"""Undo what a command changed if it fails, so that it changes everything or nothing.

The engine's state is made of the classes below. Within ``all_or_nothing``, each object, dict and
list keeps a shallow copy of itself before its first change. If the block raises, the copies are put
back. A command is carried out by one thread; the commands of other threads are independent of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import localcontext
from typing import Any, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class _Thread(threading.local):
    """``kept``: id -> what was changed, and its copy. None: no command is running."""

    kept: dict[int, tuple[Any, Any]] | None = None


_thread = _Thread()


@contextmanager
def all_or_nothing() -> Iterator[None]:
    """If the block raises anything, what it changed is as it was before. Do not nest it."""
    kept = _thread.kept = {}
    try:
        with localcontext():  # what the block did to the decimal context ends with it, too
            yield
    except BaseException:
        _thread.kept = None  # what follows is no part of the block
        for changed, copy in kept.values():
            changed._put_back(copy)
        raise
    finally:
        _thread.kept = None


def keep(thing: Any, copy: Callable[[], Any]) -> None:
    """Keep a copy of a thing that changes often, and has a ``_put_back`` of its own."""
    kept = _thread.kept
    if kept is not None and id(thing) not in kept:
        kept[id(thing)] = thing, copy()


class Undoable:
    """An object whose attributes are put back."""

    def __setattr__(self, name: str, value: Any) -> None:
        kept = _thread.kept
        if kept is not None and id(self) not in kept:
            kept[id(self)] = self, self.__dict__.copy()
        object.__setattr__(self, name, value)

    def _put_back(self, copy: dict[str, Any]) -> None:
        self.__dict__.clear()
        self.__dict__.update(copy)


def _keeping(method: Callable[..., Any]) -> Any:
    """The method of a dict or a list, which first keeps a copy."""

    def change(self: Any, *args: Any, **named: Any) -> Any:
        kept = _thread.kept
        if kept is not None:
            self._keep(kept)
        return method(self, *args, **named)

    return change


class UndoDict(dict[K, V]):
    """A dict whose items are put back, in their order."""

    def pop(self, key: K, *default: Any) -> Any:
        """Remove an item and return it; or return ``default``, and copy nothing."""
        if default and key not in self:
            return default[0]
        if (kept := _thread.kept) is not None:
            self._keep(kept)
        return dict.pop(self, key)

    def _keep(self, kept: dict[int, tuple[Any, Any]]) -> None:
        if id(self) not in kept:
            kept[id(self)] = self, dict(self)

    def _put_back(self, copy: dict[K, V]) -> None:
        dict.clear(self)
        dict.update(self, copy)


class UndoList(list[V]):
    """A list whose items are put back. As long as it is only appended to, its length is enough:
    histories are long."""

    def append(self, item: V, /) -> None:
        """Add to the end."""
        kept = _thread.kept
        if kept is not None and id(self) not in kept:
            kept[id(self)] = self, len(self)
        list.append(self, item)

    def _keep(self, kept: dict[int, tuple[Any, Any]]) -> None:
        _, copy = kept.get(id(self), (self, len(self)))
        if isinstance(copy, int):
            kept[id(self)] = self, self[:copy]

    def _put_back(self, copy: int | list[V]) -> None:
        if isinstance(copy, int):
            list.__delitem__(self, slice(copy, None))
        else:
            list.__setitem__(self, slice(None), copy)


_BOTH = ("__delitem__", "__setitem__", "clear")
for _name in (*_BOTH, "__ior__", "popitem", "setdefault", "update"):
    setattr(UndoDict, _name, _keeping(getattr(dict, _name)))
for _name in (
    *_BOTH,
    "pop",
    "__iadd__",
    "__imul__",
    "extend",
    "insert",
    "remove",
    "reverse",
    "sort",
):
    setattr(UndoList, _name, _keeping(getattr(list, _name)))
