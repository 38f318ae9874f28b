"""How fast live events are: the rows of ``python tests/benchmark.py streams``, which says more."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

from benchmark import cpu, other_sandbox

from bpkit import Client

sys.path.insert(0, str(Path(__file__).parent / "streams"))

MESSAGES = 20_000
SECONDS = 15  # of the clock, for each number of subscribers


def send_trades(pipe: Connection) -> None:
    """In a process of its own: send so many trades whenever the pipe says so."""
    from stream_samples import trade
    from stream_server import StreamServer

    texts = [
        json.dumps({"data": trade(number), "stream": "trade.SOL_USDC"}, separators=(",", ":"))
        for number in range(1, MESSAGES + 1)
    ]
    server = StreamServer()
    pipe.send(server.url)
    while pipe.recv():
        for text in texts:
            server.session.say(text)


def events_by_bpkit(bp: Client, pipe: Connection) -> None:
    with bp.stream("trade.SOL_USDC", seconds=None, count=MESSAGES) as opened:
        pipe.send(True)
        assert sum(1 for _ in opened) == MESSAGES


def events_by_hand(url: str, pipe: Connection) -> None:
    from websockets.sync.client import connect

    with connect(url, compression=None, proxy=None, max_queue=1024, ping_interval=None) as live:
        live.send('{"method":"SUBSCRIBE","params":["trade.SOL_USDC"]}')
        live.ping().wait()
        pipe.send(True)
        for _ in range(MESSAGES):
            json.loads(live.recv())


def stream_events() -> None:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=send_trades, args=(there,), daemon=True)
    process.start()
    url = here.recv()
    with Client(url) as bp:
        bp.get_markets()
        ours = partial(events_by_bpkit, bp, here)
        theirs = partial(events_by_hand, url.replace("http", "ws"), here)
        show_cpu("an event / websockets and json.loads", ours, theirs, goal=1.5, each=MESSAGES)
    process.terminate()


def show_cpu(
    what: str, ours: Callable[[], object], theirs: Callable[[], object], *, goal: float, each: int
) -> None:
    turns = [(cpu(ours), cpu(theirs)) for _ in range(9)]
    mine, bare = (median(column) for column in zip(*turns, strict=True))
    verdict = "reached" if mine / bare <= goal else "MISSED"
    print(
        f"{what:<44} {mine / bare:5.2f}  goal {goal:.2f} {verdict:<8}"
        f" {mine / each * 1e6:7.1f} / {bare / each * 1e6:.1f} us of CPU"
    )


def subscribers() -> None:
    """CPU of the sandbox's process, with one socket and with 50."""
    from websockets.sync.client import connect

    def run(count: int) -> None:
        with ExitStack() as stack:
            for _ in range(count):
                opened = connect(address, compression=None, proxy=None, max_queue=None)
                one = stack.enter_context(opened)
                one.send('{"method":"SUBSCRIBE","params":["depth.SOL_USDC","trade.SOL_USDC"]}')
            time.sleep(SECONDS)

    with other_sandbox("--port", "0") as (url, process):
        address = url.replace("http", "ws")
        used = []
        for count in (1, 50):
            before = _cpu_of(process.pid)
            run(count)
            used.append((_cpu_of(process.pid) - before) / SECONDS * 100)
    print(f"CPU of a sandbox that follows the clock: {used[0]:.1f} % of a core with one socket, ")
    print(f"  {used[1]:.1f} % with 50; {(used[1] - used[0]) / 49:.2f} % for each more")


def _cpu_of(pid: int) -> float:
    """Seconds of CPU that a process has used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    stream_events()
    subscribers()
