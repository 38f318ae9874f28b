"""Let a span of the market's time pass in slices, so that others are served in between.

A slice ends at a whole moment of the market. What others read then is that moment, and their orders
take their place there. Nothing else depends on where the slices end: not the results, and not the
events of streams that nobody caused in between.
"""

from __future__ import annotations

import sys
import threading
import time
import warnings
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ..core import timeline
from ..undo import all_or_nothing
from .play import START

if TYPE_CHECKING:
    from ..core.exchange import Exchange
    from .service import Service

SLICE = 0.03  # seconds of work, then others have their turn
PAUSE = 0.0005  # seconds in which they take it
LONGEST_TURN = 0.03  # seconds of it, if many wait
MOST_FRAMES = 10_000  # that may wait for their sockets, so that the memory does not fill
LONGEST_WAIT = 1.0  # seconds, for a server that has been stopped
NO_BAR = 1.0  # seconds that pass without a progress bar


class Advance:
    """The advance of a service's market to ``target_us``, in a thread of its own.

    ``counts``: the fills, triggers, funding (payments) and liquidations since its begin.
    """

    def __init__(self, service: Service, target_us: int) -> None:
        self.target_us, self._service = target_us, service
        self._begin_us, self._before = service.exchange.now_us, _totals(service.exchange)
        self._reached_us = self._begin_us
        self.counts = dict.fromkeys(self._before, 0)
        self._done, self._stopping = threading.Event(), threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="bpkit sandbox advance", daemon=True)

    def start(self) -> None:
        """Begin. For the service, which has the lock."""
        self._thread.start()

    @property
    def progress(self) -> float:
        """The part of the span that has passed: 0 to 1."""
        return (self._reached_us - self._begin_us) / (self.target_us - self._begin_us)

    @property
    def done(self) -> bool:
        """Has all of the time passed, or was it stopped?"""
        return self._done.is_set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it is done, at most for ``seconds``. Returns ``done``.

        Raises what the engine raised. The market's time is then that of the last whole slice.
        """
        done = self._done.wait(seconds)
        if self._error is not None:
            raise self._error
        return done

    def stop(self) -> None:
        """Stop the time at the end of this slice, and wait for that."""
        self._stopping.set()
        if threading.current_thread() is not self._thread:
            self._done.wait()

    def _run(self) -> None:
        service = self._service
        try:
            ended = self._slice(first=True)
            while not ended:
                self._give_way()
                ended = self._slice()
        except BaseException as error:
            now = START + timedelta(microseconds=service.exchange.now_us)
            error.add_note(f"The market's time stopped at {now:%Y-%m-%d %H:%M:%S.%f} UTC.")
            self._error = error
        finally:
            service.advance = None
            self._done.set()

    def _slice(self, first: bool = False) -> bool:
        """Some milliseconds of work, whole or not at all. Returns: was it the last?"""
        with self._service.lock:
            exchange = self._service.exchange
            try:
                with all_or_nothing():
                    if first:
                        timeline.begin(exchange, self.target_us)
                    ended = self._steps(exchange)
                    if ended:
                        timeline.finish(exchange)
            finally:
                self._service.hub.publish()
            self._reached_us, new = exchange.now_us, _totals(exchange)
            self.counts = {name: new[name] - self._before[name] for name in new}
            return ended

    def _steps(self, exchange: Exchange) -> bool:
        """Advance for some milliseconds. Returns: is that all?"""
        end, ended = time.monotonic() + SLICE, False
        while not ended:
            timeline.step(exchange, self.target_us)
            ended = exchange.now_us == self.target_us or self._stopping.is_set()
            if time.monotonic() >= end:
                break
        return ended

    def _give_way(self) -> None:
        """Others have their turn: for a moment, and longer if some wait or frames are not sent."""
        begin = time.monotonic()
        time.sleep(PAUSE)
        while self._others_are_busy(time.monotonic() - begin):
            time.sleep(10 * PAUSE)

    def _others_are_busy(self, seconds: float) -> bool:
        if self._service.hub.backlog() > MOST_FRAMES:
            return seconds < LONGEST_WAIT
        return self._service.waiting > 0 and seconds < LONGEST_TURN


def _totals(exchange: Exchange) -> dict[str, int]:
    accounts = exchange.accounts.values()
    return {
        "fills": sum(len(one.fills) for one in accounts),
        "triggers": exchange.triggered,
        "funding": sum(len(one.funding) for one in accounts),
        "liquidations": exchange.liquidated,
    }


def watch(advance: Advance) -> None:
    """Wait until an advance is done. If that takes longer than a second, a person sees a bar.

    After Ctrl+C the time stops at the end of the slice, then KeyboardInterrupt is raised.
    """
    try:
        if not advance.wait(NO_BAR):
            _show(advance)
    except KeyboardInterrupt:
        advance.stop()
        raise


def _show(advance: Advance) -> None:
    bar = _bar()
    try:
        while not advance.wait(0.1):
            if bar is not None:
                bar.n = round(100 * advance.progress)
                bar.set_postfix(advance.counts)
    finally:
        if bar is not None:
            bar.close()


def _bar() -> Any:
    """A bar of tqdm; None if it is not installed. It shows nothing if nobody looks at stderr."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # in a notebook without ipywidgets: the bar is text
            from tqdm.auto import tqdm  # type: ignore[import-untyped]
    except ImportError:
        return None
    seen = False if _in_notebook() else None  # None: only if stderr is a terminal
    form = "{l_bar}{bar}| {elapsed}<{remaining}{postfix}"
    return tqdm(desc="advance", total=100, leave=False, disable=seen, bar_format=form)


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    return getattr(ipython and ipython.get_ipython(), "kernel", None) is not None
