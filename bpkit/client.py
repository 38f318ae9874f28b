"""Client: the door, and one readable method for each operation (see ``bpkit.api``)."""

from __future__ import annotations

import copy
import inspect
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from . import results
from . import serialize as wire
from .api import (
    RFQ,
    Account,
    Assets,
    BorrowLend,
    BorrowLendMarkets,
    Capital,
    Markets,
    Order,
    Position,
    Strategy,
    System,
    Trades,
    Vaults,
    WithdrawalDelays,
)
from .api import validation as checks
from .clock import ClockReading, is_plausible
from .doctor.explain import Explanation
from .errors import InputError, TransportError
from .guard.limits import Arming
from .guard.rate_limit import Budget
from .operations import OPERATIONS, Operation
from .reconcile import Outcome, reconcile
from .serialize import Fields
from .signing import DEFAULT_WINDOW, Key
from .transport import Transport


class Client(
    System, Assets, Markets, Trades, Account, Capital, WithdrawalDelays, Order, Position,
    BorrowLendMarkets, BorrowLend, Strategy, RFQ, Vaults,
):  # fmt: skip
    """The Backpack Exchange API, at ``url``: a sandbox's, or ``LIVE_URL``.

    ``key``: needed by signed operations. ``window``: milliseconds for which a signed request stays
    valid, 1 to 60000. ``timeout``: seconds to connect, and to wait for an answer.

    ``armed``: on a host that is not this machine a client only reads, unless an ``Arming`` says
    what it may do and for how much. ``trusted_host``: the one host beside Backpack's own and this
    machine that it may speak to. ``budget``: how many requests a minute, and whether to wait for
    room; by default the exchange's limits, and none on this machine. ``new_id``: gives the numbers
    by which orders are found again (0 to 4294967295), where you give none; random by default.

    A *TransportError on an order means that you do not know; look before you send again*, with
    ``bp.reconcile(error)``. Reads are tried again when the exchange is busy or the connection is
    lost; orders and cancels never are.

    Every method returns the documented JSON (text for money) with a ``.df``; raises InputError,
    MissingKeyError, GuardError or BudgetError before anything is sent, ApiError when the exchange
    says no, TransportError when no answer came.
    """

    def __init__(
        self,
        url: str,
        key: Key | None = None,
        *,
        window: int = DEFAULT_WINDOW,
        timeout: tuple[float, float] = (3.05, 10.0),
        armed: Arming | None = None,
        trusted_host: str | None = None,
        budget: Budget | None = None,
        new_id: Callable[[], int] | None = None,
    ) -> None:
        if new_id is not None and not callable(new_id):
            raise InputError("new_id", new_id, "is no function that gives a whole number")
        self._given_ids = new_id
        self._transport = Transport(
            url, key, window=window, timeout=timeout, armed=armed, trusted_host=trusted_host,
            budget=budget,
        )  # fmt: skip

    @property
    def url(self) -> str:
        """Scheme and host of the exchange, without a slash at the end."""
        return self._transport.url

    @property
    def key(self) -> Key | None:
        """The key that signs, or None."""
        return self._transport.key

    @property
    def armed(self) -> Arming | None:
        """What this client may change, or None: nothing, but on this machine everything."""
        return self._transport.armed

    @property
    def spent(self) -> Decimal:
        """What counts against the arming's ``per_session`` so far, in USDC."""
        return self._transport.guard.spent

    @property
    def unanswered(self) -> list[TransportError]:
        """The writes that got no usable answer, oldest first; also those that you interrupted."""
        return list(self._transport.unanswered)

    def reconcile(
        self, error: TransportError | None = None, *, wait: bool = True
    ) -> Outcome | list[Outcome]:
        """What became of a write that got no answer: ``error``, or the last of ``unanswered``.

        It only looks, and never sends anything again.

        Answers an Outcome (for a batch a list of them, one an order): ``.state`` is rested, filled,
        refused, cancelled, not found or unclear (of a withdrawal: accepted), with ``.evidence``.
        Not found is final: it is only said once the signature has expired, for the exchange refuses
        what arrives later. It waits for that, usually the window and a second at most, and never
        more than two minutes. Where it may still arrive after that, with ``wait`` False, or where
        a history is too long to be read to its end, it is unclear: call it again. An id that you
        gave, and used before with the same order, cannot always be told from the earlier one; the
        explanation says so. Raises InputError for an operation that cannot be looked for so, and
        for an error of another exchange or key than this client's.
        """
        if error is None and not self.unanswered:
            remedy = "is missing, and every write of this client was answered"
            raise InputError("error", None, remedy)
        wanted = self.unanswered[-1] if error is None else error
        return reconcile(self, wanted, wait=wait)

    def measure_clock(self, apply: bool = False) -> ClockReading:
        """How far this machine's clock is from the exchange's, from one question for its time.

        ``apply``: correct every signature of this client for it from now on. Docs: System, Get
        system time.
        """
        return self._transport.measure_clock(apply)

    def explain(
        self,
        operation: str,
        /,
        *args: Any,
        at: datetime | str | int | None = None,
        **parameters: Any,
    ) -> Explanation:
        """What calling ``operation`` with these parameters would sign and send. Nothing is sent.

        ``at``: the moment of the signature, now by default. Raises what the call would raise for
        its parameters: InputError, MissingKeyError, and GuardError where nothing is documented.
        """
        if not isinstance(operation, str) or operation not in OPERATIONS:
            raise InputError("operation", operation, "is none; operations() lists them all")
        timestamp = wire.milliseconds("at", at)
        twin = copy.copy(self)  # whose calls end where the door would open
        twin.__dict__["_send"] = lambda name, fields: self._explained(name, fields, timestamp)
        return getattr(twin, operation)(*args, **parameters)

    def close(self) -> None:
        """Close the kept connection. The client still works: it would open another."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        # A traceback may show a client whose making has just failed.
        made = getattr(self, "_transport", None)
        return f"Client({made.url!r}, {made.key!r})" if made else "Client(not made)"

    def _call(
        self,
        name: str,
        params: Mapping[str, object],
        together: Callable[[Fields], Fields] = lambda fields: fields,
    ) -> Any:
        if not isinstance(params, Mapping):
            raise InputError("fields", params, "is no mapping of field names to values")
        for field, value in params.items():
            if value is None and checks.python_name(field) in _required(name):
                raise InputError(checks.python_name(field), None, f"is missing; {name} needs it")
        with checks.python_names():
            fields = together(checks.params(params, name))
        return self._send(name, fields)

    def _send(self, name: str, fields: Fields | Sequence[Fields]) -> Any:
        operation, given = OPERATIONS[name], fields
        fields = self._findable(name, given)
        made, wanted = _made_here(name, given), 1 if isinstance(given, Mapping) else len(given)
        unique = self._given_ids is None and len(made) == wanted  # yours may begin anew
        reply = self._transport.send(operation, fields, unique_id=unique)
        try:
            answer: Any = results.read(operation.answer, reply.status, reply.headers, reply.content)
            if not reply.content.strip() and not _may_be_empty(operation, reply.status):
                raise ValueError("an answer is missing, and nothing must not be read as 'none'")
            if operation.answer == "time" and not (
                isinstance(answer, int) and is_plausible(answer)
            ):
                raise ValueError("it is no time in Unix milliseconds")
            if not _is_of(operation, fields, answer):
                raise ValueError("it is an answer to something else")
            return answer
        except (ValueError, RecursionError, KeyboardInterrupt) as stop:
            lost = self._transport.lost(
                operation, fields, "the answer is not what was announced", reply.timestamp
            )
            lost.unique_id = unique
            if isinstance(stop, KeyboardInterrupt):
                raise
            raise lost from None

    def _findable(self, name: str, fields: Fields | Sequence[Fields]) -> Any:
        """With a number to find it by, where the operation takes one and you gave none."""
        own = _OWN_ID.get(name)
        if own is None:
            return fields
        if not isinstance(fields, Mapping):
            return [self._findable("execute_order", one) for one in fields]
        if own in fields:
            return fields
        number = self._new_id()
        return {**fields, own: str(number) if name == "request_withdrawal" else number}

    def _new_id(self) -> int:
        if self._given_ids is None:
            return secrets.randbelow(2**32 - 1) + 1
        number = self._given_ids()
        checks.RULES["clientId"]("new_id()", number)
        return number

    def _explained(
        self, name: str, fields: Fields | Sequence[Fields], timestamp: int | None
    ) -> Explanation:
        operation, complete = OPERATIONS[name], self._findable(name, fields)
        request = self._transport.prepare(operation, complete, timestamp)
        headers = {str(name): str(value) for name, value in (request.headers or {}).items()}
        signed = "X-Timestamp" in headers
        return Explanation(
            operation, complete, method=operation.method, url=str(request.url), headers=headers,
            body=request.body if isinstance(request.body, bytes) else None,
            timestamp=int(headers["X-Timestamp"]) if signed else None,
            window=int(headers["X-Window"]) if signed else None,
            made_here=_made_here(name, fields), show_signature=self._transport.loopback,
        )  # fmt: skip


# By which field what you send can be found again; of a withdrawal it is text.
_OWN_ID = {
    **dict.fromkeys(
        ("execute_order", "execute_order_batch", "submit_rfq", "submit_quote",
         "request_withdrawal"), "clientId"),
    "strategy_create": "clientStrategyId",
}  # fmt: skip


def _is_of(operation: Operation, sent: Any, answer: Any) -> bool:
    """Does the answer to a write speak of what was sent, as far as it says?"""
    if operation.answer == "batch":
        return len(answer) == len(sent) and all(
            row["operation"] == "Err" or _is_mine(one, row)
            for one, row in zip(sent, answer, strict=True)
        )
    return not operation.mutates or not isinstance(answer, dict) or _is_mine(sent, answer)


def _is_mine(sent: Mapping[str, object], row: Mapping[str, object]) -> bool:
    return all(
        row.get(name) is None or name not in sent or str(row[name]) == str(sent[name])
        for name in ("symbol", "side", "clientId", "clientStrategyId")
    )


def _made_here(name: str, fields: Fields | Sequence[Fields]) -> list[str | tuple[int, str]]:
    """The fields that ``_findable`` adds; of a batch with the order's number."""
    own = _OWN_ID.get(name)
    if own is None:
        return []
    if isinstance(fields, Mapping):
        return [] if own in fields else [own]
    return [(number, own) for number, one in enumerate(fields, 1) if own not in one]


def _may_be_empty(operation: Operation, status: int) -> bool:
    """204 where there is nothing, 202 for a cancel that is accepted but not confirmed."""
    nothing = operation.method == "GET" and status == 204
    cancelled = operation.method == "DELETE" and status in (202, 204)
    return operation.answer == "empty" or nothing or cancelled


@cache
def _required(name: str) -> tuple[str, ...]:
    """The arguments of the method ``name`` that have no default, ``self`` excepted."""
    _, *arguments = inspect.signature(getattr(Client, name)).parameters.values()
    return tuple(one.name for one in arguments if one.default is one.empty)
