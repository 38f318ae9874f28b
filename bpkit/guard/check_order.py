"""``bp.market`` and ``bp.check_order``: a market's rules, before an order is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from inspect import signature
from typing import Any

from ..api.markets import Markets
from ..api.orders import Order
from ..api.validation import check_together
from ..errors import InputError, RuleError
from ..parameters import ORDER
from ..serialize import checked_fields, convert
from .market import Market, broken_rules, has_bands

KEPT_FOR = 300  # seconds; the exchange's own answer may be as old


class MarketList:
    """The answer of one ``get_markets``, kept for five minutes. ``clock``: rising seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rows: dict[str, Mapping[str, Any]] = {}
        self._until: float | None = None

    def find(
        self, symbol: str, ask: Callable[[], Iterable[Mapping[str, Any]]], fresh: bool
    ) -> Market:
        """The market of a symbol. ``ask``: get the rows. InputError: there is no such market."""
        name = str(convert(ORDER["symbol"], "symbol", symbol))
        if fresh or self._until is None or self._clock() >= self._until:
            self._rows = {row["symbol"]: row for row in ask()}
            self._until = self._clock() + KEPT_FOR
        if name not in self._rows:
            spellings = (name, name.upper())
            near = [one for each in spellings for one in get_close_matches(each, self._rows, 1)]
            hint = f"did you mean {near[0]!r}? " if near else ""
            remedy = f"is not a market; {hint}bp.get_markets() lists them. If it is new: fresh=True"
            raise InputError("symbol", symbol, remedy)
        return Market.from_row(self._rows[name])


class MarketRules(Markets):
    """What a Client knows of the rules of a market."""

    _market_list: MarketList

    def market(self, symbol: str, *, fresh: bool = False) -> Market:
        """The rules of a market: ``bp.market("SOL_USDC").round_price("170.505", "Bid")``.

        ``.tick``, ``.step``, ``.min_price``, ``.max_price``, ``.min_quantity``, ``.max_quantity``
        (Decimal), ``.state``; ``round_price``, ``round_trigger``, ``round_quantity``,
        ``round_quote``, ``order``, ``check``, ``bands``. All markets come from one ``get_markets``,
        which the client keeps for five minutes; ``fresh=True`` asks again. No key is needed. Raises
        InputError for a symbol that is not listed. Docs: Markets, Get markets.
        """
        return self._market_list.find(symbol, self.get_markets, fresh)

    def check_order(self, *args: Any, **order: Any) -> list[RuleError]:
        """Every rule of the market that an order breaks, each as a RuleError; empty if none.

        Pass what you would pass to ``execute_order``. Nothing is sent but reads: the rules
        (``bp.market``) and, for a limit order, the last price and the mark price. Checked are tick,
        step, the smallest and the largest price and quantity, the state of the market, and how far
        the price is from the market now: ``minMultiplier`` and ``maxMultiplier`` of the last price,
        ``meanMarkPriceBand`` of the mark price.

        Three guesses: the mark price of this moment is used for the mean mark price; a spot market,
        which has no mark price, uses its last price; the band limits only how high a Bid and how
        low an Ask may be. Balance and margin are not checked, nor are ``meanPremiumBand`` and what
        a market order does to the price. The last price may be 20 seconds old, and prices may move
        until the order arrives. Raises InputError as ``execute_order`` does. Docs: Markets, Get
        market.
        """
        given = signature(Order.execute_order).bind(self, *args, **order).arguments
        fields = checked_fields("execute_order", given)
        check_together("execute_order", fields)
        market = self.market(str(fields["symbol"]))
        last = mark = None
        if has_bands(fields) and market.state != "Closed":
            last = self.get_ticker(market.symbol).get("lastPrice")
            mark = self._mark_price(market) or last
        return broken_rules(market, fields, last, mark)

    def _mark_price(self, market: Market) -> str | None:
        if market.kind == "SPOT":
            return None
        rows = self.get_mark_prices(market.symbol)
        return rows[0]["markPrice"] if rows else None
