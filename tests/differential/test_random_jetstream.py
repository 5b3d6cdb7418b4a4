"""Some seeds of the random run; ``python -m tests.differential.random_jetstream`` takes as many as one likes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.differential.random_jetstream import config, run
from tests.support.servers import NATS_SERVER, OURS, Server, kept_store, running

STEPS = 60


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    if not NATS_SERVER.available():
        pytest.skip("nats-server is not installed")
    with (
        running(OURS, config(tmp_path_factory.mktemp("ours"))) as ours,
        running(NATS_SERVER, config(kept_store(tmp_path_factory.mktemp("theirs")))) as theirs,
    ):
        yield ours, theirs


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5, 6, 7, 8])
async def test_random_calls_have_nats_servers_answers(
    seed: int, servers: tuple[Server, Server]
) -> None:
    assert await run(seed, STEPS, *servers) == []
