"""Who asks: a program by its API key, a person by the session cookie (the CSRF token says that our own page asks)."""

from typing import Any

from rest_framework import authentication, exceptions
from rest_framework.request import Request

from console.http.rates import count_refusal
from console.models import ApiKey, User
from console.services import api_keys

API_KEY_HEADER = "X-Auth-Token"


class KeyRefused(exceptions.AuthenticationFailed):
    """``reason`` is the wire's: invalid_argument (absent, malformed), not_found, expired."""

    def __init__(self, reason: str) -> None:
        super().__init__("authentication is denied")
        self.reason = reason


class ApiKeyAuthentication(authentication.BaseAuthentication):
    """``X-Auth-Token: <secret key>``. Without the header somebody else may know who asks."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        secret = request.headers.get(API_KEY_HEADER)
        if secret is None:
            return None
        try:
            key = api_keys.authenticate(secret)
        except api_keys.Refused as refused:
            count_refusal(request)
            raise KeyRefused(refused.reason) from None
        return key.owner, key

    def authenticate_header(self, request: Request) -> str:
        """With it DRF answers 401 instead of 403 to whom it doesn't know."""
        return API_KEY_HEADER


class SessionAuthentication(authentication.SessionAuthentication):
    """DRF's, but CSRF is checked for the anonymous too: a stranger's page must not sign anybody in either."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        self.enforce_csrf(request)
        user = getattr(request._request, "user", None)
        if user is None or not user.is_active:
            return None
        return user, None

    def authenticate_header(self, request: Request) -> str:
        """With it DRF answers 401 instead of 403 to whom it doesn't know."""
        return "Session"

    def enforce_csrf(self, request: Any) -> None:
        try:
            super().enforce_csrf(request)
        except exceptions.PermissionDenied:
            raise exceptions.PermissionDenied(
                "The CSRF token is missing or wrong: load the page again."
            ) from None
