"""The account book of a sandbox's account: it adds up to the balances, to the last digit."""

from __future__ import annotations

import csv
import json
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bpkit import ApiError, Client, InputError
from bpkit.history import ledger, save_balances
from bpkit.history.ledger_report import Ledger
from bpkit.history.lots import books
from bpkit.sandbox import Sandbox


def trade(bp: Client, sandbox: Sandbox, seed: int, orders: int = 30) -> None:
    """A random session: spot and futures, fees, funding, a deposit, a withdrawal."""
    chance = Random(seed)
    for number in range(orders):
        symbol, quantity = chance.choice(
            [("SOL_USDC", "0.37"), ("SOL_USDC_PERP", "1.5"), ("BTC_USDC", "0.00123")]
        )
        bp.execute_order(symbol, chance.choice(["Bid", "Ask"]), "Market", quantity=quantity)
        sandbox.advance(minutes=chance.randint(1, 40))
        if number == 10:
            sandbox.deposit(sandbox.key, "SOL", "3.5")
            sandbox.allow_withdrawal_address(sandbox.key, "Solana", "x" * 44)
            bp.request_withdrawal(
                address="x" * 44, blockchain="Solana", symbol="SOL", quantity="1.25"
            )


@pytest.mark.parametrize("seed", range(3))
def test_the_movements_add_up_to_the_balances(
    sandbox: Sandbox, bp: Client, tmp_path: Path, seed: int
) -> None:
    save_balances(bp, tmp_path / "balances.json")
    sandbox.advance(seconds=1)
    trade(bp, sandbox, seed)
    book = ledger(bp, opening=tmp_path / "balances.json")
    assert book.opening == "given"
    assert "unexplained" not in set(book.df["kind"])
    assert {"trade", "fee", "settlement", "funding", "deposit", "withdrawal"} <= set(
        book.df["kind"]
    )
    ends = book.df.groupby("asset")["balance"].last()
    for asset, row in bp.get_balances().items():
        assert ends[asset] == Decimal(row["available"]) + Decimal(row["locked"])
    assert book.differences == []


FUNDS = {"USDC": "3000", "SOL": "8", "ETH": "0.00009", "BTC": "0.000001234"}  # two are dust
MARGIN = {"auto_borrow": True, "auto_borrow_repay": True, "auto_lend_redeem": True}


def owned(bp: Client) -> dict[str, Decimal]:
    """What is owned less what is owed, by asset, without zeros."""
    found = {asset: Decimal(row["available"]) for asset, row in bp.get_balances().items()}
    for row in bp.get_borrow_lend_positions():
        found[row["symbol"]] = found.get(row["symbol"], Decimal(0)) + Decimal(row["netQuantity"])
    return {asset: amount for asset, amount in found.items() if amount}


def without_usdc(held: dict[str, Decimal]) -> dict[str, Decimal]:
    return {asset: amount for asset, amount in held.items() if asset != "USDC"}


def in_lots(book: Ledger, time: datetime, method: Any) -> dict[str, Decimal]:
    """Units in lots less units in short lots, at a time. An asset has lots of one kind only."""
    found: dict[str, Decimal] = {}
    for lot in books([one for one in book.movements if one.time <= time], method).left:
        assert lot.quantity * found.get(lot.asset, lot.quantity) > 0
        found[lot.asset] = found.get(lot.asset, Decimal(0)) + lot.quantity
    return found


