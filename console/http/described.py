"""What the OpenAPI description says of an operation; ``schema`` adds what may happen to any."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.serializers import Serializer

from console.http.answers import Error

View = Callable[..., Any]


def describe(
    summary: str,
    answer: type[Serializer[Any]] | None,
    *,
    status: int = 200,
    request: type[Serializer[Any]] | None = None,
    query: type[Serializer[Any]] | None = None,
) -> Callable[[View], View]:
    """``answer`` None: 204 without a body."""
    success: dict[int, Any] = {status: answer} if answer else {204: None}
    return extend_schema(
        summary=summary,
        request=request,
        parameters=[query] if query else [],
        responses=success | {400: Error},
    )
