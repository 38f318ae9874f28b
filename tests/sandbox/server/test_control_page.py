"""The page that a person sees at ``GET /``: its examples work when they are copied."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from control_caller import PREFIX, Caller
from helpers import DEMO_SECRET, Plain

from bpkit import __version__
from bpkit.sandbox import Sandbox
from bpkit.sandbox.server.control.table import ROUTES

SHELL = pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("sh")), reason="the examples are for sh and curl"
)
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture(scope="module")
def still() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


def page(sandbox: Sandbox, accept: str = "*/*", **headers: str) -> requests.Response:
    return requests.get(f"{sandbox.url}/", headers={"Accept": accept, **headers}, timeout=10)


def shell(script: str, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        ["sh", "-eu"], input=script, cwd=folder, env={**os.environ, **environment},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def commands(text: str, word: str) -> list[str]:
    """The indented lines that begin with a word, with those that continue them."""
    return [one.strip() for one in re.findall(rf"^  {word} (?:.*\\\n)*.*$", text, re.MULTILINE)]


# --- how it looks ---------------------------------------------------------------------------------


def test_in_a_terminal(still: Sandbox) -> None:
    answer = page(still)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Sandbox"] == f"bpkit/{__version__}"
    lines = answer.text.splitlines()
    assert lines[0] == f"bpkit sandbox {__version__}"
    for said in (
        "This is not Backpack, and there is no money here.", f"address      {still.url}",
        "market time  2026-09-01T12:00:00Z (it does not pass)", "seed         bpkit 4185",
        f"demo key     {still.key.public_key}", "X-Sandbox-Finding", "Nothing yet.",
        "$BPKIT_SANDBOX_TOKEN", f"{still.url}/sandbox/v1/parity", "submit_rfq",
    ):  # fmt: skip
        assert said in answer.text
    assert [line for line in lines if len(line) > 80 and "X-Signature: " not in line] == []


def test_in_a_browser(still: Sandbox) -> None:
    answer = page(still, BROWSER)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.text.startswith("<!DOCTYPE html>") and "<script" not in answer.text
    link = f"{still.url}/sandbox/v1/parity"
    assert f'<a href="{link}">{link}</a>' in answer.text


def test_for_a_program(still: Sandbox) -> None:
    with Caller(still) as call:
        assert page(still, "application/json").json() == call("GET", "")


def test_it_shows_no_secret(sandbox: Sandbox) -> None:
    sandbox.open_account()
    for accept in ("*/*", "text/html", "application/json"):
        text = page(sandbox, accept).text
        assert sandbox.token not in text and DEMO_SECRET not in text


def test_the_address_is_the_one_that_was_asked(still: Sandbox) -> None:
    port = still.url.rpartition(":")[2]
    assert f"address      http://localhost:{port}\n" in page(still, Host=f"localhost:{port}").text


def test_how_the_time_runs() -> None:
    with Sandbox(speed=60) as sandbox:
        assert "(60 seconds pass in each second)" in page(sandbox).text
    with Sandbox(follow_clock=True) as sandbox:
        assert "(as fast as a clock)" in page(sandbox).text


# --- what was refused -----------------------------------------------------------------------------


def test_the_last_refusals_and_why(sandbox: Sandbox, plain: Plain) -> None:
    for number in range(6):
        plain.get(f"/nothing{number}")
    plain.call("get_fills", {"limit": 1}, sign={})
    plain.get("/api/v1/depth?symbol=<b>&limit=5")
    with Caller(sandbox) as call:
        call.refused("POST", "/accounts", {"\x1b[2J": 1})
    text = page(sandbox).text.partition("What was refused last\n")[2]
    assert "/nothing5: 404 not found" in text and "/nothing3" not in text
    assert "GET /wapi/v1/history/fills: 400 INVALID_CLIENT_REQUEST:" in text
    assert "the instruction and the timestamp" in text  # of the finding
    assert "\x1b" not in text
    assert "<b>" not in page(sandbox, "text/html").text


# --- the examples ---------------------------------------------------------------------------------


@SHELL
def test_the_requests_work_when_they_are_copied(still: Sandbox, tmp_path: Path) -> None:
    unsigned, signed = commands(page(still).text, "curl")
    ticker = json.loads(shell(unsigned.replace("curl", "curl -sS", 1), tmp_path))
    assert ticker["symbol"] == "SOL_USDC"
    balances = json.loads(shell(signed.replace("curl", "curl -sS", 1), tmp_path))
    assert balances["USDC"]["available"] == "10000"


@SHELL
def test_the_signed_text_is_shown(still: Sandbox) -> None:
    text = page(still).text
    shown = re.search(r"^  (instruction=\S+)$", text, re.MULTILINE)
    stamp = re.search(r"X-Timestamp: (\d+)'", text)
    assert shown is not None and stamp is not None
    assert shown[1] == f"instruction=balanceQuery&timestamp={stamp[1]}&window=60000"


@SHELL
def test_the_calls_work_when_they_are_copied(sandbox: Sandbox, tmp_path: Path) -> None:
    text = page(sandbox).text
    found = re.search(r"^  SANDBOX=.*\n(  .*\n)+", text, re.MULTILINE)
    assert found is not None
    lines = commands(text, "steer")
    script = found[0] + "".join(f'{line}\necho "=== done"\n' for line in lines)
    said = shell(script, tmp_path, BPKIT_SANDBOX_TOKEN=sandbox.token).split("=== done\n")
    errors = [pair for pair in zip(lines, said, strict=False) if '"error"' in pair[1]]
    assert errors == [] and len(said) == len(lines) + 1
    assert json.loads(said[2])["accounts"] == ["demo"]


def test_every_call_is_on_the_page(still: Sandbox) -> None:
    shown = [line.split()[1:3] for line in commands(page(still).text, "steer")]
    assert len(shown) == len(ROUTES)
    for (method, path), route in zip(shown, ROUTES, strict=True):
        pattern = re.sub(r"\{\w+\}", "[A-Za-z0-9_]+", route.path or "/")
        assert method == route.method and re.fullmatch(pattern, path)
    for route in ROUTES:
        for name in (*(route.fields or ()), *route.query):
            assert re.search(rf"[(, \n]{name}[,)]", page(still).text), name


def test_the_page_and_its_calls_have_the_same_prefix(still: Sandbox) -> None:
    assert f"  SANDBOX={still.url}{PREFIX}\n" in page(still).text
