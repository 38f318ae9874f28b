"""Build the text to sign, and sign it with an ED25519 key.

The rule: ``instruction=<name>``, then the parameters in alphabetical order, then
``&timestamp=<ms>&window=<ms>``; sign its UTF-8 bytes with ED25519; base64. A batch repeats the
instruction before each order. Values are signed raw, not percent-encoded.

Source: Backpack Exchange API, "Signing requests".
"""

from __future__ import annotations

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
from .errors import InputError, KeyFormatError, without_locals
from .serialize import Fields, pairs

DEFAULT_WINDOW = 5000  # milliseconds for which a signed request stays valid
MAX_WINDOW = 60000

# Pairs that Backpack's public Python guide prints. Everybody has their secrets, so they are refused
# on a live host. The first, in the guide's code, opens an account in the sandbox. The second is in
# the guide's sample .env.
DEMO_SECRET = "TDSkv44jf/iD/QCKkyCdixO+p1sfLXxk+PZH7mW/ams="
DEMO_PUBLIC_KEY = "5+yQgwU0ZdJ/9s+GXfuPFfo7yQQpl9CgvQedJXne30o="
PUBLISHED_KEYS = frozenset({DEMO_PUBLIC_KEY, "zDIJj9qneWIY0IYZ5aXoHcNMCm+XDhVcTssiT0HyY0A="})

# The secret of a key that a sandbox makes has these 8 bytes, then 24 random ones. No key of the
# exchange begins so (by chance, one in 2**64 would). So a client knows without asking anybody that
# the key is worth nothing elsewhere, and may use it over plain http: see ``guard.hosts``.
SANDBOX_TAG = b"bpkitsbx"


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

    __slots__ = ("_private", "is_practice", "is_sandbox", "public_key")
    public_key: str
    is_sandbox: bool  # is it a published one, or was it made by a sandbox? Its secret shows that
    is_practice: bool  # is it a sandbox's, or made by generate()?

    @without_locals
    def __init__(self, secret: str, public_key: str | None = None) -> None:
        self._private = _load(secret, public_key)
        self.public_key = _public_text(self._private)
        tagged = self._private.private_bytes_raw().startswith(SANDBOX_TAG)
        self.is_sandbox = self.is_practice = tagged or self.public_key in PUBLISHED_KEYS

    @classmethod
    @without_locals
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

    @classmethod
    @without_locals
    def for_sandbox(cls) -> Key:
        """A new random key of a sandbox: its secret begins with ``SANDBOX_TAG``."""
        return cls(_sandbox_secret())

    def sign(self, text: str) -> str:
        """The signature of the text's UTF-8 bytes, in base64. Raises InputError."""
        if not isinstance(text, str):
            raise InputError("text", text, "is not text; sign what text_to_sign returns")
        return b64encode(self._private.sign(text.encode())).decode()

    def is_in(self, text: str) -> bool:
        """Does the text contain the secret?"""
        return b64encode(self._private.private_bytes_raw()).decode().rstrip("=") in text

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


def _sandbox_secret() -> str:
    return b64encode(SANDBOX_TAG + os.urandom(32 - len(SANDBOX_TAG))).decode()


def _load(secret: object, public_key: object) -> Ed25519PrivateKey:
    """The private key, if the two are a pair. Raises KeyFormatError."""
    private = Ed25519PrivateKey.from_private_bytes(_decode(secret, "The secret"))
    if public_key is None or public_key == _public_text(private):
        return private
    given = Ed25519PrivateKey.from_private_bytes(_decode(public_key, "The public key"))
    if _public_text(given) == secret:
        raise KeyFormatError("The secret and the public key are swapped.")
    raise KeyFormatError(
        "The public key does not belong to the secret. Copy both again from the same API key at "
        "Backpack."
    )


def _public_text(private: Ed25519PrivateKey) -> str:
    return b64encode(private.public_key().public_bytes_raw()).decode()


def _decode(value: object, name: str) -> bytes:
    """The 32 bytes. Raises KeyFormatError, whose message has nothing of the text."""
    want = "Expected: base64 of 32 bytes (44 characters), as Backpack shows it."
    if not isinstance(value, str):
        kind = type(value).__name__
        raise KeyFormatError(f"{name} is not text; its type is {kind}. {want}")
    if fault := key_fault(value):
        raise KeyFormatError(f"{name} {fault}. {want}")
    return b64decode(value)


def key_fault(text: str) -> str:
    """Why the text is not a key: words that follow its name, or "" if it is 32 bytes in base64.

    The likeliest origin is named first. Nothing of the text is repeated.
    """
    if _length(text) == 32:
        return ""
    return next(fault for fault, fits in _FAULTS.items() if fits(text))


def _length(text: str) -> int | None:
    """How many bytes the base64 text has; None: it is not base64."""
    try:
        return len(b64decode(text, validate=True))
    except ValueError:  # also for characters that are not ASCII
        return None


def _is(pattern: str) -> Callable[[str], bool]:
    """Is this pattern the whole text, without white space and quotes around it?"""
    return lambda text: bool(re.fullmatch(pattern, text.strip(" \t\r\n'\""), re.IGNORECASE))


_WALLET = (
    " It gives away the whole wallet, so it must not be in a program or a file: remove it. An API "
    "key is needed, which you make at Backpack"
)
_FAULTS: dict[str, Callable[[str], bool]] = {
    "is empty": _is(""),
    f"is the recovery phrase of a wallet.{_WALLET}": _is(r"([a-z]{3,8}[\s,]+){11,}[a-z]{3,8}"),
    f"is the private key of a wallet.{_WALLET}": _is(
        r"[1-9a-km-z]{86,88}|\[\s*\d+(\s*,\s*\d+){31,63}\s*\]"
    ),
    "is a PEM block; the exchange wants the raw 32 bytes": lambda t: "-----BEGIN" in t,
    "has its name in front of it; keep only what follows the = sign": _is(
        r"(export |set )?\w*(key|secret)\w*\s*[=:]\s*[^=\s].*"
    ),
    "is a placeholder; write your own key there": _is(
        r"<.*>|\$?\{.*\}|\$\w+|%\w+%|[.x*_-]+"
        r"|[\w .-]*(your|secret|paste|insert|replace|change|example|placeholder|here)[\w .-]*"
        r"|(\w+_)?(public|private|secret|api)\w*key"
    ),
    "is a UUID, which is an id or the key of another exchange": _is(
        "[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}"
    ),
    "has quotes around it; remove them": lambda t: t.strip()[0] in "'\"" or t.strip()[-1] in "'\"",
    "has white space in it or around it; remove it": lambda t: bool(re.search(r"\s", t)),
    "has a character that no key has, such as a curly quote, an ellipsis or an invisible space": (
        lambda t: not t.isascii()
    ),
    "is written in hex": _is("(0x)?([0-9a-f]{64}|[0-9a-f]{128})"),
    "uses the URL-safe alphabet (- and _); Backpack's has + and /": lambda t: (
        not {"-", "_"}.isdisjoint(t)
        and _length(t.translate({45: "+", 95: "/"}).rstrip("=") + "=") == 32
    ),
    "has lost the = at its end; copy the whole text again": lambda t: _length(t + "=") == 32,
    "is a seed followed by its public key; use the base64 of the first 32 bytes alone": (
        lambda t: _length(t) == 64
    ),
    "is not 32 bytes long": lambda t: _length(t) is not None,
    "is not base64": lambda t: True,
}
