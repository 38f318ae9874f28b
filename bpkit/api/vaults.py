"""Vaults: pooled money behind a token. Docs: Vaults."""

from typing import Any

from ..enums import Amount, HistoryInterval
from ..results import Record, Rows
from .section import Section


class Vaults(Section):
    """Vaults: what there is (public), buying and giving back their tokens (signed)."""

    def get_vaults(self) -> Rows:
        """Every vault: its token, the smallest mint and redemption, ``redeemDelayMs``. Public.

        Docs: Vaults, Get vaults.
        """
        return self._call("get_vaults", locals())

    def get_vault_history(self, interval: HistoryInterval, vault_id: int | None = None) -> Rows:
        """``nav`` (worth of one token), equity and number of tokens over time. Public.

        ``interval``: how far to look back, as far as is known. Of one vault, or of all. Docs:
        Vaults, Get vault history.
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

        ``auto_borrow`` and ``auto_lend_redeem``: borrow, or take back what is lent, where the
        balance does not suffice. Never sent twice: a TransportError means that you do not know;
        look in ``get_balances`` first. The answer has no body, and so is empty. Docs: Vaults, Mint
        vault tokens.
        """
        return self._call("vault_mint", locals())

    def vault_redeem(self, *, vault_id: int, vault_token_quantity: Amount | None = None) -> Record:
        """Ask to give vault tokens back for USDC. **Without vault_token_quantity: all of them.**

        It happens after the vault's ``redeemDelayMs``; until then it can be cancelled. The answer
        has no body, and so is empty. Docs: Vaults, Request vault redeem.
        """
        return self._call("vault_redeem", locals())

    def vault_redeem_cancel(self, *, vault_id: int) -> Record:
        """Take back the request to redeem tokens of a vault. The answer has no body: it is empty.

        Docs: Vaults, Cancel vault redeem request.
        """
        return self._call("vault_redeem_cancel", locals())

    def get_vault_pending_redeems(self, vault_id: int) -> Rows:
        """Requests to redeem that wait. For the vault's own account: ApiError 403 for others.

        ``timestamp`` in Unix milliseconds. Docs: Vaults, Get pending vault redeems.
        """
        return self._call("get_vault_pending_redeems", locals())

    def get_vault_nav(self) -> Record:
        """What one token is worth now, and for minting and redeeming. For the vault's own account.

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
