"""Send requests: one deadline, retries of reads, each attempt signed again.

Before a request is sent, its host, its key, its limits and the request rate are checked. A read
is sent again if that can help; a write never is. No redirect is followed. An error about the
signature or the clock gets a finding of ``doctor``. ``network`` says how far a request got.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple

import requests
from requests.structures import CaseInsensitiveDict

from . import clock as clocks
from . import doctor
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
from .guard.arguments import check_arguments
from .guard.hosts import LIVE_URL
from .guard.journal import journal_of
from .guard.limits import Arming, WriteGuard
from .guard.rate_limit import RateLimit, counter_for, notice
from .guard.record import WriteRecord
from .guard.spending import Admitted
from .network import refusals
from .network.connection import Answered, Connection, first_part, without_secrets
from .network.failures import Failure
from .operations import OPERATIONS, UNDOCUMENTED, Operation
from .serialize import Fields, body, hide_two_factor_token, query
from .signing import DEFAULT_WINDOW, PUBLISHED_KEYS, Key, text_to_sign

__all__ = ["BACKOFF", "LIVE_URL", "MOST_BYTES", "RETRIES", "Reply", "Transport"]

RETRIES = 3  # further attempts of a read
BACKOFF = 0.25  # seconds before the first of them; doubled each time
MOST_BYTES = 64 * 2**20  # of an answer
MOST_WAIT = 60.0  # seconds: a longer Retry-After of the exchange is left to you
_TRY_AGAIN = {429, 502, 503, 504}


class Call(NamedTuple):
    """One attempt of one call. ``unique_id``: its fields have a random number by which the write
    can be found. ``admitted``: how a write is counted; None if nothing counts it."""

    operation: Operation
    fields: Fields | Sequence[Fields]
    request: requests.PreparedRequest
    unique_id: bool = False
    admitted: Admitted | None = None


class Reply(NamedTuple):
    """A successful reply (2xx), whose body is still bytes, and the call that it answers."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    call: Call


