"""What can be called from a terminal."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from bpkit import Client, Key, operations
from bpkit.signing import DEMO_SECRET


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bpkit", *arguments], capture_output=True, text=True, timeout=60
    )


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A sandbox in a process of its own, and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bpkit", "sandbox", "--port", "0", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert found is not None
        yield process, found.group()
    finally:
        process.kill()
        process.wait(10)
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()


def test_the_tour_walks_to_the_fill() -> None:
    tour = run("tour")
    assert (tour.returncode, tour.stderr) == (0, "")
    assert "status New" in tour.stdout
    # 20 SOL, and one more less the maker's 0.08 %
    assert "filled: 1 SOL at 170.5, fee 0.0008 SOL" in tour.stdout
    assert "20.9992 SOL" in tour.stdout


def test_operations_lists_them_all() -> None:
    listed = run("operations").stdout
    for operation in operations():
        assert operation["name"] in listed and operation["path"] in listed


def test_operations_can_be_narrowed_down_by_a_word() -> None:
    listed = run("operations", "REDEEM").stdout
    for name in ("vault_redeem", "vault_redeem_cancel", "get_vault_pending_redeems"):
        assert name in listed
    assert "execute_order" not in listed
    assert "documented" in listed and "paged" in listed
    none = run("operations", "zebra")
    assert (none.returncode, none.stdout) == (1, "")
    assert none.stderr == "No operation has 'zebra' in it.\n"


def test_a_sandbox_for_other_programs_follows_the_clock() -> None:
    with serving() as (_, url), Client(url, Key(DEMO_SECRET)) as bp:
        now = datetime.now(UTC)
        candles = bp.get_klines("SOL_USDC", "1m", start_time=now - timedelta(minutes=10)).df
        assert now - timedelta(minutes=2.1) < candles.index[-1] < now
        order = bp.execute_order("SOL_USDC", "Bid", "Market", quantity="1")
        assert abs(order["createdAt"] / 1000 - time.time()) < 60


def test_a_still_sandbox_for_other_programs_stands_still() -> None:
    with serving("--still") as (_, url), Client(url) as bp:
        assert bp.get_depth("SOL_USDC", 5)["timestamp"] == 1_788_264_000_000_000  # 2026-09-01 12:00


def test_it_says_how_to_reach_it_and_ends_with_ctrl_c() -> None:
    with serving() as (process, url):
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert process.stdout is not None and process.stderr is not None
        told = process.stdout.read()
        assert process.stderr.read() == ""
        assert f"curl '{url}/api/v1/ticker?symbol=SOL_USDC'" in told and told.endswith("Ended.\n")


def test_a_port_in_use_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = run("sandbox", "--port", port)
    assert refused.returncode == 1 and refused.stdout == ""
    assert refused.stderr.startswith(f"No sandbox: port {port} is in use")


@pytest.mark.parametrize("arguments", [(), ("nonsense",), ("sandbox", "--port", "x")])
def test_a_wrong_command_is_explained(arguments: tuple[str, ...]) -> None:
    wrong = run(*arguments)
    assert wrong.returncode == 2 and "usage: python -m bpkit" in wrong.stderr
