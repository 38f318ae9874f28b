"""Requests for quotes (RFQ): asking makers for a price, and quoting one. Signed. Docs: RFQ."""

from ..enums import Amount, OrderStatus, RfqExecutionMode, RfqFillType, Side, SortDirection
from ..results import Record, Rows
from .section import Section


class RFQ(Section):
    """Requests and quotes: submit, accept, cancel; and what became of them."""

    def submit_rfq(
        self,
        symbol: str,
        side: Side,
        *,
        quantity: Amount | None = None,
        quote_quantity: Amount | None = None,
        price: Amount | None = None,
        execution_mode: RfqExecutionMode | None = None,
        client_id: int | None = None,
        auto_lend: bool | None = None,
        auto_lend_redeem: bool | None = None,
        auto_borrow: bool | None = None,
        auto_borrow_repay: bool | None = None,
    ) -> Record:
        """Ask for quotes: of ``quantity`` (base asset) or ``quote_quantity`` (quote asset).

        ``execution_mode``: AwaitAccept (default) waits until you accept one of the quotes;
        **Immediate trades with the first quote within ``price``**, which it needs and which only it
        has. ``client_id``: your own number, 0 to 4294967295.

        Never sent twice: a TransportError means that you do not know; look in ``get_open_rfqs``
        first. Answers the request: ``rfqId``, ``status``, ``expiryTime`` (Unix milliseconds). Docs:
        RFQ, Submit RFQ.
        """
        return self._call("submit_rfq", locals())

    def submit_quote(
        self,
        rfq_id: str,
        *,
        bid_price: Amount,
        ask_price: Amount,
        client_id: int | None = None,
        auto_lend: bool | None = None,
        auto_lend_redeem: bool | None = None,
        auto_borrow: bool | None = None,
        auto_borrow_repay: bool | None = None,
    ) -> Record:
        """Answer somebody's request with prices, in the quote asset; they may trade with you.

        You buy at ``bid_price`` or sell at ``ask_price``, as the other side chooses. ``client_id``:
        your own number, 0 to 4294967295. Answers the quote: ``quoteId``, ``status``. Docs: RFQ,
        Submit quote.
        """
        return self._call("submit_quote", locals())

    def accept_quote(
        self, *, quote_id: str, rfq_id: str | None = None, client_id: int | None = None
    ) -> Record:
        """Trade with a quote to your request, named by ``rfq_id`` or ``client_id`` (one of them).

        Never sent twice: a TransportError means that you do not know; look in
        ``get_rfq_fill_history`` first. Answers the request. Docs: RFQ, Accept quote.
        """
        return self._call("accept_quote", locals())

    def refresh_rfq(self, rfq_id: str) -> Record:
        """Keep a request open for longer. Answers it, with its new ``expiryTime``.

        Docs: RFQ, Refresh RFQ.
        """
        return self._call("refresh_rfq", locals())

    def cancel_rfq(self, *, rfq_id: str | None = None, client_id: int | None = None) -> Record:
        """Take back a request, by ``rfq_id`` or ``client_id`` (one of them).

        Answers the request with ``status`` Cancelled. Docs: RFQ, Cancel RFQ.
        """
        return self._call("cancel_rfq", locals())

    def get_open_rfqs(
        self,
        symbol: str | None = None,
        *,
        rfq_id: str | int | None = None,
        deferred_settlement: bool | None = None,
        subaccount_id: int | None = None,
    ) -> Rows:
        """Your open requests: rows of ``rfq`` (the request) and ``quotes`` (a list).

        ``deferred_settlement``: True only those settled later, False only the others. Docs: RFQ,
        Get open RFQs.
        """
        return self._call("get_open_rfqs", locals())

    def get_rfq_history(
        self,
        symbol: str | None = None,
        *,
        rfq_id: str | None = None,
        status: OrderStatus | None = None,
        side: Side | None = None,
        deferred_settlement: bool | None = None,
        limit: int | None = None,
        offset: int | None = None,
        sort_direction: SortDirection | None = None,
    ) -> Rows:
        """Your requests, also those that were filled or have expired. Times are ISO text in UTC.

        ``limit``: 100 by default, up to 1000. Docs: RFQ, Get RFQ history.
        """
        return self._call("get_rfq_history", locals())

    def get_quote_history(
        self,
        symbol: str | None = None,
        *,
        quote_id: str | None = None,
        status: OrderStatus | None = None,
        deferred_settlement: bool | None = None,
        limit: int | None = None,
        offset: int | None = None,
        sort_direction: SortDirection | None = None,
    ) -> Rows:
        """Your quotes, also those that were filled or have expired. Times are ISO text in UTC.

        ``limit``: 100 by default, up to 1000. Docs: RFQ, Get quote history.
        """
        return self._call("get_quote_history", locals())

    def get_rfq_fill_history(
        self,
        symbol: str | None = None,
        *,
        quote_id: str | None = None,
        side: Side | None = None,
        fill_type: RfqFillType | None = None,
        deferred_settlement: bool | None = None,
        limit: int | None = None,
        offset: int | None = None,
        sort_direction: SortDirection | None = None,
    ) -> Rows:
        """Trades that your requests led to, at ``fillPrice`` (in the quote asset).

        ``limit``: 100 by default, up to 1000. Docs: RFQ, Get RFQ fill history.
        """
        return self._call("get_rfq_fill_history", locals())

    def get_quote_fill_history(
        self,
        symbol: str | None = None,
        *,
        quote_id: str | None = None,
        side: Side | None = None,
        limit: int | None = None,
        offset: int | None = None,
        sort_direction: SortDirection | None = None,
    ) -> Rows:
        """Trades that your quotes led to, each with its ``fee`` (in ``feeSymbol``).

        ``limit``: 100 by default, up to 1000. Docs: RFQ, Get quote fill history.
        """
        return self._call("get_quote_fill_history", locals())
