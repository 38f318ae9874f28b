"""The way to the streams: proxy, certificates; and no signature in a log on the way."""

from __future__ import annotations

import io
import logging
import logging.config
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from stream_samples import trade
from stream_server import StreamServer, stream_server

from bpkit import LIVE_URL, Client, Key, StreamError
from bpkit.streams import connection, websocket

sys.path.append(str(Path(__file__).parent.parent / "network"))
import certificates
from raw_server import free_port, raw

TRADES, ORDERS = "trade.SOL_USDC", "account.orderUpdate"
SETTINGS = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY",
            "http_proxy", "HTTP_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # fmt: skip


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def public(tmp_path: Path) -> Path:
    """The file with the certificate of ``encrypted``."""
    return certificates.make(tmp_path)[0]


@pytest.fixture
def encrypted(public: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StreamServer]:
    """A server with TLS, which counts as one on another computer."""
    monkeypatch.setattr("bpkit.guard.hosts._is_loopback", lambda host: False)
    monkeypatch.setattr(websocket, "OPENING", 60)  # a busy machine is not what is tested here
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public.parent / "key.pem")
    with stream_server(context) as running:
        yield running


def client(server: StreamServer) -> Client:
    return Client(server.url, Key.generate(), trusted_host=server.url.removeprefix("https://"))


@pytest.mark.parametrize("proxied", [False, True])
def test_requests_and_streams_go_one_way(
    proxied: bool, encrypted: StreamServer, public: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(public))
    encrypted.first = {TRADES: trade(1)}
    place = encrypted.url.removeprefix("https://").encode()
    with raw(certificates.tunnel) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        if not proxied:
            monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with client(encrypted) as bp, bp.stream(TRADES, ORDERS, count=1) as opened:
            assert [event.trade_id for event in opened] == [1]
            assert encrypted.session.streams == [TRADES, ORDERS]
        tunnels = [request.split()[:2] for request in proxy.requests]
    assert tunnels == [[b"CONNECT", place]] * 2 * proxied  # the markets, and the stream


def test_a_certificate_that_is_not_trusted(encrypted: StreamServer) -> None:
    with client(encrypted) as bp, pytest.raises(StreamError) as caught:
        connection.Connection(bp, [TRADES]).open()
    assert "certificate of wss://127.0.0.1" in caught.value.reason
    assert "is not trusted (self-signed certificate" in caught.value.reason
    assert encrypted.sessions == []


def test_a_certificate_file_that_is_not_there(
    encrypted: StreamServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    with client(encrypted) as bp, pytest.raises(StreamError) as caught:
        connection.Connection(bp, [TRADES]).open()
    assert "'/nowhere/ca.pem' that REQUESTS_CA_BUNDLE names does not exist" in caught.value.reason


def test_the_live_exchange_without_its_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent: what the library is asked for is looked at."""
    asked = []

    def connect(url: str, **options: object) -> None:
        asked.append((url, options["proxy"], "compression" in options))
        raise ConnectionRefusedError

    monkeypatch.setattr(websocket, "library", lambda: connect)
    monkeypatch.setenv("ALL_PROXY", proxy := f"http://127.0.0.1:{free_port()}")
    for exception in ("backpack.exchange", "api.backpack.exchange"):
        monkeypatch.setenv("NO_PROXY", exception)
        with Client(LIVE_URL) as bp, pytest.raises(StreamError):
            connection.Connection(bp, [TRADES]).open()
    stream = "wss://ws.backpack.exchange"
    assert asked == [(stream, None, False), (stream, proxy, False)]


def test_no_logging_shows_a_signature(bp: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even one that switches all loggers on that exist."""
    monkeypatch.setenv("WEBSOCKETS_MAX_LOG_SIZE", "10000")
    root, written = logging.getLogger(), io.StringIO()
    before = root.level, root.handlers[:]
    logging.config.dictConfig({
        "version": 1, "disable_existing_loggers": False, "root": {"level": "DEBUG"},
    })  # fmt: skip
    root.handlers = [logging.StreamHandler(written)]
    try:
        with bp.stream(ORDERS):
            logging.getLogger("anything").debug("it is on")
    finally:
        root.level, root.handlers = before
    assert "it is on" in written.getvalue() and "SUBSCRIBE" not in written.getvalue()
