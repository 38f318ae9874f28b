"""Is this set-up right? ``.env``, git, the key pair, the host, the clock, the account: a line each.

For ``python -m bpkit doctor``. It only looks: nothing is changed, on this machine or at the
exchange, and no secret is shown.
"""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from .. import Client, clock
from ..env import PUBLIC, SECRET
from ..errors import (
    ApiError,
    BpkitError,
    GuardError,
    KeyFormatError,
    MissingKeyError,
    TransportError,
)
from ..guard import hosts
from ..signing import DEMO_PUBLIC_KEY, Key

FAR_OFF = timedelta(seconds=1)  # for a clock; what the measuring leaves uncertain comes on top
_PATIENCE = 10  # seconds for each question to git
_COMMITS = 1000  # with a .env in them, newest first, are looked through
_LENGTHS = {
    r" \(\d+ characters\)": "",
    r"holds \d+ bytes instead of 32": "does not hold 32 bytes",
    r"holds \d+ bytes:": "holds",
}
_GUIDES = "the demo pair of Backpack's guide"


class Line(NamedTuple):
    """One thing that was checked. ``mark``: ok; fix, where it failed; skip, where it could not be.

    ``what`` was checked, what is ``said`` of it, and the ``remedy``, "" where none is needed.
    """

    mark: str
    what: str
    said: str
    remedy: str = ""

    def __str__(self) -> str:
        text = f"{self.said}. {self.remedy}" if self.remedy else self.said
        # A server's words may hold what moves a terminal's cursor, and many lines.
        plain = "".join(one if one.isprintable() else " " for one in text)
        return f"{self.mark:<4}  {self.what:<8}  {' '.join(plain.split())}"


def connect(url: str, key: Key | None) -> Client:
    """The client that asks, with little patience. Nothing is sent yet. Raises GuardError."""
    return Client(url, key, timeout=(3.05, 5.0))


def run(
    url: str | None,
    path: str | None,
    *,
    out: Callable[[str], object] = print,
    connect: Callable[[str, Key | None], Client] = connect,
) -> int:
    """Check a set-up and give ``out`` a line for each check. 0, or 1 where something is to fix.

    ``url``: of the exchange; None: the live one. ``path``: of the file with the pair; None: the
    nearest ``.env``, as ``Key.from_env()`` finds it.
    """
    marks = set()
    for line in _lines(url, path, out, connect):
        out(str(line))
        marks.add(line.mark)
    return int("fix" in marks)


def _lines(
    url: str | None,
    path: str | None,
    out: Callable[[str], object],
    connect: Callable[[str, Key | None], Client],
) -> Iterator[Line]:
    file = find(path)
    key, pair = check_pair(file, path)
    yield check_file(file, path, key)
    yield check_git(file, key)
    yield pair
    try:
        host = hosts.check_host(hosts.LIVE_URL if url is None else url)
    except GuardError as error:
        yield check_owner(key, None, url is not None)
        local = "--url http://127.0.0.1:8787, or leave --url out for the live exchange"
        yield Line("fix", "host", str(error), f"For a sandbox write {local}.")
        yield from _skipped("there is no host to ask", "clock", "account")
        return
    yield check_owner(key, host, url is not None)
    if key is not None and key.public_key == DEMO_PUBLIC_KEY and not host.loopback:
        yield from _skipped(f"{_GUIDES} is for a sandbox alone", "host", "clock", "account")
        return
    if not host.loopback:
        count = "two questions" if key is None else "three questions"
        out(f"Now {host.url} is asked {count} that only read. Nothing is changed there.")
    with connect(host.url, key) as bp:
        yield from _asked(bp, host.loopback)


def _asked(bp: Client, loopback: bool) -> Iterator[Line]:
    first = check_host(bp, loopback)
    yield first
    if first.mark == "fix":
        yield from _skipped("the host does not answer as it should", "clock", "account")
        return
    yield check_clock(bp)
    yield check_account(bp, loopback)


def _skipped(why: str, *checks: str) -> Iterator[Line]:
    for what in checks:
        yield Line("skip", what, f"not asked, because {why}")


# --- on this machine ------------------------------------------------------------------------------


def find(path: str | None) -> Path | None:
    """The file with the pair: ``path``, or the nearest ``.env`` from the working folder upwards."""
    here = Path.cwd()
    places = [here / path] if path is not None else [up / ".env" for up in (here, *here.parents)]
    return next((one for one in places if one.exists() and not one.is_dir()), None)


