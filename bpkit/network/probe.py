"""Try each step of the way to the exchange: its address, a connection, encryption."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
from base64 import b64encode
from typing import Any
from urllib.parse import unquote, urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from .failures import failure
from .route import Route, trusted

_VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


def proxy_source(route: Route) -> str:
    """Where the address of the proxy was found."""
    named = (name for name in _VARIABLES if os.environ.get(name) == route.proxy)
    return next(named, "the settings of this system")


def addresses(url: str) -> list[str]:
    """The addresses of the host of ``url``, in text. Raises Failure if there are none."""
    parts = urlsplit(url)
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise failure(error, "connect", url, Route(), 0) from None
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def reach_proxy(url: str, route: Route, seconds: float) -> None:
    """Connect to the proxy, and send nothing. Raises Failure."""
    try:
        proxy = route.proxy_parts
    except ValueError as error:
        raise failure(error, "setup", url, route, seconds) from None
    usual = 1080 if proxy.scheme.startswith("socks") else 443 if proxy.scheme == "https" else 80
    place = (proxy.hostname or "", proxy.port or usual)
    try:
        socket.create_connection(place, seconds).close()
    except (OSError, UnicodeError) as error:
        raise failure(error, "connect", url, route, seconds) from None


def encryption(url: str, route: Route, seconds: float) -> str:
    """Which encryption the host speaks, and who issued its certificate. Raises Failure.

    It connects through the proxy, if there is one, and sends nothing to the host.
    """
    host = urlsplit(url)
    try:
        connection = _connection(host.hostname or "", host.port or 443, route, seconds)
        try:
            connection.connect()
            encrypted: ssl.SSLSocket = connection.sock
            return f"{encrypted.version()}, certificate from {_issuer(encrypted)}"
        finally:
            connection.close()
    except Exception as error:
        raise failure(error, "connect", url, route, seconds) from None


def _connection(host: str, port: int, route: Route, seconds: float) -> http.client.HTTPSConnection:
    context = trusted(str(DEFAULT_CA_BUNDLE_PATH if route.verify is True else route.verify))
    if not route.proxy:
        return http.client.HTTPSConnection(host, port, timeout=seconds, context=context)
    proxy = route.proxy_parts
    made = http.client.HTTPSConnection(
        proxy.hostname or "", proxy.port or 80, timeout=seconds, context=context
    )
    headers = {}
    if proxy.username:
        pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        headers["Proxy-Authorization"] = "Basic " + b64encode(pair.encode()).decode()
    made.set_tunnel(host, port, headers)
    return made


def _issuer(encrypted: ssl.SSLSocket) -> str:
    found: Any = (encrypted.getpeercert() or {}).get("issuer", ())
    parts = {name: value for group in found for name, value in group}
    return str(parts.get("organizationName") or parts.get("commonName") or "an unnamed issuer")
