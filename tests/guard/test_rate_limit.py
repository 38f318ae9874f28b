"""The exchange's limits are kept on this side: counted, waited for, shared, and shown."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bpkit import InputError
from bpkit.errors import RateLimitError
from bpkit.guard import rate_limit
from bpkit.guard.rate_limit import RateLimit, RequestCounter, counter_for
from bpkit.operations import OPERATIONS

CANDLES = OPERATIONS["get_klines"]
OLD_TRADES = OPERATIONS["get_historical_trades"]
TICKER = OPERATIONS["get_ticker"]
ORDER = OPERATIONS["execute_order"]


class Time:
    """A clock that only sleep moves, and what was written meanwhile."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self.sleeps: list[float] = []
        self.written: list[str] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds

    @property
    def tools(self) -> dict[str, Any]:
        return {"clock": self.clock, "sleep": self.sleep, "notice": self.written.append}


def used(counter: RequestCounter, at: Time) -> tuple[int, int]:
    """(requests, of history among them) that count at this moment."""
    counter._forget(at.now)
    return len(counter._requests), len(counter._history)


@pytest.fixture
def at() -> Time:
    return Time()


@pytest.fixture(autouse=True)
def no_shared_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "_COUNTERS", {})


# --- the limits ----------------------------------------------------------------------------------


def test_the_limits_are_those_of_the_faq() -> None:
    assert RateLimit() == RateLimit(requests=2000, history=30, wait=True)
    assert {CANDLES.name, OLD_TRADES.name} == rate_limit.HISTORY


@pytest.mark.parametrize("field", ["requests", "history"])
@pytest.mark.parametrize("value", [0, -1, True, 1.0, "30", None])
def test_a_limit_is_a_whole_number_above_zero(field: str, value: object) -> None:
    with pytest.raises(InputError, match="1 or more") as caught:
        RateLimit(**{field: value})  # type: ignore[arg-type]
    assert (caught.value.field, caught.value.value) == (field, value)


@pytest.mark.parametrize("value", [0, 1, None, "yes"])
def test_wait_is_yes_or_no(value: object) -> None:
    with pytest.raises(InputError, match="wait=.*True or False"):
        RateLimit(wait=value)  # type: ignore[arg-type]


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
    assert at.sleeps == [] and at.written == []
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


def test_a_wait_that_is_broken_off_does_not_count(at: Time) -> None:
    counter = RequestCounter()
    counter.wait_for_room(TICKER, RateLimit(requests=1), **at.tools)

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        counter.wait_for_room(TICKER, RateLimit(requests=1), **{**at.tools, "sleep": interrupted})
    assert used(counter, at) == (1, 0)
    assert at.written[-1].strip() == "", "and its line is wiped out"


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


def test_a_client_made_anew_does_not_begin_anew(at: Time) -> None:
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
            counter.wait_for_room(TICKER, small, clock=clock, sleep=sleep, notice=lambda text: None)
            left.append(seen)  # what the clock said when it was counted

    together(work)
    assert len(left) == 320
    left.sort()
    assert min(later - first for first, later in zip(left, left[7:], strict=False)) >= 60


def test_threads_are_given_the_same_counter(hasty: None) -> None:
    found: list[RequestCounter] = []
    together(lambda: found.extend(counter_for("https://api.example", f"{n}") for n in range(50)))
    assert len(found) == 400 and len({id(one) for one in found}) == 50


# --- what is seen of it ---------------------------------------------------------------------------


def test_a_long_wait_counts_down_in_one_line_and_is_wiped_out(at: Time) -> None:
    counter = RequestCounter()
    for _ in range(30):
        counter.wait_for_room(CANDLES, RateLimit(), **at.tools)
    at.now = 1048.5
    counter.wait_for_room(CANDLES, RateLimit(), **at.tools)
    said = "\rget_klines: 30 requests a minute are allowed; waiting {} s"
    # 11.5 seconds are left at first, and half a second in the end.
    counted = ["12", "11", "10", " 9", " 8", " 7", " 6", " 5", " 4", " 3", " 2", " 1"]
    assert at.written[:-1] == [said.format(left) for left in counted]
    width = len(said.format(12)) - 1
    assert at.written[-1] == "\r" + " " * width + "\r"
    assert "\n" not in "".join(at.written)


@pytest.mark.parametrize(("left", "lines"), [(1.0, 0), (0.25, 0), (1.25, 3)])
def test_a_wait_of_a_second_is_not_worth_a_line(left: float, lines: int, at: Time) -> None:
    counter = RequestCounter()
    counter.wait_for_room(TICKER, RateLimit(requests=1), **at.tools)
    at.now = 1060 - left
    counter.wait_for_room(TICKER, RateLimit(requests=1), **at.tools)
    assert at.now == 1060 and len(at.written) == lines


def test_a_wait_is_shown_once_it_has_lasted(at: Time) -> None:
    """Each time the room is taken by somebody who was quicker."""
    counter, small = RequestCounter(), RateLimit(requests=1)
    monkey = iter([True, True, True, False])
    counter.wait_for_room(TICKER, small, **at.tools)
    at.now = 1059.25

    def robbed(seconds: float) -> None:
        at.sleep(seconds)
        if next(monkey):
            counter._requests.clear()
            counter._requests.append(at.now - 59.25)  # leaves again in 0.75 seconds

    counter.wait_for_room(TICKER, small, **{**at.tools, "sleep": robbed})
    assert at.sleeps == [0.75] * 4
    # After 1.5 and 2.25 seconds; not at the beginning, and not after 0.75.
    assert [text.strip() for text in at.written] == [
        "get_ticker: 1 requests a minute are allowed; waiting  1 s"
    ] * 2 + [""]


def test_it_is_seen_on_stderr(at: Time, capsys: pytest.CaptureFixture[str]) -> None:
    counter = RequestCounter()
    for _ in range(2):
        counter.wait_for_room(TICKER, RateLimit(requests=1), clock=at.clock, sleep=at.sleep)
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("\rget_ticker: 1 requests a minute are allowed; waiting 60")
    assert err.endswith(" \r")
