"""What the tests of streams share: a server, clients of it, and short waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from stream_server import StreamServer, stream_server, wait_for

from bpkit import Client, Key
from bpkit.streams import connection


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost connection is opened again at once."""
    monkeypatch.setattr(connection, "BACKOFF", 0.001)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No thread of a socket is left after a test."""
    yield
    wait_for(lambda: not socket_threads())


def socket_threads() -> list[str]:
    """Those of bpkit, and those of the library, of both ends."""
    names = [one.name for one in threading.enumerate()]
    return [name for name in names if name == "bpkit stream" or "recv_events" in name]


@pytest.fixture
def server(nothing_left: None) -> Iterator[StreamServer]:
    with stream_server() as running:
        yield running


@pytest.fixture
def live(server: StreamServer) -> Iterator[Client]:
    """A client of the server, with a key."""
    with Client(server.url, Key.generate()) as client:
        yield client
