"""Exercises, the learner's state and verdicts, with exercises and exchanges made for the test."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import exercises
import pytest
import requests
from exercises import cells, grading
from exercises.grading import (
    Exercise,
    LearnerState,
    Verdict,
    cannot_tell,
    exact,
    right,
    sent,
    untried,
    wrong,
)
from exercises.session import Attempt, Session
from exercises.verdicts import SIGNS
from IPython.core.interactiveshell import InteractiveShell

from bpkit import Client, InputError
from bpkit.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
EXERCISE = Exercise(
    id="77.1",
    title="An answer",
    grade=lambda learner: right("yes"),
    hints=("one", "two", "three"),
    solution="answer = 42",
    starter="answer = 41",
)


def graded(grade: Callable[[LearnerState], Verdict], **names: Any) -> Verdict:
    return Attempt(replace(EXERCISE, grade=grade)).graded(names)


# --- the four outcomes ----------------------------------------------------------------------------


def test_a_verdict_shows_itself_in_lines_that_fit() -> None:
    assert repr(right("Two SOL.")) == "Right. Two SOL."
    assert repr(wrong("No.")) == "Wrong. No."
    assert repr(cannot_tell("Why.")) == "Cannot tell. Why."
    assert repr(untried("Nothing yet.")) == "Not tried yet. Nothing yet."
    assert untried().reason.startswith("Change the cell above")
    lines = repr(wrong("word " * 60)).splitlines()
    assert len(lines) > 3 and max(map(len, lines)) <= 92


def test_check_reads_the_names_of_its_caller() -> None:
    attempt = Attempt(replace(EXERCISE, grade=lambda learner: right(str(learner["mine"]))))
    names = {"attempt": attempt, "mine": 7}
    exec("verdict = attempt.check()\ndef inside(): return attempt.check()", names)
    assert names["verdict"] == right("7")
    assert names["inside"]() == right("7")
    assert attempt.check().outcome == "Cannot tell"  # here is no `mine`


def test_a_name_that_the_cell_makes_and_one_that_others_make() -> None:
    own = graded(lambda learner: learner["answer"])
    assert own == cannot_tell("`answer` is not there yet. Run the cell above this one.")
    other = graded(lambda learner: learner["orders"])
    assert other.outcome == "Cannot tell" and "`orders` is not there yet" in other.reason
    assert "Run All Above" in other.reason
    made = "def f(a):\n    return a\n\nclass C: pass\n\nx, (y, z) = 1, (2, 3)\nfor n in (): pass"
    assert {"f", "C", "x", "y", "z", "n"} <= cells.made_by(made)
    assert graded(lambda learner: right(str(learner.get("answer", 5)))) == right("5")


def test_a_check_that_fails_does_not_blame_the_learner() -> None:
    def stumbles(learner: LearnerState) -> Verdict:
        raise KeyError("price")

    def leaves(learner: LearnerState) -> Verdict:
        raise SystemExit

    ours = "The check itself failed ({}). That is our mistake, not yours."
    assert graded(stumbles) == cannot_tell(ours.format("KeyError: 'price'"))
    assert graded(leaves) == cannot_tell(ours.format("SystemExit"))


def test_what_raises_in_the_learners_code_is_the_learners() -> None:
    names: dict[str, Any] = {}
    exec("def half(number): return number['half']", names)
    grade = replace(EXERCISE, grade=lambda learner: right(str(learner["half"](3))))
    assert Attempt(grade).graded(names).reason.startswith("It raised TypeError: 'int' object")
    assert Attempt(grade).graded(names).outcome == "Wrong"


def test_a_learners_function_that_raises_is_wrong_with_its_call() -> None:
    def half(number: int) -> float:
        raise ValueError("odd\nand a second line")

    called = graded(lambda learner: right(str(learner.call("half", 3))), half=half)
    assert called == wrong("`half(3)` raised ValueError: odd")
    none = graded(lambda learner: right(str(learner.call("half", 3))), half=1.5)
    assert none == wrong("`half` should be a function, and is 1.5.")
    long = graded(lambda learner: learner.call("half", "x" * 500), half=half)
    assert len(long.reason) < 200
    assert graded(
        lambda learner: right(str(learner.call("half", 3))), half=lambda n: n * 2
    ) == right("6")


def test_an_interrupt_is_not_caught() -> None:
    def tired(learner: LearnerState) -> Verdict:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        graded(tired)


# --- as HTML --------------------------------------------------------------------------------------

SIGNED = [(right, "\u2713"), (wrong, "\u2717"), (untried, "\u25cb"), (cannot_tell, "?")]


@pytest.mark.parametrize(("make", "sign"), SIGNED)
def test_a_verdict_has_a_sign_and_a_colour(make: Callable[[str], Verdict], sign: str) -> None:
    shown = make("It is `a < b` & more.\nA second line.")._repr_html_()
    (colour,) = set(re.findall(r"#[0-9a-f]{6}", shown))
    assert f'<b style="color: {colour};">{sign}</b> <b>{make("").outcome}.</b>' in shown
    assert "It is <code>a &lt; b</code> &amp; more.<br>A second line." in shown
    texts = "Compare.\nsigned:   a&b\nexpected: a&c\n            ^"
    shown = replace(make(texts), offer="Hint: h()")._repr_html_()
    columns = "signed:   a&amp;b\nexpected: a&amp;c\n            ^"
    assert f'Compare.<pre style="margin: 0;">{columns}</pre>Hint: <code>h()</code>' in shown
    assert shown.count(colour) == 2 and "background" not in shown  # the text has the page's colours


def test_the_colours_can_be_seen_on_white_and_on_black() -> None:
    """At least 3 : 1, as WCAG 2 demands of a sign."""
    for _, colour in SIGNS.values():
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
        light = sum(weight * x for weight, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
        dark = 0.0056  # of JupyterLab's dark background, #111111
        assert 1.05 / (light + 0.05) >= 3 and (light + 0.05) / (dark + 0.05) >= 3, colour


def test_a_wrong_answer_is_offered_the_next_hint(session: Session) -> None:
    attempt = session.exercise("77.2")  # always wrong
    for number in (1, 2, 3):
        offer = f'Hint {number} of 3: exercise("77.2").hint()'
        assert repr(attempt.check()) == f"Wrong. no\n{offer}"
        assert (
            attempt.check()
            ._repr_html_()
            .endswith(f'<br>Hint {number} of 3: <code>exercise("77.2").hint()</code></div>')
        )
        attempt.hint()
    assert repr(attempt.check()).splitlines()[-1] == 'Solution: exercise("77.2").solution()'
    assert session.exercise("77.1").check().offer == ""  # it is right


# --- the cell as it was ---------------------------------------------------------------------------

CHANGED = wrong("The cell has changed, but its result is the same as at first.")


def still_41(learner: LearnerState) -> Verdict:
    return untried() if learner["answer"] == 41 else right("yes")


@pytest.mark.parametrize(
    ("run", "verdict"),
    [
        (["", "answer = 41\n", "exercise('77.1').check()"], untried()),
        (["", "answer = 41", "answer = 40 + 1", "other = 1"], CHANGED),
        (["", "answer = 40 + 1", "answer = 41"], untried()),
        (["", "answer = 41", "%who", "answer ="], untried()),  # no Python, and none to the end
        (["", "answer = 41", "def f():\n    answer = 0"], untried()),  # another's own variable
        (["", "print(answer)"], untried()),
        ([], untried()),
        ("answer = 40 + 1", untried()),  # not IPython's `In`
    ],
)
def test_a_changed_cell_was_tried(run: Any, verdict: Verdict) -> None:
    assert graded(still_41, answer=41, In=run) == verdict


def test_a_changed_cell_is_never_called_untried() -> None:
    run = ["", "answer = 40 + 1"]
    own = untried("Nothing has arrived.")
    assert graded(lambda learner: untried(), answer=41, In=run) == CHANGED
    assert graded(lambda learner: own, answer=41, In=run) == wrong("Nothing has arrived.")
    assert graded(still_41, answer=42, In=run) == right("yes")
    late = cannot_tell("The sandbox was stopped.")
    assert graded(lambda learner: late, answer=41, In=run) == late


def test_a_verdict_that_explains_the_error_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"answer": 41, "In": ["", "answer = 40 + 1"]}
    monkeypatch.setitem(cells.STOPS, 1, cells.Stop(ValueError("bytes"), sent=False))
    explained = replace(wrong("Write it as text."), explains=ValueError)
    assert graded(lambda learner: explained, **names) == explained
    other = replace(explained, explains=KeyError)
    assert "ValueError: bytes" in graded(lambda learner: other, **names).reason


def test_long_arguments_are_not_repeated() -> None:
    said = graded(lambda learner: learner.call("cut", "x" * 60, "y" * 60), cut=lambda a, b: a / b)
    assert said.reason.startswith("`cut(...)` raised TypeError")


def test_two_names_of_the_starter_are_both_needed() -> None:
    two = replace(EXERCISE, grade=still_41, starter="answer = 41\nquestion = 6 * 7 - 1")
    names = {"answer": 41, "In": [two.starter, "answer = 41  # of a later cell"]}
    assert Attempt(two).graded(names) == untried()
    names["In"] = [two.starter, "answer = 41\nquestion = 41"]
    assert Attempt(two).graded(names) == CHANGED


def test_what_ipython_keeps_of_a_cell() -> None:
    attempt, shell = Attempt(replace(EXERCISE, grade=still_41)), InteractiveShell()
    shell.history_manager.enabled = False  # nothing is written to the disk
    shell.run_cell("answer = 41\n", store_history=True)
    assert attempt.graded(shell.user_ns) == untried()
    shell.run_cell("answer = 82 // 2", store_history=True)
    assert attempt.graded(shell.user_ns) == CHANGED


# --- the exchange's record ------------------------------------------------------------------------


def count(learner: LearnerState) -> Verdict:
    return right(str(len(learner.log())))


def test_the_log_has_the_learners_requests_alone(sandbox: Sandbox, bp: Client) -> None:
    def asks(learner: LearnerState) -> Verdict:
        balances, again = learner.ask("get_balances"), learner.ask("get_balances")
        assert balances["SOL"]["available"] == again["SOL"]["available"] == "20"
        return right(str(len(learner.log("get_balances"))))

    assert graded(asks, sandbox=sandbox) == right("0")
    bp.get_balances()
    bp.get_ticker("SOL_USDC")
    assert graded(asks, sandbox=sandbox) == right("1")
    bp.get_balances()
    assert graded(asks, sandbox=sandbox) == right("2")
    assert graded(count, sandbox=sandbox) == right("3")
    assert len(sandbox.log) == 9  # three of the learner's, and three times two


def test_one_of_two_equal_requests_is_of_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the same millisecond the record cannot tell them apart, but it can count them."""
    entry = {"operation": "get_time", "query": "", "body": ""}
    with SomeExchange() as exchange:
        exchange.log = [dict(entry), dict(entry), dict(entry)]
        monkeypatch.setitem(grading._OWN, exchange, [dict(entry)])
        assert graded(count, sandbox=exchange) == right("2")


