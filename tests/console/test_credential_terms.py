"""What credentials state beyond a name: where from, by which listener, until when; rotation; revoking all at once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from broker.identity import jwt
from broker.identity.creds import parse_creds
from console.models import AuditEntry, Credential, Handover, Namespace
from console.services import api_keys, credentials, reconciliation, terms
from console.services.audit import Actor
from console.services.errors import InvalidArgument, PreconditionFailed
from tests.console.conftest import Cast
from tests.console.engines import ENGINES, Engine, connects
from tests.console.test_api import call, http

pytestmark = pytest.mark.django_db(transaction=True)


def body_of(creds: str) -> dict[str, Any]:
    return jwt.decode(parse_creds(creds)[0]).body


def test_terms_stand_in_the_token_and_in_the_answer(cast: Cast) -> None:
    path = f"/api/namespaces/{cast.namespace().id}/credentials"
    asked = {
        "name": "app",
        "connection_types": ["WEBSOCKET"],
        "source_networks": ["10.1.2.3/8", "::1", "10.0.0.0/8"],
        "expires_in_s": 3600,
        "permissions": {"publish": {"allow": ["a.>"]}},
    }
    status, made = call(http(cast.alice), "POST", path, asked)
    assert status == 201
    shown = made["credential"]
    assert (shown["connection_types"], shown["source_networks"]) == (
        ["WEBSOCKET"],
        ["10.0.0.0/8", "::1/128"],
    )
    body = body_of(made["creds"])
    assert body["allowed_connection_types"] == ["WEBSOCKET"]
    assert body["src"] == ["10.0.0.0/8", "::1/128"]
    assert body["pub"] == {"allow": ["a.>"], "deny": []}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("connection_types", ["MQTT"]),
        ("connection_types", "STANDARD"),
        ("source_networks", ["10.0.0.0/33"]),
        ("source_networks", ["somewhere"]),
        ("source_networks", ["10.0.0.0/8"] * 101),
        ("expires_in_s", 1),
    ],
)
def test_wrong_terms_are_named_and_make_nothing(cast: Cast, field: str, value: Any) -> None:
    path = f"/api/namespaces/{cast.namespace().id}/credentials"
    status, answer = call(http(cast.alice), "POST", path, {"name": "app", field: value})
    assert status == 400
    assert answer["details"][0]["argument_name"].startswith(field)
    assert not Credential.objects.exists()


def test_a_rotation_takes_name_terms_and_lifetime_over(cast: Cast) -> None:
    wanted = terms.check(
        expires_in_s=1000,
        permissions={"subscribe": {"deny": ["secret.>"]}},
        source_networks=["10.0.0.0/8"],
    )
    old = credentials.issue(
        actor=cast.actor, namespace=cast.namespace(), name="app", terms=wanted
    ).credential
    path = f"/api/namespaces/{old.namespace_id}/credentials/{old.pk}/rotate"
    status, made = call(http(cast.ed), "POST", path, {"overlap_s": 3600})
    new = Credential.objects.get(pk=made["credential"]["id"])
    assert (status, new.name, new.follows_id, new.permissions) == (
        201,
        "app",
        old.pk,
        old.permissions,
    )
    assert body_of(made["creds"])["src"] == ["10.0.0.0/8"]
    assert old.expires_at is not None and new.expires_at is not None
    lifetime_s = new.expires_at.timestamp() - new.issued_at
    assert abs(lifetime_s - (old.expires_at.timestamp() - old.issued_at)) <= 1
    again = call(http(cast.ed), "POST", path, {"overlap_s": 0})
    assert (again[0], again[1]["type"]) == (412, "precondition_failed")
    assert AuditEntry.objects.filter(kind="credential.rotated").count() == 1


def test_the_old_one_is_revoked_when_the_overlap_is_over(cast: Cast) -> None:
    old = credentials.issue(actor=cast.actor, namespace=cast.namespace(), name="app").credential
    credentials.rotate(actor=cast.actor, credential=old, overlap_s=60)
    assert credentials.revoke_due() == 0
    Credential.objects.filter(pk=old.pk).update(revoke_at=timezone.now())
    assert credentials.revoke_due() == 1
    old.refresh_from_db()
    assert old.revoked_at is not None
    namespace = Namespace.objects.get(pk=old.namespace_id)
    assert old.public_key in jwt.decode(namespace.claims).body["revocations"]
    assert credentials.revoke_due() == 0
    with pytest.raises(PreconditionFailed):
        credentials.rotate(actor=cast.actor, credential=old, overlap_s=0)


def test_a_rotation_whose_answer_never_left_lets_the_old_one_live(cast: Cast) -> None:
    key = api_keys.create(actor=cast.actor, owner=cast.alice, project=cast.project).key
    old = credentials.issue(actor=cast.actor, namespace=cast.namespace(), name="app").credential
    program = Actor.program(key)
    made, _ = credentials.rotate(actor=program, credential=old, overlap_s=60)
    Handover.objects.update(created_at=timezone.now() - timedelta(hours=1))
    assert reconciliation.revoke_abandoned() == 1
    old.refresh_from_db()
    made.credential.refresh_from_db()
    assert (old.revoke_at, old.revoked_at) == (None, None)
    assert made.credential.revoked_at is not None


def test_revoking_all_before_a_time_is_one_entry(cast: Cast) -> None:
    namespace = cast.namespace()
    for name in "abc":
        credentials.issue(actor=cast.actor, namespace=namespace, name=name)
    path = f"/api/namespaces/{namespace.id}/revoke-before"
    status, answer = call(http(cast.alice), "POST", path, {})
    assert (status, answer["revoked"]) == (200, 3)
    namespace.refresh_from_db()
    revocations = jwt.decode(namespace.claims).body["revocations"]
    assert revocations == {"*": namespace.revoked_before}
    later = credentials.issue(actor=cast.actor, namespace=namespace, name="later").credential
    assert later.issued_at > namespace.revoked_before
    early = {"before": "2001-01-01T00:00:00Z"}
    assert call(http(cast.alice), "POST", path, early)[1]["revoked"] == 0
    namespace.refresh_from_db()
    assert jwt.decode(namespace.claims).body["revocations"]["*"] > 10**9
    for never in (timezone.now() + timedelta(days=1), datetime(162, 1, 16, tzinfo=UTC)):
        with pytest.raises(InvalidArgument):
            credentials.revoke_issued_before(actor=cast.actor, namespace=namespace, before=never)


# Both engines ---------------------------------------------------------------------------------------------


@pytest.fixture(params=list(ENGINES))
def engine(
    cast: Cast, tmp_path: Path, settings: Any, request: pytest.FixtureRequest
) -> Iterator[Engine]:
    if not Engine.is_there(request.param):
        pytest.skip(f"{request.param} isn't installed")
    running = Engine(tmp_path, request.param)
    settings.BROKER_URL = running.url
    yield running
    running.stop()


def test_both_engines_hold_clients_to_their_terms(
    cast: Cast, engine: Engine, tmp_path: Path
) -> None:
    namespace = cast.namespace()
    wanted = {
        "plain": (terms.Terms(), True),
        "web": (terms.check(connection_types=["WEBSOCKET"]), False),
        "tcp": (terms.check(connection_types=["STANDARD"]), True),
        "here": (terms.check(source_networks=["127.0.0.0/8"]), True),
        "elsewhere": (terms.check(source_networks=["10.0.0.0/8"]), False),
    }
    for name, (stated, _) in wanted.items():
        issued = credentials.issue(actor=cast.actor, namespace=namespace, name=name, terms=stated)
        (tmp_path / f"{name}.creds").write_text(issued.creds)
    engine.put(namespace)
    engine.start()
    found = {name: connects(engine.url, tmp_path / f"{name}.creds") for name in wanted}
    assert found == {name: expected for name, (_, expected) in wanted.items()}
    credentials.revoke_issued_before(actor=cast.actor, namespace=namespace, before=timezone.now())
    namespace.refresh_from_db()
    later = credentials.issue(actor=cast.actor, namespace=namespace, name="later")
    (tmp_path / "later.creds").write_text(later.creds)
    engine.put(namespace)
    engine.start()
    assert not connects(engine.url, tmp_path / "plain.creds")
    assert connects(engine.url, tmp_path / "later.creds")
