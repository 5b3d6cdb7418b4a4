"""The JSON interface: each view for an owner, an editor, a viewer, a stranger and nobody, and each kind of error."""

import json
from typing import Any

import pytest
from django.test import Client

from broker.identity import jwt
from broker.identity.claims import Tombstone, account_entry
from broker.identity.creds import parse_creds
from console.models import AuditEntry, Credential, Namespace, User
from console.models import Tombstone as TombstoneRow
from console.services import credentials, sign_in
from tests.console.conftest import Cast
from tests.console.fake_broker import FakeBroker

pytestmark = pytest.mark.django_db(transaction=True)


def http(user: User | None) -> Client:
    client = Client(headers={"host": "127.0.0.1:8000"})
    if user is not None:
        client.force_login(user)
    return client


def call(client: Client, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    content = json.dumps(body) if body is not None else ""
    answer = client.generic(method, path, content, content_type="application/json")
    is_json = answer.headers.get("Content-Type") == "application/json"
    assert is_json or answer.status_code == 204, answer.headers
    return answer.status_code, json.loads(answer.content) if answer.content else None


@pytest.fixture
def namespace(cast: Cast) -> Namespace:
    return cast.namespace()


@pytest.fixture
def credential(cast: Cast, namespace: Namespace) -> Credential:
    return credentials.issue(actor=cast.actor, namespace=namespace, name="app").credential


PUBLISH = {"subject": "a b"}  # refused after the role was looked at: 400 means "may"
#: method, path, body → status for owner, editor, viewer, stranger, nobody
VIEWS = [
    ("GET", "/api/namespaces/{ns}", None, (200, 200, 200, 404, 401)),
    ("PATCH", "/api/namespaces/{ns}", {"name": "n2"}, (200, 200, 403, 404, 401)),
    ("DELETE", "/api/namespaces/{ns}", {"name": "orders"}, (204, 403, 403, 404, 401)),
    ("GET", "/api/namespaces/{ns}/credentials", None, (200, 200, 200, 404, 401)),
    ("POST", "/api/namespaces/{ns}/credentials", {"name": "x"}, (201, 201, 403, 404, 401)),
    ("GET", "/api/namespaces/{ns}/credentials/{cred}", None, (200, 200, 200, 404, 401)),
    ("DELETE", "/api/namespaces/{ns}/credentials/{cred}", None, (200, 200, 403, 404, 401)),
    ("GET", "/api/namespaces/{ns}/connections", None, (200, 200, 200, 404, 401)),
    ("DELETE", "/api/namespaces/{ns}/connections/7", None, (204, 204, 403, 404, 401)),
    ("POST", "/api/namespaces/{ns}/publish", PUBLISH, (400, 400, 403, 404, 401)),
    ("POST", "/api/namespaces/{ns}/request", PUBLISH, (400, 400, 403, 404, 401)),
    ("GET", "/api/namespaces/{ns}/activity", None, (200, 200, 200, 404, 401)),
    ("POST", "/api/namespaces", {"name": "n3", "project_id": "{p}"}, (201, 201, 403, 404, 401)),
    ("GET", "/api/projects/{p}", None, (200, 200, 200, 404, 401)),
    ("PATCH", "/api/projects/{p}", {"name": "P"}, (200, 403, 403, 404, 401)),
    ("DELETE", "/api/projects/{p}", None, (412, 403, 403, 404, 401)),
    ("GET", "/api/projects/{p}/members", None, (200, 200, 200, 404, 401)),
    ("POST", "/api/projects/{p}/members", {"email": "charlie@example.com", "role": "viewer"},
     (201, 403, 403, 404, 401)),
    ("PATCH", "/api/projects/{p}/members/{vera}", {"role": "editor"}, (200, 403, 403, 404, 401)),
    ("DELETE", "/api/projects/{p}/members/{vera}", None, (204, 403, 403, 404, 401)),
    ("GET", "/api/projects", None, (200, 200, 200, 200, 401)),
    ("GET", "/api/namespaces", None, (200, 200, 200, 200, 401)),
    ("GET", "/api/broker", None, (200, 200, 200, 200, 401)),
    ("GET", "/api/session", None, (200, 200, 200, 200, 200)),
    ("POST", "/api/session/password", {"new_password": "short"}, (400, 400, 400, 400, 401)),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "expected"), VIEWS)
@pytest.mark.parametrize("who", ["alice", "ed", "vera", "charlie", None])
def test_who_may_do_what(
    cast: Cast, credential: Credential, fake_broker: FakeBroker, who: str | None,
    method: str, path: str, body: dict[str, str] | None, expected: tuple[int, ...],
) -> None:  # fmt: skip
    names = {"ns": credential.namespace_id, "cred": credential.pk, "p": cast.project.pk}
    names["vera"] = cast.vera.pk
    filled = body and {key: value.format(**names) for key, value in body.items()}
    client = http(cast[who] if who else None)
    status, answer = call(client, method, path.format(**names), filled)
    assert status == expected[["alice", "ed", "vera", "charlie", None].index(who)], answer
    if status == 404:
        assert answer["type"] == "not_found"


