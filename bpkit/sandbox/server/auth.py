"""Verify a signature from the raw bytes of a request.

This module uses nothing of bpkit's client but the table of operations. It rebuilds the signed text
from the query or the body as it arrived, so that it finds a client's mistakes and does not repeat
them.

Source: Backpack Exchange API, "Signing requests". Three messages are from its API FAQ (expired,
invalid signature, invalid X-Signature header); the others are our guess in that style.
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ...operations import UNDOCUMENTED, Operation
from ..core.rules import Refusal

DEFAULT_WINDOW = 5_000
MAX_WINDOW = 60_000
MAX_SKEW = 600_000  # milliseconds: ten minutes either way
_NUMBER = "\udc00"  # marks the digits of a number; no text in a body can have half a pair


class Denied(Refusal):
    """The request is refused because of its headers, its time or its signature."""

    def __init__(
        self, message: str, status: int = 400, code: str = "INVALID_CLIENT_REQUEST"
    ) -> None:
        super().__init__(status, code, message)


def verify(
    operation: Operation,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    now_ms: int,
    has_account: Callable[[str], bool],
) -> str:
    """The public key (base64) that signed the request. Raises Denied.

    ``query``: as in the URL, without "?". ``headers``: names in lower case. ``body``: JSON in
    UTF-8 unless the method is GET (``parsing.read`` has checked it). ``has_account``: does the
    exchange know this public key?
    """
    if operation.instruction == UNDOCUMENTED:
        # The signed text has no documented beginning: only the website, which has a session, uses
        # these operations. The exchange's answer to a signed request is unknown; a guess.
        raise Denied("This operation needs a session", 401, "UNAUTHORIZED")
    key = _header(headers, "X-API-Key")
    signature = _bytes("X-Signature", _header(headers, "X-Signature"), 64)
    timestamp = _header(headers, "X-Timestamp")
    window = headers.get("x-window", str(DEFAULT_WINDOW))
    raw_key = _bytes("X-API-Key", key, 32)
    if not has_account(key):
        raise Denied("Unknown API key", 401, "UNAUTHORIZED")
    _in_time(timestamp, window, now_ms)
    _check(raw_key, signature, _signed_part(operation, query, body), timestamp, window)
    return key


def verify_subscription(four: object, now_ms: int, has_account: Callable[[str], bool]) -> str:
    """The public key (base64) that signed a SUBSCRIBE frame. Raises Denied.

    ``four``: the frame's ``signature``: a list of four texts, which are the public key, the
    signature, the timestamp and the window. The names of the streams are not signed.
    """
    if four is None:
        raise Denied("Missing signature")
    if not isinstance(four, list) or len(four) != 4:
        raise Denied("The signature is not a list of key, signature, timestamp and window")
    if not all(isinstance(one, str) for one in four):
        raise Denied("The signature is not a list of four texts")
    key, signed, timestamp, window = four
    signature, raw_key = _bytes("X-Signature", signed, 64), _bytes("X-API-Key", key, 32)
    if not has_account(key):
        raise Denied("Unknown API key", 401, "UNAUTHORIZED")
    _in_time(timestamp, window, now_ms)
    _check(raw_key, signature, "instruction=subscribe", timestamp, window)
    return str(key)


def _check(raw_key: bytes, signature: bytes, start: str, timestamp: str, window: str) -> None:
    """``start``: everything before ``&timestamp=``. Raises Denied."""
    signed = f"{start}&timestamp={timestamp}&window={window}".encode(errors="surrogateescape")
    try:
        _public_key(raw_key).verify(signature, signed)
    except InvalidSignature:
        raise Denied("Invalid signature") from None


_public_key = lru_cache(maxsize=1_000)(Ed25519PublicKey.from_public_bytes)


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name.lower())
    if not value:
        raise Denied(f"Missing {name} header")
    return value


def _bytes(name: str, text: str, length: int) -> bytes:
    try:
        raw = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    # Python ignores stray bits at the end of base64; another text of the same bytes is refused.
    if len(raw) != length or b64encode(raw).decode() != text:
        raise Denied(f"Invalid {name} header")
    return raw


def _in_time(timestamp: str, window: str, now_ms: int) -> None:
    sent, valid = _whole("X-Timestamp", timestamp), _whole("X-Window", window)
    if not 1 <= valid <= MAX_WINDOW:
        raise Denied("Invalid X-Window header")
    if abs(now_ms - sent) > MAX_SKEW:
        raise Denied("Invalid timestamp: must be within 10 minutes of current time")
    if now_ms > sent + valid:
        raise Denied("Request has expired")


def _whole(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise Denied(f"Invalid {name} header")
    return int(text)


def _signed_part(operation: Operation, query: str, body: bytes) -> str:
    """Everything before ``&timestamp=``: from the query for a GET, else from the body."""
    if operation.method == "GET":
        pairs = parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
        groups = [sorted(pairs, key=lambda pair: pair[0])]
    else:
        # Numbers stay as they were written: 150.250 does not become 150.25.
        content = _decode(body.decode() or "{}")
        groups = [
            [(name, _text(one[name])) for name in sorted(one) if one[name] is not None]
            for one in (content if isinstance(content, list) else [content])
        ]
    parts: list[str] = []
    for group in groups:
        parts.append(f"instruction={operation.instruction}")
        parts += [f"{name}={value}" for name, value in group]
    return "&".join(parts)


def _as_written(digits: str) -> str:
    return _NUMBER + digits


_decode = json.JSONDecoder(parse_float=_as_written, parse_int=_as_written).decode


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value.removeprefix(_NUMBER)
    # Nested values are undocumented: compact JSON with sorted names, as the official client does.
    nested = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return re.sub(f'"{_NUMBER}([^"]*)"', r"\1", nested)
