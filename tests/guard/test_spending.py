"""What counts after a write was sent: what was filled, and what may still be filled."""

from __future__ import annotations

import decimal
import threading
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from writes import LIVE, WITHDRAWAL, Answers, guard, market, order, perp

from bpkit.errors import GuardError, InputError
from bpkit.guard.limits import Arming, WriteGuard
from bpkit.guard.spending import Admitted, Spending
from bpkit.operations import OPERATIONS

BATCH = OPERATIONS["execute_order_batch"]
OPEN = ("get_order", "get_open_orders")
SHOWING = (*OPEN, "cancel_order", "cancel_open_orders", "get_order_history")


def row(id: str, status: str, base: str = "0", quote: str = "0", **more: Any) -> dict[str, Any]:
    """An order as the exchange shows it."""
    shown = {"executedQuantity": base, "executedQuoteQuantity": quote, "symbol": "SOL_USDC"}
    return {"id": id, "status": status, "side": "Bid", **shown, **more}


def send(armed: WriteGuard, fields: Any, answer: Any = None, **options: Any) -> Admitted:
    """Admit an order or a batch, and answer it; None: the answer is lost."""
    name = "execute_order_batch" if isinstance(fields, list) else "execute_order"
    admitted = armed.admit(OPERATIONS[name], fields, **options)
    if answer is not None:
        armed.answered(admitted, answer)
    return admitted


# --- orders that end ------------------------------------------------------------------------------


def test_four_rounds_of_place_and_cancel_leave_the_session_untouched() -> None:
    armed = guard(per_order="15", per_session="60")
    for number in map(str, range(4)):
        send(armed, order(price="15"), row(number, "New"))
        assert armed.spent == 15
        armed.saw("cancel_order", row(number, "Cancelled"))
        assert armed.spent == 0


def test_a_grid_that_fills_nothing_costs_nothing_after_it_is_seen_cancelled() -> None:
    armed = guard(per_order="85", per_session="850")
    grid = [order(price="85")] * 10
    send(armed, grid, [row(str(one), "New", operation="Ok") for one in range(10)])
    assert armed.spent == 850
    with pytest.raises(GuardError, match="0 remain"):
        send(armed, order(price="1"))
    armed.saw("cancel_open_orders", [row(str(one), "Cancelled") for one in range(10)])
    assert armed.spent == 0


def test_an_order_refused_inside_a_batch_gives_its_part_back() -> None:
    armed = guard()
    refused = {"operation": "Err", "code": "INVALID_ORDER", "message": "no"}
    lost = {"operation": "Err", "code": "TIMEOUT", "message": "who knows"}
    made = send(armed, [order(price="10"), order(price="20"), order(price="40")],
                [row("1", "New", operation="Ok"), refused, lost])  # fmt: skip
    assert made.counts == [10, 0, 40] and armed.spent == 50


@pytest.mark.parametrize("name", SHOWING)
@pytest.mark.parametrize("status", ["Cancelled", "Expired", "TriggerFailed"])
def test_every_answer_with_orders_gives_the_unfilled_part_back(name: str, status: str) -> None:
    """4 SOL at 30 are 120. 1.5 of them were bought for 44.25, so the rest no longer counts."""
    armed = guard()
    send(armed, order(quantity="4"), row("7", "New"))
    rows = [row("6", status), row("7", status, "1.5", "44.25")]
    armed.saw(name, rows[1] if name.endswith("_order") else rows)
    assert armed.spent == Decimal("44.25")


def test_an_answer_says_at_once_what_was_filled() -> None:
    armed = guard(Answers())
    send(armed, order(quantity="4"), row("1", "Filled", "4", "118"))
    assert armed.spent == 118
    send(armed, market(quantity="2"), row("2", "Expired", "1", "100"))  # 101 * 2 at first
    assert armed.spent == 218
    send(armed, market(quantity="1", side="Ask"), row("3", "Filled", "1", "99"))
    assert armed.spent == 317


def test_the_open_rest_counts_at_its_price() -> None:
    """Of 4 SOL at 30, 1 was bought for 29: 29 + 3 * 30 = 119. Then 3 for 88: 88 + 30 = 118."""
    armed = guard()
    send(armed, order(quantity="4"), row("1", "PartiallyFilled", "1", "29"))
    assert armed.spent == 119
    armed.saw("get_open_orders", [row("1", "PartiallyFilled", "3", "88")])
    assert armed.spent == 118
    armed.saw("get_open_orders", [row("1", "PartiallyFilled", "1", "29")])  # an older answer
    assert armed.spent == 118
    armed.saw("get_order_history", [row("1", "Cancelled", "2", "58")])  # older too: 3 were seen
    assert armed.spent == 118
    armed.saw("get_order_history", [row("1", "Cancelled", "3", "88")])
    assert armed.spent == 88


