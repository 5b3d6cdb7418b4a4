"""/accountz and /accstatz: the accounts, and one in detail.

Source   nats-server ``monitor.go`` (Accountz, accountInfo, AccountStatz), ``events.go`` (statz)
"""

from typing import Any, Final

from broker.core.account import Account
from broker.core.exports import Export
from broker.monitor.facts import Monitor
from broker.monitor.forms import present, text, timestamp
from broker.monitor.options import BadRequest, Option, Values
from broker.monitor.subsz import sublist_stats

ACCOUNTZ_OPTIONS: Final = (Option("account", "string", "acc"),)
STATZ_OPTIONS: Final = (Option("accounts", "[]string"), Option("include_unused", "bool", "unused"))


def accountz(monitor: Monitor, options: Values) -> dict[str, Any]:
    """Raises BadRequest."""
    server = monitor.server
    system = server.system_account
    answer: dict[str, Any] = {
        "server_id": server.server_id,
        "now": timestamp(monitor.now_s()),
        **present({"system_account": system.name if system is not None else ""}),
    }
    if options["account"]:
        return {**answer, "account_detail": account_info(monitor, options["account"])}
    return answer | present({"accounts": list(server.accounts)})


def account_info(monitor: Monitor, name: str) -> dict[str, Any]:
    """Raises BadRequest for an account that nobody has used yet."""
    server, facts = monitor.server, monitor.facts
    account = server.accounts.get(name)
    if account is None:
        raise BadRequest(f"Account {name} does not exist")
    more = facts.account_facts(name) if facts.account_facts is not None else {}
    updated = more.pop("update_time", timestamp(facts.config_load_s or server.start_s))
    jwt = _taken(more, _BEFORE_NAME)
    return {
        "account_name": name,
        "update_time": updated,
        **present({"is_system": account.is_system}),
        "expired": more.pop("expired", False),
        "complete": not account.imports.problems,
        "jetstream_enabled": server.options.jetstream and bool(account.jetstream),
        "leafnode_connections": 0,
        "client_connections": account.connections,
        "subscriptions": len(account.sublist),
        **present(
            {
                "mappings": _mappings(account),
                "exports": _exports(account),
                "imports": _imports(account),
            }
        ),
        **jwt,
        "name_tag": account.label,
        **more,
        "sublist_stats": sublist_stats((account.sublist,)),
    }


#: Facts that stand before ``name_tag``; all others stand behind it.
_BEFORE_NAME: Final = ("jwt", "issuer_key")


def _taken(facts: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: facts.pop(name) for name in names if name in facts}


def _mappings(account: Account) -> dict[str, list[dict[str, Any]]]:
    return {
        text(mapping.source): [
            {"subject": text(d.subject), "weight": d.weight, **present({"cluster": d.cluster})}
            for d in mapping.destinations
        ]
        for mapping in account.mapping or ()
    }


def _exports(account: Account) -> list[dict[str, Any]]:
    return [_export(export) for export in account.exports]


def _export(export: Export) -> dict[str, Any]:
    response = export.response_type if export.kind == "service" else ""
    return {
        "subject": text(export.subject),
        "type": export.kind,
        **present({"token_req": export.token_required, "response_type": response}),
        **present({"approved_accounts": sorted(export.accounts or ())}),
        **present(
            {"revoked_activations": {k: timestamp(v) for k, v in export.revocations.items()}}
        ),
    }


def _imports(account: Account) -> list[dict[str, Any]]:
    """Streams, then services, those that the server gives to every account among them."""
    imports = account.imports
    streams = [
        {
            "subject": text(stream.source),
            "account": stream.exporter.name,
            "local_subject": text(stream.local),
            "type": "stream",
            "invalid": False,
            "share": False,
            "tracking": False,
        }
        for stream in imports.streams
    ]
    return streams + [
        {
            "subject": text(service.subject),
            "account": service.exporter.name,
            "to": text(service.local),
            "local_subject": text(service.local),
            "type": "service",
            "invalid": False,
            "share": service.share,
            "tracking": False,
        }
        for service in imports.services
    ]


# Counters --------------------------------------------------------------------------------------------


def account_statz(monitor: Monitor, options: Values) -> dict[str, Any]:
    accounts = monitor.server.accounts
    wanted = [a for a in (options["accounts"] or accounts) if a in accounts]
    unused = options["include_unused"]
    return {
        "server_id": monitor.server.server_id,
        "now": timestamp(monitor.now_s()),
        "account_statz": [
            account_stat(accounts[a]) for a in wanted if unused or accounts[a].connections
        ],
    }


def account_stat(account: Account) -> dict[str, Any]:
    stats, connections = account.stats, account.connections
    return {
        "acc": account.name,
        "name": account.label,
        "conns": connections,
        "leafnodes": 0,
        "total_conns": connections,
        "num_subscriptions": len(account.sublist),
        "sent": _traffic(stats.out_msgs, stats.out_bytes),
        "received": _traffic(stats.in_msgs, stats.in_bytes),
        "slow_consumers": stats.slow_consumers,
    }


def _traffic(msgs: int, bytes_: int) -> dict[str, Any]:
    """Nothing of it went over gateways, routes or leaf nodes: this server stands alone."""
    others = {kind: {"msgs": 0, "bytes": 0} for kind in ("gateways", "routes", "leafs")}
    return {"msgs": msgs, "bytes": bytes_, **others}