def test_grading_only_reads(sandbox: Sandbox) -> None:
    verdict = graded(lambda learner: learner.ask("cancel_open_orders"), sandbox=sandbox)
    assert verdict.outcome == "Cannot tell" and "grading only reads" in verdict.reason
    assert sandbox.log == []


def test_what_the_exchange_refuses_cannot_be_told(sandbox: Sandbox) -> None:
    verdict = graded(lambda learner: learner.ask("get_ticker", symbol="SOL_EUR"), sandbox=sandbox)
    assert verdict.outcome == "Cannot tell" and "Invalid market symbol" in verdict.reason
    assert graded(count, sandbox=sandbox) == right("0")


@pytest.mark.parametrize(
    "grade", [count, lambda learner: learner.ask("get_balances"), lambda learner: learner.sandbox]
)
def test_a_stopped_sandbox_cannot_be_asked(grade: Callable[[LearnerState], Verdict]) -> None:
    with Sandbox() as sandbox:
        requests.get(f"{sandbox.url}/api/v1/time", timeout=5)
    verdict = graded(grade, sandbox=sandbox)
    assert verdict.outcome == "Cannot tell"
    assert verdict.reason.startswith("The sandbox was stopped. Run the cells above first")


def test_what_is_no_sandbox_cannot_be_asked() -> None:
    verdict = graded(count, sandbox="mine")
    assert (
        verdict.outcome == "Cannot tell"
        and "`sandbox` is not an exchange: 'mine'" in verdict.reason
    )
    assert graded(count).outcome == "Cannot tell"


