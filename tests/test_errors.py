"""Errors: their text where it is shown, and how they survive pickle and copy."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from bpkit import errors
from bpkit.errors import (
    ApiError,
    BpkitError,
    GuardError,
    InputError,
    KeyFormatError,
    MissingKeyError,
    RateLimitError,
    RuleError,
    TransportError,
)

EVERY = [
    InputError("price", 170.5, 'is a float; write text: "170.5"'),
    RuleError("price", "1001", "is above 1000 (maxPrice)", "maxPrice", "1000", "1001"),
    KeyFormatError("The secret is empty."),
    MissingKeyError("get_balances is a signed operation"),
    GuardError("refused"),
    RateLimitError("get_klines", 30, 1.5),
    TransportError(
        "execute_order", "the connection was lost", sent=True, mutates=True,
        parameters={"clientId": 7}, time=datetime(2026, 9, 1, tzinfo=UTC), window=5000,
        url="https://api.example", public_key="abc", unique_id=True,
    ),
    ApiError("get_order", 404, "RESOURCE_NOT_FOUND", "Not Found", "{}", None),
]  # fmt: skip


@pytest.mark.parametrize("error", EVERY, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("copied", [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy])
def test_a_copy_has_everything(error: BpkitError, copied: object) -> None:
    error.add_note("a note")
    again = copied(error)  # type: ignore[operator]
    assert type(again) is type(error)
    assert again.args == error.args and str(again) == str(error)
    assert vars(again) == vars(error) and again.__notes__[-1] == "a note"


@pytest.mark.parametrize(
    "parameters, number",
    [({"clientId": 7}, 7), ({"clientStrategyId": 8}, 8), ({}, None), ([{"clientId": 7}], None)],
)
def test_an_error_knows_the_number_of_its_request(parameters: object, number: int | None) -> None:
    error = TransportError("x", "y", sent=True, mutates=True, parameters=parameters)  # type: ignore[arg-type]
    assert error.client_id == number


def test_an_api_error_says_what_was_wrong_below_its_reason() -> None:
    error = ApiError("get_order", 400, "INVALID_SIGNATURE", "no", "{}", "The clock is late.")
    assert str(error) == "get_order: 400 INVALID_SIGNATURE: no\nThe clock is late."
    assert str(ApiError("get_order", 400, None, "no")) == "get_order: 400 no"


def test_a_long_message_is_wrapped_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "WIDTH", 92)
    word = "exchange " * 20
    error = InputError("side", "x", word.strip())
    lines = str(error).split("\n")
    assert [len(line) <= 92 for line in lines] == [True, True, True]
    assert " ".join(lines) == error.args[0] == f"side='x': {word.strip()}"


def test_a_long_word_and_short_lines_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signature or an address must not be cut, and a finding keeps its lines."""
    monkeypatch.setattr(errors, "WIDTH", 92)
    message = "x" * 200 + "\n   ^ here\n" + "a-b " * 23
    assert str(GuardError(message)) == message
    assert str(GuardError()) == ""


def test_the_line_limit_fits_a_notebook() -> None:
    """JupyterLab breaks longer lines inside a word. These tests compare whole messages."""
    code = "from bpkit import errors; print(errors.WIDTH)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "92"
