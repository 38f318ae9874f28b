"""Futures on a small market: SOL_USDC_PERP, last price 100.00, one level a side.

Amounts are worked out by hand; samples come from the reference (sections 4.7, 4.10 and 6).
"""

from __future__ import annotations

import copy
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from account_histories import funding_payments, order_history, position_history

from bpkit.sandbox.core.exchange import EngineAccount, Exchange, Refusal
from bpkit.sandbox.core.ledger import fine, fitted
from bpkit.sandbox.core.positions import EnginePosition, FundingPayment, fraction
from bpkit.sandbox.server.endpoints import select
from bpkit.sandbox.simulation.market import Market, load
from bpkit.sandbox.simulation.synthetic import Trade

SECOND, HOUR = 1_000_000, 3_600_000_000
NOW = 1_788_285_600_000_000 - HOUR // 2  # 2026-09-01T17:30: half an hour before funding
MARKETS = {market.symbol: market for market in load()}
PERP = "SOL_USDC_PERP"
Levels = list[tuple[int, int]]


class PerpFeed:
    """Levels and trades as given. Every trade moves the mark. With ``own_mark`` only the
    feed's own trades do, as on the real feed."""

    def __init__(self, market: Market, last: int, bids: Levels, asks: Levels) -> None:
        self.market, self.bids, self.asks = market, bids, asks
        self.rate = Decimal("0.0000125")
        self.own_mark = False
        self.index_moves_us = 2**63  # from then on it is 103
        self.trades = [Trade(0, 0, last, 1, True)]
        self.made: list[Trade] = []

    def record(self, trade: Trade) -> None:
        self.trades.append(trade)
        self.made.append(trade)

    def next_id(self, time_us: int) -> int:
        return len(self.trades)

    def last_price(self, at_us: int) -> int:
        """Of the latest; among trades at one time, of the one made here."""
        return self._last(self.trades, at_us)

    def mark_price(self, at_us: int) -> Decimal:
        own = [trade for trade in self.trades if trade not in self.made]
        return self.market.price(self._last(own if self.own_mark else self.trades, at_us))

    @staticmethod
    def _last(trades: list[Trade], at_us: int) -> int:
        past = [trade for trade in trades if trade.time_us <= at_us]
        return max(past, key=lambda trade: (trade.time_us, trade.id)).price

    def index_price(self, at_us: int) -> Decimal:
        return Decimal(100 if at_us < self.index_moves_us else 103)

    def _times(self, first_us: int, last_us: int) -> list[int]:
        """The first time of a span, and each at which something changes after it."""
        times = {self.index_moves_us, *(trade.time_us for trade in self.trades)}
        return [first_us, *(at_us for at_us in times if first_us < at_us <= last_us)]

    def mark_range(self, first_us: int, last_us: int) -> tuple[Decimal, Decimal]:
        marks = [self.mark_price(at_us) for at_us in self._times(first_us, last_us)]
        return min(marks), max(marks)

    def index_range(self, first_us: int, last_us: int) -> tuple[Decimal, Decimal]:
        indices = [self.index_price(at_us) for at_us in self._times(first_us, last_us)]
        return min(indices), max(indices)

    def lowest(self, first_us: int, last_us: int) -> int:
        return min(self.last_price(at_us) for at_us in self._times(first_us, last_us))

    def highest(self, first_us: int, last_us: int) -> int:
        return max(self.last_price(at_us) for at_us in self._times(first_us, last_us))

    def funding_rate(self, interval_end_us: int) -> Decimal:
        return self.rate

    def book_count(self, at_us: int) -> int:
        """The book may change at each microsecond."""
        return at_us - NOW

    def trade_count(self, at_us: int) -> int:
        """And what was taken from a quote is there again."""
        return at_us - NOW

    def levels(self, at_us: int) -> tuple[Levels, Levels]:
        return self.bids, self.asks

    def touches(
        self, start_us: int, end_us: int, below: int | None, above: int | None
    ) -> list[Trade]:
        return [
            trade
            for trade in self.trades
            if start_us <= trade.time_us < end_us
            and trade not in self.made
            and (
                (below is not None and trade.price <= below)
                or (above is not None and trade.price >= above)
            )
        ]

    def print(self, after_s: int, price: int, quantity: int = 1, sold: bool = True) -> None:
        """Let a trade happen so many seconds after NOW."""
        self.trades.append(Trade(0, NOW + after_s * SECOND, price, quantity, sold))


class Pit:
    """Ann has 1000 USDC and 10 SOL, bob 1000 USDC, the dealer (a user too) a million USDC."""

    def __init__(self) -> None:
        self.perp = PerpFeed(MARKETS[PERP], 10_000, [(9000, 100)], [(11000, 100)])
        self.spot = PerpFeed(MARKETS["SOL_USDC"], 10_000, [(9999, 50_000)], [(10001, 50_000)])
        eth = MARKETS["ETH_USDC_PERP"]
        self.eth = PerpFeed(eth, 250_000, [(249_900, 10**6)], [(250_100, 10**6)])
        feeds: Any = {PERP: self.perp, "SOL_USDC": self.spot, "ETH_USDC_PERP": self.eth}
        self.exchange = Exchange(load(), lambda name: feeds[name], NOW)
        self.ann = self.exchange.open_account("ann", {"USDC": Decimal(1000), "SOL": Decimal(10)})
        self.bob = self.exchange.open_account("bob", {"USDC": Decimal(1000)})
        self.dealer = self.exchange.open_account("dealer", {"USDC": Decimal(10) ** 6})
        self.supply = self.total()

    def order(self, account: EngineAccount, side: str, **fields: Any) -> dict[str, Any]:
        """A limit order where a price is given, else a market order; on the perp."""
        kind = "Limit" if "price" in fields else "Market"
        return self.exchange.execute(
            account, {"symbol": PERP, "side": side, "orderType": kind} | fields
        )

    def deal(self, account: EngineAccount, side: str, price: str, quantity: str) -> dict[str, Any]:
        """Trade with the dealer, as the taker."""
        other = "Ask" if side == "Bid" else "Bid"
        self.order(self.dealer, other, price=price, quantity=quantity)
        return self.order(account, side, price=price, quantity=quantity)

    def refused(self, account: EngineAccount, side: str, **fields: Any) -> tuple[int, str, str]:
        with pytest.raises(Refusal) as caught:
            self.order(account, side, **fields)
        return caught.value.status, caught.value.code, caught.value.message

    def position(self, account: EngineAccount) -> dict[str, Any]:
        (row,) = self.exchange.positions(account)
        return row

    def usdc(self, account: EngineAccount) -> str:
        shown = self.exchange.balances(account)
        return shown.get("USDC", {"available": "0"})["available"]

    def newest(self, account: EngineAccount) -> dict[str, Any]:
        return order_history(self.exchange, account)[0]

    def advance(self, seconds: int) -> None:
        self.exchange.advance_to(NOW + seconds * SECOND)

    def total(self) -> dict[str, Fraction]:
        holdings = [self.exchange.market_maker, self.exchange.fees, self.exchange.lending.cash]
        holdings += [account.balances for account in self.exchange.accounts.values()]
        return {
            asset: sum(
                (Fraction(one.available(asset)) + Fraction(one.locked(asset)) for one in holdings),
                Fraction(0),
            )
            for asset in ("USDC", "SOL")
        }


