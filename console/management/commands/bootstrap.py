"""``manage.py bootstrap``: everything that an installation needs before it can serve; harmless to repeat."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from console.lib.static_files import is_collected, note_collected
from console.services import sign_in
from console.services.operator import ensure_operator

ADMINISTRATOR = "admin@localhost.localdomain"


class Command(BaseCommand):
    help = "Migrate the database and create the operator, the system account and the administrator."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", default=ADMINISTRATOR, help="the administrator's address")
        parser.add_argument("--no-static", action="store_true", help="leave static files alone")

    def handle(self, *args: Any, **options: Any) -> None:
        settings.DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
        call_command("migrate", interactive=False, verbosity=0, skip_checks=True)
        ensure_operator()
        sign_in.ensure_administrator(options["email"])
        if not options["no_static"]:
            self._collect_static()

    def _collect_static(self) -> None:
        """Without it, or where it fails, whitenoise serves the files from their source directory, without hashes."""
        try:
            if not is_collected():
                call_command("collectstatic", interactive=False, verbosity=0, skip_checks=True)
                note_collected()
        except (ValueError, OSError) as error:
            # An old list of names would go on serving the old files.
            (settings.STATIC_ROOT / "staticfiles.json").unlink(missing_ok=True)
            self.stderr.write(f"Static files are served without hashes: {error}")
