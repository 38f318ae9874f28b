"""Capital: balances, collateral, deposits, withdrawals. Signed.

Docs: Capital, Withdrawal Delays.
"""

from collections.abc import Mapping
from datetime import datetime

from ..enums import Amount, Blockchain, SettlementSource, SortDirection
from ..errors import without_locals
from ..results import Record, Rows
from .section import Section


class Capital(Section):
    """Balances, collateral, deposits, withdrawals, dust, settlements."""

    def get_balances(self) -> Record:
        """``{asset: {available, locked, staked}}``. Assets without a balance are left out.

        ``locked`` is held by open orders. Docs: Capital, Get balances.
        """
        return self._call("get_balances", locals())

    def get_collateral(self, subaccount_id: int | None = None) -> Record:
        """What the account is worth as collateral, in USD, and how much of that is in use.

        ``netEquity`` is ``netEquityAvailable`` plus ``netEquityLocked``, after haircuts, so it is
        less than the account is worth. ``imf`` and ``mmf`` are the initial and maintenance margin
        fractions; ``marginFraction`` is the account's own (null: no exposure). ``collateral`` is a
        list with one entry for each asset. Docs: Capital, Get collateral.
        """
        return self._call("get_collateral", locals())

    def get_deposit_address(self, blockchain: Blockchain) -> Record:
        """``{"address": text}``: where to send a deposit on that blockchain.

        Docs: Capital, Get deposit address.
        """
        return self._call("get_deposit_address", locals())

    def get_deposits(
        self,
        *,
        from_: datetime | str | int | None = None,
        to: datetime | str | int | None = None,
        limit: int | None = None,
        offset: int | None = None,
        exclude_platform: bool | None = None,
    ) -> Rows:
        """Deposits, with ``status`` and ``quantity`` (in the asset ``symbol``).

        ``from_`` and ``to``: aware datetimes, ISO texts with a zone, or whole Unix milliseconds.
        ``exclude_platform``: leave out what the exchange itself paid in. ``limit``: 100 by default,
        up to 1000. Docs: Capital, Get deposits.
        """
        return self._call("get_deposits", locals())

    def get_withdrawals(
        self,
        *,
        id: int | None = None,
        client_id: str | None = None,
        from_: datetime | str | int | None = None,
        to: datetime | str | int | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> Rows:
        """Withdrawals, with ``status``, ``quantity`` and ``fee`` (both in the asset ``symbol``).

        ``id``: the exchange's; ``client_id``: your own, a text. ``from_`` and ``to``: aware
        datetimes, ISO texts with a zone, or whole Unix milliseconds. ``limit``: 100 by default, up
        to 1000. Docs: Capital, Get withdrawals.
        """
        return self._call("get_withdrawals", locals())

    @without_locals
    def request_withdrawal(
        self,
        *,
        address: str,
        blockchain: Blockchain,
        symbol: str,
        quantity: Amount,
        client_id: str | None = None,
        two_factor_token: str | None = None,
        auto_borrow: bool | None = None,
        auto_lend_redeem: bool | None = None,
        recipient_information: Mapping[str, object] | None = None,
    ) -> Record:
        """Withdraw from the exchange. Money that is sent to a wrong address is lost.

        ``quantity`` of the asset ``symbol`` goes to ``address`` on ``blockchain``. bpkit never
        sends it twice: a TransportError means that you do not know. Look in ``get_withdrawals``
        first, by ``client_id``: your own text of up to 255 characters. ``two_factor_token``:
        needed, unless the address book of your account says otherwise. ``auto_borrow`` and
        ``auto_lend_redeem``: borrow, or take back what is lent, if the balance is too small.
        ``recipient_information``: ``{"withdrawal_address_id": int, "withdrawal_purpose": text,
        "sanctions_representation": bool}``, of which only the first is required; how such an object
        is signed is not documented.

        Answers the withdrawal, with its ``id``, ``status`` and ``fee`` (in the asset). Errors:
        INVALID_TWO_FACTOR_CODE (403), TOO_MANY_REQUESTS (429), TOO_EARLY. Docs: Capital, Request
        withdrawal.
        """
        return self._call("request_withdrawal", locals())

    def convert_dust(self, *, symbol: str | None = None) -> Record:
        """Convert a balance that is too small to trade into USDC. **Without symbol: all of them.**

        ``symbol``: an asset. The balance, with what is lent of it, must be below the smallest order
        of its spot market. The answer has no body, and so is empty: see ``get_dust_history``. Docs:
        Capital, Convert a dust balance.
        """
        return self._call("convert_dust", locals())

    def get_dust_history(
        self,
        symbol: str | None = None,
        *,
        id: int | None = None,
        limit: int | None = None,
        offset: int | None = None,
        sort_direction: SortDirection | None = None,
    ) -> Rows:
        """Conversions of dust: ``quantity`` of the asset ``symbol`` became ``usdcReceived``.

        ``id``: of one conversion. ``limit``: 100 by default, up to 1000. Docs: Capital, Get dust
        conversion history.
        """
        return self._call("get_dust_history", locals())

    def get_settlement_history(
        self,
        *,
        source: SettlementSource | None = None,
        limit: int | None = None,
        offset: int | None = None,
        sort_direction: SortDirection | None = None,
    ) -> Rows:
        """What was settled: fees, funding, realised profits. ``quantity`` in USDC.

        ``source``: only rows from there. The answer may have sources that you cannot ask for.
        ``limit``: 100 by default, up to 1000. Docs: Capital, Get settlement history.
        """
        return self._call("get_settlement_history", locals())


class WithdrawalDelays(Section):
    """The delay of withdrawals. The documentation does not name its instructions."""

    def get_withdrawal_delay(self) -> Record:
        """The hours for which a withdrawal to an unknown address waits.

        Always raises GuardError: no instruction is documented, so it cannot be signed. Docs:
        Withdrawal Delays, Get withdrawal delay.
        """
        return self._call("get_withdrawal_delay", locals())

    @without_locals
    def create_withdrawal_delay(
        self, *, withdrawal_delay_hours: int, two_factor_token: str
    ) -> Record:
        """Delay withdrawals to unknown addresses by this many hours.

        Always raises GuardError: no instruction is documented, so it cannot be signed. Docs:
        Withdrawal Delays, Create withdrawal delay.
        """
        return self._call("create_withdrawal_delay", locals())

    @without_locals
    def update_withdrawal_delay(
        self, *, withdrawal_delay_hours: int, two_factor_token: str
    ) -> Record:
        """Change the delay of withdrawals, in hours. The change waits for the present delay.

        Always raises GuardError: no instruction is documented, so it cannot be signed. Docs:
        Withdrawal Delays, Update withdrawal delay.
        """
        return self._call("update_withdrawal_delay", locals())
