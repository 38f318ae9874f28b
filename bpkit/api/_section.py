"""What a section of the API stands on: the two ways to call, provided by Client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..wire import Fields


class Section:
    """What every section of the API needs of the client."""

    def _call(self, name: str, params: Mapping[str, object]) -> Any:
        """Check the parameters (documented names), send, return the answer."""
        raise NotImplementedError

    def _send(self, name: str, fields: Fields | Sequence[Fields]) -> Any:
        """Send fields that are checked already."""
        raise NotImplementedError
