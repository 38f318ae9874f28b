"""What can be known to be wrong before anything is sent, for each parameter of the documentation.

One rule a name; where a name means something else in one operation, a rule of that operation; and
what must come together or not at all. What only the exchange can know (tick, step, balance) is left
to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from functools import cache
from keyword import iskeyword
from typing import get_args

from .. import enums as choices
from ..errors import InputError
from ..serialize import Fields, fields

Rule = Callable[[str, object], None]  # raises InputError, naming the field that it is given

_HABITS = {"buy": "Bid", "sell": "Ask", "long": "Bid", "short": "Ask", "1M": "1month"}
# Where marketType may be given several times; elsewhere it is one value.
_MANY_TYPES = ("get_markets", "get_fills", "get_order_history", "get_strategies_history",
               "get_position_history")  # fmt: skip
MAX_BATCH = 50
MAX_WITHDRAWAL_ID = 255  # characters of the id that you give a withdrawal


def params(given: Mapping[str, object], operation: str = "") -> Fields:
    """``wire.fields`` of the parameters, each one checked by its name. Raises InputError.

    ``operation``: whose parameters they are, for the names that mean something else there.
    """
    own = OWN_RULES.get(operation, {})
    for name, value in given.items():
        if isinstance(value, (list, tuple)):
            if name != "marketType" or operation not in _MANY_TYPES:
                raise InputError(name, value, "is a list; pass one value")
            if not value:
                raise InputError(name, value, "is empty; leave it out for all")
        if isinstance(value, float) and name not in AMOUNTS:
            # Tells what is wanted, which is not a number written as text.
            _check(own, name, value)
    cleaned = fields(given)
    for name, value in cleaned.items():
        for item in value if isinstance(value, list) else [value]:
            _check(own, name, item)
        if name in AMOUNTS and isinstance(value, int):
            cleaned[name] = str(value)  # the exchange takes amounts as text only
    return cleaned


def _check(own: Mapping[str, Rule], name: str, value: object) -> None:
    rule = own.get(name) or RULES.get(name)
    if rule is not None:
        rule(name, value)


@contextmanager
def python_names() -> Iterator[None]:
    """An InputError from inside names the field as a keyword of Python: clientId -> client_id."""
    try:
        yield
    except InputError as error:
        remedy = re.sub(r"\b[a-z]+(?:[A-Z][a-z]+)+\b", lambda m: python_name(m[0]), error.remedy)
        raise InputError(python_name(error.field), error.value, remedy) from None


@cache
def python_name(name: str) -> str:
    """The documentation's name as a Python argument: ``clientId`` -> ``client_id``."""
    snake = re.sub("[A-Z]", lambda capital: f"_{capital.group().lower()}", name)
    return f"{snake}_" if iskeyword(snake) else snake


def order(given: Mapping[str, object]) -> Fields:
    """The fields of one order of a batch. Raises InputError for what no exchange would take."""
    if not isinstance(given, Mapping):
        raise InputError("order", given, "is no mapping of field names to values")
    for name in given:
        if name not in ORDER_FIELDS:
            meant = [known for known in ORDER_FIELDS if _bare(known) == _bare(name)]
            hint = f"; did you mean {meant[0]!r}?" if meant else ""
            raise InputError(str(name), given[name], f"is no field of an order{hint}")
    return whole_order(params(given, "execute_order"))


def whole_order(cleaned: Fields) -> Fields:
    """What an order's fields must have together."""
    for name in ("symbol", "side", "orderType"):
        if name not in cleaned:
            raise InputError(name, None, "is missing; every order needs symbol, side and orderType")
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


def one_id(**ids: object) -> None:
    """What has several ids is named by just one of them. Raises InputError."""
    given = {name: value for name, value in ids.items() if value is not None}
    if len(given) == 1:
        return
    first, *others = given or ids
    if not given:
        raise InputError(first, None, f"is missing; pass {' or '.join(ids)}")
    also = ", ".join(f"{name}={given[name]!r}" for name in others)
    raise InputError(first, given[first], f"came with {also}; pass just one")


def settings(cleaned: Fields) -> Fields:
    """At least one setting of the account is to change."""
    if not cleaned:
        raise InputError("leverage_limit", None, "and every other setting is missing; pass one")
    return cleaned


