"""Send requests: one session, timeouts, retries of reads, each attempt signed again.

Before a request is sent, its host, its key, its limits and the request rate are checked. A read
is sent again if that can help; a write never is. No redirect is followed. An error about the
signature or the clock gets a finding of ``doctor``. Only this module imports requests to send.
"""

from __future__ import annotations

import json
import platform
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple

import requests
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import NewConnectionError

from . import clock as clocks
from . import doctor, errors
from .errors import (
    ApiError,
    BatchTransportError,
    BpkitError,
    GuardError,
    InputError,
    MissingKeyError,
    TransportError,
)
from .guard import hosts
from .guard.hosts import LIVE_URL
from .guard.limits import Arming, WriteGuard
from .guard.rate_limit import RateLimit, counter_for
from .operations import OPERATIONS, UNDOCUMENTED, Operation
from .serialize import Fields, body, hide_two_factor_token, query
from .signing import DEFAULT_WINDOW, DEMO_PUBLIC_KEY, MAX_WINDOW, Key, text_to_sign

__all__ = ["BACKOFF", "LIVE_URL", "RETRIES", "Reply", "Transport"]

RETRIES = 3  # further attempts of a read
BACKOFF = 0.25  # seconds before the first of them; doubled each time
_TRY_AGAIN = {429, 502, 503, 504}
_LOST = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


class Reply(NamedTuple):
    """A successful reply (2xx), whose body is still bytes, and the request that it answers."""

    status: int
    headers: CaseInsensitiveDict[str]
    content: bytes
    request: requests.PreparedRequest


