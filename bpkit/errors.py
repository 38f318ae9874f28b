"""Every error that bpkit raises on purpose, in one tree.

BpkitError
|-- InputError       (also ValueError) a value that cannot be sent: .field .value .remedy
|   `-- RuleError    a price or quantity that a market's rule forbids: .rule .limit .got
|-- KeyFormatError   (also ValueError) not an ED25519 pair in base64; the message says why
|-- MissingKeyError  a signed call without a key, or no .env to read one from
|-- GuardError       refused before sending: an unsafe host, the demo key, or a write that the
|                    client's limits do not allow
|-- MissingExtraError  (also ImportError) a library of an optional part is not installed
|-- RateLimitError   the request limit of this minute is reached: .wait seconds until the next
|-- JournalError     the journal cannot be read, or a write cannot be noted in it
|-- StreamError      a stream cannot be opened, or the exchange refuses it: .code .finding
|-- StaleBook        a live order book has a gap, and has not been read again yet
|-- TransportError   no usable answer (none, or a 5xx on the way): a write's outcome is UNKNOWN
|   `-- BatchTransportError  of a batch of orders: bp.reconcile(error) has an outcome for each
`-- ApiError         the exchange answered, and said no: .status .code .message .body .finding

The first seven are raised before the request is sent.

The rule that matters most: a TransportError on an order means that you do not know. Look
(``bp.reconcile(error)``) before you send again.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import wraps
from itertools import pairwise
from traceback import clear_frames
from typing import Any, TypeVar, cast

from .operations import LOOK_IN

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]
WIDTH = 92  # characters: a line this long fits an output cell of JupyterLab


class BpkitError(Exception):
    """The root: ``except BpkitError`` catches all of them and nothing else.

    ``str(error)`` is wrapped at 92 characters. ``.args[0]`` is the message in one piece.
    """

    def __str__(self) -> str:
        message = str(self.args[0]) if self.args else ""
        return "\n".join(map(_wrapped, message.split("\n")))

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (type(self), self.args, self.__dict__)


def _wrapped(line: str) -> str:
    if len(line) <= WIDTH:
        return line
    return textwrap.fill(
        line, WIDTH, drop_whitespace=True, break_long_words=False, break_on_hyphens=False
    )


def _restore(kind: type[BpkitError], args: tuple[object, ...], state: dict[str, Any]) -> BpkitError:
    """Pickle and copy an error without its constructor, which may want other arguments."""
    made = kind.__new__(kind)
    made.args = args
    made.__dict__.update(state)
    return made


class InputError(BpkitError, ValueError):
    """A value that cannot be sent as it is. Names the field, the value and the remedy.

    A value that looks like a secret is hidden.
    """

    def __init__(self, field: str, value: object, remedy: str) -> None:
        raw = isinstance(value, bytes | bytearray) and len(value) >= 32
        public = field.endswith("public_key")
        shown = HIDDEN if raw else repr(value) if public else hide_secrets(repr(value))
        self.field, self.value, self.remedy = field, value, remedy
        if shown != repr(value):
            self.value, self.remedy = shown, remedy.replace(str(value), HIDDEN)
        super().__init__(f"{field}={shown}: {self.remedy}")


class RuleError(InputError):
    """A market's rule leaves no valid value, or a value breaks it.

    ``rule``: the exchange's name: tickSize, minPrice, maxPrice, stepSize, minQuantity, maxQuantity,
    minMultiplier, maxMultiplier, meanMarkPriceBand or orderBookState. ``limit``: what the rule
    allows. ``got``: the value that breaks it, after rounding. Both are text.
    """

    def __init__(
        self, field: str, value: object, remedy: str, rule: str, limit: str, got: str
    ) -> None:
        self.rule, self.limit, self.got = rule, limit, got
        super().__init__(field, value, remedy)


class KeyFormatError(BpkitError, ValueError):
    """The text is not a key, or the two texts are not a pair. The message never repeats them."""


class MissingKeyError(BpkitError):
    """A key is needed and there is none."""


class MissingExtraError(BpkitError, ImportError):
    """An optional part of bpkit needs a library that is not installed. See ``missing_extra``."""


def missing_extra(part: str, library: str, extra: str) -> MissingExtraError:
    """The error to raise, with the command that installs ``extra`` (sandbox, plots, progress)."""
    return MissingExtraError(
        f'{part} needs {library}, which is not installed: pip install "bpkit[{extra}]"'
    )


class GuardError(BpkitError):
    """Refused before anything was sent, because sending it would be unsafe."""


class JournalError(BpkitError):
    """The journal cannot be opened, or a write cannot be noted in it. The write is not sent."""


class StreamError(BpkitError):
    """No connection to the exchange's streams, or the exchange refuses a subscription.

    ``streams``: the names that it is about. ``code``: the exchange's error code, such as 4006; None
    if there was no connection. ``finding``: if the signature was refused, what is wrong and how to
    fix it (see ``bpkit.doctor``); else None.
    """

    def __init__(
        self, streams: Sequence[str], reason: str, code: int | None = None, finding: object = None
    ) -> None:
        self.streams, self.reason, self.code, self.finding = [*streams], reason, code, finding
        super().__init__(reason if finding is None else f"{reason}\n{finding}")


class StaleBook(BpkitError):
    """A live order book has missed an event, and must not be read until it is complete again."""


class RateLimitError(BpkitError):
    """The rate limit is reached, and the client does not wait for room. Nothing was sent."""

    def __init__(self, operation: str, limit: int, wait: float) -> None:
        self.operation, self.limit, self.wait = operation, limit, wait
        super().__init__(
            f"{operation}: the limit of {limit} request{'s' if limit > 1 else ''} of its kind a "
            f"minute is reached; the next may be sent in {wait:.1f} seconds. Nothing was sent."
        )


class TransportError(BpkitError):
    """No usable answer arrived.

    ``sent`` is False only if the request certainly never left (there was no connection).
    Otherwise the outcome of a write is unknown: it may have been carried out.

    What is needed to look: ``operation``; ``parameters`` as they were sent, under the exchange's
    names (a list of them for a batch); ``client_id``, yours or the one that bpkit chose (None if
    there is none, or several); ``unique_id``: the id was made at random for this request alone;
    ``time``: the UTC time of its signature; ``window``: the milliseconds for which the
    signature was valid, after which the exchange refuses it; ``url`` and ``public_key``: where it
    was sent, and with which key; ``attempt``: how it is counted, and the ``id`` of its lines in
    the journal.
    ``bp.reconcile(error)`` looks for the write.

    The text of a write that may have been carried out also has the fields by which it can be found.
    ``to_dict`` and ``from_dict`` keep the whole error as JSON.

    Of an answer that cannot be used: ``status``, ``content_type`` and ``first``, its first 200
    characters. None if there was no answer.
    """

    status: int | None = None
    content_type: str | None = None
    first: str | None = None

    def __init__(
        self,
        operation: str,
        reason: str,
        *,
        sent: bool,
        mutates: bool,
        parameters: Parameters | None = None,
        time: datetime | None = None,
        window: int | None = None,
        url: str | None = None,
        public_key: str | None = None,
        unique_id: bool = False,
        attempt: str | None = None,
    ) -> None:
        self.operation, self.reason, self.sent, self.mutates = operation, reason, sent, mutates
        self.parameters: Parameters = {} if parameters is None else parameters
        self.time, self.window, self.unique_id = time, window, unique_id
        self.url, self.public_key, self.attempt = url, public_key, attempt
        super().__init__(f"{operation}: {reason}. {self.outcome}{self._what_was_sent()}")

    def to_dict(self) -> dict[str, Any]:
        """Everything that the error knows, as ``json.dumps`` takes it. It never has a secret."""
        known = {name: value for name, value in vars(self).items() if name != "__notes__"}
        time = None if self.time is None else self.time.isoformat()
        return {"error": type(self).__name__, **known, "time": time}

    @staticmethod
    def from_dict(saved: Mapping[str, Any]) -> TransportError:
        """The error that ``to_dict`` gave, as ``bp.reconcile`` takes it. Raises InputError."""
        kinds = {one.__name__: one for one in (TransportError, BatchTransportError)}
        try:
            known = {**saved}
            kind = kinds[known.pop("error")]
            if known["time"] is not None:
                known["time"] = datetime.fromisoformat(known["time"])
            given = {name: known.pop(name) for name in _ARGUMENTS}
        except (KeyError, TypeError, ValueError):
            remedy = "is not a saved TransportError; pass what error.to_dict() gave"
            raise InputError("saved", type(saved), remedy) from None
        made = kind(**given)
        made.__dict__.update(known)
        return made

    def _what_was_sent(self) -> str:
        """One line for each write that may have been carried out: the fields that identify it."""
        if not (self.sent and self.mutates):
            return ""
        when = f"signed {self.time.isoformat(timespec='milliseconds')}" if self.time else ""
        if isinstance(self.parameters, Mapping):
            first, lines = shown_fields(self.parameters), []
        else:
            lines = [f"\n{shown_fields(one)}" for one in self.parameters]
            first = f"{len(lines)} orders"
        told = ", ".join(filter(None, [first, when]))
        return "".join([f"\nSent: {told}" if told else "", *lines])

    @property
    def client_id(self) -> int | str | None:
        """The number (of a withdrawal: the text) that the request can be found by."""
        if not isinstance(self.parameters, Mapping):
            return None
        return self.parameters.get("clientId", self.parameters.get("clientStrategyId"))

    @property
    def outcome(self) -> str:
        """What is known of the request, in a sentence or two."""
        if not self.sent:
            return "Nothing was sent."
        if self.mutates:
            where = LOOK_IN.get(self.operation, "bp.reconcile(error)")
            return (
                f"The outcome is UNKNOWN: it may have been carried out. Look ({where}) before you "
                "send it again."
            )
        return "The outcome is unknown, but this operation only reads: it is safe to call again."


class BatchTransportError(TransportError):
    """No usable answer to a batch of orders. ``bp.reconcile(error)`` has an outcome for each."""


def shown_fields(fields: Mapping[str, Any]) -> str:
    """The fields that identify a write, as ``symbol=SOL_USDC``. Of an address, only its ends."""
    shown = {name: fields[name] for name in _SHOWN if name in fields}
    if len(address := str(shown.get("address", ""))) > 12:
        shown["address"] = f"{address[:6]}...{address[-4:]}"
    return " ".join(f"{name}={value}" for name, value in shown.items())


_SHOWN = (
    "symbol", "side", "orderType", "price", "quantity", "quoteQuantity", "triggerPrice",
    "triggerQuantity", "blockchain", "address", "orderId", "strategyId", "clientId",
    "clientStrategyId", "rfqId", "quoteId",
)  # fmt: skip
_ARGUMENTS = (
    "operation", "reason", "sent", "mutates", "parameters", "time", "window", "url", "public_key",
    "unique_id", "attempt",
)  # fmt: skip


class ApiError(BpkitError):
    """The exchange answered, and said no.

    ``status``: the HTTP status. ``code``: the exchange's error code, None if the answer was not
    its JSON (plain text from the web framework, HTML from the edge). ``message``: the reason.
    ``body``: the whole answer as text. ``finding``: if the signature or the clock was wrong, what
    is wrong and how to fix it (see ``bpkit.doctor``); else None. ``retry_after``: the seconds that
    the exchange says to wait (its Retry-After header), or None.
    """

    def __init__(
        self,
        operation: str,
        status: int,
        code: str | None,
        message: str,
        body: str = "",
        finding: object = None,
        retry_after: float | None = None,
    ) -> None:
        self.operation, self.status, self.code = operation, status, code
        self.message, self.body, self.finding = message, body, finding
        self.retry_after = retry_after
        said = f"{operation}: {status} {code + ': ' if code else ''}{message}"
        if retry_after is not None:
            said += f" The exchange says: try again after {retry_after:g} seconds."
        super().__init__(said if finding is None else f"{said}\n{finding}")


# --- secrets in the wrong place -------------------------------------------------------------------

HIDDEN = "(hidden: it looks like a secret)"
_LIKE_A_SECRET = re.compile(
    r"[A-Za-z0-9+/_-]{42,}={1,2}"  # base64 of 32 bytes or more
    r"|[A-Za-z0-9+/_-]{38,}"  # the same without its end, hex, base58; not a UUID
    r"|(?:\b[a-z]{3,8}[ ,]+){11,}[a-z]{3,8}\b"  # a wallet's recovery phrase
)


def hide_secrets(text: str) -> str:
    """The same text; what looks like a key, a signature or a recovery phrase is hidden."""
    return _LIKE_A_SECRET.sub(lambda one: HIDDEN if _is_random(one[0]) else one[0], text)


def _is_random(text: str) -> bool:
    """Is it not a path or a long name? In those, few letters differ in case from the one before."""
    plain = re.sub("[+/_-]", "", text)
    if not plain.isalnum() or re.fullmatch("[0-9A-Fa-f]{60,}", plain):
        return True
    kinds = [(one.isdigit(), one.isupper()) for one in plain]
    return 3 * sum(a != b for a, b in pairwise(kinds)) > len(plain)


_Function = TypeVar("_Function", bound=Callable[..., Any])


def without_locals(function: _Function) -> _Function:
    """Decorate a function that takes a secret: an error that leaves it shows no local variables.

    Verbose tracebacks (``%xmode Verbose``, rich, ``pytest -l``) show those of every frame. Ctrl+C
    can stop a function at any line.
    """

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        # On one line, so that Ctrl+C leaves no arguments here. An iterator's repr shows nothing.
        given: Any
        # fmt: off
        try: given, args, kwargs = iter((args, kwargs)), (), {}  # noqa: E701
        # fmt: on
        except BaseException:
            args, kwargs = (), {}
            raise
        outer = sys.exc_info()[1]  # being handled by the caller, whose frames are not ours
        try:
            try:
                return function(*next(given), **next(given))
            finally:
                _clear(sys.exc_info()[1], outer)
        except BaseException as error:  # again, if Ctrl+C came while it was cleared
            _clear(error, outer)
            raise

    return cast(_Function, call)


def _clear(error: BaseException | None, outer: BaseException | None) -> None:
    """Forget the local variables of the frames of an error and of those that led to it."""
    while error is not None and error is not outer:
        clear_frames(error.__traceback__)
        error = error.__context__