def rfq(cleaned: Fields) -> Fields:
    """A request for quotes names its size; only an Immediate one has a price, and it needs one."""
    if "quantity" not in cleaned and "quoteQuantity" not in cleaned:
        raise InputError(
            "quantity", None, "is missing; pass quantity (of the base asset) or quote_quantity"
        )
    immediate = cleaned.get("executionMode") == "Immediate"
    if immediate and "price" not in cleaned:
        raise InputError("price", None, "is missing; an Immediate RFQ takes the first quote in it")
    if "price" in cleaned and not immediate:
        raise InputError("price", cleaned["price"], 'needs execution_mode="Immediate"')
    return cleaned


def period(first: tuple[str, object, int | None], last: tuple[str, object, int | None]) -> None:
    """(name, as given, as a number) of both ends: the end is not before the start. InputError."""
    if first[2] is not None and last[2] is not None and last[2] < first[2]:
        raise InputError(last[0], str(last[1]), f"is before {first[0]}={str(first[1])!r}")


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
    """An amount, or a percentage such as "80%"."""
    if not isinstance(value, str) or not value.endswith("%"):
        _amount(name, value)
    elif not re.fullmatch(r"\d+(\.\d+)?%", value, re.ASCII) or Decimal(value[:-1]) <= 0:
        raise InputError(name, value, 'is no share above zero; write text such as "80%"')


