"""The walls of the house, read from the source: who may import whom, and what is promised."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

import bpkit
from bpkit.operations import OPERATIONS

ROOT = Path(__file__).parent.parent
HOUSE = ROOT / "bpkit"
FILES = sorted(HOUSE.rglob("*.py"))

# From the bottom up: a folder, or a module at the top, imports only from levels below its own.
# "bpkit" is bpkit/__init__.py. The sandbox is beside them all, with levels of its own.
LEVELS = [
    {"enums", "operations"},
    {"errors", "parameters", "network"},
    {"serialize", "env", "clock"},
    {"signing"},
    {"frames"},
    {"results"},
    {"api"},
    {"guard", "doctor"},
    {"transport"},
    {"plots"},
    {"reconcile", "streams"},
    {"client"},
    {"history", "parity"},
    {"bpkit"},
    {"cli", "pytest_plugin"},
    {"__main__"},
]
SANDBOX_LEVELS = [
    {"formatting", "undo"},
    {"simulation"},
    {"core"},
    {"server"},
    {"inputs"},
    {"steering"},
    {""},
]
HOMES = {
    "requests": {"network.connection", "network.probe", "network.route", "transport"},
    "urllib3": {"network.failures"},
    "cryptography": {"signing", "sandbox.server.auth"},
    "pandas": {"frames", "frames.conversions", "frames.display"},
    "numpy": {
        "frames.conversions", "sandbox.simulation.candles", "sandbox.simulation.crowd",
        "sandbox.simulation.daily", "sandbox.simulation.lines", "sandbox.simulation.marks",
        "sandbox.simulation.own_trades", "sandbox.simulation.price_feed",
        "sandbox.simulation.synthetic",
    },
    "dotenv": {"env"},
    "tornado": {"sandbox.server.http", "sandbox.server.websocket"},
    "websockets": {"streams.websocket"},
    "tqdm": {"history.pages", "sandbox.server.advance"},
    "matplotlib": {"plots"},
    "pyarrow": {"frames.conversions", "history.dataset", "history.whole_pages"},
    "IPython": {"plots"},
    "pytest": {"pytest_plugin"},
}  # fmt: skip
PROMISED = {
    "LIVE_URL", "ApiError", "Arming", "BatchTransportError", "BpkitError", "Client", "GuardError",
    "InputError", "JournalError", "Key", "KeyFormatError", "Market", "MissingExtraError",
    "MissingKeyError", "RateLimit", "RateLimitError", "RuleError", "StaleBook", "StreamError",
    "TransportError", "operations",
}  # fmt: skip
OWNERS_SIX = {"jupyterlab", "pandas", "requests", "cryptography", "python-dotenv", "nbval"}


class Import(NamedTuple):
    """``room`` imports ``target`` (both dotted): when it is loaded, in a function, or for types."""

    room: str
    target: str
    when: str  # load, call, typing


def room_of(file: Path) -> str:
    """``bpkit/sandbox/core/book.py`` -> sandbox.core.book; ``bpkit/__init__.py`` -> bpkit."""
    parts = file.relative_to(HOUSE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts) or "bpkit"


ROOMS = {room_of(file): file for file in FILES}


def imports_of(file: Path) -> Iterator[Import]:
    tree = ast.parse(file.read_text("utf-8"))
    package = ("bpkit", *file.relative_to(HOUSE).parts[:-1])
    for node, when in walk(tree, "load"):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            start = ".".join((*base, *filter(None, [node.module])))
            targets = [f"{start}.{alias.name}" for alias in node.names]
        else:
            continue
        for target in targets:
            yield Import(room_of(file), inside(target) or target, when)


def walk(node: ast.AST, when: str) -> Iterator[tuple[ast.AST, str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            continue  # it holds no import, and most nodes are in one
        inner = when
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = "call"
        elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            inner = "typing"
        yield child, inner
        yield from walk(child, inner)


def inside(target: str) -> str | None:
    """The room that ``bpkit.signing.Key`` or ``bpkit.signing`` names; None: it is not of bpkit."""
    first, *parts = target.split(".")
    if first != "bpkit":
        return None
    while parts and ".".join(parts) not in ROOMS:
        parts.pop()
    return ".".join(parts) or "bpkit"


def level(room: str, levels: list[set[str]] = LEVELS) -> int:
    """Of a room's folder; its place in ``levels``."""
    return next(place for place, names in enumerate(levels) if room.split(".")[0] in names)


def within(room: str, package: str) -> bool:
    return room.split(".")[0] == package


IMPORTS = [one for file in FILES for one in imports_of(file)]
OWN = [one for one in IMPORTS if one.target in ROOMS]
FOREIGN = [one for one in IMPORTS if one.target not in ROOMS]
OUTSIDE_SANDBOX = [one for one in OWN if not within(one.room, "sandbox")]


