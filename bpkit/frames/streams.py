"""The columns of live events, one contract for each type of stream.

Names are those of REST. ``time``: when it happened, by the exchange's clock. ``filled``: True if
the event was read from REST after a loss, else NA. A letter that bpkit does not know is only in
the event's ``raw``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .conversions import flags, integers, iso_times, ms_times, numbers, objects, texts, us_times
from .shapes import FrameContract, Row, columns, without

PREFIXES = ("stream:", "streams:")  # of the kinds whose rows are live events
_TICKER = dict(
    symbol=texts, firstPrice=numbers, lastPrice=numbers, high=numbers, low=numbers, volume=numbers,
    quoteVolume=numbers, trades=integers,
)  # fmt: skip
_COLUMNS: dict[str, dict[str, Any]] = {
    # ``isBuyerMaker``: the taker sold.
    "trade": dict(
        symbol=texts, price=numbers, quantity=numbers, isBuyerMaker=flags, tradeId=integers,
        buyerOrderId=texts, sellerOrderId=texts,
    ),
    "bookTicker": dict(
        symbol=texts, bidPrice=numbers, bidQuantity=numbers, askPrice=numbers, askQuantity=numbers,
        lastUpdateId=integers,
    ),
    # ``bids`` and ``asks``: lists of [price, quantity], as they came.
    "depth": dict(
        symbol=texts, bids=objects, asks=objects, firstUpdateId=integers, lastUpdateId=integers,
    ),
    "kline": dict(
        symbol=texts, start=iso_times, open=numbers, high=numbers, low=numbers, close=numbers,
        volume=numbers, trades=integers, isClosed=flags, end=iso_times,
    ),
    "ticker": _TICKER,
    "markPrice": dict(
        symbol=texts, markPrice=numbers, indexPrice=numbers, fundingRate=numbers,
        nextFundingTimestamp=ms_times,
    ),
    "openInterest": dict(symbol=texts, openInterest=numbers),
    "liquidation": dict(symbol=texts, side=texts, price=numbers, quantity=numbers),
    "externalTicker": _TICKER,
    "stockPrice": _TICKER,
    "account.orderUpdate": dict(
        eventType=texts, symbol=texts, side=texts, orderType=texts, status=texts, price=numbers,
        quantity=numbers, orderId=texts, clientId=texts, executedQuantity=numbers,
        executedQuoteQuantity=numbers, quoteQuantity=numbers, fillPrice=numbers,
        fillQuantity=numbers, tradeId=integers, fee=numbers, feeSymbol=texts, isMaker=flags,
        timeInForce=texts, postOnly=flags, reduceOnly=flags, selfTradePrevention=texts,
        expiryReason=texts, origin=texts, triggerPrice=numbers, triggerQuantity=texts,
        triggerBy=texts, takeProfitTriggerPrice=numbers, takeProfitLimitPrice=numbers,
        takeProfitTriggerBy=texts, stopLossTriggerPrice=numbers, stopLossLimitPrice=numbers,
        stopLossTriggerBy=texts, relatedOrderId=texts, strategyId=texts,
    ),
    # Without ``eventType``: the position as it was when the stream was subscribed.
    "account.positionUpdate": dict(
        eventType=texts, symbol=texts, netQuantity=numbers, entryPrice=numbers,
        breakEvenPrice=numbers, markPrice=numbers, pnlUnrealized=numbers, pnlRealized=numbers,
        netExposureQuantity=numbers, netExposureNotional=numbers, imf=numbers, mmf=numbers,
        estLiquidationPrice=numbers, positionId=texts,
    ),
    "account.balanceUpdate": dict(
        symbol=texts, available=numbers, locked=numbers, staked=numbers
    ),
    "account.rfqUpdate": dict(
        eventType=texts, symbol=texts, side=texts, orderType=texts, status=texts, price=numbers,
        quantity=numbers, quoteQuantity=numbers, rfqId=texts, quoteId=texts, clientId=texts,
        submissionTime=ms_times, expiryTime=ms_times,
    ),
    # What happened to the streams themselves.
    "problems": dict(kind=texts, stream=texts, note=texts, seconds=numbers, count=integers),
}  # fmt: skip

# What went wrong with a live order book, oldest first. ``expected``, ``came``: update ids.
_BOOK_PROBLEMS = FrameContract(
    columns(time=iso_times, event=texts, reason=texts, expected=integers, came=integers)
)


def stream_contract(kind: str) -> FrameContract:
    """Of a kind such as ``stream:trade``. In ``streams:trade+depth`` several are merged, and the
    column ``stream`` says which it is."""
    if kind == "stream:book_problems":
        return _BOOK_PROBLEMS
    prefix, _, types = kind.partition(":")
    merged: dict[str, Any] = {"time": us_times}
    if prefix == "streams":
        merged["stream"] = texts
    for one in types.split("+"):
        merged |= _COLUMNS[one]
    if types != "problems":
        merged["filled"] = flags
    hidden = () if "stream" in merged else ("stream",)

    def rows(events: Iterable[Any]) -> list[Row]:
        return [without(event.row, *hidden) for event in events]

    return FrameContract(columns(**merged), rows)
