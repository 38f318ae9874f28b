"""``Sandbox.advance``: time passes in slices, and others are served in between."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from account_histories import shown
from helpers import Plain
from sockets import Listener, until

from bpkit.sandbox import Sandbox
from bpkit.sandbox.core import timeline
from bpkit.sandbox.core.engine import Engine
from bpkit.sandbox.server import advance

START = datetime(2026, 9, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PERP, SPOT = "SOL_USDC_PERP", "SOL_USDC"
STREAMS = [
    *(f"{kind}.{PERP}" for kind in ("trade", "depth", "bookTicker", "markPrice", "kline.1h")),
    *(f"account.{kind}Update" for kind in ("order", "balance", "position")),
]


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slice ends at each moment at which it can."""
    monkeypatch.setattr(advance, "SLICE", 0)


def order(symbol: str, side: str, quantity: str, **more: Any) -> dict[str, Any]:
    kind = "Limit" if "price" in more else "Market"
    return {"symbol": symbol, "side": side, "orderType": kind, "quantity": quantity} | more


def prepare(sandbox: Sandbox) -> None:
    """Three positions, and orders of which some are filled or triggered in the first day."""
    with Plain(sandbox.url) as caller:
        exits = {"takeProfitTriggerPrice": "172", "stopLossTriggerPrice": "168"}
        for one in (
            order(PERP, "Bid", "20", **exits),
            order("BTC_USDC_PERP", "Ask", "0.01"),
            order("ETH_USDC_PERP", "Bid", "0.5"),
            *(order(SPOT, "Bid", "0.5", price=str(price)) for price in range(163, 171)),
        ):
            assert caller.call("execute_order", one).status_code == 200


def seen(sandbox: Sandbox) -> list[Any]:
    """What REST shows."""
    exchange = sandbox._service.exchange
    account = exchange.accounts[sandbox.key.public_key]
    names = ("fills", "order_history", "positions", "balances", "settlements", "funding_payments")
    rows = [shown(exchange, account, name) for name in names]
    return [exchange.now_us, *rows, *(exchange.depth(symbol) for symbol in (PERP, SPOT))]


def at_once(sandbox: Sandbox, span: timedelta) -> None:
    """One long advance, without slices."""
    exchange = sandbox._service.exchange
    until_us = exchange.now_us + span // timedelta(microseconds=1)
    sandbox._service.command(lambda: exchange.advance_to(until_us))


def follow(sandbox: Sandbox) -> list[Any]:
    """All frames of STREAMS that there will be."""
    hub, outbox, frames = sandbox._service.hub, sandbox._service.exchange.outbox, list[Any]()
    key = sandbox.key.public_key
    outbox.wanted = {(name, key if name.startswith("account") else None) for name in STREAMS}
    hub.publish = lambda: frames.extend(outbox.take())  # type: ignore[method-assign]
    return frames


@pytest.mark.parametrize("hours", [2, 25])  # books come each minute, and each hour
def test_slices_change_neither_results_nor_frames(
    sandbox: Sandbox, tiny: None, hours: float
) -> None:
    with Sandbox() as twin:
        prepare(sandbox), prepare(twin)
        frames, expected = follow(sandbox), follow(twin)
        sandbox.advance(hours=hours)
        at_once(twin, hours * HOUR)
        assert seen(sandbox) == seen(twin)
        assert frames == expected and len(frames) > 1_000


