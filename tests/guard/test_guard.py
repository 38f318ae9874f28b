"""Which hosts a client may talk to, and what it may change there."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from helpers import PLACED, Scripted, least_answer
from live import Live
from samples import LEAST

from bpkit import LIVE_URL, ApiError, Arming, Client, GuardError, Key, TransportError
from bpkit.guard.hosts import Host, check_host
from bpkit.network.failures import Failure
from bpkit.operations import OPERATIONS, UNDOCUMENTED, Operation
from bpkit.sandbox import Sandbox
from bpkit.signing import DEMO_SECRET

WRITES = [one for one in OPERATIONS.values() if one.mutates]
SIGNABLE = [one for one in WRITES if one.instruction != UNDOCUMENTED]
# Different ways to write the live host.
SPELLINGS = [
    "https://api.backpack.exchange",
    "https://api.backpack.exchange/",
    "https://API.Backpack.EXCHANGE",
    "HTTPS://api.backpack.exchange",
    "https://api.backpack.exchange:443",
    "https://API.BACKPACK.EXCHANGE:443/",
]
# Addresses that look like it, and are not, or lead elsewhere.
ELSEWHERE = {
    "http://api.backpack.exchange": "not encrypted",
    "http://api.backpack.exchange:443": "not encrypted",
    "https://api.backpack.exchange:8443": "neither Backpack's own",
    "https://api.backpack.exchange.": "not the address of an exchange",
    "https://api.backpack.exchange.example.com": "neither Backpack's own",
    "https://testnet.backpack.exchange": "neither Backpack's own",
    "https://backpack.exchange": "neither Backpack's own",
    "https://api.b\u0430ckpack.exchange": "not the address of an exchange",  # a Cyrillic letter
    "https://127.0.0.1.nip.io": "neither Backpack's own",
    "https://0.0.0.0": "neither Backpack's own",
    "https://user:pass@api.backpack.exchange": "not the address of an exchange",
    "https://api.backpack.exchange@evil.example": "not the address of an exchange",
    "https://api.backpack.exchange\\@evil.example": "not the address of an exchange",
    "https://@api.backpack.exchange": "not the address of an exchange",
    "https://api.backpack.exchange/api/v1": "not the address of an exchange",
    "https://api.backpack.exchange/?to=evil.example": "not the address of an exchange",
    "https://api.backpack.exchange#evil.example": "not the address of an exchange",
}


@pytest.fixture
def nothing_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a request leaves, the test fails."""
    monkeypatch.setattr(
        "requests.adapters.HTTPAdapter.send", lambda *a, **k: pytest.fail("it was sent")
    )


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_live_host_is_known_however_it_is_written(spelling: str) -> None:
    assert check_host(spelling) == Host(LIVE_URL, loopback=False)


@pytest.mark.usefixtures("nothing_leaves")
@pytest.mark.parametrize("operation", WRITES, ids=lambda one: one.name)
def test_a_client_that_is_not_armed_changes_nothing(operation: Operation) -> None:
    bp = Client(LIVE_URL, Key.generate())
    with pytest.raises(GuardError, match=refusal(operation)):
        LEAST[operation.name].call(bp)


def refusal(operation: Operation) -> str:
    """The reason why a client without an Arming does not send it to a live host."""
    if operation.instruction == UNDOCUMENTED:
        return "names no instruction"
    quotes = operation.name in ("submit_quote", "accept_quote")
    return "cannot be valued .* Use the exchange's website" if quotes else "only reads there"


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
    assert "some hosts pretend to be one" in said
    assert "trusted_host='testnet.example:8443'" in said


@pytest.mark.usefixtures("nothing_leaves")
@pytest.mark.parametrize("operation", SIGNABLE, ids=lambda one: one.name)
def test_a_client_of_a_trusted_host_only_reads_too(operation: Operation) -> None:
    bp = Client("https://Mine.example/", Key.generate(), trusted_host="mine.EXAMPLE")
    assert bp.url == "https://mine.example"
    with pytest.raises(GuardError, match=refusal(operation)):
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


