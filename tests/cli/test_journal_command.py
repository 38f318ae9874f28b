"""``python -m bpkit journal``: the journal for a person."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from bpkit.cli import journal, main
from bpkit.guard.journal import open_journal

SIGNED = 1795687200123  # 2026-11-26T10:00:00.123Z
KEY = "A" * 43 + "="
ORDER = {
    "symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "170.5", "quantity": "0.14",
    "clientId": 7,
}  # fmt: skip
ADDRESS = "7YttLkHDoNj9wyDur5pM1ejNaAvT9X4eqaYcHQqtj2G5"


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Two open writes of an earlier process, and one that was answered."""
    path = str(tmp_path / "orders.jsonl")
    made = open_journal(path, url="https://api.example", public_key=KEY, clock=lambda: SIGNED)
    send = lambda id, name, sent, worth: made.sending(  # noqa: E731
        id, name, sent, signed=SIGNED, window=5000, worth=worth
    )
    send("a", "execute_order_batch", [ORDER, ORDER | {"side": "Ask"}], [Decimal(10), Decimal(20)])
    made.unknown("a", "answer", "no answer within 10 seconds")
    send("b", "execute_order", ORDER, Decimal("23.87"))
    made.answered("b", 200, {"id": "1", "status": "Cancelled"}, Decimal("1.5"))
    withdrawal = {"address": ADDRESS, "symbol": "SOL", "quantity": "1"}
    send("c", "request_withdrawal", withdrawal | {"twoFactorToken": "(hidden)"}, Decimal(170))
    made.close()
    return path


def told(path: str, day: int = 26) -> list[str]:
    lines: list[str] = []
    now = datetime(2026, 11, day, 23, 59, tzinfo=UTC)
    assert journal.run(path, out=lines.append, now=lambda: now) == 0
    return lines


def test_a_secret_in_place_of_the_path_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    secret = "hJ3kP9vQ2mX7aB5nC8dE1fG4iL6oR0sTuVwYzAbCdEf="
    assert main(["journal", secret]) == 1
    assert "cannot be read" in (told := capsys.readouterr().err) and secret not in told


def test_it_shows_the_open_writes_first(path: str) -> None:
    assert told(path) == [
        "Open: 2. What became of them is not known; bp.reconcile() looks for them.",
        "  2026-11-26 10:00:00.123 UTC  execute_order_batch: no answer within 10 seconds",
        "    symbol=SOL_USDC side=Bid orderType=Limit price=170.5 quantity=0.14 clientId=7",
        "    symbol=SOL_USDC side=Ask orderType=Limit price=170.5 quantity=0.14 clientId=7",
        "  2026-11-26 10:00:00.123 UTC  request_withdrawal: the process ended before an answer "
        "was\n      noted",
        "    symbol=SOL quantity=1 address=7YttLk...j2G5",
        "Lines: 1 opened, 3 sending, 1 unknown, 1 answered, 1 closed",
        "Today (2026-11-26 in UTC): 201.5 USDC count against per_day",  # 30 + 1.5 + 170
    ]
    assert told(path, day=27)[-1] == "Today (2026-11-27 in UTC): 0 USDC count against per_day"


def test_it_shows_a_journal_that_is_being_written(path: str) -> None:
    made = open_journal(path, url="https://api.example", public_key=KEY, clock=lambda: SIGNED)
    made.resolved("a", ["filled", "not found"])
    made.resolved("c", ["accepted"])
    with open(path, "ab") as file:
        file.write(b'{"n":12,"event":"sen')
    before = Path(path).read_bytes()
    lines = told(path)
    assert lines[0] == "Open: none. What became of every write is known."
    assert lines[2] == "The last line is not whole: it is being written, or a crash has torn it."
    assert Path(path).read_bytes() == before
    made.close()


def test_it_is_archived(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["journal", path, "--archive"]) == 0
    old = next(one for one in Path(path).parent.glob("orders-*.jsonl"))
    assert capsys.readouterr().out == f"Renamed to {old}; {path} now has what is still needed.\n"
    kept = [json.loads(line) for line in Path(path).read_text("ascii").splitlines()]
    assert {one.get("id") for one in kept} >= {"a", "c"}
    assert main(["journal", path]) == 0
    assert capsys.readouterr().out.startswith("Open: 2.")


@pytest.mark.parametrize("text, said", [
    (None, "cannot be read: No such file"), ("notes\n", "is not a journal: line 1 (byte 0)"),
])  # fmt: skip
def test_what_cannot_be_read_is_said(
    text: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "other.jsonl"
    if text is not None:
        file.write_text(text, "ascii")
    for more in ([], ["--archive"]):
        assert main(["journal", str(file), *more]) == 1
        assert said in capsys.readouterr().err


def test_an_empty_file_has_nothing_to_archive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "empty.jsonl"
    file.touch()
    assert main(["journal", str(file)]) == 0
    assert "Lines: none" in capsys.readouterr().out
    assert main(["journal", str(file), "--archive"]) == 1
    assert "has no line yet, so there is nothing to archive" in capsys.readouterr().err


def test_a_journal_in_use_is_not_archived(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    from bpkit.guard.journal_file import JournalFile

    held = JournalFile(path)
    try:
        assert main(["journal", path, "--archive"]) == 1
        assert "is in use: process" in capsys.readouterr().err
    finally:
        held.close()
