"""Who is signed in, one-time links, passwords. The rest of signing in is allauth's (``/_allauth/browser/v1``)."""

from typing import Any

from django.conf import settings
from django.contrib.auth import login, update_session_auth_hash
from django.http import HttpRequest
from django.middleware.csrf import get_token
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import AnonRateThrottle, UserRateThrottle

from console.http import answers, forms, shapes
from console.http.authentication import SessionAuthentication
from console.http.described import describe
from console.http.views import View, address, body, person
from console.models import Project, User
from console.selectors.access import roles_of
from console.services import sign_in


class LinkThrottle(AnonRateThrottle):
    scope = "sign_in_link"


class PasswordThrottle(UserRateThrottle):
    scope = "password"


class Session(View):
    tag = "Signing in"

    authentication_classes = [SessionAuthentication]
    permission_classes = [AllowAny]

    @describe("Who is signed in, and where NATS is", answers.Session)
    def get(self, request: Request) -> Response:
        return Response(state_of(request._request))


class SessionLink(View):
    """Signs in by a one-time link. Whoever holds one has the shell or an administrator's word: no second factor."""

    tag = "Signing in"

    authentication_classes = [SessionAuthentication]
    permission_classes = [AllowAny]
    throttle_classes = [LinkThrottle]

    @describe("Use a one-time link", answers.Session, request=forms.LinkToken)
    def post(self, request: Request) -> Response:
        token = body(forms.LinkToken, request)["token"]
        user = sign_in.use_link(token=token, address=address(request))
        login(request._request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
        return Response(state_of(request._request))


class SessionPassword(View):
    """A program can't set its owner's password: only who is signed in can."""

    tag = "Signing in"

    authentication_classes = [SessionAuthentication]
    throttle_classes = [PasswordThrottle]

    @describe("Set a password", answers.Session, request=forms.NewPassword)
    def post(self, request: Request) -> Response:
        user = person(request)
        sign_in.set_password(
            user=user, address=address(request), **body(forms.NewPassword, request)
        )
        update_session_auth_hash(request._request, user)
        return Response(state_of(request._request))


def state_of(request: HttpRequest) -> dict[str, Any]:
    user = request.user if isinstance(request.user, User) else None
    return {
        "user": shapes.user(user) if user else None,
        "sign_up": settings.SIGN_UP,
        "projects": _projects(user) if user else [],
        "nats": {"url": settings.NATS_URL, "ws_url": settings.WS_URL},
        "version": settings.VERSION,
        "csrf_token": get_token(request),
    }


def _projects(user: User) -> list[dict[str, Any]]:
    roles = roles_of(user)
    rows = Project.objects.filter(pk__in=roles).order_by("created_at")
    return [shapes.project(row, roles[row.pk]) for row in rows]
