"""What an Arming allows, the value of each write, and that no limit is ever exceeded.

Every value is worked out by hand from the order book, the last price and the position given here.
"""

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

from bpkit.errors import (
    ApiError,
    BpkitError,
    GuardError,
    InputError,
    MissingKeyError,
    RateLimitError,
    TransportError,
)
from bpkit.guard.limits import WRITES, Arming, WriteGuard
from bpkit.operations import OPERATIONS, Operation
from bpkit.serialize import checked_fields

LIVE = "https://api.backpack.exchange"
NAMES = [name for name, one in OPERATIONS.items() if one.mutates]
FLAGS = ("orders", "withdrawals", "account")
ALL = dict.fromkeys(FLAGS, True)

# Bids are listed worst first, asks best first.
BOOK = {
    "bids": [["90", "5"], ["98", "2"], ["99", "1"]],
    "asks": [["100", "1"], ["101", "2"], ["110", "5"]],
}
POSITION = {
    "symbol": "SOL_USDC_PERP", "netQuantity": "-4", "netExposureQuantity": "-3",
    "netExposureNotional": "-500",
}  # fmt: skip


class Answers:
    """What the exchange answers; ``asked`` keeps what was read."""

    def __init__(self, **answers: Any) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.answers = {
            "get_depth": BOOK,
            "get_ticker": {"lastPrice": "2.5"},
            "get_positions": [POSITION],
        } | answers

    def __call__(self, name: str, fields: dict[str, Any]) -> Any:
        self.asked.append((name, fields))
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer


def never(name: str, fields: dict[str, Any]) -> Any:
    pytest.fail(f"{name} was read")


def guard(ask: Any = never, **arming: Any) -> WriteGuard:
    caps = {"per_order": "1000000", "per_session": "1000000"}
    return WriteGuard(Arming(**{**ALL, **caps, **arming}), LIVE, False, ask)


def value_of(name: str, fields: Any, **answers: Any) -> Decimal:
    caps = {"per_order": "9" * 60, "per_session": "9" * 60}
    return guard(Answers(**answers), **caps).admit(OPERATIONS[name], fields)


def order(**fields: Any) -> dict[str, Any]:
    """A limit order to buy 1 SOL at 30 USDC, changed; None takes a field away."""
    whole = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "30",
             "quantity": "1", **fields}  # fmt: skip
    return {name: value for name, value in whole.items() if value is not None}


def market(**fields: Any) -> dict[str, Any]:
    return order(**{"orderType": "Market", "price": None, "quantity": None, **fields})


def perp(**fields: Any) -> dict[str, Any]:
    return order(**{"symbol": "SOL_USDC_PERP", **fields})


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
    plain = Arming(withdrawals=True, per_order="0.5", per_session="1")
    assert repr(plain) == 'Arming(withdrawals=True, per_order="0.5", per_session="1")'


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
    assert armed.admit(new, {"quantity": "1000000", "symbol": "BTC_USDC"}) == 0
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
    assert free.admit(OPERATIONS[name], LEAST[name].sent) == 0 == free.spent


def test_an_arming_holds_on_this_computer_too() -> None:
    held = WriteGuard(Arming(orders=True, **CAPS), "http://127.0.0.1:1", True, never)
    with pytest.raises(GuardError, match="above per_order=20"):
        held.admit(OPERATIONS["execute_order"], order())
    assert held.admit(OPERATIONS["execute_order"], order(price="20")) == 20


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
    assert armed.admit(OPERATIONS["execute_order"], order()) == 30
    assert armed.admit(OPERATIONS["cancel_order"], {"symbol": "SOL_USDC", "orderId": "1"}) == 0
    lend = {"symbol": "SOL", "side": "Lend", "quantity": "2"}
    assert armed.admit(OPERATIONS["execute_borrow_lend"], lend) == 5  # 2 * 2.5


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
    assert guard().admit(OPERATIONS[name], LEAST[name].sent) == 0


