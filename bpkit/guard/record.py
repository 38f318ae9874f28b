"""Keep what is known of each write: what it counts, what is noted, what is in doubt."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import GuardError, JournalError, TransportError
from ..operations import Operation
from ..serialize import Fields, hide_two_factor_token
from .journal import Journal
from .limits import WriteGuard
from .spending import Admitted

FRESH = 2000  # milliseconds: a value whose making took longer is made again


class WriteRecord:
    """The writes of one client: ``guard`` counts them, ``journal`` (or None) notes them.

    ``now``: the time for a signature, in Unix milliseconds.
    """

    def __init__(
        self, guard: WriteGuard, journal: Journal | None, window: int, now: Callable[[], int]
    ) -> None:
        self.guard, self.journal, self._window, self._now = guard, journal, window, now
        self._unanswered: deque[TransportError] = deque(maxlen=100)
        self._is_closed = False

    @property
    def unanswered(self) -> list[TransportError]:
        """Writes that may have been carried out, oldest first. Without a journal: the last 100."""
        return [*self._unanswered] if self.journal is None else self.journal.open_attempts()

    def admit(
        self, operation: Operation, fields: Fields | Sequence[Fields], unique_id: bool
    ) -> Admitted:
        """Check a write, and count its value, made from prices that were read just now.

        What the guard reads for it may have to wait for the rate limit. Then it is made again.
        """
        for _ in range(3):
            begun = self._now()
            admitted = self.guard.admit(operation, fields, unique_id=unique_id)
            if abs(self._now() - begun) <= FRESH:
                return admitted
            self.guard.give_back(admitted)
        raise GuardError(
            f"{operation.name} cannot be valued: reading the prices took longer than "
            f"{FRESH // 1000} seconds three times. Nothing was sent."
        )

    def sending(self, admitted: Admitted, fields: Fields | Sequence[Fields]) -> None:
        """Note a write before it is sent. Raises JournalError: then it must not be sent."""
        if self.journal is None:
            return
        self.journal.sending(
            admitted.id, admitted.name, hide_two_factor_token(fields), signed=admitted.signed,
            window=self._window, unique_id=admitted.unique, worth=admitted.worth,
        )  # fmt: skip
        late = self._now() - admitted.signed
        if 2 * late > self._window:
            why = f"the disk took {late} of the {self._window} milliseconds of the window"
            self.journal.not_sent(admitted.id, "disk", why)
            raise JournalError(
                f"{admitted.name}: {why}. Nothing was sent. Use a faster disk for the journal, or "
                "make the client with a larger window."
            )

    def lost(self, error: TransportError, admitted: Admitted | None, stage: str) -> None:
        """Keep a write in doubt; stop counting one that was not sent."""
        if error.sent:
            self._unanswered.append(error)
        else:
            self.guard.give_back(admitted)
        if admitted is not None:
            error.attempt = admitted.id
        if self.journal is None or admitted is None:
            return
        if error.sent:
            seen = error.status, error.content_type, error.first
            self.journal.unknown(admitted.id, stage, error.reason, *seen)
        else:
            self.journal.not_sent(admitted.id, stage, error.reason)

    def refused(self, admitted: Admitted, status: int, code: str | None, message: str) -> None:
        """The exchange said no: the write counts no more."""
        self.guard.give_back(admitted)
        if self.journal is not None:
            self.journal.refused(admitted.id, status, code, message)

    def answered(self, name: str, admitted: Admitted | None, status: int, answer: Any) -> None:
        """Count what a usable answer shows, to a write or (``admitted`` None) to any other call."""
        if admitted is not None:
            self.guard.answered(admitted, answer)
            if self.journal is not None:
                self.journal.answered(admitted.id, status, answer, admitted.counts)
        self.guard.saw(name, answer)

    def close(self) -> None:
        """Close the journal."""
        if self.journal is not None and not self._is_closed:
            self._is_closed = True
            self.journal.close()
