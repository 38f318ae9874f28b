"""The commands in a terminal: what they print, and how they end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from helpers import DEMO_SECRET

import bpkit
from bpkit import Client, Key, cli
from bpkit.cli import main
from bpkit.sandbox import Sandbox

POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and pipes are POSIX's")
BPKIT = [sys.executable, "-m", "bpkit"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*BPKIT, *arguments], capture_output=True, text=True, timeout=60)


@contextmanager
def serving(
    *arguments: str, command: tuple[str, ...] = ()
) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """A sandbox in another process, its address, and what it printed first."""
    process = subprocess.Popen(
        [*command, *BPKIT, "sandbox", "--port", "0", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        greeting = ""
        for line in process.stdout:
            greeting += line
            if line == "Ctrl+C ends it.\n":
                break
        found = re.search(r"http://127\.0\.0\.1:\d+", greeting)
        assert found is not None
        yield process, found.group(), greeting
    finally:
        process.kill()
        process.wait(10)
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()


# --- the words ------------------------------------------------------------------------------------


def test_without_a_word_it_prints_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    shown = capsys.readouterr()
    assert shown.err == "" and shown.out.startswith("usage: bpkit ")
    for command in ("sandbox", "tour", "operations", "doctor", "journal"):
        assert re.search(rf"^ +{command}\b", shown.out, re.MULTILINE)


def test_the_words_are_those_of_the_process() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"bpkit {bpkit.__version__}\n")


@pytest.mark.parametrize("word, hint", [
    ("sandbx", "unknown command 'sandbx'; did you mean: sandbox?"),
    ("operation", "unknown command 'operation'; did you mean: operations?"),
    ("zzz", "unknown command 'zzz'; there are: sandbox, tour, operations, doctor, journal, parity"),
])  # fmt: skip
def test_a_misspelt_command(word: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([word, "--port", "1"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith(f"bpkit: error: {hint}\n")


@pytest.mark.parametrize("arguments", [
    ["sandbox", "--port", "x"], ["sandbox", "more"], ["--nonsense"], ["doctor", "--env"],
    ["operations", "a", "b"],
])  # fmt: skip
def test_a_wrong_argument(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2 and "usage: bpkit" in capsys.readouterr().err


@POSIX
def test_a_reader_that_stops_early_gets_no_traceback() -> None:
    """As ``| head`` does, here before the first line."""
    reading, writing = os.pipe()
    os.close(reading)
    buffered = {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with open(writing, "wb") as pipe:
        done = subprocess.run(
            [*BPKIT, "operations"], stdout=pipe, stderr=subprocess.PIPE, env=buffered
        )
    assert (done.returncode, done.stderr) == (1, b"")


# --- operations -----------------------------------------------------------------------------------

EXAMPLES = """\
ping                             no     GET    /api/v1/ping
get_deposit_address              yes    GET    /wapi/v1/capital/deposit/address
execute_order                    yes    POST   /api/v1/order
cancel_order                     yes    DELETE /api/v1/order
update_account_settings          yes    PATCH  /api/v1/account
update_withdrawal_delay
                      *      PATCH  /wapi/v1/capital/withdrawals/delay
get_borrow_lend_estimated_liquidation_price
                      *      GET    /api/v1/borrowLend/position/liquidationPrice
