"""Bodies: JSON objects of a bounded size, and nothing else."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework import exceptions, parsers, status


class TooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The body is too large."


class JSONParser(parsers.JSONParser):
    """DRF's parser takes any JSON of any length; ours an object of at most DATA_UPLOAD_MAX_MEMORY_SIZE bytes."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise TooLarge
        try:
            value = json.loads(raw.decode(), parse_constant=_refuse)
            json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate is no text
        except (ValueError, RecursionError):
            raise exceptions.ParseError("The body must be JSON in UTF-8.") from None
        if not isinstance(value, dict):
            raise exceptions.ParseError("The body must be a JSON object.")
        return value


def _refuse(name: str) -> None:
    raise ValueError(name)
