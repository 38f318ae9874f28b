"""What the exchange's web framework checks before anybody looks at a request: names and types.

Its refusals are plain text, not JSON. Their wording was seen on the wire for query parameters and
for a bad symbol in an order; the rest follows the same framework's templates.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from ..operations import Operation


class Unreadable(Exception):
    """Refused by the framework: ``status`` and plain ``text``."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class Kind(NamedTuple):
    """A type: its name in refusals, a parser of query text, a check of a JSON value."""

    name: str
    from_text: Callable[[str], Any]
    json_type: type
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


TEXT = Kind("string", str, str)
DECIMAL = Kind("string_decimal", _decimal, str)
BOOL = Kind("boolean", _boolean, bool)
U16 = integer("uint16", 0, 2**16 - 1)
U32 = integer("uint32", 0, 2**32 - 1)
U64 = integer("uint64", 0, 2**64 - 1)
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

_SYMBOL = {"symbol": Parameter(TEXT, True)}
_MAYBE_SYMBOL = {"symbol": Parameter(TEXT)}
_PAGE = {"limit": Parameter(U64), "offset": Parameter(U64)}
_ONE_ORDER = {**_SYMBOL, "orderId": Parameter(TEXT), "clientId": Parameter(U32)}
_HISTORY = {
    **_MAYBE_SYMBOL,
    **_PAGE,
    "orderId": Parameter(TEXT),
    "strategyId": Parameter(TEXT),
    "marketType": Parameter(MARKET_TYPE, many=True),
    "sortDirection": Parameter(SORT),
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
    "get_fills": {
        **_HISTORY,
        "from": Parameter(I64),
        "to": Parameter(I64),
        "fillType": Parameter(FILL_TYPE),
    },
}
_PAYLOADS = {
    "execute_order": "OrderExecutePayload",
    "execute_order_batch": "OrderExecutePayload",
    "cancel_order": "OrderCancelPayload",
    "cancel_open_orders": "OrderCancelAllPayload",
}


def read(
    operation: Operation, query: str, headers: Mapping[str, str], body: bytes, symbols: set[str]
) -> Any:
    """The parameters of a request by name (a list of them for a batch). Raises Unreadable.

    ``symbols``: what counts as a market symbol in a body. Absent and null parameters are left out.
    """
    known = PARAMETERS.get(operation.name, {})
    if operation.method == "GET":
        return _from_query(known, query)
    content = _json(headers, body)
    payload = _PAYLOADS[operation.name]
    if operation.name == "execute_order_batch":
        if not isinstance(content, list):
            raise _unexpected(f"[{payload}]", content, None)
        return [_from_object(known, one, payload, symbols) for one in content]
    return _from_object(known, content, payload, symbols)


def _from_query(known: dict[str, Parameter], query: str) -> dict[str, Any]:
    given = parse_qs(query, keep_blank_values=True)
    values: dict[str, Any] = {}
    for name, parameter in known.items():
        texts = given.get(name, [])
        if not texts and parameter.required:
            raise Unreadable(
                f"failed to parse parameter `{name}`: "
                f'Type "{parameter.kind.name}" expects an input value.'
            )
        if texts:
            parsed = [_parsed(name, parameter.kind, text) for text in texts]
            values[name] = parsed if parameter.many else parsed[0]
    return values


def _parsed(name: str, kind: Kind, text: str) -> Any:
    try:
        return kind.from_text(text)
    except ValueError as error:
        reason = f'failed to parse "{kind.name}": {error}'
        raise Unreadable(f"failed to parse parameter `{name}`: {reason}") from None


def _json(headers: Mapping[str, str], body: bytes) -> Any:
    content_type = headers.get("content-type")
    if not content_type:
        raise Unreadable("the client request does not include the `Content-Type` header", 415)
    if content_type.split(";")[0].strip().lower() != "application/json":
        raise Unreadable(
            f"the `Content-Type` requested by the client is not supported: {content_type}", 415
        )
    try:
        content = json.loads(body.decode(), parse_constant=_no_constant)
        json.dumps(content, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError):
        raise Unreadable("parse request payload error: invalid JSON") from None
    return content


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _from_object(
    known: dict[str, Parameter], content: Any, payload: str, symbols: set[str]
) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise _unexpected(payload, content, None)
    values: dict[str, Any] = {}
    for name, parameter in known.items():
        value = content.get(name)
        if value is None:
            if parameter.required:
                raise _payload(f'Type "{parameter.kind.name}" expects an input value.', payload)
            continue
        values[name] = _checked(parameter.kind, value, payload)
        if name == "symbol" and value not in symbols:
            raise _payload('failed to parse "MarketSymbol": Invalid market symbol', payload)
    return values


def _checked(kind: Kind, value: Any, payload: str) -> Any:
    # bool is a subclass of int, and a JSON true is no number.
    if type(value) is not kind.json_type:
        raise _unexpected(kind.name, value, payload)
    try:
        return value if isinstance(value, bool) else kind.from_text(str(value))
    except ValueError as error:
        raise _payload(f'failed to parse "{kind.name}": {error}', payload) from None


def _unexpected(kind: str, value: Any, payload: str | None) -> Unreadable:
    found = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return _payload(f'Expected input type "{kind}", found {found}.', payload)


def _payload(reason: str, payload: str | None) -> Unreadable:
    tail = f' (occurred while parsing "{payload}")' if payload else ""
    return Unreadable(f"parse request payload error: {reason}{tail}")
