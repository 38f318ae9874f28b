"""The journal of writes: what is on the disk when, and what is known after a crash."""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from writes import LIVE, Answers, order

from bpkit.errors import BatchTransportError, InputError, JournalError, TransportError
from bpkit.guard import journal_file
from bpkit.guard.journal import Journal, open_journal
from bpkit.guard.limits import Arming, WriteGuard
from bpkit.operations import OPERATIONS

KEY = "A" * 43 + "="
SECRET = "s3cret+/" * 5 + "abc="
SIGNED = 1795687200123  # 2026-11-26T10:00:00.123Z
DAY = "2026-11-26"
ID = "9f2c51d07ab3e418"
SENT = {
    "clientId": 2846105733, "orderType": "Limit", "price": "170.5", "quantity": "0.14",
    "side": "Bid", "symbol": "SOL_USDC",
}  # fmt: skip
ANSWER = {
    "id": "59669287267", "clientId": 2846105733, "status": "New", "executedQuantity": "0",
    "executedQuoteQuantity": "0", "price": "170.5", "symbol": "SOL_USDC",
}  # fmt: skip
WORTH = Decimal("23.87")
POSIX = pytest.mark.skipif(os.name != "posix", reason="forks and signals are POSIX's")


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "orders.jsonl"
    from bpkit.guard import journal

    for one in [*journal._OPEN.values()]:
        while one.users:
            one.close()


def opened(path: Path, **options: Any) -> Journal:
    return open_journal(
        path, **{"url": LIVE, "public_key": KEY, "clock": lambda: SIGNED, **options}
    )


def sending(journal: Journal, attempt: str = ID, sent: Any = SENT, **options: Any) -> None:
    known = {"signed": SIGNED, "window": 5000, "unique_id": True, "worth": WORTH, **options}
    journal.sending(attempt, "execute_order", sent, **known)


def events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def names(path: Path) -> list[str]:
    return [one["event"] for one in events(path)]


def reopened(path: Path) -> Journal:
    """The journal after a restart: whatever was open in this process is forgotten."""
    from bpkit.guard import journal

    for one in [*journal._OPEN.values()]:
        one._file.close()
    journal._OPEN.clear()
    return opened(path)


# --- the lines ------------------------------------------------------------------------------------


def test_two_lines_of_a_life(path: Path) -> None:
    """The example of the format, to the character."""
    journal = opened(path, clock=lambda: SIGNED)
    sending(journal)
    journal.answered(ID, 200, ANSWER, WORTH)
    first, second, third = path.read_text("ascii").splitlines()
    start = json.loads(first)
    assert (start["n"], start["event"], start["journal"]) == (1, "opened", 1)
    assert (start["url"], start["public_key"], start["pid"]) == (LIVE, KEY, os.getpid())
    assert start["bpkit"] == "0.1.0" and start["host"]
    assert second == (
        '{"n":2,"event":"sending","time":"2026-11-26T10:00:00.123Z","id":"9f2c51d07ab3e418",'
        '"operation":"execute_order","sent":{"clientId":2846105733,"orderType":"Limit",'
        '"price":"170.5","quantity":"0.14","side":"Bid","symbol":"SOL_USDC"},'
        '"signed":1795687200123,"window":5000,"unique_id":true,"worth":"23.87","day":"2026-11-26"}'
    )
    assert third == (
        '{"n":3,"event":"answered","time":"2026-11-26T10:00:00.123Z","id":"9f2c51d07ab3e418",'
        '"status":200,"orders":[{"orderId":"59669287267","clientId":2846105733,"status":"New",'
        '"executedQuantity":"0","executedQuoteQuantity":"0"}],"counts":"23.87"}'
    )


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_only_the_owner_may_read_it(path: Path) -> None:
    opened(path).archive()
    files = [*path.parent.iterdir()]
    assert len(files) == 3  # the journal, its lock, and what was archived
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_every_event_has_its_fields(path: Path) -> None:
    journal = opened(path)
    for number in range(6):
        sending(journal, str(number))
    journal.answered("0", 202, {}, None)
    journal.refused("1", 400, "INVALID_ORDER", "x" * 300)
    journal.not_sent("2", "connect", "no connection")
    journal.unknown("3", "answer", "the answer was 502", 502, "text/html", "<" * 300)
    journal.resolved("3", ["filled"], [{"source": "get_fills", "id": "7", "price": "1"}],
                     [Decimal("0.14")], Decimal("23"))  # fmt: skip
    journal.counted("0", "59669287267", Decimal("0"), "cancel_order")
    journal.close()
    told = [{**one, "time": None, "n": None} for one in events(path)[7:]]
    empty = {"time": None, "n": None}
    assert told == [
        {"event": "answered", "id": "0", "status": 202, "orders": [], "counts": None, **empty},
        {"event": "refused", "id": "1", "status": 400, "code": "INVALID_ORDER",
         "message": "x" * 200, "counts": "0", **empty},
        {"event": "not_sent", "id": "2", "stage": "connect", "why": "no connection", "counts": "0",
         **empty},
        {"event": "unknown", "id": "3", "stage": "answer", "why": "the answer was 502",
         "status": 502, "content_type": "text/html", "first": "<" * 200, **empty},
        {"event": "resolved", "id": "3", "state": "filled",
         "evidence": [{"source": "get_fills", "id": "7"}], "executed": "0.14", "counts": "23",
         **empty},
        {"event": "counted", "id": "0", "orderId": "59669287267", "counts": "0",
         "seen_in": "cancel_order", **empty},
        {"event": "closed", **empty},
    ]  # fmt: skip
    assert [one["n"] for one in events(path)] == list(range(1, 15))


