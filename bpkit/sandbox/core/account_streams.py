"""Send the events of an account's orders, balances and positions to its private streams.

One change of an order makes frames in this order: the order's own, one for each asset whose balance
it changed (in alphabetical order), one for each position that it changed. All have the same time.
Nothing is made for a stream that nobody has subscribed.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial

from . import stream_frames
from .orders import LIQUIDATION, EngineAccount, EngineOrder, OrderFill
from .outbox import Data, Outbox
from .positions import EnginePosition

ORDERS, POSITIONS = "account.orderUpdate", "account.positionUpdate"
BALANCES = "account.balanceUpdate"
LIQUIDATIONS = "liquidation"


class AccountStreams:
    """The private streams of all accounts, and the public one of liquidations.

    ``now``: the engine's time. ``mark``: the price of a market's symbol now. ``exposure``: of an
    account in a market, in steps.
    """

    def __init__(
        self,
        outbox: Outbox,
        now: Callable[[], int],
        mark: Callable[[str], Decimal],
        exposure: Callable[[EngineAccount, str], int],
    ) -> None:
        self._outbox, self._now, self._mark, self._exposure = outbox, now, mark, exposure

    def order(self, order: EngineOrder, event: str, fill: OrderFill | None = None) -> None:
        """An order has changed: its frame, then the balances that changed with it.

        ``fill``: the trade of an ``orderFill``.
        """
        account, market = order.owner, order.request.market
        time_us = self._now() if fill is None else fill.time_us
        self._outbox.add(
            ORDERS,
            f"{ORDERS}.{market.symbol}",
            account=account.public_key,
            make=lambda: stream_frames.order(order, event, time_us, fill),
        )
        if fill is not None and order.request.system == LIQUIDATION:
            side, price, quantity = order.request.side, fill.price, fill.quantity
            self._outbox.add(
                LIQUIDATIONS,
                f"{LIQUIDATIONS}.{market.symbol}",
                make=lambda: stream_frames.liquidation(market, side, price, quantity, time_us),
            )
        self.balances(account, time_us)

    def balances(self, account: EngineAccount, time_us: int | None = None) -> None:
        """A frame for each balance that has changed since the last call. ``time_us``: now."""
        when = self._now() if time_us is None else time_us
        for asset in account.balances.changes():
            self._outbox.add(
                BALANCES,
                account=account.public_key,
                make=partial(stream_frames.balance, account.balances, asset, when),
            )

    def filled(
        self, account: EngineAccount, before: EnginePosition | None, symbol: str, time_us: int
    ) -> None:
        """A fill has changed the account's position in a market. ``before``: the one it had."""
        after = account.positions.get(symbol)
        if before is not None and before is not after:
            self.position(account, before, "positionClosed", time_us)
        if after is not None:
            event = "positionAdjusted" if before is after else "positionOpened"
            self.position(account, after, event, time_us)

    def position(
        self,
        account: EngineAccount,
        position: EnginePosition,
        event: str,
        time_us: int,
        mark: Decimal | None = None,
    ) -> None:
        """A position has changed. ``mark``: its price at that time; None: the present one."""
        symbol = position.market.symbol
        self._outbox.add(
            POSITIONS,
            f"{POSITIONS}.{symbol}",
            account=account.public_key,
            make=lambda: stream_frames.position(
                position,
                self._mark(symbol) if mark is None else mark,
                self._exposure(account, symbol),
                time_us,
                event,
            ),
        )

    def snapshots(self, account: EngineAccount, symbol: str | None = None) -> list[Data]:
        """The data of each open position, without ``e``, oldest first. ``symbol``: only there."""
        return [
            stream_frames.position(
                position, self._mark(name), self._exposure(account, name), self._now()
            )
            for name, position in account.positions.items()
            if symbol in (None, name)
        ]
