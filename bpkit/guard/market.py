"""Round prices and quantities to the rules of a market, and check an order before it is sent.

Pure: ``Market`` is made from one row of ``get_markets``. ``grid`` rounds, exactly.

Source: Backpack Exchange OpenAPI, PriceFilter and QuantityFilter. A multiple of the tick counts
from 0, not from ``minPrice``: on XRP_USDC_PERP the recorded minPrice is below the tick.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from ..enums import Amount, Side
from ..errors import InputError, RuleError
from ..parameters import ORDER
from ..serialize import Fields, convert, python_name
from .grid import EXACT, Grid, count_units, multiple, number, plain

PRICES = (
    "price", "triggerPrice", "takeProfitTriggerPrice", "takeProfitLimitPrice",
    "stopLossTriggerPrice", "stopLossLimitPrice",
)  # fmt: skip
_OF_LAST, _OF_MARK = ("minMultiplier", "maxMultiplier"), ("meanMarkPriceBand",) * 2

Toward = Literal["market", "nearest"]
Limit = tuple[Fraction, str]  # a price, and the rule that sets it
Multipliers = tuple[Decimal | None, Decimal | None]  # lowest, highest; None: no limit


class Bands(NamedTuple):
    """The lowest and the highest valid price now, as text, and the rule that sets each.

    ``highest`` is None if nothing limits it.
    """

    lowest: str
    lowest_rule: str
    highest: str | None
    highest_rule: str | None

    def check(self, price: Amount) -> list[RuleError]:
        """The rule that ``price`` breaks, as a list of one RuleError; empty if it is valid."""
        value = number("price", price)
        if value < Decimal(self.lowest):
            said, limit, rule = "below the lowest", self.lowest, self.lowest_rule
        elif self.highest is not None and value > Decimal(self.highest):
            said, limit, rule = "above the highest", self.highest, str(self.highest_rule)
        else:
            return []
        remedy = f"is {said} price that is valid now, which is {limit} ({rule})"
        return [RuleError("price", price, remedy, rule, limit, plain(value))]


@dataclass(frozen=True, repr=False)
class Market:
    """The rules of one market for prices and quantities: ``bp.market("SOL_USDC")``.

    ``kind``: SPOT, PERP ... ``tick``: a price is a multiple of it. ``step``: a quantity is a
    multiple of it. ``min_price``, ``max_price``, ``min_quantity``, ``max_quantity``: None is no
    limit. ``state``: Open, Closed, CancelOnly, LimitOnly or PostOnly. ``last_multipliers`` and
    ``mark_multipliers``: see ``bands``. Prices are in the quote asset, quantities in the base
    asset.

    The methods take text, Decimal or int. They return text without an exponent and without zeros
    at the end, as the exchange writes it. A price is never worse than asked and a quantity never
    more than asked, unless you say so. No value is moved into a limit: if no valid value is left,
    RuleError names the rule. InputError: a float, or what is not a number above zero. Docs:
    Markets, Get markets.
    """

    symbol: str
    kind: str
    tick: Decimal
    step: Decimal
    min_price: Decimal
    max_price: Decimal | None
    min_quantity: Decimal
    max_quantity: Decimal | None
    state: str
    last_multipliers: Multipliers
    mark_multipliers: Multipliers

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Market:
        """From a row of ``get_markets``, or from the answer of ``get_market``."""
        prices, quantities = row["filters"]["price"], row["filters"]["quantity"]
        band = prices.get("meanMarkPriceBand") or {}
        return cls(
            symbol=row["symbol"],
            kind=row["marketType"],
            tick=Decimal(prices["tickSize"]),
            step=Decimal(quantities["stepSize"]),
            min_price=Decimal(prices["minPrice"]),
            max_price=_optional(prices.get("maxPrice")),
            min_quantity=Decimal(quantities["minQuantity"]),
            max_quantity=_optional(quantities.get("maxQuantity")),
            state=row["orderBookState"],
            last_multipliers=_pair(prices),
            mark_multipliers=_pair(band),
        )

    def __repr__(self) -> str:
        price, quantity = self._prices, self._quantities
        return f"Market({self.symbol}: price {price}, quantity {quantity}, {self.state})"

    # --- round ------------------------------------------------------------------------------------

    def round_price(
        self, price: Amount, side: Side | None = None, *, toward: Toward | None = None
    ) -> str:
        """The price as a multiple of the tick: a Bid is rounded down, an Ask up.

        ``toward="market"``: the other way, so that it is more likely to fill. ``toward="nearest"``:
        to the nearest multiple (halfway between two: the even one); then ``side`` may be left out.
        RuleError: minPrice, maxPrice, or tickSize if 0 is left.
        """
        return plain(self._prices.rounded("price", price, _way(side, toward)))

    def round_trigger(self, price: Amount, last: Amount) -> str:
        """A trigger price as a multiple of the tick, on the same side of the price ``last``.

        It is rounded toward ``last``, so that it fires earlier. If that reaches or passes ``last``,
        it is rounded away from it. RuleError: as in ``round_price``.
        """
        value, reached = number("price", price), number("last", last)
        way = 1 if value < reached else -1
        inward = multiple(count_units(value, self.tick, way), self.tick)
        if inward >= reached if way == 1 else inward <= reached:
            way = -way
        return plain(self._prices.rounded("price", price, way))

    def round_quantity(self, quantity: Amount, *, up: bool = False) -> str:
        """The quantity as a multiple of the step, rounded down; ``up=True``: up.

        ``m.round_quantity(balance)`` is what can be sold of a balance. A spot buy pays its fee in
        the base asset: of 0.14 SOL at a fee of 0.1 %, 0.13986 arrive, of which 0.13 can be sold.
        RuleError: minQuantity, maxQuantity, or stepSize if 0 is left.
        """
        return plain(self._quantities.rounded("quantity", quantity, 1 if up else -1))

    def round_quote(self, amount: Amount) -> str:
        """The ``quote_quantity`` of a market order, rounded down to the decimals of the tick.

        That the exchange takes so many is a guess: it fills the field itself with so many.
        RuleError: tickSize, if 0 is left.
        """
        places = len(plain(self.tick).partition(".")[2])
        unit = Decimal(f"1E-{places}")
        grid = Grid("unit", unit, ("tickSize",) * 3, unit, None)
        return plain(grid.rounded("amount", amount, -1))

    def order(
        self,
        side: Side,
        *,
        price: Amount,
        quantity: Amount | None = None,
        quote: Amount | None = None,
        toward: Toward | None = None,
        batch: bool = False,
    ) -> dict[str, Any]:
        """A limit order, rounded and checked, for ``bp.execute_order(**m.order(...))``.

        Pass ``quantity`` (in the base asset), or ``quote`` (in the quote asset): then the quantity
        is the largest that costs at most ``quote`` at the rounded price, without fees.
        ``toward``: as in ``round_price``. ``batch=True``: the exchange's names, for a row of
        ``execute_order_batch``. Other fields are yours to add. RuleError: as in ``round_price`` and
        ``round_quantity``; nothing is sent. If an order has exits, round all prices before you send
        it: an entry whose stop loss is refused is a position without a stop.
        """
        if (quantity is None) == (quote is None):
            said = "is missing, and so is quote" if quote is None else f"came with quote={quote!r}"
            raise InputError("quantity", quantity, f"{said}; pass just one of them")
        named = convert(ORDER["side"], "side", side)
        rounded = self._prices.rounded("price", price, _way(side, toward))
        if quote is None:
            amount = self._quantities.rounded("quantity", quantity, -1)
        else:
            amount = self._affordable(quote, rounded)
        fields = {
            "symbol": self.symbol, "side": named, "orderType": "Limit",
            "price": plain(rounded), "quantity": plain(amount),
        }  # fmt: skip
        return fields if batch else {python_name(name): value for name, value in fields.items()}

    def _affordable(self, quote: Amount, price: Decimal) -> Decimal:
        """The largest quantity that costs at most ``quote``."""
        grid, budget = self._quantities, Fraction(number("quote", quote))
        count = budget // (Fraction(price) * Fraction(grid.unit))
        if count >= grid.least:
            return grid.within("quote", quote, count, "down")
        least = multiple(grid.least, grid.unit)
        cost = plain(EXACT.multiply(least, price))
        remedy = (
            f"is too little: the least quantity is {plain(least)} ({grid.low_rule}), which costs "
            f"{cost} at {plain(price)}"
        )
        got = plain(multiple(count, grid.unit))
        raise RuleError("quote", quote, remedy, grid.low_rule, plain(least), got)

    # --- check ------------------------------------------------------------------------------------

    def check(
        self, *, price: Amount | None = None, quantity: Amount | None = None
    ) -> list[RuleError]:
        """The fixed rules that a price and a quantity break, each as a RuleError; empty if none.

        They are tickSize, minPrice, maxPrice, stepSize, minQuantity and maxQuantity. The limits
        that move with the market are in ``bands``; ``bp.check_order`` checks both.
        """
        found = [] if price is None else self._prices.broken("price", price)
        return found + ([] if quantity is None else self._quantities.broken("quantity", quantity))

    def bands(
        self, last: Amount | None = None, mean_mark: Amount | None = None, side: Side | None = None
    ) -> Bands:
        """The lowest and the highest price that is valid now, and the rule that sets each.

        minMultiplier and maxMultiplier count from the last price, meanMarkPriceBand from the mean
        mark price; the documentation does not say over what time that mean is. minPrice and
        maxPrice count too. The lowest price is rounded up to the tick, the highest down.

        With a ``side``, meanMarkPriceBand limits only how high a Bid and how low an Ask may be.
        That the exchange does so is a guess.
        """
        if side is not None:
            convert(ORDER["side"], "side", side)
        lows, highs = self._moving(last, mean_mark, side)
        low, low_rule = max(lows, key=lambda one: one[0])
        lowest = plain(multiple(count_units(low, self.tick, 1), self.tick))
        if not highs:
            return Bands(lowest, low_rule, None, None)
        high, high_rule = min(highs, key=lambda one: one[0])
        highest = plain(multiple(count_units(high, self.tick, -1), self.tick))
        return Bands(lowest, low_rule, highest, high_rule)

    def _moving(
        self, last: Amount | None, mean_mark: Amount | None, side: Side | None
    ) -> tuple[list[Limit], list[Limit]]:
        """All lower and all upper limits of a price."""
        lows = [(Fraction(self.min_price), "minPrice"), (Fraction(self.tick), "tickSize")]
        highs = [] if self.max_price is None else [(Fraction(self.max_price), "maxPrice")]
        lowest, highest = self.mark_multipliers
        marked = (None if side == "Bid" else lowest, None if side == "Ask" else highest)
        for name, base, factors, rules in (
            ("last", last, self.last_multipliers, _OF_LAST),
            ("mean_mark", mean_mark, marked, _OF_MARK),
        ):
            for limits, factor, rule in zip((lows, highs), factors, rules, strict=True):
                if base is not None and factor is not None:
                    limits.append((Fraction(number(name, base)) * Fraction(factor), rule))
        return lows, highs

    @property
    def _prices(self) -> Grid:
        """The valid prices."""
        rules = ("tickSize", "minPrice", "maxPrice")
        return Grid("tick", self.tick, rules, self.min_price, self.max_price)

    @property
    def _quantities(self) -> Grid:
        """The valid quantities."""
        rules = ("stepSize", "minQuantity", "maxQuantity")
        return Grid("step", self.step, rules, self.min_quantity, self.max_quantity)


def broken_rules(
    market: Market, fields: Fields, last: str | None, mean_mark: str | None
) -> list[RuleError]:
    """Every rule of the market that an order breaks. None: that price is not known.

    ``fields``: the order, with the exchange's names.
    """
    found = _wrong_state(market, fields)
    for name in PRICES:
        if name in fields:
            found += market._prices.broken(python_name(name), fields[name])
    for name in ("quantity", "triggerQuantity"):
        if name in fields and not str(fields[name]).endswith("%"):
            found += market._quantities.broken(python_name(name), fields[name])
    if has_bands(fields):
        price, side = str(fields["price"]), fields["side"]
        for bands in (market.bands(last), market.bands(None, mean_mark, side)):  # type: ignore[arg-type]
            known = {error.rule for error in found}
            found += [error for error in bands.check(price) if error.rule not in known]
    return found


def has_bands(fields: Fields) -> bool:
    """Do the moving limits apply to the order now? They do to a limit order without a trigger."""
    return "price" in fields and "triggerPrice" not in fields


def _wrong_state(market: Market, fields: Fields) -> list[RuleError]:
    """What each state refuses is a guess from its name."""
    refuses = {
        "Closed": True,
        "CancelOnly": True,
        "LimitOnly": fields["orderType"] == "Market",
        "PostOnly": fields.get("postOnly") is not True,
    }
    if not refuses.get(market.state, False):
        return []
    remedy = f"is {market.state}, so it takes no such order (orderBookState)"
    return [RuleError("symbol", market.symbol, remedy, "orderBookState", "Open", market.state)]


def _way(side: object, toward: object) -> int:
    if toward not in (None, "market", "nearest"):
        raise InputError("toward", toward, 'is not "market" or "nearest"; leave it out for neither')
    if toward == "nearest" and side is None:
        return 0
    if side is None:
        raise InputError("side", None, 'is missing; write "Bid" or "Ask", or toward="nearest"')
    safe = -1 if convert(ORDER["side"], "side", side) == "Bid" else 1
    return {None: safe, "market": -safe, "nearest": 0}[toward]


def _optional(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _pair(row: Mapping[str, Any]) -> Multipliers:
    return _optional(row.get("minMultiplier")), _optional(row.get("maxMultiplier"))