def run(code: str, path: Path) -> str:
    """What a fresh Python prints that finds bpkit in ``path``."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=path, env={**os.environ, "PYTHONPATH": str(path)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# --- the reading itself ---------------------------------------------------------------------------


def test_imports_are_read_right(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A wall that sees nothing would always stand."""
    monkeypatch.setattr(f"{__name__}.HOUSE", tmp_path)
    (tmp_path / "api").mkdir()
    file = tmp_path / "api" / "made_up.py"
    file.write_text(
        "import os.path, bpkit.signing as s\n"
        "from bpkit.serialize import text\n"
        "from .. import clock, LIVE_URL\n"
        "from ..sandbox.simulation.price_feed import PriceFeed\n"
        "from .section import Section\n"
        "if TYPE_CHECKING:\n    import pandas as pd\n"
        "def call():\n    from numpy import array\n"
        "class Some:\n    import requests\n"
    )
    assert [one[1:] for one in imports_of(file)] == [
        ("os.path", "load"), ("signing", "load"), ("serialize", "load"), ("clock", "load"),
        ("bpkit", "load"), ("sandbox.simulation.price_feed", "load"), ("api.section", "load"),
        ("pandas", "typing"), ("numpy.array", "call"), ("requests", "load"),
    ]  # fmt: skip


def test_every_folder_has_a_level() -> None:
    known = {name for names in LEVELS for name in names}
    assert {room.split(".")[0] for room in ROOMS} - {"sandbox"} <= known
    assert len(IMPORTS) > 100 and len(OWN) > 50


# --- the walls ------------------------------------------------------------------------------------


def test_imports_point_down() -> None:
    """From folder to folder. Inside a folder modules may import one another, without circles."""
    wrong = [
        one
        for one in OUTSIDE_SANDBOX
        if not within(one.target, "sandbox")
        and one.when != "typing"
        and one.room.split(".")[0] != one.target.split(".")[0]
        and level(one.target) >= level(one.room)
    ]
    assert wrong == []


def test_the_sandbox_imports_down_too() -> None:
    """``formatting`` < ``simulation`` < ``core`` < ``server`` < the ``Sandbox`` itself."""
    inside = [one for one in OWN if within(one.room, "sandbox") and within(one.target, "sandbox")]
    pairs = {
        (one.room.removeprefix("sandbox").strip("."), one.target.removeprefix("sandbox").strip("."))
        for one in inside
    }
    wrong = [
        (room, target)
        for room, target in pairs
        if room.split(".")[0] != target.split(".")[0]
        and level(target, SANDBOX_LEVELS) >= level(room, SANDBOX_LEVELS)
    ]
    assert len(pairs) > 20 and wrong == []


def test_no_two_modules_need_each_other() -> None:
    used = [one for one in OWN if one.when != "typing"]
    needs = {room: {one.target for one in used if one.room == room} - {room} for room in ROOMS}
    assert list(TopologicalSorter(needs).static_order())  # raises CycleError, which names them


def test_frames_and_results_know_no_network() -> None:
    inside_frames = [one for one in OWN if within(one.room, "frames")]
    assert [one for one in inside_frames if not within(one.target, "frames")] == []
    below = {"frames", "frames.display", "clock", "errors", "operations"}
    assert {one.target for one in OWN if one.room == "results"} == below


def test_the_sandbox_reads_the_table_and_nothing_else() -> None:
    """An exchange that judged signatures by the signer's own code would miss its mistakes."""
    taken = {
        (one.room, one.target)
        for one in OWN
        if within(one.room, "sandbox") and not within(one.target, "sandbox")
    }
    outer = ("sandbox", "sandbox.inputs", "sandbox.steering")
    assert {target for room, target in taken if room not in outer} <= {
        "operations", "parameters", "enums", "errors",
    }  # fmt: skip
    # Where the sandbox hands out its account's key, asks why a signature that it has already
    # refused was wrong, and names its version; and only there.
    handed = {target for room, target in taken if room in outer}
    assert handed <= {"bpkit", "operations", "signing", "doctor"}


def test_only_commands_and_fixtures_start_a_sandbox_and_only_when_called() -> None:
    users = {one for one in OUTSIDE_SANDBOX if within(one.target, "sandbox")}
    assert {one.room for one in users} == {"cli", "cli.parity", "cli.tour", "pytest_plugin"}
    assert {one.when for one in users if one.when != "typing"} == {"call"}


def test_the_fixtures_load_nothing_of_bpkit_before_they_are_used() -> None:
    """A run of tests without them is not slower, and a measure of coverage begins in time."""
    loaded = [one for one in OWN if one.room == "pytest_plugin" and one.when == "load"]
    assert loaded == []


