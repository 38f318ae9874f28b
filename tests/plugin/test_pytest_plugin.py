"""The fixtures and the marker of ``bpkit.pytest_plugin``, in runs of pytest inside a test."""

from __future__ import annotations

import os
import socket
import sys
import threading
import tomllib
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent.parent
# An installed bpkit registers the plugin itself.
INSTALLED = bool(entry_points(group="pytest11", name="bpkit"))
LOADED = () if INSTALLED else ("-p", "bpkit.pytest_plugin")

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Write a file of tests and run it, as strictly as pytest can."""

    def run(source: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(test_it=f"import pytest\n{source}")
        strict = ("--strict-markers", "-W", "error", "-p", "no:nbval", "-p", "no:randomly")
        return pytester.runpytest_inprocess(*LOADED, *strict, *options)

    return run


# --- fixtures ------------------------------------------------------------------------------------


def test_each_test_has_an_exchange_of_its_own(run: Run) -> None:
    result = run(
        """
import socket
OLD = []

def test_it_trades(bpkit_sandbox, bpkit_client):
    OLD.append(bpkit_sandbox)
    assert bpkit_client.url == bpkit_sandbox.url
    order = bpkit_client.execute_order("SOL_USDC", "Bid", "Market", quantity="1")
    assert order["status"] == "Filled" and len(bpkit_client.get_fills()) == 1

def test_nothing_is_left_of_it(bpkit_sandbox, bpkit_client):
    assert bpkit_client.get_fills() == []
    host, port = OLD[0].url.removeprefix("http://").split(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), 5)

def test_more_of_them(bpkit_sandbox, make_bpkit_sandbox):
    same, other = make_bpkit_sandbox(), make_bpkit_sandbox(seed="8")
    assert len({bpkit_sandbox.url, same.url, other.url}) == 3
"""
    )
    result.assert_outcomes(passed=3)
    assert [one.name for one in threading.enumerate() if one.name.startswith("bpkit")] == []


def test_pytest_finds_the_plugin_which_loads_nothing_of_the_sandbox(
    pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after ``pip install``, in a process that has imported bpkit, such as a notebook's."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    [(name, module)] = project["entry-points"]["pytest11"].items()
    about = tmp_path / "bpkit-0.dist-info"
    about.mkdir()
    about.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: bpkit\nVersion: 0\n")
    about.joinpath("RECORD").write_text("bpkit/__init__.py,,\nbpkit/client.py,,\n")
    about.joinpath("entry_points.txt").write_text(f"[pytest11]\n{name} = {module}\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
    pytester.makepyfile(
        """
        import sys

        def test(request):
            assert request.config.pluginmanager.has_plugin("bpkit")
            assert not {"bpkit.sandbox", "tornado", "pandas"} & {*sys.modules}
        """
    )
    main = "import sys, bpkit, pytest; sys.exit(pytest.main(sys.argv[1:]))"
    others = [f"-pno:{one}" for one in ("nbval", "hypothesispytest", "anyio", "randomly")]
    result = pytester.run(sys.executable, "-c", main, "-W", "error", *others)
    result.assert_outcomes(passed=1)


# --- the marker ----------------------------------------------------------------------------------


def test_the_nearest_marker_wins_argument_by_argument(run: Run) -> None:
    result = run(
        """
import requests

pytestmark = pytest.mark.bpkit(seed="of the module", funds={"USDC": "1"})

@pytest.mark.bpkit(funds={"USDC": "2"}, conflicts={"auth_status": 401})
class TestThose:
    def test_of_the_class(self, bpkit_sandbox, bpkit_client):
        assert bpkit_sandbox.snapshot()["seed"] == "of the module"
        assert bpkit_client.get_balances()["USDC"]["available"] == "2"
        key = {"X-API-KEY": bpkit_client.key.public_key}
        assert requests.get(f"{bpkit_client.url}/api/v1/capital", headers=key).status_code == 401

    @pytest.mark.bpkit(funds={"USDC": "3"})
    def test_of_the_function(self, bpkit_client):
        assert bpkit_client.get_balances() == {
            "USDC": {"available": "3", "locked": "0", "staked": "0"}
        }

@pytest.mark.bpkit(seed="7")
def test_seed(bpkit_sandbox, bpkit_client):
    assert bpkit_sandbox.snapshot()["seed"] == "7"
    assert bpkit_client.get_balances()["USDC"]["available"] == "1"
