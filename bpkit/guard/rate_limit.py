"""Keep to the exchange's request limits: count each request before it is sent, and wait for room.

The exchange allows 2000 requests a minute for a subaccount, and 30 of them for historical market
data: candles and old trades. It answers 429 to more. Where its minute begins is not documented, so
any 60 seconds count here, and a request counts from just before it is sent. Requests of other
programs, and of another key of the same subaccount, are not seen here.

Source: Backpack Exchange, API FAQ.
"""

from __future__ import annotations

import logging
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
HISTORY = frozenset({"get_klines", "get_historical_trades"})  # operations with the smaller limit
_MOMENT = 1.0  # seconds: a longer wait is announced
_LOG = logging.getLogger("bpkit.rate_limit")


@dataclass(frozen=True)
class RateLimit:
    """How many requests a client may send in any 60 seconds. Raises InputError.

    All clients with one key count together; so do all unsigned requests to one host.
    ``requests``: of any kind. ``history``: candles and historical trades, which also count among
    the ``requests``. ``wait``: wait until there is room; False: raise RateLimitError instead.

    A wait of more than a second is logged (logger ``bpkit.rate_limit``, level INFO), and shown once
    on stderr in a notebook or a terminal.
    """

    requests: int = 2000
    history: int = 30
    wait: bool = True

    def __post_init__(self) -> None:
        for field in ("requests", "history"):
            value = getattr(self, field)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                remedy = "is not a whole number of requests a minute, 1 or more"
                raise InputError(field, value, remedy)
        if not isinstance(self.wait, bool):
            raise InputError("wait", self.wait, "is not True or False")


def notice(text: str) -> None:
    """Show one line to a person: in a notebook, or if stderr is a terminal."""
    ipython = sys.modules.get("IPython") if "ipykernel" in sys.modules else None
    in_notebook = ipython is not None and ipython.get_ipython() is not None
    if sys.stderr is not None and (in_notebook or sys.stderr.isatty()):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


class RequestCounter:
    """Count the requests of the last 60 seconds. It is safe between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._requests: deque[float] = deque()  # when each was sent, in seconds of ``clock``
        self._history: deque[float] = deque()

    def wait_for_room(
        self,
        operation: Operation,
        rate_limit: RateLimit,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Wait until one more request may be sent, and count it.

        Call it before the request is signed: a wait would use up the signature's window. ``clock``
        gives seconds and never goes back, ``sleep`` waits for seconds. Raises RateLimitError if
        ``rate_limit`` says not to wait; a request that is refused does not count.
        """
        announced = False
        while True:
            limit, wait = self._count(operation, rate_limit, clock)
            if wait <= 0:
                return
            if not rate_limit.wait:
                raise RateLimitError(operation.name, limit, wait)
            if wait > _MOMENT and not announced:
                announced = True
                _announce(operation.name, limit, wait)
            sleep(wait)

    def _count(
        self, operation: Operation, rate_limit: RateLimit, clock: Callable[[], float]
    ) -> tuple[int, float]:
        """(the limit that is reached, seconds until there may be room); 0 seconds: it is counted.

        Nothing waits inside the lock. After a wait, count again: another thread may be quicker.
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
        return limit, wait

    def _forget(self, now: float) -> None:
        for times in (self._requests, self._history):
            while times and times[0] + MINUTE <= now:
                times.popleft()


def _announce(operation: str, limit: int, wait: float) -> None:
    text = f"{operation} waits {ceil(wait)} seconds: the limit of {limit} a minute is reached"
    _LOG.info(text)
    notice(f"bpkit: {text}")


# Kept for the life of the process: a new client with the same key must not start a new count.
_COUNTERS: dict[tuple[str, str | None], RequestCounter] = {}


def counter_for(url: str, public_key: str | None) -> RequestCounter:
    """The one counter of a key at an address; ``public_key`` None: of unsigned requests.

    ``url``: scheme and host, as in a client's ``.url``.
    """
    return _COUNTERS.setdefault((url, public_key), RequestCounter())  # atomic between threads
