"""A text to sign, still in its parts, so that a mistake can be made in it.

Every function here is pure and returns a new draft.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import chain
from typing import NamedTuple

from .received import Arrival, Pair, Pairs, by_name, encoded

Finish = Callable[[str], str | bytes]


class Draft(NamedTuple):
    """``orders``: each one's instruction and parameters. ``tail``: timestamp and window.

    ``finish``: what is done to the whole text when it has been written.
    """

    orders: tuple[Pairs, ...]
    tail: Pairs
    finish: tuple[Finish, ...] = ()

    @property
    def text(self) -> str:
        """The text, before anything is done to the whole of it."""
        pairs = chain(*self.orders, self.tail)
        return "&".join([name if value is None else f"{name}={value}" for name, value in pairs])

    def write(self) -> bytes:
        """The bytes that are signed."""
        text = self.text
        for step in self.finish:
            done = step(text)
            if isinstance(done, bytes):
                return done
            text = done
        return encoded(text)


def right(arrival: Arrival) -> Draft:
    """The draft without a mistake."""
    head = ("instruction", arrival.operation.instruction)
    return Draft(
        tuple((head, *by_name(order)) for order in arrival.orders),
        (("timestamp", arrival.timestamp), ("window", arrival.window)),
    )


def finished(draft: Draft, *steps: Finish) -> list[Draft]:
    """One draft for each of these last steps."""
    return [draft._replace(finish=(*draft.finish, step)) for step in steps]


def reordered(draft: Draft, order: Callable[[Pairs], Pairs]) -> Draft:
    """With the parameters of each order put in another order; the instruction stays in front."""
    return draft._replace(orders=tuple(_behind_head(part, order) for part in draft.orders))


def _behind_head(part: Pairs, change: Callable[[Pairs], Pairs]) -> Pairs:
    cut = _has_head(part)
    return (*part[:cut], *change(part[cut:]))


def with_values(
    draft: Draft, change: Callable[[str], str], only: Collection[str] | None = None
) -> Draft:
    """With the values of the parameters changed: all of them, or those of some names."""

    def changed(params: Pairs) -> Pairs:
        return tuple(
            (name, change(value) if value and (only is None or name in only) else value)
            for name, value in params
        )

    return reordered(draft, changed)


def with_names(draft: Draft, change: Callable[[str], str]) -> Draft:
    """With the names of the parameters changed."""
    return reordered(draft, lambda params: tuple((change(name), value) for name, value in params))


def without(draft: Draft, names: frozenset[str]) -> Draft:
    """Without the parameters of these names."""
    return reordered(draft, lambda params: tuple(pair for pair in params if pair[0] not in names))


def with_more(draft: Draft, more: Pairs) -> Draft:
    """With more parameters in each order, sorted in."""
    return reordered(draft, lambda params: by_name((*params, *more)))


def with_instruction(draft: Draft, text: str | None) -> Draft:
    """With another instruction before each order; None: with none at all."""
    head: Pairs = () if text is None else (("instruction", text),)
    return draft._replace(orders=tuple((*head, *part[_has_head(part) :]) for part in draft.orders))


def _has_head(part: Pairs) -> bool:
    return bool(part) and part[0][0] == "instruction"


def with_tail(draft: Draft, name: str, text: str | None) -> Draft:
    """With another timestamp or window; None: without it."""
    tail = ((one, text if one == name else value) for one, value in draft.tail)
    return draft._replace(tail=tuple(pair for pair in tail if pair[1] is not None))


def params(draft: Draft) -> Iterator[Pair]:
    """The parameters of all orders."""
    return (pair for part in draft.orders for pair in part[_has_head(part) :])


def names(draft: Draft) -> list[str]:
    """The names of the parameters, each once."""
    return list(dict.fromkeys(name for name, _ in params(draft)))
