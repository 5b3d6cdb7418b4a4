"""``accounts`` of a configuration file: users, exports, imports, mappings, limits and JetStream of each."""

import re
from dataclasses import replace

from broker.config.options import (
    AccountConfig,
    AccountJetStreamConfig,
    AccountLimitsConfig,
    ExportConfig,
    ImportConfig,
    MappingConfig,
)
from broker.config.reader import Node
from broker.config.users import apply_default_permissions, permissions, users, valid_subject
from broker.config.values import (
    BadValue,
    Report,
    boolean,
    fill,
    integer,
    kind_of,
    mapping,
    size,
    strict_duration,
    sync_interval,
    table,
    text,
    texts,
)
from broker.protocol.mapping import Destination, problem_of

GLOBAL_ACCOUNT = "$G"
_RESERVED = (GLOBAL_ACCOUNT,)
_ACCOUNT_NKEY = re.compile(r"A[A-Z2-7]{55}")
_RESPONSE_TYPES = {
    "single": "Singleton",
    "singleton": "Singleton",
    "stream": "Stream",
    "chunk": "Chunked",
    "chunked": "Chunked",
}


class _Gathered:
    """Takes whatever attributes a table sets."""


# Exports and imports ---------------------------------------------------------------------------------


def _response_type(node: Node, _report: Report) -> str:
    name = text(node)
    if name.lower() not in _RESPONSE_TYPES:
        raise BadValue(f'Unknown response type: "{name}"', node)
    return _RESPONSE_TYPES[name.lower()]


def _latency(node: Node, report: Report) -> tuple[int, str]:
    if isinstance(node.value, str):
        return 100, node.value
    raw = _Latency()
    fill(raw, node, _LATENCY, report, "latency")
    if not raw.subject:
        raise BadValue("latency subject required, but missing", node)
    return raw.sampling, raw.subject


def _sampling(node: Node, _report: Report) -> int:
    if isinstance(node.value, str):
        if node.value.strip().lower() == "headers":
            return 0
        digits = node.value.strip().removesuffix("%")
        percent = int(digits) if digits.isdigit() else -1
    else:
        percent = integer(node)
    if not 1 <= percent <= 100:
        raise BadValue("sampling value should be in range [1..100]", node)
    return percent


class _Latency:
    sampling = 100
    subject = ""


_LATENCY = table(("sampling", _sampling), ("subject", text))


def _export_accounts(node: Node, _report: Report) -> tuple[str, ...]:
    if not isinstance(node.value, list):
        raise BadValue(f"expected array, got {kind_of(node.value)}")
    return texts(node)


_EXPORT = table(
    ("stream", text),
    ("service", text),
    ("response_type response", _response_type),
    ("response_threshold threshold response_max_time response_time", strict_duration),
    ("accounts", _export_accounts),
    ("latency", _latency),
    ("account_token_position", integer),
    ("allow_trace", boolean),
)
_SERVICE_ONLY = {
    "response_type": "response",
    "response_threshold": "response",
    "latency": "latency",
    "allow_trace": "allow_trace",
}


def _export(node: Node, report: Report) -> ExportConfig:
    raw = _Gathered()
    given = fill(raw, node, _EXPORT, report, "export")
    values = vars(raw)
    kind, subject = _kind(given, values, node)
    for name, directive in _SERVICE_ONLY.items():
        if kind == "stream" and name in given:
            raise BadValue(f"Detected {directive} directive on non-service", given[name])
    return ExportConfig(kind, subject, **values)


def _kind(given: dict[str, Node], values: dict[str, object], node: Node) -> tuple[str, str]:
    if "stream" in given and "service" in given:
        raise BadValue("Detected a stream but already saw a service", given["stream"])
    for kind in ("stream", "service"):
        if kind in given:
            subject = str(values.pop(kind))
            if not valid_subject(subject):
                raise BadValue(f'subject "{subject}" is not a valid subject', given[kind])
            return kind, subject
    raise BadValue("an export or import needs a stream or a service", node)


class _Source:
    account = ""
    subject = ""


_SOURCE = table(("account", text), ("subject", text))


