"""Check an order against its market's rules, and refuse it as the exchange does.

The rules are the documented market filters. A message or code that was never seen on the wire is a
guess (see PARITY.md).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ..simulation.market import Market
from ..simulation.tables import table
from .book import PRICE_IMPACT
from .ledger import exact
from .orders import CONDITIONS, OrderRequest

AUTO = ("autoBorrow", "autoBorrowRepay", "autoLend", "autoLendRedeem")
BORROWABLE = {row["symbol"] for row in table("catalogue")["lending"]}
WHOLE_DIGITS, DECIMALS = 29, 56  # no price or quantity has more


class Refusal(Exception):
    """The exchange refuses, and nothing has changed: HTTP ``status``, ``code``, ``message``."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message


def bad_request(message: str, code: str = "INVALID_CLIENT_REQUEST") -> Refusal:
    """A refusal with status 400."""
    return Refusal(400, code, message)


def find_market(markets: Mapping[str, Market], symbol: str) -> Market:
    """The market of a symbol. Refusal: unknown symbol."""
    if symbol not in markets:
        raise bad_request("Invalid market symbol")
    return markets[symbol]


def read(markets: Mapping[str, Market], order: Mapping[str, Any]) -> OrderRequest:
    """Read an order, and check every rule that needs only the order and its market.

    ``order``: the documented names; enums and types have been checked, decimals are text.
    """
    market = find_market(markets, order["symbol"])
    _check_trigger(order)
    if not market.open:
        raise bad_request("Market is not open for trading", "INVALID_MARKET")
    price, quantity, quote = (
        _decimal(order, name) for name in ("price", "quantity", "quoteQuantity")
    )
    conditions = {name: order[name] for name in CONDITIONS if order.get(name) is not None}
    conditional = "triggerPrice" in conditions
    if conditional:  # its ``triggerQuantity`` counts
        quantity = None
    if order["orderType"] == "Limit":
        _check_limit(order, conditional)
    else:
        _check_market_order(order, quantity, quote, conditional)
    steps_wanted = None if quantity is None else steps(market, quantity)
    return OrderRequest(
        market=market,
        side=order["side"],
        kind=order["orderType"],
        price=None if price is None else ticks(market, price),
        quantity=0 if conditional else steps_wanted,
        quote_quantity=quote,
        time_in_force=order.get("timeInForce") or "GTC",
        post_only=order.get("postOnly") is True,
        prevention=order.get("selfTradePrevention") or "RejectTaker",
        client_id=order.get("clientId"),
        reduce_only=_reduce_only(market, order),
        conditions=conditions,
        slippage=_slippage(order),
        auto=_auto(market, order),
    )


@exact()
def check_distance(request: OrderRequest, last: int) -> None:
    """Refuse a limit price that is too far above or below the last price (ticks)."""
    if request.price is None:
        return
    highest = _filter(request.market, "maxMultiplier")
    lowest = _filter(request.market, "minMultiplier")
    if highest is not None and request.price > last * highest:
        raise bad_request("Price is too far from the last active price", "INVALID_PRICE")
    if lowest is not None and request.price < last * lowest:
        raise bad_request("Price is too far from the last active price", "INVALID_PRICE")


@exact()
def is_out_of_band(request: OrderRequest, last: int) -> bool:
    """Is a Bid too far above, or an Ask too far below, the mean mark price?

    The sandbox uses the last price (ticks) as that mean.
    """
    band = request.market.raw["filters"]["price"]["meanMarkPriceBand"]
    if band is None or request.price is None:
        return False
    if request.side == "Bid":
        return request.price > last * Decimal(band["maxMultiplier"])
    return request.price < last * Decimal(band["minMultiplier"])


@exact()
def worst_price(request: OrderRequest, best: int | None) -> tuple[int | None, str]:
    """The worst price in ticks at which a market order may trade, and the reason if it stops there.

    None: no bound. A tolerance in percent is a part of the best price; 1 is one percent (a guess).
    The exchange's own orders have no bound.
    """
    if request.kind != "Market" or request.system is not None or best is None:
        return None, PRICE_IMPACT
    bid = request.side == "Bid"
    bound = _filter(request.market, "maxImpactMultiplier" if bid else "minImpactMultiplier")
    impact = None if bound is None else _inward(best * bound, bid)
    if request.slippage is None:
        return impact, PRICE_IMPACT
    tolerance, kind = request.slippage
    reach = tolerance if kind == "TickSize" else best * tolerance.scaleb(-2)
    slipped = _inward(best + reach if bid else best - reach, bid)
    if impact is not None and (impact < slipped if bid else impact > slipped):
        return impact, PRICE_IMPACT
    return slipped, "SlippageToleranceExceeded"


def _inward(price: Decimal, bid: bool) -> int:
    return math.floor(price) if bid else math.ceil(price)


