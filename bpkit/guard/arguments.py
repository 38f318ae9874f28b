"""Check the arguments that a client is made with."""

from __future__ import annotations

from ..errors import InputError
from ..signing import MAX_WINDOW, Key
from .rate_limit import RateLimit


def check_arguments(
    url: object,
    key: object,
    window: object,
    timeout: object,
    trusted_host: object,
    rate_limit: object,
    most_bytes: object,
) -> None:
    """Raise InputError for an argument of the wrong type or size."""
    if not isinstance(url, str):
        raise InputError("url", url, "is not an address; pass sandbox.url or LIVE_URL")
    if key is not None and not isinstance(key, Key):
        # It may be a secret, so it is not repeated.
        raise InputError("key", type(key), "is not a Key; pass sandbox.key or Key.from_env()")
    if trusted_host is not None and not isinstance(trusted_host, str):
        raise InputError("trusted_host", trusted_host, 'is not a host; write "exchange.example"')
    if rate_limit is not None and not isinstance(rate_limit, RateLimit):
        raise InputError(
            "rate_limit", rate_limit, "is not a RateLimit; write RateLimit(wait=False)"
        )
    seconds = timeout if isinstance(timeout, tuple) and len(timeout) == 2 else (timeout,)
    if not all(_is_seconds(one) for one in seconds):
        remedy = (
            "is not a number of seconds, or a pair: (seconds to connect, seconds for the whole "
            "call); each is above 0 and at most a day"
        )
        raise InputError("timeout", timeout, remedy)
    if isinstance(window, bool) or not isinstance(window, int) or not 1 <= window <= MAX_WINDOW:
        raise InputError("window", window, f"is not an int from 1 to {MAX_WINDOW} milliseconds")
    if isinstance(most_bytes, bool) or not isinstance(most_bytes, int) or most_bytes < 1:
        raise InputError("most_bytes", most_bytes, "is not a number of bytes, 1 or more")


def _is_seconds(value: object) -> bool:
    """Is it a time to wait? More than a day (or infinity) is too long for a socket."""
    return isinstance(value, (int, float)) and value is not True and 0 < value <= 86400
