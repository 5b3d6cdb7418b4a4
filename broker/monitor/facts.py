"""What monitoring shows and the core doesn't know: the configuration's part, and what an application adds."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from broker.core.server import Server
from broker.monitor.forms import ProcessorMeter
from broker.monitor.options import Values


class JetStreamFacts(Protocol):
    """What the JetStream engine says of itself; every answer is JSON, in nats-server's order of keys."""

    def varz(self) -> dict[str, Any]:
        """config, stats, limits"""

    def jsz(self, options: Values) -> dict[str, Any]:
        """All of JSInfo but server_id and now, which come after ``api``. Raises BadRequest."""

    def account_detail(self, account: str, options: Values) -> dict[str, Any]:
        """Raises BadRequest."""

    def problems(self, account: str, stream: str, consumer: str) -> Iterable["HealthProblem"]:
        """What isn't well with it; with names given, of that account, stream or consumer only."""


@dataclass(frozen=True, slots=True)
class HealthProblem:
    """``kind`` as healthz shows it: CONNECTION, JETSTREAM, ACCOUNT, STREAM or CONSUMER; ``status`` is HTTP's."""

    kind: str
    error: str
    account: str = ""
    stream: str = ""
    consumer: str = ""
    status: int = 503


def _nothing() -> dict[str, Any]:
    return {}


@dataclass(slots=True)
class Facts:
    """Read anew by every request; the application changes it when the configuration is reloaded."""

    http_host: str = ""
    http_port: int = 0
    https_port: int = 0
    http_base_path: str = ""
    tls_timeout_s: float = 2.0
    write_timeout: str = ""
    config_load_s: float = 0.0
    config_digest: str = ""
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    feature_flags: dict[str, bool] = field(default_factory=dict)
    cluster_name: str = ""
    domain: str = ""
    #: The blocks of varz: cluster, gateway, leaf, mqtt, websocket.
    blocks: dict[str, dict[str, Any]] = field(default_factory=dict)
    operator_tokens: tuple[str, ...] = ()
    operator_claims: tuple[dict[str, Any], ...] = ()
    #: When the certificate for clients ends; "" = no TLS.
    certificate_ends: str = ""
    #: More about one account than the core knows: its token and claims, imports and exports.
    account_facts: Callable[[str], dict[str, Any]] | None = None
    jetstream: JetStreamFacts | None = None


class Monitor:
    """What the endpoints need besides their options."""

    def __init__(self, server: Server, facts: Facts | None = None) -> None:
        self.server = server
        self.facts = facts or Facts()
        #: Path → how often it was asked over HTTP.
        self.asked: Counter[str] = Counter()
        self._processor = ProcessorMeter()

    def now_s(self) -> float:
        return self.server.clock.wall_s()

    def processor(self) -> float | int:
        """Percent of one processor."""
        return self._processor.read(self.server.clock.monotonic_s())

    @property
    def name(self) -> str:
        return self.server.options.server_name or self.server.server_id
