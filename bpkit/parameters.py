"""The parameters of every operation: name, type, closed set, required or not. Data only.

The client checks and converts what you pass by this table (``serialize.fields``), and the sandbox
reads what arrives by the same table, with code of its own.

Source: Backpack Exchange OpenAPI (profile of 2026-08-03).
"""

from __future__ import annotations

from typing import Any, NamedTuple, get_args

from . import enums


class Kind(NamedTuple):
    """A type of parameter.

    ``name``: the exchange's own word for the type, which its refusals show. ``form``: how the
    client checks and converts a value, a name in ``serialize.CONVERT``. ``low`` and ``high`` bound
    a whole number; of a text, ``high`` is the greatest length (0: any). ``values``: the closed set.
    """

    name: str
    form: str = "text"
    low: int = 0
    high: int = 0
    values: tuple[Any, ...] = ()


class Parameter(NamedTuple):
    """One parameter of an operation. ``many``: several values are a repeated query parameter."""

    kind: Kind
    required: bool = False
    many: bool = False


def of_form(*forms: str) -> frozenset[str]:
    """The names of all parameters with one of these forms."""
    every = (pair for known in PARAMETERS.values() for pair in known.items())
    return frozenset(name for name, one in every if one.kind.form in forms)


def _enum(name: str, literal: Any) -> Kind:
    return Kind(name, "choice", values=get_args(literal))


def _whole(name: str, low: int, high: int, form: str = "whole") -> Kind:
    return Kind(f"integer_{name}", form, low, high)


def _must(kind: Kind) -> Parameter:
    return Parameter(kind, required=True)


def _each(kind: Kind, names: str, required: bool = False) -> dict[str, Parameter]:
    return dict.fromkeys(names.split(), Parameter(kind, required))


