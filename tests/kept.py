"""Keep what objects hold now, and put it back into the same objects later.

This lets hundreds of answers start from one run of a notebook. Kept are lists, dicts, sets and
deques, and the attributes of bpkit's and the notebook's own objects. All other objects (arrays,
sessions, threads) stay as they are. A DataFrame that has changed cannot be put back.
"""

from __future__ import annotations

import builtins
from collections import deque
from collections.abc import Iterable
from functools import partial
from types import FunctionType, MethodType
from typing import Any

import pandas as pd

OWN = {"bpkit", "exercises", "__main__"}  # packages whose objects are kept
PLAIN = (str, bytes, int, float, type, type(None))


class Kept:
    """What every object holds that ``roots`` lead to."""

    def __init__(self, *roots: Any) -> None:
        self._contents: list[tuple[Any, Any]] = []
        self._slots: list[tuple[Any, str, Any]] = []
        self._frames: list[tuple[Any, Any]] = []
        self._caches: list[Any] = []
        # By id; it holds them, so that no id is given twice. Python itself is not kept.
        self._seen: dict[int, Any] = {id(vars(builtins)): builtins}
        todo = [*roots]
        while todo:
            one = todo.pop()
            if not isinstance(one, PLAIN) and id(one) not in self._seen:
                self._seen[id(one)] = one
                todo += self._keep(one)

    def restore(self) -> bool:
        """Put it all back. False: a DataFrame has changed, so these objects are of no more use."""
        for one, held in self._contents:
            one.clear()
            one.extend(held) if isinstance(one, list | deque) else one.update(held)
        for one, name, held in self._slots:
            object.__setattr__(one, name, held)
        for cache in self._caches:
            cache.cache_clear()
        return all(frame.equals(copy) for frame, copy in self._frames)

    def _keep(self, one: Any) -> Iterable[Any]:
        """Copy what the object holds; returns the objects in it."""
        inside: list[Any] = []
        if isinstance(one, pd.DataFrame | pd.Series):
            self._frames.append((one, one.copy()))
        elif isinstance(one, dict):
            self._contents.append((one, dict(one)))
            inside += one.values()
        elif isinstance(one, list | deque | set):
            self._contents.append((one, [*one]))
            inside += one
        elif isinstance(one, tuple | frozenset):
            inside += one
        elif isinstance(one, partial):
            inside += (one.func, one.args, one.keywords)
        elif isinstance(one, MethodType):
            inside.append(one.__self__)
        elif isinstance(one, FunctionType):
            inside += (one.__defaults__, one.__kwdefaults__)
            inside += [cell.cell_contents for cell in one.__closure__ or ()]
        elif hasattr(one, "cache_clear"):
            self._caches.append(one)
        return inside + self._attributes(one)

    def _attributes(self, one: Any) -> list[Any]:
        if type(one).__module__.split(".")[0] not in OWN:
            return []
        names = [name for kind in type(one).__mro__ for name in vars(kind).get("__slots__", ())]
        slots = {name: getattr(one, name) for name in names if hasattr(one, name)}
        self._slots += [(one, name, value) for name, value in slots.items()]
        return [getattr(one, "__dict__", None), *slots.values()]
