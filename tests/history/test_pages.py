"""All rows of a history, joined from pages while the exchange's list grows, shrinks and changes.

The exchange here is a list, newest row first, that a test changes between two pages. The result is
compared with a copy of that list, as it was at the first page.
"""

from __future__ import annotations

import io
import json
import re
import sys
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import Scripted, examples
from hypothesis import given, settings
from hypothesis import strategies as st

from bpkit import Client, InputError, Key, MissingExtraError, TransportError
from bpkit.history import fetch_all
from bpkit.operations import OPERATIONS
from bpkit.results import read
from bpkit.sandbox import Sandbox

Row = dict[str, Any]


class Fake(Client):
    """A client whose exchange is the list ``rows``, newest first. Every method with pages reads it.

    ``meanwhile`` is called with the list after each page but before the next. ``counted``: does the
    exchange say how many rows there are? ``cap``: the most rows that a page has. ``asked``: the
    arguments of each call.
    """

    def __init__(
        self, rows: list[Row], *, meanwhile: Callable[[list[Row]], None] | None = None,
        counted: bool = True, cap: int = 1000,
    ) -> None:  # fmt: skip
        super().__init__("http://127.0.0.1:1")
        self.rows, self.meanwhile, self.counted, self.cap = list(rows), meanwhile, counted, cap
        self.asked: list[Any] = []

    def page(self, name: str, offset: int, limit: int, sort_direction: str | None) -> Any:
        rows = self.rows[::-1] if sort_direction == "Asc" else self.rows
        headers = {"X-Total": str(len(rows))} if self.counted else {}
        page = json.dumps(rows[offset : offset + min(limit, self.cap)]).encode()
        return read(OPERATIONS[name].answer, 200, headers, page)


def _reading(name: str) -> Callable[..., Any]:
    def method(
        self: Fake, symbol: str | None = None, *, offset: int = 0, limit: int = 100,
        sort_direction: str | None = None, **filters: Any,
    ) -> Any:  # fmt: skip
        if self.asked and self.meanwhile is not None:
            self.meanwhile(self.rows)
        self.asked.append({"symbol": symbol, "offset": offset, "limit": limit, **filters})
        return self.page(name, offset, limit, sort_direction)

    method.__name__ = name
    return method


PAGED = [one.name for one in OPERATIONS.values() if one.paged]
for _name in PAGED:
    setattr(Fake, _name, _reading(_name))


def fills(*numbers: int) -> list[Row]:
    """Fills with these trade ids; a fill has no ``id``, and so is known by all that it says."""
    return [{"tradeId": number, "price": "100"} for number in numbers]


def orders(*numbers: int) -> list[Row]:
    return [{"id": str(number), "status": "Filled"} for number in numbers]


def offsets(bp: Fake) -> list[int]:
    return [one["offset"] for one in bp.asked]


def trade_ids(rows: list[Row]) -> list[int]:
    return [row["tradeId"] for row in rows]


# --- a list that does not change ------------------------------------------------------------------


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("limit", [2, 3, 10, 1000])
@pytest.mark.parametrize("many", [0, 1, 2, 3, 9, 10, 11, 28, 30])
def test_every_row_once_and_in_order(many: int, limit: int, counted: bool) -> None:
    rows = fills(*range(many, 0, -1))
    made = fetch_all(Fake(rows, counted=counted).get_fills, limit=limit)
    assert made == rows


def test_a_page_begins_with_the_last_row_of_the_one_before() -> None:
    bp = Fake(fills(*range(8, 0, -1)))
    fetch_all(bp.get_fills, "SOL_USDC", limit=4, fill_type="User")
    shared = {"symbol": "SOL_USDC", "fill_type": "User", "limit": 4}
    # 8 7 6 5, 5 4 3 2, 2 1
    assert bp.asked == [shared | {"offset": offset} for offset in (0, 3, 6)]


