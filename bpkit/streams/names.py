"""Stream names, and the letters of their events: what each is called in REST, and its type.

Source: Backpack Exchange API, "Streams". Numbers are text on the wire, padded to the market's
decimals in some streams and not in others; here they are Decimal. A letter that is not in the table
stays in the event's ``raw``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from typing import Any, NamedTuple, get_args

from ..enums import KlineInterval
from ..errors import InputError
from ..serialize import python_name

PRIVATE = "account."
_SYMBOL = re.compile(r"\w[\w.]*", re.ASCII)
_OPTION = re.compile(r"\d+[a-zA-Z]+")  # an interval or a window; no symbol has this form
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# --- from the wire to Python ----------------------------------------------------------------------

Convert = Callable[[Any], Any]
Level = tuple[Decimal, Decimal]  # price, quantity


def number(value: str | int) -> Decimal:
    """Money, a quantity or a rate."""
    return Decimal(str(value))


def micros(value: int) -> datetime:
    """UTC from Unix microseconds."""
    return _EPOCH + timedelta(microseconds=int(value))


def to_micros(when: datetime) -> int:
    """Unix microseconds."""
    return (when - _EPOCH) // timedelta(microseconds=1)


def millis(value: int) -> datetime:
    """UTC from Unix milliseconds."""
    return _EPOCH + timedelta(milliseconds=int(value))


def iso(value: str) -> datetime:
    """UTC from a text without a zone, such as 2026-09-02T16:45:00."""
    made = datetime.fromisoformat(value)
    return made.replace(tzinfo=UTC) if made.tzinfo is None else made.astimezone(UTC)


def levels(sides: Sequence[Sequence[str]]) -> list[Level]:
    """(price, quantity) of each level; the quantity 0 says that the level is gone."""
    return [(Decimal(price), Decimal(quantity)) for price, quantity in sides]


def capitalised(value: str) -> str:
    """``LIMIT`` on the stream is ``Limit`` in REST."""
    return value.capitalize()


# --- the letters ----------------------------------------------------------------------------------

Letters = Mapping[str, tuple[str, Convert]]


def _letters(convert: Convert, **names: str) -> dict[str, tuple[str, Convert]]:
    return {letter: (name, convert) for letter, name in names.items()}


_SYMBOL_ONLY = _letters(str, s="symbol")
_TICKER = (
    _SYMBOL_ONLY
    | _letters(number, o="firstPrice", c="lastPrice", h="high", l="low", v="volume")
    | _letters(number, V="quoteVolume")
    | _letters(int, n="trades")
)
# Of each type of stream: letter -> (the name in REST, how to convert it). E and T are the times.
LETTERS: dict[str, Letters] = {
    "trade": _SYMBOL_ONLY
    | _letters(number, p="price", q="quantity")
    | _letters(bool, m="isBuyerMaker")
    | _letters(int, t="tradeId")
    | _letters(str, b="buyerOrderId", a="sellerOrderId"),
    "bookTicker": _SYMBOL_ONLY
    | _letters(number, b="bidPrice", B="bidQuantity", a="askPrice", A="askQuantity")
    | _letters(int, u="lastUpdateId"),
    "depth": _SYMBOL_ONLY
    | _letters(levels, b="bids", a="asks")
    | _letters(int, U="firstUpdateId", u="lastUpdateId"),
    "kline": _SYMBOL_ONLY
    | _letters(iso, t="start")
    | _letters(number, o="open", h="high", l="low", c="close", v="volume")
    | _letters(int, n="trades")
    | _letters(bool, X="isClosed")
    | _letters(iso, T="end"),
    "ticker": _TICKER,
    "markPrice": _SYMBOL_ONLY
    | _letters(number, p="markPrice", i="indexPrice", f="fundingRate")
    | _letters(millis, n="nextFundingTimestamp"),
    "openInterest": _SYMBOL_ONLY | _letters(number, o="openInterest"),
    "liquidation": _SYMBOL_ONLY
    | _letters(str, S="side")
    | _letters(number, p="price", q="quantity"),
    "externalTicker": _TICKER,
    "stockPrice": _TICKER,
    "account.orderUpdate": _letters(str, e="eventType")
    | _SYMBOL_ONLY
    | _letters(str, S="side")
    | _letters(capitalised, o="orderType")
    | _letters(str, X="status")
    | _letters(number, p="price", q="quantity")
    | _letters(str, i="orderId", c="clientId")
    | _letters(number, z="executedQuantity", Z="executedQuoteQuantity", Q="quoteQuantity")
    | _letters(number, L="fillPrice", l="fillQuantity")
    | _letters(int, t="tradeId")
    | _letters(number, n="fee")
    | _letters(str, N="feeSymbol")
    | _letters(bool, m="isMaker", y="postOnly", r="reduceOnly")
    | _letters(str, f="timeInForce", V="selfTradePrevention", R="expiryReason", O="origin")
    | _letters(number, P="triggerPrice")
    | _letters(str, Y="triggerQuantity", B="triggerBy")
    | _letters(number, a="takeProfitTriggerPrice", j="takeProfitLimitPrice")
    | _letters(str, d="takeProfitTriggerBy")
    | _letters(number, b="stopLossTriggerPrice", k="stopLossLimitPrice")
    | _letters(str, g="stopLossTriggerBy", I="relatedOrderId", H="strategyId"),
    "account.positionUpdate": _letters(str, e="eventType")
    | _SYMBOL_ONLY
    | _letters(number, q="netQuantity", B="entryPrice", b="breakEvenPrice", M="markPrice")
    | _letters(number, P="pnlUnrealized", p="pnlRealized")
    | _letters(number, Q="netExposureQuantity", n="netExposureNotional", f="imf", m="mmf")
    | _letters(number, l="estLiquidationPrice")
    | _letters(str, i="positionId"),
    "account.balanceUpdate": _letters(str, a="symbol")
    | _letters(number, A="available", L="locked", S="staked"),
    "account.rfqUpdate": _letters(str, e="eventType")
    | _SYMBOL_ONLY
    | _letters(str, S="side")
    | _letters(capitalised, o="orderType")
    | _letters(str, X="status")
    | _letters(number, p="price", q="quantity", Q="quoteQuantity")
    | _letters(str, R="rfqId", u="quoteId", C="clientId")
    | _letters(millis, w="submissionTime", W="expiryTime"),
}


@cache
def by_attribute(kind: str) -> dict[str, tuple[str, Convert]]:
    """Of a type of stream: name in Python -> (letter, how to convert it)."""
    letters = LETTERS.get(kind, {})
    return {python_name(name): (letter, convert) for letter, (name, convert) in letters.items()}


@cache
def all_attributes() -> frozenset[str]:
    """The names in Python of all streams' events."""
    return frozenset(name for kind in LETTERS for name in by_attribute(kind))


