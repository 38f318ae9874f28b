"""Read an API key from ``.env`` or the environment. The only module that imports python-dotenv.

The names are those of Backpack's Python guide, ``PUBLIC_KEY`` and ``SECRET_KEY``; with a
prefix there can be more pairs. The file is read again at each call, so a changed file counts
without restarting the kernel. Nothing is written to ``os.environ``.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from dotenv import dotenv_values, find_dotenv

from .errors import InputError, MissingKeyError

PUBLIC, SECRET = "PUBLIC_KEY", "SECRET_KEY"
_LOGGER = logging.getLogger("dotenv.main")


def key_texts(path: str | os.PathLike[str] | None = None, prefix: str = "") -> tuple[str, str]:
    """(secret, public key) as written in the file ``path``.

    Without ``path``: the pair in the environment or, if it does not have both texts, the pair in
    the nearest ``.env``, searched from the working folder (in a notebook: the notebook's folder)
    upwards. ``prefix``: what both names begin with, as in ``SUB_PUBLIC_KEY``. Raises
    MissingKeyError, and InputError for a wrong type.
    """
    if path is not None and not isinstance(path, (str, os.PathLike)):
        raise InputError("path", path, 'is not a path; write ".env.live"')
    if not isinstance(prefix, str):
        raise InputError("prefix", prefix, 'is not text; write "SUB_"')
    both = f"{prefix}{PUBLIC}=... and {prefix}{SECRET}=..."
    if path is not None:
        where = os.fspath(path)
        if not Path(path).is_file():
            raise MissingKeyError(f"There is no file {where!r}. Make it, with two lines: {both}")
        return _pair_or_error(_pair(_read(path), prefix), f"The file {where!r}", both)
    found = "" if in_environment(prefix) else find_dotenv(usecwd=True)
    if found:
        return _pair_or_error(_pair(_read(found), prefix), "The .env found", both)
    if in_environment(prefix, any):
        return _pair_or_error(_pair(os.environ, prefix), "The environment", both)
    raise MissingKeyError(
        f"No .env in {Path.cwd().name!r} or any folder above it. Make one, with two lines: {both}"
    )


def in_environment(prefix: str = "", count: Callable[[Iterable[object]], bool] = all) -> bool:
    """Does the environment have both texts of a pair? With ``any``: one of them."""
    return count(os.environ.get(prefix + name) for name in (PUBLIC, SECRET))


def _read(path: str | os.PathLike[str]) -> dict[str, str | None]:
    _LOGGER.disabled = True  # it warns of lines; what is missing is said below, in one error
    try:
        return dotenv_values(path)
    except UnicodeDecodeError:
        pass  # and raised below: the decoder's error has the file's bytes, the secret among them
    finally:
        _LOGGER.disabled = False
    raise MissingKeyError(f"{os.fspath(path)!r} is not UTF-8 text. Save it as UTF-8.")


def _pair(values: Mapping[str, str | None], prefix: str) -> tuple[str, str] | str:
    """(secret, public key), or what is missing."""
    missing = [name for name in (prefix + PUBLIC, prefix + SECRET) if not values.get(name)]
    if missing:
        return f"has no {' and no '.join(missing)}"
    return str(values[prefix + SECRET]), str(values[prefix + PUBLIC])


def _pair_or_error(pair: tuple[str, str] | str, where: str, both: str) -> tuple[str, str]:
    """The pair. Raises MissingKeyError from a function that has no secret in its local variables,
    so that a traceback cannot show one."""
    if isinstance(pair, str):
        raise MissingKeyError(f"{where} {pair}. It needs {both}")
    return pair