def test_a_namespace_lives_and_dies(cast: Cast, fake_broker: FakeBroker) -> None:
    client = http(cast.alice)
    status, made = call(client, "POST", "/api/namespaces", {"name": "orders"})
    assert (status, made["broker"], made["role"]) == (201, "applied", "owner")
    account = made["id"]
    assert account_entry(fake_broker.applied[account]).subject == account
    status, answer = call(client, "POST", "/api/namespaces", {"name": "orders"})
    assert (status, answer["type"]) == (409, "already_exists")
    _, renamed = call(client, "PATCH", f"/api/namespaces/{account}", {"name": "orders2"})
    assert (renamed["name"], renamed["broker"]) == ("orders2", "applied")
    assert account_entry(fake_broker.applied[account]).name == "orders2"
    status, answer = call(client, "DELETE", f"/api/namespaces/{account}", {"name": "orders"})
    assert (status, answer["details"][0]["argument_name"]) == (400, "name")
    assert call(client, "DELETE", f"/api/namespaces/{account}", {"name": "orders2"})[0] == 204
    assert isinstance(account_entry(fake_broker.applied[account]), Tombstone)
    assert TombstoneRow.objects.get(pk=account).applied_iat
    assert call(client, "GET", f"/api/namespaces/{account}")[0] == 404


def test_without_a_broker_a_namespace_is_pending(cast: Cast) -> None:
    _, made = call(http(cast.alice), "POST", "/api/namespaces", {"name": "orders"})
    assert made["broker"] == "pending"


def test_a_credential_is_shown_once_and_revoked_in_the_claims(
    cast: Cast, namespace: Namespace, fake_broker: FakeBroker
) -> None:
    client, path = http(cast.ed), f"/api/namespaces/{namespace.id}/credentials"
    rules = {"publish": {"allow": ["a.>"]}, "subscribe": {"deny": ["b"]}}
    status, made = call(
        client, "POST", path, {"name": "app", "expires_in_s": 3600, "permissions": rules}
    )
    assert (status, made["file_name"]) == (201, "app.creds")
    token, key = parse_creds(made["creds"])
    user = jwt.decode(token)
    assert user.subject == key.public == made["credential"]["public_key"]
    assert user.issuer == namespace.signing_public_key
    assert user.body["issuer_account"] == namespace.id
    assert user.body["pub"] == {"allow": ["a.>"], "deny": []}
    assert user.expires_at - user.issued_at in (3600, 3601)
    _, listed = call(client, "GET", path)
    assert listed["total_count"] == 1
    assert listed["credentials"][0]["connections"] == 0
    assert key.seed not in json.dumps(listed)
    status, gone = call(client, "DELETE", f"{path}/{made['credential']['id']}")
    assert (status, gone["broker"], gone["closed_connections"]) == (200, "applied", 1)
    assert gone["credential"]["status"] == "revoked"
    entry = jwt.decode(fake_broker.applied[namespace.id])
    assert entry.body["revocations"][key.public] >= user.issued_at


def test_no_seed_stands_in_the_database_or_the_trail(cast: Cast, namespace: Namespace) -> None:
    _, made = call(
        http(cast.alice), "POST", f"/api/namespaces/{namespace.id}/credentials", {"name": "app"}
    )
    seed = parse_creds(made["creds"])[1].seed
    rows = [*Namespace.objects.values(), *Credential.objects.values(), *AuditEntry.objects.values()]
    text = repr(rows)
    assert seed not in text
    assert "SU" + seed[2:10] not in text
    assert "BEGIN" not in text


@pytest.mark.parametrize(
    ("body", "argument", "reason"),
    [
        ({}, "name", "required"),
        ({"name": ""}, "name", "required"),
        ({"name": None}, "name", "required"),
        ({"name": 3}, "name", "format"),
        ({"name": "a b"}, "name", "constraint"),
        ({"name": "a/../b"}, "name", "constraint"),
        ({"name": "x" * 65}, "name", "constraint"),
        ({"name": "a\n"}, "name", "constraint"),
        ({"name": "ok", "color": 1}, "color", "unknown"),
        ({"name": "ok", "project_id": "nope"}, "project_id", "format"),
    ],
)
def test_a_wrong_field_is_named(cast: Cast, body: Any, argument: str, reason: str) -> None:
    status, answer = call(http(cast.alice), "POST", "/api/namespaces", body)
    assert status == 400
    found = answer["details"][0]
    assert (found["argument_name"], found["reason"]) == (argument, reason), answer
    assert found["help_message"]


