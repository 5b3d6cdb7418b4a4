"""Messages of a stream: a page of them, one whole, deleting one."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.gateway import jetstream
from console.http.jetstream import answers, shapes
from console.http.views import View, actor, person
from console.lib.subjects import problem_of_filter
from console.models.membership import MAY_WRITE
from console.selectors import access
from console.services import nats_user, streams
from console.services.errors import InvalidArgument

LIMIT = 50
LIMIT_MAX = 200
SEQ_MAX = 2**63 - 1


class Messages(View):
    @extend_schema(
        parameters=[
            OpenApiParameter("seq", OpenApiTypes.INT, description="Where to begin"),
            OpenApiParameter(
                "order", str, enum=["newest", "oldest"], description="Default: newest"
            ),
            OpenApiParameter("subject", str, description="A filter; wildcards allowed"),
            OpenApiParameter("limit", OpenApiTypes.INT, description=f"1 to {LIMIT_MAX}"),
        ],
        responses=answers.MessagePage,
        summary="Messages by sequence, newest first unless asked otherwise; nothing is taken from the stream",
    )
    def get(self, request: Request, account: str, stream: str) -> Response:
        found = access.to_namespace(person(request), account)
        subject = request.query_params.get("subject") or ">"
        if problem := problem_of_filter(subject):
            raise InvalidArgument("subject", f"The subject {problem}.", "format")
        limit = number(request, "limit", LIMIT, LIMIT_MAX)
        who = nats_user.of(found)
        state = jetstream.call(who, f"STREAM.INFO.{stream}")["state"]
        first, last = int(state["first_seq"]), int(state["last_seq"])
        newest = _order(request) == "newest"
        seq = number(request, "seq", last if newest else max(first, 1), SEQ_MAX, low=0)
        if newest:
            page = jetstream.backward(who, stream, subject, (first, min(seq, last)), limit)
            page.messages.reverse()
        else:
            page = jetstream.forward(who, stream, subject, max(seq, first, 1), limit)
        return Response(_answer(page, newest, first, last))


class OneMessage(View):
    @extend_schema(responses=answers.Message, summary="A message, whole")
    def get(self, request: Request, account: str, stream: str, seq: int) -> Response:
        found = access.to_namespace(person(request), account)
        stored = jetstream.message(nats_user.of(found), stream, seq=seq)
        return Response(shapes.message(stored, len(stored.payload)))

    @extend_schema(responses={204: None}, summary="Delete a message and overwrite its bytes")
    def delete(self, request: Request, account: str, stream: str, seq: int) -> Response:
        found = access.to_namespace(person(request), account, MAY_WRITE, "write")
        streams.delete_message(actor=actor(request), access=found, name=stream, seq=seq)
        return Response(status=204)


def _answer(page: jetstream.Page, newest: bool, first: int, last: int) -> dict[str, Any]:
    """``next`` is the sequence at which the next page begins, null at the end."""
    following = None
    if page.messages:
        following = page.messages[-1].seq + (-1 if newest else 1)
        if not first <= following <= last:
            following = None
    return {
        "messages": list(map(shapes.message, page.messages)),
        "first_seq": first,
        "last_seq": last,
        "next": following,
        "complete": page.complete,
    }


def _order(request: Request) -> str:
    order = request.query_params.get("order", "newest")
    if order not in ("newest", "oldest"):
        raise InvalidArgument("order", "This must be newest or oldest.")
    return str(order)


def number(request: Request, name: str, default: int, high: int, low: int = 1) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and low <= int(text) <= high):
        raise InvalidArgument(name, f"This must be a whole number from {low} to {high}.")
    return int(text)
