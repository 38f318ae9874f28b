"""Books and orders of a market that moves, followed by clients written as others write theirs.

Nothing of bpkit's client is used. Each client begins its book by another rule.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
import websocket
from helpers import Plain
from sockets import WAIT, address, four, until
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as connect_sync

from bpkit.sandbox import Sandbox

SPOT, PERP = "SOL_USDC", "SOL_USDC_PERP"
ORDERS = "account.orderUpdate"
Json = Any


class Broken(Exception):
    """A frame does not follow the one before."""


class Levels:
    """A book of absolute quantities. ``last``: the id that it has."""

    def __init__(self, snapshot: Json) -> None:
        self.first = self.last = int(snapshot["lastUpdateId"])
        self.sides: dict[str, dict[Decimal, Decimal]] = {"b": {}, "a": {}}
        self._put({"b": snapshot["bids"], "a": snapshot["asks"]})

    def _put(self, frame: Json) -> None:
        for side, levels in self.sides.items():
            for price, quantity in frame[side]:
                levels[Decimal(price)] = Decimal(quantity)
                if not Decimal(quantity):
                    del levels[Decimal(price)]

    def apply(self, frame: Json) -> None:
        if frame["u"] <= self.first:  # the snapshot has it
            return
        if frame["U"] != self.last + 1:
            raise Broken(self.last, frame)
        self._put(frame)
        self.last = frame["u"]


class Follower:
    """Keeps what came on one socket: a book, once its rule has begun it, and the orders' events.

    ``depth``: asks REST for a book of ``symbol``.
    """

    def __init__(self, depth: Callable[[], Json], symbol: str) -> None:
        self.depth, self.symbol = depth, symbol
        self.kept: list[Json] = []
        self.book: Levels | None = None
        self.events: list[Json] = []
        self.error: Exception | None = None

    def take(self, text: str | bytes) -> None:
        message = json.loads(text)
        if message["stream"] == ORDERS:
            self.events.append(message["data"])
        elif self.book is not None:
            self.book.apply(message["data"])
        else:
            self.kept.append(message["data"])
            self.book = self.begin()

    def begin(self) -> Levels | None:
        raise NotImplementedError

    def started(self, snapshot: Json, at: int) -> Levels:
        book = Levels(snapshot)
        for frame in self.kept[at:]:
            book.apply(frame)
        return book


class Ccxt(Follower):
    """As ccxt.pro: eleven deltas, then a snapshot that one of them must reach over."""

    def begin(self) -> Levels | None:
        if len(self.kept) < 11:
            return None
        snapshot = self.depth()
        last = int(snapshot["lastUpdateId"])
        assert last >= self.kept[0]["U"] - 1
        spans = enumerate((one["U"] - 1 <= last < one["u"]) for one in self.kept)
        return self.started(snapshot, next((at for at, fits in spans if fits), len(self.kept)))


class Official(Follower):
    """As bpx-orderbook: ask until the snapshot is at or above the first delta."""

    def begin(self) -> Levels | None:
        snapshot = self.depth()
        if int(snapshot["lastUpdateId"]) < self.kept[0]["u"]:
            return None
        newer = [one["u"] > int(snapshot["lastUpdateId"]) for one in self.kept]
        return self.started(snapshot, newer.index(True) if True in newer else len(newer))


def request(*streams: str) -> str:
    whole = {"method": "SUBSCRIBE", "params": streams, "signature": four(window="60000")}
    return json.dumps(whole)


# --- three libraries, each in a thread ------------------------------------------------------------


def asynchronous(url: str, follower: Follower, ready: threading.Event) -> None:
    async def run() -> None:
        async with connect(url, proxy=None, max_queue=None) as ws:
            await ws.send(request(f"depth.{follower.symbol}"))
            await ws.send(request(ORDERS))
            await (await ws.ping())
            ready.set()
            async for text in ws:
                await asyncio.to_thread(follower.take, text)

    asyncio.run(run())


def synchronous(url: str, follower: Follower, ready: threading.Event) -> None:
    with connect_sync(url, proxy=None, max_queue=None) as ws:
        ws.send(request(f"depth.{follower.symbol}", ORDERS))
        ws.ping().wait(WAIT)
        ready.set()
        for text in ws:
            follower.take(text)


def callbacks(url: str, follower: Follower, ready: threading.Event) -> None:
    """As backpack-exchange-sdk: websocket-client prints what a callback raises, so it is kept, and
    leaves its socket open when the server closes it."""
    opened = []

    def take(app: Any, text: str) -> None:
        try:
            follower.take(text)
        except Exception as error:
            follower.error = follower.error or error

    def subscribe(app: Any) -> None:
        opened.append(app.sock.sock)
        app.send(request(f"depth.{follower.symbol}", ORDERS))
        app.send(b"barrier", websocket.ABNF.OPCODE_PING)

    app = websocket.WebSocketApp(
        url, on_open=subscribe, on_message=take, on_pong=lambda app, data: ready.set()
    )
    app.run_forever()
    for one in opened:
        one.close()


Library = Callable[[str, Follower, threading.Event], None]


class Following:
    """A follower at work in a thread. It ends when the sandbox stops."""

    def __init__(self, sandbox: Sandbox, library: Library, follower: Follower) -> None:
        self.follower, ready = follower, threading.Event()

        def run() -> None:
            try:
                library(address(sandbox), follower, ready)
            except ConnectionClosed:
                pass
            except Exception as error:
                follower.error = error

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()
        assert ready.wait(WAIT)


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """websocket-client would ask a proxy for 127.0.0.1."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def spare(sandbox: Sandbox) -> Iterator[Plain]:
    """For the followers' requests: a session is of one thread."""
    with Plain(sandbox.url) as caller:
        yield caller


