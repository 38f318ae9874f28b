"""The WebSocket, met by clients written as others write theirs. Nothing of bpkit's client is used.

Their books and orders are followed while the engine speaks through its outbox.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import websocket
from helpers import DEMO_SECRET, Plain
from sockets import WAIT, address, four, logged, push, until
from websockets.asyncio.client import connect

from bpkit.sandbox import Sandbox

SYMBOL = "SOL_USDC"


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """websocket-client would ask a proxy for 127.0.0.1."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def depth(first: int, last: int, bids: list[Any], asks: list[Any]) -> dict[str, Any]:
    return {"U": first, "a": asks, "b": bids, "e": "depth", "s": SYMBOL, "u": last}


# --- websocket-client, as backpack-exchange-sdk uses it -------------------------------------------


class Sdk:
    """``WebSocketApp`` in a thread, one callback for each stream, a signature if one is private."""

    def __init__(self, url: str) -> None:
        self.callbacks: dict[str, Any] = {}
        self.errors: list[Any] = []
        self.closed = list[Any]()
        self.open = threading.Event()
        self.app = websocket.WebSocketApp(
            url,
            on_open=lambda app: self.open.set(),
            on_message=self._on_message,
            on_close=lambda app, code, reason: self.closed.append(code),
        )
        self.thread = threading.Thread(target=self.app.run_forever, daemon=True)
        self.thread.start()
        assert self.open.wait(WAIT)
        self.socket = self.app.sock.sock

    def end(self) -> None:
        """Wait until the server has closed it. It leaves its socket open then, and its own
        ``close`` hangs now and then."""
        self.thread.join(WAIT)
        assert not self.thread.is_alive()
        self.socket.close()

    def subscribe(self, streams: list[str], callback: Any, is_private: bool = False) -> None:
        message: dict[str, Any] = {"method": "SUBSCRIBE", "params": streams}
        if is_private:
            message["signature"] = four(window="60000")
        self.callbacks |= dict.fromkeys(streams, callback)
        self.app.send(json.dumps(message))

    def _on_message(self, app: Any, message: str) -> None:
        data = json.loads(message)
        if "stream" in data:
            self.callbacks[data["stream"]](data["data"])
        else:
            self.errors.append(data)


@pytest.fixture
def sdk(sandbox: Sandbox) -> Iterator[Sdk]:
    client = Sdk(address(sandbox))
    yield client
    sandbox.stop()
    client.end()


def test_an_sdk_with_callbacks(sandbox: Sandbox, sdk: Sdk) -> None:
    trades, orders = list[Any](), list[Any]()
    sdk.subscribe([f"trade.{SYMBOL}"], trades.append)
    sdk.subscribe(["account.orderUpdate"], orders.append, is_private=True)
    until(lambda: len(logged(sandbox)) == 2)
    push(sandbox, f"trade.{SYMBOL}", t=1)
    push(sandbox, "account.orderUpdate", account=sandbox.key.public_key, i="7", X="New")
    until(lambda: trades and orders)
    assert (trades, orders) == ([{"t": 1}], [{"i": "7", "X": "New"}])
    sdk.subscribe(["nope.X"], trades.append)
    until(lambda: sdk.errors)
    assert sdk.errors == [{"id": None, "error": {"code": 4006, "message": "Invalid stream"}}]


def test_its_book_of_levels(sandbox: Sandbox, plain: Plain, sdk: Sdk) -> None:
    """As the official example does it: subscribe, then a snapshot, then what came after it."""
    frames = list[Any]()
    sdk.subscribe([f"depth.{SYMBOL}"], frames.append)
    until(lambda: logged(sandbox))
    snapshot = plain.get(f"/api/v1/depth?symbol={SYMBOL}").json()
    bids = {Decimal(price): Decimal(size) for price, size in snapshot["bids"]}
    last, best = int(snapshot["lastUpdateId"]), max(bids)
    push(sandbox, f"depth.{SYMBOL}", **depth(last - 1, last, [["1.00", "5.00"]], []))
    push(sandbox, f"depth.{SYMBOL}", **depth(last + 1, last + 1, [[str(best), "0.00"]], []))
    push(sandbox, f"depth.{SYMBOL}", **depth(last + 2, last + 2, [["2.00", "3.00"]], []))
    until(lambda: len(frames) == 3)
    for one in [one for one in frames if one["u"] > last]:
        assert one["U"] == last + 1
        last = one["u"]
        bids |= {Decimal(price): Decimal(size) for price, size in one["b"]}
    bids = {price: size for price, size in bids.items() if size}
    assert best not in bids and bids[Decimal(2)] == 3 and Decimal(1) not in bids


