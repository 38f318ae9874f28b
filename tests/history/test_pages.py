"""All rows of a history: joined from pages while the exchange's list grows, shrinks and changes.

The exchange here is a list, newest row first, that a test changes between two pages. What comes
back is held against that list, kept aside as it was at the first page.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from bpkit import Client, InputError, TransportError
from bpkit.history.pages import bar, fetch_all
from bpkit.operations import OPERATIONS
from bpkit.results import read
from bpkit.sandbox import Sandbox

Row = dict[str, Any]


class Fake(Client):
    """A client whose exchange is the list ``rows``, newest first.

    ``meanwhile`` is called with the list after each page but before the next. ``counted``: does the
    exchange say how many rows there are? ``cap``: the most rows that a page has.
    """

    def __init__(
        self, rows: list[Row], *, meanwhile: Callable[[list[Row]], None] | None = None,
        counted: bool = True, cap: int = 1000,
    ) -> None:  # fmt: skip
        super().__init__("http://127.0.0.1:1")
        self.rows, self.meanwhile, self.counted, self.cap = list(rows), meanwhile, counted, cap
        self.asked: list[Any] = []

    def _send(self, name: str, fields: Any) -> Any:
        if self.asked and self.meanwhile is not None:
            self.meanwhile(self.rows)
        self.asked.append(fields)
        offset, limit = int(fields["offset"]), min(int(fields["limit"]), self.cap)
        rows = self.rows[::-1] if fields.get("sortDirection") == "Asc" else self.rows
        headers = {"X-Total": str(len(rows))} if self.counted else {}
        page = json.dumps(rows[offset : offset + limit]).encode()
        return read(OPERATIONS[name].answer, 200, headers, page)


def fills(*numbers: int) -> list[Row]:
    """Fills with these trade ids; a fill has no ``id``, and so is known by all that it says."""
    return [{"tradeId": number, "price": "100"} for number in numbers]


def orders(*numbers: int) -> list[Row]:
    return [{"id": str(number), "status": "Filled"} for number in numbers]


def trade_ids(rows: list[Row]) -> list[int]:
    return [row["tradeId"] for row in rows]


# --- a list that stands still ---------------------------------------------------------------------


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
    shared = {"symbol": "SOL_USDC", "fillType": "User", "limit": "4"}
    # 8 7 6 5, 5 4 3 2, 2 1
    assert [{name: str(value) for name, value in one.items()} for one in bp.asked] == [
        shared | {"offset": offset} for offset in ("0", "3", "6")
    ]


@pytest.mark.parametrize("many, counted, pages", [(4, True, 1), (4, False, 2), (3, False, 1)])
def test_no_more_pages_than_needed(many: int, counted: bool, pages: int) -> None:
    """A full page may be the last: where nothing is counted, the next one has to be looked at."""
    bp = Fake(fills(*range(many)), counted=counted)
    assert len(fetch_all(bp.get_fills, limit=4)) == many
    assert len(bp.asked) == pages


def test_a_page_that_is_shorter_than_asked_for_is_not_the_last_where_rows_are_counted() -> None:
    rows = fills(*range(20, 0, -1))
    assert fetch_all(Fake(rows, cap=6).get_fills, limit=10) == rows


def test_the_answer_knows_its_frame_and_its_headers() -> None:
    made = fetch_all(Fake(fills(*range(5, 0, -1))).get_fills, limit=2)
    assert made.df["tradeId"].tolist() == [5, 4, 3, 2, 1]
    assert made.to_frame(exact=True).loc[0, "price"] == Decimal(100)
    assert (made.kind, made.status, made.headers["X-Total"]) == ("fills", 200, "5")
    pd.testing.assert_frame_equal(fetch_all(Fake([]).get_fills).df, read("fills", 200, {}, b"").df)


def test_rows_that_say_the_same_are_all_there() -> None:
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


@settings(max_examples=examples(300))
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
    else:  # so many may come at once that it has to begin anew, and then has some of them too
        assert made == bp.rows[len(bp.rows) - len(made) :] and len(made) >= many


@settings(max_examples=examples(300))
@given(st.lists(st.integers(1, 2), max_size=20), LIMITS, st.lists(st.integers(0, 5), max_size=6))
def test_rows_that_say_the_same_are_counted(
    numbers: list[int], limit: int, batches: list[int]
) -> None:
    """The exchange's own count tells an old row from a new one that reads the same."""
    rows, left = fills(*numbers), list(batches)

    def meanwhile(now: list[Row]) -> None:
        now[:0] = fills(*[1] * (left.pop(0) if left else 0))

    assert fetch_all(Fake(rows, meanwhile=meanwhile).get_fills, limit=limit) == rows


