"""Write the engine's state as JSON, and read it into a fresh exchange.

The state is a graph: an order is in its account's list, among the open orders, and in the book. So
each object has a number, and what refers to it has that number. Functions, caches and prices are no
state: they come from the fresh exchange, whose objects are filled where they are found again.

A snapshot is data. It can name classes of this engine only, and no constructor is called. A class
or an attribute that is not known here is refused with its name, when the snapshot is made.
"""

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

from ..simulation.market import Market
from .exchange import Exchange
from .state_classes import (
    COUNT,
    MADE_AT_ONCE,
    classes,
    fields_of,
    form_of,
    is_constant,
    name_of,
    state_of,
)
from .transfers import Transfers

ENGINE = 2  # raise it if an older snapshot would have another meaning
EXACT_INT = 2**53  # JSON's numbers are exact up to here in every language

Json = dict[str, Any]
Place = tuple[type, str]  # where a value was found: a class, and the name of its attribute
PLAIN = {type(None), str, bool}
WRITERS: dict[type, Callable[[Any], str]] = {
    Decimal: str,
    Fraction: str,
    int: str,
    bytes: bytes.decode,
}
READERS: dict[str, Callable[[str], Any]] = {
    "Decimal": Decimal,
    "Fraction": Fraction,
    "int": int,
    "bytes": str.encode,
}


class Unknown(TypeError):
    """The state has a value that a snapshot cannot hold: a defect of the engine."""


def pack(exchange: Exchange, capital: Transfers) -> Json:
    """The state of both, as JSON. Raises Unknown."""
    with _no_collections():
        packed = _Packer(exchange.markets).pack({"exchange": exchange, "capital": capital})
    return {"feeds": list(exchange.feeds), **packed}


def unpack(packed: Json, exchange: Exchange, capital: Transfers) -> None:
    """Fill a fresh exchange and its transfers from what ``pack`` gave.

    ValueError: it is not a state of this engine; then a part of them may be filled.
    """
    try:
        with _no_collections():
            _Unpacker(packed, exchange).fill({"exchange": exchange, "capital": capital})
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise ValueError(f"the snapshot cannot be read: {error}") from error


