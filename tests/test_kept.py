"""What ``kept`` keeps is put back, and what it cannot put back it says."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
from kept import Kept

from bpkit import Client
from bpkit.sandbox import Sandbox


def test_contents_are_put_back_into_the_same_objects() -> None:
    deep, seen = [1], {2}
    ring: deque[int] = deque([3], maxlen=5)
    names: dict[str, Any] = {"a": (deep, {"b": seen}), "c": partial(print, ring)}
    kept = Kept(names)
    deep.append(9), seen.add(9), ring.append(9), names.update(d=4, a=None)
    assert kept.restore()
    assert names.keys() == {"a", "c"} and names["a"][0] is deep and ring.maxlen == 5
    assert (deep, seen, [*ring]) == ([1], {2}, [3])


@dataclass(slots=True)
class Slotted:
    held: list[int]


class Some:
    def __init__(self) -> None:
        self.held = [1]


def test_attributes_are_put_back() -> None:
    Some.__module__ = Slotted.__module__ = "__main__"  # as of a notebook
    some, slotted, closed = Some(), Slotted([1]), [1]
    kept = Kept(some, slotted.__class__.__repr__, slotted, lambda seen=[0]: closed)
    closed.append(2), some.held.append(2), slotted.held.append(2)
    some.held, slotted.held, some.more = [], [], 1  # type: ignore[attr-defined]
    assert kept.restore()
    assert vars(some) == {"held": [1]} and slotted.held == [1] and closed == [1]


def test_a_changed_frame_is_reported() -> None:
    frame = pd.DataFrame({"a": [1, 2]})
    kept = Kept({"frame": frame})
    assert kept.restore()
    frame["b"] = 3
    assert not kept.restore()


def test_an_exchange_gives_the_same_answers_again(sandbox: Sandbox) -> None:
    """Ids, open orders, fills, balances, candles with one's own trades in them, time and log."""
    ids = iter([7, 7, 7])
    since = "2026-09-01T11:55Z"

    def trade(bp: Client, quantity: str) -> list[Any]:
        bought = bp.execute_order("SOL_USDC", "Bid", "Market", quantity=quantity, client_id=1)
        bp.execute_order("SOL_USDC", "Bid", "Limit", price="150", quantity="1")
        sandbox.advance(minutes=3)
        return [
            bought["id"], bp.get_fills(), bp.get_balances(), sandbox.now, len(sandbox.log),
            [one["id"] for one in bp.get_open_orders()], bp.get_klines("SOL_USDC", "1m", since),
        ]  # fmt: skip

    with Client(sandbox.url, sandbox.key, new_id=lambda: next(ids)) as bp:
        bp.get_ticker("SOL_USDC")
        kept = Kept({"sandbox": sandbox, "bp": bp})
        results = []
        for quantity in ("1", "2", "1"):
            results.append(trade(bp, quantity))
            assert kept.restore()
        assert bp.get_fills() == [] and len(sandbox.log) == 2
    assert results[0] == results[2]
    assert results[0][-1] != results[1][-1]  # a candle's volume
