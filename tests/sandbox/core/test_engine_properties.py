"""What must hold after any sequence of orders, cancels and advances.

A naive market (one list, sorted again for each match) gets the same orders: it must find the same
trades, prices and orders left in the book. Amounts are added up as fractions.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Any

from account_histories import order_history
from helpers import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from bpkit.sandbox.core.book import Book, Fill, Resting, Taker
from bpkit.sandbox.core.exchange import EngineAccount, Exchange, Refusal
from bpkit.sandbox.simulation.market import load
from bpkit.sandbox.simulation.synthetic import Trade

NOW = 1_788_285_244_000_000
SECOND = 1_000_000
LAST = 10_000  # ticks: 100.00
FUNDS = {
    "ann": {"USDC": Decimal(100_000), "SOL": Decimal(1_000)},
    "bob": {"USDC": Decimal(100_000), "SOL": Decimal(1_000)},
    "cyd": {"USDC": Decimal(30), "SOL": Decimal("0.3")},  # is often refused
}
MARKETS = [market for market in load() if market.symbol == "SOL_USDC"]


# The naive market


@dataclass
class Row:
    id: str
    owner: str
    side: str
    price: int
    quantity: int


class Naive:
    """Resting orders in the order of their arrival, and what was taken from quotes."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.taken: dict[tuple[str, int], int] = defaultdict(int)

    def meet(self, taker: Taker) -> tuple[list[Fill], list[str], bool]:
        """Fills, makers removed, and whether the rest may wait in the book."""
        sign = 1 if taker.side == "Bid" else -1
        fills: list[Fill] = []
        gone: list[str] = []
        left, money = taker.quantity, taker.budget
        others = [row for row in self.rows if row.side != taker.side]
        spent = False  # the money buys nothing more at the last price
        for row in sorted(others, key=lambda row: sign * row.price):  # stable: oldest first
            wanted = money // row.price if left is None else left
            if wanted == 0:
                break
            bounds = [bound for bound in (taker.limit, taker.worst) if bound is not None]
            if spent and (
                row.owner == taker.owner or any(sign * row.price > sign * one for one in bounds)
            ):
                break
            if taker.limit is not None and sign * row.price > sign * taker.limit:
                return fills, gone, True
            if taker.worst is not None and sign * row.price > sign * taker.worst:
                return fills, gone, False
            if row.owner == taker.owner:
                if taker.prevention in ("RejectMaker", "RejectBoth"):
                    self.rows.remove(row)
                    gone.append(row.id)
                if taker.prevention in ("RejectTaker", "RejectBoth"):
                    return fills, gone, False
                continue
            steps = min(wanted, row.quantity)
            fills.append(Fill(row.id, row.price, steps))
            row.quantity -= steps
            if row.owner == "market maker":
                self.taken[row.side, row.price] += steps
            if row.quantity == 0:
                self.rows.remove(row)
            if left is None:
                money -= steps * row.price
            else:
                left -= steps
            spent = steps == wanted
            if spent and (left is not None or row in self.rows):
                break
        return fills, gone, True

    def levels(self, side: str) -> list[tuple[int, int]]:
        totals: dict[int, int] = defaultdict(int)
        for row in self.rows:
            if row.side == side:
                totals[row.price] += row.quantity
        return sorted(totals.items())

    def crosses(self, side: str, price: int) -> bool:
        if side == "Bid":
            return any(row.side == "Ask" and row.price <= price for row in self.rows)
        return any(row.side == "Bid" and row.price >= price for row in self.rows)


# The book alone

sides = st.sampled_from(["Bid", "Ask"])
preventions = st.sampled_from(["RejectTaker", "RejectMaker", "RejectBoth"])
near = st.integers(95, 105)
takers = st.builds(
    lambda owner, side, limit, amount, by_budget, prevention, worst: Taker(
        owner,
        side,
        limit,
        None if by_budget else amount,
        amount * 90 if by_budget else None,
        prevention,
        worst,
    ),
    st.sampled_from("abc"),
    sides,
    st.none() | near,
    st.integers(1, 12),
    st.booleans(),
    preventions,
    st.none() | near,
)


