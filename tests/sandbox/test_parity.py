"""PARITY.md is true: its tests exist, it names every operation, and its lists match the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import Plain
from samples import LEAST

from bpkit.operations import OPERATIONS
from bpkit.parameters import CUSTODY_ASSET, PARAMETERS
from bpkit.sandbox import FAULTS, Conflicts, Sandbox
from bpkit.sandbox.core.conflicts import CHOICES
from bpkit.sandbox.server.endpoints.public import PUBLIC
from bpkit.sandbox.server.endpoints.signed import ORDERS, SIGNED, TRANSFERS
from bpkit.sandbox.server.service import NOT_SIMULATED

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "bpkit/sandbox/PARITY.md").read_text("utf-8")
EVIDENCE = ("seen", "documented", "guess", "left out")


def rows() -> Iterator[list[str]]:
    """The cells of every row of every table, without the header rows."""
    for line in TEXT.splitlines():
        if line.startswith("|") and not line.startswith("|---"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if cells[-1] != "Test":
                yield cells


ROWS = list(rows())
NOT_SIMULATED_TEXT = TEXT.split("## Not simulated")[1].split("\n## ")[0]


def functions_of(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def named(text: str) -> list[tuple[str, str]]:
    """(file, test) of everything that has the form of a test's name."""
    return re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)


# --- the page -------------------------------------------------------------------------------------


def test_there_are_rows() -> None:
    assert len(ROWS) > 100
    assert {len(row) for row in ROWS} == {3, 5}  # five: where sources contradict each other


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:50])
def test_a_row_gives_its_evidence_and_its_test(row: list[str]) -> None:
    assert row[-2].startswith(EVIDENCE), row
    assert named(row[-1]), row
    assert re.sub(r"`tests/[\w/]+\.py::\w+`(, )?", "", row[-1]) == ""  # nothing else


def test_every_named_test_exists() -> None:
    files = {file for file, _ in named(TEXT)}
    existing = {file: functions_of(file) for file in files}
    assert [pair for pair in named(TEXT) if pair[1] not in existing[pair[0]]] == []
    assert all(test.startswith("test_") for _, test in named(TEXT))


def test_every_operation_is_named() -> None:
    missing = [name for name in OPERATIONS if f"`{name}`" not in TEXT]
    assert not missing, f"bpkit/sandbox/PARITY.md: name {missing}: its behaviour, or Not simulated"


def test_the_conflicts_are_those_of_the_switches() -> None:
    table = TEXT.split("## Where sources")[1].split("\n## ")[0]
    switches = dict(re.findall(r'`(\w+)="?(\w+)"?`', table))
    defaults = {name: getattr(Conflicts(), name) for name in CHOICES}
    assert set(switches) == set(CHOICES)
    for name, choices in CHOICES.items():
        assert {defaults[name], *choices} == set(choices) and len(choices) == 2
        assert [str(one) for one in choices if one != defaults[name]] == [switches[name]]


def test_the_faults_are_those_of_the_table() -> None:
    table = TEXT.split("| Fault | Evidence | Test |")[1].split("\n\n")[0]
    listed = [row[:2] for row in ROWS if "| " + row[0] + " |" in table]
    assert listed == [[f"`{name}`: {one.sentence}", one.evidence] for name, one in FAULTS.items()]


# --- what is not simulated ------------------------------------------------------------------------


def test_what_is_not_simulated_is_the_list() -> None:
    listed = re.findall(r"^- .*", NOT_SIMULATED_TEXT, re.MULTILINE)
    names = re.findall(r"`(\w+)`", "\n".join(listed))
    missing = sorted(NOT_SIMULATED - set(names))
    assert not missing, (
        f"{missing} have no function in bpkit/sandbox/server/endpoints, so they are answered 501: "
        'add each to a line of "## Not simulated" in bpkit/sandbox/PARITY.md, or add a function'
    )
    extra = sorted(set(names) - NOT_SIMULATED)
    assert not extra, f'{extra} are simulated: take them out of "## Not simulated" in PARITY.md'
    assert len(names) == len(set(names))


def test_every_operation_has_one_answer() -> None:
    kinds = (PUBLIC, SIGNED, ORDERS, TRANSFERS, NOT_SIMULATED)
    for name, operation in OPERATIONS.items():
        homes = [kind for kind in kinds if name in kind]
        if name == "get_time" or operation.instruction == "":  # the clock; what needs a session
            assert homes == [], name
        else:
            assert len(homes) == 1, f"{name} has {len(homes)} functions in server/endpoints"
            assert homes[0] is NOT_SIMULATED or (homes[0] is PUBLIC) == (not operation.signed), name
    assert set().union(*kinds) <= set(OPERATIONS)


@pytest.fixture(scope="module")
def still() -> Iterator[Plain]:
    with Sandbox() as sandbox, Plain(sandbox.url) as caller:
        yield caller


def refused(plain: Plain, name: str, fields: Any, **more: Any) -> tuple[int, str]:
    answer = plain.call(name, fields, **more)
    is_json = answer.headers["Content-Type"].startswith("application/json")
    return answer.status_code, answer.json()["code"] if is_json else answer.text


def least(name: str) -> dict[str, Any]:
    """The required parameters of an operation, in the sandbox's own names."""
    fields = dict(LEAST[name].sent)
    if "symbol" in fields:
        asset = PARAMETERS[name]["symbol"].kind == CUSTODY_ASSET
        fields["symbol"] = "SOL" if asset else "SOL_USDC"
    return fields


@pytest.mark.parametrize("name", sorted(NOT_SIMULATED))
def test_what_is_not_simulated_is_answered_so(still: Plain, name: str) -> None:
    """Its body and its signature are checked first: a learner can practise both on it."""
    fields = least(name)
    for sent in (fields, fields | {"flag": "x"}):
        assert refused(still, name, sent) == (501, "NOT_IMPLEMENTED")
    # To sign nothing is a known mistake, and is explained fifty times faster than an unknown one.
    operation = OPERATIONS[name]
    if operation.signed:
        wrong = refused(still, name, fields | {"a": "1"}, sign={})
        assert wrong == (400, "INVALID_CLIENT_REQUEST")
    if operation.method != "GET":
        status, text = refused(still, name, [], sign={})
        assert status == 400 and text.startswith("parse request payload error: Expected input")
        url = still.url + operation.path
        no_body = still.session.request(operation.method, url, timeout=10)
        assert no_body.status_code == 415


@pytest.mark.parametrize("name", ["get_open_rfqs", "cancel_rfq"])
def test_an_unknown_mistake_is_refused_too(still: Plain, name: str) -> None:
    wrong = refused(still, name, least(name) | {"a": "1"}, sign={"a": "2"})
    assert wrong == (400, "INVALID_CLIENT_REQUEST")


def test_nothing_else_is_answered_so(still: Plain) -> None:
    """Without parameters an operation may be refused; it is never a defect and never unknown."""
    unasked = OPERATIONS.keys() - NOT_SIMULATED
    statuses = {
        name: still.call(name, [{}] if name == "execute_order_batch" else {}).status_code
        for name in sorted(unasked)
    }
    others = {name: status for name, status in statuses.items() if status not in (200, 400)}
    assert others == {"get_vault_nav": 401, "get_withdrawal_delay": 401}


def test_no_rate_limit(still: Plain) -> None:
    """On the live exchange the thirty-first request for candles within a minute would be 429."""
    target = "/api/v1/klines?symbol=SOL_USDC&interval=1m&startTime=1788264000"
    assert {still.get(target).status_code for _ in range(40)} == {200}
