"""Markets: symbols, tick and step sizes. Prices in ticks and quantities in steps are exact.

``markets.json`` has real market objects, recorded on 2026-09-01.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from .tables import table


@dataclass(frozen=True, eq=False)
class Market:
    """A market. ``raw``: its object in the answer of ``/api/v1/markets``."""

    raw: dict[str, Any]

    @cached_property
    def symbol(self) -> str:
        """``SOL_USDC_PERP``."""
        return self.raw["symbol"]

    @cached_property
    def base(self) -> str:
        """The asset that is traded: ``SOL``."""
        return self.raw["baseSymbol"]

    @cached_property
    def quote(self) -> str:
        """The asset that is paid: ``USDC``."""
        return self.raw["quoteSymbol"]

    @cached_property
    def kind(self) -> str:
        """``SPOT`` or ``PERP``."""
        return self.raw["marketType"]

    @property
    def spot_symbol(self) -> str:
        """Of the spot market of the same assets, listed or not: ``SOL_USDC``."""
        return f"{self.base}_{self.quote}"

    def as_spot(self) -> Market:
        """The spot market of a perp's assets, with the perp's tick and step."""
        return Market({**self.raw, "symbol": self.spot_symbol, "marketType": "SPOT"})

    @cached_property
    def open(self) -> bool:
        """Is it open for trading?"""
        return self.raw["orderBookState"] == "Open"

    @cached_property
    def tick(self) -> Decimal:
        """The smallest step of a price, in the quote asset."""
        return Decimal(self.raw["filters"]["price"]["tickSize"])

    @cached_property
    def step(self) -> Decimal:
        """The smallest step of a quantity, in the base asset."""
        return Decimal(self.raw["filters"]["quantity"]["stepSize"])

    def price(self, ticks: int) -> Decimal:
        """Ticks as a price, in the quote asset."""
        return ticks * self.tick

    def quantity(self, steps: int) -> Decimal:
        """Steps as a quantity, in the base asset."""
        return steps * self.step

    def notional(self, tick_steps: int) -> Decimal:
        """Ticks times steps, as an amount of the quote asset."""
        return tick_steps * (self.tick * self.step)


def load() -> list[Market]:
    """Every market of the sandbox, in the order in which the exchange lists them."""
    return [Market(raw) for raw in table("markets")]
