"""Reconcile: what is asked after a lost answer, in which order, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpkit import LIVE_URL, Client, InputError, Key, TransportError
from bpkit.operations import OPERATIONS, UNDOCUMENTED
from bpkit.reconcile import Outcome, reconcile
from bpkit.results import Number, Record, Rows
from bpkit.sandbox import Sandbox

Json = dict[str, Any]
SIGNED = datetime(2026, 9, 1, 12, 0, 0, tzinfo=UTC)
SIGNED_MS = 1_788_264_000_000
WINDOW = 5000
OVER = SIGNED_MS + WINDOW + 1000  # the window, and a second for matching
ORDER = {
    "symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "170.50",
    "quantity": "1", "clientId": 7,
}  # fmt: skip
# Written out as the exchange shows it: amounts are written in its way, not ours.
ROW = {
    "id": "59669287267", "symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit",
    "price": "170.5", "quantity": "1", "quoteQuantity": "170.5", "clientId": 7, "status": "New",
    "executedQuantity": "0", "triggerPrice": None, "expiryReason": None,
    "createdAt": "2026-09-01T12:00:00.100",
}  # fmt: skip
FILL = {
    "orderId": "59669287267", "symbol": "SOL_USDC", "side": "Bid", "price": "170.5",
    "quantity": "0.4", "clientId": "7", "tradeId": 1,
}  # fmt: skip
EXPIRED = "its signature expired at"
OPEN, PAST, FILLS = "get_open_orders", "get_order_history", "get_fills"


def row(**changed: Any) -> Json:
    return {**ROW, **changed}


FILTERS = {"symbol": "symbol", "order_id": "id", "strategy_id": "id", "client_id": "clientId"}


class Fake:
    """A client that answers reads from lists; any other call is an error.

    ``answers``: for each method the answers in order, the last one repeated; of a history the whole
    of it, which is given in pages of ``cap`` rows at most. Rows that do not pass the filters of a
    call are left out, as the exchange does, unless ``filtered`` is False. ``total``: what
    ``X-Total`` says; the truth by default, nothing for None. ``asked``: the methods that were
    called; ``filters``: with what. ``now``: the exchange's clock, in milliseconds.
    """

    def __init__(
        self,
        now: int = OVER,
        *,
        url: str = LIVE_URL,
        key: Key | None = None,
        cap: int = 1000,
        total: Callable[[int], object] | None = str,
        filtered: bool = True,
        **answers: list[Any],
    ) -> None:
        self.now, self.answers, self.url, self.key = now, answers, url, key
        self.cap, self.total, self.filtered = cap, total, filtered
        self.whole: Json = {}  # the histories whose pages are asked for now
        self.asked: list[str] = []
        self.filters: list[Json] = []
        self.slept: list[float] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = OPERATIONS[name]
        assert not operation.mutates, f"{name} was called, and it writes"

        def ask(**filters: Any) -> Any:
            self.asked.append(name)
            self.filters.append(filters)
            if name == "get_time":
                return Number(self.now)
            if not filters.get("offset"):
                answers = self.answers.get(name, [[]])
                self.whole[name] = answers.pop(0) if len(answers) > 1 else answers[0]
            return self.page(self.fitting(self.whole[name], filters), **filters)

        return ask

    def fitting(self, whole: Any, filters: Json) -> Any:
        if not self.filtered or not isinstance(whole, list):
            return whole
        known = {FILTERS[name]: value for name, value in filters.items()
                 if name in FILTERS and value is not None}  # fmt: skip
        return [
            one for one in whole
            if not isinstance(one, dict)
            or all(one.get(name, value) == value for name, value in known.items())
        ]  # fmt: skip

    def page(self, whole: Any, limit: int = 0, offset: int | None = None, **_: Any) -> Any:
        if offset is None or not isinstance(whole, list):
            return whole
        rows = Rows(whole[offset : offset + min(limit, self.cap)])
        rows.headers = {"X-Total": str(self.total(len(whole)))} if self.total else {}
        return rows

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.asked.append("sleep")
        self.now += round(seconds * 1000)


def lost(parameters: Any = ORDER, operation: str = "execute_order", **changed: Any) -> Any:
    known = {"sent": True, "mutates": True, "time": SIGNED, "window": WINDOW, "unique_id": True}
    known |= changed
    return TransportError(operation, "no answer", parameters=parameters, **known)


def ask(fake: Fake, error: Any = None, **options: Any) -> Any:
    return reconcile(fake, error or lost(), sleep=fake.sleep, **options)


# --- an order, by its clientId --------------------------------------------------------------------


def test_an_order_that_rests() -> None:
    fake = Fake(get_open_orders=[[row(executedQuantity="0.4", status="PartiallyFilled")]])
    found = ask(fake)
    assert (found.state, found.executed) == ("rested", Decimal("0.4"))
    assert found.order["id"] == "59669287267"
    assert found.evidence == (
        {"source": OPEN, **row(executedQuantity="0.4", status="PartiallyFilled")},
    )
    assert fake.asked == ["get_time", OPEN, PAST]
    assert fake.filters[1:] == [
        {"symbol": "SOL_USDC"}, {"symbol": "SOL_USDC", "limit": 1000, "offset": 0},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("shown", "state", "executed"),
    [
        ({"status": "Filled", "executedQuantity": "1"}, "filled", "1"),
        ({"status": "Expired", "executedQuantity": "0.3",
          "expiryReason": "ImmediateOrCancel"}, "filled", "0.3"),
        ({"status": "Cancelled", "executedQuantity": "0.2"}, "filled", "0.2"),
        ({"status": "Cancelled"}, "cancelled", "0"),
        ({"status": "Cancelled", "executedQuantity": None}, "cancelled", "0"),
        ({"status": "Expired", "expiryReason": "PostOnlyTaker"}, "refused", "0"),
        ({"status": "TriggerFailed", "expiryReason": "InsufficientFunds"}, "refused", "0"),
        ({"status": "Filled"}, "unclear", "0"),
        ({"status": "Dreaming", "executedQuantity": "1"}, "unclear", "1"),
    ],
)  # fmt: skip
def test_an_order_that_has_ended(shown: Json, state: str, executed: str) -> None:
    fake = Fake(get_order_history=[[row(**shown)]])
    found = ask(fake)
    assert (found.state, found.executed) == (state, Decimal(executed))
    assert found.evidence[0] == {"source": PAST, **row(**shown)}
    assert FILLS not in fake.asked
    assert (shown.get("expiryReason") or shown["status"]) in found.explanation


def test_a_conditional_order_waits() -> None:
    sent = {**ORDER, "triggerPrice": "180.0", "triggerQuantity": "80%", "quantity": "1"}
    shown = row(status="TriggerPending", triggerPrice="180", triggerQuantity="80%", quantity="0")
    found = ask(Fake(get_open_orders=[[shown]]), lost(sent))
    assert found.state == "rested" and "came from" not in found.explanation


def test_a_conditional_order_for_a_part_is_what_its_successor_is() -> None:
    """80 % of the position: the order that comes from it has another quantity."""
    sent = {**ORDER, "triggerPrice": "180", "triggerQuantity": "80%", "quantity": "1"}
    shown = row(status="Filled", triggerPrice="180", triggerQuantity="80%", quantity="0")
    then = row(id="2", quantity="0.8")
    found = ask(Fake(get_open_orders=[[then]], get_order_history=[[shown]]), lost(sent))
    assert (found.state, found.order["id"]) == ("rested", "2")


def test_a_conditional_order_without_an_id_is_not_what_looks_like_its_successor() -> None:
    """An equal order may be from before."""
    sent = {**ANONYMOUS, "triggerPrice": "180", "triggerQuantity": "1"}
    shown = row(status="Filled", triggerPrice="180", triggerQuantity="1", clientId=None)
    other = row(id="2", clientId=None)
    fake = Fake(get_open_orders=[[other]], get_order_history=[[shown]])
    assert ask(fake, lost(sent, unique_id=False)).state == "unclear"


@pytest.mark.parametrize("named", ["relatedOrderId", "clientId"])
def test_a_conditional_order_that_fired_is_what_its_successor_is(named: str) -> None:
    """The row of the conditional order itself is Filled, with nothing executed."""
    sent = {**ORDER, "triggerPrice": "180", "triggerQuantity": "1"}
    del sent["quantity"]
    shown = row(status="Filled", triggerPrice="180", triggerQuantity="1", quantity=None)
    then = row(id="2", executedQuantity="0.5")
    if named == "relatedOrderId":
        then |= {"relatedOrderId": shown["id"], "clientId": None}
    found = ask(Fake(get_open_orders=[[then]], get_order_history=[[shown]]), lost(sent))
    assert (found.state, found.executed, found.order["id"]) == ("rested", Decimal("0.5"), "2")
    assert [one["id"] for one in found.evidence] == ["59669287267", "2"]
    fake = Fake(get_open_orders=[[then]], get_order_history=[[shown]])
    mine = ask(fake, lost(sent, unique_id=False))
    # By an id of your own two rows fit, and the one with what was sent is the conditional order.
    assert (mine.state, mine.order["id"]) == ("rested", "2")


@pytest.mark.parametrize("status", ["Cancelled", "Expired", "TriggerPending", "Filled"])
def test_a_conditional_order_is_what_names_it_whatever_its_status(status: str) -> None:
    sent = {**ORDER, "triggerPrice": "180", "triggerQuantity": "1"}
    shown = row(status=status, triggerPrice="180", triggerQuantity="1", quantity="0")
    then = row(id="2", clientId=None, relatedOrderId=shown["id"], status="Filled",
               executedQuantity="1")  # fmt: skip
    exit_ = then | {"id": "3", "side": "Ask"}  # that takes the profit
    fake = Fake(get_order_history=[[exit_, then, shown]])
    found = ask(fake, lost(sent))
    assert (found.state, found.executed, found.order["id"]) == ("filled", Decimal(1), "2")
    assert "It came from the conditional order 59669287267." in found.explanation
    twice = Fake(get_order_history=[[then, then | {"id": "4"}, shown]])
    assert ask(twice, lost(sent)).state == "unclear"


def test_a_conditional_order_shown_as_cancelled_is_what_has_its_id() -> None:
    """The history does not say what an order was related to; the id does if it is used once."""
    sent = {**ORDER, "triggerPrice": "180", "triggerQuantity": "1"}
    shown = row(status="Cancelled", triggerPrice="180", triggerQuantity="1", quantity="0")
    then = row(id="2", status="Filled", executedQuantity="1")
    fake = Fake(get_order_history=[[then, shown]])
    assert (ask(fake, lost(sent)).state, ask(fake, lost(sent)).executed) == ("filled", Decimal(1))
    found = ask(fake, lost(sent, unique_id=False))  # then the other may be from before
    assert found.state == "cancelled" and CAUTION in found.explanation


def test_a_conditional_order_that_shows_what_it_executed_is_believed() -> None:
    sent = {**ORDER, "triggerPrice": "180", "triggerQuantity": "1"}
    shown = row(status="Filled", triggerPrice="180", triggerQuantity="1", executedQuantity="1")
    fake = Fake(get_order_history=[[row(id="2", status="Cancelled"), shown]])
    found = ask(fake, lost(sent))
    assert (found.state, found.executed) == ("filled", Decimal(1))


def test_a_conditional_order_that_fired_and_left_nothing_is_unclear() -> None:
    sent = {**ORDER, "triggerPrice": "180", "triggerQuantity": "1"}
    shown = row(status="Filled", triggerPrice="180", triggerQuantity="1", quantity=None)
    stranger = row(id="2", side="Ask", status="Filled", executedQuantity="1")
    assert ask(Fake(get_order_history=[[stranger, shown]]), lost(sent)).state == "unclear"


def test_fills_alone_show_what_was_executed() -> None:
    others = [
        {**FILL, "clientId": "77", "quantity": "9"}, {**FILL, "clientId": None, "quantity": "9"},
        {**FILL, "side": "Ask", "quantity": "9", "orderId": "8"},
    ]  # fmt: skip
    fake = Fake(get_fills=[[FILL, {**FILL, "quantity": "0.35"}, *others]])
    found = ask(fake)
    assert (found.state, found.executed, found.order) == ("filled", Decimal("0.75"), None)
    assert [one["source"] for one in found.evidence] == [FILLS, FILLS]
    assert fake.asked == ["get_time", OPEN, PAST, FILLS, OPEN, PAST]  # it may be there by now


def test_fills_of_several_orders_are_unclear() -> None:
    found = ask(Fake(get_fills=[[FILL, {**FILL, "orderId": "8"}]]))
    assert found.state == "unclear" and len(found.evidence) == 2


# --- races ----------------------------------------------------------------------------------------


def test_it_arrives_after_the_open_orders_were_asked() -> None:
    fake = Fake(get_open_orders=[[], [row()]])
    assert ask(fake).state == "rested"
    assert fake.asked == ["get_time", OPEN, PAST, FILLS, OPEN]


def test_it_fills_between_two_looks() -> None:
    fake = Fake(
        get_open_orders=[[row()]], get_order_history=[[row(status="Filled", executedQuantity="1")]]
    )
    assert ask(fake).state == "filled"


def test_it_rests_in_the_history_and_is_confirmed_by_the_book() -> None:
    fake = Fake(get_open_orders=[[], [row()]], get_order_history=[[row()]])
    found = ask(fake)
    assert (found.state, found.evidence[0]["source"]) == ("rested", OPEN)
    assert fake.asked == ["get_time", OPEN, PAST, OPEN]


def test_it_rests_in_the_history_and_has_left_the_book() -> None:
    filled = row(status="Filled", executedQuantity="1")
    fake = Fake(get_order_history=[[row()], [filled]])
    assert ask(fake).state == "filled"
    assert fake.asked == ["get_time", OPEN, PAST, OPEN, PAST]


def test_a_history_that_stays_behind_is_not_believed() -> None:
    assert ask(Fake(get_order_history=[[row()]])).state == "unclear"


def test_a_history_that_is_behind_does_not_undo_what_the_book_said() -> None:
    half = row(status="PartiallyFilled", executedQuantity="0.5")
    fake = Fake(get_open_orders=[[half]], get_order_history=[[row()]])
    assert ask(fake).executed == Decimal("0.5")


@pytest.mark.parametrize("status", ["Filled", "Cancelled", "Expired", "TriggerFailed"])
def test_a_book_that_is_behind_does_not_undo_what_the_history_said(status: str) -> None:
    """The open orders are asked again for the other order, and still show this one."""
    ended = row(status=status, executedQuantity="1")
    fake = Fake(get_open_orders=[[], [row()]], get_order_history=[[ended]])
    found = ask(fake, batch(ORDER, {**ORDER, "clientId": 8}))
    assert [one.state for one in found] == ["filled", "not found"]
    assert found[0].order["status"] == status


# --- not found, and waiting -----------------------------------------------------------------------


def test_not_found_once_it_cannot_arrive_is_said_at_once() -> None:
    fake = Fake(now=OVER)
    found = ask(fake)
    assert (found.state, found.order, found.executed) == ("not found", None, 0)
    assert fake.asked == ["get_time", OPEN, PAST, FILLS, OPEN]  # the time before the look
    assert EXPIRED in found.explanation
    assert "2026-09-01T12:00:05.000+00:00" in found.explanation
    assert found.evidence == (
        {"source": OPEN, "rows": 0, "complete": True},
        {"source": PAST, "rows": 0, "complete": True},
        {"source": FILLS, "rows": 0, "complete": True},
        {"source": OPEN, "rows": 0, "complete": True},
        {"source": "get_time", "time": "2026-09-01T12:00:06.000+00:00",
         "validUntil": "2026-09-01T12:00:05.000+00:00"},
    )  # fmt: skip


@pytest.mark.parametrize(("early", "waited"), [(6000, 6.0), (2500, 2.5), (1000, 1.0), (1, 0.001)])
def test_it_waits_until_it_cannot_arrive(
    early: int, waited: float, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = Fake(now=OVER - early)
    found = ask(fake)
    look = [OPEN, PAST, FILLS, OPEN]
    assert fake.asked == ["get_time", *look, "sleep", "get_time", *look]
    assert fake.slept == [waited]
    assert EXPIRED in found.explanation
    told = capsys.readouterr()
    assert (told.out, f"waiting {waited:.1f} seconds" in told.err) == ("", waited > 1)


def test_what_arrives_meanwhile_is_found() -> None:
    fake = Fake(now=SIGNED_MS, get_open_orders=[[], [], [row()]])
    assert ask(fake).state == "rested"
    assert fake.slept == [6.0]


def test_without_waiting_it_says_until_when() -> None:
    fake = Fake(now=SIGNED_MS + 200)
    found = ask(fake, wait=False)
    assert (found.state, fake.slept) == ("unclear", [])  # "not found" would allow to send it again
    assert "may still arrive until 2026-09-01T12:00:05.000+00:00" in found.explanation
    assert "2026-09-01T12:00:00.200+00:00" in found.explanation


@pytest.mark.parametrize(
    ("operation", "sent"),
    [("execute_order", ORDER), ("cancel_order", {"symbol": "SOL_USDC", "clientId": 7}),
     ("strategy_create", {"symbol": "SOL_USDC", "side": "Bid", "clientStrategyId": 7}),
     ("request_withdrawal", {"symbol": "USDC", "address": "0x1", "clientId": "7"})],
)  # fmt: skip
def test_not_found_is_final_for_whatever_is_looked_for(operation: str, sent: Json) -> None:
    for now, state in ((OVER - 1, "unclear"), (OVER, "not found")):
        assert ask(Fake(now=now), lost(sent, operation), wait=False).state == state


def test_what_is_found_needs_no_waiting() -> None:
    fake = Fake(now=SIGNED_MS, get_open_orders=[[row()]])
    assert (ask(fake).state, fake.slept) == ("rested", [])


def test_a_sleep_that_is_too_short_is_followed_by_another() -> None:
    fake = Fake(now=OVER - 4000)

    def half(seconds: float) -> None:
        fake.sleep(seconds / 2 if seconds > 1 else seconds)

    reconcile(fake, lost(), sleep=half)
    assert fake.slept == [2.0, 1.0, 1.0]


def test_a_clock_that_does_not_move_ends_the_waiting() -> None:
    fake, slept = Fake(now=SIGNED_MS), []
    found = reconcile(fake, lost(), sleep=slept.append)
    assert sum(slept) == 120 and "may still arrive" in found.explanation
    assert found.state == "unclear"


def test_a_long_wait_is_announced_as_two_minutes(capsys: pytest.CaptureFixture[str]) -> None:
    ask(Fake(now=SIGNED_MS - 400_000))
    assert "waiting 120.0 seconds" in capsys.readouterr().err


def test_without_the_time_of_the_signature_nothing_is_sure() -> None:
    fake = Fake()
    found = ask(fake, lost(time=None))
    assert (found.state, fake.slept) == ("unclear", [])
    assert "may still arrive" in found.explanation and "not known" in found.explanation
    assert found.evidence[-1]["validUntil"] is None


def test_without_a_window_the_longest_is_meant() -> None:
    fake = Fake(now=SIGNED_MS)
    ask(fake, lost(window=None))
    assert fake.slept == [61.0]


@given(st.integers(-3_600_000, 200_000), st.integers(1, 60_000))
def test_nothing_is_not_found_before_its_time(late: int, window: int) -> None:
    fake = Fake(now=SIGNED_MS + late)
    found = ask(fake, lost(window=window))
    gone = EXPIRED in found.explanation
    assert gone == (fake.now >= SIGNED_MS + window + 1000)
    assert found.state == ("not found" if gone else "unclear")
    assert sum(fake.slept) <= 120
    assert gone or sum(fake.slept) == 120


# --- which one is it ------------------------------------------------------------------------------


def test_several_with_the_same_id_are_told_apart_by_what_was_ordered() -> None:
    old = row(id="1", status="Filled", executedQuantity="1")
    others: list[Json] = [
        {"price": "170.49"}, {"side": "Ask"}, {"quantity": "2"}, {"orderType": "Market"},
    ]  # fmt: skip
    rows = [row(id="3"), *(old | one | {"id": f"1{n}"} for n, one in enumerate(others))]
    fake = Fake(get_open_orders=[[row(id="3")]], get_order_history=[rows])
    found = ask(fake, lost(unique_id=False))
    assert (found.state, found.order["id"]) == ("rested", "3")


def test_several_that_fit_are_unclear() -> None:
    old = row(id="1", status="Filled", executedQuantity="1")
    fake = Fake(get_open_orders=[[row(id="3")]], get_order_history=[[row(id="3"), old]])
    found = ask(fake, lost(unique_id=False))
    assert (found.state, found.order, found.executed) == ("unclear", None, 0)
    assert {(one["source"], one["id"]) for one in found.evidence} == {(OPEN, "3"), (PAST, "1")}


def test_one_with_our_id_that_is_another_order_is_not_taken_for_ours() -> None:
    """Nor for none: it may be that the exchange shows an order otherwise than it was sent."""
    fake = Fake(now=SIGNED_MS, get_open_orders=[[row(side="Ask")]])
    found = ask(fake)
    assert found.state == "unclear" and "side" in found.explanation
    assert fake.slept == [6.0]  # ours may still come


@pytest.mark.parametrize(
    "other", [{"clientId": 8}, {"clientId": None}, {"symbol": "SOL_USDC_PERP"}]
)
def test_others_are_not_ours(other: Json) -> None:
    rows = [row(**other)]
    fake = Fake(filtered=False, get_open_orders=[rows], get_order_history=[rows])
    assert ask(fake).state == "not found"


def test_id_zero_is_an_id() -> None:
    rows = [row(id="1", clientId=None), row(id="2", clientId=0)]
    found = ask(Fake(get_open_orders=[rows]), lost({**ORDER, "clientId": 0}))
    assert found.order["id"] == "2"


ANONYMOUS = {name: value for name, value in ORDER.items() if name != "clientId"}


def test_without_an_id_it_is_known_by_what_was_ordered() -> None:
    rows = [row(id="1"), row(id="2", clientId=None, side="Ask"),
            row(id="3", clientId=None, price="170.51"), row(id="4", clientId=None),
            row(id="5", clientId=None, triggerPrice="1")]  # fmt: skip
    fake = Fake(get_open_orders=[rows])
    found = ask(fake, lost(ANONYMOUS, unique_id=False))
    assert (found.state, found.order["id"]) == ("rested", "4")
    assert "an equal order from before would look the same" in found.explanation
    assert "an equal" not in ask(Fake(get_open_orders=[[row()]])).explanation


def test_without_an_id_several_are_unclear_and_none_is_not_found() -> None:
    rows = [row(id="1", clientId=None), row(id="2", clientId=None)]
    assert ask(Fake(get_open_orders=[rows]), lost(ANONYMOUS, unique_id=False)).state == "unclear"
    fake = Fake(get_open_orders=[[row()]])
    assert ask(fake, lost(ANONYMOUS, unique_id=False)).state == "not found"
    assert FILLS not in fake.asked  # a fill says nothing of its order but the id


@pytest.mark.parametrize("changed", [{"triggerPrice": "181"}, {"triggerQuantity": "2"}])
def test_another_conditional_order_is_not_ours(changed: Json) -> None:
    sent = {**ANONYMOUS, "triggerPrice": "180", "triggerQuantity": "1"}
    other = row(clientId=None, triggerPrice="180", triggerQuantity="1", status="TriggerPending")
    fake = Fake(get_open_orders=[[other | changed]])
    assert ask(fake, lost(sent, unique_id=False)).state == "not found"
    assert ask(Fake(get_open_orders=[[other]]), lost(sent, unique_id=False)).state == "rested"


def test_an_order_with_id_zero_that_differs_is_unclear() -> None:
    fake = Fake(get_open_orders=[[row(clientId=0, price="1")]])
    assert ask(fake, lost({**ORDER, "clientId": 0})).state == "unclear"


def test_an_order_that_has_left_the_book_no_longer_rests() -> None:
    """It is in the first answer, another order is missing, and the second answer is without it."""
    fake = Fake(get_open_orders=[[row()], []], get_order_history=[[]])
    found = ask(fake, batch(ORDER, {**ORDER, "clientId": 8}), wait=False)
    assert [one.state for one in found] == ["unclear", "not found"]


def test_fills_of_strangers_make_no_second_search() -> None:
    fake = Fake(get_fills=[[{**FILL, "clientId": "77"}]])
    assert ask(fake).state == "not found"
    assert fake.asked == ["get_time", OPEN, PAST, FILLS, OPEN]


def test_a_history_is_read_on_if_what_has_our_id_differs() -> None:
    """By our id, but not what was sent: ours may be on the next page."""
    other = row(**DONE, id="2", price="1")
    fake = Fake(get_order_history=[[other, *strangers(1500, 1000), row(**DONE)]])
    found = ask(fake)
    assert (found.state, found.order["id"]) == ("filled", "59669287267")


def test_a_market_order_by_its_quote_quantity() -> None:
    sent = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Market", "quoteQuantity": "100.00"}
    shown = row(clientId=None, orderType="Market", price=None, quantity=None, status="Filled",
                executedQuantity="0.58", quoteQuantity="100")  # fmt: skip
    fake = Fake(get_order_history=[[shown | {"id": "1", "quoteQuantity": "100.01"}, shown]])
    found = ask(fake, lost(sent))
    assert (found.state, found.executed, found.order["id"]) == (
        "filled", Decimal("0.58"), "59669287267",
    )  # fmt: skip


# --- an id that was used before -------------------------------------------------------------------

CAUTION = "You gave this clientId yourself"
MINE = lost(unique_id=False)
DONE = {"status": "Filled", "executedQuantity": "1"}
HERE = "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("made", "state"),
    [
        ("2026-08-31T12:00:00.000", "not found"),  # yesterday
        ("2026-09-01T11:49:59.999", "not found"),  # ten minutes and one millisecond before
        ("2026-09-01T11:50:00.000", "filled"),
        ("2026-09-01T12:00:00.100", "filled"),
        (SIGNED_MS - 600_001, "not found"),
        (SIGNED_MS - 600_000, "filled"),
        # Written in another way: its age is not known.
        ("x", "filled"), (None, "filled"), (1, "filled"), ("2026-08-31", "filled"),
        (1_788_000_000, "filled"), ("2026-08-31T12:00:00Z", "filled"),
    ],
)  # fmt: skip
def test_what_was_there_long_before_is_not_what_was_sent(made: Any, state: str) -> None:
    found = ask(Fake(get_order_history=[[row(**DONE, createdAt=made)]]), MINE)
    assert found.state == state
    assert (CAUTION if state == "filled" else EXPIRED) in found.explanation
    # Unix milliseconds are written out: 1788264000000 is noon of 2026-09-01.
    written = {SIGNED_MS - 600_001: "2026-09-01T11:49:59.999+00:00",
               SIGNED_MS - 600_000: "2026-09-01T11:50:00.000+00:00"}  # fmt: skip
    assert f"59669287267 of {written.get(made, made)}" in found.explanation


def test_what_was_made_for_it_alone_is_it_however_old_it_looks() -> None:
    found = ask(Fake(get_order_history=[[row(**DONE, createdAt="2026-08-31T12:00:00.000")]]))
    assert found.state == "filled" and CAUTION not in found.explanation


@pytest.mark.parametrize("source", [OPEN, PAST])
def test_an_older_one_does_not_hide_it(source: str) -> None:
    old = row(id="1", createdAt=SIGNED_MS - 86_400_000, price="1")
    same = old | {"id": "2", "price": "170.5"}
    fake = Fake(get_open_orders=[[old, same]], get_order_history=[[old, same]])
    fake.answers[source] = [[old, same, row(**DONE)]]
    found = ask(fake, MINE)
    assert (found.state, found.order["id"]) == ("filled", "59669287267")
    old_only = Fake(get_open_orders=[[old]])
    assert ask(old_only, MINE).state == "not found"


@pytest.mark.parametrize("url", [HERE, "https://backpack.example"])
def test_where_times_cannot_be_compared_there_is_a_warning(url: str) -> None:
    """The market of a sandbox has its own time."""
    old = row(**DONE, createdAt="2020-01-01T00:00:00.000")
    found = ask(Fake(url=url, get_order_history=[[old]]), MINE)
    assert (found.state, found.executed) == ("filled", Decimal(1))
    assert "59669287267 of 2020-01-01T00:00:00.000" in found.explanation
    assert f"{CAUTION}: if you have used it before" in found.explanation
    two = Fake(url=url, get_order_history=[[row(**DONE, id="2"), old]])
    assert ask(two, MINE).state == "unclear"


def test_without_the_time_of_the_signature_nothing_is_too_old() -> None:
    old = row(**DONE, createdAt="2020-01-01T00:00:00.000")
    found = ask(Fake(get_order_history=[[old]]), lost(time=None, unique_id=False))
    assert found.state == "filled" and CAUTION in found.explanation


def test_an_id_that_was_used_before_is_looked_for_on_later_pages() -> None:
    ours, other = row(**DONE), row(**DONE, id="2")
    past = [ours, *strangers(1500, 1000), other]
    assert ask(Fake(url=HERE, get_order_history=[past]), MINE).state == "unclear"
    fake = Fake(url=HERE, get_order_history=[past])
    assert (ask(fake).state, fake.asked.count(PAST)) == ("filled", 1)


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        ({"timestamp": "2026-09-01T11:49:59.999"}, "not found"),
        ({"timestamp": "2026-09-01T12:00:00.200"}, "filled"),
        ({"timestamp": "2026-09-01T12:00:00.200", "orderId": "1"}, "not found"),  # of an older one
    ],
)
def test_fills_from_before_do_not_count(changed: Json, state: str) -> None:
    old = row(**DONE, id="1", createdAt="2026-08-31T12:00:00.000")
    found = ask(Fake(get_order_history=[[old]], get_fills=[[FILL | changed]]), MINE)
    assert found.state == state
    assert (CAUTION in found.explanation) == (state == "filled")


def test_a_cancel_is_about_what_was_there_before() -> None:
    old = row(status="Cancelled", createdAt="2026-08-31T12:00:00.000")
    sent = {"symbol": "SOL_USDC", "clientId": 7}
    found = ask(Fake(get_order_history=[[old]]), lost(sent, "cancel_order", unique_id=False))
    assert found.state == "cancelled"


def test_a_withdrawal_from_before_is_another_one() -> None:
    error = lost(WITHDRAWAL, "request_withdrawal", unique_id=False)
    old = SHOWN | {"id": 1, "createdAt": "2026-08-31T12:00:00.000"}
    found = ask(Fake(get_withdrawals=[[old]]), error)
    assert found.state == "not found" and "1 of 2026-08-31T12:00:00.000+00:00" in found.explanation
    found = ask(Fake(get_withdrawals=[[SHOWN, old]]), error)
    assert found.state == "accepted" and CAUTION in found.explanation
    assert ask(Fake(url=HERE, get_withdrawals=[[SHOWN, old]]), error).state == "unclear"


# --- the client that looks ------------------------------------------------------------------------

OURS, THEIRS = Key.generate(), Key.generate()


@pytest.mark.parametrize(
    ("known", "field", "value"),
    [
        ({"url": HERE}, "client.url", LIVE_URL),
        ({"public_key": THEIRS.public_key}, "client.key.public_key", OURS.public_key),
    ],
    ids=("url", "key"),
)
def test_another_client_is_not_asked(known: Json, field: str, value: str) -> None:
    fake = Fake(key=OURS)
    with pytest.raises(InputError, match="use the client that sent it") as caught:
        ask(fake, lost(**known))
    assert (caught.value.field, caught.value.value, fake.asked) == (field, value, [])
    (there,) = known.values()
    assert there in str(caught.value)


def test_the_same_exchange_and_key_are_enough() -> None:
    known = {"url": LIVE_URL, "public_key": OURS.public_key}
    assert ask(Fake(key=OURS, get_open_orders=[[row()]]), lost(**known)).state == "rested"
    with pytest.raises(InputError, match="None"):
        ask(Fake(), lost(**known))  # without a key
    assert ask(Fake(key=OURS, get_open_orders=[[row()]]), lost()).state == "rested"


# --- long histories -------------------------------------------------------------------------------


def strangers(many: int, start: int) -> list[Json]:
    return [row(id=str(start + place), clientId=None) for place in range(many)]


def offsets(fake: Fake) -> list[int]:
    return [one["offset"] for one in fake.filters if "offset" in one]


def test_a_history_is_read_page_by_page_until_it_is_found() -> None:
    ours = row(status="Filled", executedQuantity="1")
    fake = Fake(get_order_history=[[*strangers(1999, 1000), ours, *strangers(500, 3000)]])
    assert ask(fake).state == "filled"
    assert offsets(fake) == [0, 999, 1998]  # each begins with the last row of the one before


def test_a_history_is_read_to_its_end() -> None:
    fake = Fake(get_order_history=[strangers(1003, 1000)])
    found = ask(fake)
    assert found.state == "not found"
    assert {"source": PAST, "rows": 1003, "complete": True} in found.evidence
    assert "Not all" not in found.explanation


def test_a_history_without_end_is_read_to_a_bound_and_proves_nothing() -> None:
    fake = Fake(get_order_history=[strangers(11_500, 1000)])
    found = ask(fake)
    assert fake.asked.count(PAST) == 11
    assert found.state == "unclear"
    # 1000, and ten times 999: each page repeats a row of the page before.
    assert "Not all of get_order_history was read, only 10990 rows." in found.explanation
    assert {"source": PAST, "rows": 10_990, "complete": False} in found.evidence


@pytest.mark.parametrize("total", [str, None, lambda many: "many"])
def test_a_page_that_is_shorter_than_asked_is_not_the_end(total: Any) -> None:
    ours = row(status="Filled", executedQuantity="1")
    fake = Fake(cap=100, total=total, get_order_history=[[*strangers(300, 1000), ours]])
    assert ask(fake).state == "filled"
    assert offsets(fake) == [0, 99, 198, 297]


@pytest.mark.parametrize(("many", "asked"), [(3, [0, 2]), (1, [0, 1]), (0, [0])])
def test_without_a_total_a_page_without_a_new_row_is_the_end(many: int, asked: list[int]) -> None:
    fake = Fake(total=None, get_order_history=[strangers(many, 1000)])
    found = ask(fake)
    assert found.state == "not found"
    assert offsets(fake) == [*asked, 0]  # and the fills
    assert {"source": PAST, "rows": many, "complete": True} in found.evidence


def test_less_than_was_counted_proves_nothing() -> None:
    fake = Fake(total=lambda many: many + 1, get_order_history=[strangers(3, 1000)])
    found = ask(fake)
    assert found.state == "unclear"
    assert {"source": PAST, "rows": 3, "complete": False} in found.evidence


def test_a_count_of_the_page_alone_is_not_the_end_of_a_full_one() -> None:
    ours = row(status="Filled", executedQuantity="1")
    fake = Fake(total=lambda many: 1000, get_order_history=[[*strangers(1000, 1000), ours]])
    assert ask(fake).state == "filled"


def test_small_pages_are_not_read_for_ever() -> None:
    fake = Fake(cap=2, total=None, get_order_history=[strangers(5000, 1000)])
    assert ask(fake).state == "unclear"
    assert fake.asked.count(PAST) == 100


def test_pages_of_one_row_prove_nothing() -> None:
    """Such a page repeats the last row of the page before, and shows nothing else."""
    found = ask(Fake(cap=1, total=None, get_order_history=[strangers(3, 1000)]))
    assert found.state == "unclear"


@pytest.mark.parametrize("total", [str, None])
@pytest.mark.parametrize("many", [3, 1500])
def test_an_exchange_that_ignores_the_offset_proves_nothing(total: Any, many: int) -> None:
    """It gives the first page for ever, and ours may be behind it."""

    class Deaf(Fake):
        def page(self, whole: Any, limit: int = 0, offset: int | None = None, **_: Any) -> Any:
            return super().page(whole, limit, None if offset is None else 0)

    fake = Deaf(total=total, get_order_history=[strangers(many, 1000)])
    found = ask(fake)
    counted_and_short = total is str and many == 3
    assert found.state == ("not found" if counted_and_short else "unclear")
    assert fake.asked.count(PAST) < 10


def test_a_row_that_vanishes_between_two_pages_proves_nothing() -> None:
    """What follows it moves up, and a row between the two pages is not seen."""

    class Shrinking(Fake):
        def page(self, whole: Any, limit: int = 0, offset: int | None = None, **_: Any) -> Any:
            if offset:
                whole = whole[5:]
            return super().page(whole, limit, offset)

    found = ask(Shrinking(get_order_history=[strangers(1500, 1000)]))
    assert found.state == "unclear"
    assert {"source": PAST, "rows": 1496, "complete": False} in found.evidence


def test_a_page_of_older_rows_that_does_not_join_proves_nothing() -> None:
    """All that is left is older than what was sent, but some rows are missing before it."""
    past = strangers(998, 1000) + [
        one | {"createdAt": "2026-09-01T11:49:59.999"} for one in strangers(500, 5000)
    ]

    class Shrinking(Fake):
        def page(self, whole: Any, limit: int = 0, offset: int | None = None, **_: Any) -> Any:
            return super().page(whole[5:] if offset else whole, limit, offset)

    assert ask(Fake(get_order_history=[past])).state == "not found"
    past[990:1000] = strangers(10, 9000)  # not old: the first page has none that is
    assert ask(Shrinking(get_order_history=[past])).state == "unclear"


@pytest.mark.parametrize("total", [9, 1])
def test_an_empty_history_that_is_counted_proves_nothing(total: int) -> None:
    found = ask(Fake(total=lambda many: total))
    assert found.state == "unclear"
    assert {"source": PAST, "rows": 0, "complete": False} in found.evidence


def test_a_long_history_ends_where_all_is_older_than_what_was_sent() -> None:
    """Ten minutes: a timestamp that is further from the exchange's clock was seen refused."""
    for made, reads, state in (("11:49:59.999", 2, "not found"), ("11:50:00.000", 11, "unclear")):
        past = strangers(1998, 1000) + [
            one | {"createdAt": f"2026-09-01T{made}"} for one in strangers(10_000, 5000)
        ]
        fake = Fake(get_order_history=[past])
        assert ask(fake).state == state
        assert fake.asked.count(PAST) == reads