def test_a_sale_of_2_counts_the_best_bid_until_it_rests_at_its_price() -> None:
    """The best bid is 99: 2 SOL for sale at 95 count 198. One is sold at 99, one rests at 95."""
    armed = guard(Answers())
    send(armed, order(side="Ask", price="95", quantity="2"), row("1", "New", side="Ask"))
    assert armed.spent == 198
    armed.saw("get_order", row("1", "PartiallyFilled", "1", "99", side="Ask"))
    assert armed.spent == 194


def test_another_quote_asset_counts_at_its_price() -> None:
    """One unit of the quote asset is worth 2.5 USDC: 30 are 75, 12 are 30."""
    armed = guard(Answers())
    send(armed, order(symbol="SOL_USDT"), row("1", "New", symbol="SOL_USDT"))
    assert armed.spent == 75
    armed.saw("get_order_history", [row("1", "Cancelled", "0.4", "12", symbol="SOL_USDT")])
    assert armed.spent == 30


def fill(number: int, quantity: str, price: str, order_id: str = "1") -> dict[str, Any]:
    return {"tradeId": number, "orderId": order_id, "quantity": quantity, "price": price}


def test_fills_count_when_they_make_up_the_whole_order() -> None:
    """1.5 * 28 + 2.5 * 29 = 114.5"""
    armed = guard()
    send(armed, order(quantity="4"), row("1", "New"))
    armed.saw("get_fills", [fill(1, "1.5", "28"), fill(1, "1.5", "28"), fill(9, "4", "1", "2")])
    assert armed.spent == 120
    armed.saw("get_fills", [fill(2, "2.5", "29"), fill(1, "1.5", "28")])
    assert armed.spent == Decimal("114.5")


# --- what is not known counts ---------------------------------------------------------------------

VAGUE: dict[str, tuple[str, dict[str, Any]]] = {
    "open": ("get_open_orders", row("1", "New")),
    "another order": ("get_open_orders", row("2", "Cancelled")),
    "no numbers": ("get_order_history", {"id": "1", "status": "Cancelled"}),
    "null": ("get_order_history", row("1", "Cancelled", None, None)),  # type: ignore[arg-type]
    "a float": ("get_order_history", row("1", "Cancelled") | {"executedQuantity": 0.0}),
    "negative": ("get_order_history", row("1", "Cancelled", "-1", "-30")),
    "filled without a price": ("get_order_history", row("1", "Filled", "1", "0")),
    "filled with nothing": ("get_order_history", row("1", "Filled")),
    "more than was ordered": ("get_open_orders", row("1", "New", "9", "90")),
    "an unknown status": ("get_open_orders", row("1", "Resting")),
    "a call that shows no orders": ("get_positions", row("1", "Cancelled")),
    "a fill without an id": ("get_fills", fill(1, "1", "1") | {"tradeId": None}),
    "a fill without a price": ("get_fills", fill(1, "1", "x")),
    "not an order": ("get_open_orders", ["1"]),  # type: ignore[dict-item]
}  # fmt: skip


@pytest.mark.parametrize("case", VAGUE)
def test_what_proves_nothing_changes_nothing(case: str) -> None:
    armed = guard()
    send(armed, order(), row("1", "New"))
    name, shown = VAGUE[case]
    armed.saw(name, [shown])
    assert armed.spent == 30


@pytest.mark.parametrize("answer", [{}, "text", [], None, 5])
def test_an_answer_of_another_form_changes_nothing(answer: Any) -> None:
    armed = guard()
    made = send(armed, order(), row("1", "New"))
    armed.saw("cancel_order", answer)  # such as 202 without a body
    assert armed.spent == 30
    armed.answered(made, answer)
    assert armed.spent == 30


def test_a_lost_order_is_recognised_by_an_id_that_bpkit_chose() -> None:
    gone = row("5", "Cancelled", clientId=7)
    for unique, spent in ((True, 0), (False, 30)):
        armed = guard()
        send(armed, order(clientId=7), unique_id=unique)
        armed.saw("get_order_history", [gone | {"symbol": "BTC_USDC"}, gone | {"clientId": 8}])
        armed.saw("get_order_history", [gone | {"side": "Ask"}, gone | {"triggerPrice": "9"}])
        assert armed.spent == 30
        armed.saw("get_order_history", [gone])
        assert armed.spent == spent