def _source(node: Node, report: Report) -> _Source:
    if not isinstance(node.value, dict):
        raise BadValue(f"Stream entry should be an account map, got {kind_of(node.value)}", node)
    source = _Source()
    fill(source, node, _SOURCE, report, "import")
    if not source.account or not source.subject:
        raise BadValue("Expect an account name and a subject", node)
    return source


_IMPORT = table(
    ("stream", _source),
    ("service", _source),
    ("prefix", text),
    ("to", text),
    ("share", boolean),
    ("allow_trace", boolean),
)


def _import(node: Node, report: Report) -> ImportConfig:
    raw = _Gathered()
    given = fill(raw, node, _IMPORT, report, "import")
    values = vars(raw)
    if len(given.keys() & {"stream", "service"}) != 1:
        raise BadValue("an import needs either a stream or a service", node)
    kind = "stream" if "stream" in given else "service"
    source = values.pop(kind)
    if kind == "service" and "allow_trace" in given:
        raise BadValue("Detected allow_trace directive on a non-stream", given["allow_trace"])
    if "prefix" in given and "to" in given:
        raise BadValue("Stream import can not have a 'prefix' and a 'to' property", given["to"])
    return ImportConfig(kind, source.account, source.subject, **values)


def _exports(node: Node, report: Report) -> list[ExportConfig]:
    return [_export(item, report) for item in _items(node, "Exports")]


def _imports(node: Node, report: Report) -> list[ImportConfig]:
    return [_import(item, report) for item in _items(node, "Imports")]


def _items(node: Node, what: str) -> list[Node]:
    if not isinstance(node.value, list):
        raise BadValue(f"{what} should be an array, got {kind_of(node.value)}", node)
    return node.value


# Mappings --------------------------------------------------------------------------------------------


def _weight(node: Node, _report: Report) -> int:
    value = str(node.value).strip().removesuffix("%")
    if not value.isdigit() or int(value) > 100:
        raise BadValue(f'Invalid weight "{value}" for mapping destination', node)
    return int(value)


_DESTINATION = table(("destination dest", text), ("weight", _weight), ("cluster", text))


def _destination(node: Node, report: Report) -> MappingConfig:
    config = MappingConfig()
    given = fill(config, node, _DESTINATION, report, "mapping destination")
    if "weight" not in given:
        raise BadValue(f'Missing weight for mapping destination "{config.destination}"', node)
    return config


def mappings(node: Node, report: Report) -> dict[str, list[MappingConfig]]:
    """Subject → its weighted destinations."""
    result = {}
    for subject, value in mapping(node, "mappings").items():
        if not valid_subject(subject):
            raise BadValue(f'Subject "{subject}" is not a valid subject', value)
        to = ""
        if isinstance(value.value, str):
            result[subject] = [MappingConfig(value.value)]
            to = f'to "{value.value}" '
        elif isinstance(value.value, list):
            result[subject] = [_destination(item, report) for item in value.value]
        else:
            result[subject] = [_destination(value, report)]
        if problem := problem_of(subject.encode(), destinations(result[subject])):
            raise BadValue(f'Error adding mapping for "{subject}" {to}: {problem}', value)
    return result


def destinations(configured: list[MappingConfig]) -> list[Destination]:
    """As the mapping itself takes them."""
    return [Destination(d.destination.encode(), d.weight, d.cluster) for d in configured]


# An account ------------------------------------------------------------------------------------------

_LIMITS = table(
    ("max_connections max_conn", integer),
    ("max_subscriptions max_subs", integer),
    ("max_payload max_pay", integer),
    ("max_leafnodes max_leafs", integer),
)


def _limits(node: Node, report: Report) -> AccountLimitsConfig:
    limits = AccountLimitsConfig()
    fill(limits, node, _LIMITS, report, "account limits")
    return limits


_JETSTREAM = table(
    ("max_memory max_mem mem memory", size),
    ("max_store max_file max_disk store disk", size),
    ("max_streams streams", integer),
    ("max_consumers consumers", integer),
    ("max_bytes_required max_stream_bytes max_bytes", boolean),
    ("memory_max_stream_bytes mem_max_stream_bytes", size),
    ("store_max_stream_bytes disk_max_stream_bytes", size),
    ("max_ack_pending", integer),
    ("cluster_traffic", text),
    ("sync_interval", sync_interval),
)


