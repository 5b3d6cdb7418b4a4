"""Sharing subjects between namespaces: exports, imports, and the tokens that let in whom an export isn't public for.

Both stand in the accounts' claims, so any NATS engine acts on them.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from broker.identity.claims import AccountClaims
from broker.identity.rules import account_problems
from console.gateway import notices
from console.gateway.claims import Outcome
from console.lib.subjects import problem_of_filter
from console.models import Export, Import, Membership, Namespace, User
from console.models.membership import MAY_WRITE
from console.services.audit import About, Actor, record
from console.services.delivery import deliver
from console.services.errors import Conflict, InvalidArgument, NotFound, QuotaExceeded
from console.services.names import check_plain
from console.services.namespaces import lock, resign

EXPORT = "export"
IMPORT = "import"
#: Of exports, and of imports, for each namespace.
SHARED_MAX = 100


def export(
    *, actor: Actor, namespace: Namespace, name: str, kind: str, subject: str, public: bool
) -> tuple[Export, Outcome]:
    """Raises InvalidArgument, Conflict, QuotaExceeded, NotFound."""
    check_plain(name)
    if problem := problem_of_filter(subject):
        raise InvalidArgument("subject", f"A subject {problem}.", "format")
    with transaction.atomic():
        locked = lock(namespace.pk)
        _check_room(EXPORT, locked.exports.all())
        _check_overlap(locked, kind, subject)
        row = Export.objects.create(
            namespace=locked, name=name, kind=kind, subject=subject, public=public, created_by=actor.user,
        )  # fmt: skip
        resign(locked)
        after = {"kind": kind, "subject": subject, "public": public}
        _record(actor, "export.created", locked, name, f"{locked.name} exports {subject}.", after)
    return row, deliver(locked)


def withdraw(*, actor: Actor, export: Export) -> Outcome:
    """Takes an export back, and with it from all who import it."""
    with transaction.atomic():
        importers = set(export.imports.values_list("namespace_id", flat=True))
        locked = _lock_all({export.namespace_id, *importers})
        own = locked.pop(export.namespace_id)
        before = {"kind": export.kind, "subject": export.subject}
        export.delete()
        for each in (own, *locked.values()):
            resign(each)
        text = f"{own.name} no longer exports {before['subject']}."
        _record(actor, "export.deleted", own, export.name, text, before=before)
        for each in locked.values():
            notify(each)
    outcome = deliver(own)
    for each in locked.values():
        deliver(each)
    return outcome


def take(
    *, actor: Actor, namespace: Namespace, export: Export, local_subject: str = ""
) -> tuple[Import, Outcome]:
    """Imports it; the caller has seen to it that the person may (``importable``).

    Raises InvalidArgument, Conflict, QuotaExceeded, NotFound.
    """
    local = local_subject or export.subject
    if export.namespace_id == namespace.pk:
        raise InvalidArgument("export_id", "This is the namespace's own export.")
    if problem := problem_of_filter(local):
        raise InvalidArgument("local_subject", f"A subject {problem}.", "format")
    with transaction.atomic():
        locked = lock(namespace.pk)
        _check_room(IMPORT, locked.imports.all())
        _check_cycle(locked, export, local)
        try:
            with transaction.atomic():
                row = Import.objects.create(
                    namespace=locked, export=export, local_subject=local, created_by=actor.user
                )
        except IntegrityError:
            raise Conflict(IMPORT, str(export.pk), "This is imported already.") from None
        resign(locked)
        _check_claims(locked)
        after = {"from": export.namespace_id, "subject": export.subject, "local_subject": local}
        text = f"{locked.name} imports {export.subject} of {export.namespace.name}."
        _record(actor, "import.created", locked, export.name, text, after)
    return row, deliver(locked)


def drop(*, actor: Actor, row: Import) -> Outcome:
    with transaction.atomic():
        locked = lock(row.namespace_id)
        before = {"from": row.export.namespace_id, "local_subject": row.local_subject}
        name, subject = row.export.name, row.export.subject
        row.delete()
        resign(locked)
        text = f"{locked.name} no longer imports {subject}."
        _record(actor, "import.deleted", locked, name, text, before=before)
    return deliver(locked)


def importable(user: User, namespace: Namespace) -> "QuerySet[Export]":
    """Public exports of all, and those of namespaces where the person may write."""
    projects = Membership.objects.filter(user=user, role__in=MAY_WRITE).values("project_id")
    mine = Q(namespace__project_id__in=projects)
    rows = Export.objects.filter(mine | Q(public=True)).exclude(namespace=namespace)
    return rows.select_related("namespace").order_by("namespace__name", "subject")


def importable_one(user: User, namespace: Namespace, export_id: Any) -> Export:
    found = importable(user, namespace).filter(pk=export_id).first()
    if found is None:
        raise NotFound(EXPORT, str(export_id))
    return found


# Rules -----------------------------------------------------------------------------------------------------


def _check_room(resource: str, rows: "QuerySet[Any]") -> None:
    current = rows.count()
    if current >= SHARED_MAX:
        text = f"A namespace can have at most {SHARED_MAX} {resource}s."
        raise QuotaExceeded(resource, SHARED_MAX, text, current)


def _check_overlap(namespace: Namespace, kind: str, subject: str) -> None:
    for row in namespace.exports.filter(kind=kind):
        if _overlap(row.subject, subject):
            text = f"{row.subject} is exported already, which has subjects in common with this."
            raise Conflict(EXPORT, str(row.pk), text)


def _check_cycle(namespace: Namespace, export: Export, local: str) -> None:
    """What comes in must not come back to the subjects from which it left."""
    for account, subject in _sources(export):
        if account == namespace.pk and _overlap(subject, local):
            text = (
                "This would go round in a circle: the other side imports these subjects from here."
            )
            raise InvalidArgument("export_id", text)


def _sources(export: Export) -> Iterator[tuple[str, str]]:
    """Where an export's messages may come from, through the imports of its namespace and so on."""
    waiting, seen = [export], {export.pk}
    while waiting:
        each = waiting.pop()
        yield each.namespace_id, each.subject
        for row in Import.objects.filter(
            namespace_id=each.namespace_id, export__kind=each.kind
        ).select_related("export"):
            if row.export.pk not in seen and _overlap(as_filter(row.local_subject), each.subject):
                seen.add(row.export.pk)
                waiting.append(row.export)


