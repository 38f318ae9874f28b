"""The closed sets of the API as types: what an editor offers and ``serialize.convert`` allows.

Source: Backpack Exchange OpenAPI (profile of 2026-08-03). The 1,601 assets are left out.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

Side = Literal["Bid", "Ask"]
OrderType = Literal["Market", "Limit"]
TimeInForce = Literal["GTC", "IOC", "FOK"]
SelfTradePrevention = Literal["RejectTaker", "RejectMaker", "RejectBoth"]
TriggerBy = Literal["MarkPrice", "LastPrice", "IndexPrice"]
SlippageToleranceType = Literal["TickSize", "Percent"]
CancelOrderType = Literal["RestingLimitOrder", "ConditionalOrder"]
MarketType = Literal["SPOT", "PERP", "IPERP", "DATED", "PREDICTION", "RFQ"]
SortDirection = Literal["Asc", "Desc"]
FillType = Literal[
    "User", "BookLiquidation", "Adl", "Backstop", "Liquidation", "AllLiquidation",
    "CollateralConversion", "CollateralConversionAndSpotLiquidation",
]  # fmt: skip
KlineInterval = Literal[
    "1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w",
    "1month",
]  # fmt: skip
PriceType = Literal["Last", "Index", "Mark"]
TickerInterval = Literal["1d", "1w"]
DepthLimit = Literal[5, 10, 20, 50, 100, 500, 1000]
HistoryInterval = Literal["1d", "1w", "1month", "1year"]
BorrowLendSide = Literal["Borrow", "Lend"]
BorrowLendEventType = Literal["Borrow", "BorrowRepay", "Lend", "LendRedeem"]
InterestSource = Literal["UnrealizedPnl", "BorrowLend"]
SettlementSource = Literal[
    "BackstopLiquidation", "CulledBorrowInterest", "CulledRealizePnl",
    "CulledRealizePnlBookUtilization", "FundingPayment", "RealizePnl", "TradingFees",
    "TradingFeesSystem",
]  # fmt: skip
OrderStatus = Literal[
    "Cancelled", "Expired", "Filled", "New", "PartiallyFilled", "TriggerPending", "TriggerFailed",
]  # fmt: skip
PositionState = Literal["Open", "Closed"]
RfqExecutionMode = Literal["AwaitAccept", "Immediate"]
RfqFillType = Literal["User", "CollateralConversion"]
StrategyType = Literal["Scheduled"]
Blockchain = Literal[
    "0G", "Aptos", "Arbitrum", "Avalanche", "Base", "Berachain", "Bitcoin", "BitcoinCash", "Bsc",
    "Cardano", "Dogecoin", "Eclipse", "EqualsMoney", "Ethereum", "Fogo", "HyperEVM", "Hyperliquid",
    "Linea", "Litecoin", "Monad", "Near", "Optimism", "Plasma", "Polygon", "Sei", "Sui", "Solana",
    "Stable", "Story", "Tron", "XRP", "Zcash",
]  # fmt: skip
Amount = str | int | Decimal  # of money or of an asset; never a float
