"""Nothing is ever placed twice or lost, whatever goes wrong on the way.

A person places orders, cancels, reconciles and sends again, as the course teaches. A simulated
network is between the client and a sandbox. What is really there is read from the exchange's
accounts, not through the API and its faults.

This machine, the exchange and the network have one clock (the exchange may show a wrong time). Only
the world moves it: by a few milliseconds for each request, and by each sleep. So every wait is a
full wait, during which late requests arrive, and takes no real time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from helpers import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bpkit import ApiError, Client, TransportError
from bpkit.reconcile import Outcome, reconcile
from bpkit.sandbox import FAULTS, Sandbox
from bpkit.sandbox.server.answers import Response

Json = dict[str, Any]
Faults = Sequence[Json]  # options of Sandbox.fault; or only how late a write arrives
Truth = tuple[str, Decimal]  # the state, as reconcile names it, and what was executed
NOTHING: Truth = ("not found", Decimal(0))
SOL = "SOL_USDC"
ORDERS = ("execute_order", "execute_order_batch")
CANCELS = ("cancel_order", "cancel_open_orders")
READS = ("get_time", "get_open_orders", "get_order_history", "get_fills")
# Faults of writes, and of reads. The clock is wrong for a whole run, or never.
NOT_ON_WRITES = ("clock_skew", "stale_cache", "slow")
ON_WRITES = [name for name in FAULTS if name not in NOT_ON_WRITES and not name.startswith("ws_")]
ON_READS = [
    *("rate_limit", "maintenance", "bad_gateway", "gateway_timeout"),
    *("lost_request", "lost_reply", "truncated"),
]
GENTLY = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


class World:
    """Time, and a network that may delay a write: the next one by ``late`` milliseconds."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.now = 1_788_264_000_000
        self.late: int | None = None
        self.market_moves_in: int | None = None  # so many requests from now, by five minutes
        self.moments: list[dict[int, Truth]] = []  # what was true after each thing that happened
        self._delayed: list[tuple[int, tuple[Any, ...]]] = []
        self._sandbox, self._service = sandbox, sandbox._service
        self._deliver = self._service.begin
        self._service.begin = self._begin  # type: ignore[method-assign]
        self._service.clock = lambda: self.now
        self.account: Any = self._service.exchange.account(sandbox.key.public_key)

    def sleep(self, seconds: float) -> None:
        """Time passes, and what is due arrives."""
        end = self.now + max(1, round(seconds * 1000))
        for due, request in sorted(self._delayed, key=lambda one: one[0]):
            if due <= end:
                self.now = max(self.now, due)
                self._delayed.remove((due, request))
                self._deliver(*request)
                self.moments.append(self.truth())
        self.now = end

    def settle(self) -> None:
        """Everything arrives at last."""
        while self._delayed:
            self.sleep(60)

    def truth(self) -> dict[int, Truth]:
        """The state of the order of every client id. No id is there twice."""
        found: dict[int, Truth] = {}
        for order in self.account.orders:
            if order.related is None:
                assert order.request.client_id not in found, "placed twice"
                found[order.request.client_id] = self._truth_of(order)
        return found

    def _truth_of(self, order: Any) -> Truth:
        if order.request.conditional and order.status == "Filled":
            (order,) = (one for one in self.account.orders if one.related == order.id)
        executed = order.request.market.quantity(order.executed)
        if order.id in self.account.open:
            return "rested", executed
        ended = {"Cancelled": "cancelled", "Expired": "refused", "TriggerFailed": "refused"}
        return ("filled" if executed else ended[order.status]), executed

    def _begin(self, *request: Any) -> Any:
        self.sleep(0.007)
        if self.market_moves_in is not None:
            self.market_moves_in -= 1
            if self.market_moves_in < 0:
                self.market_moves_in = None
                exchange = self._service.exchange  # the server's thread is here: no command waits
                later = exchange.now_us + 300_000_000
                self._service.carry_out(lambda: exchange.advance_to(later))
        if self.late is not None and request[0] != "GET":
            self._delayed.append((self.now + self.late, request))
            self.late = None
            return Response(0, {}, b"", cut=True), None
        answer = self._deliver(*request)
        self.moments.append(self.truth())
        return answer


@dataclass
class Intent:
    """An order that somebody wants once. ``state``: to send, unknown, placed, or turned down."""

    fields: Json
    state: str = "to send"
    id: str | None = None  # of the exchange, where its answer came


@dataclass
class Open:
    """A write whose outcome is unknown, and the intents that it was about."""

    error: TransportError
    intents: list[Intent] = field(default_factory=list)


