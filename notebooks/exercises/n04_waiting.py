"""The second half of notebook 04's exercises: orders that should wait, and that should not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .grading import (
    CHANGE,
    Exercise,
    LearnerState,
    Verdict,
    cannot_tell,
    exact,
    right,
    sent,
    untried,
    wrong,
)

Sent = list[tuple[dict[str, Any], dict[str, Any]]]  # parameters, and the entry of the log


def orders_sent(learner: LearnerState, number: int) -> Sent:
    """The orders that arrived with this clientId, oldest first."""
    orders = [(sent(entry), entry) for entry in learner.log("execute_order")]
    return [
        (order, entry)
        for order, entry in orders
        if isinstance(order, dict) and order.get("clientId") == number
    ]


def none_yet(number: int, more: str = "") -> Verdict:
    """The verdict if nothing with this clientId arrived. ``more``: a further sentence."""
    said = f"No order with the clientId {number} has arrived. {more}".rstrip()
    return untried(f"{said} {CHANGE}")


def why(entry: dict[str, Any]) -> str:
    """What the exchange answered to a refused order, without its code."""
    return str(entry["verdict"]).partition(": ")[2] or str(entry["verdict"])


def wrong_as_sent(learner: LearnerState, reason: str) -> Verdict:
    """Wrong, because of the last order that arrived, or because the newest cell sent none."""
    return learner.stopped_early() or wrong(reason)


def a_side(order: dict[str, Any]) -> str:
    """ "an Ask on SOL_USDC"."""
    side = order.get("side")
    return f"{'an' if side == 'Ask' else 'a'} {side} on {order.get('symbol')}"


# --- 04.4 -----------------------------------------------------------------------------------------

LADDER = {441: ("168", "1"), 442: ("167", "1.5"), 443: ("166", "1"), 444: ("165", "2")}
STARTERS = {441: ("168", "1"), 442: ("167", "1.5"), 443: ("166", "1.005"), 444: ("165", "2")}


def one_of_four(learner: LearnerState) -> Verdict:
    """Does each of the four wait, once?"""
    batches = [sent(entry) for entry in learner.log("execute_order_batch")]
    batches = [batch for batch in batches if isinstance(batch, list) and _numbers(batch)]
    singles = [order for number in LADDER for order, _ in orders_sent(learner, number)]
    if not batches and not singles:
        return untried()
    if not singles and all(_as_in(batch, STARTERS) for batch in batches):
        return untried("Only the first batch has arrived, and one of its orders was refused.")
    open_ = [one for one in learner.ask("get_open_orders") if one.get("clientId") in LADDER]
    if not open_:
        return cannot_tell(
            "None of the four orders waits: they were cancelled. Run the cell above with all four "
            "in it."
        )
    for number, (price, quantity) in LADDER.items():
        own = [one for one in open_ if one["clientId"] == number]
        found = _no_step(number, own, price, quantity)
        if found:
            return wrong(found)
    return right("Four bids wait, and each waits once.")


def _numbers(batch: list[Any]) -> list[int]:
    return [one["clientId"] for one in batch if one.get("clientId") in LADDER]


def _as_in(batch: list[Any], steps: dict[int, tuple[str, str]]) -> bool:
    found = {
        one.get("clientId"): (exact(one.get("price")), exact(one.get("quantity"))) for one in batch
    }
    return found == {number: (Decimal(a), Decimal(b)) for number, (a, b) in steps.items()}


def _no_step(number: int, own: list[dict[str, Any]], price: str, quantity: str) -> str:
    """What is wrong with one of the four, or ""."""
    if not own:
        return f"The order {number} does not wait. It should wait: {quantity} SOL at {price}.00."
    if len(own) > 1:
        return (
            f"The order {number} waits {len(own)} times: if you send a batch again, you send all of "
            "its orders again. Cancel them and send all four. Next time, send only the order that "
            "failed."
        )
    if exact(own[0]["price"]) != Decimal(price):
        return f"The order {number} waits at {own[0]['price']}, and not at {price}.00."
    if exact(own[0]["quantity"]) != Decimal(quantity):
        return f"The order {number} is for {own[0]['quantity']} SOL, and not for {quantity}."
    return ""


# --- 04.5 -----------------------------------------------------------------------------------------


def maker(learner: LearnerState) -> Verdict:
    """Was a post-only bid accepted, at the best bid or above it? Then it waited."""
    tried = orders_sent(learner, 45)
    if not tried:
        return none_yet(45)
    best = exact(learner.ask("get_depth", symbol="SOL_USDC", limit=5)["bids"][-1][0])
    for order, entry in tried:
        if entry["status"] == 200 and order.get("postOnly") and not _no_maker(order, best):
            return right(
                f"Your bid at {order['price']} could only wait. When it is filled, you pay the "
                "maker's fee."
            )
    order, entry = tried[-1]
    if order.get("orderType") == "Market":
        return wrong_as_sent(learner, _no_maker(order, best))
    if entry["status"] != 200:
        more = "This is the price of a seller: choose the other side of the book."
        return wrong_as_sent(
            learner,
            f"The last order was a bid at {order.get('price')}. The exchange said: "
            f"{why(entry)}. {more if order.get('postOnly') else ''}".rstrip(),
        )
    if order.get("postOnly"):
        return wrong_as_sent(learner, _no_maker(order, best))
    if _status(learner, order) in (None, "Filled", "PartiallyFilled"):
        return untried(
            f"The last order was a bid at {order.get('price')}, and it traded at once. {CHANGE}"
        )
    return wrong_as_sent(
        learner,
        f"The last order waits at {order.get('price')}, but only by luck: if the market had come "
        "down in the meantime, it would have traded. Say post_only=True.",
    )


def _no_maker(order: dict[str, Any], best: Decimal | None) -> str:
    """What is wrong with an order that was accepted, or ""."""
    price = exact(order.get("price"))
    if order.get("orderType") == "Market":
        return "A Market order never waits: it takes what is offered. The task is a Limit order."
    if order.get("side") != "Bid":
        return "The last order was an `Ask`: it sells SOL. The side that buys is `Bid`."
    if order.get("symbol") != "SOL_USDC":
        return f"The last order was {a_side(order)}; the task is a Bid on SOL_USDC."
    if price is None or best is None or price < best:
        return (
            f"Your last bid waits at {price}, but the best bid is {best}. Both sides of a book "
            "rise by price, so the best bid is the last of the bids."
        )
    return ""


def _status(learner: LearnerState, order: dict[str, Any]) -> str | None:
    """The newest order of this number and price."""
    for row in learner.ask("get_order_history", symbol="SOL_USDC"):
        if row["clientId"] == order["clientId"] and exact(row["price"]) == exact(
            order.get("price")
        ):
            return str(row["status"])
    return None


# --- 04.6 -----------------------------------------------------------------------------------------


def last_one_out(learner: LearnerState) -> Verdict:
    """Does nothing wait on any market?"""
    if not orders_sent(learner, 46):
        return none_yet(46)
    waiting = learner.ask("get_open_orders")
    if not waiting:
        return right("No order waits on any market, and nothing is locked.")
    log = learner.log()
    since = max(at for at, entry in enumerate(log) if _is_46(entry))
    cancels = [entry for entry in log[since:] if str(entry["operation"]).startswith("cancel_")]
    if not cancels:  # the starter does not stop between its order and its cancel
        return wrong(NO_CANCEL)
    if [sent(entry) for entry in cancels] == [{"symbol": "SOL_USDC"}]:
        return untried(
            f"Only SOL_USDC was cancelled. Orders still wait on another market. {CHANGE}"
        )
    first = waiting[0]
    more = f", and {len(waiting) - 1} more" if len(waiting) > 1 else ""
    return wrong(
        f"{'An' if first['side'] == 'Ask' else 'A'} {first['side']} at {first['price']} on "
        f"{first['symbol']} still waits{more}. `bp.get_open_orders()`, without a market, lists "
        "all open orders."
    )


NO_CANCEL = (
    "The order on ETH_USDC arrived, but no cancel came after it. If your cell stopped with an "
    "error, read its last line: `cancel_open_orders` needs the name of a market."
)


def _is_46(entry: dict[str, Any]) -> bool:
    order = sent(entry) if entry["operation"] == "execute_order" else None
    return isinstance(order, dict) and order.get("clientId") == 46


WAITING = (
    Exercise(
        id="04.4",
        title="One of four",
        grade=one_of_four,
        starter="""\
