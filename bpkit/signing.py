"""Build the text to sign, and sign it with an ED25519 key.

The rule: ``instruction=<name>``, then the parameters in alphabetical order, then
``&timestamp=<ms>&window=<ms>``; sign its UTF-8 bytes with ED25519; base64. A batch repeats the
instruction before each order. Values are signed raw, not percent-encoded.

Source: Backpack Exchange API, "Signing requests".
"""

from __future__ import annotations

import binascii
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from .env import key_texts
from .errors import InputError, KeyFormatError
from .serialize import Fields, pairs

DEFAULT_WINDOW = 5000  # milliseconds for which a signed request stays valid
MAX_WINDOW = 60000

# The pair that Backpack's public Python guide prints. Everybody has its secret, so it works in the
# sandbox only.
DEMO_SECRET = "TDSkv44jf/iD/QCKkyCdixO+p1sfLXxk+PZH7mW/ams="
DEMO_PUBLIC_KEY = "5+yQgwU0ZdJ/9s+GXfuPFfo7yQQpl9CgvQedJXne30o="


def text_to_sign(
    instruction: str, fields: Fields | Sequence[Fields], timestamp: int, window: int
) -> str:
    """The text that is signed. ``timestamp`` and ``window`` in milliseconds.

    ``fields`` comes from ``serialize``: a mapping, or a list of mappings for a batch.
    """
    parts: list[str] = []
    for one in [fields] if isinstance(fields, Mapping) else fields:
        parts.append(f"instruction={instruction}")
        parts += [f"{name}={value}" for name, value in pairs(one)]
    return f"{'&'.join(parts)}&timestamp={timestamp}&window={window}"


def verify(public_key: bytes, signature: bytes, text: bytes) -> bool:
    """Did the holder of this key (32 bytes) sign this text? ``signature``: 64 bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


class Key:
    """An ED25519 key pair, which is checked at once. It never shows its secret.

    ``secret`` and ``public_key`` are base64 of 32 bytes, as Backpack shows them. If
    ``public_key`` is given, the pair is checked: with a wrong pair, the exchange would answer
    "Invalid signature" to every call. Raises KeyFormatError.
    """

    __slots__ = ("_private", "is_practice", "public_key")
    public_key: str
    is_practice: bool  # is it the published pair, or made by generate()?

    def __init__(self, secret: str, public_key: str | None = None) -> None:
        private, problem = _load(secret, public_key)
        # Tracebacks can show the locals of each frame; this one must have no secret left to show.
        del secret, public_key
        if private is None:
            raise KeyFormatError(problem)
        self._private = private
        self.public_key = _public_text(private)
        self.is_practice = self.public_key == DEMO_PUBLIC_KEY

    @classmethod
    def from_env(cls, path: str | os.PathLike[str] | None = None, *, prefix: str = "") -> Key:
        """The key in the environment or in ``.env``: ``PUBLIC_KEY`` and ``SECRET_KEY``.

        ``path``: the file to read. Without it, a pair in the environment is used first; then the
        nearest ``.env``, searched from the notebook's folder upwards. ``prefix="SUB_"`` reads
        ``SUB_PUBLIC_KEY`` and ``SUB_SECRET_KEY``. The file is read again at each call. Raises
        MissingKeyError if there is no pair, KeyFormatError if it is wrong, InputError.
        """
        return cls(*key_texts(path, prefix))

    @classmethod
    def generate(cls) -> Key:
        """A new random key, for instance for another account in a sandbox."""
        made = cls(b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode())
        made.is_practice = True
        return made

    def sign(self, text: str) -> str:
        """The signature of the text's UTF-8 bytes, in base64. Raises InputError."""
        if not isinstance(text, str):
            raise InputError("text", text, "is not text; sign what text_to_sign returns")
        return b64encode(self._private.sign(text.encode())).decode()

    def __repr__(self) -> str:
        # A traceback may show a key whose __init__ has just failed.
        return f"Key(public_key={getattr(self, 'public_key', None)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and other.public_key == self.public_key

    def __hash__(self) -> int:
        return hash(self.public_key)

    def __copy__(self) -> Key:
        return self

    def __deepcopy__(self, memo: object) -> Key:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Key is not pickled, because that would write its secret; make it again from .env"
        )


def _load(secret: object, public_key: object) -> tuple[Ed25519PrivateKey | None, str]:
    """(private key, "") or (None, what is wrong)."""
    seed, problem = _decode(secret, "The secret")
    if seed is None:
        return None, problem
    private = Ed25519PrivateKey.from_private_bytes(seed)
    if public_key is None or public_key == _public_text(private):
        return private, ""
    given, problem = _decode(public_key, "The public key")
    if given is None:
        return None, problem
    if _public_text(Ed25519PrivateKey.from_private_bytes(given)) == secret:
        return None, "The secret and the public key are swapped."
    return None, (
        "The public key does not belong to the secret. Copy both again from the same API key at "
        "Backpack."
    )


def _public_text(private: Ed25519PrivateKey) -> str:
    return b64encode(private.public_key().public_bytes_raw()).decode()


def _decode(value: object, name: str) -> tuple[bytes | None, str]:
    """(32 bytes, "") or (None, what is wrong). The message never holds any of the text."""
    want = "Expected: base64 of 32 bytes (44 characters), as Backpack shows it."
    if not isinstance(value, str):
        return None, f"{name} is not text; its type is {type(value).__name__}. {want}"
    for fault, looks_like in _KEY_FORM_ERRORS.items():
        if looks_like(value):
            return None, f"{name} {fault}. {want}"
    try:
        raw = b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None, f"{name} is not base64. {want}"
    if len(raw) == 64:
        return None, (
            f"{name} is a seed followed by its public key. Use the base64 of the first 32 bytes "
            "alone."
        )
    if len(raw) != 32:
        return None, f"{name} is not 32 bytes long. {want}"
    return raw, ""


_KEY_FORM_ERRORS: dict[str, Callable[[str], bool]] = {
    "is empty": lambda t: not t.strip(),
    "is a PEM block; the exchange wants the raw 32 bytes": lambda t: "-----BEGIN" in t,
    "has quotes around it; remove them": lambda t: t.strip()[0] in "'\"" or t.strip()[-1] in "'\"",
    "has white space in it or around it; remove it": lambda t: bool(re.search(r"\s", t)),
    "has a character that no key has, such as a curly quote, an ellipsis or an invisible space": (
        lambda t: not t.isascii()
    ),
    "is written in hex": lambda t: bool(
        re.fullmatch(r"(0x)?([0-9a-fA-F]{64}|[0-9a-fA-F]{128})", t)
    ),
    "uses the URL-safe alphabet (- and _); Backpack's has + and /": lambda t: bool(
        re.fullmatch(r"[A-Za-z0-9_=-]*[_-][A-Za-z0-9_=-]*", t)
    ),
}
