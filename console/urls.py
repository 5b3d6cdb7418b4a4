"""Every path: the JSON interface, signing in, health, and the page for the rest."""

from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.permissions import AllowAny

import console.http.converters  # noqa: F401 - makes the converters known
from console.http import (
    api_keys,
    broker,
    credentials,
    errors,
    health,
    jwt,
    limits,
    namespaces,
    pages,
    projects,
    publish,
    session,
    sharing,
)
from console.http.jetstream import urls as jetstream

_namespace = "namespaces/<account:account>"
_project = "projects/<uuid:project_id>"

api: list[URLPattern] = [
    path("session", session.Session.as_view()),
    path("session/link", session.SessionLink.as_view()),
    path("session/password", session.SessionPassword.as_view()),
    path("projects", projects.Projects.as_view()),
    path(_project, projects.OneProject.as_view()),
    path(f"{_project}/members", projects.Members.as_view()),
    path(f"{_project}/members/<uuid:user_id>", projects.OneMember.as_view()),
    path("namespaces", namespaces.Namespaces.as_view()),
    path(_namespace, namespaces.OneNamespace.as_view()),
    path(f"{_namespace}/credentials", credentials.Credentials.as_view()),
    path(f"{_namespace}/credentials/<uuid:credential_id>", credentials.OneCredential.as_view()),
    path(f"{_namespace}/credentials/<uuid:credential_id>/rotate", credentials.Rotation.as_view()),
    path(f"{_namespace}/revoke-before", credentials.RevokeBefore.as_view()),
    path(f"{_namespace}/connections", broker.Connections.as_view()),
    path(f"{_namespace}/connections/<int:cid>", broker.OneConnection.as_view()),
    path(f"{_namespace}/publish", publish.Publish.as_view()),
    path(f"{_namespace}/request", publish.RequestReply.as_view()),
    path(f"{_namespace}/activity", broker.Activity.as_view()),
    path(f"{_namespace}/limits", limits.NamespaceLimits.as_view()),
    path(f"{_project}/limits", limits.ProjectLimits.as_view()),
    path(f"{_namespace}/exports", sharing.Exports.as_view()),
    path(f"{_namespace}/exports/<uuid:export_id>", sharing.OneExport.as_view()),
    path(f"{_namespace}/imports", sharing.Imports.as_view()),
    path(f"{_namespace}/imports/<uuid:import_id>", sharing.OneImport.as_view()),
    path(f"{_namespace}/importable", sharing.Importable.as_view()),
    *jetstream.urlpatterns,
    path("api-keys", api_keys.ApiKeys.as_view()),
    path("api-keys/<name:access_key>", api_keys.OneApiKey.as_view()),
    path("broker", broker.Servers.as_view()),
    path("schema", SpectacularJSONAPIView.as_view(permission_classes=[AllowAny])),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/docs", pages.reference),
    path("api/", include(api)),
    path("", include("console.http.scaleway.urls")),
    path("_allauth/", include("allauth.headless.urls")),
    path("healthz", health.healthz),
    path("jwt/v1/accounts/", jwt.resolver),
    path("jwt/v1/accounts/<account:account>", jwt.account),
    re_path(r"^(?:api|mnq|iam|account/v\d\w*|jwt)(?:/|$)", errors.page_not_found),
    re_path(r"^(?!(?:_allauth|static|ws)(?:/|$)).*$", pages.page),
]

handler400 = "console.http.errors.bad_request"
handler403 = "console.http.errors.permission_denied"
handler404 = "console.http.errors.page_not_found"
handler500 = "console.http.errors.server_error"
