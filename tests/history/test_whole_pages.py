"""The short way to read a page of candles gives what the careful way gives, or nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from candle_exchange import Exchange, Row, utc
from helpers import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from bpkit.history import dataset, download
from bpkit.history.candles import Page, _parsed
from bpkit.history.spans import Span
from bpkit.history.whole_pages import whole_page
from bpkit.results import read

START, COUNT = utc("2026-09-01 09:00"), 10
WINDOW = Span(START, START + timedelta(minutes=COUNT))
TRUTH = Exchange().truth("1m", "2026-09-01 09:00", "2026-09-01 09:10")


def written(rows: list[Row]) -> bytes:
    return json.dumps(rows, separators=(",", ":")).encode()


def carefully(content: bytes) -> Page:
    return _parsed(read("klines", 200, {}, content), "1m")  # type: ignore[arg-type]


def assert_same(one: Page, other: Page) -> None:
    for exact in (False, True):
        table = dataset.table_of([one], exact)
        assert table.equals(dataset.table_of([other], exact)) and len(table) == COUNT
    assert one.inexact == other.inexact


NO_TRADE = dict.fromkeys(("open", "high", "low", "close")) | {
    "volume": "0", "quoteVolume": "0", "trades": "0",
}  # fmt: skip
USUAL: dict[str, list[Row]] = {
    "as it is": TRUTH,
    "one without a trade": [*TRUTH[:4], TRUTH[4] | NO_TRADE, *TRUTH[5:]],
    "none with a trade": [row | NO_TRADE for row in TRUTH],
    "other order of names": [dict(sorted(row.items())) for row in TRUTH],
    "long numbers": [row | {"quoteVolume": "123456789012.345678901"} for row in TRUTH],
}


@pytest.mark.parametrize("what", USUAL)
def test_usual_pages(what: str) -> None:
    content = written(USUAL[what])
    page = whole_page(content, WINDOW, "1m")
    assert page is not None
    assert_same(page, carefully(content))


def changed(place: int = 4, **fields: Any) -> list[Row]:
    return [row | fields if number == place else row for number, row in enumerate(TRUTH)]


def without(row: Row, name: str) -> Row:
    return {one: value for one, value in row.items() if one != name}


ODD: dict[str, bytes] = {
    "empty": b"", "no rows": b"[]", "an error": b'{"code":"X","message":"y"}', "text": b"[{}x",
    "not a list of objects": b'[["1"]]',
    "a field more": written([row | {"vwap": "100.1"} for row in TRUTH]),
    "a candle less": written(TRUTH[:-1]),
    "a candle more": written([*TRUTH, TRUTH[-1]]),
    "a candle twice": written([*TRUTH[:4], TRUTH[3], *TRUTH[5:]]),
    "backwards": written(TRUTH[::-1]),
    "of another time": written(Exchange().truth("1m", "2026-09-01 09:01", "2026-09-01 09:11")),
    "one name missing": written([*TRUTH[:4], without(TRUTH[4], "close"), *TRUTH[5:]]),
    "a column missing": written([without(row, "close") for row in TRUTH]),
    "other names in one row": written([*TRUTH[:4], dict(sorted(TRUTH[4].items())), *TRUTH[5:]]),
    "a number that is not text": written(changed(volume=5)),
    "a time that is a number": written(changed(start=1788260640)),
    "an empty text": written(changed(close="")),
    "two points": written(changed(close="1.2.3")),
    "a sign in the middle": written(changed(close="1-2")),
    "a quotation mark": written(changed(close='1"2')),
    "not finite": written(changed(volume="NaN")),
    "infinite": written(changed(volume="9" * 400)),
    "null trades": written(changed(trades=None)),
    "null start": written(changed(start=None)),
    "trades with a fraction": written(changed(trades="1.5")),
    "half a minute": written(changed(start="2026-09-01 09:04:30")),
    "two minutes": written(changed(end="2026-09-01 09:06:00")),
    "low above": written(changed(low="999")),
    "high below": written(changed(high="1")),
    "a space more": written(changed(start="2026-09-01 09:04:00 ")),
    "T": written([row | {"start": row["start"].replace(" ", "T")} for row in TRUTH]),
    "not JSON": written(TRUTH).replace(b',"close"', b',1"close"'),
    "nor this": written(TRUTH).replace(b'"close":', b'"close"-'),
    "a zone": written([row | {"start": f"{row['start']}Z"} for row in TRUTH]),
}  # fmt: skip


@pytest.mark.parametrize("what", ODD)
def test_what_is_odd_is_left_to_the_careful_way(what: str) -> None:
    assert whole_page(ODD[what], WINDOW, "1m") is None


def test_a_torn_answer_is_not_a_page() -> None:
    content = written(TRUTH)
    assert [end for end in range(len(content) + 1) if whole_page(content[:end], WINDOW, "1m")] == [
        len(content)
    ]


def test_longer_candles_than_a_day_are_left_to_the_careful_way() -> None:
    weeks = Exchange().truth("1w", "2026-06-01", "2026-08-30")
    span = Span(utc(weeks[0]["start"]), utc(weeks[-1]["end"]))
    assert whole_page(written(weeks), span, "1w") is None


VALUES = st.one_of(
    st.decimals(0, 10**9, places=2).map(str),
    st.text('0123456789.-: ,"{}nul\\', max_size=8),
    st.sampled_from(
        [None, "null", "::", "1e5", " 7", "-1", "-", "0" * 20, "184467440737095516.16", 7]
    ),
)


@settings(max_examples=examples(200))
@given(
    st.lists(
        st.tuples(st.integers(0, COUNT - 1), st.sampled_from(sorted(TRUTH[0])), VALUES), max_size=3
    )
)
def test_it_gives_nothing_that_the_careful_way_refuses(
    changes: list[tuple[int, str, Any]],
) -> None:
    rows = [dict(row) for row in TRUTH]
    for place, name, value in changes:
        rows[place][name] = value
    content = written(rows)
    page = whole_page(content, WINDOW, "1m")
    if page is not None:
        assert_same(page, carefully(content))


@settings(max_examples=examples(200))
@given(
    st.integers(0, len(written(TRUTH)) - 1),
    st.binary(max_size=2) | st.text('0123456789.-: ,"{}', max_size=2).map(str.encode),
)
def test_a_changed_byte(place: int, other: bytes) -> None:
    content = written(TRUTH)
    content = content[:place] + other + content[place + 1 :]
    page = whole_page(content, WINDOW, "1m")
    if page is not None:
        assert_same(page, carefully(content))


@pytest.mark.parametrize("odd", [False, True])
def test_a_download_takes_the_short_way_where_it_can(
    odd: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meddle: Callable[[list[Row]], list[Row]] = lambda rows: [  # noqa: E731
        row | {"high": row["high"] + " "} for row in rows
    ]
    careful: list[Any] = []
    module = sys.modules["bpkit.history.candles"]
    monkeypatch.setattr(module, "_parsed", lambda *args: careful.append(1) or _parsed(*args))
    bp = Exchange(age=0, **({"meddle": meddle} if odd else {}))
    made = download(bp, "SOL_USDC", "1m", utc("2026-09-01 09:00"), folder=tmp_path, progress=False)
    assert made.rows == 178 and len(careful) == odd
