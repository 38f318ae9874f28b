"""Notebook 06 asks one question in pandas, DuckDB and Dask: its own code, on one data set.

DuckDB and Dask are optional, so without them this is skipped. ``.ci/run`` installs them.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import pytest

from bpkit import Client
from bpkit.history import download
from bpkit.sandbox import Sandbox

NOTEBOOK = Path(__file__).parents[2] / "notebooks/06_history_and_frames.ipynb"
# pandas' nlargest refuses decimals.
SORTED = ".nlargest(3)", ".sort_values(ascending=False).head(3)"
MARKETS = ["SOL_USDC", "BTC_USDC", "ETH_USDC"]
pytestmark = pytest.mark.skipif(
    not (find_spec("duckdb") and find_spec("distributed")), reason="needs duckdb and dask"
)

# Dask starts processes, so this must be a file of its own, whose work is done only once.
RUN = """
import ast, json, sys
from pathlib import Path
from types import SimpleNamespace

def value(code, names):
    *before, last = ast.parse(code).body
    exec(compile(ast.Module(before, []), "<notebook>", "exec"), names)
    if isinstance(last, ast.With):  # the value is that of the block's last line
        last.body[-1] = ast.Assign([ast.Name("answer", ast.Store())], last.body[-1].value)
        module = ast.fix_missing_locations(ast.Module([last], []))
        exec(compile(module, "<notebook>", "exec"), names)
        return names["answer"]
    return eval(compile(ast.Expression(last.value), "<notebook>", "eval"), names)

def main():
    import pandas as pd
    folder, blocks = Path(sys.argv[1]), json.loads(sys.argv[2])
    for code in blocks:
        made = value(code, {"pd": pd, "first": SimpleNamespace(folder=folder)})
        rows = made.fetchall() if hasattr(made, "fetchall") else [*made.items()]
        print(json.dumps([[int(hour), str(volume)] for hour, volume in rows]))

if __name__ == "__main__":
    main()
"""


def blocks() -> list[str]:
    """The code of the notebook: pandas from a cell, DuckDB and Dask from the text after it."""
    cells = ["".join(one["source"]) for one in json.loads(NOTEBOOK.read_text("utf-8"))["cells"]]
    (place,) = (number for number, text in enumerate(cells) if "import duckdb" in text)
    pandas = cells[place - 1].replace('.round(2).to_frame("USDC")', "")
    return [pandas, *re.findall(r"```python\n(.*?)```", cells[place], re.DOTALL)]


@pytest.mark.parametrize("exact", [False, True])
def test_pandas_duckdb_and_dask_agree(tmp_path: Path, sandbox: Sandbox, exact: bool) -> None:
    """On a machine that is not in UTC, over a year and all symbols."""
    bp = Client(sandbox.url)
    made = download(
        bp, MARKETS, "1h", "2025-09-01T00:00Z", "2026-09-01T00:00Z", tmp_path / "candles",
        exact=exact, progress=False,
    )  # fmt: skip
    assert made.rows == 3 * 365 * 24
    script = tmp_path / "run.py"
    script.write_text(RUN, "utf-8")
    code = [one.replace(*SORTED) if exact else one for one in blocks()]
    command = [sys.executable, str(script), str(made.folder), json.dumps(code)]
    environment = os.environ | {"TZ": "America/New_York"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == 3 and all(len(answer) == 3 for answer in answers)
    (hours, *other_hours), (volumes, *other_volumes) = (
        [[row[place] for row in answer] for answer in answers] for place in (0, 1)
    )
    assert other_hours == [hours, hours]
    expected = by_hour(bp)
    assert hours == sorted(expected, key=lambda hour: -expected[hour])[:3]
    for found in (volumes, *other_volumes):
        for hour, volume in zip(hours, found, strict=True):
            off = abs(Decimal(volume) - expected[hour])
            assert off == 0 if exact else off <= expected[hour] * Decimal("1e-13")


def by_hour(bp: Client) -> dict[int, Decimal]:
    """The answer without any of the three: from the rows as the exchange gives them."""
    from bpkit.history import candles

    sums = dict.fromkeys(range(24), Decimal(0))
    for symbol in MARKETS:
        for row in candles(bp, symbol, "1h", "2025-09-01T00:00Z", "2026-09-01T00:00Z"):
            sums[int(row["start"][11:13])] += Decimal(row["quoteVolume"])
    return sums
