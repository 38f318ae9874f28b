"""Settle futures: fees, realised profit and loss, funding, and debts.

The market maker pays what an account receives, and receives what an account pays. Payments are made
at once, in the quote asset. An account that has too little of it redeems what it has lent of it,
borrows if its settings say so, then sells other assets at their last price; if that is not enough,
the market maker pays the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import TYPE_CHECKING

from ..simulation.market import Market
from ..simulation.synthetic import Trade
from ..undo import Undoable, UndoDict, UndoTable, at_the_end, fresh
from .account_streams import AccountStreams
from .book import Side
from .fees import futures_fee, tier
from .ledger import ZERO, Balances, cut, exact, raised, rounded
from .orders import (
    CONVERSION,
    LIQUIDATION,
    EngineAccount,
    EngineOrder,
    OrderFill,
    OrderRequest,
)  # fmt: skip
from .positions import EnginePosition, FundingPayment, Settlement

if TYPE_CHECKING:
    from .lending import Lending

QUOTE = "USDC"  # every future is settled in it
LIQUIDATION_FEE = Decimal("0.01")  # of the notional, besides the taker's fee


class FuturesSettlement(Undoable):
    """Pay fees, profits, losses and funding. ``mark``: the price of a market's symbol now.

    ``holders``: the accounts with a position, by public key. ``held``: symbol -> the number of open
    positions. ``fills``: how many orders were filled so far.

    ``next_id``: the next id of an order or a position. ``unlock``: end an account's spot orders.
    ``unsure``: see ``Shortfalls``.
    """

    def __init__(
        self,
        markets: Mapping[str, Market],
        market_maker: Balances,
        fees: Balances,
        mark: Callable[[str], Decimal],
        next_id: Callable[[], str],
        unlock: Callable[[EngineAccount], None],
        streams: AccountStreams,
        lending: Lending,
        unsure: UndoTable[None],
    ) -> None:
        self._markets, self._market_maker, self._fees = markets, market_maker, fees
        self._mark, self._next_id, self._unlock = mark, next_id, unlock
        self._streams, self._lending, self._sequence = streams, lending, 0
        self._unsure = unsure
        self.holders: UndoTable[EngineAccount] = UndoTable()
        self.held: UndoDict[str, int] = UndoDict()
        self.fills = 0

    def fill(self, order: EngineOrder, trade: Trade, is_maker: bool) -> Decimal:
        """Change the owner's position and cash by a fill. Returns the fee.

        A fill that goes through zero closes the position, and opens another with the rest.
        """
        account, market = order.owner, order.request.market
        change, net = order.request.sign * trade.quantity, account.net(market.symbol)
        through = change * net < 0 and abs(change) > abs(net)
        parts = [-net, change + net] if through else [change]
        with exact():
            now = tier(account, "PERP", trade.time_us)
            total = futures_fee(now, market.notional(trade.price * trade.quantity), is_maker)
            first = futures_fee(now, market.notional(trade.price * abs(parts[0])), is_maker)
            fees = [first, total - first] if through else [total]
        for part, fee in zip(parts, fees, strict=True):
            self._trade(order, part, fee, trade)
        return total

    def fund(
        self,
        account: EngineAccount,
        position: EnginePosition,
        mark: Decimal,
        rate: Decimal,
        end_us: int,
    ) -> None:
        """Pay the funding of the interval that ends at ``end_us``. Longs pay a rate above 0."""
        with exact():
            amount = rounded(-position.quantity * mark * rate)
            position.funding += amount
        account.funding.append(FundingPayment(position.market.symbol, end_us, amount, rate))
        self.pay(account, position.market.quote, amount, "FundingPayment", end_us, position.id)
        self._streams.balances(account, end_us)
        self._streams.position(account, position, "positionAdjusted", end_us, mark)

    def realise(
        self,
        account: EngineAccount,
        held: Sequence[tuple[EnginePosition, Decimal]],
        now_us: int,
    ) -> None:
        """Realise the profits and losses of all open positions, each with its mark. Nothing is sold
        to pay for a loss; what is not paid does not depend on how often this is done.

        What the positions lose the cash gains, so an account that was safe still is."""
        safe = account.public_key not in self._unsure
        gains = _payable(account.balances.available(QUOTE), held)
        dues = [
            (one.realise(gain), one, mark) for (one, mark), gain in zip(held, gains, strict=True)
        ]
        for due, position, mark in sorted(dues, key=lambda row: row[0] < 0):  # profits pay losses
            self.pay(account, QUOTE, due, "CulledRealizePnlAuto", now_us, position.id)
            if due:
                self._streams.balances(account, now_us)
                self._streams.position(account, position, "positionAdjusted", now_us, mark)
        if safe:
            self._unsure.pop(account.public_key, None)

    def pay(
        self,
        account: EngineAccount,
        asset: str,
        amount: Decimal,
        source: str,
        now_us: int,
        position_id: str | None = None,
    ) -> None:
        """Pay an amount to an account, or take it if it is below 0. 0 is not recorded."""
        if amount > 0:
            self._market_maker.spend(asset, amount)
            account.balances.gain(asset, amount)
        elif amount < 0:
            owed = amount.copy_negate()
            self._cover(account, asset, owed, now_us)
            account.balances.spend(asset, owed)
            receiver = self._fees if source.startswith("TradingFees") else self._market_maker
            receiver.gain(asset, owed)
        if amount:
            self._sequence += 1
            account.settlements.append(
                Settlement(now_us, amount, source, position_id, self._sequence)
            )

    def penalise(self, order: EngineOrder, position: EnginePosition, now_us: int) -> None:
        """Charge the fee of a liquidation, at most what the account has left."""
        account, market = order.owner, order.request.market
        with exact():
            fee = raised(market.notional(order.executed_quote) * LIQUIDATION_FEE)
            fee = min(fee, account.balances.available(market.quote))
            position.liquidation_fees += fee
        position.liquidated += order.executed
        charge = fee.copy_negate()
        self.pay(account, market.quote, charge, "TradingFeesSystem", now_us, position.id)
        self._streams.balances(account, now_us)

    def repay_loans(
        self, account: EngineAccount, is_short: Callable[[EngineAccount], bool], now_us: int
    ) -> None:
        """Repay what an account that is short of margin has borrowed: with what it has of the
        asset and has lent, then asset by asset with what it gets for the others."""
        self._lending.redeem_all(account, "Liquidation")
        for asset in sorted(account.loans):
            self._lending.repay(account, asset, "Liquidation")
        for asset in sorted(account.loans):
            if is_short(account):
                self._repay_loan(account, asset, now_us)
        self._streams.balances(account, now_us)

    def _repay_loan(self, account: EngineAccount, asset: str, now_us: int) -> None:
        """Raise USDC, buy the asset at its last price, and repay. The market maker pays what the
        account cannot; the fee is at most what the account has left."""
        cost, steps, market = (
            account.loans[asset].borrowed,
            0,
            self._markets.get(f"{asset}_{QUOTE}"),
        )
        with exact():
            if market is not None:
                steps = _whole(cost, market.step, ROUND_UP)
                cost = market.quantity(steps) * self._mark(market.symbol)
            fee = raised(cost * LIQUIDATION_FEE)
            both = cost + fee
        self._raise(account, QUOTE, both, now_us)
        self._cover(account, QUOTE, cost, now_us)
        if market is not None:
            self._convert(account, market, "Bid", steps, now_us)
        self._lending.repay(account, asset, "Liquidation")
        fee = min(fee, account.balances.available(QUOTE))
        self.pay(account, QUOTE, fee.copy_negate(), "TradingFeesSystem", now_us)

    def _trade(self, order: EngineOrder, change: int, fee: Decimal, trade: Trade) -> None:
        """Settle a fill that does not go through zero."""
        account, market, now_us = order.owner, order.request.market, trade.time_us
        position = account.positions.get(market.symbol)
        if position is None:
            position = EnginePosition(self._next_id(), market, now_us, account.leverage_limit)
            self._open(account, position)
        position.trade(change, trade.price)
        self.pay(account, market.quote, fee.copy_negate(), "TradingFees", now_us)
        self.pay(account, market.quote, position.settle(), "RealizePnl", now_us, position.id)
        with exact():
            position.fees += fee
        if not position.steps:
            position.closed_us, position.mark = now_us, market.price(trade.price)
            self._close(account, position)
        account.balances.touch()

    def holders_in_order(self) -> list[EngineAccount]:
        """The accounts with a position, the oldest first."""
        return sorted(self.holders.values(), key=lambda account: account.user_id)

    def record(self, fill: OrderFill) -> None:
        """Add a fill to the history of its owner."""
        owner = fill.order.owner
        owner.fills.append(fill)
        owner.fills_of.add(fill.order.market, fill)
        self.fills += 1

    def _open(self, account: EngineAccount, position: EnginePosition) -> None:
        symbol = position.market.symbol
        account.positions[symbol] = position
        account.every_position.append(position)
        if account.public_key not in self.holders:
            self.holders[account.public_key] = account
            account.balances.report(self._unsure, account.public_key)
        self.held[symbol] = self.held.get(symbol, 0) + 1

    def _close(self, account: EngineAccount, position: EnginePosition) -> None:
        symbol = position.market.symbol
        del account.positions[symbol]
        if not account.positions:
            del self.holders[account.public_key]
            account.balances.report(None, "")
            self._unsure.pop(account.public_key, None)
        self.held[symbol] -= 1
        if not self.held[symbol]:
            del self.held[symbol]

    def _cover(self, account: EngineAccount, asset: str, amount: Decimal, now_us: int) -> None:
        """Raise an amount; the market maker pays what is missing."""
        self._raise(account, asset, amount, now_us)
        with exact():
            missing = amount - account.balances.available(asset)
        if missing > 0:
            self.pay(account, asset, missing, "BackstopLiquidityFundProceeds", now_us)

    def _raise(self, account: EngineAccount, asset: str, amount: Decimal, now_us: int) -> None:
        """Raise an amount as far as possible: redeem or borrow it, end spot orders, sell other
        assets."""
        with exact():
            missing = amount - account.balances.available(asset)
        if missing <= 0:
            return
        self._lending.cover(account, asset, missing)
        if account.balances.available(asset) < amount:
            self._unlock(account)
        if account.balances.available(asset) < amount:
            self._lending.redeem_all(account, "Reconciliation")
        for other in account.balances.assets():
            market = self._markets.get(f"{other}_{asset}")
            if market is not None and market.open and account.balances.available(asset) < amount:
                self._sell(account, market, amount, now_us)

    def _sell(self, account: EngineAccount, market: Market, amount: Decimal, now_us: int) -> None:
        """Sell as much of an asset, in whole steps, as is needed to have ``amount``."""
        with exact():
            unit = market.step * self._mark(market.symbol)
            have = account.balances.available(market.base)
            wanted = amount - account.balances.available(market.quote)
            steps = min(_whole(have, market.step, ROUND_DOWN), _whole(wanted, unit, ROUND_UP))
        if steps:
            self._convert(account, market, "Ask", steps, now_us)

    def _convert(
        self, account: EngineAccount, market: Market, side: Side, steps: int, now_us: int
    ) -> None:
        """Trade with the market maker at the last price, without a fee."""
        with exact():
            price = self._mark(market.symbol)
            base = (market.base, market.quantity(steps))
            quote = (market.quote, steps * market.step * price)
            ticks = _whole(price, market.tick, ROUND_DOWN)
        (gives, given), (gets, got) = (quote, base) if side == "Bid" else (base, quote)
        request = system_request(market, side, steps, CONVERSION)
        order = fresh(EngineOrder, self._next_id(), account, request, now_us, planned=ticks * steps)
        account.orders.append(order)
        account.orders_of.add(market, order)
        self._streams.order(order, "orderAccepted")
        account.balances.spend(gives, given)
        self._market_maker.gain(gives, given)
        self._market_maker.spend(gets, got)
        account.balances.gain(gets, got)
        order.status, order.executed, order.executed_quote = "Filled", steps, order.planned
        symbol = market.base if side == "Bid" else market.quote
        fill = OrderFill(order, 0, now_us, ticks, steps, ZERO, symbol, is_maker=False)
        self.record(fill)
        self._streams.order(order, "orderFill", fill)
        at_the_end(order.pack)


@exact()
def _payable(cash: Decimal, held: Sequence[tuple[EnginePosition, Decimal]]) -> list[Decimal]:
    """The gain of each position; if the cash does not pay for them all, less of the largest
    losses."""
    gains = [one.gain(mark) for one, mark in held]
    missing = sum((one.settled for one, _ in held), ZERO) - sum(gains, ZERO) - cut(cash)
    if missing <= 0:
        return gains
    order = sorted(range(len(gains)), key=gains.__getitem__)
    for place in order:
        left = min(missing, max(ZERO, -gains[place]))
        gains[place] += left
        missing -= left
    gains[order[0]] += missing
    return gains


def system_request(market: Market, side: Side, steps: int, system: str) -> OrderRequest:
    """A market order of the exchange itself, at any price."""
    return OrderRequest(
        market=market,
        side=side,
        kind="Market",
        price=None,
        quantity=steps,
        quote_quantity=None,
        time_in_force="GTC",
        post_only=False,
        prevention="RejectMaker",
        client_id=None,
        reduce_only=True if system == LIQUIDATION else None,
        system=system,
    )


def _whole(amount: Decimal, unit: Decimal, rounding: str) -> int:
    whole, rest = divmod(amount, unit)
    return int(whole) + (1 if rest and rounding == ROUND_UP else 0)
