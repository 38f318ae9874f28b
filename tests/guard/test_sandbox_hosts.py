"""A sandbox on another computer: plain http, for a key that a sandbox made and for no other."""

from __future__ import annotations

import socket
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from helpers import DEMO_SECRET

from bpkit import LIVE_URL, ApiError, Arming, Client, GuardError, Key
from bpkit.guard.hosts import Host, check_host
from bpkit.sandbox import Sandbox
from bpkit.signing import SANDBOX_TAG

URL = "http://sandbox:8787"
TAGGED = b64encode(b"bpkitsbx" + bytes(range(24))).decode()


def live_key() -> Key:
    """A key as the exchange makes them: 32 random bytes. Here they only differ in one bit."""
    return Key(b64encode(b"bpkitsby" + bytes(range(24))).decode())


# --- the tag --------------------------------------------------------------------------------------


def test_the_secret_shows_that_a_sandbox_made_the_key() -> None:
    assert SANDBOX_TAG == b"bpkitsbx"  # in the files of teachers: it never changes
    for secret in (TAGGED, DEMO_SECRET):
        assert Key(secret).is_sandbox and Key(secret).is_practice
    key = Key.generate()  # may be registered at the exchange
    assert key.is_practice and not key.is_sandbox
    assert not live_key().is_sandbox and not live_key().is_practice


def test_the_key_of_a_sandbox_has_24_random_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {Key.for_sandbox().public_key for _ in range(20)}
    assert len(made) == 20 and Key.for_sandbox().is_sandbox
    monkeypatch.setattr("os.urandom", lambda count: bytes(range(count)))
    assert Key.for_sandbox() == Key(TAGGED)
    assert len(b64decode(TAGGED)) == 32


# --- the host -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "named"),
    [
        (URL, "sandbox"),
        (URL, "sandbox:8787"),
        ("http://Sandbox:8787/", "SANDBOX"),
        ("http://sandbox", "sandbox"),
        ("http://192.168.1.20:8787", "192.168.1.20"),
        ("http://[fd00::1]:8787", "[fd00::1]"),
    ],
)
def test_a_key_of_a_sandbox_may_go_to_the_host_that_is_named(url: str, named: str) -> None:
    plain = url.lower().rstrip("/")
    assert check_host(url, named, sandbox_key=True) == Host(plain, loopback=False, sandbox=True)
    for secret in (TAGGED, DEMO_SECRET):
        assert Client(url, Key(secret), trusted_host=named).url == plain


@pytest.mark.parametrize("key", [None, Key.generate(), live_key()], ids=["none", "made", "live"])
@pytest.mark.parametrize("named", ["sandbox", "sandbox:8787", None])
def test_no_other_key_goes_over_http(key: Key | None, named: str | None) -> None:
    with pytest.raises(GuardError, match="not encrypted") as caught:
        Client(URL, key, trusted_host=named)
    assert "Client(url, key, trusted_host='sandbox')" in str(caught.value)


@pytest.mark.parametrize("named", [None, "", "other", "sandbox:80", "sandbox:", "http://sandbox"])
def test_only_the_host_that_is_named(named: str | None) -> None:
    with pytest.raises(GuardError, match="not encrypted"):
        Client(URL, Key(TAGGED), trusted_host=named)


@pytest.mark.parametrize("host", ["api.backpack.exchange", "ws.backpack.exchange"])
def test_backpack_itself_is_never_reached_by_http(host: str) -> None:
    with pytest.raises(GuardError, match="not encrypted") as caught:
        Client(f"http://{host}", Key(TAGGED), trusted_host=host)
    assert "trusted_host" not in str(caught.value)


def test_the_key_of_a_sandbox_is_not_sent_to_the_live_exchange() -> None:
    for armed in (None, Arming(orders=True, per_order="1", per_session="1")):
        with pytest.raises(GuardError, match="A sandbox made this key"):
            Client(LIVE_URL, Key(TAGGED), armed=armed)


def test_over_https_the_rules_of_any_trusted_host_hold() -> None:
    bp = Client("https://sandbox", Key(TAGGED), trusted_host="sandbox")
    with pytest.raises(GuardError, match="only reads there"):
        bp.execute_order("SOL_USDC", "Bid", "Limit", price="1", quantity="1")


# --- a sandbox that has the name ------------------------------------------------------------------


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """It is called "sandbox", as in another container. That name means this machine here."""
    real = socket.getaddrinfo

    def look_up(host: Any, *args: Any, **more: Any) -> Any:
        return real("127.0.0.1" if host in ("sandbox", "stranger") else host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Sandbox(host="0.0.0.0", names=["sandbox"], token="for-tests-only") as sandbox:
        yield sandbox


def test_a_bot_in_another_container(named: Sandbox) -> None:
    """Orders need no Arming, and no rate limit waits: it is a sandbox."""
    url = named.url.replace("127.0.0.1", "sandbox")
    for key in (named.key, named.open_account({"USDC": "1000"})):
        with Client(url, key, trusted_host="sandbox") as bp:
            order = bp.execute_order("SOL_USDC", "Bid", "Limit", price="100", quantity="1")
            assert order["status"] == "New" and bp.get_open_orders()[0]["id"] == order["id"]
            with bp.stream("account.orderUpdate", "trade.SOL_USDC", seconds=20) as events:
                bp.cancel_order("SOL_USDC", order_id=order["id"])
                assert events.wait(order_id=order["id"], status="Cancelled", seconds=10)
    hosts = {entry["status"] for entry in named.log}
    assert hosts <= {200, 101}


def test_the_names_that_are_given_are_taken_and_no_others(named: Sandbox) -> None:
    port = named.url.rpartition(":")[2]
    for host, status in [
        (f"sandbox:{port}", 200), ("SANDBOX", 200), (f"localhost:{port}", 200), ("0.0.0.0", 200),
        (f"stranger:{port}", 421), ("sandbox.evil.example", 421),
    ]:  # fmt: skip
        for path in ("/api/v1/ping", "/sandbox/v1/health", "/"):
            answer = requests.get(named.url + path, headers={"Host": host}, timeout=5)
            assert answer.status_code == status, (host, path)
    url = f"http://stranger:{port}"
    called = "the sandbox is called 0.0.0.0, 127.0.0.1, sandbox or localhost, not 'stranger:"
    with Client(url, named.key, trusted_host="stranger") as bp, pytest.raises(ApiError) as caught:
        bp.get_balances()
    assert caught.value.status == 421 and called in str(caught.value)


def test_other_machines_need_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BPKIT_SANDBOX_TOKEN", raising=False)
    with pytest.raises(ValueError, match="other machines could steer this sandbox"):
        Sandbox(host="0.0.0.0")
    monkeypatch.setenv("BPKIT_SANDBOX_TOKEN", "of-the-environment")
    with Sandbox(host="0.0.0.0") as sandbox:
        assert sandbox.token == "of-the-environment"
        assert sandbox.url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"host": "localhost"}, "host='localhost' is not an address"),
        ({"host": None}, "host=None is not an address"),
        ({"host": "192.0.2.1", "token": "12345678"}, "is not an address of this machine"),
        ({"names": "sandbox"}, "names='sandbox' is not a list"),
        ({"names": ["sandbox:8787"]}, "write it without a port"),
        ({"names": [""]}, "is not the name of a machine"),
        ({"speed": 60, "follow_clock": True}, "give either follow_clock or speed"),
        ({"speed": -1}, "speed=-1 is not a number above 0"),
    ],
)
def test_options_that_are_refused(options: Any, said: str) -> None:
    with pytest.raises((ValueError, OSError), match=said):
        Sandbox(**options)
