"""Around every request: whose Host header we answer to, and what browsers are told to allow."""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, JsonResponse

from console.http.errors import detail, invalid

Answer = Callable[[HttpRequest], HttpResponse]


class Hosts:
    """Refuses a Host header that isn't ours (``settings.HOST_POLICY``)."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            host = request.get_host()
        except DisallowedHost:
            host = ""
        if settings.HOST_POLICY.allows(host):
            return self._answer(request)
        text = "This name isn't one of this console's: set WIREROOM_PUBLIC_URL or WIREROOM_ALLOWED_HOSTS."
        return JsonResponse(invalid(detail("Host", "constraint", text)), status=400)


class SecurityHeaders:
    """The Content-Security-Policy, and what has no setting of Django's.

    Trusted Types are on: no text becomes script or markup. The one policy that may exist turns our own worker's URL
    into a trusted one, since ``new Worker`` takes nothing else.
    """

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._answer(request)
        response.setdefault("Content-Security-Policy", content_security_policy(request.get_host()))
        response.setdefault(
            "Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()"
        )
        response.setdefault("X-Frame-Options", "DENY")
        response.setdefault("X-Content-Type-Options", "nosniff")
        if not request.path.startswith(settings.STATIC_URL):
            response.setdefault("Cache-Control", "no-store")
        return response


def content_security_policy(host: str) -> str:
    """Sockets of this host are named beside ``'self'``, which older browsers apply to HTTP alone."""
    scheme = "wss" if settings.CONSOLE_URL.startswith("https") else "ws"
    return "; ".join(
        (
            "default-src 'self'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            f"connect-src 'self' {scheme}://{host}",
            "worker-src 'self'",
            "object-src 'none'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "require-trusted-types-for 'script'",
            "trusted-types wireroom-worker",
        )
    )
