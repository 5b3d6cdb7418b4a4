"""Limits of namespaces and projects: the settings', unless an administrator set others."""

from django.conf import settings

from console.lib.limits import OF_CLAIMS, Bounds
from console.models import Namespace, Project
from console.services.errors import InvalidArgument

#: Limit → its new value; None = the settings' again.
Changes = dict[str, int | None]


def of_namespace(namespace: Namespace) -> dict[str, int]:
    defaults = settings.NAMESPACE_LIMITS | {"credentials": settings.CREDENTIALS_PER_NAMESPACE}
    return {**defaults, **namespace.limits}


def of_claims(namespace: Namespace) -> dict[str, int]:
    """Those that stand in the account's claims."""
    limits = of_namespace(namespace)
    claimed = {name: limits[name] for name in OF_CLAIMS}
    if interval_s := claimed.pop("sync_interval_s"):
        claimed["sync_interval"] = interval_s * 10**9
    return claimed


def of_project(project: Project) -> dict[str, int]:
    return {"namespaces": settings.NAMESPACES_PER_PROJECT, **project.limits}


def changed(limits: dict[str, int], changes: Changes, bounds: dict[str, Bounds]) -> dict[str, int]:
    """What to keep in the row. Raises InvalidArgument for an unknown limit or a value out of its bounds."""
    for name, value in changes.items():
        if name not in bounds:
            raise InvalidArgument(name, "There is no such limit.", "unknown")
        low, high = bounds[name]["low"], bounds[name]["high"]
        if value is not None and not low <= value <= high:
            raise InvalidArgument(name, f"This must be from {low} to {high}, or null.")
    return {name: value for name, value in {**limits, **changes}.items() if value is not None}