def borrow_and_trade(
    bp: Client, sandbox: Sandbox, seed: int, steps: int = 20
) -> list[tuple[datetime, dict[str, Decimal]]]:
    """A random session: loans, spot margin, dust, futures, and at the end a liquidation.

    Returns what was owned after each step.
    """
    chance, moments = Random(seed), []
    for _ in range(steps):
        what = chance.choice(["loan", "loan", "spot", "margin", "future", "dust", "settings"])
        side = chance.choice(["Bid", "Ask"])
        asset, quantity = chance.choice([("SOL", "1.5"), ("ETH", "0.12"), ("BTC", "0.00123")])
        large = str(Decimal(quantity) * 20)
        with suppress(ApiError):  # it has too little for some of them
            if what == "loan":
                kind = "Lend" if side == "Bid" else "Borrow"
                bp.execute_borrow_lend(symbol=asset, side=kind, quantity=quantity)
            elif what == "spot":
                bp.execute_order(f"{asset}_USDC", side, "Market", quantity=quantity)
            elif what == "margin":
                bp.execute_order(f"{asset}_USDC", side, "Market", quantity=large, **MARGIN)
            elif what == "future":
                bp.execute_order("SOL_USDC_PERP", side, "Market", quantity="5")
            elif what == "dust":
                bp.convert_dust()
            else:
                bp.update_account_settings(auto_lend=side == "Bid", auto_repay_borrows=True)
        moments.append((sandbox.now, owned(bp)))
        sandbox.advance(minutes=chance.randint(1, 100))
    side, price = ("Bid", "80") if seed % 2 else ("Ask", "300")
    for _ in range(3):
        with suppress(ApiError):
            bp.execute_order("SOL_USDC_PERP", side, "Market", quantity="60")
    sandbox.set_price("SOL_USDC_PERP", price)
    sandbox.advance(minutes=70)
    return [*moments, (sandbox.now, owned(bp))]


@pytest.mark.parametrize("seed", range(3))
def test_loans_dust_and_a_liquidation_add_up_too(
    sandbox: Sandbox, tmp_path: Path, seed: int
) -> None:
    bp = Client(sandbox.url, sandbox.open_account(FUNDS))
    save_balances(bp, tmp_path / "balances.json")
    sandbox.advance(seconds=1)
    bp.convert_dust(symbol="ETH")
    moments = borrow_and_trade(bp, sandbox, seed)
    orders = {row["systemOrderType"] for row in bp.get_fills(limit=1000)}
    assert {"LiquidatePositionOnBook", "CollateralConversion"} <= orders
    book = ledger(bp, opening=tmp_path / "balances.json")
    kinds = set(book.df["kind"])
    assert {"trade", "fee", "settlement", "interest", "dust"} <= kinds
    assert "unexplained" not in kinds and book.differences == []
    ends = book.df.groupby("asset")["balance"].last()
    assert {asset: amount for asset, amount in ends.items() if amount} == moments[-1][1]
    for method in ("FIFO", "average"):
        for time, held in moments:
            assert in_lots(book, time, method) == without_usdc(held)
    assert any(one.kind == "short" for one in book.books().disposals)
    fills = sum(not row["symbol"].endswith("_PERP") for row in bp.get_fills(limit=1000))
    groups = {one.group for one in book.movements if one.kind == "trade"}
    assert len(groups) == fills  # one group for each fill, also where fills have no id of their own
    book.to_csv(tmp_path / "tax.csv")


def test_interest_counts_and_loans_do_not(sandbox: Sandbox, bp: Client, tmp_path: Path) -> None:
    save_balances(bp, tmp_path / "balances.json")
    sandbox.advance(seconds=1)
    bp.execute_borrow_lend(symbol="SOL", side="Lend", quantity="5")
    bp.execute_borrow_lend(symbol="ETH", side="Borrow", quantity="0.5")
    bp.execute_order("ETH_USDC", "Ask", "Market", quantity="1.2")
    sandbox.advance(hours=2, minutes=5)
    asked = len(sandbox.log)
    book = ledger(bp, opening=tmp_path / "balances.json")
    assert sum(one["operation"] == "get_klines" for one in sandbox.log[asked:]) == 2  # one an asset
    second = [one for one in book.movements if one.kind == "interest" and one.asset == "SOL"][1]
    (hour,) = bp.get_klines("SOL_USDC", "1h", "2026-09-01T13:00Z", "2026-09-01T14:00Z")
    assert (second.value_source, second.value) == (
        "1h candle", second.amount * Decimal(hour["close"]),
    )  # fmt: skip
    paid = book.df[book.df["kind"] == "interest"].groupby("asset")["amount"].sum()
    assert paid["ETH"] < 0 < paid["SOL"]
    assert set(book.df["kind"]) == {"opening", "trade", "fee", "interest"}


def test_without_an_opening_it_is_computed_back(sandbox: Sandbox, bp: Client) -> None:
    sandbox.advance(minutes=1)
    begin = sandbox.now
    bp.execute_order("SOL_USDC", "Bid", "Market", quantity="1")
    book = ledger(bp, since=begin)
    assert book.opening == "computed"
    opening = book.df[book.df["kind"] == "opening"].set_index("asset")["amount"]
    assert opening["USDC"] == 10_000 and opening["SOL"] == 20


