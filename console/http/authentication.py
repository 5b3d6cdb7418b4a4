"""Who asks, by the session cookie; and that our own page asks, by the CSRF token."""

from typing import Any

from rest_framework import authentication, exceptions
from rest_framework.request import Request


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
