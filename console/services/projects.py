"""Projects: made with their first owner, removed when empty."""

from uuid import UUID

from django.db import transaction

from console.gateway import notices
from console.models import Membership, Project, Role, User
from console.services.audit import About, Actor, record
from console.services.errors import PreconditionFailed
from console.services.names import check_title


@transaction.atomic
def create(*, actor: Actor, name: str, owner: User) -> Project:
    project = Project.objects.create(name=check_title(name))
    Membership.objects.create(project=project, user=owner, role=Role.OWNER)
    about = About(project=project, target=project.name, after={"name": project.name})
    record(actor, "project.created", f"Project {project.name} was created.", about)
    transaction.on_commit(lambda: notices.access_changed(owner.pk))
    return project


@transaction.atomic
def rename(*, actor: Actor, project: Project, name: str) -> Project:
    before, project.name = project.name, check_title(name)
    project.save(update_fields=["name", "updated_at"])
    about = About(
        project=project, target=project.name, before={"name": before}, after={"name": project.name}
    )
    record(actor, "project.renamed", f"Project {before} is now {project.name}.", about)
    transaction.on_commit(lambda: notices.changed(project.pk, "members"))
    return project


@transaction.atomic
def delete(*, actor: Actor, project: Project) -> None:
    """Raises PreconditionFailed while it has namespaces."""
    if project.namespaces.exists():
        raise PreconditionFailed("resource_not_empty", "Delete the project's namespaces first.")
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