def as_raw(kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of REST as the stream would write it. Null is left out."""
    pairs = ((letter, row.get(name)) for letter, (name, _) in LETTERS[kind].items())
    return {letter: value for letter, value in pairs if value is not None}


# --- the names ------------------------------------------------------------------------------------

# Of a type: the options before the symbol ("" if it may be left out), and whether it has a symbol:
# always, never, or if you like.
_INTERVALS: tuple[str, ...] = get_args(KlineInterval)
_WINDOWS = ("", "200ms", "600ms", "1000ms")
_OPTIONS = {"kline": _INTERVALS, "depth": _WINDOWS}
_SYMBOL_OPTIONAL = {
    "liquidation", "account.orderUpdate", "account.positionUpdate", "account.rfqUpdate",
}  # fmt: skip
_WITHOUT_SYMBOL = {"account.balanceUpdate"}
_NEWEST = {
    "bookTicker", "ticker", "markPrice", "openInterest", "kline", "externalTicker", "stockPrice",
}  # fmt: skip
NOT_OF_SPOT = {"markPrice", "openInterest", "account.positionUpdate"}
_OTHER_MARKETS = {"stockPrice"}  # their symbol is not a market's
_MEANT = {
    **dict.fromkeys(("candle", "candles", "candlestick", "ohlcv", "klines"), "kline"),
    **dict.fromkeys(("book", "orderbook", "l2book"), "depth"),
    **dict.fromkeys(("bbo", "quote", "quotes"), "bookTicker"),
    **dict.fromkeys(("order", "orders", "orderupdate"), "account.orderUpdate"),
    **dict.fromkeys(("position", "positions", "positionupdate"), "account.positionUpdate"),
    **dict.fromkeys(("balance", "balances", "balanceupdate"), "account.balanceUpdate"),
    **dict.fromkeys(("rfq", "rfqs", "rfqupdate"), "account.rfqUpdate"),
}


class Name(NamedTuple):
    """The parts of a stream's name. ``depth.200ms.SOL_USDC`` is ("depth", "200ms", "SOL_USDC").

    ``type``: ``trade``, ``account.orderUpdate``. ``option``: the interval of a candle, the window
    of a depth; "" if there is none. ``symbol``: "" if the stream is about all markets.
    """

    type: str
    option: str
    symbol: str


@cache
def split(stream: str) -> Name:
    """The parts of a name. Symbols may contain dots, so the name is read from the left.

    A name that is not a stream's has a type that is not in ``LETTERS``.
    """
    parts = stream.split(".")
    kind = ".".join(parts[:2]) if stream.startswith(PRIVATE) else parts[0]
    rest = parts[1 + kind.count(".") :]
    option = rest.pop(0) if kind in _OPTIONS and rest and _OPTION.fullmatch(rest[0]) else ""
    return Name(kind, option, ".".join(rest))


def check_names(streams: Iterable[object]) -> list[str]:
    """The names, each once. Raises InputError for a name that is not a stream's, and for none.

    Types, intervals and windows are checked. Whether a market is listed is not checked here.
    """
    names: dict[str, None] = {}
    for stream in streams:
        if not isinstance(stream, str):
            raise InputError("streams", stream, 'is not a name, such as "trade.SOL_USDC"')
        if fault := _fault(stream):
            raise InputError("streams", stream, fault)
        names[stream] = None
    if not names:
        raise InputError("streams", (), 'is empty; name one, such as "trade.SOL_USDC"')
    return [*names]


def _fault(stream: str) -> str:
    """What is wrong with a name, and the fix; "" if nothing is."""
    kind, option, symbol = split(stream)
    if kind not in LETTERS:
        return _unknown_type(kind)
    if kind in _OPTIONS and option not in _OPTIONS[kind]:
        return _wrong_option(kind, option, symbol)
    if kind in _WITHOUT_SYMBOL:
        return f"has a symbol, but is about the whole account; write {kind!r}" if symbol else ""
    if not symbol and (kind not in _SYMBOL_OPTIONAL or stream.endswith(".")):
        example = f"{kind}.{option}.SOL_USDC" if option else f"{kind}.SOL_USDC"
        return f"has no symbol; write it as in {example!r}"
    valid = not symbol or _SYMBOL.fullmatch(symbol)
    return "" if valid else f"has {symbol!r} in place of a symbol"


def _unknown_type(kind: str) -> str:
    word = kind.removeprefix(PRIVATE)
    near = _MEANT.get(word.lower())
    known = {one.removeprefix(PRIVATE).lower(): one for one in LETTERS}
    if near is None and (found := get_close_matches(word.lower(), known, 1)):
        near = known[found[0]]
    hint = f"; did you mean {near!r}?" if near else "."
    return f"is not a stream{hint} The types are {', '.join(LETTERS)}"


def _wrong_option(kind: str, option: str, symbol: str) -> str:
    what = "an interval" if kind == "kline" else "a window"
    known = ", ".join(filter(None, _OPTIONS[kind]))
    example = f"{kind}.{_OPTIONS[kind][1]}.{symbol or 'SOL_USDC'}"
    said = f"has {option!r} in place of {what}" if option else f"has no {what.split()[1]}"
    return f"{said}; write it as in {example!r}. There are {known}"


def is_private(stream: str) -> bool:
    """Does the stream need a signature?"""
    return stream.startswith(PRIVATE)


def keeps_newest(stream: str) -> bool:
    """Is it enough to know the newest event? Then older ones go first if nobody reads them."""
    return split(stream).type in _NEWEST


def market_of(stream: str) -> str | None:
    """The market that the stream is about; None: all markets, or something else than a market."""
    name = split(stream)
    return None if name.type in _OTHER_MARKETS else name.symbol or None


def belongs(stream: str, to: str) -> bool:
    """Is an event of ``stream`` about a market also an event of the stream ``to``?

    Those of ``account.orderUpdate.SOL_USDC`` are also events of ``account.orderUpdate``.
    """
    one, other = split(stream), split(to)
    return one[:2] == other[:2] and other.symbol in ("", one.symbol)
