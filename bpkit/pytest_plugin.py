"""Fixtures and a marker for pytest: a new exchange for each test of a bot.

    @pytest.mark.bpkit(funds={"USDC": "500"}, path="SOL_USDC: 170 -> 150 in 5m")
    def test_the_bot_sells_in_a_crash(bpkit_sandbox, bpkit_client):
        ...

pytest finds this module if bpkit is installed; ``-p no:bpkit`` switches it off. The sandbox is
imported by the fixtures, so that a run of tests without them does not load it.

The arguments of the marker, all optional; that of the function wins over that of its class, and
that of its class over that of its module:

seed        text: another market. The default is ``--bpkit-seed``, or ``bpkit_seed`` in the ini file
funds       ``{"USDC": "500"}``: what the account of ``bpkit_sandbox.key`` has at first
path        ``"SOL_USDC: 170 -> 150 in 5m"``: see ``Sandbox.set_path``
speed       60: the market's time passes beside the test, so that an hour takes a minute
faults      ``["lost_reply"]``, or with its options: ``[{"fault": "lost_reply", "times": 1}]``
conflicts   ``{"auth_status": 401}``: see ``bpkit.sandbox.Conflicts``
may_miss    True: the test does not fail if a fault was never met
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
import time
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import fields
from functools import partial
from http.client import HTTPConnection
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from . import Client
    from .sandbox import Conflicts, Sandbox

ARGUMENTS = ("seed", "funds", "path", "speed", "faults", "conflicts", "may_miss")
TOKEN = "BPKIT_SANDBOX_TOKEN"  # the variable of the environment that has the token
PAGE = 1000  # rows of the log in an answer
SHOWN = 20  # requests in the section of a failed test


class _Seen(NamedTuple):
    """What a sandbox saw, for the end of a test. ``log``: the last requests; ``total``: of all."""

    seed: str
    now: str
    log: Collection[Mapping[str, Any]]
    total: int
    faults: Sequence[tuple[str, int]]  # name and hits of each that was on


_MADE = pytest.StashKey[list[Callable[[], _Seen]]]()  # of each sandbox that a test has


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--bpkit-seed``, and ``bpkit_seed`` for the ini file."""
    help = "the seed of the sandbox's market, any text (default: that of bpkit)"
    parser.getgroup("bpkit").addoption("--bpkit-seed", metavar="TEXT", help=help)
    parser.addini("bpkit_seed", help, default=None)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, so that ``--strict-markers`` knows it."""
    config.addinivalue_line(
        "markers", f"bpkit({'=, '.join(ARGUMENTS)}=): the sandbox of this test; see its fixtures"
    )


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Refuse a marker with an unknown argument. As an error of its file it is seen under xdist."""
    report = yield
    items = [one for one in report.result if isinstance(one, pytest.Item)]
    wrong = [*filter(None, map(_misused, items))]
    if wrong:
        report.outcome, report.longrepr, report.result = "failed", "\n".join(wrong), []
    return report


def _misused(item: pytest.Item) -> str | None:
    """What is wrong with the item's markers."""
    marks = [*item.iter_markers("bpkit")]
    unknown = [repr(value) for mark in marks for value in mark.args]
    unknown += [name for mark in marks for name in mark.kwargs if name not in ARGUMENTS]
    if not unknown:
        return None
    return (
        f"{item.nodeid}: the marker bpkit has no argument {', '.join(unknown)}; write arguments "
        f'with their names, such as seed="7". It has {", ".join(ARGUMENTS)}'
    )


# --- fixtures -----------------------------------------------------------------------------------


@pytest.fixture
def make_bpkit_sandbox(request: pytest.FixtureRequest) -> Iterator[Callable[..., Sandbox]]:
    """A function that starts a sandbox: ``make_bpkit_sandbox(seed="8")``. All are stopped.

    It takes the arguments of the marker, but ``may_miss``. What is not given is as the marker says.
    """
    usual = _arguments(request.node)
    usual.pop("may_miss", None)
    made = request.node.stash.setdefault(_MADE, [])
    with ExitStack() as stack:

        def make(**arguments: Any) -> Sandbox:
            return _start(stack, made, **usual | arguments)

        yield make


@pytest.fixture
def bpkit_sandbox(make_bpkit_sandbox: Callable[..., Sandbox]) -> Sandbox:
    """A ``bpkit.sandbox.Sandbox`` for this test alone, on any free port, as the marker says."""
    return make_bpkit_sandbox()


@pytest.fixture
def bpkit_client(bpkit_sandbox: Sandbox) -> Iterator[Client]:
    """A ``bpkit.Client`` of ``bpkit_sandbox``, with the key of its account."""
    from . import Client

    with Client(bpkit_sandbox.url, bpkit_sandbox.key) as client:
        yield client