@pytest.mark.parametrize("name", sorted(set(NO_SYMBOL) - {"convert_dust"}))
def test_a_symbol_that_is_no_field_of_a_write_changes_nothing(name: str) -> None:
    fields = {**LEAST[name].sent, "symbol": "SOL_USDC"}
    with pytest.raises(GuardError, match=f"{name} names no market or asset"):
        guard(symbols=["SOL_USDC"]).admit(OPERATIONS[name], fields)


def test_one_asset_of_dust_and_a_two_factor_token_pass() -> None:
    armed = guard(symbols=["SOL"])
    assert armed.admit(OPERATIONS["convert_dust"], {"symbol": "SOL"}) == 0
    with pytest.raises(GuardError, match="convert_dust: ETH: this client is armed for SOL only"):
        armed.admit(OPERATIONS["convert_dust"], {"symbol": "ETH"})
    assert armed.admit(OPERATIONS["issue_two_factor_token"], {"a": True}) == 0


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"issue_two_factor_token"}))
def test_no_other_write_passes_if_another_symbol_is_armed(name: str) -> None:
    with pytest.raises(GuardError, match=f"{name}.* (this client is armed for OTHER_|website)"):
        guard(symbols=["OTHER_USDC"]).admit(OPERATIONS[name], LEAST[name].sent)


# --- the value of an order ------------------------------------------------------------------------

ORDERS: dict[str, tuple[dict[str, Any], str]] = {
    "limit to buy: 170.50 * 2": (order(price="170.50", quantity="2"), "341"),
    "limit to buy, however far above the book": (order(price="5000", quantity="2"), "10000"),
    "limit to sell above the best bid: 150 * 2": (
        order(side="Ask", price="150", quantity="2"), "300"),
    "limit to sell far below: 99 * 2": (order(side="Ask", price="1", quantity="2"), "198"),
    "market, buys 1": (market(quantity="1"), "100"),
    # Each unit at the worst price that it reaches: 100 for 1, 101 for up to 3, 110 for up to 8.
    "market, buys 1.01: 1.01 * 101": (market(quantity="1.01"), "102.01"),
    "market, buys 2: 2 * 101": (market(quantity="2"), "202"),
    "market, buys 3: 3 * 101": (market(quantity="3"), "303"),
    "market, buys 3.01: 3.01 * 110": (market(quantity="3.01"), "331.1"),
    "market, buys all 8: 8 * 110": (market(quantity="8"), "880"),
    # A sale gets the best bid at most.
    "market, sells 2: 2 * 99": (market(side="Ask", quantity="2"), "198"),
    "market, sells 9, more than all bids: 9 * 99": (market(side="Ask", quantity="9"), "891"),
    "market of a price has none: 100": (market(price="1", quantity="1"), "100"),
    "market by quoteQuantity": (market(quoteQuantity="12.5"), "12.5"),
    "market, sells by quoteQuantity": (market(side="Ask", quoteQuantity="12.5"), "12.5"),
    "perpetual": (perp(price="30", quantity="2"), "60"),
    "in USDT, at 2.5 USDC: 30 * 2.5": (order(symbol="SOL_USDT"), "75"),
    "in USDT, at the market: 202 * 2.5": (market(symbol="SOL_USDT", quantity="2"), "505"),
    "in USDT, by quoteQuantity: 10 * 2.5": (market(symbol="SOL_USDT", quoteQuantity="10"), "25"),
    "perpetual in USDT: 30 * 2.5": (order(symbol="SOL_USDT_PERP"), "75"),
    "symbol with a point": (order(symbol="AAPL.US_USDC_PERP"), "30"),
    "trigger, market, buys: 120 * 2, above the book": (
        market(triggerPrice="120", triggerQuantity="2"), "240"),
    "trigger, market, buys: 2 * 101, the book": (
        market(triggerPrice="80", triggerQuantity="2"), "202"),
    "trigger, market, buys all 8: 8 * 110, the book": (
        market(triggerPrice="109", triggerQuantity="8"), "880"),
    "trigger, market, buys all 8: 8 * 111, the trigger": (
        market(triggerPrice="111", triggerQuantity="8"), "888"),
    "trigger, market, with a larger quantity as well: 8 * 110": (
        market(quantity="8", triggerPrice="80", triggerQuantity="2"), "880"),
    "trigger, market, sells: 99 * 2, the best bid": (
        market(side="Ask", triggerPrice="80", triggerQuantity="2"), "198"),
    "trigger, limit to buy: 30 * 2": (
        order(quantity=None, triggerPrice="120", triggerQuantity="2"), "60"),
    "trigger, limit to sell: 120 * 2, where it is triggered": (
        order(side="Ask", quantity=None, triggerPrice="120", triggerQuantity="2"), "240"),
    "trigger, limit to sell: 130 * 2": (
        order(side="Ask", price="130", quantity=None, triggerPrice="120", triggerQuantity="2"),
        "260"),
    "trigger, with a larger quantity as well: 30 * 5": (
        order(quantity="5", triggerPrice="120", triggerQuantity="2"), "150"),
    # The position: 4 short (3 by the other count), 500 USDC.
    "80% of it at 110, below its notional: 0.8 * 500": (
        perp(orderType="Market", price=None, quantity=None, triggerPrice="110",
             triggerQuantity="80%"),
        "400"),
    "80% of it at 200: 0.8 * 4 * 200": (
        perp(orderType="Market", price=None, quantity=None, triggerPrice="200",
             triggerQuantity="80%"),
        "640"),
    "200% of it: 2 * 500, above the 880 of the book": (
        perp(orderType="Market", price=None, quantity=None, triggerPrice="100",
             triggerQuantity="200%"),
        "1000"),
    "12.5% of it, limit 300: 0.125 * 4 * 300": (
        perp(price="300", quantity=None, triggerPrice="110", triggerQuantity="12.5%"), "150"),
    "a share, with a quantity as well: 30 * 50": (
        perp(quantity="50", triggerPrice="110", triggerQuantity="80%"), "1500"),
    "stop loss and take profit do not count": (
        order(stopLossTriggerPrice="900", takeProfitLimitPrice="900"), "30"),
    "reduceOnly on spot": (order(reduceOnly=True), "30"),
    "reduceOnly that says no": (perp(reduceOnly=False), "30"),
}  # fmt: skip


