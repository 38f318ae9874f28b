"""The exercises of notebook 03, Signed GETs: one instruction, two parameters, pages, and an age."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from .grading import (
    CHANGE,
    UNTRIED,
    Exercise,
    LearnerState,
    Verdict,
    cannot_tell,
    right,
    sent,
    shown,
    untried,
    wrong,
)
from .log_queries import (
    at_first,
    is_accepted,
    must_be_accepted,
    refused,
    still_refused,
    unknown_path,
)
from .zones import ZONES, time_zone

# --- 03.1 -----------------------------------------------------------------------------------------


def instruction(learner: LearnerState) -> Verdict:
    """Was the order history of ETH asked for and returned? Open orders are something else."""
    tried = [
        entry
        for entry in learner.log()
        if (entry["operation"] == "get_order_history" and "symbol" in sent(entry))
        or (entry["operation"] == "get_open_orders" and sent(entry).get("symbol") == "ETH_USDC")
    ]
    history = [entry for entry in tried if entry["operation"] == "get_order_history"]
    last = learner.log()[-1:]
    if last and last[0]["operation"] is None and not any(map(is_accepted, history)):
        return unknown_path(last[0])
    asked = learner.log("get_order_history")[-1:]
    if asked and not sent(asked[0]) and isinstance(learner.get("eth_orders"), list):
        return wrong("`eth_orders` has orders of other markets. Ask for the market ETH_USDC only.")
    if tried and tried[-1]["operation"] == "get_open_orders" and not any(map(is_accepted, history)):
        return wrong(
            "You changed the path to /api/v1/orders, and that gives the orders that wait now. For "
            "the history, keep the path and change the instruction."
        )
    first = at_first("Invalid signature", "wrong_instruction")
    if (
        history
        and not any(map(is_accepted, history))
        and "instruction=orderQueryAll&" not in (history[-1]["finding"] or "")
    ):
        return refused(history[-1])
    must_be_accepted(learner, history, {"symbol": "ETH_USDC"}, first)
    return right("The instruction fits the path, and the exchange sent the history.")


# --- 03.2 -----------------------------------------------------------------------------------------


def limit_signed(learner: LearnerState) -> Verdict:
    """Were three fills of SOL asked for, and is the limit signed too?

    The notebook's own cells ask for fills without any parameter.
    """
    tried = [entry for entry in learner.log("get_fills") if sent(entry)]
    if tried and tried[-1]["query"].count("limit=") > 1 and not any(map(_three_fills, tried)):
        return wrong(
            f"The exchange received {tried[-1]['query']}. You sent the limit twice and signed it "
            "once. Take it out of the path."
        )
    first = at_first("Invalid signature", "parameters_left_out")
    must_be_accepted(learner, tried, {"symbol": "SOL_USDC", "limit": "3"}, first)
    return right("You sent the limit, and you signed it.")


def _three_fills(entry: dict[str, Any]) -> bool:
    return is_accepted(entry) and sent(entry) == {"symbol": "SOL_USDC", "limit": "3"}


# --- 03.3 -----------------------------------------------------------------------------------------


def none_left_out(learner: LearnerState) -> Verdict:
    """What does the learner's function send without a market type, and what with one?"""
    for arguments, wanted in (
        (("SOL_USDC",), {"symbol": "SOL_USDC"}),
        (("SOL_USDC", "SPOT"), {"symbol": "SOL_USDC", "marketType": "SPOT"}),
    ):
        said = f"`my_orders({', '.join(map(repr, arguments))})`"
        before = len(learner.log("get_open_orders"))
        answer = learner.call("my_orders", *arguments)
        made = learner.log("get_open_orders")[before:]
        if not made:
            return wrong(f"{said} did not ask the exchange for open orders.")
        if not is_accepted(made[-1]):
            first = at_first("Invalid signature", "parameters_not_sent")
            verdict = still_refused(learner, made[-1], first)
            if verdict.outcome == UNTRIED:
                return verdict
            return wrong(f"{said} sent {made[-1]['query']}. {verdict.reason}")
        if sent(made[-1]) != wanted:
            expected = "&".join(f"{name}={value}" for name, value in wanted.items())
            return wrong(
                f"{said} sent {made[-1]['query'] or 'nothing'}. It should send {expected}."
            )
        if not isinstance(answer, list):
            return wrong(
                f"{said} sent the right request, but it returned {shown(answer)}, and not the list "
                "of orders. Is a `return` missing?"
            )
    return right("Your function neither sends nor signs None, and it sends and signs the rest.")


