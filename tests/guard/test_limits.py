"""What an Arming allows, and that no limit is ever exceeded."""

from __future__ import annotations

import decimal
import threading
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import LEAST
from writes import (
    ALL,
    FLAGS,
    LIVE,
    WITHDRAWAL,
    Answers,
    guard,
    never,
    order,
    perp,
    value_of,
)

from bpkit.errors import (
    GuardError,
    InputError,
)
from bpkit.guard.limits import WRITES, Arming, WriteGuard
from bpkit.guard.spending import Admitted
from bpkit.operations import OPERATIONS, Operation

NAMES = [name for name, one in OPERATIONS.items() if one.mutates]

# --- Arming ---------------------------------------------------------------------------------------

CAPS: dict[str, Any] = {"per_order": "20", "per_session": "100"}
NOT_ARMED: dict[str, tuple[dict[str, Any], str, str]] = {
    "nothing": (
        CAPS, "orders", "arms nothing; pass orders or withdrawals or account or unlisted as True"),
    "nothing at all": ({}, "orders", "arms nothing"),
    "text for a flag": ({**CAPS, "orders": "yes"}, "orders", "True or False"),
    "number for a flag": ({**CAPS, "account": 1}, "account", "True or False"),
    "no cap of an order": ({"orders": True, "per_session": "5"}, "per_order", "is missing"),
    "no cap of the session": ({"account": True, "per_order": "5"}, "per_session", "is missing"),
    "float": ({**CAPS, "orders": True, "per_order": 20.0}, "per_order", 'write text: "20.0"'),
    "float of the session": ({**CAPS, "orders": True, "per_session": 1e3}, "per_session", "float"),
    "zero": ({**CAPS, "orders": True, "per_order": 0}, "per_order", "not above zero"),
    "negative": ({**CAPS, "orders": True, "per_session": "-1"}, "per_session", "not above zero"),
    "flag for a cap": ({**CAPS, "orders": True, "per_order": True}, "per_order", "not a number"),
    "NaN": ({**CAPS, "orders": True, "per_order": "NaN"}, "per_order", "not a number"),
    "infinity": ({**CAPS, "orders": True, "per_session": Decimal("inf")}, "per_session", "number"),
    "list for a cap": ({**CAPS, "orders": True, "per_order": ["5"]}, "per_order", "is a list"),
    "session below order": (
        {"orders": True, "per_order": "5.1", "per_session": "5"},
        "per_session", "'5': is below per_order=5.1"),
    "bare symbol": (
        {**CAPS, "orders": True, "symbols": "SOL_USDC"}, "symbols", r"a list: ['SOL_USDC']"),
    "no symbols": ({**CAPS, "orders": True, "symbols": []}, "symbols", "is empty"),
    "number for symbols": ({**CAPS, "orders": True, "symbols": 5}, "symbols", "is not a list"),
    "number in symbols": ({**CAPS, "orders": True, "symbols": [5]}, "symbols", "is not text"),
    "no symbol in symbols": (
        {**CAPS, "orders": True, "symbols": ["SOL/"]}, "symbols", "not a symbol"),
}  # fmt: skip


@pytest.mark.parametrize("case", NOT_ARMED)
def test_a_wrong_arming_is_refused(case: str) -> None:
    arguments, field, told = NOT_ARMED[case]
    with pytest.raises(InputError) as caught:
        Arming(**arguments)
    assert caught.value.field == field and told in str(caught.value)


def test_an_arming_keeps_decimals_and_a_set() -> None:
    arming = Arming(orders=True, per_order=20, per_session="100.50", symbols=["SOL_USDC"] * 2)
    assert arming.per_order == Decimal(20) and type(arming.per_order) is Decimal
    assert arming.per_session == Decimal("100.50") and type(arming.per_session) is Decimal
    assert arming.symbols == frozenset({"SOL_USDC"}) and type(arming.symbols) is frozenset
    assert Arming(account=True, per_order="5", per_session=Decimal("5")).symbols is None
    with pytest.raises(AttributeError):
        arming.per_order = Decimal(5)  # type: ignore[misc]