class Person:
    """Looks before it sends again, and only sends again what can no longer arrive."""

    def __init__(self, sandbox: Sandbox, skew: float = 0, measured: bool = False) -> None:
        self.world, self.sandbox = World(sandbox), sandbox
        self.client = Client(sandbox.url, sandbox.key)
        self.client._transport._clock = lambda: self.world.now
        self.client._transport._sleep = self.world.sleep
        self.intents: list[Intent] = []
        self.unknown: list[Open] = []
        self.said: list[str] = []  # what the looks found, for tests of this test
        self._ahead, self._skew = skew, ExitStack()
        self._waited = False  # did the last look wait long enough, whatever it looked for?
        if skew:
            self._skew.enter_context(sandbox.fault("clock_skew", seconds=skew))
        if measured:
            self.client.measure_clock(apply=True)

    def __enter__(self) -> Person:
        return self

    def __exit__(self, *error: object) -> None:
        self._skew.close()
        self.client.close()

    # What it does

    def order(self, fields: Json, faults: Faults) -> None:
        self.batch([fields], faults)

    def batch(self, orders: list[Json], faults: Faults) -> None:
        first = len(self.intents) + 1
        new = [Intent({**fields, "clientId": own}) for own, fields in enumerate(orders, first)]
        self.intents += new
        self.send(new, faults)

    def send(self, intents: list[Intent], faults: Faults = ()) -> None:
        """One by itself, several as a batch."""
        rows = [intent.fields for intent in intents]
        name = ORDERS[len(rows) > 1]
        with self.trouble(faults, name):
            try:
                answer = self.client.execute_order(**in_python(rows[0])) if len(rows) == 1 else None
                placed = self.client.execute_order_batch(rows) if answer is None else [answer]
            except ApiError:
                placed = [{"operation": "Err"}] * len(rows)
            except TransportError as error:
                assert error.sent and error.mutates
                for intent in intents:
                    intent.state = "unknown"
                self.unknown.append(Open(error, intents))
                return
        for intent, row in zip(intents, placed, strict=True):
            intent.state = "turned down" if row.get("operation") == "Err" else "placed"
            intent.id = row.get("id")

    def cancel(self, which: int, by_id: bool, faults: Faults) -> None:
        """An order that was placed; it may have ended since."""
        placed = [one for one in self.intents if one.state == "placed"]
        if placed:
            intent = placed[which % len(placed)]
            named = {"orderId": intent.id} if by_id and intent.id else None
            named = named or {"clientId": intent.fields["clientId"]}
            self.send_cancel("cancel_order", {"symbol": SOL, **named}, [intent], faults)

    def cancel_all(self, faults: Faults) -> None:
        self.send_cancel("cancel_open_orders", {"symbol": SOL}, [], faults)

    def send_cancel(self, name: str, sent: Json, intents: list[Intent], faults: Faults) -> None:
        with self.trouble(faults, name):
            try:
                getattr(self.client, name)(**in_python(sent))
            except ApiError:
                return  # certainly not carried out
            except TransportError as error:
                self.unknown.append(Open(error, intents))
                return
        assert not self.resting(intents)

    def advance(self, minutes: int) -> None:
        self.sandbox.advance(minutes=minutes)

    def idle(self, seconds: int) -> None:
        self.world.sleep(seconds)

    def look(self, which: int, faults: Faults, wait: bool = True, moves: int = -1) -> None:
        """Reconcile one that is unknown, while reads fail; a failing look says nothing at all."""
        if not self.unknown:
            return
        one = self.unknown[which % len(self.unknown)]
        self.world.moments = [self.world.truth()]
        self.world.market_moves_in = moves if moves >= 0 else None
        clock = self._ahead > -60 and all(fault["name"] != "stale_cache" for fault in faults)
        self._waited = wait and clock
        with self.trouble(faults):
            try:
                found = reconcile(self.client, one.error, wait=wait, sleep=self.world.sleep)
            except ApiError:
                return
            except TransportError as error:
                assert not error.mutates
                return
            finally:
                self.world.market_moves_in = None
        self.world.moments.append(self.world.truth())
        found = found if isinstance(found, list) else [found]
        self.said += [one.state for one in found]
        self.believe(one, found)

    def believe(self, one: Open, found: list[Outcome]) -> None:
        """What was found was true at some moment of the look, and is acted on."""
        self.unknown.remove(one)
        assert all(over(outcome) for outcome in found if outcome.state == "not found")
        for intent, outcome in zip(one.intents, found, strict=False):  # of a cancel of all: none
            if outcome.state != "unclear":
                own = intent.fields["clientId"]
                truths = {moment.get(own, NOTHING) for moment in self.world.moments}
                assert (outcome.state, outcome.executed) in truths
        if one.error.operation in ORDERS:
            self.believe_orders(one, found)
        else:
            self.believe_cancel(one, found[0])

    def believe_orders(self, one: Open, found: list[Outcome]) -> None:
        missing = [outcome for outcome in found if outcome.state in ("not found", "unclear")]
        if not all(map(over, missing)):
            assert not self._waited
            assert all("may still arrive" in outcome.explanation for outcome in missing)
            self.unknown.append(one)
            return
        for intent, outcome in zip(one.intents, found, strict=True):
            assert outcome.state != "unclear"  # no id is used twice here
            intent.state = "to send" if outcome.state == "not found" else "placed"

    def believe_cancel(self, one: Open, outcome: Outcome) -> None:
        if outcome.state == "unclear":
            # By its exchange id a conditional order is over; the one from it is not shown.
            assert "orderId" in one.error.parameters
            assert one.intents[0].fields.get("triggerPrice")
            return
        assert outcome.state in ("rested", "filled", "refused", "cancelled")
        if not one.intents:
            rests = [any(row[0] == "rested" for row in now.values()) for now in self.world.moments]
            assert (outcome.state == "rested") in rests
        elif outcome.state != "rested":
            assert not self.resting(one.intents)
        if (outcome.state == "rested" or not one.intents) and not over(outcome):
            assert not self._waited
            self.unknown.append(one)

    def again(self, which: int, faults: Faults) -> None:
        """What certainly did not arrive, and cannot any more, is sent again."""
        waiting = [one for one in self.intents if one.state == "to send"]
        if waiting:
            self.send([waiting[which % len(waiting)]], faults)

    # How it ends

    def finish(self) -> None:
        """Without faults, except a wrong clock: everything is found, and every order is sent."""
        for _ in range(200):
            if self.unknown:
                self.look(0, [])
            elif any(one.state == "to send" for one in self.intents):
                self.again(0, [])
            else:
                break
        self.world.settle()
        truth = self.world.truth()
        assert {one.state for one in self.intents} <= {"placed", "turned down"}
        placed = {one.fields["clientId"] for one in self.intents if one.state == "placed"}
        assert set(truth) == placed  # each once (see truth), and no other

    def resting(self, intents: list[Intent]) -> bool:
        truth = self.world.truth()
        return any(truth[one.fields["clientId"]][0] == "rested" for one in intents)

    def trouble(self, faults: Faults, name: str | None = None) -> ExitStack:
        """``name``: of the write that they hit; without one they hit what a look reads."""
        stack = ExitStack()
        for fault in faults:
            if "late" in fault:
                self.world.late = fault["late"]
            elif name is not None and fault["name"] in ("trading_paused", "cancel_only"):
                stack.enter_context(self.sandbox.fault(fault["name"]))
            elif name is not None:
                stack.enter_context(self.sandbox.fault(operations=[name], **fault))
            else:
                stack.enter_context(self.sandbox.fault(**fault))
        return stack