@pytest.mark.parametrize(
    "many, counted, pages",
    [(0, True, 1), (3, True, 1), (4, True, 2), (0, False, 1), (1, False, 2), (3, False, 2),
     (4, False, 2)],
)  # fmt: skip
def test_no_more_pages_than_needed(many: int, counted: bool, pages: int) -> None:
    """A page of 4 proves nothing if it is full, or if the rows are not counted."""
    bp = Fake(fills(*range(many)), counted=counted)
    assert len(fetch_all(bp.get_fills, limit=4)) == many
    assert len(bp.asked) == pages


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("many", [250, 199, 100, 7])
def test_a_page_that_is_shorter_than_asked_for_need_not_be_the_last(
    many: int, counted: bool
) -> None:
    """An exchange that gives at most 100 rows, whatever it is asked for."""
    rows = fills(*range(many, 0, -1))
    assert fetch_all(Fake(rows, cap=100, counted=counted).get_fills, limit=1000) == rows


@pytest.mark.parametrize("counted", [True, False])
def test_a_count_that_lags_behind_does_not_end_the_walk(counted: bool) -> None:
    """Three rows arrive after the first page, and are not in the count: 10 stays 10 rows."""

    class Lagging(Fake):
        def page(self, *asked: Any) -> Any:
            answer = super().page(*asked)
            answer.headers = {"X-Total": "10"} if counted else {}
            return answer

    rows = fills(*range(10, 0, -1))
    bp = Lagging(rows, meanwhile=arriving([3], fills))
    assert fetch_all(bp.get_fills, limit=5) == rows


def test_the_answer_knows_its_frame_and_its_headers() -> None:
    made = fetch_all(Fake(fills(*range(5, 0, -1))).get_fills, limit=2)
    assert made.df["tradeId"].tolist() == [5, 4, 3, 2, 1]
    assert made.to_frame(exact=True).loc[0, "price"] == Decimal(100)
    assert (made.kind, made.status, made.headers["X-Total"]) == ("fills", 200, "5")
    pd.testing.assert_frame_equal(fetch_all(Fake([]).get_fills).df, read("fills", 200, {}, b"").df)


def test_equal_rows_are_all_there() -> None:
    rows = fills(1, 1, 1, 1, 1, 1, 1)
    for counted in (True, False):
        assert fetch_all(Fake(rows, counted=counted).get_fills, limit=3) == rows


# --- rows that arrive -----------------------------------------------------------------------------


def arriving(batches: list[int], make: Callable[..., list[Row]]) -> Callable[[list[Row]], None]:
    """Before each page but the first, so many new rows, with numbers from 1000 on."""
    left, number = list(batches), iter(range(1000, 10_000))

    def meanwhile(rows: list[Row]) -> None:
        for _ in range(left.pop(0) if left else 0):
            rows.insert(0, *make(next(number)))

    return meanwhile


def arriving_once(new: list[Row]) -> Callable[[list[Row]], None]:
    """These rows before the second page."""
    left = [new]

    def meanwhile(rows: list[Row]) -> None:
        rows[:0] = left.pop() if left else []

    return meanwhile


BATCHES = st.lists(st.integers(0, 7), max_size=8)
SIZES = st.integers(0, 25)
LIMITS = st.integers(2, 9)


@settings(max_examples=examples(150))
@given(SIZES, LIMITS, BATCHES, st.booleans(), st.booleans())
def test_no_row_twice_and_none_lost_when_rows_arrive(
    many: int, limit: int, batches: list[int], counted: bool, with_id: bool
) -> None:
    make, method = (orders, "get_order_history") if with_id else (fills, "get_fills")
    rows = make(*range(many, 0, -1))
    bp = Fake(rows, meanwhile=arriving(batches, make), counted=counted)
    made = fetch_all(getattr(bp, method), limit=limit)
    if counted:
        assert made == rows
    else:  # so many may come at once that it has to begin again, and then has some of them too
        assert made == bp.rows[len(bp.rows) - len(made) :] and len(made) >= many


@settings(max_examples=examples(150))
@given(st.lists(st.integers(1, 2), max_size=20), LIMITS, st.lists(st.integers(0, 5), max_size=6))
def test_equal_rows_are_counted(numbers: list[int], limit: int, batches: list[int]) -> None:
    """The exchange's own count shows which of two equal rows is the new one."""
    rows, left = fills(*numbers), list(batches)

    def meanwhile(now: list[Row]) -> None:
        now[:0] = fills(*[1] * (left.pop(0) if left else 0))

    assert fetch_all(Fake(rows, meanwhile=meanwhile).get_fills, limit=limit) == rows