def test_every_line_goes_to_the_log(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "bpkit.journal")
    journal = opened(path)
    sending(journal)
    told = [one.getMessage() for one in caplog.records]
    assert "new journal: nothing is known of earlier orders, and the limits start at 0" in told
    assert json.loads(told[-1])["sent"] == SENT
    caplog.clear()
    reopened(path)
    assert not any("new journal" in one.getMessage() for one in caplog.records)


# --- what may never be in it ----------------------------------------------------------------------


def test_a_line_with_the_secret_is_not_written(path: Path) -> None:
    journal = opened(path, leaks=lambda text: SECRET in text)
    before = path.read_bytes()
    with pytest.raises(JournalError, match="contains the secret key.*nothing was sent") as caught:
        sending(journal, sent={"address": f"x{SECRET}"})
    assert SECRET not in str(caught.value)
    journal.unknown(ID, "answer", "no", first=SECRET)
    assert path.read_bytes() == before
    sending(journal)
    assert names(path) == ["opened", "sending"]


# --- it is on the disk before anything is sent ----------------------------------------------------


def watch(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls that write and sync, in their order."""
    told: list[str] = []
    write, sync = os.write, journal_file.sync_file

    def written(handle: int, data: bytes) -> int:
        told.append(json.loads(data).get("event", "lock"))
        return write(handle, data)

    monkeypatch.setattr(os, "write", written)
    monkeypatch.setattr(
        journal_file, "sync_file", lambda handle: (told.append("sync"), sync(handle))
    )
    return told


def test_what_is_synced(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = watch(monkeypatch)
    journal = opened(path)
    folder = ["sync"] if os.name == "posix" else []  # the name of the new file
    assert told == ["lock", *folder, "opened", "sync"]
    del told[:]
    sending(journal)
    journal.answered(ID, 200, ANSWER, WORTH)
    journal.counted(ID, "1", WORTH, "get_order")
    assert told == ["sending", "sync", "answered", "counted"]


def test_macos_empties_the_cache_of_the_drive(monkeypatch: pytest.MonkeyPatch) -> None:
    """``F_FULLFSYNC``, and ``fsync`` after any error of it."""
    told: list[Any] = []

    def full(handle: int, command: int) -> None:
        told.append(command)
        if len(told) > 1:
            raise OSError(errno.ENOTTY, "not here")

    fake = SimpleNamespace(F_FULLFSYNC=51, fcntl=full)
    monkeypatch.setitem(sys.modules, "fcntl", fake)
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(os, "fsync", lambda handle: told.append("fsync"))
    journal_file.sync_file(3)
    assert told == [51]
    journal_file.sync_file(3)
    assert told == [51, 51, "fsync"]


def full_disk(handle: int, data: bytes) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def half_written(handle: int, data: bytes) -> int:
    return REAL_WRITE(handle, data[: len(data) // 2])


REAL_WRITE = os.write


@pytest.mark.parametrize("fails", [full_disk, half_written])
def test_a_full_disk_sends_nothing_and_leaves_the_file_as_it_was(
    fails: Callable[[int, bytes], int], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = opened(path)
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fails)
        with pytest.raises(JournalError, match="No space left on device. Nothing was sent"):
            sending(journal)
        journal.answered("other", 200, ANSWER)  # never raises: the answer matters more
    assert path.read_bytes() == before and journal.open_attempts() == []
    sending(journal)  # there is space again
    assert [one["n"] for one in events(path)] == [1, 2]


def test_ctrl_c_while_it_is_written_leaves_the_file_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = opened(path)
    before = path.read_bytes()

    def interrupt(handle: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(journal_file, "sync_file", interrupt)
        with pytest.raises(KeyboardInterrupt):
            sending(journal)
    assert path.read_bytes() == before
    sending(journal)
    assert [one["n"] for one in events(path)] == [1, 2]


def test_after_a_failed_sync_nothing_more_is_sent(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = opened(path)
    before = path.read_bytes()

    def broken(handle: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(JournalError, match="could not be written: Input/output error"):
            sending(journal)
    for _ in range(2):  # it would work again, but what it says cannot be believed
        with pytest.raises(JournalError, match="could not be synced .*Input/output error.*new cl"):
            sending(journal)
    assert path.read_bytes() == before


def test_a_torn_line_that_cannot_be_removed_ends_the_journal(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = opened(path)

    def refuse(handle: int, length: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half_written)
        patch.setattr(os, "ftruncate", refuse)
        with pytest.raises(JournalError, match="could not be written"):
            sending(journal)
    with pytest.raises(JournalError, match="a torn line could not be removed"):
        sending(journal)
    assert reopened(path).open_attempts() == []
    assert names_of_whole(path) == ["opened", "recovered", "opened"]


def names_of_whole(path: Path) -> list[str]:
    """The events of the lines that parse."""
    found = []
    for line in path.read_bytes().split(b"\n"):
        try:
            found.append(json.loads(line)["event"])
        except ValueError:
            continue
    return found


# --- who may write --------------------------------------------------------------------------------

HOLD = """
import sys
from bpkit.guard.journal import open_journal
journal = open_journal(sys.argv[1], url=sys.argv[2], public_key=sys.argv[3])
journal.sending("9f2c51d07ab3e418", "execute_order", {"clientId": 5, "symbol": "SOL_USDC"},
                signed=1795687200123, window=5000, unique_id=True)
print("ready", flush=True)
sys.stdin.read()
"""


def test_another_process_is_refused_and_freed_by_its_death(path: Path) -> None:
    """It is killed after the line was synced, and before the first byte left."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), LIVE, KEY],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as other:  # fmt: skip
        assert other.stdout is not None and other.stdout.readline() == "ready\n"
        with pytest.raises(JournalError) as caught:
            opened(path)
        told = str(caught.value)
        assert f"is in use: process {other.pid} on " in told and "Only one process may" in told
        other.kill()
    (lost,) = opened(path).open_attempts()
    assert (lost.operation, lost.client_id, lost.window) == ("execute_order", 5, 5000)
    assert lost.reason == "the process ended before an answer was noted"


@POSIX
def test_a_forked_child_writes_nothing_and_does_not_keep_the_lock(path: Path) -> None:
    journal = opened(path)
    before = path.read_bytes()
    ready, told = os.pipe()
    child = os.fork()
    if not child:  # pragma: no cover
        said = []
        for write in (lambda: sending(journal), lambda: opened(path)):
            try:
                write()
                said.append("written")
            except JournalError as error:
                said.append(str(error))
        os.write(told, "\n".join(said).encode())
        signal.pause()
    try:
        os.close(told)
        mine, again = os.read(ready, 9999).decode().split("\n")
        assert f"was opened by process {os.getpid()}, and this is its fork {child}" in mine
        assert f"is in use: process {os.getpid()} on " in again
        assert path.read_bytes() == before
        journal.close()
        assert opened(path).open_attempts() == []  # the child still lives
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ready)


