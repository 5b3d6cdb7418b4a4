"""Django's handle on this package."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "console"
    verbose_name = "Wireroom"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from console.services import sign_in

        sign_in.listen()
