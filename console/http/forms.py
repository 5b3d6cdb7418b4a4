"""What requests may carry, field by field; unknown fields are refused by name."""

import base64
import binascii
from typing import Any

from django.http import QueryDict
from rest_framework import serializers

from console.lib.limits import OF_NAMESPACE, OF_PROJECT, Bounds
from console.models import Kind, Role
from console.services.credentials import OVERLAP_MAX_S
from console.services.names import DESCRIPTION_MAX
from console.services.terms import CONNECTION_TYPES, LIFETIME_MAX_S, NETWORKS_MAX, RULES_MAX

TEXT_MAX = 1024
PAGE_MAX = 10**9
PAGE_SIZE_MAX = 1000
HEADERS_MAX = 100
REQUEST_TIMEOUT_MS = 2000
REQUEST_TIMEOUT_MAX_MS = 30_000


class Form(serializers.Serializer[Any]):
    """A JSON object whose every field is declared. Strings keep their blanks."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := set(data) - set(self.fields)):
            raise serializers.ValidationError(
                {
                    str(name)[:64]: ["This field isn't known."]
                    for name in sorted(unknown, key=str)[:10]
                },
                code="unknown",
            )
        return super().to_internal_value(data)


class Text(serializers.CharField):
    """Strings only: DRF's takes numbers for text."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"trim_whitespace": False, "max_length": TEXT_MAX} | options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class Number(serializers.IntegerField):
    """JSON integers only: no strings, no booleans, no fractions."""

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return int(super().to_internal_value(data))


class Uuid(serializers.UUIDField):
    default_error_messages = {"invalid": "value must be a valid UUID"}

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class Query(Form):
    """Of a URL. An empty value counts as absent: clients write ``project_id=`` for no filter."""

    @classmethod
    def plain(cls, values: QueryDict) -> dict[str, Any]:
        many = {n for n, f in cls().fields.items() if isinstance(f, serializers.ListField)}
        return {
            name: values.getlist(name) if name in many else values[name]
            for name in values
            if values[name] != ""
        }


class NamespaceList(Query):
    project_id = Uuid(required=False, help_text="Only this project's")
    page = serializers.IntegerField(required=False, default=1, min_value=1, max_value=PAGE_MAX)
    page_size = serializers.IntegerField(
        required=False, default=PAGE_SIZE_MAX, min_value=1, max_value=PAGE_SIZE_MAX
    )


class ApiKeyCreate(Form):
    description = Text(required=False, allow_blank=True, max_length=DESCRIPTION_MAX)
    project_id = Uuid(required=False, help_text="Its default project; default: your oldest one.")
    expires_in_s = Number(
        required=False, allow_null=True, min_value=1, max_value=LIFETIME_MAX_S,
        help_text="null = never",
    )  # fmt: skip


class Named(Form):
    name = Text()


class NamespaceCreate(Form):
    name = Text()
    project_id = Uuid(required=False, help_text="Default: your oldest project.")


def _limits(bounds: dict[str, Bounds]) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
    return {
        name: Number(
            required=False, allow_null=True, min_value=span["low"], max_value=span["high"],
            help_text="null = the default",
        )
        for name, span in bounds.items()
    }  # fmt: skip


class NamespaceLimits(Form):
    """-1 = unlimited, except ``credentials``."""

    def get_fields(self) -> Any:
        return _limits(OF_NAMESPACE)


class ProjectLimits(Form):
    def get_fields(self) -> Any:
        return _limits(OF_PROJECT)


class Rules(Form):
    allow = serializers.ListField(child=Text(), max_length=RULES_MAX, required=False)
    deny = serializers.ListField(child=Text(), max_length=RULES_MAX, required=False)


class Permissions(Form):
    publish = Rules(required=False)
    subscribe = Rules(required=False)


class CredentialCreate(Form):
    name = Text()
    expires_in_s = Number(required=False, allow_null=True, help_text="null = never")
    permissions = Permissions(required=False, allow_null=True, help_text="null = everything")
    connection_types = serializers.ListField(
        child=serializers.ChoiceField(choices=CONNECTION_TYPES), required=False,
        max_length=len(CONNECTION_TYPES), help_text="Empty = all",
    )  # fmt: skip
    source_networks = serializers.ListField(
        child=Text(max_length=64), required=False, max_length=NETWORKS_MAX,
        help_text="Addresses or CIDRs from which it may connect; empty = everywhere",
    )  # fmt: skip


class Rotate(Form):
    overlap_s = Number(
        required=False, default=0, min_value=0, max_value=OVERLAP_MAX_S,
        help_text="How long the old one stays valid beside the new one",
    )  # fmt: skip


class RevokeBefore(Form):
    before = serializers.DateTimeField(required=False, help_text="Default: now")


class ExportCreate(Form):
    name = Text()
    kind = serializers.ChoiceField(choices=Kind.choices)
    subject = Text(max_length=512)
    public = serializers.BooleanField(
        required=False, default=False, help_text="true: any namespace here may import it"
    )


class ImportCreate(Form):
    export_id = Uuid()
    local_subject = Text(
        required=False, default="", allow_blank=True, max_length=512,
        help_text="What it is called here; $1 … stand for its wildcards; empty = as there",
    )  # fmt: skip


class MemberCreate(Form):
    email = Text()
    role = serializers.ChoiceField(choices=Role.choices)


class MemberChange(Form):
    role = serializers.ChoiceField(choices=Role.choices)


class LinkToken(Form):
    token = Text()


class NewPassword(Form):
    new_password = Text(max_length=256)
    current_password = Text(required=False, allow_blank=True, default="")


class Payload(Form):
    """``payload`` is text (UTF-8) or ``payload_base64`` bytes; neither = empty. Checked they are ``body``."""

    payload = Text(required=False, allow_blank=True, max_length=None)
    payload_base64 = Text(required=False, allow_blank=True, max_length=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "payload" in attrs and "payload_base64" in attrs:
            raise serializers.ValidationError(
                {"payload": ["Give payload or payload_base64, not both."]}
            )
        encoded = attrs.pop("payload_base64", None)
        try:
            attrs["body"] = (
                base64.b64decode(encoded, validate=True)
                if encoded is not None
                else attrs.pop("payload", "").encode()
            )
        except (binascii.Error, ValueError):
            raise serializers.ValidationError(
                {"payload_base64": ["This isn't base64."]}, code="invalid"
            ) from None
        return attrs


class Publish(Payload):
    subject = Text()
    reply = Text(required=False, allow_blank=True, default="")
    headers = serializers.DictField(
        child=serializers.ListField(child=Text(max_length=8192, allow_blank=True), max_length=100),
        required=False,
    )

    def validate_headers(self, value: dict[str, list[str]]) -> dict[str, list[str]]:
        if len(value) > HEADERS_MAX:
            raise serializers.ValidationError(f"There can be at most {HEADERS_MAX} headers.")
        return value


class RequestReply(Publish):
    timeout_ms = Number(
        required=False, default=REQUEST_TIMEOUT_MS, min_value=1, max_value=REQUEST_TIMEOUT_MAX_MS
    )
