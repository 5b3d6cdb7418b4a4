"""Scaleway's wire form: the calls that their clients were recorded to make, with the recorded answers."""

import hashlib
import re
import uuid
from typing import Any

import pytest

from broker.identity import jwt
from broker.identity.creds import parse_creds
from console.models import Credential, Namespace
from console.selectors.organization import organization_id
from console.services.operator import ensure_operator
from console.services.sign_in import create_user, ensure_project
from tests.console.conftest import Cast
from tests.console.fake_broker import FakeBroker
from tests.console.program import ACCOUNTS, CREDENTIALS, KEYS, PROJECTS, REGION, Program

pytestmark = pytest.mark.django_db(transaction=True)

NINE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z"
SIX = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
ACCOUNT_FIELDS = {"id", "name", "endpoint", "project_id", "region", "created_at", "updated_at"}
CREDENTIALS_FIELDS = {
    "id", "name", "nats_account_id", "region", "checksum", "created_at", "updated_at", "credentials",
}  # fmt: skip


@pytest.fixture
def program(cast: Cast, fake_broker: FakeBroker) -> Program:
    return Program.of(cast.alice, cast.project)


def not_found(resource: str, resource_id: str) -> dict[str, str]:
    return {
        "message": "resource is not found", "resource": resource, "resource_id": resource_id,
        "type": "not_found",
    }  # fmt: skip


def test_an_account_lives_as_terraform_has_it(program: Program) -> None:
    """TestAccNatsAccount_Basic: project, account, reads, deletion, and a deletion that must find nothing."""
    project = program.post(PROJECTS, name="tf_tests_mnq", organization_id=None, description="")
    assert project.status == 200
    made = program.post(ACCOUNTS, name="test-mnq-nats-account-basic", project_id=project.body["id"])
    assert made.status == 200
    assert made.body.keys() == ACCOUNT_FIELDS
    assert re.fullmatch("A[A-Z2-7]{55}", made.body["id"])
    assert (made.body["region"], made.body["project_id"]) == ("fr-par", project.body["id"])
    assert made.body["endpoint"].startswith("nats://")
    assert re.fullmatch(NINE, made.body["created_at"])
    one = f"{ACCOUNTS}/{made.body['id']}"
    for _ in range(3):
        read = program.get(one)
        assert (read.status, read.body.keys()) == (200, ACCOUNT_FIELDS)
        assert re.fullmatch(SIX, read.body["created_at"])
        assert made.body["created_at"].startswith(read.body["created_at"][:-1])
    renamed = program.patch(one, name="other")
    assert (renamed.status, renamed.body["name"]) == (200, "other")
    assert program.patch(one).body["name"] == "other", "an empty change changes nothing"
    assert program.delete(one).status == 204
    gone = program.delete(one)
    assert (gone.status, gone.body) == (404, not_found("nats_account", made.body["id"]))
    assert program.get(one).body == not_found("nats_account", made.body["id"])
    assert program.delete(f"{PROJECTS}/{project.body['id']}").status == 204


def test_credentials_live_as_terraform_has_them(program: Program) -> None:
    """TestAccNatsCredentials_Basic and _UpdateName, whose second step replaces them."""
    account = program.post(ACCOUNTS, name="a").body["id"]
    made = program.post(CREDENTIALS, nats_account_id=account, name="tf-nats-credentials-x")
    assert made.status == 200
    assert made.body.keys() == CREDENTIALS_FIELDS
    file = made.body["credentials"]
    assert file.keys() == {"name", "content"}
    assert file["name"] == "user.creds"
    assert made.body["checksum"] == hashlib.sha1(file["content"].encode()).hexdigest()
    assert re.fullmatch(NINE, made.body["created_at"])
    assert uuid.UUID(made.body["id"])
    one = f"{CREDENTIALS}/{made.body['id']}"
    read = program.get(one)
    assert read.body.keys() == CREDENTIALS_FIELDS
    assert (read.body["credentials"], read.body["checksum"]) == (None, made.body["checksum"])
    before = program.get(f"{ACCOUNTS}/{account}").body["updated_at"]
    assert program.delete(one).status == 204
    assert program.get(f"{ACCOUNTS}/{account}").body["updated_at"] > before
    assert program.delete(one).body == not_found("credentials", made.body["id"])
    assert program.get(one).body == not_found("credentials", made.body["id"])
    assert program.get(CREDENTIALS).body == {"nats_credentials": [], "total_count": 0}


