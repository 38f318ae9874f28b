"""What has arrived and waits to be read: a bounded queue between two threads.

If nobody reads and it is full, room is made: of streams whose newest event is enough only the
newest stays, of others the oldest events go, and an arrival of the kind "dropped" takes their
place. Events of the account are never dropped.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from . import names

SLICE = 0.5  # seconds that a thread waits at a time, so that Ctrl+C works on every system
AT_ONCE = 50  # arrivals that are put and taken under one lock
ROOM = 0.1  # the part of a full inbox that is made free

Kind = Literal["data", "lost", "back", "dropped", "refused"]


class Arrival(NamedTuple):
    """What came, in the order in which it came. ``received``: UTC, by this computer's clock.

    ``kind``, and what ``data`` has:

    - data: the event of ``stream``, as the exchange sent it.
    - lost: the connection is lost. ``reason``: a sentence without its full stop. ``final``: True if
      it is not tried again; then nothing comes any more.
    - back: it is there again, and all is subscribed. ``seconds``: how long nothing came.
    - dropped: the oldest ``count`` events of ``stream`` were dropped, because nobody took them.
    - refused: the exchange refuses a subscription after a reconnect. ``code``, ``message``, and
      ``streams``, those of the refused frame (empty: unknown); they stay silent.

    ``stream`` is "" for what concerns all streams.
    """

    kind: Kind
    stream: str
    data: dict[str, Any]
    received: datetime


class Inbox:
    """A queue of at most ``most`` events, besides the arrivals that say what happened to them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: deque[Arrival] = deque()
        self._taken: deque[Arrival] = deque()  # by the reader, who needs the lock more rarely so
        self._data = 0  # how many of them are data
        self._changed = threading.Condition()
        self._ended = False

    def put(self, *arrivals: Arrival) -> bool:
        """Add them. False: the inbox is full of the account's events, and the rest is not added."""
        with self._changed:
            if not self._waiting:  # else nobody waits
                self._changed.notify_all()
            for arrival in arrivals:
                is_data = arrival.kind == "data"
                if is_data and self._data >= self._most and not self._make_room():
                    return False
                self._data += is_data
                self._waiting.append(arrival)
        return True

    def _make_room(self) -> bool:
        wanted = max(1, int(self._most * ROOM))
        self._waiting = deque(_with_room(self._waiting, wanted))
        self._data = sum(one.kind == "data" for one in self._waiting)
        return self._data < self._most

    def take(self, seconds: float) -> Arrival | None:
        """The oldest arrival; None: none came within ``seconds``, or none comes any more."""
        if self._taken:
            return self._taken.popleft()
        until = time.monotonic() + seconds
        with self._changed:
            while not self._waiting:
                left = until - time.monotonic()
                if self._ended or left <= 0:
                    return None
                self._changed.wait(min(left, SLICE))
            for _ in range(min(len(self._waiting), AT_ONCE)):
                self._taken.append(one := self._waiting.popleft())
                self._data -= one.kind == "data"
        return self._taken.popleft()

    def end(self) -> None:
        """Nothing comes any more. Who waits, waits no longer."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def half_empty(self) -> bool:
        """Is there room again for an account's events?"""
        return self._data <= self._most // 2


def _with_room(waiting: Sequence[Arrival] | deque[Arrival], wanted: int) -> list[Arrival]:
    """The arrivals without at least ``wanted`` of them, if so many can be dropped."""
    newest = {one.stream: place for place, one in enumerate(waiting) if one.kind == "data"}
    kept: list[Arrival] = []
    counts: Counter[str] = Counter()
    holes: dict[str, int] = {}  # stream -> where in ``kept`` its arrival of the kind "dropped" is
    for place, one in enumerate(waiting):
        if one.kind == "dropped":
            holes[one.stream] = len(kept)
        elif one.kind == "data" and not names.is_private(one.stream):
            known = names.split(one.stream).type in names.LETTERS
            if known and names.keeps_newest(one.stream):
                go = place != newest[one.stream]
            else:
                go = counts.total() < wanted
            if go:
                counts[one.stream] += 1
                if one.stream in holes:
                    continue
                holes[one.stream] = len(kept)
                one = Arrival("dropped", one.stream, {"count": 0}, one.received)
        kept.append(one)
    for stream, count in counts.items():
        hole = kept[holes[stream]]
        total = hole.data["count"] + count
        kept[holes[stream]] = hole._replace(data={"count": total})
    return kept
