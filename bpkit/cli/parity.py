"""Compare the sandbox with an exchange, and write a report (``bpkit parity``)."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .. import Client, Key, __version__
from ..errors import BpkitError, hide_secrets, without_locals
from ..guard.hosts import LIVE_URL
from ..parity import Side, probe
from ..parity.report import contradicted


@without_locals
def run(
    url: str | None,
    report: str,
    *,
    with_key: bool = False,
    names: Sequence[str] = (),
    out: Callable[[str], object] = print,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Ask the exchange at ``url`` (None: the live one) and a new sandbox; write ``report``.

    0: nothing is contradicted; 1: something is; 2: it could not finish. A report that is there
    already is the last one: it is kept as ``<name>.last.md``.
    """
    file = Path(report)
    try:
        last = file.read_text("utf-8") if file.exists() else ""
        if not os.access(file.parent, os.W_OK):  # or the answers would be lost in the end
            raise OSError(f"{file.parent} is not a folder that can be written to")
        key = Key.from_env() if with_key else None
        with reference() as sandbox:
            result = probe(
                Side(LIVE_URL if url is None else url, key), Side(sandbox.url, sandbox.key),
                version=__version__, names=names, last=last, say=out, sleep=sleep,
            )  # fmt: skip
        if result.text:
            if last:
                file.with_suffix(".last.md").write_text(last, "utf-8")
            file.write_text(result.text, "utf-8")
            out(f"The report is {hide_secrets(str(file))}.")
    except (BpkitError, OSError, ValueError) as error:
        print(f"No report: {hide_secrets(str(error))}", file=sys.stderr)
        return 2
    if result.why:
        print(f"It could not finish: {result.why}", file=sys.stderr)
    elif result.status:
        out(f"Contradicted: {', '.join(contradicted(result.text))}.")
    return result.status


def reference(**options: Any) -> Any:
    """A sandbox whose account has something of everything that the questions look at."""
    from ..sandbox import Sandbox

    sandbox = Sandbox(funds={"USDC": "10000", "SOL": "20", "BONK": "5000"}, **options)
    with Client(sandbox.url, sandbox.key) as bp:
        for symbol in ("SOL_USDC", "SOL_USDC", "SOL_USDC_PERP"):
            bp.execute_order(symbol, "Bid", "Market", quantity="1")
            sandbox.advance(seconds=1)
        for price in ("90", "91"):  # far below the market: they rest
            bp.execute_order("SOL_USDC", "Bid", "Limit", price=price, quantity="0.1")
            sandbox.deposit(sandbox.key, "SOL", "5")
            sandbox.advance(seconds=1)
        bp.execute_borrow_lend(symbol="SOL", side="Lend", quantity="1")
        bp.convert_dust(symbol="BONK")
        bp.strategy_create(
            "SOL_USDC", "Bid", "Scheduled", quantity="0.2", duration=60_000, interval=30_000
        )
        sandbox.advance(hours=2, minutes=7)
    return sandbox