@contextmanager
def _no_collections() -> Iterator[None]:
    """Python does not search for garbage within: of what is made, all is kept. It would take as
    long as the work itself."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


# --- writing --------------------------------------------------------------------------------------


@cache
def _places(kind: Any, names: tuple[str, ...]) -> tuple[Place, ...]:
    return tuple((kind, name) for name in names)


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
        self._things: list[tuple[Any, Place]] = []

    def pack(self, root: Mapping[str, object]) -> Json:
        self._number(dict(root), (dict, ""))
        rows = [self._row(thing, place) for thing, place in self._things]  # it grows meanwhile
        shapes = [[name, list(names), list(wiring)] for name, names, wiring in self._shapes]
        return {"shapes": shapes, "things": rows}

    def _number(self, thing: Any, place: Place) -> int:
        number = self._numbers.get(id(thing))
        if number is None:
            number = self._numbers[id(thing)] = len(self._things)
            self._things.append((thing, place))
        return number

    def _shape(self, kind: type, names: tuple[str, ...] = (), wiring: tuple[str, ...] = ()) -> int:
        return self._shapes.setdefault((name_of(kind), names, wiring), len(self._shapes))

    def _value(self, value: Any, place: Place) -> Any:
        kind: Any = type(value)
        if kind in PLAIN or (kind is int and -EXACT_INT <= value <= EXACT_INT):
            return value
        if kind in WRITERS:
            return [kind.__name__, WRITERS[kind](value)]
        if kind is tuple:
            return ["tuple", *(self._value(one, place) for one in value)]
        if kind is Market:
            if value not in self._markets.values():
                raise Unknown(f"{_at(place)} is a market that the exchange does not list")
            return ["market", value.symbol]
        return [self._number(value, place)]

    def _row(self, thing: Any, place: Place) -> list[Any]:
        kind: Any = type(thing)
        form = form_of(kind)
        if form == "object":
            return self._object(thing)
        if form == "row":
            names = fields_of(kind)
            return [self._shape(kind, names), *map(self._value, thing, _places(kind, names))]
        if form in ("dict", "list"):
            values = itertools.chain.from_iterable(thing.items()) if form == "dict" else thing
            return [self._shape(kind), *map(self._value, values, itertools.repeat(place))]
        if form == "set":
            return [self._shape(kind), *self._sorted(thing, place)]
        if form == "count":
            return [self._shape(kind), int(repr(thing)[6:-1])]
        raise Unknown(f"{_at(place)} has a {name_of(kind)}, which a snapshot cannot hold")

    def _sorted(self, thing: Any, place: Place) -> list[Any]:
        """The items of a set. Their order must not depend on hashes."""
        first = len(self._things)
        values = sorted((self._value(one, place) for one in thing), key=repr)
        if len(self._things) > first:
            raise Unknown(f"{_at(place)} is a set of objects, whose order would depend on hashes")
        return values

    def _object(self, thing: Any) -> list[Any]:
        kind: Any = type(thing)
        state, wiring = state_of(thing)
        names = tuple(state)
        values = map(self._value, state.values(), _places(kind, names))
        return [self._shape(kind, names, wiring), *values]


def _at(place: Place) -> str:
    kind, name = place
    return f"{name_of(kind)}.{name}" if name else name_of(kind)


# --- reading --------------------------------------------------------------------------------------


class _Unpacker:
    """Binds each thing to the object at its place in the fresh exchange, makes the others, and
    fills them all."""

    def __init__(self, packed: Json, exchange: Exchange) -> None:
        for symbol in packed["feeds"]:
            exchange.feed(symbol)
        self._rows, self._markets = packed["things"], exchange.markets
        known = classes()
        self._shapes = [(known[name], *rest) for name, *rest in packed["shapes"]]
        for kind, names, wiring in self._shapes:
            _check_fields(kind, names, wiring)
        self._built: dict[int, Any] = {}

    def fill(self, root: Mapping[str, object]) -> None:
        self._bind(dict(root))
        bound = set(self._built)
        for number, row in enumerate(self._rows):
            kind, _, wiring = self._shapes[row[0]]
            if number not in bound and form_of(kind) not in MADE_AT_ONCE:
                if wiring:
                    raise ValueError(f"a new exchange has no {name_of(kind)}.{wiring[0]} there")
                self._built[number] = kind.__new__(kind)
        things = [(self._thing(number), row) for number, row in enumerate(self._rows)]
        for number, (thing, row) in enumerate(things):
            if form_of(type(thing)) == "object":  # type: ignore[arg-type]
                self._fill_object(thing, row, number in bound)
        for thing, row in things:  # objects are filled: a key of a dict may need them for its hash
            if form_of(type(thing)) in ("dict", "list"):  # type: ignore[arg-type]
                self._fill_container(thing, [self._value(one) for one in row[1:]])

    def _bind(self, root: Json) -> None:
        """Walk through the rows and the fresh objects side by side."""
        pairs: list[tuple[Any, Any]] = [([0], root)]
        seen: set[int] = set()  # numbers
        used: set[int] = set()  # ids of fresh objects
        while pairs:
            value, fresh = pairs.pop()
            if type(value) is not list or type(value[0]) is not int or value[0] in seen:
                continue
            kind, found = self._shapes[self._rows[value[0]][0]][0], type(fresh).__name__
            if form_of(kind) in MADE_AT_ONCE or found != kind.__name__ or id(fresh) in used:
                continue
            if not is_constant(kind):  # exchanges may share what never changes
                self._built[value[0]] = fresh
            seen.add(value[0])
            used.add(id(fresh))
            pairs += self._parts(self._rows[value[0]], fresh)

    def _parts(self, row: list[Any], fresh: Any) -> Iterator[tuple[Any, Any]]:
        """Each value of a row that the fresh object has too, and what it has there."""
        kind, names, _ = self._shapes[row[0]]
        form = form_of(kind)
        if form == "list":
            yield from zip(row[1:], fresh, strict=False)
            return
        found = fresh if form == "dict" else state_of(fresh)[0]
        keys = map(self._key, row[1::2]) if form == "dict" else names
        values = row[2::2] if form == "dict" else row[1:]
        for key, value in zip(keys, values, strict=True):
            if key in found:
                yield value, found[key]

    def _key(self, value: Any) -> Any:
        """A key of a dict. None if it is an object: no fresh dict has one."""
        return None if type(value) is list and type(value[0]) is int else self._value(value)

    def _value(self, value: Any) -> Any:
        kind: Any = type(value)
        if kind in PLAIN or kind is int:
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
            self._built[number] = _made(kind, values)
        return self._built[number]

    def _fill_object(self, thing: Any, row: list[Any], bound: bool) -> None:
        kind, names, wiring = self._shapes[row[0]]
        if bound:
            state, fixed = state_of(thing)
            if set(wiring) != set(fixed) or not state.keys() <= set(names):
                have, need = ", ".join(names), ", ".join(state)
                raise ValueError(f"{name_of(kind)} has {have} in it, and here it has {need}")
        for name, value in zip(names, row[1:], strict=True):
            object.__setattr__(thing, name, self._value(value))

    def _fill_container(self, thing: Any, values: list[Any]) -> None:
        thing.clear()
        if isinstance(thing, list):
            thing.extend(values)
        else:
            thing.update(zip(values[::2], values[1::2], strict=True))


def _check_fields(kind: Any, names: list[str], wiring: list[str]) -> None:
    packs = hasattr(kind, "__getattr__")  # some of its attributes may be in another form
    for name in set(fields_of(kind)) - {*names, *wiring} if not packs else ():
        raise ValueError(f"{name_of(kind)}.{name} is missing in it")
    if issubclass(kind, tuple) and tuple(names) != fields_of(kind):
        raise ValueError(f"{name_of(kind)} has other fields in it: {', '.join(names)}")


def _made(kind: Any, values: Iterator[Any]) -> Any:
    if kind is COUNT:
        return itertools.count(*values)
    return kind._make(values) if issubclass(kind, tuple) else kind(values)