@pytest.mark.parametrize("printed", [
    # Both pairs of Backpack's Python guide: the one in its code, and the one in its sample .env.
    "5+yQgwU0ZdJ/9s+GXfuPFfo7yQQpl9CgvQedJXne30o=", "zDIJj9qneWIY0IYZ5aXoHcNMCm+XDhVcTssiT0HyY0A=",
])  # fmt: skip
def test_both_published_keys_stay_at_home(printed: str) -> None:
    key = Key.generate()
    key.public_key = printed
    with pytest.raises(GuardError, match="is public: everyone can use it"):
        Client(LIVE_URL, key)
    assert Client("http://127.0.0.1:1", key).key is key


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


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("http://localhost:8787", "http://localhost:8787"),
        ("http://LOCALHOST", "http://localhost"),
        ("http://127.0.0.1:8787/", "http://127.0.0.1:8787"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("https://127.0.0.1:80", "https://127.0.0.1:80"),
        ("http://[::1]:8787", "http://[::1]:8787"),
    ],
)
def test_this_computer_may_be_http(url: str, plain: str) -> None:
    assert check_host(url) == Host(plain, loopback=True)


def test_a_name_that_begins_with_localhost_is_another_host() -> None:
    with pytest.raises(GuardError, match="not encrypted"):
        check_host("http://localhost.example")
    with pytest.raises(GuardError, match="neither Backpack's own"):
        check_host("https://localhost.example")


def test_a_host_in_a_private_network_is_not_this_computer() -> None:
    named = check_host("https://10.0.0.1:8443", trusted_host="10.0.0.1:8443")
    assert named == Host("https://10.0.0.1:8443", loopback=False)


@pytest.mark.parametrize(
    "given",
    [
        DEMO_SECRET,
        f"Client({DEMO_SECRET})",
        f"https:{DEMO_SECRET}",
        f"ftp://{DEMO_SECRET}@x",
        f"https://me:{DEMO_SECRET}@api.backpack.exchange",
        f"https://api.backpack.exchange/{DEMO_SECRET}",
        f"https://api.backpack.exchange?{DEMO_SECRET}",
        f"https://api.backpack.exchange#{DEMO_SECRET}",
    ],
)
def test_a_secret_in_place_of_the_address_is_not_repeated(given: str) -> None:
    with pytest.raises(GuardError) as caught:
        Client(given)
    assert DEMO_SECRET.lower() not in str(caught.value).lower()
    assert "use LIVE_URL" in str(caught.value)


# --- a client with an Arming, on a live host ------------------------------------------------------


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Live:
    return Live(monkeypatch)


def armed(**arming: Any) -> Client:
    caps = {"per_order": "20", "per_session": "30"}
    return Client(LIVE_URL, Key.generate(), armed=Arming(**{**caps, **arming}))


def limit(bp: Client, price: str, quantity: str, symbol: str = "SOL_USDC") -> Any:
    return bp.execute_order(symbol, "Bid", "Limit", price=price, quantity=quantity)


def test_an_order_is_held_to_both_limits_and_the_symbols(live: Live) -> None:
    live.text = PLACED
    with armed(orders=True, symbols=["SOL_USDC"]) as bp:
        limit(bp, "100.00", "0.2")
        with pytest.raises(GuardError, match="20.010 USDC is above per_order=20 USDC"):
            limit(bp, "200.10", "0.1")
        with pytest.raises(GuardError, match="spent 20.000 of per_session=30 USDC; 10.010 more"):
            limit(bp, "100.10", "0.1")
        with pytest.raises(GuardError, match="execute_order: BTC_USDC: this client is armed for"):
            limit(bp, "1", "1", "BTC_USDC")
        assert bp.spent == 20
        limit(bp, "100.00", "0.1")
        assert bp.spent == 30
    assert [one.path_url for one in live.sent] == ["/api/v1/order"] * 2


def test_a_batch_is_held_to_the_sum(live: Live) -> None:
    live.text = least_answer("execute_order_batch", orders=2)
    order = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "10"}
    with armed(orders=True) as bp:
        with pytest.raises(GuardError, match="30.020 more would exceed it, 30 remain"):
            bp.execute_order_batch([order | {"quantity": one} for one in ("1.501", "1.501")])
        bp.execute_order_batch([order | {"quantity": one} for one in ("1.5", "1.5")])
        assert bp.spent == 30
    assert [one.path_url for one in live.sent] == ["/api/v1/orders"]


