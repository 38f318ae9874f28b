"""The record of one request: what arrived, what became of it, and its row in the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ...operations import Operation
from .answers import Response

LONGEST = 10_000  # bytes of a text in the log, which keeps thousands of them


@dataclass
class RequestRecord:
    """One request, and what became of it."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    now_ms: int  # when it arrived, by this machine's clock
    operation: Operation | None  # None: there is no such path or method
    exchange_ms: int = 0  # the exchange's clock when it read the request
    signed_by: str | None = None
    reached: bool = False  # did it reach the exchange?
    refusal: str | None = None  # why it was refused
    denied: bool = False  # was it refused because of its signature?
    api_key: str | None = None  # whose request it claims to be, before anything is verified
    faults: dict[object, str] = field(default_factory=dict)  # each that hit it, and its name
    meets: dict[object, bool] = field(default_factory=dict)  # may a fault hit it? Asked once
    remarks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.api_key = self.headers.get("x-api-key")

    @property
    def verdict(self) -> str:
        """``answered``, the reason of a refusal, or what was done and what then went wrong."""
        if not self.remarks:
            return self.refusal or "answered"
        done = "carried out" if self.refusal is None else f"refused ({self.refusal})"
        return ", ".join([done if self.reached else "nothing was done", *self.remarks])

    def log_entry(self, response: Response) -> dict[str, Any]:
        """A row of ``Sandbox.log``; its finding is added later."""
        return {
            "time": datetime.fromtimestamp(self.now_ms / 1000, UTC),
            "method": self.method,
            "path": bounded(self.path),
            "query": bounded(self.query),
            "body": bounded(self.body.decode(errors="replace")),
            "operation": self.operation.name if self.operation else None,
            "signedBy": self.signed_by,  # the public key whose signature was good
            "status": response.status,
            "verdict": bounded(self.verdict),  # a refusal may repeat the whole body
            "fault": ", ".join(self.faults.values()) or None,
            "finding": None,  # what was wrong with the signature
            "control": False,  # a call of ``/sandbox/v1`` has another form: see ``control``
        }


def bounded(text: str) -> str:
    """The text, or its beginning and a note that it was cut: at most LONGEST bytes."""
    raw = text.encode(errors="replace")
    if len(raw) <= LONGEST:
        return text
    note = f"... (cut here; it had {len(raw):,} bytes)"
    return raw[: LONGEST - len(note)].decode(errors="ignore") + note
