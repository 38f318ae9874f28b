"""A made-up exchange, and the fields of writes: what the tests of limits and values share.

The order book has bids worst first and asks best first.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bpkit.guard.limits import Arming, WriteGuard
from bpkit.operations import OPERATIONS

LIVE = "https://api.backpack.exchange"
FLAGS = ("orders", "withdrawals", "account")
ALL = dict.fromkeys(FLAGS, True)
BOOK = {
    "bids": [["90", "5"], ["98", "2"], ["99", "1"]],
    "asks": [["100", "1"], ["101", "2"], ["110", "5"]],
}
POSITION = {
    "symbol": "SOL_USDC_PERP", "netQuantity": "-4", "netExposureQuantity": "-3",
    "netExposureNotional": "-500",
}  # fmt: skip


class Answers:
    """What the exchange answers; ``asked`` keeps what was read."""

    def __init__(self, **answers: Any) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.answers = {
            "get_depth": BOOK,
            "get_ticker": {"lastPrice": "2.5"},
            "get_positions": [POSITION],
        } | answers

    def __call__(self, name: str, fields: dict[str, Any]) -> Any:
        self.asked.append((name, fields))
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer


def never(name: str, fields: dict[str, Any]) -> Any:
    pytest.fail(f"{name} was read")


def guard(ask: Any = never, **arming: Any) -> WriteGuard:
    caps = {"per_order": "1000000", "per_session": "1000000"}
    return WriteGuard(Arming(**{**ALL, **caps, **arming}), LIVE, False, ask)


def value_of(name: str, fields: Any, **answers: Any) -> Decimal:
    caps = {"per_order": "9" * 60, "per_session": "9" * 60}
    return guard(Answers(**answers), **caps).admit(OPERATIONS[name], fields).value


def order(**fields: Any) -> dict[str, Any]:
    """A limit order to buy 1 SOL at 30 USDC, changed; None takes a field away."""
    whole = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "30",
             "quantity": "1", **fields}  # fmt: skip
    return {name: value for name, value in whole.items() if value is not None}


def market(**fields: Any) -> dict[str, Any]:
    return order(**{"orderType": "Market", "price": None, "quantity": None, **fields})


def perp(**fields: Any) -> dict[str, Any]:
    return order(**{"symbol": "SOL_USDC_PERP", **fields})


WITHDRAWAL = {"address": "a", "blockchain": "Solana", "symbol": "SOL", "quantity": "4"}
