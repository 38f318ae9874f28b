"""The WebSocket, as foreign clients see it: frames, errors, signatures and the log.

The texts of errors and frames are those that were recorded on the live wire.
"""

from __future__ import annotations

import json
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from helpers import DEMO_SECRET, Plain
from sockets import Listener, four, frame, logged, push, wire

from bpkit import Key
from bpkit.sandbox import Sandbox
from bpkit.sandbox.core.exchange import Exchange
from bpkit.sandbox.server import stream_names

OTHER_SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="  # the bytes 0 to 31
OTHER = Key(OTHER_SECRET)
PARSE = '{"id":null,"error":{"code":4002,"message":"Parse error"}}'
STREAM = '{"id":null,"error":{"code":4006,"message":"Invalid stream"}}'
WINDOW = '{"id":null,"error":{"code":4008,"message":"Invalid depth window"}}'
SIGNATURE = '{"id":null,"error":{"code":4003,"message":"Invalid signature"}}'
PUBLIC = [
    "bookTicker.SOL_USDC", "depth.SOL_USDC", "depth.200ms.SOL_USDC", "depth.600ms.SOL_USDC",
    "depth.1000ms.SOL_USDC", "trade.SOL_USDC", "kline.1m.SOL_USDC", "kline.1month.SOL_USDC",
    "ticker.SOL_USDC", "markPrice.SOL_USDC_PERP", "openInterest.SOL_USDC_PERP", "liquidation",
    "liquidation.SOL_USDC_PERP",
]  # fmt: skip
PRIVATE = [
    "account.orderUpdate", "account.orderUpdate.SOL_USDC", "account.positionUpdate",
    "account.positionUpdate.SOL_USDC_PERP", "account.balanceUpdate",
]  # fmt: skip
SILENT = [
    "trade.NOPE_USDC", "trade.", "depth.5.BTC_USDC_PERP", "depth.HNT_USDC", "bookTicker.HNT_USDC",
    "kline.1m.NOPE_USDC", "externalTicker.SOL_USDC", "stockPrice.AAPL", "depth.200ms",
]  # fmt: skip


@pytest.fixture
def socket(sandbox: Sandbox) -> Iterator[Listener]:
    with Listener(sandbox) as listener:
        yield listener


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ("x", PARSE),
        ("", PARSE),
        ("[" * 5000, PARSE),
        ('["SUBSCRIBE"]', PARSE),
        ('{"method":"LIST"}', PARSE),
        ('{"method":["SUBSCRIBE"],"params":[]}', PARSE),
        ('{"method":"SUBSCRIBE"}', PARSE),
        ('{"method":"SUBSCRIBE","params":"trade.SOL_USDC"}', PARSE),
        ('{"method":"SUBSCRIBE","params":[1]}', PARSE),
        ('{"id":7,"method":"subscribe","params":["trade.SOL_USDC"]}', PARSE),
        (b'{"method":"SUBSCRIBE","params":["trade.SOL_USDC"]}', PARSE),  # not a text frame
        (frame("SUBSCRIBE", "nope.SOL_USDC"), STREAM),
        (frame("SUBSCRIBE", ""), STREAM),
        (frame("SUBSCRIBE", "trade"), STREAM),
        (frame("SUBSCRIBE", "kline.SOL_USDC"), STREAM),
        (frame("SUBSCRIBE", "kline.7m.SOL_USDC"), STREAM),
        (frame("SUBSCRIBE", "account.nope", signature=four()), STREAM),
        (frame("SUBSCRIBE", "account.balanceUpdate.SOL_USDC", signature=four()), STREAM),
        (frame("UNSUBSCRIBE", "nope.SOL_USDC"), STREAM),
        (frame("SUBSCRIBE", "depth.100ms.SOL_USDC"), WINDOW),
        (frame("SUBSCRIBE", "depth.0ms.NOPE"), WINDOW),
        (frame("SUBSCRIBE", "account.orderUpdate"), SIGNATURE),
    ],
)
def test_errors_are_those_of_the_wire(socket: Listener, sent: str, error: str) -> None:
    """The socket stays open."""
    socket.send(sent)
    assert socket.rest() == [error]
    socket.subscribe("trade.SOL_USDC")
    assert socket.rest() == []


