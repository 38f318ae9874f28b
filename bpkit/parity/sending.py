"""Send the questions of the probe: GET alone, one a second, at most sixty, and no retries."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import GuardError
from ..network.connection import Answered, Connection
from ..network.failures import Failure
from ..operations import OPERATIONS
from ..signing import Key
from ..transport import Transport
from .redaction import Redactor, Seen

if TYPE_CHECKING:
    import requests

MOST = 60  # requests in a run
PAUSE = 1.0  # seconds between two
SECONDS = 15.0  # for one answer
_MOST_BYTES = 64 * 2**20


class Ask(NamedTuple):
    """One request, as data.

    ``parameters``: names and values; in a value ``{spot}`` and the like are filled in by
    ``Places``. ``key``: "" for an unsigned request, "own", or "stranger" for a new key that no
    account has. ``headers``: replace those of the request; None leaves one out. ``after_path``:
    added to the path. ``age``: how many seconds old the signature is.
    """

    operation: str
    parameters: tuple[tuple[str, str], ...] = ()
    key: str = ""
    headers: tuple[tuple[str, str | None], ...] = ()
    after_path: str = ""
    age: int = 0

    def __str__(self) -> str:
        """For a person: ``get_klines symbol={spot} interval=1h``."""
        said = [self.operation + (f" path+{self.after_path}" if self.after_path else "")]
        said += [f"{name}={value}" for name, value in self.parameters]
        said += [f"with {self.key} key"] if self.key else []
        for name, value in self.headers:
            said.append(f"without {name}" if value is None else f"{name}: {value[:12]}")
        said += [f"signed {self.age} s ago"] if self.age else []
        return " ".join(said)


def ask(
    operation: str,
    *,
    key: str = "",
    age: int = 0,
    path: str = "",
    headers: Mapping[str, str | None] | None = None,
    **parameters: str,
) -> Ask:
    """An ``Ask`` in fewer words. ``path``: what is added to the path."""
    pairs, changed = tuple(parameters.items()), tuple((headers or {}).items())
    return Ask(operation, pairs, key, changed, path, age)


class Stopped(Exception):
    """The exchange does not want to be asked now; the message says why."""


class Places(NamedTuple):
    """What fills the braces of a parameter: found by asking first."""

    now: int  # the market's time, Unix seconds
    closed: str | None  # a market that is closed
    quiet: str | None  # the market with the fewest trades

    def fill(self, value: str) -> str | None:
        """The value to send; None if the exchange has no such market."""
        if found := re.fullmatch(r"\{(now|hour)-(\d+)([smhd])\}", value):
            start = self.now - self.now % 3600 if found[1] == "hour" else self.now
            return str(start - int(found[2]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[3]])
        return {"{closed}": self.closed, "{quiet}": self.quiet}.get(value, value)


class GetOnly(Connection):
    """A connection that only lets GET leave, without a body."""

    def send(self, request: requests.PreparedRequest, seconds: float) -> Answered:
        """Raises GuardError for any other method, Failure if no answer arrives."""
        if request.method != "GET" or request.body:
            raise GuardError(f"The parity probe only reads, so {request.method} was not sent.")
        return super().send(request, seconds)


class Asker:
    """Asks one exchange, and keeps what may be kept of its answers.

    ``pause``: seconds between two requests. ``most``: how many may be sent.
    """

    def __init__(
        self,
        url: str,
        keys: Mapping[str, Key],
        redactor: Redactor,
        *,
        pause: float = 0,
        most: int = 10**6,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.sent, self.most, self.signatures = 0, most, set[str]()
        self._pause, self._sleep, self._redactor = pause, sleep, redactor
        self._offset_ms = 0
        self._signers = {
            name: Transport(url, key, clock=self._clock) for name, key in {"": None, **keys}.items()
        }
        plain = self._signers[""]
        self.url, self._connection = plain.url, GetOnly(plain.url, plain.loopback, 5.0, _MOST_BYTES)
        self.keys = set(keys)
        self._answers: dict[Ask, list[Seen | None]] = {}
        self._lost = 0
        self.places = Places(0, None, None)

    def prepare(self) -> None:
        """Ask for status and time, and find the markets that questions need. Raises Stopped."""
        status = self._first(STATUS)
        if not isinstance(status, dict) or status.get("status") != "Ok":
            raise Stopped("the status of the exchange is not Ok")
        time_, markets, tickers, depth = (self._first(one) for one in SETUP[1:])
        if not isinstance(time_, int) or not isinstance(depth, dict):
            raise Stopped("its time or its depth is not what the documentation says")
        self._offset_ms = time_ - self._clock()
        closed = [one["symbol"] for one in _rows(markets) if one.get("orderBookState") == "Closed"]
        quiet = sorted((int(one.get("trades", 0)), one["symbol"]) for one in _rows(tickers))
        now = int(depth.get("timestamp", 0)) // 1_000_000
        self.places = Places(now, next(iter(closed), None), quiet[0][1] if quiet else None)

    def known(self, one: Ask) -> bool:
        """Can it be asked: is there a key for it, and a market?"""
        can_sign = not one.key or one.key in self.keys
        return can_sign and None not in [self.places.fill(value) for _, value in one.parameters]

    def answers(self, question: str, one: Ask, times: int) -> list[Seen | None]:
        """So many answers to the same request; None where no answer came. Raises Stopped."""
        answers = self._answers.setdefault(one, [])
        while len(answers) < times:
            answers.append(self._send(question, one))
        return answers

    def _first(self, one: Ask) -> Any:
        [answer, *_] = self.answers("setup", one, 1)
        if answer is None:
            raise Stopped(f"{one.operation} got no answer")
        return answer.body

    def _send(self, question: str, one: Ask) -> Seen | None:
        if self.sent >= self.most:
            raise Stopped(f"{self.most} requests are sent")
        if self.sent:
            self._sleep(self._pause)
        self.sent += 1
        parameters: dict[str, Any] = {
            name: str(self.places.fill(value)) for name, value in one.parameters
        }
        try:
            answer = self._connection.send(self._request(one, parameters), SECONDS)
        except Failure:
            self._lost += 1
            if self._lost > 1:
                raise Stopped("two requests in a row got no answer") from None
            return None
        self._lost = 0
        if answer.status in (429, 503):
            raise Stopped(f"the exchange answered {answer.status}")
        now = self.places.now
        return self._redactor.seen(question, one.operation, answer, parameters, now)

    def _request(self, one: Ask, parameters: dict[str, Any]) -> requests.PreparedRequest:
        operation = OPERATIONS[one.operation]
        operation = operation._replace(path=operation.path + one.after_path)
        if not one.key:
            operation = operation._replace(instruction=None)
        signed_at = self._clock() - one.age * 1000
        request = self._signers[one.key].prepare(operation, parameters, signed_at)
        self.signatures.add(request.headers.get("X-Signature", ""))
        for name, value in one.headers:
            request.headers.pop(name, None)
            if value is not None:
                request.headers[name] = value
        return request

    def _clock(self) -> int:
        return time.time_ns() // 1_000_000 + self._offset_ms


def _rows(body: object) -> Iterator[dict[str, Any]]:
    return (one for one in body if isinstance(one, dict)) if isinstance(body, list) else iter(())


STATUS, TIME = ask("get_status"), ask("get_time")
MARKETS, TICKERS = ask("get_markets"), ask("get_tickers")
DEPTH = ask("get_depth", symbol="SOL_USDC", limit="5")
SETUP = (STATUS, TIME, MARKETS, TICKERS, DEPTH)