@pytest.mark.parametrize("case", ORDERS)
def test_the_value_of_an_order(case: str) -> None:
    fields, value = ORDERS[case]
    assert value_of("execute_order", fields) == Decimal(value)
    assert value_of("execute_order_batch", [fields]) == Decimal(value)


def test_only_what_is_needed_is_read() -> None:
    ask = Answers()
    guard(ask).admit(OPERATIONS["execute_order"], order())
    guard(ask).admit(OPERATIONS["execute_order"], market(quoteQuantity="5"))
    assert ask.asked == []
    batch = [market(quantity="1"), order(side="Ask"), market(side="Ask", quantity="1")]
    guard(ask).admit(OPERATIONS["execute_order_batch"], batch)
    assert ask.asked == [("get_depth", {"symbol": "SOL_USDC", "limit": 1000})]
    guard(ask).admit(OPERATIONS["execute_order"], order(symbol="SOL_USDT"))
    assert ask.asked[1:] == [("get_ticker", {"symbol": "USDT_USDC"})]


# The asks are 100 for 1, 101 for 2, 110 for 5. Which order of a batch goes first is not documented:
# each that buys at the market counts as the last.
BATCHES: dict[str, tuple[list[dict[str, Any]], str]] = {
    "two of 1: each as the second, 101": ([market(quantity="1")] * 2, "202"),
    "1 and 2: the 1 after the 2, 101; the 2 after the 1, 2 * 101": (
        [market(quantity="1"), market(quantity="2")], "303"),
    "in two markets: 100 + 100": (
        [market(quantity="1"), market(quantity="1", symbol="BTC_USDC")], "200"),
    "limit, takes the 1 at 100: 100 + 101": ([order(price="100"), market(quantity="1")], "201"),
    "limit that comes second: the same": ([market(quantity="1"), order(price="100")], "201"),
    "limit below the asks takes none: 99 + 100": (
        [order(price="99"), market(quantity="1")], "199"),
    "limit of 5 at 101 takes 3, not 5: 505 + 110": (
        [order(price="101", quantity="5"), market(quantity="1")], "615"),
    "limit of 2 at 110 takes 2: 220 + 101": (
        [order(price="110", quantity="2"), market(quantity="1")], "321"),
    "for 100 USDC takes the 1 at 100: 100 + 101": (
        [market(quoteQuantity="100"), market(quantity="1")], "201"),
    "for 50.5 USDC takes 0.505: 50.5 + 101": (
        [market(quoteQuantity="50.5"), market(quantity="1")], "151.5"),
    "for 200 USDC takes 2 at most: 200 + 101": (
        [market(quantity="1"), market(quoteQuantity="200")], "301"),
    "for 201 USDC takes 2.01 at most, as if all were at 100: 201 + 110": (
        [market(quantity="1"), market(quoteQuantity="201")], "311"),
    "conditional, market, takes 1: 105 + 101, and itself 105": (
        [market(triggerPrice="105", triggerQuantity="1"), market(quantity="1")], "206"),
    "conditional counts as the last too: 100 + 101, and not 100.5": (
        [market(triggerPrice="100.5", triggerQuantity="1"), order(price="100")], "201"),
    "conditional, limit 100, takes 1: 100 + 101": (
        [order(price="100", quantity=None, triggerPrice="100", triggerQuantity="1"),
         market(quantity="1")],
        "201"),
    "closing, takes 1 and counts nothing: 101": (
        [perp(orderType="Market", price=None, reduceOnly=True),
         perp(orderType="Market", price=None)],
        "101"),
    "closing 75% of 4 short, takes 3: 110": (
        [perp(orderType="Market", price=None, quantity=None, reduceOnly=True, triggerPrice="1",
              triggerQuantity="75%"),
         perp(orderType="Market", price=None)],
        "110"),
    "what sells takes none of the asks: 99 + 99 + 100": (
        [order(side="Ask"), market(side="Ask", quantity="1"), market(quantity="1")], "298"),
    # What sells counts from the best bid each time: less would be too low.
    "two that sell: 99 + 99": ([market(side="Ask", quantity="1")] * 2, "198"),
    "they sell more than all bids together: 9 * 99": (
        [market(side="Ask", quantity="4")] * 2 + [market(side="Ask", quantity="1")], "891"),
}  # fmt: skip


