"""The watch finds secrets, and nothing that bpkit makes shows one.

``conftest`` runs the watch after every test.
"""

from __future__ import annotations

import copy
import io
import logging
import pickle
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from conftest import WATCH, Scripted
from watch import Watch, spelled

from bpkit import (
    ApiError,
    Arming,
    Client,
    GuardError,
    InputError,
    Key,
    KeyFormatError,
    MissingKeyError,
    RateLimit,
    RateLimitError,
    TransportError,
)
from bpkit.doctor import diagnose
from bpkit.operations import OPERATIONS
from bpkit.sandbox import Sandbox

SEED = bytes(range(100, 132))
SECRET = b64encode(SEED).decode()


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """A second watch, which may find something without failing the test."""
    mine = Watch()
    mine.seeds.append(SEED)
    return mine


# --- the watch sees what it should ----------------------------------------------------------------


def test_a_text(watch: Watch) -> None:
    watch.errors.append(InputError("key", SECRET, "is no Key"))
    found = watch.found()
    WATCH.errors.clear()  # this one was meant
    assert [one.split(" of error")[0] for one in found] == [
        "the text", "the repr", "the attributes", "the pickle", "the traceback",
    ]  # fmt: skip


@pytest.mark.parametrize("slip", [SECRET, SEED.hex(), repr(SEED), SECRET[5:], SECRET[:21]])
def test_a_log_record(slip: str, watch: Watch) -> None:
    watch.records.emit(logging.LogRecord("x", logging.DEBUG, "", 0, "signed %s", (slip,), None))
    assert watch.found() == ["a log record"]


def test_what_was_printed(watch: Watch) -> None:
    assert watch.found(f"SECRET_KEY={SECRET}") == ["what was printed"]


def test_a_seed_is_noticed() -> None:
    Key(SECRET)
    assert SEED in WATCH.seeds


def test_the_spellings_are_of_the_seed() -> None:
    assert all(len(one) >= 20 for one in spelled(SEED))
    assert spelled(SEED)[0] in SECRET and spelled(SEED)[1] in SECRET


# --- what bpkit makes -----------------------------------------------------------------------------


def shown(thing: Any) -> str:
    """All text that showing or saving an object produces."""
    parts = [repr(thing), str(thing), f"{thing}", repr(copy.copy(thing))]
    for name in ("_repr_html_", "_repr_pretty_", "__reduce__"):
        if name == "_repr_html_" and hasattr(thing, name):
            parts.append(thing._repr_html_() or "")
    try:
        parts.append(pickle.dumps(thing).decode("latin-1"))
    except (TypeError, AttributeError, pickle.PicklingError) as refused:
        parts.append(str(refused))
    return "\n".join(parts)


def test_nothing_shows_its_key(scripted: Scripted) -> None:
    key = Key(SECRET)
    scripted.says(200, "[]")
    arming = Arming(orders=True, per_order="10", per_session="10")
    with Sandbox() as sandbox:
        sandbox.open_account({"USDC": "5"}, key)
        bp = Client(sandbox.url, key, armed=arming, rate_limit=RateLimit())
        things: list[Any] = [key, bp, sandbox, bp.armed, bp.get_balances(), sandbox.log]
        things.append(bp.explain("execute_order", "SOL_USDC", "Bid", "Market", quantity="1"))
        sent = bp._transport.prepare(OPERATIONS["get_balances"], {})
        things += [dict(sent.headers or {}), diagnose(sent), bp._transport.guard]
        for thing in things:
            text = shown(thing)
            assert not [one for one in spelled(SEED) if one in text], type(thing)


def test_a_key_is_not_pickled() -> None:
    for make in (pickle.dumps, lambda key: pickle.Pickler(io.BytesIO()).dump(key)):
        with pytest.raises(TypeError, match="not pickled"):
            make(Key(SECRET))
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        pickle.dumps(Client("http://127.0.0.1:1", Key(SECRET)))


WRONG = {
    "hex": SEED.hex(),
    "url-safe": SECRET.replace("+", "-").replace("/", "_") + "_-",
    "quotes": f'"{SECRET}"',
    "a space": f"{SECRET} ",
    "cut": SECRET[:40],
    "long": b64encode(SEED * 2).decode(),
    "PEM": f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_key_that_is_none_is_not_repeated(name: str, watch: Watch) -> None:
    with pytest.raises(KeyFormatError) as caught:
        Key(WRONG[name])
    watch.errors.append(caught.value)
    assert watch.found() == []


def test_every_error_of_a_signed_call(scripted: Scripted, watch: Watch) -> None:
    key = Key(SECRET)
    scripted.answers = [
        None,
        (400, {}, b'{"code":"INVALID_CLIENT_REQUEST","message":"Invalid signature"}'),
        (401, {}, b'{"code":"UNAUTHORIZED","message":"Unknown API key"}'),
        (502, {}, b"<html>"),
        (200, {}, b'{"id'),
        (302, {"Location": "https://evil.example"}, b""),
    ]
    arming = Arming(orders=True, per_order="1", per_session="6")
    bp = Client(scripted.url, key, armed=arming)
    for _ in range(6):
        with pytest.raises((ApiError, TransportError)) as caught:
            bp.execute_order("SOL_USDC", "Bid", "Limit", price="1", quantity="1")
        watch.errors.append(caught.value)
    assert watch.found() == [] and len(watch.errors) == 6


def test_an_env_that_is_wrong(tmp_path: Path, watch: Watch) -> None:
    file = tmp_path / ".env"
    for text in (
        f"SECRET_KEY={SECRET}\n",
        f"SECRET_KEY={SECRET}\nPUBLIC_KEY={SECRET}\n",
        f"SECRET_KEY={SECRET}x\nPUBLIC_KEY=y\n",
    ):
        file.write_text(text)
        with pytest.raises((MissingKeyError, KeyFormatError)) as caught:
            Key.from_env(file)
        watch.errors.append(caught.value)
    assert watch.found() == [] and len(watch.errors) == 3


@pytest.mark.parametrize(
    "made",
    [
        lambda: InputError("a", 1, "b"), lambda: KeyFormatError("a"), lambda: MissingKeyError("a"),
        lambda: GuardError("a"), lambda: RateLimitError("a", 1, 2.0),
        lambda: TransportError("a", "b", sent=True, mutates=True),
        lambda: ApiError("a", 1, None, "b"),
    ],
)  # fmt: skip
def test_every_kind_of_error_is_watched(made: Any) -> None:
    before = len(WATCH.errors)
    error = made()
    assert WATCH.errors[before:] == [error]