@pytest.mark.parametrize(
    "raw", [b"{", b"[]", b"\xff", b'{"name": NaN}', b'{"name":"\\ud800"}', b"[" * 99999]
)
def test_a_body_that_is_no_json_object_is_refused(cast: Cast, raw: bytes) -> None:
    answer = http(cast.alice).generic("POST", "/api/namespaces", raw, "application/json")
    assert (answer.status_code, answer.json()["type"]) == (400, "invalid_arguments")


def test_every_error_is_json(cast: Cast) -> None:
    client = http(cast.alice)
    assert call(client, "GET", "/api/nothing")[0] == 404
    assert call(client, "PUT", "/api/namespaces")[0] == 405
    assert call(client, "GET", "/_allauth/nothing")[0] == 404
    strict = Client(enforce_csrf_checks=True, headers={"host": "127.0.0.1:8000"})
    strict.force_login(cast.alice)
    assert call(strict, "POST", "/api/namespaces", {"name": "x"})[0] == 403
    assert call(strict, "POST", "/_allauth/browser/v1/auth/login", {})[0] == 403
    anonymous = Client(enforce_csrf_checks=True, headers={"host": "127.0.0.1:8000"})
    assert call(anonymous, "POST", "/api/session/link", {"token": "x"})[0] == 403
    other = Client(headers={"host": "evil.example"})
    assert call(other, "GET", "/api/session")[0] == 400


def test_a_link_signs_in_once(cast: Cast) -> None:
    link = sign_in.create_link(user=cast.vera)
    token = link.split("#token=")[1]
    client = http(None)
    status, session = call(client, "POST", "/api/session/link", {"token": token})
    assert (status, session["user"]["email"]) == (200, "vera@example.com")
    assert call(client, "GET", "/api/session")[1]["user"]["email"] == "vera@example.com"
    status, answer = call(http(None), "POST", "/api/session/link", {"token": token})
    unknown = call(http(None), "POST", "/api/session/link", {"token": "never"})
    assert (status, answer) == unknown
    assert status == 400


def test_links_are_limited(cast: Cast) -> None:
    client = http(None)
    answers = [call(client, "POST", "/api/session/link", {"token": "x"})[0] for _ in range(12)]
    assert answers[0] == 400
    assert answers[-1] == 429


def test_a_password_can_be_set_and_used_and_wrong_ones_are_limited(cast: Cast) -> None:
    client = http(cast.vera)
    good = "correct horse battery"
    status, session = call(client, "POST", "/api/session/password", {"new_password": good})
    assert (status, session["user"]["has_password"]) == (200, True)
    again = {"new_password": "another good one", "current_password": "wrong"}
    assert call(client, "POST", "/api/session/password", again)[0] == 400
    login = "/_allauth/browser/v1/auth/login"
    body = {"email": "Vera@example.com", "password": good}
    assert call(http(None), "POST", login, body)[0] == 200
    wrong = [call(http(None), "POST", login, body | {"password": "no"})[0] for _ in range(12)]
    assert wrong[0] == 400
    assert wrong[-1] == 400
    assert call(http(None), "POST", login, body)[0] != 200, "locked for a while"


def test_sign_up_is_closed(cast: Cast) -> None:
    body = {"email": "new@example.com", "password": "correct horse battery"}
    assert call(http(None), "POST", "/_allauth/browser/v1/auth/signup", body)[0] == 403
    assert not User.objects.filter(email="new@example.com").exists()


def test_the_last_owner_stays(cast: Cast) -> None:
    path = f"/api/projects/{cast.project.pk}/members/{cast.alice.pk}"
    client = http(cast.alice)
    assert call(client, "DELETE", path)[0] == 412
    assert call(client, "PATCH", path, {"role": "viewer"})[0] == 412
    missing = call(client, "POST", f"/api/projects/{cast.project.pk}/members",
                   {"email": "who@example.com", "role": "viewer"})  # fmt: skip
    assert missing[0] == 400
    assert missing[1]["details"][0]["argument_name"] == "email"


def test_the_page_and_its_headers(cast: Cast) -> None:
    for path in ("/", "/sign-in", "/namespaces/x/live", "/no/such/page"):
        answer = http(None).get(path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (
            200,
            "text/html; charset=utf-8",
        )
        policy = answer.headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy
        assert "require-trusted-types-for 'script'" in policy
        assert "unsafe" not in policy
    assert http(None).get("/static/nothing.js").status_code == 404


def test_health_and_schema(cast: Cast) -> None:
    assert call(http(None), "GET", "/healthz") == (200, {"status": "ok", "db": "ok", "redis": "ok"})
    answer = http(None).get("/api/schema")
    assert "/api/namespaces" in json.loads(answer.content)["paths"]


def test_health_without_redis(cast: Cast, settings: Any) -> None:
    settings.REDIS_URL = "unix:///nowhere/at/all"
    assert call(http(None), "GET", "/healthz")[0] == 503
