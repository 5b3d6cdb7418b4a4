"""The table of what is measured.

A case is one measurement that yields one or more figures; a figure is one row of the printed table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from tests.benchmarks import capacity, flow, jetstream, latency, scale
from tests.benchmarks.flow import Flow
from tests.support.servers import Server


@dataclass(frozen=True, slots=True)
class Effort:
    """How long things are measured: seconds of a flow, requests, connections, publishes to match, stored messages, and
    how many messages and keys are many."""

    rounds: int
    seconds: float
    requests: int
    connections: int
    publishes: int
    stored: int
    messages: int
    keys: int


FULL = Effort(5, 0.8, 8000, 9000, 200_000, 30_000, 10_000_000, 1_000_000)
QUICK = Effort(3, 0.4, 1500, 1000, 40_000, 10_000, 200_000, 50_000)


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: what it is called, its unit, which way is better, the ratio that the compiled broker has to reach."""

    key: str
    label: str
    unit: str
    lower_is_better: bool = False
    bar: float | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One measurement. `once` marks what is slow and steady: measured once for each contender, not in rounds.

    `needs` names what the servers are configured with: tls, jetstream, or jetstream with nats-server's sync always.
    `plain` measures our broker without its compiled core.
    """

    name: str
    measure: Callable[[Server, Effort], dict[str, float]]
    figures: tuple[Figure, ...]
    needs: Literal["", "tls", "jetstream", "sync always"] = ""
    once: bool = False
    plain: bool = False


def _flow(
    name: str, label: str, work: Flow, bar: float | None = None, cpu_bar: float | None = None
) -> Case:
    delivered = "delivered/s" if work.subscribers else "msg/s"
    figures = [Figure("rate", label, delivered, bar=bar)]
    figures.append(Figure("cpu", f"{label}, server CPU", "s per million", True, cpu_bar))

    def measure(server: Server, effort: Effort) -> dict[str, float]:
        result = flow.measure(server, work, effort.seconds)
        return {"rate": result.per_s, "cpu": result.cpu_s_per_million}

    return Case(name, measure, tuple(figures), "tls" if work.tls else "")


def _size(size: int) -> str:
    return f"{size} B" if size < 1024 else f"{size // 1024} KiB"


def _flows() -> list[Case]:
    bars_1_1 = {16: 4.0, 128: 2.0, 1024: 1.2, 16384: 1.2}
    bars_1_4 = {16: 3.0, 128: 2.0}
    cases = [
        _flow(f"pub-{n}", f"publish only, {_size(n)}", Flow(n, 1, 0), 2.0 if n == 16 else None)
        for n in bars_1_1
    ]
    for size, bar in bars_1_1.items():
        cpu_bar = 2.0 if size == 128 else None
        cases.append(_flow(f"1-1-{size}", f"1→1, {_size(size)}", Flow(size), bar, cpu_bar))
    for size in bars_1_1:
        cases.append(
            _flow(f"1-4-{size}", f"1→4, {_size(size)}", Flow(size, 1, 4), bars_1_4.get(size))
        )
    cases.append(_flow("queue", "queue group of 4, 128 B", Flow(128, 1, 4, b"workers"), 1.5))
    cases.append(_flow("100-1", "100 publishers→1, 128 B", Flow(128, 100, 1), 1.5))
    spread = Flow(128, random_subjects=True)
    cases.append(_flow("random", "10,000 subjects, 100 wildcard subscriptions, 128 B", spread, 1.2))
    cases.append(_flow("tls", "TLS 1→1, 128 B", Flow(128, tls=True), 1.0))
    return cases


def _plain_python() -> Case:
    return replace(_flow("plain-1-1-16", "1→1, 16 B, plain Python", Flow(16), 0.35), plain=True)


def _request_reply() -> Case:
    figures = (
        Figure("p50", "request/reply p50", "µs", True, 1.0),
        Figure("p99", "request/reply p99", "µs", True, 1.0),
    )
    return Case("request", lambda server, effort: latency.measure(server, effort.requests), figures)


def _idle() -> Case:
    def measure(server: Server, effort: Effort) -> dict[str, float]:
        return {"kib": scale.idle_kib(server, effort.connections)}

    figure = Figure("kib", "idle connection with two subscriptions", "KiB", True, 2.0)
    return Case("idle", measure, (figure,), once=True)


def _table(power: int) -> Case:
    subscriptions = 10**power

    def measure(server: Server, effort: Effort) -> dict[str, float]:
        return scale.table(server, subscriptions, effort.publishes)

    label = f"{subscriptions:,} subscriptions"
    figures = (
        Figure("match", f"{label}: match and deliver a new subject", "µs", True),
        Figure("subscribe", f"{label}: subscribe", "µs", True),
        Figure("bytes", f"{label}: memory of each", "B", True),
    )
    return Case(f"match-1e{power}", measure, figures if power > 3 else figures[:1], once=True)


def _publishes(name: str, label: str, in_flight: int, bar: float, *, always: bool) -> Case:
    def measure(server: Server, effort: Effort) -> dict[str, float]:
        return jetstream.publish(server, effort.stored, effort.seconds, in_flight)

    figures = [Figure("rate", label, "msg/s", bar=bar)]
    if not always:
        figures.append(Figure("cpu", f"{label}, server CPU", "s per million", True))
    return Case(name, measure, tuple(figures), "sync always" if always else "jetstream")


def _consumers() -> list[Case]:
    def case(name: str, label: str, work: Callable[[Server, int], dict[str, float]]) -> Case:
        return Case(
            f"js-{name}", lambda server, effort: work(server, effort.stored),
            (Figure("rate", label, "msg/s", bar=1.0),), "jetstream",
        )  # fmt: skip

    return [
        case("fetch", "fetch 1,000 at a time, acknowledged, 128 B", jetstream.fetch),
        case("ordered", "ordered consumer, 128 B", jetstream.ordered),
        case("push", "push consumer, acknowledged, 128 B", jetstream.push),
    ]


def _kv() -> Case:
    figures = (
        Figure("put", "KV put, 500 in flight, 128 B", "puts/s", bar=1.0),
        Figure("get", "KV get, one at a time, 128 B", "gets/s", bar=1.0),
    )
    return Case(
        "js-kv", lambda server, effort: jetstream.kv(server, effort.stored, effort.seconds),
        figures, "jetstream",
    )  # fmt: skip


def _many_messages() -> Case:
    figures = (
        Figure("open", "stream of many messages: from start to its answer", "s", True),
        Figure("bytes", "stream of many messages: memory of each", "B", True),
    )
    return Case(
        "js-messages", lambda server, effort: capacity.messages(server, effort.messages),
        figures, "jetstream", once=True,
    )  # fmt: skip


def _many_keys() -> Case:
    figures = (
        Figure("put", "bucket of many keys: first put of each, 500 in flight", "puts/s"),
        Figure("watch", "bucket of many keys: watch of all", "keys/s"),
        Figure("bytes", "bucket of many keys: memory of each", "B", True),
        Figure("open", "bucket of many keys: from start to its answer", "s", True),
    )
    return Case(
        "js-keys", lambda server, effort: capacity.keys(server, effort.keys),
        figures, "jetstream", once=True,
    )  # fmt: skip


def _jetstream() -> list[Case]:
    stored = "JetStream file, 128 B"
    return [
        _publishes("js-publish", f"{stored}, 500 in flight, against no fsync", 500, 1.0, always=False),
        _publishes("js-publish-always", f"{stored}, 500 in flight, against sync always", 500, 20.0, always=True),
        _publishes("js-one-always", f"{stored}, one at a time, against sync always", 1, 1.0, always=True),
        *_consumers(),
        _kv(),
        _many_messages(),
        _many_keys(),
    ]  # fmt: skip


CASES: tuple[Case, ...] = (
    *_flows(),
    _plain_python(),
    _request_reply(),
    *_jetstream(),
    _idle(),
    *(_table(power) for power in (3, 5, 6)),
)