def _arguments(item: pytest.Item) -> dict[str, Any]:
    """Those of the item's markers; the nearest wins."""
    config = item.config
    seed = config.getoption("bpkit_seed") or config.getini("bpkit_seed")
    found: dict[str, Any] = {} if seed is None else {"seed": seed}
    for mark in reversed([*item.iter_markers("bpkit")]):
        found |= mark.kwargs
    return found


def _start(
    stack: ExitStack,
    made: list[Callable[[], _Seen]],
    *,
    seed: str | None = None,
    funds: Mapping[str, str] | None = None,
    path: str | None = None,
    speed: float | None = None,
    faults: Collection[str | Mapping[str, Any]] = (),
    conflicts: Mapping[str, Any] | None = None,
) -> Sandbox:
    """A sandbox that ends with the stack."""
    from .sandbox import Sandbox

    options: dict[str, Any] = {} if seed is None else {"seed": seed}
    choices = None if conflicts is None else _conflicts(conflicts)
    sandbox = stack.enter_context(Sandbox(funds=funds, conflicts=choices, **options))
    made.append(partial(_seen, sandbox))
    if path is not None:
        sandbox.set_path(*_path(path))
    for given in _faults(faults):
        stack.enter_context(sandbox.fault(given.pop("fault"), **given))
    if speed is not None:
        stack.enter_context(sandbox.play(speed))
    return sandbox


def _seen(sandbox: Sandbox) -> _Seen:
    service = sandbox._service
    log = [entry for entry in sandbox.log if not entry["control"]]
    faults = [(one.name, one.hits) for one in service.faults.started]
    now = f"{sandbox.now:%Y-%m-%dT%H:%M:%SZ}"
    return _Seen(service.seed, now, log[-SHOWN:], len(log), faults)


def _path(text: str) -> tuple[str, str]:
    """Symbol and moves of ``"SOL_USDC: 170 -> 150 in 5m"``."""
    symbol, colon, moves = text.partition(":") if isinstance(text, str) else ("", "", "")
    if not colon:
        raise ValueError(f'path={text!r} is not a path; write "SOL_USDC: 170 -> 150 in 5m"')
    return symbol.strip(), moves.strip()


def _conflicts(given: Mapping[str, Any]) -> Conflicts:
    from .sandbox import Conflicts

    known = [one.name for one in fields(Conflicts)]
    for name in given:
        if name not in known:
            raise ValueError(f"{name!r} is not one of the conflicts; write {' or '.join(known)}")
    return Conflicts(**given)


def _faults(given: Collection[str | Mapping[str, Any]]) -> list[dict[str, Any]]:
    if isinstance(given, str | Mapping):
        raise ValueError(f"faults={given!r} is not a list; write [{given!r}]")
    return [_fault(one) for one in given]


def _fault(given: str | Mapping[str, Any]) -> dict[str, Any]:
    """A fault with its options: ``{"fault": "lost_reply", "times": 1}``."""
    if isinstance(given, str):
        return {"fault": given}
    if not isinstance(given, Mapping) or "fault" not in given:
        raise ValueError(
            f'{given!r} in faults is not a fault; write "lost_reply" or {{"fault": "lost_reply"}}'
        )
    return dict(given)


# --- a separate process -------------------------------------------------------------------------


