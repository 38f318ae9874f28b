"""Explain why a signature was refused, and prove it.

``diagnose`` builds the text that must be signed from the raw request, as the exchange does. Then it
writes that text with every known mistake, alone and two at once, until the signature fits. ED25519
needs only the public key for this: it works on a pasted request without the secret, and nothing is
sent.

Two causes cannot be proven from a request alone. For the clock, give the exchange's time
(``now=``). Permissions are what remains if the signature and the parameters are right.
"""

from __future__ import annotations

from .diagnosis import diagnose
from .finding import CAUSES, Cause, Finding

__all__ = ["CAUSES", "Cause", "Finding", "diagnose"]
