"""How the sandbox's cost grows: ``python tests/benchmark.py growth [--draw FILE]``.

Each row is one request or advance, with 10 to 100,000 of what its first column names: milliseconds
of CPU, the least of several. Requests go through ``Service.answer``; they were signed before. At
the end: the bytes that an order leaves behind.
"""

from __future__ import annotations

import gc
import itertools
import json
import time
import tracemalloc
from base64 import b64encode
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple

from bpkit import Key
from bpkit.operations import OPERATIONS
from bpkit.sandbox.core.exchange import EngineAccount, Exchange
from bpkit.sandbox.core.positions import FundingPayment, Settlement
from bpkit.sandbox.inputs import feeds
from bpkit.sandbox.server.service import Service
from bpkit.sandbox.simulation.market import load
from bpkit.sandbox.simulation.synthetic import DEFAULT_SEED, SECOND, START_US, _walks
from bpkit.sandbox.undo import all_or_nothing
from bpkit.signing import text_to_sign

SIZES = (10, 1_000, 10_000, 100_000)
NOW_MS = 1_788_285_244_000
SPOT, PERP = "SOL_USDC", "SOL_USDC_PERP"
RICH = {"USDC": Decimal(10) ** 9, "SOL": Decimal(10) ** 7}
ROUNDS = 15
ORDERS = 5_000  # whose memory is measured


class Row(NamedTuple):
    """``costs``: (size, milliseconds), from the smallest size."""

    many: str
    what: str
    costs: list[tuple[int, float]]
    goal: float

    @property
    def ratio(self) -> float:
        return self.costs[-1][1] / self.costs[0][1]


ROWS: list[Row] = []


class Room:
    """A sandbox without sockets; ``me`` is the account that asks."""

    def __init__(self) -> None:
        markets = load()
        self.exchange = Exchange(markets, feeds(markets, DEFAULT_SEED), START_US)
        self.service = Service(self.exchange, lambda: NOW_MS)
        self.key = key_of("me")
        self.me = self.exchange.open_account(self.key.public_key, RICH)
        self.last = Decimal(self.exchange.feed(SPOT).last_price(START_US)) / 100

    def request(self, name: str, **fields: Any) -> Callable[[], bytes]:
        """A request that was signed already. It may be sent again and again."""
        operation = OPERATIONS[name]
        headers = {"host": "127.0.0.1", "content-type": "application/json"}
        if operation.instruction is not None:
            text = text_to_sign(operation.instruction, fields, NOW_MS, 5000)
            headers |= {
                "x-api-key": self.key.public_key, "x-signature": self.key.sign(text),
                "x-timestamp": str(NOW_MS), "x-window": "5000",
            }  # fmt: skip
        reads = operation.method == "GET"
        query = "&".join(f"{name}={value}" for name, value in fields.items()) if reads else ""
        body = b"" if reads else json.dumps(fields).encode()

        def send() -> bytes:
            answer = self.service.answer(operation.method, operation.path, query, headers, body)
            assert answer.status == 200, answer.body
            return answer.body

        return send

    def order(self, side: str, price: object, quantity: str, **more: object) -> Callable[[], bytes]:
        fields = {"symbol": SPOT, "side": side, "orderType": "Limit", "price": str(price)}
        return self.request("execute_order", **(fields | {"quantity": quantity} | more))

    def place(self, account: EngineAccount, side: str, price: object, **more: object) -> str:
        """Without a request, which is faster; as a command."""
        fields = {"symbol": SPOT, "side": side, "orderType": "Limit", "price": str(price)}
        fields |= {"quantity": "0.01"}
        if more.get("orderType") == "Market":
            del fields["price"]
        with all_or_nothing():
            return str(self.exchange.execute(account, fields | more)["id"])

    def wait(self, seconds: float) -> None:
        with all_or_nothing():
            self.exchange.advance_to(self.exchange.now_us + int(seconds * SECOND))


def key_of(name: str) -> Key:
    return Key(b64encode(sha256(name.encode()).digest()).decode())