class Turns:
    """Acts in the turns of others: ``at`` says which."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, self.at = 0, dict[int, Callable[[], object]]()
        monkeypatch.setattr(advance.Advance, "_give_way", self._give_way)

    def _give_way(self) -> None:
        self.count += 1
        self.at.get(self.count, bool)()


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch, tiny: None) -> Turns:
    return Turns(monkeypatch)


def test_others_act_at_the_moment_that_is_reached(sandbox: Sandbox, turns: Turns) -> None:
    """An order and a cancel in between do what they do between two advances."""
    found: list[Any] = []

    def act(one: Sandbox) -> None:
        with Plain(one.url) as caller:
            sold = caller.call("execute_order", order(PERP, "Ask", "35")).json()
            caller.call("cancel_order", {"symbol": SPOT, "orderId": "x"})
            del sold["clientId"]
            found.append((one.now, sold, caller.get(f"/api/v1/depth?symbol={PERP}").json()))

    turns.at[3] = lambda: act(sandbox)
    with Sandbox() as twin:
        prepare(sandbox), prepare(twin)
        sandbox.advance(hours=30)
        twin.advance(hours=3)
        act(twin)
        twin.advance(hours=27)
        assert found[0] == found[1] and found[0][0] == START + 3 * HOUR
        assert seen(sandbox) == seen(twin)
    assert turns.count == 29 + 2 + 26  # of all three advances


def test_what_happened_is_counted(sandbox: Sandbox) -> None:
    prepare(sandbox)
    before = seen(sandbox)
    now_us = sandbox._service.exchange.now_us
    running = sandbox._service.begin_advance(now_us + 86_400_000_000)
    assert running.target_us == now_us + 86_400_000_000 and 0 <= running.progress <= 1
    assert running.wait() and running.done and running.progress == 1
    after = seen(sandbox)
    conditional = [row for row in after[2] if row["triggerPrice"] is not None]
    triggered = [row for row in conditional if row["status"] in ("Filled", "TriggerFailed")]
    assert running.counts == {
        "fills": len(after[1]) - len(before[1]),
        "triggers": len(triggered),
        "funding": len(after[6]),
        "liquidations": 0,
    }
    assert min(running.counts["fills"], len(triggered), len(after[6])) > 0
    assert sandbox._service.advance is None


def test_a_liquidation_is_counted(sandbox: Sandbox) -> None:
    poor = sandbox.open_account({"USDC": "60"})
    exchange = sandbox._service.exchange
    account = exchange.accounts[poor.public_key]
    account.leverage_limit *= 5
    bid = order(PERP, "Bid", "16.2")
    sandbox._service.command(lambda: exchange.execute(account, bid))
    running = sandbox._service.begin_advance(exchange.now_us + 7_200_000_000)
    running.wait()
    assert running.counts["liquidations"] == 1 and not account.positions


def test_only_one_thing_moves_the_time(sandbox: Sandbox, turns: Turns) -> None:
    service, refused = sandbox._service, list[str]()

    def again() -> None:
        for act in (lambda: sandbox.advance(hours=1), lambda: sandbox.play().__enter__()):
            with pytest.raises(ValueError, match="moves the time now; wait until it is done"):
                act()
            refused.append("")

    turns.at[1] = again
    sandbox.advance(hours=3)
    assert len(refused) == 2 and sandbox.now == START + 3 * HOUR
    with pytest.raises(ValueError, match="has passed"):
        service.begin_advance(service.exchange.now_us)
    with sandbox.play(), pytest.raises(ValueError, match="leave the block of"):
        sandbox.advance(hours=1)
    sandbox.advance(hours=1)


def test_requests_that_wait_come_first(
    sandbox: Sandbox, plain: Plain, tiny: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slice begins when nobody waits any more."""
    service, real, answered = sandbox._service, timeline.step, list[int]()

    def step(engine: Engine, until_us: int) -> None:
        if not answered:
            until(lambda: service.waiting)
        answered.append(len(service.log))
        real(engine, until_us)

    monkeypatch.setattr(timeline, "step", step)
    monkeypatch.setattr(advance, "PAUSE", 0)
    running = service.begin_advance(service.exchange.now_us + 7_200_000_000)
    assert plain.get("/api/v1/time").status_code == 200
    running.wait()
    assert answered[:2] == [0, 1]


