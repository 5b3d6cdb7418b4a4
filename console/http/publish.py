"""Publishing and requesting from the page, as a short-lived NATS user of the namespace."""

import base64
import time
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from console.gateway import nats
from console.http import answers, forms
from console.http.described import describe
from console.http.views import View, body, person
from console.lib.subjects import problem_of_literal
from console.lib.times import rfc3339
from console.models.membership import MAY_WRITE
from console.selectors import access
from console.services import nats_user
from console.services.errors import InvalidArgument


class Publish(View):
    tag = "Messages"

    @describe("Publish a message", answers.Published, request=forms.Publish)
    def post(self, request: Request, account: str) -> Response:
        found = access.to_namespace(person(request), account, MAY_WRITE, "publish")
        message = _message(body(forms.Publish, request))
        nats.publish(nats_user.of(found), message)
        return Response({"published_at": rfc3339(time.time()), "bytes": len(message.payload)})


class RequestReply(View):
    tag = "Messages"

    @describe("Request and wait", answers.Reply, request=forms.RequestReply)
    def post(self, request: Request, account: str) -> Response:
        found = access.to_namespace(person(request), account, MAY_WRITE, "publish")
        asked = body(forms.RequestReply, request)
        if asked["reply"]:
            raise InvalidArgument("reply", "A request has its own reply subject.")
        started = time.monotonic()
        try:
            reply = nats.request(nats_user.of(found), _message(asked), asked["timeout_ms"] / 1000)
        except nats.NoReply:
            return Response({"type": "no_reply", "message": "Nobody replied in time."}, status=504)
        except nats.NoResponders:
            return Response(
                {"type": "no_responders", "message": "Nobody subscribes to this subject."},
                status=404,
            )
        return Response(_answer(reply, time.monotonic() - started))


def _answer(reply: nats.Message, elapsed_s: float) -> dict[str, Any]:
    return {
        "subject": reply.subject,
        "headers": reply.headers,
        "payload_base64": base64.b64encode(reply.payload).decode(),
        "elapsed_ms": round(elapsed_s * 1000, 3),
        "status": reply.status or None,
    }


def _message(asked: dict[str, Any]) -> nats.Message:
    for argument in ("subject", "reply"):
        value = asked[argument]
        if (value or argument == "subject") and (problem := problem_of_literal(value)):
            raise InvalidArgument(argument, f"The {argument} {problem}.", "format")
    headers = asked.get("headers") or {}
    for name, values in headers.items():
        _check_header(name, values)
    return nats.Message(asked["subject"], asked["reply"], headers, asked["body"])


def _check_header(name: str, values: list[str]) -> None:
    if (
        not name
        or len(name) > 256
        or not name.isascii()
        or not name.isprintable()
        or set(name) & set(": ")
    ):
        raise InvalidArgument(
            "headers", "A header's name is printable ASCII without colons and blanks."
        )
    if not values or any("\r" in value or "\n" in value for value in values):
        raise InvalidArgument("headers", "A header has at least one value, without line breaks.")
