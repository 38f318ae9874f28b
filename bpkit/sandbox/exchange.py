"""The engine: accounts, holds, orders and fills, on one book a market.

What is not simulated:

- Futures. An order on a PERP market is refused: status 501, code NOT_IMPLEMENTED. So are
  conditional orders (``trigger*``, ``takeProfit*``, ``stopLoss*``), ``reduceOnly``,
  ``autoBorrow*``, ``autoLend*`` and ``slippageTolerance*``. There are no positions, loans,
  strategies or system orders.
- The 100 ms that the exchange makes takers wait, its limits on how many orders may be open, brokers
  (``brokerId`` is ignored), fee tiers, and market states other than open and closed.
- A reaction of the crowd: it neither runs from a large order nor follows one.

What is: spot orders in a real book with price-time priority. The crowd is a house account whose
quotes, taken from the tape, are orders like any other. While time stands still, what is taken from
them stays taken; when it moves, the tape's trades meet the users' orders, then the house quotes
anew.

Inside, prices are ticks, quantities steps, notionals ticks * steps; balances are exact decimals. A
refused order (``Refusal``) changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from bpkit.sandbox import rules
from bpkit.sandbox.book import OTHER, Match, Side, Taker
from bpkit.sandbox.desk import HOUSE, MAKER_FEE, TAKER_FEE, Desk
from bpkit.sandbox.ledger import Purse, exact
from bpkit.sandbox.market import Market
from bpkit.sandbox.orders import Account, Order, Ticket
from bpkit.sandbox.rules import Refusal, bad_request
from bpkit.sandbox.spelling import plain
from bpkit.sandbox.tape import Tape, Trade

__all__ = ["Account", "Exchange", "Refusal"]

HOUSE_FUNDS = Decimal(10) ** 15  # of every asset
FIRST_ORDER_ID = 59_669_287_267
BATCH = 50  # orders

Json = dict[str, Any]


class Exchange:
    """All accounts and markets. Time stands at ``now_us`` (microseconds UTC) until it is advanced.

    ``tape_of`` gives the tape of a market's symbol; it is asked once a market, when first needed.
    Every asset is conserved over all accounts, ``house`` and ``fees`` included.
    """

    def __init__(
        self,
        markets: Sequence[Market],
        tape_of: Callable[[str], Tape],
        now_us: int,
        first_order_id: int = FIRST_ORDER_ID,
    ) -> None:
        self.now_us = now_us
        self.markets = {market.symbol: market for market in markets}
        self.assets = {asset for market in markets for asset in (market.base, market.quote)}
        self.house = Purse(dict.fromkeys(self.assets, HOUSE_FUNDS))
        self.fees = Purse({})
        self.accounts: dict[str, Account] = {}
        self._tape_of = tape_of
        self._tapes: dict[str, Tape] = {}
        self._desks: dict[str, Desk] = {}
        self._order_id = first_order_id

    def tape(self, symbol: str) -> Tape:
        """A market's tape, made when it is first asked for."""
        if symbol not in self._tapes:
            self._tapes[symbol] = self._tape_of(symbol)
        return self._tapes[symbol]

    # Accounts

    def open_account(self, public_key: str, funds: Mapping[str, Decimal]) -> Account:
        """A new account. ValueError: that key has one already."""
        if public_key in self.accounts or public_key == HOUSE:
            raise ValueError(f"there is an account of {public_key} already")
        self.accounts[public_key] = Account(public_key, Purse(funds))
        return self.accounts[public_key]

    def account(self, public_key: str) -> Account | None:
        """The account of a public key (base64), or None."""
        return self.accounts.get(public_key)

    def balances(self, account: Account) -> dict[str, dict[str, str]]:
        """Asset -> available, locked, staked; only what is not zero."""
        return account.purse.wire()

    def account_summary(self, account: Account) -> Json:
        """``AccountSummary``: fees in basis points, nothing borrowed or lent."""
        return {
            "autoBorrowSettlements": False,
            "autoLend": False,
            "autoRealizePnl": False,
            "autoRepayBorrows": False,
            "borrowLimit": "0",
            "futuresMakerFee": "2",
            "futuresTakerFee": "5",
            "leverageLimit": "1",
            "limitOrders": len(account.open),
            "liquidating": False,
            "positionLimit": "0",
            "spotMakerFee": plain(MAKER_FEE * 10_000),
            "spotTakerFee": plain(TAKER_FEE * 10_000),
            "triggerOrders": 0,
        }

    # Time

    def advance_to(self, now_us: int) -> None:
        """Let time pass: the tape's trades meet the users' orders in turn, then the house quotes.

        A market without users' orders costs nothing. ValueError: that time has passed.
        """
        if now_us < self.now_us:
            raise ValueError(f"it is {self.now_us} already, {now_us} has passed")
        if now_us == self.now_us:
            return
        busy = [desk for desk in self._desks.values() if desk.users]
        for desk in busy:
            desk.withdraw()
        for desk, trade in self._strikes(busy, now_us):
            side: Side = "Ask" if trade.buyer_is_maker else "Bid"
            desk.take(side, trade.price, trade.quantity, trade.time_us)
        self.now_us = now_us
        for desk in busy:
            desk.quote(now_us)

    def _strikes(self, desks: list[Desk], until_us: int) -> list[tuple[Desk, Trade]]:
        """The tape's trades after now that may reach a user's order, over all markets, in turn."""
        found = [
            (desk, trade)
            for desk in desks
            for trade in desk.tape.touches(
                self.now_us + 1, until_us + 1, desk.book.best("Bid"), desk.book.best("Ask")
            )
        ]
        return sorted(found, key=lambda strike: strike[1].time_us)

    # Orders

    def execute(self, account: Account, order: Mapping[str, Any]) -> Json:
        """Match an order at once, let the rest of it wait or expire, and answer with ``OrderType``.

        ``order``: the documented names, decimals as text; enums and types have been checked.
        """
        ticket = rules.read(self.markets, order)
        desk = self._desk(ticket.market)
        match = self._plan(desk, account, ticket)
        accepted = Order(self._next_order_id(), account, ticket, self.now_us)
        account.orders.append(accepted)
        desk.execute(accepted, match, self.now_us)
        return accepted.wire()

    def execute_batch(self, account: Account, orders: Sequence[Mapping[str, Any]]) -> list[Json]:
        """Each order by itself, in turn; one that is refused stands as an ``Err`` in its place.

        Refusal: not 1 to 50 orders. What else is wrong with a batch as a whole (names, types) has
        been checked.
        """
        if not 1 <= len(orders) <= BATCH:
            raise bad_request(f"A batch has 1 to {BATCH} orders")
        return [self._one_of_batch(account, order) for order in orders]

    def cancel(
        self,
        account: Account,
        symbol: str,
        order_id: str | None = None,
        client_id: int | None = None,
    ) -> Json:
        """The cancelled order; one of the ids names it. Refusal: no such order rests."""
        order = self._find(account, symbol, order_id, client_id)
        if order is None:
            raise bad_request("Order not found")
        self._desks[symbol].cancel(order)
        return order.wire()

    def cancel_all(
        self, account: Account, symbol: str, order_type: str | None = None
    ) -> list[Json]:
        """Oldest first. ``order_type``: RestingLimitOrder or ConditionalOrder (there are none)."""
        rules.find_market(self.markets, symbol)
        found = [] if order_type == "ConditionalOrder" else _open(account, symbol)
        for order in found:
            self._desks[symbol].cancel(order)
        return [order.wire() for order in found]

    def order(
        self,
        account: Account,
        symbol: str,
        order_id: str | None = None,
        client_id: int | None = None,
    ) -> Json:
        """A resting order. Refusal 404: there is none, or it rests no longer."""
        order = self._find(account, symbol, order_id, client_id)
        if order is None:
            raise Refusal(404, "RESOURCE_NOT_FOUND", "Not Found")
        return order.wire()

    def open_orders(
        self, account: Account, symbol: str | None = None, market_type: str | None = None
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
        account: Account,
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
        account: Account,
        order_id: str | None = None,
        symbol: str | None = None,
        from_ms: int | None = None,
        to_ms: int | None = None,
        market_types: Sequence[str] | None = None,
        fill_type: str | None = None,
        ascending: bool = False,
    ) -> list[Json]:
        """From ``from_ms`` up to but not including ``to_ms``; newest first unless ``ascending``.

        All fills are of type User.
        """
        found = [
            fill.wire()
            for fill in account.fills
            if _is_of(fill.order, order_id, symbol, market_types)
            and (from_ms is None or fill.time_us >= from_ms * 1_000)
            and (to_ms is None or fill.time_us < to_ms * 1_000)
            and fill_type in (None, "User")
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
        return self._desk(market).depth(limit, self.now_us)

    # An order on its way

    def _plan(self, desk: Desk, account: Account, ticket: Ticket) -> Match:
        """What an order will meet. Refusal: it may not be placed, or cannot be paid for."""
        last = desk.tape.last_price(self.now_us)
        best = desk.book.best(OTHER[ticket.side])
        rules.check_distance(ticket, last)
        rules.check_budget(ticket, best)
        crosses = ticket.price is not None and desk.book.crosses(ticket.side, ticket.price)
        if ticket.post_only and crosses:
            raise bad_request("Order would immediately match and take", "INVALID_ORDER")
        match = desk.book.plan(
            Taker(
                account.public_key,
                ticket.side,
                ticket.price,
                ticket.quantity,
                ticket.budget,
                ticket.prevention,
                rules.worst_price(ticket, best),
            )
        )
        if _need(ticket, match) > account.purse.available(ticket.pays):
            raise bad_request("Insufficient funds", "INSUFFICIENT_FUNDS")
        if rules.is_out_of_band(ticket, last):
            return Match([], [], "PriceOutOfBounds")
        if ticket.time_in_force == "FOK" and (match.stopped is not None or not match.fills):
            return Match([], [], "FillOrKill")
        return match

    def _one_of_batch(self, account: Account, order: Mapping[str, Any]) -> Json:
        try:
            return {"operation": "Ok", **self.execute(account, order)}
        except Refusal as refusal:
            return {"operation": "Err", "code": refusal.code, "message": refusal.message}

    def _find(
        self, account: Account, symbol: str, order_id: str | None, client_id: int | None
    ) -> Order | None:
        """The open order of that id, or the newest of that client id."""
        rules.find_market(self.markets, symbol)
        if (order_id is None) == (client_id is None):
            raise bad_request("Must specify exactly one of `orderId` and `clientId`")
        for order in reversed(_open(account, symbol)):
            if order.id == order_id or (order_id is None and order.ticket.client_id == client_id):
                return order
        return None

    def _next_order_id(self) -> str:
        """Rising by 1 to 97: others trade too."""
        self._order_id += 1 + self._order_id * 31 % 97
        return str(self._order_id)

    def _desk(self, market: Market) -> Desk:
        """The market's book as it is now."""
        desk = self._desks.get(market.symbol)
        if desk is None:
            desk = Desk(market, self.tape(market.symbol), self.house, self.fees)
            self._desks[market.symbol] = desk
        desk.refresh(self.now_us)
        return desk


def _need(ticket: Ticket, match: Match) -> Decimal:
    """What an account must have available, of the asset that the order pays."""
    with exact():
        if ticket.price is not None and ticket.quantity is not None:
            return ticket.hold(ticket.quantity)
        if ticket.side == "Ask":
            return ticket.market.quantity(ticket.quantity or match.executed)
        return ticket.quote_quantity or ticket.market.notional(match.cost)


def _open(account: Account, symbol: str) -> list[Order]:
    """Oldest first."""
    return [order for order in account.open.values() if order.ticket.market.symbol == symbol]


def _is_of(
    order: Order, order_id: str | None, symbol: str | None, market_types: Sequence[str] | None
) -> bool:
    """Does an order pass these filters? None lets everything pass."""
    market = order.ticket.market
    return (
        (order_id is None or order.id == order_id)
        and (symbol is None or market.symbol == symbol)
        and (market_types is None or market.kind in market_types)
    )
