"""kill -9 at the seams of what the API does: nothing half-made is left, and a repeated request gets what it asked for.

A child process does the request and kills itself within it; the database and Redis are the test's own, so what is
left is seen as the next process would see it.
"""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from broker.identity import jwt
from broker.identity.claims import Tombstone, account_entry
from console.models import AuditEntry, Credential, Handover, Namespace
from console.services import api_keys, reconciliation
from console.services.audit import Actor
from tests.console.conftest import Cast
from tests.console.fake_broker import FakeBroker
from tests.console.program import ACCOUNTS, CREDENTIALS, Program

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[2]
#: argv: where to die, secret key, method, path, body
CHILD = """
import importlib, json, os, signal, sys
import django
django.setup()
seam, secret, method, path, body = sys.argv[1:]
module, name = seam.split(":")
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(importlib.import_module(module), name, die)
from tests.console.program import Program
Program(secret).call(method, path, json.loads(body))
print("it lived")
"""

BEFORE_COMMIT = "console.services.namespaces:record"
AFTER_COMMIT = "console.services.namespaces:deliver"
BEFORE_ANSWER = "console.http.scaleway.shapes:account"
CREDENTIAL_BEFORE_COMMIT = "console.services.credentials:record"
CREDENTIAL_BEFORE_ANSWER = "console.http.scaleway.shapes:credentials"
REVOKED_NOT_DELIVERED = "console.services.credentials:deliver"


@pytest.fixture
def secret(cast: Cast, fake_broker: FakeBroker) -> str:
    made = api_keys.create(actor=Actor(), owner=cast.alice, project=cast.project)
    return made.secret_key


def killed(settings: Any, seam: str, secret: str, method: str, path: str, body: str = "{}") -> None:
    """Does the request in a child that dies at ``seam``."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "console.settings",
        "WIREROOM_DATA_DIR": str(settings.DATA_DIR),
        "DATABASE_URL": f"sqlite:///{connection.settings_dict['NAME']}",
        "REDIS_URL": settings.REDIS_URL,
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-c", CHILD, seam, secret, method, path, body],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr


def test_killed_before_the_commit_nothing_was_made(settings: Any, secret: str) -> None:
    killed(settings, BEFORE_COMMIT, secret, "POST", ACCOUNTS, '{"name": "a"}')
    assert not Namespace.objects.exists()
    assert not Handover.objects.exists()
    assert Program(secret).post(ACCOUNTS, name="a").status == 200


@pytest.mark.parametrize("seam", [AFTER_COMMIT, BEFORE_ANSWER])
def test_a_repeated_post_gets_the_account_that_was_made(
    settings: Any, secret: str, fake_broker: FakeBroker, seam: str
) -> None:
    killed(settings, seam, secret, "POST", ACCOUNTS, '{"name": "a"}')
    (left,) = Namespace.objects.all()
    program = Program(secret)
    again = program.post(ACCOUNTS, name="a")
    assert (again.status, again.body["id"]) == (200, left.id)
    assert account_entry(fake_broker.applied[left.id]).subject == left.id
    assert not Handover.objects.exists()
    assert program.post(ACCOUNTS, name="a").status == 409, "it was handed over now"
    assert AuditEntry.objects.filter(kind="namespace.created").count() == 1


def test_the_keeper_delivers_an_account_that_nobody_asks_for_again(
    settings: Any, secret: str, fake_broker: FakeBroker
) -> None:
    killed(settings, AFTER_COMMIT, secret, "POST", ACCOUNTS, '{"name": "a"}')
    (left,) = Namespace.objects.all()
    assert left.id not in fake_broker.applied
    assert reconciliation.deliver_pending() == 1
    assert left.id in fake_broker.applied


def test_a_credential_that_nobody_got_is_revoked(
    settings: Any, secret: str, fake_broker: FakeBroker
) -> None:
    program = Program(secret)
    account = program.post(ACCOUNTS, name="a").body["id"]
    body = f'{{"name": "c", "nats_account_id": "{account}"}}'
    killed(settings, CREDENTIAL_BEFORE_COMMIT, secret, "POST", CREDENTIALS, body)
    assert not Credential.objects.exists()
    killed(settings, CREDENTIAL_BEFORE_ANSWER, secret, "POST", CREDENTIALS, body)
    (lost,) = Credential.objects.all()
    again = program.post(CREDENTIALS, name="c", nats_account_id=account)
    assert again.status == 200
    assert reconciliation.revoke_abandoned() == 0, "it may still be on its way"
    later = timezone.now() - timedelta(seconds=reconciliation.ABANDONED_AFTER_S + 1)
    Handover.objects.update(created_at=later)
    assert reconciliation.revoke_abandoned() == 1
    assert lost.public_key in jwt.decode(fake_broker.applied[account]).body["revocations"]
    listed = program.get(CREDENTIALS).body
    assert [one["id"] for one in listed["nats_credentials"]] == [again.body["id"]]
    assert not Handover.objects.exists()


def test_a_credential_that_was_used_has_been_got(settings: Any, secret: str) -> None:
    account = Program(secret).post(ACCOUNTS, name="a").body["id"]
    body = f'{{"name": "c", "nats_account_id": "{account}"}}'
    killed(settings, CREDENTIAL_BEFORE_ANSWER, secret, "POST", CREDENTIALS, body)
    Credential.objects.update(first_used_at=timezone.now())
    later = timezone.now() - timedelta(seconds=reconciliation.ABANDONED_AFTER_S + 1)
    Handover.objects.update(created_at=later)
    assert reconciliation.revoke_abandoned() == 0
    assert Credential.objects.get().revoked_at is None
    assert not Handover.objects.exists()


def test_a_deletion_that_was_committed_is_carried_out(
    settings: Any, secret: str, fake_broker: FakeBroker
) -> None:
    program = Program(secret)
    account = program.post(ACCOUNTS, name="a").body["id"]
    made = program.post(CREDENTIALS, name="c", nats_account_id=account).body
    one = f"{CREDENTIALS}/{made['id']}"
    killed(settings, REVOKED_NOT_DELIVERED, secret, "DELETE", one)
    assert "revocations" not in jwt.decode(fake_broker.applied[account]).body
    assert program.delete(one).status == 204, "repeated, it is delivered"
    assert "revocations" in jwt.decode(fake_broker.applied[account]).body
    assert program.delete(one).status == 404
    killed(settings, AFTER_COMMIT, secret, "DELETE", f"{ACCOUNTS}/{account}")
    assert program.get(ACCOUNTS).body["total_count"] == 0
    assert program.delete(f"{ACCOUNTS}/{account}").status == 204
    assert isinstance(account_entry(fake_broker.applied[account]), Tombstone)