def in_python(fields: Json) -> Json:
    """The documented names as the methods have them: orderType is order_type."""
    return {re.sub("[A-Z]", lambda big: f"_{big[0].lower()}", name): value
            for name, value in fields.items()}  # fmt: skip


def over(outcome: Outcome) -> bool:
    return "its signature expired at" in outcome.explanation


# --- what may happen ------------------------------------------------------------------------------

LIMIT = {"symbol": SOL, "orderType": "Limit", "quantity": "0.1"}
BID, ASK = LIMIT | {"side": "Bid"}, LIMIT | {"side": "Ask"}
# The market is at 170.7; the account has 10,000 USDC and 20 SOL.
WANTED: list[Json] = [
    BID | {"price": "150.5"},  # rests
    ASK | {"price": "190"},
    BID | {"price": "170.5"},  # rests until the market moves
    ASK | {"price": "170.9"},
    BID | {"price": "172"},  # fills at once
    ASK | {"price": "169.5"},
    BID | {"price": "170.74", "quantity": "25"},  # in part, the rest of it waits
    BID | {"price": "150", "timeInForce": "IOC"},  # expires
    BID | {"price": "172", "timeInForce": "FOK"},
    BID | {"price": "150", "timeInForce": "FOK"},
    BID | {"price": "150", "postOnly": True},
    BID | {"price": "172", "postOnly": True},  # is refused
    BID | {"price": "150.505"},  # off the tick
    BID | {"price": "150", "quantity": "1000"},  # no such funds
    {"symbol": SOL, "side": "Bid", "orderType": "Market", "quoteQuantity": "20"},
    {"symbol": SOL, "side": "Ask", "orderType": "Market", "quantity": "0.1"},
    {"symbol": SOL, "side": "Bid", "orderType": "Market", "triggerPrice": "170.5",
     "triggerQuantity": "0.1"},
]  # fmt: skip

