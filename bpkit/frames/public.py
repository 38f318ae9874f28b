"""The columns of public answers: markets, prices, trades, rates, vaults."""

from __future__ import annotations

from . import shapes
from .conversions import flags, integers, iso_times, ms_times, numbers, objects, texts
from .shapes import FrameContract, columns

_TICKER = columns(
    symbol=texts, firstPrice=numbers, lastPrice=numbers, priceChange=numbers,
    priceChangePercent=numbers, high=numbers, low=numbers, volume=numbers, quoteVolume=numbers,
    trades=integers,
)  # fmt: skip
_MARKET = columns(
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
# Of the market, then of its event. ``event...``: the market has a field of that name too.
_PREDICTION = columns(
    marketSymbol=texts, question=texts, groupLabel=texts, yesOutcomeLabel=texts,
    noOutcomeLabel=texts, activePrice=numbers, quoteVolume=numbers, quoteVolumeLifetime=numbers,
    rules=texts, imgUrl=texts, resolvedAt=iso_times, resolutionPrice=numbers,
    resolutionCondition=objects, proposedResolution=flags, proposedResolutionAt=iso_times,
    resolutionDelaySecs=integers,
    slug=texts, title=texts, description=texts, tags=objects, series=objects, resolution=objects,
    resolved=flags, eventQuoteVolume=numbers, eventImgUrl=texts, eventResolutionDelaySecs=integers,
)  # fmt: skip

PUBLIC: dict[str, FrameContract] = {
    "status": FrameContract(columns(status=texts, message=texts)),
    "text": FrameContract(columns(text=texts), lambda answer: [{"text": answer}]),
    "time": FrameContract(columns(time=ms_times), lambda answer: [{"time": answer}]),
    "operations": FrameContract(columns(
        name=texts, section=texts, method=texts, path=texts, instruction=texts, mutates=flags,
        documented=flags, paged=flags,
    ), index="name"),
    # The parts of the signed text, in order. ``place`` counts characters from 1.
    "pieces": FrameContract(columns(
        order=integers, place=integers, piece=texts, name=texts, value=texts, origin=texts,
    )),
    "wallets": FrameContract(columns(blockchain=texts, address=texts)),
    # One row for each asset and blockchain.
    "assets": FrameContract(columns(
        symbol=texts, assetName=texts, blockchain=texts, displayName=texts, contractAddress=texts,
        depositEnabled=flags, minimumDeposit=numbers, withdrawEnabled=flags,
        minimumWithdrawal=numbers, maximumWithdrawal=numbers, withdrawalFee=numbers,
        nativeDecimals=integers, coingeckoId=texts,
    ), shapes.tokens),
    # Each function is an object, as it came.
    "collateral_parameters": FrameContract(columns(
        symbol=texts, imfFunction=objects, mmfFunction=objects, haircutFunction=objects,
    ), index="symbol"),
    # In the exchange's order; each filter has a column. ``fundingInterval`` in milliseconds.
    **dict.fromkeys(("market", "markets"), FrameContract(_MARKET, shapes.markets, "symbol")),
    **dict.fromkeys(("ticker", "tickers"), FrameContract(_TICKER, index="symbol")),
    # From the highest ask down to the lowest bid.
    "depth": FrameContract(columns(side=texts, price=numbers, quantity=numbers), shapes.depth),
    # Oldest first; ``start`` is the opening time, ``end`` is exclusive. No trades: NaN prices.
    "klines": FrameContract(columns(
        start=iso_times, open=numbers, high=numbers, low=numbers, close=numbers, volume=numbers,
        quoteVolume=numbers, trades=integers, end=iso_times,
    ), index="start"),
    # Newest first. ``isBuyerMaker``: the taker sold.
    "trades": FrameContract(columns(
        id=integers, timestamp=ms_times, price=numbers, quantity=numbers, quoteQuantity=numbers,
        isBuyerMaker=flags,
    )),
    "open_interest": FrameContract(
        columns(symbol=texts, openInterest=numbers, timestamp=ms_times), index="symbol"
    ),
    "mark_prices": FrameContract(columns(
        symbol=texts, markPrice=numbers, indexPrice=numbers, fundingRate=numbers,
        nextFundingTimestamp=ms_times,
    ), index="symbol"),
    # Newest first; the first interval may still be running.
    "funding_rates": FrameContract(columns(
        intervalEndTimestamp=iso_times, symbol=texts, fundingRate=numbers,
    )),
    # One row for each prediction market.
    "prediction_events": FrameContract(_PREDICTION, shapes.predictions),
    "prediction_tags": FrameContract(columns(slug=texts, title=texts)),
    # Times of day, local to ``timezone``, are text. Weekdays count from Monday, 1, to Sunday, 7.
    "market_sessions": FrameContract(columns(
        name=texts, description=texts, startTime=texts, endTime=texts, timezone=texts,
        startWeekday=integers, endWeekday=integers,
    )),
    # One row for each security and session; ``name`` is the session's.
    "securities": FrameContract(columns(
        asset=texts, securityName=texts, cusip=texts, name=texts, minQuantity=numbers,
        maxQuantity=numbers, stepSize=numbers,
    ), shapes.securities),
    # Quantities are in the asset; rates are per year.
    "borrow_lend_markets": FrameContract(columns(
        symbol=texts, state=texts, timestamp=iso_times, assetMarkPrice=numbers,
        borrowInterestRate=numbers, lendInterestRate=numbers, borrowedQuantity=numbers,
        lentQuantity=numbers, utilization=numbers, optimalUtilization=numbers,
        maxUtilization=numbers, openBorrowLendLimit=numbers, fee=numbers,
        throttleUtilizationThreshold=numbers, throttleUtilizationBound=numbers,
        throttleUpdateFraction=numbers, stepSize=numbers,
    ), index="symbol"),
    # The rows do not name their asset: ask for one.
    "borrow_lend_markets_history": FrameContract(columns(
        timestamp=iso_times, borrowInterestRate=numbers, lendInterestRate=numbers,
        borrowedQuantity=numbers, lentQuantity=numbers, utilization=numbers,
    )),
    # One row for each asset, from both lists; NaN if only the other list has it.
    "apy": FrameContract(columns(
        symbol=texts, borrowRate=numbers, lendRate=numbers, dilutionFactor=numbers,
        stakingRate=numbers,
    ), shapes.apy, "symbol"),
    "vaults": FrameContract(columns(
        id=texts, vaultToken=texts, symbol=texts, mintsEnabled=flags, redeemsEnabled=flags,
        minMintQuantity=numbers, minRedeemTokens=numbers, redeemDelayMs=integers,
        tokenStepSize=numbers, remainingMintQuantity=numbers,
    )),
    "vault_history": FrameContract(columns(
        timestamp=iso_times, vaultId=texts, nav=numbers, vaultEquity=numbers,
        tokenCirculatingSupply=numbers,
    )),
}  # fmt: skip
