"""The servers that these tests share: ours and nats-server, with JetStream."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import nats
import pytest

from tests.support.servers import NATS_SERVER, OURS, Server, kept_store, running
from tests.support.twins import Party, on_both, twins

Steps = Callable[[Party], Awaitable[None]]
Same = Callable[[Steps], Awaitable[None]]


@pytest.fixture(scope="session")
def both_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """Ours and nats-server; whoever uses them leaves no stream behind (``same`` sees to it)."""
    with twins(tmp_path_factory.mktemp("twins")) as servers:
        yield servers


@pytest.fixture(scope="session")
def scenario_servers(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Server, Server]]:
    """Ours and nats-server, with the same room; for scenarios, which begin and end without a stream."""
    if not NATS_SERVER.available():
        pytest.skip("nats-server is not installed")
    stores = (tmp_path_factory.mktemp("ours"), kept_store(tmp_path_factory.mktemp("theirs")))
    configs = [
        f'jetstream: {{store_dir: "{store}", max_memory_store: 1GB, max_file_store: 1GB}}'
        for store in stores
    ]
    with running(OURS, configs[0]) as ours, running(NATS_SERVER, configs[1]) as theirs:
        yield ours, theirs


@pytest.fixture
async def same(both_servers: tuple[Server, Server]) -> AsyncIterator[Same]:
    """Run steps on both servers and hold that the transcripts are equal."""

    async def run(steps: Steps) -> None:
        ours, theirs = await on_both(both_servers, steps)
        assert theirs, "nothing was compared"
        for mine, wanted in zip(ours, theirs, strict=False):
            assert mine == wanted
        assert len(ours) == len(theirs)

    yield run
    for server in both_servers:
        client = await nats.connect(server.url)
        party = Party(client)
        names = (await party.api("STREAM.NAMES"))["streams"]
        for name in names or []:
            await party.api(f"STREAM.DELETE.{name}")
        await client.close()