def test_frames_that_are_not_sent_do_not_pile_up(
    sandbox: Sandbox, tiny: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine waits for the sockets after each hour, which has some 480 trades."""
    monkeypatch.setattr(advance, "MOST_FRAMES", 0)
    monkeypatch.setattr(advance, "LONGEST_WAIT", 60)
    hub, real, waiting = sandbox._service.hub, timeline.step, list[int]()

    def step(engine: Engine, until_us: int) -> None:
        waiting.append(hub.backlog())
        real(engine, until_us)

    monkeypatch.setattr(timeline, "step", step)
    with Listener(sandbox) as listener:
        listener.subscribe("trade.SOL_USDC")
        sandbox.advance(hours=6)
        sent = len([listener.next() for _ in range(2_000)])
    assert waiting == [0] * 6 and sent == 2_000


# --- the end --------------------------------------------------------------------------------------


@pytest.fixture
def third(monkeypatch: pytest.MonkeyPatch, tiny: None) -> list[Callable[[], object]]:
    """What is in this list is done when the third hour has passed, before its slice ends."""
    real, acts, steps = timeline.step, list[Callable[[], object]](), list[int]()

    def step(engine: Engine, until_us: int) -> None:
        real(engine, until_us)
        steps.append(until_us)
        if len(steps) == 3:
            for act in acts:
                act()

    monkeypatch.setattr(timeline, "step", step)
    return acts


def fail() -> None:
    raise ZeroDivisionError


def test_after_an_error_it_is_the_last_whole_slice(
    sandbox: Sandbox, third: list[Callable[[], object]]
) -> None:
    third.append(fail)
    prepare(sandbox)
    with pytest.raises(ZeroDivisionError) as caught:
        sandbox.advance(days=2)
    assert caught.value.__notes__ == [
        "The market's time stopped at 2026-09-01 14:00:00.000000 UTC."
    ]
    with Sandbox() as twin:
        prepare(twin)
        twin.advance(hours=2)
        assert sandbox.now == START + 2 * HOUR and seen(sandbox) == seen(twin)
        sandbox.advance(hours=30), twin.advance(hours=30)
        assert seen(sandbox) == seen(twin)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    until(lambda: any(one.is_set() for one in stopping))


stopping: list[threading.Event] = []


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    real = advance.Advance.start

    def start(self: advance.Advance) -> None:
        stopping[:] = [self._stopping]
        real(self)

    monkeypatch.setattr(advance.Advance, "start", start)
    yield
    stopping.clear()


def test_an_interrupt_stops_the_time(
    sandbox: Sandbox, events: None, third: list[Callable[[], object]]
) -> None:
    """Ctrl+C: the slice is carried out, and its last book is published."""
    third.append(interrupt)
    prepare(sandbox)
    with Listener(sandbox) as listener:
        listener.subscribe(f"depth.{PERP}")
        with pytest.raises(KeyboardInterrupt):
            sandbox.advance(days=2)
        last = listener.rest()[-1]
    assert sandbox.now == START + 3 * HOUR
    assert f'"T":{sandbox._service.exchange.now_us},' in last
    with Sandbox() as twin:
        prepare(twin)
        twin.advance(hours=3)
        assert seen(sandbox) == seen(twin)


def test_it_ends_with_the_sandbox(turns: Turns) -> None:
    running = Sandbox()
    turns.at[1] = lambda: (
        threading.Thread(target=running.stop).start() or until(lambda: not running._end.alive)
    )
    prepare(running)
    running.advance(days=400)
    assert running._service.exchange.now_us < 10**6 * (START + 48 * HOUR).timestamp()
    assert running._service.advance is None


# --- the bar --------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stderr", "after", "shown"),
    [(Terminal, 0.0, True), (io.StringIO, 0.0, False), (Terminal, 60.0, False)],
)
def test_a_bar_for_a_person_who_waits(
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    turns: Turns,
    stderr: type[io.StringIO],
    after: float,
    shown: bool,
) -> None:
    written = stderr()
    monkeypatch.setattr(sys, "stderr", written)
    monkeypatch.setattr(advance, "NO_BAR", after)
    turns.at[1] = lambda: threading.Event().wait(0.25)
    sandbox.advance(hours=4)
    assert ("25%" in written.getvalue() and "fills=0" in written.getvalue()) == shown
    assert shown or not written.getvalue()


def test_a_bar_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its stderr is not a terminal."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    assert advance._bar().disable
    shell = SimpleNamespace(kernel="a kernel", config={})
    notebook = SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    bar = advance._bar()
    assert not bar.disable
    bar.close()
