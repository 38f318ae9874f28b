"""A small exchange for the tests of streams: WebSocket and REST on one port.

It checks signatures with ``cryptography`` itself, and sends what the test tells it to.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.sync.server import ServerConnection, serve

MARKET = {
    "symbol": "SOL_USDC", "baseSymbol": "SOL", "quoteSymbol": "USDC", "marketType": "SPOT",
    "orderBookState": "Open",
    "filters": {
        "price": {"tickSize": "0.01", "minPrice": "0.01", "maxPrice": None},
        "quantity": {"stepSize": "0.01", "minQuantity": "0.01", "maxQuantity": None},
    },
}  # fmt: skip
MARKETS = [
    MARKET,
    MARKET | {"symbol": "BTC_USDC"},
    MARKET | {"symbol": "SOL_USDC_PERP", "marketType": "PERP"},
    MARKET | {"symbol": "OLD_USDC", "orderBookState": "Closed"},
]
TYPES = {
    "trade",
    "bookTicker",
    "depth",
    "kline",
    "ticker",
    "markPrice",
    "account",
    "liquidation",
    "stockPrice",
}


def wait_for(done: Callable[[], Any], seconds: float = 5) -> None:
    """Until something is true. Fails if that takes longer."""
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.002)


class Session(ServerConnection):
    """One socket, whose frames are handled in order, pings too, as the exchange seems to do it.

    ``frames``: what the client sent. ``streams``: what it has subscribed. ``pings``: how many came.
    """

    handle: Callable[[Session, dict[str, Any]], None]

    def __init__(self, *args: Any, **options: Any) -> None:
        self.frames: list[dict[str, Any]] = []
        self.streams: list[str] = []
        self.pings, self.pongs = 0, True
        super().__init__(*args, **options)
        self._send_frame = self.protocol.send_frame
        self.protocol.send_frame = self._without_pongs

    def _without_pongs(self, frame: Frame) -> None:
        """The library answers a ping before it hands out what came before it."""
        if frame.opcode is not Opcode.PONG:
            self._send_frame(frame)

    @property
    def open(self) -> bool:
        return self.recv_events_thread.is_alive()

    def process_event(self, event: Any) -> None:
        if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
            self.handle(self, json.loads(bytes(event.data)))
        elif isinstance(event, Frame) and event.opcode is Opcode.PING:
            self.pings += 1
            if self.pongs:
                with contextlib.suppress(ConnectionClosed), self.send_context():
                    self._send_frame(Frame(Opcode.PONG, event.data))
        else:
            super().process_event(event)

    def say(self, text: str) -> None:
        with contextlib.suppress(ConnectionClosed):
            self.send(text)

    def cut(self) -> None:
        """Reset the TCP connection, without a Close frame."""
        reset = struct.pack("ii", 1, 0)
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        self.close_socket()


class StreamServer:
    """``rest``: path -> its rows, or a function of the query that gives them. ``asked``: what REST
    was asked for. ``refuse``: the status with which a handshake is refused; ``refused``: how many
    were. ``pongs``: does a new session answer pings? ``first``: stream -> an event that is sent
    when it is subscribed. ``known``: does it know the client's key?"""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.sessions: list[Session] = []
        self.rest: dict[str, Any] = {"/api/v1/markets": MARKETS}
        self.asked: list[str] = []
        self.refuse = self.refused = 0
        self.pongs = self.known = True
        self.first: dict[str, dict[str, Any]] = {}
        self._server = serve(
            self._talk, "127.0.0.1", 0, process_request=self._answer, ping_interval=None,
            close_timeout=0.2, create_connection=self._session, ssl=tls,
        )  # fmt: skip
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._server.socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def _session(self, *args: Any, **options: Any) -> Session:
        made = Session(*args, **options)
        made.handle, made.pongs = self._handle, self.pongs
        return made

    @property
    def session(self) -> Session:
        """The newest."""
        return self.sessions[-1]

    @property
    def open_sessions(self) -> list[Session]:
        return [one for one in self.sessions if one.open]

    def push(self, stream: str, data: dict[str, Any]) -> None:
        """Send an event to all who have subscribed its stream."""
        text = json.dumps({"data": data, "stream": stream}, separators=(",", ":"))
        for session in self.open_sessions:
            if stream in session.streams:
                session.say(text)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        for session in self.open_sessions:
            session.cut()
        wait_for(lambda: not self.open_sessions)

    def _answer(self, connection: Any, request: Any) -> Any:
        """REST, and refused handshakes."""
        path, _, query = request.path.partition("?")
        if "Upgrade" in request.headers:
            if self.refuse:
                self.refused += 1
                return connection.respond(self.refuse, "no")
            self.sessions.append(connection)
            return None
        self.asked.append(request.path)
        found = self.rest.get(path)
        if found is None:
            return connection.respond(404, "unknown")
        rows = found(query) if callable(found) else found
        return connection.respond(200, json.dumps(rows))

    def _talk(self, session: Session) -> None:
        session.recv_events_thread.join()

    def _handle(self, session: Session, frame: dict[str, Any]) -> None:
        session.frames.append(frame)
        if any(name.split(".")[0] not in TYPES for name in frame["params"]):
            return session.say('{"id":null,"error":{"code":4006,"message":"Invalid stream"}}')
        private = any(name.startswith("account.") for name in frame["params"])
        if private and not (self.known and signed(frame.get("signature"))):
            return session.say('{"id":null,"error":{"code":4003,"message":"Invalid signature"}}')
        session.streams += frame["params"]
        for name in frame["params"]:
            if name in self.first:
                session.say(json.dumps({"data": self.first[name], "stream": name}))
        return None


def signed(four: Any) -> bool:
    """Is this list a valid signature of a subscription, made just now?"""
    if not isinstance(four, list) or len(four) != 4 or not all(isinstance(x, str) for x in four):
        return False
    key, signature, timestamp, window = four
    text = f"instruction=subscribe&timestamp={timestamp}&window={window}"
    public = Ed25519PublicKey.from_public_bytes(b64decode(key))
    try:
        public.verify(b64decode(signature), text.encode())
    except InvalidSignature:
        return False
    return abs(time.time() * 1000 - int(timestamp)) < int(window)


@contextlib.contextmanager
def stream_server(tls: ssl.SSLContext | None = None) -> Iterator[StreamServer]:
    server = StreamServer(tls)
    try:
        yield server
    finally:
        server.close()
