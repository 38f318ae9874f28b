"""Refuse requests that come from elsewhere: by another name of the host, or from a page of the web.

A script in such a page must not reach the sandbox.
"""

from __future__ import annotations

import re
from functools import lru_cache

from . import answers, parsing, socket_faults
from .answers import Response
from .faults import ActiveFaults
from .record import RequestRecord

_LOOPBACK = re.compile(r"localhost|127(\.[0-9]{1,3}){1,3}|\[::1\]", re.IGNORECASE)
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^\[\]:/@]+)(:[0-9]{1,5})?", re.IGNORECASE)


def check_host(host: str, names: frozenset[str] = frozenset()) -> None:
    """Refuse another name: a page of the web may let its own name mean this machine, and then its
    scripts reach the sandbox (DNS rebinding). HTTP/1.0 needs no name.

    ``names``: further ones, in lower case.
    """
    if host and not _is_ours(host, names):
        called = [*sorted({"127.0.0.1", *names} - {"localhost"}), "localhost"]
        text = f"the sandbox is called {', '.join(called[:-1])} or {called[-1]}, not {host[:100]!r}"
        remedy = "use one of these names, or start the sandbox with another --name"
        raise parsing.Unreadable(f"misdirected request: {text}; {remedy}", 421)


@lru_cache(maxsize=16)
def _is_ours(host: str, names: frozenset[str]) -> bool:
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    return bool(_LOOPBACK.fullmatch(found["name"])) or found["name"].lower() in names


def refusal(record: RequestRecord, faults: ActiveFaults, names: frozenset[str]) -> Response | None:
    """The answer to a request that asks for a WebSocket. None: it may have one."""
    try:
        check_host(record.headers.get("host", ""), names)
        _check_origin(record.headers.get("origin"), names)
    except parsing.Unreadable as error:
        record.refusal = error.text
        return answers.response(error.status, "text", error.text.encode())
    fault = socket_faults.refuses(faults)
    if fault is None:
        return None
    record.faults[fault] = fault.name
    record.remarks.append("503 to the handshake")
    return answers.response(503, "text", b"service unavailable")


def _check_origin(origin: str | None, names: frozenset[str]) -> None:
    """Refuse the pages of the web: a browser lets their scripts open any WebSocket."""
    if origin is not None and not _is_ours(origin.partition("://")[2], names):
        text = f"a page of {origin[:100]!r} may not open a WebSocket of the sandbox"
        raise parsing.Unreadable(f"forbidden: {text}", 403)
