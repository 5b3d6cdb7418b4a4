"""API keys: who may do what with one, how they are refused, and that their secrets are nowhere."""

import json
import uuid
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from console.models import ApiKey, AuditEntry
from console.services import api_keys
from console.services.audit import Actor
from tests.console.conftest import Cast
from tests.console.fake_broker import FakeBroker
from tests.console.program import ACCOUNTS, CREDENTIALS, KEYS, PROJECTS, Program

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = ("alice", "ed", "vera", "charlie")
#: method, path, body → status for owner, editor, viewer, stranger
CASES: list[tuple[str, str, Any, tuple[int, ...]]] = [
    ("GET", f"{ACCOUNTS}/{{account}}", None, (200, 200, 200, 404)),
    ("PATCH", f"{ACCOUNTS}/{{account}}", {"name": "n"}, (200, 200, 403, 404)),
    ("DELETE", f"{ACCOUNTS}/{{account}}", None, (204, 403, 403, 404)),
    ("POST", ACCOUNTS, {"name": "m", "project_id": "{project}"}, (200, 200, 403, 404)),
    ("GET", f"{CREDENTIALS}/{{credentials}}", None, (200, 200, 200, 404)),
    ("POST", CREDENTIALS, {"name": "m", "nats_account_id": "{account}"}, (200, 200, 403, 404)),
    ("DELETE", f"{CREDENTIALS}/{{credentials}}", None, (204, 204, 403, 404)),
    ("GET", f"{PROJECTS}/{{project}}", None, (200, 200, 200, 404)),
    ("PATCH", f"{PROJECTS}/{{project}}", {"name": "n"}, (200, 403, 403, 404)),
    ("DELETE", f"{PROJECTS}/{{project}}", None, (412, 403, 403, 404)),
    ("GET", f"{KEYS}/{{key}}", None, (200, 404, 404, 404)),
    ("PATCH", f"{KEYS}/{{key}}", {"description": "n"}, (200, 404, 404, 404)),
    ("DELETE", f"{KEYS}/{{key}}", None, (204, 404, 404, 404)),
    ("POST", KEYS, {"default_project_id": "{project}"}, (200, 200, 200, 404)),
    ("GET", "/api/namespaces/{account}", None, (200, 200, 200, 404)),
    ("POST", "/api/namespaces/{account}/credentials", {"name": "m"}, (201, 201, 403, 404)),
]


@pytest.fixture
def values(cast: Cast, fake_broker: FakeBroker) -> dict[str, str]:
    alice = Program.of(cast.alice, cast.project)
    account = alice.post(ACCOUNTS, name="a").body["id"]
    made = alice.post(CREDENTIALS, nats_account_id=account, name="c").body["id"]
    other = api_keys.create(actor=Actor(), owner=cast.alice, project=cast.project)
    return {
        "account": account, "credentials": made, "project": str(cast.project.pk),
        "key": other.key.access_key,
    }  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "expected"), CASES)
@pytest.mark.parametrize("who", PEOPLE)
def test_a_key_may_what_its_owner_may(
    cast: Cast, values: dict[str, str], who: str, method: str, path: str, body: Any,
    expected: tuple[int, ...],
) -> None:  # fmt: skip
    program = Program.of(cast[who], cast.project)
    filled = body and {k: v.format(**values) for k, v in body.items()}
    answer = program.call(method, path.format(**values), filled)
    assert answer.status == expected[PEOPLE.index(who)], answer
    if answer.status == 403:
        assert answer.body["type"] == "permissions_denied"
        assert answer.body["details"][0].keys() == {"action", "resource"}


def test_strangers_lists_are_empty(cast: Cast, values: dict[str, str]) -> None:
    stranger = Program.of(cast.charlie, cast.project)
    assert stranger.get(ACCOUNTS).body == {"nats_accounts": [], "total_count": 0}
    assert stranger.get(CREDENTIALS).body == {"nats_credentials": [], "total_count": 0}
    assert stranger.get(KEYS).body["total_count"] == 1, "its own"


def denied(reason: str) -> dict[str, str]:
    return {
        "message": "authentication is denied", "method": "api_key", "reason": reason,
        "type": "denied_authentication",
    }  # fmt: skip


@pytest.mark.parametrize("path", [ACCOUNTS, CREDENTIALS, PROJECTS, KEYS])
def test_who_has_no_key_is_refused(cast: Cast, path: str) -> None:
    for secret, reason in (
        (None, "invalid_argument"), ("", "invalid_argument"), ("nonsense", "invalid_argument"),
        (str(uuid.uuid4()), "not_found"),
    ):  # fmt: skip
        answer = Program(secret).get(path)
        assert (answer.status, answer.body) == (401, denied(reason))


def test_a_session_alone_opens_nothing_to_a_foreign_page(cast: Cast) -> None:
    browser = Client(headers={"host": "127.0.0.1:8000"})
    browser.force_login(cast.alice)
    assert browser.get(ACCOUNTS).status_code == 401


