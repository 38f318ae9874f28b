"""An append-only file of lines: bytes, locks and syncing, for the journal of writes.

One process at a time may write to a file. A lock of the operating system on a second file, with
``.lock`` at the end of its name, ensures that; it ends with the process. The file itself is not
locked, because on Windows nobody could read it then.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

from ..errors import JournalError
from .file_lock import CannotLock, Held, lock

_BINARY = getattr(os, "O_BINARY", 0)  # Windows would change the ends of lines
_NEW = ".new"  # at the end of the name of a file that is to take the place of another


class JournalFile:
    """An open and locked file. Raises JournalError.

    ``created``: it was not there before. ``lines``: the number of its last line, set by who reads
    it.
    """

    def __init__(self, path: str) -> None:
        self.path, self.lines, self._pid = path, 0, os.getpid()
        self._closed = ""  # why nothing is written any more
        self._lock = _lock(path)
        try:
            self.created = self._open()
        except OSError as error:
            os.close(self._lock)
            raise _cannot_open(path, error) from error

    def _open(self) -> bool:
        """Open the file. True if it was not there before."""
        _finish_replacing(self.path)
        created = not os.path.exists(self.path)
        self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | _BINARY, 0o600)
        if created:
            sync_folder(self.path)
        return created

    def read(self) -> bytes:
        """All bytes of the file. Raises JournalError."""
        try:
            return Path(self.path).read_bytes()
        except OSError as error:
            raise JournalError(f"{self.path} cannot be read: {_why(error)}.") from error

    def append(self, make: Callable[[int], bytes], *, sync: bool) -> None:
        """Write ``make(number of the line)``; with ``sync`` it is on the disk when this returns.

        Raises JournalError if it is not. The file is then cut back to its length before, or the
        next line would be glued to the torn one. After a failed sync, nothing more is written: a
        second sync may report success without reason.
        """
        self.check()
        lines, length = self.lines, self._size()
        try:
            self._write(make(lines + 1))
            if sync:
                self._sync()
            self.lines += 1
        except BaseException as error:  # Ctrl+C too
            self.lines = lines
            self._cut_back(length)
            if isinstance(error, OSError):
                said = f"{self.path} could not be written: {_why(error)}. Nothing was sent."
                raise JournalError(said) from error
            raise

    def check(self) -> None:
        """Raise JournalError if this process must not write to the file."""
        if os.getpid() != self._pid:
            raise JournalError(
                f"{self.path} was opened by process {self._pid}, and this is its fork "
                f"{os.getpid()}. Make a client with another journal in this process. Nothing was "
                "sent."
            )
        if self._closed:
            raise JournalError(f"{self.path}: {self._closed} Nothing was sent.")

    def _size(self) -> int:
        try:
            now = os.fstat(self._file)
        except OSError as error:
            raise JournalError(f"{self.path}: {_why(error)}. Nothing was sent.") from error
        if not now.st_nlink:
            raise JournalError(
                f"{self.path} was deleted while it was open, so nothing can be noted in it. Make a "
                "new client. Nothing was sent."
            )
        return now.st_size

    def _write(self, data: bytes) -> None:
        if os.write(self._file, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _sync(self) -> None:
        try:
            sync_file(self._file)
        except OSError as error:
            self._closed = (
                f"it could not be synced to the disk ({_why(error)}), so it takes no more lines. "
                "Check the disk, and make a new client."
            )
            raise

    def _cut_back(self, length: int) -> None:
        try:
            os.ftruncate(self._file, length)
        except OSError as error:
            self._closed = (
                f"a torn line could not be removed ({_why(error)}), so it takes no more lines. "
                "Check the disk, and make a new client."
            )

    def replace(self, data: bytes, old: str) -> None:
        """Rename the file to ``old``, and go on with a new one that holds ``data``.

        If a crash falls between the two renames, the next opening finds the new file complete.
        """
        self.check()
        new = self.path + _NEW
        try:
            _write_synced(new, data)
            self._close_file()  # Windows renames no open file
            try:
                os.rename(self.path, old)
                os.rename(new, self.path)
                sync_folder(self.path)
            finally:
                self._open()
        except OSError as error:
            raise JournalError(f"{self.path} could not be archived: {_why(error)}.") from error

    def close(self) -> None:
        """Close the file, and end the lock."""
        self._closed = self._closed or "it is closed. Make a new client."
        self._close_file()
        with contextlib.suppress(OSError):
            os.close(self._lock)
        self._lock = -1

    def _close_file(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self._file)
        self._file = -1  # the number may soon be another file's


def sync_file(handle: int) -> None:
    """Wait until a file is on the disk. On macOS ``fsync`` leaves it in the drive's cache."""
    if sys.platform == "darwin":
        import fcntl

        with contextlib.suppress(OSError):  # a drive that cannot do it: there is no reliable number
            fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
            return
    os.fsync(handle)


def sync_folder(path: str) -> None:
    """Wait until the name of a file is on the disk. Windows cannot, and does not need it."""
    if os.name != "posix":
        return
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
    try:
        sync_file(folder)
    finally:
        os.close(folder)


def _finish_replacing(path: str) -> None:
    """Give the new file its name, if a crash stopped ``replace`` between its two renames."""
    if not os.path.exists(path) and os.path.exists(path + _NEW):
        os.rename(path + _NEW, path)
        sync_folder(path)


def _write_synced(path: str, data: bytes) -> None:
    with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(data)
        file.flush()
        sync_file(file.fileno())


# --- the lock -------------------------------------------------------------------------------------


def _lock(path: str) -> int:
    """The handle that has the lock of a file. Raises JournalError if another process has it."""
    name = f"{path}.lock"
    try:
        return lock(name)
    except Held as held:
        raise JournalError(
            f"{path} is in use: {held}. Only one process may write to a journal: end the other "
            "one, or use another file."
        ) from None
    except CannotLock as error:
        raise JournalError(
            f"{name} cannot be locked ({_why(error)}), so two programs could write to the journal "
            "at once. Use a folder on a local disk."
        ) from error
    except OSError as error:
        raise _cannot_open(name, error) from error


def _cannot_open(name: str, error: OSError) -> JournalError:
    remedy = {
        errno.ENOENT: "Make its folder first.",
        errno.EISDIR: "It is a folder: pass the path of a file.",
    }.get(error.errno or 0, "Use a folder in which you may write.")
    return JournalError(f"{name} cannot be opened: {_why(error)}. {remedy}")


def _why(error: OSError) -> str:
    return error.strerror or str(error)
