"""Client: the door, and one readable method for each operation (see ``bpkit.api``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import checks, results
from .api import Account, History, Markets, Orders, System
from .errors import TransportError
from .operations import OPERATIONS
from .signing import DEFAULT_WINDOW, Key
from .transport import Transport
from .wire import Fields


class Client(System, Markets, Account, Orders, History):
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
        return f"Client({self.url!r}, {self.key!r})"

    def _call(self, name: str, params: Mapping[str, object]) -> Any:
        return self._send(name, checks.params(params))

    def _send(self, name: str, fields: Fields | Sequence[Fields]) -> Any:
        operation = OPERATIONS[name]
        reply = self._transport.send(operation, fields)
        try:
            return results.read(operation.answer, reply.status, reply.headers, reply.content)
        except ValueError:
            raise TransportError(
                name, "the answer is not what was announced: broken or cut JSON",
                sent=True, mutates=operation.mutates,
            ) from None  # fmt: skip