def _check_claims(namespace: Namespace) -> None:
    """The rules that every engine has for an account's claims. Raises InvalidArgument."""
    problems = account_problems(AccountClaims.decode(namespace.claims))
    if problems:
        raise InvalidArgument("local_subject", f"NATS doesn't take this: {problems[0]}.")


def as_filter(local: str) -> str:
    """``orders.$1`` → ``orders.*``"""
    return ".".join("*" if token.startswith("$") else token for token in local.split("."))


def _overlap(one: str, other: str) -> bool:
    """Whether some subject is in both filters."""
    ours, theirs = one.split("."), other.split(".")
    for a, b in zip(ours, theirs, strict=False):
        if ">" in (a, b):
            return True
        if a != b and "*" not in (a, b):
            return False
    return len(ours) == len(theirs)


# Claims ----------------------------------------------------------------------------------------------------


def notify(namespace: Namespace) -> None:
    project_id, account = namespace.project_id, namespace.id
    transaction.on_commit(lambda: notices.changed(project_id, "sharing", account))


def _lock_all(accounts: Iterable[str]) -> dict[str, Namespace]:
    """In one order for everybody, so that no two wait for each other."""
    rows = Namespace.objects.select_for_update().filter(pk__in=list(accounts)).order_by("pk")
    return {row.pk: row for row in rows}


def _record(
    actor: Actor, kind: str, namespace: Namespace, target: str, message: str,
    after: dict[str, Any] | None = None, before: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    about = About(
        project=namespace.project, namespace=namespace, target=target,
        before=before or {}, after=after or {},
    )  # fmt: skip
    record(actor, kind, message, about)
    notify(namespace)
