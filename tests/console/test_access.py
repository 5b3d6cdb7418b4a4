"""Who may do what over HTTP: every route of the console for its owner, an editor, a viewer, a stranger and nobody."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from console import urls
from console.models import Membership, Namespace, Project, Role, User
from console.services import api_keys, credentials, namespaces
from console.services.audit import Actor

PEOPLE = ("owner", "editor", "viewer", "stranger", "anonymous")
UNKNOWN = "A" + "B" * 55

#: 401 nobody, 404 a stranger (who mustn't learn that it exists), 403 too small a role. Without a broker what is
#: allowed ends in 503 where the broker itself is asked.
READ = (200, 200, 200, 404, 401)
ANY = (200, 200, 200, 200, 401)
WRITE = (200, 200, 403, 404, 401)
MADE = (201, 201, 403, 404, 401)
OWN = (204, 403, 403, 404, 401)
ASK_READ = (503, 503, 503, 404, 401)
ASK_WRITE = (503, 503, 403, 404, 401)


@dataclass(frozen=True)
class Case:
    method: str
    path: str
    body: dict[str, Any] | None
    statuses: tuple[int, ...]


CASES = [
    Case("get", "/api/session", None, (200,) * 5),
    Case("get", "/api/projects", None, ANY),
    Case("post", "/api/projects", {"name": "another"}, (201, 201, 201, 201, 401)),
    Case("patch", "/api/projects/{project}", {"name": "renamed"}, (200, 403, 403, 404, 401)),
    Case("delete", "/api/projects/{project}", None, (412, 403, 403, 404, 401)),
    Case("get", "/api/projects/{project}/members", None, READ),
    Case("post", "/api/projects/{project}/members", {"email": "new@example.com", "role": "viewer"},
         (201, 403, 403, 404, 401)),
    Case("patch", "/api/projects/{project}/members/{viewer}", {"role": "editor"},
         (200, 403, 403, 404, 401)),
    Case("delete", "/api/projects/{project}/members/{extra}", None, OWN),
    Case("get", "/api/namespaces", None, ANY),
    Case("post", "/api/namespaces", {"name": "made", "project_id": "{project}"}, MADE),
    Case("get", "/api/namespaces/{namespace}", None, READ),
    Case("patch", "/api/namespaces/{namespace}", {"name": "renamed"}, WRITE),
    Case("delete", "/api/namespaces/{namespace}", {"name": "orders"}, OWN),
    Case("get", "/api/namespaces/{namespace}/credentials", None, READ),
    Case("post", "/api/namespaces/{namespace}/credentials", {"name": "made"}, MADE),
    Case("get", "/api/namespaces/{namespace}/credentials/{credential}", None, READ),
    Case("delete", "/api/namespaces/{namespace}/credentials/{credential}", None, WRITE),
    Case("post", "/api/namespaces/{namespace}/credentials/{credential}/rotate", {"overlap_s": 60}, MADE),
    Case("post", "/api/namespaces/{namespace}/revoke-before", {}, (200, 403, 403, 404, 401)),
    Case("get", "/api/namespaces/{namespace}/connections", None, ASK_READ),
    Case("delete", "/api/namespaces/{namespace}/connections/7", None, ASK_WRITE),
    Case("post", "/api/namespaces/{namespace}/publish", {"subject": "a", "payload": "x"}, ASK_WRITE),
    Case("post", "/api/namespaces/{namespace}/request", {"subject": "a", "payload": "x"}, ASK_WRITE),
    Case("get", "/api/namespaces/{namespace}/activity", None, READ),
    Case("get", "/api/namespaces/{namespace}/exports", None, READ),
    Case("post", "/api/namespaces/{namespace}/exports", {"name": "e", "kind": "stream", "subject": "a.>"}, MADE),
    Case("delete", "/api/namespaces/{namespace}/exports/{unknown}", None, (404, 404, 403, 404, 401)),
    Case("get", "/api/namespaces/{namespace}/importable", None, READ),
    Case("get", "/api/namespaces/{namespace}/imports", None, READ),
    Case("post", "/api/namespaces/{namespace}/imports", {"export_id": "{unknown}"}, (404, 404, 403, 404, 401)),
    Case("delete", "/api/namespaces/{namespace}/imports/{unknown}", None, (404, 404, 403, 404, 401)),
    Case("get", "/api/namespaces/{namespace}/jetstream", None, ASK_READ),
    Case("get", "/api/namespaces/{namespace}/streams", None, ASK_READ),
    Case("post", "/api/namespaces/{namespace}/streams", {"name": "S"}, ASK_WRITE),
    Case("get", "/api/namespaces/{namespace}/streams/S", None, ASK_READ),
    Case("patch", "/api/namespaces/{namespace}/streams/S", {"max_msgs": 1}, ASK_WRITE),
    Case("delete", "/api/namespaces/{namespace}/streams/S", {"name": "S"}, ASK_WRITE),
    Case("post", "/api/namespaces/{namespace}/streams/S/purge", {}, ASK_WRITE),
    Case("get", "/api/namespaces/{namespace}/streams/S/messages", None, ASK_READ),
    Case("get", "/api/namespaces/{namespace}/streams/S/messages/7", None, ASK_READ),
    Case("delete", "/api/namespaces/{namespace}/streams/S/messages/7", None, ASK_WRITE),
    Case("get", "/api/namespaces/{namespace}/streams/S/consumers", None, ASK_READ),
    Case("post", "/api/namespaces/{namespace}/streams/S/consumers", {"name": "c"}, ASK_WRITE),
    Case("get", "/api/namespaces/{namespace}/streams/S/consumers/c", None, ASK_READ),
    Case("delete", "/api/namespaces/{namespace}/streams/S/consumers/c", None, ASK_WRITE),
    Case("post", "/api/namespaces/{namespace}/streams/S/consumers/c/pause", {"pause_until": None}, ASK_WRITE),
    Case("get", "/api/namespaces/{namespace}/kv", None, ASK_READ),
    Case("post", "/api/namespaces/{namespace}/kv", {"bucket": "b"}, ASK_WRITE),
    Case("get", "/api/namespaces/{namespace}/kv/b", None, ASK_READ),
    Case("delete", "/api/namespaces/{namespace}/kv/b", {"name": "b"}, ASK_WRITE),
    Case("get", "/api/namespaces/{namespace}/kv/b/entry?key=a", None, ASK_READ),
    Case("put", "/api/namespaces/{namespace}/kv/b/entry?key=a", {"payload": "x"}, ASK_WRITE),
    Case("delete", "/api/namespaces/{namespace}/kv/b/entry?key=a", None, ASK_WRITE),
    Case("get", "/api/broker", None, ANY),
    Case("get", "/api/api-keys", None, ANY),
    Case("post", "/api/api-keys", {"project_id": "{project}"}, (201, 201, 201, 404, 401)),
    Case("delete", "/api/api-keys/{key}", None, (204, 404, 404, 404, 401)),
    Case("get", "/api/namespaces/{namespace}/limits", None, READ),
    Case("patch", "/api/namespaces/{namespace}/limits", {"conn": 5}, (403, 403, 403, 404, 401)),
    Case("get", "/api/projects/{project}/limits", None, READ),
    Case("patch", "/api/projects/{project}/limits", {"namespaces": 5}, (403, 403, 403, 404, 401)),
]  # fmt: skip


@dataclass
class World:
    people: dict[str, User]
    values: dict[str, str]

    def browser(self, person: str) -> Client:
        client = Client(SERVER_NAME="localhost")
        if person != "anonymous":
            client.force_login(self.people[person])
        return client

    def send(self, person: str, case: Case) -> Any:
        body = {
            key: value.format(**self.values) if isinstance(value, str) else value
            for key, value in (case.body or {}).items()
        }
        call = getattr(self.browser(person), case.method)
        path = case.path.format(**self.values)
        if case.method == "get":
            return call(path)
        return call(path, data=body, content_type="application/json")


@pytest.fixture
def world(db: None, settings: Any) -> Iterator[World]:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"  # nobody listens there, nor here:
    settings.BROKER_URL = "nats://127.0.0.1:1"
    call_command("bootstrap", verbosity=0, no_static=True)
    people = {
        name: User.objects.create_user(f"{name}@example.com")
        for name in ("owner", "editor", "viewer", "stranger", "extra", "new")
    }
    project = Project.objects.create(name="shop")
    for name in ("owner", "editor", "viewer", "extra"):
        role = Role.VIEWER if name == "extra" else Role(name)
        Membership.objects.create(project=project, user=people[name], role=role)
    actor = Actor(people["owner"], "192.0.2.1")
    namespace, _ = namespaces.create(actor=actor, project=project, name="orders")
    issued = credentials.issue(actor=actor, namespace=namespace, name="worker")
    values = {
        "project": str(project.pk), "namespace": namespace.pk, "credential": str(issued.credential.pk),
        "unknown": str(uuid.uuid4()), "viewer": str(people["viewer"].pk), "extra": str(people["extra"].pk),
        "key": api_keys.create(actor=actor, owner=people["owner"], project=project).key.pk,
    }  # fmt: skip
    yield World(people, values)


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.method} {case.path}")
def test_each_route_answers_each_person_by_their_role(
    world: World, case: Case, person: str
) -> None:
    answer = world.send(person, case)
    assert answer.status_code == case.statuses[PEOPLE.index(person)], answer.content
    if answer.status_code != 204:
        assert answer["Content-Type"] == "application/json"
    if answer.status_code >= 400:
        assert {"type", "message"} <= answer.json().keys()


def test_no_route_is_left_out() -> None:
    """A new route must be added to CASES (or be one of those that need no person)."""
    open_to_all = {"api/session/link", "api/session/password", "api/schema"}
    routes = {"api/" + str(pattern.pattern) for pattern in urls.api} - open_to_all
    shapes = {case.path.lstrip("/").partition("?")[0] for case in CASES}
    named = {
        route.replace("<account:account>", "{namespace}")
        .replace("<uuid:project_id>", "{project}")
        .replace("<uuid:user_id>", "{viewer}")
        .replace("<uuid:credential_id>", "{credential}")
        .replace("<uuid:export_id>", "{unknown}")
        .replace("<uuid:import_id>", "{unknown}")
        .replace("<int:cid>", "7")
        .replace("<int:seq>", "7")
        .replace("<token:stream>", "S")
        .replace("<token:bucket>", "b")
        .replace("<token:consumer>", "c")
        .replace("<name:access_key>", "{key}")
        for route in routes
    }
    assert named <= shapes


@pytest.mark.parametrize("case", [c for c in CASES if "{namespace}" in c.path and c.body is None],
                         ids=lambda case: f"{case.method} {case.path}")  # fmt: skip
def test_a_stranger_cannot_tell_a_namespace_from_one_that_is_not_there(
    world: World, case: Case
) -> None:
    theirs = world.send("stranger", case)
    world.values["namespace"] = UNKNOWN
    nobodys = world.send("stranger", case)
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.json()["message"] == nobodys.json()["message"]


def test_a_credential_of_another_namespace_is_not_found(world: World) -> None:
    actor = Actor(world.people["owner"], "192.0.2.1")
    project = Project.objects.get(pk=world.values["project"])
    other, _ = namespaces.create(actor=actor, project=project, name="other")
    path = f"/api/namespaces/{other.pk}/credentials/{world.values['credential']}"
    assert world.browser("owner").get(path).status_code == 404
    assert world.browser("owner").delete(path).status_code == 404


def test_writes_need_the_csrf_token(world: World) -> None:
    client = Client(enforce_csrf_checks=True, SERVER_NAME="localhost")
    client.force_login(world.people["owner"])
    answer = client.post("/api/namespaces", data={"name": "x"}, content_type="application/json")
    assert answer.status_code == 403
    assert answer["Content-Type"] == "application/json"


@pytest.mark.parametrize("body, field", [
    ({}, "name"), ({"name": ""}, "name"), ({"name": "a b"}, "name"), ({"name": "x" * 65}, "name"),
    ({"name": 7}, "name"), ({"name": "ok", "colour": "red"}, "colour"), ({"name": "orders"}, "name"),
    ({"name": "ok", "project_id": "nonsense"}, "project_id"),
])  # fmt: skip
def test_bad_input_names_its_field_and_changes_nothing(
    world: World, body: dict[str, Any], field: str
) -> None:
    body = {"project_id": world.values["project"], **body}
    before = Namespace.objects.count()
    answer = world.browser("owner").post(
        "/api/namespaces", data=body, content_type="application/json"
    )
    assert answer.status_code in (400, 409), answer.content
    if answer.status_code == 400:
        assert [d["argument_name"] for d in answer.json()["details"]] == [field]
    assert Namespace.objects.count() == before


def test_the_creds_are_in_the_creating_answer_and_nowhere_else(world: World) -> None:
    client, account = world.browser("owner"), world.values["namespace"]
    path = f"/api/namespaces/{account}/credentials"
    made = client.post(path, data={"name": "once"}, content_type="application/json")
    assert made["Cache-Control"] == "no-store"
    seed = made.json()["creds"].split("SEED-----\n")[1].split("\n")[0]
    assert seed.startswith("SU")
    listed = client.get(path).content + client.get(f"/api/namespaces/{account}/activity").content
    one = client.get(f"{path}/{made.json()['credential']['id']}").content
    assert seed.encode() not in listed + one


def test_unknown_routes_and_methods_answer_json(world: World) -> None:
    client = world.browser("owner")
    assert client.get("/api/nonsense").json()["type"] == "not_found"
    assert client.put("/api/namespaces").status_code == 405
    assert client.get(f"/api/projects/{uuid.uuid4()}/members").status_code == 404
