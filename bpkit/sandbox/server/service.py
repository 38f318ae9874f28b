"""A request in, an answer out: routing, parsing, authentication, the exchange, the log.

Knows no sockets: ``Service.answer`` takes the raw parts of a request and returns the raw parts of
the answer, so that any server, or a test, can stand before it. One lock round one engine: commands
take effect one after the other, as the exchange documents of its own.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from ...operations import OPERATIONS, Operation
from ..core.exchange import BATCH, EngineAccount, Exchange, Refusal
from ..core.transfers import Transfers
from . import answers, auth, parsing
from .answers import Response
from .fault_actions import Faults
from .faults import Fault, Visit
from .public_endpoints import PUBLIC
from .signed_endpoints import CAPITAL, NOT_SIMULATED, SIGNED

LOG_LENGTH = 10_000
FINDING = "X-Sandbox-Finding"  # the sandbox's own header; the exchange never sends it
FINDING_LENGTH = 1000  # characters in that header; the log has it all
Diagnose = Callable[[str, str, str, Mapping[str, str], bytes, int], str | None]
_log = logging.getLogger(__name__)
_ROUTES: dict[str, dict[str, Operation]] = {}
for _operation in OPERATIONS.values():
    _ROUTES.setdefault(_operation.path, {})[_operation.method] = _operation


class Service:
    """The exchange behind its API. ``clock``: Unix milliseconds, for authentication alone.

    ``market_clock``: microseconds that the market follows, or None for a market whose time stands
    still until ``exchange.advance_to`` moves it. ``diagnose``: what is wrong with a request whose
    signature was refused (method, path, query, headers, body, the exchange's time in ms), as text,
    or None. It is told in a header and in the log, never in the answer itself. ``accepted``: takes
    the signatures (base64) that were found good.
    """

    def __init__(
        self,
        exchange: Exchange,
        clock: Callable[[], int],
        market_clock: Callable[[], int] | None = None,
        diagnose: Diagnose | None = None,
        accepted: deque[str] | None = None,
    ) -> None:
        self.exchange, self.lock = exchange, threading.RLock()
        self.transfers, self.faults = Transfers(exchange), Faults()
        self.log: deque[dict[str, Any]] = deque(maxlen=LOG_LENGTH)
        self._clock, self._market_clock, self._diagnose = clock, market_clock, diagnose
        self._accepted = deque(maxlen=0) if accepted is None else accepted

    def answer(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> Response:
        """``headers``: names in lower case. Never raises."""
        response, examine = self.begin(method, path, query, headers, body)
        return examine() if examine else response

    def begin(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[Response, Callable[[], Response] | None]:
        """The answer; and where a signature was refused, what finds out why and adds it.

        That takes up to half a second, and may be done in any thread: the others need not wait.
        """
        operation = _route(method, path)
        with self.lock:
            visit = Visit(method, path, query, headers, body, self._clock(), operation)
            response = self.faults.carry(visit, self._respond)
            entry = _entry(visit, response)
            self.log.append(entry)
        return response, partial(self._examined, visit, response, entry) if visit.denied else None

    @contextmanager
    def under(self, fault: Fault) -> Iterator[Fault]:
        """While this lasts the fault is on."""
        with self.lock:
            self.faults.begin(fault)
        try:
            yield fault
        finally:
            with self.lock:
                self.faults.end(fault)

    def _respond(self, visit: Visit) -> Response:
        try:
            return self._carry_out(visit)
        except parsing.Unreadable as refusal:
            visit.refusal = refusal.text
            return answers.response(refusal.status, "text", refusal.text.encode())
        except (auth.Denied, Refusal) as refusal:
            visit.refusal = f"{refusal.code}: {refusal.message}"
            visit.denied = isinstance(refusal, auth.Denied)
            status = refusal.status
            if visit.denied and status == 400:
                status = self.exchange.conflicts.auth_status
            return answers.error(status, refusal.code, refusal.message)
        except Exception as defect:  # of the sandbox; it must not look like a lost connection
            _log.exception("the sandbox failed at %s %s", visit.method, visit.path)
            visit.refusal = f"a defect of the sandbox: {defect!r}"
            return answers.error(500, "SERVER_ERROR", "Internal error")

    def _carry_out(self, visit: Visit) -> Response:
        """Raises Unreadable, Denied, Refusal."""
        self._follow()
        operation, account = _known(visit), None
        symbols = set(self.exchange.markets)
        values = parsing.read(operation, visit.query, visit.headers, visit.body, symbols)
        visit.exchange_ms = visit.now_ms
        if operation.signed or operation.name == "get_time":
            visit.exchange_ms = self.faults.exchange_ms(visit)
        if operation.signed:
            visit.signed_by = auth.verify(
                operation,
                visit.query,
                visit.headers,
                visit.body,
                visit.exchange_ms,
                self._has_account,
            )
            self._accepted.append(visit.headers["x-signature"])
            account = self.exchange.account(visit.signed_by)
        return answers.success(operation, self._result(visit, operation, account, values))

    def _examined(self, visit: Visit, response: Response, entry: dict[str, Any]) -> Response:
        entry["finding"] = self._finding(visit)
        return _with_finding(response, entry["finding"])

    def _finding(self, visit: Visit) -> str | None:
        if self._diagnose is None:
            return None
        try:
            found = self._diagnose(
                visit.method,
                visit.path,
                visit.query,
                visit.headers,
                visit.body,
                visit.exchange_ms,
            )
            return None if found is None else str(found)
        except Exception:  # the answer must not suffer
            _log.exception("no finding at %s %s", visit.method, visit.path)
            return None

    def now_us(self) -> int:
        """The market's time, in microseconds."""
        with self.lock:
            self._follow()
            return self.exchange.now_us

    def _follow(self) -> None:
        if self._market_clock is not None:
            # A clock that is set back must not stop the market.
            self.exchange.advance_to(max(self._market_clock(), self.exchange.now_us))

    def _has_account(self, public_key: str) -> bool:
        return self.exchange.account(public_key) is not None

    def _result(
        self, visit: Visit, operation: Operation, account: EngineAccount | None, values: Any
    ) -> Any:
        name = operation.name
        if name == "get_time":
            return visit.exchange_ms
        if name in NOT_SIMULATED:
            raise Refusal(501, "NOT_IMPLEMENTED", f"The sandbox does not simulate {name}")
        if account is None:
            return self.faults.shown(visit, PUBLIC[name](self.exchange, values))
        if name in CAPITAL:
            return CAPITAL[name](self.transfers, account, values)
        if name == "execute_order_batch":
            return self._batch(visit, account, values)
        if name == "execute_order":
            refusal = self.faults.refusal(visit, values["symbol"])
            if refusal is not None:
                raise refusal
        return SIGNED[name](self.exchange, account, values)

    def _batch(self, visit: Visit, account: EngineAccount, orders: list[Any]) -> Any:
        """Each order for itself, so that one may be refused where another's market is open."""
        if not 1 <= len(orders) <= BATCH:
            return self.exchange.execute_batch(account, orders)  # which refuses it
        rows = []
        for order in orders:
            refusal = self.faults.refusal(visit, order["symbol"])
            if refusal is None:
                rows += self.exchange.execute_batch(account, [order])
            else:
                row = {"operation": "Err", "code": refusal.code, "message": refusal.message}
                rows.append(row)
        return rows


def _route(method: str, path: str) -> Operation | None:
    known = _ROUTES.get(path, {})
    if method == "HEAD":  # a GET whose body is not sent
        return known.get("GET")
    return known.get(method)


def _known(visit: Visit) -> Operation:
    if visit.operation is not None:
        return visit.operation
    if visit.path in _ROUTES:
        raise parsing.Unreadable("method not allowed", 405)
    raise parsing.Unreadable("not found", 404)


def _entry(visit: Visit, response: Response) -> dict[str, Any]:
    """A row of the log."""
    return {
        "time": datetime.fromtimestamp(visit.now_ms / 1000, UTC),
        "method": visit.method,
        "path": visit.path,
        "query": visit.query,
        "body": visit.body.decode(errors="replace"),
        "operation": visit.operation.name if visit.operation else None,
        "signedBy": visit.signed_by,  # the public key whose signature was found good
        "status": response.status,
        "verdict": visit.verdict,
        "fault": ", ".join(fault.name for fault in visit.met) or None,
        "finding": None,  # what was wrong with the signature
    }


def _with_finding(response: Response, finding: str | None) -> Response:
    """Not where something on the way answered in the exchange's place, or nobody did."""
    if finding is None or response.cut or response.status >= 500:
        return response
    line = " | ".join(finding.split("\n")).encode("ascii", "backslashreplace").decode()
    line = "".join(sign if sign.isprintable() else " " for sign in line)
    if len(line) > FINDING_LENGTH:
        line = line[: FINDING_LENGTH - 3] + "..."
    return response._replace(headers=response.headers | {FINDING: line.strip()})
