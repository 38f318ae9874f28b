"""A snapshot gives back the same answers and the same future, anywhere; a wrong one nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from copy import deepcopy
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import random_session
from helpers import DEMO_SECRET, Plain, examples
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from random_session import Listening, call, carry_out, commands, everything, listen, new_service
from sockets import Listener
from websockets.exceptions import ConnectionClosed

from bpkit.sandbox import Conflicts, Sandbox
from bpkit.sandbox.core import snapshot, timeline
from bpkit.sandbox.core.snapshot import Unknown
from bpkit.sandbox.core.state_classes import (
    form_of,
    is_constant,
    is_state,
    is_wiring,
    name_of,
    state_of,
)
from bpkit.sandbox.server.restarts import OtherVersion, _checksum
from bpkit.sandbox.server.service import Service
from bpkit.sandbox.undo import Undoable, UndoDict, UndoList

TESTS = Path(__file__).parent.parent


def as_file(service: Service) -> str:
    return json.dumps(service.snapshot())


def played(seed: int, count: int) -> Service:
    service = new_service()
    for command in commands(seed, count):
        carry_out(service, command)
    return service


# --- the same answers and the same future ---------------------------------------------------------


@settings(max_examples=examples(3), phases=[Phase.generate])  # to shrink takes minutes
@given(st.integers(0, 10**6), st.integers(1, 45), st.booleans())
def test_the_future_is_the_same(seed: int, before: int, heard: bool) -> None:
    """Spot, perps, triggers, transfers and time; with and without a socket that listens before."""
    one, other = new_service(), new_service("another seed", Conflicts(auth_status=401))
    story = list(commands(seed, before + 20))
    earlier = listen(one) if heard else Listening()
    for command in story[:before]:
        carry_out(one, command)
    text = as_file(one)
    other.restore(json.loads(text))
    assert as_file(other) == text
    assert everything(other) == everything(one)
    one.hub.gone.append(earlier)
    ears = listen(one), listen(other)
    for command in story[before:]:
        assert carry_out(one, command) == carry_out(other, command), command
    assert ears[0].texts == ears[1].texts
    assert everything(other) == everything(one)


@pytest.fixture(scope="module")
def session() -> Service:
    return played(1, 250)


def test_a_session_has_something_of_everything(session: Service) -> None:
    """Else the property above would say little."""
    accounts = session.exchange.accounts.values()
    ends = {(order.status, order.expiry) for one in accounts for order in one.orders}
    assert {status for status, _ in ends} >= {
        "New", "Filled", "Cancelled", "Expired", "TriggerPending",
        "TriggerFailed",
    }  # fmt: skip
    assert all(one.fills and one.settlements for one in accounts)
    assert (
        any(one.positions for one in accounts)
        and any(one.open for one in accounts)
        and any(one.funding for one in accounts)
    )
    assert session.capital._deposits and session.capital._withdrawals
    for name in ("get_interest_history", "get_strategies_history"):
        assert any(len(call(session, who, name, {})) > 10 for who in range(3)), name


def test_another_process_goes_on_in_the_same_way(tmp_path: Path) -> None:
    service, file = played(3, 60), tmp_path / "snapshot.json"
    file.write_text(as_file(service))
    answers = [carry_out(service, command) for command in commands(4, 20)]
    code = """
