"""Check a request for errors that do not depend on the signature: time unit, window, ids, booleans.

The clock is among them if the exchange's time is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import NamedTuple

from ..parameters import AMOUNTS, of_form
from ..signing import MAX_WINDOW
from .fit import misfit
from .received import Pair, RawRequest, ReceivedRequest

MAX_SKEW = 600_000  # milliseconds: ten minutes either way
_NUMBER = "[0-9]{1,9}"  # of a window; Python refuses to read thousands of digits
_BOOLEANS = of_form("flag")


class FormError(NamedTuple):
    """``cause``: a key of ``CAUSES``. ``proven``: the exchange certainly refuses it."""

    cause: str
    proven: bool
    remedy: str = ""  # if it says more than the table


def form_errors(request: ReceivedRequest, now: int | None) -> list[FormError]:
    """All that are found. ``now``: the exchange's time in Unix milliseconds, if it is known."""
    found = [FormError(cause, proven) for cause, proven, has in _CHECKS if has(request)]
    if remedy := misfit(request):
        found.append(FormError("misfit", True, remedy))
    if now is None or any(one.cause == "time_unit" for one in found):
        return found
    return found + _clock(request, now)


def missing_headers(raw: RawRequest, given: dict[str, str | None]) -> list[str]:
    """The headers in ``given`` that were not sent and have no other value there."""
    return [name for name, other in given.items() if not (raw.headers.get(name.lower()) or other)]


def _params(request: ReceivedRequest) -> Iterator[Pair]:
    return (pair for order in request.orders for pair in order)


def _coarse(request: ReceivedRequest) -> bool:
    return not re.fullmatch("[0-9]{13}", request.timestamp)


def _window(request: ReceivedRequest) -> bool:
    text = request.window
    return not (re.fullmatch(_NUMBER, text) and 1 <= int(text) <= MAX_WINDOW)


def _both_ids(request: ReceivedRequest) -> bool:
    return request.operation.section == "Order" and any(
        {"orderId", "clientId"} <= {name for name, _ in order} for order in request.orders
    )


def _client_id(request: ReceivedRequest) -> bool:
    """Only of orders: the id of a withdrawal is text."""
    if request.operation.section != "Order":
        return False
    ids = [value or "" for name, value in _params(request) if name == "clientId"]
    whole = all(re.fullmatch("[0-9]{1,10}", one) and int(one) < 2**32 for one in ids)
    return not whole or "clientId" in request.quoted


def _capital(request: ReceivedRequest) -> bool:
    return any(name in _BOOLEANS and value in ("True", "False") for name, value in _params(request))


def _exponent(request: ReceivedRequest) -> bool:
    form = r"-?[0-9.]+[eE][-+]?[0-9]+"
    return any(
        name in AMOUNTS and re.fullmatch(form, value or "") for name, value in _params(request)
    )


_CHECKS: tuple[tuple[str, bool, Callable[[ReceivedRequest], bool]], ...] = (
    ("time_unit", True, _coarse),
    ("window_limit", True, _window),
    ("reserved", True, lambda request: bool(request.reserved)),
    ("both_ids", True, _both_ids),
    ("client_id", True, _client_id),
    ("capital_boolean", True, _capital),
    ("exponent", False, _exponent),  # what the exchange does with it is not documented
)
_SET_THE_CLOCK = "Set the computer's clock, or sign with the time that get_time returns."


def _clock(request: ReceivedRequest, now: int) -> list[FormError]:
    late = now - int(request.timestamp)
    window = int(request.window) if re.fullmatch(_NUMBER, request.window) else MAX_WINDOW
    if late > window:
        much = " (beyond ten minutes)" if late > MAX_SKEW else ""
        remedy = (
            f"The request came {_seconds(late)} after its timestamp{much} and was valid for "
            f"{_seconds(window)}. {_SET_THE_CLOCK}"
        )
        return [FormError("clock", True, remedy)]
    if -late > window:
        # Whether the exchange refuses a time within ten minutes is not known.
        remedy = f"The timestamp is {_seconds(-late)} ahead of the exchange. {_SET_THE_CLOCK}"
        return [FormError("clock", -late > MAX_SKEW, remedy)]
    return []


def _seconds(milliseconds: int) -> str:
    return f"{Decimal(milliseconds) / 1000:f} seconds"
