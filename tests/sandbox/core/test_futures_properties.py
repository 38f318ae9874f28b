"""What must hold of futures after any sequence of orders, cancels and hours gone by.

Amounts are added up as fractions from the fills, the settlements and the market's rules, with none
of the engine's own sums. The feed is wild, so that accounts are liquidated too.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from account_histories import funding_payments, position_history
from helpers import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from bpkit.sandbox.core.exchange import EngineAccount, Exchange, Refusal
from bpkit.sandbox.server.endpoints import select
from bpkit.sandbox.simulation.market import Market, load
from bpkit.sandbox.simulation.synthetic import Trade

SECOND, HOUR = 1_000_000, 3_600_000_000
NOW = 1_788_285_600_000_000 - 100 * SECOND
SPOT, PERP = "SOL_USDC", "SOL_USDC_PERP"
MARKETS = [market for market in load() if market.symbol in (SPOT, PERP)]
FUNDS = {
    "ann": {"USDC": Decimal(3_000), "SOL": Decimal(10)},
    "bob": {"USDC": Decimal(3_000)},
    "cyd": {"USDC": Decimal(20), "SOL": Decimal("0.3")},  # is often refused
    "dan": {"USDC": Decimal(20), "SOL": Decimal("0.2")},  # is liquidated, and pays with SOL
}
LEVERAGE = {"ann": 10, "bob": 10, "cyd": 10, "dan": 40}  # the market allows 50
ASSETS = ("USDC", "SOL")


class WildFeed:
    """A trade a minute, up to 6 % from 100.00, and quotes around it."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.recorded: list[Trade] = []

    def record(self, trade: Trade) -> None:
        self.recorded.append(trade)

    def next_id(self, time_us: int) -> int:
        return 1 + len(self.recorded)

    def at(self, minute: int) -> Trade:
        price = 10_000 + (minute * 7 % 13 - 6) * 100
        return Trade(0, NOW + minute * 60 * SECOND, price, 1 + minute % 60, minute % 2 == 0)

    def last_price(self, at_us: int) -> int:
        own = self.at((at_us - NOW) // (60 * SECOND))
        past = [trade for trade in self.recorded if own.time_us <= trade.time_us <= at_us]
        return past[-1].price if past else own.price

    def mark_price(self, at_us: int) -> Decimal:
        return self.market.price(self.last_price(at_us))

    def _lasts(self, first_us: int, last_us: int) -> list[int]:
        """Every last price of a span."""
        minutes = range(first_us - (first_us - NOW) % (60 * SECOND), last_us + 1, 60 * SECOND)
        made = [trade.time_us for trade in self.recorded if first_us <= trade.time_us <= last_us]
        times = {first_us, *minutes[1:], *made}
        return [self.last_price(at_us) for at_us in times]

    def mark_range(self, first_us: int, last_us: int) -> tuple[Decimal, Decimal]:
        prices = self._lasts(first_us, last_us)
        return self.market.price(min(prices)), self.market.price(max(prices))

    def lowest(self, first_us: int, last_us: int) -> int:
        return min(self._lasts(first_us, last_us))

    def highest(self, first_us: int, last_us: int) -> int:
        return max(self._lasts(first_us, last_us))

    def funding_rate(self, end_us: int) -> Decimal:
        return (end_us // HOUR * 37 % 21 - 10) * Decimal("0.0000123")

    def book_count(self, at_us: int) -> int:
        """The book may change at each microsecond."""
        return at_us - NOW

    def trade_count(self, at_us: int) -> int:
        """And what was taken from a quote is there again."""
        return at_us - NOW

    def levels(self, at_us: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        middle = self.at((at_us - NOW) // (60 * SECOND)).price
        bids = [(middle - 3 - 10 * place, 200) for place in range(4)]
        return bids, [(middle + 3 + 10 * place, 200) for place in range(4)]

    def touches(
        self, start_us: int, end_us: int, below: int | None, above: int | None
    ) -> list[Trade]:
        first, last = -((NOW - start_us) // (60 * SECOND)), (end_us - 1 - NOW) // (60 * SECOND)
        return [
            trade
            for trade in map(self.at, range(first, last + 1))
            if start_us <= trade.time_us < end_us
            and (
                (below is not None and trade.price <= below)
                or (above is not None and trade.price >= above)
            )
        ]


class Play:
    """The engine, and what it has said."""

    def __init__(self) -> None:
        self.feeds: Any = {market.symbol: WildFeed(market) for market in MARKETS}
        self.exchange = Exchange(MARKETS, lambda symbol: self.feeds[symbol], NOW)
        self.people = [self.exchange.open_account(key, funds) for key, funds in FUNDS.items()]
        for account in self.people:
            account.leverage_limit = Decimal(LEVERAGE[account.public_key])
        self.supply = {asset: self.total(asset) for asset in ASSETS}

    # What happens

    def order(self, who: int, fields: dict[str, Any]) -> None:
        account = self.people[who]
        before, cash = self.exposure(account), account.balances.available("USDC")
        held = self.net(account)
        try:
            self.exchange.execute(account, fields)
        except Refusal as refusal:
            codes = {"INSUFFICIENT_FUNDS", "INSUFFICIENT_MARGIN", "INVALID_ORDER"}
            assert refusal.code in codes
            assert account.balances.available("USDC") == cash
            return
        # What leads through zero opens a position, though it may expose no more than before.
        opened = held * self.net(account) < 0 or abs(self.net(account)) > abs(held)
        if fields["symbol"] == SPOT or self.exposure(account) > before or opened:
            self.check_margin(account)

    def cancel_all(self, who: int, symbol: str) -> None:
        self.exchange.cancel_all(self.people[who], symbol)

    def advance(self, minutes: int) -> None:
        self.exchange.advance_to(self.exchange.now_us + minutes * 60 * SECOND)

    # What must hold

    def total(self, asset: str) -> Fraction:
        holdings = [self.exchange.market_maker, self.exchange.fees, self.exchange.lending.cash]
        holdings += [account.balances for account in self.people]
        return sum(
            (Fraction(one.available(asset)) + Fraction(one.locked(asset)) for one in holdings),
            Fraction(0),
        )

    def net(self, account: EngineAccount) -> Fraction:
        """Out of the fills alone."""
        return sum(
            (signed(fill) for fill in select(self.exchange.fills(account), {"symbol": PERP})),
            Fraction(0),
        )

    def exposure(self, account: EngineAccount) -> Fraction:
        waiting = {"Bid": Fraction(0), "Ask": Fraction(0)}
        for order in select(self.exchange.open_orders(account), {"symbol": PERP}):
            if order["status"] != "TriggerPending" and not order["reduceOnly"]:
                left = Fraction(order["quantity"]) - Fraction(order["executedQuantity"])
                waiting[order["side"]] += left
        net = self.net(account)
        return max(abs(net + waiting["Bid"]), abs(net - waiting["Ask"]))

    def mark(self, symbol: str) -> Fraction:
        return Fraction(self.feeds[symbol].last_price(self.exchange.now_us), 100)

    def check_margin(self, account: EngineAccount) -> None:
        """What is free, SOL at nine tenths, covers its part of the exposure."""
        balances, mark = account.balances, self.mark(PERP)
        flow = sum(
            (
                signed(fill) * Fraction(fill["price"])
                for fill in select(self.exchange.fills(account), {"symbol": PERP})
            ),
            Fraction(0),
        )
        equity = Fraction(balances.available("USDC")) + mark * self.net(account) - flow
        equity -= self.realised(account)
        equity += Fraction(balances.available("SOL")) * self.mark(SPOT) * Fraction("0.9")
        assert equity >= self.exposure(account) * mark / LEVERAGE[account.public_key]

    def settled(self, account: EngineAccount, source: str | None = None) -> Fraction:
        rows = select(self.exchange.settlements(account), {"source": source} if source else {})
        return sum((Fraction(row["quantity"]) for row in rows), Fraction(0))

    def realised(self, account: EngineAccount) -> Fraction:
        """By fills, and by the clock."""
        return self.settled(account, "RealizePnl") + self.settled(account, "CulledRealizePnl")

    def check(self) -> None:
        for asset, amount in self.supply.items():
            assert self.total(asset) == amount
        for symbol in (SPOT, PERP):
            shown = self.exchange.depth(symbol)
            if shown["bids"] and shown["asks"]:
                assert Fraction(shown["bids"][-1][0]) < Fraction(shown["asks"][0][0])
        for account in self.people:
            self.check_balances(account)
            self.check_position(account)
            self.check_reduce_only(account)

    def check_balances(self, account: EngineAccount) -> None:
        """Fills and settlements explain every balance, open spot orders every lock."""
        key, balances = account.public_key, account.balances
        owned = {asset: Fraction(FUNDS[key].get(asset, Decimal(0))) for asset in ASSETS}
        owned["USDC"] += self.settled(account)
        for fill in select(self.exchange.fills(account), {"symbol": SPOT}):
            owned["SOL"] += signed(fill)
            owned["USDC"] -= signed(fill) * Fraction(fill["price"])
            owned[fill["feeSymbol"]] -= Fraction(fill["fee"])
        locked = dict.fromkeys(ASSETS, Fraction(0))
        for order in select(self.exchange.open_orders(account), {"symbol": SPOT}):
            left = Fraction(order["quantity"]) - Fraction(order["executedQuantity"])
            if order["status"] == "TriggerPending":
                assert order["quantity"] == "0"
            elif order["side"] == "Bid":
                locked["USDC"] += left * Fraction(order["price"])
            else:
                locked["SOL"] += left
        for asset in ASSETS:
            assert balances.available(asset) >= 0
            assert Fraction(balances.locked(asset)) == locked[asset]
            assert Fraction(balances.available(asset)) + locked[asset] == owned[asset]

    def check_position(self, account: EngineAccount) -> None:
        """The position is the sum of the fills, its fees and its realised part are what was paid,
        and realised with unrealised is what the fills are worth at the mark."""
        fills = select(self.exchange.fills(account), {"symbol": PERP})
        for fill in fills:
            if fill["systemOrderType"] is not None:
                assert fill["systemOrderType"] == "LiquidatePositionOnBook"
            exact = Fraction(fill["price"]) * Fraction(fill["quantity"])
            exact *= Fraction("0.0002") if fill["isMaker"] else Fraction("0.0005")
            assert 0 <= Fraction(fill["fee"]) - exact < Fraction(1, 10**6)
        fees = sum((Fraction(fill["fee"]) for fill in fills), Fraction(0))
        assert self.settled(account, "TradingFees") == -fees
        rows = position_history(self.exchange, account)
        assert sum((Fraction(row["fees"]) for row in rows), Fraction(0)) == fees
        realised = sum((Fraction(row["cumulativePnlRealized"]) for row in rows), Fraction(0))
        assert realised == self.realised(account)
        funding = sum((Fraction(row["fundingQuantity"]) for row in rows), Fraction(0))
        paid = funding_payments(self.exchange, account)
        assert funding == sum((Fraction(row["quantity"]) for row in paid), Fraction(0))
        shown = self.exchange.positions(account)
        assert sum((Fraction(row["netQuantity"]) for row in shown), Fraction(0)) == self.net(
            account
        )
        unrealised = sum((Fraction(row["pnlUnrealized"]) for row in shown), Fraction(0))
        worth = sum(
            (signed(fill) * (self.mark(PERP) - Fraction(fill["price"])) for fill in fills),
            Fraction(0),
        )
        assert abs(realised + unrealised - worth) < Fraction(2, 10**6)

    def check_reduce_only(self, account: EngineAccount) -> None:
        """No fill of a reduce-only order has added to the position of its time, or turned it."""
        only = {
            order.id for order in account.orders if order.request.reduce_only
        }  # the history does not show it
        net = Fraction(0)
        for fill in select(self.exchange.fills(account), {"symbol": PERP, "sortDirection": "Asc"}):
            if fill["orderId"] in only:
                assert net * signed(fill) < 0 and abs(signed(fill)) <= abs(net)
            net += signed(fill)


def signed(fill: dict[str, Any]) -> Fraction:
    return Fraction(fill["quantity"]) * (1 if fill["side"] == "Bid" else -1)


def hundredths(number: int) -> str:
    return f"{number // 100}.{number % 100:02d}"


prices = st.integers(94, 106).map(str)
quantities = st.integers(1, 4_000).map(hundredths)
common = {
    "side": st.sampled_from(["Bid", "Ask"]),
    "selfTradePrevention": st.sampled_from(["RejectTaker", "RejectMaker", "RejectBoth"]),
    "symbol": st.sampled_from([PERP, PERP, PERP, SPOT]),
}
limits = st.fixed_dictionaries(
    common
    | {
        "orderType": st.just("Limit"),
        "price": prices,
        "quantity": quantities,
        "timeInForce": st.sampled_from(["GTC", "GTC", "GTC", "IOC", "FOK"]),
    }
)
takes = st.fixed_dictionaries(common | {"orderType": st.just("Market"), "quantity": quantities})
reduces = st.fixed_dictionaries(
    common | {"orderType": st.just("Limit"), "price": prices, "quantity": quantities},
).map(lambda fields: fields | {"symbol": PERP, "reduceOnly": True})
entries = takes.map(
    lambda fields: (
        fields | {"symbol": PERP, "takeProfitTriggerPrice": "103", "stopLossTriggerPrice": "97"}
    )
)
conditional = st.fixed_dictionaries(
    common
    | {
        "orderType": st.just("Market"),
        "triggerPrice": prices,
        "triggerQuantity": quantities,
    }
)
who = st.sampled_from([0, 1, 2, 3, 3])
steps = st.one_of(
    st.tuples(
        st.just("order"), who, st.one_of(limits, limits, takes, reduces, entries, conditional)
    ),
    st.tuples(
        st.just("order"), who, st.one_of(limits, limits, takes, reduces, entries, conditional)
    ),
    st.tuples(st.just("cancel_all"), who, st.sampled_from([SPOT, PERP])),
    st.tuples(st.just("advance"), st.integers(1, 90)),
)


@settings(max_examples=examples(100))
@given(st.lists(steps, min_size=5, max_size=35))
def test_futures_hold_their_promises(happening: list[tuple[Any, ...]]) -> None:
    play = Play()
    for name, *arguments in happening:
        step: Callable[..., None] = getattr(play, name)
        step(*arguments)
        play.check()
