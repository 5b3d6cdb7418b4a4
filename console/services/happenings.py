"""What the broker's events change here: when a credential was used, and what open pages are told.

Handling an event twice does no harm, since a process may die between handling and acknowledging.
"""

from collections import defaultdict
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from broker.contract.reports import Event
from console.gateway import notices
from console.models import Credential, Namespace

#: Told to the pages of one project at once; in a storm the rest is in the activity list only.
TOLD_MAX = 50


def handle(events: list[Event]) -> None:
    """Writes first and last use in one transaction, then tells the pages."""
    if not events:
        return
    projects = dict(
        Namespace.objects.filter(pk__in={event.account for event in events}).values_list(
            "pk", "project_id"
        )
    )
    users = {event.user for event in events if event.user}
    credentials = {row.public_key: row for row in Credential.objects.filter(public_key__in=users)}
    with transaction.atomic():
        for user, uses in _uses(events).items():
            if user in credentials:
                _note_use(credentials[user], uses)
    told: defaultdict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        if (project := projects.get(event.account)) is not None:
            told[project].append(_for_page(event, credentials.get(event.user)))
    for project, batch in told.items():
        notices.events(project, batch[-TOLD_MAX:])


def _uses(events: list[Event]) -> dict[str, list[Event]]:
    uses: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event.kind == "connect" and event.user:
            uses[event.user].append(event)
    return uses


def _note_use(credential: Credential, uses: list[Event]) -> None:
    first, last = min(uses, key=lambda e: e.at), max(uses, key=lambda e: e.at)
    first_at, last_at = (datetime.fromtimestamp(event.at, UTC) for event in (first, last))
    if credential.first_used_at is None or first_at < credential.first_used_at:
        credential.first_used_at = first_at
    if credential.last_used_at is None or last_at >= credential.last_used_at:
        credential.last_used_at = last_at
        credential.last_used_from = last.ip[:64]
        client = " ".join(part for part in (last.lang, last.version) if part)
        credential.last_client = client[:128].replace("\0", "")
    credential.save(
        update_fields=["first_used_at", "last_used_at", "last_used_from", "last_client"]
    )


def _for_page(event: Event, credential: Credential | None) -> dict[str, Any]:
    found = asdict(event) | {"namespace_id": event.account}
    if credential is not None and credential.namespace_id == event.account:
        found |= {"credential_id": str(credential.pk), "credential_name": credential.name}
    return found
