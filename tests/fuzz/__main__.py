"""A campaign: python -m tests.fuzz [--examples N] [--seed S] [--server ours|nats-server]

Ends with status 1 and the smallest conversation that broke something; the seed repeats it.
"""

from __future__ import annotations

import argparse
import sys

import hypothesis
from hypothesis import HealthCheck, given, settings

from tests.fuzz.conversations import Conversation, conversations
from tests.fuzz.victim import Bystander, assert_nothing_left, bystander, descriptors, hold
from tests.support.servers import CONTENDERS, Server, running

GROWTH_BYTES_MAX = 32 * 1024 * 1024
WARM_UP = 200


def main(arguments: list[str]) -> int:
    """Run the campaign and print what it saw."""
    options = _options(arguments)
    contender = next(one for one in CONTENDERS if one.name == options.server)
    with running(contender) as server, bystander(server) as neighbour:
        _campaign(server, neighbour, WARM_UP, options.seed)
        before = server.settled_rss_bytes()
        _campaign(server, neighbour, options.examples, options.seed + 1)
        grown = server.settled_rss_bytes() - before
        print(
            f"{options.examples} conversations, seed {options.seed}: {grown / 1024:.0f} KiB grown"
        )
        if "Traceback" in server.log():
            print(server.log(), file=sys.stderr)
            return 1
        return 1 if grown > GROWTH_BYTES_MAX else 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fuzz", description="Hostile bytes on a live server.")
    parser.add_argument("--examples", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--server", default=CONTENDERS[0].name, choices=[one.name for one in CONTENDERS]
    )
    return parser.parse_args(arguments)


def _campaign(server: Server, neighbour: Bystander, examples: int, seed: int) -> None:
    @hypothesis.seed(seed)
    @settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(conversations())
    def hold_one(conversation: Conversation) -> None:
        before = descriptors(server)
        hold(server, conversation)
        neighbour.exchange()
        assert_nothing_left(server, before)

    hold_one()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
