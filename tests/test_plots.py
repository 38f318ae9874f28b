"""The charts show what the frame says, and every axis names its unit."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import IPython
import matplotlib
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from IPython.core.formatters import DisplayFormatter
from IPython.display import Image
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread

from bpkit import BpkitError, Client, Key, plots
from bpkit.doctor.explain import ORIGINS, Explanation
from bpkit.frames import frame
from bpkit.results import Rows
from bpkit.signing import DEMO_SECRET

matplotlib.use("agg")
NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
DAY_0 = mdates.date2num(NOON.replace(tzinfo=None))  # matplotlib's days, at NOON


def drawn(axes: Axes) -> Figure:
    """Its figure, laid out and rendered (so that warnings come)."""
    FigureCanvasAgg(axes.figure).draw()
    return axes.figure


def candle(minutes: int, prices: str | None, volume: str) -> dict[str, Any]:
    """``prices``: open, high, low, close; None where nothing was traded."""
    start = NOON + timedelta(minutes=minutes)
    values = prices.split() if prices else [None] * 4
    return {
        "start": f"{start:%Y-%m-%d %H:%M:%S}",
        **dict(zip(("open", "high", "low", "close"), values, strict=True)),
        "volume": volume,
    }


CANDLES = [candle(0, "100 106 99 104", "7"), candle(15, "104 105 96 98", "9"),
           candle(30, None, "0"), candle(45, "98 98 98 98", "1")]  # fmt: skip
BOOK = {"asks": [["101", "2"], ["103", "5"]], "bids": [["98", "4"], ["99", "1"]]}
FILLS = [
    {"timestamp": "2026-09-01T12:50:00", "side": "Ask", "price": "110", "quantity": "1"},
    {"timestamp": "2026-09-01T12:20:00", "side": "Bid", "price": "100", "quantity": "1"},
    {"timestamp": "2026-09-01T11:00:00", "side": "Bid", "price": "90", "quantity": "1"},
]
RATES = [
    {"intervalEndTimestamp": "2026-09-01T14:00:00", "symbol": "X", "fundingRate": "-0.00002"},
    {"intervalEndTimestamp": "2026-09-01T13:00:00", "symbol": "X", "fundingRate": "0.0000125"},
]


def worth(*values: float) -> pd.DataFrame:
    """Every half hour, from NOON."""
    times = [NOON + timedelta(minutes=30 * place) for place in range(len(values))]
    index = pd.DatetimeIndex(times, tz="UTC", name="end")
    return pd.DataFrame({"equity": list(values)}, index=index, dtype=float)


def explained(name: str, *args: Any, **parameters: Any) -> Explanation:
    with Client("http://127.0.0.1:9", Key(DEMO_SECRET)) as client:
        return client.explain(name, *args, at=1750000000000, **parameters)


ORDER = ("execute_order", "SOL_USDC", "Bid", "Limit")


def minutes(value: float) -> float:
    """matplotlib's days -> minutes after NOON."""
    return round((value - DAY_0) * 24 * 60, 3)


def labels(axes: Axes) -> list[str]:
    legend = axes.get_legend()
    return [text.get_text() for text in legend.get_texts()] if legend else []


# --- all of them ----------------------------------------------------------------------------------


@cache
def draw(name: str, rows: int, ax: Axes | None = None) -> Figure:
    """The picture of this name, of its first so many rows."""
    if name == "candles":
        axes = plots.candles(frame("klines", CANDLES[:rows]), "A title", ax=ax)
    elif name == "depth":
        axes = plots.depth(frame("depth", BOOK)[:rows], "A title", mine=99.5, ax=ax)
    elif name == "equity":
        axes = plots.equity(
            worth(10, 12, 11)[:rows], frame("fills", FILLS[:rows]), "A title", ax=ax
        )
    else:
        axes = plots.funding(frame("funding_rates", RATES[:rows]), "A title", ax=ax)
    return drawn(axes)


PICTURES = ("candles", "depth", "equity", "funding")
UNITS = {
    "candles": ["price (quote asset)", "volume (base)", "time (UTC)"],
    "depth": ["total quantity (base asset)", "price (quote asset)"],
    "equity": ["equity (USDC)", "time (UTC)"],
    "funding": ["funding rate (% an hour)", "the same (% a year)", "time (UTC)"],
}