def test_clients_of_one_process_share_a_journal(path: Path) -> None:
    one, other = opened(path), opened(Path(os.path.relpath(path)))
    assert one is other
    one.close()
    sending(other)
    other.close()
    with pytest.raises(JournalError, match="it is closed. Make a new client. Nothing was sent"):
        sending(other)
    assert names(path) == ["opened", "sending", "closed"]
    assert opened(path) is not one


@pytest.mark.parametrize("change, told", [
    ({"url": "http://127.0.0.1:1"}, f"the host {LIVE}, and this client's is http://127.0.0.1:1"),
    ({"public_key": "B"}, f"the key {KEY}, and this client's is B"),
])  # fmt: skip
@pytest.mark.parametrize("again", [True, False], ids=["open", "closed"])
def test_another_host_or_key_is_refused(
    change: dict[str, str], told: str, again: bool, path: Path
) -> None:
    journal = opened(path)
    if not again:
        journal.close()
    before = path.read_bytes()
    with pytest.raises(JournalError) as caught:
        opened(path, **change)
    assert told in str(caught.value) and path.read_bytes() == before
    opened(path)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
@POSIX
def test_a_folder_that_cannot_be_locked_is_refused(
    number: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: int, how: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(JournalError, match="cannot be locked .*Use a folder on a local disk"):
        opened(path)
    assert not path.exists()


def test_windows_locks_a_byte_beyond_the_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int, int]] = []

    def locking(handle: int, how: int, size: int) -> None:
        asked.append((os.lseek(handle, 0, os.SEEK_CUR), how, size))
        if len(asked) > 1:
            raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(LK_NBLCK=2, locking=locking))
    monkeypatch.setattr(sys, "platform", "win32")
    path = str(tmp_path / "orders.jsonl")
    os.close(journal_file._lock(path))
    with pytest.raises(JournalError, match=f"is in use: process {os.getpid()} on .* has it since"):
        journal_file._lock(path)
    assert asked == [(1 << 30, 2, 1)] * 2


