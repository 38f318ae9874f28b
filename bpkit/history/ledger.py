"""The account book: ``ledger(bp, "2025-01-01T00:00Z")`` asks for all histories and adds them up.

    book = ledger(bp, since="2025-01-01T00:00Z", opening="balances.json")
    book.df                     # one row for each asset that moved, exact, oldest first
    book.disposals("FIFO").df   # the gain of each sale, with the lots that it took
    book.to_csv("2025.csv", "FIFO", zone="Europe/Berlin")

The exchange has no history of balances. So the sum of the movements is checked against a balance
that you saved (``save_balances``), or against 0 if the ledger begins with the account; else the
opening balance is computed back from the present one, which proves nothing.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..client import Client
from ..errors import ApiError, InputError, TransportError
from ..serialize import milliseconds
from .candles import candles
from .ledger_report import Ledger, amount
from .movements import CURRENCY, EXACT, Movement, movements, time_of, valued
from .pages import fetch_all

When = datetime | str | int
Opening = Mapping[str, str | Decimal] | str | os.PathLike[str]
_MS = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZERO = Decimal(0)
_TRIES = 3  # to read balances and histories that belong together
_PERP_FEES = ("TradingFees", "TradingFeesSystem")
_WITHOUT_VALUE = ("withdrawal", "unexplained", "opening")


def ledger(
    bp: Client,
    since: When | None = None,
    until: When | None = None,
    opening: Opening | None = None,
) -> Ledger:
    """All movements of an account, from its histories. For reading: nothing is sent but GETs.

    ``since``, ``until``: aware datetimes, ISO texts with a zone, or Unix milliseconds. Without
    ``since``: from the account's first day. ``opening``: asset -> balance at ``since``, or the path
    of a file of ``save_balances``, whose time is then ``since``. A balance is what is available,
    locked, staked and lent, less what is borrowed.

    If the balances that you have now are not the opening and all movements since, the difference of
    each asset is a row ``unexplained``. A candle of one minute values a deposit, and a fee in an
    asset that is neither USDC nor of the trade; that costs a request each. Candles of an hour value
    interest.

    Raises InputError, and what the methods of a Client raise.
    """
    given, begin = _opening(opening)
    if begin is not None and since is not None:
        raise InputError("since", str(since), "leave it out: the file of balances has its time")
    start = begin if begin is not None else _time("since", since)
    end = _time("until", until)
    if start is not None and end is not None and end <= start:
        raise InputError("until", str(until), f"is not after {start.isoformat()}")
    balances, rows, now = _ask(bp, start)
    found = movements(**rows)
    if start is not None:
        found = [one for one in found if one.time >= start]
    source = "given" if given is not None else "the whole history" if start is None else "computed"
    if given is None:
        given = {} if start is None else _less(balances, _sums(found))
    first = start or (found[0].time if found else now)
    before = [_opening_row(first, *one, source) for one in sorted(given.items())]
    after = _less(balances, _sums([*before, *found]))
    kept = [*before, *(one for one in found if end is None or one.time < end)]
    end = end or now
    kept += [_unexplained(end, asset, amount) for asset, amount in sorted(after.items())]
    kept = valued(kept, _prices(bp, valued(kept)))
    return Ledger(_with_balances(kept), start, end, source, bp.url, _compared(rows))


def save_balances(bp: Client, path: str | os.PathLike[str]) -> None:
    """Write the present balances to a file: the opening of a later ``ledger``.

    The file has the engine's time and no key. It is complete or not written.
    """
    now, balances = _now(bp), _balances(bp)
    made = {
        "time": now.isoformat(),
        "url": bp.url,
        "balances": {asset: f"{amount:f}" for asset, amount in sorted(balances.items())},
    }
    target = Path(path)
    draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    draft.write_text(json.dumps(made, indent=1) + "\n", "ascii")
    os.replace(draft, target)


# --- ask ------------------------------------------------------------------------------------------


def _ask(bp: Client, start: datetime | None) -> tuple[dict[str, Decimal], dict[str, Any], datetime]:
    """The balances, the histories since ``start``, and the exchange's time, of one moment."""
    for _ in range(_TRIES):
        before = _balances(bp)
        rows = _histories(bp, start)
        now = _now(bp)
        if _balances(bp) == before:
            return before, rows, now
    reason = "the balances changed while the histories were read; try it when no order is open"
    raise TransportError("get_balances", reason, sent=True, mutates=False)


