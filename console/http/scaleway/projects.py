"""Projects: ``account/v3``. All belong to the one organization of this installation."""

import uuid
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from console.http.described import describe
from console.http.scaleway import answers, forms, shapes
from console.http.scaleway.views import KeyView, page
from console.http.views import actor, body, checked, person, query
from console.models import Project
from console.models.membership import MAY_OWN, MAY_READ
from console.selectors import access, catalogue
from console.selectors.organization import organization_id
from console.services import projects
from console.services.errors import Denied


class Projects(KeyView):
    tag = "Scaleway: projects"

    @describe("List projects", answers.ProjectList, query=forms.ProjectList)
    def get(self, request: Request) -> Response:
        asked = query(forms.ProjectList, request)
        rows = catalogue.projects(person(request))
        if asked.get("organization_id", organization_id()) != organization_id():
            rows = rows.none()
        if "name" in asked:
            rows = rows.filter(name=asked["name"])
        if "project_ids" in asked:
            rows = rows.filter(pk__in=asked["project_ids"])
        return page("projects", rows, asked, _shape)

    @describe("Create a project", answers.Project, request=forms.ProjectCreate)
    def post(self, request: Request) -> Response:
        asked = body(forms.ProjectCreate, request)
        if asked.get("organization_id") not in (None, organization_id()):
            raise Denied("write", "organization")
        made = projects.create(
            actor=actor(request),
            name=asked["name"],
            owner=person(request),
            description=asked.get("description") or "",
        )
        return Response(_shape(made))


class OneProject(KeyView):
    tag = "Scaleway: projects"

    @describe("Get a project", answers.Project)
    def get(self, request: Request, project_id: str) -> Response:
        return Response(_shape(_found(request, project_id)))

    @describe("Change a project", answers.Project, request=forms.ProjectChange)
    def patch(self, request: Request, project_id: str) -> Response:
        found = _found(request, project_id, MAY_OWN, "write")
        asked = body(forms.ProjectChange, request)
        changes = {field: value for field, value in asked.items() if value is not None}
        if changes:
            found = projects.update(actor=actor(request), project=found, **changes)
        return Response(_shape(found))

    @describe("Delete a project that has no NATS accounts", None)
    def delete(self, request: Request, project_id: str) -> Response:
        found = _found(request, project_id, MAY_OWN, "delete")
        projects.delete(actor=actor(request), project=found)
        return Response(status=204)


def _found(
    request: Request, project_id: str, needed: access.Needed = MAY_READ, action: str = "read"
) -> Project:
    wanted: uuid.UUID = checked(forms.ProjectPath, {"project_id": project_id})["project_id"]
    return access.to_project(person(request), wanted, needed, action)[0]


def _shape(row: Project) -> dict[str, Any]:
    return shapes.project(row, organization_id())
