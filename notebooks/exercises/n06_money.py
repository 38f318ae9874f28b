"""The exercises of 06_history_and_frames that are about money: 06.4 to 06.6."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bpkit.results import Rows

from .grading import (
    Decided,
    Exercise,
    LearnerState,
    Verdict,
    described,
    right,
    shown,
    untried,
    wrong,
)

__all__ = ["MONEY", "called", "rows"]

NO_RETURN = "A function returns a value only with the word `return`."


def rows(kind: str, values: list[dict[str, Any]]) -> Rows:
    """An answer of this kind, made up here."""
    made = Rows(values)
    made.kind, made.status, made.headers = kind, 200, {}
    return made


def called(learner: LearnerState, name: str, *args: Any) -> Any:
    """``learner.call`` with a frame, which is too long for a reason. None is a wrong result."""
    try:
        result = learner.call(name, *args)
    except Decided as end:
        if end.__cause__ is None:
            raise
        raised = f"`{name}(...)` raised {described(end.__cause__)}"
    else:
        if result is not None:
            return result
        raised = f"`{name}` returned None. {NO_RETURN}"
    raise Decided(wrong(raised))


# --- fills, for 06.4 and 06.5 ---------------------------------------------------------------------


def _fill(side: str, price: str, quantity: str, fee: str, symbol: str) -> dict[str, Any]:
    return {"timestamp": "2026-09-01T12:00:00.000", "symbol": "SOL_USDC", "side": side,
            "price": price, "quantity": quantity, "fee": fee, "feeSymbol": symbol}  # fmt: skip


_FILLS = rows(
    "fills",
    [
        _fill("Ask", "125", "2", "0.25", "USDC"),
        _fill("Bid", "120", "1", "0.001", "SOL"),
        _fill("Bid", "100", "3", "0.003", "SOL"),
    ],
)
_FILLS_IN_WORDS = (
    "The check has 3 SOL bought at 100 (fee 0.003 SOL), 1 SOL bought at 120 (fee 0.001 SOL) and "
    "2 SOL sold at 125 (fee 0.25 USDC)."
)


def _grade_decimal(
    learner: LearnerState, name: str, expected: str, starter: str, seen: dict[str, str]
) -> Verdict | None:
    """What is wrong with the Decimal that is computed from the fills, or None.

    ``seen``: what typical mistakes give -> what to say.
    """
    found = called(learner, name, _FILLS.to_frame(exact=True))
    if not isinstance(found, Decimal | int | float):
        kind = f"a {type(found).__name__}" if hasattr(found, "iloc") else shown(found)
        return wrong(f"`{name}` should return one number. Yours returned {kind}.")
    if not isinstance(found, Decimal):
        return wrong(
            f"{found} is not a Decimal. Keep the Decimals of the frame: `float`, `mean` and "
            "numbers with a point change them into floats."
        )
    if found == Decimal(expected):
        return None
    if found == Decimal(starter):
        return untried()
    said = next((said for value, said in seen.items() if found == Decimal(value)), "")
    return wrong(
        f"{_FILLS_IN_WORDS} The result should be {expected}. Yours is {_number(found)}. {said}".rstrip()
    )


def _number(value: Decimal) -> str:
    """A Decimal, rounded to six decimals. Adding 0 makes 0 of -0."""
    return f"{value.normalize() + 0:f}" if value == round(value, 6) else f"{value:.6f}"


def _own_fills(learner: LearnerState, name: str) -> str:
    """The result of the learner's function for the account's real fills."""
    fills = learner.ask("get_fills", symbol="SOL_USDC", limit=1000)
    if not fills:
        return ""
    found = called(learner, name, fills.to_frame(exact=True))
    return f" For your own {len(fills)} fills the function returns {_number(found)} USDC."


# --- 06.4: an average price -----------------------------------------------------------------------


def _grade_average(learner: LearnerState) -> Verdict:
    seen = {
        "115": "You counted the sales too, and a small fill counts as much as a large one.",
        f"{Decimal(670) / 6}": "You counted the sales too. Take only the rows with the side Bid.",
        f"{Decimal(420) / Decimal('3.996')}": "You subtracted the fees. The average price is before fees.",
        "55": "You added up the prices. First multiply each price by its quantity.",
        "220": "This is the sum of two prices. First multiply each price by its quantity.",
        "70": "You divided by the quantity of all fills. Divide by the quantity that you bought.",
        "420": "This is the cost of all purchases. Divide it by the quantity that you bought.",
        "210": "This is the cost of a purchase. Divide by the quantity, not by the number of fills.",
    }
    verdict = _grade_decimal(learner, "average_price", "105", "110", seen)
    own = "" if verdict else _own_fills(learner, "average_price")
    return verdict or right(f"420 USDC for 4 SOL is 105 USDC for one SOL.{own}")


_AVERAGE_STARTER = """\
def average_price(fills):
    bought = fills[fills["side"] == "Bid"]
    return bought["price"].sum() / len(bought)

