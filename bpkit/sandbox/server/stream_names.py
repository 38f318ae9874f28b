"""Read the name of a stream: its type, its symbol, and whether it needs a signature.

A name is split from the left, by its type: symbols contain dots (``AAPL.US_USDC_PERP``).

Source: Backpack Exchange API, "Streams". The codes of errors were seen on the wire.
"""

from __future__ import annotations

import re
from typing import NamedTuple, get_args

from ...enums import KlineInterval

PRIVATE = "account."
WINDOWS = ("200ms", "600ms", "1000ms")
_WINDOW = re.compile(r"([0-9]+ms)\.(.*)", re.DOTALL)
_WITH_SYMBOL = frozenset(
    {
        "bookTicker", "depth", "trade", "kline", "ticker", "markPrice", "openInterest",
        "liquidation", "externalTicker", "stockPrice", "account.orderUpdate",
        "account.positionUpdate", "account.rfqUpdate",
    }
)  # fmt: skip
_WITHOUT_SYMBOL = frozenset(
    {
        "liquidation", "account.orderUpdate", "account.positionUpdate", "account.balanceUpdate",
        "account.rfqUpdate",
    }
)  # fmt: skip
_SILENT = frozenset({"externalTicker", "stockPrice", "account.rfqUpdate"})


class StreamError(Exception):
    """A frame that is refused: the ``code`` and the message of its error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class StreamName(NamedTuple):
    """``kind``: ``depth`` or ``account.orderUpdate``. ``symbol``: None: of all markets."""

    kind: str
    symbol: str | None

    @property
    def private(self) -> bool:
        """Does it need a signature?"""
        return self.kind.startswith(PRIVATE)

    @property
    def simulated(self) -> bool:
        """False: the name is valid, and nothing is ever sent."""
        return self.kind not in _SILENT


def read(name: str) -> StreamName:
    """The parts of a stream's name. StreamError: there is no such type, or no such window."""
    private = PRIVATE if name.startswith(PRIVATE) else ""
    word, dot, rest = name[len(private) :].partition(".")
    kind = private + word
    if kind not in (_WITH_SYMBOL if dot else _WITHOUT_SYMBOL):
        raise StreamError(4006, "Invalid stream")
    if kind == "kline":
        interval, dot, rest = rest.partition(".")
        if not dot or interval not in get_args(KlineInterval):
            raise StreamError(4006, "Invalid stream")
    if kind == "depth" and (windowed := _WINDOW.fullmatch(rest)):
        if windowed[1] not in WINDOWS:
            raise StreamError(4008, "Invalid depth window")
        rest = windowed[2]
    return StreamName(kind, rest if dot else None)
