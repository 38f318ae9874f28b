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


def rows(kind: str, values: list[dict[str, Any]]) -> Rows:
    """An answer of this kind, made up here."""
    made = Rows(values)
    made.kind, made.status, made.headers = kind, 200, {}
    return made


def called(learner: LearnerState, name: str, *args: Any) -> Any:
    """``learner.call`` with a frame, which is too long for a reason."""
    try:
        return learner.call(name, *args)
    except Decided as end:
        if end.__cause__ is None:
            raise
        raised = f"`{name}(...)` raised {described(end.__cause__)}"
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
_FILLS_IN_WORDS = "3 SOL bought at 100 and 1 SOL at 120, and 2 SOL sold at 125"


def _grade_decimal(
    learner: LearnerState, name: str, expected: str, starter: str, seen: dict[str, str]
) -> Verdict | None:
    """What is wrong with one Decimal made of the fills; None: nothing is.

    ``seen``: what typical mistakes give -> what to say.
    """
    found = called(learner, name, _FILLS.to_frame(exact=True))
    if not isinstance(found, Decimal | int | float):
        return wrong(f"`{name}` should give one number, and gives {shown(found)}.")
    if not isinstance(found, Decimal):
        return wrong(f"{found!r} is no Decimal: leave every value as the exact frame has it.")
    if found == Decimal(expected):
        return None
    if found == Decimal(starter):
        return untried()
    said = next((said for value, said in seen.items() if found == Decimal(value)), "")
    return wrong(
        f"Of {_FILLS_IN_WORDS}, it should be {expected}, and is {_number(found)}. {said}".rstrip()
    )


def _number(value: Decimal) -> str:
    """A Decimal, rounded to six decimals."""
    return f"{value.normalize():f}" if value == round(value, 6) else f"{value:.6f}"


def _own_fills(learner: LearnerState, name: str) -> str:
    """The result of the learner's function for the account's real fills."""
    fills = learner.ask("get_fills", symbol="SOL_USDC", limit=1000)
    if not fills:
        return ""
    found = called(learner, name, fills.to_frame(exact=True))
    return f" On your own {len(fills)} fills: {_number(found)} USDC."


# --- 06.4: an average price -----------------------------------------------------------------------


def _grade_average(learner: LearnerState) -> Verdict:
    seen = {
        "115": "Sales are in it, and each fill counts the same, though some are larger.",
        f"{Decimal(670) / 6}": "Sales are in it: take the rows whose side is Bid.",
        f"{Decimal(420) / Decimal('3.996')}": "The fees are in it: the question leaves them out.",
        "420": "That is what all of it cost. Divide it by the SOL that were bought.",
        "210": "That is what a purchase cost. Divide by the SOL, not by the number of fills.",
    }
    verdict = _grade_decimal(learner, "average_price", "105", "110", seen)
    own = "" if verdict else _own_fills(learner, "average_price")
    return verdict or right(f"420 USDC for 4 SOL: 105 for each.{own}")


_AVERAGE = Exercise(
    id="06.4",
    title="An average price",
    grade=_grade_average,
    hints=(
        "3 SOL at 100 and 1 SOL at 120 do not cost 110 each. What do the four cost together?",
        "An average price is what was paid over what was bought.",
        '`(bought["price"] * bought["quantity"]).sum()` is what was paid.',
    ),
    starter="""\
def average_price(fills):
    bought = fills[fills["side"] == "Bid"]
    return bought["price"].sum() / len(bought)

average_price(bp.get_fills("SOL_USDC").to_frame(exact=True))""",
    solution="""\
def average_price(fills):
    bought = fills[fills["side"] == "Bid"]
    return (bought["price"] * bought["quantity"]).sum() / bought["quantity"].sum()

average_price(bp.get_fills("SOL_USDC").to_frame(exact=True))""",
)


# --- 06.5: fees in two coins ----------------------------------------------------------------------


def _grade_fees(learner: LearnerState) -> Verdict:
    # 0.003 SOL at 100 are 0.3 USDC, 0.001 SOL at 120 are 0.12; and 0.25 USDC.
    seen = {
        "31.67": "A fee that is in USDC already was multiplied by a price.",
        "0.42": "The fees of the purchases alone. Those of the sales are missing.",
        "0.25": "The fees of the sales alone. Those of the purchases are missing.",
        "0.004": "That is in SOL, and without the sales.",
    }
    verdict = _grade_decimal(learner, "fees_in_usdc", "0.67", "0.254", seen)
    own = "" if verdict else _own_fills(learner, "fees_in_usdc")
    return verdict or right(f"0.3 + 0.12 + 0.25 USDC, each coin by its price.{own}")


_FEES = Exercise(
    id="06.5",
    title="Fees in two coins",
    grade=_grade_fees,
    hints=(
        "In which coin is each fee? Look at `feeSymbol`.",
        "A fee in SOL is worth its quantity times the price of that fill. One in USDC is itself.",
        '`fills["price"].where(fills["feeSymbol"] == "SOL", Decimal(1))` is what to multiply by.',
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

# (quantity, rate, payment at a mark price of 150, in words)
_PAYMENTS = (
    ("2", "0.0001", "-0.03", "Long 2 SOL at a rate above zero, you pay"),
    ("-2", "0.0001", "0.03", "Short 2 SOL at a rate above zero, you receive"),
    ("2", "-0.0001", "0.03", "Long 2 SOL at a rate below zero, you receive"),
    ("-2", "-0.0001", "-0.03", "Short 2 SOL at a rate below zero, you pay"),
)


def _grade_funding(learner: LearnerState) -> Verdict:
    mark, found = Decimal(150), []
    for quantity, rate, _, _ in _PAYMENTS:
        found.append(learner.call("funding_of", Decimal(quantity), mark, Decimal(rate)))
    if found == [-Decimal(expected) for _, _, expected, _ in _PAYMENTS]:
        return untried()
    for given, (_, rate, expected, words) in zip(found, _PAYMENTS, strict=True):
        if given != Decimal(expected):
            yours = _number(given) if isinstance(given, Decimal) else shown(given)
            floats = " Leave the Decimals as they are." if isinstance(given, float) else ""
            return wrong(
                f"{words}: at a mark of 150 and a rate of {rate} the payment is {expected} "
                f"USDC, and yours is {yours}.{floats}"
            )
    paid = _paid(learner)
    return right(f"Longs pay where the rate is above zero, shorts where it is below.{paid}")


def _paid(learner: LearnerState) -> str:
    payments = learner.ask("get_funding_payments", symbol="SOL_USDC_PERP", limit=1000)
    return f" The exchange has {len(payments)} payments of yours on record." if payments else ""


_FUNDING = Exercise(
    id="06.6",
    title="Who pays?",
    grade=_grade_funding,
    hints=(
        "You held a long position in this notebook. What was the sign of your payments when the "
        "rate was above zero?",
        "A payment is counted from your side: above zero you received it. A long position is a "
        "quantity above zero.",
        "Size and sign are in one product: quantity, mark price and rate. Only its sign is the "
        "other way round.",
    ),
    starter="""\
def funding_of(quantity, mark_price, rate):
    return quantity * mark_price * rate

funding_of(Decimal("2"), Decimal("170"), Decimal("0.0000125"))""",
    solution="""\
def funding_of(quantity, mark_price, rate):
    return -quantity * mark_price * rate

funding_of(Decimal("2"), Decimal("170"), Decimal("0.0000125"))""",
)

MONEY: tuple[Exercise, ...] = (_AVERAGE, _FEES, _FUNDING)
