"""Markets whose step is far above 1: a wrong rounding is refused, and that of a Market is not."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from bpkit import ApiError, Client, InputError, RuleError
from bpkit.guard.check_order import KEPT_FOR, MarketList
from bpkit.sandbox import Sandbox

BONK, PEPE = "BONK_USDC", "kPEPE_USDC_PERP"


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def bp(shared: Sandbox) -> Client:
    """A client with an account of its own."""
    return Client(shared.url, shared.open_account({"USDC": "10000"}))


def asked(sandbox: Sandbox, name: str) -> int:
    return sum(entry["operation"] == name for entry in sandbox.log)


# --- the markets ----------------------------------------------------------------------------------


def test_the_steps_are_the_recorded_ones(bp: Client) -> None:
    bonk, pepe = bp.market(BONK), bp.market(PEPE)
    assert (bonk.tick, bonk.step) == (Decimal("0.000000001"), 10000)
    assert (pepe.tick, pepe.step) == (Decimal("0.0000001"), 100)
    assert (pepe.min_price, pepe.max_price) == (Decimal("0.000001"), 1000)


def test_everything_that_is_traded_is_a_multiple(bp: Client) -> None:
    for symbol, step in ((BONK, 10000), (PEPE, 100)):
        market = bp.market(symbol)
        book = bp.get_depth(symbol)
        trades = [(one["price"], one["quantity"]) for one in bp.get_recent_trades(symbol)]
        for price, quantity in [*book["bids"], *book["asks"], *trades]:
            assert Decimal(quantity) % step == 0
            assert market.check(price=price, quantity=quantity) == []


def test_a_perp_without_a_listed_spot_market_has_an_index(shared: Sandbox, bp: Client) -> None:
    assert "kPEPE_USDC" not in {row["symbol"] for row in bp.get_markets()}
    [row] = bp.get_mark_prices(PEPE)
    mark, index = Decimal(row["markPrice"]), Decimal(row["indexPrice"])
    assert abs(mark / index - 1) < Decimal("0.005")
    with pytest.raises(ValueError, match="kPEPE"):  # nobody can own what only a perp is named after
        shared.open_account({"kPEPE": "1"})


def test_a_trigger_can_watch_that_index() -> None:
    with Sandbox() as own:
        client = Client(own.url, own.key)
        index = client.get_mark_prices(PEPE)[0]["indexPrice"]
        above = client.market(PEPE).round_price(Decimal(index) * Decimal("1.0005"), "Ask")
        waiting = client.execute_order(
            PEPE, "Bid", "Market", trigger_price=above, trigger_quantity="100",
            trigger_by="IndexPrice",
        )  # fmt: skip
        own.advance(hours=6)
        [triggered] = [row for row in client.get_order_history(PEPE) if row["id"] == waiting["id"]]
        assert triggered["status"] == "Filled"
        [fill] = client.get_fills(PEPE)
        assert fill["timestamp"] < "2026-09-01T13"  # when it was reached, not at the end


# --- what is refused, and what is not -------------------------------------------------------------


@pytest.mark.parametrize(
    "symbol, price, quantity, message",
    [
        # What ``Decimal.quantize`` makes of it: as many decimals as the step, which are none.
        (BONK, "0.000012345", str(Decimal("123456.7").quantize(Decimal("10000"))),
         "Quantity decimal too long"),
        (BONK, "0.000012345", "9999", "Quantity decimal too long"),
        (BONK, "0.0000123456789", "10000", "Price decimal too long"),
        (PEPE, "0.0123456", "199.99", "Quantity decimal too long"),
        (PEPE, "0.0123456", "150", "Quantity decimal too long"),
        (PEPE, "0.01234567", "100", "Price decimal too long"),
    ],
)  # fmt: skip
def test_a_wrong_rounding_is_refused(
    bp: Client, symbol: str, price: str, quantity: str, message: str
) -> None:
    with pytest.raises(ApiError) as caught:
        bp.execute_order(symbol, "Bid", "Limit", price=price, quantity=quantity)
    assert (caught.value.status, caught.value.message) == (400, message)


@pytest.mark.parametrize(
    "symbol, given, price, quantity",
    [
        (BONK, {"price": "0.0000123456789", "quote": "25"}, "0.000012345", "2020000"),
        (BONK, {"price": "0.0000123456789", "quantity": "123456"}, "0.000012345", "120000"),
        (PEPE, {"price": "0.01234567", "quote": "1.23456"}, "0.0123456", "100"),
        (PEPE, {"price": "0.01234567", "quantity": "199.99"}, "0.0123456", "100"),
        ("SOL_USDC", {"price": "170.505", "quote": "25"}, "170.5", "0.14"),
    ],
)
def test_the_rounding_of_a_market_is_accepted(
    bp: Client, symbol: str, given: dict[str, str], price: str, quantity: str
) -> None:
    order = bp.execute_order(**bp.market(symbol).order("Bid", **given))
    assert order["status"] in ("New", "Filled")
    assert (order["price"], order["quantity"]) == (price, quantity)
    [row] = bp.execute_order_batch([bp.market(symbol).order("Bid", **given, batch=True)])
    assert row["operation"] == "Ok"


def test_what_was_bought_can_be_sold_to_the_last_step(bp: Client) -> None:
    """The fee is taken in BONK, so the balance is no multiple of the step."""
    market = bp.market(BONK)
    bp.execute_order(BONK, "Bid", "Market", quote_quantity=market.round_quote("25"))
    balance = bp.get_balances()["BONK"]["available"]
    assert Decimal(balance) % 10000 != 0
    sold = bp.execute_order(BONK, "Ask", "Market", quantity=market.round_quantity(balance))
    assert sold["status"] == "Filled"
    assert Decimal(bp.get_balances()["BONK"]["available"]) < 10000


# --- check_order ----------------------------------------------------------------------------------

SOL = {"symbol": "SOL_USDC", "side": "Bid", "order_type": "Limit", "quantity": "0.1"}
ORDERS: list[tuple[dict[str, Any], list[str]]] = [
    ({**SOL, "price": "160"}, []),
    ({**SOL, "price": "160.005"}, ["tickSize"]),
    ({**SOL, "price": "160", "quantity": "0.005"}, ["stepSize", "minQuantity"]),
    ({**SOL, "price": "17.05"}, ["minMultiplier"]),
    ({**SOL, "price": "400"}, ["maxMultiplier", "meanMarkPriceBand"]),
    ({**SOL, "price": "180"}, ["meanMarkPriceBand"]),
    ({**SOL, "price": "160", "side": "Ask", "symbol": "SOL_USDC_PERP"}, []),
    ({**SOL, "price": "150", "side": "Ask", "symbol": "SOL_USDC_PERP"}, ["meanMarkPriceBand"]),
    ({**SOL, "price": "0.00001", "quantity": "123456", "symbol": BONK}, ["stepSize"]),
    ({**SOL, "price": "1000.1", "quantity": "100", "symbol": PEPE},
     ["maxPrice", "maxMultiplier", "meanMarkPriceBand"]),
    ({**SOL, "price": "0.0000005", "quantity": "100", "symbol": PEPE},
     ["minPrice", "minMultiplier"]),
    ({**SOL, "price": "5", "quantity": "1", "symbol": "HNT_USDC"}, ["orderBookState"]),
    ({"symbol": "SOL_USDC", "side": "Bid", "order_type": "Market", "quantity": "0.1"}, []),
    ({"symbol": "SOL_USDC", "side": "Bid", "order_type": "Market", "quantity": "0.105"},
     ["stepSize"]),
    ({"symbol": "SOL_USDC", "side": "Bid", "order_type": "Market", "quote_quantity": "25"}, []),
    ({"symbol": "SOL_USDC_PERP", "side": "Bid", "order_type": "Market", "trigger_price": "180.005",
      "trigger_quantity": "0.1"}, ["tickSize"]),
    ({"symbol": "SOL_USDC_PERP", "side": "Bid", "order_type": "Market", "trigger_price": "180",
      "trigger_quantity": "0.105"}, ["stepSize"]),
    ({"symbol": "SOL_USDC_PERP", "side": "Bid", "order_type": "Limit", "price": "250",
      "trigger_price": "240", "trigger_quantity": "0.1"}, []),
    ({**SOL, "symbol": "SOL_USDC_PERP", "price": "160", "stop_loss_trigger_price": "150.001"},
     ["tickSize"]),
]  # fmt: skip


@pytest.mark.parametrize("order, rules", ORDERS)
def test_check_order_says_what_the_exchange_does(
    bp: Client, order: dict[str, Any], rules: list[str]
) -> None:
    found = bp.check_order(**order)
    assert [one.rule for one in found] == rules
    assert all(type(one) is RuleError for one in found)
    try:
        accepted = bp.execute_order(**order)["status"] != "Expired"
    except ApiError:
        accepted = False
    assert accepted == (not rules)


def test_a_share_of_the_position_has_no_step(bp: Client) -> None:
    exit = {"symbol": PEPE, "side": "Ask", "order_type": "Market", "reduce_only": True}
    assert bp.check_order(**exit, trigger_price="0.01", trigger_quantity="80.5%") == []


def test_check_order_reads_only_what_it_needs(sandbox: Sandbox) -> None:
    bp = Client(sandbox.url, sandbox.key)
    bp.check_order("SOL_USDC", "Bid", "Market", quantity="1")
    bp.check_order("HNT_USDC", "Bid", "Limit", price="160", quantity="1")  # it is closed
    bp.check_order("SOL_USDC_PERP", "Bid", "Limit", price="160", quantity="1")
    assert [entry["operation"] for entry in sandbox.log] == [
        "get_markets", "get_ticker", "get_mark_prices",
    ]  # fmt: skip


def test_check_order_takes_what_execute_order_takes(bp: Client) -> None:
    with pytest.raises(InputError, match="price=170.5: is a float"):
        bp.check_order("SOL_USDC", "Bid", "Limit", price=170.5, quantity="1")
    with pytest.raises(InputError, match="quantity=None: is missing"):
        bp.check_order("SOL_USDC", "Bid", "Limit", price="170.5")
    with pytest.raises(TypeError, match="prize"):
        bp.check_order("SOL_USDC", "Bid", "Limit", prize="170.5", quantity="1")


# --- the list of markets --------------------------------------------------------------------------


def test_the_markets_are_asked_for_once(sandbox: Sandbox) -> None:
    bp = Client(sandbox.url)  # without a key
    first = bp.market("SOL_USDC")
    assert bp.market("SOL_USDC") == first and bp.market(BONK).symbol == BONK
    assert asked(sandbox, "get_markets") == 1
    bp.market("SOL_USDC", fresh=True)
    assert asked(sandbox, "get_markets") == 2


def test_the_markets_are_kept_for_five_minutes(bp: Client) -> None:
    now, calls = 1000.0, 0

    def ask() -> list[Any]:
        nonlocal calls
        calls += 1
        return list(bp.get_markets())

    kept = MarketList(lambda: now)
    for seconds, right in ((0.0, 1), (299.0, 1), (1.0, 2), (299.0, 2), (1.0, 3)):
        now += seconds
        assert kept.find("SOL_USDC", ask, False).symbol == "SOL_USDC"
        assert calls == right
    assert KEPT_FOR == 300


def test_a_market_that_is_not_listed(bp: Client) -> None:
    with pytest.raises(InputError, match="did you mean 'SOL_USDC'.*fresh=True"):
        bp.market("SOL_USD")
    with pytest.raises(InputError, match="symbol"):
        bp.market(["SOL_USDC"])  # type: ignore[arg-type]