@settings(max_examples=examples(125))
@given(st.lists(st.tuples(takers, st.booleans()), max_size=30))
def test_the_book_matches_as_the_naive_market_does(steps: list[tuple[Taker, bool]]) -> None:
    book, naive = Book(), Naive()
    for number, (taker, cancels) in enumerate(steps):
        if cancels and naive.rows:
            row = naive.rows.pop(number % len(naive.rows))
            assert book.cancel(row.id).quantity == row.quantity
        match = book.plan(taker)
        book.apply(match)
        fills, gone, may_wait = naive.meet(taker)
        assert (match.fills, match.expired) == (fills, gone)
        if taker.limit is not None and taker.quantity is not None and may_wait:
            left = taker.quantity - match.executed
            if left and not naive.crosses(taker.side, taker.limit):
                rest = (str(number), taker.owner, taker.side, taker.limit, left)
                book.add(Resting(*rest))
                naive.rows.append(Row(*rest))
        assert book.levels("Bid") == naive.levels("Bid")
        assert book.levels("Ask") == naive.levels("Ask")
        assert all(row.id in book for row in naive.rows)


# The whole engine


class WanderingFeed:
    """Quotes and trades that follow from the time alone; a far quote for the price impact bound.

    A trade at each even second. At each odd one, the levels behind the best have other sizes, and
    one of them may be gone.
    """

    seed = "one"

    def __init__(self) -> None:
        self.recorded: list[Trade] = []

    def record(self, trade: Trade) -> None:
        self.recorded.append(trade)

    def next_id(self, time_us: int) -> int:
        return 1 + len(self.recorded)

    def last_price(self, at_us: int) -> int:
        return LAST

    def book_count(self, at_us: int) -> int:
        return (at_us - NOW) // SECOND

    def trade_count(self, at_us: int) -> int:
        return (at_us - NOW) // (2 * SECOND)

    def trade(self, number: int) -> Trade:
        price = LAST + number * 5 % 13 - 6
        return Trade(0, NOW + number * 2 * SECOND, price, 1 + number % 6, number % 3 < 2)

    def levels(self, at_us: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        second = (at_us - NOW) // SECOND
        trade, spread = self.trade(second // 2), 1 + second // 2 % 4
        bid = trade.price if trade.buyer_is_maker else trade.price - spread
        sizes = [3 + second // 2 % 4, *(second * 3 % 4 + place for place in range(2))]
        bids = [(bid - place, size) for place, size in enumerate(sizes) if size]
        asks = [(bid + spread + place, size) for place, size in enumerate(sizes) if size]
        return [*bids, (LAST - 200, 50)], [*asks, (LAST + 200, 50)]

    def touches(
        self, start_us: int, end_us: int, below: int | None, above: int | None
    ) -> list[Trade]:
        first, last = -((NOW - start_us) // (2 * SECOND)), (end_us - 1 - NOW) // (2 * SECOND)
        return [
            trade
            for trade in map(self.trade, range(first, last + 1))
            if (below is not None and trade.price <= below)
            or (above is not None and trade.price >= above)
        ]


def ticks(text: str) -> int:
    """Hundredths: of SOL_USDC both a tick and a step."""
    assert (Fraction(text) * 100).denominator == 1
    return int(Fraction(text) * 100)


class Play:
    """The engine and the naive market, fed with the same."""

    def __init__(self) -> None:
        self.feed = WanderingFeed()
        self.exchange = Exchange(MARKETS, lambda symbol: self.feed, NOW)  # type: ignore[arg-type,return-value]
        self.people = [self.exchange.open_account(key, funds) for key, funds in FUNDS.items()]
        self.naive = Naive()
        self.supply = {asset: self.total(asset) for asset in ("USDC", "SOL")}
        self.quotes = 0
        self.quote(NOW)

    # What happens

    def order(self, who: int, fields: dict[str, Any]) -> None:
        account = self.people[who]
        order = {"symbol": "SOL_USDC"} | fields
        before = self.picture()
        prints = len(self.feed.recorded)
        try:
            answer = self.exchange.execute(account, order)
        except Refusal as refusal:
            assert self.picture() == before
            crosses = "price" in order and self.naive.crosses(order["side"], ticks(order["price"]))
            expected = ["INSUFFICIENT_FUNDS"]
            expected += ["INVALID_ORDER"] if order.get("postOnly") and crosses else []
            assert refusal.code in expected
            return
        self.compare(account, order, answer, prints)

    def compare(
        self, account: EngineAccount, order: dict[str, Any], answer: dict[str, Any], prints: int
    ) -> None:
        """The naive market takes the same order: the same trades, the same rest."""
        taker = self.taker(account, order)
        kept = copy.deepcopy((self.naive.rows, self.naive.taken))
        fills, _, may_wait = self.naive.meet(taker)
        done = sum(fill.quantity for fill in fills)
        if order.get("timeInForce") == "FOK" and answer["status"] == "Expired":
            assert done != taker.quantity
            (self.naive.rows, self.naive.taken), fills, done = kept, [], 0
        printed = [(trade.price, trade.quantity) for trade in self.feed.recorded[prints:]]
        assert printed == [(fill.price, fill.quantity) for fill in fills]
        assert ticks(answer["executedQuantity"]) == done
        if answer["status"] in ("New", "PartiallyFilled"):
            assert order.get("timeInForce", "GTC") == "GTC" and may_wait
            left = ticks(answer["quantity"]) - done
            row = Row(answer["id"], account.public_key, order["side"], ticks(order["price"]), left)
            self.naive.rows.append(row)
        elif answer["status"] == "Filled" and "quantity" in order:
            assert done == taker.quantity

    def taker(self, account: EngineAccount, order: dict[str, Any]) -> Taker:
        bid = order["side"] == "Bid"
        worst = None
        prices = [row.price for row in self.naive.rows if row.side != order["side"]]
        if "price" not in order and prices:
            near, far = (min(prices), Fraction("1.01")) if bid else (max(prices), Fraction("0.99"))
            worst = floor(near * far) if bid else ceil(near * far)
        quote = order.get("quoteQuantity")
        return Taker(
            account.public_key,
            order["side"],
            ticks(order["price"]) if "price" in order else None,
            ticks(order["quantity"]) if "quantity" in order else None,
            None if quote is None else floor(Fraction(quote) * 10_000),  # a tick of a step: 0.0001
            order.get("selfTradePrevention", "RejectTaker"),
            worst,
        )

    def cancel(self, who: int, which: int) -> None:
        mine = self.exchange.open_orders(self.people[who])
        if mine:
            id = mine[which % len(mine)]["id"]
            assert self.exchange.cancel(self.people[who], "SOL_USDC", id)["status"] == "Cancelled"
            self.naive.rows = [row for row in self.naive.rows if row.id != id]

    def cancel_all(self, who: int) -> None:
        key = self.people[who].public_key
        answer = self.exchange.cancel_all(self.people[who], "SOL_USDC")
        gone = [row.id for row in self.naive.rows if row.owner == key]
        assert [row["id"] for row in answer] == gone
        self.naive.rows = [row for row in self.naive.rows if row.owner != key]

    def advance(self, seconds: int) -> None:
        """The naive market goes from second to second, the engine in one step."""
        old = self.exchange.now_us
        self.exchange.advance_to(old + seconds * SECOND)
        for at_us in range(old + SECOND, self.exchange.now_us + 1, SECOND):
            if (at_us - NOW) // SECOND % 2 == 0:
                self.meet(self.feed.trade((at_us - NOW) // (2 * SECOND)))
                self.quote(at_us)
            else:
                self.stir(at_us)

    def meet(self, trade: Trade) -> None:
        """A trade of the feed fills users' orders. No quote is there until it has happened."""
        self.naive.rows = [row for row in self.naive.rows if row.owner != "market maker"]
        self.naive.taken.clear()
        side: Any = "Ask" if trade.buyer_is_maker else "Bid"
        self.naive.meet(Taker("market maker", side, trade.price, trade.quantity))

    def quote(self, at_us: int) -> None:
        """The market maker's quotes take users' orders; what is left of them rests."""
        for side, price, quantity in self.levels(at_us):
            fills, _, _ = self.naive.meet(Taker("market maker", side, price, quantity))
            left = quantity - sum(fill.quantity for fill in fills)
            self.naive.taken[side, price] += quantity - left
            if left:
                self.naive.rows.append(self.quoted(side, price, left))
        self.old = {row.id for row in self.naive.rows if row.owner != "market maker"}

    def stir(self, at_us: int) -> None:
        """Other quotes at the places of the old ones: behind users' orders that were there at the
        last trade, before later ones. They take nothing."""
        users = [row for row in self.naive.rows if row.owner != "market maker"]
        self.naive.rows = [row for row in users if row.id in self.old]
        later = Naive()
        later.rows = users
        for side, price, quantity in self.levels(at_us):
            left = quantity - self.naive.taken[side, price]
            if left > 0 and not later.crosses(side, price):
                self.naive.rows.append(self.quoted(side, price, left))
        self.naive.rows += [row for row in users if row.id not in self.old]

    def levels(self, at_us: int) -> list[tuple[Any, int, int]]:
        bids, asks = self.feed.levels(at_us)
        return [("Bid", *level) for level in bids] + [("Ask", *level) for level in asks]

    def quoted(self, side: str, price: int, quantity: int) -> Row:
        self.quotes += 1
        return Row(f"h{self.quotes}", "market maker", side, price, quantity)

    # What must hold

    def picture(self) -> list[Any]:
        shown: list[Any] = [self.exchange.depth("SOL_USDC"), len(self.feed.recorded)]
        for account in self.people:
            shown += [self.exchange.balances(account), order_history(self.exchange, account)]
            shown += [self.exchange.fills(account), self.exchange.open_orders(account)]
        return shown

    def total(self, asset: str) -> Fraction:
        holdings = [self.exchange.market_maker, self.exchange.fees]
        holdings += [account.balances for account in self.people]
        return sum(
            (
                Fraction(balances.available(asset)) + Fraction(balances.locked(asset))
                for balances in holdings
            ),
            Fraction(0),
        )

    def check(self) -> None:
        for asset, amount in self.supply.items():
            assert self.total(asset) == amount
        self.check_book()
        for account in self.people:
            self.check_locks(account)
            self.check_history(account)

    def check_book(self) -> None:
        shown = self.exchange.depth("SOL_USDC")
        for name, side in (("bids", "Bid"), ("asks", "Ask")):
            found = [(ticks(price), ticks(quantity)) for price, quantity in shown[name]]
            assert found == self.naive.levels(side)
        if shown["bids"] and shown["asks"]:
            assert Fraction(shown["bids"][-1][0]) < Fraction(shown["asks"][0][0])

    def check_locks(self, account: EngineAccount) -> None:
        needed = {"USDC": Fraction(0), "SOL": Fraction(0)}
        waiting = []
        for order in self.exchange.open_orders(account):
            left = Fraction(order["quantity"]) - Fraction(order["executedQuantity"])
            assert left > 0
            waiting.append((order["id"], int(left * 100)))
            if order["side"] == "Bid":
                needed["USDC"] += left * Fraction(order["price"])
            else:
                needed["SOL"] += left
        mine = [row for row in self.naive.rows if row.owner == account.public_key]
        assert sorted(waiting) == sorted((row.id, row.quantity) for row in mine)
        shown = self.exchange.balances(account)
        for asset, amount in needed.items():
            balance = shown.get(asset, {"available": "0", "locked": "0"})
            assert Fraction(balance["locked"]) == amount
            assert Fraction(balance["available"]) >= 0

    def check_history(self, account: EngineAccount) -> None:
        """Executed amounts are the sums of the fills, and the fills explain the balances."""
        amounts: dict[str, list[Fraction]] = defaultdict(lambda: [Fraction(0), Fraction(0)])
        owned = {asset: Fraction(FUNDS[account.public_key][asset]) for asset in ("USDC", "SOL")}
        for fill in self.exchange.fills(account):
            quantity = Fraction(fill["quantity"])
            quote = quantity * Fraction(fill["price"])
            amounts[fill["orderId"]][0] += quantity
            amounts[fill["orderId"]][1] += quote
            sign = 1 if fill["side"] == "Bid" else -1
            owned["SOL"] += sign * quantity
            owned["USDC"] -= sign * quote
            owned[fill["feeSymbol"]] -= Fraction(fill["fee"])
            rate = Fraction("0.0008") if fill["isMaker"] else Fraction("0.001")
            received = quantity if fill["side"] == "Bid" else quote
            assert Fraction(fill["fee"]) == received * rate
        for order in order_history(self.exchange, account):
            assert [
                Fraction(order["executedQuantity"]),
                Fraction(order["executedQuoteQuantity"]),
            ] == amounts[order["id"]]
            assert (order["expiryReason"] is not None) == (order["status"] == "Expired")
        for asset, amount in owned.items():
            balances = account.balances
            assert Fraction(balances.available(asset)) + Fraction(balances.locked(asset)) == amount


def hundredths(number: int) -> str:
    return f"{number // 100}.{number % 100:02d}"


prices = st.integers(LAST - 9, LAST + 9).map(hundredths)
quantities = st.integers(1, 25).map(hundredths)
common = {"side": sides, "selfTradePrevention": preventions}
limits = st.fixed_dictionaries(
    common
    | {
        "orderType": st.just("Limit"),
        "price": prices,
        "quantity": quantities,
        "timeInForce": st.sampled_from(["GTC", "GTC", "GTC", "IOC", "FOK"]),
    }
)
post_only = st.fixed_dictionaries(
    common
    | {
        "orderType": st.just("Limit"),
        "price": prices,
        "quantity": quantities,
        "postOnly": st.just(True),
    }
)
market = st.fixed_dictionaries(
    common
    | {
        "orderType": st.just("Market"),
        "quantity": quantities,
        "timeInForce": st.sampled_from(["GTC", "FOK"]),
    }
)
by_quote = st.fixed_dictionaries(
    common
    | {"orderType": st.just("Market"), "quoteQuantity": st.integers(200, 3_000).map(hundredths)}
)
who = st.integers(0, len(FUNDS) - 1)
orders = st.one_of(limits, limits, limits, post_only, market, by_quote)
steps = st.one_of(
    st.tuples(st.just("order"), who, orders),
    st.tuples(st.just("order"), who, orders),
    st.tuples(st.just("order"), who, orders),
    st.tuples(st.just("cancel"), who, st.integers(0, 5)),
    st.tuples(st.just("cancel_all"), who),
    st.tuples(st.just("advance"), st.integers(1, 8)),
)


@settings(max_examples=examples(200))
@given(st.lists(steps, min_size=5, max_size=40))
def test_the_engine_holds_its_promises(happening: list[tuple[Any, ...]]) -> None:
    play = Play()
    for name, *arguments in happening:
        step: Callable[..., None] = getattr(play, name)
        step(*arguments)
        play.check()
    for number in range(len(play.people)):
        play.cancel_all(number)
    play.check()
    assert all(
        account.balances.locked(asset) == 0 for account in play.people for asset in play.supply
    )
