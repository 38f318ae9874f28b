"""The last exercise of notebook 09: the learner's program, in an hour with three accidents.

The check starts an exchange and an account. The program's ``wait`` moves the time of that exchange,
so each call of it ends a step, and the step is judged there: by the exchange's log, and by the
orders in its book.
"""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

from bpkit.client import Client
from bpkit.guard.limits import Arming

from .cells import is_code_of
from .grading import (
    Exercise,
    LearnerState,
    Verdict,
    described,
    exact,
    right,
    sent,
    shown,
    untried,
    wrong,
)
from .n09_endless import Counted, Run

MINUTES, LATEST = 60, 80  # the hour, and when a program that goes on is stopped
SYMBOL, QUANTITY = "SOL_USDC", Decimal("0.1")
BELOW, FAR, HIGHEST = Decimal("0.50"), Decimal("0.20"), Decimal("170.45")
LOST = range(10, MINUTES)  # the first order in these minutes loses its reply
LIMITED, TRIES = range(38, 44), 3  # orders are answered 429, and may be tried so often
KILLED, LONGEST_PAUSE = 50, 8
WRITES = ("execute_order", "cancel_order", "cancel_open_orders", "execute_order_batch")


class Killed(BaseException):
    """The program was stopped, as by a power cut."""


class Mortal(Counted):
    """A client that sends nothing any more once its program was stopped."""

    dead = False

    def _send(self, *args: Any, **more: Any) -> Any:
        if self.dead:
            raise Killed
        return super()._send(*args, **more)


