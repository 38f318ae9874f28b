"""Client: the door, and one readable method for each operation (see ``bpkit.api``)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from . import checks, results
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
from .errors import InputError, TransportError
from .operations import OPERATIONS, Operation
from .signing import DEFAULT_WINDOW, Key
from .transport import Transport
from .wire import Fields


class Client(
    System, Assets, Markets, Trades, Account, Capital, WithdrawalDelays, Order, Position,
    BorrowLendMarkets, BorrowLend, Strategy, RFQ, Vaults,
):  # fmt: skip
    """The Backpack Exchange API, at ``url``: a sandbox's, or ``LIVE_URL``.

    ``key``: needed by signed operations. ``window``: milliseconds for which a signed request stays
    valid, 1 to 60000. ``timeout``: seconds to connect, and to wait for an answer. ``live_orders``:
    on a host that is not this machine a client only reads, unless this is True.

    A *TransportError on an order means that you do not know; look before you send again.* Reads are
    tried again when the exchange is busy or the connection is lost; orders and cancels never are.

    Every method returns the documented JSON (text for money) with a ``.df``; raises InputError,
    MissingKeyError or GuardError before anything is sent, ApiError when the exchange says no,
    TransportError when no answer came.
    """

    def __init__(
        self,
        url: str,
        key: Key | None = None,
        *,
        window: int = DEFAULT_WINDOW,
        timeout: tuple[float, float] = (3.05, 10.0),
        live_orders: bool = False,
    ) -> None:
        self._transport = Transport(
            url, key, window=window, timeout=timeout, live_orders=live_orders
        )

    @property
    def url(self) -> str:
        """Scheme and host of the exchange, without a slash at the end."""
        return self._transport.url

    @property
    def key(self) -> Key | None:
        """The key that signs, or None."""
        return self._transport.key

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
        operation = OPERATIONS[name]
        reply = self._transport.send(operation, fields)
        try:
            answer = results.read(operation.answer, reply.status, reply.headers, reply.content)
            if not reply.content.strip() and not _may_be_empty(operation, reply.status):
                raise ValueError("an answer is missing, and nothing must not be read as 'none'")
            return answer
        except (ValueError, RecursionError):
            raise TransportError(
                name, "the answer is not what was announced: broken or cut JSON",
                sent=True, mutates=operation.mutates,
            ) from None  # fmt: skip


def _may_be_empty(operation: Operation, status: int) -> bool:
    """204 where there is nothing, 202 for a cancel that is accepted but not confirmed."""
    accepted = operation.method == "DELETE" and status == 202
    return operation.answer == "empty" or status == 204 or accepted


@cache
def _required(name: str) -> tuple[str, ...]:
    """The arguments of the method ``name`` that have no default, ``self`` excepted."""
    _, *arguments = inspect.signature(getattr(Client, name)).parameters.values()
    return tuple(one.name for one in arguments if one.default is one.empty)
