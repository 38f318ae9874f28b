"""Print what one call passes through: ``python tests/call_path.py``.

Counts the distinct named functions of bpkit in the second call of a signed GET and of an order, and
their files. The sandbox, lambdas and comprehensions are not counted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import bpkit
from bpkit import Client
from bpkit.sandbox import Sandbox

FOLDER = Path(bpkit.__file__).parent


def path_of(call: Callable[[], object]) -> dict[tuple[str, str], None]:
    """(file, function) of each function of bpkit that ``call`` enters, in order."""
    entered: dict[tuple[str, str], None] = {}

    def profile(frame: FrameType, event: str, _: object) -> None:
        file = Path(frame.f_code.co_filename)
        if event != "call" or not file.is_relative_to(FOLDER):
            return
        place = str(file.relative_to(FOLDER))
        name = frame.f_code.co_qualname
        if not place.startswith("sandbox") and not name.endswith(">"):
            entered[place, name] = None

    call()  # the first call fills caches
    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(None)
    return entered


def main() -> None:
    """Print both paths."""
    with Sandbox() as sandbox, Client(sandbox.url, sandbox.key) as bp:
        calls: dict[str, Callable[[], object]] = {
            "get_deposit_address": lambda: bp.get_deposit_address("Solana"),
            "execute_order": lambda: bp.execute_order(
                "SOL_USDC", "Bid", "Limit", price="90", quantity="1"
            ),
        }
        for name, call in calls.items():
            path = path_of(call)
            files = {place for place, _ in path}
            print(f"{name}: {len(path)} functions in {len(files)} files")
            for place, function in path:
                print(f"  {place:22} {function}")


if __name__ == "__main__":
    main()
