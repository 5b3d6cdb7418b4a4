"""Fixtures of the console's tests: a Redis of their own, a broker that answers, people with roles."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as redis_package
from django.core.cache import cache

from console.models import Namespace, Project, Role, User
from console.services import members, namespaces, projects, sign_in
from console.services.audit import Actor
from console.services.operator import ensure_operator
from tests.console.desk import Desk
from tests.console.engines import Engine
from tests.console.fake_broker import FakeBroker
from tests.contract.valkey import Valkey


@pytest.fixture
def redis(valkey: Valkey, settings: Any) -> Iterator["redis_package.Redis"]:
    """An empty Redis, which the console uses too."""
    settings.REDIS_URL = valkey.url
    client = redis_package.Redis.from_url(valkey.url)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def fake_broker(redis: "redis_package.Redis") -> Iterator[FakeBroker]:
    with FakeBroker(redis) as running:
        yield running


class Cast:
    """Alice owns the project, Ed may edit, Vera may look, Charlie is a stranger to it."""

    def __init__(self) -> None:
        cache.clear()
        ensure_operator()
        self.alice = sign_in.create_user(email="alice@example.com", is_admin=True)
        self.ed = sign_in.create_user(email="ed@example.com")
        self.vera = sign_in.create_user(email="vera@example.com")
        self.charlie = sign_in.create_user(email="charlie@example.com")
        self.actor = Actor.person(self.alice)
        self.project: Project = projects.create(actor=self.actor, name="Shop", owner=self.alice)
        for user, role in ((self.ed, Role.EDITOR), (self.vera, Role.VIEWER)):
            members.add(actor=self.actor, project=self.project, email=user.email, role=role)

    def namespace(self, name: str = "orders") -> Namespace:
        return namespaces.create(actor=self.actor, project=self.project, name=name)[0]

    def __getitem__(self, name: str) -> User:
        found = getattr(self, name)
        assert isinstance(found, User)
        return found


@pytest.fixture
def cast(db: None, redis: "redis_package.Redis") -> Cast:
    return Cast()


@pytest.fixture
def desk(
    cast: Cast, tmp_path: Path, settings: Any, request: pytest.FixtureRequest
) -> Iterator[Desk]:
    name = getattr(request, "param", "broker")
    if not Engine.is_there(name):
        pytest.skip(f"{name} isn't installed")
    engine = Engine(tmp_path, name)
    settings.BROKER_URL = engine.url
    yield Desk(cast, engine)
    engine.stop()