class SomeExchange:
    """Anything with a log, an address and a key will do; the sandbox can be deleted."""

    def __init__(self) -> None:
        self._running = Sandbox()
        self.log: list[dict[str, Any]] = []
        self.url, self.key = self._running.url, self._running.key

    def __enter__(self) -> SomeExchange:
        return self

    def __exit__(self, *error: object) -> None:
        self._running.stop()


def test_any_object_with_a_log_is_a_sandbox() -> None:
    with SomeExchange() as exchange:
        exchange.log = [{"operation": "get_time"}, {"operation": "get_status"}]
        seen = graded(lambda learner: right(str(learner.log("get_status"))), sandbox=exchange)
    assert seen == right("[{'operation': 'get_status'}]")


def test_what_was_sent_is_read_from_query_or_body() -> None:
    assert sent({"query": "symbol=A_B&limit=5&x=", "body": ""}) == {
        "symbol": "A_B", "limit": "5", "x": "",
    }  # fmt: skip
    assert sent({"query": "", "body": '{"price": "1.0"}'}) == {"price": "1.0"}
    assert sent({"query": "", "body": '[{"a": 1}]'}) == [{"a": 1}]
    assert sent({"query": "", "body": "{broken"}) == {}


def test_exact_numbers() -> None:
    assert str(exact("170.740")) == "170.740" and exact(3) == 3
    for other in (0.5, True, None, "", "x", "NaN", "Infinity", [1], b"1"):
        assert exact(other) is None


