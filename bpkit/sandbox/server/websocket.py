"""WebSockets at the port of the HTTP server: handshake, pings, and closing.

What a frame means is decided in ``subscriptions``. All of this runs in the server's thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
import sys
from asyncio import Future
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from ...errors import missing_extra
from .service import Service
from .stream_names import StreamName
from .subscriptions import Act, Pair, Refused

try:
    from tornado.httputil import HTTPServerRequest
    from tornado.routing import Matcher
    from tornado.websocket import WebSocketClosedError, WebSocketHandler
except ModuleNotFoundError:
    raise missing_extra("bpkit.sandbox", "tornado", "sandbox") from None

SANDBOX = "X-Sandbox"  # a header of every answer; the exchange never sends it
PING_EVERY = 60  # seconds, of one timer for all sockets
TICK = 0.05  # seconds between two steps of a market that follows the clock
MOST_UNANSWERED = 2  # pings; then a socket with a subscription gets a Close frame
MOST_WAITING = 32_000_000  # characters for one socket that are not sent yet when more arrive
AT_A_TIME = 200  # acts of sockets, then requests and pings have their turn
GOODBYE = 0.2  # seconds in which sockets may answer the Close frame when the server stops
GOING_AWAY = 1001
PATIENCE = 0.005  # seconds for which the loop stands still while another thread has the lock
_NO_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
Result = TypeVar("Result")
_log = logging.getLogger(__name__)


class Stopped(Exception):
    """The server stops: nothing is carried out any more."""


class Busy(Exception):
    """A command of another thread takes long; nothing is carried out yet."""


class Sockets:
    """The open sockets of a server, and their timers. Make it within the server's loop."""

    def __init__(self, service: Service) -> None:
        self.service, self.stopping = service, False
        self.open: dict[StreamSocket, None] = {}
        self.examined: set[object] = set()  # whose signatures are being explained
        self._acts: deque[Act] = deque()  # what the sockets still have to do
        self._loop = asyncio.get_running_loop()
        self._timers = [self._loop.create_task(timer()) for timer in (self._ping, self._tick)]
        self._posted = self._carried_out = 0  # acts; the loop changes only the second
        service.hub.post, service.hub.backlog = self._post, self._backlog

    def at_once(self, act: Callable[[], Result]) -> Result:
        """The result of ``act``, carried out under the service's lock. Raises Busy."""
        service = self.service
        service.waiting += 1
        try:
            if self.stopping or not service.lock.acquire(timeout=PATIENCE):
                raise Busy
            try:
                return act()
            finally:
                service.lock.release()
        finally:
            service.waiting -= 1

    async def in_turn(self, act: Callable[[], Result]) -> Result:
        """As ``at_once``, but while a command of another thread has the lock, the other sockets go
        on. Raises Stopped."""
        self.service.waiting += 1
        try:
            while not self.stopping:
                with contextlib.suppress(Busy):
                    return self.at_once(act)
                await asyncio.sleep(0)
            raise Stopped
        finally:
            self.service.waiting -= 1

    async def stop(self) -> None:
        """Say goodbye to all sockets, then cut those that do not answer."""
        self.stopping = True
        for timer in self._timers:
            timer.cancel()
        sockets = list(self.open)
        for one in sockets:
            one.end("close")
        for _ in range(20):
            if not self.open:
                break
            await asyncio.sleep(GOODBYE / 20)
        for one in sockets:
            one.end("cut")
        await asyncio.sleep(0)  # in which they see it

    def _post(self, acts: list[Act]) -> None:
        """Let the loop carry out what the sockets have to do, in order. Called by any thread that
        has the lock."""
        if acts:
            self._posted += len(acts)
            with contextlib.suppress(RuntimeError):  # the loop has ended: so have the sockets
                self._loop.call_soon_threadsafe(self._receive, acts)

    def _backlog(self) -> int:
        return self._posted - self._carried_out

    def _receive(self, acts: list[Act]) -> None:
        for one in list(self.open):
            one.cut_if_slow()
        waits = bool(self._acts)
        self._acts.extend(acts)
        if not waits:
            self._carry_out()

    def _carry_out(self) -> None:
        try:
            for _ in range(min(AT_A_TIME, len(self._acts))):
                self._carried_out += 1
                self._acts.popleft()()
        finally:
            if self._acts:
                self._loop.call_soon(self._carry_out)

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(PING_EVERY)
            for one in list(self.open):
                one.check()

    async def _tick(self) -> None:
        """If the market follows the clock, its time passes for sockets too."""
        while self.service.follows_clock:
            await asyncio.sleep(TICK)
            if any(one.streams for one in self.open):
                try:
                    await self.in_turn(self.service.tick)
                except Stopped:
                    return
                except Exception:
                    _log.exception("the sandbox failed when time passed")


