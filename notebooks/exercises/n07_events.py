"""The exercises of 07_live_streams about events: missing updates, a book, makers and takers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bpkit.streams import Event

from .grading import Exercise, LearnerState, Verdict, exact, right, shown, untried, wrong

__all__ = ["CHANGE", "MISSING", "PRESSURE"]

Changes = list[dict[str, int]]
Levels = list[list[str]]


# --- 07.3 -----------------------------------------------------------------------------------------


def _change(first: int, last: int) -> dict[str, int]:
    return {"U": first, "u": last}


# The book is at update 10: the changes that came, how many are missing, and what is special.
GAPS: list[tuple[Changes, int, str]] = [
    ([_change(11, 11), _change(12, 12)], 0, "nothing is missing"),
    ([_change(11, 11), _change(13, 13)], 1, "update 12 is missing"),
    ([_change(12, 12), _change(13, 13)], 1, "update 11 is missing"),
    ([_change(11, 15), _change(16, 18)], 0, "each change has several ids"),
    ([_change(11, 12), _change(16, 18)], 3, "three updates are missing before a change with several ids"),
    ([_change(12, 12), _change(14, 14)], 2, "there are two gaps"),
    ([_change(11, 11), _change(11, 11), _change(12, 12)], 0, "one change came twice"),
    ([_change(11, 11), _change(12, 12), _change(11, 11), _change(13, 13)], 0,
     "an old change came again"),
    ([], 0, "nothing is missing"),
]  # fmt: skip


def counts_missing(learner: LearnerState) -> Verdict:
    """Does ``missing`` return the right number for changes of every kind?"""
    results = [learner.call("missing", 10, [dict(one) for one in came]) for came, _, _ in GAPS]
    if results == [_by_last_ids(came) for came, _, _ in GAPS]:
        return untried()
    for (came, count, special), result in zip(GAPS, results, strict=True):
        if isinstance(result, bool) or result != count:
            ids = ", ".join(f"{one['U']} to {one['u']}" for one in came) or "(none)"
            return wrong(
                f"After update 10 the changes {ids} came: {special}. `missing` should return "
                f"{count}. Yours returned {shown(result)}."
            )
    return right("`missing` counts every missing update once.")


def _by_last_ids(changes: Changes) -> int:
    """What the starter returns."""
    ids = [10, *(one["u"] for one in changes)]
    return ids[-1] - ids[0] - len(changes)


COUNT = """\
def missing(last, changes):
    count = 0
    for change in changes:
        count += change["u"] - last - 1
        last = change["u"]
    return count

missing(10, [{"U": 11, "u": 12}, {"U": 13, "u": 13}, {"U": 16, "u": 16}])"""

MISSING = Exercise(
    id="07.3",
    title="How many are missing?",
    grade=counts_missing,
    starter=COUNT,
    hints=(
        "The right answer for this example is 2: the updates 14 and 15 are missing. Which change "
        "makes it 3?",
        "A change has all updates from `U` to `u`. So compare `U` with the last update before it. "
        "And what should happen to a change that you already have?",
        'Skip a change if its `u` is not above `last`. Otherwise add `change["U"] - last - 1`.',
    ),
    solution=COUNT.replace(
        """\
        count += change["u"] - last - 1
        last = change["u"]""",
        """\
        if change["u"] > last:
            count += change["U"] - last - 1
            last = change["u"]""",
    ),
)


# --- 07.4 -----------------------------------------------------------------------------------------

BOOK = {"170.49": "3", "170.48": "12.5", "170.4": "1"}

# What a change has for this side, the side after it, and what is special.
CHANGES: list[tuple[Levels, dict[str, str], str]] = [
    ([["170.49", "4.20"]], BOOK | {"170.49": "4.2"}, "the quantity of a level is replaced"),
    ([["170.40", "2.00"]], BOOK | {"170.4": "2"}, "170.40 and 170.4 are one price"),
    ([["170.47", "5.00"]], BOOK | {"170.47": "5"}, "a level is new"),
    ([["170.48", "0.00"]], {"170.49": "3", "170.4": "1"}, "the quantity 0.00 removes a level"),
    ([["170.46", "0.00"]], BOOK, "the quantity 0.00 of a missing level changes nothing"),
    ([["170.49", "0.00"], ["170.50", "1.00"]], {"170.5": "1", "170.48": "12.5", "170.4": "1"},
     "two levels change"),
    ([], BOOK, "nothing changes on this side"),
]  # fmt: skip


def changes_a_side(learner: LearnerState) -> Verdict:
    """Does ``update_side`` return the side as it is after each change?"""
    results = [learner.call("update_side", _side(BOOK), levels) for levels, _, _ in CHANGES]
    if results == [_side(BOOK) | dict(levels) for levels, _, _ in CHANGES]:
        return untried()
    for (levels, after, special), result in zip(CHANGES, results, strict=True):
        if not isinstance(result, dict):
            return wrong(
                f"`update_side` should return the side, a dict. It returned {_texts(result)}."
            )
        if not _exact(result):
            return wrong(
                f"For the levels {levels}, `update_side` returned {_texts(result)}. Some of these "
                "prices or quantities are not Decimals."
            )
        if result != _side(after):
            return wrong(
                f"For the levels {levels}, {special}. The side should be {_texts(_side(after))}. "
                f"Yours is {_texts(result)}."
            )
    return right("Prices are numbers, zero removes a level, and all other levels stay.")


def _side(levels: Mapping[str, str]) -> dict[Decimal, Decimal]:
    return {Decimal(price): Decimal(quantity) for price, quantity in levels.items()}


def _exact(side: dict[Any, Any]) -> bool:
    return all(isinstance(one, Decimal) for one in [*side, *side.values()])


def _texts(side: object) -> str:
    """A side as short as possible, with the types of what is not a Decimal."""
    if not isinstance(side, dict):
        return shown(side)
    parts = [
        ": ".join(f"{one:f}" if isinstance(one, Decimal) else repr(one) for one in level)
        for level in side.items()
    ]
    return f"{{{', '.join(parts)}}}"


SIDE = """\
def update_side(side, levels):
    for price, quantity in levels:
        side[price] = quantity
    return side

