"""Client: one method for each operation of the Backpack API, from the sections in ``bpkit.api``."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any, overload

from . import serialize
from .api import (
    RFQ,
    Account,
    Assets,
    BorrowLend,
    BorrowLendMarkets,
    Capital,
    Order,
    Position,
    Strategy,
    System,
    Trades,
    Vaults,
    WithdrawalDelays,
)
from .api.unlisted import unlisted_operation
from .api.validation import TOGETHER, check_together
from .clock import ClockReading
from .doctor.explain import Explanation
from .errors import (
    ApiError,
    BatchTransportError,
    BpkitError,
    InputError,
    TransportError,
    shown_fields,
    without_locals,
)
from .guard.check_order import MarketList, MarketRules
from .guard.journal import Journal
from .guard.limits import Arming
from .guard.rate_limit import RateLimit
from .operations import OPERATIONS, OWN_ID, Operation
from .parameters import U32, Parameter
from .reconcile import Outcome
from .reconcile.journal import reconcile_all, reconcile_and_note
from .results import Reader, read_reply
from .serialize import Fields
from .signing import DEFAULT_WINDOW, Key
from .streams import Streams
from .transport import MOST_BYTES, Transport

_log = logging.getLogger("bpkit")


class Client(
    System, Assets, MarketRules, Trades, Account, Capital, WithdrawalDelays, Order, Position,
    BorrowLendMarkets, BorrowLend, Strategy, RFQ, Vaults, Streams,
):  # fmt: skip
    """The Backpack Exchange API at ``url``: a sandbox's, or ``LIVE_URL``.

    ``key``: needed by signed operations. ``window``: milliseconds for which a signed request stays
    valid, 1 to 60000. ``timeout``: seconds for a whole call, from its first attempt to the last
    byte of the answer; or a pair: seconds to connect, and for the whole call. Waiting for the rate
    limit, or because the exchange says so, does not count. ``most_bytes``: of an answer, 64 MiB by
    default; a longer one is a TransportError. ``journal``: a file on a local disk that gets a line
    before each write is sent and a line after its answer. So ``unanswered`` and the sum of the
    arming's ``per_day`` survive a crash: they are read from it at the start. It is for one host,
    one key and one process at a time.

    ``armed``: on a live host a client only reads, unless an ``Arming`` says what it may do and for
    how much. ``trusted_host``: one more host that the client may use, besides Backpack's own and
    this machine; if a sandbox made the key, also by plain http: that is a sandbox on another
    computer, and has the rules of this machine. ``rate_limit``: how many requests a minute, and
    whether to wait for room; by default the exchange's limits, and none on this machine.
    ``new_id``: a function that gives the number by which an order can be found again (0 to
    4294967295), if you give none; random by default.

    *A TransportError on an order means that you do not know; look before you send again*, with
    ``bp.reconcile(error)``. Reads are sent again when the exchange is busy or the connection is
    lost; orders and cancels never are.

    Every method returns the documented JSON (text for money) with a ``.df``. It raises InputError,
    MissingKeyError, GuardError, RateLimitError or JournalError before anything is sent, ApiError
    when the exchange says no, and TransportError when no answer came.
    ``logging.getLogger("bpkit")`` gets one INFO record for each write, and one DEBUG record for
    each read.
    """

    @without_locals
    def __init__(
        self,
        url: str,
        key: Key | None = None,
        *,
        window: int = DEFAULT_WINDOW,
        timeout: float | tuple[float, float] = (3.05, 10.0),
        armed: Arming | None = None,
        trusted_host: str | None = None,
        rate_limit: RateLimit | None = None,
        new_id: Callable[[], int] | None = None,
        most_bytes: int = MOST_BYTES,
        journal: str | os.PathLike[str] | None = None,
    ) -> None:
        if new_id is not None and not callable(new_id):
            raise InputError("new_id", new_id, "is not a function that gives a whole number")
        self._new_id = new_id or _random_id
        self._counts = armed is not None or journal is not None
        self._market_list = MarketList(monotonic)
        self._transport = Transport(
            url, key, window=window, timeout=timeout, armed=armed, trusted_host=trusted_host,
            rate_limit=rate_limit, most_bytes=most_bytes, journal=journal,
        )  # fmt: skip

    @property
    def url(self) -> str:
        """The scheme and host of the exchange, without a slash at the end."""
        return self._transport.url

    @property
    def key(self) -> Key | None:
        """The key that signs, or None."""
        return self._transport.key

    @property
    def armed(self) -> Arming | None:
        """What this client may change. None: nothing on a live host, everything on this machine."""
        return self._transport.armed

    @property
    def spent(self) -> Decimal:
        """What counts against the arming's ``per_session`` so far, in USDC."""
        return self._transport.guard.spent

    @property
    def unanswered(self) -> list[TransportError]:
        """The writes that got no usable answer or were interrupted, oldest first.

        With a journal, also those of earlier processes, until ``reconcile`` has found out what
        became of them.
        """
        return self._transport.writes.unanswered

    @property
    def journal(self) -> Journal | None:
        """The journal of this client's writes, or None. ``bp.journal.archive()`` shortens it."""
        return self._transport.writes.journal

    @overload
    def reconcile(  # type: ignore[overload-overlap]  # a batch raises the subclass
        self, error: BatchTransportError, *, wait: bool = True
    ) -> list[Outcome]: ...

    @overload
    def reconcile(self, error: TransportError, *, wait: bool = True) -> Outcome: ...

    @overload
    def reconcile(self, error: None = None, *, wait: bool = True) -> Outcome | list[Outcome]: ...

    def reconcile(
        self, error: TransportError | None = None, *, wait: bool = True
    ) -> Outcome | list[Outcome]:
        """Find out what became of a write that got no answer: ``error``, or the last of them.

        With a journal and without ``error``: of all of them, oldest first, as one list; empty if
        there are none. What is found is noted in the journal, and is not unanswered any more; what
        is unclear stays. A write that cannot be found in this way is unclear: look yourself, and
        then say so with ``bp.journal.resolved``.

        It only reads, and never sends anything again.

        The result is an Outcome; for a batch (BatchTransportError) it is a list with one for each
        order. ``.state`` is rested, filled, refused, cancelled, not found or unclear (of a
        withdrawal: accepted), with ``.evidence``. *Not found* is final: bpkit says it only after
        the signature has expired, because the exchange refuses what arrives later. It waits for
        that: usually the window and a second, and never more than two minutes. The state is
        *unclear* if the order may still arrive, with ``wait=False``, or if a history is too long to
        be read to its end: call it again. If you gave an id that you had used before, the two
        orders cannot always be distinguished; ``.explanation`` says so. Raises InputError for an
        operation that cannot be found in this way, and for an error of another exchange or key than
        this client's.
        """
        if error is None and self.journal is not None:
            return reconcile_all(self, wait=wait)
        if error is None and not self.unanswered:
            remedy = "is missing, and every write of this client was answered"
            raise InputError("error", None, remedy)
        wanted = self.unanswered[-1] if error is None else error
        return reconcile_and_note(self, wanted, wait=wait)

    def measure_clock(self, apply: bool = False) -> ClockReading:
        """How far this machine's clock is from the exchange's. It asks the exchange for its time.

        ``apply``: correct every signature of this client for it from now on. GuardError if the
        clocks differ by more than 10 minutes: then one of them is wrong, and nothing is applied.
        Docs: System, Get system time.
        """
        return self._transport.measure_clock(apply)

    @without_locals
    def explain(
        self,
        operation: str,
        /,
        *args: Any,
        at: datetime | str | int | None = None,
        **parameters: Any,
    ) -> Explanation:
        """What calling ``operation`` with these parameters would sign and send. Nothing is sent.

        ``at``: the time of the signature, now by default. Raises what the call would raise for its
        parameters: InputError, MissingKeyError, and GuardError if no instruction is documented.
        """
        if not isinstance(operation, str) or operation not in OPERATIONS:
            near = get_close_matches(str(operation), OPERATIONS, 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise InputError("operation", operation, f"is unknown; {hint}operations() lists them")
        timestamp = None if at is None else serialize.milliseconds("at", at)
        recorder = _Recorder()
        getattr(recorder, operation)(*args, **parameters)
        fields, made = self._with_id(operation, recorder.fields)
        request = self._transport.prepare(OPERATIONS[operation], fields, timestamp)
        return Explanation(
            OPERATIONS[operation], fields, request, made, show_signature=self._transport.practice
        )

    @without_locals
    def request(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        *,
        instruction: str | None = None,
    ) -> Any:
        """Call an operation that bpkit does not know yet. Returns JSON or text, without a frame.

        ``method``: GET, POST, DELETE, PATCH or PUT. ``path`` starts with a slash. ``params`` have
        the exchange's own names; they are sent in the query of a GET, else in the JSON body (a list
        of them is a batch). Values are written as in every call, but not checked.
        ``instruction``: the name that the documentation gives for the signature; None: unsigned.

        The guard checks this call like every other. On a live host a write needs
        ``Arming(unlisted=True)``, because bpkit cannot know its value. Raises what every method
        raises.
        """
        operation = unlisted_operation(method, path, instruction)
        if params is None or isinstance(params, Mapping):
            return self._send(operation, serialize.fields(params or {}))
        if isinstance(params, str) or not isinstance(params, Sequence) or method == "GET":
            raise InputError("params", params, 'is not a mapping; pass one such as {"symbol": ...}')
        return self._send(operation, [serialize.fields(one) for one in params])

    def close(self) -> None:
        """Close the open connection, and the journal.

        The client still reads: it opens another connection when it needs one. It still writes too,
        unless it had a journal: then make a new client.
        """
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        made = vars(self).get("_transport")  # a traceback may show a failed __init__
        return f"Client({made.url!r}, {made.key!r})" if made else "Client(not made)"

    if not TYPE_CHECKING:  # or a type checker would take every misspelt method for one

        def __getattr__(self, name: str) -> Any:
            """Only called for a name that does not exist."""
            hint = ""
            if not name.startswith("_"):
                public = [one for one in dir(type(self)) if not one.startswith("_")]
                near = get_close_matches(name, public, 1)
                near = [_ELSEWHERE[name]] if name in _ELSEWHERE else near
                hint = (
                    f"; did you mean {near[0]!r}?" if near else "; operations() lists all methods"
                )
            raise AttributeError(f"a Client has no {name!r}{hint}")

    def _call(self, name: str, arguments: Mapping[str, object], read: Reader = read_reply) -> Any:
        fields = serialize.checked_fields(name, arguments)
        if name in TOGETHER:
            check_together(name, fields)
        return self._send(name, fields, read)

    def _send(
        self, name: str | Operation, fields: Fields | Sequence[Fields], read: Reader = read_reply
    ) -> Any:
        operation = OPERATIONS[name] if isinstance(name, str) else name
        unique = False
        if operation.name in OWN_ID:
            fields, made = self._with_id(operation.name, fields)
            # If you gave the number, it may have been used before.
            wanted = 1 if isinstance(fields, Mapping) else len(fields)
            unique = self._new_id is _random_id and len(made) == wanted
        begun = perf_counter()
        outcome = "answered"
        try:
            reply = self._transport.send(operation, fields, unique_id=unique)
            try:
                answer = read(operation, fields, reply.status, reply.headers, reply.content)
                if self._counts:
                    admitted = reply.call.admitted
                    self._transport.writes.answered(operation.name, admitted, reply.status, answer)
            except BaseException as stop:  # whatever it is, a write may have been carried out
                interrupted = not isinstance(stop, Exception)
                why = f"the answer ({reply.status}) cannot be used: {stop}"
                if interrupted:
                    why = "it was interrupted while the answer was read"
                lost = self._transport.lost(reply.call, why, reply)
                if interrupted:
                    raise
                raise lost from None
            return answer
        except BaseException as error:
            outcome = _outcome(error)
            raise
        finally:
            level = logging.INFO if operation.mutates else logging.DEBUG
            if _log.isEnabledFor(level):
                _log_call(level, operation.name, fields, outcome, perf_counter() - begun)

    def _with_id(self, name: str, fields: Any) -> tuple[Any, list[int]]:
        """(the fields, each with an id to find the write by; the places of those that bpkit chose).

        The places are those of the orders in a batch, or [0] for one write.
        """
        own = OWN_ID.get(name)
        if own is None:
            return fields, []
        batch = not isinstance(fields, Mapping)
        complete, made = [], []
        for place, one in enumerate(fields if batch else [fields]):
            if own not in one:
                number: int | str = self._new_id()
                journal = self._transport.writes.journal
                while self._new_id is _random_id and journal and journal.is_used(number):
                    number = self._new_id()
                if self._new_id is not _random_id:
                    serialize.convert(Parameter(U32), "new_id()", number)
                one = {**one, own: str(number) if name == "request_withdrawal" else number}
                made.append(place)
            complete.append(one)
        return (complete if batch else complete[0]), made


class _Recorder(Client):
    """A client whose calls end before anything is sent; it keeps the fields."""

    fields: Any

    def __init__(self) -> None:
        """It needs no transport."""

    def _send(self, name: str | Operation, fields: Any, read: Reader = read_reply) -> Any:
        self.fields = fields


# The name of a method in other exchanges' libraries -> its name here.
_ELSEWHERE = {
    **dict.fromkeys(("buy", "sell", "place_order", "create_order", "new_order"), "execute_order"),
    **dict.fromkeys(("get_candles", "get_ohlcv", "fetch_ohlcv"), "get_klines"),
    **dict.fromkeys(("get_order_book", "get_orderbook", "fetch_order_book"), "get_depth"),
    **dict.fromkeys(("subscribe", "websocket", "watch_trades", "watch_orders"), "stream"),
    "cancel_all_orders": "cancel_open_orders",
    "get_trades": "get_recent_trades",
    "withdraw": "request_withdrawal",
}
_random_id = lambda: secrets.randbelow(2**32 - 1) + 1  # noqa: E731


def _outcome(error: BaseException) -> str:
    """What the log says about a call that raised."""
    if isinstance(error, ApiError):
        return f"refused: {error.status} {error.code or error.message}"
    if isinstance(error, TransportError):
        return f"UNKNOWN: {error.reason}" if error.sent else f"not sent: {error.reason}"
    if isinstance(error, BpkitError):
        return f"not sent: {type(error).__name__}"
    return f"UNKNOWN: interrupted by {type(error).__name__}"


def _log_call(level: int, name: str, fields: Any, outcome: str, seconds: float) -> None:
    """Log one record. It has only the fields that identify a write, so never a secret."""
    orders = map(shown_fields, [fields] if isinstance(fields, Mapping) else fields)
    what = f"{name} {'; '.join(orders)}".strip()
    _log.log(level, "%s: %s (%.0f ms)", what, outcome, seconds * 1000)
