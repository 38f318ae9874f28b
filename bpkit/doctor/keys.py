"""Read and hide keys and signatures, in any form in which they are sent.

Nothing here shows a key, a signature or a one-time code. A secret and a public key look the same.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from urllib.parse import quote

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DER_HEAD = bytes.fromhex("302a300506032b6570032100")  # of an ED25519 public key
_SIXTY_FOUR_BYTES = r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{86}(==|(?![A-Za-z0-9+/_=-]))"
_IN_HEX = r"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{64}){1,2}(?![0-9A-Fa-f])"  # a key or a signature
_ONE_TIME_CODE = r"""(two_?factor_?token(?:=|['"]\s*:\s*['"]))([^&'"]+)"""


def is_plain(text: str, length: int) -> bool:
    """Is it exactly the base64 of so many bytes?"""
    found = _base64(text)
    return found is not None and len(found) == length and b64encode(found).decode() == text


def key_bytes(text: str) -> list[bytes]:
    """The public keys that the text can mean: 32 bytes each."""
    found: list[bytes] = []
    for raw in _decoded(text):
        if raw.startswith(_DER_HEAD):
            found.append(raw[len(_DER_HEAD) :])
        elif len(raw) == 64:  # a seed, and its public key after it
            found.append(raw[32:])
        elif len(raw) == 32:
            found.append(raw)
    return list(dict.fromkeys(found))


def signature_bytes(text: str) -> list[tuple[bytes, bytes | None]]:
    """The signatures that the text can mean: 64 bytes each, and the text that follows them.

    Some libraries return the signature and the signed text as one.
    """
    found: dict[bytes, bytes | None] = {}
    for raw in _decoded(text):
        if len(raw) >= 64:
            found.setdefault(raw[:64], raw[64:] or None)
    return list(found.items())


def signature_origin(text: str) -> str:
    """A sentence about another kind of signature that it seems to be, or ""."""
    found = _decoded(text)
    if any(len(raw) == 32 for raw in found):
        return "It has 32 bytes, as HMAC-SHA256 gives. Backpack wants ED25519, which gives 64."
    if any(raw[0] == 0x30 and raw[1] == len(raw) - 2 != 62 for raw in found if len(raw) > 60):
        return "It is in DER, as ECDSA gives. Backpack wants ED25519, which gives 64 bytes."
    return ""


def mask_of(*secrets: str) -> Callable[[str], str]:
    """A function that hides these in a text, in every form, and also one-time codes."""
    words = {one.strip() for one in secrets if len(one.strip()) > 15}
    words |= {b64encode(raw).decode() for one in secrets for raw, _ in signature_bytes(one)}
    keys = [raw for one in secrets for raw in key_bytes(one)]
    words |= {form for raw in keys for form in (raw.hex(), b64encode(raw).decode())}
    words |= {quote(one, safe="", errors="replace") for one in words}
    hidden = sorted(words, key=len, reverse=True)

    def mask(text: str) -> str:
        for word in hidden:
            text = text.replace(word, "***")
        text = re.sub(f"{_SIXTY_FOUR_BYTES}|{_IN_HEX}", "***", text)
        # As many stars as characters, so that the place of a difference does not move.
        code = re.compile(_ONE_TIME_CODE, re.IGNORECASE)
        return code.sub(lambda found: found[1] + "*" * len(found[2]), text)

    return mask


def _decoded(text: str) -> list[bytes]:
    bare = _bare(text)
    readings = [_base64(bare), _hexadecimal(bare), _base64(_repaired(bare)), _base58(bare)]
    found = [raw for raw in readings if raw]
    # It may be encoded twice: then the inner text has one of these forms again.
    for raw in tuple(found):
        if raw.isascii() and len(raw) >= 43:
            inner = _bare(raw.decode())
            found += [one for one in (_hexadecimal(inner), _base64(inner)) if one]
    return found


def _bare(text: str) -> str:
    """Without the lines of PEM, white space, quotes, and Python's b''."""
    inner = re.sub(r"-----[A-Z ]+-----", "", text)
    inner = re.sub(r"\s", "", inner)
    return re.sub(r"""^b?(['"])(.*)\1$""", r"\2", inner).strip("'\"")


def _repaired(text: str) -> str:
    """Plain base64, from the URL-safe alphabet or from text without padding."""
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
