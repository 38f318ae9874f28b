"""Stream names and the letters of their events: what each is called in REST, and its type."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

PRIVATE = "account."


class Name(NamedTuple):
    """The parts of a stream's name. ``depth.200ms.SOL_USDC`` is ("depth", "200ms", "SOL_USDC").

    ``type``: ``trade``, ``account.orderUpdate``. ``option``: the interval of a candle, the window
    of a depth; "" if there is none. ``symbol``: "" if the stream is about all markets.
    """

    type: str
    option: str
    symbol: str


def split(stream: str) -> Name:
    """The parts of a valid name. Symbols may contain dots, so the type is read from the left."""
    raise NotImplementedError


def check_names(streams: Iterable[object]) -> list[str]:
    """The names, each once. Raises InputError for a name that is not a stream's, and for none.

    Types, intervals and windows are checked. Whether a market is listed is not checked here.
    """
    raise NotImplementedError


def is_private(stream: str) -> bool:
    """Does the stream need a signature?"""
    return stream.startswith(PRIVATE)


def keeps_newest(stream: str) -> bool:
    """Is it enough to know the newest event? Then older ones go first if nobody reads them."""
    raise NotImplementedError


def levels(sides: Sequence[Sequence[str]]) -> list[tuple[Any, Any]]:
    """(price, quantity) as Decimal: the levels of ``a`` or ``b`` in an event of depth."""
    raise NotImplementedError