@pytest.mark.parametrize("rows", [0, 1, 4])
@pytest.mark.parametrize("name", PICTURES)
def test_title_units_and_white_paper(name: str, rows: int) -> None:
    figure = draw(name, rows)
    assert to_hex(figure.get_facecolor()) == "#ffffff"
    assert figure.axes[0].get_title(loc="left") == "A title"
    every = [*figure.axes, *(child for axes in figure.axes for child in axes.child_axes)]
    named = {label for axes in every for label in (axes.get_ylabel(), axes.get_xlabel()) if label}
    assert named == set(UNITS[name])
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert texts == (["no rows"] * len(figure.axes) if rows == 0 else [])


DAY = "2026-09-01"
SAID = {
    "candles": f"4 candles. From {DAY} 12:00 to {DAY} 12:45 UTC. Lowest 96.0, highest 106.0.",
    "depth": "The best bid is 99.0. The best ask is 101.0. Your order is at 99.5.",
    "equity": f"3 fills. From {DAY} 12:00 to {DAY} 13:00 UTC. Equity from 10.00 to 11.00 USDC.",
    "funding": f"1 rates at or above zero, 1 below. From {DAY} 13:00 to {DAY} 14:00 UTC.",
}
SAID_OF_NOTHING = {
    "candles": "0 candles.",
    "depth": "Your order is at 99.5.",
    "equity": "0 fills.",
    "funding": "0 rates at or above zero, 0 below.",
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_text_for_readers_who_cannot_see_it(name: str) -> None:
    for rows, said in ((0, SAID_OF_NOTHING), (4, SAID)):
        data, metadata = DisplayFormatter().mimebundle_formatter(draw(name, rows))
        assert data == {} and metadata == {"image/png": {"alt": f"A title. {said[name]}"}}


@pytest.mark.parametrize("name", PICTURES)
def test_legible_in_a_notebook(name: str) -> None:
    figure = draw(name, 4)
    wide, high = figure.get_size_inches() * figure.dpi
    assert 800 <= wide <= 950 and 300 <= high <= 500  # JupyterLab's column, without scrolling
    words = [axes.title for axes in figure.axes] + [
        label for axes in figure.axes for label in (*axes.get_xticklabels(), axes.yaxis.label)
    ]
    assert min(word.get_fontsize() for word in words) >= 10


@pytest.mark.parametrize("name", PICTURES)
def test_twice_the_same_to_the_pixel(name: str) -> None:
    figures = draw(name, 4), draw.__wrapped__(name, 4)
    one, two = (bytes(figure.canvas.buffer_rgba()) for figure in figures)
    assert one == two and figures[0] is not figures[1]


def test_numbers_on_the_axes_are_written_out() -> None:
    equity = (
        drawn(plots.equity(worth(1000000.1, 1000000.2), frame("fills", []), "A title"))
        .axes[0]
        .yaxis
    )
    book = frame("depth", {"asks": [["77504.9", "1"]], "bids": [["77504.8", "1e6"]]})
    axes = drawn(plots.depth(book, "B")).axes[0]
    for axis in (equity, axes.xaxis, axes.yaxis):
        assert axis.get_offset_text().get_text() == ""  # where matplotlib writes 1e6
    assert all(label.get_text().startswith("10000") for label in equity.get_ticklabels())
    assert all(label.get_text().startswith("77504") for label in axes.get_xticklabels())


def luminance(colour: str) -> float:
    """Relative luminance, by the definition of WCAG 2.2."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in to_rgb(colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_colours_are_told_apart() -> None:
    colours = [plots.UP, plots.DOWN, plots.QUIET, plots.LINE, plots.LONGS_PAY, plots.SHORTS_PAY]
    assert len(set(colours)) == 6
    for colour in (plots.UP, plots.DOWN, plots.LINE, plots.LONGS_PAY):
        assert 1.05 / (luminance(colour) + 0.05) >= 3  # on white; WCAG asks 3 of a drawing
    assert len(set(ORIGINS.values())) == len(ORIGINS)


# --- where it is drawn ----------------------------------------------------------------------------


def test_without_a_window_a_figure_is_saved_and_not_kept(tmp_path: Path) -> None:
    """As a scheduled program does it, over and over. pyplot would keep each figure."""
    axes = plots.depth(frame("depth", BOOK), "SOL")
    axes.figure.savefig(tmp_path / "sol.png")
    height, width, _ = imread(tmp_path / "sol.png").shape
    assert (width, height) == (900, 360) and plt.get_fignums() == []


@pytest.mark.parametrize("name", PICTURES)
def test_axes_that_are_given_are_drawn_into(name: str) -> None:
    figure, (left, right) = plt.subplots(ncols=2)
    assert draw.__wrapped__(name, 4, ax=right) is figure
    alone = draw(name, 4).axes[0]
    assert right.get_title(loc="left") == "A title" and not left.has_data()
    assert right.get_ylabel() == alone.get_ylabel()
    assert len(right.patches) == len(alone.patches) and len(right.lines) == len(alone.lines)
    plt.close(figure)


def test_the_signed_text_fits_into_axes_that_are_given() -> None:
    figure, axes = plt.subplots(figsize=(4, 2))
    assert plots.signed_text(explained(*ORDER, price="170.50", quantity="1"), ax=axes) is axes
    drawn(axes)
    for text, patch in zip(axes.texts[1:], axes.patches, strict=True):
        ink, box = text.get_window_extent(), patch.get_window_extent()
        assert abs(ink.width - box.width) < 0.1 * box.width + 5
    plt.close(figure)


@pytest.mark.parametrize(("backend", "shown"), [("TkAgg", 1), ("inline", 0), ("agg", 0)])
def test_it_is_shown_in_a_window_only(
    backend: str, shown: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The inline backend shows every figure of pyplot at the end of the cell."""
    shows: list[int] = []
    monkeypatch.setattr(plt, "show", lambda: shows.append(1))
    monkeypatch.setattr(plt, "get_backend", lambda: backend)
    axes = plots.depth(frame("depth", BOOK), "SOL")
    assert len(plt.get_fignums()) == (backend != "agg")
    plots.depth(frame("depth", BOOK), "SOL", ax=axes)
    assert len(shows) == shown
    plt.close("all")


def test_a_cell_that_ends_with_it_shows_nothing_else() -> None:
    axes = plots.depth(frame("depth", BOOK), "SOL")
    assert DisplayFormatter().format(axes) == ({}, {})


def test_a_missing_matplotlib_is_named_with_its_extra() -> None:
    code = "import sys; sys.modules['matplotlib'] = None; import bpkit.plots"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "MissingExtraError: " in done.stderr
    assert 'pip install "bpkit[plots]"' in done.stderr


# --- candles --------------------------------------------------------------------------------------


def test_each_candle_is_drawn_from_its_row() -> None:
    figure = drawn(plots.candles(frame("klines", CANDLES), "SOL"))
    prices, volumes = figure.axes
    bodies = {
        minutes(bar.get_x() + bar.get_width() / 2): (
            bar.get_y(), bar.get_y() + bar.get_height(), to_hex(bar.get_facecolor()),
        )
        for bar in prices.patches
    }  # fmt: skip
    assert bodies[0] == (100, 104, plots.UP)
    assert bodies[15] == (98, 104, plots.DOWN)
    assert bodies[45] == (98, 98, plots.UP)
    wicks = {
        minutes(segment[0][0]): (segment[0][1], segment[1][1])
        for part in prices.collections
        if isinstance(part, LineCollection)
        for segment in part.get_segments()
        if len(segment)
    }
    assert (wicks[0], wicks[15]) == ((99, 106), (96, 105))
    heights = {minutes(bar.get_x() + bar.get_width() / 2): bar.get_height()
               for bar in volumes.patches}  # fmt: skip
    assert heights == {0: 7, 15: 9, 30: 0, 45: 1}


def test_candles_stand_beside_each_other_and_a_single_one_has_a_width() -> None:
    figure = drawn(plots.candles(frame("klines", CANDLES), "SOL"))
    assert {round(bar.get_width() * 24 * 60, 6) for bar in figure.axes[1].patches} == {10.5}
    figure = drawn(plots.candles(frame("klines", CANDLES[:1]), "SOL"))
    assert {round(bar.get_width() * 24 * 60, 6) for bar in figure.axes[1].patches} == {42}


def test_a_readers_own_zone_is_on_the_axis() -> None:
    figure = drawn(plots.candles(frame("klines", CANDLES).tz_convert("Asia/Tokyo"), "SOL"))
    axes = figure.axes[1]
    assert axes.get_xlabel() == "time (Asia/Tokyo)"
    shown = [label.get_text() for label in axes.get_xticklabels()]
    assert "21:00" in shown and "12:00" not in shown  # noon in UTC is nine in the evening there
    middle = axes.patches[0].get_x() + axes.patches[0].get_width() / 2
    assert minutes(middle) == 0  # the moment is the same


def test_ticks_stand_at_the_readers_full_hours() -> None:
    hours = [candle(60 * place, "1 1 1 1", "1") for place in range(48)]
    figure = drawn(plots.candles(frame("klines", hours).tz_convert("Asia/Kolkata"), "SOL"))
    places = [minutes(place) for place in figure.axes[1].get_xticks()]
    assert {place % 60 for place in places} == {30}  # 5:30 ahead of UTC


# --- depth ----------------------------------------------------------------------------------------


def test_depth_adds_up_from_the_best_price() -> None:
    figure = drawn(plots.depth(frame("depth", BOOK), "SOL"))
    bids, asks = figure.axes[0].lines
    assert list(zip(*bids.get_data(), strict=True)) == [(99, 0), (99, 1), (98, 5)]
    assert list(zip(*asks.get_data(), strict=True)) == [(101, 0), (101, 2), (103, 7)]
    assert (bids.get_color(), asks.get_color()) == (plots.UP, plots.DOWN)
    assert figure.axes[0].get_ylim()[0] == 0  # a wall stands on the ground


@pytest.mark.parametrize("mine", [77504.85, Decimal("77504.85")])
def test_your_own_order_is_marked_to_the_last_digit(mine: float | Decimal) -> None:
    figure = drawn(plots.depth(frame("depth", BOOK), "SOL", mine=mine))
    axes = figure.axes[0]
    assert list(axes.lines[-1].get_xdata()) == [77504.85, 77504.85]
    assert labels(axes)[-1] == "your order at 77504.85"


# --- equity ---------------------------------------------------------------------------------------


def test_equity_and_its_fills() -> None:
    figure = drawn(plots.equity(worth(10, 12, 11), frame("fills", FILLS), "Mine"))
    axes = figure.axes[0]
    line, bought, sold = axes.lines
    points = [[(minutes(x), y) for x, y in zip(*one.get_data(), strict=True)] for one in axes.lines]
    assert points[0] == [(0, 10), (30, 12), (60, 11)]
    assert points[1] == [(20, 10)]  # the last equity before it; the fill at 11:00 is not in it
    assert points[2] == [(50, 12)]
    assert (bought.get_marker(), sold.get_marker()) == ("^", "v")
    assert (line.get_color(), bought.get_color(), sold.get_color()) == (
        plots.LINE, plots.UP, plots.DOWN,
    )  # fmt: skip
    assert labels(axes) == ["equity", "you bought", "you sold"]


def test_equity_without_fills_and_in_decimals() -> None:
    exact = worth(10, 12).astype(object).map(lambda value: Decimal(str(value)))
    figure = drawn(plots.equity(exact, frame("fills", []), "Mine"))
    axes = figure.axes[0]
    assert list(axes.lines[0].get_ydata()) == [10, 12]
    assert labels(axes) == ["equity"]


def test_a_single_equity_is_a_dot() -> None:
    figure = drawn(plots.equity(worth(10), frame("fills", []), "Mine"))
    assert figure.axes[0].lines[0].get_marker() == "."


# --- funding --------------------------------------------------------------------------------------


def test_funding_in_percent_an_hour_and_a_year() -> None:
    figure = drawn(plots.funding(frame("funding_rates", RATES), "X"))
    axes = figure.axes[0]
    bars = {
        minutes(bar.get_x() + min(bar.get_width(), 0)): (
            round(bar.get_height(), 8), round(abs(bar.get_width()) * 24, 6),
            to_hex(bar.get_facecolor()),
        )
        for bar in axes.patches
    }  # fmt: skip
    assert bars == {
        0: (0.00125, 1, plots.LONGS_PAY),  # 12:00 to 13:00
        60: (-0.002, 1, plots.SHORTS_PAY),
    }
    assert labels(axes) == ["above zero: longs pay shorts", "below zero: shorts pay longs"]
    handles = [to_hex(one.get_facecolor()) for one in axes.get_legend().get_patches()]
    assert handles == [plots.LONGS_PAY, plots.SHORTS_PAY]
    (yearly,) = axes.child_axes
    low, high = axes.get_ylim()
    assert yearly.get_ylim() == pytest.approx((low * 8760, high * 8760))


def test_funding_of_payments_too() -> None:
    paid = [RATES[1] | {"quantity": "-0.004"}]
    figure = drawn(plots.funding(frame("funding_payments", paid), "X"))
    assert [round(bar.get_height(), 8) for bar in figure.axes[0].patches] == [0.00125]


# --- the live depth -------------------------------------------------------------------------------


def test_a_live_depth_is_one_output_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel is needed; without a frame the picture has its title alone."""
    outputs: list[bytes] = []
    texts: list[str] = []

    class Handle:
        def update(self, image: Image) -> None:
            outputs.append(image.data)

    def display(image: Image, display_id: bool) -> Handle:
        assert display_id and not outputs  # a second one would be another output
        texts.append(image.alt)
        outputs.append(image.data)
        return Handle()

    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setattr("IPython.display.display", display)
    show = plots.live_depth()
    show(frame("depth", BOOK), "A title")
    show(frame("depth", BOOK), "A title")
    show(None, "X is stale")
    assert texts == ["An order book, live: A title"]
    pictures = [imread(BytesIO(data), format="png") for data in outputs]
    assert [one.shape[:2] for one in pictures] == [(360, 900)] * 3
    dark = [int((one[60:, :, :3].min(axis=2) < 0.9).sum()) for one in pictures]  # below the title
    assert dark[0] == dark[1] > 1000 and dark[2] == 0
    assert plt.get_fignums() == []


def test_a_live_depth_needs_a_notebook() -> None:
    with pytest.raises(BpkitError, match="needs a notebook.*In a script"):
        plots.live_depth()


# --- the signed text ------------------------------------------------------------------------------


def written(figure: Figure) -> list[str]:
    """The texts below the title, by row."""
    rows: dict[float, str] = {}
    for text in figure.axes[0].texts[1:]:
        rows[text.get_position()[1]] = rows.get(text.get_position()[1], "") + text.get_text()
    return [rows[place] for place in sorted(rows)]


def test_the_signed_text_is_all_there_each_piece_on_its_colour() -> None:
    made = explained(*ORDER, price="170.50", quantity="1", client_id=7)
    figure = drawn(plots.signed_text(made))
    axes = figure.axes[0]
    assert "".join(written(figure)) == made.text
    assert max(map(len, written(figure))) == 90
    title = f"execute_order: the text that is signed, {len(made.text or '')} characters"
    assert axes.texts[0].get_text() == title
    # A text stands on the patch that was made with it.
    colour = {
        text.get_text(): to_hex(patch.get_facecolor())
        for text, patch in zip(axes.texts[1:], axes.patches, strict=True)
    }
    assert colour["instruction=orderExecute"] == ORIGINS["instruction"]
    assert colour["&price=170.50"] == ORIGINS["body"]
    assert colour["&window=5000"] == ORIGINS["X-Window"]
    assert colour["&timestamp=1750000000000"] == ORIGINS["X-Timestamp"]


def test_its_legend_names_the_origins_that_occur() -> None:
    figure = drawn(plots.signed_text(explained("get_fills", "SOL_USDC"), "Mine"))
    axes = figure.axes[0]
    assert labels(axes) == ["instruction", "query", "X-Timestamp", "X-Window"]
    swatches = [to_hex(one.get_facecolor()) for one in axes.get_legend().get_patches()]
    assert swatches == [ORIGINS[origin] for origin in labels(axes)]
    assert axes.texts[0].get_text() == "Mine"


def test_what_is_made_here_has_its_own_colour() -> None:
    figure = drawn(plots.signed_text(explained(*ORDER, price="170.50", quantity="1")))
    assert "made here" in labels(figure.axes[0])


def test_its_letters_fill_their_boxes_and_stay_on_the_paper() -> None:
    figure = drawn(plots.signed_text(explained(*ORDER, price="170.50", quantity="1", client_id=7)))
    axes, paper = figure.axes[0], figure.bbox
    assert to_hex(figure.get_facecolor()) == "#ffffff"
    assert paper.width <= 950
    for text, patch in zip(axes.texts[1:], axes.patches, strict=True):
        ink, box = text.get_window_extent(), patch.get_window_extent()
        assert paper.x0 <= box.x0 and box.x1 <= paper.x1
        assert abs(ink.width - box.width) < 0.5 * 9 and ink.height < box.height * 1.1
    legend = axes.get_legend().get_window_extent()
    assert legend.x1 <= paper.x1
    # From top to bottom: the title, the rows, the legend, none upon another.
    rows = sorted({(one.get_window_extent().y0, one.get_window_extent().y1)
                   for one in axes.patches}, reverse=True)  # fmt: skip
    title = axes.texts[0].get_window_extent()
    spans = [(title.y0, title.y1), *rows, (legend.y0, legend.y1)]
    assert len(rows) == 2 and paper.y0 <= legend.y0 and title.y1 <= paper.y1
    assert all(above[0] >= below[1] for above, below in pairwise(spans))


def test_a_public_operation_signs_nothing() -> None:
    made = explained("get_ticker", "SOL_USDC")
    figure = drawn(plots.signed_text(made))
    axes = figure.axes[0]
    assert written(figure) == ["This operation is public: nothing is signed."]
    assert axes.get_legend() is None


def test_odd_characters_are_spelled_out_and_dollars_are_no_formula() -> None:
    made = explained("get_fills", "SOL_USDC")
    made.pieces = Rows([{"piece": "a=$x$\n^_", "origin": "query"}])
    figure = drawn(plots.signed_text(made))
    assert written(figure) == ["a=$x$\\n^_"]
    assert not any(text.get_parse_math() for text in figure.axes[0].texts)
