"""The one door out: every request of bpkit passes here. The only home of requests.

What stands at the door: which hosts may be spoken to, and with which key; what the client is armed
for; the budget of requests; each attempt signed afresh; reads retried, writes never; no redirect
followed. A refusal for the signature or the clock leaves with what the doctor found.
"""

from __future__ import annotations

import json
import platform
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import requests
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import NewConnectionError

from . import clock as clocks
from . import doctor, refusals
from .errors import ApiError, BpkitError, GuardError, InputError, MissingKeyError, TransportError
from .guard import hosts
from .guard.hosts import LIVE_URL
from .guard.limits import Arming, Guard
from .guard.rate_limit import Budget, pace_of
from .operations import OPERATIONS, UNDOCUMENTED, Operation
from .serialize import Fields, body, query, without_token
from .signing import DEFAULT_WINDOW, DEMO_PUBLIC_KEY, MAX_WINDOW, Key, text_to_sign

__all__ = ["BACKOFF", "LIVE_URL", "RETRIES", "Reply", "Transport"]

RETRIES = 3  # further attempts of a read
BACKOFF = 0.25  # seconds before the first of them; doubled each time
_TRY_AGAIN = {429, 502, 503, 504}
_LOST = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


class Reply(NamedTuple):
    """What came back: the body is bytes, not yet read. ``timestamp``: of the signature, if any."""

    status: int
    headers: CaseInsensitiveDict[str]
    content: bytes
    timestamp: int | None


