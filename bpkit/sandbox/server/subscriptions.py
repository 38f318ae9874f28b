"""Subscribe and unsubscribe streams, and deliver the engine's events to those who subscribed.

This module has no sockets: a ``Socket`` is anything that can send text and be closed. Everything
here happens under the service's one lock, so that a subscription takes effect in order with all
commands. What a socket has to do is passed to ``Hub.post``, in the same order.

Source: Backpack Exchange API, "Streams". PARITY.md says what was seen, and what is a guess.
"""

from __future__ import annotations

import json
import logging
import re
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ...operations import Operation
from ..core.outbox import Frame, Outbox
from ..undo import all_or_nothing
from . import auth, socket_faults
from .answers import Response
from .record import RequestRecord, bounded
from .stream_names import StreamError, StreamName, read

if TYPE_CHECKING:
    from .faults import Fault
    from .service import Service

METHODS = {
    method: Operation(method.lower(), "WebSocket", method, "", "subscribe", "none")
    for method in ("SUBSCRIBE", "UNSUBSCRIBE")
}
BOOKS = ("depth", "bookTicker")
_SECRET = re.compile(r"[A-Za-z0-9+/_\\-]{40,}={0,2}")  # a key or a signature in base64
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_log = logging.getLogger(__name__)

Pair = tuple[str, str | None]  # a stream's name, and the public key of its account if it is private
Act = Callable[[], None]


class Socket(Protocol):
    """An open connection. Its methods are called in the thread of the server's loop.

    ``streams``: what it has subscribed; the hub changes it, under the lock.
    """

    path: str
    streams: dict[Pair, StreamName]

    def send(self, text: str) -> None:
        """Send one text."""

    def end(self, how: str) -> None:
        """``cut`` it, ``close`` it with a Close frame, or leave it ``dead``: open, and silent."""


class Request(NamedTuple):
    """A frame that a client sent."""

    method: str
    params: list[str]
    signature: object


class Refused(NamedTuple):
    """``text``: the error to send, or nothing.

    ``examine``: finds what is wrong with its signature, for the log; it takes up to half a second,
    and needs no lock. None: its signature was not refused.
    """

    text: str
    examine: Callable[[], object] | None


