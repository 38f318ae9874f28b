"""Everything bpkit raises on purpose, in one tree.

BpkitError
|-- InputError       (also ValueError) a value that cannot be sent: .field .value; nothing was sent
|-- KeyFormatError   (also ValueError) not an ED25519 pair in base64; the message says what it is
|-- MissingKeyError  a signed call without a key, or no .env to read one from; nothing was sent
|-- GuardError       refused at the door: an unsafe host, the demo key, a write not allowed live,
|                    a private operation for which no signature is documented
|-- TransportError   no usable answer (none, or a 5xx on the way): a write's outcome is UNKNOWN
`-- ApiError         the exchange answered, and said no: .status .code .message .operation .body

The rule that matters most: a TransportError on an order means that you do not know. Look
(``get_open_orders``, ``get_order_history``) before you send again.
"""

from __future__ import annotations


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


class GuardError(BpkitError):
    """Refused before anything was sent, because sending it would be unsafe."""


class TransportError(BpkitError):
    """No usable answer arrived.

    ``sent`` is False only when the request certainly never left (no connection came about).
    Otherwise the outcome of a write is unknown: it may have been carried out.
    """

    def __init__(self, operation: str, reason: str, *, sent: bool, mutates: bool) -> None:
        self.operation, self.reason, self.sent, self.mutates = operation, reason, sent, mutates
        super().__init__(f"{operation}: {reason}. {self.outcome}")

    @property
    def outcome(self) -> str:
        """What is known of the request, in a sentence or two."""
        if not self.sent:
            return "Nothing was sent."
        if self.mutates:
            where = _LOOK.get(self.operation, "get_open_orders, get_order_history, get_fills")
            return (
                f"The outcome is UNKNOWN: it may have been carried out. Look ({where}) before you "
                "send it again."
            )
        return "The outcome is unknown, but this operation only reads: it is safe to call again."

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_transport_error, (self.operation, self.reason, self.sent, self.mutates)


def _rebuild_transport_error(
    operation: str, reason: str, sent: bool, mutates: bool
) -> TransportError:
    return TransportError(operation, reason, sent=sent, mutates=mutates)


# Where the outcome of a write shows that is not about orders.
_LOOK = {
    "update_account_settings": "get_account",
    "request_withdrawal": "get_withdrawals",
    "convert_dust": "get_dust_history, get_balances",
    "execute_borrow_lend": "get_borrow_lend_positions, get_borrow_lend_history",
    **dict.fromkeys(
        ("strategy_create", "cancel_strategy", "cancel_open_strategies"),
        "get_open_strategies, get_strategies_history",
    ),
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
    ``body``: the whole answer as text.
    """

    def __init__(
        self, operation: str, status: int, code: str | None, message: str, body: str = ""
    ) -> None:
        self.operation, self.status, self.code = operation, status, code
        self.message, self.body = message, body
        super().__init__(f"{operation}: {status} {code + ': ' if code else ''}{message}")

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.operation, self.status, self.code, self.message, self.body)