def test_an_answer_that_another_thread_brings_first_is_kept() -> None:
    armed = guard()
    made = armed.admit(OPERATIONS["execute_order"], order(clientId=7), unique_id=True)
    armed.saw("cancel_open_orders", [row("5", "Cancelled", clientId=7)])
    armed.answered(made, row("5", "New", clientId=7))
    assert armed.spent == 0


def test_a_conditional_order_counts_in_full_once_its_price_was_reached() -> None:
    waits = {"triggerPrice": "25", "triggerQuantity": "1"}
    for shown, spent in (
        (row("1", "Cancelled"), 0),
        (row("1", "Cancelled", triggeredAt=1788264000000), 30),
        (row("1", "Filled"), 30),
        (row("1", "Filled", "1", "28"), 30),
    ):
        armed = guard(Answers())
        send(armed, order(**waits), row("1", "TriggerPending"))
        armed.saw("get_order_history", [shown])
        armed.saw("get_fills", [fill(1, "1", "28")])
        assert armed.spent == spent


def test_only_orders_give_anything_back() -> None:
    armed = guard(Answers())
    withdrawal = OPERATIONS["request_withdrawal"]
    armed.answered(armed.admit(withdrawal, WITHDRAWAL), row("1", "cancelled"))
    strategy = {"symbol": "SOL_USDC", "side": "Bid", "quantity": "1", "price": "30"}
    armed.answered(armed.admit(OPERATIONS["strategy_create"], strategy), row("2", "Running"))
    armed.saw("get_order_history", [row("1", "Cancelled"), row("2", "Cancelled")])
    assert armed.spent == 10 + 30


def test_what_reduces_a_position_counts_nothing_whatever_becomes_of_it() -> None:
    armed = guard()
    send(armed, perp(reduceOnly=True), row("1", "Filled", "1", "30"))
    assert armed.spent == 0


def test_a_search_that_ends_with_not_found_gives_back() -> None:
    armed = guard()
    lost = send(armed, [order(price="10"), order(price="20")])
    assert armed.found(lost.id, [False, True]) == [10, 0] and armed.spent == 10
    assert armed.found(lost.id, [True]) is None and armed.spent == 10  # not the same orders
    assert armed.found(lost.id, [True, True]) == [0, 0] and armed.spent == 0
    assert armed.found(lost.id, [True, True]) is None  # it is settled
    assert armed.found(None, [True]) is None


def test_what_is_given_back_twice_is_given_back_once() -> None:
    armed = guard()
    send(armed, order(price="50"), row("1", "New"))
    refused = send(armed, order())
    for _ in range(2):
        armed.give_back(refused)
        armed.answered(refused, row("9", "Filled", "1", "30"))
        armed.give_back(None)  # a read
    assert armed.spent == 50


def test_nothing_is_kept_of_what_can_never_change() -> None:
    armed = guard()
    for number in map(str, range(3)):
        send(armed, order(clientId=5), row(number, "Filled", "1", "30"), unique_id=True)
    kept = armed._spending
    assert not (kept._attempts or kept._orders or kept._own or kept._of)


# --- days -----------------------------------------------------------------------------------------

MIDNIGHT = 1795737600000  # 2026-11-27T00:00Z


def daily(spending: Spending, now: list[int], **caps: str) -> WriteGuard:
    arming = Arming(**{"orders": True, "per_order": "60", "per_session": "500", "per_day": "100",
                       **caps})  # type: ignore[arg-type]  # fmt: skip
    return WriteGuard(arming, LIVE, False, Answers(), spending=spending, clock=lambda: now[0])


def test_a_day_is_that_of_the_signature_and_its_cap_allows_itself_and_no_more() -> None:
    now = [MIDNIGHT - 1]
    armed = daily(Spending(), now)
    made = send(armed, order(price="60"), row("1", "New"))
    assert (made.day, made.signed) == ("2026-11-26", MIDNIGHT - 1)
    with pytest.raises(GuardError) as caught:
        send(armed, order(price="40.01"))
    assert str(caught.value) == (
        "execute_order: spent 60 of per_day=100 USDC on 2026-11-26 in UTC; 40.01 more would exceed "
        "it, 40 remain. Nothing was sent."
    )
    send(armed, order(price="40"), row("2", "New"))
    now[0] = MIDNIGHT
    assert send(armed, order(price="60")).day == "2026-11-27"
    assert armed.spent == 160


