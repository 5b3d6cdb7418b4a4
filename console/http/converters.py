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


class Token(Account):
    """A name that can be one token of a subject: of a stream, a consumer, a bucket."""

    regex = r"[^/\\.*>\s]{1,255}"


register_converter(Account, "account")
register_converter(Token, "token")
register_converter(Name, "name")
