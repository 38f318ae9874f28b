"""What can be known to be wrong before anything is sent, for each parameter of the documentation.

One rule a name, and the rules of an order, which hold for a single order and for each of a batch.
What only the exchange can know (tick, step, balance) is left to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from keyword import iskeyword
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

_HABITS = {"buy": "Bid", "sell": "Ask", "long": "Bid", "short": "Ask", "1M": "1month"}
_MANY = {"marketType"}  # may be given several times
MAX_BATCH = 50


def params(given: Mapping[str, object]) -> Fields:
    """``wire.fields`` of the parameters, each one checked by its name. Raises InputError."""
    for name, value in given.items():
        if isinstance(value, (list, tuple)) and name not in _MANY:
            raise InputError(name, value, "is a list; pass one value")
        if isinstance(value, float) and name in RULES and name not in AMOUNTS:
            RULES[name](name, value)  # tells what is wanted, which is not a number written as text
    cleaned = fields(given)
    for name, value in cleaned.items():
        for item in value if isinstance(value, list) else [value]:
            if name in RULES:
                RULES[name](name, item)
        if name in AMOUNTS and isinstance(value, int):
            cleaned[name] = str(value)  # the exchange takes amounts as text only
    return cleaned


@contextmanager
def python_names() -> Iterator[None]:
    """An InputError from inside names the field as a keyword of Python: clientId -> client_id."""
    try:
        yield
    except InputError as error:
        raise InputError(python_name(error.field), error.value, error.remedy) from None


def python_name(name: str) -> str:
    """The documentation's name as a Python argument: ``clientId`` -> ``client_id``."""
    snake = re.sub("[A-Z]", lambda capital: f"_{capital.group().lower()}", name)
    return f"{snake}_" if iskeyword(snake) else snake


def order(given: Mapping[str, object]) -> Fields:
    """The fields of one order. Raises InputError for what no exchange would take."""
    if not isinstance(given, Mapping):
        raise InputError("order", given, "is no mapping of field names to values")
    for name in given:
        if name not in ORDER_FIELDS:
            meant = [known for known in ORDER_FIELDS if _bare(known) == _bare(name)]
            hint = f"; did you mean {meant[0]!r}?" if meant else ""
            raise InputError(str(name), given[name], f"is no field of an order{hint}")
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
    if isinstance(orders, (str, Mapping)) or not isinstance(orders, Iterable):
        raise InputError("orders", orders, "is no list of orders; put each order into a list")
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


def period(first: tuple[str, object, int | None], last: tuple[str, object, int | None]) -> None:
    """(name, as given, as a number) of both ends: the end lies after the start, or InputError."""
    if first[2] is not None and last[2] is not None and last[2] <= first[2]:
        raise InputError(last[0], str(last[1]), f"is not after {first[0]}={str(first[1])!r}")


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


def _amount_or_share(name: str, value: object) -> None:
    """An amount, or a share of the position such as "80%"."""
    if isinstance(value, str) and value.endswith("%"):
        value = value[:-1]
    _amount(name, value)


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
        habit = _HABITS.get(str(value)) or _HABITS.get(str(value).lower())
        hint = habit if habit in allowed else meant
        guess = f"did you mean {hint!r}? " if hint else ""
        raise InputError(name, value, f"{guess}Allowed: {', '.join(map(str, allowed))}")

    return check


def _boolean(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise InputError(name, value, "is not True or False")


def _name(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise InputError(name, value, f'is no text; write "{value}"')
    if not value.strip():
        raise InputError(name, value, "is empty")


def _symbol(name: str, value: object) -> None:
    _name(name, value)
    if not re.fullmatch(r"[A-Za-z0-9._]+", str(value)):
        raise InputError(name, value, 'is no symbol; symbols look like "SOL_USDC", or "SOL"')


AMOUNTS = (
    "price", "quantity", "quoteQuantity", "slippageTolerance", "triggerPrice", "triggerQuantity",
    "takeProfitTriggerPrice", "takeProfitLimitPrice", "stopLossTriggerPrice", "stopLossLimitPrice",
)  # fmt: skip
RULES: dict[str, Callable[[str, object], None]] = {
    "symbol": _symbol,
    **dict.fromkeys(("orderId", "strategyId", "country"), _name),
    **dict.fromkeys(AMOUNTS, _amount),
    "triggerQuantity": _amount_or_share,
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


ORDER_FIELDS = (
    "symbol", "side", "orderType", *AMOUNTS, "clientId", "brokerId",
    "timeInForce", "selfTradePrevention", "slippageToleranceType", "postOnly", "reduceOnly",
    "autoLend", "autoLendRedeem", "autoBorrow", "autoBorrowRepay", "triggerBy",
    "takeProfitTriggerBy", "stopLossTriggerBy",
)  # fmt: skip


def _bare(name: object) -> str:
    """Without capitals and underscores, for finding what a misspelt name meant."""
    return str(name).replace("_", "").lower()


def choice(name: str, value: object, allowed: object) -> None:
    """For names that mean different sets in different operations (interval, limit, orderType)."""
    if value is not None:
        _one_of(get_args(allowed))(name, value)