@pytest.mark.parametrize("case", BATCHES)
def test_the_orders_of_a_batch_count_as_if_the_others_went_first(case: str) -> None:
    batch, value = BATCHES[case]
    assert value_of("execute_order_batch", batch) == Decimal(value)
    assert value_of("execute_order_batch", batch[::-1]) == Decimal(value)


EMPTY: dict[str, Any] = {"bids": [], "asks": []}
DEAR_BOOK = {"asks": [["100", "1"], ["1000", "100"]], "bids": []}


@pytest.mark.parametrize("first", [order(price="100"), market(quoteQuantity="100")])
def test_no_batch_gets_past_its_caps_by_taking_the_book_in_turn(first: Any) -> None:
    armed = guard(Answers(get_depth=DEAR_BOOK), per_order="100", per_session="250")
    with pytest.raises(GuardError, match=r"orders\[1\]: 1000 USDC is above per_order=100 USDC"):
        armed.admit(OPERATIONS["execute_order_batch"], [first, market(quantity="1")])
    assert armed.spent == 0


def test_a_conditional_order_gets_past_no_cap_by_a_thin_book() -> None:
    """10 units at 1000: 1 of them could cost 100."""
    waiting = market(triggerPrice="100", triggerQuantity="10")
    assert value_of("execute_order", waiting, get_depth=DEAR_BOOK) == 10_000
    # 250% of 4 short: 10 as well.
    share = perp(orderType="Market", price=None, quantity=None, triggerPrice="100",
                 triggerQuantity="250%")  # fmt: skip
    assert value_of("execute_order", share, get_depth=DEAR_BOOK) == 10_000


