"""The exercises of notebook 09, A small program: four parts of a program that runs alone."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from bpkit.client import Client

from .cells import is_code_of
from .grading import (
    Decided,
    Exercise,
    LearnerState,
    Verdict,
    described,
    right,
    shown,
    untried,
    wrong,
)
from .n09_endless import Counted, Run
from .n09_hour import HOUR

__all__ = ["EXERCISES"]

MARKET, LOW = "SOL_USDC", "165.00"  # a bid at this price waits


def _function(learner: LearnerState, name: str) -> Any:
    function = learner[name]
    if not callable(function):
        raise Decided(wrong(f"`{name}` should be a function, and is {shown(function)}."))
    return function


@contextmanager
def _account(sandbox: Any) -> Iterator[Client]:
    """A client of a new account. Its orders are cancelled at the end."""
    with Client(sandbox.url, sandbox.open_account({"USDC": "10000", "SOL": "1"})) as client:
        try:
            yield client
        finally:
            client.cancel_open_orders(MARKET)


# --- 09.1 -----------------------------------------------------------------------------------------

ORDER = {"symbol": MARKET, "side": "Bid", "orderType": "Limit", "quantity": "0.1"}


def tidied(learner: LearnerState) -> Verdict:
    """Does ``tidy`` cancel all bids of the program, and nothing else?"""
    tidy = _function(learner, "tidy")
    if is_code_of(tidy, TIDY.starter):
        return untried()
    with _account(learner.sandbox) as by_hand:
        for restarted in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                _tidy_once(tidy, by_hand, Path(folder) / "orders.jsonl", restarted)
    return right(
        "The bids of the program are cancelled, also after a restart. Orders by hand still wait."
    )


def _tidy_once(tidy: Any, by_hand: Client, journal: Path, restarted: bool) -> None:
    """``restarted``: the program was started again after it placed its bids. Raises Decided."""
    others = [  # the second one has no clientId
        by_hand.execute_order(MARKET, "Bid", "Limit", price=LOW, quantity="0.1"),
        by_hand.request(
            "POST", "/api/v1/order", {**ORDER, "price": LOW}, instruction="orderExecute"
        ),
    ]
    with Counted(by_hand.url, by_hand.key, journal=journal) as bp:
        own = [
            bp.execute_order(MARKET, "Bid", "Limit", price=price, quantity="0.1")
            for price in (LOW, "165.50")
        ]
        if not restarted:
            _run(tidy, "tidy", bp)
    if restarted:
        with Counted(by_hand.url, by_hand.key, journal=journal) as bp:
            _run(tidy, "tidy", bp)
    left = {one["id"] for one in by_hand.get_open_orders(MARKET)}
    if not all(one["id"] in left for one in others):
        raise Decided(wrong("`tidy` cancelled an order that was placed by hand."))
    waiting = sum(one["id"] in left for one in own)
    if waiting:
        again = " and was started again" if restarted else ""
        still = "one of them still waits" if waiting == 1 else "both still wait"
        raise Decided(wrong(f"A program had two bids{again}. After `tidy`, {still}."))
    by_hand.cancel_open_orders(MARKET)


def _run(function: Any, name: str, *args: Any) -> Any:
    """What it returns. If it raises or never ends, the verdict is "Wrong"."""
    run = Run(function)
    run.start(*args)
    if run.endless:
        raise Decided(wrong(f"`{name}` runs on and on. What ends its loop?"))
    if run.error is not None:
        raise Decided(wrong(f"`{name}` raised {described(run.error)}"))
    return run.result


TIDY = Exercise(
    id="09.1",
    title="Mine, and not yours",
    grade=tidied,
    starter="""\
def tidy(bp):
    bp.cancel_open_orders(SYMBOL)

you = Client(sandbox.url, sandbox.key)
you.execute_order(SYMBOL, "Bid", "Limit", price="165", quantity="0.1")
with start(sandbox.url, sandbox.key, journal) as bp:
    tidy(bp)
[one["price"] for one in you.get_open_orders(SYMBOL)]""",
    hints=(
        "`cancel_open_orders` takes all orders of the account in this market. Which function of "
        "this notebook knows the program's own bids?",
        "`my_bids(bp)` lists them. Each has an `id`, and `cancel_order` takes one.",
        'For each bid in my_bids(bp): bp.cancel_order(SYMBOL, order_id=bid["id"]).',
    ),
    solution="""\
def tidy(bp):
    for bid in my_bids(bp):
        bp.cancel_order(SYMBOL, order_id=bid["id"])

you = Client(sandbox.url, sandbox.key)
you.execute_order(SYMBOL, "Bid", "Limit", price="165", quantity="0.1")
with start(sandbox.url, sandbox.key, journal) as bp:
    tidy(bp)
[one["price"] for one in you.get_open_orders(SYMBOL)]""",
)


# --- 09.2 -----------------------------------------------------------------------------------------

ABOVE = "The bid is above the wanted price, so it may buy too high."
# (price of the bid, the wanted price, does it move?, why)
MOVES = (
    ("170.20", "170.20", False, "The bid is at the wanted price."),
    ("170.00", "170.15", False, "The bid is only 0.15 below the wanted price."),
    ("170.20", "170.40", False, "The bid is exactly 0.20 below, which is allowed."),
    ("170.00", "170.21", True, "The bid is more than 0.20 below the wanted price."),
    ("170.01", "170.00", True, ABOVE),
    ("171.00", "170.00", True, ABOVE),
    ("99.90", "100.00", False, "The bid is only 0.10 below. Compare numbers, not text."),
    ("100.10", "99.95", True, f"{ABOVE} Compare numbers, not text."),
)


def down_at_once(learner: LearnerState) -> Verdict:
    """Does ``should_move`` know up from down?"""
    function = _function(learner, "should_move")
    if is_code_of(function, MOVE.starter):
        return untried()
    for price, wanted, moves, why in MOVES:
        answer = _run(function, "should_move", price, Decimal(wanted))
        if not isinstance(answer, bool):
            return wrong(
                f"`should_move` should return True or False, and returned {shown(answer)}."
            )
        if answer != moves:
            return wrong(f'`should_move("{price}", Decimal("{wanted}"))` is {answer}. {why}')
    return right("The bid moves down at once. It moves up only if it is more than 0.20 too low.")


MOVE = Exercise(
    id="09.2",
    title="Down at once",
    grade=down_at_once,
    starter="""\