class Hub:
    """Which socket has subscribed what. ``post``: hands over what the sockets have to do.
    ``backlog``: how much of that is not done yet."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._subscribers: dict[Pair, dict[Socket, None]] = {}
        self.sockets: dict[Socket, None] = {}
        self.gone: deque[Socket] = deque()  # closed ones; added without the lock
        self.post: Callable[[list[Act]], None] = lambda acts: None
        self.backlog: Callable[[], int] = lambda: 0

    @property
    def _outbox(self) -> Outbox:
        return self._service.exchange.outbox

    # Sockets

    def opened(self, socket: Socket) -> None:
        """A socket is open. A fault may end it at once."""
        self.sockets[socket] = None
        self.post(list(socket_faults.endings(self._service.faults, [socket])))

    def begin(self, fault: Fault) -> None:
        """A fault begins: it may end the sockets that are open."""
        self.publish()
        self.post(list(socket_faults.endings([fault], self.sockets)))

    def end(self, fault: Fault) -> None:
        """A fault ends: frames that it kept back are sent."""
        self._deliver(socket_faults.kept_back(fault))

    def close_all(self) -> None:
        """Close all sockets: the exchange is another one, and what they have seen is not true."""
        for socket in self.sockets:
            for pair in list(socket.streams):
                self._leave(socket, pair)
        self.post([partial(socket.end, "close") for socket in self.sockets])

    def _forget_gone(self) -> None:
        while self.gone:
            socket = self.gone.popleft()
            self.sockets.pop(socket, None)
            for pair in list(socket.streams):
                self._leave(socket, pair)

    # Frames of the engine

    def publish(self) -> None:
        """Send what the engine told its streams since the last call."""
        self._forget_gone()
        self._deliver(socket_faults.passed(self._service.faults, self._outbox.take()))

    def _deliver(self, frames: Iterable[Frame]) -> None:
        acts: list[Act] = []
        for frame in frames:
            sockets = self._subscribers.get((frame.stream, frame.account))
            if sockets:
                text = wire(frame)
                acts += [partial(socket.send, text) for socket in sockets]
        if acts:
            self.post(acts)

    # Frames of clients

    def receive(self, socket: Socket, message: str | bytes) -> Refused | None:
        """Carry out a frame that arrived. None: it is accepted, which is not answered."""
        body = message if isinstance(message, bytes) else message.encode()
        now_ms = self._service.clock()
        record = RequestRecord("", socket.path, "", {}, body, now_ms, None, now_ms)
        refused = None
        try:
            self._carry_out(socket, message, record)
        except StreamError as error:
            record.refusal = record.refusal or str(error)
            text = "" if socket_faults.silent(self._service.faults) else error_text(error)
            refused = Refused(text, None)
        entry = record.log_entry(Response(101, {}, b""))
        entry["body"] = bounded(_SECRET.sub("(hidden)", body.decode(errors="replace")))
        if record.refusal is None:
            entry["verdict"] = "accepted"
        self._service.note(entry)
        if refused is not None and record.denied:
            examine = partial(self._service.explain, record, entry)
            return refused._replace(examine=examine)
        return refused

    def _carry_out(self, socket: Socket, message: str | bytes, record: RequestRecord) -> None:
        """Raises StreamError."""
        request = _read(message)
        record.method, record.operation = request.method, METHODS[request.method]
        names = {one: read(one) for one in request.params}
        if request.method == "UNSUBSCRIBE":
            for pair in [one for one in socket.streams if one[0] in names]:
                self._leave(socket, pair)
            return
        if any(name.private for name in names.values()):
            record.signed_by = self._signer(request.signature, record)
        self._prepare(names.values())
        for stream, name in names.items():
            pair = stream, record.signed_by if name.private else None
            if pair not in socket.streams:
                self._join(socket, pair, name)

    def _prepare(self, names: Iterable[StreamName]) -> None:
        """Bring the markets to the present; those who have subscribed before hear of it."""
        exchange = self._service.exchange
        books = [one.symbol for one in names if one.kind in BOOKS and self._is_live(one)]
        self._service.catch_up()
        with all_or_nothing():
            for symbol in books:
                exchange.venue(exchange.markets[str(symbol)])
        self.publish()

    def _signer(self, signature: object, record: RequestRecord) -> str:
        """The public key that signed a frame. StreamError: the signature is refused."""
        if isinstance(signature, list) and signature:
            record.api_key = str(signature[0])
        record.exchange_ms = self._service.faults.exchange_ms(record)
        try:
            has_account = self._service.exchange.accounts.__contains__
            return auth.verify_subscription(signature, record.exchange_ms, has_account)
        except auth.Denied as refusal:
            record.denied = True
            error = StreamError(4003, "Invalid signature")
            record.refusal = f"{error} ({refusal.message})"
            raise error from None

    def _join(self, socket: Socket, pair: Pair, name: StreamName) -> None:
        socket.streams[pair] = name
        if not self._is_live(name):
            return
        self._subscribers.setdefault(pair, {})[socket] = None
        self._outbox.wanted = frozenset(self._subscribers)
        if name.kind == "account.positionUpdate" and pair[1] is not None:
            self._send_positions(socket, pair, name)

    def _send_positions(self, socket: Socket, pair: Pair, name: StreamName) -> None:
        """The open positions, to the socket that has just subscribed them."""
        exchange = self._service.exchange
        rows = exchange.position_snapshots(exchange.accounts[str(pair[1])], name.symbol)
        frames = socket_faults.passed(self._service.faults, [Frame(*pair, row) for row in rows])
        self.post([partial(socket.send, wire(frame)) for frame in frames])

    def _leave(self, socket: Socket, pair: Pair) -> None:
        socket.streams.pop(pair, None)
        sockets = self._subscribers.get(pair, {})
        sockets.pop(socket, None)
        if not sockets:
            self._subscribers.pop(pair, None)
            self._outbox.wanted = frozenset(self._subscribers)

    def _is_live(self, name: StreamName) -> bool:
        """Can the engine say something in this stream? Unknown and closed markets are silent."""
        if not name.simulated or name.symbol is None:
            return name.simulated
        market = self._service.exchange.markets.get(name.symbol)
        return market is not None and market.open


def wire(frame: Frame) -> str:
    """The text of a frame: its data in their own order."""
    whole = {"data": frame.data, "stream": frame.stream}
    return _encode(whole)


def error_text(error: StreamError) -> str:
    """The text of an error frame. Its ``id`` is null even if the request had one."""
    whole = {"id": None, "error": {"code": error.code, "message": error.message}}
    return json.dumps(whole, separators=(",", ":"))


def _read(message: str | bytes) -> Request:
    """StreamError: it is not a text with a JSON object that has a known method and a list."""
    broken = StreamError(4002, "Parse error")
    if isinstance(message, bytes):
        raise broken
    try:
        frame: Any = json.loads(message)
    except (ValueError, RecursionError):  # not JSON, or nested too deep
        raise broken from None
    if not isinstance(frame, dict):
        raise broken
    method, params = frame.get("method"), frame.get("params")
    if not isinstance(method, str) or method not in METHODS or not isinstance(params, list):
        raise broken
    if not all(isinstance(one, str) for one in params):
        raise broken
    return Request(method, params, frame.get("signature"))
