"""What does not change with time: the tables behind the public answers, read from files.

``assets.json``, ``collateral.json`` and ``catalogue.json`` are invented in the documented shapes;
where a number was recorded from the live exchange, PARITY.md says so.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any


@cache
def table(name: str) -> Any:
    """The content of ``<name>.json``. It is shared: nobody may change it."""
    return json.loads(Path(__file__).with_name(f"{name}.json").read_text(encoding="utf-8"))


ASSETS: dict[str, dict[str, Any]] = {row["symbol"]: row for row in table("assets")}