@pytest.mark.parametrize(
    ("quantity", "value"), [("0.66666666", "2.99999998"), ("0.66666667", "5.00000002")]
)
def test_what_a_quote_quantity_buys_is_exact(quantity: str, value: str) -> None:
    """1 USDC buys 1/3 at 3, so 0.6666... are left at 3, and more costs 6."""
    book = {"asks": [["3", "1"], ["6", "9"]], "bids": []}
    batch = [market(quoteQuantity="1"), market(quantity=quantity)]
    assert value_of("execute_order_batch", batch, get_depth=book) == Decimal(value)


TOO_FEW = "the order book of SOL_USDC.* has too few asks for all orders of this batch"
TOO_MUCH: dict[str, tuple[list[dict[str, Any]], str]] = {
    "4 and 4.1": ([market(quantity="4"), market(quantity="4.1")], TOO_FEW),
    "limit": ([order(price="110", quantity="7.5"), market(quantity="1")], TOO_FEW),
    "for more than all asks": (
        [market(quoteQuantity="5000"), market(quantity="0.01")], TOO_FEW),
    "closing": (
        [perp(quantity="9", price="200", reduceOnly=True), perp(orderType="Market", price=None)],
        TOO_FEW),
    "closing of no size": (
        [perp(quantity=None, reduceOnly=True, triggerPrice="1", triggerQuantity="x%"),
         perp(orderType="Market", price=None)],
        "'x' is not an amount"),
    "no asks": (
        [market(quantity="1", symbol="BTC_USDC"), market(quoteQuantity="5", symbol="BTC_USDC")],
        "the order book of BTC_USDC has too few asks"),
}  # fmt: skip


@pytest.mark.parametrize("case", TOO_MUCH)
def test_a_batch_that_may_find_too_little_is_refused(case: str) -> None:
    batch, told = TOO_MUCH[case]
    book = EMPTY if case == "no asks" else BOOK
    with pytest.raises(GuardError, match=f"execute_order_batch cannot be valued.*{told}"):
        value_of("execute_order_batch", batch, get_depth=book)


def test_a_limit_to_sell_into_no_bids_is_worth_its_price() -> None:
    assert value_of("execute_order", order(side="Ask", quantity="2"), get_depth=EMPTY) == 60


