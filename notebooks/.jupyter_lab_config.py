"""Settings of the JupyterLab that the README starts: a notebook is saved as it is committed.

JupyterLab writes its version of Python, and the count and the times of each cell, into the file. In
the notebooks below this folder they are left out, so that git shows what you changed and no more.
"""

import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def as_committed(model, path, contents_manager, **more):
    """Jupyter calls this before it saves: take out what differs from run to run."""
    file = (Path(contents_manager.root_dir) / path.strip("/")).resolve()
    if model["type"] != "notebook" or HERE not in file.parents:
        return
    metadata = model["content"]["metadata"]
    if metadata.get("kernelspec", {}).get("name") == KERNEL["name"]:
        metadata.update(kernelspec=KERNEL, language_info={"name": "python"})
    for cell in model["content"]["cells"]:
        for timing in ("execution", "ExecuteTime"):
            cell["metadata"].pop(timing, None)
        for counted in (cell, *cell.get("outputs", ())):
            if "execution_count" in counted:
                counted["execution_count"] = None


# Jupyter reads this file twice, and would warn that the second hook replaces the first.
warnings.filterwarnings("ignore", "Overriding existing pre_save_hook")
c = get_config()  # noqa: F821  (Jupyter gives it)
c.FileContentsManager.pre_save_hook = as_committed
