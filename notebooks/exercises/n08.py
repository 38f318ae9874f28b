"""The exercises of notebook 08, Perpetual futures: equity, leverage, a stop-loss, closing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING

from bpkit.client import Client

from .grading import (
    Exercise,
    LearnerState,
    Verdict,
    exact,
    right,
    shown,
    untried,
    wrong,
)

if TYPE_CHECKING:
    from bpkit.sandbox import Sandbox

SOL, BTC = "SOL_USDC_PERP", "BTC_USDC_PERP"


class _Theirs(Client):
    """A client that a reason can name."""

    def __repr__(self) -> str:
        return "client"


@contextmanager
def _exchange(funds: str) -> Iterator[tuple[Sandbox, Client]]:
    """An exchange of the check's own, and a client of a new account in it."""
    from bpkit.sandbox import Sandbox  # not where no exercise of this notebook is checked

    sandbox = Sandbox()
    try:
        with _Theirs(sandbox.url, sandbox.open_account({"USDC": funds})) as client:
            yield sandbox, client
    finally:
        sandbox.stop()


def _held(client: Client) -> dict[str, Decimal]:
    """The open positions: market -> quantity, below zero for a short one."""
    return {one["symbol"]: Decimal(one["netQuantity"]) for one in client.get_positions()}


# --- 08.1 -----------------------------------------------------------------------------------------

# cash, quantity, entry, mark: equity, by hand
ACCOUNTS = {
    ("199", "10", "170.70", "171.70"): "209.00",
    ("500", "2", "170.00", "150.00"): "460.00",
    ("500", "-2", "170.00", "150.00"): "540.00",
    ("500", "-2", "150.00", "170.00"): "460.00",
    ("80", "0", "0", "170.00"): "80",
}


def worth(learner: LearnerState) -> Verdict:
    """Does the function add quantity * (mark - entry)?"""
    for numbers, expected in ACCOUNTS.items():
        cash, quantity, entry, mark = map(Decimal, numbers)
        found = learner.call("equity", cash, quantity, entry, mark)
        if exact(found) == Decimal(expected):
            continue
        if exact(found) == cash + quantity * mark:
            return untried()
        side = "long" if quantity > 0 else "short"
        account = f"{cash} USDC and {side} {abs(quantity)} from {entry}, at a mark of {mark}"
        reason = (
            f"With {account}, the equity is {expected}, and your function gives {shown(found)}."
        )
        if exact(found) == cash + abs(quantity) * (mark - entry) and quantity < 0:
            reason += " A short position gains when the price falls: keep the sign of `quantity`."
        elif exact(found) == cash - quantity * (mark - entry):
            reason += " The difference of the prices is the wrong way round."
        elif exact(found) == quantity * (mark - entry):
            reason += " That is the profit alone. Add the cash."
        return wrong(reason)
    return right("Long, short or without a position: cash plus quantity × (mark − entry).")


# --- 08.2 -----------------------------------------------------------------------------------------

# equity, price, leverage: quantity, by hand
SIZES = {
    ("200", "170.70", 3): "3.51",  # 3.5149
    ("1000", "150.00", 2): "13.33",  # 13.3333
    ("100", "160.00", 1): "0.62",  # 0.625
    ("340", "170.00", 5): "10",
}


def largest(learner: LearnerState) -> Verdict:
    """Is the quantity equity * leverage / price, rounded down to the step?"""
    for (equity, price, leverage), expected in SIZES.items():
        found = learner.call("largest", Decimal(equity), Decimal(price), leverage)
        number, whole = exact(found), Decimal(equity) * leverage / Decimal(price)
        if number == Decimal(expected):
            continue
        if number == whole and not isinstance(found, str):
            return untried()
        asked = f"With {equity} USDC, a price of {price} and a leverage of {leverage}"
        if number is None:
            return wrong(
                f"{asked}, your function gives {shown(found)}. Give a Decimal, or its text."
            )
        if number == Decimal(expected) + Decimal("0.01"):
            return wrong(f"{asked}, {number} SOL are more leverage than you want. Round down.")
        return wrong(f"{asked}, {expected} SOL are possible, and your function gives {number}.")
    return right("In whole steps, and never above the leverage that you chose.")


# --- 08.3 -----------------------------------------------------------------------------------------

STOP = Decimal("160")


def protected(learner: LearnerState) -> Verdict:
    """In a fall, does the stop-loss close the position at 160, and never open another?"""
    for sold, began in (("0", "10"), ("5", "5")):
        with _exchange("400") as (sandbox, client):
            sandbox.set_price(SOL, "170")
            client.execute_order(SOL, "Bid", "Market", quantity="10")
            learner.call("protect", client)
            if _held(client) != {SOL: Decimal(10)}:
                sold_at_once = _held(client) == {}
                return untried() if sold_at_once else wrong(_at_once(client))
            if Decimal(sold):
                client.execute_order(SOL, "Ask", "Market", quantity=sold, reduce_only=True)
            reason = _in_the_fall(sandbox, client, Decimal(began), Decimal(sold))
        if reason:
            return wrong(reason)
    return right("It sold near 160, in a fall and after half was sold, and opened nothing.")


def _at_once(client: Client) -> str:
    now = _held(client).get(SOL, Decimal(0))
    return f"Your function changed the position at once: it is {now} SOL instead of 10."


