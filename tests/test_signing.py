"""The signer against known answers, an independent restatement of the rule, and wrong keys."""

from __future__ import annotations

import copy
import pickle
import traceback
from base64 import b64decode, b64encode, urlsafe_b64encode
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from dotenv import dotenv_values
from helpers import VECTORS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bpkit import BpkitError, InputError, Key, KeyFormatError, MissingKeyError, serialize
from bpkit.signing import DEMO_PUBLIC_KEY, DEMO_SECRET, text_to_sign, verify

# Two cases sign what bpkit refuses to send: floats.
REFUSED = {"quantity_as_json_float", "quantity_small_float_no_exponent"}


def fields_of(case: dict[str, Any]) -> Any:
    given = case["fields"]
    return (
        [serialize.fields(one) for one in given]
        if isinstance(given, list)
        else serialize.fields(given)
    )


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_known_answers(case: dict[str, Any]) -> None:
    if case["name"] in REFUSED:
        with pytest.raises(InputError):
            fields_of(case)
        return
    text = text_to_sign(case["instruction"], fields_of(case), case["timestamp"], case["window"])
    assert text == case["text"]
    assert Key(DEMO_SECRET).sign(text) == case["signature"]


@pytest.mark.parametrize("case", VECTORS["negative"], ids=lambda case: case["name"])
def test_known_mistakes_are_not_made(case: dict[str, Any]) -> None:
    instructions = {
        "/api/v1/order": "orderExecute",
        "/api/v1/orders": "orderExecute",
        "/wapi/v1/capital/withdrawals": "withdrawalQueryAll",
    }
    text = text_to_sign(
        instructions[case["path"]], fields_of(case), case["timestamp"], case["window"]
    )
    assert text != case["text"], case["why"]
    with pytest.raises(InvalidSignature):
        Ed25519PublicKey.from_public_bytes(b64decode(DEMO_PUBLIC_KEY)).verify(
            b64decode(case["signature"]), text.encode()
        )


NAMES = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=6)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(0, 2**32 - 1)
    | st.text(max_size=8)
    | st.decimals(allow_nan=False, allow_infinity=False, places=6)
)
ORDERS = st.dictionaries(NAMES, VALUES, max_size=6)


def restated(instruction: str, orders: list[dict[str, Any]], timestamp: int, window: int) -> str:
    """The documentation's rule, word by word, with none of bpkit's code."""
    text = ""
    for order in orders:
        text += "&instruction=" + instruction
        for name in sorted(order, key=lambda name: name.encode()):
            value = order[name]
            if value is None:
                continue
            if value is True or value is False:
                value = "true" if value else "false"
            text += "&" + name + "=" + (f"{value:f}" if isinstance(value, Decimal) else str(value))
    return text[1:] + "&timestamp=" + str(timestamp) + "&window=" + str(window)


@settings(suppress_health_check=[HealthCheck.too_slow])  # on a machine that is busy
@given(st.lists(ORDERS, min_size=1, max_size=4), st.integers(0, 2**45), st.integers(1, 60000))
def test_the_text_is_the_documented_one(
    orders: list[dict[str, Any]], timestamp: int, window: int
) -> None:
    many = [serialize.fields(order) for order in orders]
    expected = restated("orderExecute", orders, timestamp, window)
    assert text_to_sign("orderExecute", many, timestamp, window) == expected
    alone = restated("orderQuery", orders[:1], timestamp, window)
    assert text_to_sign("orderQuery", many[0], timestamp, window) == alone


@given(st.text(max_size=80).filter(lambda text: text.isprintable()))
def test_a_signature_verifies_and_a_changed_text_does_not(text: str) -> None:
    key = Key.generate()
    public = Ed25519PublicKey.from_public_bytes(b64decode(key.public_key))
    signature = b64decode(key.sign(text))
    public.verify(signature, text.encode())
    with pytest.raises(InvalidSignature):
        public.verify(signature, (text + "x").encode())


def test_the_demo_pair_is_a_pair() -> None:
    assert Key(DEMO_SECRET, DEMO_PUBLIC_KEY).public_key == DEMO_PUBLIC_KEY