def _histories(bp: Client, start: datetime | None) -> dict[str, Any]:
    ask: dict[str, Any] = {} if start is None else {"from_": (start - _EPOCH) // _MS}
    return {
        "fills": fetch_all(bp.get_fills, limit=1000, **ask),
        "settlements": fetch_all(bp.get_settlement_history, limit=1000),
        "markets": _markets(fetch_all(bp.get_position_history, limit=1000)),
        "interest": fetch_all(bp.get_interest_history, limit=1000),
        "deposits": fetch_all(bp.get_deposits, limit=1000, **ask),
        "withdrawals": fetch_all(bp.get_withdrawals, limit=1000, **ask),
        "dust": fetch_all(bp.get_dust_history, limit=1000),
        "funding": fetch_all(bp.get_funding_payments, limit=1000),
    }


def _markets(positions: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {str(row["id"]): row["symbol"] for row in positions}


def _balances(bp: Client) -> dict[str, Decimal]:
    found: dict[str, Decimal] = defaultdict(Decimal)
    for asset, row in bp.get_balances().items():
        for part in ("available", "locked", "staked"):
            found[asset] = EXACT.add(found[asset], Decimal(row[part]))
    for row in bp.get_borrow_lend_positions():
        found[row["symbol"]] = EXACT.add(found[row["symbol"]], Decimal(row["netQuantity"]))
    return {asset: amount for asset, amount in found.items() if amount}


def _now(bp: Client) -> datetime:
    """The engine's time, by which the histories are dated. It is in the answer of a book."""
    return _EPOCH + timedelta(microseconds=bp.get_depth("SOL_USDC", limit=5)["timestamp"])


def _prices(bp: Client, found: list[Movement]) -> dict[str, Decimal]:
    """Prices for what has no value yet and needs one, by ``group asset``.

    The close of the minute; of interest, which comes each hour, the close of the hour before it.
    """
    prices: dict[str, Decimal | None] = {}
    minutes: dict[tuple[str, datetime], Decimal | None] = {}
    wanted = [one for one in found if one.value is None and one.kind not in _WITHOUT_VALUE]
    interest = [one for one in wanted if one.kind == "interest"]
    hours = {asset: _hours(bp, asset, interest) for asset in {one.asset for one in interest}}
    for one in wanted:
        if one.kind == "interest":
            price = hours[one.asset].get(one.time.replace(minute=0, second=0, microsecond=0))
        else:
            place = one.asset, one.time.replace(second=0, microsecond=0)
            if place not in minutes:
                minutes[place] = _close(bp, *place)
            price = minutes[place]
        prices[f"{one.group} {one.asset}"] = price
    return {name: price for name, price in prices.items() if price is not None}


def _hours(bp: Client, asset: str, found: list[Movement]) -> dict[datetime, Decimal]:
    """End of an hour -> the asset's price then, for its movements: a request for 1,000 hours."""
    times = [one.time for one in found if one.asset == asset]
    since, until = min(times) - timedelta(hours=2), max(times) + timedelta(hours=1)
    try:
        rows = candles(bp, f"{asset}_{CURRENCY}", "1h", since, until)
    except (ApiError, InputError):  # there is no such market
        return {}
    return {time_of(row["end"]): Decimal(row["close"]) for row in rows if row["close"] is not None}


def _close(bp: Client, asset: str, minute: datetime) -> Decimal | None:
    end = minute + timedelta(minutes=1)
    try:
        rows = bp.get_klines(f"{asset}_{CURRENCY}", "1m", start_time=minute, end_time=end)
    except (ApiError, InputError):  # there is no such market
        return None
    close = rows[0]["close"] if rows else None
    return None if close is None else Decimal(close)


# --- add up ---------------------------------------------------------------------------------------


def _sums(found: Iterable[Movement]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for one in found:
        sums[one.asset] = EXACT.add(sums[one.asset], one.amount)
    return sums


def _less(one: Mapping[str, Decimal], other: Mapping[str, Decimal]) -> dict[str, Decimal]:
    both = {
        asset: EXACT.subtract(one.get(asset, _ZERO), other.get(asset, _ZERO))
        for asset in one.keys() | other.keys()
    }
    return {asset: amount for asset, amount in both.items() if amount}


def _opening_row(time: datetime, asset: str, amount: Decimal, source: str) -> Movement:
    return Movement(time, "opening", asset, amount, f"opening {asset}", f"opening, {source}", "")


def _unexplained(time: datetime, asset: str, amount: Decimal) -> Movement:
    group = f"unexplained {asset}"
    return Movement(time, "unexplained", asset, amount, group, "get_balances", "")


def _with_balances(found: list[Movement]) -> list[Movement]:
    balances: dict[str, Decimal] = defaultdict(Decimal)
    made = []
    for one in found:
        balances[one.asset] = EXACT.add(balances[one.asset], one.amount)
        made.append(replace(one, balance=balances[one.asset]))
    return made


def _compared(rows: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The hours in which two histories of futures' fees or funding do not agree."""
    perps = [row for row in rows["fills"] if row["symbol"].endswith("_PERP")]
    since = min((row["timestamp"] for row in rows["fills"]), default="")
    settled = [row for row in rows["settlements"] if row["timestamp"] >= since]
    fees = _by_hour(perps, lambda row: -Decimal(row["fee"]))
    funding = _by_hour(
        rows["funding"], lambda row: Decimal(row["quantity"]), "intervalEndTimestamp"
    )
    paid = _by_hour(
        [row for row in settled if row["source"] in _PERP_FEES],
        lambda row: Decimal(row["quantity"]),
    )
    funded = _by_hour(
        [row for row in rows["settlements"] if row["source"] == "FundingPayment"],
        lambda row: Decimal(row["quantity"]),
    )
    found = []
    for kind, one, other in (("fee", paid, fees), ("funding", funded, funding)):
        for hour in sorted(_less(one, other)):
            sums = one.get(hour, _ZERO), other.get(hour, _ZERO)
            found.append(
                {
                    "hour": hour, "kind": kind, "settlements": sums[0], "other": sums[1],
                    "difference": EXACT.subtract(*sums),
                }
            )  # fmt: skip
    return found


def _by_hour(
    rows: Iterable[Mapping[str, Any]],
    amount_of: Callable[[Mapping[str, Any]], Decimal],
    time: str = "timestamp",
) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        hour = time_of(row[time]).strftime("%Y-%m-%dT%H:00:00")
        sums[hour] = EXACT.add(sums[hour], amount_of(row))
    return sums


def _time(field: str, when: When | None) -> datetime | None:
    ms = milliseconds(field, when)
    return None if ms is None else _EPOCH + ms * _MS


def _opening(given: Opening | None) -> tuple[dict[str, Decimal] | None, datetime | None]:
    """The opening balances, and their time if a file has them. Raises InputError."""
    if given is None or isinstance(given, Mapping):
        amounts = None if given is None else given.items()
        if amounts is None:
            return None, None
        return {asset: amount(f"opening[{asset!r}]", value) for asset, value in amounts}, None
    try:
        saved = json.loads(Path(given).read_text("ascii"))
        return {one: Decimal(text) for one, text in saved["balances"].items()}, time_of(
            saved["time"]
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
        remedy = f"is not a file that save_balances has written ({type(error).__name__})"
        raise InputError("opening", str(given), remedy) from None