"""
NOT_SIGNABLE = "* private, but how to sign it is not documented: it cannot be called"


def test_operations_lists_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["operations"]) == 0
    first, *lines, last = capsys.readouterr().out.splitlines()
    assert first == "method of Client                 signed HTTP   path"
    assert last == NOT_SIGNABLE
    assert len(lines) == 88 + 6  # 81 documented, 7 more, and 6 that need two lines
    assert max(map(len, lines)) == 80
    names = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert sorted(names) == sorted(one["name"] for one in bpkit.operations())
    for example in EXAMPLES.splitlines():
        assert example in lines


def test_operations_can_be_narrowed_down_by_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["operations", "REDEEM"]) == 0
    found = bpkit.operations("REDEEM")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [one["name"] for one in found]
    assert {"vault_redeem", "vault_redeem_cancel"} <= {one["name"] for one in found}
    assert "get_klines" not in [one["name"] for one in found]
    assert NOT_SIGNABLE not in lines


@pytest.mark.parametrize("word, noted", [
    ("ping", False), ("execute_order", False), ("withdrawal_delay", True),
])  # fmt: skip
def test_a_star_is_explained(word: str, noted: bool, capsys: pytest.CaptureFixture[str]) -> None:
    main(["operations", word])
    shown = capsys.readouterr().out
    assert (NOT_SIGNABLE in shown) == noted == (" * " in shown)


def test_a_word_without_a_match(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["operations", "zebra"]) == 1
    assert tuple(capsys.readouterr()) == ("", "No operation matches 'zebra'.\n")


# --- tour -----------------------------------------------------------------------------------------


def test_the_tour_walks_to_the_fill(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tour"]) == 0
    shown = capsys.readouterr().out
    assert "status New" in shown
    # 20 SOL, and one more less the maker's 0.08 %
    assert "filled: 1 SOL at 170.5, fee 0.0008 SOL" in shown
    assert "20.9992 SOL" in shown
    signed = "instruction=depositAddressQuery&blockchain=Solana&timestamp="
    assert re.search(rf"^   {signed}\d{{13}}&window=5000$", shown, re.MULTILINE)
    assert max(map(len, shown.splitlines())) <= 92


# --- sandbox --------------------------------------------------------------------------------------


def test_a_sandbox_for_other_programs_follows_the_clock() -> None:
    with serving() as (_, url, greeting), Client(url, Key(DEMO_SECRET)) as bp:
        assert "Its market follows the clock." in greeting
        now = datetime.now(UTC)
        candles = bp.get_klines("SOL_USDC", "1m", start_time=now - timedelta(minutes=10)).df
        assert now - timedelta(minutes=2.1) < candles.index[-1] < now
        order = bp.execute_order("SOL_USDC", "Bid", "Market", quantity="1")
        assert abs(order["createdAt"] / 1000 - time.time()) < 60


def test_a_still_sandbox_with_another_seed() -> None:
    with serving("--still", "--seed", "a") as (_, url, greeting), Client(url) as bp:
        assert "The market's time is 2026-09-01 12:00 UTC and does not pass" in greeting
        depth = bp.get_depth("SOL_USDC", 5)
        assert depth["timestamp"] == 1_788_264_000_000_000  # 2026-09-01 12:00
    for seed, same in (("a", True), ("b", False)):
        with Sandbox(seed=seed) as here, Client(here.url) as bp:
            assert (bp.get_depth("SOL_USDC", 5)["asks"] == depth["asks"]) == same


@POSIX
@pytest.mark.parametrize("command", [
    (),
    # What a shell does for a program that a script starts with "&".
    ("sh", "-c", 'trap "" INT; exec "$@"', "sh"),
], ids=["in front", "in the background"])  # fmt: skip
def test_it_says_how_to_reach_it_and_ends_with_ctrl_c(command: tuple[str, ...]) -> None:
    with serving(command=command) as (process, url, greeting):
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert process.stdout is not None and process.stderr is not None
        assert (process.stdout.read(), process.stderr.read()) == ("Ended.\n", "")
    assert f"curl '{url}/api/v1/ticker?symbol=SOL_USDC'" in greeting
    assert max(map(len, greeting.splitlines())) <= 92


def test_the_greeting_is_python_that_works() -> None:
    with serving("--still") as (_, url, greeting):
        code = re.search(r"In Python:\n((?:  .*\n)+)", greeting)
        assert code is not None
        names: dict[str, Client] = {}
        exec(code[1].replace("\n  ", "\n").strip(), names)
        with names["bp"] as bp:
            assert bp.url == url and bp.get_balances()["USDC"]["available"] == "10000"
    assert f"  SECRET_KEY={DEMO_SECRET}\n" in greeting
    with Client("http://127.0.0.1:1", Key(DEMO_SECRET)) as bp:
        assert bp.key is not None and f"  PUBLIC_KEY={bp.key.public_key}\n" in greeting


@POSIX
def test_it_ends_when_it_is_told_to() -> None:
    with serving("--still") as (process, _, _):
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert process.stdout is not None and process.stdout.read() == "Ended.\n"


def steer(url: str, token: str, path: str) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{url}/sandbox/v1/{path}", headers=headers, timeout=10).json()


def test_a_sandbox_for_a_class() -> None:
    """The command of the README: a speed, a seed, and keys to hand out."""
    options = ("--speed", "60", "--seed", "7", "--accounts", "30")
    with serving(*options) as (_, url, greeting):
        assert (
            "Its market starts at 2026-09-01 12:00 UTC; 60 seconds of it pass in each second."
            in greeting
        )
        token = re.search(r"^  BPKIT_SANDBOX_TOKEN=(\S+)$", greeting, re.MULTILINE)
        assert token is not None
        state = steer(url, token[1], "")
        assert state["clock"] == {"status": "ready", "speed": 60} and state["seed"] == "7"
        assert state["accounts"] == ["demo", *(f"account{n}" for n in range(1, 31))]
        table = greeting.partition("name,public_key,secret\n")[2].splitlines()
        rows = [line.split(",") for line in table if "," in line]
        assert [row[0] for row in rows] == state["accounts"][1:]
        key = Key(rows[29][2], rows[29][1])
        with Client(url, key) as bp:
            assert key.is_sandbox and bp.get_balances()["USDC"]["available"] == "10000"


@POSIX
def test_the_keys_go_into_a_file_that_nobody_else_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "keys.csv"
    with serving("--still", "--accounts", "2", "--keys", str(file)) as (_, _, greeting):
        head, *rows = file.read_text().splitlines()
        assert head == "name,public_key,secret" and len(rows) == 2
        assert file.stat().st_mode & 0o777 == 0o600
        assert all(row.split(",")[2] not in greeting for row in rows)
        assert f"The keys of 2 more accounts are in {file}\n" in greeting
    assert main(["sandbox", "--port", "0", "--accounts", "1", "--keys", str(file)]) == 1
    shown = capsys.readouterr()
    assert "File exists; choose another file for the keys" in shown.err and shown.out == ""


def test_a_sandbox_for_other_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BPKIT_SANDBOX_TOKEN", "of-the-environment")
    names = ("--name", "sandbox", "--name", "exchange")
    with serving("--still", "--host", "0.0.0.0", *names) as (_, url, greeting):
        assert steer(url, "of-the-environment", "clock")["speed"] == 0
        assert "the token is the one that you gave" in greeting
        assert "of-the-environment" not in greeting
        for host, status in (("sandbox", 200), ("exchange:1", 200), ("other", 421)):
            answer = requests.get(f"{url}/api/v1/ping", headers={"Host": host}, timeout=10)
            assert answer.status_code == status


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "0.0.0.0"], "other machines could steer this sandbox: give it a token"),
        (["--host", "here"], "host='here' is not an address"),
        (["--accounts", "-1"], "--accounts -1 is not from 0 to 10,000"),
        (["--keys", "keys.csv"], "--keys FILE needs --accounts"),
        (["--speed", "3601"], "speed=3601 is not a number above 0 and up to 3,600"),
        (["--speed", "nan"], "speed=nan is not a number above 0"),
        (["--token", "short"], "the token is not text of 8 or more letters"),
    ],
)
def test_options_of_a_sandbox_that_are_refused(
    options: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("BPKIT_SANDBOX_TOKEN", raising=False)
    assert main(["sandbox", "--port", "0", *options]) == 1
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.startswith(f"No sandbox: {said}")


def test_a_market_stands_still_or_runs() -> None:
    with pytest.raises(SystemExit):
        main(["sandbox", "--still", "--speed", "5"])


def test_a_sandbox_that_cannot_start(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["sandbox", "--port", port]) == 1
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.startswith(f"No sandbox: port {port} is in use")
    assert main(["sandbox", "--port", "70000"]) == 1
    assert capsys.readouterr().err.startswith("No sandbox: port=70000 is not")


def test_the_port_is_the_one_that_the_doctor_names() -> None:
    assert cli._parser()[0].parse_args(["sandbox"]).port == 8787


# --- a library that is not installed --------------------------------------------------------------


def test_a_missing_extra_is_one_line() -> None:
    code = (
        "import sys; sys.modules['tornado.httpserver'] = None; from bpkit.cli import main; "
        "print(main(['sandbox']), main(['tour']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "1 1\n"
    needs = "bpkit.sandbox needs tornado, which is not installed"
    assert done.stderr == f'{needs}: pip install "bpkit[sandbox]"\n' * 2


def test_the_error_of_a_missing_extra_says_what_to_install() -> None:
    error = bpkit.errors.missing_extra("bpkit.plots", "matplotlib", "plots")
    assert isinstance(error, bpkit.BpkitError) and isinstance(error, ImportError)
    said = 'bpkit.plots needs matplotlib, which is not installed: pip install "bpkit[plots]"'
    assert str(error) == said


def test_the_doctor_gets_its_options(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def check(url: str | None, path: str | None, *, prefix: str) -> int:
        asked.append((url, path, prefix))
        return 1

    monkeypatch.setattr("bpkit.cli.check_setup.run", check)
    assert cli.main(["doctor"]) == 1
    assert cli.main(["doctor", "--url", "u", "--env", "e", "--prefix", "SUB_"]) == 1
    assert asked == [(None, None, ""), ("u", "e", "SUB_")]