"""
    )
    result.assert_outcomes(passed=3)


def test_the_seed_of_the_option_wins_over_that_of_the_file(
    run: Run, pytester: pytest.Pytester
) -> None:
    source = "def test(bpkit_sandbox):\n    assert 0"
    run(source).stdout.fnmatch_lines("seed 'bpkit 4185', *")
    pytester.makeini("[pytest]\nbpkit_seed = of the file")
    run(source).stdout.fnmatch_lines("seed 'of the file', *")
    run(source, "--bpkit-seed", "8").stdout.fnmatch_lines("seed '8', *")
    marked = f"@pytest.mark.bpkit(seed='9')\n{source}"
    run(marked, "--bpkit-seed", "8").stdout.fnmatch_lines("seed '9', *")


@pytest.mark.parametrize(
    "given, named", [("speeed=60", "speeed"), ("'SOL_USDC: 170'", "'SOL_USDC: 170'")]
)
def test_an_unknown_argument_ends_the_run_before_the_first_test(
    run: Run, given: str, named: str
) -> None:
    result = run(f"""
def test_fine(): pass

class TestThose:
    @pytest.mark.parametrize("n", [1, pytest.param(2, marks=pytest.mark.bpkit({given}))])
    def test(self, n): pass
""")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        f"test_it.py::TestThose::test[[]2]: the marker bpkit has no argument {named}; *speed*"
    )


def test_a_wrong_value_is_refused_with_the_right_one(run: Run) -> None:
    wrong = {
        "faults='slow'": "*ValueError: faults='slow' is not a list; write [[]'slow']",
        "faults=[5]": '*ValueError: 5 in faults is not a fault; write "lost_reply" or *',
        "conflicts={'auth': 401}": "*ValueError: 'auth' is not one of the conflicts; write *",
        "path='170 -> 150 in 5m'": '*is not a path; write "SOL_USDC: 170 -> 150 in 5m"',
        "seed=7": '*ValueError: seed=7 is not text; write seed="7"',
        "speed='60'": "*ValueError: speed='60' is not a number *; write speed=60",
    }
    tests = [
        f"@pytest.mark.bpkit({given})\ndef test_{number}(bpkit_sandbox): pass\n"
        for number, given in enumerate(wrong)
    ]
    result = run("\n".join(tests))
    result.assert_outcomes(errors=len(wrong))
    result.stdout.fnmatch_lines([*wrong.values()])


def test_a_bot_that_polls_lives_an_hour_in_a_minute(run: Run) -> None:
    result = run(
        """
import time
from datetime import timedelta

@pytest.mark.bpkit(speed=3600)
def test(bpkit_sandbox):
    begun = bpkit_sandbox.now
    for _ in range(1000):
        if bpkit_sandbox.now >= begun + timedelta(minutes=5):
            return
        time.sleep(0.01)
    assert 0
"""
    )
    result.assert_outcomes(passed=1)


# --- faults --------------------------------------------------------------------------------------


def test_a_fault_that_was_never_met_fails_the_test(run: Run) -> None:
    result = run(
        """
LOST = {"fault": "lost_reply", "operations": ["execute_order"], "times": 1}

@pytest.mark.bpkit(faults=["lost_reply"])
def test_not_met(bpkit_client):
    pass

def test_not_met_in_the_test(bpkit_sandbox, bpkit_client):
    with bpkit_sandbox.fault("slow", times=1):
        pass

@pytest.mark.bpkit(faults=["slow"])
def test_fails_anyway(bpkit_sandbox):
    assert 1 == 2

@pytest.mark.bpkit(faults=["slow"])
def test_skips(bpkit_sandbox):
    pytest.skip("for its own reason")

@pytest.mark.bpkit(faults=["slow"], may_miss=True)
def test_may_miss(bpkit_sandbox):
    pass

@pytest.mark.bpkit(faults=[LOST])
def test_met(bpkit_client):
    from bpkit import TransportError
    bpkit_client.get_markets()
    with pytest.raises(TransportError):
        bpkit_client.execute_order("SOL_USDC", "Bid", "Limit", price="160", quantity="1")
    assert len(bpkit_client.get_open_orders()) == 1
"""
    )
    result.assert_outcomes(failed=3, skipped=1, passed=2)
    result.stdout.fnmatch_lines(
        [
            "lost_reply was never met: this test proved nothing. *may_miss=True*",
            "slow was never met: this test proved nothing. *",
            "E       assert 1 == 2",
        ]
    )
    # The reports, not pytest's last lines: these have the whole message where CI is set.
    reports = result.stdout.str().partition("short test summary")[0]
    assert reports.count("proved nothing") == 2


# --- a test that failed --------------------------------------------------------------------------


def test_a_failed_test_shows_what_the_sandbox_saw(run: Run) -> None:
    result = run(
        """
import requests

def test_passes(bpkit_client):
    bpkit_client.get_ticker("ETH_USDC")

