"""python -m tests.benchmarks [--quick] [--only WORD …] [--rounds N] [--json FILE] [--save] [--list]"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from tests.benchmarks import certificate, flow, report
from tests.benchmarks.cases import CASES, FULL, QUICK, Case, Effort
from tests.benchmarks.report import Row
from tests.support.servers import (
    CONTENDERS,
    NATS_SERVER,
    OURS,
    OURS_IN_PLAIN_PYTHON,
    Contender,
    Server,
    ServerError,
    running,
)


def main(arguments: list[str]) -> int:
    """Measure, print, and save what was asked for; 1 when a case failed."""
    options = _options(arguments)
    cases = [
        case
        for case in CASES
        if not options.only or any(word in case.name for word in options.only)
    ]
    if options.list or not cases:
        print("\n".join(case.name for case in CASES))
        return 0 if options.list else 2
    _allow_many_connections()
    effort, load = QUICK if options.quick else FULL, os.getloadavg()[0]
    if options.rounds:
        effort = replace(effort, rounds=options.rounds)
    contenders = _present(options.server)
    ceilings = {size: flow.ceiling(size, effort.seconds) for size in (16, 128)}
    rows = [row for case in cases for row in _measure(case, contenders, effort)]
    _give(rows, options, effort, ceilings, load)
    return 1 if any(row.problem for row in rows) else 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="The broker beside nats-server.")
    parser.add_argument(
        "--quick", action="store_true", help="short runs: an impression, not a result"
    )
    parser.add_argument(
        "--only", action="append", metavar="WORD", help="cases whose name contains it"
    )
    parser.add_argument("--rounds", type=int, help="runs of each case and contender")
    parser.add_argument("--server", action="append", help="measure only this contender")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every sample")
    parser.add_argument("--save", action="store_true", help=f"write {report.RESULTS.name}")
    parser.add_argument("--list", action="store_true", help="names of the cases")
    return parser.parse_args(arguments)


def _allow_many_connections() -> None:
    """Both ends of 9,000 connections need descriptors; children inherit the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _present(names: list[str] | None) -> list[Contender]:
    chosen = [contender for contender in CONTENDERS if not names or contender.name in names]
    for contender in chosen:
        if not contender.available():
            print(f"{contender.command[0]} is not installed: measuring without it", file=sys.stderr)
    return [contender for contender in chosen if contender.available()]


def _measure(case: Case, contenders: list[Contender], effort: Effort) -> list[Row]:
    rows = [Row(case.name, figure) for figure in case.figures]
    for contender in contenders:
        for row in rows:
            row.samples[contender.name] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as directory, ExitStack() as stack:
        try:
            servers = [
                stack.enter_context(
                    running(
                        OURS_IN_PLAIN_PYTHON if case.plain and contender is OURS else contender,
                        _configuration(case, contender, Path(directory)),
                    )
                )
                for contender in contenders
            ]
        except (ServerError, OSError) as error:
            return _failed(rows, error)
        for server in _turns(servers, 1 if case.once else effort.rounds):
            try:
                _add(rows, server, case.measure(server, effort))
            except (ServerError, OSError) as error:  # the other runs, and the other server, go on
                _failed(rows, f"{server.name}: {error}")
    print(
        "\n".join("  ".join(filter(None, row.cells())) for row in rows), file=sys.stderr, flush=True
    )
    return rows


def _failed(rows: list[Row], error: Exception | str) -> list[Row]:
    for row in rows:
        row.problem = f"failed: {error}".splitlines()[0]
    return rows


def _configuration(case: Case, contender: Contender, directory: Path) -> str:
    if case.needs == "":
        return ""
    if case.needs == "tls":
        return certificate.configuration(directory)
    sync = (
        "sync_interval: always" if case.needs == "sync always" and contender is NATS_SERVER else ""
    )
    return f'jetstream {{\nstore_dir: "{directory / contender.name}"\n{sync}\n}}'


def _turns(servers: list[Server], rounds: int) -> Iterable[Server]:
    """Each server once in each round, the order swapped every time so that neither always runs warm."""
    for number in range(rounds):
        yield from servers if number % 2 else reversed(servers)


def _add(rows: list[Row], server: Server, values: dict[str, float]) -> None:
    for row in rows:
        row.samples[server.name].append(values[row.figure.key])


def _give(
    rows: list[Row],
    options: argparse.Namespace,
    effort: Effort,
    ceilings: dict[int, float],
    load: float,
) -> None:
    print(report.plain_table(rows))
    if options.json:
        options.json.write_text(json.dumps([row.as_json() for row in rows], indent=1))
    if options.save:
        report.save(rows, effort, ceilings, load)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
