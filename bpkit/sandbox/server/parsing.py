"""Check the names and types of parameters, as the exchange's web framework does.

Its refusals are plain text, not JSON. Their wording was seen on the wire for query parameters and
for a bad symbol in an order; the rest follows the same framework's templates.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from ...operations import Operation
from ...parameters import PARAMETERS, Kind, Parameter
from ..simulation.tables import ASSETS

# How deep arrays and objects may be inside each other: a guess, the limit of the usual JSON library
# for Rust. Python's own limit changes with the depth of its stack.
MAX_NESTING = 127


class Unreadable(Exception):
    """Refused by the framework: ``status`` and plain ``text``."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status, self.text = status, text


_PAYLOADS = {  # what a body is called in a refusal; others: the operation's name and Payload
    "update_account_settings": "UpdateAccountSettingsRequest",
    "convert_dust": "AccountConvertDustPayload",
    "request_withdrawal": "AccountWithdrawalPayload",
    "create_withdrawal_delay": "CreateWithdrawalDelayRequest",
    "update_withdrawal_delay": "UpdateWithdrawalDelayRequest",
    "execute_order": "OrderExecutePayload",
    "execute_order_batch": "OrderExecutePayload",
    "cancel_order": "OrderCancelPayload",
    "cancel_open_orders": "OrderCancelAllPayload",
    "execute_borrow_lend": "BorrowLendExecutePayload",
    "strategy_create": "StrategyCreatePayload",
    "cancel_strategy": "StrategyCancelPayload",
    "cancel_open_strategies": "StrategyCancelAllPayload",
    "submit_quote": "QuotePayload",
    "submit_rfq": "RequestForQuotePayload",
    "accept_quote": "QuoteAcceptPayload",
    "refresh_rfq": "RequestForQuoteRefreshPayload",
    "cancel_rfq": "RequestForQuoteCancelPayload",
    "vault_mint": "VaultMintRequest",
    "vault_redeem": "VaultRedeemRequest",
    "vault_redeem_cancel": "VaultRedeemCancelRequest",
    "issue_two_factor_token": "IssueTwoFactorTokenRequest",  # a guess: it is not documented
}


def read(
    operation: Operation,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    symbols: Collection[str],
) -> Any:
    """The parameters of a request by name (a list of them for a batch). Raises Unreadable.

    ``symbols``: what counts as a market symbol in a body. Absent and null parameters are left out.
    """
    known = PARAMETERS.get(operation.name, {})
    if operation.method == "GET":
        return _from_query(known, query)
    content = _json(headers, body)
    payload = _PAYLOADS.get(operation.name, f"{operation.name.title().replace('_', '')}Payload")
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
        return _from_text(kind, text)
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
        content = _decode(body.decode())
        if b"\\u" in body:
            json.dumps(content, ensure_ascii=False).encode()  # half a surrogate pair is not text
    except (ValueError, RecursionError):
        raise Unreadable("parse request payload error: invalid JSON") from None
    if body.count(b"[") + body.count(b"{") > MAX_NESTING and _is_too_deep(content):
        raise Unreadable("parse request payload error: recursion limit exceeded")
    return content


def _is_too_deep(content: Any) -> bool:
    """Does it have more than MAX_NESTING levels? Counted level by level, without recursion."""
    level = [content]
    for _ in range(MAX_NESTING):
        level = [inner for outer in level for inner in _contents(outer)]
        if not level:
            return False
    return any(isinstance(inner, dict | list) for inner in level)


def _contents(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_decode = json.JSONDecoder(parse_constant=_no_constant).decode


def _from_object(
    known: dict[str, Parameter], content: Any, payload: str, symbols: Collection[str]
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
        if name == "symbol" and parameter.kind.name == "string" and value not in symbols:
            raise _payload('failed to parse "MarketSymbol": Invalid market symbol', payload)
    return values


def _checked(kind: Kind, value: Any, payload: str) -> Any:
    # bool is a subclass of int, and a JSON true is not a number.
    if type(value) is not _json_type(kind.name):
        raise _unexpected(kind.name, value, payload)
    try:
        return value if isinstance(value, (bool, dict)) else _from_text(kind, str(value))
    except ValueError as error:
        raise _payload(f'failed to parse "{kind.name}": {error}', payload) from None


def _unexpected(kind: str, value: Any, payload: str | None) -> Unreadable:
    found = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return _payload(f'Expected input type "{kind}", found {found}.', payload)


def _payload(reason: str, payload: str | None) -> Unreadable:
    tail = f' (occurred while parsing "{payload}")' if payload else ""
    return Unreadable(f"parse request payload error: {reason}{tail}")


# --- the types ------------------------------------------------------------------------------------


@cache
def _json_type(kind: str) -> type:
    """The type of a value in a JSON body. What is inside an object is not checked."""
    return int if kind.startswith("integer_") else _JSON_TYPES.get(kind, str)


_JSON_TYPES: dict[str, type] = {"boolean": bool, "WithdrawalRecipientInformation": dict}


def _from_text(kind: Kind, text: str) -> Any:
    """The value of a text in a query. Raises ValueError, in the web framework's words."""
    if kind.name.startswith("integer_"):
        return _integer(text, kind.low, kind.high)
    if kind.name == "boolean":
        if text not in ("true", "false"):
            raise ValueError("provided string was not `true` or `false`")
        return text == "true"
    if kind.name == "string_decimal" and not _DECIMAL.fullmatch(text):
        raise ValueError("Invalid decimal: unknown character")
    # The assets are those of the sandbox; the exchange knows more than 1,600.
    allowed = ASSETS if kind.name == "CustodyAsset" else _spelled(kind.values)
    if allowed and text not in allowed:
        raise ValueError("Expect a valid enumeration value.")
    if kind.name == "string" and kind.high and len(text) > kind.high:
        raise ValueError(f"verification failed. maxLength({kind.high})")
    return text


@cache
def _spelled(values: tuple[Any, ...]) -> Collection[str]:
    return frozenset(map(str, values))


# Digits with or without a sign and a point. The exchange does not read an exponent.
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")


def _integer(text: str, low: int, high: int) -> int:
    digits = text.removeprefix("-") if low < 0 else text
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError("invalid digit found in string")
    # The length first: Python refuses to read thousands of digits.
    if len(text) > 40 or not low <= int(text) <= high:
        raise ValueError("number too large to fit in target type")
    return int(text)
