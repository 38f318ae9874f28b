"""Before anything leaves: each cause is named, nothing was sent, and the sum is given back."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from raw_server import free_port, raw

from bpkit import LIVE_URL, Arming, Client, Key, TransportError

PROXY = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY")
CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of this machine."""
    for name in (*PROXY, *CERTIFICATES):
        monkeypatch.delenv(name, raising=False)


def order_fails(url: str = LIVE_URL, timeout: tuple[float, float] = (1, 2)) -> TransportError:
    """The error of an order that did not leave: it counts nowhere, and is not in doubt."""
    bp = Client(
        url, Key.generate(), armed=Arming(orders=True, per_order="20", per_session="20"),
        trusted_host=url.removeprefix("https://"), timeout=timeout,
    )  # fmt: skip
    with pytest.raises(TransportError, match="Nothing was sent") as caught:
        bp.execute_order("SOL_USDC", "Bid", "Limit", price="20", quantity="1")
    assert not caught.value.sent
    assert bp.spent == 0 and bp.unanswered == []
    assert caught.value.__cause__ is None and caught.value.__suppress_context__
    return caught.value


def read_fails(timeout: tuple[float, float] = (1, 2)) -> TransportError:
    with pytest.raises(TransportError) as caught:
        Client(LIVE_URL, timeout=timeout).get_status()
    return caught.value


def test_a_proxy_that_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("https_proxy", f"http://me:hunter2@127.0.0.1:{port}")
    error = order_fails()
    assert error.reason == f"nothing listens at the proxy http://127.0.0.1:{port}"
    assert "hunter2" not in repr(error.__dict__) + str(error)


@pytest.mark.parametrize(
    ("status", "attempts"),
    [
        ("407 Proxy Authentication Required", 1),
        ("403 Forbidden", 1),
        ("502 Bad Gateway", 4),
        ("503 Service Unavailable", 4),
    ],
)
def test_a_proxy_that_refuses_the_tunnel(
    status: str, attempts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read is tried again only if another attempt can help."""
    refusal = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()
    with raw(lambda connection, _: connection.sendall(refusal)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        said = f"the proxy {proxy.url} refused the tunnel to {LIVE_URL} with {status}"
        assert order_fails().reason == said
        assert [one.split(b" HTTP")[0] for one in proxy.requests] == [
            b"CONNECT api.backpack.exchange:443"
        ]
        proxy.requests.clear()
        assert read_fails().reason == said
        assert len(proxy.requests) == attempts


@pytest.mark.parametrize(
    ("spoken", "reason"),
    [
        (b"", "no connection to the proxy {url} ("),  # it hangs up
        (b"not HTTP at all\r\n\r\n", "no connection to the proxy {url} ("),
        (b"HTTP/1.1 200 OK\r\n\r\nplain", "no encrypted connection to " + LIVE_URL),
    ],
)
def test_a_proxy_that_does_not_speak_as_it_should(
    spoken: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def speak(connection: socket.socket, _: bytes) -> bool:
        connection.sendall(spoken)
        return False

    with raw(speak) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        assert order_fails().reason.startswith(reason.format(url=proxy.url))


def test_a_proxy_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with raw(lambda connection, _: None) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        assert order_fails(timeout=(0.1, 0.2)).reason == (
            f"no connection to the proxy {proxy.url} in time"
        )


@pytest.mark.parametrize("name", ["https_proxy", "ALL_PROXY"])
def test_a_socks_proxy_without_its_package(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "socks5://127.0.0.1:9")
    said = "the proxy socks5://127.0.0.1:9 needs a package: pip install pysocks"
    assert order_fails().reason == read_fails().reason == said


@pytest.mark.parametrize("address", ["http://[", "http://", "http://a b:80", "http://x:port"])
def test_the_address_of_a_proxy_that_is_not_valid(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", address)
    assert "proxy" in order_fails().reason


def test_a_host_that_no_proxy_excepts_is_reached_directly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is not asked: its address does not exist."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "nowhere.invalid")
    reason = order_fails("https://nowhere.invalid").reason
    assert reason == "the address of nowhere.invalid was not found (DNS)"


@pytest.mark.parametrize("name", CERTIFICATES)
def test_a_certificate_file_that_is_gone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "/nowhere/ca.pem")
    said = (
        f"the certificate file '/nowhere/ca.pem' that {name} names does not exist; correct or "
        "remove that variable"
    )
    assert order_fails().reason == read_fails().reason == said


@pytest.mark.parametrize("content", [b"", b"not a certificate"])
def test_a_certificate_file_that_is_not_one(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    reason = order_fails().reason
    assert "certificate" in reason and str(file) in reason and "[" not in reason  # [X509: ...]


def test_a_port_at_which_nothing_listens() -> None:
    url = f"https://127.0.0.1:{free_port()}"
    assert order_fails(url).reason == f"nothing listens at {url}"


def test_a_port_that_does_not_speak_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        assert order_fails(url, (0.1, 0.2)).reason == f"no connection to {url} in time"


@pytest.mark.parametrize(
    "error",
    [
        OSError(101, "Network is unreachable"),
        PermissionError(13, "Permission denied"),
        ConnectionResetError(104, "Connection reset by peer"),
        RuntimeError("something that nobody expects"),
    ],
)
def test_what_the_system_refuses(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> socket.socket:
        raise error

    monkeypatch.setattr("urllib3.util.connection.create_connection", refuse)
    words = error.args[-1]
    assert words in order_fails().reason
