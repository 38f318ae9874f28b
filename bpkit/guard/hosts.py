"""Check which hosts a client may talk to: Backpack's API, this computer, or one that is named."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

from ..errors import GuardError, hide_secrets

LIVE_URL = "https://api.backpack.exchange"
LIVE_STREAM_URL = "wss://ws.backpack.exchange"
_PORTS = {"https": "443", "http": "80"}
# Libraries read unusual spellings of an address in different ways: one takes
# "http://[::1].evil.example" for this computer, another connects to evil.example. So only the plain
# form is taken, which all of them read alike: scheme, host and perhaps a port.
_LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_ADDRESS = re.compile(
    rf"(https?)://({_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]+\])(?::([1-9][0-9]{{0,4}}))?/?",
    re.ASCII | re.IGNORECASE,
)
_ENDS_IN_NUMBER = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")  # an IPv4 address, or one of its forms


class Host(NamedTuple):
    """``url``: scheme and host, without a slash at the end. ``loopback``: is it this computer?

    ``sandbox``: is it a sandbox on another computer, by the word of who made the client?
    """

    url: str
    loopback: bool
    sandbox: bool = False


def check_host(url: str, trusted_host: str | None = None, *, sandbox_key: bool = False) -> Host:
    """The host of an address, if a client may talk to it. Raises GuardError.

    ``trusted_host``: one more allowed host, such as "exchange.example" or "exchange.example:8443".
    ``sandbox_key``: has the client a key that was made by a sandbox (``Key.is_sandbox``)? Then its
    trusted host may be reached by plain http, at any port unless one is named: whoever reads such a
    request, or pretends to be that host, gets nothing that is worth anything elsewhere. A key for
    real money never goes over http, because a sandbox's tag is in no such key.
    """
    if url != hide_secrets(url):
        raise GuardError(
            "What was given as url looks like a secret; use LIVE_URL or sandbox.url. A secret goes "
            "into Key(...), or better into a .env."
        )
    scheme, host, port = _parts(url)
    loopback = host == "localhost" or _is_loopback(host)
    place = host if port in ("", _PORTS[scheme]) else f"{host}:{port}"
    plain = f"{scheme}://{place}"
    trusted = (trusted_host or "").lower()
    if scheme == "http" and not loopback:
        if sandbox_key and trusted in (host, place) and not _is_backpack(host):
            return Host(plain, loopback=False, sandbox=True)
        hint = f" For a sandbox there, name it, and use a key that it made: {_named(host)}."
        raise GuardError(
            f"{plain} is not encrypted; only a sandbox on this computer may be http."
            + ("" if _is_backpack(host) else hint)
        )
    if not loopback and plain != LIVE_URL and place != trusted:
        raise GuardError(
            f"{plain} is neither Backpack's own API ({LIVE_URL}) nor this computer. No official "
            "testnet of Backpack is known, and some hosts pretend to be one: they would see your "
            "orders and your public key. To practise, use a Sandbox. If you know who runs this "
            f"host, name it: {_named(place)}."
        )
    return Host(plain, loopback)


def stream_url(url: str) -> str:
    """The address of the streams of a host that ``check_host`` returned: ws:// or wss://.

    Backpack's own streams have a host of their own; those of any other host are at the host itself.
    """
    return LIVE_STREAM_URL if url == LIVE_URL else f"ws{url.removeprefix('http')}"


def _parts(url: str) -> tuple[str, str, str]:
    """Scheme, host and port ("" if there is none), in lower case. Raises GuardError.

    The error does not repeat the url: what is not an address may be a secret in the wrong place.
    """
    found = _ADDRESS.fullmatch(url)
    scheme, host, port = (part.lower() for part in found.groups("")) if found else ("", "", "")
    is_number = host.startswith("[") or _ENDS_IN_NUMBER.fullmatch(host)
    if not found or int(port or 1) > 65535 or (is_number and _ip(host) is None):
        raise GuardError(
            "url is not the address of an exchange: use LIVE_URL or sandbox.url, or write scheme "
            f"and host alone, such as {LIVE_URL!r} or 'http://127.0.0.1:8787', in ASCII and with "
            "no path, query, user, blank or dot at the end. The value is not shown, because it may "
            "hold a secret."
        )
    return scheme, host, port


def _named(host: str) -> str:
    return f"Client(url, key, trusted_host={host!r})"


def _is_backpack(host: str) -> bool:
    return host == "backpack.exchange" or host.endswith(".backpack.exchange")


def _is_loopback(host: str) -> bool:
    found = _ip(host)
    return found is not None and found.is_loopback


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        if host.startswith("["):
            return ipaddress.IPv6Address(host[1:-1])
        return ipaddress.IPv4Address(host)
    except ValueError:
        return None
