"""A socket that is lost is noticed and opened again; what waits to be read is bounded."""

from __future__ import annotations

import random
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from stream_samples import ACCEPTED, BOOK_TICKER, trade
from stream_server import StreamServer, wait_for

from bpkit import LIVE_URL, Client, MissingExtraError, MissingKeyError, StreamError
from bpkit.guard.hosts import LIVE_STREAM_URL, check_host, stream_url
from bpkit.streams import connection, websocket
from bpkit.streams.connection import Arrival, Connection
from bpkit.streams.inbox import Inbox

sys.path.append(str(Path(__file__).parent.parent / "network"))
from raw_server import free_port, raw

pytest_plugins = ["stream_fixtures"]
TRADES, ORDERS = "trade.SOL_USDC", "account.orderUpdate"
PROXIES = ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy")


def kinds(opened: Connection, count: int) -> list[str]:
    """Of the next arrivals."""
    taken = [opened.take(5) for _ in range(count)]
    return [one.kind for one in taken if one is not None]


# --- the address ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "trusted", "streams"),
    [
        (LIVE_URL, None, "wss://ws.backpack.exchange"),
        ("http://127.0.0.1:8787", None, "ws://127.0.0.1:8787"),
        ("http://localhost:8787/", None, "ws://localhost:8787"),
        ("https://127.0.0.1:8787", None, "wss://127.0.0.1:8787"),
        ("https://exchange.example:8443", "exchange.example:8443", "wss://exchange.example:8443"),
    ],
)
def test_the_address_follows_from_the_clients(url: str, trusted: str | None, streams: str) -> None:
    assert stream_url(check_host(url, trusted).url) == streams


# --- subscribe ------------------------------------------------------------------------------------


def test_public_and_private_streams_are_subscribed_in_two_frames(
    server: StreamServer, live: Client
) -> None:
    with Connection(live, [ORDERS, TRADES]):
        public, private = server.session.frames
        assert server.session.streams == [TRADES, ORDERS]
    assert public == {"method": "SUBSCRIBE", "params": [TRADES]}
    assert private["params"] == [ORDERS] and live.key is not None
    key, signature, timestamp, window = private["signature"]
    assert (key, window) == (live.key.public_key, "5000")
    assert signature == live.key.sign(f"instruction=subscribe&timestamp={timestamp}&window=5000")


def test_a_corrected_clock_signs_subscriptions_too(server: StreamServer, live: Client) -> None:
    live._transport._clock = lambda: 1_750_000_000_000
    live._transport._clock_offset_ms = 250
    assert live._transport.subscription()[2] == "1750000000250"


def test_the_frames_of_one_socket_need_no_compression_on_this_computer(
    server: StreamServer, live: Client
) -> None:
    with Connection(live, [TRADES]):
        request = server.session.request
    assert request is not None
    assert "Sec-WebSocket-Extensions" not in request.headers
    assert request.headers["User-Agent"] == "bpkit"


def test_an_unknown_stream_is_refused(server: StreamServer, live: Client) -> None:
    with pytest.raises(StreamError, match="refuses to subscribe nope.SOL: 4006 Invalid") as caught:
        Connection(live, ["nope.SOL"]).open()
    assert (caught.value.code, caught.value.finding) == (4006, None)
    assert caught.value.streams == ["nope.SOL"]
    wait_for(lambda: not server.open_sessions)