def test_the_file_is_what_nsc_writes_and_its_token_what_scaleway_signs(program: Program) -> None:
    account = program.post(ACCOUNTS, name="a").body["id"]
    made = program.post(CREDENTIALS, nats_account_id=account, name="named").body
    content = made["credentials"]["content"]
    lines = content.split("\n")
    assert len(lines) == 14
    assert (lines[0], lines[2]) == (
        "-----BEGIN NATS USER JWT-----", "------END NATS USER JWT------",
    )  # fmt: skip
    assert (lines[4], lines[12]) == ("*" * 25 + " IMPORTANT " + "*" * 25, "*" * 61)
    assert (len(lines[9]), lines[9][:2]) == (58, "SU")
    token, key = parse_creds(content)
    user = jwt.decode(token)
    assert (user.name, user.subject) == ("named", key.public)
    assert list(user.claims) == ["jti", "iat", "iss", "name", "sub", "nats"]
    assert user.body == {
        "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1, "issuer_account": account,
        "type": "user", "version": 2,
    }  # fmt: skip
    assert user.issuer != account


def test_a_deleted_credential_is_revoked_and_an_accounts_go_with_it(
    program: Program, fake_broker: FakeBroker
) -> None:
    account = program.post(ACCOUNTS, name="a").body["id"]
    made = program.post(CREDENTIALS, nats_account_id=account, name="c").body
    kept = program.post(CREDENTIALS, nats_account_id=account, name="d").body
    user = parse_creds(made["credentials"]["content"])[1].public
    assert program.delete(f"{CREDENTIALS}/{made['id']}").status == 204
    assert user in jwt.decode(fake_broker.applied[account]).body["revocations"]
    assert program.delete(f"{ACCOUNTS}/{account}").status == 204
    assert program.get(f"{CREDENTIALS}/{kept['id']}").body == not_found("credentials", kept["id"])
    assert program.delete(f"{CREDENTIALS}/{kept['id']}").status == 404


def test_pages_are_ordered_and_one_beyond_the_end_is_empty(program: Program) -> None:
    names = [f"n{i:02}" for i in range(23)]
    ids = [program.post(ACCOUNTS, name=name).body["id"] for name in names]
    first = program.get(ACCOUNTS, order_by="created_at_asc").body
    assert [a["name"] for a in first["nats_accounts"]] == names[:20]
    assert first["total_count"] == 23
    second = program.get(ACCOUNTS, page=2).body
    assert [a["id"] for a in second["nats_accounts"]] == ids[20:]
    assert program.get(ACCOUNTS, page=3).body == {"nats_accounts": [], "total_count": 23}
    down = program.get(ACCOUNTS, order_by="name_desc", page_size=5, page=2).body
    assert [a["name"] for a in down["nats_accounts"]] == names[::-1][5:10]
    program.patch(f"{ACCOUNTS}/{ids[0]}", name="last")
    newest = program.get(ACCOUNTS, order_by="updated_at_desc", page_size=1).body
    assert newest["nats_accounts"][0]["name"] == "last"


