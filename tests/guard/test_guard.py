"""The guard at the door: which hosts may be spoken to, and what may be changed there."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from conftest import Scripted
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from samples import LEAST

from bpkit import LIVE_URL, ApiError, Arming, Client, GuardError, Key, TransportError
from bpkit.operations import OPERATIONS, UNDOCUMENTED, Operation
from bpkit.sandbox import Sandbox
from bpkit.signing import DEMO_SECRET

WRITES = [one for one in OPERATIONS.values() if one.mutates]
SIGNABLE = [one for one in WRITES if one.instruction != UNDOCUMENTED]
# However the live host is written, it is the live host.
SPELLINGS = [
    "https://api.backpack.exchange",
    "https://api.backpack.exchange/",
    "https://API.Backpack.EXCHANGE",
    "HTTPS://api.backpack.exchange",
    "https://api.backpack.exchange:443",
    "https://API.BACKPACK.EXCHANGE:443/",
]
# What looks like it and is not, or leads elsewhere.
ELSEWHERE = {
    "http://api.backpack.exchange": "not encrypted",
    "http://api.backpack.exchange:443": "not encrypted",
    "https://api.backpack.exchange:8443": "neither Backpack's own",
    "https://api.backpack.exchange.": "neither Backpack's own",
    "https://api.backpack.exchange.example.com": "neither Backpack's own",
    "https://testnet.backpack.exchange": "neither Backpack's own",
    "https://backpack.exchange": "neither Backpack's own",
    "https://api.b\u0430ckpack.exchange": "neither Backpack's own",  # a Cyrillic letter
    "https://127.0.0.1.nip.io": "neither Backpack's own",
    "https://0.0.0.0": "neither Backpack's own",
    "https://user:pass@api.backpack.exchange": "scheme and host alone",
    "https://api.backpack.exchange@evil.example": "scheme and host alone",
    "https://api.backpack.exchange\\@evil.example": "scheme and host alone",
    "https://@api.backpack.exchange": "scheme and host alone",
    "https://api.backpack.exchange/api/v1": "scheme and host alone",
    "https://api.backpack.exchange/?to=evil.example": "scheme and host alone",
    "https://api.backpack.exchange#evil.example": "scheme and host alone",
}


@pytest.fixture
def nothing_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should a request ever leave for a host that is not this machine, the test fails."""
    monkeypatch.setattr("requests.Session.send", lambda *a, **k: pytest.fail("it was sent"))


@pytest.mark.usefixtures("nothing_leaves")
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("operation", WRITES, ids=lambda one: one.name)
def test_a_client_that_is_not_armed_changes_nothing(operation: Operation, spelling: str) -> None:
    bp = Client(spelling, Key.generate())
    assert bp.url == LIVE_URL
    cannot = operation.instruction == UNDOCUMENTED
    with pytest.raises(GuardError, match="names no instruction" if cannot else "only reads there"):
        LEAST[operation.name].call(bp)


def test_the_writes_are_many() -> None:
    assert len(WRITES) == len([one for one in OPERATIONS.values() if one.method != "GET"])
    assert {"request_withdrawal", "execute_order", "vault_mint"} < {one.name for one in SIGNABLE}


@pytest.mark.usefixtures("nothing_leaves")
@pytest.mark.parametrize("url", ELSEWHERE)
def test_another_host_is_refused(url: str) -> None:
    for options in ({}, {"armed": Arming(orders=True, per_order="1", per_session="1")}):
        with pytest.raises(GuardError, match=ELSEWHERE[url]):
            Client(url, Key.generate(), **options)  # type: ignore[arg-type]


def test_the_refusal_of_another_host_says_why_and_what_to_do() -> None:
    with pytest.raises(GuardError) as caught:
        Client("https://testnet.example:8443")
    said = str(caught.value)
    assert "No official testnet of Backpack is known" in said
    assert "hosts passed off as one exist" in said
    assert "trusted_host='testnet.example:8443'" in said


