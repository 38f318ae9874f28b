"""The encrypted way: directly, through a proxy, and what the check of the set-up says of it."""

from __future__ import annotations

import socket
from pathlib import Path

import certificates
import pytest
from raw_server import answer, free_port, raw

from bpkit import Arming, Client, Key, TransportError
from bpkit.cli.check_network import network_lines

ORDER = '{"id":"1","status":"New","symbol":"SOL_USDC"}'
SETTINGS = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY",
            "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # fmt: skip


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of this machine. A host at 127.0.0.1 counts as one on another computer, so that
    the proxy and the certificates of the environment are used."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("bpkit.guard.hosts._is_loopback", lambda host: False)


def client(url: str) -> Client:
    arming = Arming(orders=True, per_order="20", per_session="20")
    return Client(url, Key.generate(), armed=arming, trusted_host=url.removeprefix("https://"),
                  timeout=(1, 2))  # fmt: skip


def place(bp: Client) -> object:
    return bp.execute_order("SOL_USDC", "Bid", "Limit", price="20", quantity="1")


def checks(url: str) -> dict[str, tuple[str, str]]:
    return {line.what: (line.mark, line.said) for line in network_lines(url)}


@pytest.mark.parametrize("proxied", [False, True])
def test_one_connection_carries_many_requests(
    proxied: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, private = certificates.make(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(public))
    ports = set()

    def handler(connection: socket.socket, request: bytes) -> None:
        ports.add(connection.getpeername()[1])
        connection.sendall(answer(ORDER if b"POST" in request else "[]"))

    with certificates.encrypted(private, handler) as url, raw(certificates.tunnel) as proxy:
        if proxied:
            monkeypatch.setenv("https_proxy", proxy.url)
        bp = client(url)
        assert place(bp) == {"id": "1", "status": "New", "symbol": "SOL_USDC"}
        assert bp.get_open_orders() == []
        assert len(ports) == 1 and len(proxy.requests) == proxied
        found = checks(url)
        way = f"{proxy.url}, from https_proxy; it is reached" if proxied else "none is set"
        assert found["proxy"] == ("ok", way)
        assert found["trust"] == ("ok", f"the certificates in {public}, from REQUESTS_CA_BUNDLE")
        known = ("ok", "127.0.0.1 is at 127.0.0.1")
        asked = ("skip", "not asked, because the proxy looks up 127.0.0.1")
        assert found["address"] == (asked if proxied else known)
        assert found["TLS"] == ("ok", "TLSv1.3, certificate from A Company")


@pytest.mark.parametrize("proxied", [False, True])
def test_an_answer_that_is_cut_leaves_the_order_in_doubt(
    proxied: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, private = certificates.make(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(public))
    with (
        certificates.encrypted(private, lambda *_: False) as url,
        raw(certificates.tunnel) as proxy,
    ):
        if proxied:
            monkeypatch.setenv("https_proxy", proxy.url)
        bp = client(url)
        with pytest.raises(TransportError, match=r"connection was lost.*UNKNOWN"):
            place(bp)
        assert bp.spent == 20 and len(bp.unanswered) == 1


def test_a_certificate_that_nobody_trusts(tmp_path: Path) -> None:
    """An impostor gets nothing, neither of a read nor of an order."""
    arrived: list[bytes] = []

    def handler(connection: socket.socket, request: bytes) -> bool:
        arrived.append(request)
        return False

    _, private = certificates.make(tmp_path)
    with certificates.encrypted(private, handler) as url:
        said = f"the certificate of {url} is not trusted (self-signed certificate)"
        for call in (place, Client.get_balances):
            with pytest.raises(TransportError, match="Nothing was sent") as caught:
                call(client(url))
            assert caught.value.reason == said
        assert checks(url)["TLS"] == ("fix", said)
    assert arrived == []


def test_after_a_check_that_fails_the_others_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("ALL_PROXY", f"socks5h://me:hunter2@127.0.0.1:{port}")
    found = checks("https://nowhere.invalid")
    said = f"from ALL_PROXY: nothing listens at the proxy socks5h://127.0.0.1:{port}"
    assert found.pop("proxy") == ("fix", said)
    assert set(found.values()) == {("skip", "not tried, because the check of 'proxy' failed")}


@pytest.mark.parametrize("address", ["http://[", "http://", "http://x:port"])
def test_a_proxy_whose_address_is_not_valid(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", address)
    mark, said = checks("https://nowhere.invalid")["proxy"]
    assert mark == "fix" and "the address of the proxy is not valid" in said


def test_a_certificate_file_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURL_CA_BUNDLE", "/nowhere/ca.pem")
    mark, said = checks("https://nowhere.invalid")["trust"]
    assert mark == "fix" and "'/nowhere/ca.pem' that CURL_CA_BUNDLE names does not exist" in said


def test_a_host_without_an_address() -> None:
    said = "the address of nowhere.invalid was not found (DNS)"
    assert checks("https://nowhere.invalid")["address"] == ("fix", said)


def test_a_tunnel_that_is_refused() -> None:
    with (
        pytest.MonkeyPatch.context() as patch,
        raw(
            lambda connection, _: connection.sendall(b"HTTP/1.1 407 Who are you?\r\n\r\n")
        ) as proxy,
    ):
        patch.setenv("https_proxy", proxy.url)
        mark, said = checks("https://nowhere.invalid")["TLS"]
    assert mark == "fix"
    assert said.startswith(f"the proxy {proxy.url} refused the tunnel")
    assert said.endswith("with 407 Who are you?")
