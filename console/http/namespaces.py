"""Namespaces: list, create, rename, delete."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from console.http import answers, forms, shapes
from console.http.described import describe
from console.http.handed_over import HandedOver
from console.http.views import View, actor, body, person, query
from console.models import Project, Role
from console.models.membership import MAY_OWN, MAY_WRITE
from console.selectors import access
from console.selectors import namespaces as select
from console.services import namespaces, sign_in
from console.services.errors import InvalidArgument


class Namespaces(View):
    tag = "Namespaces"

    @describe("Namespaces that you may see", answers.NamespaceList, query=forms.NamespaceList)
    def get(self, request: Request) -> Response:
        asked = query(forms.NamespaceList, request)
        size = asked["page_size"]
        seen, total = select.listed(
            person(request),
            project_id=asked.get("project_id"),
            offset=(asked["page"] - 1) * size,
            limit=size,
        )
        return Response({"namespaces": list(map(shapes.namespace, seen)), "total_count": total})

    @describe("Create a namespace", answers.Namespace, status=201, request=forms.NamespaceCreate)
    def post(self, request: Request) -> Response:
        asked = body(forms.NamespaceCreate, request)
        project, role = _project(request, asked)
        made, _ = namespaces.create(actor=actor(request), project=project, name=asked["name"])
        return HandedOver(shapes.namespace(select.one(made, role)), made, status=201)


class OneNamespace(View):
    tag = "Namespaces"

    @describe("A namespace", answers.Namespace)
    def get(self, request: Request, account: str) -> Response:
        found = access.to_namespace(person(request), account)
        return Response(shapes.namespace(select.one(found.namespace, found.role)))

    @describe("Rename a namespace", answers.Namespace, request=forms.Named)
    def patch(self, request: Request, account: str) -> Response:
        found = access.to_namespace(person(request), account, MAY_WRITE, "write")
        name = body(forms.Named, request)["name"]
        renamed, _ = namespaces.rename(actor=actor(request), namespace=found.namespace, name=name)
        return Response(shapes.namespace(select.one(renamed, found.role)))

    @describe("Delete a namespace; its name must be given", None, request=forms.Named)
    def delete(self, request: Request, account: str) -> Response:
        found = access.to_namespace(person(request), account, MAY_OWN, "delete")
        if body(forms.Named, request)["name"] != found.namespace.name:
            raise InvalidArgument("name", "This isn't the namespace's name.")
        namespaces.delete(actor=actor(request), namespace=found.namespace)
        return Response(status=204)


def _project(request: Request, asked: dict[str, Any]) -> tuple[Project, Role]:
    project_id = asked.get("project_id") or sign_in.ensure_project(person(request)).pk
    return access.to_project(person(request), project_id, MAY_WRITE, "write")
