"""Let the market's time pass beside the caller, faster than a clock.

Steps are at most a minute of market time: a longer one would have fewer frames. So the frames do
not depend on how often the timer of this machine comes round.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .service import Service

START = datetime(1970, 1, 1, tzinfo=UTC)
END = datetime(2100, 1, 1, tzinfo=UTC)  # no market is simulated after this
FASTEST = 3_600  # seconds of market time in a second
EVERY = 0.05  # seconds between two steps
LONGEST_STEP = 60_000_000  # microseconds of market time
PAUSE = 0.0005  # seconds after a step, so that requests and sockets have their turn


def span_us(
    name: str, now_us: int, days: float, hours: float, minutes: float, seconds: float
) -> int:
    """A span in microseconds. ValueError: below 0, or longer than time can pass.

    ``name``: the method that was called. ``now_us``: the market's time.
    """
    try:
        span = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except (OverflowError, TypeError, ValueError):  # more than timedelta holds; NaN; text
        raise ValueError(
            f"the span is not a length of time that can pass; write {name}(minutes=5)"
        ) from None
    if span < timedelta(0):
        raise ValueError(f"time only moves forward; write {name}(minutes=5), not {span}")
    if span > END - START - timedelta(microseconds=now_us):
        raise ValueError(
            f"the market's time ends at the start of {END:%Y}, before {span} have passed"
        )
    return span // timedelta(microseconds=1)


class Play:
    """While it is entered, market time runs at ``speed``.

    ``span_us``: how much passes in all, whenever the block is left; None: it stops where it is.
    If the block ends with an exception, it stops where it is, too. ValueError: a wrong speed.
    """

    def __init__(self, service: Service, speed: float, span_us: int | None) -> None:
        number = isinstance(speed, int | float) and not isinstance(speed, bool)
        if not number or not 0 < speed <= FASTEST:  # NaN is refused, too
            raise ValueError(
                f"speed={speed!r} is not a number above 0 and up to {FASTEST:,}; write speed=60"
            )
        self._service, self.speed, self._span_us = service, speed, span_us

    def __enter__(self) -> None:
        service = self._service
        with service.lock:
            if service.play is not None:
                raise ValueError("play() runs already; leave its block before you start another")
            if service.advance is not None:
                raise ValueError("advance() moves the time now; wait until it is done")
            service.play = self
            self._begin_us = service.exchange.now_us
        self._end_us = None if self._span_us is None else self._begin_us + self._span_us
        self._stopping, self._error = threading.Event(), None
        self._thread = threading.Thread(target=self._run, name="bpkit sandbox play", daemon=True)
        self._thread.start()

    _error: Exception | None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self.stop()
            if kind is None and self._error is not None:
                raise self._error
            if kind is None and self._end_us is not None:
                while self._service.exchange.now_us < self._end_us:
                    self._service.command(partial(self._step, self._end_us))
        finally:
            self._service.play = None

    def stop(self) -> None:
        """Stop the time where it is, and end the thread."""
        self._stopping.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        begun = time.monotonic()
        try:
            while not self._stopping.wait(EVERY) and self._service.exchange.now_us != self._end_us:
                passed = int((time.monotonic() - begun) * self.speed * 1_000_000)
                self._pass(self._begin_us + passed)
        except Exception as error:  # of the sandbox; raised when the block is left
            self._error = error

    def _pass(self, until_us: int) -> None:
        if self._end_us is not None:
            until_us = min(until_us, self._end_us)
        while self._service.exchange.now_us < until_us and not self._stopping.wait(PAUSE):
            self._service.carry_out(partial(self._step, until_us))

    def _step(self, until_us: int) -> None:
        exchange = self._service.exchange
        exchange.advance_to(min(until_us, exchange.now_us + LONGEST_STEP))
