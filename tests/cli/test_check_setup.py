"""``python -m bpkit doctor``: what it says about good and bad set-ups, and what it never shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import Plain, Scripted

from bpkit import LIVE_URL, Client, Key, MissingKeyError
from bpkit.cli import check_setup
from bpkit.sandbox import Sandbox
from bpkit.signing import DEMO_PUBLIC_KEY, DEMO_SECRET

# Pairs of this file alone. Their public halves are taken from the tests' own signer.
SECRET = b64encode(bytes(range(7, 39))).decode()
OTHER = b64encode(bytes(range(101, 133))).decode()
POSIX = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
LOCAL, REMOTE = [".env", "git", "pair", "owner"], ["host", "clock", "account"]


def public(secret: str) -> str:
    with Plain("", secret) as signer:
        return signer.public_key


def write(folder: Path, secret: str = SECRET, public_key: str | None = None) -> Path:
    file = folder / ".env"
    pair = public(secret) if public_key is None else public_key
    file.write_text(f"PUBLIC_KEY={pair}\nSECRET_KEY={secret}\n")
    file.chmod(0o600)
    return file


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, with no pair in the environment."""
    for name in ("PUBLIC_KEY", "SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def repository(folder: Path) -> Path:
    git(folder, "init", "--quiet", "--initial-branch=main")
    write(folder)
    return folder


def git(folder: Path, *arguments: str) -> str:
    own = ("-c", "user.name=A", "-c", "user.email=a@b.example", "-c", "commit.gpgSign=false")
    return subprocess.run(
        ["git", "-C", str(folder), *own, *arguments], check=True, capture_output=True, text=True
    ).stdout


def ignore(folder: Path) -> None:
    (folder / ".gitignore").write_text(".env\n")


def commit(folder: Path, *files: str) -> None:
    git(folder, "add", "--force", *files)
    git(folder, "commit", "--quiet", "--message", "x")


def git_line(folder: Path, key: Key | None = None) -> check_setup.Line:
    """Of the .env there, with the key that write() puts in it unless another is given."""
    return check_setup.check_git(folder / ".env", key or Key(SECRET))


def never(url: str, key: Key | None) -> Client:
    raise AssertionError(f"{url} must not be called")


def told(
    url: str | None,
    path: str | None = None,
    connect: Callable[[str, Key | None], Client] = never,
) -> tuple[int, list[str]]:
    """The exit status and the lines. Without ``connect``, nothing may be called."""
    said: list[str] = []
    return check_setup.run(url, path, out=said.append, connect=connect), said


def marks(lines: list[str]) -> dict[str, str]:
    return {line.split()[1]: line.split()[0] for line in lines}


def flat(line: object) -> str:
    """As one line, however it was laid out."""
    return " ".join(str(line).split())


def at(scripted: Scripted, milliseconds: int) -> Scripted:
    """A server that is well, whose clock says this, and that lets everybody in."""
    scripted.says(200, '{"status":"Ok","message":null}')
    scripted.says(200, str(milliseconds), "text/plain")
    scripted.says(200, "{}")
    return scripted


def now() -> int:
    return time.time_ns() // 1_000_000


# --- the whole ------------------------------------------------------------------------------------


def test_a_good_set_up(folder: Path, sandbox: Sandbox) -> None:
    write(folder)
    sandbox.open_account(key=Key(SECRET))
    status, lines = told(sandbox.url, connect=check_setup.connect)
    assert status == 0
    assert [line.split()[:2] for line in lines] == [["ok", what] for what in LOCAL + REMOTE]
    assert lines[2] == f"ok    pair      valid; the public key is {public(SECRET)}"
    assert lines[3].endswith("the pair is your own, not the published one")
    assert lines[4] == f"ok    host      {sandbox.url} answers"
    assert [entry["operation"] for entry in sandbox.log] == [
        "get_status", "get_time", "get_account",
    ]  # fmt: skip
    assert {entry["method"] for entry in sandbox.log} == {"GET"}


def test_the_command(folder: Path, sandbox: Sandbox) -> None:
    write(folder, DEMO_SECRET)
    command = [sys.executable, "-m", "bpkit", "doctor"]
    places = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *arguments], env=environment, capture_output=True, text=True, timeout=60
        )

    good = run("--url", sandbox.url)
    assert (good.returncode, good.stderr) == (0, "")
    assert [line[:4] for line in good.stdout.splitlines()].count("ok  ") == 7
    bad = run("--url", sandbox.url, "--env", "elsewhere")
    assert (bad.returncode, bad.stderr) == (1, "")
    assert bad.stdout.startswith(
        "fix   .env      no file 'elsewhere'\n"
        "                Make it, with two lines: PUBLIC_KEY=... and SECRET_KEY=...\n"
    )
    assert "skip  account" in bad.stdout and "ok    clock" in bad.stdout


