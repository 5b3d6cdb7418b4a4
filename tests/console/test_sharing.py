"""Exports and imports: who may share what with whom, what claims say of it, and that messages really cross."""

import asyncio
from pathlib import Path
from typing import Any

import nats
import pytest

from broker.identity import jwt
from broker.identity.claims import AccountClaims, ActivationClaims
from broker.identity.rules import account_problems
from console.models import AuditEntry, Export, Import, Namespace, Role, User
from console.services import credentials, members, namespaces, projects, sharing
from console.services.errors import Conflict, InvalidArgument, NotFound
from tests.console.conftest import Cast
from tests.console.engines import ENGINES, Engine
from tests.console.test_api import call, http

pytestmark = pytest.mark.django_db(transaction=True)


def export(cast: Cast, namespace: Namespace, subject: str, **other: Any) -> Export:
    given = {"name": "e", "kind": "stream", "public": False} | other
    return sharing.export(actor=cast.actor, namespace=namespace, subject=subject, **given)[0]


def take(cast: Cast, namespace: Namespace, row: Export, local: str = "") -> Import:
    return sharing.take(actor=cast.actor, namespace=namespace, export=row, local_subject=local)[0]


def claims(namespace: Namespace) -> AccountClaims:
    namespace.refresh_from_db()
    return AccountClaims.decode(namespace.claims)


def test_claims_state_exports_and_imports_as_every_engine_takes_them(cast: Cast) -> None:
    shop, till = cast.namespace("shop"), cast.namespace("till")
    private = export(cast, shop, "orders.*.paid")
    public = export(cast, shop, "price", kind="service", public=True)
    take(cast, till, private, "shop.$1.paid")
    take(cast, till, public)
    assert [(e.subject, e.type, e.token_req) for e in claims(shop).body.exports] == [
        ("orders.*.paid", "stream", True),
        ("price", "service", False),
    ]
    stream, service = claims(till).body.imports
    assert (stream.subject, stream.account, stream.local_subject) == (
        "orders.*.paid",
        shop.id,
        "shop.$1.paid",
    )
    token = ActivationClaims.decode(stream.token)
    assert (token.subject, token.issuer) == (till.id, shop.signing_public_key)
    assert (service.token, service.local_subject) == ("", "")
    for namespace in (shop, till):
        assert account_problems(claims(namespace)) == []


def test_what_was_shared_goes_with_the_export_and_with_its_namespace(cast: Cast) -> None:
    shop, till = cast.namespace("shop"), cast.namespace("till")
    for subject in ("a", "b"):
        take(cast, till, export(cast, shop, subject))
    sharing.withdraw(actor=cast.actor, export=Export.objects.get(subject="a"))
    assert [e.subject for e in claims(shop).body.exports] == ["b"]
    assert [i.subject for i in claims(till).body.imports] == ["b"]
    before = till.claims_iat
    namespaces.delete(actor=cast.actor, namespace=shop)
    assert claims(till).body.imports == []
    assert till.claims_iat > before
    kinds = AuditEntry.objects.values_list("kind", flat=True)
    assert {"export.created", "export.deleted", "import.created"} <= set(kinds)


def test_an_import_can_be_dropped(cast: Cast) -> None:
    shop, till = cast.namespace("shop"), cast.namespace("till")
    row = take(cast, till, export(cast, shop, "a"))
    path = f"/api/namespaces/{till.id}/imports"
    assert call(http(cast.vera), "GET", path)[1]["imports"][0]["local_subject"] == "a"
    assert call(http(cast.ed), "DELETE", f"{path}/{row.pk}")[0] == 204
    assert claims(till).body.imports == []


@pytest.mark.parametrize(
    ("subject", "local", "field"),
    [
        ("a.*", "b.>", "local_subject"),
        ("a.*", "b.c", "local_subject"),
        ("a.*", "b.$2", "local_subject"),
        ("a", "b..c", "local_subject"),
        ("a b", "", "subject"),
        ("a.>.b", "", "subject"),
    ],
)
def test_subjects_that_nats_refuses_change_nothing(
    cast: Cast, subject: str, local: str, field: str
) -> None:
    shop, till = cast.namespace("shop"), cast.namespace("till")
    with pytest.raises(InvalidArgument) as refused:
        take(cast, till, export(cast, shop, subject), local)
    assert refused.value.argument == field
    assert not Import.objects.exists()
    assert claims(till).body.imports == []


