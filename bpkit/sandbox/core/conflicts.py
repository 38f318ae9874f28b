"""Where the sources contradict each other, a switch: which of them shall the sandbox follow?

The defaults are what most of the evidence says; PARITY.md names it for either side.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

CHOICES: dict[str, tuple[object, ...]] = {
    "post_only": ("refuse", "expire"),
    "unknown_cancel": (400, 404),
    "auth_status": (400, 401),
}


@dataclass(frozen=True)
class Conflicts:
    """``Sandbox(conflicts=Conflicts(auth_status=401))``. ValueError: no such choice.

    ``post_only``: an order that would take at once is refused (INVALID_ORDER), or accepted and
    ``expire``d at once (PostOnlyTaker). ``unknown_cancel``: the HTTP status for cancelling an order
    that does not rest, 400 (INVALID_CLIENT_REQUEST, "Order not found") or 404 (RESOURCE_NOT_FOUND,
    "Not Found"). ``auth_status``: the HTTP status of a signature, a timestamp or a header that is
    refused; code and message stay the same. An unknown key is 401 either way.
    """

    post_only: str = "refuse"
    unknown_cancel: int = 400
    auth_status: int = 400

    def __post_init__(self) -> None:
        for field in fields(self):
            choice = getattr(self, field.name)
            if choice not in CHOICES[field.name]:
                raise ValueError(f"{field.name} is one of {CHOICES[field.name]}, not {choice!r}")