def least(call: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Milliseconds of CPU. The first call fills caches."""
    call()
    found = []
    for _ in range(rounds):
        start = time.process_time_ns()
        call()
        found.append((time.process_time_ns() - start) / 1e6)
    return min(found)


class Call(NamedTuple):
    """Its cost at the largest size may be ``goal`` times that at size ``first``. ``each``: the cost
    is divided by the size."""

    send: Callable[[], object]
    first: int = 10
    goal: float = 1.5
    each: bool = False


Calls = dict[str, Call]


def grow(many: str, sizes: tuple[int, ...], add: Callable[[int], object], calls: Calls) -> None:
    """``add(number)`` makes one more; at each size, each call is measured."""
    made, costs = 0, {what: [] for what in calls}
    for size in sizes:
        for number in range(made, size):
            add(number)
        made = size
        gc.collect()
        gc.freeze()  # what there is already is no work for the next collection
        for what, call in calls.items():
            if size >= call.first:
                cost = least(call.send, 1 if call.each else ROUNDS)
                costs[what].append((size, cost / size if call.each else cost))
    gc.unfreeze()
    for what, call in calls.items():
        ROWS.append(Row(many, what, costs[what], call.goal))
        show(ROWS[-1])


def show(row: Row) -> None:
    cells = dict(row.costs)
    texts = [f"{cells[size]:9.3f}" if size in cells else " " * 9 for size in SIZES]
    verdict = "reached" if row.ratio <= row.goal else "MISSED"
    print(f"{row.many:<16} {row.what:<34}", *texts, end="")
    print(f"  x {row.ratio:4.2f}  goal {row.goal:.1f} {verdict}", flush=True)


# --- what is measured -----------------------------------------------------------------------------


def asked(room: Room) -> Calls:
    """Requests about single orders. What they make, they take away."""
    mine = room.place(room.me, "Bid", room.last - 50, clientId=7)
    rest = room.order("Bid", room.last - 51, "0.01", clientId=8)
    cancel = room.request("cancel_order", symbol=SPOT, clientId=8)
    return {
        "IOC order": Call(room.order("Bid", room.last - 60, "0.01", timeInForce="IOC")),
        "order that rests, and its cancel": Call(lambda: (rest(), cancel())),
        "GET order": Call(room.request("get_order", symbol=SPOT, orderId=mine)),
        "GET account": Call(room.request("get_account")),
        "advance 1 s": Call(partial(room.wait, 1)),
    }


def orders_of_many() -> None:
    """They rest in one book, from 1 to 61 USDC below the market."""
    room, owners = Room(), []

    def add(number: int) -> None:
        if number % 100 == 0:
            owners.append(room.exchange.open_account(f"owner {number}", RICH))
        room.place(owners[-1], "Bid", room.last - 1 - Decimal(number % 6_000) / 100)

    calls = asked(room) | {"GET depth": Call(room.request("get_depth", symbol=SPOT, limit=100))}
    grow("resting orders", SIZES, add, calls)


def orders_of_one() -> None:
    """Half of them are for a future, so that they need margin."""
    room = Room()

    def add(number: int) -> None:
        more = {"symbol": PERP} if number % 2 else {}
        room.place(room.me, "Bid", room.last - 5 - Decimal(number % 2_000) / 100, **more)

    future = room.order("Bid", room.last - 6, "0.01", symbol=PERP, timeInForce="IOC")
    grow("my orders", SIZES, add, asked(room) | {"IOC order of a future": Call(future)})


def seller(room: Room) -> Decimal:
    """The price of an ask that fills all that I buy. The quotes below it are bought before."""
    maker, price = room.exchange.open_account("maker", RICH), room.last + 1
    room.place(maker, "Bid", price, quantity="100000", timeInForce="IOC")
    room.place(maker, "Ask", price, quantity="1000000")
    return price


def fills() -> None:
    """A thousand a second. Each tenth order is followed by one that is not filled."""
    room, ids = Room(), []
    price = seller(room)

    def add(number: int) -> None:
        room.exchange.now_us += 1_000
        ids.append(room.place(room.me, "Bid", price, timeInForce="IOC"))
        if number % 10 == 9:
            room.place(room.me, "Bid", room.last - 9, timeInForce="IOC")

    def fetch_all() -> None:
        for offset in range(0, len(ids), 1_000):
            room.request("get_fills", limit=1_000, offset=offset)()

    page = {
        "GET fills": room.request("get_fills"),
        "GET fills of a symbol": room.request("get_fills", symbol=SPOT),
        "GET fills of an orderId": lambda: room.request("get_fills", orderId=ids[-2])(),
        "GET fills since a time": room.request("get_fills", **{"from": START_US // 1_000}),
        "GET order history": room.request("get_order_history"),
        "GET order history of a symbol": room.request("get_order_history", symbol=SPOT),
        "GET the history of an orderId": lambda: room.request(
            "get_order_history", orderId=ids[-2]
        )(),
    }
    calls = {"IOC order that fills": Call(room.order("Bid", price, "0.01", timeInForce="IOC"))}
    calls |= {what: Call(send, 1_000, 2) for what, send in page.items()}
    calls["all fills, for each row"] = Call(fetch_all, 1_000, 1.5, each=True)
    grow("my fills", SIZES, add, calls)


def histories() -> None:
    """Rows of other histories, made without the engine."""
    room = Room()
    usdc, paid = Decimal("0.5"), Decimal("0.0000125")

    def add(number: int) -> None:
        time_us = START_US + number
        room.me.settlements.append(Settlement(time_us, usdc, "TradingFees", None, number))
        room.me.funding.append(FundingPayment(PERP, time_us, usdc, paid))
        with all_or_nothing():
            room.service.capital.deposit(room.me, "USDC", Decimal(50), "Solana")

    names = ("get_settlement_history", "get_funding_payments", "get_deposits")
    grow("rows", SIZES, add, {name: Call(room.request(name), 1_000, 2) for name in names})


def accounts() -> None:
    """Each third account has a far order, each tenth a position."""
    room = Room()

    def add(number: int) -> None:
        one = room.exchange.open_account(f"account {number}", {"USDC": Decimal(10_000)})
        if number % 3 == 0:
            room.place(one, "Bid", room.last - 50)
        if number % 10 == 0:
            room.place(one, "Ask" if number % 20 else "Bid", None, symbol=PERP, orderType="Market")

    grow("accounts", SIZES[:-1], add, asked(room))


def again(call: Callable[[], object], times: int) -> None:
    for _ in range(times):
        call()


def followed() -> None:
    """A market that follows a clock; 100 requests in each second of it. Each account has orders,
    and a position that is realised every ten seconds."""
    for size in (30, 300):
        room = Room()
        clock_us = partial(next, itertools.count(START_US, 10_000))
        room.service = Service(room.exchange, lambda: NOW_MS, clock_us)
        for number in range(size):
            one = room.exchange.open_account(f"account {number}", {"USDC": Decimal(10_000)})
            room.place(one, "Bid", room.last - 5 - Decimal(number) / 10)
            room.place(one, "Bid", room.last - 6, symbol=PERP)
            room.place(one, "Ask" if number % 2 else "Bid", None, symbol=PERP, orderType="Market")
        request = room.request("get_status")
        cost = least(partial(again, request, 1_000), 5) / 1_000
        verdict = "reached" if cost <= 0.3 else "MISSED"
        print(f"a request, the market follows a clock, {size} accounts: {cost:.3f} ms", end="")
        print(f"  goal 0.3 {verdict}")


def first_answers() -> None:
    """What a new market takes until its first book; and its first daily candles with a seed of
    which no table has the days."""
    for what, seed, goal, ask in (
        ("the first depth", DEFAULT_SEED, 10, lambda feed: feed.levels(START_US)),
        (
            "974 daily candles",
            "another",
            500,
            lambda feed: feed.candles("1d", 0, START_US, START_US),
        ),
    ):
        took = []
        for number in range(3):
            _walks.cache_clear()
            begin, cpu = time.perf_counter(), time.process_time()
            ask(feeds(load(), seed if seed == DEFAULT_SEED else f"{seed} {number}")(SPOT))
            took.append((time.perf_counter() - begin, time.process_time() - cpu))
        wall, cpu = (min(column) * 1e3 for column in zip(*took, strict=True))
        verdict = "reached" if wall <= goal else "MISSED"
        print(f"{what}: {wall:.1f} ms, {cpu:.1f} of CPU  goal {goal} {verdict}")


def memory() -> None:
    """Bytes that an order leaves behind; the rows of its fill are counted apart."""
    tracemalloc.start()
    for what, filled in (("an expired order", False), ("a filled order", True)):
        room = Room()
        price = seller(room)
        for number in range(ORDERS + 100):
            if number == 100:  # caches are full
                before = held()
            room.exchange.now_us += 1_000
            at, quantity = price if filled else price - 2, str(1 + Decimal(number % 500) / 100)
            more = {"quantity": quantity, "timeInForce": "IOC", "clientId": number * 1_000}
            room.place(room.me, "Bid", at + Decimal(number % 90) / 100, **more)
        whole = held() - before
        for account in (room.me, room.exchange.accounts["maker"]):
            account.fills.clear()
            account.fills_of.clear()
        room.exchange.feed(SPOT)._recorded.clear()
        order = held() - before
        print(f"{what}: {order / ORDERS:.0f} bytes", end="")
        print(f", its trade and both fills {(whole - order) / ORDERS:.0f}" if filled else "")
    tracemalloc.stop()


def held() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def draw(path: str) -> None:
    """The costs as a chart: a line that is level does not grow."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 7), layout="constrained")
    for row in ROWS:
        axes.plot(*zip(*row.costs, strict=True), marker=".", label=f"{row.what} ({row.many})")
    axes.set(xscale="log", yscale="log", xlabel="size", ylabel="milliseconds of CPU")
    axes.legend(fontsize="x-small", bbox_to_anchor=(1, 1))
    figure.savefig(path)


def main(options: list[str]) -> None:
    print(f"{'milliseconds of CPU with':<51}", *(f"{size:9,}" for size in SIZES))
    for measure in (orders_of_many, orders_of_one, fills, histories, accounts):
        measure()
    followed()
    first_answers()
    memory()
    if options[:1] == ["--draw"]:
        draw(options[1])