SEED = b64decode(DEMO_SECRET)
OTHER = Key.generate()
WRONG_SECRETS = {
    "is empty": "",
    "is not text; its type is int": 5,
    "is not base64": "TDSkv44jf/iD/QCKkyCdixO+p1sfLXxk+PZH7mW/am",
    "is not 32 bytes long": b64encode(SEED[:31]).decode(),
    "is a seed followed by its public key": b64encode(SEED + b64decode(DEMO_PUBLIC_KEY)).decode(),
    "is written in hex": SEED.hex(),
    "URL-safe alphabet": urlsafe_b64encode(SEED).decode(),
    "white space": DEMO_SECRET + "\n",
    "quotes": f'"{DEMO_SECRET}"',
    "has a character that no key has": DEMO_SECRET + "\u200b",
    "PEM block": "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEw0pL+OI3/4g/0AipMgnYsT\n",
}


@pytest.mark.parametrize("message", WRONG_SECRETS)
def test_each_wrong_secret_has_its_own_message(message: str) -> None:
    wrong = WRONG_SECRETS[message]
    with pytest.raises(KeyFormatError, match=message) as caught:
        Key(wrong)  # type: ignore[arg-type]
    if isinstance(wrong, str) and len(wrong) > 8:
        assert wrong.strip()[4:20] not in str(caught.value)


@pytest.mark.parametrize(
    "wrong, message",
    [
        ("  ", "is empty"),
        ("\n  -----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEw0pL+OI3/4\n", "PEM block"),
        (f'{DEMO_SECRET}"', "has quotes around it"),
        (f"'{DEMO_SECRET}", "has quotes around it"),
        (f"0x{SEED.hex()}", "is written in hex"),
        ((SEED + SEED).hex(), "is written in hex"),
        (b64encode(SEED + b"x").decode(), "is not 32 bytes long"),
        (urlsafe_b64encode(b"\xfb\xef\xbe" * 10 + b"ab").decode(), "URL-safe alphabet"),
        (urlsafe_b64encode(b"\xfb\xef\xbe" * 10 + b"ab").decode()[:-1], "URL-safe alphabet"),
        # The likeliest origin goes before the form.
        *(
            (text, "is a placeholder")
            for text in (
                "your_secret_key",
                "YOUR-API-SECRET-HERE",
                "<your secret>",
                "${SECRET_KEY}",
                "...",
                "xxxxxxxx",
                "'paste it here'",
                "changeme",
                "API_KEY",
                "%SECRET%",
                "your_api_key_123",
            )
        ),
        ("f47ac10b-58cc-4372-a567-0e02b2c3d479", "is a UUID"),
        ("F47AC10B58CC4372A5670E02B2C3D479", "is a UUID"),
        ("zebra " * 11 + "abandon", "recovery phrase of a wallet.*remove it"),
        ("zebra, " * 23 + "abandon\n", "recovery phrase of a wallet.*remove it"),
        ("5" * 60 + "JyQgwUZdJsGXfuPFfoyQQpgvQeX", "private key of a wallet.*remove it"),
        (str(list(range(64))), "private key of a wallet.*remove it"),
        (f"SECRET_KEY={DEMO_SECRET}", "has its name in front"),
        (f"export SECRET_KEY='{DEMO_SECRET}'", "has its name in front"),
        (DEMO_SECRET[:-1], "has lost the = at its end"),
        ("hello world", "white space"),
    ],
)
def test_other_ways_to_write_a_secret_wrong(wrong: str, message: str) -> None:
    with pytest.raises(KeyFormatError, match=message):
        Key(wrong)


def test_what_is_not_a_key_or_a_signature_verifies_nothing() -> None:
    key = b64decode(DEMO_PUBLIC_KEY)
    signature = b64decode(Key(DEMO_SECRET).sign("text"))
    assert verify(key, signature, b"text")
    assert not verify(key[:31], signature, b"text")
    assert not verify(key, signature[:63], b"text")


@pytest.mark.parametrize("message", WRONG_SECRETS)
def test_a_wrong_public_key_is_told_the_same_way(message: str) -> None:
    with pytest.raises(KeyFormatError, match=f"The public key.*{message}"):
        Key(DEMO_SECRET, WRONG_SECRETS[message])  # type: ignore[arg-type]