@pytest.mark.parametrize("name", [*PUBLIC, *SILENT])
def test_public_streams_are_accepted_without_an_answer(
    sandbox: Sandbox, socket: Listener, name: str
) -> None:
    socket.send(json.dumps({"id": 5, "method": "SUBSCRIBE", "params": [name]}))
    assert socket.rest() == []
    assert logged(sandbox)[-1]["verdict"] == "accepted"
    wanted = sandbox._service.exchange.outbox.wanted
    assert set(wanted) == ({(name, None)} if name in PUBLIC else set())


@pytest.mark.parametrize("name", PRIVATE)
def test_private_streams_need_a_signature(sandbox: Sandbox, socket: Listener, name: str) -> None:
    socket.subscribe(name, signature=four())
    assert socket.rest() == []
    assert set(sandbox._service.exchange.outbox.wanted) == {(name, sandbox.key.public_key)}


@pytest.mark.parametrize(
    ("name", "kind", "symbol"),
    [
        ("trade.SOL_USDC", "trade", "SOL_USDC"),
        ("trade.AAPL.US_USDC_PERP", "trade", "AAPL.US_USDC_PERP"),
        ("depth.AAPL.US_USDC_PERP", "depth", "AAPL.US_USDC_PERP"),
        ("depth.200ms.AAPL.US_USDC_PERP", "depth", "AAPL.US_USDC_PERP"),
        ("kline.1m.AAPL.US_USDC_PERP", "kline", "AAPL.US_USDC_PERP"),
        ("liquidation", "liquidation", None),
        ("account.orderUpdate", "account.orderUpdate", None),
        ("account.orderUpdate.AAPL.US_USDC_PERP", "account.orderUpdate", "AAPL.US_USDC_PERP"),
    ],
)
def test_a_name_is_split_from_the_left(name: str, kind: str, symbol: str | None) -> None:
    """Symbols contain dots."""
    assert stream_names.read(name) == (kind, symbol)


def test_one_bad_name_refuses_the_whole_frame(sandbox: Sandbox, socket: Listener) -> None:
    socket.subscribe("trade.SOL_USDC", "nope.SOL_USDC")
    push(sandbox, "trade.SOL_USDC", p="1")
    assert socket.rest() == [STREAM]


# --- data -----------------------------------------------------------------------------------------


def test_the_text_of_a_frame(sandbox: Sandbox, socket: Listener) -> None:
    """Recorded on 2026-09-02. The keys of a kline are in no alphabetical order."""
    data = {
        "E": 1788367500510451, "e": "kline", "s": "SOL_USDC", "T": "2026-09-02T16:45:00", "X": True,
        "c": "98.98", "h": "98.98", "l": "98.98", "n": 1, "o": "98.98",
        "t": "2026-09-02T16:44:00", "v": "5.14",
    }  # fmt: skip
    socket.subscribe("kline.1m.SOL_USDC")
    push(sandbox, "kline.1m.SOL_USDC", **data)
    assert socket.next() == (
        '{"data":{"E":1788367500510451,"e":"kline","s":"SOL_USDC","T":"2026-09-02T16:45:00",'
        '"X":true,"c":"98.98","h":"98.98","l":"98.98","n":1,"o":"98.98",'
        '"t":"2026-09-02T16:44:00","v":"5.14"},"stream":"kline.1m.SOL_USDC"}'
    )


def test_several_streams_in_one_frame_and_in_several(sandbox: Sandbox, socket: Listener) -> None:
    socket.subscribe("trade.SOL_USDC", "depth.BTC_USDC")
    socket.subscribe("ticker.SOL_USDC")
    push(sandbox, "trade.SOL_USDC", p="1")
    push(sandbox, "depth.BTC_USDC", "ticker.SOL_USDC", p="2")
    push(sandbox, "trade.BTC_USDC", p="3")
    assert socket.rest() == [
        wire("trade.SOL_USDC", p="1"),
        wire("depth.BTC_USDC", p="2"),
        wire("ticker.SOL_USDC", p="2"),
    ]