@pytest.mark.parametrize("odd", [Record(), Record({"code": "X"}), "pong", ["a"], [{"id": "1"}]])
@pytest.mark.parametrize("source", [OPEN, PAST])
def test_what_is_not_understood_is_not_taken_for_nothing(source: str, odd: Any) -> None:
    with pytest.raises(TransportError, match="not a list of rows") as caught:
        ask(Fake(**{source: [odd]}))
    assert (caught.value.operation, caught.value.mutates) == (source, False)


# --- batches --------------------------------------------------------------------------------------


def batch(*orders: Json, **changed: Any) -> Any:
    return lost(list(orders), "execute_order_batch", **changed)


def test_a_batch_has_an_outcome_for_each_order_in_their_order() -> None:
    sent = [{**ORDER, "clientId": number} for number in (3, 1, 2)]
    past = [row(id="1", clientId=1, status="Filled", executedQuantity="1"),
            row(id="2", clientId=2, status="Expired", expiryReason="FillOrKill")]  # fmt: skip
    fake = Fake(get_order_history=[past])
    found = ask(fake, batch(*sent))
    assert [one.state for one in found] == ["not found", "filled", "refused"]
    assert {one.operation for one in found} == {"execute_order_batch"}
    assert fake.asked == ["get_time", OPEN, PAST, FILLS, OPEN]  # one look for all


