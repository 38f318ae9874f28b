"""Follow a book and trades while streams fail: ``python tests/long_stream.py [FRAMES] [SEED]``.

The market of a sandbox moves, a user trades in it, and the faults of WebSockets come and go at
random. After each step REST says what the book is. A book that is read must be the one that REST
had at the same update id, or it must raise StaleBook; one id has one book, whenever it is read.
Trades that are missing must be named by a gap.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from decimal import Decimal
from typing import Any

from bpkit import ApiError, Client, StaleBook
from bpkit.sandbox import Sandbox
from bpkit.streams import Event, OrderBook, book_thread, connection

MARKET = "SOL_USDC"
FAULTS = [
    "ws_cut", "ws_close", "ws_silent", "ws_drop", "ws_duplicate", "ws_reorder", "ws_refused",
    "ws_stale_snapshot",
]  # fmt: skip
ENDING = ("ws_cut", "ws_close", "ws_refused")  # they hit a few times; else no socket ever opens
Levels = tuple[tuple[Decimal, Decimal], ...]


class Books:
    """Of each update id, the books that were seen there: by REST, and in the book that is read."""

    def __init__(self) -> None:
        self.by_rest: dict[int, int] = {}
        self.by_book: dict[int, int] = {}
        self.different = self.compared = 0

    def rest(self, depth: Any) -> int:
        at = int(depth["lastUpdateId"])
        self._see(at, self.by_rest, _levels(depth["bids"][::-1]), _levels(depth["asks"]))
        return at

    def read(self, book: OrderBook) -> int:
        """The id of the book. Raises StaleBook."""
        now = book.now()
        self._see(now.update_id, self.by_book, now.bids, now.asks)
        return now.update_id

    def _see(self, at: int, where: dict[int, int], bids: Levels, asks: Levels) -> None:
        seen = where.setdefault(at, hash((tuple(map(tuple, bids)), tuple(map(tuple, asks)))))
        again = hash((tuple(map(tuple, bids)), tuple(map(tuple, asks))))
        self.different += seen != again

    def compare(self) -> None:
        both = self.by_rest.keys() & self.by_book.keys()
        self.compared = len(both)
        self.different += sum(self.by_rest[one] != self.by_book[one] for one in both)


def _levels(rows: list[list[str]]) -> Levels:
    return tuple((Decimal(price), Decimal(quantity)) for price, quantity in rows)


class Problems:
    """What happened to a book: how often, and how long it was stale."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.stale: list[float] = []
        self._last, self._since = "", ""

    def read(self, book: OrderBook) -> None:
        for row in book.problems:
            if row["time"] <= self._last:
                continue
            self._last = row["time"]
            self.counts[row["event"]] += 1
            if row["event"] == "good again":
                took = datetime.fromisoformat(row["time"]) - datetime.fromisoformat(self._since)
                self.stale.append(took.total_seconds())
                self._since = ""
            else:
                self._since = self._since or row["time"]


class Market:
    """The sandbox, what a user does in it, and what fails."""

    def __init__(self, sandbox: Sandbox, bp: Client, dice: random.Random) -> None:
        self.sandbox, self.bp, self.dice = sandbox, bp, dice
        self.faults: Counter[str] = Counter()
        self._on = ExitStack()
        self.failing: str | None = None

    def step(self) -> None:
        """Some seconds pass, or some minutes; perhaps the user trades; perhaps a fault begins."""
        if self.dice.random() < 0.1:
            self._change_fault()
        if self.dice.random() < 0.3:
            with suppress(ApiError):
                self._trade()
        if self.dice.random() < 0.02:
            self.sandbox.advance(minutes=self.dice.randint(2, 10))
        else:
            self.sandbox.advance(seconds=self.dice.choice([0.1, 1, 3, 10, 20]))

    def heal(self) -> None:
        self._on.close()
        self._on, self.failing = ExitStack(), None

    def _change_fault(self) -> None:
        self.heal()
        if self.dice.random() < 0.7:
            self.failing = self.dice.choice(FAULTS)
            times = self.dice.randint(1, 4) if self.failing in ENDING else None
            self._on.enter_context(self.sandbox.fault(self.failing, times=times))
            self.faults[self.failing] += 1

    def _trade(self) -> None:
        if self.dice.random() < 0.4:
            self.bp.cancel_open_orders(MARKET)
            return
        asks = self.bp.get_depth(MARKET, limit=5)["asks"]
        price = Decimal(asks[0][0]) + self.dice.choice(
            [Decimal("-0.5"), Decimal(0), Decimal("0.1")]
        )
        side = self.dice.choice(["Bid", "Ask"])
        self.bp.execute_order(MARKET, side, "Limit", price=str(price), quantity="0.05")


