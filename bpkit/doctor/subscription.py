"""A subscription's frame, read as if its list were headers: then the rest is as for a request."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from .forms import is_plain
from .received import Raw

_NAMES = ("x-api-key", "x-signature", "x-timestamp", "x-window")
MARK = "websocket"  # in place of a header: the list was not as it should be


def with_headers(left: Raw) -> tuple[Raw, str | None]:
    """The request with headers made of its ``signature``, or what keeps it from being read."""
    if not left.body and "x-signature" in left.headers:
        return left, None
    try:
        frame = json.loads(left.body)
    except (ValueError, RecursionError):
        return left, "bad_body"
    if not isinstance(frame, dict):
        return left, "bad_body"
    four = frame.get("signature")
    if four is None:
        return left, "missing_header" if _private(frame.get("params")) else "public"
    if not isinstance(four, list) or len(four) != 4:
        return left, "websocket"
    texts = [str(one) for one in four]
    placed = _placed(texts)
    headers = dict(zip(_NAMES, placed, strict=True))
    if placed != four:
        headers[MARK] = "no list of four strings in their order"
    return left._replace(headers=headers), None


def _private(params: Any) -> bool:
    return not isinstance(params, list) or any(str(one).startswith("account.") for one in params)


def _placed(texts: list[str]) -> list[str]:
    """The four in their right order, where each can be told by its form."""
    tests: tuple[Callable[[str], bool], ...] = (
        lambda text: is_plain(text, 32),
        lambda text: is_plain(text, 64),
        lambda text: re.fullmatch("[0-9]{13}", text) is not None,
        lambda text: re.fullmatch("[0-9]{1,5}", text) is not None,
    )
    found = [next((text for text in texts if fits(text)), None) for fits in tests]
    known = [text for text in found if text is not None]
    return known if sorted(known) == sorted(texts) else texts
