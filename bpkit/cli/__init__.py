"""The commands of ``python -m bpkit``: sandbox, tour, operations, doctor, journal, parity."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from .. import __version__
from ..errors import MissingExtraError, hide_secrets, without_locals

MOST_ACCOUNTS = 10_000


class _Parser(argparse.ArgumentParser):
    """A parser whose errors repeat no secret that was given in a wrong place."""

    def error(self, message: str) -> NoReturn:
        super().error(hide_secrets(message))


@without_locals
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command in ``arguments`` (default: those of the process). Return its exit status."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    parser, commands = _parser()
    if not arguments:
        parser.print_help()
        return 0
    word = arguments[0]
    if word not in (*commands, "-h", "--help", "--version"):
        near = get_close_matches(word, commands, 1)
        hint = f"did you mean: {near[0]}?" if near else f"there are: {', '.join(commands)}"
        parser.error(f"unknown command {word!r}; {hint}")
    chosen = parser.parse_args(arguments)
    try:
        status = int(chosen.run(chosen))
        sys.stdout.flush()
    except MissingExtraError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # as with "| head", which stops reading
        # Else Python would complain when it flushes stdout at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _parser() -> tuple[argparse.ArgumentParser, list[str]]:
    """The parser, and the names of the commands."""
    parser = _Parser("bpkit", description="Backpack Exchange from Python.")
    parser.add_argument("--version", action="version", version=f"bpkit {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, run: Callable[[Any], int], purpose: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=purpose, description=purpose)
        command.set_defaults(run=run)
        return command

    sandbox = add("sandbox", serve, "run an exchange on this machine, for any program")
    sandbox.add_argument(
        "--port", type=int, default=8787, help="0 takes any free one (default: 8787)"
    )
    pace = sandbox.add_mutually_exclusive_group()
    pace.add_argument("--still", action="store_true", help="do not let the market's time pass")
    pace.add_argument(
        "--speed",
        type=float,
        help="how many seconds of market time pass in a second (default: as the clock)",
    )
    sandbox.add_argument("--seed", default=None, help="any text; another text gives another market")
    sandbox.add_argument(
        "--accounts",
        type=int,
        default=0,
        metavar="N",
        help="open N more accounts, and print their keys",
    )
    sandbox.add_argument(
        "--keys", metavar="FILE", help="write those keys to a new file that only you can read"
    )
    sandbox.add_argument(
        "--host", default="127.0.0.1", help="0.0.0.0 lets other machines in; it needs a token"
    )
    sandbox.add_argument(
        "--name",
        action="append",
        default=[],
        help="a name by which other machines call this one; it may be repeated",
    )
    sandbox.add_argument(
        "--token",
        default=None,
        help="for calls that steer it (default: $BPKIT_SANDBOX_TOKEN, or a random one)",
    )
    add("tour", _tour, "show a public query, a signed GET and a signed order, in a second")
    operations = add("operations", show_operations, "list what can be called")
    operations.add_argument("word", nargs="?", help="only those that match it, such as withdraw")
    doctor = add("doctor", _doctor, "check a set-up: .env, git, pair, host, clock, account")
    doctor.add_argument("--url", default=None, help="a sandbox's (default: the live exchange)")
    doctor.add_argument("--env", metavar="PATH", default=None, help="instead of the nearest .env")
    doctor.add_argument(
        "--prefix", default="", help="SUB_ checks SUB_PUBLIC_KEY and SUB_SECRET_KEY"
    )
    journal = add("journal", _journal, "show a journal of writes: the open ones first")
    journal.add_argument("file", help="the path of the journal, such as orders.jsonl")
    journal.add_argument(
        "--archive", action="store_true", help="rename the file, and begin a short one"
    )
    parity = add("parity", _parity, "compare the sandbox with an exchange; nothing but GET is sent")
    parity.add_argument("--against", metavar="URL", default=None, help="default: the live exchange")
    parity.add_argument(
        "--key",
        action="store_true",
        help="also ask about your account, with your pair; a few requests are signed wrongly",
    )
    parity.add_argument(
        "--rows", metavar="NAME", nargs="+", default=[], help="only these questions"
    )
    parity.add_argument("--report", metavar="FILE", default="parity.md", help="default: parity.md")
    return parser, list(commands.choices)


def _tour(chosen: argparse.Namespace) -> int:
    from .tour import tour

    tour()
    return 0


def _doctor(chosen: argparse.Namespace) -> int:
    from . import check_setup

    return check_setup.run(chosen.url, chosen.env, prefix=chosen.prefix)


def _journal(chosen: argparse.Namespace) -> int:
    from . import journal

    return journal.run(chosen.file, archive=chosen.archive)


def _parity(chosen: argparse.Namespace) -> int:
    from . import parity

    return parity.run(chosen.against, chosen.report, with_key=chosen.key, names=chosen.rows)


def show_operations(chosen: argparse.Namespace) -> int:
    """Print the operations that match ``word``, in 80 columns. 0, or 1 if there are none."""
    from .. import operations

    found = operations(chosen.word)
    if not found:
        print(f"No operation matches {hide_secrets(repr(chosen.word))}.", file=sys.stderr)
        return 1
    print(f"{'method of Client':33}signed HTTP   path")
    for one in found:
        name = one["name"]
        signed = "no" if one["instruction"] is None else "yes" if one["instruction"] else "*"
        rest = f"{signed:7}{one['method']:7}{one['path']}"
        if len(name) > 32 or len(rest) > 47:  # too long for one line
            print(name)
            print(f"{'':22}{rest}")
        else:
            print(f"{name:33}{rest}")
    if any(one["instruction"] == "" for one in found):
        print("* private, but how to sign it is not documented: it cannot be called")
    return 0


def serve(chosen: argparse.Namespace) -> int:
    """Run a sandbox until Ctrl+C or SIGTERM. 0, or 1 if it could not start."""
    # A script that starts a program with "&" makes it ignore Ctrl+C.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    try:
        sandbox = _sandbox(chosen)
    except (OSError, ValueError) as error:
        print(f"No sandbox: {error.args[-1]}", file=sys.stderr)
        return 1
    with sandbox:
        try:
            keys = _handed_out(sandbox, chosen)
        except OSError as error:
            said = f"{chosen.keys}: {error.strerror}; choose another file for the keys"
            print(f"No sandbox: {said}", file=sys.stderr)
            return 1
        try:
            print(_greeting(sandbox, chosen), f"{keys}Ctrl+C ends it.", sep="\n", flush=True)
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            print("Ended.")
    return 0


def _sandbox(chosen: argparse.Namespace) -> Any:
    """Raises OSError, ValueError."""
    from ..sandbox import Sandbox

    if not 0 <= chosen.accounts <= MOST_ACCOUNTS:
        raise ValueError(f"--accounts {chosen.accounts} is not from 0 to {MOST_ACCOUNTS:,}")
    if chosen.keys and not chosen.accounts:
        raise ValueError("--keys FILE needs --accounts: write, for example, --accounts 5")
    still, speed = chosen.still or chosen.speed is not None, chosen.speed
    if speed is not None and speed.is_integer():
        speed = int(speed)
    options: dict[str, Any] = {} if chosen.seed is None else {"seed": chosen.seed}
    return Sandbox(
        port=chosen.port, follow_clock=not still, speed=speed, host=chosen.host, names=chosen.name,
        token=chosen.token, **options,
    )  # fmt: skip


def _handed_out(sandbox: Any, chosen: argparse.Namespace) -> str:
    """Open the accounts. Their keys are written to the file, or are the text that is returned."""
    if not chosen.accounts:
        return ""
    rows = [("name", "public_key", "secret"), *sandbox.open_first_accounts(chosen.accounts)]
    text = "".join(f"{','.join(row)}\n" for row in rows)
    if not chosen.keys:
        return text
    file = os.open(chosen.keys, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(file, "w", encoding="utf-8") as keys:
        keys.write(text)
    return f"The keys of {chosen.accounts} more accounts are in {chosen.keys}\n"


def _greeting(sandbox: Any, chosen: argparse.Namespace) -> str:
    from ..signing import DEMO_SECRET

    now = f"{sandbox.now:%Y-%m-%d %H:%M} UTC"
    market = "Its market follows the clock."
    if chosen.still or chosen.speed == 0:
        market = f"The market's time is {now} and does not pass: waiting\norders are not filled."
    elif chosen.speed is not None:
        market = f"Its market starts at {now}; {chosen.speed:g} seconds of it pass in each second."
    given = chosen.token or os.environ.get("BPKIT_SANDBOX_TOKEN")
    token = "the token is the one that you gave" if given else "the token for that:"
    shown = "" if given else f"\n  BPKIT_SANDBOX_TOKEN={sandbox.token}"
    return f"""\
A Backpack exchange on this machine, without money: {sandbox.url}
{market}
An account with funds is open for the demo key of Backpack's guide:
  PUBLIC_KEY={sandbox.key.public_key}
  SECRET_KEY={DEMO_SECRET}
Try: curl '{sandbox.url}/api/v1/ticker?symbol=SOL_USDC'
In Python:
  from bpkit import Client, Key
  bp = Client("{sandbox.url}", Key("{DEMO_SECRET}"))
To steer it over HTTP, open {sandbox.url}/ ; {token}{shown}"""
