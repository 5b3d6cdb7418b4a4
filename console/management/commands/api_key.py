"""``manage.py api_key create|list|revoke``: API keys from the shell, so that automation can start from nothing."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from console.lib.times import rfc3339
from console.models import ApiKey, Project, User
from console.selectors.organization import organization_id
from console.services import api_keys, sign_in
from console.services.audit import Actor
from console.services.errors import InvalidArgument, QuotaExceeded


class Command(BaseCommand):
    help = "Create, list and revoke API keys."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="create|list|revoke")
        create = verbs.add_parser("create", help="make a key; its secret is shown this once")
        create.add_argument("--email", help="as whom it acts (default: the administrator)")
        create.add_argument("--project", help="id of its default project (default: the oldest)")
        create.add_argument("--description", default="")
        create.add_argument("--expires-in-days", type=float, help="default: never")
        create.add_argument("--json", action="store_true", help="print one JSON object")
        listing = verbs.add_parser("list", help="all keys, or one person's")
        listing.add_argument("--email")
        listing.add_argument("--json", action="store_true", help="print a JSON array")
        revoke = verbs.add_parser("revoke", help="refuse a key from now on")
        revoke.add_argument("access_key")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['verb']}")(options)
        except InvalidArgument as error:
            raise CommandError(f"--{error.argument}: {error.help_message}") from None
        except QuotaExceeded as error:
            raise CommandError(error.message) from None

    def _create(self, options: dict[str, Any]) -> None:
        owner = _user(options["email"])
        made = api_keys.create(
            actor=Actor(),
            owner=owner,
            project=_project(owner, options["project"]),
            description=options["description"],
            expires_at=_expiry(options["expires_in_days"]),
        )
        shown = {
            "access_key": made.key.access_key,
            "secret_key": made.secret_key,
            "default_project_id": str(made.key.default_project_id),
            "organization_id": str(organization_id()),
            "region": settings.REGION,
            "api_url": settings.CONSOLE_URL,
        }
        if options["json"]:
            self.stdout.write(json.dumps(shown))
            return
        for name, value in _environment(shown).items():
            self.stdout.write(f"export {name}={value}")

    def _list(self, options: dict[str, Any]) -> None:
        rows = ApiKey.objects.select_related("owner").order_by("created_at")
        if options["email"]:
            rows = rows.filter(owner=_user(options["email"]))
        found = [_shown(row) for row in rows]
        if options["json"]:
            self.stdout.write(json.dumps(found))
            return
        for row in found:
            until = row["expires_at"] or "never ends"
            self.stdout.write(
                "  ".join((row["access_key"], row["owner"], until, row["description"]))
            )

    def _revoke(self, options: dict[str, Any]) -> None:
        key = ApiKey.objects.filter(pk=options["access_key"]).first()
        if key is None:
            raise CommandError(f"There is no API key {options['access_key']}.")
        api_keys.revoke(actor=Actor(), key=key)
        self.stdout.write(f"{key.access_key} is revoked.")


def _environment(shown: dict[str, str]) -> dict[str, str]:
    """What Scaleway's own tools read."""
    return {
        "SCW_API_URL": shown["api_url"],
        "SCW_ACCESS_KEY": shown["access_key"],
        "SCW_SECRET_KEY": shown["secret_key"],
        "SCW_DEFAULT_PROJECT_ID": shown["default_project_id"],
        "SCW_DEFAULT_ORGANIZATION_ID": shown["organization_id"],
        "SCW_DEFAULT_REGION": shown["region"],
    }


def _shown(row: ApiKey) -> dict[str, Any]:
    return {
        "access_key": row.access_key,
        "owner": row.owner.email,
        "description": row.description,
        "created_at": rfc3339(row.created_at),
        "expires_at": rfc3339(row.expires_at),
        "last_used_at": rfc3339(row.last_used_at),
    }


def _user(email: str | None) -> User:
    active = User.objects.filter(is_active=True).order_by("date_joined")
    found = active.filter(email=email.strip().lower()) if email else active.filter(is_admin=True)
    if (user := found.first()) is None:
        text = f"There is no user {email}." if email else "There is no administrator yet."
        raise CommandError(f"{text} manage.py bootstrap makes the administrator.")
    return user


def _project(owner: User, wanted: str | None) -> Project:
    if wanted is None:
        return sign_in.ensure_project(owner)
    mine = {str(p.pk): p for p in Project.objects.filter(memberships__user=owner)}
    if wanted not in mine:
        raise CommandError(f"--project: {owner.email} has no project {wanted}.")
    return mine[wanted]


def _expiry(days: float | None) -> datetime | None:
    if days is None:
        return None
    if not 0 < days <= 36_600:
        raise CommandError("--expires-in-days must be more than 0 and at most 36600.")
    return datetime.now(UTC) + timedelta(days=days)