def test_a_whole_page_of_rows_that_have_just_come() -> None:
    rows = fills(*range(10, 0, -1))
    bp = Fake(rows, meanwhile=arriving([9], fills))
    assert fetch_all(bp.get_fills, limit=4) == rows
    # Offset 3 holds four of the nine that came; row 7, the last of the first page, is at 12 now.
    assert [int(one["offset"]) for one in bp.asked] == [0, 3, 12, 15]


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


def test_the_rate_of_an_interval_that_still_runs_may_change() -> None:
    rows = [{"symbol": "SOL_USDC_PERP", "intervalEndTimestamp": f"2026-09-01T{hour:02}:00:00",
             "fundingRate": "0.1"} for hour in range(9, 3, -1)]  # fmt: skip

    def meanwhile(now: list[Row]) -> None:
        now[:] = [{**row, "fundingRate": row["fundingRate"] + "1"} for row in now]

    bp = Fake(rows, meanwhile=meanwhile)
    made = fetch_all(bp.get_funding_interval_rates, "SOL_USDC_PERP", limit=2)
    assert [row["intervalEndTimestamp"][11:13] for row in made] == [
        "09", "08", "07", "06", "05", "04",
    ]  # fmt: skip


def test_rows_of_one_moment_may_change_places() -> None:
    """5 and 4 do, so that a page begins with the new row, and the old one follows it."""

    def meanwhile(now: list[Row]) -> None:
        now[:] = orders(6, 4, 5, 3, 2, 1)

    bp = Fake(orders(6, 5, 4, 3, 2, 1), meanwhile=meanwhile)
    made = fetch_all(bp.get_order_history, limit=2)
    assert Counter(row["id"] for row in made) == Counter("654321")
    assert [int(one["offset"]) for one in bp.asked] == [0, 1, 2, 3, 4]  # and not from 0 again


@settings(max_examples=examples(300))
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
    """1 1 1 1 stand there; 1 1 arrive behind them, and nothing moves."""
    bp = Fake(fills(1, 1, 1, 1), meanwhile=arriving_once(fills(1, 1)))
    assert trade_ids(fetch_all(bp.get_fills, limit=3, sort_direction="Asc")) == [1] * 6


# --- rows that vanish -----------------------------------------------------------------------------


@settings(max_examples=examples(300))
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


def test_a_walk_whose_pages_do_not_join_begins_anew() -> None:
    left = [1]

    def meanwhile(now: list[Row]) -> None:
        if left:
            del now[: left.pop()]

    bp = Fake(fills(*range(6, 0, -1)), meanwhile=meanwhile)
    assert trade_ids(fetch_all(bp.get_fills, limit=3)) == [5, 4, 3, 2, 1]
    assert [int(one["offset"]) for one in bp.asked] == [0, 2, 0, 2]


def test_a_row_less_among_rows_that_say_the_same_is_noticed() -> None:
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
        def _send(self, name: str, fields: Any) -> Any:
            answer = super()._send(name, fields)
            answer.headers = {"X-Total": "99"}
            return answer

    with pytest.raises(TransportError, match="get_fills"):
        fetch_all(Liar(fills(3, 2, 1)).get_fills, limit=2)


