"""Undo what a command changed if it fails, so that it changes everything or nothing.

The engine's state is made of the classes below. Within ``all_or_nothing``, each change adds its
inverse to a log. If the block raises, the log is carried out from its end to its beginning. So a
command costs what it changes, however large the state is. A command is carried out by one thread;
the commands of other threads are independent of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import localcontext
from typing import Any, ParamSpec, SupportsIndex, TypeVar

K = TypeVar("K")
V = TypeVar("V")
Made = TypeVar("Made")
Given = ParamSpec("Given")
Log = list[tuple[Any, ...]]
_NOTHING: Any = object()  # there was no such attribute


class _Thread(threading.local):
    """``log``: the inverses of what was changed: functions with their arguments. None: no command
    is running. ``tables``: those from which something was removed, by their ``id``. ``last``: what
    the command does at its end."""

    log: Log | None = None
    tables: dict[int, UndoTable[Any]]
    last: list[Callable[[], None]]


_thread = _Thread()


@contextmanager
def all_or_nothing() -> Iterator[None]:
    """If the block raises anything, what it changed is as it was before. Do not nest it."""
    log: Log = []
    last: list[Callable[[], None]] = []
    _thread.log, _thread.tables, _thread.last = log, {}, last
    try:
        with localcontext():  # what the block did to the decimal context ends with it, too
            yield
            for act in last:
                act()
    except BaseException:
        _thread.log = None  # what follows is no part of the block
        for inverse, *arguments in reversed(log):
            inverse(*arguments)
        for table in _thread.tables.values():
            table._sort()
        raise
    finally:
        _thread.log = None


def at_the_end(act: Callable[[], None]) -> None:
    """Call ``act`` as the last part of the command; at once if none is running."""
    if _thread.log is None:
        act()
    else:
        _thread.last.append(act)


def fresh(kind: Callable[Given, Made], *args: Given.args, **named: Given.kwargs) -> Made:
    """Make an object. What its making sets is not logged: if the block raises, nobody has it."""
    log, _thread.log = _thread.log, None
    try:
        return kind(*args, **named)
    finally:
        _thread.log = log


class Undoable:
    """An object whose attributes are put back. They may be in ``__slots__``."""

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> None:
        log = _thread.log
        if log is not None:
            old = getattr(self, name, _NOTHING)
            if old is _NOTHING:
                log.append((object.__delattr__, self, name))
            else:
                log.append((object.__setattr__, self, name, old))
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        if (log := _thread.log) is not None:
            log.append((object.__setattr__, self, name, getattr(self, name)))
        object.__delattr__(self, name)


class UndoDict(dict[K, V]):
    """A dict whose items are put back, in their order. To set an item costs the same at any size;
    to remove one that is not the last copies the dict: for large ones there is ``UndoTable``."""

    def __setitem__(self, key: K, value: V) -> None:
        if (log := _thread.log) is not None:
            if key in self:
                log.append((dict.__setitem__, self, key, self[key]))
            else:
                log.append((dict.__delitem__, self, key))
        dict.__setitem__(self, key, value)

    def __delitem__(self, key: K) -> None:
        if (log := _thread.log) is not None and key in self:
            self._log_removal(log, key)
        dict.__delitem__(self, key)

    def pop(self, key: K, *default: Any) -> Any:
        """Remove an item and return it, or return ``default``."""
        if (log := _thread.log) is not None and key in self:
            self._log_removal(log, key)
        return dict.pop(self, key, *default)

    def setdefault(self, key: K, default: Any = None) -> Any:
        """The item; it is added if it is missing."""
        if key not in self:
            self[key] = default
        return self[key]

    def _log_removal(self, log: Log, key: K) -> None:
        if key == next(reversed(self)):
            log.append((dict.__setitem__, self, key, self[key]))
        else:
            self._log_all(log)

    def _log_all(self, log: Log) -> None:
        if self:
            log.append((dict.update, self, dict(self)))
        log.append((dict.clear, self))


class UndoTable(UndoDict[str, V]):
    """A dict that may be large. To remove an item from it costs the same at any size, too; but it
    is put back in the order of its keys, shorter ones first. For the ids of orders, which rise,
    this is the order in which they came."""

    def _log_removal(self, log: Log, key: str) -> None:
        log.append((dict.__setitem__, self, key, self[key]))
        _thread.tables[id(self)] = self

    def _sort(self) -> None:
        items = sorted(self.items(), key=lambda item: (len(item[0]), item[0]))
        dict.clear(self)
        dict.update(self, items)


class UndoList(list[V]):
    """A list whose items are put back. To change one item costs the same at any size."""

    def append(self, item: V, /) -> None:
        """Add to the end."""
        if (log := _thread.log) is not None:
            log.append((list.pop, self))
        list.append(self, item)

    def insert(self, index: SupportsIndex, item: V, /) -> None:
        """Add before the item at ``index``."""
        if (log := _thread.log) is not None:
            place, _, _ = slice(index, None).indices(len(self))
            log.append((list.__delitem__, self, place))
        list.insert(self, index, item)

    def pop(self, index: SupportsIndex = -1, /) -> V:
        """Remove the item at ``index`` and return it."""
        item = self[index]
        del self[index]
        return item

    def __setitem__(self, index: Any, item: Any) -> None:
        if (log := _thread.log) is not None:
            if isinstance(index, slice):
                self._log_all(log)
            else:
                log.append((list.__setitem__, self, index, self[index]))
        list.__setitem__(self, index, item)

    def __delitem__(self, index: Any) -> None:
        if (log := _thread.log) is not None:
            if isinstance(index, slice):
                self._log_all(log)
            else:
                place = range(len(self))[index]
                log.append((list.insert, self, place, self[place]))
        list.__delitem__(self, index)

    def _log_all(self, log: Log) -> None:
        log.append((list.__setitem__, self, slice(None), self[:]))


def _logging_all(method: Callable[..., Any]) -> Any:
    """The method of a dict or a list, which first logs all of its items."""

    def change(self: Any, *args: Any, **named: Any) -> Any:
        if (log := _thread.log) is not None:
            self._log_all(log)
        return method(self, *args, **named)

    return change


for _name in ("__ior__", "clear", "popitem", "update"):
    setattr(UndoDict, _name, _logging_all(getattr(dict, _name)))
for _name in ("__iadd__", "__imul__", "clear", "extend", "remove", "reverse", "sort"):
    setattr(UndoList, _name, _logging_all(getattr(list, _name)))
