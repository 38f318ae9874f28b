"""Check which hosts a client may talk to: Backpack's API, this computer, or one that is named."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple
from urllib.parse import urlsplit

from ..errors import GuardError, hide_secrets

LIVE_URL = "https://api.backpack.exchange"
_PORTS = {"https": 443, "http": 80}


class Host(NamedTuple):
    """``url``: scheme and host, without a slash at the end. ``loopback``: is it this computer?"""

    url: str
    loopback: bool


def check_host(url: str, trusted_host: str | None = None) -> Host:
    """The host of an address, if a client may talk to it. Raises GuardError.

    ``trusted_host``: one more allowed host, such as "exchange.example" or "exchange.example:8443".
    """
    if url != hide_secrets(url):
        raise GuardError(
            "What was given as url looks like a secret; use LIVE_URL or sandbox.url. A secret goes "
            "into Key(...), or better into a .env."
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme not in _PORTS or not host:
        # Text without "://" may be a secret in the wrong place; an @ may follow a password.
        shown = repr(url) if "://" in url and "@" not in url else "What was given"
        raise GuardError(f"{shown} is not the address of an exchange; use LIVE_URL or sandbox.url.")
    if "@" in parts.netloc or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise GuardError(
            "url has more than an address needs (a path, a query or a user): write scheme and host "
            f"alone, such as {LIVE_URL!r}."
        )
    loopback = _is_loopback(host)
    if parts.scheme == "http" and not loopback:
        raise GuardError(f"{url!r} is not encrypted; only a sandbox on this computer may be http.")
    name = f"[{host}]" if ":" in host else host
    place = name if port in (None, _PORTS[parts.scheme]) else f"{name}:{port}"
    plain = f"{parts.scheme}://{place}"
    if not loopback and plain != LIVE_URL and place != (trusted_host or "").lower():
        raise GuardError(
            f"{plain} is neither Backpack's own API ({LIVE_URL}) nor this computer. No official "
            "testnet of Backpack is known, and some hosts pretend to be one: they would see your "
            "orders and your public key. To practise, use a Sandbox. If you know who runs this "
            f"host, name it: Client(url, trusted_host={place!r})."
        )
    return Host(plain, loopback)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
