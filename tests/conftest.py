"""Fixtures that every part's tests share."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from nats.aio.client import Client

from tests.contract.valkey import Valkey
from tests.support.stack import Stack

#: nats-server, which our answers are held to, comes as a package: its program stands beside this Python.
os.environ["PATH"] = (
    f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
)


#: A busy machine is no defect: no example of a property has a deadline.
settings.register_profile("wireroom", deadline=None)
settings.load_profile("wireroom")

_one_round_trip = Client.flush


async def _flush(client: Client, timeout: int = 10) -> None:
    """nats-py writes its PING past what waits in its own buffer; a second round trip is behind all of it."""
    await _one_round_trip(client, timeout)
    await _one_round_trip(client, timeout)


Client.flush = _flush
#: nats-py gives an answer half a second, which a busy machine may need.
assert Client.request.__defaults__ is not None
Client.request.__defaults__ = tuple(5 if d == 0.5 else d for d in Client.request.__defaults__)

#: Most tests wait more than they compute; more processes than this only delay one another.
WORKERS_MAX = 4


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """The whole suite runs in several processes, a file in one; what was named runs in this one."""
    if config.invocation_params.args and config.args != config.getini("testpaths"):
        return 0
    return min(WORKERS_MAX, (os.cpu_count() or 1) + 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests last: once Playwright has begun, its event loop runs on in this thread, and no other one may."""
    items.sort(key=lambda item: "browser" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    """A real Valkey for the whole session; tests that stop it, or that count what is in it, make their own."""
    with Valkey() as running:
        yield running


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole product, running; shared, so whoever uses it makes namespaces of its own and kills nothing."""
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        yield running