# The window is 5 seconds: some arrive in time, some too late, some at its very end.
late = st.one_of(st.integers(0, 7_000), st.integers(4_900, 5_100))
lates = st.fixed_dictionaries({"late": late})
on_write = st.fixed_dictionaries({"name": st.sampled_from(ON_WRITES), "times": st.just(1)})
write_faults = st.one_of(st.just([]), st.tuples(lates), st.lists(on_write, min_size=1, max_size=2))
# A read is tried four times.
on_read = st.fixed_dictionaries(
    {
        "name": st.sampled_from(ON_READS),
        "times": st.sampled_from([None, 1, 2, 4, 5]),
        "operations": st.lists(st.sampled_from(READS), min_size=1, max_size=3),
    }
)
stale = st.just({"name": "stale_cache"})
read_faults = st.one_of(st.just([]), st.lists(on_read | on_read | stale, min_size=1, max_size=2))
wanted, which = st.sampled_from(WANTED), st.integers(0, 5)
waits, moves = st.sampled_from([True, True, False]), st.integers(-4, 6)
steps = st.one_of(
    *[st.tuples(st.just("order"), wanted, write_faults)] * 2,
    st.tuples(st.just("batch"), st.lists(wanted, min_size=2, max_size=4), write_faults),
    st.tuples(st.just("cancel"), which, st.booleans(), write_faults),
    st.tuples(st.just("cancel_all"), write_faults),
    *[st.tuples(st.just("look"), which, read_faults, waits, moves)] * 2,
    st.tuples(st.just("again"), which, write_faults),
    st.tuples(st.just("advance"), st.integers(1, 10)),
    st.tuples(st.just("idle"), st.integers(1, 4)),
)
# Seconds of the exchange's clock ahead of this machine's. Beyond the window a client must measure.
clocks = st.sampled_from(
    [(0, False), (0, False), (2, False), (-3, False), (-30, False), (-400, False),
     (30, True), (-400, True)]
)  # fmt: skip


@settings(GENTLY, max_examples=examples(30))
@given(clocks, st.lists(steps, min_size=4, max_size=15))
def test_nothing_is_placed_twice_or_lost(
    clock: tuple[float, bool], happening: list[tuple[Any, ...]]
) -> None:
    with Sandbox() as sandbox, Person(sandbox, *clock) as person:
        for name, *arguments in happening:
            step: Callable[..., None] = getattr(person, name)
            step(*arguments)
            person.world.truth()  # no id is there twice
        person.finish()


@settings(GENTLY, max_examples=examples(20))
@given(clocks, late, wanted, st.integers(0, 6), st.booleans())
def test_a_late_order_is_found_or_comes_too_late(
    clock: tuple[float, bool], late: int, fields: Json, idle: int, waits: bool
) -> None:
    with Sandbox() as sandbox, Person(sandbox, *clock) as person:
        person.order(fields, [{"late": late}])
        person.world.sleep(idle)
        person.look(0, [], waits)
        person.finish()


# --- when looking fails ---------------------------------------------------------------------------

UNTOUCHED = {("maintenance", "get_time"), ("truncated", "get_time")}
FAILING = [(name, one) for name in ON_READS for one in READS if (name, one) not in UNTOUCHED]
THERE = {"rested": WANTED[0], "filled": WANTED[4], "refused": WANTED[7]}


@pytest.fixture
def person(sandbox: Sandbox) -> Iterator[Person]:
    with Person(sandbox) as one:
        yield one


@pytest.mark.parametrize("state", THERE)
def test_a_read_that_fails_is_never_taken_for_nothing(person: Person, state: str) -> None:
    """If the order is there, a search that fails never says "not found"; the next one finds it."""
    person.order(THERE[state], [{"name": "lost_reply"}])
    for name, operation in FAILING:
        if operation != "get_fills":
            person.look(0, [{"name": name, "operations": [operation]}])
            assert person.unknown and person.said == []
    person.look(0, [])
    assert person.said == [state] and not person.unknown
    person.finish()


