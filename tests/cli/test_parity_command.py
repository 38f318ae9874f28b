"""``bpkit parity``: files and exit codes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bpkit.cli import main, parity
from bpkit.sandbox import Conflicts, Sandbox


@pytest.fixture
def theirs() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


def told(url: str, file: Path, *names: str) -> tuple[int, list[str]]:
    lines: list[str] = []
    return parity.run(url, str(file), names=names, out=lines.append, sleep=lambda _: None), lines


def test_it_writes_a_report_and_keeps_the_last_one(theirs: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "parity.md"
    status, lines = told(theirs.url, file, "slash")
    first = file.read_text("utf-8")
    assert (status, lines[-1]) == (0, f"The report is {file}.")
    assert lines[0].startswith("1 of ") and "at most 7 requests, GET alone" in lines[0]
    assert "| slash | confirmed | 20" in first
    assert told(theirs.url, file, "auth-status")[0] == 0
    second = file.read_text("utf-8")
    assert "- `auth-status`: not seen -> confirmed" in second
    assert "| slash | confirmed | 20" in second
    assert (tmp_path / "parity.last.md").read_text("utf-8") == first
    assert sorted(one.name for one in tmp_path.iterdir()) == ["parity.last.md", "parity.md"]


def test_the_exit_codes(
    theirs: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "parity.md"
    with Sandbox(conflicts=Conflicts(auth_status=401)) as other:
        status, lines = told(other.url, file, "auth-status")
    assert (status, lines[-1]) == (1, "Contradicted: auth-status.")
    assert told(theirs.url, file, "nope")[0] == 2
    assert "No report: there is no question 'nope'" in capsys.readouterr().err
    with theirs.fault("rate_limit", operations=["get_time"]):
        assert told(theirs.url, file, "slash")[0] == 2
    assert "It could not finish: the exchange answered 429" in capsys.readouterr().err
    assert told("http://api.example.com", file, "slash")[0] == 2  # a host that is not known


def test_a_key_is_read_from_the_environment(
    theirs: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "TDSkv44jf/iD/QCKkyCdixO+p1sfLXxk+PZH7mW/ams="
    monkeypatch.setenv("PUBLIC_KEY", theirs.key.public_key)
    monkeypatch.setenv("SECRET_KEY", secret)
    monkeypatch.setattr("bpkit.parity.PAUSE", 0)
    file = tmp_path / "parity.md"
    words = ["parity", "--key", "--against", theirs.url, "--report", str(file), "--rows"]
    assert main([*words, "balances", "auth-signature"]) == 0
    text = file.read_text("utf-8")
    assert "with a key" in text and "| balances | confirmed |" in text
    assert theirs.key.public_key not in text and secret not in text
