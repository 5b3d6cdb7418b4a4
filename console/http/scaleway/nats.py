"""NATS accounts and credentials: ``mnq/v1beta1``, nine operations.

What is created works when the answer comes, and what is deleted is out by then: the broker has confirmed either.
"""

import uuid

from rest_framework.request import Request
from rest_framework.response import Response

from console.gateway import broker
from console.http.described import describe
from console.http.handed_over import HandedOver
from console.http.scaleway import answers, forms, shapes
from console.http.scaleway.views import RegionView, key_of, page, require_in_force
from console.http.views import actor, body, checked, person, query
from console.models import ApiKey, Credential, Namespace, Project
from console.models.membership import MAY_OWN, MAY_READ, MAY_WRITE
from console.selectors import access, catalogue
from console.services import credentials, handover, namespaces, sign_in
from console.services.delivery import deliver
from console.services.errors import NotFound

ACCOUNTS, CREDENTIALS = "nats_accounts", "nats_credentials"


class Accounts(RegionView):
    tag = "Scaleway: NATS accounts"

    @describe("List NATS accounts", answers.NatsAccountList, query=forms.AccountList)
    def get(self, request: Request, region: str) -> Response:
        asked = query(forms.AccountList, request)
        rows = catalogue.namespaces(person(request), asked.get("project_id"))
        return page(ACCOUNTS, self.ours(rows), asked, shapes.account)

    @describe("Create a NATS account", answers.NatsAccount, request=forms.AccountCreate)
    def post(self, request: Request, region: str) -> Response:
        self.check_region()
        asked = body(forms.AccountCreate, request)
        project = _project(key_of(request), asked.get("project_id"))
        made = _create(request, project, asked["name"])
        return HandedOver(shapes.account(made, just_made=True), made)


class OneAccount(RegionView):
    tag = "Scaleway: NATS accounts"

    @describe("Get a NATS account", answers.NatsAccount)
    def get(self, request: Request, region: str, nats_account_id: str) -> Response:
        return Response(shapes.account(self._found(request, nats_account_id).namespace))

    @describe("Rename a NATS account", answers.NatsAccount, request=forms.AccountChange)
    def patch(self, request: Request, region: str, nats_account_id: str) -> Response:
        found = self._found(request, nats_account_id, MAY_WRITE, "write").namespace
        name = body(forms.AccountChange, request).get("name")
        if name is not None and name != found.name:
            found, _ = namespaces.rename(actor=actor(request), namespace=found, name=name)
        return Response(shapes.account(found))

    @describe("Delete a NATS account, its credentials, streams and messages", None)
    def delete(self, request: Request, region: str, nats_account_id: str) -> Response:
        try:
            found = self._found(request, nats_account_id, MAY_OWN, "delete").namespace
        except NotFound:
            stone = catalogue.unconfirmed_tombstone(person(request), nats_account_id)
            if stone is None:
                raise
            outcome = deliver(stone)
        else:
            outcome = namespaces.delete(actor=actor(request), namespace=found)
        require_in_force(outcome, "The account is deleted.")
        return Response(status=204)

    def _found(
        self, request: Request, account: str, needed: access.Needed = MAY_READ,
        action: str = "read",
    ) -> access.Access:  # fmt: skip
        checked(forms.AccountPath, {"nats_account_id": account})
        if not self.in_our_region():
            raise NotFound(access.NAMESPACE, account)
        return access.to_namespace(person(request), account, needed, action)


class AllCredentials(RegionView):
    tag = "Scaleway: NATS credentials"

    @describe("List NATS credentials", answers.NatsCredentialsList, query=forms.CredentialsList)
    def get(self, request: Request, region: str) -> Response:
        asked = query(forms.CredentialsList, request)
        rows = catalogue.credentials(
            person(request), asked.get("project_id"), asked.get("nats_account_id")
        )
        columns = {"updated_at": "created_at"}  # they never change
        return page(CREDENTIALS, self.ours(rows), asked, shapes.credentials, columns)

    @describe(
        "Create NATS credentials; their file is in this answer only",
        answers.NatsCredentials,
        request=forms.CredentialsCreate,
    )
    def post(self, request: Request, region: str) -> Response:
        self.check_region()
        asked = body(forms.CredentialsCreate, request)
        account = asked["nats_account_id"]
        found = access.to_namespace(person(request), account, MAY_WRITE, "write").namespace
        if not found.applied:
            require_in_force(deliver(found), "Nothing was created.")
        issued = credentials.issue(actor=actor(request), namespace=found, name=asked["name"])
        made = issued.credential
        return HandedOver(shapes.credentials(made, issued.creds), made)


class OneCredentials(RegionView):
    tag = "Scaleway: NATS credentials"

    @describe("Get NATS credentials, without their file", answers.NatsCredentials)
    def get(self, request: Request, region: str, nats_credentials_id: str) -> Response:
        row = self._found(request, nats_credentials_id)
        if row.revoked_at is not None:
            raise NotFound(access.CREDENTIAL, nats_credentials_id)
        return Response(shapes.credentials(row))

    @describe("Delete NATS credentials: they are revoked, their connections closed", None)
    def delete(self, request: Request, region: str, nats_credentials_id: str) -> Response:
        row = self._found(request, nats_credentials_id, MAY_WRITE, "write")
        if row.revoked_at is not None and row.namespace.applied:
            raise NotFound(access.CREDENTIAL, nats_credentials_id)
        _, outcome = credentials.revoke(actor=actor(request), credential=row)
        require_in_force(outcome, "The credentials are revoked.")
        return Response(status=204)

    def _found(
        self, request: Request, credentials_id: str, needed: access.Needed = MAY_READ,
        action: str = "read",
    ) -> Credential:  # fmt: skip
        wanted = checked(forms.CredentialsPath, {"nats_credentials_id": credentials_id})
        if not self.in_our_region():
            raise NotFound(access.CREDENTIAL, credentials_id)
        return access.to_any_credential(
            person(request), wanted["nats_credentials_id"], needed, action
        )


def _project(key: ApiKey, asked: uuid.UUID | None) -> Project:
    if asked is None:
        default = key.default_project or sign_in.ensure_project(key.owner)
        asked = default.pk
    project, _ = access.to_project(key.owner, asked, MAY_WRITE, "write")
    return project


def _create(request: Request, project: Project, name: str) -> Namespace:
    """A repeated request gets what the first one made; without a broker nothing is made."""
    made = handover.unfinished(key_of(request), project, name)
    if made is None:
        broker.ask("ping")
        made, outcome = namespaces.create(actor=actor(request), project=project, name=name)
    else:
        outcome = deliver(made)
    if not outcome.in_force:
        namespaces.delete(actor=actor(request), namespace=made)
        require_in_force(outcome, "Nothing was created.")
    return made
