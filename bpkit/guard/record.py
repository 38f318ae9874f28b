"""Keep what is known of each write: what it counts, its lines in the journal, if it is in doubt."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import GuardError, InputError, JournalError, TransportError
from ..operations import Operation
from ..serialize import Fields, hide_two_factor_token
from ..signing import Key
from .journal import Journal, open_journal
from .limits import WriteGuard
from .spending import Admitted

FRESH = 2000  # milliseconds: a value whose making took longer is made again


def journal_of(
    path: str | os.PathLike[str] | None, url: str, key: Key | None, clock: Callable[[], int]
) -> Journal | None:
    """The journal in a file, None without one. Raises InputError or JournalError."""
    if path is None:
        return None
    if key is None:
        remedy = "is for a client with a key: without one, there is nothing to note"
        raise InputError("journal", path, remedy)
    return open_journal(path, url=url, public_key=key.public_key, leaks=key.is_in, clock=clock)


class WriteRecord:
    """The writes of one client: ``guard`` counts them, ``journal`` (or None) notes them.

    ``now``: the time for a signature, in Unix milliseconds. ``unanswered``: writes that may have
    been carried out; more than 100 of them are not kept.
    """

    def __init__(
        self, guard: WriteGuard, journal: Journal | None, window: int, now: Callable[[], int]
    ) -> None:
        self.guard, self.journal, self._window, self._now = guard, journal, window, now
        self.unanswered: deque[TransportError] = deque(maxlen=100)

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
        if self._now() - admitted.signed > self._window / 2:
            why = "the disk took longer than half the window of the signature"
            self.journal.not_sent(admitted.id, "disk", why)
            raise JournalError(f"{admitted.name}: {why}, in {self.journal.path}. Nothing was sent.")

    def lost(self, error: TransportError, admitted: Admitted | None, stage: str) -> None:
        """Keep a write in doubt; stop counting one that was not sent."""
        if error.sent:
            self.unanswered.append(error)
        else:
            self.guard.give_back(admitted)
        if self.journal is None or admitted is None:
            return
        error.attempt = admitted.id
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
        if admitted is None:
            self.guard.saw(name, answer)
            return
        self.guard.answered(admitted, answer)
        if self.journal is not None:
            self.journal.answered(admitted.id, status, answer, admitted.counts)