@pytest.mark.parametrize("given", ["", None, 5, True, "a\0b"])
def test_what_is_no_path_is_refused(given: Any) -> None:
    with pytest.raises(InputError, match='is not a path; write journal="orders.jsonl"'):
        opened(given)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        JournalError, match="lock cannot be opened: No such file .*. Make its folder"
    ):
        opened(tmp_path / "no" / "orders.jsonl")
    with pytest.raises(JournalError, match="Is a directory. It is a folder: pass"):
        opened(tmp_path)
    assert (tmp_path.parent / f"{tmp_path.name}.lock").exists()


# --- after a crash --------------------------------------------------------------------------------


def written(path: Path) -> bytes:
    """A journal with one order of which nothing more is known."""
    journal = opened(path)
    sending(journal)
    journal._file.close()
    return path.read_bytes()


def test_before_sending_nothing_is_known(path: Path) -> None:
    opened(path)
    assert reopened(path).open_attempts() == [] and names(path) == ["opened", "opened"]


def test_a_torn_sending_line_means_that_nothing_was_sent(path: Path) -> None:
    whole = written(path)
    start = whole.index(b'{"n":2')
    for cut in range(start + 1, len(whole) - 1, 8):
        path.write_bytes(whole[:cut])
        journal = reopened(path)
        assert journal.open_attempts() == [] and journal.spent_on(DAY) == 0
        fragment = whole[start:cut]
        assert path.read_bytes().startswith(whole[:cut] + b'\n{"n":2,"event":"recovered"')
        told = json.loads(path.read_bytes().splitlines()[2])
        assert told["line"] == 2 and told["bytes"] == len(fragment)
        assert told["fragment"] == fragment.decode()[:200]
        if cut % 5 == 0:  # it can be opened and written again
            sending(journal)
            (lost,) = reopened(path).open_attempts()
            assert lost.parameters == SENT


def test_a_line_without_its_end_is_whole(path: Path) -> None:
    whole = written(path)
    path.write_bytes(whole[:-1])
    assert len(reopened(path).open_attempts()) == 1
    assert names(path) == ["opened", "sending", "opened"]


def test_after_the_sync_it_is_unanswered(path: Path) -> None:
    written(path)
    for _ in range(3):  # looking changes nothing
        (lost,) = reopened(path).open_attempts()
    assert type(lost) is TransportError
    assert (lost.sent, lost.mutates, lost.unique_id) == (True, True, True)
    assert (lost.parameters, lost.url, lost.public_key) == (SENT, LIVE, KEY)
    assert lost.time is not None and lost.time.isoformat() == "2026-11-26T10:00:00.123000+00:00"
    assert (lost.window, lost.attempt) == (5000, ID)
    assert reopened(path).spent_on(DAY) == WORTH  # without any counts: in full


def test_a_lost_batch_is_a_batch(path: Path) -> None:
    journal = opened(path)
    sending(journal, sent=[SENT, SENT], worth=[WORTH, Decimal(5)])
    (lost,) = reopened(path).open_attempts()
    assert type(lost) is BatchTransportError and lost.parameters == [SENT, SENT]
    assert reopened(path).spent_on(DAY) == Decimal("28.87")