TEXT = Kind("string")
SYMBOL = Kind("string", "symbol")
SECRET = Kind("string", "secret")
AMOUNT = Kind("string_decimal", "amount")
TRIGGER_PRICE = Kind("string", "amount")
BOOLEAN = Kind("boolean", "flag")
U16, U32, U64 = (_whole(f"uint{bits}", 0, 2**bits - 1) for bits in (16, 32, 64))
I32, I64 = (_whole(f"int{bits}", -(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (32, 64))
SECONDS, MILLISECONDS = (I64._replace(form=form) for form in ("seconds", "milliseconds"))
SIDE = _enum("Side", enums.Side)
MARKET_TYPE = _enum("MarketType", enums.MarketType)
BLOCKCHAIN = _enum("Blockchain", enums.Blockchain)
ORDER_STATUS = _enum("OrderStatus", enums.OrderStatus)
TICKER_INTERVAL = _enum("TickerInterval", enums.TickerInterval)
STRATEGY_TYPE = _enum("StrategyTypeEnum", enums.StrategyType)
# 1,601 names, and more with each listing. The client sends any symbol; the exchange decides.
CUSTODY_ASSET = Kind("CustodyAsset", "symbol")
RECIPIENT = Kind("WithdrawalRecipientInformation", "recipient")
RECIPIENT_FIELDS: dict[str, Parameter] = {
    "withdrawal_address_id": _must(I32),
    "withdrawal_purpose": Parameter(TEXT),
    "sanctions_representation": Parameter(BOOLEAN),
}

_SYMBOL = {"symbol": _must(SYMBOL)}
_MAYBE_SYMBOL = {"symbol": Parameter(SYMBOL)}
_PAGE = _each(U64, "limit offset")
_SORTED = _PAGE | {"sortDirection": Parameter(_enum("SortDirection", enums.SortDirection))}
_PERIOD = _each(MILLISECONDS, "from to")
_TYPE = {"marketType": Parameter(MARKET_TYPE)}
_TYPES = {"marketType": Parameter(MARKET_TYPE, many=True)}
_BORROWING = _each(BOOLEAN, "autoLend autoLendRedeem autoBorrow autoBorrowRepay")
_ONE_ORDER = _SYMBOL | {"orderId": Parameter(TEXT), "clientId": Parameter(U32)}
_ONE_STRATEGY = _SYMBOL | {"strategyId": Parameter(TEXT), "clientStrategyId": Parameter(U32)}
_ONE_RFQ = {"rfqId": Parameter(TEXT), "clientId": Parameter(U32)}
_HISTORY = _MAYBE_SYMBOL | _SORTED | _TYPES | _each(TEXT, "orderId strategyId")
_DEFERRED = {"deferredSettlement": Parameter(BOOLEAN)}
_DELAY = {"withdrawalDelayHours": _must(U32), "twoFactorToken": _must(SECRET)}
_TERMS = _BORROWING | {
    **_each(BOOLEAN, "postOnly reduceOnly"),
    "brokerId": Parameter(U16),
    "timeInForce": Parameter(_enum("TimeInForce", enums.TimeInForce)),
    "selfTradePrevention": Parameter(_enum("SelfTradePrevention", enums.SelfTradePrevention)),
    "slippageTolerance": Parameter(AMOUNT._replace(form="tolerance")),
    "slippageToleranceType": Parameter(_enum("SlippageToleranceType", enums.SlippageToleranceType)),
}
ORDER: dict[str, Parameter] = {
    **_SYMBOL,
    "side": _must(SIDE),
    "orderType": _must(_enum("OrderTypeEnum", enums.OrderType)),
    "clientId": Parameter(U32),
    **_TERMS,
    **_each(AMOUNT, "price quantity quoteQuantity takeProfitLimitPrice stopLossLimitPrice"),
    **_each(TRIGGER_PRICE, "triggerPrice takeProfitTriggerPrice stopLossTriggerPrice"),
    "triggerQuantity": Parameter(TRIGGER_PRICE._replace(form="amount_or_share")),
    **_each(_enum("TriggerBy", enums.TriggerBy), "triggerBy takeProfitTriggerBy stopLossTriggerBy"),
}

# Operations that take no parameters have no row.
PARAMETERS: dict[str, dict[str, Parameter]] = {
    # Assets, Markets, Trades
    "get_assets": {"country": Parameter(TEXT)},
    "get_markets": _TYPES,
    "get_market": _SYMBOL,
    "get_ticker": _SYMBOL | {"interval": Parameter(TICKER_INTERVAL)},
    "get_tickers": {"interval": Parameter(TICKER_INTERVAL)},
    "get_depth": _SYMBOL | {"limit": Parameter(_enum("DepthLimit", enums.DepthLimit))},
    "get_klines": _SYMBOL | {
        "interval": _must(_enum("KlineInterval", enums.KlineInterval)),
        "startTime": _must(SECONDS),
        "endTime": Parameter(SECONDS),
        "priceType": Parameter(_enum("KlinePriceType", enums.PriceType)),
    },
    "get_mark_prices": _MAYBE_SYMBOL | _TYPE,
    "get_open_interest": _MAYBE_SYMBOL,
    "get_funding_interval_rates": _SYMBOL | _PAGE,
    "get_prediction_events": _MAYBE_SYMBOL | _PAGE
    | _each(TEXT, "tagSlug eventSlug seriesSlug") | {"resolved": Parameter(BOOLEAN)},
    "get_recent_trades": _SYMBOL | {"limit": Parameter(U16)},
    "get_historical_trades": _SYMBOL | _PAGE,
    # Account
    "update_account_settings": _each(BOOLEAN, "autoBorrowSettlements autoLend autoRepayBorrows")
    | {"leverageLimit": Parameter(AMOUNT)},
    "get_max_borrow_quantity": _SYMBOL,
    "get_max_order_quantity": _SYMBOL | {"side": _must(SIDE), "price": Parameter(AMOUNT)}
    | _each(BOOLEAN, "reduceOnly autoBorrow autoBorrowRepay autoLendRedeem"),
    "get_max_withdrawal_quantity": _SYMBOL | _each(BOOLEAN, "autoBorrow autoLendRedeem"),
    # Capital, Withdrawal Delays
    "get_collateral": {"subaccountId": Parameter(U16)},
    "get_deposit_address": {"blockchain": _must(BLOCKCHAIN)},
    "get_deposits": _PAGE | _PERIOD | {"excludePlatform": Parameter(BOOLEAN)},
    "get_withdrawals": _PAGE | _PERIOD | {
        "id": Parameter(I32), "clientId": Parameter(TEXT),
    },
    "request_withdrawal": {
        "address": _must(TEXT),
        "blockchain": _must(BLOCKCHAIN),
        "symbol": _must(CUSTODY_ASSET),
        "quantity": _must(AMOUNT),
        "clientId": Parameter(TEXT._replace(high=255)),
        "twoFactorToken": Parameter(SECRET),
        **_each(BOOLEAN, "autoBorrow autoLendRedeem"),
        "recipientInformation": Parameter(RECIPIENT),
    },
    "convert_dust": {"symbol": Parameter(CUSTODY_ASSET)},
    "get_dust_history": _MAYBE_SYMBOL | _SORTED | {"id": Parameter(I64)},
    "get_settlement_history": _SORTED | {
        "source": Parameter(_enum("SettlementSourceFilter", enums.SettlementSource)),
    },
    "create_withdrawal_delay": _DELAY,
    "update_withdrawal_delay": _DELAY,
    # Order
    "execute_order": ORDER,
    "execute_order_batch": ORDER,  # of each order in the list
    "get_order": _ONE_ORDER,
    "cancel_order": _ONE_ORDER,
    "get_open_orders": _MAYBE_SYMBOL | _TYPE,
    "cancel_open_orders": _SYMBOL | {
        "orderType": Parameter(_enum("CancelOrderTypeEnum", enums.CancelOrderType)),
    },
    "get_order_history": _HISTORY,
    "get_fills": _HISTORY | _PERIOD | {"fillType": Parameter(_enum("FillType", enums.FillType))},
    # Position
    "get_positions": _MAYBE_SYMBOL | _TYPE,
    "get_funding_payments": _MAYBE_SYMBOL | _SORTED | {"subaccountId": Parameter(U16)},
    "get_position_history": _MAYBE_SYMBOL | _SORTED | _TYPES
    | {"state": Parameter(_enum("PositionState", enums.PositionState))},
    # Borrow Lend Markets, Borrow Lend
    "get_borrow_lend_markets_history": _MAYBE_SYMBOL | {
        "interval": _must(_enum("BorrowLendMarketHistoryInterval", enums.HistoryInterval)),
    },
    "get_apy_rates": {"tierId": Parameter(I32)},
    "get_borrow_lend_estimated_liquidation_price": {
        "borrow": _must(TEXT), "subaccountId": Parameter(U16),
    },
    "execute_borrow_lend": {
        "symbol": _must(CUSTODY_ASSET),
        "side": _must(_enum("BorrowLendSide", enums.BorrowLendSide)),
        "quantity": _must(AMOUNT),
    },
    "get_borrow_lend_history": _MAYBE_SYMBOL | _SORTED | _each(TEXT, "sources positionId")
    | {"type": Parameter(_enum("BorrowLendEventType", enums.BorrowLendEventType))},
    "get_interest_history": _MAYBE_SYMBOL | _SORTED | _each(TEXT, "asset positionId")
    | {"source": Parameter(_enum("InterestPaymentSource", enums.InterestSource))},
    "get_borrow_lend_position_history": _MAYBE_SYMBOL | _SORTED | {
        "side": Parameter(_enum("BorrowLendSide", enums.BorrowLendSide)),
        "state": Parameter(_enum("BorrowLendPositionState", enums.PositionState)),
    },
    # Strategy
    "strategy_create": _SYMBOL | _TERMS | _each(AMOUNT, "quantity price") | {
        "side": _must(SIDE),
        "strategyType": _must(STRATEGY_TYPE),
        **_each(U64, "duration interval"),
        "randomizedIntervalQuantity": Parameter(BOOLEAN),
        "clientStrategyId": Parameter(U32),
    },
    "get_strategy": _ONE_STRATEGY,
    "cancel_strategy": _ONE_STRATEGY,
    "get_open_strategies": _MAYBE_SYMBOL | _TYPE | {"strategyType": Parameter(STRATEGY_TYPE)},
    "cancel_open_strategies": _SYMBOL | {"strategyType": Parameter(STRATEGY_TYPE)},
    "get_strategies_history": _MAYBE_SYMBOL | _SORTED | _TYPES | {"strategyId": Parameter(TEXT)},
    # RFQ
    "submit_rfq": _SYMBOL | _BORROWING | _each(AMOUNT, "quantity quoteQuantity price") | {
        "side": _must(SIDE),
        "executionMode": Parameter(_enum("RfqExecutionMode", enums.RfqExecutionMode)),
        "clientId": Parameter(U32),
    },
    "submit_quote": _BORROWING | _each(AMOUNT, "bidPrice askPrice", required=True)
    | {"rfqId": _must(TEXT), "clientId": Parameter(U32)},
    "accept_quote": _ONE_RFQ | {"quoteId": _must(TEXT)},
    "refresh_rfq": {"rfqId": _must(TEXT)},
    "cancel_rfq": _ONE_RFQ,
    "get_open_rfqs": _MAYBE_SYMBOL | _DEFERRED | {
        "rfqId": Parameter(U64._replace(form="digits")), "subaccountId": Parameter(U16),
    },
    "get_rfq_history": _MAYBE_SYMBOL | _SORTED | _DEFERRED | {
        "rfqId": Parameter(TEXT), "status": Parameter(ORDER_STATUS), "side": Parameter(SIDE),
    },
    "get_quote_history": _MAYBE_SYMBOL | _SORTED | _DEFERRED | {
        "quoteId": Parameter(TEXT), "status": Parameter(ORDER_STATUS),
    },
    "get_rfq_fill_history": _MAYBE_SYMBOL | _SORTED | _DEFERRED | {
        "quoteId": Parameter(TEXT),
        "side": Parameter(SIDE),
        "fillType": Parameter(_enum("RfqFillType", enums.RfqFillType)),
    },
    "get_quote_fill_history": _MAYBE_SYMBOL | _SORTED | {
        "quoteId": Parameter(TEXT), "side": Parameter(SIDE),
    },
    # Vaults
    "get_vault_history": {
        "interval": _must(_enum("VaultHistoryInterval", enums.HistoryInterval)),
        "vaultId": Parameter(U32),
    },
    "vault_mint": _SYMBOL | _each(BOOLEAN, "autoBorrow autoLendRedeem")
    | {"vaultId": _must(U32), "quantity": _must(AMOUNT)},
    "vault_redeem": {"vaultId": _must(U32), "vaultTokenQuantity": Parameter(AMOUNT)},
    "vault_redeem_cancel": {"vaultId": _must(U32)},
    "get_vault_pending_redeems": {"vaultId": _must(U32)},
    # Not in the specification: what they take is a guess.
    "get_vault_mint_history": _PAGE,
    "get_vault_redeem_history": _PAGE,
}  # fmt: skip
# Names of amounts, which are sent as text in digits.
AMOUNTS = of_form("amount", "amount_or_share", "tolerance")
