"""Why was my signature refused? The doctor proves it.

``diagnose`` rebuilds the text that should have been signed from the raw request, as the exchange
does, and then writes it with every known mistake, alone and two at once, until the signature fits
one. ED25519 needs the public key for that and nothing more: it works on a request that somebody
pasted, without their secret, and nothing is sent.

Two things cannot be proven from a request alone: the clock, for which the exchange's time is needed
(``now=``), and permissions, which are what remains when the signature is right.
"""

from __future__ import annotations

from .causes import CAUSES, Cause
from .diagnosis import diagnose
from .finding import Finding

__all__ = ["CAUSES", "Cause", "Finding", "diagnose"]