def test_a_line_is_plain_and_fits_92_columns() -> None:
    line = check_setup.Line(
        "ok", "host", "two\nlines,\x1b[2J a bell\x07", "  Do\tthis.\nThen that. "
    )
    indent = " " * 16
    assert (
        str(line) == f"ok    host      two lines, [2J a bell\n{indent}Do this.\n{indent}Then that."
    )
    words = " ".join(["well-known"] * 20)
    wrapped = str(check_setup.Line("skip", "account", words, "x" * 100)).splitlines()
    assert [len(one) for one in wrapped] == [92, 92, 81, 116]  # 16 + 7 * 11 - 1; 6 left; one word
    assert all(one.startswith(indent + "well") for one in wrapped[1:3])


# --- .env -----------------------------------------------------------------------------------------


def test_the_file_is_found_upwards_and_said_to_be_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder)
    inner = folder / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    file = check_setup.find(None)
    assert file is not None
    assert (
        check_setup.check_file(file, None, Key(SECRET)).said
        == f"found: {os.path.join('..', '..', '.env')}"
    )
    assert Key.from_env() == Key.from_env(file)  # the same one
    (folder / "a" / ".env").mkdir()  # no file, so it is passed over
    assert check_setup.find(None) == file
    nearer = write(inner, OTHER)
    assert check_setup.find(None) == nearer
    assert Key.from_env().public_key == public(OTHER)


def test_no_file(folder: Path) -> None:
    status, lines = told("http://127.0.0.1:1", connect=check_setup.connect)
    assert status == 1
    assert flat(lines[0]) == (
        "fix .env none in this folder or any above it "
        "Make it, with two lines: PUBLIC_KEY=... and SECRET_KEY=..."
    )
    assert lines[1:4] == [
        "skip  git       not asked, because there is no .env",
        "skip  pair      not read, because there is no .env",
        "skip  owner     not known, because there is no valid pair",
    ]


@pytest.mark.parametrize("name", [
    ".env.txt", "env.txt", "env", "_env", ".ENV", ".evn", ".env.env", ".env.local", "Env.TXT",
])  # fmt: skip
def test_a_file_with_nearly_the_right_name(name: str, folder: Path) -> None:
    inner = folder / "notebooks"
    inner.mkdir()
    os.chdir(inner)
    write(folder).rename(folder / name)
    line = check_setup.check_file(check_setup.find(None), None, None)
    assert line.mark == "fix"
    assert f"There is {name!r} in {folder.name!r}: if you mean it, name it '.env'" in line.said
    with pytest.raises(MissingKeyError, match=f"There is '{re.escape(name)}' in"):
        Key.from_env()
    with pytest.raises(MissingKeyError, match=f"There is '{re.escape(name)}' in"):
        Key.from_env(".env")


def test_other_names_are_not_near(folder: Path) -> None:
    for name in (".env.example", "environment", "envs.txt", ".envrc", "env.py"):
        (folder / name).write_text("x")
    (folder / "env").mkdir()  # a virtual environment
    line = check_setup.check_file(None, None, None)
    assert line.said == "none in this folder or any above it"


def test_a_folder_called_env(folder: Path) -> None:
    (folder / ".env").mkdir()
    line = check_setup.check_file(check_setup.find(None), None, None)
    assert line.said.endswith(f"'.env' in {folder.name!r} is a folder, and must be a file")
    with pytest.raises(MissingKeyError, match="is a folder, and must be a file"):
        Key.from_env()
    with pytest.raises(MissingKeyError, match="There is no file '.env': it is a folder"):
        Key.from_env(".env")