@pytest.fixture
def pit() -> Pit:
    return Pit()


# One position, by itself

SAMPLE = {
    "breakEvenPrice": "3831.3630555555555555555555556",
    "cumulativeFundingPayment": "-0.009218", "cumulativeInterest": "0",
    "entryPrice": "3826.8888888888888888888888889", "estLiquidationPrice": "0", "imf": "0.02",
    "imfFunction": {"base": "0.02", "factor": "0.0000935", "type": "sqrt"},
    "markPrice": "3787.46813304", "mmf": "0.0125",
    "mmfFunction": {"base": "0.0125", "factor": "0.0000561", "type": "sqrt"},
    "netCost": "13.7768", "netExposureNotional": "13.634885278944",
    "netExposureQuantity": "0.0036", "netQuantity": "0.0036", "pnlRealized": "0",
    "pnlUnrealized": "-0.141914", "positionId": "4238420454", "subaccountId": None,
    "symbol": "ETH_USDC_PERP", "userId": 1813870,
}  # fmt: skip


def test_the_recorded_position_to_the_letter() -> None:
    raw = copy.deepcopy(MARKETS["ETH_USDC_PERP"].raw)
    raw["imfFunction"], raw["mmfFunction"] = SAMPLE["imfFunction"], SAMPLE["mmfFunction"]
    position = EnginePosition("4238420454", Market(raw), NOW, Decimal(10))
    position.trade(26, 382_615)  # 0.0026 at 3826.15: its fee was recorded as 0.004974
    position.trade(10, 382_881)  # 0.001 at 3828.81, which makes the recorded net cost
    position.fees = Decimal("0.004974") + Decimal("0.001915")
    position.funding = Decimal("-0.009218")
    assert position.settle() == 0
    assert position.wire(1813870, Decimal("3787.46813304"), 36, Decimal(0)) == SAMPLE


def sol(*trades: tuple[int, int]) -> EnginePosition:
    position = EnginePosition("1", MARKETS[PERP], NOW, Decimal(10))
    for change, price in trades:
        position.trade(change, price)
    return position


def test_what_is_realised_is_cut_and_nothing_is_lost() -> None:
    position = sol((100, 10_000), (200, 10_001))  # entry 300.02 / 3
    position.trade(-100, 10_100)
    assert position.settle() == Decimal("0.993333")  # 101 - 100.00666...
    assert str(position.entry()) == "100.00666666666666666666666667"  # a reduction leaves it
    position.trade(-200, 10_100)
    assert position.settle() == Decimal("1.986667")  # 303 - 300.02 = 2.98, less what was paid
    assert (position.cost, position.steps, position.settled) == (0, 0, Decimal("2.98"))


def test_the_entry_price_of_a_closed_short_position_is_the_average_of_its_sales() -> None:
    assert sol((-100, 10_000), (-100, 10_200), (200, 9000)).entry() == 101


def test_the_maintenance_fraction_ignores_open_orders() -> None:
    """One SOL at 100 USDC is held. With its orders it would be 100 million USDC, and the root
    would be above the base of 0.0135."""
    row = sol((100, 10_000)).wire(1, Decimal(100), 10**8, Decimal(0))
    assert (row["netExposureNotional"], row["mmf"]) == ("100000000", "0.0135")


def test_closing_does_not_pay_again_what_is_settled() -> None:
    """Half of 2 SOL is sold with a profit of 10; the other half would bring 5."""
    position = sol((200, 10_000), (-100, 11_000))
    assert position.settle() == 10
    assert position.worth(Decimal(105)) == 5


def test_a_short_position_gains_when_the_price_falls() -> None:
    position = sol((-100, 10_000))
    assert position.unrealised(Decimal(98)) == 2
    assert position.unrealised(Decimal("100.0000019")) == Decimal("-0.000001")  # toward zero
    position.trade(50, 9_900)
    assert position.settle() == Decimal("0.5")
    assert (position.cost, position.entry()) == (-50, 100)
    position.fees = Decimal("0.1")
    assert position.break_even() == Decimal("100.8")  # 100 - 49.5 - 0.1 is left to buy 0.5 with


@pytest.mark.parametrize(
    ("notional", "expected"),
    [("71111", "0.02"), ("640000", "0.06"), ("0", "0.02")],  # 0.000075 * 800; 0.0199999 is less
)
def test_the_margin_fraction_is_the_larger_of_base_and_root(notional: str, expected: str) -> None:
    assert fraction(MARKETS[PERP].raw["imfFunction"], Decimal(notional)) == Decimal(expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Fraction(1, 3), "0." + "3" * 28),  # 28 decimals at most
        (Fraction(2, 3) * 10, "6." + "6" * 27 + "7"),
        (Fraction(80_000, 9), "8888." + "8" * 23 + "9"),  # 29 digits would not fit 96 bits
        (Fraction(5), "5"),
    ],
)
def test_decimals_hold_96_bits(value: Fraction, expected: str) -> None:
    with fine():
        shown = fitted(Decimal(value.numerator) / Decimal(value.denominator))
    assert Fraction(str(shown)) == Fraction(expected)
    assert len(str(shown).replace(".", "").lstrip("0")) <= 29


# Fills


