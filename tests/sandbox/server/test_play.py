"""``Sandbox.play`` and ``follow_clock``: time that passes by itself, and what sockets see of it."""

from __future__ import annotations

import gc
import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from helpers import Plain
from sockets import Listener, until, wire

from bpkit.sandbox import Sandbox
from bpkit.sandbox.core.exchange import Exchange
from bpkit.sandbox.server import play

START = datetime(2026, 9, 1, 12, tzinfo=UTC)
TRADE = "trade.SOL_USDC"


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The engine says something at each ten seconds. Returns the spans of its steps (us)."""
    real, steps = Exchange.advance_to, list[int]()
    ten = 10_000_000

    def advance_to(exchange: Exchange, now_us: int) -> None:
        steps.append(now_us - exchange.now_us)
        for time_us in range((exchange.now_us // ten + 1) * ten, now_us + 1, ten):
            exchange.outbox.add(TRADE, make=lambda time_us=time_us: {"T": time_us})
        real(exchange, now_us)

    monkeypatch.setattr(Exchange, "advance_to", advance_to)
    return steps


def ticks(seconds: int) -> list[str]:
    begin = int(START.timestamp())
    return [wire(TRADE, T=(begin + one) * 1_000_000) for one in range(10, seconds + 1, 10)]


def playing() -> bool:
    return any(one.name == "bpkit sandbox play" for one in threading.enumerate())


# --- play -----------------------------------------------------------------------------------------


def test_time_passes_beside_the_block(sandbox: Sandbox) -> None:
    with sandbox.play(speed=600):
        until(lambda: sandbox.now > START + timedelta(minutes=2))
    stopped = sandbox.now
    assert not playing() and sandbox.now == stopped
    sandbox.advance(seconds=1)
    assert sandbox.now == stopped + timedelta(seconds=1)


def test_a_block_may_be_entered_again(sandbox: Sandbox) -> None:
    two_minutes = sandbox.play(minutes=2)
    for _ in range(2):
        with two_minutes:
            pass
    assert sandbox.now == START + timedelta(minutes=4)


def test_a_span_ends_by_itself(sandbox: Sandbox) -> None:
    with sandbox.play(3600, seconds=30, minutes=2):
        until(lambda: not playing())
        assert sandbox.now == START + timedelta(seconds=150)
    assert sandbox.now == START + timedelta(seconds=150)


def test_the_rest_of_a_span_passes_when_the_block_is_left(sandbox: Sandbox) -> None:
    with sandbox.play(hours=3):
        pass
    assert sandbox.now == START + timedelta(hours=3) and not playing()


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
@pytest.mark.parametrize("span", [{}, {"hours": 3}])
def test_an_exception_ends_it_where_it_is(
    sandbox: Sandbox, error: type[BaseException], span: dict[str, Any]
) -> None:
    with pytest.raises(error), sandbox.play(**span):
        raise error
    assert sandbox.now < START + timedelta(hours=1) and not playing()
    sandbox.advance(seconds=1)


def test_a_defect_is_raised_when_the_block_is_left(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(exchange: Exchange, now_us: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), sandbox.play(minutes=5):
        monkeypatch.setattr(Exchange, "advance_to", fail)
        until(lambda: not playing())
    monkeypatch.undo()
    sandbox.advance(seconds=1)


@pytest.mark.parametrize("speed", [0, -1, 3601, math.nan, math.inf, True, "60", None])
def test_a_wrong_speed(sandbox: Sandbox, speed: Any) -> None:
    with pytest.raises(ValueError, match="speed=.* is not a number above 0 and up to 3,600"):
        sandbox.play(speed)


@pytest.mark.parametrize(
    ("span", "text"),
    [
        ({"minutes": -5}, "only moves forward; write play"),
        ({"hours": "1"}, "not a length of time"),
        ({"seconds": math.nan}, "not a length of time"),
        ({"hours": 10**6}, "ends at the start of 2100"),
    ],
)
def test_a_wrong_span(sandbox: Sandbox, span: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        sandbox.play(**span)


def test_time_has_one_master(sandbox: Sandbox) -> None:
    with sandbox.play(), pytest.raises(ValueError, match="runs already"), sandbox.play():
        pass
    with sandbox.play():
        with pytest.raises(ValueError, match="leave the block of play.. before advance"):
            sandbox.advance(minutes=1)
        sandbox.open_account({"USDC": "5"})  # other commands work
    with Sandbox(follow_clock=True) as live, pytest.raises(ValueError, match="follows the clock"):
        live.play()


def test_requests_have_their_turn(sandbox: Sandbox, plain: Plain) -> None:
    with sandbox.play(3600):
        for _ in range(20):
            assert plain.get("/api/v1/depth?symbol=SOL_USDC").status_code == 200


def test_no_step_is_longer_than_a_minute(sandbox: Sandbox, spoken: list[int]) -> None:
    with sandbox.play(minutes=10):
        pass
    assert sum(spoken) == 600_000_000 and max(spoken) <= 60_000_000


@pytest.mark.parametrize("every", [0.001, 0.02, 10])
def test_frames_do_not_depend_on_the_timer(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, every: float
) -> None:
    streams = ["trade.SOL_USDC", "depth.SOL_USDC", "bookTicker.SOL_USDC", "markPrice.SOL_USDC_PERP"]
    with Sandbox() as twin, Listener(twin) as listener:
        listener.subscribe(*streams)
        for _ in range(45):
            twin.advance(seconds=4)
        expected = listener.rest()
    monkeypatch.setattr(play, "EVERY", every)
    with Listener(sandbox) as listener:
        listener.subscribe(*streams)
        with sandbox.play(1800, minutes=3):
            pass
        assert listener.rest() == expected and len(expected) > 900


@pytest.mark.parametrize("end", [Sandbox.stop, lambda sandbox: None])
def test_it_ends_with_the_sandbox(end: Callable[[Sandbox], None]) -> None:
    running = Sandbox()
    manager = running.play()
    manager.__enter__()
    assert playing()
    end(running)
    del running
    gc.collect()
    assert not playing()
    manager.__exit__(None, None, None)


# --- follow_clock ---------------------------------------------------------------------------------


def test_a_request_finds_a_market_that_is_at_most_a_tenth_of_a_second_behind() -> None:
    """An order is executed, and dated, at the market's time; get_time is that of the clock."""
    with Sandbox(follow_clock=True) as live, Plain(live.url) as caller:
        service, exchange = live._service, live._service.exchange
        begin = exchange.now_us // 1_000 * 1_000 + 1_000_000

        def placed(after_us: int) -> int:
            service._market_clock = lambda: begin + after_us
            order = {"symbol": "SOL_USDC", "side": "Ask", "orderType": "Market", "quantity": "0.01"}
            answer = caller.call("execute_order", order)
            return int(answer.json()["createdAt"]) - begin // 1_000

        service._market_clock = lambda: begin
        caller.get("/api/v1/time")
        found = [placed(after_us) for after_us in (99_999, 100_000, 199_999, 50_000, 200_000)]
        assert found == [0, 100, 100, 100, 200]
        now_ms = int(caller.get("/api/v1/time").text)
        assert abs(now_ms - time.time_ns() // 1_000_000) < 5_000


def test_with_a_clock_time_passes_for_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """No request comes, and frames arrive."""
    real = Exchange.advance_to

    def advance_to(exchange: Exchange, now_us: int) -> None:
        exchange.outbox.add(TRADE, make=lambda: {"T": now_us})
        real(exchange, now_us)

    monkeypatch.setattr(Exchange, "advance_to", advance_to)
    with Sandbox(follow_clock=True) as live, Listener(live) as listener:
        listener.subscribe(TRADE)
        times = [int(listener.next().split('"T":')[1].split("}")[0]) for _ in range(4)]
        assert times == sorted(set(times)) and times[-1] - times[0] < 10_000_000
        listener.unsubscribe(TRADE)
        listener.rest()
        exchange = live._service.exchange
        known = exchange.now_us
        listener.settle()
        threading.Event().wait(0.12)
        assert exchange.now_us == known  # nobody listens