def test_lists_filter_by_project_and_account(program: Program, cast: Cast) -> None:
    other = program.post(PROJECTS, name="other").body["id"]
    here = program.post(ACCOUNTS, name="a").body
    there = program.post(ACCOUNTS, name="a", project_id=other).body
    assert here["project_id"] == str(cast.project.pk), "the key's default project"
    program.post(CREDENTIALS, nats_account_id=here["id"], name="c1")
    program.post(CREDENTIALS, nats_account_id=there["id"], name="c2")

    def names(path: str, key: str, **query: str) -> list[str]:
        return [entry["name"] for entry in program.get(path, **query).body[key]]

    assert len(names(ACCOUNTS, "nats_accounts")) == 2
    assert len(names(ACCOUNTS, "nats_accounts", project_id="")) == 2
    assert names(ACCOUNTS, "nats_accounts", project_id=other) == ["a"]
    assert names(ACCOUNTS, "nats_accounts", project_id=str(uuid.uuid4())) == []
    assert names(CREDENTIALS, "nats_credentials") == ["c1", "c2"]
    assert names(CREDENTIALS, "nats_credentials", project_id=other) == ["c2"]
    assert names(CREDENTIALS, "nats_credentials", nats_account_id=here["id"]) == ["c1"]
    both = {"project_id": other, "nats_account_id": here["id"]}
    assert names(CREDENTIALS, "nats_credentials", **both) == []


def test_another_region_is_empty(program: Program) -> None:
    account = program.post(ACCOUNTS, name="a").body["id"]
    other = "/mnq/v1beta1/regions/nl-ams"
    assert program.get(f"{other}/nats-accounts").body == {"nats_accounts": [], "total_count": 0}
    empty = {"nats_credentials": [], "total_count": 0}
    assert program.get(f"{other}/nats-credentials").body == empty
    gone = program.get(f"{other}/nats-accounts/{account}")
    assert gone.body == not_found("nats_account", account)
    made = program.post(f"{other}/nats-accounts", name="b")
    assert (made.status, made.body) == (404, not_found("region", "nl-ams"))


def test_the_project_of_a_request_may_be_left_out(program: Program, cast: Cast) -> None:
    for number, absent in enumerate(({}, {"project_id": None}, {"project_id": ""})):
        made = program.post(ACCOUNTS, name=f"a{number}", **absent)
        assert made.body["project_id"] == str(cast.project.pk)


INVALID: list[tuple[str, str, Any, str, str]] = [
    ("GET", f"{ACCOUNTS}/Wrong-id", None, "nats_account_id", "constraint"),
    ("DELETE", f"{ACCOUNTS}/Wrong-id", None, "nats_account_id", "constraint"),
    ("GET", f"{CREDENTIALS}/Wrong-id", None, "nats_credentials_id", "format"),
    ("GET", f"{ACCOUNTS}?project_id=nope", None, "project_id", "format"),
    ("GET", f"{ACCOUNTS}?page=0", None, "page", "constraint"),
    ("GET", f"{ACCOUNTS}?page=x", None, "page", "format"),
    ("GET", f"{ACCOUNTS}?page_size=101", None, "page_size", "constraint"),
    ("GET", f"{ACCOUNTS}?order_by=colour_asc", None, "order_by", "constraint"),
    ("GET", f"{ACCOUNTS}?colour=red", None, "colour", "unknown"),
    ("GET", f"{CREDENTIALS}?nats_account_id=A", None, "nats_account_id", "constraint"),
    ("POST", ACCOUNTS, {}, "name", "required"),
    ("POST", ACCOUNTS, {"name": ""}, "name", "required"),
    ("POST", ACCOUNTS, {"name": 7}, "name", "format"),
    ("POST", ACCOUNTS, {"name": "x" * 65}, "name", "constraint"),
    ("POST", ACCOUNTS, {"name": "a/b"}, "name", "constraint"),
    ("POST", ACCOUNTS, {"name": "a", "project_id": "nope"}, "project_id", "format"),
    ("POST", ACCOUNTS, {"name": "a", "project_id": 3}, "project_id", "format"),
    ("POST", ACCOUNTS, {"name": "a", "colour": "red"}, "colour", "unknown"),
    ("POST", CREDENTIALS, {"name": "a"}, "nats_account_id", "required"),
    ("POST", CREDENTIALS, {"name": "a", "nats_account_id": "A"}, "nats_account_id", "constraint"),
    ("POST", ACCOUNTS, b"{", "body", "format"),
    ("POST", ACCOUNTS, b"[]", "body", "format"),
    ("GET", f"{PROJECTS}/nope", None, "project_id", "format"),
    ("POST", KEYS, {"expires_at": "yesterday"}, "expires_at", "format"),
    ("POST", KEYS, {"expires_at": "2020-01-01T00:00:00Z"}, "expires_at", "constraint"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "argument", "reason"), INVALID)
