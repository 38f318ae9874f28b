"""Python's own errors, and bpkit's, as IPython shows them once ``exercises`` is imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from exercises import name_errors
from IPython.core.interactiveshell import InteractiveShell

from bpkit import Client
from bpkit.sandbox import Sandbox

FIRST = """\
ticker = bp.get_ticker("SOL_USDC")
tickers = bp.get_tickers()
frame = tickers.df
row = {"lastPrice": "1", "symbol": "SOL_USDC"}"""


@pytest.fixture(scope="module")
def shell() -> Iterator[InteractiveShell]:
    made = InteractiveShell()
    made.set_custom_exc(name_errors.EXPLAINED, name_errors.explain)
    with Sandbox() as sandbox, Client(sandbox.url, sandbox.key) as bp:
        made.user_ns.update(sandbox=sandbox, bp=bp)
        made.run_cell(FIRST)
        yield made


@pytest.fixture
def shown(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> Callable[[str], str]:
    def run(code: str) -> str:
        assert shell.run_cell(code).error_in_exec is not None  # so that "Run All" stops
        return "".join(capsys.readouterr())

    return run


SLIPS = [
    ("bp.execute_ordr('SOL_USDC')", "Client has no `execute_ordr`. Did you mean `execute_order`?"),
    ("sandbox.advence(minutes=5)", "A Sandbox has no `advence`. Did you mean `advance`?"),
    ("sandbox.advance(5)", "Write `sandbox.advance(minutes=5)`."),
    ("sandbox.fault('lost_repl')", "Did you mean 'lost_reply'?"),
    ("ticker.lastPrice", "a field is read in brackets: answer['lastPrice']"),
    ("tickers.lastPrice", "answer[0]['lastPrice'], or answer.df['lastPrice']"),
    ("tickers[0].lastPrice", "its values are read in brackets. Write `['lastPrice']`."),
    ("ticker['lastprice']", "'lastprice': did you mean 'lastPrice'? This answer has firstPrice,"),
    ("tickers['lastPrice']", "write answer[0]['lastPrice'] for one row"),
    ("row['lastprice']", "Did you mean `lastPrice`? The keys of `row`: lastPrice, symbol"),
    ("for row in [row]:\n    row['prise']", "There is no key `prise`."),
    ("frame['lastprice']", "no column `lastprice`. Did you mean `lastPrice`? The columns:"),
    ("frame[['high', 'lastprice']]", "no column `lastprice`. Did you mean `lastPrice`?"),
    ("frame[['lastprice']]", "There is no column `lastprice`. Did you mean `lastPrice`?"),
    ("frame.lastprice", "A DataFrame has no `lastprice`. Did you mean `lastPrice`?"),
    ("frame.sort_values('lastprice')", "no column `lastprice`. Did you mean `lastPrice`?"),
    ("bp.get_ticker('SOLUSDC')", "symbol='SOLUSDC': did you mean 'SOL_USDC'?"),
    ("bp.execute_order('SOL_USDC', 'Buy', 'Limit')", "side='Buy': did you mean 'Bid'?"),
    ("bp.get_tickers.df", "`bp.get_tickers().df`."),
]  # fmt: skip


@pytest.mark.parametrize(("code", "said"), SLIPS, ids=[code for code, _ in SLIPS])
def test_a_slip_is_a_sentence_with_the_fix(
    code: str, said: str, shown: Callable[[str], str]
) -> None:
    text = shown(code)
    assert said in " ".join(text.split())
    assert "Traceback" not in text and "Run All Above" not in text
    assert f"The line that raised it:  {code.splitlines()[-1].strip()}" in text
    assert max(map(len, text.split("\n\n")[0].splitlines())) <= 92


OTHERS = [
    "frame.loc['x']",  # a row, not a column
    "{}['a']", "[].sorted", "1 / 0", "int('x')", "int(3, 4, 5)", "row['a'] + row[1]['b']",
    "raise KeyError", "raise ValueError('mine')", "def f():\n    return {}['a']\nf()",
    "import json\njson.loads('{')"
]  # fmt: skip


@pytest.mark.parametrize("code", OTHERS)
def test_other_errors_are_shown_as_usual(code: str, shown: Callable[[str], str]) -> None:
    text = shown(code)
    assert "Traceback" in text or ("There is no key `a`" in text and "row" in code)
    assert "The columns" not in text


def test_a_mistake_of_bpkit_is_shown_in_full(
    shown: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its frames are needed to report it."""
    deep = {"__name__": "bpkit.deep"}
    exec("def call(*given): return {}['deep inside']", deep)
    monkeypatch.setattr(Client, "_call", deep["call"])
    assert "Traceback" in shown("bp.get_ticker('SOL_USDC')")
