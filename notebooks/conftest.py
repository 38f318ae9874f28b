"""Let pytest compare the notebooks' pictures and outputs: see ``tests/notebook_outputs.py``."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import notebook_outputs

os.environ["EXERCISES_PROGRESS"] = ""  # the kernels neither read nor write the reader's progress


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.is_registered(notebook_outputs):  # by tests/conftest.py
        config.pluginmanager.register(notebook_outputs)
