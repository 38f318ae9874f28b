"""HTTP on a local port: bound in the caller's thread, served by a daemon thread.

If the port cannot be bound, ``Server(...)`` raises. Nothing
is printed into a notebook. Stopping twice is fine.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import threading
import time
from asyncio import Future
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from errno import EADDRINUSE, EADDRNOTAVAIL
from functools import lru_cache, partial
from http.client import responses
from typing import Any

from ...errors import missing_extra
from .answers import Response
from .control import MOST_FILE, Control, is_control, most_bytes, turn
from .control.forms import Later, Owner
from .service import Service
from .websocket import SANDBOX, Busy, Sockets, Stopped, StreamSocket, Upgrade, examined

try:
    from tornado.httpserver import HTTPServer
    from tornado.httputil import (
        HTTPHeaders,
        HTTPMessageDelegate,
        HTTPServerRequest,
        ResponseStartLine,
        format_timestamp,
    )
    from tornado.iostream import IOStream
    from tornado.routing import Matcher, Router, Rule
    from tornado.web import Application, RequestHandler, stream_request_body
except ModuleNotFoundError:
    raise missing_extra("bpkit.sandbox", "tornado", "sandbox") from None

MAX_BODY = 1_000_000  # bytes; more than fifty orders need
HOST = "127.0.0.1"  # never "localhost", which may mean IPv6 first
METHODS = ("GET", "HEAD", "POST", "DELETE", "PATCH", "PUT", "OPTIONS")
POLL = 0.005  # seconds between two looks whether an advance is done
_TORNADO_400 = "HTTP/1.1 400 Bad Request\r\n"
_WHOLE_URL = re.compile(r"http://(?P<host>[^/]*)(?P<path>.*)", re.IGNORECASE | re.DOTALL)
_PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
_PROXY_EXCEPTIONS = ("no_proxy", "NO_PROXY")
Begun = tuple[Response, Callable[[], Response] | None]  # what ``Service.begin`` returns


class Server:
    """Serves ``service`` until ``stop()``. ``port`` 0: any free one; see ``url``.

    ``owner``: for the calls that steer it. ``host``: the address of this machine at which it
    listens; 0.0.0.0: all of them.
    """

    def __init__(self, service: Service, owner: Owner, port: int = 0, host: str = HOST) -> None:
        if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
            raise ValueError(f"port={port!r} is not an int from 0 (any free one) to 65535")
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            listener = socket.create_server((host, port), family=family, backlog=128)
        except OSError as error:
            if error.errno == EADDRNOTAVAIL:
                raise OSError(
                    EADDRNOTAVAIL, f"host={host!r} is not an address of this machine"
                ) from None
            if error.errno != EADDRINUSE:
                raise
            raise OSError(
                EADDRINUSE,
                f"port {port} is in use on this machine; stop what uses it, choose another port, "
                "or take 0 for any free one",
            ) from None
        listener.setblocking(False)
        self.port: int = listener.getsockname()[1]
        self.url = f"http://{_local(host)}:{self.port}"
        self.control = Control(service, owner, self.url)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(service, f"bpkit/{owner.version}", listener)),
            name="bpkit sandbox",
            daemon=True,
        )
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the sandbox's server did not start within ten seconds")
        _keep_proxies_away()

    def stop(self) -> None:
        """Close the port and end the thread."""
        if self._loop is None or self._stop is None or not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        if threading.current_thread() is not self._thread:
            self._thread.join(5)

    async def _serve(self, service: Service, version: str, listener: socket.socket) -> None:
        sockets = Sockets(service)
        given = {"sockets": sockets}
        rules: list[Any] = [
            Rule(Upgrade(), StreamSocket, given),
            Rule(_Steering(), _ControlHandler, given | {"control": self.control}),
            (".*", _Handler, given),
        ]
        application = Application(rules, log_function=_silent, version=version)
        front = _Front(application, sockets, version)
        server = _HTTPServer(front, max_body_size=MAX_BODY)
        server.version = version
        server.add_socket(listener)
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        # For findings and snapshots: more threads would slow down the answers to other requests.
        self._loop.set_default_executor(ThreadPoolExecutor(1, "bpkit sandbox finding"))
        self._ready.set()
        await self._stop.wait()
        server.stop()
        await sockets.stop()
        await server.close_all_connections()


class _HTTPServer(HTTPServer):
    """Tornado's server. Its own answer to what is not HTTP, or too long, has X-Sandbox too."""

    version: str

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        send = stream.write
        answer = f"{_TORNADO_400}Content-Length: 0\r\n{SANDBOX}: {self.version}\r\n\r\n".encode()

        def write(data: bytes | memoryview) -> Future[None]:
            return send(answer if data == f"{_TORNADO_400}\r\n".encode() else data)

        stream.write = write  # type: ignore[method-assign]
        # An answer is one write, so there is nothing to collect. Tornado would set this twice for
        # each request, and a call of the system takes as long as a part of the engine's work.
        stream.set_nodelay(True)
        stream.set_nodelay = lambda value: None  # type: ignore[method-assign]
        super().handle_stream(stream, address)


