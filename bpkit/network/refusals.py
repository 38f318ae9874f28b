"""Read an error answer: its code and message, and whether a write may have been carried out.

Source: Backpack Exchange API, its error codes and its API FAQ. An error comes as the exchange's own
JSON, as plain text from the web framework, or as HTML from the edge.
"""

from __future__ import annotations

import json
import re

_UNSURE = ("TIMEOUT", "SERVER_ERROR")
_NOT_NOW = ("MAINTENANCE", "TRADING_PAUSED", "TOO_MANY_REQUESTS", "NOT_IMPLEMENTED")
_GIVEN_UP = (408, 499)  # by something between here and the exchange
_ABOUT_SIGNATURE = re.compile(r"signature|X-(API-Key|Signature|Timestamp|Window)", re.IGNORECASE)
_ABOUT_TIME = re.compile(r"expired|timestamp", re.IGNORECASE)


def refusal(
    status: int, text: str, *, phrase: str | None, location: str | None
) -> tuple[str | None, str]:
    """(code, message) of an error answer. ``phrase``: of the status line; ``location``: of a
    redirect."""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict) and "message" in answer:
        code = answer.get("code")
        return (code if isinstance(code, str) else None), str(answer["message"])
    text = text.strip()
    if 300 <= status < 400:
        return None, f"a redirect to {location!r}, which is not followed"
    if not text or text.startswith("<"):
        return None, f"{phrase or 'no reason given'} (not from the exchange itself: see .body)"
    return None, text[:300]


def leaves_open(status: int, code: str | None) -> bool:
    """Does the answer leave open whether a write was carried out?

    A 5xx may come from anything on the way, after the write has passed. A 1xx or 3xx is not the
    answer at all. Only some codes of the exchange itself (``_NOT_NOW``) clearly say no. We assume
    that it sends them before anything is done; that is not documented.
    """
    if status < 200 or 300 <= status < 400:
        return True
    if status >= 500:
        return code not in _NOT_NOW
    return code in _UNSURE or (status in _GIVEN_UP and code is None)


def is_about_signature(code: str | None, message: str) -> bool:
    """Was the request refused for its signature, its key or its time?"""
    if code in ("INVALID_SIGNATURE", "UNAUTHORIZED"):
        return True
    known = code == "INVALID_CLIENT_REQUEST"
    return known and bool(_ABOUT_SIGNATURE.search(message) or is_about_time(message))


def is_about_time(message: str) -> bool:
    """Was it refused for the time of the signature?"""
    return bool(_ABOUT_TIME.search(message)) and "header" not in message
