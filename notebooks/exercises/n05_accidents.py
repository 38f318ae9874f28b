"""The exercises of notebook 05 whose checks make requests fail.

They use the learner's exchange, but an account of their own, so that the learner's account does not
change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from types import CodeType
from typing import Any, NamedTuple

from bpkit.client import Client
from bpkit.errors import BpkitError
from bpkit.guard.rate_limit import RateLimit

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
    Accident(611, None, False, "Without any accident", "One call is enough then."),
    Accident(
        612, "lost_reply", False, "The reply was lost",
        "The first one stood already when the second was sent.",
    ),
    Accident(
        613, "lost_reply", True, "The order was filled at once and the reply lost",
        "Who looks only at what is open does not see it: it is in the history and in the fills.",
    ),
    Accident(
        614, "lost_request", False, "The order was lost on its way to the exchange",
        "It never arrived, so one more attempt is enough.",
    ),
)  # fmt: skip


def once(learner: LearnerState) -> Verdict:
    """Is there exactly one order after each fault?"""
    function, sandbox = learner["place_once"], learner.sandbox
    if not callable(function):
        return wrong(f"`place_once` should be a function, and is {shown(function)}.")
    if _is_starters(function):
        return untried()
    with (
        _account(sandbox) as client,
        Client(sandbox.url, client.key, window=WINDOW) as hasty,
    ):
        for accident in ACCIDENTS:
            _survive(sandbox, client, partial(function, hasty), accident)
    return right("After every accident the order stands once, and it was never sent on a guess.")


def _is_starters(function: Any) -> bool:
    """The code without comments and layout, to compare it."""
    made = compile(ONCE.starter, "<starter>", "exec").co_consts
    (own,) = (one for one in made if isinstance(one, CodeType))
    code = getattr(function, "__code__", None)
    return isinstance(code, CodeType) and all(
        getattr(code, part) == getattr(own, part)
        for part in ("co_code", "co_names", "co_varnames", "co_consts")
    )


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
        if entry["operation"] == "execute_order" and sent(entry).get("clientId") == one.client_id
    ]
    rows = client.get_order_history(symbol=MARKET)
    standing = sum(row["clientId"] == one.client_id and not _undone(row) for row in rows)
    if standing > 1:
        raise Decided(wrong(f"{one.said}, and in the end {standing} stood. {one.twice}"))
    if raised:
        stood = "it stood" if standing else "it did not stand"
        raise Decided(wrong(f"{one.said}; {stood}, and `place_once` raised {raised}"))
    if not standing:
        looked = any(entry["operation"] == "get_open_orders" for entry in sandbox.log[before:])
        raise Decided(wrong(_missing(one, len(sendings), looked)))
    waited = (sendings[-1] - sendings[0]).total_seconds()
    if len(sendings) > 1 and one.fault == "lost_request" and waited * 1000 < WINDOW:
        raise Decided(
            wrong(
                f"{one.said}, and {waited:.2f} seconds later it was sent again. It stands once, by "
                f"luck: its signature was valid for {WINDOW / 1000:g} s, and until then the first "
                "one could still have arrived."
            )
        )


def _missing(one: Accident, sendings: int, looked: bool) -> str:
    """``looked``: at the open orders, where those of the accidents before still rest."""
    if not sendings:
        return f"{one.said}, no order was sent. Use the client that `place_once` is given, `bp`."
    fooled = " What you saw open was another order: know this one by its `clientId`."
    return (
        f"{one.said}, and in the end none stood. Once it is certain that it cannot arrive any "
        f"more, send it again.{fooled if looked else ''}"
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
        "After a TransportError you do not know. What comes before anything else then?",
        "Catch the error by a name: `except TransportError as error`. Let `bp.reconcile` look. It "
        "also waits, where it has to.",
        'Send the order again only if the `.state` of what `bp.reconcile(error)` found is "not '
        'found", which is final; "unclear" means: look again later.',
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
ITSELF = "Nothing was done, but nothing is wrong with the order either."
UNSURE = "It was not the exchange itself that said so, and the order may stand."
WORDS = ("mend", "wait", "look")
# fault -> the right answer, what happened, and why.
FAULTS = {
    "clock_skew": ("mend", "an expired signature", f"Nothing was done. {AGAIN}"),
    "rate_limit": ("wait", "429 TOO_MANY_REQUESTS", ITSELF),
    "maintenance": ("wait", "503 MAINTENANCE", ITSELF),
    "trading_paused": ("wait", "400 TRADING_PAUSED", ITSELF),
    "bad_gateway": ("look", "a 502 from the edge", UNSURE),
    "gateway_timeout": ("look", "a 504 from the edge", UNSURE),
    "lost_reply": ("look", "a lost reply", UNSURE),
    "truncated": ("look", "an answer that broke off", UNSURE),
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
            words = "" if answer in WORDS else ' One of "mend", "wait" and "look" fits.'
            return wrong(f"To {happened} the answer was {shown(answer)}. {why}{words}")
    return right(f"{len(cases)} errors, and each time you would have done the right thing.")


def _cases(sandbox: Any) -> Iterator[Case]:
    with _account(sandbox) as client:

        def place(price: Any) -> BpkitError:
            return _error(
                lambda: client.execute_order(MARKET, "Bid", "Limit", price=price, quantity="0.01")
            )

        said = f"The exchange has read the order, and nothing was done. {AGAIN}"
        yield "mend", "a price off the tick", said, place("150.005")
        yield "mend", "an InputError of bpkit", f"Nothing was sent. {AGAIN}", place(150.1)
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
            "Nothing was sent, but in a minute it will be.",
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
        "The type of the error tells most of it: isinstance(error, TransportError). Which of the "
        "three answers belongs to which type?",
        "An ApiError can be either: the exchange may dislike the order, or not want any order now. "
        "Its `.code` tells; the lines of FAULTS have the codes.",
        'TransportError: "look". RateLimitError: "wait". ApiError with the code TOO_MANY_REQUESTS, '
        'MAINTENANCE or TRADING_PAUSED: "wait". Everything else: "mend".',
    ),
    solution="""\
def what_now(error):
    if isinstance(error, TransportError):
        return "look"
    not_now = ("TOO_MANY_REQUESTS", "MAINTENANCE", "TRADING_PAUSED")
    if isinstance(error, RateLimitError) or getattr(error, "code", None) in not_now:
        return "wait"
    return "mend"

what_now(lost)""",
)