def test_a_stream_subscribed_twice_is_delivered_once(sandbox: Sandbox, socket: Listener) -> None:
    socket.subscribe("trade.SOL_USDC", "trade.SOL_USDC")
    socket.subscribe("trade.SOL_USDC")
    push(sandbox, "trade.SOL_USDC", p="1")
    assert socket.rest() == [wire("trade.SOL_USDC", p="1")]


def test_every_subscriber_gets_it(sandbox: Sandbox, socket: Listener) -> None:
    with Listener(sandbox) as second, Listener(sandbox) as other:
        second.subscribe("trade.SOL_USDC")
        other.subscribe("trade.BTC_USDC")
        socket.subscribe("trade.SOL_USDC")
        push(sandbox, "trade.SOL_USDC", p="1")
        assert socket.rest() == second.rest() == [wire("trade.SOL_USDC", p="1")]
        assert other.rest() == []


@pytest.mark.parametrize("signature", [None, four(), ["no", "signature", "is", "looked at"]])
def test_unsubscribing_needs_no_signature(
    sandbox: Sandbox, socket: Listener, signature: Any
) -> None:
    socket.subscribe("trade.SOL_USDC", "account.orderUpdate", signature=four())
    socket.unsubscribe("account.orderUpdate", "depth.SOL_USDC", signature=signature)
    assert set(sandbox._service.exchange.outbox.wanted) == {("trade.SOL_USDC", None)}
    socket.unsubscribe("trade.SOL_USDC", signature=signature)
    push(sandbox, "trade.SOL_USDC", p="1")
    assert socket.rest() == [] and not sandbox._service.exchange.outbox.wanted


def test_a_frame_takes_effect_in_order(sandbox: Sandbox, socket: Listener) -> None:
    push(sandbox, "trade.SOL_USDC", p="1")
    socket.subscribe("trade.SOL_USDC")
    push(sandbox, "trade.SOL_USDC", p="2")
    socket.unsubscribe("trade.SOL_USDC")
    push(sandbox, "trade.SOL_USDC", p="3")
    socket.subscribe("trade.SOL_USDC")
    push(sandbox, "trade.SOL_USDC", p="4")
    assert socket.rest() == [wire("trade.SOL_USDC", p="2"), wire("trade.SOL_USDC", p="4")]


def test_nothing_of_a_command_that_failed_is_sent(sandbox: Sandbox, socket: Listener) -> None:
    outbox = sandbox._service.exchange.outbox

    def fail() -> None:
        outbox.add("trade.SOL_USDC", make=lambda: {"p": "1"})
        raise ZeroDivisionError

    socket.subscribe("trade.SOL_USDC")
    with pytest.raises(ZeroDivisionError):
        sandbox._service.command(fail)
    push(sandbox, "trade.SOL_USDC", p="2")
    assert socket.rest() == [wire("trade.SOL_USDC", p="2")]


