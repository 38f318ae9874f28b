"""bpkit: the Backpack Exchange API from Python, signed, checked and as DataFrames.

from bpkit import Client, Key, LIVE_URL
from bpkit.sandbox import Sandbox

sandbox = Sandbox()                        # an exchange of your own, on this machine
bp = Client(sandbox.url, sandbox.key)      # live: Client(LIVE_URL, Key.from_env())
bp.get_klines("SOL_USDC", "1h", start_time="2026-08-31T12:00Z").df
"""

from . import results as _results
from .client import Client
from .errors import (
    ApiError,
    BpkitError,
    GuardError,
    InputError,
    KeyFormatError,
    MissingExtraError,
    MissingKeyError,
    RateLimitError,
    TransportError,
)
from .guard.limits import Arming
from .guard.rate_limit import RateLimit
from .operations import OPERATIONS as _OPERATIONS
from .signing import Key
from .transport import LIVE_URL

__version__ = "0.1.0"  # the only place that says it; pyproject.toml reads it here

__all__ = [
    "LIVE_URL",
    "ApiError",
    "Arming",
    "BpkitError",
    "Client",
    "GuardError",
    "InputError",
    "Key",
    "KeyFormatError",
    "MissingExtraError",
    "MissingKeyError",
    "RateLimit",
    "RateLimitError",
    "TransportError",
    "operations",
]


def operations(word: str | None = None) -> _results.Rows:
    """Every operation that bpkit knows, as a table; with ``word``, only where it occurs.

    The word is looked for in name, section, method, path and instruction, in any case.
    ``instruction``: what its signature starts with; None: public; "": private, but none is
    documented, so that it cannot be called. ``mutates``: it changes something. ``documented``: it
    stands in the official specification. ``paged``: it takes ``limit`` and ``offset``.
    """
    searched = ("name", "section", "method", "path", "instruction")
    shown = (*searched, "mutates", "documented", "paged")
    wanted = (word or "").lower()
    rows = _results.Rows(
        {name: getattr(one, name) for name in shown}
        for one in _OPERATIONS.values()
        if any(wanted in (getattr(one, name) or "").lower() for name in searched)
    )
    rows.kind, rows.status, rows.headers = "operations", 0, {}
    return rows
