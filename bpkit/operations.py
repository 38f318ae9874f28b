"""The API as a table: path, method, instruction and kind of answer of every operation.

The client, the guard and the sandbox read the same rows. The parameters are in ``parameters``.

Source: Backpack Exchange OpenAPI (profile of 2026-08-03).
"""
# ruff: noqa: E501

from __future__ import annotations

from typing import NamedTuple

# The instruction of a private operation for which none is documented: it cannot be signed.
UNDOCUMENTED = ""


class Operation(NamedTuple):
    """One operation of the exchange, under the name that the documentation gives it."""

    name: str  # the documentation's operation id: get_klines
    section: str  # the section of the documentation: Markets
    method: str  # GET, POST, DELETE, PATCH
    path: str
    instruction: str | None  # what a signed request starts with; None: public
    answer: str  # the kind of answer, a key of frames.FRAMES: klines
    paged: bool = False  # does it take limit and offset?
    documented: bool = True  # is it in the official specification?

    @property
    def mutates(self) -> bool:
        """Can it change anything at the exchange? Everything but a GET counts as a change."""
        return self.method != "GET"

    @property
    def signed(self) -> bool:
        """Does it need a key?"""
        return self.instruction is not None

    @property
    def parameters_in(self) -> str:
        """Where the parameters are sent: ``query`` for GET, ``body`` for everything else."""
        return "query" if self.method == "GET" else "body"


