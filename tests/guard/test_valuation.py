"""The value of each write, worked out by hand from the exchange in ``writes``."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from samples import LEAST
from writes import (
    BOOK,
    POSITION,
    WITHDRAWAL,
    Answers,
    guard,
    market,
    order,
    perp,
    value_of,
)

from bpkit.errors import (
    ApiError,
    BpkitError,
    GuardError,
    MissingKeyError,
    RateLimitError,
    TransportError,
)
from bpkit.operations import OPERATIONS
from bpkit.serialize import checked_fields

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


@pytest.mark.parametrize("larger", ["netQuantity", "netExposureQuantity"])
def test_the_larger_quantity_of_a_position_counts(larger: str) -> None:
    """Half of 9 at 200, and not half of 4 or 3."""
    share = perp(orderType="Market", price=None, quantity=None, triggerPrice="200",
                 triggerQuantity="50%")  # fmt: skip
    position = POSITION | {larger: "-9"}
    asks = {"bids": [], "asks": [["100", "99"]]}
    assert value_of("execute_order", share, get_positions=[position], get_depth=asks) == 900


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
    "two positions": (
        perp(quantity=None, triggerPrice="1", triggerQuantity="80%"),
        {"get_positions": [POSITION, POSITION]}, "no single position in SOL_USDC_PERP"),
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
    "position of numbers": (
        perp(quantity=None, triggerPrice="1", triggerQuantity="80%"),
        {"get_positions": [POSITION | {"netQuantity": -4}]}, "get_positions is not as documented"),
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
    assert str(caught.value).endswith(". Nothing was sent.") and ".." not in str(caught.value)
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
    assert armed.admit(OPERATIONS[name], LEAST[name].sent).value == 0
