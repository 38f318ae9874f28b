"""Fills, orders and funding as files: every row once, to the last digit."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from bpkit import Client, InputError, Key, MissingKeyError
from bpkit.history import download_history
from bpkit.results import Rows, read
from bpkit.sandbox import Sandbox

Row = dict[str, Any]


class Account(Client):
    """Its histories are lists, newest first. ``offsets``: of the pages that were asked for."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1", Key.generate())
        self.rows: dict[str, list[Row]] = {"fills": [], "order_history": [], "funding_rates": []}
        self.offsets: list[int] = []

    def page(self, kind: str, limit: int, offset: int) -> Rows:
        self.offsets.append(offset)
        rows = self.rows[kind]
        page = json.dumps(rows[offset : offset + min(limit, 100)]).encode()
        return read(kind, 200, {"X-Total": str(len(rows))}, page)  # type: ignore[return-value]

    def get_fills(self, *, limit: int, offset: int) -> Rows:  # type: ignore[override]
        return self.page("fills", limit, offset)

    def get_order_history(self, *, limit: int, offset: int) -> Rows:  # type: ignore[override]
        return self.page("order_history", limit, offset)

    def get_funding_interval_rates(self, symbol: str, limit: int, offset: int) -> Rows:  # type: ignore[override]
        return self.page("funding_rates", limit, offset)


def fill(number: int, time: str | None = None) -> Row:
    return {
        "timestamp": time or f"2026-01-{1 + number // 24:02}T{number % 24:02}:00:00.123",
        "symbol": "SOL_USDC", "side": "Bid", "price": "170.25", "quantity": "0.1", "fee": "0.00017",
        "feeSymbol": "SOL", "isMaker": bool(number % 2), "orderId": str(number), "clientId": None,
        "tradeId": number, "systemOrderType": None,
    }  # fmt: skip


def order(number: int, status: str) -> Row:
    return {
        "id": str(number), "createdAt": f"2026-01-{1 + number // 24:02}T{number % 24:02}:00:00",
        "symbol": "SOL_USDC", "status": status, "quantity": "1.5", "clientId": 2**32 - 1,
    }  # fmt: skip


def stored(folder: Path, kind: str) -> pd.DataFrame:
    return pd.read_parquet(folder / kind)


def ids(folder: Path) -> list[int]:
    return stored(folder, "fills")["tradeId"].tolist()


def test_every_fill_once_oldest_first_in_a_file_for_each_year(tmp_path: Path) -> None:
    bp = Account()
    old = [fill(1, "2024-02-29T23:59:59.999"), fill(2, "2025-12-31T23:59:59.999")]
    bp.rows["fills"] = [*(fill(number) for number in range(300, 2, -1)), *old[::-1]]
    made = download_history(bp, "fills", folder=tmp_path)
    assert ids(tmp_path) == list(range(1, 301)) and made.rows == 300
    assert sorted(one.parent.name for one in tmp_path.rglob("*.parquet")) == [
        "year=2024", "year=2025", "year=2026",
    ]  # fmt: skip
    (path,) = tmp_path.rglob("year=2026/*.parquet")
    schema = pq.read_schema(path)
    assert {f"{schema.field(name).type}" for name in ("price", "quantity", "fee")} == {
        "decimal128(38, 18)"
    }
    assert json.loads(schema.metadata[b"bpkit"])["account"] == bp.key.public_key  # type: ignore[union-attr]
    first = stored(tmp_path, "fills").iloc[0]
    assert first["fee"] == Decimal("0.00017") and pd.isna(first["clientId"])
    assert first["timestamp"] == pd.Timestamp("2024-02-29T23:59:59.999Z")


def test_only_what_is_new_is_asked_for(tmp_path: Path) -> None:
    bp = Account()
    bp.rows["fills"] = [fill(number) for number in range(500, 0, -1)]
    download_history(bp, "fills", folder=tmp_path)
    bp.offsets.clear()
    # Two of the same instant as the last one, and another: equal rows are two rows.
    same = fill(500)["timestamp"]
    bp.rows["fills"][:0] = [fill(503), fill(502, same), fill(501, same)]
    made = download_history(bp, "fills", folder=tmp_path)
    assert ids(tmp_path) == list(range(1, 504)) and bp.offsets == [0]
    assert (made.rows, made.requests) == (503, 1)


