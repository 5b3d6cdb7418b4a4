"""A person with a namespace and a credential on the shared stack; all tests here start the whole product."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.console import Console
from tests.support.stack import Stack


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.stack)


@dataclass(frozen=True)
class Tenant:
    """What somebody has after two minutes: a signed-in console, a namespace, a ``.creds`` file."""

    console: Console
    namespace: str
    credential: str
    creds: Path


def new_tenant(stack: Stack, name: str, directory: Path) -> Tenant:
    namespace = stack.person.create_namespace(name)
    credential, creds = stack.person.create_credential(namespace, "first", directory)
    return Tenant(stack.person, namespace, credential, creds)


@pytest.fixture
def tenant(stack: Stack, tmp_path: Path, request: pytest.FixtureRequest) -> Tenant:
    return new_tenant(stack, request.node.name[:60].replace("[", "-").rstrip("]"), tmp_path)


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that this module's tests may kill parts of."""
    with Stack(tmp_path_factory.mktemp("own")) as running:
        yield running
