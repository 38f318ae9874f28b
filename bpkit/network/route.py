"""What the environment says about the way to the exchange: a proxy, a certificate file."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies, select_proxy

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
    def proxy_parts(self) -> SplitResult:
        """The parts of the proxy's address. Raises ValueError if it is not valid."""
        proxy = self.proxy or ""
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        if not parts.hostname or parts.port == 0:
            raise ValueError("it has no host, or the port 0")
        return parts

    @property
    def shown_proxy(self) -> str:
        """The proxy's address for a person: without user, password, path and query."""
        try:
            parts = self.proxy_parts
        except ValueError:
            return "(not shown: it may contain a password)"
        port = f":{parts.port}" if parts.port else ""
        name = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
        return f"{parts.scheme}://{name}{port}"

    @property
    def proxy_url(self) -> str | None:
        """The proxy's address with its scheme. It may have a password. Raises ValueError."""
        if self.proxy is None:
            return None
        return self.proxy_parts.geturl()

    def context(self) -> ssl.SSLContext:
        """What an encrypted connection without requests trusts. Raises Failure."""
        if self.verify is True:
            return trusted(DEFAULT_CA_BUNDLE_PATH)
        self.check()
        return trusted(str(self.verify))

    def check(self) -> None:
        """Raise Failure if the certificates cannot be used."""
        path = str(self.verify)
        try:
            trusted(path)
        except (OSError, ValueError) as error:
            missing = isinstance(error, FileNotFoundError)
            why = "does not exist" if missing else f"cannot be used ({words([error])})"
            raise Failure(
                f"the certificate file {path!r} that {self.verify_from} names {why}; correct or "
                "remove that variable"
            ) from None


@cache
def trusted(path: str) -> ssl.SSLContext:
    """Trust the certificates of a file or a folder, as urllib3 will. A success is remembered.

    Raises OSError or ValueError.
    """
    folder = Path(path).is_dir()
    return ssl.create_default_context(
        cafile=None if folder else path, capath=path if folder else None
    )


def route_to(url: str) -> Route:
    """The way to an address on another computer, from the environment (and on Windows and macOS
    from the system's settings), read now."""
    proxy = select_proxy(url, get_environ_proxies(url))
    named = next((name for name in _CERTIFICATES if os.environ.get(name)), None)
    return Route(proxy, os.environ[named] if named else True, named)
