"""Check the parameters that must come together: orders, ids, periods.

``serialize`` checks each value by itself. Only the exchange knows tick, step and balance, so it
checks those. Every rule raises InputError, with the exchange's names for the fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from ..errors import InputError
from ..parameters import ORDER
from ..serialize import Fields, convert, python_name

MAX_BATCH = 50


def check_together(operation: str, made: Fields) -> None:
    """Check the fields of one call of an operation in ``TOGETHER``.

    Raises InputError with the arguments' Python names.
    """
    try:
        TOGETHER[operation](made)
    except InputError as error:
        remedy = re.sub(r"[a-z]+(?:[A-Z][a-z]+)+", lambda name: python_name(name[0]), error.remedy)
        raise InputError(python_name(error.field), error.value, remedy) from None


def batch(orders: Iterable[Mapping[str, object]]) -> list[Fields]:
    """The fields of each order of a batch; an error names the order. Raises InputError."""
    if isinstance(orders, (str, Mapping)) or not isinstance(orders, Iterable):
        raise InputError("orders", orders, "is not a list of orders; put each order into a list")
    given = list(orders)
    if not 1 <= len(given) <= MAX_BATCH:
        raise InputError("orders", len(given), f"is not a number of orders from 1 to {MAX_BATCH}")
    made = []
    for place, one in enumerate(given):
        if not isinstance(one, Mapping):
            raise InputError(f"orders[{place}]", one, "is not a mapping of field names to values")
        try:
            made.append(_order(one))
        except InputError as error:
            raise InputError(f"orders[{place}].{error.field}", error.value, error.remedy) from None
    return made


def _order(given: Mapping[str, object]) -> Fields:
    made: Fields = {}
    for name, value in given.items():
        if name not in ORDER:
            meant = [
                known for known in ORDER if known.lower() == str(name).replace("_", "").lower()
            ]
            hint = f"; did you mean {meant[0]!r}?" if meant else ""
            raise InputError(str(name), value, f"is not a field of an order{hint}")
        if value is not None:
            made[name] = convert(ORDER[name], name, value)
    _whole_order(made)
    return made


def _whole_order(made: Fields) -> None:
    for name in ("symbol", "side", "orderType"):
        if name not in made:
            raise InputError(name, None, "is missing; every order needs symbol, side and orderType")
    if made["orderType"] == "Limit":
        _limit_order(made)
    else:
        _market_order(made)
    if ("triggerPrice" in made) != ("triggerQuantity" in made):
        price = made.get("triggerPrice")
        raise InputError("triggerPrice", price, "goes with triggerQuantity: pass both or neither")


def _limit_order(made: Fields) -> None:
    if "price" not in made:
        raise InputError("price", None, 'is missing; a Limit order needs one, such as "170.50"')
    if "quantity" not in made and "triggerQuantity" not in made:
        raise InputError("quantity", None, 'is missing; a Limit order needs one, such as "1.0"')
    if "quoteQuantity" in made:
        raise InputError(
            "quoteQuantity", made["quoteQuantity"], "is for Market orders; use quantity"
        )


def _market_order(made: Fields) -> None:
    if "price" in made:
        remedy = "is for Limit orders; a Market order takes the prices in the book"
        raise InputError("price", made["price"], remedy)
    given = [name for name in ("quantity", "quoteQuantity", "triggerQuantity") if name in made]
    if len(given) != 1:
        raise InputError(
            "quantity",
            made.get("quantity"),
            "a Market order needs either quantity (of the base asset) or quoteQuantity (of the "
            f"quote asset); given: {' and '.join(given) or 'neither'}",
        )


def _one_of(names: tuple[str, ...], made: Fields) -> None:
    given = [name for name in names if name in made]
    if not given:
        raise InputError(names[0], None, f"is missing; pass {' or '.join(names)}")
    if len(given) > 1:
        also = ", ".join(f"{name}={made[name]!r}" for name in given[1:])
        raise InputError(given[0], made[given[0]], f"came with {also}; pass just one")


def _one_setting(made: Fields) -> None:
    if not made:
        remedy = "and every other setting is missing; pass at least one"
        raise InputError("leverageLimit", None, remedy)


def _rfq(made: Fields) -> None:
    """A request for quotes needs a size. Only an Immediate one has a price, and it needs one."""
    if "quantity" not in made and "quoteQuantity" not in made:
        remedy = "is missing; pass quantity (of the base asset) or quoteQuantity"
        raise InputError("quantity", None, remedy)
    immediate = made.get("executionMode") == "Immediate"
    if immediate and "price" not in made:
        remedy = "is missing; an Immediate request takes the first quote within it"
        raise InputError("price", None, remedy)
    if "price" in made and not immediate:
        raise InputError("price", made["price"], 'needs executionMode="Immediate"')


def _period(start: str, end: str, made: Fields) -> None:
    first, last = made.get(start), made.get(end)
    if isinstance(first, int) and isinstance(last, int) and last < first:
        raise InputError(end, last, f"is before {python_name(start)}={first}")


_ORDER_ID = partial(_one_of, ("orderId", "clientId"))
_STRATEGY_ID = partial(_one_of, ("strategyId", "clientStrategyId"))
_RFQ_ID = partial(_one_of, ("rfqId", "clientId"))
_FROM_TO = partial(_period, "from", "to")
TOGETHER: dict[str, Callable[[Fields], None]] = {
    "execute_order": _whole_order,
    "get_order": _ORDER_ID,
    "cancel_order": _ORDER_ID,
    "get_strategy": _STRATEGY_ID,
    "cancel_strategy": _STRATEGY_ID,
    "accept_quote": _RFQ_ID,
    "cancel_rfq": _RFQ_ID,
    "submit_rfq": _rfq,
    "update_account_settings": _one_setting,
    "get_klines": partial(_period, "startTime", "endTime"),
    "get_fills": _FROM_TO,
    "get_deposits": _FROM_TO,
    "get_withdrawals": _FROM_TO,
}