def test_it_learns_why_it_was_closed(sandbox: Sandbox, sdk: Sdk) -> None:
    sandbox.stop()
    sdk.end()
    assert sdk.closed == [1001]


def test_a_page_of_this_machine_is_its_origin(sandbox: Sandbox) -> None:
    """websocket-client sends an Origin, made of the host."""
    raw = websocket.create_connection(address(sandbox), timeout=WAIT)
    raw.ping("x")
    assert raw.recv_data(control_frame=True) == (websocket.ABNF.OPCODE_PONG, b"x")
    raw.close()


# --- asyncio, as ccxt.pro does it -----------------------------------------------------------------


class Pro:
    """One socket for all, a future for each ``watch``, caches; the first ten deltas are kept back.

    A signature goes with UNSUBSCRIBE, too.
    """

    def __init__(self, ws: Any) -> None:
        self.ws, self.subscribed = ws, set[str]()
        self.book: dict[float, float] = {}
        self.kept: list[Any] = []
        self.nonce: int | None = None
        self.orders: dict[str, Any] = {}

    async def watch(self, topic: str, private: bool = False) -> None:
        if topic not in self.subscribed:
            self.subscribed.add(topic)
            request: dict[str, Any] = {"method": "SUBSCRIBE", "params": [topic]}
            if private:
                request["signature"] = four()
            await self.ws.send(json.dumps(request))

    async def unwatch(self, topic: str) -> None:
        request = {"method": "UNSUBSCRIBE", "params": [topic], "signature": four()}
        await self.ws.send(json.dumps(request))

    async def next(self) -> None:
        message = json.loads(await asyncio.wait_for(self.ws.recv(), WAIT))
        assert "error" not in message
        event, data = message["data"]["e"], message["data"]
        if event == "depth":
            self.depth(data)
        else:
            self.orders[data["i"]] = data["X"]

    def depth(self, data: Any) -> None:
        if self.nonce is None:
            self.kept.append(data)
            if len(self.kept) > 10:
                self.snapshot()
        elif data["U"] == self.nonce + 1:
            self.apply(data)

    def snapshot(self) -> None:
        """One kept delta must reach over the snapshot, which is taken at number five here."""
        self.nonce = 105
        for one in self.kept:
            if one["u"] > self.nonce:
                self.apply(one)

    def apply(self, data: Any) -> None:
        self.nonce = data["u"]
        self.book |= {float(price): float(size) for price, size in data["b"]}


def test_a_client_of_asyncio(sandbox: Sandbox) -> None:
    async def run() -> None:
        async with connect(address(sandbox), proxy=None) as ws:
            pro = Pro(ws)
            await pro.watch(f"depth.{SYMBOL}")
            await pro.watch("account.orderUpdate", private=True)
            await pro.watch(f"depth.{SYMBOL}")
            await asyncio.to_thread(until, lambda: len(logged(sandbox)) == 2)
            await asyncio.to_thread(speak, sandbox)
            for _ in range(14):
                await pro.next()
            assert pro.nonce == 112 and pro.orders == {"7": "Filled"}
            assert sorted(pro.book) == [float(one) for one in range(106, 113)]
            await pro.unwatch("account.orderUpdate")
            await asyncio.to_thread(until, lambda: len(logged(sandbox)) == 3)
            await asyncio.to_thread(speak, sandbox)
            for _ in range(12):
                await pro.next()
            assert pro.orders == {"7": "Filled"} and pro.nonce == 112

    asyncio.run(run())
    assert sandbox.log[-1]["operation"] == "unsubscribe"


def speak(sandbox: Sandbox) -> None:
    key = sandbox.key.public_key
    for one in range(101, 113):
        push(sandbox, f"depth.{SYMBOL}", **depth(one, one, [[f"{one}.00", "1.00"]], []))
    for state in ("New", "Filled"):
        push(sandbox, "account.orderUpdate", account=key, e="orderFill", i="7", X=state)


def test_the_secret_is_that_of_the_guide(sandbox: Sandbox) -> None:
    """So these clients need no key of their own."""
    assert four(DEMO_SECRET)[0] == sandbox.key.public_key
