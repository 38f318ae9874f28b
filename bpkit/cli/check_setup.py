"""Check a set-up: ``.env``, git, the key pair, the host, the clock and the account.

For ``python -m bpkit doctor``. It only reads: it changes nothing on this computer or at the
exchange, and it shows no secret.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from .. import Client, clock
from ..env import in_environment, near_file
from ..errors import (
    ApiError,
    BpkitError,
    GuardError,
    InputError,
    KeyFormatError,
    MissingKeyError,
    TransportError,
    hide_secrets,
    without_locals,
)
from ..guard import hosts
from ..signing import PUBLISHED_KEYS, Key
from .check_network import network_lines
from .report import Line

_PATIENCE = 10  # seconds for each question to git
_DEMO = "the demo pair of Backpack's guide"


def connect(url: str, key: Key | None) -> Client:
    """The client that asks, with short timeouts. Nothing is sent yet. Raises GuardError."""
    return Client(url, key, timeout=(3.05, 5.0))


@without_locals
def run(
    url: str | None,
    path: str | None,
    *,
    prefix: str = "",
    out: Callable[[str], object] = print,
    connect: Callable[[str, Key | None], Client] = connect,
) -> int:
    """Check a set-up and give ``out`` a text for each check. Returns 1 if there is something to
    fix, else 0.

    ``url``: the exchange's; None: the live one. ``path``: the file with the pair; None: the
    nearest ``.env``, as ``Key.from_env()`` finds it. ``prefix``: as in ``Key.from_env``.
    """
    marks = set()
    for line in _lines(url, path, prefix, out, connect):
        out(str(line))
        marks.add(line.mark)
    return int("fix" in marks)


def _lines(
    url: str | None,
    path: str | None,
    prefix: str,
    out: Callable[[str], object],
    connect: Callable[[str, Key | None], Client],
) -> Iterator[Line]:
    file = find(path)
    key, pair = check_pair(file, path, prefix)
    yield check_file(file, path, key, prefix)
    yield check_git(file, key)
    yield from check_other_files(file)
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
    if key is not None and key.public_key in PUBLISHED_KEYS and not host.loopback:
        yield from _skipped(f"{_DEMO} only works in a sandbox", "host", "clock", "account")
        return
    if not host.loopback:
        count = "two questions" if key is None else "three questions"
        out(
            f"Now the way to {host.url} is checked.\n"
            f"Then it is asked {count} that only read. Nothing is changed there."
        )
    with connect(host.url, key) as bp:
        yield from _exchange_lines(bp, host.loopback)


def _exchange_lines(bp: Client, loopback: bool) -> Iterator[Line]:
    failed = ""
    if not loopback:  # the way to this computer needs no proxy and no certificate
        for line in network_lines(bp.url):
            yield line
            if line.mark == "fix":
                failed = line.what
    if failed:
        why = f"the check of {failed!r} failed"
        yield from _skipped(why, "host", "clock", "account")
        return
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


# --- on this computer -----------------------------------------------------------------------------


def find(path: str | None) -> Path | None:
    """The file with the pair: ``path``, or the nearest ``.env`` from the working folder upwards."""
    here = Path.cwd()
    places = [here / path] if path is not None else [up / ".env" for up in (here, *here.parents)]
    return next((one for one in places if one.exists() and not one.is_dir()), None)


def check_file(file: Path | None, path: str | None, key: Key | None, prefix: str = "") -> Line:
    """Is there a file with the pair, can you read it, and can nobody else?"""
    from_environment = path is None and in_environment(prefix)
    if file is None and from_environment:
        return Line("ok", ".env", "there is none; the pair is taken from the environment")
    if file is None:
        said = "none in this folder or any above it"
        if path is not None:
            said = f"no file {hide_secrets(repr(path))}"
        if path in (None, ".env"):
            said = f"{said}.{near_file()}".removesuffix(".")
        lines = hide_secrets(f"{prefix}PUBLIC_KEY=... and {prefix}SECRET_KEY=...")
        return Line("fix", ".env", said, f"Make it, with two lines: {lines}")
    shown = _shown(file)
    if not os.access(file, os.R_OK):
        return Line("fix", ".env", f"{shown} is there, but you may not read it", _chmod(shown))
    mode = _open_to_others(file)
    if mode and not _is_example(file, key):
        said = f"{shown} can be read by others on this machine (mode {mode})"
        return Line("fix", ".env", said, _chmod(shown))
    but = "; the pair in the environment is used instead" if from_environment else ""
    return Line("ok", ".env", f"found: {shown}{but}")


def check_pair(file: Path | None, path: str | None, prefix: str = "") -> tuple[Key | None, Line]:
    """The key, None if there is no valid one, and the line about it."""
    if file is None and (path is not None or not in_environment(prefix, any)):
        return None, Line("skip", "pair", "not read, because there is no .env")
    try:
        key = Key.from_env(path, prefix=prefix)
    except (InputError, KeyFormatError, MissingKeyError) as error:
        return None, Line("fix", "pair", "no valid pair", str(error))
    except OSError:
        return None, Line("skip", "pair", "not read, because the .env cannot be read")
    return key, Line("ok", "pair", f"valid; the public key is {key.public_key}")


def check_owner(key: Key | None, host: hosts.Host | None, chosen: bool) -> Line:
    """Is the pair your own, or the published one? ``chosen``: did you name the host yourself?"""
    if key is None:
        return Line("skip", "owner", "not known, because there is no valid pair")
    if key.public_key not in PUBLISHED_KEYS:
        return Line("ok", "owner", "the pair is your own, not the published one")
    said = f"{_DEMO}: its secret is public, so it only works in a sandbox"
    if host is None or host.loopback:
        return Line("ok", "owner", said)
    return Line(
        "fix" if chosen else "skip",
        "owner",
        said,
        "For a sandbox run: python -m bpkit sandbox\n"
        "and in another terminal: python -m bpkit doctor --url http://127.0.0.1:8787\n"
        "For the exchange write your own pair into .env.",
    )


def check_other_files(file: Path | None) -> Iterator[Line]:
    """A line for each problem of another ``.env.*`` in the same folder, such as ``.env.sub``."""
    folder = Path.cwd() if file is None else file.parent
    for other in sorted(folder.glob(".env.*")):
        if other == file or not other.is_file():
            continue
        key = _key_in(other)
        # An example has the published pair, or only shows where the two texts go.
        if _is_example(other, key) or (other.name == ".env.example" and key is None):
            continue
        checks = (check_file(other, other.name, key), check_git(other, key))
        yield from (line for line in checks if line.mark == "fix")


def _key_in(file: Path) -> Key | None:
    try:
        return Key.from_env(file)
    except (KeyFormatError, MissingKeyError, OSError):
        return None


def _is_example(file: Path, key: Key | None) -> bool:
    """Is there no secret in it, as in .env.example? A .env will contain your own pair soon."""
    return file.name != ".env" and key is not None and key.public_key in PUBLISHED_KEYS


def _open_to_others(file: Path) -> str:
    """The file's mode, if others on this computer can read it; else ""."""
    mode = stat.S_IMODE(file.stat().st_mode)
    return f"{mode:o}" if os.name == "posix" and mode & (stat.S_IRGRP | stat.S_IROTH) else ""


