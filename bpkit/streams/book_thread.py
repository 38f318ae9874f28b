"""Follow an order book in a thread: the stream of its changes, and snapshots when it is stale.

The stream is subscribed first and then REST is asked for the whole book, so that no change is
missed. A snapshot that does not fit is asked for again, later each time. ``LocalBook`` decides what
fits.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import ApiError, BpkitError, RateLimitError, StaleBook, TransportError
from .connection import MOST_WAITING, Arrival, Connection
from .local_book import LocalBook, Stale
from .names import check_names

if TYPE_CHECKING:
    from ..client import Client

SLICE = 0.5  # seconds that a thread waits at a time, so that Ctrl+C works on every system
BACKOFF, MOST_BACKOFF = 0.1, 5.0  # seconds before another snapshot; doubled each time
CALM = 10.0  # seconds without trouble after which the next snapshot is asked for at once
ENDING = 2.0  # seconds that closing waits for the thread, which may wait for an answer
MOST_PROBLEMS = 1000  # older ones are forgotten

_T = TypeVar("_T")


class BookThread:
    """A ``LocalBook`` that a thread keeps up to date. It is opened once, and closed.

    ``ended``: why it is not followed, or None. Any thread may call the public methods.
    """

    def __init__(self, client: Client, symbol: str) -> None:
        self.book = LocalBook()
        self.ended: str | None = "it is not open"
        self._client, self._symbol = client, symbol
        self._connection = Connection(client, check_names([f"depth.{symbol}"]))
        self._thread = threading.Thread(target=self._follow, name="bpkit order book", daemon=True)
        self._failure: Exception | None = None
        self._changed = threading.Condition()  # guards the book and the problems
        self._problems: deque[dict[str, Any]] = deque(maxlen=MOST_PROBLEMS)
        self._sessions, self._connected = 0, True  # how often the stream came back; is it there?
        self._tries, self._trouble_at = 0, -CALM  # snapshots since all was calm; the last of them
        self._ask_at: float | None = None  # when the next snapshot is to be asked for

    def open(self, seconds: float) -> None:
        """Begin; returns when the book is complete. Raises what prevents that, and StaleBook."""
        try:
            self._connection.open()
            self.ended = None
            self._plan()
            self._thread.start()
            self.wait(seconds)
        except BaseException as error:  # Ctrl+C too
            self.close()
            if isinstance(error, StaleBook) and self._failure is not None:
                raise self._failure from None
            raise

    def close(self) -> None:
        """End the thread and the connection. Idempotent."""
        self._end("it is closed")
        self._connection.close()
        if self._thread.ident is not None:
            self._thread.join(ENDING)

    def read(self, get: Callable[[LocalBook], _T]) -> _T:
        """What ``get`` finds in the book, while nothing changes it. Raises StaleBook."""
        with self._changed:
            if self._is_stale():
                raise self._error()
            return get(self.book)

    def wait(self, seconds: float) -> None:
        """Until the book is good. Raises StaleBook if that takes longer, or cannot happen."""
        until = monotonic() + seconds
        with self._changed:
            while self._is_stale():
                left = until - monotonic()
                if self.ended is not None or left <= 0:
                    raise self._error()
                self._changed.wait(min(left, SLICE))

    def problems(self) -> list[dict[str, Any]]:
        """A row for each thing that went wrong, and for each that came right again."""
        with self._changed:
            return [dict(row) for row in self._problems]

    def _is_stale(self) -> bool:
        return self.ended is not None or self.book.stale is not None

    def _error(self) -> StaleBook:
        stale = self.book.stale
        if self.ended is not None or stale is None:
            made = StaleBook(self._symbol, self.ended or "", ended=True)
            made.__cause__ = self._failure
            return made
        reason = stale.reason
        if self._problems and self._problems[-1]["event"] == "no snapshot":
            reason += f" ({self._problems[-1]['reason']})"
        return StaleBook(self._symbol, reason, stale.expected, stale.came)

    # --- in the thread ----------------------------------------------------------------------------

    def _follow(self) -> None:
        try:
            while self.ended is None:
                wait = SLICE if self._ask_at is None else self._ask_at - monotonic()
                self._take_all(min(max(wait, 0), SLICE))
                if self._connection.ended:
                    self._take_all(0)  # it says why
                    self._end("the connection has ended")
                elif self._ask_at is not None and self._ask_at <= monotonic():
                    self._ask()
        except Exception as error:  # a thread must not print
            self._failure = error
            self._end(f"it is not followed any more: {error}")
        finally:
            self._connection.close()

    def _take_all(self, seconds: float) -> None:
        """Take what has arrived; wait for the first of it."""
        arrival = self._connection.take(seconds)
        for _ in range(MOST_WAITING):
            if arrival is None:
                return
            with self._changed:
                self._take(arrival)
            arrival = self._connection.take(0)

    def _take(self, arrival: Arrival) -> None:
        kind, data = arrival.kind, arrival.data
        if kind == "data":
            if why := self.book.add(data):
                self._note(arrival.received, why)
                self._plan()
        elif kind == "lost":
            self._lose(arrival, data["reason"], data["final"])
        elif kind == "refused":
            self._lose(arrival, f"the exchange refuses it: {data['code']} {data['message']}", True)
        elif kind == "back":
            reason = f"nothing came for {data['seconds']:.1f} seconds"
            self._note(arrival.received, Stale("back", reason))
            self._sessions, self._connected = self._sessions + 1, True
            self._plan()
        else:
            reason = f"{data['count']} updates were dropped, because they came too fast"
            self._note(arrival.received, Stale("dropped", reason))

    def _lose(self, arrival: Arrival, reason: str, final: bool) -> None:
        self._note(arrival.received, self.book.lost(reason))
        self._connected, self._ask_at = False, None
        if final:
            self._end(reason)

    def _plan(self) -> None:
        """Ask for a snapshot: at once, or later if that was tried just now."""
        if self._ask_at is not None or not self._connected:
            return
        now = monotonic()
        if now - self._trouble_at > CALM:
            self._tries = 0
        self._trouble_at = now
        wait = min(BACKOFF * 2 ** (self._tries - 1), MOST_BACKOFF) if self._tries else 0.0
        self._tries, self._ask_at = self._tries + 1, now + wait

    def _ask(self) -> None:
        """Ask for a snapshot, and begin with it if it fits."""
        self._ask_at, session = None, self._sessions
        try:
            snapshot = self._client.get_depth(self._symbol, limit=1000)
        except BpkitError as error:
            if not _may_pass(error):
                raise
            with self._changed:
                self._note(datetime.now(UTC), Stale("no snapshot", str(error.args[0]).rstrip(".")))
                self._plan()
            return
        self._take_all(0)  # what came before the answer
        with self._changed:
            if not self._connected or session != self._sessions:
                return  # it may be from before the stream was opened again
            if why := self.book.load(snapshot):
                self._note(datetime.now(UTC), why)
                self._plan()
                return
            if self._problems:
                reason = f"the book is complete at update {self.book.update_id}"
                self._note(datetime.now(UTC), Stale("good again", reason))
            self._ask_at = None
            self._changed.notify_all()

    def _note(self, time: datetime, what: Stale) -> None:
        self._problems.append({"time": time.isoformat(), **what._asdict()})

    def _end(self, reason: str) -> None:
        with self._changed:
            if self.ended is None:
                self.ended = reason
            self._changed.notify_all()


def _may_pass(error: BpkitError) -> bool:
    """Can the same request succeed later?"""
    if isinstance(error, ApiError):
        return error.status in (408, 429) or error.status >= 500
    return isinstance(error, TransportError | RateLimitError)
