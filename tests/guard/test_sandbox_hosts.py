"""A sandbox on another computer: plain http, for a key that a sandbox made and for no other."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest
from conftest import DEMO_SECRET

from bpkit import LIVE_URL, Arming, Client, GuardError, Key
from bpkit.guard.hosts import Host, check_host
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
