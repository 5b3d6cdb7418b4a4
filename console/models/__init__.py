"""The database: one file per noun. Private keys are sealed, users' seeds are nowhere."""

from console.models.api_key import ApiKey
from console.models.audit import AuditEntry
from console.models.credential import Credential
from console.models.handover import Handover
from console.models.login_link import LoginLink
from console.models.membership import Membership, Role
from console.models.namespace import Namespace
from console.models.operator import Operator
from console.models.project import Project
from console.models.sharing import Export, Import, Kind
from console.models.tombstone import Tombstone
from console.models.user import User

__all__ = [
    "ApiKey",
    "AuditEntry",
    "Credential",
    "Export",
    "Handover",
    "Import",
    "Kind",
    "LoginLink",
    "Membership",
    "Namespace",
    "Operator",
    "Project",
    "Role",
    "Tombstone",
    "User",
]