def test_a_batch_waits_once_for_what_is_missing() -> None:
    sent = [{**ORDER, "clientId": number} for number in (1, 2)]
    one, two = row(id="1", clientId=1), row(id="2", clientId=2)
    fake = Fake(now=SIGNED_MS, get_open_orders=[[one], [one], [one, two]])
    assert [each.state for each in ask(fake, batch(*sent))] == ["rested", "rested"]
    assert fake.slept == [6.0]


def test_a_batch_over_several_markets_asks_for_all_of_them() -> None:
    far = {**ORDER, "symbol": "BTC_USDC"}
    fake = Fake(get_open_orders=[[row(), row(id="2", symbol="BTC_USDC")]])
    found = ask(fake, batch(ORDER, far))
    assert [one.order["id"] for one in found] == ["59669287267", "2"]
    assert {one["symbol"] for one in fake.filters if "symbol" in one} == {None}


def test_orders_of_a_batch_that_are_alike_get_a_row_each() -> None:
    rows = [row(id="1", clientId=None), row(id="2", clientId=None)]
    found = ask(Fake(get_open_orders=[rows]), batch(ANONYMOUS, ANONYMOUS, unique_id=False))
    assert sorted(one.order["id"] for one in found) == ["1", "2"]


@pytest.mark.parametrize("many", [1, 3])
def test_orders_of_a_batch_that_are_alike_and_do_not_match_in_number_are_unclear(many: int) -> None:
    rows = [row(id=str(place), clientId=None) for place in range(many)]
    found = ask(Fake(get_open_orders=[rows]), batch(ANONYMOUS, ANONYMOUS, unique_id=False))
    assert [one.state for one in found] == ["unclear", "unclear"]
    assert all(len(one.evidence) == many for one in found)


