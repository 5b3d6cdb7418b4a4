"""Projects: made with their first owner, removed when empty."""

from uuid import UUID, uuid4

from django.db import transaction

from console.gateway import notices
from console.lib.limits import OF_PROJECT
from console.models import Membership, Project, Role, User
from console.services import limits
from console.services.audit import About, Actor, record
from console.services.errors import PreconditionFailed
from console.services.names import check_description, check_title


@transaction.atomic
def create(
    *,
    actor: Actor,
    name: str,
    owner: User,
    description: str = "",
    project_id: UUID | None = None,
) -> Project:
    """``project_id`` None: a new one."""
    project = Project.objects.create(
        id=project_id or uuid4(),
        name=check_title(name),
        description=check_description(description),
    )
    Membership.objects.create(project=project, user=owner, role=Role.OWNER)
    about = About(project=project, target=project.name, after={"name": project.name})
    record(actor, "project.created", f"Project {project.name} was created.", about)
    transaction.on_commit(lambda: notices.access_changed(owner.pk))
    return project


@transaction.atomic
def update(
    *, actor: Actor, project: Project, name: str | None = None, description: str | None = None
) -> Project:
    """None leaves a field as it is."""
    before = {"name": project.name, "description": project.description}
    if name is not None:
        project.name = check_title(name)
    if description is not None:
        project.description = check_description(description)
    after = {"name": project.name, "description": project.description}
    project.save(update_fields=["name", "description", "updated_at"])
    about = About(project=project, target=project.name, before=before, after=after)
    message = f"Project {before['name']} is now {project.name}."
    record(actor, "project.changed", message, about)
    transaction.on_commit(lambda: notices.changed(project.pk, "members"))
    return project


@transaction.atomic
def limit(*, actor: Actor, project: Project, changes: limits.Changes) -> Project:
    locked = Project.objects.select_for_update().get(pk=project.pk)
    before = locked.limits
    locked.limits = limits.changed(before, changes, OF_PROJECT)
    locked.save(update_fields=["limits"])
    about = About(project=locked, target=locked.name, before=before, after=locked.limits)
    record(actor, "project.limited", f"The limits of {locked.name} were changed.", about)
    return locked


@transaction.atomic
def delete(*, actor: Actor, project: Project) -> None:
    """Raises PreconditionFailed while it has namespaces."""
    if project.namespaces.exists():
        raise PreconditionFailed("resource_still_in_use", "Delete the project's namespaces first.")
    members = list(project.memberships.values_list("user_id", flat=True))
    record(
        actor,
        "project.deleted",
        f"Project {project.name} was deleted.",
        About(target=project.name, before={"name": project.name, "id": str(project.pk)}),
    )
    project.delete()
    transaction.on_commit(lambda: _announce(members))


def _announce(users: list[UUID]) -> None:
    for user in users:
        notices.access_changed(user)