class _Steering(Matcher):
    """The paths of the sandbox itself."""

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """None: it is a path of the exchange."""
        return {} if is_control(_target(request.path)[0]) else None


class _Front(Router):
    """Requests of the exchange do not go through a handler of tornado, which takes longer."""

    def __init__(self, application: Application, sockets: Sockets, version: str) -> None:
        self._application, self._sockets, self._version = application, sockets, version
        self._elsewhere = (Upgrade(), _Steering())

    def find_handler(self, request: HTTPServerRequest, **_: Any) -> HTTPMessageDelegate:
        """What takes the body and answers."""
        others = (one.match(request) is not None for one in self._elsewhere)
        if request.method not in METHODS or any(others):
            return self._application.find_handler(request)
        return _Request(request, self._sockets, self._version)


class _Request(HTTPMessageDelegate):
    """A request of the exchange, of any path; the service knows which paths exist."""

    def __init__(self, request: HTTPServerRequest, sockets: Sockets, version: str) -> None:
        self._request, self._sockets, self._version = request, sockets, version
        self._body = bytearray()

    def data_received(self, chunk: bytes) -> None:
        """A part of its body."""
        self._body += chunk

    def finish(self) -> None:
        """It has arrived. It is answered at once, unless that must wait for something."""
        request = self._request
        headers = {name.lower(): value for name, value in request.headers.get_all()}
        path, host = _target(request.path)
        if host is not None:  # it counts instead of the header: RFC 9112, section 3.2.2
            headers["host"] = host
        begin, body = self._sockets.service.begin, bytes(self._body)
        act = partial(begin, request.method or "", path, request.query, headers, body)
        begun = None
        with suppress(Busy):
            begun = self._sockets.at_once(act)
        if begun is not None and begun[1] is None and not begun[0].delay:
            self._send(begun[0])
        else:
            self._waits = asyncio.ensure_future(self._answer(act, begun))

    async def _answer(self, act: Callable[[], Begun], begun: Begun | None) -> None:
        try:
            answer, examine = await self._sockets.in_turn(act) if begun is None else begun
        except Stopped:
            self._cut()
            return
        if examine is not None:
            answer = await examined(self._sockets.examined, self, examine) or answer
        if answer.delay:
            await asyncio.sleep(answer.delay)
        self._send(answer)

    def _send(self, answer: Response) -> None:
        if answer.cut:
            self._cut()
            return
        first = {"Date": _date(int(time.time())), SANDBOX: self._version}
        headers, body = HTTPHeaders(first | answer.headers), answer.body
        if answer.status != 204:
            headers["Content-Length"] = str(len(body))
        if self._request.method == "HEAD":
            body = b""
        start = ResponseStartLine("HTTP/1.1", answer.status, responses[answer.status])
        connection = self._request.connection
        connection.write_headers(start, headers, body)  # type: ignore[union-attr]
        connection.finish()  # type: ignore[union-attr]

    def _cut(self) -> None:
        self._request.connection.detach().close()  # type: ignore[union-attr]


