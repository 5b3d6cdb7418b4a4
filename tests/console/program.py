"""A program that calls the API by key: Django's test client with the headers that Scaleway's clients send."""

import json
from dataclasses import dataclass
from typing import Any

from django.test import Client

from console.models import Project, User
from console.services import api_keys
from console.services.audit import Actor

REGION = "/mnq/v1beta1/regions/fr-par"
ACCOUNTS = f"{REGION}/nats-accounts"
CREDENTIALS = f"{REGION}/nats-credentials"
PROJECTS = "/account/v3/projects"
KEYS = "/iam/v1alpha1/api-keys"


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any


class Program:
    """``secret`` None: without the header."""

    def __init__(self, secret: str | None) -> None:
        headers = {"host": "127.0.0.1:8000", "accept": "application/json"}
        if secret is not None:
            headers["x-auth-token"] = secret
        self._client = Client(headers=headers, raise_request_exception=False)

    @classmethod
    def of(cls, user: User, project: Project, **options: Any) -> "Program":
        made = api_keys.create(actor=Actor(), owner=user, project=project, **options)
        return cls(made.secret_key)

    def get(self, path: str, **query: Any) -> Answer:
        return self.call("GET", path, query=query)

    def post(self, path: str, **body: Any) -> Answer:
        return self.call("POST", path, body)

    def patch(self, path: str, **body: Any) -> Answer:
        return self.call("PATCH", path, body)

    def delete(self, path: str) -> Answer:
        # The Python SDK sends this body, and no Content-Type.
        return self.call("DELETE", path, {}, content_type="")

    def call(
        self, method: str, path: str, body: Any = None, *, query: Any = None,
        content_type: str = "application/json; charset=utf-8",
    ) -> Answer:  # fmt: skip
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body)
        answer = self._client.generic(
            method, path, raw, content_type=content_type, query_params=query or None
        )
        if answer.status_code == 204:
            assert answer.content == b""
            return Answer(204, None)
        assert answer.headers["Content-Type"] == "application/json", answer.headers
        return Answer(answer.status_code, json.loads(answer.content))
