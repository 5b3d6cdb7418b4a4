"""Namespaces: created, renamed and deleted in the database, then told to the broker."""

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from broker.identity.nkeys import KeyPair
from console.gateway import notices
from console.gateway.claims import Outcome
from console.models import Namespace, Project, Tombstone
from console.services import claims, keys
from console.services.audit import About, Actor, record
from console.services.delivery import deliver
from console.services.errors import Conflict, NotFound, QuotaExceeded
from console.services.names import check_plain

RESOURCE = "nats_account"


def create(*, actor: Actor, project: Project, name: str) -> tuple[Namespace, Outcome]:
    """Raises InvalidArgument, Conflict (the name is taken), QuotaExceeded."""
    namespace = _new(project, check_plain(name))
    try:
        with transaction.atomic():
            _check_quota(project)
            namespace.save(force_insert=True)
            about = About(project=project, namespace=namespace, target=name, after={"name": name})
            record(actor, "namespace.created", f"Namespace {name} was created.", about)
            transaction.on_commit(lambda: notices.changed(project.pk, "namespaces"))
    except IntegrityError:
        raise _taken(name) from None
    return namespace, deliver(namespace)


def rename(*, actor: Actor, namespace: Namespace, name: str) -> tuple[Namespace, Outcome]:
    check_plain(name)
    try:
        with transaction.atomic():
            locked = lock(namespace.pk)
            before, locked.name = locked.name, name
            resign(locked)
            about = About(
                project=locked.project,
                namespace=locked,
                target=name,
                before={"name": before},
                after={"name": name},
            )
            record(actor, "namespace.renamed", f"Namespace {before} is now {name}.", about)
            project_id = locked.project_id
            transaction.on_commit(lambda: notices.changed(project_id, "namespaces", locked.id))
    except IntegrityError:
        raise _taken(name) from None
    return locked, deliver(locked)


def delete(*, actor: Actor, namespace: Namespace) -> Outcome:
    """Its connections are closed by the tombstone; its keys and credentials go with the row."""
    with transaction.atomic():
        locked = lock(namespace.pk)
        iat = claims.next_iat(locked.claims_iat)
        stone = Tombstone.objects.create(
            id=locked.id, claims=claims.tombstone(locked.id, iat), claims_iat=iat
        )
        about = About(
            project=locked.project,
            namespace=locked,
            target=locked.name,
            before={"name": locked.name, "credentials": locked.credentials.count()},
        )
        record(actor, "namespace.deleted", f"Namespace {locked.name} was deleted.", about)
        account, project_id = locked.id, locked.project_id
        locked.delete()
        transaction.on_commit(lambda: notices.namespace_gone(account))
        transaction.on_commit(lambda: notices.changed(project_id, "namespaces", account))
    return deliver(stone)


def lock(account: str) -> Namespace:
    """The row, held until the transaction ends: changes of one namespace's claims come one after another."""
    try:
        return Namespace.objects.select_for_update().get(pk=account)
    except Namespace.DoesNotExist:
        raise NotFound(RESOURCE, account) from None


def resign(namespace: Namespace) -> None:
    """New claims from what the database says now; inside the transaction that changed it."""
    claims.sign_namespace(namespace, timezone.now())
    namespace.save(update_fields=["name", "claims", "claims_iat", "updated_at"])


def _new(project: Project, name: str) -> Namespace:
    identity, signing = KeyPair.generate("account"), KeyPair.generate("account")
    sealer = keys.sealer()
    namespace = Namespace(
        id=identity.public,
        project=project,
        name=name,
        sealed_seed=sealer.seal(identity.seed, keys.namespace_context(identity.public)),
        signing_public_key=signing.public,
        sealed_signing_seed=sealer.seal(
            signing.seed, keys.namespace_signing_context(identity.public)
        ),
        claims_iat=0,
    )
    claims.sign_namespace(namespace, timezone.now())
    return namespace


def _check_quota(project: Project) -> None:
    limit = settings.NAMESPACES_PER_PROJECT
    if project.namespaces.count() >= limit:
        raise QuotaExceeded(RESOURCE, limit, f"A project can have at most {limit} namespaces.")


def _taken(name: str) -> Conflict:
    return Conflict(RESOURCE, f"This project already has a namespace called {name}.")