# --- cancels --------------------------------------------------------------------------------------

CANCEL = {"symbol": "SOL_USDC", "orderId": "59669287267"}


@pytest.mark.parametrize("named", [{"orderId": "59669287267"}, {"clientId": 7}])
@pytest.mark.parametrize(
    ("shown", "state", "executed"),
    [
        ({"status": "Cancelled"}, "cancelled", "0"),
        ({"status": "Filled", "executedQuantity": "1"}, "filled", "1"),
        ({"status": "Cancelled", "executedQuantity": "0.1"}, "filled", "0.1"),
        ({"status": "Cancelled", "triggerPrice": "180"}, "cancelled", "0"),
    ],
)
def test_a_cancel(named: Json, shown: Json, state: str, executed: str) -> None:
    fake = Fake(now=SIGNED_MS, get_order_history=[[row(**shown), row(id="1", clientId=1)]])
    found = ask(fake, lost({"symbol": "SOL_USDC", **named}, "cancel_order"))
    assert (found.state, found.executed) == (state, Decimal(executed))
    assert fake.slept == []
    by_id = fake.filters[fake.asked.index(PAST)].get("order_id")
    assert by_id == named.get("orderId")


def test_a_cancel_that_did_not_come_waits_until_it_cannot() -> None:
    fake = Fake(now=SIGNED_MS, get_open_orders=[[row()]])
    found = ask(fake, lost(CANCEL, "cancel_order"))
    assert (found.state, fake.slept) == ("rested", [6.0])
    assert "The cancel is refused if it arrives now" in found.explanation


