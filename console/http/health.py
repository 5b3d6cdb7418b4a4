"""``/healthz``: whether this program can do its work."""

import logging

from django.db import Error, connection
from django.http import HttpRequest, JsonResponse

from console.gateway.errors import BrokerUnavailable
from console.gateway.redis import asking

log = logging.getLogger(__name__)


def healthz(request: HttpRequest) -> JsonResponse:
    """200 {"status":"ok","db":"ok","redis":"ok"}; 503 with "failed" in the place of what doesn't answer."""
    found = {"db": _word(_database()), "redis": _word(_redis())}
    fine = all(word == "ok" for word in found.values())
    return JsonResponse({"status": _word(fine), **found}, status=200 if fine else 503)


def _word(fine: bool) -> str:
    return "ok" if fine else "failed"


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM console_operator")
            cursor.fetchone()
    except Error as error:
        log.warning("The database doesn't answer: %s", type(error).__name__)
        return False
    return True


def _redis() -> bool:
    try:
        with asking() as redis:
            redis.ping()
    except BrokerUnavailable:
        return False
    return True
