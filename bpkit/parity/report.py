"""The report in Markdown: what changed, then a line for each question; and read the last one."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .questions import QUESTIONS, Question
from .verdicts import CONTRADICTED, Verdict

_LINE = re.compile(r"\| (?P<name>[\w-]+) \| (?P<verdict>[a-z ]+) \| (?P<date>[\d-]*) \| ")
_OTHERS = "The other rows of PARITY.md need a write, a stream or time, or are of the sandbox alone."
_LONGEST = 600  # characters of a cell


class Last:
    """The last report on the same exchange: its lines, by the name of the question."""

    def __init__(self, text: str, url: str) -> None:
        self.lines: dict[str, str] = {}
        self.verdicts: dict[str, str] = {}
        self.dates: dict[str, str] = {}
        if not text.startswith(_title(url)):
            return
        for line in text.splitlines():
            if found := _LINE.match(line):
                self.lines[found["name"]] = line
                self.verdicts[found["name"]] = found["verdict"]
                self.dates[found["name"]] = found["date"]


def written(url: str, heading: str, verdicts: Mapping[str, Verdict], last: Last) -> str:
    """The report. A question that was not asked in this run keeps its line of the last report."""
    lines, states = {}, {}
    for question in QUESTIONS:
        now = verdicts[question.name]
        if not now.date and last.dates.get(question.name):
            lines[question.name] = last.lines[question.name]
            states[question.name] = last.verdicts[question.name]
        else:
            lines[question.name] = _line(question, now)
            states[question.name] = now.verdict
    counts = [f"{list(states.values()).count(one)} {one}" for one in dict.fromkeys(states.values())]
    table = "| question | verdict | date | row of PARITY.md | the row says | asked | found |"
    return "\n".join([
        _title(url), "", heading, "", "## What changed", "", *_changes(states, last), "",
        "## Contradicted", "",
        *([f"- `{name}`" for name, one in states.items() if one == CONTRADICTED] or ["Nothing."]),
        "", "## All questions", "", f"{', '.join(counts)}. {_OTHERS}", "", table, "|---" * 7 + "|",
        *lines.values(), "",
    ])  # fmt: skip


def contradicted(text: str) -> list[str]:
    """The questions of a report whose rows are contradicted."""
    lines = filter(None, map(_LINE.match, text.splitlines()))
    return [line["name"] for line in lines if line["verdict"] == CONTRADICTED]


def _title(url: str) -> str:
    return f"# How the sandbox compares with {url}\n"


def _changes(states: Mapping[str, str], last: Last) -> list[str]:
    if not last.lines:
        return ["There is no earlier report on this exchange."]
    changes = [
        f"- `{name}`: {last.verdicts.get(name, 'new')} -> {state}"
        for name, state in states.items()
        if last.verdicts.get(name) != state
    ]
    return changes or ["Nothing."]


def _line(question: Question, verdict: Verdict) -> str:
    asked = " / ".join(f"`{one}`" for one in question.asks) or f"(needs {question.needs})"
    row = question.row.replace("`", "")
    cells = [question.name, verdict.verdict, verdict.date, f"{row} ...", question.claim, asked,
             verdict.found]  # fmt: skip
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(text: str) -> str:
    text = re.sub(r"\s+", " ", text).replace("|", "\\|").replace("<", "&lt;")
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " ..."
