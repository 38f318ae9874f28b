"""bpkit: the Backpack Exchange API from Python, signed, checked and as DataFrames.

from bpkit import Client, Key, LIVE_URL
from bpkit.sandbox import Sandbox

sandbox = Sandbox()                        # an exchange on this machine
bp = Client(sandbox.url, sandbox.key)      # live: Client(LIVE_URL, Key.from_env())
bp.get_klines("SOL_USDC", "1h", start_time="2026-08-31T12:00Z").df

PYTEST_DONT_REWRITE: there are no assertions here for pytest to rewrite.
"""

import logging as _logging
from inspect import signature as _signature

from . import results as _results
from .client import Client
from .errors import (
    ApiError,
    BatchTransportError,
    BpkitError,
    GuardError,
    InputError,
    JournalError,
    KeyFormatError,
    MissingExtraError,
    MissingKeyError,
    RateLimitError,
    RuleError,
    StaleBook,
    StreamError,
    TransportError,
)
from .guard.limits import Arming
from .guard.market import Market
from .guard.rate_limit import RateLimit
from .operations import OPERATIONS as _OPERATIONS
from .operations import Operation as _Operation
from .signing import Key
from .transport import LIVE_URL

__version__ = "0.1.0"  # the only place that says it; pyproject.toml reads it here

__all__ = [
    "LIVE_URL",
    "ApiError",
    "Arming",
    "BatchTransportError",
    "BpkitError",
    "Client",
    "GuardError",
    "InputError",
    "JournalError",
    "Key",
    "KeyFormatError",
    "Market",
    "MissingExtraError",
    "MissingKeyError",
    "RateLimit",
    "RateLimitError",
    "RuleError",
    "StaleBook",
    "StreamError",
    "TransportError",
    "operations",
]


_logging.getLogger("bpkit").addHandler(_logging.NullHandler())  # silent unless you ask for it


def operations(word: str | None = None) -> _results.Rows:
    """Every operation that bpkit knows, as a table; with ``word``, only those that contain it.

    bpkit searches the name, section, method, path, instruction, parameters and docstring, in any
    case: ``operations("candle")`` finds get_klines. ``instruction``: what the signature starts
    with; None: public; "": private, but none is documented, so that it cannot be called.
    ``mutates``: it changes something. ``documented``: it is in the official specification.
    ``paged``: it takes ``limit`` and ``offset``. Raises InputError.
    """
    if word is not None and not isinstance(word, str):
        raise InputError("word", word, 'is not text; write operations("candle")')
    shown = (
        "name", "section", "method", "path", "instruction", "mutates", "documented", "paged",
    )  # fmt: skip
    wanted = (word or "").lower()
    rows = _results.Rows(
        {name: getattr(one, name) for name in shown}
        for one in _OPERATIONS.values()
        if wanted in _searched(one).lower()
    )
    rows.kind, rows.status, rows.headers = "operations", 0, {}
    return rows


def _searched(one: _Operation) -> str:
    method = getattr(Client, one.name)
    texts = (one.name, one.section, one.method, one.path, one.instruction or "", method.__doc__)
    return "\n".join([*texts, *_signature(method).parameters])
