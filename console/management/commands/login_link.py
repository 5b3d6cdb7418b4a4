"""``manage.py login_link``: prints one sign-in link, and nothing else, to standard output."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email

from console.models import User
from console.services import sign_in


class Command(BaseCommand):
    help = "Print a link that signs a user in once, within 15 minutes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", help="whom the link signs in (default: the administrator)")
        parser.add_argument(
            "--create", action="store_true", help="create this user where it doesn't exist"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user = self._user(options["email"], options["create"])
        self.stdout.write(sign_in.create_link(user=user))

    def _user(self, email: str | None, create: bool) -> User:
        active = User.objects.filter(is_active=True)
        if email is None:
            found = active.filter(is_admin=True).order_by("date_joined").first()
            if found is None:
                raise CommandError("There is no administrator yet: run manage.py bootstrap first.")
            return found
        found = active.filter(email=email.strip().lower()).first()
        if found is None and create:
            try:
                validate_email(email.strip())
            except ValidationError:
                raise CommandError(f"{email!r} isn't an e-mail address.") from None
            return sign_in.create_user(email=email)
        if found is None:
            raise CommandError(f"There is no user {email}: add --create to make one.")
        return found
