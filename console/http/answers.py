"""What answers of ``/api`` look like, and errors everywhere, for the OpenAPI description; ``shapes`` makes them."""

from dataclasses import fields
from typing import Any, get_type_hints

from rest_framework import serializers

from broker.contract import reports
from console.models import Kind, Role


class Answer(serializers.Serializer[Any]):
    """A JSON object that this program writes: every field is always there unless it says otherwise."""


class ErrorDetail(Answer):
    argument_name = serializers.CharField(required=False)
    reason = serializers.CharField(required=False)
    help_message = serializers.CharField(required=False)
    action = serializers.CharField(required=False)
    resource = serializers.CharField(required=False)
    quota = serializers.IntegerField(required=False)
    current = serializers.IntegerField(required=False)


class Error(Answer):
    """``type`` says which further fields there are."""

    type = serializers.CharField(help_text="invalid_arguments, not_found, permissions_denied, …")
    message = serializers.CharField()
    details = ErrorDetail(many=True, required=False)
    resource = serializers.CharField(required=False)
    resource_id = serializers.CharField(required=False, allow_blank=True)
    help_message = serializers.CharField(required=False)
    precondition = serializers.CharField(required=False)
    method = serializers.CharField(required=False)
    reason = serializers.CharField(required=False)


def _report(kind: type[Any]) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
    """The fields of a report of the broker's, as the contract has them."""
    hints = get_type_hints(kind)
    return {field.name: _FIELDS.get(hints[field.name], _text)() for field in fields(kind)}


def _text() -> serializers.Field[Any, Any, Any, Any]:
    return serializers.CharField(allow_blank=True)


_FIELDS: dict[Any, Any] = {
    int: serializers.IntegerField,
    float: serializers.FloatField,
    float | None: lambda: serializers.FloatField(allow_null=True),
}


class Usage(Answer):
    """Counters since the broker's start; ``at`` in Unix seconds."""

    def get_fields(self) -> Any:
        return _report(reports.Usage)


class Server(Answer):
    """A broker that runs; times in Unix seconds."""

    def get_fields(self) -> Any:
        return _report(reports.Presence)


class Servers(Answer):
    servers = Server(many=True)
    reachable = serializers.BooleanField()


class Connection(Answer):
    """Times in Unix seconds; ``user`` is the public key."""

    def get_fields(self) -> Any:
        return _report(reports.Connection)


class ConnectionList(Answer):
    connections = Connection(many=True, help_text="At most 1000")
    total_count = serializers.IntegerField()


class User(Answer):
    id = serializers.UUIDField()
    email = serializers.EmailField()
    name = serializers.CharField(allow_blank=True)
    is_admin = serializers.BooleanField(help_text="Of this installation")
    has_password = serializers.BooleanField()


class Project(Answer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices, help_text="Yours")


class ProjectList(Answer):
    projects = Project(many=True)
    total_count = serializers.IntegerField()


class Nats(Answer):
    url = serializers.CharField(help_text="What NATS clients connect to")
    ws_url = serializers.CharField(allow_blank=True, help_text="The same over WebSocket, or empty")


class Session(Answer):
    user = User(allow_null=True, help_text="null: nobody is signed in")
    sign_up = serializers.ChoiceField(choices=["open", "closed"])
    projects = Project(many=True)
    nats = Nats()
    version = serializers.CharField()
    csrf_token = serializers.CharField()


class Person(Answer):
    id = serializers.UUIDField()
    email = serializers.EmailField()
    name = serializers.CharField(allow_blank=True)


class Member(Answer):
    user = Person()
    role = serializers.ChoiceField(choices=Role.choices)
    created_at = serializers.DateTimeField()


class MemberList(Answer):
    members = Member(many=True)
    total_count = serializers.IntegerField()


def _broker_state() -> serializers.ChoiceField:
    return serializers.ChoiceField(
        choices=["applied", "pending"],
        help_text="Whether the broker has confirmed it; what is pending is delivered as soon as one answers",
    )


class Namespace(Answer):
    id = serializers.CharField(help_text="Public key of the NATS account")
    name = serializers.CharField()
    project_id = serializers.UUIDField()
    role = serializers.ChoiceField(choices=Role.choices, help_text="Yours")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    credential_count = serializers.IntegerField(help_text="Those that are active")
    usage = Usage(allow_null=True, help_text="null: nobody reports any")
    limits = serializers.DictField(child=serializers.IntegerField(), help_text="-1 = unlimited")
    broker = _broker_state()


class NamespaceList(Answer):
    namespaces = Namespace(many=True)
    total_count = serializers.IntegerField(help_text="On all pages together")


