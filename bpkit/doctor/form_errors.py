"""What is wrong with a request as it was sent, whatever was signed. Read from the text itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from ..parameters import of_form
from ..signing import MAX_WINDOW
from .received import Arrival, Raw

MAX_SKEW = 600_000  # milliseconds: ten minutes either way
_NUMBER = "[0-9]{1,9}"  # of a window; Python refuses to read thousands of digits
AMOUNTS = of_form("amount", "amount_or_share", "tolerance")
_BOOLEANS = of_form("flag")


class Fault(NamedTuple):
    """A slug of ``CAUSES``, and whether the exchange is certain to mind."""

    cause: str
    proven: bool
    remedy: str = ""  # where it says more than the table


def faults(arrival: Arrival, now: int | None) -> list[Fault]:
    """All that are found. ``now``: the exchange's time in Unix milliseconds, where it is known."""
    found = [Fault(cause, proven) for cause, proven, has in _FAULTS if has(arrival)]
    late = [] if any(one.cause == "time_unit" for one in found) else _clock(arrival, now)
    return found + late


def missing(raw: Raw, wanted: dict[str, str | None]) -> list[str]:
    """The headers that were not sent and that nothing given stands for."""
    return [
        name for name, instead in wanted.items() if not (raw.headers.get(name.lower()) or instead)
    ]


def _coarse(arrival: Arrival) -> bool:
    return not re.fullmatch("[0-9]{13}", arrival.timestamp)


def _window(arrival: Arrival) -> bool:
    text = arrival.window
    return not (re.fullmatch(_NUMBER, text) and 1 <= int(text) <= MAX_WINDOW)


def _both_ids(arrival: Arrival) -> bool:
    return arrival.operation.section == "Order" and any(
        {"orderId", "clientId"} <= {name for name, _ in order} for order in arrival.orders
    )


def _client_id(arrival: Arrival) -> bool:
    """Only of orders: the id of a withdrawal is text."""
    if arrival.operation.section != "Order":
        return False
    ids = [value or "" for order in arrival.orders for name, value in order if name == "clientId"]
    whole = all(re.fullmatch("[0-9]{1,10}", one) and int(one) < 2**32 for one in ids)
    return not whole or "clientId" in arrival.quoted


def _capital(arrival: Arrival) -> bool:
    return any(
        name in _BOOLEANS and value in ("True", "False")
        for order in arrival.orders
        for name, value in order
    )


def _exponent(arrival: Arrival) -> bool:
    return any(
        name in AMOUNTS and re.fullmatch(r"-?[0-9.]+[eE][-+]?[0-9]+", value or "") is not None
        for order in arrival.orders
        for name, value in order
    )


_FAULTS: tuple[tuple[str, bool, Callable[[Arrival], bool]], ...] = (
    ("time_unit", True, _coarse),
    ("window_limit", True, _window),
    ("both_ids", True, _both_ids),
    ("client_id", True, _client_id),
    ("capital_boolean", True, _capital),
    ("exponent", False, _exponent),  # what the exchange makes of it is not documented
)


def _clock(arrival: Arrival, now: int | None) -> list[Fault]:
    if now is None:
        return []
    late = now - int(arrival.timestamp)
    window = int(arrival.window) if re.fullmatch(_NUMBER, arrival.window) else MAX_WINDOW
    if late > window:
        more = " (which is beyond ten minutes)" if late > MAX_SKEW else ""
        return [Fault("clock", True, (
            "Set the computer's clock, or sign by the time that get_time returns, because the "
            f"request came {_span(late)} after its timestamp{more} and was valid for "
            f"{_span(window)}."
        ))]  # fmt: skip
    if -late > window:
        # Within ten minutes it is not known whether the exchange minds.
        return [Fault("clock", -late > MAX_SKEW, (
            "Set the computer's clock, or sign by the time that get_time returns, because the "
            f"timestamp is {_span(-late)} ahead of the exchange."
        ))]  # fmt: skip
    return []


def _span(milliseconds: int) -> str:
    return f"{Decimal(milliseconds) / 1000:f} seconds"
