"""For every kind of answer: a sample with one row, one with no row, and one of nulls.

The samples are answers recorded from the exchange; if there is no recording, the fields of the
official specification.
"""

from __future__ import annotations

from typing import Any

LIMIT = {
    "clientId": None, "createdAt": 1788285244094, "executedQuantity": "0",
    "executedQuoteQuantity": "0", "id": "59669287267", "orderType": "Limit", "postOnly": True,
    "price": "1.0077", "quantity": "20", "reduceOnly": None, "relatedOrderId": None,
    "selfTradePrevention": "RejectTaker", "side": "Ask", "status": "New",
    "stopLossLimitPrice": None, "stopLossTriggerBy": None, "stopLossTriggerPrice": None,
    "strategyId": None, "symbol": "USDT_USDC", "takeProfitLimitPrice": None,
    "takeProfitTriggerBy": None, "takeProfitTriggerPrice": None, "timeInForce": "GTC",
    "triggerBy": None, "triggerPrice": None, "triggerQuantity": None, "triggeredAt": None,
}  # fmt: skip
MARKET_ORDER = {
    "clientId": None, "createdAt": 1753624283415, "executedQuantity": "0.001",
    "executedQuoteQuantity": "3.81428", "id": "4227701917", "orderType": "Market",
    "quantity": "0.001", "quoteQuantity": "3.82", "reduceOnly": None, "relatedOrderId": None,
    "selfTradePrevention": "RejectTaker", "side": "Bid", "status": "Filled",
}  # fmt: skip
HISTORY = {
    "id": "59669287267", "createdAt": "2026-09-01T17:54:04.094", "executedQuantity": "0",
    "executedQuoteQuantity": "0", "expiryReason": None, "orderType": "Limit", "postOnly": True,
    "price": "1.0077", "quantity": "20", "quoteQuantity": "20.154",
    "selfTradePrevention": "RejectTaker", "status": "Cancelled", "side": "Ask",
    "symbol": "USDT_USDC", "timeInForce": "GTC", "triggerQuantity": None, "clientId": None,
    "systemOrderType": None, "strategyId": None, "slippageTolerance": None,
    "slippageToleranceType": None,
}  # fmt: skip
TICKER = {
    "firstPrice": "78919.6", "high": "79248", "lastPrice": "77353.4", "low": "77304.7",
    "priceChange": "-1566.2", "priceChangePercent": "-0.019846", "quoteVolume": "79439561.978402",
    "symbol": "BTC_USDC_PERP", "trades": "14184", "volume": "1014.24492",
}  # fmt: skip
SOL = {
    "baseSymbol": "SOL", "createdAt": "2025-01-21T06:34:54.691858",
    "filters": {
        "price": {
            "borrowEntryFeeMaxMultiplier": "1.01", "borrowEntryFeeMinMultiplier": "0.99",
            "discoveryBoundBand": None, "maxImpactMultiplier": "1.01", "maxMultiplier": "2",
            "maxPrice": None, "maxPriceUpdateMultiplier": "1.0025",
            "meanMarkPriceBand": {"maxMultiplier": "1.03", "minMultiplier": "0.97"},
            "meanPremiumBand": None, "minImpactMultiplier": "0.99", "minMultiplier": "0.25",
            "minPrice": "0.01", "minPriceUpdateMultiplier": "0.9975", "tickSize": "0.01",
        },
        "quantity": {"maxQuantity": None, "minQuantity": "0.02", "stepSize": "0.03"},
    },
    "fundingInterval": None, "fundingRateLowerBound": None, "fundingRateUpperBound": None,
    "imfFunction": None, "marketType": "SPOT", "mmfFunction": None, "openInterestLimit": "0",
    "orderBookState": "Open", "positionLimitWeight": None, "quoteSymbol": "USDC",
    "rwaMarketType": None, "symbol": "SOL_USDC", "visible": True,
}  # fmt: skip
KLINE = {
    "close": "99.95", "end": "2026-09-02 06:57:00", "high": "99.95", "low": "99.88",
    "open": "99.88", "quoteVolume": "2790.2136", "start": "2026-09-02 06:56:00", "trades": "8",
    "volume": "27.93",
}  # fmt: skip
FILL = {
    "clientId": None, "fee": "0.004974", "feeSymbol": "USDC", "isMaker": False,
    "orderId": "4238907375", "price": "3826.15", "quantity": "0.0026", "side": "Bid",
    "symbol": "ETH_USDC_PERP", "systemOrderType": None, "timestamp": "2025-07-27T17:39:00.092",
    "tradeId": 9748827,
}  # fmt: skip
TRADE = {
    "id": 8721563, "isBuyerMaker": False, "price": "117427.6", "quantity": "0.00016",
    "quoteQuantity": "18.788416", "timestamp": 1753123916819,
}  # fmt: skip
DEPTH = {
    "asks": [["20.9", "522.15"], ["20.99", "311.25"]],
    "bids": [["20.12", "255.75"], ["20.5", "3.5"]],
    "lastUpdateId": "6730019258", "timestamp": 1785948116439400,
}  # fmt: skip
TOKEN = {
    "blockchain": "Solana", "contractAddress": "EPj", "depositEnabled": True,
    "displayName": "Solana", "maximumWithdrawal": None, "minimumDeposit": "0.5",
    "minimumWithdrawal": "2", "nativeDecimals": 6, "withdrawEnabled": False, "withdrawalFee": "1",
}  # fmt: skip
ASSET = {"symbol": "USDC", "displayName": "USD Coin", "coingeckoId": "usd-coin", "tokens": [TOKEN]}
ACCOUNT = {
    "autoBorrowSettlements": True, "autoLend": False, "autoRealizePnl": True,
    "autoRepayBorrows": True, "borrowLimit": "100", "futuresMakerFee": "2", "futuresTakerFee": "5",
    "leverageLimit": "50", "limitOrders": 3, "liquidating": False, "positionLimit": "1000",
    "spotMakerFee": "8", "spotTakerFee": "10", "triggerOrders": 0,
}  # fmt: skip
OPEN_INTEREST = {"openInterest": "206529.68", "symbol": "SOL_USDC_PERP", "timestamp": 1788285149338}
MARK = {
    "fundingRate": "0.0000125", "indexPrice": "77340.4624319", "markPrice": "77346.3",
    "nextFundingTimestamp": 1788285600000, "symbol": "BTC_USDC_PERP",
}  # fmt: skip
FUNDING = {
    "fundingRate": "0.0000125", "intervalEndTimestamp": "2025-09-11T12:00:00",
    "symbol": "ETH_USDC_PERP",
}  # fmt: skip
OPERATION = {
    "name": "get_balances", "section": "Capital", "method": "GET", "path": "/api/v1/capital",
    "instruction": "balanceQuery", "mutates": False, "documented": True, "paged": False,
}  # fmt: skip
PIECE = {
    "order": 1, "place": 25, "piece": "&price=170.50", "name": "price", "value": "170.50",
    "origin": "body",
}  # fmt: skip

