"""Conditional orders: orders that wait for a price, and take-profit and stop-loss orders.

A conditional order is TriggerPending and locks nothing. When the price that it watches reaches
``triggerPrice``, it places a new order, which has its id in ``relatedOrderId``. It waits for a rise
if ``triggerPrice`` is at or above the price when the order arrives, otherwise for a fall.
``triggerBy`` names the price that is watched; the default is LastPrice (a guess). A spot market has
only its last price.
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
# Code of the refusal -> expiry reason of a conditional order whose order was refused.
FAILURES = {
    "BORROW_LIMIT": "InsufficientBorrowableQuantity",
    "BORROW_REQUIRES_LEND_REDEEM": "BorrowRequiresLendRedeem",
    "INSUFFICIENT_SUPPLY": "InsufficientBorrowableQuantity",
    "INSUFFICIENT_FUNDS": "InsufficientFunds",
    "INSUFFICIENT_MARGIN": "InsufficientMargin",
    "INVALID_PRICE": "InvalidPrice",
    "INVALID_ORDER": "ReduceOnlyNotReduced",
}


@dataclass(frozen=True)
class Trigger:
    """``order`` waits until the price ``by`` rises (or falls, if not ``rising``) to ``ticks``."""

    order: EngineOrder
    ticks: int
    by: str
    rising: bool

    @exact()
    def is_due(self, price: Decimal) -> bool:
        """Has the watched price reached the trigger price?"""
        level = self.order.request.market.price(self.ticks)
        return price >= level if self.rising else price <= level


def check(request: OrderRequest) -> None:
    """Refuse conditions that are not valid, or that the market does not support."""
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
    """The trigger of a conditional order. ``rising``: it waits for the price to rise."""
    ticks = _ticks(order.request.market, order.request.conditions, "triggerPrice")
    return Trigger(order, ticks, watched(order.request), rising)


def is_above(request: OrderRequest, price: Decimal) -> bool:
    """Is a conditional order's trigger price at ``price`` or above it?"""
    return Decimal(request.conditions["triggerPrice"]) >= price


def failure(request: OrderRequest, refusal: Refusal) -> str:
    """The expiry reason of a conditional order whose order was refused."""
    if refusal.code == "INVALID_ORDER" and request.post_only:
        return "PostOnlyTaker"
    return FAILURES.get(refusal.code, "Unknown")


def watched(request: OrderRequest) -> str:
    """The price that a conditional order watches: LastPrice, MarkPrice or IndexPrice."""
    return request.conditions.get("triggerBy", WATCHED) if request.future else "LastPrice"


def released(request: OrderRequest, net: int) -> OrderRequest:
    """The order that a triggered order places. ``net``: the position now, in steps.

    Its quantity is 0 if it is a share of a position that does not exist.
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
    """The take-profit and stop-loss of an order that has ended, and whether each waits for a rise.

    They close the quantity that was executed.
    """
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
    """A decimal without sign and exponent. Refusal: the text is not one."""
    if len(text) > 60 or not AMOUNT.fullmatch(text):
        raise bad_request(f"Invalid `{name}`")
    return Decimal(text)