class Step:
    """What the program has sent since the last ``wait``."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.writes = [row for row in rows if row["operation"] in WRITES]
        self.refused = [row for row in self.writes if row["status"] == 429]
        self.lost = [row for row in self.writes if "reply lost" in row["verdict"]]


class Hour:
    """One hour of an exchange, and the verdict about the program that trades on it."""

    def __init__(self, sandbox: Any, follow: Any, folder: Path) -> None:
        self.sandbox, self.follow = sandbox, follow
        self.judge = Client(sandbox.url, sandbox.key)
        self.journal = folder / "orders.jsonl"
        self.minute, self.orders, self.tries = 0, 0, 0
        self.verdict: Verdict | None = None  # the first that is not right
        self.after = ""  # the accident that came last: "", "lost" or "killed"
        self.has_lost, self.was_killed = False, False
        self._seen, self._open = len(sandbox.log), 0
        self._waiting: list[dict[str, Any]] = []  # the open orders as they were at the last look
        self._faults: dict[str, Any] = {}

    # --- the program ------------------------------------------------------------------------------

    def go(self) -> Verdict:
        """Run the program twice: up to the minute when it is stopped, and from there to the end."""
        self._run()
        if self.verdict is None and not self.was_killed:
            return self._ended_early()
        if self.verdict is None:
            self.minute += 1
            self._advance(1)
            self.after = "killed"
            self._run()
        if self.verdict is None and self.minute < MINUTES:
            return self._ended_early()
        return self.verdict or self._at_the_end()

    def _run(self) -> None:
        """Start the program, and come back when it has ended or was stopped."""
        limits = Arming(orders=True, per_order="20", per_session="80", symbols=[SYMBOL])
        client = Mortal(self.sandbox.url, self.sandbox.key, armed=limits, journal=self.journal)
        with client:
            self.client, self.run = client, Run(self.follow)
            self.run.start(client, MINUTES - self.minute, self.wait, HIGHEST)
            if self.verdict is None and self.run.endless:
                self._fail(self._endless())
            if self.verdict is None and not client.dead:
                self._look()
                if self.run.error is not None:
                    self._fail(f"`follow` raised {described(self.run.error)}")
            self.unanswered = client.unanswered

    def wait(self, minutes: Any) -> None:
        """What the program calls between two steps."""
        if self.client.dead:
            raise Killed
        self.run.alive()
        step = self._look()
        if self.verdict is None:
            self._judge_book(step)
            self._judge_pause(step, minutes)
        if self.verdict is not None:
            self.run.park()
        if not step.lost:
            self.after = ""
        if self.minute >= KILLED and not self.was_killed:
            self.client.dead = self.was_killed = True
            raise Killed
        self.minute += minutes
        self._advance(minutes)
        if self.minute > LATEST:
            self._fail("The program still runs, and should have ended at 13:00.")
            self.run.park()

    def _advance(self, minutes: int) -> None:
        self._set_faults()
        self.sandbox.advance(minutes=minutes)
        self._waiting = self._orders()
        self._open = len(self._waiting)

    def _set_faults(self) -> None:
        """The accidents of the minute that begins."""
        wanted = {
            "lost_reply": self.minute in LOST and not self.has_lost,
            "rate_limit": self.minute in LIMITED,
        }
        for name, on in wanted.items():
            if on and name not in self._faults:
                operations = ["execute_order"] if name == "lost_reply" else WRITES
                times = 1 if name == "lost_reply" else None
                fault = self.sandbox.fault(name, operations=operations, times=times)
                fault.__enter__()
                self._faults[name] = fault
            elif not on and name in self._faults:
                self._faults.pop(name).__exit__(None, None, None)

    # --- the verdict ------------------------------------------------------------------------------

    def _fail(self, text: str) -> None:
        self.verdict = self.verdict or wrong(
            f"At {self._time()} (the time of the exchange): {text}"
        )

    def _time(self) -> str:
        return f"{self.sandbox.now:%H:%M}"

    def _orders(self) -> list[dict[str, Any]]:
        found = self.judge.get_open_orders(SYMBOL)
        self._seen = len(self.sandbox.log)  # what the judge asks is none of the program's steps
        return found

    def _look(self) -> Step:
        """Judge what was sent since the last look."""
        step = Step(self.sandbox.log[self._seen :])
        self._seen = len(self.sandbox.log)
        for row in step.writes:
            if row["status"] == 200 or "carried out" in row["verdict"]:
                self._carried_out(row)
        self.tries += len(step.refused)
        if self.tries > TRIES:
            self._fail(
                f"Since 12:38 the exchange has answered {self.tries} requests with 429. Nothing is "
                "wrong with your order. Wait longer after each refusal."
            )
        return step

    def _carried_out(self, row: dict[str, Any]) -> None:
        order = sent(row)
        if row["operation"].startswith("cancel"):
            self._open = 0 if row["operation"] == "cancel_open_orders" else self._open - 1
            return
        if row["operation"] == "execute_order_batch":
            return self._fail("A batch of orders was sent. One order at a time is enough.")
        self._judge_order(order)
        self._open, self.orders = self._open + 1, self.orders + 1
        if self._open > 1:
            self._fail(_TWO[self.after])
        self.after = ""
        if "reply lost" in row["verdict"]:
            self.has_lost, self.after = True, "lost"

    def _judge_order(self, order: dict[str, Any]) -> None:
        price = exact(order.get("price"))
        if order.get("side") != "Bid" or price is None:
            kind = f"{order.get('orderType')} {order.get('side')}"
            self._fail(f"A {kind} was sent. The program should only send Limit bids.")
        elif price > HIGHEST:
            self._fail(f"A bid at {price} was sent. That is above `highest`, {HIGHEST}.")
        elif exact(order.get("quantity")) != QUANTITY:
            self._fail(f"A bid for {order.get('quantity')} SOL was sent. It should be {QUANTITY}.")

    def _judge_book(self, step: Step) -> None:
        """Is one bid where it should be? After an accident in this step, that cannot be asked."""
        if step.refused or step.lost:
            return
        orders = self._orders() if step.writes else self._waiting
        if not orders and not self.orders:
            return self._fail("No bid has arrived. Send it with the client that `follow` gets.")
        if not orders:
            return self._fail("The step has ended, and no bid is in the book.")
        best = Decimal(self.judge.get_depth(SYMBOL, limit=5)["bids"][-1][0])
        self._seen = len(self.sandbox.log)
        wanted, price = min(best - BELOW, HIGHEST), Decimal(orders[0]["price"])
        if abs(price - wanted) > FAR:
            self._fail(
                f"The bid waits at {price}, and it should be at {wanted}. The difference is "
                f"{abs(price - wanted)}, and {FAR} is allowed."
            )

    def _judge_pause(self, step: Step, minutes: Any) -> None:
        if isinstance(minutes, bool) or not isinstance(minutes, int) or minutes < 1:
            self._fail(f"`wait` takes whole minutes from 1, and was given {shown(minutes)}.")
        elif minutes > 1 and not (step.refused or step.lost):
            self._fail(f"`wait({minutes})` was called, though the exchange had refused nothing.")
        elif minutes > LONGEST_PAUSE:
            self._fail(f"`wait({minutes})` was called. {LONGEST_PAUSE} minutes are the most.")

    def _endless(self) -> str:
        if self.client.dead:
            return (
                "The program was stopped, and it went on. A bare `except:` catches everything, this "
                "too. Name the errors that it is for."
            )
        return (
            "The program runs on and on, and does not call `wait`. Only `wait` lets the time of "
            "the exchange pass."
        )

    def _ended_early(self) -> Verdict:
        return wrong(
            f"`follow` ended at {self._time()} (the time of the exchange). It should run until 13:00."
        )

    def _at_the_end(self) -> Verdict:
        left = self._orders()
        if left:
            return wrong(
                f"`follow` has ended, and a bid at {left[0]['price']} is still in the book. An order "
                "does not end with your program. Cancel it at the end."
            )
        if self.unanswered:
            return wrong(
                "The hour went well by luck. The reply to an order was lost, and the program has never "
                "asked what became of it. Call `bp.reconcile()` before the next order."
            )
        held = self.judge.get_balances()["SOL"]["available"]
        return right(
            f"An hour with three accidents and {self.orders} bids: never two at once, none above "
            f"{HIGHEST}, and nothing is left in the book. The account holds {held} SOL."
        )


_TWO = {
    "": "Two bids are in the book. The new one was sent before the old one was cancelled.",
    "lost": (
        "Two bids are in the book. The reply to the first one was lost, and then the program sent "
        "another one. Look before you send again."
    ),
    "killed": (
        "Two bids are in the book. The program was stopped and started again, and it sent a bid "
        "without a look at the one that was there."
    ),
}


# --- the exercise ---------------------------------------------------------------------------------


def hour(learner: LearnerState) -> Verdict:
    """Does the learner's program keep one bid through the hour?"""
    follow = learner["follow"]
    if not callable(follow):
        return wrong(f"`follow` should be a function, and is {shown(follow)}.")
    if is_code_of(follow, HOUR.starter):
        return untried()
    from bpkit.sandbox import Sandbox  # it takes a moment, and only this check needs it

    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        trial = Hour(sandbox, follow, Path(folder))
        with trial.judge:
            return trial.go()