def test_a_withdrawal_needs_its_own_flag_and_is_held_to_the_limits(live: Live) -> None:
    live.text = PLACED
    recipient = {"address": "me", "blockchain": "Solana", "symbol": "USDC"}
    bp = armed(orders=True, account=True)
    with pytest.raises(GuardError, match="request_withdrawal needs withdrawals=True"):
        bp.request_withdrawal(**recipient, quantity="5")
    with armed(withdrawals=True) as bp:
        with pytest.raises(GuardError, match="20.01 USDC is above per_order=20 USDC"):
            bp.request_withdrawal(**recipient, quantity="20.01")
        bp.request_withdrawal(**recipient, quantity="20")
        assert bp.spent == 20
    assert [one.path_url for one in live.sent] == ["/wapi/v1/capital/withdrawals"]


# --- what counts, and what is given back ----------------------------------------------------------


@pytest.fixture
def capped(sandbox: Sandbox) -> Client:
    return Client(sandbox.url, sandbox.key, armed=ENOUGH)


ENOUGH = Arming(orders=True, per_order="200", per_session="500")


def test_a_market_order_is_valued_with_the_order_book(capped: Client, sandbox: Sandbox) -> None:
    """The best ask is 170.74 for 5.94 SOL, as in notebook 01."""
    capped.execute_order("SOL_USDC", "Bid", "Market", quantity="1")
    assert str(capped.spent) == "170.74"
    with pytest.raises(GuardError, match=r"341.48.*per_order=200"):
        capped.execute_order("SOL_USDC", "Bid", "Market", quantity="2")
    assert [one["operation"] for one in sandbox.log if one["method"] != "GET"] == ["execute_order"]


def test_a_cancelled_order_counts_what_was_filled(capped: Client) -> None:
    order = limit(capped, "100.00", "1")
    assert capped.spent == 100
    capped.cancel_order("SOL_USDC", order_id=order["id"])
    assert capped.get_open_orders() == [] and capped.spent == 0


def test_a_request_that_was_refused_is_given_back(capped: Client) -> None:
    with pytest.raises(ApiError, match="too far"):
        limit(capped, "17.00", "1")
    assert capped.spent == 0


def test_an_order_refused_inside_a_batch_gives_its_part_back(capped: Client) -> None:
    order = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "quantity": "1"}
    answers = capped.execute_order_batch([order | {"price": one} for one in ("100.00", "17.00")])
    assert [one["operation"] for one in answers] == ["Ok", "Err"]
    assert capped.spent == 100


def test_an_order_without_an_answer_still_counts(scripted: Scripted) -> None:
    bp = Client(scripted.url, Key(DEMO_SECRET), armed=ENOUGH)
    scripted.cuts()
    with pytest.raises(TransportError, match="UNKNOWN"):
        limit(bp, "100", "1")
    assert bp.spent == 100


def test_a_lost_order_is_given_back_once_it_is_known_not_to_arrive(
    capped: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a journal, too. It was signed three minutes ago, and nothing of it arrived."""

    def cut(*args: object) -> None:
        raise Failure("the connection was lost", sent=True)

    with monkeypatch.context() as patch:
        patch.setattr(capped._transport._connection, "send", cut)
        with pytest.raises(TransportError, match="UNKNOWN"):
            limit(capped, "100", "1")
    assert capped.spent == 100
    (lost,) = capped.unanswered
    assert lost.time is not None
    lost.time -= timedelta(minutes=3)
    assert capped.reconcile(lost).state == "not found" and capped.spent == 0


def test_an_order_that_never_left_is_given_back() -> None:
    sandbox = Sandbox()
    sandbox.stop()
    bp = Client(sandbox.url, sandbox.key, armed=ENOUGH)
    with pytest.raises(TransportError, match="Nothing was sent"):
        limit(bp, "100", "1")
    assert bp.spent == 0


def test_a_new_client_starts_at_zero(capped: Client, sandbox: Sandbox) -> None:
    limit(capped, "100.00", "1")
    assert Client(sandbox.url, sandbox.key, armed=capped.armed).spent == 0


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
    verify = Client(LIVE_URL)._transport._connection.route.verify
    assert verify is True or Path(str(verify)).exists()  # the certificates of this machine