def test_a_key_signs_text_only() -> None:
    with pytest.raises(InputError, match="text=b'a': is not text"):
        Key(DEMO_SECRET).sign(b"a")  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"path": 5}, {"prefix": 5}, {"prefix": None}])
def test_from_env_names_an_argument_of_a_wrong_type(wrong: dict[str, Any]) -> None:
    (field,) = wrong
    with pytest.raises(InputError) as caught:
        Key.from_env(**wrong)
    assert caught.value.field == field


def test_a_pair_that_is_none() -> None:
    with pytest.raises(KeyFormatError, match="does not belong to the secret"):
        Key(DEMO_SECRET, OTHER.public_key)
    with pytest.raises(KeyFormatError, match="are swapped"):
        Key(DEMO_PUBLIC_KEY, DEMO_SECRET)


def test_the_secret_shows_nowhere() -> None:
    key = Key(DEMO_SECRET)
    assert DEMO_SECRET not in repr(key) + str(key) + repr({"key": key}) + repr(dir(key))
    assert copy.copy(key) is key and copy.deepcopy([key])[0] is key
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(key)
    assert not hasattr(key, "__dict__")


def test_the_secret_is_in_no_frame_of_a_traceback() -> None:
    """Verbose tracebacks show the locals of every frame, down to the line that raised."""

    def make(parts: tuple[str, ...]) -> None:
        Key("".join(parts), OTHER.public_key)

    try:
        make(tuple(DEMO_SECRET))
    except KeyFormatError as error:
        whole = traceback.TracebackException.from_exception(error, capture_locals=True)
        assert DEMO_SECRET not in "".join(whole.format())
        assert "KeyFormatError" in "".join(whole.format())


def test_from_env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PUBLIC_KEY", "SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    notebook = tmp_path / "project" / "notebooks"
    notebook.mkdir(parents=True)
    monkeypatch.chdir(notebook)
    with pytest.raises(MissingKeyError, match="No .env in 'notebooks' or any folder above"):
        Key.from_env()
    with pytest.raises(MissingKeyError, match="There is no file 'my.env'"):
        Key.from_env("my.env")
    with pytest.raises(MissingKeyError, match="There is no file '.'"):
        Key.from_env(".")

    file = tmp_path / "project" / ".env"
    file.write_text(f"PUBLIC_KEY={DEMO_PUBLIC_KEY}\n")
    with pytest.raises(MissingKeyError, match="has no SECRET_KEY"):
        Key.from_env()

    file.write_text(f"PUBLIC_KEY={DEMO_PUBLIC_KEY}\nSECRET_KEY=\n")
    with pytest.raises(MissingKeyError, match="has no SECRET_KEY"):
        Key.from_env()

    file.write_text(f"SECRET_KEY={DEMO_SECRET}\n")
    with pytest.raises(MissingKeyError, match="has no PUBLIC_KEY") as caught:
        Key.from_env()
    seen = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    frames = [frame for frame in seen.stack if "bpkit" in frame.filename]
    assert frames and not any(DEMO_SECRET in str(frame.locals) for frame in frames)

    file.write_text(f'PUBLIC_KEY={DEMO_PUBLIC_KEY}\nSECRET_KEY="{DEMO_SECRET}"\n')
    assert Key.from_env() == Key(DEMO_SECRET)

    secret = b64encode(bytes(range(32))).decode()
    changed = Key(secret)
    file.write_text(f"PUBLIC_KEY={changed.public_key}\nSECRET_KEY={secret}\n")
    assert Key.from_env() == changed, "a changed file counts at once"


def test_a_line_that_cannot_be_read_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "my.env"
    file.write_text(f"PUBLIC_KEY: {DEMO_PUBLIC_KEY}\nSECRET_KEY={DEMO_SECRET}\n")
    with pytest.raises(MissingKeyError, match="has no PUBLIC_KEY"):
        Key.from_env(file)
    assert caplog.records == []
    dotenv_values(file)  # what others read with python-dotenv is warned of as before
    assert len(caplog.records) == 1


