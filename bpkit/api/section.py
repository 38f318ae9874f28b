"""What a section of the API stands on: the two ways to call, provided by Client."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from .. import serialize as wire
from ..serialize import Fields
from .validation import period


class Section:
    """What every section of the API needs of the client."""

    def _call(
        self,
        name: str,
        params: Mapping[str, object],
        together: Callable[[Fields], Fields] = lambda fields: fields,
    ) -> Any:
        """Check the parameters (documented names), each and ``together``; send; the answer."""
        raise NotImplementedError

    def _send(self, name: str, fields: Fields | Sequence[Fields]) -> Any:
        """Send fields that are checked already."""
        raise NotImplementedError


def many(market_type: str | Sequence[str] | None) -> object:
    """One market type, or several as a list: a repeated query parameter."""
    return list(market_type) if isinstance(market_type, (list, tuple)) else market_type


def between(
    from_: datetime | str | int | None, to: datetime | str | int | None
) -> dict[str, int | None]:
    """``from`` and ``to`` in whole Unix milliseconds. Raises InputError."""
    first, last = wire.milliseconds("from_", from_), wire.milliseconds("to", to)
    period(("from_", from_, first), ("to", to, last))
    return {"from": first, "to": last}