NOT_VALUED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "more than the book": (market(quantity="8.01"), {}, "order book of SOL_USDC has too few asks."),
    "empty book": (market(quantity="1"), {"get_depth": EMPTY}, "too few asks"),
    "sells, no bids": (market(side="Ask", quantity="1"), {"get_depth": EMPTY}, "has no bids"),
    "trigger, empty book": (
        market(triggerPrice="1", triggerQuantity="1"), {"get_depth": EMPTY}, "too few asks"),
    "trigger, more than the book": (
        market(triggerPrice="1", triggerQuantity="8.01"), {}, "too few asks"),
    "trigger, 201% of 4": (
        perp(orderType="Market", price=None, quantity=None, triggerPrice="1",
             triggerQuantity="201%"),
        {}, "the order book of SOL_USDC_PERP has too few asks"),
    "trigger, sells, no bids": (
        market(side="Ask", triggerPrice="1", triggerQuantity="1"), {"get_depth": EMPTY},
        "book of SOL_USDC has no bids"),
    "no quantity": (market(), {}, "no quantity is named"),
    "prediction": (order(symbol="RAIN_USDC_PREDICTION"), {}, "RAIN_USDC_PREDICTION is not BASE_Q"),
    "one word": (order(symbol="SOL"), {}, "SOL is not BASE_QUOTE"),
    "no quote": (order(symbol="SOL__PERP"), {}, "SOL__PERP is not"),
    "four words": (order(symbol="A_B_C_PERP"), {}, "A_B_C_PERP is not"),
    "no position": (
        perp(quantity=None, triggerPrice="1", triggerQuantity="80%"), {"get_positions": []},
        "get_positions shows no single position in SOL_USDC_PERP"),
    "another position": (
        perp(quantity=None, symbol="BTC_USDC_PERP", triggerPrice="1", triggerQuantity="80%"), {},
        "no single position in BTC_USDC_PERP"),
    "position of nothing": (
        perp(quantity=None, triggerPrice="1", triggerQuantity="80%"),
        {"get_positions": [POSITION | {"netQuantity": "0", "netExposureQuantity": "0.00"}]},
        "there is no open position"),
    "position without a size": (
        perp(quantity=None, triggerPrice="1", triggerQuantity="80%"),
        {"get_positions": [{"symbol": "SOL_USDC_PERP"}]}, "get_positions is not as documented"),
    "no share": (perp(triggerPrice="1", triggerQuantity="x%"), {}, "'x' is not an amount"),
    "book of another shape": (market(quantity="1"), {"get_depth": []}, "not as documented"),
    "book of nothing": (market(quantity="1"), {"get_depth": None}, "is not as documented"),
    "level of one": (market(quantity="1"), {"get_depth": {"asks": [["5"]]}}, "not as documented"),
    "level of floats": (
        market(quantity="1"), {"get_depth": {"asks": [[5.0, 1.0]]}}, "price=5.0 is not an amount"),
    "free level": (
        market(quantity="1"), {"get_depth": {"asks": [["0", "5"]]}}, "price='0' is not above"),
    "no ticker": (order(symbol="SOL_USDT"), {"get_ticker": {}}, "answer to get_ticker is not as"),
    "worthless": (order(symbol="SOL_USDT"), {"get_ticker": {"lastPrice": "0"}}, "not above zero"),
    "refused": (
        market(quantity="1"),
        {"get_depth": ApiError("get_depth", 400, "INVALID_SYMBOL", "no such market")},
        "get_depth: 400 INVALID_SYMBOL: no such market. Nothing was sent"),
    "lost": (
        order(symbol="SOL_USDT"),
        {"get_ticker": TransportError("get_ticker", "no answer", sent=True, mutates=False)},
        "get_ticker: no answer. .* Nothing was sent"),
    "not JSON": (market(quantity="1"), {"get_depth": ValueError("x")}, "to get_depth is not JSON"),
}  # fmt: skip


@pytest.mark.parametrize("case", NOT_VALUED)
def test_what_cannot_be_valued_is_not_sent(case: str) -> None:
    fields, answers, told = NOT_VALUED[case]
    armed = guard(Answers(**answers))
    with pytest.raises(GuardError, match=told) as caught:
        armed.admit(OPERATIONS["execute_order"], fields)
    assert str(caught.value).startswith("execute_order cannot be valued, so no limit can hold it: ")
    assert str(caught.value).endswith(". Nothing was sent.")
    assert armed.spent == 0


@pytest.mark.parametrize("stop", [RateLimitError("get_depth", 5, 1.5), MissingKeyError("no key")])
def test_what_stops_a_read_passes_through(stop: BpkitError) -> None:
    armed = guard(Answers(get_depth=stop))
    with pytest.raises(type(stop)) as caught:
        armed.admit(OPERATIONS["execute_order"], market(quantity="1"))
    assert caught.value is stop and armed.spent == 0


