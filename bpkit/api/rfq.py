"""RFQ: ask market makers for a price, or quote one. Signed. Docs: RFQ."""

from ..enums import Amount, OrderStatus, RfqExecutionMode, RfqFillType, Side, SortDirection
from ..results import Record, Rows
from .section import Section


class RFQ(Section):
    """Submit, accept and cancel requests and quotes; read their history."""

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
        """Ask for quotes for ``quantity`` (base asset) or ``quote_quantity`` (quote asset).

        ``execution_mode``: AwaitAccept (default) waits until you accept one of the quotes.
        **Immediate trades with the first quote within ``price``**; only this mode takes a price,
        and it needs one. ``client_id``: your own number, 0 to 4294967295.

        bpkit never sends it twice: a TransportError means that you do not know. Look in
        ``get_open_rfqs`` first. The answer is the request: ``rfqId``, ``status``, ``expiryTime``
        (Unix milliseconds). Docs: RFQ, Submit RFQ.
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
        """Answer somebody's request with prices, in the quote asset. They may trade with you.

        You buy at ``bid_price`` or sell at ``ask_price``; the other side chooses. On a live host
        bpkit refuses it, because no limit can hold it. ``client_id``:
        your own number, 0 to 4294967295. The answer is the quote: ``quoteId``, ``status``. Docs:
        RFQ, Submit quote.
        """
        return self._call("submit_quote", locals())

    def accept_quote(
        self, *, quote_id: str, rfq_id: str | None = None, client_id: int | None = None
    ) -> Record:
        """Trade with a quote to your request, named by ``rfq_id`` or ``client_id`` (one of them).

        On a live host bpkit refuses it, because no limit can hold it. The answer is the request.
        Docs: RFQ, Accept quote.
        """
        return self._call("accept_quote", locals())

    def refresh_rfq(self, rfq_id: str) -> Record:
        """Keep a request open for longer. The answer is the request with its new ``expiryTime``.

        Docs: RFQ, Refresh RFQ.
        """
        return self._call("refresh_rfq", locals())

    def cancel_rfq(self, *, rfq_id: str | None = None, client_id: int | None = None) -> Record:
        """Cancel a request, by ``rfq_id`` or ``client_id`` (one of them).

        The answer is the request with ``status`` Cancelled. Docs: RFQ, Cancel RFQ.
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

        ``deferred_settlement``: True: only those that settle later; False: only the others. Docs:
        RFQ, Get open RFQs.
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
        """Your requests, also the filled and expired ones. Times are ISO text in UTC.

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
        """Your quotes, also the filled and expired ones. Times are ISO text in UTC.

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
        """Trades from your requests, at ``fillPrice`` (in the quote asset).

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
        """Trades from your quotes, each with its ``fee`` (in ``feeSymbol``).

        ``limit``: 100 by default, up to 1000. Docs: RFQ, Get quote fill history.
        """
        return self._call("get_quote_fill_history", locals())
