"""A call of every operation, made up from the signature of its method, and what must arrive of it.

Nothing of bpkit decides here how a value is spelled: the expected values are written out.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from inspect import Parameter, signature
from typing import Any, Literal, NamedTuple, get_args, get_origin

from bpkit import Client
from bpkit.operations import OPERATIONS

ORDER = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "1", "quantity": "2"}
RECIPIENT = {"withdrawal_purpose": "gift", "withdrawal_address_id": 7}
# name of a parameter -> (what is passed, what must arrive)
VALUES: dict[str, tuple[Any, Any]] = {
    "from_": (datetime(2026, 9, 1, 12, tzinfo=UTC), 1_788_264_000_000),
    "to": ("2026-09-01T14:00:01+02:00", 1_788_264_001_000),
    "start_time": ("2026-09-01T12:00Z", 1_788_264_000),
    "end_time": (1_788_264_060, 1_788_264_060),
    "rfq_id": ("59669287267", "59669287267"),
    "trigger_quantity": ("80%", "80%"),
    "market_type": ("PERP", "PERP"),
    "trigger_by": ("MarkPrice", "MarkPrice"),
    "take_profit_trigger_by": ("LastPrice", "LastPrice"),
    "stop_loss_trigger_by": ("IndexPrice", "IndexPrice"),
    "recipient_information": (RECIPIENT, RECIPIENT),
    "orders": ([ORDER, {**ORDER, "price": Decimal("3E+1")}], [ORDER, {**ORDER, "price": "30"}]),
}
# Exactly one of these is passed.
EITHER = {
    "get_order": ("order_id", "client_id"),
    "cancel_order": ("order_id", "client_id"),
    "get_strategy": ("strategy_id", "client_strategy_id"),
    "cancel_strategy": ("strategy_id", "client_strategy_id"),
    "accept_quote": ("rfq_id", "client_id"),
    "cancel_rfq": ("rfq_id", "client_id"),
}
LEFT_OUT = {"execute_order": {"quote_quantity"}}  # it is for Market orders only
# What goes with the required parameters, though none of it is required by itself.
NEEDED = {
    "execute_order": {"price", "quantity"},
    "submit_rfq": {"quantity"},
    "update_account_settings": {"auto_lend"},
}


class Sample(NamedTuple):
    """``arguments`` of a method, and ``sent``: what must arrive, by the documentation's names."""

    name: str
    arguments: dict[str, Any]
    sent: Any

    def call(self, bp: Client) -> Any:
        return getattr(bp, self.name)(**self.arguments)


def parameters(method: Callable[..., Any]) -> dict[str, Parameter]:
    """The parameters of a method, without ``self``, with their types resolved."""
    hints = typing.get_type_hints(method)
    return {
        name: parameter.replace(annotation=hints[name])
        for name, parameter in signature(method).parameters.items()
        if name != "self"
    }


def literals(hint: Any) -> tuple[Any, ...]:
    """The values of the Literal somewhere inside a type, or ()."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    return tuple(dict.fromkeys(one for part in get_args(hint) for one in literals(part)))


def documented_name(name: str) -> str:
    """``sort_direction`` -> sortDirection, ``from_`` -> from."""
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(part.capitalize() for part in rest)


def value(name: str, hint: Any, place: int) -> tuple[Any, Any]:
    """(what is passed, what must arrive) of a parameter; no two of a call are alike, but flags."""
    if name in VALUES:
        return VALUES[name]
    if literals(hint):
        return literals(hint)[-1], literals(hint)[-1]
    kinds = set(get_args(hint)) or {hint}
    if bool in kinds:
        return False, False  # a flag that says no travels too
    if Decimal in kinds:
        return Decimal(place + 1).scaleb(-7), f"0.{place + 1:07}"
    if int in kinds:
        return place, place
    if name == "symbol":
        return "SOL.x_USDC", "SOL.x_USDC"  # the one text that is checked
    return f"{name} a+b&é/%", f"{name} a+b&é/%"  # signed as it is, encoded on the way


def sample(name: str, passed: set[str]) -> Sample:
    known = parameters(getattr(Client, name))
    given = {
        one: value(one, known[one].annotation, place)
        for place, one in enumerate(known)
        if one in passed
    }
    arguments = {one: pair[0] for one, pair in given.items()}
    if name == "issue_two_factor_token":  # the whole body is one parameter
        return Sample(name, {"fields": {"b": 1, "a": True}}, {"b": 1, "a": True})
    if "orders" in given:
        return Sample(name, arguments, given["orders"][1])
    return Sample(name, arguments, {documented_name(one): pair[1] for one, pair in given.items()})


def full(name: str, either: int = 0) -> Sample:
    """With all that may go together; of ids that exclude each other, that at place ``either``."""
    ids = EITHER.get(name, ())
    others = {one for place, one in enumerate(ids) if place != either}
    every = set(parameters(getattr(Client, name)))
    return sample(name, every - others - LEFT_OUT.get(name, set()))


def least(name: str) -> Sample:
    """With as little as the operation takes."""
    known = parameters(getattr(Client, name))
    required = {one for one, parameter in known.items() if parameter.default is Parameter.empty}
    return sample(name, required | set(EITHER.get(name, ())[:1]) | NEEDED.get(name, set()))


def with_flag(name: str, flag: str) -> Sample:
    """The full sample, with one of its flags True."""
    whole = full(name)
    return Sample(
        name, {**whole.arguments, flag: True}, {**whole.sent, documented_name(flag): True}
    )


# An operation without a method has no sample; test_structure says what is missing.
FULL = {name: full(name) for name in OPERATIONS if hasattr(Client, name)}
LEAST = {name: least(name) for name in FULL}
FLAGGED = [
    with_flag(name, flag)
    for name, one in FULL.items()
    for flag, given in one.arguments.items()
    if given is False
]
BY_OTHER_ID = {name: full(name, 1) for name in EITHER}
