"""An account's histories as movements: one row for each asset that moves. No request, no pandas.

Each fact comes from one history. Backpack lists some money twice, and it is counted once:

- A fill of a spot market moves both assets, and the fee. A fill of a future moves nothing: its fee,
  its profit and its funding are in the settlement history.
- Interest on loans is in the interest history; that on the profit of open positions
  (``CulledBorrowInterest``) is in the settlement history.
- A withdrawal moves its quantity, and its fee is a separate row. It is not documented whether the
  quantity includes the fee; here it does, as in the sandbox.
- Borrowing and lending move nothing: the balance is what you have and lent, less what you borrowed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from typing import Any

CURRENCY = "USDC"  # in which everything is valued
# All sums and products are exact; a result that would be rounded raises Inexact.
EXACT = Context(prec=160, traps=[Inexact, InvalidOperation, Overflow])
PAID = {"confirmed", "pending", "ownershipVerificationRequired"}
PAID |= {"recipientInformationProvided", "recipientInformationRequired"}  # a withdrawal that left
_KINDS = {
    "FundingPayment": "funding",
    "CulledBorrowInterest": "interest",
    "TradingFees": "fee",
    "TradingFeesSystem": "fee",
}  # of settlements; the others are profits and losses

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Movement:
    """What came in (``amount`` above 0) or went out of one asset. ``group``: of one event.

    ``value``: in USDC at that time, with the sign of ``amount``; None: unknown. ``balance``: of the
    asset after it, None until it is known. ``symbol`` to ``is_maker``: of a trade.
    """

    time: datetime
    kind: str
    asset: str
    amount: Decimal
    group: str
    source: str  # the operation
    source_id: str
    symbol: str | None = None
    side: str | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    is_maker: bool | None = None
    value: Decimal | None = None
    value_source: str = "none"
    balance: Decimal | None = None

    @property
    def order(self) -> tuple[datetime, bool, int, str, str]:
        """Oldest first; at one time by the id as a number, and what has no number after the rest.

        Then by market: the order of ties is a part of every result that depends on lots.
        """
        is_number = self.source_id.isdigit()
        number = int(self.source_id) if is_number else 0
        return self.time, not is_number, number, self.symbol or "", self.source_id


def movements(
    *,
    fills: Iterable[Row] = (),
    settlements: Iterable[Row] = (),
    markets: Mapping[str, str] | None = None,
    interest: Iterable[Row] = (),
    deposits: Iterable[Row] = (),
    withdrawals: Iterable[Row] = (),
    dust: Iterable[Row] = (),
    funding: Iterable[Row] = (),
) -> list[Movement]:
    """The movements of an account, oldest first, from the rows of its histories, as they came.

    ``markets``: the id of a position -> its market, which a settlement does not name. ``funding``
    moves nothing here: the settlements have it.
    """
    found: list[Movement] = []
    names = Counter[str]()
    for row in fills:
        found += _of_fill(row, names)
    for row in settlements:
        kind = _KINDS.get(row["source"], "settlement")
        one = _one(row, kind, CURRENCY, "get_settlement_history", _settlement_id(row))
        found.append(replace(one, symbol=(markets or {}).get(str(row.get("positionId")))))
    for row in interest:
        if row["paymentType"] in ("Borrow", "Lend"):
            number = f"{row['positionId']} {row['timestamp']}"
            found.append(_one(row, "interest", row["symbol"], "get_interest_history", number))
    for row in deposits:
        if row["status"] == "confirmed":
            found.append(_one(row, "deposit", row["symbol"], "get_deposits", str(row["id"])))
    for row in withdrawals:
        if row["status"] in PAID:
            found += _of_withdrawal(row)
    for row in dust:
        found += _of_dust(row)
    return sorted(found, key=lambda one: one.order)  # stable: a fill's own rows keep their order


def valued(found: list[Movement], price: Mapping[str, Decimal] | None = None) -> list[Movement]:
    """The movements with a value: of USDC its amount; of a trade against USDC the trade's; else
    that of a fill of the same instant against USDC, or ``price`` (group -> the asset's price)."""
    at_trade = {
        (one.time, one.asset): one.price
        for one in found
        if one.kind == "trade" and one.symbol == f"{one.asset}_{CURRENCY}"
    }
    return [_with_value(one, at_trade, price or {}) for one in found]


def _with_value(
    one: Movement,
    at_trade: Mapping[tuple[datetime, str], Decimal | None],
    price: Mapping[str, Decimal],
) -> Movement:
    if one.asset == CURRENCY:
        return replace(one, value=one.amount, value_source="amount")
    own = one.symbol == f"{one.asset}_{CURRENCY}" and one.price is not None
    if own:
        each, source = one.price, "trade"
    elif (each := at_trade.get((one.time, one.asset))) is not None:
        source = "fill of the same instant"
    elif (each := price.get(f"{one.group} {one.asset}")) is not None:
        source = "1h candle" if one.kind == "interest" else "1m candle"
    if each is None:
        return one
    return replace(one, value=EXACT.multiply(one.amount, each), value_source=source)


def _of_fill(row: Row, names: Counter[str]) -> list[Movement]:
    """``names``: of the fills so far, because the id of a trade does not name one fill: both orders
    of a trade may be yours, and a conversion of collateral has no id, or 0."""
    symbol = row["symbol"]
    if symbol.endswith("_PERP"):
        return []
    base, quote = symbol.rsplit("_", 1)
    sign = 1 if row["side"] == "Bid" else -1
    quantity, price = Decimal(row["quantity"]), Decimal(row["price"])
    trade = Movement(
        time_of(row["timestamp"]),
        "trade",
        base,
        quantity * sign,
        "",
        "get_fills",
        "" if row.get("tradeId") is None else str(row["tradeId"]),
        symbol,
        row["side"],
        quantity,
        price,
        row.get("isMaker"),
    )
    name = f"fill {symbol} {trade.source_id or row['orderId']}"
    names[name] += 1
    trade = replace(trade, group=name if names[name] == 1 else f"{name} ({names[name]})")
    paid = replace(trade, asset=quote, amount=EXACT.multiply(quantity, price) * -sign)
    fee = replace(trade, kind="fee", asset=row["feeSymbol"], amount=-Decimal(row["fee"]))
    return [trade, paid, fee] if fee.amount else [trade, paid]


def _one(row: Row, kind: str, asset: str, source: str, number: str) -> Movement:
    when = row.get("timestamp") or row["createdAt"]
    amount = Decimal(row["quantity"])
    return Movement(time_of(when), kind, asset, amount, f"{kind} {number}", source, number)


def _of_withdrawal(row: Row) -> list[Movement]:
    left = _one(row, "withdrawal", row["symbol"], "get_withdrawals", str(row["id"]))
    fee = Decimal(row["fee"])
    rest = replace(left, amount=EXACT.subtract(fee, left.amount))
    return [rest, replace(left, kind="withdrawal fee", amount=-fee)] if fee else [rest]


def _of_dust(row: Row) -> list[Movement]:
    gone = _one(row, "dust", row["symbol"], "get_dust_history", str(row["id"]))
    got = replace(gone, asset=CURRENCY, amount=Decimal(row["usdcReceived"]))
    return [replace(gone, amount=-gone.amount), got]


def _settlement_id(row: Row) -> str:
    if row.get("engineSequence") is not None:
        return str(row["engineSequence"])
    return f"{row['source']} {row.get('positionId')}"


def time_of(text: str) -> datetime:
    """A time of a history: ISO text, in UTC if it names no zone."""
    when = datetime.fromisoformat(text)
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
