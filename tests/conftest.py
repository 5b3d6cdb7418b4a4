"""Fixtures that every part's tests share."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.valkey import Valkey
from tests.support.stack import Stack

#: nats-server, which our answers are held to, comes as a package: its program stands beside this Python.
os.environ["PATH"] = (
    f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
)


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
