"""The contracts of what anyone may ask: markets, prices, trades, rates, vaults."""

from __future__ import annotations

from . import shapes
from .contract import AS_IT_COMES, Contract, columns
from .conversions import flags, integers, iso_times, ms_times, numbers, objects, texts

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
# Of the market; then of its event, with the prefix where both have one.
_PREDICTION = columns(
    marketSymbol=texts, question=texts, groupLabel=texts, yesOutcomeLabel=texts,
    noOutcomeLabel=texts, activePrice=numbers, quoteVolume=numbers, quoteVolumeLifetime=numbers,
    rules=texts, imgUrl=texts, resolvedAt=iso_times, resolutionPrice=numbers,
    resolutionCondition=objects, proposedResolution=flags, proposedResolutionAt=iso_times,
    resolutionDelaySecs=integers,
    slug=texts, title=texts, description=texts, tags=objects, series=objects, resolution=objects,
    resolved=flags, eventQuoteVolume=numbers, eventImgUrl=texts, eventResolutionDelaySecs=integers,
)  # fmt: skip

PUBLIC: dict[str, Contract] = {
    "status": Contract(columns(status=texts, message=texts), shapes.record),
    "text": Contract(columns(text=texts), lambda answer: [{"text": answer}]),
    "time": Contract(columns(time=ms_times), lambda answer: [{"time": answer}]),
    "operations": Contract(
        columns(
            name=texts, section=texts, method=texts, path=texts, instruction=texts, mutates=flags,
            documented=flags, paged=flags,
        ),
        index="name",
    ),
    # Of the text that is signed, in its order. ``place`` counts characters from 1.
    "pieces": Contract(
        columns(
            order=integers, place=integers, piece=texts, name=texts, value=texts, origin=texts
        )
    ),
    "wallets": Contract(columns(blockchain=texts, address=texts)),
    # One row an asset and blockchain.
    "assets": Contract(
        columns(
            symbol=texts, assetName=texts, blockchain=texts, displayName=texts,
            contractAddress=texts, depositEnabled=flags, minimumDeposit=numbers,
            withdrawEnabled=flags, minimumWithdrawal=numbers, maximumWithdrawal=numbers,
            withdrawalFee=numbers, nativeDecimals=integers, coingeckoId=texts,
        ),
        shapes.tokens,
    ),
    # Each function an object, as it came.
    "collateral_parameters": Contract(
        columns(symbol=texts, imfFunction=objects, mmfFunction=objects, haircutFunction=objects),
        index="symbol",
    ),
    # In the exchange's order; the filters laid flat. ``fundingInterval`` in milliseconds.
    "markets": Contract(_MARKET, shapes.markets, "symbol"),
    "market": Contract(_MARKET, shapes.market, "symbol"),
    "ticker": Contract(_TICKER, shapes.record, "symbol"),
    "tickers": Contract(_TICKER, index="symbol"),
    # From the highest ask down to the lowest bid.
    "depth": Contract(columns(side=texts, price=numbers, quantity=numbers), shapes.depth),
    # Oldest first; ``start`` is the opening time, ``end`` is exclusive. No trades: NaN prices.
    "klines": Contract(
        columns(
            start=iso_times, open=numbers, high=numbers, low=numbers, close=numbers, volume=numbers,
            quoteVolume=numbers, trades=integers, end=iso_times,
        ),
        index="start",
    ),
    # Newest first. ``isBuyerMaker``: the taker sold.
    "trades": Contract(
        columns(
            id=integers, timestamp=ms_times, price=numbers, quantity=numbers, quoteQuantity=numbers,
            isBuyerMaker=flags,
        )
    ),
    "open_interest": Contract(
        columns(symbol=texts, openInterest=numbers, timestamp=ms_times), index="symbol"
    ),
    "mark_prices": Contract(
        columns(
            symbol=texts, markPrice=numbers, indexPrice=numbers, fundingRate=numbers,
            nextFundingTimestamp=ms_times,
        ),
        index="symbol",
    ),
    # Newest first; the first interval may still be running.
    "funding_rates": Contract(
        columns(intervalEndTimestamp=iso_times, symbol=texts, fundingRate=numbers)
    ),
    # One row a prediction market.
    "prediction_events": Contract(_PREDICTION, shapes.predictions),
    "prediction_tags": Contract(columns(slug=texts, title=texts)),
    # Times of day, local to ``timezone``, are text. Weekdays count from Monday, 1, to Sunday, 7.
    "market_sessions": Contract(
        columns(
            name=texts, description=texts, startTime=texts, endTime=texts, timezone=texts,
            startWeekday=integers, endWeekday=integers,
        )
    ),
    # One row a security and session; ``name`` is the session's.
    "securities": Contract(
        columns(
            asset=texts, securityName=texts, cusip=texts, name=texts, minQuantity=numbers,
            maxQuantity=numbers, stepSize=numbers,
        ),
        shapes.securities,
    ),
    # Quantities in the asset, rates a year.
    "borrow_lend_markets": Contract(
        columns(
            symbol=texts, state=texts, timestamp=iso_times, assetMarkPrice=numbers,
            borrowInterestRate=numbers, lendInterestRate=numbers, borrowedQuantity=numbers,
            lentQuantity=numbers, utilization=numbers, optimalUtilization=numbers,
            maxUtilization=numbers, openBorrowLendLimit=numbers, fee=numbers,
            throttleUtilizationThreshold=numbers, throttleUtilizationBound=numbers,
            throttleUpdateFraction=numbers, stepSize=numbers,
        ),
        index="symbol",
    ),
    # Rows name no asset: ask for one.
    "borrow_lend_markets_history": Contract(
        columns(
            timestamp=iso_times, borrowInterestRate=numbers, lendInterestRate=numbers,
            borrowedQuantity=numbers, lentQuantity=numbers, utilization=numbers,
        )
    ),
    # One row an asset, from both lists; NaN where only the other list names it.
    "apy": Contract(
        columns(
            symbol=texts, borrowRate=numbers, lendRate=numbers, dilutionFactor=numbers,
            stakingRate=numbers,
        ),
        shapes.apy,
        "symbol",
    ),
    "vaults": Contract(
        columns(
            id=texts, vaultToken=texts, symbol=texts, mintsEnabled=flags, redeemsEnabled=flags,
            minMintQuantity=numbers, minRedeemTokens=numbers, redeemDelayMs=integers,
            tokenStepSize=numbers, remainingMintQuantity=numbers,
        )
    ),
    "vault_history": Contract(
        columns(
            timestamp=iso_times, vaultId=texts, nav=numbers, vaultEquity=numbers,
            tokenCirculatingSupply=numbers,
        )
    ),
    # Not documented.
    "fee_tiers": AS_IT_COMES,
    "market_holidays": AS_IT_COMES,
    "country": AS_IT_COMES,
    "country_permissions": AS_IT_COMES,
}  # fmt: skip