def _whole(low: int, high: int, kind: str) -> Rule:
    def check(name: str, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise InputError(name, value, f"is not an int from {low} to {high}")
        if not low <= value <= high:
            raise InputError(name, value, f"is outside {low} to {high} ({kind})")

    return check


def _unsigned(bits: int) -> Rule:
    return _whole(0, 2**bits - 1, f"uint{bits}")


def _signed(bits: int) -> Rule:
    return _whole(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, f"int{bits}")


def _choice(literal: object) -> Rule:
    allowed = get_args(literal)

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


def _token(name: str, value: object) -> None:
    """A secret of its own, so it is not repeated."""
    if not isinstance(value, str) or not value.strip():
        raise InputError(name, type(value), "is no text")


def _tolerance(name: str, value: object) -> None:
    """Zero is a tolerance too: the best price or none."""
    if str(value).strip("0.") or not str(value).strip("."):
        _amount(name, value)


def _own_id(name: str, value: object) -> None:
    """The id that you give a withdrawal: text, where that of an order is a number."""
    _name(name, value)
    if len(str(value)) > MAX_WITHDRAWAL_ID:
        raise InputError(name, value, f"is longer than {MAX_WITHDRAWAL_ID} characters")


def _digits(name: str, value: object) -> None:
    """An id that the exchange gives as text and takes as a number."""
    if isinstance(value, bool) or not re.fullmatch("[0-9]+", str(value)):
        raise InputError(name, value, "is not an id in digits")
    _unsigned(64)(name, int(str(value)))


def _recipient(name: str, value: object) -> None:
    if not isinstance(value, dict):
        raise InputError(name, value, 'is no mapping; pass {"withdrawal_address_id": ...}')
    if "withdrawal_address_id" not in value:
        raise InputError(f"{name}.withdrawal_address_id", None, "is missing")
    for inner, one in value.items():
        if inner not in _RECIPIENT:
            known = ", ".join(_RECIPIENT)
            raise InputError(f"{name}.{inner}", one, f"is not one of its fields: {known}")
        _RECIPIENT[inner](f"{name}.{inner}", one)


def _bare(name: object) -> str:
    """Without capitals and underscores, for finding what a misspelt name meant."""
    return str(name).replace("_", "").lower()


_RECIPIENT: dict[str, Rule] = {
    "withdrawal_address_id": _signed(32),
    "withdrawal_purpose": _name,
    "sanctions_representation": _boolean,
}
_ORDER_AMOUNTS = (
    "price", "quantity", "quoteQuantity", "slippageTolerance", "triggerPrice", "triggerQuantity",
    "takeProfitTriggerPrice", "takeProfitLimitPrice", "stopLossTriggerPrice", "stopLossLimitPrice",
)  # fmt: skip
AMOUNTS = (*_ORDER_AMOUNTS, "bidPrice", "askPrice", "vaultTokenQuantity", "leverageLimit")
ORDER_FIELDS = (
    *_ORDER_AMOUNTS, "symbol", "side", "orderType", "clientId", "brokerId", "timeInForce",
    "selfTradePrevention", "slippageToleranceType", "postOnly", "reduceOnly", "autoLend",
    "autoLendRedeem", "autoBorrow", "autoBorrowRepay", "triggerBy", "takeProfitTriggerBy",
    "stopLossTriggerBy",
)  # fmt: skip
RULES: dict[str, Rule] = {
    **dict.fromkeys(
        ("asset", "country", "address", "orderId", "strategyId", "positionId", "rfqId",
         "quoteId", "tagSlug", "eventSlug", "seriesSlug", "sources", "borrow"),
        _name),
    **dict.fromkeys(AMOUNTS, _amount),
    **dict.fromkeys(
        ("postOnly", "reduceOnly", "autoLend", "autoLendRedeem", "autoBorrow", "autoBorrowRepay",
         "autoBorrowSettlements", "autoRepayBorrows", "excludePlatform", "resolved",
         "deferredSettlement", "randomizedIntervalQuantity"),
        _boolean),
    **dict.fromkeys(
        ("triggerBy", "takeProfitTriggerBy", "stopLossTriggerBy"), _choice(choices.TriggerBy)),
    **dict.fromkeys(("limit", "offset", "duration"), _unsigned(64)),
    **dict.fromkeys(("clientId", "clientStrategyId", "vaultId", "withdrawalDelayHours"),
                    _unsigned(32)),
    **dict.fromkeys(("brokerId", "subaccountId"), _unsigned(16)),
    "tierId": _signed(32),
    "symbol": _symbol,
    "twoFactorToken": _token,
    "slippageTolerance": _tolerance,
    "triggerQuantity": _amount_or_share,
    "recipientInformation": _recipient,
    "side": _choice(choices.Side),
    "orderType": _choice(choices.OrderType),
    "timeInForce": _choice(choices.TimeInForce),
    "selfTradePrevention": _choice(choices.SelfTradePrevention),
    "slippageToleranceType": _choice(choices.SlippageToleranceType),
    "marketType": _choice(choices.MarketType),
    "sortDirection": _choice(choices.SortDirection),
    "fillType": _choice(choices.FillType),
    "blockchain": _choice(choices.Blockchain),
    "priceType": _choice(choices.PriceType),
    "type": _choice(choices.BorrowLendEventType),
    "state": _choice(choices.PositionState),
    "status": _choice(choices.OrderStatus),
    "executionMode": _choice(choices.RfqExecutionMode),
    "strategyType": _choice(choices.StrategyType),
}  # fmt: skip
# For the names that mean something else in one operation than in the others.
OWN_RULES: dict[str, dict[str, Rule]] = {
    "get_depth": {"limit": _choice(choices.DepthLimit)},
    "get_recent_trades": {"limit": _unsigned(16)},
    "get_klines": {"interval": _choice(choices.KlineInterval)},
    "get_ticker": {"interval": _choice(choices.TickerInterval)},
    "get_tickers": {"interval": _choice(choices.TickerInterval)},
    "get_borrow_lend_markets_history": {"interval": _choice(choices.HistoryInterval)},
    "get_vault_history": {"interval": _choice(choices.HistoryInterval)},
    "strategy_create": {"interval": _unsigned(64)},
    "cancel_open_orders": {"orderType": _choice(choices.CancelOrderType)},
    "execute_borrow_lend": {"side": _choice(choices.BorrowLendSide)},
    "get_borrow_lend_position_history": {"side": _choice(choices.BorrowLendSide)},
    "get_interest_history": {"source": _choice(choices.InterestSource)},
    "get_settlement_history": {"source": _choice(choices.SettlementSource)},
    "get_rfq_fill_history": {"fillType": _choice(choices.RfqFillType)},
    "get_open_rfqs": {"rfqId": _digits},
    "get_dust_history": {"id": _signed(64)},
    "get_withdrawals": {"id": _signed(32), "clientId": _own_id},
    "request_withdrawal": {"clientId": _own_id},
}