_date = lru_cache(maxsize=1)(format_timestamp)


class _Handler(RequestHandler):
    """Answers a method that no path has, such as TRACE, in plain text."""

    SUPPORTED_METHODS = METHODS

    def initialize(self, sockets: Sockets) -> None:
        self.sockets = sockets

    def _send(self, answer: Response) -> None:
        self.set_status(answer.status)
        for name, value in answer.headers.items():
            self.set_header(name, value)
        if answer.status != 204:
            self.write(answer.body)

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.clear_header("Content-Type")
        self.set_header(SANDBOX, self.settings["version"])

    def compute_etag(self) -> None:
        return None

    def write_error(self, status_code: int, **kwargs: object) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(responses.get(status_code, "error").lower())


@stream_request_body
class _ControlHandler(_Handler):
    """Takes the calls that steer the sandbox. A body may be longer there than in the exchange."""

    def initialize(self, sockets: Sockets, control: Control) -> None:  # type: ignore[override]
        self.sockets, self.control = sockets, control

    def prepare(self) -> None:
        self._body = bytearray()
        self._path, self._host = _target(self.request.path)
        self._most = most_bytes(self.request.method or "", self._path)
        self.request.connection.set_max_body_size(2 * MOST_FILE)  # type: ignore[union-attr]

    def data_received(self, chunk: bytes) -> None:
        """Keep it, but no more than what shows that it is too much."""
        self._body += chunk[: self._most + 1 - len(self._body)]

    async def _answer(self) -> None:
        method, query = self.request.method or "", self.request.query
        headers = {name.lower(): value for name, value in self.request.headers.get_all()}
        if self._host is not None:
            headers["host"] = self._host
        begin = self.control.begin
        act = partial(begin, method, self._path, query, headers, bytes(self._body))
        how = turn(method, self._path)
        try:
            if how == "lock":
                outcome = await self.sockets.in_turn(act)
            else:
                outcome = act() if how == "now" else await asyncio.to_thread(act)
        except Stopped:
            self.detach().close()
            return
        if isinstance(outcome, Later):
            while not outcome.advance.done:
                await asyncio.sleep(POLL)
            outcome = self.control.finish(outcome)
        self._send(outcome)

    get = head = post = delete = patch = put = options = _answer


def _local(host: str) -> str:
    """How this machine reaches a server that listens at ``host``."""
    if host == "0.0.0.0":
        return HOST
    return f"[{'::1' if host == '::' else host}]" if ":" in host else host


def _target(target: str) -> tuple[str, str | None]:
    """The path, and the host if the target is a whole URL, which a client sends to a proxy:
    ``http://127.0.0.1:80/api``."""
    whole = _WHOLE_URL.fullmatch(target)
    return (target, None) if whole is None else (whole["path"], whole["host"])


def _silent(handler: RequestHandler) -> None:
    """Without this, tornado prints every refusal to the terminal or into a notebook's cell."""


def _keep_proxies_away() -> None:
    """If a proxy is set, plain ``requests`` sends even requests to 127.0.0.1 through it."""
    environ = os.environ
    if not any(environ.get(name) for name in _PROXIES):
        return
    # The lower-case name is read first: it must not hide the exceptions of the other.
    given = next((environ[name] for name in _PROXY_EXCEPTIONS if environ.get(name)), "")
    for name in _PROXY_EXCEPTIONS:
        hosts = environ.get(name) or given
        if hosts != "*" and HOST not in hosts.split(","):
            environ[name] = f"{hosts},{HOST}" if hosts else HOST
