"""Position: open and past positions in futures, and their funding. Signed. Docs: Position."""

from collections.abc import Sequence

from ..enums import MarketType, PositionState, SortDirection
from ..results import Rows
from .section import Section


class Position(Section):
    """Open and past positions, and their funding."""

    def get_positions(
        self, symbol: str | None = None, market_type: MarketType | None = None
    ) -> Rows:
        """Your open positions: always a list, which may be empty.

        ``netQuantity`` is the size, in the base asset: above zero you are long, below zero short.
        ``netExposureQuantity`` counts open orders too, and is not the size. Prices and profits are
        in the quote asset. Docs: Position, Get open positions.
        """
        return self._call("get_positions", locals())

    def get_funding_payments(
        self,
        symbol: str | None = None,
        *,
        subaccount_id: int | None = None,
        limit: int | None = None,
        offset: int | None = None,
        sort_direction: SortDirection | None = None,
    ) -> Rows:
        """Funding of your positions: ``quantity`` above zero was received, below it paid.

        ``fundingRate``: a fraction, for the interval that ended at ``intervalEndTimestamp`` (UTC).
        ``limit``: 100 by default, up to 1000. Docs: Position, Get funding payments.
        """
        return self._call("get_funding_payments", locals())

    def get_position_history(
        self,
        symbol: str | None = None,
        *,
        state: PositionState | None = None,
        market_type: MarketType | Sequence[MarketType] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        sort_direction: SortDirection | None = None,
    ) -> Rows:
        """Positions, open and closed, each with its profit, fees, funding and interest.

        ``state``: only ``Open`` or only ``Closed`` ones. ``limit``: 100 by default, up to 1000.
        Docs: Position, Get position history.
        """
        return self._call("get_position_history", locals())
