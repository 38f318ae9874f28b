"""The bytes behind a key or a signature, in whatever form somebody sent them.

Nothing here tells a secret from a public key, and nothing here is ever shown.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DER_HEAD = bytes.fromhex("302a300506032b6570032100")  # of an ED25519 public key


def is_plain(text: str, length: int) -> bool:
    """Is it base64 of so many bytes, to the letter?"""
    found = _base64(text)
    return found is not None and len(found) == length and b64encode(found).decode() == text


def key_bytes(text: str) -> list[bytes]:
    """The public keys that the text could mean: 32 bytes each."""
    found: list[bytes] = []
    for raw in _decoded(text):
        if raw.startswith(_DER_HEAD):
            found.append(raw[len(_DER_HEAD) :])
        elif len(raw) == 64:  # a seed with its public key behind it
            found.append(raw[32:])
        elif len(raw) == 32:
            found.append(raw)
    return list(dict.fromkeys(found))


def signature_bytes(text: str) -> list[tuple[bytes, bytes | None]]:
    """The signatures that the text could mean: 64 bytes each, and the text that came with them.

    Some libraries return the signature with the signed text behind it, as one.
    """
    found: dict[bytes, bytes | None] = {}
    for raw in _decoded(text):
        if len(raw) >= 64:
            found.setdefault(raw[:64], raw[64:] or None)
    return list(found.items())


def _decoded(text: str) -> list[bytes]:
    bare = _bare(text)
    readings = [_base64(bare), _hexadecimal(bare), _base64(_repaired(bare)), _base58(bare)]
    found = [raw for raw in readings if raw]
    # Encoded twice: the inner text is again one of these.
    for raw in tuple(found):
        if raw.isascii() and len(raw) >= 43:
            inner = _bare(raw.decode())
            found += [one for one in (_hexadecimal(inner), _base64(inner)) if one]
    return found


def _bare(text: str) -> str:
    """Without PEM's lines, white space, quotes, and Python's b''."""
    inner = re.sub(r"-----[A-Z ]+-----", "", text)
    inner = re.sub(r"\s", "", inner)
    return re.sub(r"""^b?(['"])(.*)\1$""", r"\2", inner).strip("'\"")


def _repaired(text: str) -> str:
    """From the URL-safe alphabet, or without its padding, to plain base64."""
    text = text.replace("-", "+").replace("_", "/").rstrip("=")
    return text + "=" * (-len(text) % 4)


def _base64(text: str) -> bytes | None:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return None


def _hexadecimal(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        return None


def _base58(text: str) -> bytes | None:
    if not text or len(text) > 100 or any(letter not in _BASE58 for letter in text):
        return None
    number = 0
    for letter in text:
        number = number * 58 + _BASE58.index(letter)
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