@contextmanager
def beside(read: Callable[[], object]) -> Iterator[None]:
    """Read all the time in a thread."""
    end = threading.Event()

    def run() -> None:
        while not end.wait(0.01):
            with suppress(StaleBook):
                read()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def settled(read: Callable[[], int], at: int, seconds: float) -> bool:
    """Does the book reach an id in time?"""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(StaleBook):
            if read() >= at:
                return True
        time.sleep(0.001)
    return False


def unexplained(events: list[Event]) -> int:
    """How many trades are neither there nor named by a gap, or are there twice."""
    wrong, last = 0, None
    for event in events:
        named = event.kind == "gap" and "last" in event.raw
        if event.kind != "data" and not named:
            last = None if event.kind == "gap" else last
            continue
        first, final = (event.raw["first"], event.raw["last"]) if named else (event.trade_id,) * 2
        wrong += last is not None and first != last + 1
        last = final
    return wrong


def run(frames: int, seed: str) -> dict[str, float]:
    """Until so many frames have come. Returns the figures.

    RuntimeError: without a fault, the book was not good again within 10 seconds.
    """
    connection.TRIES = 10**9  # so many faults in a row are not the end
    for module in (connection, book_thread):  # no long waits after much trouble
        module.BACKOFF, module.MOST_BACKOFF = 0.01, 0.05  # type: ignore[attr-defined]
    books, problems, count = Books(), Problems(), Counter[str]()
    with (
        Sandbox() as sandbox,
        Client(sandbox.url, sandbox.key, rate_limit=None) as bp,
        bp.order_book(MARKET) as book,
        bp.stream(f"trade.{MARKET}", seconds=None) as trades,
    ):
        market = Market(sandbox, bp, random.Random(seed))
        add = book._thread.book.add

        def counted(frame: Any) -> Any:
            count["frames"] += 1
            return add(frame)

        book._thread.book.add = counted  # type: ignore[method-assign]
        with beside(lambda: books.read(book)):
            while count["frames"] < frames:
                market.step()
                at = books.rest(bp.get_depth(MARKET, limit=1000))
                count["steps"] += 1
                if market.failing is None:
                    for _ in range(50):
                        if settled(lambda: books.read(book), at, 0.2):
                            break
                        sandbox.advance(seconds=1)  # a missing frame is seen at the next one
                    else:
                        raise RuntimeError(f"never good again: {book!r} {book.problems[-5:]}")
                    count["checkpoints"] += 1
                else:
                    stale = not settled(lambda: books.read(book), at, 0.05)
                    count["checkpoints with a fault"] += not stale
                    count["behind or stale, with a fault"] += stale
                problems.read(book)
                len(trades)
            market.heal()
        books.compare()
    return {
        **count, **{f"fault {name}": market.faults[name] for name in FAULTS},
        **{f"book: {name}": problems.counts[name] for name in sorted(problems.counts)},
        "duplicates": book.duplicates,
        "seconds stale, in all": round(sum(problems.stale), 2),
        "seconds stale, longest": round(max(problems.stale, default=0), 2),
        "books read": len(books.by_book), "books compared with REST": books.compared,
        "different books": books.different,
        "trades": len(trades), "trades filled": sum(one.filled for one in trades._came),
        "gaps named": sum(one.kind == "gap" for one in trades._came),
        "trades unexplained": unexplained(trades._came),
    }  # fmt: skip


def main() -> None:
    frames, seed = (*sys.argv[1:], *("100000", "1")[len(sys.argv) - 1 :])
    begun = time.monotonic()
    for name, figure in run(int(frames), seed).items():
        print(f"{name:32}{figure:9}")
    print(f"{'seconds':32}{time.monotonic() - begun:9.0f}")


if __name__ == "__main__":
    main()