def test_a_fill_moves_a_position_and_a_fee_and_nothing_else(pit: Pit) -> None:
    answer = pit.deal(pit.ann, "Bid", "100.01", "2.5")
    assert (answer["status"], answer["executedQuoteQuantity"]) == ("Filled", "250.025")
    assert pit.usdc(pit.ann) == "999.874987"  # 0.05 % is 0.1250125, rounded up to 0.125013
    assert pit.usdc(pit.dealer) == "999999.949995"  # 0.02 % is 0.050005
    assert pit.exchange.balances(pit.ann)["SOL"] == {
        "available": "10", "locked": "0", "staked": "0",
    }  # fmt: skip
    row, other = pit.position(pit.ann), pit.position(pit.dealer)
    assert (row["netQuantity"], row["entryPrice"], row["netCost"]) == ("2.5", "100.01", "250.025")
    assert (other["netQuantity"], other["netCost"]) == ("-2.5", "-250.025")
    assert row["breakEvenPrice"] == "100.0600052"  # 250.150013 / 2.5
    (fill,) = pit.exchange.fills(pit.ann)
    assert (fill["fee"], fill["feeSymbol"]) == ("0.125013", "USDC")
    assert [row["source"] for row in pit.exchange.settlements(pit.ann)] == ["TradingFees"]
    assert pit.exchange.fees.available("USDC") == Decimal("0.175018")
    assert pit.total() == pit.supply


def test_the_fees_of_the_recorded_fill(pit: Pit) -> None:
    pit.eth.bids, pit.eth.asks = [(382_600, 100)], [(382_615, 100)]
    pit.eth.trades = [Trade(0, 0, 382_615, 1, True)]
    pit.order(pit.bob, "Bid", symbol="ETH_USDC_PERP", quantity="0.0026")
    assert pit.exchange.fills(pit.bob)[0]["fee"] == "0.004974"


def test_profit_is_paid_when_it_is_realised(pit: Pit) -> None:
    pit.deal(pit.ann, "Bid", "100", "1")
    pit.deal(pit.ann, "Bid", "103", "2")  # entry 102; fees so far 0.05 + 0.103
    pit.deal(pit.ann, "Ask", "104", "1")  # 2 realised; fee 0.052
    row = pit.position(pit.ann)
    assert (row["netQuantity"], row["entryPrice"], row["netCost"]) == ("2", "102", "204")
    assert (row["pnlRealized"], row["pnlUnrealized"]) == ("2", "4")  # the mark is 104
    assert pit.usdc(pit.ann) == "1001.795"
    paid = select(pit.exchange.settlements(pit.ann), {"source": "RealizePnl"})
    assert [(one["quantity"], one["positionId"]) for one in paid] == [("2", row["positionId"])]
    assert pit.total() == pit.supply


def test_a_fill_through_zero_closes_one_position_and_opens_another(pit: Pit) -> None:
    pit.deal(pit.ann, "Bid", "100", "1")
    first = pit.position(pit.ann)["positionId"]
    pit.deal(pit.ann, "Ask", "105", "3")
    row = pit.position(pit.ann)
    assert row["positionId"] != first
    assert (row["netQuantity"], row["entryPrice"], row["pnlRealized"]) == ("-2", "105", "0")
    newest, oldest = position_history(pit.exchange, pit.ann)
    assert (newest["id"], newest["state"], newest["closedAt"]) == (row["positionId"], "Open", None)
    assert (oldest["id"], oldest["state"]) == (first, "Closed")
    assert (oldest["cumulativePnlRealized"], oldest["markPrice"]) == ("5", "105")
    assert (oldest["entryPrice"], oldest["closingPrice"], oldest["closedVolume"]) == (
        "100", "105", "1",
    )  # fmt: skip
    assert (oldest["fees"], newest["fees"]) == ("0.1025", "0.105")  # 0.05 + 0.0525; 0.105
    assert pit.usdc(pit.ann) == "1004.7925"  # + 5 - 0.2075
    rows = position_history(pit.exchange, pit.ann)
    assert select(rows, {"state": "Closed"}) == [oldest]
    assert select(rows, {"sortDirection": "Asc"}) == [oldest, newest]
    assert select(rows, {"symbol": "ETH_USDC_PERP"}) == select(rows, {"marketType": ["SPOT"]}) == []
    assert pit.total() == pit.supply


def test_a_closed_position_keeps_its_last_mark_and_has_no_exposure(pit: Pit) -> None:
    pit.deal(pit.ann, "Bid", "100", "1")
    pit.deal(pit.ann, "Ask", "105", "1")
    pit.order(pit.ann, "Bid", price="100", quantity="3")  # it rests
    pit.deal(pit.bob, "Bid", "110", "1")  # the mark rises
    (row,) = position_history(pit.exchange, pit.ann)
    assert pit.exchange.mark(PERP) == 110
    assert (row["state"], row["markPrice"]) == ("Closed", "105")
    assert (row["netExposureQuantity"], row["netExposureNotional"]) == ("0", "0")


def test_the_history_shows_the_leverage_limit_at_which_a_position_was_opened(pit: Pit) -> None:
    pit.ann.leverage_limit = Decimal(5)
    pit.deal(pit.ann, "Bid", "100", "1")
    pit.ann.leverage_limit = Decimal(20)
    assert position_history(pit.exchange, pit.ann)[0]["accountLeverage"] == "5"


def test_positions_are_filtered(pit: Pit) -> None:
    pit.deal(pit.ann, "Bid", "100", "1")
    rows = pit.exchange.positions(pit.ann)
    assert select(rows, {"symbol": PERP}) == select(rows, {"marketType": "PERP"}) == rows != []
    assert select(rows, {"symbol": "ETH_USDC_PERP"}) == select(rows, {"marketType": "SPOT"}) == []
    assert pit.exchange.positions(pit.bob) == []


# Margin


def test_orders_may_fill_the_margin_to_the_last_step(pit: Pit) -> None:
    # At the mark of 100 and leverage 10, a step of 0.01 takes 0.1, and its fee 0.000198 (at 99).
    most = pit.exchange.max_order_quantity(pit.bob, PERP, "Bid", "99")
    assert most["maxOrderQuantity"] == "99.8"  # 1000 / 10.0198 is 99.8023
    assert pit.refused(pit.bob, "Bid", price="99", quantity="99.81") == (
        400, "INSUFFICIENT_MARGIN", "Insufficient margin",
    )  # fmt: skip
    assert pit.order(pit.bob, "Bid", price="99", quantity="99.8")["status"] == "New"
    assert pit.exchange.balances(pit.bob)["USDC"]["locked"] == "0"
    # 2 are left, and 0.2 more would take 2.00396.
    assert pit.refused(pit.bob, "Bid", price="99", quantity="0.2")[1] == "INSUFFICIENT_MARGIN"
    # The other side adds no exposure, whichever is filled; but its fee of 1.818 must be there.
    assert pit.order(pit.bob, "Ask", price="101", quantity="90")["status"] == "New"
    most = pit.exchange.max_order_quantity(pit.bob, PERP, "Bid", "99")
    assert most["maxOrderQuantity"] == "0.19"


