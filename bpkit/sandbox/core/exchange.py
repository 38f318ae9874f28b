"""The exchange without HTTP: accounts, orders and histories in the JSON of its API.

What is not simulated:

- The entry fee of spot margin, and interest on unrealised profit and loss.
- The 100 ms that the exchange makes takers wait, its limits on the number of open orders, on
  positions and on open interest, brokers (``brokerId`` is ignored), and market states other than
  open and closed. The mean premium band of futures.
- Unsettled profit and loss: what is realised is paid at once. The market maker holds the opposite
  of every position, so nobody is deleveraged and no liquidity fund can run dry.
- Liquidation in steps: an account that is short of maintenance margin loses its orders, then its
  whole positions, at the book's prices, for a fee of 1 %. This is checked at every whole second,
  when the mark prices change. Then it repays what it has borrowed, at the last price, for the same
  fee. The auction and the backstop are left out.
- Subaccounts. Reactions of other traders: prices do not react to a large order.

What is simulated: spot and futures in real books with price-time priority, cross margin, hourly
funding, conditional orders, strategies (TWAP), fees by tier, dust, borrowing and lending with
hourly interest (``lending``). A simulated market maker quotes from the price feed; its quotes are
orders like any other. What you take from them stays taken until the feed's next own trade. Such a
trade meets the users' orders; then the quotes that cross them take the rest.

Inside, prices are ticks, quantities are steps, notionals are ticks * steps; balances are exact
decimals. An order that is refused (``Refusal``) changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from ..formatting import plain
from ..simulation import lines, paths
from ..simulation.market import Market
from . import dust, fees, loan_answers, rules, steering
from .conflicts import Conflicts
from .engine import FIRST_ORDER_ID, MARKET_MAKER_FUNDS, Engine
from .ledger import Balances, exact
from .orders import EngineAccount, EngineOrder
from .positions import EnginePosition
from .quotes import MARKET_MAKER
from .rules import Refusal, bad_request
from .timeline import pass_time

__all__ = [
    "FIRST_ORDER_ID", "MARKET_MAKER_FUNDS", "Conflicts", "EngineAccount", "EngineOrder", "Exchange",
    "Refusal",
]  # fmt: skip

BATCH = 50  # orders
FIRST_USER_ID = 1_813_870

Json = dict[str, Any]
Check = Callable[[str], None]  # raises Refusal if the market of that symbol takes no orders now


class Exchange(Engine):
    """All accounts and markets. Its time is ``now_us`` (microseconds UTC) until it is advanced.

    ``Engine`` says which sum of an asset never changes.
    Lists are complete: ``server/endpoints`` filters, sorts and pages them.
    """

    # Accounts

    def open_account(
        self, public_key: str, funds: Mapping[str, Decimal], name: str = ""
    ) -> EngineAccount:
        """A new account. ``name``: demo for the first and account1, account2 ... for the others,
        unless given. ValueError: the key has an account already."""
        if public_key in self.accounts or public_key == MARKET_MAKER:
            raise ValueError(f"there is an account of {public_key} already")
        newest = next(reversed(self.accounts.values()), None)
        user_id = FIRST_USER_ID if newest is None else newest.user_id + 1
        number = user_id - FIRST_USER_ID
        name = name or (f"account{number}" if number else "demo")
        account = EngineAccount(public_key, Balances(funds), user_id=user_id, name=name)
        self.accounts[public_key] = account
        return account

    def account(self, public_key: str) -> EngineAccount | None:
        """The account of a public key (base64), or None."""
        return self.accounts.get(public_key)

    def balances(self, account: EngineAccount) -> dict[str, dict[str, str]]:
        """Asset -> available, locked, staked; only what is not zero."""
        return account.balances.wire()

    def account_summary(self, account: EngineAccount) -> Json:
        """``AccountSummary``: fees in basis points."""
        waiting = account.waiting.conditional
        spot, futures = (fees.tier(account, kind, self.now_us) for kind in ("SPOT", "PERP"))
        return {
            **account.settings,
            "autoRealizePnl": True,
            "borrowLimit": "0",
            "futuresMakerFee": _basis_points(futures.maker),
            "futuresTakerFee": _basis_points(futures.taker),
            "leverageLimit": plain(account.leverage_limit),
            "limitOrders": len(account.open) - waiting,
            "liquidating": False,
            "positionLimit": "0",
            "spotMakerFee": _basis_points(spot.maker),
            "spotTakerFee": _basis_points(spot.taker),
            "triggerOrders": waiting,
        }

    def withdrawable(
        self, account: EngineAccount, asset: str, flags: tuple[str, ...] = ()
    ) -> Decimal:
        """The amount that may leave the account: available, and not needed as margin.

        ``flags``: autoBorrow and autoLendRedeem add what may be borrowed, and what is lent.
        """
        if not flags:
            return self.margin.free(account, asset)
        return self.lending.credit.withdrawable(account, asset, flags)

    def collateral(self, account: EngineAccount) -> Json:
        """``MarginAccountSummary``."""
        return self.margin.summary(account)

    def convert_dust(self, account: EngineAccount, symbol: str | None = None) -> None:
        """Convert the dust of an asset, or all of it, to USDC. Refusal: it is not dust."""
        dust.convert(self, account, symbol)

    # Borrowing and lending

    def lending_markets(self) -> list[Json]:
        """``BorrowLendMarket`` of each asset that can be borrowed and lent."""
        return [
            pool.wire(self.now_us, self.margin.price(asset))
            for asset, pool in self.lending.pools.items()
        ]

    def loans(self, account: EngineAccount) -> list[Json]:
        """``BorrowLendPositionWithMargin`` of every open loan, oldest first."""
        return [loan_answers.wire(self.margin, account, asset) for asset in account.loans]

    # Time and markets

    def advance_to(self, now_us: int) -> None:
        """Let time pass: the feed's trades meet the users' orders, then the market maker quotes.

        ValueError: that time has passed.
        """
        if now_us < self.now_us:
            raise ValueError(f"it is {self.now_us} already, {now_us} has passed")
        if now_us > self.now_us:
            pass_time(self, now_us)

    def open_market(self, symbol: str) -> Market:
        """The market of a symbol. Refusal 400: unknown symbol; 404: the market is closed."""
        market = rules.find_market(self.markets, symbol)
        if not market.open:
            raise Refusal(404, "RESOURCE_NOT_FOUND", "Not Found")
        return market

    def depth(self, symbol: str, limit: int | None = None) -> Json:
        """Prices and quantities as text, both sides ascending: the best bid is last.

        ``limit``: at most so many prices a side, the best ones. ``timestamp`` in microseconds.
        Refusal: see ``open_market``.
        """
        return self.venue(self.open_market(symbol)).depth(limit, self.now_us)

    # Paths of prices

    def set_price(
        self, symbol: str, price: object, moves: Collection[str] = ("last", "mark", "index")
    ) -> Json:
        """Let a price jump at once, then hold it. ``price``: text or Decimal.

        ``symbol``, ``price`` (text), ``triggers``, ``fills``: what it caused at once. ValueError:
        unknown or closed market, or a wrong price or name of ``moves``.
        """
        before = self._caused()
        path = paths.jump(price, moves)
        steering.follow(self, symbol, path)
        triggers, fills = (now - then for now, then in zip(self._caused(), before, strict=True))
        market = self.markets[symbol]
        shown = plain(market.price(lines.ticks(path.legs(Fraction(0))[0].last, market.tick)))
        return {"symbol": symbol, "price": shown, "triggers": triggers, "fills": fills}

    def set_path(self, symbol: str, path: object) -> Json:
        """Let a market's price follow a path (text, a mapping or a ``Path``) from now on.

        ``symbol``, ``ends`` (microseconds), ``steps`` (their number). ValueError as ``set_price``.
        """
        one = paths.read(path)
        return {
            "symbol": symbol, "ends": steering.follow(self, symbol, one), "steps": len(one.steps)
        }  # fmt: skip

    def clear_path(self, symbol: str) -> None:
        """End a market's path: its prices go on from where they are. ValueError: it has none."""
        steering.release(self, symbol)

    def _caused(self) -> tuple[int, int]:
        """How many conditional orders were triggered, and trades of users made, so far."""
        return self.triggered, sum(len(account.fills) for account in self.accounts.values())

    # Orders

    def execute(self, account: EngineAccount, order: Mapping[str, Any]) -> Json:
        """Match an order at once, let the rest of it wait or expire, and answer with ``OrderType``.

        ``order``: the documented names, decimals as text; enums and types have been checked.
        """
        return self.place(account, rules.read(self.markets, order)).wire()

    def execute_batch(
        self,
        account: EngineAccount,
        orders: Sequence[Mapping[str, Any]],
        check: Check | None = None,
    ) -> list[Json]:
        """Execute each order by itself, in turn. A refused order has an ``Err`` in its place.

        ``check``: asked before each order whether its market takes orders. Refusal: not 1 to 50
        orders. Names and types of the whole batch have been checked.
        """
        if not 1 <= len(orders) <= BATCH:
            raise bad_request(f"A batch has 1 to {BATCH} orders")
        return [self._one_of_batch(account, order, check) for order in orders]

    def _one_of_batch(
        self, account: EngineAccount, order: Mapping[str, Any], check: Check | None
    ) -> Json:
        try:
            if check is not None:
                check(order["symbol"])
            return {"operation": "Ok", **self.execute(account, order)}
        except Refusal as refusal:
            return {"operation": "Err", "code": refusal.code, "message": refusal.message}

    def cancel(
        self,
        account: EngineAccount,
        symbol: str,
        order_id: str | None = None,
        client_id: int | None = None,
    ) -> Json:
        """Cancel the open order that one of the ids names. Refusal: there is no such open order."""
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
        conditional = order_type == "ConditionalOrder"
        found = [
            order
            for order in self._open(account, symbol)
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
        """An open order. Refusal 404: no open order has that id."""
        order = self._find(account, symbol, order_id, client_id)
        if order is None:
            raise Refusal(404, "RESOURCE_NOT_FOUND", "Not Found")
        return order.wire()

    def open_orders(self, account: EngineAccount) -> list[Json]:
        """``OrderType`` of every open order, oldest first."""
        return [order.wire() for order in account.open.values()]

    def fills(self, account: EngineAccount) -> list[Json]:
        """``OrderFill``, newest first."""
        return [fill.wire() for fill in reversed(account.fills)]

    def _open(self, account: EngineAccount, symbol: str) -> list[EngineOrder]:
        """Oldest first. Refusal: unknown symbol."""
        rules.find_market(self.markets, symbol)
        return [order for order in account.open.values() if order.request.market.symbol == symbol]

    def _find(
        self, account: EngineAccount, symbol: str, order_id: str | None, client_id: int | None
    ) -> EngineOrder | None:
        """The open order of that id, or the newest of that client id."""
        rules.find_market(self.markets, symbol)
        if (order_id is None) == (client_id is None):
            raise bad_request("Must specify exactly one of `orderId` and `clientId`")
        if order_id is None:
            return account.waiting.newest(symbol, client_id)
        order = account.open.get(order_id)
        return order if order is not None and order.request.market.symbol == symbol else None

    # Futures

    def max_order_quantity(
        self, account: EngineAccount, symbol: str, side: str, price: str | None = None, **flags: Any
    ) -> Json:
        """``MaxOrderQuantity``: the largest order that is possible. ``flags``: as documented."""
        market = rules.find_market(self.markets, symbol)
        kind = "Market" if price is None else "Limit"
        least = market.raw["filters"]["quantity"]["minQuantity"]
        order = {"symbol": symbol, "side": side, "orderType": kind, "quantity": least}
        request = rules.read(self.markets, order | {"price": price} | flags)
        with exact():
            most = market.quantity(self.most(account, request))
        return {
            **dict.fromkeys(("autoBorrow", "autoBorrowRepay", "autoLendRedeem", "reduceOnly")),
            **flags,
            "maxOrderQuantity": plain(most),
            "price": price,
            "side": side,
            "symbol": symbol,
        }

    def positions(self, account: EngineAccount) -> list[Json]:
        """``FuturePositionWithMargin`` of every open position, oldest first."""
        return [
            position.wire(
                account.user_id,
                self.mark(position.market.symbol),
                self.margin.exposure(account, position.market.symbol),
                self.margin.liquidation_price(account, position),
            )
            for position in account.positions.values()
        ]

    def position_snapshots(self, account: EngineAccount, symbol: str | None = None) -> list[Json]:
        """What a new subscriber of ``account.positionUpdate`` gets: the data of each open position,
        without ``e``, oldest first. ``symbol``: only of that market."""
        return self.account_streams.snapshots(account, symbol)

    def position_row(self, account: EngineAccount, position: EnginePosition) -> Json:
        """``PositionHistoryRow``."""
        symbol = position.market.symbol
        return position.history(self.mark(symbol), self.margin.exposure(account, symbol))

    def settlements(self, account: EngineAccount) -> list[Json]:
        """``Settlement`` of every change of the account's cash, newest first."""
        return [row.wire(account.user_id) for row in reversed(account.settlements)]


def _basis_points(part: Decimal) -> str:
    return plain(part.scaleb(4))