def test_an_arming_shows_itself_as_the_code_that_makes_it() -> None:
    arming = Arming(
        orders=True, account=True, per_order=Decimal("2E+1"), per_session=100,
        symbols={"SOL_USDC", "BTC_USDC"},
    )  # fmt: skip
    assert repr(arming) == (
        'Arming(orders=True, account=True, per_order="20", per_session="100", '
        "symbols=['BTC_USDC', 'SOL_USDC'])"
    )
    assert eval(repr(arming)) == arming
    plain = Arming(withdrawals=True, per_order="0.0000001", per_session="1")
    assert repr(plain) == 'Arming(withdrawals=True, per_order="0.0000001", per_session="1")'


@pytest.mark.parametrize("arming", [True, "orders", {"orders": True}])
def test_armed_takes_only_an_arming(arming: Any) -> None:
    with pytest.raises(InputError, match=r"armed=.*is not an Arming; pass Arming\(orders=True"):
        WriteGuard(arming, LIVE, False, never)


# --- who may do what ------------------------------------------------------------------------------


def what_is_missing(operations: Iterable[Operation]) -> str:
    """ "", or what has to be added to the table WRITES in bpkit/guard/limits.py."""
    writes = {one.name for one in operations if one.mutates}
    missing, extra = sorted(writes - set(WRITES)), sorted(set(WRITES) - writes)
    if missing:
        return (
            f"{', '.join(missing)}: a write operation without a row in WRITES, so no client can be "
            "armed for it. Add a row: which flag of Arming allows it, how it is valued, and which "
            "symbols it concerns."
        )
    return f"{', '.join(extra)}: a row in WRITES, but not a write operation" if extra else ""


def test_every_write_operation_has_a_row() -> None:
    assert what_is_missing(OPERATIONS.values()) == ""


def test_a_new_write_operation_without_a_row_is_noticed() -> None:
    new = Operation("move_all", "Capital", "POST", "/move", "move", "empty")
    assert what_is_missing([*OPERATIONS.values(), new]).startswith(
        "move_all: a write operation without a row in WRITES, so no client can be armed for it."
    )
    old = [one for one in OPERATIONS.values() if one.name != "cancel_rfq"]
    assert what_is_missing(old) == "cancel_rfq: a row in WRITES, but not a write operation"


def test_what_is_unlisted_needs_its_own_flag_and_counts_nothing() -> None:
    new = Operation("POST /api/v1/new", "", "POST", "/api/v1/new", "newThing", "plain")
    with pytest.raises(GuardError, match=r"POST /api/v1/new .*Arming\(unlisted=True"):
        WriteGuard(None, "https://api.example", False, Answers()).admit(new, {"symbol": "X"})
    with pytest.raises(GuardError, match="needs unlisted=True"):
        guard(orders=True, withdrawals=True, account=True).admit(new, {})
    none = dict.fromkeys(ALL, False)
    armed = guard(**{**none, "unlisted": True, "symbols": ["SOL_USDC"]})
    assert armed.admit(new, {"quantity": "1000000", "symbol": "BTC_USDC"}).value == 0
    with pytest.raises(GuardError, match="needs orders=True"):
        armed.admit(OPERATIONS["cancel_order"], {"symbol": "SOL_USDC"})


KIND = {
    **dict.fromkeys(
        ("request_withdrawal", "create_withdrawal_delay", "update_withdrawal_delay",
         "issue_two_factor_token"),
        "withdrawals"),
    **dict.fromkeys(
        ("update_account_settings", "execute_borrow_lend", "convert_dust", "vault_mint",
         "vault_redeem", "vault_redeem_cancel"),
        "account"),
    **dict.fromkeys(
        ("execute_order", "execute_order_batch", "cancel_order", "cancel_open_orders",
         "strategy_create", "cancel_strategy", "cancel_open_strategies",
         "submit_rfq", "refresh_rfq", "cancel_rfq"),
        "orders"),
}  # fmt: skip
NEVER = ("submit_quote", "accept_quote")


