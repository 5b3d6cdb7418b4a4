"""/jsz and /healthz: JetStream and whether all is well.

Source   nats-server ``monitor.go`` (Jsz, healthz)
"""

from collections.abc import Iterable
from typing import Any, Final

from broker.monitor.facts import HealthProblem, Monitor
from broker.monitor.forms import present, timestamp
from broker.monitor.options import BadRequest, Option, Values

JSZ_OPTIONS: Final = (
    Option("account", "string", "acc"), Option("accounts", "bool", "accounts"), Option("streams", "bool", "streams"),
    Option("consumer", "bool", "consumers"), Option("direct_consumer", "bool", "direct-consumers"),
    Option("config", "bool", "config"), Option("leader_only", "bool", "leader-only"),
    Option("offset", "int", "offset"), Option("limit", "int", "limit"), Option("raft", "bool", "raft"),
    Option("stream_leader_only", "bool", "stream-leader-only"),
)  # fmt: skip
HEALTHZ_OPTIONS: Final = (
    Option("js-enabled", "bool", "js-enabled"), Option("js-enabled-only", "bool", "js-enabled-only"),
    Option("js-server-only", "bool", "js-server-only"), Option("js-meta-only", "bool", "js-meta-only"),
    Option("account", "string", "account"), Option("stream", "string", "stream"),
    Option("consumer", "string", "consumer"), Option("details", "bool", "details"),
)  # fmt: skip

_OFF: Final = {
    "memory": 0, "storage": 0, "reserved_memory": 0, "reserved_storage": 0, "accounts": 0, "ha_assets": 0,
    "api": {"level": 0, "total": 0, "errors": 0},
}  # fmt: skip


class NotLeader(BadRequest):
    """Asked of the leader only, where JetStream is off: silence over NATS."""

    def __init__(self) -> None:
        super().__init__("filtered response: not leader")


def jsz(monitor: Monitor, options: Values) -> dict[str, Any]:
    """Raises BadRequest."""
    head = {"server_id": monitor.server.server_id, "now": timestamp(monitor.now_s())}
    jetstream = monitor.facts.jetstream
    if jetstream is None:
        if options["leader_only"]:
            raise NotLeader
        off = {"disabled": True, "config": {"max_memory": 0, "max_storage": 0}}
        counts = dict.fromkeys(("streams", "consumers", "messages", "bytes", "total"), 0)
        return {**_OFF, **head, **off, **counts}
    told = jetstream.jsz(options)
    stats = {key: told.pop(key) for key in _OFF if key in told}
    return {**stats, **head, **told}


def jsz_account(monitor: Monitor, account: str, options: Values) -> dict[str, Any]:
    """Raises BadRequest."""
    if monitor.facts.jetstream is None:
        raise BadRequest("jetstream not enabled")
    return monitor.facts.jetstream.account_detail(account, options)


# Health ----------------------------------------------------------------------------------------------


def healthz(monitor: Monitor, options: Values) -> dict[str, Any]:
    """With ``status_code`` as the answer over the system account has it."""
    problems = [p for p in (_incomplete(options),) if p is not None] or list(
        _problems(monitor, options)
    )
    code = problems[0].status if problems else 200
    if options["details"]:
        shown = [_detail(problem) for problem in problems]
        return {"status": "error" if shown else "ok", "status_code": code} | present(
            {"errors": shown}
        )
    if not problems:
        return {"status": "ok", "status_code": code}
    status = "error" if code in (400, 500) else "unavailable"
    return {"status": status, "status_code": code, "error": problems[0].error}


def _incomplete(options: Values) -> HealthProblem | None:
    for asked, needed in (("stream", "account"), ("consumer", "stream")):
        if options[asked] and not options[needed]:
            text = f'"{needed}" must not be empty when checking {asked} health'
            return HealthProblem("BAD_REQUEST", text, status=400)
    return None


def _problems(monitor: Monitor, options: Values) -> Iterable[HealthProblem]:
    if monitor.server.lame_duck or monitor.server.stopping:
        return [HealthProblem("CONNECTION", "server is shutting down", status=500)]
    jetstream = monitor.facts.jetstream
    if jetstream is None or options["js-server-only"]:
        return []
    if options["js-enabled-only"] or options["js-enabled"]:
        return []
    return jetstream.problems(options["account"], options["stream"], options["consumer"])


def _detail(problem: HealthProblem) -> dict[str, Any]:
    where = {"account": problem.account, "stream": problem.stream, "consumer": problem.consumer}
    return {"type": problem.kind, **present(where), "error": problem.error}
