"""People at the HTTP interface of a namespace that has a real engine behind it."""

from typing import Any

import pytest
from django.test import Client

from console.gateway import nats
from console.gateway.nats import Message
from console.models import Role
from console.selectors.access import Access
from console.services import nats_user
from tests.console.engines import ENGINES, Engine

JSON = "application/json"

#: A test that is run before nats-server, too.
both = pytest.mark.parametrize("desk", ENGINES, indirect=True)


class Desk:
    """A namespace with an engine behind it, and people who ask for its streams."""

    def __init__(self, cast: Any, engine: Engine) -> None:
        self.cast = cast
        self.engine = engine
        self.namespace = cast.namespace()
        engine.put(self.namespace)
        engine.start()
        self.who = nats_user.of(Access(self.namespace, Role.OWNER))
        self.path = f"/api/namespaces/{self.namespace.id}"

    def ask(self, method: str, path: str, body: Any = None, *, person: str = "ed") -> Any:
        client = Client(SERVER_NAME="localhost")
        client.force_login(self.cast[person])
        url = f"{self.path}/{path}"
        if method == "get":
            return client.get(url)
        return getattr(client, method)(url, data=body or {}, content_type=JSON)

    def get(self, path: str) -> Any:
        answer = self.ask("get", path, person="vera")
        assert answer.status_code == 200, answer.content
        return answer.json()

    def make(self, name: str, *subjects: str, **more: Any) -> Any:
        body = {"name": name, "subjects": subjects or [f"{name}.>"], **more}
        answer = self.ask("post", "streams", body)
        assert answer.status_code == 201, answer.content
        return answer.json()

    def publish(self, subject: str, payload: bytes = b"x", **headers: str) -> None:
        wanted = {name.replace("_", "-"): [value] for name, value in headers.items()}
        nats.request(self.who, Message(subject, "", wanted, payload), 5)

    def seqs(self, query: str) -> tuple[list[int], Any]:
        page = self.get(f"streams/S/messages?{query}")
        return [message["seq"] for message in page["messages"]], page["next"]