def test_what_is_filled_on_the_next_day_counts_on_the_day_of_its_signature() -> None:
    now, kept = [MIDNIGHT - 1], Spending()
    armed = daily(kept, now)
    send(armed, order(price="60"), row("1", "New"))
    now[0] = MIDNIGHT
    armed.saw("get_order_history", [row("1", "Filled", "1", "59")])
    assert (kept.day("2026-11-26").value, kept.day("2026-11-27").value) == (59, 0)


def test_clients_with_one_journal_share_a_day_but_not_a_session() -> None:
    now, kept = [MIDNIGHT], Spending()
    one, other = daily(kept, now), daily(kept, now)
    send(one, order(price="60"), row("1", "New"))
    with pytest.raises(GuardError, match="spent 60 of per_day=100 USDC"):
        send(other, order(price="50"))
    other.saw("cancel_order", row("1", "Cancelled"))
    send(other, order(price="50"))
    assert (one.spent, other.spent) == (0, 50)


def test_what_changes_is_reported() -> None:
    told: list[Any] = []
    kept = Spending(lambda *what: told.append(what))
    armed = daily(kept, [MIDNIGHT])
    made = send(armed, [order(price="20"), order(price="30", quantity="2")],
                [row("1", "New", operation="Ok"), row("2", "New", operation="Ok")])  # fmt: skip
    assert told == []  # the answer to the write itself is noted by who sent it
    armed.saw("get_open_orders", [row("1", "New"), row("2", "New")])
    assert told == []
    armed.saw("cancel_order", row("1", "Cancelled"))
    armed.saw("get_fills", [fill(1, "2", "29", "2")])
    assert told == [
        (made.id, "1", [0, 60], "cancel_order"), (made.id, "2", [0, 58], "get_fills"),
    ]  # fmt: skip


def test_a_day_needs_a_journal() -> None:
    arming = Arming(orders=True, per_order="1", per_session="1", per_day=2)
    with pytest.raises(InputError) as caught:
        WriteGuard(arming, LIVE, False, Answers())
    assert str(caught.value) == (
        "per_day='2': needs a journal, to count over restarts; "
        'pass journal="orders.jsonl" as well'
    )
    assert repr(arming) == 'Arming(orders=True, per_order="1", per_session="1", per_day="2")'
    with pytest.raises(InputError, match="per_day='0.5': is below per_order=1"):
        Arming(orders=True, per_order="1", per_session="1", per_day="0.5")


# --- never less than what may still be filled -----------------------------------------------------


class Model:
    """An exchange in a few lines: whole SOL at whole prices, everything is bought."""

    def __init__(self) -> None:
        self.orders: list[dict[str, int]] = []

    def place(self, price: int, size: int) -> int:
        self.orders.append({"price": price, "size": size, "base": 0, "quote": 0, "open": 1})
        return len(self.orders) - 1

    def fill(self, one: dict[str, int], base: int, better: int) -> None:
        base = min(base, one["size"] - one["base"]) * one["open"]
        one["base"] += base
        one["quote"] += base * max(1, one["price"] - better)
        one["open"] &= one["base"] < one["size"]

    def row(self, number: int) -> dict[str, Any]:
        one = self.orders[number]
        partly = "PartiallyFilled" if one["base"] else "New"
        ended = "Filled" if one["base"] == one["size"] else "Cancelled"
        status = partly if one["open"] else ended
        return row(str(number), status, str(one["base"]), str(one["quote"]), clientId=number)

    @property
    def at_most(self) -> int:
        """What all orders have cost, or may still cost."""
        return sum(
            one["quote"] + one["open"] * (one["size"] - one["base"]) * one["price"]
            for one in self.orders
        )


STEP = st.tuples(
    st.sampled_from(["place", "lose", "fill", "cancel", "show", "stale", "history"]),
    st.integers(1, 9), st.integers(1, 9),
)  # fmt: skip


@settings(max_examples=200)
@given(st.lists(STEP, max_size=40))
def test_it_never_counts_less_than_may_still_be_filled(steps: list[tuple[str, int, int]]) -> None:
    armed, model, old = guard(), Model(), []  # type: ignore[var-annotated]
    for step, some, other in steps:
        number = some % max(1, len(model.orders))
        if step in ("place", "lose"):
            number = model.place(some, other)
            fields = order(price=str(some), quantity=str(other), clientId=number)
            made = armed.admit(OPERATIONS["execute_order"], fields, unique_id=True)
            if step == "place":
                model.fill(model.orders[number], max(0, some - 5), other)
                armed.answered(made, model.row(number))
        elif model.orders and step == "fill":
            model.fill(model.orders[number], other, some)
        elif model.orders and step == "cancel":
            model.orders[number]["open"] = 0
        elif model.orders and step == "show":
            old.append(model.row(number))
            armed.saw("get_order", old[-1])
        elif old and step == "stale":
            armed.saw("get_open_orders", [old[some % len(old)]])
        elif step == "history":
            armed.saw("get_order_history", [model.row(one) for one in range(len(model.orders))])
            assert armed.spent == model.at_most  # everything is seen
        assert armed.spent >= model.at_most