@pytest.mark.parametrize("name", KIND)
def test_a_client_that_is_not_armed_only_reads(name: str) -> None:
    with pytest.raises(GuardError) as caught:
        WriteGuard(None, LIVE, False, never).admit(OPERATIONS[name], LEAST[name].sent)
    assert str(caught.value) == (
        f"{name} changes something at https://api.backpack.exchange, with real money, and this "
        "client only reads there. Nothing was sent. To allow it, make the client with Client(..., "
        f'armed=Arming({KIND[name]}=True, per_order="20", per_session="100")).'
    )


@pytest.mark.parametrize("loopback", [True, False])
@pytest.mark.parametrize("name", KIND)
def test_one_kind_arms_no_other(name: str, loopback: bool) -> None:
    for other in set(FLAGS) - {KIND[name]}:
        only = WriteGuard(Arming(**{other: True}, **CAPS), LIVE, loopback, never)
        told = f"{name} needs {KIND[name]}=True, and this client is armed for {other} only"
        with pytest.raises(GuardError, match=told):
            only.admit(OPERATIONS[name], LEAST[name].sent)


@pytest.mark.parametrize("arming", [None, Arming(**ALL, **CAPS)])
@pytest.mark.parametrize("name", NEVER)
def test_quotes_are_refused_and_the_refusal_says_what_to_do(
    name: str, arming: Arming | None
) -> None:
    with pytest.raises(GuardError) as caught:
        WriteGuard(arming, LIVE, False, never).admit(OPERATIONS[name], LEAST[name].sent)
    assert str(caught.value) == (
        f"{name} cannot be valued from its own fields, so no limit can hold it, and it is not sent "
        "to https://api.backpack.exchange. Nothing was sent. Use the exchange's website for it."
    )


def test_each_write_is_of_one_kind_or_refused() -> None:
    assert sorted([*KIND, *NEVER]) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_on_this_computer_a_client_without_an_arming_may_do_everything(name: str) -> None:
    free = WriteGuard(None, "http://127.0.0.1:1", True, never)
    assert free.admit(OPERATIONS[name], LEAST[name].sent).value == 0 == free.spent


def test_an_arming_holds_on_this_computer_too() -> None:
    held = WriteGuard(Arming(orders=True, **CAPS), "http://127.0.0.1:1", True, never)
    with pytest.raises(GuardError, match="above per_order=20"):
        held.admit(OPERATIONS["execute_order"], order())
    assert held.admit(OPERATIONS["execute_order"], order(price="20")).value == 20


# --- symbols --------------------------------------------------------------------------------------

OF_A_SYMBOL = {
    name: fields
    for name in NAMES
    if isinstance(fields := LEAST[name].sent, dict) and "symbol" in fields
}


def test_these_writes_name_a_symbol() -> None:
    assert sorted(OF_A_SYMBOL) == [
        "cancel_open_orders", "cancel_open_strategies", "cancel_order", "cancel_strategy",
        "execute_borrow_lend", "execute_order", "request_withdrawal", "strategy_create",
        "submit_rfq", "vault_mint",
    ]  # fmt: skip


@pytest.mark.parametrize("name", OF_A_SYMBOL)
def test_another_symbol_is_refused_before_anything_is_looked_up(name: str) -> None:
    armed = guard(symbols=["SOL_USDC", "BTC_USDC"])
    with pytest.raises(GuardError) as caught:
        armed.admit(OPERATIONS[name], OF_A_SYMBOL[name] | {"symbol": "ETH_USDC"})
    assert str(caught.value) == (
        f"{name}: ETH_USDC: this client is armed for BTC_USDC, SOL_USDC only. Nothing was sent."
    )