def should_move(price, wanted):
    return not is_near(price, wanted)

should_move("170.01", Decimal("170.00"))""",
    hints=(
        "There are two reasons to move: the bid is above its place, or it is too far below.",
        "`price` is text, and `wanted` is a Decimal. Make both the same kind before you compare.",
        "With price = Decimal(price): it is above if price > wanted, and too far below if "
        "wanted - price > FAR. Join the two with `or`.",
    ),
    solution="""\
def should_move(price, wanted):
    price = Decimal(price)
    return price > wanted or wanted - price > FAR

should_move("170.01", Decimal("170.00"))""",
)


# --- 09.3 -----------------------------------------------------------------------------------------


class Case(NamedTuple):
    """``fault`` hits the first ``times`` orders. ``pauses``: the right ones. ``raised``: the error
    that should come out, or ""."""

    said: str
    fault: str | None
    times: int | None
    pauses: list[int]
    raised: str = ""
    price: str = LOW


CASES = (
    Case("Nothing went wrong", None, None, []),
    Case("429 came once", "rate_limit", 1, [1]),
    Case("429 came three times", "rate_limit", 3, [1, 2, 4]),
    Case("The price was not a multiple of the tick", None, None, [], "ApiError", "165.005"),
    Case("The reply was lost", "lost_reply", 1, [], "TransportError"),
    Case("429 came each time", "rate_limit", None, [1, 2, 4], "ApiError"),
)
MOST_WAITS = 10


def later(learner: LearnerState) -> Verdict:
    """Does ``patiently`` send again only what may be sent again, and later each time?"""
    function = _function(learner, "patiently")
    if is_code_of(function, LATER.starter):
        return untried()
    with _account(learner.sandbox) as client:
        for case in CASES:
            _try_later(function, learner.sandbox, client, case)
    return right(
        "`patiently` tries again only after 429, and later each time. It raises every other error."
    )


def _try_later(function: Any, sandbox: Any, client: Client, case: Case) -> None:
    run, pauses, sendings = Run(function), list[Any](), len(_orders(sandbox))

    def wait(minutes: Any) -> None:
        run.alive()
        pauses.append(minutes)
        if len(pauses) == MOST_WAITS:
            run.park()

    def call() -> Any:
        run.spend(1000)
        return client.execute_order(MARKET, "Bid", "Limit", price=case.price, quantity="0.01")

    fault = case.fault and sandbox.fault(
        case.fault, operations=["execute_order"], times=case.times, account=client.key
    )
    with fault or nullcontext():
        run.start(call, wait)
    reason = _said(run, pauses, len(_orders(sandbox)) - sendings, case)
    if reason:
        raise Decided(wrong(f"{case.said}{reason}"))


def _orders(sandbox: Any) -> list[Any]:
    return [row for row in sandbox.log if row["operation"] == "execute_order"]


def _said(run: Run, pauses: list[Any], sendings: int, case: Case) -> str:
    """What is wrong, or ""."""
    wanted = len(case.pauses) + 1
    if case.raised == "TransportError" and sendings > 1:
        return f", and the order was sent {_times(sendings)}. It may be in the book {_times(sendings)}."
    if case.price != LOW and sendings > 1:
        return f", and the order was sent {_times(sendings)}. The exchange refuses it each time."
    if run.endless:
        return ", and `patiently` runs on and on. After four calls it should raise the error."
    if sendings != wanted:
        return f", and `call` was called {_times(sendings)}, not {_times(wanted)}."
    if pauses != case.pauses:
        return f". The pauses were {pauses}, and should be {case.pauses}."
    raised = "" if run.error is None else type(run.error).__name__
    if raised != case.raised and not case.raised:
        return f", and `patiently` raised {described(run.error or Exception())}"
    if raised != case.raised:
        return f", and no {case.raised} was raised. Nobody will know that the order failed."
    if not case.raised and not isinstance(run.result, dict):
        return f". `patiently` should return the order, and returned {shown(run.result)}."
    return ""


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


LATER = Exercise(
    id="09.3",
    title="Later and later",
    grade=later,
    starter="""\
def patiently(call, wait):
    while True:
        try:
            return call()
        except BpkitError:
            wait(1)

patiently(lambda: bp.get_ticker(SYMBOL)["lastPrice"], wait)""",
    hints=(
        "Which errors say that nothing was done, and that nothing is wrong with the order? Only "
        "those may be tried again.",
        'An ApiError has a `.code`. For 429 it is "TOO_MANY_REQUESTS". Raise every other error '
        "again with a bare `raise`.",
        "for pause in (1, 2, 4): try it and return; after an ApiError with another code, raise; "
        "then wait(pause). After the loop, return call() once more, without a try.",
    ),
    solution="""\
def patiently(call, wait):
    for pause in (1, 2, 4):
        try:
            return call()
        except ApiError as error:
            if error.code != "TOO_MANY_REQUESTS":
                raise
            wait(pause)
    return call()

patiently(lambda: bp.get_ticker(SYMBOL)["lastPrice"], wait)""",
)

EXERCISES = (TIDY, MOVE, LATER, HOUR)