# --- 03.4 -----------------------------------------------------------------------------------------

PAGE = 2  # rows


def every_page(learner: LearnerState) -> Verdict:
    """Does the function give the whole history, each order once, in pages of two?"""
    whole = [order["id"] for order in learner.ask("get_order_history", limit=1000)]
    if len(whole) <= PAGE:
        return cannot_tell(
            "There are too few orders. Run the cells above: some of them place orders."
        )
    before = len(learner.log("get_order_history"))
    orders = learner.call("every_order")
    pages = learner.log("get_order_history")[before:]
    if not isinstance(orders, list):
        if orders is None:
            return wrong("`every_order()` returns None. Is a `return` missing?")
        kind = type(orders).__name__
        return wrong(f"`every_order()` returns a value of the type {kind}, and not a list.")
    if any(not isinstance(order, dict) or "id" not in order for order in orders):
        return wrong(
            "`every_order()` returns a list, but its elements are not orders. Is it a list of pages?"
        )
    ids = [order["id"] for order in orders]
    if any(int(sent(page).get("limit", 100)) > PAGE for page in pages):
        return wrong(
            "Your function asks for pages of more than two rows. That works only while the history "
            "is short. Keep limit=2, and ask for more pages."
        )
    if ids == whole:
        return right(
            f"Your function makes {len(pages)} requests, and gives {len(ids)} orders, each once."
        )
    if ids == whole[:PAGE] and len(pages) == 1:
        first = f"`every_order()` still returns the first page only: {PAGE} of {len(whole)} orders."
        return wrong(first) if learner.has_changed() else untried(f"{first} {CHANGE}")
    return wrong(_other_than_the_whole(ids, whole))


def _other_than_the_whole(ids: list[str], whole: list[str]) -> str:
    said = f"There are {len(whole)} orders, and `every_order()` gives {len(ids)}"
    if len(set(ids)) < len(ids):
        twice = len(ids) - len(set(ids))
        return f"{said}, {twice} of them for the second time. `offset` is a number of rows, and not of pages."
    if len(ids) < len(whole):
        return f"{said}. Some are missing. How does your function know that a page is the last one?"
    return f"{said}, but not in the order of the exchange, which is newest first."


# --- 03.5 -----------------------------------------------------------------------------------------

NOW = datetime(2026, 9, 1, 12, 10, 0, 250_000, UTC)
# Two fills, and their ages.
FILLS = (
    ({"timestamp": "2026-09-01T12:00:00.250"}, timedelta(minutes=10)),
    ({"timestamp": "2026-09-01T08:45:00.250"}, timedelta(hours=3, minutes=25)),
)


def age(learner: LearnerState) -> Verdict:
    """Is the age of each fill right, in every time zone?"""
    answers = []
    for fill, old in FILLS:
        for hours in (9, -5, 0):
            there = NOW.astimezone(timezone(timedelta(hours=hours)))
            for zone, meaning in ZONES.items():
                with time_zone(zone):
                    found = learner.call("age", dict(fill), there)
                if not isinstance(found, timedelta):
                    return wrong(f"`age` returns {shown(found)}, and that is not a timedelta.")
                off = found - old
                answers.append((found, off, timedelta(hours=hours), there, meaning, fill, old))
    if all(off == zone for _, off, zone, *_ in answers):
        asked = f"Asked in Tokyo ten minutes after a fill, `age` says {answers[0][0]}."
        if learner.has_changed():
            return wrong(
                f"{asked} It counts the nine hours between Tokyo and UTC, too. The time of the fill "
                "is in UTC, and not in the zone of `now`."
            )
        return untried(f"{asked} {CHANGE}")
    for found, off, _, there, meaning, fill, old in answers:
        if off:
            return wrong(
                f"Asked at {there:%H:%M} with the zone {there:%z}, on a machine that is {meaning}, "
                f"`age` says {found} for a fill at {fill['timestamp']}. Its age is {old}, because "
                "the exchange's times are in UTC."
            )
    return right(
        "The fill has the same age in Tokyo and in New York, on a machine in any time zone."
    )