def test_a_whole_page_of_rows_that_have_just_come() -> None:
    rows = fills(*range(10, 0, -1))
    bp = Fake(rows, meanwhile=arriving([9], fills))
    assert fetch_all(bp.get_fills, limit=4) == rows
    # Offset 3 holds four of the nine that came; row 7, the last of the first page, is at 12 now.
    # The page at 15 is full, so the end is only proven by the page at 18.
    assert offsets(bp) == [0, 3, 12, 15, 18]


def test_a_short_page_of_rows_that_are_known_is_not_the_end() -> None:
    """4 rows at most, not counted; 3 arrive, so that the third page repeats the second."""
    rows = fills(*range(12, 0, -1))
    bp = Fake(rows, cap=4, counted=False, meanwhile=arriving([0, 3], fills))
    assert fetch_all(bp.get_fills, limit=10) == rows


def test_an_order_that_changes_meanwhile_is_the_same_order() -> None:
    rows = orders(*range(6, 0, -1))

    def meanwhile(now: list[Row]) -> None:
        now[:] = [{**row, "status": "Cancelled"} for row in now]

    made = fetch_all(Fake(rows, meanwhile=meanwhile).get_order_history, limit=3)
    assert [row["id"] for row in made] == ["6", "5", "4", "3", "2", "1"]


@pytest.mark.parametrize(
    "method, name",
    [
        ("get_borrow_lend_position_history", "positionId"),
        ("get_prediction_events", "slug"),
        ("get_quote_history", "quoteId"),
        ("get_rfq_history", "rfqId"),
    ],
)
def test_what_else_has_an_identity_may_change_too(method: str, name: str) -> None:
    rows = [{name: str(number), "quantity": "1"} for number in range(6)]

    def meanwhile(now: list[Row]) -> None:
        now[:] = [{**row, "quantity": row["quantity"] + "0"} for row in now]

    made = fetch_all(getattr(Fake(rows, meanwhile=meanwhile), method), limit=3)
    assert [row[name] for row in made] == ["0", "1", "2", "3", "4", "5"]


def test_the_rate_of_an_interval_that_is_not_over_may_change() -> None:
    rows = [{"symbol": "SOL_USDC_PERP", "intervalEndTimestamp": f"2026-09-01T{hour:02}:00:00",
             "fundingRate": "0.1"} for hour in range(9, 3, -1)]  # fmt: skip

    def meanwhile(now: list[Row]) -> None:
        now[:] = [{**row, "fundingRate": row["fundingRate"] + "1"} for row in now]

    bp = Fake(rows, meanwhile=meanwhile)
    made = fetch_all(bp.get_funding_interval_rates, "SOL_USDC_PERP", limit=2)
    assert [row["intervalEndTimestamp"][11:13] for row in made] == [
        "09", "08", "07", "06", "05", "04",
    ]  # fmt: skip


def test_a_funding_rate_is_known_by_its_interval() -> None:
    """One arrives, and the exchange does not count: 8 is not taken for a new row."""
    rows = [{"symbol": "SOL_USDC_PERP", "intervalEndTimestamp": f"2026-09-01T{hour:02}:00:00"}
            for hour in range(9, 3, -1)]  # fmt: skip
    new = {"symbol": "SOL_USDC_PERP", "intervalEndTimestamp": "2026-09-01T10:00:00"}
    bp = Fake(rows, meanwhile=arriving_once([new]), counted=False)
    assert fetch_all(bp.get_funding_interval_rates, "SOL_USDC_PERP", limit=3) == rows


def test_rows_of_one_moment_may_change_places() -> None:
    """5 and 4 do, so that a page begins with the new row, and the old one follows it."""

    def meanwhile(now: list[Row]) -> None:
        now[:] = orders(6, 4, 5, 3, 2, 1)

    bp = Fake(orders(6, 5, 4, 3, 2, 1), meanwhile=meanwhile)
    made = fetch_all(bp.get_order_history, limit=2)
    assert Counter(row["id"] for row in made) == Counter("654321")
    assert offsets(bp) == [0, 1, 2, 3, 4, 5]  # and not from 0 again


