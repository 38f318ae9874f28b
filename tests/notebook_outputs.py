"""Compare what nbval does not: the pictures of a notebook's cells, and their outputs' metadata.

nbval runs each cell, compares its texts and keeps its outputs. After each cell these are compared
as ``render.py --check`` compares them, so that the notebooks need to run only once. A picture that
is drawn again counts as it is in the end. nbval compares nothing if a cell has no execution count,
and the committed cells have none, so each cell gets one while it is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from copy import copy
from typing import Any

import nbformat
import pytest
from nbval.plugin import IPyNbCell
from render import cell_differences


def compare(committed: Any, outputs: Any) -> None:
    """Fail the test if these outputs are not the ones that the cell was committed with."""
    produced = copy(committed)
    uncounted = {"execution_count": None}
    produced.outputs = [
        nbformat.from_dict(one | uncounted if one["output_type"] == "execute_result" else one)
        for one in outputs
    ]
    found = list(cell_differences(committed, produced))
    if found:
        pytest.fail("\n".join(found), pytrace=False)


def with_updates(get: Callable[..., Any]) -> Callable[..., Any]:
    """nbval's ``get_kernel_message``, for which an output that changes has its last data."""
    shown: dict[str, Any] = {}

    def get_message(*args: Any, **options: Any) -> Any:
        message = get(*args, **options)
        content = message["content"]
        name = content.get("transient", {}).get("display_id")
        if name and message["msg_type"] == "display_data":
            # nbval keeps this very object, because it is a node already.
            content["data"] = shown[name] = nbformat.from_dict(content["data"])
        elif name in shown and message["msg_type"] == "update_display_data":
            shown[name].update(nbformat.from_dict(content["data"]))
        return message

    return get_message


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    if not isinstance(item, IPyNbCell):
        yield
        return
    file: Any = item.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file, "get_kernel_message", with_updates(file.get_kernel_message))
        patch.setitem(item.cell, "execution_count", item.cell_num + 1)
        yield
    compare(item.cell, item.test_outputs)
