"""The one door out: every request of bpkit passes here. The only home of requests.

What stands at the door: which hosts may be spoken to, and with which key; orders on a live host
only when they were allowed; each attempt signed afresh; reads retried, writes never; no redirect
followed.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import NewConnectionError

from .errors import ApiError, GuardError, InputError, MissingKeyError, TransportError
from .operations import UNDOCUMENTED, Operation
from .signing import DEFAULT_WINDOW, DEMO_PUBLIC_KEY, MAX_WINDOW, Key, text_to_sign
from .wire import Fields, body, query

LIVE_URL = "https://api.backpack.exchange"
RETRIES = 3  # further attempts of a read
BACKOFF = 0.25  # seconds before the first of them; doubled each time
_TRY_AGAIN = {429, 502, 503, 504}
_LOST = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


class Reply(NamedTuple):
    """What came back: the body is bytes, not yet read."""

    status: int
    headers: CaseInsensitiveDict[str]
    content: bytes


class Transport:
    """A kept connection to one host, with one key or none.

    ``timeout``: seconds to connect, and seconds to wait for each piece of the answer. ``clock``
    gives Unix milliseconds, ``sleep`` waits for seconds. Raises GuardError for a host that is not
    safe.
    """

    def __init__(
        self,
        url: str,
        key: Key | None,
        *,
        window: int = DEFAULT_WINDOW,
        timeout: tuple[float, float] = (3.05, 10.0),
        live_orders: bool = False,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not isinstance(url, str):
            raise InputError("url", url, "is no address; pass sandbox.url or LIVE_URL")
        if key is not None and not isinstance(key, Key):
            # Whatever it is may be a secret, so it is not repeated.
            raise InputError("key", type(key), "is no Key; pass sandbox.key or Key.from_env()")
        if not isinstance(live_orders, bool):
            raise InputError("live_orders", live_orders, "is not True or False")
        if not _is_timeout(timeout):
            raise InputError("timeout", timeout, "is not (seconds to connect, seconds to wait)")
        if isinstance(window, bool) or not isinstance(window, int) or not 1 <= window <= MAX_WINDOW:
            raise InputError("window", window, f"is not an int from 1 to {MAX_WINDOW} milliseconds")
        self.url, self.loopback = _checked(url)
        if not self.loopback and key is not None and key.public_key == DEMO_PUBLIC_KEY:
            raise GuardError(
                "The demo key of Backpack's guide is public: everyone can use it. It is for a "
                f"sandbox on this machine, not for {self.url}. Use your own: Key.from_env()."
            )
        self.key, self.window, self.live_orders = key, window, live_orders
        self._clock, self._sleep = clock, sleep
        self._session = requests.Session()
        self._timeout, self._options = timeout, self._send_options(timeout)

    def send(self, operation: Operation, fields: Fields | Sequence[Fields]) -> Reply:
        """Send one operation and return a successful reply (2xx).

        Raises MissingKeyError or GuardError before anything is sent, ApiError when the exchange
        refuses, TransportError when no answer arrived.
        """
        self._guard(operation)
        attempts = 1 if operation.mutates else 1 + RETRIES
        for left in reversed(range(attempts)):
            request = self._prepare(operation, fields)
            try:
                response = self._session.send(request, **self._options)
            except _LOST as error:
                if not left:
                    raise self._lost(operation, error) from None
            except (requests.RequestException, ValueError) as error:
                raise self._lost(operation, error) from None
            else:
                if response.status_code not in _TRY_AGAIN or not left:
                    return _accepted(operation, response)
            self._sleep(BACKOFF * 2 ** (attempts - 1 - left))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def close(self) -> None:
        """Close the kept connection; another one opens when it is needed."""
        self._session.close()

    def _guard(self, operation: Operation) -> None:
        if operation.instruction == UNDOCUMENTED:
            raise GuardError(
                f"{operation.name} is private, but the documentation names no instruction for it, "
                "so it cannot be signed; and unsigned it is never sent. Use the exchange's website."
            )
        if operation.signed and self.key is None:
            raise MissingKeyError(
                f"{operation.name} is a signed operation and this client has no key. Make it with "
                "one: Client(url, sandbox.key), or Client(url, Key.from_env())."
            )
        if operation.mutates and not self.loopback and not self.live_orders:
            raise GuardError(
                f"{operation.name} changes something at {self.url}, with real money, and this "
                "client only reads there. Nothing was sent. If you mean it, make the client with "
                "live_orders=True."
            )

    def _prepare(
        self, operation: Operation, fields: Fields | Sequence[Fields]
    ) -> requests.PreparedRequest:
        """One attempt. Prepared by hand: requests would look up proxies and merge settings anew for
        each call, and would encode the parameters once more."""
        request = requests.PreparedRequest()
        request.method = operation.method
        request.url = self.url + operation.path
        request.hooks = {"response": []}
        request._cookies = self._session.cookies  # looked at when a redirect comes; never sent
        request.headers = CaseInsensitiveDict(_HEADERS)
        if operation.parameters_in == "body":
            request.body = body(fields)
            request.headers["Content-Type"] = "application/json; charset=utf-8"
            request.headers["Content-Length"] = str(len(request.body))
        elif fields:
            request.url += "?" + query(fields)  # type: ignore[arg-type]
        if operation.instruction is not None and self.key is not None:
            self._sign(request.headers, operation.instruction, fields, self.key)
        return request

    def _sign(
        self,
        headers: CaseInsensitiveDict[str | bytes],
        instruction: str,
        fields: Fields | Sequence[Fields],
        key: Key,
    ) -> None:
        timestamp = self._clock()
        headers["X-API-Key"] = key.public_key
        headers["X-Signature"] = key.sign(text_to_sign(instruction, fields, timestamp, self.window))
        headers["X-Timestamp"] = str(timestamp)
        headers["X-Window"] = str(self.window)

    def _lost(self, operation: Operation, error: Exception) -> TransportError:
        cause = getattr(error.args[0] if error.args else None, "reason", None)
        refused = isinstance(error, requests.ConnectTimeout) or isinstance(
            cause, NewConnectionError
        )
        if refused and self.loopback:
            reason = f"nothing listens at {self.url} (a sandbox started anew needs a new client)"
        elif refused:
            reason = f"no connection to {self.url}"
        elif isinstance(error, requests.Timeout):
            reason = f"no answer within {self._timeout[1]:g} seconds"
        elif isinstance(error, requests.exceptions.SSLError):
            reason = f"no trusted encryption with {self.url} ({cause or error})"
        else:
            reason = "the connection was lost"
        return TransportError(operation.name, reason, sent=not refused, mutates=operation.mutates)

    def _send_options(self, timeout: tuple[float, float]) -> dict[str, Any]:
        """How every request is sent. Proxies and certificates of the environment are looked up
        once; loopback has neither."""
        options: dict[str, Any] = {"timeout": timeout, "allow_redirects": False, "stream": False}
        if self.loopback:
            self._session.trust_env = False
            return options | {"proxies": {}, "verify": True, "cert": None}
        found = self._session.merge_environment_settings(self.url, {}, None, None, None)
        return options | {name: found[name] for name in ("proxies", "verify", "cert")}


_HEADERS = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate", "User-Agent": "bpkit"}


def _is_timeout(value: object) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(isinstance(one, (int, float)) and one > 0 for one in value)
    )


def _checked(url: str) -> tuple[str, bool]:
    """(scheme and host without anything behind, is it this machine?). Raises GuardError."""
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if parts.scheme not in ("http", "https") or not host or port == 0:
        shown = repr(url) if "://" in url else "What was given"  # which may be a secret, misplaced
        raise GuardError(f"{shown} is no address of an exchange; use LIVE_URL or sandbox.url.")
    if parts.username is not None or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise GuardError(f"An exchange's address is scheme and host alone, such as {LIVE_URL!r}.")
    loopback = _is_loopback(host)
    if parts.scheme == "http" and not loopback:
        raise GuardError(f"{url!r} is not encrypted; only a sandbox on this machine may be http.")
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}{f':{port}' if port else ''}", loopback


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _accepted(operation: Operation, response: requests.Response) -> Reply:
    if 200 <= response.status_code < 300:
        return Reply(response.status_code, response.headers, response.content)
    code, message = _reason(response)
    if operation.mutates and _leaves_open(response.status_code, code):
        said = f"the answer was {response.status_code}: {message}"
        raise TransportError(operation.name, said, sent=True, mutates=True)
    raise ApiError(operation.name, response.status_code, code, message, response.text)


def _leaves_open(status: int, code: str | None) -> bool:
    """Does a refusal leave it open whether a write was carried out?

    What fails on the way (5xx without the exchange's own code) or times out inside may have been;
    the exchange's own word, such as MAINTENANCE, means that it was not.
    """
    on_the_way = status >= 500 or status in (408, 499)  # 408, 499: given up by something between
    return code in ("TIMEOUT", "SERVER_ERROR") or (on_the_way and code is None)


def _reason(response: requests.Response) -> tuple[str | None, str]:
    """(code, message) of a refusal: the exchange's JSON, or the text of something before it."""
    try:
        answer = response.json()
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict) and "message" in answer:
        code = answer.get("code")
        return (code if isinstance(code, str) else None), str(answer["message"])
    text = response.text.strip()
    if 300 <= response.status_code < 400:
        return None, f"a redirect to {response.headers.get('Location')!r}, which is not followed"
    if not text or text.startswith("<"):
        return (
            None,
            f"{response.reason or 'no reason given'} (not from the exchange itself: see .body)",
        )
    return None, text[:300]
