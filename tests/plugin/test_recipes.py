"""The programs of RECIPES.md and README.md, run as they are printed there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import pytest
from helpers import DEMO_SECRET, Plain
from test_pytest_plugin import LOADED

from bpkit.sandbox import Sandbox

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "bpkit/sandbox/RECIPES.md").read_text("utf-8")
PROGRAMS = {name: text for name, text in re.findall(r"^```\w+ (\S+)\n(.*?)^```", PAGE, re.M | re.S)}
BOTS = {
    "bot_bpkit.py": "bpkit",
    "bot_requests.py": "requests",
    "bot.mjs": "node",
    "bot_ccxt.py": "ccxt",
    "bot_bpx.py": "bpx",
    "bot_sdk.py": "backpack_exchange_sdk",
}


@pytest.mark.parametrize("name", BOTS)
def test_a_bot_buys_waits_and_cancels(
    name: str, sandbox: Sandbox, plain: Plain, tmp_path: Path
) -> None:
    runs = "node" if name.endswith(".mjs") else sys.executable
    if (shutil.which(runs) if runs == "node" else find_spec(BOTS[name])) is None:
        pytest.skip(f"{BOTS[name]} is not installed")
    price, quantity = plain.get("/api/v1/depth?symbol=SOL_USDC").json()["asks"][0]
    assert Decimal(quantity) >= Decimal("0.5")  # one level fills the order
    file = tmp_path / name
    file.write_text(PROGRAMS[name], "utf-8")
    keys = {"PUBLIC_KEY": plain.public_key, "SECRET_KEY": DEMO_SECRET}
    done = subprocess.run(
        [runs, str(file)],
        env={**os.environ, "BACKPACK_URL": sandbox.url, **keys},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    bought, waiting, status = done.stdout.lower().splitlines()
    assert bought == f"bought 0.5 sol for {(Decimal(price) / 2).normalize():f} usdc"
    assert waiting == "waiting: true"
    assert status in ("status: cancelled", "status: canceled")  # ccxt has its own word
    assert plain.call("get_open_orders").json() == []
    assert DEMO_SECRET not in done.stdout + done.stderr


def test_every_program_of_the_page_is_run() -> None:
    tests = {name for name in PROGRAMS if name.startswith("test_")}
    assert PROGRAMS.keys() - tests == BOTS.keys() and len(tests) == 4
    assert PAGE.count("```") == 2 * len(PROGRAMS)


def test_the_tests_of_the_page_pass(pytester: pytest.Pytester) -> None:
    node = shutil.which("node") is not None
    for name, text in PROGRAMS.items():
        pytester.path.joinpath(name).write_text(text, "utf-8")
    chosen = [name for name in PROGRAMS if name.startswith("test_")]
    if not node:
        chosen.remove("test_program.py")
    result = pytester.runpytest_inprocess(*LOADED, "-W", "error", "--strict-markers", *chosen)
    result.assert_outcomes(passed=len(chosen))


def test_the_test_of_the_readme_passes(pytester: pytest.Pytester) -> None:
    section = (ROOT / "README.md").read_text("utf-8").split("## Test your bot")[1].split("\n## ")[0]
    [program] = re.findall(r"```python\n(.*?)```", section, re.S)
    pytester.makepyfile(program)
    pytester.runpytest_inprocess(*LOADED, "-W", "error", "--strict-markers").assert_outcomes(
        passed=1
    )
