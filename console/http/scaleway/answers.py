"""What answers look like, for the OpenAPI description; ``shapes`` makes them."""

from typing import Any

from rest_framework import serializers


class Answer(serializers.Serializer[Any]):
    """A JSON object that this program writes: every field is always there."""


class NatsAccount(Answer):
    id = serializers.CharField(help_text="Public key of the NATS account: A and 55 more characters")
    name = serializers.CharField()
    endpoint = serializers.CharField(help_text="What NATS clients connect to")
    project_id = serializers.UUIDField()
    region = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class NatsAccountList(Answer):
    nats_accounts = NatsAccount(many=True)
    total_count = serializers.IntegerField(help_text="On all pages together")


class File(Answer):
    name = serializers.CharField(help_text="Always user.creds")
    content = serializers.CharField(help_text="A .creds file: the user's JWT and seed")


class NatsCredentials(Answer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    nats_account_id = serializers.CharField()
    region = serializers.CharField()
    checksum = serializers.CharField(help_text="SHA-1 of the file's bytes, in hex")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    credentials = File(allow_null=True, help_text="Only in the answer that creates them, else null")


class NatsCredentialsList(Answer):
    nats_credentials = NatsCredentials(many=True)
    total_count = serializers.IntegerField(help_text="On all pages together")


class Project(Answer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    organization_id = serializers.UUIDField()
    description = serializers.CharField(allow_blank=True)
    status = serializers.CharField(help_text="Always active")
    qualification = serializers.JSONField(allow_null=True, help_text="Always null")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class ProjectList(Answer):
    projects = Project(many=True)
    total_count = serializers.IntegerField(help_text="On all pages together")


class ApiKey(Answer):
    access_key = serializers.CharField(help_text="SCW and 17 more characters; no secret")
    secret_key = serializers.UUIDField(
        allow_null=True, help_text="Only in the answer that creates it, else null"
    )
    description = serializers.CharField(allow_blank=True)
    user_id = serializers.UUIDField(help_text="Whose roles the key has")
    default_project_id = serializers.UUIDField(allow_null=True)
    editable = serializers.BooleanField()
    deletable = serializers.BooleanField()
    managed = serializers.BooleanField()
    creation_ip = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)


class ApiKeyList(Answer):
    api_keys = ApiKey(many=True)
    total_count = serializers.IntegerField(help_text="On all pages together")


class User(Answer):
    id = serializers.UUIDField()
    email = serializers.EmailField()
    username = serializers.CharField()
    organization_id = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    deletable = serializers.BooleanField()
    type = serializers.ChoiceField(choices=["owner", "member"])
    status = serializers.CharField(help_text="Always activated")
    mfa = serializers.BooleanField()
    locked = serializers.BooleanField()


class PolicyList(Answer):
    policies = serializers.ListField(child=serializers.JSONField())
    total_count = serializers.IntegerField()
