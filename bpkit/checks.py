"""What can be known to be wrong before anything is sent, for each parameter of the documentation.

One rule a name, and the rules of an order, which hold for a single order and for each of a batch.
What only the exchange can know (tick, step, balance) is left to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Literal, get_args

from .errors import InputError
from .wire import Fields, fields

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
Blockchain = Literal[
    "0G", "Aptos", "Arbitrum", "Avalanche", "Base", "Berachain", "Bitcoin", "BitcoinCash", "Bsc",
    "Cardano", "Dogecoin", "Eclipse", "EqualsMoney", "Ethereum", "Fogo", "HyperEVM", "Hyperliquid",
    "Linea", "Litecoin", "Monad", "Near", "Optimism", "Plasma", "Polygon", "Sei", "Sui", "Solana",
    "Stable", "Story", "Tron", "XRP", "Zcash",
]  # fmt: skip
Amount = str | int | Decimal  # of money or of an asset; never a float

_HABITS = {"buy": "Bid", "sell": "Ask", "long": "Bid", "short": "Ask"}
MAX_BATCH = 50


def params(given: Mapping[str, object]) -> Fields:
    """``wire.fields`` of the parameters, each one checked by its name. Raises InputError."""
    cleaned = fields(given)
    for name, value in cleaned.items():
        if name in RULES:
            for item in value if isinstance(value, list) else [value]:
                RULES[name](name, item)
    return cleaned


def order(given: Mapping[str, object]) -> Fields:
    """The fields of one order. Raises InputError for what no exchange would take."""
    cleaned = params(given)
    for name in ("symbol", "side", "orderType"):
        if name not in cleaned:
            raise InputError(name, None, "is missing; every order needs symbol, side and orderType")
    choice("orderType", cleaned["orderType"], OrderType)
    if cleaned["orderType"] == "Limit":
        _limit(cleaned)
    else:
        _market(cleaned)
    if ("triggerPrice" in cleaned) != ("triggerQuantity" in cleaned):
        raise InputError(
            "triggerPrice",
            cleaned.get("triggerPrice"),
            "goes with triggerQuantity: both or neither",
        )
    return cleaned


def batch(orders: Iterable[Mapping[str, object]]) -> list[Fields]:
    """The fields of each order of a batch; a fault names its place. Raises InputError."""
    given = list(orders)
    if not 1 <= len(given) <= MAX_BATCH:
        raise InputError("orders", len(given), f"is not a number of orders from 1 to {MAX_BATCH}")
    cleaned = []
    for place, one in enumerate(given):
        try:
            cleaned.append(order(one))
        except InputError as error:
            raise InputError(f"orders[{place}].{error.field}", error.value, error.remedy) from None
    return cleaned


def one_id(order_id: object, client_id: object) -> None:
    """An order is named by its orderId or its clientId: the exchange refuses both."""
    if order_id is not None and client_id is not None:
        raise InputError("order_id", order_id, f"came with client_id={client_id!r}; pass just one")
    if order_id is None and client_id is None:
        raise InputError("order_id", None, "is missing; pass order_id or client_id")


def period(first: tuple[str, int | None], last: tuple[str, int | None]) -> None:
    """The end of a period does not lie before its start."""
    if first[1] is not None and last[1] is not None and last[1] <= first[1]:
        raise InputError(last[0], last[1], f"is not after {first[0]}={first[1]}; swap the two?")


def _limit(cleaned: Fields) -> None:
    if "price" not in cleaned:
        raise InputError("price", None, 'is missing; a Limit order needs one, such as "170.50"')
    if "quantity" not in cleaned and "triggerQuantity" not in cleaned:
        raise InputError("quantity", None, 'is missing; a Limit order needs one, such as "1.0"')
    if "quoteQuantity" in cleaned:
        raise InputError(
            "quoteQuantity", cleaned["quoteQuantity"], "is for Market orders; use quantity"
        )


def _market(cleaned: Fields) -> None:
    if "price" in cleaned:
        raise InputError(
            "price", cleaned["price"], "is for Limit orders; a Market order takes what it finds"
        )
    given = [name for name in ("quantity", "quoteQuantity", "triggerQuantity") if name in cleaned]
    if len(given) != 1:
        raise InputError(
            "quantity",
            cleaned.get("quantity"),
            "a Market order needs either quantity (of the base asset) or quoteQuantity (of the "
            f"quote asset); given: {' and '.join(given) or 'neither'}",
        )


def _amount(name: str, value: object) -> None:
    try:
        number = Decimal(str(value)) if not isinstance(value, bool) else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise InputError(name, value, 'is not a number; write text such as "1.0"')
    if number <= 0:
        raise InputError(name, value, "is not above zero")
    if not set(str(value)) <= set("0123456789."):
        raise InputError(name, value, f'write digits and a point only: "{number:f}"')


def _unsigned(bits: int) -> Callable[[str, object], None]:
    def check(name: str, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise InputError(name, value, f"is not an int from 0 to {2**bits - 1}")
        if not 0 <= value < 2**bits:
            raise InputError(name, value, f"is outside 0 to {2**bits - 1} (uint{bits})")

    return check


def _one_of(allowed: tuple[object, ...]) -> Callable[[str, object], None]:
    def check(name: str, value: object) -> None:
        # True == 1, so a bool would pass for a number.
        if value in allowed and not isinstance(value, bool):
            return
        meant = {str(one).lower(): one for one in allowed}.get(str(value).lower())
        habit = _HABITS.get(str(value).lower())
        hint = meant or (habit if habit in allowed else None)
        guess = f"did you mean {hint!r}? " if hint else ""
        raise InputError(name, value, f"{guess}Allowed: {', '.join(map(str, allowed))}")

    return check


def _boolean(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise InputError(name, value, "is not True or False")


def _name(name: str, value: object) -> None:
    if not isinstance(value, str) or not value.strip():
        raise InputError(name, value, "is empty or no text")


RULES: dict[str, Callable[[str, object], None]] = {
    **dict.fromkeys(("symbol", "orderId", "strategyId", "country"), _name),
    **dict.fromkeys(
        ("price", "quantity", "quoteQuantity", "slippageTolerance", "triggerPrice",
         "takeProfitTriggerPrice", "takeProfitLimitPrice", "stopLossTriggerPrice",
         "stopLossLimitPrice"), _amount),
    **dict.fromkeys(
        ("postOnly", "reduceOnly", "autoLend", "autoLendRedeem", "autoBorrow", "autoBorrowRepay"),
        _boolean),
    **dict.fromkeys(
        ("triggerBy", "takeProfitTriggerBy", "stopLossTriggerBy"), _one_of(get_args(TriggerBy))),
    **dict.fromkeys(("limit", "offset"), _unsigned(64)),
    "clientId": _unsigned(32),
    "brokerId": _unsigned(16),
    "side": _one_of(get_args(Side)),
    "timeInForce": _one_of(get_args(TimeInForce)),
    "selfTradePrevention": _one_of(get_args(SelfTradePrevention)),
    "slippageToleranceType": _one_of(get_args(SlippageToleranceType)),
    "marketType": _one_of(get_args(MarketType)),
    "sortDirection": _one_of(get_args(SortDirection)),
    "fillType": _one_of(get_args(FillType)),
    "blockchain": _one_of(get_args(Blockchain)),
    "priceType": _one_of(get_args(PriceType)),
}  # fmt: skip


def choice(name: str, value: object, allowed: object) -> None:
    """For names that mean different sets in different operations (interval, limit, orderType)."""
    if value is not None:
        _one_of(get_args(allowed))(name, value)
