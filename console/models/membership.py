"""Who may do what in a project."""

from django.db import models

from console.models.project import Project
from console.models.user import User


class Role(models.TextChoices):
    """Each may do what the later ones may: an owner everything, an editor all but members and deleting."""

    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"


#: What a request may need, and who has it.
MAY_READ = frozenset((Role.OWNER, Role.EDITOR, Role.VIEWER))
MAY_WRITE = frozenset((Role.OWNER, Role.EDITOR))
MAY_OWN = frozenset((Role.OWNER,))


class Membership(models.Model):
    project = models.ForeignKey(Project, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("project", "user"), name="membership_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.role} of {self.project_id}"
