"""It does not matter how a minute is cut: marks, triggers, positions and a liquidation included."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from account_histories import shown
from helpers import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from test_publisher import MARKETS, feed

from bpkit.sandbox.core.exchange import Exchange
from bpkit.sandbox.simulation.price_feed import PriceFeed
from bpkit.sandbox.simulation.synthetic import MINUTE, SECOND, START_US

PERP = "SOL_USDC_PERP"
START = START_US + 3_920 * SECOND  # bob is short of margin 29 s later
EDGES = st.integers(1, MINUTE)
PUBLIC = [
    "liquidation",
    *(f"{kind}.{PERP}" for kind in ("trade", "bookTicker", "depth", "depth.600ms", "markPrice")),
    *(f"{kind}.{PERP}" for kind in ("ticker", "openInterest", "kline.1s", "kline.1m")),
]
PRIVATE = [f"account.{name}Update" for name in ("order", "balance", "position")]
FEEDS: dict[str, PriceFeed] = {}


def kept(symbol: str) -> PriceFeed:
    """A new feed; what is generated is kept."""
    made = feed(symbol)
    made._own = FEEDS.setdefault(symbol, made)._own
    return made


class Pair:
    """A user with orders of many kinds, and one who is soon short of margin."""

    def __init__(self) -> None:
        self.exchange = Exchange(list(MARKETS.values()), kept, START_US)
        self.ann = self.exchange.open_account("ann", {"USDC": Decimal(10_000)})
        self.bob = self.exchange.open_account("bob", {"USDC": Decimal(60)})
        self.cyd = self.exchange.open_account("cyd", {"USDC": Decimal(10_000)})
        self.bob.leverage_limit = Decimal(50)
        self.order(self.bob, "Bid", "Market", quantity="16.2")
        self.strategy(self.bob, "Bid", "0.04", 8_000, price="100")
        self.exchange.advance_to(START)
        private = {(name, key) for name in PRIVATE for key in ("ann", "bob", "cyd")}
        self.exchange.outbox.wanted = private | {(name, None) for name in PUBLIC}
        last = Decimal(self.exchange.depth(PERP)["bids"][-1][0])
        self.order(self.ann, "Bid", "Market", quantity="20")
        self.order(self.ann, "Ask", "Limit", price=str(last + Decimal("0.05")), quantity="3")
        self.order(self.ann, "Bid", "Limit", price=str(last - Decimal("0.05")), quantity="3")
        self.strategy(self.cyd, "Ask", "4", 20)
        self.strategy(self.cyd, "Bid", "2", 90, price=str(last - 20))
        for by in ("MarkPrice", "IndexPrice", "LastPrice"):
            for distance in ("-0.06", "0.06"):
                price = str(last + Decimal(distance))
                trigger = {"triggerPrice": price, "triggerBy": by, "triggerQuantity": "1"}
                self.order(self.ann, "Ask", "Market", reduceOnly=True, **trigger)

    def order(self, account: Any, side: str, kind: str, **more: Any) -> None:
        fields = {"symbol": PERP, "side": side, "orderType": kind}
        self.exchange.execute(account, fields | more)

    def strategy(self, account: Any, side: str, quantity: str, seconds: int, **more: Any) -> None:
        """One that has an order each 1.7 s, or each 4,000 s if it runs for long."""
        fields = {"symbol": PERP, "side": side, "quantity": quantity, "duration": seconds * 1_000}
        fields |= {"interval": 1_700 if seconds < 3_600 else 4_000_000}
        fields |= {"randomizedIntervalQuantity": True} | more
        self.exchange.strategies.create(account, fields)

    def seen(self) -> tuple[Any, ...]:
        """The frames since the start, and what REST shows."""
        mine = (self.ann, self.bob, self.cyd)
        asked = ("fills", "order_history", "positions", "balances", "settlements")
        return (
            self.exchange.outbox.take(),
            self.exchange.depth(PERP),
            *(shown(self.exchange, one, name) for name in asked for one in mine),
            *(self.exchange.strategies.running(one) for one in mine),
            *([one.history() for one in self.exchange.strategies.ended(each)] for each in mine),
        )


@settings(max_examples=examples(5))
@given(st.lists(st.integers(1, MINUTE // SECOND).map(lambda at: at * SECOND) | EDGES, max_size=9))
def test_a_minute_may_be_cut_anywhere(edges: list[int]) -> None:
    """The same frames in the same order, and the same answers of REST."""
    whole, cut = Pair(), Pair()
    for at in sorted({*edges, MINUTE}):
        cut.exchange.advance_to(START + at)
    whole.exchange.advance_to(START + MINUTE)
    frames, *rest = whole.seen()
    assert (frames, *rest) == cut.seen()
    events = {frame.data["e"] for frame in frames}
    assert {"liquidation", "triggerPlaced", "orderFill", "positionAdjusted"} <= events
    assert {"positionOpened", "positionClosed", "openInterest"} <= events
    ended = whole.exchange.strategies.ended
    assert [one.history()["cancelReason"] for one in ended(whole.bob)] == ["Liquidation"]
    assert [one.history()["status"] for one in ended(whole.cyd)] == ["Completed"]
    assert len(whole.exchange.open_orders(whole.cyd)) > 3  # of the other, which still runs