HOUR = Exercise(
    id="09.4",
    title="An hour with three accidents",
    grade=hour,
    starter="""\
def follow(bp, minutes, wait, highest):
    bid = None
    for _ in range(minutes):
        wanted = wanted_price(bp)
        try:
            if bid is None or not is_near(bid["price"], wanted):
                bid = bp.execute_order(SYMBOL, "Bid", "Limit", price=wanted, quantity=QUANTITY)
        except (ApiError, TransportError):
            pass
        wait(1)

highest = Decimal("170.45")
min(wanted_price(bp), highest)""",
    hints=(
        "A variable such as `bid` is gone after a restart. Where can the program look instead, at "
        "the beginning of each step?",
        "Take `step` as a pattern: settle, look, cancel, look again, place. The right price of the "
        "bid is the lower one of two. `run` shows how to wait, and `stop` how to end.",
        "Write a `step` with min(wanted_price(bp), highest). Call it in a loop as in `run`, which "
        "counts the minutes and doubles the pause after an ApiError. Then call stop(bp, wait).",
    ),
    solution="""\
def follow(bp, minutes, wait, highest):
    pause = 1
    while minutes > 0:
        try:
            keep(bp, min(wanted_price(bp), highest))
            pause = 1
        except TransportError:
            pass
        except ApiError:
            pause = min(2 * pause, 8)
        wait(pause)
        minutes -= pause
    stop(bp, wait)

def keep(bp, wanted):
    for bid in my_bids(bp):
        if not is_near(bid["price"], wanted):
            bp.cancel_order(SYMBOL, order_id=bid["id"])
    if settle(bp) and not my_bids(bp):
        bp.execute_order(SYMBOL, "Bid", "Limit", price=wanted, quantity=QUANTITY)""",
)
