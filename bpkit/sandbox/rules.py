"""The exchange's own rules for an order, and the refusals that name them.

The rules are those of the documented market filters. Where a message or a code is not known from
the wire, it is a guess.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bpkit.sandbox.ledger import exact
from bpkit.sandbox.market import Market
from bpkit.sandbox.orders import Ticket

NOT_SIMULATED = (
    "triggerPrice", "triggerQuantity", "triggerBy",
    "takeProfitTriggerPrice", "takeProfitTriggerBy", "takeProfitLimitPrice",
    "stopLossTriggerPrice", "stopLossTriggerBy", "stopLossLimitPrice",
    "reduceOnly", "autoBorrow", "autoBorrowRepay", "autoLend", "autoLendRedeem",
    "slippageTolerance", "slippageToleranceType",
)  # fmt: skip
WHOLE_DIGITS, DECIMALS = 29, 56  # more of either fits no price and no quantity


class Refusal(Exception):
    """The exchange says no, and nothing has changed: HTTP ``status``, ``code``, ``message``."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message


def bad_request(message: str, code: str = "INVALID_CLIENT_REQUEST") -> Refusal:
    """A refusal with status 400."""
    return Refusal(400, code, message)


def find_market(markets: Mapping[str, Market], symbol: str) -> Market:
    """Refusal: unknown symbol."""
    if symbol not in markets:
        raise bad_request("Invalid market symbol")
    return markets[symbol]


def read(markets: Mapping[str, Market], order: Mapping[str, Any]) -> Ticket:
    """What an order asks for, by all the rules that need nothing but the order and its market.

    ``order``: the documented names; enums and types are right already, decimals are text.
    """
    market = find_market(markets, order["symbol"])
    _check_simulated(market, order)
    if not market.open:
        raise bad_request("Market is not open for trading", "INVALID_MARKET")
    price, quantity, quote = (
        _decimal(order, name) for name in ("price", "quantity", "quoteQuantity")
    )
    if order["orderType"] == "Limit":
        _check_limit(order)
    else:
        _check_market_order(order, quantity, quote)
    return Ticket(
        market=market,
        side=order["side"],
        kind=order["orderType"],
        price=None if price is None else _ticks(market, price),
        quantity=None if quantity is None else _steps(market, quantity),
        quote_quantity=quote,
        time_in_force=order.get("timeInForce") or "GTC",
        post_only=order.get("postOnly") is True,
        prevention=order.get("selfTradePrevention") or "RejectTaker",
        client_id=order.get("clientId"),
    )


@exact()
def check_distance(ticket: Ticket, last: int) -> None:
    """Refuse a limit price too far from the last price (ticks), whichever the side."""
    if ticket.price is None:
        return
    highest = _filter(ticket.market, "maxMultiplier")
    lowest = _filter(ticket.market, "minMultiplier")
    if highest is not None and ticket.price > last * highest:
        raise bad_request("Price is too far from the last active price", "INVALID_PRICE")
    if lowest is not None and ticket.price < last * lowest:
        raise bad_request("Price is too far from the last active price", "INVALID_PRICE")


@exact()
def is_out_of_band(ticket: Ticket, last: int) -> bool:
    """Is a Bid far above, or an Ask far below the mean mark price?

    The last price (ticks) stands in for that mean.
    """
    band = ticket.market.raw["filters"]["price"]["meanMarkPriceBand"]
    if band is None or ticket.price is None:
        return False
    if ticket.side == "Bid":
        return ticket.price > last * Decimal(band["maxMultiplier"])
    return ticket.price < last * Decimal(band["minMultiplier"])


@exact()
def worst_price(ticket: Ticket, best: int | None) -> int | None:
    """The last tick to which a market order may walk from the best price. None: no bound."""
    if ticket.kind != "Market" or best is None:
        return None
    bid = ticket.side == "Bid"
    bound = _filter(ticket.market, "maxImpactMultiplier" if bid else "minImpactMultiplier")
    if bound is None:
        return None
    return math.floor(best * bound) if bid else math.ceil(best * bound)