@settings(max_examples=examples(150))
@given(SIZES, LIMITS, BATCHES)
def test_an_ascending_walk_ends_with_what_arrived(
    many: int, limit: int, batches: list[int]
) -> None:
    rows = fills(*range(many, 0, -1))
    bp = Fake(rows, meanwhile=arriving(batches, fills))
    made = trade_ids(fetch_all(bp.get_fills, limit=limit, sort_direction="Asc"))
    assert made[:many] == list(range(1, many + 1))
    assert made == trade_ids(bp.rows[::-1])[: len(made)]


def test_an_ascending_walk_does_not_take_what_arrives_for_what_has_moved() -> None:
    """1 1 1 1 are there; 1 1 arrive behind them, and nothing moves."""
    bp = Fake(fills(1, 1, 1, 1), meanwhile=arriving_once(fills(1, 1)))
    assert trade_ids(fetch_all(bp.get_fills, limit=3, sort_direction="Asc")) == [1] * 6


# --- rows that vanish -----------------------------------------------------------------------------


@settings(max_examples=examples(150))
@given(
    SIZES, LIMITS, st.lists(st.tuples(st.integers(0, 24), st.integers(0, 4)), max_size=3),
    st.booleans(), st.booleans(),
)  # fmt: skip
def test_no_row_that_stays_is_lost_when_others_vanish(
    many: int, limit: int, gone: list[tuple[int, int]], counted: bool, with_id: bool
) -> None:
    make, method = (orders, "get_order_history") if with_id else (fills, "get_fills")
    rows, left = make(*range(many, 0, -1)), list(gone)

    def meanwhile(now: list[Row]) -> None:
        if left:
            start, how_many = left.pop(0)
            del now[start : start + how_many]

    bp = Fake(rows, meanwhile=meanwhile, counted=counted)
    made = fetch_all(getattr(bp, method), limit=limit)
    texts = [json.dumps(row) for row in made]
    assert len(set(texts)) == len(texts)
    assert {json.dumps(row) for row in bp.rows} <= set(texts) <= {json.dumps(row) for row in rows}


def test_a_walk_whose_pages_do_not_join_begins_again() -> None:
    left = [1]

    def meanwhile(now: list[Row]) -> None:
        if left:
            del now[: left.pop()]

    bp = Fake(fills(*range(6, 0, -1)), meanwhile=meanwhile)
    assert trade_ids(fetch_all(bp.get_fills, limit=3)) == [5, 4, 3, 2, 1]
    assert offsets(bp) == [0, 2, 0, 2, 4]


def test_a_row_less_among_equal_rows_is_noticed() -> None:
    """Of 7 1 1 1 3 the first goes: offset 2 then begins with a 1, as if nothing had happened."""
    left = [1]

    def meanwhile(now: list[Row]) -> None:
        if left:
            del now[: left.pop()]

    made = fetch_all(Fake(fills(7, 1, 1, 1, 3), meanwhile=meanwhile).get_fills, limit=3)
    assert trade_ids(made) == [1, 1, 1, 3]


def test_rows_that_vanish_all_the_time_are_given_up() -> None:
    def meanwhile(now: list[Row]) -> None:
        del now[:1]

    bp = Fake(fills(*range(500, 0, -1)), meanwhile=meanwhile)
    with pytest.raises(TransportError, match="get_fills: the rows changed faster") as error:
        fetch_all(bp.get_fills, limit=3)
    assert "safe to call again" in str(error.value) and not error.value.mutates
    assert len(bp.asked) == 10  # five walks of two pages


def test_rows_that_are_counted_but_never_come_are_no_endless_walk() -> None:
    class Liar(Fake):
        def page(self, *asked: Any) -> Any:
            answer = super().page(*asked)
            answer.headers = {"X-Total": "99"}
            return answer

    with pytest.raises(TransportError, match="get_fills"):
        fetch_all(Liar(fills(3, 2, 1)).get_fills, limit=2)


class Deaf(Fake):
    """An exchange that ignores ``offset``: every page is the first."""

    def page(self, name: str, offset: int, limit: int, sort_direction: str | None) -> Any:
        return super().page(name, 0, limit, sort_direction)


IGNORED = "gave the same {} rows for one offset and for another, .* bp.get_fills.limit={}. gives"


@pytest.mark.parametrize("counted", [True, False])
def test_an_exchange_that_ignores_the_offset_is_no_endless_walk(counted: bool) -> None:
    """And what it gives is not taken for everything: 5 of 9 rows."""
    bp = Deaf(fills(*range(9, 0, -1)), counted=counted)
    with pytest.raises(TransportError, match=IGNORED.format(5, 5)):
        fetch_all(bp.get_fills, limit=5)
    assert len(bp.asked) <= 30


