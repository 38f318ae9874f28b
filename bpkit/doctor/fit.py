"""Compare a request with the tables of the API: the nearest path, the body, the parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from ..operations import OPERATIONS
from ..parameters import AMOUNTS, PARAMETERS
from .received import RawRequest, ReceivedRequest
from .spellings import snake

_BATCH = "execute_order_batch"


def other_path(raw: RawRequest) -> str:
    """A sentence about the operation that was probably meant by an unknown path; "" if none."""
    others = sorted({row.method for row in OPERATIONS.values() if row.path == raw.path})
    if others:
        return f"Use {' or '.join(others)}, because this path has no other method."
    known = {row.path.lower(): row.path for row in OPERATIONS.values()}
    named = OPERATIONS.get(f"get_{snake(raw.path.rstrip('/').rpartition('/')[2])}")
    best = _nearest(raw.path, known, 0.9) or (named.path if named else "")
    best = best or _nearest(raw.path, known, 0.75)
    if not best:
        return ""
    methods = sorted({row.method for row in OPERATIONS.values() if row.path == best})
    return f"The nearest path in the documentation is {best} ({' or '.join(methods)})."


def _nearest(path: str, known: dict[str, str], cutoff: float) -> str:
    return next((known[one] for one in get_close_matches(path.lower(), known, 1, cutoff)), "")


def misfit(request: ReceivedRequest) -> str:
    """What to do if the path takes one object and got a list, or the reverse; else ""."""
    name = request.operation.name
    if request.is_list == (name == _BATCH) or request.operation.method in ("GET", "SUBSCRIBE"):
        return ""
    if name == _BATCH:
        return "This path takes a list of orders. Put the order into a list, or use /api/v1/order."
    if name == "execute_order":
        return "This path takes one order. Send a list of orders to /api/v1/orders."
    return "This path takes one JSON object. Send it without a list around it."


def doubts(request: ReceivedRequest) -> str:
    """Sentences about parameters that the documentation of the operation does not allow, or ""."""
    operation = request.operation
    if operation.name not in OPERATIONS or not operation.documented:
        return ""
    place = f"{operation.method} {operation.path}"
    return " ".join(f"{place} {one}." for one in dict.fromkeys(_doubts(request)))


def _doubts(request: ReceivedRequest) -> Iterator[str]:
    known, where = PARAMETERS.get(request.operation.name, {}), request.operation.parameters_in
    in_body = where == "body"
    if request.elsewhere:
        yield f"takes its parameters in the {where} only"
    for order in request.orders:
        given = dict(order)
        for name, parameter in known.items():
            if parameter.required and name not in given:
                yield f"needs {name}, which was not sent"
        for name, value in order:
            if name not in known:
                yield f"has no parameter {_shown(name)}"
            elif known[name].kind.values and str(value) not in map(str, known[name].kind.values):
                allowed = " or ".join(map(str, known[name].kind.values[:9]))
                yield f"takes {name} as {allowed}, and not {_shown(value or '')}"
            elif name in AMOUNTS and in_body and name not in request.quoted:
                yield f"takes {name} as text in JSON, and not as a number"


def _shown(text: str) -> str:
    """In quotes; without what a text from outside can have, such as a line break or a key."""
    return repr(text) if re.fullmatch(r"[\w.-]{1,30}", text, re.ASCII) else "of this kind"
