"""A command changes everything or nothing, at whatever line of the engine it is cut off.

Each command is cut off at random lines: an exception is raised there, as an interrupt or a defect
would. The whole state is compared with the state before, item by item; then the command is carried
out, and the state is compared with that of a twin which was never cut off.
"""

from __future__ import annotations

import json
import math
import random
import sys
import threading
from bisect import insort
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Context, Decimal, Inexact, getcontext, localcontext
from enum import Enum
from functools import partial
from types import FrameType, FunctionType, MappingProxyType, MethodType
from typing import Any

import pytest
from helpers import DEMO_SECRET, Plain, examples
from hypothesis import given, settings
from hypothesis import strategies as st

from bpkit import Key
from bpkit.operations import OPERATIONS, Operation
from bpkit.parameters import Kind, Parameter
from bpkit.sandbox import Conflicts, Sandbox, undo
from bpkit.sandbox.core import ledger
from bpkit.sandbox.core.book import Book, Resting, Taker
from bpkit.sandbox.server import advance
from bpkit.sandbox.simulation.market import Market
from bpkit.sandbox.simulation.synthetic import SyntheticTrades, Trade
from bpkit.sandbox.undo import Undoable, UndoDict, UndoList, UndoTable, all_or_nothing

SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="  # the bytes 0 to 31
OTHER = Key(SECRET)
FUNDS = {"USDC": "50000", "SOL": "100", "BTC": "1", "ETH": "0.00009"}


# --- cutting off ----------------------------------------------------------------------------------


class CutOff(BaseException):
    """Raised by the tracer. Nothing in the engine catches it."""


class Tracer:
    """Counts the lines of the engine that run, and raises at line number ``at``."""

    def __init__(self, at: int | None = None) -> None:
        self.at, self.lines, self.place = at, 0, ""

    def __call__(self, frame: FrameType, event: str, arg: object) -> Tracer | None:
        path = frame.f_code.co_filename
        if "bpkit/sandbox/core" not in path and "bpkit/sandbox/simulation" not in path:
            return None
        if path.endswith("outbox.py") and frame.f_code.co_name == "take":
            return None  # the command is done
        if event == "line":
            self.lines += 1
            if self.lines == self.at:
                self.place = f"{path}:{frame.f_lineno}"
                raise CutOff(self.place)
        return self

    def run(self, act: Callable[[], object]) -> None:
        """Run ``act``, which may start threads."""
        before = sys.gettrace()
        threading.settrace(self)
        sys.settrace(self)
        try:
            act()
        except CutOff:
            pass
        finally:
            sys.settrace(before)
            threading.settrace(before)  # type: ignore[arg-type]


# --- the whole state ------------------------------------------------------------------------------

# What is no state: data that never change, functions, and caches, which are checked in other tests.
PLAIN = (str, int, bytes, bool, Decimal, type(None), Enum, FunctionType, MethodType, partial)
FIXED = (Market, SyntheticTrades, Conflicts, Operation, Parameter, Kind)
CACHES = {
    "_changes",
    "_feed_of",
    "_feeds",
    "_days",
    "_hours",
    "_versions",
    "_exchange",
    "_weights",
    "markets",
}


def attributes(thing: Any) -> dict[str, Any]:
    """Also those in slots, without what only ``__getattr__`` finds."""
    found = dict(getattr(thing, "__dict__", {}))
    for kind in type(thing).__mro__:
        for name in vars(kind).get("__slots__", ()):
            with suppress(AttributeError):
                found[name] = vars(kind)[name].__get__(thing)
    return found


