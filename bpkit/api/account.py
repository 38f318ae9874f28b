"""Account: settings, fees, limits. Signed. Docs: Account."""

from collections.abc import Mapping
from typing import Any

from .. import serialize
from ..enums import Amount, Side
from ..errors import without_locals
from ..results import Record
from .section import Section


class Account(Section):
    """Settings, fees, and how much you can borrow, trade or withdraw."""

    def get_account(self) -> Record:
        """Settings, fees (in basis points: 10 is 0.1 %) and limits. Docs: Account, Get account."""
        return self._call("get_account", locals())

    def update_account_settings(
        self,
        *,
        auto_borrow_settlements: bool | None = None,
        auto_lend: bool | None = None,
        auto_repay_borrows: bool | None = None,
        leverage_limit: Amount | None = None,
    ) -> Record:
        """Change settings of the account; what is not given stays as it is.

        ``auto_lend``: lend what is available. ``auto_repay_borrows``: repay with what is available.
        ``auto_borrow_settlements``: borrow if a debt must be settled. ``leverage_limit``: of the
        whole account, such as "10". It decides how far losses may go.

        The answer is empty: ``get_account`` shows the new settings. Docs:
        Account, Update account.
        """
        return self._call("update_account_settings", locals())

    def get_max_borrow_quantity(self, symbol: str) -> Record:
        """How much of the asset ``symbol`` can be borrowed: ``maxBorrowQuantity``, in the asset.

        Docs: Account, Get max borrow quantity.
        """
        return self._call("get_max_borrow_quantity", locals())

    def get_max_order_quantity(
        self,
        symbol: str,
        side: Side,
        *,
        price: Amount | None = None,
        reduce_only: bool | None = None,
        auto_borrow: bool | None = None,
        auto_borrow_repay: bool | None = None,
        auto_lend_redeem: bool | None = None,
    ) -> Record:
        """How large an order of a market can be: ``maxOrderQuantity``, in the base asset.

        ``price``: of a limit order, in the quote asset; None: a market order. The flags are those
        that the order would have. Docs: Account, Get max order quantity.
        """
        return self._call("get_max_order_quantity", locals())

    def get_max_withdrawal_quantity(
        self,
        symbol: str,
        *,
        auto_borrow: bool | None = None,
        auto_lend_redeem: bool | None = None,
    ) -> Record:
        """How much of the asset ``symbol`` can be withdrawn: ``maxWithdrawalQuantity``.

        In the asset; the flags are those that the withdrawal would have. Docs: Account, Get max
        withdrawal quantity.
        """
        return self._call("get_max_withdrawal_quantity", locals())

    @without_locals
    def issue_two_factor_token(self, fields: Mapping[str, object]) -> Any:
        """Ask for a two-factor token, which a withdrawal may need.

        Not in the official specification: nobody has said what it takes and what it answers.
        ``fields`` is the body, with the exchange's own names.
        """
        return self._send("issue_two_factor_token", serialize.fields(fields))
