"""The contracts of what is yours: account, capital, orders, positions, loans, quotes, history.

Histories are newest first.
"""

from __future__ import annotations

from . import shapes
from .contract import AS_IT_COMES, Contract, columns
from .conversions import flags, integers, iso_times, ms_times, numbers, objects, texts

# All shapes of an order have the same columns; only createdAt is spelled differently (milliseconds
# here, ISO text in the history), and each leaves some columns empty.
_ORDER = dict(
    id=texts, clientId=integers, createdAt=ms_times, symbol=texts, side=texts, orderType=texts,
    status=texts, price=numbers, quantity=numbers, quoteQuantity=numbers, executedQuantity=numbers,
    executedQuoteQuantity=numbers, timeInForce=texts, postOnly=flags, selfTradePrevention=texts,
    expiryReason=texts, systemOrderType=texts, reduceOnly=flags, relatedOrderId=texts,
    triggeredAt=ms_times, triggerPrice=numbers, triggerQuantity=texts, triggerBy=texts,
    takeProfitTriggerPrice=numbers, takeProfitLimitPrice=numbers, takeProfitTriggerBy=texts,
    stopLossTriggerPrice=numbers, stopLossLimitPrice=numbers, stopLossTriggerBy=texts,
    strategyId=texts, slippageTolerance=numbers, slippageToleranceType=texts,
)  # fmt: skip
# Likewise a strategy, a request for a quote and a quote. ``duration`` and ``interval`` in
# milliseconds.
_STRATEGY = dict(
    id=texts, clientStrategyId=integers, createdAt=ms_times, symbol=texts, side=texts,
    strategyType=texts, status=texts, quantity=numbers, executedQuantity=numbers,
    executedQuoteQuantity=numbers, duration=integers, interval=integers,
    randomizedIntervalQuantity=flags, timeInForce=texts, selfTradePrevention=texts,
    cancelReason=texts, reduceOnly=flags, slippageTolerance=numbers, slippageToleranceType=texts,
)  # fmt: skip
_RFQ = dict(
    rfqId=texts, clientId=integers, createdAt=ms_times, symbol=texts, side=texts, status=texts,
    price=numbers, quantity=numbers, quoteQuantity=numbers, executionMode=texts,
    submissionTime=ms_times, expiryTime=ms_times, systemOrderType=texts,
    deferredSettlementQuoteId=texts,
)  # fmt: skip
_QUOTE = dict(
    rfqId=texts, quoteId=texts, clientId=integers, createdAt=ms_times, status=texts,
    bidPrice=numbers, askPrice=numbers, deferredSettlement=flags,
)  # fmt: skip
_ISO = {name: iso_times for name in ("createdAt", "submissionTime", "expiryTime")}
_PAST_RFQ = _RFQ | _ISO
_PAST_QUOTE = _QUOTE | {"createdAt": iso_times}
_WITHDRAWAL = columns(
    createdAt=iso_times, id=texts, clientId=texts, symbol=texts, blockchain=texts, status=texts,
    quantity=numbers, fee=numbers, toAddress=texts, transactionHash=texts, isInternal=flags,
    triggerAt=iso_times, identifier=texts, subaccountId=texts, fiatFee=numbers, fiatState=texts,
    fiatSymbol=texts, providerId=texts, bankName=texts, bankIdentifier=texts,
    accountIdentifier=texts,
)  # fmt: skip
_DELAY = columns(
    currentWithdrawalDelayHours=integers, pendingWithdrawalDelayHours=integers,
    pendingWithdrawalDelayHoursEnabledAt=iso_times,
)  # fmt: skip

