"""What requests may carry in path, query and body; the words of refusals are those that their API uses."""

from typing import Any

from rest_framework import serializers

from console.http.forms import Form, Query, Text, Uuid
from console.services.names import CREDENTIAL_NAME_MAX, DESCRIPTION_MAX, NAME_MAX

PAGE_SIZE = 20
PAGE_SIZE_MAX = 100
PAGE_MAX = 10**9
ACCOUNT_LENGTH = 56


class AccountId(Text):
    default_error_messages = {"length": f"value length must be {ACCOUNT_LENGTH} runes"}

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if len(text) != ACCOUNT_LENGTH:
            self.fail("length")
        return text


class Page(Query):
    page = serializers.IntegerField(
        required=False, default=1, min_value=1, max_value=PAGE_MAX,
        help_text="Counts from 1. A page beyond the last one is empty.",
    )  # fmt: skip
    page_size = serializers.IntegerField(
        required=False, default=PAGE_SIZE, min_value=1, max_value=PAGE_SIZE_MAX
    )


def order_by(*columns: str) -> serializers.ChoiceField:
    """``created_at_asc`` and so on: each column both ways, the first one ascending when nothing is asked for."""
    choices = [f"{column}_{way}" for column in columns for way in ("asc", "desc")]
    return serializers.ChoiceField(choices=choices, required=False, default=choices[0])


class AccountPath(Form):
    nats_account_id = AccountId(help_text="The account's public key")


class CredentialsPath(Form):
    nats_credentials_id = Uuid()


class AccountList(Page):
    project_id = Uuid(required=False, help_text="Only this project's")
    order_by = order_by("created_at", "updated_at", "name")


class AccountCreate(Form):
    name = Text(max_length=NAME_MAX)
    project_id = Uuid(
        required=False, allow_null=True, help_text="Default: the default project of the API key."
    )

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and data.get("project_id") == "":
            data = data | {"project_id": None}  # what the Go clients send for none
        return super().to_internal_value(data)


class AccountChange(Form):
    name = Text(max_length=NAME_MAX, required=False, allow_null=True)


class CredentialsList(Page):
    project_id = Uuid(required=False, help_text="Only of this project's accounts")
    nats_account_id = AccountId(required=False, help_text="Only this account's")
    order_by = order_by("created_at", "updated_at", "name")


class CredentialsCreate(Form):
    nats_account_id = AccountId()
    name = Text(max_length=CREDENTIAL_NAME_MAX)


class ProjectPath(Form):
    project_id = Uuid()


class ProjectList(Page):
    organization_id = Uuid(required=False)
    name = Text(required=False)
    project_ids = serializers.ListField(child=Uuid(), required=False, max_length=PAGE_SIZE_MAX)
    order_by = order_by("created_at", "name")


class ProjectCreate(Form):
    name = Text(max_length=NAME_MAX)
    organization_id = Uuid(required=False, allow_null=True)
    description = Text(
        required=False, allow_blank=True, allow_null=True, max_length=DESCRIPTION_MAX
    )


class ProjectChange(Form):
    name = Text(max_length=NAME_MAX, required=False, allow_null=True)
    description = Text(
        required=False, allow_blank=True, allow_null=True, max_length=DESCRIPTION_MAX
    )


class UserPath(Form):
    user_id = Uuid()


class PolicyList(Page):
    organization_id = Uuid(required=False)
    editable = serializers.BooleanField(required=False, allow_null=True, default=None)
    user_ids = serializers.ListField(child=Uuid(), required=False, max_length=PAGE_SIZE_MAX)
    group_ids = serializers.ListField(child=Uuid(), required=False, max_length=PAGE_SIZE_MAX)
    application_ids = serializers.ListField(child=Uuid(), required=False, max_length=PAGE_SIZE_MAX)
    no_principal = serializers.BooleanField(required=False, allow_null=True, default=None)
    policy_name = Text(required=False)
    tag = Text(required=False)
    policy_ids = serializers.ListField(child=Uuid(), required=False, max_length=PAGE_SIZE_MAX)
    order_by = order_by("policy_name", "created_at")


class ApiKeyList(Page):
    organization_id = Uuid(required=False)
    user_id = Uuid(required=False)
    application_id = Uuid(required=False, help_text="There are no applications: nothing is found.")
    bearer_id = Uuid(required=False)
    bearer_type = serializers.ChoiceField(
        choices=["unknown_bearer_type", "user", "application"], required=False
    )
    access_key = Text(required=False)
    access_keys = serializers.ListField(child=Text(), required=False, max_length=PAGE_SIZE_MAX)
    description = Text(required=False)
    editable = serializers.BooleanField(required=False, allow_null=True, default=None)
    expired = serializers.BooleanField(required=False, allow_null=True, default=None)
    order_by = order_by("created_at", "updated_at", "expires_at", "access_key")


class ApiKeyCreate(Form):
    user_id = Uuid(
        required=False, allow_null=True, help_text="Yours: nobody makes keys for others."
    )
    default_project_id = Uuid(
        required=False, allow_null=True, help_text="Default: that of the key which asks."
    )
    description = Text(
        required=False, allow_blank=True, allow_null=True, max_length=DESCRIPTION_MAX
    )
    expires_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="null = never"
    )


class ApiKeyChange(Form):
    default_project_id = Uuid(required=False, allow_null=True)
    description = Text(
        required=False, allow_blank=True, allow_null=True, max_length=DESCRIPTION_MAX
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
