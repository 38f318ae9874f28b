"""``.env`` -> the two texts that make a key. The only home of python-dotenv.

The names are those of Backpack's Python guide: ``PUBLIC_KEY`` and ``SECRET_KEY``. The file is read
anew at each call, so that a changed file counts without restarting the kernel; nothing is put into
``os.environ``.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from dotenv import dotenv_values, find_dotenv

from .errors import MissingKeyError

PUBLIC, SECRET = "PUBLIC_KEY", "SECRET_KEY"
_LOGGER = logging.getLogger("dotenv.main")
_LINES = f"{PUBLIC}=... and {SECRET}=..., a line each"


def key_texts(path: str | os.PathLike[str] | None = None) -> tuple[str, str]:
    """(secret, public key) as written in the file ``path``.

    Without ``path``: in the nearest ``.env``, searched from the working folder (in a notebook: the
    notebook's folder) upwards; where there is none, in the environment. Raises MissingKeyError.
    """
    if path is not None:
        if not Path(path).is_file():
            raise MissingKeyError(
                f"There is no file {os.fspath(path)!r}. Copy .env.example to it and write your "
                f"pair into it: {_LINES}."
            )
        return _complete(_pair(_read(path)), f"The file {os.fspath(path)!r}")
    found = find_dotenv(usecwd=True)
    if found:
        return _complete(_pair(_read(found)), "The .env found")
    if PUBLIC in os.environ or SECRET in os.environ:
        return _complete(_pair(os.environ), "The environment")
    raise MissingKeyError(
        f"No .env in {Path.cwd().name!r} or any folder above it. Copy .env.example to .env and "
        f"write your pair into it: {_LINES}."
    )


def _read(path: str | os.PathLike[str]) -> dict[str, str | None]:
    _LOGGER.disabled = True  # it warns of lines; what they lack is said below, in one error
    try:
        return dotenv_values(path)
    except UnicodeDecodeError:
        pass  # and raised below: the error holds the file's bytes, the secret among them
    finally:
        _LOGGER.disabled = False
    raise MissingKeyError(f"{os.fspath(path)!r} is not UTF-8 text. Save it as UTF-8.")


def _pair(values: os._Environ[str] | dict[str, str | None]) -> tuple[str, str] | str:
    """(secret, public key), or what is missing."""
    missing = [name for name in (PUBLIC, SECRET) if not values.get(name)]
    if missing:
        return f"has no {' and no '.join(missing)}"
    return str(values[SECRET]), str(values[PUBLIC])


def _complete(pair: tuple[str, str] | str, where: str) -> tuple[str, str]:
    """Raises where something is missing: here, where no local holds a secret for a traceback."""
    if isinstance(pair, str):
        raise MissingKeyError(f"{where} {pair}. Needed are {_LINES}.")
    return pair
