"""Requests are counted and held back to the exchange's limits, and a long wait is announced."""

from __future__ import annotations

import io
import logging
import sys
import threading
import time
import types
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from live import Live

from bpkit import LIVE_URL, Client, InputError
from bpkit.errors import RateLimitError
from bpkit.guard import rate_limit
from bpkit.guard.rate_limit import RateLimit, RequestCounter, counter_for
from bpkit.operations import OPERATIONS

CANDLES = OPERATIONS["get_klines"]
OLD_TRADES = OPERATIONS["get_historical_trades"]
TICKER = OPERATIONS["get_ticker"]
ORDER = OPERATIONS["execute_order"]


class Time:
    """A clock that only ``sleep`` moves."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self.sleeps: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds

    @property
    def tools(self) -> dict[str, Any]:
        return {"clock": self.clock, "sleep": self.sleep}


def used(counter: RequestCounter, at: Time) -> tuple[int, int]:
    """(requests, of history among them) that count now."""
    counter._forget(at.now)
    return len(counter._requests), len(counter._history)


@pytest.fixture
def at() -> Time:
    return Time()


@pytest.fixture(autouse=True)
def no_shared_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "_COUNTERS", {})


@pytest.fixture
def noticed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is shown to a person."""
    lines: list[str] = []
    monkeypatch.setattr(rate_limit, "notice", lines.append)
    return lines


# --- the limits ----------------------------------------------------------------------------------


def test_the_limits_are_those_of_the_faq() -> None:
    assert RateLimit() == RateLimit(requests=2000, history=30, wait=True)
    assert {CANDLES.name, OLD_TRADES.name} == rate_limit.HISTORY


@pytest.mark.parametrize("field", ["requests", "history"])
@pytest.mark.parametrize("value", [0, -1, 1.0, "30", None, True])
def test_a_limit_is_a_whole_number_above_zero(field: str, value: object) -> None:
    with pytest.raises(InputError, match="1 or more") as caught:
        RateLimit(**{field: value})  # type: ignore[arg-type]
    assert (caught.value.field, caught.value.value) == (field, value)


def test_wait_is_true_or_false() -> None:
    with pytest.raises(InputError, match="wait='no': is not True or False"):
        RateLimit(wait="no")  # type: ignore[arg-type]


def test_one_request_a_minute_is_a_limit() -> None:
    assert RateLimit(requests=1, history=1).history == 1


