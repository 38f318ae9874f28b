"""What a user gets: the metadata, the requirements, the texts and their links."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from importlib.util import find_spec
from pathlib import Path

import bpkit

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
REQUIREMENTS = (ROOT / "requirements.txt").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
RECIPES = (ROOT / "bpkit/sandbox/RECIPES.md").read_text("utf-8")
MAP = (ROOT / "bpkit/README.md").read_text("utf-8")


def links(text: str) -> list[str]:
    """The targets of all links and pictures that are not on the web."""
    return [one for one in re.findall(r"\]\(([^)]+)\)", text) if not one.startswith("http")]


def test_the_version_is_in_one_place() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", bpkit.__version__)
    assert PROJECT["dynamic"] == ["version"] and "version" not in PROJECT


def test_what_is_promised_to_be_enough() -> None:
    assert PROJECT["requires-python"] == ">=3.11"
    assert "pandas>=2.2,<4" in PROJECT["dependencies"]
    extras = PROJECT["optional-dependencies"]
    assert set(extras) == {"sandbox", "streams", "plots", "progress", "history", "book", "all"}
    assert extras["all"] == ["bpkit[sandbox,streams,plots,progress,history]"]


def test_the_requirements_cover_the_package_and_its_extras() -> None:
    extras = PROJECT["optional-dependencies"].items()
    lists = [PROJECT["dependencies"], *(each for name, each in extras if name != "book")]
    needed = [one for each in lists for one in each]
    names = {re.split(r"[>=\[]", one)[0] for one in needed} - {"bpkit"}
    assert {"cryptography", "tornado", "matplotlib", "tqdm", "websockets", "pyarrow"} <= names
    listed = {re.split("[~=>]", line)[0] for line in REQUIREMENTS.splitlines()}
    assert names <= listed
    assert re.search(r"^# .+\ntqdm~=", REQUIREMENTS, re.MULTILINE)  # with its reason


def test_pytest_finds_the_fixtures() -> None:
    plugins = PROJECT["entry-points"]["pytest11"]
    assert plugins == {"bpkit": "bpkit.pytest_plugin"}
    assert find_spec(plugins["bpkit"]) is not None
    assert "Framework :: Pytest" in PROJECT["classifiers"]


def test_the_text_in_the_metadata_needs_no_file() -> None:
    """README.md has pictures and links of this folder, which an index does not show."""
    text = PROJECT["readme"]["text"]
    assert links(text) == [] and "pip install" in text


def test_the_readme_has_two_commands() -> None:
    commands = re.findall(r"^python3? .+", README, re.MULTILINE)
    start = "python3 -m venv .venv && .venv/bin/pip install -q -r requirements.txt && .venv/bin/"
    assert commands == [
        f"{start}jupyter lab --config=notebooks/.jupyter_lab_config.py "
        "notebooks/00_start_here.ipynb",
        f"{start}pytest",
    ]


def test_links_lead_to_files() -> None:
    assert len(links(README)) > 8 and len(links(MAP)) > 12
    assert [one for one in links(README) if not (ROOT / one).exists()] == []
    assert [one for one in links(MAP) if not (ROOT / "bpkit" / one).exists()] == []
    files = [one for one in links(RECIPES) if not one.startswith("#")]
    assert files and [one for one in files if not (ROOT / "bpkit/sandbox" / one).exists()] == []
    anchors = {one.removeprefix("#") for one in links(RECIPES)} - {*files}
    titles = re.findall(r"^## (.+)", RECIPES, re.MULTILINE)
    assert anchors <= {one.lower().replace(",", "").replace(" ", "-") for one in titles}


def test_the_map_has_every_file_and_folder() -> None:
    there = {one.name for one in (ROOT / "bpkit").glob("*.py") if not one.name.startswith("__")}
    there |= {one.parent.name for one in (ROOT / "bpkit").glob("*/__init__.py")}
    assert set(links(MAP)) == there
    assert len(MAP.splitlines()) < 40  # one screen


def test_git_leaves_keys_out_and_the_example_in(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    shutil.copy(ROOT / ".gitignore", tmp_path)
    names = [".env", ".env.sub", ".env.live", ".env.example", "notebooks/.env", "bpkit/env.py"]
    asked = subprocess.run(
        ["git", "-C", str(tmp_path), "check-ignore", *names], capture_output=True, text=True
    )
    assert asked.stdout.split() == [".env", ".env.sub", ".env.live", "notebooks/.env"]


def test_the_example_is_the_published_pair() -> None:
    assert bpkit.Key.from_env(ROOT / ".env.example") == bpkit.Key(bpkit.signing.DEMO_SECRET)