def test_what_a_request_causes_is_sent_too(
    sandbox: Sandbox, socket: Listener, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox, depth = sandbox._service.exchange.outbox, Exchange.depth

    def told(*args: Any) -> Any:
        outbox.add("trade.SOL_USDC", make=lambda: {"p": "1"})
        return depth(*args)

    monkeypatch.setattr(Exchange, "depth", told)
    socket.subscribe("trade.SOL_USDC")
    assert plain.get("/api/v1/depth?symbol=SOL_USDC").status_code == 200
    assert socket.next() == wire("trade.SOL_USDC", p="1")


def test_a_book_is_ready_when_its_stream_is_subscribed(sandbox: Sandbox, socket: Listener) -> None:
    exchange = sandbox._service.exchange
    socket.subscribe("trade.SOL_USDC", "ticker.BTC_USDC")
    assert list(exchange.venues) == []
    socket.subscribe("depth.200ms.SOL_USDC", "bookTicker.BTC_USDC")
    assert list(exchange.venues) == ["SOL_USDC", "BTC_USDC"]


def test_open_positions_are_sent_to_a_new_subscriber(
    sandbox: Sandbox, socket: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    def snapshots(exchange: Exchange, account: Any, symbol: str | None) -> list[Any]:
        assert account.public_key == sandbox.key.public_key
        symbols = ["SOL_USDC_PERP", "BTC_USDC_PERP"]
        return [{"s": one} for one in symbols if symbol in (None, one)]

    monkeypatch.setattr(Exchange, "position_snapshots", snapshots)
    whole, one = "account.positionUpdate", "account.positionUpdate.BTC_USDC_PERP"
    socket.subscribe("account.balanceUpdate", whole, signature=four())
    assert socket.rest() == [wire(whole, s="SOL_USDC_PERP"), wire(whole, s="BTC_USDC_PERP")]
    socket.subscribe(whole, one, signature=four())  # not again for what is subscribed already
    assert socket.rest() == [wire(one, s="BTC_USDC_PERP")]
    with sandbox.fault("ws_silent") as fault, Listener(sandbox) as second:
        second.subscribe(one, signature=four())
        assert second.rest() == [] and fault.hits == 1


# --- signatures -----------------------------------------------------------------------------------


def test_an_account_is_that_of_the_key(sandbox: Sandbox, socket: Listener) -> None:
    sandbox.open_account(key=OTHER)
    socket.subscribe("account.orderUpdate", signature=four())
    push(sandbox, "account.orderUpdate", account=OTHER.public_key, i="1")
    push(sandbox, "account.orderUpdate", account=sandbox.key.public_key, i="2")
    assert socket.rest() == [wire("account.orderUpdate", i="2")]


def test_two_keys_on_one_socket(sandbox: Sandbox, socket: Listener) -> None:
    """A stream belongs to the key of its own frame."""
    sandbox.open_account(key=OTHER)
    socket.subscribe("account.orderUpdate", signature=four())
    socket.subscribe("account.balanceUpdate", signature=four(OTHER_SECRET))
    for stream in ("account.orderUpdate", "account.balanceUpdate"):
        push(sandbox, stream, account=sandbox.key.public_key, i="1")
        push(sandbox, stream, account=OTHER.public_key, i="2")
    assert socket.rest() == [
        wire("account.orderUpdate", i="1"),
        wire("account.balanceUpdate", i="2"),
    ]


def test_one_signature_for_two_frames(sandbox: Sandbox, socket: Listener) -> None:
    signature = four()
    socket.subscribe("account.orderUpdate", signature=signature)
    socket.subscribe("account.balanceUpdate", "trade.SOL_USDC", signature=signature)
    assert socket.rest() == [] and len(sandbox._service.exchange.outbox.wanted) == 3


def now() -> int:
    return time.time_ns() // 1_000_000


def broken(place: int, value: Any) -> list[Any]:
    signature: list[Any] = four()
    signature[place] = value
    return signature


def stranger() -> list[str]:
    return four(OTHER_SECRET)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: None, "Missing signature"),
        (lambda: "text", "not a list of key, signature, timestamp and window"),
        (lambda: four()[:3], "not a list of key, signature, timestamp and window"),
        (lambda: broken(2, now()), "not a list of four texts"),
        (lambda: broken(0, "x"), "Invalid X-API-Key header"),
        (lambda: broken(1, "x"), "Invalid X-Signature header"),
        (lambda: broken(1, four()[0]), "Invalid X-Signature header"),
        (stranger, "Unknown API key"),
        (lambda: broken(0, OTHER.public_key), "Unknown API key"),
        (lambda: broken(3, "5001"), "Invalid signature"),
        (lambda: broken(2, str(now() - 1)), "Invalid signature"),
        (lambda: four(at=now() - 6000), "Request has expired"),
        (lambda: four(at=now() - 700_000, window="60000"), "within 10 minutes"),
        (lambda: four(window="60001"), "Invalid X-Window header"),
        (lambda: four(window=""), "Invalid X-Window header"),
    ],
)
def test_a_signature_that_is_refused(
    sandbox: Sandbox, socket: Listener, make: Any, reason: str
) -> None:
    socket.subscribe("trade.SOL_USDC", "account.orderUpdate", signature=make())
    assert socket.rest() == [SIGNATURE]
    assert not sandbox._service.exchange.outbox.wanted
    row = logged(sandbox)[-1]
    assert row["verdict"].startswith("4003: Invalid signature (") and reason in row["verdict"]
    assert row["signedBy"] is None
    assert bool(row["finding"]) == (make is not stranger)  # nothing is wrong with that signature