@pytest.mark.usefixtures("nothing_leaves")
@pytest.mark.parametrize("operation", SIGNABLE, ids=lambda one: one.name)
def test_a_host_that_is_named_is_held_by_the_guard_all_the_same(operation: Operation) -> None:
    bp = Client("https://Mine.example/", Key.generate(), trusted_host="mine.EXAMPLE")
    assert bp.url == "https://mine.example"
    with pytest.raises(GuardError, match="only reads there"):
        LEAST[operation.name].call(bp)


@pytest.mark.parametrize("named", ["other.example", "mine.example", "https://mine.example:8443"])
def test_only_the_host_that_is_named_with_its_port(named: str) -> None:
    with pytest.raises(GuardError, match="neither Backpack's own"):
        Client("https://mine.example:8443", trusted_host=named)


def test_naming_a_host_does_not_excuse_http() -> None:
    with pytest.raises(GuardError, match="not encrypted"):
        Client("http://mine.example", trusted_host="mine.example")


@pytest.mark.parametrize("url", [*SPELLINGS, "https://mine.example"])
def test_the_demo_key_stays_at_home(url: str) -> None:
    with pytest.raises(GuardError, match="demo key of Backpack's guide is public"):
        Client(url, Key(DEMO_SECRET), trusted_host="mine.example")


@pytest.mark.usefixtures("nothing_leaves")
@pytest.mark.parametrize("armed", ["orders", "withdrawals", "account"])
def test_each_write_wants_its_own_kind(armed: str) -> None:
    """Armed for one kind, a client still refuses the others."""
    kinds = {
        "orders": ("Order", "Strategy", "RFQ"),
        "withdrawals": ("Capital",),
        "account": ("Account", "Borrow Lend", "Vaults"),
    }
    arming = Arming(**{armed: True}, per_order="10", per_session="10")  # type: ignore[arg-type]
    bp = Client(LIVE_URL, Key.generate(), armed=arming)
    for operation in SIGNABLE:
        # Converting dust stands under Capital, asking for a token under no section of the docs.
        if operation.section in kinds[armed] or operation.name in (
            "issue_two_factor_token",
            "convert_dust",
        ):
            continue
        with pytest.raises(GuardError, match=f"{operation.name}.*[Nn]othing was sent"):
            LEAST[operation.name].call(bp)


# --- on this machine, armed: what the live host would hold ----------------------------------------


@pytest.fixture
def capped(sandbox: Sandbox) -> Client:
    arming = Arming(orders=True, per_order="200", per_session="500", symbols=["SOL_USDC"])
    return Client(sandbox.url, sandbox.key, armed=arming)


def limit(bp: Client, price: str, quantity: str, symbol: str = "SOL_USDC") -> Any:
    return bp.execute_order(symbol, "Bid", "Limit", price=price, quantity=quantity)


def arrived(sandbox: Sandbox) -> list[str]:
    return [entry["operation"] for entry in sandbox.log if entry["method"] != "GET"]


def test_an_order_above_its_cap(capped: Client, sandbox: Sandbox) -> None:
    with pytest.raises(GuardError, match="200.01.*per_order=200.*Nothing was sent"):
        limit(capped, "100.005", "2")
    assert sandbox.log == [] and capped.spent == 0
    limit(capped, "100.00", "2")  # just the cap
    assert capped.spent == 200


def test_the_session_has_a_cap(capped: Client, sandbox: Sandbox) -> None:
    limit(capped, "160.00", "1.25")
    limit(capped, "160.00", "1.25")
    with pytest.raises(GuardError, match="per_session=500"):
        limit(capped, "160.00", "1")
    limit(capped, "160.00", "0.62")  # 99.20: what is left is 100
    assert str(capped.spent) == "499.2000"
    assert arrived(sandbox) == ["execute_order"] * 3


def test_a_market_order_is_valued_at_the_book(capped: Client, sandbox: Sandbox) -> None:
    """The best ask is 170.74 for 5.94 SOL (as notebook 01 shows): one SOL costs 170.74."""
    capped.execute_order("SOL_USDC", "Bid", "Market", quantity="1")
    assert str(capped.spent) == "170.74"
    with pytest.raises(GuardError, match=r"341.48.*per_order=200"):
        capped.execute_order("SOL_USDC", "Bid", "Market", quantity="2")
    assert arrived(sandbox) == ["execute_order"]