def test_the_fee_of_a_taker_must_be_there_too(pit: Pit) -> None:
    pit.order(pit.dealer, "Ask", price="100", quantity="100")
    # 10 of margin and 0.05 of fee a piece: 1000 / 10.05 is 99.5024.
    assert pit.refused(pit.bob, "Bid", price="100", quantity="99.51")[1] == "INSUFFICIENT_MARGIN"
    assert pit.order(pit.bob, "Bid", price="100", quantity="99.5")["status"] == "Filled"


def test_an_ask_that_rests_needs_margin_like_a_bid(pit: Pit) -> None:
    # 10 of margin and 0.0202 of fee a piece: 1000 / 10.0202 is 99.7984.
    assert pit.refused(pit.bob, "Ask", price="101", quantity="99.8")[1] == "INSUFFICIENT_MARGIN"
    assert pit.order(pit.bob, "Ask", price="101", quantity="99.79")["status"] == "New"


def test_what_an_order_pays_above_the_mark_counts(pit: Pit) -> None:
    # A bid at 105 that waits loses 5 a piece when it fills: 10 + 5 + 0.021 a piece.
    most = pit.exchange.max_order_quantity(pit.bob, PERP, "Bid", "105")
    assert most == {
        "autoBorrow": None, "autoBorrowRepay": None, "autoLendRedeem": None, "reduceOnly": None,
        "maxOrderQuantity": "66.57", "price": "105", "side": "Bid", "symbol": PERP,
    }  # fmt: skip


def test_a_market_order_may_be_as_large_as_the_book_fills(pit: Pit) -> None:
    most = pit.exchange.max_order_quantity(pit.dealer, PERP, "Bid")
    assert most["maxOrderQuantity"] == "1"


def test_an_order_does_not_move_the_mark_in_its_own_favour(pit: Pit) -> None:
    pit.deal(pit.bob, "Bid", "100", "50")  # 997.5 are left
    pit.order(pit.dealer, "Ask", price="109", quantity="60")
    # 60 at 9 above the mark lose 540, and cost 3.27: too little is left for 110 pieces at 10.
    assert pit.refused(pit.bob, "Bid", price="109", quantity="60")[1] == "INSUFFICIENT_MARGIN"


def test_an_order_through_zero_is_judged_like_one_that_opens(pit: Pit) -> None:
    pit.deal(pit.bob, "Bid", "100", "90")  # 995.5 are left, 900 are needed
    pit.order(pit.dealer, "Bid", price="99", quantity="200")
    # 180 sold at 1 below the mark lose 180 and cost 8.91: 806.59 are left, and 90 need 900.
    assert pit.refused(pit.bob, "Ask", price="99", quantity="180")[1] == "INSUFFICIENT_MARGIN"
    assert pit.order(pit.bob, "Ask", price="99", quantity="90")["status"] == "Filled"


def test_leverage_and_the_markets_own_fraction(pit: Pit) -> None:
    pit.bob.leverage_limit = Decimal(40)  # 1 / 40 is more than the market's 0.02
    most = pit.exchange.max_order_quantity(pit.bob, PERP, "Bid", "100")["maxOrderQuantity"]
    assert most == "396.82"  # 1000 / (2.5 + 0.02) is 396.825
    pit.bob.leverage_limit = Decimal(100)
    most = pit.exchange.max_order_quantity(pit.bob, PERP, "Bid", "100")["maxOrderQuantity"]
    assert most == "495.04"  # 1000 / (2 + 0.02) is 495.0495; the root would be 0.0167


def test_other_assets_count_in_part(pit: Pit) -> None:
    # 10 SOL at 100, nine tenths of it.
    most = pit.exchange.max_order_quantity(pit.ann, PERP, "Bid", "100")["maxOrderQuantity"]
    assert most == "189.62"  # 1900 / 10.02 is 189.62
    summary = pit.exchange.collateral(pit.ann)
    assert (summary["netEquity"], summary["netEquityAvailable"]) == ("1900", "1900")
    assert summary["imf"] == "0.1" and summary["marginFraction"] is None
    assert [row["symbol"] for row in summary["collateral"]] == ["SOL", "USDC"]
    assert summary["collateral"][0] == {
        "assetMarkPrice": "100", "availableQuantity": "10", "balanceNotional": "1000",
        "collateralValue": "900", "collateralWeight": "0.9", "lendQuantity": "0",
        "openOrderQuantity": "0", "symbol": "SOL", "totalQuantity": "10",
    }  # fmt: skip


def test_other_assets_count_at_their_last_price_not_at_the_mark(pit: Pit) -> None:
    pit.spot.own_mark = True
    spot = {"symbol": "SOL_USDC", "price": "100.01", "quantity": "1"}
    pit.order(pit.dealer, "Bid", **spot)  # it takes a quote: the last price is 100.01, the mark 100
    (row, _) = pit.exchange.collateral(pit.ann)["collateral"]
    assert (row["assetMarkPrice"], row["collateralValue"]) == ("100.01", "900.09")


@pytest.mark.parametrize(
    ("symbol", "price"), [("SOL_USDC", "99"), ("SOL_USDC", None), (PERP, "99")]
)
def test_who_owns_nothing_may_order_nothing(pit: Pit, symbol: str, price: str | None) -> None:
    eve = pit.exchange.open_account("eve", {})
    most = pit.exchange.max_order_quantity(eve, symbol, "Bid", price)
    assert most["maxOrderQuantity"] == "0"


def test_no_market_order_is_possible_without_offers() -> None:
    pit = Pit()
    pit.perp.asks.clear()
    most = pit.exchange.max_order_quantity(pit.bob, PERP, "Bid")
    assert most["maxOrderQuantity"] == "0"


def test_what_a_taker_does_not_fill_needs_no_margin(pit: Pit) -> None:
    """One piece is on offer, and margin is there for a hundred. 500 waiting would need 5000."""
    for fields in ({}, {"price": "110", "timeInForce": "IOC"}):
        one = Pit()
        answer = one.order(one.bob, "Bid", quantity="500", **fields)
        assert (answer["status"], answer["executedQuantity"]) == ("Expired", "1")