def test_one_order_for_another_symbol_refuses_the_batch() -> None:
    armed = guard(symbols=["SOL_USDC"])
    batch = [order(), order(symbol="ETH_USDC")]
    with pytest.raises(GuardError, match="execute_order_batch: ETH_USDC"):
        armed.admit(OPERATIONS["execute_order_batch"], batch)
    assert armed.spent == 0


def test_a_symbol_that_is_armed_passes() -> None:
    armed = guard(Answers(), symbols=["SOL_USDC", "SOL"])
    assert armed.admit(OPERATIONS["execute_order"], order()).value == 30
    assert (
        armed.admit(OPERATIONS["cancel_order"], {"symbol": "SOL_USDC", "orderId": "1"}).value == 0
    )
    lend = {"symbol": "SOL", "side": "Lend", "quantity": "2"}
    assert armed.admit(OPERATIONS["execute_borrow_lend"], lend).value == 5  # 2 * 2.5


NO_SYMBOL = (
    "convert_dust", "update_account_settings", "create_withdrawal_delay", "update_withdrawal_delay",
    "refresh_rfq", "cancel_rfq", "vault_redeem", "vault_redeem_cancel",
)  # fmt: skip


@pytest.mark.parametrize("name", NO_SYMBOL)
def test_a_write_that_names_no_symbol_is_refused_if_some_are_armed(name: str) -> None:
    with pytest.raises(GuardError) as caught:
        guard(symbols=["SOL_USDC"]).admit(OPERATIONS[name], LEAST[name].sent)
    assert str(caught.value) == (
        f"{name} names no market or asset, and this client is armed for SOL_USDC only. Nothing was "
        "sent. Use a client that is armed without symbols for it."
    )
    assert guard().admit(OPERATIONS[name], LEAST[name].sent).value == 0


@pytest.mark.parametrize("name", sorted(set(NO_SYMBOL) - {"convert_dust"}))
def test_a_symbol_that_is_no_field_of_a_write_changes_nothing(name: str) -> None:
    fields = {**LEAST[name].sent, "symbol": "SOL_USDC"}
    with pytest.raises(GuardError, match=f"{name} names no market or asset"):
        guard(symbols=["SOL_USDC"]).admit(OPERATIONS[name], fields)


def test_one_asset_of_dust_and_a_two_factor_token_pass() -> None:
    armed = guard(symbols=["SOL"])
    assert armed.admit(OPERATIONS["convert_dust"], {"symbol": "SOL"}).value == 0
    with pytest.raises(GuardError, match="convert_dust: ETH: this client is armed for SOL only"):
        armed.admit(OPERATIONS["convert_dust"], {"symbol": "ETH"})
    assert armed.admit(OPERATIONS["issue_two_factor_token"], {"a": True}).value == 0


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"issue_two_factor_token"}))
def test_no_other_write_passes_if_another_symbol_is_armed(name: str) -> None:
    with pytest.raises(GuardError, match=f"{name}.* (this client is armed for OTHER_|website)"):
        guard(symbols=["OTHER_USDC"]).admit(OPERATIONS[name], LEAST[name].sent)


# --- the caps -------------------------------------------------------------------------------------


def test_the_cap_of_an_order_allows_itself_and_no_more() -> None:
    armed = guard(per_order="50", per_session="1000")
    assert armed.admit(OPERATIONS["execute_order"], order(price="25", quantity="2")).value == 50
    with pytest.raises(GuardError) as caught:
        armed.admit(OPERATIONS["execute_order"], order(price="170.50"))
    assert str(caught.value) == (
        "execute_order: 170.50 USDC is above per_order=50 USDC. Nothing was sent."
    )
    with pytest.raises(GuardError, match="above per_order"):
        armed.admit(OPERATIONS["execute_order"], order(price="50.0000000000000000000000000001"))
    assert armed.spent == 50