@exact()
def check_budget(request: OrderRequest, best: int | None) -> None:
    """Refuse a quote quantity that buys less than the minimum quantity at the best price."""
    if request.budget is None or best is None:
        return
    smallest = Decimal(request.market.raw["filters"]["quantity"]["minQuantity"])
    if request.market.quantity(request.budget // best) < smallest:
        raise bad_request("Quantity is below the minimum allowed value")


def _auto(market: Market, order: Mapping[str, Any]) -> tuple[str, ...]:
    """The flags that are on. They do nothing on a future, and autoBorrow does nothing if the asset
    that the order pays cannot be borrowed."""
    if market.kind != "SPOT":
        return ()
    pays = market.quote if order["side"] == "Bid" else market.base
    on = [name for name in AUTO if order.get(name) is True]
    return tuple(name for name in on if name != "autoBorrow" or pays in BORROWABLE)


def _check_trigger(order: Mapping[str, Any]) -> None:
    if (order.get("triggerPrice") is None) != (order.get("triggerQuantity") is None):
        raise bad_request("Must specify both `triggerPrice` and `triggerQuantity` or neither")


def _check_limit(order: Mapping[str, Any], conditional: bool) -> None:
    for name in ("price",) if conditional else ("price", "quantity"):
        if order.get(name) is None:
            raise bad_request(f"Limit orders must specify a `{name}`")
    if order.get("quoteQuantity") is not None:
        raise bad_request("Limit orders must not specify a `quoteQuantity`")
    if order.get("postOnly") and order.get("timeInForce") in ("IOC", "FOK"):
        raise bad_request("Post only orders must be good till cancelled")
    if order.get("slippageTolerance") is not None:
        raise bad_request("Limit orders must not specify a `slippageTolerance`")


def _check_market_order(
    order: Mapping[str, Any],
    quantity: Decimal | None,
    quote: Decimal | None,
    conditional: bool,
) -> None:
    if order.get("price") is not None:
        raise bad_request("Market orders must not specify a `price`")
    if order.get("postOnly"):
        raise bad_request("Market orders cannot be post only")
    if quantity is not None and quote is not None:
        raise bad_request("Market orders must specify either `quantity` or `quoteQuantity`")
    if quote is not None and quote <= 0:
        raise bad_request("Market orders must specify a positive `quoteQuantity`")
    if quote is None and not conditional and (quantity is None or quantity <= 0):
        raise bad_request("Market orders must specify a positive `quantity`")


def ticks(market: Market, price: Decimal) -> int:
    """A price in ticks. Refusal: too many decimals, or outside the market's bounds."""
    lowest, highest = _filter(market, "minPrice"), _filter(market, "maxPrice")
    whole = _units(price, market.tick, "Price")
    if whole <= 0 or (lowest is not None and price < lowest):
        raise bad_request("Price is below the minimum allowed value", "INVALID_PRICE")
    if highest is not None and price > highest:
        raise bad_request("Price is above the maximum allowed value", "INVALID_PRICE")
    return whole


def steps(market: Market, quantity: Decimal) -> int:
    """A quantity in steps. Refusal: too many decimals, or outside the market's bounds."""
    bounds = market.raw["filters"]["quantity"]
    whole = _units(quantity, market.step, "Quantity")
    if whole <= 0 or quantity < Decimal(bounds["minQuantity"]):
        raise bad_request("Quantity is below the minimum allowed value")
    if bounds["maxQuantity"] is not None and quantity > Decimal(bounds["maxQuantity"]):
        raise bad_request("Quantity is above the maximum allowed value")
    return whole


@exact()
def _units(amount: Decimal, unit: Decimal, what: str) -> int:
    units, rest = divmod(amount, unit)
    if rest:
        raise bad_request(f"{what} decimal too long")
    return int(units)


def _reduce_only(market: Market, order: Mapping[str, Any]) -> bool | None:
    flag: bool | None = order.get("reduceOnly")
    if flag and market.kind != "PERP":
        raise bad_request("Reduce only orders are for futures", "INVALID_ORDER")
    return flag


def _slippage(order: Mapping[str, Any]) -> tuple[Decimal, str] | None:
    tolerance, kind = _decimal(order, "slippageTolerance"), order.get("slippageToleranceType")
    if (tolerance is None) != (kind is None):
        raise bad_request(
            "Must specify both `slippageTolerance` and `slippageToleranceType` or neither"
        )
    if tolerance is None or kind is None:
        return None
    if tolerance < 0:
        raise bad_request("`slippageTolerance` must not be negative")
    return tolerance, kind


def _decimal(order: Mapping[str, Any], name: str) -> Decimal | None:
    """The decimal of that name. Refusal: it has more digits than the exchange's own decimals."""
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