def _in_the_fall(sandbox: Sandbox, client: Client, held: Decimal, sold: Decimal) -> str:
    """What goes wrong when the price falls to 161, and on to 155; "" if nothing does."""
    after = f"After {sold} SOL were sold, " if sold else ""
    sandbox.set_path(SOL, "170 -> 161 in 2m")
    sandbox.advance(minutes=2)
    if _held(client) != {SOL: held}:
        return f"{after}the price is 161, and the position is gone already. The stop is at 160."
    sandbox.set_path(SOL, "161 -> 155 in 2m")
    sandbox.advance(minutes=2)
    left = _held(client).get(SOL, Decimal(0))
    if left < 0:
        return (
            f"{after}the stop-loss sold more than there was, and you are short {-left} SOL now. "
            "`reduce_only=True` prevents that."
        )
    if left == held and not client.get_open_orders():
        return f"{after}the price fell to 155, and nothing was sold. No order of yours waits."
    if left:
        return f"{after}the price fell to 155, and you still hold {left} SOL."
    last = client.get_fills(SOL, limit=1)[0]
    if Decimal(last["price"]) < STOP - 1:
        return f"{after}it sold at {last['price']}, long after 160."
    return ""


# --- 08.4 -----------------------------------------------------------------------------------------

BOOKS: tuple[Mapping[str, str], ...] = (
    {SOL: "3"},
    {SOL: "-2", BTC: "0.01"},
    {},
)


def closed(learner: LearnerState) -> Verdict:
    """With long and short positions in two markets, is anything open afterwards?"""
    for book in BOOKS:
        with _exchange("5000") as (_, client):
            for symbol, quantity in book.items():
                side, size = ("Ask" if quantity[0] == "-" else "Bid"), quantity.lstrip("-")
                client.execute_order(symbol, side, "Market", quantity=size)
            learner.call("close_all", client)
            left, fills = _held(client), client.get_fills()
        held = " and ".join(f"{quantity} in {symbol}" for symbol, quantity in book.items())
        held = f"With {held or 'no position'}"
        if left == {SOL: Decimal(-5), BTC: Decimal("0.01")}:
            return untried()
        if left:
            now = " and ".join(f"{quantity} in {symbol}" for symbol, quantity in left.items())
            return wrong(f"{held}, there is still {now} afterwards.")
        if fills and not book:
            return wrong(f"{held}, your function traded.")
    return right("Long and short, in each market, and quiet where nothing is open.")


# --- what the notebook shows ----------------------------------------------------------------------

EXERCISES = (
    Exercise(
        id="08.1",
        title="What is the account worth?",
        grade=worth,
        starter="""\
def equity(cash, quantity, entry, mark):
    return cash + quantity * mark

equity(Decimal("199"), Decimal("10"), Decimal("170.70"), Decimal("171.70"))""",
        hints=(
            "You never paid for the contract. What do you gain if the price rises by 1?",
            "The gain is the quantity times the difference of two prices. Which is subtracted?",
            "cash + quantity * (mark - entry). For a short position the quantity is below zero, "
            "and the formula stays the same.",
        ),
        solution="""\
def equity(cash, quantity, entry, mark):
    return cash + quantity * (mark - entry)

equity(Decimal("199"), Decimal("10"), Decimal("170.70"), Decimal("171.70"))""",
    ),
    Exercise(
        id="08.2",
        title="How large may it be?",
        grade=largest,
        starter="""\
def largest(equity, price, leverage):
    return equity * leverage / price

largest(Decimal("200"), Decimal("170.70"), 3)""",
        hints=(
            "The quantity is right, but it has too many decimals. A step is 0.01.",
            "`sol.round_quantity` rounds a quantity down to a whole step.",
            "return sol.round_quantity(equity * leverage / price)",
        ),
        solution="""\
def largest(equity, price, leverage):
    return sol.round_quantity(equity * leverage / price)

largest(Decimal("200"), Decimal("170.70"), 3)""",
    ),
    Exercise(
        id="08.3",
        title="Protect a position",
        grade=protected,
        starter="""\
def protect(client):
    client.execute_order("SOL_USDC_PERP", "Ask", "Limit", price="160", quantity="10")

protect""",
        hints=(
            "An Ask with the limit 160 sells at 160 or better, so it sells now, at 170. Which "
            "order waits until the price has fallen?",
            "A market order with trigger_price, trigger_by and trigger_quantity waits. What must "
            "not happen if half of the position is gone by then?",
            'trigger_by="MarkPrice", trigger_price="160", trigger_quantity="100%", and '
            "reduce_only=True, in a Market order.",
        ),
        solution="""\
def protect(client):
    client.execute_order(
        "SOL_USDC_PERP", "Ask", "Market", reduce_only=True,
        trigger_by="MarkPrice", trigger_price="160", trigger_quantity="100%",
    )

protect""",
    ),
    Exercise(
        id="08.4",
        title="Close everything",
        grade=closed,
        starter="""\
def close_all(client):
    client.execute_order("SOL_USDC_PERP", "Ask", "Market", quantity="3")

close_all""",
        hints=(
            "`client.get_positions()` has every position, with its market and its quantity.",
            "A long position is closed by an Ask, a short one by a Bid. The sign of netQuantity "
            "says which it is.",
            "For each position: the side is Ask if netQuantity is above zero, else Bid. The "
            "quantity is netQuantity without its sign: abs(Decimal(...)).",
        ),
        solution="""\
def close_all(client):
    for position in client.get_positions():
        quantity = Decimal(position["netQuantity"])
        side = "Ask" if quantity > 0 else "Bid"
        client.execute_order(
            position["symbol"], side, "Market", quantity=abs(quantity), reduce_only=True
        )

close_all""",
    ),
)
