"""One WebSocket: connect, subscribe, notice a loss, reconnect; a thread of its own drains it.

The thread puts what arrives into an ``Inbox``, from which the user's thread takes it: nothing of
the user's runs in the thread, and the thread prints nothing. Nobody but ``close`` touches the
socket from another thread.

    with Connection(client, ["depth.SOL_USDC"]) as connection:   # subscribed from here on
        arrival = connection.take(0.5)                           # or None: none came in time

Source: Backpack Exchange API, "Streams". The exchange does not answer a subscription. So a ping
follows each one: that the server handles the frames of a socket in order is a guess.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from ..errors import StreamError, without_locals
from ..guard.hosts import stream_url
from . import names
from .inbox import AT_ONCE, Arrival, Inbox, Kind
from .websocket import CLOSING, Lost, call, library, websocket

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

    from ..client import Client
    from ..doctor import Finding

__all__ = ["MOST_WAITING", "Arrival", "Connection"]

MOST_WAITING = 10_000  # arrivals that wait to be taken
BARRIER = 2.0  # seconds for the pong that says that a subscription was handled
PING_AFTER = 15.0  # seconds of silence until a ping
PONG_WITHIN = 10.0  # seconds for its pong; then the connection is lost
TRIES = 10  # to reconnect, in a row
BACKOFF, MOST_BACKOFF = 0.5, 30.0  # seconds before the first of them; doubled each time
_read = json.JSONDecoder(parse_float=Decimal).decode  # json.loads would make one for each frame
STABLE = 60.0  # seconds after which a connection counts as good, and the tries begin again


class _Refused(Exception):
    """The exchange refuses a subscription: ``error`` is what it says, ``frame`` what was sent."""

    def __init__(self, streams: list[str], error: dict[str, Any], frame: str) -> None:
        super().__init__("the subscription is refused")  # without the frame, which has a signature
        self.streams, self.error, self.frame = streams, error, frame


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
        self.url = stream_url(client.url)
        self._transport = client._transport
        private = [one for one in streams if names.is_private(one)]
        public = [one for one in streams if not names.is_private(one)]
        self._groups = [group for group in (public, private) if group]
        self._reconnect = reconnect
        self._inbox = Inbox(most)
        self._stop, self._ready = threading.Event(), threading.Event()
        self._socket: ClientConnection | None = None
        self._thread: threading.Thread | None = None
        self._subscribed = False
        self._come: list[Arrival] = []  # and is not in the inbox yet
        self._failed: Lost | _Refused | None = None  # before it was open

    def open(self) -> None:
        """Connect and subscribe; returns when all streams are subscribed.

        Raises MissingExtraError, MissingKeyError, StreamError (no connection, or refused, with the
        doctor's finding). Ctrl+C stops it. After an error, nothing is left open.
        """
        library()
        if names.is_private(self._groups[-1][0]):
            self._transport.subscription()  # raises MissingKeyError
        self._thread = threading.Thread(target=self._run, name="bpkit stream", daemon=True)
        try:
            self._thread.start()
            while not self._ready.wait(0.5):
                pass
        except BaseException:  # Ctrl+C
            self.close()
            raise
        if self._failed is not None:
            self.close()
            raise self._error(self._failed)

    def take(self, seconds: float) -> Arrival | None:
        """The oldest arrival; None: none came within ``seconds``, or the connection has ended.

        For one thread at a time. 0: do not wait. Ctrl+C stops it.
        """
        return self._inbox.take(seconds)

    @property
    def ended(self) -> bool:
        """Is it closed, or lost for good? What has arrived can still be taken."""
        return self._stop.is_set() or (self._thread is not None and not self._thread.is_alive())

    def close(self) -> None:
        """Close the socket and end the thread; what has arrived can still be taken. Idempotent.

        Any thread may call it, also while another waits in ``take``. If the socket is just being
        opened, the thread ends a few seconds later, and nothing arrives any more.
        """
        self._stop.set()
        self._inbox.end()
        socket, thread = self._socket, self._thread
        if socket is not None:
            socket.close()
        if thread is not None and thread.ident is not None:
            thread.join(CLOSING)

    def __enter__(self) -> Connection:
        self.open()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @without_locals
    def _error(self, why: Lost | _Refused) -> StreamError:
        """The error of a connection that could not be opened."""
        if isinstance(why, Lost):
            streams = [one for group in self._groups for one in group]
            return StreamError(streams, f"No stream was opened: {why.reason}.")
        code, message = why.error.get("code"), why.error.get("message")
        said = f"The exchange refuses to subscribe {', '.join(why.streams)}: {code} {message}."
        finding: Finding | None = None
        if any(map(names.is_private, why.streams)):
            sent = SimpleNamespace(method="SUBSCRIBE", url=self.url, headers=None, body=why.frame)
            finding = self._transport.finding(sent, True)
            if finding.cause == "none":  # nothing says that it came too late
                finding = self._transport.finding(sent, False)
        return StreamError(why.streams, said, code, finding)

    # --- in the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._follow()
        except Exception as error:  # a thread must not print
            reason = f"there was an unexpected failure ({type(error).__name__})"
            self._failed = Lost(reason)
            self._put("lost", reason=reason, final=True)
        finally:
            self._inbox.end()
            self._ready.set()

    def _follow(self) -> None:
        """Keep the connection until it is closed, or lost for good."""
        tries, lost_at = 0, 0.0
        while not self._stop.is_set():
            self._subscribed, begun = False, time.monotonic()
            try:
                self._live(lost_at)
            except Lost as lost:
                why = lost
            except _Refused as refused:
                self._failed = refused
                return
            if self._stop.is_set():
                return
            if not self._ready.is_set():
                self._failed = why
                return
            if self._subscribed:
                lost_at = time.monotonic()
                tries = 0 if lost_at - begun > STABLE else tries
            tries += 1
            final = not self._reconnect or not why.again or tries > TRIES
            if self._subscribed or final:
                self._put("lost", reason=why.reason, final=final)
            if final:
                return
            self._pause(tries)

    def _pause(self, tries: int) -> None:
        """Wait before another try: longer each time, and not all clients for the same time."""
        longest = min(BACKOFF * 2 ** (tries - 1), MOST_BACKOFF)
        self._stop.wait(random.uniform(longest / 2, longest))
        while not self._inbox.half_empty and not self._stop.wait(0.1):
            pass

    def _live(self, lost_at: float) -> None:
        """One socket, from its opening to its end. Raises Lost, and _Refused if it is the first.

        ``lost_at``: when the one before it was lost.
        """
        self._come = []
        with websocket(self.url, self._transport.loopback) as self._socket:
            for group in self._groups:
                try:
                    self._subscribe(self._socket, group)
                except _Refused as why:
                    if not self._ready.is_set():
                        raise
                    self._put("refused", **why.error, streams=why.streams)
            if self._ready.is_set():
                self._put("back", seconds=time.monotonic() - lost_at)
            self._subscribed = True
            self._deliver()
            self._ready.set()
            self._drain(self._socket)

    def _subscribe(self, socket: ClientConnection, streams: list[str]) -> None:
        """Send a subscription, and wait until it was handled. Raises _Refused."""
        request: dict[str, Any] = {"method": "SUBSCRIBE", "params": streams}
        if names.is_private(streams[0]):
            request["signature"] = self._transport.subscription()
        frame = json.dumps(request, separators=(",", ":"))
        call(socket.send, frame)
        pong, until = call(socket.ping), time.monotonic() + BARRIER
        handled = False
        while not handled and not self._stop.is_set():
            handled = pong.wait(0.05) or time.monotonic() > until
            while (text := call(socket.recv, 0)) is not None:
                if error := self._handle(text):
                    raise _Refused(streams, error, frame)

    def _drain(self, socket: ClientConnection) -> None:
        """Put what arrives into the inbox, until the connection is lost."""
        heard, ping = time.monotonic(), None
        while not self._stop.is_set():
            wait = PONG_WITHIN if ping else heard + PING_AFTER - time.monotonic()
            if self._receive(socket, max(wait, 0)):
                heard, ping = time.monotonic(), None
            elif ping is None:
                heard, ping = time.monotonic(), call(socket.ping)
            elif ping.is_set():
                ping = None
            else:
                raise Lost(f"no pong came within {PONG_WITHIN:g} seconds")

    def _receive(self, socket: ClientConnection, seconds: float) -> bool:
        """Put what comes within ``seconds`` into the inbox, and what has come behind it.

        Both go there together, because each time may wake the reader. False: nothing came.
        """
        text = call(socket.recv, seconds)
        if text is None:
            return False
        try:
            call(self._handle_all, socket, text)
        finally:
            self._deliver()
        return True

    def _handle_all(self, socket: ClientConnection, text: str | bytes) -> None:
        """Handle a frame, and those behind it. Raises what ``recv`` raises."""
        while True:
            if error := self._handle(text):
                self._deliver()
                self._put("refused", **error, streams=[])
            if len(self._come) >= AT_ONCE:
                return
            text = socket.recv(0)

    def _handle(self, text: str | bytes) -> dict[str, Any] | None:
        """Keep the event of a frame for ``_deliver``; returns the error of an error frame."""
        try:
            frame = _read(text if isinstance(text, str) else text.decode())
        except ValueError:
            return None
        if not isinstance(frame, dict):
            return None
        data, error = frame.get("data"), frame.get("error")
        if isinstance(error, dict):
            return {"code": error.get("code"), "message": str(error.get("message"))}
        if isinstance(data, dict):
            self._come.append(Arrival("data", str(frame.get("stream")), data, datetime.now(UTC)))
        return None

    def _deliver(self) -> None:
        """Put the events that have come into the inbox. Raises Lost."""
        arrivals, self._come = self._come, []
        if arrivals and not self._inbox.put(*arrivals):
            raise Lost("too many events of the account wait to be read")

    def _put(self, kind: Kind, **data: Any) -> None:
        self._inbox.put(Arrival(kind, "", data, datetime.now(UTC)))
