"""What every view of the JSON interface shares: who asks, and how a body is read."""

from typing import Any, cast

from django.conf import settings
from rest_framework.request import Request
from rest_framework.views import APIView

from console.http.forms import Form, Query
from console.lib.addresses import client_address
from console.models import ApiKey, User
from console.services.audit import Actor


class View(APIView):
    """Signed-in people and API keys only, unless a view says otherwise. ``tag`` groups views in the description."""

    tag = ""


def person(request: Request) -> User:
    return cast(User, request.user)


def actor(request: Request) -> Actor:
    """Who is written into the audit trail."""
    if isinstance(request.auth, ApiKey):
        return Actor.program(request.auth, address(request))
    return Actor.person(person(request), address(request))


def address(request: Request) -> str:
    return client_address(request.META, settings.TRUSTED_PROXIES)


def body(form: type[Form], request: Request) -> dict[str, Any]:
    """The checked fields. Raises DRF's ValidationError, which becomes a 400 that names them."""
    return checked(form, request.data or {})


def query(form: type[Query], request: Request) -> dict[str, Any]:
    """The checked parameters of the URL; as ``body``."""
    return checked(form, form.plain(request._request.GET))


def checked(form: type[Form], values: Any) -> dict[str, Any]:
    filled = form(data=values)
    filled.is_valid(raise_exception=True)
    return dict(filled.validated_data)
