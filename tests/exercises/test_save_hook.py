"""The hook of ``notebooks/.jupyter_lab_config.py``: a notebook is saved as it is committed."""

from __future__ import annotations

import warnings
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest
from traitlets.config.loader import PyFileConfigLoader

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOK = "02_signing_by_hand.ipynb"
LAB = {  # as JupyterLab 4.6 writes it
    "name": "python", "version": "3.11.7", "mimetype": "text/x-python", "file_extension": ".py",
    "codemirror_mode": {"name": "ipython", "version": 3}, "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}  # fmt: skip


@pytest.fixture(scope="module")
def hook() -> Any:
    with warnings.catch_warnings():  # the file silences one
        config = PyFileConfigLoader(str(FOLDER / ".jupyter_lab_config.py")).load_config()
    return config.FileContentsManager.pre_save_hook


def save(hook: Any, content: Any, path: str = f"notebooks/{NOTEBOOK}", **model: Any) -> Any:
    manager = SimpleNamespace(root_dir=str(FOLDER.parent))
    hook(model={"type": "notebook", "content": content, **model}, path=path,
         contents_manager=manager)  # fmt: skip
    return content


def after_a_run(content: Any) -> Any:
    """The notebook as JupyterLab has it after "Run All"."""
    ran = deepcopy(content)
    ran.metadata.language_info = LAB
    ran.metadata.kernelspec.display_name = "Python 3"
    for number, cell in enumerate(ran.cells):
        cell.metadata["execution"] = {"iopub.execute_input": "2026-11-27T16:00:00Z"}
        if cell.cell_type == "code":
            for one in (cell, *cell.outputs):
                if "execution_count" in one:
                    one.execution_count = number
    return ran


def test_it_is_saved_as_it_is_committed(hook: Any) -> None:
    committed = nbformat.read(FOLDER / NOTEBOOK, as_version=4)
    ran = after_a_run(committed)
    assert ran != committed and save(hook, ran) == committed
    ran.cells[1].source += "\n# mine"
    changed = deepcopy(committed)
    changed.cells[1].source += "\n# mine"
    assert save(hook, ran) == changed
    exercise = after_a_run(committed)
    assert save(hook, exercise, path=f"/notebooks/of/mine/{NOTEBOOK}") == committed


@pytest.mark.parametrize("path", [NOTEBOOK, f"tests/{NOTEBOOK}", f"notebooks/../{NOTEBOOK}"])
def test_a_notebook_elsewhere_is_left_alone(path: str, hook: Any) -> None:
    ran = after_a_run(nbformat.read(FOLDER / NOTEBOOK, as_version=4))
    assert save(hook, deepcopy(ran), path=path) == ran


def test_other_files_and_other_languages(hook: Any) -> None:
    assert save(hook, "text", type="file") == "text"
    julia = {"kernelspec": {"name": "julia-1.11"}, "language_info": {"name": "julia", "a": 1}}
    assert save(hook, {"metadata": deepcopy(julia), "cells": []})["metadata"] == julia
    assert save(hook, {"metadata": {}, "cells": []}) == {"metadata": {}, "cells": []}
