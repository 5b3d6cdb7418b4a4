"""Why a service didn't do what it was asked; ``http.errors`` makes the answer of each."""

from dataclasses import dataclass
from typing import Literal

Reason = Literal["required", "constraint", "unknown", "format"]


class ServiceError(Exception):
    """Base of all; never raised itself."""


@dataclass
class InvalidArgument(ServiceError):
    """``help_message`` is a sentence for the person who filled in ``argument``."""

    argument: str
    help_message: str
    reason: Reason = "constraint"


@dataclass
class NotFound(ServiceError):
    """Also the answer to strangers: they don't learn that it exists."""

    resource: str
    resource_id: str


@dataclass
class Denied(ServiceError):
    """A member whose role isn't enough."""

    action: str
    resource: str


@dataclass
class Conflict(ServiceError):
    """``resource_id`` is that of what stands in the way."""

    resource: str
    resource_id: str
    message: str


@dataclass
class PreconditionFailed(ServiceError):
    precondition: str
    message: str


@dataclass
class QuotaExceeded(ServiceError):
    resource: str
    quota: int
    message: str
    current: int
