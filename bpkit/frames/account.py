"""The columns of the account's answers: capital, orders, positions, loans, quotes, histories.

Histories are newest first.
"""

from __future__ import annotations

from . import shapes
from .conversions import flags, integers, iso_times, ms_times, numbers, objects, texts
from .shapes import FrameContract, columns

# All answers about orders have the same columns, and each leaves some of them empty. ``createdAt``
# is in milliseconds here, and ISO text in the history.
_ORDER = dict(
    id=texts, clientId=texts, createdAt=ms_times, symbol=texts, side=texts, orderType=texts,
    status=texts, price=numbers, quantity=numbers, quoteQuantity=numbers, executedQuantity=numbers,
    executedQuoteQuantity=numbers, timeInForce=texts, postOnly=flags, selfTradePrevention=texts,
    expiryReason=texts, systemOrderType=texts, reduceOnly=flags, relatedOrderId=texts,
    triggeredAt=ms_times, triggerPrice=numbers, triggerQuantity=texts, triggerBy=texts,
    takeProfitTriggerPrice=numbers, takeProfitLimitPrice=numbers, takeProfitTriggerBy=texts,
    stopLossTriggerPrice=numbers, stopLossLimitPrice=numbers, stopLossTriggerBy=texts,
    strategyId=texts, slippageTolerance=numbers, slippageToleranceType=texts,
)  # fmt: skip
# The same holds for strategies, requests for quotes, and quotes. ``duration`` and ``interval`` are
# in milliseconds.
_STRATEGY = dict(
    id=texts, clientStrategyId=texts, createdAt=ms_times, symbol=texts, side=texts,
    strategyType=texts, status=texts, quantity=numbers, executedQuantity=numbers,
    executedQuoteQuantity=numbers, duration=integers, interval=integers,
    randomizedIntervalQuantity=flags, timeInForce=texts, selfTradePrevention=texts,
    cancelReason=texts, reduceOnly=flags, slippageTolerance=numbers, slippageToleranceType=texts,
)  # fmt: skip
_RFQ = dict(
    rfqId=texts, clientId=texts, createdAt=ms_times, symbol=texts, side=texts, status=texts,
    price=numbers, quantity=numbers, quoteQuantity=numbers, executionMode=texts,
    submissionTime=ms_times, expiryTime=ms_times, systemOrderType=texts,
    deferredSettlementQuoteId=texts,
)  # fmt: skip
_QUOTE = dict(
    rfqId=texts, quoteId=texts, clientId=texts, createdAt=ms_times, status=texts,
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

_CAPITAL: dict[str, FrameContract] = {
    "account": FrameContract(columns(
        leverageLimit=numbers, spotMakerFee=numbers, spotTakerFee=numbers, futuresMakerFee=numbers,
        futuresTakerFee=numbers, limitOrders=integers, triggerOrders=integers, borrowLimit=numbers,
        positionLimit=numbers, autoLend=flags, autoBorrowSettlements=flags, autoRepayBorrows=flags,
        autoRealizePnl=flags, liquidating=flags,
    )),
    # Operations whose answer has no body.
    "max_borrow": FrameContract(columns(symbol=texts, maxBorrowQuantity=numbers)),
    "max_order": FrameContract(columns(
        symbol=texts, side=texts, maxOrderQuantity=numbers, price=numbers, reduceOnly=flags,
        autoBorrow=flags, autoBorrowRepay=flags, autoLendRedeem=flags,
    )),
    "max_withdrawal": FrameContract(columns(
        symbol=texts, maxWithdrawalQuantity=numbers, autoBorrow=flags, autoLendRedeem=flags,
    )),
    # In alphabetical order of the assets.
    "balances": FrameContract(columns(
        symbol=texts, available=numbers, locked=numbers, staked=numbers,
    ), shapes.balances, "symbol"),
    # One row for each asset. The account's totals (netEquity, imf, ...) stay in the record.
    "collateral": FrameContract(columns(
        symbol=texts, totalQuantity=numbers, availableQuantity=numbers, openOrderQuantity=numbers,
        lendQuantity=numbers, assetMarkPrice=numbers, balanceNotional=numbers,
        collateralWeight=numbers, collateralValue=numbers,
    ), shapes.collateral, "symbol"),
    "deposits": FrameContract(columns(
        createdAt=iso_times, id=texts, symbol=texts, source=texts, status=texts, quantity=numbers,
        fromAddress=texts, toAddress=texts, transactionHash=texts, fiatAmount=numbers,
        fiatCurrency=texts, institutionBic=texts, platformMemo=texts,
    )),
    "deposit_address": FrameContract(columns(address=texts)),
    # ``fee`` is in the asset itself.
    **dict.fromkeys(("withdrawal", "withdrawals"), FrameContract(_WITHDRAWAL)),
    "withdrawal_delay": FrameContract(_DELAY),
    "dust_history": FrameContract(columns(
        timestamp=iso_times, id=texts, symbol=texts, quantity=numbers, usdcReceived=numbers,
    )),
    "settlements": FrameContract(columns(
        timestamp=iso_times, source=texts, quantity=numbers, positionId=texts,
        engineSequence=integers, subaccountId=texts, userId=texts,
    )),
}  # fmt: skip
_TRADING: dict[str, FrameContract] = {
    **dict.fromkeys(("order", "orders"), FrameContract(columns(**_ORDER))),
    # In the order of the batch; ``operation`` is Ok or Err, an Err has code and message.
    "batch": FrameContract(columns(operation=texts, code=texts, message=texts, **_ORDER)),
    "order_history": FrameContract(columns(**_ORDER | {"createdAt": iso_times})),
    # ``fee`` is in ``feeSymbol``.
    "fills": FrameContract(columns(
        timestamp=iso_times, symbol=texts, side=texts, price=numbers, quantity=numbers, fee=numbers,
        feeSymbol=texts, isMaker=flags, orderId=texts, clientId=texts, tradeId=integers,
        systemOrderType=texts,
    )),
    **dict.fromkeys(("strategy", "strategies"), FrameContract(columns(**_STRATEGY))),
    "strategy_history": FrameContract(columns(**_STRATEGY | {"createdAt": iso_times})),
    # ``netQuantity``: above zero long, below zero short.
    "positions": FrameContract(columns(
        symbol=texts, netQuantity=numbers, entryPrice=numbers, markPrice=numbers,
        breakEvenPrice=numbers, estLiquidationPrice=numbers, pnlUnrealized=numbers,
        pnlRealized=numbers, cumulativeFundingPayment=numbers, cumulativeInterest=numbers,
        netCost=numbers, netExposureQuantity=numbers, netExposureNotional=numbers, imf=numbers,
        imfFunction=objects, mmf=numbers, mmfFunction=objects, positionId=texts, subaccountId=texts,
        userId=texts,
    ), index="symbol"),
    "position_history": FrameContract(columns(
        id=texts, symbol=texts, state=texts, openedAt=iso_times, closedAt=iso_times,
        netQuantity=numbers, entryPrice=numbers, markPrice=numbers, closingPrice=numbers,
        closedVolume=numbers, cumulativePnlRealized=numbers, unrealizedPnl=numbers,
        fundingQuantity=numbers, interest=numbers, fees=numbers, liquidationFees=numbers,
        liquidated=numbers, netCost=numbers, netExposureQuantity=numbers,
        netExposureNotional=numbers, imf=numbers, accountLeverage=numbers,
    )),
    # ``quantity`` is in USDC: above zero received, below zero paid.
    "funding_payments": FrameContract(columns(
        intervalEndTimestamp=iso_times, symbol=texts, quantity=numbers, fundingRate=numbers,
        subaccountId=texts, userId=texts,
    )),
}  # fmt: skip
_LOANS: dict[str, FrameContract] = {
    # ``netQuantity``: above zero lent, below zero borrowed.
    "borrow_lend_positions": FrameContract(columns(
        symbol=texts, netQuantity=numbers, netExposureQuantity=numbers, netExposureNotional=numbers,
        markPrice=numbers, cumulativeInterest=numbers, estLiquidationPrice=numbers, imf=numbers,
        imfFunction=objects, mmf=numbers, mmfFunction=objects, id=texts,
    ), index="symbol"),
    "liquidation_price": FrameContract(columns(liquidationPrice=numbers, markPrice=numbers)),
    "borrow_lend_history": FrameContract(columns(
        timestamp=iso_times, eventType=texts, symbol=texts, quantity=numbers,
        positionQuantity=numbers, source=texts, positionId=texts, spotMarginOrderId=texts,
    )),
    "interest_history": FrameContract(columns(
        timestamp=iso_times, paymentType=texts, symbol=texts, quantity=numbers,
        interestRate=numbers, interval=integers, marketSymbol=texts, positionId=texts,
    )),
    "borrow_lend_position_history": FrameContract(columns(
        createdAt=iso_times, positionId=texts, symbol=texts, side=texts, quantity=numbers,
        cumulativeInterest=numbers, avgInterestRate=numbers, source=texts,
    )),
}  # fmt: skip
_QUOTES: dict[str, FrameContract] = {
    "rfq": FrameContract(columns(**_RFQ)),
    "rfq_history": FrameContract(columns(**_PAST_RFQ)),
    "quote": FrameContract(columns(**_QUOTE)),
    "quote_history": FrameContract(columns(**_PAST_QUOTE)),
    # One row for each quote, with the fields of its request; a request without quotes has one row.
    "rfqs": FrameContract(columns(
        **_RFQ, quoteId=texts, quoteClientId=texts, quoteCreatedAt=ms_times, quoteStatus=texts,
        bidPrice=numbers, askPrice=numbers,
    ), shapes.rfqs),
    "rfq_fill_history": FrameContract(columns(
        filledAt=iso_times, createdAt=iso_times, rfqId=texts, quoteId=texts, clientId=texts,
        symbol=texts, side=texts, quantity=numbers, quoteQuantity=numbers, fillPrice=numbers,
        systemOrderType=texts,
    )),
    # ``fee`` is in ``feeSymbol``.
    "quote_fill_history": FrameContract(columns(
        filledAt=iso_times, createdAt=iso_times, rfqId=texts, quoteId=texts, clientId=texts,
        symbol=texts, side=texts, quantity=numbers, fillPrice=numbers, fee=numbers, feeSymbol=texts,
    )),
}  # fmt: skip
_VAULTS: dict[str, FrameContract] = {
    "vault_redeems": FrameContract(columns(
        timestamp=ms_times, id=texts, vaultId=texts, status=texts, vaultTokenQuantity=numbers,
        vaultToken=texts, symbol=texts, quantity=numbers, nav=numbers, reason=texts,
    )),
    "vault_nav": FrameContract(columns(
        nav=numbers, twapNav=numbers, mintNav=numbers, redeemNav=numbers, vaultEquity=numbers,
        netEquity=numbers, tokenCirculatingSupply=numbers, lastCrankTimestamp=ms_times,
    )),
}  # fmt: skip

ACCOUNT: dict[str, FrameContract] = _CAPITAL | _TRADING | _LOANS | _QUOTES | _VAULTS