def test_the_summary_of_an_account_with_a_position(pit: Pit) -> None:
    pit.deal(pit.bob, "Bid", "100", "50")  # fee 2.5
    summary = pit.exchange.collateral(pit.bob)
    assert summary == {
        "assetsValue": "997.5", "borrowLiability": "0", "imf": "0.1", "liabilitiesValue": "0",
        "marginFraction": "0.1995", "mmf": "0.0135", "netEquity": "997.5",
        "netEquityAvailable": "497.5", "netEquityLocked": "500", "netExposureFutures": "5000",
        "pnlUnrealized": "0", "unsettledEquity": "0",
        "collateral": [{
            "assetMarkPrice": "1", "availableQuantity": "997.5", "balanceNotional": "997.5",
            "collateralValue": "997.5", "collateralWeight": "1", "lendQuantity": "0",
            "openOrderQuantity": "0", "symbol": "USDC", "totalQuantity": "997.5",
        }],
    }  # fmt: skip


def test_the_summary_counts_what_spot_orders_lock(pit: Pit) -> None:
    pit.deal(pit.ann, "Bid", "100", "10")  # 999.5 are left, 100 are margin
    pit.order(pit.ann, "Ask", symbol="SOL_USDC", price="101", quantity="4")
    summary = pit.exchange.collateral(pit.ann)
    assert (summary["assetsValue"], summary["netEquityLocked"]) == ("1899.5", "460")  # 4 * 90
    sol = summary["collateral"][0]
    assert (sol["availableQuantity"], sol["openOrderQuantity"]) == ("6", "4")
    assert (sol["balanceNotional"], sol["collateralValue"]) == ("1000", "900")


def test_no_more_equity_is_locked_than_there_is(pit: Pit) -> None:
    pit.deal(pit.bob, "Bid", "100", "50")
    pit.perp.print(1, 8500)
    pit.advance(2)  # 750 lost: 247.5 of 425 are there
    summary = pit.exchange.collateral(pit.bob)
    assert (summary["netEquityLocked"], summary["netEquityAvailable"]) == ("247.5", "0")


def test_the_summary_shows_the_markets_fraction_where_it_is_larger(pit: Pit) -> None:
    pit.bob.leverage_limit = Decimal(100)
    pit.deal(pit.bob, "Bid", "100", "50")
    assert pit.exchange.collateral(pit.bob)["imf"] == "0.02"


def test_an_asset_without_weight_is_free_and_no_collateral(pit: Pit) -> None:
    cyd = pit.exchange.open_account("cyd", {"USDC": Decimal(1000), "HNT": Decimal(5)})
    pit.deal(cyd, "Bid", "100", "10")
    assert pit.exchange.withdrawable(cyd, "HNT") == 5
    assert [row["symbol"] for row in pit.exchange.collateral(cyd)["collateral"]] == ["USDC"]


def test_no_more_can_leave_than_there_is(pit: Pit) -> None:
    """10 SOL more than cover the margin of 10 USDC, so all the USDC may leave, and no more."""
    pit.order(pit.ann, "Bid", price="100", quantity="1")
    assert pit.exchange.withdrawable(pit.ann, "USDC") == 1000


def test_spot_orders_leave_the_margin_alone(pit: Pit) -> None:
    pit.deal(pit.bob, "Bid", "100", "50")  # 500 of 997.5 are margin
    spot = {"symbol": "SOL_USDC", "price": "99.5"}
    assert pit.exchange.withdrawable(pit.bob, "USDC") == Decimal("497.5")
    assert pit.refused(pit.bob, "Bid", quantity="5.01", **spot)[1] == "INSUFFICIENT_MARGIN"
    assert pit.refused(pit.bob, "Bid", quantity="50", **spot)[1] == "INSUFFICIENT_FUNDS"
    assert pit.order(pit.bob, "Bid", quantity="5", **spot)["status"] == "New"  # 497.5
    assert pit.exchange.withdrawable(pit.bob, "USDC") == 0
    most = pit.exchange.max_order_quantity(pit.ann, "SOL_USDC", "Ask", "101")
    assert most["maxOrderQuantity"] == "10"


def test_a_position_may_always_be_reduced(pit: Pit) -> None:
    pit.deal(pit.bob, "Bid", "100", "99")
    pit.deal(pit.ann, "Ask", "95", "1")  # the mark falls: bob has 500, and needs 940
    assert pit.exchange.withdrawable(pit.bob, "USDC") == 0
    assert pit.refused(pit.bob, "Bid", price="94", quantity="1")[1] == "INSUFFICIENT_MARGIN"
    nothing = pit.order(pit.bob, "Bid", price="50", quantity="1", timeInForce="IOC")
    assert nothing["status"] == "Expired"  # it adds no exposure
    assert pit.deal(pit.bob, "Ask", "95", "9")["status"] == "Filled"
    assert pit.position(pit.bob)["netQuantity"] == "90"


def test_orders_that_together_do_more_than_reduce_need_margin(pit: Pit) -> None:
    pit.deal(pit.bob, "Bid", "100", "99")
    pit.order(pit.bob, "Ask", price="104", quantity="90")
    pit.deal(pit.ann, "Ask", "95", "1")
    assert pit.refused(pit.bob, "Ask", price="104", quantity="9.01")[1] == "INSUFFICIENT_MARGIN"
    assert pit.order(pit.bob, "Ask", price="104", quantity="9")["status"] == "New"


def test_a_resting_reduce_only_order_needs_no_margin(pit: Pit) -> None:
    pit.deal(pit.bob, "Bid", "100", "99")  # 995.05 are left, 990 are needed
    pit.order(pit.bob, "Ask", price="104", quantity="140")  # at the worst 41 short
    reduce = {"price": "105", "quantity": "99", "reduceOnly": True}
    assert pit.order(pit.bob, "Ask", **reduce)["status"] == "New"


def test_exposure_is_the_worse_side(pit: Pit) -> None:
    pit.deal(pit.bob, "Bid", "100", "2")
    pit.order(pit.bob, "Bid", price="99", quantity="1")
    pit.order(pit.bob, "Ask", price="101", quantity="7")
    row = pit.position(pit.bob)
    assert (row["netQuantity"], row["netExposureQuantity"]) == ("2", "5")  # short 5 at the worst
    assert row["netExposureNotional"] == "500"
    pit.order(pit.bob, "Bid", price="98", quantity="4")
    assert pit.position(pit.bob)["netExposureQuantity"] == "7"  # long 2 + 1 + 4