class SandboxProcess:
    """A sandbox in a separate process. ``url``: its address; ``token``: of its control calls.

    ``env``: what to add to the environment of a bot: BACKPACK_URL, the pair PUBLIC_KEY and
    SECRET_KEY of its account, and BPKIT_SANDBOX_TOKEN.
    """

    def __init__(self, url: str, token: str) -> None:
        from .signing import DEMO_PUBLIC_KEY, DEMO_SECRET

        self.url, self.token = url, token
        self.env = {
            "BACKPACK_URL": url,
            "PUBLIC_KEY": DEMO_PUBLIC_KEY,
            "SECRET_KEY": DEMO_SECRET,
            TOKEN: token,
        }
        spared = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
        for name in ("NO_PROXY", "no_proxy"):  # a bot must not send its requests to a proxy
            self.env[name] = f"{spared},127.0.0.1" if spared else "127.0.0.1"
        self._seed = self.control("GET", "")["seed"]

    def control(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """A control call, such as ``control("POST", "clock/advance", {"seconds": 300})``.

        ``path``: below ``/sandbox/v1/``. Returns the JSON of the answer. ValueError: it is refused.
        """
        host, _, port = self.url.removeprefix("http://").partition(":")
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection = HTTPConnection(host, int(port), timeout=600)
        try:
            sent = None if body is None else json.dumps(body)
            connection.request(method, f"/sandbox/v1/{path}".rstrip("/"), sent, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status >= 400:
            raise ValueError(f"{method} {path} was answered {answer.status}: {text}")
        return json.loads(text) if text else None

    def reset(self, seed: str | None = None) -> None:
        """Begin again: time, accounts, orders, faults. ``seed``: that of its start unless given."""
        while self.control("GET", "clock")["status"] == "advancing":
            time.sleep(0.05)
        self.control("PUT", "clock", {"speed": 0})
        for one in self.control("GET", "snapshots")["snapshots"]:
            self.control("DELETE", f"snapshots/{one['name']}")
        self.control("POST", "reset", {"seed": self._seed if seed is None else seed})

    def __repr__(self) -> str:
        return f"<SandboxProcess {self.url}>"


@pytest.fixture(scope="session")
def _bpkit_process() -> Iterator[SandboxProcess]:
    """The process, one for each worker of xdist."""
    token = token_urlsafe(24)
    command = [sys.executable, "-P", "-m", "bpkit", "sandbox", "--port", "0", "--still"]
    with subprocess.Popen(
        command,
        env={**os.environ, TOKEN: token},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            urls = (re.search(r"http://[\d.]+:\d+", line) for line in process.stdout)
            found = next(filter(None, urls), None)
            if found is None:
                raise RuntimeError(f"{' '.join(command)} did not start; its stderr says why")
            yield SandboxProcess(found[0], token)
        finally:
            process.terminate()


@pytest.fixture
def bpkit_sandbox_process(
    request: pytest.FixtureRequest, _bpkit_process: SandboxProcess
) -> SandboxProcess:
    """A sandbox in a separate process, for a bot in any language; see ``SandboxProcess``.

    It is started once, and reset before each test that asks for it. Its market's time does not
    pass by itself unless the marker has a ``speed``. ``funds`` and ``conflicts`` are refused.
    """
    process, given = _bpkit_process, _arguments(request.node)
    for name in ("funds", "conflicts"):
        if given.get(name) is not None:
            raise ValueError(
                f"{name}={given[name]!r} is for bpkit_sandbox, not for a process; use that fixture"
            )
    process.reset(given.get("seed"))
    request.node.stash.setdefault(_MADE, []).append(partial(_seen_by, process))
    if given.get("path") is not None:
        symbol, moves = _path(given["path"])
        process.control("PUT", f"markets/{symbol}/path", {"steps": moves})
    for fault in _faults(given.get("faults", ())):
        process.control("POST", "faults", fault)
    if given.get("speed") is not None:
        process.control("PUT", "clock", {"speed": given["speed"]})
    return process


def _seen_by(process: SandboxProcess) -> _Seen:
    state = process.control("GET", "")
    faults = [(one["fault"], one["hits"]) for one in state["faults"]]
    log: deque[Mapping[str, Any]] = deque(maxlen=SHOWN)
    after, more = 0, True
    while more:
        page = process.control("GET", f"log?control=false&limit={PAGE}&after={after}")
        log.extend(page["entries"])
        after, more = page["next"], len(page["entries"]) == PAGE
    return _Seen(state["seed"], state["time"], log, state["requests"], faults)


# --- the end of a test --------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Let a test fail if one of its faults was never met: it has proved nothing."""
    yield
    if _arguments(item).get("may_miss"):
        return
    faults = [fault for seen in item.stash.get(_MADE, []) for fault in seen().faults]
    missed = ", ".join(name for name, hits in faults if not hits)
    if missed:
        pytest.fail(
            f"{missed} was never met: this test proved nothing. If that is meant, write "
            "@pytest.mark.bpkit(may_miss=True)",
            pytrace=False,
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the sandbox saw, if the test failed."""
    report = yield
    made = item.stash.get(_MADE, [])
    if report.failed:
        report.sections += [("bpkit sandbox", _story(seen)) for seen in made]
    if report.when == "teardown":
        made.clear()  # pytest keeps the item until the end of the run
    return report


def _story(seen: Callable[[], _Seen]) -> str:
    """The section of a failed test."""
    try:
        seed, now, log, total, _ = seen()
    except OSError as error:
        return f"the sandbox does not answer: {error}"
    lines = [f"seed {seed!r}, market time {now}, the last {len(log)} of {total} requests:"]
    for entry in log:
        target = f"{entry['path']}?{entry['query']}" if entry["query"] else entry["path"]
        # A token of two factor authentication is a secret.
        body = "(hidden)" if "twoFactor" in entry["body"] else entry["body"][:300]
        lines += [f"{entry['method']} {target} {body}", f"    {entry['status']} {entry['verdict']}"]
        if entry["finding"]:
            lines.append(textwrap.indent(entry["finding"], "    "))
    return "\n".join(lines)
