"""Write the engine's state as JSON, and read it into a fresh exchange.

The state is a graph: an order is in its account's list, among the open orders, and in the book. So
each object has a number, and what refers to it has that number. Functions, caches and prices are no
state: they come from the fresh exchange, whose objects are filled where they are found again.

A snapshot is data. It can name classes of this engine only, and no constructor is called. A class
or an attribute that is not known here is refused with its name, when the snapshot is made.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from ..simulation.market import Market
from ..undo import Undoable, UndoDict, UndoList
from .exchange import Exchange
from .outbox import Outbox
from .transfers import Transfers

ENGINE = 1  # raise it if an older snapshot would have another meaning
EXACT_INT = 2**53  # JSON's numbers are exact up to here in every language

Json = dict[str, Any]
DICTS, LISTS, SETS = (dict, UndoDict), (list, UndoList), (set, frozenset)
COUNT = type(itertools.count())
PACKAGE = __name__.rpartition(".")[0].rpartition(".")[0]  # bpkit.sandbox
WRITERS: dict[type, Callable[[Any], str]] = {Decimal: str, Fraction: str, int: str}
READERS: dict[str, Callable[[str], Any]] = {"Decimal": Decimal, "Fraction": Fraction, "int": int}


class Unknown(TypeError):
    """The state has a value that a snapshot cannot hold: a defect of the engine."""


def pack(exchange: Exchange, capital: Transfers) -> Json:
    """The state of both, as JSON. Raises Unknown."""
    packed = _Packer(exchange.markets).pack({"exchange": exchange, "capital": capital})
    return {"feeds": list(exchange.feeds), **packed}


def unpack(packed: Json, exchange: Exchange, capital: Transfers) -> None:
    """Fill a fresh exchange and its transfers from what ``pack`` gave.

    ValueError: it is not a state of this engine; then a part of them may be filled.
    """
    try:
        _Unpacker(packed, exchange).fill({"exchange": exchange, "capital": capital})
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise ValueError(f"the snapshot cannot be read: {error}") from error


# --- what is state --------------------------------------------------------------------------------


def _is_state(kind: type) -> bool:
    """Is it a class of the engine whose objects are state?

    In ``core`` all are, but the outbox: its frames are sent when a command is done, and its streams
    are those of the sockets. In ``simulation`` most are calculated from the seed.
    """
    module = kind.__module__
    if module.startswith(f"{PACKAGE}.core.") or module == f"{PACKAGE}.undo":
        return kind is not Outbox
    if module.startswith(f"{PACKAGE}.simulation."):
        return issubclass(kind, Undoable | tuple) or is_dataclass(kind)
    return False


def _is_wiring(value: object) -> bool:
    """Is it a function, a cache or calculated from the seed?"""
    kind = type(value)
    return callable(value) or (kind.__module__.startswith(PACKAGE) and not _is_state(kind))


def _attributes(thing: object) -> Iterator[tuple[str, Any]]:
    for kind in reversed(type(thing).__mro__):
        for name in vars(kind).get("__slots__", ()):
            if hasattr(thing, name):
                yield name, getattr(thing, name)
    yield from getattr(thing, "__dict__", {}).items()


def _name(kind: type) -> str:
    """``core.orders.EngineOrder``, ``undo.UndoDict``, ``dict``"""
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix(f"{PACKAGE}.").removeprefix(
        "builtins."
    )


def _classes() -> dict[str, type]:
    """The classes that a snapshot can name, by name."""
    every: list[type] = []
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{PACKAGE}.core.") or name.startswith(f"{PACKAGE}.simulation."):
            every += [one for one in vars(module).values() if isinstance(one, type)]
    own = [kind for kind in every if kind.__module__.startswith(PACKAGE) and _is_state(kind)]
    return {_name(kind): kind for kind in (*DICTS, *LISTS, *SETS, COUNT, *own)}


# --- writing --------------------------------------------------------------------------------------


class _Packer:
    """``shapes``: [class, names of its attributes, names of those that are not state].
    ``things``: [number of the shape, value ...]; the first is the root.

    A value is text, an int, a bool or None; or a list: [number of a thing], ["Decimal", text],
    ["tuple", value ...], ["market", symbol].
    """

    def __init__(self, markets: Mapping[str, Market]) -> None:
        self._markets = markets
        self._shapes: dict[tuple[str, tuple[str, ...], tuple[str, ...]], int] = {}
        self._numbers: dict[int, int] = {}  # id of a thing -> its number
        self._things: list[tuple[Any, str]] = []  # and where it was found

    def pack(self, root: Mapping[str, object]) -> Json:
        self._number(dict(root), "the root")
        rows = [self._row(thing, place) for thing, place in self._things]  # it grows meanwhile
        shapes = [[name, list(names), list(wiring)] for name, names, wiring in self._shapes]
        return {"shapes": shapes, "things": rows}

    def _number(self, thing: Any, place: str) -> int:
        number = self._numbers.get(id(thing))
        if number is None:
            number = self._numbers[id(thing)] = len(self._things)
            self._things.append((thing, place))
        return number

    def _shape(self, kind: type, names: tuple[str, ...] = (), wiring: tuple[str, ...] = ()) -> int:
        return self._shapes.setdefault((_name(kind), names, wiring), len(self._shapes))

    def _value(self, value: Any, place: str) -> Any:
        kind = type(value)
        if value is None or kind is str or kind is bool:
            return value
        if kind is int and -EXACT_INT <= value <= EXACT_INT:
            return value
        if kind in WRITERS:
            return [kind.__name__, WRITERS[kind](value)]
        if kind is tuple:
            return ["tuple", *(self._value(one, place) for one in value)]
        if kind is Market:
            if value not in self._markets.values():
                raise Unknown(f"{place} is a market that the exchange does not list")
            return ["market", value.symbol]
        return [self._number(value, place)]

    def _row(self, thing: Any, place: str) -> list[Any]:
        kind = type(thing)
        if kind in DICTS:
            items = itertools.chain.from_iterable(thing.items())
            return [self._shape(kind), *(self._value(one, place) for one in items)]
        if kind in LISTS:
            return [self._shape(kind), *(self._value(one, place) for one in thing)]
        if kind in SETS:
            return [self._shape(kind), *self._sorted(thing, place)]
        if kind is COUNT:
            return [self._shape(kind), int(repr(thing)[6:-1])]
        if not _is_state(kind):
            raise Unknown(
                f"{place} has a value of the class {_name(kind)}: no snapshot can hold it"
            )
        if issubclass(kind, tuple):
            return [self._shape(kind), *(self._value(one, _name(kind)) for one in thing)]
        return self._object(thing)

    def _sorted(self, thing: Any, place: str) -> list[Any]:
        """The items of a set. Their order must not depend on hashes."""
        first = len(self._things)
        values = sorted((self._value(one, place) for one in thing), key=repr)
        if len(self._things) > first:
            raise Unknown(f"{place} is a set of objects: its order is not the same everywhere")
        return values

    def _object(self, thing: Any) -> list[Any]:
        kind, names, wiring, values = type(thing), [], [], []
        for name, value in _attributes(thing):
            if _is_wiring(value) and type(value) is not Market:
                wiring.append(name)
            else:
                names.append(name)
                values.append(self._value(value, f"{_name(kind)}.{name}"))
        return [self._shape(kind, tuple(names), tuple(wiring)), *values]


# --- reading --------------------------------------------------------------------------------------


class _Unpacker:
    """Binds each thing to the object at its place in the fresh exchange, makes the others, and
    fills them all."""

    def __init__(self, packed: Json, exchange: Exchange) -> None:
        for symbol in packed["feeds"]:
            exchange.feed(symbol)
        self._rows, self._markets = packed["things"], exchange.markets
        known = _classes()
        self._shapes = [(known[name], *rest) for name, *rest in packed["shapes"]]
        self._built: dict[int, Any] = {}

    def fill(self, root: Mapping[str, object]) -> None:
        self._bind(dict(root))
        bound = set(self._built)
        for number, row in enumerate(self._rows):
            kind, _, wiring = self._shapes[row[0]]
            if number not in bound and not _is_fixed(kind):
                if wiring:
                    raise ValueError(f"{_name(kind)}.{wiring[0]} is at no place of a new exchange")
                self._built[number] = kind.__new__(kind)
        things = [(self._thing(number), row) for number, row in enumerate(self._rows)]
        for number, (thing, row) in enumerate(things):
            if type(thing) not in (*DICTS, *LISTS) and not _is_fixed(type(thing)):
                self._fill_object(thing, row, number in bound)
        for thing, row in things:  # objects are filled: a key of a dict may need them for its hash
            if type(thing) in (*DICTS, *LISTS):
                self._fill_container(thing, [self._value(one) for one in row[1:]])

    def _bind(self, root: Json) -> None:
        """Walk through the rows and the fresh objects side by side."""
        pairs: list[tuple[Any, Any]] = [([0], root)]
        while pairs:
            value, fresh = pairs.pop()
            if type(value) is not list or type(value[0]) is not int or value[0] in self._built:
                continue
            row = self._rows[value[0]]
            kind, names, _ = self._shapes[row[0]]
            if type(fresh) is not kind or _is_fixed(kind):
                continue
            self._built[value[0]] = fresh
            if kind in LISTS:
                pairs += zip(row[1:], fresh, strict=False)
                continue
            found = fresh if kind in DICTS else dict(_attributes(fresh))
            keys = map(self._key, row[1::2]) if kind in DICTS else names
            values = row[2::2] if kind in DICTS else row[1:]
            pairs += [
                (one, found[key]) for key, one in zip(keys, values, strict=True) if key in found
            ]

    def _key(self, value: Any) -> Any:
        """A key of a dict. None if it is an object: no fresh dict has one."""
        return None if type(value) is list and type(value[0]) is int else self._value(value)

    def _value(self, value: Any) -> Any:
        kind = type(value)
        if value is None or kind is str or kind is bool or kind is int:
            return value
        if kind is not list:
            raise ValueError(f"{value!r} is not a value of a snapshot")
        tag = value[0]
        if type(tag) is int:
            return self._thing(tag)
        if tag == "tuple":
            return tuple(map(self._value, value[1:]))
        if tag == "market":
            return self._markets[value[1]]
        return READERS[tag](value[1])

    def _thing(self, number: int) -> Any:
        if number not in self._built:  # what cannot change is made with what it has
            row = self._rows[number]
            kind, values = self._shapes[row[0]][0], map(self._value, row[1:])
            self._built[number] = (
                kind._make(values) if hasattr(kind, "_make") else _made(kind, values)
            )
        return self._built[number]

    def _fill_object(self, thing: Any, row: list[Any], bound: bool) -> None:
        kind, names, wiring = self._shapes[row[0]]
        fresh = dict(_attributes(thing)) if bound else {}
        needed = {name for name, value in fresh.items() if not _is_wiring(value)}
        if is_dataclass(kind):
            needed |= {field.name for field in fields(kind)}
        for name in (needed - {*names, *wiring}) | (set(wiring) - fresh.keys()):
            raise ValueError(f"{_name(kind)}.{name} is missing in it")
        for name, value in zip(names, row[1:], strict=True):
            object.__setattr__(thing, name, self._value(value))

    def _fill_container(self, thing: Any, values: list[Any]) -> None:
        thing.clear()
        if type(thing) in LISTS:
            thing.extend(values)
        else:
            thing.update(zip(values[::2], values[1::2], strict=True))


def _is_fixed(kind: type) -> bool:
    """Can its objects not be filled later?"""
    return issubclass(kind, (tuple, *SETS, COUNT))


def _made(kind: Any, values: Iterator[Any]) -> Any:
    if kind is COUNT:
        return itertools.count(*values)
    return kind(values) if kind in SETS else kind._make(values)
