"""A notebook explains missing names, forgotten brackets, and the errors of bpkit."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from types import SimpleNamespace, TracebackType
from typing import Any

import pytest
from exercises import name_errors as missing
from IPython.core.interactiveshell import InteractiveShell

from bpkit import BpkitError, Client, InputError


def refuse(price: int) -> None:
    """As bpkit would, in a file of its own."""
    raise InputError("price", price, "is too much")


class FakeShell:
    """What of IPython the handler uses."""

    def __init__(self, **names: Any) -> None:
        self.user_ns: dict[str, Any] = names
        self.custom_exceptions: tuple[type[BaseException], ...] = ()
        self.handler: Any = None
        self.shown: str | None = None
        self.error: BaseException | None = None

    def set_custom_exc(self, kinds: tuple[type[BaseException], ...], handler: Any) -> None:
        self.custom_exceptions, self.handler = kinds, handler

    def showtraceback(
        self, what: tuple[type, BaseException, TracebackType | None], tb_offset: int | None
    ) -> None:
        render = getattr(what[1], "_render_traceback_", None)
        self.shown = "\n".join(render()) if render else f"a traceback: {what[1]}"

    def run(self, code: str) -> str | None:
        try:
            exec(compile(code, "<cell>", "exec"), self.user_ns)
        except (NameError, BpkitError):
            self.error = sys.exc_info()[1]
            missing.explain(self, *sys.exc_info())  # type: ignore[arg-type]
        return self.shown


def test_a_missing_name_is_a_sentence() -> None:
    shown = FakeShell(orders=[1]).run("print(balance)")
    assert shown == (
        "`balance` is not there yet. Run the cells above first: in JupyterLab, Run > Run All Above "
        "Selected Cell."
    )


def test_a_misspelt_name_is_suggested_beside_the_other_way() -> None:
    shown = FakeShell(orders=[1]).run("orderz") or ""
    assert "Did you mean `orders`?" in shown and "Run All Above" in shown
    assert "Did you mean `print`?" in (FakeShell().run("pritn(1)") or "")
    assert "Did you mean `True`?" in (FakeShell().run("print(true)") or "")
    local = "def f():\n    quantity = 1\n    return quantitty\nf()"
    assert "Did you mean `quantity`?" in (FakeShell().run(local) or "")
    assert "Did you mean" not in (FakeShell(_orders=1).run("orderz") or "")


def test_other_missing_names_are_shown_as_usual() -> None:
    unbound = "def f():\n    x += 1\nf()"
    assert (FakeShell().run(unbound) or "").startswith("a traceback: cannot access")
    elsewhere: dict[str, Any] = {}
    exec("def library(): return nothing", elsewhere)
    shown = FakeShell(library=elsewhere["library"]).run("library()")
    assert shown == "a traceback: name 'nothing' is not defined"
    assert FakeShell().run("raise NameError('made by hand')") == "a traceback: made by hand"


def test_forgotten_brackets_in_ipython_itself(capsys: pytest.CaptureFixture[str]) -> None:
    shell = InteractiveShell()
    shell.set_custom_exc(missing.EXPLAINED, missing.explain)
    with Client("http://127.0.0.1:9") as client:
        shell.user_ns["market"] = client
        for code, said in (
            ("market.get_tickers.df", "Write `market.get_tickers().df`."),
            ("market.get_ticker.df", "Write `market.get_ticker(...).df`."),
            ("get = market.get_tickers\nget.shape", "Write `bp.get_tickers().shape`."),
        ):
            assert isinstance(shell.run_cell(code).error_in_exec, AttributeError)
            assert said in "".join(capsys.readouterr())
        for code in ("market.url.df", "print.df", "missing = lambda: 1\nmissing.df"):
            shell.run_cell(code)
            text = "".join(capsys.readouterr())
            assert "Traceback" in text and "brackets" not in text


def test_an_error_that_was_shown_is_still_picklable() -> None:
    shell = FakeShell(refuse=refuse)
    shell.run("refuse(2)")
    assert str(pickle.loads(pickle.dumps(shell.error))) == "price=2: is too much"


def test_a_refusal_is_its_message() -> None:
    """Only where a name is missing do the cells above help."""
    shell = FakeShell(refuse=refuse)
    assert shell.run("refuse(2)") == "InputError: price=2: is too much"  # no such file


def test_a_refusal_that_no_cell_led_to_is_shown_as_usual() -> None:
    shell = FakeShell()
    try:
        refuse(2)
    except InputError:
        missing.explain(shell, *sys.exc_info())  # type: ignore[arg-type]
    assert shell.shown == "a traceback: price=2: is too much"


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeShell]:
    fake = FakeShell()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: fake))
    yield fake


def test_the_handler_is_installed_once_and_over_nobody_elses(shell: FakeShell) -> None:
    assert missing.install()
    assert shell.custom_exceptions == missing.EXPLAINED
    assert missing.install()  # an import that is run again
    shell.custom_exceptions = (KeyError,)
    assert not missing.install() and shell.custom_exceptions == (KeyError,)


def test_outside_ipython_nothing_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert not missing.install()
    monkeypatch.delitem(sys.modules, "IPython")
    assert not missing.install()
    assert "IPython" not in sys.modules


def test_in_ipython_itself(capsys: pytest.CaptureFixture[str]) -> None:
    shell = InteractiveShell()
    shell.set_custom_exc((NameError,), missing.explain)
    result = shell.run_cell("price = 1\nprise * 2")
    said = capsys.readouterr()
    text = said.out + said.err
    assert "Did you mean `price`?" in text and "The line that needs it:  prise * 2" in text
    assert "Traceback" not in text
    assert isinstance(result.error_in_exec, NameError)  # so that "Run All" stops here
    shell.run_cell("1 / 0")
    assert "ZeroDivisionError" in capsys.readouterr().out


def test_a_refusal_in_ipython_itself(capsys: pytest.CaptureFixture[str]) -> None:
    shell = InteractiveShell()
    shell.set_custom_exc(missing.EXPLAINED, missing.explain)
    shell.user_ns["refuse"] = refuse
    result = shell.run_cell("price = 2\ndef place(at):\n    return refuse(at)\nplace(price)")
    said = capsys.readouterr()
    assert (said.out + said.err).strip().split("\n\n") == [
        "InputError: price=2: is too much",
        "The line that raised it:  return refuse(at)",
    ]
    assert isinstance(result.error_in_exec, InputError)  # so that "Run All" stops here
    assert shell.run_cell("try:\n    place(3)\nexcept ValueError:\n    caught = 1").success
    assert capsys.readouterr().out == ""


def test_a_builtin_is_not_what_is_missing() -> None:
    """`order` is like `ord`, which nobody means."""
    assert "Did you mean" not in missing.not_there("order", ["ord", "oct", "bp"])
    assert "`order`?" in missing.not_there("oder", ["ord", "order"])