BAD_NUMBERS = [
    1.5, 5, True, None, [], Decimal("NaN"), Decimal(5), "NaN", "inf", "-5", "+5", "1e2", "1E-9",
    "1,5", "1_0", "", " ", ".", "5 ", "5\n", "\u0663", "0", "0.00", "9" * 61,
]  # fmt: skip


@pytest.mark.parametrize("number", BAD_NUMBERS)
def test_only_plain_amounts_are_taken_from_an_answer(number: Any) -> None:
    armed = guard(Answers(get_ticker={"lastPrice": number}))
    with pytest.raises(GuardError, match="lastPrice=.* is not (an amount|above zero)"):
        armed.admit(OPERATIONS["execute_order"], order(symbol="SOL_USDT"))
    assert armed.spent == 0


def test_an_amount_of_60_characters_is_counted() -> None:
    assert value_of("execute_order", order(price="9" * 60)) == Decimal("9" * 60)


@pytest.mark.parametrize(("text", "value"), [("5.", "5"), (".5", "0.5"), ("007", "7")])
def test_amounts_as_validation_lets_them_pass(text: str, value: str) -> None:
    assert value_of("execute_order", order(price=text)) == Decimal(value)


# --- the value of the rest ------------------------------------------------------------------------

STRATEGY = {"symbol": "SOL_USDC", "side": "Bid", "strategyType": "Scheduled", "quantity": "2"}
RFQ = {"symbol": "SOL_USDC_RFQ", "side": "Bid", "quantity": "2"}
WITHDRAWAL = {"address": "a", "blockchain": "Solana", "symbol": "SOL", "quantity": "4"}
LATER: dict[str, tuple[str, dict[str, Any], str]] = {
    "strategy by price: 2 * 30": ("strategy_create", STRATEGY | {"price": "30"}, "60"),
    "strategy by the book: 2 * 101": ("strategy_create", STRATEGY, "202"),
    "strategy that sells below: 2 * 99": (
        "strategy_create", STRATEGY | {"side": "Ask", "price": "30"}, "198"),
    "request by price: 2 * 30": ("submit_rfq", RFQ | {"price": "30"}, "60"),
    "request by the book: 2 * 99": ("submit_rfq", RFQ | {"side": "Ask"}, "198"),
    "request by quote": (
        "submit_rfq", {"symbol": "SOL_USDC", "side": "Bid", "quoteQuantity": "12.5"}, "12.5"),
    "request by both: the larger": ("submit_rfq", RFQ | {"quoteQuantity": "500"}, "500"),
    "request by both: 202 is larger": ("submit_rfq", RFQ | {"quoteQuantity": "50"}, "202"),
    "withdraws 4 SOL: 4 * 2.5": ("request_withdrawal", WITHDRAWAL, "10"),
    "withdraws 4 USDC": ("request_withdrawal", WITHDRAWAL | {"symbol": "USDC"}, "4"),
    "borrows 3 SOL: 3 * 2.5": (
        "execute_borrow_lend", {"symbol": "SOL", "side": "Borrow", "quantity": "3"}, "7.5"),
    "pays 50 USDC in": ("vault_mint", {"vaultId": 1, "symbol": "USDC", "quantity": "50"}, "50"),
}  # fmt: skip


@pytest.mark.parametrize("case", LATER)
def test_the_value_of_the_rest(case: str) -> None:
    name, fields, value = LATER[case]
    assert value_of(name, fields) == Decimal(value)


def test_the_price_of_an_asset_is_read_from_its_market_in_usdc() -> None:
    ask = Answers()
    guard(ask).admit(OPERATIONS["vault_mint"], {"vaultId": 1, "symbol": "ETH", "quantity": "1"})
    assert ask.asked == [("get_ticker", {"symbol": "ETH_USDC"})]


