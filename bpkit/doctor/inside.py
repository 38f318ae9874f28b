"""Mistakes between the first word and the timestamp. Each yields the drafts of who makes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import combinations, permutations

from ..operations import OPERATIONS
from ..parameters import of_form
from . import spellings
from .draft import (
    Draft,
    finished,
    names,
    params,
    reordered,
    with_instruction,
    with_more,
    with_names,
    with_values,
    without,
)
from .received import Arrival, Pair, Pairs, by_name

MOST_NAMES = 50  # for which each is tried alone
_INSTRUCTIONS = list(dict.fromkeys(row.instruction for row in OPERATIONS.values()))
# Names whose value is often None in a program, and then vanishes on the way out.
_OPTIONAL = (
    "symbol", "limit", "offset", "from", "to", "startTime", "endTime", "orderId", "clientId",
    "marketType", "sortDirection", "side", "price", "quantity", "quoteQuantity", "triggerPrice",
    "timeInForce", "postOnly", "reduceOnly",
)  # fmt: skip

AMOUNTS = of_form("amount", "amount_or_share", "tolerance")


# --- the instruction ------------------------------------------------------------------------------


def near_instruction(draft: Draft, arrival: Arrival) -> Iterator[Draft]:
    """Those of the same path, of the same section, and what some programs fall back to."""
    own = arrival.operation
    near = [row.instruction for row in OPERATIONS.values() if row.path == own.path]
    near += [row.instruction for row in OPERATIONS.values() if row.section == own.section]
    for one in dict.fromkeys((*near, "balanceQuery", "orderExecute")):
        if one:
            yield with_instruction(draft, one)


def any_instruction(draft: Draft, arrival: Arrival) -> Iterator[Draft]:
    """Every other one, and what is taken for one."""
    own = arrival.operation
    for one in (*_INSTRUCTIONS, "subscribe", own.name, own.path, own.method):
        if one:
            yield with_instruction(draft, one)
    name = own.instruction or ""
    for other in (name.lower(), name.upper(), name[:1].upper() + name[1:], spellings.snake(name)):
        yield with_instruction(draft, other)


def no_instruction(draft: Draft, arrival: Arrival) -> Iterator[Draft]:
    """None, an empty one, or its name alone."""
    yield with_instruction(draft, None)
    yield with_instruction(draft, "")
    bare: Pair = (arrival.operation.instruction or "", None)
    yield draft._replace(orders=tuple((bare, *part[1:]) for part in draft.orders))


# --- names and values -----------------------------------------------------------------------------


def respelled(ways: dict[str, spellings.Spelling]) -> Callable[[Draft, Arrival], Iterator[Draft]]:
    """All values in one of these ways, or all amounts, or those of one name."""

    def vary(draft: Draft, arrival: Arrival) -> Iterator[Draft]:
        for way in ways.values():
            yield with_values(draft, way)
            changed = _few(name for name, value in params(draft) if value and way(value) != value)
            if any(name in AMOUNTS for name in changed):
                yield with_values(draft, way, AMOUNTS)
            if len(changed) > 1:
                yield from (with_values(draft, way, [name]) for name in changed)

    return vary


def _few(names: Iterable[str]) -> list[str]:
    """Each once; none where they are so many that nobody errs in a single one."""
    found = list(dict.fromkeys(names))
    return found if len(found) <= MOST_NAMES else []


def nested(as_sent: bool) -> Callable[[Draft, Arrival], Iterator[Draft]]:
    """Nested values with their names in the order sent: letter by letter as sent, or otherwise."""

    def vary(draft: Draft, arrival: Arrival) -> Iterator[Draft]:
        if not _few(arrival.nested):
            return
        body = arrival.raw.body.decode(errors="surrogateescape")
        ways: tuple[spellings.Spelling, ...] = (str, *spellings.NESTED.values())
        for way in ways:
            signed = {right: way(sent) for right, sent in arrival.nested.items()}
            if all(text in body for text in signed.values()) == as_sent:
                yield with_values(draft, spellings.word(signed))

    return vary


def null_signed(draft: Draft, arrival: Arrival) -> Iterator[Draft]:
    """What was sent as null, signed; and what was sent as None, not signed."""
    nulls = _few(arrival.nulls)
    for word in ("None", "null", ""):
        yield with_more(draft, tuple((name, word) for name in arrival.nulls))
        for name in nulls if len(nulls) > 1 else ():
            yield with_more(draft, ((name, word),))
    empty = (name for name, value in params(draft) if value in ("None", "null", "undefined", ""))
    yield without(draft, frozenset(empty))


def none_signed(draft: Draft, arrival: Arrival) -> Iterator[Draft]:
    """What was None, signed, and not sent at all."""
    free = [name for name in _OPTIONAL if name not in names(draft)]
    chosen = [(name,) for name in free] + list(combinations(free, 2))
    for word in ("None", "null", "undefined", ""):
        for some in chosen if word == "None" else chosen[: len(free)]:
            yield with_more(draft, tuple((name, word) for name in some))


def other_names(draft: Draft, arrival: Arrival) -> Iterator[Draft]:
    """Names as Python writes them, or all in one case."""
    for change in (spellings.snake, str.lower, str.upper, spellings.capital):
        renamed = with_names(draft, change)
        yield renamed
        yield reordered(renamed, by_name)  # those who have such names sort by them


# --- which parameters -----------------------------------------------------------------------------


def all_left_out(slug: str) -> Callable[[Draft, Arrival], Iterator[Draft]]:
    """No parameter is signed: under one name for a query, under another for a body."""

    def vary(draft: Draft, arrival: Arrival) -> Iterator[Draft]:
        if (slug == "query_not_signed") == (arrival.operation.method == "GET"):
            bare = without(draft, frozenset(names(draft)))
            yield bare
            yield bare._replace(orders=bare.orders[:1])

    return vary


def one_left_out(draft: Draft, arrival: Arrival) -> Iterator[Draft]:
    """One parameter is not signed, or those are not that Python takes for false."""
    for name in _few(names(draft)):
        yield without(draft, frozenset([name]))
    # Those who write ``if value:`` lose False and 0.
    falsy = (name for name, value in params(draft) if value in ("false", "0", "False"))
    yield without(draft, frozenset(falsy))


def some_left_out(draft: Draft, arrival: Arrival) -> Iterator[Draft]:
    """Two or more parameters are not signed."""
    known = _few(names(draft))[:8]
    for count in range(2, len(known)):
        for some in combinations(known, count):
            yield without(draft, frozenset(some))


def from_elsewhere(draft: Draft, arrival: Arrival) -> Iterator[Draft]:
    """The parameters are signed that travel where this method has none."""
    if arrival.elsewhere:
        yield with_more(without(draft, frozenset(names(draft))), arrival.elsewhere)
        yield with_more(draft, arrival.elsewhere)


def as_json(draft: Draft, arrival: Arrival) -> Iterator[Draft]:
    """The JSON is signed in place of the pairs."""
    for text in spellings.jsons(arrival):
        yield _with_json(draft, (text, None))


def as_json_otherwise(draft: Draft, arrival: Arrival) -> Iterator[Draft]:
    """The JSON is signed alone, or under a name."""
    for text in spellings.jsons(arrival):
        yield _with_json(draft, ("body", text))
        yield from finished(draft, spellings.always(text))


def _with_json(draft: Draft, pair: Pair) -> Draft:
    """With this in place of all parameters; of a batch, behind one instruction."""
    changed = reordered(draft, lambda params: (pair,))
    return changed._replace(orders=changed.orders[:1])


# --- the order of the parts -----------------------------------------------------------------------


def unsorted(draft: Draft, arrival: Arrival) -> Iterator[Draft]:
    """The order of the wire, the reverse, and other places for timestamp and window."""
    wire = [name for order in arrival.orders for name, _ in order]
    place = {name: number for number, name in reversed(list(enumerate(wire)))}
    last = len(wire)
    yield reordered(draft, lambda p: tuple(sorted(p, key=lambda pair: place.get(pair[0], last))))
    yield reordered(draft, lambda p: p[::-1])
    yield draft._replace(tail=draft.tail[::-1])
    yield from (d for d in [_all_sorted(draft, 0), _all_sorted(draft, 1)] if d is not None)
    yield draft._replace(orders=(draft.tail, *draft.orders), tail=())
    yield reordered(draft, lambda p: (*draft.tail, *p))._replace(tail=())
    yield reordered(draft, lambda p: tuple(sorted(p, key=lambda pair: pair[0].lower())))


def _all_sorted(draft: Draft, start: int) -> Draft | None:
    """The timestamp and the window sorted in; with ``start`` 0 the instruction, too."""
    if len(draft.orders) != 1:
        return None
    part = draft.orders[0]
    rest = by_name((*part[start:], *draft.tail))
    return draft._replace(orders=((*part[:start], *rest),), tail=())


def any_order(draft: Draft, arrival: Arrival) -> Iterator[Draft]:
    """Each order of up to five parameters, which is 120 of them."""
    count = len(draft.orders[0]) - 1
    if len(draft.orders) == 1 and count <= 5:
        for order in permutations(range(count)):
            yield reordered(draft, partial(_picked, order))


def _picked(order: Iterable[int], params: Pairs) -> Pairs:
    return tuple(params[place] for place in order)


def batch(draft: Draft, arrival: Arrival) -> Iterator[Draft]:
    """The instruction once, a timestamp for each order, other orders of the orders."""
    first, *others = draft.orders
    yield draft._replace(orders=(first, *(part[1:] for part in others)))
    each = tuple((*part, *draft.tail) for part in draft.orders)
    yield draft._replace(orders=each, tail=())
    yield draft._replace(orders=(each[0], *(part[1:] for part in each[1:])), tail=())
    yield draft._replace(orders=draft.orders[::-1])
    yield draft._replace(orders=tuple(sorted(draft.orders, key=str)))
    yield draft._replace(orders=(first,))
    merged = by_name(tuple(pair for part in draft.orders for pair in part[1:]))
    yield draft._replace(orders=((*first[:1], *merged),))
    if len(draft.orders) <= 4:
        yield from (draft._replace(orders=order) for order in permutations(draft.orders))
