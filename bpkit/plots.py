"""Charts: candles, depth, equity, funding, and the signed text.

Each function takes a frame as ``.df`` gives it (``signed_text`` takes an Explanation) and returns
the matplotlib Axes. ``ax``: draw into these axes. Without it, a new figure is made and shown: a
notebook shows it at the end of the cell. A backend without a window (``agg``) shows nothing, so a
scheduled program can save it: ``candles(frame, "SOL").figure.savefig("sol.png")``.

Times are in the frame's own zone: UTC, unless it was converted for a reader. A frame without rows
gives an empty picture that says so. In a notebook a new figure has an alternative text, for readers
who cannot see it: ``describe`` gives one to a figure of your own. Raises MissingExtraError, an
ImportError, if matplotlib is not installed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import tzinfo
from decimal import Decimal
from functools import partial
from io import BytesIO
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from .doctor.explain import ORIGINS, Explanation
from .errors import BpkitError, missing_extra

try:
    import matplotlib.dates as mdates
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes
    from matplotlib.backends import BackendFilter, backend_registry
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch, Rectangle
except ImportError:
    raise missing_extra("bpkit.plots", "matplotlib", "plots") from None

if TYPE_CHECKING:
    import pandas as pd

UP, DOWN, QUIET = "#1a9e77", "#d1495b", "#8a8f98"  # colour-blind people can tell them apart
LINE, LONGS_PAY, SHORTS_PAY = "#30343b", "#2f6fb2", "#e08e2b"
HOUR = 1 / 24  # matplotlib counts days
HOURS_A_YEAR = 24 * 365
_WITHOUT_WINDOW = backend_registry.list_builtin(BackendFilter.NON_INTERACTIVE)


def candles(frame: pd.DataFrame, title: str, ax: Axes | None = None) -> Axes:
    """Candles over their volume; ``frame`` from ``get_klines``.

    Prices in the quote asset, volume in the base asset. A candle without trades leaves a gap.
    Returns the Axes of the prices; ``ax`` gets the prices alone.
    """
    if ax is None:
        figure = _figure((9, 4.8), layout="constrained")
        prices, volumes = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    else:
        prices, volumes = ax, None
    times = mdates.date2num(frame.index)
    width = 0.7 * _spacing(times)
    rising = frame["close"] >= frame["open"]
    for chosen, colour in ((rising, UP), (~rising, DOWN)):
        some, at = frame[chosen], times[chosen]
        prices.vlines(at, some["low"], some["high"], color=colour, linewidth=1)
        body = (some["close"] - some["open"]).abs()
        bottom = some[["open", "close"]].min(axis=1)
        prices.bar(at, body, width, bottom=bottom, color=colour, edgecolor=colour, linewidth=1)
        if volumes is not None:
            volumes.bar(at, some["volume"], width, color=colour)
    prices.set_ylabel("price (quote asset)")
    if volumes is not None:
        volumes.set_ylabel("volume (base)")
        _note_no_rows(prices, len(frame))
        _clean(volumes)
    _time_axis(prices if volumes is None else volumes, frame.index.tz, len(frame))
    said = f"{len(frame)} candles."
    if len(frame):
        said += f" {_span(frame.index)} Lowest {frame['low'].min()}, highest {frame['high'].max()}."
    return _finished(prices, title, ax, said)


def depth(
    frame: pd.DataFrame,
    title: str,
    mine: float | Decimal | None = None,
    ax: Axes | None = None,
) -> Axes:
    """How much is wanted and offered up to each price; ``frame`` from ``get_depth``.

    ``mine``: the price of an order of your own, to be marked.
    """
    axes = _axes(ax)
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
    axes.set_xlabel("price (quote asset)")
    _plain_numbers(axes, "x")
    axes.set_ylabel("total quantity (base asset)")
    _note_no_rows(axes, len(frame))
    _legend(axes)
    best = frame.groupby("side")["price"].agg(["min", "max"])
    said = [f"The best bid is {best['max']['Bid']}."] if "Bid" in best.index else []
    said += [f"The best ask is {best['min']['Ask']}."] if "Ask" in best.index else []
    said += [f"Your order is at {mine}."] if mine is not None else []
    return _finished(axes, title, ax, " ".join(said))


def live_depth() -> Callable[[pd.DataFrame | None, str], None]:
    """A function that draws ``depth`` into the output of a notebook cell, each time over the last.

    It takes the frame and the title; without a frame, only the title is shown. Raises BpkitError
    outside a notebook.
    """
    ipython = sys.modules.get("IPython")
    if getattr(ipython and ipython.get_ipython(), "kernel", None) is None:
        raise BpkitError(
            "A picture that changes needs a notebook, and this is not one. In a script, read the "
            "book in a loop, for example: print(book.best_bid, book.best_ask); time.sleep(1)."
        )
    from IPython.display import Image, display

    handle: Any = None

    def show(frame: pd.DataFrame | None, title: str) -> None:
        nonlocal handle
        figure = Figure((9, 3.6), layout="constrained", facecolor="white")
        axes = figure.subplots()
        if frame is None:
            axes.set_title(title, loc="left")
            axes.set_axis_off()
        else:
            depth(frame, title, ax=axes)
        figure.savefig(png := BytesIO(), format="png")
        market = title.partition(",")[0]  # what follows changes with each picture
        image = Image(data=png.getvalue(), format="png", alt=f"An order book, live: {market}")
        if handle is None:
            handle = display(image, display_id=True)
        else:
            handle.update(image)

    return show


def equity(frame: pd.DataFrame, fills: pd.DataFrame, title: str, ax: Axes | None = None) -> Axes:
    """What an account is worth over time, with its fills marked.

    ``frame``: a column ``equity`` in USDC, indexed by time, oldest first. ``fills`` from
    ``get_fills``: a purchase points up, a sale down, each at the last equity before it. Fills
    before the first equity are left out.
    """
    axes = _axes(ax)
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
    axes.set_ylabel("equity (USDC)")
    _time_axis(axes, frame.index.tz, len(frame))
    _legend(axes)
    said = f"{len(fills)} fills."
    if len(frame):
        first, last = worth.iloc[0], worth.iloc[-1]
        said += f" {_span(frame.index)} Equity from {first:.2f} to {last:.2f} USDC."
    return _finished(axes, title, ax, said)


def funding(frame: pd.DataFrame, title: str, ax: Axes | None = None) -> Axes:
    """Funding rates of one future, a bar for each interval.

    ``frame`` from ``get_funding_interval_rates`` or ``get_funding_payments``, in any order. The
    left axis is in percent an hour, which is the interval; the right axis is the same in percent a
    year, without compounding. Each bar ends where its interval ends.
    """
    axes = _axes(ax)
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
    axes.set_ylabel("funding rate (% an hour)")
    yearly = axes.secondary_yaxis("right", functions=(_a_year, _an_hour))
    yearly.set_ylabel("the same (% a year)")
    yearly.spines["right"].set_visible(False)
    _time_axis(axes, ends.dt.tz, len(frame))
    handles = [Patch(color=colour, label=label) for _, colour, label in signs]
    _legend(axes, handles)
    said = f"{(rates >= 0).sum()} rates at or above zero, {(rates < 0).sum()} below."
    if len(frame):
        said += f" {_span([ends.min(), ends.max()])}"
    return _finished(axes, title, ax, said)


# Of the signed text, in points (72 an inch). The size of DejaVu Sans Mono, which comes with
# matplotlib, is the one whose letters are 9 pixels wide at 100 an inch: none is rounded.
_SIZE, _LETTER, _ROW, _MARGIN, _LETTERS = 6.48 / 0.60205, 6.48, 21.0, 14.0, 90
_GAP = 0.7  # between two pieces, and so also between two of one origin


def signed_text(explanation: Explanation, title: str | None = None, ax: Axes | None = None) -> Axes:
    """The text that is signed: each piece on the colour of its origin, with a legend.

    ``explanation`` from ``bp.explain``. The text is wrapped after 90 letters. What cannot be
    printed is written with a backslash. A public operation signs nothing, and the picture says so.
    In ``ax`` the letters are as wide as it allows.
    """
    runs = list(_runs(explanation)) or [(0, 0, f"{_NOTHING_SIGNED}.", "white")]
    rows = runs[-1][0] + 1
    if title is None:
        counted = f", {len(explanation.text)} characters" if explanation.text else ""
        title = f"{explanation.operation.name}: the text that is signed{counted}"
    width, height = 2 * _MARGIN + _LETTERS * _LETTER, _MARGIN + (rows + 3) * _ROW
    axes = ax or _figure((width / 72, height / 72)).add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    scale = 1.0 if ax is None else ax.get_window_extent().width / ax.figure.dpi * 72 / width
    axes.text(_MARGIN, _ROW, title, fontsize=12 * scale, va="center", parse_math=False)
    for row, place, text, colour in runs:
        x, y = _MARGIN + place * _LETTER, (row + 2) * _ROW
        across, tall = len(text) * _LETTER - 2 * _GAP, 0.86 * _ROW
        corner = (x + _GAP, y - tall / 2)
        axes.add_patch(Rectangle(corner, across, tall, facecolor=colour, linewidth=0))
        axes.text(
            x, y, text, fontsize=_SIZE * scale, family="DejaVu Sans Mono", color="#111111",
            va="center_baseline", parse_math=False,
        )  # fmt: skip
    found = {row["origin"] for row in explanation.pieces}
    patches = [Patch(color=ORIGINS[one], label=one) for one in ORIGINS if one in found]
    if patches:
        axes.legend(
            handles=patches, loc="lower left", bbox_to_anchor=(_MARGIN / width, 0), ncols=6,
            borderaxespad=0.4, borderpad=0, frameon=False, fontsize=10 * scale,
        )  # fmt: skip
    said = ", ".join(f"{one['piece']} ({one['origin']})" for one in explanation.pieces)
    return _shown(axes, ax, f"{title}. {said}")


_NOTHING_SIGNED = "This operation is public: nothing is signed"


def _runs(explanation: Explanation) -> Iterator[tuple[int, int, str, str]]:
    """(row, place in it, text, colour): each piece, cut at the end of a row."""
    place = 0
    for piece in explanation.pieces:
        text = "".join(one if one.isprintable() else repr(one)[1:-1] for one in piece["piece"])
        while text:
            row, column = divmod(place, _LETTERS)
            part, text = text[: _LETTERS - column], text[_LETTERS - column :]
            yield row, column, part, ORIGINS[piece["origin"]]
            place += len(part)


def _figure(size: tuple[float, float], layout: Literal["constrained"] | None = None) -> Figure:
    """A new, white figure: black letters would not be seen on a transparent one in a dark notebook.

    pyplot keeps a figure until it is closed, so it gets only those that will be shown.
    """
    make = Figure if plt.get_backend().lower() in _WITHOUT_WINDOW else plt.figure
    return make(figsize=size, layout=layout, facecolor="white")


def _axes(ax: Axes | None) -> Axes:
    return _figure((9, 3.6), layout="constrained").subplots() if ax is None else ax


def describe(axes: Axes, text: str) -> None:
    """Give the figure of these axes an alternative text. A notebook keeps it with the picture."""
    figure: Any = axes.figure
    figure._repr_mimebundle_ = partial(_bundle, text)


def _bundle(text: str, include: object = None, exclude: object = None) -> tuple[Any, Any]:
    """What IPython adds to the picture: no other data, and metadata that nbconvert reads too."""
    return {}, {"image/png": {"alt": text}}


def _finished(axes: Axes, title: str, ax: Axes | None, said: str) -> Axes:
    axes.set_title(title, loc="left", pad=24 if axes.get_legend() else None)
    _clean(axes)
    return _shown(axes, ax, f"{title}. {said}")


def _shown(axes: Axes, ax: Axes | None, text: str) -> Axes:
    """The axes, shown if the figure is our own. A notebook's inline backend shows it by itself."""
    if ax is None:
        describe(axes, text)
        axes._ipython_display_ = _nothing_more  # or the cell would show their repr too
        if (
            plt.fignum_exists(getattr(axes.figure, "number", -1))
            and "inline" not in plt.get_backend()
        ):
            plt.show()
    return axes


