"""Key-value buckets: list, create, delete; their keys, and the history of one."""

import re
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.gateway import jetstream
from console.gateway.jetstream import Stored
from console.http import forms as general
from console.http.jetstream import answers, forms, shapes
from console.http.jetstream.messages import number
from console.http.jetstream.streams import confirm
from console.http.views import View, actor, body, person
from console.lib.subjects import problem_of_filter
from console.models.membership import MAY_WRITE
from console.selectors import access
from console.services import buckets, nats_user
from console.services.buckets import STREAM, SUBJECT
from console.services.errors import InvalidArgument

KEYS = 100
KEYS_MAX = 500
_BUCKET = re.compile(r"[A-Za-z0-9_-]+")
_KEY = re.compile(r"[A-Za-z0-9_=/-]+(\.[A-Za-z0-9_=/-]+)*")
_KEY_PARAMETER = OpenApiParameter("key", str, required=True, description="The key")


class Buckets(View):
    @extend_schema(responses=answers.BucketList, summary="Key-value buckets of a namespace")
    def get(self, request: Request, account: str) -> Response:
        found = access.to_namespace(person(request), account)
        asked = {"subject": f"{SUBJECT}*.>"}
        listed = jetstream.listed(nats_user.of(found), "STREAM.LIST", "streams", asked)
        shown = [_bucket(info) for info in listed if info["config"]["name"].startswith(STREAM)]
        return Response({"buckets": shown, "total_count": len(shown)})

    @extend_schema(
        request=forms.BucketCreate, responses={201: answers.Bucket}, summary="Create a bucket"
    )
    def post(self, request: Request, account: str) -> Response:
        found = access.to_namespace(person(request), account, MAY_WRITE, "write")
        asked = body(forms.BucketCreate, request)
        if not _BUCKET.fullmatch(asked["bucket"]):
            raise InvalidArgument(
                "bucket", "A bucket's name has letters, digits, _ and -.", "format"
            )
        made = buckets.create(actor=actor(request), access=found, asked=asked)
        return Response(_bucket(made), status=201)


class OneBucket(View):
    @extend_schema(
        parameters=[
            OpenApiParameter("filter", str, description="Keys; wildcards allowed. Default: all"),
            OpenApiParameter("offset", OpenApiTypes.INT, description="Keys to leave out"),
            OpenApiParameter("limit", OpenApiTypes.INT, description=f"1 to {KEYS_MAX}"),
        ],
        responses=answers.BucketPage,
        summary="A bucket and its keys in order, each with its newest revision",
    )
    def get(self, request: Request, account: str, bucket: str) -> Response:
        found = access.to_namespace(person(request), account)
        wanted = request.query_params.get("filter") or ">"
        if problem := problem_of_filter(wanted):
            raise InvalidArgument("filter", f"The filter {problem}.", "format")
        offset = number(request, "offset", 0, 2**31, low=0)
        limit = number(request, "limit", KEYS, KEYS_MAX)
        who, stream, prefix = nats_user.of(found), STREAM + bucket, f"{SUBJECT}{bucket}."
        info = jetstream.call(who, f"STREAM.INFO.{stream}")
        subjects = sorted(jetstream.subjects(who, stream, prefix + wanted))
        shown = subjects[offset : offset + limit]
        newest = jetstream.last_of_each(who, stream, shown)
        keys = [_entry(newest[name], prefix) for name in shown if name in newest]
        return Response({"bucket": _bucket(info), "keys": keys, "total_count": len(subjects)})

    @extend_schema(
        request=general.Named,
        responses={204: None},
        summary="Delete a bucket with all keys; its name must be given",
    )
    def delete(self, request: Request, account: str, bucket: str) -> Response:
        found = access.to_namespace(person(request), account, MAY_WRITE, "write")
        confirm("name", body(general.Named, request)["name"], bucket)
        buckets.delete(actor=actor(request), access=found, bucket=bucket)
        return Response(status=204)


class Entry(View):
    @extend_schema(
        parameters=[_KEY_PARAMETER],
        responses=answers.History,
        summary="The revisions of a key, newest first",
    )
    def get(self, request: Request, account: str, bucket: str) -> Response:
        found = access.to_namespace(person(request), account)
        key = _key(request)
        kept = buckets.history(found, bucket, key)
        prefix = f"{SUBJECT}{bucket}."
        return Response({"key": key, "history": [_entry(one, prefix) for one in kept]})

    @extend_schema(
        parameters=[_KEY_PARAMETER],
        request=forms.Value,
        responses=answers.Revision,
        summary="Put a value",
    )
    def put(self, request: Request, account: str, bucket: str) -> Response:
        found = access.to_namespace(person(request), account, MAY_WRITE, "write")
        asked = body(forms.Value, request)
        stored = buckets.put(
            actor=actor(request), access=found, bucket=bucket, key=_key(request),
            value=asked["body"], revision=asked.get("revision"),
        )  # fmt: skip
        return Response({"revision": stored})

    @extend_schema(
        parameters=[
            _KEY_PARAMETER,
            OpenApiParameter("purge", bool, description="1 = with its history"),
        ],
        responses=answers.Revision,
        summary="Delete a key",
    )
    def delete(self, request: Request, account: str, bucket: str) -> Response:
        found = access.to_namespace(person(request), account, MAY_WRITE, "write")
        purge = number(request, "purge", 0, 1, low=0) == 1
        stored = buckets.remove(
            actor=actor(request), access=found, bucket=bucket, key=_key(request), purge=purge
        )
        return Response({"revision": stored})


def _key(request: Request) -> str:
    key = request.query_params.get("key", "")
    if not _KEY.fullmatch(key) or len(key) > 1000:
        raise InvalidArgument(
            "key", "A key has letters, digits, - _ = / and single dots inside.", "format"
        )
    return str(key)


def _bucket(info: dict[str, Any]) -> dict[str, Any]:
    config, state = info["config"], info["state"]
    return {
        "bucket": config["name"].removeprefix(STREAM),
        "description": config.get("description", ""),
        "history": config["max_msgs_per_subject"],
        "ttl": config.get("max_age", 0),
        "storage": config["storage"],
        "max_bytes": config["max_bytes"],
        "max_value_size": config.get("max_msg_size", -1),
        "values": state["messages"],
        "bytes": state["bytes"],
        "keys": state.get("num_subjects", 0),
        "last_ts": state["last_ts"],
        "created": info["created"],
    }


def _entry(stored: Stored, prefix: str) -> dict[str, Any]:
    """``operation``: PUT, or DEL and PURGE of a marker that says that the key is gone."""
    shape = shapes.message(stored)
    named = dict(shape["headers"])
    marker = "PURGE" if "Nats-Marker-Reason" in named else ""
    return {
        "key": stored.subject.removeprefix(prefix),
        "revision": stored.seq,
        "created": stored.time,
        "operation": named.get(buckets.OPERATION, marker) or "PUT",
        "payload_base64": shape["payload_base64"],
        "size": shape["size"],
    }
