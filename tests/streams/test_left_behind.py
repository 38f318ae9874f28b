"""After a block nothing is left, however it ended; and it works wherever a person runs it."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from stream_fixtures import socket_threads
from stream_samples import trade
from stream_server import StreamServer, wait_for

from bpkit import Client, StreamError
from bpkit.streams import Events, connection

pytest_plugins = ["stream_fixtures"]
TRADES = "trade.SOL_USDC"


def is_over(server: StreamServer) -> bool:
    """Is no socket open, and no thread of a client alive?"""
    return not server.open_sessions and "bpkit stream" not in socket_threads()


def interrupt(when: Callable[[], Any]) -> threading.Thread:
    """Press the stop button as soon as something is true."""

    def press() -> None:
        wait_for(when)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    return thread


def normal(live: Client) -> None:
    with live.stream(TRADES, count=1) as opened:
        assert len([*opened]) == 1


def never_read(live: Client) -> None:
    with live.stream(TRADES):
        pass


def body_raises(live: Client) -> None:
    with pytest.raises(ZeroDivisionError), live.stream(TRADES) as opened:
        for _ in opened:
            1 / 0  # noqa: B018


def broken_off(live: Client) -> None:
    with live.stream(TRADES) as opened:
        for _ in opened:
            break


def client_is_closed(live: Client) -> None:
    with live.stream(TRADES) as opened:
        live.close()
        assert next(iter(opened)).trade_id == 1


def generator_is_left(live: Client) -> None:
    def prices() -> Iterator[Any]:
        with live.stream(TRADES) as opened:
            for event in opened:
                yield event.price

    made = prices()
    assert next(made) is not None
    made.close()


def generator_is_forgotten(live: Client) -> None:
    def prices() -> Iterator[Any]:
        with live.stream(TRADES) as opened:
            yield from opened

    assert next(prices()).trade_id == 1
    gc.collect()


def block_is_forgotten(live: Client) -> None:
    opened = live.stream(TRADES)
    opened.__enter__()
    del opened
    gc.collect()


def in_a_running_loop(live: Client) -> None:
    async def main() -> list[int]:
        with live.stream(TRADES, count=1) as opened:
            return [event.trade_id for event in opened]

    assert asyncio.run(main()) == [1]


def in_a_thread(live: Client) -> None:
    found: list[int] = []

    def read() -> None:
        with live.stream(TRADES, count=1) as opened:
            found.extend(event.trade_id for event in opened)

    thread = threading.Thread(target=read)
    thread.start()
    thread.join(10)
    assert found == [1]


WAYS = [
    normal, never_read, body_raises, broken_off, client_is_closed, generator_is_left,
    generator_is_forgotten, block_is_forgotten, in_a_running_loop, in_a_thread,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_nothing_is_left(
    way: Callable[[Client], None], server: StreamServer, live: Client, capfd: Any
) -> None:
    server.first = {TRADES: trade(1)}
    way(live)
    wait_for(lambda: is_over(server))
    assert len(server.sessions) == 1 and capfd.readouterr() == ("", "")


def test_ctrl_c_ends_a_loop_that_waits(server: StreamServer, live: Client) -> None:
    with pytest.raises(KeyboardInterrupt), live.stream(TRADES, seconds=None) as opened:
        server.push(TRADES, trade(1))
        thread = interrupt(lambda: len(opened._came) == 1)
        for _ in opened:
            pass
    thread.join()
    wait_for(lambda: is_over(server))
    assert len(opened.df) == 1


def test_ctrl_c_ends_a_wait_for_one_event(server: StreamServer, live: Client) -> None:
    with pytest.raises(KeyboardInterrupt), live.stream(TRADES) as opened:
        thread = interrupt(lambda: opened._connection._inbox._changed._waiters)
        opened.wait(trade_id=1, seconds=30)
    thread.join()
    wait_for(lambda: is_over(server))


def test_ctrl_c_while_it_is_opened(
    server: StreamServer, live: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.pongs = False
    thread = interrupt(lambda: server.sessions and server.session.streams)
    with pytest.raises(KeyboardInterrupt), live.stream(TRADES):
        pass
    thread.join()
    wait_for(lambda: is_over(server))


def test_ctrl_c_while_nobody_answers(live: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something listens, and never takes part in the handshake."""
    monkeypatch.setattr(connection, "CLOSING", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        with Client(url) as nobody:
            opened = connection.Connection(nobody, [TRADES])
            thread = interrupt(lambda: "bpkit stream" in socket_threads())
            with pytest.raises(KeyboardInterrupt):
                opened.open()
            thread.join()
    wait_for(lambda: "bpkit stream" not in socket_threads())
    assert opened.take(0) is None


def test_no_connection_is_opened_after_the_end(server: StreamServer, live: Client) -> None:
    """The block ends while a lost connection is opened again."""
    with live.stream(TRADES) as opened:
        server.refuse = 503
        server.session.cut()
        wait_for(lambda: server.refused)
    server.refuse, tried = 0, server.refused
    wait_for(lambda: is_over(server))
    assert server.refused == tried and len(server.sessions) == 1
    assert [event.kind for event in opened.problems] == ["lost"]


def test_a_server_that_does_not_answer_a_close_is_left(
    server: StreamServer, live: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bpkit.streams import websocket

    monkeypatch.setattr(websocket, "CLOSING", 0.05)
    with live.stream(TRADES):
        server.session.protocol.send_frame = lambda frame: None
    wait_for(lambda: "bpkit stream" not in socket_threads())


def test_an_unexpected_failure_is_not_printed(
    server: StreamServer, live: Client, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("a fault in bpkit")

    with live.stream(TRADES, seconds=None) as opened:
        monkeypatch.setattr(connection.Connection, "_handle", fail)
        server.push(TRADES, trade(1))
        assert [event.kind for event in opened] == ["lost"]
    assert "unexpected failure (RuntimeError)" in opened.problems[0].note
    monkeypatch.setattr(connection.Connection, "_subscribe", fail)
    with pytest.raises(StreamError, match="unexpected failure"), live.stream("liquidation"):
        pass
    assert capfd.readouterr() == ("", "")


# --- other programs -------------------------------------------------------------------------------

BLOCK = """
from bpkit import Client
bp = Client({url!r})
opened = bp.stream("trade.SOL_USDC")
opened.__enter__()
print(next(iter(opened)).price)
"""


def test_a_program_that_ends_in_the_block_ends_cleanly(server: StreamServer) -> None:
    server.first = {TRADES: trade(1)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", BLOCK.format(url=server.url)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "218.50\n", "")
    wait_for(lambda: not server.open_sessions)


def test_in_a_notebook_also_in_a_cell_that_is_run_again(server: StreamServer) -> None:
    """A kernel has a running event loop; nothing is printed below the wrong cell."""
    server.first = {TRADES: trade(1)}
    cells = [
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        f"import threading; from bpkit import Client; bp = Client({server.url!r})",
        *["""
          with bp.stream("trade.SOL_USDC", count=1) as events:
              for event in events:
                  print(event.price)
          """] * 2,
        "events['trade.SOL_USDC']",
        "print(sum(one.name == 'bpkit stream' for one in threading.enumerate()))",
    ]  # fmt: skip
    book = nbformat.v4.new_notebook()
    book.cells = [nbformat.v4.new_code_cell(textwrap.dedent(cell)) for cell in cells]
    ran = NotebookClient(book, timeout=60, kernel_name="python3").execute()
    outputs = [cell.outputs for cell in ran.cells]
    assert [len(each) for each in outputs] == [0, 1, 1, 1, 1]
    assert outputs[1][0].text == outputs[2][0].text == "218.50\n"
    assert "buyerOrderId" in outputs[3][0].data["text/html"]
    assert outputs[4][0].text == "0\n"
    assert len(server.sessions) == 2
    wait_for(lambda: not server.open_sessions)


def test_events_are_made_by_the_client(live: Client) -> None:
    assert isinstance(live.stream(TRADES), Events)
