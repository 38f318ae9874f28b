"""The exercises of notebook 07, Live streams: events that come too late, or are refused."""

from __future__ import annotations

from .grading import Exercise, LearnerState, Verdict, right, shown, untried, wrong
from .log_queries import AS_AT_FIRST, at_first, refusal, refused
from .n07_events import CHANGE, MISSING, PRESSURE

__all__ = ["EXERCISES"]


# --- 07.1 -----------------------------------------------------------------------------------------

ORDERS = "account.orderUpdate"


def seen_filled(learner: LearnerState) -> Verdict:
    """Is ``fill`` the fill of an order, as the stream showed it?"""
    fill = learner["fill"]
    if fill is None:
        if _last(learner, "execute_order") < _last(learner, "subscribe"):
            return untried()
        return wrong(
            "The order came after the subscription, which is right. But `fill` is None: no event "
            "had all the values that `wait` looked for."
        )
    if getattr(fill, "type", None) != ORDERS:
        return wrong(f"`fill` should be an event of {ORDERS}, and is {shown(fill)}.")
    if fill.status != "Filled":
        return wrong(
            f"`fill` is an event of an order, but the order's status in it is {fill.status}."
        )
    return right(f"Subscribed first, and then ordered: filled at {fill.fill_price:f}.")


def _last(learner: LearnerState, operation: str) -> int:
    """The place of the last such row in the log; -1 if there is none."""
    places = [at for at, row in enumerate(learner.log()) if row["operation"] == operation]
    return places[-1] if places else -1


# --- 07.2 -----------------------------------------------------------------------------------------

FIRST = at_first("4003: Invalid signature (Invalid signature)", "websocket")


def subscribed_by_hand(learner: LearnerState) -> Verdict:
    """Did the exchange accept a subscription of the positions?"""
    rows = [row for row in learner.log("subscribe") if "positionUpdate" in row["body"]]
    if not rows:
        return untried()
    if any(row["verdict"] == "accepted" for row in rows):
        return right("Accepted. The names of the streams are sent, and they are not signed.")
    return untried(AS_AT_FIRST) if refusal(rows[-1]) == FIRST else refused(rows[-1])


EXERCISES = (
    Exercise(
        id="07.1",
        title="Too late",
        grade=seen_filled,
        starter="""\
order = bp.execute_order("SOL_USDC", "Bid", "Market", quantity="0.1")
with bp.stream("account.orderUpdate") as mine:
    fill = mine.wait(order_id=order["id"], status="Filled", seconds=0.5)
print(fill)""",
        hints=(
            "When was the order filled, and when did the stream begin?",
            "A stream does not repeat what happened before you subscribed. The subscription is "
            "there when the block begins.",
            "Move the line with execute_order into the block, before the line with `wait`.",
        ),
        solution="""\
with bp.stream("account.orderUpdate") as mine:
    order = bp.execute_order("SOL_USDC", "Bid", "Market", quantity="0.1")
    fill = mine.wait(order_id=order["id"], status="Filled", seconds=5)
print(fill)""",
    ),
    Exercise(
        id="07.2",
        title="Subscribe by hand",
        grade=subscribed_by_hand,
        starter="""\
stamp = str(int(time.time() * 1000))
text = "instruction=subscribe&params=account.positionUpdate"
text += f"&timestamp={stamp}&window=5000"
signature = [sandbox.key.public_key, sandbox.key.sign(text), stamp, "5000"]
request = {"method": "SUBSCRIBE", "params": ["account.positionUpdate"], "signature": signature}
with connect(address, proxy=None) as socket:
    socket.send(json.dumps(request))
    try:
        print(socket.recv(timeout=0.5))
    except TimeoutError:
        print("nothing came, so it was not refused")""",
        hints=(
            'Read what the sandbox found: print(sandbox.log[-1]["finding"]).',
            "Compare the text with the one of the function `subscription` above. What is in this "
            "text that is not in that one?",
            "The names of the streams are not signed. The text has three parts: instruction, "
            "timestamp and window.",
        ),
        solution="""\
stamp = str(int(time.time() * 1000))
text = "instruction=subscribe"
text += f"&timestamp={stamp}&window=5000"
signature = [sandbox.key.public_key, sandbox.key.sign(text), stamp, "5000"]
request = {"method": "SUBSCRIBE", "params": ["account.positionUpdate"], "signature": signature}
with connect(address, proxy=None) as socket:
    socket.send(json.dumps(request))
    try:
        print(socket.recv(timeout=0.5))
    except TimeoutError:
        print("nothing came, so it was not refused")""",
    ),
    MISSING,
    CHANGE,
    PRESSURE,
)
