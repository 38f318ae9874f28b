"""Which parameters each operation takes, and of which kinds: the tables behind ``parsing``.

Names, kinds and what must come are those of the official specification. Those of an operation that
the sandbox does not simulate are left out: it is answered before anybody looks at them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from ..simulation.tables import ASSETS


class Kind(NamedTuple):
    """A type: its name in refusals, a parser of query text, a check of a JSON value."""

    name: str
    from_text: Callable[[str], Any]
    json_type: type  # of an object, dict: what is in it is not checked
    values: tuple[str, ...] = ()  # of an enumeration


class Parameter(NamedTuple):
    """One parameter of an operation: its kind, must it come, may it come more than once?"""

    kind: Kind
    required: bool = False
    many: bool = False


def enum(name: str, values: str) -> Kind:
    """A kind that takes only ``values``, which are parted by spaces."""
    allowed = tuple(values.split())

    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError("Expect a valid enumeration value.")
        return text

    return Kind(name, parse, str, allowed)


def integer(name: str, low: int, high: int) -> Kind:
    """A kind that takes whole numbers from ``low`` to ``high``, both included."""

    def parse(text: str) -> int:
        digits = text.removeprefix("-") if low < 0 else text
        if not (digits.isascii() and digits.isdigit()):
            raise ValueError("invalid digit found in string")
        # The length first: Python refuses to read thousands of digits.
        if len(text) > 40 or not low <= int(text) <= high:
            raise ValueError("number too large to fit in target type")
        return int(text)

    return Kind(f"integer_{name}", parse, int)


def _decimal(text: str) -> str:
    """Digits with or without a sign and a point; no exponent, which the exchange does not read."""
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)", text):
        raise ValueError("Invalid decimal: unknown character")
    return text


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("provided string was not `true` or `false`")
    return text == "true"


def _at_most_255(text: str) -> str:
    if len(text) > 255:
        raise ValueError("verification failed. maxLength(255)")
    return text


TEXT = Kind("string", str, str)
TEXT_255 = Kind("string", _at_most_255, str)
DECIMAL = Kind("string_decimal", _decimal, str)
BOOL = Kind("boolean", _boolean, bool)
U16 = integer("uint16", 0, 2**16 - 1)
U32 = integer("uint32", 0, 2**32 - 1)
U64 = integer("uint64", 0, 2**64 - 1)
I32 = integer("int32", -(2**31), 2**31 - 1)
I64 = integer("int64", -(2**63), 2**63 - 1)
SIDE = enum("Side", "Bid Ask")
ORDER_TYPE = enum("OrderTypeEnum", "Market Limit")
MARKET_TYPE = enum("MarketType", "SPOT PERP IPERP DATED PREDICTION RFQ")
SORT = enum("SortDirection", "Asc Desc")
TRIGGER_BY = enum("TriggerBy", "MarkPrice LastPrice IndexPrice")
INTERVAL = enum("KlineInterval", "1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1month")
TICKER_INTERVAL = enum("TickerInterval", "1d 1w")
DEPTH_LIMIT = enum("DepthLimit", "5 10 20 50 100 500 1000")
BLOCKCHAIN = enum(
    "Blockchain",
    "0G Aptos Arbitrum Avalanche Base Berachain Bitcoin BitcoinCash Bsc Cardano Dogecoin Eclipse "
    "EqualsMoney Ethereum Fogo HyperEVM Hyperliquid Linea Litecoin Monad Near Optimism Plasma "
    "Polygon Sei Sui Solana Stable Story Tron XRP Zcash",
)
FILL_TYPE = enum(
    "FillType",
    "User BookLiquidation Adl Backstop Liquidation AllLiquidation CollateralConversion "
    "CollateralConversionAndSpotLiquidation",
)
# Those of the sandbox; the exchange knows more than 1,600.
CUSTODY_ASSET = enum("CustodyAsset", " ".join(ASSETS))
RECIPIENT = Kind("WithdrawalRecipientInformation", str, dict)
SPAN = "1d 1w 1month 1year"
LEND_SIDE = enum("BorrowLendSide", "Borrow Lend")
OPEN_OR_CLOSED = "Open Closed"
ORDER_STATUS = enum(
    "OrderStatus", "Cancelled Expired Filled New PartiallyFilled TriggerPending TriggerFailed"
)

_SYMBOL = {"symbol": Parameter(TEXT, True)}
_MAYBE_SYMBOL = {"symbol": Parameter(TEXT)}
_PAGE = {"limit": Parameter(U64), "offset": Parameter(U64)}
_SORTED_PAGE = {**_PAGE, "sortDirection": Parameter(SORT)}
_TIMES = {"from": Parameter(I64), "to": Parameter(I64)}
_TWO_FACTOR_DELAY = {
    "withdrawalDelayHours": Parameter(U32, True),
    "twoFactorToken": Parameter(TEXT, True),
}
_ONE_ORDER = {**_SYMBOL, "orderId": Parameter(TEXT), "clientId": Parameter(U32)}
_HISTORY = {
    **_MAYBE_SYMBOL,
    **_SORTED_PAGE,
    "orderId": Parameter(TEXT),
    "strategyId": Parameter(TEXT),
    "marketType": Parameter(MARKET_TYPE, many=True),
}
_ORDER = {
    **_SYMBOL,
    "side": Parameter(SIDE, True),
    "orderType": Parameter(ORDER_TYPE, True),
    "clientId": Parameter(U32),
    "brokerId": Parameter(U16),
    "timeInForce": Parameter(enum("TimeInForce", "GTC IOC FOK")),
    "selfTradePrevention": Parameter(
        enum("SelfTradePrevention", "RejectTaker RejectMaker RejectBoth")
    ),
    "slippageToleranceType": Parameter(enum("SlippageToleranceType", "TickSize Percent")),
    **dict.fromkeys(
        ("price", "quantity", "quoteQuantity", "slippageTolerance", "takeProfitLimitPrice",
         "stopLossLimitPrice"), Parameter(DECIMAL)),
    **dict.fromkeys(
        ("triggerPrice", "triggerQuantity", "takeProfitTriggerPrice", "stopLossTriggerPrice"),
        Parameter(TEXT)),
    **dict.fromkeys(
        ("triggerBy", "takeProfitTriggerBy", "stopLossTriggerBy"), Parameter(TRIGGER_BY)),
    **dict.fromkeys(
        ("postOnly", "reduceOnly", "autoLend", "autoLendRedeem", "autoBorrow", "autoBorrowRepay"),
        Parameter(BOOL)),
}  # fmt: skip

PARAMETERS: dict[str, dict[str, Parameter]] = {
    "get_assets": {"country": Parameter(TEXT)},
    "get_markets": {"marketType": Parameter(MARKET_TYPE, many=True)},
    "get_market": _SYMBOL,
    "get_ticker": {**_SYMBOL, "interval": Parameter(TICKER_INTERVAL)},
    "get_tickers": {"interval": Parameter(TICKER_INTERVAL)},
    "get_depth": {**_SYMBOL, "limit": Parameter(DEPTH_LIMIT)},
    "get_klines": {
        **_SYMBOL,
        "interval": Parameter(INTERVAL, True),
        "startTime": Parameter(I64, True),
        "endTime": Parameter(I64),
        "priceType": Parameter(enum("KlinePriceType", "Last Index Mark")),
    },
    "get_mark_prices": {**_MAYBE_SYMBOL, "marketType": Parameter(MARKET_TYPE)},
    "get_open_interest": _MAYBE_SYMBOL,
    "get_funding_interval_rates": {**_SYMBOL, **_PAGE},
    "get_recent_trades": {**_SYMBOL, "limit": Parameter(U16)},
    "get_historical_trades": {**_SYMBOL, **_PAGE},
    "get_deposit_address": {"blockchain": Parameter(BLOCKCHAIN, True)},
    "get_order": _ONE_ORDER,
    "cancel_order": _ONE_ORDER,
    "get_open_orders": {**_MAYBE_SYMBOL, "marketType": Parameter(MARKET_TYPE)},
    "cancel_open_orders": {
        **_SYMBOL,
        "orderType": Parameter(enum("CancelOrderTypeEnum", "RestingLimitOrder ConditionalOrder")),
    },
    "execute_order": _ORDER,
    "execute_order_batch": _ORDER,
    "get_order_history": _HISTORY,
    "get_fills": {**_HISTORY, **_TIMES, "fillType": Parameter(FILL_TYPE)},
    # Public reference data
    "get_prediction_events": {
        **_MAYBE_SYMBOL,
        **_PAGE,
        **dict.fromkeys(("tagSlug", "eventSlug", "seriesSlug"), Parameter(TEXT)),
        "resolved": Parameter(BOOL),
    },
    "get_borrow_lend_markets_history": {
        **_MAYBE_SYMBOL,
        "interval": Parameter(enum("BorrowLendMarketHistoryInterval", SPAN), True),
    },
    "get_apy_rates": {"tierId": Parameter(I32)},
    "get_vault_history": {
        "interval": Parameter(enum("VaultHistoryInterval", SPAN), True),
        "vaultId": Parameter(U32),
    },
    # Account
    "update_account_settings": {
        **dict.fromkeys(("autoBorrowSettlements", "autoLend", "autoRepayBorrows"), Parameter(BOOL)),
        "leverageLimit": Parameter(DECIMAL),
    },
    "get_max_borrow_quantity": _SYMBOL,
    "get_max_order_quantity": {
        **_SYMBOL,
        "side": Parameter(SIDE, True),
        "price": Parameter(DECIMAL),
        **dict.fromkeys(
            ("reduceOnly", "autoBorrow", "autoBorrowRepay", "autoLendRedeem"), Parameter(BOOL)
        ),
    },
    "get_max_withdrawal_quantity": {
        **_SYMBOL,
        **dict.fromkeys(("autoBorrow", "autoLendRedeem"), Parameter(BOOL)),
    },
    # Capital
    "get_collateral": {"subaccountId": Parameter(U16)},
    "get_deposits": {**_PAGE, **_TIMES, "excludePlatform": Parameter(BOOL)},
    "get_withdrawals": {**_PAGE, **_TIMES, "id": Parameter(I32), "clientId": Parameter(TEXT)},
    "request_withdrawal": {
        "address": Parameter(TEXT, True),
        "blockchain": Parameter(BLOCKCHAIN, True),
        "clientId": Parameter(TEXT_255),
        "quantity": Parameter(DECIMAL, True),
        "symbol": Parameter(CUSTODY_ASSET, True),
        "twoFactorToken": Parameter(TEXT),
        **dict.fromkeys(("autoBorrow", "autoLendRedeem"), Parameter(BOOL)),
        "recipientInformation": Parameter(RECIPIENT),
    },
    "get_dust_history": {**_MAYBE_SYMBOL, **_SORTED_PAGE, "id": Parameter(I64)},
    "get_settlement_history": {
        **_SORTED_PAGE,
        "source": Parameter(
            enum(
                "SettlementSourceFilter",
                "BackstopLiquidation CulledBorrowInterest CulledRealizePnl "
                "CulledRealizePnlBookUtilization FundingPayment RealizePnl TradingFees "
                "TradingFeesSystem",
            )
        ),
    },
    "create_withdrawal_delay": _TWO_FACTOR_DELAY,
    "update_withdrawal_delay": _TWO_FACTOR_DELAY,
    # Positions
    "get_positions": {**_MAYBE_SYMBOL, "marketType": Parameter(MARKET_TYPE)},
    "get_funding_payments": {**_MAYBE_SYMBOL, **_SORTED_PAGE, "subaccountId": Parameter(U16)},
    "get_position_history": {
        **_MAYBE_SYMBOL,
        **_SORTED_PAGE,
        "state": Parameter(enum("PositionState", OPEN_OR_CLOSED)),
        "marketType": Parameter(MARKET_TYPE, many=True),
    },
    # Borrowing and lending
    "get_borrow_lend_estimated_liquidation_price": {
        "subaccountId": Parameter(U16),
        "borrow": Parameter(TEXT, True),
    },
    "get_borrow_lend_history": {
        **_MAYBE_SYMBOL,
        **_SORTED_PAGE,
        "type": Parameter(enum("BorrowLendEventType", "Borrow BorrowRepay Lend LendRedeem")),
        "sources": Parameter(TEXT),
        "positionId": Parameter(TEXT),
    },
    "get_interest_history": {
        **_MAYBE_SYMBOL,
        **_SORTED_PAGE,
        "asset": Parameter(TEXT),
        "positionId": Parameter(TEXT),
        "source": Parameter(enum("InterestPaymentSource", "UnrealizedPnl BorrowLend")),
    },
    "get_borrow_lend_position_history": {
        **_MAYBE_SYMBOL,
        **_SORTED_PAGE,
        "side": Parameter(LEND_SIDE),
        "state": Parameter(enum("BorrowLendPositionState", OPEN_OR_CLOSED)),
    },
    # Strategies, requests for quotes, vaults
    "get_strategies_history": {
        **_MAYBE_SYMBOL,
        **_SORTED_PAGE,
        "strategyId": Parameter(TEXT),
        "marketType": Parameter(MARKET_TYPE, many=True),
    },
    "get_rfq_history": {
        **_MAYBE_SYMBOL,
        **_SORTED_PAGE,
        "rfqId": Parameter(TEXT),
        "status": Parameter(ORDER_STATUS),
        "side": Parameter(SIDE),
        "deferredSettlement": Parameter(BOOL),
    },
    "get_quote_history": {
        **_MAYBE_SYMBOL,
        **_SORTED_PAGE,
        "quoteId": Parameter(TEXT),
        "status": Parameter(ORDER_STATUS),
        "deferredSettlement": Parameter(BOOL),
    },
    "get_rfq_fill_history": {
        **_MAYBE_SYMBOL,
        **_SORTED_PAGE,
        "quoteId": Parameter(TEXT),
        "side": Parameter(SIDE),
        "fillType": Parameter(enum("RfqFillType", "User CollateralConversion")),
        "deferredSettlement": Parameter(BOOL),
    },
    "get_quote_fill_history": {
        **_MAYBE_SYMBOL,
        **_SORTED_PAGE,
        "quoteId": Parameter(TEXT),
        "side": Parameter(SIDE),
    },
    "get_vault_pending_redeems": {"vaultId": Parameter(U32, True)},
    # Beyond the specification: their parameters are a guess.
    "get_vault_mint_history": _SORTED_PAGE,
    "get_vault_redeem_history": _SORTED_PAGE,
}