def state(thing: Any, seen: dict[int, int]) -> Any:
    """Everything that can be reached, with the order of dicts, as nested tuples."""
    if isinstance(thing, FIXED) or callable(thing):
        return type(thing).__name__
    if isinstance(thing, PLAIN):
        return thing
    if id(thing) in seen:
        return f"again {seen[id(thing)]}"
    seen[id(thing)] = len(seen)
    if isinstance(thing, dict):
        table = isinstance(thing, UndoTable)  # its order is that of its keys, or of no meaning
        items = [(key, thing[key]) for key in sorted(thing)] if table else thing.items()
        return tuple((state(key, seen), state(value, seen)) for key, value in items)
    if isinstance(thing, list | tuple):
        return tuple(state(one, seen) for one in thing)
    if isinstance(thing, set | frozenset):
        return tuple(sorted(map(str, thing)))
    fields = ((name, value) for name, value in attributes(thing).items() if name not in CACHES)
    return type(thing).__name__, *((name, state(value, seen)) for name, value in fields)


def whole(sandbox: Sandbox) -> Any:
    service = sandbox._service
    seen: dict[int, int] = {}
    feeds = [
        (symbol, state(feed._recorded, seen), state(feed._lines, seen))
        for symbol, feed in sorted(service.exchange._feeds.items())
        if feed._recorded or feed._lines
    ]
    return state(service.exchange, seen), state(service.capital, seen), feeds


def totals(sandbox: Sandbox) -> dict[str, Decimal]:
    """Of each asset, over everybody."""
    exchange, capital = sandbox._service.exchange, sandbox._service.capital
    books = [exchange.market_maker, exchange.fees, exchange.lending.cash, capital.outside]
    books += [account.balances for account in exchange.accounts.values()]
    with localcontext(Context(prec=200, traps=[Inexact])):
        return {
            asset: sum((one.available(asset) + one.locked(asset) for one in books), Decimal(0))
            for asset in ("USDC", "SOL", "BTC", "ETH", "USDT")
        }


def locks(sandbox: Sandbox) -> None:
    """What is locked is what the open orders hold, and each of these orders is in its book once."""
    exchange = sandbox._service.exchange
    for account in exchange.accounts.values():
        held: dict[str, Decimal] = {}
        assert list(account.open) == sorted(account.open)
        for order in account.open.values():
            venue = exchange.venues[order.request.market.symbol]
            if order.id in venue.triggers or "autoBorrow" in order.request.auto:
                continue
            assert order.id in venue.book and venue.users[order.id] is order
            asset, amount = order.request.pays, order.request.hold(order.remaining)
            held[asset] = held.get(asset, Decimal(0)) + amount
        for asset in account.balances.assets():
            assert account.balances.locked(asset) == held.get(asset, 0)
    for venue in exchange.venues.values():
        assert list(venue.users) == sorted(venue.users)
        for side in ("Bid", "Ask"):
            assert all(steps > 0 for _, steps in venue.book.levels(side))


# --- the commands ---------------------------------------------------------------------------------


class Caller(Plain):
    """Calls the service itself, in this thread, so that the tracer sees the engine."""

    def __init__(self, sandbox: Sandbox, secret: str) -> None:
        super().__init__(sandbox.url, secret)
        self.service = sandbox._service

    def send(self, name: str, fields: Any = None, expect: int | None = None) -> None:
        operation, fields = OPERATIONS[name], {} if fields is None else fields
        signed = self.headers(operation, fields)
        headers = {key.lower(): value for key, value in signed.items()}
        headers["content-type"] = "application/json"
        body = b"" if operation.method == "GET" else json.dumps(fields).encode()
        answer = self.service.answer(operation.method, operation.path, "", headers, body)
        if expect is not None:
            assert answer.status == expect, answer.body


def limit(symbol: str, side: str, price: str, quantity: str, **more: Any) -> dict[str, Any]:
    kind = {"symbol": symbol, "side": side, "orderType": "Limit"}
    return kind | {"price": price, "quantity": quantity} | more


def market(symbol: str, side: str, **more: Any) -> dict[str, Any]:
    return {"symbol": symbol, "side": side, "orderType": "Market"} | more


Act = Callable[[], object]


