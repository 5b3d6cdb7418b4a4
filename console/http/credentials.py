"""Credentials: list, create (the only time the seed is seen), revoke."""

import uuid

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from console.http import answers, forms, shapes
from console.http.described import describe
from console.http.handed_over import HandedOver
from console.http.views import View, actor, body, person
from console.lib.times import rfc3339
from console.models.membership import MAY_OWN, MAY_WRITE
from console.selectors import access, connections
from console.services import credentials, terms


class Credentials(View):
    tag = "Credentials"

    @describe("Credentials of a namespace, newest first", answers.CredentialList)
    def get(self, request: Request, account: str) -> Response:
        namespace = access.to_namespace(person(request), account).namespace
        rows = namespace.credentials.select_related("created_by").order_by("-created_at", "id")
        live, now = connections.by_user(account), timezone.now()
        found = [
            shapes.credential(row, now, None if live is None else live.get(row.public_key, 0))
            for row in rows
        ]
        return Response({"credentials": found, "total_count": len(found)})

    @describe(
        "Create a credential; its .creds file is in this answer only",
        answers.CredentialMade,
        status=201,
        request=forms.CredentialCreate,
    )
    def post(self, request: Request, account: str) -> Response:
        namespace = access.to_namespace(person(request), account, MAY_WRITE, "write").namespace
        asked = body(forms.CredentialCreate, request)
        name = asked.pop("name")
        issued = credentials.issue(
            actor=actor(request), namespace=namespace, name=name, terms=terms.check(**asked)
        )
        return _made(issued)


def _made(issued: credentials.Issued) -> HandedOver:
    answer = {
        "credential": shapes.credential(issued.credential, timezone.now(), 0),
        "creds": issued.creds,
        "file_name": f"{issued.credential.name[:200]}.creds",
    }
    return HandedOver(answer, issued.credential, status=201)


class OneCredential(View):
    tag = "Credentials"

    @describe("A credential", answers.Credential)
    def get(self, request: Request, account: str, credential_id: uuid.UUID) -> Response:
        namespace = access.to_namespace(person(request), account).namespace
        row = access.to_credential(namespace, credential_id)
        live = connections.by_user(account)
        count = None if live is None else live.get(row.public_key, 0)
        return Response(shapes.credential(row, timezone.now(), count))

    @describe("Revoke a credential and close its connections", answers.CredentialRevoked)
    def delete(self, request: Request, account: str, credential_id: uuid.UUID) -> Response:
        namespace = access.to_namespace(person(request), account, MAY_WRITE, "write").namespace
        row = access.to_credential(namespace, credential_id)
        revoked, outcome = credentials.revoke(actor=actor(request), credential=row)
        return Response(
            {
                "credential": shapes.credential(revoked, timezone.now(), None),
                "broker": shapes.broker_state(outcome.in_force),
                "closed_connections": outcome.closed,
            }
        )


class Rotation(View):
    tag = "Credentials"

    @describe(
        "Replace a credential by one with the same name, terms and lifetime; the old one is revoked after the overlap",
        answers.CredentialMade,
        status=201,
        request=forms.Rotate,
    )
    def post(self, request: Request, account: str, credential_id: uuid.UUID) -> Response:
        namespace = access.to_namespace(person(request), account, MAY_WRITE, "write").namespace
        row = access.to_credential(namespace, credential_id)
        issued, _ = credentials.rotate(
            actor=actor(request), credential=row, **body(forms.Rotate, request)
        )
        return _made(issued)


class RevokeBefore(View):
    tag = "Credentials"

    @describe(
        "Revoke whatever was issued before a time, and close its connections",
        answers.RevokedBefore,
        request=forms.RevokeBefore,
    )
    def post(self, request: Request, account: str) -> Response:
        namespace = access.to_namespace(person(request), account, MAY_OWN, "write").namespace
        before = body(forms.RevokeBefore, request).get("before") or timezone.now()
        count, outcome = credentials.revoke_issued_before(
            actor=actor(request), namespace=namespace, before=before
        )
        return Response(
            {
                "before": rfc3339(before),
                "revoked": count,
                "broker": shapes.broker_state(outcome.in_force),
                "closed_connections": outcome.closed,
            }
        )
