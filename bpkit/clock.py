"""How far this machine's clock is from the exchange's, and how to set it right. Pure.

Source: Backpack Exchange API, "Signing requests" (a request is valid from its timestamp for its
window) and System, Get system time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

_FIRST, _LAST = 1_500_000_000_000, 4_100_000_000_000  # Unix milliseconds: 2017 to 2099
_MILLISECOND = timedelta(milliseconds=1)
_SETTINGS = {
    "Linux": "run: sudo timedatectl set-ntp true",
    "Darwin": "System Settings, General, Date & Time: set time and date automatically",
    "Windows": "run as administrator: w32tm /resync",
}


class Reading(NamedTuple):
    """``offset``: the exchange's time minus this machine's; ``uncertainty``: either way.

    ``applied``: is it added to the time of every signature from now on?
    """

    offset: timedelta
    uncertainty: timedelta
    applied: bool = False

    def __str__(self) -> str:
        if abs(self.offset) <= self.uncertainty:
            return f"This machine's clock agrees with the exchange's, within {_s(self.uncertainty)}"
        way = "behind" if self.offset > timedelta(0) else "ahead of"
        corrected = "; signatures are corrected for it" if self.applied else ""
        return (
            f"This machine's clock is {_s(abs(self.offset))} {way} the exchange's, within "
            f"{_s(self.uncertainty)}{corrected}"
        )


def is_plausible(milliseconds: int) -> bool:
    """Can that be the exchange's time, or is it in another unit, or nonsense?"""
    return _FIRST <= milliseconds < _LAST


def reading(before: int, exchange: int, after: int) -> Reading:
    """From the exchange's time, asked between ``before`` and ``after`` (Unix milliseconds)."""
    return Reading(
        (exchange - before + exchange - after) * _MILLISECOND / 2,
        max(after - before, 1) * _MILLISECOND / 2,
    )


def advice(found: Reading, system: str) -> str:
    """What to do on this ``system`` (as ``platform.system()`` names it) about a refused time."""
    if abs(found.offset) <= max(found.uncertainty, timedelta(seconds=1)):
        return (
            f"{found}, so the request was too long on its way: call again, or make the client with "
            "a larger window (window=10000, milliseconds)."
        )
    settings = _SETTINGS.get(system, "let the system set its time from the network")
    return (
        f"{found}: set it right ({settings}), or let this client correct for it: "
        "bp.measure_clock(apply=True)."
    )


def moment(milliseconds: int) -> datetime:
    """Unix milliseconds as an aware UTC datetime."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC) + milliseconds % 1000 * _MILLISECOND


def _s(span: timedelta) -> str:
    return f"{span.total_seconds():.3g} s"