def test_a_wrong_argument_is_named(
    program: Program, method: str, path: str, body: Any, argument: str, reason: str
) -> None:
    before = Namespace.objects.count(), Credential.objects.count()
    answer = program.call(method, path, body)
    assert (answer.status, answer.body["type"]) == (400, "invalid_arguments"), answer
    assert answer.body["message"] == "invalid argument(s)"
    detail = answer.body["details"][0]
    assert (detail["argument_name"], detail["reason"]) == (argument, reason)
    assert detail["help_message"]
    assert before == (Namespace.objects.count(), Credential.objects.count())


def test_the_recorded_refusal_of_a_wrong_id(program: Program) -> None:
    assert program.get(f"{ACCOUNTS}/Wrong-id").body == {
        "details": [
            {
                "argument_name": "nats_account_id",
                "help_message": "value length must be 56 runes",
                "reason": "constraint",
            }
        ],
        "message": "invalid argument(s)",
        "type": "invalid_arguments",
    }


def test_what_exists_already_and_what_is_unknown(program: Program) -> None:
    first = program.post(ACCOUNTS, name="a").body["id"]
    again = program.post(ACCOUNTS, name="a")
    assert (again.status, again.body["type"]) == (409, "already_exists")
    assert (again.body["resource"], again.body["resource_id"]) == ("nats_account", first)
    assert again.body["help_message"] == again.body["message"]
    unknown = "A" + "B" * 55
    missing = program.post(CREDENTIALS, nats_account_id=unknown, name="c")
    assert (missing.status, missing.body) == (404, not_found("nats_account", unknown))
    project = str(uuid.uuid4())
    missing = program.post(ACCOUNTS, name="b", project_id=project)
    assert (missing.status, missing.body) == (404, not_found("project_id", project))


def test_quotas_are_counted_per_project_and_account(program: Program, settings: Any) -> None:
    settings.NAMESPACES_PER_PROJECT = settings.CREDENTIALS_PER_NAMESPACE = 2
    ids = [program.post(ACCOUNTS, name=name).body["id"] for name in "ab"]
    over = program.post(ACCOUNTS, name="c")
    assert (over.status, over.body["type"]) == (403, "quotas_exceeded")
    assert over.body["details"] == [{"resource": "nats_account", "quota": 2, "current": 2}]
    made = [
        program.post(CREDENTIALS, nats_account_id=ids[0], name="c").body["id"] for _ in range(2)
    ]
    over = program.post(CREDENTIALS, nats_account_id=ids[0], name="c")
    assert over.body["details"] == [{"resource": "credentials", "quota": 2, "current": 2}]
    assert program.delete(f"{CREDENTIALS}/{made[0]}").status == 204
    assert program.post(CREDENTIALS, nats_account_id=ids[0], name="c").status == 200