class Rules(Answer):
    allow = serializers.ListField(child=serializers.CharField())
    deny = serializers.ListField(child=serializers.CharField())


class Permissions(Answer):
    publish = Rules()
    subscribe = Rules()


class Creator(Answer):
    email = serializers.EmailField()


class Credential(Answer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    public_key = serializers.CharField(help_text="The user's; the seed is in the .creds file only")
    status = serializers.ChoiceField(choices=["active", "expired", "revoked"])
    created_at = serializers.DateTimeField()
    created_by = Creator(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    first_used_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    last_used_from = serializers.CharField(allow_blank=True)
    last_client = serializers.CharField(allow_blank=True)
    connections = serializers.IntegerField(allow_null=True, help_text="null: it can't be told")
    permissions = Permissions(allow_null=True, help_text="null = everything")
    connection_types = serializers.ListField(
        child=serializers.CharField(), help_text="STANDARD, WEBSOCKET; empty = both"
    )
    source_networks = serializers.ListField(
        child=serializers.CharField(), help_text="CIDRs; empty = everywhere"
    )
    jti = serializers.CharField(help_text="The id of the user JWT that was issued")
    revoke_at = serializers.DateTimeField(
        allow_null=True, help_text="When a rotated one is revoked; null: it isn't rotated"
    )
    follows = serializers.UUIDField(
        allow_null=True, help_text="The credential that this one took over from"
    )


class CredentialList(Answer):
    credentials = Credential(many=True)
    total_count = serializers.IntegerField()


class CredentialMade(Answer):
    credential = Credential()
    creds = serializers.CharField(help_text="The .creds file. It can't be had again.")
    file_name = serializers.CharField()


class CredentialRevoked(Answer):
    credential = Credential()
    broker = _broker_state()
    closed_connections = serializers.IntegerField()


class RevokedBefore(Answer):
    before = serializers.DateTimeField()
    revoked = serializers.IntegerField(help_text="Credentials that weren't revoked already")
    broker = _broker_state()
    closed_connections = serializers.IntegerField()


class SharedBy(Answer):
    id = serializers.CharField()
    name = serializers.CharField()


class Export(Answer):
    id = serializers.UUIDField()
    namespace = SharedBy()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=Kind.choices)
    subject = serializers.CharField()
    public = serializers.BooleanField()
    import_count = serializers.IntegerField(
        allow_null=True, help_text="null: it's another's, and not told"
    )
    created_at = serializers.DateTimeField()


class ExportList(Answer):
    exports = Export(many=True)
    total_count = serializers.IntegerField()


class Import(Answer):
    id = serializers.UUIDField()
    export = Export()
    local_subject = serializers.CharField()
    created_at = serializers.DateTimeField()


class ImportList(Answer):
    imports = Import(many=True)
    total_count = serializers.IntegerField()


class Activity(Answer):
    at = serializers.DateTimeField()
    kind = serializers.CharField(help_text="Such as credential.revoked or client.connect")
    actor = serializers.CharField(allow_blank=True)
    target = serializers.CharField(allow_blank=True)
    message = serializers.CharField()
    address = serializers.CharField(allow_blank=True)
    details = serializers.DictField()


class ActivityList(Answer):
    activity = Activity(many=True)


class Published(Answer):
    published_at = serializers.DateTimeField()
    bytes = serializers.IntegerField()


class Reply(Answer):
    subject = serializers.CharField()
    headers = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))
    payload_base64 = serializers.CharField(allow_blank=True)
    elapsed_ms = serializers.FloatField()
    status = serializers.CharField(allow_null=True)


class NamespaceLimits(Answer):
    limits = serializers.DictField(
        child=serializers.IntegerField(), help_text="What is in force; -1 = unlimited"
    )
    set = serializers.DictField(
        child=serializers.IntegerField(), help_text="What an administrator set for it"
    )
    broker = _broker_state()


class ProjectLimits(Answer):
    limits = serializers.DictField(child=serializers.IntegerField())
    set = serializers.DictField(child=serializers.IntegerField())


class ApiKey(Answer):
    access_key = serializers.CharField(help_text="Its name; no secret")
    description = serializers.CharField(allow_blank=True)
    project_id = serializers.UUIDField(allow_null=True, help_text="Its default project")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="To the minute")


class ApiKeyList(Answer):
    api_keys = ApiKey(many=True)
    total_count = serializers.IntegerField()


class ApiKeyMade(Answer):
    api_key = ApiKey()
    secret_key = serializers.UUIDField(help_text="It can't be had again.")
    organization_id = serializers.UUIDField()
    region = serializers.CharField()
    api_url = serializers.CharField()