def test_a_signature_under_another_clock(sandbox: Sandbox, socket: Listener) -> None:
    with sandbox.fault("clock_skew", seconds=30) as fault:
        socket.subscribe("account.orderUpdate", signature=four())
        assert socket.rest() == [SIGNATURE] and fault.hits == 1
        assert "Request has expired" in logged(sandbox)[-1]["verdict"]
        assert logged(sandbox)[-1]["fault"] == "clock_skew"
        socket.subscribe("account.orderUpdate", signature=four(window="60000"))
        assert socket.rest() == [] and fault.hits == 2
        socket.subscribe("trade.SOL_USDC")
        assert fault.hits == 2
    with sandbox.fault("clock_skew", operations=["subscribe"]):
        socket.subscribe("account.balanceUpdate", signature=four())
        assert socket.rest() == [SIGNATURE]


def test_the_signature_of_public_streams_is_not_looked_at(
    sandbox: Sandbox, socket: Listener
) -> None:
    socket.subscribe("trade.SOL_USDC", signature=["no"])
    assert socket.rest() == []


# --- the log --------------------------------------------------------------------------------------


def test_the_log_has_a_row_for_each_frame(sandbox: Sandbox, socket: Listener) -> None:
    socket.subscribe("trade.SOL_USDC")
    socket.subscribe("account.orderUpdate", signature=four())
    push(sandbox, "trade.SOL_USDC", p="1")  # data have none
    socket.unsubscribe("trade.SOL_USDC")
    socket.send('{"method":"SUBSCRIBE","params":["nope.X"]}')
    socket.send("x")
    rows = [
        [row[name] for name in ("method", "operation", "signedBy", "status", "verdict", "fault")]
        for row in logged(sandbox)
    ]
    assert rows == [
        ["SUBSCRIBE", "subscribe", None, 101, "accepted", None],
        ["SUBSCRIBE", "subscribe", sandbox.key.public_key, 101, "accepted", None],
        ["UNSUBSCRIBE", "unsubscribe", None, 101, "accepted", None],
        ["SUBSCRIBE", "subscribe", None, 101, "4006: Invalid stream", None],
        ["", None, None, 101, "4002: Parse error", None],
    ]
    assert logged(sandbox)[0]["body"] == '{"method": "SUBSCRIBE", "params": ["trade.SOL_USDC"]}'
    assert logged(sandbox)[0]["path"] == "/" and logged(sandbox)[-1]["body"] == "x"


@pytest.mark.parametrize("escaped", [False, True])
def test_the_log_hides_signatures_and_secrets(
    sandbox: Sandbox, socket: Listener, escaped: bool
) -> None:
    """A learner may put the secret where the public key belongs."""
    signature = [DEMO_SECRET, *four()[1:]]
    text = frame("SUBSCRIBE", "account.orderUpdate", signature=signature)
    socket.send(text.replace("/", "\\/") if escaped else text)
    body = logged(sandbox)[-1]["body"]
    hidden = json.loads(body)["signature"]
    assert hidden == ["(hidden)", "(hidden)", *signature[2:]]
    assert "account.orderUpdate" in body


def test_the_finding_says_what_is_wrong(sandbox: Sandbox, socket: Listener) -> None:
    """Another instruction was signed: the doctor proves it. The frame does not say so."""
    whole = four()
    private = Ed25519PrivateKey.from_private_bytes(b64decode(DEMO_SECRET))
    text = f"instruction=orderExecute&timestamp={whole[2]}&window={whole[3]}"
    whole[1] = b64encode(private.sign(text.encode())).decode()
    socket.subscribe("account.orderUpdate", signature=whole)
    assert socket.rest() == [SIGNATURE]
    assert "instruction" in logged(sandbox)[-1]["finding"]
