"""The exercises of notebook 04, Signed orders: six orders that go wrong, graded from the log."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .grading import Exercise, LearnerState, Verdict, exact, right, untried, wrong
from .n04_waiting import WAITING, a_side, none_yet, orders_sent, why, wrong_as_sent

__all__ = ["EXERCISES"]

# --- 04.1 -----------------------------------------------------------------------------------------

SUM, TOLD = Decimal("168.30"), 168.1 + 0.2


def calculated(learner: LearnerState) -> Verdict:
    """Did a bid at 168.30 arrive, and was it accepted?"""
    price, tried = learner["price"], orders_sent(learner, 41)
    for order, entry in tried:
        if entry["status"] == 200 and exact(order.get("price")) == SUM and _is_a_bid(order):
            return right(f"The exchange took it: a price of {order['price']}, to the last digit.")
    if tried:
        return wrong_as_sent(_no_sum(*tried[-1]))
    if isinstance(price, float) and price != TOLD:
        return wrong(
            f"`price` is {price!r} now, which looks right, but it is a float still: `round` of a "
            "float gives a float. `bpkit` refused it, and nothing was sent."
        )
    return none_yet(41, "What `bpkit` itself refuses is never sent.")


def _is_a_bid(order: dict[str, Any]) -> bool:
    return (order.get("symbol"), order.get("side")) == ("SOL_USDC", "Bid")


def _no_sum(order: dict[str, Any], entry: dict[str, Any]) -> str:
    price = order.get("price")
    if not _is_a_bid(order):
        return f"What arrived last was {a_side(order)}; the task is a Bid on SOL_USDC."
    if entry["status"] != 200:
        return (
            f'What arrived last was a price of "{price}", and the exchange said: {why(entry)}. The '
            "error of the float is in the text now. It must not arise in the first place."
        )
    if exact(price) == SUM - Decimal("0.01"):
        return (
            f"What arrived last was {price}. The float lay a hair below 168.30, and rounding down "
            "made a whole tick of that hair. Calculate with Decimal from the beginning."
        )
    return f"What arrived last was a price of {price}, and not 168.30."


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
            return right("77123.4 and 0.01234: on the tick and on the step, and neither too much.")
    order, entry = tried[-1]
    if (order.get("symbol"), order.get("side")) != ("BTC_USDC", "Bid"):
        return wrong_as_sent(
            f"What arrived last was {a_side(order)}; the task is a Bid on BTC_USDC."
        )
    said = f"What arrived last was {order.get('quantity')} BTC at {order.get('price')}"
    if entry["status"] != 200:
        return wrong_as_sent(
            f"{said}, and the exchange said: {why(entry)}. {_grid(order)}".rstrip()
        )
    return wrong_as_sent(f"{said}. {_misfits(order)}")


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
                f"A {name} of {value} is more than you want: the nearest is not always below. "
                "`round_price` brings a Bid down, `round_quantity` a quantity."
            )
        return f"A {name} of {value} is too little: {fit} is possible, and not too much."
    return ""


def _grid(order: dict[str, Any]) -> str:
    """Which of the two lies between."""
    for name, (grid, size) in GRID.items():
        value = exact(order.get(name))
        if value is not None and value % Decimal(size):
            return f"The {name} is not on the {grid} of this market, which is {size}."
    return ""


# --- 04.3 -----------------------------------------------------------------------------------------


def tidied(learner: LearnerState) -> Verdict:
    """Was the order accepted, which needs a right signature?"""
    tried = orders_sent(learner, 43)
    if not tried:
        return none_yet(43)
    for order, entry in tried:
        if entry["status"] == 200:
            return _accepted(order)
    order, entry = tried[-1]
    finding = str(entry["finding"] or "").splitlines()
    if order.get("price") == "168.5" and finding and "another spelling" in finding[0]:
        return untried(
            'What arrived was the price "168.5" again, with a signature for another text. Change '
            "the cell above, run it, and then this one once more."
        )
    reason = " ".join((finding[0], finding[-1])) if finding else ""
    return wrong_as_sent(f"The exchange said: {why(entry)}. {reason}".rstrip())


def _accepted(order: dict[str, Any]) -> Verdict:
    price = order.get("price")
    if exact(price) == Decimal("168.5"):
        return right(f'It was accepted: "{price}" was sent, and "{price}" was signed.')
    return wrong(f"It was accepted, but with a price of {price}. Only the spelling was at fault.")


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
            "0.1 + 0.2 of notebook 00, once more. To write the result as text comes too late: its "
            "error is written out then.",
            "The two numbers must be exact before they are added. `Decimal` is there already, "
            "from the cell about the average price.",
            'A Decimal is made of a text: Decimal("168.1"). Make the other one so, too.',
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
            'The market knows both: bp.market("BTC_USDC"). The tick of its price is not the one of '
            "SOL, and its quantity has a step of its own.",
            "`round_price` and `round_quantity` are under 'A refusal, read and mended'. In which "
            "direction must the price of a Bid go?",
            'round_price(price, "Bid") goes down to the tick, which is 0.1. round_quantity(quantity) '
            "goes down to the step, which is 0.00001.",
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
now = int(time.time() * 1000)
headers = signed_headers(text_for("orderExecute", bid, now), now)
tidy = {**bid, "price": bid["price"].rstrip("0")}
answer = requests.post(url, json=tidy, headers=headers, timeout=10)
answer.status_code, answer.text[:70]""",
        hints=(
            "The exchange builds the text anew from what arrives, and compares. It knows nothing "
            "of what you meant.",
            'Signed was "168.50", sent was "168.5". The two are the same number, and two texts.',
            "Send `bid`, which is what you signed. Or tidy it first, and sign `tidy`.",
        ),
        solution="""\
bid = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "168.50",
       "quantity": "1", "clientId": 43}
now = int(time.time() * 1000)
headers = signed_headers(text_for("orderExecute", bid, now), now)
answer = requests.post(url, json=bid, headers=headers, timeout=10)
answer.status_code, answer.text[:70]""",
    ),
    *WAITING,
)
