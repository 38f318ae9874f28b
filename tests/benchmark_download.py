"""How fast a download is, against as many requests in flight: ``tests/benchmark.py history``.

The server is another process, which answers after 20 ms with 1,000 candles, and has no limit. The
rival asks for the same windows with 16 threads through ``bp.get_klines``, and keeps nothing.
"""

from __future__ import annotations

import json
import multiprocessing
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from statistics import median
from urllib.parse import parse_qs, urlsplit

from bpkit import Client
from bpkit.history import download

DELAY = 0.02  # seconds
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
SINCE, WINDOWS = datetime(2026, 1, 1, tzinfo=UTC), 526  # a year
UNTIL = SINCE + timedelta(minutes=1000) * WINDOWS
PAGE = timedelta(minutes=1000)
LATER = int((UNTIL + timedelta(days=1)).timestamp() * 1e6)


def serve(listener: socket.socket) -> None:
    """Answer every request on every connection, until the process is ended."""
    texts = [_numbers(place) for place in range(1000)]
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_answer, args=(connection, texts), daemon=True).start()


def _numbers(place: int) -> str:
    low = 100 + place % 97
    return (
        f'"open":"{low}.30","high":"{low}.90","low":"{low}.10","close":"{low}.55",'
        f'"volume":"{place}.93","quoteVolume":"{place * 99}.2136","trades":"{place % 50}"'
    )


def _answer(connection: socket.socket, texts: list[str]) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    received = b""
    while piece := connection.recv(65536):
        received += piece
        if received.endswith(b"\r\n\r\n"):
            begun = time.monotonic()
            content = _content(received.split(b" ", 2)[1].decode(), texts)
            head = (
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            )
            time.sleep(max(0.0, DELAY - (time.monotonic() - begun)))
            connection.sendall(head % len(content) + content)
            received = b""


_known: dict[str, bytes] = {}


def _content(target: str, texts: list[str]) -> bytes:
    if target not in _known:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        if "startTime" not in asked:
            return json.dumps({"asks": [], "bids": [], "timestamp": LATER}).encode()
        start, end = int(asked["startTime"]), int(asked["endTime"])
        width = 60 if asked["interval"] == "1m" else 86_400
        starts = range(start, min(end, start + 1000 * width), width)
        rows = (
            f'{{"start":"{_text(at)}","end":"{_text(at + width)}",{texts[place]}}}'
            for place, at in enumerate(starts)
        )
        _known[target] = f"[{','.join(rows)}]".encode()
    return _known[target]


def _text(at: int) -> str:
    return str(datetime.fromtimestamp(at, UTC).replace(tzinfo=None))


@contextmanager
def server() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = multiprocessing.get_context("spawn").Process(
            target=serve, args=(listener,), daemon=True
        )
        process.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            process.terminate()


def main(rounds: int = 3) -> None:
    with server() as url, Client(url) as bp:
        turns = [(_ours(bp), _theirs(bp)) for _ in range(rounds + 1)][1:]
    mine, bare = (median(column) for column in zip(*turns, strict=True))
    print(
        f"download of {WINDOWS} windows, 20 ms each / 16 requests in flight "
        f"{mine / bare:.2f}  goal 1.30  {mine:.2f} / {bare:.2f} s"
    )


def _ours(bp: Client) -> float:
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        made = download(bp, "SOL_USDC", "1m", SINCE, UNTIL, folder, progress=False)
        took = time.perf_counter() - begun
    assert made.rows == WINDOWS * 1000 and not made.gaps
    return took


def _theirs(bp: Client) -> float:
    starts = [SINCE + PAGE * number for number in range(WINDOWS)]
    begun = time.perf_counter()
    with ThreadPoolExecutor(16) as pool:
        pages = pool.map(lambda at: bp.get_klines("SOL_USDC", "1m", at, at + PAGE), starts)
        rows = sum(map(len, pages))
    assert rows == WINDOWS * 1000
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