def test_the_whole_history_of_an_account_with_a_gift_has_it_unexplained(bp: Client) -> None:
    """The demo account's funds are in no history."""
    book = ledger(bp)
    assert book.opening == "the whole history"
    assert {(one.kind, one.asset, one.amount) for one in book.movements} == {
        ("unexplained", "USDC", 10_000), ("unexplained", "SOL", 20),
        ("unexplained", "BTC", Decimal("0.1")), ("unexplained", "ETH", 1),
        ("unexplained", "USDT", 1000),
    }  # fmt: skip


def test_until_ends_the_book_and_later_rows_still_count_for_the_check(
    sandbox: Sandbox, bp: Client
) -> None:
    opening = {"USDC": "10000", "SOL": "20", "BTC": "0.1", "ETH": "1", "USDT": "1000"}
    begin = sandbox.now
    bp.execute_order("SOL_USDC", "Bid", "Market", quantity="1")
    sandbox.advance(minutes=1)
    middle = sandbox.now
    bp.execute_order("SOL_USDC", "Ask", "Market", quantity="1")
    book = ledger(bp, begin, middle, opening)
    assert [one.kind for one in book.movements if one.kind != "opening"] == [
        "trade",
        "trade",
        "fee",
    ]
    assert "unexplained" not in set(ledger(bp, begin, opening=opening).df["kind"])
    wrong = ledger(bp, begin, middle, opening | {"SOL": "21"})
    assert [(one.asset, one.amount) for one in wrong.movements if one.kind == "unexplained"] == [
        ("SOL", -1)
    ]


def test_a_sale_at_new_year_belongs_to_the_year_of_the_zone(tmp_path: Path) -> None:
    from test_lots import year

    found = year()
    book = Ledger(found, None, found[-1].time, "given", "http://exchange", [])
    in_berlin, in_utc = book.totals(zone="Europe/Berlin"), book.totals()
    assert [(row["year"], row["asset"], row["gain"]) for row in in_utc] == [
        (2025, "SOL", Decimal("94.24463963964")),
        (2026, "BP", Decimal("0.0198998999")),
        (2026, "SOL", Decimal("-17.275785496783")),
    ]
    moved = Decimal("19.769864864865")
    assert [row["gain"] for row in in_berlin if row["asset"] == "SOL"] == [
        Decimal("94.24463963964") - moved,
        Decimal("-17.275785496783") + moved,
    ]
    book.to_csv(tmp_path / "tax.csv", zone="Europe/Berlin", sep=";", decimal=",")
    raw = (tmp_path / "tax.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    lines = list(csv.reader(raw.decode("utf-8-sig").splitlines(), delimiter=";"))
    assert lines[3][:3] == ["2025-12-31T23:59:59.999000+00:00", "2026-01-01", "2026"]
    assert lines[3][8:12] == ["19,769864864865", "19,77", "58", "t204"]
    assert lines[-1][:3] == ["2026", "SOL", "disposals"]
    assert list(tmp_path.iterdir()) == [tmp_path / "tax.csv"]


@pytest.mark.parametrize(
    "options, field",
    [
        ({"since": "2026-09-01"}, "since"),
        ({"since": "2026-09-02T00:00Z", "until": "2026-09-01T00:00Z"}, "until"),
        ({"opening": {"USDC": 0.1}}, "opening['USDC']"),
        ({"opening": "there_is_no_such_file.json"}, "opening"),
    ],
)
def test_wrong_inputs_name_the_field(bp: Client, options: dict[str, str], field: str) -> None:
    with pytest.raises(InputError) as caught:
        ledger(bp, **options)  # type: ignore[arg-type]
    assert caught.value.field == field


def test_a_file_of_balances_has_no_key(bp: Client, sandbox: Sandbox, tmp_path: Path) -> None:
    save_balances(bp, tmp_path / "one.json")
    saved = json.loads((tmp_path / "one.json").read_text())
    assert saved == {
        "time": "2026-09-01T12:00:00+00:00",
        "url": sandbox.url,
        "balances": {"BTC": "0.1", "ETH": "1", "SOL": "20", "USDC": "10000", "USDT": "1000"},
    }
    with pytest.raises(InputError, match="since"):
        ledger(bp, since=sandbox.now, opening=tmp_path / "one.json")
