"""A short run of ``python tests/conservation.py``: no command makes or loses money."""

from __future__ import annotations

import conservation


def test_no_command_makes_or_loses_money() -> None:
    happened = conservation.run(250, "4")
    done = {name for name in conservation.USE if happened[name]}
    assert done >= {"order", "loan", "strategy", "advance", "dust", "settings", "withdraw", "jump"}
    assert any(name.endswith("cut off") for name in happened)