@pytest.mark.parametrize("page", [(1, 1, 1), (1, 2, 3, 1), (2, 1, 1, 2)])
@pytest.mark.parametrize("total", [None, *range(5, 14), 250])
def test_an_ignored_offset_among_equal_rows_is_no_endless_walk(
    page: tuple[int, ...], total: int | None
) -> None:
    """The page begins as it ends, so it seems to join itself. It is short if the limit is 9."""

    class Odd(Deaf):
        def page(self, *asked: Any) -> Any:
            answer = super().page(*asked)
            answer.headers = {} if total is None else {"X-Total": str(total)}
            return answer

    for limit in (len(page), 9):
        with pytest.raises(TransportError, match=IGNORED.format(len(page), limit)):
            fetch_all(Odd(fills(*page)).get_fills, limit=limit)


@pytest.mark.parametrize("cap", [3, 100])
def test_a_short_page_that_is_given_again_is_not_everything(cap: int) -> None:
    """It may be all that there is, or all that the exchange gives at once: nothing shows which."""
    bp = Deaf(fills(*range(9, 0, -1)), counted=False, cap=cap)
    with pytest.raises(TransportError, match=IGNORED.format(min(cap, 9), 1000)):
        fetch_all(bp.get_fills)


def test_a_short_page_of_a_longer_list_that_is_given_again_is_not_everything() -> None:
    """The exchange counts 250 rows, gives 100 at most, and ignores the offset."""
    with pytest.raises(TransportError, match=IGNORED.format(100, 1000)):
        fetch_all(Deaf(fills(*range(250)), cap=100).get_fills)


def test_a_page_that_is_the_same_because_rows_arrived_is_not_an_ignored_offset() -> None:
    """8 7 6 5, then 3 arrive: offset 3 shows 8 7 6 5 again, and the walk goes on."""
    rows = fills(*range(8, 0, -1))
    for counted in (True, False):
        bp = Fake(rows, counted=counted, meanwhile=arriving([3], fills))
        assert fetch_all(bp.get_fills, limit=4) == rows


@pytest.mark.parametrize("many", [*range(1, 20)])
def test_pages_that_are_the_same_because_rows_are_equal_are_all_there(many: int) -> None:
    """1 2 3 1 2 3 1 ...: a page of four rows from offset 0, 3 or 6 is the same."""
    rows = fills(*[1, 2, 3] * 7)[:many]
    assert fetch_all(Fake(rows).get_fills, limit=4) == rows
    assert fetch_all(Fake(rows, cap=4).get_fills) == rows
    if many < 16:  # the fifth page that is the same could be an ignored offset
        assert fetch_all(Fake(rows, counted=False).get_fills, limit=4) == rows


def test_a_page_cut_short_among_rows_that_moved_is_not_the_end() -> None:
    """4 rows, then 3 arrive and a page has 3 rows only: 8 7 6. The list goes on with 5."""

    class Cutting(Fake):
        def page(self, name: str, offset: int, limit: int, sort_direction: str | None) -> Any:
            return super().page(name, offset, 3 if offset == 3 else 4, sort_direction)

    rows = fills(*range(8, 0, -1))
    bp = Cutting(rows, counted=False, meanwhile=arriving([3], fills))
    assert fetch_all(bp.get_fills) == rows


def test_an_empty_page_of_a_counted_list_is_not_the_end() -> None:
    """Nothing is there, and the exchange counts 9: that is not an empty history."""

    class Empty(Fake):
        def page(self, name: str, offset: int, limit: int, sort_direction: str | None) -> Any:
            return super().page(name, offset, 1 if offset < self.cap else 0, sort_direction)

    for cap in (0, 1):
        with pytest.raises(TransportError, match="get_fills"):
            fetch_all(Empty(fills(*range(9, 0, -1)), cap=cap).get_fills)


# --- progress -------------------------------------------------------------------------------------


def told(bp: Fake, **options: Any) -> list[tuple[int, int | None]]:
    seen: list[tuple[int, int | None]] = []
    fetch_all(bp.get_fills, progress=lambda done, total: seen.append((done, total)), **options)
    return seen


