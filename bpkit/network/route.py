"""What the environment says about the way to the exchange: a proxy, a certificate file."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, select_proxy

from .failures import Failure, words

_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(frozen=True)
class Route:
    """``proxy``: its address, as in the environment; None: there is none. ``verify``: the file
    with the trusted certificates, or True: those of certifi. ``verify_from``: the variable that
    names the file."""

    proxy: str | None = field(default=None, repr=False)  # it may have a password
    verify: str | bool = True
    verify_from: str | None = None

    @property
    def shown_proxy(self) -> str:
        """The proxy's address without user and password."""
        return shown(self.proxy or "")

    def check(self) -> None:
        """Raise Failure if the certificates cannot be used."""
        path = str(self.verify)
        try:
            _load(path)
        except (OSError, ValueError) as error:
            missing = isinstance(error, FileNotFoundError)
            why = "does not exist" if missing else f"cannot be used ({words([error])})"
            raise Failure(
                f"the certificate file {path!r} that {self.verify_from} names {why}; correct or "
                "remove that variable"
            ) from None


@cache
def _load(path: str) -> None:
    """Load the certificates of a file or a folder as urllib3 will. A success is remembered."""
    folder = Path(path).is_dir()
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(
        cafile=None if folder else path, capath=path if folder else None
    )


def route_to(url: str) -> Route:
    """The way to an address on another computer, from the environment (and on Windows and macOS
    from the system's settings), read now."""
    proxy = select_proxy(url, get_environ_proxies(url))
    named = next((name for name in _CERTIFICATES if os.environ.get(name)), None)
    return Route(proxy, os.environ[named] if named else True, named)


def shown(address: str) -> str:
    """An address of a proxy for a person: without user, password, path and query."""
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(not shown: it may contain a password)"
    name = parts.hostname or ""
    return f"{parts.scheme}://{f'[{name}]' if ':' in name else name}{port}"
