"""The commands of ``python -m bpkit``: sandbox, tour, operations, doctor."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Any


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that ``arguments`` name (default: those of the process); its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m bpkit", description="Backpack Exchange from Python."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    sandbox = commands.add_parser(
        "sandbox", help="run an exchange on this machine, for any program"
    )
    sandbox.add_argument(
        "--port", type=int, default=8787, help="0 takes any free one (default: 8787)"
    )
    sandbox.add_argument("--still", action="store_true", help="let the market's time stand still")
    sandbox.add_argument("--seed", default=None, help="another invented market")
    commands.add_parser(
        "tour", help="three journeys in a second: a query, a signed GET, a signed order"
    )
    listed = commands.add_parser("operations", help="what can be called")
    listed.add_argument("word", nargs="?", help="only those where it occurs, such as withdraw")
    doctor = commands.add_parser("doctor", help="check a set-up: .env, git, pair, host, clock, key")
    doctor.add_argument("--url", default=None, help="of a sandbox (default: the live exchange)")
    doctor.add_argument("--env", metavar="PATH", default=None, help="instead of the nearest .env")
    chosen = parser.parse_args(arguments)
    if chosen.command == "sandbox":
        return serve(chosen.port, chosen.still, chosen.seed)
    if chosen.command == "operations":
        return show_operations(chosen.word)
    if chosen.command == "doctor":
        from . import check_setup

        return check_setup.run(chosen.url, chosen.env)
    from .tour import tour

    tour()
    return 0


def show_operations(word: str | None) -> int:
    """Print the operations in which ``word`` occurs. 0, or 1 where there are none."""
    from .. import operations

    found = operations(word)
    if not found:
        print(f"No operation has {word!r} in it.", file=sys.stderr)
        return 1
    print(found.df.to_string(na_rep="-"))
    return 0


def serve(port: int, still: bool, seed: str | None) -> int:
    """Run a sandbox until Ctrl+C. 0, or 1 where it could not start."""
    from ..sandbox import Sandbox
    from ..signing import DEMO_SECRET

    options: dict[str, Any] = {} if seed is None else {"seed": seed}
    try:
        sandbox = Sandbox(port=port, follow_clock=not still, **options)
    except (OSError, ValueError) as error:
        print(f"No sandbox: {error.args[-1]}", file=sys.stderr)
        return 1
    with sandbox:
        try:
            moves = "its market follows the clock"
            if still:
                stands = f"its market stands at {sandbox.now:%Y-%m-%d %H:%M} UTC"
                moves = f"{stands}, so waiting orders are not filled"
            print(
                f"A Backpack exchange of your own, without money: {sandbox.url} ({moves}).\n"
                "An account with funds is open for the demo key of Backpack's guide:\n"
                f"  PUBLIC_KEY={sandbox.key.public_key}\n"
                f"  SECRET_KEY={DEMO_SECRET}\n"
                f"Try: curl '{sandbox.url}/api/v1/ticker?symbol=SOL_USDC'\n"
                f"From Python: Client({sandbox.url!r}, Key.from_env('.env.example'))\n"
                "Ctrl+C ends it.",
                flush=True,
            )
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            print("Ended.")
    return 0
