"""Compare what nbval does not: the pictures of a notebook's cells, and their outputs' metadata.

nbval runs each cell, compares its texts and keeps its outputs. After each cell these are compared
as ``render.py --check`` compares them, so that the notebooks need to run only once. nbval's kernels
count no cells; ``test_notebooks`` checks the counts.
"""

from __future__ import annotations

from collections.abc import Generator
from copy import copy
from typing import Any

import nbformat
import pytest
from nbval.plugin import IPyNbCell
from render import cell_differences


def compare(committed: Any, outputs: Any) -> None:
    """Fail the test if these outputs are not the ones that the cell was committed with."""
    produced = copy(committed)
    count = {"execution_count": committed.execution_count}
    produced.outputs = [
        nbformat.from_dict(one | count if one["output_type"] == "execute_result" else one)
        for one in outputs
    ]
    found = list(cell_differences(committed, produced))
    if found:
        pytest.fail("\n".join(found), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    yield
    if isinstance(item, IPyNbCell):
        compare(item.cell, item.test_outputs)
