"""API keys of whoever asks: list, create (the only time the secret key is seen), revoke."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from console.http import answers, forms, shapes
from console.http.described import describe
from console.http.views import View, actor, body, person
from console.models import ApiKey
from console.selectors import access, catalogue
from console.selectors.organization import organization_id
from console.services import api_keys, sign_in
from console.services.errors import NotFound


class ApiKeys(View):
    tag = "API keys"

    @describe("Your API keys, newest first", answers.ApiKeyList)
    def get(self, request: Request) -> Response:
        rows = catalogue.api_keys(person(request)).order_by("-created_at", "pk")
        found = [shapes.api_key(row) for row in rows]
        return Response({"api_keys": found, "total_count": len(found)})

    @describe(
        "Create an API key; its secret key is in this answer only",
        answers.ApiKeyMade,
        status=201,
        request=forms.ApiKeyCreate,
    )
    def post(self, request: Request) -> Response:
        asked, owner = body(forms.ApiKeyCreate, request), person(request)
        if "project_id" in asked:
            project, _ = access.to_project(owner, asked["project_id"])
        else:
            project = sign_in.ensure_project(owner)
        lifetime_s = asked.get("expires_in_s")
        made = api_keys.create(
            actor=actor(request),
            owner=owner,
            project=project,
            description=asked.get("description", ""),
            expires_at=timezone.now() + timedelta(seconds=lifetime_s) if lifetime_s else None,
            within=request.auth.expires_at if isinstance(request.auth, ApiKey) else None,
        )
        answer = {
            "api_key": shapes.api_key(made.key),
            "secret_key": made.secret_key,
            "organization_id": str(organization_id()),
            "region": settings.REGION,
            "api_url": settings.CONSOLE_URL,
        }
        return Response(answer, status=201, headers={"Cache-Control": "no-store"})


class OneApiKey(View):
    tag = "API keys"

    @describe("Revoke an API key", None)
    def delete(self, request: Request, access_key: str) -> Response:
        found = catalogue.api_keys(person(request)).filter(pk=access_key).first()
        if found is None:
            raise NotFound(api_keys.RESOURCE, access_key)
        api_keys.revoke(actor=actor(request), key=found)
        return Response(status=204)
