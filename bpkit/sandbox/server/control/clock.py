"""What the calls of the market's time do: advance, a speed, begin again; and the status."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from ...formatting import plain
from ..fault_table import FAULTS
from ..faults import Fault
from ..play import END, FASTEST, START, Play
from ..service import Service
from .forms import (
    PREFIX,
    Answer,
    Call,
    Json,
    Later,
    Owner,
    Refused,
    asked,
    flag,
    iso,
    span_us,
    text,
    time_us,
    wrong,
)  # fmt: skip

MOST_ADVANCE_US = 3_653 * 86_400_000_000  # ten years
_END_US = int((END - START).total_seconds()) * 1_000_000


class Stored(NamedTuple):
    """A snapshot: its JSON as gzip, the length of the JSON, and the market's time in it."""

    packed: bytes
    size: int
    time: str


@dataclass
class State:
    """What the calls work on. ``playing``: lets the market run at the speed that was set."""

    service: Service
    owner: Owner
    snapshots: dict[str, Stored] = field(default_factory=dict)
    playing: Play | None = None


# --- what there is --------------------------------------------------------------------------------


def health(state: State, call: Call) -> Answer:
    """Is it there?"""
    return Answer(200, {"status": "ok", "version": state.owner.version})


def status(state: State) -> Json:
    """The sandbox in a few words."""
    service = state.service
    now = clock(state)  # first: a market that follows the clock comes to the present
    return {
        "version": state.owner.version,
        "time": now["time"],
        "seed": service.seed,
        "clock": {name: value for name, value in now.items() if name != "time"},
        "markets": list(service.exchange.markets),
        "accounts": [one.name for one in service.exchange.accounts.values()],
        "faults": active(state),
        "requests": sum(not entry["control"] for entry in service.log),
    }


def get_status(state: State, call: Call) -> Answer:
    """The same, as an answer."""
    return Answer(200, status(state))


def active(state: State) -> list[Json]:
    """The faults that are on, oldest first."""
    return [shown(state, one) for one in state.service.faults][::-1]


def shown(state: State, fault: Fault) -> Json:
    """A fault with its options; null: everything."""
    account = state.service.exchange.accounts.get(fault.account or "")
    return {
        "id": fault.id,
        "fault": fault.name,
        "hits": fault.hits,
        "times": fault.times,
        "operations": None if fault.asked is None else sorted(fault.asked),
        "seconds": None if FAULTS[fault.name].seconds is None else fault.seconds,
        "symbols": None if fault.symbols is None else sorted(fault.symbols),
        "account": None if account is None else account.name,
        "probability": plain(fault.probability),
    }


# --- time -----------------------------------------------------------------------------------------


def clock(state: State) -> Json:
    """The market's time, and how it moves."""
    service = state.service
    advance = service.advance
    if advance is not None:
        return {
            "status": "advancing",
            "time": iso(service.exchange.now_us),
            "target": iso(advance.target_us),
            "progress": round(advance.progress, 4),
        }
    if service.follows_clock:
        service.tick()
    speed = 1 if service.follows_clock else service.play.speed if service.play else 0
    return {"status": "ready", "time": iso(service.exchange.now_us), "speed": speed}


def get_clock(state: State, call: Call) -> Answer:
    """The market's time, as an answer."""
    return Answer(200, clock(state))


def advance(state: State, call: Call) -> Answer | Later:
    """Let time pass. The answer comes when it has passed, unless ``wait`` is false."""
    service, wait = state.service, flag("wait", call.body.get("wait", True))
    _check_not_advancing(service)
    if service.follows_clock or service.play is not None:
        how = "start the sandbox with --speed 0"
        if service.play is not None:
            how = f'PUT {PREFIX}/clock {{"speed": 0}}'
        said = f"the market's time runs by itself; to advance it, first {how}"
        raise Refused(409, "FOLLOWS_CLOCK", said)
    target_us = _target_us(call.body, service.exchange.now_us)
    running = service.begin_advance(target_us)
    if not wait:
        return Answer(202, clock(state), {"Location": f"{PREFIX}/clock"})
    return Later(running, lambda: Answer(200, {"time": iso(target_us), **running.counts}))


def _target_us(body: Json, now_us: int) -> int:
    if ("seconds" in body) == ("to" in body):
        raise wrong("seconds", 'write either "seconds" or "to": {"seconds": 300}')
    name = "seconds" if "seconds" in body else "to"
    value = body[name]
    target_us = time_us(name, value) if name == "to" else now_us + span_us(name, value)
    latest = min(now_us + MOST_ADVANCE_US, _END_US)
    if not now_us < target_us <= latest:
        said = f"{name}={json.dumps(value, default=str)} cannot be reached: the market's "
        said += f"time is {iso(now_us)}; time only moves forward, and at most to {iso(latest)}"
        raise wrong(name, said)
    return target_us


def set_clock(state: State, call: Call) -> Answer:
    """Let the market run at a speed."""
    speed = call.body.get("speed")
    known = isinstance(speed, int | Decimal) and not isinstance(speed, bool)
    if not known or not 0 <= speed <= FASTEST:  # type: ignore[operator]
        said = f"speed={json.dumps(speed, default=str)} is not a number from 0 to {FASTEST:,}"
        raise wrong("speed", f"{said}; 60 lets a minute pass in a second")
    _check_not_advancing(state.service)
    with asked("speed"):
        set_speed(state, speed if isinstance(speed, int) else float(speed))  # type: ignore[arg-type]
    with state.service.lock:
        return Answer(200, clock(state))


def set_speed(state: State, speed: float) -> None:
    """Let the market run at this speed; 0 stops it. Call it without the lock.

    Refused: it follows the clock, or ``play`` runs. ValueError: see ``Play``.
    """
    playing = Play(state.service, speed, None) if speed else None
    _halt(state)
    if playing is not None:
        playing.__enter__()
        state.playing = playing


def _halt(state: State) -> float:
    """Stop the time that runs at a speed. Returns that speed. Refused: another runs it."""
    service, playing = state.service, state.playing
    if service.follows_clock:
        said = "the market follows this machine's clock; start the sandbox with --speed instead"
        raise Refused(409, "FOLLOWS_CLOCK", said)
    if service.play is not playing:
        said = "play() moves the time, in the program of the sandbox; wait until its block ends"
        raise Refused(409, "FOLLOWS_CLOCK", said)
    if playing is None:
        return 0
    state.playing = None
    playing.__exit__(None)
    return playing.speed


def _check_not_advancing(service: Service) -> None:
    running = service.advance
    if running is not None:
        said = f"the market advances to {iso(running.target_us)}; GET {PREFIX}/clock shows how far"
        raise Refused(409, "ADVANCING", said)


# --- beginning again ------------------------------------------------------------------------------


def reset(state: State, call: Call) -> Answer:
    """Begin again."""
    seed = None if call.body.get("seed") is None else text("seed", call.body["seed"])
    return restarted(state, lambda: state.service.reset(seed))


def restarted(state: State, restart: Callable[[], None]) -> Answer:
    """Carry out a restart. A market that ran at a speed runs again afterwards."""
    service = state.service
    _check_not_advancing(service)
    speed = 0.0 if service.follows_clock else _halt(state)
    try:
        restart()
    finally:
        if speed:
            set_speed(state, speed)
    with service.lock:
        return Answer(200, status(state))