def test_a_cancel_that_comes_while_waiting() -> None:
    fake = Fake(now=SIGNED_MS, get_open_orders=[[row()], []],
                get_order_history=[[row()], [row(status="Cancelled")]])  # fmt: skip
    assert ask(fake, lost(CANCEL, "cancel_order")).state == "cancelled"


def test_a_cancel_that_is_unclear_is_looked_at_again_after_the_wait() -> None:
    """The history lags behind: the order is not open, and not ended either."""
    fake = Fake(now=SIGNED_MS, get_order_history=[[row()], [row()], [row(status="Cancelled")]])
    assert ask(fake, lost(CANCEL, "cancel_order")).state == "cancelled"
    assert fake.slept == [6.0]


def test_a_cancel_that_came_between_two_looks() -> None:
    fake = Fake(now=SIGNED_MS, get_open_orders=[[row()]],
                get_order_history=[[row(status="Cancelled")]])  # fmt: skip
    found = ask(fake, lost(CANCEL, "cancel_order"))
    assert found.state == "cancelled" and "arrive" not in found.explanation


def test_a_cancel_without_waiting() -> None:
    fake = Fake(now=SIGNED_MS, get_open_orders=[[row()]])
    found = ask(fake, lost(CANCEL, "cancel_order"), wait=False)
    assert found.state == "rested" and "The cancel may still arrive until" in found.explanation


