"""Everything bpkit raises on purpose, in one tree.

BpkitError
|-- InputError       (also ValueError) a value that cannot be sent: .field .value; nothing was sent
|-- KeyFormatError   (also ValueError) not an ED25519 pair in base64; the message says what it is
|-- MissingKeyError  a signed call without a key, or no .env to read one from; nothing was sent
|-- GuardError       refused at the door: an unsafe host, the demo key, a write for which the client
|                    is not armed, a private operation for which no signature is documented
|-- MissingExtraError (also ImportError) a library of an optional part is not installed
|-- BudgetError      this minute's requests are used up: .wait seconds until the next; not sent
|-- TransportError   no usable answer (none, or a 5xx on the way): a write's outcome is UNKNOWN
`-- ApiError         the exchange answered, and said no: .status .code .message .body .finding

The rule that matters most: a TransportError on an order means that you do not know. Look
(``bp.reconcile(error)``) before you send again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class BpkitError(Exception):
    """The root: ``except BpkitError`` catches all of them and nothing else."""


class InputError(BpkitError, ValueError):
    """A value that cannot be sent as it is. Names the field, the value and the remedy."""

    def __init__(self, field: str, value: object, remedy: str) -> None:
        self.field, self.value, self.remedy = field, value, remedy
        super().__init__(f"{field}={value!r}: {remedy}")

    def __reduce__(self) -> tuple[type[InputError], tuple[str, object, str]]:
        return type(self), (self.field, self.value, self.remedy)


class KeyFormatError(BpkitError, ValueError):
    """The text given is no key, or the two texts are no pair. The message never repeats them."""


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


class BudgetError(BpkitError):
    """The budget of requests is used up, and the client was told not to wait. Nothing was sent."""

    def __init__(self, operation: str, limit: int, wait: float) -> None:
        self.operation, self.limit, self.wait = operation, limit, wait
        super().__init__(
            f"{operation}: the budget of {limit} request{'s' if limit > 1 else ''} of its kind a "
            f"minute is used up; the next may leave in {wait:.1f} seconds. Nothing was sent."
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.operation, self.limit, self.wait)


class TransportError(BpkitError):
    """No usable answer arrived.

    ``sent`` is False only when the request certainly never left (no connection came about).
    Otherwise the outcome of a write is unknown: it may have been carried out.

    What is needed to look: ``operation``; ``parameters`` as they were sent, under the
    documentation's names (a list of them for a batch); ``client_id``, yours or the one that was
    given to it (None where there is none, or several), and ``unique_id``: it was made at random for
    this request alone; ``time``, the UTC moment of its signature; ``window``, the milliseconds for
    which that was valid, after which it is refused; ``url`` and ``public_key``: where it was sent,
    and by whom. ``bp.reconcile(error)`` looks.
    """

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
    ) -> None:
        self.operation, self.reason, self.sent, self.mutates = operation, reason, sent, mutates
        self.parameters: Parameters = {} if parameters is None else parameters
        self.time, self.window, self.unique_id = time, window, unique_id
        self.url, self.public_key = url, public_key
        super().__init__(f"{operation}: {reason}. {self.outcome}")

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
            where = _LOOK.get(self.operation, "bp.reconcile(error)")
            return (
                f"The outcome is UNKNOWN: it may have been carried out. Look ({where}) before you "
                "send it again."
            )
        return "The outcome is unknown, but this operation only reads: it is safe to call again."

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_transport_error, (type(self), self.operation, self.reason, self.__dict__)


def _rebuild_transport_error(
    kind: type[TransportError], operation: str, reason: str, state: dict[str, Any]
) -> TransportError:
    names = (
        "sent", "mutates", "parameters", "time", "window", "url", "public_key", "unique_id",
    )  # fmt: skip
    return kind(operation, reason, **{name: state[name] for name in names})


# Where the outcome of a write shows that ``reconcile`` does not know.
_LOOK = {
    "update_account_settings": "get_account",
    "convert_dust": "get_dust_history, get_balances",
    "issue_two_factor_token": "get_withdrawals",
    "execute_borrow_lend": "get_borrow_lend_positions, get_borrow_lend_history",
    **dict.fromkeys(
        ("submit_rfq", "accept_quote", "refresh_rfq", "cancel_rfq"),
        "get_open_rfqs, get_rfq_history, get_rfq_fill_history",
    ),
    "submit_quote": "get_quote_history, get_quote_fill_history",
    **dict.fromkeys(
        ("vault_mint", "vault_redeem", "vault_redeem_cancel"), "get_balances, get_vaults"
    ),
}


class ApiError(BpkitError):
    """The exchange answered, and said no.

    ``status``: the HTTP status. ``code``: the exchange's error code, None where the answer was not
    its JSON (plain text from the web framework, HTML from the edge). ``message``: the reason.
    ``body``: the whole answer as text. ``finding``: where it was the signature or the clock, what
    is wrong and what to do (see ``bpkit.doctor``); else None.
    """

    def __init__(
        self,
        operation: str,
        status: int,
        code: str | None,
        message: str,
        body: str = "",
        finding: object = None,
    ) -> None:
        self.operation, self.status, self.code = operation, status, code
        self.message, self.body, self.finding = message, body, finding
        said = f"{operation}: {status} {code + ': ' if code else ''}{message}"
        super().__init__(said if finding is None else f"{said}\n{finding}")

    def __reduce__(self) -> tuple[object, ...]:
        parts = (self.operation, self.status, self.code, self.message, self.body, self.finding)
        return type(self), parts