update_side({Decimal("170.5"): Decimal("3")}, [["170.50", "4.20"], ["170.40", "0.00"]])"""

CHANGE = Exercise(
    id="07.4",
    title="One price, two texts",
    grade=changes_a_side,
    starter=SIDE,
    hints=(
        "Look at the result: one price is there twice, and one level has the quantity 0.00.",
        "Make Decimals of both texts. Then 170.50 and 170.5 are equal. What should happen if the "
        "quantity is zero?",
        "If the quantity is zero, use `side.pop(price, None)`. The price must be a Decimal there, "
        "too.",
    ),
    solution=SIDE.replace(
        "        side[price] = quantity",
        """\
        if Decimal(quantity) == 0:
            side.pop(Decimal(price), None)
        else:
            side[Decimal(price)] = Decimal(quantity)""",
    ),
)


# --- 07.5 -----------------------------------------------------------------------------------------


def _trade(quantity: str, is_buyer_maker: bool) -> Event:
    raw = {"e": "trade", "m": is_buyer_maker, "p": "170.50", "q": quantity, "s": "SOL_USDC"}
    return Event("data", "trade.SOL_USDC", raw, datetime(2026, 9, 1, 12, tzinfo=UTC))


# Quantities, each with whether the buyer waited; then what was bought and what was sold.
TRADES: list[tuple[list[tuple[str, bool]], str, str]] = [
    ([("1.25", False)], "1.25", "0"),
    ([("0.10", True)], "0", "0.1"),
    ([("0.10", False), ("0.20", False), ("2.50", True), ("0.07", True)], "0.3", "2.57"),
    ([], "0", "0"),
]


def separates_the_sides(learner: LearnerState) -> Verdict:
    """Does ``pressure`` return what the takers bought, and what they sold?"""
    results = [
        learner.call("pressure", [_trade(*one) for one in trades]) for trades, _, _ in TRADES
    ]
    if results == [(sum(Decimal(q) for q, _ in trades), 0) for trades, _, _ in TRADES]:
        return untried()
    for (trades, bought, sold), result in zip(TRADES, results, strict=True):
        pair = [exact(one) for one in result] if isinstance(result, tuple | list) else []
        if len(pair) != 2 or None in pair:
            return wrong(f"`pressure` should return two Decimals. Yours returned {shown(result)}.")
        if pair != [Decimal(bought), Decimal(sold)]:
            words = ", ".join(
                f"{one} (the {'buyer' if waits else 'seller'} was the maker)"
                for one, waits in trades
            )
            return wrong(
                f"The trades are {words or '(none)'}. So the takers bought {bought} and sold {sold}. "
                f"`pressure` returned {pair[0]:f} and {pair[1]:f}."
            )
    return right("If the buyer was the maker, the taker sold.")


SIDES = """\
def pressure(trades):
    bought, sold = Decimal(0), Decimal(0)
    for trade in trades:
        bought += trade.quantity
    return bought, sold

with bp.stream("trade.SOL_USDC", count=6) as events, sandbox.play(speed=120, minutes=2):
    came = list(events.data)
pressure(came)"""

PRESSURE = Exercise(
    id="07.5",
    title="Bought or sold?",
    grade=separates_the_sides,
    starter=SIDES,
    hints=(
        "Each trade has a buyer and a seller. One of them had an order in the book (the maker). "
        "The other one came later and traded with it (the taker).",
        "If `trade.is_buyer_maker` is true, the buyer was the maker. Did the taker buy or sell?",
        "If `trade.is_buyer_maker` is true, add the quantity to `sold`, and otherwise to `bought`.",
    ),
    solution=SIDES.replace(
        "        bought += trade.quantity",
        """\
        if trade.is_buyer_maker:
            sold += trade.quantity
        else:
            bought += trade.quantity""",
    ),
)
