"""Instructions that are nearly right: of other operations, invented ones, and misspelt ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..operations import OPERATIONS, Operation
from . import spellings

_ALL = list(dict.fromkeys(row.instruction for row in OPERATIONS.values() if row.instruction))
# Verbs of the documentation, and those by which other exchanges name the same.
_VERBS = {
    "GET": ("get", "query", "fetch", "list", "read", "history", "queryAll", "historyQueryAll"),
    "POST": ("execute", "place", "create", "new", "submit", "send", "post", "add", "make", "open",
             "request", "put"),
    "DELETE": ("cancel", "delete", "remove", "close", "cancelAll", "deleteAll"),
    "PATCH": ("update", "set", "change", "edit", "patch", "modify"),
}  # fmt: skip
_WORDS = {one.lower() for verbs in _VERBS.values() for one in verbs} | {"all"}


def near(operation: Operation) -> Iterator[str]:
    """Those of the same path and section, and those that some programs fall back to."""
    rows = OPERATIONS.values()
    yield from (row.instruction or "" for row in rows if row.path == operation.path)
    yield from (row.instruction or "" for row in rows if row.section == operation.section)
    yield from ("balanceQuery", "orderExecute")


def known(operation: Operation) -> Iterator[str]:
    """All of the table, the operation's name, and other spellings of the right one."""
    right = operation.instruction or ""
    yield from _ALL
    yield from (
        "subscribe", operation.name, right.lower(), right.upper(), right[:1].upper() + right[1:],
        spellings.snake(right), spellings.snake(right).replace("_", "-"),
    )  # fmt: skip


def invented(operation: Operation) -> Iterator[str]:
    """Such as placeOrder, createOrders, balancesQuery or getBalances, and misspellings."""
    yield from (_camel(row.name.split("_")) for row in OPERATIONS.values() if row.instruction)
    right, last = operation.instruction or "", operation.path.rpartition("/")[2]
    for name in dict.fromkeys((_noun(right), _noun(operation.name), last)):
        for noun in dict.fromkeys((name.rstrip("s"), f"{name.rstrip('s')}s", name)):
            yield noun
            for verb in _VERBS.get(operation.method, ()):
                yield from (_camel([verb, noun]), _camel([noun, verb]))
                yield f"{verb}_{spellings.snake(noun)}"
    yield from _slips(right)


def _noun(name: str) -> str:
    """The name without its verbs: orderExecute and execute_order give order."""
    words = spellings.snake(name).split("_")
    return _camel([one for one in words if one not in _WORDS])


def _camel(words: Iterable[str]) -> str:
    joined = "".join(one[:1].upper() + one[1:] for one in words)
    return joined[:1].lower() + joined[1:]


def _slips(right: str) -> Iterator[str]:
    """One letter missing, doubled, or changed with the next one; All too much or too little."""
    for at, letter in enumerate(right):
        before, after = right[:at], right[at + 1 :]
        yield before + after
        yield before + letter + letter + after
        yield before + after[:1] + letter + after[1:]
    yield f"{right}All"
    yield re.sub("All$", "", right)
