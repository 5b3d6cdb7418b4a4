"""Members of a project. The last owner can neither go nor become less."""

from django.db import transaction

from console.gateway import notices
from console.models import Membership, Project, Role, User
from console.services.audit import About, Actor, record
from console.services.errors import Conflict, InvalidArgument, PreconditionFailed


@transaction.atomic
def add(*, actor: Actor, project: Project, email: str, role: Role) -> Membership:
    """Raises InvalidArgument for an address without an account, Conflict for a member."""
    user = User.objects.filter(email=email.strip().lower(), is_active=True).first()
    if user is None:
        raise InvalidArgument(
            "email", "Nobody with this address has an account here: they must sign up first."
        )
    membership, created = Membership.objects.get_or_create(
        project=project, user=user, defaults={"role": role}
    )
    if not created:
        raise Conflict("member", str(user.pk), f"{user.email} is already a member of this project.")
    about = About(project=project, target=user.email, after={"role": role.value})
    record(actor, "member.added", f"{user.email} was added as {role.value}.", about)
    _announce(membership)
    return membership


@transaction.atomic
def change_role(*, actor: Actor, membership: Membership, role: Role) -> Membership:
    before = membership.role
    if before == Role.OWNER and role != Role.OWNER:
        _check_another_owner(membership)
    membership.role = role
    membership.save(update_fields=["role"])
    about = About(
        project=membership.project,
        target=membership.user.email,
        before={"role": str(before)},
        after={"role": role.value},
    )
    record(actor, "member.changed", f"{membership.user.email} is now {role.value}.", about)
    _announce(membership)
    return membership


@transaction.atomic
def remove(*, actor: Actor, membership: Membership) -> None:
    if membership.role == Role.OWNER:
        _check_another_owner(membership)
    about = About(
        project=membership.project,
        target=membership.user.email,
        before={"role": str(membership.role)},
    )
    record(actor, "member.removed", f"{membership.user.email} was removed.", about)
    _announce(membership)
    membership.delete()


def _check_another_owner(membership: Membership) -> None:
    # Locked rows: two owners who remove each other at once must not both succeed.
    owners = membership.project.memberships.select_for_update().filter(role=Role.OWNER)
    if not any(owner.pk != membership.pk for owner in owners):
        raise PreconditionFailed(
            "last_owner", "A project needs an owner: make somebody else one first."
        )


def _announce(membership: Membership) -> None:
    user_id, project_id = membership.user_id, membership.project_id
    transaction.on_commit(lambda: notices.access_changed(user_id))
    transaction.on_commit(lambda: notices.changed(project_id, "members"))
