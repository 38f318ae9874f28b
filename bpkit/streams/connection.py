"""One WebSocket: connect, subscribe, notice a loss, reconnect; a thread of its own drains it.

The thread alone touches the socket. It puts what arrives into a bounded queue, from which the
user's thread takes it: nothing of the user's runs in the thread, and the thread prints nothing.

    with Connection(client, ["depth.SOL_USDC"]) as connection:   # subscribed from here on
        arrival = connection.take(0.5)                           # or None: none came in time
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from ..client import Client

MOST_WAITING = 10_000  # arrivals that wait to be taken

Kind = Literal["data", "lost", "back", "dropped", "refused"]


class Arrival(NamedTuple):
    """What came, in the order in which it came. ``received``: UTC, by this computer's clock.

    ``kind``, and what ``data`` has:

    - data: the event of ``stream``, as the exchange sent it.
    - lost: the connection is lost. ``reason``: a sentence without its full stop. ``final``: True if
      it is not tried again; then nothing comes any more.
    - back: it is there again, and all is subscribed. ``seconds``: how long nothing came.
    - dropped: the oldest ``count`` events of ``stream`` were dropped, because nobody took them.
    - refused: the exchange refuses a subscription after a reconnect. ``code``, ``message``, and
      ``streams``, those of the refused frame; these streams stay silent.

    ``stream`` is "" for what concerns all streams.
    """

    kind: Kind
    stream: str
    data: dict[str, Any]
    received: datetime


class Connection:
    """A socket for ``streams``, whose names are checked (``names.check_names``).

    ``client``: its host, key, window and clock are used. ``reconnect``: open another socket after a
    loss, and subscribe again with a new signature. ``most``: the arrivals that may wait.
    """

    def __init__(
        self,
        client: Client,
        streams: Sequence[str],
        *,
        reconnect: bool = True,
        most: int = MOST_WAITING,
    ) -> None:
        raise NotImplementedError

    def open(self) -> None:
        """Connect and subscribe; returns when all streams are subscribed.

        Raises MissingExtraError, MissingKeyError, StreamError (no connection, or refused, with the
        doctor's finding). Ctrl+C stops it. After an error, nothing is left open.
        """
        raise NotImplementedError

    def take(self, seconds: float) -> Arrival | None:
        """The oldest arrival; None: none came within ``seconds``, or the connection has ended.

        For one thread at a time. 0: do not wait. Ctrl+C stops it.
        """
        raise NotImplementedError

    @property
    def ended(self) -> bool:
        """Is it closed, or lost for good? What has arrived can still be taken."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the socket and end the thread; what has arrived can still be taken. Idempotent.

        Any thread may call it, also while another waits in ``take``.
        """
        raise NotImplementedError

    def __enter__(self) -> Connection:
        self.open()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