SQRT = {"base": "0.02", "factor": "0.0000935", "type": "sqrt"}
POSITION = {
    "breakEvenPrice": "3831.3630555555555555555555556", "cumulativeFundingPayment": "-0.009218",
    "cumulativeInterest": "0", "entryPrice": "3826.8888888888888888888888889",
    "estLiquidationPrice": "0", "imf": "0.02", "imfFunction": SQRT, "markPrice": "3787.46813304",
    "mmf": "0.0125", "mmfFunction": {**SQRT, "base": "0.0125", "factor": "0.0000561"},
    "netCost": "13.7768", "netExposureNotional": "13.634885278944",
    "netExposureQuantity": "0.0036", "netQuantity": "0.0036", "pnlRealized": "0",
    "pnlUnrealized": "-0.141914", "positionId": "4238420454", "subaccountId": None,
    "symbol": "ETH_USDC_PERP", "userId": 1813870,
}  # fmt: skip
PAST_POSITION = {
    "accountLeverage": "10", "closedAt": "2025-07-28T08:00:00.5", "closedVolume": "13.77",
    "closingPrice": "3826.15", "cumulativePnlRealized": "0.4", "entryPrice": "3826.15",
    "fees": "0.006889", "fundingQuantity": "-0.009218", "id": "4238420454", "imf": "0.02",
    "interest": "0", "liquidated": "0", "liquidationFees": "0", "markPrice": "3826.15",
    "netCost": "0", "netExposureNotional": "0", "netExposureQuantity": "0", "netQuantity": "0",
    "openedAt": "2025-07-27T17:39:00.092", "state": "Closed", "symbol": "ETH_USDC_PERP",
    "unrealizedPnl": "0",
}  # fmt: skip
PAID_FUNDING = {
    "fundingRate": "0.0001", "intervalEndTimestamp": "2025-08-01T16:00:00",
    "quantity": "-0.001301", "subaccountId": 0, "symbol": "ETH_USDC_PERP", "userId": 1813870,
}  # fmt: skip
USDT_COLLATERAL = {
    "assetMarkPrice": "0.9997", "availableQuantity": "30", "balanceNotional": "29.991",
    "collateralValue": "28.49145", "collateralWeight": "0.95", "lendQuantity": "0",
    "openOrderQuantity": "0", "symbol": "USDT", "totalQuantity": "30",
}  # fmt: skip
COLLATERAL = {
    "assetsValue": "28.49145", "borrowLiability": "0", "collateral": [USDT_COLLATERAL],
    "imf": "1", "liabilitiesValue": "0", "marginFraction": None, "mmf": "0.007",
    "netEquity": "28.49145", "netEquityAvailable": "28.49145", "netEquityLocked": "0",
    "netExposureFutures": "0", "pnlUnrealized": "0", "unsettledEquity": "0",
}  # fmt: skip
PARAMETERS = {
    "symbol": "USDT", "imfFunction": SQRT, "mmfFunction": SQRT,
    "haircutFunction": {"weight": "0.95", "kind": {"type": "identity"}},
}  # fmt: skip
DEPOSIT = {
    "createdAt": "2025-07-23T13:55:54.267", "fiatAmount": None, "fiatCurrency": None,
    "fromAddress": "0x2e", "id": 6695353, "institutionBic": None, "platformMemo": None,
    "quantity": "120", "source": "ethereum", "status": "confirmed", "symbol": "USDC",
    "toAddress": "0xfB", "transactionHash": "0x58",
}  # fmt: skip
WITHDRAWAL = {
    "accountIdentifier": None, "bankIdentifier": None, "bankName": None, "blockchain": "Ethereum",
    "clientId": None, "createdAt": "2025-08-13T19:27:13.817", "fee": "3", "fiatFee": None,
    "fiatState": None, "fiatSymbol": None, "id": 5479929, "identifier": None, "isInternal": False,
    "providerId": None, "quantity": "10", "status": "pending", "subaccountId": None,
    "symbol": "USDC", "toAddress": "0x0a", "transactionHash": None, "triggerAt": None,
}  # fmt: skip
DELAY = {
    "currentWithdrawalDelayHours": 24, "pendingWithdrawalDelayHours": 0,
    "pendingWithdrawalDelayHoursEnabledAt": "2026-09-02T12:00:00",
}  # fmt: skip
DUST = {
    "id": 2**53 + 1, "quantity": "0.0001", "symbol": "SOL", "usdcReceived": "0.0098",
    "timestamp": "2026-09-01T12:00:00",
}  # fmt: skip
SETTLEMENT = {
    "quantity": "-0.001301", "source": "FundingPayment", "subaccountId": 0,
    "timestamp": "2025-08-01T16:00:00.004", "userId": 1813870, "positionId": "4238420454",
    "engineSequence": 2**53 + 1,
}  # fmt: skip
STRATEGY = {
    "id": "114575813313101824", "clientStrategyId": 7, "createdAt": 1788285244094,
    "executedQuantity": "1", "executedQuoteQuantity": "99.5", "quantity": "10", "reduceOnly": None,
    "selfTradePrevention": "RejectTaker", "status": "Running", "side": "Bid", "symbol": "SOL_USDC",
    "timeInForce": "IOC", "duration": 3600000, "interval": 60000, "strategyType": "Scheduled",
    "randomizedIntervalQuantity": True, "slippageTolerance": "0.5",
    "slippageToleranceType": "Percent",
}  # fmt: skip
PAST_STRATEGY = {
    **STRATEGY, "createdAt": "2026-09-01T17:54:04.094", "status": "Cancelled",
    "cancelReason": "InsufficientFunds",
}  # fmt: skip
del PAST_STRATEGY["reduceOnly"]
RFQ = {
    "rfqId": "113392053149171712", "clientId": 7, "symbol": "SOL_USDC_RFQ", "side": "Bid",
    "price": None, "quantity": "10", "quoteQuantity": None, "submissionTime": 1788285245094,
    "systemOrderType": None, "expiryTime": 1788285254094, "status": "New",
    "executionMode": "AwaitAccept", "createdAt": 1788285244094,
}  # fmt: skip
PAST_RFQ = {
    **RFQ, "createdAt": "2026-09-01T17:54:04.094", "submissionTime": "2026-09-01T17:54:05.094",
    "expiryTime": "2026-09-01T17:54:14.094", "deferredSettlementQuoteId": None,
}  # fmt: skip
QUOTE = {
    "rfqId": "113392053149171712", "quoteId": "113392053149171713", "clientId": 8,
    "bidPrice": "99.5", "askPrice": "100.5", "status": "Filled", "createdAt": 1788285244595,
}  # fmt: skip
PAST_QUOTE = {**QUOTE, "createdAt": "2026-09-01T17:54:04.595", "deferredSettlement": False}
RFQ_FILL = {
    "rfqId": "113392053149171712", "clientId": 7, "quoteId": "113392053149171713",
    "symbol": "SOL_USDC_RFQ", "side": "Bid", "quantity": "10", "quoteQuantity": None,
    "fillPrice": "100.5", "createdAt": "2026-09-01T17:54:04.094",
    "filledAt": "2026-09-01T17:54:06", "systemOrderType": None,
}  # fmt: skip
QUOTE_FILL = {
    "clientId": 8, "quoteId": "113392053149171713", "rfqId": "113392053149171712",
    "symbol": "SOL_USDC_RFQ", "side": "Ask", "quantity": "10", "fillPrice": "100.5",
    "fee": "0.1", "feeSymbol": "USDC", "createdAt": "2026-09-01T17:54:04.595",
    "filledAt": "2026-09-01T17:54:06",
}  # fmt: skip
LOAN = {
    "cumulativeInterest": "-0.01", "id": "5411399049", "imf": "1", "imfFunction": SQRT,
    "netQuantity": "-5", "markPrice": "99.9", "mmf": "0.5", "mmfFunction": SQRT,
    "netExposureQuantity": "5", "netExposureNotional": "499.5", "symbol": "SOL",
    "estLiquidationPrice": "0",
}  # fmt: skip
LENDING = {
    "state": "Open", "assetMarkPrice": "99.9", "borrowInterestRate": "0.08",
    "borrowedQuantity": "1000", "fee": "0.2", "lendInterestRate": "0.05", "lentQuantity": "1500",
    "maxUtilization": "0.9", "openBorrowLendLimit": "100000", "optimalUtilization": "0.8",
    "symbol": "SOL", "timestamp": "2026-09-01T12:00:00Z", "throttleUtilizationThreshold": "0.9",
    "throttleUtilizationBound": "0.95", "throttleUpdateFraction": "0.1", "utilization": "0.66",
    "stepSize": "0.01",
}  # fmt: skip
PAST_LENDING = {
    "borrowInterestRate": "0.08", "borrowedQuantity": "1000", "lendInterestRate": "0.05",
    "lentQuantity": "1500", "timestamp": "2026-09-01T12:00:00+00:00", "utilization": "0.66",
}  # fmt: skip
MOVEMENT = {
    "eventType": "Lend", "positionId": "5411399049", "positionQuantity": "5", "quantity": "5",
    "source": "Manual", "symbol": "SOL", "timestamp": "2026-09-01T12:00:00.5",
    "spotMarginOrderId": None,
}  # fmt: skip
INTEREST = {
    "paymentType": "Lend", "interestRate": "0.05", "interval": 3600000,
    "marketSymbol": "SOL_USDC", "positionId": "5411399049", "quantity": "0.0000285",
    "symbol": "SOL", "timestamp": "2026-09-01T12:00:00",
}  # fmt: skip
PAST_LOAN = {
    "positionId": "5411399049", "quantity": "5", "symbol": "SOL", "source": "Manual",
    "cumulativeInterest": "0.01", "avgInterestRate": "0.05", "side": "Lend",
    "createdAt": "2026-09-01T12:00:00",
}  # fmt: skip
PREDICTION = {
    "marketSymbol": "RAIN_PREDICTION", "question": "Will it rain?", "groupLabel": None,
    "yesOutcomeLabel": "Yes", "noOutcomeLabel": "No", "rules": "Rain is water.",
    "resolvedAt": None, "resolutionPrice": None, "activePrice": "0.4", "quoteVolume": "12.5",
    "quoteVolumeLifetime": "125", "imgUrl": None,
    "resolutionCondition": {"type": "Outcome", "outcome": "Yes"}, "proposedResolution": True,
    "proposedResolutionAt": "2026-09-01T12:00:00", "resolutionDelaySecs": 60,
}  # fmt: skip
EVENT = {
    "slug": "weather", "title": "Weather", "predictionMarkets": [PREDICTION],
    "tags": [{"slug": "sky", "title": "Sky"}], "series": [], "description": "Above us.",
    "imgUrl": "https://example.org/sky.png", "quoteVolume": "20", "resolution": {"resolved": False},
    "resolved": False, "resolutionDelaySecs": 7200,
}  # fmt: skip
SESSION = {
    "name": "US_MARKET_HOURS", "description": None, "startTime": "09:30:00",
    "endTime": "16:00:00", "timezone": "America/New_York", "startWeekday": 1, "endWeekday": 5,
}  # fmt: skip
TRADED_IN = {
    "name": "US_MARKET_HOURS", "minQuantity": "0.01", "maxQuantity": None, "stepSize": "0.01",
}  # fmt: skip
SECURITY = {"asset": "TSLA", "name": "Tesla, Inc.", "cusip": "88160R101", "sessions": [TRADED_IN]}
APY = {
    "borrowLend": [{"symbol": "SOL", "borrowRate": "0.08", "lendRate": "0.05"}],
    "staking": [{"symbol": "SOL", "dilutionFactor": "0.5", "stakingRate": "0.07"}],
}  # fmt: skip
VAULT = {
    "id": 1, "vaultToken": "BPV", "symbol": "USDC", "mintsEnabled": True, "redeemsEnabled": False,
    "minMintQuantity": "10", "minRedeemTokens": "1", "redeemDelayMs": 86400000,
    "tokenStepSize": "0.01", "remainingMintQuantity": "1000",
}  # fmt: skip
PAST_VAULT = {
    "vaultId": 1, "timestamp": "2026-09-01T00:00:00Z", "nav": "1.02", "vaultEquity": "1020",
    "tokenCirculatingSupply": "1000",
}  # fmt: skip
NAV = {
    "nav": "1.02", "twapNav": "1.01", "mintNav": "1.02", "redeemNav": "1.01",
    "vaultEquity": "1020", "netEquity": "1000", "tokenCirculatingSupply": "1000",
    "lastCrankTimestamp": 1788285600000,
}  # fmt: skip
REDEEM = {
    "status": "Requested", "id": "114575813313101824", "vaultId": 1, "vaultTokenQuantity": "5",
    "vaultToken": None, "symbol": None, "quantity": None, "nav": None, "reason": None,
    "timestamp": 1788285600000,
}  # fmt: skip
MAX_ORDER = {
    "autoBorrow": None, "autoBorrowRepay": True, "autoLendRedeem": False,
    "maxOrderQuantity": "20.5", "price": "100", "side": "Bid", "symbol": "SOL_USDC",
    "reduceOnly": None,
}  # fmt: skip
MAX_WITHDRAWAL = {
    "autoBorrow": None, "autoLendRedeem": None, "maxWithdrawalQuantity": "20", "symbol": "SOL",
}  # fmt: skip

