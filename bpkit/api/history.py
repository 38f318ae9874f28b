"""What has happened. Signed. Docs: History."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from .. import wire
from ..checks import FillType, MarketType, SortDirection, period
from ..results import Rows
from ._section import Section


class History(Section):
    """What has happened: orders and fills."""

    def get_order_history(
        self,
        symbol: str | None = None,
        *,
        order_id: str | None = None,
        strategy_id: str | None = None,
        market_type: MarketType | Sequence[MarketType] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        sort_direction: SortDirection | None = None,
    ) -> Rows:
        """Your orders, newest first: resting, filled, cancelled and expired (see ``expiryReason``).

        ``limit``: 100 by default, up to 1000; ``.headers["X-Total"]`` counts them all. Times are
        ISO text in UTC. Docs: History, Get order history.
        """
        return self._call(
            "get_order_history",
            {
                "symbol": symbol,
                "orderId": order_id,
                "strategyId": strategy_id,
                "marketType": _many(market_type),
                "limit": limit,
                "offset": offset,
                "sortDirection": sort_direction,
            },
        )

    def get_fills(
        self,
        symbol: str | None = None,
        *,
        order_id: str | None = None,
        strategy_id: str | None = None,
        from_: datetime | str | int | None = None,
        to: datetime | str | int | None = None,
        fill_type: FillType | None = None,
        market_type: MarketType | Sequence[MarketType] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        sort_direction: SortDirection | None = None,
    ) -> Rows:
        """Your trades, newest first, each with its fee (in ``feeSymbol``).

        ``from_`` (inclusive) and ``to`` (exclusive): aware datetimes, ISO texts with a zone, or
        whole Unix milliseconds. ``limit``: 100 by default, up to 1000. Docs: History, Get fill
        history.
        """
        first, last = wire.milliseconds("from_", from_), wire.milliseconds("to", to)
        period(("from_", from_, first), ("to", to, last))
        return self._call(
            "get_fills",
            {
                "symbol": symbol,
                "orderId": order_id,
                "strategyId": strategy_id,
                "from": first,
                "to": last,
                "fillType": fill_type,
                "marketType": _many(market_type),
                "limit": limit,
                "offset": offset,
                "sortDirection": sort_direction,
            },
        )


def _many(market_type: MarketType | Sequence[MarketType] | None) -> object:
    return list(market_type) if isinstance(market_type, (list, tuple)) else market_type