def test_a_live_client_keeps_to_the_limit_that_it_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The default for a live host, 2000 a minute, would let the second request pass."""
    live = Live(monkeypatch)
    with Client(LIVE_URL, rate_limit=RateLimit(requests=1, wait=False)) as bp:
        bp.get_markets()
        with pytest.raises(RateLimitError, match="get_markets: the limit of 1 request"):
            bp.get_markets()
    assert len(live.sent) == 1


# --- waiting --------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", [CANDLES, OLD_TRADES], ids=lambda one: one.name)
def test_the_31st_waits_until_the_first_is_60_seconds_old(operation: Any, at: Time) -> None:
    counter = RequestCounter()
    for _ in range(30):
        counter.wait_for_room(operation, RateLimit(), **at.tools)
        at.now += 0.5
    assert at.sleeps == [] and at.now == 1015
    counter.wait_for_room(operation, RateLimit(), **at.tools)
    assert at.now == 1060
    # The second of them left at 1000.5, and is the oldest now.
    counter.wait_for_room(operation, RateLimit(), **at.tools)
    assert at.now == 1060.5


def test_the_2001st_of_any_kind_waits(at: Time) -> None:
    counter = RequestCounter()
    for count in range(2000):
        counter.wait_for_room(ORDER if count % 2 else TICKER, RateLimit(), **at.tools)
    assert at.sleeps == []
    at.now = 1048
    counter.wait_for_room(TICKER, RateLimit(), **at.tools)
    assert at.now == 1060, "12 seconds later"
    assert used(counter, at) == (1, 0)


def test_candles_and_old_trades_share_their_limit_and_count_among_all(at: Time) -> None:
    counter, small = RequestCounter(), RateLimit(requests=5, history=2)
    counter.wait_for_room(CANDLES, small, **at.tools)
    counter.wait_for_room(OLD_TRADES, small, **at.tools)
    at.now = 1010
    for _ in range(3):
        counter.wait_for_room(TICKER, small, **at.tools)
    assert at.sleeps == [] and used(counter, at) == (5, 2)
    counter.wait_for_room(TICKER, small, **at.tools)
    assert at.now == 1060, "the two of 1000 are gone, and make room for any kind"
    assert used(counter, at) == (4, 0)


def test_other_requests_do_not_wait_for_the_candles(at: Time) -> None:
    counter, small = RequestCounter(), RateLimit(history=1)
    counter.wait_for_room(CANDLES, small, **at.tools)
    for name in ("get_ticker", "get_recent_trades", "execute_order"):
        counter.wait_for_room(OPERATIONS[name], small, **at.tools)
    assert at.now == 1000
    counter.wait_for_room(CANDLES, small, **at.tools)
    assert at.now == 1060


def test_the_longer_of_two_waits_counts(at: Time) -> None:
    counter, small = RequestCounter(), RateLimit(requests=2, history=1)
    counter.wait_for_room(TICKER, small, **at.tools)
    at.now = 1020
    counter.wait_for_room(CANDLES, small, **at.tools)
    counter.wait_for_room(CANDLES, small, **at.tools)
    assert at.now == 1080


def test_each_client_keeps_its_own_limit_of_what_they_share(at: Time) -> None:
    counter = RequestCounter()
    for _ in range(3):
        counter.wait_for_room(TICKER, RateLimit(requests=3), **at.tools)
        at.now += 1
    counter.wait_for_room(TICKER, RateLimit(requests=10), **at.tools)
    assert at.sleeps == []
    # Of 1000, 1001, 1002, 1003 only one may be left: 1002 is gone at 1062.
    with pytest.raises(RateLimitError) as caught:
        counter.wait_for_room(TICKER, RateLimit(requests=2, wait=False), **at.tools)
    assert caught.value.wait == 59, "it is 1003 now; the fourth left just now"
    counter.wait_for_room(TICKER, RateLimit(requests=2), **at.tools)
    assert at.now == 1062


def test_a_minute_is_forgotten_at_its_end_and_not_before(at: Time) -> None:
    counter = RequestCounter()
    counter.wait_for_room(CANDLES, RateLimit(), **at.tools)
    at.now = 1059.75
    assert used(counter, at) == (1, 1)
    at.now = 1060
    assert used(counter, at) == (0, 0)


def test_a_long_run_keeps_only_its_last_minute(at: Time) -> None:
    counter = RequestCounter()
    for _ in range(500):
        counter.wait_for_room(CANDLES, RateLimit(history=100), **at.tools)
        at.now += 1
    assert len(counter._requests) == len(counter._history) == 60


def test_the_clock_of_the_machine_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "MINUTE", 0.05)
    counter, begun = RequestCounter(), time.monotonic()
    for _ in range(3):
        counter.wait_for_room(TICKER, RateLimit(requests=1))
    assert time.monotonic() - begun >= 0.1


# --- refusing -------------------------------------------------------------------------------------


def test_without_waiting_it_is_refused_and_does_not_count(at: Time) -> None:
    counter, small = RequestCounter(), RateLimit(requests=9, history=2, wait=False)
    counter.wait_for_room(CANDLES, small, **at.tools)
    at.now = 1020
    counter.wait_for_room(CANDLES, small, **at.tools)
    at.now = 1050
    for _ in range(3):
        with pytest.raises(RateLimitError, match="get_klines: the limit of 2 requests") as caught:
            counter.wait_for_room(CANDLES, small, **at.tools)
        error = caught.value
        assert (error.operation, error.limit, error.wait) == ("get_klines", 2, 10.0)
    assert used(counter, at) == (2, 2)
    assert at.sleeps == []
    at.now = 1060
    counter.wait_for_room(CANDLES, small, **at.tools)
    assert used(counter, at) == (2, 2)


def test_the_error_names_the_limit_that_is_in_the_way(at: Time) -> None:
    counter, small = RequestCounter(), RateLimit(requests=3, history=2, wait=False)
    for operation in (TICKER, TICKER, CANDLES):
        counter.wait_for_room(operation, small, **at.tools)
    with pytest.raises(RateLimitError) as caught:
        counter.wait_for_room(CANDLES, small, **at.tools)
    assert caught.value.limit == 3


def test_an_interrupted_wait_does_not_count(at: Time) -> None:
    counter = RequestCounter()
    counter.wait_for_room(TICKER, RateLimit(requests=1), **at.tools)

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        counter.wait_for_room(TICKER, RateLimit(requests=1), **{**at.tools, "sleep": interrupted})
    assert used(counter, at) == (1, 0)


# --- sharing --------------------------------------------------------------------------------------


def test_one_key_at_one_address_has_one_counter(at: Time) -> None:
    one = counter_for("https://api.example", "KEY")
    other = counter_for("https://api." + "example", "KE" + "Y")
    one.wait_for_room(CANDLES, RateLimit(history=1), **at.tools)
    assert other is one
    other.wait_for_room(CANDLES, RateLimit(history=1), **at.tools)
    assert at.now == 1060


@pytest.mark.parametrize(
    "other",
    [("https://api.example", "OTHER"), ("https://other.example", "KEY"),
     ("https://api.example", None)],
)  # fmt: skip
def test_another_key_or_address_has_its_own(other: tuple[str, str | None], at: Time) -> None:
    counter_for("https://api.example", "KEY").wait_for_room(
        CANDLES, RateLimit(history=1), **at.tools
    )
    counter_for(*other).wait_for_room(CANDLES, RateLimit(history=1), **at.tools)
    assert at.now == 1000


def test_a_new_client_does_not_start_a_new_count(at: Time) -> None:
    for _ in range(2):
        counter_for("https://api.example", "KEY").wait_for_room(
            CANDLES, RateLimit(history=1), **at.tools
        )
    assert at.now == 1060


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads take turns as often as they can, so that what is not locked shows."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def together(work: Callable[[], None], threads: int = 8) -> None:
    failed: list[BaseException] = []

    def careful() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    running = [threading.Thread(target=careful) for _ in range(threads)]
    for one in running:
        one.start()
    for one in running:
        one.join(timeout=30)
    assert failed == [] and not any(one.is_alive() for one in running)


class Slow(deque[float]):
    """Between counting and adding to it others have time to do the same."""

    def __len__(self) -> int:
        count = super().__len__()
        time.sleep(0)
        return count


def test_threads_never_exceed_the_limit_in_any_60_seconds(hasty: None, at: Time) -> None:
    counter, small, moving, left = RequestCounter(), RateLimit(requests=7), threading.Lock(), []
    counter._requests = Slow()

    def work() -> None:
        seen = 0.0

        def clock() -> float:
            nonlocal seen
            seen = at.now
            return seen

        def sleep(seconds: float) -> None:
            with moving:
                at.now += seconds
            time.sleep(0)

        for _ in range(40):
            counter.wait_for_room(TICKER, small, clock=clock, sleep=sleep)
            left.append(seen)  # what the clock said when it was counted

    together(work)
    assert len(left) == 320
    left.sort()
    assert min(later - first for first, later in zip(left, left[7:], strict=False)) >= 60


def test_threads_are_given_the_same_counter(hasty: None) -> None:
    found: list[RequestCounter] = []
    together(lambda: found.extend(counter_for("https://api.example", f"{n}") for n in range(50)))
    assert len(found) == 400 and len({id(one) for one in found}) == 50


# --- a wait is announced --------------------------------------------------------------------------


def test_a_long_wait_is_announced_once(
    at: Time, noticed: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """30 candles at 1000, then 11.25 seconds until there is room at 1060."""
    caplog.set_level("INFO", logger="bpkit")
    counter = RequestCounter()
    for _ in range(30):
        counter.wait_for_room(CANDLES, RateLimit(), **at.tools)
    at.now = 1048.75
    counter.wait_for_room(CANDLES, RateLimit(), **at.tools)
    text = "get_klines waits 12 seconds: the limit of 30 a minute is reached"
    assert caplog.record_tuples == [("bpkit.rate_limit", logging.INFO, text)]
    assert noticed == [f"bpkit: {text}"]
    assert at.sleeps == [11.25]


@pytest.mark.parametrize(("left", "lines"), [(0.25, 0), (1.0, 0), (1.25, 1)])
def test_only_a_wait_of_more_than_a_second_is_announced(
    left: float, lines: int, at: Time, noticed: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="bpkit")
    counter = RequestCounter()
    counter.wait_for_room(TICKER, RateLimit(requests=1), **at.tools)
    at.now = 1060 - left
    counter.wait_for_room(TICKER, RateLimit(requests=1), **at.tools)
    assert at.now == 1060 and len(noticed) == len(caplog.records) == lines


def test_a_wait_that_goes_on_is_not_announced_again(at: Time, noticed: list[str]) -> None:
    """Another thread takes the room twice; each time it is free again after 30 seconds."""
    counter, small = RequestCounter(), RateLimit(requests=1)
    counter.wait_for_room(TICKER, small, **at.tools)
    taken = iter([True, True, False])

    def sleep(seconds: float) -> None:
        at.sleep(seconds)
        if next(taken):
            counter._requests.clear()
            counter._requests.append(at.now - 30)

    counter.wait_for_room(TICKER, small, clock=at.clock, sleep=sleep)
    assert at.sleeps == [60, 30, 30]
    assert noticed == ["bpkit: get_ticker waits 60 seconds: the limit of 1 a minute is reached"]


def test_a_refusal_is_not_announced(at: Time, noticed: list[str]) -> None:
    counter, small = RequestCounter(), RateLimit(requests=1, wait=False)
    counter.wait_for_room(TICKER, small, **at.tools)
    with pytest.raises(RateLimitError):
        counter.wait_for_room(TICKER, small, **at.tools)
    assert noticed == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def in_a_notebook(monkeypatch: pytest.MonkeyPatch, shell: object) -> None:
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: shell  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))


def test_a_notice_is_a_line_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    rate_limit.notice("get_ticker waits")
    assert terminal.getvalue() == "get_ticker waits\n"


def test_a_notice_is_shown_in_a_notebook(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    in_a_notebook(monkeypatch, shell=object())
    rate_limit.notice("get_ticker waits")
    assert capsys.readouterr() == ("", "get_ticker waits\n")


@pytest.mark.parametrize("kernel", [True, False])
def test_a_program_whose_stderr_is_a_file_shows_no_notice(
    kernel: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also if it has ipykernel loaded, but does not run in one."""
    in_a_notebook(monkeypatch, shell=None if kernel else object())
    if not kernel:
        monkeypatch.delitem(sys.modules, "ipykernel")
    rate_limit.notice("get_ticker waits")
    assert capsys.readouterr() == ("", "")


def test_a_program_without_stderr_shows_no_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    """``pythonw`` on Windows has none."""
    monkeypatch.setattr("sys.stderr", None)
    rate_limit.notice("get_ticker waits")


def test_a_wait_is_silent_by_default(at: Time, capsys: pytest.CaptureFixture[str]) -> None:
    counter = RequestCounter()
    for _ in range(2):
        counter.wait_for_room(TICKER, RateLimit(requests=1), **at.tools)
    assert at.now == 1060 and capsys.readouterr() == ("", "")
