"""Which hosts may be spoken to: Backpack's own, this machine, and one that is named explicitly."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple
from urllib.parse import urlsplit

from ..errors import GuardError

LIVE_URL = "https://api.backpack.exchange"
_PORTS = {"https": 443, "http": 80}


class Host(NamedTuple):
    """``url``: scheme and host, without anything behind. ``loopback``: is it this machine?"""

    url: str
    loopback: bool


def checked(url: str, trusted_host: str | None = None) -> Host:
    """The host of an address that may be spoken to. Raises GuardError.

    ``trusted_host``: the one other host, with its port where it has one, that you name yourself.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme not in _PORTS or not host or port == 0:
        # What was given may be a secret, misplaced, or hold a password.
        shown = repr(url) if "://" in url and "@" not in url else "What was given"
        raise GuardError(f"{shown} is no address of an exchange; use LIVE_URL or sandbox.url.")
    if "@" in parts.netloc or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise GuardError(f"An exchange's address is scheme and host alone, such as {LIVE_URL!r}.")
    loopback = _is_loopback(host)
    if parts.scheme == "http" and not loopback:
        raise GuardError(f"{url!r} is not encrypted; only a sandbox on this machine may be http.")
    name = f"[{host}]" if ":" in host else host
    place = name if port in (None, _PORTS[parts.scheme]) else f"{name}:{port}"
    plain = f"{parts.scheme}://{place}"
    if not loopback and plain != LIVE_URL and place != (trusted_host or "").lower():
        raise GuardError(
            f"{plain} is neither Backpack's own API ({LIVE_URL}) nor this machine. No official "
            "testnet of Backpack is known, and hosts passed off as one exist: they would see your "
            "orders and your public key. To practise, use a Sandbox. If you know who runs this "
            f"host, name it: Client(url, trusted_host={place!r})."
        )
    return Host(plain, loopback)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
