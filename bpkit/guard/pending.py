"""One write on its way: what it counts against the limits, and its lines in the journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import ApiError, JournalError, TransportError
from ..operations import Operation
from ..serialize import Fields, hide_two_factor_token
from .journal import Journal
from .limits import WriteGuard
from .spending import Admitted


class Pending:
    """A write that the guard has admitted. Sign it with the time ``signed``, after ``note``.

    Then call one of the other methods: it says how the write ended.
    """

    def __init__(self, guard: WriteGuard, journal: Journal | None, admitted: Admitted) -> None:
        self.signed = admitted.signed
        self._guard, self._journal, self._admitted = guard, journal, admitted

    def note(
        self,
        operation: Operation,
        fields: Fields | Sequence[Fields],
        window: int,
        clock: Callable[[], int],
    ) -> None:
        """Write the line before the write is sent. Raises JournalError: it must not be sent.

        ``clock``: Unix milliseconds. A disk may sleep, and a signature is valid for its window
        only; if half of it has passed, the write is not sent.
        """
        if self._journal is None:
            return
        one = self._admitted
        try:
            self._journal.sending(
                one.id, operation.name, hide_two_factor_token(fields), signed=one.signed,
                window=window, unique_id=one.unique, worth=one.worth,
            )  # fmt: skip
        except BaseException:
            self._guard.give_back(one)
            raise
        late = clock() - one.signed
        if 2 * late > window:
            why = f"the disk took {late} of the {window} milliseconds of the window"
            self.not_sent("disk", why)
            raise JournalError(
                f"{operation.name}: {why}. Nothing was sent. Use a faster disk for the journal, or "
                "make the client with a larger window."
            )

    def not_sent(self, stage: str, why: str) -> None:
        """It certainly never left."""
        self._guard.give_back(self._admitted)
        if self._journal is not None:
            self._journal.not_sent(self._admitted.id, stage, why)

    def refused(self, error: ApiError) -> None:
        """The exchange said no."""
        self._guard.give_back(self._admitted)
        if self._journal is not None:
            self._journal.refused(self._admitted.id, error.status, error.code, error.message)

    def lost(self, error: TransportError, stage: str) -> None:
        """No usable answer came."""
        error.unique_id, error.attempt = self._admitted.unique, self._admitted.id
        if not error.sent:
            self.not_sent(stage, error.reason)
        elif self._journal is not None:
            self._journal.unknown(
                self._admitted.id, stage, error.reason, error.status, error.content_type,
                error.first,
            )  # fmt: skip

    def answered(self, status: int, answer: Any) -> None:
        """The exchange accepted it."""
        self._guard.answered(self._admitted, answer)
        if self._journal is not None:
            self._journal.answered(self._admitted.id, status, answer, self._admitted.counts)