class Upgrade(Matcher):
    """Any path, if the request asks for a WebSocket."""

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """None: it does not ask for one."""
        asked = request.headers.get("Upgrade", "").lower() == "websocket"
        return {} if asked and request.method == "GET" else None


class StreamSocket(WebSocketHandler):
    """One socket. Tornado calls most of its methods."""

    def initialize(self, sockets: Sockets) -> None:
        """``sockets``: all of the server."""
        self.sockets, self.hub = sockets, sockets.service.hub
        self.path, self.streams = self.request.path, dict[Pair, StreamName]()
        self._unanswered = self._waiting = 0
        self._dead = False

    # Handshake

    async def prepare(self) -> None:
        """Before the handshake: it may be refused."""
        headers = {name.lower(): value for name, value in self.request.headers.get_all()}
        shake = partial(self.sockets.service.handshake, self.path, self.request.query, headers)
        try:
            refusal = await self.sockets.in_turn(shake)
        except Stopped:
            self.detach().close()
            return
        if refusal is not None:
            self.set_status(refusal.status)
            self.set_header("Content-Type", refusal.headers["Content-Type"])
            self.finish(refusal.body)

    def check_origin(self, origin: str) -> bool:
        """The service has checked it."""
        return True

    def get_compression_options(self) -> dict[str, Any]:
        """Deflate, if the client offers it."""
        return {}

    def set_default_headers(self) -> None:
        """X-Sandbox, and nothing of tornado's."""
        self.clear_header("Server")
        self.set_header(SANDBOX, self.settings["version"])

    async def open(self) -> None:
        """After the handshake."""
        assert self.ws_connection is not None
        assert self.ws_connection.stream is not None
        self._stream = self.ws_connection.stream
        self.set_nodelay(True)
        self.sockets.open[self] = None
        try:
            await self.sockets.in_turn(partial(self.hub.opened, self))
        except Stopped:
            self.end("cut")

    # Frames

    async def on_message(self, message: str | bytes) -> None:
        """Carry out a frame. The next one is read when this is done."""
        if self._dead:
            return
        try:
            refused = await self.sockets.in_turn(partial(self.hub.receive, self, message))
        except Stopped:
            return
        except Exception:
            _log.exception("the sandbox failed at a frame of a WebSocket")
            self.close(1011, "a defect of the sandbox")
            return
        if refused is not None:
            await self._refuse(refused)

    async def _refuse(self, refused: Refused) -> None:
        if refused.examine is not None:
            try:
                await examined(self.sockets.examined, self, refused.examine)
            except asyncio.CancelledError:  # the server stops
                return
        if refused.text:
            self.send(refused.text)

    def send(self, text: str) -> None:
        """Send one text, unless the socket is closed."""
        with contextlib.suppress(WebSocketClosedError):
            sent = self.write_message(text)
            self._waiting += len(text)
            sent.add_done_callback(partial(self._sent, len(text)))

    def _sent(self, size: int, sent: Future[None]) -> None:
        self._waiting -= size
        if not sent.cancelled():
            sent.exception()  # the connection was lost; ``on_close`` follows

    def cut_if_slow(self) -> None:
        """A client that does not read must not fill the memory."""
        if self._waiting > MOST_WAITING:
            self.end("cut")

    # Pings

    def check(self) -> None:
        """Send the next ping, unless too many were not answered."""
        if self._dead:
            return
        if self._unanswered and not self.streams:
            self.end("cut")
        elif self._unanswered >= MOST_UNANSWERED:
            self.end("close")
        else:
            self._unanswered += 1
            with contextlib.suppress(WebSocketClosedError):
                self.ping()

    def on_pong(self, data: bytes) -> None:
        """The client is there."""
        self._unanswered = 0

    # The end

    def end(self, how: str) -> None:
        """See ``subscriptions.Socket``. A socket that has ended already stays as it is."""
        if how == "close":
            self.close(GOING_AWAY)
            return
        if self._stream.closed():
            return
        if how == "cut":
            self._stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self._stream.close()
        else:
            self._dead = True
            self._stream.write = _swallow  # type: ignore[method-assign]

    def on_close(self) -> None:
        """The connection has ended; the hub forgets it when it has the lock."""
        self.sockets.open.pop(self, None)
        self.hub.gone.append(self)


def _swallow(data: bytes | memoryview) -> Future[None]:
    done: Future[None] = Future()
    done.set_result(None)
    return done


AT_ONCE = 4  # findings at a time; further refusals are sent at once, without a finding


async def examined(
    busy: set[object], request: object, examine: Callable[[], Result]
) -> Result | None:
    """The result of ``examine``, found in another thread; None: too many are examined now."""
    if len(busy) >= AT_ONCE:
        return None
    busy.add(request)
    try:
        return await asyncio.to_thread(examine)
    finally:
        busy.discard(request)
