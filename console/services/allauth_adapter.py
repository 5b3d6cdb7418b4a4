"""What allauth asks of us: whether people may sign up, and how secrets of second factors are kept."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.http import HttpRequest

from console.services import keys

_CONTEXT = "mfa"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.SIGN_UP == "open")

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """None is sent (``settings.EMAIL_BACKEND``), so none is rendered."""


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """TOTP secrets and recovery seeds are sealed like every other secret in the database."""

    def encrypt(self, text: str) -> str:
        return keys.sealer().seal(text, _CONTEXT)

    def decrypt(self, encrypted_text: str) -> str:
        return keys.sealer().open(encrypted_text, _CONTEXT)