def _shown(path: Path) -> str:
    """Relative to the working folder, and quoted for a shell."""
    try:
        return shlex.quote(os.path.relpath(path))
    except ValueError:  # on another drive of Windows
        return shlex.quote(str(path))


def _chmod(shown: str) -> str:
    return f"Run: chmod 600 {shown}" if os.name == "posix" else "Give yourself the right to."


# --- git ------------------------------------------------------------------------------------------


def check_git(file: Path | None, key: Key | None) -> Line:
    """Could the secret leave with a commit, or did it already?"""
    if file is None:
        return Line("skip", "git", "not asked, because there is no .env")
    file = file.parent.resolve() / file.name
    if _is_example(file, key):
        return Line("ok", "git", "not asked: the pair in the file is published anyway")
    if not any((folder / ".git").exists() for folder in file.parents):
        return Line("ok", "git", f"the {file.name} is not in a git repository")
    by_hand = "Check by hand that .gitignore names it and that no commit has it."
    program = shutil.which("git")
    if program is None:
        return Line("skip", "git", "in a repository, but git is not installed", by_hand)
    try:
        tracked = _git(program, file, "ls-files", "--error-unmatch") is not None
        ignored = _git(program, file, "check-ignore", "--quiet", "--no-index") is not None
        commit = _newest_commit_with(program, file)
    except (OSError, subprocess.SubprocessError):
        return Line("skip", "git", "in a repository, but git gives no answer there", by_hand)
    return _git_line(file, tracked, ignored, commit)


def _git_line(file: Path, tracked: bool, ignored: bool, commit: str) -> Line:
    ignore = f"echo {shlex.quote(file.name)} >> {_shown(file.with_name('.gitignore'))}"
    new_key = (
        "If that commit has your key: make a new key at Backpack and delete the old one there. "
        "The old one stays in the history."
    )
    states = [
        (tracked, "tracked by git", f"Run: git rm --cached {_shown(file)}"),
        (not ignored, "not ignored by git", f"Run: {ignore}"),
        (commit, f"in the history (commit {commit})", new_key),
    ]
    found = [(fault, step) for there, fault, step in states if there]
    if not found:
        return Line("ok", "git", "ignored, and never committed")
    faults, steps = zip(*found, strict=True)
    return Line("fix", "git", f"the {file.name} is {', '.join(faults)}", "\n".join(steps))


def _newest_commit_with(program: str, file: Path) -> str:
    """The newest commit that added or changed the file, also if a merge hides it; "" if none."""
    options = ("--all", "--full-history", "--diff-filter=AM", "--max-count=1", "--format=%H")
    return (_git(program, file, "log", "--no-show-signature", *options) or "").strip()[:10]


def _git(program: str, file: Path, *question: str) -> str | None:
    """What git prints about the file; None if it says no. Raises OSError or SubprocessError."""
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
    look = (
        "Check that this machine is on the internet, and that no proxy or firewall is in the way."
    )
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
    return Line("fix", "host", said, "Check that it is the address of an exchange.")


def check_clock(bp: Client) -> Line:
    """Is this computer's clock right? If not, later questions are signed with corrected time."""
    try:
        found = bp.measure_clock(apply=True)._replace(applied=False)
    except GuardError as error:  # the clocks differ by more than 10 minutes
        return Line("fix", "clock", str(error.args[0]))
    except BpkitError as error:
        return Line("fix", "clock", _reason(error), "Try again later.")
    if found.is_off:
        return Line("fix", "clock", clock.advice(found, platform.system()))
    return Line("ok", "clock", str(found))


def check_account(bp: Client, loopback: bool) -> Line:
    """Is the key accepted? Asked with one signed question that only reads."""
    if bp.key is None:
        return Line("skip", "account", "not asked, because there is no valid pair")
    try:
        bp.get_account()
    except ApiError as error:
        said = str(error).replace("\n", ". ", 1)  # the finding begins on the second line
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
        return "A sandbox knows the demo pair that it prints, and the keys that it opened."
    return "Check at Backpack that this API key still exists, and what it may do."


def _reason(error: BpkitError) -> str:
    return error.reason if isinstance(error, TransportError) else str(error)
