"""Search every test's output for secrets.

The watch remembers every seed that bpkit makes a key of, except the published one. After each test
it searches for them in the log records from DEBUG up, in what was printed, and in each of bpkit's
errors that was made in the test: its text, repr, attributes, pickle, and its traceback with the
local variables of bpkit's own frames.
"""

from __future__ import annotations

import logging
import pickle
import traceback
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpkit
import bpkit.signing
from bpkit import BpkitError

PUBLISHED = b64decode(bpkit.signing.DEMO_SECRET)
PUBLIC = b64decode(bpkit.signing.DEMO_PUBLIC_KEY)
PACKAGE = str(Path(bpkit.__file__).parent)
MOST = 25  # errors and secrets searched in one test: a property test makes thousands that are alike


class Records(logging.Handler):
    """Every log record, as text."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


class Watch:
    """Call ``begin`` before a test, and ``found`` after it: it returns where secrets are."""

    def __init__(self) -> None:
        self.seeds: list[bytes] = []
        self.public = {PUBLIC}  # tried as secrets too, when a user may have swapped the two
        self.errors: list[BpkitError] = []
        self.records = Records()

    def install(self) -> None:
        """Watch from now until the end of the run."""
        real: Any = bpkit.signing.Ed25519PrivateKey

        class Watched:
            generate = real.generate

            @staticmethod
            def from_private_bytes(seed: bytes) -> Any:
                private = real.from_private_bytes(seed)
                if seed != PUBLISHED:
                    self.seeds.append(seed)
                    self.public.add(private.public_key().public_bytes_raw())
                return private

        bpkit.signing.Ed25519PrivateKey = Watched  # type: ignore[assignment, misc]
        made = BpkitError.__init__

        def remembered(error: BpkitError, *args: object) -> None:
            made(error, *args)
            self.errors.append(error)

        BpkitError.__init__ = remembered  # type: ignore[method-assign]
        logging.getLogger().addHandler(self.records)

    def begin(self) -> None:
        del self.seeds[:], self.errors[:], self.records.texts[:]
        logging.getLogger().setLevel(logging.DEBUG)

    def found(self, printed: str = "") -> list[str]:
        """The places in words, without the secret."""
        places = {"a log record": "\n".join(self.records.texts), "what was printed": printed}
        for number, error in enumerate(self.errors[:MOST]):
            for name, text in texts_of(error):
                places[f"{name} of error {number}, a {type(error).__name__}"] = text
        secret = set(self.seeds[:MOST]) - self.public
        spellings = [one for seed in secret for one in spelled(seed)]
        return [place for place, text in places.items() if any(one in text for one in spellings)]


def spelled(seed: bytes) -> list[str]:
    """The ways to write 32 bytes. Half of each is enough to find it."""
    standard = b64encode(seed).decode().rstrip("=")
    safe = standard.replace("+", "-").replace("/", "_")
    return [standard[:20], standard[20:], safe[:20], safe[20:], seed.hex()[:30], repr(seed)[2:40]]


def texts_of(error: BpkitError) -> Iterator[tuple[str, str]]:
    """(what it is, the text) for everything that an error says or holds."""
    yield "the text", str(error)
    yield "the repr", repr(error)
    yield "the attributes", repr(vars(error))
    yield "the notes", repr(getattr(error, "__notes__", ""))
    yield "the pickle", pickle.dumps(error).decode("latin-1")
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename.startswith(PACKAGE):
            yield f"a local of {code.co_name} in the traceback", repr(trace.tb_frame.f_locals)
        trace = trace.tb_next
    yield "the traceback", "".join(traceback.format_exception(error))
