"""Find the text that was signed: write it with each known mistake, alone and in pairs, and verify.

One verification takes about 0.1 milliseconds. The limits below keep a search under about half a
second, whatever was sent; they count work and not time, so that each machine finds the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, islice, product
from typing import NamedTuple

from .draft import Draft, params, right
from .habits import HABITS
from .received import Arrival

MOST_DRAFTS = 6000  # that are written of one request
MOST_TEXTS = 3000  # that differ, and are tried with the first key
MOST_OTHERS = 1000  # tried with all further keys together
MOST_WORK = 25_000_000  # characters read for all drafts together: a batch of fifty has long ones
A_PAIR = 50  # characters that cost as much as the handling of one parameter

Trial = tuple[tuple[str, ...], bytes]  # the mistakes made, and the text that comes of them
Test = Callable[[bytes], bool]


class Match(NamedTuple):
    """The mistakes, none or more, and the text that was signed. ``key``: whose test it passed."""

    causes: tuple[str, ...]
    text: bytes
    key: int = 0


class Search(NamedTuple):
    """``match`` is None where no text fits; ``tried``: how many were."""

    match: Match | None
    tried: int


def search(arrival: Arrival, tests: Sequence[Test]) -> Search:
    """The first text that was signed. Pairs of mistakes are tried with the first test alone."""
    texts = _Texts(arrival)
    singles: list[Trial] = []
    for trial in texts.singles():
        singles.append(trial)
        if tests[0](trial[1]):
            return Search(Match(*trial), texts.count)
    further = product(range(1, len(tests)), singles)
    for key, trial in islice(further, MOST_OTHERS):
        if tests[key](trial[1]):
            return Search(Match(*trial, key), texts.count)
    for trial in texts.couples():
        if tests[0](trial[1]):
            return Search(Match(*trial), texts.count)
    return Search(None, texts.count)


class _Texts:
    """The texts of those who err: each once, and written only when asked for."""

    def __init__(self, arrival: Arrival) -> None:
        self._arrival, self._base = arrival, right(arrival)
        self._seen: set[bytes] = set()
        self._left = min(MOST_DRAFTS, MOST_WORK // _price(arrival, self._base))
        # Of each habit that goes in pairs, the drafts in which something changed.
        self._changed: list[dict[bytes, Draft]] = [{} for _ in HABITS]

    @property
    def count(self) -> int:
        return len(self._seen)

    def singles(self) -> Iterator[Trial]:
        """The right text, and then each mistake alone: the usual ones first."""
        return self._new(self._singles())

    def couples(self) -> Iterator[Trial]:
        """Two mistakes at once, of those that go in pairs. To be asked for after the singles."""
        return self._new(self._couples())

    def _new(self, trials: Iterator[Trial]) -> Iterator[Trial]:
        """Those not seen yet. Each one counts, whether it is new or not."""
        while self._left > 0 and len(self._seen) < MOST_TEXTS:
            trial = next(trials, None)
            if trial is None:
                return
            self._left -= 1
            if trial[1] not in self._seen:
                self._seen.add(trial[1])
                yield trial

    def _singles(self) -> Iterator[Trial]:
        text = self._base.write()
        yield (), text
        for habit, changed in sorted(
            zip(HABITS, self._changed, strict=True), key=lambda row: not row[0].paired
        ):
            for draft in habit.vary(self._base, self._arrival):
                written = draft.write()
                if habit.paired and written != text:
                    changed[written] = draft
                yield (habit.cause,), written

    def _couples(self) -> Iterator[Trial]:
        rows = [row for row in zip(HABITS, self._changed, strict=True) if row[1]]
        for (first, drafts), (second, _) in combinations(rows, 2):
            if first.cause != second.cause:
                for draft in drafts.values():
                    for both in second.vary(draft, self._arrival):
                        yield (first.cause, second.cause), both.write()


def _price(arrival: Arrival, base: Draft) -> int:
    """What one draft costs, in characters."""
    sent = arrival.raw
    pairs = sum(1 for _ in params(base)) + len(arrival.elsewhere) + len(arrival.nulls)
    return len(base.text) + len(sent.query) + len(sent.body) + A_PAIR * (len(base.orders) + pairs)
