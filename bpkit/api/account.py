"""What is yours. Signed. Docs: Account, Capital."""

from __future__ import annotations

from ..checks import Blockchain
from ..results import Record
from ._section import Section


class Account(Section):
    """The account: settings, balances, deposit addresses."""

    def get_account(self) -> Record:
        """Settings, fees (in basis points: 10 is 0.1 %) and limits. Docs: Account, Get account."""
        return self._call("get_account", {})

    def get_balances(self) -> Record:
        """``{asset: {available, locked, staked}}``; assets without a balance are absent.

        ``locked`` is held by open orders. Docs: Capital, Get balances.
        """
        return self._call("get_balances", {})

    def get_deposit_address(self, blockchain: Blockchain) -> Record:
        """``{"address": text}``: where to send a deposit on that blockchain.

        Docs: Capital, Get deposit address.
        """
        return self._call("get_deposit_address", {"blockchain": blockchain})