# Reduce only


def test_reduce_only_needs_something_to_reduce(pit: Pit) -> None:
    expected = (400, "INVALID_ORDER", "Reduce only order not reduced")
    assert pit.refused(pit.ann, "Ask", quantity="1", reduceOnly=True) == expected
    pit.deal(pit.ann, "Bid", "100", "1")
    assert pit.refused(pit.ann, "Bid", quantity="1", reduceOnly=True) == expected


def test_reduce_only_stops_at_zero(pit: Pit) -> None:
    pit.deal(pit.ann, "Bid", "100", "1")
    answer = pit.order(pit.ann, "Ask", quantity="0.4", reduceOnly=True)
    assert (answer["status"], answer["reduceOnly"]) == ("Filled", True)
    for price in (None, "101"):
        most = pit.exchange.max_order_quantity(pit.ann, PERP, "Ask", price, reduceOnly=True)
        assert (most["maxOrderQuantity"], most["reduceOnly"]) == ("0.6", True)
    answer = pit.order(pit.ann, "Ask", quantity="1", reduceOnly=True)
    assert (answer["status"], answer["executedQuantity"]) == ("Expired", "0.6")
    assert pit.newest(pit.ann)["expiryReason"] == "ReduceOnlyNotReduced"
    assert pit.exchange.positions(pit.ann) == []


def test_a_resting_reduce_only_order_trades_no_more_than_the_position(pit: Pit) -> None:
    pit.deal(pit.ann, "Bid", "100", "1")
    pit.order(pit.ann, "Ask", price="101", quantity="0.6")
    pit.order(pit.ann, "Ask", price="102", quantity="3", reduceOnly=True)
    assert pit.position(pit.ann)["netExposureQuantity"] == "1"  # it adds none
    answer = pit.order(pit.bob, "Bid", price="102", quantity="2")
    assert (answer["executedQuantity"], answer["status"]) == ("1", "PartiallyFilled")
    assert pit.exchange.positions(pit.ann) == [] and pit.exchange.open_orders(pit.ann) == []
    row = pit.newest(pit.ann)
    assert (row["executedQuantity"], row["expiryReason"]) == ("0.4", "ReduceOnlyNotReduced")


def test_a_reduce_only_order_ends_with_the_position(pit: Pit) -> None:
    pit.deal(pit.ann, "Bid", "100", "1")
    pit.order(pit.ann, "Ask", price="105", quantity="1", reduceOnly=True)
    pit.deal(pit.ann, "Ask", "101", "1")
    assert pit.exchange.open_orders(pit.ann) == []
    statuses = {row["expiryReason"] for row in order_history(pit.exchange, pit.ann)}
    assert statuses == {None, "ReduceOnlyNotReduced"}
    pit.order(pit.bob, "Bid", price="105", quantity="1")
    assert pit.exchange.positions(pit.ann) == []


def test_a_reduce_only_order_ends_when_another_order_closes_the_position(pit: Pit) -> None:
    pit.deal(pit.ann, "Bid", "100", "1")
    pit.order(pit.ann, "Ask", price="105", quantity="1", reduceOnly=True)
    pit.order(pit.ann, "Ask", price="101", quantity="1")
    pit.order(pit.bob, "Bid", price="101", quantity="1")
    assert pit.exchange.positions(pit.ann) == pit.exchange.open_orders(pit.ann) == []


# Funding


def test_longs_pay_shorts_each_hour(pit: Pit) -> None:
    pit.deal(pit.ann, "Bid", "100", "10")  # fee 0.5
    pit.advance(1799)
    assert funding_payments(pit.exchange, pit.ann) == []
    pit.advance(1800)
    assert funding_payments(pit.exchange, pit.ann) == [
        {
            "fundingRate": "0.0000125", "intervalEndTimestamp": "2026-09-01T18:00:00",
            "quantity": "-0.0125", "subaccountId": 0, "symbol": PERP, "userId": 1813870,
        }
    ]  # fmt: skip
    assert funding_payments(pit.exchange, pit.dealer)[0]["quantity"] == "0.0125"
    assert pit.usdc(pit.ann) == "999.4875"
    row = pit.position(pit.ann)
    assert row["cumulativeFundingPayment"] == "-0.0125"
    assert row["breakEvenPrice"] == "100.05125"  # 1000 + 0.5 + 0.0125, of 10
    pit.perp.rate = Decimal("-0.0001")
    pit.advance(1800 + 7200)
    assert [one["quantity"] for one in funding_payments(pit.exchange, pit.ann)] == [
        "0.1", "0.1", "-0.0125",
    ]  # fmt: skip
    source = select(pit.exchange.settlements(pit.ann), {"source": "FundingPayment"})[::-1]
    assert [one["quantity"] for one in source] == ["-0.0125", "0.1", "0.1"]
    assert source[0]["timestamp"] == "2026-09-01T18:00:00.000"
    assert select(funding_payments(pit.exchange, pit.ann), {"symbol": "ETH_USDC_PERP"}) == []
    assert pit.total() == pit.supply


@pytest.mark.parametrize(("rate", "paid"), [("0.0000016", "-0.000002"), ("0.0000014", "-0.000001")])
def test_funding_has_six_decimals(pit: Pit, rate: str, paid: str) -> None:
    pit.deal(pit.ann, "Bid", "100", "0.01")
    pit.perp.rate = Decimal(rate)
    pit.advance(1800)
    assert funding_payments(pit.exchange, pit.ann)[0]["quantity"] == paid


def test_funding_is_paid_although_an_order_is_triggered_at_that_time(pit: Pit) -> None:
    pit.deal(pit.ann, "Bid", "100", "10")
    pit.order(pit.ann, "Ask", price="105", triggerPrice="97", triggerQuantity="1")
    pit.perp.print(1800, 9700)
    pit.advance(1800)
    assert [order["status"] for order in pit.exchange.open_orders(pit.ann)] == ["New"]
    assert len(funding_payments(pit.exchange, pit.ann)) == 1


def test_an_hour_in_small_steps_is_the_same_hour(pit: Pit) -> None:
    other = Pit()
    for one in (pit, other):
        one.deal(one.ann, "Bid", "100", "10")
    pit.advance(7200)
    for second in range(60, 7201, 60):
        other.advance(second)
    assert funding_payments(pit.exchange, pit.ann) == funding_payments(other.exchange, other.ann)