class Transport:
    """An open connection to one host, with one key or none.

    ``timeout``: seconds to wait for each part of the answer, or a pair: seconds to connect, and to
    wait. ``armed``: what it may change on a live host (see ``guard.limits``). ``rate_limit``: how
    many requests a minute; None: the exchange's limits on a live host, none on this machine.
    ``clock`` gives Unix milliseconds, ``sleep`` waits for seconds. Raises GuardError for a host
    that is not safe.
    """

    def __init__(
        self,
        url: str,
        key: Key | None,
        *,
        window: int = DEFAULT_WINDOW,
        timeout: float | tuple[float, float] = (3.05, 10.0),
        armed: Arming | None = None,
        trusted_host: str | None = None,
        rate_limit: RateLimit | None = None,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        _check_types(url, key, window, timeout, trusted_host, rate_limit)
        self.url, self.loopback = hosts.check_host(url, trusted_host)
        if not self.loopback and key is not None and key.public_key == DEMO_PUBLIC_KEY:
            raise GuardError(
                "The demo key of Backpack's guide is public: everyone can use it. It is for a "
                f"sandbox on this machine, not for {self.url}. Use your own: Key.from_env()."
            )
        self.key, self.window, self.armed = key, window, armed
        self.guard = WriteGuard(armed, self.url, self.loopback, self._read)
        self.rate_limit = RateLimit() if rate_limit is None and not self.loopback else rate_limit
        # Writes that may have been carried out. More than 100 of them are not kept.
        self.unanswered: deque[TransportError] = deque(maxlen=100)
        self._clock, self._sleep = clock, sleep
        self._clock_offset_ms = 0  # added to the clock for every signature
        self._session = requests.Session()
        self._timeout = timeout if isinstance(timeout, tuple) else (timeout, timeout)
        self._options = self._send_options()

    def send(
        self,
        operation: Operation,
        fields: Fields | Sequence[Fields],
        *,
        unique_id: bool = False,
    ) -> Reply:
        """Send one operation and return a successful reply (2xx).

        ``unique_id``: the fields have a random number by which the write can be found. Raises
        MissingKeyError, GuardError or RateLimitError before anything is sent, ApiError when the
        exchange refuses, TransportError when no answer arrived.
        """
        self._check_signable(operation)
        value = self.guard.admit(operation, fields) if operation.mutates else None
        attempts = 1 if operation.mutates else 1 + RETRIES
        request = None
        try:
            for attempts_left in reversed(range(attempts)):
                if self.rate_limit is not None:
                    for whose in self._counters(operation):
                        counter_for(self.url, whose).wait_for_room(
                            operation, self.rate_limit, sleep=self._sleep
                        )
                request = self.prepare(operation, fields)
                response = self._attempt(request, operation, fields, last=not attempts_left)
                if response is not None:
                    return self._reply_or_error(operation, fields, response)
                self._sleep(BACKOFF * 2 ** (attempts - 1 - attempts_left))
        except TransportError as error:
            error.unique_id = unique_id
            if not error.sent:
                self.guard.give_back(value)
            raise
        except ApiError:
            self.guard.give_back(value)
            raise
        except BaseException as stop:  # a RateLimitError, or Ctrl+C
            if request is None or not operation.mutates:
                self.guard.give_back(value)
            else:
                lost = self.lost(operation, fields, "it was interrupted", request)
                lost.unique_id = unique_id
                stop.add_note(f"{lost} It is kept in .unanswered.")
            raise
        raise AssertionError  # the last attempt returns or raises

    def prepare(
        self,
        operation: Operation,
        fields: Fields | Sequence[Fields],
        timestamp: int | None = None,
    ) -> requests.PreparedRequest:
        """The request as it would be sent now, or at ``timestamp`` (Unix milliseconds). Not sent.

        Built by hand: requests would read proxies and merge settings for each call, and would
        encode the parameters a second time.
        """
        self._check_signable(operation)
        request = requests.PreparedRequest()
        request.method = operation.method
        request.url = self.url + operation.path
        request.hooks = {"response": []}
        # requests reads this when a redirect comes; it is never sent.
        request._cookies = self._session.cookies  # type: ignore[attr-defined]
        request.headers = CaseInsensitiveDict(_HEADERS)
        if operation.parameters_in == "body":
            request.body = body(fields)
            request.headers["Content-Type"] = "application/json; charset=utf-8"
            request.headers["Content-Length"] = str(len(request.body))
        elif fields:
            request.url += "?" + query(fields)  # type: ignore[arg-type]
        if operation.instruction is not None and self.key is not None:
            if timestamp is None:
                timestamp = self._clock() + self._clock_offset_ms
            text = text_to_sign(operation.instruction, fields, timestamp, self.window)
            request.headers["X-API-Key"] = self.key.public_key
            request.headers["X-Signature"] = self.key.sign(text)
            request.headers["X-Timestamp"] = str(timestamp)
            request.headers["X-Window"] = str(self.window)
        return request

    def lost(
        self,
        operation: Operation,
        fields: Fields | Sequence[Fields],
        reason: str,
        request: requests.PreparedRequest,
        *,
        sent: bool = True,
    ) -> TransportError:
        """The error of a request without a usable answer, with what is needed to look for it."""
        timestamp = request.headers.get("X-Timestamp")
        kind = TransportError if isinstance(fields, Mapping) else BatchTransportError
        error = kind(
            operation.name,
            reason,
            sent=sent,
            mutates=operation.mutates,
            parameters=hide_two_factor_token(fields),
            time=None if timestamp is None else clocks.moment(int(timestamp)),
            window=None if timestamp is None else self.window,
            url=self.url,
            public_key=self.key.public_key if self.key and operation.signed else None,
        )
        if error.sent and error.mutates:
            self.unanswered.append(error)
        return error

    def measure_clock(self, apply: bool = False) -> clocks.ClockReading:
        """Ask the exchange for its time. ``apply``: sign by it from now on."""
        found = self._read_clock()
        if apply:
            self._clock_offset_ms = round(found.offset / _MILLISECOND)
            found = found._replace(applied=True)
        return found

    def _read_clock(self) -> clocks.ClockReading:
        operation, before = OPERATIONS["get_time"], self._clock()
        reply = self.send(operation, {})
        answer = reply.content
        if not (answer.isdigit() and len(answer) == 13 and clocks.is_plausible(int(answer))):
            raise self.lost(operation, {}, "the answer is not what was announced", reply.request)
        return clocks.reading(before, int(answer), self._clock())

    def close(self) -> None:
        """Close the kept connection; another one opens when it is needed."""
        self._session.close()

    def _attempt(
        self,
        request: requests.PreparedRequest,
        operation: Operation,
        fields: Fields | Sequence[Fields],
        *,
        last: bool,
    ) -> requests.Response | None:
        """The response, or None if another attempt can help. Raises TransportError."""
        try:
            response = self._session.send(request, **self._options)
        except _LOST as error:
            if not last:
                return None
            raise self._transport_error(operation, fields, request, error) from None
        except (requests.RequestException, ValueError) as error:
            raise self._transport_error(operation, fields, request, error) from None
        return response if last or response.status_code not in _TRY_AGAIN else None

    def _counters(self, operation: Operation) -> list[str | None]:
        """The counters that a request counts in: a public key's, or the one of unsigned requests.

        The exchange cannot know whose an unsigned request is, so it counts in both.
        """
        own: list[str | None] = [self.key.public_key] if self.key else []
        return own if operation.signed else [None, *own]

    def _check_signable(self, operation: Operation) -> None:
        if operation.instruction == UNDOCUMENTED:
            raise GuardError(
                f"{operation.name} is private, but the documentation names no instruction for it, "
                "so it cannot be signed, and it is never sent unsigned. Use the exchange's website."
            )
        if operation.instruction is not None and self.key is None:
            raise MissingKeyError(
                f"{operation.name} is a signed operation, and this client has no key. Make the "
                "client with one: Client(url, sandbox.key), or Client(url, Key.from_env())."
            )

    def _read(self, name: str, fields: Fields) -> Any:
        """Read from the exchange what the guard needs to value an order."""
        return json.loads(self.send(OPERATIONS[name], fields).content)

    def _transport_error(
        self,
        operation: Operation,
        fields: Fields | Sequence[Fields],
        request: requests.PreparedRequest,
        error: Exception,
    ) -> TransportError:
        cause = getattr(error.args[0] if error.args else None, "reason", None)
        not_connected = isinstance(error, requests.ConnectTimeout) or isinstance(
            cause, NewConnectionError
        )
        sent = not not_connected
        if not_connected and self.loopback:
            reason = f"nothing listens at {self.url} (a new sandbox needs a new client)"
        elif not_connected:
            reason = f"no connection to {self.url}"
        elif isinstance(error, requests.Timeout):
            reason = f"no answer within {self._timeout[1]:g} seconds"
        elif isinstance(error, requests.exceptions.SSLError):
            reason = f"no trusted encryption with {self.url} ({cause or error})"
            sent = "CERTIFICATE_VERIFY_FAILED" not in reason  # that comes before anything leaves
        else:
            reason = "the connection was lost"
        return self.lost(operation, fields, reason, request, sent=sent)

    def _reply_or_error(
        self,
        operation: Operation,
        fields: Fields | Sequence[Fields],
        response: requests.Response,
    ) -> Reply:
        if 200 <= response.status_code < 300:
            return Reply(response.status_code, response.headers, response.content, response.request)
        status, text = response.status_code, response.text
        code, message = errors.refusal(
            status, text, phrase=response.reason, location=response.headers.get("Location")
        )
        if operation.mutates and errors.leaves_open(status, code):
            said = f"the answer was {status}: {message}"
            raise self.lost(operation, fields, said, response.request)
        finding = None
        if operation.signed and errors.is_about_signature(code, message):
            finding = self._finding(response.request, errors.is_about_time(message))
        raise ApiError(operation.name, status, code, message, text, finding)

    def _finding(self, request: requests.PreparedRequest, is_time: bool) -> doctor.Finding:
        """What ``doctor`` finds. If the time was refused, the exchange's clock is read first."""
        read = None
        if is_time:
            with suppress(BpkitError):  # without the exchange's time, the finding says less
                read = self._read_clock()
        if read is None:
            return doctor.diagnose(request)
        now = self._clock() + round(read.offset / _MILLISECOND)
        found = doctor.diagnose(request, now=now)
        if found.cause not in ("clock", "none"):  # none: right when sent, too late on arrival
            return found
        applied = self._clock_offset_ms * _MILLISECOND  # the signature had this correction
        off = read._replace(offset=read.offset - applied)
        return replace(found, remedy=clocks.advice(off, platform.system()))

    def _send_options(self) -> dict[str, Any]:
        """How every request is sent. Proxies and certificates are read from the environment, once.
        For a sandbox on this machine they are not used."""
        options: dict[str, Any] = {
            "timeout": self._timeout, "allow_redirects": False, "stream": False,
        }  # fmt: skip
        if self.loopback:
            self._session.trust_env = False
            return options | {"proxies": {}, "verify": True, "cert": None}
        found = self._session.merge_environment_settings(self.url, {}, None, None, None)
        return options | {name: found[name] for name in ("proxies", "verify", "cert")}


_MILLISECOND = timedelta(milliseconds=1)
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate", "User-Agent": "bpkit"}


def _check_types(
    url: object,
    key: object,
    window: object,
    timeout: object,
    trusted_host: object,
    rate_limit: object,
) -> None:
    if not isinstance(url, str):
        raise InputError("url", url, "is not an address; pass sandbox.url or LIVE_URL")
    if key is not None and not isinstance(key, Key):
        # It may be a secret, so it is not repeated.
        raise InputError("key", type(key), "is not a Key; pass sandbox.key or Key.from_env()")
    if trusted_host is not None and not isinstance(trusted_host, str):
        raise InputError("trusted_host", trusted_host, 'is not a host; write "exchange.example"')
    if rate_limit is not None and not isinstance(rate_limit, RateLimit):
        raise InputError(
            "rate_limit", rate_limit, "is not a RateLimit; write RateLimit(wait=False)"
        )
    seconds = timeout if isinstance(timeout, tuple) and len(timeout) == 2 else (timeout,)
    if not all(_is_seconds(one) for one in seconds):
        remedy = (
            "is not a number of seconds, or a pair: (seconds to connect, seconds to wait); each is "
            "above 0 and at most a day"
        )
        raise InputError("timeout", timeout, remedy)
    if isinstance(window, bool) or not isinstance(window, int) or not 1 <= window <= MAX_WINDOW:
        raise InputError("window", window, f"is not an int from 1 to {MAX_WINDOW} milliseconds")


def _is_seconds(value: object) -> bool:
    """Is it a time to wait? More than a day (or infinity) is too long for a socket."""
    return isinstance(value, (int, float)) and value is not True and 0 < value <= 86400