def test_an_order_that_was_open_is_read_again(tmp_path: Path) -> None:
    bp = Account()
    status = {3: "New", 250: "PartiallyFilled"}
    bp.rows["order_history"] = [
        order(number, status.get(number, "Filled")) for number in range(300, 0, -1)
    ]
    download_history(bp, "orders", folder=tmp_path)
    bp.rows["order_history"] = [order(number, "Filled") for number in range(301, 0, -1)]
    download_history(bp, "orders", folder=tmp_path)
    read = stored(tmp_path, "orders")
    assert read["id"].tolist() == [str(number) for number in range(1, 302)]
    assert set(read["status"]) == {"Filled"} and set(read["clientId"]) == {"4294967295"}


def test_funding_rates_keep_28_decimals(tmp_path: Path) -> None:
    bp = Account()
    rate = "0.0000125000000000000000000001"
    bp.rows["funding_rates"] = [
        {"symbol": "SOL_USDC_PERP", "intervalEndTimestamp": f"2026-01-01T{hour:02}:00:00",
         "fundingRate": rate} for hour in range(9, 0, -1)
    ]  # fmt: skip
    made = download_history(bp, "funding", "SOL_USDC_PERP", tmp_path)
    path = tmp_path / "funding/symbol=SOL_USDC_PERP/year=2026/part-0.parquet"
    assert path.exists() and made.rows == 9
    read = stored(tmp_path, "funding")
    assert read["fundingRate"].tolist() == [Decimal(rate)] * 9
    assert set(read["symbol"]) == {"SOL_USDC_PERP"}
    # The last interval was still running: its rate has changed.
    bp.rows["funding_rates"][0]["fundingRate"] = "0.5"
    download_history(bp, "funding", "SOL_USDC_PERP", tmp_path)
    assert stored(tmp_path, "funding")["fundingRate"].tolist()[-1] == Decimal("0.5")


def test_a_torn_file_is_read_again(tmp_path: Path) -> None:
    bp = Account()
    bp.rows["fills"] = [fill(3), fill(2), fill(1, "2025-05-05T00:00:00")]
    download_history(bp, "fills", folder=tmp_path)
    (path,) = tmp_path.rglob("year=2025/*.parquet")
    path.write_bytes(path.read_bytes()[:-9])
    made = download_history(bp, "fills", folder=tmp_path)
    assert ids(tmp_path) == [1, 2, 3] and "torn or altered" in made.notes[0]


def test_rows_of_another_account_are_not_mixed_in(tmp_path: Path) -> None:
    for number in (1, 2):
        bp = Account()
        bp.rows["fills"] = [fill(number)]
        if number == 1:
            download_history(bp, "fills", folder=tmp_path)
    with pytest.raises(InputError, match="choose another folder"):
        download_history(bp, "fills", folder=tmp_path)
    assert ids(tmp_path) == [1]


@pytest.mark.parametrize(
    ("asked", "field"),
    [(("trades",), "kind"), (("funding",), "symbols"), (("fills", "SOL_USDC"), "symbols")],
)
def test_what_cannot_be_asked_for(tmp_path: Path, asked: tuple[Any, ...], field: str) -> None:
    with pytest.raises(InputError) as error:
        download_history(Account(), *asked, folder=tmp_path)
    assert error.value.field == field


def test_an_account_of_the_sandbox(tmp_path: Path, sandbox: Sandbox, bp: Client) -> None:
    kinds = ("fills", "orders", "funding_payments")
    for kind in kinds:  # nothing yet
        assert download_history(bp, kind, folder=tmp_path).rows == 0
    bp.execute_order("SOL_USDC", "Bid", "Market", quantity="1.5")
    bp.execute_order("SOL_USDC_PERP", "Bid", "Market", quantity="2")
    sandbox.advance(hours=2)
    made = [download_history(bp, kind, folder=tmp_path) for kind in kinds]
    fills = bp.get_fills()
    assert made[0].rows == len(fills) and made[2].rows == len(bp.get_funding_payments()) > 0
    read = stored(tmp_path, "fills")
    assert sum(read["fee"]) == sum(Decimal(row["fee"]) for row in fills)
    rates = download_history(bp, "funding", "SOL_USDC_PERP", tmp_path)
    assert rates.rows == int(bp.get_funding_interval_rates("SOL_USDC_PERP").headers["X-Total"])
    assert download_history(bp, "funding", "SOL_USDC_PERP", tmp_path).requests == 1
    with pytest.raises(MissingKeyError):
        download_history(Client(sandbox.url), "fills", folder=tmp_path / "other")