_ORDERS = """\
eth_orders = signed_get("/wapi/v1/history/orders", "orderQueryAll", {"symbol": "ETH_USDC"})
eth_orders"""
_LIMIT = """\
last_fills = signed_get(
    "/wapi/v1/history/fills?limit=3", "fillHistoryQueryAll", {"symbol": "SOL_USDC"}
)
last_fills"""
_NONE = """\
def my_orders(symbol, market_type=None):
    params = {"symbol": symbol, "marketType": market_type}
    return signed_get("/api/v1/orders", "orderQueryAll", params)

my_orders("SOL_USDC")"""
_PAGES = """\
def every_order():
    return bp.get_order_history(limit=2)

len(every_order())"""
_AGE = """\
from datetime import datetime, timedelta, timezone

tokyo = datetime(2026, 9, 1, 21, 10, tzinfo=timezone(timedelta(hours=9)))

def age(fill, now):
    return now.replace(tzinfo=None) - datetime.fromisoformat(fill["timestamp"])

str(age(bp.get_fills()[-1], tokyo))"""


EXERCISES = (
    Exercise(
        id="03.1",
        title="The wrong instruction",
        grade=instruction,
        starter=_ORDERS,
        hints=(
            "`orderQueryAll` is the instruction for the orders that wait now.",
            '`operations` lists the instruction of each request. Search it for "history/orders".',
            "That row has `orderHistoryQueryAll` in the column `instruction`.",
        ),
        solution=_ORDERS.replace("orderQueryAll", "orderHistoryQueryAll"),
    ),
    Exercise(
        id="03.2",
        title="Sent, but not signed",
        grade=limit_signed,
        starter=_LIMIT,
        hints=(
            "Which parameters does the exchange receive? And which of them are in the text that "
            "`signed_get` signs?",
            "`signed_get` signs and sends the parameters of its dict. It only sends the "
            "parameters of the path.",
            "Move the limit from the path into the dict, so that the dict has two entries.",
        ),
        solution=_LIMIT.replace("?limit=3", "").replace('USDC"}', 'USDC", "limit": 3}'),
    ),
    Exercise(
        id="03.3",
        title="Signed, but not sent",
        grade=none_left_out,
        starter=_NONE,
        hints=(
            "What does an f-string make of None? And what does `requests` send for None?",
            "`requests` does not send a parameter that is None, so the signed text must not have "
            "it. Change the dict before you call `signed_get`.",
            "Put `marketType` into the dict only `if market_type is not None`.",
        ),
        solution="""\
def my_orders(symbol, market_type=None):
    params = {"symbol": symbol}
    if market_type is not None:
        params["marketType"] = market_type
    return signed_get("/api/v1/orders", "orderQueryAll", params)

my_orders("SOL_USDC")""",
    ),
    Exercise(
        id="03.4",
        title="Only the first page",
        grade=every_page,
        starter=_PAGES,
        hints=(
            "`get_order_history` also takes an `offset`: how many of the newest rows to skip.",
            "Collect the rows in a list. The next page begins where your list ends. An empty page "
            "means that you have all orders.",
            "Ask for offset=len(rows) in a loop, add each page to `rows`, and stop at the first "
            "empty page.",
        ),
        solution="""\
def every_order():
    rows = []
    while page := bp.get_order_history(limit=2, offset=len(rows)):
        rows += page
    return rows

len(every_order())""",
    ),
    Exercise(
        id="03.5",
        title="How old is a fill?",
        grade=age,
        starter=_AGE,
        hints=(
            "The exchange writes its times in UTC. What time is it in UTC, when it is 21:10 in "
            "Tokyo?",
            "`replace(tzinfo=None)` removes the zone from `now`. Leave `now` as it is, and add the "
            "zone UTC to the fill's time. Python can subtract two times that have a zone.",
            "Write `.replace(tzinfo=UTC)` after `datetime.fromisoformat(...)`, and import `UTC`, "
            "too. `now` needs no change.",
        ),
        solution="""\
from datetime import UTC, datetime, timedelta, timezone

tokyo = datetime(2026, 9, 1, 21, 10, tzinfo=timezone(timedelta(hours=9)))

def age(fill, now):
    return now - datetime.fromisoformat(fill["timestamp"]).replace(tzinfo=UTC)

str(age(bp.get_fills()[-1], tokyo))""",
    ),
)