def test_exports_must_not_overlap_and_circles_are_refused(cast: Cast) -> None:
    shop, till = cast.namespace("shop"), cast.namespace("till")
    there = export(cast, shop, "a.*")
    with pytest.raises(Conflict):
        export(cast, shop, "a.b")
    with pytest.raises(InvalidArgument):
        take(cast, shop, there)
    take(cast, till, there, "x.$1")
    with pytest.raises(Conflict):
        take(cast, till, there, "x.$1")
    back = export(cast, till, "x.>")
    with pytest.raises(InvalidArgument, match="circle"):
        take(cast, shop, back, "a.>")


# Who may ---------------------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(cast: Cast) -> Namespace:
    """Charlie's own namespace, in a project where Vera may write."""
    project = projects.create(actor=cast.actor, name="Other", owner=cast.charlie)
    members.add(actor=cast.actor, project=project, email=cast.vera.email, role=Role.EDITOR)
    return namespaces.create(actor=cast.actor, project=project, name="elsewhere")[0]


def offered(user: User, namespace: Namespace) -> set[str]:
    answer = call(http(user), "GET", f"/api/namespaces/{namespace.id}/importable")[1]
    return {row["subject"] for row in answer["exports"]}


def test_only_who_may_write_on_both_sides_imports_what_is_private(
    cast: Cast, elsewhere: Namespace
) -> None:
    shop = cast.namespace("shop")
    private, public = export(cast, shop, "secret"), export(cast, shop, "news", public=True)
    assert offered(cast.charlie, elsewhere) == {"news"}
    # Vera may write here but only look there, so there she gives nothing away.
    assert offered(cast.vera, elsewhere) == {"news"}
    path = f"/api/namespaces/{elsewhere.id}/imports"
    status, answer = call(http(cast.charlie), "POST", path, {"export_id": str(private.pk)})
    assert (status, answer["type"]) == (404, "not_found")
    status, made = call(http(cast.charlie), "POST", path, {"export_id": str(public.pk)})
    assert (status, made["export"]["import_count"]) == (201, None)
    mine = f"/api/namespaces/{shop.id}/exports"
    assert call(http(cast.vera), "DELETE", f"{mine}/{public.pk}")[0] == 403
    shown = {row["subject"]: row for row in call(http(cast.vera), "GET", mine)[1]["exports"]}
    assert shown["news"]["import_count"] == 1
    other = export(cast, elsewhere, "theirs")
    assert call(http(cast.alice), "DELETE", f"{mine}/{other.pk}")[0] == 404
    with pytest.raises(NotFound):
        sharing.importable_one(cast.alice, shop, other.pk)


# Messages cross --------------------------------------------------------------------------------------------


def creds(cast: Cast, namespace: Namespace, tmp_path: Path) -> str:
    issued = credentials.issue(actor=cast.actor, namespace=namespace, name="app")
    file = tmp_path / f"{namespace.name}.creds"
    file.write_text(issued.creds)
    return str(file)


async def cross(url: str, exporter: str, importer: str) -> tuple[str, bytes, bytes]:
    there = await nats.connect(url, user_credentials=exporter)
    here = await nats.connect(url, user_credentials=importer)

    async def answer(message: Any) -> None:
        await message.respond(b"42")

    await there.subscribe("price", cb=answer)
    heard = await here.subscribe("shop.>")
    await asyncio.gather(there.flush(), here.flush())
    await there.publish("orders.7.paid", b"yes")
    message = await heard.next_msg(timeout=10)
    reply = await here.request("ask.price", b"", timeout=10)
    await asyncio.gather(there.close(), here.close())
    return message.subject, message.data, reply.data


@pytest.mark.parametrize("engine", ENGINES)
def test_messages_and_requests_cross_on_both_engines(
    cast: Cast, tmp_path: Path, engine: str
) -> None:
    if not Engine.is_there(engine):
        pytest.skip(f"{engine} isn't installed")
    shop, till = cast.namespace("shop"), cast.namespace("till")
    take(cast, till, export(cast, shop, "orders.*.paid"), "shop.$1.paid")
    take(cast, till, export(cast, shop, "price", kind="service"), "ask.price")
    server = Engine(tmp_path, engine)
    server.put(shop)
    server.put(till)
    server.start()
    try:
        files = (creds(cast, shop, tmp_path), creds(cast, till, tmp_path))
        assert asyncio.run(cross(server.url, *files)) == ("shop.7.paid", b"yes", b"42")
    finally:
        server.stop()


def test_the_token_of_an_import_is_for_its_importer_only(cast: Cast) -> None:
    shop, till = cast.namespace("shop"), cast.namespace("till")
    take(cast, till, export(cast, shop, "a"))
    token = claims(till).body.imports[0].token
    assert jwt.decode(token).body["kind"] == "stream"
    body = claims(shop)
    body.body.imports = claims(till).body.imports
    assert any("isn't" in p or "doesn't match" in p for p in account_problems(body))