def commands(sandbox: Sandbox) -> Iterator[tuple[str, Act]]:
    """A story in which each kind of command changes something of other commands."""
    me = Caller(sandbox, SECRET)
    demo = Caller(sandbox, DEMO_SECRET)
    yield "another account", lambda: sandbox.open_account(FUNDS, OTHER)
    yield "a limit order", lambda: me.send("execute_order", limit("SOL_USDC", "Bid", "170.71", "2"))
    yield (
        "a sale into the order of another",
        lambda: demo.send("execute_order", market("SOL_USDC", "Ask", quantity="5")),
    )
    yield (
        "a purchase by quote quantity",
        lambda: me.send("execute_order", market("SOL_USDC", "Bid", quoteQuantity="3000")),
    )
    batch = [
        limit("SOL_USDC", "Ask", price, "1.5", clientId=place)
        for place, price in enumerate(("171.2", "170.9", "190", "0.001"))
    ]
    yield "a batch with a refusal", lambda: me.send("execute_order_batch", batch)
    cancel = {"symbol": "SOL_USDC", "clientId": 2}
    yield "a cancel", lambda: me.send("cancel_order", cancel)
    yield "a deposit", lambda: sandbox.deposit(OTHER, "SOL", "12.5")
    yield "an address", lambda: sandbox.allow_withdrawal_address(OTHER, "Solana", "there")
    wish = {"symbol": "SOL", "blockchain": "Solana", "quantity": "3", "address": "there"}
    yield "a withdrawal", lambda: me.send("request_withdrawal", wish)
    perp = "SOL_USDC_PERP"
    yield "a long", lambda: me.send("execute_order", market(perp, "Bid", quantity="30"))
    exits = {"takeProfitTriggerPrice": "172", "stopLossTriggerPrice": "168"}
    exits |= market(perp, "Bid", quantity="9")
    yield "one with exits", lambda: me.send("execute_order", exits)
    wait = {"triggerPrice": "170", "triggerQuantity": "1"}
    yield "a conditional order", lambda: me.send("execute_order", market("SOL_USDC", "Ask") | wait)
    plan = {"symbol": "SOL_USDC", "side": "Ask", "strategyType": "Scheduled", "quantity": "0.9"}
    plan |= {"duration": 500_000, "interval": 60_000, "randomizedIntervalQuantity": True}
    yield "a strategy", lambda: me.send("strategy_create", plan)
    resting = plan | {"price": "199", "clientStrategyId": 1}
    yield "one that rests", lambda: me.send("strategy_create", resting)
    yield "dust", lambda: me.send("convert_dust", {}, expect=200)
    yield "a secret", lambda: sandbox.set_two_factor_secret(OTHER, "GEZDGNBVGY3TQOJQ")
    yield "a delay", lambda: sandbox.set_withdrawal_delay(OTHER, 24)
    yield "five minutes", lambda: sandbox.advance(minutes=5)
    one = {"symbol": "SOL_USDC", "clientStrategyId": 1}
    yield "the end of a strategy", lambda: me.send("cancel_strategy", one, expect=200)
    switches = {"leverageLimit": "5", "autoLend": True}
    yield "settings", lambda: me.send("update_account_settings", switches)
    yield "through zero", lambda: me.send("execute_order", market(perp, "Ask", quantity="100"))
    yield "an hour and funding", lambda: sandbox.advance(minutes=70)
    yield "what is read", lambda: me.send("get_collateral", expect=200)
    borrow = {"symbol": "ETH", "side": "Borrow", "quantity": "0.5"}
    yield "a borrow", lambda: me.send("execute_borrow_lend", borrow, 200)
    lend = {"symbol": "BTC", "side": "Borrow", "quantity": "0.25"}
    yield "a redemption", lambda: me.send("execute_borrow_lend", lend, 200)
    auto = dict.fromkeys(("autoBorrow", "autoBorrowRepay", "autoLend", "autoLendRedeem"), True)
    sale = market("ETH_USDC", "Ask", quantity="0.75") | auto
    yield "a sale of what is borrowed", lambda: me.send("execute_order", sale, 200)
    resting = limit("ETH_USDC", "Bid", "4000", "0.6") | auto
    yield "a bid that may redeem", lambda: me.send("execute_order", resting, 200)
    yield "an hour and interest", lambda: sandbox.advance(minutes=61)
    purchase = market("ETH_USDC", "Bid", quantity="0.8") | auto
    yield "a purchase that repays", lambda: me.send("execute_order", purchase, 200)
    yield "a low bid", lambda: me.send("execute_order", limit("SOL_USDC", "Bid", "100", "1"))
    yield "cancel all", lambda: me.send("cancel_open_orders", {"symbol": "SOL_USDC"})
    yield "a stop", lambda: me.send("execute_order", market(perp, "Bid", **wait))
    yield "a jump", lambda: sandbox.set_price(perp, "165")
    yield "a path", lambda: sandbox.set_path("SOL_USDC", {"steps": "crash", "after": "tape"})
    yield "along it", lambda: sandbox.advance(minutes=2)
    yield "its end", lambda: sandbox.clear_path("SOL_USDC")
    yield "a day", lambda: sandbox.advance(days=1)
    yield "closing", lambda: me.send("execute_order", market(perp, "Bid", quantity="500"))


