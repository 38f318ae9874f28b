"""Is the exchange there, and what time is it? Docs: System."""

from __future__ import annotations

from ..results import Number, Record, Text
from ._section import Section


class System(Section):
    """The exchange itself: status, ping, clock."""

    def get_status(self) -> Record:
        """``{"status": "Ok" or "Maintenance", "message": text or None}``. Docs: System, Status."""
        return self._call("get_status", {})

    def ping(self) -> Text:
        """``pong``. Docs: System, Ping."""
        return self._call("ping", {})

    def get_time(self) -> Number:
        """The exchange's clock, in Unix milliseconds. Docs: System, Get system time."""
        return self._call("get_time", {})