def test_the_cap_of_the_session_allows_itself_and_no_more() -> None:
    armed = guard(per_order="50", per_session="100")
    for price in ("50", "30"):
        armed.admit(OPERATIONS["execute_order"], order(price=price))
    with pytest.raises(GuardError) as caught:
        armed.admit(OPERATIONS["execute_order"], order(price="30"))
    assert str(caught.value) == (
        "execute_order: spent 80 of per_session=100 USDC; 30 more would exceed it, 20 remain. "
        "Nothing was sent."
    )
    assert armed.admit(OPERATIONS["execute_order"], order(price="20")).value == 20
    assert armed.spent == 100
    with pytest.raises(GuardError, match="0 remain"):
        armed.admit(OPERATIONS["execute_order"], order(price="0.00000000000000000000000000001"))


def test_what_is_given_back_can_be_spent_again() -> None:
    armed = guard(per_order="60", per_session="100")
    first = armed.admit(OPERATIONS["execute_order"], order(price="60"))
    with pytest.raises(GuardError, match="spent 60"):
        armed.admit(OPERATIONS["execute_order"], order(price="60"))
    armed.give_back(first)
    assert armed.spent == 0
    assert armed.admit(OPERATIONS["execute_order"], order(price="60")).value == 60


def test_a_batch_is_held_order_by_order_and_as_a_sum() -> None:
    batch = OPERATIONS["execute_order_batch"]
    armed = guard(per_order="50", per_session="100")
    with pytest.raises(GuardError, match=r"orders\[1\]: 51 USDC is above per_order=50 USDC"):
        armed.admit(batch, [order(price="1"), order(price="51")])
    with pytest.raises(GuardError, match="spent 0 of per_session=100 USDC; 120 more would exceed"):
        armed.admit(batch, [order(price="40")] * 3)
    assert armed.spent == 0
    assert armed.admit(batch, [order(price="50"), order(price="50")]).value == 100 == armed.spent


CLOSING: dict[str, tuple[str, Any]] = {
    "limit far above per_order": ("execute_order", perp(price="5000", reduceOnly=True)),
    "more than the book holds": ("execute_order", perp(
        orderType="Market", price=None, quantity="900", reduceOnly=True)),
    "all of it, with a trigger": ("execute_order", perp(
        orderType="Market", price=None, quantity=None, reduceOnly=True, triggerPrice="90",
        triggerQuantity="100%")),
    "in a batch": ("execute_order_batch", [perp(price="5000", reduceOnly=True)] * 2),
    "strategy": ("strategy_create", {
        "symbol": "SOL_USDC_PERP", "side": "Bid", "strategyType": "Scheduled", "quantity": "900",
        "reduceOnly": True}),
}  # fmt: skip


@pytest.mark.parametrize("case", CLOSING)
def test_a_position_can_always_be_closed(case: str) -> None:
    """Whatever is spent, however large it is, and nothing is looked up: its kind and its market."""
    name, fields = CLOSING[case]
    armed = guard(per_order="100", per_session="100", symbols=["SOL_USDC_PERP"])
    armed.admit(OPERATIONS["execute_order"], perp(price="100"))
    assert armed.admit(OPERATIONS[name], fields).value == 0
    assert armed.spent == 100
    with pytest.raises(GuardError, match=f"{name}: SOL_USDC_PERP: this client is armed for BTC"):
        guard(symbols=["BTC_USDC_PERP"]).admit(OPERATIONS[name], fields)
    with pytest.raises(GuardError, match=f"{name} needs orders=True"):
        guard(orders=False).admit(OPERATIONS[name], fields)


@pytest.mark.parametrize(
    "change",
    [
        {"symbol": "SOL_USDC"},
        {"symbol": "SOL_USDC_RFQ"},
        {"symbol": "X_PERP"},
        {"reduceOnly": False},
        {"reduceOnly": "true"},
    ],
)
def test_only_what_certainly_closes_is_not_counted(change: dict[str, Any]) -> None:
    armed = guard(Answers(), per_order="100", per_session="100")
    armed.admit(OPERATIONS["execute_order"], perp(price="100"))
    with pytest.raises(GuardError, match="would exceed it, 0 remain"):
        armed.admit(OPERATIONS["execute_order"], perp(reduceOnly=True) | change)


