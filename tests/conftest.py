"""What all tests share: clients, servers, the watch for secrets, and Hypothesis's settings."""

from __future__ import annotations

import os
from collections.abc import Iterator

import notebook_outputs
import pytest
from helpers import WATCH, Plain, Scripted
from hypothesis import HealthCheck, settings
from specification import Specification, read

from bpkit import Client, errors, transport
from bpkit.sandbox import Sandbox

BACKOFF = transport.BACKOFF
os.environ["EXERCISES_PROGRESS"] = ""  # no test reads or writes the progress of a reader
errors.WIDTH = 10**6  # messages in one piece; tests/test_errors.py looks at their wrapping


# "too_slow": the first examples of a run take long, because Hypothesis builds its tables of
# characters then. "thorough": HYPOTHESIS_PROFILE=thorough, or --hypothesis-profile=thorough.
COMMON = settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", COMMON, derandomize=True)
settings.register_profile("thorough", COMMON, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--openapi", metavar="PATH", help="the official specification, openapi.yml")


@pytest.fixture(scope="session")
def specification(pytestconfig: pytest.Config) -> Specification:
    return read(pytestconfig.getoption("--openapi"))


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.is_registered(notebook_outputs):  # by notebooks/conftest.py
        config.pluginmanager.register(notebook_outputs)


@pytest.fixture(autouse=True)
def no_secret_slips(request: pytest.FixtureRequest) -> Iterator[None]:
    """Search for secrets after every test; see ``watch``."""
    WATCH.begin()
    yield
    printed = "".join(text for *_, text in request.node._report_sections)  # what pytest captured
    assert WATCH.found(printed) == []


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """A read is tried again at once; the fixture ``waits`` shows how long it would wait."""
    monkeypatch.setattr(transport, "BACKOFF", 0)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody waits in a test; the waits are written down, as long as they really are."""
    waited: list[float] = []
    defaults = {**transport.Transport.__init__.__kwdefaults__, "sleep": waited.append}
    monkeypatch.setattr(transport.Transport.__init__, "__kwdefaults__", defaults)
    monkeypatch.setattr(transport, "BACKOFF", BACKOFF)
    return waited


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def bp(sandbox: Sandbox) -> Iterator[Client]:
    with Client(sandbox.url, sandbox.key) as client:
        yield client


@pytest.fixture
def plain(sandbox: Sandbox) -> Iterator[Plain]:
    with Plain(sandbox.url) as caller:
        yield caller


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    server = Scripted()
    yield server
    server.close()
