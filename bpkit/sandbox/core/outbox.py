"""What the engine tells its streams, in the order in which it happened."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from ..undo import UndoList

Data = dict[str, Any]


class Frame(NamedTuple):
    """``stream``: its name, ``trade.SOL_USDC``. ``account``: the public key of a private stream,
    None: it is public. ``data``: the event, its keys in the order of the wire."""

    stream: str
    account: str | None
    data: Data


class Outbox:
    """Frames that wait until their command is done.

    ``wanted``: the streams that somebody has subscribed, with the account of private ones. An event
    that nobody wants is never made.
    """

    def __init__(self) -> None:
        self.wanted: Collection[tuple[str, str | None]] = ()
        self._frames: UndoList[Frame] = UndoList()

    def wants(self, *streams: str, account: str | None = None) -> bool:
        """Has somebody subscribed one of these streams?"""
        return any((stream, account) in self.wanted for stream in streams)

    def add(self, *streams: str, make: Callable[[], Data], account: str | None = None) -> None:
        """Add an event to those of the streams that are wanted. ``make``: its data."""
        hit = [stream for stream in streams if (stream, account) in self.wanted]
        if hit:
            data = make()
            for stream in hit:
                self._frames.append(Frame(stream, account, data))

    def take(self) -> list[Frame]:
        """All frames that wait, oldest first; then none waits. A failed command leaves none."""
        frames = list(self._frames)
        self._frames.clear()
        return frames
