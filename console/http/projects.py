"""Projects and their members."""

import uuid

from rest_framework.request import Request
from rest_framework.response import Response

from console.http import answers, forms, shapes
from console.http.described import describe
from console.http.views import View, actor, body, person
from console.models import Membership, Project, Role
from console.models.membership import MAY_OWN
from console.selectors import access
from console.services import members, projects
from console.services.errors import NotFound


class Projects(View):
    tag = "Projects and members"

    @describe("Your projects", answers.ProjectList)
    def get(self, request: Request) -> Response:
        roles = access.roles_of(person(request))
        rows = Project.objects.filter(pk__in=roles).order_by("created_at")
        found = [shapes.project(row, roles[row.pk]) for row in rows]
        return Response({"projects": found, "total_count": len(found)})

    @describe("Create a project", answers.Project, status=201, request=forms.Named)
    def post(self, request: Request) -> Response:
        name = body(forms.Named, request)["name"]
        made = projects.create(actor=actor(request), name=name, owner=person(request))
        return Response(shapes.project(made, Role.OWNER), status=201)


class OneProject(View):
    tag = "Projects and members"

    @describe("A project", answers.Project)
    def get(self, request: Request, project_id: uuid.UUID) -> Response:
        return Response(shapes.project(*access.to_project(person(request), project_id)))

    @describe("Rename a project", answers.Project, request=forms.Named)
    def patch(self, request: Request, project_id: uuid.UUID) -> Response:
        project, role = access.to_project(person(request), project_id, MAY_OWN, "write")
        name = body(forms.Named, request)["name"]
        return Response(
            shapes.project(projects.update(actor=actor(request), project=project, name=name), role)
        )

    @describe("Delete a project that has no namespaces", None)
    def delete(self, request: Request, project_id: uuid.UUID) -> Response:
        project, _ = access.to_project(person(request), project_id, MAY_OWN, "delete")
        projects.delete(actor=actor(request), project=project)
        return Response(status=204)


class Members(View):
    tag = "Projects and members"

    @describe("Members of a project", answers.MemberList)
    def get(self, request: Request, project_id: uuid.UUID) -> Response:
        project, _ = access.to_project(person(request), project_id)
        rows = project.memberships.select_related("user").order_by("created_at", "pk")
        found = [shapes.member(row) for row in rows]
        return Response({"members": found, "total_count": len(found)})

    @describe("Add a member", answers.Member, status=201, request=forms.MemberCreate)
    def post(self, request: Request, project_id: uuid.UUID) -> Response:
        project, _ = access.to_project(person(request), project_id, MAY_OWN, "write")
        asked = body(forms.MemberCreate, request)
        made = members.add(
            actor=actor(request), project=project, email=asked["email"], role=Role(asked["role"])
        )
        return Response(shapes.member(made), status=201)


class OneMember(View):
    tag = "Projects and members"

    @describe("Change a member's role", answers.Member, request=forms.MemberChange)
    def patch(self, request: Request, project_id: uuid.UUID, user_id: uuid.UUID) -> Response:
        membership = _membership(request, project_id, user_id)
        role = Role(body(forms.MemberChange, request)["role"])
        changed = members.change_role(actor=actor(request), membership=membership, role=role)
        return Response(shapes.member(changed))

    @describe("Remove a member", None)
    def delete(self, request: Request, project_id: uuid.UUID, user_id: uuid.UUID) -> Response:
        membership = _membership(request, project_id, user_id)
        members.remove(actor=actor(request), membership=membership)
        return Response(status=204)


def _membership(request: Request, project_id: uuid.UUID, user_id: uuid.UUID) -> Membership:
    project, _ = access.to_project(person(request), project_id, MAY_OWN, "write")
    rows = project.memberships.select_related("user", "project")
    found: Membership | None = rows.filter(user_id=user_id).first()
    if found is None:
        raise NotFound("member", str(user_id))
    return found
