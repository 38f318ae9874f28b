"""Kill a program at random moments while it sends orders over a line that breaks:
``python tests/crash.py [ORDERS] [SEED]``.

A program with a journal places and cancels orders in a sandbox. A proxy cuts its connections at
random bytes, in both directions. The program is killed, and started again with the same journal,
until it has sent all orders. At the end, what the journal says of each order is compared with what
the sandbox has: nothing may be there twice, nothing may be lost, and nothing may be told wrongly.
"""

from __future__ import annotations

import json
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from bpkit import ApiError, Client, Key, TransportError
from bpkit.history import fetch_all
from bpkit.sandbox import Sandbox
from bpkit.signing import DEMO_SECRET

WINDOW = 1000  # milliseconds: "not found" is said after the window and a second
ROOT = Path(__file__).parent.parent


# --- the program that is killed -------------------------------------------------------------------


def program(url: str, journal: str, orders: int, seed: str) -> None:
    """Find out what is in doubt, then send orders until the journal has so many."""
    dice = random.Random(seed)
    with Client(url, Key(DEMO_SECRET), window=WINDOW, timeout=2, journal=journal) as bp:
        settle(bp)
        sent = sum(one["operation"] == "execute_order" for one in sending(journal))
        for _ in range(orders - sent):
            with suppress(TransportError, ApiError):
                price = f"{dice.randint(15_000, 16_000) / 100:.2f}"
                bp.execute_order("SOL_USDC", "Bid", "Limit", price=price, quantity="0.01")
            if dice.random() < 0.1:
                with suppress(TransportError, ApiError):
                    bp.cancel_open_orders("SOL_USDC")
        settle(bp)


def settle(bp: Client) -> None:
    while bp.unanswered:
        with suppress(TransportError):
            bp.reconcile()


def sending(journal: str) -> list[dict]:
    return [one for one in lines_of(journal) if one["event"] == "sending"]


def lines_of(journal: str) -> list[dict]:
    found = []
    with suppress(FileNotFoundError):
        for line in Path(journal).read_bytes().splitlines():
            with suppress(ValueError):  # a line that was torn by a kill
                found.append(json.loads(line))
    return found


# --- the line that breaks -------------------------------------------------------------------------


class BreakingLine:
    """A proxy that cuts most connections after a random number of bytes."""

    def __init__(self, port: int, seed: str) -> None:
        self.cuts = 0
        self._port, self._dice = port, random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here = self._listener.accept()[0]
                threading.Thread(target=self._serve, args=(here,), daemon=True).start()

    def _serve(self, here: socket.socket) -> None:
        with here, socket.create_connection(("127.0.0.1", self._port)) as there:
            back = threading.Thread(target=self._pass_on, args=(there, here), daemon=True)
            back.start()
            self._pass_on(here, there)
            back.join()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        often = self._dice.random() < 0.4
        left = int(self._dice.expovariate(1 / 3000)) if often else None
        with suppress(OSError):
            while data := source.recv(65536):
                if left is not None and len(data) >= left:
                    target.sendall(data[:left])
                    self.cuts += 1
                    break
                target.sendall(data)
                left = None if left is None else left - len(data)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()


# --- the comparison -------------------------------------------------------------------------------


def verdicts(lines: list[dict]) -> dict[int, str]:
    """What the journal says of each order at the end: there, never there, or in doubt."""
    sent = {one["id"]: one["sent"]["clientId"] for one in lines
            if one["event"] == "sending" and one["operation"] == "execute_order"}  # fmt: skip
    said = dict.fromkeys(sent.values(), "in doubt")
    for one in lines:
        if one.get("id") not in sent:
            continue
        if one["event"] == "answered":
            said[sent[one["id"]]] = "there"
        elif one["event"] in ("refused", "not_sent"):
            said[sent[one["id"]]] = "never there"
        elif one["event"] == "resolved":
            state = one["state"]
            said[sent[one["id"]]] = "never there" if state in ("not found", "refused") else "there"
    return said


def run(orders: int, seed: str) -> dict[str, int]:
    """Run until all orders are sent and none is in doubt. Returns the figures."""
    dice = random.Random(seed)
    kills = 0
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        line, journal = (
            BreakingLine(int(sandbox.url.rsplit(":")[-1]), seed),
            str(Path(folder) / "orders.jsonl"),
        )
        while True:
            command = [sys.executable, __file__, "--program", line.url, journal, str(orders)]
            child = subprocess.Popen(
                [*command, f"{seed}-{kills}"], cwd=ROOT, stdout=subprocess.PIPE
            )
            assert child.stdout is not None
            with child.stdout as ready:
                ready.readline()  # before, there is nothing to interrupt
            done = len(sending(journal)) >= orders
            if not done and killed(child, journal, dice):
                kills += 1
                continue
            status = child.wait()
            if status:
                raise RuntimeError(f"the program ended with status {status}")
            break
        line.close()
        lines = lines_of(journal)
        with Client(sandbox.url, sandbox.key) as bp:
            rows = fetch_all(bp.get_order_history, "SOL_USDC")
        there = Counter(int(row["clientId"]) for row in rows)
    said = verdicts(lines)
    return {
        "orders sent": len(said),
        "kills": kills,
        "cuts": line.cuts,
        "answered": sum(one["event"] == "answered" for one in lines),
        "in doubt at some time": sum(one["event"] == "resolved" for one in lines),
        "lines torn by a kill": sum(one["event"] == "recovered" for one in lines),
        "there": len(there),
        "twice": sum(count > 1 for count in there.values()),
        "lost": len(set(there) - set(said)),
        "told wrongly": sum((said[one] == "there") != (one in there) for one in said),
        "still in doubt": sum(one == "in doubt" for one in said.values()),
    }


def killed(child: subprocess.Popen[bytes], journal: str, dice: random.Random) -> bool:
    """Kill the program after some more orders, or after some time; False if it ended before."""
    more = len(sending(journal)) + dice.randint(1, 12)
    end = time.monotonic() + dice.uniform(1, 4)
    while child.poll() is None:
        if len(sending(journal)) >= more or time.monotonic() > end:
            time.sleep(dice.uniform(0, 0.02))
            child.send_signal(signal.SIGKILL)
            return child.wait() == -signal.SIGKILL
        time.sleep(0.005)
    return False


def main() -> None:
    if sys.argv[1:2] == ["--program"]:
        url, journal, orders, seed = sys.argv[2:]
        print("ready", flush=True)
        program(url, journal, int(orders), seed)
        return
    orders, seed = (*sys.argv[1:], *("800", "1")[len(sys.argv) - 1 :])
    begun = time.monotonic()
    for name, figure in run(int(orders), seed).items():
        print(f"{name:24}{figure:6}")
    print(f"{'seconds':24}{time.monotonic() - begun:6.0f}")


if __name__ == "__main__":
    main()
