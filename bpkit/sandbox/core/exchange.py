"""The exchange in its own words: orders, fills, positions and balances as its API shows them.

What is not simulated:

- Loans: ``autoBorrow*`` and ``autoLend*`` are refused, status 501, code NOT_IMPLEMENTED.
- The 100 ms that the exchange makes takers wait, its limits on how many orders may be open, on
  positions and on open interest, brokers (``brokerId`` is ignored), fee tiers, and market states
  other than open and closed. The mean premium band of futures.
- Realised profit and loss waiting to be settled: it is paid at once. The market maker pays and is
  paid, so that nobody is deleveraged and there is no liquidity fund to run dry.
- Liquidation by steps: an account short of maintenance margin loses its orders, then its positions,
  whole and at the book, for a fee of 1 %. It is looked at whenever a trade reaches one of its
  liquidation prices, and at each funding. The auction and the backstop are left out.
- Subaccounts. A market that reacts: the market maker neither avoids a large order nor follows one.

What is: spot and futures in real books with price-time priority, cross margin, hourly funding,
conditional orders. A simulated market maker quotes; its quotes come from the price feed and are
orders like any other. While time stands still, what is taken from them stays taken; when it moves,
the feed's trades meet the users' orders, then the market maker quotes again.

Inside, prices are ticks, quantities steps, notionals ticks * steps; balances are exact decimals. A
refused order (``Refusal``) changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from ..formatting import plain
from . import rules
from .conflicts import Conflicts
from .engine import FIRST_ORDER_ID, MARKET_MAKER_FUNDS, Engine
from .ledger import Balances, exact
from .orders import EngineAccount, EngineOrder
from .rules import Refusal, bad_request
from .settlement import FUTURES_MAKER_FEE, FUTURES_TAKER_FEE
from .timeline import pass_time
from .venue import MAKER_FEE, MARKET_MAKER, TAKER_FEE

__all__ = [
    "FIRST_ORDER_ID",
    "MARKET_MAKER_FUNDS",
    "Conflicts",
    "EngineAccount",
    "Exchange",
    "Refusal",
]

BATCH = 50  # orders
FIRST_USER_ID = 1_813_870
# Which system orders a filter of the fill history lets pass; what is not named here does not occur.
FILL_TYPES: dict[str, tuple[str | None, ...]] = {
    "User": (None,),
    "BookLiquidation": ("LiquidatePositionOnBook",),
    "Liquidation": ("LiquidatePositionOnBook",),
    "AllLiquidation": ("LiquidatePositionOnBook",),
    "CollateralConversion": ("CollateralConversion",),
    "CollateralConversionAndSpotLiquidation": ("CollateralConversion",),
}

Json = dict[str, Any]


class Exchange(Engine):
    """All accounts and markets. Time stands at ``now_us`` (microseconds UTC) until it is advanced.

    The sum of an asset over all accounts, ``market_maker``, ``fees`` and ``Transfers.outside``
    never changes.
    """

    # Accounts

    def open_account(self, public_key: str, funds: Mapping[str, Decimal]) -> EngineAccount:
        """A new account. ValueError: that key has one already."""
        if public_key in self.accounts or public_key == MARKET_MAKER:
            raise ValueError(f"there is an account of {public_key} already")
        account = EngineAccount(
            public_key, Balances(funds), user_id=FIRST_USER_ID + len(self.accounts)
        )
        self.accounts[public_key] = account
        return account

    def account(self, public_key: str) -> EngineAccount | None:
        """The account of a public key (base64), or None."""
        return self.accounts.get(public_key)

    def balances(self, account: EngineAccount) -> dict[str, dict[str, str]]:
        """Asset -> available, locked, staked; only what is not zero."""
        return account.balances.wire()

    def account_summary(self, account: EngineAccount) -> Json:
        """``AccountSummary``: fees in basis points, nothing borrowed or lent."""
        waiting = sum(order.request.conditional for order in account.open.values())
        return {
            **account.settings,
            "autoRealizePnl": True,
            "borrowLimit": "0",
            "futuresMakerFee": plain(FUTURES_MAKER_FEE * 10_000),
            "futuresTakerFee": plain(FUTURES_TAKER_FEE * 10_000),
            "leverageLimit": plain(account.leverage_limit),
            "limitOrders": len(account.open) - waiting,
            "liquidating": False,
            "positionLimit": "0",
            "spotMakerFee": plain(MAKER_FEE * 10_000),
            "spotTakerFee": plain(TAKER_FEE * 10_000),
            "triggerOrders": waiting,
        }

    def withdrawable(self, account: EngineAccount, asset: str) -> Decimal:
        """What may leave the account: available, and not needed as margin."""
        return self.margin.free(account, asset)

    def collateral(self, account: EngineAccount) -> Json:
        """``MarginAccountSummary``."""
        return self.margin.summary(account)

    # Time

    def advance_to(self, now_us: int) -> None:
        """Let time pass: the feed's trades meet the users' orders, then the market maker quotes.

        ValueError: that time has passed.
        """
        if now_us < self.now_us:
            raise ValueError(f"it is {self.now_us} already, {now_us} has passed")
        if now_us > self.now_us:
            pass_time(self, now_us)

    # Orders

    def execute(self, account: EngineAccount, order: Mapping[str, Any]) -> Json:
        """Match an order at once, let the rest of it wait or expire, and answer with ``OrderType``.

        ``order``: the documented names, decimals as text; enums and types have been checked.
        """
        return self.place(account, rules.read(self.markets, order)).wire()

    def execute_batch(
        self, account: EngineAccount, orders: Sequence[Mapping[str, Any]]
    ) -> list[Json]:
        """Each order by itself, in turn; one that is refused stands as an ``Err`` in its place.

        Refusal: not 1 to 50 orders. What else is wrong with a batch as a whole (names, types) has
        been checked.
        """
        if not 1 <= len(orders) <= BATCH:
            raise bad_request(f"A batch has 1 to {BATCH} orders")
        return [self._one_of_batch(account, order) for order in orders]

    def cancel(
        self,
        account: EngineAccount,
        symbol: str,
        order_id: str | None = None,
        client_id: int | None = None,
    ) -> Json:
        """The cancelled order; one of the ids names it. Refusal: no such order rests."""
        order = self._find(account, symbol, order_id, client_id)
        if order is None and self.conflicts.unknown_cancel == 404:
            raise Refusal(404, "RESOURCE_NOT_FOUND", "Not Found")
        if order is None:
            raise bad_request("Order not found")
        self.venues[symbol].cancel(order)
        self.leave_exits(self.venues[symbol])
        return order.wire()

    def cancel_all(
        self, account: EngineAccount, symbol: str, order_type: str | None = None
    ) -> list[Json]:
        """Oldest first. ``order_type``: RestingLimitOrder, ConditionalOrder, or None for both."""
        rules.find_market(self.markets, symbol)
        conditional = order_type == "ConditionalOrder"
        found = [
            order
            for order in _open(account, symbol)
            if order_type is None or order.request.conditional == conditional
        ]
        for order in found:
            self.venues[symbol].cancel(order)
        if found:
            self.leave_exits(self.venues[symbol])
        return [order.wire() for order in found]

    def order(
        self,
        account: EngineAccount,
        symbol: str,
        order_id: str | None = None,
        client_id: int | None = None,
    ) -> Json:
        """An open order. Refusal 404: there is none, or it is over."""
        order = self._find(account, symbol, order_id, client_id)
        if order is None:
            raise Refusal(404, "RESOURCE_NOT_FOUND", "Not Found")
        return order.wire()

    def open_orders(
        self, account: EngineAccount, symbol: str | None = None, market_type: str | None = None
    ) -> list[Json]:
        """Oldest first."""
        if symbol is not None:
            rules.find_market(self.markets, symbol)
        kinds = None if market_type is None else [market_type]
        return [
            order.wire() for order in account.open.values() if _is_of(order, None, symbol, kinds)
        ]

    def order_history(
        self,
        account: EngineAccount,
        order_id: str | None = None,
        symbol: str | None = None,
        market_types: Sequence[str] | None = None,
        ascending: bool = False,
    ) -> list[Json]:
        """Every order that was accepted, open ones too; newest first unless ``ascending``."""
        found = [
            order.history()
            for order in account.orders
            if _is_of(order, order_id, symbol, market_types)
        ]
        return found if ascending else found[::-1]

    def fills(
        self,
        account: EngineAccount,
        order_id: str | None = None,
        symbol: str | None = None,
        from_ms: int | None = None,
        to_ms: int | None = None,
        market_types: Sequence[str] | None = None,
        fill_type: str | None = None,
        ascending: bool = False,
    ) -> list[Json]:
        """From ``from_ms`` up to but not including ``to_ms``; newest first unless ``ascending``.

        ``fill_type``: User, or a kind of system order.
        """
        found = [
            fill.wire()
            for fill in account.fills
            if _is_of(fill.order, order_id, symbol, market_types)
            and (from_ms is None or fill.time_us >= from_ms * 1_000)
            and (to_ms is None or fill.time_us < to_ms * 1_000)
            and (fill_type is None or fill.order.request.system in FILL_TYPES.get(fill_type, ()))
        ]
        return found if ascending else found[::-1]

    def depth(self, symbol: str, limit: int | None = None) -> Json:
        """Prices and quantities as text, both sides ascending: the best bid is last.

        ``limit``: only so many of the best a side. ``timestamp`` in microseconds. Refusal 404: the
        market is closed.
        """
        market = rules.find_market(self.markets, symbol)
        if not market.open:
            raise Refusal(404, "RESOURCE_NOT_FOUND", "Not Found")
        return self.venue(market).depth(limit, self.now_us)

    # Futures

    def max_order_quantity(
        self, account: EngineAccount, symbol: str, side: str, price: str | None = None, **flags: Any
    ) -> Json:
        """``MaxOrderQuantity``: what an order could be of at most. ``flags``: as documented."""
        market = rules.find_market(self.markets, symbol)
        kind = "Market" if price is None else "Limit"
        least = market.raw["filters"]["quantity"]["minQuantity"]
        order = {"symbol": symbol, "side": side, "orderType": kind, "quantity": least}
        request = rules.read(self.markets, order | {"price": price} | flags)
        with exact():
            most = market.quantity(self.most(account, request))
        names = ("autoBorrow", "autoBorrowRepay", "autoLendRedeem", "reduceOnly")
        return (
            dict.fromkeys(names)
            | flags
            | {
                "maxOrderQuantity": plain(most),
                "price": price,
                "side": side,
                "symbol": symbol,
            }
        )

    def positions(
        self, account: EngineAccount, symbol: str | None = None, market_type: str | None = None
    ) -> list[Json]:
        """Those that are open, oldest first."""
        if symbol is not None:
            rules.find_market(self.markets, symbol)
        return [
            position.wire(
                account.user_id,
                self.mark(position.market.symbol),
                self.margin.exposure(account, position.market.symbol),
                self.margin.liquidation_price(account, position),
            )
            for position in account.positions.values()
            if symbol in (None, position.market.symbol) and market_type in (None, "PERP")
        ]

    def position_history(
        self,
        account: EngineAccount,
        symbol: str | None = None,
        state: str | None = None,
        market_types: Sequence[str] | None = None,
        ascending: bool = False,
    ) -> list[Json]:
        """Open and closed ones, newest first unless ``ascending``."""
        found = [
            position.history(
                self.mark(position.market.symbol),
                self.margin.exposure(account, position.market.symbol),
            )
            for position in account.every_position
            if symbol in (None, position.market.symbol)
            and (market_types is None or position.market.kind in market_types)
        ]
        found = [row for row in found if state in (None, row["state"])]
        return found if ascending else found[::-1]

    def funding_payments(
        self, account: EngineAccount, symbol: str | None = None, ascending: bool = False
    ) -> list[Json]:
        """Newest first unless ``ascending``."""
        rows = [row for row in account.funding if symbol in (None, row.symbol)]
        found = [row.wire(account.user_id) for row in rows]
        return found if ascending else found[::-1]

    def settlements(
        self, account: EngineAccount, source: str | None = None, ascending: bool = False
    ) -> list[Json]:
        """Newest first unless ``ascending``. ``source``: of ``SettlementSourceFilter``."""
        rows = [row for row in account.settlements if _comes_from(row.source, source)]
        found = [row.wire(account.user_id) for row in rows]
        return found if ascending else found[::-1]

    # Parts

    def _one_of_batch(self, account: EngineAccount, order: Mapping[str, Any]) -> Json:
        try:
            return {"operation": "Ok", **self.execute(account, order)}
        except Refusal as refusal:
            return {"operation": "Err", "code": refusal.code, "message": refusal.message}

    def _find(
        self, account: EngineAccount, symbol: str, order_id: str | None, client_id: int | None
    ) -> EngineOrder | None:
        """The open order of that id, or the newest of that client id."""
        rules.find_market(self.markets, symbol)
        if (order_id is None) == (client_id is None):
            raise bad_request("Must specify exactly one of `orderId` and `clientId`")
        for order in reversed(_open(account, symbol)):
            if order.id == order_id or (order_id is None and order.request.client_id == client_id):
                return order
        return None


def _open(account: EngineAccount, symbol: str) -> list[EngineOrder]:
    """Oldest first."""
    return [order for order in account.open.values() if order.request.market.symbol == symbol]


def _is_of(
    order: EngineOrder, order_id: str | None, symbol: str | None, market_types: Sequence[str] | None
) -> bool:
    """Does an order pass these filters? None lets everything pass."""
    market = order.request.market
    return (
        (order_id is None or order.id == order_id)
        and (symbol is None or market.symbol == symbol)
        and (market_types is None or market.kind in market_types)
    )


def _comes_from(source: str, wanted: str | None) -> bool:
    """The filter knows all backstops by one name."""
    if wanted == "BackstopLiquidation":
        return source.startswith("Backstop")
    return wanted in (None, source)
