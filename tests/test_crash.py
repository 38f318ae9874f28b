"""A short run of ``python tests/crash.py``, which kills a program that sends orders."""

from __future__ import annotations

import crash


def test_orders_survive_a_line_that_breaks_and_a_program_that_is_killed() -> None:
    figures = crash.run(15, "3")
    assert figures["orders sent"] == 15 and figures["kills"] > 0
    wrong = ("twice", "lost", "told wrongly", "still in doubt")
    assert [figures[name] for name in wrong] == [0, 0, 0, 0]
