"""Compare this computer's clock with the exchange's, and say how to correct it. Nothing is sent.

Source: Backpack Exchange API, "Signing requests" (a request is valid from its timestamp for its
window) and System, Get system time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

FAR_OFF = timedelta(seconds=1)  # from here on, a request may be refused because of the clock
MOST_CORRECTED = timedelta(minutes=10)  # no signature is corrected by more
_FIRST, _LAST = 1_500_000_000_000, 4_100_000_000_000  # Unix milliseconds: 2017 to 2099
_MILLISECOND = timedelta(milliseconds=1)
_SETTINGS = {
    "Linux": "run: sudo timedatectl set-ntp true",
    "Darwin": "System Settings, General, Date & Time: set time and date automatically",
    "Windows": "run as administrator: w32tm /resync",
}


class ClockReading(NamedTuple):
    """``offset``: the exchange's time minus this computer's; ``uncertainty``: plus or minus.

    ``applied``: is the offset added to the time of every signature from now on?
    """

    offset: timedelta
    uncertainty: timedelta
    applied: bool = False

    @property
    def is_off(self) -> bool:
        """Is the clock wrong by more than a second, and by more than the uncertainty?"""
        return abs(self.offset) > max(self.uncertainty, FAR_OFF)

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
    """Can this be the exchange's time? False for another unit than milliseconds."""
    return _FIRST <= milliseconds < _LAST


def reading(before: int, exchange: int, after: int) -> ClockReading:
    """From the exchange's time, asked between ``before`` and ``after`` (Unix milliseconds)."""
    return ClockReading(
        (exchange - before + exchange - after) * _MILLISECOND / 2,
        max(after - before, 1) * _MILLISECOND / 2,
    )


def advice(found: ClockReading, system: str) -> str:
    """What to do about a refused time on this ``system`` (as ``platform.system()`` names it)."""
    if not found.is_off:
        return (
            f"{found}, so the request took too long to arrive: call again, or make the client with "
            "a larger window (window=10000, milliseconds)."
        )
    if abs(found.offset) > MOST_CORRECTED:
        return f"{found}. Set it right ({_settings(system)})."
    return (
        f"{found}. Set it right ({_settings(system)}), or let this client correct for it: "
        "bp.measure_clock(apply=True)."
    )


def too_far(found: ClockReading, here: int, system: str) -> str:
    """Why no signature is corrected by so much. ``here``: this machine's time, Unix milliseconds.

    A wrong time from the server must not date the signatures: they could be valid much later.
    """
    now = moment(here)
    return (
        f"This machine's clock says {_utc(now)}, and the exchange says {_utc(now + found.offset)}. "
        "One of the two is wrong, and signatures are corrected by 10 minutes at most, so nothing "
        f"is applied. If this machine's clock is wrong, set it right ({_settings(system)}). If it "
        "is right, the server's time is wrong: send nothing, check the address, and try again "
        "later."
    )


def _settings(system: str) -> str:
    return _SETTINGS.get(system, "let the system set its time from the network")


def _utc(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M:%S} UTC"


def moment(milliseconds: int) -> datetime:
    """Unix milliseconds as an aware UTC datetime."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC) + milliseconds % 1000 * _MILLISECOND


def _s(span: timedelta) -> str:
    seconds = span.total_seconds()
    return f"{seconds:.3g} s" if seconds < 100 else f"{seconds:.0f} s"
