"""A person at the console, without a browser: session cookie, CSRF, JSON in and out."""

import json
import urllib.error
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any


class ConsoleError(AssertionError):
    """The console answered with an error that the caller didn't ask for."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


class Console:
    """One browser's worth of state for the console at ``url``."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies = CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.cookies)
        )

    def sign_in(self, link: str) -> dict[str, Any]:
        """Use a one-time link; the session."""
        self.get("/api/session")
        return self.post("/api/session/link", {"token": link.split("#token=")[1]})

    def get(self, path: str) -> Any:
        return self.request("GET", path)

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self.request("POST", path, body or {})

    def delete(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self.request("DELETE", path, body)

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The JSON answer, None for an empty one. Raises ConsoleError for a status of 400 and above."""
        request = urllib.request.Request(self.url + path, method=method)
        request.add_header("Origin", self.url)
        request.add_header("X-CSRFToken", self.cookie("csrftoken"))
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        try:
            with self._opener.open(request, timeout=30) as answer:
                return _json(answer.read())
        except urllib.error.HTTPError as error:
            raise ConsoleError(error.code, _json(error.read())) from None

    def cookie(self, name: str) -> str:
        return next((c.value or "" for c in self.cookies if c.name == name), "")

    def cookie_header(self) -> str:
        """For a WebSocket opened beside this session."""
        return "; ".join(f"{c.name}={c.value}" for c in self.cookies)

    # What a newcomer does ------------------------------------------------------------------------------

    def create_namespace(self, name: str) -> str:
        """Its id."""
        return str(self.post("/api/namespaces", {"name": name})["id"])

    def create_credential(self, namespace: str, name: str, directory: Path) -> tuple[str, Path]:
        """Its id, and the ``.creds`` file as downloaded into ``directory``."""
        made = self.post(f"/api/namespaces/{namespace}/credentials", {"name": name})
        file = directory / made["file_name"]
        file.write_text(made["creds"])
        file.chmod(0o600)
        return made["credential"]["id"], file


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return raw.decode("utf-8", "replace")
