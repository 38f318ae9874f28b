"""Read an API key from ``.env`` or the environment. The only module that imports python-dotenv.

The names are those of Backpack's Python guide, ``PUBLIC_KEY`` and ``SECRET_KEY``; with a
prefix there can be more pairs. The file is read again at each call, so a changed file counts
without restarting the kernel. Nothing is written to ``os.environ``.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from dotenv import dotenv_values, find_dotenv

from .errors import InputError, MissingKeyError, hide_secrets

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
    if not isinstance(prefix, str) or not re.fullmatch(r"([A-Za-z_]\w{0,30})?", prefix, re.ASCII):
        raise InputError("prefix", prefix, 'is not the beginning of a name; write "SUB_"')
    both = f"{prefix}{PUBLIC}=... and {prefix}{SECRET}=..."
    if path is not None:
        where = hide_secrets(repr(os.fspath(path)))
        if not Path(path).is_file():
            folder = ": it is a folder" if Path(path).is_dir() else ""
            near = near_file() if Path(path).name == ".env" and not folder else ""
            raise MissingKeyError(
                f"There is no file {where}{folder}.{near} Make it, with two lines: {both}"
            )
        return _pair_in_file(path, prefix, f"The file {where}", both)
    found = "" if in_environment(prefix) else find_dotenv(usecwd=True)
    if found:
        return _pair_in_file(found, prefix, "The .env found", both)
    if in_environment(prefix, any):
        return _pair(os.environ, prefix, "The environment", both)
    raise MissingKeyError(
        f"No .env in {Path.cwd().name!r} or any folder above it.{near_file()} Make one, with two "
        f"lines: {both}"
    )


def in_environment(prefix: str = "", count: Callable[[Iterable[object]], bool] = all) -> bool:
    """Does the environment have both texts of a pair? With ``any``: one of them."""
    return count(os.environ.get(prefix + name) for name in (PUBLIC, SECRET))


def near_file() -> str:
    """A sentence about what was probably meant as ``.env``, with a space before it; or ""."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        with suppress(OSError):  # a folder that may not be read
            for name in sorted(os.listdir(folder)):
                if name == ".env" and (folder / name).is_dir():
                    return f" {name!r} in {folder.name!r} is a folder, and must be a file."
                if _NEAR_FILE.fullmatch(name) and (folder / name).is_file():
                    return f" There is {name!r} in {folder.name!r}: if you mean it, name it '.env'."
    return ""


_NEAR_FILE = re.compile(r"[._]?e(nv|vn)(\.(txt|rtf|docx?|env|local|bak))?", re.IGNORECASE)


def _pair_in_file(
    path: str | os.PathLike[str], prefix: str, where: str, both: str
) -> tuple[str, str]:
    _LOGGER.disabled = True  # it warns of lines; what is missing is said below, in one error
    try:
        values = dotenv_values(path)
    except UnicodeDecodeError:
        values = None  # the decoder's error has the file's bytes: it must not lead to the next one
    finally:
        _LOGGER.disabled = False
    if values is None:
        raise MissingKeyError(
            f"{hide_secrets(repr(os.fspath(path)))} is not UTF-8 text. Save it as UTF-8."
        )
    return _pair(values, prefix, where, both, Path(path).read_text("utf-8"))


def _pair(
    values: Mapping[str, str | None], prefix: str, where: str, both: str, lines: str = ""
) -> tuple[str, str]:
    """(secret, public key). ``lines``: of the file, to see why one is missing. MissingKeyError."""
    secret, public = values.get(prefix + SECRET), values.get(prefix + PUBLIC)
    if secret and public:
        return secret, public
    missing = [prefix + name for name in (PUBLIC, SECRET) if not values.get(prefix + name)]
    reasons = "".join(_reason(name, lines, prefix) for name in missing)
    raise MissingKeyError(f"{where} has no {' and no '.join(missing)}.{reasons} It needs {both}")


def _reason(name: str, lines: str, prefix: str) -> str:
    """A sentence about a line that was probably meant as ``name=...``, or "". It has no value."""
    near = _NEAR_SECRET if name.endswith(SECRET) else _NEAR_PUBLIC
    for word, found, sign in _LINE.findall(lines):
        if found == name and word:
            return f" Write {name}=... without {word.strip()!r} before it."
        if found == name and sign == ":":
            return f" Write {name}=... with = and not with a colon."
        if found not in (name, PUBLIC, SECRET) and near.fullmatch(found.removeprefix(prefix)):
            return f" If {found} is meant: rename it to {name}."
    return ""


_LINE = re.compile(
    r"^\ufeff?[ \t]*((?:setx?|let|const|var)[ \t]+|\$env:)?([A-Za-z_]\w{0,40})[\"']?[ \t]*([=:])",
    re.MULTILINE | re.IGNORECASE | re.ASCII,
)
_OWNER = r"((backpack|bpx|bp|my)_?)?(exchange_?)?(api_?)?"  # not another exchange's or service's
_NEAR_PUBLIC = re.compile(_OWNER + r"(public_?|pub_?|verifying_?|access_?)?(api_?)?key", re.I)
_NEAR_SECRET = re.compile(_OWNER + r"(secret|private|priv|seed)(_?(api_?)?key)?", re.I)
