"""The local book equals the exchange's at the update id that it shows, or it is stale.

``Exchange`` is a book of its own that makes updates; ``Way`` loses, repeats, reorders and delays
what it sends. ``python tests/streams/test_local_book.py`` prints how much was tried.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from helpers import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from bpkit.streams.local_book import LocalBook

TICK, STEP = Decimal("0.01"), Decimal("0.001")


def snapshot(at: int, bids: dict[str, str], asks: dict[str, str], time: int = 1) -> dict[str, Any]:
    """As REST answers: both sides ascending, the id as text."""
    sides = {
        name: [[price, side[price]] for price in sorted(side, key=Decimal)]
        for name, side in (("asks", asks), ("bids", bids))
    }
    return {**sides, "lastUpdateId": str(at), "timestamp": time}


def frame(first: int, last: int | None = None, time: int | None = None, **sides: str) -> Any:
    """``bids="99.00 1, 98.00 0"``: levels of an update. Its time is its last id, by default."""
    last = first if last is None else last
    levels = {
        letter: [level.split() for level in sides.get(name, "").split(",") if level]
        for letter, name in (("a", "asks"), ("b", "bids"))
    }
    time = last if time is None else time
    return {"E": time, "T": time, "U": first, **levels, "e": "depth", "s": "X_USDC", "u": last}


def started(at: int = 10) -> LocalBook:
    """A good book at this id: bids 99 and 98, asks 101 and 102, one of each."""
    book = LocalBook()
    assert book.load(snapshot(at, {"99": "1", "98": "1"}, {"101": "1", "102": "1"})) is None
    return book


def levels(book: LocalBook) -> tuple[dict[str, str], dict[str, str]]:
    assert book.stale is None
    one, other = ({str(p): str(q) for p, q in side.view()} for side in (book.bids, book.asks))
    return one, other


# --- one rule at a time ---------------------------------------------------------------------------


def test_it_begins_stale_and_a_snapshot_makes_it_good() -> None:
    book = LocalBook()
    assert book.stale is not None and book.stale.event == "start" and book.update_id == -1
    assert book.load(snapshot(10, {"99": "1"}, {"101": "2"}, time=7)) is None
    assert (book.update_id, book.time_us) == (10, 7)
    assert levels(book) == ({"99": "1"}, {"101": "2"})


def test_what_the_snapshot_has_is_dropped_and_the_rest_is_applied() -> None:
    """Updates 9 and 10 would set 99 back."""
    book = LocalBook()
    for update in (frame(9, bids="99.00 7"), frame(10, bids="99.00 8"), frame(11, asks="101.00 5")):
        assert book.add(update) is None
    assert book.load(snapshot(10, {"99": "1"}, {"101": "1"})) is None
    assert (book.update_id, book.time_us) == (11, 11)
    assert levels(book) == ({"99": "1"}, {"101": "5"})


def test_a_price_is_one_price_however_it_is_spelt() -> None:
    """REST says 86700, the stream 86700.0: by text, the deletion would miss."""
    book = LocalBook()
    book.load(snapshot(10, {"86700": "1", "86699.9": "1"}, {"86701": "1"}))
    assert book.add(frame(11, bids="86700.0 0.00000")) is None
    assert levels(book)[0] == {"86699.9": "1"}


def test_rest_may_be_ahead_of_the_stream() -> None:
    book = LocalBook()
    book.add(frame(10, bids="99 7"))
    assert book.load(snapshot(12, {"99": "1"}, {"101": "1"})) is None
    for update in (frame(11, bids="99 8"), frame(12, bids="99 1")):
        assert book.add(update) is None and book.update_id == 12
    assert book.duplicates == 0
    assert book.add(frame(13, bids="99 3")) is None
    assert levels(book)[0] == {"99": "3"}


def test_an_update_without_levels_moves_the_id() -> None:
    book = started(10)
    assert book.add(frame(11)) is None and book.add(frame(12, bids="99 4")) is None
    assert book.update_id == 12


def test_a_duplicate_is_counted_and_changes_nothing() -> None:
    book = started(10)
    book.add(frame(11, bids="99 5"))
    book.add(frame(12, bids="99 6"))
    assert book.add(frame(11, bids="99 5")) is None and book.add(frame(12, bids="99 6")) is None
    assert (book.duplicates, book.update_id) == (2, 12)
    assert levels(book)[0]["99"] == "6"


def test_a_gap_makes_it_stale_and_names_both_ids() -> None:
    book = started(10)
    book.add(frame(11))
    why = book.add(frame(13, bids="99 5"))
    assert why is not None and why == book.stale
    assert (why.event, why.expected, why.came) == ("gap", 12, 13)
    assert why.reason == "update 12 was expected, and 13 came"
    assert book.add(frame(14, asks="101 3")) is None and book.stale == why
    assert book.load(snapshot(12, {"99": "2"}, {"101": "2"})) is None
    assert levels(book) == ({"99": "5"}, {"101": "3"}) and book.update_id == 14


def test_a_snapshot_older_than_what_was_missed_does_not_fit() -> None:
    book = started(10)
    book.add(frame(13, bids="99 5"))
    why = book.load(snapshot(11, {"99": "2"}, {"101": "2"}))
    assert why is not None and why == book.stale
    assert (why.event, why.expected, why.came) == ("old snapshot", 12, 11)
    assert book.load(snapshot(12, {"99": "2"}, {"101": "2"})) is None
    assert levels(book)[0] == {"99": "5"}


def test_a_gap_while_it_waits_for_a_snapshot() -> None:
    """Update 12 is missed: a snapshot of 10 or 11 cannot be continued."""
    book = LocalBook()
    for update in (frame(10), frame(11)):
        assert book.add(update) is None
    why = book.add(frame(13, bids="99 5"))
    assert why is not None and (why.event, why.expected, why.came) == ("gap", 12, 13)
    assert book.load(snapshot(11, {"99": "2"}, {"101": "2"})) is not None
    assert book.load(snapshot(12, {"99": "2"}, {"101": "2"})) is None and book.update_id == 13


def test_after_a_loss_an_older_book_than_before_is_not_shown() -> None:
    book = started(10)
    book.add(frame(11))
    assert book.lost("the connection was lost").reason == "the connection was lost"
    why = book.load(snapshot(10, {"99": "2"}, {"101": "2"}))
    assert why is not None and (why.event, why.expected, why.came) == ("old snapshot", 11, 10)
    ahead = started(12)
    ahead.lost("the connection was lost")
    assert ahead.load(snapshot(11, {"99": "2"}, {"101": "2"})) is not None
    assert book.add(frame(15)) is None  # a new connection continues anywhere
    assert book.load(snapshot(14, {"99": "2"}, {"101": "2"})) is None and book.update_id == 15


def test_updates_of_several_events() -> None:
    """U below u. The first one after a snapshot may begin before it; a later one may not."""
    book = started(10)
    assert book.add(frame(9, 12, bids="99 5")) is None and book.update_id == 12
    assert book.add(frame(13, 20)) is None and book.update_id == 20
    why = book.add(frame(20, 22))
    assert why is not None and (why.event, why.expected, why.came) == ("gap", 21, 20)


def test_the_first_update_after_a_snapshot_may_not_leave_a_gap() -> None:
    why = started(10).add(frame(12))
    assert why is not None and (why.expected, why.came) == (11, 12)


def test_ids_that_go_back_are_not_duplicates() -> None:
    """They are older only if their time is. Else the exchange counts from a lower number now."""
    book = started(10)
    book.add(frame(11))
    why = book.add(frame(3, time=50, bids="99 5"))
    assert why is not None and (why.event, why.expected, why.came) == ("ids went back", 12, 3)
    assert book.add(frame(4, time=51)) is None
    assert book.load(snapshot(2, {"99": "2"}, {"101": "2"})) is None
    assert book.update_id == 4 and levels(book)[0] == {"99": "5"}


def test_a_crossed_book_is_stale() -> None:
    book = started(10)
    why = book.add(frame(11, bids="101 1"))
    assert why is not None and why == book.stale and why.event == "crossed"
    assert why.reason == "its best bid 101 is not below its best ask 101"
    crossed = book.load(snapshot(11, {"101": "1"}, {"101": "1"}))
    assert crossed is not None and crossed.event == "crossed"
    assert book.load(snapshot(12, {"100": "1"}, {"101": "1"})) is None


BAD = [
    frame(11, bids="99 x"), frame(11, bids="99"), frame(11, bids="NaN 1"), frame(11) | {"b": [1]},
    frame(11) | {"u": "x"}, {"U": 11, "u": 11}, {}, [],
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_an_unreadable_update_makes_it_stale(bad: Any) -> None:
    book = started(10)
    why = book.add(bad)
    assert why is not None and why == book.stale and why.event == "unreadable"
    assert book.load(snapshot(11, {"99": "2"}, {"101": "2"})) is None
    assert book.add(frame(12)) is None and book.update_id == 12


@pytest.mark.parametrize("bad", [{}, {"lastUpdateId": "x"}, snapshot(10, {"99": "x"}, {}), []])
def test_an_unreadable_snapshot_leaves_it_stale(bad: Any) -> None:
    book = LocalBook()
    why = book.load(bad)
    assert why is not None and why == book.stale and why.event == "unreadable"


def test_deeper_levels_than_the_snapshot_covers_are_not_shown() -> None:
    """Three a side were asked for and came: what is below 97 is not known, except 96."""
    book = LocalBook()
    book.load(snapshot(10, {"99": "1", "98": "1", "97": "1"}, {"101": "1"}), limit=3)
    book.add(frame(11, bids="96 5", asks="200 5"))
    assert levels(book) == ({"99": "1", "98": "1", "97": "1"}, {"101": "1", "200": "5"})
    book.add(frame(12, bids="98.5 5, 97 0"))
    assert levels(book)[0] == {"99": "1", "98.5": "5", "98": "1"}


def test_a_price_that_leaves_the_covered_levels_makes_it_stale() -> None:
    book = LocalBook()
    book.load(snapshot(10, {"99": "1", "98": "1"}, {"101": "1"}), limit=2)
    assert book.add(frame(11, bids="96 5, 99 0")) is None
    why = book.add(frame(12, bids="98 0"))  # 96 may not be the best
    assert why is not None and why.event == "not covered"
    assert book.load(snapshot(12, {"96": "5", "95": "5"}, {"101": "1"}), limit=2) is None
    why = book.add(frame(13, bids="96 0, 95 0"))
    assert why is not None and why.event == "not covered"


def test_the_best_price_is_found_after_many_changes() -> None:
    book, at = started(10), 10
    for place in range(2, 202):
        at += 1
        book.add(frame(at, bids=f"99.{place:03} 1, 99.{place - 1:03} 0", asks=f"100.{place:03} 1"))
    assert (book.bids.best(), book.asks.best()) == (Decimal("99.201"), Decimal("100.002"))
    book.add(frame(at + 1, bids="99.201 0", asks="100.002 0"))
    assert (book.bids.best(), book.asks.best()) == (Decimal("99"), Decimal("100.003"))


def test_an_empty_side_that_is_wholly_known_is_empty() -> None:
    book = started(10)
    assert book.add(frame(11, bids="99 0, 98 0")) is None
    assert book.bids.top() is None and book.bids.view() == () and book.asks.top() == (101, 1)


def test_the_view_is_a_part_of_what_is_kept() -> None:
    book = started(10)
    assert [str(price) for price, _ in book.bids.view(1)] == ["99"]
    assert [str(price) for price, _ in book.asks.view(5)] == ["101", "102"]


# --- every fault at random ------------------------------------------------------------------------


class Exchange:
    """A book that changes at random. It remembers every state by its update id."""

    def __init__(self, chance: Random, at: int) -> None:
        self.chance, self.at, self.time, self.middle = chance, at, 1_000_000, 10_000
        self.bids = {9_999 - place: 5 for place in range(chance.randrange(1, 12))}
        self.asks = {10_001 + place: 5 for place in range(chance.randrange(1, 12))}
        self.states: dict[int, tuple[dict[int, int], dict[int, int], int]] = {}
        self._remember()

    def _remember(self) -> None:
        self.states[self.at] = (dict(self.bids), dict(self.asks), self.time)

    def event(self) -> dict[str, Any]:
        """One event: up to three levels change. What a new price crosses is taken."""
        changed: dict[str, dict[int, int]] = {"b": {}, "a": {}}
        self.middle += self.chance.choice((-1, 0, 0, 0, 1))
        for _ in range(self.chance.choice((0, 1, 1, 2, 3))):
            letter = self.chance.choice("ba")
            sign, own, other = (-1, self.bids, "a") if letter == "b" else (1, self.asks, "b")
            price = self.middle + sign * self.chance.randrange(1, 12)
            size = self.chance.choice((0, 0, self.chance.randrange(1, 9000)))
            crossed = self.asks if other == "a" else self.bids
            for taken in [one for one in crossed if sign * one >= sign * price and size]:
                del crossed[taken]
                changed[other][taken] = 0
            if size:
                own[price] = size
            else:
                own.pop(price, None)
            changed[letter][price] = size
        self.at += 1
        self.time += self.chance.randrange(0, 900)
        self._remember()
        sides = {
            letter: [[f"{price * TICK:.2f}", f"{size * STEP:.3f}"] for price, size in some.items()]
            for letter, some in changed.items()
        }
        return {"T": self.time, "U": self.at, **sides, "u": self.at}

    def answer(self, at: int, limit: int) -> dict[str, Any]:
        """``get_depth`` at this id, spelt as REST does: without zeros at the end."""
        bids, asks, time = self.states[at]
        best = (sorted(bids, reverse=True)[:limit], sorted(asks)[:limit])
        plain = [
            {f"{(price * TICK).normalize():f}": f"{(side[price] * STEP).normalize():f}"
             for price in prices}
            for prices, side in zip(best, (bids, asks), strict=True)
        ]  # fmt: skip
        return snapshot(at, plain[0], plain[1], time)


def merged(frames: list[dict[str, Any]]) -> dict[str, Any]:
    """An aggregated frame: each price once, with its last size."""
    last = {side: dict(level for one in frames for level in one[side]) for side in "ab"}
    sides = {side: [list(level) for level in some.items()] for side, some in last.items()}
    return {**frames[-1], "U": frames[0]["U"], **sides}


FAULTS = ("drop", "duplicate", "reorder", "cut", "stale snapshot", "REST ahead", "frame of several")


class Trial:
    """One exchange, one way, one book; it is checked after every step."""

    def __init__(self, seed: int, limit: int, rate: float, tried: Counter[str]) -> None:
        self.chance = Random(seed)
        self.exchange = Exchange(self.chance, self.chance.randrange(1, 10**10))
        self.limit, self.rate, self.tried = limit, rate, tried
        self.book = LocalBook()
        self.under_way: deque[dict[str, Any]] = deque()
        self.covered: tuple[float, float] = (0.0, 0.0)  # the deepest price known, of each side
        self.last_seen = 0

    def fault(self, name: str) -> bool:
        found = self.chance.random() < self.rate
        self.tried[name] += found
        return found

    def happens(self) -> None:
        """Something happens on the exchange, and goes on its way: all of it, or not."""
        update = self.exchange.event()
        self.tried["events"] += 1
        if self.fault("frame of several"):
            more = [self.exchange.event() for _ in range(self.chance.randrange(1, 5))]
            update = merged([update, *more])
        if self.fault("drop"):
            return
        self.under_way.append(update)
        if self.fault("duplicate"):
            self.under_way.insert(self.chance.randrange(len(self.under_way) + 1), update)
        if len(self.under_way) > 1 and self.fault("reorder"):
            one = self.chance.randrange(len(self.under_way) - 1)
            self.under_way[one], self.under_way[one + 1] = (
                self.under_way[one + 1], self.under_way[one],
            )  # fmt: skip
        if self.chance.random() < 0.1 * self.rate:
            self.tried["cut"] += 1
            self.under_way.clear()
            self.book.lost("cut")
            self.check()

    def deliver(self) -> None:
        while self.under_way and self.chance.random() < 0.8:
            self.book.add(self.under_way.popleft())
            self.tried["frames"] += 1
            self.check()

    def ask(self) -> None:
        """The book asks for a snapshot: now, or as it was a while ago."""
        at = self.exchange.at
        if self.fault("stale snapshot"):
            known = list(self.exchange.states)
            at = self.chance.choice(known[-20:])
        elif self.under_way:
            self.tried["REST ahead"] += 1
        answer = self.exchange.answer(at, self.limit)
        if self.book.load(answer, self.limit) is None:
            self.tried["resyncs"] += 1
        if self.book.stale is None or self.book.stale.event != "old snapshot":
            self.covered = self.edges(at)
        self.check()

    def edges(self, at: int) -> tuple[float, float]:
        """The last price of each side of a snapshot that is as long as its limit."""
        bids, asks, _ = self.exchange.states[at]
        return (
            sorted(bids, reverse=True)[self.limit - 1] if len(bids) >= self.limit else 0,
            sorted(asks)[self.limit - 1] if len(asks) >= self.limit else float("inf"),
        )

    def check(self) -> None:
        """It is stale, or it is the exchange's book at the id that it claims."""
        self.tried["checks"] += 1
        if self.book.stale is not None:
            self.tried["stale"] += 1
            return
        at = self.book.update_id
        assert at >= self.last_seen
        self.last_seen = at
        bids, asks, time = self.exchange.states[at]
        lowest, highest = self.covered
        expected = [
            [(price * TICK, bids[price] * STEP) for price in sorted(bids, reverse=True)
             if price >= lowest],
            [(price * TICK, asks[price] * STEP) for price in sorted(asks) if price <= highest],
        ]  # fmt: skip
        for side, some in ((self.book.bids, expected[0]), (self.book.asks, expected[1])):
            assert list(side.view()) == some
            assert list(side.view(3)) == some[:3]
            assert side.top() == (some[0] if some else None)
        assert self.book.time_us == time

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.happens()
            self.deliver()
            if self.book.stale is not None and self.chance.random() < 0.5:
                self.ask()

    def comes_right(self) -> None:
        """Without further faults it is soon good, and at the exchange's last id."""
        self.rate = 0
        self.under_way.clear()
        self.book.lost("at the end")
        for _ in range(3):
            self.happens()
        while self.under_way:
            self.deliver()
        self.ask()
        assert self.book.stale is None and self.book.update_id == self.exchange.at


def test_never_wrong_in_silence(record_property: Callable[[str, object], None]) -> None:
    tried = try_at_random(examples(60))
    for name, count in tried.items():
        record_property(name, count)
    print(summary(tried))  # pytest -rP shows it
    assert [name for name in FAULTS if not tried[name]] == []
    assert tried["checks"] * 0.1 < tried["stale"] < tried["checks"] * 0.5


def try_at_random(trials: int) -> Counter[str]:
    tried: Counter[str] = Counter()

    @settings(max_examples=trials)
    @given(
        seed=st.integers(0, 2**32), limit=st.sampled_from((3, 8, 1000)),
        rate=st.sampled_from((0.0, 0.01, 0.05, 0.2)), steps=st.integers(1, 300),
    )  # fmt: skip
    def trial(seed: int, limit: int, rate: float, steps: int) -> None:
        one = Trial(seed, limit, rate, tried)
        one.run(steps)
        one.comes_right()

    trial()
    return tried


def summary(tried: Counter[str]) -> str:
    """How much was tried, in a line."""
    return ", ".join(f"{count:,} {name}" for name, count in sorted(tried.items()))


if __name__ == "__main__":
    print(summary(try_at_random(2000)))
