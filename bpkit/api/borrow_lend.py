"""Borrow Lend Markets (public), Borrow Lend (signed): borrow and lend assets."""

from ..enums import (
    Amount,
    BorrowLendEventType,
    BorrowLendSide,
    HistoryInterval,
    InterestSource,
    PositionState,
    SortDirection,
)
from ..results import Record, Rows
from .section import Section


class BorrowLendMarkets(Section):
    """The assets that can be borrowed and lent, and their rates."""

    def get_borrow_lend_markets(self) -> Rows:
        """Every asset that can be borrowed or lent, with its rates and limits.

        Rates and utilization are fractions (0.05 is 5 %), quantities in the asset. Docs: Borrow
        Lend Markets, Get borrow lend markets.
        """
        return self._call("get_borrow_lend_markets", locals())

    def get_borrow_lend_markets_history(
        self, interval: HistoryInterval, symbol: str | None = None
    ) -> Rows:
        """Past rates and quantities.

        ``interval``: how far back (as far as we know; it is not documented). ``symbol``: an asset;
        None: all. Docs: Borrow Lend Markets, Get borrow lend market history.
        """
        return self._call("get_borrow_lend_markets_history", locals())

    def get_apy_rates(self, tier_id: int | None = None) -> Record:
        """Yearly rates, as fractions: ``borrowLend`` and ``staking``, a list each.

        ``tier_id``: a VIP tier; None: the rates for everybody. Docs: Borrow Lend Markets, Get APY
        rates.
        """
        return self._call("get_apy_rates", locals())


class BorrowLend(Section):
    """Your borrows and lends, open and past, and their interest."""

    def get_borrow_lend_positions(self) -> Rows:
        """What you have borrowed and lent: ``netQuantity`` above zero is lent, below zero borrowed.

        In the asset ``symbol``. What is lent is not in ``get_balances``. Docs: Borrow Lend, Get
        borrow lend positions.
        """
        return self._call("get_borrow_lend_positions", locals())

    def get_borrow_lend_estimated_liquidation_price(
        self, borrow: str, subaccount_id: int | None = None
    ) -> Record:
        """The price at which a planned borrow would be liquidated.

        ``borrow``: base64 of the JSON that ``execute_borrow_lend`` would send. Always raises
        GuardError: no instruction is documented, so it cannot be signed. Docs: Borrow Lend, Get
        estimated liquidation price.
        """
        return self._call("get_borrow_lend_estimated_liquidation_price", locals())

    def execute_borrow_lend(self, *, symbol: str, side: BorrowLendSide, quantity: Amount) -> Record:
        """Borrow or lend ``quantity`` of the asset ``symbol``.

        Lending repays a borrow, and borrowing takes a lend back. bpkit never sends it twice: a
        TransportError means that you do not know. Look in ``get_borrow_lend_positions`` first. The
        answer is empty. Errors: BORROW_LIMIT, LEND_LIMIT, INSUFFICIENT_SUPPLY,
        INSUFFICIENT_MARGIN. Docs: Borrow Lend, Execute borrow lend.
        """
        return self._call("execute_borrow_lend", locals())

    def get_borrow_lend_history(
        self,
        symbol: str | None = None,
        *,
        type: BorrowLendEventType | None = None,
        sources: str | None = None,
        position_id: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        sort_direction: SortDirection | None = None,
    ) -> Rows:
        """Each borrow, lend, repayment and redemption: ``quantity`` of the asset ``symbol``.

        ``sources``: one source, or several separated by commas. ``limit``: 100 by default, up to
        1000. Docs: Borrow Lend, Get borrow history.
        """
        return self._call("get_borrow_lend_history", locals())

    def get_interest_history(
        self,
        symbol: str | None = None,
        *,
        asset: str | None = None,
        position_id: str | None = None,
        source: InterestSource | None = None,
        limit: int | None = None,
        offset: int | None = None,
        sort_direction: SortDirection | None = None,
    ) -> Rows:
        """Interest: of what you borrow and lend, and on the unrealised profit of futures.

        ``symbol``: a market (of a future: interest on its profit). ``asset``: the asset in which it
        was paid. ``interestRate`` is a fraction. ``limit``: 100 by default, up to 1000. Docs:
        Borrow Lend, Get interest history.
        """
        return self._call("get_interest_history", locals())

    def get_borrow_lend_position_history(
        self,
        symbol: str | None = None,
        *,
        side: BorrowLendSide | None = None,
        state: PositionState | None = None,
        limit: int | None = None,
        offset: int | None = None,
        sort_direction: SortDirection | None = None,
    ) -> Rows:
        """Borrows and lends, open and closed, each with its interest (in the asset ``symbol``).

        ``avgInterestRate`` is a fraction. ``limit``: 100 by default, up to 1000. Docs: Borrow Lend,
        Get borrow position history.
        """
        return self._call("get_borrow_lend_position_history", locals())
