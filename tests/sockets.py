"""Foreign clients of the sandbox's WebSocket: nothing in them is of bpkit's client."""

from __future__ import annotations

import json
import socket
import struct
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from helpers import DEMO_SECRET
from websockets.sync.client import connect

from bpkit.sandbox import Sandbox

WAIT = 5  # seconds, at most, for what should come at once


def address(sandbox: Sandbox) -> str:
    return "ws" + sandbox.url.removeprefix("http")


def four(secret: str = DEMO_SECRET, at: int | None = None, window: str = "5000") -> list[str]:
    """The ``signature`` of a frame, from the documentation."""
    private = Ed25519PrivateKey.from_private_bytes(b64decode(secret))
    timestamp = str(time.time_ns() // 1_000_000 if at is None else at)
    text = f"instruction=subscribe&timestamp={timestamp}&window={window}"
    key = b64encode(private.public_key().public_bytes_raw()).decode()
    return [key, b64encode(private.sign(text.encode())).decode(), timestamp, window]


def frame(method: str, *params: str, signature: Any = None) -> str:
    whole: dict[str, Any] = {"method": method, "params": list(params)}
    return json.dumps(whole if signature is None else whole | {"signature": signature})


EMPTY = frame("UNSUBSCRIBE")


def logged(sandbox: Sandbox) -> list[dict[str, Any]]:
    """The log without the empty frames."""
    return [row for row in sandbox.log if row["body"] != EMPTY]


class Listener:
    """A socket of the library ``websockets``."""

    def __init__(self, sandbox: Sandbox, path: str = "/", **options: Any) -> None:
        self._context = connect(address(sandbox) + path, proxy=None, max_queue=None, **options)
        self.ws = self._context.__enter__()

    def subscribe(self, *params: str, signature: Any = None) -> None:
        """Send the frame, and wait until it was read: a pong comes after it."""
        self.send(frame("SUBSCRIBE", *params, signature=signature))

    def unsubscribe(self, *params: str, signature: Any = None) -> None:
        self.send(frame("UNSUBSCRIBE", *params, signature=signature))

    def send(self, text: str | bytes) -> None:
        self.ws.send(text)
        self.settle()

    def settle(self) -> None:
        assert self.ws.ping().wait(WAIT)

    def next(self) -> str:
        text = self.ws.recv(timeout=WAIT)
        assert isinstance(text, str)
        return text

    def rest(self) -> list[str]:
        """Everything that was sent until now. A pong alone may overtake it: the server reads the
        ping before it sends what another thread has handed over. An empty frame is not so fast."""
        self.send(EMPTY)
        texts = []
        while True:
            try:
                texts.append(str(self.ws.recv(timeout=0)))
            except TimeoutError:
                return texts

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *error: Any) -> None:
        self._context.__exit__(*error)


class Raw:
    """A socket that reads and writes bytes, and answers nothing by itself."""

    def __init__(self, sandbox: Sandbox, path: str = "/", **headers: str) -> None:
        host, port = sandbox.url.removeprefix("http://").split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=WAIT)
        given = {
            "Host": f"{host}:{port}", "Upgrade": "websocket", "Connection": "Upgrade",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13",
        } | {name.replace("_", "-"): value for name, value in headers.items()}  # fmt: skip
        lines = [f"{name}: {value}" for name, value in given.items() if value]
        self.socket.sendall("\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode())
        self._read = self.socket.makefile("rb")
        self.status = int(self._read.readline().split()[1])
        self.headers: dict[str, str] = {}
        while line := self._read.readline().decode().strip():
            name, _, value = line.partition(": ")
            self.headers[name.lower()] = value

    def body(self) -> str:
        return self._read.read(int(self.headers["content-length"])).decode()

    def send(self, text: str | bytes, opcode: int = 1) -> None:
        data = text if isinstance(text, bytes) else text.encode()
        assert len(data) < 65_536
        length = (
            bytes([128 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack("!H", len(data))
        )
        self.socket.sendall(bytes([128 | opcode]) + length + bytes(4) + data)  # a mask of zeros

    def next(self) -> tuple[int, bytes] | None:
        """The opcode and the content of the next frame. None: the connection has ended."""
        try:
            head = self._read.read(2)
            if len(head) < 2:
                return None
            length = head[1]
            if length == 126:
                length = struct.unpack("!H", self._read.read(2))[0]
            elif length == 127:
                length = struct.unpack("!Q", self._read.read(8))[0]
            return head[0] & 15, self._read.read(length)
        except ConnectionError:
            return None

    def close(self) -> None:
        self._read.close()
        self.socket.close()

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def push(sandbox: Sandbox, *streams: str, account: str | None = None, **data: Any) -> None:
    """Let the engine say something in these streams, within a command."""
    service = sandbox._service
    outbox = service.exchange.outbox
    service.command(lambda: outbox.add(*streams, account=account, make=lambda: data))


def wire(stream: str, **data: Any) -> str:
    """The text of a frame, as it was recorded: compact, ``data`` first."""
    return json.dumps({"data": data, "stream": stream}, separators=(",", ":"))


def until(condition: Callable[[], object]) -> None:
    """Wait until it is true."""
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)