def test_progress_is_told_after_each_page() -> None:
    rows = fills(*range(8, 0, -1))
    assert told(Fake(rows), limit=4) == [(4, 8), (7, 8), (8, 8)]
    assert told(Fake(rows, counted=False), limit=4) == [(4, None), (7, None), (8, None), (8, 8)]
    assert told(Fake([])) == [(0, 0)]


def test_rows_that_arrive_are_not_waited_for() -> None:
    bp = Fake(fills(*range(8, 0, -1)), meanwhile=arriving([2], fills))
    # The second page holds 7 6 5 4 of which 4 is new; There are 10 rows then, 8 of them ours.
    assert told(bp, limit=4) == [(4, 8), (5, 8), (8, 8), (8, 8)]


@pytest.mark.parametrize(("most", "seen"), [(4, [(4, 4)]), (6, [(4, 6), (6, 6)])])
def test_progress_is_told_of_the_rows_that_are_wanted(
    most: int, seen: list[tuple[int, int]]
) -> None:
    assert told(Fake(fills(*range(20, 0, -1))), limit=4, most=most) == seen


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_is_written_to_a_terminal_and_only_when_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bp, screen = Fake(fills(*range(8, 0, -1))), Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    fetch_all(bp.get_fills, limit=5)
    assert screen.getvalue() == ""
    fetch_all(bp.get_fills, limit=5, progress=True)
    last = screen.getvalue().split("\r")[-1]
    assert last.startswith("get_fills: 100%") and "8/8" in last and last.endswith("\n")


def test_the_bar_is_silent_where_nobody_sees_it(capsys: pytest.CaptureFixture[str]) -> None:
    rows = fills(*range(8, 0, -1))
    assert fetch_all(Fake(rows).get_fills, limit=5, progress=True) == rows
    assert capsys.readouterr() == ("", "")