def test_a_torn_answer_leaves_it_unanswered(path: Path) -> None:
    journal = opened(path)
    sending(journal)
    start = len(path.read_bytes())
    journal.answered(ID, 200, ANSWER, Decimal(0))
    whole = path.read_bytes()
    for cut in (start, start + 1, (start + len(whole)) // 2, len(whole) - 2):
        path.write_bytes(whole[:cut])
        assert len(reopened(path).open_attempts()) == 1
    path.write_bytes(whole)
    assert reopened(path).open_attempts() == []


@pytest.mark.parametrize("torn", [b"", b'{"n":3,"ev'])
@pytest.mark.parametrize("zeros", [1, 4096])
def test_a_run_of_zero_bytes_is_a_torn_line(torn: bytes, zeros: int, path: Path) -> None:
    whole = written(path)
    path.write_bytes(whole + torn + b"\0" * zeros)
    assert len(reopened(path).open_attempts()) == 1
    assert names_of_whole(path) == ["opened", "sending", "recovered", "opened"]
    assert len(reopened(path).open_attempts()) == 1


@pytest.mark.parametrize(
    "again", [b"{", b'{"n":2,"event":"recov', b'{"n":2,"event":"recovered","l']
)
def test_a_crash_during_the_recovery_is_recovered(again: bytes, path: Path) -> None:
    whole = written(path)
    start = whole.index(b'{"n":2')
    path.write_bytes(whole[: start + 20] + b"\n" + again)
    journal = reopened(path)
    assert names_of_whole(path) == ["opened", "recovered", "recovered", "opened"]
    sending(journal)
    assert len(reopened(path).open_attempts()) == 1


@pytest.mark.parametrize("kept", [1, 12, 60])
def test_a_second_crash_during_the_recovery_is_recovered(kept: int, path: Path) -> None:
    """A torn line, a torn ``recovered`` line, and then one whole and another torn."""
    whole = written(path)
    start = whole.index(b'{"n":2')
    path.write_bytes(whole[: start + 20] + b'\n{"n":2,"event":"recov')
    reopened(path)
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:4], lines[4][:kept]]))
    journal = reopened(path)
    assert names_of_whole(path) == ["opened", *["recovered"] * 3, "opened"]
    sending(journal)
    assert len(reopened(path).open_attempts()) == 1


def test_a_file_that_was_torn_at_its_first_line_is_recovered(path: Path) -> None:
    whole = written(path)
    for cut in (1, 15, 60):
        path.write_bytes(whole[:cut] + b"\0" * (cut % 2))
        assert reopened(path).open_attempts() == []
        assert reopened(path).open_attempts() == []