class Transport:
    """An open connection to one host, with one key or none.

    ``timeout``: seconds for a whole call, or a pair: seconds to connect, and for the whole call.
    ``armed``: what it may change on a live host (see ``guard.limits``). ``rate_limit``: how
    many requests a minute; None: the exchange's limits on a live host, none on this machine.
    ``most_bytes``: of a decoded answer. ``clock`` gives Unix milliseconds, ``sleep`` waits for
    seconds. Raises GuardError for a host that is not safe.
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
        most_bytes: int = MOST_BYTES,
        journal: str | os.PathLike[str] | None = None,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        check_arguments(url, key, window, timeout, trusted_host, rate_limit, most_bytes)
        of_sandbox = key is not None and key.is_sandbox
        host = hosts.check_host(url, trusted_host, sandbox_key=of_sandbox)
        self.url, self.loopback, practice = host.url, host.loopback, host.loopback or host.sandbox
        self.practice = practice  # is it this machine, or a sandbox on another one?
        if not practice and key is not None and key.public_key in PUBLISHED_KEYS:
            raise GuardError(
                "The demo key of Backpack's guide is public: everyone can use it. It is for a "
                f"sandbox on this machine, not for {self.url}. Use your own: Key.from_env()."
            )
        if self.url == LIVE_URL and of_sandbox:
            raise GuardError(
                f"A sandbox made this key, so {self.url} does not know it. Use your own: "
                "Key.from_env()."
            )
        self.key, self.window, self.armed = key, window, armed
        self._clock_offset_ms = 0  # added to the clock for every signature
        self.rate_limit = RateLimit() if rate_limit is None and not practice else rate_limit
        self._clock, self._sleep = clock, sleep
        connect, self._seconds = timeout if isinstance(timeout, tuple) else (timeout, timeout)
        self._connection = Connection(self.url, self.loopback, connect, most_bytes)
        noted = None if journal is None else journal_of(journal, self.url, key, clock)
        try:
            self.guard = WriteGuard(
                armed, self.url, practice, self._read, clock=self._now,
                spending=None if noted is None else noted.spending,
            )  # fmt: skip
        except BaseException:
            if noted is not None:  # or nobody could close it
                noted.close()
            raise
        self.writes = WriteRecord(self.guard, noted, window, self._now)
        # May it write without an Arming? Not if the key can be one for real money: on this machine
        # there may be a tunnel to the live exchange.
        self._free = practice and armed is None and (key is None or key.is_practice)

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
        if operation.mutates:
            return self._send_write(operation, fields, unique_id)
        left, pause = self._seconds, BACKOFF
        for attempts_left in reversed(range(1 + RETRIES)):
            if self.rate_limit is not None:
                self._wait_for_room(operation, self.rate_limit)
            call = Call(operation, fields, self.prepare(operation, fields))
            begun, wait = time.monotonic(), pause
            try:
                answer = self._connection.send(call.request, left)
            except Failure as failure:
                left -= time.monotonic() - begun + wait
                if not failure.again or not attempts_left or left <= 0:
                    raise self.lost(call, failure) from None
            else:
                if 200 <= answer.status < 300:
                    return Reply(answer.status, answer.headers, answer.content, call)
                after = answer.retry_after
                left -= time.monotonic() - begun + (wait if after is None else 0)
                wait = wait if after is None else self._patience(operation, after)
                can_help = answer.status < 200 or answer.status in _TRY_AGAIN
                if not (can_help and attempts_left and left > 0) or wait > MOST_WAIT:
                    raise self._no(call, answer)
            self._sleep(wait)
            pause *= 2
        raise AssertionError  # the last attempt returns or raises

    def _send_write(
        self, operation: Operation, fields: Fields | Sequence[Fields], unique_id: bool
    ) -> Reply:
        """Send a write once. Its place in the rate limit is taken first, its value is made last."""
        if self.rate_limit is not None:
            self._wait_for_room(operation, self.rate_limit)
        if not self._free and self.armed is None and self.loopback:
            self._check_sandbox(operation)
        admitted = None
        if not self._free or self.writes.journal is not None:
            admitted = self.writes.admit(operation, fields, unique_id)
        try:
            signed = None if admitted is None else admitted.signed
            request = self.prepare(operation, fields, signed)
            call = Call(operation, fields, request, unique_id, admitted)
            if admitted is not None:
                self.writes.sending(admitted, fields)
        except BaseException:  # a JournalError, or Ctrl+C
            self.guard.give_back(admitted)
            raise
        try:
            answer = self._connection.send(request, self._seconds)
        except Failure as failure:
            raise self.lost(call, failure) from None
        except BaseException as stop:  # Ctrl+C
            lost = self.lost(call, Failure("it was interrupted", sent=self._connection.sent))
            if lost.sent:
                stop.add_note(f"{lost} It is kept in .unanswered.")
            raise
        if not 200 <= answer.status < 300:
            raise self._no(call, answer)
        return Reply(answer.status, answer.headers, answer.content, call)

    def prepare(
        self,
        operation: Operation,
        fields: Fields | Sequence[Fields],
        timestamp: int | None = None,
    ) -> requests.PreparedRequest:
        """The request as it would be sent now, or at ``timestamp`` (Unix milliseconds). Not sent.

        Built by hand: requests would encode the parameters a second time.
        """
        self._check_signable(operation)
        request = requests.PreparedRequest()
        request.method = operation.method
        request.url = self.url + operation.path
        request.headers = CaseInsensitiveDict(_HEADERS)
        if operation.mutates:
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

    def subscription(self) -> list[str]:
        """What signs a subscription to private streams now: key, signature, timestamp, window."""
        if self.key is None:
            raise MissingKeyError(
                "A stream of the account is private, and this client has no key. Make the client "
                "with one: Client(url, sandbox.key), or Client(url, Key.from_env())."
            )
        now = self._now()
        text = text_to_sign("subscribe", {}, now, self.window)
        return [self.key.public_key, self.key.sign(text), str(now), str(self.window)]

    def lost(
        self, call: Call, why: Failure | str, answer: Answered | Reply | None = None
    ) -> TransportError:
        """The error of a call without a usable answer, with what is needed to look for it.

        ``answer``: the answer that cannot be used, if there is one. No connection is used again. A
        write that was not sent counts no more; the journal notes what is known of it.
        """
        self._connection.close()
        operation, fields, request = call.operation, call.fields, call.request
        failure = Failure(why, sent=True) if isinstance(why, str) else why
        timestamp = request.headers.get("X-Timestamp")
        kind = TransportError if isinstance(fields, Mapping) else BatchTransportError
        error = kind(
            operation.name,
            failure.reason,
            sent=failure.sent,
            mutates=operation.mutates,
            parameters=hide_two_factor_token(fields),
            time=None if timestamp is None else clocks.moment(int(timestamp)),
            window=None if timestamp is None else self.window,
            url=self.url,
            public_key=self.key.public_key if self.key and operation.signed else None,
            unique_id=call.unique_id,
        )
        if answer is not None:
            error.status, error.content_type = answer.status, answer.headers.get("Content-Type")
            error.first = first_part(answer.content, request)
        if operation.mutates:
            self.writes.lost(error, call.admitted, failure.stage)
        return error

    def measure_clock(self, apply: bool = False) -> clocks.ClockReading:
        """Ask the exchange for its time. ``apply``: sign by it from now on.

        Raises InputError if ``apply`` is not a bool, and GuardError if it is True and the two
        clocks differ by more than 10 minutes; then nothing is applied.
        """
        if not isinstance(apply, bool):
            raise InputError("apply", apply, "is not True or False")
        found = self._read_clock()
        if apply:
            if abs(found.offset) > clocks.MOST_CORRECTED:
                raise GuardError(clocks.too_far(found, self._clock(), platform.system()))
            self._clock_offset_ms = round(found.offset / _MILLISECOND)
            found = found._replace(applied=True)
        return found

    def _read_clock(self) -> clocks.ClockReading:
        before = self._clock()
        reply = self.send(OPERATIONS["get_time"], {})
        answer = reply.content
        if not (answer.isdigit() and len(answer) == 13 and clocks.is_plausible(int(answer))):
            reason = "the answer is not a time in Unix milliseconds"
            raise self.lost(reply.call, reason, reply)
        return clocks.reading(before, int(answer), self._clock())

    def close(self) -> None:
        """Close the kept connection (another one opens when it is needed), and the journal."""
        self._connection.close()
        self.writes.close()

    def _patience(self, operation: Operation, after: float) -> float:
        """How long to wait if the exchange says to wait so long; infinity: not at all."""
        if after > MOST_WAIT or (self.rate_limit is not None and not self.rate_limit.wait):
            return float("inf")
        if after > 1:
            notice(f"bpkit: {operation.name} waits {after:g} seconds, as the exchange says")
        return after

    def _check_sandbox(self, operation: Operation) -> None:
        """Ask the server once whether it is a sandbox. Raises GuardError if it does not say so."""
        if "X-Sandbox" not in self.send(OPERATIONS["get_status"], {}).headers:
            raise GuardError(
                f"{operation.name} changes something at {self.url}. That server does not say that "
                "it is a sandbox, so it may be a tunnel to the live exchange, and the key may be "
                "one for real money. Nothing was sent. Use sandbox.key or Key.generate() there, "
                "or say what may be done: Client(..., armed=Arming(...))."
            )
        self._free = True

    def _now(self) -> int:
        """The time for a signature, in Unix milliseconds."""
        return self._clock() + self._clock_offset_ms

    def _wait_for_room(self, operation: Operation, limit: RateLimit) -> None:
        """Count a request: for the public key, and, if it is unsigned, for the unsigned ones too.

        The exchange cannot know whose an unsigned request is. Raises RateLimitError.
        """
        own: list[str | None] = [self.key.public_key] if self.key else []
        for whose in own if operation.signed else [None, *own]:
            counter_for(self.url, whose).wait_for_room(operation, limit, sleep=self._sleep)

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

    def _no(self, call: Call, answer: Answered) -> BpkitError:
        """The error of an answer that is not 2xx. A write that is refused counts no more."""
        operation, status = call.operation, answer.status
        text = without_secrets(answer.content.decode(errors="replace"), call.request)
        code, message = refusals.refusal(
            status, text, phrase=answer.phrase, location=answer.headers.get("Location")
        )
        if status < 200 or (operation.mutates and refusals.leaves_open(status, code)):
            return self.lost(call, f"the answer was {status}: {message}", answer)
        if call.admitted is not None:
            self.writes.refused(call.admitted, status, code, message)
        finding = None
        if operation.signed and refusals.is_about_signature(code, message):
            finding = self.finding(call.request, refusals.is_about_time(message))
        wait = answer.retry_after
        return ApiError(operation.name, status, code, message, text, finding, retry_after=wait)

    def finding(self, request: object, is_time: bool) -> doctor.Finding:
        """What ``doctor`` finds. If the time may be wrong, the exchange's clock is read first."""
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


_MILLISECOND = timedelta(milliseconds=1)
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate", "User-Agent": "bpkit"}