def test_a_refused_signature_has_a_finding(
    server: StreamServer, live: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.rest["/api/v1/time"] = lambda query: int(datetime.now(UTC).timestamp() * 1000)
    right = "bpkit.transport.text_to_sign"
    text = "instruction=orderQueryAll&timestamp={}&window={}".format
    monkeypatch.setattr(right, lambda name, fields, timestamp, window: text(timestamp, window))
    with pytest.raises(StreamError, match="4003 Invalid signature") as caught:
        Connection(live, [TRADES, ORDERS]).open()
    assert caught.value.finding.cause == "wrong_instruction"  # type: ignore[attr-defined]
    assert caught.value.streams == [ORDERS]
    assert "instruction=subscribe" in str(caught.value)


def test_a_clock_that_is_wrong_is_found(server: StreamServer, live: Client) -> None:
    server.rest["/api/v1/time"] = lambda query: int(datetime.now(UTC).timestamp() * 1000)
    now = live._transport._clock
    live._transport._clock = lambda: now() - 100_000
    with pytest.raises(StreamError, match="This machine's clock is 100 s behind"):
        Connection(live, [ORDERS]).open()


def test_a_key_that_the_exchange_does_not_know(server: StreamServer, live: Client) -> None:
    server.rest["/api/v1/time"] = lambda query: int(datetime.now(UTC).timestamp() * 1000)
    server.known = False
    with pytest.raises(StreamError, match="whether it belongs to this account") as caught:
        Connection(live, [ORDERS]).open()
    assert caught.value.finding.cause == "none"  # type: ignore[attr-defined]


def test_a_private_stream_needs_a_key(server: StreamServer) -> None:
    with Client(server.url) as public, pytest.raises(MissingKeyError, match="has no key"):
        Connection(public, [TRADES, ORDERS]).open()
    assert server.sessions == []


def test_without_the_library_the_error_names_the_extra(
    live: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    websocket.library.cache_clear()
    monkeypatch.setitem(sys.modules, "websockets.sync.client", None)
    with pytest.raises(MissingExtraError, match=r'pip install "bpkit\[streams\]"'):
        Connection(live, [TRADES]).open()


def test_a_server_that_does_not_pong_is_waited_for_briefly(
    server: StreamServer, live: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BARRIER", 0.05)
    server.pongs = False
    with Connection(live, [TRADES]):
        wait_for(lambda: server.session.streams == [TRADES])


def test_frames_that_are_not_events_are_passed_over(server: StreamServer, live: Client) -> None:
    with Connection(live, [TRADES]) as opened:
        for text in ("no", "[]", "3", "{}", '{"data":1,"stream":"x"}', '{"id":null}'):
            server.session.say(text)
        server.push(TRADES, trade(1))
        arrival = opened.take(5)
    assert arrival is not None and arrival.data == trade(1) and arrival.stream == TRADES
    assert opened.take(5) is None and opened.ended


# --- a loss ---------------------------------------------------------------------------------------


def test_a_connection_that_is_cut_is_opened_again(server: StreamServer, live: Client) -> None:
    with Connection(live, [TRADES, ORDERS]) as opened:
        server.session.cut()
        lost, back = opened.take(5), opened.take(5)
        assert lost is not None and back is not None
        assert lost[:3] == ("lost", "", {"reason": "the connection was cut", "final": False})
        assert back.kind == "back" and 0 < back.data["seconds"] < 5
        server.push(TRADES, trade(2))
        assert kinds(opened, 1) == ["data"]
    first, second = (session.frames[1]["signature"] for session in server.sessions)
    assert first[1] != second[1] and int(first[2]) < int(second[2])


def test_a_close_frame_says_why(server: StreamServer, live: Client) -> None:
    with Connection(live, [TRADES]) as opened:
        server.session.close(1001, "restart")
        lost = opened.take(5)
        assert lost is not None
        assert lost.data["reason"] == "the exchange closed it (1001 restart)"
        assert kinds(opened, 1) == ["back"]


def test_a_silent_server_that_does_not_pong_is_lost(
    server: StreamServer, live: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PING_AFTER", 0.02)
    monkeypatch.setattr(connection, "PONG_WITHIN", 0.02)
    monkeypatch.setattr(websocket, "CLOSING", 0.05)
    with Connection(live, [TRADES], reconnect=False) as opened:
        server.session.pongs = False
        lost = opened.take(5)
    assert lost is not None and lost.data["reason"] == "no pong came within 0.02 seconds"


def test_a_silent_server_that_pongs_is_not_lost(
    server: StreamServer, live: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PING_AFTER", 0.005)
    monkeypatch.setattr(connection, "PONG_WITHIN", 0.2)
    with Connection(live, [TRADES]) as opened:
        wait_for(lambda: server.session.pings >= 4)
        assert opened.take(0) is None and not opened.ended
    assert len(server.sessions) == 1


def test_a_loss_can_be_final(server: StreamServer, live: Client) -> None:
    with Connection(live, [TRADES], reconnect=False) as opened:
        server.session.cut()
        lost = opened.take(5)
        assert lost is not None and lost.data["final"] is True
        assert opened.take(5) is None
        wait_for(lambda: opened.ended)
    assert len(server.sessions) == 1


def test_the_tries_are_bounded(
    server: StreamServer, live: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "TRIES", 3)
    with Connection(live, [TRADES]) as opened:
        server.refuse = 503
        server.session.cut()
        first, last = opened.take(5), opened.take(5)
        assert first is not None and last is not None and opened.take(5) is None
    assert first.data["final"] is False and last.data["final"] is True
    assert last.data["reason"] == "the server answered with 503 and opened no stream"
    assert server.refused == 3


@pytest.mark.parametrize(("stable", "sessions"), [(60.0, 4), (0.0, 8)])
def test_only_a_good_connection_begins_the_tries_again(
    stable: float, sessions: int, server: StreamServer, live: Client, monkeypatch: Any
) -> None:
    """One that is cut as soon as it is open is one more try."""
    monkeypatch.setattr(connection, "TRIES", 3)
    monkeypatch.setattr(connection, "STABLE", stable)
    with Connection(live, [TRADES]) as opened:
        for number in range(1, 8):
            server.session.cut()
            lost = opened.take(5)
            assert lost is not None and lost.data["final"] is (number == sessions)
            if number == sessions:
                break
            assert kinds(opened, 1) == ["back"]
    assert len(server.sessions) == min(sessions, 8)


@pytest.mark.parametrize("status", [302, 403, 404])
def test_a_handshake_that_is_refused_for_good_is_not_tried_again(
    status: int, server: StreamServer, live: Client
) -> None:
    with Connection(live, [TRADES]) as opened:
        server.refuse = status
        server.session.cut()
        assert kinds(opened, 2) == ["lost", "lost"]
        assert opened.take(5) is None
    assert server.refused == 1
    with pytest.raises(StreamError, match=f"the server answered with {status} and opened no"):
        Connection(live, [TRADES]).open()


def test_a_redirect_to_another_host_is_not_followed(server: StreamServer, live: Client) -> None:
    def redirect(place: Any, _: bytes) -> bool:
        target = f"Location: {server.url.replace('http', 'ws')}/\r\n"
        place.sendall(f"HTTP/1.1 302 Found\r\n{target}Content-Length: 0\r\n\r\n".encode())
        return False

    with (
        raw(redirect) as other,
        Client(other.url, live.key) as lured,
        pytest.raises(StreamError, match="answered with 302"),
    ):
        Connection(lured, [ORDERS]).open()
    assert server.sessions == []


def test_the_pause_grows_and_is_not_the_same_for_all(
    live: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BACKOFF", 0.5)
    opened, spans = Connection(live, [TRADES]), []
    monkeypatch.setattr(random, "uniform", lambda low, high: spans.append((low, high)) or 0)
    for tries in (1, 2, 3, 10):
        opened._pause(tries)
    assert spans == [(0.25, 0.5), (0.5, 1.0), (1.0, 2.0), (15.0, 30.0)]


def test_a_refusal_after_a_reconnect_is_an_arrival(server: StreamServer, live: Client) -> None:
    with Connection(live, [TRADES, ORDERS]) as opened:
        now = live._transport._clock
        live._transport._clock = lambda: now() - 100_000
        server.session.cut()
        arrivals = [opened.take(5) for _ in range(3)]
        server.push(TRADES, trade(1))
        assert kinds(opened, 1) == ["data"]
    assert [one.kind for one in arrivals if one] == ["lost", "refused", "back"]
    refused = arrivals[1]
    assert refused is not None and refused.data == {
        "code": 4003, "message": "Invalid signature", "streams": [ORDERS],
    }  # fmt: skip


def test_an_error_without_a_subscription_is_an_arrival(server: StreamServer, live: Client) -> None:
    with Connection(live, [TRADES]) as opened:
        server.session.say('{"id":null,"error":{"code":4002,"message":"Parse error"}}')
        refused = opened.take(5)
    assert refused is not None and refused.kind == "refused"
    assert refused.data == {"code": 4002, "message": "Parse error", "streams": []}


def test_nothing_listens() -> None:
    said = "No stream was opened: nothing listens at ws://127"
    with Client(f"http://127.0.0.1:{free_port()}") as nobody:
        opened = Connection(nobody, [TRADES])
        with pytest.raises(StreamError, match=said):
            opened.open()


# --- the way --------------------------------------------------------------------------------------


def test_this_computer_is_reached_without_a_proxy(
    server: StreamServer, live: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in PROXIES:
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    with Connection(live, [TRADES]):
        assert server.session.streams == [TRADES]


def test_the_live_exchange_is_reached_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    with raw(lambda place, _: place.sendall(refusal)) as proxy, Client(LIVE_URL) as client:
        monkeypatch.setenv("https_proxy", proxy.url.replace("//", "//me:hunter2@"))
        with pytest.raises(StreamError) as caught:
            Connection(client, [TRADES]).open()
        asked = proxy.requests[0].split(b" HTTP")[0]
    assert asked == b"CONNECT ws.backpack.exchange:443"
    assert caught.value.reason == (
        f"No stream was opened: the proxy {proxy.url} refused the tunnel to {LIVE_STREAM_URL} "
        "with 407."
    )
    assert "hunter2" not in repr(vars(caught.value)) + str(caught.value)


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        (
            "ftp://me:hunter2@127.0.0.1:9",
            "the address of the proxy is not valid: ftp://127.0.0.1:9",
        ),
        ("http://me:hunter2@x:port", "the address of the proxy is not valid: (not shown"),
        ("socks5://me:hunter2@127.0.0.1:9", "needs a package: pip install python-socks"),
        ("127.0.0.1:{}", "nothing listens at the proxy http://127.0.0.1:"),
    ],
)
def test_a_proxy_that_cannot_be_used(
    proxy: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", proxy.format(free_port()))
    with Client(LIVE_URL) as client, pytest.raises(StreamError) as caught:
        Connection(client, [TRADES]).open()
    assert said in caught.value.reason and "hunter2" not in str(caught.value)


def test_a_server_that_does_not_encrypt(server: StreamServer) -> None:
    url = server.url.replace("http:", "https:")
    with Client(url) as client, pytest.raises(StreamError, match="no encrypted connection to wss"):
        Connection(client, [TRADES]).open()


# --- what waits -----------------------------------------------------------------------------------


def arrival(stream: str, number: int, kind: Any = "data") -> Arrival:
    return Arrival(kind, stream, {"t": number}, datetime.now(UTC))


def contents(inbox: Inbox) -> list[tuple[str, str, Any]]:
    found = iter(lambda: inbox.take(0), None)
    return [(one.kind, one.stream, one.data.get("t", one.data.get("count"))) for one in found]


def test_when_nobody_reads_the_oldest_trades_go() -> None:
    inbox = Inbox(20)
    assert all(inbox.put(arrival(TRADES, number)) for number in range(30))
    left = contents(inbox)
    assert left[0] == ("dropped", TRADES, 10) and [one[2] for one in left[1:]] == [*range(10, 30)]


def test_the_loss_is_where_the_events_were() -> None:
    inbox = Inbox(10)
    inbox.put(arrival(ORDERS, 0))
    inbox.put(arrival("", 0, "lost"))
    for number in range(10):
        inbox.put(arrival(TRADES, number))
    assert [one[:2] for one in contents(inbox)][:4] == [
        ("data", ORDERS), ("lost", ""), ("dropped", TRADES), ("data", TRADES),
    ]  # fmt: skip


def test_of_a_state_only_the_newest_stays() -> None:
    inbox = Inbox(10)
    for number in range(10):
        inbox.put(arrival("bookTicker.SOL_USDC", number))
    inbox.put(arrival("bookTicker.BTC_USDC", 0))
    assert contents(inbox) == [
        ("dropped", "bookTicker.SOL_USDC", 9), ("data", "bookTicker.SOL_USDC", 9),
        ("data", "bookTicker.BTC_USDC", 0),
    ]  # fmt: skip


def test_events_of_the_account_are_never_dropped() -> None:
    inbox = Inbox(10)
    put = [inbox.put(arrival(ORDERS, number)) for number in range(12)]
    assert put == [True] * 10 + [False] * 2
    assert inbox.put(arrival("", 0, "lost"))
    assert [one[2] for one in contents(inbox)] == [*range(10), 0]


def test_a_slow_reader_of_the_account_gets_another_connection(
    server: StreamServer, live: Client
) -> None:
    with Connection(live, [ORDERS], most=4) as opened:
        for number in range(5):
            server.push(ORDERS, {**ACCEPTED, "i": str(number)})
        wait_for(lambda: not server.sessions[0].open)
        time.sleep(0.05)
        assert len(server.sessions) == 1  # until there is room again
        first = [opened.take(5) for _ in range(5)]
        assert [one.kind for one in first if one] == ["data"] * 4 + ["lost"]
        assert first[4] is not None
        assert first[4].data["reason"] == "too many events of the account wait to be read"
        assert kinds(opened, 1) == ["back"]


def test_what_has_arrived_is_there_after_the_end(server: StreamServer, live: Client) -> None:
    with Connection(live, ["bookTicker.SOL_USDC"]) as opened:
        server.push("bookTicker.SOL_USDC", BOOK_TICKER)
        wait_for(lambda: opened._inbox._waiting)
    assert kinds(opened, 1) == ["data"] and opened.take(5) is None
    opened.close()
