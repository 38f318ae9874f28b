"""A short run of ``python tests/long_stream.py``: a book and trades while their streams fail."""

from __future__ import annotations

import long_stream
import pytest

from bpkit.streams import book_thread, connection


def test_a_book_is_right_or_stale_and_missing_trades_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "TRIES", connection.TRIES)  # set by the run, and back here
    for module in (connection, book_thread):
        for name in ("BACKOFF", "MOST_BACKOFF"):
            monkeypatch.setattr(module, name, getattr(module, name))
    figures = long_stream.run(1200, "3")
    assert figures["books compared with REST"] > 10 and figures["book: gap"] > 0
    assert figures["checkpoints"] > 5 and figures["trades"] > 20
    assert (figures["different books"], figures["trades unexplained"]) == (0, 0)