def test_a_cancel_of_what_is_not_there() -> None:
    assert ask(Fake(), lost(CANCEL, "cancel_order")).state == "not found"


def test_a_cancel_by_an_id_that_was_used_before() -> None:
    error = lost({"symbol": "SOL_USDC", "clientId": 7}, "cancel_order")
    old = row(id="1", status="Filled", executedQuantity="1")
    found = ask(Fake(get_open_orders=[[row()]], get_order_history=[[old]]), error)
    assert (found.state, found.order["id"]) == ("rested", "59669287267")
    gone = row(id="1", status="Cancelled")  # by this cancel, or by an earlier one?
    assert (
        ask(Fake(get_open_orders=[[row()]], get_order_history=[[gone]]), error).state == "unclear"
    )


def test_a_cancel_names_a_conditional_order_as_well() -> None:
    waits = row(status="TriggerPending", triggerPrice="180", quantity="0")
    old = row(id="1", status="Filled", executedQuantity="1")
    fake = Fake(get_open_orders=[[waits]], get_order_history=[[old]])
    found = ask(fake, lost({"symbol": "SOL_USDC", "clientId": 7}, "cancel_order"))
    assert (found.state, found.order["status"]) == ("rested", "TriggerPending")


@pytest.mark.parametrize("named", [{"orderId": "59669287267"}, {"clientId": 7}])
def test_a_cancel_of_a_conditional_order_is_about_what_it_has_set_free(named: Json) -> None:
    shown = row(status="Cancelled", triggerPrice="180", quantity="0")
    then = row(id="2", relatedOrderId=shown["id"])
    fake = Fake(get_open_orders=[[then]], get_order_history=[[shown]])
    found = ask(fake, lost({"symbol": "SOL_USDC", **named}, "cancel_order"))
    assert (found.state, found.order["id"]) == ("rested", "2")


def test_a_cancel_of_a_conditional_order_is_about_the_order_that_has_its_id() -> None:
    """The history does not say which order came from it, but both have the same clientId."""
    shown = row(status="Filled", triggerPrice="180", quantity="0")
    then = row(id="2", status="Filled", executedQuantity="1")
    fake = Fake(get_order_history=[[then, shown]])
    found = ask(fake, lost({"symbol": "SOL_USDC", "clientId": 7}, "cancel_order"))
    assert (found.state, found.executed, found.order["id"]) == ("filled", Decimal(1), "2")


def test_a_cancel_of_a_conditional_order_whose_order_is_not_shown_is_unclear() -> None:
    """It was triggered, and what came from it may be open."""
    fake = Fake(get_order_history=[[row(status="Filled", triggerPrice="180", quantity="0")]])
    assert ask(fake, lost(CANCEL, "cancel_order")).state == "unclear"


def test_explanations_say_the_danger_first() -> None:
    """Sending an order twice may cost money; cancelling twice does not."""
    two = [row(id="1"), row(id="2")]
    for fake, start, end in [
        (Fake(get_open_orders=[[row()]]), "Do not send it again. Order", "executed."),
        (Fake(get_order_history=[[row(**DONE)]]), "Do not send it again. Order", "executed."),
        (Fake(get_fills=[[FILL]]), "Do not send it again. 0.4 executed", "history yet."),
        (Fake(get_open_orders=[two]), "Do not send it again yet. Rows that fit: 2. Sent: 1.",
         "Compare .evidence with what you sent."),
        (Fake(now=SIGNED_MS), "Do not send it again yet. There is no trace of it.",
         "Call reconcile again after that."),
        (Fake(), "There is no trace of it. It is refused if it arrives now",
         "You can send it again."),
    ]:  # fmt: skip
        said = ask(fake, wait=False).explanation
        assert said.startswith(start) and said.endswith(end), said
        assert ("You can send it again." in said) == (end == "You can send it again.")
    cancel = lost({"symbol": "SOL_USDC", "clientId": 7}, "cancel_order")
    for fake, start in [
        (Fake(get_open_orders=[[row()]]), "Not cancelled. Order 59669287267"),
        (Fake(get_open_orders=[two]), "Rows with this clientId: 2. Open: 2."),
        (Fake(get_order_history=[[row(**DONE)]]), "Order 59669287267"),
    ]:
        assert ask(fake, cancel, wait=False).explanation.startswith(start)
    every = lost({"symbol": "SOL_USDC"}, "cancel_open_orders")
    said = ask(Fake(get_open_orders=[[row()]]), every).explanation
    assert said.startswith("Not all cancelled: 1 still open.")
    sent = lost(WITHDRAWAL, "request_withdrawal")
    assert ask(Fake(get_withdrawals=[[SHOWN]]), sent).explanation.startswith("Do not send it again")


@pytest.mark.parametrize(
    ("kind", "left"),
    [(None, ["1", "2"]), ("RestingLimitOrder", ["1"]), ("ConditionalOrder", ["2"])],
)
def test_a_cancel_of_all_leaves_some(kind: str | None, left: list[str]) -> None:
    rows = [row(id="1"), row(id="2", status="TriggerPending", triggerPrice="180")]
    fake = Fake(get_open_orders=[rows])
    sent = {"symbol": "SOL_USDC"} | ({"orderType": kind} if kind else {})
    found = ask(fake, lost(sent, "cancel_open_orders"))
    assert (found.state, [one["id"] for one in found.evidence]) == ("rested", left)
    assert fake.asked == ["get_time", OPEN]