def test_a_revoked_an_expired_and_an_inactive_owners_key(cast: Cast) -> None:
    made = api_keys.create(actor=Actor(), owner=cast.alice, project=cast.project)
    program = Program(made.secret_key)
    assert program.get(ACCOUNTS).status == 200
    ApiKey.objects.filter(pk=made.key.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert program.get(ACCOUNTS).body == denied("expired")
    ApiKey.objects.filter(pk=made.key.pk).update(expires_at=None)
    cast.alice.is_active = False
    cast.alice.save()
    assert program.get(ACCOUNTS).body == denied("not_found")
    cast.alice.is_active = True
    cast.alice.save()
    api_keys.revoke(actor=Actor(), key=made.key)
    assert program.get(ACCOUNTS).body == denied("not_found")


def test_a_key_makes_reads_changes_and_revokes_keys(cast: Cast) -> None:
    program = Program.of(cast.alice, cast.project)
    made = program.post(KEYS, description="ci", user_id=str(cast.alice.pk)).body
    assert made["access_key"][:3] == "SCW"
    assert len(made["access_key"]) == 20
    assert uuid.UUID(made["secret_key"])
    assert made["default_project_id"] == str(cast.project.pk)
    assert Program(made["secret_key"]).get(ACCOUNTS).status == 200
    one = f"{KEYS}/{made['access_key']}"
    assert program.get(one).body == made | {"secret_key": None}
    later = (timezone.now() + timedelta(days=1)).isoformat()
    changed = program.patch(one, description="cd", expires_at=later).body
    assert (changed["description"], changed["expires_at"] is None) == ("cd", False)
    assert program.get(KEYS, access_keys=made["access_key"]).body["total_count"] == 1
    assert program.get(KEYS, description="cd").body["total_count"] == 1
    assert program.get(KEYS, expired="true").body["total_count"] == 0
    assert program.get(KEYS, application_id=str(uuid.uuid4())).body["total_count"] == 0
    assert program.delete(one).status == 204
    assert program.delete(one).status == 404
    other = program.post(KEYS, user_id=str(cast.ed.pk))
    assert other.status == 403


def test_no_key_outlives_the_one_that_made_it(cast: Cast) -> None:
    end = timezone.now() + timedelta(hours=1)
    program = Program.of(cast.alice, cast.project, expires_at=end)
    for asked in ({}, {"expires_at": (end + timedelta(minutes=1)).isoformat()}):
        answer = program.post(KEYS, **asked)
        assert (answer.status, answer.body["details"][0]["argument_name"]) == (400, "expires_at")
    assert program.post(KEYS, expires_at=end.isoformat()).status == 200


def test_a_program_cannot_sign_in_or_set_a_password(cast: Cast) -> None:
    program = Program.of(cast.alice, cast.project)
    assert program.post("/api/session/password", new_password="a new long one").status == 401
    assert program.get("/api/session").body["user"] is None


def test_no_secret_stands_in_database_or_trail(cast: Cast) -> None:
    program = Program.of(cast.alice, cast.project)
    made = program.post(KEYS).body
    text = repr([*ApiKey.objects.values(), *AuditEntry.objects.values()])
    assert made["access_key"] in text
    assert made["secret_key"] not in text
    trail = AuditEntry.objects.filter(kind="api_key.created").latest("pk")
    assert trail.actor_label.startswith("alice@example.com by SCW")


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("api_key", *arguments, stdout=out)
    return out.getvalue()


def test_the_shell_makes_lists_and_revokes_keys(cast: Cast) -> None:
    made = json.loads(run("create", "--json"))
    assert made.keys() == {
        "access_key", "secret_key", "default_project_id", "organization_id", "region", "api_url",
    }  # fmt: skip
    assert (made["region"], made["api_url"]) == ("fr-par", "http://127.0.0.1:8000")
    program = Program(made["secret_key"])
    projects = program.get(PROJECTS, organization_id=made["organization_id"]).body["projects"]
    assert made["default_project_id"] in [project["id"] for project in projects]
    assert [key["access_key"] for key in json.loads(run("list", "--json"))] == [made["access_key"]]
    assert made["access_key"] in run("list", "--email", "alice@example.com")
    assert made["secret_key"] not in run("list")
    run("revoke", made["access_key"])
    assert program.get(ACCOUNTS).status == 401
    assert "SCW_SECRET_KEY=" in run("create", "--email", "ed@example.com")


@pytest.mark.parametrize("arguments", [
    ("create", "--email", "nobody@example.com"), ("create", "--project", "nope"),
    ("create", "--expires-in-days", "-1"), ("revoke", "SCWNOTHING"),
    ("create", "--description", "x" * 201),
])  # fmt: skip
def test_the_shell_says_what_is_wrong(cast: Cast, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        run(*arguments)