class Transport:
    """A kept connection to one host, with one key or none.

    ``timeout``: seconds to connect, and seconds to wait for each piece of the answer. ``armed``:
    what it may change where that is held (see ``arming``). ``budget``: how many requests a minute;
    None: the exchange's limits on a live host, none on this machine. ``clock`` gives Unix
    milliseconds, ``sleep`` waits for seconds. Raises GuardError for a host that is not safe.
    """

    def __init__(
        self,
        url: str,
        key: Key | None,
        *,
        window: int = DEFAULT_WINDOW,
        timeout: tuple[float, float] = (3.05, 10.0),
        armed: Arming | None = None,
        trusted_host: str | None = None,
        budget: Budget | None = None,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        _check_types(url, key, window, timeout, trusted_host, budget)
        self.url, self.loopback = hosts.checked(url, trusted_host)
        if not self.loopback and key is not None and key.public_key == DEMO_PUBLIC_KEY:
            raise GuardError(
                "The demo key of Backpack's guide is public: everyone can use it. It is for a "
                f"sandbox on this machine, not for {self.url}. Use your own: Key.from_env()."
            )
        self.key, self.window, self.armed = key, window, armed
        self.guard = Guard(armed, self.url, self.loopback, self._look)
        self.budget = Budget() if budget is None and not self.loopback else budget
        # Writes that may have been carried out: nobody loses so many and goes on.
        self.unanswered: deque[TransportError] = deque(maxlen=100)
        self._clock, self._sleep = clock, sleep
        self._ahead = 0  # milliseconds, added to the clock for every signature
        self._session = requests.Session()
        self._timeout, self._options = timeout, self._send_options(timeout)

    def send(
        self,
        operation: Operation,
        fields: Fields | Sequence[Fields],
        *,
        unique_id: bool = False,
    ) -> Reply:
        """Send one operation and return a successful reply (2xx).

        ``unique_id``: the fields hold a random number by which to find it again. Raises
        MissingKeyError, GuardError or BudgetError before anything is sent, ApiError when the
        exchange refuses, TransportError when no answer arrived.
        """
        self._check_signable(operation)
        value = self.guard.admit(operation, fields) if operation.mutates else Decimal(0)
        attempts = 1 if operation.mutates else 1 + RETRIES
        request = None
        try:
            for left in reversed(range(attempts)):
                if self.budget is not None:
                    for account in self._accounts(operation):
                        pace_of(self.url, account).take(operation, self.budget, sleep=self._sleep)
                request = self.prepare(operation, fields)
                response = self._tried(request, operation, fields, last=not left)
                if response is not None:
                    return self._accepted(operation, fields, response)
                self._sleep(BACKOFF * 2 ** (attempts - 1 - left))
        except TransportError as error:
            error.unique_id = unique_id
            if not error.sent:
                self.guard.give_back(value)
            raise
        except ApiError:
            self.guard.give_back(value)
            raise
        except BaseException as stop:  # the budget's refusal, or Ctrl+C
            if request is None or not operation.mutates:
                self.guard.give_back(value)
            else:
                lost = self.lost(operation, fields, "it was interrupted", _timestamp(request))
                lost.unique_id = unique_id
                stop.add_note(f"{lost} It is kept in .unanswered.")
            raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    def prepare(
        self,
        operation: Operation,
        fields: Fields | Sequence[Fields],
        timestamp: int | None = None,
    ) -> requests.PreparedRequest:
        """The request as it would leave now, or at ``timestamp`` (Unix milliseconds). Not sent.

        Prepared by hand: requests would look up proxies and merge settings anew for each call, and
        would encode the parameters once more.
        """
        self._check_signable(operation)
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
            when = self._clock() + self._ahead if timestamp is None else timestamp
            self._sign(request.headers, operation.instruction, fields, self.key, when)
        return request

    def lost(
        self,
        operation: Operation,
        fields: Fields | Sequence[Fields],
        reason: str,
        timestamp: int | None,
        *,
        sent: bool = True,
    ) -> TransportError:
        """The error of a request without a usable answer, with what is needed to look for it."""
        error = TransportError(
            operation.name,
            reason,
            sent=sent,
            mutates=operation.mutates,
            parameters=without_token(fields),
            time=None if timestamp is None else clocks.moment(timestamp),
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
            self._ahead = round(found.offset / _MILLISECOND)
            found = found._replace(applied=True)
        return found

    def _read_clock(self) -> clocks.ClockReading:
        operation, before = OPERATIONS["get_time"], self._clock()
        answer = self.send(operation, {}).content
        if not (answer.isdigit() and len(answer) == 13 and clocks.is_plausible(int(answer))):
            raise self.lost(operation, {}, "the answer is not what was announced", None)
        return clocks.reading(before, int(answer), self._clock())

    def close(self) -> None:
        """Close the kept connection; another one opens when it is needed."""
        self._session.close()

    def _tried(
        self,
        request: requests.PreparedRequest,
        operation: Operation,
        fields: Fields | Sequence[Fields],
        *,
        last: bool,
    ) -> requests.Response | None:
        """The response; None where it is worth another attempt. Raises TransportError."""
        try:
            response = self._session.send(request, **self._options)
        except _LOST as error:
            if not last:
                return None
            raise self._unanswered(operation, fields, request, error) from None
        except (requests.RequestException, ValueError) as error:
            raise self._unanswered(operation, fields, request, error) from None
        return response if last or response.status_code not in _TRY_AGAIN else None

    def _accounts(self, operation: Operation) -> list[str | None]:
        """Whose minute it counts in. Without a signature the exchange cannot know whose it is, so
        it counts both among what this host gets unsigned (None) and for the client's key."""
        own: list[str | None] = [self.key.public_key] if self.key else []
        return own if operation.signed else [None, *own]

    def _check_signable(self, operation: Operation) -> None:
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

    def _look(self, name: str, fields: Fields) -> Any:
        """What the guard needs to know to value an order."""
        return json.loads(self.send(OPERATIONS[name], fields).content)

    def _sign(
        self,
        headers: CaseInsensitiveDict[str | bytes],
        instruction: str,
        fields: Fields | Sequence[Fields],
        key: Key,
        timestamp: int,
    ) -> None:
        headers["X-API-Key"] = key.public_key
        headers["X-Signature"] = key.sign(text_to_sign(instruction, fields, timestamp, self.window))
        headers["X-Timestamp"] = str(timestamp)
        headers["X-Window"] = str(self.window)

    def _unanswered(
        self,
        operation: Operation,
        fields: Fields | Sequence[Fields],
        request: requests.PreparedRequest,
        error: Exception,
    ) -> TransportError:
        cause = getattr(error.args[0] if error.args else None, "reason", None)
        refused = isinstance(error, requests.ConnectTimeout) or isinstance(
            cause, NewConnectionError
        )
        sent = not refused
        if refused and self.loopback:
            reason = f"nothing listens at {self.url} (a sandbox started anew needs a new client)"
        elif refused:
            reason = f"no connection to {self.url}"
        elif isinstance(error, requests.Timeout):
            reason = f"no answer within {self._timeout[1]:g} seconds"
        elif isinstance(error, requests.exceptions.SSLError):
            reason = f"no trusted encryption with {self.url} ({cause or error})"
            sent = "CERTIFICATE_VERIFY_FAILED" not in reason  # that comes before anything leaves
        else:
            reason = "the connection was lost"
        return self.lost(operation, fields, reason, _timestamp(request), sent=sent)

    def _accepted(
        self,
        operation: Operation,
        fields: Fields | Sequence[Fields],
        response: requests.Response,
    ) -> Reply:
        timestamp = _timestamp(response.request)
        if 200 <= response.status_code < 300:
            return Reply(response.status_code, response.headers, response.content, timestamp)
        status, text = response.status_code, response.text
        code, message = refusals.reason(
            status, text, phrase=response.reason, location=response.headers.get("Location")
        )
        if operation.mutates and refusals.leaves_open(status, code):
            said = f"the answer was {status}: {message}"
            raise self.lost(operation, fields, said, timestamp)
        finding = None
        if operation.signed and refusals.is_about_signature(code, message):
            finding = self._finding(response.request, refusals.is_about_time(message))
        raise ApiError(operation.name, status, code, message, text, finding)

    def _finding(self, request: requests.PreparedRequest, is_time: bool) -> doctor.Finding:
        """What the doctor says; where it is about time, after a look at the exchange's clock."""
        read = None
        if is_time:
            with suppress(BpkitError):  # without the exchange's time there is just less to say
                read = self._read_clock()
        if read is None:
            return doctor.diagnose(request)
        now = self._clock() + round(read.offset / _MILLISECOND)
        found = doctor.diagnose(request, now=now)
        if found.cause not in ("clock", "none"):  # none: right when it left, too late on arrival
            return found
        off = read._replace(offset=read.offset - self._ahead * _MILLISECOND)  # as it signed
        return replace(found, remedy=clocks.advice(off, platform.system()))

    def _send_options(self, timeout: tuple[float, float]) -> dict[str, Any]:
        """How every request is sent. Proxies and certificates of the environment are looked up
        once; loopback has neither."""
        options: dict[str, Any] = {"timeout": timeout, "allow_redirects": False, "stream": False}
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
    budget: object,
) -> None:
    if not isinstance(url, str):
        raise InputError("url", url, "is no address; pass sandbox.url or LIVE_URL")
    if key is not None and not isinstance(key, Key):
        # Whatever it is may be a secret, so it is not repeated.
        raise InputError("key", type(key), "is no Key; pass sandbox.key or Key.from_env()")
    if trusted_host is not None and not (isinstance(trusted_host, str) and trusted_host.strip()):
        raise InputError("trusted_host", trusted_host, 'is no host; write "exchange.example"')
    if budget is not None and not isinstance(budget, Budget):
        raise InputError("budget", budget, "is no Budget; write Budget(wait=False)")
    if not _is_timeout(timeout):
        raise InputError("timeout", timeout, "is not (seconds to connect, seconds to wait)")
    if isinstance(window, bool) or not isinstance(window, int) or not 1 <= window <= MAX_WINDOW:
        raise InputError("window", window, f"is not an int from 1 to {MAX_WINDOW} milliseconds")


def _is_timeout(value: object) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(isinstance(one, (int, float)) and one > 0 for one in value)
    )


def _timestamp(request: requests.PreparedRequest) -> int | None:
    text = request.headers.get("X-Timestamp")
    return None if text is None else int(text)
