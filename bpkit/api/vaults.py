"""Vaults: pooled money, with a token for each share. Docs: Vaults."""

from typing import Any

from ..enums import Amount, HistoryInterval
from ..results import Record, Rows
from .section import Section


class Vaults(Section):
    """List vaults (public); buy and redeem their tokens (signed)."""

    def get_vaults(self) -> Rows:
        """Every vault: its token, the smallest mint and redemption, ``redeemDelayMs``. Public.

        Docs: Vaults, Get vaults.
        """
        return self._call("get_vaults", locals())

    def get_vault_history(self, interval: HistoryInterval, vault_id: int | None = None) -> Rows:
        """``nav`` (the value of one token), equity and number of tokens over time. Public.

        ``interval``: how far back (as far as we know; it is not documented). Of one vault, or all.
        Docs: Vaults, Get vault history.
        """
        return self._call("get_vault_history", locals())

    def vault_mint(
        self,
        *,
        vault_id: int,
        symbol: str,
        quantity: Amount,
        auto_borrow: bool | None = None,
        auto_lend_redeem: bool | None = None,
    ) -> Record:
        """Pay ``quantity`` of the asset ``symbol`` into a vault and receive its tokens.

        ``auto_borrow`` and ``auto_lend_redeem``: borrow, or take back what is lent, if the balance
        is too small. bpkit never sends it twice: a TransportError means that you do not know. Look
        in ``get_balances`` first. The answer is empty. Docs: Vaults, Mint
        vault tokens.
        """
        return self._call("vault_mint", locals())

    def vault_redeem(self, *, vault_id: int, vault_token_quantity: Amount | None = None) -> Record:
        """Ask to redeem vault tokens for USDC. **Without vault_token_quantity: all of them.**

        The exchange redeems them after the vault's ``redeemDelayMs``; until then you can cancel.
        The answer is empty. Docs: Vaults, Request vault redeem.
        """
        return self._call("vault_redeem", locals())

    def vault_redeem_cancel(self, *, vault_id: int) -> Record:
        """Cancel the request to redeem tokens of a vault. The answer is empty.

        Docs: Vaults, Cancel vault redeem request.
        """
        return self._call("vault_redeem_cancel", locals())

    def get_vault_pending_redeems(self, vault_id: int) -> Rows:
        """Open requests to redeem. For the vault's own account: ApiError 403 for others.

        ``timestamp`` in Unix milliseconds. Docs: Vaults, Get pending vault redeems.
        """
        return self._call("get_vault_pending_redeems", locals())

    def get_vault_nav(self) -> Record:
        """The value of one token now, for minting and for redeeming. For the vault's own account.

        Docs: Vaults, Get vault NAV.
        """
        return self._call("get_vault_nav", locals())

    def get_vault_mint_history(self, limit: int | None = None, offset: int | None = None) -> Any:
        """What you paid into vaults.

        Not in the official specification: the shape of the answer is not known.
        """
        return self._call("get_vault_mint_history", locals())

    def get_vault_redeem_history(self, limit: int | None = None, offset: int | None = None) -> Any:
        """What you redeemed from vaults.

        Not in the official specification: the shape of the answer is not known.
        """
        return self._call("get_vault_redeem_history", locals())
