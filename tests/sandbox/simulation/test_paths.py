"""Paths of prices: what is read, and which price each second has."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from helpers import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from bpkit.sandbox.simulation import lines, paths
from bpkit.sandbox.simulation.synthetic import SECOND, START_US

TICK = Decimal("0.01")
LONG = "170 -> 150 in 5m; hold 1m; jump 140; -> 155 in 10m"
AS_JSON = {
    "steps": [
        {"from": "170", "to": "150", "in": "5m"}, {"hold": "1m"}, {"jump": "140"},
        {"to": "155", "in": "10m"},
    ],
    "moves": ["last", "mark", "index"],
    "after": "hold",
}  # fmt: skip


def price_at(path: Any, second: int, start: str = "100") -> Fraction:
    """In the quote asset, in the given second of a path that begins at START_US."""
    legs = paths.read(path).legs(Fraction(start))
    stretches = lines.follow(legs, START_US, TICK, 1, "SOL_USDC")
    at_us = START_US + second * SECOND
    here = [one for one in stretches if one.start_us <= at_us][-1]
    return here.price(at_us) * Fraction(TICK)


@pytest.mark.parametrize(
    ("second", "price"),
    [
        (0, "170"), (1, "169.93"), (60, "166"), (149, "160.07"), (150, "160"), (151, "159.93"),
        (299, "150.07"), (300, "150"), (359, "150"), (360, "140"), (361, "140.02"),  # 140.025
        (363, "140.08"),  # 140.075
        (660, "147.5"), (960, "155"), (10_000, "155"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", [LONG, AS_JSON])
def test_the_price_of_each_second(path: Any, second: int, price: str) -> None:
    """170 - 20 * k / 300; then 140 + 15 * k / 600. Halves of a tick are rounded to even."""
    assert price_at(path, second) == Fraction(price)


def test_text_and_json_are_equal() -> None:
    assert paths.read(LONG) == paths.read(AS_JSON) == paths.read({"steps": LONG})
    same = [
        ("170->150 in 300s", {"steps": [{"from": "170", "to": "150", "in": 300}]}),
        ("-20% in 1h30m", {"steps": [{"to": "-20%", "in": 5_400}]}),
        ("-> -20% in 5m;", {"steps": [{"to": "-20%", "in": "5m"}]}),
        ("jump +1.5%; back in 1d", {"steps": [{"jump": "+1.5%"}, {"to": "back", "in": 86_400}]}),
        ("crash", {"name": "crash", "percent": "20", "in": "5m"}),
        ("crash 7.5% in 10s", {"name": "crash", "percent": Decimal("7.5"), "in": 10}),
        ("whipsaw in 2m", {"steps": "-3% in 2m; +3% in 2m"}),
    ]
    for text, mapping in same:
        assert paths.read(text) == paths.read(mapping), text
    path = paths.read({"steps": LONG, "moves": ["index", "last"], "after": "tape"})
    assert (path.moves, path.after, path.seconds) == (("last", "index"), "tape", 960)
    assert paths.read(path) is path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("crash", {0: "100", 150: "90", 300: "80"}),
        ("spike", {0: "100", 60: "120", 90: "110", 120: "100"}),
        ("gap", {0: "90", 1: "90"}),
        ("drift", {0: "100", 43_200: "102.5", 86_400: "105"}),
        ("whipsaw", {0: "100", 60: "97", 120: "99.91"}),  # 97 * 1.03
        ("flat", {0: "100", 3_600: "100"}),
        ("gap 50%", {0: "50"}),
        ("spike 10% in 10s", {10: "110", 15: "105", 20: "100"}),
        ("jump -10%; back in 10s", {0: "90", 5: "95", 10: "100"}),
        ("200 -> 210 in 10s; back in 10s", {0: "200", 10: "210", 20: "200"}),
        ("-10% in 10s; -10% in 10s", {10: "90", 20: "81"}),
        ("-> 110 in 10s; 120 -> 130 in 10s", {9: "109", 10: "120", 20: "130"}),
        ("-> 110 in 10s; jump 120; jump 90", {9: "109", 10: "90", 11: "90"}),
    ],
)
def test_names_and_relative_steps(path: str, expected: dict[int, str]) -> None:
    for second, price in expected.items():
        assert price_at(path, second) == Fraction(price), second


@settings(max_examples=examples(60))
@given(
    st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 90_000), st.data()
)  # fmt: skip
def test_a_price_is_rounded_once_half_to_even(
    first: int, last: int, seconds: int, data: st.DataObject
) -> None:
    """In thousandths; the tick is a hundredth. ``round`` of a fraction is exact, half to even."""
    second = data.draw(st.integers(0, seconds))
    first, last = max(first, 10), max(last, 10)
    text = f"{Decimal(first) / 1000} -> {Decimal(last) / 1000} in {seconds}s"
    exact = Fraction(first, 10) + Fraction(last - first, 10) * Fraction(second, seconds)
    assert price_at(text, second) == Fraction(round(exact), 100)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "step 1: '' is not a step; write \"170 -> 150 in 5m\""),
        ("170 -> 150", "step 1: '170 -> 150' is not a step"),
        ("hold 1m; fall 5", "step 2: 'fall 5' is not a step"),
        ("hold 1m;; hold 1m", "step 2: '' is not a step"),
        ("-> 150 in 5", "step 1: in='5' is not a duration of at least a second; write \"5m\""),
        ("hold 0s", "step 1: hold='0s' is not a duration"),
        ("hold 1m; hold 1.5s", "step 2: hold='1.5s' is not a duration"),
        ("hold 1m30", "step 1: hold='1m30' is not a duration"),
        ("20% in 5m", "step 1: to='20%' is not a percentage; write \"\\+20%\" or \"-20%\""),
        ("-100% in 5m", "step 1: to='-100%' leaves no price above 0"),
        ("jump 0", "step 1: jump='0' is not a price above 0 as text; write \"150\""),
        ("jump -5", "step 1: jump='-5' is not a price"),
        ("jump 1e3", "step 1: jump='1e3' is not a price"),
        ("jump \u0661", "step 1: jump='\u0661' is not a price"),
        ("x -> 5 in 1m", "step 1: from='x' is not a price"),
        ("-5% -> 5 in 1m", "step 1: from='-5%' is not a price"),
        ("hold 29d; hold 2d", "the path is 2,678,400 seconds long; a path ends after at most 30d"),
        ("crash; hold 1m", 'a name is the whole path; write "crash"'),
        ("crash -5%", "percent='-5' is not a number without a sign; write \"30\""),
        ("gap in 5m", "gap takes no 'in'; leave it out"),
        ("flat 5%", "flat takes no 'percent'; leave it out"),
        ("crash 100%", "step 1: to='-100%' leaves no price above 0"),
        (5, "path=5 is not text or a mapping"),
        (None, "path=None is not text or a mapping"),
        ({}, "steps=None is not text or a list of steps"),
        ({"steps": []}, r"steps=\[\] is not text or a list of steps"),
        ({"steps": ["hold 1m"]}, "step 1: 'hold 1m' is not a mapping"),
        ({"steps": [{"hold": "1m"}, {"in": "5m"}]}, 'step 2 has no "to"; write "to": "150"'),
        ({"steps": [{"to": "5"}]}, 'step 1 has no "in"; write "in": "5m"'),
        ({"steps": [{"to": 150, "in": "5m"}]}, "to=150 is not a price above 0 as text"),
        ({"steps": [{"jump": 150.5}]}, "jump=150.5 is not a price above 0 as text"),
        ({"steps": [{"jump": Decimal("NaN")}]}, "is not a price above 0 as text"),
        ({"steps": [{"hold": True}]}, "hold=True is not a duration"),
        ({"steps": [{"hold": "1m", "to": "1"}]}, "step 1 has an unknown field 'to'; it may have"),
        ({"steps": [{"to": "1", "in": "1m", "at": 1}]}, "step 1 has an unknown field 'at'"),
        ({"steps": "crash", "move": ["last"]}, "path has an unknown field 'move'; it may have"),
        ({"name": "crash", "steps": "gap"}, "path has an unknown field 'steps'"),
        ({"name": "boom"}, "name='boom' is not a path; there are crash, spike, gap"),
        ({"name": ["crash"]}, "is not a path"),
        ({"name": "crash", "percent": 1.5}, "percent=1.5 is not a number without a sign"),
        ({"steps": "crash", "moves": "last"}, "moves='last' is not a list of names"),
        ({"steps": "crash", "moves": []}, r"moves=\[\] is not a list of names"),
        ({"steps": "crash", "moves": ["mid"]}, "moves: 'mid' is not a price; there are last, mark"),
        ({"steps": "crash", "after": "stop"}, "after='stop' is not known; write \"hold\" or"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(path: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        paths.read(path)


@pytest.mark.parametrize("price", ["150", Decimal("150"), Decimal("1.5E+2")])
def test_a_jump_to_a_price(price: Any) -> None:
    assert paths.jump(price, ["mark"]) == paths.read({"steps": "jump 150", "moves": ["mark"]})


@pytest.mark.parametrize("price", ["-10%", "back", 150, 150.5, True, None, "", "0", "-1", "150 "])
def test_a_price_is_text_or_a_decimal(price: Any) -> None:
    with pytest.raises(ValueError, match=r"price=.* is not a price above 0 as text"):
        paths.jump(price)