_ROWS = (
    # System
    Operation("get_status", "System", "GET", "/api/v1/status", None, "status"),
    Operation("ping", "System", "GET", "/api/v1/ping", None, "text"),
    Operation("get_time", "System", "GET", "/api/v1/time", None, "time"),
    Operation("get_wallets", "System", "GET", "/api/v1/wallets", None, "wallets"),
    # Assets
    Operation("get_assets", "Assets", "GET", "/api/v1/assets", None, "assets"),
    Operation("get_collateral_parameters", "Assets", "GET", "/api/v1/collateral",
              None, "collateral_parameters"),
    # Markets
    Operation("get_markets", "Markets", "GET", "/api/v1/markets", None, "markets"),
    Operation("get_market", "Markets", "GET", "/api/v1/market", None, "market"),
    Operation("get_depth", "Markets", "GET", "/api/v1/depth", None, "depth"),
    Operation("get_prediction_events", "Markets", "GET", "/api/v1/prediction",
              None, "prediction_events", paged=True),
    Operation("get_prediction_tags", "Markets", "GET", "/api/v1/prediction/tags",
              None, "prediction_tags"),
    Operation("get_market_sessions", "Markets", "GET", "/api/v1/market-sessions",
              None, "market_sessions"),
    Operation("get_securities", "Markets", "GET", "/api/v1/securities", None, "securities"),
    Operation("get_mark_prices", "Markets", "GET", "/api/v1/markPrices", None, "mark_prices"),
    Operation("get_open_interest", "Markets", "GET", "/api/v1/openInterest", None, "open_interest"),
    Operation("get_funding_interval_rates", "Markets", "GET", "/api/v1/fundingRates",
              None, "funding_rates", paged=True),
    Operation("get_klines", "Markets", "GET", "/api/v1/klines", None, "klines"),
    Operation("get_ticker", "Markets", "GET", "/api/v1/ticker", None, "ticker"),
    Operation("get_tickers", "Markets", "GET", "/api/v1/tickers", None, "tickers"),
    # Trades
    Operation("get_recent_trades", "Trades", "GET", "/api/v1/trades", None, "trades"),
    Operation("get_historical_trades", "Trades", "GET", "/api/v1/trades/history",
              None, "trades", paged=True),
    # Account
    Operation("get_account", "Account", "GET", "/api/v1/account", "accountQuery", "account"),
    Operation("update_account_settings", "Account", "PATCH", "/api/v1/account",
              "accountUpdate", "empty"),
    Operation("get_max_borrow_quantity", "Account", "GET", "/api/v1/account/limits/borrow",
              "maxBorrowQuantity", "max_borrow"),
    Operation("get_max_order_quantity", "Account", "GET", "/api/v1/account/limits/order",
              "maxOrderQuantity", "max_order"),
    Operation("get_max_withdrawal_quantity", "Account", "GET", "/api/v1/account/limits/withdrawal",
              "maxWithdrawalQuantity", "max_withdrawal"),
    # Capital
    Operation("convert_dust", "Capital", "POST", "/api/v1/account/convertDust",
              "convertDust", "empty"),
    Operation("get_balances", "Capital", "GET", "/api/v1/capital", "balanceQuery", "balances"),
    Operation("get_collateral", "Capital", "GET", "/api/v1/capital/collateral",
              "collateralQuery", "collateral"),
    Operation("get_deposits", "Capital", "GET", "/wapi/v1/capital/deposits",
              "depositQueryAll", "deposits", paged=True),
    Operation("get_deposit_address", "Capital", "GET", "/wapi/v1/capital/deposit/address",
              "depositAddressQuery", "deposit_address"),
    Operation("get_withdrawals", "Capital", "GET", "/wapi/v1/capital/withdrawals",
              "withdrawalQueryAll", "withdrawals", paged=True),
    Operation("request_withdrawal", "Capital", "POST", "/wapi/v1/capital/withdrawals",
              "withdraw", "withdrawal"),
    Operation("get_dust_history", "Capital", "GET", "/wapi/v1/history/dust",
              "dustHistoryQueryAll", "dust_history", paged=True),
    Operation("get_settlement_history", "Capital", "GET", "/wapi/v1/history/settlement",
              "settlementHistoryQueryAll", "settlements", paged=True),
    # Withdrawal Delays
    Operation("get_withdrawal_delay", "Withdrawal Delays", "GET", "/wapi/v1/capital/withdrawals/delay",
              UNDOCUMENTED, "withdrawal_delay"),
    Operation("create_withdrawal_delay", "Withdrawal Delays", "POST", "/wapi/v1/capital/withdrawals/delay",
              UNDOCUMENTED, "empty"),
    Operation("update_withdrawal_delay", "Withdrawal Delays", "PATCH", "/wapi/v1/capital/withdrawals/delay",
              UNDOCUMENTED, "withdrawal_delay"),
    # Order
    Operation("get_order", "Order", "GET", "/api/v1/order", "orderQuery", "order"),
    Operation("execute_order", "Order", "POST", "/api/v1/order", "orderExecute", "order"),
    Operation("cancel_order", "Order", "DELETE", "/api/v1/order", "orderCancel", "order"),
    Operation("execute_order_batch", "Order", "POST", "/api/v1/orders", "orderExecute", "batch"),
    Operation("get_open_orders", "Order", "GET", "/api/v1/orders", "orderQueryAll", "orders"),
    Operation("cancel_open_orders", "Order", "DELETE", "/api/v1/orders",
              "orderCancelAll", "orders"),
    Operation("get_fills", "Order", "GET", "/wapi/v1/history/fills",
              "fillHistoryQueryAll", "fills", paged=True),
    Operation("get_order_history", "Order", "GET", "/wapi/v1/history/orders",
              "orderHistoryQueryAll", "order_history", paged=True),
    # Position
    Operation("get_positions", "Position", "GET", "/api/v1/position", "positionQuery", "positions"),
    Operation("get_funding_payments", "Position", "GET", "/wapi/v1/history/funding",
              "fundingHistoryQueryAll", "funding_payments", paged=True),
    Operation("get_position_history", "Position", "GET", "/wapi/v1/history/position",
              "positionHistoryQueryAll", "position_history", paged=True),
    # Borrow Lend Markets
    Operation("get_borrow_lend_markets", "Borrow Lend Markets", "GET", "/api/v1/borrowLend/markets",
              None, "borrow_lend_markets"),
    Operation("get_borrow_lend_markets_history", "Borrow Lend Markets", "GET", "/api/v1/borrowLend/markets/history",
              None, "borrow_lend_markets_history"),
    Operation("get_apy_rates", "Borrow Lend Markets", "GET", "/api/v1/borrowLend/apy", None, "apy"),
    # Borrow Lend
    Operation("get_borrow_lend_positions", "Borrow Lend", "GET", "/api/v1/borrowLend/positions",
              "borrowLendPositionQuery", "borrow_lend_positions"),
    Operation("get_borrow_lend_estimated_liquidation_price", "Borrow Lend", "GET", "/api/v1/borrowLend/position/liquidationPrice",
              UNDOCUMENTED, "liquidation_price"),
    Operation("execute_borrow_lend", "Borrow Lend", "POST", "/api/v1/borrowLend",
              "borrowLendExecute", "empty"),
    Operation("get_borrow_lend_history", "Borrow Lend", "GET", "/wapi/v1/history/borrowLend",
              "borrowHistoryQueryAll", "borrow_lend_history", paged=True),
    Operation("get_interest_history", "Borrow Lend", "GET", "/wapi/v1/history/interest",
              "interestHistoryQueryAll", "interest_history", paged=True),
    Operation("get_borrow_lend_position_history", "Borrow Lend", "GET", "/wapi/v1/history/borrowLend/positions",
              "borrowPositionHistoryQueryAll", "borrow_lend_position_history", paged=True),
    # Strategy
    Operation("get_strategy", "Strategy", "GET", "/api/v1/strategy", "strategyQuery", "strategy"),
    Operation("strategy_create", "Strategy", "POST", "/api/v1/strategy",
              "strategyCreate", "strategy"),
    Operation("cancel_strategy", "Strategy", "DELETE", "/api/v1/strategy",
              "strategyCancel", "strategy"),
    Operation("get_open_strategies", "Strategy", "GET", "/api/v1/strategies",
              "strategyQueryAll", "strategies"),
    Operation("cancel_open_strategies", "Strategy", "DELETE", "/api/v1/strategies",
              "strategyCancelAll", "strategies"),
    Operation("get_strategies_history", "Strategy", "GET", "/wapi/v1/history/strategies",
              "strategyHistoryQueryAll", "strategy_history", paged=True),
    # RFQ
    Operation("submit_quote", "RFQ", "POST", "/api/v1/rfq/quote", "quoteSubmit", "quote"),
    Operation("get_open_rfqs", "RFQ", "GET", "/api/v1/rfqs", "rfqQuery", "rfqs"),
    Operation("submit_rfq", "RFQ", "POST", "/api/v1/rfq", "rfqSubmit", "rfq"),
    Operation("accept_quote", "RFQ", "POST", "/api/v1/rfq/accept", "quoteAccept", "rfq"),
    Operation("refresh_rfq", "RFQ", "POST", "/api/v1/rfq/refresh", "rfqRefresh", "rfq"),
    Operation("cancel_rfq", "RFQ", "POST", "/api/v1/rfq/cancel", "rfqCancel", "rfq"),
    Operation("get_rfq_history", "RFQ", "GET", "/wapi/v1/history/rfq",
              "rfqHistoryQueryAll", "rfq_history", paged=True),
    Operation("get_quote_history", "RFQ", "GET", "/wapi/v1/history/quote",
              "quoteHistoryQueryAll", "quote_history", paged=True),
    Operation("get_rfq_fill_history", "RFQ", "GET", "/wapi/v1/history/rfq/fill",
              "rfqFillHistoryQueryAll", "rfq_fill_history", paged=True),
    Operation("get_quote_fill_history", "RFQ", "GET", "/wapi/v1/history/quote/fill",
              "quoteFillHistoryQueryAll", "quote_fill_history", paged=True),
    # Vaults
    Operation("get_vaults", "Vaults", "GET", "/api/v1/vaults", None, "vaults"),
    Operation("vault_mint", "Vaults", "POST", "/api/v1/vault/mint", "vaultMint", "empty"),
    Operation("vault_redeem", "Vaults", "POST", "/api/v1/vault/redeem",
              "vaultRedeemRequest", "empty"),
    Operation("vault_redeem_cancel", "Vaults", "DELETE", "/api/v1/vault/redeem",
              "vaultRedeemCancel", "empty"),
    Operation("get_vault_pending_redeems", "Vaults", "GET", "/api/v1/vault/redeems/pending",
              "vaultPendingRedeemsQuery", "vault_redeems"),
    Operation("get_vault_nav", "Vaults", "GET", "/api/v1/vault/nav", "vaultNavQuery", "vault_nav"),
    Operation("get_vault_history", "Vaults", "GET", "/api/v1/vaults/history",
              None, "vault_history"),
    # Not in the specification of 2026-08-03, but in the live documentation or the official Rust
    # client. Their answers are not documented.
    Operation("get_fee_tiers", "System", "GET", "/wapi/v1/feeTiers",
              None, "fee_tiers", documented=False),
    Operation("get_market_holidays", "Markets", "GET", "/api/v1/market-holidays",
              None, "market_holidays", documented=False),
    Operation("get_country", "System", "GET", "/wapi/v1/country",
              None, "country", documented=False),
    Operation("get_country_permissions", "System", "GET", "/wapi/v1/country/permissions",
              None, "country_permissions", documented=False),
    Operation("issue_two_factor_token", "Account", "POST", "/wapi/v1/user/2fa",
              "issueTwoFactorToken", "two_factor_token", documented=False),
    Operation("get_vault_mint_history", "Vaults", "GET", "/wapi/v1/history/vault/mint",
              "vaultMintHistoryQueryAll", "vault_mints", paged=True, documented=False),
    Operation("get_vault_redeem_history", "Vaults", "GET", "/wapi/v1/history/vault/redeem",
              "vaultRedeemHistoryQueryAll", "vault_redeem_history", paged=True, documented=False),
)  # fmt: skip
OPERATIONS: dict[str, Operation] = {row.name: row for row in _ROWS}

