"""The notebooks as committed are clean and readable.

nbval runs each cell and compares its texts; ``notebook_outputs`` compares the pictures.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from copy import deepcopy
from functools import cache
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
import notebook_outputs
import pytest
from counts import counts
from exercises import EXERCISES
from matplotlib.image import imread, imsave

from bpkit.signing import DEMO_PUBLIC_KEY, DEMO_SECRET

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LOCAL = re.compile(
    r"/home/|/root/|/Users/|/tmp/|/work/|[A-Z]:\\|site-packages|127\.0\.0\.1:\d|localhost:\d|0x[0-9a-f]{8,}"
)


@cache
def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def code_cells(path: Path) -> list[Any]:
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
LESSONS = [path for path in NOTEBOOKS if path.name[0].isdigit()]
each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def test_the_notebooks_are_there() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "00_start_here", "01_public_queries", "02_signing_by_hand", "03_signed_gets",
        "04_signed_orders", "05_when_it_fails", "06_history_and_frames",
        "07_live_streams", "08_perpetual_futures", "09_a_small_program", "10_going_live",
        "cheatsheet", "glossary",
    ]  # fmt: skip


@each
def test_valid_and_for_the_default_kernel(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


@each
def test_no_cell_says_that_it_has_run(path: Path) -> None:
    for cell in code_cells(path):
        counted = [one for one in (cell, *cell.outputs) if "execution_count" in one]
        assert {one.execution_count for one in counted} == {None}


@each
def test_no_cell_hides_from_the_tests(path: Path) -> None:
    for cell in code_cells(path):
        assert "NBVAL" not in cell.source.upper()
        assert cell.metadata.get("tags", []) == []
        assert not cell.source.rstrip().endswith(";")


@each
def test_outputs_are_clean(path: Path) -> None:
    for cell in code_cells(path):
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr"
            data = output.get("data", {})
            assert "widget" not in " ".join(data)
            if data.get("text/plain", "").startswith("<Figure"):
                assert "image/png" in data
            shown = "".join(str(value) for kind, value in data.items() if kind != "image/png")
            found = LOCAL.search(shown + output.get("text", ""))
            assert found is None, f"{found and found.group()} in {cell.source}"


@each
def test_no_secret_but_the_published_one(path: Path) -> None:
    content = path.read_text("utf-8").replace('\\"', '"')
    for word in re.findall(r"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{43}=(?![A-Za-z0-9+/=])", content):
        assert len(b64decode(word)) == 32
        assert word in (DEMO_SECRET, DEMO_PUBLIC_KEY)
    assert not re.search(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])", content)
    assert "PRIVATE KEY" not in content


@each_lesson
def test_reads_as_prose(path: Path) -> None:
    cells = read(path).cells
    assert cells[0].cell_type == "markdown" and cells[0].source.startswith("# ")
    assert cells[-1].cell_type == "markdown"
    counted = counts(read(path))
    assert counted["too long"] == []
    assert counted["median"] <= 3 and counted["longest"] <= 15 and counted["after prose"] >= 85
    for before, cell in pairwise(cells):
        if cell.cell_type == "code":
            assert before.cell_type == "markdown" or before.outputs, cell.source


@each_lesson
def test_opens_and_closes_as_the_course_does(path: Path) -> None:
    cells = read(path).cells
    first, last = cells[0].source, cells[-1].source
    assert first.startswith(f"# {path.stem[:2]} ")
    assert re.match(r"# .*\n\n(?!- ).+\.\n\n- \*\*", first)  # what goes wrong without it
    for promise in ("You will be able to", "You need", "It takes"):
        assert f"- **{promise}** " in first
    place, ends = LESSONS.index(path), (len(LESSONS) - 1)
    for text in (first, last):
        if place > 0:
            assert f"({LESSONS[place - 1].name})" in text
        if place < ends:
            assert f"({LESSONS[place + 1].name})" in text
    prose = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    summary = prose.split("\n## Summary\n")[1].split("\n## ")[0]
    assert len(re.findall(r"^- ", summary, re.MULTILINE)) == 3
    questions = prose.split("\n## Questions\n")[1]
    assert not re.search(r"<summary>[^<]*`", questions)  # where Markdown is not read
    assert 3 <= questions.count("<details><summary>") == questions.count("</details>") <= 5


def test_there_are_at_least_twenty_exercises() -> None:
    every = "\n".join(cell.source for path in NOTEBOOKS for cell in code_cells(path))
    checked = re.findall(r'^exercise\("([\d.]+)"\)\.check\(\)$', every, re.MULTILINE)
    assert checked == [one.id for one in EXERCISES] and len(checked) >= 20


@each
def test_links_lead_somewhere(path: Path) -> None:
    text = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    for target in re.findall(r"\]\(([^)]+)\)", text):
        name, _, place = target.partition("#")
        if not target.startswith("https://"):
            assert (FOLDER / name).exists(), target
            assert not place or f'<a id="{place}"></a>' in (FOLDER / name).read_text("utf-8"), (
                target
            )


CLAIM = re.compile(
    r"\bdocument(s|ed|ation)\b|Backpack's (\w+ )?guide|support page|\bFAQ\b"
    r"|\bothers (saw|found|recorded|report)|recorded (traffic|fills|answers|orders)|\bwas seen\b"
)
SOURCE = re.compile(r"\]\((https://|\.\./bpkit/sandbox/PARITY\.md)")


@each
def test_what_is_documented_or_seen_has_a_link(path: Path) -> None:
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            for part in re.split(r"\n\s*\n", cell.source):
                assert part[0] == "#" or not CLAIM.search(part) or SOURCE.search(part), part


@each
def test_every_picture_has_a_text(path: Path) -> None:
    for cell in read(path).cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                assert len(output.metadata["image/png"]["alt"]) > 20, cell.source
        if cell.cell_type == "markdown":
            for text in re.findall(r"!\[([^\]]*)\]", cell.source):
                assert len(text) > 20, cell.source


@each
def test_the_live_exchange_is_never_called(path: Path) -> None:
    for cell in code_cells(path):
        assert "LIVE_URL" not in cell.source and "api.backpack.exchange" not in cell.source


# --- the comparison with what they produce --------------------------------------------------------


@pytest.fixture
def drawing() -> Any:
    """A committed cell with a picture, and nothing else."""
    return next(cell for cell in code_cells(NOTEBOOKS[0]) if "image/png" in str(cell.outputs[:1]))


def test_every_cell_is_compared(request: pytest.FixtureRequest) -> None:
    assert request.config.pluginmanager.is_registered(notebook_outputs)


def test_what_is_committed_passes(drawing: Any) -> None:
    assert complaint(drawing, deepcopy(drawing.outputs)) == ""
    cell = next(cell for cell in code_cells(NOTEBOOKS[0]) if "execution_count" in str(cell.outputs))
    assert complaint(cell, [cell.outputs[0] | {"execution_count": 7}]) == ""  # as a kernel counts


def test_another_picture_is_noticed(drawing: Any) -> None:
    picture = BytesIO(b64decode(drawing.outputs[0].data["image/png"]))
    pixels = imread(picture)
    for rows, said in ((0, ""), (100, "the picture")):
        changed, file, outputs = pixels.copy(), BytesIO(), deepcopy(drawing.outputs)
        changed[:rows, :, :3] = 0
        imsave(file, changed, metadata={"Title": "other bytes, even if the pixels are the same"})
        outputs[0].data["image/png"] = b64encode(file.getvalue()).decode()
        assert outputs != drawing.outputs and complaint(drawing, outputs) == said


def complaint(cell: Any, outputs: list[Any]) -> str:
    try:
        notebook_outputs.compare(cell, outputs)
    except pytest.fail.Exception as failed:
        return str(failed)
    return ""


def test_a_picture_that_is_drawn_again_counts_as_it_is_in_the_end() -> None:
    kinds = iter([("display_data", "a"), ("display_data", "b"), ("update_display_data", "a")])

    def get() -> Any:
        kind, name = next(kinds)
        content = {"data": {"image/png": f"{kind} {name}"}, "transient": {"display_id": name}}
        return {"msg_type": kind, "content": content}

    get_message, outputs = notebook_outputs.with_updates(get), list[Any]()
    for _ in range(2):  # as nbval keeps them
        outputs.append(nbformat.NotebookNode())
        outputs[-1]["data"] = get_message()["content"]["data"]
    get_message()
    shown = [one.data["image/png"] for one in outputs]
    assert shown == ["update_display_data a", "display_data b"]


def test_other_outputs_are_noticed(drawing: Any) -> None:
    assert complaint(drawing, []).startswith("the picture\n\n--- committed")
    for change in ({"metadata": {"image/png": {"width": 1}}}, {"output_type": "execute_result"}):
        assert "+++ produced" in complaint(drawing, [deepcopy(drawing.outputs[0]) | change])
