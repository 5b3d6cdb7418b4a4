"""Streams: list, create, look at, change, purge, delete."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.gateway import jetstream
from console.http import forms as general
from console.http.jetstream import answers, forms
from console.http.views import View, actor, body, person
from console.models.membership import MAY_WRITE
from console.selectors import access
from console.services import nats_user, streams
from console.services.errors import InvalidArgument

#: What no subject may hold in the place of a name.
NOT_IN_NAMES = frozenset(" .*>/\\\t\r\n\f\0")


class Account(View):
    @extend_schema(
        responses=answers.JetStreamAccount, summary="What JetStream holds, and its limits"
    )
    def get(self, request: Request, account: str) -> Response:
        found = access.to_namespace(person(request), account)
        return Response(jetstream.call(nats_user.of(found), "INFO"))


class Streams(View):
    @extend_schema(responses=answers.StreamList, summary="Streams of a namespace, buckets' too")
    def get(self, request: Request, account: str) -> Response:
        found = access.to_namespace(person(request), account)
        listed = jetstream.listed(nats_user.of(found), "STREAM.LIST", "streams")
        return Response({"streams": listed, "total_count": len(listed)})

    @extend_schema(
        request=forms.StreamCreate, responses={201: answers.Stream}, summary="Create a stream"
    )
    def post(self, request: Request, account: str) -> Response:
        found = access.to_namespace(person(request), account, MAY_WRITE, "write")
        config = body(forms.StreamCreate, request)
        check_name("name", config["name"])
        return Response(
            streams.create(actor=actor(request), access=found, config=config), status=201
        )


class OneStream(View):
    @extend_schema(responses=answers.Stream, summary="A stream: settings and state")
    def get(self, request: Request, account: str, stream: str) -> Response:
        found = access.to_namespace(person(request), account)
        return Response(jetstream.call(nats_user.of(found), f"STREAM.INFO.{stream}"))

    @extend_schema(
        request=forms.StreamSettings,
        responses=answers.Stream,
        summary="Change settings of a stream; what isn't given stays",
    )
    def patch(self, request: Request, account: str, stream: str) -> Response:
        found = access.to_namespace(person(request), account, MAY_WRITE, "write")
        changes = body(forms.StreamSettings, request)
        made = streams.update(actor=actor(request), access=found, name=stream, changes=changes)
        return Response(made)

    @extend_schema(
        request=general.Named,
        responses={204: None},
        summary="Delete a stream with its messages; its name must be given",
    )
    def delete(self, request: Request, account: str, stream: str) -> Response:
        found = access.to_namespace(person(request), account, MAY_WRITE, "write")
        confirm("name", body(general.Named, request)["name"], stream)
        streams.delete(actor=actor(request), access=found, name=stream)
        return Response(status=204)


class Purge(View):
    @extend_schema(
        request=forms.Purge, responses=answers.Purged, summary="Delete messages of a stream"
    )
    def post(self, request: Request, account: str, stream: str) -> Response:
        found = access.to_namespace(person(request), account, MAY_WRITE, "write")
        which = body(forms.Purge, request)
        if "seq" in which and "keep" in which:
            raise InvalidArgument("keep", "Give seq or keep, not both.")
        count = streams.purge(actor=actor(request), access=found, name=stream, which=which)
        return Response({"purged": count})


def check_name(argument: str, name: str) -> None:
    """Before it becomes a part of a subject."""
    if not name or NOT_IN_NAMES & set(name) or not name.isprintable():
        raise InvalidArgument(argument, "A name has no blanks, dots, *, >, / and \\.", "format")


def confirm(argument: str, given: Any, name: str) -> None:
    if given != name:
        raise InvalidArgument(argument, f"This isn't its name, {name}.")
