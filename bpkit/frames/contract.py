"""What a contract is: where the rows of an answer are, and what their columns become."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import shapes
from .shapes import Row

Convert = Callable[[list[Any]], Any]


@dataclass(frozen=True)
class Contract:
    """``columns`` in order, each with its conversion; ``rows`` finds the rows in the answer."""

    columns: tuple[tuple[str, Convert], ...] = ()
    rows: Callable[[Any], list[Row]] = shapes.rows
    index: str | None = None


def columns(**named: Convert) -> tuple[tuple[str, Convert], ...]:
    """The columns of a contract, in the order in which they are written."""
    return tuple(named.items())


# An answer of which nothing is documented: every column as it comes, in a dtype of object.
AS_IT_COMES = Contract(rows=shapes.anything)
