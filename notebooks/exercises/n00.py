"""The exercises of notebook 00, Start here: a price is text; an order that waits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .grading import Exercise, LearnerState, Verdict, exact, right, sent, shown, untried, wrong

PLACES = 10  # no price has so many decimals; a Decimal made from a float has some fifty


# --- 00.1 -----------------------------------------------------------------------------------------


def two_sol(learner: LearnerState) -> Verdict:
    """Is ``two`` exactly twice ``price``? This needs no request."""
    price, two = learner["price"], learner["two"]
    if isinstance(two, str) and two == str(price) * 2:
        return untried()
    for name, value in (("two", two), ("price", price)):
        if isinstance(value, float):
            return wrong(
                f"`{name}` is {shown(value)}, a float: a binary number, which only comes near to "
                "most prices, as 0.1 + 0.2 showed. The second hint names an exact kind."
            )
    one, both = exact(price), exact(two)
    if one is None:
        return wrong(f"`price` is {shown(price)}, which is no price.")
    if both is None:
        return wrong(f"`two` is {shown(two)}, which is no Decimal.")
    if any(_decimals(number) > PLACES for number in (one, both)):
        return wrong(
            f"`two` is {both}: a float was on the way, and its error is written out now. Make the "
            "Decimal of the text."
        )
    if both != one * 2:
        return wrong(f"`two` is {both}, and that is not two times {one}.")
    return right(f"Two SOL cost {both} USDC, to the last digit.")


def _decimals(number: Decimal) -> int:
    return -int(number.as_tuple().exponent)


# --- 00.2 -----------------------------------------------------------------------------------------

PRICE, QUANTITY = Decimal("169.00"), Decimal(2)
SHAPE = ("symbol", "side", "orderType", "price", "quantity")
NOTEBOOKS_OWN = ("SOL_USDC", "Bid", "Limit", "170.50", "1")


def bid_that_rests(learner: LearnerState) -> Verdict:
    """Is the order open on the exchange? If not, what happened to the last one sent?"""
    tried = [
        entry
        for entry in learner.log("execute_order")
        if isinstance(sent(entry), dict)
        and tuple(sent(entry).get(name) for name in SHAPE) != NOTEBOOKS_OWN
    ]
    if not tried:
        return untried(
            "No order of yours has arrived. Write it into the cell above, and run it. If that cell "
            "stopped with an error, its last line says why."
        )
    if any(_as_wanted(order) for order in learner.ask("get_open_orders")):
        return right("2 SOL at 169.00: your bid waits in the book, and 338 USDC are locked for it.")
    return _what_became_of(learner, tried[-1])


def _as_wanted(order: dict[str, Any]) -> bool:
    return (
        (order["symbol"], order["side"]) == ("SOL_USDC", "Bid")
        and exact(order["price"]) == PRICE
        and exact(order["quantity"]) == QUANTITY
    )


def _what_became_of(learner: LearnerState, entry: dict[str, Any]) -> Verdict:
    order = sent(entry)
    if order.get("symbol", "SOL_USDC") != "SOL_USDC":
        return wrong(f"It went to the market {order['symbol']}, not to SOL_USDC.")
    if entry["status"] >= 400:
        return wrong(f"The exchange refused it: {entry['verdict']}")
    if order["side"] != "Bid":
        return wrong("It was an `Ask`: it sells SOL. The side that buys is `Bid`.")
    if order["orderType"] != "Limit":
        return wrong("A `Market` order takes what is offered now. Only a `Limit` order can wait.")
    status = _status(learner, order)
    if exact(order["price"]) != PRICE:
        if status == "Filled":
            return wrong(
                f"Somebody sold at {order['price']} or less already, so it was filled at once and "
                "nothing waits. A bid rests when it is below the best ask."
            )
        return wrong(f"Its price was {order['price']}, not 169.00.")
    if exact(order["quantity"]) != QUANTITY:
        return wrong(f"It was for {order.get('quantity')} SOL, not for 2.")
    if status == "Filled":
        return right("2 SOL at 169.00: your bid was in the book, and by now somebody sold to you.")
    return wrong(f"The exchange took it, but it does not wait any more: its status is {status}.")


def _status(learner: LearnerState, order: dict[str, Any]) -> str | None:
    """The newest order of this price and quantity, from the exchange's history."""
    for row in learner.ask("get_order_history", symbol="SOL_USDC"):
        if all(exact(row[name]) == exact(order.get(name)) for name in ("price", "quantity")):
            return str(row["status"])
    return None


EXERCISES = (
    Exercise(
        id="00.1",
        title="A price is text",
        grade=two_sol,
        starter="""\
price = bp.get_ticker("SOL_USDC")["lastPrice"]
two = price * 2
two""",
        hints=(
            "Text times 2 is the same text twice. It has to become a number first.",
            "A float would be a number, but not this one. The module `decimal` of Python's "
            "standard library has numbers that hold every digit of a price.",
            'Decimal("170.74") makes an exact number of a text. `price` is such a text.',
        ),
        solution="""\
from decimal import Decimal

price = bp.get_ticker("SOL_USDC")["lastPrice"]
two = Decimal(price) * 2
two""",
    ),
    Exercise(
        id="00.2",
        title="An order that waits",
        grade=bid_that_rests,
        starter="""\
# Write your order here.

len(bp.get_open_orders())""",
        hints=(
            "You did it once before: look at the cell that begins with `order = `.",
            "The side that buys is the bid. A price and a quantity are text, in quotes.",
            "Take bp.execute_order with the same market, side and kind as above; only the last two "
            'change: price="169.00", quantity="2".',
        ),
        solution="""\
bp.execute_order("SOL_USDC", "Bid", "Limit", price="169.00", quantity="2")

len(bp.get_open_orders())""",
    ),
)