def test_every_library_has_one_home() -> None:
    homes: dict[str, set[str]] = {}
    for one in FOREIGN:
        library = one.target.split(".")[0]
        if library not in sys.stdlib_module_names and one.when != "typing":
            homes.setdefault(library, set()).add(one.room)
    assert homes | {"matplotlib": {"plots"}} == HOMES


def test_the_sandbox_is_deletable(tmp_path: Path) -> None:
    shutil.copytree(
        HOUSE, tmp_path / "bpkit", ignore=shutil.ignore_patterns("sandbox", "__pycache__")
    )
    code = (
        # An editable install would otherwise find it where it still stands.
        "import sys; sys.modules['bpkit.sandbox'] = None\n"
        "import bpkit; from bpkit import *; import bpkit.cli.tour\n"
        "print(bpkit.__file__, Client(LIVE_URL).url, len(operations()))"
    )
    file, url, known = run(code, tmp_path).split()
    assert Path(file) == tmp_path / "bpkit" / "__init__.py"
    assert (url, known) == ("https://api.backpack.exchange", str(len(OPERATIONS)))


def test_importing_bpkit_loads_nothing_heavy() -> None:
    code = (
        "import sys, bpkit\n"
        "heavy = ('pandas', 'numpy', 'matplotlib', 'tornado', 'websockets', 'IPython',\n"
        " 'bpkit.sandbox')\n"
        "print(bpkit.__file__, *[name for name in heavy if name in sys.modules])"
    )
    assert run(code, ROOT) == str(HOUSE / "__init__.py")


# --- what is promised -----------------------------------------------------------------------------


def test_the_public_names_are_those_promised() -> None:
    assert set(bpkit.__all__) == PROMISED and len(bpkit.__all__) == len(PROMISED)
    modules = {room.split(".")[0] for room in ROOMS}
    named = {name for name in vars(bpkit) if not name.startswith("_")}
    assert PROMISED <= named <= PROMISED | modules
    assert callable(bpkit.operations)


def test_a_client_has_the_operations_and_little_else() -> None:
    others = {
        "close", "url", "key", "armed", "spent", "unanswered", "reconcile", "measure_clock",
        "explain", "request", "journal", "market", "check_order", "stream",
        "order_book",
    }  # fmt: skip
    public = {name for name in dir(bpkit.Client) if not name.startswith("_")}
    table, methods = "bpkit/operations.py", "bpkit/api/<section>.py"
    lines = [
        f"{name} is in {table} but has no method: add it to {methods}"
        for name in sorted(set(OPERATIONS) - public)
    ]
    lines += [
        f"{name} is a method of Client but not in {table}: add its row, or name it in this test"
        for name in sorted(public - set(OPERATIONS) - others)
    ]
    assert others <= public
    assert not lines, "\n".join(lines)


def public_parts(tree: ast.AST) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """Public classes and functions, and the public methods of public classes."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            overload = "overload" in map(ast.unparse, node.decorator_list)
            if node.name.startswith("_") or overload:
                continue
            yield node
        if isinstance(node, ast.ClassDef):
            yield from public_parts(node)


def test_what_is_public_says_what_it_is() -> None:
    parts = [
        (f"{file.relative_to(ROOT)}:{node.lineno} {node.name}", ast.get_docstring(node))
        for file in FILES
        for node in public_parts(ast.parse(file.read_text("utf-8")))
    ]
    assert len(parts) > 150
    assert [name for name, docstring in parts if not docstring] == []


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function and method, private ones too, by the place where it stands."""
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{file.relative_to(ROOT)}:{node.lineno} {node.name}", node


def test_every_function_states_its_types() -> None:
    bare = []
    for name, node in functions():
        every = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
        every += [one for one in (node.args.vararg, node.args.kwarg) if one is not None]
        typed = [one.annotation for one in every if one.arg not in ("self", "cls")]
        if None in typed or node.returns is None:
            bare.append(name)
    assert bare == []


def test_every_file_opens_with_its_subject() -> None:
    texts = {room_of(file): ast.get_docstring(ast.parse(file.read_text("utf-8"))) for file in FILES}
    assert [room for room, text in texts.items() if not text] == []


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {room_of(file): len(file.read_text("utf-8").splitlines()) for file in FILES}
    limits = {"operations": 600}  # a table, with a row an operation
    assert [room for room, length in lengths.items() if length > limits.get(room, 400)] == []


def test_the_requirements_name_the_owners_packages() -> None:
    text = (ROOT / "requirements.txt").read_text("utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines.pop() == "-e ."
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z][\w-]*[~=>]=[\d.]+", line)] == []
    names = [re.split("[~=>]", line)[0] for line in lines]
    assert set(names) >= OWNERS_SIX and len(names) == len(set(names))
