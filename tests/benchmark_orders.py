"""Signed orders a second of a sandbox, against a server that does as little as it can.

The rival is tornado with a handler that verifies the ED25519 signature and answers a fixed text. It
runs in a process of its own, as the sandbox does. Eight connections send the same signed order,
which expires at once. Each round measures both, and their ratio is formed within the round.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import socket
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median

from benchmark import ORDER, ORDER_ANSWER, other_sandbox
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from bpkit.serialize import body, fields
from bpkit.signing import DEMO_PUBLIC_KEY, DEMO_SECRET, text_to_sign

GOAL = 0.65  # of the rival's orders a second
CONNECTIONS, EACH, ROUNDS = 8, 60, 21
FAR = ORDER | {"price": "160", "timeInForce": "IOC"}


class Verify(RequestHandler):
    """Verify a signature and answer."""

    def post(self) -> None:
        headers = self.request.headers
        content = json.loads(self.request.body)
        pairs = "&".join(f"{name}={content[name]}" for name in sorted(content))
        stamp = f"timestamp={headers['X-Timestamp']}&window={headers['X-Window']}"
        text = f"instruction=orderExecute&{pairs}&{stamp}".encode()
        key = Ed25519PublicKey.from_public_bytes(b64decode(headers["X-API-Key"]))
        key.verify(b64decode(headers["X-Signature"]), text)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.write(ORDER_ANSWER)


def serve(listener: socket.socket) -> None:
    async def forever() -> None:
        server = HTTPServer(Application([(".*", Verify)], log_function=lambda handler: None))
        listener.setblocking(False)
        server.add_socket(listener)
        await asyncio.Event().wait()

    asyncio.run(forever())


@contextmanager
def rival() -> Iterator[tuple[str, int]]:
    """Its address and the id of its process."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        spawn = multiprocessing.get_context("spawn")
        process = spawn.Process(target=serve, args=(listener,), daemon=True)
        process.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", process.pid or 0
        finally:
            process.terminate()


def signed(host: str) -> bytes:
    """A whole request, valid for a minute."""
    sent, now = fields(FAR), time.time_ns() // 1_000_000
    private = Ed25519PrivateKey.from_private_bytes(b64decode(DEMO_SECRET))
    signature = private.sign(text_to_sign("orderExecute", sent, now, 60_000).encode())
    content = body(sent)
    lines = [
        "POST /api/v1/order HTTP/1.1", f"Host: {host}", "Content-Type: application/json",
        f"X-API-Key: {DEMO_PUBLIC_KEY}", f"X-Signature: {b64encode(signature).decode()}",
        f"X-Timestamp: {now}", "X-Window: 60000", f"Content-Length: {len(content)}",
    ]  # fmt: skip
    return "\r\n".join([*lines, "", ""]).encode() + content


def place(request: bytes, connection: socket.socket) -> None:
    """Send the order EACH times, one after the other."""
    for _ in range(EACH):
        connection.sendall(request)
        answer = connection.recv(65536)
        while b"\r\n\r\n" not in answer or not answer.endswith(b"}"):
            answer += connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200"), answer


def used(process: int) -> float:
    """Its CPU time in hundredths of a second; NaN if this machine does not say."""
    stat = Path(f"/proc/{process}/stat")
    return (
        sum(map(int, stat.read_text().rpartition(")")[2].split()[11:13]))
        if stat.exists()
        else float("nan")
    )


def measure(url: str, process: int) -> tuple[float, float]:
    """Orders a second, and the server's CPU time of one in microseconds."""
    host = url.removeprefix("http://")
    name, _, port = host.partition(":")
    request = signed(host)
    sockets = [socket.create_connection((name, int(port))) for _ in range(CONNECTIONS)]
    for one in sockets:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    before, start = used(process), time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        list(threads.map(partial(place, request), sockets))
    passed, cpu = time.perf_counter() - start, used(process) - before
    for one in sockets:
        one.close()
    return CONNECTIONS * EACH / passed, cpu * 10_000 / (CONNECTIONS * EACH)


def main() -> None:
    with other_sandbox("--port", "0", "--still") as (url, process), rival() as (bare, other):
        time.sleep(1)
        measure(url, process.pid), measure(bare, other)
        rounds = [(measure(url, process.pid), measure(bare, other)) for _ in range(ROUNDS)]
    rate = median(mine[0] / theirs[0] for mine, theirs in rounds)
    cpu = median(mine[1] / theirs[1] for mine, theirs in rounds)
    verdict = "reached" if rate >= GOAL else "MISSED"
    print(f"signed orders a second / a bare handler's: {rate:.2f}  goal {GOAL} {verdict}")
    print(f"CPU of an order / of a bare one: {cpu:.2f}", end=" ")
    print(*(f"{median(one[place][1] for one in rounds):.0f} us" for place in (0, 1)), sep=" / ")