def test(bpkit_sandbox, bpkit_client):
    bpkit_client.get_ticker("BTC_USDC")
    for _ in range(17):
        bpkit_client.get_ticker("SOL_USDC")
    bpkit_client.execute_order("SOL_USDC", "Bid", "Limit", price="160", quantity="1")
    bpkit_sandbox.advance(minutes=5)
    headers = {"X-API-KEY": bpkit_client.key.public_key}
    url = bpkit_client.url + "/wapi/v1/capital/withdrawals"
    requests.post(url, json={"twoFactorToken": "123456"})
    requests.get(bpkit_client.url + "/api/v1/capital", headers=headers)
    assert 0
""",
        "-rP",  # also what tests have that passed
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*- bpkit sandbox -*",
            "seed 'bpkit 4185', market time 2026-09-01T12:05:00Z, the last 20 of 21 requests:",
            "GET /api/v1/ticker?symbol=SOL_USDC*",
            'POST /api/v1/order {"symbol":"SOL_USDC",*"price":"160"*',
            "    200 answered",
            "POST /wapi/v1/capital/withdrawals (hidden)",
            "GET /api/v1/capital*",
            "    400 INVALID_CLIENT_REQUEST: Missing X-Signature header",
            "    A header that every signed request needs is missing.*",
        ]
    )
    text = result.stdout.str()
    assert text.count("- bpkit sandbox -") == 1
    story = text.split("- bpkit sandbox -")[1].split("Captured")[0]
    assert "BTC_USDC" not in story and "ETH_USDC" not in story and "123456" not in story


# --- a separate process --------------------------------------------------------------------------


def test_a_process_is_started_once_reset_before_each_test_and_ended(
    run: Run, pytester: pytest.Pytester
) -> None:
    result = run(
        """
import os, pathlib, subprocess, sys
BOT = "import os, bpkit; bp = bpkit.Client(os.environ['BACKPACK_URL'], bpkit.Key.from_env());" \
      "bp.execute_order('SOL_USDC', 'Bid', 'Market', quantity='1')"
START = "2026-09-01T12:00:00Z"

def bot(sandbox):
    subprocess.run([sys.executable, "-c", BOT], env={**os.environ, **sandbox.env}, check=True)

@pytest.mark.bpkit(seed="7", path="SOL_USDC: 170 -> 150 in 5m",
                   faults=[{"fault": "slow", "seconds": 0}])
def test_marked(bpkit_sandbox_process):
    sandbox = bpkit_sandbox_process
    assert sandbox.token not in repr(sandbox)
    bot(sandbox)
    assert sandbox.control("POST", "clock/advance", {"seconds": 150})["time"] > START
    assert sandbox.control("PUT", "markets/SOL_USDC/price", {"price": "140"})["price"] == "140"
    sandbox.control("POST", "accounts", {"name": "bob"})
    state = sandbox.control("GET", "")
    assert (state["seed"], state["requests"], len(state["accounts"])) == ("7", 1, 2)
    pathlib.Path("url").write_text(sandbox.url)

def test_begins_again(bpkit_sandbox_process):
    sandbox = bpkit_sandbox_process
    assert sandbox.url == pathlib.Path("url").read_text()
    state = sandbox.control("GET", "")
    assert (state["seed"], state["time"], state["requests"]) == ("bpkit 4185", START, 0)
    assert len(state["accounts"]) == 1 and state["faults"] == []
    sandbox.control("POST", "snapshots", {"name": "before"})
    with pytest.raises(ValueError, match="SOLUSDC"):
        sandbox.control("PUT", "markets/SOLUSDC/price", {"price": "1"})
    assert 0

@pytest.mark.bpkit(speed=3600, faults=["lost_reply"])
def test_never_met(bpkit_sandbox_process):
    assert bpkit_sandbox_process.control("GET", "clock")["speed"] == 3600

@pytest.mark.bpkit(funds={"USDC": "1"})
def test_refused(bpkit_sandbox_process): pass

def test_shows_what_it_saw(bpkit_sandbox_process):
    assert bpkit_sandbox_process.control("GET", "clock")["speed"] == 0
    assert bpkit_sandbox_process.control("GET", "snapshots") == {"snapshots": []}
    bot(bpkit_sandbox_process)
    assert 0
"""
    )
    result.assert_outcomes(passed=1, failed=3, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ValueError: funds=* is for bpkit_sandbox, not for a process; *",
            "seed 'bpkit 4185', market time 2026-09-01T12:00:00Z, the last 0 of 0 requests:",
            "lost_reply was never met: this test proved nothing. *",
            "seed 'bpkit 4185', market time 2026-09-01T12:00:00Z, the last 1 of 1 requests:",
            "POST /api/v1/order *",
            "    200 answered",
        ]
    )
    host, port = pytester.path.joinpath("url").read_text().removeprefix("http://").split(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), 5)
