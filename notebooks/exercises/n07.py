"""The exercises of 07_live_streams: a subscription that is too late, and one that is refused."""

from __future__ import annotations

from .grading import Exercise, LearnerState, Verdict, right, sent, shown, untried, wrong
from .log_queries import at_first, still_refused
from .n07_events import CHANGE, MISSING, PRESSURE

__all__ = ["EXERCISES"]


# --- 07.1 -----------------------------------------------------------------------------------------

ORDERS = "account.orderUpdate"


def seen_filled(learner: LearnerState) -> Verdict:
    """Is ``fill`` the fill of an order, as the stream showed it?"""
    fill = learner.get("fill")
    if getattr(fill, "type", None) == ORDERS and fill.status == "Filled":
        return right(
            f"You subscribed before the order, and it was filled at {fill.fill_price:f} USDC."
        )
    learner.must_have_ended()
    fill = learner["fill"]
    if fill is None:
        if _last(learner, "execute_order") < _last(learner, "subscribe"):
            return untried()
        return wrong(
            "You subscribed before the order, which is right. But `fill` is None, because no event "
            "with all the values came while `wait` waited. Is `wait` after the order? Is each value "
            "right?"
        )
    if getattr(fill, "type", None) != ORDERS:
        return wrong(f"`fill` should be an event of {ORDERS}. Yours is {shown(fill)}.")
    return wrong(
        f"`fill` is an event of an order, but it has the status {fill.status}, and not Filled."
    )


def _last(learner: LearnerState, operation: str) -> int:
    """The place of the last such row in the log; -1 if there is none."""
    places = [at for at, row in enumerate(learner.log()) if row["operation"] == operation]
    return places[-1] if places else -1


# --- 07.2 -----------------------------------------------------------------------------------------

BY_HAND = """\
stamp = str(int(time.time() * 1000))
text = "instruction=subscribe&params=account.positionUpdate"
text += f"&timestamp={stamp}&window=5000"
signature = [sandbox.key.public_key, sandbox.key.sign(text), stamp, "5000"]
request = {"method": "SUBSCRIBE", "params": ["account.positionUpdate"], "signature": signature}
with connect(address, proxy=None) as socket:
    socket.send(json.dumps(request))
    socket.ping().wait()
    try:
        print(socket.recv(timeout=0))
    except TimeoutError:
        print("no error came before the pong")"""
PARAMS = "They should be ['account.positionUpdate'], as before: only the signed text has a mistake."
FIRST = at_first("4003: Invalid signature (Invalid signature)", "websocket")


def subscribed_by_hand(learner: LearnerState) -> Verdict:
    """Did the exchange accept a subscription of the positions?"""
    rows = learner.log("subscribe")
    mine = [row for row in rows if "positionUpdate" in row["body"]]
    if any(row["verdict"] == "accepted" for row in mine):
        return right(
            "The exchange accepted it. You send the names of the streams, but you do not sign them."
        )
    if not mine:
        return untried()
    if learner.has_changed() and mine[-1] is not rows[-1]:
        asked = sent(rows[-1])
        params = asked.get("params") if isinstance(asked, dict) else asked
        return wrong(f"The `params` of your last request are {shown(params)}. {PARAMS}")
    return still_refused(learner, mine[-1], FIRST)


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
            "A stream does not repeat what happened before you subscribed. The subscription begins "
            "with the block.",
            "Move the line with `execute_order` into the block, before the line with `wait`.",
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
        starter=BY_HAND,
        hints=(
            'Read what the sandbox found: `print(sandbox.log[-1]["finding"])`.',
            "The lesson above signed only `instruction=subscribe`, the timestamp and the window. What "
            "else is in this text?",
            "The names of the streams are not signed. The text has three parts: instruction, "
            "timestamp and window.",
        ),
        solution=BY_HAND.replace("&params=account.positionUpdate", ""),
    ),
    MISSING,
    CHANGE,
    PRESSURE,
)
