"""Limits of namespaces and projects: members see them, an administrator of this installation sets them."""

import uuid

from rest_framework.request import Request
from rest_framework.response import Response

from console.gateway.claims import Outcome
from console.http import answers, forms, shapes
from console.http.described import describe
from console.http.views import View, actor, body, person
from console.models import Namespace, Project
from console.selectors import access
from console.services import limits, namespaces, projects
from console.services.errors import Denied


class NamespaceLimits(View):
    tag = "Limits"

    @describe("Limits of a namespace", answers.NamespaceLimits)
    def get(self, request: Request, account: str) -> Response:
        return Response(_of_namespace(_namespace(request, account, "read")))

    @describe(
        "Set limits of a namespace; null brings the default back",
        answers.NamespaceLimits,
        request=forms.NamespaceLimits,
    )
    def patch(self, request: Request, account: str) -> Response:
        found = _namespace(request, account, "write")
        changes = body(forms.NamespaceLimits, request)
        changed, outcome = namespaces.limit(actor=actor(request), namespace=found, changes=changes)
        return Response(_of_namespace(changed, outcome))


class ProjectLimits(View):
    tag = "Limits"

    @describe("Limits of a project", answers.ProjectLimits)
    def get(self, request: Request, project_id: uuid.UUID) -> Response:
        return Response(_of_project(_project(request, project_id, "read")))

    @describe(
        "Set limits of a project; null brings the default back",
        answers.ProjectLimits,
        request=forms.ProjectLimits,
    )
    def patch(self, request: Request, project_id: uuid.UUID) -> Response:
        found = _project(request, project_id, "write")
        changes = body(forms.ProjectLimits, request)
        return Response(
            _of_project(projects.limit(actor=actor(request), project=found, changes=changes))
        )


def _namespace(request: Request, account: str, action: str) -> Namespace:
    user = person(request)
    if user.is_admin and (found := Namespace.objects.filter(pk=account).first()):
        return found
    member = access.to_namespace(user, account)
    if action != "read":
        raise Denied(action, "limits")
    return member.namespace


def _project(request: Request, project_id: uuid.UUID, action: str) -> Project:
    user = person(request)
    if user.is_admin and (found := Project.objects.filter(pk=project_id).first()):
        return found
    project, _ = access.to_project(user, project_id)
    if action != "read":
        raise Denied(action, "limits")
    return project


def _of_namespace(row: Namespace, outcome: Outcome | None = None) -> shapes.Shape:
    in_force = row.applied if outcome is None else outcome.in_force
    return {
        "limits": limits.of_namespace(row),
        "set": row.limits,
        "broker": shapes.broker_state(in_force),
    }


def _of_project(row: Project) -> shapes.Shape:
    return {"limits": limits.of_project(row), "set": row.limits}
