"""A stand-in for the live exchange: nothing leaves this computer."""

from __future__ import annotations

import io
from typing import Any

import pytest
import requests
from urllib3 import HTTPResponse


class Live:
    """Answers every request with ``status`` and ``text``, and keeps what was sent in ``sent``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.status, self.text = 200, "[]"
        self.sent: list[requests.PreparedRequest] = []
        monkeypatch.setattr("requests.adapters.HTTPAdapter.send", self._send)

    def _send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        self.sent.append(request)
        answer = requests.Response()
        answer.status_code, answer.request = self.status, request
        answer.raw = HTTPResponse(io.BytesIO(self.text.encode()), preload_content=False)
        return answer
