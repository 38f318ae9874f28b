"""An order: what was asked for, by which account, what became of it, how the exchange shows it.

Three shapes: the answer to an order (and open orders), the order history, a fill. In each, what
does not apply is an explicit None.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from bpkit.sandbox.book import Side
from bpkit.sandbox.ledger import Purse, exact
from bpkit.sandbox.market import Market
from bpkit.sandbox.spelling import iso, plain

_CONDITIONS = dict.fromkeys(
    (
        "stopLossLimitPrice", "stopLossTriggerBy", "stopLossTriggerPrice", "strategyId",
        "takeProfitLimitPrice", "takeProfitTriggerBy", "takeProfitTriggerPrice",
        "triggerBy", "triggerPrice", "triggerQuantity",
    )
)  # fmt: skip
_SLIPPAGE = dict.fromkeys(("slippageTolerance", "slippageToleranceType"))


@dataclass(frozen=True)
class Ticket:
    """What was asked for. ``price`` in ticks, ``quantity`` in steps, ``quote_quantity`` as sent.

    A Limit has a price and a quantity; a Market order has a quantity or a quote quantity.
    """

    market: Market
    side: Side
    kind: str  # Limit or Market
    price: int | None
    quantity: int | None
    quote_quantity: Decimal | None
    time_in_force: str
    post_only: bool
    prevention: str
    client_id: int | None

    @property
    def pays(self) -> str:
        """The asset that leaves the account."""
        return self.market.quote if self.side == "Bid" else self.market.base

    @property
    def gets(self) -> str:
        """The asset that a fill brings in."""
        return self.market.base if self.side == "Bid" else self.market.quote

    @property
    def budget(self) -> int | None:
        """The quote quantity in whole ticks * steps, the rest cut off."""
        if self.quote_quantity is None:
            return None
        with exact():
            return int(self.quote_quantity // self.market.notional(1))

    def hold(self, steps: int) -> Decimal:
        """What a resting order of so many steps locks, of the asset that it pays."""
        with exact():
            if self.price is None:
                return Decimal(0)
            if self.side == "Ask":
                return self.market.quantity(steps)
            return self.market.notional(self.price * steps)


@dataclass(eq=False)
class Account:
    """Its balances, its open orders by id, and all its orders and fills, oldest first."""

    public_key: str
    purse: Purse
    open: dict[str, Order] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    fills: list[OrderFill] = field(default_factory=list)


@dataclass(eq=False)
class Order:
    """A ticket that was accepted. ``executed`` in steps, ``executed_quote`` in ticks * steps."""

    id: str
    owner: Account
    ticket: Ticket
    created_us: int
    status: str = "New"
    expiry: str | None = None
    executed: int = 0
    executed_quote: int = 0

    @property
    def remaining(self) -> int:
        """Steps. Of a market order by quote quantity: 0, as it never rests."""
        return 0 if self.ticket.quantity is None else self.ticket.quantity - self.executed

    def wire(self) -> dict[str, Any]:
        """The answer to an order: ``OrderType``."""
        shown = self._common() | {
            "createdAt": self.created_us // 1_000,
            "reduceOnly": None,
            "relatedOrderId": None,
            "triggeredAt": None,
        }
        if self.ticket.kind == "Limit":
            return shown | {"postOnly": self.ticket.post_only, "price": self._price()}
        return shown | {"quoteQuantity": self._quote_quantity()} | _SLIPPAGE

    def history(self) -> dict[str, Any]:
        """A row of the order history: ``Order``."""
        limit = self.ticket.kind == "Limit"
        shown = self._common() | _SLIPPAGE
        return shown | {
            "createdAt": iso(self.created_us),
            "expiryReason": self.expiry,
            "postOnly": self.ticket.post_only if limit else None,
            "price": self._price(),
            "quoteQuantity": self._quote_quantity(),
            "systemOrderType": None,
        }

    @exact()
    def _common(self) -> dict[str, Any]:
        ticket, market = self.ticket, self.ticket.market
        quantity = None if ticket.quantity is None else plain(market.quantity(ticket.quantity))
        return _CONDITIONS | {
            "clientId": ticket.client_id,
            "executedQuantity": plain(market.quantity(self.executed)),
            "executedQuoteQuantity": plain(market.notional(self.executed_quote)),
            "id": self.id,
            "orderType": ticket.kind,
            "quantity": quantity,
            "selfTradePrevention": ticket.prevention,
            "side": ticket.side,
            "status": self.status,
            "symbol": market.symbol,
            "timeInForce": ticket.time_in_force,
        }

    @exact()
    def _price(self) -> str | None:
        price = self.ticket.price
        return None if price is None else plain(self.ticket.market.price(price))

    @exact()
    def _quote_quantity(self) -> str:
        """As sent; of a limit order price * quantity; otherwise what was executed, rounded up."""
        ticket, market = self.ticket, self.ticket.market
        if ticket.quote_quantity is not None:
            return plain(ticket.quote_quantity)
        if ticket.price is not None and ticket.quantity is not None:
            return plain(market.notional(ticket.price * ticket.quantity))
        return plain(_round_up(market.notional(self.executed_quote), market.tick))


class OrderFill(NamedTuple):
    """An order's part in one trade. ``price`` in ticks, ``quantity`` in steps."""

    order: Order
    trade_id: int
    time_us: int
    price: int
    quantity: int
    fee: Decimal
    fee_symbol: str
    is_maker: bool

    @exact()
    def wire(self) -> dict[str, Any]:
        """A row of the fill history: ``OrderFill``. Its ``clientId`` is text."""
        ticket = self.order.ticket
        return {
            "clientId": None if ticket.client_id is None else str(ticket.client_id),
            "fee": plain(self.fee),
            "feeSymbol": self.fee_symbol,
            "isMaker": self.is_maker,
            "orderId": self.order.id,
            "price": plain(ticket.market.price(self.price)),
            "quantity": plain(ticket.market.quantity(self.quantity)),
            "side": ticket.side,
            "symbol": ticket.market.symbol,
            "systemOrderType": None,
            "timestamp": iso(self.time_us),
            "tradeId": self.trade_id,
        }


def _round_up(amount: Decimal, tick: Decimal) -> Decimal:
    """To as many decimals as the tick has: 3.81428 with a tick of 0.01 becomes 3.82."""
    exponent = tick.as_tuple().exponent
    unit = Decimal(1).scaleb(min(0, exponent if isinstance(exponent, int) else 0))
    whole, rest = divmod(amount, unit)
    return (whole + (1 if rest else 0)) * unit
