"""Errors: their text where it is shown, and how they survive pickle and copy."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from bpkit import errors
from bpkit.errors import (
    ApiError,
    BatchTransportError,
    BpkitError,
    GuardError,
    InputError,
    JournalError,
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
    JournalError("the disk is full"),
    RateLimitError("get_klines", 30, 1.5),
    TransportError(
        "execute_order", "the connection was lost", sent=True, mutates=True,
        parameters={"clientId": 7}, time=datetime(2026, 9, 1, tzinfo=UTC), window=5000,
        url="https://api.example", public_key="abc", unique_id=True, attempt="9f2c51d07ab3e418",
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


# --- what was sent, and how an error is saved -----------------------------------------------------

SIGNED = datetime(2026, 11, 26, 10, 0, 0, 123000, tzinfo=UTC)
ORDER = {
    "clientId": 2846105733, "orderType": "Limit", "price": "170.5", "quantity": "0.14",
    "side": "Bid", "symbol": "SOL_USDC",
}  # fmt: skip
OTHER = {
    "symbol": "BTC_USDC", "side": "Ask", "orderType": "Market", "quantity": "1", "clientId": 2,
}  # fmt: skip
WITHDRAWAL = {
    "address": "7YttLkHDoNj9wyDur5pM1ejNaAvT9X4eqaYcHQqtj2G5", "blockchain": "Solana",
    "symbol": "USDC", "quantity": "25", "clientId": "8", "twoFactorToken": "(hidden)",
}  # fmt: skip
UNKNOWN = "The outcome is UNKNOWN: it may have been carried out. Look (bp.reconcile(error)) before "


def lost(kind: type[TransportError] = TransportError, **fields: object) -> TransportError:
    known = {"sent": True, "mutates": True, "parameters": ORDER, "time": SIGNED, **fields}
    return kind("execute_order", "the connection was lost", **known)  # type: ignore[arg-type]


def test_the_text_of_a_lost_order_says_what_was_sent() -> None:
    assert str(lost()) == (
        f"execute_order: the connection was lost. {UNKNOWN}you send it again.\n"
        "Sent: symbol=SOL_USDC side=Bid orderType=Limit price=170.5 quantity=0.14 "
        "clientId=2846105733, signed 2026-11-26T10:00:00.123+00:00"
    )


def test_the_text_of_a_lost_batch_has_a_line_for_each_order() -> None:
    assert str(lost(BatchTransportError, parameters=[ORDER, OTHER])).split("\n")[1:] == [
        "Sent: 2 orders, signed 2026-11-26T10:00:00.123+00:00",
        "symbol=SOL_USDC side=Bid orderType=Limit price=170.5 quantity=0.14 clientId=2846105733",
        "symbol=BTC_USDC side=Ask orderType=Market quantity=1 clientId=2",
    ]


def test_the_text_of_a_lost_withdrawal_shortens_the_address_and_shows_no_token() -> None:
    assert str(lost(parameters=WITHDRAWAL, time=None)).split("\n")[1:] == [
        "Sent: symbol=USDC quantity=25 blockchain=Solana address=7YttLk...j2G5 clientId=8"
    ]
    short = lost(parameters={"address": "me", "twoFactorToken": "123456"}, time=None)
    assert str(short).endswith("\nSent: address=me")


@pytest.mark.parametrize("fields", [{"sent": False}, {"mutates": False}, {"parameters": {}}])
def test_what_was_not_sent_or_only_reads_is_one_line(fields: dict[str, object]) -> None:
    assert "\n" not in str(lost(time=None, **fields))


@pytest.mark.parametrize("kind", [TransportError, BatchTransportError])
def test_an_error_is_saved_as_json_and_restored(kind: type[TransportError]) -> None:
    error = lost(
        kind, parameters=[ORDER, OTHER], window=5000, url="https://api.example", public_key="abc",
        unique_id=True, attempt="9f2c51d07ab3e418",
    )  # fmt: skip
    error.add_note("a note")
    saved = json.loads(json.dumps(error.to_dict()))
    again = TransportError.from_dict(saved)
    assert type(again) is kind and again.args == error.args
    notes = vars(error).pop("__notes__")
    assert notes == ["a note"] and vars(again) == vars(error)
    assert again.time == SIGNED and again.to_dict() == saved


def test_a_reason_that_was_found_later_is_restored_too() -> None:
    error = lost(unique_id=False)
    error.unique_id, error.more = True, "HTML"  # type: ignore[attr-defined]
    assert vars(TransportError.from_dict(error.to_dict())) == vars(error)


@pytest.mark.parametrize("change", [
    {"error": "ApiError"}, {"error": None}, {"time": "today"}, {"time": 5},
])  # fmt: skip
def test_what_is_no_saved_error_is_refused(change: dict[str, object]) -> None:
    saved = {**lost().to_dict(), **change}
    with pytest.raises(InputError, match="is not a saved TransportError"):
        TransportError.from_dict(saved)
    for name in ("error", "operation", "unique_id"):
        with pytest.raises(InputError, match="pass what error.to_dict"):
            TransportError.from_dict({key: one for key, one in saved.items() if key != name})
    with pytest.raises(InputError, match="is not a saved TransportError"):
        TransportError.from_dict("text")  # type: ignore[arg-type]