@exact()
def check_budget(ticket: Ticket, best: int | None) -> None:
    """Refuse a quote quantity that does not afford the minimum at the best price."""
    if ticket.budget is None or best is None:
        return
    smallest = Decimal(ticket.market.raw["filters"]["quantity"]["minQuantity"])
    if ticket.market.quantity(ticket.budget // best) < smallest:
        raise bad_request("Quantity is below the minimum allowed value")


def _check_simulated(market: Market, order: Mapping[str, Any]) -> None:
    if (order.get("triggerPrice") is None) != (order.get("triggerQuantity") is None):
        raise bad_request("Must specify both `triggerPrice` and `triggerQuantity` or neither")
    if market.kind != "SPOT":
        message = f"The sandbox trades spot markets only, and {market.symbol} is not one"
        raise Refusal(501, "NOT_IMPLEMENTED", message)
    for name in NOT_SIMULATED:
        if order.get(name) not in (None, False):
            raise Refusal(501, "NOT_IMPLEMENTED", f"The sandbox does not simulate `{name}`")


def _check_limit(order: Mapping[str, Any]) -> None:
    for name in ("price", "quantity"):
        if order.get(name) is None:
            raise bad_request(f"Limit orders must specify a `{name}`")
    if order.get("quoteQuantity") is not None:
        raise bad_request("Limit orders must not specify a `quoteQuantity`")
    if order.get("postOnly") and order.get("timeInForce") in ("IOC", "FOK"):
        raise bad_request("Post only orders must be good till cancelled")


def _check_market_order(
    order: Mapping[str, Any], quantity: Decimal | None, quote: Decimal | None
) -> None:
    if order.get("price") is not None:
        raise bad_request("Market orders must not specify a `price`")
    if order.get("postOnly"):
        raise bad_request("Market orders cannot be post only")
    if quantity is not None and quote is not None:
        raise bad_request("Market orders must specify either `quantity` or `quoteQuantity`")
    if quote is not None and quote <= 0:
        raise bad_request("Market orders must specify a positive `quoteQuantity`")
    if quote is None and (quantity is None or quantity <= 0):
        raise bad_request("Market orders must specify a positive `quantity`")


def _ticks(market: Market, price: Decimal) -> int:
    lowest, highest = _filter(market, "minPrice"), _filter(market, "maxPrice")
    ticks = _units(price, market.tick, "Price")
    if ticks <= 0 or (lowest is not None and price < lowest):
        raise bad_request("Price is below the minimum allowed value", "INVALID_PRICE")
    if highest is not None and price > highest:
        raise bad_request("Price is above the maximum allowed value", "INVALID_PRICE")
    return ticks


def _steps(market: Market, quantity: Decimal) -> int:
    bounds = market.raw["filters"]["quantity"]
    steps = _units(quantity, market.step, "Quantity")
    if steps <= 0 or quantity < Decimal(bounds["minQuantity"]):
        raise bad_request("Quantity is below the minimum allowed value")
    if bounds["maxQuantity"] is not None and quantity > Decimal(bounds["maxQuantity"]):
        raise bad_request("Quantity is above the maximum allowed value")
    return steps


@exact()
def _units(amount: Decimal, unit: Decimal, what: str) -> int:
    units, rest = divmod(amount, unit)
    if rest:
        raise bad_request(f"{what} decimal too long")
    return int(units)


def _decimal(order: Mapping[str, Any], name: str) -> Decimal | None:
    """The decimal of that name. Refusal: more digits than the exchange's own decimals hold."""
    if order.get(name) is None:
        return None
    value = Decimal(order[name])
    exponent = value.as_tuple().exponent
    whole = value.adjusted()
    if not isinstance(exponent, int) or whole >= WHOLE_DIGITS or -exponent > DECIMALS:
        raise bad_request(f"`{name}` has too many digits")
    return value


def _filter(market: Market, name: str) -> Decimal | None:
    value = market.raw["filters"]["price"][name]
    return None if value is None else Decimal(value)
