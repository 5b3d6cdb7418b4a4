"""Namespaces: list, create, rename, delete."""

import uuid
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.http import forms, shapes
from console.http.handed_over import HandedOver
from console.http.views import View, actor, body, person
from console.models import Project, Role
from console.models.membership import MAY_OWN, MAY_WRITE
from console.selectors import access
from console.selectors import namespaces as select
from console.services import namespaces, sign_in
from console.services.errors import InvalidArgument

PAGE_MAX = 1000


class Namespaces(View):
    @extend_schema(
        parameters=[
            OpenApiParameter("project_id", OpenApiTypes.UUID, description="Only this project's"),
            OpenApiParameter("page", OpenApiTypes.INT, description="From 1"),
            OpenApiParameter("page_size", OpenApiTypes.INT, description=f"1 to {PAGE_MAX}"),
        ],
        responses=OpenApiTypes.OBJECT,
        summary="Namespaces that you may see",
    )
    def get(self, request: Request) -> Response:
        size = _number(request, "page_size", PAGE_MAX, PAGE_MAX)
        page = _number(request, "page", 1, 10**9)
        seen, total = select.listed(
            person(request), project_id=_project_id(request), offset=(page - 1) * size, limit=size
        )
        return Response({"namespaces": list(map(shapes.namespace, seen)), "total_count": total})

    @extend_schema(
        request=forms.NamespaceCreate,
        responses={201: OpenApiTypes.OBJECT},
        summary="Create a namespace",
    )
    def post(self, request: Request) -> Response:
        asked = body(forms.NamespaceCreate, request)
        project, role = _project(request, asked)
        made, _ = namespaces.create(actor=actor(request), project=project, name=asked["name"])
        return HandedOver(shapes.namespace(select.one(made, role)), made, status=201)


class OneNamespace(View):
    @extend_schema(responses=OpenApiTypes.OBJECT, summary="A namespace")
    def get(self, request: Request, account: str) -> Response:
        found = access.to_namespace(person(request), account)
        return Response(shapes.namespace(select.one(found.namespace, found.role)))

    @extend_schema(request=forms.Named, responses=OpenApiTypes.OBJECT, summary="Rename a namespace")
    def patch(self, request: Request, account: str) -> Response:
        found = access.to_namespace(person(request), account, MAY_WRITE, "write")
        name = body(forms.Named, request)["name"]
        renamed, _ = namespaces.rename(actor=actor(request), namespace=found.namespace, name=name)
        return Response(shapes.namespace(select.one(renamed, found.role)))

    @extend_schema(
        request=forms.Named,
        responses={204: None},
        summary="Delete a namespace; its name must be given",
    )
    def delete(self, request: Request, account: str) -> Response:
        found = access.to_namespace(person(request), account, MAY_OWN, "delete")
        if body(forms.Named, request)["name"] != found.namespace.name:
            raise InvalidArgument("name", "This isn't the namespace's name.")
        namespaces.delete(actor=actor(request), namespace=found.namespace)
        return Response(status=204)


def _project(request: Request, asked: dict[str, Any]) -> tuple[Project, Role]:
    project_id = asked.get("project_id") or sign_in.ensure_project(person(request)).pk
    return access.to_project(person(request), project_id, MAY_WRITE, "write")


def _project_id(request: Request) -> uuid.UUID | None:
    text = request.query_params.get("project_id")
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        raise InvalidArgument("project_id", "This isn't a UUID.", "format") from None


def _number(request: Request, name: str, default: int, high: int) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 12 and 1 <= int(text) <= high):
        raise InvalidArgument(name, f"This must be a whole number from 1 to {high}.")
    return int(text)
