"""Consumers of a stream: list with their lag, create, pause, delete."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.gateway import jetstream
from console.http.jetstream import answers, forms
from console.http.jetstream.streams import check_name
from console.http.views import View, actor, body, person
from console.lib.times import rfc3339
from console.models.membership import MAY_WRITE
from console.selectors import access
from console.services import nats_user, streams


class Consumers(View):
    @extend_schema(responses=answers.ConsumerList, summary="Consumers of a stream, with their lag")
    def get(self, request: Request, account: str, stream: str) -> Response:
        found = access.to_namespace(person(request), account)
        listed = jetstream.listed(nats_user.of(found), f"CONSUMER.LIST.{stream}", "consumers")
        return Response({"consumers": listed, "total_count": len(listed)})

    @extend_schema(
        request=forms.ConsumerCreate,
        responses={201: answers.Consumer},
        summary="Create a durable pull consumer",
    )
    def post(self, request: Request, account: str, stream: str) -> Response:
        found = access.to_namespace(person(request), account, MAY_WRITE, "write")
        config = body(forms.ConsumerCreate, request)
        check_name("name", config["name"])
        made = streams.create_consumer(
            actor=actor(request), access=found, stream=stream, config=config
        )
        return Response(made, status=201)


class OneConsumer(View):
    @extend_schema(responses=answers.Consumer, summary="A consumer: settings and state")
    def get(self, request: Request, account: str, stream: str, consumer: str) -> Response:
        found = access.to_namespace(person(request), account)
        return Response(jetstream.call(nats_user.of(found), f"CONSUMER.INFO.{stream}.{consumer}"))

    @extend_schema(responses={204: None}, summary="Delete a consumer; the messages stay")
    def delete(self, request: Request, account: str, stream: str, consumer: str) -> Response:
        found = access.to_namespace(person(request), account, MAY_WRITE, "write")
        streams.delete_consumer(actor=actor(request), access=found, stream=stream, name=consumer)
        return Response(status=204)


class Pause(View):
    @extend_schema(
        request=forms.Pause, responses=answers.Paused, summary="Pause a consumer until a time"
    )
    def post(self, request: Request, account: str, stream: str, consumer: str) -> Response:
        found = access.to_namespace(person(request), account, MAY_WRITE, "write")
        until = body(forms.Pause, request)["pause_until"]
        answer = streams.pause_consumer(
            actor=actor(request), access=found, stream=stream, name=consumer,
            until=rfc3339(until) if until else None,
        )  # fmt: skip
        return Response(answer)