NEAR_LINES = {
    "BACKPACK_API_KEY={p}\nBACKPACK_SECRET={s}":
        "If BACKPACK_API_KEY is meant: rename it to PUBLIC_KEY. "
        "If BACKPACK_SECRET is meant: rename it to SECRET_KEY.",
    "API_KEY={p}\nAPI_SECRET={s}":
        "If API_KEY is meant: rename it to PUBLIC_KEY. "
        "If API_SECRET is meant: rename it to SECRET_KEY.",
    "BPX_PUBLIC_KEY={p}\nPRIVATE_KEY={s}":
        "If BPX_PUBLIC_KEY is meant: rename it to PUBLIC_KEY. "
        "If PRIVATE_KEY is meant: rename it to SECRET_KEY.",
    "public_key={p}\nsecret_key={s}":
        "If public_key is meant: rename it to PUBLIC_KEY. "
        "If secret_key is meant: rename it to SECRET_KEY.",
    "PUBLIC_KEY={p}\nset SECRET_KEY={s}": "Write SECRET_KEY=... without 'set' before it.",
    '$env:PUBLIC_KEY="{p}"\n$env:SECRET_KEY="{s}"':
        "Write PUBLIC_KEY=... without '$env:' before it. "
        "Write SECRET_KEY=... without '$env:' before it.",
    "PUBLIC_KEY={p}\nSECRET_KEY: {s}": "Write SECRET_KEY=... with = and not with a colon.",
    '{{"PUBLIC_KEY": "{p}",\n"SECRET_KEY": "{s}"}}': "has no PUBLIC_KEY and no SECRET_KEY.",
    "PUBLIC_KEY={p}\nOPENAI_API_KEY=x\nBINANCE_SECRET={s}": "has no SECRET_KEY. It needs",
    "PUBLIC_KEY={p}\n{s}": "has no SECRET_KEY. It needs",
}  # fmt: skip


@pytest.mark.parametrize("lines", NEAR_LINES)
def test_lines_that_are_nearly_right(lines: str, folder: Path) -> None:
    write(folder).write_text(lines.format(p=public(SECRET), s=SECRET) + "\n")
    line = check_setup.check_pair(folder / ".env", None)[1]
    assert NEAR_LINES[lines] in line.remedy and line.mark == "fix"
    assert SECRET[:20] not in line.remedy


def test_a_file_named(folder: Path) -> None:
    write(folder).rename(folder / "mine.env")
    assert check_setup.find(None) is None
    assert (
        check_setup.check_file(check_setup.find("mine.env"), "mine.env", Key(SECRET)).said
        == "found: mine.env"
    )
    assert check_setup.find("none.env") is None and check_setup.find(".") is None
    assert check_setup.check_file(None, "none.env", Key(SECRET)).mark == "fix"
    assert check_setup.check_pair(None, "none.env")[1].mark == "skip"


def test_the_environment_where_there_is_no_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLIC_KEY", public(SECRET))
    half = check_setup.check_pair(None, None)[1]
    assert half.mark == "fix" and "The environment has no SECRET_KEY" in half.remedy
    monkeypatch.setenv("SECRET_KEY", SECRET)
    line = check_setup.check_file(None, None, Key(SECRET))
    assert (line.mark, line.said) == ("ok", "there is none; the pair is taken from the environment")
    assert check_setup.check_pair(None, None)[0] == Key(SECRET)
    assert (
        check_setup.check_file(None, "named", Key(SECRET)).mark == "fix"
    )  # which from_env would not replace
    assert check_setup.check_pair(None, "named")[0] is None


def test_a_pair_in_the_environment_and_a_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(folder)
    monkeypatch.setenv("SECRET_KEY", OTHER)
    assert check_setup.check_pair(file, None)[0] == Key(SECRET)
    assert check_setup.check_file(file, None, Key(SECRET)).said == "found: .env"
    monkeypatch.setenv("PUBLIC_KEY", public(OTHER))
    assert check_setup.check_pair(file, None)[0] == Key(OTHER)
    line = check_setup.check_file(file, None, Key(OTHER))
    assert line.said == "found: .env; the pair in the environment is used instead"
    assert check_setup.check_pair(file, ".env")[0] == Key(SECRET)
    assert check_setup.check_file(file, ".env", Key(SECRET)).said == "found: .env"