def test_the_bar_is_shown_in_a_notebook(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its stderr is not a terminal. ``IPython`` here is the least that a kernel has of it."""
    shell = SimpleNamespace(kernel=object(), config={})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    fetch_all(Fake(fills(*range(8, 0, -1))).get_fills, limit=5, progress=True)
    assert "8/8" in capsys.readouterr().err


def test_a_missing_tqdm_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    bp = Fake(fills(1))
    with pytest.raises(MissingExtraError, match=r'pip install "bpkit\[progress\]"'):
        fetch_all(bp.get_fills, progress=True)
    assert bp.asked == []
    assert fetch_all(bp.get_fills) == fills(1)


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGED)
def test_every_method_with_pages_can_be_walked(name: str, scripted: Scripted) -> None:
    """Two pages, with a new row in the second, through a real client."""
    first, second, third = ({"number": number} for number in (3, 2, 1))
    scripted.says(200, json.dumps([first, second]))
    scripted.says(200, json.dumps([second, third]))
    scripted.says(200, json.dumps([third]))
    operation = OPERATIONS[name]
    needs = ["SOL_USDC"] if operation.section in ("Trades", "Markets") else []
    args = [] if name == "get_prediction_events" else needs
    bp = Client(scripted.url, Key.generate())
    assert fetch_all(getattr(bp, name), *args, limit=2) == [first, second, third]
    targets = [request["target"] for request in scripted.requests]
    assert [target.split("?")[0] for target in targets] == [operation.path] * 3
    assert [offset for target in targets for offset in re.findall("offset=([0-9]+)", target)] == [
        "0", "1", "2",
    ]  # fmt: skip
    assert all("limit=2" in target for target in targets)


@pytest.mark.parametrize("name", [one.name for one in OPERATIONS.values() if not one.paged])
def test_a_method_without_pages_is_refused(name: str) -> None:
    bp = Fake([])
    instead = "candles" if name == "get_klines" else "get_fills"
    with pytest.raises(InputError, match=instead) as error:
        fetch_all(getattr(bp, name))
    assert (error.value.field, error.value.value) == ("method", name)
    assert bp.asked == []


@pytest.mark.parametrize("method", [print, lambda **fields: [], "get_fills", Client.get_fills])
def test_what_is_not_a_method_of_a_client_is_refused(method: Any) -> None:
    with pytest.raises(InputError) as error:
        fetch_all(method)
    assert error.value.field == "method"


def test_a_number_of_numpy_is_a_number_of_rows() -> None:
    rows = fills(*range(9, 0, -1))
    made = fetch_all(Fake(rows).get_fills, limit=np.int64(4), most=np.int32(7))  # type: ignore[arg-type]
    assert made == rows[:7]


@pytest.mark.parametrize("limit", [0, 1, -5, True, None, "10", 2.5])
def test_a_page_has_two_rows_or_more(limit: Any) -> None:
    bp = Fake([])
    with pytest.raises(InputError) as error:
        fetch_all(bp.get_fills, limit=limit)
    assert (error.value.field, bp.asked) == ("limit", [])


@pytest.mark.parametrize("offset", [0, 5, None])
def test_an_offset_is_refused(offset: Any) -> None:
    with pytest.raises(InputError) as error:
        fetch_all(Fake([]).get_fills, offset=offset)
    assert error.value.field == "offset"


def test_what_the_method_refuses_is_refused() -> None:
    with pytest.raises(InputError) as error:
        fetch_all(Client("http://127.0.0.1:1", Key.generate()).get_fills, sort_direction="Up")
    assert error.value.field == "sort_direction"


def test_an_answer_that_is_not_a_list_is_refused() -> None:
    class Odd(Fake):
        def page(self, *asked: Any) -> Any:
            return read("vault_mints", 200, {}, b'{"rows":[]}')

    with pytest.raises(TransportError, match="not a list of rows") as error:
        fetch_all(Odd([]).get_vault_mint_history)
    assert not error.value.mutates


# --- rows that cannot be told apart ---------------------------------------------------------------


def test_a_page_that_does_not_join_keeps_no_row_that_looks_like_one_held() -> None:
    """Rows without an identity: 1 is held, and another 1 follows where nothing joins.

    Taking the second page's 1 for the held one would lose a row. So the walk begins again.
    """
    before, after = fills(5, 1, 4), fills(5, 7, 1, 8, 4)
    left = [after]

    def meanwhile(now: list[Row]) -> None:
        if left:
            now[:] = left.pop()

    bp = Fake(before, meanwhile=meanwhile, counted=False)
    made = trade_ids(fetch_all(bp.get_fills, limit=2))
    assert made == [5, 7, 1, 8, 4]
    assert offsets(bp)[:3] == [0, 1, 0]


# --- over HTTP ------------------------------------------------------------------------------------


def test_the_sandboxs_history(bp: Client, sandbox: Sandbox) -> None:
    for place in range(5):
        bp.execute_order("SOL_USDC", "Bid", "Limit", price=str(90 + place), quantity="1")
    made = fetch_all(bp.get_order_history, limit=2)
    assert [row["price"] for row in made if row["price"] in ("90", "91", "92", "93", "94")] == [
        "94", "93", "92", "91", "90",
    ]  # fmt: skip
    assert made == bp.get_order_history(limit=1000)
    assert made.headers["X-Total"] == str(len(made))


def test_the_sandboxs_funding_rates(bp: Client) -> None:
    once = bp.get_funding_interval_rates("SOL_USDC_PERP", limit=1)
    made = fetch_all(bp.get_funding_interval_rates, "SOL_USDC_PERP", limit=10_000)
    assert len(made) == int(once.headers["X-Total"]) > 10_000
    assert made.df["intervalEndTimestamp"].is_monotonic_decreasing
    assert made.df["intervalEndTimestamp"].is_unique


@pytest.mark.parametrize("most", [1, 99, 100, 101, 250])
def test_no_more_than_wanted_is_fetched(most: int, sandbox: Sandbox) -> None:
    """Public trades go back for years: nobody wants them all."""
    bp = Client(sandbox.url)
    rows = fetch_all(bp.get_historical_trades, "SOL_USDC", limit=100, most=most)
    assert rows == bp.get_historical_trades("SOL_USDC", limit=most)
    asked = [one for one in sandbox.log if "limit=100" in one["query"]]
    assert len(asked) <= most // 99 + 1


@pytest.mark.parametrize("most", [0, -1, True, "5"])
def test_a_number_of_rows_that_is_not_one(most: Any, sandbox: Sandbox) -> None:
    with pytest.raises(InputError, match="most="):
        fetch_all(Client(sandbox.url).get_historical_trades, "SOL_USDC", most=most)
