"""How fast bpkit is, as ratios to something that runs beside it: ``python tests/benchmark.py``.

``python tests/benchmark.py history`` measures frames: from the bytes of 1,000 rows to ``.df``,
against json.loads, DataFrame, astype and to_datetime, as ratios of CPU time and of peak memory. And
a download of a year of minutes, against as many requests in flight.

``python tests/benchmark.py streams`` measures live events: CPU from the socket to an event, against
websockets and json.loads alone; and CPU of a sandbox with 50 subscribers against one.

``python tests/benchmark.py orders`` measures signed orders a second of a sandbox, against a server
that verifies the signature and does nothing else.
``python tests/benchmark.py growth`` measures how the sandbox's cost grows with 10 to 100,000
orders, fills and rows, and 10,000 accounts; ``--draw FILE`` makes a chart of it.

Each pair is timed in turns, and the medians are compared, so that a busy machine slows both alike.
What answers the calls is a bare socket in another process, which always says the same: its cost is
in both. The rival sends a request that was prepared once, with headers such as ours, and leaves the
answer unread.
"""

from __future__ import annotations

import json
import multiprocessing
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from statistics import median

import pandas as pd
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bpkit import Client, Key
from bpkit.frames import FRAMES, numbers
from bpkit.results import read
from bpkit.sandbox import Sandbox
from bpkit.serialize import body, fields
from bpkit.signing import DEMO_PUBLIC_KEY, DEMO_SECRET, text_to_sign
from bpkit.streams.local_book import LocalBook

sys.path.insert(0, str(Path(__file__).parent / "frames"))
from frame_samples import FILL, HISTORY, KLINE, TRADE

# The order of Backpack's guide.
ORDER = {
    "symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "timeInForce": "GTC",
    "price": "170.50", "quantity": "1",
}  # fmt: skip
ANSWER = b'[{"openInterest":"206529.68","symbol":"SOL_USDC_PERP","timestamp":1788285149338}]'
ORDER_ANSWER = (
    b'{"clientId":null,"createdAt":1788285244094,"executedQuantity":"0",'
    b'"executedQuoteQuantity":"0","id":"59669287267","orderType":"Limit","postOnly":false,"price":"170.50","quantity":"1",'
    b'"selfTradePrevention":"RejectTaker","side":"Bid","status":"New","symbol":"SOL_USDC",'
    b'"timeInForce":"GTC"}'
)
SEND = {
    "proxies": {}, "verify": True, "cert": None, "stream": False, "allow_redirects": False,
    "timeout": (3.05, 10.0),
}  # fmt: skip


# --- measuring ------------------------------------------------------------------------------------


def seconds(call: Callable[[], object], times: int) -> float:
    """What one call takes, on average."""
    start = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - start) / times


def compare(
    what: str, ours: Callable[[], object], theirs: Callable[[], object],
    *, goal: float, times: int, rounds: int = 61,
) -> None:  # fmt: skip
    seconds(ours, times), seconds(theirs, times)  # connections open, caches fill
    turns = [(seconds(ours, times), seconds(theirs, times)) for _ in range(rounds)]
    mine, bare = (median(column) for column in zip(*turns, strict=True))
    verdict = "reached" if mine / bare <= goal else "MISSED"
    print(
        f"{what:<44} {mine / bare:5.2f}  goal {goal:.2f} {verdict:<8}"
        f" {mine * 1e6:7.0f} / {bare * 1e6:.0f} us"
    )


# --- the bare server ------------------------------------------------------------------------------


def serve(listener: socket.socket) -> None:
    """Answer every request on every connection, until the process is ended."""
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


