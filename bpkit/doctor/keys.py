"""What no finding shows: keys, signatures, and one-time codes."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from urllib.parse import quote

from .forms import key_bytes, signature_bytes

_SIXTY_FOUR_BYTES = r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{86}(==|(?![A-Za-z0-9+/_=-]))"
_IN_HEX = r"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{64}){1,2}(?![0-9A-Fa-f])"  # a key, or a signature
_ONE_TIME_CODE = r"""(two_?factor_?token(?:=|['"]\s*:\s*['"]))([^&'"]+)"""


def mask_of(*secrets: str) -> Callable[[str], str]:
    """A function that hides these wherever a text holds them, and one-time codes."""
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
        # As many stars as characters, so that the place of a difference stays.
        stars = re.compile(_ONE_TIME_CODE, re.IGNORECASE)
        return stars.sub(lambda found: found[1] + "*" * len(found[2]), text)

    return mask
