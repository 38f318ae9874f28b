"""Operations that bpkit does not know yet, for ``bp.request``."""

import re
from posixpath import normpath

from ..errors import InputError
from ..operations import OPERATIONS, UNDOCUMENTED, Operation


def unlisted_operation(method: str, path: str, instruction: str | None) -> Operation:
    """An operation that ``request`` calls: the table's own, if method, path, instruction match."""
    if method not in ("GET", "POST", "DELETE", "PATCH", "PUT"):
        raise InputError("method", method, "is not one of GET, POST, DELETE, PATCH, PUT")
    if not isinstance(path, str) or not re.fullmatch(r"/[\w/.-]*", path, re.ASCII):
        remedy = 'is not a path such as "/api/v1/markets"; parameters go into params'
        raise InputError("path", path, remedy)
    if instruction is not None and not (
        isinstance(instruction, str) and re.fullmatch(r"\w+", instruction, re.ASCII)
    ):
        raise InputError("instruction", instruction, 'is not a name such as "orderExecute"')
    for known in OPERATIONS.values():
        if known.path != path and _plain(known.path) == _plain(path):
            remedy = f"is another spelling of {known.path!r}; write that, so that its limits apply"
            raise InputError("path", path, remedy)
        if (known.method, known.path) == (method, path):
            if known.instruction not in (instruction, UNDOCUMENTED):
                own = repr(known.instruction) if known.signed else "None: it is not signed"
                remedy = f"is not that of {known.name}, which is {own}"
                raise InputError("instruction", instruction, remedy)
            if known.instruction == instruction:
                return known._replace(answer="plain")
    return Operation(f"{method} {path}", "", method, path, instruction, "plain", documented=False)


def _plain(path: str) -> str:
    """The path as a server may read it: without dots, empty parts and capitals."""
    return normpath("/" + path.lower().lstrip("/"))