def test_a_cancel_of_all_leaves_nothing_of_its_kind() -> None:
    rows = [row(id="2", status="TriggerPending", triggerPrice="180")]
    sent = {"symbol": "SOL_USDC", "orderType": "RestingLimitOrder"}
    assert ask(Fake(get_open_orders=[rows]), lost(sent, "cancel_open_orders")).state == "cancelled"


def test_a_cancel_of_all_is_about_one_market() -> None:
    fake = Fake(get_open_orders=[[row(symbol="BTC_USDC")]])
    assert ask(fake, lost({"symbol": "SOL_USDC"}, "cancel_open_orders")).state == "cancelled"
    assert fake.filters[-1] == {"symbol": "SOL_USDC"}


def test_a_cancel_of_all_is_judged_when_it_can_end_nothing_more() -> None:
    error = lost({"symbol": "SOL_USDC"}, "cancel_open_orders")
    fake = Fake(now=SIGNED_MS)
    assert ask(fake, error).state == "cancelled"
    assert fake.asked == ["get_time", "sleep", "get_time", OPEN]
    found = ask(Fake(now=SIGNED_MS), error, wait=False)
    assert found.state == "cancelled" and "may still arrive" in found.explanation


# --- withdrawals ----------------------------------------------------------------------------------

WITHDRAWAL = {
    "symbol": "USDC", "address": "0x0aBc", "blockchain": "Ethereum", "quantity": "10.0",
    "clientId": "rent", "twoFactorToken": "917350",
}  # fmt: skip
SHOWN = {
    "id": 5479929, "symbol": "USDC", "toAddress": "0x0abc", "blockchain": "Ethereum",
    "quantity": "10", "clientId": "rent", "status": "pending", "fee": "3",
    "createdAt": "2026-09-01T12:00:00.100",
}  # fmt: skip


def withdrawn(*rows: Json, sent: Json = WITHDRAWAL) -> Outcome:
    fake = Fake(filtered=False, get_withdrawals=[list(rows)])
    return ask(fake, lost(sent, "request_withdrawal"))


BASE58 = "5oNDL3swdJJF1g9DzJiZ4ynHXgszjAEpUkxVYejchzrY"


@pytest.mark.parametrize(
    ("sent", "shown", "state"),
    [
        ("0x0aBcDe", "0x0AbCdE", "accepted"),  # the case is a checksum, and may be left out
        (BASE58, BASE58, "accepted"),
        (BASE58, BASE58.swapcase(), "unclear"),
        ("0xyZ", "0xYz", "unclear"),  # not hexadecimal
        ("1E3", "1000", "unclear"),  # not a number
    ],
)
def test_an_address_with_another_case_is_another_address(sent: str, shown: str, state: str) -> None:
    assert withdrawn({**SHOWN, "toAddress": shown}, sent={**WITHDRAWAL, "address": sent}).state == (
        state
    )
    anonymous = {**WITHDRAWAL, "address": sent, "clientId": None}
    found = withdrawn({**SHOWN, "toAddress": shown, "clientId": None}, sent=anonymous)
    assert found.state == ("accepted" if state == "accepted" else "not found")


def test_a_withdrawal_that_was_accepted() -> None:
    fake = Fake(get_withdrawals=[[SHOWN]])
    found = ask(fake, lost(WITHDRAWAL, "request_withdrawal"))
    assert (found.state, found.order["status"]) == ("accepted", "pending")
    assert found.evidence == ({"source": "get_withdrawals", **SHOWN},)
    assert fake.asked == ["get_time", "get_withdrawals"]
    assert fake.filters[1] == {"client_id": "rent", "limit": 1000, "offset": 0}


def test_a_withdrawal_that_is_not_there_waits_and_looks_again() -> None:
    fake = Fake(now=SIGNED_MS, get_withdrawals=[[{**SHOWN, "clientId": "food"}], [SHOWN]])
    assert ask(fake, lost(WITHDRAWAL, "request_withdrawal")).state == "accepted"
    assert fake.slept == [6.0]
    missing = withdrawn({**SHOWN, "clientId": "food"})
    assert missing.state == "not found"
    assert missing.evidence[0] == {"source": "get_withdrawals", "rows": 1, "complete": True}


def test_withdrawals_that_cannot_be_told_apart_are_unclear() -> None:
    assert withdrawn(SHOWN, {**SHOWN, "id": 2}).state == "unclear"
    assert withdrawn(SHOWN, {**SHOWN, "id": 2, "quantity": "11"}).state == "accepted"
    assert withdrawn({**SHOWN, "toAddress": "0xdef"}).state == "unclear"


def test_a_withdrawal_without_an_id() -> None:
    sent = {name: value for name, value in WITHDRAWAL.items() if name != "clientId"}
    ours = {**SHOWN, "clientId": None}
    found = withdrawn({**ours, "toAddress": "0xdef"}, SHOWN, ours, sent=sent)
    assert found.state == "accepted" and "from before would look the same" in found.explanation
    # Whether the quantity is shown with the fee is not documented.
    assert withdrawn({**ours, "quantity": "7"}, sent=sent).state == "unclear"
    assert withdrawn({**ours, "toAddress": "0xdef"}, sent=sent).state == "not found"


def test_no_token_is_repeated() -> None:
    for found in (withdrawn(SHOWN), withdrawn(), withdrawn(SHOWN, {**SHOWN, "id": 2})):
        assert "917350" not in f"{found!r} {found} {found.evidence} {found.order}"
    with pytest.raises(InputError) as caught:
        ask(Fake(), lost({"twoFactorToken": "917350"}, "request_withdrawal"))
    assert "917350" not in str(caught.value)


# --- strategies -----------------------------------------------------------------------------------

STRATEGY = {
    "symbol": "SOL_USDC", "side": "Bid", "strategyType": "Scheduled", "quantity": "10.0",
    "duration": 60000, "interval": 5000, "clientStrategyId": 4,
}  # fmt: skip
RUNS = {
    "id": "900", "symbol": "SOL_USDC", "side": "Bid", "quantity": "10", "duration": 60000,
    "interval": 5000, "clientStrategyId": 4, "status": "Running", "executedQuantity": "2",
    "createdAt": 1,
}  # fmt: skip
RUNNING, ENDED = "get_open_strategies", "get_strategies_history"


