"""The exercises of notebook 04, Signed orders: six orders that go wrong, graded from the log."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .grading import CHANGE, Exercise, LearnerState, Verdict, exact, right, untried, wrong
from .n04_waiting import WAITING, a_side, none_yet, orders_sent, why, wrong_as_sent

__all__ = ["EXERCISES"]

# --- 04.1 -----------------------------------------------------------------------------------------

SUM, TOLD = Decimal("168.30"), 168.1 + 0.2


def calculated(learner: LearnerState) -> Verdict:
    """Did a bid at 168.30 arrive, and was it accepted?"""
    price, tried = learner["price"], orders_sent(learner, 41)
    for order, entry in tried:
        if entry["status"] == 200 and exact(order.get("price")) == SUM and _is_a_bid(order):
            return right(
                f"The exchange accepted a price of {order['price']}, exact to the last digit."
            )
    if isinstance(price, float) and (tried or price != TOLD):
        return wrong(
            f"`price` is {price!r} now, and it is still a float: `round` of a float gives a float. "
            "`bpkit` refused it, and nothing was sent."
        )
    if tried:
        return wrong_as_sent(learner, _no_sum(*tried[-1]))
    return none_yet(41, "An order that `bpkit` itself refuses does not arrive.")


def _is_a_bid(order: dict[str, Any]) -> bool:
    return (order.get("symbol"), order.get("side")) == ("SOL_USDC", "Bid")


def _no_sum(order: dict[str, Any], entry: dict[str, Any]) -> str:
    price = order.get("price")
    if not _is_a_bid(order):
        return f"The last order was {a_side(order)}; the task is a Bid on SOL_USDC."
    if entry["status"] != 200:
        return (
            f'The last price that arrived was "{price}". The exchange said: {why(entry)}. Now the '
            "float's error is in the text. Calculate so that there is no such error."
        )
    if exact(price) == SUM - Decimal("0.01"):
        return (
            f"The last price that arrived was {price}. The float was a hair below 168.30, so "
            "rounding down took away a whole tick. Calculate with Decimal from the beginning."
        )
    return f"The last price that arrived was {price}, and not 168.30."


# --- 04.2 -----------------------------------------------------------------------------------------

WISHED = {"price": Decimal("77123.456"), "quantity": Decimal("0.012345678")}
FITTED = {"price": Decimal("77123.4"), "quantity": Decimal("0.01234")}
GRID = {"price": ("tick", "0.1"), "quantity": ("step", "0.00001")}


def fitted(learner: LearnerState) -> Verdict:
    """Are price and quantity rounded down to the tick and the step?"""
    tried = [
        (order, entry)
        for order, entry in orders_sent(learner, 42)
        if {name: exact(order.get(name)) for name in WISHED} != WISHED
    ]
    if not tried:
        return untried()
    for order, entry in tried:
        if entry["status"] == 200 and _is_fitted(order):
            return right("77123.4 is on the tick, 0.01234 is on the step, and neither is too much.")
    for name in WISHED:
        if isinstance(learner.get(name), float):
            return wrong(f"`{name}` is a float now. `bpkit` refused it, and nothing was sent.")
    order, entry = tried[-1]
    if (order.get("symbol"), order.get("side")) != ("BTC_USDC", "Bid"):
        return wrong_as_sent(
            learner, f"The last order was {a_side(order)}; the task is a Bid on BTC_USDC."
        )
    said = f"The last order was for {order.get('quantity')} BTC at {order.get('price')}"
    if entry["status"] != 200:
        said = f"{said}. The exchange said: {why(entry)}. {_grid(order)}".rstrip()
    else:
        said = f"{said}. {_misfits(order)}"
    return wrong_as_sent(learner, said)


def _is_fitted(order: dict[str, Any]) -> bool:
    asked = (order.get("symbol"), order.get("side"))
    return asked == ("BTC_USDC", "Bid") and not _misfits(order)


def _misfits(order: dict[str, Any]) -> str:
    for name, fit in FITTED.items():
        value = exact(order.get(name))
        if value is None or value == fit:
            continue
        if value > WISHED[name]:
            return (
                f"A {name} of {value} is more than you want: the nearest value may be above it. "
                "`round_price` rounds a Bid down, and `round_quantity` rounds a quantity down."
            )
        return f"A {name} of {value} is less than you can have: {fit} is valid, and not too much."
    return ""


def _grid(order: dict[str, Any]) -> str:
    """Which of the two is not on its grid, or ""."""
    for name, (grid, size) in GRID.items():
        value = exact(order.get(name))
        if value is not None and value % Decimal(size):
            return f"The {name} is not on the {grid} of this market, which is {size}."
    return ""


# --- 04.3 -----------------------------------------------------------------------------------------


def tidied(learner: LearnerState) -> Verdict:
    """Was the order accepted, which needs a right signature?"""
    tried, newest = orders_sent(learner, 43), learner.log("execute_order")[-1:]
    if newest and newest[0]["status"] == 415:  # not JSON, so no clientId is found
        return wrong(f"The exchange said: {newest[0]['verdict']}. Send the order with `json=`.")
    if not tried:
        return none_yet(43)
    accepted = [order for order, entry in tried if entry["status"] == 200]
    for order in accepted:
        if exact(order.get("price")) == Decimal("168.5"):
            price = order["price"]
            return right(f'The exchange accepted it: "{price}" was signed, and "{price}" was sent.')
    if accepted:
        price = accepted[-1].get("price")
        return wrong(f"The exchange accepted it at {price}. The price should still be 168.5.")
    order, entry = tried[-1]
    finding = str(entry["finding"] or "").splitlines()
    if order.get("price") == "168.5" and finding and "another spelling" in finding[0]:
        return untried(f'The price "168.5" arrived, with the signature of another text. {CHANGE}')
    reason = " ".join((finding[0], finding[-1])) if finding else ""
    if "fits no text" in reason:
        reason = "The signature belongs to quite another order. Sign the order that you send."
    if isinstance(order.get("price"), float):
        reason = "The price must be text."
    return wrong_as_sent(learner, f"The exchange said: {why(entry)}. {reason}".rstrip())


EXERCISES = (
    Exercise(
        id="04.1",
        title="A price from a calculation",
        grade=calculated,
        starter="""\
