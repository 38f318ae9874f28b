"""A session gives the same answers and events on every machine, to the byte."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SESSION = Path(__file__).parent.parent / "random_session.py"


def test_neither_hashes_nor_the_time_zone_nor_pandas_matter(tmp_path: Path) -> None:
    """With these three seeds, sets of assets, of sides and of markets differ in their order."""
    (tmp_path / "pandas.py").write_text('raise ImportError("pandas is not installed")')
    environments = [
        {"PYTHONHASHSEED": "0", "TZ": "UTC"},
        {"PYTHONHASHSEED": "3", "TZ": "America/New_York", "PYTHONPATH": str(tmp_path)},
        {"PYTHONHASHSEED": "4", "TZ": "Asia/Kolkata", "LC_ALL": "C"},
    ]
    runs = [
        subprocess.Popen(
            [sys.executable, str(SESSION), "12", "50"],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            text=True,
        )
        for environment in environments
    ]
    sums = [run.communicate(timeout=60)[0] for run in runs]
    assert len(sums[0]) == 65 and len(set(sums)) == 1