# kind -> (an answer with one row, an answer with none)
ANSWERS: dict[str, tuple[Any, Any]] = {
    "status": ({"message": None, "status": "Ok"}, {}),
    "operations": ([OPERATION], []),
    "pieces": ([PIECE], []),
    "assets": ([ASSET], []),
    "markets": ([SOL], []),
    "market": (SOL, {}),
    "ticker": (TICKER, {}),
    "tickers": ([TICKER], []),
    "depth": ({**DEPTH, "bids": [], "asks": DEPTH["asks"][:1]}, {"asks": [], "bids": []}),
    "klines": ([KLINE], []),
    "trades": ([TRADE], []),
    "open_interest": ([OPEN_INTEREST], []),
    "mark_prices": ([MARK], []),
    "funding_rates": ([FUNDING], []),
    "account": (ACCOUNT, {}),
    "balances": ({"USDT": {"available": "30", "locked": "0", "staked": "0"}}, {}),
    "deposit_address": ({"address": "8mVX"}, {}),
    "order": (LIMIT, {}),
    "orders": ([LIMIT], []),
    "batch": ([{"operation": "Ok", **LIMIT}], []),
    "order_history": ([HISTORY], []),
    "fills": ([FILL], []),
    "wallets": ([{"blockchain": "Solana", "address": "8mVX"}], []),
    "collateral_parameters": ([PARAMETERS], []),
    "prediction_events": ([EVENT], []),
    "prediction_tags": ([{"slug": "sky", "title": "Sky"}], []),
    "market_sessions": ([SESSION], []),
    "securities": ([SECURITY], []),
    "borrow_lend_markets": ([LENDING], []),
    "borrow_lend_markets_history": ([PAST_LENDING], []),
    "apy": (APY, {"borrowLend": [], "staking": []}),
    "vaults": ([VAULT], []),
    "vault_history": ([PAST_VAULT], []),
    "fee_tiers": ({"futures": [{"maker": "2"}], "spot": []}, {}),
    "market_holidays": ([{"name": "New Year", "date": "2027-01-01"}], []),
    "country": ({"country": "CH"}, {}),
    "country_permissions": ({"trade": True}, {}),
    "max_borrow": ({"maxBorrowQuantity": "20", "symbol": "SOL"}, {}),
    "max_order": (MAX_ORDER, {}),
    "max_withdrawal": (MAX_WITHDRAWAL, {}),
    "collateral": (COLLATERAL, {**COLLATERAL, "collateral": []}),
    "deposits": ([DEPOSIT], []),
    "withdrawals": ([WITHDRAWAL], []),
    "withdrawal": (WITHDRAWAL, {}),
    "withdrawal_delay": (DELAY, {}),
    "dust_history": ([DUST], []),
    "settlements": ([SETTLEMENT], []),
    "two_factor_token": ({"token": "abc"}, {}),
    "strategy": (STRATEGY, {}),
    "strategies": ([STRATEGY], []),
    "strategy_history": ([PAST_STRATEGY], []),
    "positions": ([POSITION], []),
    "position_history": ([PAST_POSITION], []),
    "funding_payments": ([PAID_FUNDING], []),
    "borrow_lend_positions": ([LOAN], []),
    "liquidation_price": ({"liquidationPrice": "50.5", "markPrice": "99.9"}, {}),
    "borrow_lend_history": ([MOVEMENT], []),
    "interest_history": ([INTEREST], []),
    "borrow_lend_position_history": ([PAST_LOAN], []),
    "rfq": (RFQ, {}),
    "rfq_history": ([PAST_RFQ], []),
    "quote": (QUOTE, {}),
    "quote_history": ([PAST_QUOTE], []),
    "rfqs": ([{"rfq": RFQ, "quotes": [QUOTE]}], []),
    "rfq_fill_history": ([RFQ_FILL], []),
    "quote_fill_history": ([QUOTE_FILL], []),
    "vault_redeems": ([REDEEM], []),
    "vault_nav": (NAV, {}),
    "vault_mints": ([{"id": "5", "quantity": "10"}], []),
    "vault_redeem_history": ([{"id": "6", "quantity": "10"}], []),
}

# kind -> an answer with one row, of nulls alone
NULLS = {
    kind: [dict.fromkeys(one[0])] if isinstance(one, list) else dict.fromkeys(one)
    for kind, (one, _) in ANSWERS.items()
} | {
    "depth": {"asks": [[None, None]], "bids": None},
    "balances": {"USDT": None},
    "collateral": {"collateral": [dict.fromkeys(USDT_COLLATERAL)]},
    "apy": {"borrowLend": [dict.fromkeys(APY["borrowLend"][0])], "staking": None},
}
