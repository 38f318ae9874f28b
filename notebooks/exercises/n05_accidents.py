"""The exercises of notebook 05 whose checks make requests fail.

They use the learner's exchange, but an account of their own, so that the learner's account does not
change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, NamedTuple

from bpkit.client import Client
from bpkit.errors import BpkitError
from bpkit.guard.rate_limit import RateLimit

from .cells import is_code_of
from .grading import (
    Decided,
    Exercise,
    LearnerState,
    Verdict,
    described,
    right,
    sent,
    shown,
    untried,
    wrong,
)

WINDOW = 1000  # milliseconds for which the requests of the learner's function are valid
MARKET, LOW = "SOL_USDC", "150.00"  # a bid at this price waits


@contextmanager
def _account(sandbox: Any) -> Iterator[Client]:
    """A client of a new account. Its orders are cancelled at the end."""
    with Client(sandbox.url, sandbox.open_account({"USDC": "10000"})) as client:
        try:
            yield client
        finally:
            client.cancel_open_orders(MARKET)


# --- 05.1 -----------------------------------------------------------------------------------------


class Accident(NamedTuple):
    """``fault``: what happens to the first attempt. ``said``: what happened, in a reason."""

    client_id: int
    fault: str | None
    fills: bool
    said: str
    twice: str


ACCIDENTS = (
    Accident(611, None, False, "Without any accident", "Then one call is enough."),
    Accident(
        612, "lost_reply", False, "The reply was lost",
        "The first order was in the book already when the second one was sent.",
    ),
    Accident(
        613, "lost_reply", True, "The order was filled at once and its reply was lost",
        "A filled order is not among the open orders: it is in the history and in the fills.",
    ),
    Accident(
        614, "lost_request", False, "The order was lost on its way to the exchange",
        "The first one never arrived, so one more attempt is enough.",
    ),
)  # fmt: skip


def once(learner: LearnerState) -> Verdict:
    """Is there exactly one order after each fault?"""
    function, sandbox = learner["place_once"], learner.sandbox
    if not callable(function):
        return wrong(f"`place_once` should be a function, but it is {shown(function)}.")
    if is_code_of(function, ONCE.starter):
        return untried()
    with (
        _account(sandbox) as client,
        Client(sandbox.url, client.key, window=WINDOW) as hasty,
    ):
        for accident in ACCIDENTS:
            _survive(sandbox, client, partial(function, hasty), accident)
    return right("After each accident the exchange has the order once, and you never guessed.")


def _survive(sandbox: Any, client: Client, place: Callable[..., Any], one: Accident) -> None:
    """Raises Decided if there is not exactly one order, or it was sent again too early."""
    price = client.get_depth(MARKET, limit=5)["asks"][-1][0] if one.fills else LOW
    before, raised = len(sandbox.log), None
    fault = one.fault and sandbox.fault(one.fault, operations=["execute_order"], times=1)
    with fault or nullcontext():
        try:
            place(
                symbol=MARKET, side="Bid", order_type="Limit", price=price, quantity="0.01",
                client_id=one.client_id,
            )  # fmt: skip
        except (Exception, SystemExit) as error:
            raised = described(error)
    sendings = [
        entry["time"]
        for entry in sandbox.log[before:]
        if entry["operation"] == "execute_order"
        and entry["signedBy"] in (None, client.key.public_key)  # None: lost on its way
        and sent(entry).get("clientId") == one.client_id
    ]
    rows = client.get_order_history(symbol=MARKET)
    standing = sum(row["clientId"] == one.client_id and not _undone(row) for row in rows)
    if standing > 1:
        raise Decided(
            wrong(f"{one.said}. In the end the exchange had {standing} orders. {one.twice}")
        )
    if raised:
        had = "the order" if standing else "no order"
        raise Decided(wrong(f"{one.said}. The exchange has {had}. `place_once` raised {raised}"))
    if not standing:
        asked = {entry["operation"] for entry in sandbox.log[before:-1]}
        # bp.reconcile reads the history too, and is not fooled.
        looked = "get_open_orders" in asked and "get_order_history" not in asked
        raise Decided(wrong(_missing(one, len(sendings), looked)))
    waited = (sendings[-1] - sendings[0]).total_seconds()
    if len(sendings) > 1 and one.fault == "lost_request" and waited * 1000 < WINDOW:
        raise Decided(
            wrong(
                f"{one.said}, and {waited:.2f} seconds later you sent it again. It is there only "
                f"once, by luck: the first one was valid for {WINDOW / 1000:g} s, and could still "
                "have arrived."
            )
        )


def _missing(one: Accident, sendings: int, looked: bool) -> str:
    """``looked``: at the open orders, where those of the accidents before still rest."""
    if not sendings:
        return f"{one.said}, no order was sent with the client that `place_once` gets. Use it."
    fooled = " The open order that you saw is another one: look at its `clientId`."
    return (
        f"{one.said}, and in the end there was no order. Send it again, but only when the first "
        f"one cannot arrive any more.{fooled if looked else ''}"
    )


def _undone(row: dict[str, Any]) -> bool:
    return row["status"] == "Cancelled" and float(row["executedQuantity"]) == 0


ONCE = Exercise(
    id="05.1",
    title="Once, and not twice",
    grade=once,
    starter="""\