def cut_off(sandbox: Sandbox, name: str, act: Act, places: list[int]) -> int:
    """Cut a command off at each of these lines, then carry it out. The number of cuts.

    A line that is not reached, because a cache has made the way shorter, carries the command out.
    """
    before, money = whole(sandbox), totals(sandbox)
    for cuts, at in enumerate(places):
        tracer = Tracer(at)
        tracer.run(act)
        if tracer.lines < at:
            return cuts
        assert whole(sandbox) == before, f"{name}, cut off at {tracer.place}"
        assert totals(sandbox) == money
    act()
    return len(places)


def test_a_command_that_is_cut_off_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advance, "SLICE", math.inf)
    chance, cuts = random.Random(20_261_127), 0
    with Sandbox() as sandbox, Sandbox() as twin:
        opened: dict[str, Decimal] = {}
        for (name, act), (_, same) in zip(commands(sandbox), commands(twin), strict=True):
            full = Tracer()
            full.run(same)
            assert full.lines, name
            places = sorted(chance.randint(1, full.lines) for _ in range(8))
            cuts += cut_off(sandbox, name, act, [1, *places, full.lines])
            assert whole(sandbox) == whole(twin), name
            locks(sandbox)
            opened = opened or totals(sandbox)  # the first command opens an account
            assert totals(sandbox) == opened, name
    assert cuts > 150


# --- defects -------------------------------------------------------------------------------------


