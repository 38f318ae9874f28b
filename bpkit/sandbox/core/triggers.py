"""Conditional orders: orders that wait for a price, and the exits that an entry brings with it.

A conditional order is TriggerPending, locks nothing, and becomes an order of its own (which names
it in ``relatedOrderId``) once the price it watches has reached ``triggerPrice`` from the side on
which it stood when the order came. Which price that is, ``triggerBy`` says; LastPrice unless given
(a guess). A spot market has only its last price.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from ..formatting import plain
from ..simulation.market import Market
from . import rules
from .book import OTHER
from .ledger import exact
from .orders import EngineOrder, OrderRequest
from .rules import Refusal, bad_request

WATCHED = "LastPrice"
AMOUNT = re.compile(r"[0-9]+\.?[0-9]*|\.[0-9]+")
EXITS = ("takeProfit", "stopLoss")
# Why an order that was triggered could not be placed, by the code of the refusal.
FAILURES = {
    "INSUFFICIENT_FUNDS": "InsufficientFunds",
    "INSUFFICIENT_MARGIN": "InsufficientMargin",
    "INVALID_PRICE": "InvalidPrice",
    "INVALID_ORDER": "ReduceOnlyNotReduced",
}


@dataclass(frozen=True)
class Trigger:
    """What an order waits for: ``by`` rising to ``ticks``, or else falling to them."""

    order: EngineOrder
    ticks: int
    by: str
    rising: bool

    @exact()
    def is_due(self, price: Decimal) -> bool:
        """Has the price it watches come far enough?"""
        level = self.order.request.market.price(self.ticks)
        return price >= level if self.rising else price <= level


def check(request: OrderRequest) -> None:
    """Refuse conditions that cannot be read, or that the market does not know."""
    conditions, market = request.conditions, request.market
    for name in EXITS:
        if any(field.startswith(name) for field in conditions):
            _check_exit(request, name)
    if not request.conditional:
        if "triggerBy" in conditions:
            raise bad_request("`triggerBy` needs a `triggerPrice`")
        return
    _ticks(market, conditions, "triggerPrice")
    if request.quote_quantity is not None:
        raise bad_request("Conditional orders must not specify a `quoteQuantity`")
    text = conditions["triggerQuantity"]
    if not text.endswith("%"):
        rules.steps(market, _amount("triggerQuantity", text))
    elif not request.reduce_only:
        raise bad_request("A `triggerQuantity` in percent needs `reduceOnly`")
    elif not 0 < _amount("triggerQuantity", text[:-1]) <= 100:
        raise bad_request("`triggerQuantity` must be above 0% and at most 100%")


def watch(order: EngineOrder, rising: bool) -> Trigger:
    """The trigger of a conditional order, which waits for a price to rise to its own, or to fall
    to it."""
    ticks = _ticks(order.request.market, order.request.conditions, "triggerPrice")
    return Trigger(order, ticks, watched(order.request), rising)


def is_above(request: OrderRequest, price: Decimal) -> bool:
    """Is a conditional order's trigger price at ``price`` or above it?"""
    return Decimal(request.conditions["triggerPrice"]) >= price


def failure(request: OrderRequest, refusal: Refusal) -> str:
    """The expiry reason of a conditional order that could not be placed."""
    if refusal.code == "INVALID_ORDER" and request.post_only:
        return "PostOnlyTaker"
    return FAILURES.get(refusal.code, "Unknown")


def watched(request: OrderRequest) -> str:
    """LastPrice, MarkPrice or IndexPrice."""
    return request.conditions.get("triggerBy", WATCHED) if request.future else "LastPrice"


def released(request: OrderRequest, net: int) -> OrderRequest:
    """The order that a trigger sets free; ``net``: the position now, in steps.

    Its quantity is 0 when it is a share of a position that there is not.
    """
    text = request.conditions["triggerQuantity"]
    with exact():
        if text.endswith("%"):
            steps = int(max(0, -request.sign * net) * Decimal(text[:-1]) // 100)
        else:
            steps = int(Decimal(text) // request.market.step)
    kept = {
        name: value for name, value in request.conditions.items() if not name.startswith("trigger")
    }
    return replace(request, quantity=steps, conditions=kept)


def exits(order: EngineOrder) -> list[tuple[OrderRequest, bool]]:
    """What an entry that is over leaves behind: conditional orders, and whether each waits for the
    price to rise. They close what was executed, and only that."""
    request, market = order.request, order.request.market
    found = []
    for name in EXITS:
        if f"{name}TriggerPrice" not in request.conditions:
            continue
        limit = request.conditions.get(f"{name}LimitPrice")
        with exact():
            quantity = plain(market.quantity(order.executed))
        conditions = {
            "triggerPrice": request.conditions[f"{name}TriggerPrice"],
            "triggerQuantity": quantity,
        }
        if f"{name}TriggerBy" in request.conditions:
            conditions["triggerBy"] = request.conditions[f"{name}TriggerBy"]
        exit = replace(
            request,
            side=OTHER[request.side],
            kind="Market" if limit is None else "Limit",
            price=None if limit is None else rules.ticks(market, Decimal(limit)),
            quantity=0,
            quote_quantity=None,
            time_in_force="GTC",
            post_only=False,
            client_id=None,
            reduce_only=True,
            conditions=conditions,
            slippage=None,
        )
        found.append((exit, (name == "takeProfit") == (request.side == "Bid")))
    return found


def _check_exit(request: OrderRequest, name: str) -> None:
    conditions, market = request.conditions, request.market
    if not request.future:
        message = f"The sandbox simulates `{name}TriggerPrice` on futures only"
        raise Refusal(501, "NOT_IMPLEMENTED", message)
    if f"{name}TriggerPrice" not in conditions:
        raise bad_request(f"Must specify a `{name}TriggerPrice`")
    _ticks(market, conditions, f"{name}TriggerPrice")
    if f"{name}LimitPrice" in conditions:
        _ticks(market, conditions, f"{name}LimitPrice")


def _ticks(market: Market, conditions: Any, name: str) -> int:
    return rules.ticks(market, _amount(name, conditions[name]))


def _amount(name: str, text: str) -> Decimal:
    """Digits and a point, as the wire has them; these fields are plain text there."""
    if len(text) > 60 or not AMOUNT.fullmatch(text):
        raise bad_request(f"Invalid `{name}`")
    return Decimal(text)