def test_a_position_is_a_record_of_funding_too() -> None:
    """The recorded payment."""
    row = FundingPayment(
        "ETH_USDC_PERP", 1_754_064_000_000_000, Decimal("-0.001301"), Decimal("0.0001")
    )
    assert row.wire(1813870) == {
        "fundingRate": "0.0001", "intervalEndTimestamp": "2025-08-01T16:00:00",
        "quantity": "-0.001301", "subaccountId": 0, "symbol": "ETH_USDC_PERP", "userId": 1813870,
    }  # fmt: skip


# Liquidation


def test_the_liquidation_price(pit: Pit) -> None:
    pit.deal(pit.bob, "Bid", "100", "50")
    shown = Fraction(pit.position(pit.bob)["estLiquidationPrice"])
    # 997.5 + 50 * (p - 100) = 50 * p * 0.0135
    assert abs(shown - (5000 - Fraction("997.5")) / (50 * (1 - Fraction("0.0135")))) < Fraction(
        1, 10**20
    )
    other = Pit()
    other.deal(other.bob, "Ask", "100", "50")
    shown = Fraction(other.position(other.bob)["estLiquidationPrice"])
    assert abs(shown - (5000 + Fraction("997.5")) / (50 * (1 + Fraction("0.0135")))) < Fraction(
        1, 10**20
    )
    other.deal(other.ann, "Bid", "100", "1")
    assert other.position(other.ann)["estLiquidationPrice"] == "0"


def test_the_liquidation_price_beside_another_position(pit: Pit) -> None:
    pit.deal(pit.bob, "Bid", "100", "20")  # fee 1
    eth = {"symbol": "ETH_USDC_PERP", "price": "2500", "quantity": "0.4"}
    pit.order(pit.dealer, "Ask", **eth)
    pit.order(pit.bob, "Bid", **eth)  # fee 0.5, maintenance 1000 * 0.01111111
    shown = Fraction(pit.exchange.positions(pit.bob)[0]["estLiquidationPrice"])
    # 998.5 + 20 * (p - 100) - 11.11111 = 20 * p * 0.0135
    exact = (2000 - Fraction("998.5") + Fraction("11.11111")) / (20 * (1 - Fraction("0.0135")))
    assert abs(shown - exact) < Fraction(1, 10**20)


@pytest.mark.parametrize(("usdc", "open"), [("103.65", True), ("103.64", False)])
def test_equity_equal_to_the_maintenance_margin_is_enough(pit: Pit, usdc: str, open: bool) -> None:
    cyd = pit.exchange.open_account("cyd", {"USDC": Decimal(usdc), "SOL": Decimal("0.1")})
    pit.deal(cyd, "Bid", "100", "10")  # fee 0.5
    pit.perp.bids = [(9000, 10_000)]
    pit.perp.print(1, 9000)
    pit.advance(2)  # 103.65 - 0.5 - 100 lost + 9 for the SOL = 12.15 = 900 * 0.0135
    assert bool(pit.exchange.positions(cyd)) == open


def test_a_position_short_of_margin_is_closed_at_the_book(pit: Pit) -> None:
    pit.deal(pit.bob, "Bid", "100", "50")  # 81.1454... liquidates it
    pit.order(pit.bob, "Bid", price="60", quantity="1")
    pit.perp.print(10, 8115)
    pit.advance(15)
    assert pit.position(pit.bob)["netQuantity"] == "50"
    pit.perp.bids = [(8100, 10_000)]
    pit.perp.print(20, 8114)
    pit.advance(30)
    assert pit.exchange.positions(pit.bob) == [] and pit.exchange.open_orders(pit.bob) == []
    # 997.5 - 950 lost - 2.025 fee - 40.5, which is 1 % of 4050
    assert pit.usdc(pit.bob) == "4.975"
    system, resting, _ = order_history(pit.exchange, pit.bob)
    assert system["systemOrderType"] == "LiquidatePositionOnBook"
    assert pit.bob.orders[-1].wire()["reduceOnly"] is True
    paid = [(one.source, one.quantity) for one in pit.bob.settlements[-4:]]
    assert paid == [
        ("CulledRealizePnlAuto", Decimal("-942.5")),  # 50 * (81.15 - 100), after ten seconds
        ("TradingFees", Decimal("-2.025")),
        ("RealizePnl", Decimal("-7.5")),  # the rest of 950
        ("TradingFeesSystem", Decimal("-40.5")),
    ]
    assert (resting["status"], resting["expiryReason"]) == ("Expired", "Liquidation")
    row = position_history(pit.exchange, pit.bob)[0]
    assert (row["liquidated"], row["liquidationFees"], row["state"]) == ("50", "40.5", "Closed")
    assert row["closedAt"] == "2026-09-01T17:30:20.000"
    fills = pit.exchange.fills(pit.bob)
    assert len(select(fills, {"fillType": "User"})) == 1
    assert len(select(fills, {"fillType": "Liquidation"})) == 1
    assert select(fills, {"fillType": "BookLiquidation"})[0]["price"] == "81"
    assert select(fills, {"fillType": "Backstop"}) == []
    assert pit.total() == pit.supply


def test_a_liquidation_that_the_book_cannot_fill_whole(pit: Pit) -> None:
    pit.deal(pit.bob, "Bid", "100", "50")
    pit.perp.bids = [(8100, 2000)]
    pit.perp.print(20, 8114)
    pit.advance(20)
    row = position_history(pit.exchange, pit.bob)[0]
    assert (row["netQuantity"], row["state"]) == ("30", "Open")
    assert (row["liquidated"], row["liquidationFees"]) == ("20", "16.2")  # 1 % of 20 * 81


def test_a_liquidation_ends_as_soon_as_the_margin_is_enough(pit: Pit) -> None:
    pit.deal(pit.bob, "Bid", "100", "50")  # fee 2.5
    eth = {"symbol": "ETH_USDC_PERP", "price": "2500", "quantity": "0.1"}
    pit.order(pit.dealer, "Ask", **eth)
    pit.order(pit.bob, "Bid", **eth)  # fee 0.125, maintenance 2.78
    pit.perp.bids = [(8120, 10_000)]
    pit.perp.print(20, 8120)
    pit.advance(30)  # 57.375 left of 57.59; without SOL 14.745 are left, for 2.78
    assert [row["symbol"] for row in pit.exchange.positions(pit.bob)] == ["ETH_USDC_PERP"]


