"""The base class of every section of the API: two ways to send a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..serialize import Fields


class Section:
    """The base of every section. ``Client`` provides both methods."""

    def _call(self, name: str, arguments: Mapping[str, object]) -> Any:
        """Check and convert the arguments that ``parameters`` knows, send, return the answer.

        ``arguments``: the ``locals()`` of a method, by their names in Python.
        """
        raise NotImplementedError

    def _send(self, name: str, fields: Fields | Sequence[Fields]) -> Any:
        """Send fields that are checked already, and return the answer."""
        raise NotImplementedError