def test_a_batch_counts_whole(capped: Client, sandbox: Sandbox) -> None:
    one = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "160"}
    with pytest.raises(GuardError, match="per_session=500"):
        capped.execute_order_batch([{**one, "quantity": "1.2"}] * 3)  # 3 x 192
    assert sandbox.log == []
    capped.execute_order_batch([{**one, "quantity": "1.2"}] * 2)
    assert capped.spent == 384


def test_another_market_is_refused(capped: Client, sandbox: Sandbox) -> None:
    with pytest.raises(GuardError, match="BTC_USDC.*SOL_USDC"):
        limit(capped, "1", "1", "BTC_USDC")
    with pytest.raises(GuardError, match="BTC_USDC"):
        capped.cancel_open_orders("BTC_USDC")
    assert sandbox.log == []


def test_what_was_refused_counts_no_longer(capped: Client) -> None:
    with pytest.raises(ApiError, match="too far"):
        limit(capped, "17.00", "1")
    assert capped.spent == 0


def test_what_is_unknown_still_counts(scripted: Scripted) -> None:
    arming = Arming(orders=True, per_order="200", per_session="500")
    bp = Client(scripted.url, Key(DEMO_SECRET), armed=arming)
    scripted.cuts()
    with pytest.raises(TransportError, match="UNKNOWN"):
        limit(bp, "100", "1")
    assert bp.spent == 100


def test_what_never_left_does_not_count() -> None:
    sandbox = Sandbox()
    sandbox.stop()
    arming = Arming(orders=True, per_order="200", per_session="500")
    bp = Client(sandbox.url, sandbox.key, armed=arming)
    with pytest.raises(TransportError, match="Nothing was sent"):
        limit(bp, "100", "1")
    assert bp.spent == 0


def test_withdrawals_are_armed_by_themselves(sandbox: Sandbox) -> None:
    bp = Client(
        sandbox.url,
        sandbox.key,
        armed=Arming(orders=True, per_order="100", per_session="100"),
    )
    with pytest.raises(GuardError, match="withdrawals"):
        bp.request_withdrawal(address="me", blockchain="Solana", symbol="USDC", quantity="5")
    assert sandbox.log == []


# --- redirects and encryption ---------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("name", ["get_balances", "execute_order", "cancel_order"])
def test_no_signature_follows_a_redirect(status: int, name: str, scripted: Scripted) -> None:
    target = Scripted()
    try:
        target.says(200, "{}")
        scripted.answers = [(status, {"Location": target.url + "/api/v1/order"}, b"")]
        with pytest.raises((ApiError, TransportError), match="redirect"):
            LEAST[name].call(Client(scripted.url, Key(DEMO_SECRET)))
        assert len(scripted.requests) == 1 and target.requests == []
    finally:
        target.close()


@pytest.mark.parametrize(
    "name, value",
    [("CURL_CA_BUNDLE", ""), ("REQUESTS_CA_BUNDLE", ""), ("PYTHONHTTPSVERIFY", "0")],
)
def test_no_environment_switches_encryption_off(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    verify = Client(LIVE_URL)._transport._options["verify"]
    assert verify is True or Path(str(verify)).exists()  # the certificates of this machine


@pytest.fixture
def impostor(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """An https server on this machine whose certificate nobody has signed: (url, what arrived)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "api.backpack.exchange")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "impostor.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    arrived: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            arrived.append(self.path)

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *a: None  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}", arrived
    server.shutdown()
    server.server_close()


def test_an_impostor_gets_nothing(
    impostor: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, arrived = impostor
    monkeypatch.setattr("bpkit.transport.RETRIES", 0)
    for name in ("get_balances", "execute_order"):
        with pytest.raises(TransportError, match="no trusted encryption.*Nothing was sent"):
            LEAST[name].call(Client(url, Key(DEMO_SECRET)))
    assert arrived == []
