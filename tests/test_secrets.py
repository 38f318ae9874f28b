"""The watch finds secrets, and nothing that bpkit makes shows one.

``conftest`` runs the watch after every test.
"""

from __future__ import annotations

import copy
import io
import logging
import pickle
import sys
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from helpers import WATCH, Scripted
from hypothesis import given, settings
from hypothesis import strategies as st
from watch import PACKAGE, Watch, spelled

from bpkit import (
    LIVE_URL,
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
from bpkit.cli import main
from bpkit.doctor import diagnose
from bpkit.errors import hide_secrets
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
    watch.errors.append(ApiError("get_account", 400, None, SECRET))
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


# --- a secret in a wrong place --------------------------------------------------------------------


def left_by(call: Callable[[], object], secret: str) -> str:
    """What an error of this call says, and what is left of the secret in bpkit's frames: of the
    error and of each that led to it, as verbose tracebacks show them. "" if there is no error."""
    try:
        call()
    except BaseException as stop:
        error: BaseException | None = stop
    else:
        return ""
    texts = ["an error"]
    while error is not None:
        texts += [str(error), repr(error), repr(vars(error)), repr(getattr(error, "__notes__", ""))]
        trace = error.__traceback__
        while trace is not None:
            frame = trace.tb_frame
            if frame.f_code.co_filename.startswith(PACKAGE):
                found = frame.f_locals
                texts += [f"{name}={value!r} {value}" for name, value in found.items()]
            trace = trace.tb_next
        error = error.__context__
    assert not [text for text in texts if secret in text]
    return texts[0]


HERE = "http://127.0.0.1:1"
SECRETS = {
    "base64": SECRET,
    "without its end": SECRET[:-1],
    "URL-safe": urlsafe_b64encode(bytes(range(200, 232))).decode(),
    "hex": SEED.hex(),
    "hex with 0x": f"0x{SEED.hex()}",
    "64 bytes": b64encode(SEED + bytes(range(32))).decode(),
    "base58": "5JyQgwU7ZdJ9s3GXfuPFfo7yQQpL9CgvQedJXne3u8vK2mTqRb4NwYzHcA6kDxP1",
    "a phrase": "zebra " * 11 + "abandon",
    "with its name": f"SECRET_KEY={SECRET}",
}
PLACES: dict[str, Callable[[str], object]] = {
    "url": lambda secret: Client(secret),
    "the host of url": lambda secret: Client(f"https://{secret}"),
    "the port of url": lambda secret: Client(f"http://127.0.0.1:{secret}"),
    "the path of url": lambda secret: Client(f"{LIVE_URL}/{secret}"),
    "another scheme of url": lambda secret: Client(f"ftp://{secret}"),
    "key": lambda secret: Client(HERE, secret),  # type: ignore[arg-type]
    "window": lambda secret: Client(HERE, window=secret),  # type: ignore[arg-type]
    "timeout": lambda secret: Client(HERE, timeout=secret),  # type: ignore[arg-type]
    "half of timeout": lambda secret: Client(HERE, timeout=(1, secret)),  # type: ignore[arg-type]
    "armed": lambda secret: Client(LIVE_URL, armed=secret),  # type: ignore[arg-type]
    "trusted_host": lambda secret: Client("https://a.example", trusted_host=secret),
    "rate_limit": lambda secret: Client(HERE, rate_limit=secret),  # type: ignore[arg-type]
    "new_id": lambda secret: Client(HERE, new_id=secret),  # type: ignore[arg-type]
    "journal": lambda secret: Client(HERE, Key(SECRET), journal=secret),
    "one argument too many": lambda secret: Client(HERE, None, secret),  # type: ignore[misc]
    "an unknown argument": lambda secret: Client(HERE, secret=secret),  # type: ignore[call-arg]
    "the public key": lambda secret: Key("x", secret),
    "both of a key": lambda secret: Key(secret + "x", secret),
    "path": lambda secret: Key.from_env(secret),
    "path as a Path": lambda secret: Key.from_env(Path("a") / secret),
    "prefix": lambda secret: Key.from_env(prefix=secret),
    "a command": lambda secret: main([secret]),
    "doctor": lambda secret: main(["doctor", secret]),
    "doctor, with an option": lambda secret: main(["doctor", "--env", "x", f"--secret={secret}"]),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_secret_in_a_wrong_place(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for secret in SECRETS.values():
        error = left_by(lambda secret=secret: PLACES[place](secret), secret)  # type: ignore[misc]
        assert error and secret not in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--env", "--url", "--prefix", "operations"])
def test_a_secret_as_an_option(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], sandbox: Sandbox,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    words = ["operations"] if option == "operations" else ["doctor", "--url", sandbox.url, option]
    for secret in SECRETS.values():
        if option == "--env":  # there is a file, with a pair that is not one
            (tmp_path / ".env").write_text(f"PUBLIC_KEY={SECRET}\nSECRET_KEY={secret}x\n")
        assert main([*words, secret]) == 1
        shown = capsys.readouterr()
        assert secret not in shown.out + shown.err


@settings(max_examples=300)
@given(st.binary(min_size=32, max_size=32))
def test_every_key_looks_like_a_secret(seed: bytes) -> None:
    for text in (b64encode(seed).decode(), seed.hex()):
        assert text not in hide_secrets(f"not {text} but another")


@pytest.mark.parametrize("plain", [
    "/Users/anna/Documents/2026/backpack-notebooks/project/live.env",
    "https://internal-lb-123456.us-east-1.elb.amazonaws.com:8443",
    "f47ac10b-58cc-4372-a567-0e02b2c3d479", "get_borrow_lend_estimated_liquidation_price",
    "/wapi/v1/capital/withdrawals/delay", "0x52908400098527886E0F7030069857D2E4169EE7"[:37],
    'is not a list of orders; pass one such as [{"symbol": ...}] and put each order into it',
    "PUBLIC_KEY=... and SECRET_KEY=...", "12345678901234567890123456789012345678901234",
])  # fmt: skip
def test_what_does_not_look_like_a_secret(plain: str) -> None:
    assert hide_secrets(plain) == plain


# --- Ctrl+C ---------------------------------------------------------------------------------------


def stopped(call: Callable[[], object], line: int) -> Callable[[], object]:
    """The same call, which Ctrl+C stops at this line of bpkit (1: the first that it reaches)."""
    left = line

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal left
        file = frame.f_code.co_filename
        # A trace function also stops where "with lock" ends, before the lock is released. Ctrl+C
        # cannot come there. The rate limit has a lock, and no secret.
        inside = file.startswith(PACKAGE) and not file.endswith("rate_limit.py")
        if event == "line" and inside:
            left -= 1
            if not left:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    def run() -> None:
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            call()
        finally:
            sys.settrace(before)

    return run


def every_line(call: Callable[[], object], secret: str) -> int:
    """Stop the call at each of its lines; returns how many they are."""
    for line in range(1, 5000):
        if "KeyboardInterrupt" not in left_by_interrupt(stopped(call, line), secret):
            return line - 1
    raise AssertionError("it has no end")


def left_by_interrupt(call: Callable[[], object], secret: str) -> str:
    kinds: list[str] = []

    def noted() -> None:
        try:
            call()
        except BaseException as error:
            kinds.append(type(error).__name__)
            raise

    left_by(noted, secret)
    return "".join(kinds)


def test_ctrl_c_at_every_line_of_a_key(tmp_path: Path) -> None:
    file = tmp_path / "mine.env"
    file.write_text(f"PUBLIC_KEY={Key(SECRET).public_key}\nSECRET_KEY={SECRET}\n")
    assert every_line(lambda: Key(SECRET), SECRET) > 10
    assert every_line(lambda: Key(SECRET, Key(SECRET).public_key), SECRET) > 10
    assert every_line(lambda: Key.from_env(file), SECRET) > 20


# --- a two-factor token ---------------------------------------------------------------------------

TOKEN = "918273"
WITHDRAWAL = {
    "address": "x", "blockchain": "Solana", "symbol": "SOL", "quantity": "1",
    "two_factor_token": TOKEN,
}  # fmt: skip
SENT = {"address": "x", "quantity": "1", "twoFactorToken": TOKEN}
DELAY = {"withdrawal_delay_hours": 1, "two_factor_token": TOKEN}
TAKE_A_TOKEN: dict[str, Callable[[Client], object]] = {
    "withdraw": lambda bp: bp.request_withdrawal(**WITHDRAWAL),  # type: ignore[arg-type]
    "a wrong field": lambda bp: bp.request_withdrawal(**{**WITHDRAWAL, "quantity": 1.5}),  # type: ignore[arg-type]
    "create": lambda bp: bp.create_withdrawal_delay(**DELAY),  # type: ignore[arg-type]
    "update": lambda bp: bp.update_withdrawal_delay(**DELAY),  # type: ignore[arg-type]
    "issue": lambda bp: bp.issue_two_factor_token(SENT),
    "explain": lambda bp: bp.explain("request_withdrawal", **{**WITHDRAWAL, "blockchain": "x"}),
    "request": lambda bp: bp.request(
        "POST", "/wapi/v1/capital/withdrawals", SENT, instruction="withdraw"
    ),
}


def clients(url: str) -> Iterator[Client]:
    yield Client(LIVE_URL, Key(SECRET))  # not armed: the guard refuses
    yield Client(url)  # without a key
    yield Client(url, Key(SECRET))


@pytest.mark.parametrize("name", TAKE_A_TOKEN)
@pytest.mark.parametrize("answer", [
    None, (400, {}, b'{"code":"INVALID_CLIENT_REQUEST","message":"Invalid signature"}'),
    (502, {}, b"<html>"), (200, {}, b'{"id'),
])  # fmt: skip
def test_a_two_factor_token_is_in_no_frame(name: str, answer: Any, scripted: Scripted) -> None:
    # The client asks first whether it is a sandbox.
    scripted.answers = [(200, {"X-Sandbox": "bpkit"}, b'{"status":"Ok"}'), answer]
    for bp in clients(scripted.url):
        left = left_by(lambda bp=bp: TAKE_A_TOKEN[name](bp), TOKEN)  # type: ignore[misc]
        assert left or name == "request"  # which returns whatever text is answered
    if name in ("withdraw", "issue", "request"):
        assert TOKEN.encode() in scripted.requests[-1]["body"]  # it came as far as that


def test_ctrl_c_at_every_line_of_a_withdrawal() -> None:
    """It ends before a lock is taken, which Ctrl+C at the end of its "with" would leave locked."""
    bp = Client(HERE, Key(SECRET))

    def refused() -> None:
        with suppress(InputError):
            bp.request_withdrawal(**WITHDRAWAL, client_id=" ")  # type: ignore[arg-type]

    assert every_line(refused, TOKEN) > 50


def test_the_frames_of_the_caller_keep_their_local_variables() -> None:
    def ended() -> None:
        mine = "kept"
        raise LookupError(mine)

    try:
        ended()
    except LookupError as before:
        with pytest.raises(KeyFormatError):
            Key("x")
        trace = before.__traceback__
        assert trace is not None and trace.tb_next is not None
        assert trace.tb_next.tb_frame.f_locals["mine"] == "kept"
