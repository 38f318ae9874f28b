"""The table of daily candles of the default seed agrees with the trades."""

from __future__ import annotations

import random

import make_daily
import pytest

from bpkit.sandbox.simulation.daily import FIRST_DAY, day_row
from bpkit.sandbox.simulation.market import Market
from bpkit.sandbox.simulation.price_feed import PriceFeed
from bpkit.sandbox.simulation.synthetic import (
    ANCHOR_DAY,
    DAY,
    DEFAULT_SEED,
    FIRST_LEVELS,
    SyntheticTrades,
)

DAYS = range(FIRST_DAY, ANCHOR_DAY)  # 2024-01-01 to 2026-08-31


@pytest.mark.parametrize("market", make_daily.markets(), ids=lambda market: market.symbol)
def test_days_are_their_trades(market: Market) -> None:
    """If this fails, the simulated trades have changed: run tests/make_daily.py."""
    assert len(DAYS) == 974
    for number in random.Random(market.symbol).sample(DAYS, 2):
        row = make_daily.row(PriceFeed(market), number)
        assert day_row(DEFAULT_SEED, market.symbol, number) == row


def test_what_is_not_in_the_table() -> None:
    assert day_row(DEFAULT_SEED, "SOL_USDC", FIRST_DAY) is not None
    for seed, symbol, number in (
        ("another", "SOL_USDC", FIRST_DAY), (DEFAULT_SEED, "kPEPE_USDC", FIRST_DAY),
        (DEFAULT_SEED, "SOL_USDC", FIRST_DAY - 1), (DEFAULT_SEED, "SOL_USDC", ANCHOR_DAY),
    ):  # fmt: skip
        assert day_row(seed, symbol, number) is None


@pytest.mark.parametrize("interval", ["1d", "3d", "1w", "1month"])
def test_a_long_candle_of_the_whole_history_generates_few_days(
    monkeypatch: pytest.MonkeyPatch, interval: str
) -> None:
    made, real = list[int](), SyntheticTrades.day
    monkeypatch.setattr(
        SyntheticTrades, "day", lambda self, number: made.append(number) or real(self, number)
    )
    [market] = [one for one in make_daily.markets() if one.symbol == "SOL_USDC"]
    end = ANCHOR_DAY * DAY
    assert len(PriceFeed(market).candles(interval, 0, end, end)) >= 31
    assert made == []


@pytest.mark.parametrize("market", make_daily.markets(), ids=lambda market: market.symbol)
def test_the_first_levels_are_where_the_walk_of_days_begins(market: Market) -> None:
    walk = SyntheticTrades(market, DEFAULT_SEED)
    assert FIRST_LEVELS[market.base] == walk._level(FIRST_DAY)