steps = [("168.00", "1", 441), ("167.00", "1.5", 442),
         ("166.00", "1.005", 443), ("165.00", "2", 444)]
answers = bp.execute_order_batch([
    {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit",
     "price": price, "quantity": quantity, "clientId": number}
    for price, quantity, number in steps
])
len(answers)""",
        hints=(
            'Look at all four answers: answers.df[["operation", "price", "quantity", "message"]].',
            "Three of the bids wait already. What would be in the book if you sent all four again?",
            "Keep only the third bid in `steps`, with a quantity of 1. If some bids wait twice now, "
            "first cancel everything on the market, and then send all four.",
        ),
        solution="""\
bp.cancel_open_orders("SOL_USDC")
steps = [("168.00", "1", 441), ("167.00", "1.5", 442),
         ("166.00", "1", 443), ("165.00", "2", 444)]
answers = bp.execute_order_batch([
    {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit",
     "price": price, "quantity": quantity, "clientId": number}
    for price, quantity, number in steps
])
answers.df[["operation", "status", "price", "quantity"]]""",
    ),
    Exercise(
        id="04.5",
        title="A bid that should wait",
        grade=maker,
        starter="""\
price = bp.get_depth("SOL_USDC", limit=5)["asks"][0][0]
maker = bp.execute_order(
    "SOL_USDC", "Bid", "Limit", price=price, quantity="0.1", client_id=45
)
maker["status"]""",
        hints=(
            "The first ask is the cheapest seller. A bid at this price buys at once.",
            "Both sides of a book rise by price. At which end of the bids is the best one?",
            'Take the price of ["bids"][-1], and write post_only=True into the call.',
        ),
        solution="""\
price = bp.get_depth("SOL_USDC", limit=5)["bids"][-1][0]
maker = bp.execute_order(
    "SOL_USDC", "Bid", "Limit", price=price, quantity="0.1", post_only=True, client_id=45
)
maker["status"]""",
    ),
    Exercise(
        id="04.6",
        title="The last one out",
        grade=last_one_out,
        starter="""\
bp.execute_order("ETH_USDC", "Bid", "Limit", price="2300.00", quantity="0.1", client_id=46)
bp.cancel_open_orders("SOL_USDC")
len(bp.get_open_orders("SOL_USDC"))""",
        hints=(
            "The zero is true, but only for one market. Ask for all markets.",
            'bp.get_open_orders().df[["symbol", "price"]] shows where orders wait.',
            "`cancel_open_orders` takes one market. Call it for each market with an open order.",
        ),
        solution="""\
for market in {order["symbol"] for order in bp.get_open_orders()}:
    bp.cancel_open_orders(market)
len(bp.get_open_orders())""",
    ),
)