def check_file(file: Path | None, path: str | None, key: Key | None) -> Line:
    """Is there one, may you read it, and nobody else?"""
    if file is None and path is None and _in_environment():
        return Line("ok", ".env", "there is none; the pair is taken from the environment")
    if file is None:
        where = "none in this folder or any above it" if path is None else f"no file {path!r}"
        to = "to .env" if path is None else "to it"
        return Line("fix", ".env", where, f"Copy .env.example {to} and write your pair into it.")
    shown = _shown(file)
    if not os.access(file, os.R_OK):
        return Line("fix", ".env", f"{shown} is there, but you may not read it", _chmod(shown))
    mode = stat.S_IMODE(file.stat().st_mode)
    open_to_others = os.name == "posix" and bool(mode & (stat.S_IRGRP | stat.S_IROTH))
    if open_to_others and not _is_example(file, key):
        said = f"{shown} can be read by others on this machine (mode {mode:o})"
        return Line("fix", ".env", said, _chmod(shown))
    return Line("ok", ".env", f"found: {shown}")


def check_pair(file: Path | None, path: str | None) -> tuple[Key | None, Line]:
    """The key, where there is a valid one, and what is to be said of it."""
    if file is None and (path is not None or not _in_environment()):
        return None, Line("skip", "pair", "not read, because there is no .env")
    try:
        key = Key.from_env(path)
    except (KeyFormatError, MissingKeyError) as error:
        return None, Line("fix", "pair", "no valid pair", _without_lengths(str(error)))
    except OSError:
        return None, Line("skip", "pair", "not read, because the .env cannot be")
    return key, Line("ok", "pair", f"valid; the public key is {key.public_key}")


def check_owner(key: Key | None, host: hosts.Host | None, chosen: bool) -> Line:
    """Is it your own, or the published one? ``chosen``: did you name the host yourself?"""
    if key is None:
        return Line("skip", "owner", "not known, because there is no valid pair")
    if key.public_key != DEMO_PUBLIC_KEY:
        return Line("ok", "owner", "the pair is your own, not the published one")
    if host is None or host.loopback:
        return Line("ok", "owner", f"{_GUIDES}, whose secret is public: for a sandbox alone")
    return Line(
        "fix" if chosen else "skip",
        "owner",
        f"{_GUIDES}, whose secret is public: only a sandbox can be checked with it",
        "Run python -m bpkit sandbox, and in another terminal python -m bpkit doctor --url "
        "http://127.0.0.1:8787. For the exchange write your own pair into .env.",
    )


def _is_example(file: Path, key: Key | None) -> bool:
    """Is there nothing to hide in it, like in .env.example? A .env will hold your own pair soon."""
    return file.name != ".env" and key is not None and key.public_key == DEMO_PUBLIC_KEY


def _in_environment() -> bool:
    return PUBLIC in os.environ or SECRET in os.environ


def _shown(path: Path) -> str:
    """As it lies from the working folder, ready to be typed in a shell."""
    try:
        return shlex.quote(os.path.relpath(path))
    except ValueError:  # on another drive of Windows
        return shlex.quote(str(path))


def _chmod(shown: str) -> str:
    return f"Run: chmod 600 {shown}" if os.name == "posix" else "Give yourself the right to."


def _without_lengths(remedy: str) -> str:
    """Not even how long the secret is leaves here."""
    for length, instead in _LENGTHS.items():
        remedy = re.sub(length, instead, remedy)
    return remedy


# --- git ------------------------------------------------------------------------------------------


def check_git(file: Path | None, key: Key | None) -> Line:
    """Could the secret leave with a commit, or did it already?

    A ``.env`` that was committed with another key is mentioned; one with this key, or with one that
    cannot be compared, is to be fixed.
    """
    if file is None:
        return Line("skip", "git", "not asked, because there is no .env")
    file = file.parent.resolve() / file.name
    if _is_example(file, key):
        return Line("ok", "git", "not asked: the pair in the file is published anyway")
    if not any((folder / ".git").exists() for folder in file.parents):
        return Line("ok", "git", "the .env lies in no git repository")
    by_hand = "See for yourself that .gitignore names it and no commit holds it."
    program = shutil.which("git")
    if program is None:
        return Line("skip", "git", "in a repository, but git is not installed", by_hand)
    try:
        tracked = _git(program, file, "ls-files", "--error-unmatch") is not None
        ignored = _git(program, file, "check-ignore", "--quiet", "--no-index") is not None
        commits = _commits(program, file)
        exposed = bool(commits) and _is_exposed(program, file, commits, key)
    except (OSError, subprocess.SubprocessError):
        return Line("skip", "git", "in a repository, but git gives no answer there", by_hand)
    return _git_line(file, tracked, ignored, commits, exposed)


