"""The same words to our server and to nats-server: the answers are the same, but for what no client can rely on."""

from contextlib import ExitStack

import pytest

from tests.differential.servers import CONFIGS
from tests.differential.transcripts import TRANSCRIPTS
from tests.differential.wire import play
from tests.support.servers import NATS_SERVER, OURS, running


@pytest.mark.parametrize("config", list(CONFIGS))
def test_both_answer_alike(config: str, subtests: pytest.Subtests) -> None:
    with ExitStack() as stack:
        ours, theirs = (
            stack.enter_context(running(contender, CONFIGS[config])).port
            for contender in (OURS, NATS_SERVER)
        )
        for name, steps in TRANSCRIPTS[config].items():
            with subtests.test(name):
                told = play(ours, steps)
                assert told == play(theirs, steps, told)