_CAPITAL: dict[str, Contract] = {
    "account": Contract(
        columns(
            leverageLimit=numbers, spotMakerFee=numbers, spotTakerFee=numbers,
            futuresMakerFee=numbers, futuresTakerFee=numbers, limitOrders=integers,
            triggerOrders=integers, borrowLimit=numbers, positionLimit=numbers, autoLend=flags,
            autoBorrowSettlements=flags, autoRepayBorrows=flags, autoRealizePnl=flags,
            liquidating=flags,
        ),
        shapes.record,
    ),
    # Operations that answer with nothing.
    "empty": AS_IT_COMES,
    "max_borrow": Contract(columns(symbol=texts, maxBorrowQuantity=numbers), shapes.record),
    "max_order": Contract(
        columns(
            symbol=texts, side=texts, maxOrderQuantity=numbers, price=numbers, reduceOnly=flags,
            autoBorrow=flags, autoBorrowRepay=flags, autoLendRedeem=flags,
        ),
        shapes.record,
    ),
    "max_withdrawal": Contract(
        columns(
            symbol=texts, maxWithdrawalQuantity=numbers, autoBorrow=flags, autoLendRedeem=flags
        ),
        shapes.record,
    ),
    # In alphabetical order of the assets.
    "balances": Contract(
        columns(symbol=texts, available=numbers, locked=numbers, staked=numbers),
        shapes.balances,
        "symbol",
    ),
    # One row an asset. The account's totals (netEquity, imf, ...) stay in the record.
    "collateral": Contract(
        columns(
            symbol=texts, totalQuantity=numbers, availableQuantity=numbers,
            openOrderQuantity=numbers, lendQuantity=numbers, assetMarkPrice=numbers,
            balanceNotional=numbers, collateralWeight=numbers, collateralValue=numbers,
        ),
        shapes.collateral,
        "symbol",
    ),
    "deposits": Contract(
        columns(
            createdAt=iso_times, id=texts, symbol=texts, source=texts, status=texts,
            quantity=numbers, fromAddress=texts, toAddress=texts, transactionHash=texts,
            fiatAmount=numbers, fiatCurrency=texts, institutionBic=texts, platformMemo=texts,
        )
    ),
    "deposit_address": Contract(columns(address=texts), shapes.record),
    # ``fee`` in the asset itself.
    "withdrawals": Contract(_WITHDRAWAL),
    "withdrawal": Contract(_WITHDRAWAL, shapes.record),
    "withdrawal_delay": Contract(_DELAY, shapes.record),
    "dust_history": Contract(
        columns(
            timestamp=iso_times, id=texts, symbol=texts, quantity=numbers, usdcReceived=numbers
        )
    ),
    "settlements": Contract(
        columns(
            timestamp=iso_times, source=texts, quantity=numbers, positionId=texts,
            engineSequence=integers, subaccountId=texts, userId=texts,
        )
    ),
    # Not documented.
    "two_factor_token": AS_IT_COMES,
}  # fmt: skip
_TRADING: dict[str, Contract] = {
    "order": Contract(columns(**_ORDER), shapes.record),
    "orders": Contract(columns(**_ORDER)),
    # In the order of the batch; ``operation`` is Ok or Err, an Err has code and message.
    "batch": Contract(columns(operation=texts, code=texts, message=texts, **_ORDER)),
    "order_history": Contract(columns(**_ORDER | {"createdAt": iso_times})),
    # ``fee`` in ``feeSymbol``.
    "fills": Contract(
        columns(
            timestamp=iso_times, symbol=texts, side=texts, price=numbers, quantity=numbers,
            fee=numbers, feeSymbol=texts, isMaker=flags, orderId=texts, clientId=texts,
            tradeId=integers, systemOrderType=texts,
        )
    ),
    "strategy": Contract(columns(**_STRATEGY), shapes.record),
    "strategies": Contract(columns(**_STRATEGY)),
    "strategy_history": Contract(columns(**_STRATEGY | {"createdAt": iso_times})),
    # ``netQuantity``: above zero long, below zero short.
    "positions": Contract(
        columns(
            symbol=texts, netQuantity=numbers, entryPrice=numbers, markPrice=numbers,
            breakEvenPrice=numbers, estLiquidationPrice=numbers, pnlUnrealized=numbers,
            pnlRealized=numbers, cumulativeFundingPayment=numbers, cumulativeInterest=numbers,
            netCost=numbers, netExposureQuantity=numbers, netExposureNotional=numbers,
            imf=numbers, imfFunction=objects, mmf=numbers, mmfFunction=objects, positionId=texts,
            subaccountId=texts, userId=texts,
        ),
        index="symbol",
    ),
    "position_history": Contract(
        columns(
            id=texts, symbol=texts, state=texts, openedAt=iso_times, closedAt=iso_times,
            netQuantity=numbers, entryPrice=numbers, markPrice=numbers, closingPrice=numbers,
            closedVolume=numbers, cumulativePnlRealized=numbers, unrealizedPnl=numbers,
            fundingQuantity=numbers, interest=numbers, fees=numbers, liquidationFees=numbers,
            liquidated=numbers, netCost=numbers, netExposureQuantity=numbers,
            netExposureNotional=numbers, imf=numbers, accountLeverage=numbers,
        )
    ),
    # ``quantity`` in USDC: above zero received, below zero paid.
    "funding_payments": Contract(
        columns(
            intervalEndTimestamp=iso_times, symbol=texts, quantity=numbers, fundingRate=numbers,
            subaccountId=texts, userId=texts,
        )
    ),
}  # fmt: skip
_LOANS: dict[str, Contract] = {
    # ``netQuantity``: above zero lent, below zero borrowed.
    "borrow_lend_positions": Contract(
        columns(
            symbol=texts, netQuantity=numbers, netExposureQuantity=numbers,
            netExposureNotional=numbers, markPrice=numbers, cumulativeInterest=numbers,
            estLiquidationPrice=numbers, imf=numbers, imfFunction=objects, mmf=numbers,
            mmfFunction=objects, id=texts,
        ),
        index="symbol",
    ),
    "liquidation_price": Contract(
        columns(liquidationPrice=numbers, markPrice=numbers), shapes.record
    ),
    "borrow_lend_history": Contract(
        columns(
            timestamp=iso_times, eventType=texts, symbol=texts, quantity=numbers,
            positionQuantity=numbers, source=texts, positionId=texts, spotMarginOrderId=texts,
        )
    ),
    "interest_history": Contract(
        columns(
            timestamp=iso_times, paymentType=texts, symbol=texts, quantity=numbers,
            interestRate=numbers, interval=integers, marketSymbol=texts, positionId=texts,
        )
    ),
    "borrow_lend_position_history": Contract(
        columns(
            createdAt=iso_times, positionId=texts, symbol=texts, side=texts, quantity=numbers,
            cumulativeInterest=numbers, avgInterestRate=numbers, source=texts,
        )
    ),
}  # fmt: skip
_QUOTES: dict[str, Contract] = {
    "rfq": Contract(columns(**_RFQ), shapes.record),
    "rfq_history": Contract(columns(**_PAST_RFQ)),
    "quote": Contract(columns(**_QUOTE), shapes.record),
    "quote_history": Contract(columns(**_PAST_QUOTE)),
    # One row a quote, with the fields of its request; a request without quotes has one row.
    "rfqs": Contract(
        columns(
            **_RFQ, quoteId=texts, quoteClientId=integers, quoteCreatedAt=ms_times,
            quoteStatus=texts, bidPrice=numbers, askPrice=numbers,
        ),
        shapes.rfqs,
    ),
    "rfq_fill_history": Contract(
        columns(
            filledAt=iso_times, createdAt=iso_times, rfqId=texts, quoteId=texts, clientId=integers,
            symbol=texts, side=texts, quantity=numbers, quoteQuantity=numbers, fillPrice=numbers,
            systemOrderType=texts,
        )
    ),
    # ``fee`` in ``feeSymbol``.
    "quote_fill_history": Contract(
        columns(
            filledAt=iso_times, createdAt=iso_times, rfqId=texts, quoteId=texts, clientId=integers,
            symbol=texts, side=texts, quantity=numbers, fillPrice=numbers, fee=numbers,
            feeSymbol=texts,
        )
    ),
}  # fmt: skip
_VAULTS: dict[str, Contract] = {
    "vault_redeems": Contract(
        columns(
            timestamp=ms_times, id=texts, vaultId=texts, status=texts, vaultTokenQuantity=numbers,
            vaultToken=texts, symbol=texts, quantity=numbers, nav=numbers, reason=texts,
        )
    ),
    "vault_nav": Contract(
        columns(
            nav=numbers, twapNav=numbers, mintNav=numbers, redeemNav=numbers, vaultEquity=numbers,
            netEquity=numbers, tokenCirculatingSupply=numbers, lastCrankTimestamp=ms_times,
        ),
        shapes.record,
    ),
    # Not documented.
    "vault_mints": AS_IT_COMES,
    "vault_redeem_history": AS_IT_COMES,
}  # fmt: skip

ACCOUNT: dict[str, Contract] = _CAPITAL | _TRADING | _LOANS | _QUOTES | _VAULTS