# --- progress -------------------------------------------------------------------------------------


def told(bp: Fake, **options: Any) -> list[tuple[int, int | None]]:
    seen: list[tuple[int, int | None]] = []
    fetch_all(bp.get_fills, progress=lambda done, total: seen.append((done, total)), **options)
    return seen


def test_progress_is_told_after_each_page() -> None:
    rows = fills(*range(8, 0, -1))
    assert told(Fake(rows), limit=4) == [(4, 8), (7, 8), (8, 8)]
    assert told(Fake(rows, counted=False), limit=4) == [(4, None), (7, None), (8, 8)]
    assert told(Fake([])) == [(0, 0)]


def test_rows_that_arrive_are_not_waited_for() -> None:
    bp = Fake(fills(*range(8, 0, -1)), meanwhile=arriving([2], fills))
    # The second page holds 7 6 5 4 of which 4 is new; 10 rows stand there then, 8 of them ours.
    assert told(bp, limit=4) == [(4, 8), (5, 8), (8, 8)]


def test_the_bar_is_written_to_stderr_and_only_when_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bp = Fake(fills(*range(8, 0, -1)))
    fetch_all(bp.get_fills, limit=5)
    assert capsys.readouterr() == ("", "")
    fetch_all(bp.get_fills, limit=5, progress=True)
    out, err = capsys.readouterr()
    # 5 of 8 are 18.75 of 30 characters
    assert out == ""
    assert err == (
        f"\rget_fills: [{'#' * 18}{' ' * 12}] 5 of 8 rows\rget_fills: [{'#' * 30}] 8 of 8 rows\n"
    )


def test_a_bar_of_ones_own() -> None:
    file = io.StringIO()
    show = bar("trades", file, width=4)
    for done, total in ((1000, None), (1500, 2000), (2000, 2000), (0, 0)):
        show(done, total)
    assert file.getvalue() == (
        "\rtrades: 1,000 rows\rtrades: [### ] 1,500 of 2,000 rows"
        "\rtrades: [####] 2,000 of 2,000 rows\n\rtrades: [####] 0 of 0 rows\n"
    )


# --- refusals -------------------------------------------------------------------------------------


def test_every_method_with_pages_can_be_walked() -> None:
    bp = Fake([])
    for operation in OPERATIONS.values():
        if operation.paged:
            needs = ["SOL_USDC"] if operation.section in ("Trades", "Markets") else []
            args = [] if operation.name == "get_prediction_events" else needs
            assert fetch_all(getattr(bp, operation.name), *args) == []


@pytest.mark.parametrize("name", [one.name for one in OPERATIONS.values() if not one.paged])
def test_a_method_without_pages_is_refused(name: str) -> None:
    bp = Fake([])
    with pytest.raises(InputError, match="get_fills") as error:
        fetch_all(getattr(bp, name))
    assert (error.value.field, error.value.value) == ("method", name)
    assert bp.asked == []


@pytest.mark.parametrize("method", [print, lambda **fields: [], "get_fills", Client.get_fills])
def test_what_is_no_method_of_a_client_is_refused(method: Any) -> None:
    with pytest.raises(InputError) as error:
        fetch_all(method)
    assert error.value.field == "method"


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
        fetch_all(Fake([]).get_fills, sort_direction="Up")
    assert error.value.field == "sort_direction"


def test_an_answer_that_is_no_list_is_refused() -> None:
    class Odd(Fake):
        def _send(self, name: str, fields: Any) -> Any:
            return read("vault_mints", 200, {}, b'{"rows":[]}')

    with pytest.raises(TransportError, match="no list of rows"):
        fetch_all(Odd([]).get_vault_mint_history)


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
def test_a_number_of_rows_that_is_none(most: Any, sandbox: Sandbox) -> None:
    with pytest.raises(InputError, match="most="):
        fetch_all(Client(sandbox.url).get_historical_trades, "SOL_USDC", most=most)
