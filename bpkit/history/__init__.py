"""Long downloads, page by page."""

from __future__ import annotations

from .pages import fetch_all

__all__ = ["fetch_all"]