def _git_line(file: Path, tracked: bool, ignored: bool, commits: list[str], exposed: bool) -> Line:
    commit = commits[0][:10] if commits else ""
    lists = f"echo {shlex.quote(file.name)} >> {_shown(file.with_name('.gitignore'))}"
    new_key = "make a new key at Backpack and delete the old one there: it stays in the history"
    found = [
        (tracked, "tracked by git", f"git rm --cached {_shown(file)}"),
        (not ignored, "not ignored by git", lists),
        (exposed, f"in the history (commit {commit})", new_key),
    ]
    faults = [fault for there, fault, _ in found if there]
    if faults:
        steps = [step for there, _, step in found if there]
        return Line("fix", "git", f"the .env is {', '.join(faults)}", f"Do: {'; '.join(steps)}")
    if commits:
        said = f"ignored; but one was committed earlier ({commit})"
        return Line("ok", "git", said, "See that the keys in it are deleted at Backpack.")
    return Line("ok", "git", "ignored, and never committed")


def _commits(program: str, file: Path) -> list[str]:
    """Those that changed the file, newest first; those that a merge has hidden, too."""
    options = ("--all", "--full-history", f"--max-count={_COMMITS}")
    return (_git(program, file, "rev-list", *options) or "").split()


def _is_exposed(program: str, file: Path, commits: list[str], key: Key | None) -> bool:
    """Does one of these commits hold this key? By its public half: arguments are seen by others."""
    if key is None:
        return True
    if key.public_key == DEMO_PUBLIC_KEY:
        return False
    wanted = ("--quiet", "--text", "--fixed-strings", "-e", key.public_key)
    return _git(program, file, "grep", *wanted, *commits) is not None


def _git(program: str, file: Path, *question: str) -> str | None:
    """What git prints of the file; None where it says no. Raises OSError or SubprocessError."""
    # Inside a hook these name the repository of the hook.
    own = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
    done = subprocess.run(
        [program, "-C", str(file.parent), *question, "--", file.name],
        env={name: value for name, value in os.environ.items() if name not in own},
        stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False,
    )  # fmt: skip
    if done.returncode not in (0, 1):
        raise subprocess.SubprocessError
    return None if done.returncode else done.stdout.decode("ascii", "replace")


# --- at the exchange ------------------------------------------------------------------------------


def check_host(bp: Client, loopback: bool) -> Line:
    """Does it answer, and as Backpack does?"""
    start = "Start a sandbox: python -m bpkit sandbox"
    look = "See whether this machine is on the internet, and what proxy or firewall is between."
    try:
        answer = bp.get_status()
    except ApiError as error:
        return Line("fix", "host", str(error), "Try again later.")
    except BpkitError as error:
        return Line("fix", "host", _reason(error), start if loopback else look)
    state = answer.get("status") if isinstance(answer, dict) else None
    if state == "Ok":
        return Line("ok", "host", f"{bp.url} answers")
    if state == "Maintenance":
        why = f": {answer.get('message')}" if answer.get("message") else ""
        return Line("ok", "host", f"{bp.url} answers, but it is in maintenance{why}")
    said = f"{bp.url} answers, but not as Backpack does"
    return Line("fix", "host", said, "Is it the address of an exchange?")


def check_clock(bp: Client) -> Line:
    """Is this machine's right? If not, what follows is signed by the exchange's time."""
    try:
        found = bp.measure_clock(apply=True)._replace(applied=False)
    except BpkitError as error:
        return Line("fix", "clock", _reason(error), "Try again later.")
    if abs(found.offset) <= max(found.uncertainty, FAR_OFF):
        return Line("ok", "clock", str(found))
    return Line("fix", "clock", clock.advice(found, platform.system()))


def check_account(bp: Client, loopback: bool) -> Line:
    """Is the key accepted? Asked with one signed question that only reads."""
    if bp.key is None:
        return Line("skip", "account", "not asked, because there is no valid pair")
    try:
        bp.get_account()
    except ApiError as error:
        said = str(error).replace("\n", ". ", 1)  # the finding starts a line of its own
        return Line("fix", "account", said, _after_refusal(error, loopback))
    except BpkitError as error:
        return Line("fix", "account", _reason(error), "Try again later.")
    return Line("ok", "account", "the key is accepted: a signed question was answered")


def _after_refusal(error: ApiError, loopback: bool) -> str:
    if error.finding is not None:
        return ""  # it says what to do
    if error.status not in (400, 401, 403):
        return "Try again later."
    if loopback:
        return "A sandbox knows the demo pair of .env.example, and the keys that it opened."
    return "See at Backpack whether this API key is still there, and what it may do."


def _reason(error: BpkitError) -> str:
    return error.reason if isinstance(error, TransportError) else str(error)