@pytest.mark.parametrize(
    ("shown", "state"),
    [
        ({"status": "Completed", "executedQuantity": "10"}, "filled"),
        ({"status": "Completed", "executedQuantity": "0"}, "filled"),
        ({"status": "Cancelled", "executedQuantity": "2"}, "filled"),
        ({"status": "Cancelled", "executedQuantity": "0"}, "cancelled"),
        ({"status": "Terminated", "executedQuantity": "2",
          "cancelReason": "InsufficientFunds"}, "filled"),
        ({"status": "Terminated", "executedQuantity": "0",
          "cancelReason": "InsufficientFunds"}, "refused"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("operation", "sent"),
    [
        ("strategy_create", STRATEGY),
        ("cancel_strategy", {"symbol": "SOL_USDC", "strategyId": "900"}),
    ],
)
def test_a_strategy_that_has_ended(shown: Json, state: str, operation: str, sent: Json) -> None:
    fake = Fake(get_strategies_history=[[RUNS | shown]])
    found = ask(fake, lost(sent, operation))
    assert (found.state, found.executed) == (state, Decimal(shown["executedQuantity"]))
    assert shown.get("cancelReason", "") in found.explanation


def test_a_strategy_that_runs() -> None:
    fake = Fake(get_open_strategies=[[{**RUNS, "id": "1", "clientStrategyId": 5}, RUNS]])
    found = ask(fake, lost(STRATEGY, "strategy_create"))
    assert (found.state, found.executed, found.order["id"]) == ("rested", Decimal(2), "900")
    assert fake.asked == ["get_time", RUNNING, ENDED]


@pytest.mark.parametrize(
    "changed",
    [{"side": "Ask"}, {"strategyType": "Other"}, {"quantity": "11"}, {"duration": 60001},
     {"interval": 5001}],
)  # fmt: skip
def test_a_strategy_that_differs_is_not_taken_for_ours(changed: Json) -> None:
    fake = Fake(get_open_strategies=[[RUNS | changed]])
    assert ask(fake, lost(STRATEGY, "strategy_create")).state == "unclear"


def test_a_strategy_without_a_trace() -> None:
    fake = Fake(get_open_strategies=[[{**RUNS, "clientStrategyId": 5}]])
    assert ask(fake, lost(STRATEGY, "strategy_create")).state == "not found"
    assert fake.asked == ["get_time", RUNNING, ENDED, RUNNING]


def test_a_cancel_of_strategies() -> None:
    fake = Fake(get_open_strategies=[[RUNS]])
    one = lost({"symbol": "SOL_USDC", "clientStrategyId": 4}, "cancel_strategy")
    assert ask(fake, one).state == "rested"
    every = lost({"symbol": "SOL_USDC", "strategyType": "Scheduled"}, "cancel_open_strategies")
    assert ask(fake, every).state == "rested"
    assert ask(Fake(), every).state == "cancelled"
    other = Fake(get_open_strategies=[[RUNS | {"strategyType": "Other"}]])
    assert ask(other, every).state == "cancelled"  # it was not to end that one


# --- what there is nothing to look for ------------------------------------------------------------


UNSENT = "Nothing was sent. You can send it again."


@pytest.mark.parametrize("operation", ["execute_order", "cancel_order", "execute_borrow_lend"])
def test_what_was_not_sent_needs_no_look(operation: str) -> None:
    fake = Fake()
    found = ask(fake, lost(operation=operation, sent=False))
    assert (found.state, found.explanation, fake.asked) == ("not found", UNSENT, [])
    assert [one.state for one in ask(fake, batch(ORDER, ORDER, sent=False))] == ["not found"] * 2


def test_a_read_is_called_again_instead() -> None:
    fake = Fake()
    with pytest.raises(InputError, match="get_balances.*safe to call it again"):
        ask(fake, lost({}, "get_balances", mutates=False))
    assert fake.asked == []


@pytest.mark.parametrize(
    ("operation", "where"),
    [("execute_borrow_lend", "get_borrow_lend_positions"), ("submit_rfq", "get_open_rfqs"),
     ("update_account_settings", "get_account"), ("vault_mint", "get_vaults"),
     ("convert_dust", "get_dust_history, get_balances"), ("submit_quote", "get_quote_history"),
     ("issue_two_factor_token", "get_withdrawals"), ("vault_redeem_cancel", "get_balances")],
)  # fmt: skip
def test_other_writes_say_where_to_look(operation: str, where: str) -> None:
    fake = Fake()
    with pytest.raises(InputError, match=where):
        ask(fake, lost({"symbol": "SOL"}, operation))
    assert fake.asked == []


def test_every_write_is_looked_up_here_or_says_where() -> None:
    for operation in OPERATIONS.values():
        if not operation.mutates or operation.instruction == UNDOCUMENTED:  # which is never sent
            continue
        where = lost(operation=operation.name).outcome
        try:
            ask(Fake(), lost(operation=operation.name))
        except InputError as error:
            assert where in str(error) and "bp.reconcile" not in where, operation.name
        else:
            assert "bp.reconcile(error)" in where, operation.name


@pytest.mark.parametrize("error", [ValueError("secret"), None, "secret"])
def test_only_a_transport_error_is_looked_up(error: Any) -> None:
    with pytest.raises(InputError, match="is not a TransportError") as caught:
        reconcile(Fake(), error)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("parameters", [{}, [], {"side": "Bid"}, [ORDER, {}]])
def test_an_error_that_does_not_say_what_was_sent(parameters: Any) -> None:
    with pytest.raises(InputError, match="has no symbol"):
        ask(Fake(), lost(parameters))


def test_a_failing_look_says_so() -> None:
    fake = Fake()

    def fails(**_: Any) -> Any:
        raise lost({}, OPEN, mutates=False)

    fake.get_open_orders = fails  # type: ignore[attr-defined]
    with pytest.raises(TransportError, match=OPEN):
        ask(fake)


def test_an_outcome_reads_well() -> None:
    found = ask(Fake(get_order_history=[[row(status="Filled", executedQuantity="1.0")]]))
    said = (
        "Do not send it again. Order 59669287267 of 2026-09-01T12:00:00.100+00:00 has ended "
        "(Filled), 1.0 of 1 executed."
    )
    assert found.explanation == said
    assert str(found) == f"filled: {said}"
    assert repr(found) == f"<Outcome of execute_order: filled: {said}>"
    with pytest.raises(AttributeError):
        found.state = "rested"


# --- the sandbox ----------------------------------------------------------------------------------

LONG_AGO = timedelta(minutes=2)


def gone(parameters: Any, operation: str) -> Any:
    return lost(parameters, operation, time=datetime.now(UTC) - LONG_AGO)


def never(seconds: float) -> None:
    raise AssertionError("there is nothing to wait for")


def test_a_batch_in_the_sandbox(bp: Client) -> None:
    orders = [
        {**ORDER, "clientId": 21, "price": "150"},
        {**ORDER, "clientId": 22, "price": "150", "timeInForce": "FOK"},
        {**ORDER, "clientId": 23, "orderType": "Market", "price": None},
        {**ORDER, "clientId": 24, "price": "150", "quantity": "1000000"},  # refused outright
    ]
    orders = [{name: one for name, one in order.items() if one is not None} for order in orders]
    bp.execute_order_batch(orders)
    found = reconcile(bp, gone(orders, "execute_order_batch"), sleep=never)
    assert [one.state for one in found] == ["rested", "refused", "filled", "not found"]
    assert found[2].executed == Decimal(1)


def test_a_withdrawal_in_the_sandbox(sandbox: Sandbox, bp: Client) -> None:
    address = "11111111111111111111111111111111"
    sandbox.allow_withdrawal_address(sandbox.key, "Solana", address)
    sent = {
        "symbol": "USDC", "address": address, "blockchain": "Solana", "quantity": "50.0",
        "clientId": "rent",
    }  # fmt: skip
    error = gone(sent, "request_withdrawal")
    assert reconcile(bp, error, sleep=never).state == "not found"
    bp.request_withdrawal(
        symbol="USDC", address=address, blockchain="Solana", quantity="50.0", client_id="rent"
    )
    assert reconcile(bp, error, sleep=never).state == "accepted"


def no_answer(bp: Client, sandbox: Sandbox, fault: str, **order: Any) -> TransportError:
    """What ``execute_order`` raises, as if two minutes ago."""
    with (
        sandbox.fault(fault, operations=["execute_order"]),
        pytest.raises(TransportError) as caught,
    ):
        bp.execute_order("SOL_USDC", "Bid", **order)
    assert caught.value.time is not None
    caught.value.time -= LONG_AGO
    return caught.value


@pytest.mark.parametrize(
    ("fault", "used", "unused"),
    [("lost_request", "filled", "not found"), ("lost_reply", "unclear", "filled")],
)
def test_an_id_that_was_used_yesterday_in_the_sandbox(
    sandbox: Sandbox, bp: Client, fault: str, used: str, unused: str
) -> None:
    market = {"order_type": "Market", "quantity": "0.1"}
    first = bp.execute_order("SOL_USDC", "Bid", **market, client_id=1)
    sandbox.advance(days=1)
    found: Any = reconcile(bp, no_answer(bp, sandbox, fault, **market, client_id=1), sleep=never)
    assert found.state == used
    if used == "filled":
        assert CAUTION in found.explanation and first["id"] in found.explanation
    found = reconcile(bp, no_answer(bp, sandbox, fault, **market), sleep=never)
    assert found.state == unused and CAUTION not in found.explanation


def test_another_account_or_exchange_shows_nothing(sandbox: Sandbox, bp: Client) -> None:
    limit = {"order_type": "Limit", "price": "50", "quantity": "1"}
    error = no_answer(bp, sandbox, "lost_reply", **limit)
    other = sandbox.open_account({"USDC": "1000"})
    with Client(sandbox.url, other) as one, pytest.raises(InputError, match="signed by"):
        reconcile(one, error, sleep=never)
    with (
        Sandbox() as elsewhere,
        Client(elsewhere.url, sandbox.key) as one,
        pytest.raises(InputError, match="sent to"),
    ):
        reconcile(one, error, sleep=never)
    with Client(sandbox.url, sandbox.key) as one:
        found: Any = reconcile(one, error, sleep=never)
    assert found.state == "rested"
