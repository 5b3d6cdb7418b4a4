"""How much a program may ask: each key by itself, wrong keys by address, nobody without Redis."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from console.gateway import rates
from console.http import rates as http_rates
from console.models import ApiKey
from console.services import api_keys
from tests.console.conftest import Cast

URL = "/mnq/v1beta1/regions/fr-par/nats-accounts"
HOST = {"host": "127.0.0.1:8000"}
#: The middle of a minute.
NOW_S = 1_800_000_030.0


@pytest.fixture(autouse=True)
def one_minute(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The clock stands, and Redis was never away."""
    monkeypatch.setattr(http_rates.time, "time", lambda: NOW_S)
    monkeypatch.setattr(rates, "_away_until_s", 0.0)
    yield


def made(cast: Cast) -> api_keys.Made:
    return api_keys.create(actor=cast.actor, owner=cast.alice, project=cast.project)


def ask(secret: str, url: str = URL) -> Any:
    return Client(headers=HOST).get(url, headers={"X-Auth-Token": secret})


def test_each_key_has_a_minutes_requests_of_its_own(cast: Cast, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 3
    busy, other = made(cast), made(cast)
    urls = [URL, "/api/namespaces", URL]
    assert [ask(busy.secret_key, url).status_code for url in urls] == [200, 200, 200]
    refused = ask(busy.secret_key)
    assert (refused.status_code, refused["Retry-After"]) == (429, "30")
    text = "At most 3 requests a minute: wait 30 s."
    assert refused.json() == {
        "type": "too_many_requests", "message": text, "help_message": text,
        "limit": {"quota": 3, "window_seconds": 60},
        "reset_seconds": 30, "reset_at": "2027-01-15T08:01:00.000000Z",
    }  # fmt: skip
    assert ask(busy.secret_key, "/api/namespaces").status_code == 429
    assert ask(other.secret_key).status_code == 200


def test_the_next_minute_begins_anew(
    cast: Cast, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 1
    key = made(cast).secret_key
    assert [ask(key).status_code for _ in range(2)] == [200, 429]
    monkeypatch.setattr(http_rates.time, "time", lambda: NOW_S + 30)
    assert [ask(key).status_code for _ in range(2)] == [200, 429]


def test_counters_go_by_themselves(cast: Cast, redis: Any) -> None:
    assert ask(made(cast).secret_key).status_code == 200
    (name,) = redis.keys("wireroom:rate:*")
    assert 0 < redis.ttl(name) <= 2 * rates.WINDOW_S


def test_no_limit_and_the_page_count_nothing(cast: Cast, redis: Any, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = -1
    assert ask(made(cast).secret_key).status_code == 200
    page = Client(headers=HOST)
    page.force_login(cast.alice)
    assert page.get("/api/namespaces").status_code == 200
    assert not redis.keys("wireroom:rate:*")


def test_wrong_keys_are_counted_by_address_and_right_ones_pass(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_rates, "REFUSALS_PER_MINUTE", 2)
    right = made(cast).secret_key
    statuses = [ask(secret).status_code for secret in ("x", str(uuid.uuid4()), str(uuid.uuid4()))]
    assert statuses == [401, 401, 429]
    assert ask(right).status_code == 200


def test_without_redis_everybody_is_let_through_and_it_is_said_once(
    cast: Cast, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 1
    key = made(cast).secret_key
    settings.REDIS_URL = "redis://127.0.0.1:1"
    assert [ask(key).status_code for _ in range(3)] == [200, 200, 200]
    assert len([r for r in caplog.records if "aren't counted" in r.message]) == 1
    assert ApiKey.objects.get().last_used_at is not None
