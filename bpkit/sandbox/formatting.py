"""Format values for an answer, as the exchange does. The client shares no code with this module."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any


def plain(value: Decimal) -> str:
    """A decimal without exponent and without trailing zeros: ``Decimal("100.00")`` -> ``"100"``."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def iso(time_us: int, digits: int = 3) -> str:
    """UTC without a zone, as in fills (3 digits: ``2026-09-01T17:54:04.094``) and funding (0)."""
    text = _utc(time_us).isoformat(timespec="seconds")
    return text if digits == 0 else f"{text}.{time_us % 1_000_000:06d}"[: len(text) + 1 + digits]


def spaced(time_us: int) -> str:
    """UTC with a space, as candles have it: ``2026-09-02 06:56:00``."""
    return iso(time_us, 0).replace("T", " ")


def body(answer: Any) -> bytes:
    """Compact JSON, keys in alphabetical order."""
    return _encode(answer).encode()


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def _utc(time_us: int) -> datetime:
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).replace(tzinfo=None)
