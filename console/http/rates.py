"""How much a program may ask: so many requests a minute of each API key, so many wrong keys of each address.

The page's own requests, which come with a session, aren't counted.
Wire     429 {"type":"too_many_requests","message","help_message","limit":{"quota","window_seconds"},
         "reset_seconds","reset_at"} and Retry-After, which Terraform's transport obeys
Setting  WIREROOM_API_REQUESTS_PER_MINUTE  of each key; -1: no limit
"""

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from console.gateway import rates
from console.lib.addresses import client_address
from console.models import ApiKey

if TYPE_CHECKING:  # DRF's views load the settings, which name this module
    from rest_framework.views import APIView

#: A secret key has 122 random bits, so this is no protection of keys but of the database and the log.
REFUSALS_PER_MINUTE = 600


class TooManyRequests(exceptions.Throttled):
    """``quota`` requests a minute were asked for, and more came. ``wait``: seconds until the next minute begins."""

    def __init__(self, quota: int, now_s: float) -> None:
        self.wait: int = rates.WINDOW_S - int(now_s) % rates.WINDOW_S
        super().__init__(self.wait)
        self.quota = quota
        self.reset_at = datetime.fromtimestamp(int(now_s) + self.wait, UTC)


class KeyThrottle(BaseThrottle):
    """Each API key by itself, whoever shares its address."""

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Always True: too much is an exception, since DRF's own answer says less."""
        if isinstance(request.auth, ApiKey):
            _count(f"key:{request.auth.access_key}", settings.API_REQUESTS_PER_MINUTE)
        return True


def count_refusal(request: Request) -> None:
    """A wrong key came. Raises TooManyRequests."""
    address = client_address(request.META, settings.TRUSTED_PROXIES)
    _count(f"refused:{address}", REFUSALS_PER_MINUTE)


def _count(what: str, quota: int) -> None:
    now_s = time.time()
    if quota >= 0 and rates.count(what, now_s) > quota:
        raise TooManyRequests(quota, now_s)
