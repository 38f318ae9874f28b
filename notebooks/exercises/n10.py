"""The exercises of notebook 10, Going live: keep a key secret, and limit what can be spent.

No exercise leaves this machine. ``stop`` is tried in a new account.
"""

from __future__ import annotations

import re
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

from bpkit.client import Client
from bpkit.errors import BpkitError, GuardError
from bpkit.guard.limits import Arming, WriteGuard
from bpkit.operations import OPERATIONS
from bpkit.signing import DEMO_PUBLIC_KEY, DEMO_SECRET, Key

from .grading import (
    Exercise,
    LearnerState,
    Verdict,
    cannot_tell,
    described,
    exact,
    right,
    sent,
    shown,
    untried,
    wrong,
)
from .n10_gitignore import deciding_line, ignored, what_is_wrong

# --- 10.1 -----------------------------------------------------------------------------------------

HIDDEN = (".env", "notebooks/.env")
KEPT = (".env.example", "README.md", "notebooks/10_going_live.ipynb", "bpkit/client.py")


def key_at_home(learner: LearnerState) -> Verdict:
    """Does this text make git ignore every ``.env``, and nothing that should be committed?"""
    text = learner["gitignore"]
    if not isinstance(text, str):
        return wrong(f"`gitignore` should be text, and is {shown(text)}.")
    if text.split("\n") == GITIGNORE.split("\n"):
        return untried()
    for path in HIDDEN:
        if not ignored(text, path):
            return wrong(
                f"git would still commit `{path}`, with the key in it. {what_is_wrong(text)}"
            )
    for path in KEPT:
        if ignored(text, path):
            return wrong(
                f"git would leave out `{path}` too, by the line `{deciding_line(text, path)}`."
            )
    return right("No `.env` can be committed by accident, and `.env.example` still can.")


# --- 10.2 -----------------------------------------------------------------------------------------

_KEY = re.compile(r"[A-Za-z0-9+/]{43}=")
_PLACES = ("{public}", "{secret}")


