"""A text to sign, still in its parts, so that a mistake can be made in one of them.

Nothing here changes a text: each method returns a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import chain
from typing import NamedTuple

from .received import Pair, Pairs, ReceivedRequest, by_name, encoded

Step = Callable[[str], str | bytes]


class SignedText(NamedTuple):
    """``orders``: the instruction and the parameters of each. ``tail``: timestamp and window.

    ``steps``: what is done to the whole text at the end.
    """

    orders: tuple[Pairs, ...]
    tail: Pairs
    steps: tuple[Step, ...] = ()

    @property
    def text(self) -> str:
        """The text before the last steps."""
        pairs = chain(*self.orders, self.tail)
        return "&".join([name if value is None else f"{name}={value}" for name, value in pairs])

    def write(self) -> bytes:
        """The bytes that are signed."""
        text = self.text
        for step in self.steps:
            done = step(text)
            if isinstance(done, bytes):
                return done
            text = done
        return encoded(text)

    @property
    def params(self) -> Iterator[Pair]:
        """The parameters of all orders."""
        return (pair for part in self.orders for pair in part[_has_head(part) :])

    @property
    def names(self) -> list[str]:
        """The names of the parameters, each once."""
        return list(dict.fromkeys(name for name, _ in self.params))

    def then(self, *steps: Step) -> list[SignedText]:
        """One text for each of these steps at the end."""
        return [self._replace(steps=(*self.steps, step)) for step in steps]

    def change(self, params: Callable[[Pairs], Pairs]) -> SignedText:
        """With the parameters of each order changed; the instruction stays in front."""
        parts = ((part, _has_head(part)) for part in self.orders)
        orders = tuple((*part[:cut], *params(part[cut:])) for part, cut in parts)
        return self._replace(orders=orders)

    def with_values(
        self, spell: Callable[[str], str], only: Collection[str] | None = None
    ) -> SignedText:
        """With the values of all parameters changed, or of those in ``only``."""
        return self.change(
            lambda params: tuple(
                (name, spell(value) if value and (only is None or name in only) else value)
                for name, value in params
            )
        )

    def with_names(self, spell: Callable[[str], str]) -> SignedText:
        """With the names of the parameters changed."""
        return self.change(lambda params: tuple((spell(name), value) for name, value in params))

    def without(self, names: Collection[str]) -> SignedText:
        """Without the parameters of these names."""
        return self.change(lambda params: tuple(pair for pair in params if pair[0] not in names))

    def with_more(self, *more: Pair) -> SignedText:
        """With more parameters in each order, sorted by name."""
        return self.change(lambda params: by_name((*params, *more)))

    def with_instruction(self, text: str | None) -> SignedText:
        """With another instruction before each order; None: without one."""
        head: Pairs = () if text is None else (("instruction", text),)
        orders = tuple((*head, *part[_has_head(part) :]) for part in self.orders)
        return self._replace(orders=orders)

    def with_tail(self, name: str, text: str | None) -> SignedText:
        """With another timestamp or window; None: without it."""
        tail = ((one, text if one == name else value) for one, value in self.tail)
        return self._replace(tail=tuple(pair for pair in tail if pair[1] is not None))


def _has_head(part: Pairs) -> bool:
    return bool(part) and part[0][0] == "instruction"


def right_text(request: ReceivedRequest) -> SignedText:
    """The text without a mistake."""
    head = ("instruction", request.operation.instruction)
    return SignedText(
        tuple((head, *by_name(order)) for order in request.orders),
        (("timestamp", request.timestamp), ("window", request.window)),
    )
