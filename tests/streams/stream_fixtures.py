"""The fixtures of the tests of streams: a server and a client of it, short waits, nothing left."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from stream_server import StreamServer, stream_server, wait_for

from bpkit import Client, Key
from bpkit.streams import connection


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StreamServer]:
    """No thread of a socket is left at its end. A lost connection is opened again at once."""
    monkeypatch.setattr(connection, "BACKOFF", 0.001)
    with stream_server() as running:
        yield running
    wait_for(lambda: not socket_threads())


@pytest.fixture
def live(server: StreamServer) -> Iterator[Client]:
    """A client of the server, with a key."""
    with Client(server.url, Key.generate()) as client:
        yield client


def socket_threads() -> list[str]:
    """Those of bpkit, and those of the library, of both ends."""
    names = [one.name for one in threading.enumerate()]
    return [name for name in names if name == "bpkit stream" or "recv_events" in name]
