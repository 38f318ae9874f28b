"""The few pictures that are better looked at than read. The only home of matplotlib.

Each function takes a frame as ``.df`` gives it and draws into a new figure, which the notebook
shows at the end of the cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

if TYPE_CHECKING:
    import pandas as pd

UP, DOWN, QUIET = "#1a9e77", "#d1495b", "#8a8f98"  # told apart by colour-blind eyes too


def candles(frame: pd.DataFrame, title: str) -> None:
    """Candles over their volume; ``frame`` from ``get_klines``. Time in UTC."""
    figure, (prices, volumes) = plt.subplots(
        2, figsize=(9, 4.8), sharex=True, height_ratios=(3, 1), layout="constrained"
    )
    _page(figure)
    times = mdates.date2num(frame.index.tz_convert(None))
    width = 0.7 * float(min(times[1:] - times[:-1], default=1.0))
    rising = frame["close"] >= frame["open"]
    for chosen, colour in ((rising, UP), (~rising, DOWN)):
        some, at = frame[chosen], times[chosen]
        prices.vlines(at, some["low"], some["high"], color=colour, linewidth=1)
        body = (some["close"] - some["open"]).abs()
        bottom = some[["open", "close"]].min(axis=1)
        prices.bar(at, body, width, bottom=bottom, color=colour, edgecolor=colour, linewidth=1)
        volumes.bar(at, some["volume"], width, color=colour)
    prices.set_title(title, loc="left")
    prices.set_ylabel("price (quote asset)")
    volumes.set_ylabel("volume (base)")
    volumes.set_xlabel("UTC")
    locator = mdates.AutoDateLocator()
    volumes.xaxis.set_major_locator(locator)
    volumes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
    _clean(prices, volumes)
    plt.show()


def depth(frame: pd.DataFrame, title: str, mine: float | None = None) -> None:
    """How much is wanted and offered up to each price; ``frame`` from ``get_depth``.

    ``mine``: the price of an order of your own, to be marked.
    """
    figure, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
    _page(figure)
    for side, colour, best_first in (("Bid", UP, False), ("Ask", DOWN, True)):
        levels = frame[frame["side"] == side].sort_values("price", ascending=best_first)
        total = levels["quantity"].cumsum()
        axes.fill_between(levels["price"], total, step="post", color=colour, alpha=0.25)
        label = (
            "bids: wanted at this price or higher"
            if side == "Bid"
            else ("asks: offered at this price or lower")
        )
        axes.step(levels["price"], total, where="post", color=colour, label=label)
    if mine is not None:
        axes.axvline(mine, color="black", linestyle="--", label=f"your order at {mine:g}")
    axes.set_ylim(bottom=0)
    axes.set_title(title, loc="left")
    axes.set_xlabel("price (quote asset)")
    axes.set_ylabel("total quantity (base asset)")
    axes.legend(framealpha=0.95, edgecolor="white")
    _clean(axes)
    plt.show()


def _page(figure: Figure) -> None:
    """White paper, also in a dark notebook: black letters on a transparent page would be lost."""
    figure.set_facecolor("white")


def _clean(*every: Axes) -> None:
    for axes in every:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color=QUIET, alpha=0.3)
        axes.set_axisbelow(True)
