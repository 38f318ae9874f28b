"""Do many requests at once and get their results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from itertools import islice
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

from ..client import Client

AT_ONCE = 16  # requests
LIMITED = 4  # requests: with 30 a minute, more threads would only wait
Item = TypeVar("Item")
Result = TypeVar("Result")


def threads_for(bp: Client) -> int:
    """How many requests are useful at once."""
    return AT_ONCE if bp._transport.rate_limit is None else LIMITED


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Iterator[tuple[Item, Result]]:
    """Each item with ``work(item)``, in order. The first error is raised, and ends the work.

    The threads end with the process (daemons): an interrupt must not wait for requests that wait
    for the rate limit.
    """
    jobs: SimpleQueue[tuple[Future[Result], Item] | None] = SimpleQueue()
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    left = iter(items)

    def send(count: int) -> None:
        for item in islice(left, count):
            future: Future[Result] = Future()
            waiting.append((item, future))
            jobs.put((future, item))

    try:
        send(4 * threads)  # while a file is written, the requests go on
        for number in range(min(threads, len(waiting))):
            Thread(target=_serve, args=(work, jobs), name=f"bpkit {number}", daemon=True).start()
        while waiting:
            item, future = waiting[0]
            result = future.result()
            waiting.popleft()
            send(1)
            yield item, result
    finally:
        for _, future in waiting:
            future.cancel()
        for _ in range(threads):
            jobs.put(None)


def _serve(
    work: Callable[[Item], Result], jobs: SimpleQueue[tuple[Future[Result], Item] | None]
) -> None:
    while (job := jobs.get()) is not None:
        future, item = job
        if not future.set_running_or_notify_cancel():
            continue
        try:
            future.set_result(work(item))
        except BaseException as error:
            future.set_exception(error)
