"""Long downloads, page by page; and the account book, exact."""

from __future__ import annotations

from .ledger import ledger, save_balances
from .ledger_report import Ledger
from .pages import fetch_all

__all__ = ["Ledger", "fetch_all", "ledger", "save_balances"]
