"""Round to a market's rules. The numbers were computed by hand, with exact fractions.

The filters are those that were recorded from the exchange on 2026-09-01.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_UP, Context, Decimal, Inexact, localcontext
from fractions import Fraction
from random import Random
from typing import Any

import pytest

from bpkit import InputError, Market, RuleError
from bpkit.guard.market import broken_rules

# symbol -> tick, minPrice, maxPrice, step = minQuantity, mean mark band
FILTERS: dict[str, tuple[str, str, str | None, str, tuple[str, str] | None]] = {
    "SOL_USDC": ("0.01", "0.01", None, "0.01", ("0.97", "1.03")),
    "BTC_USDC": ("0.1", "0.1", None, "0.00001", ("0.97", "1.03")),
    "ETH_USDC": ("0.01", "0.01", None, "0.0001", ("0.97", "1.03")),
    "USDT_USDC": ("0.0001", "0.1", None, "1", ("0.99", "1.01")),
    "BONK_USDC": ("0.000000001", "0.000000001", None, "10000", ("0.85", "1.15")),
    "JTO_USDC": ("0.00001", "0.1", None, "1", ("0.85", "1.15")),
    "BP_USDC": ("0.00001", "0.00001", "1000", "1", None),
    "XRP_USDC_PERP": ("0.0001", "0.000001", "1000", "0.0001", ("0.94", "1.06")),
    "kPEPE_USDC_PERP": ("0.0000001", "0.000001", "1000", "100", ("0.9", "1.1")),
}


def row(
    symbol: str, tick: str, step: str, low: str, high: str | None, band: tuple[str, str] | None
) -> dict[str, Any]:
    """A row of ``get_markets``, with the fields that matter here."""
    mean = None if band is None else {"minMultiplier": band[0], "maxMultiplier": band[1]}
    price = {
        "tickSize": tick, "minPrice": low, "maxPrice": high, "minMultiplier": "0.25",
        "maxMultiplier": "2", "meanMarkPriceBand": mean,
    }  # fmt: skip
    quantity = {"stepSize": step, "minQuantity": step, "maxQuantity": None}
    return {
        "symbol": symbol, "marketType": "PERP" if symbol.endswith("PERP") else "SPOT",
        "filters": {"price": price, "quantity": quantity}, "orderBookState": "Open",
    }  # fmt: skip


def market(symbol: str) -> Market:
    tick, low, high, step, band = FILTERS[symbol]
    return Market.from_row(row(symbol, tick, step, low, high, band))


def plain_market(tick: str = "0.01", step: str = "0.01") -> Market:
    """Without a limit above the first multiple."""
    return Market.from_row(row("X_USDC", tick, step, tick, None, None))


SOL, BTC, BONK = market("SOL_USDC"), market("BTC_USDC"), market("BONK_USDC")
PEPE, JTO = market("kPEPE_USDC_PERP"), market("JTO_USDC")
XRP, BP, USDT = market("XRP_USDC_PERP"), market("BP_USDC"), market("USDT_USDC")


# --- the worked examples --------------------------------------------------------------------------

ROUNDED: list[tuple[str, Callable[[], str], str]] = [
    ("a bid down", lambda: SOL.round_price("170.505", "Bid"), "170.5"),
    ("an ask up", lambda: SOL.round_price("170.505", "Ask"), "170.51"),
    ("on the tick, bid", lambda: SOL.round_price("170.50", "Bid"), "170.5"),
    ("on the tick, ask", lambda: SOL.round_price("170.50", "Ask"), "170.5"),
    ("BTC bid", lambda: BTC.round_price("117427.69", "Bid"), "117427.6"),
    ("BTC ask", lambda: BTC.round_price("117427.61", "Ask"), "117427.7"),
    ("USDT ask", lambda: USDT.round_price("1.00001", "Ask"), "1.0001"),
    ("USDT bid", lambda: USDT.round_price("1.00001", "Bid"), "1"),
    ("a step of 10000", lambda: BONK.round_quantity("123456"), "120000"),
    ("BONK bid", lambda: BONK.round_price("0.0000123456789", "Bid"), "0.000012345"),
    ("BONK ask", lambda: BONK.round_price("0.0000123456789", "Ask"), "0.000012346"),
    ("a step of 100", lambda: PEPE.round_quantity("199.99"), "100"),
    ("PEPE bid", lambda: PEPE.round_price("0.01234567", "Bid"), "0.0123456"),
    ("PEPE ask", lambda: PEPE.round_price("0.01234567", "Ask"), "0.0123457"),
    ("step 0.05", lambda: plain_market(step="0.05").round_quantity("1.23"), "1.2"),
    ("just below", lambda: plain_market(step="0.05").round_quantity("1.24999"), "1.2"),
    ("on the step", lambda: plain_market(step="0.05").round_quantity("1.25"), "1.25"),
    ("step 0.2", lambda: plain_market(step="0.2").round_quantity("55.3"), "55.2"),
    ("tick 0.25, bid", lambda: plain_market(tick="0.25").round_price("100.37", "Bid"), "100.25"),
    ("tick 0.25, ask", lambda: plain_market(tick="0.25").round_price("100.37", "Ask"), "100.5"),
    ("1e-7", lambda: plain_market(tick="0.000000001").round_price("1e-7", "Bid"), "0.0000001"),
    ("a small step", lambda: plain_market(step="0.00000001").round_quantity("0.000000123"),
     "0.00000012"),
    ("up to minPrice", lambda: JTO.round_price("0.0999999", "Ask"), "0.1"),
    ("up to the first tick", lambda: XRP.round_price("0.00009", "Ask"), "0.0001"),
    ("down to maxPrice", lambda: BP.round_price("1000.000001", "Bid"), "1000"),
    ("trigger below the last price", lambda: SOL.round_trigger("160.004", "170"), "160.01"),
    ("trigger above the last price", lambda: SOL.round_trigger("180.006", "170"), "180"),
    ("more than 28 digits", lambda: SOL.round_quantity("123456789012345678901234567890.129"),
     "123456789012345678901234567890.12"),
    ("a float's text", lambda: plain_market(step="0.1").round_quantity("0.30000000000000004"),
     "0.3"),
]  # fmt: skip


@pytest.mark.parametrize("name, call, right", ROUNDED, ids=[one[0] for one in ROUNDED])
def test_a_value_is_rounded(name: str, call: Callable[[], str], right: str) -> None:
    assert call() == right


REFUSED: list[tuple[Callable[[], object], str, str, str]] = [
    (lambda: BONK.round_quantity("9999.99"), "minQuantity", "10000", "0"),
    (lambda: PEPE.round_quantity("99.99"), "minQuantity", "100", "0"),
    (lambda: JTO.round_price("0.0999999", "Bid"), "minPrice", "0.1", "0.09999"),
    (lambda: XRP.round_price("0.00009", "Bid"), "tickSize", "0.0001", "0"),
    (lambda: BP.round_price("1000.000001", "Ask"), "maxPrice", "1000", "1000.00001"),
    (lambda: PEPE.order("Bid", price="0.01234567", quote="1"), "minQuantity", "100", "0"),
    (lambda: SOL.round_quote("0.009"), "tickSize", "0.01", "0"),
]


@pytest.mark.parametrize("call, rule, limit, got", REFUSED)
def test_no_valid_value_is_left(
    call: Callable[[], object], rule: str, limit: str, got: str
) -> None:
    with pytest.raises(RuleError) as caught:
        call()
    assert (caught.value.rule, caught.value.limit, caught.value.got) == (rule, limit, got)
    assert isinstance(caught.value, InputError) and f"({rule})" in str(caught.value)


def test_zero_is_never_valid() -> None:
    """Whatever minPrice says."""
    free = Market.from_row(row("X_USDC", "0.01", "0.01", "0", None, None))
    with pytest.raises(RuleError, match="the least is 0.01 .tickSize."):
        free.round_price("0.001", "Bid")
    assert free.bands()[:2] == ("0.01", "tickSize")


def test_the_error_names_the_rule_and_the_least() -> None:
    with pytest.raises(RuleError) as caught:
        PEPE.round_quantity("99.99")
    assert caught.value.args[0] == (
        "quantity='99.99': is 0 after rounding down to the step of 100; the least is 100 "
        "(minQuantity)"
    )


def test_too_little_to_spend_says_how_much_it_takes() -> None:
    with pytest.raises(RuleError, match="1.23456 at 0.0123456") as caught:
        PEPE.order("Bid", price="0.01234567", quote="1")
    assert caught.value.field == "quote"


@pytest.mark.parametrize(
    "symbol, price, quote, fitted, quantity, cost, rest",
    [
        ("SOL_USDC", "170.505", "25", "170.5", "0.14", "23.87", "1.13"),
        ("BONK_USDC", "0.0000123456789", "25", "0.000012345", "2020000", "24.9369", "0.0631"),
        ("BTC_USDC", "117427.69", "25", "117427.6", "0.00021", "24.659796", "0.340204"),
        ("ETH_USDC", "3826.15", "10", "3826.15", "0.0026", "9.94799", "0.05201"),
        ("kPEPE_USDC_PERP", "0.01234567", "1.23456", "0.0123456", "100", "1.23456", "0"),
    ],
)
def test_buy_for_a_sum(
    symbol: str, price: str, quote: str, fitted: str, quantity: str, cost: str, rest: str
) -> None:
    order = market(symbol).order("Bid", price=price, quote=quote)
    assert order == {
        "symbol": symbol, "side": "Bid", "order_type": "Limit", "price": fitted,
        "quantity": quantity,
    }  # fmt: skip
    assert Decimal(order["price"]) * Decimal(order["quantity"]) == Decimal(cost)
    assert Decimal(quote) - Decimal(cost) == Decimal(rest)


def test_an_order_for_a_batch_has_the_names_of_the_exchange() -> None:
    assert SOL.order("Ask", price="170.505", quantity="1.239", batch=True) == {
        "symbol": "SOL_USDC", "side": "Ask", "orderType": "Limit", "price": "170.51",
        "quantity": "1.23",
    }  # fmt: skip


def test_bands_of_the_last_price() -> None:
    """170.03 * 0.25 = 42.5075, 170.03 * 2 = 340.06."""
    bands = SOL.bands("170.03")
    assert bands == ("42.51", "minMultiplier", "340.06", "maxMultiplier")
    low = bands.check(SOL.round_price("42.505", "Bid"))
    assert [(one.rule, one.limit, one.got) for one in low] == [("minMultiplier", "42.51", "42.5")]
    assert bands.check(SOL.round_price("42.505", "Ask")) == bands.check("340.06") == []
    assert [one.rule for one in bands.check("340.07")] == ["maxMultiplier"]


@pytest.mark.parametrize(
    "symbol, mark, lowest, highest",
    [
        ("SOL_USDC", "170.03", "164.93", "175.13"),
        ("BONK_USDC", "0.000012345", "0.000010494", "0.000014196"),
    ],
)
def test_bands_of_the_mark_price(symbol: str, mark: str, lowest: str, highest: str) -> None:
    """170.03 * 0.97 = 164.9291, * 1.03 = 175.1309."""
    rule = "meanMarkPriceBand"
    assert market(symbol).bands(mean_mark=mark) == (lowest, rule, highest, rule)


def test_the_tightest_band_counts() -> None:
    assert SOL.bands("100", "170.03") == (
        "164.93", "meanMarkPriceBand", "175.13", "meanMarkPriceBand",
    )  # fmt: skip
    # A cheap bid and a dear ask harm nobody: there only the last price limits.
    assert SOL.bands("100", "170.03", "Bid")[:2] == ("25", "minMultiplier")
    assert SOL.bands("100", "170.03", "Ask")[2:] == ("200", "maxMultiplier")
    assert BP.bands("900")[2:] == ("1000", "maxPrice")
    assert JTO.bands("0.2")[:2] == ("0.1", "minPrice")
    assert XRP.bands() == ("0.0001", "tickSize", "1000", "maxPrice")
    assert plain_market().bands() == ("0.01", "minPrice", None, None)
    assert plain_market().bands().check("1000000") == []


# --- directions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "price, side, toward, right",
    [
        ("170.505", "Bid", "market", "170.51"),
        ("170.505", "Ask", "market", "170.5"),
        ("170.504", None, "nearest", "170.5"),
        ("170.506", "Bid", "nearest", "170.51"),
        ("170.505", None, "nearest", "170.5"),  # 17050 is even
        ("170.515", None, "nearest", "170.52"),  # 17052 is even
        ("170.5", "Bid", "market", "170.5"),
    ],
)
def test_the_other_directions(price: str, side: Any, toward: Any, right: str) -> None:
    assert SOL.round_price(price, side, toward=toward) == right


def test_an_order_may_go_toward_the_market() -> None:
    assert SOL.order("Bid", price="170.505", quote="25", toward="market")["price"] == "170.51"


def test_a_quantity_may_be_rounded_up() -> None:
    assert BONK.round_quantity("1", up=True) == "10000"
    assert BONK.round_quantity("10000", up=True) == "10000"


@pytest.mark.parametrize(
    "price, last, right",
    [
        ("169.995", "170", "169.99"),  # up would reach 170
        ("170.005", "170", "170.01"),  # down would reach 170
        ("170.005", "170.009", "170"),  # up would pass 170.009
        ("170", "170", "170"),
        ("170.004", "170.004", "170.01"),
        ("160.01", Decimal("170"), "160.01"),
    ],
)
def test_a_trigger_stays_on_its_side(price: str, last: Any, right: str) -> None:
    assert SOL.round_trigger(price, last) == right


def test_a_trigger_has_limits_too() -> None:
    with pytest.raises(RuleError, match=r"minPrice"):
        JTO.round_trigger("0.05", "0.2")


@pytest.mark.parametrize(
    "symbol, amount, right",
    [
        ("SOL_USDC", "25.999", "25.99"),
        ("BTC_USDC", "25.99", "25.9"),
        ("BONK_USDC", "25.0000000019", "25.000000001"),
        ("BONK_USDC", 25, "25"),
    ],
)
def test_a_quote_quantity_has_the_decimals_of_the_tick(
    symbol: str, amount: Any, right: str
) -> None:
    assert market(symbol).round_quote(amount) == right
    assert plain_market(tick="0.25").round_quote("1.239") == "1.23"


def test_the_balance_after_the_fee_can_be_sold() -> None:
    """0.14 SOL less 0.1 % is 0.13986."""
    assert SOL.round_quantity("0.13986") == "0.13"


# --- check ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "symbol, values, broken",
    [
        ("SOL_USDC", {"price": "170.5", "quantity": "0.01"}, []),
        ("SOL_USDC", {"price": "170.505"}, [("tickSize", "0.01", "170.505")]),
        ("SOL_USDC", {"quantity": "0.005"},
         [("stepSize", "0.01", "0.005"), ("minQuantity", "0.01", "0.005")]),
        ("BONK_USDC", {"quantity": "123456"}, [("stepSize", "10000", "123456")]),
        ("JTO_USDC", {"price": "0.09"}, [("minPrice", "0.1", "0.09")]),
        ("BP_USDC", {"price": 1001}, [("maxPrice", "1000", "1001")]),
        ("XRP_USDC_PERP", {"price": "0.00009"}, [("tickSize", "0.0001", "0.00009")]),
    ],
)  # fmt: skip
def test_what_is_checked(symbol: str, values: Any, broken: list[tuple[str, str, str]]) -> None:
    found = market(symbol).check(**values)
    assert [(one.rule, one.limit, one.got) for one in found] == broken


def test_a_largest_quantity() -> None:
    given = row("X_USDC", "0.01", "0.01", "0.01", None, None)
    given["filters"]["quantity"]["maxQuantity"] = "5"
    limited = Market.from_row(given)
    assert limited.round_quantity("5.009") == "5"
    with pytest.raises(RuleError, match="the most is 5"):
        limited.round_quantity("5.01")
    assert [one.rule for one in limited.check(quantity="5.01")] == ["maxQuantity"]


@pytest.mark.parametrize(
    "state, refused",
    [
        ("Open", []),
        ("Closed", ["Limit", "PostOnly", "Market"]),
        ("CancelOnly", ["Limit", "PostOnly", "Market"]),
        ("LimitOnly", ["Market"]),
        ("PostOnly", ["Limit", "Market"]),
        ("SomethingNew", []),
    ],
)
def test_what_the_state_of_a_market_refuses(state: str, refused: list[str]) -> None:
    one = Market.from_row(row("X_USDC", "1", "1", "1", None, None) | {"orderBookState": state})
    orders = {
        "Limit": {"side": "Bid", "orderType": "Limit", "price": "2", "quantity": "1"},
        "PostOnly": {"side": "Bid", "orderType": "Limit", "price": "2", "postOnly": True},
        "Market": {"side": "Bid", "orderType": "Market", "quantity": "1"},
    }
    found = {name: broken_rules(one, order, None, None) for name, order in orders.items()}
    assert [name for name in orders if found[name]] == refused
    assert {error.rule for errors in found.values() for error in errors} <= {"orderBookState"}


def test_a_filter_that_is_not_there_limits_nothing() -> None:
    """Only tickSize, minPrice, stepSize and minQuantity are documented as always there."""
    given = row("X_USDC", "0.01", "0.01", "0.01", None, None)
    given["filters"] = {
        "price": {"tickSize": "0.01", "minPrice": "0.01"},
        "quantity": {"stepSize": "0.01", "minQuantity": "0.01"},
    }
    bare = Market.from_row(given)
    assert bare.bands("100", "100") == ("0.01", "minPrice", None, None)
    assert bare.check(price="1000000", quantity="1000000") == []


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [0.3, float("nan"), float("inf"), "NaN", "Infinity", Decimal("NaN"), "0", "-1", 0, "", " ",
     "1,000", "1_000", "1 000", "170.5 USDC", "0x10", True, None, "1e999", f"1e{10**20}",
     "9" * 61,
     Decimal("1E+999999"), "٣"],
)  # fmt: skip
def test_what_is_no_amount_is_refused(value: Any) -> None:
    for call in (
        lambda: SOL.round_price(value, "Bid"),
        lambda: SOL.round_quantity(value),
        lambda: SOL.round_quote(value),
        lambda: SOL.round_trigger("1", value),
        lambda: SOL.order("Bid", price=value, quantity="1"),
        lambda: SOL.bands("1").check(value),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert not isinstance(caught.value, RuleError)


@pytest.mark.parametrize(
    "field, call",
    [
        ("price", lambda: SOL.round_price("0", "Bid")),
        ("price", lambda: SOL.round_trigger("0", "1")),
        ("last", lambda: SOL.round_trigger("1", "0")),
        ("quantity", lambda: SOL.round_quantity("0")),
        ("amount", lambda: SOL.round_quote("0")),
        ("price", lambda: SOL.order("Bid", price="0", quantity="1")),
        ("quantity", lambda: SOL.order("Bid", price="1", quantity="0")),
        ("quote", lambda: SOL.order("Bid", price="1", quote="0")),
        ("price", lambda: SOL.bands("1").check("0")),
        ("last", lambda: SOL.bands("0")),
        ("mean_mark", lambda: SOL.bands("1", "0")),
        ("price", lambda: SOL.check(price="0")),
        ("quantity", lambda: SOL.check(quantity="0")),
    ],
)
def test_the_argument_that_is_no_amount_is_named(field: str, call: Callable[[], object]) -> None:
    with pytest.raises(InputError) as caught:
        call()
    assert caught.value.field == field and str(caught.value).startswith(f"{field}='0': ")


def test_a_float_is_named_with_its_text() -> None:
    with pytest.raises(InputError, match=r'write text: "0.3"'):
        SOL.round_quantity(0.3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: SOL.round_price("1"), 'side=None: is missing; write "Bid" or "Ask"'),
        (lambda: SOL.round_price("1", "buy"), "did you mean 'Bid'"),  # type: ignore[arg-type]
        (lambda: SOL.round_price("1", "Bid", toward="up"), "toward='up'"),  # type: ignore[arg-type]
        (lambda: SOL.bands("1", "1", "buy"), "did you mean 'Bid'"),  # type: ignore[arg-type]
        (lambda: SOL.order("Bid", price="1"), "quantity=None: is missing, and so is quote"),
        (lambda: SOL.order("Bid", price="1", quantity="1", quote="1"), "pass just one of them"),
        (lambda: SOL.order(None, price="1", quantity="1", toward="nearest"), "side=None"),  # type: ignore[arg-type]
    ],
)
def test_what_is_missing_or_misspelt(call: Callable[[], object], words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)):
        call()


# --- for every number -----------------------------------------------------------------------------


def some_number(chance: Random, digits: int, places: int) -> str:
    return f"{chance.randrange(1, 10**digits)}e-{chance.randrange(places)}"


def test_a_multiple_never_worse_and_less_than_a_unit_away() -> None:
    for seed in range(1000):
        chance = Random(seed)
        unit = some_number(chance, chance.choice([1, 2, 5]), 12)
        value = some_number(chance, chance.choice([3, 15, 40]), 30)
        one = Market.from_row(row("X_USDC", unit, unit, unit, None, None))
        assert_rounded(one, Fraction(unit), value)


def assert_rounded(one: Market, unit: Fraction, value: str) -> None:
    exact, shown = Fraction(value), (value, unit)
    above = one.round_price(value, "Ask")
    assert above == one.round_quantity(value, up=True), shown
    assert above == one.round_price(value, "Bid", toward="market"), shown
    assert re.fullmatch(r"\d+|\d+\.\d*[1-9]", above) and Fraction(above) % unit == 0, shown
    assert 0 <= Fraction(above) - exact < unit, shown
    if exact < unit:
        return
    below = one.round_price(value, "Bid")
    assert below == one.round_quantity(value) == one.round_price(value, "Ask", toward="market")
    assert Fraction(below) % unit == 0 and 0 <= exact - Fraction(below) < unit, shown
    assert one.round_price(below, "Ask") == below, shown
    assert one.check(price=below, quantity=above) == [], shown
    nearest = Fraction(one.round_price(value, toward="nearest"))
    assert nearest in (Fraction(above), Fraction(below)), shown
    assert abs(nearest - exact) * 2 <= unit, shown


def test_the_most_that_a_sum_buys() -> None:
    """One step more would cost too much."""
    for seed in range(300):
        chance = Random(seed)
        tick, step = some_number(chance, 2, 8), some_number(chance, 2, 8)
        one = Market.from_row(row("X_USDC", tick, step, tick, None, None))
        price, quote = some_number(chance, 9, 3), some_number(chance, 30, 4)
        order = one.order("Bid", price=price, quote=quote)
        cost = Fraction(order["price"]) * Fraction(order["quantity"])
        assert Fraction(order["quantity"]) % Fraction(step) == 0, seed
        left = Fraction(quote) - cost
        assert 0 <= left < Fraction(order["price"]) * Fraction(step), seed


def test_the_settings_of_decimal_change_nothing() -> None:
    """They belong to the thread, and another library may have set them."""
    with localcontext(Context(prec=1, rounding=ROUND_UP, traps=[Inexact])):
        assert SOL.round_quantity("123456789.129") == "123456789.12"
        assert BONK.order("Bid", price="0.0000123456789", quote="25")["quantity"] == "2020000"
        assert SOL.bands("170.03") == ("42.51", "minMultiplier", "340.06", "maxMultiplier")
        with pytest.raises(RuleError, match=r"costs 1.23456"):
            PEPE.order("Bid", price="0.01234567", quote="1")
    with localcontext(Context(prec=50, rounding=ROUND_CEILING)):
        assert SOL.round_price("170.505", "Bid") == "170.5"


# --- the object -----------------------------------------------------------------------------------


def test_a_market_has_the_filters_as_decimals_and_cannot_be_changed() -> None:
    assert (BP.tick, BP.step, BP.min_price) == (Decimal("0.00001"), 1, Decimal("0.00001"))
    assert (BP.max_price, BP.min_quantity, BP.max_quantity, BP.state) == (1000, 1, None, "Open")
    with pytest.raises(AttributeError):
        BP.tick = Decimal(1)  # type: ignore[misc]


def test_a_market_shows_its_rules() -> None:
    assert repr(BP) == (
        "Market(BP_USDC: price in ticks of 0.00001 from 0.00001 to 1000, quantity in steps of 1 "
        "from 1, Open)"
    )
