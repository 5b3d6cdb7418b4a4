"""python -m tests.soak churn|million|mixed [--rounds N] [--minutes M] [--server ours|nats-server] [--seed S]"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
from dataclasses import asdict

from tests.soak import churn, million, mixed
from tests.support.servers import CONTENDERS, Server, running


def main(arguments: list[str]) -> int:
    """Run one soak and print its figures as JSON."""
    options = _options(arguments)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if options.what == "mixed":
        outcome = mixed.run(options.rounds, options.seed)
        print(json.dumps(asdict(outcome), indent=1))
        return 1 if outcome.grown else 0
    contender = next(one for one in CONTENDERS if one.name == options.server)
    with running(contender, churn.CONFIG if options.what == "churn" else "") as server:
        figures = _run(server, options)
        print(json.dumps(figures, indent=1))
        if "Traceback" in server.log():
            print(server.log(), file=sys.stderr)
            return 1
    return 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="soak", description="Long and large runs.")
    parser.add_argument("what", choices=["churn", "million", "mixed"])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--restless", type=int, default=500)
    parser.add_argument("--connections", type=int, default=9000)
    parser.add_argument("--subscriptions", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--server", default=CONTENDERS[0].name, choices=[one.name for one in CONTENDERS]
    )
    return parser.parse_args(arguments)


def _run(server: Server, options: argparse.Namespace) -> dict[str, object]:
    if options.what == "million":
        return asdict(million.run(server, options.connections, options.subscriptions, 100_000))
    work = churn.run(server, options.minutes * 60, options.restless, options.seed)
    return asdict(asyncio.run(work))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