import json, sys
from random_session import *
service = new_service("other")
service.restore(json.load(open(sys.argv[1])))
print([carry_out(service, command) for command in commands(4, 20)])
"""
    paths = os.pathsep.join((str(TESTS), str(TESTS.parent)))
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": "1"},
    )  # fmt: skip
    assert done.stdout == f"{answers}\n", done.stderr


def test_it_is_restored_many_times(sandbox: Sandbox, plain: Plain) -> None:
    """The snapshot stays as it is, whatever happens afterwards."""
    start = sandbox.snapshot()
    kept, ids = deepcopy(start), []
    for _ in range(2):
        order = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Market", "quantity": "1"}
        ids.append(plain.call("execute_order", order).json()["id"])
        sandbox.advance(minutes=1)
        sandbox.restore(start)
        assert start == kept == sandbox.snapshot()
        assert sandbox.now.isoformat() == "2026-09-01T12:00:00+00:00"
    assert ids[0] == ids[1]


def test_numbers_are_exact_in_every_language(session: Service) -> None:
    """Decimals are text, and so are ints beyond 2**53."""
    session.exchange.accounts[random_session.public_key(random_session.SECRETS[0])].user_id = 2**60
    text = as_file(session)
    found: list[int] = []

    def no_float(text: str) -> None:
        raise AssertionError(text)

    json.loads(text, parse_float=no_float, parse_int=lambda digits: found.append(int(digits)))
    assert len(found) > 1000 and max(map(abs, found)) <= 2**53
    other = new_service()
    other.restore(json.loads(text))
    assert as_file(other) == text


def test_a_clock_goes_on_from_the_snapshot() -> None:
    """A market that follows a clock goes on from the snapshot's time, at the clock's speed."""
    service = new_service()
    clock = [service.exchange.now_us]
    service._market_clock = lambda: clock[0]
    saved = service.snapshot()
    clock[0] += 86_400_000_000
    assert service.now_us() == saved_us(saved) + 86_400_000_000
    service.restore(saved)
    clock[0] += 1_000_000
    assert service.now_us() == saved_us(saved) + 1_000_000


def saved_us(saved: dict[str, Any]) -> int:
    assert saved["time"] == "2026-09-01T12:00:00.000000Z"
    return 1_788_264_000_000_000


# --- what is refused ------------------------------------------------------------------------------


def signed(saved: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """A snapshot that somebody has changed with care."""
    saved = {**saved, **changed}
    return saved | {"sha256": _checksum(saved)}


def without(saved: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in saved.items() if key != name}


@pytest.fixture(scope="module")
def service() -> Service:
    return played(2, 40)


def refused(service: Service, saved: Any) -> str:
    before = as_file(service)
    with pytest.raises(ValueError) as caught:
        service.restore(saved)
    assert as_file(service) == before
    return str(caught.value)


def test_another_engine_is_refused_with_both_versions(service: Service) -> None:
    saved = signed(service.snapshot(), engine=99, version="7.8.9")
    with pytest.raises(OtherVersion):
        service.restore(saved)
    text = refused(service, saved)
    assert "99" in text and "7.8.9" in text and f"engine {snapshot.ENGINE}" in text


@pytest.mark.parametrize("saved", [None, 7, "text", [], {}, {"engine": 1}])
def test_what_is_not_a_snapshot_is_refused(service: Service, saved: Any) -> None:
    assert "not a snapshot" in refused(service, saved)


@pytest.mark.parametrize("name", ["version", "engine", "seed", "time", "state", "sha256"])
def test_every_field_is_needed(service: Service, name: str) -> None:
    assert "not a snapshot" in refused(service, without(service.snapshot(), name))


@pytest.mark.parametrize("name", ["version", "seed", "time", "sha256"])
def test_a_changed_field_is_refused(service: Service, name: str) -> None:
    assert "was changed" in refused(service, service.snapshot() | {name: "8"})


def test_a_changed_number_is_refused(service: Service) -> None:
    saved = service.snapshot()
    decimal_of(saved["state"])[1] += "1"
    assert "was changed" in refused(service, saved)


def test_its_keys_may_have_another_order(service: Service) -> None:
    """Tools sort them."""
    before = as_file(service)
    service.restore(json.loads(json.dumps(service.snapshot(), sort_keys=True)))
    assert as_file(service) == before


HOSTILE: dict[str, Any] = {
    "a class of Python": lambda state: state["shapes"].append(["os.system", [], []]),
    "a class of the server": lambda state: state["shapes"].append(["server.play.Play", [], []]),
    "a wrong class": lambda state: state["shapes"][1].__setitem__(0, "core.venue.Venue"),
    "no such thing": lambda state: state["things"][0].__setitem__(2, [10**6]),
    "a wrong tag": lambda state: state["things"][0].__setitem__(2, ["eval", "1"]),
    "a float": lambda state: state["things"][1].__setitem__(1, 1.5),
    "no such market": lambda state: state["feeds"].append("NO_SUCH"),
    "a closed market": lambda state: state["feeds"].append("BP_USDC"),
    "no things": lambda state: state.pop("things"),
    "too few values": lambda state: state["things"][1].pop(),
    "an attribute too few": lambda state: [state["shapes"][1][1].pop(), state["things"][1].pop()],
    "not a decimal": lambda state: decimal_of(state).__setitem__(1, "much"),
    "not a text": lambda state: decimal_of(state).__setitem__(1, None),
    "a division by zero": lambda state: decimal_of(state).__setitem__(
        slice(2), ["Fraction", "1/0"]
    ),
}


def decimal_of(state: dict[str, Any]) -> Any:
    values = (value for row in state["things"] for value in row if isinstance(value, list))
    return next(value for value in values if value[0] == "Decimal")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_state_that_does_not_fit_is_refused(service: Service, name: str) -> None:
    saved = json.loads(as_file(service))
    HOSTILE[name](saved["state"])
    assert "cannot be read" in refused(service, signed(saved))


def test_nothing_is_restored_while_time_runs(sandbox: Sandbox) -> None:
    saved = sandbox.snapshot()
    with sandbox.play(speed=1):
        with pytest.raises(ValueError, match=r"play\(\) moves the time"):
            sandbox.restore(saved)
        with pytest.raises(ValueError, match=r"play\(\) moves the time"):
            sandbox.reset()
    sandbox.restore(saved)


def test_nothing_is_restored_while_an_advance_runs() -> None:
    service = new_service()
    saved = service.snapshot()
    with service.lock:  # the advance has to wait
        advance = service.begin_advance(service.exchange.now_us + 1_000_000)
        with pytest.raises(ValueError, match=r"advance\(\) moves the time"):
            service.restore(saved)
        with pytest.raises(ValueError, match=r"advance\(\) moves the time"):
            service.reset()
    assert advance.wait(10)
    service.restore(saved)


def test_a_snapshot_within_an_advance() -> None:
    """It is the moment that the advance has reached; from there the rest passes in one go."""
    one, other = played(7, 40), new_service()
    target = one.exchange.now_us + 7_200_000_000
    timeline.begin(one.exchange, target)
    timeline.step(one.exchange, target)
    assert one.exchange.now_us < target
    other.restore(one.snapshot())
    while one.exchange.now_us < target:
        timeline.step(one.exchange, target)
    timeline.finish(one.exchange)
    other.exchange.advance_to(target)
    assert everything(other) == everything(one)


# --- what the engine's state may be ---------------------------------------------------------------


class Foreign:
    pass


def test_an_unknown_class_is_named() -> None:
    service = new_service()
    service.exchange.extra = Foreign()  # type: ignore[attr-defined]
    with pytest.raises(Unknown, match=r"Exchange\.extra has a test_snapshot\.Foreign"):
        service.snapshot()


@pytest.mark.parametrize(
    ("value", "name"),
    [(1.5, "float"), (1j, "complex"), ({Foreign()}, "set"), (lambda: 1, "function")],
)
def test_an_unknown_value_is_named(value: Any, name: str) -> None:
    """Also in a container: a function there is no wiring, and a set of objects has no order."""
    service = new_service()
    service.exchange.accounts["x"] = [value]  # type: ignore[assignment]
    with pytest.raises(Unknown, match=rf"Exchange\.accounts .*{name}"):
        service.snapshot()


def things(service: Service) -> dict[int, Any]:
    """Every object of the state, by id."""
    found: dict[int, Any] = {}
    waiting: list[Any] = [service.exchange, service.capital]
    while waiting:
        thing = waiting.pop()
        if id(thing) in found or isinstance(thing, str):
            continue
        if isinstance(thing, dict | list | tuple | set | frozenset):
            found[id(thing)] = thing
            waiting += [*thing.items()] if isinstance(thing, dict) else [*thing]
        elif is_state(type(thing)):
            found[id(thing)] = thing
            waiting += state_of(thing)[0].values()
    return found


def test_two_exchanges_share_nothing_that_changes(service: Service) -> None:
    """To restore one must not change the other, nor a table of a module."""
    one, other = things(service), things(played(2, 40))
    shared = [thing for key, thing in one.items() if key in other]
    shared = [thing for thing in shared if type(thing) is not tuple]
    assert [thing for thing in shared if not is_constant(type(thing))] == []
    assert sum(isinstance(thing, Undoable | UndoDict | UndoList) for thing in one.values()) > 100


@dataclass(eq=False)
class Added(Undoable):
    """As somebody may add it to the engine."""

    owner: Any
    rows: UndoList[Any] = field(default_factory=UndoList)
    share: Fraction = Fraction(1, 3)
    next: Any = None


class Row(NamedTuple):
    what: Added
    pair: tuple[int, tuple[str, Decimal]]


class Slotted:
    __slots__ = ("held", "unset")


def test_a_class_that_is_added_needs_no_code(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("bpkit.sandbox.core.added")
    for kind in (Added, Row, Slotted):
        monkeypatch.setattr(kind, "__module__", module.__name__)
        setattr(module, kind.__name__, kind)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    caches = (form_of, is_state, is_wiring, name_of)
    for cached in caches:
        cached.cache_clear()
    one, other = new_service(), new_service()
    account = next(iter(one.exchange.accounts.values()))
    added = Added(account)
    added.next = added
    slotted = Slotted()
    slotted.held = {Row(added, (1, ("a", Decimal("1.50")))): [added]}
    account.extra = UndoDict({"added": added, "slotted": slotted, "set": {(1, "b"), (0, "a")}})
    other.restore(json.loads(as_file(one)))
    found = next(iter(other.exchange.accounts.values()))
    again = found.extra["added"]
    assert again is not added and again.owner is found and again.next is again
    assert (again.share, type(again.rows)) == (Fraction(1, 3), UndoList)
    ((row, held),) = found.extra["slotted"].held.items()
    assert (
        row.what is again and held == [again] and str(row.pair) == str((1, ("a", Decimal("1.50"))))
    )
    assert found.extra["set"] == {(1, "b"), (0, "a")}
    for cached in caches:
        cached.cache_clear()


# --- to begin again -------------------------------------------------------------------------------


def test_a_reset_is_a_new_sandbox() -> None:
    service, other = played(5, 50), new_service("7")
    socket = listen(service)
    service.reset("7")
    for account in service.exchange.accounts.values():
        service.capital.allow(account, "Solana", "there")
    assert socket.ends == ["close"]
    assert everything(service) == everything(other)
    assert as_file(service) == as_file(other)
    assert service.snapshot()["seed"] == "7"
    service.reset()
    assert service.snapshot()["seed"] == "7"


def test_a_reset_keeps_the_key_and_nothing_else(sandbox: Sandbox, plain: Plain) -> None:
    other = sandbox.open_account({"USDC": "5"})
    fault = sandbox.fault("maintenance")
    fault.__enter__()
    sandbox.advance(hours=1)
    sandbox.reset(seed="2")
    assert sandbox.log == [] and sandbox.now.hour == 12
    assert plain.call("get_balances").json()["SOL"]["available"] == "20"
    with pytest.raises(ValueError, match="no account"):
        sandbox.deposit(other, "SOL", "1")
    fault.__exit__(None, None, None)
    assert sandbox.snapshot()["seed"] == "2"


def test_a_seed_is_text(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match=r'seed=7 is not text; write reset\(seed="7"\)'):
        sandbox.reset(seed=7)  # type: ignore[arg-type]


@pytest.mark.parametrize("act", ["restore", "reset"])
def test_sockets_are_closed(sandbox: Sandbox, act: str) -> None:
    """Their books would be wrong. A client that subscribes again hears of the new exchange."""
    saved = sandbox.snapshot()
    listener = Listener(sandbox)
    listener.subscribe("trade.SOL_USDC")
    sandbox.restore(saved) if act == "restore" else sandbox.reset()
    with pytest.raises(ConnectionClosed) as caught:
        listener.next()
    assert caught.value.rcvd is not None and caught.value.rcvd.code == 1001
    again = Listener(sandbox)
    again.subscribe("trade.SOL_USDC")
    sandbox.advance(minutes=1)
    assert again.rest()


def test_no_secret_is_in_it(sandbox: Sandbox) -> None:
    assert DEMO_SECRET not in json.dumps(sandbox.snapshot())