def readable_env(learner: LearnerState) -> Verdict:
    """Does ``Key.from_env`` read the pair, once the keys are filled in?"""
    text = learner["env"]
    if not isinstance(text, str):
        return wrong(f"`env` should be text, and is {shown(text)}.")
    if _KEY.search(text):
        return wrong(
            "There is a key in it now. Keep keys out of a notebook: `{public}` and `{secret}` "
            "take the place of the two texts here."
        )
    if text.strip() == ENV.strip():
        return untried()
    for place in _PLACES:
        if text.count(place) != 1:
            found = text.count(place)
            return wrong(f"`{place}` should be in the text once, but it is there {found} times.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ".env"
        filled = text.replace("{public}", DEMO_PUBLIC_KEY).replace("{secret}", DEMO_SECRET)
        path.write_text(filled, "utf-8")
        try:
            Key.from_env(path)
        except BpkitError as error:
            said = " ".join(str(error).replace(repr(str(path)), "`.env`").split())
            return wrong(f"`Key.from_env` says: {said}")
    return right("`Key.from_env()` reads this file: two lines, each with a name and its text.")


# --- 10.3 -----------------------------------------------------------------------------------------

PRICE = "171.00"


def a_plan(learner: LearnerState) -> Verdict:
    """Does the Arming allow the planned orders, and nothing else?"""
    plan = learner["plan"]
    if not isinstance(plan, Arming):
        return wrong(f"`plan` should be an Arming, and is {shown(plan)}.")
    if plan == Arming(orders=True, withdrawals=True, per_order="200", per_session="1000"):
        return untried()
    if plan.kinds != ["orders"]:
        return wrong(f"It allows {' and '.join(plan.kinds)}. The plan needs orders, and only them.")
    guard = _guard(plan, learner)
    reason = _stopped(guard, "0.5")
    if not reason:
        return wrong("An order of 0.5 SOL passes. A slip of one digit would cost 85.50 USDC.")
    guard = _guard(plan, learner)
    for count in ("first", "second", "third"):
        reason = _stopped(guard, "0.05")
        if reason:
            return wrong(f"The {count} order of 0.05 SOL does not pass. {reason}")
    if not _stopped(guard, "0.05"):
        spent = f"{guard.spent:.2f}"
        return wrong(f"A fourth order passes, {spent} USDC in all. You planned three.")
    return _elsewhere(plan)


def _guard(plan: Arming, learner: LearnerState) -> WriteGuard:
    return WriteGuard(plan, "the exchange", False, lambda name, given: learner.ask(name, **given))


def _elsewhere(plan: Arming) -> Verdict:
    if plan.symbols is None:
        return wrong(
            "An order in ETH_USDC passes, and in any other market. The plan is for SOL_USDC."
        )
    if len(set(plan.symbols)) > 1:
        armed = ", ".join(sorted(plan.symbols))
        return wrong(f"The client is armed for {armed}; the plan is for SOL_USDC alone.")
    return right(
        "Three orders of 8.55 USDC pass. A fourth, a larger one and another market do not."
    )


def _stopped(guard: WriteGuard, quantity: str) -> str:
    """The guard's reason, or "" if it allows a bid at ``PRICE``. Nothing is sent."""
    order = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit"}
    try:
        guard.admit(OPERATIONS["execute_order"], {**order, "price": PRICE, "quantity": quantity})
    except GuardError as error:
        return " ".join(str(error).split())
    return ""


# --- 10.4 -----------------------------------------------------------------------------------------

MARKET = "ETH_USDC"


def first_order(learner: LearnerState) -> Verdict:
    """Is there a small post-only bid, far below the market?"""
    market = learner.ask("get_market", symbol=MARKET)
    least = Decimal(market["filters"]["quantity"]["minQuantity"])
    book = learner.ask("get_depth", symbol=MARKET, limit=5)
    if not book["bids"] or not book["asks"]:
        return cannot_tell("A side of the book is empty, so there is no market to be far from.")
    best, ask = Decimal(book["bids"][-1][0]), Decimal(book["asks"][0][0])
    limit = best * Decimal("0.9")
    resting = learner.ask("get_open_orders", symbol=MARKET)
    if any(not _unlike(order, limit, least) for order in resting):
        return right(
            "Your bid waits far below the market, costs less than a dollar, and could not trade at "
            "once. Now cancel it."
        )
    history = learner.ask("get_order_history", symbol=MARKET)
    if any(row["status"] == "Cancelled" and not _unlike(row, limit, least) for row in history):
        return right("Your bid waited, and you cancelled it. That is one full round trip.")
    tried = [
        entry
        for entry in learner.log("execute_order")
        if isinstance(sent(entry), dict) and _is_theirs(sent(entry), ask)
    ]
    if not tried:
        return untried(
            "No order of yours that could wait has arrived. The cell above, unchanged, buys 0.1 ETH "
            "at once."
        )
    return learner.stopped_early() or wrong(_not_there(tried[-1], limit, least))


def _is_theirs(order: dict[str, Any], ask: Decimal) -> bool:
    """In this market, and not the starter's own."""
    price = exact(order.get("price")) or ask
    starters = order.get("quantity") == "0.1" and price >= ask and not order.get("postOnly")
    return order.get("symbol") == MARKET and not (starters and order.get("orderType") == "Limit")


def _unlike(order: dict[str, Any], limit: Decimal, least: Decimal) -> str:
    """Why this order is not the right one, or ""."""
    price, quantity = exact(order.get("price")), exact(order.get("quantity"))
    if order.get("side") != "Bid":
        return "The order is an `Ask`: it sells. The task is a bid."
    if order.get("orderType") != "Limit" or price is None:
        return "A `Market` order trades now. Only a `Limit` order can wait."
    if price > limit:
        return (
            f"Your price is {price}. A tenth below the best bid is {limit.normalize():f} or less."
        )
    if not order.get("postOnly"):
        return (
            "The order waits, but only because its price is low. With `post_only=True` it could not "
            "trade at once, at any price."
        )
    if quantity != least:
        return f"The order is for {quantity} ETH. The smallest quantity of this market is {least}."
    return ""


def _not_there(entry: dict[str, Any], limit: Decimal, least: Decimal) -> str:
    """Why the order in this log entry is not in the book as it should be."""
    if entry["status"] >= 400:
        return f"The exchange refused it: {entry['verdict']}"
    unlike = _unlike(sent(entry), limit, least)
    return (
        unlike
        or "The order was right, but it does not wait now. Send it again, and cancel it later."
    )


# --- 10.5 -----------------------------------------------------------------------------------------

RESTING = (("SOL_USDC", "0.1"), ("BTC_USDC", "0.001"), ("SOL_USDC_PERP", "0.1"))
FAR = Decimal("0.8")  # of the last price


class _Theirs(Client):
    """A client that a reason can name."""

    def __repr__(self) -> str:
        return "client"


def full_stop(learner: LearnerState) -> Verdict:
    """In a new account with bids in three markets, is anything open after ``stop``?"""
    sandbox = learner.sandbox
    if not hasattr(sandbox, "open_account"):
        return cannot_tell("`sandbox` opens no account to try it in. Run the cells above first.")
    key = sandbox.open_account({"USDC": "10000"})
    with _Theirs(sandbox.url, key) as bp:
        try:
            _place_bids(bp)
        except BpkitError as error:
            return cannot_tell(f"The bids to be cancelled could not be placed. {described(error)}")
        learner.call("stop", bp)
        left = sorted(order["symbol"] for order in bp.get_open_orders())
        made = [order["status"] for order in bp.get_order_history()]
    if left == ["BTC_USDC", "SOL_USDC_PERP"]:
        return untried("In a market other than SOL_USDC, orders still wait. Fix `stop`.")
    if left and "Cancelled" not in made:
        return wrong(
            "In another account, with bids in three markets, nothing was cancelled. Does `stop` "
            "use the client that it is given?"
        )
    if left:
        return wrong(
            "In another account there were bids in three markets, and a bid still waits in "
            f"{' and in '.join(left)}. Do not name the markets; ask where orders wait."
        )
    if len(made) != len(RESTING):
        return wrong("No order waits, but `stop` also sent orders. It should only cancel.")
    return _with_nothing(learner, sandbox)


def _place_bids(bp: Client) -> None:
    for symbol, quantity in RESTING:
        price = Decimal(bp.get_ticker(symbol)["lastPrice"]) * FAR
        bp.execute_order(**bp.market(symbol).order("Bid", price=price, quantity=quantity))


def _with_nothing(learner: LearnerState, sandbox: Any) -> Verdict:
    with _Theirs(sandbox.url, sandbox.open_account()) as bp:
        learner.call("stop", bp)
    return right(
        "There were bids in three markets, and none is left. It also works with nothing to cancel."
    )


# --- what the notebook shows ----------------------------------------------------------------------

GITIGNORE = """\
# Never commit .env
.env/
.env.example
.venv/
"""
ENV = """
PUBLIC_KEY=" {secret} "
SECRET_KEY=" {public} "
"""

EXERCISES = (
    Exercise(
        id="10.1",
        title="A key that stays at home",
        grade=key_at_home,
        starter=f'gitignore = """\\\n{GITIGNORE}"""\ngitignore.splitlines()',
        hints=(
            "Read it line by line. The first line is only a comment. What does the second one do?",
            "`.env/`, with a slash at its end, means a folder of that name. `.env.example` is a "
            "file that everybody should have.",
            "Write one line with the plain name of the file, without a slash. Remove the line "
            "with the example.",
        ),
        solution="""\
gitignore = ".env\\n.venv/"
gitignore.splitlines()""",
    ),
    Exercise(
        id="10.2",
        title="A file that can be read",
        grade=readable_env,
        starter=f'env = """{ENV}"""\nprint(env)',
        hints=(
            "Two things are wrong. Which of the two texts may be public?",
            "Everything between quotation marks counts, the spaces too. And each text belongs "
            "after its own name.",
            "A name, an equals sign, the text, and nothing else: PUBLIC_KEY={public}, and the "
            "other line in the same way.",
        ),
        solution='env = """\nPUBLIC_KEY={public}\nSECRET_KEY={secret}\n"""\nprint(env)',
    ),
    Exercise(
        id="10.3",
        title="Armed for the plan, and no more",
        grade=a_plan,
        starter="""\
from bpkit import Arming

plan = Arming(orders=True, withdrawals=True, per_order="200", per_session="1000")
plan""",
        hints=(
            "What is one order worth, in USDC? And three of them?",
            "One order is worth 0.05 x 171.00 = 8.55 USDC, three are worth 25.65, and four 34.20. "
            "Each limit must be between a value that passes and a value that does not.",
            "Leave withdrawals out. Take per_order a little above 8.55, and per_session between "
            "25.65 and 34.20. Give the one market in a list, as symbols.",
        ),
        solution="""\
from bpkit import Arming

plan = Arming(orders=True, per_order="10", per_session="30", symbols=["SOL_USDC"])
plan""",
    ),
    Exercise(
        id="10.4",
        title="A first order that waits",
        grade=first_order,
        starter="""\
price = bp.get_depth("ETH_USDC", limit=5)["asks"][-1][0]
order = bp.execute_order("ETH_USDC", "Bid", "Limit", price=price, quantity="0.1")
order["status"]""",
        hints=(
            "A bid as high as the asks trades. Which side of the book gives the price, and how "
            "much lower must yours be?",
            'The best bid is bids[-1]. Take nine tenths of it, of a Decimal. bp.market("ETH_USDC") '
            "rounds that to the tick, and its `min_quantity` is the smallest quantity.",
            'A price of "2000.00" is far enough below; quantity="0.0001"; and post_only=True.',
        ),
        solution="""\
from decimal import Decimal

best = Decimal(bp.get_depth("ETH_USDC", limit=5)["bids"][-1][0])
ether = bp.market("ETH_USDC")
fitted = ether.order("Bid", price=best * Decimal("0.85"), quantity=ether.min_quantity)
order = bp.execute_order(**fitted, post_only=True)
order["status"]""",
    ),
    Exercise(
        id="10.5",
        title="Stop everywhere",
        grade=full_stop,
        starter="""\
def stop(client):
    client.cancel_open_orders("SOL_USDC")

for symbol, price in [("SOL_USDC", "150.00"), ("BTC_USDC", "70000")]:
    bp.execute_order(symbol, "Bid", "Limit", price=price, quantity="0.01", post_only=True)
stop(bp)
[order["symbol"] for order in bp.get_open_orders("BTC_USDC")]""",
        hints=(
            "`cancel_open_orders` takes one market. In which markets do orders wait? The exchange "
            "knows.",
            "`client.get_open_orders()` without a market gives the orders of all of them, and each "
            "order has its symbol.",
            "Make a set of the symbols, so that each market is in it once. Cancel in each of them, "
            "in a for loop.",
        ),
        solution="""\
def stop(client):
    for symbol in {order["symbol"] for order in client.get_open_orders()}:
        client.cancel_open_orders(symbol)

for symbol, price in [("SOL_USDC", "150.00"), ("BTC_USDC", "70000")]:
    bp.execute_order(symbol, "Bid", "Limit", price=price, quantity="0.01", post_only=True)
stop(bp)
[order["symbol"] for order in bp.get_open_orders("BTC_USDC")]""",
    ),
)
