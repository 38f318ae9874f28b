"""System: status, time, wallets, fee tiers. Public. Docs: System."""

from typing import Any

from ..results import Number, Record, Rows, Text
from .section import Section


class System(Section):
    """The exchange itself: status, clock, wallets, fee tiers."""

    def get_status(self) -> Record:
        """``{"status": "Ok" or "Maintenance", "message": text or None}``. Docs: System, Status."""
        return self._call("get_status", locals())

    def ping(self) -> Text:
        """``pong``. Docs: System, Ping."""
        return self._call("ping", locals())

    def get_time(self) -> Number:
        """The exchange's clock, in Unix milliseconds. Docs: System, Get system time."""
        return self._call("get_time", locals())

    def get_wallets(self) -> Rows:
        """The exchange's wallets, as rows of blockchain and address.

        Do not send a deposit there: use ``get_deposit_address``. Docs: System, Get wallets.
        """
        return self._call("get_wallets", locals())

    def get_fee_tiers(self) -> Record:
        """The fee tiers: ``futures`` and ``spot``, each a list of tiers.

        Not in the official specification: the answer may be of another shape.
        """
        return self._call("get_fee_tiers", locals())

    def get_country(self) -> Any:
        """Your country, as the exchange sees it.

        Not in the official specification: the shape of the answer is not known.
        """
        return self._call("get_country", locals())

    def get_country_permissions(self) -> Any:
        """What the exchange offers in your country.

        Not in the official specification: the shape of the answer is not known.
        """
        return self._call("get_country_permissions", locals())
