"""Wrong arguments of a Sandbox are refused in words, and change nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bpkit import Client, InputError
from bpkit.sandbox import FAULTS, Sandbox
from bpkit.signing import DEMO_SECRET, Key

WRONG: dict[str, tuple[Callable[[Sandbox], object], str]] = {
    "a number for funds": (lambda s: s.open_account(5), "funds=5 is not a mapping"),
    "a text for a key": (lambda s: s.open_account(key=DEMO_SECRET), "key is not a Key"),
    "a deposit for no key": (lambda s: s.deposit(5, "USDC", "10"), "key is not a Key"),
    "an address for no key": (
        lambda s: s.allow_withdrawal_address("x", "Solana", "a"), "key is not a Key"),
    "a key without an account": (
        lambda s: s.deposit(Key.generate(), "USDC", "10"), "has no account here"),
    "text for minutes": (lambda s: s.advance(minutes="x"), "not a length of time"),
    "no time at all": (lambda s: s.advance(), r"write advance\(minutes=5\)"),
    "a misspelt fault": (lambda s: s.fault("lost_replay"), "Did you mean 'lost_reply'"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_it_is_refused_in_words(case: str, sandbox: Sandbox) -> None:
    call, words = WRONG[case]
    before = sandbox.now
    with pytest.raises(ValueError, match=words) as caught:
        call(sandbox)
    assert DEMO_SECRET not in str(caught.value) and sandbox.now == before


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"seed": 5}, "seed=5 is not text"),
        ({"seed": None}, "seed=None is not text"),
        ({"seed": b"x"}, "seed=b'x' is not text"),
        ({"follow_clock": "x"}, "follow_clock='x' is not True or False"),
        ({"follow_clock": 1}, "follow_clock=1 is not True or False"),
        ({"follow_clock": None}, "follow_clock=None is not True or False"),
        ({"conflicts": "x"}, "conflicts='x' is not a Conflicts"),
    ],
)
def test_a_sandbox_with_a_wrong_option_is_not_started(option: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Sandbox(**option)


def test_the_list_of_faults_reads_as_sentences() -> None:
    assert "'lost_reply': the connection is cut after the request was carried out" in repr(FAULTS)


def test_a_name_that_is_not_text_is_refused(bp: Client) -> None:
    for params in ({5: "x"}, {("a",): "x"}):
        with pytest.raises(InputError, match="is a name of a field, and must be text"):
            bp.request("GET", "/api/v1/markets", params)