@pytest.mark.parametrize(("name", "operation"), FAILING)
def test_no_read_may_fail_before_it_is_not_found(person: Person, name: str, operation: str) -> None:
    """Not the fills either, which are only asked when the order is in no other list."""
    person.order(THERE["rested"], [{"name": "lost_request"}])
    person.look(0, [{"name": name, "operations": [operation]}])
    assert person.unknown and person.said == []
    person.look(0, [])
    assert person.said == ["not found"]
    person.finish()


def test_a_read_that_fails_in_passing_is_asked_again(person: Person) -> None:
    person.order(THERE["rested"], [{"name": "lost_reply"}])
    person.look(0, [{"name": "lost_request", "times": 3}])
    assert person.said == ["rested"]


@pytest.mark.parametrize("fault", ["lost_request", "lost_reply", "truncated"])
def test_a_read_that_is_lost_later_does_not_hide_the_order(person: Person, fault: str) -> None:
    """``reconcile()`` without an error is about the last write that got no answer."""
    person.order(THERE["rested"], [{"name": "lost_reply"}])
    with person.trouble([{"name": fault}]), pytest.raises(TransportError):
        person.client.get_balances()
    assert [one.operation for one in person.client.unanswered] == ["execute_order"]
    found: Any = person.client.reconcile()
    assert (found.state, found.order["clientId"]) == ("rested", 1)


# --- two minutes are not always enough ------------------------------------------------------------


def test_a_wait_that_was_given_up_settles_nothing(sandbox: Sandbox) -> None:
    """The exchange's clock is 400 seconds behind: the signature is valid for 405 of them."""
    with Person(sandbox, -400) as person:
        person.order(THERE["rested"], [{"late": 300_000}])
        begun = person.world.now
        person.look(0, [])
        assert person.said == ["unclear"]
        assert 120_000 <= person.world.now - begun < 121_000
        person.world.sleep(200)
        person.look(0, [])
        assert person.said == ["unclear", "rested"]
        person.finish()


# --- a conditional order and the order that comes from it have the same client id -----------------

ONCE = {"symbol": SOL, "side": "Bid", "triggerPrice": "170.5", "triggerQuantity": "0.1"}


@pytest.mark.parametrize(
    ("kind", "fault", "states"),
    [
        ({"orderType": "Market"}, "lost_reply", ["filled"]),
        ({"orderType": "Limit", "price": "150"}, "lost_reply", ["cancelled"]),
        ({"orderType": "Limit", "price": "150"}, "lost_request", ["rested"]),
    ],
)
def test_a_cancel_of_an_order_that_was_triggered(
    person: Person, kind: Json, fault: str, states: list[str]
) -> None:
    person.order(ONCE | kind, [])
    person.advance(5)  # a bid at 170.50 fills in that time: the price has been there
    person.send_cancel(
        "cancel_order", {"symbol": SOL, "clientId": 1}, person.intents[:1], [{"name": fault}]
    )
    person.look(0, [])
    assert person.said == states
    person.finish()


def test_by_the_id_of_the_exchange_only_the_conditional_order_shows(person: Person) -> None:
    """The order that comes from it has another id, and a history need not relate the two."""
    person.order(ONCE | {"orderType": "Market"}, [])
    person.advance(5)
    named = {"symbol": SOL, "orderId": person.intents[0].id}
    person.send_cancel("cancel_order", named, person.intents[:1], [{"name": "lost_request"}])
    person.look(0, [])
    assert person.said == ["unclear"]
    person.finish()


def test_an_order_that_was_triggered_before_the_search(person: Person) -> None:
    person.order(ONCE | {"orderType": "Market"}, [{"name": "lost_reply"}])
    person.advance(5)
    person.look(0, [])
    assert person.said == ["filled"]
    person.finish()


# --- and these tests can fail ---------------------------------------------------------------------


@pytest.mark.parametrize("fault", [{"name": "lost_reply"}, {"late": 1_000}])
def test_who_does_not_look_places_twice(person: Person, fault: Json) -> None:
    person.order(THERE["rested"], [fault])
    person.send(person.intents)
    with pytest.raises(AssertionError, match="placed twice"):
        person.finish()


def test_who_does_not_wait_places_twice(person: Person) -> None:
    person.order(THERE["rested"], [{"late": 4_900}])
    person.look(0, [], False)
    assert person.said == ["unclear"] and person.unknown
    person.send(person.intents)
    with pytest.raises(AssertionError, match="placed twice"):
        person.finish()


def test_who_takes_it_for_placed_loses_it(person: Person) -> None:
    person.order(THERE["rested"], [{"name": "lost_request"}])
    person.unknown[0].intents[0].state = "placed"
    person.unknown.clear()
    with pytest.raises(AssertionError):
        person.finish()