def order(plain: Plain, symbol: str, side: str, **more: object) -> Json:
    kind = "Limit" if "price" in more else "Market"
    fields = {"symbol": symbol, "side": side, "orderType": kind} | more
    answer = plain.call("execute_order", fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def trade(plain: Plain, symbol: str) -> None:
    """Orders of every kind: taken at once, resting and cancelled, resting at the best price."""
    top = plain.get(f"/api/v1/depth?symbol={symbol}&limit=5").json()
    bid, ask = Decimal(top["bids"][-1][0]), Decimal(top["asks"][0][0])
    order(plain, symbol, "Bid", quantity="1.5")
    order(plain, symbol, "Bid", price=str(ask + 2), quantity="40", timeInForce="IOC")
    resting = order(plain, symbol, "Bid", price=str(bid - 1), quantity="0.7")
    order(plain, symbol, "Bid", price=str(bid), quantity="0.3")
    order(plain, symbol, "Ask", price=str(ask + 1), quantity="0.4")
    if symbol == PERP:
        order(plain, symbol, "Ask", quantity="2", reduceOnly=True)
        order(plain, symbol, "Ask", price=str(ask), quantity="1", reduceOnly=True)
    gone = plain.call("cancel_order", {"symbol": symbol, "orderId": resting["id"]})
    assert gone.json()["status"] == "Cancelled"


@pytest.mark.parametrize("symbol", [SPOT, PERP])
@pytest.mark.parametrize(
    "library, rule", [(asynchronous, Ccxt), (synchronous, Official), (callbacks, Official)]
)
def test_a_book_and_its_orders(
    sandbox: Sandbox, plain: Plain, spare: Plain, library: Library, rule: type[Follower],
    symbol: str,
) -> None:  # fmt: skip
    """The market plays, orders are sent; then the book and the fills are those of REST."""
    sandbox.deposit(sandbox.key, "USDC", "100000")
    follower = rule(lambda: spare.get(f"/api/v1/depth?symbol={symbol}").json(), symbol)
    following = Following(sandbox, library, follower)
    with sandbox.play(speed=600, minutes=3):
        for _ in range(3):
            trade(plain, symbol)
    shown = Levels(plain.get(f"/api/v1/depth?symbol={symbol}").json())
    fills = plain.call("get_fills", {"symbol": symbol, "limit": 1000}).json()
    until(lambda: follower.error or (follower.book and follower.book.last == shown.last))
    assert follower.error is None and follower.book is not None
    assert follower.book.sides == shown.sides
    seen = [(one["i"], one["t"], one["l"]) for one in follower.events if one["e"] == "orderFill"]
    rest = [(one["orderId"], one["tradeId"], Decimal(one["quantity"])) for one in fills]
    assert len(rest) > 6
    assert sorted((id, t, Decimal(size)) for id, t, size in seen) == sorted(rest)
    sandbox.stop()
    following.thread.join(WAIT)
    assert not following.thread.is_alive() and follower.error is None
