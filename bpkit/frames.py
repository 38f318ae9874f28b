"""JSON -> DataFrame. The only home of pandas (and numpy).

Each kind of answer has a contract, stated in ``FRAMES``: its columns, their order, their dtypes and
its index, the same for no rows. Names are the exchange's own. A column that the contract does not
know yet is kept, as it came, behind the others; a value that is missing or null is NaN, NaT or NA.

Units: prices in the quote asset, quantities in the base asset, ``quoteVolume`` and
``quoteQuantity`` in the quote asset, rates as fractions (0.01 is 1 %), fees of ``get_account`` in
basis points. Times are UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

Row = Mapping[str, Any]


def frame(kind: str, answer: Any) -> pd.DataFrame:
    """The DataFrame of an answer of this kind, by its contract in ``FRAMES``."""
    contract = FRAMES[kind]
    rows = contract.rows(answer)
    columns = {name: convert([row.get(name) for row in rows]) for name, convert in contract.columns}
    for name in dict.fromkeys(chain.from_iterable(rows)):
        if name not in columns:
            columns[name] = objects([row.get(name) for row in rows])
    made = pd.DataFrame(columns)
    return made.set_index(contract.index) if contract.index else made


def numbers(values: list[Any]) -> np.ndarray:
    """float64; null is NaN."""
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError):  # a null among texts
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def integers(values: list[Any]) -> Any:
    """Int64 (nullable): counts and ids that the exchange gives as whole numbers."""
    return pd.array([None if value is None else int(value) for value in values], dtype="Int64")


def texts(values: list[Any]) -> pd.Series:
    """Text. Ids stay text, whatever they look like."""
    return pd.Series([None if value is None else str(value) for value in values], dtype="str")


def flags(values: list[Any]) -> Any:
    """boolean (nullable)."""
    return pd.array(values, dtype="boolean")


def objects(values: list[Any]) -> pd.Series:
    """Nested values, as they came."""
    return pd.Series(values, dtype=object)


def iso_times(values: list[Any]) -> pd.DatetimeIndex:
    """UTC from the exchange's texts: ``2026-09-01T17:54:04.094``, or with a space instead of the T.

    They name no zone; one that did would be heeded.
    """
    moments = pd.to_datetime(values, format="ISO8601", utc=True, cache=False)
    return pd.DatetimeIndex(moments).as_unit("us")


def ms_times(values: list[Any]) -> pd.DatetimeIndex:
    """UTC from Unix milliseconds."""
    missing = np.iinfo(np.int64).min  # how numpy spells NaT
    micros = [missing if value is None else int(value) * 1000 for value in values]
    return pd.DatetimeIndex(np.array(micros, dtype="datetime64[us]")).tz_localize("UTC")


def _list(answer: Any) -> list[Row]:
    return list(answer)


def _record(answer: Any) -> list[Row]:
    """One row; an empty answer (202, 204) has none."""
    return [answer] if answer else []


def _balances(answer: Mapping[str, Row]) -> list[Row]:
    return [{"symbol": symbol, **(answer[symbol] or {})} for symbol in sorted(answer)]


def _depth(answer: Row) -> list[Row]:
    """A ladder as traders read it: the highest ask on top, the lowest bid at the bottom."""
    levels = [("Ask", level) for level in answer.get("asks") or []][::-1]
    levels += [("Bid", level) for level in answer.get("bids") or []][::-1]
    return [{"side": side, "price": price, "quantity": size} for side, (price, size) in levels]


def _filters(row: Row) -> dict[str, Any]:
    """A market's two groups of filters, laid flat: their inner names are unambiguous."""
    flat = {name: value for name, value in row.items() if name != "filters"}
    for name, group in (row.get("filters") or {}).items():
        if isinstance(group, Mapping):
            flat |= group
        elif group is not None:
            flat[name] = group
    return flat


def _tokens(answer: Iterable[Row]) -> list[Row]:
    """One row for each blockchain that an asset lives on, or one row if it lives on none.

    Asset and token both have a ``displayName``; the asset's becomes ``assetName``.
    """
    rows: list[Row] = []
    for asset in answer:
        shared = {name: value for name, value in asset.items() if name != "tokens"}
        shared["assetName"] = shared.pop("displayName", None)
        rows += [{**token, **shared} for token in asset.get("tokens") or [{}]]
    return rows


@dataclass(frozen=True)
class Contract:
    """``columns`` in order, each with its conversion; ``rows`` finds the rows in the answer."""

    columns: tuple[tuple[str, Callable[[list[Any]], Any]], ...]
    rows: Callable[[Any], list[Row]] = _list
    index: str | None = None


