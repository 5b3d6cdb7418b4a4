"""The trail of changes, and who made them."""

from dataclasses import dataclass, field
from typing import Any

from console.models import ApiKey, AuditEntry, Namespace, Project, User


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something, from where. ``user`` is None for a program of ours (``label`` says which).

    ``api_key``: the key by which a program of the user's asked.
    """

    user: User | None = None
    label: str = "manage.py"
    address: str = ""
    api_key: ApiKey | None = None

    @classmethod
    def person(cls, user: User, address: str = "") -> "Actor":
        return cls(user, user.email, address)

    @classmethod
    def program(cls, key: ApiKey, address: str = "") -> "Actor":
        return cls(key.owner, f"{key.owner.email[:200]} by {key.access_key}", address, key)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a change was about. ``before`` and ``after`` hold the fields that changed, never a secret."""

    project: Project | None = None
    namespace: Namespace | None = None
    target: str = ""
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)


def record(actor: Actor, kind: str, message: str, about: About) -> AuditEntry:
    """Writes one row; call it inside the transaction that makes the change."""
    return AuditEntry.objects.create(
        kind=kind,
        message=message[:500],
        actor=actor.user,
        actor_label=actor.label,
        address=actor.address[:64],
        project=about.project,
        namespace_id=about.namespace.id if about.namespace else "",
        target=about.target[:254],
        before=about.before,
        after=about.after,
    )