def _jetstream(node: Node, report: Report) -> AccountJetStreamConfig | None:
    if isinstance(node.value, bool):
        return AccountJetStreamConfig() if node.value else None
    if isinstance(node.value, str):
        word = node.value.lower()
        if word not in ("enabled", "enable", "disabled", "disable"):
            raise BadValue(f"Expected 'enabled' or 'disabled' for string value, got '{node.value}'")
        return AccountJetStreamConfig() if word.startswith("enable") else None
    raw = _Gathered()
    fill(raw, node, _JETSTREAM, report, "jetstream")
    values = vars(raw)
    values.pop("cluster_traffic", None)
    return AccountJetStreamConfig(**values)


class _Trace:
    destination = ""
    sampling = 0


_TRACE = table(("destination dest", text), ("sampling", _sampling))


def _trace(node: Node, report: Report) -> _Trace:
    trace = _Trace()
    if isinstance(node.value, str):
        trace.destination = node.value
    else:
        fill(trace, node, _TRACE, report, "msg_trace")
    if trace.sampling and not trace.destination:
        report.warn(node, "Trace destination sampling ignored since no destination was set")
    trace.sampling = (trace.sampling or 100) if trace.destination else 0
    return trace


def _nkey(node: Node, _report: Report) -> str:
    if not isinstance(node.value, str) or not _ACCOUNT_NKEY.fullmatch(node.value):
        raise BadValue(f'Not a valid public nkey for an account: "{node.value}"', node)
    return node.value


_ACCOUNT = table(
    ("nkey", _nkey),
    ("imports", _imports),
    ("exports", _exports),
    ("jetstream", _jetstream),
    ("users", users),
    ("default_permissions", permissions),
    ("mappings maps", mappings),
    ("limits", _limits),
    ("msg_trace trace_dest", _trace),
)


def _account(name: str, node: Node, report: Report) -> AccountConfig:
    raw = _Gathered()
    fill(raw, node, _ACCOUNT, report, "account")
    values = vars(raw)
    trace = values.pop("msg_trace", None) or _Trace()
    config = AccountConfig(name, **values)
    config.trace_destination, config.trace_sampling = trace.destination, trace.sampling
    apply_default_permissions(config.users, config.default_permissions)
    config.users = [replace(user, account=name) for user in config.users]
    return config


def accounts(node: Node, report: Report) -> list[AccountConfig]:
    """A map name → account, or just an array of names."""
    if isinstance(node.value, list):
        found = [(text(item), None, item) for item in node.value]
    else:
        found = [(k, v, v) for k, v in mapping(node, "accounts").items() if not v.used]  # type: ignore[misc]
    result: list[AccountConfig] = []
    for name, body, at in found:
        if name in _RESERVED:
            report.error(at, f'"{name}" is a Reserved Account')
        elif any(account.name == name for account in result):
            report.error(at, f"Duplicate Account Entry: {name}")
        else:
            result.append(_account(name, body, report) if body else AccountConfig(name))
    _check_references(result, node, report)
    return result


def _check_references(found: list[AccountConfig], node: Node, report: Report) -> None:
    names = {account.name for account in found} | {GLOBAL_ACCOUNT, "$SYS"}
    for account in found:
        for export in account.exports:
            for name in export.accounts or ():
                if name not in names:
                    report.error(node, f'"{name}" account not defined for {export.kind} export')
        for source in account.imports:
            if source.account not in names:
                report.error(node, f'"{source.account}" account not defined for {source.kind} import')  # fmt: skip
    if report.errors or not any(account.imports or account.exports for account in found):
        return
    from broker.config import exchange

    for problem in exchange.problems(found, "$SYS"):
        report.error(node, problem)
    for account in found:
        if any(export.latency for export in account.exports):
            report.warn(
                node, f"latency of exports of account {account.name}: not measured by this server"
            )