def test_an_administrators_limits_are_pushed_into_the_claims(
    program: Program, cast: Cast, fake_broker: FakeBroker
) -> None:
    account = program.post(ACCOUNTS, name="a").body["id"]
    path = f"/api/namespaces/{account}/limits"
    set_ = program.patch(path, conn=7, streams=3, payload=1024, credentials=1)
    assert (set_.status, set_.body["broker"]) == (200, "applied")
    assert set_.body["set"] == {"conn": 7, "streams": 3, "payload": 1024, "credentials": 1}
    limits = jwt.decode(fake_broker.applied[account]).body["limits"]
    assert (limits["conn"], limits["streams"], limits["payload"]) == (7, 3, 1024)
    assert not limits.keys() & {"credentials", "sync_interval", "sync_interval_s"}
    assert program.post(CREDENTIALS, nats_account_id=account, name="c").status == 200
    over = program.post(CREDENTIALS, nats_account_id=account, name="d")
    assert over.body["details"] == [{"resource": "credentials", "quota": 1, "current": 1}]
    back = program.patch(path, conn=None).body
    assert back["limits"]["conn"] == 10_000
    assert jwt.decode(fake_broker.applied[account]).body["limits"]["conn"] == 10_000
    assert program.patch(path, sync_interval_s=2).body["limits"]["sync_interval_s"] == 2
    assert jwt.decode(fake_broker.applied[account]).body["limits"]["sync_interval"] == 2 * 10**9
    project = f"/api/projects/{cast.project.pk}/limits"
    assert program.patch(project, namespaces=1).body["limits"] == {"namespaces": 1}
    assert program.post(ACCOUNTS, name="b").body["type"] == "quotas_exceeded"
    for wrong in (
        {"conn": -2},
        {"conn": "7"},
        {"sync_interval_s": -1},
        {"colour": 1},
        {"credentials": 0},
    ):
        assert program.patch(path, **wrong).status == 400
    owner = Program.of(cast.charlie, cast.project)
    mine = owner.post(PROJECTS, name="mine").body["id"]
    assert owner.get(f"/api/projects/{mine}/limits").status == 200
    assert owner.patch(f"/api/projects/{mine}/limits", namespaces=5).status == 403


def test_without_a_broker_nothing_is_made_and_deleting_can_be_repeated(
    program: Program, fake_broker: FakeBroker
) -> None:
    account = program.post(ACCOUNTS, name="a").body["id"]
    made = program.post(CREDENTIALS, nats_account_id=account, name="c").body["id"]
    fake_broker.answers = False
    down = program.post(ACCOUNTS, name="b")
    assert (down.status, down.body["type"]) == (503, "broker_unavailable")
    assert program.get(ACCOUNTS).body["total_count"] == 1
    assert program.delete(f"{CREDENTIALS}/{made}").status == 503
    assert program.get(f"{CREDENTIALS}/{made}").status == 404, "revoked all the same"
    fake_broker.answers = True
    assert program.delete(f"{CREDENTIALS}/{made}").status == 204
    assert program.delete(f"{CREDENTIALS}/{made}").status == 404
    fake_broker.answers = False
    assert program.delete(f"{ACCOUNTS}/{account}").status == 503
    fake_broker.answers = True
    assert program.delete(f"{ACCOUNTS}/{account}").status == 204
    assert program.delete(f"{ACCOUNTS}/{account}").status == 404


@pytest.mark.parametrize("path", [
    "/mnq/v1beta1/nothing", f"{ACCOUNTS}/", f"{REGION}/sqs-info", "/iam/v1alpha1/ssh-keys",
    "/account/v3/contracts", "/api/nothing", "/jwt/v9", "/instance/v1/zones/fr-par-1/servers",
])  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_route_is_json(program: Program, method: str, path: str) -> None:
    answer = program.call(method, path, {})
    assert (answer.status, answer.body["type"]) == (404, "not_found")


def test_a_wrong_method_is_json(program: Program) -> None:
    for method, path in (("PUT", ACCOUNTS), ("DELETE", CREDENTIALS), ("OPTIONS", PROJECTS)):
        answer = program.call(method, path)
        assert (answer.status, answer.body["type"]) == (405, "method_not_allowed")


def test_a_failure_of_ours_is_json(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr("console.selectors.catalogue.namespaces", fail)
    answer = program.get(ACCOUNTS)
    assert (answer.status, answer.body["type"]) == (500, "internal_error")
    assert "secret" not in str(answer.body)


def test_the_first_project_is_the_organizations_default(db: None, redis: Any) -> None:
    """Their clients take its id for the organization's, and their Terraform provider looks for this name."""
    ensure_operator()
    first = ensure_project(create_user(email="first@example.com", is_admin=True))
    second = ensure_project(create_user(email="second@example.com"))
    assert (first.pk, first.name) == (organization_id(), "default")
    assert second.pk != first.pk