# --- the learner's way ----------------------------------------------------------------------------


@pytest.fixture
def session() -> Session:
    second = replace(EXERCISE, id="77.2", title="Another", grade=lambda learner: wrong("no"))
    elsewhere = replace(EXERCISE, id="78.1", title="Elsewhere")
    return Session([EXERCISE, second, elsewhere])


def test_hints_come_in_three_steps(session: Session) -> None:
    hints = [str(session.exercise("77.1").hint()) for _ in range(4)]
    assert hints == [
        "Hint 1 of 3: one", "Hint 2 of 3: two", "Hint 3 of 3: three", "Hint 3 of 3: three",
    ]  # fmt: skip
    assert repr(session.exercise("77.2").hint()) == "Hint 1 of 3: one"  # each counts for itself
    assert session.exercise("77.2").hint(3) == "Hint 3 of 3: three"
    assert session.exercise("77.2").hint() == "Hint 2 of 3: two"
    for number in (0, 4, -1):
        with pytest.raises(InputError, match="there are 1 to 3"):
            session.exercise("77.1").hint(number)


def test_the_solution_is_code(session: Session) -> None:
    names: dict[str, Any] = {}
    exec(session.exercise("77.1").solution(), names)
    assert names["answer"] == 42
    assert repr(session.exercise("77.1").solution()) == "answer = 42"
    assert repr(session.exercise("77.1")) == "77.1 An answer: .check(), .hint(), .solution()"


@pytest.mark.parametrize("id", ["99.9", 77.1, "", None])
def test_an_exercise_that_is_none(session: Session, id: Any) -> None:
    with pytest.raises(InputError, match="is not an exercise; there are 77.1, 77.2, 78.1"):
        session.exercise(id)


def test_the_public_names() -> None:
    assert set(exercises.__all__) == {
        "EXERCISES", "Attempt", "Exercise", "LearnerState", "Verdict", "exercise", "progress",
        "right", "untried", "wrong",
    }  # fmt: skip
    assert all(hasattr(exercises, name) for name in exercises.__all__)


# --- what it needs --------------------------------------------------------------------------------


def test_the_exercises_load_little_and_no_sandbox() -> None:
    code = (
        "import sys, bpkit; sys.path.insert(0, 'notebooks')\n"
        "early = 'exercises' in sys.modules\n"
        "import exercises\n"
        "heavy = ('pandas', 'numpy', 'matplotlib', 'tornado', 'IPython', 'bpkit.sandbox')\n"
        "print(early, *[name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout.strip(), done.stderr) == ("False", "")