def _nothing_more() -> None:
    """What IPython displays of the axes: the figure is shown already."""


def _legend(axes: Axes, handles: list[Patch] | None = None) -> None:
    """A legend between the picture and its title, where no line can run behind it."""
    axes.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False,
        borderaxespad=0.2, borderpad=0.2,
    )  # fmt: skip


def _span(times: Any) -> str:
    """From the first to the last of these times, in words."""
    first, last = times[0], times[-1]
    return f"From {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M %Z}."


def _clean(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=QUIET, alpha=0.3)
    axes.set_axisbelow(True)
    _plain_numbers(axes, "y")


def _a_year(rate: Any) -> Any:
    return rate * HOURS_A_YEAR


def _an_hour(rate: Any) -> Any:
    return rate / HOURS_A_YEAR


def _plain_numbers(axes: Axes, axis: Literal["x", "y"]) -> None:
    """Write numbers on an axis in full: neither as 1e6 nor as the difference from a round price."""
    axes.ticklabel_format(axis=axis, style="plain", useOffset=False)


def _spacing(times: Any) -> float:
    """The shortest step from one time to the next, in days; an hour if there is only one time."""
    steps = (later - earlier for earlier, later in pairwise(sorted(times)))
    return float(min((step for step in steps if step > 0), default=HOUR))


def _time_axis(axes: Axes, zone: tzinfo | None, rows: int) -> None:
    axes.set_xlabel(f"time ({zone or 'UTC'})")
    _note_no_rows(axes, rows)
    if rows:
        locator = mdates.AutoDateLocator(tz=zone)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator, tz=zone))


def _note_no_rows(axes: Axes, rows: int) -> None:
    """Write "no rows" into an empty picture, so that it does not look unfinished."""
    if not rows:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no rows", transform=axes.transAxes, ha="center", color=QUIET)
