"""A lock of the operating system on a file: one process has it, and it ends with the process.

Use a folder on a local disk: network drives and cloud folders cannot be locked reliably.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import sys
import time
from pathlib import Path

_BINARY = getattr(os, "O_BINARY", 0)  # Windows would change the ends of lines
_FAR = 1 << 30  # the byte that is locked on Windows: beyond the text, so that it can be read
_HELD = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)  # another process has the lock


class Held(Exception):
    """Another process has the lock. The text says which, as far as the file tells."""


class CannotLock(OSError):
    """The file was opened, but this file system cannot lock it."""


def lock(path: str) -> int:
    """The handle that has the lock of the file ``path``, which is made. ``os.close`` ends it.

    Raises Held, CannotLock, and OSError if the file cannot be opened.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | _BINARY, 0o600)
    try:
        _try_lock(handle)
        _write_owner(handle)
    except OSError as error:
        os.close(handle)
        if error.errno in _HELD:
            raise Held(_owner(path)) from None
        raise CannotLock(error.errno, error.strerror or str(error)) from error
    return handle


def _try_lock(handle: int) -> None:
    # Not lockf: it allows a second lock in the same process, and ends when any handle is closed.
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, _FAR, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _write_owner(handle: int) -> None:
    """Who has the lock, for a person. A process id is reused, so it never decides anything."""
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    owner = {"host": platform.node(), "pid": os.getpid(), "since": since}
    os.ftruncate(handle, 0)
    os.lseek(handle, 0, os.SEEK_SET)
    os.write(handle, json.dumps(owner).encode())


def _owner(path: str) -> str:
    try:
        owner = json.loads(Path(path).read_bytes())
        return f"process {owner['pid']} on {owner['host']} has it since {owner['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process has it"
