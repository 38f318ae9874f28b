"""How many requests may leave in a minute: counted here, before each is sent.

The exchange answers 429 to whoever asks more. It allows 2000 requests a minute to a subaccount, of
which 30 for historical market data: candles and old trades. Where its minute begins is not
documented, so any 60 seconds count, each request from just before it leaves. What other programs
send for the same subaccount, or with another of its keys, is not seen here.

Source: Backpack Exchange, API FAQ.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from threading import Lock

from ..errors import InputError, RateLimitError
from ..operations import Operation

MINUTE = 60.0  # seconds for which a request counts
HISTORY = frozenset({"get_klines", "get_historical_trades"})  # operations of the smaller limit
_STEP = 1.0  # seconds: a wait longer than this is shown, and shown anew after each


@dataclass(frozen=True)
class RateLimit:
    """What a client may send in any 60 seconds. Raises InputError.

    All clients of one key count together, and of what is not signed all clients of one host.
    ``requests``: of any kind. ``history``: of candles and historical trades, which count among the
    ``requests`` as well. ``wait``: wait until there is room, or else raise RateLimitError.
    """

    requests: int = 2000
    history: int = 30
    wait: bool = True

    def __post_init__(self) -> None:
        for field in ("requests", "history"):
            value = getattr(self, field)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InputError(
                    field, value, "give a whole number of requests a minute, 1 or more"
                )
        if not isinstance(self.wait, bool):
            raise InputError("wait", self.wait, "is not True or False")


def _on_stderr(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


class RequestCounter:
    """What left in the last minute. Shared by clients (see ``counter_for``), and their threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._requests: deque[float] = deque()  # when each left, in seconds of a monotonic clock
        self._history: deque[float] = deque()

    def wait_for_room(
        self,
        operation: Operation,
        rate_limit: RateLimit,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        notice: Callable[[str], None] = _on_stderr,
    ) -> None:
        """Count one attempt that leaves now; where there is no room for it, wait until there is.

        Call it before the attempt is signed: a wait would use up the signature's window. ``clock``
        gives seconds and never goes back, ``sleep`` waits for seconds. ``notice`` writes a line
        about a wait of more than a second, over and over, and wipes it out in the end. Raises
        RateLimitError where the limit says not to wait; what was refused does not count.
        """
        began: float | None = None
        width = 0  # of what is shown
        try:
            while True:
                limit, wait, now = self._count(operation, rate_limit, clock)
                if wait <= 0:
                    return
                if not rate_limit.wait:
                    raise RateLimitError(operation.name, limit, wait)
                began = now if began is None else began
                if width or wait > _STEP or now - began > _STEP:
                    line = (
                        f"{operation.name}: {limit} requests a minute are allowed; "
                        f"waiting {ceil(wait):>2} s"
                    )
                    width = len(line)
                    notice(f"\r{line}")
                sleep(min(wait, _STEP))
        finally:
            if width:
                notice(f"\r{' ' * width}\r")

    def _count(
        self, operation: Operation, rate_limit: RateLimit, clock: Callable[[], float]
    ) -> tuple[int, float, float]:
        """(the limit in the way, seconds until there may be room, now); 0 seconds: it is counted.

        Nobody waits in here: whoever slept asks again, since another may have been quicker.
        """
        counts = [(rate_limit.requests, self._requests)]
        if operation.name in HISTORY:
            counts.append((rate_limit.history, self._history))
        with self._lock:
            now = clock()
            self._forget(now)
            wait, limit = max(
                (times[-limit] + MINUTE - now if len(times) >= limit else 0.0, limit)
                for limit, times in counts
            )
            if wait <= 0:
                for _, times in counts:
                    times.append(now)
        return limit, wait, now

    def _forget(self, now: float) -> None:
        for times in (self._requests, self._history):
            while times and times[0] + MINUTE <= now:
                times.popleft()


# Kept, not weak: a client made anew in each call of a function must not begin with an empty count.
_COUNTERS: dict[tuple[str, str | None], RequestCounter] = {}


def counter_for(url: str, public_key: str | None) -> RequestCounter:
    """The one RequestCounter in this process of this key (None: without any) at this address.

    ``url``: scheme and host, as a client's ``.url`` spells it.
    """
    return _COUNTERS.setdefault(
        (url, public_key), RequestCounter()
    )  # one step, also between threads