@pytest.mark.parametrize("nth", range(1, 6))
def test_a_defect_of_the_engine_changes_nothing(
    sandbox: Sandbox, plain: Plain, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    """The nth payment of an order that fills two makers fails: 500, and the order never was."""
    sandbox.open_account(FUNDS, OTHER)
    maker = Plain(sandbox.url, SECRET)
    for price in ("170.72", "170.73"):
        maker.call("execute_order", limit("SOL_USDC", "Bid", price, "1"))
    before, calls = whole(sandbox), []
    gain = ledger.Balances.gain

    def failing(self: ledger.Balances, asset: str, amount: Decimal) -> None:
        calls.append(asset)
        if len(calls) == nth:
            raise RuntimeError("a defect")
        gain(self, asset, amount)

    with monkeypatch.context() as patched:
        patched.setattr(ledger.Balances, "gain", failing)
        answer = plain.call("execute_order", market("SOL_USDC", "Ask", quantity="2.5"))
    assert (answer.status_code, answer.json()["code"]) == (500, "SERVER_ERROR")
    assert whole(sandbox) == before
    assert (
        plain.call("execute_order", market("SOL_USDC", "Ask", quantity="2.5")).json()["status"]
        == "Filled"
    )
    locks(sandbox)


def test_the_decimal_context_ends_with_the_command() -> None:
    with pytest.raises(CutOff), all_or_nothing():
        getcontext().prec = 3
        raise CutOff
    assert getcontext().prec == 28


def test_what_was_undone_is_not_in_the_candles(sandbox: Sandbox) -> None:
    """The feed keeps what it has counted. It must not mistake one trade for another."""
    feed = sandbox._service.exchange.feed("SOL_USDC")
    now = sandbox._service.exchange.now_us
    with pytest.raises(CutOff), all_or_nothing():
        feed.record(Trade(feed.next_id(now), now, 99_999, 1, False))
        assert feed.window(now - 60_000_000, now + 1).high == 99_999
        raise CutOff
    assert feed.window(now - 60_000_000, now + 1).high < 20_000
    feed.record(Trade(feed.next_id(now), now, 88_888, 1, False))
    assert feed.window(now - 60_000_000, now + 1).high == 88_888
    hour = now // 3_600_000_000 * 3_600_000_000
    assert feed.window(hour, hour + 3_600_000_000).high == 88_888


# --- the containers -------------------------------------------------------------------------------

DICT_CHANGES: dict[str, Callable[[Any, int], object]] = {
    "set": lambda d, n: d.__setitem__(n, -n),
    "delete": lambda d, n: d.__delitem__(next(iter(d))) if d else None,
    "pop": lambda d, n: d.pop(n, None),
    "popitem": lambda d, n: d.popitem() if d else None,
    "clear": lambda d, n: d.clear(),
    "update": lambda d, n: d.update({n: 7, n + 1: 8}),
    "or": lambda d, n: d.__ior__({n: 9}),
    "setdefault": lambda d, n: d.setdefault(n, 5),
}
LIST_CHANGES: dict[str, Callable[[Any, int], object]] = {
    "append": lambda x, n: x.append(n),
    "set": lambda x, n: x.__setitem__(slice(0, 1), [n, n]),
    "delete": lambda x, n: x.__delitem__(slice(0, 2)),
    "insert": lambda x, n: x.insert(n % 3, n),
    "insort": lambda x, n: insort(x, n),
    "pop": lambda x, n: x.pop() if x else None,
    "remove": lambda x, n: x.remove(n) if n in x else None,
    "clear": lambda x, n: x.clear(),
    "extend": lambda x, n: x.extend([n, 0]),
    "add": lambda x, n: x.__iadd__([n]),
    "multiply": lambda x, n: x.__imul__(2),
    "sort": lambda x, n: x.sort(),
    "reverse": lambda x, n: x.reverse(),
}
steps = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 5)), max_size=8)


@settings(max_examples=examples(100))
@given(steps, steps, st.booleans())
def test_a_dict_and_a_list_are_put_back(
    first: list[tuple[int, int]], then: list[tuple[int, int]], fails: bool
) -> None:
    """Against a plain dict and a plain list, which do the same and are copied by hand."""
    kept: tuple[UndoDict[int, int], UndoList[int]] = UndoDict(), UndoList()
    usual: tuple[dict[int, int], list[int]] = {}, []

    def change(both: Any, moves: list[tuple[int, int]]) -> None:
        for which, n in moves:
            list(DICT_CHANGES.values())[which % len(DICT_CHANGES)](both[0], n)
            list(LIST_CHANGES.values())[which % len(LIST_CHANGES)](both[1], n)

    change(kept, first), change(usual, first)
    if not fails:
        change(usual, then)
    try:
        with all_or_nothing():
            change(kept, then)
            if fails:
                raise CutOff
    except CutOff:
        pass
    assert list(kept[0].items()) == list(usual[0].items()) and list(kept[1]) == usual[1]


def test_a_table_is_put_back_in_the_order_of_its_ids() -> None:
    """Also if items were removed from the middle, replaced, and added again."""
    table: UndoTable[int] = UndoTable({"q9": 0, "998": 1, "999": 2, "1000": 3, "1001": 4})
    before = list(table.items())
    with pytest.raises(CutOff), all_or_nothing():
        del table["999"]
        table["1000"] = 7
        assert table.pop("1000") == 7 and table.pop("5", None) is None
        table["999"] = 8
        table["1002"] = 9
        table.setdefault("998", 3)
        raise CutOff
    assert list(table.items()) == before
    with all_or_nothing():
        del table["999"]
    assert list(table) == ["q9", "998", "1000", "1001"]


