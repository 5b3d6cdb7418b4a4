"""Parts of paths. Importing this makes them known to Django."""

from django.urls import register_converter


class Account:
    """An account's public key; whatever else stands in its place is an unknown account, not an unknown route."""

    regex = "[^/]{1,100}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class Name(Account):
    """As ``Account``, of other things: regions, projects, keys."""


register_converter(Account, "account")
register_converter(Name, "name")