def test_what_is_read_is_what_can_be_sent() -> None:
    ask = Answers()
    guard(ask).admit(OPERATIONS["execute_order"], market(symbol="SOL_USDT", quantity="1"))
    share = perp(quantity=None, triggerPrice="1", triggerQuantity="80%")
    guard(ask).admit(OPERATIONS["execute_order"], share)
    assert {name for name, _ in ask.asked} == {"get_depth", "get_ticker", "get_positions"}
    for name, fields in ask.asked:
        assert checked_fields(name, fields) == fields


def test_a_strategy_without_a_quantity_cannot_be_valued() -> None:
    with pytest.raises(GuardError, match="strategy_create cannot be valued.*no quantity"):
        value_of("strategy_create", LEAST["strategy_create"].sent | {"symbol": "SOL_USDC"})


WORTHLESS = (
    "cancel_order", "cancel_open_orders", "cancel_strategy", "cancel_open_strategies",
    "refresh_rfq", "cancel_rfq", "update_account_settings", "convert_dust", "vault_redeem",
    "vault_redeem_cancel", "issue_two_factor_token",
)  # fmt: skip


@pytest.mark.parametrize("name", WORTHLESS)
def test_what_takes_back_or_sets_is_worth_nothing(name: str) -> None:
    armed = guard(per_order="0.01", per_session="0.01")
    armed.admit(OPERATIONS["execute_order"], order(price="0.01"))  # nothing remains
    assert armed.admit(OPERATIONS[name], LEAST[name].sent) == 0


# --- the caps -------------------------------------------------------------------------------------


def test_the_cap_of_an_order_allows_itself_and_no_more() -> None:
    armed = guard(per_order="50", per_session="1000")
    assert armed.admit(OPERATIONS["execute_order"], order(price="25", quantity="2")) == 50
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
    assert armed.admit(OPERATIONS["execute_order"], order(price="20")) == 20
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
    assert armed.admit(OPERATIONS["execute_order"], order(price="60")) == 60


def test_a_batch_is_held_order_by_order_and_as_a_sum() -> None:
    batch = OPERATIONS["execute_order_batch"]
    armed = guard(per_order="50", per_session="100")
    with pytest.raises(GuardError, match=r"orders\[1\]: 51 USDC is above per_order=50 USDC"):
        armed.admit(batch, [order(price="1"), order(price="51")])
    with pytest.raises(GuardError, match="spent 0 of per_session=100 USDC; 120 more would exceed"):
        armed.admit(batch, [order(price="40")] * 3)
    assert armed.spent == 0
    assert armed.admit(batch, [order(price="50"), order(price="50")]) == 100 == armed.spent


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
    assert armed.admit(OPERATIONS[name], fields) == 0
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
        value = armed.admit(OPERATIONS["execute_order"], order(price="170.51"))
        assert value.as_tuple() == Decimal("170.51").as_tuple()
        with pytest.raises(GuardError, match=r"0\.5000000001 more would exceed it, 0\.49"):
            armed.admit(OPERATIONS["execute_order"], order(price="0.5000000001"))
        armed.admit(OPERATIONS["execute_order"], order(price="0.0000000001"))
        assert armed.spent.as_tuple() == Decimal("170.5100000001").as_tuple()
        armed.give_back(value)
    assert armed.spent == Decimal("0.0000000001")


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
            outcomes.append(armed.admit(OPERATIONS["request_withdrawal"], fields))
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
    armed._spent = Yielding(0)

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
    armed, held = guard(per_order="50", per_session="200"), []
    for step, what in steps:
        if step == "back":
            if held:
                armed.give_back(Decimal(held.pop(what % len(held))).scaleb(-2))
        else:
            batch = [order(price=f"{cents // 100}.{cents % 100:02}") for cents in what]
            fits = max(what) <= 5000 and sum(held) + sum(what) <= 20000
            try:
                armed.admit(OPERATIONS["execute_order_batch"], batch)
            except GuardError:
                assert not fits
            else:
                assert fits
                held.append(sum(what))
        assert armed.spent == Decimal(sum(held)).scaleb(-2) <= 200
