"""Years of candles, long histories page by page, and the account book."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .candles import Candles, candles
from .ledger import ledger, save_balances
from .ledger_report import Ledger
from .pages import fetch_all

if TYPE_CHECKING:
    from .account_downloads import download_history
    from .downloads import Download, download

__all__ = [
    "Candles", "Download", "Ledger", "candles", "download", "download_history", "fetch_all",
    "ledger", "save_balances",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """``download`` needs pyarrow, so it is imported when it is used."""
    if name in ("Download", "download", "download_history"):
        from . import account_downloads, downloads

        return getattr(account_downloads if name == "download_history" else downloads, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