def test_a_change_costs_the_same_at_any_size() -> None:
    """A copy would be made of the whole list and dict; the log has the one item."""
    numbers = UndoList(range(1000))
    table = UndoTable({str(n): n for n in range(1000)})
    with all_or_nothing():
        numbers.insert(3, 5)
        numbers.append(1)
        del numbers[7]
        numbers[9] = 0
        del table["5"]
        table["7"] = 1
        log = undo._thread.log or []
    parts = [part for entry in log for part in entry if isinstance(part, dict | list)]
    assert len(log) == 6 and all(part is numbers or part is table for part in parts)


def test_every_change_of_a_dict_or_list_is_known() -> None:
    """A method that changes nothing is one that a tuple or a mapping proxy has, or one of these."""
    harmless = {"copy", "fromkeys", "__reversed__", "__class_getitem__", "__init__", "__sizeof__"}
    for base, undoable, same in (
        (dict, UndoDict, MappingProxyType),
        (list, UndoList, tuple),
    ):
        changes = {
            name for name in set(dir(base)) - set(dir(same)) - harmless if name != "__hash__"
        }
        assert {name for name in changes if getattr(undoable, name) is getattr(base, name)} == set()


def test_all_that_can_change_is_undoable(sandbox: Sandbox, plain: Plain) -> None:
    """Every dict and list of the engine, but those that never change after the start."""
    for _, act in commands(sandbox):
        act()
    never = {"markets", "raw", "_weights", "_sides", "conditions", "_markets", *CACHES - {"_feeds"}}
    found: list[str] = []
    seen: set[int] = set()

    def walk(thing: Any, path: str) -> None:
        if id(thing) in seen or isinstance(thing, (*PLAIN, *FIXED)) or callable(thing):
            return
        seen.add(id(thing))
        if type(thing) in (dict, list, set):
            found.append(path)
        elif isinstance(thing, UndoDict):
            for key, value in thing.items():
                walk(value, f"{path}[{key}]")
        elif isinstance(thing, list | tuple):
            for value in thing:
                walk(value, f"{path}[]")
        else:
            for name, value in attributes(thing).items():
                if name not in never:
                    walk(value, f"{path}.{name}")

    walk(sandbox._service.exchange, "exchange")
    walk(sandbox._service.capital, "capital")
    assert found == ["exchange.assets"] and len(seen) > 200


def test_an_object_keeps_its_attributes() -> None:
    class Two(Undoable):
        a = 1

    two = Two()
    two.a = 2
    with pytest.raises(CutOff), all_or_nothing():
        two.a, two.b = 3, 4  # type: ignore[attr-defined]
        raise CutOff
    assert vars(two) == {"a": 2}
    with all_or_nothing():
        two.a = 5
    assert two.a == 5


def test_the_commands_of_two_threads_are_independent() -> None:
    mine: UndoList[int] = UndoList()
    other: UndoList[int] = UndoList()
    with pytest.raises(CutOff), all_or_nothing():
        mine.append(1)
        thread = threading.Thread(target=other.append, args=(1,))
        thread.start()
        thread.join()
        raise CutOff
    assert (mine, other) == ([], [1])


@pytest.mark.parametrize("change", ["add", "cancel", "fill"])
def test_a_book_is_put_back(change: str) -> None:
    """Also the order of those that wait at one price, which decides who is filled first."""
    book = Book()
    for name in "abc":
        book.add(Resting(name, "m", "Bid", 100, 5))
    taker = Taker("t", "Ask", quantity=12)
    before = book.plan(taker), book.levels("Bid")
    with pytest.raises(CutOff), all_or_nothing():
        if change == "add":
            book.add(Resting("d", "m", "Bid", 101, 5))
        elif change == "cancel":
            book.cancel("a")
            book.add(Resting("a", "m", "Bid", 100, 5))
        else:
            book.apply(book.plan(Taker("t", "Ask", quantity=7)))
        raise CutOff
    assert (book.plan(taker), book.levels("Bid")) == before
    assert "d" not in book and "a" in book
