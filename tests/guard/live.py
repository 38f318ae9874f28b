"""A stand-in for the live exchange: nothing leaves this computer."""

from __future__ import annotations

from typing import Any

import pytest
import requests


class Live:
    """Answers every request with ``status`` and ``text``, and keeps what was sent in ``sent``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.status, self.text = 200, "[]"
        self.sent: list[requests.PreparedRequest] = []
        monkeypatch.setattr("requests.Session.send", self._send)

    def _send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        self.sent.append(request)
        answer = requests.Response()
        answer.status_code, answer._content, answer.request = (
            self.status,
            self.text.encode(),
            request,
        )
        return answer
