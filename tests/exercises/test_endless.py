"""A learner's function that never ends is parked, whatever it does."""

from __future__ import annotations

import threading

import pytest
from exercises import n09_endless
from exercises.cells import is_code_of
from exercises.n09_endless import Run

from bpkit import BpkitError


def run(code: str, *args: object) -> Run:
    names: dict[str, object] = {"BpkitError": BpkitError}
    exec(code, names)
    one = Run(names["f"])  # type: ignore[arg-type]
    one.start(*args)
    return one


@pytest.mark.parametrize(
    "body",
    [
        "while True: pass",
        "while True:\n        try:\n            1 / 0\n        except:\n            pass",
        "while True:\n        try:\n            raise SystemExit\n        finally:\n"
        "            continue",
        "f()  # never mind the stack\n    while True: pass",
        "any(False for _ in iter(int, 1))",
    ],
)
def test_it_is_parked(body: str) -> None:
    code = f"def g():\n    pass\ndef f():\n    {body}".replace("f()  #", "g()  #")
    assert run(code).endless


def test_what_ends_is_not_parked(capsys: pytest.CaptureFixture[str]) -> None:
    ended = run("def f(n):\n    print(n)\n    return sum(range(n))", 10)
    assert (ended.endless, ended.result, ended.error) == (False, 45, None)
    assert capsys.readouterr().out == ""
    assert isinstance(run("def f():\n    raise SystemExit").error, SystemExit)


def test_a_sign_of_life_begins_the_count_again() -> None:
    code = "def f(alive):\n    for _ in range({}):\n        sum(n for n in range(999)); alive()"

    def run_for(times: int, is_alive: bool) -> bool:
        names: dict[str, object] = {}
        exec(code.format(times), names)
        one = Run(names["f"])  # type: ignore[arg-type]
        one.start(one.alive if is_alive else int)
        return one.endless

    assert (run_for(20, True), run_for(20, False)) == (False, True)


def test_who_sleeps_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(n09_endless, "SECONDS", 0.01)
    woken = threading.Event()
    one = run("def f(sleep):\n    sleep()\n    return 1", woken.wait)
    assert one.endless
    woken.set()  # it goes on, and is parked at its next instruction


def test_the_starter_is_known_by_its_code() -> None:
    starter = "def f(n):\n    return n + 1"
    names: dict[str, object] = {}
    exec("def f(n):\n    # a remark\n    return (n + 1)", names)
    assert is_code_of(names["f"], starter)
    exec("def f(n):\n    return n + 2", names)
    assert not is_code_of(names["f"], starter) and not is_code_of(None, starter)
