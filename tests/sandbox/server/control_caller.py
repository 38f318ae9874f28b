"""A program that steers a sandbox over HTTP, with plain requests."""

from __future__ import annotations

from typing import Any

import requests

from bpkit.sandbox import Sandbox

PREFIX = "/sandbox/v1"


class Caller:
    """``call("PUT", "/clock", {"speed": 60})`` returns the JSON, after a check of the status."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.url, self.session = sandbox.url + PREFIX, requests.Session()
        self.session.headers["Authorization"] = f"Bearer {sandbox.token}"

    def send(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        return self.session.request(method, self.url + path, json=body, timeout=20, **more)

    def __call__(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = self.send(method, path, body)
        assert answer.status_code == status, answer.text
        assert answer.headers["X-Sandbox"].startswith("bpkit/")
        return answer.json() if answer.content else None

    def refused(self, method: str, path: str, body: Any = None, status: int = 400) -> Any:
        """Code, field and message of an error, in its only shape."""
        said = self(method, path, body, status)
        assert list(said) == ["error"] and list(said["error"]) == ["code", "message", "field"]
        return said["error"]["code"], said["error"]["field"], said["error"]["message"]

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *error: object) -> None:
        self.session.close()
