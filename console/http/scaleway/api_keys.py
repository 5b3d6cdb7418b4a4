"""API keys: ``iam/v1alpha1``. A program sees, makes and revokes the keys of the person as whom it acts."""

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from console.http.described import describe
from console.http.scaleway import answers, forms, shapes
from console.http.scaleway.views import KeyView, key_of, page
from console.http.views import actor, body, person, query
from console.models import ApiKey, Project, User
from console.selectors import access, catalogue
from console.selectors.organization import organization_id
from console.services import api_keys, sign_in
from console.services.errors import Denied, NotFound


class ApiKeys(KeyView):
    tag = "Scaleway: API keys"

    @describe("List API keys", answers.ApiKeyList, query=forms.ApiKeyList)
    def get(self, request: Request) -> Response:
        asked = query(forms.ApiKeyList, request)
        rows = _filtered(catalogue.api_keys(person(request)), person(request), asked)
        return page("api_keys", rows, asked, shapes.api_key)

    @describe(
        "Create an API key; its secret key is in this answer only",
        answers.ApiKey,
        request=forms.ApiKeyCreate,
    )
    def post(self, request: Request) -> Response:
        asked = body(forms.ApiKeyCreate, request)
        asker = key_of(request)
        if asked.get("user_id") not in (None, asker.owner_id):
            raise Denied("write", "api_key")
        made = api_keys.create(
            actor=actor(request),
            owner=asker.owner,
            project=_project(asker, asked.get("default_project_id")),
            description=asked.get("description") or "",
            expires_at=asked.get("expires_at"),
            within=asker.expires_at,
        )
        return Response(shapes.api_key(made.key, made.secret_key))


class OneApiKey(KeyView):
    tag = "Scaleway: API keys"

    @describe("Get an API key", answers.ApiKey)
    def get(self, request: Request, access_key: str) -> Response:
        return Response(shapes.api_key(_found(request, access_key)))

    @describe("Change an API key", answers.ApiKey, request=forms.ApiKeyChange)
    def patch(self, request: Request, access_key: str) -> Response:
        asked = body(forms.ApiKeyChange, request)
        project_id = asked.get("default_project_id")
        key = api_keys.update(
            actor=actor(request),
            key=_found(request, access_key),
            description=asked.get("description"),
            project=None if project_id is None else _project(key_of(request), project_id),
            expires_at=asked.get("expires_at"),
            within=key_of(request).expires_at,
        )
        return Response(shapes.api_key(key))

    @describe("Revoke an API key", None)
    def delete(self, request: Request, access_key: str) -> Response:
        api_keys.revoke(actor=actor(request), key=_found(request, access_key))
        return Response(status=204)


def _found(request: Request, access_key: str) -> ApiKey:
    rows = catalogue.api_keys(person(request))
    found = rows.filter(pk=access_key).first() if access_key.isascii() else None
    if found is None:
        raise NotFound(api_keys.RESOURCE, access_key)
    return found


def _project(asker: ApiKey, wanted: Any) -> Project:
    if wanted is None:
        return asker.default_project or sign_in.ensure_project(asker.owner)
    return access.to_project(asker.owner, wanted)[0]


def _filtered(rows: "QuerySet[ApiKey]", user: User, asked: dict[str, Any]) -> "QuerySet[ApiKey]":
    """All keys here are editable and belong to a user of this organization: what asks for others finds none."""
    mine = (
        asked.get("organization_id", organization_id()) == organization_id()
        and "application_id" not in asked
        and asked.get("bearer_type") != "application"
        and asked.get("user_id", user.pk) == user.pk
        and asked.get("bearer_id", user.pk) == user.pk
        and asked.get("editable") is not False
    )
    if not mine:
        return rows.none()
    if "access_key" in asked:
        rows = rows.filter(pk=asked["access_key"])
    if "access_keys" in asked:
        rows = rows.filter(pk__in=asked["access_keys"])
    if "description" in asked:
        rows = rows.filter(description=asked["description"])
    if asked.get("expired") is not None:
        past = _ended(timezone.now())
        rows = rows.filter(past) if asked["expired"] else rows.exclude(past)
    return rows


def _ended(now: datetime) -> Q:
    return Q(expires_at__isnull=False) & Q(expires_at__lte=now)
