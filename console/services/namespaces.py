"""Namespaces: created, renamed and deleted in the database, then told to the broker."""

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from broker.identity.nkeys import KeyPair
from console.gateway import notices
from console.gateway.claims import Outcome
from console.lib.limits import OF_NAMESPACE
from console.models import Import, Namespace, Project, Tombstone
from console.services import claims, handover, keys, limits
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
            handover.begin(actor, namespace)
            about = About(project=project, namespace=namespace, target=name, after={"name": name})
            record(actor, "namespace.created", f"Namespace {name} was created.", about)
            transaction.on_commit(lambda: notices.changed(project.pk, "namespaces"))
    except IntegrityError:
        raise _taken(project, name) from None
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
        raise _taken(namespace.project, name) from None
    return locked, deliver(locked)


def limit(
    *, actor: Actor, namespace: Namespace, changes: limits.Changes
) -> tuple[Namespace, Outcome]:
    """Lower limits don't remove what is there already; what would come on top is refused."""
    with transaction.atomic():
        locked = lock(namespace.pk)
        before = locked.limits
        locked.limits = limits.changed(before, changes, OF_NAMESPACE)
        locked.save(update_fields=["limits"])
        resign(locked)
        about = About(
            project=locked.project,
            namespace=locked,
            target=locked.name,
            before=before,
            after=locked.limits,
        )
        record(actor, "namespace.limited", f"The limits of {locked.name} were changed.", about)
        project_id = locked.project_id
        transaction.on_commit(lambda: notices.changed(project_id, "namespaces", locked.id))
    return locked, deliver(locked)


def delete(*, actor: Actor, namespace: Namespace) -> Outcome:
    """Its connections are closed by the tombstone; its keys and credentials go with the row."""
    with transaction.atomic():
        importing = Import.objects.filter(export__namespace_id=namespace.pk).values("namespace_id")
        held = Namespace.objects.select_for_update().order_by("pk")
        # Together and in one order, so that no two deletions wait for each other.
        importers = [row for row in held.filter(Q(pk=namespace.pk) | Q(pk__in=importing))
                     if row.pk != namespace.pk]  # fmt: skip
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
        for importer in importers:
            resign(importer)
        transaction.on_commit(lambda: notices.namespace_gone(account))
        transaction.on_commit(lambda: notices.changed(project_id, "namespaces", account))
    outcome = deliver(stone)
    for importer in importers:
        deliver(importer)
    return outcome


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
    limit, current = limits.of_project(project)["namespaces"], project.namespaces.count()
    if current >= limit:
        text = f"This project can have at most {limit} namespaces."
        raise QuotaExceeded(RESOURCE, limit, text, current)


def _taken(project: Project, name: str) -> Conflict:
    holder = project.namespaces.filter(name=name).values_list("id", flat=True).first()
    text = f"This project already has a namespace called {name}."
    return Conflict(RESOURCE, holder or "", text)