def test_a_pair_with_a_prefix(
    folder: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(folder, OTHER)
    file.write_text(file.read_text().replace("PUBLIC", "SUB_PUBLIC").replace("SEC", "SUB_SEC"))
    sandbox.open_account(key=Key(OTHER))
    assert told(sandbox.url, connect=check_setup.connect)[0] == 1
    said: list[str] = []
    assert check_setup.run(sandbox.url, None, prefix="SUB_", out=said.append) == 0
    assert said[2] == f"ok    pair      valid; the public key is {public(OTHER)}"
    none = check_setup.check_file(None, "a", None, "SUB_")
    assert none.remedy == "Make it, with two lines: SUB_PUBLIC_KEY=... and SUB_SECRET_KEY=..."
    file.unlink()
    monkeypatch.setenv("SUB_SECRET_KEY", OTHER)
    assert check_setup.check_pair(None, None)[1].mark == "skip"
    assert check_setup.check_pair(None, None, "SUB_")[1].mark == "fix"
    monkeypatch.setenv("SUB_PUBLIC_KEY", public(OTHER))
    assert check_setup.check_file(None, None, None, "SUB_").mark == "ok"


@POSIX
@pytest.mark.parametrize("mode, mark", [
    (0o600, "ok"), (0o400, "ok"), (0o644, "fix"), (0o640, "fix"), (0o604, "fix"),
])  # fmt: skip
def test_who_may_read_it(mode: int, mark: str, folder: Path) -> None:
    file = write(folder)
    file.chmod(mode)
    line = check_setup.check_file(file, None, Key(SECRET))
    assert (line.mark, line.remedy) == (mark, "" if mark == "ok" else "Run: chmod 600 .env")
    assert mark == "ok" or line.said.endswith(f"(mode {mode:o})")
    file.chmod(0o600)


@POSIX
def test_a_file_that_you_may_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(folder)

    def refuse(*_: object, **__: object) -> Key:
        raise PermissionError(13, "Permission denied")

    # The administrator may read everything, so the system's answers are played.
    monkeypatch.setattr(check_setup.os, "access", lambda *_: False)
    monkeypatch.setattr(check_setup.Key, "from_env", refuse)
    line = check_setup.check_file(file, None, Key(SECRET))
    assert (line.mark, line.remedy) == ("fix", "Run: chmod 600 .env")
    assert check_setup.check_pair(file, None) == (
        None,
        ("skip", "pair", "not read, because the .env cannot be read", ""),
    )


@POSIX
def test_what_is_to_be_typed_is_quoted(folder: Path) -> None:
    (folder / "my keys").mkdir()
    file = write(folder / "my keys")
    file.chmod(0o644)
    assert check_setup.check_file(file, None, Key(SECRET)).remedy == "Run: chmod 600 'my keys/.env'"


def test_the_example_file_has_nothing_to_hide(repository: Path, sandbox: Sandbox) -> None:
    example = write(repository, DEMO_SECRET).rename(repository / ".env.example")
    example.chmod(0o644)
    commit(repository, ".env.example")
    status, lines = told(sandbox.url, ".env.example", check_setup.connect)
    assert status == 0 and set(marks(lines).values()) == {"ok"}
    # Under the name that will hold your own pair, or with your own pair, it has.
    demo, own = Key(DEMO_SECRET), Key(SECRET)
    for name, key in ((".env", demo), (".env.example", own), (".env.example", None)):
        file = write(repository).rename(repository / name)
        file.chmod(0o644)
        assert (check_setup.check_git(file, key).mark) == "fix"
        assert os.name != "posix" or check_setup.check_file(file, None, key).mark == "fix"


# --- other .env files -----------------------------------------------------------------------------


def other_lines(folder: Path) -> list[str]:
    return [flat(line) for line in check_setup.check_other_files(folder / ".env")]


def test_another_env_file_that_git_would_take(repository: Path, sandbox: Sandbox) -> None:
    ignore(repository)
    for name, secret in ((".env.sub", OTHER), (".env.live", SECRET)):
        write(repository, secret).rename(repository / name)
    write(repository)
    git(repository, "add", ".env.live")
    assert other_lines(repository) == [
        "fix git the .env.live is tracked by git, not ignored by git "
        "Run: git rm --cached .env.live Run: echo .env.live >> .gitignore",
        "fix git the .env.sub is not ignored by git Run: echo .env.sub >> .gitignore",
    ]
    sandbox.open_account(key=Key(SECRET))
    status, lines = told(sandbox.url, connect=check_setup.connect)
    assert status == 1 and flat(lines[3]) == other_lines(repository)[1]
    with (repository / ".gitignore").open("a") as file:
        file.write(".env.*\n")
    git(repository, "rm", "--cached", "--quiet", ".env.live")
    assert told(sandbox.url, connect=check_setup.connect)[0] == 0


@POSIX
def test_another_env_file_that_others_can_read(folder: Path) -> None:
    write(folder).rename(folder / ".env.sub")
    (folder / ".env.sub").chmod(0o640)
    assert [flat(line) for line in check_setup.check_other_files(None)] == [
        "fix .env .env.sub can be read by others on this machine (mode 640) Run: chmod 600 .env.sub"
    ]
    assert list(check_setup.check_other_files(folder / ".env.sub")) == []  # the one that is chosen


def test_an_example_is_no_other_file_with_a_secret(repository: Path) -> None:
    (repository / ".env.d").mkdir()
    example = repository / ".env.example"
    example.write_text("PUBLIC_KEY=your public key\nSECRET_KEY=\n")
    assert other_lines(repository) == []
    write(repository, DEMO_SECRET).rename(example)
    example.chmod(0o644)
    assert other_lines(repository) == []
    write(repository, SECRET).rename(example)
    assert [line[:29] for line in other_lines(repository)] == ["fix git the .env.example is n"]


# --- git ------------------------------------------------------------------------------------------


def test_no_repository(folder: Path) -> None:
    write(folder)
    assert git_line(folder) == ("ok", "git", "the .env is not in a git repository", "")


RM, IGNORE = "Run: git rm --cached .env", "Run: echo .env >> .gitignore"
NEW_KEY = (
    "If that commit has your key: make a new key at Backpack and delete the old one there. "
    "The old one stays in the history."
)


@pytest.mark.parametrize("steps, mark, said, remedy", [
    ("ignore", "ok", "ignored, and never committed", []),  # before the first commit
    ("ignore commit", "ok", "ignored, and never committed", []),
    ("", "fix", "not ignored by git", [IGNORE]),
    ("ignore add", "fix", "tracked by git", [RM]),
    ("add", "fix", "tracked by git, not ignored by git", [RM, IGNORE]),
    ("ignore add untrack", "ok", "ignored, and never committed", []),
    ("add commit", "fix", "tracked by git, not ignored by git, in the history (commit 0)",
     [RM, IGNORE, NEW_KEY]),
    ("ignore add commit", "fix", "tracked by git, in the history (commit 0)", [RM, NEW_KEY]),
    ("add commit untrack", "fix", "not ignored by git, in the history (commit 0)",
     [IGNORE, NEW_KEY]),
    # The commit that took it away does not have it: the one before is named.
    ("ignore add commit untrack commit", "fix", "in the history (commit 0)", [NEW_KEY]),
    ("ignore commit add commit untrack commit", "fix", "in the history (commit 1)", [NEW_KEY]),
])  # fmt: skip
def test_what_git_knows(
    steps: str, mark: str, said: str, remedy: list[str], repository: Path
) -> None:
    deeds = {
        "ignore": lambda: ignore(repository),
        "add": lambda: git(repository, "add", "--force", ".env"),
        "untrack": lambda: git(repository, "rm", "--cached", "--quiet", ".env"),
        "commit": lambda: (
            git(repository, "add", "."),
            git(repository, "commit", "--quiet", "--allow-empty", "--message", "x"),
        ),
    }
    for step in steps.split():
        deeds[step]()
    if "commit " in said:
        number = int(said[-2])  # from the oldest
        commits = git(repository, "rev-list", "--reverse", "HEAD").split()
        said = f"{said[:-2]}{commits[number][:10]})"
    start = "the .env is " if mark == "fix" else ""
    assert git_line(repository) == (mark, "git", start + said, "\n".join(remedy))


def test_the_advice_works(repository: Path) -> None:
    git(repository, "add", ".env")
    for step in git_line(repository).remedy.splitlines():
        command = step.removeprefix("Run: ")
        subprocess.run(command, shell=True, check=True, cwd=repository, capture_output=True)
    assert git_line(repository).mark == "ok"


def test_advice_fits_the_working_folder(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = repository / "notebooks"
    inner.mkdir()
    monkeypatch.chdir(inner)
    git(repository, "add", ".env")
    up = ".." + os.sep
    assert git_line(repository).remedy.splitlines() == [
        f"Run: git rm --cached {up}.env", f"Run: echo .env >> {up}.gitignore",
    ]  # fmt: skip


def test_whatever_key_was_committed(repository: Path) -> None:
    """The doctor does not look into the commit, so it is named for every key."""
    commit(repository, ".env")
    git(repository, "rm", "--cached", "--quiet", ".env")
    ignore(repository)
    for key in (Key(SECRET), Key(OTHER), Key(DEMO_SECRET), None):
        assert "in the history" in check_setup.check_git(repository / ".env", key).said


def test_committed_on_a_branch_whose_merge_hides_it(repository: Path) -> None:
    ignore(repository)
    commit(repository, ".gitignore")
    git(repository, "checkout", "--quiet", "-b", "side")
    commit(repository, ".env")
    git(repository, "rm", "--cached", "--quiet", ".env")
    git(repository, "commit", "--quiet", "--message", "x")
    git(repository, "checkout", "--quiet", "main")
    (repository / "other").write_text("x")
    commit(repository, "other")
    git(repository, "merge", "--quiet", "--no-ff", "--message", "x", "side")
    git(repository, "branch", "--delete", "side")
    assert git(repository, "log", "--all", "--oneline", "--", ".env") == ""  # simplified away
    assert "in the history" in git_line(repository).said


def test_committed_on_another_branch(repository: Path) -> None:
    ignore(repository)
    commit(repository, ".gitignore")
    git(repository, "checkout", "--quiet", "-b", "side")
    commit(repository, ".env")
    git(repository, "checkout", "--quiet", "main")
    write(repository)
    assert "in the history" in git_line(repository).said


def test_settings_of_git_that_change_what_it_prints(repository: Path) -> None:
    commit(repository, ".env")
    for name in ("color.ui", "log.decorate", "log.showSignature"):
        git(repository, "config", name, "always" if "color" in name else "true")
    short = git(repository, "rev-parse", "--short=10", "HEAD").strip()
    assert f"(commit {short})" in git_line(repository).said


def test_another_file_in_the_history_is_no_matter(repository: Path) -> None:
    ignore(repository)
    (repository / "inner").mkdir()
    write(repository / "inner")
    commit(repository, ".gitignore", "inner/.env")
    assert git_line(repository).mark == "ok"
    assert git_line(repository / "inner").mark == "fix"


@POSIX
def test_a_folder_that_is_a_link_into_a_repository(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    link = tmp_path_factory.mktemp("elsewhere") / "link"
    link.symlink_to(repository, target_is_directory=True)
    (repository / "inner").mkdir()
    write(repository / "inner")
    assert git_line(link / "inner").mark == "fix"
    (repository / "inner").joinpath(".gitignore").write_text(".env\n")
    link.unlink()
    link.symlink_to(repository / "inner", target_is_directory=True)
    assert git_line(link).said == "ignored, and never committed"


def test_inside_a_hook_of_another_repository(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    ignore(repository)
    other = tmp_path_factory.mktemp("other")
    git(other, "init", "--quiet")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert git_line(repository).said == "ignored, and never committed"


def test_git_is_not_installed(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    line = git_line(repository)
    assert (line.mark, line.said) == ("skip", "in a repository, but git is not installed")
    assert ".gitignore" in line.remedy


def test_git_gives_no_answer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder)
    (folder / ".git").mkdir()  # and nothing in it: git answers 128
    assert git_line(folder).said == "in a repository, but git gives no answer there"

    def late(*arguments: object, timeout: float, **options: object) -> None:
        raise subprocess.TimeoutExpired("git", timeout)

    git(folder, "init", "--quiet")
    monkeypatch.setattr(check_setup.subprocess, "run", late)
    assert git_line(folder).mark == "skip"


# --- the pair -------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret, public_key, remedy", [
    (public(SECRET), SECRET, "The secret and the public key are swapped."),
    (SECRET, public(OTHER), "The public key does not belong to the secret."),
    ("", public(SECRET), "The .env found has no SECRET_KEY."),
    (SECRET, "", "The .env found has no PUBLIC_KEY."),
    (SECRET[:43], public(SECRET), "The secret has lost the = at its end"),
    (b64encode(bytes(range(30))).decode(), public(SECRET), "The secret is not 32 bytes long."),
    (b64encode(bytes(range(64))).decode(), public(SECRET), "The secret is a seed followed by"),
])  # fmt: skip
def test_no_valid_pair(
    secret: str, public_key: str, remedy: str, folder: Path, sandbox: Sandbox
) -> None:
    write(folder, secret, public_key)
    status, lines = told(sandbox.url, connect=check_setup.connect)
    assert status == 1 and flat(lines[2]).startswith(f"fix pair no valid pair {remedy}")
    # The rest can be asked without a key.
    assert marks(lines[3:]) == {"owner": "skip", "host": "ok", "clock": "ok", "account": "skip"}
    assert lines[6].endswith("not asked, because there is no valid pair")


@pytest.mark.parametrize("secret, public_key", [
    (SECRET, public(SECRET)), (public(SECRET), SECRET), (SECRET, public(OTHER)), (SECRET, ""),
    (SECRET[:43], public(SECRET)), (f"'{SECRET} '", public(SECRET)), (SECRET, SECRET),
])  # fmt: skip
@pytest.mark.parametrize("committed", [True, False])
def test_no_part_of_the_secret_is_shown(
    secret: str,
    public_key: str,
    committed: bool,
    repository: Path,
    sandbox: Sandbox,
    capfd: pytest.CaptureFixture[str],
) -> None:
    write(repository, secret, public_key)
    if committed:
        commit(repository, ".env")
    check_setup.run(sandbox.url, None)
    shown = "".join(capfd.readouterr())
    assert len(shown.splitlines()) >= 7
    assert [SECRET[i : i + 6] for i in range(39) if SECRET[i : i + 6] in shown] == []
    for length in ("43", "46"):
        assert f" {length} " not in shown and f"({length}" not in shown


# --- the published pair ---------------------------------------------------------------------------


def test_with_the_published_pair_the_live_host_is_not_called(folder: Path) -> None:
    write(folder, DEMO_SECRET)
    status, lines = told(None)
    assert status == 0  # nothing failed; it was not asked for by name
    assert marks(lines[3:]) == {name: "skip" for name in ["owner", *REMOTE]}
    assert "python -m bpkit sandbox" in lines[3] and "write your own pair into .env" in lines[3]


def test_with_the_published_pair_the_live_host_cannot_be_chosen(folder: Path) -> None:
    write(folder, DEMO_SECRET)
    status, lines = told(LIVE_URL)
    assert (status, marks(lines)["owner"], marks(lines)["host"]) == (1, "fix", "skip")


def test_both_published_pairs_are_known(folder: Path) -> None:
    key = Key.generate()
    key.public_key = "zDIJj9qneWIY0IYZ5aXoHcNMCm+XDhVcTssiT0HyY0A="  # in the guide's sample .env
    live = check_setup.hosts.check_host(LIVE_URL)
    line = check_setup.check_owner(key, live, chosen=True)
    assert line.mark == "fix" and "its secret is public" in line.said


def test_with_the_published_pair_a_sandbox_is_well(folder: Path, sandbox: Sandbox) -> None:
    write(folder, DEMO_SECRET)
    status, lines = told(sandbox.url, connect=check_setup.connect)
    assert status == 0 and set(marks(lines).values()) == {"ok"}
    assert DEMO_PUBLIC_KEY in lines[2] and "only works in a sandbox" in flat(lines[3])


# --- the host -------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret, count", [(SECRET, "three"), ("", "two")])
def test_a_live_host_is_announced_before_it_is_asked(
    secret: str, count: str, folder: Path, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_setup, "network_lines", lambda url: iter(()))
    write(folder, secret or SECRET, None if secret else public(OTHER))
    at(scripted, now())
    said: list[str] = []

    def pretend(url: str, key: Key | None) -> Client:
        assert url == LIVE_URL and scripted.requests == []
        assert said[-1] == (
            f"Now the way to {LIVE_URL} is checked.\n"
            f"Then it is asked {count} questions that only read. Nothing is changed there."
        )
        return Client(scripted.url, key)

    check_setup.run(None, None, out=said.append, connect=pretend)
    assert len(scripted.requests) == {"three": 3, "two": 2}[count]
    assert {request["method"] for request in scripted.requests} == {"GET"}


@pytest.mark.parametrize(
    "url", ["nonsense", "http://api.backpack.exchange", "https://testnet.example"]
)
@pytest.mark.parametrize("secret", [SECRET, DEMO_SECRET])
def test_an_address_that_is_not_spoken_to(url: str, secret: str, folder: Path) -> None:
    write(folder, secret)
    status, lines = told(url)
    assert status == 1
    assert marks(lines[3:]) == {"owner": "ok", "host": "fix", "clock": "skip", "account": "skip"}


def test_a_sandbox_that_was_stopped(folder: Path, sandbox: Sandbox) -> None:
    write(folder, DEMO_SECRET)
    sandbox.stop()
    status, lines = told(sandbox.url, connect=check_setup.connect)
    assert status == 1
    assert lines[4].startswith(f"fix   host      nothing listens at {sandbox.url}")
    assert lines[4].endswith("Start a sandbox: python -m bpkit sandbox")
    assert lines[5:] == [
        "skip  clock     not asked, because the host does not answer as it should",
        "skip  account   not asked, because the host does not answer as it should",
    ]


def test_a_live_host_that_is_not_reached() -> None:
    line = check_setup.check_host(Client("http://127.0.0.1:1"), False)
    assert line.mark == "fix" and line.said.startswith("nothing listens at")
    assert "internet" in line.remedy and "sandbox" not in line.remedy


@pytest.mark.parametrize("status, body, mark, said", [
    (200, '{"status":"Maintenance","message":null}', "ok", "in maintenance"),
    (200, '{"status":"Maintenance","message":"until 9"}', "ok", "in maintenance: until 9"),
    (200, '{"status":"Closed"}', "fix", "answers, but not as Backpack does"),
    (200, "[]", "fix", "answers, but not as Backpack does"),
    (200, "<html>", "fix", "cannot be used"),
    (404, "Not found", "fix", "get_status: 404 Not found"),
])  # fmt: skip
def test_what_the_host_says(
    status: int, body: str, mark: str, said: str, scripted: Scripted
) -> None:
    scripted.says(status, body)
    line = check_setup.check_host(Client(scripted.url), True)
    assert line.mark == mark and said in line.said


# --- the clock and the account --------------------------------------------------------------------


@pytest.mark.parametrize("ahead, mark, way", [
    (0, "ok", "agrees"), (700, "ok", "behind"), (90_000, "fix", "behind"),
    (-500_000, "fix", "ahead of"),
])  # fmt: skip
def test_the_clock(ahead: int, mark: str, way: str, folder: Path, scripted: Scripted) -> None:
    write(folder)
    status, lines = told(at(scripted, now() + ahead).url, connect=check_setup.connect)
    assert marks(lines)["clock"] == mark
    assert ("bp.measure_clock(apply=True)" in flat(lines[5])) == (mark == "fix")
    if mark == "fix":  # a slow machine takes a moment to ask
        said = re.search(rf"clock is ([\d.]+) s {way} the exchange's", flat(lines[5]))
        assert said is not None and abs(float(said[1]) - abs(ahead) / 1000) < 10
    assert "signatures are corrected" not in lines[5]  # of the next program they are not
    assert status == (mark == "fix")
    # The key is judged all the same, by a signature made by the exchange's time.
    assert marks(lines)["account"] == "ok"
    signed = int(scripted.requests[2]["headers"]["x-timestamp"])
    assert abs(signed - now() - ahead) < 10_000


def test_a_clock_that_is_an_hour_off(folder: Path, scripted: Scripted) -> None:
    """Nothing is corrected by so much, so the account is asked with this machine's time."""
    write(folder)
    status, lines = told(at(scripted, now() + 3_600_000).url, connect=check_setup.connect)
    assert status == 1 and marks(lines)["clock"] == "fix"
    assert "signatures are corrected by 10 minutes at most" in flat(lines[5])
    signed = int(scripted.requests[2]["headers"]["x-timestamp"])
    assert abs(signed - now()) < 10_000


def test_a_clock_that_cannot_be_read(folder: Path, scripted: Scripted) -> None:
    write(folder)
    scripted.says(200, '{"status":"Ok","message":null}')
    scripted.says(200, "noon", "text/plain")
    scripted.says(200, "{}")
    status, lines = told(scripted.url, connect=check_setup.connect)
    assert status == 1 and marks(lines)["clock"] == "fix" and marks(lines)["account"] == "ok"


def test_a_key_that_the_host_does_not_know(folder: Path, sandbox: Sandbox) -> None:
    write(folder)
    status, lines = told(sandbox.url, connect=check_setup.connect)
    assert status == 1
    assert set(marks(lines[:6]).values()) == {"ok"} and marks(lines)["account"] == "fix"
    assert lines[6].startswith("fix   account   get_account: 401 UNAUTHORIZED")


@pytest.mark.parametrize("status, code, loopback, remedy", [
    (403, "FORBIDDEN", True, "A sandbox knows the demo pair"),
    (400, "INVALID", False, "Check at Backpack that this API key"),
    (403, "FORBIDDEN", False, "Check at Backpack that this API key"),
    (404, "RESOURCE_NOT_FOUND", False, "Try again later."),
])  # fmt: skip
def test_a_key_that_is_refused(
    status: int, code: str, loopback: bool, remedy: str, scripted: Scripted
) -> None:
    scripted.says(status, f'{{"code":"{code}","message":"m"}}')
    line = check_setup.check_account(Client(scripted.url, Key(SECRET)), loopback)
    assert (line.mark, line.said) == ("fix", f"get_account: {status} {code}: m")
    assert line.remedy.startswith(remedy)


def test_a_signature_that_is_refused(scripted: Scripted) -> None:
    """What the doctor of signatures found follows in the same line, and says what to do."""
    scripted.says(400, '{"code":"INVALID_CLIENT_REQUEST","message":"Invalid signature"}')
    line = check_setup.check_account(Client(scripted.url, Key(SECRET)), False)
    assert (line.mark, line.remedy) == ("fix", "")
    assert re.search(r"Invalid signature\. \w", line.said)


def test_no_answer_about_the_key() -> None:
    line = check_setup.check_account(Client("http://127.0.0.1:1", Key(SECRET)), False)
    assert (line.mark, line.remedy) == ("fix", "Try again later.")
    assert line.said.startswith("nothing listens at")
