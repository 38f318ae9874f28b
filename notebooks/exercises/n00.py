"""The exercises of notebook 00, Start here: a price is text; an order that waits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .grading import (
    RIGHT,
    Exercise,
    LearnerState,
    Verdict,
    exact,
    right,
    sent,
    shown,
    untried,
    wrong,
)

PLACES = 10  # no price has so many decimals; a Decimal made from a float has some fifty


# --- 00.1 -----------------------------------------------------------------------------------------


def two_sol(learner: LearnerState) -> Verdict:
    """Is ``two`` exactly twice ``price``? This needs no request."""
    price, two = learner["price"], learner["two"]
    if isinstance(two, str) and two == str(price) * 2:
        if not learner.has_changed():
            return untried()
        return wrong(f"`two` is {shown(two)}: the text of the price, twice. Make a number from it.")
    for name, value in (("two", two), ("price", price)):
        if isinstance(value, float):
            return wrong(
                f"`{name}` is {shown(value)}, a float. A float is not exact, as 0.1 + 0.2 showed. "
                "Use a `Decimal`, made from text."
            )
    one, both = exact(price), exact(two)
    if one is None:
        return wrong(f"`price` is {shown(price)}, which is not a price.")
    if both is None:
        return wrong(f"`two` is {shown(two)}, which is not a Decimal.")
    if any(_decimals(number) > PLACES for number in (one, both)):
        return wrong(
            f"`two` is {both}. A float came in between, and these digits show its error. Make the "
            "`Decimal` from the text."
        )
    if both != one * 2:
        return wrong(f"`two` is {both}, which is not two times {one}.")
    return right(f"Two SOL cost {both} USDC, to the last digit.")


def _decimals(number: Decimal) -> int:
    return -int(number.as_tuple().exponent)


# --- 00.2 -----------------------------------------------------------------------------------------

PRICE, QUANTITY = Decimal("169.00"), Decimal(2)
SHAPE = ("symbol", "side", "orderType", "price", "quantity")
NOTEBOOKS_OWN = ("SOL_USDC", "Bid", "Limit", "170.50", "1")


def bid_that_rests(learner: LearnerState) -> Verdict:
    """Is the order open on the exchange? If not, what happened to the last one sent?"""
    orders = [entry for entry in learner.log("execute_order") if isinstance(sent(entry), dict)]
    tried = [entry for entry in orders if _shape(entry) != NOTEBOOKS_OWN]
    if not tried and len(orders) > 1 and learner.has_changed():
        return wrong(
            "The last order that arrived is the one of the first five minutes again: 1 SOL at 170.50. "
            "The task asks for 2 SOL at 169.00."
        )
    if not tried:
        return untried(
            "No new order has arrived. Write the order into the cell above, and run the cell."
        )
    if any(_as_wanted(order) for order in learner.ask("get_open_orders")):
        return right("2 SOL at 169.00: your bid waits in the book, and 338 USDC are locked for it.")
    return _named(sent(tried[-1]), _what_became_of(learner, tried[-1]))


def _shape(entry: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(sent(entry).get(name) for name in SHAPE)


def _as_wanted(order: dict[str, Any]) -> bool:
    return (
        (order["symbol"], order["side"]) == ("SOL_USDC", "Bid")
        and exact(order["price"]) == PRICE
        and exact(order["quantity"]) == QUANTITY
    )


def _named(order: dict[str, Any], verdict: Verdict) -> Verdict:
    """The verdict, which names the order that it is about: it may be of an earlier try."""
    if verdict.outcome == RIGHT:
        return verdict
    fields = ", ".join(f"{name} {order[name]}" for name in SHAPE if order.get(name) is not None)
    return wrong(f"The last order that arrived had {fields}. {verdict.reason}")


def _what_became_of(learner: LearnerState, entry: dict[str, Any]) -> Verdict:
    order = sent(entry)
    if order.get("symbol", "SOL_USDC") != "SOL_USDC":
        return wrong(f"The market should be SOL_USDC, not {order['symbol']}.")
    if entry["status"] >= 400:
        return wrong(f"The exchange refused it: {entry['verdict']}.")
    if order["side"] != "Bid":
        return wrong("An `Ask` sells SOL. The side that buys is `Bid`.")
    if order["orderType"] != "Limit":
        return wrong("A `Market` order takes what is offered now. Only a `Limit` order can wait.")
    status = _status(learner, order)
    if exact(order["price"]) != PRICE:
        if status == "Filled":
            return wrong(
                f"Somebody already sold at {order['price']} or less, so the order was filled at "
                "once. A bid waits only if its price is below the best ask."
            )
        return wrong(f"The price should be 169.00, not {order['price']}.")
    if exact(order["quantity"]) != QUANTITY:
        return wrong(f"The quantity should be 2, not {order.get('quantity')}.")
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
            "Text times 2 is the same text twice. Make a number from the text first.",
            "A float is a number, but not an exact one. Look again at the section A price is text: "
            "the sum there came out exact with another kind of number.",
            '`Decimal("0.1")` makes an exact number from a text. `price` is a text, too.',
        ),
        solution="""\
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
            "You have placed an order before: look at the cell that begins with `order = `.",
            "The side that buys is `Bid`. Write `price=` and `quantity=`, each with a text in "
            "quotation marks.",
            "Call `bp.execute_order` with the same market, side and type as before. Only two values "
            'change: price="169.00" and quantity="2".',
        ),
        solution="""\
bp.execute_order("SOL_USDC", "Bid", "Limit", price="169.00", quantity="2")

len(bp.get_open_orders())""",
    ),
)
