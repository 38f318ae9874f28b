"""One-time passwords for two factor authentication: TOTP, RFC 6238, as authenticator apps have it.

A code has 6 digits, and another one follows each 30 seconds. It is made with HMAC-SHA-1. Times are
Unix milliseconds.
"""

from __future__ import annotations

import base64
import binascii
import hmac

STEP_MS = 30_000
DIGITS = 6
LATE = 1  # steps that a code may be early or late: RFC 6238 recommends one at most


def code(secret: bytes, counter: int, digits: int = DIGITS) -> str:
    """HOTP, RFC 4226: the code of a counter."""
    digest = hmac.digest(secret, counter.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**digits:0{digits}d}"


def counter_of(secret: bytes, token: str, now_ms: int) -> int | None:
    """The counter whose code the token is, if it is a code of now, or None."""
    now = now_ms // STEP_MS
    for counter in range(max(0, now - LATE), now + LATE + 1):
        if hmac.compare_digest(code(secret, counter).encode(), token.encode()):
            return counter
    return None


def secret_of(text: str) -> bytes:
    """The bytes of a secret in base32, as an authenticator app shows it. ValueError: it is not
    one. The text is not repeated: it is a secret."""
    plain = text.replace(" ", "").rstrip("=").upper() if isinstance(text, str) else ""
    try:
        secret = base64.b32decode(plain + "=" * (-len(plain) % 8))
    except binascii.Error:
        secret = b""
    if not secret:
        raise ValueError('secret is not text in base32; write secret="JBSWY3DPEHPK3PXP"')
    return secret
