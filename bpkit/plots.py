"""The few pictures that are better looked at than read. The only home of matplotlib.

Each function takes a frame as ``.df`` gives it (``signed_text`` takes an Explanation) and draws
into a new figure, which the notebook shows at the end of the cell. Times stand in the frame's own
zone: UTC, unless it was converted for a reader. A frame without rows gives an empty picture that
says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from .doctor.explain import ORIGINS, Explanation

if TYPE_CHECKING:
    import pandas as pd

UP, DOWN, QUIET = "#1a9e77", "#d1495b", "#8a8f98"  # told apart by colour-blind eyes too
LINE, LONGS_PAY, SHORTS_PAY = "#30343b", "#2f6fb2", "#e08e2b"
HOUR = 1 / 24  # matplotlib counts days
HOURS_A_YEAR = 24 * 365


def candles(frame: pd.DataFrame, title: str) -> None:
    """Candles over their volume; ``frame`` from ``get_klines``.

    Prices in the quote asset, volume in the base asset. A candle without trades leaves a gap.
    """
    figure, (prices, volumes) = plt.subplots(
        2, figsize=(9, 4.8), sharex=True, height_ratios=(3, 1), layout="constrained"
    )
    _page(figure)
    times = mdates.date2num(frame.index)
    width = 0.7 * _spacing(times)
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
    _time_axis(volumes, frame.index.tz, len(frame))
    _say_if_empty(prices, len(frame))
    _clean(prices, volumes)
    plt.show()


def depth(frame: pd.DataFrame, title: str, mine: float | Decimal | None = None) -> None:
    """How much is wanted and offered up to each price; ``frame`` from ``get_depth``.

    ``mine``: the price of an order of your own, to be marked.
    """
    figure, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
    _page(figure)
    labels = {
        "Bid": "bids: wanted at this price or higher",
        "Ask": "asks: offered at this price or lower",
    }
    for side, colour in (("Bid", UP), ("Ask", DOWN)):
        levels = frame[frame["side"] == side].sort_values("price", ascending=side == "Ask")
        at, total = list(levels["price"]), list(levels["quantity"].cumsum())
        at, total = at[:1] + at, [0.0] * bool(at) + total  # the wall rises at the best price
        axes.fill_between(at, total, step="post", color=colour, alpha=0.25)
        axes.step(at, total, where="post", color=colour, label=labels[side])
    if mine is not None:
        axes.axvline(float(mine), color="black", linestyle="--", label=f"your order at {mine}")
    axes.set_ylim(bottom=0)
    axes.set_title(title, loc="left")
    axes.set_xlabel("price (quote asset)")
    _written_out(axes, "x")
    axes.set_ylabel("total quantity (base asset)")
    _say_if_empty(axes, len(frame))
    axes.legend(framealpha=0.95, edgecolor="white")
    _clean(axes)
    plt.show()


def equity(frame: pd.DataFrame, fills: pd.DataFrame, title: str) -> None:
    """What an account is worth over time, with its fills marked.

    ``frame``: a column ``equity`` in USDC, indexed by time, oldest first. ``fills`` from
    ``get_fills``: a purchase points up, a sale down, each at the last equity before it; those
    before the first are left out.
    """
    figure, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
    _page(figure)
    worth = frame["equity"].astype(float)
    times, dot = mdates.date2num(frame.index), "." if len(frame) == 1 else None
    axes.plot(times, worth, color=LINE, linewidth=1.5, marker=dot, label="equity")
    styles = (("Bid", "^", UP, "you bought"), ("Ask", "v", DOWN, "you sold"))
    for side, marker, colour, label in styles:
        filled = fills.loc[fills["side"] == side, "timestamp"].sort_values()
        filled = filled[filled >= frame.index[0]] if len(frame) else filled[:0]
        if len(filled):
            at: Any = worth.asof(filled)
            axes.plot(
                mdates.date2num(at.index), at, marker, color=colour, markersize=9,
                markeredgecolor="white", label=label,
            )  # fmt: skip
    axes.set_title(title, loc="left")
    axes.set_ylabel("equity (USDC)")
    _time_axis(axes, frame.index.tz, len(frame))
    axes.legend(framealpha=0.95, edgecolor="white")
    _clean(axes)
    plt.show()


def funding(frame: pd.DataFrame, title: str) -> None:
    """Funding rates of one future, a bar for each interval.

    ``frame`` from ``get_funding_interval_rates`` or ``get_funding_payments``, in any order. On the
    left in percent for the interval of one hour, on the right the same in percent a year, without
    interest on interest. Each bar ends where its interval ends.
    """
    figure, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
    _page(figure)
    ends, rates = frame["intervalEndTimestamp"], frame["fundingRate"] * 100
    signs = (
        (rates >= 0, LONGS_PAY, "above zero: longs pay shorts"),
        (rates < 0, SHORTS_PAY, "below zero: shorts pay longs"),
    )
    width = _spacing(mdates.date2num(ends))
    for chosen, colour, _ in signs:
        at = mdates.date2num(ends[chosen])
        axes.bar(at, rates[chosen], -width, align="edge", color=colour)
    axes.axhline(0, color=LINE, linewidth=0.8)
    axes.set_title(title, loc="left")
    axes.set_ylabel("funding rate (% an hour)")
    yearly = axes.secondary_yaxis("right", functions=(_a_year, _an_hour))
    yearly.set_ylabel("the same (% a year)")
    yearly.spines["right"].set_visible(False)
    _time_axis(axes, ends.dt.tz, len(frame))
    handles = [Patch(color=colour, label=label) for _, colour, label in signs]
    axes.legend(handles=handles, framealpha=0.95, edgecolor="white")
    _clean(axes)
    plt.show()


# Of the signed text, in points (72 an inch). The size of DejaVu Sans Mono, which comes with
# matplotlib, is the one whose letters are 9 pixels wide at 100 an inch: none is rounded.
_SIZE, _LETTER, _ROW, _MARGIN, _LETTERS = 6.48 / 0.60205, 6.48, 21.0, 14.0, 90
_GAP = 0.7  # between two pieces, and so also between two of one origin


def signed_text(explanation: Explanation, title: str | None = None) -> None:
    """The text that is signed, piece by piece on the colour of its origin, with a legend.

    ``explanation`` from ``bp.explain``. Wrapped after 90 letters, wherever that is. What cannot
    be printed is spelled with a backslash. Of a public operation, which signs nothing, the picture
    says so.
    """
    runs = list(_runs(explanation)) or [(0, 0, f"{_NOTHING_SIGNED}.", "white")]
    rows = runs[-1][0] + 1
    if title is None:
        counted = f", {len(explanation.text)} characters" if explanation.text else ""
        title = f"{explanation.operation.name}: the text that is signed{counted}"
    width, height = 2 * _MARGIN + _LETTERS * _LETTER, _MARGIN + (rows + 3) * _ROW
    figure = plt.figure(figsize=(width / 72, height / 72))
    _page(figure)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    axes.text(_MARGIN, _ROW, title, fontsize=12, va="center", parse_math=False)
    for row, place, text, colour in runs:
        x, y = _MARGIN + place * _LETTER, (row + 2) * _ROW
        across, tall = len(text) * _LETTER - 2 * _GAP, 0.86 * _ROW
        corner = (x + _GAP, y - tall / 2)
        axes.add_patch(Rectangle(corner, across, tall, facecolor=colour, linewidth=0))
        axes.text(
            x, y, text, fontsize=_SIZE, family="DejaVu Sans Mono", color="#111111",
            va="center_baseline", parse_math=False,
        )  # fmt: skip
    found = {row["origin"] for row in explanation.pieces}
    patches = [Patch(color=ORIGINS[one], label=one) for one in ORIGINS if one in found]
    if patches:
        axes.legend(
            handles=patches, loc="lower left", bbox_to_anchor=(_MARGIN / width, 0), ncols=6,
            borderaxespad=0.4, borderpad=0, frameon=False, fontsize=10,
        )  # fmt: skip
    plt.show()


_NOTHING_SIGNED = "This operation is public: nothing is signed"


def _runs(explanation: Explanation) -> Iterator[tuple[int, int, str, str]]:
    """(row, place in it, text, colour): each piece, cut where a row is full."""
    place = 0
    for piece in explanation.pieces:
        text = "".join(one if one.isprintable() else repr(one)[1:-1] for one in piece["piece"])
        while text:
            row, column = divmod(place, _LETTERS)
            part, text = text[: _LETTERS - column], text[_LETTERS - column :]
            yield row, column, part, ORIGINS[piece["origin"]]
            place += len(part)


def _page(figure: Figure) -> None:
    """White paper, also in a dark notebook: black letters on a transparent page would be lost."""
    figure.set_facecolor("white")


def _clean(*every: Axes) -> None:
    for axes in every:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color=QUIET, alpha=0.3)
        axes.set_axisbelow(True)
        _written_out(axes, "y")


def _a_year(rate: Any) -> Any:
    return rate * HOURS_A_YEAR


def _an_hour(rate: Any) -> Any:
    return rate / HOURS_A_YEAR


def _written_out(axes: Axes, axis: Literal["x", "y"]) -> None:
    """Numbers on an axis in full: neither as 1e6 nor as what lies above a round price."""
    axes.ticklabel_format(axis=axis, style="plain", useOffset=False)


def _spacing(times: Any) -> float:
    """The shortest step from one time to the next, in days; one alone counts for an hour."""
    steps = (later - earlier for earlier, later in pairwise(sorted(times)))
    return float(min((step for step in steps if step > 0), default=HOUR))


def _time_axis(axes: Axes, zone: tzinfo | None, rows: int) -> None:
    axes.set_xlabel(f"time ({zone or 'UTC'})")
    _say_if_empty(axes, rows)
    if rows:
        locator = mdates.AutoDateLocator(tz=zone)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator, tz=zone))


def _say_if_empty(axes: Axes, rows: int) -> None:
    """An empty picture would leave open whether it is finished."""
    if not rows:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no rows", transform=axes.transAxes, ha="center", color=QUIET)
