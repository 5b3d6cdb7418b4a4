"""What these views share: the key that asks, the region of the path, pages, and answers that are handed over."""

from collections.abc import Callable
from typing import Any, NoReturn, cast

from django.conf import settings
from django.db.models import QuerySet
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from console.gateway.claims import Outcome
from console.gateway.errors import BrokerUnavailable
from console.http.authentication import ApiKeyAuthentication, KeyRefused
from console.http.parsers import JSONParser
from console.http.views import View
from console.models import ApiKey
from console.services.errors import NotFound


class AnyJSONParser(JSONParser):
    """Bodies are JSON whatever their Content-Type says: their clients send none with some requests."""

    media_type = "*/*"


class KeyView(View):
    """Programs only, by API key: no cookie signs anybody in here, so no foreign page can."""

    authentication_classes = [ApiKeyAuthentication]
    parser_classes: list[type[BaseParser]] = [AnyJSONParser]

    def permission_denied(
        self, request: Request, message: str | None = None, code: str | None = None
    ) -> NoReturn:
        """The one permission is to have a key."""
        raise KeyRefused("invalid_argument")


class RegionView(KeyView):
    """Below ``/regions/{region}``. A region that isn't ours has nothing in it: empty lists, nothing to be found."""

    def in_our_region(self) -> bool:
        return bool(self.kwargs["region"] == settings.REGION)

    def ours(self, rows: "QuerySet[Any]") -> "QuerySet[Any]":
        return rows if self.in_our_region() else rows.none()

    def check_region(self) -> None:
        if not self.in_our_region():
            raise NotFound("region", self.kwargs["region"])


def key_of(request: Request) -> ApiKey:
    return cast(ApiKey, request.auth)


def page(
    name: str,
    rows: "QuerySet[Any]",
    asked: dict[str, Any],
    shape: Callable[[Any], Any],
    columns: dict[str, str] | None = None,
) -> Response:
    """One page of ``rows``, ordered as asked for; ``columns`` names those that the database calls otherwise."""
    column, _, way = asked["order_by"].rpartition("_")
    sign = "-" if way == "desc" else ""
    column = (columns or {}).get(column, column)
    start = (asked["page"] - 1) * asked["page_size"]
    found = rows.order_by(f"{sign}{column}", f"{sign}pk")[start : start + asked["page_size"]]
    return Response({name: [shape(row) for row in found], "total_count": rows.count()})


def require_in_force(outcome: Outcome, done: str) -> None:
    """``done``: what the database has already; a client that repeats the request waits for the broker again."""
    if not outcome.in_force:
        reason = outcome.detail or "The broker didn't confirm in time."
        raise BrokerUnavailable(f"{done} {reason} Repeat the request.")
