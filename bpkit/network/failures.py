"""Say in words why a request got no answer, and whether another attempt can help."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import urllib3.exceptions as urllib3

if TYPE_CHECKING:
    from .route import Route

_REFUSED_TUNNEL = re.compile(r"Tunnel connection failed: (\d+ ?.*?)\s*$")
_NOT_NOW = re.compile(r"(408|429|5\d\d)\b")


class Failure(Exception):
    """A request without an answer. ``sent``: may some of it have left? ``again``: can another
    attempt help? ``stage``: setup, connect or sent."""

    def __init__(
        self, reason: str, *, sent: bool = False, again: bool = False, stage: str = ""
    ) -> None:
        super().__init__(reason)
        self.reason, self.sent, self.again = reason, sent, again
        self.stage = stage or ("sent" if sent else "setup")


def failure(error: Exception, stage: str, url: str, route: Route, seconds: float) -> Failure:
    """What an exception means that stopped a request at a stage: setup, connect or sent."""
    if isinstance(error, Failure):
        return error
    causes = _causes(error)
    if stage == "sent":
        reason, again = _after_sending(causes, seconds)
    elif stage == "connect":
        reason, again = _before_sending(causes, url, route)
    else:
        reason, again = _at_setup(causes, route), False
    return Failure(reason, sent=stage == "sent", again=again, stage=stage)


def _causes(error: BaseException) -> list[BaseException]:
    """An exception, and all that it was made from or raised by.

    Without those of requests: each is an OSError, whatever is below it.
    """
    found: list[BaseException] = []
    todo: list[object] = [error]
    while todo:
        one = todo.pop()
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            todo += [one.__cause__, one.__context__, *one.args]
            todo += [getattr(one, name, None) for name in ("reason", "original_error")]
    return [one for one in found if not _is_of(one, "requests")] or found


def _is_of(error: BaseException, library: str) -> bool:
    return type(error).__module__.partition(".")[0] == library


def _first(causes: list[BaseException], *kinds: type[BaseException]) -> BaseException | None:
    return next((one for one in causes if isinstance(one, kinds)), None)


def _at_setup(causes: list[BaseException], route: Route) -> str:
    said = " ".join(map(str, causes))
    if "SOCKS" in said:
        return f"the proxy {route.shown_proxy} needs a package: pip install pysocks"
    if route.proxy:
        return f"the address of the proxy is not valid: {route.shown_proxy}"
    return f"the request could not be made ({words(causes)})"


def _before_sending(causes: list[BaseException], url: str, route: Route) -> tuple[str, bool]:
    where = f"the proxy {route.shown_proxy}" if route.proxy else url
    plain = " ".join(str(one) for one in causes if type(one) is OSError)
    if refused := _REFUSED_TUNNEL.search(plain):
        said = refused.group(1)
        return f"{where} refused the tunnel to {url} with {said}", bool(_NOT_NOW.match(said))
    if untrusted := _first(causes, ssl.SSLCertVerificationError):
        why = getattr(untrusted, "verify_message", "") or words([untrusted])
        return f"the certificate of {url} is not trusted ({why})", False
    if tls := _first(causes, ssl.SSLError, ssl.CertificateError):
        cut = isinstance(tls, ssl.SSLEOFError | ssl.SSLZeroReturnError)
        return f"no encrypted connection to {url} ({words([tls])})", cut
    if _first(causes, socket.gaierror):
        name = urlsplit(route.shown_proxy if route.proxy else url).hostname
        return f"the address of {name} was not found (DNS)", True
    if _first(causes, TimeoutError, urllib3.ConnectTimeoutError) and not _first(
        causes, urllib3.NewConnectionError
    ):
        return f"no connection to {where} in time", True
    if _first(causes, ConnectionRefusedError):
        hint = " (a new sandbox needs a new client)" if url.startswith(("http:", "ws:")) else ""
        return f"nothing listens at {where}{hint}", True
    return f"no connection to {where} ({words(causes)})", True


def _after_sending(causes: list[BaseException], seconds: float) -> tuple[str, bool]:
    if _first(causes, urllib3.DecodeError):
        return "the answer cannot be decompressed", True
    if _first(causes, TimeoutError, urllib3.ReadTimeoutError):
        return f"no answer within {seconds:.3g} seconds", True
    if _first(causes, OSError, http.client.IncompleteRead):
        return "the connection was lost", True
    if _first(causes, http.client.HTTPException, urllib3.HTTPError, ValueError):
        return f"the answer is not HTTP ({words(causes)})", True
    return f"an unexpected failure ({words(causes)})", False


def words(causes: list[BaseException]) -> str:
    """The words of the error below all that the libraries made of it."""
    below = [one for one in causes if not _is_of(one, "urllib3")]
    error = below[0] if below else causes[-1]
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return re.sub(r"\[(SSL|X509)[^]]*\]\s*|\s*\(_ssl\.c:\d+\)", "", text).strip()[:200]