def test_a_batch_counts_what_does_not_close() -> None:
    mixed = [perp(), perp(reduceOnly=True), order(reduceOnly=True)]
    assert value_of("execute_order_batch", mixed) == 60


def test_nothing_is_rounded_whatever_the_context_says() -> None:
    armed = guard(per_order="171", per_session="171.0000000001")
    with decimal.localcontext(prec=2):
        value = armed.admit(OPERATIONS["execute_order"], order(price="170.51")).value
        assert value.as_tuple() == Decimal("170.51").as_tuple()
        with pytest.raises(GuardError, match=r"0\.5000000001 more would exceed it, 0\.49"):
            armed.admit(OPERATIONS["execute_order"], order(price="0.5000000001"))
        last = armed.admit(OPERATIONS["execute_order"], order(price="0.0000000001"))
        assert armed.spent.as_tuple() == Decimal("170.5100000001").as_tuple()
        armed.give_back(last)
        assert armed.spent.as_tuple() == Decimal("170.5100000000").as_tuple()


def test_tenths_add_up() -> None:
    armed = guard(per_order="0.2", per_session="0.3")
    armed.admit(OPERATIONS["execute_order"], order(price="0.1"))
    armed.admit(OPERATIONS["execute_order"], order(price="0.2"))
    assert armed.spent == Decimal("0.3")


def test_threads_together_stay_below_the_cap() -> None:
    """All are valued before any is counted: no lock is held during a read."""
    meet, outcomes = threading.Barrier(8, timeout=10), []

    def ask(name: str, fields: dict[str, Any]) -> Any:
        meet.wait()
        return {"lastPrice": "30"}

    armed = guard(ask, per_order="30", per_session="100")

    def withdraw() -> None:
        try:
            fields = WITHDRAWAL | {"quantity": "1"}
            outcomes.append(armed.admit(OPERATIONS["request_withdrawal"], fields).value)
        except GuardError:
            outcomes.append(None)

    threads = [threading.Thread(target=withdraw) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(20)
    assert len(outcomes) == 8 and outcomes.count(None) == 5  # 3 * 30 fit into 100
    assert armed.spent == 90


class Yielding(Decimal):
    """A sum that lets another thread run before it is compared or added to."""

    def __add__(self, other: Any) -> Any:
        threading.Event().wait(0.01)
        return Yielding(Decimal(self) + Decimal(other))


def test_comparing_and_counting_are_one_step() -> None:
    armed = guard(per_order="30", per_session="100")
    armed._session.value = Yielding(0)

    def buy() -> None:
        try:
            armed.admit(OPERATIONS["execute_order"], order())
        except GuardError:
            refused.append(1)

    refused: list[int] = []
    threads = [threading.Thread(target=buy) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(20)
    assert (armed.spent, len(refused)) == (90, 5)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("admit"), st.lists(st.integers(1, 6000), min_size=1, max_size=3)),
            st.tuples(st.just("back"), st.integers(0, 9)),
        ),
        max_size=30,
    )
)
def test_spent_is_what_was_admitted_and_not_given_back(steps: list[tuple[str, Any]]) -> None:
    """In hundredths; caps: 50.00 an order, 200.00 in all."""
    armed = guard(per_order="50", per_session="200")
    held: list[tuple[Admitted, int]] = []
    for step, what in steps:
        if step == "back":
            if held:
                armed.give_back(held.pop(what % len(held))[0])
        else:
            batch = [order(price=f"{cents // 100}.{cents % 100:02}") for cents in what]
            before = sum(cents for _, cents in held)
            fits = max(what) <= 5000 and before + sum(what) <= 20000
            try:
                admitted = armed.admit(OPERATIONS["execute_order_batch"], batch)
            except GuardError:
                assert not fits
            else:
                assert fits
                held.append((admitted, sum(what)))
        assert armed.spent == Decimal(sum(cents for _, cents in held)).scaleb(-2) <= 200
