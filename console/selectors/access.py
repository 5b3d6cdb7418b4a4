"""Who may do what. A stranger's question is answered like one about something that doesn't exist."""

import uuid
from dataclasses import dataclass

from console.models import Credential, Membership, Namespace, Project, Role, User
from console.models.membership import MAY_READ
from console.services.errors import Denied, NotFound

NAMESPACE = "nats_account"
CREDENTIAL = "credentials"
PROJECT = "project_id"

Needed = frozenset[Role]


@dataclass(frozen=True, slots=True)
class Access:
    """A namespace and the role that ``user`` has in its project."""

    namespace: Namespace
    role: Role


def role_in(user: User, project_id: uuid.UUID) -> Role | None:
    found = Membership.objects.filter(user=user, project_id=project_id).values_list(
        "role", flat=True
    )
    role = found.first()
    return None if role is None else Role(role)


def to_namespace(
    user: User, account: str, needed: frozenset[Role] = MAY_READ, action: str = "read"
) -> Access:
    """Raises NotFound for a stranger, Denied for a member whose role isn't in ``needed``."""
    namespace = Namespace.objects.select_related("project").filter(pk=account).first()
    role = role_in(user, namespace.project_id) if namespace else None
    if namespace is None or role is None:
        raise NotFound(NAMESPACE, account)
    if role not in needed:
        raise Denied(action, NAMESPACE)
    return Access(namespace, role)


def to_project(
    user: User, project_id: uuid.UUID, needed: frozenset[Role] = MAY_READ, action: str = "read"
) -> tuple[Project, Role]:
    role = role_in(user, project_id)
    if role is None:
        raise NotFound(PROJECT, str(project_id))
    if role not in needed:
        raise Denied(action, PROJECT)
    return Project.objects.get(pk=project_id), role


def to_credential(namespace: Namespace, credential_id: uuid.UUID) -> Credential:
    found: Credential | None = namespace.credentials.filter(pk=credential_id).first()
    if found is None:
        raise NotFound(CREDENTIAL, str(credential_id))
    return found


def to_any_credential(
    user: User, credential_id: uuid.UUID, needed: Needed = MAY_READ, action: str = "read"
) -> Credential:
    """Of whichever namespace, with the namespace; raises as ``to_namespace`` does."""
    found = Credential.objects.select_related("namespace").filter(pk=credential_id).first()
    role = role_in(user, found.namespace.project_id) if found else None
    if found is None or role is None:
        raise NotFound(CREDENTIAL, str(credential_id))
    if role not in needed:
        raise Denied(action, CREDENTIAL)
    return found


def roles_of(user: User) -> dict[uuid.UUID, Role]:
    """Project → role, for every project of the user."""
    rows = Membership.objects.filter(user=user).values_list("project_id", "role")
    return {project: Role(role) for project, role in rows}
