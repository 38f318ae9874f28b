"""Read the JSON files of the sandbox: markets, assets, collateral and other fixed answers.

``assets.json``, ``collateral.json`` and ``catalogue.json`` have the documented shapes and made-up
numbers. PARITY.md names the numbers that were recorded from the live exchange.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any


@cache
def table(name: str) -> Any:
    """The content of ``<name>.json``. All callers share it: do not change it."""
    return json.loads(Path(__file__).with_name(f"{name}.json").read_text(encoding="utf-8"))


ASSETS: dict[str, dict[str, Any]] = {row["symbol"]: row for row in table("assets")}
