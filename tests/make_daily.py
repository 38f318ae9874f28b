"""Write the daily candles of the default seed: ``python tests/make_daily.py``, two minutes.

Run it after a change of the simulated trades, of the markets, or of the seed.
"""

from __future__ import annotations

import numpy as np

from bpkit.sandbox.simulation.daily import FIRST_DAY, TABLE
from bpkit.sandbox.simulation.market import Market, load
from bpkit.sandbox.simulation.price_feed import PriceFeed
from bpkit.sandbox.simulation.synthetic import ANCHOR_DAY, ASSET_PROFILES, DAY


def row(feed: PriceFeed, number: int) -> list[int]:
    """The candle of a day from its trades alone: open, high, low, close, volumes, trades."""
    trades = feed.trades(number * DAY, (number + 1) * DAY)
    prices = [trade.price for trade in trades]
    volume = sum(trade.quantity for trade in trades)
    quote_volume = sum(trade.price * trade.quantity for trade in trades)
    four = [prices[0], max(prices), min(prices), prices[-1]]
    return [*four, volume, quote_volume, len(trades)]


def markets() -> list[Market]:
    return [market for market in load() if market.open and market.base in ASSET_PROFILES]


if __name__ == "__main__":
    feeds = {market.symbol: PriceFeed(market) for market in markets()}
    np.savez_compressed(
        TABLE,
        **{
            symbol: np.array([row(feed, number) for number in range(FIRST_DAY, ANCHOR_DAY)])
            for symbol, feed in feeds.items()
        },
    )
