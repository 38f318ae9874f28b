"""Switches for behaviour on which the sources contradict each other.

Each default follows most of the evidence. PARITY.md lists the evidence for both sides.
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
    """``Sandbox(conflicts=Conflicts(auth_status=401))``. ValueError: a value is not in CHOICES.

    ``post_only``: a post-only order that would take is refused (INVALID_ORDER), or accepted and
    expired at once (PostOnlyTaker). ``unknown_cancel``: the HTTP status when the order to cancel is
    not open: 400 (INVALID_CLIENT_REQUEST, "Order not found") or 404 (RESOURCE_NOT_FOUND, "Not
    Found"). ``auth_status``: the HTTP status when a signature, a timestamp or a header is refused;
    code and message stay the same. An unknown key is always 401.
    """

    post_only: str = "refuse"
    unknown_cancel: int = 400
    auth_status: int = 400

    def __post_init__(self) -> None:
        for field in fields(self):
            choice = getattr(self, field.name)
            if choice not in CHOICES[field.name]:
                raise ValueError(f"{field.name}={choice!r} is not one of {CHOICES[field.name]}")
