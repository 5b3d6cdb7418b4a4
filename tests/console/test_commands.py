"""The management commands, and what they print judged by a real nats-server with the console's own credentials."""

import io
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from broker.identity.trust import Trust
from console.gateway import nats as gateway
from console.gateway.errors import BrokerRefused, BrokerUnavailable
from console.gateway.nats import Message
from console.models import Membership, Namespace, Operator, Role, User
from console.selectors.access import Access
from console.services import credentials, namespaces, nats_user, sign_in
from tests.console.conftest import Cast
from tests.console.engines import Engine, connects

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments: str, **options: Any) -> str:
    output = io.StringIO()
    call_command(*arguments, stdout=output, **options)
    return output.getvalue()


def test_bootstrap_may_be_repeated(redis: Any, settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    settings.SEALING_KEY_FILE = tmp_path / "sealing.key"
    for _ in range(2):
        assert run("bootstrap", "--no-static") == ""
    operator = Operator.objects.get()
    assert stat.S_IMODE(settings.SEALING_KEY_FILE.stat().st_mode) == 0o600
    administrator = User.objects.get(is_admin=True)
    assert not administrator.has_usable_password()
    assert Membership.objects.get(user=administrator).role == Role.OWNER
    assert Trust.from_texts([operator.jwt])


def test_the_link_is_all_that_login_link_prints(cast: Cast) -> None:
    printed = run("login_link").strip()
    assert printed.startswith("http://127.0.0.1:8000/sign-in#token=")
    token = printed.split("#token=")[1]
    assert sign_in.use_link(token=token, address="").email == "alice@example.com"
    run("login_link", "--email", "New@example.com", "--create")
    assert User.objects.filter(email="new@example.com").exists()
    for email in ("who@example.com", "no address"):
        with pytest.raises(CommandError):
            run("login_link", "--email", email)


def test_the_configuration_holds_no_secret(cast: Cast, tmp_path: Path) -> None:
    directory = tmp_path / "broker"
    run("nats_config", "--dir", str(directory), "--ws-port", "9222", "--monitor-port", "8222")
    text = (directory / "server.conf").read_text() + (directory / "operator.jwt").read_text()
    assert "coordination {\n  url: $REDIS_URL\n}" in text
    assert 'http: "127.0.0.1:8222"' in text
    assert "no_tls: true" in text
    for start in ("SO", "SA", "SU"):
        assert not any(word.startswith(start) and len(word) == 58 for word in text.split())
    with pytest.raises(CommandError, match="--dir"):
        run("nats_config", "--dir", "/proc/nothing/here")


# A real nats-server ---------------------------------------------------------------------------------------


@pytest.fixture
def real(cast: Cast, tmp_path: Path, settings: Any) -> Iterator[Engine]:
    if not Engine.is_there("nats-server"):
        pytest.skip("nats-server isn't installed")
    server = Engine(tmp_path)
    settings.BROKER_URL = server.url
    yield server
    server.stop()


def test_a_real_server_takes_our_credentials_and_refuses_revoked_ones(
    cast: Cast, real: Engine, tmp_path: Path
) -> None:
    namespace = cast.namespace()
    issued = credentials.issue(actor=cast.actor, namespace=namespace, name="app")
    creds = tmp_path / "app.creds"
    creds.write_text(issued.creds)
    real.put(namespace)
    real.start()
    assert connects(real.url, creds)
    credentials.revoke(actor=cast.actor, credential=issued.credential)
    real.put(namespace)
    real.start()
    assert not connects(real.url, creds)


def test_a_real_server_asks_us_for_accounts(
    cast: Cast, real: Engine, tmp_path: Path, live_server: Any, settings: Any
) -> None:
    settings.CONSOLE_URL = live_server.url
    namespace = cast.namespace()
    issued = [credentials.issue(actor=cast.actor, namespace=namespace, name=n) for n in "ab"]
    files = [tmp_path / f"{made.credential.name}.creds" for made in issued]
    for file, made in zip(files, issued, strict=True):
        file.write_text(made.creds)
    (tmp_path / "asking").mkdir()
    asking = Engine(tmp_path / "asking", "nats-server", "--url-resolver")
    try:
        asking.start()
        assert [connects(asking.url, file) for file in files] == [True, True]
        credentials.revoke(actor=cast.actor, credential=issued[0].credential)
        asking.start()
        assert [connects(asking.url, file) for file in files] == [False, True]
        namespaces.delete(actor=cast.actor, namespace=namespace)
        asking.start()
        assert [connects(asking.url, file) for file in files] == [False, False]
    finally:
        asking.stop()


def test_account_claims_are_served_to_anybody_and_nothing_else(cast: Cast) -> None:
    namespace = cast.namespace()
    client = Client(headers={"host": "127.0.0.1:8000"})
    answer = client.get(f"/jwt/v1/accounts/{namespace.id}")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/jwt")
    assert answer.content.decode() == namespace.claims
    assert client.get("/jwt/v1/accounts/").status_code == 200
    for path in ("/jwt/v1/accounts/A", f"/jwt/v1/accounts/{namespace.id}/", "/jwt/v1"):
        unknown = client.get(path)
        assert (unknown.status_code, unknown["Content-Type"]) == (404, "application/json")
    assert client.post("/jwt/v1/accounts/", {}).status_code == 405


def test_publishing_and_requesting_as_a_role(cast: Cast, real: Engine) -> None:
    namespace = cast.namespace()
    real.put(namespace)
    real.start()
    owner = nats_user.of(Access(namespace, Role.OWNER))
    viewer = nats_user.of(Access(namespace, Role.VIEWER))
    message = Message("a.b", "", {"N": ["1", "2"]}, b"hello")
    gateway.publish(owner, message)
    with pytest.raises(gateway.NoResponders):
        gateway.request(owner, message, 1.0)
    with pytest.raises(BrokerRefused, match=r"(?i)permissions violation"):
        gateway.publish(viewer, message)
    with pytest.raises(BrokerRefused, match="max_payload"):
        gateway.publish(owner, Message("a", "", {}, b"x" * 2_000_000))
    gateway.publish(owner, message)
    real.stop()
    with pytest.raises(BrokerUnavailable):
        gateway.publish(owner, message)


def test_an_unknown_or_deleted_namespace_is_unavailable_not_a_crash(
    cast: Cast, real: Engine
) -> None:
    namespace = cast.namespace()
    real.start()
    with pytest.raises(BrokerUnavailable):
        gateway.publish(nats_user.of(Access(namespace, Role.OWNER)), Message("a", "", {}, b""))
    namespaces.delete(actor=cast.actor, namespace=namespace)
    assert json.dumps(list(Namespace.objects.values("id"))) == "[]"
