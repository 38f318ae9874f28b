"""Fixtures and a marker for pytest: an exchange of its own for each test of a bot.

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

import textwrap
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from . import Client
    from .sandbox import Sandbox

ARGUMENTS = ("seed", "funds", "path", "speed", "faults", "conflicts", "may_miss")
SHOWN = 20  # requests in the section of a failed test


class _Made(NamedTuple):
    """A sandbox that a test has, and its seed."""

    sandbox: Sandbox
    seed: str

    def faults(self) -> list[tuple[str, int]]:
        """Name and hits of each fault that was on."""
        return [(one.name, one.hits) for one in self.sandbox._service.faults.started]

    def story(self) -> str:
        """What happened, for the report of a test that failed."""
        log = self.sandbox.log
        return _story(
            self.seed, f"{self.sandbox.now:%Y-%m-%d %H:%M:%S} UTC", log[-SHOWN:], len(log)
        )


_MADE = pytest.StashKey[list[_Made]]()


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


def pytest_itemcollected(item: pytest.Item) -> None:
    """UsageError: a marker has an argument that is not known."""
    for mark in item.iter_markers("bpkit"):
        unknown = [*map(repr, mark.args), *(one for one in mark.kwargs if one not in ARGUMENTS)]
        if unknown:
            raise pytest.UsageError(
                f"{item.nodeid}: {', '.join(unknown)} is not an argument of the marker bpkit; "
                f'write names, such as seed="7". There are {", ".join(ARGUMENTS)}'
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
    made: list[_Made],
    *,
    seed: str | None = None,
    funds: Mapping[str, str] | None = None,
    path: str | None = None,
    speed: float | None = None,
    faults: Collection[str | Mapping[str, Any]] = (),
    conflicts: Mapping[str, Any] | None = None,
) -> Sandbox:
    """A sandbox that ends with the stack."""
    from .sandbox import Conflicts, Sandbox
    from .sandbox.simulation.synthetic import DEFAULT_SEED

    seed = DEFAULT_SEED if seed is None else seed
    choices = None if conflicts is None else Conflicts(**conflicts)
    sandbox = stack.enter_context(Sandbox(seed=seed, funds=funds, conflicts=choices))
    made.append(_Made(sandbox, seed))
    if path is not None:
        steered: Any = sandbox
        steered.set_path(*_path(path))
    for name, options in map(_fault, faults):
        stack.enter_context(sandbox.fault(name, **options))
    if speed is not None:
        stack.enter_context(sandbox.play(speed))
    return sandbox


def _path(text: str) -> tuple[str, str]:
    """Symbol and moves of ``"SOL_USDC: 170 -> 150 in 5m"``."""
    symbol, colon, moves = text.partition(":") if isinstance(text, str) else ("", "", "")
    if not colon:
        raise ValueError(f'path={text!r} is not a path; write "SOL_USDC: 170 -> 150 in 5m"')
    return symbol.strip(), moves.strip()


def _fault(given: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name and options of a fault."""
    if isinstance(given, str):
        return given, {}
    options = dict(given)
    return options.pop("fault", ""), options


# --- the end of a test --------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Let a test fail if one of its faults was never met: it has proved nothing."""
    yield
    faults = [one for made in item.stash.get(_MADE, []) for one in made.faults()]
    missed = ", ".join(name for name, hits in faults if not hits)
    if missed and not _arguments(item).get("may_miss"):
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
        report.sections += [("bpkit sandbox", one.story()) for one in made]
    if report.when == "teardown":
        made.clear()  # pytest keeps the item until the end of the run
    return report


def _story(seed: str, now: object, log: Sequence[Mapping[str, Any]], count: int) -> str:
    """The section of a failed test. ``log``: the last requests; ``count``: of all."""
    lines = [f"seed {seed!r}, market time {now}, the last {len(log)} of {count} requests:"]
    for entry in log:
        target = f"{entry['path']}?{entry['query']}" if entry["query"] else entry["path"]
        lines.append(f"{entry['method']} {target} {_body(entry['body'])}")
        lines.append(f"    {entry['status']} {entry['verdict']}")
        if entry["finding"]:
            lines.append(textwrap.indent(entry["finding"], "    "))
    return "\n".join(lines)


def _body(text: str) -> str:
    """What of a request's body is shown: a token of two factor authentication is not."""
    return "(hidden)" if "twoFactor" in text else text[:300]