def answer(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    replies = {
        method: head % len(content) + content
        for method, content in ((b"GET", ANSWER), (b"POST", ORDER_ANSWER))
    }
    received = b""
    while piece := connection.recv(65536):
        received += piece
        method = received[: received.find(b" ")]
        if received.endswith(b"\r\n\r\n" if method == b"GET" else b"}"):
            connection.sendall(replies[method])
            received = b""


@contextmanager
def bare_server() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = multiprocessing.get_context("spawn").Process(
            target=serve, args=(listener,), daemon=True
        )
        process.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            process.terminate()


# --- what is measured -----------------------------------------------------------------------------


def signing() -> None:
    key, private, sent = Key(DEMO_SECRET), Ed25519PrivateKey.generate(), fields(ORDER)
    text = text_to_sign("orderExecute", sent, 1750000000000, 5000).encode()
    compare(
        "signing an order / the bare signature",
        lambda: key.sign(text_to_sign("orderExecute", sent, 1750000000000, 5000)),
        lambda: private.sign(text),
        goal=1.25, times=100,
    )  # fmt: skip


def calls() -> None:
    """Through Client, against a request that requests prepared once and only sends."""
    private = Ed25519PrivateKey.generate()
    text = text_to_sign("orderExecute", fields(ORDER), 1750000000000, 5000).encode()
    headers = {
        "Content-Type": "application/json; charset=utf-8", "X-API-Key": DEMO_PUBLIC_KEY,
        "X-Signature": b64encode(private.sign(text)).decode(), "X-Timestamp": "1750000000000",
        "X-Window": "5000",
    }  # fmt: skip
    with bare_server() as url, requests.Session() as session, Client(url, Key(DEMO_SECRET)) as bp:
        session.trust_env = False
        get = session.prepare_request(
            requests.Request("GET", f"{url}/api/v1/openInterest?symbol=SOL_USDC_PERP")
        )
        post = session.prepare_request(
            requests.Request("POST", f"{url}/api/v1/order", headers, data=body(fields(ORDER)))
        )
        compare(
            "a public call / a prepared Session.send",
            lambda: bp.get_open_interest("SOL_USDC_PERP"),
            lambda: session.send(get, **SEND),
            goal=1.35, times=25,
        )  # fmt: skip
        compare(
            "a signed order / a prepared send and a sign",
            lambda: bp.execute_order(
                "SOL_USDC", "Bid", "Limit", price="170.50", quantity="1", time_in_force="GTC"
            ),
            lambda: (private.sign(text), session.send(post, **SEND)),
            goal=1.35, times=25,
        )  # fmt: skip


def candles() -> None:
    start = datetime(2026, 9, 1)
    rows = [
        {
            "start": str(start + timedelta(minutes=i)), "open": "99.88",
            "high": f"{100 + i / 100:.2f}", "low": "99.87", "close": f"{99 + i / 100:.2f}",
            "volume": f"{i}.93", "quoteVolume": f"{i * 99}.2136", "trades": str(i),
            "end": str(start + timedelta(minutes=i + 1)),
        }
        for i in range(1_000)
    ]  # fmt: skip
    answered = read("klines", 200, {}, json.dumps(rows).encode())

    def naive() -> pd.DataFrame:
        frame = pd.DataFrame(rows).set_index("start")
        frame.index = pd.to_datetime(frame.index, utc=True)
        end = pd.to_datetime(frame.pop("end"), utc=True)
        return frame.astype(float).assign(end=end)

    compare(
        "1,000 candles as .df / DataFrame().astype", lambda: answered.df, naive, goal=1.0, times=3
    )


def history() -> None:
    """1,000 rows of each kind, which differ as those of a day do."""
    candle, fill, order, trade = (
        [row | {name: spell(row[name], i) for name, spell in changes.items()} for i in range(1_000)]
        for row, changes in (
            (KLINE, dict.fromkeys(("start", "end"), _later) | dict.fromkeys(_PRICES, _dearer)),
            (FILL, {"timestamp": _later, "price": _dearer, "orderId": _next, "tradeId": _next}),
            (HISTORY, {"createdAt": _later, "price": _dearer, "id": _next}),
            (TRADE, {"timestamp": _next, "price": _dearer, "id": _next}),
        )
    )
    levels = [[_dearer("20.12", i), f"{i}.75"] for i in range(500)]
    for kind, answer, times in (
        ("klines", candle, ("start", "end")), ("fills", fill, ("timestamp",)),
        ("order_history", order, ("createdAt",)), ("trades", trade, ("timestamp",)),
        ("depth", {"asks": levels, "bids": levels}, ()),
    ):  # fmt: skip
        content = json.dumps(answer).encode()
        ours = partial(_ours, kind, content)
        theirs = partial(_by_hand, kind, content, times)
        turns = [(cpu(ours), cpu(theirs)) for _ in range(101)]
        ratio = median(mine / bare for mine, bare in turns)
        least = min(mine for mine, _ in turns) / min(bare for _, bare in turns)
        print(f"{kind:<14} CPU {ratio:.2f} (least {least:.2f})", end="  ")
        print(f"peak memory {peak(ours):.2f} / {peak(theirs):.2f} MiB")


_PRICES = ("open", "high", "low", "close", "volume", "quoteVolume")


def _later(text: str, i: int) -> str:
    moment = datetime.fromisoformat(text) + timedelta(minutes=i)
    return moment.isoformat(text[10], "milliseconds" if "." in text else "auto")


def _dearer(text: str, i: int) -> str:
    return str(Decimal(text) + i * Decimal("0.01"))


def _next(number: str | int, i: int) -> str | int:
    return type(number)(int(number) + i)


def _ours(kind: str, content: bytes) -> pd.DataFrame:
    return read(kind, 200, {}, content).df


def _by_hand(kind: str, content: bytes, times: tuple[str, ...]) -> pd.DataFrame:
    answer = json.loads(content)
    if kind == "depth":
        sides = (("asks", "Ask"), ("bids", "Bid"))
        made = pd.concat(
            pd.DataFrame(answer[name], columns=["price", "quantity"]).assign(side=side)
            for name, side in sides
        )
    else:
        made = pd.DataFrame(answer)
    money = [name for name, convert in FRAMES[kind].columns if convert is numbers]
    made = made.astype({name: float for name in money if name in made})
    for name in times:
        made[name] = pd.to_datetime(made[name], utc=True, unit="ms" if kind == "trades" else None)
    return made


def cpu(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def peak(call: Callable[[], object]) -> float:
    """The most memory that Python's allocator held during the call, in MiB."""
    tracemalloc.start()
    kept = call()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    del kept
    return most / 2**20


def order_book(updates: int = 3_000) -> None:
    """Updates of two levels each, from their text, with every check; against dicts without any."""
    levels = [[f"{9_900 + i / 100:.2f}", "5"] for i in range(200)]
    snapshot = {"bids": levels[:100], "asks": levels[100:], "lastUpdateId": "0", "timestamp": 0}
    texts = [_update(number) for number in range(1, updates + 1)]

    def ours() -> None:
        book = LocalBook()
        book.load(snapshot)
        for text in texts:
            book.add(json.loads(text)["data"])
        assert book.stale is None and book.update_id == updates

    def theirs() -> None:
        sides = {name[0]: dict(snapshot[name]) for name in ("bids", "asks")}
        for text in texts:
            data = json.loads(text)["data"]
            for name, side in sides.items():
                for price, quantity in data[name]:
                    if float(quantity):
                        side[price] = quantity
                    else:
                        side.pop(price, None)

    compare(
        f"{updates:,} updates of a live book / json and two dicts", ours, theirs,
        goal=1.75, times=1, rounds=31,
    )  # fmt: skip


def _update(number: int) -> str:
    """A frame as the exchange sends it: a bid and an ask, each set or removed."""
    bid, ask = 9_900 + number * 7 % 100 / 100, 9_901 + number * 11 % 100 / 100
    size = f"{number % 3 * 1.25:.2f}"
    data = {
        "E": 1788367430247487, "T": 1788367430246081 + number, "U": number,
        "a": [[f"{ask:.2f}", size]], "b": [[f"{bid:.2f}", size]], "e": "depth", "s": "SOL_USDC",
        "u": number,
    }  # fmt: skip
    return json.dumps({"data": data, "stream": "depth.SOL_USDC"}, separators=(",", ":"))


@contextmanager
def other_sandbox(*options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A sandbox in a process of its own; its address."""
    command = [sys.executable, "-m", "bpkit", "sandbox", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        greeting = process.stdout.readline()
        yield next(word for word in greeting.split() if word.startswith("http://")), process
    finally:
        process.terminate()
        process.wait()


def sandbox_orders(clients: int = 4, each: int = 250) -> None:
    """Orders that never fill and hold nothing: far below the market, and gone at once."""

    def place(url: str, many: int) -> None:
        with Client(url, Key(DEMO_SECRET)) as bp:
            for _ in range(many):
                bp.execute_order(
                    "SOL_USDC", "Bid", "Limit", price="160", quantity="1", time_in_force="IOC"
                )

    with other_sandbox("--port", "0", "--still") as (url, _):
        place(url, 100)
        alone = each / seconds(lambda: place(url, each), 1)
        threads = [threading.Thread(target=place, args=(url, each)) for _ in range(clients)]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        together = clients * each / (time.perf_counter() - start)
    with Sandbox() as sandbox:
        place(sandbox.url, 50)
        notebook = each / seconds(lambda: place(sandbox.url, each), 1)
    print("signed orders a second, through Client:")
    print(f"  sandbox in another process: {alone:.0f} from one client, ", end="")
    print(f"{together:.0f} from {clients} in threads")
    print(f"  sandbox in the same process, as in a notebook: {notebook:.0f}")


def sandbox_start() -> None:
    def start() -> None:
        Sandbox().stop()

    print(f"Sandbox() and stop(): {median(seconds(start, 1) for _ in range(15)) * 1e3:.1f} ms")


if __name__ == "__main__":
    if sys.argv[1:] == ["history"]:
        import benchmark_download

        history()
        benchmark_download.main()
    elif sys.argv[1:] == ["streams"]:
        import benchmark_streams

        benchmark_streams.main()
    elif sys.argv[1:] == ["orders"]:
        import benchmark_orders

        benchmark_orders.main()
    elif sys.argv[1:2] == ["growth"]:
        import benchmark_growth

        benchmark_growth.main(sys.argv[2:])
    else:
        signing()
        calls()
        candles()
        order_book()
        sandbox_orders()
        sandbox_start()