def _columns(**named: Callable[[list[Any]], Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(named.items())


_TICKER = _columns(
    symbol=texts, firstPrice=numbers, lastPrice=numbers, priceChange=numbers,
    priceChangePercent=numbers, high=numbers, low=numbers, volume=numbers, quoteVolume=numbers,
    trades=integers,
)  # fmt: skip
_MARKET = _columns(
    symbol=texts, baseSymbol=texts, quoteSymbol=texts, marketType=texts, orderBookState=texts,
    tickSize=numbers, stepSize=numbers, minPrice=numbers, maxPrice=numbers, minQuantity=numbers,
    maxQuantity=numbers, maxMultiplier=numbers, minMultiplier=numbers, maxImpactMultiplier=numbers,
    minImpactMultiplier=numbers, meanMarkPriceBand=objects, meanPremiumBand=objects,
    borrowEntryFeeMaxMultiplier=numbers, borrowEntryFeeMinMultiplier=numbers,
    maxPriceUpdateMultiplier=numbers, minPriceUpdateMultiplier=numbers, imfFunction=objects,
    mmfFunction=objects, fundingInterval=integers, fundingRateUpperBound=numbers,
    fundingRateLowerBound=numbers, openInterestLimit=numbers, positionLimitWeight=numbers,
    createdAt=iso_times, visible=flags,
)  # fmt: skip
# The three shapes of an order share one set of names; these are the columns of all of them, and
# only createdAt is spelled differently (milliseconds here, ISO text in the history).
_ORDER_HEAD = dict(id=texts, clientId=integers, createdAt=ms_times, symbol=texts, side=texts,
                   orderType=texts, status=texts, price=numbers, quantity=numbers,
                   quoteQuantity=numbers, executedQuantity=numbers, executedQuoteQuantity=numbers,
                   timeInForce=texts, postOnly=flags, selfTradePrevention=texts)  # fmt: skip
_ORDER_TAIL = dict(triggerPrice=numbers, triggerQuantity=texts, triggerBy=texts,
                   takeProfitTriggerPrice=numbers, takeProfitLimitPrice=numbers,
                   takeProfitTriggerBy=texts, stopLossTriggerPrice=numbers,
                   stopLossLimitPrice=numbers, stopLossTriggerBy=texts, strategyId=texts,
                   slippageTolerance=numbers, slippageToleranceType=texts)  # fmt: skip
_ORDER = _columns(
    **_ORDER_HEAD, reduceOnly=flags, relatedOrderId=texts, triggeredAt=ms_times, **_ORDER_TAIL
)

FRAMES: dict[str, Contract] = {
    "status": Contract(_columns(status=texts, message=texts), _record),
    "text": Contract(_columns(text=texts), lambda answer: [{"text": answer}]),
    "time": Contract(_columns(time=ms_times), lambda answer: [{"time": answer}]),
    "operations": Contract(
        _columns(
            name=texts, section=texts, method=texts, path=texts, instruction=texts, mutates=flags,
        ),
        index="name",
    ),
    # One row an asset and blockchain.
    "assets": Contract(
        _columns(
            symbol=texts, assetName=texts, blockchain=texts, displayName=texts,
            contractAddress=texts, depositEnabled=flags, minimumDeposit=numbers,
            withdrawEnabled=flags, minimumWithdrawal=numbers, maximumWithdrawal=numbers,
            withdrawalFee=numbers, nativeDecimals=integers, coingeckoId=texts,
        ),
        _tokens,
    ),
    # In the exchange's order; the filters laid flat.
    "markets": Contract(_MARKET, lambda answer: list(map(_filters, answer)), "symbol"),
    "market": Contract(_MARKET, lambda answer: list(map(_filters, _record(answer))), "symbol"),
    "ticker": Contract(_TICKER, _record, "symbol"),
    "tickers": Contract(_TICKER, index="symbol"),
    # From the highest ask down to the lowest bid.
    "depth": Contract(_columns(side=texts, price=numbers, quantity=numbers), _depth),
    # Oldest first; ``start`` is the opening time, ``end`` is exclusive. No trades: NaN prices.
    "klines": Contract(
        _columns(
            start=iso_times, open=numbers, high=numbers, low=numbers, close=numbers, volume=numbers,
            quoteVolume=numbers, trades=integers, end=iso_times,
        ),
        index="start",
    ),
    # Newest first. ``isBuyerMaker``: the taker sold.
    "trades": Contract(
        _columns(
            id=integers, timestamp=ms_times, price=numbers, quantity=numbers, quoteQuantity=numbers,
            isBuyerMaker=flags,
        )
    ),
    "open_interest": Contract(
        _columns(symbol=texts, openInterest=numbers, timestamp=ms_times), index="symbol"
    ),
    "mark_prices": Contract(
        _columns(
            symbol=texts, markPrice=numbers, indexPrice=numbers, fundingRate=numbers,
            nextFundingTimestamp=ms_times,
        ),
        index="symbol",
    ),
    # Newest first; the first interval may still be running.
    "funding_rates": Contract(
        _columns(intervalEndTimestamp=iso_times, symbol=texts, fundingRate=numbers)
    ),
    "account": Contract(
        _columns(
            leverageLimit=numbers, spotMakerFee=numbers, spotTakerFee=numbers,
            futuresMakerFee=numbers, futuresTakerFee=numbers, limitOrders=integers,
            triggerOrders=integers, borrowLimit=numbers, positionLimit=numbers, autoLend=flags,
            autoBorrowSettlements=flags, autoRepayBorrows=flags, autoRealizePnl=flags,
            liquidating=flags,
        ),
        _record,
    ),
    # In alphabetical order of the assets.
    "balances": Contract(
        _columns(symbol=texts, available=numbers, locked=numbers, staked=numbers),
        _balances,
        "symbol",
    ),
    "deposit_address": Contract(_columns(address=texts), _record),
    "order": Contract(_ORDER, _record),
    "orders": Contract(_ORDER),
    # In the order of the batch; ``operation`` is Ok or Err, an Err has code and message.
    "batch": Contract((("operation", texts), ("code", texts), ("message", texts), *_ORDER)),
    # Newest first.
    "order_history": Contract(
        _columns(
            **_ORDER_HEAD | {"createdAt": iso_times}, expiryReason=texts, systemOrderType=texts,
            **_ORDER_TAIL,
        )
    ),
    # Newest first. ``fee`` in ``feeSymbol``.
    "fills": Contract(
        _columns(
            timestamp=iso_times, symbol=texts, side=texts, price=numbers, quantity=numbers,
            fee=numbers, feeSymbol=texts, isMaker=flags, orderId=texts, clientId=texts,
            tradeId=integers, systemOrderType=texts,
        )
    ),
}  # fmt: skip
