"""The columns of what bpkit makes of histories: ledgers, and gaps of downloads.

Those of a ledger have exact decimals (dtype object, None for null), with ``exact`` and without:
money of an account is never rounded. Times are UTC.
"""

from __future__ import annotations

from .conversions import decimals, flags, integers, iso_times, objects, texts
from .shapes import FrameContract, columns

LEDGER: dict[str, FrameContract] = {
    "ledger": FrameContract(
        columns(
            time=iso_times, kind=texts, asset=texts, amount=decimals, balance=decimals, group=texts,
            symbol=texts, side=texts, quantity=decimals, price=decimals, isMaker=flags,
            value=decimals, valueSource=texts, source=texts, sourceId=texts,
        )
    ),
    "ledger_disposals": FrameContract(
        columns(
            time=iso_times, year=integers, kind=texts, asset=texts, quantity=decimals,
            proceeds=decimals, cost=decimals, gain=decimals, method=texts, heldDays=integers,
            sourceId=texts, lots=objects,
        )
    ),
    "ledger_totals": FrameContract(
        columns(
            year=integers, asset=texts, kind=texts, disposals=integers, proceeds=decimals,
            cost=decimals, gain=decimals, unknown=integers,
        )
    ),
    "ledger_differences": FrameContract(
        columns(
            hour=iso_times, kind=texts, settlements=decimals, other=decimals, difference=decimals,
        )
    ),
    "candle_gaps": FrameContract(
        columns(
            symbol=texts, interval=texts, start=iso_times, end=iso_times, candles=integers,
            reason=texts, markets=integers, askedAt=iso_times,
        )
    ),
}  # fmt: skip