average_price(bp.get_fills("SOL_USDC").to_frame(exact=True))"""

_AVERAGE = Exercise(
    id="06.4",
    title="An average price",
    grade=_grade_average,
    hints=(
        "3 SOL at 100 and 1 SOL at 120 do not cost 110 each. What do all four cost together?",
        "An average price is the whole cost, divided by the whole quantity.",
        '`(bought["price"] * bought["quantity"]).sum()` is the whole cost.',
    ),
    starter=_AVERAGE_STARTER,
    solution=_AVERAGE_STARTER.replace(
        'bought["price"].sum() / len(bought)',
        '(bought["price"] * bought["quantity"]).sum() / bought["quantity"].sum()',
    ),
)


# --- 06.5: fees in two coins ----------------------------------------------------------------------


def _grade_fees(learner: LearnerState) -> Verdict:
    # 0.003 SOL at 100 is 0.3 USDC, 0.001 SOL at 120 is 0.12 USDC, and 0.25 USDC.
    seen = {
        "31.67": "You multiplied a fee by a price, though it is already in USDC.",
        "31.254": "You multiplied the fees in USDC by a price. Multiply the fees in SOL instead.",
        "0.42": "These are only the fees of the purchases. The fees of the sales are missing.",
        "0.25": "These are only the fees of the sales. The fees of the purchases are missing.",
        "0.004": "This is the sum of the fees in SOL, without the fees of the sales.",
    }
    verdict = _grade_decimal(learner, "fees_in_usdc", "0.67", "0.254", seen)
    own = "" if verdict else _own_fills(learner, "fees_in_usdc")
    return verdict or right(f"0.3 + 0.12 + 0.25 = 0.67 USDC.{own}")


_FEES = Exercise(
    id="06.5",
    title="Fees in two coins",
    grade=_grade_fees,
    hints=(
        "Each fee has its own coin. Look at the column `feeSymbol`.",
        "A fee in SOL is worth `fee` times the price of its fill. A fee in USDC stays as it is.",
        '`fills["price"].where(fills["feeSymbol"] == "SOL", Decimal(1))` is the factor for each fee.',
    ),
    starter="""\
def fees_in_usdc(fills):
    return fills["fee"].sum()

fees_in_usdc(bp.get_fills("SOL_USDC").to_frame(exact=True))""",
    solution="""\
def fees_in_usdc(fills):
    worth = fills["price"].where(fills["feeSymbol"] == "SOL", Decimal(1))
    return (fills["fee"] * worth).sum()

fees_in_usdc(bp.get_fills("SOL_USDC").to_frame(exact=True))""",
)


# --- 06.6: who pays -------------------------------------------------------------------------------

# (quantity, rate, payment at a mark price of 160, in words). All are less than a cent.
_PAYMENTS = (
    ("2", "0.0000125", "-0.004", "You are long 2 SOL, and the rate is above zero, so you pay"),
    ("-2", "0.0000125", "0.004", "You are short 2 SOL, and the rate is above zero, so you receive"),
    ("2", "-0.0000125", "0.004", "You are long 2 SOL, and the rate is below zero, so you receive"),
    ("-2", "-0.0000125", "-0.004", "You are short 2 SOL, and the rate is below zero, so you pay"),
)


def _grade_funding(learner: LearnerState) -> Verdict:
    mark, found = Decimal(160), []
    for quantity, rate, _, _ in _PAYMENTS:
        found.append(learner.call("funding_of", Decimal(quantity), mark, Decimal(rate)))
    if found == [-Decimal(expected) for _, _, expected, _ in _PAYMENTS]:
        return untried()
    for given, (_, rate, expected, words) in zip(found, _PAYMENTS, strict=True):
        if given != Decimal(expected):
            yours = _number(given) if isinstance(given, Decimal) else shown(given)
            floats = " Keep the Decimals as they are." if isinstance(given, float) else ""
            floats = f" {NO_RETURN}" if given is None else floats
            return wrong(
                f"{words}. At a mark price of 160 and a rate of {rate} the payment is {expected} "
                f"USDC. Yours is {yours}.{floats}"
            )
    paid = _paid(learner)
    return right(f"Longs pay if the rate is above zero, and shorts pay if it is below.{paid}")


def _paid(learner: LearnerState) -> str:
    payments = learner.ask("get_funding_payments", symbol="SOL_USDC_PERP", limit=1000)
    return f" Your history has {len(payments)} payments." if payments else ""


_FUNDING_STARTER = """\
def funding_of(quantity, mark_price, rate):
    return quantity * mark_price * rate

funding_of(Decimal("2"), Decimal("170"), Decimal("0.0000125"))"""

_FUNDING = Exercise(
    id="06.6",
    title="Who pays?",
    grade=_grade_funding,
    hints=(
        "You had a long position in this notebook. If the rate was above zero, were your payments "
        "above or below zero?",
        "The payment is above zero if you receive it. The quantity is above zero if you are long. "
        "Longs pay if the rate is above zero.",
        "Multiply quantity, mark price and rate. Then change the sign.",
    ),
    starter=_FUNDING_STARTER,
    solution=_FUNDING_STARTER.replace("return quantity", "return -quantity"),
)

MONEY: tuple[Exercise, ...] = (_AVERAGE, _FEES, _FUNDING)
