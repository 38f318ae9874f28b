"""Route, check, execute and log a request.

This module has no sockets: ``Service.answer`` takes the raw parts of a request and returns the raw
parts of its answer, for any server and for tests. One lock guards one engine: commands take effect
one after the other, as the exchange documents.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from ...operations import OPERATIONS, UNDOCUMENTED, Operation
from ..core import timeline
from ..core.exchange import EngineAccount, Exchange, Refusal
from ..core.transfers import Transfers
from ..undo import all_or_nothing
from . import answers, auth, handshake, parsing, socket_faults
from .advance import Advance
from .answers import Response
from .endpoints.public import PUBLIC
from .endpoints.signed import ORDERS, SIGNED, TRANSFERS
from .faults import ActiveFaults, Fault
from .play import Play
from .record import Log, RequestRecord, bounded
from .restarts import Origin, Restarts
from .subscriptions import Hub

# An operation without a function is answered 501 once the body is a JSON object and the signature
# is good, so that signing can be practised on it. ``get_time`` is answered here; the signature of
# an operation without a documented instruction is never good.
_HANDLED = {"get_time", *PUBLIC, *SIGNED, *ORDERS, *TRANSFERS}
NOT_SIMULATED = frozenset(
    name
    for name, operation in OPERATIONS.items()
    if name not in _HANDLED and operation.instruction != UNDOCUMENTED
)
GRAIN_US = 100_000  # the least time that a market which follows a clock passes for a request
FINDING = "X-Sandbox-Finding"  # a header of the sandbox; the exchange never sends it
FINDING_LENGTH = 1000  # characters in that header; the log has the whole finding
Diagnose = Callable[[str, str, str, Mapping[str, str], bytes, int], str | None]
Result = TypeVar("Result")
_log = logging.getLogger(__name__)
_ROUTES: dict[str, dict[str, Operation]] = {}
for _operation in OPERATIONS.values():
    _ROUTES.setdefault(_operation.path, {})[_operation.method] = _operation


class Service(Restarts):
    """The exchange behind its API. ``clock``: Unix milliseconds, only for authentication.

    ``market_clock``: microseconds that the market follows, or None for a market whose time does not
    move until ``exchange.advance_to`` is called. ``diagnose``: explains a request whose signature
    was refused (method, path, query, headers, body, the exchange's time in ms), as text, or None.
    The text is sent in a header and kept in the log, never in the body. ``accepted``: receives the
    signatures (base64) that were good. ``origin``: makes a new exchange, for ``restore`` and
    ``reset``. ``names``: by which this machine is called, besides its loopback names.
    """

    def __init__(
        self,
        exchange: Exchange,
        clock: Callable[[], int],
        market_clock: Callable[[], int] | None = None,
        diagnose: Diagnose | None = None,
        accepted: deque[str] | None = None,
        origin: Origin | None = None,
        *,
        names: Collection[str] = (),
    ) -> None:
        super().__init__(origin)
        self.faults, self.lock = ActiveFaults(), threading.RLock()
        self.exchange, self.capital = exchange, Transfers(exchange)
        self.names = frozenset(name.lower() for name in names)
        self.log = Log()
        self._logged = 0  # rows that ever were in the log
        self.clock, self._market_clock, self._diagnose = clock, market_clock, diagnose
        self._accepted = deque(maxlen=0) if accepted is None else accepted
        self.hub = Hub(self)
        self.play: Play | None = None  # that is running
        self.advance: Advance | None = None  # that is running
        self.waiting = 0  # requests that wait for the lock; the server counts them

    @property
    def exchange(self) -> Exchange:
        """The exchange, whose strategies ask the faults whether a market takes orders."""
        return self._exchange

    @exchange.setter
    def exchange(self, exchange: Exchange) -> None:
        """Also for one that takes the place of another."""
        self._exchange = exchange
        exchange.check_market = self.faults.check_market_of_strategy

    def answer(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> Response:
        """``headers``: names in lower case. Never raises."""
        response, examine = self.begin(method, path, query, headers, body)
        return examine() if examine else response

    def begin(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[Response, Callable[[], Response] | None]:
        """The answer; and if a signature was refused, a function that finds out why and adds it.

        That function takes up to half a second, and may run in any thread without the lock.
        """
        operation = _route(method, path)
        with self.lock:
            record = RequestRecord(method, path, query, headers, body, self.clock(), operation)
            response = self.faults.answer(record, self._respond)
            entry = record.log_entry(response)
            self.note(entry)
            self.hub.publish()
        examine = partial(self._examined, record, response, entry)
        return response, examine if record.denied else None

    def note(self, entry: dict[str, Any]) -> None:
        """Add a row to the log. Call it under the lock."""
        self._logged += 1
        entry["n"] = self._logged
        self.log.append(entry)

    @contextmanager
    def under(self, fault: Fault) -> Iterator[Fault]:
        """The fault is on within this context."""
        self.begin_fault(fault)
        try:
            yield fault
        finally:
            self.end_fault(fault)

    def begin_fault(self, fault: Fault) -> None:
        """The fault is on from now."""
        with self.lock:
            self.faults.start(fault, self.seed)
            socket_faults.remember_depths(fault, self.exchange)
            self.hub.begin(fault)

    def end_fault(self, fault: Fault) -> None:
        """The fault is off, if it was on."""
        with self.lock:
            if self.faults.end(fault):
                self.hub.end(fault)

    def command(self, act: Callable[[], Result]) -> Result:
        """Carry out a command of the sandbox's owner, whole or not at all.

        It runs in a thread of its own: see ``uninterrupted``.
        """
        return uninterrupted(partial(self.carry_out, act))

    def carry_out(self, act: Callable[[], Result]) -> Result:
        """Like ``command``, in the thread that calls it."""
        with self.lock:
            try:
                self.catch_up()
                with all_or_nothing():
                    return act()
            finally:
                self.hub.publish()

    def begin_advance(self, until_us: int) -> Advance:
        """Begin to advance the market to ``until_us``; requests are answered meanwhile.

        ValueError: that time has passed, or something else moves the market's time.
        """
        with self.lock:
            if self.follows_clock:
                raise ValueError("this sandbox follows the clock; its time cannot be moved by hand")
            if self.play is not None:
                raise ValueError(
                    "play() or a speed moves the time now; leave out the speed, or leave the block "
                    "of play() before advance()"
                )
            if self.advance is not None:
                raise ValueError("advance() moves the time now; wait until it is done")
            if until_us <= self.exchange.now_us:
                raise ValueError(f"it is {self.exchange.now_us} already, {until_us} has passed")
            self.advance = Advance(self, until_us)
            self.advance.start()
            return self.advance

    @property
    def follows_clock(self) -> bool:
        """Does the market follow a clock?"""
        return self._market_clock is not None

    def tick(self) -> None:
        """Let time pass for the sockets, if the market follows a clock."""
        with self.lock:
            try:
                self.catch_up(1)
            finally:
                self.hub.publish()

    def handshake(self, path: str, query: str, headers: Mapping[str, str]) -> Response | None:
        """The answer to a request that asks for a WebSocket. None: it may have one.

        The log has a row if it is refused. Call it under the lock.
        """
        record = RequestRecord("GET", path, query, headers, b"", self.clock(), None)
        response = handshake.refusal(record, self.faults, self.names)
        if response is not None:
            self.note(record.log_entry(response))
        return response

    def now_us(self) -> int:
        """The market's time, in microseconds."""
        if self._market_clock is not None:
            return self.command(lambda: self.exchange.now_us)
        with self.lock:
            return self.exchange.now_us

    def _respond(self, record: RequestRecord) -> Response:
        try:
            return self._carry_out(record)
        except parsing.Unreadable as refusal:
            record.refusal = refusal.text
            return answers.response(refusal.status, "text", refusal.text.encode())
        except Refusal as refusal:
            record.refusal = f"{refusal.code}: {refusal.message}"
            record.denied = isinstance(refusal, auth.Denied)
            status = refusal.status
            if record.denied and status == 400:
                status = self.exchange.conflicts.auth_status
            return answers.error(status, refusal.code, refusal.message)
        except Exception as defect:  # of the sandbox; it must not look like a lost connection
            _log.exception("the sandbox failed at %s %s", record.method, record.path)
            record.refusal = f"a defect of the sandbox: {defect!r}"
            return answers.error(500, "SERVER_ERROR", "Internal error")

    def _carry_out(self, record: RequestRecord) -> Response:
        """Raises Unreadable, Refusal."""
        handshake.check_host(record.headers.get("host", ""), self.names)
        self.catch_up()
        with all_or_nothing():
            return self._answered(record)

    def _answered(self, record: RequestRecord) -> Response:
        operation, account = _known(record), None
        symbols = self.exchange.markets.keys()
        values = parsing.read(operation, record.query, record.headers, record.body, symbols)
        if operation.signed or operation.name == "get_time":
            record.exchange_ms = self.faults.exchange_ms(record)
        if operation.signed:
            account = self._authenticate(operation, record)
        return answers.success(operation, self._result(record, operation, account, values))

    def _authenticate(self, operation: Operation, record: RequestRecord) -> EngineAccount:
        """The account that signed the request. Raises Denied."""
        record.signed_by = auth.verify(
            operation,
            record.query,
            record.headers,
            record.body,
            record.exchange_ms,
            self.exchange.accounts.__contains__,
        )
        self._accepted.append(record.headers["x-signature"])
        return self.exchange.accounts[record.signed_by]

    def _result(
        self,
        record: RequestRecord,
        operation: Operation,
        account: EngineAccount | None,
        values: Any,
    ) -> Any:
        name = operation.name
        if name == "get_time":
            return record.exchange_ms
        if name in NOT_SIMULATED:
            raise Refusal(501, "NOT_IMPLEMENTED", f"The sandbox does not simulate {name}")
        if account is None:
            return self.faults.show(record, PUBLIC[name](self.exchange, values))
        if name in TRANSFERS:
            return TRANSFERS[name](self.capital, account, values, record.exchange_ms)
        if name in ORDERS:
            check = partial(self.faults.check_market, record)
            return ORDERS[name](self.exchange, account, values, check)
        return SIGNED[name](self.exchange, account, values)

    def catch_up(self, grain_us: int = GRAIN_US) -> None:
        """Bring the market to the present: to where an advance is by now, or to its clock, if that
        is ``grain_us`` ahead. Each step quotes the books and looks at all accounts."""
        if self.advance is not None:
            with all_or_nothing():
                timeline.show(self.exchange)
        if self._market_clock is not None:  # a clock that is set back must not stop the market
            now_us = self._market_clock() - self.behind_us
            if now_us >= self.exchange.now_us + grain_us:
                with all_or_nothing():
                    self.exchange.advance_to(now_us)

    def _examined(
        self, record: RequestRecord, response: Response, entry: dict[str, Any]
    ) -> Response:
        return _with_finding(response, self.explain(record, entry))

    def explain(self, record: RequestRecord, entry: dict[str, Any]) -> str | None:
        """What is wrong with a refused signature; the row of the log gets it, too."""
        finding = self._finding(record)
        entry["finding"] = None if finding is None else bounded(finding)
        return finding

    def _finding(self, record: RequestRecord) -> str | None:
        if self._diagnose is None:
            return None
        try:
            found = self._diagnose(
                record.method,
                record.path,
                record.query,
                record.headers,
                record.body,
                record.exchange_ms,
            )
            return None if found is None else str(found)
        except Exception:  # the answer is sent all the same
            _log.exception("no finding at %s %s", record.method, record.path)
            return None


def uninterrupted(act: Callable[[], Result]) -> Result:
    """Carry out ``act`` in a thread of its own: an interrupt (Ctrl+C) reaches only the main thread,
    which waits here until it is done."""
    with ThreadPoolExecutor(1, "bpkit sandbox command") as thread:
        return thread.submit(act).result()


def _route(method: str, path: str) -> Operation | None:
    # HEAD is a GET whose body is not sent.
    return _ROUTES.get(path, {}).get("GET" if method == "HEAD" else method)


def _known(record: RequestRecord) -> Operation:
    if record.operation is not None:
        return record.operation
    if record.path in _ROUTES:
        raise parsing.Unreadable("method not allowed", 405)
    raise parsing.Unreadable("not found", 404)


def _with_finding(response: Response, finding: str | None) -> Response:
    """Add the finding, unless a fault on the way answered instead of the exchange."""
    if finding is None or response.cut or response.status >= 500:
        return response
    line = " | ".join(finding.split("\n")).encode("ascii", "backslashreplace").decode()
    line = "".join(sign if sign.isprintable() else " " for sign in line)
    if len(line) > FINDING_LENGTH:
        line = line[: FINDING_LENGTH - 3] + "..."
    return response._replace(headers=response.headers | {FINDING: line.strip()})
