"""Mistakes in the instruction, in names and values, and in the order of the parts.

Each takes the right text and yields the wrong texts that it leads to.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations, permutations

from ..parameters import AMOUNTS
from . import instructions, spellings
from .received import Pair, Pairs, ReceivedRequest, by_name
from .signed_text import SignedText

Texts = Iterator[SignedText]
Variants = Callable[[SignedText, ReceivedRequest], Iterable[SignedText]]

MAX_NAMES = 50  # of which each is tried alone
# Names whose value is often None in a program. A None is then not sent.
_OPTIONAL = (
    "symbol", "limit", "offset", "from", "to", "startTime", "endTime", "orderId", "clientId",
    "marketType", "sortDirection", "side", "price", "quantity", "quoteQuantity", "triggerPrice",
    "timeInForce", "postOnly", "reduceOnly",
)  # fmt: skip


# --- the instruction ------------------------------------------------------------------------------


def near_instruction(text: SignedText, request: ReceivedRequest) -> Texts:
    """The instruction that was sent as a parameter, and those of the same path and section."""
    sent = [value or "" for name, value in request.reserved if name == "instruction"]
    for one in dict.fromkeys((*sent, *instructions.near(request.operation))):
        if one:
            yield text.with_instruction(one)


def any_instruction(text: SignedText, request: ReceivedRequest) -> Texts:
    """All instructions of the table, and other spellings of the right one."""
    yield from map(text.with_instruction, instructions.known(request.operation))


def invented_instruction(text: SignedText, request: ReceivedRequest) -> Texts:
    """Instructions that no operation has: invented ones, and slips of the pen."""
    yield from map(text.with_instruction, instructions.invented(request.operation))


def no_instruction(text: SignedText, request: ReceivedRequest) -> Texts:
    """No instruction, an empty one, or its name without ``instruction=``."""
    yield text.with_instruction(None)
    yield text.with_instruction("")
    bare: Pair = (request.operation.instruction or "", None)
    yield text._replace(orders=tuple((bare, *part[1:]) for part in text.orders))


# --- names and values -----------------------------------------------------------------------------


def respelled(ways: Iterable[spellings.Spelling]) -> Variants:
    """All values spelled in one of these ways, or all amounts, or the values of one name."""

    def vary(text: SignedText, request: ReceivedRequest) -> Texts:
        for way in ways:
            yield text.with_values(way)
            changed = _few(name for name, value in text.params if value and way(value) != value)
            if any(name in AMOUNTS for name in changed):
                yield text.with_values(way, AMOUNTS)
            if len(changed) > 1:
                yield from (text.with_values(way, [name]) for name in changed)

    return vary


def _few(names: Iterable[str]) -> list[str]:
    """Each name once; no names if there are too many to try each alone."""
    found = list(dict.fromkeys(names))
    return found if len(found) <= MAX_NAMES else []


def nested(as_sent: bool) -> Variants:
    """Nested values with their names in the order sent: exactly as in the body, or not."""

    def vary(text: SignedText, request: ReceivedRequest) -> Texts:
        if not _few(request.nested):
            return
        body = request.raw.body.decode(errors="surrogateescape")
        ways: tuple[spellings.Spelling, ...] = (str, *spellings.NESTED)
        for way in ways:
            signed = {right: way(sent) for right, sent in request.nested.items()}
            if all(value in body for value in signed.values()) == as_sent:
                yield text.with_values(spellings.word(signed))

    return vary


def lists(text: SignedText, request: ReceivedRequest) -> Texts:
    """Several values of one name signed as one, or one of them; or a list sent as one value."""
    if several := _several(request):
        yield text.with_names(lambda name: f"{name}[]" if name in several else name)
    if several or any("," in (value or "") for _, value in text.params):
        for way in spellings.LISTS:
            yield text.change(lambda params, way=way: _regrouped(params, way))  # type: ignore[misc]


def _several(request: ReceivedRequest) -> set[str]:
    """The names that have several values."""
    counts = Counter(name for name, _ in request.orders[0])
    return {name for name, count in counts.items() if count > 1}


def _regrouped(params: Pairs, way: spellings.List) -> Pairs:
    """With the values of each name changed; the names in the order in which they come."""
    groups: dict[str, list[str]] = {}
    for name, value in params:
        groups.setdefault(name, []).append(value or "")
    return tuple((name, one) for name, values in groups.items() for one in way(values))


def reserved(text: SignedText, request: ReceivedRequest) -> Texts:
    """The instruction, timestamp or window that was sent as a parameter is signed as one."""
    yield text.with_more(*request.reserved)
    for name in dict.fromkeys(name for name, _ in request.reserved):
        yield text.with_more(*(pair for pair in request.reserved if pair[0] == name))


def null_signed(text: SignedText, request: ReceivedRequest) -> Texts:
    """A null was sent and signed as a word."""
    nulls = _few(request.nulls)
    for word in ("None", "null", ""):
        yield text.with_more(*((name, word) for name in request.nulls))
        for name in nulls if len(nulls) > 1 else ():
            yield text.with_more((name, word))


def none_signed(text: SignedText, request: ReceivedRequest) -> Texts:
    """A None was signed as a word, and not sent."""
    free = [name for name in _OPTIONAL if name not in text.names]
    chosen = [(name,) for name in free] + list(combinations(free, 2))
    for word in ("None", "null", "undefined", ""):
        for some in chosen if word == "None" else chosen[: len(free)]:
            yield text.with_more(*((name, word) for name in some))


def other_names(text: SignedText, request: ReceivedRequest) -> Texts:
    """Names as Python writes them, or in lower case."""
    for change in (spellings.snake, str.lower):
        renamed = text.with_names(change)
        yield renamed
        yield renamed.change(by_name)  # a program with such names sorts by them


# --- which parameters -----------------------------------------------------------------------------


def all_left_out(method_is_get: bool) -> Variants:
    """No parameter is signed. The cause has one name for a query and another for a body."""

    def vary(text: SignedText, request: ReceivedRequest) -> Texts:
        if method_is_get == (request.operation.method == "GET"):
            bare = text.without(text.names)
            yield bare
            yield bare._replace(orders=bare.orders[:1])

    return vary


def one_left_out(text: SignedText, request: ReceivedRequest) -> Texts:
    """One parameter is not signed, or all that are False or 0."""
    for name in _few(text.names):
        yield text.without([name])
    # A program with ``if value:`` loses False and 0, and another one the word None.
    for lost in (("false", "0", "False"), ("None", "null", "undefined", "")):
        yield text.without({name for name, value in text.params if value in lost})


def some_left_out(text: SignedText, request: ReceivedRequest) -> Texts:
    """Two or more parameters are not signed."""
    known = _few(text.names)[:8]
    for count in range(2, len(known)):
        for some in combinations(known, count):
            yield text.without(some)


def from_elsewhere(text: SignedText, request: ReceivedRequest) -> Texts:
    """The body of a GET or the query of a POST is signed."""
    if request.elsewhere:
        yield text.without(text.names).with_more(*request.elsewhere)
        yield text.with_more(*request.elsewhere)


def as_json(text: SignedText, request: ReceivedRequest) -> Texts:
    """JSON is signed instead of the pairs; a batch has one instruction then."""
    for content in spellings.jsons(request):
        pair: Pair = (content, None)
        changed = text.change(lambda params, pair=pair: (pair,))  # type: ignore[misc]
        yield changed._replace(orders=changed.orders[:1])


def only_json(text: SignedText, request: ReceivedRequest) -> Texts:
    """JSON is signed, and nothing else."""
    for content in spellings.jsons(request):
        yield from text.then(spellings.always(content))


def payload(text: SignedText, request: ReceivedRequest) -> Texts:
    """The query is signed as it was sent, and nothing else."""
    if request.raw.query:
        yield from text.then(spellings.always(request.raw.query))


def streams(text: SignedText, request: ReceivedRequest) -> Texts:
    """The names of the streams are signed with the subscription."""
    if request.operation.method != "SUBSCRIBE":
        return
    try:
        params = [str(one) for one in json.loads(request.raw.body)["params"]]
    except (ValueError, KeyError, TypeError):
        return
    for names in (json.dumps(params), json.dumps(params, separators=(",", ":")), ",".join(params)):
        for name in ("params", "streams", "stream"):
            yield text.with_more((name, names))
    yield text.with_more(("method", "SUBSCRIBE"))


# --- the order of the parts -----------------------------------------------------------------------


def unsorted(text: SignedText, request: ReceivedRequest) -> Texts:
    """The order in which they were sent, the reverse, and timestamp and window in other places."""
    sent = [name for order in request.orders for name, _ in order]
    place = {name: number for number, name in reversed(list(enumerate(sent)))}
    last = len(sent)
    yield text.change(lambda p: tuple(sorted(p, key=lambda pair: place.get(pair[0], last))))
    yield text.change(lambda p: p[::-1])
    yield text._replace(tail=text.tail[::-1])
    if len(text.orders) == 1:
        head, rest = text.orders[0][:1], text.orders[0][1:]
        yield text._replace(orders=(by_name((*head, *rest, *text.tail)),), tail=())
        yield text._replace(orders=((*head, *by_name((*rest, *text.tail))),), tail=())
    yield text._replace(orders=(text.tail, *text.orders), tail=())
    yield text.change(lambda p: (*text.tail, *p))._replace(tail=())
    yield text.change(lambda p: tuple(sorted(p, key=lambda pair: pair[0].lower())))
    for way in spellings.REORDERED if _several(request) else ():
        yield text.change(lambda p, way=way: _regrouped(p, way))  # type: ignore[misc]


def any_order(text: SignedText, request: ReceivedRequest) -> Texts:
    """Each order of up to five parameters: 120 orders."""
    head, *rest = text.orders[0]
    if len(text.orders) == 1 and len(rest) <= 5:
        for order in permutations(rest):
            yield text._replace(orders=((head, *order),))


def batch(text: SignedText, request: ReceivedRequest) -> Texts:
    """One instruction for all, a timestamp for each order, or the orders in another order."""
    first, *others = text.orders
    yield text._replace(orders=(first, *(part[1:] for part in others)))
    each = tuple((*part, *text.tail) for part in text.orders)
    yield text._replace(orders=each, tail=())
    yield text._replace(orders=(each[0], *(part[1:] for part in each[1:])), tail=())
    yield text._replace(orders=text.orders[::-1])
    yield text._replace(orders=tuple(sorted(text.orders, key=str)))
    yield text._replace(orders=(first,))
    merged = by_name(tuple(pair for part in text.orders for pair in part[1:]))
    yield text._replace(orders=((*first[:1], *merged),))
    if len(text.orders) <= 4:
        yield from (text._replace(orders=order) for order in permutations(text.orders))