@pytest.mark.parametrize("name", ["_write_synced", "os.rename", "sync_folder"])
def test_ctrl_c_while_it_is_archived_keeps_the_count_of_lines(
    name: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = opened(path)
    sending(journal)
    journal.answered(ID, 200, ANSWER, WORTH)
    with monkeypatch.context() as patch:

        def stop(*args: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(journal, "_clock", lambda: SIGNED + 86_400_000)  # a day later
        patch.setattr(f"bpkit.guard.journal_file.{name}", stop)
        with pytest.raises(KeyboardInterrupt):
            journal.archive()
    sending(journal, "b" * 16)
    assert [one["n"] for one in events(path)] == [*range(1, len(events(path)) + 1)]
    assert [one.attempt for one in reopened(path).open_attempts()] == ["b" * 16]


@pytest.mark.parametrize("letter", range(7))
def test_a_damaged_event_hides_no_write(letter: int, path: Path) -> None:
    """One bit of the word ``sending`` is flipped: the line is still JSON."""
    journal = opened(path)
    sending(journal)
    journal.close()
    data = bytearray(path.read_bytes())
    data[data.index(b"sending") + letter] ^= 4
    path.write_bytes(data)
    with pytest.raises(JournalError, match="n=2: .*is unknown"):
        opened(path)
    assert path.read_bytes() == data


def test_a_damaged_byte_is_named_and_the_file_is_left_alone(path: Path) -> None:
    journal = opened(path)
    sending(journal)
    journal.answered(ID, 200, ANSWER, WORTH)
    whole = path.read_bytes()
    start = whole.index(b'{"n":2')
    end = whole.index(b"\n", start)
    for at in (start, start + 1, start + 40, end - 1, end):
        hurt = whole[:at] + b"\xff" + whole[at + 1 :]
        path.write_bytes(hurt)
        with pytest.raises(JournalError) as caught:
            reopened(path)
        assert f"is damaged: line 2 (byte {start}): it is not JSON" in str(caught.value)
        assert path.read_bytes() == hurt
    path.write_bytes(whole)
    assert reopened(path).open_attempts() == []


def test_a_missing_line_is_named(path: Path) -> None:
    journal = opened(path)
    sending(journal)
    journal.answered(ID, 200, ANSWER, WORTH)
    first, second, third = path.read_bytes().splitlines(keepends=True)
    for data, line, told in (
        (first + third, 2, "its n is 3, and 2 is the next"),
        (first + second + second, 3, "its n is 2, and 3 is the next"),
        (second + third, 1, "its n is 2, and 1 is the next"),
    ):
        path.write_bytes(data)
        with pytest.raises(JournalError, match=f"line {line} .byte .*: {told}"):
            reopened(path)
        assert path.read_bytes() == data


@pytest.mark.parametrize("text, told", [
    ("my notes", "is not a journal: line 1 (byte 0): it is not JSON"),
    ('{"n":1,"event":"sending"}\n', "is not a journal: its first line does not say who opened it"),
    ('{"n":1,"event":"opened","journal":2}\n', "has format 2, and this bpkit reads 1 only"),
    ('{"a":1}\n', "its n is None"),
    ("[]\n", "line 1 (byte 0): it is not JSON"),
    ('{"n":1,"event":"opened","journal":1}\n{"n":2,"event":"sending"}\n', "n=2: a field is miss"),
    ('{"n":1,"event":"opened","journal":1}\n{"n":2}\n', "n=2: a field is missing"),
])  # fmt: skip
def test_another_file_is_refused(text: str, told: str, path: Path) -> None:
    path.write_text(text, "utf-8")
    with pytest.raises(JournalError) as caught:
        opened(path)
    assert told in str(caught.value) and path.read_text("utf-8") == text


def test_a_clock_that_is_set_back_changes_no_order(path: Path) -> None:
    now = [SIGNED]
    journal = opened(path, clock=lambda: now[0])
    for number in range(3):
        sending(journal, str(number), signed=now[0])
        now[0] -= 3_600_000
    assert [one.attempt for one in reopened(path).open_attempts()] == ["0", "1", "2"]
    assert [one["n"] for one in events(path)] == [1, 2, 3, 4, 5]


def test_an_old_copy_makes_orders_look_unanswered(path: Path) -> None:
    old = written(path)
    journal = reopened(path)
    journal.answered(ID, 200, ANSWER, WORTH)
    assert reopened(path).open_attempts() == []
    path.write_bytes(old)
    assert [one.attempt for one in reopened(path).open_attempts()] == [ID]


# --- what is known of a write ---------------------------------------------------------------------


def test_only_evidence_closes_an_attempt(path: Path) -> None:
    journal = opened(path)
    for number in range(5):
        sending(journal, str(number))
    assert journal.open_attempts() == []  # this process still waits for the answers
    journal.unknown("0", "answer", "no answer within 10 seconds")
    journal.unknown("1", "answer", "the connection was lost")
    journal.answered("2", 200, ANSWER, WORTH)
    journal.refused("3", 400, None, "no")
    journal.not_sent("4", "connect", "no connection")
    assert [one.reason for one in journal.open_attempts()] == [
        "no answer within 10 seconds", "the connection was lost",
    ]  # fmt: skip
    journal.resolved("0", ["unclear"])
    journal.resolved("1", ["not found"], counts=Decimal(0))
    for same in (journal, reopened(path)):
        assert [one.attempt for one in same.open_attempts()] == ["0"]
        assert same.spent_on(DAY) == 2 * WORTH  # of 0 and 2
    assert "unclear" not in path.read_text("ascii")


def test_a_batch_is_resolved_when_nothing_of_it_is_unclear(path: Path) -> None:
    journal = opened(path)
    sending(journal, sent=[SENT, SENT], worth=[WORTH, WORTH])
    journal.unknown(ID, "answer", "no answer")
    journal.resolved(ID, ["filled", "unclear"])
    assert len(journal.open_attempts()) == 1
    journal.resolved(ID, ["filled", "not found"], executed=[Decimal("0.14"), Decimal(0)],
                     counts=[Decimal(20), Decimal(0)])  # fmt: skip
    assert journal.open_attempts() == [] and journal.spent_on(DAY) == 20
    told = events(path)[-1]
    assert (told["state"], told["executed"]) == (["filled", "not found"], ["0.14", "0"])
    assert told["counts"] == ["20", "0"]


def test_what_you_looked_up_yourself_is_closed_by_you(path: Path) -> None:
    journal = opened(path)
    sending(journal)
    journal.unknown(ID, "answer", "no answer")
    journal.resolved(ID, ["looked up by hand"])
    assert journal.open_attempts() == [] and journal.spent_on(DAY) == WORTH
    with pytest.raises(InputError, match="'x': is not in this journal; pass error.attempt"):
        journal.resolved("x", ["looked up by hand"])


def test_client_ids_of_the_file_are_known(path: Path) -> None:
    journal = opened(path)
    sending(journal)
    journal.sending("b", "request_withdrawal", {"clientId": "77"}, signed=SIGNED, window=5000)
    journal.sending("c", "strategy_create", {"clientStrategyId": 9}, signed=SIGNED, window=5000)
    for same in (journal, reopened(path)):
        assert all(map(same.is_used, (2846105733, 77, "77", 9)))
        assert not same.is_used(8)


def test_a_client_id_is_unique_only_if_that_was_said(path: Path) -> None:
    """A search by an id that is not unique could find another order."""
    journal = opened(path)
    for attempt, said in (("a", {}), ("b", {"unique_id": True})):
        journal.sending(attempt, "execute_order", SENT, signed=SIGNED, window=5000, **said)
    found = {error.attempt: error.unique_id for error in reopened(path).open_attempts()}
    assert found == {"a": False, "b": True}


def test_the_day_is_that_of_the_signature_and_the_newest_count_holds(path: Path) -> None:
    midnight = 1795737600000
    journal = opened(path)
    sending(journal, "a", signed=midnight - 1)
    sending(journal, "b", signed=midnight, worth=None)
    sending(journal, "c", signed=midnight, worth=Decimal(5))
    journal.answered("a", 200, ANSWER, Decimal(20))
    journal.counted("a", "1", Decimal("3.5"), "cancel_order")
    for same in (journal, reopened(path)):
        assert (same.spent_on(DAY), same.spent_on("2026-11-27")) == (Decimal("3.5"), 5)


def guarded(journal: Journal, **caps: str) -> WriteGuard:
    arming = Arming(**{"orders": True, "per_order": "60", "per_session": "500", "per_day": "100",
                       **caps})  # type: ignore[arg-type]  # fmt: skip
    return WriteGuard(
        arming, LIVE, False, Answers(), spending=journal.spending, clock=lambda: SIGNED
    )


def send(guard: WriteGuard, journal: Journal, fields: Any, answer: Any = None) -> str:
    """What a client does with one order; no answer: it is lost."""
    operation = OPERATIONS["execute_order_batch" if isinstance(fields, list) else "execute_order"]
    admitted = guard.admit(operation, fields, unique_id=True)
    journal.sending(
        admitted.id, operation.name, fields, signed=admitted.signed, window=5000, unique_id=True,
        worth=admitted.worth,
    )  # fmt: skip
    if answer is not None:
        guard.answered(admitted, answer)
        journal.answered(admitted.id, 200, answer, admitted.counts)
    return admitted.id


def shown(id: str, status: str, base: str = "0", quote: str = "0", **more: Any) -> dict[str, Any]:
    return {"id": id, "status": status, "executedQuantity": base, "executedQuoteQuantity": quote,
            "symbol": "SOL_USDC", "side": "Bid", **more}  # fmt: skip


def test_what_was_sent_today_counts_after_a_restart(path: Path) -> None:
    journal = opened(path)
    guard = guarded(journal)
    send(guard, journal, order(price="10", clientId=1), shown("1", "Filled", "1", "9.5"))
    send(guard, journal, order(price="20", clientId=2), shown("2", "New"))
    send(guard, journal, order(price="40", clientId=3))
    assert guard.spent == Decimal("69.5")
    journal = reopened(path)
    guard = guarded(journal)
    assert guard.spent == 0 and journal.spending.day(DAY).value == Decimal("69.5")
    with pytest.raises(Exception, match="spent 69.5 of per_day=100 USDC on 2026-11-26 in UTC"):
        guard.admit(OPERATIONS["execute_order"], order(price="31"))
    guard.saw("cancel_order", shown("2", "Cancelled", "0.5", "9"))  # sent before the restart
    guard.saw("get_order_history", [shown("3", "Cancelled", clientId=3)])  # its answer was lost
    for same in (journal, reopened(path)):
        assert same.spent_on(DAY) == same.spending.day(DAY).value == Decimal("18.5")
    assert [one["seen_in"] for one in events(path) if one["event"] == "counted"] == [
        "cancel_order", "get_order_history",
    ]  # fmt: skip


def test_a_batch_counts_order_by_order_after_a_restart(path: Path) -> None:
    journal = opened(path)
    guard = guarded(journal)
    rows = [shown("1", "New", operation="Ok"), {"operation": "Err", "code": "INVALID_ORDER"},
            shown("3", "New", operation="Ok")]  # fmt: skip
    send(guard, journal, [order(price="10"), order(price="20"), order(price="40")], rows)
    assert events(path)[-1]["counts"] == ["10", "0", "40"]
    guard = guarded(reopened(path))
    guard.saw("cancel_order", shown("3", "Cancelled"))
    assert reopened(path).spent_on(DAY) == 10


def test_what_was_sent_on_another_day_is_not_counted(path: Path) -> None:
    journal = opened(path)
    sending(journal, signed=SIGNED - 86_400_000, worth=Decimal(99))
    journal = reopened(path)
    assert journal.spending.day(DAY).value == 0 and len(journal.open_attempts()) == 1
    assert not journal.spending._attempts


def test_threads_write_whole_lines(path: Path) -> None:
    journal = opened(path)

    def write(first: int) -> None:
        for number in range(first, first + 25):
            sending(journal, str(number))
            journal.answered(str(number), 200, ANSWER, WORTH)

    threads = [threading.Thread(target=write, args=(100 * one,)) for one in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert [one["n"] for one in events(path)] == list(range(1, 202))
    assert reopened(path).open_attempts() == [] and journal.spent_on(DAY) == 100 * WORTH


# --- the archive ----------------------------------------------------------------------------------

DAYS_LATER = SIGNED + 3 * 86_400_000


def aged(path: Path) -> Journal:
    """Three days old: an answered order, a lost one; and one of today."""
    now = [SIGNED]
    journal = opened(path, clock=lambda: now[0])
    sending(journal, "old", worth=Decimal(1))
    journal.answered("old", 200, ANSWER, Decimal(1))
    sending(journal, "lost", worth=Decimal(2))
    now[0] = DAYS_LATER
    sending(journal, "today", signed=DAYS_LATER, worth=Decimal(4))
    journal.answered("today", 200, ANSWER, Decimal(3))
    return journal


def test_the_archive_keeps_what_is_open_and_what_is_of_today(path: Path) -> None:
    journal = aged(path)
    before = path.read_bytes()
    old = Path(journal.archive())
    assert old.name == "orders-2026-11-29.jsonl" and old.read_bytes() == before
    assert [(one["n"], one["event"], one.get("id")) for one in events(path)] == [
        (1, "opened", None), (2, "sending", "lost"), (3, "sending", "today"),
        (4, "answered", "today"),
    ]  # fmt: skip
    assert events(path)[1]["time"] == "2026-11-26T10:00:00.123Z"
    sending(journal, "next", signed=DAYS_LATER)
    assert events(path)[-1]["n"] == 5
    again = reopened(path)
    assert [one.attempt for one in again.open_attempts()] == ["lost", "next"]
    assert again.spent_on("2026-11-29") == 3 + WORTH
    assert Path(again.archive()).name == "orders-2026-11-26.jsonl"  # by its own clock
    assert Path(again.archive()).name == "orders-2026-11-26-2.jsonl"


def test_it_stays_locked_after_the_archive(path: Path) -> None:
    journal = opened(path)
    journal.archive()
    with pytest.raises(JournalError, match="is in use"):
        journal_file.JournalFile(str(path))


CRASH = """
import os, sys
from bpkit.guard.journal import open_journal
path, url, key, now, last = sys.argv[1:]
journal, rename = open_journal(path, url=url, public_key=key, clock=lambda: int(now)), os.rename
calls = []
def crash(source, target):
    calls.append(source)
    if len(calls) == int(last):
        os._exit(9)
    rename(source, target)
os.rename = crash
journal.archive()
"""


@pytest.mark.parametrize("last", [1, 2])
def test_a_crash_during_the_archive_loses_nothing(last: int, path: Path) -> None:
    """The process ends at the first or at the second rename."""
    aged(path).close()
    done = subprocess.run(
        [sys.executable, "-c", CRASH, str(path), LIVE, KEY, str(DAYS_LATER), str(last)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}, check=False,
    )  # fmt: skip
    assert done.returncode == 9 and path.exists() == (last == 1)
    again = reopened(path)
    assert [one.attempt for one in again.open_attempts()] == ["lost"]
    assert again.spent_on("2026-11-29") == 3
    assert ('"old"' in path.read_text("ascii")) == (last == 1)


@pytest.mark.parametrize("call", ["os.rename", "os.open"])
def test_an_archive_that_fails_changes_nothing(
    call: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = aged(path)
    before, real = path.read_bytes(), os.open

    def refuse(name: str, *more: Any, **others: Any) -> Any:
        if call == "os.rename" or str(name).endswith(".new"):
            raise OSError(errno.EACCES, "Permission denied")
        return real(name, *more, **others)

    with monkeypatch.context() as patch:
        patch.setattr(call, refuse)
        with pytest.raises(JournalError, match="could not be archived: Permission denied"):
            journal.archive()
    assert path.read_bytes() == before
    sending(journal, "next")
    assert events(path)[-1]["n"] == 6 + 1


def test_a_damaged_id_hides_no_write(path: Path) -> None:
    """Two writes with one id: the second would hide the first."""
    with_two = [
        {"n": 1, "event": "opened", "time": "t", "journal": 1, "url": LIVE, "public_key": KEY},
        *(
            {
                "n": n, "event": "sending", "time": "t", "id": ID, "operation": "execute_order",
                "sent": SENT, "signed": SIGNED, "window": 5000, "unique_id": True, "worth": "1",
                "day": DAY,
            }
            for n in (2, 3)
        ),
    ]  # fmt: skip
    path.write_text("".join(json.dumps(one) + "\n" for one in with_two))
    before = path.read_bytes()
    with pytest.raises(JournalError, match=f"id='{ID}' is there twice"):
        open_journal(path, url=LIVE, public_key=KEY)
    assert path.read_bytes() == before