def test_a_position_without_orders_is_liquidated_when_a_trade_reaches_its_price(pit: Pit) -> None:
    pit.perp.asks = [(10_000, 10_000)]
    pit.order(pit.bob, "Bid", quantity="50")  # 81.1454... liquidates it; nobody else has a position
    pit.perp.bids = [(8100, 10_000)]
    pit.perp.print(20, 8114)
    pit.perp.print(25, 9900)
    pit.advance(30)
    assert pit.exchange.positions(pit.bob) == []


def test_the_fee_of_a_liquidation_takes_no_more_than_there_is(pit: Pit) -> None:
    pit.deal(pit.bob, "Bid", "100", "50")
    pit.perp.bids = [(8060, 10_000)]
    pit.perp.print(20, 8060)
    pit.advance(30)
    row = position_history(pit.exchange, pit.bob)[0]
    assert row["liquidationFees"] == "25.485"  # 997.5 - 970 - 2.015; 1 % would be 40.3
    assert pit.usdc(pit.bob) == "0"
    assert select(pit.exchange.settlements(pit.bob), {"source": "BackstopLiquidation"}) == []
    assert pit.total() == pit.supply


def test_nobody_owes_more_than_there_is(pit: Pit) -> None:
    pit.deal(pit.bob, "Bid", "100", "50")
    pit.perp.bids = [(7000, 10_000)]
    pit.perp.print(20, 7000)
    pit.advance(30)
    assert pit.usdc(pit.bob) == "0"  # 1500 lost, and 1.75 for the fee, of 997.5
    (backed,) = [
        one for one in select(pit.exchange.settlements(pit.bob), {"source": "BackstopLiquidation"})
        if one["quantity"] == "504.25"
    ]  # fmt: skip
    assert backed["source"] == "BackstopLiquidityFundProceeds"
    assert pit.total() == pit.supply


def test_other_assets_pay_where_usdc_does_not(pit: Pit) -> None:
    pit.deal(pit.ann, "Bid", "100", "60")  # fee 3
    pit.perp.bids = [(8000, 10_000)]
    pit.advance(1)
    pit.order(pit.ann, "Ask", quantity="60")  # 1200 lost, fee 2.4: 205.4 are missing
    # The fee is paid in cash; for the loss 2.06 SOL go at 100, in whole steps.
    assert pit.exchange.balances(pit.ann)["SOL"]["available"] == "7.94"
    assert pit.usdc(pit.ann) == "0.6"  # 1000 - 3 - 2.4 - 1200 + 206
    (fill,) = select(pit.exchange.fills(pit.ann), {"fillType": "CollateralConversion"})
    assert (fill["symbol"], fill["side"], fill["quantity"]) == ("SOL_USDC", "Ask", "2.06")
    assert (fill["fee"], fill["systemOrderType"]) == ("0", "CollateralConversion")
    assert (fill["feeSymbol"], fill["isMaker"]) == ("USDC", False)
    assert pit.total() == pit.supply


def test_settlements_tell_each_change_of_cash(pit: Pit) -> None:
    pit.deal(pit.bob, "Bid", "100", "3")
    pit.advance(1800)
    pit.deal(pit.bob, "Ask", "99.37", "1")
    rows = pit.exchange.settlements(pit.bob)[::-1]
    assert sum(Fraction(row["quantity"]) for row in rows) + 1000 == Fraction(pit.usdc(pit.bob))
    assert [row["source"] for row in rows] == [
        "TradingFees", "FundingPayment", "TradingFees", "RealizePnl",
    ]  # fmt: skip
    numbers = [row["engineSequence"] for row in rows]
    assert numbers == sorted(set(numbers))
    assert set(rows[0]) == {
        "engineSequence", "positionId", "quantity", "source", "subaccountId", "timestamp", "userId",
    }  # fmt: skip


def test_spot_orders_end_before_the_house_pays_a_debt(pit: Pit) -> None:
    pit.deal(pit.bob, "Bid", "100", "50")  # 997.5 are left, 500 are needed
    spot = pit.exchange.execute(
        pit.bob,
        {
            "symbol": "SOL_USDC",
            "side": "Bid",
            "orderType": "Limit",
            "price": "49",
            "quantity": "10",
        },
    )
    pit.perp.bids = [(8100, 10_000)]
    pit.perp.print(20, 8100)
    pit.advance(30)  # 950 lost: more than the 507.5 that were free
    ended = {row["id"]: row for row in order_history(pit.exchange, pit.bob)}[spot["id"]]
    assert ended["status"] == "Expired"
    assert select(pit.exchange.settlements(pit.bob), {"source": "BackstopLiquidation"}) == []
    assert pit.total() == pit.supply


def test_spot_orders_stay_where_the_money_is_enough(pit: Pit) -> None:
    pit.order(pit.ann, "Ask", symbol="SOL_USDC", price="101", quantity="4")
    pay = pit.exchange.settlement.pay
    pay(pit.ann, "USDC", Decimal(-1000), "FundingPayment", NOW)
    assert pit.ann.orders[0].status == "New"
    pay(pit.ann, "USDC", Decimal(-1), "FundingPayment", NOW)
    assert pit.ann.orders[0].status == "Expired"


@pytest.mark.parametrize(("asset", "amount"), [("SOL", "0.005"), ("HNT", "5")])
def test_what_cannot_be_sold_for_a_debt_stays(pit: Pit, asset: str, amount: str) -> None:
    """Less than a step of SOL; HNT, whose market is closed."""
    eve = pit.exchange.open_account("eve", {asset: Decimal(amount)})
    pit.exchange.settlement.pay(eve, "USDC", Decimal(-1), "FundingPayment", NOW)
    assert eve.balances.available(asset) == Decimal(amount)
    assert eve.orders == eve.fills == []


def test_a_part_of_a_step_is_not_sold_for_a_debt(pit: Pit) -> None:
    eve = pit.exchange.open_account("eve", {"SOL": Decimal("0.015")})
    pit.exchange.settlement.pay(eve, "USDC", Decimal("-1.5"), "FundingPayment", NOW)
    assert eve.balances.available("SOL") == Decimal("0.005")
    assert [one.quantity for one in eve.settlements] == [Decimal("0.5"), Decimal("-1.5")]