def test_threads_that_place_and_cancel_keep_the_sum() -> None:
    """Four threads with 50 orders of 10 USDC each. Half of one order of each thread is filled."""
    armed = guard(per_order="10", per_session="60")
    sums, meet = [Decimal(0)], threading.Barrier(4, timeout=10)

    def trade(first: int) -> None:
        meet.wait()
        for number in range(first, first + 50):
            send(armed, order(price="10"), row(str(number), "New"))
            sums.append(armed.spent)
            filled = ("0.5", "5") if number == first else ("0", "0")
            armed.saw("cancel_order", row(str(number), "Cancelled", *filled))

    threads = [threading.Thread(target=trade, args=(100 * one,)) for one in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(20)
    assert len(sums) == 201 and max(sums) <= 60 and armed.spent == 20


def test_sums_are_exact_whatever_the_context_says() -> None:
    armed = guard()
    with decimal.localcontext(prec=2):
        send(armed, order(quantity="3.00000001"), row("1", "PartiallyFilled", "1.00000001", "29.9"))
        assert armed.spent == Decimal("89.9")


# --- sales in parts, and lending ------------------------------------------------------------------


def test_a_sale_that_is_too_large_is_told_in_parts() -> None:
    """The best bid is 99. 1 SOL is 99 USDC; a part of 0.20 is 19.80, and 5 of them are 1 SOL."""
    armed = guard(Answers(), per_order="20", per_session="200")
    with pytest.raises(GuardError) as caught:
        send(armed, market(side="Ask", quantity="1"))
    assert str(caught.value) == (
        "execute_order: 99 USDC is above per_order=20 USDC. Nothing was sent. To sell it in parts, "
        "send 5 orders with at most quantity=0.20 each (rounded down to the market's stepSize)."
    )
    for _ in range(5):
        send(armed, market(side="Ask", quantity="0.20"))
    assert armed.spent == 99


@given(st.integers(1, 10**9), st.integers(1, 10**6))
def test_the_parts_of_a_sale_fit(quantity: int, cap: int) -> None:
    size = Decimal(quantity).scaleb(-4)
    armed = guard(Answers(), per_order=Decimal(cap).scaleb(-2), per_session="9" * 30)
    if size * 99 <= Decimal(cap).scaleb(-2):
        return
    with pytest.raises(GuardError) as caught:
        send(armed, market(side="Ask", quantity=f"{size:f}"))
    words = str(caught.value).split()
    parts, part = int(words[words.index("send") + 1]), words[words.index("most") + 1]
    each = part.removeprefix("quantity=")
    send(armed, market(side="Ask", quantity=each))
    assert parts * Decimal(each) >= size > (parts - 1) * Decimal(each)


def test_a_purchase_is_not_told_how_to_sell() -> None:
    with pytest.raises(GuardError, match="per_order=20 USDC. Nothing was sent.$"):
        send(guard(per_order="20", per_session="200"), order(price="30"))


@pytest.mark.parametrize("flag", ["autoBorrow", "autoBorrowRepay", "autoLend", "autoLendRedeem"])
def test_an_order_that_borrows_or_lends_needs_account_too(flag: str) -> None:
    strategy = {"symbol": "SOL_USDC", "side": "Bid", "quantity": "1", "price": "30"}
    for name, fields in (
        ("execute_order", order()),
        ("execute_order_batch", [order(), order()]),
        ("strategy_create", strategy),
    ):
        for value, refused in ((True, True), ("true", True), (False, False), (None, False)):
            armed = guard(Answers(), account=False, withdrawals=False)
            asked = [*fields[:1], fields[1] | {flag: value}] if isinstance(fields, list) else (
                fields | {flag: value})  # fmt: skip
            if refused:
                with pytest.raises(GuardError) as caught:
                    armed.admit(OPERATIONS[name], asked)
                assert str(caught.value) == (
                    f"{name}: {flag} needs account=True, and this client is armed for orders only. "
                    "Nothing was sent."
                )
                assert armed.spent == 0
            else:
                armed.admit(OPERATIONS[name], asked)
            guard(Answers()).admit(OPERATIONS[name], asked)