def test_a_file_that_is_not_utf_8(tmp_path: Path) -> None:
    file = tmp_path / "my.env"
    file.write_text(f"PUBLIC_KEY={DEMO_PUBLIC_KEY}\nSECRET_KEY={DEMO_SECRET}\n", "utf-16")
    with pytest.raises(MissingKeyError, match="is not UTF-8") as caught:
        Key.from_env(file)
    assert caught.value.__context__ is None, "the decoder's error holds the secret's bytes"


@pytest.mark.parametrize(
    "line",
    [
        "SECRET_KEY={}\r\n",
        "export SECRET_KEY = {}   \n",
        "SECRET_KEY='{}'\n",
        'SECRET_KEY="{}" # mine\n',
    ],
)
def test_usual_ways_to_write_the_file(line: str, tmp_path: Path) -> None:
    file = tmp_path / "my.env"
    file.write_bytes(
        ("\ufeff" + f"PUBLIC_KEY={DEMO_PUBLIC_KEY}\n{line.format(DEMO_SECRET)}").encode()
    )
    assert Key.from_env(file) == Key(DEMO_SECRET)


OWN_SECRET = b64encode(bytes(range(32))).decode()
OWN = Key(OWN_SECRET)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with OWN's pair in ``.env``, and no pair in the environment."""
    for name in ("PUBLIC_KEY", "SECRET_KEY", "SUB_PUBLIC_KEY", "SUB_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(f"PUBLIC_KEY={OWN.public_key}\nSECRET_KEY={OWN_SECRET}\n")
    return tmp_path


def test_a_pair_in_the_environment_wins_over_a_file_that_is_found(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", DEMO_SECRET)
    assert Key.from_env() == OWN, "half a pair: other programs have a SECRET_KEY too"
    monkeypatch.setenv("PUBLIC_KEY", DEMO_PUBLIC_KEY)
    assert Key.from_env().public_key == DEMO_PUBLIC_KEY
    assert Key.from_env(".env") == OWN, "a file that is named wins"
    monkeypatch.setenv("PUBLIC_KEY", "")
    assert Key.from_env() == OWN


def test_the_environment_without_a_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / ".env").unlink()
    monkeypatch.setenv("SECRET_KEY", DEMO_SECRET)
    with pytest.raises(MissingKeyError, match="^The environment has no PUBLIC_KEY. It needs") as no:
        Key.from_env()
    seen = traceback.TracebackException.from_exception(no.value, capture_locals=True)
    frames = [frame for frame in seen.stack if "bpkit" in frame.filename]
    assert frames and not any(DEMO_SECRET in str(frame.locals) for frame in frames)
    monkeypatch.setenv("PUBLIC_KEY", DEMO_PUBLIC_KEY)
    assert Key.from_env().public_key == DEMO_PUBLIC_KEY


def test_a_prefix_names_another_pair(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (project / ".env").open("a") as file:
        file.write(f"SUB_PUBLIC_KEY={DEMO_PUBLIC_KEY}\n")
    both = r"SUB_PUBLIC_KEY=\.\.\. and SUB_SECRET_KEY=\.\.\."
    with pytest.raises(MissingKeyError, match=rf"^The .env found has no SUB_SECRET_KEY\. .*{both}"):
        Key.from_env(prefix="SUB_")
    with (project / ".env").open("a") as file:
        file.write(f"SUB_SECRET_KEY={DEMO_SECRET}\n")
    assert Key.from_env(prefix="SUB_").public_key == DEMO_PUBLIC_KEY
    assert Key.from_env(".env", prefix="SUB_").public_key == DEMO_PUBLIC_KEY
    assert Key.from_env() == OWN
    with pytest.raises(MissingKeyError, match="has no A_PUBLIC_KEY and no A_SECRET_KEY"):
        Key.from_env(prefix="A_")
    monkeypatch.setenv("A_PUBLIC_KEY", OWN.public_key)
    monkeypatch.setenv("A_SECRET_KEY", OWN_SECRET)
    assert Key.from_env(prefix="A_") == OWN


def test_every_key_error_is_a_bpkit_error() -> None:
    assert issubclass(KeyFormatError, BpkitError) and issubclass(KeyFormatError, ValueError)