# The field by which a write can be found again. The client fills it if you do not.
OWN_ID = {
    "execute_order": "clientId",
    "execute_order_batch": "clientId",
    "strategy_create": "clientStrategyId",
    "submit_rfq": "clientId",
    "submit_quote": "clientId",
    "request_withdrawal": "clientId",  # text
}
# Where to look for a write without an answer, if ``bp.reconcile`` cannot.
LOOK_IN = {
    "update_account_settings": "get_account",
    "convert_dust": "get_dust_history, get_balances",
    "issue_two_factor_token": "get_withdrawals",
    "execute_borrow_lend": "get_borrow_lend_positions, get_borrow_lend_history",
    "submit_rfq": "get_open_rfqs, get_rfq_history, get_rfq_fill_history",
    "accept_quote": "get_open_rfqs, get_rfq_history, get_rfq_fill_history",
    "refresh_rfq": "get_open_rfqs, get_rfq_history, get_rfq_fill_history",
    "cancel_rfq": "get_open_rfqs, get_rfq_history, get_rfq_fill_history",
    "submit_quote": "get_quote_history, get_quote_fill_history",
    "vault_mint": "get_balances, get_vaults",
    "vault_redeem": "get_balances, get_vaults",
    "vault_redeem_cancel": "get_balances, get_vaults",
}
