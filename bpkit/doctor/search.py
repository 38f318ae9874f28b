"""Find the text that was signed: write it with each known mistake, alone and in pairs, and verify.

One verification takes about 0.2 milliseconds. The limits below keep a search under about half a
second for any request. They count work and not time, so that each machine finds the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, islice, product
from typing import NamedTuple

from .mistakes import MISTAKES
from .received import ReceivedRequest
from .signed_text import SignedText, right_text

MAX_WRITTEN = 6000  # texts that are written for one request
MAX_TRIED = 3000  # different texts that are tried with the first key
MAX_OTHER_KEYS = 1000  # texts that are tried with all other keys together
MAX_CHARACTERS = 25_000_000  # that are read for all texts together; long batches reach it
A_PAIR = 50  # characters that cost as much as one parameter

Trial = tuple[tuple[str, ...], bytes]  # the causes, and the text that they lead to
Test = Callable[[bytes], bool]


class Match(NamedTuple):
    """The causes, none or more, and the text that was signed. ``key``: the number of the test."""

    causes: tuple[str, ...]
    text: bytes
    key: int = 0


class Search(NamedTuple):
    """``match`` is None if no text fits; ``tried``: how many texts were tried."""

    match: Match | None
    tried: int


def search(request: ReceivedRequest, tests: Sequence[Test]) -> Search:
    """The first text that was signed. Pairs of mistakes are tried with the first test only."""
    texts = _Texts(request)
    singles: list[Trial] = []
    for trial in texts.singles():
        singles.append(trial)
        if tests[0](trial[1]):
            return Search(Match(*trial), texts.count)
    others = product(range(1, len(tests)), singles)
    for key, trial in islice(others, MAX_OTHER_KEYS):
        if tests[key](trial[1]):
            return Search(Match(*trial, key), texts.count)
    for trial in texts.pairs():
        if tests[0](trial[1]):
            return Search(Match(*trial), texts.count)
    return Search(None, texts.count)


class _Texts:
    """The texts with mistakes: each once, and written only when it is needed."""

    def __init__(self, request: ReceivedRequest) -> None:
        self._request, self._right = request, right_text(request)
        self._seen: set[bytes] = set()
        self._left = min(MAX_WRITTEN, MAX_CHARACTERS // _cost_of_a_text(request, self._right))
        # For each mistake: the texts in which it changed something, for use in pairs.
        self._changed: list[dict[bytes, SignedText]] = [{} for _ in MISTAKES]

    @property
    def count(self) -> int:
        return len(self._seen)

    def singles(self) -> Iterator[Trial]:
        """The right text, and then each mistake alone: the usual mistakes first."""
        return self._new(self._singles())

    def pairs(self) -> Iterator[Trial]:
        """Two mistakes at once. Ask for the singles first."""
        return self._new(self._pairs())

    def _new(self, trials: Iterator[Trial]) -> Iterator[Trial]:
        """Those not seen yet. A text that was seen also counts as written."""
        while self._left > 0 and len(self._seen) < MAX_TRIED:
            trial = next(trials, None)
            if trial is None:
                return
            self._left -= 1
            if trial[1] not in self._seen:
                self._seen.add(trial[1])
                yield trial

    def _singles(self) -> Iterator[Trial]:
        right = self._right.write()
        yield (), right
        for mistake, changed in sorted(
            zip(MISTAKES, self._changed, strict=True), key=lambda row: not row[0].paired
        ):
            for text in mistake.vary(self._right, self._request):
                written = text.write()
                if mistake.paired and written != right:
                    changed[written] = text
                yield (mistake.cause,), written

    def _pairs(self) -> Iterator[Trial]:
        rows = [row for row in zip(MISTAKES, self._changed, strict=True) if row[1]]
        for (first, texts), (second, _) in combinations(rows, 2):
            if first.cause != second.cause:
                for text in texts.values():
                    for both in second.vary(text, self._request):
                        yield (first.cause, second.cause), both.write()


def _cost_of_a_text(request: ReceivedRequest, right: SignedText) -> int:
    """In characters."""
    sent = request.raw
    pairs = sum(1 for _ in right.params) + len(request.elsewhere) + len(request.nulls)
    return len(right.text) + len(sent.query) + len(sent.body) + A_PAIR * (len(right.orders) + pairs)