price = 168.1 + 0.2
try:
    bp.execute_order("SOL_USDC", "Bid", "Limit", price=price, quantity="1", client_id=41)
except BpkitError as error:
    print(error)""",
        hints=(
            "This is 0.1 + 0.2 of notebook 00 again. If you turn the sum into text, it is too "
            "late: the text has the float's error.",
            "The two numbers must be exact before you add them. `Decimal` is imported already, in "
            "the cell that computes the average price.",
            'Make a Decimal from a text: Decimal("168.1"). Do the same with the other number.',
        ),
        solution="""\
price = Decimal("168.1") + Decimal("0.2")
try:
    bp.execute_order("SOL_USDC", "Bid", "Limit", price=price, quantity="1", client_id=41)
except BpkitError as error:
    print(error)""",
    ),
    Exercise(
        id="04.2",
        title="Between two ticks",
        grade=fitted,
        starter="""\
price, quantity = Decimal("77123.456"), Decimal("0.012345678")
try:
    bp.execute_order(
        "BTC_USDC", "Bid", "Limit", price=price, quantity=quantity, client_id=42
    )
except BpkitError as error:
    print(error)""",
        hints=(
            'The market knows its tick and its step: bp.market("BTC_USDC"). They are not those of '
            "SOL_USDC.",
            "`round_price` and `round_quantity` are in the section 'A refusal, read and fixed'. In "
            "which direction must the price of a Bid go?",
            'round_price(price, "Bid") rounds down to the tick of 0.1. round_quantity(quantity) '
            "rounds down to the step of 0.00001.",
        ),
        solution="""\
bitcoin = bp.market("BTC_USDC")
price = bitcoin.round_price("77123.456", "Bid")
quantity = bitcoin.round_quantity("0.012345678")
bp.execute_order(
    "BTC_USDC", "Bid", "Limit", price=price, quantity=quantity, client_id=42
)""",
    ),
    Exercise(
        id="04.3",
        title="Tidied on the way",
        grade=tidied,
        starter="""\
bid = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "168.50",
       "quantity": "1", "clientId": 43}
headers = signed_headers("orderExecute", bid)
tidy = {**bid, "price": bid["price"].rstrip("0")}
answer = requests.post(f"{sandbox.url}/api/v1/order", json=tidy, headers=headers, timeout=10)
answer.status_code, answer.text[:70]""",
        hints=(
            "The exchange writes the text again, from what arrives. It does not know what you "
            "meant.",
            'You signed "168.50", and you sent "168.5". They are the same number, but two texts.',
            "Send `bid`, because you signed `bid`. Or tidy the order first, and sign `tidy`.",
        ),
        solution="""\
bid = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "168.50",
       "quantity": "1", "clientId": 43}
headers = signed_headers("orderExecute", bid)
answer = requests.post(f"{sandbox.url}/api/v1/order", json=bid, headers=headers, timeout=10)
answer.status_code, answer.text[:70]""",
    ),
    *WAITING,
)
