"""Paths, without trailing slashes."""

from django.urls import URLPattern, path

import console.http.converters  # noqa: F401 - makes the converters known
from console.http.scaleway import api_keys, nats, projects, users

_region = "mnq/v1beta1/regions/<name:region>"
_projects = "account/v3/projects"
_keys = "iam/v1alpha1/api-keys"

urlpatterns: list[URLPattern] = [
    path(f"{_region}/nats-accounts", nats.Accounts.as_view()),
    path(f"{_region}/nats-accounts/<account:nats_account_id>", nats.OneAccount.as_view()),
    path(f"{_region}/nats-credentials", nats.AllCredentials.as_view()),
    path(f"{_region}/nats-credentials/<name:nats_credentials_id>", nats.OneCredentials.as_view()),
    path(_projects, projects.Projects.as_view()),
    path(f"{_projects}/<name:project_id>", projects.OneProject.as_view()),
    path(_keys, api_keys.ApiKeys.as_view()),
    path(f"{_keys}/<name:access_key>", api_keys.OneApiKey.as_view()),
    path("iam/v1alpha1/users/<name:user_id>", users.OneUser.as_view()),
    path("iam/v1alpha1/policies", users.Policies.as_view()),
]
