"""What answers of ``/api`` look like, and errors everywhere, for the OpenAPI description; ``shapes`` makes them."""

from typing import Any

from rest_framework import serializers


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
    resource_id = serializers.CharField(required=False)
    help_message = serializers.CharField(required=False)
    precondition = serializers.CharField(required=False)
    method = serializers.CharField(required=False)
    reason = serializers.CharField(required=False)


#: Status → the same form everywhere; any request may get one of these.
ERRORS: dict[int, Any] = {
    400: Error, 401: Error, 403: Error, 404: Error, 405: Error, 409: Error, 412: Error, 413: Error,
    415: Error, 429: Error, 500: Error, 503: Error,
}  # fmt: skip


class NamespaceLimits(Answer):
    limits = serializers.DictField(
        child=serializers.IntegerField(), help_text="What is in force; -1 = unlimited"
    )
    set = serializers.DictField(
        child=serializers.IntegerField(), help_text="What an administrator set for it"
    )
    broker = serializers.ChoiceField(choices=["applied", "pending"])


class ProjectLimits(Answer):
    limits = serializers.DictField(child=serializers.IntegerField())
    set = serializers.DictField(child=serializers.IntegerField())