def place_once(bp, **order):
    try:
        return bp.execute_order(**order)
    except TransportError:
        return bp.execute_order(**order)

with sandbox.fault("lost_reply", times=1):
    place_once(
        bp, symbol="SOL_USDC", side="Bid", order_type="Limit", price="164.00", quantity="1"
    )
len(bp.cancel_open_orders("SOL_USDC"))""",
    hints=(
        "After a TransportError you do not know. What do you do first?",
        "Give the error a name: `except TransportError as error`. Then let `bp.reconcile` look. It "
        "also waits, if it has to.",
        'Look at the `.state` of bp.reconcile(error). Send the order again only if it is "not '
        'found", because that is final. If it is "unclear", look again later.',
    ),
    solution="""\
def place_once(bp, **order):
    try:
        return bp.execute_order(**order)
    except TransportError as error:
        found = bp.reconcile(error)
        if found.state == "not found":
            return bp.execute_order(**order)
        return found.order

with sandbox.fault("lost_reply", times=1):
    place_once(
        bp, symbol="SOL_USDC", side="Bid", order_type="Limit", price="164.00", quantity="1"
    )
len(bp.cancel_open_orders("SOL_USDC"))""",
)


# --- 05.4 -----------------------------------------------------------------------------------------

AGAIN = "The same call would be refused again."
ITSELF = "Nothing was done, but nothing is wrong with the order."
UNSURE = "The exchange itself did not say so, and the order may be in the book."
WORDS = ("fix", "wait", "look")
# fault -> the right answer, what happened, and why.
FAULTS = {
    "clock_skew": ("fix", "an expired signature", f"Nothing was done. {AGAIN}"),
    "rate_limit": ("wait", "429 TOO_MANY_REQUESTS", ITSELF),
    "maintenance": ("wait", "503 MAINTENANCE", ITSELF),
    "trading_paused": ("wait", "400 TRADING_PAUSED", ITSELF),
    "bad_gateway": ("look", "a 502 from the edge", UNSURE),
    "gateway_timeout": ("look", "a 504 from the edge", UNSURE),
    "lost_reply": ("look", "a lost reply", UNSURE),
    "truncated": ("look", "an answer that was cut off", UNSURE),
}
Case = tuple[str, str, str, BpkitError]  # wanted, what happened, why, the error


def what_now(learner: LearnerState) -> Verdict:
    """Is the answer right for each kind of refusal?"""
    learner["what_now"]  # before anything is sent
    cases = [*_cases(learner.sandbox)]
    answers = [learner.call("what_now", error) for *_, error in cases]
    if all(answer == "send again" for answer in answers):
        return untried()
    for (wanted, happened, why, _), answer in zip(cases, answers, strict=True):
        if answer != wanted:
            words = "" if answer in WORDS else ' Answer with "fix", "wait" or "look".'
            return wrong(f"After {happened} your answer was {shown(answer)}. {why}{words}")
    return right(f"After each of {len(cases)} errors, you would have done the right thing.")


def _cases(sandbox: Any) -> Iterator[Case]:
    with _account(sandbox) as client:

        def place(price: Any) -> BpkitError:
            return _error(
                lambda: client.execute_order(MARKET, "Bid", "Limit", price=price, quantity="0.01")
            )

        said = f"The exchange read the order, and did nothing. {AGAIN}"
        yield "fix", "an order with a price between two ticks", said, place("150.005")
        yield "fix", "an InputError of bpkit", f"Nothing was sent. {AGAIN}", place(150.1)
        for name, (wanted, happened, why) in FAULTS.items():
            with sandbox.fault(name):
                error = place(LOW)
            yield wanted, happened, why, error
        # A signed read counts for this account alone, and never among what the learner asked.
        with Client(
            sandbox.url, client.key, rate_limit=RateLimit(requests=1, wait=False)
        ) as careful:
            careful.get_balances()
            error = _error(careful.get_balances)
        yield (
            "wait",
            "a RateLimitError of bpkit",
            "Nothing was sent, but in a minute `bpkit` will send it.",
            error,
        )


def _error(call: Callable[[], Any]) -> BpkitError:
    try:
        call()
    except BpkitError as error:
        return error
    raise AssertionError("no error where one was made")


WHAT_NOW = Exercise(
    id="05.4",
    title="What now?",
    grade=what_now,
    starter="""\
def what_now(error):
    return "send again"

what_now(lost)""",
    hints=(
        "Begin with the type of the error: isinstance(error, TransportError). Which of the three "
        "words belongs to which type?",
        "An ApiError can be two things: the order has a mistake, or the exchange accepts no orders "
        "now. Its `.code` shows which. The lines of FAULTS have the codes.",
        'TransportError: "look". RateLimitError: "wait". ApiError with the code TOO_MANY_REQUESTS, '
        'MAINTENANCE or TRADING_PAUSED: "wait". Everything else: "fix".',
    ),
    solution="""\
def what_now(error):
    if isinstance(error, TransportError):
        return "look"
    not_now = ("TOO_MANY_REQUESTS", "MAINTENANCE", "TRADING_PAUSED")
    if isinstance(error, RateLimitError) or getattr(error, "code", None) in not_now:
        return "wait"
    return "fix"

what_now(lost)""",
)
